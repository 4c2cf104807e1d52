"""Negative control: the proximal map of a sum, taken for the composition of two.

On the plane, g1 is the indicator of {x1 = x2} and g2(x) = |x1|; the step is 1/2.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import exact, lower, norm
from fbscheck.functions import L1, Box, TightFrame
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["CONTROLS", "ORDERS", "PROX_OF_SUM", "prox_of_sum", "replay"]

PROX_OF_SUM = Claim(
    "control.prox-of-sum",
    "The proximal map of a sum, taken for the composition of two",
    r"\mathrm{prox}_{h(g_1+g_2)} = \mathrm{prox}_{hg_2}\circ\mathrm{prox}_{hg_1}",
    Relation.AT_MOST,
    "false: the subgradient of one function is taken at the wrong point (distance, at most 1e-11)",
    control=True,
)
CONTROLS = (PROX_OF_SUM,)
STEP = Fraction(1, 2)
ORDERS: Mapping[str, tuple[Fraction, Fraction]] = {
    "g2 after g1": (Fraction(1), Fraction(0)),
    "g1 after g2": (Fraction(0), Fraction(1)),
}
"""A point for each order of the two maps; at the other one's point they happen to agree with the truth, or not."""


def prox_of_sum(order: str) -> Result:
    """Compare the composition with the proximal point (1/4, 1/4) of the sum, whose optimality is checked in rationals.

    Raises
    ------
    kernel.Refusal
        If ``order`` is not one of ``ORDERS``, or the point is not optimal.
    """
    if order not in ORDERS:
        raise kernel.Refusal(f"need one of {', '.join(ORDERS)}, got {order!r:.40}")
    u, p = ORDERS[order], (Fraction(1, 4), Fraction(1, 4))
    normal = tuple((a - b) / STEP - slope for a, b, slope in zip(u, p, (1, 0), strict=True))
    if not (p[0] == p[1] > 0 and sum(normal) == 0):
        raise kernel.Refusal("(1/4, 1/4) is not the proximal point")
    same, absolute = TightFrame(Box(0.0, 0.0), np.array([[1.0, -1.0]])), L1(np.array([1.0, 0.0]))
    first, second = (same, absolute) if order == "g2 after g1" else (absolute, same)
    point = exact([float(t) for t in u])
    found = second.prox(first.prox(point, STEP), STEP)
    away = norm(found - exact([float(t) for t in p]))
    evidence = Evidence(Side.ATTAINED, lower(away), Rigour.ENCLOSED, "both sides in ball arithmetic")
    witness = {"order": order, "u": [str(t) for t in u], "step": str(STEP), "prox of the sum": [str(t) for t in p]}
    return decide(PROX_OF_SUM, order, squeeze(1e-11, (evidence,)), witness)


def replay(witness: Mapping[str, Any]) -> Result:
    """Run the control again that left ``witness``.

    Raises
    ------
    kernel.Refusal
        If the witness is of no control.
    """
    return prox_of_sum(str(witness.get("order")))
