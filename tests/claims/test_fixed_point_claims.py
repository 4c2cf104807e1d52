"""Chapter "fixed-point": verdicts on problems with known answers, planted errors, dropped hypotheses."""

import json
from dataclasses import replace

import flint
import numpy as np
import pytest

from fbscheck.certify.balls import ball
from fbscheck.claims.fixed_points import fixed_point, iterates, minimisers, problems
from fbscheck.claims.fixed_points.problems import Problem, Study
from fbscheck.errors import SolverError
from fbscheck.functions import L1, Box, SquaredL2, Zero
from fbscheck.operators import LeastSquares, Logistic
from fbscheck.reference import programs
from fbscheck.suites import data
from fbscheck.suites.fixed_point import EXTREMAL, OF_POINT
from fbscheck.verdict import Claim, Result, Verdict, planted

SAMPLED = {"steps"}


def found(problem: Problem, claims: tuple[Claim, ...] = fixed_point.CLAIMS, scale: float = 1.0) -> list[Result]:
    return fixed_point.assess(problem, claims, np.random.default_rng(1), scale)


def by_claim(results: list[Result]) -> dict[str, set[Verdict]]:
    return {r.claim.rpartition("fixed-point.")[2]: {s.verdict for s in results if s.claim == r.claim} for r in results}


@pytest.mark.parametrize("kind", ["LASSO", "elastic net", "NNLS", "box"])
def test_strongly_convex_problems_are_certified(kind: str) -> None:
    verdicts = by_claim(found(data.synthetic(kind, 10, np.random.default_rng(0))))
    assert {name for name, seen in verdicts.items() if seen == {Verdict.CERTIFIED}} == set(verdicts) - SAMPLED
    assert {name for name, seen in verdicts.items() if seen == {Verdict.SUPPORTED}} == SAMPLED


@pytest.mark.parametrize("claim", iterates.CLAIMS[:4], ids=lambda claim: str(claim.id))
def test_the_enclosed_ratio_decides_any_bound_that_differs_from_it(claim: Claim) -> None:
    """On data: a bound just above the enclosure is certified, one just below is refuted."""
    problem = data.synthetic("elastic net", 10, np.random.default_rng(6))
    (result,) = found(problem, (claim,))
    low, high = result.bracket.lower, result.bracket.upper
    assert low is not None
    assert high is not None
    assert low <= high <= low * (1 + 1e-3)
    assert found(problem, (claim,), high * (1 + 1e-12))[0].verdict is Verdict.CERTIFIED
    assert found(problem, (planted(claim),), low * (1 - 1e-5))[0].verdict is Verdict.REFUTED


