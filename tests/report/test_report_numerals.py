"""Printed numbers: bounds stay bounds, a gap is never understated."""

import math
from decimal import Decimal

import numpy as np
import pytest

from fbscheck.report import numerals
from fbscheck.report.numerals import Numeral


def value(numeral: Numeral | None) -> Decimal:
    """The number that a numeral shows."""
    assert numeral is not None
    return Decimal(numeral.mantissa).scaleb(numeral.exponent or 0)


@pytest.mark.parametrize(
    "number, expected",
    [
        (0.0, Numeral("0")),
        (-0.0, Numeral("0")),
        (1.0, Numeral("1")),
        (4, Numeral("4")),
        (0.25, Numeral("0.25")),
        (1 / 3, Numeral("0.3333333333")),
        (2 / 3, Numeral("0.6666666667")),
        (0.1 + 0.2, Numeral("0.3000000000")),
        (1e-9, Numeral("1", -9)),
        (0.001, Numeral("0.001")),
        (1.5e-4, Numeral("1.5", -4)),
        (1e9, Numeral("1000000000")),
        (1e10, Numeral("1", 10)),
        (-2.5e300, Numeral("-2.5", 300)),
        (5e-324, Numeral("5", -324)),
        (None, None),
        (math.inf, None),
        (math.nan, None),
    ],
)
def test_nearest(number: float | None, expected: Numeral | None) -> None:
    assert numerals.nearest(number) == expected


@pytest.mark.parametrize("seed", range(3))
def test_bounds_stay_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number in (rng.standard_normal(300) * 10.0 ** rng.integers(-30, 30, 300)).tolist():
        below, above = value(numerals.lower(number, None)), value(numerals.upper(number, None))
        assert below <= Decimal(number) <= above
        assert above - below <= abs(Decimal(number)) * Decimal("1e-9")


def test_a_bound_that_meets_the_theory_is_printed_like_it() -> None:
    third = 1 / 3
    assert numerals.upper(third, third) == numerals.nearest(third) == numerals.lower(third, third)
    assert numerals.upper(third, 0.5) == Numeral("0.3333333334")
    assert numerals.lower(2 / 3, 0.5) == Numeral("0.6666666666")


@pytest.mark.parametrize(
    "low, theory, high, expected, absolute",
    [
        pytest.param(1.0, 1.0, 1.0, Numeral("0"), False, id="closed"),
        pytest.param(1.0, 2.0, 2.0, Numeral("0.5"), False, id="relative"),
        pytest.param(1.0, -2.0, 2.0, Numeral("0.5"), False, id="negative theory"),
        pytest.param(0.0, 3.0, 1.0, Numeral("0.34"), False, id="rounded up"),
        pytest.param(0.0, 0.0, 1e-12, Numeral("1", -12), True, id="theory is 0"),
        pytest.param(1.0, None, 1.5, Numeral("0.5"), True, id="theory unknown"),
        pytest.param(1.0, 1.0, 1 + 2**-52, Numeral("2.3", -16), False, id="one unit in the last place"),
        pytest.param(1.2, 1.0, 1.1, Numeral("-0.099"), False, id="contradiction"),
        pytest.param(-1e308, 1e-308, 1e308, Numeral("2.1", 616), False, id="beyond floating point"),
    ],
)
def test_gap(low: float, theory: float | None, high: float, expected: Numeral, absolute: bool) -> None:
    gap = numerals.gap(low, theory, high)
    assert gap is not None
    assert value(gap.numeral) >= 0 or low > high
    assert (value(gap.numeral), gap.absolute) == (value(expected), absolute)


@pytest.mark.parametrize("low, high", [(None, 1.0), (1.0, None), (1.0, math.inf), (math.nan, 1.0)])
def test_no_gap_without_a_bracket(low: float | None, high: float | None) -> None:
    assert numerals.gap(low, 1.0, high) is None
