"""Chapter "contraction": N steps of varying lengths, with the same f and g in all of them.

Between two trajectories the product of the single factors is the constant: it is proved layer by
layer and attained.  The distance to a fixed point obeys it too, but often shrinks more: the kernel's
record over all layers says how much.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, final

from fbscheck.certify import instances, kernel
from fbscheck.certify.balls import root_down, root_up
from fbscheck.claims.layers.contraction import OPERATORS, Step, bound_of, excess, nearest_root, propose
from fbscheck.claims.records import require, scaled
from fbscheck.errors import InputError, SolverError
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.splitting.classes import OperatorClass, factor_squared
from fbscheck.splitting.extremal import between_trajectories, to_fixed_point
from fbscheck.verdict import Bracket, Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "FIXED_POINT", "TRAJECTORIES", "Steps", "assess", "case_of", "evaluate"]


@final
@dataclass(frozen=True)
class Steps:
    """One case: steps of the given lengths over a class, with a sigma-strongly convex g."""

    operators: OperatorClass
    steps: tuple[Fraction, ...]
    strong_convexity: Fraction = Fraction(0)

    @property
    def name(self) -> str:
        """The parameters; of more than four steps the first three, and their number."""
        constants = ", ".join(f"{key}={value}" for key, value in self.operators.constants.items())
        sigma = f", sigma={self.strong_convexity}" if self.strong_convexity else ""
        first = ", ".join(map(str, self.steps if len(self.steps) <= 4 else (*self.steps[:3], "...")))
        return f"{constants}{sigma}, N={len(self.steps)}, h=({first})"

    @property
    def product(self) -> Fraction:
        """The product of the squared factors of the single steps."""
        return prod((factor_squared(self.operators, h, self.strong_convexity) for h in self.steps), start=Fraction(1))


POSITIVE = (
    Hypothesis(r"h_k > 0", lambda case: min(case.steps), strict=True),
    Hypothesis(r"\sigma \ge 0", lambda case: case.strong_convexity),
)
TRAJECTORIES = Claim(
    "contraction.trajectories",
    "Steps of varying lengths, between two trajectories",
    r"|x_N-y_N| \leq \textstyle\prod_k q_k\,|x_0-y_0|,\quad q_k = \mathrm{the\ factor\ of\ step}\ h_k",
    Relation.TIGHT,
    "proof: contraction (once a step); attained by an f that is bent near one trajectory",
    POSITIVE,
)
FIXED_POINT = Claim(
    "contraction.to-fixed-point",
    "Steps of varying lengths, to a fixed point of all of them",
    r"|x_N-x^*| \leq \textstyle\prod_k q_k\,|x_0-x^*|,\quad x^* = T_{h_k}x^*",
    Relation.AT_MOST,
    "proof: contraction (once a step); upper bound by one program over all layers (Taylor, Hendrickx and Glineur 2017)",
    POSITIVE,
)
CLAIMS = (TRAJECTORIES, FIXED_POINT)


def assess(claim: Claim, case: Steps, scale: Fraction = Fraction(1)) -> Result:
    """Squeeze a claim of ``CLAIMS``, or one planted from it, and judge it; ``scale`` is the planted error."""
    unmet = claim.unmet(case)
    if unmet is not None:
        return not_applicable(claim, case.name, unmet)
    own, steps, sigma = case.operators, case.steps, case.strong_convexity
    layers = {h: propose(Step(own, h, sigma))[0]["closed form"] for h in set(steps)}
    certificate: dict[str, Any] = {"layers": [layers[h] for h in steps]}
    if claim.id.endswith(TRAJECTORIES.id):
        witness = between_trajectories(own, steps, sigma)
    else:
        witness = to_fixed_point(own, steps, sigma)
        certificate |= _joint(case)
    bracket = evaluate(claim, certificate, witness, case.product * scale**2)
    return decide(claim, case.name, bracket, scaled(witness, scale))


def _joint(case: Steps) -> dict[str, Any]:
    from fbscheck.reference.many_steps import certify_steps

    try:
        return {"program": certify_steps(case.operators, case.steps, case.strong_convexity).record}
    except SolverError as failure:
        return {"failure": str(failure)}


def case_of(record: Mapping[str, Any]) -> Steps:
    """The case that a record is about.

    Raises
    ------
    kernel.Refusal
        If it is about none.
    """
    name, constants, steps = kernel.setting(record)
    sigma = constants.pop("sigma")
    try:
        return Steps(OPERATORS[name](*constants.values()), tuple(steps), sigma)
    except InputError as error:
        raise kernel.Refusal(str(error)) from None


def evaluate(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], theory: Fraction) -> Bracket:
    """The bracket that the records leave around ``theory``, a squared factor.

    Raises
    ------
    kernel.Refusal
        If a record proves nothing, or they are not about one and the same case.
    """
    require(witness, "rotation", "graph")
    case, (attained, fixed) = case_of(witness), instances.attained(witness)
    kind = {"rotation": "a rotation", "graph": "an f bent near the points of one trajectory"}[witness["kind"]]
    proved, method = _product_of(certificate["layers"], case), f"closed-form multipliers of {len(case.steps)} layers"
    evidence = [
        Evidence(
            Side.ATTAINED, root_down(attained), Rigour.EXACT, f"{kind}, in exact arithmetic", exact=attained == theory
        ),
        Evidence(Side.THEORY, root_up(proved), Rigour.EXACT, method, exact=proved == theory),
    ]
    known: dict[str, Any] = {"quantity": "|x_N-x*|^2/|x_0-x*|^2", "layers": certificate["layers"]}
    if claim.id.endswith(TRAJECTORIES.id):
        known["quantity"] = "|x_N-y_N|^2/|x_0-y_0|^2"
        evidence.append(Evidence(Side.CERTIFIED, root_up(proved), Rigour.ENCLOSED, method))
    elif not fixed:
        raise kernel.Refusal("the instance does not start at a fixed point")
    elif "program" in certificate:
        known["program"] = certificate["program"]
        require(known["program"], "steps")
        if case_of(known["program"]) != case:
            raise kernel.Refusal(f"the record is not about {case.name}")
        bound = kernel.conclude(known["program"])
        method = f"semidefinite program over all layers, rounded{excess(bound, attained)}"
        evidence.append(Evidence(Side.CERTIFIED, root_up(bound), Rigour.ENCLOSED, method))
    else:
        known["failure"] = str(certificate["failure"])
    return squeeze(nearest_root(theory), tuple(evidence), known)


def _product_of(layers: Sequence[Mapping[str, Any]], case: Steps) -> Fraction:
    """What the records of the single layers prove together; equal records are rechecked once."""
    if len(layers) != len(case.steps):
        raise kernel.Refusal(f"{len(layers)} layers for {len(case.steps)} steps")
    known: dict[tuple[str, Fraction], Fraction] = {}
    for layer, step in (pairs := [(json.dumps(layer), h) for layer, h in zip(layers, case.steps, strict=True)]):
        if (layer, step) not in known:
            known[layer, step] = bound_of(json.loads(layer), Step(case.operators, step, case.strong_convexity))
    return prod((known[pair] for pair in pairs), start=Fraction(1))
