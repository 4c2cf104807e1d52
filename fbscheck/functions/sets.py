"""Half-spaces, hyperplanes, affine sets and the distance to a set.

Sources: Bauschke and Combettes 2017, examples 29.18 to 29.20; Beck 2017, section 6.8 (distances).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import absolute, exact, is_ball, matmul, maximum, norm
from fbscheck.errors import InputError
from fbscheck.functions.base import MEMBERSHIP, Function, indicator
from fbscheck.inputs import Array, finite_array, finite_number, positive
from fbscheck.points import along

__all__ = ["AffineSet", "Distance", "Halfspace", "Hyperplane", "SquaredDistance"]


def _normal(value: Any) -> npt.NDArray[np.float64]:
    normal = finite_array(value, "normal", 1)
    if not normal.any():
        raise InputError(f"Need a normal other than zero, got {len(normal)} zeros.")
    return normal


class _Flat(Function):
    """A set bounded by one hyperplane {<normal, x> = offset}."""

    is_indicator: ClassVar[bool] = True
    normal: npt.NDArray[np.float64]
    offset: float

    @property
    def dimension(self) -> int:
        """The length of the normal."""
        return len(self.normal)

    def _excess(self, x: Array) -> Any:
        """<normal, x> - offset."""
        return np.sum(along(self.normal, x) * x, axis=0) - self.offset

    def _scale(self, x: Array) -> Any:
        """What the rounding of the excess is relative to."""
        return np.sum(np.abs(along(self.normal, x) * x), axis=0) + abs(self.offset) if not is_ball(x) else 0.0

    def _along(self, amount: Any, x: Array) -> Array:
        """``amount`` / |normal|^2 times the normal."""
        normal = along(self.normal, x)
        square = np.sum(exact(self.normal) * exact(self.normal)) if is_ball(x) else float(self.normal @ self.normal)
        return normal * (amount / square)  # type: ignore[no-any-return]


@final
@dataclass(frozen=True, eq=False)
class Hyperplane(_Flat):
    """The indicator of {<normal, x> = offset}; ``normal`` (d,)."""

    normal: npt.NDArray[np.float64]
    offset: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "normal", _normal(self.normal))
        object.__setattr__(self, "offset", float(finite_number(self.offset, "offset")))

    def _value(self, x: Array) -> Any:
        return indicator(np.asarray(np.abs(self._excess(x)))[None], self._scale(x))

    def _prox(self, u: Array, step: Any) -> Array:
        return u - self._along(self._excess(u), u)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return v - self._along(np.sum(along(self.normal, v) * v, axis=0), v)

    def _conjugate(self, s: Array) -> Any:
        share = self._along(np.sum(along(self.normal, s) * s, axis=0), s)
        size = 0.0 if is_ball(s) else np.max(np.abs(s), axis=0)
        multiple = np.sum(share * along(self.normal, s), axis=0)
        square = np.sum(exact(self.normal) * exact(self.normal)) if is_ball(s) else float(self.normal @ self.normal)
        return indicator(absolute(s - share), size) + self.offset * (multiple / square)

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self._along(np.sum(along(self.normal, near) * near, axis=0), near)


@final
@dataclass(frozen=True, eq=False)
class Halfspace(_Flat):
    """The indicator of {<normal, x> <= offset}; ``normal`` (d,)."""

    normal: npt.NDArray[np.float64]
    offset: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "normal", _normal(self.normal))
        object.__setattr__(self, "offset", float(finite_number(self.offset, "offset")))

    def _value(self, x: Array) -> Any:
        return indicator(np.asarray(self._excess(x))[None], self._scale(x))

    def _prox(self, u: Array, step: Any) -> Array:
        return u - self._along(maximum(np.asarray(self._excess(u)), 0.0), u)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return np.where(self._excess(u) > 0, Hyperplane(self.normal)._prox_jacobian(u, step, v), v)

    def _conjugate(self, s: Array) -> Any:
        inward = -np.sum(along(self.normal, s) * s, axis=0)
        return Hyperplane(self.normal, self.offset)._conjugate(s) + indicator(np.asarray(inward)[None])

    def _subgradient(self, x: Array, near: Array) -> Array:
        outward = np.maximum(np.sum(along(self.normal, near) * near, axis=0), 0.0)
        on_plane = self._excess(x) >= -MEMBERSHIP * self._scale(x)
        return np.where(on_plane, self._along(outward, near), 0.0)


@final
@dataclass(frozen=True, eq=False)
class AffineSet(Function):
    """The indicator of {A x = b}; ``matrix`` A (m, d) with linearly independent rows, ``target`` b (m,)."""

    matrix: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    is_indicator: ClassVar[bool] = True

    def __post_init__(self) -> None:
        matrix, target = finite_array(self.matrix, "matrix", 2), finite_array(self.target, "target", 1)
        if len(matrix) != len(target):
            raise InputError(f"Need a target of length {len(matrix)} for a matrix {matrix.shape}, got {len(target)}.")
        if np.linalg.matrix_rank(matrix) < len(matrix):
            raise InputError(
                f"Need linearly independent rows, got rank {np.linalg.matrix_rank(matrix)} of {len(matrix)}."
            )
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "target", target)

    @property
    def dimension(self) -> int:
        """The number of columns of the matrix."""
        return self.matrix.shape[1]  # type: ignore[no-any-return]

    @cached_property
    def _inverse(self) -> npt.NDArray[np.float64]:
        """The pseudoinverse (d, m) in float64."""
        return np.linalg.pinv(self.matrix)  # type: ignore[return-value]

    def _multiplier(self, residual: Array) -> Array:
        """(A A^T)^{-1} applied to (m,) or (m, S)."""
        if not is_ball(residual):
            return self._inverse.T @ (self._inverse @ residual)
        gram = flint.arb_mat(self.matrix.tolist()) * flint.arb_mat(self.matrix.T.tolist())
        solved = np.empty(residual.size, dtype=object)
        solved[:] = gram.solve(flint.arb_mat(residual.reshape(len(residual), -1).tolist())).entries()
        return solved.reshape(residual.shape)

    def _value(self, x: Array) -> Any:
        residual = matmul(self.matrix, x) - along(self.target, x)
        size = 0.0 if is_ball(x) else np.max(np.abs(self.matrix) @ np.abs(x), axis=0) + np.max(np.abs(self.target))
        return indicator(absolute(residual), size)

    def _prox(self, u: Array, step: Any) -> Array:
        residual = matmul(self.matrix, u) - along(self.target, u)
        if is_ball(u):
            return u - matmul(self.matrix.T, self._multiplier(residual))
        p = u - self._inverse @ residual
        return p - self._inverse @ (self.matrix @ p - along(self.target, u))  # type: ignore[no-any-return]

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        basis = self._rows
        return v - basis @ (basis.T @ v)

    @cached_property
    def _rows(self) -> npt.NDArray[np.float64]:
        """An orthonormal basis (d, m) of the space of the rows."""
        return np.linalg.qr(self.matrix.T)[0]

    def _conjugate(self, s: Array) -> Any:
        multiplier = self._multiplier(matmul(self.matrix, s))
        size = 0.0 if is_ball(s) else np.max(np.abs(s), axis=0)
        beside = absolute(s - matmul(self.matrix.T, multiplier))
        return indicator(beside, size) + np.sum(along(self.target, s) * multiplier, axis=0)

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self._rows @ (self._rows.T @ near)


def _indicator_of(value: Any) -> Function:
    if not isinstance(value, Function) or not value.is_indicator:
        raise InputError(f"Need the indicator of a set, such as Box(-1, 1), got {type(value).__name__}.")
    return value


class _OfDistance(Function):
    """A function of the distance to the set of the indicator ``of``."""

    of: Function
    weight: float

    @property
    def dimension(self) -> int | None:
        """That of the set."""
        return self.of.dimension

    def _checked(self, x: Array, name: str) -> Array:
        if is_ball(x) and not self.of.enclosed:
            self.of._checked(x, name)
        return super()._checked(x, name)

    def _offset(self, x: Array) -> tuple[Array, Any]:
        """x - P(x) and its length."""
        away = x - self.of._prox(x, 1.0)
        return away, norm(away)


@final
@dataclass(frozen=True, eq=False)
class Distance(_OfDistance):
    """g(x) = weight times the distance of x to a set, given by its indicator ``of``.

    The prox moves x towards its projection by ``step * weight``, stopping there.
    """

    of: Function
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", _indicator_of(self.of))
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    @property
    def lipschitz(self) -> float:
        """The weight."""
        return self.weight

    def _value(self, x: Array) -> Any:
        return self.weight * self._offset(x)[1]

    def _prox(self, u: Array, step: Any) -> Array:
        away, distance = self._offset(u)
        return u - away / maximum(1.0, np.asarray(distance / (step * self.weight)))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        away, distance = self._offset(u)
        projected = self.of._prox_jacobian(u, 1.0, v)
        far = distance > step * self.weight
        safe = np.where(far, distance, 1.0)
        share, normal = step * self.weight / safe, away / safe
        sideways = v - projected - normal * np.sum(normal * v, axis=0)
        return np.where(far, v - share * sideways, projected)

    def _conjugate(self, s: Array) -> Any:
        return self.of._conjugate(s) + indicator(np.asarray(norm(s) - self.weight)[None], self.weight)

    def _subgradient(self, x: Array, near: Array) -> Array:
        away, distance = self._offset(x)
        outside = distance > MEMBERSHIP * (1 + norm(x))
        inside = self.of._subgradient(x, near)
        inside = inside / np.maximum(1.0, norm(inside) / self.weight)
        return np.where(outside, self.weight * away / np.where(outside, distance, 1.0), inside)


@final
@dataclass(frozen=True, eq=False)
class SquaredDistance(_OfDistance):
    """g(x) = weight times half the squared distance of x to a set, given by its indicator ``of``.

    The prox is an average of x and its projection.
    """

    of: Function
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", _indicator_of(self.of))
        object.__setattr__(self, "weight", float(positive(self.weight, "weight", "Use Zero() for no regularisation.")))

    def _value(self, x: Array) -> Any:
        away = x - self.of._prox(x, 1.0)
        return self.weight * np.sum(away * away, axis=0) / 2

    def _prox(self, u: Array, step: Any) -> Array:
        strength = step * self.weight
        return u - (u - self.of._prox(u, 1.0)) * (strength / (1 + strength))  # type: ignore[no-any-return]

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        strength = step * self.weight
        return v - (v - self.of._prox_jacobian(u, 1.0, v)) * (strength / (1 + strength))

    def _conjugate(self, s: Array) -> Any:
        return self.of._conjugate(s) + np.sum(s * s, axis=0) / (2 * self.weight)

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self.weight * (x - self.of._prox(x, 1.0))
