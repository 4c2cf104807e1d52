"""Certified gaps and distances against minima known in exact arithmetic, and over scales of the data.

With A = diag(a) the problem decouples into coordinates, whose minima are worked out by cases in
rationals; a signed permutation in front changes nothing but makes A full.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, ElasticNet, Function, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero
from fbscheck.operators import LeastSquares, Linear, Logistic
from fbscheck.splitting import ForwardBackward
from fbscheck.splitting.gap import optimality

A, B = (
    [Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3)],
    [Fraction(3), Fraction(1), Fraction(-1, 2), Fraction(1, 8)],
)
ORDER, SIGNS = [2, 0, 3, 1], [1, -1, -1, 1]


def soft(u: Fraction, t: Fraction) -> Fraction:
    return max(abs(u) - t, Fraction(0)) * ((u > 0) - (u < 0))


def huber_minimiser(a: Fraction, b: Fraction) -> Fraction:
    inner = a * b / (a * a + 1)
    return inner if abs(inner) <= Fraction(1, 2) else soft(a * b, Fraction(1, 2)) / (a * a)


def huber(t: Fraction) -> Fraction:
    return t * t / 2 if abs(t) <= Fraction(1, 2) else (abs(t) - Fraction(1, 4)) / 2


PROBLEMS: dict[str, tuple[Function, Callable[[Fraction, Fraction], Fraction], Callable[[Fraction], Fraction]]] = {
    "zero": (Zero(), lambda a, b: b / a, lambda t: Fraction(0)),
    "l1": (L1(0.5), lambda a, b: soft(a * b, Fraction(1, 2)) / (a * a), lambda t: abs(t) / 2),
    "squared": (SquaredL2(1.0), lambda a, b: a * b / (a * a + 1), lambda t: t * t / 2),
    "elastic": (
        ElasticNet(0.5, 1.0),
        lambda a, b: soft(a * b, Fraction(1, 2)) / (a * a + 1),
        lambda t: abs(t) / 2 + t * t / 2,
    ),
    "box": (Box(-0.25, 2.0), lambda a, b: min(max(b / a, Fraction(-1, 4)), Fraction(2)), lambda t: Fraction(0)),
    "nonnegative": (NonNegative(), lambda a, b: max(b / a, Fraction(0)), lambda t: Fraction(0)),
    "huber": (Huber(0.5, 1.0), huber_minimiser, huber),
    "singleton groups": (
        GroupL2([0, 1, 2, 3], 0.5),
        lambda a, b: soft(a * b, Fraction(1, 2)) / (a * a),
        lambda t: abs(t) / 2,
    ),
}


def least_squares() -> LeastSquares:
    full = np.zeros((4, 4))
    for row, (column, sign) in enumerate(zip(ORDER, SIGNS, strict=True)):
        full[row, column] = sign * float(A[column])
    return LeastSquares(full, np.array([sign * float(B[column]) for column, sign in zip(ORDER, SIGNS, strict=True)]))


def truth(name: str) -> tuple[list[Fraction], Fraction]:
    """The minimiser and the minimum, exactly."""
    _, minimiser, value = PROBLEMS[name]
    x = [minimiser(a, b) for a, b in zip(A, B, strict=True)]
    return x, objective(name, x)


def objective(name: str, x: list[Fraction]) -> Fraction:
    return sum(((a * t - b) ** 2 / 2 + PROBLEMS[name][2](t) for a, b, t in zip(A, B, x, strict=True)), Fraction(0))


def somewhere(name: str, how: str) -> np.ndarray:
    best, rng = np.array([float(t) for t in truth(name)[0]]), np.random.default_rng(4)
    distances = {"at the minimiser": 0.0, "1e-9 off": 1e-9, "1e-3 off": 1e-3, "1 off": 1.0}
    return PROBLEMS[name][0].prox(best + distances[how] * rng.standard_normal(4), 1e-3 * distances[how] + 1e-30)


@pytest.mark.parametrize("how", ["at the minimiser", "1e-9 off", "1e-3 off", "1 off"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_bounds_hold_and_are_not_loose(name: str, how: str) -> None:
    x = somewhere(name, how)
    found = optimality(least_squares(), PROBLEMS[name][0], x)
    best, minimum = truth(name)
    exactly = [Fraction(t) for t in x.tolist()]
    gap, square = objective(name, exactly) - minimum, sum((s - t) ** 2 for s, t in zip(exactly, best, strict=True))
    assert Fraction(found.minimum_lower) <= minimum <= objective(name, exactly) <= Fraction(found.value_upper)
    assert Fraction(found.gap) >= gap
    assert Fraction(found.distance) ** 2 >= square
    assert found.gap <= 100 * float(gap) + 1e-15
    assert 0 < Fraction(found.modulus) <= Fraction(1, 4) + Fraction(PROBLEMS[name][0].strong_convexity)
    assert found.distance == pytest.approx(math.sqrt(2 * found.gap / found.modulus), rel=1e-12)


def test_a_planted_gap_would_be_noticed() -> None:
    """The value at a nearby point is below that at x: bounding against it instead of the minimum fails."""
    x = somewhere("l1", "1 off")
    exactly, minimum = [Fraction(t) for t in x.tolist()], truth("l1")[1]
    nearby = [Fraction(9, 10) * s + Fraction(1, 10) * t for s, t in zip(exactly, truth("l1")[0], strict=True)]
    assert objective("l1", exactly) - objective("l1", nearby) < objective("l1", exactly) - minimum
    assert minimum < objective("l1", nearby)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("name", ["zero", "l1", "box", "nonnegative", "squared"])
def test_bounds_scale_with_the_data(name: str, scale: float) -> None:
    """(A, b, g) -> (A, cb, g scaled): x* scales by c, values by c^2; checked against the exact minimum."""
    power = Fraction(2) ** round(math.log2(scale))
    f = least_squares()
    g: Function = {
        "zero": Zero(),
        "l1": L1(0.5 * float(power)),
        "box": Box(-0.25 * float(power), 2.0 * float(power)),
        "nonnegative": NonNegative(),
        "squared": SquaredL2(1.0),
    }[name]
    scaled = LeastSquares(f.matrix, f.target * float(power))
    x = somewhere(name, "1e-3 off") * float(power)
    found, minimum = optimality(scaled, g, x), truth(name)[1] * power**2
    value = objective(name, [Fraction(t) / power for t in x.tolist()]) * power**2
    assert Fraction(found.gap) >= value - minimum
    assert Fraction(found.minimum_lower) <= minimum
    assert found.gap <= 100 * float(value - minimum) + 1e-15 * float(power) ** 2


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize(
    "g", [L1(0.5), NonNegative(), Box(-1.0, 1.0), ElasticNet(0.5, 1.0), SquaredL2(0.1)], ids=lambda g: type(g).__name__
)
def test_bounds_hold_when_the_matrix_is_scaled(g: Function, scale: float) -> None:
    """No exact minimum, but a point with a lower value: the certified minimum must lie below it."""
    f = least_squares()
    scaled = LeastSquares(f.matrix * scale, f.target)
    rng = np.random.default_rng(3)
    x = ForwardBackward(scaled, g, 1 / scaled.lipschitz).iterates(np.zeros(4), 1500)[-1]
    found = optimality(scaled, g, x)
    rivals = g.prox(
        x[:, None] + rng.standard_normal((4, 500)) * np.abs(x).max() * 10.0 ** rng.uniform(-12, 0, 500), 1e-12
    )
    values = scaled.potential(rivals) + g(rivals)
    assert found.minimum_lower <= np.min(values) * (1 + 1e-12)
    assert math.isfinite(found.gap)
    assert found.gap <= 1e-9 * max(1.0, found.value_upper)


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("steps", [10, 100])
def test_a_nearly_singular_matrix_does_not_blow_the_gap_up(condition: float, steps: int) -> None:
    """With modulus m -> 0 the strongly convex bound alone would be worse than the value of zero by 1/m."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((6, 6)))[0] for _ in range(2))
    f = LeastSquares(left @ np.diag([1, 1, 1, 0.5, condition**-0.5, 1 / condition]) @ right, rng.standard_normal(6))
    x = ForwardBackward(f, L1(0.1), 1 / f.lipschitz).iterates(np.zeros(6), steps)[-1]
    found = optimality(f, L1(0.1), x)
    assert 0 <= found.gap <= 2 * found.value_upper


