"""Chapter "learning": closed minima against another route, trained networks, constants, controls, replay."""

import dataclasses
import itertools
from typing import Any

import flint
import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import minimize

from fbscheck.certify import kernel
from fbscheck.certify.balls import exact, lower, nearest, upper
from fbscheck.claims.learning import learning_anchors, learning_controls, tied
from fbscheck.claims.learning.anchor_paths import at_nodes, minimisers
from fbscheck.claims.learning.anchors import Anchor, least
from fbscheck.claims.learning.learning_anchors import DISTANCE, LEADING, MINIMISER, MINIMUM, SHIFT, STRONG
from fbscheck.claims.learning.shooting import Shooting
from fbscheck.claims.replay import replay
from fbscheck.learning.one_sample import least_value
from fbscheck.suites import learning as suite
from fbscheck.verdict import Claim, Result, Verdict, planted


def again(claim: Claim, result: Result) -> Result:
    assert result.witness is not None
    return replay(claim, result.case, None, result.witness, dict(result.arrays))


# -- closed minima, by mpmath at 30 digits ------------------------------------------------------------------


def decay(depth: int | None) -> mp.mpf:
    a, target = mp.mpf(0.01), mp.mpf(0.2)

    def value(k: mp.mpf) -> mp.mpf:
        end = mp.exp(-k) if depth is None else (1 - k / depth) ** depth
        return (end - target) ** 2 / 2 + a * k**2

    return value(mp.findroot(lambda k: mp.diff(value, k), 1.25))


def turn(depth: int | None) -> mp.mpf:
    a = mp.mpf(0.005)

    def value(s: mp.mpf, w: mp.mpf) -> mp.mpf:
        loss = (mp.exp(2 * s) + 2 * mp.exp(s) * mp.cos(w) + 1) / 2
        rate = mp.mpc(s, w)
        return loss + a * (abs(rate) ** 2 if depth is None else depth**2 * abs(mp.exp(rate / depth) - 1) ** 2)

    def slopes(s: mp.mpf, w: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
        return mp.diff(value, (s, w), (1, 0)), mp.diff(value, (s, w), (0, 1))

    return value(*mp.findroot(slopes, (0, 3.1)))


def driven(depth: int | None) -> mp.mpf:
    """The limit in one variable; networks by descent over states, which knows nothing of shooting."""
    a = mp.mpf(0.05)
    if depth is None:

        def value(y: mp.mpf) -> mp.mpf:
            return (y - 2) ** 2 / 2 + a * (mp.asinh(y) - mp.asinh(0.5)) ** 2

        return value(mp.findroot(lambda y: mp.diff(value, y), 1.96))

    def cost(x: np.ndarray) -> float:
        x = np.concatenate([[0.5], x])
        return float((x[-1] - 2) ** 2 / 2 + 0.05 * depth * np.sum(np.diff(x) ** 2 / (x[:-1] ** 2 + 1)))

    starts = (np.linspace(0.5, end, depth + 1)[1:] for end in (2.0, 0.5, -2.0))
    return min(minimize(cost, x, method="BFGS", options={"gtol": 1e-9}).fun for x in starts)


CLOSED = {"decay": decay, "turn": turn, "driven": driven}
CASES = [(kind, depth) for kind, depths in suite.DEPTHS.items() for depth in (*depths[:2], None)]


@pytest.mark.parametrize(("kind", "depth"), CASES)
def test_least_values_are_those_of_another_route(kind: str, depth: int | None) -> None:
    with mp.workdps(30):
        expected = float(CLOSED[kind](depth))
    found = Anchor(kind, depth).least()
    assert found is not None
    assert upper(found.value) - lower(found.value) < 1e-15
    assert float(found.value.mid()) == pytest.approx(
        expected, rel=1e-13 if kind != "driven" or depth is None else 1e-10
    )


@pytest.mark.parametrize(
    ("kind", "depth", "expected"),
    [
        ("decay", 160, 0.01924500168046),
        ("decay", None, 0.019366356354497353),
        ("turn", 128, 0.0488566401),
        ("turn", None, 0.04885927269685),
        ("driven", 128, 0.0456246936),
        ("driven", None, 0.04538943656508),
    ],
)
def test_least_values_known_beforehand(kind: str, depth: int | None, expected: float) -> None:
    found = Anchor(kind, depth).least()
    assert found is not None and float(found.value.mid()) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("kind", "depth"), CASES)
