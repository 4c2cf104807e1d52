"""Matrix arithmetic with a proved error against exact rationals; nothing may be missed, not by the last bit."""

import math
from fractions import Fraction

import numpy as np
import pytest

from fbscheck.certify import definite
from fbscheck.certify.enclosure import Enclosure, eigenvalue_lower, eigenvalue_upper, exact, frobenius_upper, norm_upper

SCALES = (1.0, 1e-150, 1e-160, 1e150, 1e-300)


def fractions(matrix: np.ndarray) -> np.ndarray:
    return np.array([Fraction(v) for v in np.asarray(matrix).ravel().tolist()], dtype=object).reshape(matrix.shape)


def distance_squared(found: Enclosure, truth: np.ndarray) -> Fraction:
    return sum(((fractions(found.centre) - truth) ** 2).ravel().tolist(), Fraction(0))


def case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two square matrices and a vector, some graded, at one of several scales."""
    rng = np.random.default_rng(seed)
    size, scale = int(rng.integers(1, 8)), SCALES[seed % len(SCALES)]
    a, b = rng.standard_normal((2, size, size)) * 10.0 ** rng.integers(-8 * (seed % 2), 1, (2, size, 1))
    return scale * a, b, rng.standard_normal(size)


OPERATIONS = {
    "sum": (lambda a, b, v: a + b, lambda a, b, v: a + b),
    "difference": (lambda a, b, v: a - b, lambda a, b, v: a - b),
    "product": (lambda a, b, v: a @ b, lambda a, b, v: a.dot(b)),
    "square": (lambda a, b, v: a @ a.T, lambda a, b, v: a.dot(a.T)),
    "rows": (lambda a, b, v: a.rows(v), lambda a, b, v: fractions(v)[:, None] * a),
    "columns": (lambda a, b, v: a.columns(v), lambda a, b, v: a * fractions(v)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_exact_result_is_enclosed(name: str) -> None:
    """The radius is needed (centres are rounded) and enough, with operands that move within theirs."""
    ours, truly = OPERATIONS[name]
    missed = 0
    for seed in range(60):
        a, b, v = case(seed)
        rng = np.random.default_rng(seed + 1000)
        moves = [rng.standard_normal(a.shape) * np.abs(m).max() * 2.0**-30 for m in (a, b)]
        radii = [frobenius_upper(move) for move in moves]
        for shares in ((0, 0), (1, 0), (0, 1), (1, -1)):
            found = ours(*(Enclosure(m, r * abs(s)) for m, r, s in zip((a, b), radii, shares, strict=True)), v)
            truth = truly(*(fractions(m) + s * fractions(t) for m, t, s in zip((a, b), moves, shares, strict=True)), v)
            assert distance_squared(found, truth) <= Fraction(found.radius) ** 2
            missed += distance_squared(found, truth) > 0
    assert missed > 60, "planted: a radius of 0 would be wrong"


def test_the_radius_of_a_product_is_small() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 100, 100))
    assert (exact(a) @ exact(b)).radius <= 1e-13 * np.linalg.norm(a) * np.linalg.norm(b)


@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e-310, 1e150, 1e300])
@pytest.mark.parametrize("size", [1, 7, 300])
def test_frobenius_norms_are_from_above(size: int, scale: float) -> None:
    matrix = scale * np.random.default_rng(size).standard_normal((size, 3))
    square = sum(Fraction(v) ** 2 for v in matrix.ravel().tolist())
    found = frobenius_upper(matrix)
    assert Fraction(found) ** 2 >= square
    assert found <= np.linalg.norm(matrix / scale) * scale * (1 + 1e-12) + 1e-307


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_what_overflows_proves_nothing(bad: float) -> None:
    matrix = np.eye(3)
    matrix[1, 1] = bad
    assert not exact(matrix).norm() < math.inf
    assert eigenvalue_lower(exact(matrix), 0.5) == -math.inf
    assert eigenvalue_upper(exact(matrix)) == math.inf
    huge = exact(np.full((3, 3), 1e300))
    assert not (huge @ huge).norm() < math.inf


def spectrum(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers make it exact: Q D Q with a Householder matrix Q = I - 2 v v^T / |v|^2, |v|^2 a power of two."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size)
    reflection = np.eye(size) - 2 * np.outer(signs, signs) / size
    values = rng.integers(1, 1000, size).astype(float)
    return reflection @ np.diag(values) @ reflection, np.sort(values)


@pytest.mark.parametrize("size", [1, 2, 4, 16, 64])
@pytest.mark.parametrize("seed", range(5))
def test_eigenvalues_are_on_their_side_and_close(size: int, seed: int) -> None:
    matrix, values = spectrum(seed, size)
    shift = values[0] * (1 - 1e-9)
    low, high = eigenvalue_lower(exact(matrix), shift), eigenvalue_upper(exact(matrix))
    assert low <= values[0] and values[-1] <= high
    assert low >= values[0] * (1 - 1e-8) and high <= values[-1] * (1 + 1e-10)
    assert eigenvalue_lower(exact(matrix), values[0] * (1 + 1e-6)) == -math.inf, "planted: a shift too far"


@pytest.mark.parametrize("radius", [0.5, 3.0])
def test_the_radius_moves_eigenvalues(radius: float) -> None:
    """X = C - r e e^T lies in the enclosure."""
    assert eigenvalue_lower(Enclosure(np.eye(4), radius), 0.9) <= 1 - radius
    assert eigenvalue_upper(Enclosure(np.eye(4), radius)) >= 1 + radius


def test_the_upper_eigenvalue_of_zero_is_nearly_zero() -> None:
    assert 0 <= eigenvalue_upper(exact(np.zeros((3, 3)))) <= 1e-300


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e-300, 1e150, 1e300])
@pytest.mark.parametrize("seed", range(6))
def test_spectral_norms_agree_with_exact_ones(seed: int, scale: float) -> None:
    """Against the bound proved in rationals, which is sharp to an ulp."""
    rng = np.random.default_rng(seed)
    matrix = scale * rng.standard_normal(tuple(rng.integers(1, 9, 2)))
    sharp = definite.norm_lower(matrix)
    assert sharp <= norm_upper(exact(matrix)) <= sharp * (1 + 1e-10) + 1e-305
    assert norm_upper(Enclosure(matrix, scale)) >= sharp + scale * (1 - 1e-12)


def test_the_norm_of_zero_is_nearly_zero() -> None:
    assert 0 <= norm_upper(exact(np.zeros((2, 3)))) <= 1e-300
