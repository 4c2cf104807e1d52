"""Layers in a weighted norm as a claim: verdicts, planted errors, and what replaying refuses."""

from fractions import Fraction as R
from typing import Any

import numpy as np
import pytest

from fbscheck.archive import add
from fbscheck.certify import kernel
from fbscheck.claims.networks.weighted import DIAGONAL, FULL, WEIGHTED, Layer, assess, assess_best, replay
from fbscheck.errors import InputError, SolverError
from fbscheck.reference import weighted as programs
from fbscheck.suites.dictionaries import dictionary, moved
from fbscheck.suites.lista import layers
from fbscheck.verdict import Result, Verdict, planted

TEXTBOOK = Layer("expands", np.array([[1.0, -10.0], [0.0, 1.0]]), R(1, 10))
ROTATION = Layer("rotation", np.array([[0.0, -1.0], [1.0, 0.0]]), R(1, 2))


@pytest.mark.parametrize("layer", layers()[:4], ids=lambda layer: str(layer.name))
def test_layers_that_expand_contract_in_a_weight(layer: Layer) -> None:
    result = assess(WEIGHTED, layer)
    assert result.verdict is Verdict.CERTIFIED
    assert 1 < layer.norm <= np.linalg.norm(layer.rounded, 2) * (1 + 1e-15)
    assert result.bracket.lower <= result.bracket.upper < 1  # type: ignore[operator]
    assert result.bracket.lower >= np.abs(np.linalg.eigvals(layer.rounded)).max() * (1 - 1e-9)  # type: ignore[operator]


def test_no_weight_mends_a_rotation() -> None:
    """|I - hK|^2 = 1 + h^2 is the square of the spectral radius: the claim is refuted, not left open."""
    result = assess(WEIGHTED, ROTATION)
    assert result.verdict is Verdict.REFUTED
    assert result.bracket.lower == pytest.approx(np.sqrt(1.25), rel=1e-9)


def test_a_layer_that_does_not_expand_needs_no_weight() -> None:
    (quiet,) = (layer for layer in layers() if layer.norm <= 1)
    result = assess(WEIGHTED, quiet)
    assert (result.verdict, result.bracket.evidence) == (Verdict.NOT_APPLICABLE, ())
    assert "|I-hK| > 1 + h sigma is not met" in result.reason


def test_a_bound_below_the_spectral_radius_is_refuted() -> None:
    """Planted, on a layer whose factor is between 0.997 and 1."""
    layer = Layer("digits", moved(dictionary("digits, 6 atoms"), 1.9, 4))
    assert assess(planted(WEIGHTED), layer, 0.99).verdict is Verdict.REFUTED
    assert assess(planted(WEIGHTED), layer, 0.998).verdict is Verdict.CERTIFIED


def test_a_solver_that_fails_leaves_the_claim_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(transition: Any) -> None:
        raise SolverError("Clarabel ended with status 'infeasible'.")

    monkeypatch.setattr(programs, "full_weight", fails)
    assert assess(WEIGHTED, TEXTBOOK).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("claim", [DIAGONAL, FULL], ids=["diagonal", "full"])
@pytest.mark.parametrize("layer", layers(), ids=lambda layer: str(layer.name))
def test_the_best_weights_are_enclosed(layer: Layer, claim: Any) -> None:
    """In between: what no norm at all can be below, and the Euclidean norm."""
    result = assess_best(claim, layer)
    assert result.verdict is Verdict.CERTIFIED, result.reason
    assert np.abs(np.linalg.eigvals(layer.rounded)).max() <= result.bracket.upper  # type: ignore[operator]
    assert result.bracket.lower <= np.linalg.norm(layer.rounded, 2)  # type: ignore[operator]
    assert assess_best(planted(claim), layer, 0.99).verdict is Verdict.REFUTED
    again = replay(claim, result.bracket.certificate or {}, result.witness or {}, dict(result.arrays))
    assert (again, again.bracket) == (result, result.bracket)


def test_a_full_weight_is_better_than_all_diagonal_ones() -> None:
    """Certainly: the lower bound of the one is above the upper bound of the other."""
    layer = Layer("drawn", np.eye(5) - np.random.default_rng(3).standard_normal((5, 5)) / 2)
    diagonal, full = (assess_best(claim, layer).bracket for claim in (DIAGONAL, FULL))
    assert full.upper < diagonal.lower  # type: ignore[operator]


