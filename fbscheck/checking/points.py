"""Where a search looks: points of a box that operators treat specially, directions, steps that stay inside.

Arrays hold points as columns: (d, S).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

__all__ = ["Domain", "Points", "Values", "directions"]

Values = npt.NDArray[np.float64]
Points = Callable[[np.random.Generator, int], Values]


@final
@dataclass(frozen=True, eq=False)
class Domain:
    """The box [low, high]^dimension, or those points of it that ``draw(rng, n)`` draws (d, n)."""

    low: float
    high: float
    dimension: int
    draw: Points

    @property
    def width(self) -> float:
        """The length of a side."""
        return self.high - self.low

    def cut(self, x: Values) -> Values:
        """The nearest points of the box."""
        return np.clip(x, self.low, self.high)

    def inside(self, x: Values, step: Values) -> tuple[Values, Values]:
        """Both ends of ``step`` (d, S) from ``x``: shortened to the width of the box, then moved into it."""
        longest = np.max(np.abs(step), axis=0)
        step = step * np.minimum(1.0, self.width / np.where(longest > 0, longest, 1.0))
        start = np.clip(x, self.low - np.minimum(step, 0.0), self.high - np.maximum(step, 0.0))
        return self.cut(start), self.cut(start + step)

    def across(self, x: Values, direction: Values) -> tuple[Values, Values]:
        """Both ends of the chord of the box through ``x`` along ``direction``, each (d, S)."""
        moving = direction != 0
        unit = np.where(moving, direction, 1.0)
        first, second = (self.low - x) / unit, (self.high - x) / unit
        start = np.max(np.where(moving, np.minimum(first, second), -np.inf), axis=0)
        end = np.min(np.where(moving, np.maximum(first, second), np.inf), axis=0)
        return self.cut(x + start * direction), self.cut(x + end * direction)

    def starting(self, rng: np.random.Generator, count: int) -> Values:
        """At least ``count`` points (d, S) of the box in random order, a third of them drawn.

        The others: uniform, normal at scales 1e-8 to 1 of the box, near-ties, ties, integers, corners,
        points on faces, sparse and constant vectors, all entries of one sign but one, thin shells, zero.
        """
        each = max(1, -(-count // 17))
        low, high = self.low, self.high
        shape, width = (self.dimension, each), self.width
        uniform = rng.uniform(low, high, shape)
        middle = min(max(0.0, low), high)
        normal = rng.normal(size=shape) * width * 10 ** rng.uniform(-8, 0, each)
        some = rng.random(shape) < rng.random(each)
        one = np.arange(self.dimension)[:, None] == rng.integers(self.dimension, size=each)
        corners = np.where(rng.random(shape) < 0.5, low, high)
        kinds = [
            uniform,
            middle + normal,
            0.5 * (low + high) + normal,
            np.where(some, uniform[:1], uniform),
            np.where(some, uniform[:1], uniform) + normal * (rng.random(each) < 0.5),
            np.rint(uniform),
            np.where(some, np.rint(uniform), uniform),
            corners,
            np.where(some, corners, uniform),
            np.where(some | one, uniform, middle),
            np.where(one, uniform, middle),
            np.broadcast_to(uniform[:1], shape) + normal * (rng.random(each) < 0.5),
            np.where(one, -1.0, 1.0) * np.abs(uniform),
            np.zeros((self.dimension, 1)),
            self.draw(rng, 5 * each),
        ]
        pool = self.cut(np.concatenate(kinds, axis=1))
        return np.asarray(pool[:, rng.permutation(pool.shape[1])])


def directions(rng: np.random.Generator, x: Values) -> Values:
    """One unit vector for each column of ``x``: axes, e_i + e_j, e_i - e_j, sparse, signs, ones, normal, the ray."""
    dimension, count = x.shape
    normal = rng.normal(size=x.shape)
    signs = np.where(rng.random(x.shape) < 0.5, -1.0, 1.0)
    rows = np.arange(dimension)[:, None]
    axis, other = (rows == rng.integers(dimension, size=(2, 1, count))).astype(np.float64)
    sparse = normal * (rng.random(x.shape) < rng.random(count)) + axis * 1e-9
    kinds = np.stack([axis, axis, axis + signs[0] * other * (axis != other), sparse, signs, np.ones_like(x), normal, x])
    chosen = kinds[rng.integers(len(kinds), size=count), :, np.arange(count)].T
    length = np.sqrt(np.sum(chosen**2, axis=0))
    return np.asarray(np.where(length > 0, chosen, axis) / np.where(length > 0, length, 1.0))
