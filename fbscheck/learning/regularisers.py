r"""Regularisers of paths of parameters theta: [0, T] -> R^P, exact on the paths that a network of N layers can hold.

H1: (a/2) int |theta - ref|^2 + (c/2) int |theta'|^2 of the piecewise linear path through N + 1 nodes, of which layer
n takes the value at t_n; mass and stiffness matrices are exact.  Lp: a int |theta|^p of the path with N constant
pieces, one a layer, which are cell averages of finer paths; |.| is the Euclidean norm of all parameters together.

Parameters are (rows, P) arrays of nodes or pieces.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import Rounded
from fbscheck.errors import InputError
from fbscheck.inputs import finite_array, finite_number, positive
from fbscheck.limit import Piecewise

__all__ = ["H1", "Lp", "Regulariser"]

Values = npt.NDArray[np.float64]

SPREAD = 1e-2
"""Where |theta|^(p-2) has no value or none that is bounded, this share of the mean |theta|^2 is added."""


class Regulariser(ABC):
    """A convex function of paths, with a metric in which its gradients are measured."""

    @abstractmethod
    def rows(self, depth: int) -> int:
        """The number of nodes or pieces for N = ``depth`` layers."""

    @abstractmethod
    def depth(self, theta: Values) -> int:
        """N, of parameters (rows, P)."""

    @abstractmethod
    def of_layers(self, theta: Values) -> Values:
        """The parameters (N, P) that the layers take."""

    @abstractmethod
    def on_rows(self, gradient: Values) -> Values:
        """The adjoint of :meth:`of_layers`: derivatives (N, P) by layers as derivatives by rows."""

    @abstractmethod
    def __call__(self, theta: Any, horizon: Any) -> Any:
        """The value of the path; with ``Rounded`` parameters and horizon, enclosed."""

    @abstractmethod
    def of_constants(self, theta: Any, horizon: Any) -> Any:
        """The values (C,) of C constant paths (C, P), of any depth: they grow with the distance from the reference."""

    @abstractmethod
    def gradient(self, theta: Values, horizon: float) -> Values:
        """The derivatives (rows, P)."""

    @abstractmethod
    def metric(self, theta: Values, horizon: float) -> Values:
        """A positive definite tridiagonal matrix (2, rows), off-diagonal above diagonal, that acts on each column."""

    @abstractmethod
    def refined(self, theta: Values) -> Values:
        """The same path, held by twice as many layers."""

    @abstractmethod
    def coarsened(self, theta: Values, factor: int) -> Values:
        """The recovery P_N theta of a path of ``factor`` N layers: its values at nodes, or its cell averages."""

    @abstractmethod
    def curve(self, values: Values) -> Piecewise:
        """The curve through rows of values (rows, ...)."""

    def enclosure(self, theta: Values, horizon: Rounded) -> Rounded:
        """The value as a number that is certain."""
        return self(Rounded(theta), horizon)  # type: ignore[no-any-return]

    def reference_path(self, depth: int, count: int) -> Values:
        """The path (rows, P) that the regulariser prefers."""
        return np.zeros((self.rows(depth), count))


@final
@dataclass(frozen=True, eq=False)
class H1(Regulariser):
    """(a/2) int |theta - reference|^2 + (c/2) int |theta'|^2, a, c > 0; ``reference`` is a number or (P,).

    Raises
    ------
    InputError
        Unless a and c are positive and the reference is finite.
    """

    a: float
    c: float
    reference: npt.ArrayLike = 0.0

    def __post_init__(self) -> None:
        cause = "Without both terms paths are not bounded and need not converge (L^p suffices for affine families: Lp)."
        for name in ("a", "c"):
            object.__setattr__(self, name, float(positive(getattr(self, name), name, cause)))
        object.__setattr__(self, "reference", finite_array(self.reference, "reference", (0, 1)))

    def rows(self, depth: int) -> int:
        """N + 1."""
        return depth + 1

    def depth(self, theta: Values) -> int:
        """One less than there are nodes."""
        return len(theta) - 1

    def of_layers(self, theta: Values) -> Values:
        """All but the last node."""
        return theta[:-1]

    def on_rows(self, gradient: Values) -> Values:
        """With a row of zeros for the last node."""
        return np.concatenate([gradient, np.zeros_like(gradient[:1])])

    def __call__(self, theta: Any, horizon: Any) -> Any:
        """The value: on a piece from u to v, int |.|^2 is h (|u|^2 + u.v + |v|^2)/3, and int |.'|^2 is |v - u|^2/h."""
        away = theta - self.reference
        left, right = away[:-1], away[1:]
        step = horizon / (len(theta) - 1)
        mass = (left * left + left * right + right * right).sum(0).sum(0) * step / 3
        return mass * (self.a / 2) + self.seminorm(theta, horizon) * (self.c / 2)

    def of_constants(self, theta: Any, horizon: Any) -> Any:
        """(a/2) T |theta - reference|^2."""
        away = theta - self.reference
        return (away * away).sum(1) * horizon * (self.a / 2)

    def seminorm(self, theta: Any, horizon: Any) -> Any:
        """int |theta'|^2; what nodal interpolation never increases."""
        change = theta[1:] - theta[:-1]
        return (change * change).sum(0).sum(0) * (len(theta) - 1) / horizon

    def gradient(self, theta: Values, horizon: float) -> Values:
        """The derivatives (rows, P)."""
        off, diagonal = self.metric(theta, horizon)
        away = theta - np.asarray(self.reference, dtype=np.float64)
        product: Values = diagonal[:, None] * away
        product[1:] += off[1:, None] * away[:-1]
        product[:-1] += off[1:, None] * away[1:]
        return product

    def metric(self, theta: Values, horizon: float) -> Values:
        """a times the mass matrix plus c times the stiffness matrix."""
        rows, h = len(theta), horizon / (len(theta) - 1)
        ends = np.ones(rows)
        ends[[0, -1]] = 0.5
        return np.stack([np.full(rows, self.a * h / 6 - self.c / h), 2 * ends * (self.a * h / 3 + self.c / h)])

    def refined(self, theta: Values) -> Values:
        """With nodes in the middle of each piece."""
        fine = np.empty((2 * len(theta) - 1, theta.shape[1]))
        fine[::2], fine[1::2] = theta, (theta[:-1] + theta[1:]) / 2
        return fine

    def coarsened(self, theta: Values, factor: int) -> Values:
        """Every ``factor``-th node."""
        _divides(self.depth(theta), factor)
        return theta[::factor]

    def curve(self, values: Values) -> Piecewise:
        """Straight lines between the values."""
        return Piecewise.lines(values)

    def reference_path(self, depth: int, count: int) -> Values:
        """The reference at all nodes."""
        return np.array(np.broadcast_to(np.asarray(self.reference), (self.rows(depth), count)))


