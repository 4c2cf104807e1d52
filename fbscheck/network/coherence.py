r"""Coherence of a dictionary A (m, n) and of weights W (m, n) for it, with certified bounds.

Weights enter as w_i / <w_i, a_i>, normalised exactly, so that W^T A has the diagonal 1.  Their coherence is
the largest \|<w_i, a_j>\|, i != j; for w_i = a_i / \|a_i\| and columns of norm 1 it is the mutual coherence.
The generalised coherence is the least that any weights have.  Sources: Chen, Liu, Wang and Yin 2018; Liu,
Chen, Wang and Yin 2019.

Upper bounds evaluate weights.  Lower bounds evaluate representations of a column by the others: if
sum_j z_j a_j = a_i with z_i = 0, then 1 = <w_i, a_i> <= \|z\|_1 max_j \|<w_i, a_j>\| for all weights (duality).
"""

from fractions import Fraction
from functools import reduce
from math import ceil
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import absolute, exact, lower, matmul, sqrt, upper
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array

__all__ = [
    "coherence",
    "coupling",
    "frobenius_weights",
    "generalised_coherence_lower",
    "largest_support",
    "mutual_coherence",
    "trace_bound",
]

Values = npt.NDArray[np.float64]
Ends = tuple[float, float]
"""A number's lower and upper bound."""


def coupling(weights: npt.ArrayLike, dictionary: npt.ArrayLike) -> Array:
    """Enclose the matrix <w_i, a_j> / <w_i, a_i>, a ball array (n, n) with the diagonal 1.

    Raises
    ------
    InputError
        If shapes do not fit, or some <w_i, a_i> may be 0.
    """
    A, W = _dictionary(dictionary), finite_array(weights, "weights", 2)
    if A.shape != W.shape:
        raise InputError(f"Need weights of the dictionary's shape {A.shape}, got {W.shape} (a transpose?).")
    products = matmul(W.T, exact(A))
    diagonal = products.diagonal().copy()
    if bad := [i for i, value in enumerate(diagonal) if value.contains(0)]:
        raise InputError(f"Need <w_i, a_i> != 0, got {float(diagonal[bad[0]].mid()):.3g} for column {bad[0]}.")
    normalised: Array = products / diagonal[:, None]
    np.fill_diagonal(normalised, flint.arb(1))
    return normalised


def coherence(weights: npt.ArrayLike, dictionary: npt.ArrayLike) -> Ends:
    """Bounds of max |<w_i, a_j>| / |<w_i, a_i>| over i != j.

    >>> coherence(np.eye(2), [[1.0, 0.5], [0.0, 1.0]])
    (0.5, 0.5)
    """
    return _largest_off_diagonal(coupling(weights, dictionary))


def mutual_coherence(dictionary: npt.ArrayLike) -> Ends:
    """Bounds of max |<a_i, a_j>| / (|a_i| |a_j|) over i != j."""
    A = _dictionary(dictionary)
    products = matmul(A.T, exact(A))
    lengths = sqrt(products.diagonal())
    return _largest_off_diagonal(products / (lengths[:, None] * lengths))


def frobenius_weights(dictionary: npt.ArrayLike) -> Values:
    """The minimiser W (m, n) of |W^T A|_F subject to <w_i, a_i> = 1, in floating point.

    It is w_i = (A A^T)^-1 a_i / <a_i, (A A^T)^-1 a_i>, for A of full rank m <= n.  It does not minimise the coherence.
    """
    A = _dictionary(dictionary)
    directions = np.linalg.pinv(A).T
    return np.asarray(directions / np.sum(directions * A, axis=0))


