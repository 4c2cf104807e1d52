"""The network against written-out recursions, exact rationals, differences and closed forms."""

import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

import fbscheck as fb
from fbscheck.certify.balls import exact
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, ElasticNet, Function, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero
from fbscheck.network import Network, ista

N, D, M, S = 7, 4, 3, 6
FUNCTIONS = {
    "l1": L1(0.3),
    "l1 vector": L1([0.0, 0.1, 0.2, 5.0]),
    "elastic net": ElasticNet(0.1, 0.5),
    "squared l2": SquaredL2(0.7),
    "box": Box(-0.5, 0.5),
    "box without the origin": Box(0.25, 1.0),
    "nonnegative": NonNegative(),
    "huber": Huber(0.2, 2.0),
    "l2 ball": L2Ball(0.8),
    "group l2": GroupL2([0, 1, 0, 1], 0.2),
    "zero": Zero(),
}
every = pytest.mark.parametrize("r", FUNCTIONS.values(), ids=FUNCTIONS)


def given(seed: int = 0) -> tuple[np.ndarray, ...]:
    """K, L, weights (one is 0), x_0 and b."""
    rng = np.random.default_rng(seed)
    weights = rng.random(N)
    weights[2] = 0.0
    return (
        rng.standard_normal((N, D, D)),
        rng.standard_normal((N, D, M)),
        weights,
        *(rng.standard_normal((k, S)) for k in (D, M)),
    )


def network(r: Function, seed: int = 0) -> Network:
    K, L, weights, _, _ = given(seed)
    return Network(K, L, weights, r, 1.75)


def soft(u: np.ndarray, threshold: float) -> np.ndarray:
    return np.sign(u) * np.maximum(np.abs(u) - threshold, 0)


# -- forward pass -------------------------------------------------------------------------------


def test_the_forward_pass_is_the_recursion() -> None:
    K, L, weights, x, b = given()
    net, h = network(L1(0.3)), 0.25
    assert net.step == h
    assert fb.Network is Network
    for n in range(N):
        x = soft(x - h * (K[n] @ x - L[n] @ b), h * weights[n] * 0.3)
    np.testing.assert_allclose(net(*given()[3:]), x, rtol=1e-13, atol=1e-14)


@every
def test_columns_are_samples_and_single_vectors_are_repeated(r: Function) -> None:
    net, (_, _, _, x0, b) = network(r), given()
    singly = np.column_stack([net(x0[:, k], b[:, k]) for k in range(S)])
    np.testing.assert_allclose(net(x0, b), singly, atol=1e-14)
    np.testing.assert_allclose(net(x0[:, 0], b)[:, 0], singly[:, 0], atol=1e-14)
    np.testing.assert_allclose(net(x0, b[:, 1])[:, 1], singly[:, 1], atol=1e-14)


def test_balls_enclose_the_exact_network() -> None:
    """Rational arithmetic on the stored matrices, soft thresholding by cases."""
    net, (_, _, _, x0, b) = network(L1(0.5)), given()
    x = [Fraction(v) for v in x0[:, 0].tolist()]
    data = [Fraction(v) for v in b[:, 0].tolist()]
    for W, U, step in zip(net.layers.transitions.tolist(), net.layers.injections.tolist(), net.steps, strict=True):
        u = [
            sum(Fraction(w) * v for w, v in zip(Wi, x, strict=True))
            + sum(Fraction(w) * v for w, v in zip(Ui, data, strict=True))
            for Wi, Ui in zip(W, U, strict=True)
        ]
        t = Fraction(step) / 2
        x = [Fraction(0) if abs(v) <= t else v - t if v > 0 else v + t for v in u]
    enclosed = net(exact(x0[:, 0]), b[:, 0])
    assert all(e.contains(flint.fmpq(v.numerator, v.denominator)) for e, v in zip(enclosed, x, strict=True))
    assert max(float(e.rad()) for e in enclosed) < 1e-30
    np.testing.assert_allclose(net(x0[:, 0], b[:, 0]), [float(v) for v in x], atol=1e-14)


@every
def test_balls_are_around_the_floats(r: Function) -> None:
    net, (_, _, _, x0, b) = network(r), given()
    middle = np.array([[float(e.mid()) for e in row] for row in net(exact(x0), exact(b))])
    np.testing.assert_allclose(net(x0, b), middle, rtol=1e-12, atol=1e-13)


