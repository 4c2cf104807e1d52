"""Roots of increasing functions, one an entry of an array, found for all entries at once.

Newton's method, safeguarded by a bracket that only ever shrinks: where it leaves the bracket or is slow, the
bracket is halved instead.  It is halved in the count of float64 numbers between its ends, not in length, so
that 64 halvings reach any root at any scale, be it 1e-300 or 1e300.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Evaluation", "increasing_root"]

Values = npt.NDArray[np.float64]
Evaluation = Callable[[Values], tuple[Values, Values, Values]]
"""x -> F(x), F'(x), and the size of the terms that F(x) sums: its rounding error is that times 2^-53 or so."""

ITERATIONS = 400
SLOW = 0.1
"""A Newton step that leaves more than this share of the residual is followed by a halving."""
ROUNDING = 2.0**-51


def increasing_root(evaluate: Evaluation, low: Values, high: Values, start: Values) -> Values:
    """x in [low, high] with F(x) = 0 as far as float64 can tell, F nondecreasing; all arrays of one shape.

    Where F has one sign on the whole bracket it is the end that is nearest to a root.
    """
    low, high, x = (np.array(part, dtype=np.float64) for part in np.broadcast_arrays(low, high, start))
    x = np.clip(x, low, high)
    before = np.full(x.shape, np.inf)
    best, least = x.copy(), before.copy()
    with np.errstate(all="ignore"):
        for _ in range(ITERATIONS):
            value, slope, size = evaluate(x)
            value = np.where(np.isnan(value), np.inf, value)
            better = np.abs(value) < least
            best, least = np.where(better, x, best), np.where(better, np.abs(value), least)
            low, high = np.where(value < 0, x, low), np.where(value > 0, x, high)
            newton = x - value / slope
            accepted = (newton > low) & (newton < high) & (np.abs(value) <= SLOW * before)
            halved = _middle(low, high)
            settled = (np.abs(value) <= ROUNDING * size) | (halved == low) | (halved == high)
            settled |= (newton == x) & np.isfinite(slope)
            if settled.all():
                break
            before = np.where(accepted, np.abs(value), np.inf)
            x = np.where(settled, x, np.where(accepted, newton, halved))
    return best


def _middle(low: Values, high: Values) -> Values:
    """The float64 numbers half way between two, counted in float64 numbers."""
    first, last = _rank(low), _rank(high)
    return _number((first >> 1) + (last >> 1) + (first & last & 1))


def _rank(x: Values) -> npt.NDArray[np.int64]:
    """Integers in the order of the float64 numbers, successive ones for neighbours."""
    bits = (x + 0.0).view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def _number(rank: npt.NDArray[np.int64]) -> Values:
    bits = np.where(rank < 0, np.iinfo(np.int64).min - rank, rank)
    return bits.view(np.float64)
