"""The certified distance from the limit, against limits with a closed form: never below, seldom far above."""

import dataclasses
import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from limit_samples import FUNCTIONS, at_nodes, distances, drawn, turning, violations

from fbscheck.certify.balls import ball, exact, lower, norm
from fbscheck.certify.rounded import Rounded
from fbscheck.errors import InputError
from fbscheck.functions import L1, GroupL2, L2Ball, NonNegative, Zero
from fbscheck.limit import LipschitzCurve, ParameterPath, Piecewise, certificate, defects, error_bound, error_curve
from fbscheck.limit.error import compared

R = Fraction
ONE = np.ones((1, 1))
DIMENSIONS = (1, 2, 3, 5, 10, 50)
SAMPLES = {1: 30, 2: 30, 3: 25, 5: 20, 10: 15, 50: 6}


@pytest.mark.parametrize("name", [*FUNCTIONS, "turning"])
def test_bounds_hold_at_every_node(name: str) -> None:
    """126 runs a function, 1134 in all, of 16 layers and up to 50 coordinates: no violation, and seldom far above."""
    depth, runs, found = 16, 0, []
    for d in DIMENSIONS:
        make = turning(d, SAMPLES[d], d) if name == "turning" else drawn(name, d, SAMPLES[d], d)
        path, x0, b = make
        sampling: Any = "nodes" if d % 2 else "averages"
        curve, truth = error_curve(path, x0, b, depth, sampling), at_nodes(path, x0, b, depth)
        assert violations(curve.states, truth, curve.nodes) == 0
        assert (curve.largest >= (1 - 1e-9) * curve.nodes.max(axis=0)).all()
        error = distances(curve.states, truth).max(axis=0)
        found += (curve.nodes.max(axis=0)[error > 1e-9] / error[error > 1e-9]).tolist()
        runs += SAMPLES[d]
    assert runs == 126
    assert min(found) >= 1
    print(f"\n{name}: effectivity {np.median(found):.2f} (median), {max(found):.1f} (largest) of {len(found)}")
    assert np.median(found) <= 12


@pytest.mark.parametrize("name", ["L1", "ElasticNet", "Box", "Huber", "turning"])
def test_a_deeper_network_between_the_two_makes_the_bound_sharp(name: str) -> None:
    ratios = []
    for d in (1, 3):
        path, x0, b = turning(d, 6, d) if name == "turning" else drawn(name, d, 6, d)
        coarse, fine = error_curve(path, x0, b, 16), error_curve(path, x0, b, 16 * 32)
        below, above = compared(coarse, fine)
        error = distances(coarse.states, at_nodes(path, x0, b, 16)).max(axis=0)
        assert (above >= error).all()
        assert (below <= above).all()
        ratios += (above / error).tolist()
    print(f"\n{name}: refined effectivity {np.median(ratios):.3f} (median), {max(ratios):.2f} (largest)")
    assert min(ratios) >= 1
    assert np.median(ratios) <= 1.15


def test_the_bracket_is_the_comparison() -> None:
    path, x0, b = drawn("L1", 2, 4, 2)
    below, above = compared(error_curve(path, x0, b, 16), error_curve(path, x0, b, 64))
    bracket = error_bound(path, x0, b, 16, refine=4)
    assert bracket.lower == below.max()
    assert bracket.upper == min(above.max(), error_curve(path, x0, b, 16).largest.max())


# -- parameters that move ------------------------------------------------------------------------


def decay(time: Fraction, integral: Callable[[Any], Any], start: float) -> Any:
    return ball(start) * (-integral(ball(time))).exp()


