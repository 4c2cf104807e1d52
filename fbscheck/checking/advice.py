"""What the constants of an operator mean for forward-backward splitting, in plain words."""

import math
from collections.abc import Mapping

from fbscheck.checking.questions import Found

__all__ = ["advice"]

NOTHING = 1e-9
"""An attained number this close to its limit counts as having reached it."""


def advice(found: Mapping[str, Found]) -> tuple[str, ...]:
    """Remarks on T as a forward step x - hT(x), and on T itself as a layer.

    Certified numbers are guarantees; attained ones only exclude: no larger step than stated can work,
    a smaller one may still fail.
    """
    lines = []
    if "cocoercivity" in found:
        lines += _forward(found["cocoercivity"], found.get("monotonicity"), found.get("lipschitz"))
    if "averagedness" in found:
        lines += _layer(found["averagedness"])
    if lines and any(one.certified is None for one in found.values()):
        lines.append("T is a black box: numbers attained by pairs exclude what they contradict, and prove nothing.")
    return tuple(lines)


def _forward(beta: Found, mu: Found | None, ell: Found | None) -> list[str]:
    certain = beta.certified is not None
    value = beta.attained if beta.certified is None else beta.certified
    if beta.attained <= NOTHING:
        return ["As forward operator: not cocoercive (a pair shows it), so no step makes x - hT(x) averaged."]
    if value <= NOTHING:
        return ["As forward operator: not shown to be cocoercive."]
    if value == math.inf:
        return []
    if not certain:
        return [f"As forward operator: steps h >= {2 * value:.6g} cannot make x - hT(x) averaged."]
    lines = [f"As forward operator: every step in (0, {2 * value:.6g}) makes x - hT(x) averaged."]
    if mu is not None and ell is not None and mu.certified is not None and ell.certified is not None:
        m, largest = mu.certified, ell.certified
        if 0 < m <= largest < math.inf:
            step, factor = m / largest**2, math.sqrt(max(0.0, 1 - (m / largest) ** 2))
            lines.append(f"  From mu and ell alone x - hT(x) contracts best at h = {step:.6g}, by {factor:.6g}.")
    return lines


def _layer(alpha: Found) -> list[str]:
    certain = alpha.certified is not None
    value = alpha.attained if alpha.certified is None else alpha.certified
    if alpha.attained > 1:
        return ["As a layer: not nonexpansive; iterating it may diverge."]
    if value > 1:
        return ["As a layer: not shown to be averaged."]
    if value > 1 - NOTHING:
        return ["As a layer: no better than nonexpansive; iterating it need not converge."]
    if not certain:
        return [f"As a layer: averaged with no less than alpha = {value:.6g}, if at all."]
    firm = ", firmly nonexpansive" if value <= 0.5 else ""
    return [f"As a layer: averaged with alpha = {value:.6g}{firm}; so are its compositions with averaged layers."]
