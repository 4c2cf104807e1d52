"""One formula, several arithmetics: float64 arrays, and arrays of balls that enclose the truth.

A *ball array* is a numpy object array of python-flint ``arb`` balls.  Its sums, products and
quotients come from ``arb`` itself; the functions here are what numpy cannot do rigorously on
objects (comparisons!), and they take float64 arrays and ball arrays alike.  A float64 is a
dyadic rational, so :func:`exact` loses nothing.  A :class:`~fbscheck.certify.formula.Formula` may stand wherever a
ball does: then the result holds for all values of its variables at once.  Precision is 128 bits
unless a caller widens it with ``flint.ctx.workprec``.
"""

import math
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import numpy.typing as npt
from scipy.special import spence

from fbscheck.certify.formula import Formula
from fbscheck.inputs import Array

__all__ = [
    "PRECISION",
    "absolute",
    "around",
    "clip",
    "descending",
    "dilogarithm",
    "exact",
    "exp",
    "expm1",
    "is_ball",
    "log",
    "log1p",
    "lower",
    "matmul",
    "maximum",
    "minimum",
    "nearest",
    "norm",
    "power",
    "sqrt",
    "tanh",
    "upper",
    "xlogx",
]

PRECISION = 128
"""Working precision in bits; :mod:`flint` keeps it per process."""

flint.ctx.prec = PRECISION

LARGEST = math.nextafter(math.inf, 0)
"""The largest float64."""


def is_ball(x: Any) -> bool:
    """Whether ``x`` is a nonempty array of balls, or of formulas, or one of them."""
    if isinstance(x, np.ndarray) and x.dtype == object and x.size:
        x = x.flat[0]
    return isinstance(x, (flint.arb, Formula))


def exact(x: npt.ArrayLike) -> Array:
    """The ball array of radius zero around float64 entries, same shape."""
    values = np.asarray(x, dtype=np.float64)
    return np.array([flint.arb(v) for v in values.ravel().tolist()], dtype=object).reshape(values.shape)


def ball(number: int | float | Fraction) -> flint.arb:
    """The ball around one number; exact for int and float, enclosing for a Fraction."""
    if isinstance(number, Fraction):
        return flint.arb(flint.fmpq(number.numerator, number.denominator))
    return flint.arb(number)


def _dilogarithm(a: Any) -> Any:
    return flint.arb.pi() ** 2 / 6 if isinstance(a, flint.arb) and a == 1 else a.polylog(2)


def _larger(a: Any, b: Any) -> Any:
    if isinstance(a, Formula) or isinstance(b, Formula):
        return a if a >= b else b
    return flint.arb(a).max(flint.arb(b))


def _smaller(a: Any, b: Any) -> Any:
    if isinstance(a, Formula) or isinstance(b, Formula):
        return a if a <= b else b
    return flint.arb(a).min(flint.arb(b))


_ball_maximum = np.frompyfunc(_larger, 2, 1)
_ball_minimum = np.frompyfunc(_smaller, 2, 1)
_ball_sqrt = np.frompyfunc(lambda a: a.nonnegative_part().sqrt(), 1, 1)
_ball_log1p = np.frompyfunc(lambda a: a.log1p(), 1, 1)
_ball_exp = np.frompyfunc(lambda a: a.exp(), 1, 1)
_ball_expm1 = np.frompyfunc(lambda a: a.expm1(), 1, 1)
_ball_tanh = np.frompyfunc(lambda a: a.tanh(), 1, 1)
_ball_log = np.frompyfunc(lambda a: a.log() if a > 0 else flint.arb("-inf"), 1, 1)
_ball_xlogx = np.frompyfunc(lambda a: a * a.log() if a > 0 else flint.arb(0 if a == 0 else "inf"), 1, 1)
_ball_power = np.frompyfunc(lambda a, p: flint.arb(0) if a == 0 else a.nonnegative_part() ** p, 2, 1)
_ball_lower = np.frompyfunc(lambda a: a.lower(), 1, 1)
_ball_upper = np.frompyfunc(lambda a: a.upper(), 1, 1)
_ball_union = np.frompyfunc(lambda a, b: a.union(b), 2, 1)
_ball_dilogarithm = np.frompyfunc(_dilogarithm, 1, 1)
_unit_ball = flint.arb(0, 1)


