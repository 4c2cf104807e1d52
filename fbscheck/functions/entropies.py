"""Logarithmic functions of positive vectors, and the function whose conjugate is an entropy: log-sum-exp.

Sources: Bauschke and Combettes 2017, section 24; Combettes and Pesquet 2011, table 10.2 (closed forms);
Boyd and Vandenberghe 2004, section 3.3 (conjugates).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from fbscheck.certify.balls import around, exact, exp, is_ball, log, maximum, nearest, norm, xlogx
from fbscheck.errors import InputError
from fbscheck.functions.base import Function, indicator
from fbscheck.functions.curved import Curved
from fbscheck.functions.roots import increasing_root
from fbscheck.functions.separable import Weight
from fbscheck.inputs import Array, finite_array, nonnegative
from fbscheck.points import along

__all__ = ["KullbackLeibler", "LogBarrier", "LogSumExp", "NegativeEntropy"]


TINY, HUGE = 1e-140, 1e140
"""Squares of numbers between them are in the range of float64."""


@final
@dataclass(frozen=True, eq=False)
class LogBarrier(Curved):
    """g(x) = -sum_i log x_i for x > 0; its prox is the positive root of p^2 - u p = h."""

    accuracy: ClassVar[float] = 0.0
    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)
    interior: ClassVar[float] = 1.0

    def _value(self, x: Array) -> Any:
        return -np.sum(log(x), axis=0)

    def _root(self, u: Array, step: float) -> Array:
        return positive_root(u, step)

    def _derivative(self, x: Array) -> Any:
        return -1 / x

    def _curvature(self, x: Array) -> Any:
        return 1 / (x * x)

    def _conjugate(self, s: Array) -> Any:
        return -np.sum(1 + log(-s), axis=0)


@final
@dataclass(frozen=True, eq=False)
class NegativeEntropy(Curved):
    """g(x) = sum_i x_i log x_i for x >= 0; its prox is h W(exp(u/h - 1)/h), W Lambert's function."""

    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)
    interior: ClassVar[float] = 1.0

    def _value(self, x: Array) -> Any:
        return np.sum(xlogx(x), axis=0)

    def _derivative(self, x: Array) -> Any:
        return log(x) + 1

    def _curvature(self, x: Array) -> Any:
        return 1 / x

    def _conjugate(self, s: Array) -> Any:
        return np.sum(exp(s - 1), axis=0)


@final
@dataclass(frozen=True, eq=False)
class KullbackLeibler(Curved):
    """g(x) = sum_i x_i - b_i + b_i log(b_i / x_i), the divergence of x >= 0 from ``counts`` b >= 0.

    Up to a constant the negative log-likelihood of Poisson counts b with means x.  ``counts`` is a number or
    a (d,) array; the prox is the positive root of p^2 - (u - h) p = h b.
    """

    counts: Weight = 1.0
    accuracy: ClassVar[float] = 0.0
    domain: ClassVar[tuple[float, float]] = (0.0, np.inf)
    interior: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if np.ndim(self.counts) == 0:
            counts: Weight = float(nonnegative(self.counts, "counts", "They are counts of events."))
        else:
            counts = finite_array(self.counts, "counts", 1)
            if (counts < 0).any():
                raise InputError(
                    f"Need counts >= 0, got a smallest entry of {counts.min()}. They are counts of events."
                )
        object.__setattr__(self, "counts", counts)

    @property
    def dimension(self) -> int | None:
        """The length of a vector of counts; None for one number."""
        return len(self.counts) if isinstance(self.counts, np.ndarray) else None

    def _value(self, x: Array) -> Any:
        counts = along(self.counts, x)
        ratio = np.where(counts > 0, x, 1 + 0 * x) / np.where(counts > 0, counts, 1.0)
        scaled = np.where(counts > 0, -np.where(counts > 0, counts, 1.0) * log(ratio), 0.0)
        return indicator(-x) + np.sum(x - counts + scaled, axis=0)

    def _root(self, u: Array, step: float) -> Array:
        return positive_root(u - step, step * along(self.counts, u))

    def _derivative(self, x: Array) -> Any:
        counts = along(self.counts, x)
        return 1 - np.where(counts > 0, counts / np.where(counts > 0, x, 1.0), 0.0)

    def _curvature(self, x: Array) -> Any:
        counts = along(self.counts, x)
        away = np.where(counts > 0, x, 1.0)
        return np.where(counts > 0, counts / (away * away), 0.0)

    def _enclosed(self, u: Array, step: Any) -> Array:
        counts = along(self.counts, u) * np.ones(u.shape)
        return np.where(counts > 0, super()._enclosed(u, step), maximum(u - step, 0.0))

    def _slope(self, u: Array, step: float) -> Array:
        p = self._root(u, step)
        inside = p > 0
        curvature = self._curvature(np.where(inside, p, 1.0))
        return np.where(inside, 1 / (1 + step * curvature), 0.0)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        low, high = super()._one_sided(x)
        return low, np.where((x == 0) & (along(self.counts, x) == 0), 1.0, high)

    def _conjugate(self, s: Array) -> Any:
        counts = along(self.counts, s)
        barrier = np.where(counts > 0, -np.where(counts > 0, counts, 1.0) * log(1 - s), 0.0)
        return indicator(s - 1, 1.0) + np.sum(barrier, axis=0)


