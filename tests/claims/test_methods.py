"""Bounds by several methods as claims: other routes to each number, bounds that are too small, foreign witnesses."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fbscheck.archive import add
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.networks import methods
from fbscheck.claims.networks.methods import AVERAGED, BETWEEN, DROPPED, LIPSDP, METHODS, PIECES, Witnesses
from fbscheck.claims.replay import replay
from fbscheck.errors import SolverError
from fbscheck.functions import Zero
from fbscheck.network import Network
from fbscheck.network.comparisons import DIAGONAL, SCALAR, Row
from fbscheck.reference import lipsdp as reference
from fbscheck.reference.lipsdp import lipsdp
from fbscheck.suites import network as suite
from fbscheck.verdict import Result, Verdict, planted

Found = tuple[Witnesses, dict[str, Row]]


def drawn(kind: str, depth: int = 4) -> Network:
    return suite.drawn(kind, 4, depth, np.random.default_rng(depth))


def compared(network: Network, wrt: Any = "b") -> Found:
    witnesses, rows = methods.compared("some network", network, wrt)
    return witnesses, {row.name: row for row in rows}


@pytest.fixture(scope="module", params=["LISTA", "free, group"])
def found(request: pytest.FixtureRequest) -> Found:
    return compared(drawn(request.param))


@pytest.fixture(scope="module")
def lines() -> Found:
    return compared(suite.lines(), "x0")


def test_every_method_is_above_what_is_attained_and_the_recursion_below_all(found: Found) -> None:
    witnesses, rows = found
    assert len(rows) == 6 + witnesses.pair.network.layers.separable
    results = [methods.assess(METHODS, witnesses, row) for row in rows.values()]
    assert {r.verdict for r in results} == {Verdict.CERTIFIED}
    assert len({(r.bracket.lower, r.bracket.upper) for r in results}) == 1
    assert [r.seconds for r in results] == [row.seconds for row in rows.values()]


def test_the_recursion_comes_to_the_optimum_of_the_semidefinite_program(found: Found) -> None:
    """What the program's multipliers prove is its value; the search for multipliers ends within 1e-4 of it."""
    witnesses, rows = found
    value = lipsdp(witnesses.pair.network.layers)
    assert rows[LIPSDP].bound == pytest.approx(value, rel=1e-6)
    searched = rows[DIAGONAL if DIAGONAL in rows else SCALAR].bound or 0.0
    assert value * (1 - 1e-6) <= searched <= value * (1 + 1e-4)
    assert float(witnesses.bound) == min(searched, rows[LIPSDP].bound)


@pytest.mark.parametrize("method", ["product of norms", "sum of injected products", PIECES, "dissipation, safe"])
def test_a_bound_that_is_not_the_methods_is_refused(found: Found, method: str) -> None:
    witnesses, rows = found
    with pytest.raises(Refusal, match="does not give"):
        methods.assess(METHODS, witnesses, replace(rows[method], bound=(rows[method].bound or 0.0) * 0.99))


def test_multipliers_that_do_not_prove_a_bound_are_refused(found: Found) -> None:
    witnesses, rows = found
    with pytest.raises(Refusal, match="multipliers of dissipation, scalar do not prove"):
        methods.assess(METHODS, witnesses, replace(rows[SCALAR], bound=(rows[SCALAR].bound or 0.0) * 0.99))
    with pytest.raises(Refusal, match="belong to a method"):
        methods.assess(METHODS, witnesses, replace(rows[SCALAR], multipliers=None))
    with pytest.raises(Refusal, match="do not prove"):
        methods.assess(METHODS, replace(witnesses, bound=witnesses.bound * Fraction(99, 100)), rows[SCALAR])


def test_between_the_witnesses_nothing_is_decided() -> None:
    """A bound that no multipliers prove and no network exceeds is left open; here the scale stands in for a method."""
    witnesses, rows = compared(drawn("LISTA", 6))
    low, high = max(e.value for e in witnesses.evidence[:2]), witnesses.evidence[2].value
    assert low < high * (1 - 1e-3)
    row = rows["product of norms"]
    verdicts = [
        methods.assess(METHODS, witnesses, row, bound / (row.bound or 1.0)).verdict
        for bound in (low * (1 - 1e-9), (low + high) / 2, high * (1 + 1e-9))
    ]
    assert verdicts == [Verdict.REFUTED, Verdict.UNDECIDED, Verdict.CERTIFIED]


def test_without_an_answer_of_the_solver_its_row_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise SolverError("no solver calls its answer optimal")

    monkeypatch.setattr(reference, "solution", fails)
    _, rows = compared(DECAY)
    assert LIPSDP not in rows
    assert DIAGONAL in rows


DECAY = Network(np.ones((5, 1, 1)), np.ones((5, 1, 1)), np.zeros(5), Zero(), Fraction(5, 4))


def test_bounds_one_percent_too_small_are_refuted_where_they_are_attained() -> None:
    witnesses, rows = compared(DECAY)
    for method in ("sum of injected products", SCALAR, DIAGONAL, LIPSDP):
        assert methods.assess(METHODS, witnesses, rows[method]).verdict in (Verdict.CERTIFIED, Verdict.SUPPORTED)
        result = methods.assess(planted(METHODS), witnesses, rows[method], 0.99)
        assert result.verdict is Verdict.REFUTED, method
    exact = 0.25 * sum(0.75**k for k in range(5))
    assert rows["sum of injected products"].bound == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("method", ["product of norms", "sum of injected products", PIECES, "dissipation, safe"])
