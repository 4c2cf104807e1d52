"""How far the theory of recovery reaches: the generalised coherence of a dictionary, enclosed, and what it allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, nearest, root_down, round_down, round_up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.inputs import finite_array
from fbscheck.judge import decide, not_applicable, squeeze, undecided
from fbscheck.network.coherence import coherence, generalised_coherence_lower, largest_support, trace_bound
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "COHERENCE", "PUBLISHED", "REACH", "Reach", "assess", "published", "reach_of", "replay"]

Values = npt.NDArray[np.float64]

COHERENCE = Claim(
    "lista.coherence",
    "Generalised coherence by linear programs",
    r"\min_W \max_{i \neq j} |\langle w_i,a_j\rangle| = \tilde\mu\quad (\langle w_i,a_i\rangle=1)",
    Relation.TIGHT,
    "Liu, Chen, Wang and Yin 2019; HiGHS, the programs of the worst columns",
)
REACH = Claim(
    "lista.reach",
    "No dictionary lets the theory reach far",
    r"\frac{1}{2}\Bigl(1+\frac{1}{\tilde\mu}\Bigr) \leq \frac{1}{2}\Bigl(1+\sqrt{\frac{m(n-1)}{n-m}}\Bigr)",
    Relation.AT_MOST,
    "the trace of a matrix of rank m; Welch 1974 for unit-norm frames",
    (Hypothesis("m < n", lambda case: case.dictionary.shape[1] - case.dictionary.shape[0], strict=True),),
)
PUBLISHED = Claim(
    "lista.published-setting",
    "The theorem in the setting where ALISTA was published",
    r"|x^k-x^*|_1 \leq s\,c^k,\quad c=(2s-1)\tilde\mu < 1",
    Relation.AT_MOST,
    "Liu, Chen, Wang and Yin 2019: 250 x 500, a tenth of the entries nonzero",
)
CLAIMS = (COHERENCE, REACH)
PRACTICE = (28, 74)
"""Nonzeros of the published test signals: Bernoulli with 1/10 of 500, the fewest and the most."""


@final
@dataclass(frozen=True, eq=False)
class Reach:
    """A dictionary (m, n), and what linear programs proposed: see :mod:`fbscheck.reference.coherence`.

    ``columns`` are those whose programs were solved; ``weights`` (m, n) are None where these do not settle the others.
    ``inverse`` (n, m) is a floating pseudoinverse, stored since it differs in its last digits from one machine to
    another.
    """

    source: str
    dictionary: Values
    representations: Values
    columns: npt.NDArray[np.int64]
    inverse: Values
    optimum: float
    weights: Values | None = None

    @property
    def name(self) -> str:
        """The dictionary, and how many of its columns were solved if the others are not settled."""
        whole = self.weights is not None
        return self.source if whole else f"{self.source}, {self.columns.size} of {self.dictionary.shape[1]} columns"

    @cached_property
    def ends(self) -> tuple[float, float | None]:
        """Certified bounds of the generalised coherence; the upper one needs weights."""
        low = generalised_coherence_lower(self.dictionary, self.representations, self.columns, self.inverse)
        return low, None if self.weights is None else coherence(self.weights, self.dictionary)[1]

    @property
    def most(self) -> int:
        """The largest support that any weights can allow, certified."""
        return largest_support(self.ends[0], self.dictionary.shape[1])

    def describe(self, arrays: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        """Witness and certificate; their arrays are kept in ``arrays``."""
        witness = {"dictionary": self.source, "matrix": add(self.dictionary, arrays)}
        if self.weights is not None:
            witness["weights"] = add(self.weights, arrays)
        names = ("representations", "columns", "inverse")
        return witness, {name: add(getattr(self, name), arrays) for name in names}


def reach_of(source: str, dictionary: Values, columns: Sequence[int] | None = None) -> Reach:
    """Solve the programs of ``columns``, or of as many as settle all."""
    from fbscheck.reference.coherence import generalised_coherence

    found = generalised_coherence(dictionary, columns)
    weights = found.weights if columns is None else None
    inverse = np.asarray(np.linalg.pinv(dictionary), dtype=np.float64)
    optimum = float(found.optima.max())
    return Reach(source, dictionary, found.representations, found.columns, inverse, optimum, weights)


def assess(case: Reach, claims: Sequence[Claim], scale: float = 1.0) -> list[Result]:
    """Squeeze each of ``claims`` (from ``CLAIMS``, or planted from them) for one dictionary."""
    return [_assess_one(claim, case, scale) for claim in claims]


def _assess_one(claim: Claim, case: Reach, scale: float) -> Result:
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    of_reach = claim.id.removeprefix("planted.") == REACH.id
    if of_reach and case.ends[0] == 0:
        return undecided(claim, case.name, "the representations prove no coherence")
    arrays: Arrays = {}
    witness, certificate = case.describe(arrays)
    theory = scale * (_farthest(case) if of_reach else case.optimum)
    evidence = _of_reach(case) if of_reach else _of_coherence(case)
    if not of_reach:
        witness["optimum"] = str(Fraction(case.optimum))
    bracket = squeeze(theory, evidence, {"quantity": claim.statement, **certificate})
    return replace(decide(claim, case.name, bracket, scaled(witness, scale)), arrays=arrays)


def _of_coherence(case: Reach) -> tuple[Evidence, ...]:
    low, high = case.ends
    columns = f"representations of {case.columns.size} columns by the others, repaired"
    found = (Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, columns),)
    if high is None:
        return found
    return *found, Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, "weights, normalised exactly and enclosed")


def _of_reach(case: Reach) -> tuple[Evidence, ...]:
    """The same bounds of (1 + 1/mu~)/2, the other way round."""

    def turned(value: float) -> Fraction:
        return (1 + 1 / Fraction(value)) / 2

    low, high = case.ends
    columns = f"representations of {case.columns.size} columns by the others, repaired"
    found = (Evidence(Side.CERTIFIED, round_up(turned(low)), Rigour.ENCLOSED, columns),)
    if high is None:
        return found
    method = "weights, normalised exactly and enclosed"
    return *found, Evidence(Side.ATTAINED, round_down(turned(high)), Rigour.ENCLOSED, method)


def _farthest(case: Reach) -> float:
    """The right-hand side of the claim on the reach, to the nearest float."""
    return float(nearest((1 + 1 / ball(trace_bound(*case.dictionary.shape)).sqrt()) / 2))


def published(case: Reach) -> Result:
    """Whether the theorem applies to the published signals: it does not, and the reason says how far off it is."""
    low, allowed = case.ends[0], case.most
    (fewest, most), (rows, columns) = PRACTICE, case.dictionary.shape
    anywhere = largest_support(root_down(trace_bound(rows, columns)), columns)
    if low == 0 or allowed >= fewest:
        return undecided(PUBLISHED, case.name, f"only a coherence of at least {_down(low)} is certain for any weights")
    unmet = (
        f"hypothesis s < (1+1/mu~)/2 is not met: no weights have a coherence below {_down(low)}, certified, which "
        f"allows s <= {allowed}; the published signals have {fewest} to {most} nonzeros, off by {fewest - allowed} to "
        f"{most - allowed}; no dictionary of {rows} x {columns} allows s > {anywhere}"
    )
    return not_applicable(PUBLISHED, case.name, unmet)


def _down(value: float) -> str:
    return f"{int(value * 10**6) / 10**6:.6f}"


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from what the programs proposed.

    Raises
    ------
    kernel.Refusal
        If something is missing.
    """
    content, scale = scale_of(witness, claim.control)
    if not isinstance(content["dictionary"], str):
        raise kernel.Refusal("the dictionary has no name")
    parts = [finite_array(arrays[certificate[name]], name, 2) for name in ("representations", "inverse")]
    columns = arrays[certificate["columns"]]
    weights = arrays[content["weights"]] if "weights" in content else None
    case = Reach(
        content["dictionary"],
        finite_array(arrays[content["matrix"]], "dictionary", 2),
        parts[0],
        columns,
        parts[1],
        float(kernel.rational(content.get("optimum", "0"))),
        weights,
    )
    return _assess_one(claim, case, float(scale))
