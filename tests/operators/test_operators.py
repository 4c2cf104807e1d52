"""Values of the forward operators, and their constants against exact rationals and 60 digits."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest

from fbscheck.certify.balls import exact
from fbscheck.errors import InputError
from fbscheck.operators import LeastSquares, Linear, Logistic, Operator

Matrix = np.ndarray


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def orthogonal(size: int, seed: int) -> Matrix:
    return np.linalg.qr(rng(seed).standard_normal((size, size)))[0]


MATRICES = {
    "1x1": np.array([[-2.5]]),
    "1x1 positive": np.array([[0.1]]),
    "zero": np.zeros((3, 3)),
    "identity": np.eye(4),
    "diag(1, 2)": np.diag([1.0, 2.0]),
    "rotation": np.array([[0.0, -1.0], [1.0, 0.0]]),
    "rotation plus identity": np.array([[0.5, -3.0], [3.0, 0.5]]),
    "nilpotent": np.array([[0.0, 1.0], [0.0, 0.0]]),
    "nonsymmetric 3": rng(1).standard_normal((3, 3)) + 3 * np.eye(3),
    "nonsymmetric 6": rng(2).standard_normal((6, 6)) + 5 * np.eye(6),
    "skew 5": (lambda a: a - a.T)(rng(3).standard_normal((5, 5))),
    "symmetric 6": (lambda a: a + a.T)(rng(4).standard_normal((6, 6))),
    "gram, rank deficient": (lambda a: np.round(a.T @ a, 3))(np.round(rng(5).standard_normal((2, 4)), 1)),
    "gram of integers, singular": (lambda a: a.T @ a)(rng(6).integers(-3, 4, (3, 5)).astype(float)),
    "graded": np.diag([1e-8, 1.0, 1e8]) + 1e-9 * np.ones((3, 3)),
    "tiny": 1e-200 * (rng(7).standard_normal((3, 3)) + 3 * np.eye(3)),
    "huge": 1e150 * (rng(8).standard_normal((3, 3)) + 3 * np.eye(3)),
    "orthogonal 8": orthogonal(8, 9),
    "nearly singular": np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-50]]),
    "nonsymmetric 15": rng(10).standard_normal((15, 15)) + 9 * np.eye(15),
    "gram 14": (lambda a: (a + a.T) / 2)(rng(11).standard_normal((14, 14))) + 12 * np.eye(14),
}


def high(matrix: Matrix) -> Any:
    return mpmath.matrix([[mpmath.mpf(float(t)) for t in row] for row in matrix])


def true_norm(matrix: Matrix) -> Any:
    return mpmath.sqrt(max(mpmath.eigsy(high(matrix).T * high(matrix), eigvals_only=True)))


def true_modulus(matrix: Matrix) -> Any:
    exactly = high(matrix)
    return min(mpmath.eigsy((exactly + exactly.T) / 2, eigvals_only=True))


@pytest.fixture(autouse=True)
def sixty_digits() -> Any:
    with mpmath.workdps(400):  # squares of entries 1e150 apart need more than sixty
        yield


@pytest.mark.parametrize("name", MATRICES)
def test_lipschitz_of_a_matrix(name: str) -> None:
    bound, truth = mpmath.mpf(Linear(MATRICES[name]).lipschitz), true_norm(MATRICES[name])
    assert truth * (1 - mpmath.mpf(10) ** -150) <= bound <= truth * (1 + mpmath.mpf(10) ** -12)


@pytest.mark.parametrize("name", MATRICES)
def test_monotonicity_of_a_matrix(name: str) -> None:
    bound, truth = mpmath.mpf(Linear(MATRICES[name]).monotonicity), true_modulus(MATRICES[name])
    scale = true_norm(MATRICES[name])
    assert truth - scale * mpmath.mpf(10) ** -12 <= bound <= truth + scale * mpmath.mpf(10) ** -150


@pytest.mark.parametrize("name", MATRICES)
def test_cocoercivity_of_a_matrix(name: str) -> None:
    """sym(K) - beta K'K must be positive semidefinite, decided exactly; beta = 0 promises nothing."""
    k = [[Fraction(float(t)) for t in row] for row in MATRICES[name]]
    beta, size = Linear(MATRICES[name]).cocoercivity, len(k)
    assert beta >= 0
    number = Fraction(beta) if beta < math.inf else Fraction(10) ** 600
    form = [
        [(k[i][j] + k[j][i]) / 2 - number * sum(k[r][i] * k[r][j] for r in range(size)) for j in range(size)]
        for i in range(size)
    ]
    assert beta == 0 or semidefinite(form)


