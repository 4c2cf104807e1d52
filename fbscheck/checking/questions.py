"""The conditions that may be claimed of an operator, and the verdict on each from what was found.

A condition bounds one of the four constants, from above or from below.  Internally every bound is
read from above: where the smallest value counts, both sides change their sign and the judge sees
``-constant <= -bound``.  Results carry the constant itself, enclosed by ``lower`` and ``upper``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from fbscheck.checking.conditions import BOUNDS, CONSTANTS
from fbscheck.errors import InputError
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Bracket, Claim, Evidence, Relation, Result, Rigour, Side, Verdict

__all__ = ["CYCLIC", "Found", "Question", "answer", "parse"]

STATEMENTS = {
    "lipschitz": r"|Tx-Ty| \leq L\,|x-y|",
    "nonexpansive": r"|Tx-Ty| \leq |x-y|",
    "contraction": r"|Tx-Ty| \leq q\,|x-y|,\quad q < 1",
    "monotonicity": r"\langle Tx-Ty,x-y\rangle \geq \mu\,|x-y|^2",
    "cocoercivity": r"\langle Tx-Ty,x-y\rangle \geq \beta\,|Tx-Ty|^2",
    "firmly_nonexpansive": r"\langle Tx-Ty,x-y\rangle \geq |Tx-Ty|^2",
    "averagedness": r"|Tx-Ty|^2+\frac{1-\alpha}{\alpha}|(x-Tx)-(y-Ty)|^2 \leq |x-y|^2",
    "prox": r"\textstyle\sum_i\langle Tx_i,x_{i+1}-x_i\rangle \leq 0\quad\mathrm{on\ cycles}",
}
TITLES = {
    "lipschitz": "Lipschitz constant",
    "nonexpansive": "Nonexpansive",
    "contraction": "Contraction",
    "monotonicity": "Monotonicity",
    "cocoercivity": "Cocoercivity",
    "firmly_nonexpansive": "Firmly nonexpansive",
    "averagedness": "Averagedness",
    "prox": "Proximal map of a convex function",
}
CYCLIC = "prox"
"""Being a subgradient of a convex function: refuted by a cycle of points."""
BELOW_ONE = math.nextafter(1.0, 0.0)


@final
@dataclass(frozen=True)
class Question:
    """A condition with the bound that is asked about; ``claimed`` if its failure is the user's failure."""

    name: str
    bound: float | None
    claimed: bool

    @property
    def constant(self) -> str:
        """The name of the constant that it bounds."""
        return BOUNDS[self.name][0] if self.name in BOUNDS else self.name

    @property
    def claim(self) -> Claim:
        """What a report says about it."""
        plain = self.bound is None or self.name in ("nonexpansive", "firmly_nonexpansive", CYCLIC)
        title = TITLES[self.name] + ("" if plain else f" at {self.bound:g}")
        return Claim(self.name, title, STATEMENTS[self.name], Relation.AT_MOST, "over pairs of points of the domain")


@final
@dataclass(frozen=True)
class Found:
    """What is known of one constant over the domain; the inner end is attained, the outer one certified or None."""

    attained: float
    certified: float | None
    how_attained: str
    how_certified: str = ""
    witness: dict[str, Any] | None = None


def parse(claims: Sequence[str]) -> list[Question]:
    """The questions behind ``--claim`` texts such as ``nonexpansive`` or ``contraction=0.9``; all if there are none.

    Raises
    ------
    InputError
        If a condition is unknown, or its value is out of range.
    """
    if not claims:
        constants = [Question(name, None, False) for name in CONSTANTS]
        return [*constants, Question("nonexpansive", 1.0, False), Question("firmly_nonexpansive", 1.0, False)]
    questions = [_parsed(text) for text in claims]
    if any(question.name == CYCLIC for question in questions):
        questions.append(Question("firmly_nonexpansive", 1.0, True))
    return list(dict.fromkeys(questions))


def _parsed(text: str) -> Question:
    name, equals, value = text.partition("=")
    if name not in TITLES:
        raise InputError(f"Need a condition among {', '.join(TITLES)}, got {name!r}.")
    if name == CYCLIC and not equals:
        return Question(name, 0.0, True)
    if not equals:
        return Question(name, BELOW_ONE if name == "contraction" else BOUNDS[name][1], True)
    try:
        bound = float(value)
    except ValueError:
        bound = math.nan
    ranges = {"averagedness": (0.0, 1.0), "contraction": (0.0, 1.0), "lipschitz": (0.0, math.inf)}
    low, high = ranges.get(name, (-math.inf, math.inf))
    if name in ("nonexpansive", "firmly_nonexpansive", CYCLIC):
        raise InputError(f"Need {name} without a value, got {text!r}.")
    if not math.isfinite(bound) or not low <= bound <= high or (name == "averagedness" and not 0 < bound < 1):
        raise InputError(f"Need a value of {name} in its range, as in {name}=0.5, got {value!r}.")
    return Question(name, bound, True)


def answer(question: Question, found: Found, case: str) -> Result:
    """The verdict on one condition, from what is known of its constant."""
    sign = CONSTANTS[BOUNDS[question.name][0]].worse
    evidence = [Evidence(Side.ATTAINED, sign * found.attained, Rigour.ENCLOSED, found.how_attained)]
    if found.certified is not None:
        evidence.append(Evidence(Side.CERTIFIED, sign * found.certified, Rigour.ENCLOSED, found.how_certified))
    if question.bound is None:
        result = _measured(question, evidence, case, found)
    else:
        bracket = squeeze(sign * question.bound, tuple(evidence))
        result = decide(question.claim, case, bracket, found.witness)
    return replace(result, bracket=_upright(result.bracket, sign))


def _measured(question: Question, evidence: list[Evidence], case: str, found: Found) -> Result:
    """A constant that nobody stated: a bracket, or what a search attained."""
    bracket = squeeze(None, tuple(evidence))
    if found.certified is None:
        reason = f"{found.how_attained}; nothing bounds it from the other side: the operator is a black box"
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