@final
@dataclass(frozen=True, eq=False)
class Lp(Regulariser):
    """a int |theta|^p, a > 0, 1 < p < inf; p = 1 has a value, but no metric to train in.

    Raises
    ------
    InputError
        Unless a > 0 and p >= 1.
    """

    a: float
    p: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", float(positive(self.a, "a", "Without it a minimiser need not exist.")))
        p = finite_number(self.p, "p")
        if p < 1:
            raise InputError(f"Need p >= 1, got p={p}: below, the penalty is not convex.")
        object.__setattr__(self, "p", float(p))

    def rows(self, depth: int) -> int:
        """N."""
        return depth

    def depth(self, theta: Values) -> int:
        """As many as there are pieces."""
        return len(theta)

    def of_layers(self, theta: Values) -> Values:
        """All pieces."""
        return theta

    def on_rows(self, gradient: Values) -> Values:
        """The same derivatives."""
        return gradient

    def __call__(self, theta: Any, horizon: Any) -> Any:
        """a h times the sum of |theta_n|^p."""
        squares = (theta * theta).sum(1)
        return _power(squares, self.p).sum(0) * (horizon / len(theta)) * self.a

    def of_constants(self, theta: Any, horizon: Any) -> Any:
        """a T |theta|^p."""
        return _power((theta * theta).sum(1), self.p) * horizon * self.a

    def gradient(self, theta: Values, horizon: float) -> Values:
        """The derivatives (rows, P); 0 where theta_n = 0."""
        squares = np.sum(theta**2, axis=1)
        with np.errstate(divide="ignore"):
            slopes = np.where(squares > 0, squares ** (self.p / 2 - 1), 0.0)
        return (self.a * self.p * horizon / len(theta)) * slopes[:, None] * theta

    def metric(self, theta: Values, horizon: float) -> Values:
        """The part |theta|^(p-2) of the second derivative, kept off 0 and bounded; diagonal.

        Raises
        ------
        InputError
            If p = 1.
        """
        if self.p == 1:
            raise InputError("Need p > 1 to train, got p=1: in the limit a minimiser need not exist.")
        mean = float(np.mean(np.sum(theta**2, axis=1))) or 1.0
        squares = np.sum(theta**2, axis=1) + SPREAD * mean
        diagonal = self.a * self.p * horizon / len(theta) * squares ** (self.p / 2 - 1)
        return np.stack([np.zeros(len(theta)), diagonal])

    def refined(self, theta: Values) -> Values:
        """Each piece twice."""
        return np.repeat(theta, 2, axis=0)

    def coarsened(self, theta: Values, factor: int) -> Values:
        """The means of ``factor`` pieces each."""
        _divides(len(theta), factor)
        return np.asarray(theta.reshape(-1, factor, theta.shape[1]).mean(axis=1))

    def curve(self, values: Values) -> Piecewise:
        """The values, a piece each."""
        return Piecewise.steps(values)


def _power(squares: Any, p: float) -> Any:
    """squares^(p/2); an enclosed power needs p to be an integer."""
    if not isinstance(squares, Rounded):
        return squares ** (p / 2)
    if p != int(p):
        raise InputError(f"Need an integer p for a certificate, got p={p}.")
    power = np.sqrt(squares) if int(p) % 2 else Rounded(np.ones(squares.shape))
    for _ in range(int(p) // 2):
        power = power * squares
    return power


def _divides(depth: int, factor: int) -> None:
    if factor < 1 or depth % factor:
        raise InputError(f"Need a factor that divides the depth, got {factor} and {depth}.")
