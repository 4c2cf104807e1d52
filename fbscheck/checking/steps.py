"""How much x - hT(x) contracts, as a function of the step h: from above over a class of T, from below by pairs.

From above: certified constants put T into classes of :mod:`fbscheck.splitting.classes`, whose exact factors are
rounded up.  With mu >= 0 and ell: strongly monotone and Lipschitz; with beta: strongly monotone and cocoercive; if T
is a gradient, as a symmetric matrix and every function of one number are: max(|1 - h mu|, |1 - h ell|).

From below, for any T: a pair with <v, d> <= mu |d|^2 has |d - hv| |d| >= <d - hv, d> >= (1 - h mu) |d|^2, and one
with |v| >= ell |d| has |d - hv| >= (h ell - 1) |d|.
"""

import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from fbscheck.certify.balls import root_up
from fbscheck.checking.questions import Found
from fbscheck.splitting.classes import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.verdict import Curve, Plot

__all__ = ["best_step", "classes", "factor_above", "factor_below", "plot"]

POINTS = 200


def classes(found: Mapping[str, Found], gradient: bool) -> tuple[OperatorClass, ...]:
    """The classes that T certainly belongs to; none if it is not certainly monotone."""
    mu, beta, ell = (_certified(found, name) for name in ("monotonicity", "cocoercivity", "lipschitz"))
    known: list[OperatorClass] = []
    if mu is None or mu < 0:
        return ()
    if ell is not None and ell >= mu:
        known.append(GradientOf(mu, ell) if gradient else StronglyMonotoneLipschitz(mu, ell))
    if beta is not None and beta > 0 and Fraction(mu) * Fraction(beta) <= 1:
        known.append(StronglyMonotoneCocoercive(mu, beta))
    return tuple(known)


def factor_above(known: tuple[OperatorClass, ...], step: Fraction) -> float:
    """No more than this is the Lipschitz factor of I - step T for T in all these classes."""
    return root_up(min(one.forward_squared(step) for one in known))


def factor_below(found: Mapping[str, Found], step: Fraction) -> float:
    """No less than this it is, as pairs show."""
    mu, ell = found["monotonicity"].attained, found["lipschitz"].attained
    return max(0.0, 1 - float(step) * mu, float(step) * ell - 1)


def best_step(known: tuple[OperatorClass, ...]) -> Fraction | None:
    """A step of four digits at which the factor from above is about least; None where it is never below 1."""
    candidates = [Fraction(f"{step:.4g}") for one in known if 0 < (step := _best(one)) < math.inf]
    best = min(candidates, key=lambda step: factor_above(known, step), default=None)
    return best if best is not None and factor_above(known, best) < 1 else None


def _best(known: OperatorClass) -> float:
    """Where the factor over one class is least."""
    first, second = (float(constant) for constant in known.constants.values())
    if isinstance(known, StronglyMonotoneCocoercive):
        return second
    if isinstance(known, GradientOf):
        return 2 / (first + second) if second else math.inf
    return first / second**2 if second else math.inf


def plot(found: Mapping[str, Found], gradient: bool, claim: str) -> Plot | None:
    """The factor against the step, for the report; None where no step can contract or the constants are not known."""
    if not {"monotonicity", "lipschitz"} <= found.keys():
        return None
    mu, ell = found["monotonicity"].attained, found["lipschitz"].attained
    if not (0 < mu < math.inf and 0 < ell < math.inf):
        return None
    steps = [Fraction(float(step)) for step in np.linspace(0, 2.5 / ell, POINTS + 1)]
    axis = tuple(map(float, steps))
    known = classes(found, gradient)
    curves = [Curve("at least (pairs of points)", axis, tuple(factor_below(found, step) for step in steps))]
    if known:
        above = tuple(factor_above(known, step) for step in steps)
        curves.insert(0, Curve("at most (certified)", axis, above))
        best = best_step(known)
        if best is not None:
            curves.append(Curve(f"h = {float(best):.4g}", (float(best),), (factor_above(known, best),), "points"))
    title = "How much a step x - hT(x) contracts: below 1 it does"
    return Plot(claim, "steps", title, "step h", "Lipschitz factor of I - hT", tuple(curves))


def _certified(found: Mapping[str, Found], name: str) -> float | None:
    value = found[name].certified if name in found else None
    return value if value is not None and math.isfinite(value) else None
