"""g(Ax) for a tight frame A, A A^T = a I: orthogonal matrices, selections of coordinates, rows of equal length at
right angles.

A float64 matrix is hardly ever exactly tight.  What is promised is about the exactly tight frame nearest to it,
T = sqrt(a) (A A^T)^(-1/2) A: with d = |A A^T/a - I|_F the singular values of A/sqrt(a) are within d of 1, so that
|A - T| <= d sqrt(a).  The number d is certified from above, in ball arithmetic; it is 0 if A A^T = a I exactly, and a
matrix with d > ``TIGHT`` is refused.  Float64 formulas use A for T; balls hold the entries of T.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, is_ball, matmul, root_up, round_down, round_up, upper
from fbscheck.errors import HypothesisError, InputError
from fbscheck.functions.base import MEMBERSHIP, Function
from fbscheck.functions.calculus.derived import Derived, require_function
from fbscheck.inputs import Array, finite_array

__all__ = ["TightFrame"]

TIGHT = 1e-12
"""The largest defect |A A^T/a - I|_F that is taken for rounding."""


@final
@dataclass(frozen=True, eq=False)
class TightFrame(Derived):
    """x -> g(Tx), T the tight frame nearest to ``matrix`` A (m, d), m <= d: see the module.

    prox_h(u) = u + A^T (prox_{ahg}(Au) - Au)/a and M_h(u) = M_{ah} g(Au) (Combettes and Pesquet 2011, table 10.1).  It
    is (a sigma)-strongly convex if m = d, and (sqrt(a) L)-Lipschitz.

    >>> from fbscheck.functions import L1
    >>> TightFrame(L1(1.0), np.array([[1.0, 1.0]])).prox(np.array([3.0, 1.0]), 1.0)
    array([2., 0.])
    """

    function: Function
    matrix: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        require_function(self.function)
        matrix = finite_array(self.matrix, "matrix", 2)
        rows, columns = matrix.shape
        if self.function.dimension not in (None, rows):
            raise InputError(f"Need a matrix with {self.function.dimension} rows for this function, got {rows}.")
        if rows > columns:
            raise HypothesisError(
                f"Need A A^T = a I, got a matrix of shape {matrix.shape}, which has more rows than columns "
                "(a frame with A^T A = a I has no such formula; transposed?)."
            )
        object.__setattr__(self, "matrix", matrix)
        if not 1e-150 < self.bound < 1e150:
            raise HypothesisError(f"Need A A^T = a I with 1e-150 < a < 1e150, got a={self.bound:.3g}.")
        if not self.defect <= TIGHT:
            raise HypothesisError(
                f"Need A A^T = a I up to rounding, |A A^T/a - I| <= {TIGHT:g}, got a={self.bound:.6g} and "
                f"{self.defect:.3g} (rows not orthogonal, or of different lengths?)."
            )

    @cached_property
    def bound(self) -> float:
        """The frame bound a: |A|_F^2/m, rounded to float64."""
        with np.errstate(over="ignore"):
            return float(np.sum(self.matrix * self.matrix) / len(self.matrix))

    @cached_property
    def defect(self) -> float:
        """|A A^T/a - I|_F, certified from above; 0 if the frame is exactly tight."""
        exactly = flint.arb_mat(self.matrix.tolist())
        gram, a = exactly * exactly.transpose(), ball(self.bound)
        squares = flint.arb(0)
        for i, row in enumerate(gram.tolist()):
            for j, entry in enumerate(row):
                squares += ((entry - a) if i == j else entry) ** 2
        return 0.0 if squares == 0 else upper(squares.nonnegative_part().sqrt() / a)

    @property
    def separable(self) -> bool:  # type: ignore[override]
        """Whether g is separable and each column of A has at most one entry, each row too."""
        used = self.matrix != 0
        alone = (used.sum(axis=0) <= 1).all() and (used.sum(axis=1) <= 1).all()
        return bool(self.function.separable and alone and self.defect == 0)

    @property
    def strong_convexity(self) -> float:
        """a sigma, rounded down, for a square matrix; 0 otherwise."""
        square = self.matrix.shape[0] == self.matrix.shape[1]
        return round_down(Fraction(self.bound) * Fraction(self.function.strong_convexity)) if square else 0.0

    @property
    def lipschitz(self) -> float | None:
        """sqrt(a) L, rounded up."""
        known = self.function.lipschitz
        return None if known is None else round_up(Fraction(root_up(Fraction(self.bound))) * Fraction(known))

    @property
    def dimension(self) -> int:
        """d."""
        return int(self.matrix.shape[1])

    @cached_property
    def _enclosed(self) -> tuple[Any, Any]:
        """T and T^T as matrices of balls."""
        radius = flint.arb(0, upper(ball(self.defect) * ball(self.bound).sqrt()))
        entries = [[flint.arb(t) + radius for t in row] for row in self.matrix.tolist()]
        return flint.arb_mat(entries), flint.arb_mat(entries).transpose()

    def _multiply(self, x: Array, adjoint: bool = False) -> Array:
        """T x, or T^T x."""
        if not is_ball(x):
            return matmul(self.matrix.T if adjoint else self.matrix, x)
        product = self._enclosed[adjoint] * flint.arb_mat(x.reshape(len(x), -1).tolist())
        entries = np.empty(product.nrows() * product.ncols(), dtype=object)
        entries[:] = product.entries()
        return entries.reshape(product.nrows(), *x.shape[1:])

    def _value(self, x: Array) -> Any:
        return self.function._value(self._multiply(x))

    def _prox(self, u: Array, step: Any) -> Array:
        image = self._multiply(u)
        moved = self.function._prox(image, step * self.bound) - image
        return u + self._multiply(moved, adjoint=True) / self.bound

    def _envelope(self, u: Array, step: Any) -> Any:
        return self.function._envelope(self._multiply(u), step * self.bound)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        image, direction = self._multiply(u), self._multiply(v)
        turned = self.function._prox_jacobian(image, step * self.bound, direction) - direction
        return v + self._multiply(turned, adjoint=True) / self.bound

    def _conjugate(self, s: Array) -> Any:
        """g*(As/a) if s is in the range of A^T, else inf; balls must certainly be in it."""
        image = self._multiply(s) / self.bound
        value = self.function._conjugate(image)
        if self.matrix.shape[0] == self.matrix.shape[1]:
            return value
        outside = s - self._multiply(image, adjoint=True)
        if is_ball(s):
            inside = np.all(outside == 0, axis=0)
        else:
            inside = np.max(np.abs(outside), axis=0) <= MEMBERSHIP * np.max(np.abs(s), axis=0)
        return np.where(inside, value, np.inf)[()]

    def _subgradient(self, x: Array, near: Array) -> Array:
        """A^T times the subgradient of g at Ax that is nearest to A near/a."""
        slope = self.function._subgradient(self._multiply(x), self._multiply(near) / self.bound)
        return self._multiply(slope, adjoint=True)
