"""Affine operators x -> Kx - c, symmetric or not."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import matmul
from fbscheck.certify.definite import cocoercivity_lower, norm_upper, symmetric_eigenvalue_lower
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array
from fbscheck.operators.base import Operator
from fbscheck.points import along

__all__ = ["Linear"]


@final
@dataclass(frozen=True, eq=False)
class Linear(Operator):
    """f(x) = Kx - c; ``matrix`` K (d, d), ``offset`` c (d,) or 0.

    The constants are those of K, certified: ``lipschitz`` is its norm, ``monotonicity`` the least
    eigenvalue of its symmetric part, ``cocoercivity`` the largest beta with
    sym(K) >= beta K^T K.

    >>> Linear(np.array([[0.0, -1.0], [1.0, 0.0]])).cocoercivity
    0.0
    """

    matrix: npt.NDArray[np.float64]
    offset: npt.ArrayLike = 0.0
    source: ClassVar[str] = "eigenvalues of K"

    def __post_init__(self) -> None:
        matrix = finite_array(self.matrix, "matrix", 2)
        if matrix.shape[0] != matrix.shape[1]:
            raise InputError(
                f"Need a square matrix K, got shape {matrix.shape}. Use LeastSquares(A, b) for A^T(Ax - b)."
            )
        offset = np.zeros(len(matrix)) if np.ndim(self.offset) == 0 and self.offset == 0 else self.offset
        offset = finite_array(offset, "offset", 1)
        if offset.shape != matrix.shape[:1]:
            raise InputError(f"Need an offset of length {len(matrix)} for this K, got {len(offset)}.")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "offset", offset)

    @property
    def dimension(self) -> int:
        """The size of K."""
        return len(self.matrix)

    @cached_property
    def is_gradient(self) -> bool:  # type: ignore[override]
        """Whether K is exactly symmetric."""
        return bool(np.array_equal(self.matrix, self.matrix.T))

    @cached_property
    def lipschitz(self) -> float:
        """The norm of K, certified from above."""
        return norm_upper(self.matrix)

    @cached_property
    def monotonicity(self) -> float:
        """The least eigenvalue of (K + K^T)/2, certified from below."""
        return symmetric_eigenvalue_lower(self.matrix)

    @cached_property
    def cocoercivity(self) -> float:
        """The largest beta with (K + K^T)/2 - beta K^T K >= 0, certified from below; inf for K = 0."""
        return cocoercivity_lower(self.matrix)

    def _apply(self, x: Array) -> Array:
        return matmul(self.matrix, x) - along(self.offset, x)  # type: ignore[no-any-return]

    def _jacobian(self, x: Array, v: Array) -> Array:
        return matmul(self.matrix, v)

    def _adjoint(self, x: Array, v: Array) -> Array:
        return matmul(self.matrix.T, v)
