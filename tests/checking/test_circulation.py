"""Circulations around polygons and integrals along segments, against closed forms; gradients that are stated."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import correct
import faulty
import numpy as np
import pytest
import sympy

from fbscheck.checking import circulation
from fbscheck.checking.circulation import along, circulating
from fbscheck.checking.examine import Examination
from fbscheck.checking.integral import Primitive, disagreement
from fbscheck.checking.points import Domain
from fbscheck.checking.sandbox import Fault
from fbscheck.checking.session import check
from fbscheck.checking.subject import load
from fbscheck.checking.trials import NoisyMap
from fbscheck.errors import InputError
from fbscheck.functions import SquaredL2
from fbscheck.verdict import Verdict

P, R, S, U = Verdict.PROVED, Verdict.REFUTED, Verdict.SUPPORTED, Verdict.UNDECIDED
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


def exact(operator: Callable[[Any], Any]) -> Any:
    """Values with no error."""
    return lambda x: (operator(x), np.zeros(x.shape[1]))


def soft(x: Any) -> Any:
    return np.sign(x) * np.maximum(np.abs(x) - 0.3, 0)


PRIMITIVES = {
    "linear": (lambda x: x, lambda x: np.sum(x**2, axis=0) / 2),
    "kinks": (soft, lambda x: np.sum(np.maximum(np.abs(x) - 0.3, 0) ** 2, axis=0) / 2),
    "jumps": (lambda x: x * (np.abs(x) > 0.3), lambda x: np.sum(np.maximum(x**2 - 0.09, 0), axis=0) / 2),
    "signs": (np.sign, lambda x: np.sum(np.abs(x), axis=0)),
    "smooth": (np.sin, lambda x: np.sum(-np.cos(x), axis=0)),
    "radial": (
        lambda x: x / np.maximum(np.sqrt(np.sum(x**2, axis=0)), 1),
        lambda x: np.where((n := np.sum(x**2, axis=0)) <= 1, n / 2, np.sqrt(n) - 0.5),
    ),
}


@pytest.mark.parametrize("pieces", [4, 16, 128])
@pytest.mark.parametrize("name", PRIMITIVES)
def test_the_estimated_error_covers_the_error(name: str, pieces: int) -> None:
    operator, primitive = PRIMITIVES[name]
    rng = np.random.default_rng(pieces)
    x, y = rng.uniform(-2, 2, (2, 3, 500))
    found = along(exact(operator), x[:, :, None], y[:, :, None], pieces)
    value = found.value[:, 0] + np.sum(found.base * (y - x), axis=0)
    covered = np.abs(value - (primitive(y) - primitive(x))) <= found.error[:, 0] + 1e-14
    assert np.all(covered) or name in ("jumps", "signs") and np.mean(covered) >= 1 - 1 / pieces
    assert np.median(found.error[:, 0]) <= 40 / pieces


def test_a_rotation_has_twice_the_area() -> None:
    rng = np.random.default_rng(1)
    corners = rng.normal(size=(2, 50, 3))
    found = along(exact(lambda x: TURN @ x), corners, np.roll(corners, -1, axis=2), 8)
    one, two = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    area = (one[0] * two[1] - one[1] * two[0]) / 2
    assert np.allclose(np.sum(found.value, axis=1), 2 * area, atol=1e-13)
    assert np.all(np.abs(np.sum(found.value, axis=1) - 2 * area) <= np.sum(found.error, axis=1))


def searched(operator: Callable[[Any], Any], noise: float = 1e-15, seconds: float = 0.3) -> Any:
    rng = np.random.default_rng(0)
    domain = Domain(-1.0, 1.0, 3, lambda rng, count: rng.uniform(-1, 1, (3, count)))
    return circulating(NoisyMap(domain, operator, lambda x, tx: np.full(x.shape[1], noise)), rng, seconds)[:2]


SKEW = np.array([[0.0, 1.0, -2.0], [-1.0, 0.0, 0.5], [2.0, -0.5, 0.0]])


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-9])
def test_a_planted_skew_part_is_found(size: float) -> None:
    found, _ = searched(lambda x: soft(x) + size * SKEW @ x)
    assert found is not None
    whole = along(exact(lambda x: size * SKEW @ x), found.corners[:, None], np.roll(found.corners, -1, 1)[:, None], 4)
    assert abs(found.value - np.sum(whole.value)) <= found.error + 1e-18
    assert abs(found.value) > found.error and np.all(np.abs(found.corners) <= 1)


def test_noise_explains_a_skew_part_below_it() -> None:
    assert searched(lambda x: x + 1e-6 * SKEW @ x, noise=1e-5)[0] is None
    assert searched(lambda x: x + 1e-6 * SKEW @ x, noise=1e-9)[0] is not None


def cancelling(seed: int) -> Any:
    """A gradient with opposite jumps near ties, where both may fall between the same two nodes."""
    rng, signs = np.random.default_rng(seed), np.array([[1.0], [-1.0], [1.0]])

    def points(rng: np.random.Generator, count: int) -> Any:
        tie = np.array([[0.3], [0.3], [0.0]]) * np.where(rng.random((3, count)) < 0.5, -1.0, 1.0)
        return np.clip(tie + 10.0 ** rng.uniform(-6, -2, count) * rng.normal(size=(3, count)), -1, 1)

    def operator(x: Any) -> Any:
        return signs * PRIMITIVES["jumps"][0](x)

    known = NoisyMap(Domain(-1.0, 1.0, 3, points), operator, lambda x, tx: np.full(x.shape[1], 1e-16))
    return circulating(known, rng, 1.0)[0]


@pytest.mark.parametrize("seed", range(3))
def test_jumps_that_cancel_between_nodes_refute_nothing(seed: int) -> None:
    assert cancelling(seed) is None


def test_planted_without_neighbours_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circulation, "near", lambda polygon, *_: np.repeat(polygon, 2, axis=1))
    assert any(cancelling(seed) is not None for seed in range(20))


GRADIENTS = (
    "soft_threshold group_shrinkage onto_ball onto_semidefinite tanh softmax single_inside bisection symmetric_layer"
)
OTHERS = "alternating sorting forward_backward skew_resolvent orthogonal_layer median"
CODES = "adjoint_forgotten adjoint_confused simplex_off_by_one replicated_edges non_local layer"


def verdict(module: Any, name: str, budget: float) -> Verdict:
    (row,) = [row for row in (*getattr(module, "CORRECT", ()), *getattr(module, "FAULTY", ())) if row.name == name]
    target, accuracy = f"{module.__file__}:{name}", row.accuracy
    return (
        check(target, shape=row.shape, box=row.box, claims=["gradient"], accuracy=accuracy, budget=budget)
        .results[0]
        .verdict
    )


@pytest.mark.parametrize("name", GRADIENTS.split())
def test_gradients_are_not_refuted(name: str) -> None:
    assert verdict(correct, name, 0.4) is S


@pytest.mark.parametrize("name", [*OTHERS.split(), *CODES.split()])
def test_what_is_no_gradient_is_refuted(name: str) -> None:
    module = correct if name in OTHERS.split() else faulty
    assert R in (verdict(module, name, budget) for budget in (0.5, 10.0))


SOURCE = """
import numpy as np
A, B = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 3.0]]), np.array([1.0, 2.0, 3.0])
def step(x): return A.T @ (A @ x - B)
def residual(x): return 0.5 * np.sum((A @ x - B) ** 2)
def twice(x): return np.sum((A @ x - B) ** 2)
def half(x): return x / 2
def turn(x): return np.array([-x[1], x[0]])
def quarter(x): return np.sum(x ** 2) / 4
def soft(x): return np.sign(x) * np.maximum(np.abs(x) - 0.3, 0)
def envelope(x): return np.sum(np.maximum(np.abs(x) - 0.3, 0) ** 2) / 2
def shifted(x): return np.sum(np.maximum(np.abs(x) - 0.301, 0) ** 2) / 2
class Quarter:
    def __call__(self, x): return float(np.sum(x ** 2) / 4)