def semidefinite(form: list[list[Fraction]]) -> bool:
    """By flint's exact characteristic polynomial: its signs alternate iff no eigenvalue is negative."""
    size = len(form)
    matrix = flint.fmpq_mat(size, size, [flint.fmpq(t.numerator, t.denominator) for row in form for t in row])
    coefficients = matrix.charpoly().coeffs()
    return all((-1) ** (size - power) * c >= 0 for power, c in enumerate(coefficients))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ([[Fraction(1)]], True),
        ([[Fraction(-1)]], False),
        ([[Fraction(0)]], True),
        ([[Fraction(1), Fraction(1)], [Fraction(1), Fraction(1)]], True),
        ([[Fraction(1), Fraction(1)], [Fraction(1), Fraction(1) - Fraction(1, 2**200)]], False),
        ([[Fraction(0), Fraction(1)], [Fraction(1), Fraction(0)]], False),
    ],
)
def test_the_judge_of_semidefiniteness(form: list[list[Fraction]], expected: bool) -> None:
    assert semidefinite(form) is expected


COCOERCIVITIES = {
    "identity": (np.eye(3), 1.0),
    "diag(1, 4)": (np.diag([1.0, 4.0]), 0.25),
    "rank one": (np.ones((2, 2)), 0.5),
    "zero": (np.zeros((2, 2)), math.inf),
    "rotation": (np.array([[0.0, -1.0], [1.0, 0.0]]), 0.0),
    "half plus rotation": (np.array([[0.5, -0.5], [0.5, 0.5]]), 1.0),
    "nilpotent": (np.array([[0.0, 1.0], [0.0, 0.0]]), 0.0),
    "negative": (-np.eye(2), 0.0),
    "range only": (np.diag([0.0, 2.0, 5.0]), 0.2),
    "singular nonsymmetric": (np.array([[1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), 0.5),
    "diag(0, 2), 20 wide": (np.diag([0.0] + [2.0] * 19), 0.5),
}


@pytest.mark.parametrize(("matrix", "truth"), COCOERCIVITIES.values(), ids=COCOERCIVITIES)
def test_cocoercivity_by_hand(matrix: Matrix, truth: float) -> None:
    beta = Linear(matrix).cocoercivity
    assert beta <= truth
    assert beta == pytest.approx(truth, rel=1e-12)


SINGULAR_VALUES = {
    "tall": (np.array([1.0, 2.0, 3.0]), 6, 3),
    "wide": (np.array([1.0, 2.0]), 2, 5),
    "square": (np.array([0.5, 4.0]), 2, 2),
    "one row": (np.array([3.0]), 1, 4),
}


@pytest.mark.parametrize("name", [*SINGULAR_VALUES, "exact diagonal", "zero", "tall zero column"])
def test_constants_of_least_squares(name: str) -> None:
    if name in SINGULAR_VALUES:
        values, rows, columns = SINGULAR_VALUES[name]
        a = orthogonal(rows, 1)[:, : len(values)] @ np.diag(values) @ orthogonal(columns, 2)[: len(values)]
    else:
        a = {
            "exact diagonal": np.diag([1.0, 2.0]),
            "zero": np.zeros((3, 2)),
            "tall zero column": np.eye(4)[:, :3] * [1.0, 0.0, 2.0],
        }[name]
    f = LeastSquares(a, np.zeros(len(a)))
    spectrum = mpmath.eigsy(high(a).T * high(a), eigvals_only=True)
    top, bottom = max(spectrum), max(min(spectrum), mpmath.mpf(0))
    assert top * (1 - mpmath.mpf(10) ** -100) <= mpmath.mpf(f.lipschitz) <= top * (1 + mpmath.mpf(10) ** -12)
    assert bottom - top * mpmath.mpf(10) ** -12 <= mpmath.mpf(f.monotonicity) <= bottom + top * mpmath.mpf(10) ** -100
    assert f.cocoercivity == math.inf if top == 0 else 1 - 1e-12 <= mpmath.mpf(f.cocoercivity) * top <= 1


@pytest.mark.parametrize("name", ["wide", "tall"])
def test_constants_of_the_logistic_loss(name: str) -> None:
    values, rows, columns = SINGULAR_VALUES[name]
    a = orthogonal(rows, 1)[:, : len(values)] @ np.diag(values) @ orthogonal(columns, 2)[: len(values)]
    f = Logistic(a, np.resize([1.0, -1.0], rows))
    quarter = max(mpmath.eigsy(high(a).T * high(a), eigvals_only=True)) / 4
    assert quarter <= mpmath.mpf(f.lipschitz) <= quarter * (1 + mpmath.mpf(10) ** -12)
    assert 1 - 1e-12 <= mpmath.mpf(f.cocoercivity) * quarter <= 1
    assert f.monotonicity == 0.0


CLASSES: dict[str, Operator] = {
    "linear": Linear(rng(1).standard_normal((4, 4)) + 3 * np.eye(4), np.ones(4)),
    "least squares tall": LeastSquares(rng(2).standard_normal((6, 4)), np.ones(6)),
    "least squares wide": LeastSquares(rng(3).standard_normal((2, 4)), np.ones(2)),
    "logistic": Logistic(rng(4).standard_normal((5, 4)), np.array([1.0, -1, 1, 1, -1])),
}


@pytest.mark.parametrize("name", CLASSES)
def test_promises_imply_one_another_and_hold_on_samples(name: str) -> None:
    f = CLASSES[name]
    x, y = rng(5).standard_normal((2, 4, 1000)) * 10
    d, v = x - y, f(x) - f(y)
    products, squares = np.sum(d * v, axis=0), np.sum(v * v, axis=0)
    assert f.monotonicity <= f.lipschitz
    assert f.cocoercivity * f.lipschitz <= 1 + 1e-12 or not f.is_gradient
    assert np.all(np.sqrt(squares) <= f.lipschitz * np.linalg.norm(d, axis=0) * (1 + 1e-12))
    assert np.all(products >= f.monotonicity * np.sum(d * d, axis=0) - 1e-9)
    assert np.all(products >= f.cocoercivity * squares - 1e-9)


@pytest.mark.parametrize("name", CLASSES)
def test_columns_are_samples_and_balls_enclose_the_exact_value(name: str) -> None:
    f, x = CLASSES[name], rng(6).standard_normal((4, 3))
    together = f(x)
    np.testing.assert_allclose(together, np.column_stack([f(x[:, k]) for k in range(3)]), rtol=1e-13, atol=1e-13)
    balls = f(exact(x))
    assert balls.shape == (4, 3)
    assert all(abs(balls[i, k] - together[i, k]) < 1e-13 for i in range(4) for k in range(3))
    assert all(float(b.rad()) < 1e-34 for b in balls.ravel())


def test_linear_value_in_exact_rationals() -> None:
    k, c, x = rng(7).standard_normal((3, 3)), rng(8).standard_normal(3), rng(9).standard_normal(3)
    truth = [sum(Fraction(k[i, j]) * Fraction(x[j]) for j in range(3)) - Fraction(c[i]) for i in range(3)]
    for ball, value, number in zip(Linear(k, c)(exact(x)), Linear(k, c)(x), truth, strict=True):
        assert abs(ball - flint.fmpq(number.numerator, number.denominator)) < 1e-35
        assert value == pytest.approx(float(number), rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("name", ["least squares tall", "least squares wide", "logistic"])
def test_gradients_by_differences(name: str) -> None:
    f: Any = CLASSES[name]
    x, width = rng(10).standard_normal(4), 1e-5
    shifts = np.eye(4) * width
    differences = (f.potential(x[:, None] + shifts) - f.potential(x[:, None] - shifts)) / (2 * width)
    np.testing.assert_allclose(f(x), differences, rtol=1e-8, atol=1e-8)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(1.0001 * f(x), differences, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["least squares tall", "logistic"])
def test_conjugates_of_losses(name: str) -> None:
    f: Any = CLASSES[name]
    rows = f.matrix.shape[0]
    z, other = rng(11).standard_normal((2, rows, 200)) * 3
    y = f.loss_gradient(z)
    np.testing.assert_allclose(f.loss(z) + f.loss_conjugate(y), np.sum(y * z, axis=0), rtol=1e-12, atol=1e-11)
    assert np.all(f.loss(other) + f.loss_conjugate(y) >= np.sum(y * other, axis=0) - 1e-10)
    balls = f.loss_gradient(exact(z[:, 0]))
    assert abs(f.loss(exact(z[:, 0])) + f.loss_conjugate(balls) - np.sum(balls * z[:, 0])) < 1e-33


LABELS = np.array([1.0, -1.0])


@pytest.mark.parametrize(
    ("y", "truth"),
    [
        pytest.param([-0.5, 0.5], 2 * math.log(0.5), id="middle"),
        pytest.param([0.0, 0.0], 0.0, id="left end"),
        pytest.param([-1.0, 1.0], 0.0, id="right end"),
        pytest.param([0.1, 0.0], math.inf, id="wrong sign"),
        pytest.param([-1.1, 0.0], math.inf, id="beyond one"),
    ],
)
def test_logistic_conjugate_on_its_domain(y: list[float], truth: float) -> None:
    f = Logistic(np.eye(2), LABELS)
    assert float(f.loss_conjugate(np.array(y))) == pytest.approx(truth)


@pytest.mark.parametrize("margin", [-1e4, -800.0, -40.0, -1.0, 0.0, 1e-9, 1.0, 30.0, 40.0, 700.0, 1e4])
def test_logistic_without_overflow_and_with_all_digits(margin: float) -> None:
    f = Logistic(np.array([[1.0]]), np.array([-1.0]))
    z = mpmath.mpf(margin)
    value, slope = mpmath.log1p(mpmath.exp(z)), 1 / (1 + mpmath.exp(-z))
    assert f.potential(np.array([margin])) == pytest.approx(float(value), rel=1e-14, abs=1e-320)
    assert f(np.array([margin]))[0] == pytest.approx(float(slope), rel=1e-14, abs=1e-320)
    ball = f(exact([margin]))[0]
    assert abs(mpmath.mpf(ball.mid().str(60, radius=False)) - slope) <= mpmath.mpf(10) ** -36 * slope


@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e-100, 1e100, 1e150])
@pytest.mark.parametrize(
    "make",
    [lambda a: LeastSquares(a, np.zeros(3)), Linear, lambda a: Logistic(a, np.ones(3))],
    ids=["least squares", "linear", "logistic"],
)
def test_constants_survive_scaling(make: Callable[[Matrix], Operator], scale: float) -> None:
    f, unit = make(scale * np.diag([1.0, 2.0, 4.0])), make(np.diag([1.0, 2.0, 4.0]))
    factor = Fraction(scale) if isinstance(f, Linear) else Fraction(scale) ** 2
    assert f.lipschitz >= min(float(factor * Fraction(unit.lipschitz)), 1.7e308) * (1 - 1e-12)
    assert Fraction(f.monotonicity) <= factor * Fraction(unit.monotonicity) * (1 + Fraction(1, 10**12))
    assert Fraction(f.cocoercivity) <= Fraction(unit.cocoercivity) / factor * (1 + Fraction(1, 10**12))


def test_is_gradient_means_symmetric() -> None:
    assert Linear(np.array([[1.0, 2.0], [2.0, 1.0]])).is_gradient
    assert not Linear(np.array([[1.0, 2.0], [2.0000000000000004, 1.0]])).is_gradient
    assert LeastSquares(np.eye(2), np.zeros(2)).is_gradient


def test_data_cannot_be_changed_from_outside() -> None:
    matrix = np.eye(2)
    f = Linear(matrix)
    matrix[0, 0] = 100.0
    assert f.lipschitz == 1.0
    with pytest.raises(ValueError, match="read-only"):
        f.matrix[0, 0] = 2.0


BAD = {
    "linear not square": (lambda: Linear(np.ones((2, 3))), "(2, 3)"),
    "linear vector": (lambda: Linear(np.ones(3)), "(3,)"),
    "linear nan": (lambda: Linear(np.array([[np.nan]])), "nan"),
    "linear empty": (lambda: Linear(np.zeros((0, 0))), "(0, 0)"),
    "linear offset length": (lambda: Linear(np.eye(2), np.ones(3)), "3"),
    "linear scalar offset": (lambda: Linear(np.eye(2), 1.0), "()"),
    "linear text": (lambda: Linear([["a"]]), "'a'"),
    "linear complex": (lambda: Linear(1j * np.eye(2)), "complex"),
    "linear ragged": (lambda: Linear([[1.0, 2.0], [3.0]]), "list"),
    "linear sparse": (lambda: Linear(None), "()"),
    "least squares target": (lambda: LeastSquares(np.ones((3, 2)), np.ones(2)), "2"),
    "least squares target matrix": (lambda: LeastSquares(np.ones((3, 2)), np.ones((3, 1))), "(3, 1)"),
    "least squares inf": (lambda: LeastSquares(np.array([[np.inf]]), [1.0]), "inf"),
    "logistic 0 and 1": (lambda: Logistic(np.eye(2), [0.0, 1.0]), "0"),
    "logistic halves": (lambda: Logistic(np.eye(2), [0.5, 1.0]), "0.5"),
    "logistic length": (lambda: Logistic(np.eye(2), [1.0]), "1"),
    "value shape": (lambda: Linear(np.eye(2))(np.ones(3)), "(3,)"),
    "value nan": (lambda: Linear(np.eye(2))(np.array([np.nan, 0.0])), "NaN"),
    "value inf": (lambda: LeastSquares(np.eye(2), np.ones(2))(np.array([np.inf, 0.0])), "inf"),
    "value 3-D": (lambda: Linear(np.eye(2))(np.ones((2, 1, 1))), "(2, 1, 1)"),
    "value text": (lambda: Linear(np.eye(2))(["a", "b"]), "a"),
    "value complex": (lambda: Linear(np.eye(2))(np.array([1j, 0.0])), "complex"),
    "value objects": (lambda: Linear(np.eye(2))(np.array([None, 1.0])), "nan"),
    "potential shape": (lambda: LeastSquares(np.eye(2), np.ones(2)).potential(np.ones(3)), "(3,)"),
    "potential nan": (lambda: Logistic(np.eye(2), np.ones(2)).potential(np.array([np.nan, 0.0])), "NaN"),
}


@pytest.mark.parametrize(("call", "got"), BAD.values(), ids=BAD)
def test_bad_input(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert got.lower() in str(caught.value).lower()
