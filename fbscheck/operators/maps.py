"""Linear maps A from R^d to R^m that know their products, and a certified bound on their norm.

A map takes the place of a dense matrix in :class:`~fbscheck.operators.base.Gradient`: ``A @ x`` and ``A.T @ y``
act on points, float64 or balls, and ``A.shape`` is (m, d).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.sparse.linalg

from fbscheck.certify import definite, enclosure
from fbscheck.certify.balls import is_ball, matmul, root_up, round_down, round_up
from fbscheck.certify.enclosure import UNIT, Enclosure, eigenvalue_lower
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array

__all__ = [
    "Blocks",
    "LinearMap",
    "Sparse",
    "as_map",
    "gram_lower",
    "modulus_lower",
    "norm_upper",
    "weighted_modulus_lower",
    "weighted_norm_upper",
]

Values = npt.NDArray[np.float64]

DENSE = 300
"""A sparse matrix whose smaller side is at most this long has its norm certified as a dense one."""

SUBSPACE = 12
"""Vectors that Lanczos' method keeps."""
QUICK = 40
"""Beyond this size the quicker certificate is good enough."""


class LinearMap(ABC):
    """A linear map A; a subclass gives ``shape``, ``_apply``, ``_apply_adjoint`` and ``norm_upper``."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(m, d)."""

    @property
    @abstractmethod
    def norm_upper(self) -> float:
        """A float64 no less than the spectral norm of A."""

    @property
    def gram_lower(self) -> float:
        """A float64 >= 0 and no more than the least eigenvalue of A^T A; 0: nothing is promised."""
        return 0.0

    @property
    def T(self) -> "LinearMap":
        """The adjoint map."""
        return _Adjoint(self)

    def __matmul__(self, x: Array) -> Array:
        if np.ndim(x) not in (1, 2) or len(x) != self.shape[1]:
            raise InputError(f"Need points of length {self.shape[1]} for this map, got shape {np.shape(x)}.")
        return self._apply(x)

    def dense(self) -> Values:
        """The matrix (m, d) of A."""
        return self @ np.eye(self.shape[1])

    @abstractmethod
    def _apply(self, x: Array) -> Array: ...

    @abstractmethod
    def _apply_adjoint(self, y: Array) -> Array: ...


@final
@dataclass(frozen=True, eq=False)
class _Adjoint(LinearMap):
    """A^T of a map A."""

    of: LinearMap

    @property
    def shape(self) -> tuple[int, int]:
        return self.of.shape[::-1]

    @property
    def norm_upper(self) -> float:
        return self.of.norm_upper

    @property
    def T(self) -> LinearMap:
        return self.of

    def _apply(self, x: Array) -> Array:
        return self.of._apply_adjoint(x)

    def _apply_adjoint(self, y: Array) -> Array:
        return self.of._apply(y)


