"""Chapter "gamma": parts of convergence on sequences made for it, against scipy, planted errors, replay."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from fbscheck.certify import kernel
from fbscheck.certify.balls import nearest, upper
from fbscheck.claims.learning import gamma_nonlinear, gamma_parts, gamma_rate, interpolation
from fbscheck.claims.learning.anchor_paths import minimisers
from fbscheck.claims.learning.anchors import Anchor
from fbscheck.claims.learning.gamma_parts import COERCIVE, LIMINF, LIMSUP, LOSSES, RECOVERY
from fbscheck.claims.learning.gamma_rate import HALVED, RATE
from fbscheck.claims.learning.interpolation import SLOPES, Nodes
from fbscheck.claims.learning.sequences import Sequence, averages
from fbscheck.claims.learning.training_case import TrainingCase
from fbscheck.claims.replay import replay
from fbscheck.functions import Zero
from fbscheck.learning import H1, Free, Lp, Problem
from fbscheck.suites import gamma as suite
from fbscheck.verdict import Claim, Result, Verdict, planted

CLAIMS = {"averages": (LOSSES, LIMSUP, RECOVERY), "other": (LOSSES, LIMINF)}


def drawn(kind: str, depth: int, seed: int = 0) -> Sequence:
    return suite.sequence(kind, depth, np.random.default_rng(seed))


def again(claim: Claim, result: Result) -> Result:
    assert result.witness is not None
    return replay(claim, result.case, None, result.witness, dict(result.arrays))


@pytest.mark.parametrize("depth", [4, 16, 64])
@pytest.mark.parametrize("kind", (*suite.KINDS, "averages"))
def test_drawn_sequences_are_certified(kind: str, depth: int) -> None:
    case = drawn(kind, depth)
    for claim in CLAIMS.get(kind, CLAIMS["other"]):
        result = gamma_parts.assess(claim, case)
        assert result.verdict is Verdict.CERTIFIED
        assert again(claim, result) == result


@pytest.mark.parametrize(("claim", "case"), [pytest.param(*row, id=row[0].id) for row in suite.extremal()])
def test_bounds_are_attained_and_smaller_ones_refuted(claim: Claim, case: Sequence) -> None:
    assert gamma_parts.assess(claim, case).verdict is Verdict.CERTIFIED
    wrong = gamma_parts.assess(planted(claim), case, 0.99)
    assert wrong.verdict is Verdict.REFUTED and again(planted(claim), wrong) == wrong


# -- numbers, by other routes -------------------------------------------------------------------------------


def test_states_penalties_and_limits_are_those_of_a_learning_problem() -> None:
    case = drawn("averages", 8)
    problem = Problem(case.x0, case.b, case.target, Free(3, 2, Zero(), weight=0.0), Lp(case.a), 1)
    rows = [part.reshape(len(part), -1) for part in (case.own_K, case.own_L)]
    theta = np.concatenate(rows, axis=1)
    np.testing.assert_allclose(nearest(case.states), problem.states(theta), atol=1e-13)
    assert float(case.penalty(True)) == pytest.approx(problem.regulariser(theta, 1.0) / case.a, rel=1e-13)
    fourth = dataclasses.replace(case, power=4)
    assert float(fourth.penalty(True)) == pytest.approx(Lp(1.0, 4.0)(theta, 1.0), rel=1e-13)
    assert float(case.loss(case.states[-1]).mid()) == pytest.approx(
        problem.value(theta) - problem.regulariser(theta, 1.0)
    )


def test_the_limit_is_that_of_an_integrator() -> None:
    case = drawn("averages", 4)
    x = case.x0.T.ravel()

    def slope(t: float, flat: np.ndarray, n: int) -> np.ndarray:
        return (-case.K[n] @ flat.reshape(2, 3).T + case.L[n] @ case.b).T.ravel()

    for n in range(len(case.K)):
        x = solve_ivp(slope, (0, 1 / len(case.K)), x, args=(n,), rtol=1e-11, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(nearest(case.end), x.reshape(2, 3).T, atol=1e-9)


def test_slopes_are_those_of_the_penalty() -> None:
    values = np.random.default_rng(3).standard_normal((9, 2))
    case = Nodes("some", values, 4)
    assert float(case.slopes(4)) == pytest.approx(H1(1.0, 1.0).seminorm(values[::4], 1.0), rel=1e-13)
    assert case.slopes(4) < case.slopes(1)


@pytest.mark.parametrize("kind", suite.KINDS)
def test_the_bound_tends_to_zero(kind: str) -> None:
    """At the order of the primitives: one half where a layer is of size N^{1/2}, or a wave has N^{1/2} periods."""
    gaps = [upper(drawn(kind, depth).gap) for depth in (256, 1024)]
    assert gaps[1] < (0.4 if kind == "alternating" else 0.6) * gaps[0]


def test_weakly_convergent_penalties_stay_larger() -> None:
    """The part that oscillates costs, and does nothing in the limit: J is less than the lower limit."""
    found = [gamma_parts.assess(LIMINF, drawn("alternating", depth)).bracket.upper for depth in (64, 256)]
    assert all(value is not None and value < -0.1 for value in found)


# -- with an l1 part ----------------------------------------------------------------------------------------

L1_ROWS = [(gamma_nonlinear.LIMSUP, "averages"), (gamma_nonlinear.LIMINF, "alternating")]


@pytest.mark.parametrize(("claim", "kind"), L1_ROWS)
def test_limits_with_an_l1_part_are_certified(claim: Claim, kind: str) -> None:
    case = suite.with_l1(kind, 8, np.random.default_rng(0))
    result = gamma_nonlinear.assess(claim, case)
    assert result.verdict is Verdict.CERTIFIED and again(claim, result) == result
    theta, own = case.pair
    apart = case.problem.value(own[:8]) - case.problem.value(np.repeat(theta, 4096 // len(theta), axis=0))
    found = np.array([result.bracket.lower, result.bracket.upper]).mean()
    assert found == pytest.approx(apart if kind == "averages" else -apart, abs=2e-3)


@pytest.mark.parametrize(("claim", "case"), [pytest.param(*row, id=row[0].id) for row in suite.extremal_with_l1()])
def test_their_bounds_are_attained_and_smaller_ones_refuted(claim: Claim, case: TrainingCase) -> None:
    assert gamma_nonlinear.assess(claim, case).verdict is Verdict.CERTIFIED
    wrong = gamma_nonlinear.assess(planted(claim), case, 0.99)
    assert wrong.verdict is Verdict.REFUTED and again(planted(claim), wrong) == wrong


UNMET: dict[str, tuple[Claim, str, Any]] = {
    "samples at nodes": (gamma_nonlinear.LIMSUP, "averages", lambda theta, own: (theta, np.tile(theta[::4], (4, 1)))),
    "a limit that moves": (gamma_nonlinear.LIMINF, "alternating", lambda theta, own: (own, own)),
    "an expanding limit": (gamma_nonlinear.LIMINF, "alternating", lambda theta, own: (-9 * np.ones_like(own), own)),
    "expanding layers": (gamma_nonlinear.LIMINF, "alternating", lambda theta, own: (theta, -own)),
}


@pytest.mark.parametrize(("claim", "kind", "change"), UNMET.values(), ids=UNMET)
def test_a_dropped_hypothesis_is_named(claim: Claim, kind: str, change: Any) -> None:
    case = suite.with_l1(kind, 8, np.random.default_rng(0))
    changed = dataclasses.replace(case, parameters=np.stack(change(*case.pair)))
    assert gamma_nonlinear.assess(claim, changed).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("depths", [(), (3,), (0,), (8, 8)])
def test_a_depth_divides_the_rows(depths: tuple[int, ...]) -> None:
    case = dataclasses.replace(suite.with_l1("averages", 8, np.random.default_rng(0)), depths=depths)
    arrays: dict[str, Any] = {}
    with pytest.raises(kernel.Refusal):
        replay(gamma_nonlinear.LIMSUP, case.name, None, {"training": case.describe(arrays)}, arrays)


# -- rates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["decay", "turn", "driven"])
def test_minima_converge_at_the_rate_of_losses(kind: str) -> None:
    anchor = Anchor(kind, 32)
    theta = nearest(minimisers(anchor)[0])
    result = gamma_rate.assess(RATE, anchor, theta)
    assert result.verdict is Verdict.CERTIFIED and again(RATE, result) == result
    known = [Anchor(kind, depth).least() for depth in (32, None)]
    apart = abs(known[0].value - known[1].value)  # type: ignore[union-attr]
    assert result.bracket.lower == pytest.approx(float(apart.mid()), rel=1e-8)
    deeper = gamma_rate.assess(RATE, Anchor(kind, 64), nearest(minimisers(Anchor(kind, 64))[0]))
    assert (deeper.bracket.theory or 1.0) < 0.55 * (result.bracket.theory or 0.0), "the bound is of first order"
    worse = gamma_rate.assess(RATE, anchor, theta + 0.1)
    assert worse.verdict is Verdict.CERTIFIED and (worse.bracket.theory or 0.0) > (result.bracket.theory or 1.0)
    half = gamma_rate.assess(RATE, Anchor("decay", 32), nearest(minimisers(Anchor("decay", 32))[0]), 0.47)
    assert half.verdict is Verdict.REFUTED, "planted: less than half the bound"


def test_halving_is_sharp_for_first_order_and_missed_by_none() -> None:
    for kind in ("decay", "turn", "driven"):
        result = gamma_rate.assess(HALVED, Anchor(kind, 16))
        assert result.verdict is Verdict.CERTIFIED and again(HALVED, result) == result
    wrong = gamma_rate.assess(planted(HALVED), Anchor("decay", 512), scale=0.99)
    assert wrong.verdict is Verdict.REFUTED and again(planted(HALVED), wrong) == wrong


@pytest.mark.parametrize(
    ("claim", "witness"),
    [
        (RATE, {"anchor": {"kind": "decay", "depth": 16}}),
        (HALVED, {"anchor": {"kind": "decay", "depth": None}}),
        (HALVED, {"anchor": {"kind": "decay", "depth": 16}, "theta": "data/x.npy"}),
    ],
)
def test_malformed_rates_are_refused(claim: Claim, witness: dict[str, Any]) -> None:
    with pytest.raises(kernel.Refusal):
        replay(claim, "some", None, witness, {})


# -- planted errors -----------------------------------------------------------------------------------------


def test_samples_at_points_are_no_averages() -> None:
    case = drawn("averages", 4)
    sampled = dataclasses.replace(case, own_K=case.K[::8], own_L=case.L[::8])
    for claim in (LIMSUP, RECOVERY):
        result = gamma_parts.assess(claim, sampled)
        assert result.verdict is Verdict.NOT_APPLICABLE and "P_N" in result.reason
    spikes = np.zeros((8, 1, 1))
    spikes[::4] = 1.0
    one = np.ones((1, 1))
    points = Sequence("samples", spikes, 0 * spikes, spikes[::4], 0 * spikes[::4], one, 0 * one, 0 * one, 1.0)
    assert points.penalty(True) == 4 * points.penalty(False), "samples may cost more than the path"
    assert averages(spikes, 2).tolist() == [[[0.25]], [[0.25]]]


def test_a_limit_with_another_sign_is_seen() -> None:
    case = drawn("averages", 64)
    wrong = dataclasses.replace(case, own_K=-case.own_K)
    assert gamma_parts.assess(LOSSES, wrong).verdict is Verdict.CERTIFIED, "primitives are far apart, as are losses"
    close = suite.extremal()[0][1]
    other = dataclasses.replace(close, K=-close.K)
    assert upper(other.gap) > 2 * upper(close.gap)


def test_a_penalty_above_that_of_zero_is_no_minimiser() -> None:
    case = drawn("concentrated", 16)
    result = gamma_parts.assess(COERCIVE, dataclasses.replace(case, a=8.0))
    assert result.verdict is Verdict.NOT_APPLICABLE and "J_N(0)" in result.reason


def test_higher_powers_have_no_lower_limit_here() -> None:
    result = gamma_parts.assess(LIMINF, dataclasses.replace(drawn("waves", 4), power=4))
    assert result.verdict is Verdict.NOT_APPLICABLE


# -- witnesses ----------------------------------------------------------------------------------------------

MALFORMED: dict[str, Any] = {
    "no a": {"a": "0"},
    "an odd power": {"power": 3},
    "no power": {"power": "2"},
    "another unit": {"a": "2/16"},
    "more": {"more": 1},
    "other labels": {"target": "b"},
    "pieces that do not fit": {"own_K": "K"},
}


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
def test_malformed_sequences_are_refused(change: dict[str, Any]) -> None:
    arrays: dict[str, Any] = {}
    text = drawn("waves", 4).describe(arrays)
    text |= {key: text[value] if value in ("b", "K") else value for key, value in change.items()}
    with pytest.raises(kernel.Refusal):
        Sequence.restore(text, arrays)


@pytest.mark.parametrize("factor", [0, 3, "2"])
def test_a_factor_divides_the_pieces(factor: Any) -> None:
    result = interpolation.assess(SLOPES, Nodes("some", np.arange(9.0)[:, None] ** 2, 2))
    assert result.verdict is Verdict.CERTIFIED and again(SLOPES, result) == result
    assert result.bracket.lower == pytest.approx(84 / 85, rel=1e-15), "sums of squares of 4, 12, .. and of 1, 3, .."
    witness = {"nodes": {**(result.witness or {})["nodes"], "factor": factor}}
    with pytest.raises(kernel.Refusal):
        replay(SLOPES, "some", None, witness, dict(result.arrays))


def test_a_path_without_slopes_is_not_applicable() -> None:
    assert interpolation.assess(SLOPES, Nodes("flat", np.ones((5, 1)), 2)).verdict is Verdict.NOT_APPLICABLE