def positive_root(linear: Array, constant: Any) -> Array:
    """The root p >= 0 of p^2 - linear p = constant >= 0, without cancellation."""
    total = np.sqrt(linear * linear + 4 * constant)
    if is_ball(total) or not (total.min() > TINY and total.max() < HUGE):
        total = np.hypot(linear, 2 * np.sqrt(constant))
        total = np.where(total > 0, total, 1.0)
    total += np.abs(linear)
    return np.where(linear > 0, 0.5 * total, 2 * constant / total)  # type: ignore[no-any-return]


def softmax(x: Array) -> Array:
    """exp(x) over its sum, along the first axis, in float64 or balls."""
    powers = exp(x - x.max(axis=0)) if not is_ball(x) else exp(x - _largest(x))
    return powers / np.sum(powers, axis=0)  # type: ignore[no-any-return]


def logsumexp(x: Array) -> Any:
    """log sum exp(x) along the first axis."""
    top = _largest(x) if is_ball(x) else x.max(axis=0)
    return top + log(np.sum(exp(x - top), axis=0))


def _largest(x: Array) -> Any:
    top = x[0]
    for row in x[1:]:
        top = maximum(np.asarray(top, dtype=object), np.asarray(row, dtype=object))
    return top


def entropic_point(u: Array, quadratic: float, step: float) -> tuple[Array, Array]:
    """q in the simplex with quadratic q_i + step log q_i + tau = u_i for all i, and the tau, in float64.

    With a = quadratic it minimises a |q|^2/2 + step sum q log q - <u, q> over the simplex; needs
    step > 0, a > -step.
    """
    top = u.max(axis=0)
    u = u - top

    def coordinates(tau: Array) -> Array:
        """y_i = log q_i <= 0, the root of a exp(y) + step y = u_i - tau, cut at 0."""
        level = u - tau

        def evaluate(y: Array) -> tuple[Array, Array, Array]:
            q = np.exp(y)
            return (
                quadratic * q + step * y - level,
                quadratic * q + step,
                np.abs(quadratic) * q + step * np.abs(y) + np.abs(level),
            )

        low = np.minimum((level - max(quadratic, 0.0)) / step, 0.0)
        return increasing_root(evaluate, low, np.zeros_like(level), np.clip(level / step, low, 0.0))

    def balance(tau: Array) -> tuple[Array, Array, Array]:
        q = np.exp(coordinates(tau))
        return 1 - np.sum(q, axis=0), np.sum(q / (quadratic * q + step), axis=0), 1 + np.abs(tau) / step

    lowest, highest = -quadratic, step * np.log(len(u)) - quadratic / len(u)
    tau = increasing_root(balance, np.full(top.shape, lowest), np.full(top.shape, highest), np.full(top.shape, highest))
    q = np.exp(coordinates(tau))
    return q / np.sum(q, axis=0), tau + top


def entropic_derivative(q: Array, quadratic: float, step: float, v: Array) -> Array:
    """The derivative of :func:`entropic_point` along ``v``, with weights w_i = q_i / (a q_i + step)."""
    weights = q / (quadratic * q + step)
    return weights * (v - np.sum(weights * v, axis=0) / np.sum(weights, axis=0))  # type: ignore[no-any-return]


@final
@dataclass(frozen=True, eq=False)
class LogSumExp(Function):
    """g(x) = log sum_i exp(x_i); u - prox(u) is h times a point q of the simplex, h q_i + log q_i + tau = u_i."""

    accuracy: ClassVar[float] = 1e-13

    @property
    def lipschitz(self) -> float:
        """1: the gradient is in the simplex."""
        return 1.0

    def _value(self, x: Array) -> Any:
        return logsumexp(x)

    def _prox(self, u: Array, step: Any) -> Array:
        if is_ball(u):
            return self._enclosed(u, step)
        return u - step * entropic_point(u, step, 1.0)[0]  # type: ignore[no-any-return]

    def _enclosed(self, u: Array, step: Any) -> Array:
        """The float64 point, with |p + h softmax(p) - u|, which bounds its distance to the proximal point."""
        p = exact(self._prox(nearest(u), float(step.mid())))
        return around(p, norm(p + step * softmax(p) - u))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        q, _ = entropic_point(u, step, 1.0)
        return v - step * entropic_derivative(q, step, 1.0, v)

    def _conjugate(self, s: Array) -> Any:
        total = np.sum(s, axis=0) - 1
        return indicator(np.abs(np.asarray(total)[None]), 1.0) + np.sum(xlogx(s), axis=0)

    def _subgradient(self, x: Array, near: Array) -> Array:
        return softmax(x)