def fails(x): raise ValueError("no luck")
def vector(x): return x
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ops.py").write_text(SOURCE)
    return tmp_path


def stated(operator: Any, function: Any, **settings: Any) -> Examination:
    claims = ["monotonicity"] if "dim" not in settings else ["gradient"]
    return check(operator, claims=claims, gradient_of=function, **({"budget": 1.0} | settings))


x, y = sympy.symbols("x y", real=True)
GROUP = "sympy:x*Max(0, 1 - 1/sqrt(x**2 + y**2)), y*Max(0, 1 - 1/sqrt(x**2 + y**2))"
STATED: list[Any] = [
    ("ops.py:step", "ops.py:residual", 2, S),
    ("ops.py:step", "ops.py:twice", 2, R),
    ("ops.py:half", "ops.py:quarter", 3, S),
    ("ops.py:half", "ops:Quarter", 3, S),
    ("ops.py:half", "SquaredL2(0.5)", 3, S),
    ("ops.py:half", SquaredL2(0.5), 3, S),
    ("ops.py:half", "SquaredL2(0.505)", 3, R),
    ("ops.py:half", "sympy:(a**2 + b**2)/4", 2, S),
    ("ops.py:half", "sympy:(a**2 + b**2)/4 + a*b/1000", 2, R),
    ("ops.py:turn", "SquaredL2(1.0)", 2, R),
    ("ops.py:soft", "ops.py:envelope", 2, S),
    ("ops.py:soft", "ops.py:shifted", 2, R),
    ("ops.py:half", "Box(2, 3)", 2, U),
    (lambda x: x / 2, lambda x: float(x @ x) / 4, 3, S),
    (lambda x: x / 2, lambda x: float(x @ x) / 3, 3, R),
    (np.eye(2) / 2, "SquaredL2(0.5)", None, S),
    (np.eye(2) / 2, "SquaredL2(0.505)", None, R),
    (np.eye(2) / 2, "sympy:(x**2 + y**2)/4", None, P),
    (np.eye(2) / 2, "sympy:(x**2 + y**2)/4 + x*y/1000", None, R),
    ("sympy:x/2, y/2", "sympy:(x**2 + y**2)/4", None, P),
    ("sympy:x/2, y/2", "sympy:(x**2 + y**2)/4 + Abs(x)/1000", None, R),
    ("sympy:Max(x + y, 0), Max(x + y, 0)", "sympy:Max(x + y, 0)**2/2", None, P),
    ("sympy:Max(x + y, 0), Max(x + y, 0)", "sympy:(x + y)**2/2", None, R),
    (GROUP, "sympy:Max(sqrt(x**2 + y**2) - 1, 0)**2/2", None, S),
    (GROUP, "sympy:Max(sqrt(x**2 + y**2) - 1, 0)**2/3", None, R),
    ("sympy:exp(x)/(1 + exp(x)), y", "sympy:log(1 + exp(x)) + y**2/2", None, P),
]


