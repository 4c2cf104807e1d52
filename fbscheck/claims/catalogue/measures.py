"""Chapter "catalogue": the measures of one sample, or of many as columns.

Each takes the function g, a step h, a planted error ``scale`` and ``lift``, the identity in a search and
:func:`~fbscheck.certify.balls.exact` for a sample that is measured rigorously: what g computes in float64 is taken
as it is, and all arithmetic on it is done in balls.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import absolute, maximum, minimum, norm
from fbscheck.functions import Function

__all__ = [
    "bend",
    "NEVER",
    "WIDTHS",
    "conjugate",
    "derivative",
    "extremes",
    "finite",
    "firm",
    "input_forms",
    "lipschitz",
    "optimality",
    "projection",
    "reference",
    "resolvent",
    "value",
]

Points = npt.NDArray[np.float64]
Lift = Callable[[Any], Any]
WIDTHS = (1e-6, 3e-7)
"""Widths of the differences that stand for derivatives."""
NEVER = 1e300
"""The measure of what is infinite or NaN and must not be."""


def reference(g: Function, h: float, scale: float, lift: Lift, u: Points, y: Points) -> Any:
    """Distance of the proximal point to cvxpy's point y."""
    return norm(lift(scale * g.prox(u, h)) - lift(y)) / (1 + norm(lift(u)))


def optimality(g: Function, h: float, scale: float, lift: Lift, u: Points) -> Any:
    """h |(u - p)/h - s|, s the nearest subgradient at p: no less than the distance of p to the proximal point."""
    p = scale * g.prox(u, h)
    s = g.subgradient(p, (u - p) / h)
    distance = norm(lift(u) - lift(p) - h * lift(s)) / (1 + norm(lift(u)))
    return _where(np.isfinite(g(p)), distance, lift)


def firm(g: Function, h: float, scale: float, lift: Lift, u: Points, v: Points) -> Any:
    """The ratio, lowered by what rounding and the declared accuracy may have done to the images."""
    p, q = g.prox(u, h), g.prox(v, h)
    off = (32 * 2.0**-53 + 4 * g.accuracy) * (1 + norm(u) + norm(v) + norm(p) + norm(q))
    slack = off * (norm(u - v) + 2 * (1 + h * g.strong_convexity) * norm(p - q) + off)
    image = lift(p) - lift(q)
    moved = (1 + h * g.strong_convexity) * np.sum(image * image, axis=0) - lift(slack)
    inner = scale * np.sum(image * (lift(u) - lift(v)), axis=0)
    forward = inner > 0
    return np.where(moved > 0, np.where(forward, moved / np.where(forward, inner, 1.0), NEVER), 0 * moved)


def resolvent(g: Function, h: float, scale: float, lift: Lift, u: Points) -> Any:
    """The larger distance of p_h(u) to scale * p_k(k/h u + (1 - k/h) p_h(u)), k = h/4 and 4 h."""
    p = g.prox(u, h)
    again = (g.prox(ratio * u + (1 - ratio) * p, ratio * h) for ratio in (0.25, 4.0))
    return maximum(*(np.asarray(norm(lift(p) - lift(scale * q))) for q in again)) / (1 + 4 * norm(lift(u)))


def value(g: Function, h: float, scale: float, lift: Lift, u: Points, y: Points) -> Any:
    """By how much the left side exceeds scale times the right one, relative to both."""
    p = g.prox(u, h)
    fall, rise, apart = lift(p) - lift(u), lift(y) - lift(u), lift(y) - lift(p)
    left = lift(finite(g(p))) + np.sum(fall * fall, axis=0) / (2 * h)
    right = lift(finite(g(y))) + np.sum(rise * rise, axis=0) / (2 * h)
    growth = (1 + h * g.strong_convexity) / (2 * h) * np.sum(apart * apart, axis=0)
    return (left + growth - scale * right) / (1 + absolute(left) + absolute(right))


def conjugate(g: Function, h: float, scale: float, lift: Lift, x: Points, s: Points) -> Any:
    """The gap of Fenchel's inequality at x and a subgradient s."""
    total, first, second = g(x) + g.conjugate(s), lift(x), lift(s)
    gap = lift(scale * finite(total)) - np.sum(first * second, axis=0)
    return absolute(gap) / (1 + absolute(lift(finite(g(x)))) + norm(first) * norm(second))


