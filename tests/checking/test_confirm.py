"""Pairs in ball arithmetic against exact fractions: a number is never better than any image within the noise gives."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.confirm import certainly_attained

INF = math.inf
SQUARED = ("lipschitz", "residual")
Vector = list[Fraction]


def inner(x: Vector, y: Vector) -> Fraction:
    return sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))


def squared(d: Vector, v: Vector, name: str) -> Fraction | float:
    """The quotient as a fraction, squared for lipschitz and residual."""
    rest = [a - b for a, b in zip(d, v, strict=True)]
    if name == "lipschitz":
        return inner(v, v) / inner(d, d)
    if name == "residual":
        return inner(rest, rest) / inner(d, d)
    if name == "monotonicity":
        return inner(v, d) / inner(d, d)
    if name == "cocoercivity":
        return inner(v, d) / inner(v, v) if any(v) else INF
    forward = inner(d, rest)
    return 0 if not any(rest) else inner(rest, rest) / (2 * forward) if forward > 0 else INF


def flatters(name: str, value: float, d: Vector, v: Vector) -> bool:
    """Whether ``value`` is worse than the exact quotient of the pair, so that it was not attained."""
    truth = squared(d, v, name)
    if not math.isfinite(value) or truth == INF:
        return value == CONSTANTS[name].worse * INF and truth != value
    value = Fraction(value) ** 2 if name in SQUARED else Fraction(value)
    return CONSTANTS[name].worse * (value - truth) > 0


def fractions(x: np.ndarray) -> Vector:
    return [Fraction(t) for t in x.tolist()]


def pairs(seed: int) -> tuple[np.ndarray, ...]:
    """Points and images, near and far, small and large, nearly isometric, nearly antipodal, nearly still."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 5))
    x, step = rng.normal(size=size), rng.normal(size=size) * 10.0 ** rng.integers(-9, 3)
    tx, turn = rng.normal(size=size), [1.0, -1.0, 0.5, 0.0, 1 + 1e-15, 2.0][seed % 6]
    moved = turn * step + [0.0, 1e-12, 1.0][seed % 3] * np.abs(step).max() * rng.normal(size=size)
    return x, x + step, tx, tx + moved


@pytest.mark.parametrize("name", CONSTANTS)
def test_without_noise_it_is_the_exact_quotient_rounded_to_the_harmless_side(name: str) -> None:
    for seed in range(300):
        x, y, tx, ty = pairs(seed)
        value = certainly_attained(name, x, y, tx, ty, 0.0)
        d = [a - b for a, b in zip(fractions(x), fractions(y), strict=True)]
        v = [a - b for a, b in zip(fractions(tx), fractions(ty), strict=True)]
        truth = squared(d, v, name)
        assert not flatters(name, value, d, v), seed
        near = math.sqrt(truth) if name in SQUARED else float(truth)
        assert value == near or abs(value - near) <= 4 * math.ulp(near), seed


@pytest.mark.parametrize("name", CONSTANTS)
def test_no_image_within_the_noise_is_better_than_the_number(name: str) -> None:
    """Here "better" is for the operator: were the true images elsewhere in the noise, they would still be as bad."""
    for seed in range(200):
        x, y, tx, ty = pairs(seed)
        rng = np.random.default_rng([seed, 1])
        noise = float(np.linalg.norm(tx - ty) * 10.0 ** rng.uniform(-12, 0.3)) + 1e-13
        value = certainly_attained(name, x, y, tx, ty, noise)
        d = [a - b for a, b in zip(fractions(x), fractions(y), strict=True)]
        for turn in (x - y, y - x, ty - tx, tx - ty, *rng.normal(size=(6, len(x)))):
            length = np.linalg.norm(turn)
            error = turn / length * noise * (1 - 1e-12) if length else 0 * turn
            v = [
                a - b + e
                for a, b, e in zip(
                    fractions(tx), fractions(ty), fractions(error * float(rng.choice([1, 0.5]))), strict=True
                )
            ]
            assert not flatters(name, value, d, v), (seed, turn)


