"""Bounds of many eigenvalues and norms at once, against exact ones and against those found another way."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fbscheck.certify import definite
from fbscheck.certify.spectra import eigenvalue_bounds, norms_upper, symmetric_part

Values = npt.NDArray[np.float64]


def orthogonal(d: int, seed: int) -> Values:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0])


def hadamard(spectrum: list[float]) -> Values:
    """A symmetric matrix with this spectrum, free of rounding for short dyadic numbers."""
    H = np.array([[1.0]])
    while len(H) < len(spectrum):
        H = np.kron(H, np.array([[1.0, 1.0], [1.0, -1.0]]))
    return H @ np.diag(spectrum) @ H / len(H)


KNOWN: list[Any] = [
    pytest.param([1.0, 1.0, 1.0, 1.0], id="a repeated one"),
    pytest.param([-1.0, 0.0, 0.0, 2.0], id="of both signs, zero twice"),
    pytest.param([0.0, 0.0, 0.0, 0.0], id="nothing"),
    pytest.param([1.0, 1.0 + 2.0**-20, 1.0, 1.0 - 2.0**-20], id="a cluster"),
    pytest.param([2.0**40, 1.0, -1.0, 0.0], id="far apart"),
    pytest.param([1.0, 2.0, 3.0, 4.0, -5.0, 6.0, 7.0, 0.5], id="eight"),
]


@pytest.mark.parametrize("scale", [1.0, 2.0**-500, 2.0**450], ids=["1", "tiny", "huge"])
@pytest.mark.parametrize("spectrum", KNOWN)
def test_known_spectra_lie_between_the_bounds(spectrum: list[float], scale: float) -> None:
    low, high = eigenvalue_bounds(scale * hadamard(spectrum)[None])
    assert low[0] <= scale * min(spectrum)
    assert high[0] >= scale * max(spectrum)
    width = 1e-11 * scale * max(map(abs, spectrum)) + 1e-290
    assert high[0] - low[0] <= scale * (max(spectrum) - min(spectrum)) + width


def test_a_matrix_known_to_an_error_has_wider_bounds() -> None:
    low, high = eigenvalue_bounds(hadamard([1.0, 2.0, 3.0, 4.0])[None], np.array([0.25]))
    assert low[0] <= 0.75
    assert high[0] >= 4.25
    assert high[0] - low[0] < 3.5 + 1e-10


def test_planted_eigenvectors_that_are_none_only_loosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of LAPACK: whatever it returns, the bounds hold."""
    matrix, rng = hadamard([1.0, 2.0, 3.0, 4.0])[None], np.random.default_rng(0)
    answers = [
        (np.full((1, 4), 9.0), np.eye(4)[None]),
        (np.array([[4.0, 3.0, 2.0, 1.0]]), np.linalg.eigh(matrix)[1][..., ::-1]),
        (np.array([[1.5, 2.0, 3.0, 3.5]]), np.linalg.eigh(matrix)[1]),
        (rng.standard_normal((1, 4)), rng.standard_normal((1, 4, 4))),
        (np.full((1, 4), np.nan), np.eye(4)[None]),
    ]
    for answer in answers:
        monkeypatch.setattr(np.linalg, "eigh", lambda _, answer=answer: answer)
        low, high = eigenvalue_bounds(matrix)
        assert low[0] <= 1
        assert high[0] >= 4


@pytest.mark.parametrize("entry", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_bounded(entry: float) -> None:
    stack = np.stack([np.eye(2), np.eye(2)])
    stack[0, 0, 1] = entry
    low, high = eigenvalue_bounds(stack)
    assert np.isinf([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()
    assert norms_upper(stack)[0] == np.inf
    assert norms_upper(stack)[1] < 1 + 1e-9


DEFECTIVE = np.array([[1.0, 1e8], [0.0, 1.0]])
ADVERSARIAL: list[Any] = [
    pytest.param(np.random.default_rng(0).standard_normal((5, 7, 4)), id="tall"),
    pytest.param(np.random.default_rng(1).standard_normal((5, 3, 9)), id="wide"),
    pytest.param(np.stack([DEFECTIVE, DEFECTIVE.T]), id="defective"),
    pytest.param(np.stack([orthogonal(6, k) for k in range(4)]), id="orthogonal: all singular values equal"),
    pytest.param(np.stack([np.outer(np.arange(4.0), np.ones(4))]), id="rank one"),
    pytest.param(np.broadcast_to(orthogonal(5, 9), (7, 5, 5)), id="views of one"),
    pytest.param(np.zeros((2, 3, 3)), id="zero"),
]


@pytest.mark.parametrize("scale", [1.0, 2.0**-600, 2.0**600, 2.0**-1060], ids=["1", "tiny", "huge", "denormal"])
@pytest.mark.parametrize("stack", ADVERSARIAL)
def test_norms_against_exact_bounds(stack: Values, scale: float) -> None:
    scaled = stack if scale == 1 else stack * scale
    found = norms_upper(scaled)
    for bound, matrix in zip(found, scaled, strict=True):
        assert bound >= definite.norm_lower(matrix)
        if scale > 1e-300:
            assert bound <= (1 + 1e-9) * definite.norm_upper(matrix) + 1e-300


def test_eigenvalues_of_symmetric_parts_against_exact_norms() -> None:
    """The symmetric part S of K: min spec S >= c exactly if |tI - S| <= t - c for a large t."""
    K = np.random.default_rng(2).integers(-9, 9, (20, 6, 6)) / 8
    part, error = symmetric_part(K)
    low, high = eigenvalue_bounds(part, error)
    for matrix, least, most in zip(part, low, high, strict=True):
        t = 64.0
        assert t - least >= definite.norm_lower(t * np.eye(6) - matrix)
        assert most + t >= definite.norm_lower(t * np.eye(6) + matrix)


def test_symmetric_parts_are_off_by_no_more_than_they_say() -> None:
    from fractions import Fraction

    K = np.random.default_rng(3).standard_normal((4, 5, 5)) * np.array([1.0, 1e-310, 1e300, 1e-5])[:, None, None]
    part, error = symmetric_part(K)
    for matrix, own, bound in zip(K, part, error, strict=True):
        square = Fraction(0)
        for i, j in itertools.product(range(5), repeat=2):
            truth = (Fraction(float(matrix[i, j])) + Fraction(float(matrix[j, i]))) / 2
            square += (truth - Fraction(float(own[i, j]))) ** 2
        assert square <= Fraction(float(bound)) ** 2
