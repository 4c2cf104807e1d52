r"""The least value over ALL paths, for one sample, free weights, r = 0 and the penalty a int(|K|_F^2 + |L|_F^2).

v_n = (x_{n+1} - x_n)/h = L_n b - K_n x_n takes |K_n|_F^2 + |L_n|_F^2 >= |v_n|^2/(|x_n|^2 + |b|^2), and no more: with
K_n = -v_n x_n^T/(...), L_n = v_n b^T/(...).  What is left is least over states,

    min J_N = min |x_N - x*|^2/2 + (a/h) sum_n |x_{n+1} - x_n|^2/(|x_n|^2 + |b|^2),   min J = the same with an integral.

*No data, b = 0.*  A step costs |x_{n+1}/x_n - 1|^2 by the quotient of lengths and the angle between the two, and a
larger angle costs more.  Angles from x_0 add up to at most the sum of those of the steps, so turning in the plane of
x_0 and x* is best, and states are complex numbers x_{n+1} = f_n x_n (real ones for d = 1).  A path through 0 stays
there: |x*|^2/2 + a/h is its least value.  On others J_N is smooth in the f_n, and where its derivatives vanish,
conj(f_n) (1 - f_n) is one number c for all n: all f_n have one imaginary part q, and their real parts are p or 1 - p.
So j layers take 1 - p + iq and N - j take p + iq, p >= 1/2: equal layers are j = 0, and not always best.  j costs
a j/(4h) at least.  In the limit int|x'|^2/|x|^2 is no less than (log^2 + angle^2)/T, by Cauchy's inequality.

*One dimension, b != 0.*  In the limit x = |b| sinh s, and int s'^2 >= (s(T) - s(0))^2/T.  In N layers,
m_n = (x_{n+1} - x_n)/(x_n^2 + |b|^2) has m_{n-1} = m_n + x_n m_n^2 and x_N - x* + 2(a/h) m_{N-1} = 0 where derivatives
vanish.  The smaller root m_n is the only one with |x_n m_n| < 1/2; the other costs a/(4h) at least.  Where a path
with a value U < a/(4h) is known, |x_n m_n| <= (hU/a)^(1/2) =: k < 1/2 at minimisers, so that
(1 + 4 x_n m_{n-1})^(1/2) = 1 + 2 x_n m_n >= 1 - 2k, and m_0 is the only unknown.

A minimiser exists (J_N is continuous and bounds all parameters) and has vanishing derivatives.  The two unknowns at
most are enclosed by branch and bound in ball arithmetic: cells are dropped where the value is too large or a
derivative is not zero.
"""

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, final

import flint
import numpy as np
from scipy.optimize import minimize, minimize_scalar

from fbscheck.certify.balls import ball, exact, lower, norm, upper
from fbscheck.errors import InputError
from fbscheck.functions import Zero
from fbscheck.learning.families import Free
from fbscheck.learning.losses import Squared
from fbscheck.learning.problem import Problem
from fbscheck.learning.regularisers import Lp
from fbscheck.verdict import Bracket, Evidence, Rigour, Side

__all__ = ["least_value"]

Ball = Any
Box = tuple[tuple[float, float], ...]
Point = tuple[Ball, ...]
Reduced = Callable[[Point], tuple[Ball, tuple[Ball, ...]]]
"""The value at a point or a cell, and numbers that are zero at minimisers; no numbers: there is no minimiser."""

ACCURACY = 1e-11
"""Of the least value, relatively, as long as rounding allows it."""
MOST = 200_000
"""Cells that are looked at."""


@final
@dataclass(frozen=True, eq=False)
class _Sample:
    """What the reduced problems need: a, T, N (None: the limit), |x_0| or x_0, x* as a complex number, |b|."""

    a: Ball
    horizon: Ball
    depth: int | None
    start: Ball
    target: Any
    data: Ball

    @property
    def rate(self) -> Ball:
        """a/h; a/T in the limit."""
        return self.a * (self.depth or 1) / self.horizon


def least_value(problem: Problem, depth: int | None = None) -> Bracket:
    """Bounds on min J_N, N = ``depth``, or on min J if that is None, over all paths of parameters.

    Raises
    ------
    InputError
        If the problem is not one of those whose reduction is proved here, or the depth is too small for the proof.
    """
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int | np.integer) or depth < 1):
        raise InputError(f"Need a positive integer for depth, or None for the limit, got {depth!r:.40}.")
    sample = _sample(problem, None if depth is None else int(depth))
    if sample.data == 0:
        low, high = _undriven(sample, len(problem.x0) > 1)
    else:
        low, high = _driven(sample)
    layers = "the limit" if depth is None else f"{depth} layers"
    method = f"all states of one sample, {layers}, by branch and bound in ball arithmetic"
    evidence = (
        Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, method),
        Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, f"states that are attained, {layers}, in ball arithmetic"),
    )
    return Bracket(low, None, high, None, evidence)


