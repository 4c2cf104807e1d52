"""Finite differences on grids, and the smoothed total variation."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
import scipy.sparse

from fbscheck.certify.balls import ball, is_ball, sqrt
from fbscheck.errors import InputError
from fbscheck.inputs import Array, positive
from fbscheck.operators.base import Loss
from fbscheck.operators.maps import Sparse

__all__ = ["SmoothedTV", "differences"]


def differences(grid: tuple[int, ...]) -> Sparse:
    """Forward differences x(p + 1) - x(p) along each axis of a ``grid`` (n,) or (n1, n2), one axis after the other.

    Each axis has one row a pixel, empty for the last one: (axes * pixels, pixels).  The square of the norm is the
    sum of 4 cos^2(pi/(2n)) over the axes.

    Raises
    ------
    InputError
        If the grid is not one of one or two positive whole numbers.
    """
    sides = tuple(grid) if isinstance(grid, (tuple, list)) else (grid,)
    if len(sides) not in (1, 2) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in sides):
        raise InputError(f"Need a grid (n,) or (n1, n2) of positive whole numbers, got {grid!r}.")

    def along_one(n: int) -> Any:
        step = scipy.sparse.diags_array([-np.ones(n), np.ones(n - 1)], offsets=[0, 1], format="lil")
        step[n - 1, n - 1] = 0.0
        return step

    if len(sides) == 1:
        return Sparse(along_one(sides[0]))
    rows, columns = sides
    down = scipy.sparse.kron(along_one(rows), scipy.sparse.eye_array(columns))
    right = scipy.sparse.kron(scipy.sparse.eye_array(rows), along_one(columns))
    return Sparse(scipy.sparse.vstack([down, right]))


@final
@dataclass(frozen=True, eq=False)
class SmoothedTV(Loss):
    """The gradient of weight * sum over pixels p of sqrt(|(Dx)(p)|^2 + smoothing^2), D the differences on a ``grid``.

    Isotropic: (Dx)(p) holds the differences along all axes.  It is (weight |D|^2/smoothing)-smooth, attained
    at constant images.
    """

    grid: tuple[int, ...]
    smoothing: float
    weight: float = 1.0
    source: ClassVar[str] = "Vogel and Oman 1996"

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", tuple(self.grid) if isinstance(self.grid, (tuple, list)) else (self.grid,))
        cause = "Without it the total variation is not differentiable."
        object.__setattr__(self, "smoothing", float(positive(self.smoothing, "smoothing", cause)))
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "A negative weight is not convex.")))
        self.matrix  # noqa: B018

    @cached_property
    def matrix(self) -> Sparse:
        """The differences."""
        return differences(self.grid)

    @cached_property
    def curvature(self) -> tuple[Fraction, Fraction]:
        """0 and weight/smoothing, at 0."""
        return Fraction(0), Fraction(self.weight) / Fraction(self.smoothing)

    def _by_pixel(self, z: Array) -> Array:
        return z.reshape(len(self.grid), -1, *z.shape[1:])

    def _length(self, z: Array) -> Array:
        """sqrt(|z(p)|^2 + smoothing^2) for z (axes, pixels, ...)."""
        smoothing = ball(self.smoothing) if is_ball(z) else self.smoothing
        return sqrt(np.sum(z * z, axis=0) + smoothing * smoothing)

    def loss(self, z: Array) -> Any:
        """weight times the sum of sqrt(|z(p)|^2 + smoothing^2)."""
        return self.weight * np.sum(self._length(self._by_pixel(z)), axis=0)

    def loss_gradient(self, z: Array) -> Array:
        """weight z(p) / sqrt(|z(p)|^2 + smoothing^2)."""
        fields = self._by_pixel(z)
        return (self.weight * fields / self._length(fields)).reshape(z.shape)

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """weight (w - n <n, w>) / sqrt(|z(p)|^2 + smoothing^2), n = z(p) / sqrt(|z(p)|^2 + smoothing^2)."""
        fields, directions = self._by_pixel(z), self._by_pixel(w)
        length = self._length(fields)
        normal = fields / length
        bent = (directions - normal * np.sum(normal * directions, axis=0)) * (self.weight / length)
        return np.asarray(bent.reshape(z.shape))

    def loss_conjugate(self, y: Array) -> Any:
        """-smoothing times the sum of sqrt(weight^2 - |y(p)|^2), inf where |y(p)| > weight."""
        fields = self._by_pixel(y)
        weight = ball(self.weight) if is_ball(y) else self.weight
        room = weight * weight - np.sum(fields * fields, axis=0)
        inside = room >= 0
        return np.sum(np.where(inside, -self.smoothing * sqrt(np.where(inside, room, 0 * room)), np.inf), axis=0)
