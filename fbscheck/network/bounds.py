"""How far from the origin the states of a network can get, rounded upward, uniformly in the depth.

With z a point that the proximal maps hardly move, ``|x_{n+1} - z| <= |W_n x_n + U_n b - z|/(1 + rho_n) +
|prox_n(z) - z|``, and the first norm is at most ``|W_n||x_n - z| + |U_n||b| + |W_n z - z|``.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from fbscheck.certify import enclosure
from fbscheck.certify.balls import exact, matmul, norm, round_up, upper
from fbscheck.certify.definite import EXACT_SIZE, norm_upper
from fbscheck.functions import Function
from fbscheck.inputs import Number
from fbscheck.network.layers import Layers, Values
from fbscheck.network.parameters import each

__all__ = ["norms_upper", "spectral_upper", "state_bounds"]


def spectral_upper(matrix: Values) -> float:
    """The spectral norm, rounded upward: ties of small matrices are decided, large ones cost some products."""
    small = min(matrix.shape) <= EXACT_SIZE
    return norm_upper(matrix) if small else enclosure.norm_upper(enclosure.exact(matrix))


def norms_upper(stack: Values) -> Values:
    """Spectral norms (N,) of matrices (N, ., .), rounded upward; found once of N views of one matrix."""
    return _measured(spectral_upper, stack)


def state_bounds(
    layers: Layers, functions: Sequence[Function], steps: Values, x0_norm: Number, b_norm: Number
) -> Values:
    """R_0..R_N with |x_n| <= R_n for all |x_0| <= x0_norm and |b| <= b_norm; inf beyond float64."""
    z = functions[0].prox(np.zeros(layers.dimension), 1.0)
    size = upper(norm(exact(z)))
    drift = _measured(lambda W: upper(norm(matmul(W, exact(z)) - exact(z))), layers.transitions) if size else steps * 0
    forward, injected = norms_upper(layers.transitions), norms_upper(layers.injections)
    moved = np.array([_moved(g, step, z) for g, step in zip(functions, steps.tolist(), strict=True)])
    distance = round_up(Fraction(x0_norm) + Fraction(size))
    bounds = [round_up(Fraction(x0_norm))]
    for row in zip(forward, injected, drift, np.asarray(layers.strong_convexity), moved, strict=True):
        try:
            W, U, away, rho, stay = map(Fraction, row)
            distance = round_up((W * Fraction(distance) + U * Fraction(b_norm) + away) / (1 + rho) + stay)
            bounds.append(round_up(Fraction(distance) + Fraction(size)))
        except OverflowError:
            distance = math.inf
            bounds.append(math.inf)
    return np.array(bounds)


def _measured(measure: Callable[[Values], float], stack: Values) -> Values:
    return each(lambda part: np.array([[[measure(matrix)]] for matrix in part]), stack)[:, 0, 0]


def _moved(g: Function, step: float, z: Values) -> float:
    """|prox(z) - z|, rounded upward; at the origin no operation of a proximal map rounds to zero."""
    if not step or not (z.any() or g.prox(z, step).any()):
        return 0.0
    return upper(norm(g.prox(exact(z), step) - exact(z)))
