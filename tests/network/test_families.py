"""Families of networks against their own recursions, and the two ways to write one."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1
from fbscheck.network import Network, alista, from_lista, ista, lista, lista_cp, to_lista
from fbscheck.operators import LeastSquares
from fbscheck.reference.programs import minimise
from fbscheck.splitting import ForwardBackward

N, D, M, S = 5, 6, 4, 3
U = Fraction(1, 2**53)


def soft(u: np.ndarray, threshold: Any) -> np.ndarray:
    return np.sign(u) * np.maximum(np.abs(u) - threshold, 0)


def draw(seed: int, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) / 2 for shape in shapes]


def test_ista_is_the_forward_backward_step_repeated() -> None:
    A, x, b = draw(0, (M, D), (D, S), (M, S))
    net = ista(A, 0.1, 0.2, N)
    again = x
    for _ in range(N):
        again = np.column_stack(
            [ForwardBackward(LeastSquares(A, b[:, s]), L1(0.1), 0.2)(again[:, s]) for s in range(S)]
        )
    np.testing.assert_allclose(net(x, b), again, atol=1e-14)
    assert net.step == 0.2


def test_deep_ista_solves_the_lasso() -> None:
    A, b = draw(1, (2 * D, D), (2 * D,))
    x = ista(A, 0.1, 1 / np.linalg.norm(A, 2) ** 2, 3000)(np.zeros(D), b)
    np.testing.assert_allclose(x, minimise(LeastSquares(A, b), L1(0.1)), atol=1e-6)


@pytest.mark.parametrize("each", [False, True], ids=["a number a layer", "one a coordinate"])
def test_lista(each: bool) -> None:
    W1, W2, x, b = draw(2, (N, D, M), (N, D, D), (D, S), (M, S))
    thresholds = np.abs(draw(3, (N, D) if each else (N,))[0])
    net, again = lista(W1, W2, thresholds), x
    for n in range(N):
        again = soft(W2[n] @ again + W1[n] @ b, thresholds[n][:, None] if each else thresholds[n])
    np.testing.assert_allclose(net(x, b), again, atol=1e-14)
    np.testing.assert_array_equal(net.layers.transitions, W2)
    np.testing.assert_array_equal(net.layers.injections, W1)
    assert net.layers.separable


def test_lista_with_shared_matrices() -> None:
    W1, W2, x, b = draw(4, (D, M), (D, D), (D,), (M,))
    thresholds = np.linspace(0.3, 0.1, N)
    shared, repeated = lista(W1, W2, thresholds), lista(np.stack([W1] * N), np.stack([W2] * N), thresholds)
    np.testing.assert_array_equal(shared(x, b), repeated(x, b))
    assert shared.layers.transitions.strides[0] == shared.layers.injections.strides[0] == 0


@pytest.mark.parametrize("shape", [(M, D), (N, M, D)], ids=["one W", "one a layer"])
def test_lista_cp(shape: tuple[int, ...]) -> None:
    A, W, x, b = draw(5, (M, D), shape, (D, S), (M, S))
    thresholds, again = np.linspace(0.3, 0.1, N), x
    for n in range(N):
        again = soft(again - (W if W.ndim == 2 else W[n]).T @ (A @ again - b), thresholds[n])
    np.testing.assert_allclose(lista_cp(A, W, thresholds)(x, b), again, atol=1e-13)


@pytest.mark.parametrize("gammas", [np.full(N, 0.7), np.linspace(0.5, 1.5, N)], ids=["one gamma", "one a layer"])
def test_alista(gammas: np.ndarray) -> None:
    A, W, x, b = draw(6, (M, D), (M, D), (D, S), (M, S))
    thresholds, again = np.linspace(0.3, 0.1, N), x
    for n in range(N):
        again = soft(again - gammas[n] * W.T @ (A @ again - b), thresholds[n])
    net = alista(A, W, gammas, thresholds)
    np.testing.assert_allclose(net(x, b), again, atol=1e-13)
    assert (net.layers.transitions.strides[0] == 0) == (gammas[0] == gammas[1])


def test_families_contain_one_another() -> None:
    """ISTA is LISTA-CP with W = hA, which is ALISTA with gamma = 1 and W = hA."""
    A, x, b = draw(7, (M, D), (D, S), (M, S))
    h, thresholds = 0.2, np.full(N, 0.2 * 0.1)
    plain = ista(A, 0.1, h, N)(x, b)
    np.testing.assert_allclose(lista_cp(A, h * A, thresholds)(x, b), plain, atol=1e-14)
    np.testing.assert_allclose(alista(A, A, np.full(N, h), thresholds)(x, b), plain, atol=1e-14)
    wrong = lista_cp(A, 0.99 * h * A, thresholds)(x, b)
    assert np.max(np.abs(wrong - plain)) > 1e-4


# -- W1, W2, theta and K, L, lambda -------------------------------------------------------------


def test_both_ways_are_the_same_network() -> None:
    W1, W2, x, b = draw(8, (N, D, M), (N, D, D), (D, S), (M, S))
    net = lista(W1, W2, np.linspace(0.3, 0.1, N), step=0.25)
    K, L, weights = net.parameters
    np.testing.assert_array_equal(K, (np.eye(D) - W2) / 0.25)
    again = Network(K, L, weights, L1(1.0), net.horizon)
    np.testing.assert_allclose(again(x, b), net(x, b), atol=1e-14)


def largest(found: np.ndarray, truth: np.ndarray, allowed: Callable[[Fraction], Fraction]) -> Fraction:
    """The largest |found - truth| over what is allowed of the entry; exact."""
    pairs = zip(map(Fraction, found.ravel().tolist()), map(Fraction, truth.ravel().tolist()), strict=True)
    return max(abs(f - t) / allowed(t) for f, t in pairs if allowed(t))


@pytest.mark.parametrize("step", [0.3, 1e-3, 7.0])
def test_the_way_there_and_back_is_as_exact_as_the_docstring_says(step: float) -> None:
    W1, W2 = draw(9, (N, D, M), (N, D, D))
    thresholds = np.abs(draw(10, (N,))[0])
    found = to_lista(*from_lista(W1, W2, thresholds, step), step)
    more, off = 1 + 8 * U, ~np.eye(D, dtype=bool)
    assert largest(found[0], W1, lambda w: 2 * U * more * abs(w)) <= 1
    assert largest(found[2], thresholds, lambda w: 2 * U * more * abs(w)) <= 1
    assert largest(found[1][:, off], W2[:, off], lambda w: 2 * U * more * abs(w)) <= 1
    diagonals = [part[:, ~off] for part in (found[1], W2)]
    assert largest(*diagonals, lambda w: (U * abs(w) + 3 * U * abs(1 - w)) * more) <= 1
    assert largest(found[0], W1, lambda w: U * abs(w) / 2) > 1, "the bound is not vacuous"


@pytest.mark.parametrize("step", [0.3, 1e-3, 1e-9])
def test_what_the_diagonal_of_K_loses(step: float) -> None:
    (K,) = draw(11, (N, D, D))
    L, weights = draw(12, (N, D, M), (N,))
    found, diagonal = from_lista(*to_lista(K, L, np.abs(weights), step), step)[0], np.eye(D, dtype=bool)
    h = Fraction(step)
    assert largest(found[:, diagonal], K[:, diagonal], lambda k: U * (1 + 4 * h * abs(k)) / h * (1 + 8 * U)) <= 1
    assert largest(found[:, ~diagonal], K[:, ~diagonal], lambda k: 2 * U * abs(k) * (1 + 8 * U)) <= 1
    if step < 1e-8:
        assert largest(found[:, diagonal], K[:, diagonal], lambda k: Fraction(10**-9)) > 1, "it does lose digits"


A, W, W1, W2 = draw(13, (M, D), (M, D), (N, D, M), (N, D, D))
THETA = np.full(N, 0.1)
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no layers": (lambda: ista(A, 0.1, 0.1, 0), "depth of one layer or more, got depth=0"),
    "half a layer": (lambda: ista(A, 0.1, 0.1, 2.5), "got depth=2.5"),
    "negative weight": (lambda: ista(A, -0.1, 0.1, 3), "weight >= 0"),
    "negative threshold": (lambda: lista(W1, W2, THETA - 1), r"thresholds >= 0, got -0.9 \(trained"),
    "W1 and W2 swapped": (lambda: lista(W2, W1, THETA), r"transitions \(N, d, d\)"),
    "fewer thresholds": (lambda: lista(W1, W2, THETA[1:]), "one W2 a layer, got 5 for 4 thresholds"),
    "thresholds of too many coordinates": (lambda: lista(W1, W2, np.ones((N, D + 1))), r"function on R\^6"),
    "W transposed": (lambda: lista_cp(A, W.T, THETA), r"W of the shape of A in each layer, got \(6, 4\)"),
    "W of fewer layers": (lambda: lista_cp(A, np.stack([W] * 2), THETA), "one W a layer, got 2 for 5"),
    "fewer gammas": (lambda: alista(A, W, np.ones(2), THETA), "one gamma and one threshold a layer, got 2 and 5"),
    "no step": (lambda: lista(W1, W2, THETA, step=0.0), "step > 0"),
    "swapped on the way": (lambda: from_lista(W2, W1, THETA, 1.0), "W2 of shape"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_told(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
