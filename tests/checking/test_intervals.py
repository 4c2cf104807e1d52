"""Interval arithmetic against exact fractions, and bounds on interval matrices against their members."""

from fractions import Fraction

import numpy as np
import pytest

from fbscheck.checking.intervals import Interval, cocoercivity, eigenvalue_lower, interval, norm


def numbers(scale: float, seed: int) -> Interval:
    rng = np.random.default_rng(seed)
    ends = rng.standard_normal((2, 2000)) * 2.0 ** rng.integers(-30, 30, (2, 2000))
    ends[rng.random(ends.shape) < 0.2] = 0.0
    ends = np.where(rng.random(ends.shape) < 0.3, np.round(ends), ends) * scale
    return Interval(ends.min(0), ends.max(0))


@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e150])
def test_arithmetic_encloses_fractions(scale: float) -> None:
    a, b = numbers(scale, 1), numbers(min(scale, 1.0), 2)
    with np.errstate(all="ignore"):
        product, total, size, inverse, cube = a * b, a + b, abs(a), b.inverse(), (a * interval(1 / scale)).power(3)
        root = size.root()
    for k in range(len(a.lo)):
        ends = [Fraction(u) * Fraction(v) for u in (a.lo[k], a.hi[k]) for v in (b.lo[k], b.hi[k])]
        assert Fraction(product.lo[k]) <= min(ends) and max(ends) <= Fraction(product.hi[k])
        assert Fraction(total.lo[k]) <= Fraction(a.lo[k]) + Fraction(b.lo[k])
        assert Fraction(total.hi[k]) >= Fraction(a.hi[k]) + Fraction(b.hi[k])
        assert Fraction(max(root.lo[k], 0.0)) ** 2 <= Fraction(size.lo[k])
        assert Fraction(root.hi[k]) ** 2 >= Fraction(size.hi[k])
        assert cube.lo[k] <= cube.hi[k]
        for end in (b.lo[k], b.hi[k]):
            if end and np.isfinite(inverse.lo[k]) and np.isfinite(inverse.hi[k]):
                assert Fraction(inverse.lo[k]) <= 1 / Fraction(end) <= Fraction(inverse.hi[k])


def test_exact_operations_are_not_rounded() -> None:
    half, unit = interval(0.5), Interval(np.array(0.0), np.array(1e-3))
    assert (half + half).hi == 1 and (half * half).lo == 0.25 and interval(4.0).root().hi == 2
    assert (interval(1.0) - unit.power(2)).hi == 1
    assert interval(Fraction(1, 3)).lo < interval(Fraction(1, 3)).hi


@pytest.mark.parametrize("seed", range(40))
def test_matrix_bounds_hold_for_members(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 5))
    centre = rng.standard_normal((1, d, d)) * (rng.random((1, d, d)) < 0.7) + np.eye(d) * (seed % 2) * 2
    radius = rng.random((1, d, d)) * 10.0 ** rng.integers(-8, 0)
    family = Interval(centre - radius, centre + radius)
    largest, least, beta = norm(family)[0], eigenvalue_lower(family)[0], cocoercivity(family)[0]
    for _ in range(50):
        member = (centre + radius * np.sign(rng.standard_normal(centre.shape)))[0]
        half = (member + member.T) / 2
        assert np.linalg.norm(member, 2) <= largest * (1 + 1e-13)
        assert np.linalg.eigvalsh(half)[0] >= least - 1e-13
        if np.isfinite(beta):
            assert np.linalg.eigvalsh(half - beta * member.T @ member)[0] >= -1e-12
    thin = interval(centre)
    assert norm(thin)[0] * 0.99 <= np.linalg.norm(centre[0], 2)
    assert eigenvalue_lower(thin)[0] + 0.01 > np.linalg.eigvalsh((centre[0] + centre[0].T) / 2)[0]
