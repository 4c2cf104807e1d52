"""What a report says: which cases are shown, in which order, what is counted, what is an alarm."""

from pathlib import Path

import pytest
from report_sample import CLAIMS, claim, realistic, result, save

from fbscheck import store
from fbscheck.report import content
from fbscheck.report.content import OPEN_SHOWN, Document
from fbscheck.report.sections import CASES_SHOWN
from fbscheck.verdict import Claim, Plot, Result, Verdict


def document(folder: Path, claims: list[Claim], results: list[Result]) -> Document:
    """The report on a run of these claims and results."""
    run = store.load(save(folder, (claims, results)))
    return content.document(run, content.stems(run.plots))


def test_chapters_in_order_without_controls(tmp_path: Path) -> None:
    text = document(tmp_path, list(CLAIMS), realistic()[1])
    assert [chapter.key for chapter in text.chapters] == ["prox", "contraction", "fixed-point"]
    assert [chapter.title for chapter in text.chapters] == ["Prox", "Contraction", "Fixed point"]
    shown = [section.claim.id for chapter in text.chapters for section in chapter.sections]
    assert shown == [c.id for c in CLAIMS if not c.control]
    assert sum(text.totals.values()) == 140
    assert text.totals == {v: sum(chapter.counts[v] for chapter in text.chapters) for v in Verdict}
    controls = {chapter.key: [case.title for case in chapter.controls.cases] for chapter in text.chapters}
    assert {key: len(cases) for key, cases in controls.items()} == {"prox": 1, "contraction": 3, "fixed-point": 3}
    assert text.controls.cases == ()


@pytest.mark.parametrize(
    "verdict, caught",
    [
        (Verdict.PROVED, False),
        (Verdict.CERTIFIED, False),
        (Verdict.SUPPORTED, False),
        (Verdict.REFUTED, True),
        (Verdict.UNDECIDED, False),
        (Verdict.NOT_APPLICABLE, True),
    ],
)
def test_controls_must_be_caught(tmp_path: Path, verdict: Verdict, caught: bool) -> None:
    planted = claim("a.planted", "Planted", "1 = 2", control=True)
    text = document(
        tmp_path,
        [planted],
        [result("a.planted", "good", Verdict.REFUTED, 2.0, 1.0), result("a.planted", "probe", verdict, 2.0, 1.0)],
    )
    assert text.controls_caught is caught
    assert ("slipped through" in text.controls_verdict) is not caught
    assert caught or text.controls.cases[0].name == "probe"
    assert text.chapters == ()


def test_a_control_is_told_in_the_chapter_that_it_belongs_to(tmp_path: Path) -> None:
    claims = [
        claim("control.early", "Before all", "0 = 1", control=True),
        claim("a.b", "A", "q"),
        claim("control.late", "After A", "0 = 1", control=True),
        claim("c.d", "C", "q"),
        claim("planted.a.b", "A, planted", "0 = 1", control=True),
    ]
    text = document(tmp_path, claims, [result(c.id, "x", Verdict.REFUTED, 2.0, 1.0) for c in claims if c.control])
    told = {chapter.key: [case.title for case in chapter.controls.cases] for chapter in text.chapters}
    assert told == {"a": ["After A", "A, planted"], "c": []}
    assert [case.title for case in text.controls.cases] == ["Before all"]


def test_controls_not_tried_are_named(tmp_path: Path) -> None:
    text = document(tmp_path, [claim("a.planted", "Planted", "1 = 2", control=True)], [])
    assert "none were run" in text.controls_verdict
    assert "1 more were not tried" in text.controls_verdict


def test_long_table_shows_what_matters(tmp_path: Path) -> None:
    results = [result("a.b", f"tight {i}", Verdict.CERTIFIED, 1 - 1e-12, 1.0, 1 + 1e-12 * i) for i in range(1, 61)]
    results += [result("a.b", f"open {i}", Verdict.UNDECIDED, 0.5, 1.0, 2.0) for i in range(3)]
    results.append(result("a.b", "wrong", Verdict.REFUTED, 2.0, 1.0))
    results.append(result("a.b", "float", Verdict.SUPPORTED, 1.0, 1.0))
    section = document(tmp_path, [claim("a.b", "Long", "q")], results).chapters[0].sections[0]
    names = [case.name for case in section.cases]
    assert names[:5] == ["wrong", "open 0", "open 1", "open 2", "float"]
    assert names[5:8] == ["tight 60", "tight 59", "tight 58"]
    assert len(names) == CASES_SHOWN
    assert section.rest == "25 further cases (25 certified) are in results.json."
    assert section.tally == "65 cases: 60 certified, 1 supported, 1 refuted, 3 undecided"


