"""Formulas in positive variables: exact arithmetic in which every comparison must be manifest.

A formula is a rational function of named variables, with rational coefficients, plus such multiples of *atoms*:
logarithms, square roots and dilogarithms of rational functions.  It is a number like a ball: what is written for balls
runs on formulas, and then states what it gives for all positive values of the variables at once.

A comparison that does not follow from manifest signs (:mod:`fbscheck.certify.variables`) raises :class:`Undetermined`,
as do a quotient by what may be zero, NaN, and a result that is no formula.  Nothing is rounded, and nothing has to
simplify nicely: a formula that is found to be zero is.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np

from fbscheck.certify.variables import Undetermined, Variables, exact_fraction, primes

__all__ = ["Formula", "Undetermined", "Variables"]

Atom = tuple[str, Any]
"""What it is the value of ("log", "sqrt" or "dilogarithm"), and its argument."""


@final
@dataclass(frozen=True, eq=False)
class Formula:
    """A rational function plus multiples of atoms, in the ``variables``."""

    variables: Variables
    rational: Any
    atoms: Mapping[Atom, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = type(self.variables.field.zero)
        if not all(isinstance(part, own) for part in (self.rational, *self.atoms.values())):
            raise TypeError("a coefficient is no rational function")

    @classmethod
    def variable(cls, variables: Variables, name: str) -> "Formula":
        """One of the variables."""
        return cls(variables, variables.generator(name))

    @classmethod
    def number(cls, variables: Variables, value: int | float | Fraction) -> "Formula":
        """A constant."""
        return cls(variables, variables.constant(value))

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        mine = self._lift(other)
        if mine is None:
            return other
        atoms = dict(self.atoms)
        for atom, factor in mine.atoms.items():
            atoms[atom] = atoms[atom] + factor if atom in atoms else factor
        return self._new(self.rational + mine.rational, {a: c for a, c in atoms.items() if c != 0})

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        mine = self._finite(other)
        if not mine.atoms:
            return self._scaled(mine.rational)
        if not self.atoms:
            return mine._scaled(self.rational)
        if self.rational == mine.rational == 0 and len(self.atoms) == 1 and set(self.atoms) == set(mine.atoms):
            ((kind, argument),) = self.atoms
            if kind == "sqrt":
                return self._new(self.atoms[kind, argument] * mine.atoms[kind, argument] * argument)
        raise Undetermined("a product of two logarithms or roots")

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        mine = self._finite(other)
        if mine.atoms or self.variables.sign(mine.rational) == 0:
            raise Undetermined("a quotient by zero, a logarithm or a root")
        return self._scaled(1 / mine.rational)

    def __neg__(self) -> "Formula":
        return self._scaled(self.variables.constant(-1))

    def __pos__(self) -> "Formula":
        return self

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return self._finite(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, exponent: Any) -> Any:
        power = exact_fraction(exponent)
        if power is None or self.atoms:
            raise Undetermined("a power of a logarithm, or an exponent that is no rational number")
        if power.denominator == 1:
            whole = self._new(self.rational ** abs(int(power)) if power else self.variables.field(1))
            return whole if power >= 0 else 1 / whole
        for name, (base, known) in self.variables.powers.items():
            if (power - known).denominator == 1 and self.rational == self.variables.generator(base):
                return Formula.variable(self.variables, name) * self ** int(power - known)
        if power.denominator == 2:
            return self.sqrt() ** power.numerator
        raise Undetermined(f"a power with exponent {float(power):.6g}")

    def __abs__(self) -> "Formula":
        return self if self.sign() >= 0 else -self

    def __lt__(self, other: Any) -> bool:
        return self._compared(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._compared(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._compared(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._compared(other) >= 0

    def __eq__(self, other: object) -> bool:
        return self._compared(other) == 0

    def __bool__(self) -> bool:
        return self.sign() != 0

    __hash__ = None  # type: ignore[assignment]

    def is_zero(self) -> bool:
        """Whether it is the formula 0; if not, it may still be zero somewhere."""
        return bool(self.rational == 0) and not self.atoms

    def sign(self) -> int:
        """1, 0 or -1 if the formula is positive, zero or negative for all values of the variables.

        Raises
        ------
        Undetermined
            If that is not manifest.
        """
        if self.atoms and (product := self._exponential()) is not None:
            return self.variables.sign(product - self.variables.field(1))
        found = {self._sign_of(atom) * self.variables.sign(factor) for atom, factor in self.atoms.items()}
        found = (found | {self.variables.sign(self.rational)}) - {0}
        if len(found) > 1:
            raise Undetermined("the sign of a sum of logarithms is not manifest")
        return found.pop() if found else 0

    def nonnegative_part(self) -> "Formula":
        """The larger of the formula and 0."""
        return self if self.sign() >= 0 else self._zero()

    def log(self) -> "Formula":
        """The logarithm of a positive rational function, as those of its irreducible factors."""
        if self.atoms or self.sign() <= 0:
            raise Undetermined("a logarithm of what is not positive, or of a logarithm")
        constant, factors = self.variables.factors(self.rational)
        numbers = [(self.variables.constant(prime), times) for prime, times in primes(constant)]
        return self._new(
            self.variables.field(0),
            {("log", argument): self.variables.constant(times) for argument, times in (*factors, *numbers)},
        )

    def log1p(self) -> "Formula":
        """log(1 + x)."""
        return Formula.log(1 + self)

    def exp(self) -> "Formula":
        """The exponential of a sum of logarithms with whole multiples."""
        product = self._exponential()
        if product is None:
            raise Undetermined("an exponential of what is no sum of logarithms")
        return self._new(product)

    def expm1(self) -> Any:
        """exp(x) - 1."""
        return self.exp() - 1

    def tanh(self) -> Any:
        """The hyperbolic tangent."""
        square = Formula.exp(2 * self)
        return (square - 1) / (square + 1)

    def sqrt(self) -> "Formula":
        """The root >= 0: a rational function times the root of what is not a square in it."""
        if self.atoms or self.sign() < 0:
            raise Undetermined("a root of what is negative, or of a logarithm")
        if self.is_zero():
            return self
        constant, factors = self.variables.factors(self.rational)
        root = Fraction(math.isqrt(constant.numerator), math.isqrt(constant.denominator))
        outside, inside = self.variables.constant(root), self.variables.field(1)
        if root * root != constant:
            outside, inside = self.variables.field(1), self.variables.constant(constant)
        for factor, times in factors:
            outside, inside = outside * factor ** (times // 2), inside * factor if times % 2 else inside
        return self._new(outside) if inside == 1 else self._new(self.variables.field(0), {("sqrt", inside): outside})

    def hypot(self, other: Any) -> "Formula":
        """The root of the sum of both squares."""
        return Formula.sqrt(self * self + other * other)

    def polylog(self, order: int) -> "Formula":
        """Li_2 of a rational function; ``order`` is 2."""
        if order != 2 or self.atoms or self < 0 or self > 1:
            raise Undetermined("a polylogarithm of another order, of a logarithm, or beyond [0, 1]")
        return self._new(self.variables.field(0), {("dilogarithm", self.rational): self.variables.field(1)})

    def derivative(self, name: str) -> "Formula":
        """The derivative in a variable, on which its powers depend."""
        result: Any = self._new(self.variables.derivative(self.rational, name))
        for (kind, argument), factor in self.atoms.items():
            inner = self.variables.derivative(argument, name)
            share = self.variables.derivative(factor, name)
            if kind == "sqrt":
                share += factor * inner / (2 * argument)
            if share != 0:
                result += self._new(self.variables.field(0), {(kind, argument): share})
            if kind == "log":
                result += self._new(factor * inner / argument)
            elif kind == "dilogarithm" and inner != 0:
                result -= Formula.log(1 - self._new(argument)) * self._new(factor * inner / argument)
        return result  # type: ignore[no-any-return]

    def limit(self, name: str) -> Any:
        """The limit as a variable tends to 0, a formula; or inf, or -inf.

        Raises
        ------
        Undetermined
            If it is not manifest.
        """
        parts = [self._as_limit(self.variables.limit(self.rational, name))]
        for (kind, argument), factor in self.atoms.items():
            inner = self._as_limit(self.variables.limit(argument, name))
            outer = self._as_limit(self.variables.limit(factor, name))
            if not isinstance(inner, Formula) or not isinstance(outer, Formula):
                raise Undetermined("a limit of logarithms")
            if kind != "log" or not inner.is_zero():
                parts.append(outer * inner._of(kind))
            elif not outer.is_zero():
                parts.append(-outer.sign() * math.inf)
        infinite = {part for part in parts if isinstance(part, float)}
        if len(infinite) > 1:
            raise Undetermined("a limit of the form inf - inf")
        return infinite.pop() if infinite else sum(parts[1:], parts[0])

    def inverted(self, name: str) -> "Formula":
        """The formula with the inverse of a variable in its place."""
        result: Any = self._new(self.variables.inverted(self.rational, name))
        for (kind, argument), factor in self.atoms.items():
            inner = self._new(self.variables.inverted(argument, name))
            result += inner._of(kind) * self._new(self.variables.inverted(factor, name))
        return result  # type: ignore[no-any-return]

    def at(self, values: Mapping[str, Fraction]) -> flint.arb:
        """The ball around the value at a point of the variables; powers follow from their bases."""
        balls = {name: _ball(value) for name, value in values.items()}
        balls |= {name: balls[base] ** _ball(e) for name, (base, e) in self.variables.powers.items()}
        functions: dict[str, Callable[[flint.arb], flint.arb]] = {
            "log": lambda x: x.log(),
            "sqrt": lambda x: x.nonnegative_part().sqrt(),
            "dilogarithm": lambda x: flint.arb.pi() ** 2 / 6 if x == 1 else x.polylog(2),
        }
        total: flint.arb = self.variables.evaluated(self.rational, balls, flint.arb)
        for (kind, argument), factor in self.atoms.items():
            value = functions[kind](self.variables.evaluated(argument, balls, flint.arb))
            total += self.variables.evaluated(factor, balls, flint.arb) * value
        return total

    def _new(self, rational: Any, atoms: Mapping[Atom, Any] | None = None) -> "Formula":
        return Formula(self.variables, rational, atoms or {})

    def _zero(self) -> "Formula":
        return self._new(self.variables.field(0))

    def _scaled(self, factor: Any) -> "Formula":
        if factor == 0:
            return self._zero()
        return self._new(self.rational * factor, {atom: c * factor for atom, c in self.atoms.items()})

    def _lift(self, other: Any) -> "Formula | None":
        """The same number as a formula, or None if it is infinite."""
        if isinstance(other, Formula):
            if other.variables is not self.variables:
                raise Undetermined("formulas in other variables")
            return other
        value = exact_fraction(other)
        return None if value is None else Formula.number(self.variables, value)

    def _finite(self, other: Any) -> "Formula":
        mine = self._lift(other)
        if mine is None:
            raise Undetermined("a product with what is infinite")
        return mine

    def _compared(self, other: Any) -> int:
        mine = self._lift(other)
        return (-1 if other > 0 else 1) if mine is None else Formula.sign(self - mine)

    def _sign_of(self, atom: Atom) -> int:
        kind, argument = atom
        if kind == "dilogarithm":
            raise Undetermined("the sign of a dilogarithm")
        return self.variables.sign(argument - self.variables.field(1)) if kind == "log" else 1

    def _of(self, kind: str) -> "Formula":
        """The logarithm, root or dilogarithm."""
        if kind == "dilogarithm":
            return self.polylog(2)
        return self.log() if kind == "log" else self.sqrt()

    def _as_limit(self, value: Any) -> Any:
        return value if isinstance(value, float) else self._new(value)

    def _exponential(self) -> Any:
        """exp of a sum of logarithms with whole multiples, as a rational function; None if it is no such sum."""
        product = self.variables.field(1)
        for (kind, argument), factor in self.atoms.items():
            multiple = self.variables.number(factor)
            if kind != "log" or multiple is None or multiple.denominator != 1:
                return None
            product *= argument ** int(multiple)
        return product if self.rational == 0 else None


def _ball(value: Fraction) -> flint.arb:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))