MOVING: list[Any] = [
    pytest.param(
        Piecewise.lines(np.array([-1.0, 2.0]).reshape(2, 1, 1)), lambda t: -t + 3 * t**2 / 2, id="a line through zero"
    ),
    pytest.param(
        LipschitzCurve(lambda t: np.cos(3 * t)[:, None, None], 3.0, 1), lambda t: (3 * t).sin() / 3, id="cos 3t"
    ),
    pytest.param(
        LipschitzCurve(lambda t: np.cos(3 * t)[:, None, None], 3.0, 1, 9.0),
        lambda t: (3 * t).sin() / 3,
        id="cos 3t with its curvature",
    ),
]


@pytest.mark.parametrize("sampling", ["nodes", "averages"])
@pytest.mark.parametrize("depth", [1, 7, 64])
@pytest.mark.parametrize(("K", "integral"), MOVING)
def test_decay_at_a_moving_rate(K: Any, integral: Callable[[Any], Any], depth: int, sampling: Any) -> None:
    path = ParameterPath(K, np.zeros((1, 1)), 1.0, Zero(), 1)
    curve = error_curve(path, np.array([2.0]), np.zeros(1), depth, sampling)
    for n in range(depth + 1):
        error = abs(ball(float(curve.states[n, 0, 0])) - decay(R(n, depth), integral, 2.0))
        assert lower(error) <= curve.nodes[n, 0]
    assert depth < 64 or curve.nodes.max() < 0.4


@pytest.mark.parametrize("depth", [3, 16])
def test_thresholds_and_data_that_move_linearly(depth: int) -> None:
    """x' = -(w_0 + (w_1 - w_0)t) + l t b as long as x > 0: a parabola."""
    path = ParameterPath(
        np.zeros((1, 1)),
        Piecewise.lines(np.array([0.0, 2.0]).reshape(2, 1, 1)),
        Piecewise.lines(np.array([0.5, 1.0])),
        L1(1.0),
        1,
    )
    curve = error_curve(path, np.array([3.0]), np.array([0.25]), depth)
    for n in range(depth + 1):
        t = R(n, depth)
        truth = 3 - t / 2 - t**2 / 4 + t**2 / 4
        assert abs(R(float(curve.states[n, 0, 0])) - truth) <= R(float(curve.nodes[n, 0]))


@pytest.mark.parametrize(
    ("r", "x0"),
    [
        pytest.param(GroupL2([0, 0, 1], 0.5), np.array([[0.6, -1.0], [0.8, 2.0], [0.0, 1.0]]), id="groups"),
        pytest.param(L2Ball(1.0), np.array([[0.5, 0.1], [-0.25, 0.9], [0.5, 0.0]]), id="a ball"),
    ],
)
def test_functions_of_norms_fall_back_on_balls(r: Any, x0: Any) -> None:
    """No closed form; two depths bound their distance from each other, through the limit."""
    rng = np.random.default_rng(0)
    path = ParameterPath(rng.standard_normal((3, 3)), rng.standard_normal((3, 2)), 1.0, r, 1)
    b = np.array([2.0, 1.0])
    coarse, fine = error_curve(path, x0, b, 16), error_curve(path, x0, b, 2048)
    apart = np.linalg.norm(coarse.states - fine.states[::128], axis=1)
    assert (apart <= coarse.nodes + fine.nodes[::128]).all()
    assert fine.nodes.max() < coarse.nodes.max() / 64
    assert coarse.nodes.max() < 30 * apart.max()


def test_the_sup_of_the_modulus_does_not_matter() -> None:
    """N11: a weight that jumps between nodes is off by .6 at every depth, and the bound is O(h) all the same."""
    weights = Piecewise.steps(np.array([0.3, 0.9]), [0, R(1, 3), 1])
    path = ParameterPath(0.5 * ONE, ONE, weights, L1(1.0), 1)
    x0, b = np.array([2.0]), np.array([0.25])
    scaled = []
    for depth in (16, 64, 256, 1024):
        curve, truth = error_curve(path, x0, b, depth), at_nodes(path, x0, b, depth)
        assert violations(curve.states, truth, curve.nodes) == 0
        scaled.append((depth * distances(curve.states, truth).max(), depth * curve.nodes.max()))
    assert all(0.1 < error < bound < 2.5 for error, bound in scaled)


