"""What every convex function offers, and how its input is checked.

Points are (d,) arrays, or (d, S) arrays that hold S samples as columns; values are a float or
an (S,) array.  A parameter of shape (d,) belongs to the coordinates.  A formula of this folder is
written once over the operations of :mod:`fbscheck.certify.balls`, so that it runs on float64 arrays
and, for a certificate, on arrays of balls.  Functions that need a solver or a decomposition which
knows float64 alone say so by ``enclosed`` and refuse balls.
"""

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, is_ball, maximum, root_up
from fbscheck.certify.rounded import Rounded
from fbscheck.errors import InputError
from fbscheck.inputs import Array, Number, positive
from fbscheck.points import points

__all__ = ["Function", "indicator", "norm_bound", "operand", "outside"]

MEMBERSHIP = 1e-12
"""How far outside a set, relative to its size, a float64 point still counts as inside (rounding of
a projection).  Sets without a size, and balls, get no allowance."""

STEP = "A proximal step is a length; a gradient-descent sign or a zero default?"


def indicator(violation: Array, size: Any = 0.0) -> Any:
    """Sum over coordinates of 0 where ``violation`` <= 0 and inf elsewhere.

    Float64 allows a violation of ``MEMBERSHIP`` times ``size``; an enclosed number must certainly not exceed 0.
    """
    if isinstance(violation, Rounded):
        return np.sum(np.where(violation.upper <= 0, 0.0, np.inf), axis=0)
    if is_ball(violation):
        outside = np.frompyfunc(lambda v: 0 if v <= 0 else np.inf, 1, 1)(violation)
        return np.sum(outside, axis=0)
    return np.sum(np.where(violation <= MEMBERSHIP * size, 0.0, np.inf), axis=0)


