"""Norms built from l1 and l2: the Euclidean norm, and groups that are sparse inside.

Source: Simon, Friedman, Hastie and Tibshirani 2013 (sparse groups: threshold the entries, then the groups).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import absolute, is_ball, maximum, norm
from fbscheck.functions.base import Function, indicator
from fbscheck.functions.radial import GroupL2
from fbscheck.functions.separable import L1, soft_threshold
from fbscheck.inputs import Array, nonnegative, positive

__all__ = ["L2", "SparseGroup"]


@final
@dataclass(frozen=True, eq=False)
class L2(Function):
    """g(x) = weight |x|, weight > 0; its prox shortens x by ``step * weight``, stopping at zero."""

    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    @property
    def lipschitz(self) -> float:
        """The weight."""
        return self.weight

    def _value(self, x: Array) -> Any:
        return self.weight * norm(x)

    def _prox(self, u: Array, step: Any) -> Array:
        if is_ball(u):
            return u * (1 - 1 / maximum(1.0, norm(u) / (step * self.weight)))
        size = norm(u)
        moved = size > step * self.weight
        return u * np.where(moved, (size - step * self.weight) / np.where(moved, size, 1.0), 0.0)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        size = norm(u)
        moved = size > step * self.weight
        away = np.where(moved, size, 1.0)
        share, normal = step * self.weight / away, u / away
        return np.where(moved, (1 - share) * v + share * normal * np.sum(normal * v, axis=0), 0.0)

    def _conjugate(self, s: Array) -> Any:
        return indicator(np.asarray(norm(s) - self.weight)[None], self.weight)

    def _subgradient(self, x: Array, near: Array) -> Array:
        size = norm(x)
        inward = near / np.maximum(1.0, norm(near) / self.weight)
        return np.where(size > 0, self.weight * x / np.where(size > 0, size, 1.0), inward)


@final
@dataclass(frozen=True, eq=False)
class SparseGroup(Function):
    """g(x) = l1 |x|_1 + l2 sum over groups of |x_G|, l1 >= 0, l2 > 0; ``labels`` (d,) as for GroupL2."""

    labels: npt.ArrayLike
    l1: float = 1.0
    l2: float = 1.0

    def __post_init__(self) -> None:
        groups = GroupL2(self.labels, float(positive(self.l2, "l2", "Use L1(weight) when there is no group part.")))
        object.__setattr__(self, "labels", groups.labels)
        object.__setattr__(self, "l1", float(nonnegative(self.l1, "l1", "A negative weight is not convex.")))
        object.__setattr__(self, "l2", groups.weight)

    @property
    def dimension(self) -> int:
        """The number of labels."""
        return self._groups.dimension

    @property
    def lipschitz(self) -> float:
        """l1 sqrt(d) + l2 sqrt(number of groups), rounded up."""
        entries = L1(np.full(self.dimension, self.l1)).lipschitz or 0.0
        return float(np.nextafter(entries + self._groups.lipschitz, np.inf))

    @cached_property
    def _groups(self) -> GroupL2:
        return GroupL2(self.labels, self.l2)

    def _value(self, x: Array) -> Any:
        return self.l1 * np.sum(absolute(x), axis=0) + self._groups._value(x)

    def _prox(self, u: Array, step: Any) -> Array:
        return self._groups._prox(soft_threshold(u, step * self.l1), step)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        inner = L1(self.l1)
        kept = inner._prox_jacobian(u, step, v)
        return inner._prox_jacobian(u, step, self._groups._prox_jacobian(inner._prox(u, step), step, kept))

    def _conjugate(self, s: Array) -> Any:
        return self._groups._conjugate(soft_threshold(s, self.l1))

    def _subgradient(self, x: Array, near: Array) -> Array:
        zero_group = self._groups._spread(self._groups._norms(x)) == 0
        free = soft_threshold(near, self.l1)
        at_zero = np.clip(near, -self.l1, self.l1) + self._groups._subgradient(np.zeros_like(x), free)
        away = L1(self.l1)._subgradient(x, near) + self._groups._subgradient(x, near)
        return np.where(zero_group, at_zero, away)
