"""An operator against a convex function that the user wrote in cvxpy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fbscheck as fb
from fbscheck.checking import defined
from fbscheck.checking.defined import Defined
from fbscheck.errors import InputError
from fbscheck.verdict import Verdict

FILE = """
import cvxpy as cp
import numpy as np

def soft(x, weight=0.15):
    return np.sign(x) * np.maximum(np.abs(x) - weight, 0)

def simplex(x):
    u = np.sort(x)[::-1]
    excess = np.cumsum(u) - 1
    k = np.nonzero(u - excess / (np.arange(len(x)) + 1) > 0)[0][-1]
    return np.maximum(x - excess[k] / (k + 1), 0)

def singular(x):
    left, values, right = np.linalg.svd(x, full_matrices=False)
    return left * np.maximum(values - 0.5, 0) @ right

def l1(x):
    return 0.3 * cp.norm1(x)

def on_simplex(x):
    return cp.transforms.indicator([cp.sum(x) == 1, x >= 0])

def nuclear(x):
    return cp.normNuc(x)

def concave(x):
    return -cp.norm1(x)

def impossible(x):
    return cp.transforms.indicator([x >= 1, x <= 0])

def fails(x):
    raise ValueError("no such thing")
"""


@pytest.fixture
def ops(tmp_path: Path) -> str:
    """A file of operators and functions; beside it, plain.py has the operators alone, which spares importing cvxpy."""
    (tmp_path / "ops.py").write_text(FILE)
    (tmp_path / "plain.py").write_text(FILE.partition("def l1")[0].replace("import cvxpy as cp\n", ""))
    return str(tmp_path / "ops.py")


def checked(ops: str, operator: str, function: Any, together: bool = False, **settings: Any) -> Any:
    against = f"{ops}:{function}" if isinstance(function, str) else function
    found = fb.check(
        f"{ops if together else ops.replace('ops.py', 'plain.py')}:{operator}",
        prox_of=against,
        step=0.5,
        claims=["nonexpansive"],
        budget=0.4,
        box=(-3, 3),
        **settings,
    )
    return found.results[-1]


@pytest.mark.parametrize(
    ("operator", "function", "settings", "verdict"),
    [
        pytest.param("soft", "l1", {"dim": 5}, Verdict.SUPPORTED, id="soft threshold"),
        pytest.param("simplex", "on_simplex", {"dim": 4}, Verdict.SUPPORTED, id="simplex"),
        pytest.param("singular", "nuclear", {"shape": (3, 4)}, Verdict.SUPPORTED, id="nuclear norm"),
        pytest.param(
            "soft",
            "l1",
            {"dim": 5, "parameters": {"weight": 0.151}},
            Verdict.REFUTED,
            id="planted: a threshold 1% too large",
        ),
        pytest.param("soft", "on_simplex", {"dim": 4}, Verdict.REFUTED, id="planted: another function"),
        pytest.param("singular", "l1", {"shape": (3, 4)}, Verdict.REFUTED, id="planted: entries for singular values"),
    ],
)
def test_verdicts(ops: str, operator: str, function: str, settings: dict[str, Any], verdict: Verdict) -> None:
    result = checked(ops, operator, function, **settings)
    assert result.claim == "prox_of"
    assert result.verdict is verdict, result.reason


def test_a_callable_will_do(ops: str) -> None:
    def doubled(x: Any) -> Any:
        import cvxpy as cp

        return 0.6 * cp.norm1(x)

    refuted = checked(ops, "soft", doubled, together=True, dim=3)
    assert refuted.verdict is Verdict.REFUTED
    apart = float(np.linalg.norm([0.15] * 3))
    assert refuted.bracket.lower == pytest.approx(apart, rel=1e-3)


def test_a_point_is_solved_once(ops: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another image of it is compared with what was solved, without a process."""
    against = Defined("l1", f"{ops}:l1", 0.5)
    x = np.array([[1.0, -2.0], [0.5, 0.125]])
    right = np.sign(x) * np.maximum(np.abs(x) - 0.15, 0)
    apart, _, count = against.worst((2,), x, right, np.zeros(2), 60.0)
    assert (apart, count) == (0.0, 2)
    monkeypatch.setattr(defined, "Sandbox", None)
    apart, k, count = against.worst((2,), x[:, 1:], right[:, 1:] + [[0.25], [0.0]], np.zeros(1), 60.0)
    assert (k, count) == (0, 1) and apart == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        pytest.param("concave", "convex, got one of curvature CONCAVE", id="concave"),
        pytest.param("impossible", "no optimum at", id="nowhere finite"),
        pytest.param("fails", "raises ValueError: no such thing at line 34 of ops.py", id="raises"),
        pytest.param("absent", "Need a name in .*'absent'", id="absent"),
    ],
)
def test_what_is_no_convex_function_is_told(ops: str, function: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        checked(ops, "soft", function, dim=3)
