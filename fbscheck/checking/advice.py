"""What the constants of an operator mean for forward-backward splitting, in plain words.

A denoiser T in plug-and-play splitting, x -> T(x - h grad f(x)), where f is mu-strongly convex and ell-smooth,
0 < mu <= ell (Ryu, Liu, Wang, Chen, Wang and Yin, 2019, arXiv 1905.05406, Theorem 1).  Let L bound the Lipschitz
constant of T; with eps that of I - T, L = 1 + eps does, since |Tx - Ty| <= |x - y| + |(x - Tx) - (y - Ty)|.
I - h grad f is max(|1 - h mu|, |1 - h ell|)-Lipschitz, so the step contracts if L times that is below 1.

* If L <= 1, it does for 0 < h < 2 / ell.
* If L > 1, it does if 1 - h mu < 1/L and h ell - 1 < 1/L (the other two follow from mu <= ell), that is

      (1 - 1/L) / mu < h < (1 + 1/L) / ell,

  and such h exist if and only if (L - 1) ell < (L + 1) mu, that is ell / mu < (L + 1) / (L - 1).

For L = 1 + eps these are 1/(mu (1 + 1/eps)) < h < 2/ell - 1/(ell (1 + 1/eps)) and eps < 2 mu / (ell - mu), as there.
"""

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from fractions import Fraction

from fbscheck.certify.balls import round_down, round_up
from fbscheck.checking.questions import Found
from fbscheck.checking.steps import best_step, classes, factor_above

__all__ = ["advice"]

NOTHING = 1e-9
"""An attained number this close to its limit counts as having reached it."""


def advice(found: Mapping[str, Found], gradient: bool = False) -> tuple[str, ...]:
    """Remarks on T as a forward step x - hT(x), as a layer, and as a denoiser; ``gradient`` says that it is one.

    Certified numbers are guarantees; attained ones only exclude: no larger step than stated can work,
    a smaller one may still fail.
    """
    lines = []
    if "cocoercivity" in found:
        lines += _forward(found["cocoercivity"], found.get("monotonicity"))
    lines += _contraction(found, gradient)
    if "averagedness" in found:
        lines += _layer(found["averagedness"], found.get("lipschitz"))
    if "residual" in found and "lipschitz" in found:
        lines += _denoiser(found["residual"], found["lipschitz"])
    if lines and any(one.certified is None for one in found.values()):
        lines.append("T is a black box: numbers attained by pairs exclude what they contradict, and prove nothing.")
    return tuple(lines)


def _forward(beta: Found, mu: Found | None) -> list[str]:
    certain = beta.certified is not None
    value = beta.attained if beta.certified is None else beta.certified
    if beta.attained <= NOTHING:
        missed = "" if mu is None or mu.attained >= 0 else f", as it is not monotone: mu <= {_most(mu.attained)}"
        missed = missed or f", as beta <= {_most(beta.attained)}"
        return [f"As forward operator: not cocoercive{missed} (a pair); no step makes x - hT(x) averaged."]
    if value <= NOTHING:
        return ["As forward operator: not shown to be cocoercive."]
    if value == math.inf:
        return []
    if not certain:
        return [f"As forward operator: steps h >= {_most(2 * value)} cannot make x - hT(x) averaged."]
    return [f"As forward operator: every step in (0, {_least(2 * value)}) makes x - hT(x) averaged."]


def _contraction(found: Mapping[str, Found], gradient: bool) -> list[str]:
    known = classes(found, gradient)
    step = best_step(known)
    if step is None:
        return []
    factor = _most(factor_above(known, step))
    return [f"As forward operator: x - hT(x) contracts by {factor} or better at h = {float(step):.4g}."]


def _layer(alpha: Found, ell: Found | None) -> list[str]:
    certain = alpha.certified is not None
    value = alpha.attained if alpha.certified is None else alpha.certified
    if alpha.attained > 1:
        by = "" if ell is None or ell.attained <= 1 else f": its Lipschitz constant is {_least(ell.attained)} or more"
        return [f"As a layer: not nonexpansive{by}; iterating it may diverge."]
    if value > 1:
        return ["As a layer: not shown to be averaged."]
    if value > 1 - NOTHING:
        return ["As a layer: no better than nonexpansive; iterating it need not converge."]
    if not certain:
        return [f"As a layer: averaged with no less than alpha = {_least(value)}, if at all."]
    firm = ", firmly nonexpansive" if value <= 0.5 else ""
    return [f"As a layer: averaged with alpha = {_most(value)}{firm}; so are its compositions with averaged layers."]


def _denoiser(eps: Found, ell: Found) -> list[str]:
    head = "As a denoiser (plug-and-play, f mu-strongly convex and ell-smooth):"
    if eps.certified is None or ell.certified is None:
        if eps.attained <= NOTHING or ell.attained <= 1:
            return []
        seen, ratio = _least(eps.attained), _most(round_up(1 + 2 / Fraction(eps.attained)))
        return [f"{head} eps >= {seen} of I - T breaks Ryu's condition if ell/mu >= {ratio}."]
    known = [Fraction(one) + extra for one, extra in ((ell.certified, 0), (eps.certified, 1)) if math.isfinite(one)]
    if not known:
        return []
    bound = min(known)
    if bound <= 1:
        return [f"{head} T(x - h grad f(x)) contracts for 0 < h < 2/ell."]
    ends = _most(round_up(1 - 1 / bound)), _least(round_down(1 + 1 / bound))
    ratio = _least(round_down((bound + 1) / (bound - 1)))
    return [f"{head} T(x - h grad f(x)) contracts for {ends[0]}/mu < h < {ends[1]}/ell; exists if ell/mu < {ratio}."]


def _least(value: float) -> str:
    """Six digits, rounded down."""
    return _digits(value, ROUND_FLOOR)


def _most(value: float) -> str:
    """Six digits, rounded up."""
    return _digits(value, ROUND_CEILING)


def _digits(value: float, rounding: str) -> str:
    return f"{float(Context(prec=6, rounding=rounding).create_decimal_from_float(value)):.6g}"