# -- planted errors ------------------------------------------------------------------------------


def altered(monkeypatch: pytest.MonkeyPatch, **change: Callable[[Any], Any]) -> None:
    """Defects with some of their parts changed."""
    own = defects.layer_defects

    def planted(*arguments: Any) -> Any:
        found = own(*arguments)
        return dataclasses.replace(found, **{name: new(getattr(found, name)) for name, new in change.items()})

    monkeypatch.setattr(certificate, "layer_defects", planted)


def seen(path: ParameterPath, x0: Any, b: Any, depth: int) -> int:
    curve = error_curve(path, x0, b, depth)
    return violations(curve.states, at_nodes(path, x0, b, depth), curve.nodes)


KINKED = (ParameterPath(np.zeros((1, 1)), ONE, 1.0, L1(1.0), 1), np.array([2.0]), np.array([-3.0]), 1)
DECAYING = (ParameterPath(ONE, ONE, 1.0, Zero(), 1), np.ones(1), np.zeros(1), 256)
GROWING = (ParameterPath(-ONE, ONE, 1.0, Zero(), 2), np.ones(1), np.zeros(1), 256)

PLANTED: list[Any] = [
    pytest.param(KINKED, {"dissipated": lambda part: 0 * part}, id="no Bregman distance"),
    pytest.param(DECAYING, {"driven": lambda part: part / 2}, id="half of the defect"),
    pytest.param(DECAYING, {"driven": lambda part: 0.99 * part}, id="99% of the defect"),
    pytest.param(GROWING, {"decay": lambda part: 1 / part}, id="mu with the other sign"),
    pytest.param(GROWING, {"decay": np.ones_like, "growth": np.ones_like}, id="no mu"),
]


