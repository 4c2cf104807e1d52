"""Quasi-Newton descent for smooth functions that are infinite outside an open set.

L-BFGS (Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4) with a diagonal scaling that follows the
iterate, and backtracking that takes infinity for an answer, which library line searches do not.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["Point", "descend"]

Values = npt.NDArray[np.float64]
Point = tuple[float, Values, Values]
"""A function's value (inf outside its domain), its gradient, and a positive diagonal like its Hessian's."""

PAIRS = 20
LONGEST = 1.0
"""Longest first step, in any coordinate."""


def descend(function: Callable[[Values], Point], start: Values) -> Iterator[tuple[Values, float]]:
    """Iterates and their values, decreasing, until no step is found; ``start`` comes first."""
    x, (value, gradient, diagonal) = start, function(start)
    pairs: deque[tuple[Values, Values]] = deque(maxlen=PAIRS)
    while math.isfinite(value):
        yield x, value
        direction = -_scaled(gradient, diagonal, pairs)
        slope = float(np.vdot(direction, gradient))
        if not slope < 0:
            if not pairs:
                return
            pairs.clear()
            continue
        length = min(1.0, LONGEST / float(np.abs(direction).max()))
        for _ in range(16):
            there = function(x + length * direction)
            if there[0] <= value + 1e-4 * length * slope:
                break
            length /= 2 if math.isfinite(there[0]) else 4
        else:
            if not pairs:
                return
            pairs.clear()
            continue
        step, change = length * direction, there[1] - gradient
        if np.vdot(step, change) > 1e-12 * np.linalg.norm(step) * np.linalg.norm(change):
            pairs.append((step, change))
        x, (value, gradient, diagonal) = x + step, there


def _scaled(gradient: Values, diagonal: Values, pairs: deque[tuple[Values, Values]]) -> Values:
    """The inverse Hessian that the pairs and the diagonal suggest, times the gradient."""
    floor = float(diagonal.max()) * 1e-6
    inverse = 1 / np.maximum(diagonal, floor if floor > 0 else 1.0)
    found, used = gradient.copy(), []
    for step, change in reversed(pairs):
        share = np.vdot(step, found) / np.vdot(step, change)
        found -= share * change
        used.append(share)
    found *= inverse
    if pairs:
        step, change = pairs[-1]
        found *= np.vdot(step, change) / np.vdot(change, inverse * change)
    for (step, change), share in zip(pairs, reversed(used), strict=True):
        found += step * (share - np.vdot(change, found) / np.vdot(step, change))
    return found
