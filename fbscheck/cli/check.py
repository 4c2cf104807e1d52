"""``fbscheck check``: examine an operator of the user's."""

import argparse
from pathlib import Path
from typing import Any

from fbscheck.cli.terminal import HOLDS, REFUTED, UNDECIDED, number, progress_bar

__all__ = ["add"]

OPERATOR = "FILE.py:NAME, MODULE:NAME, a matrix (.npy, .npz, .csv), or 'sympy:EXPRESSION, ...', one for each symbol"
CLAIM = (
    "lipschitz, nonexpansive, contraction, monotonicity, cocoercivity, firmly_nonexpansive or averagedness, "
    "gradient (of some function), prox (of a convex function); may be repeated"
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
    check.add_argument("--prox-of", metavar="FUNCTION", help="the function whose proximal map it is: 'L1(weight=0.1)'")
    check.add_argument(
        "--gradient-of",
        metavar="FUNCTION",
        help="the function whose gradient it is: 'Huber(0.1)', FILE.py:NAME, MODULE:NAME or 'sympy:EXPRESSION'",
    )
    check.add_argument("--step", type=float, default=1.0, metavar="H", help="step of that proximal map (default: 1)")
    check.add_argument("--param", action="append", default=[], metavar="KEY=VALUE", help="keyword of the operator")
    check.add_argument("--accuracy", type=float, default=0.0, metavar="EPS", help="how exact its values are")
    check.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="for the search (default: 20)")
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
            progress_bar(),
            arguments.gradient_of,
        )
        path = store.save(folder, done.claims, done.results, versions(), arguments.seed)
    print(f"{'condition':34}{'lower':>16}{'claimed':>16}{'upper':>16}  verdict")
    for claim, result in zip(done.claims, done.results, strict=True):
        bracket = result.bracket
        ends = "".join(number(value, 16) for value in (bracket.lower, bracket.theory, bracket.upper))
        title = claim.title if len(claim.title) <= 34 else f"{claim.title[:30]} ..."
        print(f"{title:34}{ends}  {result.verdict.value}")
    for line in done.remarks:
        print(line)
    print(f"\nresults: {path}\nreport:  fbscheck report {folder}")
    stated = ("prox_of", "gradient_of")
    verdicts = {result.verdict for result in done.results if arguments.claim or result.claim in stated}
    if Verdict.REFUTED in verdicts:
        return REFUTED
    return UNDECIDED if Verdict.UNDECIDED in verdicts else HOLDS
