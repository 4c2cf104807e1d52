"""The functions of the catalogue against cvxpy, against roots in 40 digits, and against other algorithms."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from fbscheck.certify.balls import exact
from fbscheck.errors import InputError, SolverError
from fbscheck.functions import (
    OWL,
    Box,
    Distance,
    ExponentialCone,
    Fair,
    Function,
    KullbackLeibler,
    KyFan,
    L1Ball,
    LInf,
    LogBarrier,
    LogCosh,
    Logistic,
    LogSumExp,
    Max,
    MonotoneCone,
    NegativeEntropy,
    Nuclear,
    Power,
    PseudoHuber,
    SigmoidEntropy,
    Simplex,
    SoftmaxEntropy,
    Softplus,
    SoftplusEntropy,
    SparseGroup,
    SumOfLargest,
    TanhEntropy,
    TotalVariation,
    TotalVariation2D,
)
from fbscheck.reference.expressions import proximal_points
from fbscheck.suites.catalogue import CASES

BY_NAME = {case.name: case for case in CASES}
COARSE = {
    "Kullback-Leibler",
    "distance to a box",
    "exponential cone",
    "isotropic total variation",
    "log barrier",
    "log-sum-exp",
    "logistic",
    "softplus",
    "log-cosh",
    "negative entropy",
    "power 3",
    "power 3/2",
    "power 4",
    "power 4/3",
    "pseudo-Huber",
    "sparse group",
    "l2",
    "Fair",
}
"""Where Clarabel's points are good to 1e-5 only; other references below reach 1e-12."""
UNSTATED = {"tanh entropy", "sigmoid entropy", "softplus entropy", "softmax entropy"}


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in UNSTATED])
def test_the_prox_agrees_with_cvxpy(name: str) -> None:
    case, rng = BY_NAME[name], np.random.default_rng(3)
    tolerance, moved = 1e-5 if name in COARSE else 1e-9, 0.0
    for step in (0.5, 2.0):
        u = 2 * rng.standard_normal((case.dimension, 3))
        expected = proximal_points(case.g, u, step)
        distance = np.linalg.norm(case.g.prox(u, step) - expected, axis=0) / (1 + np.linalg.norm(u, axis=0))
        assert np.max(distance) < tolerance
        moved = max(moved, float(np.max(np.abs(case.g.prox(1.01 * u + 0.01, step) - expected))))
    assert moved > 1e-4, "planted: another argument"


@pytest.mark.parametrize("name", sorted(UNSTATED))
def test_what_cvxpy_cannot_express_is_said(name: str) -> None:
    with pytest.raises(SolverError, match="no convex expression"):
        proximal_points(BY_NAME[name].g, np.zeros((BY_NAME[name].dimension, 1)), 1.0)


# -- roots in 40 digits ---------------------------------------------------------------------------

SLOPES: dict[str, tuple[Function, Callable[[Any], Any], tuple[float, float]]] = {
    "logistic": (Logistic(), lambda t: -1 / (1 + mpmath.exp(t)), (-500, 500)),
    "softplus": (Softplus(), lambda t: 1 / (1 + mpmath.exp(-t)), (-500, 500)),
    "log-cosh": (LogCosh(), mpmath.tanh, (-500, 500)),
    "pseudo-Huber": (PseudoHuber(0.5), lambda t: t / mpmath.sqrt(1 + (2 * t) ** 2), (-500, 500)),
    "Fair": (Fair(0.5), lambda t: t / (1 + 2 * abs(t)), (-500, 500)),
    "power 4": (Power(4.0), lambda t: t**3, (-500, 500)),
    "power 3": (Power(3.0), lambda t: t * abs(t), (-500, 500)),
    "power 3/2": (Power(1.5), lambda t: mpmath.sign(t) * mpmath.sqrt(abs(t)), (-500, 500)),
    "power 1.3": (Power(1.3), lambda t: mpmath.sign(t) * abs(t) ** (mpmath.mpf(1.3) - 1), (-500, 500)),
    "log barrier": (LogBarrier(), lambda t: -1 / t, (0, 500)),
    "negative entropy": (NegativeEntropy(), lambda t: mpmath.log(t) + 1, (0, 500)),
    "Kullback-Leibler": (KullbackLeibler(2.5), lambda t: 1 - mpmath.mpf(2.5) / t, (0, 500)),
    "tanh entropy": (TanhEntropy(), lambda t: mpmath.atanh(t) - t, (-1, 1)),
    "sigmoid entropy": (SigmoidEntropy(), lambda t: mpmath.log(t / (1 - t)) - t, (0, 1)),
    "softplus entropy": (SoftplusEntropy(), lambda t: mpmath.log(-mpmath.expm1(-t)), (0, 500)),
}
ARGUMENTS = (-300.0, -2.0, -0.75, 0.0, 1e-5, 0.5, 3.0, 40.0)


