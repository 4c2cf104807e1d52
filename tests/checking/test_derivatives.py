"""A derivative that comes with an operator: checked, used if it is right, never trusted."""

import re
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.cycles import cyclic
from fbscheck.checking.derivatives import disagreement
from fbscheck.checking.points import Domain
from fbscheck.checking.search import search
from fbscheck.checking.session import check
from fbscheck.checking.trials import NoisyMap
from fbscheck.errors import InputError

K = np.random.default_rng(0).normal(size=(6, 6)) / 3


def soft(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)


def noisy(operator: Any, dimension: int = 6, derivative: Any = None, size: float = 0.0) -> NoisyMap:
    domain = Domain(-2.0, 2.0, dimension, lambda rng, n: rng.uniform(-2, 2, (dimension, n)))
    return NoisyMap(domain, operator, lambda x, y: 1e-15 * np.linalg.norm(x, axis=0) + size, derivative)


RIGHT: dict[str, Any] = {
    "matrix": (lambda x: K @ x, lambda x, v: K @ v),
    "soft threshold": (soft, lambda x, v: v * (np.abs(x) > 0.5)),
    "tanh": (np.tanh, lambda x, v: v / np.cosh(x) ** 2),
    "constant": (lambda x: 0 * x + 1, lambda x, v: 0 * v),
    "steep": (lambda x: np.sin(1e3 * x), lambda x, v: 1e3 * np.cos(1e3 * x) * v),
    "small": (lambda x: 1e-9 * (K @ x), lambda x, v: 1e-9 * (K @ v)),
}
WRONG: dict[str, Any] = {
    "transposed": (lambda x: K @ x, lambda x, v: K.T @ v),
    "1% too large": (lambda x: K @ x, lambda x, v: 1.01 * (K @ v)),
    "minus": (lambda x: K @ x, lambda x, v: -(K @ v)),
    "zero": (lambda x: K @ x, lambda x, v: 0 * v),
    "of another threshold": (soft, lambda x, v: v * (np.abs(x) > 0.9)),
    "not of the constant": (lambda x: 0 * x + 1, lambda x, v: v),
    "not a number": (np.tanh, lambda x, v: v * np.nan),
    "at 0 only": (np.tanh, lambda x, v: v),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("seed", range(3))
def test_a_right_derivative_is_taken(name: str, seed: int) -> None:
    operator, derivative = RIGHT[name]
    assert disagreement(noisy(operator), derivative, np.random.default_rng(seed)) is None


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("seed", range(3))
def test_planted_errors_are_told(name: str, seed: int) -> None:
    operator, derivative = WRONG[name]
    said = disagreement(noisy(operator), derivative, np.random.default_rng(seed))
    assert said is not None and "\n" not in said and "nan" not in said
    assert "is off from differences" in said or "is not finite at 24 of 24 points" in said


def test_noise_of_the_values_is_not_held_against_it() -> None:
    rough = noisy(lambda x: x + 1e-6 * np.sin(1e9 * x), size=3e-6)
    assert disagreement(rough, lambda x, v: v, np.random.default_rng(0)) is None


def searched(operator: NoisyMap, ticks: int = 200) -> dict[str, float]:
    clock = count().__next__
    found = search(operator, list(CONSTANTS.values()), np.random.default_rng(0), float(ticks), clock)
    return {name: pair.value for name, pair in found.worst.items()}


def test_it_is_asked_for_points_and_directions_of_the_box() -> None:
    asked = []

    def derivative(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        asked.append((x, v))
        return K @ v

    value = searched(noisy(lambda x: K @ x, derivative=derivative))["lipschitz"]
    assert value == pytest.approx(np.linalg.norm(K, 2), rel=1e-6)
    x, v = (np.concatenate(parts, axis=1) for parts in zip(*asked, strict=True))
    assert np.abs(x).max() <= 2
    np.testing.assert_allclose(np.linalg.norm(v, axis=0), 1, rtol=1e-12)


def test_only_values_refute() -> None:
    """Whatever the derivative claims, the values attained are those of T."""
    truth = {"lipschitz": np.linalg.norm(K, 2), "residual": np.linalg.norm(np.eye(6) - K, 2)}
    for lie in (lambda x, v: 1e6 * v, lambda x, v: np.full(v.shape, np.nan), lambda x, v: K.T @ v):
        values = searched(noisy(lambda x: K @ x, derivative=lie), ticks=400)
        for name, exact in truth.items():
            assert 0.99 * exact <= values[name] <= exact * (1 + 1e-12)
    assert cyclic(noisy(soft, derivative=lambda x, v: K @ v), np.random.default_rng(0), 60.0, count().__next__) is None


SOURCE = """
import numpy as np
def soft(x, t=0.5): return np.sign(x) * np.maximum(np.abs(x) - t, 0)
def jvp(x, v, t=0.5): return v * (np.abs(x) > t)
def single(x, v, t=0.5):
    assert x.ndim == 1
    return v * (np.abs(x) > t)
def wrong(x, v, t=0.5): return 2 * jvp(x, v, t)
def rarely(x, v, t=0.5):
    if np.any(x == 0): raise ValueError("a kink")
    return jvp(x, v, t)
def undefined(x, v, t=0.5): return v * np.where(x == 0, np.nan, np.abs(x) > t)
def raises(x, v, t=0.5): raise ValueError("no luck")
def changes(x, v, t=0.5):
    v *= np.abs(x) > t
    return v
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(SOURCE)
    return str(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("jvp", "said"),
    [
        ("jvp", ""),
        ("single", ""),
        ("changes", ""),
        (lambda x, v, t: v * (np.abs(x) > t), ""),
        ("wrong", "The JVP that came with T is not used: it is off from differences at .* points"),
        ("undefined", ""),
        ("rarely", "The JVP that came with T is not used any more: it raises ValueError: a kink"),
        ("raises", "The JVP that came with T is not used: it raises ValueError: no luck"),
    ],
)
def test_a_wrong_one_is_a_remark_and_no_verdict(file: str, jvp: Any, said: str) -> None:
    """With more time where a busy machine called a function that fails rarely too seldom."""
    for budget in (0.3, 3.0, 30.0):
        found = check(f"{file}:soft", 3, jvp=jvp, parameters={"t": 0.3}, claims=["nonexpansive"], budget=budget)
        assert found.results[0].verdict.value == "SUPPORTED"
        told = [line for line in found.remarks if "JVP" in line]
        if bool(told) is bool(said):
            break
    assert bool(told) is bool(said)
    assert all(re.search(said, line) for line in told)


@pytest.mark.parametrize(
    ("operator", "dim", "message"),
    [
        ("{}:soft", 3, "Need a name in .*, got 'missing'"),
        (soft, 3, r"Need a function \(x, v\) for jvp, got 'missing'"),
        (np.eye(2), None, "Need no jvp for a matrix"),
        ("sympy:x", None, "Need a formula alone"),
    ],
)
def test_bad_derivatives_are_one_line(file: str, operator: Any, dim: int | None, message: str) -> None:
    operator = operator.format(file) if isinstance(operator, str) else operator
    with pytest.raises(InputError, match=message):
        check(operator, dim, jvp="missing", budget=0.1)
