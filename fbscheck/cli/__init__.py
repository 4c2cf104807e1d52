"""The command line: parsing, printing, exit statuses.  Results go to stdout, all else to stderr.

Exit status: 0 everything claimed holds; 1 something claimed is REFUTED; 2 bad use or bad input;
3 a bug in fbscheck; 4 nothing is refuted, but something claimed is UNDECIDED; 130 interrupted.
"""

import argparse
import io
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from fbscheck._version import VERSION
from fbscheck.cli import audit, check, report, stability_map, theory, verify
from fbscheck.cli.terminal import BAD_INPUT, BUG, HOLDS, INTERRUPTED, say
from fbscheck.errors import FbscheckError

__all__ = ["main"]


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
    for command in (theory, verify, check, stability_map, audit, report):
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        status: int = arguments.run(arguments)
        return status
    except FbscheckError as error:
        say(" ".join(str(error).split()))
        return BAD_INPUT
    except KeyboardInterrupt:
        kept = " Finished tasks are kept; --resume continues." if arguments.command == "verify" else ""
        say(f"interrupted.{kept}")
        return INTERRUPTED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            sys.stderr.close()
            return HOLDS
        say(f"cannot read or write: {error}. Is the disk full, or the folder read-only?")
        return BAD_INPUT
    except Exception:
        say("this is a bug in fbscheck, please report it with the traceback below.")
        _print_traceback()
        return BUG


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
