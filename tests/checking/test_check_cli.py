"""`fbscheck check`: exit statuses, what is printed and written, and operators that misbehave; and assertions."""

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck import cli, report, store
from fbscheck.checking import examine
from fbscheck.checking.sandbox import Sandbox
from fbscheck.testing import assert_conditions
from fbscheck.verdict import Verdict

SOURCE = """
import os, sys, time
import numpy as np
def soft(x, t=0.1): return np.sign(x) * np.maximum(np.abs(x) - t, 0)
def double(x): return 2 * x
def still(x): return np.zeros_like(x)
def minus(x): return -x
def floods(x):
    print("x" * 2**20)
    sys.stderr.write("y" * 2**20)
    os.write(1, b"z" * 2**16)
    return x / 2
def leaves(x): os._exit(0)
def quits(x): sys.exit("bye")
def hangs(x): time.sleep(1000)
def lines(x): raise ValueError("one\\ntwo\\r\\nthree " + "long " * 999)
def unicode(x): raise ValueError("\\u2207 \\U0001f600 \\ud800 \\x1b[31m")
def γ(x): return x / 2
def wide(x): return np.concatenate([x, x])
def empty(x): return None
def bomb(x): raise type("E", (Exception,), {"__str__": lambda self: 1 / 0})
"""
OPTIONS = ["dim", "shape", "box", "sample", "claim", "prox-of", "gradient-of", "step", "network", "param", "accuracy"]
OPTIONS += ["jvp", "budget", "seed", "out"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ops.py").write_text(SOURCE, encoding="utf-8")
    np.save(tmp_path / "turn.npy", np.array([[0.0, -1.0], [1.0, 0.0]]))
    np.save(tmp_path / "nilpotent.npy", np.array([[0.0, 1.0], [0.0, 0.0]]))
    np.save(tmp_path / "two.npy", 2 * np.eye(2))
    monkeypatch.setattr(examine, "Sandbox", partial(Sandbox, seconds_per_call=1.0))
    return tmp_path


def run(text: str, *more: str) -> int:
    return cli.main(["check", *text.split(), "--out", "out", *more])


def patiently(text: str, status: int, capsys: Capture) -> int:
    """The exit status; with more time for what a busy machine leaves open, but whatever is refuted stays so."""
    for budget in ("0.3", "3", "30"):
        capsys.readouterr()
        found = run(text.replace("--budget 0.3", f"--budget {budget}"))
        if found == status or found not in (0, 4):
            break
    return found


FAST = "--dim 2 --budget 0.3"
STATUSES = [
    (f"ops.py:soft {FAST}", 0),
    (f"ops.py:double {FAST}", 0),
    (f"ops.py:soft {FAST} --claim firmly_nonexpansive --prox-of L1(0.1)", 0),
    (f"ops.py:soft {FAST} --claim prox --claim firmly_nonexpansive --claim nonexpansive", 0),
    (f"ops.py:double {FAST} --claim nonexpansive --claim lipschitz", 1),
    (f"ops.py:double {FAST} --claim contraction --claim averagedness=0.5", 1),
    (f"ops.py:soft {FAST} --prox-of L1(0.2)", 1),
    (f"ops.py:soft {FAST} --prox-of L1(0.2) --step 0.5", 0),
    (f"ops.py:soft {FAST} --prox-of GroupL2([0,1],weight=0.123456789123)", 1),
    (f"ops.py:still {FAST} --claim firmly_nonexpansive", 0),
    (f"ops.py:soft {FAST} --box -1e-3 1e3 --claim nonexpansive", 0),
    (f"ops.py:double {FAST} --box -1e-300 1e-300 --claim nonexpansive", 4),
    (f"ops.py:double {FAST} --box -2.5E+1 -.5 --claim nonexpansive", 1),
    ("ops.py:still --dim 1 --budget 0.3 --claim nonexpansive", 0),
    (f"ops.py:γ {FAST} --claim contraction=0.5001", 0),
    (f"ops.py:floods {FAST} --claim nonexpansive", 0),
    ("turn.npy --claim nonexpansive", 0),
    ("turn.npy --claim nonexpansive --claim contraction", 1),
    ("two.npy --claim averagedness=0.5", 1),
    ("two.npy", 0),
    ("nilpotent.npy --claim cocoercivity=1 --claim monotonicity", 1),
    ("sympy:Max(x,0) --claim firmly_nonexpansive", 0),
    ("sympy:1/x --budget 0.3 --claim lipschitz=1", 1),
    ("turn.npy --claim prox", 1),
    ("turn.npy --claim gradient", 1),
    ("two.npy --claim gradient", 0),
    ("two.npy --gradient-of SquaredL2(2.0)", 0),
    ("two.npy --gradient-of SquaredL2(1.0)", 1),
    ("sympy:x/2 --claim prox --gradient-of sympy:x**2/4", 0),
    (f"ops.py:soft {FAST} --claim gradient", 0),
    (f"ops.py:double {FAST} --gradient-of SquaredL2(1.0)", 1),
    (f"ops.py:double {FAST} --gradient-of SquaredL2(2.0)", 0),
    (f"ops.py:double {FAST} --gradient-of SquaredL2(2.0) --claim nonexpansive", 1),
]


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports with empty figures: what is drawn is no part of what is said, and takes most of the time."""
    monkeypatch.setattr(report, "figure", lambda plot: plot)
    monkeypatch.setattr(report, "drawn", lambda picture, kind: b"<svg/>")


@pytest.mark.parametrize(("text", "status"), STATUSES)
def test_a_run_is_printed_stored_and_reported(
    folder: Path, undrawn: None, text: str, status: int, capsys: Capture
) -> None:
    assert patiently(text, status, capsys) == status
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 100
    table = out.partition("\n\n")[0].splitlines()
    loaded = store.load(folder / "out")
    assert len([line for line in table if line.split()[-1] in Verdict.__members__]) == len(loaded.results)
    assert "results: out/results.json\nreport:  fbscheck report out\n" in out
    assert {claim.id for claim in loaded.claims} == {result.claim for result in loaded.results}
    json.loads((folder / "out/results.json").read_text(), parse_constant=pytest.fail)
    for format in ("html", "tex"):
        assert cli.main(["report", "out", "--format", format]) == 0
        said = (folder / f"out/report.{format}").read_text(encoding="utf-8")
        assert not re.search(r"\bnan\b|>None<", said)
        assert "claim says" in said or status != 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "text",
    [
        f"ops.py:soft {FAST} --claim lipschitz --claim gradient --prox-of L1(0.2)",
        "two.npy",
        "nilpotent.npy --claim cocoercivity=1 --gradient-of SquaredL2(1.0)",
        "sympy:Max(x,0),y/3 --claim averagedness=0.1 --claim monotonicity --claim residual",
    ],
)
def test_the_figures_of_a_run_are_drawn(folder: Path, text: str, capsys: Capture) -> None:
    assert run(text) in (0, 1)
    plots = {path.stem for path in (folder / "out/plots").iterdir()}
    assert plots
    assert cli.main(["report", "out", "--format", "html"]) == 0
    for kind, start in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        figures = {path.stem: path.read_bytes() for path in (folder / "out/figures").glob(f"*.{kind}")}
        assert figures.keys() == plots
        assert all(data.startswith(start) for data in figures.values())
    page = (folder / "out/report.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml,") == len(plots)


def test_a_large_box_is_no_reason_to_warn(folder: Path, capsys: Capture) -> None:
    assert run(f"ops.py:soft {FAST} --box -1e140 1e140 --claim nonexpansive") in (0, 4)
    assert capsys.readouterr().err == ""


def test_the_ends_of_a_smallest_value_have_their_own_sign(folder: Path, capsys: Capture) -> None:
    assert run("nilpotent.npy --claim monotonicity --claim cocoercivity=1") == 1
    first, second = store.load(folder / "out").results
    assert (first.lower, first.theory, first.upper) == (-0.5, 0, -0.5)
    assert first.reason.startswith("-0.5 is attained")
    assert second.lower is None and second.upper is not None and second.upper < -1e9
    assert cli.main(["report", "out", "--format", "html"]) == 0
    said = (folder / "out/report.html").read_text(encoding="utf-8")
    assert "-0.5 is attained" in said


def test_an_infinite_number_is_null_and_refutes(folder: Path) -> None:
    assert run("two.npy --claim averagedness=0.5") == 1
    (entry,) = store.load(folder / "out").results
    assert (entry.verdict, entry.lower, entry.upper) == (Verdict.REFUTED, None, None)
    assert entry.reason.startswith("inf is attained")


FAULTS = [
    ("ops.py:leaves", "fbscheck: ops.py:leaves: .*exit"),
    ("ops.py:quits", "SystemExit: bye"),
    ("ops.py:hangs", "fbscheck: ops.py:hangs: .*(hangs|second)"),
    ("ops.py:lines", "ValueError: one two three long"),
    ("ops.py:unicode", r"ValueError: \u2207 \U0001f600 \\ud800 \\x1b\[31m at line"),
    ("ops.py:wide", r"shape \(4,\) for x of shape \(2,\)"),
    ("ops.py:empty", "missing return"),
    ("ops.py:bomb", "fbscheck: ops.py:bomb: "),
    ("ops.py:soft --sample soft", "fbscheck: ops.py:soft: the sampler"),
    ("ops.py:soft --budget 0", "Need budget > 0"),
    ("ops.py:soft --budget nan", "Need a finite budget"),
    ("ops.py:soft --claim contraction=0.9 --claim contraction=0.8", "Need one value of contraction"),
    ("ops.py:soft --claim contraction=1", "Need a value of contraction"),
    ("ops.py:soft --box 1 -1", "Need a box with low < high"),
    ("ops.py:soft --box 0 inf", "Need a finite box"),
    ("ops.py:soft --shape 2", "not allowed with argument"),
    ("ops.py:soft --param t", "KEY=VALUE"),
    ("ops.py:soft --prox-of L1(0.1) --step -1", "Need step > 0"),
    ("ops.py:soft --prox-of Nothing", "Need a function such as L1"),
    ("ops.py:soft --seed -1", "seed >= 0"),
    ("turn.npy --dim 3", "Need --dim 2 or none for this matrix"),
    ("turn.npy --gradient-of two.npy", "Need a function such as L1"),
    ("turn.npy --gradient-of ops.py:none", "Need a name in"),
    ("sympy:x+", "Need formulas such as"),
    ("sympy:x --prox-of L1", "Need a formula alone|Need a function for prox"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[text for text, _ in FAULTS])
def test_a_fault_is_one_line_and_leaves_an_older_run_alone(
    folder: Path, text: str, message: str, capsys: Capture
) -> None:
    arguments = text if "--dim" in text else f"{text} --dim 2"
    if "--budget" not in text:
        arguments += " --budget 0.25"
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(message, err), err
    assert err.count("\n") == 1 and len(err) < 600
    assert not (folder / "out").exists() or not list((folder / "out").iterdir())


def test_an_older_run_stays(folder: Path, capsys: Capture) -> None:
    assert run("two.npy --claim nonexpansive") == 1
    before = {file: file.read_bytes() for file in (folder / "out").rglob("*") if file.is_file()}
    assert run(f"ops.py:wide {FAST}") == 2
    assert {file: file.read_bytes() for file in (folder / "out").rglob("*") if file.is_file()} == before
    assert run("turn.npy --claim nonexpansive") == 0
    assert [entry.case for entry in store.load(folder / "out").results] == ["turn.npy"]


def test_an_unwritable_folder_is_noticed_before_the_search(folder: Path, capsys: Capture) -> None:
    (folder / "file").write_text("")
    for place in ("file", "/proc/none"):
        assert cli.main(["check", "ops.py:hangs", "--dim", "2", "--out", place]) == 2
        assert "Need a writable output folder" in capsys.readouterr().err


def test_the_default_folder_is_named_after_the_operator(folder: Path, capsys: Capture) -> None:
    assert cli.main(["check", str(folder / "turn.npy"), "--claim", "nonexpansive"]) == 0
    assert (folder / "reports/turn.npy/results.json").is_file()
    assert cli.main(["check", "sympy:x/2 + Max(x, 0)/2", "--claim", "nonexpansive"]) == 0
    assert len(list((folder / "reports").iterdir())) == 2


def test_an_interruption_is_no_bug_and_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(examine, "_searched", stop)
    assert run(f"ops.py:soft {FAST}") == 130
    assert capsys.readouterr().err == "fbscheck: interrupted.\n"
    assert not list((folder / "out").iterdir())


def test_help_names_every_option(capsys: Capture) -> None:
    assert cli.main(["check", "--help"]) == 0
    said = capsys.readouterr().out
    assert [option for option in OPTIONS if f"--{option} " not in said] == []
    assert set(re.findall(r"--([a-z-]+)", said)) == {*OPTIONS, "help"}


def test_the_command_in_a_terminal_without_unicode(folder: Path) -> None:
    command = [sys.executable, "-m", "fbscheck", "check", "ops.py:unicode", "--dim", "2", "--out", "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "raises ValueError" in done.stderr


def soft(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - 0.1, 0)


def test_assertions_pass() -> None:
    assert_conditions(soft, "prox", "nonexpansive", dim=2, prox_of="L1(0.1)", budget=0.25)
    assert_conditions(np.diag([0.5, 0.9]), "firmly_nonexpansive", "contraction=0.9")
    assert_conditions("sympy:Max(x, 0)", "firmly_nonexpansive")


def test_assertions_fail_with_a_counterexample_to_paste() -> None:
    with pytest.raises(AssertionError, match="^nonexpansive: REFUTED, 2") as caught:
        assert_conditions(lambda x: 2 * x, "nonexpansive", "monotonicity", dim=2, budget=0.25)
    code = str(caught.value).partition("\n")[2]
    names: dict[str, Any] = {"operator": lambda x: 2 * x}
    exec(code, names)
    assert np.linalg.norm(names["v"]) > np.linalg.norm(names["d"])


@pytest.mark.parametrize("operator", [np.array([[0.0, -2.0], [2.0, 0.0]]), "sympy:-2*y, 2*x"])
def test_a_matrix_or_a_formula_fails_with_its_points(operator: Any) -> None:
    with pytest.raises(AssertionError, match="^nonexpansive: REFUTED, ") as caught:
        assert_conditions(operator, "nonexpansive")
    names: dict[str, Any] = {}
    exec(str(caught.value).partition("\n")[2], names)
    assert len(names["x"]) == len(names["y"]) == 2 and names["x"] != names["y"]


def test_a_wrong_proximal_map_and_a_cycle_fail_with_their_points() -> None:
    with pytest.raises(AssertionError, match="prox_of: REFUTED") as caught:
        assert_conditions(soft, dim=2, prox_of="L1(0.2)", budget=0.25)
    assert re.search(r"^x = \[.*\]\nTx = \[.*\]$", str(caught.value), re.MULTILINE)
    with pytest.raises(AssertionError, match="prox: REFUTED(.|\n)*(points|corners) = "):
        assert_conditions(lambda x: 0.5 * np.array([x[0] + x[1], x[1] - x[0]]), "prox", dim=2, budget=3.0)


def test_an_undecided_condition_fails_and_no_condition_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="^gradient: UNDECIDED, no asymmetry was found"):
        assert_conditions("sympy:-y/(x**2 + y**2), x/(x**2 + y**2)", "gradient", budget=0.25)
    assert_conditions(np.zeros_like, "firmly_nonexpansive", dim=2, budget=0.25)
    with pytest.raises(ValueError, match="needs a condition"):
        assert_conditions(soft, dim=2)