@pytest.mark.parametrize(("case", "change"), PLANTED)
def test_planted_errors_are_seen(case: Any, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(*case) == 0
    altered(monkeypatch, **change)
    assert seen(*case) > 0


def test_planted_errors_are_seen_among_the_drawn_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [(*drawn("Zero", 3, 10, 3), 16), (*turning(3, 10, 2), 16)]
    altered(monkeypatch, driven=lambda part: part / 3)
    assert sum(seen(*case) for case in cases) > 0


def test_planted_rounding_that_is_left_out_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """x' = b, three layers: float64 sees no defect where h b is not a float64, and only the rounding terms know."""
    path = ParameterPath(np.zeros((1, 1)), ONE, 1.0, Zero(), 1)
    x0, b = np.zeros((1, 50)), np.random.default_rng(0).standard_normal((1, 50))

    def beyond() -> int:
        curve = error_curve(path, x0, b, 3)
        off = [abs(R(x) - R(slope) / 3) for x, slope in zip(curve.states[1, 0].tolist(), b[0].tolist(), strict=True)]
        return sum(error > R(bound) for error, bound in zip(off, curve.nodes[1].tolist(), strict=True))

    assert beyond() == 0
    monkeypatch.setattr(
        defects, "norm_upper", lambda x, axis: np.linalg.norm(x.value if isinstance(x, Rounded) else x, axis=axis)
    )
    altered(monkeypatch, moved=lambda part: 0 * part, inexact=lambda part: 0 * part)
    assert beyond() > 10


def test_slopes_outside_the_domain_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path, x0, b = drawn("L1", 2, 3, 0)
    monkeypatch.setattr(L1, "_subgradient", lambda self, x, near: near + 1.0)
    with pytest.raises(InputError, match="slopes in that of its conjugate"):
        error_curve(path, x0, b, 8)


def test_slopes_at_another_point_cost_sharpness_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """zeta = 0 is no subgradient where |x| > 0, but an epsilon-subgradient: the gap is paid for."""
    path, x0, b = drawn("L1", 2, 10, 0)
    sharp = error_curve(path, x0, b, 8)
    monkeypatch.setattr(L1, "_subgradient", lambda self, x, near: 0.0 * x)
    loose = error_curve(path, x0, b, 8)
    assert violations(loose.states, at_nodes(path, x0, b, 8), loose.nodes) == 0
    assert (loose.nodes[1:] > sharp.nodes[1:]).all()


def test_a_start_outside_the_domain_is_refused() -> None:
    with pytest.raises(InputError, match="an x_0 that violates the constraint"):
        error_curve(ParameterPath(ONE, ONE, 1.0, NonNegative(), 1), np.array([-1.0]), np.zeros(1), 4)


# -- the safe side -------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [R(14, 10), R(6, 10), R(45, 100), R(37, 8), R(2, 5)], ids=str)
def test_a_piece_narrower_than_rounding_counts_in_full(width: Fraction) -> None:
    """The data jump to 2^60 for the last width * 2^-53 of the time: float64 does not know how long that is."""
    share = 1 - width / 2**53
    L = Piecewise.steps(np.array([1.0, 2.0**60]).reshape(2, 1, 1), [R(0), share, R(1)])
    path = ParameterPath(np.zeros((1, 1)), L, 1.0, Zero(), 1)
    curve = error_curve(path, np.zeros(1), np.ones(1), 1)
    truth = share + (1 - share) * 2**60
    assert abs(truth - R(float(curve.states[1, 0, 0]))) <= R(float(curve.nodes[1, 0]))


@pytest.mark.parametrize("width", [R(14, 10), R(6, 10), R(45, 100)], ids=str)
def test_a_narrow_piece_of_growth_counts_in_full(width: Fraction) -> None:
    """K = -2^50 at the end: e^{-int mu} of the layer, against its exact exponent."""
    share = 1 - width / 2**53
    K = Piecewise.steps(np.array([0.0, -(2.0**50)]).reshape(2, 1, 1), [R(0), share, R(1)])
    path = ParameterPath(K, np.zeros((1, 1)), 1.0, Zero(), 1)
    decays, growth = defects._decays(path.cells(1, 0, 1), path, R(1), True)
    exact_growth = ball((1 - share) * 2**50).exp()
    assert lower(exact_growth) <= decays[0] <= growth[0]


def narrow_pieces(rng: np.random.Generator, depth: int, horizon: Fraction) -> tuple[list[Fraction], Any, Any]:
    """Ends of pieces, many within 2^-60 of a node, and values at both ends of each, as large as it is short."""
    cuts = set()
    for _ in range(4):
        near = R(int(rng.integers(0, depth + 1)), depth)
        cuts.add(near + R(int(rng.integers(-9, 10)), 10) / 2 ** int(rng.integers(0, 60)))
    shares = [R(0), *sorted(cut for cut in cuts if 0 < cut < 1), R(1)]
    widths = np.array([float(b - a) for a, b in itertools.pairwise(shares)])
    first, second = (rng.uniform(-1, 1, len(widths)) / np.where(rng.random(len(widths)) < 0.5, widths, 1) for _ in "ab")
    return [share * horizon for share in shares], first, first if rng.random() < 0.4 else second


def integral(times: list[Fraction], first: Any, second: Any, until: Fraction) -> Fraction:
    """The integral of straight pieces, exactly."""
    total = R(0)
    for (a, b), p, q in zip(itertools.pairwise(times), first.tolist(), second.tolist(), strict=True):
        inside = min(max(until - a, R(0)), b - a)
        total += inside * (R(p) + (R(q) - R(p)) * inside / (b - a) / 2)
    return total


@pytest.mark.parametrize("what", ["L", "K", "weights"])
def test_pieces_of_all_widths_against_exact_integrals(what: str) -> None:
    """x' = L(t), x' = -K(t)x and x' = -w(t) on the line, 120 paths each: no violation by a single ulp."""
    rng, checked = np.random.default_rng(0), 0
    for _ in range(120):
        depth, horizon = int(rng.integers(1, 6)), R(int(rng.integers(1, 9)), int(rng.integers(1, 9)))
        times, first, second = narrow_pieces(rng, depth, horizon)
        if what == "weights":
            first, second = np.abs(first), np.abs(second)
        shape = (-1,) if what == "weights" else (-1, 1, 1)
        curve = Piecewise(first.reshape(shape), second.reshape(shape), tuple(times))
        zero = np.zeros((1, 1))
        start = 1e60 if what == "weights" else 1.0
        path = {
            "L": lambda: ParameterPath(zero, curve, 1.0, Zero(), horizon),
            "K": lambda: ParameterPath(curve, zero, 1.0, Zero(), horizon),
            "weights": lambda: ParameterPath(zero, zero, curve, L1(1.0), horizon),
        }[what]()
        found = error_curve(path, np.array([start]), np.ones(1), depth, "nodes" if rng.random() < 0.5 else "averages")
        for n in range(1, depth + 1):
            moved = integral(times, first, second, n * horizon / depth)
            state, bound = R(float(found.states[n, 0, 0])), float(found.nodes[n, 0])
            if what == "K":
                assert lower(abs(ball(state) - (-ball(moved)).exp())) <= bound
            else:
                assert abs(state - R(start) - (moved if what == "L" else -moved)) <= R(bound)
            checked += bound < np.inf
    assert checked > 250


def test_many_pieces_in_a_layer_add_up() -> None:
    """6,000 pieces, half of them expanding: what is left of the exponents is less than the rounding of their sum."""
    rates = np.where(np.arange(6000) % 2, 1.0, -1.0) * np.random.default_rng(0).uniform(0.5, 3.0, 6000)
    K = Piecewise.steps(rates.reshape(-1, 1, 1))
    path = ParameterPath(K, np.zeros((1, 1)), 1.0, Zero(), 1)
    decays, _ = defects._decays(path.cells(2, 0, 2), path, R(1, 2), True)
    for half, found in zip(np.split(rates, 2), decays, strict=True):
        assert lower(ball(-sum(map(Fraction, half.tolist()), R(0)) / 6000).exp()) <= found
        assert found <= 1.000001 * float(flint.arb(-half.sum() / 6000).exp())


def test_exponents_beyond_float64_stay_above_zero() -> None:
    assert (defects._exp_upper(np.array([-800.0, -1e5])) > 0).all()
    assert defects._exp_upper(np.array([800.0]))[0] == np.inf
    curve = error_curve(ParameterPath(500 * ONE, ONE, 1.0, Zero(), 4), np.ones(1), np.zeros(1), 4)
    assert (curve.nodes[1:] > 0).all()


def test_states_of_the_exact_network_are_covered_too() -> None:
    """The bound is about layers in exact arithmetic: float64 matrices, states as balls."""
    path, x0, b = turning(3, 2, 1)
    curve, truth = error_curve(path, x0, b, 12), at_nodes(path, x0, b, 12)
    states = path.network(12).trajectory(exact(x0), exact(b)).states
    for n in range(13):
        for s in range(2):
            assert lower(norm(states[n, :, s] - truth[n, :, s])) <= curve.nodes[n, s]
            assert lower(norm(states[n, :, s] - exact(curve.states[n, :, s]))) <= curve.rounding[s]


@pytest.mark.parametrize("name", ["L1", "Box", "Huber"])
def test_blocks_of_layers_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, x0, b = drawn(name, 3, 2, 1)
    whole = error_curve(path, x0, b, 40)
    monkeypatch.setattr(certificate, "ENTRIES", 15 * 7)
    parts = error_curve(path, x0, b, 40)
    assert np.array_equal(whole.states, parts.states)
    np.testing.assert_allclose(parts.nodes, whole.nodes, rtol=1e-9)
