"""fb.check: operators in every form, claims of proximal maps, and arguments that make no sense."""

import itertools
import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import fbscheck as fb
from fbscheck.checking import blackbox, circulation, cycles, examine, sandbox, search
from fbscheck.checking.examine import Examination
from fbscheck.checking.expressions import Expression
from fbscheck.checking.questions import STILL
from fbscheck.checking.sandbox import Fault
from fbscheck.checking.session import check
from fbscheck.errors import InputError
from fbscheck.functions import L1
from fbscheck.operators import Linear
from fbscheck.verdict import Verdict

P = Verdict.PROVED
C, R, S, U = Verdict.CERTIFIED, Verdict.REFUTED, Verdict.SUPPORTED, Verdict.UNDECIDED
ROTATION = np.array([[0.0, -1.0], [1.0, 0.0]])
x, y = sympy.symbols("x y", real=True)
SOURCE = """
import numpy as np
def soft(x, t=0.1): return np.sign(x) * np.maximum(np.abs(x) - t, 0)
class Soft:
    def __init__(self, t=0.1): self.t = t
    def __call__(self, x): return soft(x, self.t)
def still(x): return np.zeros_like(x)
def double(x): return 2 * x
def turn(x): return np.array([-x[1], x[0]])
def half(x): return x / 2 + 1e-6 * np.sin(1e9 * x)
def outer(x): return np.where(np.abs(x) > 0.5, 2 * x, x)
def inner(rng): return rng.uniform(-0.4, 0.4, 2)
def far(rng): return np.array([3.0, 3.0])
def broken(rng): raise ValueError('no luck')
def wide(x): return np.concatenate([x, x])
def band(x): return x + 0.05 * ((x[0] > 0.5) & (x[0] < 0.505))
def resolvent(x): return 0.5 * np.array([x[0] + x[1], x[1] - x[0]])
def raises(x): raise ValueError('two\\nlines \\u2207')
def nothing(x): pass
def tires(x, calls=[0]):
    calls[0] += 1
    return 2 * x if calls[0] > 400 else x.reshape(2) / 2
def spins(x, calls=[0]):
    calls[0] += 1
    return np.array([-x[1], x[0]]) if calls[0] > 400 else x.reshape(2) / 2
def noisy(x, state=[0]):
    state[0] += 1
    return x + state[0]
"""


def soft(x: np.ndarray, t: float = 0.1) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - t, 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ops.py").write_text(SOURCE)
    np.save(tmp_path / "K.npy", ROTATION)
    return tmp_path


def verdicts(found: Examination) -> dict[str, Verdict]:
    assert [claim.id for claim in found.claims] == [result.claim for result in found.results]
    return {result.claim: result.verdict for result in found.results}


def attempts(*arguments: Any, **settings: Any) -> Iterator[Examination]:
    """With more and more time, as a busy machine may leave a search too little."""
    return (check(*arguments, budget=budget, **settings) for budget in (1.0, 10.0, 100.0))


quick = partial(check, budget=0.25)
CLAIMS = ("nonexpansive", "firmly_nonexpansive")


@pytest.mark.parametrize(
    ("operator", "settings", "expected"),
    [
        pytest.param(ROTATION, {}, (C, R), id="matrix"),
        pytest.param(ROTATION.tolist(), {"dim": 2}, (C, R), id="list"),
        pytest.param(Linear(ROTATION / 2), {}, (C, R), id="Linear"),
        pytest.param("K.npy", {"shape": "2"}, (C, R), id="file of a matrix"),
        pytest.param(np.zeros((2, 2)), {}, (C, C), id="zero matrix"),
        pytest.param(Expression([sympy.Max(x, 0)], [x]), {"budget": 60.0}, (P, P), id="Expression"),
        pytest.param(Expression([-y, x], [x, y]), {"box": (0, 3)}, (P, R), id="Expression of two"),
        pytest.param("sympy:Max(x - 1/10, 0) - Max(-x - 1/10, 0)", {"budget": 60.0}, (C, C), id="text"),
        pytest.param("sympy:2*a, b/2", {"budget": 60.0}, (R, R), id="text of two"),
        pytest.param("ops.py:soft", {"dim": 3}, (S, S), id="function in a file"),
        pytest.param("ops.py:Soft", {"dim": 3, "parameters": {"t": 0.2}}, (S, S), id="class in a file"),
        pytest.param("ops:turn", {"dim": 2}, (S, R), id="module"),
        pytest.param(soft, {"shape": (2, 2)}, (S, S), id="function"),
        pytest.param(lambda x: 2 * x, {"dim": 1}, (R, R), id="lambda"),
        pytest.param("ops.py:double", {"dim": 2, "box": (5, 6)}, (R, R), id="box"),
        pytest.param("ops.py:still", {"dim": 1}, (S, S), id="constant"),
    ],
)
def test_operators_in_every_form(folder: Path, operator: Any, settings: dict[str, Any], expected: tuple[Any]) -> None:
    found = quick(operator, claims=CLAIMS, **settings)
    assert verdicts(found) == dict(zip(CLAIMS, expected, strict=True))
    for result in found.results:
        ends = [e for e in (result.bracket.lower, result.bracket.upper) if e is not None]
        assert ends == sorted(ends)
        assert not math.isnan(sum(ends)) and "nan" not in result.reason
        assert result.witness is not None or result.reason == STILL
    assert (found.evaluations > 0) is (
        callable(operator) and not isinstance(operator, Linear) or "ops" in str(operator)
    )


