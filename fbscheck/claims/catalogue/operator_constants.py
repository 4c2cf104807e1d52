r"""Chapter "operator": what the operators of the catalogue promise, against pairs of points in ball arithmetic.

Constants are attained by pairs along extremal directions of the derivative; that nothing exceeds them is certified by
another route than that of the class: norms and eigenvalues of dense matrices by rational elimination, where
the class goes through symbols, sparse matrices or enclosures.  Ratios are between the two sides of an inequality, 1 if
it is attained.  Of random points only the worst is kept, and enclosed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, maximum, norm, upper
from fbscheck.claims.catalogue.operator_bounds import most_cocoercive, most_slack, most_stretch, unknown
from fbscheck.claims.catalogue.operator_instances import Instance, attained_along, instances
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.operators import Operator
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = [
    "ADJOINT",
    "CLAIMS",
    "COCOERCIVITY",
    "CONTROLS",
    "DERIVATIVE",
    "GRADIENT",
    "LIPSCHITZ",
    "MONOTONICITY",
    "PAIRS",
    "SYMMETRIC",
    "assess",
    "replay",
]

Points = npt.NDArray[np.float64]

SHORT = 2.0**-20
"""Length of extremal pairs and of difference quotients."""
CLOSE = 1e-6
"""Allowed relative error of a difference quotient of that length."""
ROUNDING = 1e-12
"""Allowed relative error of float64 products."""
SAME = 1e-13
"""By how much a product may differ on another machine, relative to the largest one: less than what is judged."""

BEND = Hypothesis(r"\ell\ \mathrm{is\ attained\ at\ a\ known\ point}", lambda i: int(i.bend is not None) - 1)
FLAT = Hypothesis(r"\mu\ \mathrm{is\ attained\ at\ a\ known\ point}", lambda i: int(i.flat is not None) - 1)
CURVED = Hypothesis(r"\mu < \ell", lambda i: i.f.lipschitz - i.f.monotonicity - 1e-9 * i.f.lipschitz, strict=True)
CONVEX = Hypothesis(r"f = \nabla F,\ F\ \mathrm{convex}", lambda i: int(i.f.is_gradient and i.f.monotonicity >= 0) - 1)
POTENTIAL = Hypothesis(
    r"\mathrm{f\ has\ a\ potential}", lambda i: int(i.f.is_gradient and hasattr(i.f, "potential")) - 1
)
IS_GRADIENT = Hypothesis(r"\mathrm{f\ is\ a\ gradient}", lambda i: int(i.f.is_gradient) - 1)

LIPSCHITZ = Claim(
    "operator.lipschitz",
    "The declared Lipschitz constant is the least one",
    r"|f(x)-f(y)| \leq \ell\,|x-y|",
    Relation.TIGHT,
    "curvature of the loss times the squared norm (largest ratio of the two sides)",
    (BEND,),
)
MONOTONICITY = Claim(
    "operator.monotonicity",
    "The declared modulus of monotonicity is the largest one",
    r"\ell|x-y|^2-\langle f(x)-f(y),x-y\rangle \leq (\ell-\mu)\,|x-y|^2",
    Relation.TIGHT,
    "eigenvalues of the symmetric part (largest ratio of the two sides)",
    (FLAT, CURVED),
)
COCOERCIVITY = Claim(
    "operator.cocoercivity",
    "The declared cocoercivity of gradients is the largest one",
    r"\beta\,|f(x)-f(y)|^2 \leq \langle f(x)-f(y),x-y\rangle",
    Relation.TIGHT,
    "Baillon and Haddad 1977 (largest ratio of the two sides)",
    (BEND, CONVEX),
)
PAIRS = Claim(
    "operator.pairs",
    "The declared constants hold, whether they are attained or not",
    r"|f(x)-f(y)| \leq \ell|x-y|,\quad\langle f(x)-f(y),x-y\rangle \geq \mu|x-y|^2,\;\beta|f(x)-f(y)|^2",
    Relation.AT_MOST,
    "as declared (largest ratio of the two sides)",
)
DERIVATIVE = Claim(
    "operator.derivative",
    "The derivative is the limit of differences",
    r"|f(x+tv)-f(x-tv)-2tJv| \leq 10^{-6}\cdot 2t\,\ell\,|v|,\quad t=2^{-20}",
    Relation.AT_MOST,
    "definition (relative error, at most 1e-6)",
)
ADJOINT = Claim(
    "operator.adjoint",
    "The adjoint of the derivative",
    r"|\langle Jv,w\rangle-\langle v,J^Tw\rangle| \leq 10^{-12}\,\ell\,|v|\,|w|",
    Relation.AT_MOST,
    "definition (relative error, at most 1e-12)",
)
GRADIENT = Claim(
    "operator.gradient",
    "Gradients are the slopes of their potentials",
    r"|F(x+tv)-F(x-tv)-2t\langle f(x),v\rangle| \leq 10^{-6}\cdot 2t\,(\ell|v|^2+|f(x)||v|),\quad t=2^{-20}",
    Relation.AT_MOST,
    "definition (relative error, at most 1e-6)",
    (POTENTIAL,),
)
SYMMETRIC = Claim(
    "operator.symmetric",
    "The derivative of a gradient is symmetric",
    r"|\langle Jv,w\rangle-\langle v,Jw\rangle| \leq 10^{-12}\,\ell\,|v|\,|w|",
    Relation.AT_MOST,
    "Schwarz (relative error, at most 1e-12)",
    (IS_GRADIENT,),
)
NOT_SYMMETRIC = replace(
    SYMMETRIC,
    id="control.operator-symmetric",
    title="Symmetric derivatives, claimed for monotone operators that are no gradients",
    source="false: skew matrices, W^T A, saddle points",
    hypotheses=(),
    control=True,
)
CLAIMS = (LIPSCHITZ, MONOTONICITY, COCOERCIVITY, PAIRS, DERIVATIVE, ADJOINT, GRADIENT, SYMMETRIC)
CONTROLS = (NOT_SYMMETRIC,)


def assess(claim: Claim, instance: Instance, samples: int, rng: np.random.Generator, scale: float = 1.0) -> Result:
    """Measure one of ``CLAIMS`` or ``CONTROLS``; ``scale`` multiplies a constant or the derivative: a planted error."""
    if (unmet := claim.unmet(instance)) is not None:
        return not_applicable(claim, instance.name, unmet)
    check = _CHECKS[_kind(claim)]
    drawn = check.draw(instance, samples, rng)
    worst = max(
        (tuple(part[:, k] for part in drawn) for k in range(drawn[0].shape[1])),
        key=lambda of: float(check.measure(instance.f, of, scale).mid()),
    )
    return _result(claim, instance, dict(zip(check.names, worst, strict=True)), scale)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the operator and the points in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed, or names no operator of the catalogue.
    """
    content, scale = scale_of(witness, claim.control)
    instance = instances().get(str(content.get("operator")))
    names = _CHECKS[_kind(claim)].names
    if instance is None or set(content) != {"operator", *names}:
        raise kernel.Refusal("the witness names no operator of the catalogue, or other points than it needs")
    points = {name: arrays[content[name]] for name in names}
    if any(x.shape != (instance.f.dimension,) or x.dtype != np.float64 for x in points.values()):
        raise kernel.Refusal("the points of the witness are not in the operator's space")
    if _kind(claim) == DERIVATIVE.id:
        _require_smooth(instance.f, tuple(points[name] for name in names), float(scale))
    return _result(claim, instance, points, float(scale))


