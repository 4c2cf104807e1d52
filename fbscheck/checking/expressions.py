"""Operators given by formulas: certified and attained constants on a box, by branch and bound.

Every box carries a slope matrix (:mod:`fbscheck.checking.programs`): T(x) - T(y) = J (x - y) with some J
within, for x, y of that box.  For any two points of the whole box, the segment between them runs
through finitely many boxes with fractions t_k of its length, so T(x) - T(y) = (sum t_k J_k) (x - y).
Hence a condition on J holds for T if it holds on every box and passes to averages (so it needs checking
only on matrices that span the slopes).  All five do, as a norm is convex and an infimum of linear
functions concave (:mod:`fbscheck.checking.radial` bounds radial maps in another way, too):

* |J| <= L, and |I - J| <= eps;
* (J + J^T)/2 >= mu I;
* |2 beta J - I| <= 1, which says (J + J^T)/2 >= beta J^T J for beta > 0;
* the same of I - J with beta = 1/(2 alpha).

The other end is attained by a pair of float64 points, with its quotient enclosed in balls.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import flint
import numpy as np
import numpy.typing as npt
import sympy

from fbscheck.certify.balls import exact, lower, upper
from fbscheck.checking.conditions import BOUNDS, CONSTANTS
from fbscheck.checking.intervals import Interval
from fbscheck.checking.matrices import extremal
from fbscheck.checking.programs import Program, run_balls, run_slopes, translate
from fbscheck.checking.radial import Radial, radial, worst
from fbscheck.checking.scores import score
from fbscheck.errors import InputError

__all__ = ["Bounds", "Cover", "Expression", "attained", "box_scores", "certify"]

Values = npt.NDArray[np.float64]
Point = tuple[float, ...]

BATCH = 256
"""Boxes that are split at once, at least; a quarter of them if there are more."""


@final
@dataclass(frozen=True)
class Expression:
    """The operator with these ``components``, as functions of the ``symbols``, real numbers.

    A floating number in them is read as the shortest decimal that prints it: 0.1 is 1/10.
    """

    components: Sequence[sympy.Expr]
    symbols: Sequence[sympy.Symbol]

    def __post_init__(self) -> None:
        if any(isinstance(symbol, sympy.Dummy) for symbol in self.symbols):
            raise InputError("Need symbols with names, got a Dummy.")
        parts = [sympy.sympify(component) for component in self.components]
        floats = {number for part in parts for number in part.atoms(sympy.Float)}
        exact = {number: sympy.Rational(repr(float(number))) for number in floats}
        object.__setattr__(self, "components", [part.xreplace(exact) for part in parts])

    @cached_property
    def program(self) -> Program:
        """The steps that evaluate it; raises :class:`InputError` if a function is not supported."""
        return translate(self.components, self.symbols)

    @cached_property
    def radial(self) -> Radial | None:
        """The same as a radial map, if it is one."""
        return radial(self.components, self.symbols)

    @cached_property
    def blocks(self) -> "list[tuple[Expression, list[int]]]":
        """Groups of coordinates, with their rows, whose components depend on no symbol of another group."""
        groups: list[set[int]] = []
        for k, component in enumerate(self.components):
            linked = {k, *(j for j, symbol in enumerate(self.symbols) if symbol in component.free_symbols)}
            for group in [group for group in groups if group & linked]:
                groups.remove(group)
                linked |= group
            groups.append(linked)
        return [(self._part(sorted(group)), sorted(group)) for group in groups]

    def _part(self, rows: list[int]) -> "Expression":
        return Expression([self.components[k] for k in rows], [self.symbols[k] for k in rows])

    def slopes(self, low: Values, high: Values) -> list[Interval]:
        """Interval matrices (B, m, d) whose convex hull is a slope matrix on the boxes between ``low`` and ``high``."""
        return run_slopes(self.program, Interval(low, high))

    def derivatives(self, points: Values) -> Interval:
        """Enclosures (B, m, d) of the derivatives at points (d, B), of a hull where there is a kink."""
        return self.slopes(points, points)[0]

    def values(self, points: Values) -> Values:
        """Floating values (m, B) at points (d, B), NaN where they are not defined; good enough for a figure."""
        rows = sympy.lambdify(self.symbols, list(self.components), "numpy")(*points)
        return np.array([np.broadcast_to(np.real_if_close(row), points.shape[1:]) for row in rows], dtype=np.float64)

    def at(self, point: Sequence[float]) -> list[flint.arb]:
        """Balls around the components at a float64 point; NaN where they are not defined."""
        return run_balls(self.program, [flint.arb(float(t)) for t in point])


@final
@dataclass(frozen=True, eq=False)
class Cover:
    """Boxes between ``low`` and ``high`` (d, B) that cover a domain, or of "radii" (1, B), all that it has."""

    kind: str
    low: Values
    high: Values


@final
@dataclass(frozen=True)
class Bounds:
    """What is known of a constant on a box: ``lower`` <= constant <= ``upper``, both rounded outwards.

    The end that is worse for the condition is certified on ``boxes`` boxes, the other one attained by
    the pair ``witness``.  ``exhausted`` says that the search ended without deciding the claim or reaching
    the tolerance: time was up, boxes as small as they get, or a certificate out of the question.
    ``covers`` has one cover for each independent block, and no part of one has a worse bound.
    """

    constant: str
    lower: float
    upper: float
    boxes: int
    exhausted: bool
    witness: tuple[Point, Point] | None = None
    covers: tuple[Cover, ...] = field(default=(), compare=False)

    def holds(self, claim: float) -> bool | None:
        """Whether the constant is as good as ``claim``: True certified, False refuted, None undecided."""
        worst, attained = (self.upper, self.lower) if CONSTANTS[self.constant].worse > 0 else (self.lower, self.upper)
        worse = CONSTANTS[self.constant].worse
        return True if worse * worst <= worse * claim else False if worse * attained > worse * claim else None


def certify(
    expression: Expression,
    low: Sequence[float],
    high: Sequence[float],
    claims: Mapping[str, float | None],
    budget_seconds: float = 10.0,
    tolerance: float = 1e-6,
) -> dict[str, Bounds]:
    """Bounds of the constant behind every condition claimed of T on the box between ``low`` and ``high``.

    The search for a claim (the default of :data:`BOUNDS` for None) stops once it is decided, or the constant is
    bracketed to a thousandth of ``tolerance``, relative to 1 + its size; a claim of NaN, or None without a default, is
    never decided, and the constant is bracketed to ``tolerance``.
    Negative cocoercivity is not certified: the bound is -inf.

    Raises:
        InputError: If the expression is not supported, has not as many components as symbols, or the box is empty.
    """
    start, end = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    size = len(expression.symbols)
    if len(expression.components) != size or start.shape != (size,) or end.shape != (size,):
        raise InputError(
            f"Need as many components and box sides as symbols ({size}), got {len(expression.components)}."
        )
    if not (np.isfinite(end - start).all() and (start < end).all()):
        raise InputError(f"Need a bounded box with low < high, got {list(low)} and {list(high)}.")
    found, finish = {}, time.monotonic() + budget_seconds
    for k, (name, claim) in enumerate(claims.items()):
        constant, default = BOUNDS[name]
        value = next((number for number in (claim, default) if number is not None), math.nan)
        now = time.monotonic()
        limit = now + (finish - now) / (len(claims) - k)
        with np.errstate(all="ignore"):
            found[name] = _bounds(expression, constant, start, end, value, limit, tolerance)
    return found


def _bounds(
    expression: Expression, constant: str, start: Values, end: Values, claim: float, limit: float, tolerance: float
) -> Bounds:
    """Bounds of one constant: the worst of those of the independent blocks, as T is their direct sum."""
    if len(expression.blocks) == 1:
        return _search(expression, constant, start, end, claim, limit, tolerance)
    worse, parts, best, witness = CONSTANTS[constant].worse, [], -math.inf, None
    for k, (block, rows) in enumerate(expression.blocks):
        now = time.monotonic()
        share = now + (limit - now) / (len(expression.blocks) - k)
        part = _search(block, constant, start[rows], end[rows], claim, share, tolerance)
        parts.append(part)
        if part.witness is not None:
            x, y = (start / 2 + end / 2 for _ in range(2))
            x[rows], y[rows] = part.witness
            pair = tuple(x.tolist()), tuple(y.tolist())
            if (value := worse * attained(expression, constant, *pair)) > best:
                best, witness = value, pair
    most = max(worse * (part.upper if worse > 0 else part.lower) for part in parts)
    lesser, larger = (best, most) if worse > 0 else (-most, -best)
    boxes, exhausted = sum(part.boxes for part in parts), any(part.exhausted for part in parts)
    covers = tuple(cover for part in parts for cover in part.covers)
    return Bounds(constant, lesser, larger, boxes, exhausted, witness, covers)


def _search(
    expression: Expression, constant: str, start: Values, end: Values, claim: float, limit: float, tolerance: float
) -> Bounds:
    """Split the worst boxes until the claim is decided; scores are worse * constant, so that larger is worse."""
    worse = CONSTANTS[constant].worse
    low, high = start[:, None], end[:, None]
    scores = box_scores(expression, constant, low, high, claim)
    owners = np.vstack([low, high])
    by_radius, radii = math.inf, (low, high)
    if expression.radial is not None:
        finish = time.monotonic() + max(0.0, limit - time.monotonic()) / 2
        by_radius, *ends = worst(expression.radial, constant, start, end, claim, finish, tolerance)
        scores, radii = np.fmin(scores, by_radius), (ends[0], ends[1])
    best, witness, slack = -math.inf, None, tolerance if math.isnan(claim) else tolerance / 1000
    pairs = [*_explore(expression, constant, start, end), (tuple(start.tolist()), tuple(end.tolist()))]
    exhausted = False
    while True:
        for x, y in pairs:
            if (value := worse * attained(expression, constant, x, y)) > best:
                best, witness = value, (x, y)
        most, goal = float(scores.max()), worse * claim
        if most <= goal or best > goal or most == best or 0 <= most - best <= slack * (1 + abs(best)) < math.inf:
            break
        hopeless = constant == "averagedness" and best == math.inf or constant == "cocoercivity" and best > 0
        chosen = np.argsort(-scores, kind="stable")[: max(BATCH, len(scores) // 4)]
        chosen = chosen[scores[chosen] > (best if math.isnan(goal) else goal)]
        sides = (high - low)[:, chosen] / (end - start)[:, None]
        if hopeless or time.monotonic() > limit or sides[:, 0].max() < 1e-13:
            exhausted = True
            break
        pairs = [(tuple(low[:, k].tolist()), tuple(high[:, k].tolist())) for k in chosen[:2]]
        middles = (low / 2 + high / 2)[:, chosen[:64]]
        leaders = np.argsort(-_guesses(constant, expression.derivatives(middles)), kind="stable")[:3]
        pairs += _pairs(expression, constant, middles[:, leaders], start, end)
        new_low, new_high = _halves(low[:, chosen], high[:, chosen], sides.argmax(0))
        new, before = box_scores(expression, constant, new_low, new_high, claim), np.tile(scores[chosen], 2)
        new_owners = np.where(new <= before, np.vstack([new_low, new_high]), np.tile(owners[:, chosen], 2))
        new = np.minimum(new, before)
        kept = np.ones(len(scores), dtype=bool)
        kept[chosen] = False
        low, high = np.hstack([low[:, kept], new_low]), np.hstack([high[:, kept], new_high])
        scores, owners = np.concatenate([scores[kept], new]), np.hstack([owners[:, kept], new_owners])
    lesser, larger = (best, most) if worse > 0 else (-most, -best)
    boxes = np.unique(owners, axis=1)
    cover = Cover("boxes", boxes[: len(start)], boxes[len(start) :])
    if most >= by_radius:
        cover = Cover("radii", *radii)
    return Bounds(constant, lesser, larger, len(scores), exhausted, witness, (cover,))


def _halves(low: Values, high: Values, axis: npt.NDArray[np.intp]) -> tuple[Values, Values]:
    columns = np.arange(low.shape[1])
    middle = low[axis, columns] / 2 + high[axis, columns] / 2
    left, right = high.copy(), low.copy()
    left[axis, columns] = right[axis, columns] = middle
    return np.hstack([low, right]), np.hstack([left, high])


def box_scores(expression: Expression, constant: str, low: Values, high: Values, claim: float) -> Values:
    """Upper bounds of worse * constant on every box: the worst over the matrices that span the slopes."""
    return np.asarray(np.max([score(slopes, constant, claim) for slopes in expression.slopes(low, high)], axis=0))


def _explore(expression: Expression, constant: str, start: Values, end: Values) -> list[tuple[Point, Point]]:
    """Near pairs at the worst points of a random cloud that contracts around the worst one so far."""
    rng, width = np.random.default_rng(0), (end - start)[:, None]
    cloud = start[:, None] + width * rng.random((len(start), 256))
    for radius in (0.6**power for power in range(1, 20)):
        slopes = expression.derivatives(cloud)
        leaders = cloud[:, np.argsort(-_guesses(constant, slopes))[:8]]
        near = np.repeat(leaders, 8, axis=1) + radius * width * rng.uniform(-1, 1, (len(start), 64))
        cloud = np.hstack([leaders, np.clip(near, start[:, None], end[:, None])])
    return _pairs(expression, constant, leaders[:, :4], start, end)


def _guesses(constant: str, slopes: Interval) -> Values:
    """Floating estimates of worse * constant for the middles of slope matrices; -inf if these are unbounded."""
    finite = np.all(np.isfinite(slopes.lo + slopes.hi), axis=(1, 2))
    matrices = np.where(finite[:, None, None], (slopes.lo + slopes.hi) / 2, 0.0)
    if constant in ("averagedness", "residual"):
        matrices = np.eye(matrices.shape[1]) - matrices
    if constant in ("lipschitz", "residual"):
        return np.where(finite, np.linalg.norm(matrices, 2, axis=(1, 2)), -np.inf)
    if constant != "monotonicity":
        matrices = np.linalg.pinv(matrices, 1e-12)
    values = np.linalg.eigvalsh((matrices + np.swapaxes(matrices, 1, 2)) / 2)
    if constant != "monotonicity":
        values = np.where(np.abs(values) < 1e-9, np.inf, values)
    return np.where(finite, -values.min(1), -np.inf)


def _pairs(
    expression: Expression, constant: str, middles: Values, start: Values, end: Values
) -> list[tuple[Point, Point]]:
    """Near pairs around the points (d, B), in the directions that are worst for the slopes there."""
    slopes = expression.derivatives(middles)
    found = []
    for k in np.flatnonzero(np.all(np.isfinite(slopes.lo + slopes.hi), axis=(1, 2))):
        direction = extremal((slopes.lo[k] + slopes.hi[k]) / 2, constant)
        step = 1e-8 * (end - start).min() * direction / np.abs(direction).max()
        middle = np.clip(middles[:, k], start + np.abs(step), end - np.abs(step))
        x, y = (np.clip(middle + sign * step, start, end) for sign in (1, -1))
        found.append((tuple(x.tolist()), tuple(y.tolist())))
    return found


def attained(expression: Expression, constant: str, x: Point, y: Point) -> float:
    """The quotient of one pair, enclosed and rounded to the better side; the best value if it is not defined."""
    worse = CONSTANTS[constant].worse
    d = exact(x) - exact(y)
    v = np.array(expression.at(x), dtype=object) - np.array(expression.at(y), dtype=object)
    rest = d - v
    length, moved, forward = (d * d).sum(), (v * v).sum(), (v * d).sum()
    if constant == "lipschitz":
        value = lower((moved / length).sqrt()) if length > 0 else math.nan
    elif constant == "residual":
        value = lower(((rest * rest).sum() / length).sqrt()) if length > 0 else math.nan
    elif constant == "monotonicity":
        value = upper(forward / length) if length > 0 else math.nan
    elif constant == "cocoercivity":
        value = upper(forward / moved) if moved > 0 else math.nan
    else:
        moved, forward = (rest * rest).sum(), (rest * d).sum()
        if moved > 0 and forward <= 0:
            return math.inf
        value = lower(moved / (2 * forward)) if moved > 0 and forward > 0 else math.nan
    best = math.inf if worse < 0 else 0.0
    return best if math.isnan(value) else value
