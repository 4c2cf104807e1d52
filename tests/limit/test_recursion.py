"""The recursion over layers, taken in blocks of two, four, ..., against the same in rationals, one layer at a time."""

from fractions import Fraction

import numpy as np
import pytest

from fbscheck.limit.certificate import accumulated


@pytest.mark.parametrize("length", [1, 2, 3, 7, 64, 100])
@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e150], ids=["plain", "underflow", "large"])
def test_sums_are_above_and_near(length: int, scale: float) -> None:
    rng = np.random.default_rng(length)
    factors = rng.uniform(0.0, 1.5, length)
    factors[length // 2] = 0.0
    added = scale * rng.random((length, 3)) * (rng.random((length, 3)) < 0.7)
    start = scale * np.array([0.0, 1.0, 2.0])
    found = accumulated(factors, added.copy(), start)
    for column in range(3):
        total = Fraction(start[column])
        for n in range(length):
            total = Fraction(factors[n]) * total + Fraction(added[n, column])
            assert Fraction(found[n, column]) >= total
            slack = Fraction(length * max(scale, 1.0) * 1e-300)
            assert Fraction(found[n, column]) <= total * Fraction(1 + 1e-9) + slack


def test_what_is_zero_stays_zero_beside_factors_that_overflow() -> None:
    factors = np.full(2000, 1e30)
    assert (accumulated(factors, np.zeros((2000, 1)), np.zeros(1)) == 0).all()
    assert accumulated(factors, np.ones((2000, 1)), np.zeros(1))[-1, 0] == np.inf


def test_the_data_are_left_alone() -> None:
    factors, added = np.ones(4), np.ones((4, 1))
    accumulated(factors, added, np.ones(1))
    assert (factors == 1).all()
    assert (added == 1).all()
