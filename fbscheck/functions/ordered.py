"""Functions of ordered entries: sorted weighted l1 norms and the cone of monotone vectors.

Their proximal maps are isotonic regressions (Best and Chakravarti 1990; Bogdan et al. 2015): neighbouring blocks in
the wrong order are pooled, all of them at once in a few rounds over the whole batch.  In ball arithmetic nothing
is decided: there the regression is p_j = min over i <= j of max over k >= j of the mean of z_i, ..., z_k, at the
centre of the balls, and nonexpansiveness covers the rest of them.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import absolute, around, descending, is_ball, maximum, minimum, norm
from fbscheck.errors import InputError
from fbscheck.functions.base import Function, indicator, norm_bound
from fbscheck.inputs import Array, finite_array
from fbscheck.points import along

__all__ = ["OWL", "MonotoneCone"]

Labels = npt.NDArray[np.intp]

_centre = np.frompyfunc(lambda b: b.mid(), 1, 1)
_radius = np.frompyfunc(lambda b: b - b.mid(), 1, 1)


def pooled(z: Array, walls: npt.NDArray[np.bool_] | None = None) -> Labels:
    """The blocks of the nonincreasing fit of each column of ``z`` (d, S), as one number an entry.

    No block crosses a wall; ``walls`` (d, S) tells whether one stands above an entry.
    """
    first = np.zeros(z.shape, dtype=bool) if walls is None else walls.copy()
    first[0] = True
    wall, sums = first.T.ravel(), z.T.ravel()
    starts = np.arange(sums.size)
    counts = np.ones(sums.size)
    while True:
        means = sums / counts
        kept = np.append(True, wall[starts[1:]] | (means[:-1] >= means[1:]))
        if kept.all():
            break
        heads = np.flatnonzero(kept)
        sums, counts, starts = np.add.reduceat(sums, heads), np.add.reduceat(counts, heads), starts[heads]
    labels = np.repeat(np.arange(starts.size), counts.astype(np.intp))
    return labels.reshape(z.shape[::-1]).T


def block_means(z: Array, labels: Labels) -> Array:
    """The mean of ``z`` over the block of each entry."""
    flat = labels.ravel()
    return (np.bincount(flat, z.ravel()) / np.bincount(flat))[labels]


def nonincreasing(z: Array) -> Array:
    """The nonincreasing vector nearest to each column of ``z``; of balls without a radius, an enclosure."""
    if not is_ball(z):
        return block_means(z, pooled(z))
    sums = np.concatenate([0 * z[:1], np.cumsum(z, axis=0)])
    best = None
    for i in range(len(z)):
        means = [(sums[k + 1] - sums[i]) / (k + 1 - i) for k in range(i, len(z))]
        for k in range(len(means) - 2, -1, -1):
            means[k] = maximum(means[k], means[k + 1])
        row = np.array([means[0]] * i + means, dtype=object)
        best = row if best is None else np.concatenate([best[:i], minimum(best[i:], row[i:])])
    return best  # type: ignore[return-value]


def _columns(u: Array) -> Array:
    return u.reshape(len(u), -1)


@final
@dataclass(frozen=True, eq=False)
class OWL(Function):
    """g(x) = sum_i weights_i |x|_(i), |x|_(1) >= |x|_(2) >= ...; ``weights`` (d,) nonincreasing and >= 0.

    Ordered weighted l1 norm, SLOPE: equal weights give l1, (w, 0, ..., 0) gives w times the maximum norm.
    """

    weights: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        weights = finite_array(self.weights, "weights", 1)
        if weights[-1] < 0 or (np.diff(weights) > 0).any():
            raise InputError(
                f"Need nonincreasing weights >= 0, got {weights[:4]}... (sort them: otherwise g is not convex)."
            )
        object.__setattr__(self, "weights", weights)

    @property
    def dimension(self) -> int:
        """The number of weights."""
        return len(self.weights)

    @property
    def lipschitz(self) -> float:
        """The norm of the weights, rounded up."""
        return norm_bound(self.weights)

    def _value(self, x: Array) -> Any:
        return np.sum(along(self.weights, x) * descending(absolute(x)), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        if is_ball(u):
            return around(self._shrunk(_centre(u), step), norm(_radius(u)))
        return self._shrunk(u, step)

    def _shrunk(self, u: Array, step: Any) -> Array:
        columns = _columns(u)
        size = absolute(columns)
        order = np.argsort(-size, axis=0, kind="stable")
        fit = nonincreasing(np.take_along_axis(size, order, axis=0) - step * self.weights[:, None])
        p = np.empty_like(columns)
        np.put_along_axis(p, order, maximum(fit, 0.0), axis=0)
        return np.where(u >= 0, p.reshape(u.shape), -p.reshape(u.shape))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        columns, signs = _columns(u), np.where(_columns(u) >= 0, 1.0, -1.0)
        order = np.argsort(-np.abs(columns), axis=0, kind="stable")
        labels = pooled(np.take_along_axis(np.abs(columns), order, axis=0) - step * self.weights[:, None])
        means = np.empty_like(columns)
        np.put_along_axis(means, order, block_means(np.take_along_axis(signs * _columns(v), order, 0), labels), axis=0)
        return np.where(self._prox(u, step) != 0, (signs * means).reshape(u.shape), 0.0)

    def _conjugate(self, s: Array) -> Any:
        allowed = np.cumsum(along(_like(self.weights, s), s), axis=0)
        return indicator(np.cumsum(descending(absolute(s)), axis=0) - allowed, float(np.sum(self.weights)))

    def _subgradient(self, x: Array, near: Array) -> Array:
        size = np.abs(_columns(x))
        signs = np.where(size > 0, np.sign(_columns(x)), np.sign(_columns(near)))
        outward = signs * _columns(near)
        order = np.lexsort([-outward, -size], axis=0)
        level = np.take_along_axis(size, order, axis=0)
        excess = np.take_along_axis(outward, order, axis=0) - self.weights[:, None]
        fit = block_means(excess, pooled(excess, np.diff(level, axis=0, prepend=np.inf) != 0))
        cut = np.empty_like(outward)
        np.put_along_axis(cut, order, np.where(level > 0, fit, np.maximum(fit, 0.0)), axis=0)
        return (signs * (outward - cut)).reshape(x.shape)  # type: ignore[no-any-return]


@final
@dataclass(frozen=True, eq=False)
class MonotoneCone(Function):
    """The indicator of {x_1 <= x_2 <= ... <= x_d}; its prox is the isotonic regression."""

    is_indicator: ClassVar[bool] = True

    def _value(self, x: Array) -> Any:
        return indicator(x[:-1] - x[1:])

    def _prox(self, u: Array, step: Any) -> Array:
        if is_ball(u):
            return around(-nonincreasing(-_columns(_centre(u))).reshape(u.shape), norm(_radius(u)))
        return -nonincreasing(-_columns(u)).reshape(u.shape)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return block_means(_columns(v), pooled(-_columns(u))).reshape(u.shape)

    def _conjugate(self, s: Array) -> Any:
        sums = np.cumsum(s, axis=0)
        return indicator(np.concatenate([-sums, sums[-1:]]), np.sum(np.abs(s), axis=0))

    def _subgradient(self, x: Array, near: Array) -> Array:
        walls = np.diff(_columns(x), axis=0, prepend=np.inf) != 0
        return near - block_means(_columns(near), pooled(-_columns(near), walls)).reshape(x.shape)


def _like(weights: Array, s: Array) -> Array:
    """The weights in the arithmetic of ``s``, so that their sums are exact where it is."""
    return weights + 0 * (s if s.ndim == 1 else s[:, 0]) if is_ball(s) else weights
