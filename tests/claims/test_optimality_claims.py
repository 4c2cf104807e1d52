"""Chapters "optimality" and "gradient": numbers by other routes, verdicts, planted errors, replay."""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
import scipy.optimize

from fbscheck.certify import kernel
from fbscheck.certify.balls import nearest, upper
from fbscheck.claims.learning import gradients, optimality
from fbscheck.claims.learning.gradients import ADJOINT, CONSISTENCY, KINK
from fbscheck.claims.learning.optimality import FLOW, INVARIANTS, PROJECTION, ROWS, WEIGHTS
from fbscheck.claims.learning.sensitivities import adjoints, tangent
from fbscheck.claims.learning.training_case import TrainingCase, objective, states
from fbscheck.claims.replay import replay
from fbscheck.errors import InputError
from fbscheck.functions import L1, Zero
from fbscheck.learning import Free, Lp, Problem
from fbscheck.learning.optimality import projected
from fbscheck.suites import minimality
from fbscheck.suites import perturbations as suite
from fbscheck.verdict import Claim, Result, Verdict

SHARP = minimality.SHARP


def again(claim: Claim, result: Result) -> Result:
    assert result.witness is not None
    return replay(claim, result.case, None, result.witness, dict(result.arrays))


def drawn(kind: str, seed: int = 3, depth: int = 6) -> tuple[Problem, np.ndarray]:
    rng = np.random.default_rng(seed)
    problem = suite.drawn(kind, 4, 2, 0.05, rng)
    return problem, 0.3 * rng.standard_normal((depth, problem.family.count))


# -- ball arithmetic against other routes -------------------------------------------------------------------


@pytest.mark.parametrize("kind", suite.KINDS)
def test_states_and_values_are_those_of_training(kind: str) -> None:
    problem, theta = drawn(kind)
    np.testing.assert_allclose(
        np.array([nearest(x) for x in states(problem, theta)]), problem.states(theta), atol=1e-13
    )
    assert float(objective(problem, theta).mid()) == pytest.approx(problem.value(theta), rel=1e-14)
    assert upper(objective(problem, theta).rad()) < 1e-30


def shrunk(u: mp.mpf, kind: str, step: mp.mpf) -> mp.mpf:
    """The proximal maps of the suite, written out."""
    if kind == "l1":
        return mp.sign(u) * max(abs(u) - step * mp.mpf(0.3), 0)
    if kind == "box":
        return min(max(u, mp.mpf(-0.75)), mp.mpf(0.75))
    if kind == "damped":
        return u / (1 + step / 2)
    if kind == "Huber":
        inner = u / (1 + step * mp.mpf(1.5))
        return inner if abs(inner) <= mp.mpf(0.25) else u - mp.sign(u) * step * mp.mpf(1.5) * mp.mpf(0.25)
    return u


@pytest.mark.parametrize("kind", suite.KINDS)
def test_tangents_are_differences_at_fifty_digits(kind: str) -> None:
    """And the adjoint of training is the same to rounding, whatever the direction."""
    problem, theta = drawn(kind)
    eta = np.random.default_rng(8).standard_normal(theta.shape)
    with mp.workdps(60):

        def value(t: mp.mpf) -> mp.mpf:
            d, h, total, rows = 4, mp.mpf(1) / len(theta), mp.mpf(0), []
            for row, by in zip(theta.tolist(), eta.tolist(), strict=True):
                rows.append([mp.mpf(a) + t * mp.mpf(b) for a, b in zip(row, by, strict=True)])
                total += mp.mpf(0.05) * h * mp.fsum(entry**2 for entry in rows[-1])
            for s in range(2):
                x, b = ([mp.mpf(v) for v in part[:, s].tolist()] for part in (problem.x0, problem.b))
                for row in rows:
                    K, L = mp.matrix(d, d), mp.matrix(d, 3)
                    for i in range(d):
                        for j in range(d):
                            K[i, j] = row[i * d + j]
                        for j in range(3):
                            L[i, j] = row[d * d + i * 3 + j]
                    u = mp.matrix(x) - h * (K * mp.matrix(x) - L * mp.matrix(b))
                    x = [shrunk(u[i], kind, h) for i in range(d)]
                total += (
                    mp.fsum((v - mp.mpf(w)) ** 2 for v, w in zip(x, problem.target[:, s].tolist(), strict=True)) / 4
                )
            return total

        t = mp.mpf("1e-20")
        expected = (value(t) - value(-t)) / (2 * t)
        assert abs(float(tangent(problem, theta, eta).mid()) - float(expected)) < 1e-13
    gradient = problem.value_and_gradient(theta)[1]
    assert np.sum(gradient * eta) == pytest.approx(float(expected), rel=1e-11)


def test_adjoints_at_a_kink_are_refused() -> None:
    problem = Problem([1.0], [1.0], [-1.0], Free(1, 1, L1(1.0), weight=1.0), Lp(0.01), 1)
    with pytest.raises(kernel.Refusal, match="at a kink"):
        adjoints(problem, np.zeros((4, 2)))