def test_branch_and_bound_over_states_finds_the_same(kind: str, depth: int | None) -> None:
    """:mod:`fbscheck.learning.one_sample` was written independently, with other reductions."""
    anchor = Anchor(kind, depth)
    known, found = anchor.least(), least_value(anchor.problem, depth)
    assert known is not None and found.lower is not None and found.upper is not None
    assert found.lower <= upper(known.value) and lower(known.value) <= found.upper
    assert found.upper - found.lower < 1e-9


@pytest.mark.parametrize("kind", suite.DEPTHS)
def test_no_parameters_are_better_than_the_least_value(kind: str) -> None:
    """Random ones, and random ones near the minimiser."""
    anchor, rng = Anchor(kind, 16), np.random.default_rng(0)
    known, problem = anchor.least(), anchor.problem
    best = nearest(minimisers(anchor)[0])
    assert known is not None
    assert problem.value(best) == pytest.approx(float(known.value.mid()), abs=1e-14)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(20):
            theta = best + size * rng.standard_normal(best.shape)
            assert problem.value(theta) > float(known.value.mid())
            assert upper(anchor.value(theta)) == pytest.approx(problem.value(theta), rel=1e-12)


def test_a_large_layer_is_seen() -> None:
    """With a small penalty two layers of three quarters beat equal ones; the argument must not go through."""
    assert Anchor("turn", 16).near(0.0488) and not Anchor("turn", 16).near(0.0605)
    assert Anchor("decay", 8).near(0.02) and not Anchor("decay", 8).near(0.0201)
    with pytest.raises(kernel.Refusal, match="too much"):
        Shooting(0.5, 2.0, 0.01, 4).least()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        pytest.param(lambda x: (x * x - 1) * (x * x - 1), "another value", id="two minima"),
        pytest.param(lambda x: x * x * x * x, "another value", id="flat"),
        pytest.param(lambda x: -x * x, "not convex", id="a maximum"),
        pytest.param(lambda x: x * x + 7, "outside the interval", id="less outside"),
    ],
)
def test_what_is_not_seen_is_refused(function: Any, message: str) -> None:
    with pytest.raises(kernel.Refusal, match=message):
        least(function, -2, 2, 0.9, ball_of(6.0))


def ball_of(value: float) -> flint.arb:
    return flint.arb(value)


def test_the_lower_minimum_is_found_from_the_other_one() -> None:
    def tilted(x: Any) -> Any:
        return (x * x - 1) * (x * x - 1) + x * ball_of(0.125)

    found = least(tilted, -2, 2, -1.0, ball_of(6.0))
    other = mp.findroot(lambda x: 4 * x * (x**2 - 1) + 0.125, -1)
    assert float(found.point.mid()) == pytest.approx(float(other), abs=1e-14)
    with pytest.raises(kernel.Refusal, match="another value"):
        least(tilted, -2, 2, 1.0, ball_of(6.0))


# -- trained networks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", suite.DEPTHS)
def test_trained_networks_are_certified_and_planted_errors_refuted(kind: str) -> None:
    anchor = Anchor(kind, 20 if kind == "decay" else 16)
    theta = suite.trained(anchor.problem, kind, anchor.depth or 0)
    for claim in learning_anchors.TRAINED:
        result = learning_anchors.assess(claim, anchor, theta)
        assert result.verdict is Verdict.CERTIFIED, claim.id
        assert again(claim, result) == result
    wrong = learning_anchors.assess(planted(MINIMUM), anchor, theta, 0.99)
    assert wrong.verdict is Verdict.REFUTED and again(planted(MINIMUM), wrong) == wrong
    worse = theta + 0.01
    assert learning_anchors.assess(MINIMUM, anchor, worse).verdict is Verdict.UNDECIDED
    assert learning_anchors.assess(MINIMISER, anchor, worse).verdict is Verdict.REFUTED
    far = theta + 4.0
    assert {learning_anchors.assess(claim, anchor, far).verdict for claim in (DISTANCE, STRONG)} == {Verdict.REFUTED}


