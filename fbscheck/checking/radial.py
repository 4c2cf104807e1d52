r"""Formulas of the form T(x) = c(\|x\|) x, such as group shrinkage: their constants from one radius.

With phi(r) = c(r) r and u = x/\|x\|, T(x) = phi(\|x\|) u.  Along a segment z(t) that misses 0,
phi(\|z\|) is Lipschitz if the slopes of phi are bounded, and at almost every t

    d/dt T(z) = J z',    J = p u u^T + q (I - u u^T),

where p is a slope of phi near r = \|z\| and q = phi(r)/r = c(r).  Hence T(x) - T(y) = (int J dt) (x - y), and a
condition that passes to averages holds for T if it holds for all J, which an orthogonal matrix turns into
diag(p, q, ..., q).  Segments through 0 follow by continuity: p and q bounded make T(x) tend to 0 there,
and where T is not defined at 0, nothing is said of it.  If phi(0) = 0 and the radii start at 0, q is an average
of slopes p, which then say it all.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import sympy

from fbscheck.certify.balls import exact, lower, norm, upper
from fbscheck.checking.conditions import CONSTANTS, Values
from fbscheck.checking.intervals import Interval, interval
from fbscheck.checking.programs import Program, run_slopes, run_values, translate
from fbscheck.checking.scores import score

__all__ = ["Radial", "radial", "radii", "radius_scores", "worst"]

RADIUS = sympy.Dummy("radius", positive=True)
KINKS = (sympy.Max, sympy.Min, sympy.Piecewise)
BOXES = 100_000


@final
@dataclass(frozen=True)
class Radial:
    """The map x -> c(|x|) x; ``factor`` is c, as an expression in :data:`RADIUS`."""

    factor: sympy.Expr

    @cached_property
    def _factor(self) -> Program:
        return translate([self.factor], [RADIUS])

    @cached_property
    def _profile(self) -> Program:
        return translate([_times(self.factor, RADIUS)], [RADIUS])

    @cached_property
    def centred(self) -> bool:
        """Whether phi(0) = 0 is certain, where phi is defined at 0."""
        start = run_values(self._profile, interval(np.zeros((1, 1))))
        return bool(np.all(start.lo == 0) and np.all(start.hi == 0))

    def slopes(self, low: Values, high: Values, around: bool = False) -> Interval:
        """Interval matrices diag(p, q) (B, 2, 2) for the radii from ``low`` to ``high`` (B,); p alone if ``around``."""
        radii = Interval(low[None], high[None])
        (profile,) = run_slopes(self._profile, radii)
        if around:
            return profile
        value, matrix = run_values(self._factor, radii), np.zeros((2, len(low), 2, 2))
        matrix[0, :, 0, 0], matrix[1, :, 0, 0] = profile.lo[:, 0, 0], profile.hi[:, 0, 0]
        matrix[0, :, 1, 1], matrix[1, :, 1, 1] = value.lo[0], value.hi[0]
        return Interval(matrix[0], matrix[1])


def radial(components: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> Radial | None:
    """The radial map that the components are, if their form shows it; there are two or more."""
    if len(symbols) < 2 or len(components) != len(symbols):
        return None
    *others, last = symbols
    square = RADIUS**2 - sympy.Add(*(other**2 for other in others))
    factors = set()
    for component, symbol in zip(components, symbols, strict=True):
        factor = _quotient(component, symbol)
        factors.add(None if factor is None else sympy.expand(factor.subs(last**2, square), deep=True))
    factor = factors.pop()
    if factors or factor is None or not factor.free_symbols <= {RADIUS}:
        return None
    return Radial(factor.xreplace({case: _rooted(case) for case in factor.atoms(sympy.core.relational.Relational)}))


def radii(low: Values, high: Values) -> tuple[float, float]:
    """The least and the largest distance to 0 in the box from ``low`` to ``high`` (d,), rounded outwards."""
    nearest, farthest = np.maximum(np.maximum(low, -high), 0.0), np.maximum(np.abs(low), np.abs(high))
    return max(0.0, lower(norm(exact(nearest)))), upper(norm(exact(farthest)))


def radius_scores(form: Radial, constant: str, low: Values, high: Values, claim: float, first: float) -> Values:
    """Upper bounds of worse * constant at the radii from ``low`` to ``high`` (B,), all of which start at ``first``."""
    return score(form.slopes(low, high, bool(first == 0 and form.centred)), constant, claim)


def worst(
    form: Radial, constant: str, low: Values, high: Values, claim: float, limit: float, tolerance: float
) -> tuple[float, Values, Values]:
    """An upper bound of worse * constant on the box from ``low`` to ``high`` (d,), by splitting the radii.

    It comes with intervals (1, B) that cover these, and on each of which it holds by :func:`radius_scores`.  Splitting
    stops at the claim, or within ``tolerance`` if that is NaN, or at the time ``limit``.
    """
    goal = CONSTANTS[constant].worse * claim
    first, last = radii(low, high)
    start, end, reached = np.array([first]), np.array([last]), -np.inf

    def scored(low: Values, high: Values) -> Values:
        return radius_scores(form, constant, low, high, claim, first)

    def near(value: float) -> float:
        return value + tolerance / 2 * (1 + abs(value)) if math.isfinite(value) else -math.inf

    scores, owners = scored(start, end), np.vstack([start, end])
    while time.monotonic() < limit and len(scores) < BOXES:
        middle = start / 2 + end / 2
        chosen = (scores > (near(reached) if math.isnan(goal) else goal)) & (end - start > 1e-13 * (last - first))
        if not chosen.any():
            break
        reached = max(reached, float(np.max(scored(middle[chosen], middle[chosen]))))
        if reached > goal:
            break
        halves = [np.vstack([start, middle])[:, chosen], np.vstack([middle, end])[:, chosen]]
        parts, before = np.hstack(halves), np.tile(scores[chosen], 2)
        new = scored(*parts)
        owned = np.where(new <= before, parts, np.tile(owners[:, chosen], 2))
        start, end = np.hstack([np.vstack([start, end])[:, ~chosen], parts])
        scores = np.concatenate([scores[~chosen], np.fmin(new, before)])
        owners = np.hstack([owners[:, ~chosen], owned])
    cover = np.unique(owners, axis=1)
    return float(scores.max()), cover[:1], cover[1:]


def _rooted(comparison: sympy.Rel) -> sympy.Rel:
    """The comparison of the radius with a root where its square is compared with a positive number."""
    difference = sympy.expand(comparison.lhs - comparison.rhs)
    lead, rest = difference.coeff(RADIUS, 2), difference.subs(RADIUS, 0)
    if lead.is_positive and rest.is_negative and sympy.expand(difference - lead * RADIUS**2 - rest) == 0:
        return comparison.func(RADIUS, sympy.sqrt(-rest / lead))
    return comparison


def _quotient(e: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr | None:
    """A factor c with e = c * symbol wherever e is defined, if ``e`` shows it."""
    if e == 0 or e == symbol:
        return sympy.Integer(int(e == symbol))
    if isinstance(e, sympy.Mul):
        for k, part in enumerate(e.args):
            if (found := _quotient(part, symbol)) is not None:
                return sympy.Mul(found, *e.args[:k], *e.args[k + 1 :])
    if isinstance(e, sympy.Add):
        parts = [_quotient(part, symbol) for part in e.args]
        return None if None in parts else sympy.Add(*parts)
    if isinstance(e, sympy.Piecewise):
        parts = [_quotient(part, symbol) for part, _ in e.args]
        return None if None in parts else sympy.Piecewise(*zip(parts, (case.cond for case in e.args), strict=True))
    return None


def _times(e: sympy.Expr, factor: sympy.Expr) -> sympy.Expr:
    """The product with ``factor`` taken into Max, Min and Piecewise, whose slopes are then those of their parts."""
    if isinstance(e, sympy.Add):
        return sympy.Add(*(_times(part, factor) for part in e.args))
    if isinstance(e, sympy.Piecewise):
        return sympy.Piecewise(*((_times(part, factor), condition) for part, condition in e.args))
    if isinstance(e, (sympy.Max, sympy.Min)) and (factor.is_nonnegative or factor.is_nonpositive):
        turned = {sympy.Max: sympy.Min, sympy.Min: sympy.Max}[e.func]
        return (e.func if factor.is_nonnegative else turned)(*(_times(part, factor) for part in e.args))
    if isinstance(e, sympy.Pow) and e.exp == -1 and isinstance(e.base, KINKS[:2]) and _positive(e.base.args):
        turned = {sympy.Max: sympy.Min, sympy.Min: sympy.Max}[e.base.func]
        return _times(turned(*(1 / part for part in e.base.args)), factor)
    if isinstance(e, sympy.Mul):
        for k, part in enumerate(e.args):
            inner = part.base if isinstance(part, sympy.Pow) else part
            if isinstance(inner, KINKS) or isinstance(inner, sympy.Add) and inner.has(*KINKS):
                rest = sympy.Mul(factor, *e.args[:k], *e.args[k + 1 :])
                if inner is part or part.exp == -1:
                    return _times(part, rest)
    return sympy.expand(e * factor)


def _positive(parts: Sequence[sympy.Expr]) -> bool:
    return all(part.is_positive for part in parts)
