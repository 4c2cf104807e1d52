"""Proposed instances: the product between two trajectories, and never more than is proved to a fixed point."""

from fractions import Fraction
from math import prod

import numpy as np
import pytest

from fbscheck.certify.instances import attained
from fbscheck.reference.many_steps import certify_steps
from fbscheck.splitting import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.splitting.extremal import between_trajectories, slopes, to_fixed_point

KINDS = {
    "gradient": GradientOf,
    "lipschitz": StronglyMonotoneLipschitz,
    "cocoercive": lambda mu, ell: StronglyMonotoneCocoercive(mu, 1 / Fraction(ell)),
}


def theory(kind: str, mu: Fraction, ell: Fraction, h: Fraction, sigma: Fraction) -> Fraction:
    """The squared factor of one step, by the textbook formulas."""
    squared = {
        "gradient": max((1 - h * mu) ** 2, (1 - h * ell) ** 2),
        "lipschitz": 1 - 2 * h * mu + (h * ell) ** 2,
        "cocoercive": max(1 - 2 * h * s + h * h * s * ell for s in (mu, ell)),
    }[kind]
    return squared / (1 + h * sigma) ** 2


def drawn(seed: int, longest: float = 3.0) -> tuple[Fraction, Fraction, list[Fraction], Fraction]:
    """Constants, steps and sigma; some steps tiny, some far beyond 2/ell, some exactly 1/ell or 1/mu."""
    rng = np.random.default_rng(seed)
    ell = Fraction(int(rng.integers(1, 65)), 16)
    mu = ell * Fraction(int(rng.integers(0, 16)), 16)
    steps = [Fraction(int(rng.integers(1, int(64 * longest))), 64) / ell for _ in range(int(rng.integers(1, 9)))]
    if seed % 5 == 0:
        steps[-1] = 1 / ell
    if seed % 7 == 0:
        steps = [h / 10**6 for h in steps]
    if seed % 11 == 0:
        steps = [*steps, steps[0], steps[0]]
    return mu, ell, steps, ell * Fraction(int(rng.integers(0, 3)), 8)


@pytest.mark.parametrize("longest", [2.0, 20.0], ids=["contracting or not", "far from contracting"])
@pytest.mark.parametrize("seed", range(60))
def test_gradients_attain_the_product_between_two_trajectories(seed: int, longest: float) -> None:
    mu, ell, steps, sigma = drawn(seed, longest)
    record = between_trajectories(GradientOf(mu, ell), steps, sigma)
    product = prod(theory("gradient", mu, ell, h, sigma) for h in steps)
    assert attained(record)[0] == product
    assert [*map(Fraction, record["steps"])] == steps


def test_the_steps_tried_include_expanding_ones() -> None:
    for longest, few in ((2.0, 0), (20.0, 30)):
        cases = [drawn(seed, longest) for seed in range(60)]
        products = [prod(theory("gradient", mu, ell, h, sigma) for h in steps) for mu, ell, steps, sigma in cases]
        assert few <= sum(product > 1 for product in products) <= 55


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(30))
def test_all_classes_stay_below_the_product(seed: int, kind: str) -> None:
    """Rotations attain it for the monotone Lipschitz class, whose worst operator is the same for all steps."""
    mu, ell, steps, sigma = drawn(seed)
    operators: OperatorClass = KINDS[kind](mu, ell)
    product = prod(theory(kind, mu, ell, h, sigma) for h in steps)
    between, fixed = between_trajectories(operators, steps, sigma), to_fixed_point(operators, steps, sigma)
    assert attained(fixed)[0] <= product
    assert attained(between)[0] <= product
    if kind == "lipschitz" or len(set(steps)) == 1:
        assert attained(between)[0] == attained(fixed)[0] == product


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_to_a_fixed_point_never_more_than_is_proved(seed: int, kind: str) -> None:
    mu, ell, steps, sigma = drawn(seed)
    operators: OperatorClass = KINDS[kind](mu, ell)
    steps = steps[:4]
    ratio, fixed = attained(to_fixed_point(operators, steps, sigma))
    assert fixed
    assert ratio <= certify_steps(operators, steps, sigma).squared


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(40))
def test_the_start_is_a_fixed_point_of_all_steps(seed: int, kind: str) -> None:
    mu, ell, steps, sigma = drawn(seed, 20.0)
    assert attained(to_fixed_point(KINDS[kind](mu, ell), steps, sigma))[1]


def test_two_trajectories_beat_the_fixed_point_by_hand() -> None:
    """mu = 1/10, ell = 1, steps 19/10, 1/10 twice: (9/10 99/100)^4 against .5105 by a bend at the fixed point."""
    steps = [Fraction(19, 10), Fraction(1, 10)] * 2
    operators = GradientOf(Fraction(1, 10), 1)
    assert attained(between_trajectories(operators, steps, Fraction(0)))[0] == Fraction(891, 1000) ** 4
    ratio = attained(to_fixed_point(operators, steps, Fraction(0)))[0]
    assert Fraction(51, 100) < ratio < Fraction(521, 1000) < Fraction(891, 1000) ** 4


@pytest.mark.parametrize(("mu", "ell"), [(0, 0), (1, 1), (0, 1)])
def test_edges_of_the_class(mu: int, ell: int) -> None:
    """One operator only, or the factor zero: steps 1/ell."""
    steps = [Fraction(1, 2), Fraction(1), Fraction(3)]
    for sigma in (Fraction(0), Fraction(1)):
        record = between_trajectories(GradientOf(mu, ell), steps, sigma)
        product = prod(theory("gradient", Fraction(mu), Fraction(ell), h, sigma) for h in steps)
        assert attained(record)[0] == product
        assert attained(to_fixed_point(GradientOf(mu, ell), steps, sigma))[1]


def test_slopes_of_the_classes() -> None:
    assert slopes(GradientOf(1, 4)) == slopes(StronglyMonotoneLipschitz(1, 4)) == (1, 4)
    assert slopes(StronglyMonotoneCocoercive(1, Fraction(1, 4))) == (1, 4)
