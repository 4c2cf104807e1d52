"""The recursion: never below what a network of the class does, derivatives, floors, the way to the optimum."""

import math
from itertools import product

import numpy as np
import pytest
from network_samples import FAMILIES, corners, jacobian, sample, slopes

from fbscheck.errors import InputError
from fbscheck.network import riccati
from fbscheck.network.adjoint import sweep
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.relaxation import floor_of
from fbscheck.network.riccati import recursion
from fbscheck.network.sectors import Sectors, sectors_of

INPUTS = ("b", "x0", "both")
cases = pytest.mark.parametrize(("family", "wrt"), list(product(FAMILIES, INPUTS)))


def attained(layers: Layers, wrt: str, tries: int = 60) -> float:
    return max(float(np.linalg.norm(jacobian(layers, slopes(layers, seed), wrt), 2)) for seed in range(tries))


@cases
@pytest.mark.parametrize("seed", range(3))
def test_no_bound_is_below_what_some_network_of_the_class_does(family: str, wrt: str, seed: int) -> None:
    layers = sample(family, seed)
    found = recursion(layers, wrt)
    least = attained(layers, wrt) * (1 - 1e-9)
    safe = found.safe()
    optimum = optimise(found, evaluations=60)
    assert least <= optimum.bound <= found.bound(safe) < math.inf
    assert optimum.floor <= optimum.bound * (1 + 1e-9)
    scattered = safe * np.exp(np.random.default_rng(seed).uniform(0, 1, (layers.depth, 1)))
    assert found.bound(scattered) >= max(least, optimum.floor * (1 - 1e-9))


@cases
def test_derivatives_agree_with_differences(family: str, wrt: str) -> None:
    layers = sample(family, 5)
    found = recursion(layers, wrt)
    rng = np.random.default_rng(1)
    kick, logarithms = rng.standard_normal((layers.dimension, 2)), np.log(found.safe()) + 0.3
    direction = rng.standard_normal(found.shape if layers.separable else (layers.depth, 1))

    def value(t: float) -> float:
        there = sweep(found, np.exp(logarithms + t * direction), 8.0, 0.1, kick)
        assert there is not None
        return there.objective

    here = sweep(found, np.exp(logarithms), 8.0, 0.1, kick)
    assert here is not None
    expected = (value(1e-5) - value(-1e-5)) / 2e-5
    assert float(np.sum(here.slopes * direction)) == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("wrt", INPUTS)
def test_slopes_known_from_below_are_used(wrt: str) -> None:
    """Where all slopes are known the network is linear, and the bound is the norm of its matrix."""
    layers = sample("lista", 2)
    low = np.random.default_rng(0).random((4, 4))
    found = recursion(layers, wrt, Sectors(low, np.zeros((4, 4))))
    exactly = np.linalg.norm(jacobian(layers, low[:, :, None] * np.eye(4), wrt), 2)
    assert found.bound(np.ones((4, 4))) == pytest.approx(exactly, rel=1e-12)
    narrow = recursion(layers, wrt, Sectors(low, 0.1 * np.ones((4, 4))))
    wide = recursion(layers, wrt, Sectors(low, 0.5 * np.ones((4, 4))))
    bounds = [optimise(problem, evaluations=120).bound for problem in (narrow, wide)]
    assert exactly < bounds[0] < bounds[1]
    inside = (low + 0.5 * np.random.default_rng(1).random((4, 4)))[:, :, None] * np.eye(4)
    assert np.linalg.norm(jacobian(layers, inside, wrt), 2) <= bounds[1]


def test_derivatives_with_slopes_known_from_below() -> None:
    layers, rng = sample("lista", 3), np.random.default_rng(2)
    found = recursion(layers, "b", Sectors(rng.random((4, 4)) / 2, rng.random((4, 4)) / 2))
    kick, logarithms, direction = rng.standard_normal((4, 2)), np.zeros((4, 4)) + 1.0, rng.standard_normal((4, 4))
    ends = [sweep(found, np.exp(logarithms + t * direction), 4.0, 0.1, kick) for t in (-1e-5, 0.0, 1e-5)]
    difference = (ends[2].objective - ends[0].objective) / 2e-5
    assert float(np.sum(ends[1].slopes * direction)) == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize("wrt", INPUTS)
@pytest.mark.parametrize("depth", [1, 5])
def test_one_dimension_with_positive_weights_is_sharp(depth: int, wrt: str) -> None:
    """With nonnegative weights the identity is the worst map: a geometric sum."""
    weight, gain, convexity = 0.8, 0.5, 0.25
    layers = Layers(np.full((depth, 1, 1), weight), np.full((depth, 1, 1), gain), strong_convexity=convexity)
    ratio = weight / (1 + convexity)
    data = gain / (1 + convexity) * (1 - ratio**depth) / (1 - ratio)
    truth = {"b": data, "x0": ratio**depth, "both": math.hypot(data, ratio**depth)}[wrt]
    optimum = optimise(recursion(layers, wrt), accuracy=1e-9)
    assert optimum.bound == pytest.approx(truth, rel=1e-6)
    assert optimum.floor == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_the_worst_pattern_of_a_small_network_is_nearly_reached(seed: int) -> None:
    """All 2^(Nd) corners: the true bound of the class, which the recursion must not undercut."""
    layers = sample("lista", seed, depth=3, dimension=3)
    truth = max(float(np.linalg.norm(jacobian(layers, pattern, "b"), 2)) for pattern in corners(layers))
    optimum = optimise(recursion(layers, "b"), accuracy=1e-5)
    assert truth <= optimum.bound <= 1.1 * truth


