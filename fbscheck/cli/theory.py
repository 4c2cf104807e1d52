"""``fbscheck list`` and ``fbscheck prove``: what there is to verify, and the proofs behind it."""

import argparse
from typing import Any

from fbscheck.cli.terminal import HOLDS, UNDECIDED, WIDTH

__all__ = ["add"]


def add(commands: Any) -> None:
    """Tell the parser about both commands."""
    listing = commands.add_parser("list", help="list suites and claims, one line each")
    listing.set_defaults(run=list_all)
    proving = commands.add_parser("prove", help="recheck the symbolic proofs behind the theory's values")
    proving.add_argument("names", nargs="*", metavar="NAME", help="proofs whose name contains NAME (default: all)")
    proving.set_defaults(run=prove)


def list_all(arguments: argparse.Namespace) -> int:
    """Print suites and claims."""
    import textwrap

    from fbscheck.suites.registry import SUITES

    for suite in SUITES.values():
        print(f"{suite.name:16}{suite.summary}")
        for claim in suite.claims:
            title = f"must be refuted: {claim.title}" if claim.control else claim.title
            print(f"  {claim.id:42}{textwrap.shorten(title, WIDTH - 44, placeholder=' ...')}")
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
