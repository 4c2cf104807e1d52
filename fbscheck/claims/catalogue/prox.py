"""Chapter "prox": is a proximal map the minimiser that it claims to be?

Every check compares the map with something that does not come from the map: cvxpy's solution of
the definition, subgradients, function values, the same map at another step.  The samples give at
most SUPPORTED.  The worst sample is evaluated once more in ball arithmetic, so that a violation
is either confirmed beyond rounding or dropped.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck import functions
from fbscheck.archive import Arrays, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import norm
from fbscheck.claims.catalogue.prox_samples import (
    certain_distance,
    distance_to_prox,
    firm_ratio,
    image_distance,
    resolvent_distance,
    value_excess,
)
from fbscheck.claims.records import scale_of
from fbscheck.errors import InputError, SolverError
from fbscheck.functions import Function
from fbscheck.inputs import finite_array
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = [
    "CLAIMS",
    "DEFINITION",
    "FIRM",
    "OPTIMALITY",
    "RESOLVENT",
    "VALUE",
    "ProxCase",
    "assess",
    "replay",
    "require_sampled",
]

Points = npt.NDArray[np.float64]

STEPS = (0.05, 1.0, 20.0)
AGREEMENT = 1e-6
"""Relative distance to cvxpy's minimiser: its objective is good to 1e-12, its point to the root."""
ROUNDING = 1e-11
"""Relative error that closed forms may accumulate in float64 on the sampled scales."""

DEFINITION = Claim(
    "prox.definition",
    "The proximal map solves its definition",
    r"\mathrm{prox}_{hg}(u) = \mathrm{argmin}_y\; g(y)+|y-u|^2/(2h)",
    Relation.AT_MOST,
    "Moreau 1965; reference: the definition as a cvxpy program (relative distance, at most 1e-6)",
)
OPTIMALITY = Claim(
    "prox.optimality",
    "The optimality condition of the proximal map",
    r"(u-p)/h \in \partial g(p),\quad p=\mathrm{prox}_{hg}(u)",
    Relation.AT_MOST,
    "Bauschke and Combettes 2017, section 16; reference: one-sided derivatives (relative distance, at most 1e-11)",
)
FIRM = Claim(
    "prox.firm",
    "Proximal maps are firmly nonexpansive",
    r"(1+h\sigma)\,|p-q|^2 \leq \langle p-q,\,u-v\rangle,\quad p=\mathrm{prox}_{hg}(u),\; q=\mathrm{prox}_{hg}(v)",
    Relation.TIGHT,
    "Moreau 1965; Rockafellar 1976; proof: firm nonexpansiveness (largest ratio of the two sides)",
)
RESOLVENT = Claim(
    "prox.resolvent",
    "The resolvent identity ties the maps at two steps",
    r"p_h = p_{h'}\left(\frac{h'}{h}\,I+\left(1-\frac{h'}{h}\right)p_h\right),\quad p_h=\mathrm{prox}_{hg}",
    Relation.AT_MOST,
    "Bauschke and Combettes 2017, section 23; proof: resolvent identity (relative distance, at most 1e-11)",
)
VALUE = Claim(
    "prox.value",
    "No point has a smaller proximal objective",
    r"g(p)+\frac{|p-u|^2}{2h}+\frac{1+h\sigma}{2h}\,|y-p|^2 \leq g(y)+\frac{|y-u|^2}{2h},\quad p=\mathrm{prox}_{hg}(u)",
    Relation.AT_MOST,
    "proof: value inequality (relative excess of the left side, at most 1e-11)",
)
CLAIMS = (DEFINITION, OPTIMALITY, FIRM, RESOLVENT, VALUE)


@final
@dataclass(frozen=True)
class ProxCase:
    """A function with a name and the dimension in which it is sampled."""

    name: str
    g: Function
    dimension: int = 5


@final
@dataclass(frozen=True)
class Finding:
    """The worst sample of one check: its measure in floating point, and enclosed from below."""

    measure: float
    confirmed: float
    witness: dict[str, Any]


