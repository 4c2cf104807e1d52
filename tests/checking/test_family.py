"""Families p_h: resolvents satisfy the identity, planted errors and activations without a step do not."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck.checking import family
from fbscheck.checking.family import examined
from fbscheck.checking.sandbox import Fault
from fbscheck.checking.session import check
from fbscheck.checking.subject import load
from fbscheck.cli import main
from fbscheck.errors import InputError
from fbscheck.verdict import Result, Verdict

SOURCE = """
import numpy as np
LAM = 0.3
K = np.array([[1.0, -2.0], [2.0, 0.5]])

def threshold(x, t): return np.sign(x) * np.maximum(np.abs(x) - t, 0)

# resolvents
def soft(x, h): return threshold(x, h * LAM)
def box(x, h): return np.clip(x, -0.5, 0.25)
def ridge(x, h): return x / (1 + 3 * h)
def elastic(x, h): return threshold(x, h * LAM) / (1 + h)
def group(x, h): return x * max(1 - h * LAM / max(np.linalg.norm(x), 1e-300), 0)
def monotone(x, h): return np.linalg.solve(np.eye(2) + h * K, x)
def single(x, h): return (x.astype(np.float32) / np.float32(1 + h)).astype(float)
class Soft:
    def __init__(self, h, lam=LAM): self.t = h * lam
    def __call__(self, x): return threshold(x, self.t)

# not resolvents of one operator
def fixed_tanh(x, h): return np.tanh(x)
def fixed(x, h): return threshold(x, LAM)
def averaged(x, h): return (1 - h) * x + h * threshold(x, LAM)
def squared(x, h): return threshold(x, h * h * LAM)
def off(x, h): return threshold(x, h * LAM * (1.01 if h > 1 else 1))
def gradient(x, h): return x - h * x / 4
def euler(x, h): return x - h * np.tanh(x)
def shifted(x, h): return threshold(x, h * LAM) + 1e-6 * h
def rare(x, h): return threshold(x, h * LAM) + 0.01 * h * (abs(x[0] - x[1]) < 0.02)
class Leaky:
    def __init__(self, h): self.h = h
    def __call__(self, x): return np.where(x > 0, x, 0.1 * x)

def broken(x, h):
    if h > 1: raise ValueError("too long")
    return x
def away(x, h): return x + 100
"""
RIGHT = ["soft", "box", "ridge", "elastic", "group", "monotone", "single"]
WRONG = ["fixed_tanh", "fixed", "averaged", "squared", "off", "gradient", "euler", "shifted", "rare"]


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "ops.py").write_text(SOURCE)
    return str(tmp_path / "ops.py")


def asked(operator: Any, dim: int = 2, **settings: Any) -> Result:
    settings = {"claims": ["nonexpansive"], "budget": 1.0, "network": "h", "step": 0.5, **settings}
    found = check(operator, dim, **settings)
    assert [claim.id for claim in found.claims] == ["nonexpansive", "network"]
    assert any(line.startswith("As a family in h: ") for line in found.remarks)
    return found.results[-1]


def inside(name: str) -> Result:
    """The verdict on a function that no other process can have, which saves starting them."""
    here: dict[str, Any] = {}
    exec(SOURCE, here)
    lock = threading.Lock()
    subject = load(lambda x, h: here[name](x, h) if lock else x, 2, (-2, 2))
    return examined(subject, "h", 0.5, 0.5, 1)[0]


@pytest.mark.parametrize("name", RIGHT)
def test_resolvents_pass(name: str) -> None:
    result = inside(name)
    assert result.verdict is Verdict.SUPPORTED and result.bracket.lower == 0


@pytest.mark.parametrize("name", WRONG)
def test_others_are_refuted(name: str) -> None:
    result = inside(name)
    assert result.verdict is Verdict.REFUTED
    assert result.bracket.lower is not None and result.bracket.lower > 0


def test_a_class_with_its_step_passes(file: str) -> None:
    assert asked(f"{file}:Soft").verdict is Verdict.SUPPORTED


@pytest.mark.parametrize("name", ["squared", "Leaky"])
def test_what_is_pasted_shows_the_distance(file: str, name: str) -> None:
    result = asked(f"{file}:{name}", box=(-2, 2), seed=1)
    assert result.verdict is Verdict.REFUTED and result.witness is not None
    code = result.witness["snippet"]
    done = subprocess.run([sys.executable, "-W", "error", "-"], input=code, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert result.bracket.lower is not None and float(done.stdout) >= result.bracket.lower * (1 - 1e-9)


def test_a_torch_module_may_be_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two steps, as each of them has a process that imports torch."""
    monkeypatch.setattr(family, "FACTORS", (0.5, 1.0))
    source = "import torch\nclass Tanh(torch.nn.Module):\n    def __init__(self, h): super().__init__()\n"
    (tmp_path / "nets.py").write_text(f"{source}    def forward(self, x): return torch.tanh(x)\n")
    result, _ = examined(load(f"{tmp_path}/nets.py:Tanh", 2), "h", 1.0, 0.1, 0)
    assert result.verdict is Verdict.REFUTED and result.witness is not None
    code = result.witness["snippet"]
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, timeout=120)
    assert result.bracket.lower is not None and float(done.stdout) >= result.bracket.lower * (1 - 1e-9), done.stderr