def test_short_table_keeps_the_order_of_the_run(tmp_path: Path) -> None:
    verdicts = (Verdict.PROVED, Verdict.REFUTED, Verdict.PROVED)
    results = [result("a.b", str(i), verdict, 1.0, 1.0) for i, verdict in enumerate(verdicts)]
    section = document(tmp_path, [claim("a.b", "Short", "q")], results).chapters[0].sections[0]
    assert [case.name for case in section.cases] == ["0", "1", "2"]
    assert section.rest == ""


def test_reasons_are_shared_and_counted(tmp_path: Path) -> None:
    reason = "hypothesis h <= 2 beta is not met: off by 0.1."
    results = [result("a.b", f"case {i}", Verdict.NOT_APPLICABLE, reason=reason) for i in range(20)]
    text = document(tmp_path, [claim("a.b", "Averaged", "q", r"h \le 2\beta")], results)
    (note,) = text.chapters[0].sections[0].notes
    assert (len(note.cases), note.more) == (4, 16)
    assert note.reason == (("hypothesis ", False), (r"h \le 2\beta", True), (" is not met: off by 0.1", False))
    matter = next(m for m in text.matters if m.verdict is Verdict.NOT_APPLICABLE)
    assert (matter.count, len(matter.cases), matter.more) == (20, OPEN_SHOWN, 8)


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(r"hypothesis \input{x} is not met", id="not a hypothesis of the claim"),
        pytest.param(r"h > 0", id="a hypothesis without its sentence"),
    ],
)
def test_only_quoted_hypotheses_are_mathematics(tmp_path: Path, reason: str) -> None:
    text = document(tmp_path, [claim("a.b", "A", "q", "h > 0")], [result("a.b", "x", Verdict.UNDECIDED, reason=reason)])
    assert text.chapters[0].sections[0].notes[0].reason == ((reason, False),)


def test_result_of_an_unknown_claim_is_still_reported(tmp_path: Path) -> None:
    text = document(tmp_path, [], [result("lipschitz", "my operator", Verdict.CERTIFIED, 1.0, None, 1.5)])
    section = text.chapters[0].sections[0]
    assert (section.title, section.claim.statement) == ("lipschitz", "")
    assert section.cases[0].gap is not None and section.cases[0].gap.absolute


@pytest.mark.parametrize(
    "verdicts, expected",
    [
        pytest.param([Verdict.REFUTED], "nothing was established.", id="nothing"),
        pytest.param([Verdict.PROVED, Verdict.NOT_APPLICABLE], "1 of 1 claim held", id="held where it applied"),
        pytest.param([Verdict.SUPPORTED, Verdict.UNDECIDED], "0 of 1 claim held", id="held only in part"),
        pytest.param([Verdict.NOT_APPLICABLE], "nothing was established.", id="never applied"),
    ],
)
def test_what_holds_in_words(tmp_path: Path, verdicts: list[Verdict], expected: str) -> None:
    results = [result("a.b", str(i), verdict, 1.0, 1.0) for i, verdict in enumerate(verdicts)]
    assert expected in document(tmp_path, [claim("a.b", "A", "q")], results).holds


@pytest.mark.parametrize(
    "names, expected",
    [
        (["q", "q", "q"], ("a.b--q", "a.b--q--2", "a.b--q--3")),
        (["q", "Q"], ("a.b--q", "a.b--Q--2")),
        (["q", "q--2", "q"], ("a.b--q", "a.b--q-2", "a.b--q--2")),
        (["../x", "a b"], ("a.b--x", "a.b--a-b")),
    ],
)
def test_figures_of_one_name_do_not_overwrite_each_other(names: list[str], expected: tuple[str, ...]) -> None:
    assert content.stems(Plot("a.b", name, "", "", "", ()) for name in names) == expected