def assess(
    case: ProxCase, claims: Sequence[Claim], samples: int, rng: np.random.Generator, scale: float = 1.0
) -> list[Result]:
    """Check a proximal map against each of ``claims`` (from ``CLAIMS``, or planted from them).

    ``scale`` is the planted error: the point, or the bound, times ``scale``.
    """
    points = sample_points(case, samples, rng)
    return [_assess_one(case, claim, points, rng, scale) for claim in claims]


def sample_points(case: ProxCase, samples: int, rng: np.random.Generator) -> Points:
    """Points as columns (d, S): normal at three scales, integers (ties, zeros), one huge, one tiny."""
    d, share = case.dimension, max(1, samples // 4)
    normal = [size * rng.standard_normal((d, share)) for size in (1e-2, 1.0, 1e2)]
    integers = rng.integers(-2, 3, size=(d, share)).astype(float)
    special = np.column_stack([np.zeros(d), np.ones(d), -np.ones(d), 1e3 * np.eye(d)[0], np.full(d, 1e-9)])
    return np.hstack([*normal, integers, special])


def _assess_one(case: ProxCase, claim: Claim, u: Points, rng: np.random.Generator, scale: float) -> Result:
    check, theory, error, method = _CHECKS[claim.id.removeprefix("planted.")]
    theory = scale if check is _firm else theory
    try:
        findings = [finding for step in STEPS for finding in check(case.g, u, step, rng, scale)]
    except SolverError as failure:
        return undecided(claim, case.name, str(failure))
    worst = max(findings, key=lambda finding: (math.isnan(finding.measure), finding.measure))
    confirmed = max(findings, key=lambda finding: (math.isnan(finding.confirmed), finding.confirmed))
    evidence = (
        Evidence(
            Side.ATTAINED,
            worst.measure,
            Rigour.FLOATING,
            f"{u.shape[1]} samples at {len(STEPS)} steps, {method}",
            error,
        ),
        _confirmed(confirmed.confirmed, method),
    )
    arrays: Arrays = {}
    witness = {"case": case.name, "function": describe(case.g, arrays), "scale": scale.hex(), **confirmed.witness}
    return replace(decide(claim, case.name, squeeze(theory, evidence), witness), arrays=arrays)


def _definition(g: Function, u: Points, step: float, rng: np.random.Generator, scale: float) -> Iterator[Finding]:
    """Distance to cvxpy's minimiser y, less how far y itself can be off."""
    yield _against_cvxpy(g, u, scale * g.prox(u, step), step)


def _optimality(g: Function, u: Points, step: float, rng: np.random.Generator, scale: float) -> Iterator[Finding]:
    """h times the distance of (u - p)/h to the subdifferential at p, which bounds |p - prox(u)|.

    A suspected violation is confirmed against cvxpy's solution.
    """
    p = scale * g.prox(u, step)
    slope = (u - p) / step
    distance = step * np.linalg.norm(slope - g.subgradient(p, slope), axis=0) / (1 + np.linalg.norm(u, axis=0))
    k = int(np.argmax(distance))
    worst = Finding(float(distance[k]), 0.0, _witness(step, u=u[:, k], map=p[:, k]))
    if worst.measure > ROUNDING:
        worst = replace(_against_cvxpy(g, u, p, step), measure=worst.measure)
    yield worst


def _against_cvxpy(g: Function, u: Points, p: Points, step: float) -> Finding:
    """The sample at which p is certainly farthest from the proximal point, by cvxpy's solution y."""
    from fbscheck.reference import programs

    y = programs.prox(g, u, step)
    duals = _duals(g, u, p, y, step)
    distance = distance_to_prox(g, u, p, y, step, duals)
    k = int(np.argmax(distance))
    found = [(certain_distance(g, u[:, k], p[:, k], y[:, k], step, s[:, k]), j) for j, s in enumerate(duals)]
    confirmed, best = max(found)
    witness = _witness(step, u=u[:, k], map=p[:, k], better=y[:, k], dual=duals[best][:, k])
    return Finding(float(distance[k]), confirmed, witness)


def _duals(g: Function, u: Points, p: Points, y: Points, step: float) -> list[Points]:
    """Candidate dual points of the proximal problem; any one in the domain of g* gives a bound."""
    bases = ((u - y) / step, g.subgradient(p, (u - p) / step), g.subgradient(y, (u - y) / step))
    return [shrink * s for s in bases for shrink in (1.0, 1 - 2.0**-48, 1 - 2.0**-40, 1 - 2.0**-30, 1 - 2.0**-20)]


def _firm(g: Function, u: Points, step: float, rng: np.random.Generator, scale: float) -> Iterator[Finding]:
    """Largest (1 + h sigma)|p - q|^2 / <p - q, u - v> over pairs far apart, close, and on one ray.

    It is inf where the images move against their arguments.  Each floating ratio is lowered by what
    the rounding of p - q may have done to it.
    """
    far = u[:, rng.permutation(u.shape[1])]
    for v in (far, u + 1e-3 * (1 + np.abs(u)) * rng.standard_normal(u.shape), 1.5 * u):
        p, q = g.prox(u, step), g.prox(v, step)
        difference, image = u - v, p - q
        inner = np.sum(image * difference, axis=0)
        moved = np.sum(image * image, axis=0)
        still = moved <= 1e-12 * np.sum(difference * difference, axis=0)
        rounding = 32 * 2.0**-53 * (norm(u) + norm(v) + norm(p) + norm(q)) / np.sqrt(np.where(still, 1.0, moved))
        forward = inner > 0
        ratio = (1 + step * g.strong_convexity) * moved / np.where(forward, inner, 1.0) * (1 - rounding)
        ratio = np.where(still, 0.0, np.where(forward | np.isnan(inner), ratio, np.inf))
        k = int(np.argmax(ratio))
        yield Finding(float(ratio[k]), firm_ratio(g, u[:, k], v[:, k], step), _witness(step, u=u[:, k], v=v[:, k]))


def _resolvent(g: Function, u: Points, step: float, rng: np.random.Generator, scale: float) -> Iterator[Finding]:
    """Relative distance between p_h(u) and scale * p_h'(h'/h u + (1 - h'/h) p_h(u))."""
    for other in (0.3 * step, 4.0 * step):
        p = g.prox(u, step)
        ratio = other / step
        again = scale * g.prox(ratio * u + (1 - ratio) * p, other)
        distance = np.linalg.norm(p - again, axis=0) / (1 + np.linalg.norm(u, axis=0) * max(1.0, ratio))
        k = int(np.argmax(distance))
        confirmed = resolvent_distance(g, u[:, k], step, other, scale)
        yield Finding(float(distance[k]), confirmed, _witness(step, u=u[:, k], other_step=other))


def _value(g: Function, u: Points, step: float, rng: np.random.Generator, scale: float) -> Iterator[Finding]:
    """Largest relative excess of the left side over scale * right side, over trial points y in the domain."""
    p = g.prox(u, step)
    curvature = (1 + step * g.strong_convexity) / (2 * step)
    left = g(p) + np.sum((p - u) ** 2, axis=0) / (2 * step)
    trials = (p, 0.999 * p, p[:, rng.permutation(p.shape[1])], g.prox(u + rng.standard_normal(u.shape), step))
    for y in trials:
        right = g(y) + np.sum((y - u) ** 2, axis=0) / (2 * step)
        known = np.isfinite(right)
        right = np.where(known, right, 0.0)
        excess = (left + curvature * np.sum((y - p) ** 2, axis=0) - scale * right) / (1 + np.abs(left) + np.abs(right))
        excess = np.where(known, excess, -np.inf)
        k = int(np.argmax(excess))
        confirmed = value_excess(g, u[:, k], y[:, k], step, scale)
        yield Finding(float(excess[k]), confirmed, _witness(step, u=u[:, k], y=y[:, k]))


def _witness(step: float, **arrays: Any) -> dict[str, Any]:
    """A sample, exactly: floats as hexadecimal strings."""
    return {
        "step": step.hex(),
        **{name: [v.hex() for v in np.atleast_1d(value).tolist()] for name, value in arrays.items()},
    }


_CHECKS: dict[str, tuple[Callable[..., Iterator[Finding]], float, float, str]] = {
    DEFINITION.id: (_definition, AGREEMENT, 0.0, "cvxpy"),
    OPTIMALITY.id: (_optimality, ROUNDING, 0.0, "subdifferential"),
    FIRM.id: (_firm, 1.0, ROUNDING, "pairs"),
    RESOLVENT.id: (_resolvent, ROUNDING, 0.0, "two steps"),
    VALUE.id: (_value, ROUNDING, 0.0, "trial points"),
}
"""The check of each claim, the largest measure that the claim allows, the error of a floating one, and how."""


def _confirmed(value: float, method: str) -> Evidence:
    return Evidence(Side.ATTAINED, value, Rigour.ENCLOSED, f"worst sample in ball arithmetic, {method}")


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate the worst sample of a result again, rigorously, from its witness alone.

    Raises
    ------
    kernel.Refusal
        If the witness is incomplete or malformed, or its sample is not one of the map.
    """
    kind = claim.id.removeprefix("planted.")
    try:
        g, h = rebuild(witness["function"], arrays, vars(functions)), float.fromhex(witness["step"])
        scale = float.fromhex(witness["scale"])
        given = {name: witness[name] for name in _SAMPLES[kind] if name in witness}
        of = {name: finite_array([float.fromhex(text) for text in texts], name, 1) for name, texts in given.items()}
        _require_one_space(of)
        value = _REPLAYS[kind](g, h, scale, **of)
    except (LookupError, OverflowError, TypeError, ValueError, InputError) as error:
        raise kernel.Refusal(f"the witness is incomplete or malformed: {error}") from None
    scale_of({"scale": str(Fraction(scale))}, claim.control)
    check, theory, _, method = _CHECKS[kind]
    again: dict[str, Any] = {"case": str(witness["case"]), "function": describe(g, {}), "scale": scale.hex()}
    bracket = squeeze(scale if check is _firm else theory, (_confirmed(value, method),))
    return decide(claim, again["case"], bracket, again | _witness(h, **of))


def _require_one_space(of: Mapping[str, Points]) -> None:
    """Refuse samples of different dimensions, which numpy would stretch; ``other_step`` is a number."""
    if any(x.shape != (1,) if name == "other_step" else x.shape != of["u"].shape for name, x in of.items()):
        raise kernel.Refusal("the points of the sample are not in one space")


_SAMPLES = {
    DEFINITION.id: ("u", "map", "better", "dual"),
    OPTIMALITY.id: ("u", "map", "better", "dual"),
    FIRM.id: ("u", "v"),
    RESOLVENT.id: ("u", "other_step"),
    VALUE.id: ("u", "y"),
}
"""The points of a sample of each claim."""

_REPLAYS: dict[str, Callable[..., float]] = {
    DEFINITION.id: image_distance,
    OPTIMALITY.id: image_distance,
    FIRM.id: lambda g, h, scale, u, v: firm_ratio(g, u, v, h),
    RESOLVENT.id: lambda g, h, scale, u, other_step: resolvent_distance(g, u, h, float(other_step[0]), scale),
    VALUE.id: lambda g, h, scale, u, y: value_excess(g, u, y, h, scale),
}


def require_sampled(claim: Claim, evidence: Sequence[Evidence]) -> None:
    """Refuse a first piece of evidence, which is taken as stated, unless samples can have given it.

    The sample behind the second piece is one of them.

    Raises
    ------
    kernel.Refusal
        If it is none.
    """
    _, _, error, method = _CHECKS[claim.id.removeprefix("planted.")]
    first, *others = evidence
    told = re.fullmatch(rf"[1-9]\d{{0,8}} samples at {len(STEPS)} steps, {re.escape(method)}", first.method)
    form = (first.side, first.rigour, first.error, first.exact)
    if told is None or form != (Side.ATTAINED, Rigour.FLOATING, error, False):
        raise kernel.Refusal("the first piece of evidence is not one of samples")
    if any(not first.value >= confirmed.value - AGREEMENT for confirmed in others):
        raise kernel.Refusal("the worst of the samples is better than one of them")
