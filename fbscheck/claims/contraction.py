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

from fbscheck.certify import kernel
from fbscheck.certify.balls import root_down, root_up, round_down, round_up
from fbscheck.errors import SolverError
from fbscheck.inputs import Number, nonnegative, positive
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.proofs.multipliers import multipliers, regime
from fbscheck.splitting.classes import (
    GradientOf,
    OperatorClass,
    Rotation,
    StronglyMonotoneLipschitz,
    factor_squared,
    kernel_record,
)
from fbscheck.verdict import Bracket, Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side, decimal

__all__ = [
    "CLAIMS",
    "COCOERCIVE_LONG",
    "COCOERCIVE_SHORT",
    "GRADIENT",
    "LIPSCHITZ",
    "MAP",
    "Step",
    "assess",
    "assess_map",
    "bracket_of",
    "claim_for",
    "contraction_factor",
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
    "Polyak 1963; Ryu and Boyd 2016; proof: contraction",
    (H_POSITIVE, SIGMA, ORDERED),
)
LIPSCHITZ = Claim(
    "contraction.monotone-lipschitz",
    "Step with a monotone Lipschitz operator",
    r"|Tx-Ty| \leq \frac{\sqrt{1-2h\mu+h^2\ell^2}}{1+h\sigma}\,|x-y|",
    Relation.TIGHT,
    "Bauschke and Combettes 2017, section 22; proof: contraction",
    (H_POSITIVE, SIGMA, ORDERED),
)
COCOERCIVE_SHORT = Claim(
    "contraction.cocoercive-short",
    "Step with a cocoercive operator, short steps",
    r"|Tx-Ty| \leq \frac{\sqrt{1-2h\mu+h^2\mu/\beta}}{1+h\sigma}\,|x-y|",
    Relation.TIGHT,
    "proof: contraction",
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
    "proof: contraction",
    (
        H_POSITIVE,
        SIGMA,
        COMPATIBLE,
        Hypothesis(r"h \ge 2\beta", lambda case: case.step - 2 * case.operators.constants["beta"]),
    ),
)
MAP = Claim(
    "contraction.map",
    "The program alone finds the factor of a gradient step",
    r"|q_{\mathrm{certified}}-\max(|1-h\mu|,\,|1-h\ell|)| \leq 10^{-9}\quad\mathrm{on\ a\ grid\ of}\ h,\mu",
    Relation.AT_MOST,
    "the rounded multipliers of the worst-case program against the exact factor",
)
CLAIMS = (GRADIENT, LIPSCHITZ, COCOERCIVE_SHORT, COCOERCIVE_LONG, MAP)


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
    return decide(claim, case.name, bracket, witness)


def bracket_of(
    case: Step, scale: Fraction = Fraction(1), theory_of: OperatorClass | None = None
) -> tuple[Bracket, dict[str, Any]]:
    """The bracket of a case and the witness that attains its lower end; see :func:`assess`."""
    from fbscheck.reference.worst_case import certify_factor

    own, step, sigma = case.operators, case.step, case.strong_convexity
    theory = factor_squared(theory_of or own, step, sigma) * scale**2
    extremal = own.extremal(step)
    witness = kernel_record(own, step, sigma, side="attained", rotation=_rotation(extremal))
    attained = kernel.conclude(witness)
    evidence = [
        Evidence(
            Side.ATTAINED,
            root_down(attained),
            Rigour.EXACT,
            f"f = {_describe(extremal)} attains it exactly",
            exact=attained == theory,
        )
    ]
    certificate: dict[str, Any] = {"quantity": "|Tx-Ty|^2/|x-y|^2", "records": []}
    case_name = regime(type(own).__name__, own.constants, step)
    closed_form = kernel_record(
        own, step, sigma, side="upper", multipliers=[str(m) for m in multipliers(case_name, own.constants, step, sigma)]
    )
    proved = kernel.conclude(closed_form)
    evidence.append(
        Evidence(
            Side.THEORY, root_up(proved), Rigour.EXACT, f"closed-form multipliers ({case_name})", exact=proved == theory
        )
    )
    certificate["records"].append(closed_form)
    try:
        program = certify_factor(own, step, sigma)
    except SolverError as error:
        evidence.append(Evidence(Side.CERTIFIED, math.inf, Rigour.FLOATING, str(error)))
    else:
        evidence.append(
            Evidence(
                Side.CERTIFIED, root_up(program.squared), Rigour.ENCLOSED, "semidefinite program, rounded multipliers"
            )
        )
        certificate["records"].append(program.record)
    return squeeze(_nearest_root(theory), tuple(evidence), certificate), witness


def assess_map(claim: Claim, count: int, scale: Fraction = Fraction(1)) -> Result:
    """Compare certified with exact factors at count x count values of h in (0, 2) and mu in [0, 1], ell = 1.

    ``scale`` multiplies the certified factors (a planted error if it is not 1).
    """
    from fbscheck.reference.worst_case import certify_factor

    worst, where = Fraction(-1), ""
    for i in range(1, count + 1):
        for j in range(count):
            step, operators = Fraction(2 * i, count + 1), GradientOf(Fraction(j, count - 1), 1)
            exact = factor_squared(operators, step, Fraction(0))
            bound = Fraction(root_up(certify_factor(operators, step).squared)) * scale
            apart = max(bound - Fraction(root_down(exact)), Fraction(root_up(exact)) - bound)
            if apart > worst:
                worst, where = apart, Step(operators, step).name
    method = f"the worst of {count * count} cells is {where}"
    evidence = (
        Evidence(Side.CERTIFIED, round_up(worst), Rigour.ENCLOSED, method),
        Evidence(Side.ATTAINED, round_down(worst) - 2.0**-51, Rigour.ENCLOSED, method),
    )
    return decide(
        claim, f"{count} x {count} cells", squeeze(round_down(Fraction(1, 10**9)), evidence), {"worst": where}
    )


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


def _rotation(instance: Rotation) -> Mapping[str, str]:
    return {"a": str(instance.a), "w_squared": str(instance.w_squared)}


def _describe(instance: Rotation) -> str:
    turn = f" + w J, w^2 = {_short(instance.w_squared)}" if instance.w_squared else ""
    return f"{_short(instance.a)} I{turn}"


def _nearest_root(square: Fraction) -> float:
    low, high = Fraction(root_down(square)), Fraction(root_up(square))
    return float(low if ((low + high) / 2) ** 2 >= square else high)


def _short(value: Fraction) -> str:
    """The fraction itself if it is short, else eight digits."""
    text = str(value)
    return text if len(text) <= 8 else decimal(value, 8)