def test_a_bound_that_drops_the_first_layer_is_refuted(method: str) -> None:
    fed = Network(np.zeros((3, 1, 1)), np.array([[[64.0]], [[1.0]], [[1.0]]]), np.zeros(3), Zero(), 3)
    witnesses, rows = compared(fed)
    result = methods.dropped(witnesses, method)
    assert (result.claim, result.verdict) == (DROPPED.id, Verdict.REFUTED)
    assert result.bracket.lower == pytest.approx(66)
    with pytest.raises(Refusal, match="does not give"):
        methods.assess(DROPPED, witnesses, rows[method])


def test_the_averaged_bound_is_attained_between_both_products(lines: Found) -> None:
    """3 < 4 < 5: the projection on the bisector of (1, 0) and (3, 4) attains (3 + 5) / 2."""
    witnesses, rows = lines
    W = suite.lines().layers.transitions
    v = np.array([2.0, 1.0]) / np.sqrt(5)
    assert np.linalg.norm(W[1] @ np.outer(v, v) @ W[0], 2) == pytest.approx(4)
    result = methods.assess(AVERAGED, witnesses, rows[PIECES])
    assert result.verdict in (Verdict.CERTIFIED, Verdict.SUPPORTED)
    bracket = result.bracket
    assert 4 * (1 - 1e-12) < bracket.lower <= 4 <= bracket.theory < 4 * (1 + 1e-11)  # type: ignore[operator]
    assert methods.assess(planted(AVERAGED), witnesses, rows[PIECES], 0.99).verdict is Verdict.REFUTED
    between = methods.between(BETWEEN, "lines", suite.lines())
    assert between.verdict is Verdict.CERTIFIED
    assert between.bracket.lower == pytest.approx(4 / 5, rel=1e-11)


@pytest.mark.parametrize("kind", ["LISTA", "free, elastic net", "free, group"])
def test_the_averaged_bound_on_drawn_networks(kind: str) -> None:
    network = drawn(kind)
    witnesses, rows = compared(network, "x0")
    assert methods.assess(AVERAGED, witnesses, rows[PIECES]).verdict is Verdict.CERTIFIED
    result = methods.between(BETWEEN, kind, network)
    W = network.layers.transitions

    def norm(first: int, last: int) -> float:
        return float(np.linalg.norm(np.linalg.multi_dot([np.eye(4), *W[first:last][::-1], np.eye(4)]), 2))

    cuts = [[0, *(k + 1 for k in range(3) if mask >> k & 1), 4] for mask in range(8)]
    mean = np.mean([np.prod([norm(a, b) for a, b in pairwise(cut)]) for cut in cuts])
    ratios = norm(0, 4) / mean, mean / np.prod([norm(k, k + 1) for k in range(4)])
    assert result.verdict is Verdict.CERTIFIED
    assert result.bracket.lower == pytest.approx(max(ratios), rel=1e-9)


def test_a_single_layer_has_nothing_in_between() -> None:
    one = suite.lines().sliced(1, 2)
    assert methods.between(BETWEEN, "one", one).verdict in (Verdict.CERTIFIED, Verdict.SUPPORTED)
    assert methods.between(planted(BETWEEN), "one", one, 0.99).verdict is Verdict.REFUTED


def test_a_deep_network_is_not_cut_into_pieces() -> None:
    result = methods.between(BETWEEN, "deep", drawn("ISTA", 51))
    assert (result.verdict, "N <= 50 is not met" in result.reason) == (Verdict.NOT_APPLICABLE, True)


def some(found: Found, lines: Found) -> list[tuple[Any, Result]]:
    witnesses, rows = found
    return [
        *((METHODS, methods.assess(METHODS, witnesses, row)) for row in rows.values()),
        (AVERAGED, methods.assess(AVERAGED, lines[0], lines[1][PIECES])),
        (BETWEEN, methods.between(BETWEEN, "lines", suite.lines())),
        (DROPPED, methods.dropped(witnesses, "sum of injected products")),
    ]


def test_results_are_evaluated_again_from_what_they_store(found: Found, lines: Found) -> None:
    for claim, result in some(found, lines):
        again = replay(claim, result.case, result.bracket.certificate, result.witness or {}, dict(result.arrays))
        assert replace(again, seconds=result.seconds) == result


LIES = [
    pytest.param(lambda w, a: {"method": "product of norms"}, "belong to a method", id="another method"),
    pytest.param(lambda w, a: {"method": PIECES}, "belong to a method", id="a method that searches for nothing"),
    pytest.param(lambda w, a: {"pattern": add(2 * a[w["pattern"]], a)}, "slopes|do not prove", id="a slope of two"),
    pytest.param(lambda w, a: {"direction": add(0 * a[w["direction"]], a)}, "direction z != 0", id="no direction"),
    pytest.param(lambda w, a: {"note": "1"}, "there is more than", id="a field more"),
]


@pytest.mark.parametrize(("lie", "reason"), LIES)
def test_a_witness_that_was_changed_is_refused(lie: Any, reason: str) -> None:
    witnesses, rows = compared(drawn("LISTA"))
    result = methods.assess(METHODS, witnesses, rows[SCALAR])
    arrays = dict(result.arrays)
    witness = {**(result.witness or {}), **lie(result.witness, arrays)}
    with pytest.raises(Refusal, match=reason):
        replay(METHODS, result.case, result.bracket.certificate, witness, arrays)
