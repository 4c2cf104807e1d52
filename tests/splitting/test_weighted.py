"""Weighted contraction by other routes: closed forms, another optimiser, sampled pairs; errors that must fail."""

from fractions import Fraction as R
from typing import Any

import flint
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_digits

from fbscheck.certify.definite import as_float, is_semidefinite, norm_upper, rational
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, Huber, NonNegative
from fbscheck.reference.weighted import best_diagonal, best_full, diagonal_weight, full_weight
from fbscheck.splitting.weighted import Obstacle, Weight, forward, slopes, spectral_radius_lower

ROTATION = np.array([[0.0, -1.0], [1.0, 0.0]])
N1 = forward(0.1 * np.eye(2) + np.sqrt(0.99) * ROTATION, 1)
N2 = forward([[1.0, -10.0], [0.0, 1.0]], R(1, 10))


def lista(rows: int, size: int, seed: int, dictionary: Any = None, step: float = 1.0) -> Any:
    """I - WA of a layer like a trained one: W is ``step`` times the transpose of A, moved by 30%, over |A|^2."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((rows, size)) if dictionary is None else dictionary
    moved = rng.standard_normal(A.T.shape)
    norm = np.linalg.norm(A, 2)
    return np.eye(size) - step * (A.T + 0.3 * norm * moved / np.linalg.norm(moved, 2)) @ A / norm**2


def digits(count: int) -> Any:
    images = load_digits(return_X_y=True)[0][:count]
    return images.T / np.linalg.norm(images, axis=1)


def found(transition: flint.fmpq_mat) -> tuple[Weight, Weight]:
    return diagonal_weight(as_float(transition)), full_weight(as_float(transition))


@pytest.mark.parametrize("w", [0.7, -1.25, 1.0])
def test_in_one_dimension_no_weight_helps(w: float) -> None:
    transition = rational(np.array([[w]]))
    for weight in found(transition):
        assert abs(w) <= weight.factor(transition) <= abs(w) * (1 + 1e-9)
    assert slopes(transition)[1] == pytest.approx(abs(w), rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_the_best_diagonal_weight_of_two_dimensions(seed: int) -> None:
    """It makes the off-diagonal entries equal: their product is fixed, and so is the determinant."""
    W = np.random.default_rng(seed).standard_normal((2, 2))
    even = np.sqrt(abs(W[0, 1] * W[1, 0]))
    balanced = np.array([[W[0, 0], np.sign(W[0, 1]) * even], [np.sign(W[1, 0]) * even, W[1, 1]]])
    known = np.linalg.norm(balanced, 2)
    assert diagonal_weight(W).factor(rational(W)) == pytest.approx(known, rel=2e-5)
    best = Weight([abs(W[1, 0]), abs(W[0, 1])]).factor(rational(W))
    assert known * (1 - 1e-14) <= best <= known * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_diagonal_weight_by_another_optimiser(seed: int) -> None:
    """The norm of e^D W e^-D is log-convex in D: Nelder and Mead need no matrix inequality."""
    W = np.random.default_rng(seed).standard_normal((3, 3))

    def norm(logs: Any) -> float:
        scale = np.exp(np.append(logs, 0.0))
        return float(np.linalg.norm(scale[:, None] * W / scale, 2))

    other = minimize(norm, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).fun
    assert diagonal_weight(W).factor(rational(W)) == pytest.approx(other, rel=2e-5)


def test_the_factor_of_the_plain_norm_is_the_norm() -> None:
    for W in (lista(12, 6, 0), as_float(N1), np.random.default_rng(1).standard_normal((20, 20))):
        q = Weight(np.ones(len(W))).factor(rational(W))
        assert np.linalg.norm(W, 2) * (1 - 1e-14) <= q <= norm_upper(W) * (1 + 1e-9)


def test_a_layer_that_expands_contracts_in_a_weight() -> None:
    """K = [[1, -10], [0, 1]], h = 1/10: a Euclidean factor of 1.53, and 0.9 times anything above one with a weight."""
    assert norm_upper(as_float(N2)) == pytest.approx(1.52956, abs=1e-5)
    for weight in found(N2):
        assert 0.9 < weight.factor(N2) < 0.901
    assert Weight([1e-6, 1.0]).factor(N2) < 0.9006
    assert slopes(N2)[1] == pytest.approx(0.9, rel=1e-10)


def test_no_weight_helps_a_rotation() -> None:
    """K = I/10 + sqrt(.99) J, h = 1: the norm 1.3416 is the spectral radius."""
    for weight in found(N1):
        assert weight.factor(N1) == pytest.approx(1.3416408, rel=1e-5)
    assert slopes(N1)[1] == pytest.approx(np.sqrt(0.81 + 0.99), rel=1e-9)
    assert slopes(N1)[1] <= np.sqrt(1.8)


LAYERS = [
    pytest.param(lista(20, 10, 4), id="gaussian"),
    pytest.param(lista(64, 8, 1, digits(8)), id="digits"),
    pytest.param(lista(5, 8, 2), id="fewer rows than columns"),
]


@pytest.mark.parametrize("W", LAYERS)
def test_layers_like_trained_ones(W: Any) -> None:
    transition = rational(W)
    diagonal, full = (weight.factor(transition) for weight in found(transition))
    low = slopes(transition)[1]
    assert low <= full <= diagonal * (1 + 1e-4)
    assert diagonal <= np.linalg.norm(W, 2) * (1 + 1e-4)
    assert full <= low * 1.005


def test_a_layer_on_real_atoms_contracts_only_in_a_weight() -> None:
    W = lista(64, 6, 4, digits(6), 1.9)
    transition = rational(W)
    assert np.linalg.norm(W, 2) > 1.05
    for weight in found(transition):
        assert 0.997 < slopes(transition)[1] <= weight.factor(transition) < 0.998


@pytest.mark.parametrize(
    "g", [L1(0.3), Box(-0.5, 0.25), NonNegative(), Huber(0.2, 3.0)], ids=lambda g: type(g).__name__
)
@pytest.mark.parametrize("W", LAYERS)
def test_pairs_of_points_come_nearer(W: Any, g: Any) -> None:
    """Many pairs, near and far, against the certified factor; for the diagonal weight and the full one."""
    rng, transition = np.random.default_rng(0), rational(W)
    x, apart = rng.standard_normal((2, len(W), 4000)) * 10.0 ** rng.uniform(-2, 1, 4000)
    moved = g.prox(W @ (x + apart), 1.0) - g.prox(W @ x, 1.0)
    for weight in found(transition):
        P = np.asarray(weight.matrix)
        squares = np.einsum("is,ij,js->s", moved, P, moved) / np.einsum("is,ij,js->s", apart, P, apart)
        assert np.sqrt(squares.max()) <= weight.factor(transition) * (1 + 1e-9)


@pytest.mark.parametrize("W", [as_float(N1), as_float(N2), *(p.values[0] for p in LAYERS)])
def test_a_factor_one_percent_smaller_is_not_proved(W: Any) -> None:
    """Planted; the matrix of the inequality then has a negative eigenvalue, in floating point too."""
    transition = rational(W)
    for weight in found(transition):
        q = weight.factor(transition)
        assert weight.contracts(transition, q)
        assert weight.contracts(transition, R(q) * R(101, 100))
        assert not weight.contracts(transition, 0.99 * q)
        assert not weight.contracts(transition, -q)
        P, L = np.asarray(weight.matrix), np.diag(np.asarray(weight.multipliers))
        for factor, sign in ((1.01 * q, 1), (0.99 * q, -1)):
            form = np.block([[factor**2 * P, -W.T @ L], [-L @ W, 2 * L - P]])
            assert sign * np.linalg.eigvalsh(form)[0] > 0


def test_multipliers_that_are_too_small_prove_nothing() -> None:
    assert Weight(np.eye(2), [0.4, 1.0]).factor(N2) == np.inf
    assert not Weight(np.eye(2), [0.4, 1.0]).contracts(N2, 10.0)
    assert Weight(np.eye(2), [1.0, 1.0]).contracts(N2, 10.0)


def test_the_sharp_factor_of_a_diagonal_transition_is_decided_exactly() -> None:
    transition = rational(np.diag([0.5, -0.75]))
    assert Weight([1.0, 3.0]).factor(transition) == pytest.approx(0.75, rel=1e-15)
    assert Weight([1.0, 3.0]).contracts(transition, R(3, 4))
    assert not Weight([1.0, 3.0]).contracts(transition, R(3, 4) - R(1, 10**30))


SIZES = [1, 2, 5, 13]


@pytest.mark.parametrize("size", SIZES)
def test_the_best_factors_are_enclosed(size: int) -> None:
    W = np.random.default_rng(size).standard_normal((size, size)) / np.sqrt(size)
    transition = rational(W)
    for weight, obstacle in (best_diagonal(W), best_full(W)):
        low, high = obstacle.factor(transition), weight.factor(transition)
        assert high * (1 - 1e-4) <= low <= high


@pytest.mark.parametrize("seed", range(3))
def test_no_weight_is_below_an_obstacle(seed: int) -> None:
    """Diagonal weights against theirs; full ones, with multipliers near the best, against both kinds of theirs."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((3, 3))
    transition, (_, rows), (best, obstacle) = rational(W), best_diagonal(W), best_full(W)
    P, multipliers = np.asarray(best.matrix), np.asarray(best.multipliers)
    for size in (1e-3, 0.1, 1.0):
        diagonal = Weight(np.exp(size * rng.standard_normal(3)))
        assert rows.factor(transition) <= diagonal.factor(transition)
        move = size * 0.1 * rng.standard_normal((3, 3)) * np.abs(P).max() * 0.01
        other = Weight(P + move @ move.T, multipliers * np.exp(0.1 * size * rng.standard_normal(3)))
        assert obstacle.factor(transition) <= other.factor(transition)