def test_the_distance_is_that_of_a_quadrature() -> None:
    """Of both senses the nearer one; between nodes paths move by no more than their speed says."""
    depth, fine = 16, 64
    theta = nearest(minimisers(Anchor("turn", depth))[1])
    paths, speed = at_nodes(Anchor("turn", None), depth * fine)
    apart = [np.sqrt(np.mean(np.sum((np.repeat(theta, fine, 0) - nearest(path)) ** 2, axis=1))) for path in paths]
    bracket = learning_anchors.assess(DISTANCE, Anchor("turn", depth), theta).bracket
    assert bracket.lower is not None and bracket.upper is not None
    assert bracket.lower <= min(apart) <= bracket.upper and min(apart) < 0.4 < 5 < max(apart)
    jumps = np.linalg.norm(np.diff(nearest(paths[0]), axis=0), axis=1) * depth * fine
    assert jumps.max() <= float(speed.mid()) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("claim", "kind", "constant"),
    [
        pytest.param(LEADING, "decay", -0.0194517108, id="values of decay"),
        pytest.param(SHIFT, "decay", -0.4119910194, id="minimisers of decay"),
        pytest.param(LEADING, "driven", 0.0301, id="values of driven"),
    ],
)
def test_leading_constants(claim: Claim, kind: str, constant: float) -> None:
    near, far = Anchor(kind, 128).least(), Anchor(kind, None).least()
    assert near is not None and far is not None
    found = 128 * (near.value - far.value if claim is LEADING else near.point - far.point)
    assert float(found.mid()) == pytest.approx(constant, rel=5e-3)
    anchor = Anchor(kind, 2**14 if kind == "decay" else 256)
    result = learning_anchors.assess(claim, anchor)
    assert result.verdict is Verdict.CERTIFIED and again(claim, result) == result
    wrong = learning_anchors.assess(planted(claim), anchor, scale=0.99)
    assert wrong.verdict is Verdict.REFUTED


# -- controls -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "attained"),
    [
        pytest.param(learning_controls.WHOLE_SEQUENCE, 5.377, id="two senses"),
        pytest.param(learning_controls.CONCENTRATED, 0.0280259 - 0.00995, id="one layer"),
        pytest.param(learning_controls.INFINITE, 0.5, id="dimensions"),
        pytest.param(learning_controls.SAMPLED, (1 - (1 - 1 / 64) ** 64) ** 2 / 2, id="samples"),
        pytest.param(learning_controls.UNBOUNDED, np.arctanh(1 - 2**-31.5), id="no penalty"),
    ],
)
def test_controls_are_refuted(claim: Claim, attained: float) -> None:
    result = learning_controls.assess(claim, 64)
    assert result.verdict is Verdict.REFUTED
    assert result.bracket.lower == pytest.approx(attained, rel=2e-4)
    assert again(claim, result) == result
    assert learning_controls.assess(claim, 512).verdict is Verdict.REFUTED


@pytest.mark.parametrize(("depth", "expected", "mean"), [(32, 0.0440, 0.1225), (64, 0.0511, 0.0618)])
def test_tied_weights_change_sign_in_every_layer(depth: int, expected: float, mean: float) -> None:
    A = tied.alternating(depth)
    assert tied.value_and_gradient(A)[0] == pytest.approx(expected, abs=5e-5)
    assert np.count_nonzero(np.diff(np.sign(A))) == depth - 1
    assert np.abs(np.cumsum(A)).max() / depth == pytest.approx(mean, abs=5e-5)
    result = tied.assess(tied.TIED, A)
    assert result.verdict is Verdict.REFUTED and again(tied.TIED, result) == result
    constant = min(tied.value_and_gradient(np.full(depth, a))[0] for a in np.linspace(0, 4, 81))
    assert constant > 3 * expected, "the best weight without oscillations is far worse"


