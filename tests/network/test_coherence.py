"""Coherence by other routes: fractions, closed forms, cvxpy; bounds that wrong certificates cannot move."""

from fractions import Fraction as R
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from scipy.linalg import hadamard

from fbscheck.certify.balls import lower, upper
from fbscheck.errors import InputError
from fbscheck.network.coherence import (
    coherence,
    coupling,
    frobenius_weights,
    generalised_coherence_lower,
    largest_support,
    mutual_coherence,
    trace_bound,
)
from fbscheck.reference.coherence import generalised_coherence

EQUI = np.hstack([np.eye(16), hadamard(16) / 4.0])


def gaussian(rows: int, columns: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal((rows, columns))


def in_fractions(W: Any, A: Any) -> R:
    """The coherence of W by exact rational arithmetic, entry by entry."""
    w, a = ([[R(v) for v in column] for column in X.T.tolist()] for X in (W, A))

    def product(x: list[R], y: list[R]) -> R:
        return sum((p * q for p, q in zip(x, y, strict=True)), R(0))

    return max(abs(product(w[i], a[j]) / product(w[i], a[i])) for i in range(len(a)) for j in range(len(a)) if i != j)


@pytest.mark.parametrize("seed", range(5))
def test_the_coherence_of_weights_encloses_the_exact_one(seed: int) -> None:
    A, W = gaussian(4, 7, seed), gaussian(4, 7, seed + 100)
    truth, (low, high) = in_fractions(W, A), coherence(W, A)
    assert R(low) <= truth <= R(high)
    assert high <= low * (1 + 1e-15)
    assert not R(0.99 * high) >= truth


def test_the_coupling_is_normalised_exactly() -> None:
    A = gaussian(3, 5, 0)
    G = coupling(1e3 * A, A)
    assert all(lower(v) == upper(v) == 1.0 for v in G.diagonal())
    assert lower(G[0, 1]) <= (A[:, 0] @ A[:, 1]) / (A[:, 0] @ A[:, 0]) + 1e-15
    assert upper(G[0, 1]) >= (A[:, 0] @ A[:, 1]) / (A[:, 0] @ A[:, 0]) - 1e-15


CLOSED = [
    pytest.param(np.eye(3), (0.0, 0.0), id="orthogonal columns"),
    pytest.param(EQUI, (0.25, 0.25), id="identity and Hadamard"),
    pytest.param(np.array([[1.0, 3.0], [0.0, 4.0]]), (0.6, 0.6), id="a 3-4-5 triangle"),
    pytest.param(np.array([[1.0, -2.0, 0.0], [0.0, 0.0, 1.0]]), (1.0, 1.0), id="parallel columns"),
]


@pytest.mark.parametrize(("A", "known"), CLOSED)
def test_the_mutual_coherence_in_closed_form(A: Any, known: tuple[float, float]) -> None:
    low, high = mutual_coherence(A)
    assert low <= known[1]
    assert known[0] <= high
    assert high - low <= 4e-16


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rows", "columns"), [(3, 6), (8, 12), (20, 30)])
def test_the_weights_of_least_frobenius_norm(rows: int, columns: int, seed: int) -> None:
    """Against cvxpy; the value is at least n^2/m, and any admissible move is up."""
    A = gaussian(rows, columns, seed)
    W = frobenius_weights(A)
    value = np.sum((W.T @ A) ** 2)
    V = cp.Variable((rows, columns))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(V.T @ A)), [cp.sum(cp.multiply(V, A), axis=0) == 1])
    problem.solve(solver=cp.CLARABEL)
    assert value == pytest.approx(problem.value, rel=1e-6)
    assert np.abs(W - V.value).max() <= 1e-4 * np.abs(W).max()
    assert value >= columns**2 / rows * (1 - 1e-12)
    move = gaussian(rows, columns, seed + 50)
    move -= A * (np.sum(move * A, axis=0) / np.sum(A * A, axis=0))
    assert np.sum(((W + 1e-3 * move).T @ A) ** 2) > value


def test_the_weights_of_least_frobenius_norm_do_not_minimise_the_coherence() -> None:
    """Certainly: what the linear programs reach is below what the closed form has."""
    A = gaussian(20, 30, 3)
    assert coherence(generalised_coherence(A).weights, A)[1] < 0.8 * coherence(frobenius_weights(A), A)[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e6])
def test_the_lower_bound_is_below_all_weights_and_near_the_best(seed: int, scale: float) -> None:
    A = gaussian(10, 16, seed) * scale
    found = generalised_coherence(A)
    low = generalised_coherence_lower(A, found.representations, found.columns)
    best = coherence(found.weights, A)[1]
    assert best * (1 - 1e-11) <= low <= best
    for W in (A, frobenius_weights(A), gaussian(10, 16, seed + 9)):
        assert low <= coherence(W, A)[0]


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-2, 1.0, 1e3])
@pytest.mark.parametrize("seed", range(4))
def test_a_representation_that_is_off_never_proves_too_much(seed: int, size: float) -> None:
    """Moved, shrunk, or with a share of the column itself: the bound stays below the optimum."""
    A, rng = gaussian(6, 10, seed), np.random.default_rng(seed)
    found = generalised_coherence(A, range(10))
    best = coherence(found.weights, A)[1]
    Z = found.representations
    for wrong in (Z + size * rng.standard_normal(Z.shape), Z / (1 + size), Z + size * np.eye(10), 0 * Z):
        assert generalised_coherence_lower(A, wrong, found.columns) <= best


