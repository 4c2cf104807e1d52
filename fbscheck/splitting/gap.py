"""Rigorous bounds on how far a point is from the minimum of F + g, in ball arithmetic.

Let m >= 0 be a certified modulus of strong convexity of F.  For every z,
F(z) >= F(x) + <F'(x), z - x> + m |z - x|^2 / 2, hence

    min (F + g)  >=  F(x) + min_z [ <F'(x), z - x> + m |z - x|^2 / 2 + g(z) ].

This is the Fenchel dual value at the dual point F'(x) - m x once the quadratic m |.|^2 / 2 has
been moved from F to g (Rockafellar 1970, section 31).  For m > 0 the inner minimum is a Moreau
envelope of g, for m = 0 a conjugate.  Beside it stands the classical dual value
-phi*(ty) - g*(-t A^T y) at y = phi'(Ax), with t <= 1 large but feasible; the better bound serves.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, exact, lower, matmul, upper
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import finite_array
from fbscheck.operators import Gradient

__all__ = ["Optimality", "optimality"]

SMALLEST_MODULUS = 1e-290
"""A modulus below this is taken for 0: its reciprocal is out of range."""


@final
@dataclass(frozen=True)
class Optimality:
    """What is certain about a point x: the minimum of F + g lies in [``minimum_lower``, ``value_upper``].

    ``gap`` bounds (F + g)(x) - min, ``distance`` bounds |x - x*|; both are rounded up, and inf
    where nothing is certain (``distance`` needs ``modulus`` = m + sigma > 0, rounded down).
    """

    value_upper: float
    minimum_lower: float
    gap: float
    modulus: float
    distance: float


def optimality(f: Gradient, g: Function, x: npt.NDArray[np.float64]) -> Optimality:
    """Bound the gap and the distance of the float64 point ``x`` (d,) to the minimiser of F + g.

    Raises
    ------
    InputError
        If f is not the gradient of a loss, or ``x`` is not a finite point of its space.
    """
    if not isinstance(f, Gradient):
        raise InputError(f"Need a gradient of a loss for a duality gap, got {type(f).__name__}.")
    x = finite_array(x, "x", 1)
    if len(x) != f.dimension:
        raise InputError(f"Need x of length {f.dimension}, got {len(x)}.")
    point = exact(x)
    image = matmul(f.matrix, point)
    dual = f.loss_gradient(image)
    slope = matmul(f.matrix.T, dual)
    value = f.loss(image) + g(point)
    bounds = (_tilted_minimum(f, g, point, image, slope), _shrunk_dual_value(f, g, dual, slope))
    minimum = max(bounds, key=lambda bound: lower(bound) if bound.is_finite() else -math.inf)
    gap = upper(value - minimum) if minimum.is_finite() else math.inf
    if gap < 0:
        raise ArithmeticError(f"a value is certainly below the minimum, by {-gap}: a formula of {g} is wrong")
    modulus = _modulus(f, g)
    distance = upper((2 * ball(gap) / modulus).sqrt()) if modulus > 0 and gap < math.inf else math.inf
    below = lower(minimum) if minimum.is_finite() else -math.inf
    return Optimality(upper(value), below, gap, modulus, distance)


def _modulus(f: Gradient, g: Function) -> float:
    total = Fraction(f.monotonicity) + Fraction(g.strong_convexity)
    return lower(ball(total))


def _tilted_minimum(f: Gradient, g: Function, x: Any, image: Any, slope: Any) -> Any:
    """F(x) + min_z [<F'(x), z - x> + m |z - x|^2 / 2 + g(z)], possibly -inf."""
    m = f.monotonicity
    if m > SMALLEST_MODULUS:
        shift = slope / m
        return f.loss(image) + g.envelope(x - shift, 1 / Fraction(m)) - m * np.sum(shift * shift) / 2
    return f.loss(image) - np.sum(slope * x) - g.conjugate(-slope)


def _shrunk_dual_value(f: Gradient, g: Function, dual: Any, slope: Any) -> Any:
    """-phi*(t y) - g*(-t A^T y) for the largest tried t in [0, 1] that is certainly feasible, or -inf."""
    half = flint.arb(1) / 2
    for t in (half + half, *(1 - half**k for k in range(60, 0, -1)), *(half**k for k in range(2, 61)), 0 * half):
        conjugate = flint.arb(g.conjugate(-t * slope))
        if conjugate.is_finite():
            return -f.loss_conjugate(t * dual) - conjugate
    return flint.arb("-inf")
