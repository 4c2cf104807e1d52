"""Functions of singular values and of eigenvalues.  A matrix (m, n) is a vector of length m n, row by row.

Proximal maps act on the singular values alone (Lewis 1995; Cai, Candes and Shen 2010); derivatives follow from
divided differences (Lewis and Sendov 2001).  Decompositions know float64 only.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.functions.base import Function
from fbscheck.functions.simplex import balanced, capped, capped_derivative
from fbscheck.inputs import Array, finite_number, positive

__all__ = ["KyFan", "Nuclear", "PSDCone"]

ROUNDING = 1e-12
"""Singular values below this, relative to the largest, count as 0; nearer than this to each other, as equal."""


def shape_of(value: Any) -> npt.NDArray[np.int64]:
    """Two positive integers, the shape of a matrix."""
    shape = np.asarray(value)
    if shape.shape != (2,) or not np.issubdtype(shape.dtype, np.number) or (shape < 1).any() or (shape % 1 != 0).any():
        raise InputError(f"Need shape as two integers >= 1, got shape={value!r:.60}.")
    return shape.astype(np.int64)


def _largest_within(sigma: Array, cap: float, count: int) -> Array:
    """The point of {0 <= q <= cap, sum q <= count cap} nearest to ``sigma`` >= 0, with entries along axis 0."""
    clipped = np.minimum(sigma, cap)
    return np.where(np.sum(clipped, axis=0) > count * cap, capped(sigma, cap, count * cap), clipped)


class _SingularValues(Function):
    """weight times the sum of the ``count`` largest singular values of matrices of one ``shape``."""

    enclosed: ClassVar[bool] = False
    shape: Any
    weight: float
    count: int

    @property
    def dimension(self) -> int:
        """The number of entries of a matrix."""
        return int(self.shape[0] * self.shape[1])

    @property
    def lipschitz(self) -> float:
        """weight * sqrt(count), rounded up."""
        return math.nextafter(self.weight * math.sqrt(self.count) * (1 + 2.0**-52), math.inf)

    def _matrices(self, x: Array) -> Array:
        return x.T.reshape(-1, *self.shape)

    def _vectors(self, matrices: Array, like: Array) -> Array:
        return matrices.reshape(len(matrices), -1).T.reshape(like.shape)

    def _decomposed(self, x: Array) -> tuple[Array, Array, Array]:
        """Left vectors (S, m, r), singular values (S, r), right vectors transposed (S, r, n)."""
        return np.linalg.svd(self._matrices(x), full_matrices=False)

    def _value(self, x: Array) -> Any:
        sigma = np.linalg.svd(self._matrices(x), compute_uv=False)
        return self.weight * _one_or_all(np.sum(sigma[:, : self.count], axis=1), x)

    def _prox(self, u: Array, step: Any) -> Array:
        left, sigma, right = self._decomposed(u)
        kept = sigma - _largest_within(sigma.T, step * self.weight, self.count).T
        return self._vectors((left * kept[:, None]) @ right, u)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        left, sigma, right = self._decomposed(u)
        direction, cap = self._matrices(v), step * self.weight
        inner = left.mT @ direction @ right.mT
        q = _largest_within(sigma.T, cap, self.count).T
        slopes, sums, free = _differences(sigma, sigma - q, (q > 0) & (q < cap))
        moved = slopes * (inner + inner.mT) / 2 + sums * (inner - inner.mT) / 2
        diagonal = np.diagonal(inner, axis1=1, axis2=2)
        full = np.sum(np.minimum(sigma, cap), axis=1, keepdims=True) > self.count * cap
        lowered = np.where(full, capped_derivative(q.T, cap, diagonal.T).T, np.where(free, diagonal, 0.0))
        rank = np.arange(sigma.shape[1])
        moved[:, rank, rank] = diagonal - lowered
        ratio = np.where(sigma > 0, (sigma - q) / np.where(sigma > 0, sigma, 1.0), 0.0)[:, None]
        above = (left * ratio) @ (left.mT @ direction - inner @ right)
        beside = ((direction @ right.mT - left @ inner) * ratio) @ right
        return self._vectors(left @ moved @ right + above + beside, u)

    def _conjugate(self, s: Array) -> Any:
        sigma = np.linalg.svd(self._matrices(s), compute_uv=False) / self.weight
        inside = (sigma[:, 0] <= 1 + ROUNDING) & (np.sum(sigma, axis=1) <= self.count * (1 + ROUNDING))
        return _one_or_all(np.where(inside, 0.0, np.inf), s)

    def _subgradient(self, x: Array, near: Array) -> Array:
        left, sigma, right = self._decomposed(x)
        target = self._matrices(near) / self.weight
        scale = sigma[:, :1]
        last = sigma[:, self.count - 1, None]
        positive_last = last > ROUNDING * scale
        above = sigma > np.where(positive_last, last + ROUNDING * scale, ROUNDING * scale)
        tied = positive_last & (np.abs(sigma - last) <= ROUNDING * scale)
        taken = np.sum(above, axis=1)
        core = above[:, :, None] * np.eye(sigma.shape[1]) + _tied_block(left, right, target, tied, self.count - taken)
        inner = left @ core @ right
        used = above[:, None]
        rest = target - (left * used) @ (left.mT @ target)
        rest = rest - (rest @ right.mT * used) @ right
        first, values, second = np.linalg.svd(rest, full_matrices=False)
        room = np.where(positive_last[:, 0], 0, self.count - taken)
        clipped = np.minimum(values, 1.0)
        fitted = np.where(
            (np.sum(clipped, axis=1) > room)[:, None], balanced(values.T, 0.0, 1.0, room.astype(float)).T, clipped
        )
        outer = np.where(positive_last[:, :, None], 0.0, (first * fitted[:, None]) @ second)
        return self._vectors(self.weight * (inner + outer), x)


def _differences(sigma: Array, kept: Array, free: Array) -> tuple[Array, Array, Array]:
    """(p_i - p_j) / (s_i - s_j) and (p_i + p_j) / (s_i + s_j) for the kept p of values s; limits at ties and zeros."""
    gap, total = sigma[:, :, None] - sigma[:, None], sigma[:, :, None] + sigma[:, None]
    tied = np.abs(gap) <= ROUNDING * sigma[:, :1, None]
    slopes = np.where(tied, np.where(free, 0.0, 1.0)[:, :, None], (kept[:, :, None] - kept[:, None]) / _away(gap, tied))
    zero = total <= ROUNDING * sigma[:, :1, None]
    sums = np.where(zero, slopes, (kept[:, :, None] + kept[:, None]) / _away(total, zero))
    return slopes, sums, free


def _away(x: Array, where: Array) -> Array:
    return np.where(where, 1.0, x)


def _tied_block(left: Array, right: Array, target: Array, tied: Array, room: Array) -> Array:
    """The symmetric block on ``tied`` pairs with eigenvalues in [0, 1] that sum to ``room``, nearest to ``target``."""
    inner = left.mT @ target @ right.mT
    mask = tied[:, :, None] & tied[:, None]
    bound = 1 + np.linalg.norm(inner, axis=(1, 2), keepdims=True)
    block = np.where(mask, (inner + inner.mT) / 2, -2 * bound * np.eye(inner.shape[1]))
    values, vectors = np.linalg.eigh(block)
    inside = values > -1.5 * bound[:, :, 0]
    some = np.sum(inside, axis=1) >= np.maximum(room, 1)
    fitted = balanced(values.T, 0.0, np.where(inside.T, 1.0, 0.0), np.where(some, room, 0).astype(float)).T
    return np.where(some[:, None, None], (vectors * fitted[:, None]) @ vectors.mT, 0.0)


def _one_or_all(values: Array, x: Array) -> Any:
    return values[0] if x.ndim == 1 else values


@final
@dataclass(frozen=True, eq=False)
class Nuclear(_SingularValues):
    """g(X) = weight times the sum of the singular values of X (m, n), given as a vector of its rows.

    The prox soft-thresholds the singular values.
    """

    shape: Any
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", shape_of(self.shape))
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    @property
    def count(self) -> int:  # type: ignore[override]
        """All of them."""
        return int(min(self.shape))


@final
@dataclass(frozen=True, eq=False)
class KyFan(_SingularValues):
    """g(X) = weight times the sum of the ``count`` largest singular values: the spectral norm for count 1."""

    shape: Any
    count: int = 1
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", shape_of(self.shape))
        count = finite_number(self.count, "count")
        if not 1 <= count <= min(self.shape) or count != int(count):
            raise InputError(f"Need count as an integer from 1 to {min(self.shape)}, got count={count}.")
        object.__setattr__(self, "count", int(count))
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))


@final
@dataclass(frozen=True, eq=False)
class PSDCone(Function):
    """The indicator of the symmetric positive semidefinite matrices (size, size), given as vectors of their rows.

    The prox drops the skew part and the negative eigenvalues.
    """

    size: int
    is_indicator: ClassVar[bool] = True
    enclosed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        size = finite_number(self.size, "size")
        if size < 1 or size != int(size):
            raise InputError(f"Need size as an integer >= 1, got size={size}.")
        object.__setattr__(self, "size", int(size))

    @property
    def dimension(self) -> int:
        """The number of entries of a matrix."""
        return self.size**2

    def _matrices(self, x: Array) -> Array:
        return x.T.reshape(-1, self.size, self.size)

    def _vectors(self, matrices: Array, like: Array) -> Array:
        return matrices.reshape(len(matrices), -1).T.reshape(like.shape)

    def _value(self, x: Array) -> Any:
        matrices = self._matrices(x)
        scale = np.linalg.norm(matrices, axis=(1, 2))
        skew = np.max(np.abs(matrices - matrices.mT), axis=(1, 2))
        least = np.linalg.eigvalsh((matrices + matrices.mT) / 2)[:, 0]
        return _one_or_all(np.where((skew <= ROUNDING * scale) & (least >= -ROUNDING * scale), 0.0, np.inf), x)

    def _prox(self, u: Array, step: Any) -> Array:
        matrices = self._matrices(u)
        values, vectors = np.linalg.eigh((matrices + matrices.mT) / 2)
        projected = (vectors * np.maximum(values, 0.0)[:, None]) @ vectors.mT
        return self._vectors((projected + projected.mT) / 2, u)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        matrices, direction = self._matrices(u), self._matrices(v)
        values, vectors = np.linalg.eigh((matrices + matrices.mT) / 2)
        kept, gap = np.maximum(values, 0.0), values[:, :, None] - values[:, None]
        tied = np.abs(gap) <= ROUNDING * np.max(np.abs(values), axis=1)[:, None, None]
        limit = np.where(values > 0, 1.0, 0.0)[:, :, None]
        slopes = np.where(tied, limit, (kept[:, :, None] - kept[:, None]) / _away(gap, tied))
        inner = vectors.mT @ ((direction + direction.mT) / 2) @ vectors
        return self._vectors(vectors @ (slopes * inner) @ vectors.mT, u)

    def _conjugate(self, s: Array) -> Any:
        matrices = self._matrices(s)
        largest = np.linalg.eigvalsh((matrices + matrices.mT) / 2)[:, -1]
        return _one_or_all(np.where(largest <= ROUNDING * np.linalg.norm(matrices, axis=(1, 2)), 0.0, np.inf), s)

    def _subgradient(self, x: Array, near: Array) -> Array:
        point, target = self._matrices(x), self._matrices(near)
        values, vectors = np.linalg.eigh((point + point.mT) / 2)
        null = (values <= ROUNDING * np.max(np.abs(values), axis=1, keepdims=True))[:, None]
        inner = vectors.mT @ ((target + target.mT) / 2) @ vectors
        block = np.where(null & null.mT, inner, 0.0)
        levels, directions = np.linalg.eigh(block)
        normal = (directions * np.minimum(levels, 0.0)[:, None]) @ directions.mT
        return self._vectors(vectors @ normal @ vectors.mT + (target - target.mT) / 2, x)
