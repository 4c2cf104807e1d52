"""Chapter "prox": right maps pass, wrong maps are refuted by the claim that should see them."""

from typing import Any

import numpy as np
import pytest

from fbscheck.claims.catalogue import prox
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.errors import SolverError
from fbscheck.functions import L1, ElasticNet, Function, SquaredL2
from fbscheck.functions.separable import Separable
from fbscheck.inputs import Array
from fbscheck.suites.prox import CASES, WRONG
from fbscheck.verdict import Rigour, Verdict, planted


class Faulty(Separable):
    """|x|_1 with a proximal map that is wrong in one way; not registered with cvxpy."""

    def __init__(self, wrong_prox: Any) -> None:
        self.right, self.wrong_prox = L1(1.0), wrong_prox

    def _value(self, x: Array) -> Any:
        return self.right._value(x)

    def _prox(self, u: Array, step: Any) -> Array:
        return self.wrong_prox(self.right, u, step)  # type: ignore[no-any-return]

    def _conjugate(self, s: Array) -> Any:
        return self.right._conjugate(s)

    def _slope(self, u: Array, step: float) -> Array:
        return self.right._slope(u, step)

    def _one_sided(self, x: Array) -> tuple[Array, Array]:
        return self.right._one_sided(x)


FAULTS = {
    "threshold 1% too large": lambda g, u, h: g._prox(u, 1.01 * h),
    "step forgotten": lambda g, u, h: g._prox(u, 1.0 + 0 * h),
    "step squared": lambda g, u, h: g._prox(u, h * h),
    "sign flipped": lambda g, u, h: -g._prox(u, h),
    "identity": lambda g, u, h: +u,
    "too strong": lambda g, u, h: 1.001 * g._prox(u, h),
}
SEEN_BY = [
    pytest.param("threshold 1% too large", {prox.OPTIMALITY.id, prox.VALUE.id}, id="threshold"),
    pytest.param("step forgotten", {prox.OPTIMALITY.id, prox.RESOLVENT.id, prox.VALUE.id}, id="step forgotten"),
    pytest.param("step squared", {prox.OPTIMALITY.id, prox.RESOLVENT.id, prox.VALUE.id}, id="step squared"),
    pytest.param("sign flipped", {prox.OPTIMALITY.id, prox.FIRM.id, prox.RESOLVENT.id, prox.VALUE.id}, id="sign"),
    pytest.param("identity", {prox.OPTIMALITY.id, prox.VALUE.id}, id="identity"),
    pytest.param("too strong", {prox.OPTIMALITY.id, prox.FIRM.id, prox.RESOLVENT.id, prox.VALUE.id}, id="too strong"),
]


@pytest.fixture(scope="module")
def faulty_cvxpy() -> None:
    from fbscheck.reference.modelling import expression

    expression.register(Faulty, lambda g, x: expression(g.right, x))


def verdicts(g: Function, seed: int = 5) -> dict[str, Verdict]:
    results = prox.assess(ProxCase("case", g), prox.CLAIMS, 60, np.random.default_rng(seed))
    return {result.claim: result.verdict for result in results}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_maps_of_the_package_are_supported_and_no_more(case: ProxCase) -> None:
    results = prox.assess(case, prox.CLAIMS, 40, np.random.default_rng(11))
    assert [(r.claim, r.verdict) for r in results] == [(claim.id, Verdict.SUPPORTED) for claim in prox.CLAIMS]


@pytest.mark.parametrize(("fault", "seen"), SEEN_BY)
def test_wrong_maps_are_refuted(fault: str, seen: set[str], faulty_cvxpy: None) -> None:
    found = verdicts(Faulty(FAULTS[fault]))
    assert {claim for claim, verdict in found.items() if verdict is Verdict.REFUTED} == seen | {prox.DEFINITION.id}


@pytest.mark.parametrize("case", CASES[1::3], ids=[case.name for case in CASES[1::3]])
def test_planted_errors_are_refuted_with_a_counterexample(case: ProxCase) -> None:
    wrong = [planted(claim, WRONG[claim.id]) for claim in prox.CLAIMS]
    results = prox.assess(case, wrong, 40, np.random.default_rng(2), scale=0.99)
    assert [r.verdict for r in results] == [Verdict.REFUTED] * len(wrong)
    for result in results:
        assert result.witness is not None
        assert float.fromhex(result.witness["step"]) > 0
        theory = result.bracket.theory or 0.0
        assert any(e.rigour is Rigour.ENCLOSED and e.value > theory for e in result.bracket.evidence)


def test_a_counterexample_can_be_replayed_by_hand(faulty_cvxpy: None) -> None:
    g = Faulty(FAULTS["threshold 1% too large"])
    (result,) = prox.assess(ProxCase("case", g), [prox.VALUE], 60, np.random.default_rng(0))
    u, y = (np.array([float.fromhex(v) for v in result.witness[key]]) for key in ("u", "y"))  # type: ignore[index]
    h = float.fromhex(result.witness["step"])  # type: ignore[index]
    p = g.prox(u, h)
    assert g(p) + np.sum((p - u) ** 2) / (2 * h) + np.sum((y - p) ** 2) / (2 * h) > g(y) + np.sum((y - u) ** 2) / (
        2 * h
    )


def test_a_reference_that_fails_leaves_the_claim_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    from fbscheck.reference import programs

    def fails(*arguments: object) -> None:
        raise SolverError("status 'optimal_inaccurate'")

    monkeypatch.setattr(programs, "prox", fails)
    found = verdicts(SquaredL2(1.0))
    assert found.pop(prox.DEFINITION.id) is Verdict.UNDECIDED
    assert set(found.values()) == {Verdict.SUPPORTED}


def test_a_modulus_that_is_promised_too_small_leaves_firmness_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ElasticNet, "strong_convexity", property(lambda g: 0.5 * g.l2))
    assert verdicts(ElasticNet(1.0, 1.0))[prox.FIRM.id] is Verdict.UNDECIDED


def test_one_sample_that_is_not_a_number_is_never_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = [prox.Finding(0.5, 0.5, {}), prox.Finding(float("nan"), 0.0, {}), prox.Finding(0.1, 0.1, {})]
    known = prox._CHECKS[prox.FIRM.id]
    monkeypatch.setitem(prox._CHECKS, prox.FIRM.id, (lambda *arguments: iter(findings), *known[1:]))
    assert verdicts(L1(1.0))[prox.FIRM.id] is Verdict.UNDECIDED
