"""Claims on rates, orders, weak parameters and data: verdicts, replay, and what a planted error does."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify import kernel
from fbscheck.claims.limits import deep_near, deep_orders, deep_rates, weak_controls, weak_limit
from fbscheck.claims.limits.deep_orders import Family
from fbscheck.claims.limits.paths import PathCase, down, up
from fbscheck.claims.networks import stability_controls
from fbscheck.claims.replay import replay
from fbscheck.errors import InputError
from fbscheck.functions import L1, SquaredL2, Zero
from fbscheck.limit import LipschitzCurve, ParameterPath, Piecewise
from fbscheck.suites import deep_study
from fbscheck.verdict import Claim, Result, Verdict, planted

DEPTHS = tuple(8 * 2**k for k in range(6))
ONE, ZERO = np.ones((1, 1)), np.zeros((1, 1))


def decay(k: float, s: float, reference: int = 2**14) -> PathCase:
    """x' = -kx - sx."""
    path = ParameterPath(k * ONE, ZERO, 1.0 if s else 0.0, SquaredL2(s) if s else Zero(), 1)
    return PathCase("x' = -kx - sx", path, np.ones(1), np.zeros(1), DEPTHS, reference)


def again(claim: Claim, result: Result) -> Result:
    assert result.witness is not None
    return replay(claim, result.case, None, result.witness, dict(result.arrays))


@pytest.mark.parametrize("claim", deep_rates.CLAIMS, ids=lambda claim: claim.id)
def test_rates_of_a_decay(claim: Claim) -> None:
    result = deep_rates.assess(claim, decay(1.0, 0.0))
    assert result.verdict is Verdict.CERTIFIED
    assert again(claim, result) == result


def test_a_family_of_order_two_is_not_of_order_one() -> None:
    result = deep_rates.assess(deep_rates.ORDER, decay(1.0, 1.0, 2**15))
    assert result.verdict is Verdict.REFUTED
    assert result.bracket.lower > 0.3


def test_a_coarse_reference_leaves_the_order_open() -> None:
    assert deep_rates.assess(deep_rates.ORDER, decay(1.0, 0.0, 512)).verdict is Verdict.UNDECIDED


def test_few_depths_show_no_order() -> None:
    result = deep_rates.assess(deep_rates.ORDER, replace(decay(1.0, 0.0), depths=(8, 16)))
    assert result.verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("claim", "family", "verdict"),
    [
        (deep_orders.POWER, Family("power", Fraction(1, 2), DEPTHS), Verdict.CERTIFIED),
        (deep_orders.HALF, Family("power", Fraction(1, 8), DEPTHS), Verdict.CERTIFIED),
        (deep_orders.HALF, Family("power", Fraction(1, 2), DEPTHS), Verdict.REFUTED),
        (deep_orders.HALF, Family("rotation", Fraction(1), DEPTHS), Verdict.CERTIFIED),
        (deep_orders.HALF, Family("decay", Fraction(1), DEPTHS), Verdict.REFUTED),
        (deep_orders.POWER, Family("decay", Fraction(1), DEPTHS), Verdict.NOT_APPLICABLE),
        (deep_orders.ONE, Family("decay", Fraction(2), tuple(4 * n for n in DEPTHS)), Verdict.CERTIFIED),
        (deep_orders.ONE, Family("decay", Fraction(1), DEPTHS), Verdict.NOT_APPLICABLE),
        (deep_orders.SUPERCONVERGENT, Family("decay", Fraction(1), DEPTHS), Verdict.REFUTED),
        (deep_orders.TERMINAL, Family("power", Fraction(1, 2), DEPTHS), Verdict.REFUTED),
    ],
)
def test_orders_of_families(claim: Claim, family: Family, verdict: Verdict) -> None:
    result = deep_orders.assess(claim, family)
    assert result.verdict is verdict
    if result.witness is not None:
        assert again(claim, result) == result


