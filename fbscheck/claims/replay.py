"""Evaluates a stored result again: nothing is solved or sampled, all numbers come from what was stored.

Every chapter separates finding (solvers, samples, floating point) from evaluating (the kernel,
exact instances, ball arithmetic).  Here the second half runs alone.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.claims.catalogue import cones, nonconvex, operator_constants, promises, prox, rules, sections, sum_control
from fbscheck.claims.fixed_points import fixed_point
from fbscheck.claims.layers import contraction, contraction_map, controls, many_steps
from fbscheck.claims.learning import (
    gamma_nonlinear,
    gamma_parts,
    gamma_rate,
    global_minima,
    gradients,
    interpolation,
    learning_anchors,
    learning_controls,
    optimality,
    perturbation,
    tied,
    trained_paths,
)
from fbscheck.claims.limits import (
    deep_limit,
    deep_limit_constants,
    deep_limit_controls,
    deep_near,
    deep_orders,
    deep_rates,
    weak_controls,
    weak_limit,
)
from fbscheck.claims.networks import flow, lipschitz, local, methods, stability, stability_controls, weighted
from fbscheck.claims.records import scale_of, scaled
from fbscheck.claims.regions import maps
from fbscheck.claims.sparse_recovery import coherence, recovery, recovery_controls
from fbscheck.errors import FbscheckError
from fbscheck.judge import decide
from fbscheck.splitting.classes import GradientOf, factor_squared
from fbscheck.verdict import Claim, Evidence, Result

__all__ = ["replay", "routes", "sampled"]


def sampled(claim: Claim, evidence: Sequence[Evidence]) -> int:
    """How many of the first pieces of evidence rest on samples, which are not stored; they are taken as stated.

    Raises
    ------
    kernel.Refusal
        If samples cannot have given them.
    """
    chapter = {"prox": prox, "rule": rules}.get(claim.id.removeprefix("planted.").partition(".")[0])
    if chapter is None:
        return 0
    chapter.require_sampled(claim, evidence)
    return 1


def replay(
    claim: Claim, case: str, certificate: Mapping[str, Any] | None, witness: Mapping[str, Any], arrays: Arrays
) -> Result:
    """The result that certificate and witness lead to, with both as they should be: nothing missing, nothing more.

    Of chapters "prox" and "rule" it lacks the first piece of evidence, which rests on samples.

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
    evaluate = routes().get(claim.id.removeprefix("planted."))
    if evaluate is None:
        raise kernel.Refusal(f"no result of {claim.id} can be evaluated again")
    given = {"claim": claim, "case": case, "certificate": certificate, "witness": witness, "arrays": arrays}
    return evaluate(**{name: given[name] for name in inspect.signature(evaluate).parameters})


@cache
def routes() -> dict[str, Callable[..., Result]]:
    """By the id of each claim, the function of its chapter that evaluates it; each takes what its parameters name."""
    found: dict[str, Callable[..., Result]] = {
        claim.id: chapter.replay
        for chapter in CHAPTERS
        for claim in (*getattr(chapter, "CLAIMS", ()), *getattr(chapter, "CONTROLS", ()))
    }
    steps = (*contraction.CLAIMS, contraction_map.MAP, *many_steps.CLAIMS, controls.NOT_A_GRADIENT)
    return {**found, **{claim.id: _contraction for claim in steps}}


CHAPTERS: tuple[Any, ...] = (
    promises,
    coherence,
    cones,
    controls,
    deep_limit,
    deep_limit_constants,
    deep_limit_controls,
    deep_near,
    deep_orders,
    deep_rates,
    fixed_point,
    flow,
    gamma_nonlinear,
    gamma_parts,
    gamma_rate,
    gradients,
    global_minima,
    interpolation,
    learning_anchors,
    learning_controls,
    lipschitz,
    local,
    maps,
    methods,
    nonconvex,
    operator_constants,
    optimality,
    perturbation,
    prox,
    recovery,
    recovery_controls,
    rules,
    sections,
    stability,
    stability_controls,
    sum_control,
    tied,
    trained_paths,
    weak_controls,
    weak_limit,
    weighted,
)
"""Modules with claims, or controls, and one function ``replay`` for them."""


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
