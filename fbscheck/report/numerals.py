"""Numbers as a reader sees them: rounded so that what is printed stays true.

A number that needs no more digits than allowed is printed as it is.  Any other is rounded, a lower
bound down and an upper bound up, and keeps its trailing zeros as a sign that it was rounded.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import final

__all__ = ["DIGITS", "Gap", "Numeral", "gap", "lower", "nearest", "upper"]

DIGITS = 10
"""Significant digits of a printed value."""

GAP_DIGITS = 2


@final
@dataclass(frozen=True)
class Numeral:
    """``mantissa`` times ten to the ``exponent``; no exponent means plain decimal notation."""

    mantissa: str
    exponent: int | None = None


@final
@dataclass(frozen=True)
class Gap:
    """The width of a bracket; relative to the theory's value unless ``absolute``."""

    size: Fraction
    numeral: Numeral
    absolute: bool


def nearest(value: float | None, digits: int = DIGITS) -> Numeral | None:
    """``value`` rounded to nearest; None if it is unknown or not finite."""
    return _rounded(value, ROUND_HALF_EVEN, digits)


def lower(value: float | None, theory: float | None, digits: int = DIGITS) -> Numeral | None:
    """``value`` rounded down: what is printed is never above it, unless it equals ``theory`` and is printed like it."""
    return _rounded(value, ROUND_HALF_EVEN if value == theory else ROUND_FLOOR, digits)


def upper(value: float | None, theory: float | None, digits: int = DIGITS) -> Numeral | None:
    """``value`` rounded up: what is printed is never below it, unless it equals ``theory`` and is printed like it."""
    return _rounded(value, ROUND_HALF_EVEN if value == theory else ROUND_CEILING, digits)


def gap(low: float | None, theory: float | None, high: float | None) -> Gap | None:
    """``(high - low) / |theory|``, rounded up; absolute if theory is 0 or unknown, None without a bracket."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    width = Fraction(high) - Fraction(low)
    absolute = not theory or not math.isfinite(theory)
    size = width if theory is None or absolute else width / abs(Fraction(theory))
    context = Context(prec=GAP_DIGITS, rounding=ROUND_CEILING)
    return Gap(size, _spelled(context.divide(Decimal(size.numerator), Decimal(size.denominator)), 3), absolute)


def _rounded(value: float | None, rounding: str, digits: int) -> Numeral | None:
    if value is None or not math.isfinite(value):
        return None
    number = Decimal(repr(value)).normalize()
    if len(number.as_tuple().digits) > digits:
        number = Context(prec=digits, rounding=rounding).create_decimal(Decimal(value))
    return _spelled(number, digits)


def _spelled(number: Decimal, plain_below: int) -> Numeral:
    """Plain notation from 0.001 up to ``plain_below`` digits before the point, else scientific."""
    if not number:
        return Numeral("0")
    exponent = number.adjusted()
    if -3 <= exponent < plain_below:
        return Numeral(f"{number:f}")
    return Numeral(f"{number.scaleb(-exponent):f}", exponent)
