"""The step as a map: values, constants against the true norm, averagedness, iterates and fixed points."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from fbscheck.certify.balls import exact
from fbscheck.errors import HypothesisError, InputError
from fbscheck.functions import L1, Box, ElasticNet, Function, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero
from fbscheck.operators import LeastSquares, Linear, Logistic, Operator
from fbscheck.splitting import FixedPoint, ForwardBackward

Matrix = np.ndarray


def matrix(kind: str, size: int, seed: int) -> Matrix:
    a = np.random.default_rng(seed).standard_normal((size, size))
    return {
        "spd": a @ a.T / size + 0.1 * np.eye(size),
        "singular gram": a[:, :1] @ a[:, :1].T,
        "skew": a - a.T,
        "general": a + 3 * np.eye(size),
        "not monotone": a,
        "orthogonal": np.linalg.qr(a)[0],
        "zero": np.zeros((size, size)),
        "identity": np.eye(size),
    }[kind]


@pytest.mark.parametrize("sigma", [0.0, 1.5])
@pytest.mark.parametrize("step", [0.01, 0.3, 1.0, 7.0, Fraction(1, 3)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 5, 14])
@pytest.mark.parametrize(
    "kind", ["spd", "singular gram", "skew", "general", "not monotone", "orthogonal", "zero", "identity"]
)
def test_contraction_of_a_linear_step_is_its_norm(kind: str, size: int, step: Any, sigma: float) -> None:
    k = matrix(kind, size, size)
    g: Function = SquaredL2(sigma) if sigma else Zero()
    factor = ForwardBackward(Linear(k), g, step).contraction()
    with_extra_digits = np.eye(size, dtype=np.longdouble) - np.longdouble(float(step)) * k.astype(np.longdouble)
    truth = math.sqrt(
        max(np.linalg.eigvalsh(np.asarray(with_extra_digits.T @ with_extra_digits, dtype=float)).max(), 0.0)
    ) / (1 + float(step) * sigma)
    assert factor >= truth * (1 - 1e-12) - 1e-12
    assert factor <= truth + 1e-11 * (1 + float(step) * np.linalg.norm(k, 2))


def rank_one_ratio(step: ForwardBackward, seed: int) -> float:
    x, y = np.random.default_rng(seed).standard_normal((2, step.f.dimension, 3000)) * 3
    return float(np.max(np.linalg.norm(step(x) - step(y), axis=0) / np.linalg.norm(x - y, axis=0)))


GS = [
    Zero(),
    L1(0.3),
    SquaredL2(2.0),
    ElasticNet(0.3, 2.0),
    Box(-0.5, 1.0),
    NonNegative(),
    Huber(0.5, 2.0),
    L2Ball(1.0),
    GroupL2([0, 1, 0], 0.5),
]


@pytest.mark.parametrize("step", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("g", GS, ids=lambda g: type(g).__name__)
@pytest.mark.parametrize(
    "f",
    [
        pytest.param(LeastSquares(np.random.default_rng(0).standard_normal((5, 3)), np.ones(5)), id="least squares"),
        pytest.param(
            LeastSquares(np.random.default_rng(1).standard_normal((2, 3)), np.ones(2)), id="wide least squares"
        ),
        pytest.param(
            Logistic(np.random.default_rng(2).standard_normal((4, 3)), np.array([1.0, -1, 1, -1])), id="logistic"
        ),
        pytest.param(Linear(matrix("general", 3, 3), np.ones(3)), id="linear"),
        pytest.param(Linear(matrix("skew", 3, 4)), id="skew"),
    ],
)
def test_no_pair_of_points_moves_apart_faster_than_promised(f: Operator, g: Function, step: float) -> None:
    t = ForwardBackward(f, g, step)
    assert rank_one_ratio(t, 5) <= t.contraction() * (1 + 1e-12)


@pytest.mark.parametrize(
    ("f", "g", "step", "factor"),
    [
        pytest.param(LeastSquares(np.diag([1.0, 2.0]), np.zeros(2)), Zero(), 0.25, 0.75, id="gradient, short"),
        pytest.param(LeastSquares(np.diag([1.0, 2.0]), np.zeros(2)), Zero(), 1.0, 3.0, id="gradient, long"),
        pytest.param(
            LeastSquares(np.diag([1.0, 2.0]), np.zeros(2)),
            SquaredL2(1.0),
            1.0,
            1.5,
            id="gradient, with strong convexity",
        ),
        pytest.param(Logistic(2 * np.eye(2), np.ones(2)), Zero(), 2.0, 1.0, id="logistic, h = 2/ell"),
        pytest.param(Linear(np.array([[3.0, -4.0], [4.0, 3.0]])), Zero(), 0.12, 0.8, id="rotation, 3-4-5"),
        pytest.param(Linear(np.zeros((3, 3))), L1(1.0), 5.0, 1.0, id="zero operator"),
    ],
)
def test_contraction_by_hand(f: Operator, g: Function, step: float, factor: float) -> None:
    assert ForwardBackward(f, g, step).contraction() == pytest.approx(factor, rel=1e-14)
    assert ForwardBackward(f, g, step).contraction() >= factor * (1 - 1e-15)


@pytest.mark.parametrize(
    ("scale", "step"),
    [(1e-150, 1e150), (1e150, 1e-150), (1e-6, 1e6), (1e6, 1e-6), (1.0, 1e300), (1e10, 1e307), (1e-300, 1e-300)],
)
def test_contraction_over_scales_is_a_bound_or_infinity(scale: float, step: float) -> None:
    factor = ForwardBackward(Linear(scale * np.diag([1.0, 2.0])), Zero(), step).contraction()
    exactly = max(abs(1 - Fraction(step) * Fraction(scale)), abs(1 - Fraction(step) * 2 * Fraction(scale)))
    assert factor == math.inf or Fraction(factor) >= exactly
    assert factor == math.inf or Fraction(factor) <= exactly * (1 + Fraction(1, 10**12)) + Fraction(1, 10**12)


# -- averagedness -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "step", "alpha"),
    [
        pytest.param(Linear(np.eye(2)), 1.0, 2 / 3, id="beta 1, h 1"),
        pytest.param(LeastSquares(np.diag([1.0, 2.0]), np.zeros(2)), 0.25, 2 / 3, id="beta 1/4, h 1/4"),
        pytest.param(Linear(np.zeros((2, 2))), 9.0, 0.5, id="zero operator"),
        pytest.param(Linear(np.eye(2)), 1.999, 1 / 1.0005, id="nearly too long"),
    ],
)
def test_averagedness_by_hand(f: Operator, step: float, alpha: float) -> None:
    found = ForwardBackward(f, L1(0.1), step).averagedness()
    assert found == pytest.approx(alpha, rel=1e-12)
    assert found >= alpha * (1 - 1e-15)


@pytest.mark.parametrize("g", GS, ids=lambda g: type(g).__name__)
@pytest.mark.parametrize("eta", [0.1, 1.0, 1.9])
def test_averagedness_holds_on_pairs(g: Function, eta: float) -> None:
    """alpha-averaged: |Tx-Ty|^2 <= |x-y|^2 - (1-alpha)/alpha |(x-Tx)-(y-Ty)|^2."""
    f = LeastSquares(np.random.default_rng(0).standard_normal((5, 3)), np.ones(5))
    t = ForwardBackward(f, g, eta * f.cocoercivity)
    alpha = t.averagedness()
    x, y = np.random.default_rng(6).standard_normal((2, 3, 3000)) * 3
    tx, ty = t(x), t(y)
    spread = np.sum((x - y) ** 2, axis=0) - np.sum((tx - ty) ** 2, axis=0)
    assert np.all(spread >= (1 - alpha) / alpha * np.sum((x - tx - y + ty) ** 2, axis=0) - 1e-10)


@pytest.mark.parametrize(
    ("f", "step"),
    [
        pytest.param(Linear(np.eye(2)), 2.0, id="h = 2 beta"),
        pytest.param(Linear(np.eye(2)), 50.0, id="too long"),
        pytest.param(Linear(np.array([[0.0, -1.0], [1.0, 0.0]])), 1e-9, id="a rotation"),
        pytest.param(Linear(-np.eye(2)), 0.1, id="not monotone"),
    ],
)
def test_no_averagedness_without_its_hypotheses(f: Operator, step: float) -> None:
    with pytest.raises(HypothesisError, match=r"^[^\n]*cocoerci[^\n]*$"):
        ForwardBackward(f, Zero(), step).averagedness()


# -- the map and its iterates -------------------------------------------------------------------


def test_the_map_by_hand() -> None:
    t = ForwardBackward(Linear(np.diag([1.0, 2.0]), np.array([3.0, 1.0])), L1(1.0), 0.5)
    np.testing.assert_allclose(t(np.array([0.0, 0.0])), [1.0, 0.0])
    np.testing.assert_allclose(t(np.array([[0.0, 1.0], [0.0, -3.0]])), [[1.0, 1.5], [0.0, 0.0]])


def test_the_map_on_balls_encloses_the_rational_truth() -> None:
    t = ForwardBackward(Linear(np.diag([1.0, 2.0]), np.array([3.0, 1.0])), L1(1.0), Fraction(1, 3))
    image = t(exact([0.5, -2.0]))
    assert abs(image[0] * 6 - 6) < 1e-35  # 1/2 - (1/2 - 3)/3 = 4/3, minus 1/3
    assert abs(image[1]) < 1e-35  # -2 + 5/3 = -1/3: exactly at the threshold


def test_iterates_of_a_scaling() -> None:
    rows = ForwardBackward(Linear(np.array([[1.0]])), Zero(), 0.5).iterates([1.0], 20)
    assert rows.shape == (21, 1)
    np.testing.assert_array_equal(rows[:, 0], 0.5 ** np.arange(21))


# -- fixed points -------------------------------------------------------------------------------

DIAGONAL, TARGET = np.array([1.0, 2.0, 0.5]), np.array([3.0, 1.0, -0.5])
"""For A = diag(a) the minimiser of |Ax - b|^2/2 + g decouples: each row below is worked by hand."""

CLOSED_FORMS: dict[str, tuple[Function, list[float]]] = {
    "zero": (Zero(), [3.0, 0.5, -1.0]),
    "l1": (L1(0.5), [2.5, 0.375, 0.0]),
    "l1 vector": (L1(np.array([5.0, 0.0, 0.125])), [0.0, 0.5, -0.5]),
    "squared": (SquaredL2(1.0), [1.5, 0.4, -0.2]),
    "elastic": (ElasticNet(0.5, 1.0), [1.25, 0.3, 0.0]),
    "box": (Box(-0.25, 2.0), [2.0, 0.5, -0.25]),
    "nonnegative": (NonNegative(), [3.0, 0.5, 0.0]),
    "huber": (Huber(0.5, 1.0), [2.5, 0.4, -0.2]),
}


@pytest.mark.parametrize("step", [0.05, 0.25, 0.49])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_fixed_points_by_hand(name: str, step: float) -> None:
    g, expected = CLOSED_FORMS[name]
    answer = ForwardBackward(LeastSquares(np.diag(DIAGONAL), TARGET), g, step).fixed_point(np.array([5.0, -5.0, 1.0]))
    assert answer.converged
    np.testing.assert_allclose(answer.point, expected, atol=1e-10)
    assert answer.residual < 1e-11


@pytest.mark.parametrize("g", [Zero(), SquaredL2(1.0), Huber(0.5, 1.0)], ids=lambda g: type(g).__name__)
@pytest.mark.parametrize(
    "f",
    [
        LeastSquares(np.random.default_rng(1).standard_normal((6, 3)), np.ones(6)),
        Logistic(np.vstack([np.eye(3), np.eye(3), np.ones((1, 3))]), np.array([1.0, 1, 1, -1, -1, -1, 1])),
    ],
    ids=["least squares", "logistic"],
)
def test_fixed_points_of_smooth_sums_by_scipy(f: Any, g: Function) -> None:
    t = ForwardBackward(f, g, 1 / f.lipschitz)
    answer = t.fixed_point(np.zeros(3))
    reference = minimize(
        lambda x: f.potential(x) + g(x),
        np.zeros(3),
        jac=lambda x: f(x) + g.subgradient(x, np.zeros(3)),
        method="BFGS",
        options={"gtol": 1e-10},
    )
    assert answer.converged
    np.testing.assert_allclose(answer.point, reference.x, atol=1e-6)


def test_too_few_steps_are_said_to_be_too_few() -> None:
    t = ForwardBackward(LeastSquares(np.diag([1.0, 0.01]), np.ones(2)), Huber(1e-6, 1e-3), 0.5)
    answer = t.fixed_point(np.array([0.0, 1e4]), max_iterations=2)
    assert not answer.converged
    assert answer.iterations == 2
    assert answer.residual == pytest.approx(float(np.linalg.norm(answer.point - t(answer.point))))


def test_a_map_without_fixed_points_does_not_converge() -> None:
    """f = (-1, 0) is constant: T moves every point by h to the right, for ever."""
    answer = ForwardBackward(Linear(np.zeros((2, 2)), np.array([1.0, 0.0])), Zero(), 0.5).fixed_point(
        np.zeros(2), max_iterations=200
    )
    assert not answer.converged
    assert answer.residual == pytest.approx(0.5)
    assert np.isfinite(answer.point).all()


EXPANSIVE = {
    "diagonal, long step": (Linear(np.diag([1.0, 2.0, 3.0]), np.ones(3)), L1(0.1), 1e200),
    "logistic-like kink": (Linear(-np.eye(3), np.ones(3)), Huber(1.0, 0.5), 10.0),
    "not monotone": (
        Linear(np.array([[-1.0, 2.0, 0.0], [-2.0, -1.0, 0.0], [0.0, 0.0, -3.0]]), np.ones(3)),
        L1(1.0),
        1.0,
    ),
}


@pytest.mark.parametrize(("f", "g", "step"), EXPANSIVE.values(), ids=EXPANSIVE)
def test_an_expansive_step_ends_in_one_clear_error_or_a_finite_answer(f: Operator, g: Function, step: float) -> None:
    t = ForwardBackward(f, g, step)
    with pytest.raises(InputError, match=r"^[^\n]+$"):
        t.iterates(np.ones(3), 5000)
    answer = finite_answer(t)
    assert answer is None or (np.isfinite(answer.point).all() and math.isfinite(answer.residual))
    assert (
        answer is None
        or not answer.converged
        or np.linalg.norm(t(answer.point) - answer.point) <= 1e-11 * max(1.0, np.linalg.norm(answer.point))
    )


def finite_answer(t: ForwardBackward) -> FixedPoint | None:
    try:
        return t.fixed_point(np.ones(3), max_iterations=3000)
    except InputError:
        return None


def test_the_same_call_gives_the_same_bits() -> None:
    t = ForwardBackward(LeastSquares(np.random.default_rng(1).standard_normal((6, 3)), np.ones(6)), L1(0.2), 0.05)
    first, second = (t.fixed_point(np.zeros(3)) for _ in range(2))
    assert first.point.tobytes() == second.point.tobytes()
    assert (first.residual, first.iterations) == (second.residual, second.iterations)


STEP = ForwardBackward(Linear(np.eye(2)), L1(1.0), 0.5)
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "step zero": (lambda: ForwardBackward(Linear(np.eye(2)), Zero(), 0), "0"),
    "step negative": (lambda: ForwardBackward(Linear(np.eye(2)), Zero(), -0.5), "-0.5"),
    "step nan": (lambda: ForwardBackward(Linear(np.eye(2)), Zero(), math.nan), "nan"),
    "step bool": (lambda: ForwardBackward(Linear(np.eye(2)), Zero(), True), "True"),
    "step text": (lambda: ForwardBackward(Linear(np.eye(2)), Zero(), "1"), "'1'"),
    "step vector": (lambda: ForwardBackward(Linear(np.eye(2)), Zero(), np.ones(2)), "array"),
    "dimensions": (lambda: ForwardBackward(Linear(np.eye(2)), L1(np.ones(3)), 0.5), "3"),
    "x wrong": (lambda: STEP(np.ones(3)), "(3,)"),
    "x nan": (lambda: STEP(np.array([np.nan, 0.0])), "NaN"),
    "x0 matrix": (lambda: STEP.fixed_point(np.ones((2, 2))), "(2, 2)"),
    "x0 wrong": (lambda: STEP.fixed_point(np.ones(3)), "(3,)"),
    "tol zero": (lambda: STEP.fixed_point(np.ones(2), tol=0.0), "0.0"),
    "tol nan": (lambda: STEP.fixed_point(np.ones(2), tol=math.nan), "nan"),
    "count negative": (lambda: STEP.iterates(np.ones(2), -1), "-1"),
    "count fraction": (lambda: STEP.iterates(np.ones(2), 1.5), "1.5"),
    "limit negative": (lambda: STEP.fixed_point(np.ones(2), max_iterations=-1), "-1"),
    "limit fraction": (lambda: STEP.fixed_point(np.ones(2), max_iterations=1.5), "1.5"),
    "matrix for operator": (lambda: ForwardBackward(np.eye(2), Zero(), 0.5), "ndarray"),
    "number for function": (lambda: ForwardBackward(Linear(np.eye(2)), 0.1, 0.5), "float"),
    "swapped": (lambda: ForwardBackward(Zero(), Linear(np.eye(2)), 0.5), "Zero"),
}


@pytest.mark.parametrize(("call", "got"), BAD.values(), ids=BAD)
def test_bad_input(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert got in str(caught.value)
