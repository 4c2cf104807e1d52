r"""Lipschitz bounds of a network by a recursion from its last layer to its first.

Two runs of the network differ by Dx_n, Db; layer n maps Du = W_n Dx + U_n Db to Dx' = low Du + width Dw, with
<Dw, Lambda (Du - Dw)> >= 0 for every Lambda = lambda I, lambda >= 0, and, if the proximal map is separable,
for every diagonal Lambda >= 0 (:mod:`fbscheck.network.sectors`).  Let P_N = diag(I, 0) and let
V_n(z) = <z, P_n z> for z = (Dx_n, Db).  If 2 Lambda_n - width P^xx_{n+1} width is positive definite,

    V_{n+1}(Dx', Db) <= V_{n+1}(low Du + width Dw, Db) + 2 <Dw, Lambda_n (Du - Dw)>,

and the right-hand side is a concave quadratic in Dw, whose maximum over all Dw is taken as V_n(Dx, Db).
So V_n decreases along the network: |Dx_N|^2 = V_N <= V_0, and Lip^2 is at most the greatest eigenvalue of
P_0, of its block of b, or of its block of x_0.  Every choice of multipliers gives a bound.  V_0 is a supremum
of functions linear in the multipliers, hence convex in them, and its derivative is that of the term above
at the maximising Dw: one sweep forward finds all of them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, final

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from fbscheck.errors import InputError
from fbscheck.inputs import finite_array
from fbscheck.network.layers import Layers
from fbscheck.network.sectors import Sectors, sectors_of

__all__ = ["Factor", "Input", "Recursion", "Trail", "recursion", "root_of"]

Values = npt.NDArray[np.float64]
Input = Literal["b", "x0", "both"]
"""With respect to what a network is Lipschitz."""

MEMORY = 2**26
"""Bytes that the factors of the layers may take; where they need more, they are computed twice."""
LEAST = 1e-200
"""The least safe multiplier."""


class Factor(NamedTuple):
    """What layer n keeps of P_{n+1}: the Cholesky factor of 2 Lambda_n - width P^xx width, P^xb, and P^xx or None."""

    cholesky: Values
    cross: Values
    square: Values | None


@final
@dataclass(frozen=True, eq=False)
class Recursion:
    """The recursion for one network and one kind of input; made by :func:`recursion`.

    ``injections`` (N, d, m) has m = 0 where b is kept fixed.
    """

    transitions: Values
    injections: Values
    sectors: Sectors
    separable: bool
    wrt: Input

    @property
    def shape(self) -> tuple[int, int]:
        """(N, d), the shape of the multipliers."""
        return self.transitions.shape[0], self.transitions.shape[1]

    def block(self, storage: Values) -> Values:
        """The block of P_0 that belongs to the input."""
        first = self.shape[1] if self.wrt == "b" else 0
        return storage[first:, first:]

    def inputs(self, vectors: Values) -> tuple[Values, Values]:
        """Columns of that block's length as Dx_0 and Db."""
        d = self.shape[1]
        return (np.zeros((d, vectors.shape[1])), vectors) if self.wrt == "b" else (vectors[:d], vectors[d:])

    def checked(self, multipliers: npt.ArrayLike) -> Values:
        """Multipliers (N, d) of the right kind: nonnegative, and equal in a layer that is not separable.

        Raises
        ------
        InputError
            If they are not.
        """
        found = finite_array(multipliers, "multipliers", 2)
        if found.shape != self.shape:
            raise InputError(f"Need multipliers (N, d) = {self.shape}, got {found.shape}.")
        if (found < 0).any():
            raise InputError(f"Need multipliers >= 0, got {float(found.min())} (logarithms?).")
        if not self.separable and (found != found[:, :1]).any():
            raise InputError("Need one multiplier a layer where proximal maps are not separable, got several.")
        return found

    def effective(self, multipliers: Values) -> Values:
        """Multipliers that are 0 where a slope is known: there Dw has no effect, and is taken as 0."""
        return np.where(self.sectors.width > 0, multipliers, 0.0)

    def safe(self) -> Values:
        """Multipliers that are admissible for any network: the norm of width P^xx_{n+1} width, for every unit.

        Where that is nearly zero they are a little more, at a cost of about 1e-12 of the bound.

        Raises
        ------
        InputError
            If the storages leave the range of floating point.
        """
        found, storage = np.empty(self.shape), self.final()
        depth, dimension = self.shape
        largest = float(np.max(np.abs(self.injections), initial=0.0)) ** 2
        for n in range(depth - 1, -1, -1):
            width = self.sectors.width[n]
            with np.errstate(all="ignore"):
                form = width[:, None] * storage[:dimension, :dimension] * width
                floor = 1e-12 * float(np.trace(storage[dimension:, dimension:])) / largest if largest else 0.0
            top = float(np.linalg.eigvalsh(form)[-1]) if np.isfinite(form).all() else math.inf
            found[n] = max(top * (1 + 1e-6), floor, LEAST)
            step = self.step(n, storage, np.where(width > 0, found[n], 0.0)) if top < 1e280 else None
            if step is None:
                raise InputError(
                    f"Need a network whose gain from layer {n + 1} on is below 1e140, got {math.sqrt(top):.3g} "
                    "(unstable layers?)."
                )
            storage = step[0]
        return found

    def final(self) -> Values:
        """P_N."""
        return np.diag(np.repeat([1.0, 0.0], self.injections.shape[1:]))

    def step(self, n: int, storage: Values, multipliers: Values) -> tuple[Values, Factor] | None:
        """P_n from P_{n+1}, or None where 2 Lambda_n - width P^xx width is not numerically positive definite."""
        with np.errstate(all="ignore"):
            return self._step(n, storage, multipliers)

    def _step(self, n: int, storage: Values, multipliers: Values) -> tuple[Values, Factor] | None:
        d, low, width = self.shape[1], self.sectors.low[n], self.sectors.width[n]
        square, cross = storage[:d, :d], storage[:d, d:]
        pencil = -width[:, None] * square * width
        pencil[np.diag_indices(d)] += np.where(width > 0, 2 * multipliers, 1.0)
        factor, failed = dpotrf(pencil, lower=1)
        if failed or not np.isfinite(factor[-1, -1]):
            return None
        forward = np.hstack([self.transitions[n], self.injections[n]])
        image = multipliers[:, None] * forward
        image[:, d:] += width[:, None] * cross
        passed = low[:, None] * forward if low.any() else None
        if passed is not None:
            image += width[:, None] * (square @ passed)
        half, _ = dtrtrs(factor, image, lower=1)
        found = half.T @ half
        found[d:, d:] += storage[d:, d:]
        if passed is not None:
            mixed = passed.T @ cross
            found += passed.T @ square @ passed
            found[:, d:] += mixed
            found[d:] += mixed.T
        return found, Factor(factor, cross, None if passed is None else square)

    def backward(self, multipliers: Values) -> "Trail | None":
        """The whole recursion, kept for sweeps forward; None if the multipliers are not admissible."""
        multipliers = self.effective(multipliers)
        depth, d = self.shape
        length = max(1, min(depth, MEMORY // (16 * d * (d + self.injections.shape[2]))))
        storage, ends, stops = self.final(), range(depth, 0, -length), []
        factors: list[Factor] = []
        for end in ends:
            stops.append(storage)
            found = self._segment(max(0, end - length), end, storage, multipliers)
            if found is None:
                return None
            storage, factors = found
        return Trail(self, multipliers, storage, tuple(ends), tuple(stops), tuple(factors))

    def _segment(
        self, start: int, end: int, storage: Values, multipliers: Values
    ) -> tuple[Values, list[Factor]] | None:
        factors = []
        for n in range(end - 1, start - 1, -1):
            step = self.step(n, storage, multipliers[n])
            if step is None:
                return None
            storage, factor = step
            factors.append(factor)
        return storage, factors[::-1]

    def bound(self, multipliers: npt.ArrayLike) -> float:
        """The Lipschitz bound of these multipliers in floating point; inf if they are not admissible."""
        checked, storage = self.effective(self.checked(multipliers)), self.final()
        for n in range(self.shape[0] - 1, -1, -1):
            step = self.step(n, storage, checked[n])
            if step is None:
                return math.inf
            storage = step[0]
        return root_of(self.block(storage))


@final
@dataclass(frozen=True, eq=False)
class Trail:
    """P_0 and what a sweep forward needs: storages at the ends of segments, factors of the first segment."""

    recursion: Recursion
    multipliers: Values
    storage: Values
    ends: tuple[int, ...]
    stops: tuple[Values, ...]
    factors: tuple[Factor, ...]

    def forward(self) -> Iterator[tuple[int, Factor]]:
        """The factors of layers 0, 1, ..., N-1; those beyond the first segment are computed anew."""
        start = 0
        for end, stop in zip(self.ends[::-1], self.stops[::-1], strict=True):
            again = self.recursion._segment(start, end, stop, self.multipliers) if start else (stop, self.factors)
            if again is not None:
                yield from enumerate(again[1], start)
            start = end

    def reply(self, n: int, factor: Factor, states: Values, data: Values) -> tuple[Values, Values]:
        """Du and the Dw that maximises, for columns Dx_n, Db."""
        recursion = self.recursion
        width = recursion.sectors.width[n][:, None]
        arguments = recursion.transitions[n] @ states + recursion.injections[n] @ data
        image = self.multipliers[n][:, None] * arguments + width * (factor.cross @ data)
        if factor.square is not None:
            image += width * (factor.square @ (recursion.sectors.low[n][:, None] * arguments))
        return arguments, dpotrs(factor.cholesky, image, lower=1)[0]

    def outcome(self, n: int, arguments: Values, replies: Values) -> Values:
        """Dx_{n+1} = low Du + width Dw."""
        sectors = self.recursion.sectors
        found: Values = sectors.low[n][:, None] * arguments + sectors.width[n][:, None] * replies
        return found


def recursion(layers: Layers, wrt: Input = "b", sectors: Sectors | None = None) -> Recursion:
    """The recursion for ``layers``, with slopes in ``sectors`` if more is known than :func:`sectors_of` says.

    Raises
    ------
    InputError
        If ``wrt`` is no input, or the sectors do not fit the layers.
    """
    if wrt not in ("b", "x0", "both"):
        raise InputError(f"Need wrt of 'b', 'x0' or 'both', got {wrt!r:.60}.")
    known = sectors_of(layers) if sectors is None else sectors
    shape = (layers.depth, layers.dimension)
    if known.low.shape != shape:
        raise InputError(f"Need sectors of shape {shape} for these layers, got {known.low.shape}.")
    if not layers.separable and (known.low.any() or (known.width != known.width[:, :1]).any()):
        raise InputError("Need slopes in one interval [0, c] a layer where proximal maps are not separable.")
    injections = layers.injections[:, :, :0] if wrt == "x0" else layers.injections
    return Recursion(layers.transitions, injections, known, layers.separable, wrt)


def root_of(storage: Values) -> float:
    """The square root of the greatest eigenvalue."""
    return math.sqrt(max(0.0, float(np.linalg.eigvalsh(storage)[-1]))) if np.isfinite(storage).all() else math.inf