def test_it_is_public_and_asks_everything_by_default(folder: Path) -> None:
    assert fb.check is check
    found = check("ops.py:soft", 2, budget=1.0)
    assert set(verdicts(found)) == {"lipschitz", "monotonicity", "cocoercivity", "averagedness", "residual", *CLAIMS}
    assert set(verdicts(found).values()) == {S}
    assert found.evaluations > 100
    assert any("black box" in line for line in found.remarks)
    exact = check("sympy:x/2")
    assert set(verdicts(exact).values()) == {C, P}
    assert not any("black box" in line for line in exact.remarks)


def test_one_claim_may_be_one_text() -> None:
    assert verdicts(check(ROTATION, claims="nonexpansive")) == {"nonexpansive": C}


def test_prox_is_refuted_by_a_rotation_and_claimed_with_firm_nonexpansiveness(folder: Path) -> None:
    found = check("ops.py:turn", 2, claims=["prox", "firmly_nonexpansive"], budget=1)
    assert verdicts(found) == {"prox": R, "firmly_nonexpansive": R}
    found = next(found for found in attempts("ops.py:resolvent", 2, claims=["prox"]) if found.results[0].verdict is R)
    assert verdicts(found) == {"prox": R, "firmly_nonexpansive": S}
    assert {"points", "corners"} & set(found.results[0].witness or ())
    assert verdicts(check("ops.py:soft", 2, claims=["prox"], budget=0.3)) == {"prox": S, "firmly_nonexpansive": S}


@pytest.mark.parametrize(
    ("function", "step", "verdict"),
    [
        ("L1(weight=0.1)", 1.0, S),
        (L1(0.2), 0.5, S),
        (L1(0.1), 1.0, S),
        (L1(0.1), 1.001, R),
        ("L1(weight=0.2)", 1.0, R),
        ("Box(-1, 1)", 1.0, R),
    ],
)
def test_prox_of(folder: Path, function: Any, step: float, verdict: Verdict) -> None:
    found = quick("ops.py:soft", 2, claims=["nonexpansive"], prox_of=function, step=step)
    assert verdicts(found) == {"nonexpansive": S, "prox_of": verdict}
    stated = found.results[-1]
    assert (stated.bracket.lower == 0) is (verdict is S)
    assert stated.witness is not None and len(stated.witness["x"]) == 2


def test_sampler_parameters_and_shapes_are_used(folder: Path) -> None:
    assert verdicts(quick("ops.py:soft", 2, prox_of="L1(0.3)", parameters=["t=0.3"]))["prox_of"] is S
    assert verdicts(quick("ops.py:soft", 2, prox_of="L1(0.3)", parameters={"t": 0.1}))["prox_of"] is R
    assert verdicts(quick("ops.py:outer", 2, claims=CLAIMS)) == {"nonexpansive": R, "firmly_nonexpansive": R}
    found = quick("ops.py:soft", shape="2x3", claims=CLAIMS)
    assert len(found.results[0].witness["x"]) == 6  # type: ignore[index]
    assert verdicts(quick("ops.py:soft", 2, sample="inner", prox_of="L1(0.1)"))["prox_of"] is S


