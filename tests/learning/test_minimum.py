"""Least values over constant paths: against dense grids, other optimisers, and planted errors."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, ElasticNet, Zero
from fbscheck.learning import H1, Alista, Free, Huber, ListaCp, Lp, Problem, Squared, Tied
from fbscheck.learning import landscape as module
from fbscheck.learning.landscape import Landscape
from fbscheck.learning.minimum import leaves, lower_bound


def sparse(
    d: int = 3, m: int = 2, samples: int = 4, r: Any = None, penalty: Any = None, loss: Any = None, seed: int = 0
) -> Problem:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, d))
    A /= np.linalg.norm(A, axis=0)
    G = np.linalg.inv(A @ A.T) @ A
    x = np.where(rng.random((d, samples)) < 0.4, rng.standard_normal((d, samples)), 0.0)
    family = Alista(A, G / np.sum(A * G, axis=0), r or L1(1.0))
    return Problem(np.zeros(d), A @ x, x, family, penalty or H1(0.02, 0.02), 2.0, loss or Squared())


def scalar(family: Any, penalty: Any = None, loss: Any = None) -> Problem:
    target = np.array([[0.1, 0.6, -0.4]])
    return Problem([0.5], [[1.0, -0.3, 0.7]], target, family, penalty or Lp(0.05), 1.0, loss or Squared())


def recursion(known: Problem, theta: np.ndarray, depth: int) -> float:
    """J_N of a constant path, written out for soft thresholding."""
    h, family = float(known.horizon) / depth, known.family
    K, L, weights = (part[0] for part in family.layers(theta[None]))
    x = np.array(known.x0)
    for _ in range(depth):
        u = x - h * (K @ x - L @ known.b)
        x = np.sign(u) * np.maximum(np.abs(u) - h * weights, 0.0)
    penalty = known.regulariser
    if isinstance(penalty, H1):
        cost = penalty.a / 2 * known.horizon * np.sum((theta - penalty.reference) ** 2)
    else:
        cost = penalty.a * known.horizon * np.sum(theta**2) ** (penalty.p / 2)
    return float(np.mean(known.loss(x - known.target)) + cost)


PROBLEMS = {
    "alista": sparse(),
    "alista, reference": sparse(penalty=H1(0.1, 0.1, reference=[0.5, 0.1]), seed=1),
    "alista, Huber": sparse(4, 3, 5, loss=Huber(0.3), seed=2),
    "alista, cubic": sparse(3, 2, 2, penalty=Lp(0.02, 3.0), seed=3),
    "free": scalar(Free(1, 1, L1(1.0))),
    "free, linear": scalar(Free(1, 1, Zero(), weight=0.0)),
    "lista-cp": scalar(ListaCp([[0.8]], L1(1.0))),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_no_point_is_below_the_bound_of_its_cell(name: str) -> None:
    known, rng = PROBLEMS[name], np.random.default_rng(0)
    land, count = Landscape(known, 7), known.family.count
    low = np.maximum(rng.uniform(-0.5, 2.0, (40, count)), known.family.lower)
    high = low + rng.choice([0.01, 0.1, 0.5], (40, 1))
    bounds, _ = land.below(low, high)
    for _ in range(25):
        theta = low + rng.choice([0.0, 1.0, 0.5, rng.random()], (40, count)) * (high - low)
        values = np.array([recursion(known, point, 7) for point in theta])
        assert np.all(bounds <= values)
    assert np.mean(bounds > 0.5 * values) > 0.3, "bounds that say nothing"


@pytest.mark.parametrize("shrunk", ["_corners", "spread"])
def test_a_constant_that_is_a_tenth_too_small_is_not_a_bound(shrunk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one dimension without a prox the bound on states is sharp for small cells."""
    known = Problem([1.0], [0.0], [3.0], Free(1, 1, Zero(), weight=0.0), Lp(1e-6), 1.0)
    land = Landscape(known, 8)
    low, high = np.array([[-1.001, 0.0]]), np.array([[-1.0, 0.0]])
    worst = recursion(known, low[0], 8)
    assert land.below(low, high)[0][0] <= worst
    if shrunk == "spread":
        norms = module.norm_upper
        monkeypatch.setattr(module, "norm_upper", lambda x, axis: 0.9 * norms(x, axis))
    else:
        corners = Landscape._corners
        monkeypatch.setattr(Landscape, "_corners", lambda *ends: tuple(0.9 * part for part in corners(*ends)))
    assert land.below(low, high)[0][0] > worst


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("alista", 1),
        ("alista", 6),
        ("alista, reference", 3),
        ("alista, Huber", 2),
        ("free, linear", 6),
        ("lista-cp", 4),
    ],
)
def test_the_least_value_against_a_grid_and_differential_evolution(name: str, depth: int) -> None:
    known = PROBLEMS[name]
    found = known.constant_minimum(depth, gap=0.02)
    below, above = found.bracket.lower, found.bracket.upper
    assert below is not None and above is not None and found.gap <= 0.02 and below > 0
    assert recursion(known, found.parameters, depth) <= above
    ends = list(zip(found.low, found.high, strict=True))
    other = differential_evolution(lambda point: recursion(known, point, depth), ends, seed=1, maxiter=20, popsize=8)
    assert below <= other.fun and above <= other.fun * (1 + 1e-3)
    axes = np.meshgrid(*(np.linspace(*pair, 20) for pair in ends))
    grid = np.stack([axis.ravel() for axis in axes], axis=1)
    assert below <= min(recursion(known, point, depth) for point in grid)
    assert not below * 1.03 <= recursion(known, found.parameters, depth), "planted: a bound raised by more than the gap"


