r"""Chapter "gamma": the parts of convergence of training problems, on sequences of parameters that are made for it.

Sequences, and the bound omega on the distance of losses, are those of :mod:`fbscheck.claims.learning.sequences`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, norm, round_up, upper
from fbscheck.certify.spectra import norms_upper
from fbscheck.claims.learning.sequences import Sequence, refined
from fbscheck.claims.limits.paths import between, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "COERCIVE", "LIMINF", "LIMSUP", "LOSSES", "RECOVERY", "assess", "replay"]


AVERAGED = Hypothesis(r"\theta_N = P_N\theta", lambda case: int(case.averaged) - 1)
SQUARE = Hypothesis(r"p = 2", lambda case: int(case.power == 2) - 1)

LOSSES = Claim(
    "gamma.losses",
    "Losses of networks whose parameters converge weakly",
    r"\Bigl|\frac1{2S}\sum_s|x_N-x^*|^2-|x(1)-x^*|^2\Bigr| \leq \omega_N,\quad "
    r"\omega_N=\frac1S\sum_s(|x_N-x^*|+\tfrac12\rho)\rho",
    Relation.AT_MOST,
    "summation by parts and Gronwall, rho from primitives of parameters (ratio of the two sides)",
)
LIMINF = Claim(
    "gamma.liminf",
    "Lower limit along weakly convergent parameters",
    r"J(\theta) \leq J_N(\theta_N)+\omega_N+2a\,\Bigl|\int\langle\theta,\theta_N-\theta\rangle\Bigr|",
    Relation.AT_MOST,
    "losses; convexity of the penalty (J(theta) - J_N(theta_N) against the rest)",
    (SQUARE,),
)
LIMSUP = Claim(
    "gamma.limsup",
    "Upper limit along recovery sequences",
    r"J_N(P_N\theta) \leq J(\theta)+\omega_N",
    Relation.AT_MOST,
    "losses; Jensen's inequality for the penalty (J_N(P_N theta) - J(theta) against the bound)",
    (AVERAGED,),
)
RECOVERY = Claim(
    "gamma.recovery",
    "Averages over layers cost no more",
    r"\int|P_N\theta|^p \leq \int|\theta|^p",
    Relation.AT_MOST,
    "Jensen's inequality; rational arithmetic (ratio of the two sides)",
    (AVERAGED,),
)
COERCIVE = Claim(
    "gamma.coercive",
    "No layer acts by a finite amount",
    r"h\|K_n\| \leq \Bigl(\frac{J_N(0)}a\Bigr)^{1/p}h^{1-1/p}",
    Relation.AT_MOST,
    "one term of the penalty, which is at most J_N(0) (p-th power of the ratio of the two sides)",
    (Hypothesis(r"J_N(\theta_N) \leq J_N(0)", lambda case: Fraction(-upper(_value(case, True) - _nothing(case)))),),
)
CLAIMS = (LOSSES, LIMINF, LIMSUP, RECOVERY, COERCIVE)


def assess(claim: Claim, case: Sequence, scale: float = 1.0) -> Result:
    """Measure one of ``CLAIMS`` on a sequence; ``scale`` multiplies its bound (a planted error if it is not 1)."""
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    theory, evidence = _SIDES[claim.id.removeprefix("planted.")](case)
    arrays: Arrays = {}
    witness = scaled({"sequence": case.describe(arrays)}, scale)
    return replace(decide(claim, case.name, squeeze(scale * theory, evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the sequence in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"sequence"}:
        raise kernel.Refusal("the witness is no sequence")
    return assess(claim, Sequence.restore(content["sequence"], arrays), float(scale))


Sides = tuple[float, tuple[Evidence, ...]]


def _losses(case: Sequence) -> Sides:
    ratio = abs(case.loss(case.states[-1]) - case.loss(case.end)) / case.gap
    return 1.0, _enclosed(ratio, case)


def _liminf(case: Sequence) -> Sides:
    linear = abs(_linear(case)) * 2 * Fraction(case.a)
    return up(upper(case.gap + ball(linear))), _enclosed(_value(case, False) - _value(case, True), case)


def _limsup(case: Sequence) -> Sides:
    return up(upper(case.gap)), _enclosed(_value(case, True) - _value(case, False), case)


def _recovery(case: Sequence) -> Sides:
    ratio = case.penalty(True) / case.penalty(False)
    method = f"exact sums over {len(case.K)} pieces and {case.depth} layers"
    sides = (Side.ATTAINED, -round_up(-ratio)), (Side.CERTIFIED, round_up(ratio))
    return 1.0, tuple(Evidence(side, value, Rigour.EXACT, method) for side, value in sides)


def _coercive(case: Sequence) -> Sides:
    """(h|K_n|)^p a h^{1-p} / J_N(0), the norm of K from above; from below, that of the layer's largest column."""
    h, power, bound = ball(Fraction(1, case.depth)), case.power, _nothing(case)
    high = ball(float(norms_upper(case.own_K).max()))
    low = max((norm(exact(column)) for K in case.own_K for column in K.T), key=lower)
    ends = [(size**power) * h * ball(case.a) / bound for size in (low, high)]
    return 1.0, between(lower(ends[0]), upper(ends[1]), _method(case))


def _value(case: Sequence, own: bool) -> Any:
    return case.loss(case.states[-1] if own else case.end) + ball(Fraction(case.a) * case.penalty(own))


def _nothing(case: Sequence) -> Any:
    """J_N(0)."""
    return case.loss(exact(case.x0))


def _enclosed(found: Any, case: Sequence) -> tuple[Evidence, ...]:
    return between(lower(found), upper(found), _method(case))


def _method(case: Sequence) -> str:
    return f"{case.depth} layers and {len(case.K)} exponentials of matrices in ball arithmetic"


def _linear(case: Sequence) -> Fraction:
    """int <theta, theta_N - theta>, exactly."""
    total = -case.penalty(False)
    for own, limit in ((case.own_K, case.K), (case.own_L, case.L)):
        one, other = refined(own, limit)
        pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
        total += sum((Fraction(x) * Fraction(y) for x, y in pairs if x and y), Fraction(0)) / len(one)
    return total


_SIDES: dict[str, Callable[[Sequence], Sides]] = {
    LOSSES.id: _losses,
    LIMINF.id: _liminf,
    LIMSUP.id: _limsup,
    RECOVERY.id: _recovery,
    COERCIVE.id: _coercive,
}
