"""What all commands share: exit statuses, lines on stderr, the progress bar, the status of results."""

import shutil
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fbscheck.verdict import Claim, Result

__all__ = [
    "BAD_INPUT",
    "BUG",
    "HOLDS",
    "INTERRUPTED",
    "REFUTED",
    "UNDECIDED",
    "WIDTH",
    "number",
    "progress_bar",
    "say",
    "status",
]

HOLDS, REFUTED, BAD_INPUT, BUG, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 4, 130
WIDTH = 100


def say(message: str) -> None:
    """One line on stderr; on a terminal it overwrites a progress bar that was cut short."""
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    line = f"fbscheck: {''.join(printable)}"
    print(f"\r{line:{WIDTH}}" if sys.stderr.isatty() else line, file=sys.stderr)


def progress_bar() -> Callable[[int, int, str], None]:
    """A bar on stderr to be told (done, total, name); silent if that is no terminal."""
    return _draw if sys.stderr.isatty() else lambda *_: None


def _draw(done: int, total: int, name: str) -> None:
    filled = 30 * done // total
    line = f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} {name}"
    width = min(WIDTH, shutil.get_terminal_size().columns)
    print(f"{line[:width]:{width}}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def status(claims: Iterable["Claim"], results: Iterable["Result"]) -> int:
    """The exit status of a run: a control that was not refuted is a bug of fbscheck."""
    from fbscheck.verdict import Verdict

    by_id = {claim.id: claim for claim in claims}
    wrong = [(by_id[r.claim].control, r) for r in results if not by_id[r.claim].holds(r.verdict)]
    if any(control and result.verdict is not Verdict.UNDECIDED for control, result in wrong):
        say("a bug in fbscheck, please report it: a control was not refuted.")
        return BUG
    if any(result.verdict is Verdict.REFUTED for _, result in wrong):
        return REFUTED
    return UNDECIDED if wrong else HOLDS


def number(value: float | None, width: int) -> str:
    """A number to nine digits in a column, blank if unknown."""
    return f"{'' if value is None else format(value + 0.0, '.9g'):>{width}}"
