"""``fbscheck report``: turn a run into a report."""

import argparse
import textwrap
from pathlib import Path
from typing import Any

from fbscheck.cli.terminal import HOLDS, WIDTH, progress_bar

__all__ = ["add"]


def add(commands: Any) -> None:
    """Tell the parser about the command."""
    report = commands.add_parser("report", help="turn the results of a run into a report")
    report.add_argument("folder", type=Path, metavar="DIR", help="folder of a run")
    report.add_argument("other", type=Path, nargs="?", metavar="OTHER", help="a later run: tell what changed instead")
    report.add_argument("--format", default="pdf", choices=("pdf", "tex", "html"), help="default: pdf")
    report.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report and print its path."""
    from fbscheck import report

    if arguments.other is not None:
        path, summary = report.compare(arguments.folder, arguments.other, arguments.format)
        print(f"{textwrap.fill(summary, WIDTH)}\n{path}")
        return HOLDS
    print(report.write(arguments.folder, arguments.format, progress_bar()))
    return HOLDS
