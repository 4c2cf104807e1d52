"""Intervals with rational ends, exactly: what a formula can take on a box of parameters.

Arithmetic is that of :class:`fractions.Fraction`, so that nothing is rounded; a formula written with
``+ - * /``, :func:`square`, :func:`power` and :func:`geometric` runs on points and on boxes alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Union, final

__all__ = ["Range", "geometric", "power", "square"]

Value = Union[Fraction, "Range"]


@final
@dataclass(frozen=True)
class Range:
    """All numbers x with low <= x <= high."""

    low: Fraction
    high: Fraction

    def __add__(self, other: Value | int) -> "Range":
        other = _range(other)
        return Range(self.low + other.low, self.high + other.high)

    def __neg__(self) -> "Range":
        return Range(-self.high, -self.low)

    def __sub__(self, other: Value | int) -> "Range":
        return self + -_range(other)

    def __mul__(self, other: Value | int) -> "Range":
        other = _range(other)
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Range(min(ends), max(ends))

    def __truediv__(self, other: Value | int) -> "Range":
        """The quotient by numbers of one sign.

        Raises
        ------
        ZeroDivisionError
            If the divisor may be zero.
        """
        other = _range(other)
        if other.low <= 0 <= other.high:
            raise ZeroDivisionError("the divisor may be zero")
        return self * Range(1 / other.high, 1 / other.low)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Fraction | int) -> "Range":
        return _range(other) - self


def _range(value: Value | int) -> Range:
    return value if isinstance(value, Range) else Range(Fraction(value), Fraction(value))


def square(value: Value) -> Value:
    """The square, never negative."""
    if isinstance(value, Fraction):
        return value * value
    ends = value.low**2, value.high**2
    return Range(Fraction(0) if value.low <= 0 <= value.high else min(ends), max(ends))


def power(base: Value, exponent: Value) -> Value:
    """A number >= 0 to a natural power; both may be ranges, the one of exponents with natural ends.

    Raises
    ------
    ValueError
        If the base may be negative, or an exponent is no natural number.
    """
    return _increasing(lambda b, n: b**n if n else Fraction(1), base, exponent, falls=True)


def geometric(base: Value, count: Value) -> Value:
    """The sum of the first ``count`` powers 1, b, b^2, ... of a number b >= 0; both may be ranges.

    Raises
    ------
    ValueError
        As for :func:`power`.
    """
    return _increasing(lambda b, n: sum((b**k for k in range(n)), Fraction(0)), base, count)


def _increasing(
    function: Callable[[Fraction, int], Fraction], base: Value, exponent: Value, falls: bool = False
) -> Value:
    """A function that increases with the base and, unless it ``falls`` where the base is < 1, with the exponent."""
    bases, counts = _range(base), _range(exponent)
    if bases.low < 0 or counts.low < 0 or counts.low.denominator != 1 or counts.high.denominator != 1:
        raise ValueError("need a base >= 0 and natural exponents")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        return function(base, int(exponent))
    few, many = int(counts.low), int(counts.high)
    if falls:
        lows, highs = {function(bases.low, n) for n in (few, many)}, {function(bases.high, n) for n in (few, many)}
        return Range(min(lows), max(highs))
    return Range(function(bases.low, few), function(bases.high, many))
