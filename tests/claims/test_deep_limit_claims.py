"""Chapter "deep-limit": verdicts, numbers known from elsewhere, planted errors, hypotheses, replay."""

import dataclasses
import json
import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify import kernel
from fbscheck.certify.balls import nearest
from fbscheck.claims.limits import deep_limit, deep_limit_constants, deep_limit_controls
from fbscheck.claims.limits.deep_limit_constants import Decay, Polygon, Power, Rotation, geometric
from fbscheck.claims.limits.limit_case import LimitCase
from fbscheck.claims.replay import replay
from fbscheck.functions import L1, Huber, NonNegative, SquaredL2, Zero
from fbscheck.limit import ParameterPath, Piecewise
from fbscheck.suites import deep_limit as suite
from fbscheck.verdict import Claim, Result, Verdict

R = Fraction
ONE = np.ones((1, 1))
GRADIENT = (deep_limit.ESTIMATOR, deep_limit.UNIFORM, deep_limit.ENERGY)


def drawn(kind: str, d: int = 3, depth: int = 8, seed: int = 0) -> dict[Claim, LimitCase]:
    return suite.cases(kind, d, depth, np.random.default_rng(seed))


DRAWN = [pytest.param(kind, claim, id=f"{kind}: {claim.id}") for kind in suite.KINDS for claim in drawn(kind)]


@pytest.mark.parametrize(("kind", "claim"), DRAWN)
def test_drawn_cases_are_certified(kind: str, claim: Claim) -> None:
    result = deep_limit.assess(claim, drawn(kind)[claim])
    assert result.verdict is Verdict.CERTIFIED
    assert result.bracket.lower is not None
    assert result.bracket.lower > 0.003


EXTREMAL = [
    pytest.param(claim, case, wrong, id=claim.id)
    for (claim, case), wrong in zip(suite.extremal(), deep_limit.PLANTED, strict=True)
]


@pytest.mark.parametrize(("claim", "case", "wrong"), EXTREMAL)
def test_extremal_cases_are_certified_and_smaller_bounds_refuted(claim: Claim, case: LimitCase, wrong: Claim) -> None:
    assert wrong.id == f"planted.{claim.id}"
    assert deep_limit.assess(claim, case).verdict is Verdict.CERTIFIED
    assert deep_limit.assess(wrong, case).verdict is Verdict.REFUTED


def line(r: Any, k: float, x0: float, b: float, depth: int, horizon: int = 1, weight: float = 1.0) -> LimitCase:
    return suite.line("a line", r, k, weight, x0, b, depth, horizon)


RATIOS: list[Any] = [
    pytest.param(deep_limit.UNIFORM, line(Zero(), 1, 1, 0, 1), math.sqrt(2) / math.e, id="one layer with hk = 1"),
    pytest.param(deep_limit.ENERGY, line(Zero(), 1, 1, 0, 1), math.sqrt(2) / math.e, id="its energy, 1/2"),
    pytest.param(deep_limit.ESTIMATOR, line(Zero(), 1, 1, 0, 1), math.sqrt(6) / math.e, id="its curvature, 1/6"),
    pytest.param(deep_limit.ESTIMATOR, line(L1(1.0), 0, 2, -3, 1), 0.5, id="speed 4 to a kink, 2 beyond"),
    pytest.param(deep_limit.UNIFORM, line(L1(1.0), 0, 2, -3, 1), math.sqrt(2) / 4, id="the same: (1/2)^2 at a node"),
    pytest.param(deep_limit.ENERGY, line(L1(1.0), 0, 1, -2, 1), math.sqrt(4 / 27), id="speed 3 to a kink, 1 beyond"),
    pytest.param(
        deep_limit.ESTIMATOR,
        line(SquaredL2(1.0), 0, 1, 0, 200, 4),
        max(t * math.exp(-t) / math.sqrt(1 - math.exp(-2 * t)) for t in np.arange(0.02, 4, 0.01)),
        id="x' = -x, K = 0: te^{-t}h/2 against h(1-e^{-2t})^{1/2}/2",
    ),
    pytest.param(deep_limit.INITIAL, line(NonNegative(), 0, -1, 1, 16), 0.5, id="one layer late"),
]


@pytest.mark.parametrize(("claim", "case", "ratio"), RATIOS)
def test_ratios_by_hand(claim: Claim, case: LimitCase, ratio: float) -> None:
    bracket = deep_limit.assess(claim, case).bracket
    assert bracket.lower == pytest.approx(ratio, rel=2e-2 if case.depth > 100 else 1e-9)
    assert bracket.upper == pytest.approx(bracket.lower, rel=1e-12)


