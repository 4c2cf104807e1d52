"""The most important findings of a run, in words: what failed first, then what is established, then what is not.

A finding is told as a reader would who has one minute: each kind in one sentence, three sentences in all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from fbscheck.report.sentences import HOLDING, RIGOROUS, Prose, caught, plural, prose
from fbscheck.store import ClaimText, Entry
from fbscheck.verdict import Verdict

__all__ = ["FINDINGS_SHOWN", "findings"]

FINDINGS_SHOWN = 3
CHAPTERS_NAMED = 4

Kept = Mapping[str, Sequence[Entry]]
"""Results by claim."""


def findings(
    claims: Mapping[str, ClaimText], entries: Sequence[Entry], headings: Mapping[str, str]
) -> tuple[Prose, ...]:
    """The most important findings first; ``headings`` are the titles of the chapters by the claims' ids."""
    missed = [e for e in entries if claims[e.claim].control and not caught(e)]
    false = [e for e in entries if claims[e.claim].control and caught(e)]
    stated: dict[str, list[Entry]] = {}
    for entry in entries:
        if not claims[entry.claim].control:
            stated.setdefault(entry.claim, []).append(entry)
    found = [
        *_slipped(claims, missed),
        *_failures(claims, stated, Verdict.REFUTED, "is refuted"),
        *_failures(claims, stated, Verdict.UNDECIDED, "stays open"),
        *_established(stated, headings),
        *_unguaranteed(stated, headings),
        *_failures(claims, stated, Verdict.NOT_APPLICABLE, "does not apply")[:1],
        *_clearest(claims, false),
    ]
    return tuple(found[:FINDINGS_SHOWN])


def _slipped(claims: Mapping[str, ClaimText], missed: Sequence[Entry]) -> list[Prose]:
    if not missed:
        return []
    first = missed[0]
    title = f"“{_title(claims[first.claim])}” (case {first.case})"
    return [((f"A false statement was not seen through: {title}. No verdict of this run can be trusted.", False),)]


def _failures(claims: Mapping[str, ClaimText], stated: Kept, verdict: Verdict, says: str) -> list[Prose]:
    """One finding a claim that has this verdict, those with the largest share of their cases first."""
    hit = {claim: [e for e in own if e.verdict is verdict] for claim, own in stated.items()}
    order = sorted((claim for claim in hit if hit[claim]), key=lambda c: (-len(hit[c]) / len(stated[c]), -len(hit[c])))
    found: list[Prose] = []
    for claim in order:
        reason, count = Counter(prose(e.reason, claims[claim].hypotheses) for e in hit[claim]).most_common(1)[0]
        share = f"{len(hit[claim])} of {plural(len(stated[claim]), 'case')}"
        where = "" if count == len(hit[claim]) else f", in {count} of them"
        found.append(((f"“{_title(claims[claim])}” {says} in {share}{where}: ", False), *reason, (".", False)))
    return found


def _established(stated: Kept, headings: Mapping[str, str]) -> list[Prose]:
    """Chapters in which everything that applies is proved or certified."""
    rigorous, others = Counter[str](), set[str]()
    for claim, own in stated.items():
        for entry in own:
            if entry.verdict in RIGOROUS:
                rigorous[headings[claim]] += 1
            elif entry.verdict is not Verdict.NOT_APPLICABLE:
                others.add(headings[claim])
    whole = [heading for heading in rigorous if heading not in others]
    if not rigorous:
        return []
    count = plural(sum(rigorous.values()), "case")
    if not whole:
        return [((f"Exact or outward-rounded arithmetic settles {count}, but no chapter as a whole.", False),)]
    where = _listed(sorted(whole, key=lambda heading: -rigorous[heading]))
    return [((f"Exact or outward-rounded arithmetic settles {count}; it settles {where} wherever it applies.", False),)]


def _unguaranteed(stated: Kept, headings: Mapping[str, str]) -> list[Prose]:
    """Where nothing but floating point and samples speaks for the claims."""
    held = [(headings[claim], entry) for claim, own in stated.items() for entry in own if entry.verdict in HOLDING]
    soft = Counter(heading for heading, entry in held if entry.verdict is Verdict.SUPPORTED)
    if not soft:
        return []
    share = f"{sum(soft.values())} of the {len(held)} cases that hold"
    where = _listed([heading for heading, _ in soft.most_common()])
    return [((f"In {share}, samples or floating-point numbers agree and guarantee nothing: {where}.", False),)]


def _clearest(claims: Mapping[str, ClaimText], false: Sequence[Entry]) -> list[Prose]:
    """The false statement that is violated by the largest factor."""
    ratios = [(e.lower / e.theory, e) for e in false if e.verdict is Verdict.REFUTED and e.lower and e.theory]
    ratios = [(ratio, entry) for ratio, entry in ratios if ratio > 1]
    if not ratios:
        return []
    ratio, entry = max(ratios, key=lambda pair: pair[0])
    text = (
        f"Of the false statements, “{_title(claims[entry.claim])}” fails most clearly: {ratio:.3g} times what it allows"
    )
    return [((f"{text} is attained (case {entry.case}).", False),)]


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = [f"“{name}”" for name in names[:CHAPTERS_NAMED]]
    more = len(names) - len(shown)
    rest = f" and {plural(more, 'more chapter')}" if more else ""
    return ("the chapter " if len(names) == 1 else "the chapters ") + ", ".join(shown) + rest


def _title(claim: ClaimText) -> str:
    return claim.title.strip() or claim.id