def test_a_weight_of_zero_is_the_identity() -> None:
    K, L, _, x0, b = given()
    net = Network(K[:1], L[:1], [0.0], Box(-0.01, 0.01), 1.0)
    np.testing.assert_allclose(net(x0, b), x0 - K[0] @ x0 + L[0] @ b, atol=1e-14)


def test_one_function_a_layer() -> None:
    K, L, weights, x0, b = given()
    functions = (L1(0.3), NonNegative(), GroupL2([0, 0, 1, 1], 0.2))
    net = Network(K[:3], L[:3], weights[:3], functions, 0.75)
    x = x0
    for n, g in enumerate(functions):
        u = x - 0.25 * (K[n] @ x - L[n] @ b)
        x = g.prox(u, 0.25 * weights[n]) if weights[n] else u
    np.testing.assert_allclose(net(x0, b), x, atol=1e-14)
    assert not net.layers.separable


@pytest.mark.parametrize(("r", "sigma"), [(SquaredL2(0.7), 0.7), (ElasticNet(0.1, 0.5), 0.5), (L1(1.0), 0.0)])
def test_the_layers_know_the_strong_convexity_never_too_well(r: Function, sigma: float) -> None:
    net = network(r)
    for rho, step in zip(np.asarray(net.layers.strong_convexity).tolist(), net.steps.tolist(), strict=True):
        truth = Fraction(step) * Fraction(sigma)
        assert Fraction(rho) <= truth <= Fraction(rho) * (1 + Fraction(1, 2**51))


# -- trajectory ---------------------------------------------------------------------------------


