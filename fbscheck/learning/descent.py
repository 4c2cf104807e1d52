r"""Minimisers of a learning problem at one depth: quasi-Newton steps in the box, in the metric of the penalty.

The metric M of the penalty (its Riesz map) is tridiagonal in time, so that it is inverted at a cost linear in the
depth.  A box is a box in the entries of theta only: a preconditioned gradient, projected onto it, need not descend.
So each step minimises a quadratic ``<g, c> + <c, Hc>/2`` over the box itself, by an active set and, on the free
entries, conjugate gradients preconditioned by the same entries of M.  With H = M the minimiser is the projected
gradient in the metric; its norm is 0 exactly at stationary points, and is the measure of stationarity.  With H = M and
the updates of Broyden, Fletcher, Goldfarb and Shanno, damped by Powell, it is the direction of a line search.

Secants see the kinks that a network's derivatives have where a state becomes zero, of which second derivatives know
nothing.  They are kept by their representatives in the metric, which can be refined with the path: a finer level
starts with what a coarser one has learnt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, final

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve_banded, cholesky_banded

from fbscheck.errors import InputError
from fbscheck.learning.problem import Problem

__all__ = ["Descent", "Secants", "descend", "projected_gradient"]

Values = npt.NDArray[np.float64]
Product = Callable[[Values], Values]
Told = Callable[[int, float, float], None]
Ending = Literal["stationary", "stalled", "steps"]

ROUNDS = 20
"""Changes of the active set tried for one quadratic."""
SOLVES = 200
"""Conjugate gradients for one linear system."""
ACCURACY = 1e-3
"""Linear systems are solved at least to this relative accuracy, and to the stationarity where that is less."""
NOISE = 2.0**-46
"""Values closer than this, relatively, are equal: it is what rounding leaves of a deep network."""
MEMORY, ENTRIES = 80, 2**23
"""Secants kept, and entries of them where these would be more; five are kept in any case."""
FLATTER = 0.5
"""Where values are equal, a step is good that leaves at most this share of the slope along it."""
FAR = 2.0
"""Trials at which the value is so many times larger tell nothing about the second derivative here."""
SHORTEST = 1e-10
"""The shortest step tried, as a share of the direction."""
WINDOW = 5
"""Steps over which progress is measured."""
BROKEN = 10.0
"""Where steps promise so many times more than they bring, the function is not smooth."""


@final
@dataclass(frozen=True, eq=False)
class Secants:
    """Changes of parameters and of gradients, the latter by representatives in the metric: (k, rows, P) each."""

    changes: Values
    slopes: Values

    def refined(self, refine: Product) -> "Secants":
        """The same on a finer path."""
        return Secants(*(np.array([refine(part) for part in stack]) for stack in (self.changes, self.slopes)))


@final
@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ended.

    Attributes
    ----------
    parameters
        theta (rows, P).
    value
        J_N(theta).
    stationarity
        The projected gradient's norm in the metric of the penalty, over J_N^(1/2).
    iterations
        Steps taken.
    evaluations
        Values and gradients found.
    ending
        "stationary" if the stationarity is at most the tolerance, "stalled" if the last steps brought almost nothing
        and much less than they promised (kinks, where the stationarity need not be small, or rounding), "steps" if
        there were too many.
    secants
        What was learnt of the second derivative.
    """

    parameters: Values
    value: float
    stationarity: float
    iterations: int
    evaluations: int
    ending: Ending
    secants: Secants


