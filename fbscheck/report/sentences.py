"""The sentences of a report: counts and outcomes in words, the same in print and on a page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from fbscheck.store import ClaimText, Entry, Run
from fbscheck.verdict import Verdict, plain
from fbscheck.verdict import caught as seen_through

__all__ = [
    "HOLDING",
    "RIGOROUS",
    "Prose",
    "caught",
    "controls",
    "counts",
    "environment",
    "facts",
    "holds",
    "plural",
    "prose",
    "rest",
    "scope",
    "tally",
]

RIGOROUS = (Verdict.PROVED, Verdict.CERTIFIED)
HOLDING = (*RIGOROUS, Verdict.SUPPORTED)

Prose = tuple[tuple[str, bool], ...]
"""Pieces of a sentence; the flag says that a piece is LaTeX mathematics of the package."""


def plural(count: int, noun: str) -> str:
    """``count`` and ``noun``, in the plural unless it is one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counts(entries: Iterable[Entry]) -> dict[Verdict, int]:
    """How often each verdict was reached, zeros included."""
    found = Counter(entry.verdict for entry in entries)
    return {verdict: found[verdict] for verdict in Verdict}


def tally(entries: Iterable[Entry]) -> str:
    """The verdicts that were reached, counted: ``3 proved, 1 refuted``."""
    return ", ".join(f"{count} {_word(verdict)}" for verdict, count in counts(entries).items() if count)


def _word(verdict: Verdict) -> str:
    return verdict.value.lower().replace("_", " ")


def prose(reason: str, hypotheses: Sequence[str]) -> Prose:
    """``reason`` without its full stop, the hypothesis it quotes marked as mathematics."""
    reason = reason.strip().rstrip(".")
    for hypothesis in hypotheses:
        before, quoted, after = reason.partition(f"hypothesis {plain(hypothesis)} is not met")
        if quoted and hypothesis:
            return (f"{before}hypothesis ", False), (hypothesis, True), (f" is not met{after}", False)
    return ((reason or "no reason was given", False),)


def rest(hidden: Sequence[Entry]) -> str:
    """What a table leaves out."""
    if not hidden:
        return ""
    verb = "is" if len(hidden) == 1 else "are"
    return f"{plural(len(hidden), 'further case')} ({tally(hidden)}) {verb} in results.json."


def scope(stated: Sequence[ClaimText], entries: Sequence[Entry], chapters: int) -> str:
    """How much was checked."""
    if not entries:
        return "This run holds no result on any claim, so this report establishes nothing."
    verb = "was" if len(stated) == 1 else "were"
    where = "" if chapters == 1 else f" and {plural(chapters, 'chapter')}"
    return f"In this run {plural(len(stated), 'claim')} {verb} checked, in {plural(len(entries), 'case')}{where}."


def holds(stated: Sequence[ClaimText], entries: Sequence[Entry], totals: Mapping[Verdict, int]) -> str:
    """What holds, and how firmly; ``entries`` are those of the ``stated`` claims."""
    settled = sum(totals[verdict] for verdict in HOLDING)
    if not settled:
        return "nothing was established."
    verdicts: dict[str, set[Verdict]] = {}
    for entry in entries:
        verdicts.setdefault(entry.claim, set()).add(entry.verdict)
    idle = {Verdict.NOT_APPLICABLE}
    whole = sum(found <= {*HOLDING, *idle} and found != idle for found in verdicts.values())
    rigorous = sum(totals[verdict] for verdict in RIGOROUS)
    return (
        f"{settled} of {plural(len(entries), 'case')}, {rigorous} of them rigorously ({totals[Verdict.PROVED]} proved, "
        f"{totals[Verdict.CERTIFIED]} certified) and {totals[Verdict.SUPPORTED]} on numerical evidence alone. "
        f"{whole} of {plural(len(stated), 'claim')} held wherever the hypotheses were met."
    )


def caught(entry: Entry) -> bool:
    """Whether a false statement was recognised."""
    return seen_through(entry.claim, entry.verdict)


def controls(false: Sequence[ClaimText], planted: Sequence[Entry]) -> str:
    """Whether the ``false`` statements were recognised; ``planted`` are their results."""
    tried = len({entry.claim for entry in planted})
    untried = f" {len(false) - tried} more were not tried." if len(false) > tried else ""
    if not planted:
        return f"none were run, so nothing shows here that a false statement would have been noticed.{untried}"
    missed = sum(not caught(entry) for entry in planted)
    outcome = f"{missed} slipped through. Until that is explained, trust no verdict of this run."
    outcome = outcome if missed else "every one was caught."
    return f"{plural(tried, 'false statement')}, tried in {plural(len(planted), 'case')}: {outcome}{untried}"


def environment(run: Run) -> str:
    """What the numbers depend on, in a sentence."""
    programs = ", ".join(f"{name} {version}" for name, version in run.versions.items() if version != "not installed")
    return f"seed {run.seed}{'; ' * bool(programs)}{programs}."


def facts(run: Run) -> tuple[tuple[str, str], ...]:
    """What the run consists of, by name."""
    certificates = len({entry.certificate for entry in run.results if entry.certificate})
    witnesses = len({entry.witness for entry in run.results if entry.witness})
    return (
        ("Seed", str(run.seed)),
        ("Results", str(len(run.results))),
        ("Claims", f"{len(run.claims)}, of which {sum(claim.control for claim in run.claims)} are false on purpose"),
        ("results.json", "every result, every number in full precision"),
        ("certificates/", f"{plural(certificates, 'file')}: what a proved or certified verdict rests on"),
        ("witnesses/", f"{plural(witnesses, 'file')}: attained instances and counterexamples, exactly"),
        ("plots/, figures/", f"{plural(len(run.plots), 'figure')}: the points, and the pictures drawn from them"),
    )
