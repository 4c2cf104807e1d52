"""The weight in which a transition W, followed by a separable proximal map, contracts most: bisection on q by cvxpy.

For each q^2 a linear matrix inequality is tried with the largest margin; see :mod:`fbscheck.splitting.weighted`,
which certifies what is found here.
"""

import warnings

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck.errors import SolverError
from fbscheck.splitting.weighted import Weight

__all__ = ["diagonal_weight", "full_weight"]

Values = npt.NDArray[np.float64]

ACCURACY = 1e-5
"""Bisection ends when the ends are as near as this, relatively."""


def diagonal_weight(transition: Values, condition: float = 1e6) -> Weight:
    """The diagonal P, of condition number at most ``condition``, with the least q: q^2 P - W^T P W >= 0.

    Raises
    ------
    SolverError
        If no weight is found.
    """
    size = len(transition)
    p, margin, square = cp.Variable(size), cp.Variable(), cp.Parameter(nonneg=True)
    form = square * cp.diag(p) - transition.T @ cp.diag(p) @ transition
    problem = cp.Problem(
        cp.Maximize(margin), [_symmetric(form) >> margin * np.eye(size), p >= 1 / condition, p <= 1, margin <= 1]
    )
    (weight,) = _least(problem, square, margin, [p], transition)
    return Weight(weight)


def full_weight(transition: Values, condition: float = 1e6) -> Weight:
    """The P and the diagonal L with the least q: [[q^2 P, -W^T L], [-LW, 2L - P]] >= 0.

    Raises
    ------
    SolverError
        If no weight is found.
    """
    size, eye = len(transition), np.eye(len(transition))
    P, multipliers = cp.Variable((size, size), symmetric=True), cp.Variable(size, nonneg=True)
    margin, square = cp.Variable(), cp.Parameter(nonneg=True)
    L = cp.diag(multipliers)
    form = cp.bmat([[square * P, -transition.T @ L], [-L @ transition, 2 * L - P]])
    problem = cp.Problem(
        cp.Maximize(margin),
        [_symmetric(form) >> margin * np.eye(2 * size), P >> eye / condition, P << eye, margin <= 1],
    )
    matrix, diagonal = _least(problem, square, margin, [P, multipliers], transition)
    return Weight((matrix + matrix.T) / 2, diagonal)


def _symmetric(form: cp.Expression) -> cp.Expression:
    return (form + form.T) / 2


def _least(
    problem: cp.Problem, square: cp.Parameter, margin: cp.Variable, wanted: list[cp.Variable], transition: Values
) -> list[Values]:
    """The ``wanted`` values at the least q for which the margin is positive; an inaccurate answer will do."""
    low, high = float(np.abs(np.linalg.eigvals(transition)).max()), float(np.linalg.norm(transition, 2)) * 1.001 + 1e-9
    best: list[Values] = []
    while high - low > ACCURACY * high or not best:
        middle = (low + high) / 2 if best else high
        square.value = middle**2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.solve(solver=cp.CLARABEL)
        if problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) and margin.value > 0:
            best, high = [np.asarray(variable.value, dtype=np.float64) for variable in wanted], middle
        elif not best:
            raise SolverError(f"Clarabel ended with status {problem.status!r} where the plain norm is a solution.")
        else:
            low = middle
    return best
