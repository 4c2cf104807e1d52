"""Exact ranges: they contain the formula at every point of the box, and are tight where a formula is monotone."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify.ranges import Range, geometric, power, square

F = Fraction
FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y + 1,
    "difference": lambda x, y: 2 - x - y,
    "product": lambda x, y: x * y * 3,
    "quotient": lambda x, y: x / (y + 7),
    "square": lambda x, y: square(x - y),
    "mixed": lambda x, y: square(1 - x * y) - 2 * x + y / 2,
}


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
@pytest.mark.parametrize("seed", range(5))
def test_a_range_contains_the_formula_at_every_point(formula: Callable[[Any, Any], Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    ends = [sorted(F(int(v), 8) for v in rng.integers(-40, 40, 2)) for _ in "xy"]
    found = formula(*(Range(low, high) for low, high in ends))
    for shares in rng.integers(0, 9, (50, 2)):
        point = [low + (high - low) * F(int(k), 8) for (low, high), k in zip(ends, shares, strict=True)]
        assert found.low <= formula(*point) <= found.high


@pytest.mark.parametrize(
    "base, exponent, low, high",
    [
        pytest.param(Range(F(1, 2), F(3, 4)), Range(F(2), F(5)), F(1, 32), F(9, 16), id="falls with the exponent"),
        pytest.param(Range(F(2), F(3)), Range(F(2), F(3)), F(4), F(27), id="rises with the exponent"),
        pytest.param(Range(F(1, 2), F(2)), Range(F(0), F(3)), F(1, 8), F(8), id="both"),
        pytest.param(Range(F(0), F(1)), Range(F(0), F(1)), F(0), F(1), id="zero to the zero is one"),
    ],
)
def test_powers(base: Range, exponent: Range, low: Fraction, high: Fraction) -> None:
    assert power(base, exponent) == Range(low, high)


def test_geometric_sums_are_those_of_their_terms() -> None:
    assert geometric(F(1, 2), F(4)) == F(15, 8)
    assert geometric(Range(F(0), F(2)), Range(F(1), F(3))) == Range(F(1), F(7))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: power(Range(F(-1), F(1)), F(2)), id="a negative base"),
        pytest.param(lambda: geometric(F(1), F(1, 2)), id="half a term"),
        pytest.param(lambda: Range(F(1), F(2)) / Range(F(-1), F(1)), id="division by what may be zero"),
    ],
)
def test_what_has_no_value_raises(wrong: Callable[[], Any]) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        wrong()
