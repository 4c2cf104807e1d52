"""Chapter "contraction": the semidefinite program alone, against the exact factor on a grid of cells."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from fbscheck.certify import kernel
from fbscheck.certify.balls import root_down, root_up, round_down, round_up
from fbscheck.claims.layers.contraction import Step, bound_of
from fbscheck.judge import decide, squeeze
from fbscheck.splitting.classes import GradientOf, factor_squared
from fbscheck.verdict import Bracket, Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["MAP", "assess", "evaluate"]

MAP = Claim(
    "contraction.map",
    "The program alone finds the factor of a gradient step",
    r"|q_{\mathrm{certified}}-\max(|1-h\mu|,\,|1-h\ell|)| \leq 10^{-9}\quad\mathrm{on\ a\ grid\ of}\ h,\mu",
    Relation.AT_MOST,
    "the rounded multipliers of the worst-case program against the exact factor",
)


def assess(claim: Claim, count: int, scale: Fraction = Fraction(1)) -> Result:
    """Compare certified with exact factors at count x count values of h in (0, 2) and mu in [0, 1], ell = 1.

    ``scale`` multiplies the certified factors (a planted error if it is not 1).
    """
    from fbscheck.reference.worst_case import certify_factor

    records = [certify_factor(cell.operators, cell.step).record for cell in _cells(count)]
    bracket, case, witness = evaluate(records, scale)
    return decide(claim, case, bracket, witness)


def _cells(count: int) -> list[Step]:
    indices = range(count)
    return [
        Step(GradientOf(Fraction(j, count - 1), 1), Fraction(2 * i + 2, count + 1)) for i in indices for j in indices
    ]


def evaluate(
    records: Sequence[Mapping[str, Any]], scale: Fraction = Fraction(1)
) -> tuple[Bracket, str, dict[str, Any]]:
    """The bracket that records of many cells leave on their distance to the exact factors, and the worst cell.

    Raises
    ------
    kernel.Refusal
        If they are not the records of a grid, one a cell, in order.
    """
    worst, where, count = Fraction(-1), "", math.isqrt(len(records))
    cells = _cells(count) if count > 1 and count**2 == len(records) else []
    if not cells:
        raise kernel.Refusal("the records are not those of the cells of a grid")
    for cell, record in zip(cells, records, strict=True):
        exact = factor_squared(cell.operators, cell.step, cell.strong_convexity)
        bound = Fraction(root_up(bound_of(record, cell))) * scale
        apart = max(bound - Fraction(root_down(exact)), Fraction(root_up(exact)) - bound)
        if apart > worst:
            worst, where = apart, cell.name
    method = f"the worst of {len(records)} cells is {where}"
    evidence = (
        Evidence(Side.CERTIFIED, round_up(worst), Rigour.ENCLOSED, method),
        Evidence(Side.ATTAINED, round_down(worst) - 2.0**-51, Rigour.ENCLOSED, method),
    )
    certificate = {"quantity": "certified less exact factor", "records": list(records)}
    return (
        squeeze(round_down(Fraction(1, 10**9)), evidence, certificate),
        f"{count} x {count} cells",
        {"worst": where, "scale": str(scale)},
    )
