"""Linear maps against their matrices, written out here from the definitions; certified norms against mpmath."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.sparse

from fbscheck.certify.balls import exact
from fbscheck.errors import InputError
from fbscheck.operators import Blocks, Convolution, LeastSquares, LinearMap, Sparse, differences, radon
from fbscheck.operators.maps import _perron_upper

Matrix = np.ndarray


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def written_out(kernel: Matrix, grid: tuple[int, ...], circular: bool) -> Matrix:
    """The matrix of a convolution, entry by entry."""
    kernel = kernel if kernel.ndim > len(grid) else kernel[None, None]
    pixels = list(itertools.product(*map(range, grid)))
    number = {pixel: k for k, pixel in enumerate(pixels)}
    outputs, inputs, *sides = kernel.shape
    matrix = np.zeros((outputs * len(pixels), inputs * len(pixels)))
    for o, c, pixel in itertools.product(range(outputs), range(inputs), pixels):
        for tap in itertools.product(*map(range, sides)):
            seen = tuple(p - t + (k - 1) // 2 for p, t, k in zip(pixel, tap, sides, strict=True))
            wrapped = tuple(s % n for s, n in zip(seen, grid, strict=True))
            if circular or seen == wrapped:
                matrix[o * len(pixels) + number[pixel], c * len(pixels) + number[wrapped]] += kernel[(o, c, *tap)]
    return matrix


CONVOLUTIONS = {
    "1-D": ((7,), (3,), "circular"),
    "1-D, even kernel": ((6,), (4,), "circular"),
    "1-D, kernel as long as the grid": ((5,), (5,), "circular"),
    "1-D, zero": ((8,), (4,), "zero"),
    "1-D, one pixel": ((1,), (1,), "zero"),
    "2-D": ((5, 4), (3, 2), "circular"),
    "2-D, zero": ((4, 5), (3, 3), "zero"),
    "2-D, more outputs": ((4, 3), (3, 2, 3, 2), "circular"),
    "2-D, more inputs, zero": ((4, 3), (2, 3, 2, 3), "zero"),
    "1-D, channels": ((9,), (2, 2, 4), "circular"),
}
convolutions = pytest.mark.parametrize(("grid", "sides", "boundary"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)


@pytest.mark.parametrize("method", ["fft", "direct"])
@convolutions
def test_a_convolution_is_its_matrix(grid: tuple[int, ...], sides: Any, boundary: str, method: str) -> None:
    kernel = rng(1).standard_normal(sides)
    matrix, map_ = written_out(kernel, grid, boundary == "circular"), Convolution(kernel, grid, boundary, method)
    x, y = rng(2).standard_normal((map_.shape[1], 5)), rng(3).standard_normal((map_.shape[0], 5))
    assert map_.shape == matrix.shape
    np.testing.assert_array_equal(map_.dense(), matrix)
    np.testing.assert_allclose(map_ @ x, matrix @ x, atol=1e-13)
    np.testing.assert_allclose(map_.T @ y, matrix.T @ y, atol=1e-13)
    np.testing.assert_allclose(map_ @ x[:, 0], matrix @ x[:, 0], atol=1e-13)
    balls = map_ @ exact(x)
    assert all(
        abs(b - t) < 1e-12 and float(b.rad()) < 1e-34 for b, t in zip(balls.flat, (matrix @ x).flat, strict=True)
    )
    assert map_.T.T is map_


def true_norm(matrix: Matrix) -> Any:
    with mpmath.workdps(40):
        high = mpmath.matrix(matrix.tolist())
        gram = high.T * high if matrix.shape[0] >= matrix.shape[1] else high * high.T
        return mpmath.sqrt(max(mpmath.eigsy(gram, eigvals_only=True)))


@convolutions
def test_the_norm_of_a_convolution_is_never_below_the_truth(grid: Any, sides: Any, boundary: str) -> None:
    kernel = rng(4).standard_normal(sides)
    bound = mpmath.mpf(Convolution(kernel, grid, boundary).norm_upper)
    truth = true_norm(written_out(kernel, grid, boundary == "circular"))
    slack = mpmath.mpf(1 + 1e-12) if boundary == "circular" else mpmath.mpf(1.6)
    assert truth <= bound <= truth * slack
    assert not truth <= bound * mpmath.mpf(0.99) or boundary == "zero"


def test_a_long_grid_makes_the_bound_for_zero_boundary_sharp() -> None:
    kernel = rng(5).standard_normal(3)
    ratios = [Convolution(kernel, (n,), "zero") for n in (5, 20, 80)]
    off = [c.norm_upper / np.linalg.norm(c.dense(), 2) - 1 for c in ratios]
    assert off[0] > off[1] > off[2] > 0
    assert off[2] < 2e-3


@pytest.mark.parametrize("scale", [1.0, 1e-160, 1e150, 2.0**-1000])
def test_norms_of_convolutions_at_all_scales(scale: float) -> None:
    kernel = scale * np.array([1.0, -1.0])
    assert 1 <= Convolution(kernel, (4,)).norm_upper / (2 * kernel[0]) <= 1 + 1e-12
    assert Convolution(0 * kernel, (4,)).norm_upper == 0


@convolutions
def test_the_least_eigenvalue_of_a_convolution(grid: Any, sides: Any, boundary: str) -> None:
    kernel = rng(6).standard_normal(sides)
    bound = Convolution(kernel, grid, boundary).gram_lower
    truth = np.linalg.eigvalsh((lambda a: a.T @ a)(written_out(kernel, grid, boundary == "circular")))[0]
    assert 0 <= bound <= max(truth, 0) * (1 + 1e-9) + 1e-13
    assert boundary == "zero" or bound >= truth * (1 - 1e-6) - 1e-12


def test_circles_of_the_symbol_by_hand() -> None:
    """The symbol of 1, -1 is 1 - e^{-it}: on 6 points its largest modulus is 2, on 5 points 2 cos(pi/10)."""
    assert Convolution([1.0, -1.0], (6,)).norm_upper == pytest.approx(2, rel=1e-13)
    assert Convolution([1.0, -1.0], (5,)).norm_upper == pytest.approx(2 * math.cos(math.pi / 10), rel=1e-13)
    assert Convolution([2.0, 1.0], (6,)).gram_lower == pytest.approx(1.0, rel=1e-10)


# -- sparse matrices ----------------------------------------------------------------------------

SPARSE = {
    "random": scipy.sparse.random(30, 20, 0.2, random_state=1),
    "wide, empty rows": scipy.sparse.random(20, 50, 0.03, random_state=2),
    "integers": scipy.sparse.csc_array(np.array([[3, 0, -4], [0, 0, 0]])),
    "empty": scipy.sparse.coo_array((3, 2)),
    "repeated entries": scipy.sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2)),
    "60 columns": scipy.sparse.random(80, 60, 0.3, random_state=3),
}


@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_map_is_its_matrix(name: str) -> None:
    map_, matrix = Sparse(SPARSE[name]), SPARSE[name].toarray().astype(float)
    x, y = rng(1).standard_normal((matrix.shape[1], 3)), rng(2).standard_normal((matrix.shape[0], 3))
    np.testing.assert_allclose(map_ @ x, matrix @ x, atol=1e-14)
    np.testing.assert_allclose(map_.T @ y, matrix.T @ y, atol=1e-14)
    balls = map_ @ exact(x)
    assert balls.shape == (len(matrix), 3)
    assert all(abs(b - t) < 1e-13 for b, t in zip(balls.flat, (matrix @ x).flat, strict=True))
    truth = true_norm(matrix)
    assert truth <= mpmath.mpf(map_.norm_upper) <= truth * (1 + mpmath.mpf(1e-11))
    least = np.linalg.eigvalsh(matrix.T @ matrix)[0]
    assert 0 <= map_.gram_lower <= max(least, 0) * (1 + 1e-9) + 1e-13


@pytest.mark.parametrize("name", ["random", "wide, empty rows", "60 columns"])
def test_the_bound_by_positive_vectors(name: str) -> None:
    """The norm of the absolute values, never more than the root of largest column sum times largest row sum."""
    matrix = abs(scipy.sparse.csr_array(SPARSE[name]))
    bound, truth = _perron_upper(matrix), true_norm(matrix.toarray())
    assert truth <= mpmath.mpf(bound) <= truth * mpmath.mpf(1 + 1e-6)
    assert bound <= math.sqrt(matrix.sum(axis=0).max() * matrix.sum(axis=1).max()) * (1 + 1e-12)


@pytest.mark.parametrize("grid", [(1,), (2,), (9,), (3, 4), (1, 5), (700,), (25, 24)])
def test_differences(grid: tuple[int, ...]) -> None:
    map_, x = differences(grid), rng(1).standard_normal(grid)
    expected = [np.diff(x, axis=k, append=np.take(x, [-1], k)).ravel() for k in range(len(grid))]
    np.testing.assert_allclose(map_ @ x.ravel(), np.concatenate(expected), atol=1e-15)
    truth = mpmath.sqrt(sum(4 * mpmath.cos(mpmath.pi / (2 * n)) ** 2 if n > 1 else 0 for n in grid))
    assert truth * (1 - mpmath.mpf(10) ** -13) <= mpmath.mpf(map_.norm_upper) <= truth * mpmath.mpf(1 + 1e-5)


def test_rays_against_integrals_over_pixels() -> None:
    """A row of the Radon matrix holds the integrals of the pixels' indicators along the ray."""
    size, angles, count = 4, [0.3, 1.1, 2.0], 2**16
    matrix = radon(size, angles, 5).dense().reshape(3, 5, size, size)
    t = (np.arange(count) + 0.5) * 8 / count - 4
    for a, d in [(0, 1), (1, 2), (2, 4), (1, 0)]:
        c, s, offset = math.cos(angles[a]), math.sin(angles[a]), d - 2.0
        x, y = offset * c - t * s, offset * s + t * c
        truth = np.array(
            [
                [np.sum((k <= x + 2) & (x + 2 < k + 1) & (row <= 2 - y) & (2 - y < row + 1)) for k in range(size)]
                for row in range(size)
            ]
        )
        np.testing.assert_allclose(matrix[a, d], truth * 8 / count, atol=5e-4)


