"""Chapter "lista": layers by other routes, bounds that are attained, planted errors, dropped hypotheses."""

from fractions import Fraction as R
from typing import Any

import numpy as np
import pytest
from scipy.linalg import hadamard

from fbscheck.certify import kernel
from fbscheck.certify.balls import lower, nearest, upper
from fbscheck.claims.replay import replay
from fbscheck.claims.sparse_recovery import coherence as reach
from fbscheck.claims.sparse_recovery import recovery, recovery_controls
from fbscheck.claims.sparse_recovery.recovery import ADAPTED, CLAIMS, DEEP_LIMIT, NOISE, RATE, SUPPORT, assess
from fbscheck.claims.sparse_recovery.signals import Recovery
from fbscheck.errors import InputError
from fbscheck.reference.coherence import generalised_coherence
from fbscheck.suites.dictionaries import adversarial, dictionary, signals
from fbscheck.suites.lista import SUITE
from fbscheck.verdict import Result, Verdict, planted

NAME = "identity and Hadamard 16 x 32"
D = dictionary(NAME)
QUIET = (RATE, SUPPORT, ADAPTED, DEEP_LIMIT)


def pair(steps: Any, level: float = 0.0) -> Recovery:
    """mu~ = 1/4, s = 2: a column of each half, with signs that shrink both coordinates in every layer."""
    x = np.zeros((32, 1))
    x[[0, 16], 0] = 1.0, -1.0
    noise = np.full((16, 1), level / 16) if level else None
    return Recovery(NAME, D, D, 0.25, 2, np.asarray(steps), x, noise, level)


def random(name: str, support: int, layers: int, seed: int, level: float = 0.0) -> Recovery:
    """Weights by linear programs, random signals and steps; noise of the l1 norm ``level``."""
    A, rng = dictionary(name), np.random.default_rng(seed)
    W = generalised_coherence(A).weights
    x = signals(W, A, support, 8, rng)
    noise = rng.standard_normal((len(A), 8))
    noise *= level * (1 - 1e-12) / np.abs(noise).sum(axis=0)
    steps = np.ones(layers) if level else rng.uniform(0.3, 1.0, layers)
    return Recovery.of(name, A, W, support, steps, x, noise if level else None, level)


def in_fractions(case: Recovery) -> list[tuple[R, R]]:
    """The largest l1 error and the recursion's bound after each layer, by rational arithmetic, entry by entry."""
    exact = np.vectorize(R, otypes=[object])
    A, W, truth = exact(case.dictionary), exact(case.weights), exact(case.signals)
    W = W / np.sum(W * A, axis=0)
    mu, x, found = R(case.coherence), 0 * truth, []
    noise = 0 * (A @ truth) if case.noise is None else exact(case.noise)
    most, bound = R(case.level) * max(abs(w) for w in W.ravel()), R(case.support)
    for gamma in map(R, case.steps.tolist()):
        u = x - gamma * (W.T @ (A @ x - A @ truth - noise))
        theta = gamma * (mu * bound + most)
        x = np.vectorize(lambda v, t=theta: max(v - t, R(0)) + min(v + t, R(0)), otypes=[object])(u)
        bound = ((2 * case.support - 1) * mu * gamma + abs(1 - gamma)) * bound + 2 * case.support * gamma * most
        found.append((max(np.sum(abs(x - truth), axis=0)), bound))
    return found


