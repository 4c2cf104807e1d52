"""``fbscheck map``: its table, its files, its exit status."""

from pathlib import Path

import pytest

from fbscheck import store
from fbscheck.audit.recheck import Outcome, recheck
from fbscheck.cli import main
from fbscheck.report import write


def test_a_map_is_printed_stored_audited_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = ["--x", "coherence:0.01:1", "--y", "s:1:20"]
    assert main(["map", "recovery", *sides, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "proved: it holds" in printed and "CERTIFIED" in printed
    assert max(map(len, printed.splitlines())) <= 100 or str(tmp_path) in printed
    assert [entry.claim for entry in store.load(tmp_path).results] == ["map.recovery"]
    assert {finding.outcome for finding in recheck(tmp_path)} == {Outcome.RECHECKED}
    assert r"\tilde\mu" in write(tmp_path, "tex").read_text()


def test_a_map_that_stays_open_says_so(tmp_path: Path) -> None:
    arguments = ["map", "contraction", "--x", "h:0:3", "--y", "mu:0:1", "--budget", "1e-9", "--out", str(tmp_path)]
    assert main(arguments) == 4


@pytest.mark.parametrize(
    "arguments, message",
    [
        pytest.param(["nonsense"], "Need a condition among contraction", id="condition"),
        pytest.param(["contraction", "--x", "h:0"], "Need a side of the box as NAME:LO:HI", id="side"),
        pytest.param(["contraction", "--x", "h:0:nan"], "Need finite numbers", id="NaN"),
        pytest.param(["contraction", "--set", "ell"], "Need a parameter as NAME=VALUE", id="set"),
        pytest.param(["contraction", "--set", "ell=1/0"], "Need finite numbers", id="division by zero"),
        pytest.param(["contraction", "--budget", "-1"], "Need budget > 0", id="budget"),
        pytest.param(["contraction", "--x", "w:0:1"], "Need a parameter of contraction", id="parameter"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = [*([] if "--x" in arguments else ["--x", "h:0:3"]), "--y", "mu:0:1"]
    assert main(["map", *arguments, *sides, "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert message in told and len(told.splitlines()) == 1
    assert not (tmp_path / "run").exists()