@pytest.mark.parametrize("sigma", [R(0), R(1, 3), R(5)])
def test_strong_convexity_divides_all_factors(sigma: R) -> None:
    curved = Layer("curved", TEXTBOOK.matrix, R(1, 10), sigma)
    plain = [assess_best(claim, TEXTBOOK).bracket.upper for claim in (DIAGONAL, FULL)]
    found = [assess_best(claim, curved).bracket.upper for claim in (DIAGONAL, FULL)]
    assert found == pytest.approx([q / (1 + sigma / 10) for q in plain], rel=2e-3)  # type: ignore[operator]


@pytest.fixture(scope="module")
def honest() -> Result:
    return assess(WEIGHTED, TEXTBOOK)


def test_a_result_is_evaluated_again_from_what_it_stores(honest: Result) -> None:
    again = replay(WEIGHTED, honest.bracket.certificate or {}, honest.witness or {}, dict(honest.arrays))
    assert (again, again.bracket) == (honest, honest.bracket)


def coupled(arrays: Any) -> dict[str, str]:
    return {"multipliers": add(np.array([[1.0, 0.5], [0.5, 1.0]]), arrays)}


LIES = [
    pytest.param(lambda a: ({"factor": "89/100"}, {}), "does not prove the factor", id="a smaller factor"),
    pytest.param(lambda a: ({"matrix": add(np.eye(2), a)}, {}), "does not prove the factor", id="another weight"),
    pytest.param(lambda a: ({"matrix": add(-np.eye(2), a)}, {}), "positive definite", id="a sign flipped"),
    pytest.param(lambda a: (coupled(a), {}), "1 dimension", id="multipliers that are not diagonal"),
    pytest.param(lambda a: ({}, {"slopes": add(np.array([1.0, 1.5]), a)}), "outside", id="a slope above 1"),
    pytest.param(lambda a: ({}, {"slopes": add(np.ones(3), a)}), "a slope for each", id="another size"),
    pytest.param(lambda a: ({}, {"step": "1/20"}), "does not prove the factor", id="another step"),
    pytest.param(lambda a: ({}, {"step": "0"}), "is not met", id="no step"),
]


@pytest.mark.parametrize(("lie", "reason"), LIES)
def test_a_certificate_that_proves_nothing_is_refused(lie: Any, reason: str, honest: Result) -> None:
    arrays = dict(honest.arrays)
    certificate, witness = lie(arrays)
    with pytest.raises(kernel.Refusal, match=reason):
        replay(
            WEIGHTED,
            {**(honest.bracket.certificate or {}), **certificate},
            {**(honest.witness or {}), **witness},
            arrays,
        )


@pytest.fixture(scope="module")
def best() -> dict[str, Result]:
    return {claim.id: assess_best(claim, TEXTBOOK) for claim in (DIAGONAL, FULL)}


BEST_LIES = [
    pytest.param(DIAGONAL, lambda a: ({"factor": "89/100"}, {}), "does not prove the factor", id="a smaller factor"),
    pytest.param(
        DIAGONAL, lambda a: ({"matrix": add(np.array([[1.0, 1e-4], [1e-4, 1.0]]), a)}, {}), "prove|kind", id="full"
    ),
    pytest.param(DIAGONAL, lambda a: ({}, {"values": add(np.eye(2), a)}), "other kind", id="values for a diagonal one"),
    pytest.param(FULL, lambda a: ({}, {"strong_convexity": "-1"}), "strong_convexity >= 0", id="a negative modulus"),
    pytest.param(FULL, lambda a: ({}, {"strong_convexity": "-1/2"}), "strong_convexity >= 0", id="weakly convex"),
    pytest.param(FULL, lambda a: ({}, {"points": add(np.zeros((2, 2)), a)}), "not zero", id="no points"),
]


@pytest.mark.parametrize(("claim", "lie", "reason"), BEST_LIES)
def test_a_best_weight_that_is_none_is_refused(claim: Any, lie: Any, reason: str, best: dict[str, Result]) -> None:
    result = best[claim.id]
    arrays = dict(result.arrays)
    certificate, witness = lie(arrays)
    with pytest.raises((kernel.Refusal, InputError), match=reason):
        replay(
            claim, {**(result.bracket.certificate or {}), **certificate}, {**(result.witness or {}), **witness}, arrays
        )
