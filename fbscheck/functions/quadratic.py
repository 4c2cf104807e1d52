"""Quadratic functions with a matrix."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, is_ball, matmul
from fbscheck.certify.definite import symmetric_eigenvalue_lower
from fbscheck.errors import InputError
from fbscheck.functions.base import Function, indicator
from fbscheck.inputs import Array, finite_array
from fbscheck.points import along

__all__ = ["Quadratic"]

RANK = 1e-12
"""Eigenvalues below this, relative to the largest, count as 0 in the conjugate (float64)."""


@final
@dataclass(frozen=True, eq=False)
class Quadratic(Function):
    """g(x) = <x, matrix x>/2 + <linear, x>; ``matrix`` (d, d) symmetric, no eigenvalue below 0, ``linear`` (d,).

    The prox solves (I + h matrix) p = u - h linear (Parikh and Boyd 2014, section 6.1.1).
    """

    matrix: npt.NDArray[np.float64]
    linear: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix, linear = finite_array(self.matrix, "matrix", 2), finite_array(self.linear, "linear", 1)
        if matrix.shape != (len(linear), len(linear)):
            raise InputError(
                f"Need a matrix ({len(linear)}, {len(linear)}) for linear of that length, got {matrix.shape}."
            )
        if (matrix != matrix.T).any():
            raise InputError("Need a symmetric matrix, got one that differs from its transpose (use (Q + Q.T) / 2).")
        least = symmetric_eigenvalue_lower(matrix)
        if least < 0:
            raise InputError(
                f"Need a matrix without negative eigenvalues, got a smallest one of {least:.6g}: not convex."
            )
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "linear", linear)

    @property
    def dimension(self) -> int:
        """The length of the linear part."""
        return len(self.linear)

    @cached_property
    def strong_convexity(self) -> float:
        """The smallest eigenvalue, rounded down."""
        return symmetric_eigenvalue_lower(self.matrix)

    @cached_property
    def _spectrum(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        values, vectors = np.linalg.eigh(self.matrix)
        return np.maximum(values, 0.0), vectors

    def _gradient(self, x: Array) -> Array:
        return matmul(self.matrix, x) + along(self.linear, x)  # type: ignore[no-any-return]

    def _value(self, x: Array) -> Any:
        return np.sum(x * (matmul(self.matrix, x) / 2 + along(self.linear, x)), axis=0)

    def _prox(self, u: Array, step: Any) -> Array:
        right = u - step * along(self.linear, u)
        if is_ball(u):
            return self._solved(step, right)
        p = self._resolved(right, step)
        return p + self._resolved(u - p - step * self._gradient(p), step)

    def _resolved(self, x: Array, step: float) -> Array:
        values, vectors = self._spectrum
        return vectors @ ((vectors.T @ x) / along(1 + step * values, x))  # type: ignore[no-any-return]

    def _solved(self, step: Any, right: Array) -> Array:
        """(I + step matrix)^{-1} right, or matrix^{-1} right for step None, in ball arithmetic."""
        matrix = flint.arb_mat(self.matrix.tolist())
        if step is not None:
            matrix = flint.arb_mat(np.eye(self.dimension).tolist()) + matrix * ball(1) * step
        solved = np.empty(right.size, dtype=object)
        solved[:] = matrix.solve(flint.arb_mat(right.reshape(len(right), -1).tolist())).entries()
        return solved.reshape(right.shape)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return self._resolved(v, step)

    def _conjugate(self, s: Array) -> Any:
        slope = s - along(self.linear, s)
        if is_ball(s):
            try:
                return np.sum(slope * self._solved(None, slope), axis=0) / 2
            except ZeroDivisionError:
                return indicator(np.abs(slope))
        values, vectors = self._spectrum
        turned = vectors.T @ slope
        regular = along(values > RANK * values[-1], slope)
        safe = np.where(regular, along(values, slope), 1.0)
        size = np.max(np.abs(slope), axis=0)
        beside = indicator(np.where(regular, 0.0, np.abs(turned)), size)
        return beside + np.sum(np.where(regular, turned * turned / safe, 0.0), axis=0) / 2

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self._gradient(x)
