"""What the constants of an operator mean for forward-backward splitting, in plain words."""

import math
from collections.abc import Mapping

from fbscheck.check.questions import Found

__all__ = ["advice"]


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
    value = beta.attained if beta.certified is None else beta.certified
    if value <= 0:
        return ["As forward operator: not cocoercive, so no step makes x - hT(x) averaged."]
    if value == math.inf:
        return []
    sure = "every step" if beta.certified is not None else "no step outside"
    works = "makes x - hT(x) averaged" if beta.certified is not None else "can make x - hT(x) averaged"
    lines = [f"As forward operator: {sure} {'in ' if beta.certified is not None else ''}(0, {2 * value:.6g}) {works}."]
    if mu is not None and ell is not None:
        m = mu.attained if mu.certified is None else mu.certified
        largest = ell.attained if ell.certified is None else ell.certified
        if 0 < m <= largest < math.inf:
            step, factor = m / largest**2, math.sqrt(max(0.0, 1 - (m / largest) ** 2))
            lines.append(f"  Contraction: best at h = {step:.6g} with factor {factor:.6g}, from its mu and ell alone.")
    return lines


def _layer(alpha: Found) -> list[str]:
    value = alpha.attained if alpha.certified is None else alpha.certified
    if value > 1:
        return ["As a layer: not nonexpansive, hence not averaged; iterating it may diverge."]
    if value == 1:
        return ["As a layer: no better than nonexpansive; iterating it need not converge."]
    least = "" if alpha.certified is not None else "not with less than "
    firm = ", firmly nonexpansive" if value <= 0.5 and alpha.certified is not None else ""
    return [f"As a layer: averaged, {least}alpha = {value:.6g}{firm}; compositions of averaged maps converge."]