@pytest.mark.parametrize("size", [1e-9, 1e-3, 0.1, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_an_obstacle_that_is_off_never_proves_too_much(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((4, 4))
    transition = rational(W)
    (diagonal, rows), (full, obstacle) = best_diagonal(W), best_full(W)
    F, H = obstacle.points, obstacle.values
    assert H is not None
    noise = size * rng.standard_normal((2, *F.shape))
    for wrong in (Obstacle(F + noise[0], H), Obstacle(F, H + noise[1]), Obstacle(F, H * (1 + size)), Obstacle(H, F)):
        assert wrong.factor(transition) <= full.factor(transition)
    moved = Obstacle(rows.points + size * rng.standard_normal(rows.points.shape))
    assert moved.factor(transition) <= diagonal.factor(transition)


def test_values_that_no_proximal_map_takes_would_prove_too_much() -> None:
    """Planted: H = 2WF fails |H_i|^2 <= <(WF)_i, H_i>; without that test it would double the factor."""
    W = np.diag([0.5, 0.25])
    points, transition = np.eye(2), rational(W)
    assert Obstacle(points, W).factor(transition) == pytest.approx(0.25)
    assert np.linalg.eigvalsh((2 * W) @ (2 * W).T - 0.5**2 * np.eye(2)).min() >= 0
    assert Obstacle(points, 2 * W).factor(transition) == 0.0


def test_obstacles_in_closed_form() -> None:
    """A rotation keeps lengths; of diag(1/2, -3/4) the second coordinate is moved most; a dead row says nothing."""
    rotation, steep = rational(ROTATION), rational(np.diag([0.5, -0.75]))
    assert Obstacle(np.eye(2)).factor(rotation) == 1.0
    assert Obstacle(np.array([[0.0], [1.0]])).factor(steep) == 0.75
    assert Obstacle(np.array([[0.0], [1.0]]), np.array([[0.0], [-0.75]])).factor(steep) == pytest.approx(0.75)
    assert Obstacle(np.eye(2), np.diag([0.0, -0.75])).factor(steep) == 0.0


@pytest.mark.parametrize("sigma", [R(0), R(1, 2), R(4)])
def test_pairs_of_points_under_a_strongly_convex_function(sigma: R) -> None:
    """g = |x|_1 / 10 + sigma |x|^2 / 2, its proximal map written out; g = sigma |x|^2 / 2 nearly attains the factor."""
    K, h = np.array([[1.0, -10.0], [0.0, 1.0]]), R(1, 10)
    transition = forward(K, h, sigma)
    rng, W = np.random.default_rng(0), np.eye(2) - K / 10
    x, y = rng.standard_normal((2, 2, 2000))

    def layer(u: Any) -> Any:
        return np.sign(u) * np.maximum(np.abs(u) - 0.01, 0) / float(1 + h * sigma)

    for weight in (diagonal_weight(as_float(transition)), full_weight(as_float(transition))):
        P, q = np.asarray(weight.matrix), weight.factor(transition)
        moved, apart = layer(W @ x) - layer(W @ y), x - y
        ratios = np.einsum("is,ij,js->s", moved, P, moved) / np.einsum("is,ij,js->s", apart, P, apart)
        assert np.sqrt(ratios.max()) <= q * (1 + 1e-12)
        root = np.linalg.cholesky(P).T
        whole = np.linalg.norm(root @ W @ np.linalg.inv(root), 2) / float(1 + h * sigma)
        assert 0.99 * q < whole <= q * (1 + 1e-9)


BAD = [
    pytest.param(lambda: Obstacle(np.zeros((2, 2))), "not zero", id="no points"),
    pytest.param(lambda: Obstacle(np.eye(2), np.eye(3)), "of their shape", id="values of another shape"),
    pytest.param(lambda: Obstacle(np.eye(3)).factor(N2), "d = 2, got d = 3", id="points of another size"),
    pytest.param(lambda: Weight([1.0, -1.0]), "positive definite", id="a sign flipped"),
    pytest.param(lambda: Weight([1.0, 0.0]), "positive definite", id="a weight of zero"),
    pytest.param(lambda: Weight([[1.0, 2.0], [2.0, 1.0]], [3.0, 3.0]), "positive definite", id="indefinite"),
    pytest.param(lambda: Weight([[1.0, 0.5], [0.0, 1.0]], [1.0, 1.0]), "symmetric", id="not symmetric"),
    pytest.param(lambda: Weight([[1.0, 0.5], [0.5, 1.0]]), "diagonal weight", id="full without multipliers"),
    pytest.param(lambda: Weight(np.eye(2), np.eye(2) + 0.1), "1 dimension", id="multipliers that are not diagonal"),
    pytest.param(lambda: Weight(np.eye(2), [1.0, -1.0]), "multipliers >= 0", id="negative multiplier"),
    pytest.param(lambda: Weight(np.eye(2), [1.0]), "Need 2 multipliers", id="too few multipliers"),
    pytest.param(lambda: Weight(np.ones(3)).contracts(N2, 1.0), "the weight's size 3", id="another size"),
    pytest.param(lambda: Weight(np.ones(2)).contracts(N2, float("nan")), "finite factor", id="not a number"),
    pytest.param(lambda: forward(np.ones((2, 3)), 1), "square matrix", id="no square"),
]


@pytest.mark.parametrize(("call", "rule"), BAD)
def test_bad_input_is_told(call: Any, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        call()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [1, 2, 5, 30])
def test_the_spectral_radius_is_bounded_from_below(size: int, seed: int) -> None:
    M = np.random.default_rng(seed).standard_normal((size, size))
    radius = np.abs(np.linalg.eigvals(M)).max()
    assert radius * (1 - 1e-8) <= spectral_radius_lower(rational(M)) <= radius * (1 + 1e-12)


@pytest.mark.parametrize(
    ("matrix", "radius"),
    [([[0.0, 1.0], [0.0, 0.0]], 0.0), ([[0.5, 1e8], [0.0, 0.5]], 0.5), ([[0.0, 4.0], [1.0, 0.0]], 2.0)],
    ids=["nilpotent", "a long Jordan block", "opposite eigenvalues"],
)
def test_spectral_radii_in_closed_form(matrix: Any, radius: float) -> None:
    low = spectral_radius_lower(rational(np.array(matrix)))
    assert radius * (1 - 1e-10) <= low <= radius


@pytest.mark.parametrize("size", [3, 12, 13, 30])
def test_semidefinite_matrices_are_told_from_others(size: int) -> None:
    """On both sides of the size up to which the test is exact; 1e-12 below zero is seen."""
    root = rational(np.random.default_rng(size).integers(-3, 4, (size, size)).astype(float))
    gram, eye = root * root.transpose(), rational(np.eye(size))
    assert is_semidefinite(gram + eye)
    least = np.linalg.eigvalsh(as_float(gram))[0]
    assert not is_semidefinite(gram - eye * flint.fmpq(int(least * 10**6) + 10, 10**6))
