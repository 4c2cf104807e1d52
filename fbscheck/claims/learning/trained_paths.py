r"""Chapter "study": what training finds at depths N, 2N, 4N, ..., each level starting from the path of the last one.

A study is a learning problem of one step size and one weight for each layer, K = gamma W^T A, L = gamma W^T, with the
penalty of H1; its case holds the parameters theta_N that were found.  Nothing says that they are minimisers: the word
is "local".  What is claimed is about these parameters, and their values J_N(theta_N), J(theta_N) are enclosed, unless r
is known in floating point alone.  The layers are those that float64 holds: gamma W^T A as it was rounded, at the nodes
of the path; the rounding of states, losses and penalties is part of the bounds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, final

import numpy as np

from fbscheck import functions
from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, lower, upper
from fbscheck.certify.rounded import Rounded
from fbscheck.claims.limits.paths import between
from fbscheck.errors import InputError
from fbscheck.judge import decide, not_applicable, squeeze, undecided
from fbscheck.learning import H1, Alista, Problem
from fbscheck.limit.convergence import Ends, order_ends
from fbscheck.network.layers import Values
from fbscheck.verdict import Bracket, Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side, planted

__all__ = [
    "CLAIMS",
    "ENCLOSURE",
    "HELD_OUT",
    "LIMIT",
    "PATHS",
    "PLANTED",
    "VALUES",
    "Study",
    "TrainedPaths",
    "assess",
    "replay",
]

ROUNDING = 1e-6
"""What rounding may do, relatively, to numbers that are not enclosed."""


@final
@dataclass(frozen=True, eq=False)
class Study:
    """A problem (Alista, H1), ``held_out`` with samples of its own, a constant ``start`` (2,), and depths.

    ``refine`` multiplies the last depth where the limit is enclosed.
    """

    name: str
    problem: Problem
    held_out: Problem
    start: Values
    depths: tuple[int, ...]
    refine: int

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the study again; its arrays are kept in ``arrays``."""
        family, penalty = self.problem.family, self.problem.regulariser
        assert isinstance(family, Alista) and isinstance(penalty, H1)
        samples = {
            name: add(np.hstack([getattr(self.problem, name), getattr(self.held_out, name)]), arrays)
            for name in ("x0", "b", "target")
        }
        return {
            "name": self.name,
            "r": describe(family.r, arrays),
            **{name: add(getattr(family, name), arrays) for name in ("A", "W")},
            **samples,
            "samples": self.problem.samples,
            **{name: str(Fraction(getattr(penalty, name))) for name in ("a", "c")},
            "horizon": str(Fraction(self.problem.horizon)),
            "start": add(self.start, arrays),
            "depths": list(self.depths),
            "refine": self.refine,
        }

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "Study":
        """The study that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            counts = (*text["depths"], text["refine"], text["samples"])
            if len(text) != 14 or not isinstance(text["name"], str) or not isinstance(text["depths"], list):
                raise TypeError("there is more than a study, or the name is no text")
            if not all(type(count) is int and count > 0 for count in counts):
                raise ValueError("depths, refine and samples are positive integers")
            if len(text["depths"]) < 3 or any(n != 2 * m for m, n in pairwise(text["depths"])):
                raise ValueError("depths are three or more, each twice the one before")
            family = Alista(arrays[text["A"]], arrays[text["W"]], rebuild(text["r"], arrays, vars(functions)))
            a, c, horizon = (Fraction(text[name]) for name in ("a", "c", "horizon"))
            penalty = H1(float(a), float(c))
            x0, b, target = (arrays[text[name]] for name in ("x0", "b", "target"))
            first, rest = (
                Problem(x0[:, part], b[:, part], target[:, part], family, penalty, horizon)
                for part in (slice(text["samples"]), slice(text["samples"], None))
            )
            start, depths = arrays[text["start"]], tuple(text["depths"])
            first.parameters(np.broadcast_to(start, (depths[0] + 1, 2)))
            return cls(text["name"], first, rest, start, depths, text["refine"])
        except (InputError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the study is incomplete or malformed: {error}") from None


@final
@dataclass(frozen=True, eq=False)
class TrainedPaths:
    """The parameters (N + 1, 2) of each depth of a study."""

    study: Study
    theta: tuple[Values, ...]

    @property
    def name(self) -> str:
        """That of the study."""
        return self.study.name

    @property
    def enclosed(self) -> bool:
        """Whether values are certain, or floating-point ones."""
        return self.study.problem.family.r.enclosed

    @cached_property
    def values(self) -> tuple[Bracket, ...]:
        """J_N(theta_N) at all depths."""
        return tuple(self.study.problem.network_value(theta, self.enclosed) for theta in self.theta)

    @cached_property
    def limit(self) -> Bracket:
        """J(theta_N) at the last depth."""
        return self.study.problem.limit_value(self.theta[-1], self.study.refine, self.enclosed)

    def held_out(self, theta: Values) -> Ends:
        """The mean loss of samples that were not trained with, without the penalty."""
        value, penalty = self.study.held_out.network_value(theta, self.enclosed), self.penalty(theta)
        return lower(_ball(value) - penalty), upper(_ball(value) - penalty)

    def penalty(self, theta: Values) -> Any:
        """Phi(theta) as a ball."""
        found = self.study.problem.regulariser.enclosure(theta, self.study.problem.time)
        return _between(float(found.lower), float(found.upper))

    @cached_property
    def distances(self) -> tuple[Ends, ...]:
        """(int |.|^2 + int |.'|^2)^(1/2) of the difference of the paths of each depth and the next."""
        found = []
        for coarse, fine in pairwise(self.theta):
            nodes = Rounded(fine[::2]) - coarse
            middles = Rounded(fine[1::2]) - (Rounded(coarse[:-1]) + coarse[1:]) * 0.5
            change = Rounded(
                *(_alternating(*parts) for parts in ((nodes.value, middles.value), (nodes.error, middles.error)))
            )
            root = H1(2.0, 2.0)(change, self.study.problem.time).sqrt()
            found.append((float(root.lower), float(root.upper)))
        return tuple(found)


HELD = "for layers as float64 holds them"
CERTAIN = Hypothesis(r"r\ \mathrm{is\ enclosed}", lambda case: int(case.enclosed) - 1)
VALUES = Claim(
    "study.values",
    "Local minima found at successive depths: differences nearly halve from level to level",
    r"q \leq 0.65\ \mathrm{for}\ |J_{2N}(\theta_{2N})-J_N(\theta_N)| \approx C\,q^{\log_2N}",
    Relation.AT_MOST,
    f"trained networks, their values enclosed, {HELD} (factor of the least-squares line through logarithms)",
)
PATHS = Claim(
    "study.paths",
    "Trained paths of successive depths approach one another in H1",
    r"q \leq 0.75\ \mathrm{for}\ \|\theta_{2N}-\theta_N\|_{H^1} \approx C\,q^{\log_2N}",
    Relation.AT_MOST,
    "trained networks (factor of the least-squares line through logarithms)",
)
ENCLOSURE = Claim(
    "study.enclosure",
    "The limit's value of a trained path, enclosed",
    r"\overline J(\theta_N)-\underline J(\theta_N) \leq J_N(\theta_N)/N",
    Relation.AT_MOST,
    f"certified distance from the limit, of the trained path at a multiple of its depth, {HELD} (width, relative)",
    (CERTAIN,),
)
LIMIT = Claim(
    "study.limit",
    "A trained network and its limit have nearly one value",
    r"|J_N(\theta_N)-J(\theta_N)| \leq J_N(\theta_N)/N",
    Relation.AT_MOST,
    f"certified distance from the limit, of the trained path at a multiple of its depth, {HELD} (relative)",
    (CERTAIN,),
)
HELD_OUT = Claim(
    "study.held-out",
    "What was trained is better on samples that were held out",
    r"\mathrm{mean\ loss\ of}\ \theta_N \leq 0.97\,\mathrm{mean\ loss\ of\ the\ constant\ start}",
    Relation.AT_MOST,
    f"trained networks, their losses enclosed, {HELD} (ratio)",
)
CLAIMS = (VALUES, PATHS, ENCLOSURE, LIMIT, HELD_OUT)
SUMMED = "the penalty summed over layers, not integrated"
PLANTED = (
    planted(VALUES, SUMMED),
    planted(PATHS, "labels shuffled at every other depth"),
    planted(ENCLOSURE, "no refinement"),
    planted(LIMIT, SUMMED),
    planted(HELD_OUT, "labels shuffled in training"),
)


def assess(claim: Claim, case: TrainedPaths) -> Result:
    """Measure one of ``CLAIMS`` on trained paths, or one of ``PLANTED``.

    In the latter penalties are summed where the title says so; the other errors are in the case.
    """
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    family = case.study.problem.family
    if isinstance(family, Alista) and family.cancels:
        return undecided(claim, case.name, "W^T A cancels in float64: the network is not that of A and W")
    kind = claim.id.removeprefix("planted.")
    measured, bound = _MEASURED[kind]
    low, high = measured(case, claim.control)
    if not np.isfinite(high):
        return undecided(claim, case.name, "nothing bounds it: differences are not told from zero")
    method = f"trained at depths {case.study.depths[0]} to {case.study.depths[-1]}"
    arrays: Arrays = {}
    witness = {"study": case.study.describe(arrays), "theta": add(np.concatenate(case.theta), arrays)}
    evidence = between(low, high, method) if case.enclosed or kind == PATHS.id else _floating(low, high, method)
    return replace(decide(claim, case.name, squeeze(bound(case.study), evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the study and the parameters in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    if set(witness) != {"study", "theta"}:
        raise kernel.Refusal("the witness is no study with parameters")
    study = Study.restore(witness["study"], arrays)
    rows, ends = arrays[witness["theta"]], np.cumsum([depth + 1 for depth in study.depths])
    if rows.shape != (ends[-1], 2):
        raise kernel.Refusal(f"parameters of shape {(int(ends[-1]), 2)} are needed, not {rows.shape}")
    return assess(claim, TrainedPaths(study, tuple(np.split(rows, ends[:-1]))))


def _values(case: TrainedPaths, summed: bool) -> Ends:
    values = [_value(case, k, summed) for k in range(len(case.theta))]
    gaps = [abs(fine - coarse) for coarse, fine in pairwise(values)]
    return _factor(case.study.depths, tuple((lower(gap), upper(gap)) for gap in gaps))


def _paths(case: TrainedPaths, summed: bool) -> Ends:
    return _factor(case.study.depths, case.distances)


def _enclosure(case: TrainedPaths, summed: bool) -> Ends:
    found, value = case.limit, _value(case, -1, False)
    width = (ball(found.upper or 0.0) - ball(found.lower or 0.0)) / value
    return lower(width), upper(width)


def _limit(case: TrainedPaths, summed: bool) -> Ends:
    value = _value(case, -1, summed)
    ratio = abs(value - _ball(case.limit)) / value
    return max(0.0, lower(ratio)), upper(ratio)


def _held_out(case: TrainedPaths, summed: bool) -> Ends:
    last = case.theta[-1]
    (low, high), (least, most) = (case.held_out(known) for known in (last, 0 * last + case.study.start))
    return lower(ball(low) / ball(most)), upper(ball(high) / ball(least))


_MEASURED: dict[str, tuple[Callable[[TrainedPaths, bool], Ends], Callable[[Study], float]]] = {
    VALUES.id: (_values, lambda study: 0.65),
    PATHS.id: (_paths, lambda study: 0.75),
    ENCLOSURE.id: (_enclosure, lambda study: 1 / study.depths[-1]),
    LIMIT.id: (_limit, lambda study: 1 / study.depths[-1]),
    HELD_OUT.id: (_held_out, lambda study: 0.97),
}


def _value(case: TrainedPaths, level: int, summed: bool) -> Any:
    """J_N(theta_N) as a ball; with the penalty summed over layers, which is N/T times as much, if ``summed``."""
    value = _ball(case.values[level])
    if not summed:
        return value
    times = Fraction(case.study.depths[level]) / Fraction(case.study.problem.horizon)
    return value + (ball(times) - 1) * case.penalty(case.theta[level])


def _factor(depths: tuple[int, ...], gaps: tuple[Ends, ...]) -> Ends:
    """2^-p for the order p of numbers that belong to all depths but the last."""
    low, high = order_ends(depths[: len(gaps)], [(max(0.0, least), most) for least, most in gaps])
    if not np.isfinite([low, high]).all():
        return 0.0, np.inf
    return lower(ball(2) ** -ball(high)), upper(ball(2) ** -ball(low))


def _floating(low: float, high: float, method: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(side, value, Rigour.FLOATING, f"{method}, in floating point", ROUNDING * abs(value))
        for side, value in ((Side.ATTAINED, low), (Side.CERTIFIED, high))
    )


def _ball(bracket: Bracket) -> Any:
    assert bracket.lower is not None and bracket.upper is not None
    return _between(bracket.lower, bracket.upper)


def _between(low: float, high: float) -> Any:
    """The ball of all numbers between two."""
    return ball(low).union(ball(high))


def _alternating(even: Values, odd: Values) -> Values:
    """Rows of the first and of the second by turns."""
    found = np.empty((len(even) + len(odd), even.shape[1]))
    found[::2], found[1::2] = even, odd
    return found
