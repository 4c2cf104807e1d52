"""What every forward operator promises, and what a gradient of a loss offers on top."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import matmul
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.points import points

__all__ = ["Gradient", "Operator"]


class Operator(ABC):
    """A map f on R^d with constants that are promises, rounded to the safe side.

    Points are (d,), or (d, S) with samples as columns; float64 or balls.
    """

    is_gradient: ClassVar[bool] = False
    """Whether f is promised to be the gradient of a differentiable function."""

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

    def _checked(self, x: Array) -> Array:
        x = points(x, "x")
        if len(x) != self.dimension:
            raise InputError(
                f"Need x of shape ({self.dimension},) or ({self.dimension}, S), got {x.shape} (transposed?)."
            )
        return x

    @abstractmethod
    def _apply(self, x: Array) -> Array: ...


class Gradient(Operator):
    """The gradient A^T phi'(Ax) of F(x) = phi(Ax), with a convex loss phi; ``matrix`` A is (m, d)."""

    is_gradient: ClassVar[bool] = True
    matrix: npt.NDArray[np.float64]

    @property
    def dimension(self) -> int:
        """The number of columns of A."""
        return int(self.matrix.shape[1])

    def potential(self, x: Array) -> Any:
        """F(x) = phi(Ax): a number for (d,), an (S,) array for (d, S)."""
        return self.loss(matmul(self.matrix, self._checked(x)))

    def _apply(self, x: Array) -> Array:
        return matmul(self.matrix.T, self.loss_gradient(matmul(self.matrix, x)))

    @abstractmethod
    def loss(self, z: Array) -> Any:
        """phi(z)."""

    @abstractmethod
    def loss_gradient(self, z: Array) -> Array:
        """phi'(z), same shape as ``z``."""

    @abstractmethod
    def loss_conjugate(self, y: Array) -> Any:
        """phi*(y) = sup_z <y, z> - phi(z), inf outside its domain."""
