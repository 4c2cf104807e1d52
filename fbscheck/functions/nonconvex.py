"""Maps that are not proximal maps of convex functions, though they are used as if they were.

A map is the proximal map of a convex function iff it is nonexpansive and the gradient of a convex function
(Moreau 1965); of some function, iff it is the gradient of a convex one (Gribonval and Nikolova 2020).  On the line:
nondecreasing with slopes at most 1, and nondecreasing.  If the largest slope is L, the function is convex once
(1 - 1/L)/2 |x|^2 is added to it, and no less does.  None of these is a :class:`~fbscheck.functions.Function`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import flint
import numpy as np

from fbscheck.certify.balls import expm1, is_ball, sqrt, tanh
from fbscheck.functions.losses import sigmoid, softplus
from fbscheck.inputs import Array

__all__ = ["NONCONVEX", "Nonconvex"]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
"""Klambauer et al. 2017."""


@final
@dataclass(frozen=True)
class Nonconvex:
    """A map and what is true of it.

    ``map`` takes (d,) or (d, S), float64 or balls of radius zero.  ``monotone`` says whether it is the proximal map
    of anything; ``slope`` is its least Lipschitz constant, inf for a map that jumps.
    """

    name: str
    map: Callable[[Array], Array]
    monotone: bool
    slope: float
    source: str
    dimension: int = 1

    @property
    def weak_convexity(self) -> float | None:
        """The least rho for which adding rho |x|^2/2 makes the function convex; None if there is no such function."""
        if not self.monotone:
            return None
        return 1.0 if self.slope == math.inf else 1 - 1 / self.slope


def hard_threshold(u: Array) -> Array:
    """0 for |u| <= 1, else u: a proximal map of |x|_0/2 at step 1."""
    return np.where(np.abs(u) > 1, u, 0 * u)


def two_largest(u: Array) -> Array:
    """The two entries of largest modulus, the first ones if there are ties: a projection onto {|x|_0 <= 2}."""
    order = np.argsort(-np.abs(u), axis=0, kind="stable")
    rank = np.argsort(order, axis=0, kind="stable")
    return np.where(rank < 2, u, 0 * u)


def scad(u: Array) -> Array:
    """The proximal map of Fan and Li's penalty with lambda = 1, a = 3.7: soft, then steeper, then the identity."""
    a = (0 * u.flat[0] + 37) / 10 if is_ball(u) else 3.7
    size, sign = np.abs(u), np.where(u >= 0, 1.0, -1.0)
    soft = u - np.where(size > 1, sign, u)
    return np.where(size <= 2, soft, np.where(size <= a, ((a - 1) * u - sign * a) / (a - 2), u))


def mcp(u: Array) -> Array:
    """The firm threshold, the proximal map of Zhang's minimax concave penalty with lambda = 1, gamma = 2."""
    size, sign = np.abs(u), np.where(u >= 0, 1.0, -1.0)
    return np.where(size <= 1, 0 * u, np.where(size <= 2, 2 * (u - sign), u))


def log_penalty(u: Array) -> Array:
    """The proximal map of log(1 + |x|)/2 at step 1: the larger root of (p - |u|)(1 + p) = -1/2, 0 for |u| <= 1/2."""
    size, sign = np.abs(u), np.where(u >= 0, 1.0, -1.0)
    moved = size > 0.5
    grown = 1 + np.where(moved, size, 0 * size + 1)
    return np.where(moved, sign * ((size - 1) + sqrt(grown * grown - 2)) / 2, 0 * u)


def half_power(u: Array) -> Array:
    """A proximal map of |x|^(1/2) at step 1 (Xu et al. 2012): it jumps from 0 to 1 at |u| = 3/2."""
    size = np.abs(u)
    moved = size > 1.5
    third = np.where(moved, size, 0 * size + 3) / 3
    angle = _arccos(1 / (4 * third * sqrt(third)))
    return np.where(moved, 2 * u / 3 * (1 + _cos(2 * (_pi(u) - angle) / 3)), 0 * u)


def silu(u: Array) -> Array:
    """u / (1 + exp(-u))."""
    return u * sigmoid(u)


def gelu(u: Array) -> Array:
    """u times the normal distribution function."""
    return u * (1 + _erf(u / sqrt(2 + 0 * u))) / 2  # type: ignore[no-any-return]


def mish(u: Array) -> Array:
    """u tanh(log(1 + exp(u)))."""
    return u * tanh(softplus(u))


def elu(u: Array) -> Array:
    """u for u > 0, else 2 (exp(u) - 1)."""
    return np.where(u > 0, u, 2 * expm1(np.where(u > 0, 0 * u, u)))


def selu(u: Array) -> Array:
    """1.0507 times u for u > 0, else 1.0507 times 1.6733 (exp(u) - 1)."""
    return SELU_SCALE * np.where(u > 0, u, SELU_ALPHA * expm1(np.where(u > 0, 0 * u, u)))


def _erf(x: Array) -> Array:
    from scipy.special import erf

    return _ball_erf(x) if is_ball(x) else erf(x)  # type: ignore[no-any-return]


def _arccos(x: Array) -> Array:
    return _ball_arccos(x) if is_ball(x) else np.arccos(x)


def _cos(x: Array) -> Array:
    return _ball_cos(x) if is_ball(x) else np.cos(x)


def _pi(like: Array) -> Any:
    return flint.arb.pi() if is_ball(like) else math.pi


_ball_erf = np.frompyfunc(lambda a: a.erf(), 1, 1)
_ball_arccos = np.frompyfunc(lambda a: a.acos(), 1, 1)
_ball_cos = np.frompyfunc(lambda a: a.cos(), 1, 1)

SILU, GELU, MISH = 1.0998393202, 1.1289041452, 1.0884981613
"""The largest slopes, rounded up; they are attained where the second derivative vanishes."""

NONCONVEX = (
    Nonconvex("hard threshold", hard_threshold, True, math.inf, "Blumensath and Davies 2008"),
    Nonconvex("l0 ball", two_largest, True, math.inf, "Blumensath and Davies 2009", 4),
    Nonconvex("SCAD", scad, True, 27 / 17, "Fan and Li 2001"),
    Nonconvex("MCP", mcp, True, 2.0, "Zhang 2010; Gao and Bruce 1997"),
    Nonconvex("log penalty", log_penalty, True, 2.0, "Candes, Wakin and Boyd 2008"),
    Nonconvex("l1/2", half_power, True, math.inf, "Xu, Chang, Xu and Zhang 2012"),
    Nonconvex("SiLU", silu, False, SILU, "Elfwing, Uchibe and Doya 2018"),
    Nonconvex("GELU", gelu, False, GELU, "Hendrycks and Gimpel 2016"),
    Nonconvex("mish", mish, False, MISH, "Misra 2020"),
    Nonconvex("ELU, alpha 2", elu, True, 2.0, "Clevert, Unterthiner and Hochreiter 2016"),
    Nonconvex("SELU", selu, True, SELU_SCALE * SELU_ALPHA, "Klambauer et al. 2017"),
)
