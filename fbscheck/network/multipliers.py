"""The best multipliers: descent on their logarithms, one a layer first, then one a unit.

The Schatten order grows from stage to stage.  Every evaluation is a valid bound up to rounding, so the descent may be
stopped at any time; :mod:`fbscheck.network.dissipation` certifies what it found.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.network.adjoint import sweep
from fbscheck.network.descent import Point, descend
from fbscheck.network.relaxation import floor_of
from fbscheck.network.riccati import Recursion, Trail

__all__ = ["Optimum", "optimise"]

Values = npt.NDArray[np.float64]

SHARED = (32.0,)
"""Schatten orders of the stages with one multiplier a layer."""
SINGLE = (8.0, 32.0, 128.0, 512.0, 4096.0, 2.0**15, 2.0**18)
"""Schatten orders of the stages with one multiplier a unit, and of the last ones where maps are not separable."""
NOISE = 8e-3
"""Weight of the random states, divided by the Schatten order."""
STALLED = 1e-5
"""A stage ends where ten steps lower the objective by less than this, divided by its order in hundreds."""


@final
@dataclass(frozen=True, eq=False)
class Optimum:
    """The best multipliers found: ``floor`` <= least bound of any multipliers <= ``bound``, up to rounding.

    ``multipliers`` (N, d); ``evaluations`` and ``seconds`` are what it took.
    """

    multipliers: Values
    bound: float
    floor: float
    evaluations: int
    seconds: float

    @property
    def gap(self) -> float:
        """bound / floor - 1, no less than the relative distance from the optimum."""
        return self.bound / self.floor - 1 if self.floor > 0 else math.inf


def optimise(
    recursion: Recursion,
    seconds: float = math.inf,
    evaluations: int = 400,
    accuracy: float = 1e-3,
    report: Callable[[Optimum], None] | None = None,
    start: Values | None = None,
) -> Optimum:
    """Multipliers near the optimum, within a budget; ``report`` is told of every better bound.

    The search begins at safe multipliers, or at ``start`` (N, d), positive ones, if these are better.

    It ends when ``seconds`` or ``evaluations`` are used up, the gap is below ``accuracy``, or nothing improves.

    Raises
    ------
    InputError
        If the storages of safe multipliers leave the range of floating point.
    """
    stages = [(True, power) for power in SHARED]
    stages += [(not recursion.separable, power) for power in SINGLE]
    with threadpool_limits(1):
        search = _Search(recursion, report, start)
        logarithms = np.log(search.best.multipliers)
        for place, (shared, power) in enumerate(stages):
            spent = _Budget(seconds * min(1.0, 0.2 + 0.2 * place), evaluations * min(1.0, 0.15 + 0.2 * place))
            logarithms = search.stage(logarithms, shared, power, spent)
            if search.best.gap <= accuracy or _Budget(seconds, evaluations).spent_by(search.best):
                break
    return search.best


class _Budget(NamedTuple):
    seconds: float
    evaluations: float

    def spent_by(self, optimum: Optimum) -> bool:
        return optimum.seconds > self.seconds or optimum.evaluations >= self.evaluations


class _Search:
    """The best so far of one recursion, and how to improve it."""

    def __init__(
        self, recursion: Recursion, report: Callable[[Optimum], None] | None, start: Values | None = None
    ) -> None:
        self._recursion, self._report, self._began = recursion, report, time.monotonic()
        self._kick = np.random.default_rng(0).standard_normal((recursion.shape[1], 4))
        self._trail: Trail | None = None
        safe = recursion.safe()
        tried = [safe] if start is None else [safe, start]
        bound, chosen = min(((recursion.bound(found), found) for found in tried), key=lambda one: one[0])
        self.best = Optimum(chosen, bound, 0.0, len(tried), time.monotonic() - self._began)

    def stage(self, logarithms: Values, shared: bool, power: float, budget: _Budget) -> Values:
        """Descend for one Schatten order, from and to logarithms of multipliers (N, d)."""
        start = logarithms.mean(axis=1, keepdims=True) if shared else logarithms
        values: list[float] = []
        for theta, value in descend(lambda t: self._point(t, power), start):
            logarithms = np.broadcast_to(theta, self._recursion.shape)
            values.append(value)
            stalled = len(values) > 10 and values[-11] - values[-1] < STALLED * min(1.0, 128 / power)
            if stalled or budget.spent_by(self.best):
                break
        if self._trail is not None:
            self.best = replace(self.best, floor=max(self.best.floor, floor_of(self._trail)))
        return logarithms

    def _point(self, theta: Values, power: float) -> Point:
        """The objective at logarithms (N, d), or (N, 1) if they are shared."""
        multipliers = np.exp(np.broadcast_to(theta, self._recursion.shape))
        with np.errstate(all="ignore"):
            found = sweep(self._recursion, multipliers, power, NOISE / power, self._kick)
        self.best = replace(self.best, evaluations=self.best.evaluations + 1, seconds=time.monotonic() - self._began)
        if found is None or not math.isfinite(found.objective):
            return math.inf, theta, theta
        self._trail = found.trail
        if found.bound < self.best.bound:
            self.best = replace(self.best, multipliers=multipliers, bound=found.bound)
            if self._report is not None:
                self._report(self.best)
        slopes, weights = found.slopes, found.weights
        if theta.shape != slopes.shape:
            slopes, weights = (values.sum(axis=1, keepdims=True) for values in (slopes, weights))
        return found.objective, slopes, weights