# -- verdicts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", suite.KINDS)
def test_projection_gains_what_it_removes(kind: str) -> None:
    problem, theta = drawn(kind)
    case = TrainingCase(kind, problem, parameters=np.stack([theta, projected(problem, theta)]))
    result = optimality.assess(PROJECTION, case)
    assert result.verdict is Verdict.CERTIFIED and again(PROJECTION, result) == result
    blind = projected(replace(problem, b=0 * problem.b), theta)
    wrong = optimality.assess(suite.wrong(PROJECTION), replace(case, parameters=np.stack([theta, blind])))
    assert wrong.verdict is Verdict.REFUTED and again(suite.wrong(PROJECTION), wrong) == wrong
    untrained = optimality.assess(suite.wrong(ROWS), case)
    assert untrained.verdict is Verdict.REFUTED and "not met" in optimality.assess(ROWS, case).reason
    with pytest.raises(kernel.Refusal, match="is not made of them"):
        optimality.assess(PROJECTION, replace(case, parameters=np.stack([theta, blind])))


@pytest.mark.parametrize("kind", minimality.SMOOTH)
def test_trained_weights_are_products(kind: str) -> None:
    problem, start = drawn(kind)
    theta = problem.train(6, start=start, coarsest=6, **SHARP).parameters
    case = TrainingCase(kind, problem, parameters=theta[None])
    result = optimality.assess(WEIGHTS, case)
    assert result.verdict is Verdict.CERTIFIED and again(WEIGHTS, result) == result
    assert optimality.assess(suite.wrong(WEIGHTS), case).bracket.lower == pytest.approx(2, abs=1e-6)
    rows = optimality.assess(ROWS, replace(case, parameters=np.stack([theta, projected(problem, theta)])))
    assert rows.verdict is Verdict.CERTIFIED
    K, L, _ = problem.family.layers(theta)
    sizes = np.linalg.svd(np.concatenate([K, -L], axis=2), compute_uv=False)
    assert np.all(sizes[:, 2:] < 1e-6 * sizes.max()), "no rank above the number of samples"


@pytest.mark.parametrize("seed", [0, 1])
def test_trained_linear_networks_keep_turn_trace_and_norm(seed: int) -> None:
    problem, theta = minimality.rotor(16, np.random.default_rng(seed))
    case = TrainingCase("rotor", problem, parameters=theta[None])
    for claim in (FLOW, INVARIANTS):
        result = optimality.assess(claim, case)
        assert result.verdict is Verdict.CERTIFIED and again(claim, result) == result
    K = theta[:, :9].reshape(-1, 3, 3)
    assert np.abs(K - K[0]).max() > 0.1 and np.abs(K[0] - K[0].T).max() > 0.1, "they move, and are not symmetric"
    moved = replace(problem, b=np.full_like(problem.b, 1e-9))
    assert "b = 0 is not met" in optimality.assess(FLOW, replace(case, problem=moved)).reason
    idle = replace(case, parameters=0.1 * np.random.default_rng(1).standard_normal((1, 16, 12)))
    assert optimality.assess(suite.wrong(INVARIANTS), idle).verdict is Verdict.REFUTED


@pytest.mark.parametrize("seed", range(4))
def test_the_discrete_flow_keeps_trace_and_norm(seed: int) -> None:
    """Its next matrix by a solver, from any first one with 2h|K| < 1, without training."""
    rng = np.random.default_rng(seed)
    K = rng.standard_normal((4, 4))
    h = 0.45 / np.linalg.norm(K)

    def off(flat: np.ndarray) -> np.ndarray:
        new = flat.reshape(4, 4)
        return (new - h * new.T @ new - K + h * K @ K.T).ravel()

    new = scipy.optimize.root(off, K.ravel(), tol=1e-14).x.reshape(4, 4)
    assert np.abs(off(new)).max() < 1e-12 and np.abs(new - K).max() > 0.05
    np.testing.assert_allclose(new - new.T, K - K.T, atol=1e-11)
    assert np.trace(new) == pytest.approx(np.trace(K), abs=1e-11)
    assert np.linalg.norm(new) == pytest.approx(np.linalg.norm(K), abs=1e-11)
    singular = [np.linalg.svd(np.eye(4) / 2 - h * k, compute_uv=False) for k in (K, new)]
    np.testing.assert_allclose(*singular, atol=1e-11)


@pytest.mark.parametrize("kind", suite.KINDS)
def test_the_adjoint_of_training(kind: str) -> None:
    problem, theta = drawn(kind)
    case = TrainingCase(kind, problem, parameters=np.stack([theta, problem.value_and_gradient(theta)[1]]))
    result = gradients.assess(ADJOINT, case)
    assert result.verdict is Verdict.CERTIFIED and again(ADJOINT, result) == result
    wrong = gradients.assess(suite.wrong(ADJOINT), case)
    assert wrong.verdict is Verdict.REFUTED and again(suite.wrong(ADJOINT), wrong) == wrong