def test_without_the_residual_the_bound_would_be_wrong() -> None:
    """Planted: 1/|z|_1 of a representation 1% too short exceeds what weights reach; the true bound does not."""
    A = gaussian(6, 10, 0)
    found = generalised_coherence(A)
    short = 0.99 * found.representations
    best = coherence(found.weights, A)[1]
    assert (1 / np.abs(short).sum(axis=0)).max() > best
    assert generalised_coherence_lower(A, short, found.columns) <= best


def test_rows_of_zeros_change_nothing_and_a_lost_rank_proves_nothing() -> None:
    A = gaussian(6, 10, 1)
    found = generalised_coherence(A)
    low = generalised_coherence_lower(A, found.representations, found.columns)
    taller = np.vstack([A[:2], np.zeros(10), A[2:]])
    assert generalised_coherence_lower(taller, found.representations, found.columns) == pytest.approx(low, rel=1e-12)
    assert generalised_coherence_lower(np.vstack([A, A[0]]), found.representations, found.columns) == 0.0


@pytest.mark.parametrize("size", [1e-9, 1e-3, 0.1, 10.0])
def test_an_inverse_that_is_off_never_proves_too_much(size: float) -> None:
    A, rng = gaussian(6, 10, 0), np.random.default_rng(1)
    found, inverse = generalised_coherence(A), np.linalg.pinv(A)
    best, Z = coherence(found.weights, A)[1], 1.001 * found.representations
    for wrong in (inverse + size * rng.standard_normal(inverse.shape), inverse * (1 + size), -inverse, 0 * inverse):
        assert generalised_coherence_lower(A, Z, found.columns, wrong) <= best


def test_one_column_bounds_the_whole_from_below() -> None:
    A = gaussian(10, 16, 2)
    whole, one = generalised_coherence(A), generalised_coherence(A, [3])
    low = generalised_coherence_lower(A, one.representations, one.columns)
    assert 0 < low <= coherence(whole.weights, A)[1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("rows", "columns"), [(2, 5), (5, 8), (7, 7), (9, 4)])
def test_no_weights_are_below_the_trace_bound(rows: int, columns: int, seed: int) -> None:
    A = gaussian(rows, columns, seed)
    reached = coherence(generalised_coherence(A).weights, A)[1]
    assert R(reached) ** 2 >= trace_bound(rows, columns)


def test_the_trace_bound_is_attained() -> None:
    """Three vectors at 120 degrees in the plane: all products are -1/2."""
    assert trace_bound(2, 3) == R(1, 4)
    angles = 2 * np.pi * np.arange(3) / 3
    assert mutual_coherence(np.array([np.cos(angles), np.sin(angles)]))[1] == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize(
    ("mu", "support"),
    [
        (R(1, 7), 3),
        (R(1, 8), 4),
        (0.125, 4),
        (R(1), 0),
        (R(2), 0),
        (0.0773, 6),
        (0.0, 99),
        (float("inf"), 0),
        (1e-9, 99),
    ],
)
def test_the_largest_support(mu: R | float, support: int) -> None:
    """s < (1 + 1/mu)/2, strictly: at mu = 1/7 it is 4, and 4 is out."""
    assert largest_support(mu, 99) == support
    assert 2 * support - 1 < 1 / mu if mu else True


BAD = [
    pytest.param(lambda: coherence(np.eye(2), np.ones((2, 3))), "dictionary's shape", id="shape"),
    pytest.param(lambda: coherence([[0.0, 1], [1, 0]], np.eye(2)), "<w_i, a_i> != 0", id="orthogonal weights"),
    pytest.param(lambda: mutual_coherence([[1.0, 0.0]]), "columns that are not zero", id="zero column"),
    pytest.param(lambda: mutual_coherence([[1.0]]), "two columns or more", id="one column"),
    pytest.param(lambda: mutual_coherence([[1.0, np.nan]]), "finite entries", id="nan"),
    pytest.param(lambda: generalised_coherence_lower(np.eye(2), np.eye(2), [0, 5]), "columns within", id="column"),
    pytest.param(lambda: generalised_coherence_lower(np.eye(2), np.eye(2), [0]), "coefficients for each", id="count"),
    pytest.param(
        lambda: generalised_coherence_lower(EQUI, EQUI.T, [0], EQUI), "coefficients for", id="representations"
    ),
    pytest.param(lambda: generalised_coherence_lower(EQUI, np.eye(32), range(32), EQUI), "an inverse", id="inverse"),
    pytest.param(lambda: trace_bound(0, 2), "at least one row", id="rows"),
    pytest.param(lambda: largest_support(-1.0, 2), "coherence >= 0", id="sign"),
    pytest.param(lambda: largest_support(float("nan"), 2), "coherence >= 0", id="not a number"),
]


@pytest.mark.parametrize(("call", "rule"), BAD)
def test_bad_input_is_told(call: Any, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        call()
