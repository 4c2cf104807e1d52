"""LipSDP for unrolled networks, as one semidefinite program over all layers at once, by cvxpy.

With z = (Dx_0, Db, Dw_0, ..., Dw_{N-1}), Du_n = W_n Dx_n + U_n Db and Dx_{n+1} = Dw_n / (1 + rho_n), it is the least
tau with tau |input|^2 - |Dx_N|^2 - 2 sum <Dw_n, Lambda_n (Du_n - Dw_n)> >= 0 for all z, over diagonal Lambda_n >= 0
(Fazlyab et al., NeurIPS 2019), or multiples of the identity where maps are not separable.  b is one variable shared
by all layers.  Coupled multipliers, which are unsound, are not offered.  A solver's value is no bound; what its
multipliers prove, :mod:`fbscheck.network.dissipation` tells.
"""

import math

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck.network.layers import Layers
from fbscheck.network.riccati import Input
from fbscheck.reference.modelling import solve

__all__ = ["lipsdp", "solution"]


def lipsdp(layers: Layers, wrt: Input = "b") -> float:
    """The root of the optimal tau; see :func:`solution`."""
    return solution(layers, wrt)[0]


def solution(layers: Layers, wrt: Input = "b") -> tuple[float, npt.NDArray[np.float64]]:
    """The root of the optimal tau, and the optimal multipliers (N, d); the program has (d + m + N d)^2 entries.

    Raises
    ------
    SolverError
        If no solver calls its answer optimal.
    """
    depth, d, m = layers.depth, layers.dimension, layers.observations
    parts = [d * (wrt != "b"), m * (wrt != "x0"), *[d] * depth]
    ends = np.cumsum([0, *parts])
    eye = np.eye(ends[-1])
    taken = [eye[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True)]
    state = taken[0] if wrt != "b" else np.zeros((d, len(eye)))
    data = taken[1] if wrt != "x0" else np.zeros((m, len(eye)))
    entering = eye[: parts[0] + parts[1]]
    tau, scales = cp.Variable(nonneg=True), []
    form = tau * (entering.T @ entering)
    for n, (transition, injection, rho) in enumerate(
        zip(layers.transitions, layers.injections, np.asarray(layers.strong_convexity), strict=True)
    ):
        reply = taken[2 + n]
        rest = transition @ state + injection @ data - reply
        scale = cp.Variable(d if layers.separable else 1, nonneg=True)
        scales.append(scale)
        term = reply.T @ (cp.diag(scale) if layers.separable else scale * np.eye(d)) @ rest
        form = form - term - term.T
        state = reply / (1 + rho)
    form = form - state.T @ state
    value = math.sqrt(solve(cp.Problem(cp.Minimize(tau), [(form + form.T) / 2 >> 0])))
    return value, np.array([np.broadcast_to(np.maximum(scale.value, 0.0), d) for scale in scales])
