"""Float64 arrays that know how far rounding has taken them from the truth.

A :class:`Rounded` array stands for real numbers within ``error`` of ``value``, entry by entry.  Every operation
is one of numpy, followed by a bound on what it lost: half an ulp of the result, u = 2^-53, and what the errors of
the operands become.  Errors are sums of nonnegative numbers, enlarged by far more than their own rounding; where a
result may underflow, the least normal number is added.  Overflow ends in an error that is infinite or NaN, which
proves nothing.

The operations of numpy that the formulas of :mod:`fbscheck.functions` use (sums, products, quotients, absolute
values, maxima and minima, roots) are understood; others raise TypeError.  Quicker than balls by a factor of a
hundred, and blind to cancellation, which balls are not.
"""

from collections.abc import Callable
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

__all__ = ["Rounded", "frobenius_upper", "matmul", "norm_upper"]

Values = npt.NDArray[np.float64]

UNIT = 2.0**-53
GUARD = 1 + 2.0**-40
"""More than a few operations on nonnegative errors lose."""
TINY = 2.0**-1021
"""Twice the least normal number."""


@final
class Rounded:
    """Real numbers x with ``|x - value| <= error``; ``error`` broadcasts to the shape of ``value``."""

    __array_priority__: ClassVar[float] = 1000.0
    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __init__(self, value: npt.ArrayLike, error: npt.ArrayLike = 0.0) -> None:
        self.value: Values = np.asarray(value, dtype=np.float64)
        self.error: Values = np.asarray(error, dtype=np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of its dimensions."""
        return self.value.ndim

    @property
    def upper(self) -> Values:
        """No less than the numbers."""
        return _up(self.value, self.error)

    @property
    def lower(self) -> Values:
        """No more than the numbers."""
        return -_up(-self.value, self.error)

    @property
    def size(self) -> Values:
        """No less than their absolute values."""
        return np.abs(self.value) if self._exact else _up(np.abs(self.value), self.error)

    @property
    def _exact(self) -> bool:
        return self.error.ndim == 0 and self.error == 0.0

    @property
    def _none(self) -> npt.NDArray[np.bool_]:
        """Where the number is exactly zero."""
        return np.asarray((self.value == 0) & (self.error == 0))

    def __eq__(self, other: object) -> bool:
        raise TypeError("numbers known to an error are neither equal nor different: compare lower and upper ends")

    def __bool__(self) -> bool:
        raise TypeError("an array of numbers known to an error is neither true nor false")

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> "Rounded":
        return Rounded(self.value[index], np.broadcast_to(self.error, self.shape)[index])

    def __neg__(self) -> "Rounded":
        return Rounded(-self.value, self.error)

    def __pos__(self) -> "Rounded":
        return self

    def __abs__(self) -> "Rounded":
        return Rounded(np.abs(self.value), self.error)

    def __add__(self, other: Any) -> "Rounded":
        other = _rounded(other)
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.value + other.value
            none = total == 0
            flushed = np.where(none & (self.value != -other.value), TINY, 0.0) if np.any(none) else 0.0
            return _result(total, self.error + other.error, flushed)

    def __sub__(self, other: Any) -> "Rounded":
        return self + -_rounded(other)

    def __mul__(self, other: Any) -> "Rounded":
        other = _rounded(other)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            carried = self.size * other.error + np.abs(other.value) * self.error
            return _result(self.value * other.value, carried, np.where(self._none | other._none, 0.0, TINY))

    def __truediv__(self, other: Any) -> "Rounded":
        other = _rounded(other)
        with np.errstate(all="ignore"):
            least = np.abs(other.value) / GUARD - other.error * GUARD
            quotient = self.value / other.value
            carried = np.where(least > 0, self.error / least + np.abs(quotient) * (other.error / least), np.inf)
        return _result(quotient, carried * GUARD, np.where(self._none, 0.0, TINY))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> "Rounded":
        return _rounded(other) - self

    def __rtruediv__(self, other: Any) -> "Rounded":
        return _rounded(other) / self

    def sum(self, axis: int) -> "Rounded":
        """The sum along one axis, in whatever order numpy takes."""
        length = self.shape[axis]
        size = np.sum(np.abs(self.value), axis=axis)
        errors = np.sum(np.broadcast_to(self.error, self.shape), axis=axis)
        slack = 1 + 4 * (length + 8) * UNIT
        return Rounded(np.sum(self.value, axis=axis), (errors + 2 * length * UNIT * size) * slack * GUARD)

    def sqrt(self) -> "Rounded":
        """The square root; where a number may be negative the error is that of a root of zero, or infinite."""
        with np.errstate(all="ignore"):
            root = np.sqrt(np.maximum(self.value, 0.0))
            relative = np.where(root > 0, self.error / root, np.inf)
            missed = np.where(self.error == 0, 0.0, np.minimum(relative, np.sqrt(self.error) * GUARD))
        return _result(root, np.where(self.value + self.error < 0, np.inf, missed * GUARD))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        operation = _UFUNCS.get(ufunc)
        if method != "__call__" or options or operation is None:
            return NotImplemented
        return operation(*map(_rounded, inputs))

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if function is np.ndim:
            return inputs[0].ndim
        if function is not np.sum or len(inputs) != 1 or set(options) != {"axis"}:
            return NotImplemented
        return inputs[0].sum(options["axis"])


def matmul(stack: Values, x: Rounded, stack_error: npt.ArrayLike = 0.0) -> Rounded:
    """``stack @ x`` for matrices (..., n, d) and columns (..., d, S).

    ``stack_error`` (...) bounds the Frobenius norms by which the matrices are off.  An inner product of length d is
    off by at most d u |a||b| and a little more, in whatever order it is summed (Higham, Accuracy and Stability,
    2002, chapter 3), hence an entry by d u times the Frobenius norm times that of the column.
    """
    length, off = stack.shape[-1], np.asarray(stack_error, dtype=np.float64)[..., None, None]
    norm = frobenius_upper(stack)[..., None, None]
    columns = norm_upper(x.value, -2)[..., None, :]
    errors = norm_upper(np.broadcast_to(x.error, x.shape), -2)[..., None, :] if x.error.any() else 0.0
    with np.errstate(all="ignore"):
        carried = off * columns + (norm + off) * errors
        rounding = 2 * (length + 2) * UNIT * norm * columns + 2 * length * TINY
        return Rounded(stack @ x.value, (carried + rounding) * GUARD)


def frobenius_upper(stack: Values) -> Values:
    """No less than the Frobenius norms of matrices (..., n, d); found once of views of one matrix."""
    if stack.ndim > 2 and len(stack) and stack.strides[0] == 0:
        return np.broadcast_to(frobenius_upper(stack[0]), stack.shape[:-2])
    return norm_upper(norm_upper(stack, -1), -1)


def norm_upper(x: Rounded | Values, axis: int) -> Values:
    """No less than the Euclidean norms along one axis; inf or NaN where an entry is."""
    sizes = x.size if isinstance(x, Rounded) else np.abs(x)
    largest = np.max(sizes, axis=axis, keepdims=True, initial=0.0)
    unit = np.where((largest > 0) & (largest < np.inf), largest, 1.0)
    with np.errstate(all="ignore"):
        squares = np.sum((sizes / unit) ** 2, axis=axis)
        length = sizes.shape[axis]
        found = np.sqrt(squares * (1 + 2 * (length + 8) * UNIT)) * np.squeeze(unit, axis) * GUARD
    return np.where(np.squeeze(largest, axis) == 0, 0.0, found + TINY)


def _rounded(x: Any) -> Rounded:
    return x if isinstance(x, Rounded) else Rounded(x)


def _result(value: Values, carried: Values | float, underflow: Values | float = 0.0) -> Rounded:
    """A result of one operation, with what the operands' errors became."""
    error: Values = np.abs(value)
    error *= UNIT
    error += carried
    error *= GUARD
    error += underflow
    return Rounded(value, error)


def _up(value: Values, error: Values) -> Values:
    """Their sum, moved up past its rounding unless there is no error."""
    with np.errstate(over="ignore", invalid="ignore"):
        end = value + error
        return np.where(error == 0, value, end + (4 * UNIT * np.abs(end) + TINY))


def _extremum(choose: Callable[[Values, Values], Values]) -> Callable[[Rounded, Rounded], Rounded]:
    """The larger or the smaller of two numbers: as well known as the one that certainly is it, else as the worse."""

    def operation(a: Rounded, b: Rounded) -> Rounded:
        value = choose(a.value, b.value)
        with np.errstate(over="ignore", invalid="ignore"):
            above, below = choose(a.upper, b.upper) - value, value - choose(a.lower, b.lower)
            return Rounded(value, np.maximum(above, below) * GUARD)

    return operation


_UFUNCS: dict[Any, Callable[..., Rounded]] = {
    np.add: Rounded.__add__,
    np.subtract: Rounded.__sub__,
    np.multiply: Rounded.__mul__,
    np.true_divide: Rounded.__truediv__,
    np.negative: Rounded.__neg__,
    np.absolute: Rounded.__abs__,
    np.sqrt: Rounded.sqrt,
    np.maximum: _extremum(np.maximum),
    np.minimum: _extremum(np.minimum),
}
