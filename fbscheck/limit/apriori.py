r"""The distance from a network to its limit before anything is computed: first order, whatever the path does.

The networks have exact parameters: values, or averages over layers, of the path as real numbers.  What rounding them
to float64 adds to the distance is not in these bounds.

K, L and the weight of bounded variation, r convex and R-Lipschitz; k = sup |K|, l = sup |L||b|, w = sup of the weight
times R, and

    B = e^{kT}(|x_0| + T(l + w)) >= |x_n|,   V = kB + l + w >= |x_{n+1} - x_n|/h.

The inequality of :mod:`fbscheck.limit.defects` leaves two sums.  What drives: on layer n, |F_n - f(t, X)| is at most
|K_n - K(t)|B + |L_n - L(t)||b| + k(t - t_n)V, and the weight is off by |w_n - w(t)|, so that their integral is at
most h C2,

    C2 = kVT/2 + B Var K + |b| Var L + R Var w:

a jump costs one layer, not the rate.  What is dissipated is h sum D_n, D_n = w_n(r(x_n) - r(x_{n+1})) -
<xi_{n+1}, x_n - x_{n+1}>: with slopes zeta_n of r at x_n, D_n <= h w_n <zeta_n - zeta_{n+1}, F_n + w_n zeta_{n+1}>.
Summed by parts, ``<a - b, b> <= (|a|^2 - |b|^2)/2`` in the second term, the total is at most h C1,

    C1 = w^2/2 + 2w(kB + l) + w(kVT + B Var K + |b| Var L) + R V Var w,

and |X(t) - x(t)| <= h e^{int mu^-}(C1^(1/2) + C2).  Averages over layers vary less than the path and are as near to it,
so the same holds for them.

If the path is constant, r need not be Lipschitz and states need no bound: with s the least |F_0 + w zeta| over slopes
zeta of r at x_0, |x_{n+1} - x_n| <= h s G, G = e^{T(mu^- + hk^2/2)}, and the same sums, where now F_n - F_{n-1} =
K(x_n - x_{n-1}), leave h s G e^{T mu^-}((1/2 + kT)^(1/2) + kT/2).  Float64 knows slopes up to an epsilon alone: then
|x_1 - x_0| <= h s + (h e)^(1/2), e = w epsilon, and D_0 is larger by e, so that s + (e/h)^(1/2) takes the place of s,
and e/h is added to s^2 (1/2 + kT).
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, upper
from fbscheck.certify.rounded import GUARD, Rounded, matmul, norm_upper
from fbscheck.certify.spectra import eigenvalue_bounds, norms_upper, symmetric_part
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.limit.certificate import aligned
from fbscheck.limit.defects import in_balls, slopes
from fbscheck.limit.path import ParameterPath, checked
from fbscheck.limit.piecewise import Piecewise
from fbscheck.network.stability import lipschitz_constant

__all__ = ["ConstantRate", "Rate", "constant_rate", "rate"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class Rate:
    """The constants of the bound h * growth * (dissipated^(1/2) + driven), rounded up.

    Attributes
    ----------
    states, speed
        B and V.
    dissipated, driven
        C1 and C2.
    growth
        e^{int mu^-}.
    horizon
        T.
    """

    states: float
    speed: float
    dissipated: float
    driven: float
    growth: float
    horizon: Fraction

    def bound(self, depth: int) -> float:
        """No less than the distance at all times of a network of N layers with exact parameters."""
        constant = ball(self.growth) * (ball(self.dissipated).sqrt() + ball(self.driven))
        return upper(ball(self.horizon / checked(depth)) * constant)


def rate(path: ParameterPath, x0: Array, b: Array, varying: bool = True) -> Rate:
    """The constants for start ``x0`` (d,) or (d, S) and data ``b``, the worst of all samples.

    Without ``varying`` the total variations are left out, which is wrong unless the path is constant.

    Raises
    ------
    InputError
        If shapes do not fit, r is not Lipschitz, or a curve is not piecewise straight.

    >>> from fbscheck.functions import L1
    >>> found = rate(ParameterPath(np.zeros((1, 1)), np.zeros((1, 1)), 1.0, L1(1.0), 1.0), np.ones(1), np.zeros(1))
    >>> round(found.bound(64) * 64, 6), 0.5**0.5
    (0.707107, 0.7071067811865476)
    """
    x, data = aligned(path, x0, b)
    curves = (path.K, path.L, path.weights)
    if not all(isinstance(curve, Piecewise) for curve in curves):
        raise InputError(
            "Need curves in straight pieces for a rate, got a LipschitzCurve (sample it: Piecewise.lines)."
        )
    if (slope := lipschitz_constant(path.r, path.dimension)) is None:
        raise InputError(f"Need a Lipschitz function r, got {type(path.r).__name__} (see constant_rate).")
    T, R = ball(path.horizon), ball(slope)
    size, seen = (ball(float(norm_upper(part, 0).max())) for part in (x, data))
    k, fed = (ball(float(norms_upper(_values(curve)).max())) for curve in curves[:2])
    w = ball(float(_values(path.weights).max())) * R
    var_K, var_L, var_w = map(ball, path.variation if varying else (0.0, 0.0, 0.0))
    fed, var_L, var_w = fed * seen, var_L * seen, var_w * R
    states = ball(upper((k * T).exp() * (size + T * (fed + w))))
    speed = ball(upper(k * states + fed + w))
    changes = states * var_K + var_L
    dissipated = w**2 / 2 + 2 * w * (k * states + fed) + w * (k * speed * T + changes) + speed * var_w
    driven = k * speed * T / 2 + changes + var_w
    return Rate(upper(states), upper(speed), upper(dissipated), upper(driven), _growth(path), path.horizon)


@final
@dataclass(frozen=True)
class ConstantRate:
    """The constants of the bound for a path that does not change, rounded up.

    Attributes
    ----------
    speed
        s.
    norm
        k, the norm of K.
    expansion
        mu^-.
    horizon
        T.
    inexact
        e.
    """

    speed: float
    norm: float
    expansion: float
    horizon: Fraction
    inexact: float = 0.0

    def bound(self, depth: int, forward: bool = True) -> float:
        """No less than the distance at all times of a network of N layers with exact parameters.

        Without ``forward`` the terms kT are left out, which is wrong unless K = 0.
        """
        T, k, h = ball(self.horizon), ball(self.norm), ball(self.horizon / checked(depth))
        growth = (T * (2 * ball(self.expansion) + h * k**2 / 2)).exp()
        passed = k * T if forward else ball(0)
        missed = ball(self.inexact) / h
        speed = ball(self.speed) + missed.sqrt()
        return upper(h * growth * ((speed**2 * (passed + ball(Fraction(1, 2))) + missed).sqrt() + speed * passed / 2))


def constant_rate(path: ParameterPath, x0: Array, b: Array) -> ConstantRate:
    """The constants for a constant path, start ``x0`` (d,) or (d, S) and data ``b``, the worst of all samples.

    Raises
    ------
    InputError
        If shapes do not fit, the path is not constant, or r has no slopes at x_0.
    """
    x, data = aligned(path, x0, b)
    if not all(curve.constant for curve in (path.K, path.L, path.weights)):
        raise InputError("Need a path that is constant, got one that changes (see rate).")
    (K,), (L,), (weight,) = (_values(curve) for curve in (path.K, path.L, path.weights))
    if not path.r.enclosed:
        raise InputError(f"Need a function whose formulas can be enclosed, got {type(path.r).__name__}.")
    unit = 1.0 if path.r.is_indicator else float(weight)
    forward = matmul(K, Rounded(x)) - matmul(L, Rounded(data))
    at_start, _ = slopes(path.r, x[None], -forward.value[None], np.array([unit]))
    epsilon = np.array(in_balls(path.r, x, at_start[0])) if unit else np.zeros(x.shape[1])
    if not np.isfinite(epsilon).all():
        raise InputError("Need x_0 in the domain of r, got one that is outside (a constraint that it violates?).")
    speed = norm_upper(forward + Rounded(at_start[0]) * unit, 0)
    inexact = upper(ball(unit) * ball(float(np.maximum(epsilon, 0.0).max())))
    fall = -float(eigenvalue_bounds(*symmetric_part(K[None]))[0][0])
    norm = float(norms_upper(K[None])[0])
    return ConstantRate(float(speed.max()) * GUARD, norm, max(fall, 0.0), path.horizon, inexact)


def _values(curve: object) -> Values:
    """The values at both ends of all pieces: on straight pieces norms are largest there."""
    assert isinstance(curve, Piecewise)
    return curve.starts if curve.ends is curve.starts else np.concatenate([curve.starts, curve.ends])


def _growth(path: ParameterPath) -> float:
    """e^{int mu^-}: on a straight piece the least eigenvalue of K + K^T is concave, so least at an end."""
    assert isinstance(path.K, Piecewise)
    lowest = []
    for values in {id(part): part for part in (path.K.starts, path.K.ends)}.values():
        lowest.append(eigenvalue_bounds(*symmetric_part(values))[0])
    falls = np.maximum(-np.min(lowest, axis=0), 0.0)
    shares = path.K.breaks(path.horizon)
    lengths = [(after - before) * path.horizon for before, after in zip(shares, shares[1:], strict=False)]
    total = sum((ball(length) * ball(fall) for length, fall in zip(lengths, falls.tolist(), strict=True)), ball(0))
    return upper(total.exp())