@final
@dataclass(frozen=True, eq=False)
class Sparse(LinearMap):
    """A matrix in one of scipy's sparse formats.

    Up to ``DENSE`` rows or columns its norm is certified as that of a dense matrix, to about ten digits.
    Beyond, |A|^2 <= max_i (B^T B w)_i / w_i for every w > 0, where B holds the absolute values of the entries
    (Collatz 1942); w is close to the Perron vector of B^T B, so that the bound is the norm of B, to four
    digits or more: that of A if no entry is negative or, as for differences, if signs of rows and columns make it so.
    It is never above the square root of the largest column sum times the largest row sum.
    """

    matrix: Any

    def __post_init__(self) -> None:
        if not scipy.sparse.issparse(self.matrix):
            raise InputError(f"Need a matrix of scipy.sparse, got {type(self.matrix).__name__}.")
        if min(self.matrix.shape) < 1:
            raise InputError(f"Need a nonempty matrix, got shape {self.matrix.shape}.")
        matrix = scipy.sparse.csr_array(self.matrix, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        if matrix.nnz:
            finite_array(matrix.data, "the entries", 1)
        for part in (matrix.data, matrix.indices, matrix.indptr):
            part.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, d)."""
        rows, columns = self.matrix.shape
        return int(rows), int(columns)

    @cached_property
    def norm_upper(self) -> float:
        """The norm, certified from above."""
        if min(self.shape) > DENSE:
            return _perron_upper(abs(self.matrix))
        quick = enclosure.norm_upper(enclosure.exact(self.dense())) if min(self.shape) > QUICK else math.inf
        return quick if quick < math.inf else definite.norm_upper(self.dense())

    @cached_property
    def gram_lower(self) -> float:
        """The least eigenvalue of A^T A, certified from below, up to ``DENSE`` columns; 0 beyond."""
        rows, columns = self.shape
        if not columns <= min(rows, DENSE):
            return 0.0
        whole = enclosure.exact(self.dense())
        return max(0.0, modulus_lower(whole.T @ whole)) if columns > QUICK else gram_lower(whole.centre)

    def dense(self) -> Values:
        """The matrix (m, d) of A."""
        return np.asarray(self.matrix.toarray())

    def _apply(self, x: Array) -> Array:
        return _product(self.matrix, x)

    def _apply_adjoint(self, y: Array) -> Array:
        return _product(self._transposed, y)

    @cached_property
    def _transposed(self) -> Any:
        return self.matrix.T.tocsr()


def _product(matrix: Any, x: Array) -> Array:
    """``matrix @ x`` for a CSR matrix; on balls the entries of each row are added up."""
    if not is_ball(x):
        return np.asarray(matrix @ x)
    terms = matrix.data.reshape(-1, *(1,) * (x.ndim - 1)) * x[matrix.indices]
    filled = np.flatnonzero(np.diff(matrix.indptr))
    sums = np.full((matrix.shape[0], *x.shape[1:]), x.flat[0] * 0, dtype=object)
    if len(filled):
        sums[filled] = np.add.reduceat(terms, matrix.indptr[filled], axis=0)
    return sums


def _perron_upper(absolute: Any) -> float:
    """A float64 no less than the norm of a nonnegative sparse matrix B, by any w > 0: max_i (B^T B w)_i / w_i.

    Sums of nonnegative terms have small relative errors; what underflows is less than the number added.
    """
    largest = float(absolute.data.max(initial=0.0))
    if largest == 0.0:
        return 0.0
    unit = 2.0 ** min(1 - math.frexp(largest)[1], 1023)
    scaled, size = absolute * unit, absolute.shape[1]
    transposed = scaled.T.tocsr()
    gram = scipy.sparse.linalg.LinearOperator((size, size), matvec=lambda w: transposed @ (scaled @ w))
    w, best = np.ones(size), math.inf
    terms = int(max(np.diff(scaled.indptr).max(), np.diff(transposed.indptr).max()))
    for sweep in range(40):
        image = transposed @ (scaled @ w)
        ratio = float(np.max((image + 2.0**-900) / w)) * (1 + 8 * (terms + 2) * UNIT)
        best = min(best, ratio)
        if sweep == 9:
            image = _perron_vector(gram, image)
        w = np.maximum(image / float(image.max()), 1e-9)
    return round_up(Fraction(root_up(Fraction(best))) / Fraction(unit))


def _perron_vector(gram: Any, start: Values) -> Values:
    """Close to the eigenvector of the largest eigenvalue, or ``start`` if Lanczos' method takes too long."""
    if len(start) <= SUBSPACE:
        return start
    try:
        _, vectors = scipy.sparse.linalg.eigsh(gram, k=1, v0=start, ncv=SUBSPACE, tol=1e-6, maxiter=20)
    except scipy.sparse.linalg.ArpackNoConvergence:
        return start
    return np.asarray(np.abs(vectors[:, 0]))


