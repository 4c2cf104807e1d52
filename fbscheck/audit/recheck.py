"""Rechecks a run from its files alone: every certificate, every counterexample, every verdict.

Nothing is solved, sampled or proved anew.  For each result

* every rigorous number is recomputed from certificate and witness, by the kernel, by exact instances
  or in ball arithmetic, and must be the stated one, digit for digit;
* the theory's value is recomputed from the case, and the case from the witness;
* certificate and witness must hold what this needs, all of it read, and nothing else;
* the verdict is judged again from the evidence; a control must have been seen through.

Floating evidence is recomputed within its error where no samples are involved, else taken as stated;
it never proves, certifies or refutes anything.  Runs of `fbscheck check` are for
:mod:`fbscheck.audit.operators`.  All files are compared with the hashes that the run
recorded when it was written, and the texts of its claims with those of this version.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fbscheck import store
from fbscheck.audit.finding import Finding, Outcome
from fbscheck.audit.folder import Folder
from fbscheck.audit.names import require_named
from fbscheck.audit.operators import recheck_operator
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.replay import replay, sampled
from fbscheck.errors import InputError
from fbscheck.judge import judge, squeeze
from fbscheck.store import Entry, Run
from fbscheck.suites.registry import SUITES
from fbscheck.verdict import Claim, Evidence, Rigour, Side, Verdict, caught

__all__ = ["Finding", "Outcome", "recheck"]


def recheck(folder: Path, progress: Callable[[int, int, str], None] = lambda *_: None) -> Iterator[Finding]:
    """Audit the run in ``folder``, one finding a result; ``progress`` gets (done, in all, claim).

    Raises
    ------
    InputError
        If there is no run, or its files cannot be read at all.
    """
    run, files = store.load(folder), Folder(folder)
    claims = {claim.id: claim for suite in SUITES.values() for claim in suite.claims}
    if run.operator is not None:
        for name, reason in files.problems():
            yield Finding("", name, Outcome.REFUSED, reason)
        yield from recheck_operator(run, files, progress)
        for name in files.unused():
            yield Finding("", name, Outcome.REFUSED, "no result refers to this file")
        return
    if run.claims and not any(text.id in claims for text in run.claims):
        raise InputError(
            f"Need a run of fbscheck, got {folder}, which states none of its claims (an older version of fbscheck?)."
        )
    for name, reason in files.problems():
        yield Finding("", name, Outcome.REFUSED, reason)
    yield from _texts(run, claims)
    for done, entry in enumerate(run.results, start=1):
        try:
            yield Finding(entry.claim, entry.case, _check(files, entry, claims, run.seed))
        except Refusal as refusal:
            yield Finding(entry.claim, entry.case, Outcome.REFUSED, str(refusal))
        progress(done, len(run.results), entry.claim)
    for name in files.unused():
        yield Finding("", name, Outcome.REFUSED, "no result refers to this file")


def _texts(run: Run, claims: Mapping[str, Claim]) -> Iterator[Finding]:
    """The run must say of its claims what this version says, of each once, with its planted error and its results."""

    def refused(claim: str, reason: str) -> Finding:
        return Finding(claim, "", Outcome.REFUSED, reason)

    stated = Counter(text.id for text in run.claims)
    for text in run.claims:
        claim = claims.get(text.id)
        if claim is None:
            yield refused(text.id, "this version of fbscheck knows no such claim")
        elif text != store.text_of(claim):
            mine = asdict(store.text_of(claim))
            which = [name for name, value in asdict(text).items() if value != mine[name]]
            yield refused(text.id, f"this version states another {', '.join(which)}")
        if not run.of(text.id):
            yield refused(text.id, "the run has no result of this claim")
        if (planted := f"planted.{text.id}") in claims and planted not in stated:
            yield refused(text.id, "the run leaves out the same claim with a planted error")
    for name, count in stated.items():
        if count > 1:
            yield refused(name, f"the run states it {count} times")
    for name in sorted({entry.claim for entry in run.results} - set(stated)):
        yield refused(name, "the run has results of a claim that it does not state")
    for (name, case), count in Counter((entry.claim, entry.case) for entry in run.results).items():
        if count > 1:
            yield Finding(name, case, Outcome.REFUSED, f"the run has {count} results of this claim and case")


def _check(files: Folder, entry: Entry, claims: Mapping[str, Claim], seed: int) -> Outcome:
    claim = claims.get(entry.claim)
    if claim is None:
        raise Refusal("this version of fbscheck knows no such claim")
    if claim.control and entry.verdict is not Verdict.UNDECIDED and not caught(claim.id, entry.verdict):
        raise Refusal(f"it is false, and comes out {entry.verdict.value}")
    if not entry.evidence:
        silent = (entry.theory, entry.lower, entry.upper, entry.certificate, entry.witness) == (None,) * 5
        if not silent or entry.verdict not in (Verdict.NOT_APPLICABLE, Verdict.UNDECIDED):
            raise Refusal(f"{entry.verdict.value} without evidence, or with more than a reason")
        return Outcome.STATED
    if entry.witness is None:
        raise Refusal("evidence without a witness")
    certificate, witness = files.record(entry.certificate, "certificates"), files.record(entry.witness, "witnesses")
    evidence = tuple(_evidence(entry) for entry in entry.evidence)
    arrays = files.arrays(certificate, witness)
    again = replay(claim, entry.case, certificate, witness, arrays)
    if again.case != entry.case:
        raise Refusal(f"the witness is about the case {again.case!r}")
    if again.bracket.theory != entry.theory:
        raise Refusal(f"the theory's value is {again.bracket.theory!r}, not {entry.theory!r}")
    _compare(again.bracket.evidence, evidence[sampled(claim, evidence) :])
    for what, mine, theirs in (
        ("certificate", again.bracket.certificate, certificate),
        ("witness", again.witness, witness),
    ):
        if json.dumps(mine, sort_keys=True) != json.dumps(theirs, sort_keys=True):
            raise Refusal(f"the {what} says more than what was rechecked, or says it in another form")
    require_named(witness, arrays, seed)
    _judge(claim, entry, evidence)
    return Outcome.RECHECKED if any(e.rigour >= Rigour.ENCLOSED for e in evidence) else Outcome.STATED


def _evidence(stated: Mapping[str, Any]) -> Evidence:
    """The evidence as it was judged; a value that JSON could not hold was infinite, on the harmless side."""
    try:
        side, rigour = Side(stated["side"]), Rigour[stated["rigour"]]
        nothing = -math.inf if side is Side.ATTAINED else math.inf
        value, error = _number(stated["value"], nothing), _number(stated["error"], math.inf)
        if not isinstance(stated["exact"], bool) or not isinstance(stated["method"], str) or error < 0:
            raise TypeError("exact, method or error")
        return Evidence(side, value, rigour, stated["method"], error, stated["exact"])
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise Refusal(f"malformed evidence: {error}") from None


def _number(value: Any, nothing: float) -> float:
    if type(value) not in (int, float, type(None)):
        raise TypeError(f"{value!r:.60} is no number")
    return nothing if value is None else float(value)


def _compare(known: tuple[Evidence, ...], stated: tuple[Evidence, ...]) -> None:
    """Each number must be what it is recomputed to be: a floating one within its error, the others exactly."""
    if len(known) != len(stated):
        raise Refusal(f"{len(known)} pieces of evidence can be recomputed, {len(stated)} are stated")
    for mine, theirs in zip(known, stated, strict=True):
        off = 0.0 if mine.value == theirs.value else abs(mine.value - theirs.value)
        for what, value in vars(mine).items():
            close = what == "value" and mine.rigour is Rigour.FLOATING and off <= 2 * mine.error
            if value != getattr(theirs, what) and not close:
                raise Refusal(f"{what} of {theirs.side.value} evidence is {value!r}, not {getattr(theirs, what)!r}")


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
