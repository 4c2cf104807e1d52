"""The Clarke Jacobian of the proximal maps against differences, one-sided limits and its promises."""

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, ElasticNet, Function, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero

D = 5
FUNCTIONS = {
    "zero": Zero(),
    "l1": L1(0.5),
    "l1 vector": L1([0.0, 0.5, 1.0, 0.0, 3.0]),
    "l1 zero weight": L1(0.0),
    "squared l2": SquaredL2(3.0),
    "elastic net": ElasticNet(0.5, 3.0),
    "elastic net without l1": ElasticNet(0.0, 3.0),
    "box": Box(-1.0, 0.5),
    "box with points": Box([-1.0, 0.0, 0.25, -2.0, 0.0], [1.0, 0.0, 0.25, -1.0, 2.0]),
    "nonnegative": NonNegative(),
    "huber": Huber(0.5, 2.0),
    "l2 ball": L2Ball(1.5),
    "group l2": GroupL2([1, 0, 1, 2, 0], 0.75),
}
every = pytest.mark.parametrize("g", FUNCTIONS.values(), ids=FUNCTIONS)
STEPS = (0.125, 1.0, 6.0)


def matrix(g: Function, u: np.ndarray, step: float) -> np.ndarray:
    """J at one point: its action on the unit vectors, as columns."""
    return g.prox_jacobian(np.tile(u[:, None], len(u)), step, np.eye(len(u)))


def differences(g: Function, u: np.ndarray, step: float, v: np.ndarray, size: float = 1e-6) -> np.ndarray:
    return (g.prox(u + size * v, step) - g.prox(u - size * v, step)) / (2 * size)


@pytest.mark.parametrize("step", STEPS)
@every
def test_it_is_the_derivative_at_generic_points(g: Function, step: float) -> None:
    u, v = np.random.default_rng(3).standard_normal((2, D, 200)) * 3
    found = g.prox_jacobian(u, step, v)
    assert found.shape == u.shape
    np.testing.assert_allclose(found, differences(g, u, step, v), atol=2e-8)
    np.testing.assert_allclose(g.prox_jacobian(u[:, 7], step, v[:, 7]), found[:, 7], atol=1e-15)


@pytest.mark.parametrize("factor", [0.99, -1.0])
def test_the_differences_see_a_wrong_derivative(factor: float) -> None:
    u, v = np.random.default_rng(3).standard_normal((2, D, 200)) * 3
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            factor * L1(0.5).prox_jacobian(u, 1.0, v), differences(L1(0.5), u, 1.0, v), atol=2e-8
        )


@pytest.mark.parametrize("step", STEPS)
@every
def test_it_is_symmetric_with_the_promised_eigenvalues(g: Function, step: float) -> None:
    largest = 1 / (1 + step * g.strong_convexity)
    points = np.random.default_rng(4).standard_normal((D, 30)) * 3
    kinks = g.prox(points[:, :5], step) - g.prox(np.zeros((D, 5)), step)
    for u in (*points.T, *kinks.T, np.zeros(D)):
        jacobian = matrix(g, u, step)
        np.testing.assert_allclose(jacobian, jacobian.T, atol=1e-15)
        spectrum = np.linalg.eigvalsh(jacobian)
        assert spectrum[0] >= -1e-14
        assert spectrum[-1] <= largest + 1e-14


KINKS = {
    "l1, threshold": (L1(0.5), [1.0, -1.0, 0.0, 2.0, 0.5]),
    "l1 without a threshold": (L1(0.0), [0.0, -1.0, 0.0, 2.0, 0.0]),
    "elastic net, threshold": (ElasticNet(0.5, 3.0), [1.0, -1.0, 0.0, 2.0, 0.5]),
    "box, ends": (Box(-1.0, 0.5), [-1.0, 0.5, 0.0, 2.0, -2.0]),
    "box that is a point": (Box(0.25, 0.25), [0.25, 0.5, 0.0, 2.0, -2.0]),
    "nonnegative, zero": (NonNegative(), [0.0, 1.0, -1.0, 0.0, 0.0]),
    "huber, end of the quadratic": (Huber(0.5, 2.0), [2.5, -2.5, 0.0, 3.0, 1.0]),
    "l2 ball, sphere": (L2Ball(5.0), [3.0, 4.0, 0.0, 0.0, 0.0]),
    "group l2, threshold": (GroupL2([0, 0, 1, 1, 2], 2.5), [3.0, 4.0, 0.0, 0.0, 9.0]),
}
"""Points where the proximal map with step 2 has a kink, in some of the coordinates."""


@pytest.mark.parametrize(("g", "u"), KINKS.values(), ids=KINKS)
def test_at_a_kink_it_is_a_limit_of_derivatives(g: Function, u: list[float]) -> None:
    """By its definition the Clarke Jacobian holds every limit of derivatives at points around."""
    point = np.array(u)
    near = point[:, None] + 1e-6 * np.random.default_rng(5).standard_normal((D, 400))
    around = np.stack([differences(g, x[:, None], 2.0, np.eye(D), 1e-10) for x in near.T])
    distances = np.max(np.abs(around - matrix(g, point, 2.0)), axis=(1, 2))
    assert np.min(distances) < 1e-5


@pytest.mark.parametrize(
    "wrong", [np.eye(D), np.diag([1.0, 0, 1, 1, 0])], ids=["slopes of the identity", "inside the threshold"]
)
def test_limits_of_derivatives_see_what_is_none(wrong: np.ndarray) -> None:
    g, point = L1(0.5), np.array(KINKS["l1, threshold"][1])
    near = point[:, None] + 1e-6 * np.random.default_rng(5).standard_normal((D, 400))
    around = np.stack([differences(g, x[:, None], 2.0, np.eye(D), 1e-10) for x in near.T])
    assert np.min(np.max(np.abs(around - wrong), axis=(1, 2))) > 0.5


@every
def test_the_least_subgradient_at_the_origin(g: Function) -> None:
    """Where the origin is in the domain it is a minimiser of every function here."""
    origin = np.zeros(D)
    if np.isfinite(g(origin)):
        np.testing.assert_array_equal(g.subgradient(origin, origin), origin)
    else:
        assert np.any(g.prox(origin, 1.0) != 0)


REFUSED = {
    "another shape": (np.ones(D), 1.0, np.ones(D + 1), r"u and v of one shape, got \(5,\) and \(6,\)"),
    "a single direction": (np.ones((D, 3)), 1.0, np.ones(D), "one shape"),
    "a step of zero": (np.ones(D), 0.0, np.ones(D), "step > 0"),
    "a direction that is NaN": (np.ones(D), 1.0, np.full(D, np.nan), "finite entries in v"),
}


@pytest.mark.parametrize(("u", "step", "v", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_told(u: np.ndarray, step: float, v: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        L1(1.0).prox_jacobian(u, step, v)