def _kind(claim: Claim) -> str:
    return SYMMETRIC.id if claim.id == NOT_SYMMETRIC.id else claim.id.removeprefix("planted.")


def _result(claim: Claim, instance: Instance, points: Mapping[str, Points], scale: float) -> Result:
    check = _CHECKS[_kind(claim)]
    measured = lower(check.measure(instance.f, tuple(points.values()), scale))
    evidence = [Evidence(Side.ATTAINED, measured, Rigour.ENCLOSED, check.method)]
    if (most := check.most(instance.f)) < math.inf:
        method = "norms and eigenvalues of dense matrices, certified"
        evidence.append(Evidence(Side.CERTIFIED, most, Rigour.ENCLOSED, method))
    theory = scale if check.theory == 1.0 else check.theory
    arrays: Arrays = {}
    witness = {"operator": instance.name, **{name: add(x, arrays) for name, x in points.items()}}
    decided = decide(claim, instance.name, squeeze(theory, tuple(evidence)), scaled(witness, scale))
    return replace(decided, arrays=arrays)


# -- what is drawn ------------------------------------------------------------------------------


def _pairs(instance: Instance, samples: int, rng: np.random.Generator, extremal: Points | None, least: bool) -> Any:
    """Pairs x, y as columns: random ones, and a short one along the extremal direction."""
    x, y = 2 * rng.standard_normal((2, instance.f.dimension, samples))
    if extremal is not None:
        v = SHORT * attained_along(instance, extremal, least)
        x, y = np.column_stack([x, extremal + v]), np.column_stack([y, extremal - v])
    return x, y