@pytest.mark.parametrize(("family", "seed"), [("lista", 9), ("ista", 8), ("free", 9)])
def test_the_optimum_is_shown_to_be_one(family: str, seed: int) -> None:
    problem = recursion(sample(family, seed, depth=6, dimension=6, observations=3))
    optimum = optimise(problem, accuracy=1e-5, evaluations=600)
    assert optimum.floor <= optimum.bound
    assert optimum.gap <= 5e-4
    assert optimise(problem, evaluations=1).gap > 5e-4, "a gap closes by descent only"


@pytest.mark.parametrize("family", ["lista", "not separable"])
def test_memory_does_not_change_the_answer(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = recursion(sample(family, 4, depth=7))
    multipliers, kick = found.safe(), np.ones((4, 1))
    whole = sweep(found, multipliers, 8.0, 0.1, kick)
    monkeypatch.setattr(riccati, "MEMORY", 1000)
    pieces = sweep(found, multipliers, 8.0, 0.1, kick)
    assert whole is not None and pieces is not None and len(pieces.trail.ends) > 2
    np.testing.assert_allclose(pieces.slopes, whole.slopes, rtol=1e-12)
    assert floor_of(pieces.trail) == pytest.approx(floor_of(whole.trail), rel=1e-12)


def test_every_better_bound_is_told_and_valid() -> None:
    layers = sample("lista", 1, depth=5)
    told: list[float] = []
    found = recursion(layers)
    best = optimise(found, evaluations=50, report=lambda o: told.append(o.bound))
    assert told == sorted(told, reverse=True) and len(told) > 3
    assert min(told) == best.bound >= attained(layers, "b")
    assert best.evaluations <= 51 + 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda m: -m, "multipliers >= 0", id="planted: sign flipped"),
        pytest.param(lambda m: m[:, :2], r"multipliers \(N, d\)", id="shape"),
        pytest.param(lambda m: m[:, :, None] * np.ones((4, 4)), "dimension", id="planted: not diagonal"),
        pytest.param(lambda m: m * np.nan, "finite", id="NaN"),
    ],
)
def test_what_are_no_multipliers_is_refused(change: object, message: str) -> None:
    found = recursion(sample("lista"))
    with pytest.raises(InputError, match=message):
        found.bound(change(found.safe()))  # type: ignore[operator]


def test_diagonal_multipliers_are_refused_where_maps_are_not_separable() -> None:
    found = recursion(sample("not separable"))
    with pytest.raises(InputError, match="not separable"):
        found.bound(found.safe() * np.linspace(1, 2, 4))
    with pytest.raises(InputError, match="not separable"):
        recursion(sample("not separable"), "b", Sectors(np.zeros((4, 4)), np.linspace(0.5, 1, 16).reshape(4, 4)))


def test_too_small_a_multiplier_gives_no_bound() -> None:
    found = recursion(sample("ista"))
    multipliers = found.safe()
    multipliers[-1, 0] = 0.49
    assert found.bound(multipliers) == math.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"wrt": "x"}, "wrt of", id="input"),
        pytest.param({"sectors": Sectors(np.zeros((3, 4)), np.ones((3, 4)))}, "sectors of shape", id="sectors"),
    ],
)
def test_what_makes_no_recursion_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recursion(sample("lista"), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "width", "message"),
    [
        pytest.param(np.zeros((2, 2)), -np.ones((2, 2)), "widths >= 0", id="negative"),
        pytest.param(np.zeros((2, 2)), np.ones((2, 3)), "one shape", id="shapes"),
    ],
)
def test_what_are_no_sectors_is_refused(low: np.ndarray, width: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Sectors(low, width)


@pytest.mark.parametrize("convexity", [0.0, 0.1, 3.0, -0.3, -0.999])
def test_slopes_are_rounded_outward(convexity: float) -> None:
    from fractions import Fraction

    found = sectors_of(Layers(np.eye(2)[None], np.eye(2)[None], strong_convexity=convexity))
    assert Fraction(float(found.width[0, 0])) >= 1 / (1 + Fraction(convexity))
    assert found.width[0, 0] <= (1 + 1e-14) / (1 + convexity)


@pytest.mark.parametrize("scale", [1e150, 1e-150, 1e290])
def test_networks_that_leave_the_range_are_refused_or_bounded(scale: float) -> None:
    layers = sample("lista")
    problem = recursion(Layers(scale * layers.transitions, layers.injections))
    try:
        optimum = optimise(problem, evaluations=10)
    except InputError as error:
        assert "gain" in str(error)
    else:
        assert optimum.bound >= np.linalg.norm(layers.injections[-1], 2)
