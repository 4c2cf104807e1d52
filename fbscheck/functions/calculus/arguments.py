"""Rules that change the argument: g(factor x), g(x - shift), g(-x) (Combettes and Pesquet 2011, table 10.1)."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import round_down, round_up
from fbscheck.errors import InputError
from fbscheck.functions.base import Function
from fbscheck.functions.calculus.derived import Derived, require_function, settle_vector
from fbscheck.inputs import Array, finite_number
from fbscheck.points import along

__all__ = ["ArgumentScaled", "Translated", "reflected"]


@final
@dataclass(frozen=True, eq=False)
class ArgumentScaled(Derived):
    """x -> g(factor x) with factor s != 0: M_h(u) = M_{s^2 h} g(s u), prox_h(u) = prox_{s^2 h g}(s u)/s.

    It is (s^2 sigma)-strongly convex and (|s| L)-Lipschitz (Combettes and Pesquet 2011, table 10.1).
    """

    function: Function
    factor: float

    def __post_init__(self) -> None:
        require_function(self.function)
        factor = float(finite_number(self.factor, "factor"))
        if factor == 0:
            raise InputError("Need factor != 0, got factor=0. With it the function is the constant g(0).")
        object.__setattr__(self, "factor", factor)

    @property
    def strong_convexity(self) -> float:
        """factor^2 sigma, rounded down."""
        return round_down(Fraction(self.factor) ** 2 * Fraction(self.function.strong_convexity))

    @property
    def lipschitz(self) -> float | None:
        """|factor| L, rounded up."""
        known = self.function.lipschitz
        return None if known is None else round_up(abs(Fraction(self.factor)) * Fraction(known))

    def _step(self, step: Any) -> Any:
        return step * self.factor * self.factor

    def _value(self, x: Array) -> Any:
        return self.function._value(x * self.factor)

    def _prox(self, u: Array, step: Any) -> Array:
        return self.function._prox(u * self.factor, self._step(step)) / self.factor

    def _envelope(self, u: Array, step: Any) -> Any:
        return self.function._envelope(u * self.factor, self._step(step))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return self.function._prox_jacobian(u * self.factor, self._step(step), v)

    def _conjugate(self, s: Array) -> Any:
        return self.function._conjugate(s / self.factor)

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self.function._subgradient(x * self.factor, near / self.factor) * self.factor


def reflected(function: Function) -> ArgumentScaled:
    """x -> g(-x)."""
    return ArgumentScaled(function, -1.0)


@final
@dataclass(frozen=True, eq=False)
class Translated(Derived):
    """x -> g(x - shift), ``shift`` c (d,): M_h(u) = M_h g(u - c), prox_h(u) = c + prox_{hg}(u - c)."""

    function: Function
    shift: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        settle_vector(self, "shift")

    @property
    def dimension(self) -> int:
        """The length of the shift."""
        return len(self.shift)

    def _value(self, x: Array) -> Any:
        return self.function._value(x - along(self.shift, x))

    def _prox(self, u: Array, step: Any) -> Array:
        shift = along(self.shift, u)
        return self.function._prox(u - shift, step) + shift  # type: ignore[no-any-return]

    def _envelope(self, u: Array, step: Any) -> Any:
        return self.function._envelope(u - along(self.shift, u), step)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return self.function._prox_jacobian(u - along(self.shift, u), step, v)

    def _conjugate(self, s: Array) -> Any:
        return self.function._conjugate(s) + np.sum(along(self.shift, s) * s, axis=0)

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self.function._subgradient(x - along(self.shift, x), near)
