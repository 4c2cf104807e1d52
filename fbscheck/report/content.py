"""What a report says, before anyone decides how it looks.

:func:`document` turns a run into records of plain text and numbers.  Both renderers read the same
records, so the PDF and the HTML page cannot disagree.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from fbscheck.files import file_name
from fbscheck.report import sentences
from fbscheck.report.findings import findings
from fbscheck.report.lemmas import Lemma
from fbscheck.report.sections import (
    CASES_SHOWN,
    UNSETTLED,
    Case,
    FigureText,
    Section,
    case_of,
    key_of,
    maps_of,
    section,
)
from fbscheck.report.sentences import Prose
from fbscheck.store import ClaimText, Run
from fbscheck.verdict import Plot, Verdict

__all__ = [
    "OPEN_SHOWN",
    "Chapter",
    "Controls",
    "Document",
    "Matter",
    "captions",
    "chapter_of",
    "claims_of",
    "document",
    "heading",
    "stems",
]

OPEN_SHOWN = 12
"""Refuted, undecided or inapplicable cases listed in the summary, of each kind."""


@final
@dataclass(frozen=True)
class Controls:
    """False statements, those that slipped through first; ``rest`` counts those not shown."""

    cases: tuple[Case, ...]
    rest: str
    figures: tuple[FigureText, ...]


@final
@dataclass(frozen=True)
class Chapter:
    """The claims whose ids share what stands before the first dot, and the false statements that belong to them."""

    key: str
    title: str
    counts: Mapping[Verdict, int]
    sections: tuple[Section, ...]
    controls: Controls


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
    """A whole report; ``controls`` are the false statements that belong to no chapter.

    ``findings`` are the most important ones in words, ``environment`` is what the run depends on, in a sentence.
    """

    scope: str
    holds: str
    findings: tuple[Prose, ...]
    environment: str
    totals: Mapping[Verdict, int]
    matters: tuple[Matter, ...]
    chapters: tuple[Chapter, ...]
    controls: Controls
    controls_verdict: str
    controls_caught: bool
    lemmas: tuple[Lemma, ...]
    versions: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]


def document(run: Run, stems: Sequence[str], lemmas: Sequence[Lemma] = ()) -> Document:
    """The report of ``run``; ``stems`` name the files of its figures, in the order of its plots.

    ``lemmas`` are the proofs that its claims cite.
    """
    claims = claims_of(run)
    figures = [(plot.claim, text) for plot, text in zip(run.plots, captions(run, stems), strict=True)]
    stated = [claim for claim in claims.values() if not claim.control]
    entries = [entry for entry in run.results if not claims[entry.claim].control]
    owners = {claim: chapter_of(claim, claims) for claim in claims}
    false = [(claims[entry.claim], entry) for entry in run.results if claims[entry.claim].control]
    false.sort(key=lambda pair: sentences.caught(pair[1]))

    def controls(key: str) -> Controls:
        own = [(claim, entry) for claim, entry in false if owners[claim.id] == key]
        return Controls(
            tuple(case_of(claim, entry) for claim, entry in own[:CASES_SHOWN]),
            sentences.rest([entry for _, entry in own[CASES_SHOWN:]]),
            tuple(text for claim, text in figures if claims[claim].control and owners[claim] == key),
        )

    chapters = tuple(
        Chapter(
            key,
            heading(key),
            sentences.counts(e for e in entries if key_of(e.claim) == key),
            tuple(
                section(claim, run.of(claim.id), figures, [lemma.name for lemma in lemmas], maps_of(claim, claims))
                for claim in stated
                if key_of(claim.id) == key
            ),
            controls(key),
        )
        for key in dict.fromkeys(key_of(claim.id) for claim in stated)
    )
    totals = sentences.counts(entries)
    matters = []
    for verdict in UNSETTLED:
        found = [case_of(claims[e.claim], e) for e in entries if e.verdict is verdict]
        listed = tuple(found[:OPEN_SHOWN])
        matters.append(Matter(verdict, len(found), listed, len(found) - len(listed)))
    return Document(
        scope=sentences.scope(stated, entries, len(chapters)),
        holds=sentences.holds(stated, entries, totals),
        findings=findings(claims, run.results, {claim: heading(key_of(claim)) for claim in claims}),
        environment=sentences.environment(run),
        totals=totals,
        matters=tuple(matters),
        chapters=chapters,
        controls=controls(""),
        controls_verdict=sentences.controls(
            [claim for claim in claims.values() if claim.control], [entry for _, entry in false]
        ),
        controls_caught=all(sentences.caught(entry) for _, entry in false),
        lemmas=tuple(lemmas),
        versions=tuple(run.versions.items()),
        facts=sentences.facts(run),
    )


def captions(run: Run, stems: Sequence[str]) -> tuple[FigureText, ...]:
    """The figures of a run: the stems of their files, with their captions."""
    return tuple(FigureText(stem, plot.title) for plot, stem in zip(run.plots, stems, strict=True))


def chapter_of(claim: str, claims: Mapping[str, ClaimText]) -> str:
    """The chapter in which a claim is reported, empty if there is none.

    A planted error belongs to its claim, any other false statement to the claims of a run that it follows.
    """
    chapters = {key_of(known.id) for known in claims.values() if not known.control}
    if (own := key_of(claim.removeprefix("planted."))) in chapters:
        return own
    before = itertools.takewhile(lambda known: known != claim, claims)
    stated = [key_of(known) for known in before if not claims[known].control]
    return stated[-1] if stated else ""


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
    "study": "An experiment in training",
    "weak": "Weak convergence",
}
"""Titles of chapters whose key says too little."""


def heading(key: str) -> str:
    """The title of a chapter."""
    if key in HEADINGS:
        return HEADINGS[key]
    words = key.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:] or "(no name)"