def test_a_jump_of_the_weight_keeps_the_first_order() -> None:
    """N11: the modulus of the weight does not tend to zero in sup norm, distance and bound do like h."""
    scaled = []
    for depth in (16, 128):
        sides = deep_limit.nodal_sides(suite.jump(depth))
        scaled.append((depth * max(float(apart.mid()) for apart, _ in sides), depth * max(bound for _, bound in sides)))
        assert deep_limit.assess(deep_limit.CERTIFIED, suite.jump(depth)).verdict is Verdict.CERTIFIED
    assert all(0.1 < apart < bound < 2.5 for apart, bound in scaled)


def test_exact_splitting_and_float_network_agree() -> None:
    case = drawn("Huber")[deep_limit.ENERGY]
    splitting, layers = (nearest(states) for states in (case.splitting(), case.layers()))
    np.testing.assert_allclose(splitting, layers, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(layers[-1], case.network(case.x0, case.b), rtol=1e-13, atol=1e-13)


TURNED = np.array([[0.0, -1.0], [1.0, 0.0]])
UNMET: list[Any] = [
    pytest.param(deep_limit.ESTIMATOR, drawn("l1")[deep_limit.CERTIFIED], "constant", id="a path with jumps"),
    pytest.param(
        deep_limit.UNIFORM,
        LimitCase("turn", ParameterPath(TURNED, np.zeros((2, 1)), 1.0, Zero(), 1), np.ones((2, 1)), ONE, 8),
        "K = K",
        id="a rotation",
    ),
    pytest.param(deep_limit.ENERGY, line(Zero(), -1, 1, 0, 8), "geq 0|>= 0", id="a negative curvature"),
    pytest.param(deep_limit.UNIFORM, line(Zero(), 3, 1, 0, 2), "1 is not met: off by 0.5", id="a long step"),
    pytest.param(deep_limit.UNIFORM, line(Huber(1.0), 1, 1, 0, 2), "polyhedral", id="a slope that rounds"),
    pytest.param(deep_limit.CERTIFIED, line(NonNegative(), 0, -1, 1, 4), "dom", id="a start outside"),
    pytest.param(deep_limit.INITIAL, line(Zero(), 0, -1, 1, 4), "indicator", id="no domain to leave"),
]


@pytest.mark.parametrize(("claim", "case", "reason"), UNMET)
def test_hypotheses_are_checked(claim: Claim, case: LimitCase, reason: str) -> None:
    result = deep_limit.assess(claim, case)
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert re.search(reason, result.reason)


def test_planted_a_claim_without_its_hypothesis_is_refuted() -> None:
    """Uniform in time for a rotation, over a long time: only the hypothesis keeps it from being claimed."""
    case = LimitCase("turn", ParameterPath(TURNED, np.zeros((2, 1)), 1.0, Zero(), 8), np.ones((2, 1)), ONE, 64)
    for claim in GRADIENT[:2]:
        assert deep_limit.assess(dataclasses.replace(claim, hypotheses=()), case).verdict is Verdict.REFUTED


# -- constants -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_the_sharp_nodal_constant_is_attained(n: int) -> None:
    """.25, .2963, .3349, .3589 of h |d0 g(x_0)|."""
    polygon = geometric(n, "geometric")
    x = polygon.states()
    off = [abs(a - polygon.flow(k * polygon.step)) for k, a in enumerate(x)]
    assert off[n] == R(n, n + 1) ** (n + 1)
    assert float(off[n]) == pytest.approx({1: 0.25, 2: 0.2963, 5: 0.3349, 20: 0.3589}[n], abs=5e-5)
    result = deep_limit_constants.assess(deep_limit_constants.NODAL, polygon)
    assert (result.verdict, result.bracket.lower, result.bracket.upper) == (Verdict.CERTIFIED, 1.0, 1.0)
    assert deep_limit_constants.assess(deep_limit_constants.PLANTED[0], polygon).verdict is Verdict.REFUTED


@pytest.mark.parametrize("seed", range(20))
def test_no_polygon_exceeds_the_nodal_constant(seed: int) -> None:
    """Random polygons; their implicit steps satisfy the optimality condition, checked on the way."""
    rng = np.random.default_rng(seed)
    speeds = sorted((R(int(v), 8) for v in rng.integers(0, 40, 6)), reverse=True)
    lengths = tuple(R(int(v), 8) for v in rng.integers(1, 16, 5))
    polygon = Polygon("random", (*speeds[:-1], speeds[-1]), lengths, R(int(rng.integers(1, 8)), 8), 10)
    knots = [sum(lengths[:j], R(0)) for j in range(1, 6)]
    for x, y in zip(polygon.states(), polygon.states()[1:], strict=False):
        speed = (y - x) / polygon.step
        left = speeds[sum(knot < y for knot in knots)]
        right = speeds[sum(knot <= y for knot in knots)]
        assert right <= speed <= left
    assert deep_limit_constants.assess(deep_limit_constants.NODAL, polygon).verdict is Verdict.CERTIFIED


def test_a_polygon_that_is_not_convex_is_no_case() -> None:
    bent = Polygon("bent", (R(1), R(2)), (R(1),), R(1, 2), 4)
    assert deep_limit_constants.assess(deep_limit_constants.NODAL, bent).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("k", "rho", "constant"),
    [
        pytest.param(R(1), R(0), -math.exp(-1) / 2, id="x' = -x, explicit"),
        pytest.param(R(0), R(1), math.exp(-1) / 2, id="x' = -x, implicit"),
        pytest.param(R(1, 2), R(1, 4), -0.5 * 0.1875 * math.exp(-0.75), id="both"),
        pytest.param(R(-1), R(2), 1.5 * math.exp(-1), id="growth against damping"),
    ],
)
def test_the_leading_constant(k: Fraction, rho: Fraction, constant: float) -> None:
    decay = Decay("decay", k, rho, R(1), R(1), 4096)
    scaled = 4096 * (((1 - float(k) / 4096) / (1 + float(rho) / 4096)) ** 4096 - math.exp(-float(k + rho)))
    assert scaled == pytest.approx(constant, rel=2e-3)
    assert deep_limit_constants.assess(deep_limit_constants.LEADING, decay).verdict is Verdict.CERTIFIED
    assert deep_limit_constants.assess(deep_limit_constants.PLANTED[1], decay).verdict is Verdict.REFUTED