def root(slope: Callable[[Any], Any], ends: tuple[float, float], u: float, step: float) -> float:
    """p + step slope(p) = u to 1e-41 by bisections of the interval in 60 digits, without a derivative."""
    with mpmath.workdps(60):
        low, high = mpmath.mpf(ends[0]), mpmath.mpf(ends[1])
        for _ in range(147):
            middle = (low + high) / 2
            if middle + step * slope(middle) > u:
                high = middle
            else:
                low = middle
        return float(high)


@pytest.mark.parametrize("name", SLOPES)
def test_the_prox_is_the_root_of_its_condition(name: str) -> None:
    """p + h g'(p) = u, with g' written down a second time."""
    g, slope, ends = SLOPES[name]
    for step in (0.125, 8.0):
        expected = [root(slope, ends, u, step) for u in ARGUMENTS]
        actual = g.prox(np.array(ARGUMENTS), step)
        np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=4e-14)
        balls = g.prox(exact(np.array(ARGUMENTS)), step)
        assert all(
            abs(float(b.mid()) - t) <= float(b.rad()) + 1e-15 * abs(t) + 1e-40
            for b, t in zip(balls, expected, strict=True)
        )
        assert all(float(b.rad()) <= 1e-15 * (1 + abs(t)) for b, t in zip(balls, expected, strict=True))


def test_a_wrong_slope_is_seen() -> None:
    """Planted: the derivative of the softplus with its sign flipped."""
    g, slope, ends = SLOPES["logistic"]
    expected = [root(lambda t: -slope(t), ends, u, 1.0) for u in ARGUMENTS]
    assert np.max(np.abs(g.prox(np.array(ARGUMENTS), 1.0) - expected)) > 0.1


def test_softmax_at_step_one_and_its_condition_elsewhere() -> None:
    rng, g = np.random.default_rng(5), SoftmaxEntropy()
    u = 3 * rng.standard_normal((5, 50))
    powers = np.exp(u - u.max(axis=0))
    np.testing.assert_allclose(g.prox(u, 1.0), powers / powers.sum(axis=0), rtol=1e-13)
    for step in (0.2, 0.9, 7.0):
        q = g.prox(u, step)
        levels = u - (1 - step) * q - step * np.log(q)
        np.testing.assert_allclose(q.sum(axis=0), 1.0, rtol=1e-13)
        np.testing.assert_allclose(levels, np.broadcast_to(levels.mean(axis=0), u.shape), atol=1e-11)


@pytest.mark.parametrize("step", [0.1, 1.0, 30.0])
def test_log_sum_exp_by_its_condition(step: float) -> None:
    u = 5 * np.random.default_rng(6).standard_normal((6, 50))
    p = LogSumExp().prox(u, step)
    powers = np.exp(p - p.max(axis=0))
    np.testing.assert_allclose(p + step * powers / powers.sum(axis=0), u, rtol=1e-13, atol=1e-13 * step)


def test_the_exponential_cone_by_its_conditions() -> None:
    """p in the cone, u - p in the polar cone, orthogonal: at three scales, mixed, all to rounding."""
    rng, g = np.random.default_rng(7), ExponentialCone()
    u = rng.standard_normal((3, 4000)) * 10.0 ** rng.uniform(-4, 2, (3, 4000))
    p = g.prox(u, 1.0)
    normal = g.subgradient(p, u - p)
    assert (g(p) == 0).all()
    assert (g.conjugate(normal) == 0).all()
    size = np.linalg.norm(u, axis=0)
    assert np.max(np.linalg.norm(u - p - normal, axis=0) / size) < 1e-14
    assert np.max(np.abs(np.sum(p * normal, axis=0)) / size**2) < 1e-14


