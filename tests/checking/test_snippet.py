"""A counterexample is pasted into a fresh Python process and shows the violation there."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.session import check
from fbscheck.checking.snippet import hexadecimal, snippet
from fbscheck.checking.subject import load

SOURCE = """
import numpy as np
from beside import scale
def double(x): return scale(x, 2)
def times(x, factor, shift=None, mode="plain"): return factor * x
class Times:
    def __init__(self, factor=1.0): self.factor = factor
    def __call__(self, x): return self.factor * x
    @staticmethod
    def triple(x): return 3 * x
def minus(x): return -x
def roll(x): return np.roll(x, 1, axis=-1)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "a folder's"
    place.mkdir()
    (place / "ops.py").write_text(SOURCE)
    (place / "beside.py").write_text("def scale(x, s): return s * x\n")
    monkeypatch.chdir(place)
    return place


def printed(code: str, head: str = "") -> float:
    """What the lines print when a fresh Python reads them from its standard input."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"], input=f"{head}\n{code}\n", capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "" and done.stdout.count("\n") == 1, done.stderr
    return float(done.stdout)


CASES: list[Any] = [
    ("{}/ops.py:double", {"dim": 2}, "nonexpansive", 2.0),
    ("ops.py:double", {"dim": 1}, "firmly_nonexpansive", 0.5),
    ("ops:double", {"dim": 3}, "averagedness=0.5", math.inf),
    ("ops.py:Times", {"dim": 2, "parameters": ["factor=1.5"]}, "contraction", 1.5),
    ("ops:Times.triple", {"dim": 2}, "lipschitz=2", 3.0),
    ("ops.py:Times.triple", {"dim": 2}, "lipschitz=2", 3.0),
    (
        "ops.py:times",
        {"shape": "2x3", "parameters": {"factor": np.full((2, 3), -2.0), "shift": math.nan}},
        "monotonicity",
        -2,
    ),
    ("ops.py:times", {"dim": 2, "parameters": ["factor=2", "mode=it's"]}, "nonexpansive", 2.0),
    ("ops.py:minus", {"dim": 2}, "averagedness=0.75", 1.0),
    ("ops.py:minus", {"dim": 2}, "residual=1.5", 2.0),
    ("ops.py:roll", {"shape": (2, 2, 2)}, "cocoercivity=0.5", None),
]


@pytest.mark.parametrize(
    ("operator", "settings", "claim", "value"), CASES, ids=[case[0] + " " + case[2] for case in CASES]
)
def test_the_snippet_shows_the_violation(
    folder: Path, operator: str, settings: dict[str, Any], claim: str, value: float | None
) -> None:
    (result,) = check(operator.format(folder), claims=[claim], budget=0.25, **settings).results
    assert result.verdict.value == "REFUTED", result.reason
    assert result.witness is not None
    shown, bound = printed(result.witness["snippet"]), result.bracket.theory
    assert bound is not None
    worse = 1 if claim.split("=")[0] in ("nonexpansive", "averagedness", "contraction", "lipschitz", "residual") else -1
    assert worse * shown > worse * bound
    if value is not None:
        assert shown == pytest.approx(value, rel=1e-9)


def test_an_object_is_called_operator() -> None:
    (result,) = check(lambda x: 2 * x, 2, claims=["nonexpansive"], budget=0.25).results
    assert result.witness is not None
    assert printed(result.witness["snippet"], "operator = lambda x: 2 * x") == pytest.approx(2)
    instance = "class operator:\n    __call__ = lambda self, x: 3 * x\n"
    assert printed(result.witness["snippet"], instance) == pytest.approx(3)


@pytest.mark.parametrize("name", CONSTANTS)
def test_each_quotient_is_that_of_the_constant(folder: Path, name: str) -> None:
    x, y = np.random.default_rng(3).normal(size=(2, 4))
    subject = load("ops.py:roll", "2x2")
    d, v = x - y, np.roll(x.reshape(2, 2), 1, -1).ravel() - np.roll(y.reshape(2, 2), 1, -1).ravel()
    exact = CONSTANTS[name].attained(d[:, None], v[:, None], np.zeros(1))[0]
    assert printed(snippet(subject, name, x, y)) == pytest.approx(exact, rel=1e-14)


def test_hexadecimal_is_exact() -> None:
    x = np.array([[0.1, -0.0], [5e-324, 1e308]])
    assert [float.fromhex(text) for text in hexadecimal(x)] == x.ravel().tolist()
