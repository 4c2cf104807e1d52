"""Chapter "operator": every constant is attained and certified, and every planted error is seen."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck import store
from fbscheck.archive import add
from fbscheck.audit.recheck import Outcome, recheck
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.catalogue import operator_constants, operator_instances, sum_control
from fbscheck.claims.catalogue.operator_constants import (
    ADJOINT,
    CLAIMS,
    COCOERCIVITY,
    DERIVATIVE,
    GRADIENT,
    LIPSCHITZ,
    MONOTONICITY,
    NOT_SYMMETRIC,
    PAIRS,
    SYMMETRIC,
)
from fbscheck.claims.catalogue.operator_instances import Instance, instances
from fbscheck.claims.replay import replay
from fbscheck.operators import Linear, Logistic, Operator
from fbscheck.suites import catalogue_operators, registry, runner
from fbscheck.suites.task import Suite
from fbscheck.verdict import Claim, Result, Verdict, planted

every = pytest.mark.parametrize("name", list(instances()))
SUITE = Suite("catalogue", "operators and rules", catalogue_operators.CLAIMS, catalogue_operators.tasks)


def assess(claim: Claim, name: str | Instance, scale: float = 1.0) -> Result:
    instance = instances()[name] if isinstance(name, str) else name
    return operator_constants.assess(claim, instance, 3, np.random.default_rng(1), scale)


EXPECTED = {
    LIPSCHITZ: {Verdict.CERTIFIED, Verdict.NOT_APPLICABLE},
    MONOTONICITY: {Verdict.CERTIFIED, Verdict.SUPPORTED, Verdict.NOT_APPLICABLE},
    COCOERCIVITY: {Verdict.CERTIFIED, Verdict.NOT_APPLICABLE},
    PAIRS: {Verdict.SUPPORTED},
    DERIVATIVE: {Verdict.SUPPORTED},
    ADJOINT: {Verdict.SUPPORTED},
    GRADIENT: {Verdict.SUPPORTED, Verdict.NOT_APPLICABLE},
    SYMMETRIC: {Verdict.SUPPORTED, Verdict.NOT_APPLICABLE},
}


@every
def test_what_is_promised_holds(name: str) -> None:
    found = {claim: assess(claim, name).verdict for claim in CLAIMS}
    assert {claim.id: verdict for claim, verdict in found.items() if verdict not in EXPECTED[claim]} == {}
    is_gradient = instances()[name].f.is_gradient
    assert (found[SYMMETRIC] is Verdict.SUPPORTED) is is_gradient


def test_most_constants_are_certified_to_be_tight() -> None:
    counts = Counter(assess(LIPSCHITZ, name).verdict for name in instances())
    assert counts[Verdict.CERTIFIED] >= 20


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.id for claim in CLAIMS])
@every
def test_one_per_cent_less_is_refuted(name: str, claim: Claim) -> None:
    """Wherever a claim is decided rigorously, and in every derivative."""
    honest, wrong = assess(claim, name), assess(planted(claim), name, 0.99)
    decided = honest.verdict is Verdict.CERTIFIED or (claim is not PAIRS and honest.verdict is Verdict.SUPPORTED)
    assert wrong.verdict is Verdict.REFUTED or not decided
    assert wrong.verdict in (Verdict.REFUTED, Verdict.NOT_APPLICABLE, Verdict.SUPPORTED)


class Wrong(Operator):
    """An operator with one thing changed."""

    def __init__(self, f: Any, **changed: Any) -> None:
        self.f, self.changed = f, changed

    def __getattribute__(self, name: str) -> Any:
        changed = object.__getattribute__(self, "changed") if name not in ("f", "changed") else {}
        if name in changed:
            return changed[name]
        names = ("dimension", "lipschitz", "monotonicity", "cocoercivity", "is_gradient", "potential")
        return getattr(self.f, name) if name in names else object.__getattribute__(self, name)

    dimension = lipschitz = monotonicity = cocoercivity = None  # type: ignore[assignment]

    def _apply(self, x: Any) -> Any:
        return self.f._apply(x)

    def _jacobian(self, x: Any, v: Any) -> Any:
        return self.f._jacobian(x, v)

    def _adjoint(self, x: Any, v: Any) -> Any:
        return self.f._adjoint(x, v)


LOGISTIC = Logistic(operator_instances.entries(6, 4), np.array([1.0, -1, 1, 1, -1, 1]))
TURN = Linear(np.array([[1.0, -2.0], [2.0, 1.0]]))
FAULTS = {
    "Lipschitz constant without the quarter's root": (LOGISTIC, {"lipschitz": LOGISTIC.lipschitz / 2}, LIPSCHITZ),
    "Lipschitz constant 0.1% too small": (LOGISTIC, {"lipschitz": 0.999 * LOGISTIC.lipschitz}, PAIRS),
    "modulus too large": (TURN, {"monotonicity": 1.01}, MONOTONICITY),
    "cocoercivity too large": (LOGISTIC, {"cocoercivity": 1.01 / LOGISTIC.lipschitz}, COCOERCIVITY),
    "cocoercivity of a rotation": (TURN, {"cocoercivity": 1.0}, PAIRS),
    "a sign flipped in the adjoint": (TURN, {"_adjoint": lambda x, v: -TURN._adjoint(x, v)}, ADJOINT),
    "the adjoint is the derivative": (TURN, {"_adjoint": TURN._jacobian}, ADJOINT),
    "the derivative at another point": (LOGISTIC, {"_jacobian": lambda x, v: LOGISTIC._jacobian(x + 1, v)}, DERIVATIVE),
    "half the potential": (LOGISTIC, {"potential": lambda x: LOGISTIC.potential(x) / 2}, GRADIENT),
    "called a gradient": (TURN, {"is_gradient": True}, SYMMETRIC),
}


@pytest.mark.parametrize(("f", "changed", "seen"), FAULTS.values(), ids=FAULTS)
def test_operators_with_a_fault_are_refuted(f: Operator, changed: dict[str, Any], seen: Claim) -> None:
    still = np.zeros(f.dimension)
    assert assess(seen, Instance("right", f, still, still)).verdict is not Verdict.REFUTED
    assert assess(seen, Instance("wrong", Wrong(f, **changed), still, still)).verdict is Verdict.REFUTED


def test_a_constant_that_is_too_large_is_not_called_tight() -> None:
    still, loose = np.zeros(4), Wrong(LOGISTIC, lipschitz=1.05 * LOGISTIC.lipschitz)
    assert assess(LIPSCHITZ, Instance("loose", loose, still, still)).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("name", catalogue_operators.NO_GRADIENTS)
def test_the_control_on_symmetry(name: str) -> None:
    assert assess(NOT_SYMMETRIC, name).verdict is Verdict.REFUTED


@pytest.mark.parametrize("order", sum_control.ORDERS)
def test_the_control_on_sums(order: str) -> None:
    result = sum_control.prox_of_sum(order)
    assert result.verdict is Verdict.REFUTED
    assert result.bracket.lower == pytest.approx(0.125**0.5, rel=1e-15)
    assert sum_control.replay(result.witness or {}) == result


# -- audit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.id for claim in CLAIMS])
def test_results_are_found_again_from_their_witnesses(claim: Claim) -> None:
    for scale, meant in ((1.0, claim), (0.99, planted(claim))):
        result = assess(meant, "least squares, tall", scale)
        again = replay(meant, result.case, None, result.witness or {}, dict(result.arrays))
        assert (again.bracket, again.verdict, again.witness) == (result.bracket, result.verdict, result.witness)


TAMPERED = {
    "another operator": {"operator": "none of them"},
    "a point that is not stored": {"x": "data/none.npy"},
    "something more": {"z": "1"},
    "an error in a claim that has none": {"scale": "99/100"},
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_a_witness_that_was_changed_is_refused(change: dict[str, str]) -> None:
    result = assess(DERIVATIVE, "logistic")
    with pytest.raises(Refusal):
        replay(DERIVATIVE, result.case, None, {**(result.witness or {}), **change}, dict(result.arrays))


def test_a_stored_derivative_must_be_that_of_the_operator() -> None:
    result = assess(DERIVATIVE, "logistic")
    arrays = {name: 1.001 * array for name, array in result.arrays.items()}
    with pytest.raises(Refusal, match="not that of the derivative"):
        replay(DERIVATIVE, result.case, None, result.witness or {}, arrays)


def test_the_tasks_hold_and_can_be_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every claim is put to the test, every control is caught, and the audit finds the same from the files."""
    finished = runner.run([SUITE], tmp_path, runner.Settings(size="small", seed=1))
    assert finished.crashes == ()
    claims = {claim.id: claim for claim in SUITE.claims}
    assert [(r.claim, r.case, r.reason) for r in finished.results if not claims[r.claim].holds(r.verdict)] == []
    assert {r.claim for r in finished.results} == set(claims)
    assert [r for r in finished.results if (r.bracket.lower or 0.0) > (r.bracket.upper or np.inf)] == []
    store.save(tmp_path, SUITE.claims, finished.results, runner.versions(), 1)
    monkeypatch.setattr(registry, "SUITES", {"catalogue": SUITE})
    monkeypatch.setattr("fbscheck.audit.recheck.SUITES", {"catalogue": SUITE})
    refused = [finding for finding in recheck(tmp_path) if finding.outcome is Outcome.REFUSED]
    assert [(f.claim, f.case, f.reason) for f in refused] == []


@every
def test_a_stored_image_that_is_not_the_derivative_refutes_nothing(name: str) -> None:
    """An adjoint that is right, with an image that was moved by a billionth."""
    result = assess(ADJOINT, name)
    assert result.witness is not None
    arrays = dict(result.arrays)
    w, image = (arrays[result.witness[key]] for key in ("w", "image"))
    moved = image + 5e-10 * (1 + np.linalg.norm(image)) / np.linalg.norm(w) * w
    with pytest.raises(Refusal, match="not that of the derivative"):
        operator_constants.replay(ADJOINT, {**result.witness, "image": add(moved, arrays)}, arrays)


def test_a_kink_refutes_no_derivative() -> None:
    """A residual of Huber's loss on the edge of its quadratic part."""
    f: Any = instances()["Huber regression"].f
    v = np.array(f.matrix[0])
    x = v * (f.target[0] + f.delta) / (v @ v)
    arrays: dict[str, Any] = {}
    points = {"x": x, "v": v, "image": f.jacobian(x, v)}
    witness = {"operator": "Huber regression", **{name: add(point, arrays) for name, point in points.items()}}
    with pytest.raises(Refusal, match="kink"):
        operator_constants.replay(DERIVATIVE, witness, arrays)