def test_rays_along_the_axes_sum_rows_and_columns() -> None:
    image = rng(1).standard_normal((4, 4))
    down, across = (radon(4, [0.0, math.pi / 2]) @ image.ravel()).reshape(2, 4)
    np.testing.assert_allclose(down, image.sum(axis=0), atol=1e-12)
    np.testing.assert_allclose(across, image.sum(axis=1)[::-1], atol=1e-12)


def test_the_mass_of_a_disk_is_seen_from_every_angle() -> None:
    size = 40
    x = np.arange(size) - 19.5
    disk = (x[:, None] ** 2 + x**2 <= 12**2).astype(float).ravel()
    seen = (radon(size, np.linspace(0.1, 3, 6), 41) @ disk).reshape(6, 41)
    np.testing.assert_allclose(seen.sum(axis=1), disk.sum(), rtol=0.01)
    chords = 2 * np.sqrt(np.maximum(12**2 - (np.arange(41) - 20.0) ** 2, 0))
    assert np.max(np.abs(seen - chords)) < 3


def test_the_norm_of_a_radon_matrix_is_sharp() -> None:
    map_ = radon(20, np.linspace(0, 3, 18))
    truth = np.linalg.norm(map_.dense(), 2)
    assert truth <= map_.norm_upper <= truth * (1 + 1e-9)
    assert truth <= _perron_upper(map_.matrix) <= truth * (1 + 1e-6)


