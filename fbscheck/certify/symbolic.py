"""Proofs as identities: goal = sum of multiplier * hypothesis + sum of coefficient * square.

A goal and its hypotheses are *expressions*: combinations of inner products of named vectors, and of
named scalars (function values), with coefficients that are rational functions of parameters.
Nothing depends on the dimension of the space.  A proof is accepted if the difference of the two
sides vanishes coefficient by coefficient in exact polynomial arithmetic, and every multiplier and
every coefficient of a square is manifestly nonnegative: written in nonnegative parameters that
cover the domain, its numerator and denominator have nonnegative coefficients only.  No
simplification has to come out nicely for a proof to be accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import sympy

__all__ = [
    "Assumption",
    "Expression",
    "NotProved",
    "Proof",
    "Term",
    "Vector",
    "check",
    "inner",
    "scalar",
    "square",
    "vectors",
]

Key = tuple[str, ...]
Coefficient = Any
"""A number or a sympy expression in the parameters."""


class NotProved(Exception):
    """The record is no proof; the message says which step fails."""


def _combine(*parts: tuple[Coefficient, Mapping[Any, sympy.Expr]]) -> dict[Any, sympy.Expr]:
    result: dict[Any, sympy.Expr] = {}
    for factor, terms in parts:
        for key, coefficient in terms.items():
            result[key] = result.get(key, sympy.Integer(0)) + sympy.sympify(factor) * coefficient
    return result


@final
@dataclass(frozen=True)
class Vector:
    """A linear combination of named vectors."""

    terms: Mapping[str, sympy.Expr]

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(_combine((1, self.terms), (1, other.terms)))

    def __sub__(self, other: "Vector") -> "Vector":
        return Vector(_combine((1, self.terms), (-1, other.terms)))

    def __rmul__(self, factor: Coefficient) -> "Vector":
        return Vector(_combine((factor, self.terms)))

    def __neg__(self) -> "Vector":
        return -1 * self


@final
@dataclass(frozen=True)
class Expression:
    """A combination of inner products, keyed by pairs of names, and of scalars, keyed by one name."""

    terms: Mapping[Key, sympy.Expr]

    def __add__(self, other: "Expression") -> "Expression":
        return Expression(_combine((1, self.terms), (1, other.terms)))

    def __sub__(self, other: "Expression") -> "Expression":
        return Expression(_combine((1, self.terms), (-1, other.terms)))

    def __rmul__(self, factor: Coefficient) -> "Expression":
        return Expression(_combine((factor, self.terms)))

    def __neg__(self) -> "Expression":
        return -1 * self


def vectors(names: str) -> tuple[Vector, ...]:
    """The named vectors, as in ``d, v, s = vectors("d v s")``."""
    return tuple(Vector({name: sympy.Integer(1)}) for name in names.split())


def scalar(name: str) -> Expression:
    """A named scalar, such as a function value."""
    return Expression({(name,): sympy.Integer(1)})


def inner(x: Vector, y: Vector) -> Expression:
    """The inner product <x, y>."""
    pairs = [(a * b, {tuple(sorted((i, j))): sympy.Integer(1)}) for i, a in x.terms.items() for j, b in y.terms.items()]
    return Expression(_combine(*pairs))


def square(x: Vector) -> Expression:
    """|x|^2."""
    return inner(x, x)


@final
@dataclass(frozen=True)
class Term:
    """A hypothesis ``expression >= 0``, in LaTeX and as an expression, and its multiplier."""

    statement: str
    expression: Expression
    multiplier: Coefficient = 1


@final
@dataclass(frozen=True)
class Assumption:
    """What a proof cites instead of proving it, and where it is proved."""

    statement: str
    source: str


@final
@dataclass(frozen=True)
class Proof:
    """``goal >= 0`` under hypotheses.

    ``domain`` says in LaTeX for which parameters; ``cover`` writes each parameter in nonnegative
    ones that cover that domain, parameters that are not in it are nonnegative themselves.
    """

    name: str
    statement: str
    domain: str
    goal: Expression
    hypotheses: tuple[Term, ...]
    squares: tuple[tuple[Coefficient, Vector], ...] = ()
    cover: Mapping[sympy.Symbol, sympy.Expr] = field(default_factory=dict)
    assumptions: tuple[Assumption, ...] = ()

    def latex(self) -> str:
        """The identity that proves the statement, as LaTeX mathematics."""
        parts = [f"{_factor(t.multiplier)}\\bigl[{_latex(t.expression)}\\bigr]" for t in self.hypotheses]
        parts += [f"{_factor(c)}\\bigl|{_latex_vector(x)}\\bigr|^2" for c, x in self.squares if c != 0]
        return f"{_latex(self.goal)} = {' + '.join(parts) or '0'}"

    def latex_goal(self) -> str:
        """What the identity shows to be nonnegative, as LaTeX mathematics."""
        return _latex(self.goal)

    def latex_terms(self) -> tuple[tuple[str, str], ...]:
        """The terms that add up to the goal, as LaTeX: a multiplier, and the hypothesis or the square it goes with."""
        terms = [(t.multiplier, t.statement) for t in self.hypotheses]
        terms += [(c, f"|{_latex_vector(x)}|^2") for c, x in self.squares]
        return tuple((sympy.latex(sympy.factor(value)), what) for value, what in terms if value != 0)


def check(proof: Proof) -> None:
    """Accept a proof, or say at which step it fails.

    Raises
    ------
    NotProved
        If the identity does not hold, or a multiplier or a square's coefficient is not manifestly
        nonnegative.
    """
    rest = proof.goal
    for term in proof.hypotheses:
        rest = rest - term.multiplier * term.expression
    for coefficient, x in proof.squares:
        rest = rest - coefficient * square(x)
    for key, coefficient in rest.terms.items():
        numerator, _ = sympy.fraction(sympy.together(coefficient))
        if sympy.expand(numerator) != 0:
            raise NotProved(f"{proof.name}: the identity fails at {_key(key)}")
    for term in proof.hypotheses:
        _require_nonnegative(proof, sympy.sympify(term.multiplier), f"the multiplier of {term.statement}")
    for coefficient, x in proof.squares:
        _require_nonnegative(proof, sympy.sympify(coefficient), f"the coefficient of |{_latex_vector(x)}|^2")


def _require_nonnegative(proof: Proof, value: sympy.Expr, what: str) -> None:
    covered = sympy.cancel(sympy.together(value.subs(dict(proof.cover), simultaneous=True)))
    for part in sympy.fraction(covered):
        symbols = sorted(part.free_symbols, key=str)
        coefficients = sympy.Poly(part, *symbols).coeffs() if symbols else [part]
        if not all(c.is_Rational and c >= 0 for c in coefficients):
            raise NotProved(f"{proof.name}: {what} is not manifestly nonnegative")


def _key(key: Key) -> str:
    return f"<{key[0]}, {key[1]}>" if len(key) == 2 else key[0]


def _factor(value: Coefficient) -> str:
    return "" if value == 1 else _text(sympy.factor(value)) + r"\,"


def _latex(expression: Expression) -> str:
    parts = []
    for key, coefficient in expression.terms.items():
        if (value := sympy.factor(coefficient)) != 0:
            symbol = key[0] if len(key) == 1 else rf"\langle {key[0]},{key[1]}\rangle"
            parts.append(_signed(value, rf"|{key[0]}|^2" if len(set(key)) < len(key) else symbol))
    return _joined(parts)


def _latex_vector(x: Vector) -> str:
    return _joined([_signed(sympy.factor(c), name) for name, c in x.terms.items() if sympy.factor(c) != 0])


def _signed(value: sympy.Expr, symbol: str) -> str:
    if value in (1, -1):
        return symbol if value == 1 else f"-{symbol}"
    return f"{_text(value)} {symbol}"


def _text(factor: sympy.Expr) -> str:
    """A factor as LaTeX, a sum in parentheses."""
    return rf"\left({sympy.latex(factor)}\right)" if factor.is_Add else str(sympy.latex(factor))


def _joined(parts: list[str]) -> str:
    return "".join(part if part.startswith("-") or not k else f"+{part}" for k, part in enumerate(parts)) or "0"