@every
def test_the_trajectory_solves_the_inclusion(r: Function) -> None:
    net, (K, L, weights, x0, b) = network(r), given()
    path = net.trajectory(x0, b)
    x, xi = path.states, path.subgradients
    assert x.shape == (N + 1, D, S)
    np.testing.assert_array_equal(x[0], x0)
    np.testing.assert_array_equal(x[-1], net(x0, b))
    forward = np.einsum("nij,njs->nis", K, x[:-1]) - np.einsum("nij,js->nis", L, b)
    np.testing.assert_allclose(path.velocities, -forward - xi, atol=1e-12)
    for n in range(N):
        if weights[n]:
            inside = r.prox(x[n + 1], 1e-12)  # into the domain, which rounding may have left
            scaled = xi[n] / weights[n]
            np.testing.assert_allclose(r.subgradient(inside, scaled), scaled, rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_allclose(xi[n], 0, atol=1e-12)


def test_the_path_is_linear_between_the_states() -> None:
    net, (_, _, _, x0, b) = network(L1(0.3)), given()
    path = net.trajectory(x0, b)
    t = np.linspace(0, 1.75, 41)
    each = [[np.interp(t, path.times, path.states[:, i, s]) for s in range(S)] for i in range(D)]
    np.testing.assert_allclose(path(t), np.moveaxis(np.array(each), 2, 0), atol=1e-13)
    np.testing.assert_array_equal(path(1.75), path.states[-1])
    with pytest.raises(InputError, match=r"times in \[0, 1.75\]"):
        path(1.8)


# -- derivatives --------------------------------------------------------------------------------


@every
def test_forward_derivatives_are_those_of_differences(r: Function) -> None:
    net, (_, _, _, x0, b) = network(r), given()
    dx, db = np.random.default_rng(1).standard_normal((D, S)), np.random.default_rng(2).standard_normal((M, S))
    differences = (net(x0 + 1e-6 * dx, b + 1e-6 * db) - net(x0 - 1e-6 * dx, b - 1e-6 * db)) / 2e-6
    np.testing.assert_allclose(net.jvp(x0, b, dx, db), differences, atol=1e-7)


@every
def test_forward_and_backward_derivatives_are_adjoint(r: Function) -> None:
    """<y, J v> = <J^T y, v>, also for single vectors."""
    net, (_, _, _, x0, b) = network(r), given()
    rng = np.random.default_rng(3)
    dx, db, y = rng.standard_normal((D, S)), rng.standard_normal((M, S)), rng.standard_normal((D, S))
    left = np.sum(y * net.jvp(x0, b, dx, db), axis=0)
    gx, gb = net.vjp(x0, b, y)
    np.testing.assert_allclose(left, np.sum(gx * dx, axis=0) + np.sum(gb * db, axis=0), atol=1e-12)
    single = net.vjp(x0[:, 0], b[:, 0], y[:, 0])
    assert [g.shape for g in single] == [(D,), (M,)]
    np.testing.assert_allclose(single[1], gb[:, 0], atol=1e-13)
    many = net.vjp(x0[:, 0], b[:, 0], y)
    assert many[0].shape == (D, S)


def test_the_jacobian_is_the_product_of_masked_layers() -> None:
    net, (_, _, _, x0, b) = network(L1(0.3)), given()
    path, dx, db = net.trajectory(x0[:, 0], b[:, 0]), np.eye(D), np.zeros((D, M))
    for n in range(N):
        on = np.ones(D) if net.steps[n] == 0 else (path.states[n + 1] != 0).astype(float)
        dx = on[:, None] * (net.layers.transitions[n] @ dx)
        db = on[:, None] * (net.layers.transitions[n] @ db + net.layers.injections[n])
    gx, gb = net.vjp(x0[:, 0], b[:, 0], np.eye(D))
    np.testing.assert_allclose(gx.T, dx, atol=1e-13)
    np.testing.assert_allclose(gb.T, db, atol=1e-13)


# -- boundedness --------------------------------------------------------------------------------


@every
def test_no_state_leaves_its_bound(r: Function) -> None:
    rng = np.random.default_rng(4)
    x0, b = rng.standard_normal((D, 300)), rng.standard_normal((M, 300))
    x0, b = 2 * x0 / np.linalg.norm(x0, axis=0), 3 * b / np.linalg.norm(b, axis=0)
    net = network(r)
    sizes = np.linalg.norm(net.trajectory(x0, b).states, axis=1)
    assert np.all(sizes <= net.bound(2.0, 3.0)[:, None] * (1 + 1e-12))


@pytest.mark.parametrize("low", [0.25, 1e-13, 1e-300])
def test_a_set_without_the_origin_is_not_overlooked(low: float) -> None:
    """0 -> 0 by the first layer, 0 -> low by the second: |x_2| = low exactly."""
    still = np.zeros((2, 1, 1))
    net = Network.of_layers(still + 1, still, [1.0, 1.0], (L1(1.0), Box(low, 1.0)), 2.0)
    np.testing.assert_array_equal(net(np.zeros(1), np.zeros(1)), [low])
    assert low <= net.bound(0.0, 0.0)[-1] <= low * (1 + 1e-15)


def grow(depth: int, factor: float) -> tuple[Network, Fraction]:
    """x' = kx + b in one dimension with x_0 = b = 1: (1 + hk)^N + h sum (1 + hk)^n, exactly."""
    h, k = Fraction(1, depth), Fraction(3, 2)
    power = (1 + h * k) ** depth
    net = Network(np.full((depth, 1, 1), -1.5), np.ones((depth, 1, 1)), np.zeros(depth), Zero(), 1.0)
    return net, (power + (power - 1) / k) * Fraction(factor)


@pytest.mark.parametrize("depth", [1, 8, 64])
def test_the_bound_is_attained_and_not_below(depth: int) -> None:
    net, truth = grow(depth, 1.0)
    bound = Fraction(net.bound(1.0, 1.0)[-1])
    assert truth <= bound <= truth * (1 + Fraction(depth, 2**48))
    assert bound > grow(depth, 0.99)[1]


@pytest.mark.parametrize("r", [L1(0.3), Box(0.25, 1.0)], ids=["l1", "box without the origin"])
def test_bounds_do_not_grow_with_the_depth(r: Function) -> None:
    rng = np.random.default_rng(5)
    K, L = rng.standard_normal((D, D)), rng.standard_normal((D, M))
    last = []
    for depth in (8, 16, 32, 64, 128):
        shared = [np.broadcast_to(part, (depth, *part.shape)) for part in (K, L)]
        last.append(Network(*shared, np.ones(depth), r, 1.0).bound(1.0, 1.0)[-1])
    k, injected = np.linalg.norm(K, 2), np.linalg.norm(L, 2)
    centre = np.linalg.norm(r.prox(np.zeros(D), 1.0))
    limit = centre + np.exp(k) * (1 + centre) + np.expm1(k) / k * (injected + k * centre)
    assert max(last) <= limit
    assert last[-1] <= last[-2] * 1.02


def test_a_bound_beyond_float64_is_infinite() -> None:
    huge = Network(np.full((5, 1, 1), -1e200), np.zeros((5, 1, 1)), np.zeros(5), Zero(), 5.0)
    np.testing.assert_array_equal(huge.bound(1.0, 1.0)[[0, -1]], [1.0, np.inf])
    with pytest.raises(InputError, match="overflow in layer 1"):
        huge(np.ones(1), np.ones(1))


# -- slices, memory -----------------------------------------------------------------------------


def test_slices_compose_to_the_network() -> None:
    net, (_, _, _, x0, b) = network(L1(0.3)), given()
    first, last = net.sliced(0, 3), net.sliced(3, N)
    np.testing.assert_array_equal(last(first(x0, b), b), net(x0, b))
    assert first.step == last.step == net.step
    assert (first.horizon, last.depth) == (Fraction(3, 4), 4)
    with pytest.raises(InputError, match="first < last <= 7"):
        net.sliced(3, 3)


def test_shared_layers_take_the_memory_of_one() -> None:
    """N = 2000, d = 200 with one matrix for all layers: K alone would fill 640 MB."""
    rng = np.random.default_rng(6)
    A = rng.standard_normal((100, 200)) / 10
    tracemalloc.start()
    net = ista(A, 0.1, 1 / np.linalg.norm(A, 2) ** 2, depth=2000)
    net(np.zeros(200), rng.standard_normal(100))
    gx, gb = net.vjp(np.zeros(200), rng.standard_normal(100), np.ones(200))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6
    assert (gx.shape, gb.shape) == ((200,), (100,))
    assert net.layers.transitions.strides[0] == net.layers.injections.strides[0] == 0


def test_what_was_given_may_change_afterwards() -> None:
    K, L, weights, x0, b = given()
    net = Network(K, L, weights, L1(0.3), 1.75)
    before = net(x0, b)
    for array in (K, L, weights):
        array += 1.0
    np.testing.assert_array_equal(net(x0, b), before)


# -- input --------------------------------------------------------------------------------------

K, L, WEIGHTS, X0, B = given()
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "one weight too few": (lambda: Network(K, L, WEIGHTS[1:], Zero(), 1.0), "one weight a layer, got 6 for 7 layers"),
    "a negative weight": (lambda: Network(K, L, WEIGHTS - 1, Zero(), 1.0), "weights >= 0"),
    "no horizon": (lambda: Network(K, L, WEIGHTS, Zero(), 0), "horizon > 0"),
    "K and L swapped": (lambda: Network(L, K, WEIGHTS, Zero(), 1.0), r"K of shape \(N, d, d\), got \(7, 4, 3\)"),
    "K of one layer": (lambda: Network(K[0], L, WEIGHTS, Zero(), 1.0), "K with 3 dimension"),
    "K of another depth": (lambda: Network(K[1:], L, WEIGHTS, Zero(), 1.0), "N >= 1 layers, got"),
    "NaN in K": (lambda: Network(K * np.nan, L, WEIGHTS, Zero(), 1.0), "finite entries in K"),
    "no function": (lambda: Network(K, L, WEIGHTS, "l1", 1.0), "r as a Function, or as one a layer, got str"),
    "two functions": (lambda: Network(K, L, WEIGHTS, [Zero(), Zero()], 1.0), "one a layer, got list for 7"),
    "a function elsewhere": (lambda: Network(K, L, WEIGHTS, L1([1.0]), 1.0), r"function on R\^4, got one of 1"),
    "x_0 transposed": (lambda: network(Zero())(X0.T, B), r"x0 of shape \(4,\) or \(4, S\), got \(6, 4\)"),
    "b too long": (lambda: network(Zero())(X0, np.ones((4, S))), r"b of shape \(3,\)"),
    "other samples": (lambda: network(Zero())(X0, B[:, 1:]), "one number of samples, got 5 and 6"),
    "NaN in b": (lambda: network(Zero())(X0, B * np.nan), "finite entries in b"),
    "y of another length": (lambda: network(Zero()).vjp(X0, B, B), r"y of shape \(4,\)"),
    "a negative norm": (lambda: network(Zero()).bound(-1.0, 1.0), "x0_norm >= 0"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_told(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
