r"""What is trained: families of layers, as maps from parameters theta_n (P,) to K_n, L_n and the weight of r.

The parameters of all layers are (N, P), those of the matrices first and the weight lambda last, where it is trained.
Every family but the tied one is linear in theta, so that a straight path of parameters is a straight path of layers.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import Rounded, matmul, norm_lower, norm_upper
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import Number, finite_array, nonnegative

__all__ = ["Alista", "Family", "Free", "ListaCp", "Tied"]

Values = npt.NDArray[np.float64]
Parts = tuple[Values, Values, Values]


class Family(ABC):
    """A map from parameters to layers; ``weight`` is that of ``r``, or None where it is trained."""

    r: Function
    weight: Number | None

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(d, m)."""

    @property
    @abstractmethod
    def matrix_count(self) -> int:
        """How many of the parameters belong to K and L."""

    @property
    def linear(self) -> bool:
        """Whether K and L depend linearly on theta."""
        return True

    @property
    def count(self) -> int:
        """P."""
        return self.matrix_count + (self.weight is None)

    @property
    def lower(self) -> Values:
        """Lower bounds (P,) of the parameters: 0 for a weight, -inf where there is none."""
        bounds = np.full(self.count, -np.inf)
        bounds[self.matrix_count :] = 0.0
        return bounds

    def layers(self, theta: Values) -> Parts:
        """K (N, d, d), L (N, d, m) and weights (N,) of parameters (N, P)."""
        K, L = self._matrices(theta[:, : self.matrix_count])
        fixed = 0.0 if self.weight is None else float(self.weight)
        return K, L, theta[:, -1] if self.weight is None else np.full(len(theta), fixed)

    def pull(self, theta: Values, dK: Values, dL: Values, dweights: Values) -> Values:
        """The derivative (N, P) by theta of a function whose derivatives by K, L and the weights are given."""
        part = self._pull(theta[:, : self.matrix_count], dK, dL)
        return np.concatenate([part, dweights[:, None]], axis=1) if self.weight is None else part

    @abstractmethod
    def _matrices(self, q: Values) -> tuple[Values, Values]: ...

    @abstractmethod
    def _pull(self, q: Values, dK: Values, dL: Values) -> Values: ...


@final
@dataclass(frozen=True, eq=False)
class Free(Family):
    """K (d, d) and L (d, m) free: theta is their entries, row after row.

    Raises
    ------
    InputError
        As for every family: if a size is no positive integer, the function is none or does not fit, a weight is
        negative, or a matrix is not finite.
    """

    dimension: int
    observations: int
    r: Function
    weight: Number | None = None

    def __post_init__(self) -> None:
        _check(self, self.dimension, self.observations)

    @property
    def shape(self) -> tuple[int, int]:
        """(d, m)."""
        return self.dimension, self.observations

    @property
    def matrix_count(self) -> int:
        """d^2 + dm."""
        return self.dimension * (self.dimension + self.observations)

    def parameters(self, K: npt.ArrayLike, L: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Values:
        """Parameters (N, P) of K (N, d, d), L (N, d, m) and, where they are trained, weights (N,)."""
        d, m = self.shape
        parts = [finite_array(K, "K", 3).reshape(-1, d * d), finite_array(L, "L", 3).reshape(-1, d * m)]
        if weights is not None:
            parts.append(finite_array(weights, "weights", 1)[:, None])
        return np.concatenate(parts, axis=1)

    def _matrices(self, q: Values) -> tuple[Values, Values]:
        d, m = self.shape
        return q[:, : d * d].reshape(-1, d, d), q[:, d * d :].reshape(-1, d, m)

    def _pull(self, q: Values, dK: Values, dL: Values) -> Values:
        return np.concatenate([dK.reshape(len(q), -1), dL.reshape(len(q), -1)], axis=1)


@final
@dataclass(frozen=True, eq=False)
class Alista(Family):
    """K = gamma W^T A and L = gamma W^T with fixed A and W (m, d); theta is gamma >= 0."""

    A: npt.ArrayLike
    W: npt.ArrayLike
    r: Function
    weight: Number | None = None

    def __post_init__(self) -> None:
        A, W = finite_array(self.A, "A", 2), finite_array(self.W, "W", 2)
        if A.shape != W.shape:
            raise InputError(f"Need W of the shape of A, got {W.shape} and {A.shape} (transposed?).")
        object.__setattr__(self, "A", A)
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "_product", W.T @ A)
        _check(self, *A.shape[::-1])

    @property
    def shape(self) -> tuple[int, int]:
        """(d, m)."""
        rows, columns = np.shape(self.A)
        return columns, rows

    @property
    def matrix_count(self) -> int:
        """1."""
        return 1

    @property
    def cancels(self) -> bool:
        """Whether W^T A, which is taken for exact in float64, may be off by more than 1e-9 of its norm."""
        A, W = np.asarray(self.A), np.asarray(self.W)
        error = matmul(W.T, Rounded(A)).error
        size = norm_upper(norm_upper(error, 0), 0)
        return not size <= 1e-9 * float(norm_lower(self._product.ravel(), 0))  # type: ignore[attr-defined]

    @property
    def lower(self) -> Values:
        """Zeros: gamma >= 0 and the weight >= 0."""
        return np.zeros(self.count)

    def _matrices(self, q: Values) -> tuple[Values, Values]:
        scale = q[:, :, None]
        return scale * self._product, scale * np.asarray(self.W).T  # type: ignore[attr-defined]

    def _pull(self, q: Values, dK: Values, dL: Values) -> Values:
        product: Values = self._product  # type: ignore[attr-defined]
        total = np.tensordot(dK, product, 2) + np.tensordot(dL, np.asarray(self.W).T, 2)
        return np.asarray(total)[:, None]


