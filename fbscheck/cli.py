"""The command line: parsing, printing, exit statuses.  Results go to stdout, all else to stderr.

Exit status: 0 everything claimed holds; 1 something claimed is REFUTED; 2 bad use or bad input;
3 a bug in fbscheck; 4 nothing is refuted, but something claimed is UNDECIDED; 130 interrupted.
"""

import argparse
import io
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fbscheck._version import VERSION
from fbscheck.errors import FbscheckError

if TYPE_CHECKING:
    from fbscheck.verdict import Claim, Result

__all__ = ["main"]

HOLDS, REFUTED, BAD_INPUT, BUG, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 4, 130
WIDTH = 100


class _Parser(argparse.ArgumentParser):
    """argparse with errors of one line, to which -1e-3 is a number and no option."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._negative_number_matcher = re.compile(r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$", re.IGNORECASE)

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}. `{self.prog} --help` shows the usage.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("fbscheck", description="Verify the theory of networks unrolled from forward-backward splitting.")
    parser.add_argument("--version", action="version", version=f"fbscheck {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="list suites and claims, one line each")
    prove = commands.add_parser("prove", help="recheck the symbolic proofs behind the theory's values")
    prove.add_argument("names", nargs="*", metavar="NAME", help="proofs whose name contains NAME (default: all)")
    verify = commands.add_parser("verify", help="run verification suites and write their results")
    verify.add_argument("suites", nargs="*", metavar="SUITE", help="suites to run (default: all)")
    verify.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: reports/<suites>)")
    verify.add_argument("--jobs", type=int, default=1, metavar="N", help="processes, -1 for all cores (default: 1)")
    verify.add_argument("--scheduler", metavar="ADDRESS", help="run on the workers of a dask scheduler")
    verify.add_argument("--seed", type=int, default=0, metavar="S", help="seed of all random samples (default: 0)")
    verify.add_argument("--resume", action="store_true", help="continue an interrupted run in the same DIR")
    verify.add_argument("--size", default="full", metavar="SIZE", help="small, full or large (default: full)")
    _add_check(commands)
    audit = commands.add_parser("audit", help="recheck every certificate and counterexample of a run")
    audit.add_argument("folder", type=Path, metavar="DIR", help="folder of a run")
    audit.add_argument("--z3", action="store_true", help="let z3 decide the lemmas on contraction and averagedness")
    audit.add_argument("--coq", action="store_true", help="let Coq check lemmas and certificates (writes DIR/coq)")
    report = commands.add_parser("report", help="turn the results of a run into a report")
    report.add_argument("folder", type=Path, metavar="DIR", help="folder of a run")
    report.add_argument("--format", default="pdf", choices=("pdf", "tex", "html"), help="default: pdf")
    return parser


def _add_check(commands: Any) -> None:
    check = commands.add_parser("check", help="search an operator of yours for violations of its conditions")
    check.add_argument("operator", metavar="OPERATOR", help="FILE.py:NAME, MODULE:NAME, or a matrix (.npy, .npz, .csv)")
    size = check.add_mutually_exclusive_group()
    size.add_argument("--dim", metavar="D", help="points are vectors of length D")
    size.add_argument("--shape", metavar="A,B,..", help="points are arrays of this shape")
    check.add_argument("--box", nargs=2, type=float, default=(-1.0, 1.0), metavar=("LO", "HI"), help="default: -1 1")
    check.add_argument("--sample", metavar="NAME", help="draw points by this function rng -> x of the same file")
    check.add_argument("--claim", action="append", default=[], metavar="CONDITION[=VALUE]", help="may be repeated")
    check.add_argument("--prox-of", metavar="FUNCTION", help="the function whose proximal map it is: 'L1(weight=0.1)'")
    check.add_argument("--step", type=float, default=1.0, metavar="H", help="step of that proximal map (default: 1)")
    check.add_argument("--param", action="append", default=[], metavar="KEY=VALUE", help="keyword of the operator")
    check.add_argument("--accuracy", type=float, default=0.0, metavar="EPS", help="how exact its values are")
    check.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="for the search (default: 20)")
    check.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the search (default: 0)")
    check.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: reports/<operator>)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    commands = {"list": _list, "prove": _prove, "verify": _verify, "check": _check, "audit": _audit, "report": _report}
    try:
        return commands[arguments.command](arguments)
    except FbscheckError as error:
        _say(" ".join(str(error).split()))
        return BAD_INPUT
    except KeyboardInterrupt:
        kept = " Finished tasks are kept; --resume continues." if arguments.command == "verify" else ""
        _say(f"interrupted.{kept}")
        return INTERRUPTED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            sys.stderr.close()
            return HOLDS
        _say(f"cannot read or write: {error}. Is the disk full, or the folder read-only?")
        return BAD_INPUT
    except Exception:
        _say("this is a bug in fbscheck, please report it with the traceback below.")
        _print_traceback()
        return BUG


def _say(message: str) -> None:
    """One line on stderr; on a terminal it overwrites a progress bar that was cut short."""
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
    line = f"fbscheck: {''.join(printable)}"
    print(f"\r{line:{WIDTH}}" if sys.stderr.isatty() else line, file=sys.stderr)


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _list(arguments: argparse.Namespace) -> int:
    import textwrap

    from fbscheck.suites.registry import SUITES

    for suite in SUITES.values():
        print(f"{suite.name:16}{suite.summary}")
        for claim in suite.claims:
            title = f"must be refuted: {claim.title}" if claim.control else claim.title
            print(f"  {claim.id:42}{textwrap.shorten(title, WIDTH - 44, placeholder=' ...')}")
    return HOLDS


def _prove(arguments: argparse.Namespace) -> int:
    import textwrap
    import time

    from fbscheck.certify.symbolic import NotProved, check
    from fbscheck.errors import InputError
    from fbscheck.proofs import catalogue

    proofs = catalogue()
    chosen = [proof for name, proof in proofs.items() if all(part in name for part in arguments.names)]
    if not chosen:
        raise InputError(f"Need a name that occurs in a proof's name, got {' '.join(arguments.names)!r}.")
    status = HOLDS
    for proof in chosen:
        start = time.perf_counter()
        try:
            check(proof)
            verdict = "PROVED"
        except NotProved as failure:
            verdict, status = f"UNDECIDED {failure}", UNDECIDED
        print(f"{proof.name:50}{time.perf_counter() - start:6.2f} s  {verdict}")
        for assumption in proof.assumptions:
            text = f"cites: {assumption.statement} ({assumption.source})"
            print(textwrap.fill(text, WIDTH, initial_indent=" " * 10, subsequent_indent=" " * 17))
    return status


def _verify(arguments: argparse.Namespace) -> int:
    from fbscheck import files, store
    from fbscheck.suites import registry, runner

    suites = registry.choose(arguments.suites)
    settings = runner.Settings(arguments.jobs, arguments.scheduler, arguments.seed, arguments.size, arguments.resume)
    everything = len(suites) == len(registry.SUITES)
    name = "all" if everything else "+".join(suite.name for suite in suites)
    folder: Path = arguments.out or Path("reports") / name
    files.prepare(folder)
    claims = [claim for suite in suites for claim in suite.claims]
    with files.locked(folder):
        finished = runner.run(suites, folder, settings, _progress if sys.stderr.isatty() else lambda *_: None)
        path = store.save(folder, claims, finished.results, runner.versions(), settings.seed)
        if not finished.crashes:
            (folder / store.JOURNAL).unlink(missing_ok=True)
    _print_table(claims, finished.results)
    print(f"\nresults: {path}\nreport:  fbscheck report {folder}")
    for crash in finished.crashes:
        _say(f"a bug in fbscheck, please report it: {crash}")
    return BUG if finished.crashes else _status(claims, finished.results)


def _progress(done: int, total: int, name: str) -> None:
    filled = 30 * done // total
    line = f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} {name}"
    width = min(WIDTH, shutil.get_terminal_size().columns)
    print(f"{line[:width]:{width}}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _print_table(claims: Iterable["Claim"], results: Iterable["Result"]) -> None:
    """One line a claim with the number of each verdict, then whatever did not come out as it should."""
    from fbscheck.verdict import Verdict

    columns = {
        Verdict.PROVED: "proved",
        Verdict.CERTIFIED: "certif.",
        Verdict.SUPPORTED: "support.",
        Verdict.REFUTED: "refuted",
        Verdict.UNDECIDED: "undec.",
        Verdict.NOT_APPLICABLE: "n/a",
    }
    results = list(results)
    print(f"{'claim':42}" + "".join(f"{name:>9}" for name in columns.values()))
    wrong = []
    for claim in claims:
        own = [result for result in results if result.claim == claim.id]
        counts = Counter(result.verdict for result in own)
        if own:
            print(f"{claim.id:42}" + "".join(f"{counts[verdict] or '':>9}" for verdict in columns))
        wrong += [result for result in own if not claim.holds(result.verdict)]
    print(f"\n{len(results)} results; controls and planted errors must be refuted.")
    for result in wrong:
        print(f"{result.verdict.value}: {result.claim}, {result.case}: {result.reason}")


def _status(claims: Iterable["Claim"], results: Iterable["Result"]) -> int:
    from fbscheck.verdict import Verdict

    by_id = {claim.id: claim for claim in claims}
    wrong = [(by_id[r.claim].control, r) for r in results if not by_id[r.claim].holds(r.verdict)]
    if any(control and result.verdict is not Verdict.UNDECIDED for control, result in wrong):
        _say("a bug in fbscheck, please report it: a control was not refuted.")
        return BUG
    if any(result.verdict is Verdict.REFUTED for _, result in wrong):
        return REFUTED
    return UNDECIDED if wrong else HOLDS


def _check(arguments: argparse.Namespace) -> int:
    from fbscheck import files, store
    from fbscheck.checking.session import check
    from fbscheck.suites.runner import versions
    from fbscheck.verdict import Verdict

    formula = arguments.operator.startswith("sympy:")
    name = arguments.operator if formula else Path(arguments.operator).name
    folder: Path = arguments.out or Path("reports") / files.file_name(name)
    files.prepare(folder)
    with files.locked(folder):
        done = check(
            arguments.operator,
            arguments.dim,
            arguments.shape,
            tuple(arguments.box),
            arguments.sample,
            arguments.claim,
            arguments.prox_of,
            arguments.step,
            arguments.param,
            arguments.accuracy,
            arguments.budget,
            arguments.seed,
            _progress if sys.stderr.isatty() else lambda *_: None,
        )
        path = store.save(folder, done.claims, done.results, versions(), arguments.seed)
    print(f"{'condition':34}{'lower':>16}{'claimed':>16}{'upper':>16}  verdict")
    for claim, result in zip(done.claims, done.results, strict=True):
        bracket = result.bracket
        ends = "".join(_number(value, 16) for value in (bracket.lower, bracket.theory, bracket.upper))
        title = claim.title if len(claim.title) <= 34 else f"{claim.title[:30]} ..."
        print(f"{title:34}{ends}  {result.verdict.value}")
    for line in done.remarks:
        print(line)
    print(f"\nresults: {path}\nreport:  fbscheck report {folder}")
    claimed = arguments.claim or arguments.prox_of is not None
    verdicts = {result.verdict for result in done.results} if claimed else set()
    if Verdict.REFUTED in verdicts:
        return REFUTED
    return UNDECIDED if Verdict.UNDECIDED in verdicts else HOLDS


def _number(value: float | None, width: int) -> str:
    return f"{'' if value is None else format(value + 0.0, '.9g'):>{width}}"


def _audit(arguments: argparse.Namespace) -> int:
    from fbscheck.audit.recheck import Outcome, recheck

    findings = list(recheck(arguments.folder, _progress if sys.stderr.isatty() else lambda *_: None))
    claims = dict.fromkeys(finding.claim for finding in findings if finding.claim)
    print(f"{'claim':42}" + "".join(f"{outcome.value:>11}" for outcome in Outcome))
    for claim in claims:
        counts = Counter(finding.outcome for finding in findings if finding.claim == claim)
        print(f"{claim:42}" + "".join(f"{counts[outcome] or '':>11}" for outcome in Outcome))
    refused = [finding for finding in findings if finding.outcome is Outcome.REFUSED]
    for finding in refused:
        print(f"REFUSED: {', '.join(part for part in (finding.claim, finding.case) if part)}: {finding.reason}")
    print("\nevery rigorous number of this run was recomputed" if not refused else f"\n{len(refused)} refused")
    confirmed = not refused
    if arguments.z3:
        confirmed = _ask_z3() and confirmed
    if arguments.coq:
        confirmed = _ask_coq(arguments.folder) and confirmed
    return HOLDS if confirmed else REFUTED


def _ask_z3() -> bool:
    """Whether z3 confirms all lemmas, and finds an instance against each lowered one."""
    from fbscheck.audit.smt import decide

    confirmed = True
    print(f"\n{'lemma, for all parameters':50}{'z3 says':>10}{'lowered':>10}")
    for decision in decide():
        print(f"{decision.name:50}{decision.verdict:>10}{decision.lowered:>10}{decision.seconds:8.2f} s")
        confirmed = confirmed and (decision.verdict, decision.lowered) == ("holds", "fails")
    return confirmed


def _ask_coq(folder: Path) -> bool:
    """Whether Coq accepts the lemmas, and all certificates about steps of the run."""
    from fbscheck.audit import coq

    paths = coq.write(folder / "coq", coq.records_of(folder))
    outcomes = coq.compile(paths, _progress if sys.stderr.isatty() else lambda *_: None)
    print(f"\n{'file':50}{'theorems':>10}{'Coq says':>10}")
    for outcome in outcomes:
        says = "accepted" if outcome.accepted else f"refused: {outcome.reason}"
        print(f"{outcome.file.name:50}{len(outcome.theorems) or '':>10}{says:>10}{outcome.seconds:8.2f} s")
    axioms = sorted({axiom for outcome in outcomes for axiom in outcome.axioms})
    print(f"axioms, those of Coq's real numbers: {', '.join(axioms)}")
    return all(outcome.accepted for outcome in outcomes)


def _report(arguments: argparse.Namespace) -> int:
    from fbscheck import report

    print(report.write(arguments.folder, arguments.format, _progress if sys.stderr.isatty() else lambda *_: None))
    return HOLDS
