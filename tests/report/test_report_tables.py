"""Tables as data: every row and every digit, and no text that does more than be read."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from report_sample import HOSTILE, claim, hostile, realistic, result, save

from fbscheck import report, store
from fbscheck.report.tables import comma_separated, names, object_notation, tables
from fbscheck.verdict import Evidence, Relation, Rigour, Side, Verdict


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_row_is_there_in_full_precision(tmp_path: Path) -> None:
    run = store.load(save(tmp_path, realistic()))
    found = {table.name: table for table in tables(run)}
    table = found["contraction.gradient"]
    assert len(table.rows) == 60
    read = json.loads(object_notation(table))
    assert [row["case"] for row in read["rows"]] == [entry.case for entry in run.of("contraction.gradient")]
    for row, line, entry in zip(read["rows"], rows(comma_separated(table)), run.of("contraction.gradient")):
        assert (row["theory"], row["lower"], row["upper"]) == (entry.theory, entry.lower, entry.upper)
        assert [float(line[side]) for side in ("theory", "lower", "upper")] == [
            row["theory"],
            row["lower"],
            row["upper"],
        ]
        assert row["gap"] >= (entry.upper - entry.lower) / entry.theory
    assert len(found["controls"].rows) == 7
    chapters = rows(comma_separated(found["chapters"]))
    assert {row["key"]: row["cases"] for row in chapters} == {"prox": "22", "contraction": "92", "fixed-point": "26"}
    assert rows(comma_separated(found["versions"]))[0] == {"program": "fbscheck", "version": "1.0"}


def test_unknown_numbers_are_empty_or_null(tmp_path: Path) -> None:
    run = store.load(
        save(tmp_path, ([claim("a.b", "A", "q")], [result("a.b", "x", Verdict.UNDECIDED, None, None, 2.0)]))
    )
    table = next(table for table in tables(run) if table.name == "a.b")
    assert json.loads(object_notation(table))["rows"][0]["lower"] is None
    assert rows(comma_separated(table))[0]["lower"] == ""


def test_methods_are_all_there(tmp_path: Path) -> None:
    compared = claim("lipschitz.methods", "Methods", "q", relation=Relation.COMPARED)
    low = Evidence(Side.ATTAINED, 1.0, Rigour.EXACT, "a pair")
    results = [result("lipschitz.methods", f"net {i} | product", Verdict.CERTIFIED, 1.0, 2.0 + i) for i in range(20)]
    for one in results:
        object.__setattr__(one.bracket, "evidence", (low,))
    table = tables(store.load(save(tmp_path, ([compared], results))))[-1]
    assert table.columns[:3] == ("subject", "method", "value")
    assert [row[:3] for row in table.rows[:2]] == [("net 0", "product", 2.0), ("net 0", "attained: a pair", 1.0)]
    assert len(table.rows) == 40


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_hostile_texts_stay_texts(text: str, saved: Callable[..., Path]) -> None:
    folder = saved([claim("a.b", text, "q")], [result("a.b", text, Verdict.REFUTED, 2.0, 1.0, None, text)])
    table = next(table for table in tables(store.load(folder)) if table.name == "a.b")
    assert json.loads(object_notation(table))["rows"][0]["case"] == text
    (row,) = rows(comma_separated(table))
    assert set(row) == set(table.columns) and row["theory"] == "1.0"
    assert len(comma_separated(table).splitlines()) == 2


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "＝", "\n@"])
def test_no_text_is_a_formula_to_a_spreadsheet(start: str, saved: Callable[..., Path]) -> None:
    text = f'{start}HYPERLINK("http://a.b";"c")'
    folder = saved([claim("a.b", "A", "q")], [result("a.b", text, Verdict.REFUTED, -2.0, -3.0, None, text)])
    table = next(table for table in tables(store.load(folder)) if table.name == "a.b")
    (row,) = rows(comma_separated(table))
    assert row["case"].startswith("'") and row["reason"].startswith("'")
    assert float(row["lower"]) == -2.0


def test_tables_never_share_a_name() -> None:
    stems = names(["a.b", "A.B", "controls", "x/y", "x y", "../a"])
    assert len({stem.lower() for stem in stems.values()}) == 6
    assert "controls" not in stems.values()
    assert all("/" not in stem for stem in stems.values())


def test_a_hostile_run_leaves_tables_in_its_folder_only(saved: Callable[..., Path]) -> None:
    folder = saved(*hostile())
    report.write(folder, "tex")
    for path in (folder / "tables").glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["columns"]
        assert path.with_suffix(".csv").is_file()
    assert {path.name for path in folder.parent.iterdir()} == {folder.name}
