"""Matrix arithmetic in float64 with a proved error: a centre, and a radius in the Frobenius norm.

Every operation is one of numpy followed by a bound on what rounding did to it.  With u = 2^-53 and
gamma_k = k u / (1 - k u), an inner product of length k is off by at most gamma_k |a|^T |b|, in whatever
order it is summed and whether or not multiplications are fused (Higham, Accuracy and Stability, 2002,
chapter 3), and |A||B| has a Frobenius norm of at most |A|_F |B|_F.  Where a result may underflow, or be
flushed to zero, the least normal number is added for every operation.  Radii are sums of nonnegative
numbers, enlarged after each sum by far more than its own rounding.  Overflow ends in a radius that is
infinite or NaN, which proves nothing.

Nothing is asked of LAPACK: a Cholesky factor is only a proposal, and its product is subtracted.
"""

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

__all__ = ["UNIT", "Enclosure", "eigenvalue_lower", "eigenvalue_upper", "exact", "norm_upper", "sum_up"]

Values = npt.NDArray[np.float64]

UNIT = 2.0**-53
TINY = 2.0**-1021
"""Twice the least normal number: more than one operation loses to underflow."""


@final
@dataclass(frozen=True, eq=False)
class Enclosure:
    """All real matrices X with ``|X - centre|_F <= radius``."""

    centre: Values
    radius: float

    @property
    def T(self) -> "Enclosure":
        """The transposed matrices."""
        return Enclosure(self.centre.T, self.radius)

    def norm(self) -> float:
        """No less than the Frobenius norm of any of the matrices."""
        return sum_up(frobenius_upper(self.centre), self.radius)

    def __add__(self, other: "Enclosure") -> "Enclosure":
        with np.errstate(all="ignore"):
            return _rounded(self.centre + other.centre, 1, self.radius, other.radius)

    def __sub__(self, other: "Enclosure") -> "Enclosure":
        with np.errstate(all="ignore"):
            return _rounded(self.centre - other.centre, 1, self.radius, other.radius)

    def __matmul__(self, other: "Enclosure") -> "Enclosure":
        length = self.centre.shape[1]
        left, right = frobenius_upper(self.centre), frobenius_upper(other.centre)
        with np.errstate(all="ignore"):
            product = self.centre @ other.centre
        rounding = 2 * length * UNIT * left * right + 2 * length * TINY * math.sqrt(product.size)
        carried = (left * other.radius, self.radius * right, self.radius * other.radius, 3 * TINY)
        if not np.isfinite(product).all():
            return Enclosure(product, math.inf)
        return Enclosure(product, sum_up(rounding, *carried))

    def rows(self, factors: Values) -> "Enclosure":
        """Row i times ``factors[i]``."""
        with np.errstate(all="ignore"):
            return _rounded(factors[:, None] * self.centre, 1, self.radius * _largest(factors), TINY)

    def columns(self, factors: Values) -> "Enclosure":
        """Column j times ``factors[j]``."""
        return self.T.rows(factors).T


def exact(matrix: Values) -> Enclosure:
    """The matrix itself."""
    return Enclosure(matrix, 0.0)


def sum_up(*terms: float) -> float:
    """No less than the sum of nonnegative numbers, each of them a few products."""
    return sum(terms) * (1 + 2.0**-40)


def _rounded(result: Values, operations: int, *radii: float) -> Enclosure:
    """A result off by at most ``operations`` roundings of each entry, around operands with ``radii``."""
    rounding = 2 * operations * UNIT * frobenius_upper(result) + operations * TINY * math.sqrt(result.size)
    return Enclosure(result, sum_up(rounding, *radii))


def _largest(values: Values) -> float:
    return float(np.max(np.abs(values), initial=0.0))


def frobenius_upper(matrix: Values) -> float:
    """No less than the Frobenius norm of a matrix; NaN or inf if an entry is."""
    largest = _largest(matrix)
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    with np.errstate(all="ignore"):
        flat = np.ravel(matrix / largest)
    squares = float(flat @ flat) * (1 + 2 * (flat.size + 8) * UNIT)
    return math.sqrt(squares) * largest * (1 + 2.0**-45) + TINY


def eigenvalue_lower(symmetric: Enclosure, shift: float) -> float:
    """A float64 c, near ``shift`` at best, with ``<x, Xx> >= c |x|^2`` for each of the matrices; -inf if none is seen.

    With a floating Cholesky factor L of C - shift I, C the symmetric part of the centre,
    X - shift I = L L^T + (C - shift I - L L^T) + (X - C), and the last two are bounded in norm.
    """
    eye = np.eye(len(symmetric.centre))
    halves = exact(symmetric.centre).rows(np.full(len(eye), 0.5))
    shifted = halves + halves.T - exact(shift * eye)
    factor = _cholesky(shifted.centre)
    if factor is None:
        return -math.inf
    missed = sum_up((shifted - exact(factor) @ exact(factor.T)).norm(), symmetric.radius)
    bound = shift - missed
    return bound - 2 * UNIT * (abs(shift) + abs(bound)) if math.isfinite(bound) else -math.inf


def eigenvalue_upper(symmetric: Enclosure) -> float:
    """A float64 c with ``<x, Xx> <= c |x|^2`` for each of the matrices, close to the least one; inf if none is seen."""
    norm = symmetric.norm()
    if not math.isfinite(norm):
        return math.inf
    spectrum = np.linalg.eigvalsh((symmetric.centre + symmetric.centre.T) / 2)
    negated = Enclosure(-symmetric.centre, symmetric.radius)
    for exponent in (-42, -36, -28):
        margin = float(np.abs(spectrum).max()) * 2.0**exponent
        found = -eigenvalue_lower(negated, -(float(spectrum[-1]) + margin))
        if math.isfinite(found):
            return min(found, norm)
    return norm


def norm_upper(matrix: Enclosure) -> float:
    """A float64 no less than the spectral norm of each of the matrices, close to the least one; inf if none is seen.

    Quicker and a little less sharp than :func:`fbscheck.certify.definite.norm_upper`.
    """
    largest = _largest(matrix.centre)
    if largest == 0.0 or not math.isfinite(largest):
        return matrix.norm() if largest == 0.0 else math.inf
    unit = 2.0 ** min(1 - math.frexp(largest)[1], 1023)
    scaled = exact(matrix.centre).rows(np.full(len(matrix.centre), unit))
    tall = scaled if scaled.centre.shape[0] >= scaled.centre.shape[1] else scaled.T
    top = eigenvalue_upper(tall.T @ tall)
    return sum_up(math.sqrt(max(top, 0.0)) / unit, matrix.radius, TINY) if math.isfinite(top) else math.inf


def _cholesky(matrix: Values) -> Any:
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    return factor if np.isfinite(factor).all() else None