def test_blocks_are_a_kronecker_product() -> None:
    matrix, x = rng(1).standard_normal((4, 3)), rng(2).standard_normal((15, 2))
    map_, truth = Blocks(matrix, 5), np.kron(np.eye(5), matrix)
    np.testing.assert_allclose(map_ @ x, truth @ x, atol=1e-14)
    np.testing.assert_allclose(map_.T @ (truth @ x), truth.T @ (truth @ x), atol=1e-13)
    np.testing.assert_array_equal(map_.dense(), truth)
    assert map_.norm_upper == pytest.approx(np.linalg.norm(truth, 2), rel=1e-12)


MAPS: dict[str, LinearMap] = {
    "convolution": Convolution(rng(1).standard_normal((2, 3, 3)), (5,)),
    "zero boundary": Convolution(rng(1).standard_normal((3, 3)), (4, 4), "zero"),
    "sparse": Sparse(SPARSE["random"]),
    "radon": radon(5, [0.1, 0.9]),
    "differences": differences((4, 3)),
    "blocks of a map": Blocks(differences((4,)), 3),
}


@pytest.mark.parametrize("name", MAPS)
def test_adjoints_in_balls(name: str) -> None:
    """<Ax, y> = <x, A^T y>, and a sign flipped in the adjoint would show."""
    map_ = MAPS[name]
    x, y = exact(rng(1).standard_normal(map_.shape[1])), exact(rng(2).standard_normal(map_.shape[0]))
    left, right = np.sum((map_ @ x) * y), np.sum(x * (map_.T @ y))
    assert abs(left - right) < 1e-30
    assert abs(left + right) > 1e-3


