"""Total variation of signals and images.

Signals: the exact dynamic program of Johnson 2013, for all columns at once.  The derivative of the minimal cost
of the first i entries, as a function of the i-th, is increasing and piecewise linear; it is cut at -weight and
weight before the next entry adds its line.  Going back, each entry is the next one clipped to where it was cut.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.functions.base import Function, indicator
from fbscheck.functions.ordered import block_means
from fbscheck.inputs import Array, positive

__all__ = ["TotalVariation"]


@final
@dataclass(frozen=True, eq=False)
class TotalVariation(Function):
    """g(x) = weight sum_i |x_{i+1} - x_i|, weight > 0: total variation of a signal (d,), fused lasso."""

    weight: float = 1.0
    enclosed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    def _value(self, x: Array) -> Any:
        return self.weight * np.sum(np.abs(np.diff(x, axis=0)), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        columns = u.reshape(len(u), -1)
        centre = columns.mean(axis=0) if np.abs(columns).max() < 1e300 else 0.0
        return (centre + _flattened(columns - centre, step * self.weight)).reshape(u.shape)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return block_means(v.reshape(len(v), -1), _constant_blocks(self._prox(u, step))).reshape(u.shape)

    def _conjugate(self, s: Array) -> Any:
        sums = np.cumsum(s, axis=0)
        scale = self.weight + np.sum(np.abs(s), axis=0)
        return indicator(np.abs(sums[:-1]) - self.weight, scale) + indicator(np.abs(sums[-1:]), scale)

    def _subgradient(self, x: Array, near: Array) -> Array:
        """D^T z, where z_i = weight sign(x_{i+1} - x_i) at a step of x; elsewhere |z_i| <= weight is free."""
        columns, target = x.reshape(len(x), -1), near.reshape(len(near), -1)
        signs = self.weight * np.sign(np.diff(columns, axis=0))
        outer = np.zeros_like(columns)
        outer[:-1] -= signs
        outer[1:] += signs
        return (outer + _within_blocks(columns, target - outer, self.weight)).reshape(x.shape)


def _constant_blocks(p: Array) -> npt.NDArray[np.intp]:
    """The maximal runs of equal entries in each column, as one number an entry."""
    columns = p.reshape(len(p), -1)
    first = np.diff(columns, axis=0, prepend=np.inf) != 0
    return (np.cumsum(first.T.ravel()) - 1).reshape(columns.shape[::-1]).T


def _within_blocks(x: Array, target: Array, weight: float) -> Array:
    """The vector D^T z, |z| <= weight, z = 0 across steps of ``x``, that is nearest to ``target``."""
    walls = np.diff(x, axis=0) != 0
    return target - _flattened(target, np.where(walls, 0.0, weight))


def _flattened(u: Array, weight: Any) -> Array:
    """argmin |y - u|^2/2 + sum_i weight_i |y_{i+1} - y_i| for the columns of ``u`` (d, S).

    The derivative is a line below its first knot and one above its last; a knot adds ``slopes`` t + ``values`` to
    what holds on its left.
    """
    d, samples = u.shape
    weights = np.broadcast_to(weight, (d - 1, samples))
    each = np.arange(samples)
    knots, slopes, values = np.zeros((3, 2 * d + 1, samples))
    low, high = np.zeros((2, d - 1, samples))
    left, right = np.full(samples, d), np.full(samples, d - 1)
    below = np.stack([np.ones(samples), -u[0]])
    above = below.copy()
    for i in range(d - 1):
        low[i], left, first = _cut(knots, slopes, values, left, right, below, -weights[i], +1)
        high[i], right, last = _cut(knots, slopes, values, left, right, above, weights[i], -1)
        left, right = left - 1, right + 1
        knots[left, each], knots[right, each] = low[i], high[i]
        slopes[left, each], values[left, each] = first[0], first[1] + weights[i]
        slopes[right, each], values[right, each] = -last[0], weights[i] - last[1]
        below = np.stack([np.ones(samples), -weights[i] - u[i + 1]])
        above = np.stack([np.ones(samples), weights[i] - u[i + 1]])
    y = np.empty_like(u)
    y[-1] = _cut(knots, slopes, values, left, right, below, np.zeros(samples), +1)[0]
    for i in range(d - 2, -1, -1):
        y[i] = np.clip(y[i + 1], low[i], high[i])
    return y


def _cut(
    knots: Array, slopes: Array, values: Array, left: Any, right: Any, line: Array, height: Array, towards: int
) -> tuple[Array, Any, Array]:
    """Where the derivative reaches ``height``, coming from the left (+1) or the right (-1): point, end, line there."""
    each = np.arange(len(height))
    line = line.copy()
    end = left if towards > 0 else right
    while True:
        inside = (end <= right) if towards > 0 else (end >= left)
        at = np.where(inside, end, 0)
        reached = line[0] * knots[at, each] + line[1] - height
        passed = inside & (reached < 0 if towards > 0 else reached > 0)
        if not passed.any():
            break
        line[0] += np.where(passed, towards * slopes[at, each], 0.0)
        line[1] += np.where(passed, towards * values[at, each], 0.0)
        end = end + np.where(passed, towards, 0)
    return (height - line[1]) / line[0], end, line
