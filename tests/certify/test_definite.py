"""Certified norms and eigenvalues of hundreds of matrices against 80-digit arithmetic: none unsound."""

import math
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest

from fbscheck.certify.definite import (
    cocoercivity_lower,
    gram_eigenvalue_lower,
    norm_lower,
    norm_upper,
    symmetric_eigenvalue_lower,
)

Matrix = np.ndarray


def hilbert(n: int) -> Matrix:
    return np.array([[1.0 / (i + j + 1) for j in range(n)] for i in range(n)])


def adversarial(seed: int) -> Matrix:
    """One of twelve kinds of trouble, of random size."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    a = rng.standard_normal((m, n))
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    kinds = [
        lambda: a,
        lambda: np.round(a * 2),  # integers: exact ties
        lambda: np.outer(np.round(a[:, 0] * 4), np.round(a[0] * 4)),  # rank one, exactly
        lambda: q,  # all singular values nearly one
        lambda: a * 10.0 ** rng.integers(-15, 16, (1, n)),  # graded columns
        lambda: a * 10.0 ** rng.integers(-12, 13, (m, 1)),  # graded rows
        lambda: a * 1e150,
        lambda: a * 1e-150,
        lambda: hilbert(n),
        lambda: q @ np.diag(1 + 1e-15 * np.arange(n)) @ q.T,  # clustered
        lambda: np.eye(n) + np.triu(np.ones((n, n)), 1) * 1e6,  # far from normal
        lambda: np.diag([1.0] * (n - 1) + [0.0]) + 1e-17 * rng.standard_normal((n, n)),
    ]
    return np.asarray(kinds[seed % 12]())


def high(matrix: Matrix) -> Any:
    return mpmath.matrix([[mpmath.mpf(float(t)) for t in row] for row in matrix])


@pytest.fixture(autouse=True)
def eighty_digits() -> Any:
    with mpmath.workdps(160):
        yield


TIGHT = mpmath.mpf(10) ** -12


@pytest.mark.parametrize("seed", range(240))
def test_norms(seed: int) -> None:
    matrix = adversarial(seed)
    small = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    truth = mpmath.sqrt(max(0, *mpmath.eigsy(high(small).T * high(small), eigvals_only=True)))
    low, high_end = norm_lower(matrix), norm_upper(matrix)
    slack = mpmath.mpf(10) ** -60 * truth  # of the reference itself
    assert mpmath.mpf(low) <= truth + slack
    assert truth - slack <= mpmath.mpf(high_end)
    assert mpmath.mpf(high_end) <= truth * (1 + TIGHT)
    assert mpmath.mpf(low) >= truth * (1 - TIGHT)


@pytest.mark.parametrize("seed", range(240))
def test_least_eigenvalues(seed: int) -> None:
    matrix = adversarial(seed)
    size = min(matrix.shape)
    square = matrix[:size, :size]
    exactly = high(square)
    spectrum = mpmath.eigsy((exactly + exactly.T) / 2, eigvals_only=True)
    scale = max(map(abs, spectrum))
    bound = mpmath.mpf(symmetric_eigenvalue_lower(square))
    assert bound <= min(spectrum) + scale * mpmath.mpf(10) ** -60
    assert bound >= min(spectrum) - scale * TIGHT


@pytest.mark.parametrize("seed", range(240))
def test_least_eigenvalues_of_gram_matrices(seed: int) -> None:
    matrix = adversarial(seed)
    exactly = high(matrix)
    spectrum = mpmath.eigsy(exactly.T * exactly, eigvals_only=True)
    truth = max(min(spectrum), mpmath.mpf(0)) if matrix.shape[0] >= matrix.shape[1] else mpmath.mpf(0)
    bound = mpmath.mpf(gram_eigenvalue_lower(matrix))
    assert 0 <= bound <= truth + max(spectrum) * mpmath.mpf(10) ** -60
    assert bound >= truth - max(spectrum) * TIGHT


@pytest.mark.parametrize("seed", range(240))
def test_cocoercivity(seed: int) -> None:
    """beta > 0 must leave sym(K) - beta K'K semidefinite: all eigenvalues by mpmath."""
    matrix = adversarial(seed)
    size = min(matrix.shape)
    square = matrix[:size, :size] + (seed % 2) * np.abs(matrix).max() * np.eye(size)
    beta = cocoercivity_lower(square)
    exactly = high(square)
    finite = mpmath.mpf(beta) if beta < math.inf else mpmath.mpf(10) ** 50
    form = (exactly + exactly.T) / 2 - finite * exactly.T * exactly
    scale = max(map(abs, form), default=mpmath.mpf(0))
    assert beta == 0 or min(mpmath.eigsy(form, eigvals_only=True)) >= -scale * mpmath.mpf(10) ** -100