# -- by hand --------------------------------------------------------------------------------------

HAND = {
    "sparse group": (SparseGroup([0, 0, 1], 1.0, 5.0), [4.0, -5.0, 0.5], 0.5, [3.5 * 0.5, -4.5 * 0.5, 0.0]),
    "distance to a box": (Distance(Box(-1.0, 1.0), 2.0), [4.0, 5.0, 0.5], 1.0, [4 - 6 / 5, 5 - 8 / 5, 0.5]),
    "distance, near": (Distance(Box(-1.0, 1.0), 2.0), [2.0, -1.5], 1.0, [1.0, -1.0]),
    "maximum norm": (LInf(1.0), [5.0, -4.0, 1.0], 3.0, [3.0, -3.0, 1.0]),
    "maximum norm, to zero": (LInf(1.0), [1.0, -1.0, 1.0], 3.0, [0.0, 0.0, 0.0]),
    "maximum": (Max(), [5.0, 4.0, -7.0], 3.0, [3.0, 3.0, -7.0]),
    "two largest": (SumOfLargest(2), [5.0, 2.5, 2.0, 1.0], 1.0, [4.0, 1.75, 1.75, 1.0]),
    "simplex": (Simplex(1.0), [0.9, 0.3, -4.0], 9.0, [0.8, 0.2, 0.0]),
    "l1 ball": (L1Ball(1.0), [0.9, -0.3, 0.05], 9.0, [0.8, -0.2, 0.0]),
    "monotone cone": (MonotoneCone(), [1.0, 3.0, 2.0, 2.0, 0.0], 9.0, [1.0, 1.75, 1.75, 1.75, 1.75]),
    "OWL": (OWL([3.0, 1.0, 0.0]), [-5.0, 4.0, 1.0], 1.0, [-2.5, 2.5, 1.0]),
    "total variation": (TotalVariation(1.0), [0.0, 0.0, 6.0, 6.0], 1.0, [0.5, 0.5, 5.5, 5.5]),
    "total variation, flat": (TotalVariation(10.0), [0.0, 1.0, 5.0], 1.0, [2.0, 2.0, 2.0]),
    "nuclear norm": (Nuclear([2, 2], 1.0), [0.0, 3.0, -0.5, 0.0], 1.0, [0.0, 2.0, 0.0, 0.0]),
    "spectral norm": (KyFan([2, 2], 1), [0.0, 3.0, -2.5, 0.0], 1.0, [0.0, 2.25, -2.25, 0.0]),
}


@pytest.mark.parametrize(("g", "u", "step", "expected"), HAND.values(), ids=HAND)
def test_by_hand(g: Function, u: list[float], step: float, expected: list[float]) -> None:
    if isinstance(g, SparseGroup):
        length = np.hypot(3.5, 4.5)
        expected = [3.5 * (1 - 2.5 / length), -4.5 * (1 - 2.5 / length), 0.0]
    np.testing.assert_allclose(g.prox(np.array(u), step), expected, atol=1e-14)


# -- larger problems ------------------------------------------------------------------------------


def test_isotonic_regression_against_scipy() -> None:
    u = np.cumsum(np.random.default_rng(1).standard_normal((300, 20)), axis=0)
    expected = np.column_stack([isotonic_regression(column).x for column in u.T])
    np.testing.assert_allclose(MonotoneCone().prox(u, 1.0), expected, atol=1e-12)


def test_the_simplex_against_sorting() -> None:
    """Held, Wolfe and Crowder's formula: the level from the partial sums of the sorted entries."""
    u = np.random.default_rng(2).standard_normal((200, 50)) * 3
    ordered = -np.sort(-u, axis=0)
    levels = (np.cumsum(ordered, axis=0) - 2.5) / np.arange(1, 201)[:, None]
    count = np.sum(ordered > levels, axis=0)
    expected = np.maximum(u - levels[count - 1, np.arange(50)], 0.0)
    np.testing.assert_allclose(Simplex(2.5).prox(u, 1.0), expected, atol=1e-14)