@pytest.mark.parametrize("kind", ["linear", "damped"])
def test_gradients_are_consistent_at_first_order(kind: str) -> None:
    """The distance of the gradient of training from the closed form; it halves as the depth doubles."""
    problem = Problem([1.0], [0.0], [0.25], Free(1, 1, suite.function(kind), weight=1.0), Lp(0.01), 1)
    rows = np.array([[1.0, 0.0], [2.0, 0.0], [-0.5, 0.0], [0.25, 0.0]])
    case = TrainingCase(kind, problem, (64, 128), rows[None])
    result = gradients.assess(CONSISTENCY, case)
    assert result.verdict is Verdict.CERTIFIED and again(CONSISTENCY, result) == result
    x = np.exp(-rows[:, 0].mean() - (0.5 if kind == "damped" else 0.0))
    errors = []
    for depth in case.depths:
        theta = np.repeat(rows, depth // 4, axis=0)
        own = problem.value_and_gradient(theta)[1][:, 0] * depth
        errors.append(np.abs(own - 2 * 0.01 * theta[:, 0] + x * (x - 0.25)).max())
    assert errors[1] / errors[0] == pytest.approx(0.5, abs=0.02)
    assert gradients.assess(suite.wrong(CONSISTENCY), case).verdict is Verdict.REFUTED


def test_a_kink_has_two_derivatives_at_every_depth() -> None:
    problem = Problem([1.0], [1.0], [-1.0], Free(1, 1, L1(1.0), weight=1.0), Lp(0.01), 1)
    case = TrainingCase("kink", problem, (4, 64), np.zeros((1, 1, 2)), sizes=(2.0**-8, -(2.0**-8)))
    result = gradients.assess(KINK, case)
    assert result.verdict is Verdict.REFUTED and again(KINK, result) == result
    one_side = gradients.assess(KINK, replace(case, sizes=(2.0**-8,)))
    other_side = gradients.assess(KINK, replace(case, sizes=(-(2.0**-8),)))
    assert {one_side.verdict, other_side.verdict} > {Verdict.REFUTED}, "from one side it is the derivative"


def test_what_is_no_parabola_on_the_line_is_refused() -> None:
    problem, theta = drawn("linear")
    with pytest.raises(kernel.Refusal, match="one sample on the line"):
        gradients.assess(CONSISTENCY, TrainingCase("plane", problem, (6,), theta[None]))
    driven = Problem([1.0], [1.0], [0.5], Free(1, 1, Zero(), weight=0.0), Lp(0.01), 1)
    with pytest.raises(kernel.Refusal, match="without b"):
        gradients.assess(CONSISTENCY, TrainingCase("driven", driven, (6,), np.zeros((1, 1, 2))))


@pytest.mark.parametrize("a", [1e-14, 1e-160])
def test_a_projection_that_rounding_decides_refutes_nothing(a: float) -> None:
    """Of cheap parameters, what rounding of the projection does to the loss is more than the penalty."""
    problem, theta = drawn("linear")
    cheap = replace(problem, regulariser=Lp(a))
    case = TrainingCase("cheap", cheap, parameters=np.stack([theta, projected(cheap, theta)]))
    assert optimality.assess(PROJECTION, case).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("claim", [ROWS, WEIGHTS], ids=lambda claim: claim.id)
def test_what_underflows_is_not_trained(claim: Claim) -> None:
    problem, theta = drawn("linear")
    tiny = Problem(*(1e-170 * part for part in (problem.x0, problem.b, problem.target)), problem.family, Lp(1e-300), 1)
    sets = np.stack([1e-20 * theta, projected(tiny, 1e-20 * theta)])[: 2 if claim is ROWS else 1]
    assert optimality.assess(claim, TrainingCase("tiny", tiny, parameters=sets)).verdict is Verdict.NOT_APPLICABLE


def test_a_gradient_that_is_nearly_that_of_training_is_refused() -> None:
    """It is off by more than is claimed of the right one."""
    problem, theta = drawn("linear")
    gradient = problem.value_and_gradient(theta)[1]
    sets = np.stack([theta, gradient * (1 + 1e-11)])
    with pytest.raises(kernel.Refusal, match="not their gradient"):
        gradients.assess(ADJOINT, TrainingCase("forged", problem, parameters=sets))


def test_parameters_of_the_limit_fit_into_the_layers() -> None:
    problem = Problem([1.0], [0.0], [0.3], Free(1, 1, Zero(), weight=1.0), Lp(0.01), 1)
    case = TrainingCase("line", problem, (7,), np.zeros((1, 4, 2)))
    with pytest.raises(InputError, match="a multiple of 4 layers"):
        gradients.assess(CONSISTENCY, case)
