"""Gradients of data-fitting losses."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from fbscheck.certify.balls import absolute, exp, is_ball, log1p, maximum, round_down
from fbscheck.certify.definite import gram_factor
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.operators.base import Gradient, Loss, settle
from fbscheck.operators.maps import weighted_modulus_lower, weighted_norm_upper
from fbscheck.points import along

__all__ = ["LeastSquares", "Logistic", "WeightedLeastSquares"]


@final
@dataclass(frozen=True, eq=False)
class LeastSquares(Loss):
    """The gradient A^T(Ax - b) of |Ax - b|^2 / 2; ``matrix`` A (m, d), ``target`` b (m,).

    >>> LeastSquares(np.diag([1.0, 2.0]), np.zeros(2)).lipschitz
    4.0
    """

    matrix: Any
    target: npt.NDArray[np.float64]
    curvature = (Fraction(1), Fraction(1))
    source: ClassVar[str] = "eigenvalues of A^T A"

    def __post_init__(self) -> None:
        settle(self, "target")

    @cached_property
    def gram_factor(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        """Matrices whose sum L makes A^T A - mu I - L L^T tiny, for a certificate that A^T A >= mu.

        It is None for a map, and if mu = 0.
        """
        if not isinstance(self.matrix, np.ndarray):
            return None
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

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """w."""
        return w

    def loss_conjugate(self, y: Array) -> Any:
        """|y|^2 / 2 + <b, y>."""
        return np.sum(y * (y / 2 + along(self.target, y)), axis=0)


@final
@dataclass(frozen=True, eq=False)
class WeightedLeastSquares(Gradient):
    """The gradient A^T W (Ax - b) of sum_i w_i (Ax - b)_i^2 / 2; ``weights`` w (m,), all > 0.

    For a dense A the constants are those of A^T W A itself; for a map they come from |A| and the
    extreme weights, which is as good only if all weights are equal.
    """

    matrix: Any
    target: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    source: ClassVar[str] = "eigenvalues of A^T W A"

    def __post_init__(self) -> None:
        settle(self, "target", "weights")
        if not (self.weights > 0).all():
            raise InputError(f"Need weights > 0, got a least one of {self.weights.min():g} (leave such rows out).")

    @cached_property
    def lipschitz(self) -> float:
        """The norm of A^T W A, certified from above."""
        return weighted_norm_upper(self.matrix, self.weights)

    @cached_property
    def monotonicity(self) -> float:
        """The least eigenvalue of A^T W A, certified from below; 0 if A has fewer rows than columns."""
        return weighted_modulus_lower(self.matrix, self.weights)

    @cached_property
    def cocoercivity(self) -> float:
        """1/ell, rounded down (Baillon and Haddad 1977); inf for A = 0."""
        if self.lipschitz in (0.0, math.inf):
            return math.inf if self.lipschitz == 0 else 0.0
        return round_down(1 / Fraction(self.lipschitz))

    def loss(self, z: Array) -> Any:
        """sum of w (z - b)^2 / 2."""
        residual = z - along(self.target, z)
        return np.sum(along(self.weights, z) * residual * residual, axis=0) / 2

    def loss_gradient(self, z: Array) -> Array:
        """w (z - b)."""
        return along(self.weights, z) * (z - along(self.target, z))  # type: ignore[no-any-return]

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """The weights times w."""
        return along(self.weights, w) * w  # type: ignore[no-any-return]

    def loss_conjugate(self, y: Array) -> Any:
        """sum of y^2 / (2 w) + b y."""
        return np.sum(y * (y / along(self.weights, y) / 2 + along(self.target, y)), axis=0)


@final
@dataclass(frozen=True, eq=False)
class Logistic(Loss):
    """The gradient of sum_i log(1 + exp(-b_i <a_i, x>)); rows a_i of ``matrix`` (m, d), ``labels`` b_i = +-1.

    Promises no strong monotonicity: the curvature of the loss tends to 0 at infinity.
    """

    matrix: Any
    labels: npt.NDArray[np.float64]
    curvature = (Fraction(0), Fraction(1, 4))
    source: ClassVar[str] = "Boehning 1992"

    def __post_init__(self) -> None:
        settle(self, "labels")
        strange = np.setdiff1d(self.labels, [-1.0, 1.0])
        if strange.size:
            raise InputError(f"Need labels of -1 and 1, got {strange[0]:g} (labels 0 and 1? use 2*b - 1).")

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

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """e^-|z| / (1 + e^-|z|)^2 w."""
        small = np.exp(-np.abs(z))
        return small / (1 + small) ** 2 * w  # type: ignore[no-any-return]

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
