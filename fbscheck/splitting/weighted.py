r"""Contraction of T = p o W in a weighted norm, where the proximal map p acts on each coordinate alone.

W (d, d) is the forward half, I - hK for f(x) = Kx - c, and \|x\|_P^2 = <x, Px> with P positive definite.  If a
diagonal L >= 0 makes

    [[q^2 P, -W^T L], [-L W, 2L - P]]    positive semidefinite,

then \|Tx - Ty\|_P <= q \|x - y\|_P for every such p and all x, y.  Proof: let D be x - y, E = WD, and F = Tx - Ty.
Each coordinate of p is nondecreasing and nonexpansive, so F_i (E_i - F_i) >= 0 and <F, L(E - F)> >= 0; L must be
diagonal for this.  The form of the matrix at (D, F) is q^2 \|D\|_P^2 - \|F\|_P^2 - 2 <F, L(E - F)>, and it is
nonnegative.  With a diagonal P and L = P this is q^2 P - W^T P W >= 0: any such p is nonexpansive in a diagonal
metric, and q is the norm of P^(1/2) W P^(-1/2).  The proximal map with step h of a separable function that is
sigma-strongly convex is such a p at u / (1 + h sigma): then W is (I - hK) / (1 + h sigma).

What no weight can change: p may be a diagonal matrix S of slopes in [0, 1], for which q is at least the spectral
radius of SW, in any norm.  And what no weight of a kind proves: let F and H (d, r) be such that the rows of WF
and H satisfy \|H_i\|^2 <= <(WF)_i, H_i>.  The trace of the matrix above against the Gram matrix of F over H
is at most <P, q^2 FF^T - HH^T>, so if HH^T - c^2 FF^T is positive semidefinite and F != 0, no P and L have a factor
below c.  For a diagonal P with L = P the diagonals of the two with H = WF are enough.  Matrices are rational, taken
as exact; the proofs are those of :mod:`fbscheck.certify.definite`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import flint
import numpy as np
import numpy.typing as npt
import scipy.linalg

from fbscheck.certify.balls import lower, root_down
from fbscheck.certify.definite import as_float, is_semidefinite, rational
from fbscheck.errors import InputError
from fbscheck.inputs import Number, finite_array, finite_number

__all__ = ["Obstacle", "Weight", "forward", "slopes", "spectral_radius_lower"]

Values = npt.NDArray[np.float64]

SQUARINGS = 40
ASCENTS, STARTS = 8, 16


@final
@dataclass(frozen=True, eq=False)
class Weight:
    """A norm to measure contraction in: ``matrix`` P (d, d), or its diagonal (d,), and ``multipliers`` L (d,).

    Without multipliers P is diagonal and L = P.

    Raises
    ------
    InputError
        If P is not symmetric and certainly positive definite, or L is not diagonal or has a negative entry.
    """

    matrix: npt.ArrayLike
    multipliers: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        given = finite_array(self.matrix, "the weight", (1, 2))
        matrix = np.diag(given) if given.ndim == 1 else given
        if matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, matrix.T):
            raise InputError(f"Need a symmetric weight, got shape {matrix.shape} (symmetrise it first?).")
        diagonal = np.diag(matrix).copy()
        if self.multipliers is None and not np.array_equal(matrix, np.diag(diagonal)):
            raise InputError("Need a diagonal weight, or diagonal multipliers with a full one, got neither.")
        least = float(np.linalg.eigvalsh(matrix)[0]) / 2
        exact = rational(matrix)
        if not (least > 0 and is_semidefinite(exact - _identity(len(matrix)) * _fraction(least))):
            raise InputError(f"Need a positive definite weight, got a least eigenvalue near {2 * least:.3g}.")
        multipliers = diagonal if self.multipliers is None else finite_array(self.multipliers, "the multipliers", 1)
        if multipliers.shape != diagonal.shape or multipliers.min() < 0:
            raise InputError(
                f"Need {len(diagonal)} multipliers >= 0, got {len(multipliers)}, the least {multipliers.min():.3g}."
            )
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "multipliers", multipliers)

    def contracts(self, transition: flint.fmpq_mat, factor: Number) -> bool:
        """Whether |Tx - Ty|_P <= ``factor`` |x - y|_P is proved, for every p; recheck a found factor with it."""
        P, L = rational(np.asarray(self.matrix)), rational(np.diag(np.asarray(self.multipliers)))
        if transition.nrows() != P.nrows() or transition.ncols() != P.nrows():
            raise InputError(
                f"Need a transition of the weight's size {P.nrows()}, got one of {transition.nrows()} rows."
            )
        if finite_number(factor, "factor") < 0:
            return False
        corner, last = P * _fraction(factor) ** 2, L * 2 - P
        side = transition.transpose() * L * -1
        rows = [
            *(list(p) + list(s) for p, s in zip(corner.tolist(), side.tolist(), strict=True)),
            *(list(s) + list(p) for s, p in zip(side.transpose().tolist(), last.tolist(), strict=True)),
        ]
        return is_semidefinite(flint.fmpq_mat(rows))

    def factor(self, transition: flint.fmpq_mat) -> float:
        """A float64 q, near the least, for which contraction with q is proved; inf if none is found."""
        P, L, W = np.asarray(self.matrix), np.diag(np.asarray(self.multipliers)), as_float(transition)
        try:
            form = W.T @ L @ scipy.linalg.solve(2 * L - P, L @ W, assume_a="pos")
            estimate = math.sqrt(max(0.0, float(scipy.linalg.eigh((form + form.T) / 2, P, eigvals_only=True)[-1])))
        except np.linalg.LinAlgError:
            return math.inf
        candidates = (estimate, *(estimate * (1 + 2.0**-k) for k in range(50, 4, -3)))
        return next((q for q in candidates if self.contracts(transition, q)), math.inf)


@final
@dataclass(frozen=True, eq=False)
class Obstacle:
    """What no weight makes shorter: ``points`` F and ``values`` H (d, r) as above; without values for diagonal weights.

    Raises
    ------
    InputError
        If shapes do not fit, or F = 0.
    """

    points: Values
    values: Values | None = None

    def __post_init__(self) -> None:
        points = finite_array(self.points, "the points", 2)
        object.__setattr__(self, "points", points)
        if self.values is not None:
            object.__setattr__(self, "values", finite_array(self.values, "the values", 2))
        if not points.any() or (self.values is not None and self.values.shape != points.shape):
            raise InputError(f"Need points that are not zero, and values of their shape {points.shape}.")

    def factor(self, transition: flint.fmpq_mat) -> float:
        """A float64 that no factor of a weight is below; 0 if nothing is proved."""
        F = rational(self.points)
        if F.nrows() != transition.ncols():
            raise InputError(f"Need points (d, r) with d = {transition.ncols()}, got d = {F.nrows()}.")
        images = transition * F
        if self.values is None:
            rows = [(_square(e), _square(f)) for e, f in zip(images.tolist(), F.tolist(), strict=True)]
            return root_down(min(image / point for image, point in rows if point))
        H = rational(self.values)
        for value, image in zip(H.tolist(), images.tolist(), strict=True):
            if _square(value) > sum((_exact(v * e) for v, e in zip(value, image, strict=True)), Fraction(0)):
                return 0.0
        live = self.points.any(axis=1) | self.values.any(axis=1)
        F, H = rational(self.points[live]), rational(self.values[live])
        A, C = F * F.transpose(), H * H.transpose()
        try:
            least = float(scipy.linalg.eigh(as_float(C), as_float(A), eigvals_only=True)[0])
        except np.linalg.LinAlgError:
            return 0.0
        estimate = math.sqrt(max(0.0, least))
        candidates = (estimate * (1 - 2.0**-k) for k in range(50, 4, -3))
        return next((c for c in candidates if c > 0 and is_semidefinite(C - A * _fraction(c) ** 2)), 0.0)


def forward(matrix: npt.ArrayLike, step: Number, strong_convexity: Number = 0) -> flint.fmpq_mat:
    """The transition (I - hK) / (1 + h sigma), exactly.

    >>> forward([[1.0, -10.0], [0.0, 1.0]], Fraction(1, 10)).tolist()
    [[9/10, 1], [0, 9/10]]
    """
    K = finite_array(matrix, "the matrix", 2)
    if K.shape[0] != K.shape[1]:
        raise InputError(f"Need a square matrix K, got shape {K.shape}.")
    return (_identity(len(K)) - rational(K) * _fraction(step)) / _fraction(
        1 + Fraction(step) * Fraction(strong_convexity)
    )


def slopes(transition: flint.fmpq_mat) -> tuple[Values, float]:
    """Slopes S (d,) in {0, 1} with a large spectral radius of SW, and a float64 that it is not below.

    They are found by ascent along the derivatives of the largest eigenvalue, from all slopes 1 and from random ones.
    """
    W = as_float(transition)
    size = len(W)
    chosen = np.vstack([np.ones(size), np.random.default_rng(0).integers(0, 2, (STARTS, size))]).astype(np.float64)
    best, radius = chosen[0], -1.0
    for _ in range(ASCENTS):
        values, right = np.linalg.eig(chosen[:, :, None] * W)
        top = np.abs(values).argmax(axis=1)
        each = np.arange(len(chosen))
        radii = np.abs(values[each, top])
        if radii.max() > radius:
            best, radius = chosen[radii.argmax()], float(radii.max())
        left, image = np.linalg.pinv(right)[each, top], np.einsum("ij,sj->si", W, right[each, :, top])
        chosen = (np.real(np.conj(values[each, top])[:, None] * left * image) > 0).astype(np.float64)
    return best, spectral_radius_lower(rational(np.diag(best)) * transition)


def spectral_radius_lower(matrix: flint.fmpq_mat) -> float:
    """A float64 <= the spectral radius: roots of the traces of powers, as |tr M^k| <= d rho^k."""
    power, best = flint.arb_mat(matrix), 0.0
    for j in range(SQUARINGS):
        root = (abs(power.trace()) / matrix.nrows()).nonnegative_part().root(2**j)
        best = max(best, lower(root)) if root.is_finite() else best
        power = power * power
    return best


def _identity(size: int) -> flint.fmpq_mat:
    return rational(np.eye(size))


def _exact(value: flint.fmpq) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def _square(row: list[flint.fmpq]) -> Fraction:
    return sum((_exact(value * value) for value in row), Fraction(0))


def _fraction(value: Number) -> flint.fmpq:
    exact = Fraction(value)
    return flint.fmpq(exact.numerator, exact.denominator)
