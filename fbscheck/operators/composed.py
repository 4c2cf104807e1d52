"""Operators that are no gradients, and operators made of others.

Skew and rotation matrices, the W^T(Ax - b) of LISTA, the saddle-point operator of a Lagrangian, and f(x) + w (x - c).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify import enclosure
from fbscheck.certify.balls import matmul, root_up, round_down, round_up
from fbscheck.certify.definite import gram_eigenvalue_lower, norm_upper, rational
from fbscheck.errors import HypothesisError, InputError
from fbscheck.inputs import Array, finite_array, nonnegative
from fbscheck.operators import maps
from fbscheck.operators.base import Gradient, Operator
from fbscheck.operators.linear import Linear
from fbscheck.points import along

__all__ = ["Coupled", "Regularised", "Saddle", "rotation", "skew"]

Values = npt.NDArray[np.float64]


def skew(matrix: npt.ArrayLike) -> Linear:
    """x -> (M - M^T) x for a square ``matrix`` M: monotone with mu = 0, and not cocoercive unless it vanishes.

    Raises
    ------
    InputError
        If M is not a finite square matrix.
    """
    values = finite_array(matrix, "matrix", 2)
    if values.shape[0] != values.shape[1]:
        raise InputError(f"Need a square matrix, got shape {values.shape}.")
    return Linear(values - values.T)


def rotation(angle: float, planes: int = 1) -> Linear:
    """The rotation by ``angle`` in each of ``planes`` planes of R^(2 planes): mu = cos(angle), ell = 1, to rounding.

    Raises
    ------
    InputError
        If the angle is not finite, or ``planes`` no positive whole number.
    """
    if isinstance(planes, bool) or not isinstance(planes, (int, np.integer)) or planes < 1:
        raise InputError(f"Need planes as a whole number >= 1, got {planes!r}.")
    (turn,) = finite_array([angle], "angle", 1).tolist()
    c, s = math.cos(turn), math.sin(turn)
    return Linear(np.kron(np.eye(planes), np.array([[c, -s], [s, c]])))


def _cocoercivity(mu: float, ell: float) -> float:
    """What follows from monotonicity and Lipschitz constant alone: mu/ell^2, rounded down; 0 if mu <= 0."""
    return round_down(Fraction(mu) / Fraction(ell) ** 2) if mu > 0 and ell < math.inf else 0.0


@final
@dataclass(frozen=True, eq=False)
class Coupled(Operator):
    """f(x) = W^T(Ax - b) of LISTA; ``weights`` W and ``matrix`` A are (m, d), ``target`` b (m,).

    The constants are those of the exact product W^T A, which is not symmetric unless W fits A: its symmetric part
    has negative eigenvalues as soon as m < d and W is not A times something symmetric.
    """

    weights: Values
    matrix: Values
    target: Values
    source: ClassVar[str] = "Chen, Liu, Wang and Yin 2018"

    def __post_init__(self) -> None:
        weights, matrix = finite_array(self.weights, "weights", 2), finite_array(self.matrix, "matrix", 2)
        target = finite_array(self.target, "target", 1)
        if weights.shape != matrix.shape or target.shape != matrix.shape[:1]:
            raise InputError(
                f"Need weights and matrix of one shape (m, d) and a target (m,), got {weights.shape}, {matrix.shape} "
                f"and {target.shape} (W transposed?)."
            )
        for name, value in (("weights", weights), ("matrix", matrix), ("target", target)):
            object.__setattr__(self, name, value)

    @property
    def dimension(self) -> int:
        """d."""
        return int(self.matrix.shape[1])

    @cached_property
    def is_gradient(self) -> bool:  # type: ignore[override]
        """Whether W^T A is exactly symmetric."""
        if np.array_equal(self.weights, self.matrix):
            return True
        product = rational(self.weights).transpose() * rational(self.matrix)
        return bool(product == product.transpose())

    @cached_property
    def _product(self) -> enclosure.Enclosure:
        return enclosure.exact(self.weights).T @ enclosure.exact(self.matrix)

    @cached_property
    def lipschitz(self) -> float:
        """The norm of W^T A, certified from above."""
        return enclosure.norm_upper(self._product)

    @cached_property
    def monotonicity(self) -> float:
        """The least eigenvalue of the symmetric part of W^T A, certified from below."""
        same = np.array_equal(self.weights, self.matrix)
        return gram_eigenvalue_lower(self.matrix) if same else maps.modulus_lower(self._product)

    @cached_property
    def cocoercivity(self) -> float:
        """mu/ell^2, or 1/ell if W = A; 0 if f is not known to be monotone."""
        if np.array_equal(self.weights, self.matrix) and 0 < self.lipschitz < math.inf:
            return round_down(1 / Fraction(self.lipschitz))
        return _cocoercivity(self.monotonicity, self.lipschitz)

    def _apply(self, x: Array) -> Array:
        return matmul(self.weights.T, matmul(self.matrix, x) - along(self.target, x))

    def _jacobian(self, x: Array, v: Array) -> Array:
        return matmul(self.weights.T, matmul(self.matrix, v))

    def _adjoint(self, x: Array, v: Array) -> Array:
        return matmul(self.matrix.T, matmul(self.weights, v))


@final
@dataclass(frozen=True, eq=False)
class Saddle(Operator):
    """(x, y) -> (f(x) + K^T y, g(y) - K x): the operator of the saddle function F(x) + <Kx, y> - G(y).

    ``f`` and ``g`` are operators on R^d and R^p, gradients of F and G as a rule, and ``coupling`` K is (p, d); a point
    is x, followed by y.  With one of them, f = 0 is ``Linear(np.zeros((d, d)))``.
    """

    f: Operator
    g: Operator
    coupling: Values
    source: ClassVar[str] = "Rockafellar 1970"

    def __post_init__(self) -> None:
        if not isinstance(self.f, Operator) or not isinstance(self.g, Operator):
            raise InputError(f"Need two operators, got {type(self.f).__name__} and {type(self.g).__name__}.")
        coupling, sides = finite_array(self.coupling, "coupling", 2), (self.g.dimension, self.f.dimension)
        if coupling.shape != sides:
            raise InputError(f"Need a coupling of shape {sides} for these f and g, got {coupling.shape} (transposed?).")
        object.__setattr__(self, "coupling", coupling)

    @property
    def dimension(self) -> int:
        """d + p."""
        return self.f.dimension + self.g.dimension

    @cached_property
    def is_gradient(self) -> bool:  # type: ignore[override]
        """Whether f and g are gradients and K = 0."""
        return bool(self.f.is_gradient and self.g.is_gradient and not self.coupling.any())

    @cached_property
    def lipschitz(self) -> float:
        """The largest norm that the constants of f and g and the norm of K allow, rounded up.

        For gradients the Jacobian is a symmetric matrix times diag(I, -I), with diagonal blocks of known
        eigenvalues: its norm is at most the larger top eigenvalue of [[ell_f, |K|], [|K|, -mu_g]] and of
        [[ell_g, |K|], [|K|, -mu_f]].  In general it is at most the norm of [[ell_f, |K|], [|K|, ell_g]].
        """
        if math.inf in (self.f.lipschitz, self.g.lipschitz):
            return math.inf
        k, tops = Fraction(norm_upper(self.coupling)), [Fraction(h.lipschitz) for h in (self.f, self.g)]
        below = [-Fraction(h.monotonicity) for h in (self.g, self.f)]
        if self.f.is_gradient and self.g.is_gradient:
            return max(_top(a, b, k) for a, b in zip(tops, below, strict=True))
        return _top(tops[0], tops[1], k)

    @cached_property
    def monotonicity(self) -> float:
        """The smaller one of f and g: K does not count."""
        return min(self.f.monotonicity, self.g.monotonicity)

    @cached_property
    def cocoercivity(self) -> float:
        """The smaller one of f and g if K = 0, else mu/ell^2; 0 if f or g is not strongly monotone."""
        if not self.coupling.any():
            return min(self.f.cocoercivity, self.g.cocoercivity)
        return _cocoercivity(self.monotonicity, self.lipschitz)

    def _split(self, x: Array) -> tuple[Array, Array]:
        return x[: self.f.dimension], x[self.f.dimension :]

    def _apply(self, x: Array) -> Array:
        first, second = self._split(x)
        return np.concatenate(
            [self.f(first) + matmul(self.coupling.T, second), self.g(second) - matmul(self.coupling, first)]
        )

    def _jacobian(self, x: Array, v: Array) -> Array:
        (first, second), (v1, v2) = self._split(x), self._split(v)
        upper, lower = self.f.jacobian(first, v1), self.g.jacobian(second, v2)
        return np.concatenate([upper + self.coupling.T @ v2, lower - self.coupling @ v1])

    def _adjoint(self, x: Array, v: Array) -> Array:
        (first, second), (v1, v2) = self._split(x), self._split(v)
        upper, lower = self.f.adjoint(first, v1), self.g.adjoint(second, v2)
        return np.concatenate([upper - self.coupling.T @ v2, lower + self.coupling @ v1])


def _top(a: Fraction, b: Fraction, k: Fraction) -> float:
    """The larger eigenvalue of [[a, k], [k, b]], rounded up."""
    return round_up((a + b) / 2 + Fraction(root_up(((a - b) / 2) ** 2 + k * k)))


@final
@dataclass(frozen=True, eq=False)
class Regularised(Operator):
    """f(x) + weight (x - centre): with f = F', the gradient of F(x) + weight |x - centre|^2/2.

    ``weight`` is >= 0, ``centre`` (d,) or 0.  Ridge regression is ``Regularised(LeastSquares(A, b), weight)``.
    """

    f: Operator
    weight: float
    centre: npt.ArrayLike = 0.0
    source: ClassVar[str] = "sum of two operators"

    def __post_init__(self) -> None:
        if not isinstance(self.f, Operator):
            raise InputError(f"Need an operator, got {type(self.f).__name__}.")
        weight = float(nonnegative(self.weight, "weight", "A negative weight makes f less monotone."))
        still = np.ndim(self.centre) == 0 and self.centre == 0
        centre = finite_array(np.zeros(self.f.dimension) if still else self.centre, "centre", 1)
        if len(centre) != self.f.dimension:
            raise InputError(f"Need a centre of length {self.f.dimension} for this f, got {len(centre)}.")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "centre", centre)

    @property
    def dimension(self) -> int:
        """That of f."""
        return self.f.dimension

    @cached_property
    def is_gradient(self) -> bool:  # type: ignore[override]
        """Whether f is one."""
        return bool(self.f.is_gradient)

    @cached_property
    def lipschitz(self) -> float:
        """That of f, plus the weight, rounded up."""
        ell = self.f.lipschitz
        return round_up(Fraction(ell) + Fraction(self.weight)) if ell < math.inf else ell

    @cached_property
    def monotonicity(self) -> float:
        """That of f, plus the weight, rounded down."""
        mu = self.f.monotonicity
        return round_down(Fraction(mu) + Fraction(self.weight)) if mu > -math.inf else mu

    @cached_property
    def cocoercivity(self) -> float:
        """1/ell for a gradient that is monotone; else 1/(1/beta + weight) or mu/ell^2, whatever is larger."""
        ell, beta = self.lipschitz, self.f.cocoercivity
        if ell in (0.0, math.inf):
            return math.inf if ell == 0 else 0.0
        if self.is_gradient and self.monotonicity >= 0:
            return round_down(1 / Fraction(ell))
        found = _cocoercivity(self.monotonicity, ell)
        if beta == math.inf:
            return max(found, round_down(1 / Fraction(self.weight)))
        return max(found, round_down(1 / (1 / Fraction(beta) + Fraction(self.weight)))) if beta > 0 else found

    def potential(self, x: Array) -> Any:
        """F(x) + weight |x - centre|^2/2.

        Raises
        ------
        HypothesisError
            If f is not the gradient of a loss.
        """
        if not isinstance(self.f, (Gradient, Regularised)):
            raise HypothesisError(f"Need the gradient of a loss for a potential, got {type(self.f).__name__}.")
        x = self._checked(x)
        away = x - along(self.centre, x)
        return self.f.potential(x) + self.weight * np.sum(away * away, axis=0) / 2

    def _apply(self, x: Array) -> Array:
        return self.f(x) + self.weight * (x - along(self.centre, x))  # type: ignore[no-any-return]

    def _jacobian(self, x: Array, v: Array) -> Array:
        return self.f.jacobian(x, v) + self.weight * v

    def _adjoint(self, x: Array, v: Array) -> Array:
        return self.f.adjoint(x, v) + self.weight * v
