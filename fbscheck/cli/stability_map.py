"""``fbscheck map``: where in a plane of parameters a condition holds."""

import argparse
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fbscheck.cli.terminal import WIDTH, status

if TYPE_CHECKING:
    from fbscheck.claims.regions.cells import Axis

__all__ = ["add"]

SIDE = "a parameter of the condition from LO to HI, such as h:0:2"


def add(commands: Any) -> None:
    """Tell the parser about the command."""
    drawing = commands.add_parser("map", help="show where in a plane of parameters a condition holds, and prove it")
    drawing.add_argument("condition", metavar="CONDITION", help="a name after `map.` in the output of `fbscheck list`")
    drawing.add_argument("--x", required=True, metavar="NAME:LO:HI", help=SIDE)
    drawing.add_argument("--y", required=True, metavar="NAME:LO:HI", help="the same for the other side")
    drawing.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another parameter")
    drawing.add_argument("--budget", type=float, default=20.0, metavar="SECONDS", help="for the cells (default: 20)")
    drawing.add_argument("--out", type=Path, metavar="DIR", help="where results go (default: reports/map-CONDITION)")
    drawing.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw a map and print the shares of its parts."""
    from fbscheck import files, store
    from fbscheck.claims.regions import cells, maps
    from fbscheck.claims.regions.conditions import CONDITIONS
    from fbscheck.errors import InputError
    from fbscheck.inputs import positive
    from fbscheck.suites.runner import versions

    condition = CONDITIONS.get(arguments.condition)
    if condition is None:
        raise InputError(f"Need a condition among {', '.join(CONDITIONS)}, got {arguments.condition!r}.")
    seconds = float(positive(arguments.budget, "budget", "It is a time in seconds."))
    fixed = dict(_value(text) for text in arguments.set)
    plane = cells.Plane(condition, _axis(arguments.x), _axis(arguments.y), fixed)
    folder: Path = arguments.out or Path("reports") / f"map-{condition.name}"
    files.prepare(folder)
    with files.locked(folder):
        covered = cells.cover(plane, seconds)
        claim = maps.claim_of(condition)
        result = maps.assess(claim, plane, covered)
        path = store.save(folder, [claim], [result], versions(), 0)
    size = sum(map(plane.area, (*covered.cells[cells.HOLDS], *covered.cells[cells.FAILS], *covered.open)))
    print(f"{condition.title}:\n{plane.name}\n")
    print(f"{'on whole cells':24}{'share of the box':>18}{'cells':>10}")
    for kind, parts in ((cells.HOLDS, covered.cells[cells.HOLDS]), (cells.FAILS, covered.cells[cells.FAILS])):
        share = float(sum(map(plane.area, parts)) / size)
        print(f"{'proved: it ' + kind:24}{share:>18.2%}{len(parts):>10}")
    print(f"{'open':24}{float(covered.share):>18.2%}{len(covered.open):>10}")
    print(f"\n{result.verdict.value}: {result.reason}"[: 4 * WIDTH])
    print(f"\nresults: {path}\nreport:  fbscheck report {folder}")
    return status([claim], [result])


def _axis(text: str) -> "Axis":
    from fbscheck.claims.regions.cells import Axis
    from fbscheck.errors import InputError

    name, _, ends = text.partition(":")
    low, colon, high = ends.partition(":")
    if not colon:
        raise InputError(f"Need a side of the box as NAME:LO:HI, got {text!r:.60}.")
    return Axis(name, _number(low, text), _number(high, text))


def _value(text: str) -> tuple[str, Fraction]:
    from fbscheck.errors import InputError

    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"Need a parameter as NAME=VALUE, got {text!r:.60}.")
    return name, _number(value, text)


def _number(text: str, where: str) -> Fraction:
    from fbscheck.errors import InputError

    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"Need finite numbers such as 0.5 or 1/3 in {where!r:.60}, got {text!r:.30}.") from None