@pytest.mark.parametrize("weight", [0.01, 1.0, 30.0])
def test_total_variation_by_its_dual(weight: float) -> None:
    """u - p = D^T z, |z| <= weight, and z = weight sign(Dp) at each step: z is a partial sum of p - u."""
    u = np.cumsum(np.random.default_rng(3).standard_normal((200, 15)), axis=0)
    p = TotalVariation(weight).prox(u, 1.0)
    sums, steps = np.cumsum(p - u, axis=0), np.diff(p, axis=0)
    assert np.max(np.abs(sums[-1])) < 1e-10
    assert np.max(np.abs(sums[:-1])) <= weight + 1e-10
    np.testing.assert_allclose(sums[:-1][steps != 0], (weight * np.sign(steps))[steps != 0], atol=1e-10)
    assert np.all(np.any(steps != 0, axis=0)) or weight == 30.0


@pytest.mark.parametrize("isotropic", [False, True])
def test_total_variation_of_images_of_one_row_is_that_of_signals(isotropic: bool) -> None:
    u = np.random.default_rng(4).standard_normal((12, 6))
    image = TotalVariation2D([1, 12], 0.5, isotropic).prox(u, 0.7)
    np.testing.assert_allclose(image, TotalVariation(0.5).prox(u, 0.7), atol=1e-13)


def test_the_last_row_of_an_image_counts() -> None:
    """cvxpy's tv leaves it out: a step in the last row alone would cost nothing."""
    x = np.zeros((3, 4))
    x[2, 2:] = 1.0
    assert TotalVariation2D([3, 4], 1.0, False)(x.ravel()) == pytest.approx(3.0)
    assert TotalVariation2D([3, 4], 1.0, True)(x.ravel()) == pytest.approx(3.0)


def test_the_accuracy_of_an_iteration_is_kept_at_any_scale() -> None:
    g = TotalVariation2D([4, 4], 1.0, True)
    u = np.random.default_rng(5).standard_normal(16)
    small, large = g.prox(u, 0.3), g.prox(1e6 * u, 0.3e6)
    assert np.linalg.norm(large / 1e6 - small) < 2 * g.accuracy * (1 + np.linalg.norm(u))


# -- balls ----------------------------------------------------------------------------------------

ENCLOSED = [case for case in CASES if case.g.enclosed]


@pytest.mark.parametrize("case", ENCLOSED, ids=lambda case: case.name)
def test_balls_hold_the_prox_of_every_point_in_them(case: Any) -> None:
    import flint

    rng = np.random.default_rng(8)
    u = 2 * rng.standard_normal((case.dimension, 3))
    u[:, 0] = np.round(u[:, 0])
    for step in (0.3, 4.0):
        sharp = case.g.prox(exact(u), step)
        assert max(float(b.rad()) for b in sharp.ravel()) < 1e-13
        assert (
            max(abs(float(b.mid()) - t) for b, t in zip(sharp.ravel(), case.g.prox(u, step).ravel(), strict=True))
            < 1e-12
        )
        wide = np.array([flint.arb(t, 0.01) for t in u.ravel()], dtype=object).reshape(u.shape)
        held = case.g.prox(wide, step)
        for _ in range(20):
            inside = case.g.prox(u + 0.01 * rng.choice([-1.0, 1.0, 0.3], size=u.shape), step)
            assert all((b + flint.arb(0, 1e-12)).contains(t) for b, t in zip(held.ravel(), inside.ravel(), strict=True))


@pytest.mark.parametrize("case", [case for case in CASES if not case.g.enclosed], ids=lambda case: case.name)
def test_functions_in_float64_alone_refuse_balls(case: Any) -> None:
    ball = exact(np.zeros(case.dimension))
    for call in (case.g, case.g.conjugate, lambda x: case.g.prox(x, 1.0), lambda x: case.g.envelope(x, 1.0)):
        with pytest.raises(InputError, match="float64 alone"):
            call(ball)