@pytest.mark.parametrize("claim", iterates.CLAIMS[:4], ids=lambda claim: str(claim.id))
def test_iterates_beyond_the_enclosed_ones_are_a_result_of_their_own(
    claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = data.synthetic("elastic net", 10, np.random.default_rng(6))
    (whole,) = found(problem, (claim,))
    monkeypatch.setattr("fbscheck.claims.fixed_points.problems.ENCLOSED_ENTRIES", 1)
    first, all_of_them = found(problem, (claim,))
    assert (first.verdict, all_of_them.verdict) == (Verdict.CERTIFIED, Verdict.SUPPORTED)
    assert first.case.endswith("N=20")
    assert all_of_them.case == whole.case
    assert all_of_them.bracket.lower == pytest.approx(whole.bracket.lower, rel=1e-5)
    assert first.bracket.lower <= first.bracket.upper <= whole.bracket.upper  # type: ignore[operator]


@pytest.mark.parametrize("name", data.REAL)
def test_real_data_agree_with_cvxpy_or_cvxpy_is_certainly_off(name: str) -> None:
    results = found(data.real(name), (minimisers.VALUE, minimisers.AGREEMENT))
    assert results[0].verdict is Verdict.CERTIFIED
    for result in results[1:]:
        agrees = result.verdict is Verdict.CERTIFIED and result.bracket.upper <= 1e-8  # type: ignore[operator]
        off = result.verdict is Verdict.NOT_APPLICABLE and "its objective is certainly larger" in result.reason
        assert agrees or off


def test_the_minimiser_of_an_orthogonal_problem_is_enclosed() -> None:
    """F = |2x - b|^2/2, g = |x|_1: x_i = soft(2 b_i, 1)/4 exactly."""
    b = np.array([3.0, 0.25, -1.0])
    problem = Problem("orthogonal", LeastSquares(2 * np.eye(3), b), L1(1.0))
    exact = np.array([1.25, 0.0, -0.25])
    study = Study(problem, 1.0)
    assert np.linalg.norm(study.point - exact) <= study.certified.distance + 1e-300
    assert study.certified.distance < 1e-12


@pytest.mark.parametrize(
    ("problem", "claims"), list(zip(data.extremal(), EXTREMAL, strict=True)), ids=[p.name for p in data.extremal()]
)
def test_extremal_instances_attain_and_planted_bounds_fail(problem: Problem, claims: tuple[Claim, ...]) -> None:
    for result in found(problem, claims):
        assert result.verdict in (Verdict.SUPPORTED, Verdict.CERTIFIED)
        assert 0.99 < result.bracket.lower <= 1.0  # type: ignore[operator]
    assert {r.verdict for r in found(problem, tuple(map(planted, claims)), 0.99)} == {Verdict.REFUTED}


@pytest.mark.parametrize("scale", [0.99, 1.0001])
def test_a_point_that_is_off_is_refuted(scale: float) -> None:
    problem = data.synthetic("LASSO", 10, np.random.default_rng(4))
    wrong = tuple(planted(claim, "a moved point") for claim in OF_POINT)
    results = found(problem, wrong, scale)
    assert {r.verdict for r in results} == {Verdict.REFUTED}
    assert len(results) == len(wrong) + 1


UNMET = [
    pytest.param(iterates.APRIORI, "hypothesis q < 1 is not met", id="no contraction"),
    pytest.param(iterates.APOSTERIORI, "hypothesis q < 1 is not met", id="no contraction, a posteriori"),
    pytest.param(
        minimisers.DISTANCE, "hypothesis mu + sigma > 0 is not met: there is equality", id="not strongly convex"
    ),
    pytest.param(minimisers.SENSITIVITY, "hypothesis mu + sigma > 0 is not met", id="not strongly convex, data"),
]


@pytest.mark.parametrize(("claim", "reason"), UNMET)
def test_an_unmet_hypothesis_is_named(claim: Claim, reason: str) -> None:
    matrix = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    (result,) = found(Problem("wide", LeastSquares(matrix, np.ones(2)), L1(0.1)), (claim,))
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.reason.startswith(reason)


@pytest.mark.parametrize(
    ("relative_step", "claim", "reason"),
    [
        (1.5, iterates.RATE, "hypothesis h ell <= 1 is not met: off by 0.5"),
        (2.0, iterates.SUMMABLE, "hypothesis h < 2 beta is not met"),
        (2.5, iterates.SUMMABLE, "hypothesis h < 2 beta is not met: off by"),
    ],
)
def test_steps_that_are_too_long(relative_step: float, claim: Claim, reason: str) -> None:
    problem = Problem("long", LeastSquares(np.eye(2), np.ones(2)), Box(-0.5, 0.5), relative_step)
    (result,) = found(problem, (claim,))
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.reason.startswith(reason)


def test_sensitivity_needs_data_b() -> None:
    f = Logistic(np.eye(2), np.array([1.0, -1.0]))
    (result,) = found(Problem("logistic", f, SquaredL2(0.5)), (minimisers.SENSITIVITY,))
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "f has no data b" in result.reason


def test_a_solver_that_is_off_is_named_and_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = data.synthetic("logistic L1", 10, np.random.default_rng(3))
    right = programs.minimise(problem.f, problem.g)
    monkeypatch.setattr(programs, "minimise", lambda f, g: right * 1.001)
    (result,) = found(problem, (minimisers.AGREEMENT,))
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "hypothesis that cvxpy found a minimiser is not met" in result.reason


def test_a_solver_that_fails_leaves_the_claim_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(f: object, g: object) -> None:
        raise SolverError("Clarabel ended with status 'optimal_inaccurate'; only 'optimal' counts.")

    monkeypatch.setattr(programs, "minimise", fails)
    (result,) = found(data.synthetic("LASSO", 10, np.random.default_rng(3)), (minimisers.AGREEMENT,))
    assert (result.verdict, "optimal_inaccurate" in result.reason) == (Verdict.UNDECIDED, True)


def test_two_minimisers_far_apart_are_not_called_agreement_nor_refutation() -> None:
    """|x_1 + x_2 - 1|^2/2 without regularisation: any point of the line is a minimiser."""
    problem = Problem("many minimisers", LeastSquares(np.ones((1, 2)), np.ones(1)), Zero(), start=np.array([3.0, 0.0]))
    (result,) = found(problem, (minimisers.AGREEMENT,))
    assert result.verdict in (Verdict.UNDECIDED, Verdict.NOT_APPLICABLE)


def test_the_description_of_a_problem_sees_every_number_and_restores_it() -> None:
    base = Problem("p", LeastSquares(np.eye(2), np.ones(2)), L1(1.0))
    others = [
        replace(base, g=L1(1.0 + 2**-52)),
        replace(base, f=LeastSquares(np.eye(2), np.array([1.0, 1.0 + 2**-52]))),
        replace(base, f=LeastSquares(np.diag([1.0, 2.0]), np.ones(2))),
    ]
    arrays: dict[str, np.ndarray] = {}
    texts = [p.describe(arrays) for p in (base, *others)]
    assert len({json.dumps(text) for text in texts}) == 4
    for text, problem in zip(texts, (base, *others), strict=True):
        again = problems.restore(text, arrays)
        assert again.describe(arrays) == text
        assert np.array_equal(again.f.matrix, problem.f.matrix)
        assert again.step.step == problem.step.step


def test_a_duplicated_column_refutes_nobody() -> None:
    """With two equal columns the minimisers form a segment; solvers may stop anywhere on it."""
    column = np.array([[1.0], [2.0], [0.5]])
    f = LeastSquares(np.hstack([column, column]), np.array([1.0, 1.0, -1.0]))
    results = found(Problem("twin columns", f, L1(0.1), start=np.array([4.0, -3.0])), (minimisers.AGREEMENT,))
    assert Verdict.REFUTED not in {result.verdict for result in results}


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_ratio_that_is_not_a_number_certifies_nothing(position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [ball(0.5), ball(0.25), ball(0.125)]
    values[position] = flint.arb("nan")
    monkeypatch.setitem(iterates._RATIOS, iterates.APRIORI.id, lambda *arguments: np.array(values, dtype=object))
    (result,) = found(data.extremal()[0], (iterates.APRIORI,))
    assert result.verdict is Verdict.UNDECIDED
