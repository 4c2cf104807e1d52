"""Rechecks a run from its files alone: every certificate, every counterexample, every verdict.

Nothing is solved, sampled or proved anew.  For each result

* every rigorous number is recomputed from certificate and witness, by the kernel, by exact instances
  or in ball arithmetic, and must be the stated one, digit for digit;
* the theory's value is recomputed from the case, and the case from the witness;
* the verdict is judged again from the evidence.

Floating evidence is taken as stated; it never proves, certifies or refutes anything.  Beforehand
all files are compared with the hashes that the run recorded when it was written, and the texts of
its claims with those of this version.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck import store
from fbscheck.archive import name_of
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.replay import replay
from fbscheck.files import seal
from fbscheck.judge import judge, squeeze
from fbscheck.store import Entry, Run
from fbscheck.suites.registry import SUITES
from fbscheck.verdict import Claim, Evidence, Rigour, Side

__all__ = ["Finding", "Outcome", "recheck"]


@final
class Outcome(Enum):
    """What became of one result."""

    RECHECKED = "rechecked"
    """All its rigorous numbers were recomputed, and its verdict follows from the evidence."""
    STATED = "stated"
    """It rests on floating evidence, or says only that a claim does not apply."""
    REFUSED = "refused"
    """Something does not fit; the reason says what."""


@final
@dataclass(frozen=True)
class Finding:
    """The outcome for one result; ``claim`` is empty for what concerns the run as a whole."""

    claim: str
    case: str
    outcome: Outcome
    reason: str = ""


def recheck(folder: Path, progress: Callable[[int, int, str], None] = lambda *_: None) -> Iterator[Finding]:
    """Audit the run in ``folder``, one finding a result; ``progress`` gets (done, in all, claim).

    Raises
    ------
    InputError
        If there is no run, or its files cannot be read at all.
    """
    run = store.load(folder)
    yield from _seals(folder)
    claims = {claim.id: claim for suite in SUITES.values() for claim in suite.claims}
    yield from _texts(run, claims)
    for done, entry in enumerate(run.results, start=1):
        try:
            yield Finding(entry.claim, entry.case, _check(folder, entry, claims))
        except Refusal as refusal:
            yield Finding(entry.claim, entry.case, Outcome.REFUSED, str(refusal))
        progress(done, len(run.results), entry.claim)


@lru_cache(maxsize=64)
def _array(path: Path, name: str) -> npt.NDArray[Any]:
    """An array of the run; its file must hold what its name says."""
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Refusal(f"{name} cannot be read: {error}") from None
    if name_of(array) != name:
        raise Refusal(f"{name} holds another array than its name says")
    return array


def _named(value: Any) -> set[str]:
    """The names of arrays that occur anywhere in a record."""
    if isinstance(value, str):
        return {value} if value.startswith("data/") else set()
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return set().union(*map(_named, parts))


def _seals(folder: Path) -> Iterator[Finding]:
    data = json.loads((folder / store.RESULTS).read_text(encoding="utf-8"))
    if data.get("seal") != seal(data):
        yield Finding("", store.RESULTS, Outcome.REFUSED, "it was changed after the run: its seal is broken")
    files = data.get("files")
    if not isinstance(files, Mapping):
        yield Finding("", store.RESULTS, Outcome.REFUSED, "it does not record the hashes of the run's files")
        return
    for name, digest in files.items():
        path = folder / str(name)
        if not path.is_file():
            yield Finding("", str(name), Outcome.REFUSED, "the file is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield Finding("", str(name), Outcome.REFUSED, "the file was changed after the run")


def _texts(run: Run, claims: Mapping[str, Claim]) -> Iterator[Finding]:
    """The run must say of its claims what this version says."""
    for text in run.claims:
        claim = claims.get(text.id)
        if claim is None:
            yield Finding(text.id, "", Outcome.REFUSED, "this version of fbscheck knows no such claim")
        elif text != store.text_of(claim):
            mine = asdict(store.text_of(claim))
            which = [name for name, value in asdict(text).items() if value != mine[name]]
            yield Finding(text.id, "", Outcome.REFUSED, f"this version states another {', '.join(which)}")


def _check(folder: Path, entry: Entry, claims: Mapping[str, Claim]) -> Outcome:
    claim = claims.get(entry.claim)
    if claim is None:
        raise Refusal("this version of fbscheck knows no such claim")
    if not entry.evidence:
        if (entry.theory, entry.lower, entry.upper) != (None, None, None) or entry.verdict.value not in (
            "NOT_APPLICABLE",
            "UNDECIDED",
        ):
            raise Refusal(f"{entry.verdict.value} without evidence")
        return Outcome.STATED
    evidence = tuple(_evidence(entry) for entry in entry.evidence)
    rigorous = [e for e in evidence if e.rigour >= Rigour.ENCLOSED]
    if rigorous:
        if entry.witness is None:
            raise Refusal("rigorous evidence without a witness")
        certificate, witness = _json(folder, entry.certificate), _json(folder, entry.witness)
        arrays = {name: _array(folder / name, name) for name in sorted(_named([certificate, witness]))}
        again = replay(claim, entry.case, certificate, witness, arrays)
        if again.case != entry.case:
            raise Refusal(f"the witness is about the case {again.case!r}")
        known = [e for e in again.bracket.evidence if e.rigour >= Rigour.ENCLOSED]
        if not claim.control and again.bracket.theory != entry.theory:
            raise Refusal(f"the theory's value is {again.bracket.theory!r}, not {entry.theory!r}")
        _compare(known, rigorous, exact=not claim.control)
    _judge(claim, entry, evidence)
    return Outcome.RECHECKED if rigorous else Outcome.STATED


def _json(folder: Path, name: str | None) -> Any:
    if name is None:
        return None
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Refusal(f"{name} cannot be read: {error}") from None


def _evidence(stated: Mapping[str, Any]) -> Evidence:
    """The evidence as it was judged; a value that JSON could not hold was infinite, on the harmless side."""
    try:
        side, rigour = Side(stated["side"]), Rigour[stated["rigour"]]
        nothing = -math.inf if side is Side.ATTAINED else math.inf
        value = nothing if stated["value"] is None else float(stated["value"])
        error = math.inf if stated["error"] is None else float(stated["error"])
        if not isinstance(stated["exact"], bool) or not isinstance(stated["method"], str):
            raise TypeError("exact and method")
        return Evidence(side, value, rigour, stated["method"], error, stated["exact"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(f"malformed evidence: {error}") from None


def _compare(known: list[Evidence], stated: list[Evidence], exact: bool) -> None:
    """Each rigorous number must be what it is recomputed to be; of a planted error, ``exact`` may differ."""
    for mine, theirs in zip(known, stated, strict=False):
        same = mine if exact else Evidence(**{**vars(mine), "exact": theirs.exact})
        if same != theirs:
            what = next(name for name, value in vars(same).items() if value != getattr(theirs, name))
            raise Refusal(
                f"{what} of {theirs.side.value} evidence is {getattr(same, what)!r}, not {getattr(theirs, what)!r}"
            )
    if len(known) != len(stated):
        raise Refusal(f"{len(known)} pieces of rigorous evidence can be recomputed, {len(stated)} are stated")


def _judge(claim: Claim, entry: Entry, evidence: tuple[Evidence, ...]) -> None:
    bracket = squeeze(entry.theory, evidence)
    verdict, reason = judge(claim, bracket)
    mine = (verdict, reason, _finite(bracket.lower), _finite(bracket.upper))
    theirs = (entry.verdict, entry.reason, entry.lower, entry.upper)
    for what, my, their in zip(("verdict", "reason", "lower end", "upper end"), mine, theirs, strict=True):
        if my != their:
            raise Refusal(f"the {what} that follows from the evidence is {my!r}, not {their!r}")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
