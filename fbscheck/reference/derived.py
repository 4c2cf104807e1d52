"""cvxpy expressions of the rules of :mod:`fbscheck.functions.calculus`, from their definitions.

Conjugates are written down by hand for each function; envelopes are minimised by the solver, over a variable of
their own.
"""

from functools import singledispatch
from typing import Any

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck import functions
from fbscheck.errors import SolverError
from fbscheck.functions import calculus
from fbscheck.reference.modelling import expression, inside

__all__ = ["conjugate"]

Points = npt.NDArray[np.float64]
Program = tuple[Any, list[Any]]


def _column(vector: Any) -> Any:
    return vector[:, None] if np.ndim(vector) == 1 else vector


@expression.register
def _argument_scaled(g: calculus.ArgumentScaled, x: cp.Expression) -> Program:
    return expression(g.function, g.factor * x)


@expression.register
def _translated(g: calculus.Translated, x: cp.Expression) -> Program:
    return expression(g.function, x - _column(g.shift))


@expression.register
def _scaled(g: calculus.Scaled, x: cp.Expression) -> Program:
    value, constraints = expression(g.function, x)
    return g.factor * value + g.constant * x.shape[1], constraints


@expression.register
def _tilted(g: calculus.Tilted, x: cp.Expression) -> Program:
    value, constraints = expression(g.function, x)
    return value + cp.sum(g.slope @ x), constraints


@expression.register
def _epigraph_scaled(g: calculus.EpigraphScaled, x: cp.Expression) -> Program:
    value, constraints = expression(g.function, x / g.factor)
    return g.factor * value, constraints


@expression.register
def _tight_frame(g: calculus.TightFrame, x: cp.Expression) -> Program:
    return expression(g.function, g.matrix @ x)


@expression.register
def _separable_sum(g: calculus.SeparableSum, x: cp.Expression) -> Program:
    constraints: list[Any] = []
    total, start = cp.Constant(0.0), 0
    for function, size in zip(g.functions, g.sizes, strict=True):
        value, more = expression(function, x[start : start + size, :])
        total, constraints, start = total + value, constraints + more, start + size
    return total, constraints


@expression.register
def _with_quadratic(g: calculus.WithQuadratic, x: cp.Expression) -> Program:
    value, constraints = expression(g.function, x)
    return value + g.weight / 2 * cp.sum_squares(x - _column(g.centre)), constraints


@expression.register
def _envelope(g: calculus.Envelope, x: cp.Expression) -> Program:
    y = cp.Variable(x.shape)
    value, constraints = expression(g.function, y)
    return value + cp.sum_squares(x - y) / (2 * g.smoothing), constraints


@expression.register
def _conjugate(g: calculus.Conjugate, x: cp.Expression) -> Program:
    return conjugate(g.function, x)


@singledispatch
def conjugate(g: functions.Function, s: cp.Expression) -> Program:
    """g* summed over the columns of ``s`` (d, S), as a convex expression and constraints, written down by hand."""
    raise SolverError(f"No cvxpy expression is known for the conjugate of {type(g).__name__}.")


@conjugate.register
def _of_l1(g: functions.L1, s: cp.Expression) -> Program:
    return cp.Constant(0.0), [cp.abs(s) <= np.broadcast_to(_column(np.asarray(g.weight, dtype=float)), s.shape)]


@conjugate.register
def _of_squared_l2(g: functions.SquaredL2, s: cp.Expression) -> Program:
    return cp.sum_squares(s) / (2 * g.weight), []


@conjugate.register
def _of_elastic_net(g: functions.ElasticNet, s: cp.Expression) -> Program:
    return cp.sum_squares(cp.pos(cp.abs(s) - g.l1)) / (2 * g.l2), []


@conjugate.register
def _of_box(g: functions.Box, s: cp.Expression) -> Program:
    low, high = (np.broadcast_to(_column(np.asarray(b, dtype=float)), s.shape) for b in (g.low, g.high))
    return cp.sum(cp.maximum(cp.multiply(low, s), cp.multiply(high, s))), []


@conjugate.register
def _of_l2_ball(g: functions.L2Ball, s: cp.Expression) -> Program:
    return g.radius * cp.sum(cp.norm(s, 2, axis=0)), []


@conjugate.register
def _of_huber(g: functions.Huber, s: cp.Expression) -> Program:
    return cp.sum_squares(s) / (2 * g.weight), [cp.abs(s) <= g.weight * g.delta]


@inside.register
def _into_translated(g: calculus.Translated, y: Points) -> Points:
    return np.asarray(inside(g.function, y - _column(g.shift)) + _column(g.shift))


@inside.register
def _into_argument_scaled(g: calculus.ArgumentScaled, y: Points) -> Points:
    return inside(g.function, y * g.factor) / g.factor


@inside.register
def _into_epigraph_scaled(g: calculus.EpigraphScaled, y: Points) -> Points:
    return inside(g.function, y / g.factor) * g.factor


@inside.register(calculus.Scaled)
@inside.register(calculus.Tilted)
@inside.register(calculus.WithQuadratic)
def _into_the_same(g: Any, y: Points) -> Points:
    return inside(g.function, y)


@inside.register
def _into_blocks(g: calculus.SeparableSum, y: Points) -> Points:
    ends = np.cumsum(g.sizes)[:-1]
    return np.vstack([inside(function, block) for function, block in zip(g.functions, np.split(y, ends), strict=True)])


@inside.register
def _into_conjugate(g: calculus.Conjugate, y: Points) -> Points:
    f = g.function
    if isinstance(f, (functions.L1, functions.Huber)):
        reach = f.weight if isinstance(f, functions.L1) else f.weight * f.delta
        bound = np.broadcast_to(_column(np.asarray(reach, dtype=float)), y.shape)
        return np.asarray(np.minimum(np.maximum(y, -bound), bound))
    return y
