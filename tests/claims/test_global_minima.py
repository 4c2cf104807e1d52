"""Least values: verdicts, planted errors, and records that were tampered with."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fbscheck.certify import kernel
from fbscheck.claims.learning import global_minima
from fbscheck.claims.learning.global_minima import (
    ALL_PATHS,
    CONSTANT,
    CONSTANT_LIMIT,
    EQUAL_LAYERS,
    STATIONARY,
    Training,
)
from fbscheck.claims.replay import replay
from fbscheck.functions import L1, Zero
from fbscheck.learning import Alista, Free, Lp, Problem
from fbscheck.suites import minima
from fbscheck.verdict import Result, Verdict, planted

Change = Callable[[dict[str, Any], dict[str, Any], dict[str, np.ndarray]], None]


@pytest.fixture(scope="module")
def result() -> Result:
    found = minima.alista(2, 2, 2, np.random.default_rng(4)).constant_minimum(3, gap=0.0098)
    return global_minima.covered(CONSTANT, "some", found)


def again(claim: Any, result: Result, change: Change | None = None) -> Result:
    certificate, witness = (dict(part or {}) for part in (result.bracket.certificate, result.witness))
    arrays = dict(result.arrays)
    if change is not None:
        change(certificate, witness, arrays)
    return replay(claim, result.case, certificate, witness, arrays)


def test_a_cover_is_replayed_to_the_last_digit(result: Result) -> None:
    assert result.verdict is Verdict.CERTIFIED
    other = again(CONSTANT, result)
    assert (other.verdict, other.bracket, other.case) == (result.verdict, result.bracket, result.case)
    assert again(planted(CONSTANT), result, lambda _, w, __: w.update(scale="99/100")).verdict is Verdict.REFUTED


def smaller(name: str, factor: float) -> Change:
    def change(certificate: dict[str, Any], _: Any, arrays: dict[str, np.ndarray]) -> None:
        arrays[certificate[name]] = factor * arrays[certificate[name]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(smaller("high", 0.5), id="planted: half a box"),
        pytest.param(smaller("high", 1.5), id="planted: cells that are larger"),
        pytest.param(lambda c, _, __: c.update(cover=["."]), id="planted: one cell"),
    ],
)
def test_bounds_of_other_covers_do_not_certify(change: Change, result: Result) -> None:
    assert again(CONSTANT, result, change).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda c, _, __: c.update(cover=c["cover"][:-1]), id="planted: cells left out"),
        pytest.param(
            lambda c, _, __: c.update(cover=[*c["cover"][:-1], c["cover"][-1][1:]]), id="planted: one cell out"
        ),
        pytest.param(lambda c, _, __: c.update(layers=0), id="no layers"),
        pytest.param(lambda c, _, __: c.update(more=1), id="more than a cover"),
        pytest.param(lambda _, w, __: w.update(scale="1/2"), id="another error"),
        pytest.param(smaller("high", -1.0), id="no box"),
    ],
)
def test_damaged_records_are_refused(change: Change, result: Result) -> None:
    with pytest.raises(kernel.Refusal):
        again(CONSTANT, result, change)


def test_a_network_is_not_its_limit(result: Result) -> None:
    """The cover of a network, read as one of the limit, says less."""
    other = again(CONSTANT_LIMIT, result)
    assert other.verdict is Verdict.UNDECIDED and other.bracket.upper > 1.1


def test_parameters_that_are_not_best() -> None:
    problem = minima.one_sample("half line", np.random.default_rng(1))
    best = problem.train(16, coarsest=4, tolerance=1e-10, progress=1e-15).parameters
    assert global_minima.assess(ALL_PATHS, Training("some", problem), best).verdict is Verdict.CERTIFIED
    worse = global_minima.assess(ALL_PATHS, Training("some", problem), 1.01 * best)
    assert worse.verdict is Verdict.REFUTED and worse.bracket.lower > 1
    assert again(ALL_PATHS, worse).bracket == worse.bracket
    false = global_minima.assess(planted(ALL_PATHS), Training("some", problem), best, 0.99)
    assert false.verdict is Verdict.REFUTED


def test_training_stops_where_it_is_not_best() -> None:
    """From 1 to -1 on the line a path across 0 is better; by the values of both paths, written out."""
    known = Problem([1.0], [0.0], [-1.0], Free(1, 1, Zero(), weight=0.0), Lp(0.01), 1.0)
    stuck = known.train(8, coarsest=8, tolerance=1e-9, progress=1e-14)
    found = global_minima.assess(STATIONARY, Training("some", known), stuck.parameters)
    factors = np.full(8, 1.1)
    factors[0] = -0.45
    crossing = (np.prod(factors) + 1) ** 2 / 2 + 0.08 * np.sum((1 - factors) ** 2)
    assert stuck.ending == "stationary" and stuck.value > 1.5 * crossing
    assert found.verdict is Verdict.REFUTED and found.bracket.upper >= stuck.value / crossing


def test_names_fix_data() -> None:
    for name in ("ALISTA, d=3, m=2, S=4", "ALISTA, d=2, m=2, S=3", "one sample, data", "two equal layers"):
        (known,) = minima.named(name, 7)
        (same,) = minima.named(name, 7)
        arrays: dict[str, Any] = {}
        assert known.name == name and known.describe(arrays) == same.describe(arrays)
        assert global_minima.Training.restore(known.describe(arrays), arrays).describe(arrays) == known.describe({})
    assert minima.named("some", 7) == []


def test_controls_are_caught() -> None:
    tasks = {task.name: task for task in minima.tasks("small")}
    results = tasks["learning: stationary, not least"].run(np.random.default_rng(0))
    assert {r.claim for r in results} == {STATIONARY.id, EQUAL_LAYERS.id}
    assert {r.verdict for r in results} == {Verdict.REFUTED}


def test_layers_are_not_rounded_before_they_are_enclosed() -> None:
    """1 - K is 1 + 2^-52 in float64, which fits the label; in truth the loss is 10^18 times the least value."""
    problem = Problem([2.0**27], [0.0], [2.0**27 + 2.0**-25], Free(1, 1, Zero(), weight=0.0), Lp(1e-3), 1)
    known = Training("a label next to the start", problem)
    for share, verdict in ((0.75, Verdict.REFUTED), (1.0, Verdict.CERTIFIED)):
        found = global_minima.assess(ALL_PATHS, known, np.array([[-share * 2.0**-52, 0.0]]))
        assert found.verdict is verdict and (found.bracket.upper or 0) > 1 - 1e-10
        assert again(ALL_PATHS, found).verdict is verdict


def test_products_that_cancel_are_no_networks_of_their_factors() -> None:
    """W^T A is 1, and 0 in float64: of that network a value of .021 would be certified, where the least is .12."""
    family = Alista(np.array([[2.0**60], [1.0], [-(2.0**60)]]), np.ones((3, 1)), L1(1.0))
    problem = Problem([1.0], [0.0, 1.0, 0.0], [1.5], family, Lp(0.1), 1)
    found = problem.constant_minimum(2, gap=0.009)
    with pytest.raises(kernel.Refusal, match="cancels in float64"):
        global_minima.covered(CONSTANT, "cancels", found)
