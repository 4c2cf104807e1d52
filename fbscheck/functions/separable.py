"""Functions that are sums over the coordinates: g(x) = sum_i g_i(x_i).

The subdifferential of such a function is a box, [left derivative, right derivative] in each
coordinate; a class gives the two ends and the nearest point of the box follows.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import absolute, clip, maximum, minimum
from fbscheck.errors import InputError
from fbscheck.functions.base import Function, indicator, norm_bound, outside
from fbscheck.inputs import Array, finite_array, finite_number, nonnegative, positive
from fbscheck.points import along

__all__ = ["L1", "Box", "ElasticNet", "Huber", "NonNegative", "SquaredL2", "Zero"]

Weight = float | npt.NDArray[np.float64]


class Separable(Function):
    """A sum of one-dimensional functions; prox, value and conjugate act on each coordinate alone."""

    separable: ClassVar[bool] = True

    def _subgradient(self, x: Array, near: Array) -> Array:
        low, high = self._one_sided(x)
        return np.clip(near, low, high)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return self._slope(u, step) * v

    @abstractmethod
    def _slope(self, u: Array, step: float) -> Array:
        """The derivative of the proximal map in each coordinate; at a kink, from one side."""

    @abstractmethod
    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        """The left and right derivatives at ``x``; -inf and inf at the ends of the domain."""


def soft_threshold(u: Array, threshold: Any) -> Array:
    """Shrink each entry of ``u`` towards zero by ``threshold``, stopping there."""
    return u - clip(u, -threshold, threshold)


@final
@dataclass(frozen=True, eq=False)
class Zero(Separable):
    """g = 0; its prox is the identity, its conjugate the indicator of the origin."""

    @property
    def lipschitz(self) -> float:
        """0: g is constant."""
        return 0.0

    def _value(self, x: Array) -> Any:
        return np.sum(0.0 * x, axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        return +u

    def _slope(self, u: Array, step: float) -> Array:
        return np.ones_like(u)

    def _conjugate(self, s: Array) -> Any:
        return indicator(absolute(s))

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return np.zeros_like(x), np.zeros_like(x)


@final
@dataclass(frozen=True, eq=False)
class L1(Separable):
    """g(x) = sum_i weight_i |x_i|; ``weight`` is a number or a (d,) array, >= 0.

    The prox is soft thresholding by ``step * weight``.

    >>> L1(weight=1.0).prox(np.array([3.0, -0.5]), step=2.0)
    array([1., 0.])
    """

    weight: Weight = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _weights(self.weight, "weight"))

    @property
    def dimension(self) -> int | None:
        """The length of a weight vector; None for one weight."""
        return len(self.weight) if isinstance(self.weight, np.ndarray) else None

    @property
    def lipschitz(self) -> float | None:
        """The norm of a weight vector, rounded up; one weight w gives w sqrt(d): None without a d."""
        if isinstance(self.weight, np.ndarray):
            return norm_bound(self.weight)
        return 0.0 if self.weight == 0 else None

    def _value(self, x: Array) -> Any:
        return np.sum(along(self.weight, x) * absolute(x), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        return soft_threshold(u, step * along(self.weight, u))

    def _slope(self, u: Array, step: float) -> Array:
        return np.where(np.abs(u) >= step * along(self.weight, u), 1.0, 0.0)

    def _conjugate(self, s: Array) -> Any:
        return indicator(absolute(s) - along(self.weight, s), along(self.weight, s))

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        weight = along(self.weight, x)
        return np.where(x > 0, weight, -weight), np.where(x < 0, -weight, weight)


@final
@dataclass(frozen=True, eq=False)
class SquaredL2(Separable):
    """g(x) = weight |x|^2 / 2 with weight > 0; its prox divides by 1 + step * weight."""

    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    @property
    def strong_convexity(self) -> float:
        """The weight."""
        return self.weight

    def _value(self, x: Array) -> Any:
        return self.weight * np.sum(x * x, axis=0) / 2

    def _prox(self, u: Array, step: Any) -> Array:
        return u / (1 + step * self.weight)  # type: ignore[no-any-return]

    def _slope(self, u: Array, step: float) -> Array:
        return np.full_like(u, 1 / (1 + step * self.weight))

    def _conjugate(self, s: Array) -> Any:
        return np.sum(s * s, axis=0) / 2 / self.weight

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return self.weight * x, self.weight * x


@final
@dataclass(frozen=True, eq=False)
class ElasticNet(Separable):
    """g(x) = l1 |x|_1 + l2 |x|^2 / 2 with l1 >= 0, l2 > 0: soft thresholding, then a shrinkage."""

    l1: float = 1.0
    l2: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "l1", float(nonnegative(self.l1, "l1", "A negative weight is not convex.")))
        object.__setattr__(
            self, "l2", float(positive(self.l2, "l2", "Use L1(weight) when there is no quadratic part."))
        )

    @property
    def strong_convexity(self) -> float:
        """The quadratic weight l2."""
        return self.l2

    def _value(self, x: Array) -> Any:
        return self.l1 * np.sum(absolute(x), axis=0) + self.l2 * np.sum(x * x, axis=0) / 2

    def _prox(self, u: Array, step: Any) -> Array:
        return soft_threshold(u, step * self.l1) / (1 + step * self.l2)  # type: ignore[no-any-return]

    def _slope(self, u: Array, step: float) -> Array:
        return np.where(np.abs(u) >= step * self.l1, 1 / (1 + step * self.l2), 0.0)

    def _conjugate(self, s: Array) -> Any:
        excess = soft_threshold(s, self.l1)
        return np.sum(excess * excess, axis=0) / 2 / self.l2

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return self.l2 * x + np.where(x > 0, self.l1, -self.l1), self.l2 * x + np.where(x < 0, -self.l1, self.l1)


@final
@dataclass(frozen=True, eq=False)
class Box(Separable):
    """The indicator of {low <= x <= high}; the bounds are numbers or (d,) arrays, low <= high."""

    low: Weight
    high: Weight
    is_indicator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            bound = getattr(self, name)
            number = isinstance(bound, str) or np.ndim(bound) == 0
            object.__setattr__(
                self, name, float(finite_number(bound, name)) if number else finite_array(bound, name, 1)
            )
        if np.ndim(self.low) == np.ndim(self.high) == 1 and np.shape(self.low) != np.shape(self.high):
            raise InputError(f"Need bounds of one length, got {np.shape(self.low)} and {np.shape(self.high)}.")
        low, high = (np.atleast_1d(bound) for bound in np.broadcast_arrays(self.low, self.high))
        if (low > high).any():
            first = int(np.argmax(low > high))
            raise InputError(f"Need low <= high, got low={low[first]}, high={high[first]} (swapped arguments?).")

    @property
    def dimension(self) -> int | None:
        """The length of a vector of bounds; None for two numbers."""
        return next((len(b) for b in (self.low, self.high) if isinstance(b, np.ndarray)), None)

    def _value(self, x: Array) -> Any:
        low, high = along(self.low, x), along(self.high, x)
        return indicator(outside(x, low, high), np.maximum(np.abs(low), np.abs(high)))

    def _prox(self, u: Array, step: Any) -> Array:
        return clip(u, along(self.low, u), along(self.high, u))

    def _slope(self, u: Array, step: float) -> Array:
        return np.where((u > along(self.low, u)) & (u < along(self.high, u)), 1.0, 0.0)

    def _conjugate(self, s: Array) -> Any:
        return np.sum(maximum(along(self.low, s) * s, along(self.high, s) * s), axis=0)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return np.where(x <= along(self.low, x), -np.inf, 0.0), np.where(x >= along(self.high, x), np.inf, 0.0)


@final
@dataclass(frozen=True, eq=False)
class NonNegative(Separable):
    """The indicator of the nonnegative orthant; its prox is the ReLU."""

    is_indicator: ClassVar[bool] = True

    def _value(self, x: Array) -> Any:
        return indicator(-x)

    def _prox(self, u: Array, step: Any) -> Array:
        return maximum(u, 0.0)

    def _slope(self, u: Array, step: float) -> Array:
        return np.where(u > 0, 1.0, 0.0)

    def _conjugate(self, s: Array) -> Any:
        return indicator(s)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return np.where(x <= 0, -np.inf, 0.0), np.zeros_like(x)


@final
@dataclass(frozen=True, eq=False)
class Huber(Separable):
    """g(x) = weight * sum_i h(x_i), h(t) = t^2/2 for |t| <= delta and delta |t| - delta^2/2 beyond."""

    delta: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        cause = "It is where the quadratic turns into a line; use L1 for delta -> 0."
        object.__setattr__(self, "delta", float(positive(self.delta, "delta", cause)))
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    def _value(self, x: Array) -> Any:
        size = absolute(x)
        inner = minimum(size, self.delta)
        return self.weight * np.sum(inner * (size - inner / 2), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        stretch = 1 + step * self.weight
        return clip(u / stretch, -self.delta, self.delta) + soft_threshold(u, self.delta * stretch)

    def _slope(self, u: Array, step: float) -> Array:
        stretch = 1 + step * self.weight
        return np.where(np.abs(u) < self.delta * stretch, 1 / stretch, 1.0)

    def _conjugate(self, s: Array) -> Any:
        slope = s / self.weight
        return indicator(absolute(slope) - self.delta, self.delta) + np.sum(s * slope, axis=0) / 2

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        slope = self.weight * np.clip(x, -self.delta, self.delta)
        return slope, slope


def _weights(value: Any, name: str) -> Weight:
    if np.ndim(value) == 0:
        return float(nonnegative(value, name, "A negative weight is not convex."))
    weights = finite_array(value, name, 1)
    if (weights < 0).any():
        raise InputError(f"Need {name} >= 0, got a smallest entry of {weights.min()}. A negative weight is not convex.")
    return weights
