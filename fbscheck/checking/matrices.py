"""The five constants of x -> Kx, bracketed: one end certified, the other attained by a direction.

The certified ends come from :mod:`fbscheck.certify.definite`.  An attained end is the quotient of one
float64 direction, evaluated in rational arithmetic without rounding before the last step, so it is a
value of the quotient and no estimate, however poor the direction.
"""

import math
from fractions import Fraction

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import root_down, round_up
from fbscheck.certify.definite import norm_upper, quotient_lower, rational, symmetric_eigenvalue_lower
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.errors import InputError

__all__ = ["bracket", "extremal"]

Matrix = npt.NDArray[np.float64]


def bracket(K: npt.ArrayLike) -> dict[str, tuple[float, float]]:
    """Lower and upper bounds of every constant of ``CONSTANTS`` for a square float64 matrix, rounded outwards.

    Cocoercivity is the infimum of <Kd, d>/|Kd|^2 over Kd != 0 and inf for K = 0; it may be -inf for a
    singular K, and its lower end is -inf whenever no bound was proved (for d > 12, always if K is
    singular and neither symmetric nor monotone).  Averagedness is half the inverse of the cocoercivity
    of I - K, and inf if that is not positive; the residual is the norm of I - K.

    Raises:
        InputError: If K is not a finite square matrix.
    """
    matrix = _checked(K)
    attained = {name: _attained(matrix, name, extremal(matrix, name)) for name in CONSTANTS}
    monotone, forward = symmetric_eigenvalue_lower(matrix), quotient_lower(matrix)
    rest = quotient_lower(matrix, complement=True)
    return {
        "lipschitz": (root_down(Fraction(attained["lipschitz"])), norm_upper(matrix)),
        "monotonicity": (monotone, _up(attained["monotonicity"])),
        "cocoercivity": (max(forward, 0.0) if monotone >= 0 else forward, _up(attained["cocoercivity"])),
        "averagedness": (-_up(-attained["averagedness"]), half_inverse(rest)),
        "residual": (root_down(Fraction(attained["residual"])), norm_upper(matrix, complement=True)),
    }


def half_inverse(beta: float) -> float:
    """The averagedness 1/(2 beta) of T, rounded up, for a cocoercivity ``beta`` of I - T; inf if beta <= 0."""
    if beta == math.inf:
        return 0.0
    return round_up(1 / (2 * Fraction(beta))) if beta > 0 else math.inf


def extremal(K: npt.ArrayLike, name: str) -> Matrix:
    """The direction d (d,) with the worst quotient found for the constant ``name``: x = d and y = 0 are the pair.

    Raises:
        InputError: If K is not a finite square matrix.
    """
    matrix = _checked(K)
    worse = CONSTANTS[name].worse
    if name == "lipschitz":
        candidates = [np.linalg.svd(_unit(matrix))[2][0]]
    elif name == "residual":
        candidates = [np.linalg.svd(_unit(np.eye(len(matrix)) - matrix))[2][0]]
    elif name == "monotonicity":
        candidates = [_least(_unit(matrix))]
    else:
        candidates = _backward(_unit(matrix if name == "cocoercivity" else np.eye(len(matrix)) - matrix))
    return max(candidates, key=lambda direction: worse * _attained(matrix, name, direction))


def _backward(matrix: Matrix) -> list[Matrix]:
    """Directions d where <Md, d>/|Md|^2 may be least: the generalised eigenvector, and those of small |Md|.

    If Mn = 0 but u = M^T n does not vanish, the quotient of u - t n falls without bound as t grows.
    """
    _, singular, right = np.linalg.svd(matrix)
    kept = singular > singular[0] * 1e-12
    candidates = [_least(matrix)]
    if kept.any():
        image = right[kept].T / singular[kept]
        candidates.append(image @ _least(image.T @ matrix @ image))
    turned = matrix.T @ right[-1]
    candidates += [turned - 2.0**power * right[-1] for power in (0, 20, 40) if np.linalg.norm(turned) > 1e-12]
    return [_unit(direction) for direction in candidates if direction.any()]


def _least(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.eigh((matrix + matrix.T) / 2)[1][:, 0])


def _attained(matrix: Matrix, name: str, direction: Matrix) -> Fraction | float:
    """The exact quotient of one direction, its square for the norms; +-inf where the constant is so defined."""
    d = rational(direction[:, None])
    v = rational(matrix) * d
    if name == "lipschitz":
        return _inner(v, v) / _inner(d, d)
    if name == "monotonicity":
        return _inner(v, d) / _inner(d, d)
    if name == "cocoercivity":
        moved = _inner(v, v)
        return _inner(v, d) / moved if moved else math.inf
    rest = d - v
    moved, forward = _inner(rest, rest), _inner(d, rest)
    if name == "residual":
        return moved / _inner(d, d)
    if not moved:
        return 0.0
    return moved / (2 * forward) if forward > 0 else math.inf


def _inner(x: flint.fmpq_mat, y: flint.fmpq_mat) -> Fraction:
    value = (x.transpose() * y)[0, 0]
    return Fraction(int(value.p), int(value.q))


def _up(value: Fraction | float) -> float:
    return value if isinstance(value, float) else round_up(value)


def _unit(matrix: Matrix) -> Matrix:
    """The matrix scaled to entries of at most one, so that no square overflows."""
    largest = float(np.max(np.abs(matrix)))
    return matrix / largest if largest else matrix


def _checked(K: npt.ArrayLike) -> Matrix:
    matrix = np.asarray(K, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size or not np.isfinite(matrix).all():
        raise InputError(f"Need a finite square matrix, got shape {matrix.shape} or an entry that is not finite.")
    return matrix
