"""The best multipliers: descent on their logarithms, one a layer first, then one a unit.

The Schatten order grows from stage to stage.  Every evaluation is a valid bound up to rounding, so the descent may be
stopped at any time; :mod:`fbscheck.network.dissipation` certifies what it found.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.network.adjoint import floor_of, sweep
from fbscheck.network.descent import Point, descend
from fbscheck.network.riccati import Recursion

__all__ = ["Optimum", "optimise"]

Values = npt.NDArray[np.float64]

SHARED = (32.0, 512.0)
"""Schatten orders of the stages with one multiplier a layer."""
SINGLE = (128.0, 1024.0, 8192.0, 2.0**16, 2.0**19)
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
) -> Optimum:
    """Multipliers near the optimum, within a budget; ``report`` is told of every better bound.

    It ends when ``seconds`` or ``evaluations`` are used up, the gap is below ``accuracy``, or nothing improves.

    Raises
    ------
    InputError
        If the storages of safe multipliers leave the range of floating point.
    """
    began = time.monotonic()
    with threadpool_limits(1):
        safe = recursion.safe()
        best = Optimum(safe, recursion.bound(safe), 0.0, 1, 0.0)
        if best.bound == 0:
            return best
        used, floor = 1, 0.0
        kick = np.random.default_rng(0).standard_normal((recursion.shape[1], 4))
        stages = [(True, power) for power in SHARED]
        stages += [(not recursion.separable, power) for power in SINGLE]
        logarithms = np.log(safe)
        spent = False

        def tell(multipliers: Values, bound: float) -> None:
            nonlocal best
            better = bound < best.bound
            elapsed = time.monotonic() - began
            best = Optimum(multipliers if better else best.multipliers, min(bound, best.bound), floor, used, elapsed)
            if better and report is not None:
                report(best)

        for place, (shared, power) in enumerate(stages):
            share = seconds * min(1.0, 0.2 + 0.2 * place)
            budget = math.ceil(evaluations * min(1.0, 0.15 + 0.2 * place))
            trail = None

            def objective(theta: Values, shared: bool = shared, power: float = power) -> Point:
                nonlocal used, trail
                used += 1
                multipliers = np.exp(np.broadcast_to(theta, recursion.shape))
                with np.errstate(all="ignore"):
                    found = sweep(recursion, multipliers, power, NOISE / power, kick)
                if found is None or not math.isfinite(found.objective):
                    return math.inf, theta, theta
                trail = found.trail
                tell(multipliers, found.bound)
                return found.objective, _summed(found.slopes, shared), _summed(found.weights, shared)

            values: list[float] = []
            start = logarithms.mean(axis=1, keepdims=True) if shared else logarithms
            for theta, value in descend(objective, start):
                logarithms = np.broadcast_to(theta, recursion.shape)
                values.append(value)
                spent = time.monotonic() - began > share or used >= budget
                if spent or (len(values) > 10 and values[-11] - values[-1] < STALLED * min(1.0, 128 / power)):
                    break
            if trail is not None:
                floor = max(floor, floor_of(trail))
                tell(best.multipliers, best.bound)
            if best.gap <= accuracy or time.monotonic() - began > seconds or used >= evaluations:
                break
    return best


def _summed(values: Values, shared: bool) -> Values:
    return values.sum(axis=1, keepdims=True) if shared else values