def _bent(instance: Instance, samples: int, rng: np.random.Generator) -> Any:
    return _pairs(instance, samples, rng, instance.bend, False)


def _flattest(instance: Instance, samples: int, rng: np.random.Generator) -> Any:
    return _pairs(instance, samples, rng, instance.flat, True)


def _with_derivative(instance: Instance, samples: int, rng: np.random.Generator) -> Any:
    x, v = rng.standard_normal((2, instance.f.dimension, samples))
    return x, v, instance.f.jacobian(x, v)


def _with_adjoint(instance: Instance, samples: int, rng: np.random.Generator) -> Any:
    x, v, w = rng.standard_normal((3, instance.f.dimension, samples))
    return x, v, w, instance.f.jacobian(x, v), instance.f.adjoint(x, w)


def _with_both(instance: Instance, samples: int, rng: np.random.Generator) -> Any:
    x, v, w = rng.standard_normal((3, instance.f.dimension, samples))
    return x, v, w, instance.f.jacobian(x, v), instance.f.jacobian(x, w)


def _directions(instance: Instance, samples: int, rng: np.random.Generator) -> Any:
    return rng.standard_normal((2, instance.f.dimension, samples))


# -- what is measured ---------------------------------------------------------------------------


def _difference(f: Operator, x: Points, y: Points) -> tuple[Any, Any]:
    """x - y and f(x) - f(y), enclosed."""
    first, second = exact(x), exact(y)
    return first - second, f(first) - f(second)


def _stretch(f: Operator, of: tuple[Points, ...], scale: float) -> Any:
    d, v = _difference(f, *of)
    return norm(v) / (ball(f.lipschitz) * norm(d))


def _slackness(f: Operator, of: tuple[Points, ...], scale: float) -> Any:
    d, v = _difference(f, *of)
    ell, mu = ball(f.lipschitz), ball(f.monotonicity)
    return (ell - np.sum(v * d) / np.sum(d * d)) / (ell - mu)


def _cocoercive(f: Operator, of: tuple[Points, ...], scale: float) -> Any:
    d, v = _difference(f, *of)
    product = np.sum(v * d)
    return ball(f.cocoercivity) * np.sum(v * v) / product if product > 0 else ball(0)


def _all_constants(f: Operator, of: tuple[Points, ...], scale: float) -> Any:
    worst = maximum(_stretch(f, of, scale), _cocoercive(f, of, scale))
    return maximum(worst, _slackness(f, of, scale)) if CURVED.unmet(Instance("", f)) is None else worst


def _quotient(f: Operator, of: tuple[Points, ...], scale: float) -> Any:
    x, v, image = of
    _require_image(f, v, f.jacobian(x, v), image)
    t, direction = ball(SHORT), exact(v)
    moved = f(exact(x) + t * direction) - f(exact(x) - t * direction)
    return norm(moved / (2 * t) - ball(scale) * exact(image)) / (ball(f.lipschitz) * norm(direction))