@pytest.mark.parametrize("seed", range(40))
def test_cocoercivity_of_gradients_is_nearly_the_best(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank, size = int(rng.integers(1, 6)), int(rng.integers(1, 7))
    root = rng.integers(-4, 5, (rank, size)).astype(float)
    matrix = root.T @ root
    truth = 1 / np.linalg.norm(matrix, 2) if matrix.any() else math.inf
    assert cocoercivity_lower(matrix) == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("size", [13, 16, 24, 40])
@pytest.mark.parametrize("kind", ["random", "orthogonal", "gram", "low rank", "scaled down", "scaled up", "identity"])
def test_larger_matrices_go_through_balls(kind: str, size: int) -> None:
    rng = np.random.default_rng(size)
    a = rng.standard_normal((size, size))
    matrix = {
        "random": a,
        "orthogonal": np.linalg.qr(a)[0],
        "gram": a.T @ a,
        "low rank": a[:, :3] @ a[:3],
        "scaled down": a * 1e-150,
        "scaled up": a * 1e150,
        "identity": np.eye(size),
    }[kind]
    top = np.linalg.norm(matrix, 2)
    assert norm_lower(matrix) <= norm_upper(matrix) <= top * (1 + 1e-12)
    assert norm_lower(matrix) >= top * (1 - 1e-12)
    modulus, estimate = symmetric_eigenvalue_lower(matrix), np.linalg.eigvalsh((matrix + matrix.T) / 2)[0]
    assert estimate - 1e-11 * top <= modulus <= estimate + 1e-12 * top


@pytest.mark.parametrize("size", [13, 20])
def test_the_certificate_of_a_larger_matrix_holds_exactly(size: int) -> None:
    """c^2 I - A'A and sym(A) - c I by the exact characteristic polynomial, whose signs must alternate."""
    a = np.round(np.random.default_rng(size).standard_normal((size, size)) * 64) / 64

    def alternates(matrix: flint.fmpq_mat) -> bool:
        coefficients = matrix.charpoly().coeffs()
        return all((-1) ** (size - power) * c >= 0 for power, c in enumerate(coefficients))

    def diagonal(number: Fraction) -> flint.fmpq_mat:
        entry = flint.fmpq(number.numerator, number.denominator)
        return flint.fmpq_mat(size, size, [entry if i == j else 0 for i in range(size) for j in range(size)])

    whole = flint.fmpq_mat(size, size, [flint.fmpq(int(t), 64) for t in (64 * a).ravel()])
    gram, symmetric = whole.transpose() * whole, (whole + whole.transpose()) * flint.fmpq(1, 2)
    upper, modulus, least = (
        Fraction(norm_upper(a)),
        Fraction(symmetric_eigenvalue_lower(a)),
        Fraction(gram_eigenvalue_lower(a)),
    )
    assert alternates(diagonal(upper**2) - gram)
    assert not alternates(diagonal((upper * Fraction(999_999_999_999, 10**12)) ** 2) - gram)
    assert alternates(symmetric - diagonal(modulus))
    assert not alternates(symmetric - diagonal(modulus + Fraction(1, 10**10)))
    assert alternates(gram - diagonal(least))
    assert not alternates(gram - diagonal(least + Fraction(1, 10**10)))


@pytest.mark.parametrize(
    ("matrix", "norm"),
    [
        pytest.param(np.diag([1.0, 2.0]), 2.0, id="diag(1, 2)"),
        pytest.param(np.zeros((2, 3)), 0.0, id="zero"),
        pytest.param(np.array([[-3.0, 4.0]]), 5.0, id="3-4-5 row"),
        pytest.param(np.array([[3.0], [4.0]]), 5.0, id="3-4-5 column"),
        pytest.param(np.ones((4, 4)), 4.0, id="ones"),
        pytest.param(np.array([[5e-324]]), 5e-324, id="smallest"),
        pytest.param(np.array([[1.7976931348623157e308]]), 1.7976931348623157e308, id="largest"),
        pytest.param(np.array([[0.0, -1.0], [1.0, 0.0]]), 1.0, id="rotation"),
        pytest.param(np.diag([3.0] * 12), 3.0, id="twelve ties"),
    ],
)
def test_ties_are_decided_exactly(matrix: Matrix, norm: float) -> None:
    assert norm_upper(matrix) == norm
    assert norm * (1 - 1e-15) <= norm_lower(matrix) <= norm


def test_a_norm_beyond_the_range_is_bounded_by_infinity() -> None:
    matrix = np.full((2, 2), 1.7e308)
    assert norm_upper(matrix) == math.inf
    assert norm_lower(matrix) == 1.7976931348623157e308


@pytest.mark.parametrize(
    ("matrix", "modulus"),
    [
        pytest.param(-np.eye(2), -1.0, id="minus identity"),
        pytest.param(np.diag([1.0, 2.0]), 1.0, id="diag(1, 2)"),
        pytest.param(np.zeros((2, 2)), 0.0, id="zero"),
        pytest.param(np.ones((3, 3)), 0.0, id="ones"),
        pytest.param(np.array([[0.0, -1.0], [1.0, 0.0]]), 0.0, id="rotation"),
        pytest.param(np.ones((20, 20)), 0.0, id="singular, beyond exact elimination"),
        pytest.param(-np.diag([1.0] + [0.0] * 19), -1.0, id="negative, beyond exact elimination"),
    ],
)
def test_moduli_by_hand(matrix: Matrix, modulus: float) -> None:
    assert symmetric_eigenvalue_lower(matrix) == pytest.approx(modulus, rel=1e-12)
    assert symmetric_eigenvalue_lower(matrix) <= modulus


def test_a_barely_negative_singular_matrix_is_not_called_monotone() -> None:
    """A tie decided by signs must not be fooled by 1e-30."""
    matrix = np.diag([1.0, 0.0, -1e-30] + [1.0] * 17)
    assert symmetric_eigenvalue_lower(matrix) <= -1e-30
    assert symmetric_eigenvalue_lower(np.array([[0.0, 5e-324], [0.0, 0.0]])) <= -2.5e-324
    assert cocoercivity_lower(matrix) == 0.0


@pytest.mark.parametrize(
    "matrix",
    [np.full((2, 2), 1.7e308), np.array([[1.7e308, -1.7e308], [1.7e308, 1.7e308]])],
    ids=["symmetric", "not symmetric"],
)
def test_bounds_exist_for_norms_beyond_the_range(matrix: Matrix) -> None:
    assert 0 <= cocoercivity_lower(matrix) <= 1 / 1.7e308
    assert -math.inf <= symmetric_eigenvalue_lower(matrix) <= 1.7e308
    assert gram_eigenvalue_lower(matrix) >= 0


@pytest.mark.parametrize("wrong", [0.999999, 1 - 1e-13], ids=["1e-6 off", "1e-13 off"])
def test_a_norm_that_is_too_small_would_be_noticed(wrong: float) -> None:
    matrix = adversarial(0)
    truth = mpmath.sqrt(max(mpmath.eigsy(high(matrix).T * high(matrix), eigvals_only=True)))
    assert mpmath.mpf(norm_upper(matrix) * wrong) < truth
