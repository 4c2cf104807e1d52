"""Curves of parameters over [0, T]: pieces of straight lines, with jumps between them, or Lipschitz functions.

What a certificate needs of a curve is the same for both: on an interval, a straight line and a bound on the
distance from it.  Matrix distances are Frobenius norms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import GUARD, UNIT, frobenius_upper
from fbscheck.errors import InputError
from fbscheck.inputs import Number, finite_array, finite_number, nonnegative

__all__ = ["Chords", "Curve", "LipschitzCurve", "Piecewise"]

Values = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class Chords:
    """Straight lines on M intervals: their values ``start`` and ``end`` (M, ...), read-only.

    The curve is within ``error`` (M,) of the line at each time of the interval.  ``straight`` says that it stays at
    ``start``: then ``end`` is the same array.
    """

    start: Values
    end: Values
    error: Values

    @property
    def straight(self) -> bool:
        """Whether every line is a constant."""
        return self.end is self.start


@final
@dataclass(frozen=True, eq=False)
class Piecewise:
    """P pieces of straight lines from ``starts[p]`` to ``ends[p]``, (P, ...) each; jumps between pieces are allowed.

    ``times`` are the P + 1 ends of the pieces, from 0 to T; None: pieces of one length.  At a jump the curve takes
    the value to the right.
    """

    starts: Values
    ends: Values
    times: Sequence[Number] | None = None

    def __post_init__(self) -> None:
        starts = finite_array(self.starts, "values", (1, 2, 3))
        ends = starts if self.ends is self.starts else finite_array(self.ends, "values", (1, 2, 3))
        if starts.shape != ends.shape:
            raise InputError(f"Need as many ends of pieces as starts, got shapes {starts.shape} and {ends.shape}.")
        for name, value in (("starts", starts), ("ends", ends), ("times", _times(self.times, len(starts)))):
            object.__setattr__(self, name, value)

    @classmethod
    def steps(cls, values: npt.ArrayLike, times: Sequence[Number] | None = None) -> "Piecewise":
        """The curve with the values (P, ...) on P pieces.

        Raises
        ------
        InputError
            If the values are not finite, or the times do not increase from 0.
        """
        known = finite_array(values, "values", (1, 2, 3))
        return cls(known, known, times)

    @classmethod
    def lines(cls, nodes: npt.ArrayLike, times: Sequence[Number] | None = None) -> "Piecewise":
        """The continuous curve through P + 1 values (P + 1, ...), P >= 1.

        Raises
        ------
        InputError
            As for :meth:`steps`, or if there are fewer than two values.
        """
        known = finite_array(nodes, "nodes", (1, 2, 3))
        if len(known) < 2:
            raise InputError(f"Need two values or more to draw lines between them, got {len(known)}.")
        return cls(known[:-1], known[1:], times)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a value."""
        return self.starts.shape[1:]

    @property
    def constant(self) -> bool:
        """Whether there is one value at all times."""
        return self.ends is self.starts and len(self.starts) == 1

    def breaks(self, horizon: Fraction) -> tuple[Fraction, ...]:
        """The ends of the pieces as shares of the horizon, from 0 to 1.

        Raises
        ------
        InputError
            If the last piece does not end at the horizon.
        """
        if self.times is not None and self.times[-1] != horizon:
            raise InputError(
                f"Need pieces up to the horizon T={float(horizon):g}, got a last time of {float(self.times[-1]):g}."
            )
        return self._shares

    @cached_property
    def _shares(self) -> tuple[Fraction, ...]:
        pieces = len(self.starts)
        if self.times is None:
            return tuple(Fraction(p, pieces) for p in range(pieces + 1))
        return tuple(Fraction(time) / Fraction(self.times[-1]) for time in self.times)

    @cached_property
    def _edges(self) -> tuple[Values, Values]:
        """The ends of the pieces, and their lengths, in float64."""
        edges = np.array([float(share) for share in self._shares])
        return edges, np.array([float(last - first) for first, last in pairwise(self._shares)])

    def variation(self) -> float:
        """The total variation over [0, T], jumps included; rounded up."""
        size = frobenius_upper if len(self.shape) == 2 else np.abs
        within = 0.0 if self.ends is self.starts else float(np.sum(size(self.ends - self.starts)))
        return (within + float(np.sum(size(self.starts[1:] - self.ends[:-1])))) * GUARD

    def chords(self, low: Values, high: Values, piece: Index, horizon: Fraction) -> Chords:
        """The lines on intervals [low, high] (M,), shares of the horizon known to 4 u, each within one piece."""
        if self.constant:
            known = np.broadcast_to(self.starts[0], (len(piece), *self.shape))
            return Chords(known, known, np.zeros(len(piece)))
        starts = self.starts[piece]
        if self.ends is self.starts:
            return Chords(starts, starts, np.zeros(len(piece)))
        edges, widths = self._edges
        change, width = self.ends[piece] - starts, widths[piece]
        reach = _size(change)
        error = (
            np.minimum(16 * UNIT / width, 1.0) * reach + 8 * UNIT * (_size(starts) + _size(self.ends[piece]))
        ) * GUARD
        first, last = (
            starts + np.clip((time - edges[piece]) / width, 0, 1).reshape(-1, *(1,) * len(self.shape)) * change
            for time in (low, high)
        )
        return Chords(first, last, error)


