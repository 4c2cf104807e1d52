"""Certified values of the limit: against closed forms and an integrator of others; losses within a radius."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from anchors import DECAY, DRIVEN, SCALAR, decay, driven_limit
from problems import LOSSES, parameters, problem
from scipy.integrate import solve_ivp

from fbscheck.certify.rounded import Rounded
from fbscheck.learning import H1, Lp, Problem, Squared
from fbscheck.learning import problem as problem_module


def integrated(known: Problem, theta: np.ndarray) -> float:
    """J of a path without a prox, by an integrator of order eight."""
    nodes = np.linspace(0, float(known.horizon), len(theta))

    def velocity(t: float, flat: np.ndarray) -> np.ndarray:
        at = np.array([[np.interp(t, nodes, column) for column in theta.T]])
        K, L, _ = known.family.layers(at)
        return (L[0] @ known.b - K[0] @ flat.reshape(known.x0.shape)).ravel()

    x = known.x0.ravel()
    for left, right in zip(nodes[:-1], nodes[1:], strict=True):
        x = solve_ivp(velocity, (left, right), x, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    errors = x.reshape(known.x0.shape) - known.target
    losses = {
        "Squared": np.sum(errors**2, axis=0) / 2,
        "SmoothedAbsolute": np.sum(np.hypot(errors, 0.3) - 0.3, axis=0),
        "Huber": np.sum(np.where(np.abs(errors) < 0.5, errors**2 / 2, 0.5 * np.abs(errors) - 0.125), axis=0),
    }
    return float(np.mean(losses[type(known.loss).__name__]) + known.regulariser(theta, float(known.horizon)))


@pytest.mark.parametrize("depth", [1, 4, 32])
@pytest.mark.parametrize("refine", [1, 8])
def test_the_limit_of_a_constant_path(depth: int, refine: int) -> None:
    value, k = decay(None)
    found = DECAY.limit_value(np.tile([k, 0.0], (depth, 1)), refine=refine)
    assert found.lower <= value <= found.upper
    assert found.upper - found.lower < 2 / (depth * refine)


def test_bounds_close_at_first_order_and_leave_the_network_out() -> None:
    """The network's own value is not that of the limit: with enough layers the bounds exclude it."""
    value, k = decay(None)
    theta = np.tile([k, 0.0], (8, 1))
    widths = [(b := DECAY.limit_value(theta, refine=r)).upper - b.lower for r in (16, 64, 256)]
    np.testing.assert_allclose(np.divide(widths[1:], widths[:-1]), 0.25, atol=0.02)
    found = DECAY.limit_value(theta, refine=1024)
    assert found.lower <= value <= found.upper < 1.01 * value
    assert not found.lower <= DECAY.value(theta) <= found.upper, "planted: the value of eight layers"


def test_a_minimiser_of_many_layers_is_no_better_than_the_limit() -> None:
    """min J <= J(theta_N): the least value of the limit is below the upper bound of every trained path."""
    found = DRIVEN.train(64, progress=1e-12)
    bound = found.certificate(refine=64)
    assert driven_limit() <= bound.upper and bound.upper - bound.lower < 5e-3 * found.value
    assert abs(bound.upper - driven_limit()) < 1e-2 * found.value


@pytest.mark.parametrize("loss", LOSSES)
def test_the_limit_of_straight_lines(loss: str) -> None:
    known = problem("free, linear", "H1", loss, seed=3, horizon=0.5)
    theta = 0.3 * parameters(known, 3, 3)
    expected = integrated(known, theta)
    found = known.limit_value(theta, refine=128)
    assert found.lower <= expected <= found.upper and found.upper - found.lower < 0.04 * expected
    off = known.regulariser(theta, 0.5) / 10
    assert not found.lower <= expected + off <= found.upper, "planted: a tenth more of the penalty"


@pytest.mark.parametrize("regulariser", ["H1", "L2", "L3"])
@pytest.mark.parametrize("family", ["free, weight fixed", "free", "alista", "lista-cp"])
def test_two_networks_agree_on_the_limit(family: str, regulariser: str) -> None:
    """Bounds by different networks hold one number; a finer network is inside those of a coarser one."""
    known = problem(family, regulariser, seed=4)
    theta = 0.5 * parameters(known, 4, 4)
    coarse, fine = (known.limit_value(theta, refine=r) for r in (8, 128))
    assert coarse.lower <= fine.lower <= fine.upper <= coarse.upper
    deep = theta
    for _ in range(6):
        deep = known.regulariser.refined(deep)
    assert coarse.lower <= known.value(deep) <= coarse.upper


