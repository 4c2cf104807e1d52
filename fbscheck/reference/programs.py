"""Proximal points and minimisers from their definitions, solved by cvxpy and by other people's code."""

import warnings

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck.errors import MissingToolError, SolverError
from fbscheck.functions import L1, Box, ElasticNet, Function, NonNegative
from fbscheck.inputs import Number
from fbscheck.operators import Gradient, LeastSquares, Regularised
from fbscheck.reference import derived, losses  # noqa: F401
from fbscheck.reference.modelling import expression, inside, loss, solve

__all__ = ["minimise", "prox", "second_opinion"]

Points = npt.NDArray[np.float64]


def prox(g: Function, u: Points, step: Number) -> Points:
    """``argmin_y g(y) + |y - u|^2 / (2 step)`` for the columns of ``u`` (d, S).

    Columns of similar size share a program, those below one with those of one: interior points are
    accurate relative to the largest entry.

    Raises
    ------
    SolverError
        If a program is not solved to optimality.
    """
    sizes = np.floor(np.log10(np.maximum(np.max(np.abs(u), axis=0), 1.0)))
    points = np.empty_like(u)
    for size in np.unique(sizes):
        chosen = np.flatnonzero(sizes == size)
        unit = 10.0**size
        scaled = cp.Variable((len(u), len(chosen)))
        value, constraints = expression(g, unit * scaled)
        distance = cp.sum_squares(scaled - u[:, chosen] / unit) / 2
        solve(cp.Problem(cp.Minimize(float(step) / unit**2 * value + distance), constraints))
        points[:, chosen] = unit * np.asarray(scaled.value)
    return inside(g, points)


def minimise(f: Gradient | Regularised, g: Function) -> Points:
    """A minimiser (d,) of F + g by Clarabel, where f is the gradient of F.

    Raises
    ------
    SolverError
        If the program is not solved to optimality.
    """
    x = cp.Variable((f.dimension, 1))
    value, constraints = expression(g, x)
    solve(cp.Problem(cp.Minimize(loss(f, x) + value), constraints))
    return inside(g, np.asarray(x.value, dtype=np.float64))[:, 0]


def second_opinion(f: Gradient, g: Function) -> tuple[str, Points] | None:
    """A minimiser of F + g by a third solver and its name, or None if there is none for this pair.

    LASSO and elastic net: scikit-learn's coordinate descent; nonnegative and box-constrained least
    squares: scipy's active-set solvers.

    Raises
    ------
    MissingToolError
        If scikit-learn is not installed.
    SolverError
        If the third solver reports failure.
    """
    if not isinstance(f, LeastSquares):
        return None
    if isinstance(g, NonNegative):
        from scipy.optimize import nnls

        return "scipy nnls", np.asarray(nnls(f.matrix, f.target)[0])
    if isinstance(g, Box):
        from scipy.optimize import lsq_linear

        answer = lsq_linear(f.matrix, f.target, (g.low, g.high), method="bvls", tol=1e-14)
        if answer.status <= 0:
            raise SolverError(f"scipy lsq_linear: {answer.message}")
        return "scipy bvls", np.asarray(answer.x)
    if isinstance(g, L1) and np.ndim(g.weight) == 0 and g.weight > 0:
        return "scikit-learn coordinate descent", _coordinate_descent(f, float(g.weight), 0.0)
    if isinstance(g, ElasticNet):
        return "scikit-learn coordinate descent", _coordinate_descent(f, g.l1, g.l2)
    return None


def _coordinate_descent(f: LeastSquares, l1: float, l2: float) -> Points:
    """scikit-learn scales the loss by 1/m: alpha = (l1 + l2)/m, l1_ratio = l1/(l1 + l2)."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import ElasticNet as CoordinateDescent
    except ImportError:
        raise MissingToolError("Need scikit-learn for its coordinate descent: pip install 'fbscheck[data]'.") from None
    model = CoordinateDescent(
        alpha=(l1 + l2) / len(f.target), l1_ratio=l1 / (l1 + l2), fit_intercept=False, tol=1e-15, max_iter=1_000_000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(f.matrix, f.target)
    return np.asarray(model.coef_, dtype=np.float64)
