"""Ball operations and outward rounding against exact rationals, over every scale a float has."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

from fbscheck.certify import balls
from fbscheck.certify.balls import (
    ball,
    clip,
    exact,
    is_ball,
    lower,
    matmul,
    maximum,
    minimum,
    nearest,
    norm,
    root_down,
    root_up,
    round_down,
    round_up,
    sqrt,
    upper,
)

LARGEST, SMALLEST = 1.7976931348623157e308, 5e-324


def numbers(count: int, seed: int) -> np.ndarray:
    """Floats of every magnitude, subnormal ones and edges included."""
    rng = np.random.default_rng(seed)
    mantissas, exponents = rng.uniform(-1, 1, count), rng.integers(-1080, 1024, count)
    edges = [0.0, -0.0, SMALLEST, -SMALLEST, LARGEST, -LARGEST, 2.0**-1022, 1.0, -1.0, 0.1, 1 + 2.0**-52, 1 - 2.0**-53]
    return np.concatenate([np.ldexp(mantissas, exponents), edges])


def rationals(count: int, seed: int) -> list[Fraction]:
    """Rationals on floats, between floats, halfway between floats, and beyond their range."""
    rng = np.random.default_rng(seed)
    between = [
        Fraction(v) * (1 + Fraction(int(k), 2**60))
        for v, k in zip(numbers(count, seed), rng.integers(-200, 200, count + 12), strict=True)
    ]
    halfway = [(Fraction(v) + Fraction(math.nextafter(v, 0))) / 2 for v in numbers(count, seed + 1)]
    beyond = [
        Fraction(10) ** 400,
        -(Fraction(10) ** 400),
        Fraction(1, 10**400),
        -Fraction(1, 10**400),
        Fraction(LARGEST) + 1,
        Fraction(2) ** 1024,
    ]
    return between + halfway + beyond + [Fraction(1, 3), Fraction(-2, 3)]


def value(number: float) -> Fraction | float:
    return Fraction(number) if math.isfinite(number) else number


@pytest.mark.parametrize(
    "number", rationals(60, 0), ids=lambda q: f"{q.numerator.bit_length() - q.denominator.bit_length()} bits"
)
def test_rounding_is_outward_and_to_the_neighbour(number: Fraction) -> None:
    up, down = round_up(number), round_down(number)
    assert value(down) <= number <= value(up)
    assert down == up if value(up) == number else math.nextafter(down, math.inf) == up


@pytest.mark.parametrize(
    "number",
    [abs(q) for q in rationals(60, 5)],
    ids=lambda q: f"{q.numerator.bit_length() - q.denominator.bit_length()} bits",
)
def test_roots_are_outward_and_to_the_neighbour(number: Fraction) -> None:
    up, down = root_up(number), root_down(number)
    assert 0 <= down <= up
    assert value(down) ** 2 <= number
    assert up == math.inf or Fraction(up) ** 2 >= number
    assert down == up if up < math.inf and Fraction(up) ** 2 == number else math.nextafter(down, math.inf) == up


@pytest.mark.parametrize("root", [0.0, SMALLEST, 3.0, 0.1, 1e-200, 1e200, LARGEST])
def test_roots_of_squares_are_exact(root: float) -> None:
    assert root_up(Fraction(root) ** 2) == root == root_down(Fraction(root) ** 2)


@pytest.mark.parametrize(
    ("square", "down", "up"),
    [
        (Fraction(10) ** 700, LARGEST, math.inf),
        (Fraction(LARGEST) ** 2 + 1, LARGEST, math.inf),
        (Fraction(1, 10**700), 0.0, SMALLEST),
        (Fraction(2), 1.414213562373095, 1.4142135623730951),
    ],
)
def test_roots_at_the_ends_of_the_range(square: Fraction, down: float, up: float) -> None:
    assert (root_down(square), root_up(square)) == (down, up)


@pytest.mark.parametrize("x", numbers(60, 2), ids=lambda v: f"{v:.3g}")
def test_an_exact_ball_gives_its_float_back(x: float) -> None:
    assert lower(flint.arb(x)) == upper(flint.arb(x)) == x == nearest(exact([x]))[0]


@pytest.mark.parametrize(
    ("number", "low", "high"),
    [
        pytest.param(flint.arb(2) ** -2000, 0.0, SMALLEST, id="below the smallest"),
        pytest.param(-(flint.arb(2) ** -2000), -SMALLEST, 0.0, id="just below zero"),
        pytest.param(flint.arb(2) ** 2000, LARGEST, math.inf, id="above the largest"),
        pytest.param(-(flint.arb(2) ** 2000), -math.inf, -LARGEST, id="below all"),
        pytest.param(flint.arb(2) ** -(10**12), 0.0, SMALLEST, id="exponent of a billion digits"),
        pytest.param(-(flint.arb(2) ** (10**12)), -math.inf, -LARGEST, id="huge exponent of a billion digits"),
        pytest.param(flint.arb("inf"), math.inf, math.inf, id="infinity"),
        pytest.param(flint.arb("-inf"), -math.inf, -math.inf, id="minus infinity"),
        pytest.param(flint.arb("0 +/- inf"), -math.inf, math.inf, id="the whole line"),
        pytest.param(flint.arb(1) / 3, 0.3333333333333333, 0.33333333333333337, id="a third"),
        pytest.param(flint.arb(1, 0.5), 0.5, 1.5, id="wide"),
    ],
)
def test_ends_of_a_ball(number: flint.arb, low: float, high: float) -> None:
    assert value(lower(number)) <= value(low) + abs(value(low)) / 10**8 if math.isfinite(low) else lower(number) == low
    assert (
        value(upper(number)) >= value(high) - abs(value(high)) / 10**8 if math.isfinite(high) else upper(number) == high
    )
    assert lower(number) <= upper(number)


def test_no_information_is_never_a_number() -> None:
    nothing = flint.arb("nan")
    assert not lower(nothing) > -math.inf
    assert not upper(nothing) < math.inf


def test_balls_of_rationals_enclose_them() -> None:
    third = ball(Fraction(1, 3))
    assert third.rad() > 0
    assert (third * 3).contains(1)
    assert ball(Fraction(3, 8)) == flint.arb(0.375)
    assert ball(0.1) == flint.arb(0.1)
    assert ball(10**40) == flint.arb(10**40)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.int32])
def test_balls_of_numpy_numbers(kind: Callable[[Any], Any]) -> None:
    number = kind(3)
    assert ball(number.item()) == flint.arb(3)


PAIRS = [(x, y) for x in numbers(6, 3)[::2] for y in numbers(6, 4)[1::2]]


@pytest.mark.parametrize(("function", "expected"), [(maximum, max), (minimum, min)], ids=["maximum", "minimum"])
@pytest.mark.parametrize(("x", "y"), PAIRS, ids=lambda v: f"{v:.3g}")
def test_larger_and_smaller(x: float, y: float, function: Callable[..., Any], expected: Callable[..., float]) -> None:
    truth = expected(Fraction(x), Fraction(y))
    result = flint.arb(function(exact([x]), exact([y]))[0])
    assert lower(result) <= truth <= upper(result)
    assert function(np.array([x]), np.array([y]))[0] == float(truth)
    mixed = flint.arb(function(exact([x]), y)[0])
    assert lower(mixed) <= truth <= upper(mixed)


@pytest.mark.parametrize("seed", range(40))
def test_wide_balls_hold_the_result_for_every_choice_in_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    middles, radii = (
        rng.standard_normal(3) * 10.0 ** rng.integers(-12, 12),
        np.abs(rng.standard_normal(3)) * 10.0 ** rng.integers(-12, 12),
    )
    wide = [flint.arb(m, r) for m, r in zip(middles, radii, strict=True)]
    chosen = [
        [Fraction(m) + Fraction(r) * Fraction(int(t), 16) for m, r in zip(middles, radii, strict=True)]
        for t in rng.integers(-16, 17, 20)
    ]
    array = np.array(wide, dtype=object)
    results = {
        "max": (maximum(array[0], array[1]), [max(c[0], c[1]) for c in chosen]),
        "min": (minimum(array[0], array[1]), [min(c[0], c[1]) for c in chosen]),
        "clip": (
            clip(array[0], -abs(array[1]), abs(array[1])),
            [min(max(c[0], -abs(c[1])), abs(c[1])) for c in chosen],
        ),
        "square of the norm": (norm(array) ** 2, [sum(t * t for t in c) for c in chosen]),
    }
    for result, truths in results.values():
        end = flint.arb(result)
        assert not end.is_nan()
        assert all(lower(end) <= truth <= upper(end) for truth in truths)


ROOTS = {
    "zero": flint.arb(0),
    "around zero": flint.arb(0, 1e-30),
    "touching zero": flint.arb(1, 1),
    "mostly negative": flint.arb(-1, 1.5),
    "positive": flint.arb(2),
    "tiny": flint.arb(2) ** -3000,
}


@pytest.mark.parametrize("number", ROOTS.values(), ids=ROOTS)
def test_square_roots_are_cut_at_zero(number: flint.arb) -> None:
    root = flint.arb(sqrt(number))
    assert root.is_finite()
    assert (root * root).overlaps(number.nonnegative_part())
    assert lower(root) <= upper(root)
    assert upper(root) >= 0


@pytest.mark.parametrize("scale", [0, -1070, -600, -100, 0, 100, 600, 1000])
@pytest.mark.parametrize(
    ("x", "truth"), [((3, 4), 5), ((5, 12), 13), ((8, 15), 17), ((0, 0), 0), ((0, 7), 7), ((1, 2, 2), 3)]
)
def test_norms_at_every_scale(x: tuple[int, ...], truth: int, scale: int) -> None:
    array = np.ldexp(np.array(x, dtype=float), scale)
    assert norm(array) == pytest.approx(math.ldexp(truth, scale), rel=1e-15)
    enclosure = flint.arb(norm(exact(array)))
    assert enclosure.contains(flint.arb(truth) * flint.arb(2) ** scale)
    assert enclosure.rad() <= flint.arb(2) ** (scale - 120)


def test_norms_of_samples() -> None:
    x = np.random.default_rng(0).standard_normal((3, 5))
    np.testing.assert_allclose(norm(x), np.linalg.norm(x, axis=0), rtol=1e-15)
    assert norm(exact(x)).shape == (5,)


def test_products_are_enclosed() -> None:
    rng = np.random.default_rng(1)
    a, x = rng.standard_normal((4, 3)) * 10.0 ** rng.integers(-9, 9, (4, 3)), rng.standard_normal((3, 2))
    product = matmul(a, exact(x))
    assert product.shape == (4, 2)
    assert matmul(a, exact(x[:, 0])).shape == (4,)
    with flint.ctx.workprec(3000):
        truth = [[sum(flint.arb(a[i, k]) * flint.arb(x[k, j]) for k in range(3)) for j in range(2)] for i in range(4)]
        assert all(product[i, j].contains(truth[i][j]) for i in range(4) for j in range(2))
        assert not product[0, 0].contains(truth[0][0] * (1 + flint.arb(2) ** -100))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (exact([1.0]), True),
        (flint.arb(1), True),
        (np.array([1.0]), False),
        (1.0, False),
        ([flint.arb(1)], False),
        (np.array([None, 1.0]), False),
        (np.array([Fraction(1, 2)]), False),
    ],
    ids=["balls", "ball", "floats", "float", "list", "objects", "fractions"],
)
def test_what_is_a_ball(x: Any, expected: bool) -> None:
    assert is_ball(x) is expected


def test_precision_is_what_it_says() -> None:
    assert flint.ctx.prec == balls.PRECISION == 128


def test_subnormals_and_extremes_lose_nothing() -> None:
    x = numbers(200, 9)
    with flint.ctx.workprec(4000):
        assert all(
            b.rad() == 0 and Fraction(v) == Fraction(int(b.man_exp()[0])) * Fraction(2) ** int(b.man_exp()[1])
            for b, v in zip(exact(x), x, strict=True)
        )
