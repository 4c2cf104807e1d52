"""Derivatives of networks of a training problem in ball arithmetic: tangents forward, adjoints backward.

Both go through the derivatives of a separable prox, where they exist; at a kink, or too near to tell, they refuse.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, matmul
from fbscheck.claims.learning.training_case import rate, states
from fbscheck.functions import L1, Box, Function, Huber, SquaredL2, Zero
from fbscheck.inputs import Array
from fbscheck.learning import Problem
from fbscheck.network.layers import Values

__all__ = ["adjoints", "tangent"]


def tangent(problem: Problem, theta: Values, eta: Values) -> Any:
    """d/dt J_N(theta + t eta) at t = 0: of all states by the chain rule.

    Raises
    ------
    kernel.Refusal
        If a state is at a kink of the prox.
    """
    (K, L, weights), (dK, dL, _) = problem.family.layers(theta), problem.family.layers(eta)
    step, run = Fraction(problem.horizon) / len(theta), states(problem, theta)
    h, b, x = ball(step), exact(problem.b), 0 * exact(problem.x0)
    for n in range(len(theta)):
        u = run[n] - h * (matmul(K[n], run[n]) - matmul(L[n], b))
        x = x - h * (matmul(K[n], x) + matmul(dK[n], run[n]) - matmul(dL[n], b))
        x = _slopes(problem.family.r, u, step * Fraction(weights[n])) * x
    loss = np.sum((run[-1] - exact(problem.target)) * x) / problem.samples
    return loss + 2 * rate(problem, len(theta)) * np.sum(exact(theta) * exact(eta))


def adjoints(problem: Problem, theta: Values) -> list[Array]:
    """p~_1..p~_N (d, S) as balls: p_N = x_N - x*, p~_{n+1} = Dprox^T p_{n+1}, p_n = (I - hK_n)^T p~_{n+1}.

    Raises
    ------
    kernel.Refusal
        If a state is at a kink of the prox.
    """
    K, L, weights = problem.family.layers(theta)
    step, run = Fraction(problem.horizon) / len(theta), states(problem, theta)
    h, b, found = ball(step), exact(problem.b), []
    p = run[-1] - exact(problem.target)
    for n in range(len(K) - 1, -1, -1):
        u = run[n] - h * (matmul(K[n], run[n]) - matmul(L[n], b))
        found.append(_slopes(problem.family.r, u, step * Fraction(weights[n])) * p)
        p = found[-1] - h * matmul(K[n].T, found[-1])
    return found[::-1]


def _slopes(r: Function, u: Array, step: Fraction) -> Array:
    """The derivatives of a separable prox where they exist: where u is certainly off the kinks.

    Raises
    ------
    kernel.Refusal
        If it is not, or the function is none of those known.
    """
    if isinstance(r, Zero) or step == 0:
        return np.full(u.shape, ball(1), dtype=object)
    if isinstance(r, SquaredL2):
        return np.full(u.shape, 1 / (1 + ball(step) * ball(r.weight)), dtype=object)
    if isinstance(r, L1) and isinstance(r.weight, float):
        return _cut(abs(u), ball(step) * ball(r.weight), ball(0), ball(1))
    if isinstance(r, Huber):
        stretch = 1 + ball(step) * ball(r.weight)
        return _cut(abs(u), ball(r.delta) * stretch, 1 / stretch, ball(1))
    if isinstance(r, Box) and isinstance(r.high, float) and isinstance(r.low, float) and r.low == -r.high:
        return _cut(abs(u), ball(r.high), ball(1), ball(0))
    raise kernel.Refusal(f"no derivative of the prox of {type(r).__name__} is known")


def _cut(size: Array, edge: Any, inside: Any, outside: Any) -> Array:
    """One value below the edge, another above it."""
    if not all(part < edge or part > edge for part in size.ravel()):
        raise kernel.Refusal("a state is at a kink of the prox, or too near to tell")
    return np.asarray(np.where(np.asarray(size < edge, dtype=bool), inside, outside))