def test_accuracy_explains_a_violation(folder: Path) -> None:
    assert verdicts(quick("ops.py:half", 1, claims=["nonexpansive"], accuracy=1e-12)) == {"nonexpansive": R}
    assert any("--accuracy" in line for line in quick("ops.py:half", 1, claims=["nonexpansive"]).remarks)
    assert verdicts(quick("ops.py:half", 1, claims=["nonexpansive"], accuracy=1.01e-6)) == {"nonexpansive": S}
    explained = quick("ops.py:soft", 1, claims=["nonexpansive"], prox_of="L1(0.1001)", accuracy=1.1e-4)
    assert set(verdicts(explained).values()) == {S}
    assert verdicts(quick("ops.py:double", 1, claims=["nonexpansive"], accuracy=0.1)) == {"nonexpansive": R}
    assert verdicts(quick("ops.py:double", 1, claims=["nonexpansive"], accuracy=10)) == {"nonexpansive": S}


@pytest.mark.parametrize("budget", [1e-6, 0.5])
def test_a_budget_is_kept_more_or_less_and_answers_stay_true(folder: Path, budget: float) -> None:
    start = time.monotonic()
    found = check("ops.py:soft", 2, claims=["prox", "nonexpansive"], budget=budget)
    assert time.monotonic() - start < budget + 5
    assert R not in verdicts(found).values()


def test_an_operator_that_takes_batches_for_something_else_is_refuted_one_by_one(folder: Path) -> None:
    """Its x[0] is a whole sample of a batch, which shows at few points: the search starts again without batches."""
    for seed in range(3):
        found = check("ops.py:band", 4, claims=["nonexpansive"], budget=12, seed=seed)
        assert verdicts(found) == {"nonexpansive": R}, found.results[0].reason


