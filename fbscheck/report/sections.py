"""What a report says about one claim: its cases in a table, the reasons behind them, its figures, maps and proofs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import final

from fbscheck.report import numerals, sentences
from fbscheck.report.comparison import Comparison, comparisons
from fbscheck.report.lemmas import cited
from fbscheck.report.sentences import Prose
from fbscheck.store import ClaimText, Entry
from fbscheck.verdict import Relation, Verdict

__all__ = [
    "CASES_SHOWN",
    "UNSETTLED",
    "Case",
    "FigureText",
    "Note",
    "Section",
    "case_of",
    "key_of",
    "maps_of",
    "section",
]

CASES_SHOWN = 40
"""Rows of one table; the rest is counted."""

CASES_NAMED = 4
MAPS = "map"
"""The chapter of maps."""

UNSETTLED = (Verdict.REFUTED, Verdict.UNDECIDED, Verdict.NOT_APPLICABLE)
URGENCY = (*UNSETTLED, Verdict.SUPPORTED)
RELATIONS = {
    Relation.AT_MOST.value: "at most: the number never exceeds the theory's value",
    Relation.TIGHT.value: "tight: the theory's value is never exceeded, and it is attained",
    Relation.AT_LEAST.value: "at least: the number is never below the theory's value",
    Relation.COMPARED.value: "compared: bounds of one number by several methods, none of which may be exceeded",
    Relation.MEASURED.value: "measured: no value is stated, the number is bounded from one side or both",
}


@final
@dataclass(frozen=True)
class Case:
    """One row of a table; ``witness`` is the file of a counterexample."""

    title: str
    name: str
    verdict: Verdict
    theory: float | None
    lower: float | None
    upper: float | None
    gap: numerals.Gap | None
    reason: Prose
    witness: str | None


@final
@dataclass(frozen=True)
class Note:
    """A reason, and the cases of a table that share it; ``more`` counts those not named."""

    verdict: Verdict
    cases: tuple[str, ...]
    more: int
    reason: Prose


@final
@dataclass(frozen=True)
class FigureText:
    """A figure: the stem of its files, and its caption."""

    stem: str
    caption: str


@final
@dataclass(frozen=True)
class Section:
    """Everything about one claim, in a table of cases or in comparisons; ``rest`` says what they leave out.

    ``proofs`` are numbers of lemmas of the document, from 1; ``maps`` show where the claim's hypotheses hold.
    """

    claim: ClaimText
    title: str
    relation: str
    tally: str
    cases: tuple[Case, ...]
    comparisons: tuple[Comparison, ...]
    rest: str
    notes: tuple[Note, ...]
    figures: tuple[FigureText, ...]
    proofs: tuple[int, ...]
    maps: tuple[FigureText, ...]


def title_of(claim: ClaimText) -> str:
    """The title of a claim, or its id."""
    return claim.title.strip() or claim.id


def key_of(claim: str) -> str:
    """The chapter of a claim: what stands before the first dot of its id."""
    return claim.partition(".")[0]


def case_of(claim: ClaimText, entry: Entry) -> Case:
    """One result as a row of a table."""
    attained = any(e["side"] == "attained" and e["exact"] for e in entry.evidence)
    return Case(
        title_of(claim),
        entry.case.strip() or "(no name)",
        entry.verdict,
        entry.theory,
        entry.theory if attained else entry.lower,
        entry.upper,
        numerals.gap(entry.lower, entry.theory, entry.upper),
        sentences.prose(entry.reason, claim.hypotheses),
        entry.witness if entry.verdict is Verdict.REFUTED else None,
    )


def maps_of(claim: ClaimText, claims: Mapping[str, ClaimText]) -> frozenset[str]:
    """The maps whose source names the claim: they show where its hypotheses hold."""
    pattern = re.compile(rf"(?<![\w.-]){re.escape(claim.id)}(?![\w-])")
    return frozenset(i for i, other in claims.items() if key_of(i) == MAPS and pattern.search(other.source))


def section(
    claim: ClaimText,
    entries: Sequence[Entry],
    figures: Sequence[tuple[str, FigureText]],
    lemmas: Sequence[str],
    maps: frozenset[str],
) -> Section:
    """What is said about a claim; ``figures`` come with the claims they belong to, ``lemmas`` are names of proofs."""
    compared: tuple[Comparison, ...] = ()
    if claim.relation == Relation.COMPARED.value:
        shown, hidden, compared = comparisons(entries)
    else:
        shown, hidden = _most_informative(entries)
    cases = tuple(case_of(claim, entry) for entry in shown)
    return Section(
        claim=claim,
        title=title_of(claim),
        relation=RELATIONS.get(claim.relation, claim.relation),
        tally=f"{sentences.plural(len(entries), 'case')}: {sentences.tally(entries)}" if entries else "",
        cases=() if compared else cases,
        comparisons=compared,
        rest=sentences.rest(hidden),
        notes=_notes(cases),
        figures=tuple(text for owner, text in figures if owner == claim.id),
        proofs=tuple(lemmas.index(name) + 1 for name in cited(claim.source, lemmas)),
        maps=tuple(text for owner, text in figures if owner in maps),
    )


def _most_informative(entries: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """Those to show and those to count: everything short of rigour first, then the largest gaps."""
    if len(entries) <= CASES_SHOWN:
        return entries, ()

    def rank(entry: Entry) -> tuple[int, Fraction]:
        width = numerals.gap(entry.lower, entry.theory, entry.upper)
        urgency = URGENCY.index(entry.verdict) if entry.verdict in URGENCY else len(URGENCY)
        return urgency, -width.size if width else Fraction(0)

    ranked = sorted(entries, key=rank)
    return ranked[:CASES_SHOWN], ranked[CASES_SHOWN:]


def _notes(cases: Iterable[Case]) -> tuple[Note, ...]:
    """The reasons behind what did not settle, one note for all cases that share a reason."""
    shared: dict[tuple[Verdict, Prose], list[str]] = {}
    for case in cases:
        if case.verdict in UNSETTLED:
            shared.setdefault((case.verdict, case.reason), []).append(case.name)
    return tuple(
        Note(verdict, tuple(names[:CASES_NAMED]), max(0, len(names) - CASES_NAMED), reason)
        for (verdict, reason), names in sorted(shared.items(), key=lambda item: UNSETTLED.index(item[0][0]))
    )
