"""cvxpy expressions of the package's functions and losses, and the one place that solves programs.

The expressions are written from the definitions with cvxpy's own atoms, so that a wrong formula in
:mod:`fbscheck.functions` cannot hide in its reference.
"""

import warnings
from functools import singledispatch
from typing import Any

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck import functions, operators
from fbscheck.errors import SolverError

__all__ = ["dense", "expression", "inside", "loss", "solve"]

Points = npt.NDArray[np.float64]

ATTEMPTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((cp.CLARABEL, dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 10.0**-k)) for k in (13, 11, 9, 8)),
    (cp.OSQP, {"eps_abs": 1e-11, "eps_rel": 1e-11, "max_iter": 200_000, "polishing": True}),
    (cp.SCS, {"eps_abs": 1e-10, "eps_rel": 1e-10, "max_iters": 200_000}),
)
"""Solvers and settings in the order in which they are tried: Clarabel as tight as it can, then others."""


def solve(problem: cp.Problem) -> float:
    """Solve as accurately as the solvers of cvxpy can, and return the value.

    Raises
    ------
    SolverError
        Unless a status is exactly "optimal": an inaccurate answer decides nothing.
    """
    failures = {}
    for solver, settings in ATTEMPTS:
        if solver == cp.OSQP and not problem.is_qp():
            continue
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
                problem.solve(solver=solver, **settings)
            failures[solver] = f"status {problem.status!r}"
        except cp.error.SolverError as error:
            failures[solver] = str(error).splitlines()[0]
        if problem.status == cp.OPTIMAL:
            return float(problem.value)
        if problem.status in (cp.INFEASIBLE, cp.UNBOUNDED):
            break
    told = "; ".join(f"{solver}: {failure}" for solver, failure in failures.items())
    raise SolverError(f"No solver reached optimality ({told}); only 'optimal' counts.")


@singledispatch
def expression(g: functions.Function, x: cp.Expression) -> tuple[Any, list[Any]]:
    """g summed over the columns of ``x`` (d, S), as a convex expression and constraints."""
    raise SolverError(f"No cvxpy expression is known for {type(g).__name__}.")


@expression.register
def _zero(g: functions.Zero, x: cp.Expression) -> tuple[Any, list[Any]]:
    return cp.Constant(0.0), []


@expression.register
def _l1(g: functions.L1, x: cp.Expression) -> tuple[Any, list[Any]]:
    weights = np.broadcast_to(np.asarray(g.weight, dtype=float).reshape(-1, 1), x.shape)
    return cp.sum(cp.multiply(weights, cp.abs(x))), []


@expression.register
def _squared_l2(g: functions.SquaredL2, x: cp.Expression) -> tuple[Any, list[Any]]:
    return g.weight / 2 * cp.sum_squares(x), []


@expression.register
def _elastic_net(g: functions.ElasticNet, x: cp.Expression) -> tuple[Any, list[Any]]:
    return g.l1 * cp.sum(cp.abs(x)) + g.l2 / 2 * cp.sum_squares(x), []


@expression.register
def _box(g: functions.Box, x: cp.Expression) -> tuple[Any, list[Any]]:
    low, high = (np.broadcast_to(np.asarray(b, dtype=float).reshape(-1, 1), x.shape) for b in (g.low, g.high))
    return cp.Constant(0.0), [x >= low, x <= high]


@expression.register
def _nonnegative(g: functions.NonNegative, x: cp.Expression) -> tuple[Any, list[Any]]:
    return cp.Constant(0.0), [x >= 0]


@expression.register
def _huber(g: functions.Huber, x: cp.Expression) -> tuple[Any, list[Any]]:
    return g.weight / 2 * cp.sum(cp.huber(x, g.delta)), []


@expression.register
def _l2_ball(g: functions.L2Ball, x: cp.Expression) -> tuple[Any, list[Any]]:
    return cp.Constant(0.0), [cp.norm(x, 2, axis=0) <= g.radius]


@expression.register
def _group_l2(g: functions.GroupL2, x: cp.Expression) -> tuple[Any, list[Any]]:
    labels = np.asarray(g.labels)
    norms = [cp.sum(cp.norm(x[np.flatnonzero(labels == k), :], 2, axis=0)) for k in np.unique(labels)]
    return g.weight * cp.sum(cp.hstack(norms)), []


@singledispatch
def loss(f: operators.Operator, x: cp.Expression) -> Any:
    """F(x) for a column ``x`` (d, 1), as a convex expression; f is the gradient of F."""
    raise SolverError(f"No cvxpy expression is known for the potential of {type(f).__name__}.")


@loss.register
def _least_squares(f: operators.LeastSquares, x: cp.Expression) -> Any:
    return cp.sum_squares(dense(f) @ x - f.target[:, None]) / 2


@loss.register
def _logistic(f: operators.Logistic, x: cp.Expression) -> Any:
    return cp.sum(cp.logistic(-cp.multiply(f.labels[:, None], dense(f) @ x)))


def dense(f: operators.Gradient) -> Points:
    """The matrix A of F(x) = phi(Ax), (m, d), written out if it is a map."""
    return np.asarray(f.matrix if isinstance(f.matrix, np.ndarray) else f.matrix.dense())


@singledispatch
def inside(g: functions.Function, y: Points) -> Points:
    """``y`` (d, S) moved into the domain of g: an interior-point solution may miss it by its tolerance."""
    return y


@inside.register
def _into_box(g: functions.Box, y: Points) -> Points:
    low, high = (np.reshape(np.asarray(bound, dtype=np.float64), (-1, 1)) for bound in (g.low, g.high))
    return np.minimum(np.maximum(y, low), high)


@inside.register
def _into_orthant(g: functions.NonNegative, y: Points) -> Points:
    return np.where(y > 0, y, 0.0)


@inside.register
def _into_ball(g: functions.L2Ball, y: Points) -> Points:
    lengths = np.linalg.norm(y, axis=0)
    inward: Points = np.where(lengths > g.radius, (1 - 2.0**-50) * g.radius / np.maximum(lengths, g.radius), 1.0)
    return y * inward
