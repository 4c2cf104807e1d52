"""Where a search looks: points of a box that operators treat specially, directions, steps that stay inside.

Arrays hold points as columns: (d, S).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt

__all__ = ["Domain", "Hull", "Points", "Region", "Values", "directions"]

Values = npt.NDArray[np.float64]
Points = Callable[[np.random.Generator, int], Values]
DRAWN = 32


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

    @property
    def solid(self) -> bool:
        """Whether every direction leads to other points of it."""
        return True

    def near(self, rng: np.random.Generator, x: Values, lengths: Values) -> tuple[Values, Values]:
        """Pairs (d, S) that are about so far apart, the first about at ``x``."""
        return self.inside(x, directions(rng, x) * lengths)

    def chords(self, rng: np.random.Generator, x: Values, axes: Values) -> tuple[Values, Values]:
        """Ends of chords through ``x`` (d, S) along ``axes``, and random directions where these are 0."""
        return self.across(x, np.where(np.any(axes != 0, axis=0), axes, directions(rng, x)))

    def rays(self, rng: np.random.Generator, x: Values) -> Values:
        """Other points on the rays through ``x`` (d, S)."""
        return self.cut(x * rng.uniform(-1.5, 1.5, x.shape[1]))

    def moved(self, rng: np.random.Generator, x: Values, step: Values) -> tuple[Values, Values]:
        """Each pair (x, x + step) changed in some ways: slid along itself, stretched, shifted, turned, made sparse."""
        count = x.shape[1]
        some = rng.random((5, count)) < 0.4
        length = np.sqrt(np.sum(step**2, axis=0))
        slid = np.where(some[0], rng.uniform(-1, 1, count), 0.0)
        stretched = np.where(some[1], 10 ** rng.uniform(-2, 2, count), rng.uniform(0.5, 1.0, count))
        shift = directions(rng, x) * np.where(some[2], self.width * 10 ** rng.uniform(-8, 0, count), 0.0)
        turn = directions(rng, step) * np.where(some[3], length * 10 ** rng.uniform(-4, 0, count), 0.0)
        sparse = ~some[4] | (rng.random(step.shape) < 0.7)
        return self.inside(x + shift + slid * step, stretched * (step + turn) * sparse)

    def short_lines(self, rng: np.random.Generator, count: int, reach: float) -> tuple[Values, Values]:
        """Points (d, count) and steps, ``reach`` of the width long, that lead from them both ways inside."""
        x = self.draw(rng, count)
        step = rng.normal(size=x.shape)
        step *= reach * self.width / np.max(np.abs(step), axis=0)
        return np.clip(x, self.low + np.abs(step), self.high - np.abs(step)), step

    def jittered(self, rng: np.random.Generator, x: Values, ulp: float) -> Values:
        """``x`` (d, S) with entries that are a few ``ulp`` off, relatively."""
        return self.cut(x * (1 + 2 * ulp * rng.integers(-2, 3, x.shape)))

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


@final
@dataclass(frozen=True, eq=False)
class Hull:
    """The convex hull of the points (d, n) that ``draw(rng, n)`` draws; they lie in [low, high]^dimension.

    All other points are means of drawn ones, so that they keep what these have in common, such as symmetry.
    """

    low: float
    high: float
    dimension: int
    draw: Points

    @cached_property
    def width(self) -> float:
        """About the largest side of a box around it; 1 if that is a point."""
        return float(np.max(np.ptp(self.draw(np.random.default_rng(0), DRAWN), axis=1))) or 1.0

    @property
    def solid(self) -> bool:
        """Whether every direction leads to other points of it."""
        return False

    def cut(self, x: Values) -> Values:
        """``x``, which is rounded within the box at most."""
        return np.clip(x, self.low, self.high)

    def starting(self, rng: np.random.Generator, count: int) -> Values:
        """Points (d, count): half of them drawn, the others means of two drawn ones, equal or at all scales."""
        x = self.draw(rng, count)
        return self._towards(rng, x, np.where(rng.random(count) < 0.5, 0.0, _parts(rng, count)))

    def near(self, rng: np.random.Generator, x: Values, lengths: Values) -> tuple[Values, Values]:
        """Pairs (d, S) that are about so far apart, the first at ``x``."""
        return x, self._towards(rng, x, np.asarray(np.minimum(lengths / self.width, 1.0)))

    def chords(self, rng: np.random.Generator, x: Values, axes: Values) -> tuple[Values, Values]:
        """Chords from ``x`` (d, S) to drawn points."""
        return x, self.draw(rng, x.shape[1])

    def rays(self, rng: np.random.Generator, x: Values) -> Values:
        """Means of ``x`` (d, S) and drawn points."""
        return self._towards(rng, x, np.asarray(rng.random(x.shape[1])))

    def moved(self, rng: np.random.Generator, x: Values, step: Values) -> tuple[Values, Values]:
        """Each pair (x, x + step) changed in some ways: cut shorter, drawn to another point together or one end."""
        count = x.shape[1]
        some, part = rng.random((3, count)) < 0.5, np.sort(rng.random((2, count)), axis=0)
        first, last = (x + np.where(some[0], t, end) * step for t, end in zip(part, (0.0, 1.0), strict=True))
        other = self.draw(rng, count)
        both, one = (np.where(s, _parts(rng, count), 0.0) for s in some[1:])
        first, last = first + both * (other - first), last + both * (other - last)
        return self.cut(first), self._towards(rng, last, one)

    def short_lines(self, rng: np.random.Generator, count: int, reach: float) -> tuple[Values, Values]:
        """Means (d, count) of two drawn points and steps, ``reach`` of the width long or shorter, to one of them."""
        x, other = self.draw(rng, count), self.draw(rng, count)
        length = np.max(np.abs(other - x), axis=0)
        part = np.minimum(0.5, reach * self.width / np.where(length > 0, length, 1.0))
        return self.cut(0.5 * x + 0.5 * other), part * (other - x)

    def jittered(self, rng: np.random.Generator, x: Values, ulp: float) -> Values:
        """Means of ``x`` (d, S) and a drawn point that are a few ``ulp`` off."""
        return self._towards(rng, x, np.full(x.shape[1], 8 * ulp))

    def polygons(self, rng: np.random.Generator, count: int, corners: int) -> Values:
        """Polygons (d, count, corners), drawn and shrunk towards one of their corners."""
        drawn = self.draw(rng, count * corners).reshape(self.dimension, count, corners)
        return self.cut(drawn[:, :, :1] + _parts(rng, count)[:, None] * (drawn - drawn[:, :, :1]))

    def _towards(self, rng: np.random.Generator, x: Values, part: Values) -> Values:
        return self.cut(x + part * (self.draw(rng, x.shape[1]) - x))


Region = Domain | Hull


def _parts(rng: np.random.Generator, count: int) -> Values:
    """Numbers in [0, 1], half of them uniform, half at scales down to 1e-8."""
    return np.where(rng.random(count) < 0.5, rng.random(count), 10 ** rng.uniform(-8, 0, count))


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