class Function(ABC):
    """A proper, convex, lower semicontinuous function g on R^d.

    Subclasses give ``_value``, ``_prox``, ``_prox_jacobian``, ``_conjugate`` and ``_subgradient``; the
    public methods check the input first.
    """

    separable: ClassVar[bool] = False
    """Whether g is a sum of functions of one coordinate each."""
    is_indicator: ClassVar[bool] = False
    """Whether g is 0 on a set and inf elsewhere."""
    enclosed: ClassVar[bool] = True
    """Whether value, prox, conjugate and envelope take balls, so that certificates may rest on them."""
    accuracy: ClassVar[float] = 0.0
    """What an inner solver promises: |prox - exact| <= accuracy * (1 + |u| + |prox|); 0: a formula."""

    @property
    def strong_convexity(self) -> float:
        """The largest promised sigma >= 0 for which g - sigma |x|^2 / 2 is convex."""
        return 0.0

    @property
    def lipschitz(self) -> float | None:
        """A Lipschitz constant of g that holds in every dimension; None: nothing is promised."""
        return None

    @property
    def dimension(self) -> int | None:
        """The d that the parameters of g fix, or None if g lives in every dimension."""
        return None

    def __call__(self, x: Array) -> Any:
        """g(x), inf outside the domain; (d,) gives a float, (d, S) an (S,) array.

        Raises
        ------
        InputError
            If ``x`` has the wrong shape or holds NaN or inf.
        """
        x = self._checked(x, "x")
        with np.errstate(over="ignore"):
            value = self._value(x)
        return float(value) if np.ndim(value) == 0 and not is_ball(value) else value

    def prox(self, u: Array, step: Number) -> Array:
        """The proximal map ``argmin_y g(y) + |y - u|^2 / (2 step)``, same shape as ``u``.

        Raises
        ------
        InputError
            If ``step`` is not finite and positive, or ``u`` has the wrong shape or holds NaN or inf.
        """
        step = positive(step, "step", STEP)
        u = self._checked(u, "u")
        with np.errstate(over="ignore", under="ignore"):
            return self._prox(u, operand(step, u))

    def prox_jacobian(self, u: Array, step: Number, v: Array) -> Array:
        """An element J of the Clarke Jacobian of ``prox(., step)`` at ``u``, applied to ``v`` (float64).

        J is symmetric with eigenvalues in [0, 1 / (1 + step * strong_convexity)], so that forward and
        adjoint derivatives use the same action.  Where the prox is differentiable, J is its derivative;
        elsewhere it is the limit from one of the sides.

        Raises
        ------
        InputError
            If ``step`` is not finite and positive, or ``u`` and ``v`` have different shapes, or hold NaN or inf.
        """
        step = positive(step, "step", STEP)
        u, v = self._pair(u, "u", v, "v")
        with np.errstate(over="ignore", under="ignore"):
            return self._prox_jacobian(u, float(step), v)

    def conjugate(self, s: Array) -> Any:
        """The convex conjugate ``sup_x <s, x> - g(x)``, inf outside its domain."""
        s = self._checked(s, "s")
        with np.errstate(over="ignore"):
            value = self._conjugate(s)
        return float(value) if np.ndim(value) == 0 and not is_ball(value) else value

    def subgradient(self, x: Array, near: Array) -> Array:
        """The element of the subdifferential of g at ``x`` that is nearest to ``near`` (float64).

        Raises
        ------
        InputError
            If ``x`` and ``near`` have different shapes, or hold NaN or inf.
        """
        x, near = self._pair(x, "x", near, "near")
        with np.errstate(over="ignore"):
            return self._subgradient(x, near)

    def envelope(self, u: Array, step: Number) -> Any:
        """The Moreau envelope ``min_y g(y) + |y - u|^2 / (2 step)``."""
        step = positive(step, "step", STEP)
        u = self._checked(u, "u")
        with np.errstate(over="ignore", under="ignore"):
            return self._envelope(u, operand(step, u))

    def _envelope(self, u: Array, step: Any) -> Any:
        p = self._prox(u, step)
        distance = np.sum((p - u) * (p - u), axis=0) / (2 * step)
        return distance if self.is_indicator else self._value(p) + distance

    def _checked(self, x: Array, name: str) -> Array:
        x = points(x, name)
        if self.dimension is not None and len(x) != self.dimension:
            want = "(d,) or (d, S)" if self.dimension is None else f"({self.dimension},) or ({self.dimension}, S)"
            raise InputError(f"Need {name} of shape {want} for {type(self).__name__}, got {x.shape} (transposed?).")
        if is_ball(x) and not self.enclosed:
            raise InputError(
                f"Need a function that can be evaluated in ball arithmetic, got {type(self).__name__}, "
                "which is computed in float64 alone (a certificate cannot rest on it)."
            )
        return x

    def _pair(self, x: Array, name: str, y: Array, other: str) -> tuple[Array, Array]:
        x, y = self._checked(x, name), self._checked(y, other)
        if x.shape != y.shape:
            raise InputError(f"Need {name} and {other} of one shape, got {x.shape} and {y.shape}.")
        return x, y

    @abstractmethod
    def _value(self, x: Array) -> Any: ...

    @abstractmethod
    def _prox(self, u: Array, step: Any) -> Array: ...

    @abstractmethod
    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array: ...

    @abstractmethod
    def _conjugate(self, s: Array) -> Any: ...

    @abstractmethod
    def _subgradient(self, x: Array, near: Array) -> Array: ...


def operand(number: Number, x: Array) -> Any:
    """A number in the arithmetic of ``x``: a Fraction keeps its value among balls."""
    return ball(number) if is_ball(x) else float(number)


def outside(x: Array, low: Any, high: Any) -> Array:
    """How far each coordinate of ``x`` is outside [low, high]; <= 0 inside."""
    return maximum(x - high, low - x)


def norm_bound(vector: npt.NDArray[np.float64]) -> float:
    """The Euclidean norm of a float64 vector, rounded up."""
    return root_up(sum((Fraction(t) ** 2 for t in vector.tolist()), Fraction(0)))
