"""The pages of the documentation are about the code that there is: claims, suites, modules, commands."""

import re
from pathlib import Path

import pytest

from fbscheck.suites.registry import SUITES

DOCS = Path(__file__).parent.parent / "docs"
CHAPTERS = sorted((DOCS / "theory").glob("*.rst"))
CLAIMS = {claim.id for suite in SUITES.values() for claim in suite.claims}


def unknown(text: str) -> set[str]:
    """The ids of claims in a page that no suite has."""
    return set(re.findall(r":claim:`([^`]+)`", text)) - CLAIMS


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[path.stem for path in CHAPTERS])
def test_claims_that_a_chapter_names_exist(chapter: Path) -> None:
    assert unknown(chapter.read_text("utf-8")) == set()


def test_an_unknown_claim_is_seen() -> None:
    assert unknown("Checked by :claim:`contraction.gradient` and :claim:`contraction.gradiant`.") == {
        "contraction.gradiant"
    }


def test_every_suite_has_a_chapter() -> None:
    included = {name for path in CHAPTERS for name in re.findall(r"made/claims-(\S+)\.rst", path.read_text("utf-8"))}
    assert included >= set(SUITES)


def test_every_chapter_is_in_the_contents_and_has_an_example() -> None:
    contents = (DOCS / "theory" / "index.rst").read_text("utf-8").split("maxdepth")[1].split()
    chapters = {path.stem for path in CHAPTERS} - {"index"}
    assert chapters == set(contents) & chapters and len(chapters) >= 12
    assert [path.stem for path in CHAPTERS if path.stem in chapters and "\n>>> " not in path.read_text("utf-8")] == []
