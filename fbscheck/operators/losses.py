"""Gradients of data-fitting losses."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from fbscheck.certify.balls import absolute, exp, is_ball, log1p, maximum, round_down, round_up
from fbscheck.certify.definite import gram_eigenvalue_lower, gram_factor, norm_upper
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array
from fbscheck.operators.base import Gradient
from fbscheck.points import along

__all__ = ["LeastSquares", "Logistic"]


class _Loss(Gradient):
    """A loss of Ax with the curvature of phi at most ``curvature``."""

    curvature: Fraction

    @cached_property
    def lipschitz(self) -> float:
        """|A|^2 times the largest curvature of the loss, certified from above."""
        norm = norm_upper(self.matrix)
        return round_up(Fraction(norm) ** 2 * self.curvature) if norm < math.inf else norm

    @cached_property
    def cocoercivity(self) -> float:
        """1/ell, rounded down (Baillon and Haddad 1977); inf for A = 0."""
        if self.lipschitz in (0.0, math.inf):
            return math.inf if self.lipschitz == 0 else 0.0
        return round_down(1 / Fraction(self.lipschitz))


@final
@dataclass(frozen=True, eq=False)
class LeastSquares(_Loss):
    """The gradient A^T(Ax - b) of |Ax - b|^2 / 2; ``matrix`` A (m, d), ``target`` b (m,).

    >>> LeastSquares(np.diag([1.0, 2.0]), np.zeros(2)).lipschitz
    4.0
    """

    matrix: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    curvature = Fraction(1)

    def __post_init__(self) -> None:
        _settle(self, "target")

    @cached_property
    def monotonicity(self) -> float:
        """The least eigenvalue of A^T A, certified from below; 0 if A has fewer rows than columns."""
        return gram_eigenvalue_lower(self.matrix)

    @cached_property
    def gram_factor(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        """Matrices whose sum L makes A^T A - mu I - L L^T tiny, for a certificate that A^T A >= mu; None if mu = 0."""
        slack = 2.0**-40 * (self.monotonicity + float(np.sum(self.matrix * self.matrix)))
        shift = self.monotonicity - slack
        return gram_factor(self.matrix, shift) if shift > 0 else None

    def loss(self, z: Array) -> Any:
        """|z - b|^2 / 2."""
        residual = z - along(self.target, z)
        return np.sum(residual * residual, axis=0) / 2

    def loss_gradient(self, z: Array) -> Array:
        """z - b."""
        return z - along(self.target, z)  # type: ignore[no-any-return]

    def loss_conjugate(self, y: Array) -> Any:
        """|y|^2 / 2 + <b, y>."""
        return np.sum(y * (y / 2 + along(self.target, y)), axis=0)


@final
@dataclass(frozen=True, eq=False)
class Logistic(_Loss):
    """The gradient of sum_i log(1 + exp(-b_i <a_i, x>)); rows a_i of ``matrix`` (m, d), ``labels`` b_i = +-1.

    Promises no strong monotonicity: the curvature of the loss tends to 0 at infinity.
    """

    matrix: npt.NDArray[np.float64]
    labels: npt.NDArray[np.float64]
    curvature = Fraction(1, 4)

    def __post_init__(self) -> None:
        _settle(self, "labels")
        strange = np.setdiff1d(self.labels, [-1.0, 1.0])
        if strange.size:
            raise InputError(f"Need labels of -1 and 1, got {strange[0]:g} (labels 0 and 1? use 2*b - 1).")

    @property
    def monotonicity(self) -> float:
        """0: the loss is convex, not strongly convex."""
        return 0.0

    def loss(self, z: Array) -> Any:
        """sum_i log(1 + exp(-b_i z_i)), without overflow."""
        margin = -along(self.labels, z) * z
        return np.sum(maximum(margin, 0.0) + log1p(exp(-absolute(margin))), axis=0)

    def loss_gradient(self, z: Array) -> Array:
        """-b_i / (1 + exp(b_i z_i)), without overflow in float64."""
        labels = along(self.labels, z)
        if is_ball(z):
            return -labels / (1 + exp(labels * z))  # type: ignore[no-any-return]
        small = np.exp(-np.abs(z))
        return -labels * np.where(labels * z > 0, small, 1.0) / (1 + small)  # type: ignore[no-any-return]

    def loss_conjugate(self, y: Array) -> Any:
        """sum of t log t + (1 - t) log(1 - t), t = -b_i y_i in [0, 1]; float64 or balls inside (0, 1)."""
        return np.sum(_entropy(-along(self.labels, y) * y), axis=0)


def _entropy(t: Array) -> Array:
    """t log t + (1 - t) log(1 - t), inf outside [0, 1]; of a ball, inf unless it is an end or certainly inside."""
    if not is_ball(t):
        return -entr(t) - entr(1 - t)  # type: ignore[no-any-return]
    return np.frompyfunc(_ball_entropy, 1, 1)(t)  # type: ignore[no-any-return]


def _ball_entropy(p: Any) -> Any:
    if p == 0 or p == 1:
        return 0
    return p * p.log() + (1 - p) * (-p).log1p() if 0 < p < 1 else np.inf


def _settle(loss: Any, data: str) -> None:
    """Check the matrix and its data vector, and store them as read-only float64."""
    matrix, vector = finite_array(loss.matrix, "matrix", 2), finite_array(getattr(loss, data), data, 1)
    if len(matrix) != len(vector):
        raise InputError(
            f"Need one entry of {data} per row of the matrix, got {len(vector)} for shape {matrix.shape} (transposed?)."
        )
    object.__setattr__(loss, "matrix", matrix)
    object.__setattr__(loss, data, vector)
