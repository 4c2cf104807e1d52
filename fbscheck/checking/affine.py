"""Formulas that are affine, or affine in pieces: conditions at their very constants, decided exactly.

If T is Lipschitz and its derivative is almost everywhere one of finitely many matrices J, a condition that passes
to averages holds for T if it holds for all of them (mollify, and let the radius go to 0):

* |J| <= q: q^2 I - J^T J is positive semidefinite;
* <Jd, d> >= mu |d|^2: (J + J^T)/2 - mu I is;
* <Jd, d> >= beta |Jd|^2: (J + J^T)/2 - beta J^T J is (only beta >= 0 passes to averages);
* averagedness alpha: the last for I - J and beta = 1/(2 alpha).

A symmetric matrix is positive semidefinite if all its principal minors are >= 0; sympy finds those that vanish,
balls the sign of the others.  A bound is read as the decimal number that was written.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, combinations

import sympy

from fbscheck.checking.branches import lipschitz, smooth_branches
from fbscheck.checking.conditions import Values
from fbscheck.checking.expressions import Expression

__all__ = ["proof"]

LARGEST = 4
"""The largest dimension in which minors are taken."""


def proof(expression: Expression, constant: str, bound: float, low: Values, high: Values) -> str:
    """Why the constant is as good as ``bound`` on the box from ``low`` to ``high`` (d,); empty if that is not known."""
    if len(expression.symbols) > LARGEST or len(expression.components) != len(expression.symbols):
        return ""
    number = sympy.Rational(str(Fraction(repr(float(bound)))))
    if constant == "averagedness" and number <= 0:
        return ""
    program, slopes = expression.program, _jacobians(expression)
    averaged = constant != "cocoercivity" or number >= 0
    if slopes is None or not (averaged or len(slopes) == 1) or not lipschitz(program, low, high):
        return ""
    if not all(_semidefinite(_form(slope, constant, number)) for slope in slopes):
        return ""
    many = "the Jacobian" if len(slopes) == 1 else f"each of {len(slopes)} Jacobians"
    return f"T is affine{'' if len(slopes) == 1 else ' in pieces'}; principal minors of {many}, exactly"


def _jacobians(expression: Expression) -> list[sympy.Matrix] | None:
    """The Jacobians of the branches, None if one is not constant."""
    slopes = []
    for branch in smooth_branches(expression.components) or ():
        slope = sympy.Matrix(branch).jacobian(expression.symbols).applyfunc(sympy.expand)
        if slope.free_symbols or slope.has(sympy.nan, sympy.zoo, sympy.oo):
            return None
        slopes.append(slope)
    return slopes or None


def _form(slope: sympy.Matrix, constant: str, number: sympy.Rational) -> sympy.Matrix:
    eye = sympy.eye(slope.rows)
    if constant == "lipschitz":
        return number**2 * eye - slope.T * slope
    if constant == "monotonicity":
        return (slope + slope.T) / 2 - number * eye
    if constant == "averagedness":
        slope, number = eye - slope, 1 / (2 * number)
    return (slope + slope.T) / 2 - number * slope.T * slope


def _semidefinite(form: sympy.Matrix) -> bool:
    form = form.applyfunc(sympy.simplify)
    return all(_nonnegative(form.extract(rows, rows).det()) for rows in _subsets(form.rows))


def _subsets(size: int) -> Iterator[Sequence[int]]:
    return map(list, chain.from_iterable(combinations(range(size), many) for many in range(1, size + 1)))


def _nonnegative(number: sympy.Expr) -> bool:
    if sympy.simplify(number) == 0:
        return True
    return bool(Expression([number], []).at([])[0] > 0)
