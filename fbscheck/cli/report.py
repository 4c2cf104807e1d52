"""``fbscheck report``: turn a run into a report."""

import argparse
from pathlib import Path
from typing import Any

from fbscheck.cli.terminal import HOLDS, progress_bar

__all__ = ["add"]


def add(commands: Any) -> None:
    """Tell the parser about the command."""
    report = commands.add_parser("report", help="turn the results of a run into a report")
    report.add_argument("folder", type=Path, metavar="DIR", help="folder of a run")
    report.add_argument("--format", default="pdf", choices=("pdf", "tex", "html"), help="default: pdf")
    report.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the report and print its path."""
    from fbscheck import report

    print(report.write(arguments.folder, arguments.format, progress_bar()))
    return HOLDS
