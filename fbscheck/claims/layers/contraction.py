"""Chapter "contraction": the factor of one forward-backward step over a class of operators.

Three witnesses: the formula, with multipliers that prove it (:mod:`fbscheck.proofs.multipliers`);
an extremal operator, evaluated exactly; and the multipliers of a semidefinite program that knows
nothing of the formula, rounded to rationals.  The kernel rechecks all three.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from fbscheck.certify import instances, kernel
from fbscheck.certify.balls import root_down, root_up
from fbscheck.claims.records import require, scaled
from fbscheck.errors import InputError, SolverError
from fbscheck.inputs import Number, nonnegative, positive
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.proofs.multipliers import multipliers, regime
from fbscheck.splitting.classes import (
    GradientOf,
    OperatorClass,
    StronglyMonotoneCocoercive,
    StronglyMonotoneLipschitz,
    factor_squared,
    step_terms,
    steps_record,
)
from fbscheck.verdict import Bracket, Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side, decimal

__all__ = [
    "CLAIMS",
    "COCOERCIVE_LONG",
    "COCOERCIVE_SHORT",
    "GRADIENT",
    "LIPSCHITZ",
    "Step",
    "assess",
    "bound_of",
    "bracket_of",
    "case_of",
    "claim_for",
    "contraction_factor",
    "evaluate",
    "excess",
    "nearest_root",
    "propose",
]


@final
@dataclass(frozen=True)
class Step:
    """One case: a step of length ``step`` over a class, with a sigma-strongly convex g."""

    operators: OperatorClass
    step: Fraction
    strong_convexity: Fraction = Fraction(0)

    @property
    def name(self) -> str:
        """The parameters, short enough for a table."""
        constants = {**self.operators.constants, "h": self.step, "sigma": self.strong_convexity}
        return ", ".join(f"{key}={_short(value)}" for key, value in constants.items() if key != "sigma" or value)


H_POSITIVE = Hypothesis(r"h > 0", lambda case: case.step, strict=True)
SIGMA = Hypothesis(r"\sigma \ge 0", lambda case: case.strong_convexity)
ORDERED = Hypothesis(
    r"0 \le \mu \le \ell", lambda case: case.operators.constants["ell"] - case.operators.constants["mu"]
)
COMPATIBLE = Hypothesis(
    r"\mu\beta \le 1", lambda case: 1 - case.operators.constants["mu"] * case.operators.constants["beta"]
)

GRADIENT = Claim(
    "contraction.gradient",
    "Step with a gradient",
    r"|Tx-Ty| \leq \frac{\max(|1-h\mu|,\,|1-h\ell|)}{1+h\sigma}\,|x-y|",
    Relation.TIGHT,
    "Polyak 1963; Ryu and Boyd 2016; proof: contraction: gradient",
    (H_POSITIVE, SIGMA, ORDERED),
)
LIPSCHITZ = Claim(
    "contraction.monotone-lipschitz",
    "Step with a monotone Lipschitz operator",
    r"|Tx-Ty| \leq \frac{\sqrt{1-2h\mu+h^2\ell^2}}{1+h\sigma}\,|x-y|",
    Relation.TIGHT,
    "Bauschke and Combettes 2017, section 22; proof: contraction: monotone and Lipschitz",
    (H_POSITIVE, SIGMA, ORDERED),
)
COCOERCIVE_SHORT = Claim(
    "contraction.cocoercive-short",
    "Step with a cocoercive operator, short steps",
    r"|Tx-Ty| \leq \frac{\sqrt{1-2h\mu+h^2\mu/\beta}}{1+h\sigma}\,|x-y|",
    Relation.TIGHT,
    "proof: contraction: monotone and cocoercive, h <= 2 beta",
    (
        H_POSITIVE,
        SIGMA,
        COMPATIBLE,
        Hypothesis(r"h \le 2\beta", lambda case: 2 * case.operators.constants["beta"] - case.step),
    ),
)
COCOERCIVE_LONG = Claim(
    "contraction.cocoercive-long",
    "Step with a cocoercive operator, long steps",
    r"|Tx-Ty| \leq \frac{h/\beta-1}{1+h\sigma}\,|x-y|",
    Relation.TIGHT,
    "proof: contraction: monotone and cocoercive, h >= 2 beta",
    (
        H_POSITIVE,
        SIGMA,
        COMPATIBLE,
        Hypothesis(r"h \ge 2\beta", lambda case: case.step - 2 * case.operators.constants["beta"]),
    ),
)
CLAIMS = (GRADIENT, LIPSCHITZ, COCOERCIVE_SHORT, COCOERCIVE_LONG)
QUANTITY = "|Tx-Ty|^2/|x-y|^2"
OPERATORS = {kind.__name__: kind for kind in (GradientOf, StronglyMonotoneLipschitz, StronglyMonotoneCocoercive)}


def claim_for(case: Step) -> Claim:
    """The claim that speaks about a case."""
    if isinstance(case.operators, GradientOf):
        return GRADIENT
    if isinstance(case.operators, StronglyMonotoneLipschitz):
        return LIPSCHITZ
    return COCOERCIVE_SHORT if case.step <= 2 * case.operators.constants["beta"] else COCOERCIVE_LONG


def assess(claim: Claim, case: Step, scale: Fraction = Fraction(1), theory_of: OperatorClass | None = None) -> Result:
    """Squeeze a claim in one case and judge it.

    ``scale`` multiplies the theory's factor (a planted error if it is not 1); ``theory_of`` is the
    class whose formula is claimed, if it is not the case's own (a negative control).
    """
    unmet = claim.unmet(case)
    if unmet is not None:
        return not_applicable(claim, case.name, unmet)
    bracket, witness = bracket_of(case, scale, theory_of)
    return decide(claim, case.name, bracket, scaled(witness, scale))


def bracket_of(
    case: Step, scale: Fraction = Fraction(1), theory_of: OperatorClass | None = None
) -> tuple[Bracket, dict[str, Any]]:
    """The bracket of a case and the witness that attains its lower end; see :func:`assess`."""
    theory = factor_squared(theory_of or case.operators, case.step, case.strong_convexity) * scale**2
    certificate, witness = propose(case)
    return evaluate(certificate, witness, theory), witness


def propose(case: Step) -> tuple[dict[str, Any], dict[str, Any]]:
    """The records that bound the factor of a case from above, and the instance that attains it."""
    from fbscheck.reference.worst_case import certify_factor

    own, step, sigma = case.operators, case.step, case.strong_convexity
    extremal = own.extremal(step)
    witness = steps_record(own, [step], sigma, kind="rotation", a=str(extremal.a), w_squared=str(extremal.w_squared))
    case_name = regime(type(own).__name__, own.constants, step)
    terms = step_terms(own, multipliers(case_name, own.constants, step, sigma))
    certificate = {"quantity": QUANTITY, "closed form": steps_record(own, [step], sigma, kind="steps", terms=terms)}
    try:
        certificate["program"] = certify_factor(own, step, sigma).record
    except SolverError as failure:
        certificate["failure"] = str(failure)
    return certificate, witness


def case_of(record: Mapping[str, Any]) -> Step:
    """The case that a record about one step belongs to.

    Raises
    ------
    kernel.Refusal
        If the record is not about one step over one of the classes.
    """
    name, constants, steps = kernel.setting(record)
    if len(steps) != 1:
        raise kernel.Refusal(f"the record is about {len(steps)} steps, not one")
    sigma = constants.pop("sigma")
    try:
        return Step(OPERATORS[name](*constants.values()), steps[0], sigma)
    except InputError as error:
        raise kernel.Refusal(str(error)) from None


def bound_of(record: Mapping[str, Any], case: Step) -> Fraction:
    """What a kernel record proves of the squared factor of ``case``.

    Raises
    ------
    kernel.Refusal
        If it proves nothing, or is about another case.
    """
    require(record, "steps")
    if case_of(record) != case:
        raise kernel.Refusal(f"the record is not about {case.name}")
    return kernel.conclude(record)


def evaluate(certificate: Mapping[str, Any], witness: Mapping[str, Any], theory: Fraction) -> Bracket:
    """The bracket that the records leave around ``theory``, a squared factor; all numbers are recomputed from them.

    Raises
    ------
    kernel.Refusal
        If a record proves nothing, or they are not about one and the same case.
    """
    require(witness, "rotation")
    case, known = case_of(witness), ("closed form", "program" if "program" in certificate else "failure")
    attained, _ = instances.attained(witness)
    proved = bound_of(certificate["closed form"], case)
    name = regime(type(case.operators).__name__, case.operators.constants, case.step)
    evidence = [
        Evidence(
            Side.ATTAINED,
            root_down(attained),
            Rigour.EXACT,
            f"f = {_describe(witness)} attains it exactly",
            exact=attained == theory,
        ),
        Evidence(
            Side.THEORY, root_up(proved), Rigour.EXACT, f"closed-form multipliers ({name})", exact=proved == theory
        ),
    ]
    if "program" in certificate:
        bound = bound_of(certificate["program"], case)
        method = f"semidefinite program, rounded multipliers{excess(bound, attained)}"
        evidence.append(Evidence(Side.CERTIFIED, root_up(bound), Rigour.ENCLOSED, method))
    else:
        evidence.append(Evidence(Side.CERTIFIED, math.inf, Rigour.FLOATING, str(certificate["failure"])))
    known_as = {"quantity": QUANTITY, **{key: certificate[key] for key in known}}
    return squeeze(nearest_root(theory), tuple(evidence), known_as)


def contraction_factor(operators: OperatorClass, step: Number, strong_convexity: Number = 0.0) -> Bracket:
    """The contraction factor of T = prox_{hg}(I - hf) over a class: lower <= theory <= upper.

    Floats are taken at their exact binary value, Fractions as they are.

    Parameters
    ----------
    operators
        ``GradientOf(mu, ell)``, ``StronglyMonotoneLipschitz(mu, ell)`` or
        ``StronglyMonotoneCocoercive(mu, beta)``.
    step
        h > 0.
    strong_convexity
        sigma >= 0 of g.

    Raises
    ------
    InputError
        If the step or the strong convexity is out of range.

    Examples
    --------
    >>> bracket = contraction_factor(GradientOf(0.25, 1.0), step=1.0)
    >>> bracket.theory
    0.75
    """
    positive(step, "step", "A forward-backward step is a length; the sign belongs to the method.")
    nonnegative(strong_convexity, "strong_convexity", "Weakly convex functions are not covered.")
    return bracket_of(Step(operators, Fraction(step), Fraction(strong_convexity)))[0]


def excess(bound: Fraction, attained: Fraction) -> str:
    """How far a rounded bound is above what is attained, relative to it: the price of rounding at most."""
    if bound == attained:
        return ", no excess"
    return (
        f", excess {decimal((bound - attained) / attained, 2)}" if attained else f", excess {decimal(bound, 2)} over 0"
    )


def _describe(witness: Mapping[str, Any]) -> str:
    square = Fraction(witness["w_squared"])
    turn = f" + w J, w^2 = {_short(square)}" if square else ""
    return f"{_short(Fraction(witness['a']))} I{turn}"


def nearest_root(square: Fraction) -> float:
    """The float64 nearest to the root of ``square``."""
    low, high = Fraction(root_down(square)), Fraction(root_up(square))
    return float(low if ((low + high) / 2) ** 2 >= square else high)


def _short(value: Fraction) -> str:
    """The fraction itself if it is short, else eight digits."""
    text = str(value)
    return text if len(text) <= 8 else decimal(value, 8)