def _adjointness(f: Operator, of: tuple[Points, ...], scale: float) -> Any:
    x, v, w, image, back = of
    _require_image(f, v, f.jacobian(x, v), image)
    _require_image(f, w, f.adjoint(x, w), back)
    return _asymmetry(f, v, w, image, ball(scale) * exact(back))


def _symmetry(f: Operator, of: tuple[Points, ...], scale: float) -> Any:
    x, v, w, image, other = of
    _require_image(f, v, f.jacobian(x, v), image)
    _require_image(f, w, f.jacobian(x, w), other)
    return _asymmetry(f, v, w, image, ball(scale) * exact(other))


def _asymmetry(f: Operator, v: Points, w: Points, image: Points, other: Any) -> Any:
    left, right = np.sum(exact(image) * exact(w)), np.sum(exact(v) * other)
    return abs(left - right) / (ball(f.lipschitz) * norm(exact(v)) * norm(exact(w)))


def _slope(f: Any, of: tuple[Points, ...], scale: float) -> Any:
    x, v = exact(of[0]), exact(of[1])
    t, slope = ball(SHORT), f(x)
    quotient = (f.potential(x + t * v) - f.potential(x - t * v)) / (2 * t)
    size = ball(f.lipschitz) * np.sum(v * v) + norm(slope) * norm(v)
    return abs(quotient - ball(scale) * np.sum(slope * v)) / size


def _require_image(f: Operator, direction: Points, again: Points, image: Points) -> None:
    """Refuse a stored product that float64 would not give: what is judged must not be what was stored in its place."""
    if not upper(norm(exact(again) - exact(image))) <= SAME * f.lipschitz * upper(norm(exact(direction))):
        raise kernel.Refusal("the stored image is not that of the derivative")


def _require_smooth(f: Operator, of: tuple[Points, ...], scale: float) -> None:
    """Refuse a violation that a kink of f at the point explains: there is no derivative there."""
    missed = lower(_quotient(f, of, scale))
    x, v, t = exact(of[0]), exact(of[1]), ball(SHORT)
    bend = norm(f(x + t * v) - 2 * f(x) + f(x - t * v)) / (2 * t * ball(f.lipschitz) * norm(v))
    if missed > CLOSE and not upper(bend) < missed / 4:
        raise kernel.Refusal("the operator has a kink at the point of the witness")


@final
@dataclass(frozen=True)
class _Check:
    """How a claim is put to the test: points are drawn, measured in balls, and bounded."""

    names: tuple[str, ...]
    draw: Callable[[Instance, int, np.random.Generator], tuple[Points, ...]]
    measure: Callable[[Any, tuple[Points, ...], float], Any]
    method: str
    theory: float = 1.0
    most: Callable[[Operator], float] = unknown


_PAIR = "a pair of points in ball arithmetic"
_CHECKS = {
    LIPSCHITZ.id: _Check(("x", "y"), _bent, _stretch, _PAIR, most=most_stretch),
    MONOTONICITY.id: _Check(("x", "y"), _flattest, _slackness, _PAIR, most=most_slack),
    COCOERCIVITY.id: _Check(("x", "y"), _bent, _cocoercive, _PAIR, most=most_cocoercive),
    PAIRS.id: _Check(("x", "y"), _bent, _all_constants, _PAIR),
    DERIVATIVE.id: _Check(("x", "v", "image"), _with_derivative, _quotient, "worst sample in ball arithmetic", CLOSE),
    ADJOINT.id: _Check(
        ("x", "v", "w", "image", "back"), _with_adjoint, _adjointness, "worst sample in ball arithmetic", ROUNDING
    ),
    GRADIENT.id: _Check(("x", "v"), _directions, _slope, "worst sample in ball arithmetic", CLOSE),
    SYMMETRIC.id: _Check(
        ("x", "v", "w", "image", "other"), _with_both, _symmetry, "worst sample in ball arithmetic", ROUNDING
    ),
}
