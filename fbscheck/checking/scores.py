"""How bad a constant may be where the slopes of T lie in interval matrices; larger is worse."""

import math
from fractions import Fraction

import numpy as np

from fbscheck.certify.balls import round_up
from fbscheck.checking.conditions import Values
from fbscheck.checking.intervals import Interval, cocoercivity, eigenvalue_lower, interval, norm
from fbscheck.checking.matrices import half_inverse

__all__ = ["score"]


def score(slopes: Interval, constant: str, claim: float) -> Values:
    """Upper bounds (B,) of worse * constant for all matrices within ``slopes`` (B, d, d); ``claim`` is tried first."""
    if constant == "lipschitz":
        return norm(slopes)
    if constant == "monotonicity":
        return -eigenvalue_lower(slopes)
    if constant == "cocoercivity":
        return -cocoercivity(slopes, claim)
    rest = interval(np.eye(slopes.lo.shape[-1])) - slopes
    if constant == "residual":
        return norm(rest)
    aim = round_up(1 / (2 * Fraction(claim))) if 0 < claim < math.inf else None
    return np.array([half_inverse(beta) for beta in cocoercivity(rest, aim).tolist()])
