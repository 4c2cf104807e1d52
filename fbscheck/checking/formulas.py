"""Formulas as plain data, and back: nothing that is read is ever run as code.

A formula is a list, the name of its operation and its arguments; numbers are rationals in text.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy
from sympy.core import relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic import boolalg

from fbscheck.checking.expressions import Expression
from fbscheck.errors import InputError

__all__ = ["described", "rebuilt"]

OPERATIONS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        *(sympy.Add, sympy.Mul, sympy.Pow, sympy.Abs, sympy.Max, sympy.Min, sympy.sign, sympy.Heaviside),
        *(sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh),
        *(sympy.asin, sympy.acos, sympy.atan, sympy.asinh, sympy.acosh, sympy.atanh, sympy.atan2),
        *(sympy.erf, sympy.erfc, sympy.floor, sympy.ceiling, sympy.Piecewise, ExprCondPair),
        *(relational.StrictLessThan, relational.LessThan, relational.StrictGreaterThan, relational.GreaterThan),
        *(relational.Equality, relational.Unequality, boolalg.And, boolalg.Or, boolalg.Not, boolalg.ITE),
    )
}
CONSTANTS = {"pi": sympy.pi, "E": sympy.E, "true": sympy.true, "false": sympy.false}
DEEPEST = 200


def described(expression: Expression) -> dict[str, Any] | None:
    """The symbols and components as plain data, None if that cannot give the same formulas back."""
    try:
        record = {
            "symbols": [symbol.name for symbol in expression.symbols],
            "components": [_data(sympy.sympify(component)) for component in expression.components],
        }
        return record if rebuilt(record).components == [sympy.sympify(c) for c in expression.components] else None
    except (InputError, RecursionError):
        return None


def rebuilt(record: Any) -> Expression:
    """The formulas that :func:`described` wrote.

    Raises
    ------
    InputError
        If it is anything else.
    """
    try:
        symbols = {name: sympy.Symbol(name, real=True) for name in record["symbols"]}
        if len(symbols) != len(record["symbols"]) or not all(name.isidentifier() for name in symbols):
            raise ValueError("symbols must be different names")
        return Expression([_formula(part, symbols) for part in record["components"]], list(symbols.values()))
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"Need formulas as fbscheck stores them, got others: {error}.") from None


def _data(part: Any) -> list[Any]:
    if part.is_Symbol:
        return ["Symbol", part.name]
    if part.is_Rational:
        return ["Rational", f"{part.p}/{part.q}"]
    for name, constant in CONSTANTS.items():
        if part == constant:
            return [name]
    name = type(part).__name__
    if OPERATIONS.get(name) is not type(part):
        raise InputError(f"Need one of {', '.join(OPERATIONS)}, got {name}.")
    return [name, *map(_data, part.args)]


def _formula(data: Sequence[Any], symbols: dict[str, sympy.Symbol], depth: int = 0) -> Any:
    if depth > DEEPEST or not isinstance(data, list):
        raise ValueError("no formula, or one that is nested too deeply")
    name, *arguments = data
    if name == "Symbol":
        (text,) = arguments
        return symbols[text]
    if name == "Rational":
        (text,) = arguments
        return sympy.Rational(*Fraction(text).as_integer_ratio())
    if name in CONSTANTS and not arguments:
        return CONSTANTS[name]
    return OPERATIONS[name](*(_formula(argument, symbols, depth + 1) for argument in arguments))
