"""Smooth losses: sums of one differentiable function of each coordinate.

Sources: Bauschke and Combettes 2017, section 24; Boyd and Vandenberghe 2004, section 3.3 (conjugates);
Combettes and Pesquet 2011, table 10.2.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, final

import numpy as np

from fbscheck.certify.balls import absolute, exp, expm1, is_ball, log, log1p, maximum, power, sqrt, tanh, xlogx
from fbscheck.errors import InputError
from fbscheck.functions.base import indicator, operand
from fbscheck.functions.curved import Curved
from fbscheck.inputs import Array, finite_number, positive

__all__ = ["Fair", "LogCosh", "Logistic", "Power", "PseudoHuber", "Softplus"]

CAUSE = "It is where the quadratic turns into a line."


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    if is_ball(x):
        return 1 / (1 + exp(-x))
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1 + small)  # type: ignore[no-any-return]


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    return maximum(x, 0.0) + log1p(exp(-absolute(x)))


def binary_entropy(s: Array) -> Array:
    """s log s + (1 - s) log(1 - s), inf outside [0, 1]."""
    return xlogx(s) + xlogx(1 - s)


def hypotenuse(x: Array) -> Array:
    """sqrt(1 + x^2), without overflow."""
    return sqrt(1 + x * x) if is_ball(x) else np.hypot(1.0, x)


@final
@dataclass(frozen=True, eq=False)
class Logistic(Curved):
    """g(x) = sum_i log(1 + exp(-x_i)), the loss of a margin x_i; its conjugate is an entropy on [-1, 0]."""

    def _value(self, x: Array) -> Any:
        return np.sum(softplus(-x), axis=0)

    def _derivative(self, x: Array) -> Any:
        return -sigmoid(-x)

    def _curvature(self, x: Array) -> Any:
        return sigmoid(x) * sigmoid(-x)

    def _conjugate(self, s: Array) -> Any:
        return np.sum(binary_entropy(-s), axis=0)


@final
@dataclass(frozen=True, eq=False)
class Softplus(Curved):
    """g(x) = sum_i log(1 + exp(x_i)); its conjugate is an entropy on [0, 1]."""

    def _value(self, x: Array) -> Any:
        return np.sum(softplus(x), axis=0)

    def _derivative(self, x: Array) -> Any:
        return sigmoid(x)

    def _curvature(self, x: Array) -> Any:
        return sigmoid(x) * sigmoid(-x)

    def _conjugate(self, s: Array) -> Any:
        return np.sum(binary_entropy(s), axis=0)


@final
@dataclass(frozen=True, eq=False)
class LogCosh(Curved):
    """g(x) = sum_i log cosh(x_i); its derivative is tanh."""

    def _value(self, x: Array) -> Any:
        size = absolute(x)
        if is_ball(x):
            return np.sum(size + log1p(expm1(-2 * size) / 2), axis=0)
        near = np.expm1(-np.minimum(size, 1.0))
        far = size + np.log1p(np.exp(-2 * size)) - np.log(2.0)
        return np.sum(np.where(size < 1, np.log1p(near * near / (2 * (1 + near))), far), axis=0)

    def _derivative(self, x: Array) -> Any:
        return tanh(x)

    def _curvature(self, x: Array) -> Any:
        return 4 * sigmoid(2 * x) * sigmoid(-2 * x)

    def _conjugate(self, s: Array) -> Any:
        return np.sum(xlogx(1 + s) + xlogx(1 - s), axis=0) / 2


@final
@dataclass(frozen=True, eq=False)
class PseudoHuber(Curved):
    """g(x) = delta^2 sum_i (sqrt(1 + (x_i / delta)^2) - 1): x^2/2 near zero, delta |x| far away."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", float(positive(self.delta, "delta", CAUSE)))

    def _value(self, x: Array) -> Any:
        t = x / self.delta
        return self.delta * np.sum(absolute(x) * (absolute(t) / (1 + hypotenuse(t))), axis=0)

    def _derivative(self, x: Array) -> Any:
        return x / hypotenuse(x / self.delta)

    def _curvature(self, x: Array) -> Any:
        inverse = 1 / hypotenuse(x / self.delta)
        return inverse * inverse * inverse

    def _conjugate(self, s: Array) -> Any:
        t = s / self.delta
        root = sqrt(maximum((1 - t) * (1 + t), 0.0))
        return indicator(absolute(s) - self.delta, self.delta) + np.sum(s * s / (1 + root), axis=0)


@final
@dataclass(frozen=True, eq=False)
class Fair(Curved):
    """g(x) = c^2 sum_i (|x_i|/c - log(1 + |x_i|/c)): x^2/2 near zero, c |x| far away (Fair 1974).

    The optimality condition is a quadratic equation in |p|.
    """

    c: float = 1.0
    accuracy: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "c", float(positive(self.c, "c", CAUSE)))

    def _value(self, x: Array) -> Any:
        t = absolute(x) / self.c
        return self.c * (self.c * np.sum(t - log1p(t), axis=0))

    def _root(self, u: Array, step: float) -> Array:
        t = np.abs(u) / self.c
        linear = 1 + step - t
        root = np.hypot(linear, 2 * np.sqrt(t))
        far = np.sign(u) * (self.c / 2) * (root - linear)
        return np.where(linear > 0, 2 * u / (np.abs(linear) + root), far)  # type: ignore[no-any-return]

    def _derivative(self, x: Array) -> Any:
        return x / (1 + absolute(x) / self.c)

    def _curvature(self, x: Array) -> Any:
        inverse = 1 / (1 + absolute(x) / self.c)
        return inverse * inverse

    def _conjugate(self, s: Array) -> Any:
        t = absolute(s) / self.c
        return -self.c * (self.c * np.sum(t + log(1 - t), axis=0))


@final
@dataclass(frozen=True, eq=False)
class Power(Curved):
    """g(x) = sum_i |x_i|^exponent / exponent with exponent > 1; its conjugate has the exponent q, 1/p + 1/q = 1."""

    exponent: float = 3.0

    def __post_init__(self) -> None:
        exponent = float(finite_number(self.exponent, "exponent"))
        if exponent <= 1:
            raise InputError(
                f"Need exponent > 1, got exponent={exponent}. Use L1 for exponent 1; below, g is not convex."
            )
        object.__setattr__(self, "exponent", exponent)

    def _value(self, x: Array) -> Any:
        return np.sum(power(absolute(x), self.exponent), axis=0) / self.exponent

    def _derivative(self, x: Array) -> Any:
        return np.where(x >= 0, 1.0, -1.0) * power(absolute(x), self.exponent - 1)

    def _curvature(self, x: Array) -> Any:
        away = absolute(x) + (x == 0)
        at_zero = {True: np.inf, False: 0.0}[self.exponent < 2] if self.exponent != 2 else 1.0
        return np.where(x == 0, at_zero, (self.exponent - 1) * power(away, self.exponent - 1) / away)

    def _conjugate(self, s: Array) -> Any:
        dual = operand(Fraction(self.exponent) / (Fraction(self.exponent) - 1), s)
        return np.sum(power(absolute(s), dual), axis=0) / dual