def test_the_distance_is_that_of_the_formula(file: str) -> None:
    """A fixed threshold misses by exactly (1 - k/h) t in each large coordinate, for k < h."""
    result = asked(f"{file}:fixed", 1, box=(-2, 2))
    assert result.witness is not None
    h, k = (float.fromhex(result.witness[name]) for name in "hk")
    assert {h / 0.5, k / 0.5} <= {0.25, 0.5, 1.0, 2.0, 4.0}
    (x,) = map(float.fromhex, result.witness["x"])
    y = np.sign(x) * max(abs(x) - 0.3, 0)
    z = k / h * x + (1 - k / h) * y
    apart = abs(y - np.sign(z) * max(abs(z) - 0.3, 0))
    assert result.bracket.lower == pytest.approx(apart, rel=1e-9) and apart > 0
    assert -2 <= z <= 2


def test_an_accuracy_explains_what_it_can(file: str) -> None:
    assert asked(f"{file}:shifted", accuracy=1e-5).verdict is Verdict.SUPPORTED
    assert asked(f"{file}:shifted", accuracy=1e-9).verdict is Verdict.REFUTED
    assert asked(f"{file}:fixed", accuracy=1e-5).verdict is Verdict.REFUTED


def test_where_no_point_stays_in_the_box_nothing_is_said(file: str) -> None:
    result = asked(f"{file}:away")
    assert result.verdict is Verdict.UNDECIDED and "no point stays in the box" in result.reason


def test_a_fault_says_at_which_step(file: str) -> None:
    with pytest.raises(Fault, match="ops.py:broken with h=2: raises ValueError: too long") as caught:
        asked(f"{file}:broken")
    assert caught.value.kind == "raises"


@pytest.mark.parametrize(
    ("operator", "settings", "message"),
    [
        ("{}:soft", {"network": "t"}, "Need a function of x, and of parameters"),
        ("{}:soft", {"network": "h", "parameters": ["h=1"]}, "Need a keyword for network that is no parameter"),
        ("{}:soft", {"network": "1h"}, "Need a keyword for network"),
        ("{}:soft", {"network": "h", "step": 0}, "Need step > 0"),
        (np.eye(2), {}, "Need no parameters for a matrix"),
        ("sympy:x, y", {}, "Need a formula alone"),
    ],
)
def test_bad_families_are_one_line(file: str, operator: Any, settings: Any, message: str) -> None:
    operator = operator.format(file) if isinstance(operator, str) else operator
    dim = None if operator is not None and not str(operator).endswith(":soft") else 2
    with pytest.raises(InputError, match=message):
        check(operator, dim, budget=0.1, **{"network": "h", **settings})


def test_the_command_answers_with_its_status(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--dim", "2", "--network", "h", "--step", "0.5", "--budget", "0.5", "--out", str(tmp_path / "out")]
    assert main(["check", f"{file}:soft", *arguments]) == 0
    assert main(["check", f"{file}:fixed", *arguments]) == 1
    assert "no resolvents of one operator" in capsys.readouterr().out
