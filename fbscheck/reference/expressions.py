"""cvxpy expressions of the catalogue's functions, from their definitions, one variable (d,) at a time.

They use none of the formulas of :mod:`fbscheck.functions`, only its parameters.  Total variation is written with
difference matrices: cvxpy's own ``tv`` of an image leaves out the differences in its last row and column.
"""

import warnings
from contextlib import suppress
from functools import singledispatch
from typing import Any

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck import functions
from fbscheck.errors import Unstated
from fbscheck.reference.modelling import expression as batched
from fbscheck.reference.modelling import solve

__all__ = ["expression", "proximal_points"]

Points = npt.NDArray[np.float64]
Stated = tuple[Any, list[Any]]
"""A convex expression and constraints."""

NOTHING = cp.Constant(0.0)


TOLERANCES = (1e-14, 1e-13, 1e-12, 1e-11, 1e-9, 1e-8)
"""Of Clarabel's gap and feasibility, tried in turn until it calls its answer optimal; then others are asked."""


def proximal_points(g: functions.Function, u: Points, step: float) -> Points:
    """``argmin_y g(y) + |y - u|^2 / (2 step)`` for each column of ``u`` (d, S), by Clarabel.

    Raises
    ------
    SolverError
        If a program is not solved to optimality; :class:`Unstated` if cvxpy has no expression for g.
    """
    y, point = cp.Variable(len(u)), cp.Parameter(len(u))
    value, constraints = expression(g, y)
    problem = cp.Problem(cp.Minimize(step * value + cp.sum_squares(y - point) / 2), constraints)
    found = np.empty_like(u)
    for k, column in enumerate(u.T):
        point.value = column
        _solve(problem)
        found[:, k] = y.value
    return found


