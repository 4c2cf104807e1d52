"""The records every claim ends in, and the one judge that reads a verdict off them.

A claim about a number is squeezed: ``lower`` (attained by an instance) <= ``theory`` (a formula)
<= ``upper`` (certified: nothing in the class exceeds it).  Each side comes with :class:`Evidence`
that says how rigorous it is; the judge never sees anything else.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import Any, final

__all__ = [
    "Bracket",
    "Claim",
    "Curve",
    "Evidence",
    "Hypothesis",
    "Plot",
    "Relation",
    "Result",
    "Rigour",
    "Side",
    "Verdict",
    "caught",
    "decide",
    "judge",
    "not_applicable",
    "planted",
    "squeeze",
    "undecided",
]


@final
class Verdict(Enum):
    """What may be said of a claim; the values are those of ``results.json``."""

    PROVED = "PROVED"
    """An exact identity (multipliers, squares, witness) that the kernel rechecked."""
    CERTIFIED = "CERTIFIED"
    """A rigorous enclosure in outward-rounded or exact arithmetic, within the stated accuracy."""
    SUPPORTED = "SUPPORTED"
    """Floating-point or sampled evidence within the stated accuracy; nothing is guaranteed."""
    REFUTED = "REFUTED"
    """A stored counterexample whose violation exceeds its own rounding error."""
    UNDECIDED = "UNDECIDED"
    """None of these; the reason says why."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """A hypothesis is not met; the reason names it and says by how much."""


@final
class Rigour(IntEnum):
    """How a number was obtained; only the last two can certify or refute."""

    FLOATING = 1
    """Floating point or samples: good to its stated ``error`` as far as anyone knows."""
    ENCLOSED = 2
    """Outward-rounded arithmetic, or exact arithmetic after a rounding that only loosens."""
    EXACT = 3
    """Exact rational arithmetic from input to conclusion."""


@final
class Side(Enum):
    """What a piece of evidence speaks for."""

    ATTAINED = "attained"
    """An instance reaches ``value``: the true number is at least that."""
    THEORY = "theory"
    """The formula itself is proved: the true number is at most the theory's value."""
    CERTIFIED = "certified"
    """Nothing exceeds ``value``: the true number is at most that."""


@final
class Relation(Enum):
    """What a claim says about the number it is about."""

    AT_MOST = "at most"
    """The number never exceeds the theory's value."""
    TIGHT = "tight"
    """The theory's value is the supremum: never exceeded, and attained."""


@final
@dataclass(frozen=True)
class Evidence:
    """One witness: a number, what it speaks for, and how much it can be trusted.

    ``value`` is rounded away from what would flatter it: down if attained, up if certified.
    ``error`` bounds what rounding may have done to a FLOATING value.  ``exact`` says that the
    number behind ``value`` equals the theory's as an exact number, not only to rounding.
    """

    side: Side
    value: float
    rigour: Rigour
    method: str
    error: float = 0.0
    exact: bool = False

    def as_json(self) -> dict[str, Any]:
        """The entry of this evidence in ``results.json``."""
        return {
            "side": self.side.value,
            "value": finite_or_none(self.value),
            "rigour": self.rigour.name,
            "method": self.method,
            "error": finite_or_none(self.error),
            "exact": self.exact,
        }


@final
@dataclass(frozen=True)
class Bracket:
    """``lower`` (attained) <= ``theory`` <= ``upper`` (certified); None where nobody spoke.

    ``lower`` is rounded down and ``upper`` up; ``theory`` is the nearest float.  ``certificate``
    holds the records that :func:`fbscheck.certify.kernel.conclude` rechecks.
    """

    lower: float | None
    theory: float | None
    upper: float | None
    certificate: Mapping[str, Any] | None = None
    evidence: tuple[Evidence, ...] = ()


def squeeze(
    theory: float | None, evidence: tuple[Evidence, ...], certificate: Mapping[str, Any] | None = None
) -> Bracket:
    """The bracket that ``evidence`` leaves: its largest attained, its smallest certified value."""
    attained = [e.value - e.error for e in evidence if e.side is Side.ATTAINED]
    certified = [e.value + e.error for e in evidence if e.side is Side.CERTIFIED]
    return Bracket(max(attained, default=None), theory, min(certified, default=None), certificate, evidence)


