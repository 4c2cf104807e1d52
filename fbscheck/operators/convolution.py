"""Convolutions on grids of one or two dimensions, with several channels, and certified bounds on their norm.

A convolution with periodic boundary is block diagonal in the Fourier basis; the block of a frequency, its symbol, has
as many rows and columns as there are channels.  Symbols are evaluated with a proved error from a table of
cosines and sines that balls enclose, and their eigenvalues are bounded by floating Cholesky factors whose products
are subtracted (as in :mod:`fbscheck.certify.enclosure`), for all frequencies at once.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import is_ball, root_down, root_up, round_down, round_up
from fbscheck.certify.enclosure import UNIT
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array
from fbscheck.operators.maps import LinearMap

__all__ = ["Convolution"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Convolution(LinearMap):
    """y_o(p) = sum over c and t of kernel[o, c, t] x_c(p - t + centre), on a grid of one or two dimensions.

    ``kernel`` is (k,) or (k1, k2), with several channels (outputs, inputs, k) or (outputs, inputs, k1, k2); its centre
    is the entry (k - 1) // 2 along each axis.  ``grid`` is (n,) or (n1, n2).  Points are the channels one after
    the other, each with its pixels row by row.  The ``boundary`` is "circular", or "zero": x vanishes outside.
    With ``method`` "fft" float64 products go through the FFT; balls are always summed directly.

    The norm of a circular convolution is that of its largest symbol.  With zero boundary it is a compression of a
    circular one on a larger grid, whose norm bounds it: not attained, but nearly so on grids much larger
    than the kernel.

    >>> float(round(Convolution(np.array([1.0, -1.0]), (4,)).norm_upper, 12))
    2.0
    """

    kernel: Values
    grid: tuple[int, ...]
    boundary: str = "circular"
    method: str = "fft"

    def __post_init__(self) -> None:
        grid = tuple(self.grid) if isinstance(self.grid, (tuple, list)) else (self.grid,)
        if len(grid) not in (1, 2) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in grid):
            raise InputError(f"Need a grid (n,) or (n1, n2) of positive whole numbers, got {self.grid!r}.")
        kernel = finite_array(self.kernel, "kernel", (len(grid), len(grid) + 2))
        kernel = kernel if kernel.ndim > len(grid) else kernel[None, None]
        if any(k > n for k, n in zip(kernel.shape[2:], grid, strict=True)):
            raise InputError(
                f"Need a kernel that fits into the grid, got {kernel.shape[2:]} on {grid} (swapped axes?)."
            )
        for name, allowed in (("boundary", ("circular", "zero")), ("method", ("fft", "direct"))):
            if (value := getattr(self, name)) not in allowed:
                raise InputError(f"Need {name} {' or '.join(map(repr, allowed))}, got {value!r}.")
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "grid", tuple(int(n) for n in grid))

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs * pixels, inputs * pixels)."""
        pixels = math.prod(self.grid)
        return self.kernel.shape[0] * pixels, self.kernel.shape[1] * pixels

    @cached_property
    def norm_upper(self) -> float:
        """The largest norm of a symbol of the circular convolution, certified from above."""
        if not self.kernel.any():
            return 0.0
        symbols, radius, unit = self._symbols()
        square = -_eigenvalues_lower(-_gram(symbols), _missed(symbols))
        return round_up((Fraction(root_up(Fraction(max(square, 0.0)))) + Fraction(radius)) * Fraction(unit))

    @cached_property
    def gram_lower(self) -> float:
        """The least eigenvalue of A^T A over all symbols, certified from below; 0 with zero boundary."""
        outputs, inputs = self.kernel.shape[:2]
        if self.boundary == "zero" or outputs < inputs:
            return 0.0
        symbols, radius, unit = self._symbols()
        square = _eigenvalues_lower(_gram(symbols), _missed(symbols))
        least = max(Fraction(root_down(Fraction(max(square, 0.0)))) - Fraction(radius), Fraction(0))
        return round_down((least * Fraction(unit)) ** 2)

    def dense(self) -> Values:
        """The matrix (m, d) of A, free of rounding."""
        return self._direct(np.eye(self.shape[1]), forward=True)

    def _apply(self, x: Array) -> Array:
        return self._direct(x, True) if is_ball(x) or self.method == "direct" else self._by_fft(x, True)

    def _apply_adjoint(self, y: Array) -> Array:
        return self._direct(y, False) if is_ball(y) or self.method == "direct" else self._by_fft(y, False)

    @property
    def _centre(self) -> tuple[int, ...]:
        return tuple((k - 1) // 2 for k in self.kernel.shape[2:])

    def _direct(self, x: Array, forward: bool) -> Array:
        """The sum over the entries of the kernel, each a product of the channels with a shifted x."""
        kernel, sign = (self.kernel, 1) if forward else (np.swapaxes(self.kernel, 0, 1), -1)
        fields = x.reshape(kernel.shape[1], *self.grid, *x.shape[1:])
        taps = np.moveaxis(kernel, (0, 1), (-2, -1))
        total: Any = 0.0
        for entry in product(*map(range, kernel.shape[2:])):
            shift = tuple(sign * (t - c) for t, c in zip(entry, self._centre, strict=True))
            total = total + np.tensordot(taps[entry], self._shifted(fields, shift), 1)
        return np.asarray(total.reshape(-1, *x.shape[1:]))

    def _shifted(self, fields: Array, shift: tuple[int, ...]) -> Array:
        """The fields p -> x(p - shift)."""
        axes = tuple(range(1, 1 + len(self.grid)))
        moved = np.roll(fields, shift, axes)
        if self.boundary == "zero":
            moved = moved.copy()
            for axis, s in zip(axes, shift, strict=True):
                if s:
                    outside = slice(0, s) if s > 0 else slice(s, None)
                    moved[(slice(None),) * axis + (outside,)] *= 0
        return moved

    @property
    def _period(self) -> tuple[int, ...]:
        """The periodic grid: the grid itself, or one on which nothing wraps around into it."""
        room = self.kernel.shape[2:] if self.boundary == "zero" else (1,) * len(self.grid)
        return tuple(n + k - 1 for n, k in zip(self.grid, room, strict=True))

    @cached_property
    def _spectrum(self) -> npt.NDArray[np.complex128]:
        """The symbols in floating point, at half of the frequencies: (outputs, inputs, ...)."""
        axes = tuple(range(2, 2 + len(self.grid)))
        padded = np.zeros((*self.kernel.shape[:2], *self._period))
        padded[(slice(None), slice(None), *map(slice, self.kernel.shape[2:]))] = self.kernel
        return np.asarray(np.fft.rfftn(np.roll(padded, tuple(-c for c in self._centre), axes), axes=axes))

    def _by_fft(self, x: Array, forward: bool) -> Array:
        axes, inside = tuple(range(1, 1 + len(self.grid))), tuple(map(slice, self.grid))
        fields = x.reshape(-1, *self.grid, *x.shape[1:])
        transformed = np.fft.rfftn(fields, s=self._period, axes=axes)
        subscripts = "oi...s,i...s->o...s" if forward else "oi...s,o...s->i...s"
        symbol = self._spectrum if forward else np.conj(self._spectrum)
        images = np.einsum(
            subscripts, symbol[..., None], transformed.reshape(*transformed.shape[: 1 + len(self.grid)], -1)
        )
        back = np.fft.irfftn(images, s=self._period, axes=axes)[(slice(None), *inside)]
        return np.asarray(back.reshape(-1, *x.shape[1:]))

    def _symbols(self) -> tuple[Values, float, float]:
        """B (frequencies, 2 outputs, 2 inputs), r and a power of two: each symbol is B within r, times the power.

        B holds real and imaginary parts, [[Re, -Im], [Im, Re]], with which norms and Gram matrices keep their
        eigenvalues.
        """
        outputs, inputs, *sides = self.kernel.shape
        largest = float(np.max(np.abs(self.kernel)))
        unit = 2.0 ** min(math.frexp(largest)[1], 1023) if largest else 1.0
        kernel = (self.kernel / unit).reshape(outputs * inputs, -1)
        period = self._period
        pixels = math.prod(period)
        phases = np.zeros((pixels, kernel.shape[1]), dtype=np.int64)
        for n, frequency, tap in zip(
            period, np.indices(period).reshape(len(period), -1), np.indices(sides).reshape(len(sides), -1), strict=True
        ):
            phases += np.outer(frequency, tap) % n * (pixels // n)
        cosines, sines = _circle(pixels)
        real, imaginary = (table[phases % pixels] @ kernel.T for table in (cosines, sines))
        off = (kernel.shape[1] + 4) * 2 * UNIT * float(np.max(np.sum(np.abs(kernel), axis=1)))
        re, im = (part.reshape(pixels, outputs, inputs) for part in (real, imaginary))
        return np.block([[re, im], [-im, re]]), 2 * math.sqrt(2 * outputs * inputs) * off, unit


def _circle(count: int) -> tuple[Values, Values]:
    """cos and sin of 2 pi j / count, j < count, each within 2^-53."""
    turns = [flint.fmpq(2 * j, count) for j in range(count)]
    cosines = [float(flint.arb.cos_pi_fmpq(turn).mid()) for turn in turns]
    sines = [float(flint.arb.sin_pi_fmpq(turn).mid()) for turn in turns]
    return np.array(cosines), np.array(sines)


def _gram(symbols: Values) -> Values:
    return np.swapaxes(symbols, 1, 2) @ symbols


def _missed(symbols: Values) -> float:
    """What the products in B^T B may be off, in the Frobenius norm, for any frequency."""
    largest = _frobenius(symbols)
    return 4 * int(symbols.shape[1]) * UNIT * largest * largest + 2.0**-900


def _eigenvalues_lower(batch: Values, missed: float) -> float:
    """No more than any eigenvalue of symmetric matrices within ``missed`` of the ``batch`` (count, n, n)."""
    size = float(np.max(np.abs(batch))) * batch.shape[1] + 2.0**-900
    least = float(np.linalg.eigvalsh(batch).min())
    eye = np.eye(batch.shape[1])
    for exponent in (-46, -42, -36, -28):
        shift = least - size * 2.0**exponent
        shifted = batch - shift * eye
        try:
            factor = np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            continue
        rest = shifted - factor @ np.swapaxes(factor, 1, 2)
        squares = np.sum(shifted * shifted, axis=(1, 2))
        own = np.sum(factor * factor, axis=(1, 2)) + np.sqrt(squares) + abs(shift)
        rounding = 4 * (batch.shape[1] + 4) * UNIT * float(np.max(own))
        defect = _frobenius(rest)
        found = shift - (defect + rounding + missed) * (1 + 2.0**-40)
        if math.isfinite(found):
            return float(found - 2 * UNIT * abs(found))
    return -(_frobenius(batch) + missed)


def _frobenius(batch: Values) -> float:
    """No less than the largest Frobenius norm of the matrices."""
    squares = np.sum(batch * batch, axis=(1, 2))
    return math.sqrt(float(np.max(squares))) * (1 + 2.0**-40) + 2.0**-500
