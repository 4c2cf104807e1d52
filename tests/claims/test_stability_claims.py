"""Chapter "stability": verdicts on networks with known answers, planted errors, dropped hypotheses, controls."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from fbscheck.certify import kernel
from fbscheck.claims.networks import flow, stability, stability_controls
from fbscheck.claims.networks.flow import Path
from fbscheck.claims.networks.pair import Pair
from fbscheck.claims.replay import replay
from fbscheck.errors import InputError
from fbscheck.functions import L1, Zero
from fbscheck.network import Network, ista
from fbscheck.suites import network as suite
from fbscheck.verdict import Claim, Result, Verdict, planted

D, M, N = 4, 3, 5


def drawn(kind: str = "LISTA", seed: int = 0) -> dict[Claim, Pair]:
    return suite.cases(kind, D, N, np.random.default_rng(seed))


def soft(u: np.ndarray, threshold: float) -> np.ndarray:
    return np.sign(u) * np.maximum(np.abs(u) - threshold, 0)


@pytest.mark.parametrize("kind", suite.KINDS)
def test_networks_of_every_family_are_certified(kind: str) -> None:
    for claim, pair in drawn(kind).items():
        result = stability.assess(claim, pair)
        assert result.verdict is Verdict.CERTIFIED, result.reason
        assert 0.01 < result.bracket.lower <= result.bracket.upper <= 1  # type: ignore[operator]


def test_the_ratio_is_that_of_a_recursion_in_floats() -> None:
    """Written out for LISTA: norms by numpy, soft thresholding by hand."""
    pair = drawn()[stability.PARAMETERS]
    other = pair.perturbed[0]
    x = y = pair.x0
    bound, ratios = 0.0, []
    for n in range(N):
        (W, U, t), (V, Y, s) = (
            (of.layers.transitions[n], of.layers.injections[n], of.steps[n]) for of in (pair.network, other)
        )
        bound = (
            np.linalg.norm(W, 2) * bound
            + np.linalg.norm(W - V, 2) * np.linalg.norm(y)
            + np.linalg.norm(U - Y, 2) * np.linalg.norm(pair.b)
            + np.sqrt(D) * abs(t - s)
        )
        x, y = soft(W @ x + U @ pair.b, t), soft(V @ y + Y @ pair.b, s)
        ratios.append(np.linalg.norm(x - y) / bound)
    low = stability.assess(stability.PARAMETERS, pair).bracket.lower
    assert low == pytest.approx(max(ratios), rel=1e-9)


def test_the_energy_is_the_lasso_objective() -> None:
    """In floats, with the objective written out; at h|K| >= 2 the claim does not apply."""
    rng = np.random.default_rng(3)
    A, b, x0 = rng.standard_normal((M, D)), rng.standard_normal(M), rng.standard_normal(D)
    h = 1.5 / np.linalg.norm(A, 2) ** 2
    net = ista(A, 0.1, h, 6)
    x = net.trajectory(x0, b).states
    objective = ((A @ x.T - b[:, None]) ** 2).sum(axis=0) / 2 + 0.1 * np.abs(x).sum(axis=1)
    ratios = (1 / h - np.linalg.norm(A, 2) ** 2 / 2) * (np.diff(x, axis=0) ** 2).sum(axis=1) / -np.diff(objective)
    result = stability.assess(stability.ENERGY, Pair("LASSO", net, x0, b))
    assert result.verdict is Verdict.CERTIFIED
    assert result.bracket.lower == pytest.approx(ratios.max(), rel=1e-8)
    long = stability.assess(stability.ENERGY, Pair("LASSO", ista(A, 0.1, 1.5 * h, 6), x0, b))
    assert "h|K| < 2 is not met" in long.reason


EXTREMAL = suite.extremal()
extremal = pytest.mark.parametrize(("claim", "pair"), EXTREMAL, ids=[pair.name for _, pair in EXTREMAL])


@extremal
def test_extremal_networks_attain_and_planted_bounds_fail(claim: Claim, pair: Pair) -> None:
    result = stability.assess(claim, pair)
    assert result.verdict is Verdict.CERTIFIED
    assert 1 - 1e-14 < result.bracket.lower <= result.bracket.upper <= 1  # type: ignore[operator]
    assert stability.assess(planted(claim), pair, 0.99).verdict is Verdict.REFUTED
    assert stability.assess(planted(claim), pair, 1 - 1e-13).verdict is Verdict.REFUTED


UNMET = [
    pytest.param(stability.START, stability.PARAMETERS, r"theta = tilde theta is not met", id="other parameters"),
    pytest.param(stability.START, stability.DATA, r"b = tilde b is not met", id="other data"),
    pytest.param(stability.DATA, stability.START, r"x_0 = tilde x_0 is not met", id="other start"),
    pytest.param(stability.ENERGY, stability.SPEED, r"K_n = K = K^{T} is not met", id="no gradient"),
    pytest.param(stability.BOUNDED, stability.START, r"x_0 = tilde x_0 is not met", id="two states"),
]


@pytest.mark.parametrize(("claim", "pair_of", "reason"), UNMET)
def test_an_unmet_hypothesis_is_named(claim: Claim, pair_of: Claim, reason: str) -> None:
    result = stability.assess(claim, drawn()[pair_of])
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert reason in result.reason


def test_one_layer_has_no_second_velocity() -> None:
    pair = Pair("one layer", ista(np.eye(1), 0.1, 0.5, 1), np.ones(1), np.ones(1))
    assert "N >= 2 is not met" in stability.assess(stability.SPEED, pair).reason


def test_without_a_perturbation_nothing_is_measured() -> None:
    pair = replace(drawn()[stability.BOUNDED], other_b=None)
    assert stability.assess(stability.START, pair).verdict is Verdict.UNDECIDED


def test_an_indicator_in_the_place_of_a_lipschitz_function_is_refused() -> None:
    """For projections no factor h appears: their weights do not enter, so nothing Lipschitz can be said."""
    with pytest.raises(InputError, match="one function in all layers"):
        Pair(
            "two functions",
            Network(np.ones((1, 1, 1)), np.ones((1, 1, 1)), [1.0], L1(1.0), 1),
            np.ones(1),
            np.ones(1),
            Network(np.ones((1, 1, 1)), np.ones((1, 1, 1)), [1.0], L1(2.0), 1),
        )


# -- the limit ----------------------------------------------------------------------------------


def path(depth: int, seed: int = 0) -> Path:
    return suite.paths((depth,), np.random.default_rng(seed))[0]


def test_the_flow_is_that_of_scipy() -> None:
    case = path(8)
    z, tau = np.concatenate([case.start, case.data]), 1 / len(case.K)
    for K, L in zip(case.K, case.L, strict=True):
        z = scipy.linalg.expm(tau * np.block([[-K, L], [np.zeros((2, 6))]])) @ z
    result = flow.assess(flow.FLOW, case)
    assert result.verdict is Verdict.CERTIFIED
    rates = [scipy.linalg.eigvalsh(k + k.T)[0] / 2 for k in case.K]
    gone = [(1 - np.exp(-tau * r)) / r for r in rates]
    later = [np.exp(-tau * sum(rates[p + 1 :])) for p in range(4)]
    fed = sum(g * w * np.linalg.norm(part, 2) for g, w, part in zip(gone, later, case.L, strict=True))
    bound = np.exp(-tau * sum(rates)) * np.linalg.norm(case.start) + fed * np.linalg.norm(case.data)
    assert result.bracket.lower == pytest.approx(np.linalg.norm(z[:4]) / bound, rel=1e-9)


@pytest.mark.parametrize(("claim", "case"), suite.extremal_paths(64), ids=["flow", "gap", "gap for b", "modulus"])
def test_extremal_paths_attain_and_planted_bounds_fail(claim: Claim, case: Path) -> None:
    """A bound that is attained cannot be certified by enclosing both sides: 1 is inside, and the rest is rounding."""
    result = flow.assess(claim, case)
    attained = claim in (flow.FLOW, flow.UNIFORM_DATA)
    assert result.verdict is (Verdict.SUPPORTED if attained else Verdict.CERTIFIED)
    assert 1 - 1e-5 < result.bracket.lower <= result.bracket.upper <= 1 + 1e-14 * attained  # type: ignore[operator]
    assert flow.assess(planted(claim), case, 0.99).verdict is Verdict.REFUTED


@pytest.mark.parametrize("claim", [flow.UNIFORM, flow.UNIFORM_DATA], ids=["x_0", "b"])
def test_the_gap_to_the_limit_closes_as_the_depth_doubles(claim: Claim) -> None:
    results = [flow.assess(claim, path(depth)) for depth in (16, 64, 256)]
    assert {r.verdict for r in results} == {Verdict.CERTIFIED}
    missing = [1 - r.bracket.upper for r in results]  # type: ignore[operator]
    assert missing[0] > 3 * missing[1] > 9 * missing[2] > 0


@pytest.mark.parametrize(
    ("claim", "changed", "reason"),
    [
        pytest.param(flow.UNIFORM_DATA, {"L": np.zeros((4, 4, 2))}, "max |L_n| > 0 is not met", id="no data"),
        pytest.param(flow.MODULUS, {"K": np.full((1, 1, 1), 8.0)}, "h mu _n < 1 is not met", id="a step too long"),
    ],
)
def test_an_unmet_hypothesis_on_the_path_is_named(claim: Claim, changed: Any, reason: str) -> None:
    (_, line) = suite.extremal_paths(4)[0]
    case = replace(path(8) if "L" in changed else line, **changed)
    result = flow.assess(claim, case)
    assert (result.verdict, reason in result.reason) == (Verdict.NOT_APPLICABLE, True), result.reason


def test_the_moduli_in_floats() -> None:
    case = path(8)
    moduli = [scipy.linalg.eigvalsh(k + k.T)[0] / 2 for k in case.K]
    product = np.prod([(1 - m / 8) / np.linalg.norm(np.eye(4) - k / 8, 2) for m, k in zip(moduli, case.K, strict=True)])
    result = flow.assess(flow.MODULUS, case)
    assert result.verdict is Verdict.CERTIFIED
    assert result.bracket.lower == pytest.approx(product**2, rel=1e-9)


def test_layers_that_were_rounded_are_not_those_of_the_path() -> None:
    result = flow.assess(flow.UNIFORM, replace(path(8), horizon=Fraction(1, 3)))
    assert (result.verdict, "is not met" in result.reason) == (Verdict.NOT_APPLICABLE, True)


# -- controls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [9, 10, 100])
@pytest.mark.parametrize("claim", stability_controls.CONTROLS, ids=lambda claim: str(claim.id))
def test_controls_are_refuted(claim: Claim, depth: int) -> None:
    assert stability_controls.assess(claim, depth).verdict is Verdict.REFUTED


NUMBERS = [
    pytest.param(stability_controls.PRODUCT, 7, 1.0, id="an inactive coordinate"),
    pytest.param(stability_controls.SKEW, 1, 2**0.5, id="rotation, one layer"),
    pytest.param(stability_controls.SKEW, 100, (1 + 1e-4) ** 50, id="rotation, 100 layers"),
    pytest.param(stability_controls.LIMIT_CONSTANT, 8, 1 - 0.75**8, id="geometric sum"),
    pytest.param(stability_controls.FIXED_THRESHOLD, 5, 0.4, id="half way to zero"),
    pytest.param(stability_controls.FIXED_THRESHOLD, 20, 0.9, id="all the way to zero"),
    pytest.param(stability_controls.RESIDUAL, 1000, 1.001**500 - 1, id="towards sqrt(e) - 1"),
]


@pytest.mark.parametrize(("claim", "depth", "value"), NUMBERS)
def test_controls_attain_what_they_should(claim: Claim, depth: int, value: float) -> None:
    assert stability_controls.assess(claim, depth).bracket.lower == pytest.approx(value, rel=1e-12)


def test_eigenvalues_miss_the_growth_of_several_layers() -> None:
    power = np.linalg.matrix_power(np.eye(2) - 0.1 * np.array([[1.0, -10.0], [0.0, 1.0]]), 9)
    result = stability_controls.assess(stability_controls.EIGENVALUES, 9)
    assert result.bracket.lower == pytest.approx(np.linalg.norm(power, 2), rel=1e-4) == pytest.approx(3.9126, rel=1e-4)
    assert result.bracket.theory == pytest.approx(0.9**9)


@pytest.mark.parametrize("depth", [5, 10, 100])
def test_with_their_hypothesis_restored_the_controls_are_true(depth: int) -> None:
    """A threshold scaled by h keeps .9; +-K alternating in a forward-backward network tends to the identity."""
    shrinking = Network(np.zeros((depth, 1, 1)), np.zeros((depth, 1, 1)), np.full(depth, 0.1), L1(1.0), 1.0)
    np.testing.assert_allclose(shrinking(np.ones(1), np.zeros(1)), 0.9, rtol=1e-12)
    K = np.array([(-1.0) ** n for n in range(2 * depth)])[:, None, None]
    still = Network(K, 0 * K, np.zeros(2 * depth), Zero(), 1.0)(np.ones(1), np.zeros(1))
    assert abs(still[0] - 1) < 1 / (2 * depth)


# -- replay -------------------------------------------------------------------------------------


def some() -> list[Result]:
    pairs = drawn("free, group")
    return [
        *(stability.assess(claim, pair) for claim, pair in pairs.items()),
        stability.assess(planted(stability.START), EXTREMAL[0][1], 0.99),
        *(flow.assess(claim, path(8)) for claim in flow.CLAIMS),
        *(stability_controls.assess(claim, 10) for claim in stability_controls.CONTROLS),
    ]


def claim_of(result: Result) -> Claim:
    return next(claim for claim in suite.SUITE.claims if claim.id == result.claim)


@pytest.mark.parametrize("result", some(), ids=lambda result: result.claim)
def test_a_result_is_evaluated_again_from_its_witness(result: Result) -> None:
    again = replay(claim_of(result), result.case, None, result.witness or {}, dict(result.arrays))
    assert again == result


BROKEN: list[Any] = [
    pytest.param(lambda witness: {}, id="nothing"),
    pytest.param(lambda witness: {**witness, "note": "1"}, id="a field more"),
    pytest.param(lambda witness: {"pair": {**witness["pair"], "note": "1"}}, id="a field more inside"),
    pytest.param(lambda witness: {"pair": {**witness["pair"], "x0": "data/none.npy"}}, id="a missing array"),
    pytest.param(lambda witness: {"pair": {**witness["pair"], "b": witness["pair"]["x0"]}}, id="another shape"),
    pytest.param(lambda witness: {**witness, "scale": "99/100"}, id="an error in what is no control"),
]


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_witness_is_refused(change: Any) -> None:
    result = some()[0]
    with pytest.raises(kernel.Refusal):
        replay(claim_of(result), result.case, None, change(result.witness), dict(result.arrays))


def test_another_perturbation_gives_another_number() -> None:
    result = some()[0]
    witness, arrays = result.witness or {}, dict(result.arrays)
    name = witness["pair"]["other_x0"]
    arrays[name] = arrays[name] + 0.1
    again = replay(claim_of(result), result.case, None, witness, arrays)
    assert again.bracket.lower != result.bracket.lower
