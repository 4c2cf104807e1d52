"""What a report says, before anyone decides how it looks.

:func:`document` turns a run into records of plain text and numbers.  Both renderers read the same
records, so the PDF and the HTML page cannot disagree.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import final

from fbscheck.files import file_name
from fbscheck.report import numerals, sentences
from fbscheck.report.comparison import Comparison, comparisons
from fbscheck.report.sentences import Prose
from fbscheck.store import ClaimText, Entry, Run
from fbscheck.verdict import Plot, Relation, Verdict

__all__ = [
    "CASES_SHOWN",
    "OPEN_SHOWN",
    "Case",
    "Chapter",
    "Document",
    "FigureText",
    "Matter",
    "Note",
    "Section",
    "case_of",
    "claims_of",
    "document",
    "stems",
]

CASES_SHOWN = 40
"""Rows of one table; the rest is counted."""

OPEN_SHOWN = 12
"""Refuted, undecided or inapplicable cases listed in the summary, of each kind."""

CASES_NAMED = 4
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
    """One row of a table."""

    title: str
    name: str
    verdict: Verdict
    theory: float | None
    lower: float | None
    upper: float | None
    gap: numerals.Gap | None
    reason: Prose


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
    """Everything about one claim, in a table of cases or in comparisons; ``rest`` says what they leave out."""

    claim: ClaimText
    title: str
    relation: str
    tally: str
    cases: tuple[Case, ...]
    comparisons: tuple[Comparison, ...]
    rest: str
    notes: tuple[Note, ...]
    figures: tuple[FigureText, ...]


@final
@dataclass(frozen=True)
class Chapter:
    """The claims whose ids share what stands before the first dot."""

    key: str
    title: str
    counts: Mapping[Verdict, int]
    sections: tuple[Section, ...]


@final
@dataclass(frozen=True)
class Matter:
    """One kind of unsettled case in the summary; ``more`` counts those not listed."""

    verdict: Verdict
    count: int
    cases: tuple[Case, ...]
    more: int


@final
@dataclass(frozen=True)
class Document:
    """A whole report; ``controls`` are the false statements, those that slipped through first."""

    scope: str
    holds: str
    totals: Mapping[Verdict, int]
    matters: tuple[Matter, ...]
    chapters: tuple[Chapter, ...]
    controls: tuple[Case, ...]
    controls_rest: str
    controls_verdict: str
    controls_caught: bool
    controls_figures: tuple[FigureText, ...]
    versions: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]


def document(run: Run, stems: Sequence[str]) -> Document:
    """The report of ``run``; ``stems`` name the files of its figures, in the order of its plots."""
    claims = claims_of(run)
    figures = [(plot.claim, FigureText(stem, plot.title)) for plot, stem in zip(run.plots, stems, strict=True)]
    stated = [claim for claim in claims.values() if not claim.control]
    entries = [entry for entry in run.results if not claims[entry.claim].control]
    chapters = tuple(
        Chapter(
            key,
            _heading(key),
            sentences.counts(e for e in entries if _chapter(e.claim) == key),
            tuple(_section(claim, run.of(claim.id), figures) for claim in stated if _chapter(claim.id) == key),
        )
        for key in dict.fromkeys(_chapter(claim.id) for claim in stated)
    )
    totals = sentences.counts(entries)
    matters = []
    for verdict in UNSETTLED:
        found = [case_of(claims[e.claim], e) for e in entries if e.verdict is verdict]
        listed = tuple(found[:OPEN_SHOWN])
        matters.append(Matter(verdict, len(found), listed, len(found) - len(listed)))
    planted = [(claims[entry.claim], entry) for entry in run.results if claims[entry.claim].control]
    planted.sort(key=lambda pair: sentences.caught(pair[1]))
    return Document(
        scope=sentences.scope(stated, entries, len(chapters)),
        holds=sentences.holds(stated, entries, totals),
        totals=totals,
        matters=tuple(matters),
        chapters=chapters,
        controls=tuple(case_of(claim, entry) for claim, entry in planted[:CASES_SHOWN]),
        controls_rest=sentences.rest([entry for _, entry in planted[CASES_SHOWN:]]),
        controls_verdict=sentences.controls(
            [claim for claim in claims.values() if claim.control], [entry for _, entry in planted]
        ),
        controls_caught=all(sentences.caught(entry) for _, entry in planted),
        controls_figures=tuple(text for claim, text in figures if claims[claim].control),
        versions=tuple(run.versions.items()),
        facts=sentences.facts(run),
    )


def stems(plots: Iterable[Plot]) -> tuple[str, ...]:
    """One file stem a plot, all different, the same whenever the plots are the same."""
    names: list[str] = []
    used: set[str] = set()
    for plot in plots:
        first = name = file_name(plot.claim, plot.name)
        for number in itertools.count(2):
            if name.lower() not in used:
                break
            name = f"{first}--{number}"
        used.add(name.lower())
        names.append(name)
    return tuple(names)


def claims_of(run: Run) -> dict[str, ClaimText]:
    """The claims by id; one that only results or plots mention is known by its id alone."""
    claims = {claim.id: claim for claim in run.claims}
    for unknown in itertools.chain((e.claim for e in run.results), (p.claim for p in run.plots)):
        claims.setdefault(unknown, ClaimText(unknown, unknown, "", (), "", "", 0.0, False))
    return claims


def _title(claim: ClaimText) -> str:
    return claim.title.strip() or claim.id


def _chapter(claim: str) -> str:
    return claim.partition(".")[0]


HEADINGS = {
    "gamma": "Convergence of training problems, in its parts",
    "gradient": "Derivatives of training",
    "learning": "Training problems",
    "lista": "LISTA",
    "map": "Maps",
    "near": "Networks near their limit",
    "nonconvex": "Maps of nonconvex functions",
    "operator": "Operators",
    "optimality": "What minimality says of weights",
    "orders": "Orders of convergence",
    "perturbation": "Perturbed data",
    "rates": "Rates known beforehand",
    "rule": "Rules of calculus",
    "weak": "Weakly convergent parameters",
}
"""Titles of chapters whose key says too little."""


def _heading(key: str) -> str:
    if key in HEADINGS:
        return HEADINGS[key]
    words = key.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:] or "(no name)"


def case_of(claim: ClaimText, entry: Entry) -> Case:
    """One result as a row of a table."""
    attained = any(e["side"] == "attained" and e["exact"] for e in entry.evidence)
    return Case(
        _title(claim),
        entry.case.strip() or "(no name)",
        entry.verdict,
        entry.theory,
        entry.theory if attained else entry.lower,
        entry.upper,
        numerals.gap(entry.lower, entry.theory, entry.upper),
        sentences.prose(entry.reason, claim.hypotheses),
    )


def _section(claim: ClaimText, entries: Sequence[Entry], figures: Sequence[tuple[str, FigureText]]) -> Section:
    compared: tuple[Comparison, ...] = ()
    if claim.relation == Relation.COMPARED.value:
        shown, hidden, compared = comparisons(entries)
    else:
        shown, hidden = _most_informative(entries)
    cases = tuple(case_of(claim, entry) for entry in shown)
    return Section(
        claim=claim,
        title=_title(claim),
        relation=RELATIONS.get(claim.relation, claim.relation),
        tally=f"{sentences.plural(len(entries), 'case')}: {sentences.tally(entries)}" if entries else "",
        cases=() if compared else cases,
        comparisons=compared,
        rest=sentences.rest(hidden),
        notes=_notes(cases),
        figures=tuple(text for owner, text in figures if owner == claim.id),
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
