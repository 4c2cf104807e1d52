"""The folder of a run: round trips, deterministic bytes, and files that are damaged or foreign."""

import json
import math
from pathlib import Path

import pytest

from fbscheck import files, store
from fbscheck.errors import InputError
from fbscheck.verdict import Bracket, Claim, Curve, Evidence, Hypothesis, Plot, Relation, Result, Rigour, Side, Verdict

CLAIM = Claim("chapter.one", "One", r"x \le 1", Relation.TIGHT, "here", (Hypothesis("h > 0", lambda h: h),))
EVIDENCE = (
    Evidence(Side.ATTAINED, 0.1, Rigour.EXACT, "witness", exact=True),
    Evidence(Side.CERTIFIED, math.inf, Rigour.FLOATING, "none"),
)
PLOT = Plot("chapter.one", "fig", "Title", "x", "y", (Curve("c", (1.0, 2.0), (0.5, 0.25), "points"),), log_y=True)
RESULT = Result(
    "chapter.one",
    "case Ω & co",
    Verdict.UNDECIDED,
    Bracket(0.1, 0.3, math.inf, {"records": ["1/3"]}, EVIDENCE),
    "why",
    {"x": [(0.1).hex()]},
    0.5,
    (PLOT,),
)


def saved(folder: Path, *results: Result) -> store.Run:
    store.save(folder, [CLAIM], results, {"fbscheck": "0"}, 7)
    return store.load(folder)


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    run = saved(tmp_path, RESULT)
    (entry,) = run.of("chapter.one")
    assert (entry.case, entry.verdict, entry.theory, entry.lower, entry.upper) == (
        "case Ω & co",
        Verdict.UNDECIDED,
        0.3,
        0.1,
        None,
    )
    assert (run.seed, run.versions, run.plots) == (7, {"fbscheck": "0"}, (PLOT,))
    assert (run.claims[0].hypotheses, run.claims[0].control) == (("h > 0",), False)
    assert json.loads((tmp_path / str(entry.certificate)).read_text()) == {"records": ["1/3"]}
    assert json.loads((tmp_path / str(entry.witness)).read_text()) == {"x": [(0.1).hex()]}


def test_the_schema_has_the_fields_that_are_promised(tmp_path: Path) -> None:
    saved(tmp_path, RESULT)
    data = json.loads((tmp_path / "results.json").read_text())
    assert {"schema", "versions", "seed", "results"} <= set(data)
    assert data["schema"] == 1
    assert set(data["results"][0]) == {
        "claim",
        "case",
        "verdict",
        "theory",
        "lower",
        "upper",
        "evidence",
        "reason",
        "certificate",
        "witness",
        "seconds",
    }


def test_the_journal_entry_of_a_result_is_its_inverse() -> None:
    text = json.dumps(store.result_as_json(RESULT))
    assert store.result_from_json(json.loads(text)) == RESULT
    assert store.result_from_json(json.loads(text)).plots == RESULT.plots


def test_same_results_same_bytes_and_nothing_stale(tmp_path: Path) -> None:
    saved(tmp_path / "a", RESULT, RESULT)
    saved(tmp_path / "b", RESULT, RESULT, RESULT)
    saved(tmp_path / "b", RESULT, RESULT)
    files = {p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*.json")}
    assert files == {p.relative_to(tmp_path / "b"): p.read_bytes() for p in (tmp_path / "b").rglob("*.json")}
    assert len(files) == 7
    assert not list(tmp_path.rglob("*.new"))


def test_a_report_of_older_results_does_not_survive_them(tmp_path: Path) -> None:
    saved(tmp_path, RESULT)
    for name in ("report.html", "notes.txt", "report.docx"):
        (tmp_path / name).write_text("old")
    saved(tmp_path, RESULT)
    assert {p.name for p in tmp_path.glob("*.*") if p.suffix != ".json"} == {"notes.txt", "report.docx"}


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("a.b", "x=1/2, y"), "a.b--x-1-2-y"),
        (("../../etc", "pass wd"), "etc--pass-wd"),
        (("", "…"), "x--x"),
        (("a" * 300,), "a" * 180),
    ],
)
def test_file_names_are_harmless(parts: tuple[str, ...], name: str) -> None:
    assert files.file_name(*parts) == name


def entry(**changed: object) -> dict[str, object]:
    """A run with one result, one field of it changed."""
    result: dict[str, object] = {
        "claim": "a.b",
        "case": "c",
        "verdict": "PROVED",
        "theory": 1.0,
        "lower": 1.0,
        "upper": None,
        "evidence": [],
        "reason": "r",
        "certificate": None,
        "witness": None,
        "seconds": 0.1,
    }
    return {"schema": 1, "seed": 0, "versions": {}, "claims": [], "results": [{**result, **changed}]}


BROKEN = [
    pytest.param(None, "Need a folder with results.json", id="no run"),
    pytest.param("{", "Cannot read", id="not JSON"),
    pytest.param("[]", "schema None", id="a list"),
    pytest.param('{"schema": 2}', "schema 2", id="another schema"),
    pytest.param('{"schema": 1, "seed": 0}', "KeyError", id="fields missing"),
    pytest.param(
        '{"schema": 1, "seed": 0, "versions": {}, "claims": [], "results": [{"verdict": "MAYBE", "evidence": []}]}',
        "MAYBE",
        id="unknown verdict",
    ),
    pytest.param(
        '{"schema": 1, "seed": 0, "versions": {}, "claims": [], "results": [{}]}', "KeyError", id="empty entry"
    ),
    pytest.param(
        '{"schema": 1, "seed": 0, "versions": {}, "claims": 3, "results": []}', "TypeError", id="claims a number"
    ),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_damaged_run_is_refused_in_one_line(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        store.load(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Need a writable output folder"):
        files.prepare(tmp_path / "file")