@pytest.mark.parametrize("level", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_layers_are_those_of_rational_arithmetic(seed: int, level: float) -> None:
    case = random("Gaussian 8 x 9, seed 3", 2, 3, seed, level)
    for (error, bound), mine, known in zip(in_fractions(case), case.trace.errors, case.trace.bounds, strict=True):
        assert R(lower(mine)) <= error <= R(upper(mine))
        assert R(lower(known)) <= bound <= R(upper(known))
        assert upper(mine) - lower(mine) <= 1e-15


@pytest.mark.parametrize("steps", [np.ones(6), np.array([0.5, 1.0, 0.75, 0.25])], ids=["equal", "short"])
def test_the_rate_and_the_threshold_are_attained_in_every_layer(steps: Any) -> None:
    case = pair(steps)
    assert all(lower(e / b) > 1 - 1e-15 for e, b in zip(case.trace.errors, case.trace.bounds, strict=True))
    worst = Recovery(NAME, D, D, 0.25, 2, case.steps, adversarial(D, D, 2, 3))
    for claim, instance in ((RATE, case), (SUPPORT, worst)):
        (result,) = assess(instance, (claim,))
        assert (result.verdict, result.bracket.upper) == (Verdict.CERTIFIED, 1.0)
        assert result.bracket.lower > 1 - 1e-15  # type: ignore[operator]
        for scale in (0.99, 1 - 1e-9):
            assert assess(instance, (planted(claim),), scale)[0].verdict is Verdict.REFUTED


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "s"), [("Gaussian 30 x 36, seed 0", 2), ("Bernoulli 30 x 36, seed 1", 2), (NAME, 1)])
def test_no_signal_is_beyond_the_bounds(name: str, s: int, seed: int) -> None:
    """In floating point, by another program, for 400 signals a case: within 1e-9."""
    case = random(name, s, 10, seed)
    results = assess(case, (RATE, SUPPORT, DEEP_LIMIT))
    assert {r.verdict for r in results} == {Verdict.CERTIFIED}
    rng, n = np.random.default_rng(seed), case.dictionary.shape[1]
    truth = np.zeros((n, 400))
    np.put_along_axis(truth, np.argsort(rng.random((n, 400)), axis=0)[:s], rng.uniform(-1, 1, (s, 400)), axis=0)
    W = case.weights / np.sum(case.weights * case.dictionary, axis=0)
    x, E = 0 * truth, float(s)
    for gamma in case.steps:
        u = x - gamma * W.T @ (case.dictionary @ (x - truth))
        theta = gamma * case.coherence * E
        x = np.sign(u) * np.maximum(np.abs(u) - theta, 0)
        E *= (2 * s - 1) * case.coherence * gamma + abs(1 - gamma)
        assert np.abs(u[truth == 0]).max() <= theta * (1 + 1e-9)
        assert np.abs(x - truth).sum(axis=0).max() <= E * (1 + 1e-9)


