"""From LaTeX source to PDF with latexmk, in a folder of its own that is thrown away.

The clock is stopped, so the same source gives the same bytes; a failure is one line that names the
log.  TeX may not start programs, nor open files outside its folder by name.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import final

from fbscheck.errors import FbscheckError, MissingToolError
from fbscheck.files import write_text

__all__ = ["INSTALL", "Typeset", "typeset"]

INSTALL = "apt-get install -y --no-install-recommends texlive-latex-recommended lmodern latexmk"
TIMEOUT = 120.0
COMMAND = ("latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex")
SETTINGS = {
    "SOURCE_DATE_EPOCH": "0",
    "FORCE_SOURCE_DATE": "1",
    "openin_any": "p",
    "openout_any": "p",
    "max_print_line": "1000",
}


@final
@dataclass(frozen=True)
class Typeset:
    """What came out of TeX."""

    pdf: bytes
    log: str


def typeset(source: Path) -> Typeset:
    """Compile ``source``, a finished ``report.tex``, with the pictures in ``figures/`` beside it.

    Raises
    ------
    MissingToolError
        If latexmk, pdflatex or a LaTeX package is not installed.
    FbscheckError
        If LaTeX stops at an error or takes too long; ``report.log`` beside the source says more.
    """
    if not (shutil.which("latexmk") and shutil.which("pdflatex")):
        raise MissingToolError(f"Need latexmk and pdflatex for a PDF: {INSTALL}. {source} has been written.")
    with tempfile.TemporaryDirectory(prefix="fbscheck-report-") as name:
        build = Path(name)
        shutil.copyfile(source, build / "report.tex")
        if (source.parent / "figures").is_dir():
            shutil.copytree(source.parent / "figures", build / "figures", ignore=shutil.ignore_patterns("*.png"))
        finished = _run(build)
        log = _text(build / "report.log") or _text(build / "latexmk.txt")
        if finished and (build / "report.pdf").is_file():
            return Typeset((build / "report.pdf").read_bytes(), log)
    kept = source.with_suffix(".log")
    write_text(kept, log)
    missing = re.search(r"File `([^']+\.(?:sty|cls|def))' not found", log)
    if missing:
        raise MissingToolError(f"Need {missing[1]} for a PDF: {INSTALL}. {source} has been written; see {kept}.")
    problem = re.search(r"^! *(.+)$", log, re.MULTILINE)
    if finished is None:
        cause = f"it took longer than {TIMEOUT:.0f} s"
    else:
        cause = problem[1] if problem else "it named no error"
    raise FbscheckError(f"LaTeX could not compile {source}: {cause}. See {kept}.")


def _run(build: Path) -> bool | None:
    """Whether latexmk succeeded, None if it ran out of time; nothing it started outlives it."""
    with (build / "latexmk.txt").open("wb") as output:
        process = subprocess.Popen(
            COMMAND,
            cwd=build,
            env={**os.environ, **SETTINGS},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(TIMEOUT) == 0
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
