"""Bounds on the constants of operators by dense matrices, another route than that of their classes.

Norms and least eigenvalues are those of :mod:`fbscheck.certify.definite`, of the matrix that a map stands for, or of
the matrix of an affine operator.  Bounds on ratios are never below 1: that a constant is larger than it need be by
its own rounding does not count.
"""

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import round_up
from fbscheck.certify.definite import gram_eigenvalue_lower, norm_upper, symmetric_eigenvalue_lower
from fbscheck.operators import (
    Coupled,
    LeastSquares,
    Linear,
    Operator,
    Poisson,
    Regularised,
    Saddle,
    WeightedLeastSquares,
)
from fbscheck.operators.base import Gradient, Loss

__all__ = ["most_cocoercive", "most_slack", "most_stretch", "unknown"]

Points = npt.NDArray[np.float64]


def _dense(f: Operator) -> Points | None:
    """The matrix of an affine operator with short entries, free of rounding; None for any other."""
    if isinstance(f, Linear):
        return f.matrix
    if isinstance(f, Coupled):
        return np.asarray(f.weights.T @ f.matrix)
    if isinstance(f, Saddle) and isinstance(f.g, Linear) and isinstance(f.f, (Linear, Gradient)):
        first = f.f.matrix if isinstance(f.f, Linear) else f.f.matrix.T @ f.f.matrix
        affine = isinstance(f.f, Linear) or isinstance(f.f, LeastSquares)
        return np.block([[first, f.coupling.T], [-f.coupling, f.g.matrix]]) if affine else None
    return None


def _matrix_of(f: Gradient) -> tuple[Points, Fraction, Fraction] | None:
    """A matrix A and the extreme curvatures with which the derivative of f is A^T phi'' A; None if not known."""
    if isinstance(f, (WeightedLeastSquares, Poisson)):
        weights = f.weights if isinstance(f, WeightedLeastSquares) else f.counts / f.background**2
        roots = np.sqrt(weights)
        exactly = np.array_equal(roots * roots, weights)
        least = Fraction(int(isinstance(f, WeightedLeastSquares)))
        return (roots[:, None] * f.matrix, least, Fraction(1)) if exactly else None
    matrix = f.matrix if isinstance(f.matrix, np.ndarray) else f.matrix.dense()
    return (matrix, *f.curvature) if isinstance(f, Loss) else None


def _certified(f: Operator) -> tuple[Fraction, Fraction] | None:
    """Bounds on modulus (from below) and Lipschitz constant (from above), by dense matrices; None if not known."""
    if isinstance(f, Regularised):
        inner = _certified(f.f)
        if inner is None or not (f.is_gradient and -inner[0] <= inner[1]):
            return None
        return inner[0] + Fraction(f.weight), inner[1] + Fraction(f.weight)
    if (matrix := _dense(f)) is not None:
        return Fraction(symmetric_eigenvalue_lower(matrix)), Fraction(norm_upper(matrix))
    if not isinstance(f, Gradient) or (found := _matrix_of(f)) is None:
        return None
    matrix, least, most = found
    square = Fraction(norm_upper(matrix)) ** 2
    return least * (square if least < 0 else Fraction(gram_eigenvalue_lower(matrix))), most * square


def most_stretch(f: Operator) -> float:
    """No less than any |f(x) - f(y)| / (ell |x - y|), and than 1; inf if nothing is known."""
    known = _certified(f)
    return math.inf if known is None else max(1.0, round_up(known[1] / Fraction(f.lipschitz)))


def most_slack(f: Operator) -> float:
    """No less than any ratio of the sides that monotonicity bounds by 1, and than 1; inf if nothing is known."""
    known, ell = _certified(f), Fraction(f.lipschitz)
    return math.inf if known is None else max(1.0, round_up((ell - known[0]) / (ell - Fraction(f.monotonicity))))


def most_cocoercive(f: Operator) -> float:
    """No less than any beta |f(x) - f(y)|^2 / <f(x) - f(y), x - y>, and than 1; inf if nothing is known."""
    known = _certified(f)
    if known is None or not f.is_gradient or known[0] < 0:
        return math.inf
    return max(1.0, round_up(Fraction(f.cocoercivity) * known[1]))


def unknown(f: Operator) -> float:
    """inf."""
    return math.inf
