"""``fbscheck verify``: run suites and write their results."""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fbscheck.cli.terminal import BUG, progress_bar, say, status

if TYPE_CHECKING:
    from fbscheck.verdict import Claim, Result

__all__ = ["add"]


def add(commands: Any) -> None:
    """Tell the parser about the command."""
    verify = commands.add_parser("verify", help="run verification suites and write their results")
    verify.add_argument("suites", nargs="*", metavar="SUITE", help="suites to run (default: all)")
    verify.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: reports/<suites>)")
    verify.add_argument("--jobs", type=int, default=1, metavar="N", help="processes, -1 for all cores (default: 1)")
    verify.add_argument("--scheduler", metavar="ADDRESS", help="run on the workers of a dask scheduler")
    verify.add_argument("--seed", type=int, default=0, metavar="S", help="seed of all random samples (default: 0)")
    verify.add_argument("--resume", action="store_true", help="continue an interrupted run in the same DIR")
    verify.add_argument("--size", default="full", metavar="SIZE", help="small, full or large (default: full)")
    verify.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run suites and print a table of verdicts."""
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
        finished = runner.run(suites, folder, settings, progress_bar())
        path = store.save(folder, claims, finished.results, runner.versions(), settings.seed)
        if not finished.crashes:
            (folder / store.JOURNAL).unlink(missing_ok=True)
    _print_table(claims, finished.results)
    print(f"\nresults: {path}\nreport:  fbscheck report {folder}")
    for crash in finished.crashes:
        say(f"a bug in fbscheck, please report it: {crash}")
    return BUG if finished.crashes else status(claims, finished.results)


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