def test_samples_may_be_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    known = problem("free", "H1", seed=9)
    theta = 0.5 * parameters(known, 4, 9)
    whole = known.limit_value(theta, refine=8)
    monkeypatch.setattr(problem_module, "ENTRIES", 60)
    assert known.samples == 4 and known.limit_value(theta, refine=8).upper == pytest.approx(whole.upper, rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_losses_within_a_radius(loss: Any) -> None:
    rng = np.random.default_rng(5)
    e, radius = rng.standard_normal((4, 300)), rng.random(300)
    low, high = loss.bounds(Rounded(e), radius)
    moves = rng.standard_normal((50, 4, 300))
    for move in moves / np.linalg.norm(moves, axis=1)[:, None] * radius:
        value = loss(e + move)
        assert np.all(low <= value) and np.all(value <= high)
    straight = e / np.linalg.norm(e, axis=0)
    if isinstance(loss, Squared):
        np.testing.assert_allclose(high, loss(e + radius * straight), rtol=1e-9)
    assert np.any(loss(e + radius * straight) > loss(e) + 0.9 * (high - loss(e))), "99% of it would be too small"


def test_exact_losses_are_enclosed() -> None:
    e = np.array([[0.1, 1e-200, 0.0], [0.7, 3.0, 0.0]])
    low, high = Squared().bounds(Rounded(e), np.zeros(3))
    exact = [sum(Fraction(part) ** 2 for part in column) / 2 for column in e.T.tolist()]
    for k in range(3):
        assert Fraction(low[k]) <= exact[k] <= Fraction(high[k])
        assert high[k] - low[k] <= 1e-14 * high[k]
    assert Squared().bounds(Rounded(np.zeros((2, 1))), np.array([1e-200]))[1] > 0


def test_a_horizon_that_float64_does_not_hold() -> None:
    known = Problem([1.0], [0.0], [0.2], SCALAR, Lp(1.0), Fraction(1, 3))
    found = known.limit_value(np.array([[1.0, 0.0]]), refine=512)
    expected = (np.exp(-1 / 3) - 0.2) ** 2 / 2 + 1 / 3
    assert found.lower < expected < found.upper < expected + 1e-2


def test_recovery_by_averages_does_not_increase_the_penalty() -> None:
    """Exactly: entries with few bits, so that averages of eight are float64 numbers."""
    rng = np.random.default_rng(6)
    for p in (1.0, 2.0, 3.0):
        known = Lp(0.25, p)
        theta = rng.integers(-64, 65, (64, 3)) / 16
        coarse = known.coarsened(theta, 8)
        assert known.enclosure(coarse, Rounded(1.0)).upper <= known.enclosure(theta, Rounded(1.0)).lower
    spikes = np.zeros((64, 3))
    spikes[::8] = 1.0
    sampled = spikes[::8]
    assert known.enclosure(sampled, Rounded(1.0)).lower > known.enclosure(spikes, Rounded(1.0)).upper, "planted"


def test_recovery_at_nodes_does_not_increase_the_slopes() -> None:
    known, rng = H1(1.0, 1.0), np.random.default_rng(7)
    theta = rng.integers(-64, 65, (65, 3)) / 16
    coarse = known.coarsened(theta, 8)
    assert known.seminorm(Rounded(coarse), Rounded(1.0)).upper <= known.seminorm(Rounded(theta), Rounded(1.0)).lower


@pytest.mark.parametrize("regulariser", ["H1", "L2"])
def test_recovery_converges(regulariser: str) -> None:
    known = problem("alista", regulariser, seed=8)
    times = np.linspace(0, 1, known.regulariser.rows(256))[:, None]
    theta = 0.5 + 0.3 * np.cos(3 * times + np.array([0.0, 1.0]))
    limit = known.limit_value(theta, refine=4)
    values = [known.value(known.regulariser.coarsened(theta, factor)) for factor in (64, 16, 4)]
    middle, radius = (limit.upper + limit.lower) / 2, (limit.upper - limit.lower) / 2
    errors = [abs(value - middle) for value in values]
    assert errors[2] < errors[0] / 4 + 2 * radius
