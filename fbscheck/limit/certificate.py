r"""The distance from an N-layer network to its limit, certified: layer after layer, by Gronwall's lemma.

With the defects of :mod:`fbscheck.limit.defects`, the lemma of Nochetto, Savare and Verdi (Comm. Pure Appl. Math. 53,
2000) turns their inequality into ``|X(t) - x(t)| <= a(t)^(1/2) + c(t)``, where a collects what is dissipated and c
what is driven, both damped by e^{-2 int mu} and e^{-int mu}.  X interpolates the states that float64 computed; the
network's exact states are within p_n^(1/2) + q_n of them, by the same two sums in discrete time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import GUARD, TINY
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.limit.defects import layer_defects
from fbscheck.limit.path import ParameterPath, Sampling, checked
from fbscheck.points import points

__all__ = ["ErrorCurve", "error_curve", "sections"]

Values = npt.NDArray[np.float64]

ENTRIES, NUMBERS = 2**21, 2**17
"""Entries of matrices and of states held at once: layers are taken in blocks."""


@final
@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Upper bounds on the distance of a network of N layers, in exact arithmetic, to the limit; inf beyond float64.

    Attributes
    ----------
    nodes
        (N + 1, S): |x_n - x(t_n)|.
    largest
        (S,): the largest distance of the interpolated states from the limit over [0, T].
    rounding
        (S,): the largest distance of the computed states from exact ones, part of the above.
    states
        (N + 1, d, S): the computed states.
    horizon
        T.
    """

    nodes: Values
    largest: Values
    rounding: Values
    states: Values
    horizon: Fraction

    @property
    def depth(self) -> int:
        """N."""
        return len(self.nodes) - 1

    @property
    def times(self) -> Values:
        """The nodes t_n (N + 1,)."""
        return float(self.horizon) * np.arange(self.depth + 1) / self.depth


def error_curve(
    path: ParameterPath, x0: Array, b: Array, depth: int, sampling: Sampling = "nodes", certified: bool = True
) -> ErrorCurve:
    """Bounds for the network ``path.network(depth, sampling)`` with start ``x0`` (d,) or (d, S) and data ``b``.

    The limit starts at ``x0`` too.  Without ``certified`` eigenvalues and norms are floating-point ones, and nothing
    is guaranteed.

    Raises
    ------
    InputError
        If shapes do not fit, a state is outside the domain of r, or no certificate can rest on r.
    """
    x, data = aligned(path, x0, b)
    if certified and not path.r.enclosed:
        raise InputError(
            f"Need a function whose formulas can be enclosed, got {type(path.r).__name__}, which is known in floating "
            "point alone. certified=False gives numbers that prove nothing."
        )
    depth = checked(depth)
    samples = x.shape[1]
    a, c, p, q = np.zeros((4, samples))
    nodes, largest, states = np.zeros((depth + 1, samples)), np.zeros(samples), np.empty((depth + 1, *x.shape))
    rounding = np.zeros(samples)
    states[0] = x
    for first, last in sections(path, depth, samples):
        cells = path.cells(depth, first, last)
        network = path.sampled(cells, Fraction(last - first, depth) * path.horizon, sampling)
        run = network.trajectory(states[first], data)
        states[first + 1 : last + 1] = run.states[1:]
        found = layer_defects(path, network, cells, run, data, path.horizon / depth, certified)
        at = slice(first + 1, last + 1)
        grown = found.growth[:, None]
        gaps, pushes = _scaled(_scaled(grown, grown), found.dissipated), _scaled(grown, found.driven)
        squares, shifts = accumulated(_scaled(found.decay, found.decay), gaps, a), accumulated(found.decay, pushes, c)
        before = np.concatenate([a[None], squares[:-1]]), np.concatenate([c[None], shifts[:-1]])
        within = _scaled(grown, (np.sqrt(before[0] + found.dissipated) + before[1] + found.driven) * GUARD)
        twice = _scaled(found.factor, found.factor)
        moved, off = accumulated(twice, found.inexact, p), accumulated(found.factor, found.moved, q)
        lost = rounding_of(np.concatenate([p[None], moved]), np.concatenate([q[None], off]))
        nodes[at] = (np.sqrt(squares) + shifts + lost[1:]) * GUARD
        largest = np.maximum(largest, ((within + np.maximum(lost[:-1], lost[1:])) * GUARD).max(axis=0))
        rounding = np.maximum(rounding, lost.max(axis=0))
        a, c, p, q = squares[-1], shifts[-1], moved[-1], off[-1]
    nodes, largest, rounding = (np.where(np.isnan(part), np.inf, part) for part in (nodes, largest, rounding))
    return ErrorCurve(nodes, largest, rounding, states, path.horizon)


def aligned(path: ParameterPath, x0: Array, b: Array) -> tuple[Values, Values]:
    """x_0 (d, S) and b (m, S); a single vector is repeated where the other holds samples.

    Raises
    ------
    InputError
        If they do not fit the path, or are not finite float64 numbers.
    """
    x, data = points(x0, "x0"), points(b, "b")
    for name, known, rows in (("x0", x, path.dimension), ("b", data, path.observations)):
        if known.dtype != np.float64 or len(known) != rows:
            raise InputError(f"Need {name} of shape ({rows},) or ({rows}, S), got {known.shape} of {known.dtype}.")
    x, data = (part if part.ndim == 2 else part[:, None] for part in (x, data))
    samples = max(x.shape[1], data.shape[1])
    if {x.shape[1], data.shape[1]} - {1, samples}:
        raise InputError(f"Need one sample, or equally many, got {x.shape[1]} of x0 and {data.shape[1]} of b.")
    return np.repeat(x, samples // x.shape[1], 1), np.repeat(data, samples // data.shape[1], 1)


def accumulated(factors: Values, added: Values, start: Values) -> Values:
    """No less than y_1..y_B (B, S) with y_n = factors_n y_{n-1} + added_n, y_0 = ``start``; all are nonnegative.

    Neighbours are combined, then what is two, four, ... layers apart: log B operations on arrays, not B on numbers.
    """
    product, total = factors[:, None] * GUARD + TINY, added * GUARD
    total[0] = (total[0] + _scaled(product[0], start)) * GUARD
    reach = 1
    with np.errstate(over="ignore"):
        while reach < len(total):
            total[reach:] = (total[reach:] + _scaled(product[reach:], total[:-reach])) * GUARD
            product[reach:] = product[reach:] * product[:-reach] * GUARD + TINY
            reach *= 2
    return total


def _scaled(factor: Values, value: Values) -> Values:
    """Their product, rounded up; 0 where the value is, whatever the factor."""
    with np.errstate(over="ignore"):
        return np.where(value == 0, 0.0, factor * np.where(value == 0, 1.0, value) * GUARD + TINY)


def rounding_of(square: Values, distance: Values) -> Values:
    """The distance that a square and a distance bound together."""
    return (np.sqrt(square) + distance) * GUARD


def sections(path: ParameterPath, depth: int, samples: int) -> Iterator[tuple[int, int]]:
    """Blocks of layers, first and last, whose matrices fit in memory together, and whose states in a cache."""
    d, entries = path.dimension, path.dimension * (path.dimension + path.observations)
    size = max(1, min(ENTRIES // entries, NUMBERS // (d * samples)))
    for first in range(0, depth, size):
        yield first, min(first + size, depth)