def test_three_parameters() -> None:
    known = PROBLEMS["free"]
    found = known.constant_minimum(2, gap=0.1)
    assert found.gap <= 0.1
    ends = list(zip(found.low, found.high, strict=True))
    other = differential_evolution(lambda point: recursion(known, point, 2), ends, seed=1, maxiter=25, popsize=8)
    assert found.bracket.lower <= other.fun and found.bracket.upper <= other.fun * (1 + 1e-3)


def test_the_least_value_of_the_limit() -> None:
    """x(1) = e^{-k}: the least value over constant paths is that over all paths."""
    known = Problem([1.0], [0.0], [0.2], Free(1, 1, Zero(), weight=0.0), Lp(0.01), 1.0)
    found = known.constant_minimum(gap=0.2)
    assert found.bracket.lower <= 0.019366356354497353 <= found.bracket.upper and found.gap <= 0.2
    assert found.landscape.limit and found.landscape.layers >= 32
    few = Landscape(known, 3)
    assert few.enclosure(found.parameters)[1] < found.bracket.lower, "planted: four layers for the limit"


def test_the_limit_between_networks() -> None:
    known = sparse()
    land, theta = Landscape(known, 64, limit=True), np.array([0.6, 0.05])
    below, above = land.enclosure(theta)
    exact = known.limit_value(np.tile(theta, (2, 1)), refine=512)
    assert below <= exact.upper and exact.lower <= above and above - below < 0.2 * above
    cell = land.below(theta[None] - 0.01, theta[None] + 0.01)[0][0]
    assert 0 < cell <= exact.upper


def test_no_limit_is_below_the_bound_of_its_cell() -> None:
    """Values of the limit by two networks, extrapolated."""
    known, rng = PROBLEMS["alista, reference"], np.random.default_rng(5)
    low = rng.uniform(0.0, 1.5, (8, 2))
    high = low + rng.choice([1e-4, 0.01, 0.1], (8, 1))
    bounds, _ = Landscape(known, 32, limit=True).below(low, high)
    for _ in range(3):
        theta = low + rng.choice([0.0, 0.5, 1.0], (8, 2)) * (high - low)
        values = [2 * recursion(known, point, 1024) - recursion(known, point, 512) for point in theta]
        assert np.all(bounds <= np.array(values) * (1 + 1e-5))
    assert np.mean(bounds > 0.8 * np.array(values)) > 0.5


def test_a_box_leaves_nothing_out() -> None:
    known = PROBLEMS["alista, reference"]
    land = Landscape(known, 4)
    low, high = land.box(0.3)
    assert land.outside(low, high) > 0.3
    assert land.outside(low, 0.9 * high) < 0.3, "planted: a box that is too small"
    rng = np.random.default_rng(2)
    points = np.maximum(high * rng.uniform(0.0, 2.0, (200, 2)), 0.0)
    away = points[(points > high).any(axis=1)]
    assert len(away) > 50 and min(recursion(known, point, 4) for point in away) > 0.3


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda cover: (*cover[:-1], cover[-1][:-1]), "a mark for each", id="planted: a missing cell"),
        pytest.param(lambda cover: cover[:-1], "leaves 2 cells out|cells out", id="planted: a missing level"),
        pytest.param(lambda cover: ("7", *cover[1:]), "no axis", id="planted: an axis that is none"),
        pytest.param(lambda cover: (*cover, "."), "a mark for each", id="planted: a cell too many"),
    ],
)
def test_a_damaged_cover_is_refused(damage: Any, message: str) -> None:
    found = PROBLEMS["free, linear"].constant_minimum(4, gap=0.1)
    sides = found.low, found.high
    assert lower_bound(found.landscape, *sides, found.cover) == pytest.approx(found.bracket.lower, rel=1e-12)
    cells = leaves(*sides, found.cover)
    assert np.sum(np.prod(cells[1] - cells[0], axis=1)) == pytest.approx(np.prod(found.high - found.low), rel=1e-12)
    with pytest.raises(InputError, match=message):
        leaves(*sides, damage(found.cover))


def test_too_few_cells_leave_a_wider_gap() -> None:
    known = sparse()
    coarse, fine = (known.constant_minimum(4, gap=0.02, most=most) for most in (100, 10**5))
    assert coarse.bracket.lower < fine.bracket.lower and coarse.gap > 0.02 >= fine.gap


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sparse().constant_minimum(4, gap=1.0), "0 < gap < 1"),
        (lambda: sparse().constant_minimum(0), "positive integer"),
        (
            lambda: Landscape(Problem([0.5], [1.0, 2.0], [0.1], Free(1, 2, L1(1.0)), Lp(0.1), 1.0), 4),
            "at most 3 parameters",
        ),
        (lambda: Landscape(scalar(Tied(1, 1, L1(1.0))), 4), "linear in them"),
    ],
)
def test_what_cannot_be_covered(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_other_functions() -> None:
    """An indicator, and a function with curvature; by the values of the networks themselves."""
    for r, weight in ((Box(-0.5, 0.5), 1.0), (ElasticNet(0.5, 0.4), None)):
        known = scalar(Free(1, 1, r, weight=weight))
        land, rng = Landscape(known, 5), np.random.default_rng(3)
        low = np.maximum(rng.uniform(-0.5, 1.5, (30, known.family.count)), known.family.lower)
        high = low + 0.05
        bounds, _ = land.below(low, high)
        values = [land.value(a + rng.random(len(a)) * (b - a)) for a, b in zip(low, high, strict=True)]
        assert np.all(bounds <= values) and np.mean(bounds > 0.7 * np.array(values)) > 0.5
