"""The commands of the tutorial, run for real: what the pages show is what they printed."""

import contextlib
import io
import shlex
import tempfile
from pathlib import Path

from made import keep

from fbscheck.cli import main

__all__ = ["SESSIONS", "write"]

OPERATOR = """import numpy as np


def shrink(x, weight=0.1):
    y = np.sign(x) * np.maximum(np.abs(x) - weight, 0)
    return y + 0.02 * ((x > 0.3) & (x < 0.31))  # a bug that one coordinate in two hundred sees


def repaired(x, weight=0.1):
    return np.sign(x) * np.maximum(np.abs(x) - weight, 0)
"""
HOME = "/home/you"

SESSIONS = {
    "verify": ("verify contraction --size small --out reports/contraction", 0),
    "check": ("check ops.py:shrink --dim 8 --claim nonexpansive --prox-of 'L1(weight=0.1)'", 1),
    "repaired": ("check ops.py:repaired --dim 8 --claim nonexpansive --prox-of 'L1(weight=0.1)' --budget 1", 0),
    "formula": ("check 'sympy:Max(x - 1/8, 0) - Max(-x - 1/8, 0)' --prox-of 'L1(weight=0.125)'", 0),
    "map": ("map contraction --x h:0:3 --y mu:0:1 --set ell=1", 0),
    "report": ("report reports/contraction --format html", 0),
    "audit": ("audit reports/contraction", 0),
    "prove": ("prove contraction", 0),
}
"""The commands, in their order, with the exit status that is right."""


COMMANDS = ("list", "verify", "prove", "check", "map", "report", "audit")


def write(folder: Path) -> None:
    """``session-NAME.txt`` for each command: the line typed and what came to the screen; ``help.txt`` for all.

    Raises
    ------
    RuntimeError
        If a command ends with another exit status.
    """
    keep(folder / "ops.py", OPERATOR)
    keep(folder / "help.txt", "\n".join(_printed(f"{command} --help", 0) for command in COMMANDS))
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        Path("ops.py").write_text(OPERATOR, encoding="utf-8")
        for name, (line, right) in SESSIONS.items():
            text = _printed(line, right).replace(str(Path(place).resolve()), HOME)
            keep(folder / f"session-{name}.txt", f"$ fbscheck {line}\n{text}")


def _printed(line: str, right: int) -> str:
    printed, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
        status = main(shlex.split(line))
    if status != right:
        raise RuntimeError(f"fbscheck {line}: exit status {status}, not {right}\n{said.getvalue()}")
    return printed.getvalue()
