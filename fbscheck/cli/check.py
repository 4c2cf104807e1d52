"""``fbscheck check``: examine an operator of the user's."""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fbscheck.cli.terminal import HOLDS, REFUTED, UNDECIDED, WIDTH, number, progress_bar

__all__ = ["add"]

OPERATOR = (
    "FILE.py:NAME or MODULE:NAME (a function or a torch module), a matrix (.npy, .npz, .csv), "
    "or 'sympy:EXPRESSION, ...', one for each symbol"
)
PROX_OF = "the function whose proximal map it is: 'L1(weight=0.1)', or FILE.py:NAME, which returns a cvxpy expression"
CLAIM = (
    "lipschitz, nonexpansive, contraction, monotonicity, cocoercivity, firmly_nonexpansive, averagedness, residual "
    "(Lipschitz constant of I - T), gradient (of some function) or prox (of a convex function); may be repeated"
)


def add(commands: Any) -> None:
    """Tell the parser about the command."""
    check = commands.add_parser("check", help="search an operator of yours for violations of its conditions")
    check.add_argument("operator", metavar="OPERATOR", help=OPERATOR)
    size = check.add_mutually_exclusive_group()
    size.add_argument("--dim", metavar="D", help="points are vectors of length D")
    size.add_argument("--shape", metavar="A,B,..", help="points are arrays of this shape")
    check.add_argument("--box", nargs=2, type=float, default=(-1.0, 1.0), metavar=("LO", "HI"), help="default: -1 1")
    check.add_argument("--sample", metavar="NAME", help="draw points by this function rng -> x of the same file")
    check.add_argument("--claim", action="append", default=[], metavar="CONDITION[=VALUE]", help=CLAIM)
    check.add_argument("--prox-of", metavar="FUNCTION", help=PROX_OF)
    check.add_argument(
        "--gradient-of",
        metavar="FUNCTION",
        help="the function whose gradient it is: 'Huber(0.1)', FILE.py:NAME, MODULE:NAME or 'sympy:EXPRESSION'",
    )
    check.add_argument(
        "--step", type=float, default=1.0, metavar="H", help="its step, or that of --network (default: 1)"
    )
    check.add_argument(
        "--network", metavar="KEY", help="keyword KEY is the step h of layers p_h: resolvents of one operator?"
    )
    check.add_argument("--param", action="append", default=[], metavar="KEY=VALUE", help="keyword of the operator")
    check.add_argument("--accuracy", type=float, default=0.0, metavar="EPS", help="how exact its values are")
    check.add_argument(
        "--jvp", metavar="NAME", help="a function (x, v) -> T'(x)v of the same file, to guide the search"
    )
    check.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="at most, to search (default: 20)")
    check.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the search (default: 0)")
    check.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: reports/<operator>)")
    check.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine an operator and print a table of its conditions."""
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
            dim=arguments.dim,
            shape=arguments.shape,
            box=tuple(arguments.box),
            sample=arguments.sample,
            claims=arguments.claim,
            prox_of=arguments.prox_of,
            gradient_of=arguments.gradient_of,
            step=arguments.step,
            network=arguments.network,
            parameters=arguments.param,
            accuracy=arguments.accuracy,
            jvp=arguments.jvp,
            budget=arguments.budget,
            seed=arguments.seed,
            progress=progress_bar(),
        )
        path = store.save(folder, done.claims, done.results, versions(), arguments.seed, done.operator, done.remarks)
    print(f"{'condition':34}{'lower':>16}{'claimed':>16}{'upper':>16}  verdict")
    for claim, result in zip(done.claims, done.results, strict=True):
        bracket = result.bracket
        ends = "".join(number(value, 16) for value in (bracket.lower, bracket.theory, bracket.upper))
        title = claim.title if len(claim.title) <= 34 else f"{claim.title[:30]} ..."
        print(f"{title:34}{ends}  {result.verdict.value}")
    wrong = [r for kind in (Verdict.REFUTED, Verdict.UNDECIDED) for r in done.results if r.verdict is kind]
    _listed([f"{result.claim} {result.verdict.value.lower()}: {result.reason}" for result in wrong])
    snippets = (str((result.witness or {}).get("snippet", "")) for result in wrong)
    _to_paste(next(filter(None, snippets), ""))
    _listed(done.remarks)
    print(f"\nresults: {path}\nreport:  fbscheck report {folder}")
    stated = ("prox_of", "gradient_of", "network")
    verdicts = {result.verdict for result in done.results if arguments.claim or result.claim in stated}
    if Verdict.REFUTED in verdicts:
        return REFUTED
    return UNDECIDED if Verdict.UNDECIDED in verdicts else HOLDS


def _listed(lines: Sequence[str]) -> None:
    """An empty line, and each of ``lines`` on as many lines as it takes."""
    print(end="\n" if lines else "")
    for line in lines:
        print(textwrap.fill(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False))


def _to_paste(snippet: str) -> None:
    """A counterexample as lines for Python, if they fit here; all are in the folder of the run."""
    if snippet and all(len(line) <= WIDTH for line in snippet.splitlines()):
        print(f"\nThe first one again, in Python:\n\n{snippet}")