def test_the_constant_of_skew_operators() -> None:
    """The maximum of (1 - e^{-c^2/2})/c."""
    c = np.linspace(1, 2, 1001)
    ((low, high),), _ = Family("rotation", Fraction(1), (4096,)).errors()
    assert low * 64 == pytest.approx(float(np.max((1 - np.exp(-(c**2) / 2)) / c)), rel=2e-4)
    assert high - low < 1e-12


def test_the_implicit_step_of_a_power_is_a_root_of_a_cubic() -> None:
    """x_{n+1} = z^2 with z^3 - x_n z - h = 0."""
    x, errors = 0.0, []
    for n in range(1, 17):
        (z,) = (root.real for root in np.roots([1, 0, -x, -1 / 16]) if abs(root.imag) < 1e-9 and root.real > 0)
        x = z**2
        errors.append((1.5 * n / 16) ** (2 / 3) - x)
    ((low, high),), ((last, _),) = Family("power", Fraction(1, 2), (16,)).errors()
    assert (low, last) == pytest.approx((max(errors), errors[-1]), rel=1e-9)
    assert low <= high


@pytest.mark.parametrize(
    ("claim", "depth", "state"),
    [
        (weak_controls.AVERAGED, 2000, 0.99975),
        (weak_controls.SAMPLED, 8, 0.34361),
        (weak_controls.SAMPLED, 64, 0.36499),
        (weak_controls.SAMPLED, 512, 0.36752),
        (weak_controls.TIED, 4096, math.exp(-1)),
    ],
)
def test_states_of_oscillating_layers(claim: Claim, depth: int, state: float) -> None:
    result = weak_controls.assess(claim, depth)
    assert 1 - result.bracket.lower == pytest.approx(state, abs=1e-4 if claim is weak_controls.TIED else 1e-5)
    assert result.verdict is (Verdict.REFUTED if claim.control else Verdict.CERTIFIED)
    assert again(claim, result) == result


def test_the_residual_network_beside_them() -> None:
    """(1 + h)^{N/2} at N = 2000, where the averages give 0.99975."""
    result = stability_controls.assess(stability_controls.RESIDUAL, 2000)
    assert 1 + result.bracket.lower == pytest.approx(1.648515, abs=1e-6)


def test_weak_parameters() -> None:
    case = replace(deep_study.oscillation(2), reference=1024)
    for claim in weak_limit.CLAIMS:
        result = weak_limit.assess(claim, case)
        assert result.verdict is Verdict.CERTIFIED
        assert again(claim, result) == result
    wide = weak_limit.assess(weak_limit.BOUND, replace(case, K=0 * case.K))
    assert wide.verdict is Verdict.NOT_APPLICABLE, "K - swing is not monotone"


def test_accuracies_that_are_and_are_not_reached() -> None:
    case = replace(decay(1.0, 0.0), depths=(64,))
    for accuracy, verdict in ((1e-2, Verdict.CERTIFIED), (1e-3, Verdict.REFUTED)):
        result = deep_near.assess(deep_near.ACCURACY, case, accuracy)
        assert result.verdict is verdict
        assert again(deep_near.ACCURACY, result) == result


@pytest.mark.parametrize(
    ("off", "verdict"), [(0.0, Verdict.CERTIFIED), (0.05, Verdict.UNDECIDED)], ids=["minimiser", "another point"]
)
def test_the_way_to_the_equilibrium(off: float, verdict: Verdict) -> None:
    path = ParameterPath(np.diag([1.0, 4.0]), np.eye(2), 0.5, L1(1.0), 2)
    case = PathCase("two coordinates", path, np.zeros(2), np.array([2.0, 2.0]), (1024,), 1024)
    point = np.array([1.5, 1.5 / 4]) + off
    result = deep_near.assess(deep_near.EQUILIBRIUM, case, point)
    assert result.verdict is verdict
    assert again(deep_near.EQUILIBRIUM, result) == result


def test_perturbed_limits_attain_the_constant_and_no_less() -> None:
    path = ParameterPath(ONE, ONE, 0.0, Zero(), 1)
    case = PathCase("x' = -x + b", path, np.array([[1.0, 2.0]]), np.zeros((1, 2)), (4096,), 4096)
    result = deep_near.assess(deep_near.PERTURBED, case)
    assert result.bracket.lower <= 1 <= result.bracket.upper
    assert deep_near.assess(planted(deep_near.PERTURBED), case, scale=0.99).verdict is Verdict.REFUTED