def maximum(x: Any, y: Any) -> Array:
    """Elementwise larger of the two."""
    return _ball_maximum(x, y) if is_ball(x) or is_ball(y) else np.maximum(x, y)  # type: ignore[no-any-return]


def minimum(x: Any, y: Any) -> Array:
    """Elementwise smaller of the two."""
    return _ball_minimum(x, y) if is_ball(x) or is_ball(y) else np.minimum(x, y)  # type: ignore[no-any-return]


def clip(x: Any, low: Any, high: Any) -> Array:
    """Elementwise nearest point of [low, high]."""
    return minimum(maximum(x, low), high) if is_ball(x) or is_ball(low) or is_ball(high) else np.clip(x, low, high)


def absolute(x: Any) -> Array:
    """Elementwise absolute value."""
    return np.abs(x)  # type: ignore[no-any-return]


def sqrt(x: Any) -> Array:
    """Elementwise square root; a ball that reaches below zero is cut there (sums of squares)."""
    return _ball_sqrt(x) if is_ball(x) else np.sqrt(x)  # type: ignore[no-any-return]


def exp(x: Any) -> Array:
    """Elementwise exponential."""
    return _ball_exp(x) if is_ball(x) else np.exp(x)  # type: ignore[no-any-return]


def log1p(x: Any) -> Array:
    """Elementwise log(1 + x)."""
    return _ball_log1p(x) if is_ball(x) else np.log1p(x)  # type: ignore[no-any-return]


def expm1(x: Any) -> Array:
    """Elementwise exp(x) - 1."""
    return _ball_expm1(x) if is_ball(x) else np.expm1(x)  # type: ignore[no-any-return]


def tanh(x: Any) -> Array:
    """Elementwise hyperbolic tangent."""
    return _ball_tanh(x) if is_ball(x) else np.tanh(x)  # type: ignore[no-any-return]


def log(x: Any) -> Array:
    """Elementwise logarithm; -inf unless the entry is certainly positive."""
    if is_ball(x):
        return _ball_log(x)  # type: ignore[no-any-return]
    inside = np.asarray(x) > 0
    return np.where(inside, np.log(np.where(inside, x, 1.0)), -np.inf)


def xlogx(x: Any) -> Array:
    """Elementwise x log x, 0 at 0; inf unless the entry is certainly nonnegative."""
    if is_ball(x):
        return _ball_xlogx(x)  # type: ignore[no-any-return]
    inside = np.asarray(x) > 0
    return np.where(inside, x * np.log(np.where(inside, x, 1.0)), np.where(x == 0, 0.0, np.inf))


def power(x: Any, exponent: Any) -> Array:
    """Elementwise x to a positive exponent, for x >= 0; a ball that reaches below zero is cut there."""
    return _ball_power(x, flint.arb(exponent)) if is_ball(x) else np.power(x, exponent)  # type: ignore[no-any-return]


def descending(x: Any) -> Array:
    """The entries along the first axis from the largest to the smallest; balls hold the k-th largest for each k."""
    if not is_ball(x):
        return -np.sort(-x, axis=0)
    ends = (np.sort(end(x), axis=0)[::-1] for end in (_ball_lower, _ball_upper))
    return _ball_union(*ends)  # type: ignore[no-any-return]


def dilogarithm(x: Any) -> Array:
    """Elementwise Li_2(x), the sum of x^k / k^2, for x <= 1."""
    return _ball_dilogarithm(x) if is_ball(x) else spence(1 - np.asarray(x))  # type: ignore[no-any-return]


