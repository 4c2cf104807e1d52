"""The conditions that may be claimed of an operator, and the verdict on each from what was found.

A condition bounds one of the five constants, from above or from below.  Internally every bound is
read from above: where the smallest value counts, both sides change their sign and the judge sees
``-constant <= -bound``.  Results carry the constant itself, enclosed by ``lower`` and ``upper``, and
reasons speak of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, final

from fbscheck.certify.balls import round_up
from fbscheck.checking.conditions import BOUNDS, CONSTANTS
from fbscheck.errors import InputError
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Bracket, Claim, Evidence, Relation, Result, Rigour, Side, Verdict

__all__ = ["CYCLIC", "FIRM", "GRADIENT", "NOTHING", "PLAIN", "Found", "Question", "answer", "parse"]

STATEMENTS = {
    "lipschitz": r"|Tx-Ty| \leq L\,|x-y|",
    "nonexpansive": r"|Tx-Ty| \leq |x-y|",
    "contraction": r"|Tx-Ty| \leq q\,|x-y|,\quad q < 1",
    "monotonicity": r"\langle Tx-Ty,x-y\rangle \geq \mu\,|x-y|^2",
    "cocoercivity": r"\langle Tx-Ty,x-y\rangle \geq \beta\,|Tx-Ty|^2",
    "firmly_nonexpansive": r"\langle Tx-Ty,x-y\rangle \geq |Tx-Ty|^2",
    "averagedness": r"|Tx-Ty|^2+\frac{1-\alpha}{\alpha}|(x-Tx)-(y-Ty)|^2 \leq |x-y|^2",
    "residual": r"|(x-Tx)-(y-Ty)| \leq \varepsilon\,|x-y|",
    "gradient": r"T=\nabla F:\quad\oint\langle Tx,\mathrm{d}x\rangle = 0",
    "prox": r"T=\nabla F,\quad\langle Tx-Ty,x-y\rangle \geq |Tx-Ty|^2",
}
TITLES = {
    "lipschitz": "Lipschitz constant",
    "nonexpansive": "Nonexpansive",
    "contraction": "Contraction",
    "monotonicity": "Monotonicity",
    "cocoercivity": "Cocoercivity",
    "firmly_nonexpansive": "Firmly nonexpansive",
    "averagedness": "Averagedness",
    "residual": "Lipschitz constant of I - T",
    "gradient": "Gradient of a function",
    "prox": "Proximal map of a convex function",
}
CYCLIC = "prox"
"""Being the proximal map of a convex function, which is a gradient and firmly nonexpansive: refuted by a cycle."""
GRADIENT = "gradient"
"""Being the gradient of some function: refuted by a circulation around a closed polygon."""
PLAIN = ("nonexpansive", "firmly_nonexpansive", CYCLIC, GRADIENT)
"""Conditions that take no value."""
BELOW_ONE = math.nextafter(1.0, 0.0)
NOTHING = "no pair of points shows anything beyond the errors of the values (constant there, or a larger box?)"


@final
@dataclass(frozen=True)
class Question:
    """A condition with the bound that is asked about; None: the constant is measured."""

    name: str
    bound: float | None

    @property
    def constant(self) -> str:
        """The name of the constant that it bounds."""
        return BOUNDS[self.name][0] if self.name in BOUNDS else self.name

    @property
    def claim(self) -> Claim:
        """What a report says about it."""
        plain = self.bound in (None, BELOW_ONE) or self.name in PLAIN
        title = TITLES[self.name] + ("" if plain else f" at {self.bound:g}")
        relation = (
            Relation.AT_MOST
            if self.name in (CYCLIC, GRADIENT) or CONSTANTS[self.constant].worse > 0
            else Relation.AT_LEAST
        )
        relation = Relation.MEASURED if self.bound is None else relation
        return Claim(self.name, title, STATEMENTS[self.name], relation, "over pairs of points of the domain")


FIRM = Question("firmly_nonexpansive", 1.0)
"""Part of being a proximal map."""


@final
@dataclass(frozen=True)
class Found:
    """What is known of one constant over the domain; the inner end is attained, the outer one certified or None.

    ``silence`` says why if nothing is attained; ``certificate`` is what the outer end rests on, with its ``arrays``.
    """

    attained: float
    certified: float | None
    how_attained: str
    how_certified: str = ""
    witness: dict[str, Any] | None = None
    silence: str = NOTHING
    certificate: dict[str, Any] | None = None
    arrays: Mapping[str, Any] = field(default_factory=dict)
    proof: str = ""
    """Why the bound that is asked about holds, exactly."""


def parse(claims: Sequence[str]) -> list[Question]:
    """The questions behind ``--claim`` texts such as ``nonexpansive`` or ``contraction=0.9``; all if there are none.

    Raises
    ------
    InputError
        If a condition is unknown or comes with two values, or its value is out of range.
    """
    if not claims:
        constants = [Question(name, None) for name in CONSTANTS]
        return [*constants, Question("nonexpansive", 1.0), FIRM]
    questions = list(dict.fromkeys(_parsed(str(text)) for text in claims))
    names = [question.name for question in questions]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"Need one value of {twice[0]}, got {' and '.join(t for t in claims if twice[0] in t)}.")
    if CYCLIC in names:
        questions.append(FIRM)
    return list(dict.fromkeys(questions))


def _parsed(text: str) -> Question:
    name, equals, value = text.partition("=")
    if name not in TITLES:
        raise InputError(f"Need a condition among {', '.join(TITLES)}, got {name!r}.")
    if name in (CYCLIC, GRADIENT) and not equals:
        return Question(name, 0.0)
    if not equals:
        return Question(name, BELOW_ONE if name == "contraction" else BOUNDS[name][1])
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    least = {"averagedness": math.ulp(0.0), "contraction": 0.0, "lipschitz": 0.0, "residual": 0.0}.get(name, -math.inf)
    largest = BELOW_ONE if name in ("averagedness", "contraction") else math.inf
    if name in PLAIN:
        raise InputError(f"Need {name} without a value, got {text!r}.")
    if not (math.isfinite(bound) and least <= bound <= largest):
        raise InputError(f"Need a value of {name} in its range, as in {name}=0.5, got {value!r}.")
    return Question(name, bound)


def answer(question: Question, found: Found, case: str) -> Result:
    """The verdict on one condition, from what is known of its constant."""
    sign, evidence = CONSTANTS[question.constant].worse, []
    if sign * found.attained != -math.inf:
        evidence.append(Evidence(Side.ATTAINED, sign * found.attained, Rigour.ENCLOSED, found.how_attained))
    if found.certified is not None and (sign * found.certified != math.inf or found.attained == found.certified):
        evidence.append(Evidence(Side.CERTIFIED, sign * found.certified, Rigour.ENCLOSED, found.how_certified))
    if question.bound is not None and found.proof:
        value = round_up(sign * Fraction(repr(question.bound)))
        evidence.append(Evidence(Side.THEORY, value, Rigour.EXACT, found.proof, exact=True))
    if question.bound is None:
        result = _measured(question, evidence, case, found)
    else:
        bracket = squeeze(sign * question.bound, tuple(evidence))
        result = decide(question.claim, case, bracket, found.witness)
        result = replace(result, reason=_reason(question.bound, found, sign, result))
    known = found.certificate if any(e.side is Side.CERTIFIED for e in evidence) else None
    bracket = replace(_upright(result.bracket, sign), certificate=known)
    return replace(result, bracket=bracket, arrays=found.arrays if known else {})


def _reason(bound: float, found: Found, sign: int, result: Result) -> str:
    """Why, in terms of the constant itself; what the judge says where no number of it may have changed its sign."""
    says = f"the claim says {'less than 1' if bound == BELOW_ONE else format(bound + 0.0, '.9g')}"
    if result.verdict is Verdict.REFUTED:
        return f"{found.attained:.9g} is attained ({found.how_attained}), {says}"
    if not result.bracket.evidence:
        return found.silence
    if result.verdict is Verdict.UNDECIDED and found.certified is not None:
        if sign * found.attained > sign * found.certified:
            return f"the bounds contradict each other: {found.attained:.9g} attained, {found.certified:.9g} certified"
        if sign * found.certified > sign * bound:
            return f"only {found.certified:.9g} is proved ({found.how_certified}), {says}"
    return result.reason


def _measured(question: Question, evidence: list[Evidence], case: str, found: Found) -> Result:
    """A constant that nobody stated: a bracket, or what a search attained."""
    bracket = squeeze(None, tuple(evidence))
    if any(math.isnan(e.value) for e in evidence) or not evidence:
        reason = "a witness returned NaN" if evidence else found.silence
        return Result(question.name, case, Verdict.UNDECIDED, bracket, reason, found.witness)
    if all(e.side is Side.ATTAINED for e in evidence):
        why = found.how_certified if found.certified is not None else "the operator is a black box"
        reason = f"{found.how_attained}; nothing bounds it from the other side: {why}"
        return Result(question.name, case, Verdict.SUPPORTED, bracket, reason, found.witness)
    reason = f"{found.how_attained}; {found.how_certified}"
    return Result(question.name, case, Verdict.CERTIFIED, bracket, reason, found.witness)


def _upright(bracket: Bracket, sign: int) -> Bracket:
    """The bracket of the constant itself: of a smallest value, the attained side is the upper one."""
    if sign > 0:
        return bracket
    theory = None if bracket.theory is None else -bracket.theory
    ends = [None if end is None else -end for end in (bracket.upper, bracket.lower)]
    evidence = tuple(replace(e, value=-e.value) for e in bracket.evidence)
    return Bracket(ends[0], theory, ends[1], bracket.certificate, evidence)