@final
@dataclass(frozen=True)
class Hypothesis:
    """A condition of a claim: its LaTeX statement, and by how much a case meets it.

    A margin >= 0 meets it; a ``strict`` condition needs a margin > 0.
    """

    statement: str
    margin: Callable[[Any], float]
    strict: bool = False

    def unmet(self, parameters: Any) -> str | None:
        """Name the condition and say by how much ``parameters`` miss it, or None if they meet it."""
        margin = self.margin(parameters)
        if margin > 0 or (margin == 0 and not self.strict):
            return None
        missed = f"off by {-margin:.3g}" if margin else "there is equality"
        return f"hypothesis {plain(self.statement)} is not met: {missed}"


@final
@dataclass(frozen=True)
class Claim:
    """A statement that can be wrong.

    ``control`` marks a statement that is false and must come out REFUTED or NOT_APPLICABLE: a
    negative control, or a planted error.  ``accuracy`` is the relative width within which a
    rigorous enclosure decides (CERTIFIED) and floating evidence agrees (SUPPORTED).
    """

    id: str
    title: str
    statement: str
    relation: Relation
    source: str
    hypotheses: tuple[Hypothesis, ...] = ()
    accuracy: float = 1e-9
    control: bool = False

    def unmet(self, parameters: Any) -> str | None:
        """Name the first hypothesis that ``parameters`` violate and by how much, or None."""
        return next((text for h in self.hypotheses if (text := h.unmet(parameters)) is not None), None)

    def holds(self, verdict: Verdict) -> bool:
        """Whether ``verdict`` is what should come out: for a control, that the error is caught."""
        return caught(self.id, verdict) if self.control else verdict not in (Verdict.REFUTED, Verdict.UNDECIDED)


def caught(claim: str, verdict: Verdict) -> bool:
    """Whether a false claim was seen through: a planted error must be refuted, a control may be inapplicable."""
    return verdict is Verdict.REFUTED or (verdict is Verdict.NOT_APPLICABLE and not claim.startswith("planted."))


def planted(claim: Claim, error: str = "a constant 1% too small") -> Claim:
    """The same claim with a planted error, which must be caught."""
    return replace(claim, id=f"planted.{claim.id}", title=f"{claim.title}, with {error}", control=True)


@final
@dataclass(frozen=True)
class Curve:
    """One line of a plot: its label, its points, and how to draw them ("line" or "points")."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: str = "line"


@final
@dataclass(frozen=True)
class Plot:
    """The data of one figure; ``claim`` says where in the report it belongs."""

    claim: str
    name: str
    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log_y: bool = False


@final
@dataclass(frozen=True)
class Result:
    """The verdict on one claim in one case, with everything it rests on.

    ``witness`` holds the instance behind an attained value or a counterexample, exactly.
    """

    claim: str
    case: str
    verdict: Verdict
    bracket: Bracket
    reason: str
    witness: Mapping[str, Any] | None = None
    seconds: float = 0.0
    plots: tuple[Plot, ...] = field(default=(), compare=False)


def plain(latex: str) -> str:
    """A short LaTeX formula as it is said in running text: ``h\\ell \\leq 1`` becomes ``h ell <= 1``."""
    spoken = re.sub(r"\\(leq?|geq?)(?![a-z])", lambda relation: " <= " if relation[1][0] == "l" else " >= ", latex)
    return " ".join(re.sub(r"\\([A-Za-z]+)", r" \1 ", spoken).split())


def finite_or_none(value: float | None) -> float | None:
    """``value`` if JSON can hold it, else None (unknown)."""
    return value if value is not None and math.isfinite(value) else None


COARSE = 1e-3
"""An instance whose own relative error is larger than this does not show that a value is attained."""


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
    rigorous = [e for e in bracket.evidence if e.rigour >= Rigour.ENCLOSED]
    low = max((e.value for e in rigorous if e.side is Side.ATTAINED), default=-math.inf)
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

    loose = [e for e in spoken(Side.CERTIFIED, Rigour.ENCLOSED) if e.value < math.inf] and not rigorous_upper
    unproved = [e for e in spoken(Side.THEORY, Rigour.EXACT) if not e.exact]
    if loose or unproved:
        known = high if loose else max(e.value for e in unproved)
        return Verdict.UNDECIDED, f"only {known:.9g} is proved, the claim says {theory:.9g}"
    reached = [
        e for e in attained if e.value + e.error >= theory - slack and e.error <= max(slack, COARSE * abs(theory))
    ]
    measured = [e for e in attained if math.isfinite(e.value)]
    if not measured and not [e for e in certified if e.value - e.error <= theory]:
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
