r"""Exact solutions of the limit, in ball arithmetic, as functions of exact rational time.

One idea behind all of them: **arcs**.  On the line let ``x' in c_j - a_j x`` between knots y_j < y_{j+1}, with
velocities that can only drop from left to right across a knot, and walls where the domain ends.  The solution is a
sequence of arcs ``x + v (1 - e^{-as})/a``, monotone in time: it passes through a knot, or rests there for good.
Soft thresholding has the knot 0, a box its two walls, Huber's function two knots.  All arcs start at rational points;
only the times at which they begin are balls.  Coordinates that do not see each other are such lines, jumps of
parameters start new arcs, and since lines are ordered (solutions never cross), the solutions from the ends of a ball
enclose those from within.

Without kinks (r = 0 or |x|^2/2) the limit is linear, and the exponential of a matrix takes the place of an arc.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, exact
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, ElasticNet, Function, Huber, NonNegative, SquaredL2, Zero
from fbscheck.inputs import Array
from fbscheck.limit.certificate import aligned
from fbscheck.limit.path import ParameterPath
from fbscheck.limit.piecewise import Piecewise

__all__ = ["Line", "closed_form"]

Values = npt.NDArray[np.float64]
Field = tuple[Fraction, Fraction] | None


@final
@dataclass(frozen=True)
class Line:
    """``x' in c_j - a_j x`` on m + 1 intervals between m ``knots``, for a ``duration``; all rational.

    ``fields`` holds the pairs (a_j, c_j), None outside the domain (first or last).  At each knot the velocity from the
    left is no less than the one from the right.
    """

    duration: Fraction
    knots: tuple[Fraction, ...]
    fields: tuple[Field, ...]

    def flow(self, start: flint.arb, times: Sequence[Fraction]) -> list[flint.arb]:
        """x at increasing ``times`` (from 0 to the duration) from a start in the domain, enclosed.

        Raises
        ------
        InputError
            If the start is certainly outside the domain.
        """
        ends = sorted({_rational(start.lower()), _rational(start.upper())})
        paths = [self._states(self._nearest(end, exact=len(ends) == 1), times) for end in ends]
        return paths[0] if len(paths) == 1 else [a.union(b) for a, b in zip(*paths, strict=True)]

    def _nearest(self, x: Fraction, exact: bool) -> Fraction:
        """The point of the domain nearest to ``x``; only the ends of a ball may be outside."""
        if self.fields[0] is None and x < self.knots[0]:
            inside = self.knots[0]
        elif self.fields[-1] is None and x > self.knots[-1]:
            inside = self.knots[-1]
        else:
            return x
        if exact:
            raise InputError(f"Need a start in the domain of r, got {float(x):g} (project it first).")
        return inside

    def _states(self, start: Fraction, times: Sequence[Fraction]) -> list[flint.arb]:
        arcs, found, active = self._arcs(start), [], 0
        for time in times:
            now = ball(time)
            while active + 1 < len(arcs) and now >= arcs[active + 1].begin:
                active += 1
            state = arcs[active](now)
            for later in arcs[active + 1 :]:
                if now < later.begin:
                    break
                state = state.union(later(now))
            found.append(state)
        return found

    def _arcs(self, x: Fraction) -> list["Arc"]:
        begin, arcs = flint.arb(0), []
        while True:
            j, velocity = self._leaving(x)
            field = self.fields[j]
            slope = field[0] if field is not None else Fraction(0)
            arcs.append(Arc(begin, x, slope, velocity))
            ahead = j if velocity > 0 else j - 1
            if velocity == 0 or not 0 <= ahead < len(self.knots):
                return arcs
            share = (self.knots[ahead] - x) / velocity
            if slope * share >= 1:
                return arcs
            begin = begin + (-(ball(-slope * share).log1p()) / ball(slope) if slope else ball(share))
            if begin > ball(self.duration):
                return arcs
            x = self.knots[ahead]

    def _leaving(self, x: Fraction) -> tuple[int, Fraction]:
        """The interval into which the solution goes from ``x``, and its velocity there."""
        j = sum(knot < x for knot in self.knots)
        if j == len(self.knots) or self.knots[j] != x:
            return j, self._velocity(j, x)
        left, right = self._velocity(j, x), self._velocity(j + 1, x)
        if self.fields[j + 1] is not None and right > 0:
            return j + 1, right
        return j, left if self.fields[j] is not None and left < 0 else Fraction(0)

    def _velocity(self, j: int, x: Fraction) -> Fraction:
        field = self.fields[j]
        return Fraction(0) if field is None else field[1] - field[0] * x


@final
@dataclass(frozen=True)
class Arc:
    """From time ``begin`` on: start + v (1 - e^{-a s})/a after a time s."""

    begin: flint.arb
    start: Fraction
    slope: Fraction
    velocity: Fraction

    def __call__(self, time: flint.arb) -> flint.arb:
        """x at a time that may be at or after ``begin``."""
        if not self.velocity:
            return ball(self.start)
        elapsed = (time - self.begin).nonnegative_part()
        if self.slope:
            slope = ball(self.slope)
            elapsed = -((-slope * elapsed).expm1()) / slope
        return ball(self.start) + ball(self.velocity) * elapsed


def closed_form(path: ParameterPath, x0: Array, b: Array, times: Iterable[Fraction]) -> Array:
    """The solution at increasing rational times, as balls (n, d, S), for ``x0`` (d,) or (d, S) and ``b`` alike.

    For parameters that are constant on pieces of time, with a diagonal K and a function r of single coordinates, or
    with any K and r = 0 or SquaredL2.

    Raises
    ------
    InputError
        If the path is of another kind, a time is outside [0, T], or a start is outside the domain of r.

    >>> from fbscheck.functions import L1
    >>> path = ParameterPath(np.eye(1), np.eye(1), 1.0, L1(1.0), horizon=2.0)
    >>> found = closed_form(path, np.ones(1), np.zeros(1), [Fraction(1, 2), Fraction(1)])
    >>> float(found[0, 0, 0].mid()), float(found[1, 0, 0].mid())  # 2 exp(-1/2) - 1, and rest
    (0.21306131942526685, 0.0)
    """
    x, data = aligned(path, x0, b)
    known = [Fraction(time) for time in times]
    if any(a > c for a, c in pairwise([Fraction(0), *known, path.horizon])):
        raise InputError(
            f"Need increasing times in [0, {float(path.horizon):g}], got {[float(t) for t in known]!r:.60}."
        )
    pieces = _pieces(path)
    diagonal = all(np.count_nonzero(K) == np.count_nonzero(np.diagonal(K)) for _, _, K, _, _ in pieces)
    if isinstance(path.r, tuple(_LINES)) and diagonal:
        advance: Any = _along_lines
    elif isinstance(path.r, Zero | SquaredL2):
        advance = _along_exponentials
    else:
        raise InputError(
            "Need a diagonal K and a function r of single coordinates, or r = Zero() or SquaredL2, for a closed form; "
            f"got {type(path.r).__name__} (use a network of many layers, with its own certificate)."
        )
    state, found = exact(x), [exact(x) for time in known if time == 0]
    for begin, end, K, L, weight in pieces:
        inside = [time - begin for time in known if begin < time <= end]
        states = advance(path.r, K, L, weight, state, data, [*inside, end - begin])
        found += states[:-1]
        state = states[-1]
    return np.stack(found) if found else np.empty((0, *x.shape), dtype=object)


def _pieces(path: ParameterPath) -> list[tuple[Fraction, Fraction, Values, Values, float]]:
    """(begin, end, K, L, weight) of the times between all breaks."""
    curves = (path.K, path.L, path.weights)
    if not all(isinstance(curve, Piecewise) and curve.ends is curve.starts for curve in curves):
        raise InputError("Need parameters that are constant on pieces of time for a closed form (Piecewise.steps).")
    breaks = [curve.breaks(path.horizon) for curve in curves]
    shares = sorted(set().union(*breaks))
    found = []
    for low, high in pairwise(shares):
        at = [sum(share <= low for share in own) - 1 for own in breaks]
        K, L, weight = (curve.starts[k] for curve, k in zip(curves, at, strict=True))  # type: ignore[union-attr]
        found.append((low * path.horizon, high * path.horizon, K, L, float(weight)))
    return found


def _along_lines(
    r: Function, K: Values, L: Values, weight: float, state: Array, b: Values, times: list[Fraction]
) -> list[Array]:
    """The states (d, S) at ``times``: each coordinate of each sample on its own line."""
    d, samples = state.shape
    rational: Any = np.frompyfunc(Fraction, 1, 1)
    drives = (rational(L) @ rational(b)).tolist()
    parameters = [rational(np.broadcast_to(getattr(r, name), d)).tolist() for name in _LINES[type(r)][0]]
    slopes, w = np.diagonal(K).tolist(), Fraction(weight)
    found = np.empty((len(times), d, samples), dtype=object)
    for i in range(d):
        own = [values[i] for values in parameters]
        for s in range(samples):
            knots, fields = _LINES[type(r)][1](Fraction(slopes[i]), drives[i][s], w, *own)
            found[:, i, s] = Line(times[-1], knots, fields).flow(state[i, s], times)
    return list(found)


def _along_exponentials(
    r: Function, K: Values, L: Values, weight: float, state: Array, b: Values, times: list[Fraction]
) -> list[Array]:
    """The states (d, S) at ``times`` of x' = -(K + weight sigma I)x + Lb: exponentials of one matrix."""
    d, samples = state.shape
    fed = flint.arb_mat(L.tolist()) * flint.arb_mat(b.tolist())
    generator = flint.arb_mat(d + samples, d + samples)
    curved = ball(weight) * ball(r.strong_convexity)
    for i in range(d):
        for j in range(d):
            generator[i, j] = -ball(float(K[i, j])) - (curved if i == j else 0)
        for s in range(samples):
            generator[i, d + s] = fed[i, s]
    eye = [[int(i == j) for j in range(samples)] for i in range(samples)]
    current, now, factors, found = flint.arb_mat([*state.tolist(), *eye]), Fraction(0), {}, []
    for time in times:
        if (length := time - now) not in factors:
            factors[length] = (generator * ball(length)).exp()
        current, now = factors[length] * current, time
        found.append(np.array(current.entries()[: d * samples], dtype=object).reshape(d, samples))
    return found


