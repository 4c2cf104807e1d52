"""What changed between two runs: matched by claim and case, the worst first, in print and on a page."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from report_sample import CLAIMS, result

from fbscheck import report, store
from fbscheck.cli import main
from fbscheck.errors import InputError
from fbscheck.report.changes import SHOWN, changes
from fbscheck.verdict import Result, Verdict

Saved = Callable[..., Path]
NAMES = ("before", "after")


def of(*results: Result) -> tuple[object, list[Result]]:
    return CLAIMS[:2], list(results)


BEFORE = of(
    result("prox.l1", "same", Verdict.PROVED, 0.5, 0.5, 0.5),
    result("prox.l1", "lost", Verdict.PROVED, 0.5, 0.5, 0.5),
    result("prox.firm", "weaker", Verdict.CERTIFIED, 0.5, 0.5, 0.5),
    result("prox.firm", "moved", Verdict.CERTIFIED, 0.4, 0.5, 0.5),
    result("prox.firm", "unknown", Verdict.CERTIFIED, None, 0.5, 0.5),
    result("prox.l1", "wrong now", Verdict.CERTIFIED, 0.5, 0.5, 0.5),
)
AFTER = of(
    result("prox.l1", "same", Verdict.PROVED, 0.5, 0.5, 0.5),
    result("prox.firm", "weaker", Verdict.SUPPORTED, 0.5, 0.5, 0.5),
    result("prox.firm", "moved", Verdict.CERTIFIED, 0.45, 0.5, 0.5),
    result("prox.firm", "unknown", Verdict.CERTIFIED, 0.3, 0.5, 0.5),
    result("prox.l1", "wrong now", Verdict.REFUTED, 0.6, 0.5, 0.5),
    result("prox.l1", "added", Verdict.PROVED, 0.5, 0.5, 0.5),
)


def test_changes_are_found_and_sorted(saved: Saved) -> None:
    before, after = (store.load(saved(*run, name)) for run, name in zip((BEFORE, AFTER), NAMES, strict=True))
    found = changes(before, after, NAMES)
    assert [change.name for change in found.verdicts] == ["wrong now", "weaker"]
    assert [change.name for change in found.constants] == ["unknown", "moved"]
    assert found.constants[1].moved == pytest.approx(0.05 / 0.45)
    assert [change.name for change in found.only_before] == ["lost"]
    assert [change.name for change in found.only_after] == ["added"]
    assert found.summary.startswith("5 results in common: 2 verdicts changed")
    assert "1 from certified to refuted" in found.summary and not found.settings


def test_a_run_does_not_differ_from_itself(saved: Saved) -> None:
    run = store.load(saved(*BEFORE))
    found = changes(run, run, NAMES)
    assert not (found.verdicts or found.constants or found.only_before or found.only_after)


def test_rows_beyond_a_page_or_two_are_counted(saved: Saved) -> None:
    runs = [
        store.load(
            saved(*of(*(result("prox.l1", f"{k}", Verdict.PROVED, x, 1.0, 1.0) for k in range(SHOWN + 7))), name)
        )
        for x, name in ((0.5, "a"), (0.6, "b"))
    ]
    found = changes(*runs, NAMES)
    assert len(found.constants) == SHOWN and found.rest == 7


def test_runs_without_a_common_result_are_told(saved: Saved) -> None:
    with pytest.raises(InputError, match="Need two runs with results in common"):
        report.compare(saved(*of(BEFORE[1][0]), "a"), saved(*of(AFTER[1][1]), "b"))


@pytest.mark.parametrize("format", ["tex", "html"])
def test_both_formats_say_the_same(format: str, saved: Saved, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = saved(*BEFORE, "before"), saved(*AFTER, "after")
    assert main(["report", str(before), str(after), "--format", format]) == 0
    assert "2 verdicts changed" in " ".join(capsys.readouterr().out.split())
    text = (after / f"changes.{format}").read_text()
    for name in ("wrong now", "weaker", "moved", "unknown", "lost", "added"):
        assert name in text
    assert not (before / f"changes.{format}").exists()


def test_hostile_texts_are_compared(attacked: Path, tmp_path: Path, latexmk: bool) -> None:
    """The second run has every number changed, so that every text is printed."""
    other = tmp_path / "other"
    shutil.copytree(attacked, other)
    text = (other / "results.json").read_text(encoding="utf-8")
    (other / "results.json").write_text(re.sub(r'"lower": [-0-9.e]+', '"lower": -7.25', text), encoding="utf-8")
    path, summary = report.compare(attacked, other, "pdf" if latexmk else "tex")
    assert "0 verdicts changed" in summary and path.stat().st_size > 2000
    page, _ = report.compare(attacked, other, "html")
    assert "<script" not in page.read_text(encoding="utf-8")
