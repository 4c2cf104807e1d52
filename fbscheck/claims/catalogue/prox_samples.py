"""Chapter "prox": one sample of a map, measured against the claim in ball arithmetic."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, maximum, norm, sqrt
from fbscheck.functions import Function
from fbscheck.inputs import Array

__all__ = ["certain_distance", "distance_to_prox", "firm_ratio", "image_distance", "resolvent_distance", "value_excess"]

Points = npt.NDArray[np.float64]


def distance_to_prox(g: Function, u: Array, p: Array, y: Array, step: Any, duals: Sequence[Array]) -> Any:
    """A lower bound on |p - prox(u)| / (1 + |u|) from any other candidate y; float64 or balls.

    The proximal objective is 1/h-strongly convex, so |y - prox(u)|^2 <= 2h (primal(y) - dual(s))
    for every s, where dual(s) = <s, u> - h |s|^2 / 2 - g*(s).
    """
    primal = g(y) + np.sum((y - u) * (y - u), axis=0) / (2 * step)
    best: Any = -np.inf
    for s in duals:
        best = maximum(best, np.sum(s * u, axis=0) - step * np.sum(s * s, axis=0) / 2 - g.conjugate(s))
    radius = sqrt(maximum(2 * step * (primal - best), 0.0))
    return (norm(p - y) - radius) / (1 + norm(u))


def certain_distance(g: Function, u: Points, p: Points, y: Points, step: float, dual: Points) -> float:
    """The same bound for one sample and one dual point, rigorously."""
    enclosed = distance_to_prox(g, exact(u), exact(p), exact(y), ball(step), [exact(dual)])
    bound = lower(enclosed)
    return bound if bound == -np.inf else max(0.0, bound)


def firm_ratio(g: Function, u: Points, v: Points, step: float) -> float:
    """(1 + h sigma)|p - q|^2 / <p - q, u - v> for one pair, rigorously; 0 where its sign is not certain."""
    first, second = exact(u), exact(v)
    image = g.prox(first, step) - g.prox(second, step)
    inner, moved = np.sum(image * (first - second)), np.sum(image * image)
    if inner <= 0 and moved > 0:
        return math.inf
    if not inner > 0:
        return 0.0
    return lower((1 + ball(step) * ball(g.strong_convexity)) * moved / inner)


def resolvent_distance(g: Function, u: Points, step: float, other: float, scale: float) -> float:
    """The measure for one sample, rigorously."""
    point, share = exact(u), ball(other) / ball(step)
    p = g.prox(point, step)
    again = ball(scale) * g.prox(share * point + (1 - share) * p, other)
    return max(0.0, lower(norm(p - again) / (1 + norm(point) * maximum(share, 1.0))))


def value_excess(g: Function, u: Points, y: Points, step: float, scale: float) -> float:
    """The measure for one sample, rigorously; -inf where y is not certainly in the domain."""
    point, trial, h = exact(u), exact(y), ball(step)
    p, left = g.prox(point, step), g.envelope(point, step)
    growth = (1 + h * ball(g.strong_convexity)) / (2 * h) * np.sum((trial - p) * (trial - p))
    right = g(trial) + np.sum((trial - point) * (trial - point)) / (2 * h)
    if right == np.inf:
        return -math.inf
    return lower((left + growth - ball(scale) * right) / (1 + abs(left) + abs(right)))


def image_distance(g: Function, h: float, scale: float, u: Points, map: Points, **other: Points) -> float:
    """The distance of ``map``, which must be scale * prox_{hg}(u) in floating point, to the proximal point."""
    expected = scale * g.prox(u, h)
    if not norm(map - expected) <= 8 * len(u) * 2.0**-53 * (norm(u) + norm(expected)):
        raise kernel.Refusal("the stored image is not that of the map")
    return certain_distance(g, u, map, other["better"], h, other["dual"]) if other else 0.0
