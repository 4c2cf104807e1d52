"""Activations as proximal maps at step 1: for each the function that it is the proximal map of.

If an increasing activation with slopes at most 1 is the inverse of u(p), then g'(p) = u(p) - p (Combettes and
Pesquet 2020; Hasannasab et al. 2020).  ReLU belongs to :class:`~fbscheck.functions.NonNegative`, the leaky
rectifier to :class:`~fbscheck.functions.LeakyRectifier`.  At other steps these maps are not the activation: a
network whose activation does not depend on the step has another limit, or none.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from fbscheck.certify.balls import around, dilogarithm, exact, exp, expm1, is_ball, log, log1p, maximum, nearest, xlogx
from fbscheck.functions.base import Function, indicator
from fbscheck.functions.curved import Curved
from fbscheck.functions.entropies import entropic_derivative, entropic_point
from fbscheck.functions.losses import sigmoid, softplus
from fbscheck.functions.roots import increasing_root
from fbscheck.inputs import Array

__all__ = ["SigmoidEntropy", "SoftmaxEntropy", "SoftplusEntropy", "TanhEntropy"]


TINY = 1e-300
"""Below it float64 loses digits, and a coordinate on the simplex counts as 0 in a subdifferential."""


class _Bounded(Curved):
    """A function on a bounded interval, steep at its ends, whose conjugate is found by Newton's method.

    By concavity it is between s p - phi(p) and that plus the largest (s - phi'(p)) (q - p) over the interval, for
    any p.
    """

    def _conjugate(self, s: Array) -> Any:
        low, high = self.domain

        def evaluate(p: Array) -> tuple[Array, Array, Array]:
            slope = self._derivative(p)
            return slope - nearest_of(s), self._curvature(p), np.abs(nearest_of(s)) + np.abs(slope)

        shape = np.shape(s)
        p = increasing_root(evaluate, np.full(shape, low), np.full(shape, high), np.full(shape, self.interior))
        if not is_ball(s):
            return np.sum(s * p, axis=0) - self._value(p)
        p = np.clip(p, np.nextafter(low, high), np.nextafter(high, low))
        point = exact(p)
        gap = s - self._derivative(point)
        above = maximum(gap * (high - point), gap * (low - point))
        return np.sum(around(s * point + above / 2, above / 2), axis=0) - self._value(point)


def nearest_of(s: Array) -> Array:
    """``s`` itself, or the centres of its balls, as float64."""
    return nearest(s) if is_ball(s) else s


@final
@dataclass(frozen=True, eq=False)
class TanhEntropy(_Bounded):
    """g(x) = sum_i x artanh x + log(1 - x^2)/2 - x^2/2 on [-1, 1]; its prox at step 1 is tanh."""

    domain: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def _value(self, x: Array) -> Any:
        return np.sum((xlogx(1 + x) + xlogx(1 - x)) / 2 - x * x / 2, axis=0)

    def _root(self, u: Array, step: float) -> Array:
        return np.tanh(u) if step == 1 else super()._root(u, step)

    def _derivative(self, x: Array) -> Any:
        return (log1p(x) - log1p(-x)) / 2 - x

    def _curvature(self, x: Array) -> Any:
        return x * x / ((1 - x) * (1 + x))


@final
@dataclass(frozen=True, eq=False)
class SigmoidEntropy(_Bounded):
    """g(x) = sum_i x log x + (1 - x) log(1 - x) - x^2/2 on [0, 1]; its prox at step 1 is 1/(1 + exp(-u))."""

    domain: ClassVar[tuple[float, float]] = (0.0, 1.0)
    interior: ClassVar[float] = 0.5

    @property
    def strong_convexity(self) -> float:
        """3: the curvature is 1/(x (1 - x)) - 1."""
        return 3.0

    def _value(self, x: Array) -> Any:
        return np.sum(xlogx(x) + xlogx(1 - x) - x * x / 2, axis=0)

    def _root(self, u: Array, step: float) -> Array:
        return sigmoid(u) if step == 1 else super()._root(u, step)

    def _derivative(self, x: Array) -> Any:
        return log(x) - log1p(-x) - x

    def _curvature(self, x: Array) -> Any:
        return 1 / (x * (1 - x)) - 1


@final
@dataclass(frozen=True, eq=False)
class SoftplusEntropy(Curved):
    """g(x) = sum_i Li_2(exp(-x_i)) - pi^2/6 for x >= 0; its prox at step 1 is log(1 + exp(u)).

    Li_2 is the dilogarithm; g'(x) = log(1 - exp(-x)), and the conjugate is Li_2(exp(s)) for s <= 0.
    """

    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)
    interior: ClassVar[float] = 1.0

    def _value(self, x: Array) -> Any:
        inside = np.where(x >= 0, x, 0 * x)
        at_zero = dilogarithm(exp(0 * x))
        return indicator(-x) + np.sum(dilogarithm(exp(-inside)) - at_zero, axis=0)

    def _root(self, u: Array, step: float) -> Array:
        return softplus(u) if step == 1 else super()._root(u, step)

    def _derivative(self, x: Array) -> Any:
        return log(-expm1(-x))

    def _curvature(self, x: Array) -> Any:
        return exp(-x) / -expm1(-x)

    def _conjugate(self, s: Array) -> Any:
        return indicator(s) + np.sum(dilogarithm(exp(np.where(s <= 0, s, 0 * s))), axis=0)


@final
@dataclass(frozen=True, eq=False)
class SoftmaxEntropy(Function):
    """g(x) = sum_i x_i log x_i - x_i^2/2 on the simplex {x >= 0, sum x = 1}; its prox at step 1 is softmax."""

    accuracy: ClassVar[float] = 1e-12
    enclosed: ClassVar[bool] = False

    @property
    def strong_convexity(self) -> float:
        """1: on the simplex softmax is 1/2-Lipschitz, and 1/(1 + 1) = 1/2."""
        return 1.0

    def _value(self, x: Array) -> Any:
        missed = np.abs(np.sum(x, axis=0) - 1)[None]
        return indicator(missed, 1.0) + np.sum(xlogx(x) - x * x / 2, axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        return entropic_point(u, 1 - step, step)[0]

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return entropic_derivative(self._prox(u, step), 1 - step, step, v)

    def _conjugate(self, s: Array) -> Any:
        q, _ = entropic_point(s, -1.0, 1.0)
        return np.sum(s * q, axis=0) - np.sum(xlogx(q) - q * q / 2, axis=0)

    def _subgradient(self, x: Array, near: Array) -> Array:
        inside = x > TINY
        slope = np.log(np.maximum(x, TINY)) + 1 - x
        shift = np.sum(np.where(inside, near - slope, 0.0), axis=0) / np.sum(inside, axis=0)
        return np.where(inside, slope + shift, np.minimum(slope + shift, near))  # type: ignore[no-any-return]
