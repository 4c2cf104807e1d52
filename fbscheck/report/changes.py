"""What changed from one run to another: verdicts, constants, and results that only one of them has.

Results are matched by claim and case.  :func:`changes` turns two runs into records of plain text and numbers, which
both renderers read.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from fbscheck.errors import InputError
from fbscheck.report.content import Document, claims_of
from fbscheck.report.inspection import Inspection
from fbscheck.report.sections import Case, case_of
from fbscheck.report.sentences import plural
from fbscheck.store import Run
from fbscheck.verdict import Verdict

__all__ = ["SHOWN", "Change", "Changes", "changes", "template"]

SHOWN = 60
"""Rows of one table; the rest is counted."""

NUMBERS = ("theory", "lower", "upper")


@final
@dataclass(frozen=True)
class Change:
    """One result as it was ``before`` and ``after``; None where a run has no such result."""

    title: str
    name: str
    before: Case | None
    after: Case | None

    @property
    def moved(self) -> float:
        """The largest relative change of a number; inf where one became known or unknown."""
        if self.before is None or self.after is None:
            return math.inf
        pairs = [(getattr(self.before, name), getattr(self.after, name)) for name in NUMBERS]
        return max((_apart(before, after) for before, after in pairs), default=0.0)


@final
@dataclass(frozen=True)
class Changes:
    """All that changed; ``rest`` counts the constants that are not shown, ``settings`` names what else differs."""

    names: tuple[str, str]
    summary: str
    verdicts: tuple[Change, ...]
    constants: tuple[Change, ...]
    rest: int
    only_before: tuple[Change, ...]
    only_after: tuple[Change, ...]
    settings: tuple[tuple[str, str, str], ...]


def changes(before: Run, after: Run, names: tuple[str, str]) -> Changes:
    """What changed from one run to the other, the worse first; ``names`` are those of their folders.

    Raises
    ------
    InputError
        If the runs have no result in common.
    """
    old, new = _cases(before), _cases(after)
    both = [key for key in new if key in old]
    if not both:
        raise InputError(f"Need two runs with results in common, got {names[0]} and {names[1]} (other suites?).")
    found = [Change(new[key].title, new[key].name, old[key], new[key]) for key in both]
    verdicts = [change for change in found if _verdict(change.before) is not _verdict(change.after)]
    verdicts.sort(key=lambda change: -_rank(_verdict(change.after)))
    constants = sorted((c for c in found if c not in verdicts and c.moved > 0), key=lambda change: -change.moved)
    gone = tuple(Change(case.title, case.name, case, None) for key, case in old.items() if key not in new)
    added = tuple(Change(case.title, case.name, None, case) for key, case in new.items() if key not in old)
    return Changes(
        names,
        _summary(len(both), verdicts, len(constants), len(gone), len(added)),
        tuple(verdicts[:SHOWN]),
        tuple(constants[:SHOWN]),
        max(0, len(constants) - SHOWN) + max(0, len(verdicts) - SHOWN),
        gone[:SHOWN],
        added[:SHOWN],
        _settings(before, after),
    )


def template(document: Document | Inspection | Changes) -> str:
    """The stem of the templates of a document."""
    return "changes" if isinstance(document, Changes) else "report" if isinstance(document, Document) else "check"


def _cases(run: Run) -> dict[tuple[str, str], Case]:
    """The results by claim and case; the last one where a run repeats itself."""
    claims = claims_of(run)
    return {(entry.claim, entry.case): case_of(claims[entry.claim], entry) for entry in run.results}


def _verdict(case: Case | None) -> Verdict | None:
    return None if case is None else case.verdict


def _rank(verdict: Verdict | None) -> int:
    """How much a reader wants to know: refuted most."""
    order = (Verdict.PROVED, Verdict.CERTIFIED, Verdict.SUPPORTED, Verdict.NOT_APPLICABLE, Verdict.UNDECIDED)
    return order.index(verdict) if verdict in order else len(order)


def _apart(before: float | None, after: float | None) -> float:
    if before is None or after is None:
        return 0.0 if before is after else math.inf
    return abs(after - before) / max(abs(before), abs(after)) if before != after else 0.0


def _summary(both: int, verdicts: Sequence[Change], constants: int, gone: int, added: int) -> str:
    """The outcome in words."""
    text = f"{plural(both, 'result')} in common: {plural(len(verdicts), 'verdict')} changed"
    kinds = Counter(f"{_word(c.before)} to {_word(c.after)}" for c in verdicts)
    if kinds:
        text += f" ({', '.join(f'{count} from {kind}' for kind, count in kinds.most_common())})"
    text += f", and {plural(constants, 'result')} with the same verdict has other numbers."
    text = text.replace("results with the same verdict has", "results with the same verdict have")
    if gone or added:
        text += f" {plural(gone, 'result')} only in the first run, {added} only in the second."
    return text


def _word(case: Case | None) -> str:
    return "nothing" if case is None else case.verdict.value.lower().replace("_", " ")


def _settings(before: Run, after: Run) -> tuple[tuple[str, str, str], ...]:
    """Versions and seed, where they differ."""
    names = dict.fromkeys((*before.versions, *after.versions))
    rows = [(name, before.versions.get(name, "none"), after.versions.get(name, "none")) for name in names]
    rows.append(("seed", str(before.seed), str(after.seed)))
    return tuple(row for row in rows if row[1] != row[2])
