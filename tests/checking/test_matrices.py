"""Brackets of the constants of a matrix against closed forms and 60-digit eigenvalues."""

import math
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest

from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.matrices import bracket, extremal
from fbscheck.errors import InputError

Matrix = np.ndarray
INF = math.inf


def random(d: int, shift: float = 0.0, scale: float = 1.0, seed: int = 0) -> Matrix:
    return shift * np.eye(d) + scale * np.random.default_rng(seed).standard_normal((d, d))


KNOWN: dict[str, tuple[Any, tuple[float, float, float, float, float]]] = {
    "one number": ([[2.5]], (2.5, 2.5, 0.4, INF, 1.5)),
    "zero": (np.zeros((3, 3)), (0, 0, INF, 0.5, 1)),
    "identity": (np.eye(3), (1, 1, 1, 0, 0)),
    "zero, one number": ([[0.0]], (0, 0, INF, 0.5, 1)),
    "rotation": ([[0, -1], [1, 0]], (1, 0, 0, 1, math.sqrt(2))),
    "rotation and contraction": ([[0.5, -0.5], [0.5, 0.5]], (math.sqrt(0.5), 0.5, 1, 0.5, math.sqrt(0.5))),
    "symmetric": (np.diag([1, 0.5, -0.5]), (1, -0.5, -2, 0.75, 1.5)),
    "symmetric, not diagonal": ([[2, 1], [1, 2]], (3, 1, 1 / 3, INF, 2)),
    "nilpotent": ([[0, 1], [0, 0]], (1, -0.5, -INF, 1, (1 + math.sqrt(5)) / 2)),
    "singular and monotone": (np.diag([1, 2, 0]), (2, 0, 0.5, INF, 1)),
    "singular and not monotone": (np.diag([-1, 0]), (1, -1, -1, 1, 2)),
    "huge": (np.diag([1e200, 2e200]), (2e200, 1e200, 5e-201, INF, 2e200)),
    "tiny": (np.diag([1e-200, 2e-200]), (2e-200, 1e-200, 5e199, 0.5, 1)),
    "reflection": (-np.eye(2), (1, -1, -1, 1, 2)),
    "singular of size 40": (np.diag([0.0, 1.0] * 20), (1, 0, 1, 0.5, 1)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_closed_forms_lie_in_narrow_brackets(name: str) -> None:
    matrix, truths = KNOWN[name]
    for (constant, (low, high)), truth in zip(bracket(matrix).items(), truths, strict=True):
        assert low <= truth * (1 + 1e-15) and truth * (1 - 1e-15) <= high or low <= truth <= high, constant
        if math.isfinite(truth):
            assert high - low <= 3e-14 * max(abs(truth), 1e-300), constant
        elif truth < 0:
            assert low == -INF and high < -1e9
        else:
            assert low == high == INF


DENSE = {
    "8": random(8),
    "8, huge": random(8) * 2.0**660,
    "10, averaged": random(10, 0.2, 0.05),
    "30": random(30),
    "30, cocoercive": random(30, 1.0, 0.02),
    "30, averaged": random(30, 0.3, 0.03),
}


@cache
def high_precision(name: str) -> dict[str, Any]:
    """The constants to 60 digits, for K and I - K invertible: cocoercivity is monotonicity of the inverse."""
    k = mpmath.matrix(DENSE[name].tolist())
    eye = mpmath.eye(len(DENSE[name]))

    def least(m: Any) -> Any:
        return mpmath.eigsy((m + m.T) / 2, eigvals_only=True)[0]

    rest = least((eye - k) ** -1)
    return {
        "lipschitz": mpmath.sqrt(max(mpmath.eigsy(k.T * k, eigvals_only=True))),
        "monotonicity": least(k),
        "cocoercivity": least(k**-1),
        "averagedness": 1 / (2 * rest) if rest > 0 else mpmath.inf,
        "residual": mpmath.sqrt(max(mpmath.eigsy((eye - k).T * (eye - k), eigvals_only=True))),
    }


@pytest.mark.parametrize("name", DENSE)
def test_dense_matrices_against_sixty_digits(name: str) -> None:
    with mpmath.workdps(60):
        truths = high_precision(name)
        for constant, (low, high) in bracket(DENSE[name]).items():
            truth = truths[constant]
            assert low <= truth <= high, constant
            assert truth == mpmath.inf or high - low <= abs(truth) * 1e-10, constant


@pytest.mark.parametrize("name", DENSE)
def test_planted_one_per_cent_falls_outside(name: str) -> None:
    with mpmath.workdps(60):
        truths = high_precision(name)
    for constant, (low, high) in bracket(DENSE[name]).items():
        if truths[constant] != mpmath.inf:
            assert not low <= truths[constant] * 0.99 <= high, constant


def test_a_hundred_dimensions() -> None:
    """K = Q D Q^T in floats: the constants are those of D up to the rounding of K."""
    q = np.linalg.qr(random(100))[0]
    values = np.linspace(0.25, 0.75, 100)
    product = (q * values) @ q.T
    truths = (0.75, 0.25, 1 / 0.75, 0.375, 0.75)
    for (low, high), truth in zip(bracket((product + product.T) / 2).values(), truths, strict=True):
        assert low - 1e-13 <= truth <= high + 1e-13
        assert 0 <= high - low <= 1e-12


def test_extremal_directions_attain_the_ends() -> None:
    matrix = random(6, 1.0, 0.2)
    ends = bracket(matrix)
    for name, constant in CONSTANTS.items():
        d = extremal(matrix, name)
        value = float(constant.attained(d[:, None], (matrix @ d)[:, None], np.zeros(1))[0])
        assert value == pytest.approx(ends[name][0 if constant.worse > 0 else 1], rel=1e-12)


def test_the_complement_is_not_rounded() -> None:
    """1 - 2^-60 is no float64, so a rounded I - K would lose the difference."""
    constants = bracket([[2.0**-60]])
    for name, truth in (("averagedness", (1 - Fraction(1, 2**60)) / 2), ("residual", 1 - Fraction(1, 2**60))):
        low, high = constants[name]
        assert Fraction(low) <= truth <= Fraction(high)
        assert low < truth


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), [[math.nan]], np.zeros((0, 0)), [1.0]])
def test_bad_matrices_are_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="finite square"):
        bracket(wrong)
