"""Arrays of intervals with float64 ends, rounded outwards, and bounds on interval matrices.

Sums and products are rounded only if they are inexact, which an error-free transformation tells
(Knuth's sum, Dekker's product), so that 1 - [0, t] ends in exactly 1.  An infinite end means that
there is no bound; zero times it is zero.  Elementary functions come from balls, end by end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import lower, round_down, round_up, upper

__all__ = ["Interval", "cocoercivity", "eigenvalue_lower", "hull", "interval", "maximum", "monotone", "norm", "select"]

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True)
class Interval:
    """The closed intervals [lo, hi], elementwise; broadcasts like numpy."""

    lo: Values
    hi: Values

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(_sum(self.lo, other.lo, -np.inf), _sum(self.hi, other.hi, np.inf))

    def __neg__(self) -> "Interval":
        return Interval(-self.hi, -self.lo)

    def __sub__(self, other: "Interval") -> "Interval":
        return self + -other

    def __mul__(self, other: "Interval") -> "Interval":
        left = (self.lo,) if self.lo is self.hi else (self.lo, self.hi)
        right = (other.lo,) if other.lo is other.hi else (other.lo, other.hi)
        (low, sure), *rest = [_product(a, b) for a in left for b in right]
        high, certain = low, sure
        for product, exact in rest:
            sure = np.where(product < low, exact, sure & (exact | (product > low)))
            certain = np.where(product > high, exact, certain & (exact | (product < high)))
            low, high = np.minimum(low, product), np.maximum(high, product)
        return Interval(_round(low, sure, -np.inf), _round(high, certain, np.inf))

    def __abs__(self) -> "Interval":
        inside = (self.lo <= 0) & (self.hi >= 0)
        low, high = np.abs(self.lo), np.abs(self.hi)
        return Interval(np.where(inside, 0.0, np.minimum(low, high)), np.maximum(low, high))

    def __getitem__(self, index: Any) -> "Interval":
        return Interval(self.lo[index], self.hi[index])

    @property
    def magnitude(self) -> Values:
        """The largest absolute value."""
        return np.maximum(np.abs(self.lo), np.abs(self.hi))

    def power(self, exponent: int) -> "Interval":
        """The integer power, tight at both ends."""
        if exponent < 0:
            return self.power(-exponent).inverse()
        base = abs(self) if exponent % 2 == 0 else self
        low, high = Interval(base.lo, base.lo), Interval(base.hi, base.hi)
        least, most = interval(np.ones_like(base.lo)), interval(np.ones_like(base.lo))
        for _ in range(exponent):
            least, most = least * low, most * high
        return Interval(least.lo, most.hi)

    def inverse(self) -> "Interval":
        """1/x: one-sided where the interval ends in zero, unbounded where it reaches across."""
        mixed = (self.lo < 0) & (self.hi > 0) | (self.lo == 0) & (self.hi == 0)
        low = np.where(self.hi == 0, -np.inf, _reciprocal(self.hi, -np.inf))
        high = np.where(self.lo == 0, np.inf, _reciprocal(self.lo, np.inf))
        return Interval(np.where(mixed, -np.inf, low), np.where(mixed, np.inf, high))

    def root(self) -> "Interval":
        """The square root, by one correctly rounded sqrt per end; unbounded where it reaches below zero."""
        (low, low_exact), (high, high_exact) = _root(self.lo), _root(self.hi)
        return Interval(_round(low, low_exact, -np.inf), _round(high, high_exact, np.inf))

    def sum(self, axis: int) -> "Interval":
        """The sum along one axis."""
        parts = [Interval(lo, hi) for lo, hi in zip(np.moveaxis(self.lo, axis, 0), np.moveaxis(self.hi, axis, 0))]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def __matmul__(self, other: "Interval") -> "Interval":
        return (self[..., :, :, None] * other[..., None, :, :]).sum(-2)

    def transpose(self) -> "Interval":
        """The matrices (..., n, m) transposed."""
        return Interval(np.swapaxes(self.lo, -1, -2), np.swapaxes(self.hi, -1, -2))


def interval(value: npt.ArrayLike | Fraction) -> Interval:
    """The intervals of width zero around float64 values, or the tightest one around a Fraction."""
    if isinstance(value, Fraction):
        return Interval(np.array(round_down(value)), np.array(round_up(value)))
    ends = np.asarray(value, dtype=np.float64)
    return Interval(ends, ends)


def hull(a: Interval, b: Interval) -> Interval:
    """The smallest interval around both."""
    return Interval(np.minimum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def maximum(a: Interval, b: Interval) -> Interval:
    """The larger of the two numbers, whichever they are."""
    return Interval(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def select(yes: Mask, no: Mask, a: Interval, b: Interval) -> Interval:
    """``a`` where the answer is yes, ``b`` where it is no, the hull where neither is known."""
    either = hull(a, b)
    return Interval(
        np.where(yes, a.lo, np.where(no, b.lo, either.lo)), np.where(yes, a.hi, np.where(no, b.hi, either.hi))
    )


def monotone(function: Callable[[flint.arb], flint.arb], x: Interval) -> Interval:
    """An increasing function, evaluated in balls at both ends; unbounded where it is not defined."""
    balls = [[function(flint.arb(v)) for v in ends.ravel().tolist()] for ends in (x.lo, x.hi)]
    low = np.array([lower(value) for value in balls[0]]).reshape(x.lo.shape)
    high = np.array([upper(value) for value in balls[1]]).reshape(x.hi.shape)
    return Interval(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))


def norm(matrix: Interval) -> Values:
    """Upper bounds (B,) of the spectral norm of all matrices within (B, m, d).

    |J| <= sqrt(|J|_1 |J|_inf); |J|^2 <= max (M^T M v)_i / v_i for the magnitudes M and any v > 0, by
    Collatz and Wielandt; the first for U^T J V, with U and V the floating singular vectors of the
    centre, divided by their least singular values, which Gershgorin bounds.
    """
    plain = _plain_norm(matrix)
    if matrix.lo.shape[-1] == 1:
        return plain
    left, _, right = np.linalg.svd(_centre(matrix), full_matrices=True)
    u, v = interval(left), interval(np.swapaxes(right, -1, -2))
    turned = _plain_norm(u.transpose() @ matrix @ v)
    size, guess = interval(matrix.magnitude), np.abs(right[..., 0, :])
    guess = interval((guess + 1e-9)[..., None])
    perron = (size.transpose() @ (size @ guess) * guess.inverse()).root().hi.max((-2, -1))
    room = interval(_least_square(u)) * interval(_least_square(v))
    scale = interval(np.maximum(room.lo, 0.0)).root().inverse()
    return np.asarray(np.minimum(np.minimum(plain, perron), (interval(turned) * scale).hi))


def eigenvalue_lower(matrix: Interval) -> Values:
    """Lower bounds (B,) of the least eigenvalue of (J + J^T)/2 for all J within (B, d, d), after Gershgorin."""
    half = (matrix + matrix.transpose()) * interval(0.5)
    plain = _gershgorin(half)
    if matrix.lo.shape[-1] == 1:
        return plain
    q = interval(np.linalg.eigh(_centre(half))[1])
    turned = _gershgorin(q.transpose() @ half @ q)
    least, most = _least_square(q), -_gershgorin(-(q.transpose() @ q))
    scale = np.where(turned >= 0, interval(most).inverse().lo, interval(least).inverse().hi)
    return np.maximum(plain, np.where(least > 0, (interval(turned) * interval(scale)).lo, -np.inf))


def cocoercivity(matrix: Interval, aim: float | None = None, steps: int = 24) -> Values:
    """Lower bounds (B,) >= 0 of the beta with ``(J + J^T)/2 >= beta J^T J`` for all J within; -inf where none is known.

    For beta > 0 this says that ``2 beta J - I`` has a norm of at most one.  ``aim`` is tried first, and enough.
    """
    size, shape = matrix.lo.shape[-1], matrix.lo.shape[0]
    eye = interval(np.eye(size))

    def holds(beta: Values, slopes: Interval) -> Mask:
        return (beta > 0) & (norm(slopes * interval(2 * beta)[:, None, None] - eye) <= 1)

    largest = norm(matrix)
    good = np.where(eigenvalue_lower(matrix) >= 0, 0.0, -np.inf)
    bad = np.where(largest > 0, np.nextafter(1 / largest, np.inf) * (1 + 1e-14), np.inf)
    good = np.where(largest == 0, np.inf, good)
    trials = [np.where(np.isfinite(bad), value, 0.0) for value in (1 / largest, np.nextafter(1 / largest, 0))]
    if aim is not None and 0 < aim < np.inf:
        trials.insert(0, np.full(shape, aim))
    for beta in trials:
        passed = holds(beta, matrix)
        good = np.where(passed, np.maximum(good, beta), good)
        bad = np.where(passed, bad, np.minimum(bad, beta))
    for _ in range(steps):
        open_ = np.flatnonzero((good >= 0) & (bad - good > 1e-9 * bad) & (good != aim))
        if not open_.size:
            break
        middle = good[open_] / 2 + bad[open_] / 2
        passed = holds(middle, matrix[open_])
        good[open_], bad[open_] = np.where(passed, middle, good[open_]), np.where(passed, bad[open_], middle)
    return good


def _centre(matrix: Interval) -> Values:
    """Finite numbers near the middles."""
    return np.nan_to_num(matrix.lo / 2 + matrix.hi / 2, nan=0.0, posinf=0.0, neginf=0.0)


def _plain_norm(matrix: Interval) -> Values:
    size = interval(matrix.magnitude)
    return (interval(size.sum(-1).hi.max(-1)) * interval(size.sum(-2).hi.max(-1))).root().hi


def _gershgorin(symmetric: Interval) -> Values:
    size = symmetric.lo.shape[-1]
    off = np.where(np.eye(size, dtype=bool), 0.0, symmetric.magnitude)
    diagonal = interval(np.diagonal(symmetric.lo, axis1=-2, axis2=-1))
    return np.asarray((diagonal - interval(off).sum(-1)).lo.min(-1))


def _least_square(matrix: Interval) -> Values:
    """Lower bounds of the square of the least singular value of square matrices."""
    return _gershgorin(matrix.transpose() @ matrix)


def _sum(a: Values, b: Values, towards: float) -> Values:
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)
    return _round(total, error == 0, towards, -error * np.sign(towards) > 0)


def _product(a: Values, b: Values) -> tuple[Values, Mask]:
    """The product, and whether it is exact beyond doubt."""
    product = a * b
    none = (a == 0) | (b == 0)
    (a1, a2), (b1, b2) = _split(a), _split(b)
    error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2
    size = np.abs(product)
    return np.where(none, 0.0, product), none | (error == 0) & (size > 1e-250) & (size < 1e300)


def _root(a: Values) -> tuple[Values, Mask]:
    root = np.sqrt(a)
    square, exact = _product(root, root)
    return root, exact & (square == a)


def _split(a: Values) -> tuple[Values, Values]:
    scaled = a * 134217729.0
    high = scaled - (scaled - a)
    return high, a - high


def _reciprocal(a: Values, towards: float) -> Values:
    value = 1 / a
    return _round(value, (np.abs(np.frexp(a)[0]) == 0.5) & np.isfinite(value), towards)


def _round(value: Values, exact: Mask, towards: float, safe: Mask | bool = False) -> Values:
    """``value`` if it is exact or ``safe`` (on the right side already), else the next float ``towards`` the outside."""
    rounded = np.where(exact | safe & np.isfinite(value), value, np.nextafter(value, towards))
    return np.where(np.isnan(rounded), towards, rounded)