def descend(
    problem: Problem,
    theta: npt.ArrayLike,
    tolerance: float = 1e-8,
    progress: float = 1e-5,
    most: int = 200,
    secants: Secants | None = None,
    told: Told | None = None,
) -> Descent:
    """Descend from ``theta`` (rows, P), in at most ``most`` steps.

    Parameters
    ----------
    problem, theta
        The problem, and where to start.
    tolerance
        Of the stationarity.
    progress
        The relative decrease over five steps below which steps that do not bring what they promise end.
    most
        Steps.
    secants
        From a coarser level, refined.
    told
        Called with the number of steps, the value and the stationarity.
    """
    known, bounds = np.array(problem.parameters(theta)), problem.family.lower
    value, gradient = problem.value_and_gradient(known)
    metric = problem.regulariser.metric(known, float(problem.horizon))
    pairs = [] if secants is None else [(s, _applied(metric, w)) for s, w in zip(secants.changes, secants.slopes)]
    memory = min(MEMORY, max(5, ENTRIES // known.size))
    evaluations, values, promises = 1, [value], [0.0]
    ending: Ending = "steps"
    for iterations in range(most + 1):
        room = known - bounds
        stationarity = projected_gradient(metric, gradient, room)[1] / np.sqrt(max(value, 1e-300))
        if told is not None:
            told(iterations, value, float(stationarity))
        if stationarity <= tolerance:
            ending = "stationary"
            break
        if len(values) > WINDOW:
            gained = values[-1 - WINDOW] - value
            if gained < progress * value and sum(promises[-WINDOW:]) > BROKEN * (gained + NOISE * value):
                ending = "stalled"
                break
        if iterations == most:
            break
        change = _direction(metric, gradient, room, pairs, min(ACCURACY, float(stationarity)))
        slope, share = float(np.sum(change * gradient)), 1.0
        while True:
            trial = np.maximum(known + share * change, bounds)
            reached, steeper = _evaluated(problem, trial)
            evaluations += 1
            if reached < FAR * value:
                pairs = [*pairs, (trial - known, steeper - gradient)][-memory:]
            if reached <= value + 1e-4 * share * slope or share < SHORTEST:
                break
            if reached <= value + NOISE * value and abs(np.sum(change * steeper)) <= -FLATTER * slope:
                break
            bend = reached - value - share * slope
            share *= min(max(-share * slope / (2 * bend), 0.1), 0.5) if np.isfinite(bend) else 0.1
        promises.append(-slope / 2)
        if reached <= value + NOISE * value:
            known, value, gradient = trial, reached, steeper
            metric = problem.regulariser.metric(known, float(problem.horizon))
        values.append(value)
    inverse = _inverse(metric, np.zeros(known.shape, dtype=bool))
    changes = np.array([s for s, _ in pairs]).reshape(-1, *known.shape)
    learnt = Secants(changes, np.array([inverse(y) for _, y in pairs]).reshape(changes.shape))
    return Descent(known, value, float(stationarity), iterations, evaluations, ending, learnt)


def projected_gradient(metric: Values, gradient: Values, room: Values) -> tuple[Values, float]:
    """The minimiser c of ``<gradient, c> + <c, Mc>/2`` over c >= -room, and its norm <c, Mc>^(1/2)."""
    change = _box_minimum(lambda c: _applied(metric, c), metric, gradient, room, 1e-9)
    if change is None:
        raise InputError("Need a metric that is positive definite, got one that is not (a penalty that overflows?).")
    return change, float(np.sqrt(max(np.sum(change * _applied(metric, change)), 0.0)))


def _evaluated(problem: Problem, theta: Values) -> tuple[float, Values]:
    """J_N and its gradient; inf where the network overflows."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = problem.value_and_gradient(theta)
    except InputError:
        return np.inf, np.zeros_like(theta)
    return value if np.isfinite(gradient).all() else np.inf, gradient


def _direction(
    metric: Values, gradient: Values, room: Values, pairs: list[tuple[Values, Values]], accuracy: float
) -> Values:
    """The step of the quasi-Newton model; of fewer and fewer secants, if rounding has spoilt their model."""
    shape = gradient.shape
    rows, signs = np.zeros((2 * len(pairs), gradient.size)), np.zeros(2 * len(pairs))

    def product(change: Values, end: int) -> Values:
        flat = change.ravel()
        return _applied(metric, change) + ((signs[:end] * (rows[:end] @ flat)) @ rows[:end]).reshape(shape)

    for k, (s, y) in enumerate(pairs):
        known = product(s, 2 * k)
        old, new = float(np.sum(s * known)), float(np.sum(s * y))
        if not old > 0:
            continue
        if new < 0.1 * old:
            share = 0.9 * old / (old - new)
            y, new = share * y + (1 - share) * known, 0.1 * old
        rows[2 * k], signs[2 * k] = known.ravel(), -1 / old
        rows[2 * k + 1], signs[2 * k + 1] = y.ravel(), 1 / new
    kept = 2 * len(pairs)
    while True:
        found = _box_minimum(partial(product, end=kept), metric, gradient, room, accuracy)
        if found is not None and np.sum(found * gradient) < 0:
            return found
        if not kept:
            return projected_gradient(metric, gradient, room)[0]
        kept = 2 * (kept // 4)


def _box_minimum(product: Product, metric: Values, gradient: Values, room: Values, accuracy: float) -> Values | None:
    """The minimiser of ``<g, c> + <c, Hc>/2`` over c >= -room; None if H is not positive."""
    active = (room <= 0) & (gradient > 0)
    for _ in range(ROUNDS):
        fixed = np.where(active, -room, 0.0)
        slope = gradient + product(fixed) if fixed.any() else gradient
        found = _conjugate_gradients(product, metric, -slope, active, accuracy)
        if found is None:
            return None
        change = fixed + found
        held = active & (gradient + product(change) > 0) if active.any() else active
        wanted = (~active & (change < -room)) | held
        if np.array_equal(wanted, active):
            break
        active = wanted
    return np.maximum(change, -room)


def _conjugate_gradients(
    product: Product, metric: Values, right: Values, active: npt.NDArray[np.bool_], accuracy: float
) -> Values | None:
    """The solution, zero on active entries, of the equations of the others; None if a curvature is not positive."""
    inverse = _inverse(metric, active)
    residual = np.where(active, 0.0, right)
    found, lifted = np.zeros_like(right), inverse(residual)
    size = first = float(np.sum(residual * lifted))
    direction = lifted
    for _ in range(SOLVES):
        if size <= accuracy**2 * first:
            break
        image = np.where(active, 0.0, product(direction))
        curvature = float(np.sum(direction * image))
        if not curvature > 0:
            return None
        found = found + size / curvature * direction
        residual = residual - size / curvature * image
        lifted = inverse(residual)
        size, before = float(np.sum(residual * lifted)), size
        direction = lifted + size / before * direction
    return found


def _inverse(metric: Values, active: npt.NDArray[np.bool_]) -> Product:
    """The inverse of the metric restricted to entries that are not active, 0 on the others."""
    bound = active.any(axis=0)
    free, factors = np.flatnonzero(~bound), {}
    whole = cholesky_banded(metric)
    for column in np.flatnonzero(bound):
        off, diagonal = metric[0].copy(), np.where(active[:, column], 1.0, metric[1])
        off[1:][active[1:, column] | active[:-1, column]] = 0.0
        factors[column] = cholesky_banded(np.stack([off, diagonal]))

    def solve(right: Values) -> Values:
        found = np.zeros_like(right)
        if free.size:
            found[:, free] = cho_solve_banded((whole, False), right[:, free])
        for column, factor in factors.items():
            found[:, column] = cho_solve_banded((factor, False), right[:, column])
        return np.where(active, 0.0, found)

    return solve


def _applied(metric: Values, change: Values) -> Values:
    """The tridiagonal ``metric`` times each column of ``change``."""
    off, diagonal = metric
    product: Values = diagonal[:, None] * change
    product[1:] += off[1:, None] * change[:-1]
    product[:-1] += off[1:, None] * change[1:]
    return product