@pytest.mark.parametrize("name", CONSTANTS)
def test_more_noise_shows_less(name: str) -> None:
    for seed in range(100):
        x, y, tx, ty = pairs(seed)
        noises = [0.0, 1e-14, 1e-9, 1e-3, 1.0, 1e3, 1e300]
        values = [CONSTANTS[name].worse * certainly_attained(name, x, y, tx, ty, noise) for noise in noises]
        assert values == sorted(values, reverse=True), seed
        assert values[-1] == {"lipschitz": 0, "averagedness": 0, "residual": 0, "cocoercivity": -INF}.get(
            name, values[-1]
        )


@pytest.mark.parametrize("name", CONSTANTS)
def test_it_agrees_with_the_floats_of_the_search(name: str) -> None:
    for seed in range(100):
        x, y, tx, ty = pairs(seed)
        columns = [one[:, None] for one in (x - y, tx - ty)]
        floating = float(CONSTANTS[name].attained(*columns, np.array([1e-3 * np.linalg.norm(tx - ty)]))[0])
        value = certainly_attained(name, x, y, tx, ty, 1e-3 * float(np.linalg.norm(tx - ty)))
        assert value == pytest.approx(floating, rel=1e-2, abs=1e-2) or abs(floating) > 1e6, seed


ONE, ZERO = np.array([1.0, 0.0]), np.zeros(2)
EXTREMES = [
    pytest.param(
        ZERO,
        ZERO,
        {"lipschitz": 0, "monotonicity": INF, "averagedness": 0, "cocoercivity": INF, "residual": 0},
        id="x = y",
    ),
    pytest.param(
        ONE,
        ONE,
        {"lipschitz": 1, "monotonicity": 1, "averagedness": 0, "cocoercivity": 1, "residual": 0},
        id="identity",
    ),
    pytest.param(
        ONE,
        -ONE,
        {"lipschitz": 1, "monotonicity": -1, "averagedness": 1, "cocoercivity": -1, "residual": 2},
        id="minus",
    ),
    pytest.param(
        ONE,
        2 * ONE,
        {"lipschitz": 2, "monotonicity": 2, "averagedness": INF, "cocoercivity": 0.5, "residual": 1},
        id="twice",
    ),
    pytest.param(
        ONE,
        ZERO,
        {"lipschitz": 0, "monotonicity": 0, "averagedness": 0.5, "cocoercivity": INF, "residual": 1},
        id="constant",
    ),
    pytest.param(
        ONE,
        ONE[::-1],
        {"lipschitz": 1, "monotonicity": 0, "averagedness": 1, "cocoercivity": 0, "residual": 2**0.5},
        id="rotation",
    ),
]


@pytest.mark.parametrize(("d", "v", "truth"), EXTREMES)
def test_closed_forms_without_noise(d: np.ndarray, v: np.ndarray, truth: dict[str, float]) -> None:
    assert {name: certainly_attained(name, d, ZERO, v, ZERO, 0.0) for name in truth} == pytest.approx(truth, rel=3e-16)


PLANTED = {
    "lipschitz": lambda d, v, noise: (np.linalg.norm(v) + noise) / np.linalg.norm(d),
    "monotonicity": lambda d, v, noise: (v @ d - noise * np.linalg.norm(d)) / (d @ d),
    "cocoercivity": lambda d, v, noise: (v @ d - noise * np.linalg.norm(d)) / (v @ v),
    "averagedness": lambda d, v, noise: (np.linalg.norm(d - v) + noise) ** 2 / (2 * (d @ (d - v))),
    "residual": lambda d, v, noise: (np.linalg.norm(d - v) + noise) / np.linalg.norm(d),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_test_notices_a_wrong_sign_of_the_noise_and_a_rounding_to_the_wrong_side(name: str) -> None:
    signs = roundings = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        d, v = rng.normal(size=(2, 3))
        d += 3 * v * (1 if name != "averagedness" else 0)
        exact = fractions(d), fractions(v)
        if name == "averagedness" and inner(exact[0], [a - b for a, b in zip(*exact, strict=True)]) <= 0:
            continue
        signs += flatters(name, float(PLANTED[name](d, v, 1e-9)), *exact)
        value = certainly_attained(name, d, 0 * d, v, 0 * v, 0.0)
        roundings += flatters(name, math.nextafter(value, CONSTANTS[name].worse * INF), *exact)
    assert signs > 30
    assert roundings > 30
