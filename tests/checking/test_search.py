"""The search on operators with known constants: it attains them, never more, and finds rare faults."""

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.special

from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.cycles import cyclic
from fbscheck.checking.points import Domain
from fbscheck.checking.search import Search, search
from fbscheck.checking.shorten import minimise
from fbscheck.checking.trials import Noise, NoisyMap, Pair

EPS = float(np.finfo(np.float64).eps)
LOW, HIGH = -5.0, 5.0
Operator = Callable[[np.ndarray], np.ndarray]


def noise(x: np.ndarray, image: np.ndarray) -> np.ndarray:
    return 8 * EPS * (np.linalg.norm(x, axis=0) + np.linalg.norm(image, axis=0))


def box(evaluate: Operator, dimension: int, low: float = LOW, high: float = HIGH, noise: Noise = noise) -> NoisyMap:
    return NoisyMap(
        Domain(low, high, dimension, lambda rng, n: rng.uniform(low, high, (dimension, n))), evaluate, noise
    )


def setting(seed: int, ticks: int) -> dict:
    """A clock that counts its readings makes the search repeatable."""
    return {"rng": np.random.default_rng(seed), "budget_seconds": float(ticks), "clock": count().__next__}


def searched(
    evaluate: Operator, dimension: int, seed: int = 0, ticks: int = 600, domain: dict | None = None, **changed: object
) -> Search:
    operator = box(evaluate, dimension, **domain or {})
    return search(operator, constants=list(CONSTANTS.values()), **setting(seed, ticks) | changed)


def soft(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)


def group(x: np.ndarray) -> np.ndarray:
    return x * np.maximum(1 - 1 / np.maximum(np.linalg.norm(x, axis=0), 1e-300), 0)