FIXED: dict[str, Function] = {
    "l1": L1(1.0),
    "squared": SquaredL2(1.0),
    "elastic": ElasticNet(1.0, 1.0),
    "box": Box(-0.1, 0.1),
    "l2 ball": L2Ball(0.3),
    "large l2 ball": L2Ball(0.9),
    "group": GroupL2([0, 0, 1, 1, 2], 1.0),
    "huber": Huber(1.0, 1.0),
    "nonnegative": NonNegative(),
}


@pytest.mark.parametrize("loss", ["logistic", "least squares", "wide least squares"])
@pytest.mark.parametrize("name", FIXED)
def test_fixed_points_come_with_a_small_gap(name: str, loss: str) -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((30, 5))
    b = np.sign(rng.standard_normal(30))
    f = {
        "logistic": Logistic(a, b),
        "least squares": LeastSquares(a, b),
        "wide least squares": LeastSquares(a[:3], 3 * b[:3]),
    }[loss]
    answer = ForwardBackward(f, FIXED[name], 1 / f.lipschitz).fixed_point(np.zeros(5))
    found = optimality(f, FIXED[name], answer.point)
    feasible = FIXED[name].prox(answer.point[:, None] + 1e-2 * rng.standard_normal((5, 300)), 1e-9)
    assert answer.converged
    # on a cone the dual point cannot be repaired by shrinking: for wide A only the trivial bound is left
    assert found.gap <= (found.value_upper if (name, loss) == ("nonnegative", "wide least squares") else 1e-9)
    assert found.minimum_lower <= np.min(f.potential(feasible) + FIXED[name](feasible)) * (1 + 1e-13)