def _sample(problem: Problem, depth: int | None) -> _Sample:
    known = {
        "one sample": problem.samples == 1,
        "free weights": isinstance(problem.family, Free),
        "r = 0": isinstance(problem.family.r, Zero),
        "the squared loss": isinstance(problem.loss, Squared),
        "the penalty a int |theta|^2": isinstance(problem.regulariser, Lp) and problem.regulariser.p == 2,
        "d = 1 or b = 0": len(problem.x0) == 1 or not np.any(problem.b),
        "x_0 != 0 or b != 0": bool(np.any(problem.x0) or np.any(problem.b)),
    }
    if missing := [name for name, met in known.items() if not met]:
        raise InputError(f"Need {', '.join(known)}, got a problem without {missing[0]}: no other minimum is known.")
    a, horizon = ball(problem.regulariser.a), ball(Fraction(problem.horizon))  # type: ignore[attr-defined]
    x, target, data = (exact(np.asarray(part)[:, 0]) for part in (problem.x0, problem.target, problem.b))
    if np.any(problem.b):
        return _Sample(a, horizon, depth, x[0], target[0], norm(data))
    length = norm(x)
    along = np.sum(x * target) / length
    across = (np.sum(target * target) - along**2).nonnegative_part().sqrt() if len(x) > 1 else flint.arb(0)
    return _Sample(a, horizon, depth, length, flint.acb(along, across), flint.arb(0))


def _undriven(sample: _Sample, plane: bool) -> tuple[float, float]:
    """b = 0: over the number of layers of the second kind."""
    still = upper(abs(flint.acb(sample.start) - sample.target) ** 2 / 2)
    axes = 1 + plane
    aim = complex(*(float(part.mid()) for part in (sample.target.real, sample.target.imag))) or 2.0**-20
    begin = [math.log(abs(aim) / float(sample.start.mid())), float(np.angle(aim))][:axes]
    flow = partial(_turning_flow, sample)
    end = minimize(lambda z: float(flow(tuple(map(flint.arb, z)))[0].mid()), begin, method="Nelder-Mead").x
    if sample.depth is None:
        high = min(still, upper(flow(tuple(map(flint.arb, end)))[0]))
        reach = upper((ball(high) / sample.rate).sqrt())
        return _least(flow, ((-reach, reach),) * axes, high)
    depth, stop = sample.depth, abs(sample.target) ** 2 / 2 + sample.rate
    trial = _turning(sample, 0, tuple(flint.arb(part) / depth for part in end))[0]
    low, high = lower(stop), min(still, upper(stop), upper(trial))
    for j in range(depth + 1):
        if lower(sample.rate * j / 4) > high:
            break
        far = (ball(high) / sample.rate / (depth - j or j)).sqrt()
        near = far < 1 and j < depth
        lengths = (lower((1 - far).max(flint.arb(0.5)).log() if near else -flint.arb(2).log()), upper((1 + far).log()))
        widest = upper(far.asin() if near else flint.arb.pi() / 2)
        least, high = _least(partial(_turning, sample, j), (lengths, (-widest, widest))[:axes], high)
        low = min(low, least)
    return low, high


def _turning_flow(sample: _Sample, point: Point) -> tuple[Ball, tuple[Ball, ...]]:
    """The value at x(T) = x_0 e^{s + iw}, and its derivatives by s and w."""
    s, w = (*point, flint.arb(0))[:2]
    y = flint.acb(s, w).exp() * sample.start
    e = y - sample.target
    slopes = (_inner(e, y) + 2 * sample.rate * s, _inner(e, _turned(y)) + 2 * sample.rate * w)
    return abs(e) ** 2 / 2 + sample.rate * (s**2 + w**2), slopes[: len(point)]


def _turning(sample: _Sample, j: int, point: Point) -> tuple[Ball, tuple[Ball, ...]]:
    """The value of N - j layers f = e^{s + iw} and j layers 1 - conj(f), and its derivatives by s and w."""
    s, w = (*point, flint.arb(0))[:2]
    n, length, f = (sample.depth or 0) - j, s.exp(), flint.acb(s, w).exp()
    other, g = flint.acb(f.real, -f.imag), flint.acb(1 - f.real, f.imag)
    many = flint.acb(n * s, n * w).exp() * sample.start
    y = many * g**j
    e, turn = y - sample.target, j * many * g ** (j - 1) * other if j else flint.acb(0)
    chord = s.expm1() ** 2 + 4 * length * (w / 2).sin() ** 2
    value = abs(e) ** 2 / 2 + sample.rate * (n * chord + j * length**2)
    by_s = _inner(e, n * y - turn) + 2 * sample.rate * (n * length * (length - w.cos()) + j * length**2)
    by_w = _inner(e, _turned(n * y + turn)) + 2 * sample.rate * n * length * w.sin()
    return value, (by_s, by_w)[: len(point)]


