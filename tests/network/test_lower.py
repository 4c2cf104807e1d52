"""Lower bounds: attained by a network of the class, never above a certified bound, as good as all corners."""

import os
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from network_samples import FAMILIES, corners, jacobian, sample

from fbscheck.errors import InputError
from fbscheck.network.dissipation import certify
from fbscheck.network.layers import Layers
from fbscheck.network.lower import attained_lower, class_lower
from fbscheck.network.multipliers import optimise
from fbscheck.network.riccati import recursion

INPUTS = ("b", "x0", "both")
NETWORKS = 500 if os.environ.get("FBSCHECK_EVERY_CHANGE") else 40


def derivatives(layers: Layers, pattern: np.ndarray) -> np.ndarray:
    """D_n (N, d, d) of a stored pattern."""
    if layers.separable:
        return pattern[:, :, None] * np.eye(layers.dimension)
    widest = 1 / (1 + np.asarray(layers.strong_convexity))
    lengths = np.sum(pattern**2, axis=1)
    return (widest / lengths)[:, None, None] * pattern[:, :, None] * pattern[:, None, :]


@pytest.mark.parametrize(("family", "wrt"), list(product(FAMILIES, INPUTS)))
def test_the_bound_is_what_the_stored_network_does(family: str, wrt: str) -> None:
    layers = sample(family, 9)
    found = class_lower(layers, wrt, starts=8)
    matrix = jacobian(layers, derivatives(layers, found.pattern), wrt)
    stretched = np.linalg.norm(matrix @ found.direction) / np.linalg.norm(found.direction)
    assert found.bound == pytest.approx(stretched, rel=1e-9)
    assert found.bound <= np.linalg.norm(matrix, 2) * (1 + 1e-12)
    assert found.bound == attained_lower(layers, wrt, found.pattern, found.direction)


def test_the_bound_is_rounded_down() -> None:
    """A 3-4-5 product over 7: the exact quotient is rational, its float64 neighbours are known."""
    layers = Layers(np.zeros((1, 2, 2)), np.array([[[3 / 8], [4 / 8]]]))
    found = attained_lower(layers, "b", np.ones((1, 2)), np.array([7.0]))
    assert Fraction(found) <= Fraction(5, 8) and found == pytest.approx(0.625, rel=1e-15)
    third = attained_lower(
        Layers(np.zeros((1, 1, 1)), np.array([[[1 / 3]]])), "b", np.array([[1 / 3]]), np.array([1.0])
    )
    assert Fraction(third) <= Fraction(1 / 3) ** 2


@pytest.mark.parametrize("family", ["lista", "elastic", "free"])
@pytest.mark.parametrize("seed", range(5))
def test_ascent_finds_the_best_corner(family: str, seed: int) -> None:
    """Of 2^9 patterns; another route, through singular values alone."""
    layers = sample(family, seed, depth=3, dimension=3)
    best = max(float(np.linalg.norm(jacobian(layers, pattern, "b"), 2)) for pattern in corners(layers))
    assert best * 0.97 <= class_lower(layers, "b", starts=64).bound <= best * (1 + 1e-12)


def test_projections_do_more_than_the_identity() -> None:
    """B1's trap: W_2 W_1 = 0 and a mask between them makes 1; a projection makes (1 + sqrt 2)/2."""
    layers = Layers(np.array([[[1.0, 0.0], [1.0, 0.0]], [[1.0, -1.0], [0.0, 0.0]]]), np.ones((2, 2, 1)))
    assert class_lower(layers, "x0").bound == pytest.approx(1.0, rel=1e-12)
    free = Layers(layers.transitions, layers.injections, separable=False)
    v = np.array([[np.cos(t), np.sin(t)] for t in np.linspace(0, np.pi, 20001)])
    expected = np.max((v @ [1.0, -1.0]) * (v @ [1.0, 1.0]))
    assert class_lower(free, "x0").bound == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_no_certified_bound_is_below_an_attained_one(seed: int) -> None:
    """500 networks of all families with FBSCHECK_EVERY_CHANGE set."""
    rng = np.random.default_rng(seed)
    family, wrt = FAMILIES[seed % len(FAMILIES)], INPUTS[seed % 3]
    layers = sample(family, seed, *(int(k) for k in rng.integers(1, 8, 3)))
    problem = recursion(layers, wrt)
    optimum = optimise(problem, evaluations=60)
    upper, _ = certify(problem, optimum.multipliers)
    trail = problem.backward(optimum.multipliers)
    attained = class_lower(layers, wrt, starts=12, trail=trail)
    assert attained.bound <= upper


def test_a_bound_one_percent_too_small_is_caught() -> None:
    """Planted: with nonnegative weights the bracket closes, and 99% of the upper end is below the lower one."""
    layers = Layers(np.full((6, 3, 3), 0.3), np.full((6, 3, 2), 0.4))
    problem = recursion(layers, "b")
    upper, _ = certify(problem, optimise(problem, accuracy=1e-6).multipliers)
    assert 0.99 * upper < class_lower(layers, "b").bound <= upper


@pytest.mark.parametrize(
    ("pattern", "direction", "message"),
    [
        pytest.param(np.full((4, 4), 1 + 2.0**-50), np.ones(2), "slopes between", id="planted: slope above 1"),
        pytest.param(np.full((4, 4), -(2.0**-50)), np.ones(2), "slopes between", id="planted: slope below 0"),
        pytest.param(np.ones((4, 4)), np.zeros(2), "direction", id="zero direction"),
        pytest.param(np.ones((3, 4)), np.ones(2), "slopes", id="layers missing"),
        pytest.param(np.ones((4, 4)), np.ones(3), "direction", id="another input"),
    ],
)
def test_what_is_not_in_the_class_is_refused(pattern: np.ndarray, direction: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        attained_lower(sample("lista"), "b", pattern, direction)


def test_a_slope_that_only_weaker_convexity_allows_is_refused() -> None:
    layers = sample("elastic", 2)
    pattern = np.broadcast_to(1 / (1 + np.asarray(layers.strong_convexity))[:, None], (4, 4))
    with pytest.raises(InputError, match="slopes between"):
        attained_lower(layers, "b", pattern * (1 + 1e-9), np.ones(2))


def test_a_deep_network_keeps_its_digits() -> None:
    """1000 layers of a rotation stretched by 1 + 2^-20: the norm is known in closed form."""
    factor, depth = 1 + 2.0**-20, 1000
    turn = factor * np.array([[0.6, -0.8], [0.8, 0.6]])
    layers = Layers(np.broadcast_to(turn, (depth, 2, 2)), np.zeros((depth, 2, 1)))
    found = attained_lower(layers, "x0", np.ones((depth, 2)), np.array([1.0, 0.0]))
    assert found == pytest.approx(factor**depth, rel=1e-12)


@pytest.mark.parametrize("wrt", INPUTS)
def test_a_network_that_is_zero_attains_zero(wrt: str) -> None:
    layers = Layers(np.zeros((3, 4, 4)), np.zeros((3, 4, 2)))
    assert class_lower(layers, wrt).bound == 0
    assert attained_lower(layers, wrt, np.ones((3, 4)), np.ones({"b": 2, "x0": 4, "both": 6}[wrt])) == 0


@pytest.mark.parametrize("starts", [0, -1])
def test_no_start_is_refused(starts: int) -> None:
    with pytest.raises(InputError, match="starts"):
        class_lower(sample("lista"), starts=starts)


@pytest.mark.parametrize("family", ["lista", "free"])
@pytest.mark.parametrize("seed", range(3))
def test_one_map_for_all_layers_and_units_has_any_pattern(family: str, seed: int) -> None:
    """What class_lower attains with maps of all kinds, one piecewise linear map attains: seen in differences."""
    layers = sample(family, seed, depth=5, dimension=4)
    found = class_lower(layers, "b", starts=8)
    b = np.random.default_rng(seed).standard_normal((2, 1))
    arguments, x = [], np.zeros((4, 1))
    for w, u in zip(layers.transitions, layers.injections, strict=True):
        arguments.append((w @ x + u @ b)[:, 0])
        x = arguments[-1][:, None] / 2
    knots, slopes = np.ravel(arguments), np.ravel(found.pattern)
    width = 0.2 * float(np.min(np.diff(np.sort(knots))))
    beside = np.array([-2.0, -1.0, 1.0, 2.0])[:, None] * width
    places, values = knots + beside, knots / 2 + beside * np.where(np.abs(beside) > width, 0.5, slopes)
    order = np.argsort(places, axis=None)
    places, values = np.append(places.ravel()[order], 1e3), np.append(values.ravel()[order], 0.0)
    values[-1] = values[-2] + (places[-1] - places[-2]) / 2
    steep = np.diff(values) / np.diff(places)
    assert np.all(steep > -1e-9) and np.all(steep < 1 + 1e-9)
    move = width / 100 * found.direction[:, None] / np.linalg.norm(found.direction)
    ends = []
    for data in (b - move, b + move):
        x = np.zeros((4, 1))
        for w, u in zip(layers.transitions, layers.injections, strict=True):
            x = np.interp(w @ x + u @ data, places, values)
        ends.append(x)
    stretched = np.linalg.norm(ends[1] - ends[0]) / np.linalg.norm(2 * move)
    assert stretched == pytest.approx(found.bound, rel=1e-6)


@pytest.mark.parametrize("family", ["lista", "not separable"])
def test_disturbed_patterns_attain_more(family: str) -> None:
    layers = sample(family, 1, depth=30, dimension=8, observations=4)
    bounds = [class_lower(layers, "b", starts=16, rounds=rounds).bound for rounds in (0, 3, 8)]
    assert bounds[0] <= bounds[1] <= bounds[2]
    assert family == "not separable" or bounds[2] > 1.002 * bounds[0]
    problem = recursion(layers)
    assert bounds[2] <= certify(problem, problem.safe())[0]


def test_disturbing_finds_the_best_corner() -> None:
    layers = sample("lista", 2, depth=3, dimension=3)
    best = max(float(np.linalg.norm(jacobian(layers, pattern, "b"), 2)) for pattern in corners(layers))
    assert class_lower(layers, "b", starts=8, rounds=10).bound == pytest.approx(best, rel=1e-9)
    with pytest.raises(InputError, match="rounds"):
        class_lower(layers, rounds=-1)