def _zero(k: Fraction, c: Fraction, w: Fraction) -> tuple[tuple[Fraction, ...], tuple[Field, ...]]:
    return (), ((k, c),)


def _square(k: Fraction, c: Fraction, w: Fraction, rho: Fraction) -> tuple[tuple[Fraction, ...], tuple[Field, ...]]:
    return (), ((k + w * rho, c),)


def _l1(k: Fraction, c: Fraction, w: Fraction, l1: Fraction, l2: Fraction = Fraction(0)) -> Any:
    return (Fraction(0),), ((k + w * l2, c + w * l1), (k + w * l2, c - w * l1))


def _box(k: Fraction, c: Fraction, w: Fraction, low: Fraction, high: Fraction) -> Any:
    return ((low,), (None, None)) if low == high else ((low, high), (None, (k, c), None))


def _nonnegative(k: Fraction, c: Fraction, w: Fraction) -> Any:
    return (Fraction(0),), (None, (k, c))


def _huber(k: Fraction, c: Fraction, w: Fraction, delta: Fraction, weight: Fraction) -> Any:
    slope = w * weight
    return (-delta, delta), ((k, c + slope * delta), (k + slope, c), (k, c - slope * delta))


_LINES: dict[type, tuple[tuple[str, ...], Any]] = {
    Zero: ((), _zero),
    SquaredL2: (("weight",), _square),
    L1: (("weight",), _l1),
    ElasticNet: (("l1", "l2"), _l1),
    Box: (("low", "high"), _box),
    NonNegative: ((), _nonnegative),
    Huber: (("delta", "weight"), _huber),
}
"""For each function of single coordinates: its parameters, and the line they make with k, c and the weight."""


def _rational(x: flint.arb) -> Fraction:
    """The value of a ball of radius zero."""
    mantissa, exponent = (int(part) for part in x.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent
