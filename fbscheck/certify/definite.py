"""Rigorous bounds on eigenvalues and norms of float64 matrices, which are exact rationals.

Every bound is a float64 c for which a matrix such as ``c^2 I - A^T A`` was proved positive
semidefinite.  Up to ``EXACT_SIZE`` this is decided exactly, by rational elimination, ties
included (diag(1, 2) has norm 2).  Beyond, it is proved positive definite by preconditioned balls:
with X the floating inverse of a Cholesky factor, X M X^T is enclosed and seen to be diagonally
dominant, so X is invertible and M positive definite (Rump, Acta Numerica 19, 2010, section 10).
The one tie that matters in practice, a singular matrix without negative eigenvalues, is decided
up to ``TIE_SIZE`` by the signs of its exact characteristic polynomial.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import cast

import flint
import numpy as np
import numpy.typing as npt
import scipy.linalg

from fbscheck.certify.balls import root_down, round_down, round_up
from fbscheck.errors import InputError

__all__ = [
    "as_float",
    "cocoercivity_lower",
    "gram_factor",
    "gram_eigenvalue_lower",
    "is_semidefinite",
    "norm_lower",
    "norm_upper",
    "quotient_lower",
    "rational",
    "symmetric_eigenvalue_lower",
]

Matrix = npt.NDArray[np.float64]
Exact = flint.fmpq_mat | flint.arb_mat
"""Rational up to ``EXACT_SIZE``, balls beyond."""

EXACT_SIZE = 12
TIE_SIZE = 48


def as_float(matrix: flint.fmpq_mat) -> Matrix:
    """The nearest float64 of each rational entry."""
    entries = [int(e.p) / int(e.q) for e in matrix.entries()]
    return np.array(entries).reshape(matrix.nrows(), matrix.ncols())


def _enclose(matrix: Matrix, size: int) -> Exact:
    """The matrix as it is, in the arithmetic that serves definiteness tests of ``size``."""
    return rational(matrix) if size <= EXACT_SIZE else flint.arb_mat(matrix.tolist())


def rational(matrix: Matrix) -> flint.fmpq_mat:
    """A float64 matrix as it is, in rational arithmetic."""
    rows, columns = matrix.shape
    return flint.fmpq_mat(rows, columns, [_fmpq(Fraction(v)) for v in matrix.ravel().tolist()])


def _fmpq(value: Fraction) -> flint.fmpq:
    return flint.fmpq(value.numerator, value.denominator)


def _times(matrix: Exact, factor: Fraction) -> Exact:
    if isinstance(matrix, flint.fmpq_mat):
        return matrix * _fmpq(factor)
    return matrix * flint.arb(_fmpq(factor))


def _identity(like: Exact) -> Exact:
    n = like.nrows()
    return type(like)(n, n, [int(i == j) for i in range(n) for j in range(n)])


def is_semidefinite(matrix: flint.fmpq_mat) -> bool:
    """Whether a symmetric rational matrix is proved positive semidefinite: decided up to ``EXACT_SIZE``."""
    exact = matrix if matrix.nrows() <= EXACT_SIZE else flint.arb_mat(matrix)
    return _is_semidefinite(exact, as_float(matrix))


def _is_semidefinite(matrix: Exact, approximation: Matrix) -> bool:
    """Whether a symmetric matrix is proved positive semidefinite; ``approximation`` is its float64."""
    if isinstance(matrix, flint.fmpq_mat):
        return _eliminates([[Fraction(int(e.p), int(e.q)) for e in row] for row in matrix.tolist()])
    try:
        factor = scipy.linalg.cholesky(approximation, lower=True)
        inverse = scipy.linalg.solve_triangular(factor, np.eye(len(factor)), lower=True)
    except (np.linalg.LinAlgError, ValueError):
        return False
    scaled = flint.arb_mat(inverse.tolist())
    product = (scaled * matrix * scaled.transpose()).tolist()
    one = flint.arb(1)
    return all(
        sum((abs(e - one if i == j else e) for j, e in enumerate(row)), flint.arb(0)) < one
        for i, row in enumerate(product)
    )


def _eliminates(rows: list[list[Fraction]]) -> bool:
    """Exact LDL^T: whether all pivots are >= 0, with empty rows to the right of the zero ones."""
    size = len(rows)
    for k in range(size):
        pivot = rows[k][k]
        if pivot < 0 or (pivot == 0 and any(rows[k][k:])):
            return False
        if pivot > 0:
            for i in range(k + 1, size):
                if ratio := rows[i][k] / pivot:
                    rows[i] = [a - ratio * b for a, b in zip(rows[i], rows[k], strict=True)]
    return True


def _has_no_negative_root(matrix: flint.fmpq_mat) -> bool:
    """Decide a tie of K + K^T exactly: a real-rooted polynomial has no negative root iff its signs alternate."""
    coefficients = (matrix + matrix.transpose()).charpoly().coeffs()[::-1]
    return all(c >= 0 if k % 2 == 0 else c <= 0 for k, c in enumerate(coefficients))


def _widen(estimate: float, direction: float, holds: Callable[[float], bool], scale: float, size: int) -> float:
    """The first float that ``holds``, going outward from ``estimate`` in growing steps."""
    candidate = estimate
    for exponent in range(-52 if size <= EXACT_SIZE else -46, 1):
        if holds(candidate):
            return candidate
        candidate = math.nextafter(estimate + direction * scale * 2.0**exponent, direction * math.inf)
    return direction * math.inf


def norm_upper(matrix: Matrix, complement: bool = False) -> float:
    """A float64 >= the spectral norm of a finite matrix, and above it by a few ulps at most.

    The ``complement`` is I - K, for a square K; it is never rounded.
    """
    if np.array_equal(matrix, np.eye(*matrix.shape) if complement else 0 * matrix):
        return 0.0
    matrix, unit = _sized(matrix, complement)
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    exact, eye = _enclose(tall, tall.shape[1]), np.eye(tall.shape[1])
    if complement:
        exact, tall = _complement(exact, unit), eye / unit - tall
    squares, approximation = exact.transpose() * exact, tall.T @ tall
    one = _identity(squares)

    def holds(c: float) -> bool:
        return _is_semidefinite(_times(one, Fraction(c) ** 2) - squares, c * c * eye - approximation)

    estimate = float(np.linalg.norm(tall, 2))
    return _unscaled(_widen(estimate, 1.0, holds, estimate, tall.shape[1]), unit, round_up)


def norm_lower(matrix: Matrix) -> float:
    """A float64 <= the spectral norm: the Rayleigh quotient of the floating singular vector, rounded down."""
    matrix, unit = _scaled(matrix)
    if unit == 0.0:
        return 0.0
    vector = np.linalg.svd(matrix)[2][:1].T
    exact, direction = flint.arb_mat(matrix.tolist()), flint.arb_mat(vector.tolist())
    image = exact * direction
    quotient = (image.transpose() * image)[0, 0] / (direction.transpose() * direction)[0, 0]
    mantissa, exponent = quotient.lower().man_exp()
    square = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return root_down(max(square, Fraction(0)) * Fraction(unit) ** 2)


def gram_eigenvalue_lower(matrix: Matrix) -> float:
    """A float64 >= 0 and <= the least eigenvalue of A^T A, for A (m, d); 0 if m < d."""
    if matrix.shape[0] < matrix.shape[1]:
        return 0.0
    matrix, unit = _scaled(matrix)
    if unit == 0.0:
        return 0.0
    exact = _enclose(matrix, matrix.shape[1])
    least = float(np.linalg.svd(matrix)[1][-1]) ** 2
    found = _least(exact.transpose() * exact, matrix.T @ matrix, least)
    return _unscaled(max(0.0, found), unit, round_down, 2)


def gram_factor(matrix: Matrix, shift: float) -> tuple[Matrix, Matrix] | None:
    """Two float64 matrices whose sum L makes A^T A - shift I - L L^T tiny; None where there is none.

    They make a certificate of the kernel's kind ``eigenvalue``, with a bound near ``shift``.  The
    second one is the correction of a floating Cholesky factor by its residual, computed accurately.
    """
    gram = matrix.T @ matrix
    try:
        factor = scipy.linalg.cholesky(gram - shift * np.eye(len(gram)), lower=True)
    except np.linalg.LinAlgError:
        return None
    with flint.ctx.workprec(256):
        exact, root = (flint.arb_mat(part.tolist()) for part in (matrix, factor))
        rest = (exact.transpose() * exact - root * root.transpose()).tolist()
        for k, row in enumerate(rest):
            row[k] -= shift
        residual = np.array([[float(entry.mid()) for entry in row] for row in rest])
    half = scipy.linalg.solve_triangular(factor, residual, lower=True)
    whole = np.tril(scipy.linalg.solve_triangular(factor, half.T, lower=True))
    whole[np.diag_indices_from(whole)] /= 2
    correction = factor @ whole
    return (factor, correction) if np.isfinite(correction).all() else None


def symmetric_eigenvalue_lower(matrix: Matrix) -> float:
    """A float64 <= the least eigenvalue of (K + K^T)/2, for K (d, d)."""
    matrix, unit = _scaled(matrix)
    if unit == 0.0 or np.array_equal(matrix, -matrix.T):
        return 0.0
    exact, symmetric = _enclose(matrix, len(matrix)), (matrix + matrix.T) / 2
    spectrum = np.linalg.eigvalsh(symmetric)
    tie = abs(spectrum[0]) <= 1e-12 * np.abs(spectrum).max()
    if len(matrix) <= TIE_SIZE and tie and _has_no_negative_root(rational(matrix)):
        return 0.0
    found = _least(_times(exact + exact.transpose(), Fraction(1, 2)), symmetric, float(spectrum[0]))
    return _unscaled(found, unit, round_down)


def _least(matrix: Exact, approximation: Matrix, estimate: float) -> float:
    one, eye = _identity(matrix), np.eye(len(approximation))

    def holds(c: float) -> bool:
        return _is_semidefinite(matrix - _times(one, Fraction(c)), approximation - c * eye)

    return _widen(estimate, -1.0, holds, float(np.linalg.norm(approximation)), len(approximation))


def cocoercivity_lower(matrix: Matrix) -> float:
    """A float64 beta with ``<Kx, x> >= beta |Kx|^2`` for all x if beta > 0; inf for K = 0, 0 if none is known."""
    return max(0.0, quotient_lower(matrix))


def quotient_lower(matrix: Matrix, complement: bool = False) -> float:
    """A float64 <= ``<Mx, x> / |Mx|^2`` wherever Mx != 0, for M = K or, the ``complement``, M = I - K.

    It is inf for M = 0 and -inf if no bound is known.  For a symmetric M without negative eigenvalues
    it is 1/|M|.  Else the generalised eigenvalue problem proposes, and ``(M + M^T)/2 - beta M^T M``
    being semidefinite decides.  I - K is never rounded.
    """
    eye = np.eye(len(matrix))
    if np.array_equal(matrix, eye if complement else 0 * eye):
        return math.inf
    matrix, unit = _sized(matrix, complement)
    approximation = eye / unit - matrix if complement else matrix

    def taken(exact: Exact) -> Exact:
        return _complement(exact, unit) if complement else exact

    exact = taken(_enclose(matrix, len(matrix)))
    one, symmetric = _identity(exact), (approximation + approximation.T) / 2
    half, squares = _times(exact + exact.transpose(), Fraction(1, 2)), exact.transpose() * exact
    _, singular, right = np.linalg.svd(approximation)
    norm, kept = float(singular[0]), singular > singular[0] * 1e-12
    if np.array_equal(matrix, matrix.T) and norm > 0:
        least = float(np.linalg.eigvalsh(symmetric)[0])
        if abs(least) <= 1e-12 * norm and len(matrix) <= TIE_SIZE:
            monotone = _has_no_negative_root(cast(flint.fmpq_mat, taken(rational(matrix))))
        else:
            monotone = _is_semidefinite(half, symmetric)
        if monotone:

            def bounds(c: float) -> bool:
                return _is_semidefinite(_times(one, Fraction(c)) - half, c * eye - symmetric)

            found = _widen(norm, 1.0, bounds, norm, len(matrix))
            return round_down(1 / (Fraction(found) * Fraction(unit))) if math.isfinite(found) else 0.0
    image = right[kept].T / singular[kept]
    estimate = float(np.linalg.eigvalsh(image.T @ symmetric @ image)[0]) if kept.any() else 0.0

    def holds(beta: float) -> bool:
        return _is_semidefinite(
            half - _times(squares, Fraction(beta)), symmetric - beta * (approximation.T @ approximation)
        )

    scale = max(abs(estimate), 1 / norm if norm else 1.0)
    return _unscaled(_widen(estimate, -1.0, holds, scale, len(matrix)), unit, round_down, -1)


def _scaled(matrix: Matrix) -> tuple[Matrix, float]:
    """The matrix divided by a power of two near its largest entry, and that power (0 for a zero matrix)."""
    largest = float(np.max(np.abs(matrix)))
    if largest == 0.0:
        return matrix, 0.0
    unit = 2.0 ** min(math.frexp(largest)[1], 1023)
    with np.errstate(under="ignore"):
        scaled = matrix / unit
    if np.any(scaled * unit != matrix):
        raise InputError(
            f"Need entries within 300 orders of magnitude of each other, got a largest one of {largest:.3g} "
            "and others some 1e308 times smaller."
        )
    return scaled, unit


def _sized(matrix: Matrix, complement: bool) -> tuple[Matrix, float]:
    """The matrix scaled; as it is if I - K is meant and K is no larger than I."""
    scaled, unit = _scaled(matrix)
    return (matrix, 1.0) if complement and unit < 1 else (scaled, unit)


def _complement(exact: Exact, unit: float) -> Exact:
    """(I - K) / unit from K / unit."""
    return _times(_identity(exact), 1 / Fraction(unit)) - exact


def _unscaled(value: float, unit: float, rounding: Callable[[Fraction], float], power: int = 1) -> float:
    return rounding(Fraction(value) * Fraction(unit) ** power) if math.isfinite(value) else value
