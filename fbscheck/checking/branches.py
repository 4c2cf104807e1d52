"""The smooth formulas that a formula with kinks is made of, and whether it is Lipschitz.

Every Max, Abs, Piecewise, ... is replaced by each of its alternatives.  At each point T agrees with one of
the resulting formulas, so finitely many sets on which it agrees with one cover the box.  If T is
Lipschitz, at almost every point of such a set, which is a point of density, both are differentiable with the
same derivative: that of T is almost everywhere one of those of the branches.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations

import numpy as np
import sympy

from fbscheck.checking.conditions import Values
from fbscheck.checking.intervals import Interval
from fbscheck.checking.programs import Program, run_slopes

__all__ = ["finite", "lipschitz", "smooth_branches"]

BRANCHES = 512
"""How many combinations of alternatives are looked at."""
PARTS, NARROWEST = 4096, 2.0**-40
"""How many boxes are looked at for a finite bound, and which part of the whole none is smaller than."""
KINKS = (sympy.Max, sympy.Min, sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Piecewise)

Choice = Mapping[sympy.Basic, sympy.Basic]


def smooth_branches(components: Sequence[sympy.Expr]) -> set[tuple[sympy.Expr, ...]] | None:
    """The formulas without kinks that T may agree with at a point, None if they are too many."""
    opened, smooth = {tuple(map(sympy.sympify, components))}, set()
    while opened:
        branch = opened.pop()
        kink = next((e for part in branch for e in sympy.preorder_traversal(part) if isinstance(e, KINKS)), None)
        if kink is None:
            smooth.add(branch)
        else:
            opened |= {tuple(part.xreplace(choice) for part in branch) for choice in _alternatives(kink)}
        if len(opened) + len(smooth) > BRANCHES:
            return None
    return smooth


def _alternatives(kink: sympy.Expr) -> list[Choice]:
    """What may stand for the kink, and for what is decided with it; one of these holds, whatever the point."""
    first = kink.args[0]
    if isinstance(kink, sympy.Piecewise):
        (comparison, *_) = first.cond.atoms(sympy.core.relational.Relational)
        return [_decided(comparison, holds) for holds in (True, False)]
    if isinstance(kink, (sympy.Abs, sympy.sign)):
        return [{sympy.Abs(first): s * first, sympy.sign(first): sympy.Integer(s)} for s in (-1, 0, 1)]
    if isinstance(kink, sympy.Heaviside):
        return [{kink: value} for value in (sympy.Integer(0), sympy.Integer(1), kink.args[1])]
    if len(kink.args) == 2:
        return [{sympy.Max(*kink.args): one, sympy.Min(*kink.args): two} for one, two in permutations(kink.args)]
    return [{kink: argument} for argument in kink.args]


def _decided(comparison: sympy.Rel, holds: bool) -> Choice:
    opposite = comparison.negated
    forms = {form: sympy.sympify(holds) for form in (comparison, comparison.reversed)}
    return forms | {form: sympy.sympify(not holds) for form in (opposite, opposite.reversed)}


def lipschitz(program: Program, low: Values, high: Values) -> bool:
    """Whether the slopes are bounded on the box from ``low`` to ``high`` (d,)."""

    def slopes(box: Interval) -> Interval:
        parts = run_slopes(program, box)
        return Interval(np.min([part.lo for part in parts], axis=0).T, np.max([part.hi for part in parts], axis=0).T)

    return finite(slopes, low, high)


def finite(evaluate: Callable[[Interval], Interval], low: Values, high: Values) -> bool:
    """Whether the enclosures (..., B) are finite on the boxes (d, B) of some partition."""
    starts, ends, many = low[:, None], high[:, None], 0
    while starts.size and many < PARTS:
        many += starts.shape[1]
        value = evaluate(Interval(starts, ends))
        size = (np.abs(value.lo) + np.abs(value.hi)).reshape(-1, starts.shape[1])
        unbounded = ~np.all(np.isfinite(size), axis=0)
        starts, ends = starts[:, unbounded], ends[:, unbounded]
        sides = (ends - starts) / (high - low)[:, None]
        if np.any(np.max(sides, axis=0) < NARROWEST):
            return False
        axis, columns = np.argmax(sides, axis=0), np.arange(starts.shape[1])
        middle = starts[axis, columns] / 2 + ends[axis, columns] / 2
        left, right = ends.copy(), starts.copy()
        left[axis, columns] = right[axis, columns] = middle
        starts, ends = np.hstack([starts, right]), np.hstack([left, ends])
    return not starts.size
