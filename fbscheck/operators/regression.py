"""Gradients of losses for data with outliers, and for counts."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import absolute, clip, log1p, maximum, minimum, round_up
from fbscheck.errors import InputError
from fbscheck.inputs import Array, positive
from fbscheck.operators.base import Loss, settle
from fbscheck.operators.maps import weighted_norm_upper
from fbscheck.points import along

__all__ = ["HuberRegression", "Poisson", "StudentT"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class HuberRegression(Loss):
    """The gradient of sum_i h((Ax - b)_i), h(t) = t^2/2 for |t| <= delta and delta |t| - delta^2/2 beyond."""

    matrix: Any
    target: Values
    delta: float = 1.0
    curvature = (Fraction(0), Fraction(1))
    source: ClassVar[str] = "Huber 1964"

    def __post_init__(self) -> None:
        settle(self, "target")
        cause = "It is where the quadratic turns into a line."
        object.__setattr__(self, "delta", float(positive(self.delta, "delta", cause)))

    def loss(self, z: Array) -> Any:
        """sum of h(z - b)."""
        size = absolute(z - along(self.target, z))
        inner = minimum(size, self.delta)
        return np.sum(inner * (size - inner / 2), axis=0)

    def loss_gradient(self, z: Array) -> Array:
        """z - b, cut at -delta and delta."""
        return clip(z - along(self.target, z), -self.delta, self.delta)

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """w where |z - b| < delta, else 0."""
        return np.where(np.abs(z - along(self.target, z)) < self.delta, w, 0.0)

    def loss_conjugate(self, y: Array) -> Any:
        """sum of y^2/2 + b y where |y| <= delta."""
        outside = np.where(absolute(y) <= self.delta, 0.0, np.inf)
        return np.sum(y * (y / 2 + along(self.target, y)) + outside, axis=0)


@final
@dataclass(frozen=True, eq=False)
class StudentT(Loss):
    """The gradient of sum_i (nu + 1)/2 log(1 + (Ax - b)_i^2/nu): residuals of Student's t, nu = ``degrees``.

    It is not convex: the curvature of the loss is (nu + 1)/nu at 0 and falls to -(nu + 1)/(8 nu) at
    residuals of sqrt(3 nu), so that f is not monotone, and nowhere cocoercive.
    """

    matrix: Any
    target: Values
    degrees: float = 1.0
    source: ClassVar[str] = "Lange, Little and Taylor 1989"

    def __post_init__(self) -> None:
        settle(self, "target")
        cause = "1 gives the Cauchy distribution."
        object.__setattr__(self, "degrees", float(positive(self.degrees, "degrees", cause)))

    @cached_property
    def curvature(self) -> tuple[Fraction, Fraction]:
        """-(nu + 1)/(8 nu), at residuals of sqrt(3 nu), and (nu + 1)/nu, at 0."""
        nu = Fraction(self.degrees)
        return -(nu + 1) / (8 * nu), (nu + 1) / nu

    def _residual(self, z: Array) -> Array:
        return z - along(self.target, z)  # type: ignore[no-any-return]

    def loss(self, z: Array) -> Any:
        """sum of (nu + 1)/2 log(1 + (z - b)^2/nu)."""
        residual = self._residual(z)
        total = np.sum(log1p(residual * residual / self.degrees), axis=0)
        return (total * self.degrees + total) / 2

    def loss_gradient(self, z: Array) -> Array:
        """(nu + 1) r / (nu + r^2), r = z - b."""
        residual, nu = self._residual(z), self.degrees
        return (residual * nu + residual) / (nu + residual * residual)

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """(nu + 1) (nu - r^2) / (nu + r^2)^2 w."""
        square, nu = self._residual(z) ** 2, self.degrees
        return (nu + 1) * (nu - square) / (nu + square) ** 2 * w

    def loss_conjugate(self, y: Array) -> Any:
        """0 at 0 and inf elsewhere: the loss grows more slowly than any line."""
        return np.sum(np.where(y == 0, 0.0, np.inf), axis=0)


@final
@dataclass(frozen=True, eq=False)
class Poisson(Loss):
    """The gradient of sum_i z_i - y_i log(1 + z_i/r_i), z = Ax: counts y of mean Ax + r, up to constants.

    ``counts`` y are >= 0, the ``background`` r > 0.  For A, x >= 0 it is the negative log-likelihood.  Without
    background, or for other x, the likelihood has no Lipschitz gradient; here, where z < 0, log(1 + z/r) is replaced
    by its parabola z/r - z^2/(2 r^2), so that F is convex and twice differentiable everywhere.
    """

    matrix: Any
    counts: Values
    background: Values
    source: ClassVar[str] = "Harmany, Marcia and Willett 2012"

    def __post_init__(self) -> None:
        settle(self, "counts", "background")
        if not (self.counts >= 0).all():
            raise InputError(f"Need counts >= 0, got a least one of {self.counts.min():g} (data minus background?).")
        if not (self.background > 0).all():
            least = self.background.min()
            raise InputError(f"Need a background > 0, got a least entry of {least:g}. Without it no step is safe.")

    @cached_property
    def _bends(self) -> list[Fraction]:
        rows = zip(self.counts.tolist(), self.background.tolist(), strict=True)
        return [Fraction(y) / Fraction(r) ** 2 for y, r in rows]

    @cached_property
    def curvature(self) -> tuple[Fraction, Fraction]:
        """0 and max y/r^2, at z <= 0."""
        return Fraction(0), max(self._bends)

    @cached_property
    def lipschitz(self) -> float:
        """The norm of A^T diag(y/r^2) A, certified from above; for a map, |A|^2 max y/r^2."""
        return weighted_norm_upper(self.matrix, np.array([round_up(bend) for bend in self._bends]))

    def loss(self, z: Array) -> Any:
        """sum of z - y log(1 + z/r), with the parabola of the logarithm for z < 0."""
        relative = z / along(self.background, z)
        above, below = maximum(relative, 0.0), minimum(relative, 0.0)
        return np.sum(z - along(self.counts, z) * (log1p(above) + below - below * below / 2), axis=0)

    def loss_gradient(self, z: Array) -> Array:
        """1 - y/(r + z) for z >= 0, 1 - y (1 - z/r)/r below."""
        background = along(self.background, z)
        above, below = maximum(z, 0.0), minimum(z, 0.0)
        return 1 - along(self.counts, z) * (  # type: ignore[no-any-return]
            1 / (background + above) - below / background / background
        )

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """y / (r + max(z, 0))^2 w."""
        return along(self.counts, z) / (along(self.background, z) + np.maximum(z, 0.0)) ** 2 * w  # type: ignore

    def loss_conjugate(self, s: Array) -> Any:
        """sum of y k(r (1 - s)/y), k(t) = t - 1 - log t for t <= 1 and (t - 1)^2/2 beyond; inf for t <= 0."""
        counts, gap = along(self.counts, s), 1 - s
        counted = np.broadcast_to(counts > 0, np.shape(s))
        t = along(self.background, s) * gap / np.where(counts > 0, counts, 1.0)
        low, high = minimum(t, 1.0), maximum(t, 1.0) - 1
        inside = np.where(counted, t > 0, gap == 0)
        ratio = np.where(inside & counted, low, 1.0)
        k = ratio - 1 - np.log(ratio) + high * high / 2
        return np.sum(np.where(inside, np.where(counted, counts * k, 0.0), np.inf), axis=0)
