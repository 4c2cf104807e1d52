"""Constants known beforehand, and orders of convergence, against closed forms and by hand."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, Function, SquaredL2, Zero
from fbscheck.limit import LipschitzCurve, ParameterPath, Piecewise, error_curve
from fbscheck.limit.apriori import constant_rate, rate
from fbscheck.limit.convergence import at_nodes, converging, order_ends
from fbscheck.limit.error import error_bound

ONE, ZERO = np.ones((1, 1)), np.zeros((1, 1))


def test_the_constants_by_hand() -> None:
    """k = 2, l = 3 * 0.5, w = R = 0.25 sqrt(1), T = 1/2; K, L and the weight jump once."""
    K = Piecewise.steps(np.array([[[1.0]], [[2.0]]]))
    L = Piecewise.steps(np.array([[[3.0]], [[2.0]]]))
    path = ParameterPath(K, L, Piecewise.steps([0.25, 0.125]), L1(1.0), Fraction(1, 2))
    found = rate(path, np.array([1.0]), np.array([0.5]))
    B = math.e * (1 + 0.5 * (1.5 + 0.25))
    V = 2 * B + 1.5 + 0.25
    C1 = 0.25**2 / 2 + 2 * 0.25 * (2 * B + 1.5) + 0.25 * (2 * V / 2 + B * 1 + 0.5) + 0.125 * V
    C2 = 2 * V / 4 + B + 0.5 + 0.125
    expected = (B, V, C1, C2, 1.0, math.sqrt(C1) + C2)
    assert (found.states, found.speed, found.dissipated, found.driven, found.growth, 2 * found.bound(1)) == (
        pytest.approx(expected, rel=1e-9)
    )
    assert all(
        got >= want * (1 - 1e-15) for got, want in zip((found.states, found.dissipated), (B, C1), strict=True)
    ), "rounded up"


@pytest.mark.parametrize("turns", [0.0, 2.0])
@pytest.mark.parametrize("least", [-1.0, 0.5])
def test_what_grows_does_so_by_the_negative_part_of_the_modulus(least: float, turns: float) -> None:
    K = least * np.eye(2) + turns * np.array([[0.0, -1.0], [1.0, 0.0]])
    path = ParameterPath(K, np.zeros((2, 1)), 0.1, L1(1.0), 2)
    assert rate(path, np.ones(2), np.zeros(1)).growth == pytest.approx(math.exp(2 * max(-least, 0.0)), rel=1e-9)


@pytest.mark.parametrize("depth", [4, 16, 256])
def test_a_jump_after_a_node_attains_the_bound_for_varying_paths(depth: int) -> None:
    """x' = b after the jump; the network misses the rest of one layer."""
    share = Fraction(1, 2**14)
    path = ParameterPath(ZERO, Piecewise.steps(np.array([ZERO, ONE]), [0, share, 1]), 0.0, Zero(), 1)
    missed = float(Fraction(1, depth) - share)
    bound = rate(path, np.zeros(1), np.ones(1)).bound(depth)
    assert missed <= bound <= missed / 0.98
    assert rate(path, np.zeros(1), np.ones(1), varying=False).bound(depth) < missed, "planted: variation left out"
    assert error_bound(path, np.zeros(1), np.ones(1), depth, refine=2**14 // depth).lower == pytest.approx(missed)


@pytest.mark.parametrize("angle", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("depth", [8, 64])
def test_a_rotation_stays_within_the_bound_for_constant_paths(angle: float, depth: int) -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    path = ParameterPath(turn, np.zeros((2, 1)), 0.0, Zero(), angle)
    found = constant_rate(path, np.array([1.0, 0.0]), np.zeros(1))
    n = np.arange(depth + 1)
    error = np.abs((1 + 1j * angle / depth) ** n - np.exp(1j * angle * n / depth)).max()
    assert error <= found.bound(depth)
    assert (error > found.bound(depth, forward=False)) == (angle > 1.5), "planted: the forward part left out"


@pytest.mark.parametrize(
    ("r", "x0", "speed"),
    [
        pytest.param(Zero(), 2.0, 1.0, id="Kx - Lb"),
        pytest.param(L1(0.5), 2.0, 1.5, id="one slope"),
        pytest.param(L1(0.5), 0.0, 0.5, id="the nearest of many slopes"),
        pytest.param(L1(2.0), 0.0, 0.0, id="at rest"),
        pytest.param(SquaredL2(3.0), 2.0, 7.0, id="curved"),
        pytest.param(Box(0.0, 2.0), 2.0, 1.0, id="from the boundary inward"),
        pytest.param(Box(-3.0, 0.0), 0.0, 0.0, id="held by the boundary"),
    ],
)
def test_the_initial_speed(r: Function, x0: float, speed: float) -> None:
    path = ParameterPath(ONE, ONE, 1.0, r, 1)
    found = constant_rate(path, np.array([x0]), np.ones(1))
    assert found.speed == pytest.approx(speed, rel=1e-9, abs=1e-12)
    assert found.speed >= speed


@pytest.mark.parametrize(
    ("path", "known", "message"),
    [
        (ParameterPath(ONE, ONE, 1.0, Box(-1, 1), 1), rate, "Lipschitz function r, got Box"),
        (
            ParameterPath(ONE, ONE, LipschitzCurve(lambda t: 1 + 0 * t, 1.0, 1.0), L1(1.0), 1),
            rate,
            "straight pieces .* LipschitzCurve",
        ),
        (ParameterPath(ONE, ONE, Piecewise.steps([1.0, 2.0]), L1(1.0), 1), constant_rate, "path that is constant"),
        (ParameterPath(ONE, ONE, 1.0, Box(0.0, 0.5), 1), constant_rate, "x_0 in the domain"),
    ],
    ids=["indicator", "Lipschitz curve", "not constant", "outside"],
)
def test_what_the_constants_need(path: ParameterPath, known: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        known(path, np.ones(1), np.ones(1))  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(3))
def test_random_networks_stay_within_both_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d = 2 + seed
    K = rng.standard_normal((3, d, d)) / 2
    changing = ParameterPath(Piecewise.steps(K), np.eye(d), Piecewise.steps(rng.random(5)), L1(0.3), 1)
    constant = ParameterPath(K[0], np.eye(d), 0.7, L1(0.3), 1)
    x0, b = rng.standard_normal((2, d, 4))
    for depth in (3, 20):
        for path in (changing, constant):
            assert error_bound(path, x0, b, depth, refine=32).upper <= rate(path, x0, b).bound(depth)
        assert error_bound(constant, x0, b, depth, refine=32).upper <= constant_rate(constant, x0, b).bound(depth)


def test_errors_of_a_linear_flow_are_those_of_the_closed_form() -> None:
    """x' = -x: x_n = (1 - h)^n; between nodes the error is largest at a node or where its slope vanishes."""
    path = ParameterPath(ONE, ZERO, 0.0, Zero(), 1)
    found = converging(path, np.ones(1), np.zeros(1), (4, 8, 16), 2**12)
    t = np.linspace(0, 1, 4097)
    for depth, everywhere, nodes, end, bound in zip(
        found.depths, found.everywhere, found.nodes, found.end, found.bounds, strict=True
    ):
        states = (1 - 1 / depth) ** np.arange(depth + 1)
        errors = np.abs(np.interp(t, np.arange(depth + 1) / depth, states) - np.exp(-t))
        at = np.abs(states - np.exp(-np.arange(depth + 1) / depth))
        for (low, high), true in ((everywhere, errors.max()), (nodes, at.max()), (end, at[-1])):
            assert low <= true <= high * (1 + 1e-12)
            assert high - low < 5e-4
        assert errors.max() <= bound


def test_errors_know_what_the_limit_is_known_to() -> None:
    path = ParameterPath(ONE, ZERO, 0.0, Zero(), 1)
    coarse, fine = (error_curve(path, np.ones(1), np.zeros(1), depth) for depth in (4, 64))
    low, high = at_nodes(coarse, fine)
    true = np.abs(0.75 ** np.arange(5) - np.exp(-np.arange(5) / 4))
    assert (low[:, 0] <= true).all()
    assert (true <= high[:, 0]).all()
    apart = np.abs(coarse.states[:, 0, 0] - fine.states[::16, 0, 0])
    assert (np.abs(apart - true)[1:] > 1e-3).all(), "planted: the deeper network taken for the limit"
    with pytest.raises(InputError, match="multiple of 4, got 65"):
        at_nodes(coarse, error_curve(path, np.ones(1), np.zeros(1), 65))


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("off", [0.0, 0.01])
def test_orders_are_enclosed(order: float, off: float) -> None:
    depths = (8, 16, 32, 64, 128, 256)
    rng = np.random.default_rng(0)
    true = [3 * depth**-order for depth in depths]
    ends = [(e * (1 - off * rng.random()), e * (1 + off * rng.random())) for e in true]
    low, high = order_ends(depths, ends)
    assert low - 1e-14 <= order <= high + 1e-14
    assert high - low <= 1.1 * off + 1e-14
    for _ in range(20):
        chosen = [rng.uniform(*pair) for pair in ends]
        fitted = -np.polyfit(np.log(depths), np.log(chosen), 1)[0]
        assert low - 1e-13 <= fitted <= high + 1e-13


@pytest.mark.parametrize(
    ("depths", "errors", "message"),
    [
        ((8,), [(1.0, 2.0)], "two depths"),
        ((8, 16), [(1.0, 2.0)], "an error for each"),
        ((8, 16), [(1.0, 2.0), (1.0, math.inf)], "pairs 0 <= lower"),
        ((8, 16), [(2.0, 1.0), (1.0, 2.0)], "pairs 0 <= lower"),
    ],
)
def test_bad_errors(depths: Sequence[int], errors: Sequence[tuple[float, float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        order_ends(depths, errors)


def test_an_error_that_may_be_zero_shows_no_order() -> None:
    assert order_ends((8, 16), [(1.0, 2.0), (0.0, 1.0)]) == (-math.inf, math.inf)


def test_a_reference_must_fit() -> None:
    with pytest.raises(InputError, match="reference with a multiple of each depth, got 100"):
        converging(ParameterPath(ONE, ONE, 0.0, Zero(), 1), np.ones(1), np.ones(1), (8, 16), 100)
