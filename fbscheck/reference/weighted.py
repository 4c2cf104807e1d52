"""The weight in which a transition W, followed by a separable proximal map, contracts most: bisection on q by cvxpy.

For each q^2 a linear matrix inequality is tried with the largest margin; see :mod:`fbscheck.splitting.weighted`,
which certifies what is found here.  The multiplier of the inequality where it has no solution, just below the least
q, is the Gram matrix of an obstacle, which shows that no weight does better.
"""

import warnings

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck.errors import SolverError
from fbscheck.splitting.weighted import Obstacle, Weight

__all__ = ["best_diagonal", "best_full", "diagonal_weight", "full_weight"]

Values = npt.NDArray[np.float64]

ACCURACY = 1e-5
"""Bisection ends when the ends are as near as this, relatively."""
NEGLIGIBLE = 1e-4
"""Rows of an obstacle shorter than this, relatively, are left out."""
ROUNDING, TINY = 1e-12, 1e-300


def diagonal_weight(transition: Values, condition: float = 1e6) -> Weight:
    """The diagonal P, of condition number at most ``condition``, with the least q: q^2 P - W^T P W >= 0.

    Raises
    ------
    SolverError
        If no weight is found.
    """
    return best_diagonal(transition, condition)[0]


def full_weight(transition: Values, condition: float = 1e6) -> Weight:
    """The P and the diagonal L with the least q: [[q^2 P, -W^T L], [-LW, 2L - P]] >= 0.

    Raises
    ------
    SolverError
        If no weight is found.
    """
    return best_full(transition, condition)[0]


def best_diagonal(transition: Values, condition: float = 1e6) -> tuple[Weight, Obstacle]:
    """:func:`diagonal_weight`, and what keeps other diagonal weights from being better."""
    size = len(transition)
    p, margin, square = cp.Variable(size), cp.Variable(), cp.Parameter(nonneg=True)
    form = square * cp.diag(p) - transition.T @ cp.diag(p) @ transition
    inequality = _symmetric(form) >> margin * np.eye(size)
    problem = cp.Problem(cp.Maximize(margin), [inequality, p >= 1 / condition, p <= 1, margin <= 1])
    (weight,), gram = _least(problem, square, margin, [p], inequality, transition)
    points = _factor(gram)
    return Weight(weight), Obstacle(np.where(_felt(points), points, 0.0))


def best_full(transition: Values, condition: float = 1e6) -> tuple[Weight, Obstacle]:
    """:func:`full_weight`, and what keeps other weights with diagonal multipliers from being better."""
    size, eye = len(transition), np.eye(len(transition))
    P, multipliers = cp.Variable((size, size), symmetric=True), cp.Variable(size, nonneg=True)
    margin, square = cp.Variable(), cp.Parameter(nonneg=True)
    L = cp.diag(multipliers)
    form = cp.bmat([[square * P, -transition.T @ L], [-L @ transition, 2 * L - P]])
    inequality = _symmetric(form) >> margin * np.eye(2 * size)
    problem = cp.Problem(cp.Maximize(margin), [inequality, P >> eye / condition, P << eye, margin <= 1])
    (matrix, diagonal), gram = _least(problem, square, margin, [P, multipliers], inequality, transition)
    points, values = np.split(_factor(gram), 2)
    points, values = (np.where(_felt(points), part, 0.0) for part in (points, values))
    allowed = np.sum(transition @ points * values, axis=1, keepdims=True) / np.maximum(_lengths(values) ** 2, TINY)
    values = values * np.clip(allowed * (1 - ROUNDING), 0.0, 1.0)
    return Weight((matrix + matrix.T) / 2, diagonal), Obstacle(points, values)


def _symmetric(form: cp.Expression) -> cp.Expression:
    return (form + form.T) / 2


def _factor(gram: Values) -> Values:
    """A factor G with G G^T near a positive semidefinite matrix."""
    spectrum, vectors = np.linalg.eigh((gram + gram.T) / 2)
    kept = spectrum > 1e-9 * spectrum[-1]
    return np.asarray(vectors[:, kept] * np.sqrt(spectrum[kept]))


def _lengths(rows: Values) -> Values:
    return np.asarray(np.linalg.norm(rows, axis=1, keepdims=True))


def _felt(rows: Values) -> npt.NDArray[np.bool_]:
    """Which rows are not so short that they are rounding."""
    lengths = _lengths(rows)
    return np.asarray(lengths > NEGLIGIBLE * lengths.max())


def _least(
    problem: cp.Problem,
    square: cp.Parameter,
    margin: cp.Variable,
    wanted: list[cp.Variable],
    inequality: cp.Constraint,
    transition: Values,
) -> tuple[list[Values], Values]:
    """The ``wanted`` values at the least q for which the margin is positive, and the multiplier a little below it.

    An inaccurate answer will do.
    """
    low, high = float(np.abs(np.linalg.eigvals(transition)).max()), float(np.linalg.norm(transition, 2)) * 1.001 + 1e-9
    best: list[Values] = []
    gram = np.eye(inequality.shape[0])
    while high - low > ACCURACY * high or not best:
        middle = (low + high) / 2 if best else high
        found = _solved(problem, square, middle)
        if found and margin.value > 0:
            best, high = [np.asarray(variable.value, dtype=np.float64) for variable in wanted], middle
        elif not best:
            raise SolverError(f"Clarabel ended with status {problem.status!r} where the plain norm is a solution.")
        else:
            low = middle
    if _solved(problem, square, high * (1 - ACCURACY)) and inequality.dual_value is not None:
        gram = np.asarray(inequality.dual_value, dtype=np.float64)
    return best, gram


def _solved(problem: cp.Problem, square: cp.Parameter, factor: float) -> bool:
    square.value = factor**2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver=cp.CLARABEL)
    return problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)
