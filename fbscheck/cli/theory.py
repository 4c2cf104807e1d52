"""``fbscheck list`` and ``fbscheck prove``: what there is to verify, and the proofs behind it."""

import argparse
from typing import TYPE_CHECKING, Any

from fbscheck.cli.terminal import HOLDS, UNDECIDED, WIDTH

if TYPE_CHECKING:
    from fbscheck.suites.tables import Table

__all__ = ["add"]


def add(commands: Any) -> None:
    """Tell the parser about both commands."""
    listing = commands.add_parser("list", help="list suites and claims, one line each")
    what = listing.add_mutually_exclusive_group()
    what.add_argument("--functions", action="store_true", help="list the functions and their constants instead")
    what.add_argument("--operators", action="store_true", help="list the operators and their constants instead")
    listing.set_defaults(run=list_all)
    proving = commands.add_parser("prove", help="recheck the symbolic proofs behind the theory's values")
    proving.add_argument("names", nargs="*", metavar="NAME", help="proofs whose name contains NAME (default: all)")
    proving.set_defaults(run=prove)


def list_all(arguments: argparse.Namespace) -> int:
    """Print suites and claims, or the table that is asked for."""
    import textwrap

    if arguments.functions or arguments.operators:
        from fbscheck.suites import tables

        return _print_table(tables.function_table() if arguments.functions else tables.operator_table())
    from fbscheck.suites.registry import SUITES

    for suite in SUITES.values():
        print(f"{suite.name:16}{suite.summary}")
        for claim in suite.claims:
            title = f"must be refuted: {claim.title}" if claim.control else claim.title
            print(f"  {claim.id:42}{textwrap.shorten(title, WIDTH - 44, placeholder=' ...')}")
    return HOLDS


def _print_table(table: "Table") -> int:
    """Columns of the table's widths; what is longer goes on in the next line.  Then the notes."""
    import textwrap
    from itertools import zip_longest

    for row in (table.heading, *table.rows):
        cells = (textwrap.wrap(text, width) for text, width in zip(row, table.widths, strict=True))
        for line in zip_longest(*cells, fillvalue=""):
            print(" ".join(f"{text:{width}}" for text, width in zip(line, table.widths, strict=True)).rstrip())
    for note in table.notes:
        print(textwrap.fill(note, WIDTH, subsequent_indent="  "))
    return HOLDS


def prove(arguments: argparse.Namespace) -> int:
    """Recheck proofs."""
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