def _solve(problem: cp.Problem) -> None:
    for tolerance in TOLERANCES:
        with warnings.catch_warnings(), suppress(cp.error.SolverError):
            warnings.simplefilter("ignore")
            problem.solve(solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
            if problem.status == cp.OPTIMAL:
                return
    solve(problem)


@singledispatch
def expression(g: functions.Function, x: cp.Expression) -> Stated:
    """g at the vector ``x`` (d,).

    Raises
    ------
    SolverError
        If cvxpy has no expression for it.
    """
    return batched(g, cp.reshape(x, (x.size, 1), order="C"))


@expression.register
def _l2(g: functions.L2, x: cp.Expression) -> Stated:
    return g.weight * cp.norm2(x), []


@expression.register
def _linf(g: functions.LInf, x: cp.Expression) -> Stated:
    return g.weight * cp.norm_inf(x), []


@expression.register
def _sparse_group(g: functions.SparseGroup, x: cp.Expression) -> Stated:
    labels = np.asarray(g.labels)
    groups = cp.hstack([cp.norm2(x[np.flatnonzero(labels == k)]) for k in np.unique(labels)])
    return g.l1 * cp.norm1(x) + g.l2 * cp.sum(groups), []


@expression.register
def _owl(g: functions.OWL, x: cp.Expression) -> Stated:
    """Sums of the k largest |x_i|, weighted by the drops of the weights."""
    drops = g.weights - np.append(g.weights[1:], 0.0)
    return sum(drop * cp.sum_largest(cp.abs(x), k + 1) for k, drop in enumerate(drops)), []


@expression.register
def _nuclear(g: functions.Nuclear, x: cp.Expression) -> Stated:
    return g.weight * cp.normNuc(_matrix(x, g.shape)), []


@expression.register
def _ky_fan(g: functions.KyFan, x: cp.Expression) -> Stated:
    """The k largest eigenvalues of [[0, X], [X^T, 0]] are the k largest singular values of X."""
    rows, columns = (int(n) for n in g.shape)
    full = _matrix(x, g.shape)
    dilation = cp.bmat([[np.zeros((rows, rows)), full], [full.T, np.zeros((columns, columns))]])
    return g.weight * cp.lambda_sum_largest(dilation, g.count), []


@expression.register
def _total_variation(g: functions.TotalVariation, x: cp.Expression) -> Stated:
    return g.weight * cp.norm1(np.diff(np.eye(x.size), axis=0) @ x), []


@expression.register
def _total_variation_2d(g: functions.TotalVariation2D, x: cp.Expression) -> Stated:
    """All forward differences; where the image ends there is none in that direction."""
    rows, columns = (int(n) for n in g.shape)
    down = np.vstack([np.diff(np.eye(rows), axis=0), np.zeros((1, rows))])
    right = np.vstack([np.diff(np.eye(columns), axis=0), np.zeros((1, columns))])
    both = cp.vstack([np.kron(down, np.eye(columns)) @ x, np.kron(np.eye(rows), right) @ x])
    return g.weight * cp.sum(cp.norm(both, 2 if g.isotropic else 1, axis=0)), []


@expression.register
def _simplex(g: functions.Simplex, x: cp.Expression) -> Stated:
    return NOTHING, [x >= 0, cp.sum(x) == g.total]


@expression.register
def _capped_simplex(g: functions.CappedSimplex, x: cp.Expression) -> Stated:
    return NOTHING, [x >= 0, x <= g.cap, cp.sum(x) == g.total]


@expression.register
def _l1_ball(g: functions.L1Ball, x: cp.Expression) -> Stated:
    return NOTHING, [cp.norm1(x) <= g.radius]


@expression.register
def _l2_ball(g: functions.L2Ball, x: cp.Expression) -> Stated:
    return NOTHING, [cp.norm2(x) <= g.radius]


@expression.register
def _halfspace(g: functions.Halfspace, x: cp.Expression) -> Stated:
    return NOTHING, [g.normal @ x <= g.offset]


@expression.register
def _hyperplane(g: functions.Hyperplane, x: cp.Expression) -> Stated:
    return NOTHING, [g.normal @ x == g.offset]


@expression.register
def _affine_set(g: functions.AffineSet, x: cp.Expression) -> Stated:
    return NOTHING, [g.matrix @ x == g.target]


@expression.register
def _second_order_cone(g: functions.SecondOrderCone, x: cp.Expression) -> Stated:
    return NOTHING, [cp.norm2(x[1:]) <= x[0]]


@expression.register
def _psd_cone(g: functions.PSDCone, x: cp.Expression) -> Stated:
    matrix = _matrix(x, (g.size, g.size))
    return NOTHING, [matrix == matrix.T, (matrix + matrix.T) / 2 >> 0]


@expression.register
def _exponential_cone(g: functions.ExponentialCone, x: cp.Expression) -> Stated:
    return NOTHING, [cp.ExpCone(x[0], x[1], x[2])]


@expression.register
def _monotone_cone(g: functions.MonotoneCone, x: cp.Expression) -> Stated:
    return NOTHING, [cp.diff(x) >= 0]


@expression.register
def _logistic(g: functions.Logistic, x: cp.Expression) -> Stated:
    return cp.sum(cp.logistic(-x)), []


@expression.register
def _softplus(g: functions.Softplus, x: cp.Expression) -> Stated:
    return cp.sum(cp.logistic(x)), []


@expression.register
def _log_cosh(g: functions.LogCosh, x: cp.Expression) -> Stated:
    """log cosh t = log(1 + exp(2 t)) - t - log 2."""
    return cp.sum(cp.logistic(2 * x) - x) - x.size * np.log(2.0), []


@expression.register
def _pseudo_huber(g: functions.PseudoHuber, x: cp.Expression) -> Stated:
    lifted = cp.vstack([x, g.delta * np.ones(x.size)])
    return g.delta * cp.sum(cp.norm(lifted, 2, axis=0)) - x.size * g.delta**2, []


@expression.register
def _fair(g: functions.Fair, x: cp.Expression) -> Stated:
    """The least of c^2 sum_i t_i - log(1 + t_i) over t >= |x|/c: it grows with t."""
    t = cp.Variable(x.size)
    return g.c**2 * cp.sum(t - cp.log1p(t)), [cp.abs(x) / g.c <= t]


@expression.register
def _power(g: functions.Power, x: cp.Expression) -> Stated:
    return cp.sum(cp.power(cp.abs(x), g.exponent)) / g.exponent, []


@expression.register
def _log_barrier(g: functions.LogBarrier, x: cp.Expression) -> Stated:
    return -cp.sum(cp.log(x)), []


@expression.register
def _negative_entropy(g: functions.NegativeEntropy, x: cp.Expression) -> Stated:
    return -cp.sum(cp.entr(x)), []


@expression.register
def _kullback_leibler(g: functions.KullbackLeibler, x: cp.Expression) -> Stated:
    return cp.sum(cp.kl_div(np.broadcast_to(g.counts, x.shape), x)), []


@expression.register
def _log_sum_exp(g: functions.LogSumExp, x: cp.Expression) -> Stated:
    return cp.log_sum_exp(x), []


@expression.register
def _hinge(g: functions.Hinge, x: cp.Expression) -> Stated:
    return cp.sum(cp.pos(1 - x)), []


@expression.register
def _squared_hinge(g: functions.SquaredHinge, x: cp.Expression) -> Stated:
    return cp.sum_squares(cp.pos(1 - x)) / 2, []


@expression.register
def _quantile(g: functions.Quantile, x: cp.Expression) -> Stated:
    return cp.sum(cp.maximum(g.level * x, (g.level - 1) * x)), []


@expression.register
def _berhu(g: functions.Berhu, x: cp.Expression) -> Stated:
    """|t| + max(|t| - delta, 0)^2 / (2 delta)."""
    return cp.norm1(x) + cp.sum_squares(cp.pos(cp.abs(x) - g.delta)) / (2 * g.delta), []


@expression.register
def _leaky_rectifier(g: functions.LeakyRectifier, x: cp.Expression) -> Stated:
    return (1 / g.slope - 1) / 2 * cp.sum_squares(cp.neg(x)), []


@expression.register
def _quadratic(g: functions.Quadratic, x: cp.Expression) -> Stated:
    return cp.quad_form(x, cp.psd_wrap(g.matrix)) / 2 + g.linear @ x, []


@expression.register
def _distance(g: functions.Distance, x: cp.Expression) -> Stated:
    nearest = cp.Variable(x.size)
    return g.weight * cp.norm2(x - nearest), expression(g.of, nearest)[1]


@expression.register
def _squared_distance(g: functions.SquaredDistance, x: cp.Expression) -> Stated:
    nearest = cp.Variable(x.size)
    return g.weight / 2 * cp.sum_squares(x - nearest), expression(g.of, nearest)[1]


@expression.register
def _max(g: functions.Max, x: cp.Expression) -> Stated:
    return cp.max(x), []


@expression.register
def _sum_of_largest(g: functions.SumOfLargest, x: cp.Expression) -> Stated:
    return cp.sum_largest(x, g.count), []


def _matrix(x: cp.Expression, shape: Any) -> cp.Expression:
    return cp.reshape(x, tuple(int(n) for n in shape), order="C")


@expression.register(functions.TanhEntropy)
@expression.register(functions.SigmoidEntropy)
@expression.register(functions.SoftplusEntropy)
@expression.register(functions.SoftmaxEntropy)
def _activation(g: functions.Function, x: cp.Expression) -> Stated:
    raise Unstated(f"cvxpy has no convex expression for {type(g).__name__}: an entropy less a quadratic.")