def derivative(g: Function, h: float, scale: float, lift: Lift, u: Points, v: Points, w: Points) -> Any:
    """The nearer of two central differences, and how far J is from symmetric."""
    image = lift(scale * g.prox_jacobian(u, h, v))
    distances = []
    for t in WIDTHS:
        before, after = (lift(g.prox(u + s * v, h)) for s in (-t, t))
        distances.append(np.asarray(norm(image - (after - before) / (2 * t))))
    skew = np.sum(lift(w) * image, axis=0) - np.sum(lift(scale * g.prox_jacobian(u, h, w)) * lift(v), axis=0)
    size = norm(lift(v)) * (1 + norm(lift(u)))
    return maximum(minimum(*distances) / size, np.asarray(absolute(skew) / (norm(lift(v)) * norm(lift(w)))))


def bend(g: Function, h: float, u: Points, v: Points) -> float:
    """Half the least distance of the differences forward and backward, on the scale of :func:`derivative`."""
    p = g.prox(u, h)
    bends = [norm(g.prox(u + t * v, h) - 2 * p + g.prox(u - t * v, h)) / (2 * t) for t in WIDTHS]
    return float(min(bends) / (norm(v) * (1 + norm(u))))


def lipschitz(g: Function, h: float, scale: float, lift: Lift, x: Points, y: Points) -> Any:
    """The ratio, lowered by what the rounding of the values may have done to it."""
    first, second = g(x), g(y)
    rounding = 64 * len(x) * 2.0**-53 * (np.abs(first) + np.abs(second))
    bound = scale * (g.lipschitz or 0.0)
    return (absolute(lift(first) - lift(second)) - lift(rounding)) / (bound * norm(lift(x) - lift(y)))


def projection(g: Function, h: float, scale: float, lift: Lift, u: Points) -> Any:
    """Distances of P(u) to P(P(u)) and to the map at another step; infinite if P(u) is not in the set."""
    image = g.prox(u, h)
    again, other = lift(scale * g.prox(image, h)), lift(g.prox(u, 7 * h))
    distance = maximum(np.asarray(norm(lift(image) - again)), np.asarray(norm(lift(image) - other)))
    return _where(np.isfinite(g(image)), distance / (1 + norm(lift(u))), lift)


def input_forms(g: Function, h: float, scale: float, lift: Lift, u: Points, others: Points) -> Any:
    """Each column alone against the same column between others, in Fortran order; and in single precision."""
    columns, k = u.reshape(len(u), -1), others.shape[1]
    alone = lift(scale * np.column_stack([g.prox(column, h) for column in columns.T]).reshape(u.shape))
    batch = np.asfortranarray(np.concatenate([others, columns, others[:, ::-1]], axis=1))
    together = g.prox(batch, h)[:, k : k + columns.shape[1]].reshape(u.shape)
    single = u.astype(np.float32)
    converted = lift(g.prox(single, h)) - lift(g.prox(single.astype(np.float64), h))
    return maximum(np.asarray(norm(alone - lift(together))), np.asarray(norm(converted))) / (1 + norm(lift(u)))


def extremes(g: Function, h: float, scale: float, lift: Lift, u: Points) -> Any:
    """The ratio, with the origin's image times 1/scale; lowered by rounding and the declared accuracy."""
    image, origin = g.prox(u, h), g.prox(0 * u, h)
    known = np.isfinite(image).all(axis=0)
    slack = (64 * 2.0**-53 + 4 * g.accuracy) * (norm(u) + norm(origin) + 1)
    moved = norm(lift(np.where(known, image, 0.0)) - lift(np.where(known, origin, 0.0))) - lift(slack)
    ratio = moved / (scale * norm(lift(u)) + (0 if u.any() else 1) + 1e-300)
    return _where(known, ratio, lift)


def _where(known: Any, measure: Any, lift: Lift) -> Any:
    """The measure where something is known to be finite, else ``NEVER``."""
    return np.where(known, measure, lift(np.full(np.shape(known), NEVER)))


def finite(values: Any) -> Any:
    """Values that are infinite or NaN as the number that no claim allows."""
    return np.nan_to_num(values, nan=NEVER, posinf=NEVER, neginf=-NEVER)
