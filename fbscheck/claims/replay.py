"""Evaluates a stored result again: nothing is solved or sampled, all numbers come from what was stored.

Every chapter separates finding (solvers, samples, floating point) from evaluating (the kernel,
exact instances, ball arithmetic).  Here the second half runs alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.claims import (
    catalogue,
    coherence,
    contraction,
    contraction_map,
    controls,
    fixed_point,
    flow,
    lipschitz,
    many_steps,
    nonconvex,
    prox,
    recovery,
    recovery_controls,
    stability,
    stability_controls,
    weighted,
)
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import FbscheckError
from fbscheck.judge import decide
from fbscheck.splitting.classes import GradientOf, factor_squared
from fbscheck.verdict import Claim, Evidence, Result

__all__ = ["replay", "sampled"]


def sampled(claim: Claim, evidence: Sequence[Evidence]) -> int:
    """How many of the first pieces of evidence rest on samples, which are not stored; they are taken as stated.

    Raises
    ------
    kernel.Refusal
        If samples cannot have given them.
    """
    if not claim.id.removeprefix("planted.").startswith("prox."):
        return 0
    prox.require_sampled(claim, evidence)
    return 1


def replay(
    claim: Claim, case: str, certificate: Mapping[str, Any] | None, witness: Mapping[str, Any], arrays: Arrays
) -> Result:
    """The result that certificate and witness lead to, with both as they should be: nothing missing, nothing more.

    Of chapter "prox" it lacks the first piece of evidence, which rests on samples.

    Raises
    ------
    kernel.Refusal
        If they are incomplete or malformed, are not about one case, or prove nothing.
    """
    try:
        with np.errstate(all="ignore"):
            return _replay(claim, case, certificate or {}, witness, arrays)
    except (
        FbscheckError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise kernel.Refusal(f"it is incomplete or malformed: {type(error).__name__} {error}") from None


def _replay(
    claim: Claim, case: str, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays
) -> Result:
    chapter = claim.id.removeprefix("planted.").partition(".")[0]
    if chapter == "prox":
        return prox.replay(claim, witness, arrays)
    if chapter == "catalogue":
        return catalogue.replay(claim, witness, arrays)
    if claim in nonconvex.CLAIMS:
        return nonconvex.replay(claim, witness, arrays)
    if chapter == "fixed-point":
        return fixed_point.replay(claim, case, witness, arrays)
    if chapter == "stability":
        evaluate = flow.replay if "path" in witness else stability.replay
        return evaluate(claim, witness, arrays)
    if chapter == "lipschitz" or claim in lipschitz.CONTROLS:
        return lipschitz.replay(claim, certificate, witness, arrays)
    if claim in stability_controls.CONTROLS:
        return stability_controls.replay(claim, witness)
    if chapter == "lista":
        return _lista(claim, certificate, witness, arrays)
    if claim in recovery_controls.CLAIMS:
        return recovery_controls.replay(claim, witness, arrays)
    if chapter == "contraction" or claim.id == controls.NOT_A_GRADIENT.id:
        return _contraction(claim, certificate, witness)
    return controls.replay(claim, witness)


def _lista(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    kind = claim.id.removeprefix("planted.")
    if kind == weighted.WEIGHTED.id:
        return weighted.replay(claim, certificate, witness, arrays)
    if kind in (known.id for known in coherence.CLAIMS):
        return coherence.replay(claim, certificate, witness, arrays)
    return recovery.replay(claim, witness, arrays)


def _contraction(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any]) -> Result:
    kind = claim.id.removeprefix("planted.")
    instance, scale = scale_of(witness, claim.control)
    if kind == contraction_map.MAP.id:
        bracket, name, worst = contraction_map.evaluate(certificate["records"], scale)
        return decide(claim, name, bracket, worst)
    if kind in (known.id for known in many_steps.CLAIMS):
        steps = many_steps.case_of(instance)
        bracket = many_steps.evaluate(claim, certificate, instance, steps.product * scale**2)
        return decide(claim, steps.name, bracket, scaled(instance, scale))
    case = contraction.case_of(instance)
    claimed = case.operators
    if kind == controls.NOT_A_GRADIENT.id:
        claimed = GradientOf(case.operators.constants["mu"], case.operators.constants["ell"])
    elif kind != contraction.claim_for(case).id:
        raise kernel.Refusal(f"the witness belongs to another claim, {contraction.claim_for(case).id}")
    theory = factor_squared(claimed, case.step, case.strong_convexity) * scale**2
    bracket = contraction.evaluate(certificate, instance, theory)
    return decide(claim, case.name, bracket, scaled(instance, scale))
