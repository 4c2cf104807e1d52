"""Piecewise linear and quadratic losses, sums over the coordinates.

Sources: Combettes and Pesquet 2011, table 10.2 (hinge, quantile); Owen 2007 (Berhu); Koenker and Bassett 1978
(quantile); Combettes and Pesquet 2020 (the leaky rectifier as a proximal map).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np

from fbscheck.certify.balls import absolute, clip, maximum, minimum
from fbscheck.errors import InputError
from fbscheck.functions.base import indicator, operand, outside
from fbscheck.functions.separable import Separable, soft_threshold
from fbscheck.inputs import Array, finite_number, positive

__all__ = ["Berhu", "Hinge", "LeakyRectifier", "Quantile", "SquaredHinge"]


@final
@dataclass(frozen=True, eq=False)
class Hinge(Separable):
    """g(x) = sum_i max(0, 1 - x_i), the loss of a margin x_i; its prox moves x_i up by at most h, not beyond 1."""

    def _value(self, x: Array) -> Any:
        return np.sum(maximum(1 - x, 0.0), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        return maximum(u, minimum(u + step, 1.0))

    def _slope(self, u: Array, step: float) -> Array:
        return np.where((u > 1) | (u < 1 - step), 1.0, 0.0)

    def _conjugate(self, s: Array) -> Any:
        return indicator(outside(s, -1.0, 0.0), 1.0) + np.sum(s, axis=0)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return np.where(x <= 1, -1.0, 0.0), np.where(x < 1, -1.0, 0.0)


@final
@dataclass(frozen=True, eq=False)
class SquaredHinge(Separable):
    """g(x) = sum_i max(0, 1 - x_i)^2 / 2; its prox averages x_i < 1 with 1, weights 1 and h."""

    def _value(self, x: Array) -> Any:
        excess = maximum(1 - x, 0.0)
        return np.sum(excess * excess, axis=0) / 2

    def _prox(self, u: Array, step: Any) -> Array:
        return u + maximum(1 - u, 0.0) * (step / (1 + step))  # type: ignore[no-any-return]

    def _slope(self, u: Array, step: float) -> Array:
        return np.where(u < 1, 1 / (1 + step), 1.0)

    def _conjugate(self, s: Array) -> Any:
        return indicator(s) + np.sum(s + s * s / 2, axis=0)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        slope = np.minimum(x - 1, 0.0)
        return slope, slope


@final
@dataclass(frozen=True, eq=False)
class Quantile(Separable):
    """g(x) = sum_i max(level x_i, (level - 1) x_i), 0 < level < 1 (pinball loss): |x|/2 at level 1/2."""

    level: float = 0.5

    def __post_init__(self) -> None:
        level = float(finite_number(self.level, "level"))
        if not 0 < level < 1:
            raise InputError(f"Need 0 < level < 1, got level={level}. It is a probability (given in percent?).")
        object.__setattr__(self, "level", level)

    def _value(self, x: Array) -> Any:
        return np.sum(self.level * x + maximum(-x, 0.0), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        return u - clip(u, step * self.level - step, step * self.level)

    def _slope(self, u: Array, step: float) -> Array:
        return np.where((u >= step * self.level) | (u <= step * self.level - step), 1.0, 0.0)

    def _conjugate(self, s: Array) -> Any:
        return indicator(maximum(s - self.level, (self.level - s) - 1), 1.0)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return np.where(x > 0, self.level, self.level - 1), np.where(x < 0, self.level - 1, self.level)


@final
@dataclass(frozen=True, eq=False)
class Berhu(Separable):
    """g(x) = sum_i b(x_i), b(t) = |t| for |t| <= delta and (t^2 + delta^2) / (2 delta) beyond (reversed Huber)."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        cause = "It is where the line turns into a quadratic."
        object.__setattr__(self, "delta", float(positive(self.delta, "delta", cause)))

    def _value(self, x: Array) -> Any:
        excess = maximum(absolute(x) - self.delta, 0.0)
        return np.sum(absolute(x) + excess * (excess / (2 * self.delta)), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        shrunk = soft_threshold(u, step)
        inner = clip(shrunk, -self.delta, self.delta)
        return inner + (shrunk - inner) / (1 + step / self.delta)  # type: ignore[no-any-return]

    def _slope(self, u: Array, step: float) -> Array:
        size = np.abs(u)
        outer = np.where(size > self.delta + step, 1 / (1 + step / self.delta), 1.0)
        return np.where(size >= step, outer, 0.0)

    def _conjugate(self, s: Array) -> Any:
        excess = maximum(absolute(s) - 1, 0.0)
        return self.delta * np.sum(excess * (1 + excess / 2), axis=0)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        slope = np.maximum(np.abs(x) / self.delta, 1.0)
        return np.where(x > 0, slope, -slope), np.where(x < 0, -slope, slope)


@final
@dataclass(frozen=True, eq=False)
class LeakyRectifier(Separable):
    """g(x) = (1/slope - 1) sum_i min(x_i, 0)^2 / 2; its prox at step 1 is max(x, slope x), 0 < slope < 1."""

    slope: float = 0.01

    def __post_init__(self) -> None:
        slope = float(finite_number(self.slope, "slope"))
        if not 0 < slope < 1:
            raise InputError(f"Need 0 < slope < 1, got slope={slope}. Use NonNegative for 0; above 1 the map expands.")
        object.__setattr__(self, "slope", slope)

    def _value(self, x: Array) -> Any:
        below = minimum(x, 0.0)
        return np.sum(below * below / self.slope - below * below, axis=0) / 2

    def _prox(self, u: Array, step: Any) -> Array:
        shrinkage = self.slope / (self.slope + step - step * self.slope)
        return maximum(u, 0.0) + minimum(u, 0.0) * shrinkage  # type: ignore[no-any-return]

    def _slope(self, u: Array, step: float) -> Array:
        return np.where(u < 0, self.slope / (self.slope + step - step * self.slope), 1.0)

    def _conjugate(self, s: Array) -> Any:
        below = minimum(s, 0.0)
        softness = operand(Fraction(self.slope) / (1 - Fraction(self.slope)), s)
        return indicator(s) + softness * np.sum(below * below, axis=0) / 2

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        slope = (1 - self.slope) / self.slope * np.minimum(x, 0.0)
        return slope, slope
