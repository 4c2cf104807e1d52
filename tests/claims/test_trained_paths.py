"""Claims about trained paths: values against balls and quadrature, verdicts, planted errors, replay."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify import kernel
from fbscheck.certify.balls import exact, lower, upper
from fbscheck.claims.learning import trained_paths
from fbscheck.claims.learning.trained_paths import (
    ENCLOSURE,
    HELD_OUT,
    LIMIT,
    PATHS,
    PLANTED,
    VALUES,
    Study,
    TrainedPaths,
)
from fbscheck.claims.replay import replay
from fbscheck.functions import L1, Function, TotalVariation
from fbscheck.learning import H1, Alista, Problem
from fbscheck.suites import learning_study
from fbscheck.verdict import Claim, Result, Verdict


def some_study(r: Function | None = None, depths: tuple[int, ...] = (4, 8, 16), samples: int = 6) -> Study:
    """Sparse recovery in five dimensions from three measurements."""
    rng = np.random.default_rng(3)
    A = rng.standard_normal((3, 5))
    A /= np.linalg.norm(A, 2)
    x = rng.standard_normal((5, 2 * samples)) * (rng.random((5, 2 * samples)) < 0.4)
    b, family, penalty = A @ x, Alista(A, A, r or L1(1.0)), H1(0.02, 0.02)
    first, rest = (
        Problem(np.zeros((5, 1)), b[:, part], x[:, part], family, penalty, 2.0)
        for part in (slice(samples), slice(samples, None))
    )
    return Study("some study", first, rest, np.array([1.0, 0.02]), depths, 32)


@pytest.fixture(scope="module")
def trained() -> TrainedPaths:
    return learning_study.trained(some_study()).paths


def again(claim: Claim, result: Result) -> Result:
    assert result.witness is not None
    return replay(claim, result.case, None, result.witness, dict(result.arrays))


@pytest.mark.parametrize("claim", [PATHS, ENCLOSURE, LIMIT, HELD_OUT], ids=lambda claim: claim.id)
def test_trained_paths(claim: Claim, trained: TrainedPaths) -> None:
    result = trained_paths.assess(claim, trained)
    assert result.verdict is Verdict.CERTIFIED, result.reason
    assert again(claim, result) == result


def line(pieces: tuple[int, ...], swing: float = 0.0, r: Function | None = None) -> TrainedPaths:
    """One straight path at all depths, with a constant ``swing`` of alternating sign."""
    of = some_study(r, pieces)
    theta = tuple(
        np.stack([np.linspace(1.5, 1.0, n + 1), np.linspace(0.1, 0.2, n + 1)], axis=1) + swing * (-1) ** k
        for k, n in enumerate(pieces)
    )
    return TrainedPaths(of, theta)


@pytest.mark.parametrize(
    ("r", "swing", "verdict"),
    [
        (None, 0.0, Verdict.CERTIFIED),
        (None, 0.05, Verdict.REFUTED),
        (TotalVariation(1.0), 0.0, Verdict.SUPPORTED),
        (TotalVariation(1.0), 0.05, Verdict.UNDECIDED),
    ],
    ids=["first order", "no convergence", "floating point", "floating point refutes nothing"],
)
def test_values_of_one_path_are_of_first_order(r: Function | None, swing: float, verdict: Verdict) -> None:
    result = trained_paths.assess(VALUES, line((8, 16, 32, 64), swing, r))
    assert result.verdict is verdict, result.reason
    if not swing:
        assert result.bracket.lower == pytest.approx(0.5, abs=0.02)
    assert again(VALUES, result) == result


def test_paths_that_do_not_move_apart_say_nothing() -> None:
    assert trained_paths.assess(PATHS, line((4, 8, 16))).verdict is Verdict.UNDECIDED


def test_distances_are_integrals() -> None:
    """Against Simpson's rule on the finer pieces, where squares of straight lines are quadratics."""
    rng = np.random.default_rng(4)
    of = some_study()
    case = TrainedPaths(of, tuple(rng.random((n + 1, 2)) for n in of.depths))
    for coarse, fine, (low, high) in zip(case.theta[:-1], case.theta[1:], case.distances, strict=True):
        n = len(fine) - 1
        nodes = np.linspace(0, 1, 2 * n + 1)
        e = np.stack(
            [
                np.interp(nodes, np.linspace(0, 1, len(theta)), column) * sign
                for sign, theta in ((1, fine), (-1, coarse))
                for column in theta.T
            ]
        )
        e = e[:2] + e[2:]
        squares = np.sum(e**2, axis=0)
        mass = np.sum(squares[:-1:2] + 4 * squares[1::2] + squares[2::2]) / 6 * 2 / n
        slopes = np.sum(np.diff(e[:, ::2], axis=1) ** 2) * n / 2
        assert low <= np.sqrt(mass + slopes) * (1 + 1e-14) and np.sqrt(mass + slopes) * (1 - 1e-14) <= high
        assert high - low < 1e-12


