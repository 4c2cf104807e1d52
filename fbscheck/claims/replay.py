"""Evaluates a stored result again: nothing is solved or sampled, all numbers come from what was stored.

Every chapter separates finding (solvers, samples, floating point) from evaluating (the kernel,
exact instances, ball arithmetic).  Here the second half runs alone.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.claims import contraction, contraction_map, controls, fixed_point, many_steps, prox
from fbscheck.errors import FbscheckError
from fbscheck.judge import decide
from fbscheck.splitting.classes import factor_squared
from fbscheck.verdict import Claim, Result

__all__ = ["replay"]


def replay(
    claim: Claim, case: str, certificate: Mapping[str, Any] | None, witness: Mapping[str, Any], arrays: Arrays
) -> Result:
    """The result that certificate and witness lead to; of a planted error or a control with the true theory's value.

    Raises
    ------
    kernel.Refusal
        If they are incomplete or malformed, are not about one case, or prove nothing.
    """
    try:
        return _replay(claim, case, certificate or {}, witness, arrays)
    except (FbscheckError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise kernel.Refusal(f"it is incomplete or malformed: {type(error).__name__} {error}") from None


def _replay(
    claim: Claim, case: str, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays
) -> Result:
    chapter = claim.id.removeprefix("planted.").partition(".")[0]
    if chapter == "prox":
        return prox.replay(claim, witness, arrays)
    if chapter == "fixed-point":
        return fixed_point.replay(claim, case, witness, arrays)
    if chapter == "contraction" or claim.id == controls.NOT_A_GRADIENT.id:
        return _contraction(claim, certificate, witness)
    return controls.replay(claim, witness)


def _contraction(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any]) -> Result:
    kind = claim.id.removeprefix("planted.")
    if kind == contraction_map.MAP.id:
        scale = Fraction(witness["scale"])
        if scale != 1 and not claim.control:
            raise kernel.Refusal(f"the factors were scaled by {scale}, which is for planted errors only")
        bracket, name, again = contraction_map.evaluate(certificate["records"], scale)
        if again != witness:
            raise kernel.Refusal("the worst cell is another one")
        return decide(claim, name, bracket, witness)
    if kind in (known.id for known in many_steps.CLAIMS):
        steps = many_steps.case_of(witness)
        return decide(claim, steps.name, many_steps.evaluate(claim, certificate, witness, steps.product), witness)
    case = contraction.case_of(witness)
    if kind not in (contraction.claim_for(case).id, controls.NOT_A_GRADIENT.id):
        raise kernel.Refusal(f"the witness belongs to another claim, {contraction.claim_for(case).id}")
    theory = factor_squared(case.operators, case.step, case.strong_convexity)
    return decide(claim, case.name, contraction.evaluate(certificate, witness, theory), witness)
