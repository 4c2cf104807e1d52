"""Claims that compare methods: one table a subject, ratios to the least bound that holds, what is attained below."""

from dataclasses import replace
from pathlib import Path

import pytest
from report_sample import HOSTILE, claim, result, save

from fbscheck import store
from fbscheck.report import content, latex, page
from fbscheck.report.comparison import COMPARISONS_SHOWN
from fbscheck.report.content import Document
from fbscheck.report.sections import Section
from fbscheck.verdict import Bracket, Evidence, Relation, Result, Rigour, Side, Verdict

CLAIM = claim("a.methods", "Methods", "q", relation=Relation.COMPARED)


def row(case: str, bound: float, verdict: Verdict, seconds: float, *attained: tuple[str, float]) -> Result:
    found = tuple(Evidence(Side.ATTAINED, value, Rigour.ENCLOSED, method) for method, value in attained)
    proof = Evidence(Side.CERTIFIED, 1.5, Rigour.ENCLOSED, "proof")
    bracket = Bracket(None, bound, 1.5, None, (*found, proof))
    return replace(result("a.methods", case, verdict), bracket=bracket, seconds=seconds)


LOWER = (("some prox", 1.25), ("this network", 1.0))
ROWS = [
    row("ISTA, N=4 | product", 6.0, Verdict.CERTIFIED, 0.001, *LOWER),
    row("ISTA, N=4 | too small", 1.2, Verdict.REFUTED, 0.5, *LOWER),
    row("ISTA, N=4 | best", 1.5, Verdict.CERTIFIED, 2.0, *LOWER),
]


def document(folder: Path, results: list[Result]) -> Document:
    run = store.load(save(folder, ([CLAIM], results)))
    return content.document(run, ())


def section(folder: Path, results: list[Result]) -> Section:
    return document(folder, results).chapters[0].sections[0]


def test_one_table_a_subject(tmp_path: Path) -> None:
    other = row("other | best", 3.0, Verdict.CERTIFIED, 1.0)
    found = section(tmp_path, [*ROWS, other])
    assert (found.cases, found.rest) == ((), "")
    first, second = found.comparisons
    assert (first.subject, second.subject) == ("ISTA, N=4", "other")
    assert [(m.name, m.value, m.ratio, m.seconds) for m in first.bounds] == [
        ("product", 6.0, 4.0, 0.001),
        ("too small", 1.2, pytest.approx(0.8), 0.5),
        ("best", 1.5, 1.0, 2.0),
    ]
    assert [m.verdict for m in first.bounds] == [r.verdict for r in ROWS]
    assert [(m.name, m.value, m.ratio, m.verdict) for m in first.attained] == [
        ("some prox", 1.25, 1.25 / 1.5, None),
        ("this network", 1.0, 1.0 / 1.5, None),
    ]
    assert second.attained == ()


def test_what_is_short_of_rigour_is_shown_and_its_reason_told(tmp_path: Path) -> None:
    many = [row(f"network {k} | best", 1.5, Verdict.CERTIFIED, 1.0) for k in range(COMPARISONS_SHOWN + 3)]
    found = section(tmp_path, [*many, *ROWS])
    assert found.comparisons[0].subject == "ISTA, N=4"
    assert len(found.comparisons) == COMPARISONS_SHOWN
    assert found.rest == "4 further cases (4 certified) are in results.json."
    assert [note.cases for note in found.notes] == [("ISTA, N=4 | too small",)]


def test_a_case_without_a_method_or_a_bound_is_shown(tmp_path: Path) -> None:
    bare = replace(row("no bar", 1.0, Verdict.UNDECIDED, 0.0), bracket=Bracket(None, None, None))
    (found,) = section(tmp_path, [bare]).comparisons
    assert (found.subject, found.bounds[0].name, found.bounds[0].value) == ("(no name)", "no bar", None)


def test_both_renderers_print_the_table_and_round_to_the_safe_side(tmp_path: Path) -> None:
    text = document(tmp_path, [row("ISTA | best", 1.23456749, Verdict.CERTIFIED, 2.0, ("a pair", 1.00000099))])
    tex, html = latex.render(text), page.render(text, {})
    for shown in (tex, html):
        assert "1.23457" in shown
        assert "1.00000" in shown
        assert "1.00001" not in shown
        assert "attained: a pair" in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_stay_texts(tmp_path: Path, name: str) -> None:
    text = HOSTILE[name]
    found = document(tmp_path, [row(f"{text} | {text}", 1.0, Verdict.CERTIFIED, 1.0, (text, 0.5))])
    tex, html = latex.render(found), page.render(found, {})
    assert r"\input{/etc" not in tex
    assert "<script>alert" not in html