def test_network_values_are_those_of_balls(trained: TrainedPaths) -> None:
    """The network evaluated in ball arithmetic, the penalty in rational numbers."""
    known, theta = trained.study.problem, trained.theta[-1]
    out = known.network(theta)(exact(known.x0), exact(known.b)) - exact(known.target)
    step, total = Fraction(2, len(theta) - 1), Fraction(0)
    for u, v in zip(theta[:-1].tolist(), theta[1:].tolist(), strict=True):
        for a, b in zip(map(Fraction, u), map(Fraction, v), strict=True):
            total += Fraction(0.02) / 2 * ((a * a + a * b + b * b) * step / 3 + (b - a) ** 2 / step)
    value = np.sum(out * out) / (2 * known.samples) + float(total)
    found = known.network_value(theta)
    assert found.lower is not None and found.upper is not None
    assert found.lower <= upper(value) and lower(value) <= found.upper
    assert found.upper - found.lower < 1e-6 * found.upper
    assert found.lower <= known.value(theta) <= found.upper


def test_planted_errors_are_seen(trained: TrainedPaths) -> None:
    coarse = replace(trained, study=replace(trained.study, refine=1))
    values, _, enclosure, limit, _ = PLANTED
    for claim, case in ((values, line((8, 16, 32))), (enclosure, coarse), (limit, trained)):
        result = trained_paths.assess(claim, case)
        assert result.verdict is Verdict.REFUTED, claim.id
        assert again(claim, result) == result


def test_training_with_other_labels_is_seen(trained: TrainedPaths) -> None:
    of = trained.study
    other = learning_study.trained(of, lambda depth: -of.problem.target).paths
    swinging = learning_study.trained(of, lambda depth: of.problem.target * (-1) ** of.depths.index(depth)).paths
    assert trained_paths.assess(HELD_OUT, other).verdict is Verdict.REFUTED
    assert trained_paths.assess(PATHS, swinging).verdict is Verdict.REFUTED


def test_no_certificate_rests_on_total_variation() -> None:
    case = line((4, 8, 16), r=TotalVariation(1.0))
    assert {trained_paths.assess(claim, case).verdict for claim in (ENCLOSURE, LIMIT)} == {Verdict.NOT_APPLICABLE}


@pytest.mark.parametrize(
    "change",
    [
        {"depths": [4, 8]},
        {"depths": [4, 8, 12]},
        {"depths": [True, 2, 4]},
        {"refine": 0},
        {"samples": 12},
        {"start": "data/none.npy"},
        {"name": 1},
        {"horizon": "0"},
        {"c": "0"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_malformed_study_is_refused(change: dict[str, Any]) -> None:
    arrays: dict[str, Any] = {}
    text = some_study().describe(arrays)
    assert Study.restore(text, arrays).describe({}) == text
    with pytest.raises(kernel.Refusal, match="malformed"):
        Study.restore({**text, **change}, arrays)


def test_other_parameters_are_refused(trained: TrainedPaths) -> None:
    result = trained_paths.assess(PATHS, trained)
    assert result.witness is not None
    study = result.witness["study"]
    for witness in ({"study": study}, {"study": study, "theta": study["A"]}):
        with pytest.raises(kernel.Refusal):
            replay(PATHS, "some study", None, witness, dict(result.arrays))


def test_data_of_the_studies_are_named() -> None:
    for name, deepest in learning_study.DEEPEST["small"].items():
        known = learning_study.study(name, deepest)
        (found,) = learning_study.named(known.name)
        assert found.describe({}) == known.describe({})
    assert learning_study.named("digits, N=4 to 63") == ()
