"""Chapter "catalogue": does every function of the catalogue keep what it promises?

Each claim has one measure of one sample, at most a bound that the function's declared accuracy raises.  Values,
proximal maps, conjugates and subgradients are coded apart from one another, so that an error in one of them shows
in a measure that ties two together; cvxpy's solution of the definition is the reference from outside.  The claims
are about what is computed in float64: a violation is confirmed by measuring the computed numbers in ball arithmetic.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck import functions
from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import exact, lower, norm
from fbscheck.claims.catalogue import measures, prox
from fbscheck.claims.catalogue.prox import ProxCase, sample_points
from fbscheck.claims.records import scale_of
from fbscheck.errors import InputError, SolverError, Unstated
from fbscheck.functions import Function
from fbscheck.inputs import finite_array
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = [
    "CLAIMS",
    "CONJUGATE",
    "DERIVATIVE",
    "EXTREMES",
    "FIRM",
    "INPUT",
    "LIPSCHITZ",
    "OPTIMALITY",
    "PROJECTION",
    "REFERENCE",
    "RESOLVENT",
    "VALUE",
    "assess",
    "replay",
]

Points = npt.NDArray[np.float64]
Measure = Callable[..., Any]

STEPS = (0.3, 4.0)
ROUNDING = 1e-12
"""By how much a recomputed measure may differ from a stored one."""
SAME = 1e-13
"""By how much a stored subgradient may differ from the nearest one, relative to 1 + its norm."""
LARGEST = 1e151
"""Of the entries of a sample: beyond, measures overflow."""

REFERENCE = Claim(
    "catalogue.reference",
    "The proximal map agrees with cvxpy",
    r"\mathrm{prox}_{hg}(u) = \mathrm{argmin}_y\; g(y)+|y-u|^2/(2h)",
    Relation.AT_MOST,
    "the definition as a cvxpy program, solved by Clarabel (distance relative to 1 + |u|, at most 1e-5)",
)
OPTIMALITY = replace(prox.OPTIMALITY, id="catalogue.optimality")
FIRM = replace(prox.FIRM, id="catalogue.firm", relation=Relation.AT_MOST)
RESOLVENT = replace(prox.RESOLVENT, id="catalogue.resolvent")
VALUE = replace(prox.VALUE, id="catalogue.value")
CONJUGATE = Claim(
    "catalogue.conjugate",
    "Value, subgradients and conjugate fit together",
    r"g(x)+g^*(s) = \langle x,s\rangle \text{ for } s \in \partial g(x)",
    Relation.AT_MOST,
    "Fenchel's equality at proximal points, with the two subgradients nearest to (u - p)/h and to a random vector "
    "(relative gap, at most 1e-9)",
)
DERIVATIVE = Claim(
    "catalogue.derivative",
    "The derivative of the proximal map",
    r"J v = \lim_{t\to 0} \frac{\mathrm{prox}_{hg}(u+tv)-\mathrm{prox}_{hg}(u-tv)}{2t},\quad J = J^T",
    Relation.AT_MOST,
    "central differences of two widths, and the symmetry of the action (relative distance, at most 1e-5)",
)
LIPSCHITZ = Claim(
    "catalogue.lipschitz",
    "The Lipschitz constant of the function",
    r"|g(x)-g(y)| \leq L\,|x-y|",
    Relation.AT_MOST,
    "pairs far apart, close, and along subgradients (largest ratio of the two sides, at most 1)",
)
PROJECTION = Claim(
    "catalogue.projection",
    "The proximal map of an indicator is a projection",
    r"P(P(u)) = P(u) \in C,\quad \mathrm{prox}_{hg} = P \text{ for all } h > 0",
    Relation.AT_MOST,
    "three evaluations and the value at the image (distance relative to 1 + |u|, at most 1e-11)",
)
INPUT = Claim(
    "catalogue.input",
    "One sample, many samples and single precision",
    r"\mathrm{prox}_{hg}((u_1,\dots,u_S)) = (\mathrm{prox}_{hg}(u_1),\dots,\mathrm{prox}_{hg}(u_S))",
    Relation.AT_MOST,
    "each column alone, and float32 input, which is converted first (distance relative to 1 + |u|, at most 1e-11)",
)
EXTREMES = Claim(
    "catalogue.extremes",
    "Huge, tiny and tied arguments",
    r"|\mathrm{prox}_{hg}(u)-\mathrm{prox}_{hg}(0)| \leq |u|",
    Relation.AT_MOST,
    "finite images of arguments from 1e-300 to 1e150, zeros and ties (ratio of the two sides, at most 1)",
)
CLAIMS = (REFERENCE, OPTIMALITY, FIRM, RESOLVENT, VALUE, CONJUGATE, DERIVATIVE, LIPSCHITZ, PROJECTION, INPUT, EXTREMES)


@final
@dataclass(frozen=True)
class _Check:
    """How a claim is measured: the measure, what it must not exceed, its samples, and for which functions."""

    measure: Measure
    bound: Callable[[Function], float]
    samples: Callable[[ProxCase, float, int, np.random.Generator], dict[str, Points]]
    applies: Callable[[Function], bool] = lambda g: True


def _pairs(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    """Proximal points x, with the subgradients nearest to (u - x)/h and to random vectors."""
    u = sample_points(case, count, rng)
    x = case.g.prox(u, h)
    near = case.g.subgradient(x, (u - x) / h), case.g.subgradient(x, rng.standard_normal(u.shape))
    return {"x": np.hstack([x, x]), "s": np.hstack(near)}


def _twos(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    """Pairs far apart, close, and on one ray."""
    u = sample_points(case, count, rng)
    near = u + 1e-3 * (1 + np.abs(u)) * rng.standard_normal(u.shape)
    return {"u": np.hstack([u, u, u]), "v": np.hstack([u[:, rng.permutation(u.shape[1])], near, 1.5 * u])}


def _trials(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    """Points with others in the domain: images of other points, and nearly their own."""
    u = sample_points(case, count, rng)
    p = case.g.prox(u, h)
    near = case.g.prox(u + rng.standard_normal(u.shape), h)
    inside = np.where(np.isfinite(case.g(0.999 * p)), 0.999 * p, p)
    return {"u": np.hstack([u, u, u]), "y": np.hstack([p[:, rng.permutation(p.shape[1])], near, inside])}


def _programs(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    """Points at two scales, with cvxpy's proximal points."""
    from fbscheck.reference.expressions import proximal_points

    scales = rng.choice([0.3, 3.0], size=max(2, count // 16))
    u = scales * rng.standard_normal((case.dimension, len(scales)))
    return {"u": u, "y": proximal_points(case.g, u, h)}


def _directions(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    return {name: rng.standard_normal((case.dimension, max(4, count // 2))) for name in "uvw"}


def _ratios(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    x = sample_points(case, count, rng)
    along = case.g.subgradient(x, 0 * x)
    ends = (x[:, rng.permutation(x.shape[1])] + 1e-3, x + rng.standard_normal(x.shape), x + along + 1e-9)
    return {"x": np.hstack([x, x, x]), "y": np.hstack(ends)}


def _points(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    return {"u": sample_points(case, count, rng)}


def _neighbours(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    u = sample_points(case, count, rng)
    return {"u": u, "others": u[:, :3]}


def _extreme_points(case: ProxCase, h: float, count: int, rng: np.random.Generator) -> dict[str, Points]:
    d = case.dimension
    directions = np.column_stack([np.ones(d), np.eye(d)[0], -np.eye(d)[-1], rng.choice([-1.0, 0.0, 1.0], size=(d, 4))])
    return {"u": np.hstack([size * directions for size in (1e-300, 1e-150, 1e-9, 1.0, 1e9, 1e150)])}


_CHECKS: dict[str, _Check] = {
    REFERENCE.id: _Check(measures.reference, lambda g: 1e-5 + 10 * g.accuracy, _programs),
    OPTIMALITY.id: _Check(measures.optimality, lambda g: 1e-11 + 100 * g.accuracy, _points),
    FIRM.id: _Check(measures.firm, lambda g: 1.0, _twos),
    RESOLVENT.id: _Check(measures.resolvent, lambda g: 1e-11 + 100 * g.accuracy, _points),
    VALUE.id: _Check(measures.value, lambda g: 1e-11 + 100 * g.accuracy, _trials),
    CONJUGATE.id: _Check(measures.conjugate, lambda g: 1e-9 + 100 * g.accuracy, _pairs),
    DERIVATIVE.id: _Check(measures.derivative, lambda g: 1e-5 + 2 * g.accuracy / measures.WIDTHS[0], _directions),
    LIPSCHITZ.id: _Check(measures.lipschitz, lambda g: 1.0, _ratios, lambda g: bool(g.lipschitz)),
    PROJECTION.id: _Check(measures.projection, lambda g: 1e-11 + 10 * g.accuracy, _points, lambda g: g.is_indicator),
    INPUT.id: _Check(measures.input_forms, lambda g: 1e-11 + 10 * g.accuracy, _neighbours),
    EXTREMES.id: _Check(measures.extremes, lambda g: 1.0, _extreme_points),
}


def _check(claim: Claim) -> _Check:
    return _CHECKS[claim.id.removeprefix("planted.")]


def assess(
    case: ProxCase, claims: Sequence[Claim], samples: int, rng: np.random.Generator, scale: float = 1.0
) -> list[Result]:
    """Measure each of ``claims`` (from ``CLAIMS``, or planted from them); ``scale`` is the planted error.

    A claim that says nothing about the function is left out: a projection for one that is no indicator, a
    Lipschitz constant that is not declared, a reference that cvxpy cannot express.
    """
    results = []
    for claim in claims:
        check = _check(claim)
        if check.applies(case.g):
            try:
                found = [_worst(case, check, h, samples, rng, scale) for h in STEPS]
            except Unstated:
                continue
            except SolverError as failure:
                results.append(undecided(claim, case.name, str(failure)))
                continue
            _, h, of = max(found, key=lambda entry: entry[0])
            arrays: Arrays = {}
            witness = {"case": case.name, "function": describe(case.g, arrays), **_witness(h, scale, of, arrays)}
            results.append(_measured(claim, case.name, case.g, witness, arrays, h, scale, of))
    return results


def _worst(
    case: ProxCase, check: _Check, h: float, samples: int, rng: np.random.Generator, scale: float
) -> tuple[float, float, dict[str, Points]]:
    """The largest measure at step h, and the sample that has it."""
    of = check.samples(case, h, samples, rng)
    with np.errstate(all="ignore"):
        found = measures.finite(check.measure(case.g, h, scale, np.asarray, **of))
    k = int(np.argmax(found))
    return float(found[k]), h, {name: x if name == "others" else x[:, k] for name, x in of.items()}


def _witness(h: float, scale: float, of: Mapping[str, Points], arrays: Arrays) -> dict[str, Any]:
    return {"step": h.hex(), "scale": scale.hex(), "sample": {name: add(x, arrays) for name, x in of.items()}}


def _measured(
    claim: Claim,
    case: str,
    g: Function,
    witness: Mapping[str, Any],
    arrays: Arrays,
    h: float,
    scale: float,
    of: Mapping[str, Points],
) -> Result:
    """The result of one sample: its measure in float64, and rigorously where that is a violation."""
    check = _check(claim)
    bound = check.bound(g)
    with np.errstate(all="ignore"):
        value = float(measures.finite(check.measure(g, h, scale, np.asarray, **of)))
    evidence = [Evidence(Side.ATTAINED, value, Rigour.FLOATING, "the worst of the samples", ROUNDING)]
    if value > bound:
        proved = lower(np.asarray(check.measure(g, h, scale, exact, **of)).item())
        certain = min(measures.NEVER, float(f"{proved * (1 - 1e-8):.9g}"))
        if certain > bound:
            evidence.append(Evidence(Side.ATTAINED, certain, Rigour.ENCLOSED, "the worst of them in ball arithmetic"))
    return replace(decide(claim, case, squeeze(bound, tuple(evidence)), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Measure the worst sample of a result again, from its witness alone.

    Raises
    ------
    kernel.Refusal
        If the witness is incomplete or malformed, or its sample is not one of the claim.
    """
    check = _check(claim)
    try:
        g, h = rebuild(witness["function"], arrays, vars(functions)), float.fromhex(witness["step"])
        scale = float.fromhex(witness["scale"])
        of = {name: finite_array(arrays[text], name, (1, 2)) for name, text in witness["sample"].items()}
        points = [x for name, x in of.items() if name != "others"]
        if not (check.applies(g) and h in STEPS) or any(x.shape != points[0].shape or x.ndim != 1 for x in points):
            raise kernel.Refusal("the sample is not one of the claim")
        scale_of({"scale": str(Fraction(scale))}, claim.control)
        _require_sample(claim, g, h, of)
        again: dict[str, Any] = {
            "case": str(witness["case"]),
            "function": describe(g, {}),
            **_witness(h, scale, of, {}),
        }
        return _measured(claim, again["case"], g, again, {}, h, scale, of)
    except (LookupError, OverflowError, TypeError, ValueError, AttributeError, InputError) as error:
        raise kernel.Refusal(f"the witness is incomplete or malformed: {error}") from None


def _require_sample(claim: Claim, g: Function, h: float, of: Mapping[str, Points]) -> None:
    """Refuse samples that would refute anything.

    These are references that are no proximal points, slopes that are no subgradients, kinks of the map where its
    derivative is asked for, and numbers whose measures overflow.
    """
    kind, bound = claim.id.removeprefix("planted."), _check(claim).bound(g)
    apart, size = 0.0, 1.0
    if kind == REFERENCE.id:
        apart, size = norm(of["y"] - g.prox(of["u"], h)), bound * (1 + norm(of["u"]))
    elif kind == CONJUGATE.id:
        apart, size = norm(of["s"] - g.subgradient(of["x"], of["s"])), SAME * (1 + norm(of["s"]))
    elif kind == DERIVATIVE.id:
        apart, size = measures.bend(g, h, of["u"], of["v"]), bound
    if not apart <= size or max(np.abs(x).max() for x in of.values()) > LARGEST:
        raise kernel.Refusal("the sample is not one of the claim: a point, or a slope, is another")
