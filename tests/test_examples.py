"""Every example in a docstring or on a page of the documentation prints what it says."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

import fbscheck

ROOT = Path(fbscheck.__file__).parent.parent
PROMPT = re.compile(r"^ *>>> ", re.MULTILINE)
MODULES = [path for path in sorted((ROOT / "fbscheck").rglob("*.py")) if PROMPT.search(path.read_text("utf-8"))]
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.rst")) if PROMPT.search(path.read_text("utf-8"))]


def failures(page: Path) -> int:
    found = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert found.attempted
    return found.failed


@pytest.mark.parametrize("path", MODULES, ids=[".".join(p.relative_to(ROOT).with_suffix("").parts) for p in MODULES])
def test_docstrings(path: Path) -> None:
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("page", PAGES, ids=[p.stem for p in PAGES])
def test_pages(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not failures(page)


def test_there_are_examples() -> None:
    assert len(MODULES) >= 20
    assert {path.stem for path in PAGES} >= {"one_layer", "fixed_points", "networks", "lista", "deep_limit", "learning"}


def test_a_wrong_example_fails(tmp_path: Path) -> None:
    page = tmp_path / "wrong.rst"
    page.write_text("A norm that is one percent too small:\n\n>>> abs(-1.0)\n0.99\n")
    assert failures(page) == 1
