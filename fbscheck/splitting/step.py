"""The forward-backward step as an operator, its constants, and its fixed points."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, is_ball, root_up, round_up
from fbscheck.certify.definite import norm_upper
from fbscheck.errors import HypothesisError, InputError
from fbscheck.functions import Function
from fbscheck.inputs import Array, Number, finite_array, positive
from fbscheck.operators import Linear, Operator
from fbscheck.splitting.classes import (
    GradientOf,
    OperatorClass,
    StronglyMonotoneCocoercive,
    StronglyMonotoneLipschitz,
    factor_squared,
)

__all__ = ["FixedPoint", "ForwardBackward"]

DECREASE = 0.99
"""An accelerated point must lower the residual by this factor."""

MEMORY = 10
"""Past steps that the accelerated iteration combines."""


@final
@dataclass(frozen=True)
class FixedPoint:
    """An approximate fixed point: ``point`` (d,), its ``residual`` |x - Tx|, and the steps taken."""

    point: npt.NDArray[np.float64]
    residual: float
    iterations: int
    converged: bool


@final
@dataclass(frozen=True, eq=False)
class ForwardBackward:
    """T(x) = prox_{step g}(x - step f(x)); points are (d,), or (d, S) with samples as columns.

    >>> from fbscheck.functions import L1
    >>> from fbscheck.operators import LeastSquares
    >>> T = ForwardBackward(LeastSquares(np.diag([1.0, 2.0]), np.array([3.0, 1.0])), L1(1.0), step=0.5)
    >>> T.fixed_point(np.zeros(2)).point
    array([2.  , 0.25])
    """

    f: Operator
    g: Function
    step: Number

    def __post_init__(self) -> None:
        if not isinstance(self.f, Operator) or not isinstance(self.g, Function):
            got = f"{type(self.f).__name__} and {type(self.g).__name__}"
            raise InputError(f"Need an Operator f and a Function g, got {got} (swapped arguments?).")
        cause = "A forward-backward step is a length; the sign belongs to the method."
        object.__setattr__(self, "step", positive(self.step, "step", cause))
        if self.g.dimension not in (None, self.f.dimension):
            raise InputError(
                f"Need f and g on one space, got dimension {self.f.dimension} for f and {self.g.dimension} for g."
            )

    def __call__(self, x: Array) -> Array:
        """T(x), same shape as ``x``; on ball arrays an enclosure."""
        h = ball(self.step) if is_ball(x) else float(self.step)
        return self.g.prox(x - h * self.f(x), self.step)

    @cached_property
    def _known_classes(self) -> tuple[OperatorClass, ...]:
        mu, ell, beta = self.f.monotonicity, self.f.lipschitz, self.f.cocoercivity
        if mu < 0 or ell == math.inf:
            return ()
        ell = max(mu, ell)
        if self.f.is_gradient:
            return (GradientOf(mu, ell),)
        general: tuple[OperatorClass, ...] = (StronglyMonotoneLipschitz(mu, ell),)
        if 0 < beta < math.inf and Fraction(mu) * Fraction(beta) <= 1:
            general += (StronglyMonotoneCocoercive(mu, beta),)
        return general

    def contraction(self) -> float:
        """The smallest Lipschitz factor of T that the promises of f and g guarantee, rounded up.

        Below 1 it is a contraction factor.  For a linear f the norm of I - hK counts as well.
        """
        h, sigma = Fraction(self.step), Fraction(self.g.strong_convexity)
        squares = [factor_squared(known, h, sigma) for known in self._known_classes]
        if self.f.lipschitz < math.inf:
            squares.append(((1 + h * Fraction(self.f.lipschitz)) / (1 + h * sigma)) ** 2)
        factor = min((root_up(square) for square in squares), default=math.inf)
        if isinstance(self.f, Linear):
            factor = min(factor, self._linear_factor(h, sigma))
        return factor

    def _linear_factor(self, h: Fraction, sigma: Fraction) -> float:
        """|I - hK| / (1 + h sigma) from the float64 matrix I - hK and the rounding in forming it."""
        matrix = np.asarray(self.f.matrix)  # type: ignore[attr-defined]
        largest = h * Fraction(float(np.max(np.abs(matrix))))
        if largest > Fraction(2) ** 1000:
            return math.inf
        shifted = np.eye(len(matrix)) - float(h) * matrix
        rounding = 4 * len(matrix) * (1 + largest) / 2**53
        return round_up((Fraction(norm_upper(shifted)) + rounding) / (1 + h * sigma))

    def averagedness(self) -> float:
        """alpha = 2 beta / (4 beta - h), with which T is alpha-averaged; needs 0 < h < 2 beta.

        Raises
        ------
        HypothesisError
            If f is not known to be cocoercive, or the step is too long.

        Notes
        -----
        Combettes and Yamada (2015); at h = 2 beta the formula gives 1, mere nonexpansiveness.
        """
        beta, h = self.f.cocoercivity, Fraction(self.step)
        if beta == math.inf:
            return 0.5
        if h >= 2 * Fraction(beta):
            cause = "f is not known to be cocoercive: a rotation is not" if beta == 0 else "a step beyond 2/ell?"
            raise HypothesisError(
                f"Need step < 2 * cocoercivity for an averaged step, got step={self.step}, "
                f"2 * cocoercivity={2 * beta:.6g} ({cause})."
            )
        return round_up(2 * Fraction(beta) / (4 * Fraction(beta) - h))

    def iterates(self, x0: npt.ArrayLike, count: int) -> npt.NDArray[np.float64]:
        """x_0, ..., x_count of the plain iteration as rows: (count + 1, d) for ``x0`` (d,).

        Raises
        ------
        InputError
            If an iterate overflows, which only an expansive step can cause.
        """
        x, count = finite_array(x0, "x0", 1), _count(count, "count", 0)
        rows = np.empty((count + 1, len(x)))
        rows[0] = x
        with np.errstate(over="ignore", invalid="ignore"):
            for n in range(count):
                rows[n + 1] = self(rows[n])
        return rows

    def fixed_point(self, x0: npt.ArrayLike, tol: float = 1e-12, max_iterations: int = 100_000) -> FixedPoint:
        """Iterate from ``x0`` (d,) until |x - Tx| <= tol * max(1, |x|), with Anderson acceleration.

        An accelerated point is kept only if it lowers the residual (Walker and Ni 2011 for the method).
        If ``max_iterations`` steps do not suffice, ``converged`` is False and the best point is returned.
        A small residual does not say that a fixed point exists: it may be at infinity (logistic loss of
        separable data), and only a contraction or a duality gap bounds the distance to it.

        Raises
        ------
        InputError
            If ``tol`` is not positive, ``x0`` has the wrong shape, or the iteration overflows.
        """
        positive(tol, "tol", "Rounding keeps the residual above zero; 1e-12 is close to the floor.")
        x, max_iterations = finite_array(x0, "x0", 1), _count(max_iterations, "max_iterations", 1)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._iterate(x, float(tol), max_iterations)

    def _iterate(self, x: Array, tol: float, max_iterations: int) -> FixedPoint:
        image = self(x)
        best, best_residual = image, math.inf
        points, residuals = [image], [image - x]
        for n in range(1, max_iterations + 1):
            plain = self(image)
            residual = float(np.linalg.norm(plain - image))
            if residual < best_residual:
                best, best_residual = plain, residual
            if residual <= tol * max(1.0, float(np.linalg.norm(plain))):
                return FixedPoint(plain, float(np.linalg.norm(self(plain) - plain)), n, True)
            points, residuals = [*points, plain][-MEMORY:], [*residuals, plain - image][-MEMORY:]
            image = self._accelerated(points, residuals, residual)
        return FixedPoint(best, float(np.linalg.norm(self(best) - best)), max_iterations, False)

    def _accelerated(self, points: list[Array], residuals: list[Array], residual: float) -> Array:
        """The combination of past points with the least combined residual, if it beats the last one."""
        if len(points) < 2:
            return points[-1]
        changes = np.diff(np.array(residuals), axis=0).T
        weights = np.linalg.lstsq(changes, residuals[-1], rcond=1e-14)[0]
        candidate = points[-1] - np.diff(np.array(points), axis=0).T @ weights
        if np.isfinite(candidate).all() and np.linalg.norm(self(candidate) - candidate) < DECREASE * residual:
            return np.asarray(candidate)
        return points[-1]


def _count(value: int, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"Need {name} as a whole number >= {least}, got {value!r}.")
    return int(value)
