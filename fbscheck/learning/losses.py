"""Losses of the error e = x(T) - x*: sums over the coordinates of an even, convex, smooth function of one of them.

A formula is written once, for float64 arrays and for :class:`~fbscheck.certify.rounded.Rounded` ones.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import GUARD, TINY, Rounded, norm_upper
from fbscheck.inputs import positive

__all__ = ["Huber", "Loss", "SmoothedAbsolute", "Squared"]

Values = npt.NDArray[np.float64]


class Loss(ABC):
    """A loss of errors e (d, S), one number a sample."""

    @property
    @abstractmethod
    def smoothness(self) -> float:
        """The Lipschitz constant of the gradient, rounded up."""

    @abstractmethod
    def __call__(self, e: Any) -> Any:
        """The losses (S,)."""

    @abstractmethod
    def gradient(self, e: Any) -> Any:
        """The derivatives (d, S)."""

    def bounds(self, e: Rounded, radius: Values) -> tuple[Values, Values]:
        r"""Bounds (S,) from below and above on the losses of all errors within ``radius`` (S,) of ``e``.

        A convex function is above its tangents; the gradient's Lipschitz constant bounds what is above them:
        l(e) - |l'(e)| r <= l <= l(e) + |l'(e)| r + smoothness r^2 / 2, and l >= 0.
        """
        value, slope = self(e), norm_upper(self.gradient(e), 0)
        change = slope * radius * GUARD
        square = np.where(radius > 0, radius**2 * GUARD + TINY, 0.0)
        above = (change + self.smoothness * square / 2 * GUARD) * GUARD
        lower, upper = (value - change).lower, (value + above).upper
        return np.maximum(np.where(np.isnan(lower), 0.0, lower), 0.0), np.where(np.isnan(upper), np.inf, upper)


@final
@dataclass(frozen=True)
class Squared(Loss):
    """|e|^2 / 2."""

    @property
    def smoothness(self) -> float:
        """1."""
        return 1.0

    def __call__(self, e: Any) -> Any:
        """The losses (S,)."""
        return np.sum(e * e, axis=0) / 2

    def gradient(self, e: Any) -> Any:
        """The error itself."""
        return e


@final
@dataclass(frozen=True)
class SmoothedAbsolute(Loss):
    """The sum of (e_i^2 + delta^2)^(1/2) - delta, near |e|_1 for small delta > 0.

    Raises
    ------
    InputError
        Unless ``delta`` is positive.
    """

    delta: float = 1e-2

    def __post_init__(self) -> None:
        cause = "It is the width over which the kink of |e| is rounded."
        object.__setattr__(self, "delta", float(positive(self.delta, "delta", cause)))

    @property
    def smoothness(self) -> float:
        """1/delta."""
        return float(np.nextafter(1 / self.delta, np.inf))

    def __call__(self, e: Any) -> Any:
        """The losses (S,)."""
        return np.sum(e * e / (self._root(e) + self.delta), axis=0)

    def gradient(self, e: Any) -> Any:
        """e_i / (e_i^2 + delta^2)^(1/2)."""
        return e / self._root(e)

    def _root(self, e: Any) -> Any:
        return np.sqrt(e * e + self._square(e))

    def _square(self, e: Any) -> Any:
        return Rounded(self.delta) * self.delta if isinstance(e, Rounded) else self.delta**2


@final
@dataclass(frozen=True)
class Huber(Loss):
    """The sum of e_i^2/2 for |e_i| <= delta and delta |e_i| - delta^2/2 beyond.

    Raises
    ------
    InputError
        Unless ``delta`` is positive.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        cause = "It is where the parabola turns into a line."
        object.__setattr__(self, "delta", float(positive(self.delta, "delta", cause)))

    @property
    def smoothness(self) -> float:
        """1."""
        return 1.0

    def __call__(self, e: Any) -> Any:
        """The losses (S,)."""
        size = np.abs(e)
        inner = np.minimum(size, self.delta)
        return np.sum(inner * (size - inner / 2), axis=0)

    def gradient(self, e: Any) -> Any:
        """The error, cut off at delta on both sides."""
        return np.minimum(np.maximum(e, -self.delta), self.delta)
