"""Formulas in positive variables: exact arithmetic in which every comparison must be manifest.

A formula is a rational function of named variables, with rational coefficients, plus such multiples of *atoms*:
logarithms, square roots and dilogarithms of rational functions.  It is a number like a ball: what is written for balls
runs on formulas, and then states what it gives for all positive values of the variables at once.

A polynomial is manifestly positive if it has no negative coefficient and only even powers of variables of unknown sign;
a comparison that does not follow from such signs raises :class:`Undetermined`, as does a result that is no formula.
Nothing is rounded, and nothing has to simplify nicely: a formula that is found to be zero is.
"""

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint
import numpy as np

__all__ = ["Formula", "Undetermined", "Variables"]

Atom = tuple[str, Any]
"""What it is the value of ("log", "sqrt" or "dilogarithm"), and its argument."""


class Undetermined(Exception):
    """A comparison is not manifest, or a result is no formula; the message says which."""


@final
@dataclass(frozen=True, eq=False)
class Variables:
    """The names of variables, positive ones and others; ``powers`` are positive, each a power of another variable.

    ``powers`` gives the base and the exponent of each.
    """

    positive: tuple[str, ...]
    free: tuple[str, ...] = ()
    powers: Mapping[str, tuple[str, Fraction]] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the exponents of a monomial."""
        return (*self.positive, *self.free, *self.powers)

    @cached_property
    def field(self) -> Any:
        """The field of rational functions."""
        from sympy import QQ
        from sympy.polys.fields import FracField
        from sympy.polys.orderings import lex

        return FracField(self.names, QQ, lex)

    def __getitem__(self, name: str) -> "Formula":
        return Formula(self, self.field.gens[self.names.index(name)])

    def number(self, value: int | float | Fraction) -> "Formula":
        """A constant."""
        top, bottom = Fraction(value).as_integer_ratio()
        return Formula(self, self.field(top) / self.field(bottom))


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

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        mine = self._lift(other)
        if mine is None:
            return other
        atoms = dict(self.atoms)
        for atom, factor in mine.atoms.items():
            atoms[atom] = atoms.get(atom, 0) + factor
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
        if mine.atoms or mine.rational == 0:
            raise Undetermined("a quotient by zero, a logarithm or a root")
        return self._scaled(1 / mine.rational)

    def __neg__(self) -> "Formula":
        return self._scaled(-1)

    def __pos__(self) -> "Formula":
        return self

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> "Formula":
        return self._finite(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, exponent: Any) -> "Formula":
        power = _fraction(exponent)
        if power is None or self.atoms:
            raise Undetermined("a power of a logarithm, or an exponent that is no rational number")
        if power.denominator == 1:
            return self._new(self.rational ** int(power))
        for name, (base, known) in self.variables.powers.items():
            if (power - known).denominator == 1 and self.rational == self.variables[base].rational:
                return self.variables[name] * self ** int(power - known)
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
        return self.rational == 0 and not self.atoms

    def sign(self) -> int:
        """1, 0 or -1 if the formula is positive, zero or negative for all values of the variables.

        Raises
        ------
        Undetermined
            If that is not manifest.
        """
        if (product := self._exponential()) is not None and self.atoms:
            return self._new(product - 1).sign()
        found = {self._sign(self.rational)} | {self._sign_of(atom) * self._sign(c) for atom, c in self.atoms.items()}
        found -= {0}
        if len(found) > 1:
            raise Undetermined("the sign of a sum of logarithms is not manifest")
        return found.pop() if found else 0

    # -- the functions of a ball -----------------------------------------------------------------

    def nonnegative_part(self) -> "Formula":
        """The larger of the formula and 0."""
        return self if self.sign() >= 0 else self._new(0 * self.rational)

    def log(self) -> "Formula":
        """The logarithm of a positive rational function, as those of its irreducible factors."""
        if self.sign() <= 0 or self.atoms:
            raise Undetermined("a logarithm of what is not positive, or of a logarithm")
        result = self._new(0 * self.rational)
        for part, turn in ((self.rational.numer, 1), (self.rational.denom, -1)):
            constant, factors = self._factors(part)
            for factor, times in (*factors, *_primes(constant)):
                argument = self.variables.field(factor)
                result = result + self._new(0 * argument, {("log", argument): self.variables.field(turn * times)})
        return result

    def log1p(self) -> "Formula":
        """log(1 + x)."""
        return (1 + self).log()

    def exp(self) -> "Formula":
        """The exponential of a sum of logarithms with natural multiples."""
        product = self._exponential()
        if product is None:
            raise Undetermined("an exponential of what is no sum of logarithms")
        return self._new(product)

    def expm1(self) -> "Formula":
        """exp(x) - 1."""
        return self.exp() - 1

    def tanh(self) -> "Formula":
        """The hyperbolic tangent."""
        square = (2 * self).exp()
        return (square - 1) / (square + 1)

    def sqrt(self) -> "Formula":
        """The root >= 0: a rational function times the root of what is not a square in it."""
        if self.sign() < 0 or self.atoms:
            raise Undetermined("a root of what is negative, or of a logarithm")
        if self.is_zero():
            return self
        outside, inside = self.variables.field(1), self.variables.field(1)
        for part, turn in ((self.rational.numer, 1), (self.rational.denom, -1)):
            constant, factors = self._factors(part)
            top, bottom = (math.isqrt(int(n)) for n in (constant.numerator, constant.denominator))
            if (top * top, bottom * bottom) == (constant.numerator, constant.denominator):
                outside *= (self.variables.field(top) / self.variables.field(bottom)) ** turn
            else:
                inside *= self.variables.number(constant).rational ** turn
            for factor, times in factors:
                argument = self.variables.field(factor)
                outside *= argument ** (turn * (times // 2))
                inside *= argument ** (turn * (times % 2))
        return self._new(outside) if inside == 1 else self._new(0 * inside, {("sqrt", inside): outside})

    def hypot(self, other: Any) -> "Formula":
        """The root of the sum of both squares."""
        return (self * self + other * other).sqrt()  # type: ignore[no-any-return]

    def polylog(self, order: int) -> "Formula":
        """Li_2 of a rational function; ``order`` is 2."""
        if order != 2 or self.atoms:
            raise Undetermined("a polylogarithm of another order, or of a logarithm")
        return self._new(0 * self.rational, {("dilogarithm", self.rational): self.variables.field(1)})

    # -- calculus --------------------------------------------------------------------------------

    def derivative(self, name: str) -> "Formula":
        """The derivative in a variable, on which its powers depend."""
        result = self._new(self._slope(self.rational, name))
        for (kind, argument), factor in self.atoms.items():
            inner = self._slope(argument, name)
            result = result + self._new(0 * inner, {(kind, argument): self._slope(factor, name)})._without_zeros()
            if kind == "log":
                result = result + self._new(factor * inner / argument)
            elif kind == "sqrt":
                share = factor * inner / (2 * argument)
                result = result + self._new(0 * inner, {(kind, argument): share})._without_zeros()
            elif inner != 0:
                result = result - self._new(1 - argument).log() * self._new(factor * inner / argument)
        return result

    def limit(self, name: str) -> Any:
        """The limit as a variable tends to 0, a formula; or inf, or -inf.

        Raises
        ------
        Undetermined
            If it is not manifest.
        """
        result: Any = self._limit(self.rational, name)
        for (kind, argument), factor in self.atoms.items():
            inner, outer = self._limit(argument, name), self._limit(factor, name)
            if isinstance(outer, Formula) and isinstance(inner, Formula) and (kind != "log" or not inner.is_zero()):
                part: Any = outer * {"log": inner.log, "sqrt": inner.sqrt, "dilogarithm": lambda i=inner: i.polylog(2)}[
                    kind
                ]()
            elif kind == "log" and isinstance(outer, Formula) and outer.is_zero():
                part = outer
            elif kind == "log" and isinstance(outer, Formula) and isinstance(inner, Formula):
                part = -outer.sign() * math.inf
            else:
                raise Undetermined("a limit of logarithms")
            if isinstance(part, float) and isinstance(result, float) and part != result:
                raise Undetermined("a limit of the form inf - inf")
            result = part if isinstance(part, float) else result + part
        return result

    def inverted(self, name: str) -> "Formula":
        """The formula with the inverse of a variable in its place."""
        inverse = {of: (1 / self.variables[of]).rational for of in self._weights(name)}
        result = self._new(self._replaced(self.rational, inverse))
        for (kind, argument), factor in self.atoms.items():
            inner = self._new(self._replaced(argument, inverse))
            turned = {"log": inner.log, "sqrt": inner.sqrt, "dilogarithm": lambda i=inner: i.polylog(2)}[kind]()
            result = result + turned * self._new(self._replaced(factor, inverse))
        return result

    def at(self, values: Mapping[str, Fraction]) -> flint.arb:
        """The ball around the value at a point of the variables; powers follow from their bases."""
        point = dict(values)
        balls = {name: _ball(point[name]) for name in point}
        balls |= {name: balls[base] ** _ball(e) for name, (base, e) in self.variables.powers.items()}

        def evaluated(fraction: Any) -> flint.arb:
            top, bottom = (self._evaluated(part, balls, flint.arb) for part in (fraction.numer, fraction.denom))
            return top / bottom

        functions: dict[str, Callable[[flint.arb], flint.arb]] = {
            "log": lambda x: x.log(),
            "sqrt": lambda x: x.nonnegative_part().sqrt(),
            "dilogarithm": lambda x: flint.arb.pi() ** 2 / 6 if x == 1 else x.polylog(2),
        }
        total = evaluated(self.rational)
        for (kind, argument), factor in self.atoms.items():
            total += evaluated(factor) * functions[kind](evaluated(argument))
        return total

    # -- polynomials -----------------------------------------------------------------------------

    def _new(self, rational: Any, atoms: Mapping[Atom, Any] | None = None) -> "Formula":
        return Formula(self.variables, rational, atoms or {})

    def _without_zeros(self) -> "Formula":
        return self._new(self.rational, {atom: c for atom, c in self.atoms.items() if c != 0})

    def _scaled(self, factor: Any) -> "Formula":
        if factor == 0:
            return self._new(0 * self.rational)
        return self._new(self.rational * factor, {atom: c * factor for atom, c in self.atoms.items()})

    def _lift(self, other: Any) -> "Formula | None":
        """The same number as a formula, or None if it is infinite."""
        if isinstance(other, Formula):
            if other.variables is not self.variables:
                raise Undetermined("formulas in other variables")
            return other
        value = _fraction(other)
        return None if value is None else self.variables.number(value)

    def _finite(self, other: Any) -> "Formula":
        mine = self._lift(other)
        if mine is None:
            raise Undetermined("a product with what is infinite")
        return mine

    def _compared(self, other: Any) -> int:
        mine = self._lift(other)
        return (-1 if other > 0 else 1) if mine is None else (self - mine).sign()  # type: ignore[no-any-return]

    def _sign(self, fraction: Any) -> int:
        return self._sign_of_polynomial(fraction.numer) * self._sign_of_polynomial(fraction.denom)

    def _sign_of(self, atom: Atom) -> int:
        kind, argument = atom
        if kind == "dilogarithm":
            raise Undetermined("the sign of a dilogarithm")
        return self._sign(argument - 1) if kind == "log" else 1

    def _sign_of_polynomial(self, polynomial: Any) -> int:
        first = len(self.variables.positive)
        last = first + len(self.variables.free)
        signs, sure = set(), False
        for powers, coefficient in polynomial.terms():
            free = powers[first:last]
            if any(power % 2 for power in free):
                raise Undetermined("the sign of a variable is unknown")
            signs.add(1 if coefficient > 0 else -1)
            sure |= not any(free)
        if len(signs) > 1 or signs and not sure:
            raise Undetermined("a sign is not manifest")
        return signs.pop() if signs else 0

    def _factors(self, polynomial: Any) -> tuple[Fraction, list[tuple[Any, int]]]:
        """A positive constant and irreducible positive factors of content 1, with their multiplicities."""
        constant, factors = polynomial.factor_list()
        value, parts = Fraction(int(constant.numerator), int(constant.denominator)), []
        for factor, times in factors:
            content, primitive = factor.primitive()
            sign = self._sign_of_polynomial(primitive)
            value *= (sign * Fraction(int(content.numerator), int(content.denominator))) ** times
            parts.append((sign * primitive, times))
        return value, parts

    def _exponential(self) -> Any:
        """exp of a sum of logarithms with whole multiples, as a rational function; None if it is no such sum."""
        product = self.variables.field(1)
        for (kind, argument), factor in self.atoms.items():
            multiple = _constant(factor)
            if kind != "log" or multiple is None or multiple.denominator != 1:
                return None
            product *= argument ** int(multiple)
        return product if self.rational == 0 else None

    def _slope(self, fraction: Any, name: str) -> Any:
        base, generators = self.variables[name].rational, self.variables.field.gens
        result = fraction.diff(generators[self.variables.names.index(name)])
        for power, (of, exponent) in self.variables.powers.items():
            if of == name:
                own = generators[self.variables.names.index(power)]
                result += fraction.diff(own) * self.variables.number(exponent).rational * own / base
        return result

    def _limit(self, fraction: Any, name: str) -> Any:
        orders = {self.variables.names.index(of): exponent for of, exponent in self._weights(name).items()}
        parts: list[Any] = []
        lowest: list[Fraction] = []
        for polynomial in (fraction.numer, fraction.denom):
            terms = {powers: sum(powers[k] * e for k, e in orders.items()) for powers in polynomial.monoms()}
            lowest.append(min(terms.values(), default=Fraction(0)))
            kept = {powers: polynomial[powers] for powers, order in terms.items() if order == lowest[-1]}
            parts.append(self.variables.field(polynomial.ring.from_dict(kept)))
        if parts[0] == 0 or lowest[0] > lowest[1]:
            return self._new(0 * fraction)
        leading = parts[0] / parts[1]
        if lowest[0] < lowest[1]:
            return self._sign(leading) * math.inf
        if any(powers[k] for part in (leading.numer, leading.denom) for powers in part.monoms() for k in orders):
            raise Undetermined("a limit of powers")
        return self._new(leading)

    def _weights(self, name: str) -> dict[str, Fraction]:
        """The variable and its powers, each with its exponent."""
        return {name: Fraction(1)} | {of: e for of, (base, e) in self.variables.powers.items() if base == name}

    def _replaced(self, fraction: Any, by: Mapping[str, Any]) -> Any:
        values = {**dict(zip(self.variables.names, self.variables.field.gens, strict=True)), **by}
        number = self.variables.field
        return self._evaluated(fraction.numer, values, number) / self._evaluated(fraction.denom, values, number)

    def _evaluated(self, polynomial: Any, values: Mapping[str, Any], number: Callable[[int], Any]) -> Any:
        total = number(0)
        for powers, coefficient in polynomial.terms():
            term = number(int(coefficient.numerator)) / number(int(coefficient.denominator))
            for name, power in zip(self.variables.names, powers, strict=True):
                if power:
                    term = term * values[name] ** power
            total = total + term
        return total


def _fraction(value: Any) -> Fraction | None:
    """A number exactly, None for an infinite one."""
    if isinstance(value, flint.arb):
        if not value.is_finite():
            return None
        if not value.is_exact():
            raise Undetermined("a ball that is not exact")
        mantissa, exponent = (int(part) for part in value.man_exp())
        return Fraction(mantissa) * Fraction(2) ** exponent
    if isinstance(value, numbers.Real) or hasattr(value, "item"):
        plain = value.item() if hasattr(value, "item") else value
        return Fraction(plain) if math.isfinite(plain) else None
    raise Undetermined(f"no number but one of type {type(value).__name__}")


def _constant(fraction: Any) -> Fraction | None:
    """The rational number that a rational function is, or None."""
    if any(any(powers) for part in (fraction.numer, fraction.denom) for powers in part.monoms()):
        return None
    top, bottom = fraction.numer.coeff(1), fraction.denom.coeff(1)
    return Fraction(int(top.numerator), int(top.denominator)) / Fraction(int(bottom.numerator), int(bottom.denominator))


def _primes(value: Fraction) -> list[tuple[int, int]]:
    """The primes of a positive rational number with their multiplicities."""
    from sympy import factorint

    parts = ((value.numerator, 1), (value.denominator, -1))
    return [(int(p), turn * int(n)) for part, turn in parts for p, n in factorint(part).items()]


def _ball(value: Fraction) -> flint.arb:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))
