r"""Sweeps through consecutive layers: states forward, the discrete adjoint backward.

Layer n is ``x_{n+1} = prox_{s_n r}(u_n)``, u_n = x_n - h(K_n x_n - L_n b), s_n = h lambda_n.  With J_n an element of
the Clarke Jacobian of the prox at u_n, and zeta_{n+1} = (u_n - x_{n+1})/s_n in dr(x_{n+1}), implicit differentiation
gives ``dx_{n+1} = J_n (du_n - zeta_{n+1} ds_n)``; where s_n = 0, zeta is the subgradient nearest to 0 and J_n = I.  The
adjoint reads y_n = (I - hK_n)^T p_n with p_n = J_n^T y_{n+1}, and the derivatives by K_n, L_n, lambda_n are
-h p_n x_n^T, h p_n b^T, -h <p_n, zeta_{n+1}>, summed over the samples.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.learning.families import Family

__all__ = ["Sweep", "sweep"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Sweep:
    """What B layers did to S samples.

    Attributes
    ----------
    family, theta
        The layers' parameters (B, P).
    step
        h.
    transitions
        I - h K (B, d, d).
    b
        The data (m, S).
    states
        (B + 1, d, S).
    arguments
        u (B, d, S), of which the prox is taken.
    slopes
        J (B, d, S), the diagonals of a separable prox; None for others.
    steps
        s (B,).
    zeta
        zeta_1..zeta_B (B, d, S); None if the weights are not trained.
    """

    family: Family
    theta: Values
    step: float
    transitions: Values
    b: Values
    states: Values
    arguments: Values
    slopes: Values | None
    steps: Values
    zeta: Values | None

    def through(self, n: int, v: Values) -> Values:
        """J_n v for v (d, S)."""
        if self.slopes is not None:
            return np.asarray(self.slopes[n] * v)
        return self.family.r.prox_jacobian(self.arguments[n], self.steps[n], v) if self.steps[n] else v

    def adjoint(self, y: Values) -> tuple[Values, Values]:
        """(y_0, p) of y_B (d, S): the derivative by the first state, and p (B, d, S)."""
        p = np.empty_like(self.arguments)
        transposed = np.swapaxes(self.transitions, 1, 2)
        for n in range(len(p) - 1, -1, -1):
            p[n] = self.through(n, y)
            y = transposed[n] @ p[n]
        return y, p

    def gradient(self, p: Values) -> Values:
        """The derivatives (B, P) by the layers' parameters."""
        h = self.step
        weights = np.zeros(len(p)) if self.zeta is None else -h * np.einsum("nds,nds->n", p, self.zeta)
        dK, dL = -h * (p @ np.swapaxes(self.states[:-1], 1, 2)), h * (p @ self.b.T)
        return self.family.pull(self.theta, dK, dL, weights)


def sweep(family: Family, theta: Values, step: float, x: Values, b: Values, slopes: bool = True) -> Sweep:
    """The layers with parameters ``theta`` (B, P) applied to ``x`` (d, S) and ``b`` (m, S).

    Without ``slopes`` only states and arguments are found, and derivatives cannot be asked for.

    Raises
    ------
    InputError
        If a weight is negative, or a state leaves the range of float64.
    """
    K, L, weights = family.layers(theta)
    if (weights < 0).any():
        raise InputError(f"Need weights >= 0, got {weights.min():g} (a step past the bound?).")
    steps, r = step * weights, family.r
    transitions = np.eye(len(x)) - step * K
    pushes = step * (L @ b)
    states, arguments = np.empty((len(K) + 1, *x.shape)), np.empty((len(K), *x.shape))
    states[0] = x
    with np.errstate(over="ignore", invalid="ignore"):
        for n, s in enumerate(steps.tolist()):
            u = transitions[n] @ states[n] + pushes[n]
            if not np.isfinite(u).all():
                raise InputError(f"Need states within float64, got an overflow in layer {n} (do the layers expand?).")
            arguments[n], states[n + 1] = u, r.prox(u, s) if s else u
    diagonal = _diagonals(r, arguments, steps) if slopes and r.separable else None
    zeta = _subgradients(r, states[1:], arguments, steps) if slopes and family.weight is None else None
    return Sweep(family, theta, step, transitions, b, states, arguments, diagonal, steps, zeta)


def _diagonals(r: Function, arguments: Values, steps: Values) -> Values:
    """J (B, d, S) of a separable prox."""
    slopes = np.ones_like(arguments)
    ones = slopes[0].copy()
    for n in np.flatnonzero(steps):
        slopes[n] = r.prox_jacobian(arguments[n], steps[n], ones)
    return slopes


def _subgradients(r: Function, x: Values, arguments: Values, steps: Values) -> Values:
    """zeta (B, d, S) at the states ``x``."""
    lengths = np.where(steps > 0, steps, np.inf)[:, None, None]
    columns = (_flat(part) for part in (x, (arguments - x) / lengths))
    return np.moveaxis(r.subgradient(*columns).reshape(x.shape[1], len(x), -1), 1, 0)


def _flat(stack: Values) -> Values:
    """(d, B S) of (B, d, S)."""
    return np.ascontiguousarray(np.moveaxis(stack, 0, 1)).reshape(stack.shape[1], -1)