def around(x: Any, distance: Any) -> Array:
    """The balls that hold every point within ``distance`` >= 0 of a point of ``x``, by coordinates."""
    return x + distance * _unit_ball  # type: ignore[no-any-return]


def norm(x: Array) -> Any:
    """Euclidean norm along the first axis: a number for (d,), an array (S,) for (d, S).

    Float64 entries are scaled first, so that no square overflows or underflows.
    """
    if is_ball(x):
        return sqrt(np.sum(x * x, axis=0))
    size = np.max(np.abs(x), axis=0)
    unit = np.where(size > 0, size, 1.0)
    return size * np.sqrt(np.sum((x / unit) ** 2, axis=0))


def matmul(matrix: Any, x: Array) -> Array:
    """``matrix @ x``; enclosed if ``x`` is a ball array, with the matrix taken as exact.

    Anything but an array knows its products itself.
    """
    if not isinstance(matrix, np.ndarray) or not is_ball(x):
        return matrix @ x  # type: ignore[no-any-return]
    columns = x.reshape(len(x), -1)
    product = flint.arb_mat(matrix.tolist()) * flint.arb_mat(columns.tolist())
    entries = np.empty(len(matrix) * columns.shape[1], dtype=object)
    entries[:] = product.entries()
    return entries.reshape(len(matrix), *x.shape[1:])


def upper(x: Any) -> float:
    """The least float64 that is certainly not below the ball ``x``; inf if it is unbounded."""
    end = flint.arb(x).upper()
    if not end.is_finite():
        return math.nan if end.is_nan() else float(end)
    mantissa, exponent = (int(part) for part in end.man_exp())
    magnitude = exponent + mantissa.bit_length()
    if mantissa and magnitude > 1100:
        return math.inf if mantissa > 0 else -LARGEST
    if mantissa and magnitude < -1200:
        return math.ulp(0.0) if mantissa > 0 else -0.0
    return round_up(Fraction(mantissa) * Fraction(2) ** exponent)


def lower(x: Any) -> float:
    """The greatest float64 that is certainly not above the ball ``x``; -inf if it is unbounded."""
    return -upper(-flint.arb(x))


def nearest(x: Any) -> npt.NDArray[np.float64]:
    """The midpoints of a ball array as float64."""
    values = np.asarray(x, dtype=object)
    return np.array([float(flint.arb(v).mid()) for v in values.ravel()], dtype=np.float64).reshape(values.shape)


def round_up(value: Fraction) -> float:
    """The least float64 >= ``value`` (inf beyond the largest)."""
    try:
        rounded = float(value)
    except OverflowError:
        return math.inf if value > 0 else -LARGEST
    return rounded if Fraction(rounded) >= value else math.nextafter(rounded, math.inf)


def round_down(value: Fraction) -> float:
    """The greatest float64 <= ``value``."""
    return 0.0 - round_up(-value)


def root_up(square: Fraction) -> float:
    """The least float64 whose square is >= ``square`` (inf beyond the largest)."""
    root = _root(square)
    if Fraction(root) ** 2 < square and root == LARGEST:
        return math.inf
    while Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    while root > 0 and Fraction(math.nextafter(root, 0)) ** 2 >= square:
        root = math.nextafter(root, 0)
    return root


def root_down(square: Fraction) -> float:
    """The greatest float64 whose square is <= ``square``."""
    root = root_up(square)
    if root == math.inf:
        return LARGEST
    return root if Fraction(root) ** 2 == square else math.nextafter(root, 0)


def _root(square: Fraction) -> float:
    """A float64 within an ulp or two of the square root, at any scale."""
    if square == 0:
        return 0.0
    shift = (square.denominator.bit_length() - square.numerator.bit_length()) // 2 + 64
    root = Fraction(math.isqrt(int(square * Fraction(4) ** shift))) / Fraction(2) ** shift
    return float(root) if root < LARGEST else LARGEST
