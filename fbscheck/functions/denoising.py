"""Proximal points of the total variation of images, by a barrier method that ends in an exact structure.

D takes the differences of an image down and right, in pairs (isotropic) or each alone (anisotropic).  The proximal
point is p = u - t D^T z, where z minimises |u - t D^T z|^2 / 2 over |z| <= 1, pair by pair.  With the barrier
-t nu sum log(1 - |z|^2) it is smooth, and near its centre nu -> 0 tells which differences vanish: those with
|Dp| << 1 - |z|.  With these set to exactly 0, and z = Dp/|Dp| at the others, Newton's method finds p to rounding.

Certificate: where Dp = 0 exactly any |z| <= 1, elsewhere z = Dp/|Dp|, makes D^T z a subgradient at p.  So p is the
proximal point of p + t D^T z, and |p - prox(u)| <= |p + t D^T z - u|, because proximal maps are nonexpansive.

Newton's direction is that of Chan, Golub and Mulet 1999; images are (m, n, S), their differences (2, m, n, S).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from fbscheck.inputs import Array

__all__ = ["Blocks", "Grid", "denoised"]

Labels = npt.NDArray[np.int32]

ITERATIONS = 80
GOAL = 1e-13
"""Iterations end for an image of norm 1 when its certificate is below, or below the rounding of the certificate."""
BARRIERS = (1.0, 1e-16)
CUT, CENTRED = 0.1, 1.0
"""The barrier is cut by that factor where the squared Newton decrement is at most 1."""
VANISHING = (1.0, 1e3)
"""A difference vanishes if |Dp| <= factor (1 - |z|): at the centre the middle way; or also where both are small."""
SIDEWAYS = 1e-2
"""Weight of moves along the circle |z| = 1, against moves across it of weight 1 - |z|."""
STIFFEST, SMALLEST = 1e14, 1e-12
"""Bounds of what linear systems hold beside the identity, lest it be rounded away."""
CORRECTIONS, NEWTON, HALVINGS = 6, 6, 12


@final
@dataclass(frozen=True)
class Blocks:
    """A symmetric 2 x 2 matrix (a, b; b, c) for each pixel, entries (m, n, S)."""

    a: Array
    b: Array
    c: Array

    def __call__(self, w: Array) -> Array:
        return np.stack([self.a * w[0] + self.b * w[1], self.b * w[0] + self.c * w[1]])

    def __mul__(self, factor: Any) -> "Blocks":
        return Blocks(self.a * factor, self.b * factor, self.c * factor)


@final
@dataclass(frozen=True)
class Grid:
    """Differences of S images; ``present`` (2, m, n, S) tells which of them are taken."""

    present: npt.NDArray[np.bool_]
    isotropic: bool

    def differences(self, x: Array) -> Array:
        """Dx: down and right, 0 where not present."""
        moved = np.zeros(self.present.shape)
        moved[0, :-1] = np.diff(x, axis=0)
        moved[1, :, :-1] = np.diff(x, axis=1)
        return np.where(self.present, moved, 0.0)

    def adjoint(self, z: Array) -> Array:
        """D^T z."""
        down, right = np.where(self.present, z, 0.0)
        x = -down - right
        x[1:] += down[:-1]
        x[:, 1:] += right[:, :-1]
        return x  # type: ignore[no-any-return]

    def inner(self, w: Array, z: Array) -> Array:
        """<w, z> of each pair, (1, m, n, S); or products, (2, m, n, S)."""
        return np.sum(w * z, axis=0, keepdims=True) if self.isotropic else w * z

    def sizes(self, z: Array) -> Array:
        """|z| of each pair, (1, m, n, S); or of each number, (2, m, n, S)."""
        return np.hypot(z[0], z[1])[None] if self.isotropic else np.abs(z)

    def units(self, w: Array) -> Array:
        """w/|w|, 0 for 0."""
        size = self.sizes(w)
        return w / np.where(size > 0, size, 1.0)

    def blocks(self, along: Array, across: Array, w: Array) -> Blocks:
        """The symmetric maps that multiply by ``along`` what is parallel to w, by ``across`` what is orthogonal."""
        if not self.isotropic:
            return Blocks(along[0], 0 * along[0], along[1])
        q = self.units(w)
        both = along[0] - across[0]
        return Blocks(across[0] + both * q[0] ** 2, both * q[0] * q[1], across[0] + both * q[1] ** 2)

    def only(self, kept: Array) -> "Grid":
        """The grid of some of the images."""
        return Grid(self.present[..., kept], self.isotropic)

    @cached_property
    def _pixels(self) -> tuple[Labels, Labels, Labels]:
        """The numbers of all pixels, and of those below and to the right of them; their own for no difference."""
        here = np.arange(self.present[0].size).reshape(self.present.shape[1:])
        below, right = (np.where(self.present[axis], np.roll(here, -1, axis=axis), here) for axis in (0, 1))
        return here.ravel(), below.ravel(), right.ravel()

    def system(self, diagonal: Any, blocks: Blocks, labels: Labels | None = None) -> Any:
        """The sparse matrix R^T (diagonal + D^T B D) R, where R takes a number for each label to its pixels."""
        here, below, right = self._pixels if labels is None else (labels[of] for of in self._pixels)
        a, c = np.where(self.present[0], blocks.a, 0.0).ravel(), np.where(self.present[1], blocks.c, 0.0).ravel()
        b = np.where(self.present[0] & self.present[1], blocks.b, 0.0).ravel()
        entries = (diagonal + a + 2 * b + c, -a - b, -a - b, -b - c, -b - c, a, c, b, b)
        rows = (here, here, below, here, right, below, right, below, right)
        columns = (here, below, here, right, here, below, right, right, below)
        size = here.size if labels is None else int(labels.max()) + 1
        places = (np.concatenate(rows), np.concatenate(columns))
        return coo_array((np.concatenate(entries), places), shape=(size, size)).tocsc()

    def regions(self, steep: Array) -> Labels:
        """The regions that differences which are not ``steep`` connect, as a number for each pixel."""
        linked = self.present & ~np.broadcast_to(steep, self.present.shape)
        here, below, right = self._pixels
        down, across = linked[0].ravel(), linked[1].ravel()
        first, second = np.concatenate([here[down], here[across]]), np.concatenate([below[down], right[across]])
        graph = coo_array((np.ones(first.size), (first, second)), shape=(here.size, here.size))
        return connected_components(graph, directed=False)[1]  # type: ignore[no-any-return]

    def bending(self, w: Array) -> Blocks:
        """The Hessian of |w|: (I - q q^T)/|w| for a pair w != 0 and q = w/|w|, else 0; 0 for numbers."""
        size = self.sizes(w)
        return self.blocks(0 * size, np.where(size > 0, 1 / np.maximum(size, SMALLEST), 0.0), w)


def denoised(u: Array, t: Array, present: npt.NDArray[np.bool_], isotropic: bool) -> tuple[Array, Array]:
    """The points p (m, n, S) nearest to u in |p - u|^2 / 2 + t sum |Dp|, and how far each is from it at most.

    Images have norms at most 1, or nearly; t > 0 is (S,).  Vanishing differences of p are 0 exactly.
    """
    # beyond 2 sqrt(m n) a flow along a tree with |z| < 1 makes p flat, and the multiplier does not matter
    t = np.clip(t, 1e-30, 2 * np.sqrt(u[..., 0].size))
    grid, left = Grid(present, isotropic), np.arange(u.shape[-1])
    found, bounds = u.copy(), np.full(u.shape[-1], np.inf)
    z, barrier = np.zeros(present.shape), np.full(u.shape[-1], BARRIERS[0])
    for iteration in range(ITERATIONS):
        if iteration > 3 and iteration % 2 == 0:
            p, bound, rounding = _structured(grid, u[..., left], t[left], z, VANISHING[iteration // 2 % 2])
            better = bound < bounds[left]
            found[..., left[better]], bounds[left[better]] = p[..., better], bound[better]
            open_still = bounds[left] > GOAL + 2 * rounding
            if not open_still.any():
                break
            if not open_still.all():
                grid, left, z, barrier = (
                    grid.only(open_still),
                    left[open_still],
                    z[..., open_still],
                    barrier[open_still],
                )
        z, barrier = _centred(grid, u[..., left], t[left], z, barrier)
    return found, bounds


def _solved(matrix: Any, right: Array) -> Array:
    """The solution of a sparse positive definite system."""
    factors = splu(matrix, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return factors.solve(right.ravel()).reshape(right.shape)  # type: ignore[no-any-return]


def _centred(grid: Grid, u: Array, t: Array, z: Array, barrier: Array) -> tuple[Array, Array]:
    """One step towards the centre, and the next barrier."""
    w, slack = grid.differences(u - t * grid.adjoint(z)), np.maximum(1 - grid.inner(z, z), BARRIERS[1])
    forward = np.maximum(grid.inner(w, z), 0.0)
    along, across = (np.minimum(slack / (2 * of), STIFFEST / t) for of in (barrier + forward, barrier))
    inverse = grid.blocks(along, across, z)
    residual = w - 2 * barrier * z / slack
    system = grid.system(1.0, inverse * t)
    moved = _solved(system, -t * grid.adjoint(inverse(residual)))
    step = inverse(residual + grid.differences(moved))

    def slope(length: Array) -> Array:
        """Of the barrier function along the step, divided by t."""
        at = z + length * step
        room = np.maximum(1 - grid.inner(at, at), 1e-300)
        rest = grid.differences(u - t * grid.adjoint(at)) - 2 * barrier * at / room
        return -np.sum(rest * step, axis=(0, 1, 2))  # type: ignore[no-any-return]

    length, first = np.minimum(1.0, 0.99 * _room(grid, z, step)), slope(np.zeros_like(t))
    for _ in range(HALVINGS):
        beyond = slope(length) > 0.3 * np.abs(first)
        if not beyond.any():
            break
        length = np.where(beyond, length / 2, length)
    near = np.abs(first) <= CENTRED * barrier
    return z + length * step, np.maximum(np.where(near, CUT * barrier, barrier), BARRIERS[1])


def _room(grid: Grid, z: Array, step: Array) -> Array:
    """The largest multiple of ``step`` that keeps all |z| <= 1."""
    square, inner, slack = grid.inner(step, step), grid.inner(z, step), np.maximum(1 - grid.inner(z, z), 0.0)
    reach = inner + np.sqrt(inner**2 + square * slack)
    room = np.where(reach > 0, slack / np.where(reach > 0, reach, 1.0), np.inf)
    return np.min(room, axis=(0, 1, 2))  # type: ignore[no-any-return]


def _structured(grid: Grid, u: Array, t: Array, z: Array, factor: float) -> tuple[Array, Array, Array]:
    """p with exactly flat regions, its certificate, and the part of rounding in that."""
    steep = grid.sizes(grid.differences(u - t * grid.adjoint(z))) > factor * (1 - grid.sizes(z))
    p = _on_regions(grid, u, t, u - t * grid.adjoint(z), grid.regions(steep))
    fixed = grid.units(grid.differences(p))
    free = grid.present & (grid.sizes(fixed) == 0)
    z, best = np.where(free, z, 0.0), np.full(u.shape[-1], np.inf)
    for _ in range(CORRECTIONS):
        z = z / np.maximum(1.0, grid.sizes(z) * (1 + 2.0**-50))
        rest = p - u + t * grid.adjoint(fixed + z)
        residual, size = _norms(rest), _norms(p) + _norms(u)
        # eight roundings of what is summed, in units of 2^-53; the units of w are wrong by no more than four
        rounding = 2.0**-50 * (size + 8 * t * np.sqrt(np.sum((fixed + z) ** 2, axis=(0, 1, 2))))
        best = np.minimum(best, residual * (1 + 1e-9) + rounding)
        if (best <= GOAL + 2 * rounding).all():
            break
        across = np.maximum(1 - grid.sizes(z), 0.0)
        weights = grid.blocks(across, across + SIDEWAYS * grid.sizes(z) ** 2, z)
        moves = Grid(free, grid.isotropic)
        potential = _solved(moves.system(1e-15, weights), -rest / t)
        z = z + np.where(free, weights(moves.differences(potential)), 0.0)
    return p, best, rounding


def _on_regions(grid: Grid, u: Array, t: Array, x: Array, labels: Labels) -> Array:
    """The minimiser among images that are constant on each region, by Newton's method from the means of x."""
    values = np.bincount(labels, x.ravel()) / np.bincount(labels)
    for _ in range(NEWTON):
        p = values[labels].reshape(u.shape)
        w = grid.differences(p)
        slope = np.bincount(labels, (p - u + t * grid.adjoint(grid.units(w))).ravel())
        values = values - _solved(grid.system(1.0, grid.bending(w) * t, labels), slope)
        if np.max(np.abs(slope)) <= 2.0**-52:
            break
    return values[labels].reshape(u.shape)


def _norms(x: Array) -> Array:
    return np.sqrt(np.sum(x * x, axis=(0, 1)))  # type: ignore[no-any-return]
