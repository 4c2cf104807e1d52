"""Simplices, the l1 ball, and the functions whose conjugates they are: largest entries, the maximum norm.

All their proximal maps need one number: the level tau at which sum_i clip(u_i - tau, 0, cap) is a given total.
Sources: Held, Wolfe and Crowder 1974 (simplex); Duchi et al. 2008 (l1 ball); Beck 2017, chapter 6.

The entries of clip(u - tau, 0, cap) all move one way with tau, so that they are off by no more than their sum
is: this encloses them in ball arithmetic, whatever the level.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, final

import numpy as np

from fbscheck.certify.balls import absolute, around, clip, descending, exact, is_ball, maximum, nearest
from fbscheck.errors import InputError
from fbscheck.functions.base import MEMBERSHIP, Function, indicator, operand, outside
from fbscheck.functions.roots import increasing_root
from fbscheck.functions.separable import soft_threshold
from fbscheck.inputs import Array, finite_number, positive

__all__ = ["CappedSimplex", "L1Ball", "LInf", "Max", "Simplex", "SumOfLargest"]

TIE = 1e-12
"""Entries that differ by less than this, relative to the largest, count as equal in a subdifferential (float64)."""


def balanced(v: Array, low: Any, high: Any, total: Any) -> Array:
    """clip(v - tau, low, high) at the level tau at which the entries of a column sum to ``total``.

    ``low`` and ``high`` may be infinite if ``total`` is 0; float64.
    """
    return np.clip(v - level(v, low, high, total), low, high)  # type: ignore[no-any-return]


def level(v: Array, low: Any, high: Any, total: Any) -> Array:
    """The level tau of :func:`balanced`, one a column."""
    low, high = np.broadcast_to(low, v.shape), np.broadcast_to(high, v.shape)

    def excess(tau: Array) -> tuple[Array, Array, Array]:
        shifted = v - tau
        value = total - np.sum(np.clip(shifted, low, high), axis=0)
        slope = np.sum((shifted > low) & (shifted < high), axis=0)
        return value, slope, np.abs(total) * np.ones_like(tau)

    least = np.min(v - np.where(np.isfinite(high), high, 0.0), axis=0)
    most = np.max(v - np.where(np.isfinite(low), low, 0.0), axis=0)
    return increasing_root(excess, least, most, most)


def capped(u: Array, cap: Any, total: Any) -> Array:
    """The point of {0 <= q <= cap, sum q = total} nearest to ``u``, in float64 or balls.

    The level is measured from the largest entry, so that it keeps its digits.
    """
    if is_ball(u):
        middle = nearest(u)
        top = middle.max(axis=0)
        tau = exact(top) + exact(level(middle - top, 0.0, _number(cap), _number(total)))
        q = clip(u - tau, 0.0, cap)
        free = np.maximum(np.sum((nearest(q) > 0) & (nearest(q) < _number(cap)), axis=0), 1)
        q = clip(u - (tau + (np.sum(q, axis=0) - total) / free), 0.0, cap)
        return around(q, np.abs(np.sum(q, axis=0) - total))
    shifted = u - u.max(axis=0)
    return np.clip(shifted - level(shifted, 0.0, cap, total), 0.0, cap)  # type: ignore[no-any-return]


def capped_derivative(q: Array, cap: float, v: Array) -> Array:
    """The derivative of :func:`capped` along ``v`` where it is ``q``: free entries sum to a constant."""
    free = (q > 0) & (q < cap)
    mean = np.sum(np.where(free, v, 0.0), axis=0) / np.maximum(np.sum(free, axis=0), 1)
    return np.where(free, v - mean, 0.0)


def shrunk(u: Array, total: Any) -> Array:
    """The point of the l1 ball of radius ``total`` nearest to ``u``, in float64 or balls."""
    size = absolute(u)
    if is_ball(u):
        middle = nearest(size)
        top = middle.max(axis=0)
        tau = maximum(exact(top) + exact(level(middle - top, 0.0, _number(total), _number(total))), 0.0)
        q = soft_threshold(u, tau)
        error = np.sum(absolute(q), axis=0) - total
        return around(q, np.where(tau > 0, np.abs(error), maximum(error, 0.0)))
    return np.where(np.sum(size, axis=0) > total, np.copysign(capped(size, total, total), u), u)


def _number(value: Any) -> float:
    return float(value.mid()) if is_ball(value) else float(value)


def _total(value: Any) -> float:
    return float(positive(value, "total", "The entries are nonnegative; a total of 0 leaves the origin alone."))


@final
@dataclass(frozen=True, eq=False)
class Simplex(Function):
    """The indicator of {x >= 0, sum_i x_i = total}; its conjugate is total max_i s_i."""

    total: float = 1.0
    is_indicator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", _total(self.total))

    def _value(self, x: Array) -> Any:
        missed = np.asarray(np.abs(np.sum(x, axis=0) - self.total))[None]
        return indicator(-x, self.total) + indicator(missed, self.total)

    def _prox(self, u: Array, step: Any) -> Array:
        return capped(u, self.total, self.total)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return capped_derivative(self._prox(u, step), np.inf, v)

    def _conjugate(self, s: Array) -> Any:
        return self.total * descending(s)[0]

    def _subgradient(self, x: Array, near: Array) -> Array:
        return near - balanced(near, np.where(x > 0, -np.inf, 0.0), np.inf, 0.0)


@final
@dataclass(frozen=True, eq=False)
class CappedSimplex(Function):
    """The indicator of {0 <= x_i <= cap, sum_i x_i = total}; needs d cap >= total, or it is empty."""

    total: float = 1.0
    cap: float = 1.0
    is_indicator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", _total(self.total))
        object.__setattr__(self, "cap", float(positive(self.cap, "cap", "The entries are between 0 and cap.")))

    def _checked(self, x: Array, name: str) -> Array:
        x = super()._checked(x, name)
        if len(x) * Fraction(self.cap) < Fraction(self.total):
            raise InputError(
                f"Need at least total / cap = {self.total / self.cap:g} entries, got {len(x)}. The set is empty."
            )
        return x

    def _value(self, x: Array) -> Any:
        missed = np.asarray(np.abs(np.sum(x, axis=0) - self.total))[None]
        return indicator(outside(x, 0.0, self.cap), self.cap) + indicator(missed, self.total)

    def _prox(self, u: Array, step: Any) -> Array:
        return capped(u, self.cap, self.total)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return capped_derivative(self._prox(u, step), self.cap, v)

    def _conjugate(self, s: Array) -> Any:
        full, rest = divmod(Fraction(self.total), Fraction(self.cap))
        ordered = descending(s)
        last = operand(rest, s) * ordered[int(full)] if rest else 0.0
        return np.sum(self.cap * ordered[: int(full)], axis=0) + last

    def _subgradient(self, x: Array, near: Array) -> Array:
        low, high = np.where(x > 0, -np.inf, 0.0), np.where(x < self.cap, np.inf, 0.0)
        return near - balanced(near, low, high, 0.0)


@final
@dataclass(frozen=True, eq=False)
class L1Ball(Function):
    """The indicator of {sum_i |x_i| <= radius}; its conjugate is radius max_i |s_i|."""

    radius: float = 1.0
    is_indicator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", float(positive(self.radius, "radius", "A ball of radius zero is a point.")))

    def _value(self, x: Array) -> Any:
        return indicator(np.asarray(np.sum(absolute(x), axis=0) - self.radius)[None], self.radius)

    def _prox(self, u: Array, step: Any) -> Array:
        return shrunk(u, operand(self.radius, u))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        q, signs = self._prox(u, step), np.sign(u)
        inward = signs * capped_derivative(np.abs(q), np.inf, signs * v)
        return np.where(np.sum(np.abs(u), axis=0) > self.radius, inward, v)

    def _conjugate(self, s: Array) -> Any:
        return self.radius * descending(absolute(s))[0]

    def _subgradient(self, x: Array, near: Array) -> Array:
        sign = np.sign(x)
        outward = np.where(x != 0, sign * near, np.abs(near))
        tau = np.maximum(level(outward, np.where(x != 0, -np.inf, 0.0), np.inf, 0.0), 0.0)
        normal = np.where(x != 0, sign * tau, np.clip(near, -tau, tau))
        on_boundary = np.sum(np.abs(x), axis=0) >= self.radius * (1 - MEMBERSHIP)
        return np.where(on_boundary, normal, 0.0)


@final
@dataclass(frozen=True, eq=False)
class LInf(Function):
    """g(x) = weight max_i |x_i|, weight > 0; its prox cuts the largest entries down to one level."""

    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    @property
    def lipschitz(self) -> float:
        """The weight."""
        return self.weight

    def _value(self, x: Array) -> Any:
        return self.weight * descending(absolute(x))[0]

    def _prox(self, u: Array, step: Any) -> Array:
        total = step * self.weight
        if is_ball(u):
            return u - shrunk(u, total)
        size = np.abs(u)
        top = size.max(axis=0)
        tau = np.maximum(top + level(size - top, 0.0, total, total), 0.0)
        return np.clip(u, -tau, tau)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        cut, signs = np.abs(self._prox(u, step)) < np.abs(u), np.sign(u)
        mean = np.sum(np.where(cut, signs * v, 0.0), axis=0) / np.maximum(np.sum(cut, axis=0), 1)
        small = np.sum(np.abs(u), axis=0) <= step * self.weight
        return np.where(small, 0.0, np.where(cut, signs * mean, v))

    def _conjugate(self, s: Array) -> Any:
        return indicator(np.asarray(np.sum(absolute(s), axis=0) - self.weight)[None], self.weight)

    def _subgradient(self, x: Array, near: Array) -> Array:
        top, sign = np.max(np.abs(x), axis=0), np.sign(x)
        largest = np.abs(x) >= top * (1 - TIE)
        edge = sign * balanced(sign * near, 0.0, np.where(largest, self.weight, 0.0), self.weight)
        return np.where(top > 0, edge, shrunk(near, self.weight))


@final
@dataclass(frozen=True, eq=False)
class SumOfLargest(Function):
    """g(x) = the sum of the ``count`` largest entries of x; its prox lowers them, by at most h each, to one level."""

    count: int = 1

    def __post_init__(self) -> None:
        count = finite_number(self.count, "count")
        if count < 1 or count != int(count):
            raise InputError(f"Need count as an integer >= 1, got count={count}.")
        object.__setattr__(self, "count", int(count))

    @property
    def lipschitz(self) -> float:
        """The square root of the count, rounded up."""
        return float(np.nextafter(np.sqrt(self.count), np.inf))

    def _checked(self, x: Array, name: str) -> Array:
        x = super()._checked(x, name)
        if len(x) < self.count:
            raise InputError(f"Need at least count = {self.count} entries in {name}, got {len(x)}.")
        return x

    def _value(self, x: Array) -> Any:
        return np.sum(descending(x)[: self.count], axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        total = self.count * step
        if is_ball(u):
            return u - capped(u, step, total)
        top = u.max(axis=0)
        tau = top + level(u - top, 0.0, step, total)
        return np.minimum(u, np.maximum(tau, u - step))  # type: ignore[no-any-return]

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        p = self._prox(u, step)
        free = (p < u) & (p > u - step)
        mean = np.sum(np.where(free, v, 0.0), axis=0) / np.maximum(np.sum(free, axis=0), 1)
        return np.where(free, mean, v)

    def _conjugate(self, s: Array) -> Any:
        missed = np.asarray(np.abs(np.sum(s, axis=0) - self.count))[None]
        return indicator(outside(s, 0.0, 1.0), 1.0) + indicator(missed, self.count)

    def _subgradient(self, x: Array, near: Array) -> Array:
        edge = -np.sort(-x, axis=0)[self.count - 1]
        slack = TIE * np.maximum(np.abs(edge), 1.0)
        return balanced(
            near, np.where(x > edge + slack, 1.0, 0.0), np.where(x < edge - slack, 0.0, 1.0), float(self.count)
        )


@final
@dataclass(frozen=True, eq=False)
class Max(Function):
    """g(x) = max_i x_i; its prox cuts the largest entries down to one level."""

    @property
    def lipschitz(self) -> float:
        """1: subgradients are in the simplex."""
        return 1.0

    def _value(self, x: Array) -> Any:
        return descending(x)[0]

    def _prox(self, u: Array, step: Any) -> Array:
        return SumOfLargest(1)._prox(u, step)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return SumOfLargest(1)._prox_jacobian(u, step, v)

    def _conjugate(self, s: Array) -> Any:
        return SumOfLargest(1)._conjugate(s)

    def _subgradient(self, x: Array, near: Array) -> Array:
        return SumOfLargest(1)._subgradient(x, near)