def test_a_path_that_does_not_vary_is_near_its_limit() -> None:
    """The control is not blind: it holds where the layers are samples of one slow system."""
    case = PathCase("slow", ParameterPath(ONE, ONE, 0.1, L1(1.0), 1), np.zeros(1), np.ones(1), (32,), 512)
    assert deep_near.assess(deep_near.TRAINED, case).verdict is Verdict.CERTIFIED


def jumping() -> PathCase:
    K = Piecewise.steps(np.array([ONE, 2 * ONE]), [0, Fraction(1, 3), 1])
    path = ParameterPath(K, Piecewise.lines(np.array([ONE, ZERO])), 0.5, L1(1.0), 1)
    return PathCase("all kinds of curves", path, np.ones(1), np.ones(1), (4, 8), 16, "averages")


def test_a_case_is_made_again_from_its_description() -> None:
    arrays: dict[str, Any] = {}
    case = jumping()
    text = case.describe(arrays)
    other = PathCase.restore(text, arrays)
    mine: dict[str, Any] = {}
    assert other.describe(mine) == text
    np.testing.assert_array_equal(
        other.path.network(7)(np.ones(1), np.ones(1)), case.path.network(7)(np.ones(1), np.ones(1))
    )


@pytest.mark.parametrize(
    "change",
    [
        {"depths": [4, 0]},
        {"depths": [3]},
        {"depths": []},
        {"depths": [True]},
        {"sampling": "ends"},
        {"name": 1},
        {"horizon": "0"},
        {"more": 1},
        {"K": {"starts": "data/none.npy", "pieces": 1, "times": None}},
        {"weights": None},
    ],
    ids=str,
)
def test_a_malformed_case_is_refused(change: dict[str, Any]) -> None:
    arrays: dict[str, Any] = {}
    text = jumping().describe(arrays)
    with pytest.raises(kernel.Refusal, match="malformed"):
        PathCase.restore({**text, **change}, arrays)


def test_times_that_do_not_increase_are_refused() -> None:
    arrays: dict[str, Any] = {}
    text = jumping().describe(arrays)
    with pytest.raises(kernel.Refusal, match="do not increase"):
        PathCase.restore({**text, "K": {**text["K"], "times": ["0", "2/3", "1/3"]}}, arrays)


def test_a_curve_without_pieces_cannot_be_written_down() -> None:
    path = ParameterPath(ONE, ONE, LipschitzCurve(lambda t: 1 + 0 * t, 1.0, 1.0), L1(1.0), 1)
    with pytest.raises(InputError, match="straight pieces to write them down"):
        PathCase("curve", path, np.ones(1), np.ones(1), (4,), 8).describe({})


@pytest.mark.parametrize("value", [0.0, 1.0, 1 / 3, -1 / 3, 1e-320, 1.2345678949999e300, math.inf, 5e-324])
def test_rounding_to_nine_digits_is_outward(value: float) -> None:
    assert down(value) <= value <= up(value)
    assert up(value) - down(value) <= max(1e-8 * abs(value), 1e-321) or math.isinf(value)


@pytest.mark.parametrize(
    ("claim", "witness"),
    [
        (deep_rates.ORDER, {"limit": {}, "more": 1}),
        (deep_near.ACCURACY, {"limit": {}}),
        (weak_limit.BOUND, {"path": {}}),
        (weak_controls.TIED, {"depth": 0}),
        (weak_controls.TIED, {"depth": 8, "more": 1}),
        (deep_orders.POWER, {"family": "power", "parameter": "2", "depths": [8]}),
        (deep_orders.POWER, {"family": "other", "parameter": "1/2", "depths": [8]}),
        (deep_orders.POWER, {"family": "power", "parameter": "1/2", "depths": [True]}),
    ],
)
def test_other_witnesses_are_refused(claim: Claim, witness: dict[str, Any]) -> None:
    with pytest.raises(kernel.Refusal):
        replay(claim, "case", None, witness, {})
