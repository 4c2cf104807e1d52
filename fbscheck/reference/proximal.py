"""The proximal map of any convex function that cvxpy can express, from its definition."""

import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError

__all__ = ["proximal_map"]

Values = npt.NDArray[np.float64]

TOLERANCES = (1e-14, 1e-13, 1e-12, 1e-11, 1e-9)
MARGIN = 4.0
"""By how much a solver may exceed the tolerance on its duality gap that it says it has met."""


def proximal_map(
    function: Callable[[Any], Any], shape: tuple[int, ...], step: float
) -> Callable[[Values], tuple[Values, float]]:
    """``x -> (p, error)``: p is Clarabel's argmin g(y) + |y - x|^2/(2 step), and |p - argmin| <= error.

    ``function`` maps a cvxpy variable of this shape to a scalar convex expression; indicators come by
    ``cp.transforms.indicator``.  The objective is 1/step-strongly convex, so that a point within gap of
    its minimum is within sqrt(2 step gap) of its minimiser.  The gap is the tolerance that the
    solver says it has met: the error is an estimate, not a proof; inf where none is met.

    Raises
    ------
    InputError
        If the expression is not scalar, or not convex by cvxpy's rules.
    """
    g = function(cp.Variable(shape))
    if not isinstance(g, cp.Expression):
        raise InputError(f"Need a function that returns a cvxpy expression, got {type(g).__name__}.")
    if not g.is_scalar():
        raise InputError(f"Need a function that returns a scalar cvxpy expression, got one of shape {g.shape}.")
    if not g.is_convex():
        raise InputError(f"Need a function that cvxpy knows to be convex, got one of curvature {g.curvature}.")

    @cache
    def program(unit: float) -> tuple[cp.Problem, cp.Variable, cp.Parameter]:
        """The program for points of about this size, in this unit."""
        scaled, point = cp.Variable(shape), cp.Parameter(shape)
        objective = step / unit**2 * function(unit * scaled) + cp.sum_squares(scaled - point) / 2
        return cp.Problem(cp.Minimize(objective)), scaled, point

    def solved(x: Values) -> tuple[Values, float]:
        largest = float(np.max(np.abs(x)))
        unit = 10.0 ** math.floor(math.log10(largest)) if largest else 1.0
        problem, scaled, point = program(unit)
        point.value = x / unit
        for tolerance in TOLERANCES:
            with warnings.catch_warnings(), suppress(cp.error.SolverError):
                warnings.simplefilter("ignore")
                problem.solve(solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
                if problem.status == cp.OPTIMAL:
                    gap = MARGIN * tolerance * max(1.0, abs(float(problem.value)))
                    return unit * np.asarray(scaled.value, dtype=np.float64), unit * math.sqrt(2 * gap)
        return x, math.inf

    return solved
