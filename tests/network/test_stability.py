"""Bounds on perturbations against the recursion in rationals, exponentials by scipy, and networks that attain them."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

from fbscheck.certify.balls import lower, upper
from fbscheck.errors import InputError
from fbscheck.functions import L1, ElasticNet, Function, GroupL2, Huber, L2Ball, SquaredL2, Zero
from fbscheck.network import Network
from fbscheck.network.stability import (
    flow_constants,
    flow_enclosures,
    gap_enclosures,
    gap_factors,
    modulus_ends,
    perturbation_bounds,
)

D, M, N, S = 4, 3, 6, 40
FUNCTIONS = {"l1": L1(0.3), "group l2": GroupL2([0, 1, 0, 1], 0.2), "zero": Zero(), "l1 vector": L1([0, 1, 2, 3.0])}
STEADY = {"elastic net": ElasticNet(0.1, 0.5), "huber": Huber(0.5), "squared l2": SquaredL2(2.0), "ball": L2Ball(1.0)}
"""Functions that are not Lipschitz: their weights must agree."""


def network(r: Function, seed: int, like: Network | None = None, size: float = 0.05) -> Network:
    rng = np.random.default_rng(seed)
    if like is None:
        return Network(rng.standard_normal((N, D, D)), rng.standard_normal((N, D, M)), rng.uniform(0.5, 1.5, N), r, 1.0)
    W, U = like.layers.transitions, like.layers.injections
    steps = like.steps * rng.uniform(0.8, 1.2, N) if r.lipschitz is not None or isinstance(r, L1) else like.steps
    return Network.of_layers(
        W + size * rng.standard_normal(W.shape), U + size * rng.standard_normal(U.shape), steps, r, 1.0
    )


@pytest.mark.parametrize("r", {**FUNCTIONS, **STEADY}.values(), ids={**FUNCTIONS, **STEADY})
def test_no_perturbation_leaves_its_bound(r: Function) -> None:
    first = network(r, 0)
    second, rng = network(r, 1, first), np.random.default_rng(2)
    x0, dx0 = rng.standard_normal((D, S)), 0.1 * rng.standard_normal((D, S))
    b, db = rng.standard_normal((M, S)), 0.1 * rng.standard_normal((M, S))
    states, others = first.trajectory(x0, b).states, second.trajectory(x0 + dx0, b + db).states
    apart, sizes = np.linalg.norm(states - others, axis=1), np.linalg.norm(others, axis=1)
    nearest = []
    for s in range(0, S, 4):
        given = (np.linalg.norm(v[:, s]) for v in (dx0, db, b + db))
        bounds = perturbation_bounds(first, second, sizes[:, s] * (1 + 1e-14), *given)
        assert np.all(apart[:, s] <= bounds * (1 + 1e-12))
        nearest.append(apart[-1, s] / bounds[-1])
    assert max(nearest) > 1 / 50, "a bound that says something"


def test_the_bounds_are_those_of_the_recursion_by_hand() -> None:
    """One coordinate, all numbers short: exactly the sum in the docstring, with no rounding."""
    r = L1([1.0])
    first = Network(np.full((8, 1, 1), 2.0), np.full((8, 1, 1), 3.0), np.full(8, 1.0), r, 2.0)
    second = Network(np.full((8, 1, 1), 1.0), np.full((8, 1, 1), 2.0), np.full(8, 0.5), r, 2.0)
    h, slope, bound = Fraction(1, 4), Fraction(float(r.lipschitz)), Fraction(3)
    found = perturbation_bounds(first, second, 5.0, 3, 2, 7)
    for n in range(8):
        bound = (1 - 2 * h) * bound + h * 1 * 5 + 3 * h * 2 + h * 1 * 7 + slope * h / 2
        assert abs(Fraction(found[n + 1]) - bound) <= bound * Fraction(8, 2**53)
        assert Fraction(found[n + 1]) >= bound
    assert 1 <= slope <= 1 + Fraction(1, 2**51)


def test_a_difference_of_matrices_is_not_rounded_away() -> None:
    """1 + 2^-60 is no float64; the distance of 1 and -2^-60 is told from above all the same."""
    first, second = (Network.of_layers([[[v]]], [[[0.0]]], [0.0], Zero(), 1.0) for v in (1.0, -(2.0**-60)))
    bound = perturbation_bounds(
        first, Network.of_layers(second.layers.transitions, [[[0.0]]], [0.0], first.functions, 1.0), 1.0
    )[-1]
    assert Fraction(bound) >= 1 + Fraction(1, 2**60)
    assert bound <= np.nextafter(1.0, 2)


def test_bounds_do_not_grow_with_the_depth() -> None:
    rng, r = np.random.default_rng(3), L1(0.3)
    K, L = rng.standard_normal((D, D)), rng.standard_normal((D, M))
    last = []
    for depth in (8, 16, 32, 64, 128, 256):
        K_n, L_n = (np.broadcast_to(part, (depth, *part.shape)) for part in (K, L))
        pair = [Network(f * K_n, L_n, np.full(depth, f), r, 1.0) for f in (1.0, 1.01)]
        last.append(perturbation_bounds(*pair, 2.0, 0.1, 0.1, 1.0)[-1])
    assert all(np.diff(last) < 0), "a fine network is nearer to its limit"
    start, data = flow_constants([K], [L], 1.0)
    limit = 0.1 * start + data / np.linalg.norm(L, 2) * (
        0.1 * np.linalg.norm(L, 2) + 0.01 * 2 * np.linalg.norm(K, 2) + 0.01 * 0.3 * np.sqrt(D)
    )
    assert limit < last[-1] < 1.1 * limit


def test_the_constants_of_the_limit() -> None:
    """Against quadrature, with least eigenvalues by scipy; sigma shifts them."""
    rng = np.random.default_rng(4)
    K, L, T, sigma = rng.standard_normal((3, D, D)), rng.standard_normal((3, D, M)), 1.5, 0.25
    rates = [scipy.linalg.eigvalsh(k + k.T)[0] / 2 + sigma for k in K]

    def piece(s: float) -> int:
        return min(int(s / 0.5), 2)

    def decay(s: float) -> float:
        return float(np.exp(-sum(rates[p] * (0.5 * (p + 1) - max(s, 0.5 * p)) for p in range(piece(s), 3))))

    data = scipy.integrate.quad(lambda s: decay(s) * np.linalg.norm(L[piece(s)], 2), 0, T, points=[0.5, 1.0])[0]
    found = flow_constants(K, L, T, sigma)
    np.testing.assert_allclose(found, (decay(0.0), data), rtol=1e-9)


def test_no_flow_exceeds_its_constants_and_one_attains_them() -> None:
    rng = np.random.default_rng(5)
    K = rng.standard_normal((D, D))
    start, _ = flow_constants([K], [np.zeros((D, M))], 2.0)
    assert np.linalg.norm(scipy.linalg.expm(-2.0 * K), 2) <= start
    symmetric = K + K.T
    start, _ = flow_constants([symmetric], [np.zeros((D, M))], 0.5)
    np.testing.assert_allclose(np.linalg.norm(scipy.linalg.expm(-0.5 * symmetric), 2), start, rtol=1e-12)
    assert flow_constants(np.zeros((1, 1, 1)), np.ones((1, 1, 1)), 3.0) == (1.0, 3.0)


@pytest.mark.parametrize("depth", [3, 6, 60])
def test_a_network_exceeds_the_limit_by_the_gap_factor_at_most(depth: int) -> None:
    K = np.random.default_rng(6).standard_normal((3, D, D))
    start, _ = flow_constants(K, np.zeros((3, D, M)), 1.0)
    product = np.prod([np.linalg.norm(np.eye(D) - k / depth, 2) ** (depth // 3) for k in K])
    gap, _ = gap_factors(K, depth, 1.0)
    np.testing.assert_allclose(
        gap, np.exp(sum(np.linalg.norm(k, 2) ** 2 for k in K) * (depth // 3) / depth**2 / 2), rtol=1e-12
    )
    assert product <= start * gap
    rotation = np.array([[[0.0, -1.0], [1.0, 0.0]]])
    attained = (1 + depth**-2.0) ** (depth / 2)
    assert attained > 0.99 ** (10 / depth) * gap_factors(rotation, depth, 1.0)[0]


@pytest.mark.parametrize("depth", [3, 6, 60])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 2.0])
def test_for_its_data_a_network_exceeds_the_limit_by_its_own_gap_factor(depth: int, shift: float) -> None:
    """The sum and the factor written out in numpy, for moduli of both signs."""
    rng, h = np.random.default_rng(7), 1 / depth
    K, L = rng.standard_normal((3, D, D)) / 2 + shift * np.eye(D), rng.standard_normal((3, D, M))
    _, limit = flow_constants(K, L, 1.0)
    each = np.repeat(np.arange(3), depth // 3)
    q = [np.linalg.norm(np.eye(D) - h * K[p], 2) for p in each]
    fed = sum(h * np.prod(q[n + 1 :]) * np.linalg.norm(L[p], 2) for n, p in enumerate(each))
    steps = np.array([h * scipy.linalg.eigvalsh(k + k.T)[0] / 2 for k in K])
    squares = sum(np.linalg.norm(K[p], 2) ** 2 for p in each[1:])
    known = (steps / (1 - np.exp(-steps))).max() * np.exp(h**2 / 2 * squares)
    gap = gap_factors(K, depth, 1.0)[1]
    assert gap == pytest.approx(known, rel=1e-12)
    assert fed <= limit * gap
    assert gap <= gap_factors(K, depth, 1.0)[0] * np.exp(max(0.0, steps.max()) / 2) * (1 + 1e-15)


@pytest.mark.parametrize("k", [-2.0, -0.5, 0.0, 0.5, 1.0])
def test_enclosures_hold_what_is_known_in_closed_form(k: float) -> None:
    """By mpmath, to 40 digits, for scalars: 2^-52 relative is the width; what is rounded upward only is not inside."""
    mp.mp.dps = 40
    size, depth = mp.mpf("0.1"), 5
    decay = mp.exp(-mp.mpf(k))
    fed = mp.mpf(float(size)) * ((1 - decay) / k if k else 1)
    squares = mp.mpf(k) ** 2 / depth**2 / 2
    moved = mp.mpf(k) / depth
    slow = moved / (1 - mp.exp(-moved)) if k else mp.mpf(1)
    K, L = np.full((1, 1, 1), k), np.full((1, 1, 1), 0.1)
    known = [decay, fed, mp.exp(depth * squares), slow * mp.exp((depth - 1) * squares)]
    for value, found in zip(known, [*flow_enclosures(K, L, 1.0), *gap_enclosures(K, depth, 1.0)], strict=True):
        assert mp.mpf(lower(found)) <= value <= mp.mpf(upper(found))
        assert upper(found) - lower(found) <= 1e-14 * float(value)


@pytest.mark.parametrize("k", [-2.0, -0.5, 0.0, 0.5, 1.0])
def test_one_layer_attains_the_gap_for_its_data(k: float) -> None:
    """h |L| against |L| (1 - e^{-hk}) / k, with h = 1; no smaller factor will do."""
    K = np.full((1, 1, 1), k)
    _, limit = flow_constants(K, np.ones((1, 1, 1)), 1.0)
    assert 1.0 <= limit * gap_factors(K, 1, 1.0)[1] <= 1 + 1e-14


def test_the_gaps_close_as_the_depth_grows() -> None:
    K = np.random.default_rng(8).standard_normal((2, D, D))
    gaps = np.array([gap_factors(K, depth, 1.0) for depth in (2, 8, 32, 128, 4096)])
    assert (np.diff(gaps, axis=0) < 0).all()
    assert (np.abs(gaps[-1] - 1) < 0.01).all()


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_a_modulus_is_bounded_from_both_sides(size: int) -> None:
    K = np.random.default_rng(size).standard_normal((size, size))
    low, high = modulus_ends(K)
    assert low <= high <= low + 1e-12 * np.linalg.norm(K)
    assert low == pytest.approx(scipy.linalg.eigvalsh(K + K.T)[0] / 2, rel=1e-9)


FIRST = network(L1(0.3), 0)
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "other functions": (lambda: perturbation_bounds(FIRST, network(L1(0.3), 0), 1.0), "same functions in both"),
    "other depth": (lambda: perturbation_bounds(FIRST, FIRST.sliced(0, 2), 1.0), r"\(6, 4, 3\) and \(2, 4, 3\)"),
    "not Lipschitz": (
        lambda: perturbation_bounds(
            *(Network.of_layers([[[1.0]]], [[[0.0]]], [s], STEADY["ball"], 1) for s in (1, 2)), 1
        ),
        "Lipschitz function where the weights differ, got L2Ball",
    ),
    "negative distance": (lambda: perturbation_bounds(FIRST, FIRST, 1.0, -1.0), "start_distance >= 0"),
    "NaN": (lambda: flow_constants([[[np.nan]]], [[[1.0]]], 1.0), "finite entries in K"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_told(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
