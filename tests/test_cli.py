"""The command line: what it prints, where, and its exit statuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fbscheck.suites.registry as registry
from fbscheck import cli, files
from fbscheck.cli import theory
from fbscheck.cli.terminal import status
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Bracket, Claim, Evidence, Relation, Result, Rigour, Side, Verdict, planted

CLAIM = Claim("toy.bound", "A bound", "x \\leq 1", Relation.AT_MOST, "nowhere")
CONTROL = planted(CLAIM)


def measured(claim: Claim, value: float) -> Result:
    evidence = Evidence(Side.ATTAINED, value, Rigour.EXACT, "seen")
    return decide(claim, "case", squeeze(1.0, (evidence,)))


def crash(rng: np.random.Generator) -> list[Result]:
    raise ZeroDivisionError("inside a task")


def toy(*runs: object) -> Suite:
    tasks = [Task(f"task {k}", run) for k, run in enumerate(runs)]  # type: ignore[arg-type]
    return Suite("toy", "a toy", (CLAIM, CONTROL), lambda size: tasks)


GOOD = toy(lambda rng: [measured(CLAIM, 0.5)], lambda rng: [measured(CONTROL, 2.0)])
STATUSES = [
    pytest.param(GOOD, 0, id="all holds"),
    pytest.param(toy(lambda rng: [measured(CLAIM, 2.0)]), 1, id="refuted"),
    pytest.param(toy(lambda rng: [undecided(CLAIM, "case", "no solver")]), 4, id="undecided"),
    pytest.param(
        toy(lambda rng: [undecided(CLAIM, "c", "no")], lambda rng: [measured(CLAIM, 2.0)]), 1, id="refuted wins"
    ),
    pytest.param(toy(lambda rng: [measured(CONTROL, 0.5)]), 3, id="a control that slips through"),
    pytest.param(toy(lambda rng: [undecided(CONTROL, "case", "no tool")]), 4, id="a control that did not run"),
    pytest.param(toy(lambda rng: [measured(CLAIM, 0.5)], crash), 3, id="a crash"),
]


@pytest.mark.parametrize(("suite", "status"), STATUSES)
def test_exit_statuses_of_verify(
    suite: Suite, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "SUITES", {"toy": suite})
    assert cli.main(["verify", "toy", "--out", str(tmp_path)]) == status
    out, err = capsys.readouterr()
    data = json.loads((tmp_path / "results.json").read_text())
    assert data["results"], "the results of the tasks that ran are kept"
    assert f"results: {tmp_path}" in out
    assert max(map(len, out.splitlines())) <= 100 + len(str(tmp_path))
    assert ("bug in fbscheck" in err) is (status == 3)
    assert ("ZeroDivisionError" in err) is (suite.tasks("full")[-1].run is crash)


BAD_USE = [
    pytest.param(
        ["verify", "nonsense"],
        "Need a suite among prox, catalogue, contraction, fixed-point, network, lista, got 'nonsense'",
        id="suite",
    ),
    pytest.param(["verify", "--jobs", "0"], "Need --jobs", id="no jobs"),
    pytest.param(["verify", "--jobs", "x"], "invalid int value", id="jobs no number"),
    pytest.param(["verify", "--seed", "-1"], "Need --seed >= 0, got -1", id="negative seed"),
    pytest.param(["verify", "--size", "giant"], "Need --size among small, full, large, got 'giant'", id="size"),
    pytest.param(
        ["verify", "prox", "--out", "/proc/none"], "Need a writable output folder, got /proc/none", id="unwritable"
    ),
    pytest.param(
        ["verify", "--scheduler", "tcp://127.0.0.1:1", "--out", "{tmp}"], "Need a dask scheduler", id="no scheduler"
    ),
    pytest.param(["report", "{tmp}"], "Need a folder with results.json", id="no run"),
    pytest.param(["report", "{tmp}", "--format", "docx"], "invalid choice", id="format"),
    pytest.param(["frobnicate"], "invalid choice: 'frobnicate'", id="command"),
    pytest.param([], "COMMAND", id="nothing"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_USE)
def test_bad_use_is_one_line_and_status_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fbscheck.suites.runner.SCHEDULER_SECONDS", 0.5)
    assert cli.main([a.replace("{tmp}", str(tmp_path)) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("results.json"))


def test_a_foreign_schema_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text('{"schema": 99}')
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "Need results.json of schema 1, got schema 99" in capsys.readouterr().err


def test_list_names_every_claim_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    claims = [claim.id for suite in registry.SUITES.values() for claim in suite.claims]
    listed = [line.split()[0] for line in lines]
    assert set(claims) | set(registry.SUITES) == set(listed)
    assert len(set(listed)) == len(listed)
    assert max(map(len, lines)) <= 100
    assert sum("must be refuted:" in line for line in lines) == sum(
        c.id.startswith(("planted.", "control.")) for s in registry.SUITES.values() for c in s.claims
    )


def test_interruption_keeps_what_is_done_and_resume_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []

    def first(rng: np.random.Generator) -> list[Result]:
        calls.append("first")
        return [measured(CLAIM, float(rng.random()))]

    def second(rng: np.random.Generator) -> list[Result]:
        calls.append("second")
        if calls.count("second") == 1:
            raise KeyboardInterrupt
        return [measured(CONTROL, 2.0)]

    monkeypatch.setattr(registry, "SUITES", {"toy": toy(first, second)})
    arguments = ["verify", "--out", str(tmp_path), "--seed", "3"]
    assert cli.main(arguments) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (tmp_path / "results.json").exists()
    assert cli.main([*arguments, "--seed", "4", "--resume"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert cli.main([*arguments, "--resume"]) == 0
    assert calls == ["first", "second", "second"]
    resumed = json.loads((tmp_path / "results.json").read_text())["results"]
    assert not (tmp_path / "results.partial.jsonl").exists()
    assert cli.main(arguments) == 0
    whole = json.loads((tmp_path / "results.json").read_text())["results"]
    assert [{**r, "seconds": 0} for r in resumed] == [{**r, "seconds": 0} for r in whole]


def test_two_runs_do_not_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "SUITES", {"toy": GOOD})
    with files.locked(tmp_path):
        assert cli.main(["verify", "--out", str(tmp_path)]) == 2
    assert "another run is writing there" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert cli.main(["verify", "--out", str(tmp_path)]) == 0


def test_a_torn_journal_is_read_up_to_the_tear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SUITES", {"toy": GOOD})
    from fbscheck.suites import runner

    runner.run([GOOD], tmp_path, runner.Settings())
    journal = tmp_path / "results.partial.jsonl"
    journal.write_text(journal.read_text()[:-40])
    assert set(runner._read_journal(journal, json.loads(journal.read_text().splitlines()[0]))) == {"task 0"}
    finished = runner.run([GOOD], tmp_path, runner.Settings(resume=True))
    assert [r.claim for r in finished.results] == ["toy.bound", "planted.toy.bound"]


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(theory, "list_all", lambda arguments: broken())
    assert cli.main(["list"]) == 3
    err = capsys.readouterr().err
    assert "bug in fbscheck" in err
    assert "Traceback" in err


def test_python_dash_m_is_the_command() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "fbscheck", "--version"], capture_output=True, text=True, timeout=60
    )
    assert finished.stdout.startswith("fbscheck ")


def test_undecided_is_not_silently_counted_as_holding() -> None:
    assert status([CLAIM], [Result(CLAIM.id, "c", Verdict.UNDECIDED, Bracket(None, None, None), "r")]) == 4
