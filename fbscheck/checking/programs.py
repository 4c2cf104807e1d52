"""Sympy expressions as programs that run in intervals with slopes, and in balls at points.

A *slope matrix* of T on a box is an interval matrix such that for all x, y of the box some J within
satisfies T(x) - T(y) = J (x - y).  Slopes obey the rules of derivatives: for products
u(x) v(x) - u(y) v(y) = u(x) (v(x) - v(y)) + v(y) (u(x) - u(y)), for smooth functions the mean value
theorem, for Max and Abs the hull, since max(a, b) - max(a', b') lies between a - a' and b - b'.  A
``Piecewise`` that may take two branches on the box has the hull of their slopes if it is continuous,
for a continuous selection from two functions changes on a segment at no other rates; it counts as
continuous only if the sides of the comparison are (their slopes are finite) and sympy proves that the
branches agree where they are equal.  Otherwise its slope is unbounded.

Entrywise hulls forget that a kink shared by two components is passed in the same proportion by both.
So the slopes of the first ``KINKS`` kinks may also be taken at either end: J is affine in every such
proportion, hence lies in the convex hull of the matrices with all kinks at an end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, final

import flint
import numpy as np
import sympy

from fbscheck.certify.balls import ball
from fbscheck.checking.intervals import Interval, Mask, interval, maximum, monotone, select
from fbscheck.errors import InputError

__all__ = ["Program", "Step", "run_balls", "run_slopes", "run_values", "translate"]

KINKS = 3
"""How many kinks are taken apart."""

_SMOOTH = {sympy.exp: "exp", sympy.log: "log", sympy.tanh: "tanh"}
_CONSTANTS = {sympy.pi: flint.arb.pi, sympy.E: flint.arb.const_e}
_TURNS = {sympy.cos: flint.arb.cos, sympy.sin: flint.arb.sin, sympy.tan: flint.arb.tan}


@final
@dataclass(frozen=True)
class Step:
    """One operation on the results of earlier steps; ``data`` is its constant: a number, an exponent, an index."""

    name: str
    arguments: tuple[int, ...] = ()
    data: Any = None


@final
@dataclass(frozen=True)
class Program:
    """Steps in order, shared by all components, and which steps hold the components."""

    steps: tuple[Step, ...]
    results: tuple[int, ...]


def translate(components: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> Program:
    """The program of some expressions in ``symbols``.

    Raises:
        InputError: If an expression has another symbol, or a function that is not supported.
    """
    steps: dict[Step, int] = {}
    seen: dict[sympy.Basic, int] = {}

    def put(name: str, *arguments: int, data: Any = None) -> int:
        return steps.setdefault(Step(name, arguments, data), len(steps))

    def visit(e: sympy.Basic) -> int:
        if e not in seen:
            seen[e] = build(e)
        return seen[e]

    def fold(name: str, arguments: Sequence[sympy.Basic]) -> int:
        total = visit(arguments[0])
        for argument in arguments[1:]:
            total = put(name, total, visit(argument))
        return total

    def power(e: sympy.Pow) -> int:
        if e.exp.is_Integer:
            return put("power", visit(e.base), data=int(e.exp))
        if e.base == sympy.E:
            return put("exp", visit(e.exp))
        if e.exp.is_Rational and e.exp.q == 2:
            root = put("sqrt", visit(e.base))
            return root if e.exp.p == 1 else put("power", root, data=int(e.exp.p))
        return put("exp", put("multiply", visit(e.exp), put("log", visit(e.base))))

    def branch(condition: sympy.Basic, yes: sympy.Expr, no: sympy.Expr) -> int:
        if condition in (sympy.true, True):
            return visit(yes)
        if condition in (sympy.false, False):
            return visit(no)
        first, *rest = condition.args
        if isinstance(condition, sympy.Not):
            return branch(first, no, yes)
        if isinstance(condition, (sympy.And, sympy.Or)):
            others = condition.func(*rest)
            if isinstance(condition, sympy.And):
                return branch(first, sympy.Piecewise((yes, others), (no, True)), no)
            return branch(first, yes, sympy.Piecewise((yes, others), (no, True)))
        if isinstance(condition, sympy.ITE):
            one, other = (sympy.Piecewise((yes, inner), (no, True)) for inner in rest)
            return branch(first, one, other)
        if not isinstance(condition, sympy.core.relational.Relational):
            raise InputError(f"Need comparisons in a Piecewise, got {condition}.")
        if isinstance(condition, (sympy.Lt, sympy.Le)):
            return branch(condition.reversed, yes, no)
        if isinstance(condition, sympy.Ne):
            return branch(sympy.Eq(*condition.args), no, yes)
        kind = ">" if isinstance(condition, sympy.Gt) else ">=" if isinstance(condition, sympy.Ge) else "=="
        joined = _agree(condition.lhs, condition.rhs, yes - no)
        return put("choose", visit(condition.lhs - condition.rhs), visit(yes), visit(no), data=(kind, joined))

    def build(e: sympy.Basic) -> int:
        if e.is_Symbol and e in symbols:
            return put("radius" if isinstance(e, sympy.Dummy) else "input", data=list(symbols).index(e))
        if e.is_Rational:
            exact = sympy.Rational(e)
            return put("number", data=Fraction(int(exact.p), int(exact.q)))
        if e in _CONSTANTS:
            return put("constant", data=_CONSTANTS[e])
        if e.func in _TURNS and e.args[0].is_number:
            angle, turn = translate(e.args, ()), _TURNS[e.func]
            return put("constant", data=lambda: turn(run_balls(angle, ())[0]))
        if isinstance(e, sympy.Pow):
            return power(e)
        if e.func in _SMOOTH and len(e.args) == 1:
            return put(_SMOOTH[e.func], visit(e.args[0]))
        if isinstance(e, sympy.Abs):
            return put("absolute", visit(e.args[0]))
        if isinstance(e, sympy.Min):
            return put("negative", fold("maximum", [-a for a in e.args]))
        for kind, name in ((sympy.Add, "add"), (sympy.Mul, "multiply"), (sympy.Max, "maximum")):
            if isinstance(e, kind):
                return fold(name, e.args)
        if isinstance(e, sympy.Piecewise) and e.args[-1].cond == sympy.true:
            (value, condition), *rest = e.args
            return branch(condition, value, sympy.Piecewise(*rest) if rest else value)
        if isinstance(e, (sympy.sign, sympy.Heaviside)):
            u, at_zero = e.args[0], 0 if isinstance(e, sympy.sign) else e.args[1]
            below = sympy.Integer(-1 if isinstance(e, sympy.sign) else 0)
            return branch(u > 0, sympy.Integer(1), sympy.Piecewise((at_zero, sympy.Eq(u, 0)), (below, True)))
        raise InputError(
            f"Need expressions in {list(symbols)} of +, *, powers, exp, log, tanh, Abs, Max, Min, sign, Heaviside, "
            f"cos and sin of numbers, and Piecewise that ends in a case for True, got {e}."
        )

    results = tuple(visit(sympy.sympify(component)) for component in components)
    return Program(tuple(steps), results)


def _agree(lhs: sympy.Expr, rhs: sympy.Expr, difference: sympy.Expr) -> bool:
    """Whether sympy proves ``difference`` zero wherever lhs = rhs, as an expression, without assumptions on points."""
    equation = lhs - rhs
    sizes = [a for a in equation.atoms(sympy.Abs) if a.args[0].is_Symbol]
    if sizes:
        inner = sizes[0].args[0]
        return all(_agree(lhs.subs(sizes[0], s), rhs.subs(sizes[0], s), difference) for s in (inner, -inner))
    for symbol in sorted(equation.free_symbols, key=str):
        slope = sympy.diff(equation, symbol)
        if slope.is_number and slope.is_nonzero:
            root = sympy.expand(symbol - equation / slope)
            if symbol not in root.free_symbols:
                return _vanishes(difference.subs(symbol, root))
    return any(_vanishes(difference.subs(*pair)) for pair in ((lhs, rhs), (rhs, lhs)) if not pair[0].is_number)


def _vanishes(difference: sympy.Expr) -> bool:
    return bool(sympy.simplify(sympy.piecewise_fold(difference)) == 0)


Dual = tuple[Interval, Interval]
"""Values (B,) and slopes (d, B)."""


def run_slopes(program: Program, box: Interval) -> list[Interval]:
    """Interval matrices (B, m, d) whose convex hull is a slope matrix on each of the boxes (d, B)."""
    kinks = [k for k, step in enumerate(program.steps) if step.name in ("absolute", "maximum", "choose")][:KINKS]
    if len(box.lo) == 1 or np.array_equal(box.lo, box.hi):
        kinks = []
    with np.errstate(all="ignore"):
        choices = product((True, False), repeat=len(kinks))
        return [_slopes(program, box, dict(zip(kinks, choice, strict=True))) for choice in choices]


def run_values(program: Program, box: Interval) -> Interval:
    """Enclosures (m, B) of the components on the boxes (d, B), wherever they are defined there."""
    with np.errstate(all="ignore"):
        rows = [value for value, _ in _duals(program, box, {})]
    return Interval(np.stack([u.lo for u in rows]), np.stack([u.hi for u in rows]))


def _slopes(program: Program, box: Interval, sides: Mapping[int, bool]) -> Interval:
    rows = [slope for _, slope in _duals(program, box, sides)]
    return Interval(np.stack([du.lo.T for du in rows], axis=1), np.stack([du.hi.T for du in rows], axis=1))


def _duals(program: Program, box: Interval, sides: Mapping[int, bool]) -> list[Dual]:
    """Values and slopes of the components; both unbounded where one may be undefined on part of a box.

    A pole where a number may change its sign has values of both signs, also on boxes that only touch it: what
    depends on the sign jumps there.
    """
    results: list[Dual] = []
    signs: list[bool] = []
    undefined: list[Mask] = []
    for k, step in enumerate(program.steps):
        arguments = [results[j] for j in step.arguments]
        value, slope = _slope_step(step, arguments, box, sides.get(k))
        signs.append(_nonnegative(step, [signs[j] for j in step.arguments]))
        masks = [undefined[j] for j in step.arguments]
        if step.name == "power" and step.data < 0 and step.data % 2 and not signs[step.arguments[0]]:
            u = arguments[0][0]
            value = _unbounded(value, (u.lo <= 0) & (u.hi >= 0))
        if step.name in ("sqrt", "log"):
            masks.append(arguments[0][0].lo < 0)
        if step.name == "choose":
            yes, no = _decided(step, arguments[0])
            masks = [masks[0], masks[1] & ~no, masks[2] & ~yes]
        undefined.append(np.any([np.zeros(box.lo.shape[1:], dtype=bool), *masks], axis=0))
        results.append((value, slope))
    return [(_unbounded(results[k][0], undefined[k]), _unbounded(results[k][1], undefined[k])) for k in program.results]


def _unbounded(part: Interval, where: Mask) -> Interval:
    return Interval(np.where(where, -np.inf, part.lo), np.where(where, np.inf, part.hi))


def _nonnegative(step: Step, arguments: Sequence[bool]) -> bool:
    """Whether the step is nonnegative wherever it is defined, by its form."""
    if step.name in ("number", "power"):
        return bool(step.data >= 0) if step.name == "number" else step.data % 2 == 0 or arguments[0]
    if step.name in ("add", "multiply"):
        return all(arguments)
    return step.name in ("sqrt", "absolute", "exp", "radius") or step.name == "maximum" and any(arguments)


def _decided(step: Step, condition: Dual) -> tuple[Mask, Mask]:
    """Where the condition of a choice certainly holds, and where it certainly does not, or both sides agree."""
    (u, du), (kind, agree) = condition, step.data
    joined = agree & np.isfinite(du.lo).all(0) & np.isfinite(du.hi).all(0)
    yes = {">": (u.lo > 0) | joined & (u.lo == 0), ">=": u.lo >= 0, "==": (u.lo == 0) & (u.hi == 0)}[kind]
    no = {">": u.hi <= 0, ">=": (u.hi < 0) | joined & (u.hi == 0), "==": (u.lo > 0) | (u.hi < 0)}[kind]
    return yes, no


def _kink(yes: Mask, no: Mask, da: Interval, db: Interval, side: bool | None) -> Interval:
    """The slope of a kink: that of the branch which is known or, if none is, of ``side`` (None: the hull)."""
    return select(yes if side is None else ~no if side else yes, no if side is not False else ~yes, da, db)


def _slope_step(step: Step, arguments: list[Dual], box: Interval, side: bool | None) -> Dual:
    flat, one, zero = box.lo.shape, interval(1.0), interval(np.zeros(box.lo.shape))
    if step.name in ("input", "radius"):
        return box[step.data], interval(np.broadcast_to(np.eye(flat[0])[step.data][:, None], flat))
    if step.name in ("number", "constant"):
        if step.name == "number":
            return _spread(interval(step.data), flat[1:]), zero
        return monotone(lambda _: step.data(), interval(np.zeros(flat[1:]))), zero
    u, du = arguments[0]
    if step.name == "choose":
        (a, da), (b, db) = arguments[1:]
        joined = step.data[1] & np.isfinite(du.lo).all(0) & np.isfinite(du.hi).all(0)
        yes, no = _decided(step, arguments[0])
        slope = _kink(yes, no, da, db, side)
        torn = ~(yes | no | joined)
        return select(yes, no, a, b), _unbounded(slope, torn)
    if step.name in ("add", "multiply", "maximum"):
        v, dv = arguments[1]
        if step.name == "add":
            return u + v, du + dv
        if step.name == "multiply":
            return u * v, u * dv + v * du
        return maximum(u, v), _kink(u.lo >= v.hi, u.hi <= v.lo, du, dv, side)
    if step.name == "negative":
        return -u, -du
    if step.name == "absolute":
        return abs(u), _kink(u.lo >= 0, u.hi <= 0, du, -du, side)
    if step.name == "power":
        n = step.data
        factor = u.power(n - 1) if n else interval(np.zeros_like(u.lo))
        return u.power(n), interval(float(n)) * factor * du
    if step.name == "exp":
        value = monotone(flint.arb.exp, u)
        value = Interval(np.maximum(value.lo, 0.0), value.hi)
        return value, value * du
    if step.name == "tanh":
        value = monotone(flint.arb.tanh, u)
        value = Interval(np.maximum(value.lo, -1.0), np.minimum(value.hi, 1.0))
        return value, (one - value.power(2)) * du
    value = u.root() if step.name == "sqrt" else monotone(flint.arb.log, u)
    rate = (interval(2.0) * value).inverse() if step.name == "sqrt" else u.inverse()
    wrong = u.lo < 0 if step.name == "sqrt" else u.lo <= 0
    slope = rate * du
    return _unbounded(value, wrong), _unbounded(slope, wrong)


def _spread(x: Interval, shape: tuple[int, ...]) -> Interval:
    return Interval(np.broadcast_to(x.lo, shape), np.broadcast_to(x.hi, shape))


def run_balls(program: Program, point: Sequence[flint.arb]) -> list[flint.arb]:
    """The components at one point, enclosed; NaN where a comparison cannot be decided or a value is undefined."""
    results: list[flint.arb] = []
    for step in program.steps:
        results.append(_ball_step(step, [results[k] for k in step.arguments], point))
    return [results[k] for k in program.results]


def _ball_step(step: Step, a: list[flint.arb], point: Sequence[flint.arb]) -> flint.arb:
    if step.name == "choose":
        kind = step.data[0]
        yes = a[0] > 0 if kind == ">" else a[0] >= 0 if kind == ">=" else a[0] == 0
        no = a[0] <= 0 if kind == ">" else a[0] < 0 if kind == ">=" else a[0] != 0
        return a[1] if yes else a[2] if no else flint.arb("nan")
    operations: dict[str, Callable[[], flint.arb]] = {
        "input": lambda: point[step.data],
        "radius": lambda: point[step.data],
        "number": lambda: ball(step.data),
        "constant": step.data,
        "add": lambda: a[0] + a[1],
        "multiply": lambda: a[0] * a[1],
        "maximum": lambda: a[0].max(a[1]),
        "negative": lambda: -a[0],
        "absolute": lambda: abs(a[0]),
        "power": lambda: a[0] ** step.data,
        "exp": lambda: a[0].exp(),
        "log": lambda: a[0].log(),
        "tanh": lambda: a[0].tanh(),
        "sqrt": lambda: a[0].sqrt(),
    }
    return operations[step.name]()
