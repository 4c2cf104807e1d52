"""Total variation of images, anisotropic and isotropic, by its dual problem.

An image (m, n) is a vector of length m n, row by row.  With D the forward differences, the proximal point is
u - t D^T z, t = h weight, where z minimises |u - t D^T z|^2 / 2 over |z| <= 1, edge by edge (anisotropic) or
pixel by pixel (isotropic).  For any such z and any p the duality gap is
t sum (|D p| - <z, D p>) + |p - u + t D^T z|^2 / 2, a sum of terms >= 0, and half the squared distance from p to the
proximal point is no more than it.  As p serves u - t D^T z with its nearly flat regions made flat, which is where
rounding would spoil the gap.  Chambolle 2004; accelerated as by Beck and Teboulle 2009, restarted as by O'Donoghue
and Candes 2015.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.sparse import coo_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from fbscheck.errors import InputError, SolverError
from fbscheck.functions.base import Function
from fbscheck.functions.ordered import block_means
from fbscheck.functions.spectral import shape_of
from fbscheck.inputs import Array, positive

__all__ = ["TotalVariation2D"]

ITERATIONS = 100_000
EVERY = 20
"""How many steps are taken between two looks at the gap."""
COARSE = 1e-4
"""Accuracy of the conjugate, whose points lie on the boundary of its domain, where iterations are slow."""
FLAT = 1e-5
"""Differences below this, relative to the image, count as 0 in derivatives and subgradients."""


@final
@dataclass(frozen=True, eq=False)
class TotalVariation2D(Function):
    """g(X) = weight times the sum over pixels of |(DX)_ij|, forward differences down and right, none at the border.

    The norm of the two differences of a pixel is Euclidean if ``isotropic``, else the sum of absolute values.
    The prox is iterative; its duality gap certifies ``accuracy`` up to rounding, or :class:`SolverError` is raised.
    """

    shape: Any
    weight: float = 1.0
    isotropic: bool = True
    enclosed: ClassVar[bool] = False
    accuracy: ClassVar[float] = 1e-5

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

    def _images(self, x: Array) -> Array:
        return x.reshape(*self.shape, -1)

    def _sizes(self, z: Array) -> Array:
        """|z| of each pixel or edge, of (2, m, n, S)."""
        return np.hypot(z[0], z[1])[None] if self.isotropic else np.abs(z)

    def _variation(self, x: Array) -> Array:
        return np.sum(self._sizes(_differences(self._images(x))), axis=(0, 1, 2))  # type: ignore[no-any-return]

    def _value(self, x: Array) -> Any:
        return self.weight * self._variation(x).reshape(x.shape[1:])[()]

    def _prox(self, u: Array, step: Any) -> Array:
        return self._denoised(u, step * self.weight, self.accuracy)

    def _denoised(self, u: Array, t: float, accuracy: float) -> Array:
        columns = u.reshape(len(u), -1)
        scale = np.maximum(1.0, np.linalg.norm(columns, axis=0))
        return (  # type: ignore[no-any-return]
            scale * self._solved(self._images(columns / scale), t / scale, accuracy).reshape(columns.shape)
        ).reshape(u.shape)

    def _solved(self, u: Array, t: Array, accuracy: float) -> Array:
        """p (m, n, S) within ``accuracy`` of the proximal points of images whose norms are at most 1."""
        z = np.zeros((2, *u.shape))
        ahead, momentum = z, np.ones(u.shape[-1])
        found, least = u, np.full(u.shape[-1], np.inf)
        length = 1 / (8 * np.maximum(t, 1e-300))
        for iteration in range(ITERATIONS):
            slope = _differences(u - t * _adjoint(ahead))
            new = ahead + length * slope
            new = new / np.maximum(1.0, self._sizes(new))
            uphill = np.sum((ahead - new) * (new - z), axis=(0, 1, 2)) > 0
            following = np.where(uphill, 1.0, (1 + np.sqrt(1 + 4 * momentum**2)) / 2)
            ahead = new + np.where(uphill, 0.0, (momentum - 1) / following) * (new - z)
            z, momentum = new, following
            if iteration % EVERY == 0:
                rough = u - t * _adjoint(z)
                p = _flattened(rough, accuracy / 8)
                moved = _differences(p)
                unused = np.sum(self._sizes(moved), axis=0) - np.sum(moved * z, axis=0)
                gap = t * np.sum(unused, axis=(0, 1)) + np.sum((p - rough) ** 2, axis=(0, 1)) / 2
                found = np.where(gap < least, p, found)
                least = np.minimum(gap, least)
                if (least <= accuracy**2 / 4).all():
                    return found
        raise SolverError(f"The dual of total variation is not solved to {accuracy:g} in {ITERATIONS} iterations.")

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        """On the space of images with the same flat regions: (I + t D^T H D)^{-1}, H the Hessian of the norms."""
        p = self._images(self._prox(u, step))
        moved = _differences(p)
        sizes = np.broadcast_to(self._sizes(moved), moved.shape)
        steep = sizes > FLAT * np.maximum(1.0, np.abs(p).max(axis=(0, 1)))
        labels, count = _regions(p, steep)
        regions = coo_array((np.ones(p.size), (np.arange(p.size), labels)), shape=(p.size, count)).tocsc()
        system = regions.T @ regions
        if self.isotropic:
            system = system + step * self.weight * _bending(
                moved, sizes, steep, np.arange(p.size).reshape(p.shape), regions
            )
        solved = regions @ np.atleast_1d(spsolve(system.tocsc(), regions.T @ v.ravel()))
        return solved.reshape(u.shape)  # type: ignore[no-any-return]

    def _conjugate(self, s: Array) -> Any:
        """0 if s is within 2e-4, relatively, of weight D^T z for some |z| <= 1: then the prox at step 1 is as small."""
        columns = s.reshape(len(s), -1)
        left = self._denoised(s, self.weight, COARSE).reshape(columns.shape)
        slack = 2 * COARSE * (1 + np.linalg.norm(columns, axis=0))
        return np.where(np.linalg.norm(left, axis=0) <= slack, 0.0, np.inf).reshape(s.shape[1:])[()]

    def _subgradient(self, x: Array, near: Array) -> Array:
        """weight D^T z, z = Dx/|Dx| where that is not 0; elsewhere the best |z| <= 1, found as the prox is."""
        images, target = self._images(x), self._images(near)
        moved = _differences(images)
        sizes = np.broadcast_to(self._sizes(moved), moved.shape)
        steep = sizes > FLAT * np.maximum(1.0, np.abs(images).max(axis=(0, 1)))
        fixed = np.where(steep, moved / np.where(steep, sizes, 1.0), 0.0)
        rest = target - self.weight * _adjoint(fixed)
        scale = np.maximum(1.0, np.linalg.norm(rest, axis=(0, 1)))
        z = _nearest_dual(rest / scale, self.weight / scale, ~steep, self._sizes)
        return (self.weight * _adjoint(fixed + z)).reshape(x.shape)


def _flattened(p: Array, within: float) -> Array:
    """The images with the mean in place of each region whose neighbours differ by less than ``within``."""
    labels, _ = _regions(p, np.abs(_differences(p)) > within)
    return block_means(p.ravel(), labels).reshape(p.shape)


def _regions(p: Array, steep: Array) -> tuple[Any, int]:
    """The regions of pixels (m n S,) that differences which are not ``steep`` connect, as numbers, and how many."""
    pixels = np.arange(p.size).reshape(p.shape)
    down, right = ~steep[0, :-1], ~steep[1, :, :-1]
    first = np.concatenate([pixels[:-1][down], pixels[:, :-1][right]])
    second = np.concatenate([pixels[1:][down], pixels[:, 1:][right]])
    graph = coo_array((np.ones(first.size), (first, second)), shape=(p.size, p.size))
    count, labels = connected_components(graph, directed=False)
    return labels, int(count)


def _nearest_dual(target: Array, t: Array, free: Array, sizes: Any) -> Array:
    """z, 0 where not ``free`` and |z| <= 1, for which t D^T z is near to ``target``, by accelerated projection."""
    z = ahead = np.zeros_like(free, dtype=float)
    momentum, length = np.ones(target.shape[-1]), 1 / (8 * t)
    for _ in range(math.isqrt(ITERATIONS) * EVERY):
        new = np.where(free, ahead + length * _differences(target - t * _adjoint(ahead)), 0.0)
        new = new / np.maximum(1.0, sizes(new))
        uphill = np.sum((ahead - new) * (new - z), axis=(0, 1, 2)) > 0
        following = np.where(uphill, 1.0, (1 + np.sqrt(1 + 4 * momentum**2)) / 2)
        ahead = new + np.where(uphill, 0.0, (momentum - 1) / following) * (new - z)
        if np.array_equal(new, z):
            break
        z, momentum = new, following
    return z


def _differences(x: Array) -> Array:
    """The forward differences (2, m, n, S) of images (m, n, S): down and right, 0 at the border."""
    moved = np.zeros((2, *x.shape))
    moved[0, :-1] = np.diff(x, axis=0)
    moved[1, :, :-1] = np.diff(x, axis=1)
    return moved


def _adjoint(z: Array) -> Array:
    """The adjoint of :func:`_differences`."""
    x = np.zeros(z.shape[1:])
    x[:-1] -= z[0, :-1]
    x[1:] += z[0, :-1]
    x[:, :-1] -= z[1, :, :-1]
    x[:, 1:] += z[1, :, :-1]
    return x


def _has_neighbour(shape: tuple[int, ...]) -> Array:
    """Which of the differences (2, m, n, S) are not beyond the border."""
    inside = np.ones((2, *shape), dtype=bool)
    inside[0, -1] = False
    inside[1, :, -1] = False
    return inside


def _bending(moved: Array, sizes: Array, steep: Array, pixels: Array, regions: Any) -> Any:
    """The regions' part of D^T H D, where H is (I - q q^T)/|Dp| with q = Dp/|Dp| across each steep pixel."""
    used = steep[0] | steep[1]
    down, right = np.roll(pixels, -1, axis=0), np.roll(pixels, -1, axis=1)
    here, size = pixels[used], sizes[0][used]
    # q turned by a right angle, applied to the differences; at the border the missing difference has no neighbour
    across = np.stack([-moved[1][used], moved[0][used]]) / size
    inside = _has_neighbour(pixels.shape)[:, used]
    across = np.where(inside, across, 0.0)
    rows = np.arange(here.size)
    entries = np.concatenate([across[0], across[1], -across[0] - across[1]])
    places = (np.tile(rows, 3), np.concatenate([down[used], right[used], here]))
    operator = coo_array((entries, places), shape=(here.size, pixels.size)).tocsr() @ regions
    return operator.T @ diags_array(1 / size) @ operator
