"""Sums over the coordinates of one function phi that is differentiable inside its domain.

A class gives phi' and phi''; its proximal point p solves p + h phi'(p) = u in every coordinate.  The left side
grows at least as fast as p, so that the root is within |p + h phi'(p) - u| of any p: this starts the bracket of
Newton's method in float64, and encloses the root in ball arithmetic.  A class that knows the root in closed form
overrides ``_root``; its enclosure does not rest on that formula.
"""

from abc import abstractmethod
from typing import Any, ClassVar

import flint
import numpy as np

from fbscheck.certify.balls import around, exact, is_ball, nearest
from fbscheck.functions.roots import increasing_root
from fbscheck.functions.separable import Separable
from fbscheck.inputs import Array

__all__ = ["Curved"]

NEIGHBOURS = 4
"""How many float64 numbers away rounding may put a root."""
REFINEMENTS = 3
"""Newton steps in ball arithmetic from a float64 root: 53 correct bits become more than the working precision."""


class Curved(Separable):
    """A sum of phi(x_i), phi convex and twice differentiable but for single points."""

    accuracy: ClassVar[float] = 1e-13
    domain: ClassVar[tuple[float, float]] = (-np.inf, np.inf)
    """The interval inside which phi is finite; its ends belong to it or not."""
    interior: ClassVar[float] = 0.0
    """A point inside the domain."""

    @abstractmethod
    def _derivative(self, x: Array) -> Any:
        """phi'(x) inside the domain, at float64 numbers or balls of radius zero."""

    @abstractmethod
    def _curvature(self, x: Array) -> Any:
        """phi''(x), likewise."""

    def _prox(self, u: Array, step: Any) -> Array:
        return self._enclosed(u, step) if is_ball(u) else self._root(u, step)

    def _root(self, u: Array, step: float) -> Array:
        """The proximal point in float64."""
        low, high = self.domain

        def evaluate(p: Array) -> tuple[Array, Array, Array]:
            slope = step * self._derivative(p)
            return p + slope - u, 1 + step * self._curvature(p), np.abs(p) + np.abs(slope) + np.abs(u)

        with np.errstate(all="ignore"):
            start = np.where((u > low) & (u < high), u, self.interior)
            residual = np.nan_to_num(evaluate(start)[0], nan=np.inf)
            below = np.maximum(start - np.maximum(residual, 0.0), low)
            above = np.minimum(start - np.minimum(residual, 0.0), high)
        return increasing_root(evaluate, below, above, start)

    def _enclosed(self, u: Array, step: Any) -> Array:
        """The float64 root, refined, with how far it can be from the root for any point of the balls ``u``."""
        (low, high), root = self.domain, self._root(nearest(u), float(step.mid()))
        p = exact(root)
        for _ in range(REFINEMENTS):
            better = _midpoint(p - (p + step * self._derivative(p) - u) / (1 + step * self._curvature(p)))
            p = np.where(_finite(better) & (better > low) & (better < high), better, p)
        found = around(p, np.abs(p + step * self._derivative(p) - u))
        return _narrower(found, self._bracketed(root, u, step))  # type: ignore[no-any-return]

    def _bracketed(self, p: Array, u: Array, step: Any) -> Array:
        """The balls between two float64 numbers at either side of ``p`` where the left side certainly changes sign."""
        low, high = self.domain
        first, last = (
            exact(np.maximum(p - NEIGHBOURS * np.spacing(np.abs(p)), low)),
            exact(np.minimum(p + NEIGHBOURS * np.spacing(np.abs(p)), high)),
        )
        sure = (first + step * self._derivative(first) <= u) | (first <= low)
        sure &= (last + step * self._derivative(last) >= u) | (last >= high)
        return np.where(sure, _between(first, last), np.array(flint.arb("nan"), dtype=object))

    def _slope(self, u: Array, step: float) -> Array:
        with np.errstate(all="ignore"):
            return 1 / (1 + step * np.asarray(self._curvature(self._root(u, step))))

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        """phi' a few float64 numbers left and right of ``x``, which rounding takes for it; infinite at the ends."""
        low, high = self.domain
        below, above = x - NEIGHBOURS * np.spacing(np.abs(x)), x + NEIGHBOURS * np.spacing(np.abs(x))
        with np.errstate(all="ignore"):
            first, last = np.asarray(self._derivative(below)), np.asarray(self._derivative(above))
        return np.where(below > low, first, -np.inf), np.where(above < high, last, np.inf)


_midpoint = np.frompyfunc(lambda b: b.mid(), 1, 1)
_between = np.frompyfunc(lambda a, b: a.union(b), 2, 1)
_narrower = np.frompyfunc(lambda a, b: b if b.is_finite() and not (a.is_finite() and a.rad() <= b.rad()) else a, 2, 1)
_finite = np.frompyfunc(lambda b: bool(b.is_finite()), 1, 1)