@pytest.mark.parametrize("name", MAPS)
def test_least_squares_of_a_map_is_that_of_its_matrix(name: str) -> None:
    map_ = MAPS[name]
    b, x = rng(3).standard_normal(map_.shape[0]), rng(4).standard_normal((map_.shape[1], 3))
    f, dense = LeastSquares(map_, b), LeastSquares(map_.dense(), b)
    np.testing.assert_allclose(f(x), dense(x), atol=1e-12)
    np.testing.assert_allclose(f.potential(x), dense.potential(x), rtol=1e-12)
    assert dense.lipschitz * (1 - 1e-12) <= f.lipschitz
    assert f.monotonicity <= dense.monotonicity * (1 + 1e-9) + 1e-13


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "dense": (lambda: Sparse(np.eye(2)), "ndarray"),
    "sparse with nan": (lambda: Sparse(scipy.sparse.csr_array([[np.nan]])), "nan"),
    "sparse without columns": (lambda: Sparse(scipy.sparse.coo_array((3, 0))), "(3, 0)"),
    "points of another length": (lambda: differences((3,)) @ np.ones(4), "(4,)"),
    "three dimensions": (lambda: differences((3,)) @ np.ones((3, 1, 1)), "(3, 1, 1)"),
    "grid of zero": (lambda: differences((0,)), "(0,)"),
    "grid of three": (lambda: differences((2, 2, 2)), "(2, 2, 2)"),
    "kernel too long": (lambda: Convolution(np.ones(4), (3,)), "(4,)"),
    "kernel of three dimensions on an image": (lambda: Convolution(np.ones((1, 2, 2)), (3, 3)), "(1, 2, 2)"),
    "boundary": (lambda: Convolution(np.ones(2), (3,), "periodic"), "periodic"),
    "method": (lambda: Convolution(np.ones(2), (3,), "zero", "fast"), "fast"),
    "copies": (lambda: Blocks(np.eye(2), 0), "0"),
    "no detectors": (lambda: radon(3, [0.0], 0), "0"),
    "angles": (lambda: radon(3, [np.inf]), "inf"),
    "size": (lambda: radon(2.5, [0.0]), "2.5"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("call", "got"), BAD.values(), ids=BAD)
def test_bad_input(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert got in str(caught.value)
