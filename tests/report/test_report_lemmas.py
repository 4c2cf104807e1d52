"""Proofs in the appendix: those that the claims cite, each rechecked, and a false one is told as such."""

import dataclasses
from pathlib import Path

import pytest
import sympy
from report_sample import claim, result, save

from fbscheck import proofs, report, store
from fbscheck.report.lemmas import cited, lemmas, names_in
from fbscheck.suites.registry import SUITES
from fbscheck.verdict import Curve, Plot, Verdict

BANACH = dataclasses.replace(claim("a.b", "A", "q"), source="Banach 1922; proof: Banach, a posteriori (largest ratio)")


def test_every_citation_of_every_suite_names_a_proof() -> None:
    known = proofs.catalogue()
    sources = [claim.source for suite in SUITES.values() for claim in suite.claims]
    wanted = {name for source in sources for name in names_in(source)}
    assert len(wanted) > 20
    assert [name for name in wanted if not cited(f"proof: {name}", known)] == []
    assert not [source for source in sources if "proofs:" in source]


@pytest.mark.parametrize(
    "source, expected",
    [
        pytest.param("Banach 1922; proof: Banach, a priori (ratio)", ["Banach, a priori"], id="by its name"),
        pytest.param("proof: averaged step, summed", ["averaged step"], id="with a remark"),
        pytest.param("proof: contraction: gradient", 3, id="several by what they begin with"),
        pytest.param("proof: value inequality; proof: ISTA layer", ["value inequality", "ISTA layer"], id="two"),
        pytest.param("proof: contract", [], id="half a word"),
        pytest.param("waterproof: sensitivity", [], id="another word"),
        pytest.param("sensitivity", [], id="no citation"),
    ],
)
def test_citations(source: str, expected: list[str] | int) -> None:
    found = cited(source, proofs.catalogue())
    assert len(found) == expected if isinstance(expected, int) else list(found) == expected


def test_a_lemma_is_the_identity_of_its_proof() -> None:
    """Banach's identity, multiplied out by sympy from what is printed."""
    (lemma,) = lemmas(map(store.text_of, [BANACH]))
    assert (lemma.name, lemma.fault, lemma.statement) == ("Banach, a posteriori", "", r"(1-q)|f| \le q|f-e|")
    q, ee, ef, ff = sympy.symbols("q ee ef ff")
    assert lemma.goal == r"\left(2 q - 1\right) |f|^2- 2 q^{2} \langle e,f\rangle+q^{2} |e|^2"
    goal = (2 * q - 1) * ff - 2 * q**2 * ef + q**2 * ee
    assert [(step.multiplier, step.what) for step in lemma.steps] == [("1 - q", r"|f| \le q|e|"), ("q", "|f- q e|^2")]
    assert sympy.expand((1 - q) * (q**2 * ee - ff) + q * (ff - 2 * q * ef + q**2 * ee) - goal) == 0


def test_nothing_is_loaded_where_nothing_is_cited() -> None:
    assert lemmas([store.text_of(claim("a.b", "A", "q"))]) == ()


def test_a_proof_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = proofs.catalogue()["Banach, a posteriori"]
    first, *others = true.hypotheses
    false = dataclasses.replace(true, hypotheses=(dataclasses.replace(first, multiplier=0), *others))
    monkeypatch.setattr(proofs, "catalogue", lambda: {true.name: false})
    folder = save(tmp_path, ([BANACH], [result("a.b", "x", Verdict.PROVED, 1.0, 1.0, 1.0)]))
    assert "the identity fails" in report.write(folder, "tex").read_text()
    assert "Not accepted: Banach, a posteriori: the identity fails" in report.write(folder, "html").read_text()


def test_proofs_and_maps_are_linked_from_the_claim(tmp_path: Path) -> None:
    where = dataclasses.replace(claim("map.one", "Map", "h < 2"), source="about a.b; exact arithmetic")
    other = dataclasses.replace(claim("map.two", "Map", "h < 2"), source="about a.b-c")
    square = Curve("holds", (0.0, 1.0), (0.0, 1.0), "cells")
    drawn = [Plot(id, "plane", f"Picture of {id}", "x", "y", (square,)) for id in ("map.one", "map.two")]
    results = [result("map.one", "x", Verdict.CERTIFIED, 1.0, 1.0, 1.0, plots=tuple(drawn))]
    folder = save(tmp_path, ([BANACH, where, other], [result("a.b", "x", Verdict.PROVED, 1.0, 1.0, 1.0), *results]))
    source = report.write(folder, "tex").read_text()
    assert r"\item[Where they hold] see figure~\ref{figure:map.one--plane}" in source
    assert r"\label{figure:map.one--plane}" in source
    assert source.count(r"\ref{proof:1}") == source.count(r"\label{proof:1}") == 1
    page = report.write(folder, "html").read_text()
    assert '<a href="#figure-map.one--plane">Picture of map.one</a></dd>' in page
    assert page.count('href="#proof-1"') == page.count('id="proof-1"') == 1
