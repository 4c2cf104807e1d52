r"""Parameters that oscillate: how far their limit is from that of their averages, by how far their primitives are.

Let y and x be the limits of two paths with one start and one r, K monotone at all times, and that of x constant.  With
phi the primitive of a difference of parameters, |phi_K|, |phi_L|, |phi_w| <= kappa_K, kappa_L, kappa_w at all times,
the difference e = y - x satisfies

    (|e|^2)'/2 <= -<phi_K' x, e> + <phi_L' b, e> + phi_w' (r(x) - r(y)).

Both stay within B = |x_0| + T(l + w), l = sup |L||b|, w = sup of the weight times R, r being R-Lipschitz, and move with
a speed of V = kB + l + w at most, k = sup |K|.  Integrated by parts,

    |e(t)|^2 <= 4 (kappa_K B(B + 2TV) + (kappa_L|b| + R kappa_w)(B + TV)):

of order one half in the period, and zero in the limit of weak convergence.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, upper
from fbscheck.certify.rounded import GUARD, UNIT, frobenius_upper, norm_upper
from fbscheck.certify.spectra import norms_upper
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.limit.certificate import aligned
from fbscheck.limit.path import ParameterPath
from fbscheck.limit.piecewise import Curve, Piecewise
from fbscheck.network.stability import lipschitz_constant

__all__ = ["averaged", "weak_bound"]

Values = npt.NDArray[np.float64]


def averaged(path: ParameterPath) -> ParameterPath:
    """The path with the averages of curves of equal steps at all times.

    Raises
    ------
    InputError
        If a curve is not made of steps of one length.
    """
    K, L, weights = (np.mean(_steps(curve), axis=0) for curve in (path.K, path.L, path.weights))
    return ParameterPath(K, L, float(weights), path.r, path.horizon)


def weak_bound(path: ParameterPath, constant: ParameterPath, x0: Array, b: Array) -> float:
    """No less than max_t |y - x| of the limits y of a ``path`` of equal steps and x of its averages, ``constant``.

    That the K of ``path`` are monotone is for the caller to know.

    Raises
    ------
    InputError
        If shapes do not fit, r is not Lipschitz, or a curve is not made of steps of one length.
    """
    x, data = aligned(path, x0, b)
    if (known := lipschitz_constant(path.r, path.dimension)) is None:
        raise InputError(f"Need a Lipschitz function r, got {type(path.r).__name__}.")
    T, R = ball(path.horizon), ball(known)
    size, seen = (ball(float(norm_upper(part, 0).max())) for part in (x, data))
    k, fed = (ball(float(norms_upper(_steps(curve)).max())) for curve in (path.K, path.L))
    w = R * ball(float(_steps(path.weights).max()))
    K, L, weight = (
        ball(_primitive(getattr(path, name), getattr(constant, name), path.horizon)) for name in ("K", "L", "weights")
    )
    B = size + T * (fed * seen + w)
    V = k * B + fed * seen + w
    return upper((4 * (K * B * (B + 2 * T * V) + (L * seen + R * weight) * (B + T * V))).sqrt())


def _steps(curve: Curve) -> Values:
    if not isinstance(curve, Piecewise) or curve.ends is not curve.starts or curve.times is not None:
        raise InputError("Need curves of steps of one length (Piecewise.steps without times).")
    return curve.starts


def _primitive(curve: Curve, other: Curve, horizon: Fraction) -> float:
    """The largest norm of the primitive of a difference: between steps it is convex, so it is that at a step's end."""
    steps, (level,) = _steps(curve), _steps(other)
    count = len(steps)
    moved = np.cumsum(steps - level, axis=0)
    size = (lambda part: frobenius_upper(part)) if steps.ndim == 3 else np.abs
    lost = 2 * (count + 2) * UNIT * float(np.sum(size(steps - level))) * GUARD
    found = norms_upper(moved, lost).max() if steps.ndim == 3 else np.abs(moved).max() + lost
    return float(found) * float(horizon / count) * GUARD
