"""The one judge: it reads a verdict off a bracket, and sees nothing but the evidence."""

import math
from collections.abc import Mapping
from typing import Any

from fbscheck.verdict import Bracket, Claim, Evidence, Relation, Result, Rigour, Side, Verdict

__all__ = ["decide", "judge", "not_applicable", "squeeze", "undecided"]

COARSE = 1e-3
"""An instance whose own relative error is larger than this does not show that a value is attained."""

NEARLY = 1e-6
"""A certificate that misses the claim by more than this, relatively, leaves it undecided; one that
misses it by less (an attained bound, enclosed) leaves it to the floating evidence."""


def squeeze(
    theory: float | None, evidence: tuple[Evidence, ...], certificate: Mapping[str, Any] | None = None
) -> Bracket:
    """The bracket that ``evidence`` leaves: its largest attained, its smallest certified value."""
    attained = [e.value - e.error for e in evidence if e.side is Side.ATTAINED]
    certified = [e.value + e.error for e in evidence if e.side is Side.CERTIFIED]
    return Bracket(max(attained, default=None), theory, min(certified, default=None), certificate, evidence)


def judge(claim: Claim, bracket: Bracket, unmet: str | None = None) -> tuple[Verdict, str]:
    """Read the verdict and its reason off a bracket.

    Only exact or enclosed evidence proves, certifies or refutes.  Floating evidence against a
    claim leaves it UNDECIDED until somebody confirms the violation rigorously.
    """
    if unmet is not None:
        return Verdict.NOT_APPLICABLE, unmet
    if bracket.theory is None or not bracket.evidence or math.isnan(bracket.theory):
        return Verdict.UNDECIDED, "no evidence was obtained"
    if any(math.isnan(e.value) or math.isnan(e.error) for e in bracket.evidence):
        return Verdict.UNDECIDED, "a witness returned NaN"
    if any(e.side is Side.ATTAINED and e.value == -math.inf for e in bracket.evidence):
        return Verdict.UNDECIDED, "a witness says nothing: its bound is infinite"
    rigorous = [e for e in bracket.evidence if e.rigour >= Rigour.ENCLOSED]
    if bracket.theory == math.inf:
        return Verdict.UNDECIDED, "the claim's bound is infinite, and says nothing"
    low = max((e.value - e.error for e in bracket.evidence if e.side is Side.ATTAINED), default=-math.inf)
    high = min((e.value for e in rigorous if e.side is Side.CERTIFIED), default=math.inf)
    if low > high:
        return Verdict.UNDECIDED, f"the witnesses contradict each other: {low:.17g} attained, {high:.17g} certified"
    theory, tight = bracket.theory, claim.relation is Relation.TIGHT
    slack = claim.accuracy * abs(theory)

    def spoken(side: Side, at_least: Rigour) -> list[Evidence]:
        return [e for e in bracket.evidence if e.side is side and e.rigour >= at_least]

    attained, certified = spoken(Side.ATTAINED, Rigour.FLOATING), spoken(Side.CERTIFIED, Rigour.FLOATING)
    beyond = [e for e in attained if e.value - e.error > theory]
    forbidden = [e for e in certified if tight and e.value + e.error < theory]
    for e in (*beyond, *forbidden):
        if e.rigour >= Rigour.ENCLOSED:
            how = "attained" if e.side is Side.ATTAINED else "proved to be never exceeded"
            return Verdict.REFUTED, f"{e.value:.9g} is {how} ({e.method}), the claim says {theory:.9g}"
    if beyond or forbidden:
        doubt = (*beyond, *forbidden)[0]
        return (
            Verdict.UNDECIDED,
            f"{doubt.value:.9g} ({doubt.method}) contradicts {theory:.9g}, but only in floating point",
        )

    near = (math.nextafter(theory, -math.inf), math.nextafter(theory, math.inf))
    proofs = [e for e in spoken(Side.THEORY, Rigour.EXACT) if e.exact and near[0] <= e.value <= near[1]]
    exact_instance = [e for e in spoken(Side.ATTAINED, Rigour.EXACT) if e.exact and near[0] <= e.value <= near[1]]
    if proofs and (exact_instance or not tight):
        return Verdict.PROVED, "; ".join(e.method for e in (*proofs, *exact_instance[:1]))

    rigorous_upper = [e for e in spoken(Side.CERTIFIED, Rigour.ENCLOSED) if e.value <= theory + tight * slack]
    rigorous_lower = [e for e in spoken(Side.ATTAINED, Rigour.ENCLOSED) if e.value >= theory - slack]
    if rigorous_upper and (rigorous_lower or not tight):
        return Verdict.CERTIFIED, "; ".join(e.method for e in (*rigorous_upper[:1], *rigorous_lower[:tight]))

    loose = theory + NEARLY * abs(theory) < high < math.inf and not rigorous_upper
    unproved = [e for e in spoken(Side.THEORY, Rigour.EXACT) if not e.exact]
    if loose or unproved:
        known = high if loose else max(e.value for e in unproved)
        return Verdict.UNDECIDED, f"only {known:.9g} is proved, the claim says {theory:.9g}"
    reached = [
        e for e in attained if e.value + e.error >= theory - slack and e.error <= max(slack, COARSE * abs(theory))
    ]
    if not attained and not [e for e in certified if e.value - e.error <= theory]:
        return Verdict.UNDECIDED, f"the upper bound {bracket.upper} does not reach down to the claim's {theory:.9g}"
    if tight and not reached:
        return (
            Verdict.UNDECIDED,
            f"nothing attained comes near the claim's {theory:.9g}; the largest is {bracket.lower}",
        )
    return Verdict.SUPPORTED, "; ".join(e.method for e in (*attained, *certified)[:2]) + ": within the stated accuracy"


def decide(claim: Claim, case: str, bracket: Bracket, witness: Mapping[str, Any] | None = None) -> Result:
    """The result of one claim in one case whose hypotheses are met, as the judge sees it."""
    verdict, reason = judge(claim, bracket)
    return Result(claim.id, case, verdict, bracket, reason, witness)


def not_applicable(claim: Claim, case: str, unmet: str) -> Result:
    """The result where a hypothesis fails; ``unmet`` names it and says by how much."""
    empty = Bracket(None, None, None)
    verdict, reason = judge(claim, empty, unmet)
    return Result(claim.id, case, verdict, empty, reason)


def undecided(claim: Claim, case: str, reason: str) -> Result:
    """The result where a witness could not be called at all."""
    return Result(claim.id, case, Verdict.UNDECIDED, Bracket(None, None, None), reason)