def test_the_same_seed_gives_the_same_results(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With clocks that count their calls instead of the time, which no two runs share.

    The time of a call decides how much there is to see in a figure, and whether a remark says that it is long.
    """

    def clock() -> Any:
        return partial(next, itertools.count(0.0, 0.001))

    def run(seed: int) -> Any:
        for module, name in ((search, "search"), (cycles, "cyclic"), (circulation, "circulating")):
            monkeypatch.setattr(blackbox, name, partial(getattr(module, name), clock=clock()))
        for module in (examine, sandbox):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock(), perf_counter=clock()))
        return check("ops.py:soft", 3, claims=["prox", "lipschitz", "monotonicity"], budget=0.05, seed=seed)

    first = run(1)
    assert run(1) == first
    assert run(2).results != first.results


BAD: list[Any] = [
    (("ops.py:soft",), {}, "Need the size of x, --dim or --shape"),
    (("ops.py:soft", 2), {"shape": "2"}, "Need dim or shape, got both"),
    (("ops.py:soft", 0), {}, "Need positive whole numbers"),
    (("ops.py:none", 2), {}, "Need a name in .*ops.py, got 'none'"),
    (("none.py:soft", 2), {}, "none.py: No such file"),
    ((3.0, 2), {}, "Need a function of x, got float"),
    ((ROTATION, 3), {}, "Need --dim 2 or none for this matrix"),
    ((np.ones((2, 3)),), {}, "Need a square matrix"),
    ((ROTATION,), {"prox_of": "L1([1, 2, 3])"}, "Need a function of 2 numbers"),
    ((ROTATION,), {"gradient_of": "L1([1, 2, 3])"}, "Need a function of 2 numbers"),
    ((ROTATION,), {"parameters": {"t": 1}}, "Need no parameters for a matrix"),
    ((ROTATION,), {"sample": "inner"}, "Need an operator named as FILE.py:NAME for a sampler"),
    ((soft, 2), {"sample": "inner"}, "Need an operator named as FILE.py:NAME for a sampler"),
    ((soft, 2), {"box": (1, 1)}, "Need a box with low < high"),
    ((soft, 2), {"box": (1, 2, 3)}, r"Need a box of two numbers, low and high, got \(1, 2, 3\)"),
    ((soft, 2), {"box": None}, "Need a box of two numbers"),
    ((soft, 2), {"box": (0, math.inf)}, "Need a finite box"),
    ((soft, 2), {"box": "ab"}, "Need a number for box"),
    ((soft, 2), {"claims": ["bold"]}, "Need a condition among"),
    ((soft, 2), {"claims": "bold"}, "Need a condition among .* got 'bold'"),
    ((soft, 2), {"budget": 0}, "Need budget > 0"),
    ((soft, 2), {"budget": math.nan}, "Need a finite budget"),
    ((soft, 2), {"accuracy": -1}, "Need accuracy >= 0"),
    ((soft, 2), {"seed": -1}, "Need a whole number seed >= 0, got -1"),
    ((soft, 2), {"seed": 0.5}, "Need a whole number seed >= 0, got 0.5"),
    ((soft, 2), {"seed": None}, "Need a whole number seed >= 0, got None"),
    ((soft, 2), {"parameters": ["t"]}, "Need a parameter as KEY=VALUE"),
    ((soft, 2), {"parameters": {"s": 1}}, "unexpected keyword argument 's'"),
    ((soft, 2), {"prox_of": "L1(0.1)", "step": 0}, "Need step > 0"),
    ((soft, 2), {"prox_of": "L7"}, "Need a function such as L1"),
    ((soft, 2), {"prox_of": "L1(open('x'))"}, "Need a function such as L1"),
    ((soft, 2), {"prox_of": "L1(weight=-1)"}, "weight"),
    ((soft, 2), {"prox_of": 3}, "Need a function for prox_of: .*, got 3"),
    ((soft, 2), {"prox_of": L1}, "Need a function for prox_of: .*, got <class"),
    ((soft, 2), {"prox_of": "Box([0, 0, 0], [1, 1, 1])"}, r"Need a function of 2 numbers, got Box\(\[0, 0"),
    ((soft, "2x2"), {"prox_of": L1([1.0, 2.0])}, "Need a function of 4 numbers, got L1"),
    (("ops.py:soft", 2), {"sample": "far"}, "in the box"),
    (("ops.py:soft", 2), {"sample": "missing"}, "Need a name in"),
    (("sympy:x",), {"dim": 1}, "Need a formula alone"),
    (("sympy:x",), {"parameters": ["t=1"]}, "Need a formula alone"),
    (("sympy:x",), {"claims": ["gradient=1"]}, "Need gradient without a value"),
    (("sympy:x",), {"box": (1, 0)}, "Need a bounded box"),
    (("sympy:",), {}, "Need formulas in a symbol"),
    (("sympy:1",), {}, "Need formulas in a symbol"),
    (("sympy:x(",), {}, "Need formulas such as"),
    (("sympy:x.y.z",), {}, "Need formulas such as"),
    (("sympy:lambda q: q",), {}, "Need formulas such as"),
    (("sympy:x > 0",), {}, "Need expressions in"),
    (("sympy:I*x",), {}, "Need expressions in"),
    (("sympy:gamma(x)",), {}, "Need expressions in"),
    (("sympy:x + y",), {}, "Need as many components"),
]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"), BAD, ids=[f"{m[:24]} {k}" for k, (_, _, m) in enumerate(BAD)]
)
def test_bad_arguments_are_one_line(folder: Path, arguments: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        quick(*arguments, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings", "kind", "message"),
    [
        ("wide", {}, "shape", r"^ops.py:wide: returns an array of shape \(4,\) for x of shape \(2,\) at x = \[.*\]$"),
        ("raises", {}, "raises", "^ops.py:raises: raises ValueError: two lines \u2207 at line"),
        ("nothing", {}, "not numbers", "missing return"),
        ("noisy", {}, "random", "returns different values for the same x"),
        ("soft", {"sample": "broken"}, "raises", "^ops.py:soft: the sampler raises ValueError: no luck"),
    ],
)
def test_a_fault_names_the_operator(folder: Path, name: str, settings: Any, kind: str, message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        quick(f"ops.py:{name}", 2, **settings)
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "claims", "prox_of"),
    [
        pytest.param("tires", ["nonexpansive"], None, id="pair"),
        pytest.param("tires", ["lipschitz"], None, id="pair for a measured constant"),
        pytest.param("spins", ["prox"], None, id="cycle"),
        pytest.param("tires", ["nonexpansive"], "SquaredL2(1.0)", id="distance to a proximal map"),
    ],
)
def test_a_counterexample_that_a_fresh_process_does_not_show_is_dropped(
    folder: Path, name: str, claims: list[str], prox_of: str | None
) -> None:
    """The operator changes after some hundred calls, which its examination at the start cannot see."""
    found = check(f"ops.py:{name}", dim=2, claims=claims, prox_of=prox_of, budget=6.0 if name == "spins" else 2.0)
    assert verdicts(found)[claims[0] if prox_of is None else "prox_of"] is U
    assert all(result.witness is None for result in found.results if result.verdict is U)
    assert [line for line in found.remarks if "dropped" in line and "fresh process" in line]


def test_the_values_that_count_are_those_of_the_fresh_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blackbox.BlackBox, "_steady", lambda *_: True)
    (result,) = check("ops.py:tires", dim=2, claims=["nonexpansive"], budget=2.0).results
    assert result.witness is not None
    x, image = ([float.fromhex(t) for t in result.witness[name]] for name in ("x", "Tx"))
    assert image == [t / 2 for t in x] and result.verdict is S
