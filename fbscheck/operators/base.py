"""What every forward operator promises, and what a gradient of a loss offers on top."""

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

from fbscheck.certify.balls import is_ball, matmul, round_down, round_up
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array
from fbscheck.operators.maps import as_map, gram_lower, norm_upper
from fbscheck.points import points

__all__ = ["Gradient", "Loss", "Operator", "settle"]


class Operator(ABC):
    """A map f on R^d with constants that are promises, rounded to the safe side.

    Points are (d,), or (d, S) with samples as columns; float64 or balls.
    """

    is_gradient: ClassVar[bool] = False
    """Whether f is promised to be the gradient of a differentiable function."""
    source: ClassVar[str] = ""
    """Where the constants come from."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """d, the length of a point."""

    @property
    @abstractmethod
    def lipschitz(self) -> float:
        """ell with |f(x) - f(y)| <= ell |x - y|, rounded up."""

    @property
    @abstractmethod
    def monotonicity(self) -> float:
        """mu with <f(x) - f(y), x - y> >= mu |x - y|^2, rounded down; negative if f is not monotone."""

    @property
    @abstractmethod
    def cocoercivity(self) -> float:
        """beta with <f(x) - f(y), x - y> >= beta |f(x) - f(y)|^2, rounded down; 0: nothing is promised."""

    def __call__(self, x: Array) -> Array:
        """f(x), same shape as ``x``.

        Raises
        ------
        InputError
            If ``x`` is not (d,) or (d, S), or holds NaN or inf.
        """
        return self._apply(self._checked(x))

    def jacobian(self, x: Array, v: Array) -> Array:
        """J v in float64, J the derivative of f at ``x``; where f has a kink, a limit of derivatives around.

        Raises
        ------
        InputError
            If ``x`` and ``v`` have different or wrong shapes, hold NaN or inf, or are balls.
        """
        return self._jacobian(*self._pair(x, v))

    def adjoint(self, x: Array, v: Array) -> Array:
        """J^T v for the same J.

        Raises
        ------
        InputError
            If ``x`` and ``v`` have different or wrong shapes, hold NaN or inf, or are balls.
        """
        return self._adjoint(*self._pair(x, v))

    def _checked(self, x: Array, name: str = "x") -> Array:
        x = points(x, name)
        if len(x) != self.dimension:
            raise InputError(
                f"Need {name} of shape ({self.dimension},) or ({self.dimension}, S), got {x.shape} (transposed?)."
            )
        return x

    def _pair(self, x: Array, v: Array) -> tuple[Array, Array]:
        x, v = self._checked(x), self._checked(v, "v")
        if x.shape != v.shape:
            raise InputError(f"Need x and v of one shape, got {x.shape} and {v.shape}.")
        if is_ball(x) or is_ball(v):
            raise InputError("Need x and v in float64 for a derivative, got balls.")
        return x, v

    @abstractmethod
    def _apply(self, x: Array) -> Array: ...

    @abstractmethod
    def _jacobian(self, x: Array, v: Array) -> Array: ...

    @abstractmethod
    def _adjoint(self, x: Array, v: Array) -> Array: ...


class Gradient(Operator):
    """The gradient A^T phi'(Ax) of F(x) = phi(Ax), with a smooth loss phi.

    ``matrix`` A is a float64 matrix (m, d), or a :class:`~fbscheck.operators.maps.LinearMap` of that shape.
    """

    is_gradient: ClassVar[bool] = True
    matrix: Any

    @property
    def dimension(self) -> int:
        """The number of columns of A."""
        return int(self.matrix.shape[1])

    def potential(self, x: Array) -> Any:
        """F(x) = phi(Ax): a number for (d,), an (S,) array for (d, S)."""
        return self.loss(matmul(self.matrix, self._checked(x)))

    def _apply(self, x: Array) -> Array:
        return matmul(self.matrix.T, self.loss_gradient(matmul(self.matrix, x)))

    def _jacobian(self, x: Array, v: Array) -> Array:
        return matmul(self.matrix.T, self.loss_hessian(matmul(self.matrix, x), matmul(self.matrix, v)))

    def _adjoint(self, x: Array, v: Array) -> Array:
        return self._jacobian(x, v)

    @abstractmethod
    def loss(self, z: Array) -> Any:
        """phi(z)."""

    @abstractmethod
    def loss_gradient(self, z: Array) -> Array:
        """phi'(z), same shape as ``z``."""

    @abstractmethod
    def loss_hessian(self, z: Array, w: Array) -> Array:
        """phi''(z) w in float64, same shape as ``z``; at a kink of phi', a limit of second derivatives around."""

    @abstractmethod
    def loss_conjugate(self, y: Array) -> Any:
        """phi*(y) = sup_z <y, z> - phi(z), inf outside its domain."""


class Loss(Gradient):
    """A loss phi whose second derivative lies between two numbers, from which all constants follow.

    With mu_A the least eigenvalue of A^T A: the eigenvalues of A^T phi''(Ax) A lie between the least curvature times
    mu_A (times |A|^2 if it is negative) and the largest curvature times |A|^2.
    """

    @property
    @abstractmethod
    def curvature(self) -> tuple[Fraction, Fraction]:
        """The infimum and the supremum of the eigenvalues of phi''."""

    @cached_property
    def lipschitz(self) -> float:
        """|A|^2 times the largest curvature in absolute value, certified from above."""
        norm, most = norm_upper(self.matrix), max(map(abs, self.curvature))
        return round_up(Fraction(norm) ** 2 * most) if norm < math.inf else norm

    @cached_property
    def monotonicity(self) -> float:
        """The least curvature times the least eigenvalue of A^T A, certified from below; if negative, times |A|^2."""
        least = self.curvature[0]
        if least == 0:
            return 0.0
        if least > 0:
            return round_down(least * Fraction(gram_lower(self.matrix)))
        norm = norm_upper(self.matrix)
        return round_down(least * Fraction(norm) ** 2) if norm < math.inf else -math.inf

    @cached_property
    def cocoercivity(self) -> float:
        """1/ell for a convex loss, rounded down (Baillon and Haddad 1977); inf for A = 0, 0 if it is not convex."""
        if self.curvature[0] < 0 or self.lipschitz == math.inf:
            return 0.0
        return round_down(1 / Fraction(self.lipschitz)) if self.lipschitz else math.inf


def settle(loss: Any, *names: str) -> None:
    """Check the matrix and the vectors of a loss, and store them as read-only float64 (a map as it is).

    Raises
    ------
    InputError
        If one is malformed, or a vector has not one entry for each row.
    """
    matrix = as_map(loss.matrix, "matrix")
    object.__setattr__(loss, "matrix", matrix)
    for name in names:
        vector = finite_array(getattr(loss, name), name, 1)
        if matrix.shape[0] != len(vector):
            raise InputError(
                f"Need one entry of {name} per row of the matrix, got {len(vector)} for shape {matrix.shape} "
                "(transposed?)."
            )
        object.__setattr__(loss, name, vector)