def test_noise_attains_its_floor() -> None:
    """s = 1, noise against the signal: the error is the recursion's bound in every layer, its limit the floor."""
    x, noise = np.zeros((32, 1)), np.zeros((16, 1))
    x[0], noise[0] = 1.0, -0.125
    case = Recovery(NAME, D, D, 0.25, 1, np.ones(20), x, noise, 0.125)
    (result,) = assess(case, (NOISE,))
    assert result.verdict is Verdict.CERTIFIED
    assert 1 - 1e-10 < result.bracket.lower <= 1  # type: ignore[operator]
    assert assess(case, (planted(NOISE),), 0.99)[0].verdict is Verdict.REFUTED
    closed = [0.25**k + 2 * 0.125 * (1 - 0.25**k) / 0.75 for k in range(1, 21)]
    assert nearest(case.trace.errors).tolist() == pytest.approx(closed, rel=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_random_noise_stays_below(seed: int) -> None:
    (result,) = assess(random("Gaussian 30 x 36, seed 0", 2, 8, seed, 0.05), (NOISE,))
    assert result.verdict is Verdict.CERTIFIED
    assert 0.01 < result.bracket.lower < 1  # type: ignore[operator]


def test_adapted_thresholds_keep_the_rate() -> None:
    """On the pair both networks are the same; on weaker signals the adapted one is ahead."""
    case = pair(np.ones(5))
    same = case.run(adaptive=True).errors
    assert nearest(same).tolist() == pytest.approx([2 * 0.75**k for k in range(1, 6)], rel=1e-14)
    weak = Recovery(NAME, D, D, 0.25, 2, np.ones(5), 0.5 * case.signals)
    assert upper(weak.run(adaptive=True).errors[-1]) < lower(weak.trace.errors[-1])
    assert assess(case, (ADAPTED,))[0].verdict is Verdict.CERTIFIED
    assert assess(case, (planted(ADAPTED),), 0.99)[0].verdict is Verdict.REFUTED


@pytest.mark.parametrize("depth", [4, 16, 64])
def test_the_bound_of_the_deep_limit_is_above_that_of_every_depth(depth: int) -> None:
    """T = 4, mu~ = 1/4, s = 2: (1 - 1/N)^N against 1/e, and nearer the deeper; the pair attains the former."""
    case = pair(np.full(depth, 4.0 / depth))
    (result,) = assess(case, (DEEP_LIMIT,))
    assert result.verdict is Verdict.CERTIFIED
    ratios = [(1 - 1 / depth) ** k * np.exp(k / depth) for k in range(1, depth + 1)]
    assert result.bracket.lower == pytest.approx(max(ratios), rel=1e-12)
    assert nearest(case.trace.errors)[-1] == pytest.approx(2 * (1 - 1 / depth) ** depth, rel=1e-12)


UNMET = [
    pytest.param(lambda: Recovery(NAME, D, D, 0.25, 3, np.ones(2), np.eye(32)), CLAIMS, "off by 0.5", id="support"),
    pytest.param(lambda: Recovery(NAME, D, D, 0.34, 2, np.ones(2), np.eye(32)), CLAIMS, "off by 0.0294", id="mu"),
    pytest.param(lambda: pair([1.0, 1.5]), (ADAPTED, NOISE, DEEP_LIMIT), "off by 0.5", id="steps"),
    pytest.param(lambda: pair([1.0, 1.0], 0.1), QUIET, "varepsilon = 0 is not met: off by 0.1", id="noise"),
]


@pytest.mark.parametrize(("case", "claims", "reason"), UNMET)
def test_an_unmet_hypothesis_is_named_with_its_margin(case: Any, claims: Any, reason: str) -> None:
    for result in assess(case(), claims):
        assert result.verdict is Verdict.NOT_APPLICABLE
        assert reason in result.reason
        assert result.bracket.evidence == ()


def test_equality_in_the_hypothesis_is_not_enough() -> None:
    """mu~ = 1/4 and (1 + 4)/2 = 5/2; at mu~ = 1/3 and s = 2 the factor is 1."""
    case = Recovery(NAME, D, D, 1 / 3, 2, np.ones(2), np.eye(32))
    above = Recovery(NAME, D, D, float(np.nextafter(1 / 3, 1)), 2, np.ones(2), np.eye(32))
    assert assess(case, (RATE,))[0].verdict is Verdict.CERTIFIED
    assert R(1 / 3) < R(1, 3)
    assert assess(above, (RATE,))[0].verdict is Verdict.NOT_APPLICABLE


ONE = np.ones(2)
BAD = [
    pytest.param((D, D, 0.24, 2, ONE, np.eye(32)), "coherence at most 0.2", id="coherence too small"),
    pytest.param((D, -D + 0.1, 0.25, 2, ONE, np.eye(32)), "coherence at most", id="other weights"),
    pytest.param((D, D, 0.25, 2, ONE, np.ones((32, 1))), "at most 2 nonzeros", id="dense signal"),
    pytest.param((D, D, 0.25, 2, ONE, 1.01 * np.eye(32)), "in \\[-1, 1\\]", id="large signal"),
    pytest.param((D, D, 0.25, 2, np.array([1.0, 0.0]), np.eye(32)), "positive steps", id="step 0"),
    pytest.param((D, D, 0.25, 0, ONE, np.eye(32)), "support of 1 to 31", id="no support"),
    pytest.param((D, D, 0.25, 32, ONE, np.eye(32)), "support of 1 to 31", id="full support"),
    pytest.param((D, D, 0.25, 2, ONE, np.eye(31)), "32 entries", id="length"),
    pytest.param((D, D, 0.25, 2, ONE, np.eye(32), D, 0.9), "l1 norm at most", id="noise above its level"),
    pytest.param((D, D, 0.25, 2, ONE, np.eye(32), D[:, :3], 9.0), "noise for each", id="noise of another shape"),
    pytest.param((D, D, 0.25, 2, ONE, np.eye(32), None, 0.1), "Need noise", id="no noise"),
    pytest.param((D, D, -0.25, 2, ONE, np.eye(32)), "coherence > 0", id="sign"),
]


@pytest.mark.parametrize(("arguments", "rule"), BAD)
def test_what_the_theory_needs_is_checked(arguments: Any, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        Recovery(NAME, *arguments)


def test_thresholds_a_fifth_smaller_let_every_adversarial_signal_through() -> None:
    x = adversarial(D, D, 2, 30)
    case = Recovery(NAME, D, D, 0.25, 2, ONE, x)
    assert set(np.count_nonzero(x, axis=0)) == {2}
    assert case.trace.wrong.tolist() == [0, 0]
    result = recovery_controls.small_threshold(case)
    assert result.verdict is Verdict.REFUTED
    assert "false positives in 30 of 30 signals" in result.reason
    assert result.bracket.lower == pytest.approx(0.2 * 0.25 * 2)


def test_beyond_the_theory_the_network_is_stuck_at_zero() -> None:
    """[I, H/8], n = 64, s = 5: the error is 5 once the thresholds have outgrown the signals."""
    A = np.hstack([np.eye(64), hadamard(64) / 8.0])
    assert np.array_equal(A, dictionary("identity and Hadamard 64 x 128"))
    x = signals(A, A, 5, 6, np.random.default_rng(0))
    x[:, 2:] = np.where(x[:, 2:] != 0, 1.0, 0.0)
    case = Recovery("identity and Hadamard 64 x 128", A, A, 0.125, 5, np.ones(16), x)
    result = recovery_controls.beyond(case)
    assert (result.verdict, result.bracket.lower) == (Verdict.REFUTED, 1.0)
    assert lower(case.trace.errors[-1]) == upper(case.trace.errors[-1]) == 5.0
    assert assess(case, (RATE,))[0].reason.endswith("off by 0.5")
    with pytest.raises(kernel.Refusal, match="not certainly beyond"):
        recovery_controls.beyond(pair(ONE))


def test_weights_that_do_not_fit_lose_a_fifth() -> None:
    result = recovery_controls.unfitting(60)
    assert (result.verdict, result.bracket.lower) == (Verdict.REFUTED, pytest.approx(0.2, rel=1e-15))
    x = 0.0
    for _ in range(60):
        x = 0.5 * x + 0.4
    assert result.bracket.lower == pytest.approx(1 - x)


def test_the_weights_of_least_frobenius_norm_have_another_coherence() -> None:
    name = "Gaussian 10 x 15, seed 0"
    A = dictionary(name)
    best = generalised_coherence(A).weights
    result = recovery_controls.frobenius(name, A, best)
    assert (result.verdict, result.bracket.upper) == (Verdict.REFUTED, None)
    closed = np.linalg.solve(A @ A.T, A)
    products = np.abs((closed / np.sum(closed * A, axis=0)).T @ A) - np.eye(15)
    assert result.bracket.lower == pytest.approx(products.max() / np.abs(best.T @ A - np.eye(15)).max(), rel=1e-9)
    again = replay(recovery_controls.FROBENIUS, name, None, result.witness or {}, dict(result.arrays))
    assert (again, again.bracket) == (result, result.bracket)
    with pytest.raises(kernel.Refusal, match="not certainly the smaller"):
        recovery_controls.frobenius(name, A, closed, best)


def test_the_coherence_is_enclosed_and_planted_values_fail() -> None:
    case = reach.reach_of("Gaussian 10 x 15, seed 0", dictionary("Gaussian 10 x 15, seed 0"))
    found, far = reach.assess(case, reach.CLAIMS)
    assert (found.verdict, far.verdict) == (Verdict.CERTIFIED, Verdict.CERTIFIED)
    assert found.bracket.lower <= case.optimum * (1 + 1e-12)  # type: ignore[operator]
    assert far.bracket.upper == pytest.approx((1 + 1 / case.optimum) / 2)
    for scale in (0.99, 1.01):
        assert reach.assess(case, (planted(reach.COHERENCE),), scale)[0].verdict is Verdict.REFUTED


def test_the_reach_of_three_directions_is_that_of_any_dictionary() -> None:
    case = reach.reach_of("three directions", dictionary("three directions"))
    (result,) = reach.assess(case, (reach.REACH,))
    assert (result.bracket.theory, result.bracket.lower) == (1.5, pytest.approx(1.5, rel=1e-15))
    assert reach.assess(case, (planted(reach.REACH),), 0.99)[0].verdict is Verdict.REFUTED


def test_representations_that_prove_nothing_leave_the_reach_open() -> None:
    A = np.vstack([dictionary("three directions")] * 2)
    (result,) = reach.assess(reach.reach_of("twice", A[:, [0, 1, 2, 0, 1]]), (reach.REACH,))
    assert result.verdict is Verdict.UNDECIDED


def test_the_published_setting_is_outside_by_far() -> None:
    """One program of 500 shows it; by the trace, no dictionary of this shape allows 12 nonzeros."""
    name = "Gaussian 250 x 500, seed 0"
    case = reach.reach_of(name, dictionary(name), [0])
    result = reach.published(case)
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert f"allows s <= {case.most}; the published signals have 28 to 74 nonzeros" in result.reason
    assert "no dictionary of 250 x 500 allows s > 11" in result.reason
    assert case.most <= 11
    assert 1 / case.ends[0] >= 2 * case.most - 1
    blank = reach.Reach(name, case.dictionary, 0 * case.representations, case.columns, case.inverse, 0.0)
    assert reach.published(blank).verdict is Verdict.UNDECIDED


def everything() -> list[Result]:
    case = reach.reach_of("three directions", dictionary("three directions"))
    return [
        *assess(pair(ONE), QUIET),
        *assess(pair(ONE, 0.125), (NOISE,)),
        *reach.assess(case, reach.CLAIMS),
        recovery_controls.small_threshold(pair(ONE)),
    ]


@pytest.mark.parametrize("result", everything(), ids=lambda r: str(r.claim))
def test_a_result_is_evaluated_again_from_what_it_stores(result: Result) -> None:
    claims = {claim.id: claim for claim in SUITE.claims}
    claim, arrays = claims[result.claim], dict(result.arrays)
    again = replay(claim, result.case, result.bracket.certificate, result.witness or {}, arrays)
    assert (again, again.bracket, again.witness) == (result, result.bracket, result.witness)
    for name in result.witness or {}:
        with pytest.raises(kernel.Refusal):
            replay(claim, result.case, {}, {k: v for k, v in (result.witness or {}).items() if k != name}, arrays)


def test_drawn_signals_have_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    for s in (1, 2, 4):
        x = signals(D, D, s, 9, rng)
        assert x.shape == (32, 9)
        assert np.count_nonzero(x, axis=0).max() <= s
        assert np.abs(x).max() <= 1


@pytest.mark.parametrize(
    "name", ["Gaussian 8 x 9", "identity and Hadamard 6 x 12", "digits", "", "Gaussian 0 x 9, seed 1"]
)
def test_a_name_that_is_no_dictionary_is_told(name: str) -> None:
    with pytest.raises(InputError, match="the name of a dictionary"):
        dictionary(name)


def test_the_rate_is_drawn_on_request() -> None:
    drawn, quiet = assess(pair(ONE), (RATE,), drawn=True), assess(pair(ONE), (RATE,))
    assert [len(r.plots) for r in (*drawn, *quiet)] == [1, 0]
    attained, proved = drawn[0].plots[0].curves
    assert attained.y == pytest.approx(proved.y)
    assert recovery.CLAIMS == CLAIMS
