"""The audit of `fbscheck check`: tampering, operators that changed, lies about boxes, formulas as data."""

import fnmatch
import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from tampering import Stored, refusals, refuses, tampered

import fbscheck as fb
from fbscheck import store
from fbscheck.archive import add
from fbscheck.audit.cover import covers
from fbscheck.audit.recheck import Outcome, recheck
from fbscheck.checking.expressions import Expression
from fbscheck.checking.formulas import described, rebuilt
from fbscheck.cli import main
from fbscheck.errors import InputError

SOURCE = """
import numpy as np
def half(x, scale=0.5): return scale * x
def double(x): return 2 * x
def turn(x): return np.array([-x[1], x[0]])
def still(x): return np.zeros_like(x)
"""
MATRIX = np.array([[0.5, 0.25], [0.0, 0.75]])
FORMULA = "sympy:Max(x - 1/10, 0)/2 + y/3, y/2 - x*tanh(y)/8"
ASKED: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "matrix": [
        (MATRIX, {"claims": ["nonexpansive"]}),
        (MATRIX, {"claims": ["cocoercivity=1.5"]}),
        (MATRIX, {"claims": ["averagedness"]}),
    ],
    "formula": [
        (FORMULA, {"claims": ["nonexpansive"]}),
        (FORMULA, {"claims": ["lipschitz=0.5"]}),
        (FORMULA, {"claims": ["monotonicity"], "budget": 0.5}),
        ("sympy:x/2 + tanh(x)/4, y/3", {"claims": ["firmly_nonexpansive"]}),
        ("sympy:x/2 + y*tanh(y)/4, y/2 - x*tanh(y)/8", {"claims": ["lipschitz=0.7"], "budget": 20.0}),
    ],
    "function": [
        ("ops.py:half", {"dim": 2, "claims": ["contraction=0.6"], "parameters": {"scale": 0.5}}),
        ("ops.py:double", {"dim": 2, "claims": ["nonexpansive"]}),
        ("ops.py:double", {"dim": 2, "claims": ["averagedness"]}),
        ("ops.py:still", {"dim": 2, "claims": ["firmly_nonexpansive"]}),
        ("ops.py:double", {"dim": 2, "claims": ["lipschitz"], "prox_of": "L1(weight=0.1)", "step": 0.5}),
    ],
}
TIME = "how long it took; nobody can check it, and nothing rests on it"
LABEL = "says of the run what nobody can check from its files; no number rests on it"
WORDS = "words, which are said not to be rechecked"
CLAIMED = "another bound, which the stored numbers decide in the same way"
OTHER_DATA = "the same numbers, recomputed, hold of the matrix as it now is"
OTHER_PAIR = "another pair, evaluated again, that attains the same number after rounding"
ASSUMED = "an assumption on the operator: what rests on it is stated, or replayed, never rechecked"
UNKNOWN = "of a result that says only that nothing is known"
HARMLESS = {
    "*|results|results/seconds|*": TIME,
    "*|results|versions*|*": LABEL,
    "*|results|seed|*": LABEL,
    "*|results|remarks*|*": WORDS,
    "*|results|results/theory|last digit": CLAIMED,
    "matrix*|results|results/case|*": LABEL,
    "matrix*|results|operator/low|*": LABEL,
    "matrix*|results|operator/high|*": LABEL,
    "matrix*|array|matrix|last digit": OTHER_DATA,
    "formula*|witnesses|[xy]|last digit": OTHER_PAIR,
    "function*|results|operator/absolute|*": ASSUMED,
    "function*|results|operator/accuracy|*": ASSUMED,
    "function*|results|operator/relative|last digit": ASSUMED,
    "function*|results|operator/low|*": ASSUMED,
    "function*|results|operator/high|*": ASSUMED,
    "function*|results|operator/sampler|*": ASSUMED,
    "function*|results|operator/sha256|*": ASSUMED,
    "function*|witnesses|T[xy]|*": ASSUMED,
    "function*|witnesses|noise|last digit": ASSUMED,
    "function*|witnesses|step|last digit": CLAIMED,
    "function3 *|results|operator/*|*": UNKNOWN,
    "function3 *|results|results/case|*": UNKNOWN,
}
"""Changes that may survive renewed seals, and why they are harmless."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Stored]]:
    folder = tmp_path_factory.mktemp("asked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "ops.py").write_text(SOURCE)
        return {kind: [asked(folder / f"{kind}{k}", *one) for k, one in enumerate(ASKED[kind])] for kind in ASKED}


def asked(folder: Path, operator: Any, settings: dict[str, Any]) -> Stored:
    done = fb.check(operator, **{"budget": 0.3, **settings})
    results = [store.dataclasses.replace(result, plots=()) for result in done.results]
    store.save(folder, done.claims, results, {"fbscheck": "0"}, 0, done.operator, done.remarks)
    return Stored.read(folder)


OUTCOMES = {"matrix": Outcome.RECHECKED, "formula": Outcome.RECHECKED, "function": Outcome.STATED}


@pytest.mark.parametrize("kind", ASKED)
def test_untouched_runs_are_accepted(kind: str, runs: dict[str, list[Stored]], tmp_path: Path) -> None:
    for run in runs[kind]:
        findings = list(recheck(run.copy().write(tmp_path / "run", sealed=True)))
        assert {f.outcome for f in findings if f.claim != "remarks"} == {OUTCOMES[kind]}, findings


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("renewed", [pytest.param(False, id="seals kept"), pytest.param(True, id="seals renewed")])
def test_every_change_is_refused_or_harmless(
    kind: str, renewed: bool, runs: dict[str, list[Stored]], tmp_path: Path
) -> None:
    survived, tried = [], 0
    for k, run in enumerate(runs[kind]):
        for label, other in tampered(run, renewed, first=True):
            tried += 1
            if not refuses(other.write(tmp_path / "run", sealed=renewed)):
                survived.append(f"{kind}{k} {label}")
    print(f"\n{kind}: {tried} changes tried, {len(survived)} harmless")
    allowed = HARMLESS if renewed else {}
    assert sorted({s for s in survived if not any(fnmatch.fnmatchcase(s, p) for p in allowed)}) == []


@pytest.mark.parametrize("kind", ["matrix", "formula"])
def test_a_bound_that_is_lowered_everywhere_is_refused(
    kind: str, runs: dict[str, list[Stored]], tmp_path: Path
) -> None:
    run = runs[kind][0].copy()
    (entry,) = run.results["results"]
    (certified,) = (e for e in entry["evidence"] if e["side"] == "certified")
    lowered = math.nextafter(certified["value"], -math.inf)
    assert entry["upper"] == certified["value"]
    entry["upper"] = certified["value"] = lowered
    assert any("upper end" in reason for _, reason in refusals(run.write(tmp_path / "run", sealed=True)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ops.py").write_text(SOURCE)
    return tmp_path


def outcomes(folder: Path) -> dict[str, tuple[Outcome, str]]:
    return {f.claim: (f.outcome, f.reason) for f in recheck(folder) if f.claim != "remarks"}


def test_an_operator_that_is_there_is_run_again(folder: Path) -> None:
    run = asked(folder / "run", "ops.py:turn", {"dim": 2, "claims": ["prox"], "prox_of": "L1(0.1)", "budget": 1.0})
    expected = {name: (Outcome.REPLAYED, "") for name in ("prox", "firmly_nonexpansive", "prox_of")}
    assert outcomes(run.write(folder / "run", sealed=True)) == expected


CHANGED = [
    pytest.param(SOURCE + "# a comment", "has changed since", id="a file that changed"),
    pytest.param(None, "there is no", id="a file that is gone"),
]


@pytest.mark.parametrize(("text", "reason"), CHANGED)
def test_another_file_is_not_run(text: str | None, reason: str, folder: Path) -> None:
    run = asked(folder / "run", "ops.py:double", {"dim": 2, "claims": ["nonexpansive"]})
    if text is None:
        (folder / "ops.py").unlink()
    else:
        (folder / "ops.py").write_text(text)
    outcome, said = outcomes(run.write(folder / "run", sealed=True))["nonexpansive"]
    assert outcome is Outcome.STATED and reason in said


def test_a_file_elsewhere_is_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = asked(folder / "run", "ops.py:double", {"dim": 2, "claims": ["nonexpansive"]})
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    outcome, said = outcomes(run.write(folder / "run", sealed=True))["nonexpansive"]
    assert outcome is Outcome.STATED and "not below this folder" in said


STATED = [
    pytest.param("sympy:x/2", {"claims": ["nonexpansive"], "prox_of": "SquaredL2(1.0)"}, ["prox_of"], id="prox of")
]


@pytest.mark.parametrize(("operator", "settings", "stated"), STATED)
def test_what_is_not_rechecked_is_stated(
    operator: str, settings: dict[str, Any], stated: list[str], folder: Path
) -> None:
    run = asked(folder / "run", operator, settings)
    found = outcomes(run.write(folder / "run", sealed=True))
    assert [name for name, (outcome, _) in found.items() if outcome is Outcome.STATED] == stated
    assert {outcome for outcome, _ in found.values()} <= {Outcome.STATED, Outcome.RECHECKED}


LIES = [
    pytest.param("def double(x): return -2 * x", "gives other values", id="other values"),
    pytest.param("def double(x): return x / 0 if x.any() else None", "when it is run again, it", id="a fault"),
]


@pytest.mark.parametrize(("source", "reason"), LIES)
def test_an_operator_that_gives_other_values_is_refused(source: str, reason: str, folder: Path) -> None:
    """Somebody stored another operator's counterexample, and the hash of this operator's file."""
    run = asked(folder / "run", "ops.py:double", {"dim": 2, "claims": ["nonexpansive"]})
    (folder / "ops.py").write_text(source)
    run.results["operator"]["sha256"] = hashlib.sha256(source.encode()).hexdigest()
    assert any(reason in said for _, said in refusals(run.write(folder / "run", sealed=True)))


def test_a_condition_that_the_audit_does_not_know_is_stated(runs: dict[str, list[Stored]], tmp_path: Path) -> None:
    run = runs["matrix"][0].copy()
    run.results["results"][0]["claim"] = run.results["claims"][0]["id"] = "quadratic"
    assert outcomes(run.write(tmp_path / "run", sealed=True)) == {
        "quadratic": (Outcome.STATED, "this audit does not know the condition")
    }


def with_cover(run: Stored, low: np.ndarray, high: np.ndarray) -> Stored:
    (certificate,) = (record for name, record in run.records.items() if name.startswith("certificates"))
    arrays: dict[str, Any] = {}
    certificate["blocks"][0] |= {"low": add(low, arrays), "high": add(high, arrays)}
    certificate["boxes"] = low.shape[1]
    return Stored(run.results, run.records, arrays)


def test_boxes_that_leave_something_out_are_refused(runs: dict[str, list[Stored]], tmp_path: Path) -> None:
    run = runs["formula"][-1]
    (certificate,) = (record for name, record in run.records.items() if name.startswith("certificates"))
    low, high = (run.arrays[certificate["blocks"][0][name]] for name in ("low", "high"))
    assert low.shape[1] > 3
    for k in range(0, low.shape[1], max(1, low.shape[1] // 5)):
        kept = np.arange(low.shape[1]) != k
        lie = with_cover(run.copy(), low[:, kept], high[:, kept])
        assert ("lipschitz", "its boxes do not cover the domain") in refusals(lie.write(tmp_path / "run", True))


def tree(rng: np.random.Generator, size: int, cuts: int) -> tuple[np.ndarray, np.ndarray]:
    """A bisection of [-1, 2]^size; relative to the box all sides are equal, so that they are cut in turn."""
    boxes = [(np.full(size, -1.0), np.full(size, 2.0))]
    for _ in range(cuts):
        low, high = boxes.pop(int(rng.integers(len(boxes))))
        axis = int(np.argmax((high - low) / 3.0))
        middle = low[axis] / 2 + high[axis] / 2
        below, above = high.copy(), low.copy()
        below[axis] = above[axis] = middle
        boxes += [(low, below), (above, high)]
    return np.array([low for low, _ in boxes]).T, np.array([high for _, high in boxes]).T


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_a_bisection_covers_and_none_of_its_boxes_is_superfluous(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = tree(rng, size, 20)
    order = rng.permutation(low.shape[1])
    start, end = np.full(size, -1.0), np.full(size, 2.0)
    assert covers(start, end, low[:, order], high[:, order])
    assert not covers(start, np.nextafter(end, 3), low, high)
    for k in range(low.shape[1]):
        kept = np.arange(low.shape[1]) != k
        assert not covers(start, end, low[:, kept], high[:, kept])
        moved = low.copy()
        moved[0, k] = math.nextafter(moved[0, k], math.inf)
        assert not covers(start, end, moved, high)


x, y = sympy.symbols("x y", real=True)
FORMULAS = [
    pytest.param([sympy.Max(x - sympy.Rational(1, 10), 0) - sympy.Min(y, x), y / 2], id="kinks"),
    pytest.param([sympy.Piecewise((x, x > y), (y**2, sympy.And(y > 0, x < 1)), (sympy.pi, True)), x], id="pieces"),
    pytest.param([0.1 * x + sympy.E * y, sympy.sqrt(1 + x**2) * sympy.tanh(y)], id="floats"),
    pytest.param([sympy.sign(x) * sympy.Heaviside(y), abs(x) / (1 + abs(y))], id="signs"),
]


@pytest.mark.parametrize("components", FORMULAS)
def test_formulas_come_back_from_their_data(components: list[sympy.Expr]) -> None:
    expression = Expression(components, [x, y])
    record = described(expression)
    assert record is not None
    again = rebuilt(record)
    assert again.components == expression.components and again.symbols == [x, y] and described(again) == record


HOSTILE = [
    pytest.param(["system", ["Symbol", "x"]], id="an unknown operation"),
    pytest.param(["Symbol", "z"], id="an unknown symbol"),
    pytest.param("__import__('os').system('false')", id="code"),
    pytest.param(["Rational", "__import__('os')"], id="code for a number"),
    pytest.param(["Add"] * 3 + [["Rational", "1/0"]], id="a division by zero"),
    pytest.param([], id="nothing"),
]


@pytest.mark.parametrize("data", HOSTILE)
def test_data_that_are_no_formula_are_told(data: Any) -> None:
    with pytest.raises(InputError, match="Need formulas"):
        rebuilt({"symbols": ["x"], "components": [data]})


def test_nesting_without_end_is_told() -> None:
    data: list[Any] = ["Symbol", "x"]
    for _ in range(10_000):
        data = ["exp", data]
    with pytest.raises(InputError, match="Need formulas"):
        rebuilt({"symbols": ["x"], "components": [data]})


def test_the_command_says_what_it_could_not_recheck(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "ops.py:double", "--dim", "2", "--claim", "nonexpansive", "--budget", "0.3"]) == 1
    assert main(["audit", "reports/ops.py-double"]) == 0
    said = capsys.readouterr().out
    assert "how exact its values are is an assumption" in said
    (folder / "ops.py").write_text(SOURCE + "#")
    assert main(["audit", "reports/ops.py-double"]) == 0
    assert "has changed since" in capsys.readouterr().out
    path = folder / "reports/ops.py-double/results.json"
    path.write_text(path.read_text().replace("REFUTED", "CERTIFIED"))
    assert main(["audit", "reports/ops.py-double"]) == 1
    assert "REFUSED: " in capsys.readouterr().out
