"""Several methods for one number, side by side: the cases of a claim whose relation is "compared", as tables."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from fbscheck.store import Entry
from fbscheck.verdict import Verdict

__all__ = ["COMPARISONS_SHOWN", "Comparison", "Method", "comparisons"]

COMPARISONS_SHOWN = 12
"""Tables of methods that are shown for one claim; the rest is counted."""


@final
@dataclass(frozen=True)
class Method:
    """One row of a comparison: a bound, or what is attained where ``verdict`` is None; ``ratio`` to the least bound."""

    name: str
    value: float | None
    ratio: float | None
    seconds: float | None
    verdict: Verdict | None


@final
@dataclass(frozen=True)
class Comparison:
    """One table: the bounds of several methods for one ``subject``, and below them what is attained there."""

    subject: str
    bounds: tuple[Method, ...]
    attained: tuple[Method, ...]


def comparisons(
    entries: Sequence[Entry], limit: int = COMPARISONS_SHOWN
) -> tuple[Sequence[Entry], Sequence[Entry], tuple[Comparison, ...]]:
    """The entries that are shown, those that are counted, and a table for each of the ``limit`` subjects shown.

    Subjects with something short of rigour come first.
    The case of an entry is "SUBJECT | METHOD", its theory's value the bound of the method.
    """
    subjects: dict[str, list[Entry]] = {}
    for entry in entries:
        subjects.setdefault(entry.case.rpartition(" | ")[0], []).append(entry)
    settled = (Verdict.PROVED, Verdict.CERTIFIED)
    ranked = sorted(subjects, key=lambda subject: all(entry.verdict in settled for entry in subjects[subject]))
    shown = {subject: subjects[subject] for subject in ranked[:limit]}
    hidden = [entry for subject, own in subjects.items() if subject not in shown for entry in own]
    tables = tuple(_comparison(subject, own) for subject, own in shown.items())
    return list(itertools.chain(*shown.values())), hidden, tables


def _comparison(subject: str, entries: Sequence[Entry]) -> Comparison:
    held = [e.theory for e in entries if e.theory and e.verdict is not Verdict.REFUTED]
    least = min(held, default=None)

    def method(name: str, value: float | None, entry: Entry | None) -> Method:
        ratio = value / least if value is not None and least else None
        return Method(name, value, ratio, entry and entry.seconds, entry and entry.verdict)

    attained: dict[str, float] = {}
    for evidence in itertools.chain(*(entry.evidence for entry in entries)):
        if evidence["side"] == "attained" and evidence["value"] is not None:
            known = attained.get(evidence["method"], -math.inf)
            attained[evidence["method"]] = max(known, evidence["value"])
    return Comparison(
        subject or "(no name)",
        tuple(method(e.case.rpartition(" | ")[2].strip() or "(no name)", e.theory, e) for e in entries),
        tuple(method(name, value, None) for name, value in attained.items()),
    )