@final
@dataclass(frozen=True, eq=False)
class Blocks(LinearMap):
    """``copies`` times one ``matrix`` (m, d) on the diagonal: it acts on each of so many stacked points alone."""

    matrix: Any
    copies: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", as_map(self.matrix, "matrix"))
        if isinstance(self.copies, bool) or not isinstance(self.copies, (int, np.integer)) or self.copies < 1:
            raise InputError(f"Need copies as a whole number >= 1, got {self.copies!r}.")

    @property
    def shape(self) -> tuple[int, int]:
        """(copies * m, copies * d)."""
        rows, columns = self.matrix.shape
        return self.copies * rows, self.copies * columns

    @cached_property
    def norm_upper(self) -> float:
        """The norm of the matrix."""
        return norm_upper(self.matrix)

    @cached_property
    def gram_lower(self) -> float:
        """That of the matrix."""
        return gram_lower(self.matrix)

    def _apply(self, x: Array) -> Array:
        return self._by_blocks(self.matrix, x)

    def _apply_adjoint(self, y: Array) -> Array:
        return self._by_blocks(self.matrix.T, y)

    def _by_blocks(self, matrix: Any, x: Array) -> Array:
        """All blocks and samples as columns of one product."""
        rows, columns = matrix.shape
        beside = np.moveaxis(x.reshape(self.copies, columns, -1), 1, 0).reshape(columns, -1)
        images = np.moveaxis(matmul(matrix, beside).reshape(rows, self.copies, -1), 1, 0)
        return images.reshape(-1, *x.shape[1:])


def as_map(matrix: Any, name: str) -> Any:
    """A map as it is, a matrix of scipy.sparse as a map, anything else as a read-only float64 matrix.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(matrix, LinearMap):
        return matrix
    return Sparse(matrix) if scipy.sparse.issparse(matrix) else finite_array(matrix, name, 2)


def norm_upper(matrix: Any) -> float:
    """A float64 no less than the norm of a float64 matrix or a map."""
    return matrix.norm_upper if isinstance(matrix, LinearMap) else definite.norm_upper(matrix)


def gram_lower(matrix: Any) -> float:
    """A float64 >= 0 and no more than the least eigenvalue of A^T A, for a float64 matrix or a map."""
    return matrix.gram_lower if isinstance(matrix, LinearMap) else definite.gram_eigenvalue_lower(matrix)


def weighted_gram(matrix: Values, weights: Values) -> Enclosure:
    """A^T W A for weights w (m,) on the diagonal of W."""
    whole = enclosure.exact(matrix)
    return whole.T @ whole.rows(weights)


def weighted_norm_upper(matrix: Any, weights: Values) -> float:
    """A float64 no less than the norm of A^T W A, w >= 0; for a map, |A|^2 times the largest weight."""
    norm, most = norm_upper(matrix), float(weights.max())
    if not norm * most < math.inf:
        return 0.0 if norm == 0 else math.inf
    plain = round_up(Fraction(norm) ** 2 * Fraction(most))
    return min(plain, enclosure.eigenvalue_upper(weighted_gram(matrix, weights))) if _is_dense(matrix) else plain


def weighted_modulus_lower(matrix: Any, weights: Values) -> float:
    """A float64 >= 0 and no more than the least eigenvalue of A^T W A; for a map, by those of A^T A and W."""
    plain = round_down(Fraction(gram_lower(matrix)) * Fraction(float(weights.min())))
    wide = matrix.shape[0] < matrix.shape[1]
    return plain if wide or not _is_dense(matrix) else max(plain, modulus_lower(weighted_gram(matrix, weights)))


def _is_dense(matrix: Any) -> bool:
    return isinstance(matrix, np.ndarray)


def modulus_lower(square: Enclosure) -> float:
    """A float64 c with <x, Xx> >= c |x|^2 for each of the matrices X, close to the largest one."""
    if not math.isfinite(square.norm()):
        return -math.inf
    symmetric = (square.centre + square.centre.T) / 2
    spectrum = np.linalg.eigvalsh(symmetric)
    size = float(np.abs(spectrum).max())
    for exponent in (-46, -42, -36, -28):
        found = eigenvalue_lower(square, float(spectrum[0]) - size * 2.0**exponent)
        if math.isfinite(found):
            return found
    return -square.norm()