def _driven(sample: _Sample) -> tuple[float, float]:
    """b != 0 in one dimension."""
    begin, size = (sample.start / sample.data).asinh(), sample.data
    still = upper((sample.start - sample.target) ** 2 / 2)
    if sample.depth is None:
        reach = (ball(still) / sample.rate).sqrt()
        return _least(partial(_driven_flow, sample, begin), ((lower(begin - reach), upper(begin + reach)),), still)
    count = sample.depth

    def even(end: float) -> Ball:
        """The value of states that are even in s."""
        s = [begin + (flint.arb(end) - begin) * n / count for n in range(count + 1)]
        x = [sample.start, *(size * part.sinh() for part in s[1:])]
        return _of_states(sample, x)

    around = float(begin.mid()), float((sample.target / size).asinh().mid())
    best = minimize_scalar(lambda end: float(even(end).mid()), bounds=(min(around), max(around)), method="bounded")
    high = min(still, upper(even(float(best.x))))
    share = (ball(high) / sample.rate).sqrt()
    if not 2 * share < 1:
        raise InputError(
            f"Need more layers, got depth={count}: a step may be so long that it has two continuations (a/(4h) must be "
            f"above the value {high:.3g} of a path)."
        )
    reach = upper(share / (sample.start**2 + size**2).sqrt())
    return _least(partial(_shooting, sample, share), ((-reach, reach),), high)


def _driven_flow(sample: _Sample, begin: Ball, point: Point) -> tuple[Ball, tuple[Ball, ...]]:
    """The value at x(T) = |b| sinh s, and its derivative."""
    (s,) = point
    e = sample.data * s.sinh() - sample.target
    slope = e * sample.data * s.cosh() + 2 * sample.rate * (s - begin)
    return e**2 / 2 + sample.rate * (s - begin) ** 2, (slope,)


def _shooting(sample: _Sample, share: Ball, point: Point) -> tuple[Ball, tuple[Ball, ...]]:
    """The value of the states that begin with m_0, and the condition at the end; their cost is at most ``share``^2."""
    (m,), x, cost, most, least = point, sample.start, flint.arb(0), share**2, (1 - 2 * share) ** 2
    for n in range(sample.depth or 0):
        if n:
            square = 1 + 4 * x * m
            if square < least:
                return cost, ()
            m = 2 * m / (1 + square.max(least).sqrt())
        weight = x**2 + sample.data**2
        cost += m**2 * weight
        if cost > most:
            return cost, ()
        x += m * weight
    e = x - sample.target
    return e**2 / 2 + sample.rate * cost, (e + 2 * sample.rate * m,)


def _of_states(sample: _Sample, x: list[Ball]) -> Ball:
    """J_N of states in one dimension."""
    steps = ((after - before) ** 2 / (before**2 + sample.data**2) for before, after in itertools.pairwise(x))
    return (x[-1] - sample.target) ** 2 / 2 + sample.rate * sum(steps, flint.arb(0))


def _least(reduced: Reduced, box: Box, known: float) -> tuple[float, float]:
    """Bounds on the least of the values at minimisers in a ``box`` and of a value that is ``known`` to be attained.

    The upper one is attained: at the middle of a cell, or ``known``.
    """
    queue: list[tuple[float, int, Box]] = [(-math.inf, 0, box)]
    count, high = itertools.count(1), known
    for _ in range(MOST):
        if not queue or queue[0][0] >= high * (1 - ACCURACY):
            break
        _, _, cell = heapq.heappop(queue)
        for part in _parts(cell, box):
            value, slopes = reduced(tuple(flint.arb(a).union(flint.arb(b)) for a, b in part))
            if not slopes or any(slope > 0 or slope < 0 for slope in slopes):
                continue
            least = lower(value) if value.is_finite() else -math.inf
            middle, there = reduced(tuple(flint.arb((a + b) / 2) for a, b in part))
            if there and middle.is_finite():
                high = min(high, upper(middle))
            if least <= high:
                heapq.heappush(queue, (least, next(count), part))
    return min(queue[0][0], high) if queue else high, high


def _parts(cell: Box, box: Box) -> list[Box]:
    """The cell, cut in two across the side that is the longest in comparison with the box's."""
    shares = [(b - a) / (right - left) for (a, b), (left, right) in zip(cell, box, strict=True)]
    k = max(range(len(cell)), key=shares.__getitem__)
    a, b = cell[k]
    return [(*cell[:k], half, *cell[k + 1 :]) for half in ((a, (a + b) / 2), ((a + b) / 2, b))]


def _inner(e: Any, y: Any) -> Ball:
    """Re(conj(e) y)."""
    return e.real * y.real + e.imag * y.imag


def _turned(y: Any) -> Any:
    """i y."""
    return flint.acb(-y.imag, y.real)
