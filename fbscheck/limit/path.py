"""Paths of parameters theta(t) = (K(t), L(t), weight(t)) over [0, T], and the networks that sample them.

The limit of networks sampled from one path as N grows is ``x' in -(K(t)x - L(t)b) - weight(t) dr(x)``.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import Number, finite_array, positive
from fbscheck.limit.piecewise import Chords, Curve, LipschitzCurve, Piecewise
from fbscheck.network import Network

__all__ = ["Cells", "ParameterPath", "Sampling"]

Values = npt.NDArray[np.float64]
Sampling = Literal["nodes", "averages"]


@final
@dataclass(frozen=True, eq=False)
class Cells:
    """The layers first..last-1 of N, cut where a curve breaks, into M intervals in order of time.

    Interval j is the part [``low``, ``high``] (M,) of layer ``first + layer[j]``, as shares of its length; ``starts``
    (last - first,) is the first interval of each layer.  ``K``, ``L`` and ``weights`` are straight lines on them.
    """

    layer: npt.NDArray[np.intp]
    low: Values
    high: Values
    starts: npt.NDArray[np.intp]
    K: Chords
    L: Chords
    weights: Chords

    @property
    def cut(self) -> bool:
        """Whether any layer is in more than one piece."""
        return len(self.layer) > len(self.starts)


@final
@dataclass(frozen=True, eq=False, init=False)
class ParameterPath:
    """K (d, d), L (d, m) and a weight >= 0 as curves over [0, T], with a convex function r.

    Parameters
    ----------
    K, L, weights
        Curves (:class:`Piecewise`, :class:`LipschitzCurve`), or constants: arrays (d, d) and (d, m), a number.
    r
        The convex function; the limit moves by ``weights(t) r``.  The weight of an indicator does not matter.
    horizon
        T > 0.

    Raises
    ------
    InputError
        If shapes do not fit, a weight is negative, or a curve has another horizon.

    >>> from fbscheck.functions import L1
    >>> path = ParameterPath(np.eye(1), np.eye(1), 0.5, L1(1.0), horizon=2.0)
    >>> path.network(4)(np.zeros(1), np.array([2.0]))
    array([1.40625])
    """

    K: Curve
    L: Curve
    weights: Curve
    r: Function
    horizon: Fraction

    def __init__(
        self,
        K: Curve | npt.ArrayLike,
        L: Curve | npt.ArrayLike,
        weights: Curve | npt.ArrayLike,
        r: Function,
        horizon: Number,
    ) -> None:
        time = Fraction(positive(horizon, "horizon", "It is the time T that the limit runs."))
        parts = {"K": _curve(K, "K", 2), "L": _curve(L, "L", 2), "weights": _curve(weights, "weights", 0)}
        for curve in parts.values():
            curve.breaks(time)
        rows = parts["K"].shape[0]
        if parts["K"].shape != (rows, rows) or parts["L"].shape[0] != rows:
            shapes = parts["K"].shape, parts["L"].shape
            raise InputError(f"Need K of shape (d, d) and L of shape (d, m), got {shapes[0]} and {shapes[1]}.")
        least = _least(parts["weights"])
        if least < 0 or (r.is_indicator and least == 0):
            rule = "weights > 0 with an indicator" if r.is_indicator else "weights >= 0"
            raise InputError(f"Need {rule}, got {least:g} (trained without a constraint?).")
        if r.dimension not in (None, rows):
            raise InputError(f"Need a function r on R^{rows}, got one on R^{r.dimension}.")
        for name, value in (*parts.items(), ("r", r), ("horizon", time)):
            object.__setattr__(self, name, value)

    @classmethod
    def of_network(cls, network: Network, kind: Literal["steps", "lines"] = "steps") -> "ParameterPath":
        """The path that a trained network samples: constant on each layer, or straight between nodes.

        With "lines" the last layer's parameters are kept up to T.

        Raises
        ------
        InputError
            If the layers have functions of their own.
        """
        K, L, weights = network.parameters
        if any(r is not network.functions[0] for r in network.functions):
            raise InputError("Need one function r for all layers to read a network as a path (thresholds a unit?).")

        def curve(values: Values) -> Piecewise:
            if kind == "steps":
                return Piecewise.steps(values)
            return Piecewise.lines(np.concatenate([values, values[-1:]]))

        return cls(curve(K), curve(L), curve(weights), network.functions[0], network.horizon)

    @property
    def dimension(self) -> int:
        """d."""
        return self.K.shape[0]

    @property
    def observations(self) -> int:
        """m."""
        return self.L.shape[1]

    @property
    def variation(self) -> tuple[float, float, float]:
        """Total variations of K and L, in the Frobenius norm, and of the weights; rounded up."""
        return self.K.variation(), self.L.variation(), self.weights.variation()

    def network(self, depth: int, sampling: Sampling = "nodes") -> Network:
        """The network of N layers with the path's values at t_n = nT/N, or with its averages over each layer.

        Raises
        ------
        InputError
            Unless the depth is a positive integer.
        """
        checked(depth)
        return self.section(depth, 0, depth, sampling)

    def section(self, depth: int, first: int, last: int, sampling: Sampling = "nodes") -> Network:
        """The layers first..last-1 of :meth:`network`, so that a deep one need not be held in memory at once."""
        return self.sampled(self.cells(depth, first, last), Fraction(last - first, depth) * self.horizon, sampling)

    def sampled(self, cells: Cells, duration: Fraction, sampling: Sampling) -> Network:
        """The network of the layers that were cut into ``cells``, ``duration`` long together."""

        def sample(chords: Chords) -> Values:
            if sampling == "nodes" or chords.straight and not cells.cut:
                return chords.start if not cells.cut else chords.start[cells.starts]
            share = ((cells.high - cells.low) / 2).reshape(-1, *(1,) * (chords.start.ndim - 1))
            return np.add.reduceat(share * (chords.start + chords.end), cells.starts)

        K, L, weights = (sample(chords) for chords in (cells.K, cells.L, cells.weights))
        return Network(K, L, weights, self.r, duration)

    def cells(self, depth: int, first: int, last: int) -> Cells:
        """The layers first..last-1 of N = ``depth``, cut where a curve breaks."""
        breaks, own = self._joints
        nodes = np.array([_node(share, depth) for share in breaks], dtype=np.intp)
        inside = [
            (int(share * depth), float(share * depth % 1))
            for share, node in zip(breaks, nodes, strict=True)
            if first < node <= last and share * depth % 1
        ]
        layers = np.arange(first, last)
        layer = np.concatenate([layers, np.array([n for n, _ in inside], dtype=np.intp)])
        low = np.concatenate([np.zeros(len(layers)), np.array([share for _, share in inside])])
        piece = np.concatenate(
            [
                np.searchsorted(nodes, layers, side="right"),
                np.array([p + 1 for p, s in enumerate(breaks) if first < nodes[p] <= last and s * depth % 1], np.intp),
            ]
        )
        order = np.lexsort((low, layer))
        layer, low, piece = layer[order], low[order], piece[order]
        starts = np.flatnonzero(np.concatenate([[True], layer[1:] != layer[:-1]]))
        high = np.ones(len(low))
        high[:-1] = np.where(layer[1:] == layer[:-1], low[1:], 1.0)
        shares = (layer + low) / depth, (layer + high) / depth
        curves = (self.K, self.L, self.weights)
        chords = [curve.chords(*shares, mine[piece], self.horizon) for curve, mine in zip(curves, own, strict=True)]
        return Cells(layer - first, low, high, starts, *chords)

    @cached_property
    def _joints(self) -> tuple[list[Fraction], list[npt.NDArray[np.intp]]]:
        """Where any curve breaks inside [0, 1], and for each piece between two such shares that of each curve."""
        ends = [curve.breaks(self.horizon) for curve in (self.K, self.L, self.weights)]
        breaks = sorted(set().union(*ends) - {Fraction(0), Fraction(1)})
        return breaks, [_own_pieces(breaks, curve_ends) for curve_ends in ends]


def checked(depth: Any) -> int:
    """The depth, if it is a positive integer."""
    if isinstance(depth, bool) or not isinstance(depth, int | np.integer) or depth < 1:
        raise InputError(f"Need a depth of one layer or more, got depth={depth!r:.40}.")
    return int(depth)


def _curve(value: Any, name: str, ndim: int) -> Curve:
    if isinstance(value, Piecewise | LipschitzCurve):
        curve: Curve = value
    elif callable(value):
        raise InputError(
            f"Need {name} as a LipschitzCurve: of a bare function nothing can be certified between samples."
        )
    else:
        curve = Piecewise.steps(finite_array(value, name, ndim)[None])
    if len(curve.shape) != ndim:
        raise InputError(f"Need values of {name} with {ndim} dimension(s), got shape {curve.shape}.")
    return curve


def _least(weights: Curve) -> float:
    """The least weight that can be seen; a Lipschitz curve is looked at in 1024 places."""
    if isinstance(weights, Piecewise):
        return float(min(weights.starts.min(), weights.ends.min()))
    low = np.arange(1024) / 1024
    return float(weights.chords(low, low + 2.0**-10, np.zeros(1024, np.intp), Fraction(weights.horizon)).start.min())


def _node(share: Fraction, depth: int) -> int:
    """The first node at or after a time."""
    return -(-share.numerator * depth // share.denominator)


def _own_pieces(breaks: list[Fraction], ends: tuple[Fraction, ...]) -> npt.NDArray[np.intp]:
    """For each piece between all breaks, the piece of one curve that holds it."""
    own = set(ends)
    return np.cumsum([0, *(share in own for share in breaks)])
