"""The records every claim ends in; :mod:`fbscheck.judge` reads the verdict off them.

A claim about a number is squeezed: ``lower`` (attained by an instance) <= ``theory`` (a formula)
<= ``upper`` (certified: nothing in the class exceeds it).  Each side comes with :class:`Evidence`
that says how rigorous it is; the judge never sees anything else.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
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
    "planted",
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
    AT_LEAST = "at least"
    """The number is never below the theory's value; the judge sees both with their signs changed."""
    MEASURED = "measured"
    """No value is stated; the number is enclosed, or bounded from one side."""
    COMPARED = "compared"
    """Several methods bound one number, and none may be exceeded: cases are called "SUBJECT | METHOD"."""


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


@final
@dataclass(frozen=True)
class Hypothesis:
    """A condition of a claim: its LaTeX statement, and by how much a case meets it.

    A margin >= 0 meets it; a ``strict`` condition needs a margin > 0.
    """

    statement: str
    margin: Callable[[Any], float | Fraction]
    strict: bool = False

    def unmet(self, parameters: Any) -> str | None:
        """Name the condition and say by how much ``parameters`` miss it, or None if they meet it."""
        margin = self.margin(parameters)
        if margin > 0 or (margin == 0 and not self.strict):
            return None
        if margin != margin:
            return f"hypothesis {plain(self.statement)} cannot be decided: its margin is NaN"
        missed = f"off by {decimal(-Fraction(margin), 3)}" if margin else "there is equality"
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
    """One line of a plot: its label, its points, and how to draw them.

    The style is "line", "points", "dots" (many small ones), "area" (what the points enclose), "arrow" (from the
    first to the second), "cells" (rectangles, by two corners each) or "image": there ``x`` holds the numbers of
    rows and columns, ``y`` the entries by rows.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: str = "line"


@final
@dataclass(frozen=True)
class Plot:
    """The data of one figure; ``claim`` says where in the report it belongs.

    Images come alone, in two rows: those of a column share their grey scale.
    """

    claim: str
    name: str
    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log_y: bool = False
    equal: bool = False


@final
@dataclass(frozen=True)
class Result:
    """The verdict on one claim in one case, with everything it rests on.

    ``witness`` holds the instance behind an attained value or a counterexample, exactly; ``arrays``
    are those that it and the certificate refer to by name.
    """

    claim: str
    case: str
    verdict: Verdict
    bracket: Bracket
    reason: str
    witness: Mapping[str, Any] | None = None
    seconds: float = 0.0
    plots: tuple[Plot, ...] = field(default=(), compare=False)
    arrays: Mapping[str, Any] = field(default_factory=dict, compare=False)


def plain(latex: str) -> str:
    """A short LaTeX formula as it is said in running text: ``h\\ell \\leq 1`` becomes ``h ell <= 1``."""
    spoken = re.sub(r"\\(leq?|geq?)(?![a-z])", lambda relation: " <= " if relation[1][0] == "l" else " >= ", latex)
    return " ".join(re.sub(r"\\([A-Za-z]+)", r" \1 ", spoken).split())


def decimal(value: Fraction, digits: int) -> str:
    """A rational in ``digits`` significant decimal digits, whatever its size."""
    quotient = Decimal(value.numerator) / Decimal(value.denominator)
    inside = 1e-300 < abs(quotient) < 1e300
    return f"{float(quotient) if inside else quotient:.{digits}g}"


def finite_or_none(value: float | None) -> float | None:
    """``value`` if JSON can hold it, else None (unknown)."""
    return value if value is not None and math.isfinite(value) else None
