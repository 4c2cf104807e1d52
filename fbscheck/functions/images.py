"""Total variation of images, anisotropic and isotropic: proximal points with a certificate of their accuracy.

An image (m, n) is a vector of length m n, row by row.  :mod:`fbscheck.functions.denoising` finds the proximal point,
with its flat regions exactly flat; derivatives and subgradients rest on them.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import spsolve

from fbscheck.errors import InputError, SolverError
from fbscheck.functions.base import Function
from fbscheck.functions.denoising import Grid, denoised
from fbscheck.functions.spectral import shape_of
from fbscheck.inputs import Array, positive

__all__ = ["TotalVariation2D"]

COARSE = 1e-8
"""Accuracy of conjugates and subgradients, of points where every difference may just vanish."""


@final
@dataclass(frozen=True, eq=False)
class TotalVariation2D(Function):
    """g(X) = weight times the sum over pixels of |(DX)_ij|, forward differences down and right, none at the border.

    The norm of the two differences of a pixel is Euclidean if ``isotropic`` (Rudin, Osher and Fatemi 1992), else the
    sum of absolute values.
    The prox is iterative; a subgradient at it certifies ``accuracy``, rounding included, or :class:`SolverError` is
    raised.  Most often it is accurate to 1e-14, less so where a difference just vanishes.
    """

    shape: Any
    weight: float = 1.0
    isotropic: bool = True
    enclosed: ClassVar[bool] = False
    accuracy: ClassVar[float] = 1e-9

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", shape_of(self.shape))
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))
        if self.isotropic not in (True, False):
            raise InputError(f"Need isotropic as True or False, got {self.isotropic!r:.40}.")
        object.__setattr__(self, "isotropic", bool(self.isotropic))

    @property
    def dimension(self) -> int:
        """The number of pixels."""
        return int(self.shape[0] * self.shape[1])

    @property
    def lipschitz(self) -> float:
        """weight sqrt(8 mn), as |Dx|^2 <= 8 |x|^2 and there are mn norms; twice as many absolute values; rounded up."""
        norms = self.dimension if self.isotropic else 2 * self.dimension
        return math.nextafter(self.weight * math.sqrt(8 * norms) * (1 + 2.0**-52), math.inf)

    def _images(self, x: Array) -> Array:
        return x.reshape(*self.shape, -1)

    def _grid(self, images: Array) -> Grid:
        present = np.ones((2, *images.shape), dtype=bool)
        present[0, -1] = present[1, :, -1] = False
        return Grid(present, self.isotropic)

    def _value(self, x: Array) -> Any:
        images = self._images(x)
        grid = self._grid(images)
        total = np.sum(grid.sizes(grid.differences(images)), axis=(0, 1, 2))
        return self.weight * total.reshape(x.shape[1:])[()]

    def _prox(self, u: Array, step: Any) -> Array:
        images = self._images(u)
        return self._denoised(images, step * self.weight, self._grid(images).present, self.accuracy).reshape(u.shape)

    def _denoised(self, u: Array, t: float, present: npt.NDArray[np.bool_], accuracy: float) -> Array:
        """The proximal points for the differences that are present, of images scaled by powers of two."""
        exponent = self._exponent(u)
        scaled = np.ldexp(u, -exponent)
        p, bounds = denoised(scaled, np.ldexp(t, -exponent), present, self.isotropic)
        allowed = accuracy * (np.ldexp(1.0, -exponent) + np.sqrt(np.sum(scaled**2, axis=(0, 1))))
        if (bounds > allowed).any():
            worst = np.max(bounds / allowed) * accuracy
            raise SolverError(
                f"The proximal point of total variation is found to {worst:.2g} only, not {accuracy}."
            )
        return np.ldexp(p, exponent)

    def _exponent(self, u: Array) -> Array:
        """The power of two by which each image is divided to have a norm between 1/(4 sqrt(mn)) and 1."""
        largest = np.frexp(np.max(np.abs(u), axis=(0, 1)))[1]
        return largest + math.ceil(math.log2(self.dimension) / 2)  # type: ignore[no-any-return]

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        """On the space of images with the same flat regions: (I + t D^T H D)^{-1}, H the Hessian of the norms."""
        p = self._images(self._prox(u, step))
        exponent = self._exponent(p)
        grid = self._grid(p)
        moved = grid.differences(np.ldexp(p, -exponent))
        labels = grid.regions(grid.sizes(moved) > 0)
        system = grid.system(1.0, grid.bending(moved) * np.ldexp(step * self.weight, -exponent), labels)
        return np.atleast_1d(spsolve(system, np.bincount(labels, v.ravel())))[labels].reshape(u.shape)

    def _conjugate(self, s: Array) -> Any:
        """0 if s is weight D^T z for some |z| <= 1, to 2 COARSE: then the prox at step 1 is as small."""
        images = self._images(s)
        left = self._denoised(images, self.weight, self._grid(images).present, COARSE).reshape(s.shape)
        slack = 2 * COARSE * (1 + np.sqrt(np.sum(s * s, axis=0)))
        return np.where(np.sqrt(np.sum(left**2, axis=0)) <= slack, 0.0, np.inf)[()]

    def _subgradient(self, x: Array, near: Array) -> Array:
        """weight D^T z, z = Dx/|Dx| where that is not 0; the best |z| <= 1 elsewhere is dual to the prox there."""
        images = self._images(x)
        grid = self._grid(images)
        moved = grid.differences(images)
        fixed = self.weight * grid.adjoint(grid.units(moved))
        rest = self._images(near) - fixed
        left = self._denoised(rest, self.weight, grid.present & (grid.sizes(moved) == 0), COARSE)
        return (fixed + rest - left).reshape(x.shape)
