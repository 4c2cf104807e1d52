"""Reference solutions against closed forms and certified gaps, and what happens when a solver fails."""

import cvxpy as cp
import numpy as np
import pytest

from fbscheck.errors import FbscheckError, SolverError
from fbscheck.functions import L1, Box, ElasticNet, Function, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero
from fbscheck.operators import Gradient, LeastSquares, Linear, Logistic
from fbscheck.reference.modelling import loss, solve
from fbscheck.reference.programs import minimise, prox, second_opinion
from fbscheck.splitting.gap import optimality

U = np.array([[3.0, -0.2, 0.5], [4.0, 0.1, -2.0]])
PROXES = {
    "zero": (Zero(), U),
    "l1": (L1(1.0), [[2.5, 0.0, 0.0], [3.5, 0.0, -1.5]]),
    "l1 vector": (L1(np.array([0.0, 4.0])), [[3.0, -0.2, 0.5], [2.0, 0.0, 0.0]]),
    "squared": (SquaredL2(2.0), U / 2),
    "elastic": (ElasticNet(1.0, 2.0), [[1.25, 0.0, 0.0], [1.75, 0.0, -0.75]]),
    "box": (Box(-1.0, 2.0), [[2.0, -0.2, 0.5], [2.0, 0.1, -1.0]]),
    "nonnegative": (NonNegative(), [[3.0, 0.0, 0.5], [4.0, 0.1, 0.0]]),
    "huber": (Huber(0.5, 2.0), [[2.5, -0.1, 0.25], [3.5, 0.05, -1.5]]),
    "l2 ball": (L2Ball(2.5), [[1.5, -0.2, 0.5], [2.0, 0.1, -2.0]]),
    "group": (GroupL2([0, 0], 2.0), [[2.4, 0.0, 0.5 * (1 - 4.25**-0.5)], [3.2, 0.0, -2 * (1 - 4.25**-0.5)]]),
}


@pytest.mark.parametrize(("g", "expected"), PROXES.values(), ids=PROXES)
def test_proximal_points_by_hand(g: Function, expected: list[list[float]]) -> None:
    """Step 1/2; |(0.5, -2)| = sqrt(4.25)."""
    np.testing.assert_allclose(prox(g, U, 0.5), expected, atol=2e-6)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(prox(g, U, 0.5), np.array(expected) + 1e-4, atol=2e-6)


RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((8, 4)), RNG.standard_normal(8)
LOSSES = {"least squares": LeastSquares(A, B), "logistic": Logistic(A, np.sign(B))}
GS: dict[str, Function] = {
    "zero": Zero(),
    "l1": L1(0.3),
    "l1 vector": L1(np.array([0.1, 0.5, 0.2, 1.0])),
    "squared": SquaredL2(1.0),
    "elastic": ElasticNet(0.3, 1.0),
    "box": Box(-0.1, 0.2),
    "nonnegative": NonNegative(),
    "huber": Huber(0.2, 1.0),
    "l2 ball": L2Ball(0.3),
    "group": GroupL2([0, 1, 0, 1], 0.3),
}


@pytest.mark.parametrize("name", GS)
@pytest.mark.parametrize("kind", LOSSES)
def test_minimisers_are_certified_by_their_gap(kind: str, name: str) -> None:
    """The solver's point, pulled into the domain, has a small certified gap: two independent routes agree."""
    f, g = LOSSES[kind], GS[name]
    x = g.prox(minimise(f, g), 1e-12)
    feasible = x * (1 - 1e-12) if name == "l2 ball" else x
    found = optimality(f, g, feasible)
    value = f.potential(feasible) + g(feasible)
    assert found.minimum_lower <= value * (1 + 1e-12)
    assert (name, kind) == ("zero", "logistic") or found.gap < 1e-6
    assert f.potential(feasible + 0.05) + g(g.prox(feasible + 0.05, 1e-12)) > value or name in (
        "nonnegative",
        "box",
        "l2 ball",
    )


@pytest.mark.parametrize("name", ["l1", "elastic", "box", "nonnegative"])
def test_third_solvers_agree(name: str) -> None:
    answer = second_opinion(LOSSES["least squares"], GS[name])
    assert answer is not None
    np.testing.assert_allclose(answer[1], minimise(LOSSES["least squares"], GS[name]), atol=1e-6)


def test_without_a_third_solver_there_is_none() -> None:
    assert second_opinion(LOSSES["logistic"], GS["l1"]) is None
    assert second_opinion(LOSSES["least squares"], GS["huber"]) is None


def test_a_third_solver_for_no_regularisation_is_least_squares() -> None:
    answer = second_opinion(LOSSES["least squares"], L1(0.0))
    assert answer is None or np.allclose(answer[1], np.linalg.lstsq(A, B)[0], atol=1e-6)


X = cp.Variable()
FAILURES = {
    "infeasible": (cp.Minimize(X), [X >= 1, X <= 0]),
    "unbounded": (cp.Minimize(X), [X <= 0]),
    "infeasible cone": (cp.Minimize(X), [cp.norm(cp.hstack([X, 2.0])) <= 1]),
    "unbounded maximum": (cp.Maximize(X), [X >= 0]),
}


@pytest.mark.parametrize(("goal", "constraints"), FAILURES.values(), ids=FAILURES)
def test_only_optimal_counts(goal: cp.Minimize, constraints: list[cp.Constraint]) -> None:
    with pytest.raises(SolverError, match=r"^[^\n]*(infeasible|unbounded)[^\n]*$"):
        solve(cp.Problem(goal, constraints))


def test_solve_returns_the_value() -> None:
    assert solve(cp.Problem(cp.Minimize(cp.square(X - 3) + 1), [X <= 1])) == pytest.approx(5.0)


def test_what_cannot_be_modelled_is_said() -> None:
    f: Gradient = LOSSES["least squares"]
    assert loss(f, cp.Variable((4, 1))).is_convex()
    with pytest.raises(FbscheckError, match="Linear"):
        loss(Linear(np.eye(4)), cp.Variable((4, 1)))