def generalised_coherence_lower(
    dictionary: npt.ArrayLike,
    representations: npt.ArrayLike,
    columns: npt.ArrayLike,
    inverse: npt.ArrayLike | None = None,
) -> float:
    r"""A float64 that no weights' coherence is below; 0 where nothing is proved.

    Column k of ``representations`` (n, k) nearly represents a_i, i = ``columns[k]``, by the other columns.
    ``inverse`` (n, m) is nearly a right inverse of A; the floating pseudoinverse if it is None.

    Notes
    -----
    Let R be that inverse and E = I - AR, with \|E\|_1 < 1.  The residual r = a_i - Az is
    removed by d = R(I-E)^-1 r, since Ad = r, and \|d\|_1 <= rho = \|R\|_1 \|r\|_1 / (1 - \|E\|_1).  Hence
    1 - d_i = sum_{j != i} (z_j + d_j) <w_i, a_j>, and the coherence is at least (1 - rho) / (\|z\|_1 + rho).
    All norms are rounded up.  Rows of zeros are left out; if A has no full rank otherwise, nothing is proved.
    """
    A, Z = _dictionary(dictionary), finite_array(representations, "representations", 2).copy()
    chosen = np.asarray(columns)
    if Z.shape != (A.shape[1], chosen.size) or not np.issubdtype(chosen.dtype, np.integer):
        raise InputError(f"Need {A.shape[1]} coefficients for each of {chosen.size} columns, got {Z.shape}.")
    if chosen.min() < 0 or chosen.max() >= A.shape[1]:
        raise InputError(f"Need columns within 0..{A.shape[1] - 1}, got {chosen.min()}..{chosen.max()}.")
    R = np.linalg.pinv(A) if inverse is None else finite_array(inverse, "inverse", 2)
    if R.shape != A.T.shape:
        raise InputError(f"Need an inverse of shape {A.T.shape}, got {R.shape} (a transpose?).")
    rows = np.any(A != 0, axis=1)
    A, R = A[rows], R[:, rows]
    Z[chosen, np.arange(chosen.size)] = 0.0
    defect = _column_sums(exact(np.eye(len(A))) - matmul(A, exact(R)))
    rest = 1 - reduce(flint.arb.max, defect)
    if not rest > 0:
        return 0.0
    repair = reduce(flint.arb.max, _column_sums(exact(R))) / rest
    errors = repair * _column_sums(exact(A[:, chosen]) - matmul(A, exact(Z)))
    bounds = (1 - errors) / (_column_sums(exact(Z)) + errors)
    return max(0.0, *map(lower, bounds))


def trace_bound(rows: int, columns: int) -> Fraction:
    """The square of what no weights' coherence is below, for any dictionary of this shape: (n-m) / (m(n-1)).

    The trace n of W^T A is at most sqrt(m) |W^T A|_F, as its rank is at most m, so |W^T A|_F^2 >= n^2/m;
    and it is n plus n(n-1) squares, of which none exceeds that of the coherence.

    >>> trace_bound(250, 500)
    Fraction(1, 499)
    """
    if rows < 1 or columns < 2:
        raise InputError(f"Need a dictionary of at least one row and two columns, got {rows} and {columns}.")
    return max(Fraction(0), Fraction(columns - rows, rows * (columns - 1)))


def largest_support(coherence: float | Fraction, columns: int) -> int:
    """The largest s <= ``columns`` with s < (1 + 1/coherence)/2, decided exactly.

    >>> largest_support(0.125, 128), largest_support(Fraction(1, 7), 128)
    (4, 3)
    """
    if not 0 <= coherence <= float("inf"):
        raise InputError(f"Need a coherence >= 0, got {coherence}.")
    if coherence == float("inf"):
        return 0
    return columns if coherence == 0 else min(columns, ceil((1 + 1 / Fraction(coherence)) / 2) - 1)


def _dictionary(value: npt.ArrayLike) -> Values:
    A = finite_array(value, "dictionary", 2)
    if A.shape[1] < 2:
        raise InputError(f"Need a dictionary of two columns or more, got shape {A.shape} (a transpose?).")
    if empty := np.flatnonzero(~A.any(axis=0)).tolist():
        raise InputError(f"Need columns that are not zero, got zero in column {empty[0]} (an unused atom?).")
    return A


def _column_sums(x: Array) -> Any:
    """The l1 norm of each column."""
    return np.sum(absolute(x), axis=0)


def _largest_off_diagonal(x: Array) -> Ends:
    largest = reduce(flint.arb.max, absolute(x)[~np.eye(len(x), dtype=bool)])
    return lower(largest), upper(largest)
