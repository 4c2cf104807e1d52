"""Where the limit goes as t grows: to the zero of Kx - Lb + w dr(x), if K + K^T and r together are strongly monotone.

With m = mu + w sigma/2, an epsilon-slope zeta of r at y, and the residual F(y) + w zeta, the equilibrium x* satisfies
m |y - x*|^2 <= |F(y) + w zeta| |y - x*| + w epsilon, hence |y - x*| <= |F(y) + w zeta|/m + (w epsilon/m)^(1/2).
"""

import math
from typing import Any

import numpy as np

from fbscheck.certify.balls import ball, lower, upper
from fbscheck.certify.rounded import Rounded, matmul, norm_upper
from fbscheck.certify.spectra import eigenvalue_bounds, symmetric_part
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.limit.certificate import aligned
from fbscheck.limit.defects import slopes
from fbscheck.limit.path import ParameterPath
from fbscheck.limit.piecewise import Piecewise
from fbscheck.network.stability import modulus_ends

__all__ = ["contraction", "contraction_ends", "equilibrium_radius", "polished"]


def contraction(path: ParameterPath) -> float:
    """The rate mu + w sigma at which two solutions for a constant path approach each other, rounded down."""
    return contraction_ends(path)[0]


def contraction_ends(path: ParameterPath) -> tuple[float, float]:
    """The rate of :func:`contraction`, from below and above."""
    K, _, weight = _constant(path)
    least, most = float(eigenvalue_bounds(*symmetric_part(K[None]))[0][0]), modulus_ends(K)[1]
    if path.r.is_indicator or not path.r.strong_convexity:
        return least, most
    added = ball(weight) * ball(path.r.strong_convexity)
    return lower(ball(least) + added), upper(ball(most) + added)


def equilibrium_radius(path: ParameterPath, point: Array, b: Array) -> float:
    """No less than the distance of ``point`` (d,) from the equilibrium of a constant path; inf if nothing is certain.

    Raises
    ------
    InputError
        If shapes do not fit, or the path is not constant.
    """
    x, data = aligned(path, point, b)
    K, L, weight = _constant(path)
    unit = 1.0 if path.r.is_indicator else weight
    modulus = contraction(path)
    if not path.r.is_indicator and path.r.strong_convexity:
        modulus = -upper(-(ball(modulus) - ball(weight) * ball(path.r.strong_convexity) / 2))
    if modulus <= 0:
        return math.inf
    forward = matmul(K, Rounded(x)) - matmul(L, Rounded(data))
    zeta, epsilon = slopes(path.r, x[None], -forward.value[None], np.array([unit]))
    residual = float(norm_upper(forward + Rounded(zeta[0]) * unit, 0)[0])
    return upper(ball(residual) / modulus + (ball(unit) * ball(float(epsilon[0, 0])) / modulus).sqrt())


def polished(path: ParameterPath, point: Array, b: Array, steps: int) -> Array:
    """The point after some more forward-backward steps of length 1/|K|."""
    K, L, weight = _constant(path)
    h = 1 / float(np.linalg.norm(K, 2))
    x = point
    for _ in range(steps):
        x = x - h * (K @ x - L @ b)
        x = path.r.prox(x, h * weight) if weight else x
    return x


def _constant(path: ParameterPath) -> tuple[Any, Any, float]:
    curves = (path.K, path.L, path.weights)
    if not all(isinstance(curve, Piecewise) and curve.constant for curve in curves):
        raise InputError("Need a constant path: one that changes has no equilibrium.")
    K, L, weight = (curve.starts[0] for curve in curves)  # type: ignore[union-attr]
    return K, L, float(weight)