@final
@dataclass(frozen=True, eq=False)
class ListaCp(Family):
    """K = W^T A and L = W^T with A (m, d) fixed; theta is the entries of W (m, d), row after row."""

    A: npt.ArrayLike
    r: Function
    weight: Number | None = None

    def __post_init__(self) -> None:
        A = finite_array(self.A, "A", 2)
        object.__setattr__(self, "A", A)
        _check(self, *A.shape[::-1])

    @property
    def shape(self) -> tuple[int, int]:
        """(d, m)."""
        rows, columns = np.shape(self.A)
        return columns, rows

    @property
    def matrix_count(self) -> int:
        """dm."""
        return int(np.size(self.A))

    def _matrices(self, q: Values) -> tuple[Values, Values]:
        transposed = _transposed(q, self.shape)
        return transposed @ np.asarray(self.A), transposed

    def _pull(self, q: Values, dK: Values, dL: Values) -> Values:
        return np.asarray(np.swapaxes(dK @ np.asarray(self.A).T + dL, 1, 2).reshape(len(q), -1))


@final
@dataclass(frozen=True, eq=False)
class Tied(Family):
    """K = A^T A and L = A^T; theta is the entries of A (m, d), row after row.

    The family is not affine, and training it in L^p has no minimiser in the limit: a negative control.
    """

    dimension: int
    observations: int
    r: Function
    weight: Number | None = None

    def __post_init__(self) -> None:
        _check(self, self.dimension, self.observations)

    @property
    def shape(self) -> tuple[int, int]:
        """(d, m)."""
        return self.dimension, self.observations

    @property
    def matrix_count(self) -> int:
        """dm."""
        return self.dimension * self.observations

    @property
    def linear(self) -> bool:
        """False."""
        return False

    def _matrices(self, q: Values) -> tuple[Values, Values]:
        transposed = _transposed(q, self.shape)
        return transposed @ np.swapaxes(transposed, 1, 2), transposed

    def _pull(self, q: Values, dK: Values, dL: Values) -> Values:
        A = np.swapaxes(_transposed(q, self.shape), 1, 2)
        return np.asarray((A @ (dK + np.swapaxes(dK, 1, 2)) + np.swapaxes(dL, 1, 2)).reshape(len(q), -1))


def _transposed(q: Values, shape: tuple[int, int]) -> Values:
    """(N, d, m) of matrices (m, d) written row after row."""
    return np.swapaxes(q.reshape(-1, shape[1], shape[0]), 1, 2)


def _check(family: Family, dimension: int, observations: int) -> None:
    for name, size in (("dimension", dimension), ("observations", observations)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise InputError(f"Need a positive integer for {name}, got {size!r:.40}.")
    if not isinstance(family.r, Function):
        raise InputError(f"Need r as a Function, got {type(family.r).__name__}.")
    if family.r.dimension not in (None, dimension):
        raise InputError(f"Need a function r on R^{dimension}, got one on R^{family.r.dimension}.")
    if family.weight is None and family.r.is_indicator:
        raise InputError("Need a fixed weight, for instance weight=1, with an indicator: its weight changes nothing.")
    if family.weight is not None:
        nonnegative(family.weight, "weight", "A negative weight is not convex.")