def test_half_an_order_for_rotations() -> None:
    """2 T N^(-1/2) |A x_0| bounds the error, .4513 (Th)^(1/2) |A x_0| is attained."""
    turn = Rotation("worst", R(1623, 32), R(1, 1024), 1024)
    bracket = deep_limit_constants.assess(deep_limit_constants.RESOLVENT, turn).bracket
    assert bracket.lower == pytest.approx(0.4513 / 2, rel=1e-3)
    z = (1 / (1 + 1j * 1623 / 32 / 1024)) ** 1024 - np.exp(-1j * 1623 / 32)
    assert bracket.lower == pytest.approx(abs(z) / (2 / 32 * 1623 / 32), rel=1e-9)
    assert deep_limit_constants.assess(deep_limit_constants.PLANTED[2], turn).verdict is Verdict.REFUTED


@pytest.mark.parametrize("a", [R(1, 100), R(1, 10), R(1, 2), R(9, 10)], ids=str)
def test_the_energy_bound_has_the_exponent_of_the_error(a: Fraction) -> None:
    """At all steps the same ratio a^(1/2) ((2-a)^p - 1); a = 1/2 gives .31037 h^(2/3)."""
    ratios = [
        deep_limit_constants.assess(deep_limit_constants.EXPONENT, Power("x^a", a, R(1, 4**k))).bracket.lower
        for k in (1, 5, 20)
    ]
    x = float(a)
    expected = math.sqrt(x) * ((2 - x) ** (1 / (2 - x)) - 1)
    assert ratios == pytest.approx([expected] * 3, rel=1e-12)
    half = Power("1/2", R(1, 2), R(1, 64))
    assert deep_limit_constants.assess(deep_limit_constants.PLANTED[3], half).verdict is Verdict.REFUTED
    steep = Power("3/2", R(3, 2), R(1, 64))
    assert deep_limit_constants.assess(deep_limit_constants.EXPONENT, steep).verdict is Verdict.NOT_APPLICABLE


# -- controls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [64, 101, 512])
@pytest.mark.parametrize("claim", deep_limit_controls.CONTROLS, ids=lambda claim: str(claim.id))
def test_controls_are_refuted(claim: Claim, depth: int) -> None:
    assert deep_limit_controls.assess(claim, depth).verdict is Verdict.REFUTED


NUMBERS = [
    pytest.param(deep_limit_controls.START_OUTSIDE, 512, 0.31037 / 64, id="N4: .31037 h^(2/3)"),
    pytest.param(deep_limit_controls.INITIAL_TIME, 64, 1.0, id="N5"),
    pytest.param(deep_limit_controls.MOVING_DOMAIN, 64, 1.0, id="N13"),
    pytest.param(deep_limit_controls.WEAKLY_CONVEX, 3, 27.0, id="N19, N=3"),
    pytest.param(deep_limit_controls.WEAKLY_CONVEX, 4, 16.0, id="N19, N=4"),
    pytest.param(deep_limit_controls.WEAKLY_CONVEX, 100, 7.540, id="N19, N=100"),
    pytest.param(deep_limit_controls.SUPERCONVERGENT, 100, -math.exp(-2) * 2 / 3e4, id="N21: h^2"),
    pytest.param(deep_limit_controls.SKEW_RESOLVENT, 1024, 0.4513 / 32 * 1623 / 32, id="D9"),
]


