"""Functions of Euclidean norms: of the whole vector, or of groups of coordinates."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from fbscheck.certify.balls import is_ball, maximum, norm, sqrt
from fbscheck.errors import InputError
from fbscheck.functions.base import MEMBERSHIP, Function, indicator
from fbscheck.inputs import Array, positive

__all__ = ["GroupL2", "L2Ball"]

SAFE = (1e-140, 1e150)
"""Norms between them are those of squares that neither overflow nor lose digits."""


@final
@dataclass(frozen=True, eq=False)
class L2Ball(Function):
    """The indicator of {|x| <= radius}; its prox is the projection, its conjugate radius |s|.

    In float64 the projection is shortened by the typical rounding error of the norm.
    """

    radius: float = 1.0
    is_indicator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", float(positive(self.radius, "radius", "A ball of radius zero is a point.")))

    def _value(self, x: Array) -> Any:
        return indicator(np.asarray(norm(x) - self.radius)[None], self.radius)

    def _prox(self, u: Array, step: Any) -> Array:
        if is_ball(u):
            return u / maximum(1.0, norm(u) / self.radius)
        longer = 1 + (4 + math.sqrt(len(u))) * 2.0**-53
        length = np.sqrt(np.sum(u * u, axis=0)) * longer
        factor = self.radius / np.maximum(length, self.radius)
        if np.all((length > SAFE[0]) & (length < SAFE[1]) & (factor > SAFE[0])):
            return u * factor  # type: ignore[no-any-return]
        size = np.max(np.abs(u), axis=0)
        shape = u / np.where(size > 0, size, 1.0)
        length = norm(shape) * longer
        outside = size > self.radius / np.where(size > 0, length, 1.0)
        return np.where(outside, shape * (self.radius / np.where(size > 0, length, 1.0)), u)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        size = norm(u)
        outside = size > self.radius
        normal = u / np.where(outside, size, 1.0)
        tangential = v - normal * np.sum(normal * v, axis=0)
        return np.where(outside, self.radius / np.where(outside, size, 1.0) * tangential, v)

    def _conjugate(self, s: Array) -> Any:
        return self.radius * norm(s)

    def _subgradient(self, x: Array, near: Array) -> Array:
        size = norm(x)
        on_sphere = size >= self.radius * (1 - MEMBERSHIP)
        direction = x / np.where(on_sphere, size, 1.0)
        return np.where(on_sphere, direction * np.maximum(np.sum(direction * near, axis=0), 0.0), 0.0)


@final
@dataclass(frozen=True, eq=False)
class GroupL2(Function):
    """g(x) = weight * sum over groups of |x_G|, weight > 0.

    ``labels`` (d,) holds the group of each coordinate as an integer; the groups need not be
    contiguous.  The prox shrinks each group radially by ``step * weight``, stopping at zero.

    >>> GroupL2([0, 0, 1], weight=1.0).prox(np.array([3.0, 4.0, 0.5]), step=1.0)
    array([2.4, 3.2, 0. ])
    """

    labels: npt.ArrayLike
    weight: float = 1.0

    def __post_init__(self) -> None:
        try:
            labels = np.asarray(self.labels)
        except ValueError:
            labels = np.empty(0)
        if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"Need labels as a nonempty (d,) array of integers, got shape {labels.shape} of {labels.dtype} "
                "(a list of index lists? give each coordinate the number of its group)."
            )
        object.__setattr__(self, "labels", np.unique(labels, return_inverse=True)[1])
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    @property
    def dimension(self) -> int:
        """The number of labels."""
        return len(np.asarray(self.labels))

    @property
    def lipschitz(self) -> float:
        """weight * sqrt(number of groups), rounded up."""
        return math.nextafter(self.weight * math.sqrt(len(self._starts)) * (1 + 2.0**-52), math.inf)

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(self.labels, kind="stable")

    @cached_property
    def _starts(self) -> npt.NDArray[np.intp]:
        return np.unique(np.asarray(self.labels)[self._order], return_index=True)[1]

    @cached_property
    def _members(self) -> csr_array:
        """A row a group, with ones at its coordinates."""
        each = np.arange(self.dimension)
        return csr_array((np.ones(each.size), (self.labels, each)), shape=(len(self._starts), each.size))

    def _sums(self, x: Array) -> Array:
        """The sum over each group: (groups,) or (groups, S)."""
        if is_ball(x):
            return np.add.reduceat(x[self._order], self._starts, axis=0)
        return self._members @ x  # type: ignore[no-any-return]

    def _norms(self, x: Array) -> Array:
        """|x_G| for each group: (groups,) or (groups, S).  Only columns with squares out of range are scaled first."""
        if is_ball(x):
            return sqrt(self._sums(x * x))
        norms = np.sqrt(self._sums(x * x))
        rough = np.any((norms < SAFE[0]) | (norms > SAFE[1]), axis=0)
        if rough.any():
            part = x[..., rough]
            size = np.maximum.reduceat(np.abs(part)[self._order], self._starts, axis=0)
            scaled = part / self._spread(np.where(size > 0, size, 1.0))
            norms[..., rough] = size * np.sqrt(self._sums(scaled**2))
        return norms

    def _spread(self, per_group: Array) -> Array:
        return per_group[np.asarray(self.labels)]  # type: ignore[no-any-return]

    def _value(self, x: Array) -> Any:
        return self.weight * np.sum(self._norms(x), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        threshold = step * self.weight
        if threshold == 0:
            return +u
        return u * self._spread(1 - 1 / maximum(1.0, self._norms(u) / threshold))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        threshold = step * self.weight
        if threshold == 0:
            return +v
        norms = self._norms(u)
        shrunk = self._spread(1 / maximum(1.0, norms / threshold))
        normal = u / self._spread(np.where(norms > 0, norms, 1.0))
        radial = self._spread(self._sums(normal * v))
        return np.where(self._spread(norms) > threshold, (1 - shrunk) * v + shrunk * normal * radial, 0.0)

    def _conjugate(self, s: Array) -> Any:
        return indicator(self._norms(s) - self.weight, self.weight)

    def _subgradient(self, x: Array, near: Array) -> Array:
        norms = self._spread(self._norms(x))
        ball = near / maximum(1.0, self._spread(self._norms(near)) / self.weight)
        return np.where(norms > 0, self.weight * x / np.where(norms > 0, norms, 1.0), ball)
