"""The second-order cone and the exponential cone.

Sources: Bauschke and Combettes 2017, example 29.12 (second-order cone); Friberg 2021 (the projection onto the
exponential cone as one root).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from fbscheck.certify.balls import around, is_ball, maximum, norm
from fbscheck.functions.base import MEMBERSHIP, Function, indicator
from fbscheck.functions.roots import increasing_root
from fbscheck.inputs import Array

__all__ = ["ExponentialCone", "SecondOrderCone"]

STEEPEST = 700.0
"""Beyond it exp leaves the range of float64."""

_centre = np.frompyfunc(lambda b: b.mid(), 1, 1)
_radius = np.frompyfunc(lambda b: b - b.mid(), 1, 1)


@final
@dataclass(frozen=True, eq=False)
class SecondOrderCone(Function):
    """The indicator of {(t, x): |x| <= t}; the first coordinate is t."""

    is_indicator: ClassVar[bool] = True

    def _value(self, x: Array) -> Any:
        size = norm(x[1:]) if len(x) > 1 else 0 * x[0]
        return indicator(np.asarray(size - x[0])[None], 0.0 if is_ball(x) else norm(x))

    def _prox(self, u: Array, step: Any) -> Array:
        if is_ball(u):
            return around(self._projected(_centre(u)), norm(_radius(u)))
        return self._projected(u)

    def _projected(self, u: Array) -> Array:
        """Half of the positive parts of t + |x| and t - |x|, along (1, x/|x|) and (1, -x/|x|)."""
        if len(u) == 1:
            return maximum(u, 0.0)
        t, size = u[0], np.asarray(norm(u[1:]))
        first, second = maximum(np.asarray(t + size), 0.0) / 2, maximum(np.asarray(t - size), 0.0) / 2
        sides = u[1:] * ((first - second) / np.where(size > 0, size, 1.0))
        edge = np.concatenate([np.asarray(first + second)[None], sides])
        return np.where(size <= t, u, edge)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        if len(u) == 1:
            return np.where(u > 0, v, 0.0)
        t, size = u[0], norm(u[1:])
        away = np.where(size > 0, size, 1.0)
        normal = u[1:] / away
        inner = np.sum(normal * v[1:], axis=0)
        sides = normal * v[0] + v[1:] + (t / away) * (v[1:] - normal * inner)
        edge = np.concatenate([np.asarray(v[0] + inner)[None], sides]) / 2
        return np.where(size <= t, v, np.where(size <= -t, 0.0, edge))

    def _conjugate(self, s: Array) -> Any:
        return self._value(-s)

    def _subgradient(self, x: Array, near: Array) -> Array:
        size = norm(x[1:]) if len(x) > 1 else 0 * x[0]
        ray = np.concatenate([-np.ones_like(x[:1]), x[1:] / np.where(size > 0, size, 1.0)])
        outward = ray * np.maximum(np.sum(ray * near, axis=0), 0.0) / 2
        on_boundary = x[0] - size <= MEMBERSHIP * norm(x)
        apex = norm(x) == 0
        return np.where(apex, near - self._projected(near), np.where(on_boundary, outward, 0.0))


@final
@dataclass(frozen=True, eq=False)
class ExponentialCone(Function):
    """The indicator of the closure of {(x, y, z): y exp(x/y) <= z, y > 0} in R^3.

    A point that is neither inside nor in the polar cone, and not at x <= 0, y <= 0, is the sum of a ray
    alpha (r, 1, exp(r)) of the cone and one of its polar, beta (1, 1 - r, -exp(-r)); r is found by Newton's method.
    """

    is_indicator: ClassVar[bool] = True
    enclosed: ClassVar[bool] = False
    accuracy: ClassVar[float] = 1e-12

    @property
    def dimension(self) -> int:
        """3."""
        return 3

    def _value(self, x: Array) -> Any:
        return np.where(_in_cone(x, 1e-12), 0.0, np.inf)[()]

    def _conjugate(self, s: Array) -> Any:
        return np.where(_in_polar(s, 1e-12), 0.0, np.inf)[()]

    def _prox(self, u: Array, step: Any) -> Array:
        alpha, _, r = _split(u)
        edge = np.stack([alpha * r, alpha, alpha * np.exp(r)])
        face = np.stack([np.minimum(u[0], 0.0), np.maximum(u[1], 0.0), np.maximum(u[2], 0.0)])
        inside, polar, flat = _regions(u)
        return np.where(inside, u, np.where(polar, 0.0, np.where(flat, face, edge)))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        """The derivative of u = alpha w(r) + beta s(r), solved for the part along w and w' = dw/dr.

        The unit vectors along w, t = s x w and s are its eigenvectors: with eigenvalue 1, as p moves along its own
        ray; a/(a + b), where a = alpha <w', t> = alpha e^r |s|^2 and b = beta <s', t> = beta e^-r |w|^2; and 0.
        """
        alpha, beta, r = _split(u)
        with np.errstate(all="ignore"):
            ray, normal = _directions(r)
            length, height = norm(ray), norm(normal)
            ray, normal = ray / length, normal / height
            across = np.cross(normal, ray, axis=0)
            bend = np.where(beta > 0, beta / alpha * (length / height) ** 2, 0.0)
            edge = ray * np.sum(ray * v, axis=0) + across * np.sum(across * v, axis=0) / (1 + bend)
        face = np.stack([np.where(u[0] < 0, v[0], 0.0), np.where(u[1] > 0, v[1], 0.0), np.where(u[2] > 0, v[2], 0.0)])
        inside, polar, flat = _regions(u)
        return np.where(inside, v, np.where(polar, 0.0, np.where(flat, face, edge)))

    def _subgradient(self, x: Array, near: Array) -> Array:
        with np.errstate(all="ignore"):
            r = x[0] / x[1]
            ray = _directions(r)[1]
            ray = ray / norm(ray)
            share = np.maximum(np.sum(ray * near, axis=0), 0.0)
            depth = x[2] - x[1] * np.exp(r)
        edge = np.where(depth <= 1e-9 * norm(x), ray * share, 0.0)
        bottom = np.where(x[2] > 0, 0.0, np.minimum(near[2], 0.0))
        steep = np.where((x[0] == 0) & (near[1] <= (1 - STEEPEST) * near[0]), np.maximum(near[0], 0.0), 0.0)
        face = np.stack([steep, np.minimum(near[1], 0.0), bottom])
        _, beta, turn = _split(near)
        inside, polar, flat = _regions(near)
        apex = beta * np.stack([np.ones_like(turn), 1 - turn, -np.exp(-turn)])
        apex = np.where(inside | polar | flat, near - self._prox(near, 1.0), apex)
        return np.where(norm(x) == 0, apex, np.where(x[1] > 0, edge, face))


def _directions(r: Array) -> tuple[Array, Array]:
    """The rays w = (r, 1, e^r) of the cone and s = (1, 1 - r, -e^-r) normal to it there, scaled to finite numbers."""
    low, high = np.exp(np.minimum(r, 0.0)), np.exp(-np.maximum(r, 0.0))
    ray = np.stack([np.where(high > 0, r * high, 0.0), high, low])
    normal = np.stack([low, np.where(low > 0, (1 - r) * low, 0.0), -high])
    return ray, normal


def _in_cone(x: Array, tolerance: float) -> Any:
    slack = tolerance * norm(x)
    with np.errstate(all="ignore"):
        curved = (x[1] > 0) & (x[1] * np.exp(x[0] / np.where(x[1] > 0, x[1], 1.0)) <= x[2] + slack)
    return curved | ((x[0] <= slack) & (np.abs(x[1]) <= slack) & (x[2] >= -slack))


def _in_polar(s: Array, tolerance: float) -> Any:
    """Minus the dual cone {(a, b, c): -a exp(b/a) <= e c, a < 0}, closed by a = 0, b >= 0, c >= 0."""
    slack = tolerance * norm(s)
    with np.errstate(all="ignore"):
        curved = (s[0] > 0) & (s[0] * np.exp(s[1] / np.where(s[0] > 0, s[0], 1.0) - 1) <= -s[2] + slack)
    return curved | ((np.abs(s[0]) <= slack) & (s[1] <= slack) & (s[2] <= slack))


def _regions(u: Array) -> tuple[Any, Any, Any]:
    """Whether a point is in the cone, in the polar cone, or projects onto {x <= 0, y >= 0, z >= 0}.

    It does for x <= 0, y <= 0; and within rounding where r is beyond 700 in size, and exp(r) or exp(-r) out of range.
    """
    x, y, _ = u
    flat = np.where(x > 0, (y < 0) & (-y > (STEEPEST - 1) * x), (y <= 0) | (-x > STEEPEST * y))
    return _in_cone(u, 0.0), _in_polar(u, 0.0), flat


def _split(u: Array) -> tuple[Array, Array, Array]:
    """alpha, beta and r of the points that need them; anything at the others.

    alpha and beta follow from r by two of the three coordinates, or by the third: those that cancel less are used.
    """
    x, y, z = u
    scale = norm(u)
    scale = np.where(scale > 0, scale, 1.0)
    x, y, z = x / scale, y / scale, z / scale

    def rays(r: Array) -> tuple[Array, Array, Array]:
        q = r * r - r + 1
        return (y + (r - 1) * x) / q, (x - r * y) / q, q

    def mismatch(r: Array) -> tuple[Array, Array, Array]:
        alpha, beta, q = rays(r)
        grown, shrunk = np.exp(r), np.exp(-r)
        alpha_r, beta_r = (x - alpha * (2 * r - 1)) / q, (-y - beta * (2 * r - 1)) / q
        size = np.abs(alpha) * grown + np.abs(beta) * shrunk + np.abs(z)
        return alpha * grown - beta * shrunk - z, (alpha_r + alpha) * grown - (beta_r - beta) * shrunk, size

    with np.errstate(all="ignore"):
        low = np.where(x > 0, 1 - y / x, -STEEPEST)
        high = np.where(y > 0, x / y, STEEPEST)
        low, high = np.clip(np.nan_to_num(low, nan=-STEEPEST), -STEEPEST, STEEPEST), np.clip(high, -STEEPEST, STEEPEST)
        high = np.maximum(low, high)
        r = increasing_root(mismatch, low, high, (low + high) / 2)
        alpha, beta, q = rays(r)
        grown, shrunk = np.exp(r), np.exp(-r)
        off_first, off_second = (np.abs(y) + np.abs((r - 1) * x)) / q * grown, (np.abs(x) + np.abs(r * y)) / q * shrunk
        least, fewest = np.abs(z) + off_second < off_first, np.abs(z) + off_first < off_second
        first = np.where(least, (z + beta * shrunk) * shrunk, alpha)
        second = np.where(fewest, (alpha * grown - z) * grown, beta)
    return np.maximum(first, 0.0) * scale, np.maximum(second, 0.0) * scale, r
