"""Rational functions of named variables, most of them positive: signs, factors, derivatives, limits.

A polynomial is *manifestly* positive if it has no negative coefficient and only even powers of variables of unknown
sign.  What does not follow from such signs is not said.
"""

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint

__all__ = ["Undetermined", "Variables", "exact_fraction", "primes"]


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

    def generator(self, name: str) -> Any:
        """A variable as a rational function."""
        return self.field.gens[self.names.index(name)]

    def constant(self, value: int | float | Fraction) -> Any:
        """A number as a rational function."""
        top, bottom = Fraction(value).as_integer_ratio()
        return self.field(top) / self.field(bottom)

    def sign(self, fraction: Any) -> int:
        """1, 0 or -1: the sign for all values of the variables.

        Raises
        ------
        Undetermined
            If it is not manifest.
        """
        return self._sign(fraction.numer) * self._sign(fraction.denom)

    def _sign(self, polynomial: Any) -> int:
        first = len(self.positive)
        last = first + len(self.free)
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

    def factors(self, fraction: Any) -> tuple[Fraction, list[tuple[Any, int]]]:
        """A positive rational function: a positive number, and irreducible positive factors with multiplicities.

        The factors are polynomials of content 1, as rational functions.

        Raises
        ------
        Undetermined
            If the sign of a factor is not manifest.
        """
        value, parts = Fraction(1), []
        for polynomial, turn in ((fraction.numer, 1), (fraction.denom, -1)):
            number, factors = polynomial.factor_list()
            value *= _fraction(number) ** turn
            for factor, times in factors:
                content, primitive = factor.primitive()
                sign = self._sign(primitive)
                value *= (sign * _fraction(content)) ** (turn * times)
                parts.append((self.field(sign * primitive), turn * times))
        return value, parts

    def number(self, fraction: Any) -> Fraction | None:
        """The number that a rational function is, or None."""
        if any(any(powers) for part in (fraction.numer, fraction.denom) for powers in part.monoms()):
            return None
        return _fraction(fraction.numer.coeff(1)) / _fraction(fraction.denom.coeff(1))

    def derivative(self, fraction: Any, name: str) -> Any:
        """The derivative in a variable, on which its powers depend."""
        result = fraction.diff(self.generator(name))
        for power, (base, exponent) in self.powers.items():
            if base == name:
                own = self.generator(power)
                result += fraction.diff(own) * self.constant(exponent) * own / self.generator(name)
        return result

    def limit(self, fraction: Any, name: str) -> Any:
        """The limit as a variable tends to 0, a rational function; or inf, or -inf.

        Raises
        ------
        Undetermined
            If the sign of infinity is not manifest, or powers do not cancel.
        """
        orders = {self.names.index(of): exponent for of, exponent in self.weights(name).items()}
        parts: list[Any] = []
        lowest: list[Fraction] = []
        for polynomial in (fraction.numer, fraction.denom):
            terms = {
                powers: sum((powers[k] * e for k, e in orders.items()), Fraction(0)) for powers in polynomial.monoms()
            }
            lowest.append(min(terms.values(), default=Fraction(0)))
            kept = {powers: polynomial[powers] for powers, order in terms.items() if order == lowest[-1]}
            parts.append(self.field(polynomial.ring.from_dict(kept)))
        if parts[0] == 0 or lowest[0] > lowest[1]:
            return self.field(0)
        leading = parts[0] / parts[1]
        if lowest[0] < lowest[1]:
            return self.sign(leading) * math.inf
        if any(powers[k] for part in (leading.numer, leading.denom) for powers in part.monoms() for k in orders):
            raise Undetermined("a limit of powers")
        return leading

    def weights(self, name: str) -> dict[str, Fraction]:
        """The variable and its powers, each with its exponent."""
        return {name: Fraction(1)} | {of: e for of, (base, e) in self.powers.items() if base == name}

    def inverted(self, fraction: Any, name: str) -> Any:
        """The rational function with the inverse of a variable in its place."""
        values = {of: self.generator(of) for of in self.names}
        values |= {of: 1 / values[of] for of in self.weights(name)}
        return self.evaluated(fraction, values, self.field)

    def evaluated(self, fraction: Any, values: Mapping[str, Any], number: Callable[[int], Any]) -> Any:
        """The value at ``values`` of all variables, in an arithmetic that writes integers as ``number``."""
        parts = []
        for polynomial in (fraction.numer, fraction.denom):
            total = number(0)
            for powers, coefficient in polynomial.terms():
                term = number(int(coefficient.numerator)) / number(int(coefficient.denominator))
                for name, power in zip(self.names, powers, strict=True):
                    if power:
                        term = term * values[name] ** power
                total = total + term
            parts.append(total)
        return parts[0] / parts[1]


def _fraction(number: Any) -> Fraction:
    return Fraction(int(number.numerator), int(number.denominator))


def exact_fraction(value: Any) -> Fraction | None:
    """A number exactly, None for an infinite one.

    Raises
    ------
    Undetermined
        If it is a ball that is not exact, NaN, or no number.
    """
    if isinstance(value, flint.arb):
        if value.is_nan():
            raise Undetermined("NaN")
        if not value.is_finite():
            return None
        if not value.is_exact():
            raise Undetermined("a ball that is not exact")
        mantissa, exponent = (int(part) for part in value.man_exp())
        return Fraction(mantissa) * Fraction(2) ** exponent
    if isinstance(value, numbers.Real) or hasattr(value, "item"):
        plain = value.item() if hasattr(value, "item") else value
        if math.isnan(plain):
            raise Undetermined("NaN")
        return Fraction(plain) if math.isfinite(plain) else None
    raise Undetermined(f"no number but one of type {type(value).__name__}")


def primes(value: Fraction) -> list[tuple[int, int]]:
    """The primes of a positive rational number with their multiplicities."""
    from sympy import factorint

    parts = ((value.numerator, 1), (value.denominator, -1))
    return [(int(p), turn * int(n)) for part, turn in parts for p, n in factorint(part).items()]