@pytest.mark.parametrize(("operator", "function", "dim", "expected"), STATED)
def test_stated_functions(folder: Path, operator: Any, function: Any, dim: int | None, expected: Verdict) -> None:
    settings: dict[str, Any] = {"box": (-2.0, 2.0)} if dim is None else {"dim": dim}
    found = [stated(operator, function, **settings).results[-1]]
    if found[0].verdict is not expected:
        found.append(stated(operator, function, budget=10.0, **settings).results[-1])
    result = found[-1]
    assert (result.claim, result.verdict) == ("gradient_of", expected), result.reason
    assert (result.witness is not None) is (expected is R)


def test_the_snippets_show_the_violation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = stated("ops.py:turn", "ops.py:quarter", dim=2, budget=2.0)
    loop, integral = found.results
    assert loop.verdict is integral.verdict is R
    for result in (loop, integral):
        exec(result.witness["snippet"], {})  # type: ignore[index]
    around, rise = capsys.readouterr().out.splitlines()
    assert float(around) == pytest.approx(float.fromhex(loop.witness["circulation"]), rel=1e-9)  # type: ignore[index]
    first, second = map(float, rise.split())
    assert abs(first - second) == pytest.approx(integral.bracket.lower, rel=1e-6)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("Nothing", InputError, "Need a function such as L1"),
        ("ops.py:none", InputError, "Need a name in .*ops.py, got 'none'"),
        ("sympy:a**2", InputError, "Need a function of 2 symbols, got sympy:a\\*\\*2 of a"),
        ("Box([0, 0, 0], [1, 1, 1])", InputError, "Need a function of 2 numbers"),
        (3.0, InputError, "Need a function of x, got float"),
        ("ops.py:fails", Fault, "ops.py:fails: raises ValueError: no luck at line"),
        ("ops.py:vector", Fault, r"ops.py:vector: returns an array of shape \(2,\) where one number is needed"),
    ],
)
def test_a_bad_function_is_one_line(folder: Path, function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        stated("ops.py:half", function, dim=2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("readings", range(1, 30))
def test_a_wrong_primitive_is_never_supported_however_little_time_there_is(readings: int) -> None:
    """2x is no gradient of |x|^2/2; the clock stands still and jumps, so that time is up at each step of the search."""
    subject = load(lambda x: 2 * x, 2, (-1.0, 1.0))
    domain = Domain(-1.0, 1.0, 2, lambda rng, count: rng.uniform(-1, 1, (2, count)))
    operator = NoisyMap(domain, lambda x: 2 * x, lambda x, tx: np.full(x.shape[1], 1e-15))
    clock = itertools.chain(itertools.repeat(0.0, readings), itertools.repeat(2.0)).__next__
    found = disagreement(subject, Primitive("F", SquaredL2(1.0)), operator, np.random.default_rng(0), 1.0, clock=clock)
    assert all(evidence.value > 0 for evidence in found.evidence)


@pytest.mark.parametrize("readings", range(2, 30))
def test_a_circulation_found_too_late_supports_no_gradient(readings: int) -> None:
    """A rotation is no gradient; the clock stands still and jumps, so that time is up at each step of the search."""
    domain = Domain(-1.0, 1.0, 2, lambda rng, count: rng.uniform(-1, 1, (2, count)))
    operator = NoisyMap(domain, lambda x: TURN @ x, lambda x, tx: np.full(x.shape[1], 1e-15))
    clock = itertools.chain(itertools.repeat(0.0, readings), itertools.repeat(2.0)).__next__
    found, tried, suspected = circulating(operator, np.random.default_rng(0), 1.0, clock)
    assert found is not None or suspected or not tried