@final
@dataclass(frozen=True, eq=False)
class LipschitzCurve:
    """A function of time with a promised Lipschitz constant, and no jumps.

    ``function`` takes times (n,) in [0, T] and returns values (n, ...); what it returns is taken for exact.
    ``lipschitz`` bounds the speed in the Frobenius norm, ``curvature``, if given, the change of the speed per unit of
    time: then the curve is closer to its chords.  What is certified rests on these promises, and for weights on being
    >= 0 (looked at in 1024 places).
    """

    function: Callable[[Values], Values]
    lipschitz: Number
    horizon: Number
    curvature: Number | None = None

    def __post_init__(self) -> None:
        nonnegative(self.lipschitz, "lipschitz", "It bounds the speed of the curve.")
        if self.curvature is not None:
            nonnegative(self.curvature, "curvature", "It bounds the change of the speed.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a value."""
        return self._values(np.zeros(1)).shape[1:]

    @property
    def constant(self) -> bool:
        """Whether there is one value at all times."""
        return self.lipschitz == 0

    def breaks(self, horizon: Fraction) -> tuple[Fraction, ...]:
        """One piece: 0 and 1.

        Raises
        ------
        InputError
            If the curve has another horizon.
        """
        if Fraction(self.horizon) != horizon:
            raise InputError(f"Need a curve over [0, {float(horizon):g}], got one over [0, {float(self.horizon):g}].")
        return Fraction(0), Fraction(1)

    def variation(self) -> float:
        """An upper bound of the total variation: lipschitz * T."""
        return float(Fraction(self.lipschitz) * Fraction(self.horizon)) * GUARD

    def chords(self, low: Values, high: Values, piece: Index, horizon: Fraction) -> Chords:
        """The lines between the ends of intervals [low, high] (M,), shares of the horizon known to 4 u."""
        length = float(horizon)
        times = np.concatenate([low[:1], high]) if np.array_equal(low[1:], high[:-1]) else np.concatenate([low, high])
        values = self._values(times * length)
        start, end = (values[:-1], values[1:]) if len(values) == len(low) + 1 else np.split(values, 2)
        width = (high - low) * length * (1 + 16 * UNIT)
        missed = float(self.lipschitz) * width / 2
        if self.curvature is not None:
            missed = np.minimum(missed, float(self.curvature) * width**2 / 8)
        missed = (missed + float(self.lipschitz) * length * 16 * UNIT) * GUARD
        return Chords(start, end, missed)

    def _values(self, times: Values) -> Values:
        values = finite_array(self.function(times), "the values of a curve", (1, 2, 3))
        if len(values) != len(times):
            raise InputError(
                f"Need one value for each of {len(times)} times, got shape {values.shape} (a function of one time?)."
            )
        return values


Curve = Piecewise | LipschitzCurve


def _times(times: Sequence[Number] | None, pieces: int) -> tuple[Fraction, ...] | None:
    if times is None:
        return None
    known = tuple(Fraction(finite_number(t, "a time")) for t in list(times))
    increasing = all(a < b for a, b in zip(known, known[1:], strict=False))
    if len(known) != pieces + 1 or not increasing or known[0] != 0:
        shown = ", ".join(f"{float(t):g}" for t in known[:6])
        raise InputError(f"Need {pieces + 1} increasing times from 0 for {pieces} pieces, got {len(known)}: {shown}.")
    return known


def _size(values: Values) -> Values:
    """Frobenius norms of matrices (M, ., .), rounded up; absolute values of numbers (M,)."""
    return frobenius_upper(values) if values.ndim == 3 else np.abs(values)