def firm(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.clip(2 * (np.abs(x) - 1), 0, np.abs(x))


def hard(x: np.ndarray) -> np.ndarray:
    return x * (np.abs(x) > 1.1)


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def rotation(dimension: int) -> np.ndarray:
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    return scipy.linalg.block_diag(*[turn] * (dimension // 2))


def matrix(kind: str, dimension: int) -> np.ndarray:
    normal = np.random.default_rng(dimension).normal(size=(dimension, dimension)) / np.sqrt(dimension)
    return {
        "diagonal": lambda: np.diag(np.linspace(0.1, 0.9, dimension)),
        "rotation": lambda: rotation(dimension),
        "skew plus identity": lambda: 0.7 * np.eye(dimension) + (normal - normal.T) / 3,
        "nonnormal": lambda: 0.4 * np.eye(dimension) + np.triu(normal, 1),
        "random": lambda: normal,
    }[kind]()


def symmetric(K: np.ndarray) -> np.ndarray:
    return 0.5 * (K + K.T)


def relative(K: np.ndarray) -> float:
    """The cocoercivity of an invertible K: the lowest eigenvalue of its symmetric part relative to K^T K."""
    return float(scipy.linalg.eigh(symmetric(K), K.T @ K, eigvals_only=True)[0])


def known(K: np.ndarray) -> dict[str, float]:
    rest = relative(np.eye(len(K)) - K)
    return {
        "lipschitz": float(scipy.linalg.svdvals(K)[0]),
        "monotonicity": float(scipy.linalg.eigvalsh(symmetric(K))[0]),
        "cocoercivity": relative(K),
        "averagedness": 1 / (2 * rest) if rest > 0 else np.inf,
        "residual": float(scipy.linalg.svdvals(np.eye(len(K)) - K)[0]),
    }


def beyond(bound: float) -> dict:
    """Stops the search once its pairs are steeper than ``bound``."""
    return {"enough": lambda worst: worst["lipschitz"].value > bound}


def attains(found: Search, truth: dict[str, float], part: float = 0.01, beyond: float = 1e-11) -> None:
    """Within a part of the truth, and not beyond it (the reference itself is known up to ``beyond``)."""
    for name, exact in truth.items():
        value, worse = found.worst[name].value, CONSTANTS[name].worse
        if np.isinf(exact):
            assert value == exact, name
        else:
            assert -beyond * abs(exact) <= worse * (exact - value) <= part * abs(exact) + 1e-9, (name, value, exact)


LINEAR = [("diagonal", 1), ("random", 1)] + [
    (kind, d) for d in (2, 8, 32, 64) for kind in ("diagonal", "rotation", "skew plus identity", "nonnormal", "random")
]


@pytest.mark.parametrize(("kind", "dimension"), LINEAR)
def test_linear_maps_attain_their_constants_and_no_more(kind: str, dimension: int) -> None:
    K = matrix(kind, dimension)
    size = 2 * dimension * EPS * np.linalg.norm(K, 2)
    found = searched(lambda x: K @ x, dimension, domain={"noise": lambda x, image: size * np.linalg.norm(x, axis=0)})
    attains(found, known(K))


@pytest.mark.parametrize("dimension", [2, 64])
def test_a_rotation_attains_the_closed_form(dimension: int) -> None:
    K = rotation(dimension)
    found = searched(lambda x: K @ x, dimension)
    truth = {"lipschitz": 1.0, "monotonicity": np.cos(0.4), "cocoercivity": np.cos(0.4), "averagedness": 1.0}
    truth["residual"] = 2 * np.sin(0.2)
    attains(found, truth, beyond=0.0)


FIRM = {"lipschitz": 1.0, "monotonicity": 0.0, "cocoercivity": 1.0, "averagedness": 0.5, "residual": 1.0}
STEEPEST = scipy.optimize.minimize_scalar(
    lambda t: -scipy.special.expit(t) * (1 + t * scipy.special.expit(-t)), bounds=(2, 3), options={"xatol": 1e-12}
)
SILU = {"lipschitz": -STEEPEST.fun, "monotonicity": 1 + STEEPEST.fun, "averagedness": np.inf, "residual": -STEEPEST.fun}


@pytest.mark.parametrize("dimension", [1, 10])
@pytest.mark.parametrize(
    ("evaluate", "truth"),
    [
        pytest.param(soft, FIRM, id="soft threshold"),
        pytest.param(lambda x: np.maximum(x, 0), FIRM, id="ReLU"),
        pytest.param(lambda x: np.clip(x, -1, 2), FIRM, id="projection on a box"),
        pytest.param(group, FIRM, id="group shrinkage"),
        pytest.param(np.tanh, {"lipschitz": 1.0, "cocoercivity": 1.0}, id="tanh"),
        pytest.param(silu, SILU, id="SiLU"),
        pytest.param(
            firm, {"lipschitz": 2.0, "monotonicity": 0.0, "cocoercivity": 0.5, "residual": 1.0}, id="firm threshold"
        ),
    ],
)
def test_activations_attain_their_constants_and_no_more(
    evaluate: Operator, truth: dict[str, float], dimension: int
) -> None:
    attains(searched(evaluate, dimension), truth, part=1e-4, beyond=4 * EPS)


def test_a_search_ends_with_the_round_whose_pairs_are_enough() -> None:
    told: list[bool] = []

    def enough(worst: dict[str, Pair]) -> bool:
        told.append("lipschitz" in worst)
        return len(told) == 2

    early, late = searched(soft, 3, enough=enough), searched(soft, 3)
    assert told == [True, True] and 0 < early.evaluations < late.evaluations


@pytest.mark.parametrize("dimension", [1, 10])
def test_hard_thresholding_is_not_lipschitz(dimension: int) -> None:
    found = searched(hard, dimension)
    assert found.worst["lipschitz"].value > 1e6
    assert found.worst["averagedness"].value == np.inf


def steeper(x: np.ndarray, axis: int, at: float) -> np.ndarray:
    y = soft(x)
    y[axis] += 0.5 * np.clip(x[axis] - at, 0, 0.05)
    return y


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dimension", [1, 3, 10, 64])
def test_a_slope_on_a_short_interval_of_one_coordinate(dimension: int, seed: int) -> None:
    at = np.random.default_rng(seed).uniform(0.6, 4.8)
    axis = 37 * seed % dimension
    found = searched(lambda x: steeper(x, axis, at), dimension, seed, ticks=800)
    attains(found, {"lipschitz": 1.5, "monotonicity": 0.0}, beyond=0.0)


RARE = {
    "a thin shell": lambda x: np.abs(np.max(np.abs(x), axis=0) - 4.2) < 0.0163,
    "a tie": lambda x: np.abs(x[0] - x[1]) < 0.0325,
    "one negative entry": lambda x: np.sum(x < 0, axis=0) == 1,
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dimension", [10, 64])
@pytest.mark.parametrize("where", RARE)
@pytest.mark.parametrize(
    "fault", [pytest.param(lambda y: 1.3 * y, id="times 1.3"), pytest.param(lambda y: y + 1e-3, id="plus 0.001")]
)
def test_rare_faults_are_found(where: str, fault: Operator, dimension: int, seed: int) -> None:
    def evaluate(x: np.ndarray) -> np.ndarray:
        return np.where(RARE[where](x), fault(soft(x)), soft(x))

    assert searched(evaluate, dimension, seed, ticks=800, **beyond(1.2)).worst["lipschitz"].value > 1.2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dimension", [1, 50])
def test_a_jump_at_a_random_place(dimension: int, seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    across = rng.normal(size=dimension)
    across /= np.linalg.norm(across)
    at = rng.uniform(-3, 3)
    found = searched(lambda x: 0.9 * x + 0.01 * np.outer(across, across @ x > at), dimension, seed, **beyond(1e6))
    assert found.worst["lipschitz"].value > 1e6


def test_a_quarter_turn_in_one_hidden_plane() -> None:
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(50, 50)))[0]
    K = Q @ scipy.linalg.block_diag([[0.0, -1.0], [1.0, 0.0]], np.eye(48)) @ Q.T
    truth = {"lipschitz": 1.0, "monotonicity": 0.0, "averagedness": 1.0}
    attains(searched(lambda x: K @ x, 50, domain={"noise": lambda x, y: 200 * EPS * np.linalg.norm(x, axis=0)}), truth)


def test_large_dimension_by_subspaces() -> None:
    slope = np.linspace(0.1, 0.9, 150)[:, None]
    attains(searched(lambda x: slope * x, 150), {"lipschitz": 0.9, "monotonicity": 0.1})


def test_noise_hides_what_it_could_explain() -> None:
    found = searched(lambda x: 1.01 * x, 1, domain={"noise": lambda x, image: 0.011 * np.abs(x[0])})
    assert found.worst["lipschitz"].floating > 1.0 >= found.worst["lipschitz"].value


@pytest.mark.parametrize(("low", "high"), [(1e3, 1e3 + 1), (-1e-6, 1e-6), (0.0, 1e8), (-7.0, -2.0)])
def test_boxes_away_from_zero_and_of_any_size(low: float, high: float) -> None:
    K = matrix("random", 8)
    size = 16 * EPS * np.linalg.norm(K, 2)
    found = searched(
        lambda x: K @ x,
        8,
        domain={"low": low, "high": high, "noise": lambda x, image: size * np.linalg.norm(x, axis=0)},
    )
    attains(found, known(K))


@pytest.mark.parametrize("size", [1e120, 1e200])
def test_huge_images_are_weighed_right_or_not_at_all(size: float) -> None:
    found = searched(lambda x: size * x, 2)
    attains(
        found, {name: exact for name, exact in {"lipschitz": size, "cocoercivity": 1 / size}.items() if found.worst}
    )
    assert bool(found.worst) == (size < 1e140)


def test_the_reported_images_are_those_of_the_points_and_history_leads_to_the_value() -> None:
    found = searched(silu, 3)
    for name, pair in found.worst.items():
        np.testing.assert_array_equal(silu(np.stack([pair.x, pair.y], axis=1)), np.stack([pair.Tx, pair.Ty], axis=1))
        values = [value for _, value in found.history[name]]
        assert values == sorted(values, reverse=CONSTANTS[name].worse < 0)
        assert values[-1] == pair.value
        assert found.history[name][-1][0] <= found.evaluations
    assert found.worst["lipschitz"].floating >= found.worst["lipschitz"].value


@pytest.mark.parametrize("cost", [0.001, 0.05, 1.0])
def test_a_slow_operator_stays_in_the_budget_and_in_the_box(cost: float) -> None:
    now, told = [0.0], []

    def evaluate(x: np.ndarray) -> np.ndarray:
        assert x.min() >= LOW
        assert x.max() <= HIGH
        now[0] += cost * x.shape[1]
        return 0.5 * x

    found = searched(evaluate, 4, ticks=8, clock=lambda: now[0], progress=lambda part, worst: told.append(part))
    assert found.seconds <= 1.2 * 8
    assert abs(found.worst["lipschitz"].value - 0.5) < 1e-6
    assert told == sorted(told)


def test_an_operator_without_finite_values_has_no_pairs() -> None:
    assert searched(lambda x: x / 0.0 - x / 0.0, 2, ticks=100).worst == {}


def test_values_that_are_not_finite_count_for_nothing() -> None:
    found = searched(lambda x: np.where(np.abs(x) < 1, np.nan, 0.5 * x), 2)
    assert abs(found.worst["lipschitz"].value - 0.5) < 1e-6


def skewed(size: float, dimension: int) -> np.ndarray:
    K = 0.7 * np.eye(dimension)
    K[0, 1], K[1, 0] = size, -size
    return K


@pytest.mark.parametrize("evaluate", [soft, group, firm, np.tanh, hard])
def test_gradients_of_convex_functions_pass(evaluate: Operator) -> None:
    assert cyclic(box(evaluate, 6), **setting(0, 300)) is None


@pytest.mark.parametrize(("size", "dimension"), [(0.5, 2), (0.5, 10), (0.1, 10), (0.03, 10), (0.5, 100)])
def test_a_skew_part_is_refuted_by_a_cycle(size: float, dimension: int) -> None:
    K = skewed(size, dimension)
    cycle = cyclic(box(lambda x: K @ x, dimension), **setting(0, 300))
    assert cycle is not None
    assert 0 < cycle.value <= cycle.floating
    np.testing.assert_allclose(cycle.images, K @ cycle.points, rtol=0, atol=1e-14)
    sides = np.roll(cycle.points, -1, axis=1) - cycle.points
    np.testing.assert_allclose(np.sum(cycle.images * sides), cycle.floating, rtol=1e-6)


def test_a_quarter_turn_is_refuted_by_a_short_cycle_and_a_decreasing_map_by_two_points() -> None:
    turn = cyclic(box(lambda x: np.stack([-x[1], x[0]]), 2), **setting(0, 300))
    down = cyclic(box(lambda x: -x, 2), **setting(0, 300))
    assert turn is not None and turn.points.shape[1] == 3
    assert down is not None and down.points.shape[1] == 2


def lipschitz_pair(evaluate: Operator, dimension: int) -> Pair:
    return searched(evaluate, dimension, ticks=1000).worst["lipschitz"]


@pytest.mark.parametrize("dimension", [1, 10, 64])
def test_a_counterexample_becomes_short(dimension: int) -> None:
    calls = [0]

    def evaluate(x: np.ndarray) -> np.ndarray:
        calls[0] += x.shape[1]
        return steeper(x, dimension - 1, 1.2345)

    found = lipschitz_pair(evaluate, dimension)
    calls[0] = 0
    short = minimise(found, box(evaluate, dimension), lambda value: value > 1.01, CONSTANTS["lipschitz"])
    assert calls[0] <= 200
    assert short.value > 1.01
    assert np.count_nonzero(short.x) == np.count_nonzero(short.y) == 1
    for point in (short.x, short.y):
        np.testing.assert_array_equal(point, np.round(point, 2))
    np.testing.assert_array_equal(evaluate(short.x[:, None])[:, 0], short.Tx)


def test_a_counterexample_that_cannot_be_shortened_comes_back() -> None:
    found = lipschitz_pair(soft, 3)
    assert minimise(found, box(soft, 3), lambda value: False, CONSTANTS["lipschitz"]) is found