@pytest.mark.parametrize(("claim", "depth", "value"), NUMBERS)
def test_controls_attain_what_they_should(claim: Claim, depth: int, value: float) -> None:
    assert deep_limit_controls.assess(claim, depth).bracket.lower == pytest.approx(value, rel=1e-3)


# -- replay --------------------------------------------------------------------------------------


def some() -> list[Result]:
    cases = drawn("ReLU", 2, 4)
    wrong = {claim.id: claim for claim in (*deep_limit.PLANTED, *deep_limit_constants.PLANTED)}
    return [
        *(deep_limit.assess(claim, case) for claim, case in cases.items()),
        *(deep_limit_constants.assess(claim, instance) for claim, instance in suite.constants()[-4:]),
        *(deep_limit.assess(wrong[f"planted.{claim.id}"], case) for claim, case in suite.extremal()[1:]),
        deep_limit_constants.assess(wrong["planted.deep-limit.nodal"], geometric(5, "geometric, n=5")),
        *(deep_limit_controls.assess(claim, 64) for claim in deep_limit_controls.CONTROLS),
    ]


def claim_of(result: Result) -> Claim:
    return next(claim for claim in suite.SUITE.claims if claim.id == result.claim)


@pytest.mark.parametrize("result", some(), ids=lambda result: result.claim)
def test_a_result_is_evaluated_again_from_its_witness(result: Result) -> None:
    witness = json.loads(json.dumps(result.witness))
    assert replay(claim_of(result), result.case, None, witness, dict(result.arrays)) == result


def inside(**changes: Any) -> Any:
    return lambda witness: {"limit": {**witness["limit"], **changes}}


BROKEN: list[Any] = [
    pytest.param(lambda witness: {}, id="nothing"),
    pytest.param(lambda witness: {**witness, "note": "1"}, id="a field more"),
    pytest.param(inside(note="1"), id="a field more inside"),
    pytest.param(inside(x0="data/none.npy"), id="a missing array"),
    pytest.param(inside(depth=0), id="no layer"),
    pytest.param(inside(depth=True), id="a depth that is none"),
    pytest.param(inside(horizon="-1"), id="time that runs back"),
    pytest.param(lambda w: inside(K={**w["limit"]["K"], "times": "0 1"})(w), id="fewer times"),
    pytest.param(lambda w: inside(K={**w["limit"]["K"], "times": "0 1/2 1/3"})(w), id="times that go back"),
    pytest.param(lambda w: inside(K=w["limit"]["weights"])(w), id="another shape"),
    pytest.param(lambda w: inside(b=w["limit"]["x0"])(w), id="data of another length"),
    pytest.param(inside(r={"kind": "Nothing"}), id="an unknown function"),
]


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_witness_is_refused(change: Any) -> None:
    result = some()[0]
    with pytest.raises(kernel.Refusal):
        replay(claim_of(result), result.case, None, change(result.witness), dict(result.arrays))


POLYGON = deep_limit_constants.assess(deep_limit_constants.NODAL, geometric(2, "geometric, n=2"))
BENT: list[Any] = [
    pytest.param({"lengths": ["1"]}, id="a length too few"),
    pytest.param({"lengths": ["1", "-1/2"]}, id="a negative length"),
    pytest.param({"step": "0"}, id="no step"),
    pytest.param({"depth": 2.0}, id="a depth that is none"),
    pytest.param({"instance": "Decay"}, id="another kind"),
    pytest.param({"more": "1"}, id="a field more"),
]


@pytest.mark.parametrize("change", BENT)
def test_a_broken_instance_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(kernel.Refusal):
        replay(deep_limit_constants.NODAL, POLYGON.case, None, {**(POLYGON.witness or {}), **change}, {})


def test_an_instance_of_another_claim_is_refused() -> None:
    with pytest.raises(kernel.Refusal, match="another kind"):
        replay(deep_limit_constants.LEADING, POLYGON.case, None, POLYGON.witness or {}, {})


def test_names_of_the_suite_find_their_cases() -> None:
    assert {case.path.r.__class__ for case in suite.named("limit: box, d=4, N=16", 3)} == {
        type(drawn("box")[deep_limit.CERTIFIED].path.r)
    }
    assert [case.depth for case in suite.named("limit: weight .3, then .9, N=64", 0)] == [64]
    assert suite.named("extremal: x' = -x, one layer", 0)
    assert suite.named("limit: box, d=5, N=16", 3) == ()
    assert isinstance(suite.jump(8).path.weights, Piecewise)
