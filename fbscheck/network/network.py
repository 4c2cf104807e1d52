"""The basic network of forward-backward splitting: forward pass, derivatives, bounds.

Layer n = 0..N-1 is ``x_{n+1} = prox_{h g_n}(x_n - h(K_n x_n - L_n b))``, g_n = weights_n r, h = T/N: a step of the
inclusion ``x' in -(K(t)x - L(t)b) - dg(t, x)`` on [0, T].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import exact, is_ball, matmul
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import Array, Number, finite_array, nonnegative, positive
from fbscheck.network.bounds import state_bounds
from fbscheck.network.bracket import lipschitz_bracket, local_bracket
from fbscheck.network.layers import Layers, Values, matrices
from fbscheck.network.local import soft_threshold
from fbscheck.network.parameters import from_lista, to_lista
from fbscheck.network.region import Region
from fbscheck.network.riccati import Input
from fbscheck.network.trajectory import Trajectory
from fbscheck.points import points
from fbscheck.verdict import Bracket

__all__ = ["Network"]


@final
@dataclass(frozen=True, eq=False, init=False)
class Network:
    """N layers with K (N, d, d), L (N, d, m), weights (N,) >= 0, a convex function r, and a horizon T > 0.

    What defines the network are the float64 matrices ``layers.transitions`` W_n = fl(I - hK_n) and
    ``layers.injections`` U_n = fl(hL_n), and ``steps`` s_n = fl(h weights_n): layer n maps (x, b) to
    ``r.prox(W_n x + U_n b, s_n)``, the identity in place of the prox where s_n = 0.  Every bound is about exactly
    this map.  ``r`` may also be N functions, one a layer.  States are (d,), observations (m,), or (d, S) and
    (m, S) with samples as columns; float64 or balls.

    Raises
    ------
    InputError
        If shapes do not fit, an entry is not finite, a weight is negative or the horizon is not positive.

    >>> from fbscheck.functions import L1
    >>> net = Network(np.ones((2, 1, 1)), np.ones((2, 1, 1)), np.ones(2), L1(1.0), horizon=1.0)
    >>> net(np.array([0.0]), np.array([2.0]))
    array([0.75])
    """

    layers: Layers
    steps: Values
    functions: tuple[Function, ...]
    horizon: Number

    def __init__(
        self,
        K: npt.ArrayLike,
        L: npt.ArrayLike,
        weights: npt.ArrayLike,
        r: Function | Sequence[Function],
        horizon: Number,
    ) -> None:
        horizon = positive(horizon, "horizon", "It is the time T = hN that the layers take.")
        K = matrices(K, "K")
        injections, transitions, steps = to_lista(K, L, weights, Fraction(horizon) / len(K))
        self._set(transitions, injections, steps, r, horizon)

    @classmethod
    def of_layers(
        cls,
        transitions: npt.ArrayLike,
        injections: npt.ArrayLike,
        steps: npt.ArrayLike,
        r: Function | Sequence[Function],
        horizon: Number,
    ) -> "Network":
        """The network with these W_n (N, d, d), U_n (N, d, m) and s_n (N,), kept bit for bit."""
        network = cls.__new__(cls)
        horizon = positive(horizon, "horizon", "It is the time T = hN that the layers take.")
        network._set(transitions, injections, steps, r, horizon)
        return network

    def _set(
        self,
        transitions: npt.ArrayLike,
        injections: npt.ArrayLike,
        steps: npt.ArrayLike,
        r: Function | Sequence[Function],
        horizon: Number,
    ) -> None:
        layers = Layers(np.asarray(transitions), np.asarray(injections))
        steps, functions = finite_array(steps, "weights", 1), _one_each(r, layers)
        if len(steps) != layers.depth:
            raise InputError(f"Need one weight a layer, got {len(steps)} for {layers.depth} layers.")
        if (steps < 0).any():
            raise InputError(f"Need weights >= 0, got {steps.min():g} (trained without a constraint?).")
        product = steps * [g.strong_convexity for g in functions]
        rho = np.maximum(np.nextafter(product, -np.inf), 0.0)
        layers = replace(layers, separable=all(g.separable for g in functions), strong_convexity=rho)
        for name, value in (("layers", layers), ("steps", steps), ("functions", functions), ("horizon", horizon)):
            object.__setattr__(self, name, value)

    @property
    def depth(self) -> int:
        """N, the number of layers."""
        return self.layers.depth

    @property
    def step(self) -> float:
        """h = T/N, rounded to the nearest."""
        return float(Fraction(self.horizon) / self.depth)

    @property
    def parameters(self) -> tuple[Values, Values, Values]:
        """(K, L, weights) of the layers: (I - W_n)/h, U_n/h, s_n/h; see :mod:`fbscheck.network.parameters`."""
        return from_lista(self.layers.injections, self.layers.transitions, self.steps, self.step)

    def __call__(self, x0: Array, b: Array) -> Array:
        """x_N of x_0 and b; one of them may be a single vector where the other holds samples.

        Raises
        ------
        InputError
            If shapes do not fit, an entry is NaN or inf, or a state leaves the range of float64.
        """
        x, b = self._inputs(x0, b)
        for n in range(self.depth):
            x = self._prox(n, self._argument(n, x, b))
        return x

    def trajectory(self, x0: Array, b: Array) -> Trajectory:
        """All states, with the subgradients xi_{n+1} = (W_n x_n + U_n b - x_{n+1})/h."""
        x, b = self._inputs(x0, b)
        states, pulls = [x], []
        for n in range(self.depth):
            u = self._argument(n, x, b)
            x = self._prox(n, u)
            states.append(x)
            pulls.append(u - x)
        return Trajectory(np.stack(states), np.stack(pulls) / self.step, self.step)

    def jvp(self, x0: Array, b: Array, dx0: Array, db: Array) -> Array:
        """The derivative of x_N in the direction (dx0, db), by an element of the prox's Clarke Jacobian."""
        x, b, dx, db = self._aligned(*self._inputs(x0, b), *self._inputs(dx0, db))
        for n in range(self.depth):
            u, du = self._argument(n, x, b), self._argument(n, dx, db)
            x, dx = self._prox(n, u), self._slope(n, u, du)
        return dx

    def vjp(self, x0: Array, b: Array, y: Array) -> tuple[Array, Array]:
        """The adjoint derivatives (d<y, x_N>/dx_0, d<y, x_N>/db), by the same elements as in :meth:`jvp`."""
        x, b, y = self._aligned(*self._inputs(x0, b), self._checked(y, "y", self.layers.dimension))
        arguments = []
        for n in range(self.depth):
            arguments.append(self._argument(n, x, b))
            x = self._prox(n, arguments[-1])
        gb = np.zeros_like(b)
        for n in reversed(range(self.depth)):
            y = self._slope(n, arguments[n], y)
            gb += self.layers.injections[n].T @ y
            y = self.layers.transitions[n].T @ y
        return y, gb

    def bound(self, x0_norm: Number, b_norm: Number) -> Values:
        """R (N+1,), rounded upward, with |x_n| <= R_n for |x_0| <= x0_norm and |b| <= b_norm.

        They stay below a constant as N grows while h sum |K_n| and h sum |L_n| do.
        """
        cause = "It bounds a norm."
        return state_bounds(
            self.layers,
            self.functions,
            self.steps,
            nonnegative(x0_norm, "x0_norm", cause),
            nonnegative(b_norm, "b_norm", cause),
        )

    def lipschitz(self, wrt: Input = "b", certified: bool = True, seconds: float = 20.0, seed: int = 0) -> Bracket:
        """The Lipschitz constant of b -> x_N, x_0 -> x_N ("x0") or both: see :func:`lipschitz_bracket`.

        >>> net = Network(np.ones((4, 1, 1)), np.ones((4, 1, 1)), np.zeros(4), L1(1.0), horizon=2.0)
        >>> round(net.lipschitz().upper, 6)  # h (1 + q + q^2 + q^3) with q = 1 - h = 1/2
        0.9375
        """
        return lipschitz_bracket(self, wrt, certified, seconds, seed)

    def lipschitz_in(
        self, region: Region, wrt: Input = "b", parts: int = 1, evaluations: int = 200, seed: int = 0
    ) -> Bracket:
        """The same between any two inputs of a region, for networks of soft thresholding: see :func:`local_bracket`.

        >>> from fbscheck.network import ista
        >>> net = ista(np.eye(1), weight=1.0, step=0.5, depth=2)  # x_1 = (b - 1) / 2, x_2 = 3 (b - 1) / 4 for b >= 1
        >>> box = Region(np.zeros(1), np.array([3.0]), b_radius=np.array([1.0]))
        >>> round(net.lipschitz_in(box).upper, 6)
        0.75
        """
        return local_bracket(self, soft_threshold(self.functions, self.steps), region, wrt, parts, evaluations, seed)

    def sliced(self, first: int, last: int) -> "Network":
        """The layers first..last-1 as a network with the same h.

        Raises
        ------
        InputError
            Unless 0 <= first < last <= N.
        """
        if not 0 <= first < last <= self.depth:
            raise InputError(f"Need 0 <= first < last <= {self.depth}, got first={first}, last={last}.")
        part, horizon = slice(first, last), Fraction(self.horizon) / self.depth * (last - first)
        layers = self.layers
        return Network.of_layers(
            layers.transitions[part], layers.injections[part], self.steps[part], self.functions[part], horizon
        )

    def _inputs(self, x: Array, b: Array) -> tuple[Array, ...]:
        x = self._checked(x, "x0", self.layers.dimension)
        b = self._checked(b, "b", self.layers.observations)
        if is_ball(x) != is_ball(b):
            x, b = (value if is_ball(value) else exact(value) for value in (x, b))
        return self._aligned(x, b)

    @staticmethod
    def _checked(x: Array, name: str, length: int) -> Array:
        x = points(x, name)
        if len(x) != length:
            raise InputError(f"Need {name} of shape ({length},) or ({length}, S), got {x.shape} (transposed?).")
        return x

    @staticmethod
    def _aligned(*values: Array) -> tuple[Array, ...]:
        """Single vectors repeated as columns, if any of the values holds samples."""
        samples = {value.shape[1] for value in values if value.ndim == 2}
        if len(samples) > 1:
            raise InputError(f"Need one number of samples, got {' and '.join(map(str, sorted(samples)))}.")
        return tuple(np.broadcast_to(v[:, None], (len(v), *samples)) if samples and v.ndim == 1 else v for v in values)

    def _argument(self, n: int, x: Array, b: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            u = matmul(self.layers.transitions[n], x) + matmul(self.layers.injections[n], b)
        if not is_ball(u) and not np.isfinite(u).all():
            raise InputError(f"Need states within float64, got an overflow in layer {n} (do the layers expand?).")
        return u

    def _prox(self, n: int, u: Array) -> Array:
        return self.functions[n].prox(u, self.steps[n]) if self.steps[n] else u

    def _slope(self, n: int, u: Array, v: Array) -> Array:
        return self.functions[n].prox_jacobian(u, self.steps[n], v) if self.steps[n] else v


def _one_each(r: Any, layers: Layers) -> tuple[Function, ...]:
    """A function for each layer, all of the right dimension."""
    functions = (r,) * layers.depth if isinstance(r, Function) else tuple(r) if isinstance(r, Sequence) else ()
    if len(functions) != layers.depth or not all(isinstance(g, Function) for g in functions):
        raise InputError(f"Need r as a Function, or as one a layer, got {type(r).__name__} for {layers.depth} layers.")
    for g in functions:
        if g.dimension not in (None, layers.dimension):
            raise InputError(f"Need a function on R^{layers.dimension}, got one of {g.dimension} coordinates.")
    return functions