@pytest.mark.parametrize("margin", [1e2, 1e5, 1e11, 1e300])
def test_far_margins_end_in_finite_time(margin: float) -> None:
    found = optimality(Logistic(np.array([[margin]]), np.array([1.0])), L1(1.0), np.array([1.0]))
    assert found.value_upper >= 1.0
    assert found.minimum_lower <= 1.0


def test_infeasible_points_have_no_finite_gap() -> None:
    found = optimality(least_squares(), Box(-0.25, 2.0), np.array([3.0, 0.0, 0.0, 0.0]))
    assert found.value_upper == found.gap == found.distance == math.inf
    assert math.isfinite(found.minimum_lower)


def test_no_modulus_no_distance() -> None:
    found = optimality(LeastSquares(np.ones((1, 3)), np.ones(1)), L1(0.1), np.zeros(3))
    assert found.modulus == 0
    assert found.distance == math.inf
    assert math.isfinite(found.gap)


SQUARE = LeastSquares(np.eye(2), np.zeros(2))
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "nan": (lambda: optimality(SQUARE, L1(1.0), np.array([np.nan, 0.0])), "nan"),
    "columns": (lambda: optimality(SQUARE, L1(1.0), np.ones((2, 3))), "(2, 3)"),
    "column": (lambda: optimality(SQUARE, L1(1.0), np.ones((2, 1))), "(2, 1)"),
    "length": (lambda: optimality(SQUARE, L1(1.0), np.ones(3)), "3"),
    "text": (lambda: optimality(SQUARE, L1(1.0), ["a", "b"]), "a"),
    "not a gradient": (lambda: optimality(Linear(np.eye(2)), L1(1.0), np.ones(2)), "Linear"),
    "dimension of g": (lambda: optimality(SQUARE, L1(np.ones(3)), np.ones(2)), "3"),
}


@pytest.mark.parametrize(("call", "got"), BAD.values(), ids=BAD)
def test_bad_input(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert got in str(caught.value)