def test_tied_weights_that_do_not_vanish_weakly_are_refused() -> None:
    """Constant ones do as well without any oscillation: they are no example."""
    result = tied.assess(tied.TIED, np.full(16, 0.9))
    assert result.witness is not None
    with pytest.raises(kernel.Refusal, match="primitive is not small"):
        replay(tied.TIED, result.case, None, result.witness, dict(result.arrays))


def test_six_tied_layers_are_best_with_other_signs() -> None:
    """All patterns of signs, each with the best sizes: the best one does not alternate."""
    found = {}
    for signs in itertools.product((1.0, -1.0), repeat=5):
        pattern = np.array([1.0, *signs])
        bounds = [(0, None) if sign > 0 else (None, 0) for sign in pattern]
        starts = (size * pattern for size in (0.7, 1.5, 2.2))
        runs = [minimize(tied.value_and_gradient, A, jac=True, method="L-BFGS-B", bounds=bounds) for A in starts]
        found["".join("+" if sign > 0 else "-" for sign in pattern)] = min(run.fun for run in runs)
    best = min(found, key=lambda pattern: found[pattern])
    assert best.startswith("+--+-") and found[best] < found["+-+-+-"] - 5e-5


def test_the_gradient_of_tied_weights_is_that_of_differences() -> None:
    rng = np.random.default_rng(1)
    A, along = rng.standard_normal(7), rng.standard_normal(7)
    value, gradient = tied.value_and_gradient(A)
    assert value == pytest.approx(float(tied.value(exact(A).tolist(), flint.arb(1)).mid()), rel=1e-14)
    quotient = (tied.value_and_gradient(A + 1e-5 * along)[0] - tied.value_and_gradient(A - 1e-5 * along)[0]) / 2e-5
    assert gradient @ along == pytest.approx(quotient, rel=1e-7)


# -- witnesses ----------------------------------------------------------------------------------------------

WRONG: list[tuple[Claim, dict[str, Any]]] = [
    (MINIMUM, {"anchor": {"kind": "decay", "depth": 10}}),
    (LEADING, {"anchor": {"kind": "decay", "depth": 10}, "theta": "data/x.npy"}),
    (LEADING, {"anchor": {"kind": "turn", "depth": 16}}),
    (LEADING, {"anchor": {"kind": "decay", "depth": 0}}),
    (LEADING, {"anchor": {"kind": "decay", "depth": None}}),
    (LEADING, {"anchor": {"kind": "growth", "depth": 10}}),
    (LEADING, {"anchor": {"kind": "decay", "depth": 10}, "scale": "99/100"}),
    (SHIFT, {"anchor": {"kind": "driven", "depth": 16}}),
    (learning_controls.SAMPLED, {"depth": 4}),
    (learning_controls.SAMPLED, {"depth": 64, "more": 1}),
    (tied.TIED, {"weights": "data/x.npy"}),
]


@pytest.mark.parametrize(("claim", "witness"), WRONG)
def test_malformed_witnesses_are_refused(claim: Claim, witness: dict[str, Any]) -> None:
    with pytest.raises(kernel.Refusal):
        replay(claim, "some case", None, witness, {})


def test_parameters_of_another_depth_are_refused() -> None:
    anchor = Anchor("decay", 10)
    result = learning_anchors.assess(STRONG, anchor, np.ones((10, 2)))
    other = dataclasses.replace(result, witness={**(result.witness or {}), "anchor": Anchor("decay", 20).describe()})
    with pytest.raises(kernel.Refusal, match="not those of a network"):
        again(STRONG, other)
