"""Folders of runs to report on, and whether LaTeX is here to print them."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from report_sample import CLAIMS, hostile, realistic, result, save

from fbscheck.report.compiler import INSTALL
from fbscheck.verdict import Claim, Result, Verdict


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The folder of the realistic run."""
    return save(tmp_path / "sample", realistic())


@pytest.fixture
def attacked(tmp_path: Path) -> Path:
    """The folder of the run with hostile texts."""
    return save(tmp_path / "attacked", hostile())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The folder of a run with one result and no figure."""
    return save(tmp_path / "small", (CLAIMS[:1], [result("prox.l1", "h=1", Verdict.PROVED, 0.0, 0.0, 0.0)]))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes claims and results to a fresh folder."""

    def write(claims: Sequence[Claim], results: Sequence[Result], name: str = "run") -> Path:
        return save(tmp_path / name, (claims, results))

    return write


@pytest.fixture
def latexmk() -> bool:
    """Whether PDFs can be made here; where CI is set, they have to be."""
    found, required = shutil.which("latexmk") is not None, bool(os.environ.get("CI"))
    assert found or not required, f"latexmk is missing: {INSTALL}"
    return found
