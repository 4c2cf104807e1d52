"""Every operator: constants attained and never exceeded, derivatives and gradients by differences, adjoints, input."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from fbscheck.certify.balls import exact
from fbscheck.errors import HypothesisError, InputError
from fbscheck.operators import (
    Convolution,
    Coupled,
    HuberRegression,
    LeastSquares,
    Linear,
    Logistic,
    Multinomial,
    Operator,
    Poisson,
    Regularised,
    Saddle,
    SmoothedTV,
    StudentT,
    WeightedLeastSquares,
    radon,
    rotation,
    skew,
)

Matrix = np.ndarray


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def normal(seed: int, *shape: int) -> Matrix:
    return rng(seed).standard_normal(shape)


A, WIDE = normal(1, 6, 4), normal(2, 3, 4)
CLASSES: dict[str, Operator] = {
    "linear": Linear(normal(3, 4, 4) + 3 * np.eye(4), np.ones(4)),
    "skew": skew(normal(4, 5, 5)),
    "rotation": rotation(1.0, 2),
    "least squares": LeastSquares(A, np.ones(6)),
    "least squares, convolution": LeastSquares(Convolution(np.array([0.2, 1.0, -0.4]), (6,)), np.ones(6)),
    "least squares, Radon": LeastSquares(radon(3, [0.2, 1.3, 2.1]), np.arange(9.0)),
    "weighted": WeightedLeastSquares(A, np.ones(6), np.array([1.0, 2, 3, 0.5, 4, 1])),
    "weighted, wide": WeightedLeastSquares(WIDE, np.ones(3), np.array([1.0, 2, 3])),
    "ridge": Regularised(LeastSquares(WIDE, np.ones(3)), 0.7, np.arange(4.0)),
    "logistic": Logistic(A, np.array([1.0, -1, 1, 1, -1, 1])),
    "multinomial": Multinomial(normal(5, 6, 2), np.array([0, 1, 2, 0, 1, 1]), 3),
    "huber": HuberRegression(A, np.ones(6), 0.8),
    "poisson": Poisson(np.abs(A), np.array([0.0, 3, 1, 7, 2, 5]), np.linspace(0.5, 1, 6)),
    "student t": StudentT(A, np.ones(6), 2.0),
    "smoothed TV": SmoothedTV((3, 4), 0.5, 1.5),
    "smoothed TV, 1-D": SmoothedTV((6,), 0.1),
    "coupled": Coupled(normal(6, 6, 4) * 0.1 + A, A, np.ones(6)),
    "coupled, wide": Coupled(normal(7, 3, 4) * 0.1 + WIDE, WIDE, np.ones(3)),
    "saddle": Saddle(LeastSquares(A, np.ones(6)), Regularised(Logistic(WIDE, np.ones(3)), 0.5), normal(8, 4, 4)),
    "saddle, matrix game": Saddle(Linear(np.zeros((2, 2))), Linear(np.zeros((3, 3))), normal(9, 3, 2)),
    "regularised, no gradient": Regularised(skew(normal(4, 3, 3)), 0.5),
    "regularised, nonconvex": Regularised(StudentT(A, np.ones(6), 2.0), 3.0),
}
every = pytest.mark.parametrize("f", CLASSES.values(), ids=CLASSES)
GRADIENTS = {name: f for name, f in CLASSES.items() if hasattr(f, "potential") and f.is_gradient}


def jacobian(f: Operator, x: Matrix) -> Matrix:
    """J at one point: its action on the unit vectors, as columns."""
    return f.jacobian(np.tile(x[:, None], len(x)), np.eye(len(x)))


# -- derivatives --------------------------------------------------------------------------------


@every
def test_the_derivative_by_differences(f: Operator) -> None:
    x, v = 2 * normal(10, 2, f.dimension, 40)
    size = 1e-6
    differences = (f(x + size * v) - f(x - size * v)) / (2 * size)
    found = f.jacobian(x, v)
    scale = max(1.0, f.lipschitz)
    np.testing.assert_allclose(found, differences, atol=1e-7 * scale)
    np.testing.assert_allclose(f.jacobian(x[:, 3], v[:, 3]), found[:, 3], atol=1e-13 * scale)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(1.001 * found, differences, atol=1e-7 * scale)


@every
def test_the_adjoint(f: Operator) -> None:
    x, v, w = normal(11, 3, f.dimension, 40)
    left, right = np.sum(f.jacobian(x, v) * w, axis=0), np.sum(v * f.adjoint(x, w), axis=0)
    np.testing.assert_allclose(left, right, atol=1e-12 * max(1.0, f.lipschitz))
    wrong = np.sum(v * -f.adjoint(x, w), axis=0)
    assert np.max(np.abs(left - wrong)) > 1e-3


@every
def test_the_jacobian_is_symmetric_exactly_for_gradients(f: Operator) -> None:
    found = [jacobian(f, x) for x in normal(12, 10, f.dimension)]
    asymmetry = max(float(np.max(np.abs(J - J.T))) for J in found)
    assert (asymmetry < 1e-13 * max(1.0, f.lipschitz)) is f.is_gradient


@pytest.mark.parametrize("name", GRADIENTS)
def test_the_gradient_by_differences_of_the_potential(name: str) -> None:
    f: Any = GRADIENTS[name]
    x, width = normal(13, f.dimension), 1e-5
    shifts = np.eye(f.dimension) * width
    differences = (f.potential(x[:, None] + shifts) - f.potential(x[:, None] - shifts)) / (2 * width)
    np.testing.assert_allclose(f(x), differences, rtol=1e-7, atol=1e-8)
    assert f.potential(x) == pytest.approx(float(f.potential(x[:, None])[0]), rel=1e-14)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(1.0001 * f(x), differences, rtol=1e-7, atol=1e-8)


# -- constants ----------------------------------------------------------------------------------


@every
def test_constants_hold_on_samples(f: Operator) -> None:
    x, y = normal(14, 2, f.dimension, 2000) * 3
    y = np.hstack([y[:, :1000], x[:, 1000:] + 1e-3 * y[:, 1000:]])
    d, v = x - y, f(x) - f(y)
    products, squares, lengths = np.sum(d * v, axis=0), np.sum(v * v, axis=0), np.sum(d * d, axis=0)
    assert np.all(np.sqrt(squares) <= f.lipschitz * np.sqrt(lengths) * (1 + 1e-9))
    assert np.all(products >= f.monotonicity * lengths - 1e-9 * f.lipschitz * lengths)
    if 0 < f.cocoercivity < math.inf:
        assert np.all(products >= f.cocoercivity * squares - 1e-9 * f.lipschitz * lengths)
    assert f.monotonicity <= f.lipschitz
    assert f.cocoercivity >= 0


def at(f: Operator, x: Any) -> Matrix:
    return jacobian(f, np.broadcast_to(np.asarray(x, dtype=float), (f.dimension,)))


GOLDEN = (1 + math.sqrt(5)) / 2
ZERO, ONE = Linear(np.zeros((1, 1))), Linear(np.eye(1))
ATTAINED: dict[str, tuple[Operator, Any, float, float, float]] = {
    "weighted": (WeightedLeastSquares(np.diag([1.0, 2.0]), [5.0, 5.0], [3.0, 0.5]), 0.0, 2.0, 3.0, 1 / 3),
    "ridge": (Regularised(LeastSquares(np.diag([1.0, 2.0]), [5.0, 5.0]), 0.5), 0.0, 1.5, 4.5, 1 / 4.5),
    "logistic": (Logistic(np.diag([2.0, 2.0]), [1.0, 1.0]), 0.0, 0.0, 1.0, 1.0),
    "multinomial, two classes": (Multinomial(np.array([[2.0]]), np.array([1]), 2), 0.0, 0.0, 2.0, 0.5),
    "huber": (HuberRegression(np.diag([1.0, 2.0]), [0.0, 0.0], 0.1), 0.0, 0.0, 4.0, 0.25),
    "poisson": (Poisson(np.diag([1.0, 2.0]), [2.0, 9.0], [1.0, 3.0]), -1.0, 0.0, 4.0, 0.25),
    "student t": (StudentT(np.diag([1.0, 2.0]), [0.0, 0.0], 1.0), 0.0, -1.0, 8.0, 0.0),
    "smoothed TV": (SmoothedTV((2, 2), 0.25, 3.0), 1.0, 0.0, 48.0, 1 / 48),
    "skew": (skew([[0.0, 2.0], [0.0, 0.0]]), 0.0, 0.0, 2.0, 0.0),
    "rotation": (rotation(math.pi / 3), 0.0, 0.5, 1.0, 0.5),
    "coupled, W = 2A": (Coupled(2 * np.diag([1.0, 3.0]), np.diag([1.0, 3.0]), [1.0, 1.0]), 0.0, 2.0, 18.0, 1 / 162),
    "coupled, W = A": (Coupled(np.array([[1.0, 1.0]]), np.array([[1.0, 1.0]]), [1.0]), 0.0, 0.0, 2.0, 0.5),
    "coupled, wide": (Coupled(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]), [1.0]), 0.0, (1 - 2**0.5) / 2, 2**0.5, 0),
    "matrix game": (Saddle(ZERO, ZERO, np.array([[3.0]])), 0.0, 0.0, 3.0, 0.0),
    "saddle of one gradient": (Saddle(ONE, ZERO, np.array([[1.0]])), 0.0, 0.0, GOLDEN, 0.0),
    "saddle, uncoupled": (Saddle(ONE, Linear(2 * np.eye(2)), np.zeros((2, 1))), 0.0, 1.0, 2.0, 0.5),
}


@pytest.mark.parametrize(("f", "x", "mu", "ell", "beta"), ATTAINED.values(), ids=ATTAINED)
def test_constants_by_hand(f: Operator, x: Any, mu: float, ell: float, beta: float) -> None:
    """The declared numbers, on the safe side of those worked out by hand, and attained by the Jacobian at a point."""
    assert ell <= f.lipschitz * (1 + 1e-15) and f.lipschitz == pytest.approx(ell, rel=1e-11)
    assert f.monotonicity <= mu + 1e-15 and f.monotonicity == pytest.approx(mu, rel=1e-11, abs=1e-11)
    assert f.cocoercivity <= beta * (1 + 1e-15) and f.cocoercivity == pytest.approx(beta, rel=1e-11)
    attained = float(np.linalg.norm(at(f, x), 2))
    assert attained == pytest.approx(f.lipschitz, rel=1e-11)
    assert attained > 0.99 * f.lipschitz, "a constant 1% smaller would be refuted here"


LEAST: dict[str, tuple[Operator, Any]] = {
    "weighted": (WeightedLeastSquares(np.diag([1.0, 2.0]), [5.0, 5.0], [3.0, 0.5]), 0.0),
    "ridge": (Regularised(LeastSquares(np.diag([1.0, 2.0]), [5.0, 5.0]), 0.5), 0.0),
    "student t": (StudentT(np.diag([1.0, 2.0]), [0.0, 0.0], 1.0), [math.sqrt(3), math.sqrt(3) / 2]),
    "student t, 5 degrees": (StudentT(np.array([[1.0, 1.0]]), [0.0], 5.0), [math.sqrt(15), 0.0]),
    "regularised student t": (Regularised(StudentT(np.eye(1), [0.0], 1.0), 2.0), math.sqrt(3)),
    "rotation": (rotation(2.0), 0.0),
    "coupled, wide": (Coupled(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]), [1.0]), 0.0),
    "huber": (HuberRegression(np.eye(2), [0.0, 0.0]), 5.0),
    "poisson, no count": (Poisson(np.eye(2), [0.0, 2.0], [1.0, 1.0]), 5.0),
    "smoothed TV": (SmoothedTV((2, 3), 0.25), 1.0),
    "saddle": (Saddle(ONE, Linear(3 * np.eye(1)), np.array([[4.0]])), 0.0),
}


@pytest.mark.parametrize(("f", "x"), LEAST.values(), ids=LEAST)
def test_the_modulus_is_attained(f: Operator, x: Any) -> None:
    J = at(f, x)
    attained = float(np.linalg.eigvalsh((J + J.T) / 2)[0])
    assert attained == pytest.approx(f.monotonicity, rel=1e-9, abs=1e-12)
    assert f.monotonicity <= attained + 1e-12
    if f.monotonicity:
        assert attained < f.monotonicity + 0.01 * abs(f.monotonicity), "a modulus 1% larger would be refuted here"


def test_student_t_says_that_it_is_not_convex() -> None:
    f = StudentT(np.eye(2), np.zeros(2), 4.0)
    assert Fraction(f.monotonicity) == -Fraction(5, 32)
    assert f.cocoercivity == 0.0
    x, y = np.full(2, 4.0), np.full(2, 3.0)
    assert (f(x) - f(y)) @ (x - y) < 0


@pytest.mark.parametrize(("weight", "beta"), [(0.5, 0.0), (1.0, 1 / 9), (2.0, 0.1)])
def test_a_quadratic_may_make_a_loss_convex_or_not(weight: float, beta: float) -> None:
    """mu = -1 and ell = 8 for the Cauchy loss of diag(1, 2): a weight below 1 leaves f without monotonicity."""
    f = Regularised(StudentT(np.diag([1.0, 2.0]), np.zeros(2), 1.0), weight)
    assert f.monotonicity == pytest.approx(weight - 1, rel=1e-12, abs=1e-12)
    assert f.cocoercivity == pytest.approx(beta, rel=1e-12)
    assert f.cocoercivity <= beta


@pytest.mark.parametrize("seed", range(4))
def test_the_norm_of_a_saddle_operator_is_never_below_the_truth(seed: int) -> None:
    f, g = (LeastSquares(normal(seed + k, 3, 3), np.zeros(3)) for k in (20, 30))
    general = Linear(normal(seed + 50, 3, 3))
    coupling = normal(seed + 40, 3, 3)
    for first, second in ((f, g), (f, general)):
        saddle = Saddle(first, second, coupling)
        attained = np.linalg.norm(at(saddle, 0.0), 2)
        assert attained <= saddle.lipschitz
        assert saddle.lipschitz <= 2 * attained


def test_the_constants_of_lista_in_sixty_digits() -> None:
    f: Any = CLASSES["coupled, wide"]
    with mpmath.workdps(60):
        product = mpmath.matrix(f.weights.tolist()).T * mpmath.matrix(f.matrix.tolist())
        least = min(mpmath.eigsy((product + product.T) / 2, eigvals_only=True))
        norm = mpmath.sqrt(max(mpmath.eigsy(product.T * product, eigvals_only=True)))
        assert norm <= mpmath.mpf(f.lipschitz) <= norm * (1 + mpmath.mpf(1e-11))
        assert least - norm * mpmath.mpf(1e-11) <= mpmath.mpf(f.monotonicity) <= least
    assert f.monotonicity < 0 and f.cocoercivity == 0


def test_the_gram_matrix_of_weights_in_sixty_digits() -> None:
    f: Any = CLASSES["weighted"]
    with mpmath.workdps(60):
        a = mpmath.matrix(f.matrix.tolist())
        spectrum = mpmath.eigsy(a.T * mpmath.diag(f.weights.tolist()) * a, eigvals_only=True)
        assert max(spectrum) <= mpmath.mpf(f.lipschitz) <= max(spectrum) * (1 + mpmath.mpf(1e-11))
        assert min(spectrum) * (1 - mpmath.mpf(1e-9)) <= mpmath.mpf(f.monotonicity) <= min(spectrum)


# -- losses -------------------------------------------------------------------------------------

LOSSES = ["weighted", "multinomial", "huber", "poisson", "smoothed TV", "smoothed TV, 1-D"]


@pytest.mark.parametrize("name", LOSSES)
def test_conjugates_of_losses(name: str) -> None:
    """Fenchel and Young: equality at gradients, an inequality elsewhere."""
    f: Any = CLASSES[name]
    z, other = normal(15, 2, f.matrix.shape[0], 200) * 2
    y = f.loss_gradient(z)
    np.testing.assert_allclose(f.loss(z) + f.loss_conjugate(y), np.sum(y * z, axis=0), rtol=1e-11, atol=1e-11)
    assert np.all(f.loss(other) + f.loss_conjugate(y) >= np.sum(y * other, axis=0) - 1e-10)
    assert np.all(np.isinf(f.loss_conjugate(1e3 + y))) or name == "weighted"


@pytest.mark.parametrize(
    ("y", "truth"),
    [
        pytest.param([0.0, 1.0], 2 * (math.log(2) + 0.5 - 1), id="y/r = 2 at s = 0"),
        pytest.param([-2.0, 1.0], 2 * (1.5 - 1) ** 2 / 2, id="parabola"),
        pytest.param([1.0, 1.0], math.inf, id="end"),
        pytest.param([0.0, 0.5], math.inf, id="without a count only s = 1"),
    ],
)
def test_the_conjugate_of_counts_by_hand(y: list[float], truth: float) -> None:
    f = Poisson(np.eye(2), [2.0, 0.0], [1.0, 1.0])
    assert float(f.loss_conjugate(np.array(y))) == pytest.approx(truth)


def test_student_t_has_no_finite_conjugate() -> None:
    f = StudentT(np.eye(2), np.zeros(2))
    np.testing.assert_array_equal(f.loss_conjugate(np.array([[0.0, 0.1], [0.0, 0.0]])), [0.0, np.inf])


def test_the_likelihood_of_counts() -> None:
    """For x >= 0 the potential is the negative logarithm of Poisson probabilities, up to a constant."""
    a, counts, background = np.abs(normal(16, 3, 2)), np.array([0.0, 2, 5]), np.array([0.5, 1, 2])
    f = Poisson(a, counts, background)
    x, y = np.abs(normal(17, 2, 2))

    def logarithm(point: Matrix) -> Any:
        means = a @ point + background
        return sum(m - k * mpmath.log(m) for m, k in zip(means.tolist(), counts.tolist(), strict=True))

    assert f.potential(x) - f.potential(y) == pytest.approx(float(logarithm(x) - logarithm(y)), rel=1e-12)


@every
def test_balls_enclose_the_value(f: Operator) -> None:
    x = normal(18, f.dimension, 2)
    values, balls = f(x), f(exact(x))
    assert balls.shape == values.shape
    assert all(abs(b - t) < 1e-11 for b, t in zip(balls.flat, values.flat, strict=True))
    assert all(float(b.rad()) < 1e-30 for b in balls.flat)


@pytest.mark.parametrize("name", GRADIENTS)
def test_balls_enclose_the_potential(name: str) -> None:
    f: Any = GRADIENTS[name]
    x = normal(19, f.dimension)
    assert abs(f.potential(exact(x)) - f.potential(x)) < 1e-11 * (1 + abs(f.potential(x)))


# -- input --------------------------------------------------------------------------------------


@every
def test_single_precision_and_columns(f: Operator) -> None:
    x = normal(21, f.dimension, 5).astype(np.float32)
    assert f(x).dtype == np.float64
    np.testing.assert_array_equal(f(x), f(x.astype(np.float64)))
    np.testing.assert_allclose(f(x)[:, 2], f(x[:, 2]), atol=1e-12 * max(1.0, f.lipschitz))
    before = x.copy()
    f.jacobian(x, x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e30, 1e100])
@every
def test_extreme_points(f: Operator, size: float) -> None:
    assert np.isfinite(f(np.full(f.dimension, size))).all()


@pytest.mark.parametrize("scale", [1e-160, 1e-100, 1e100, 1e160, 1e300])
@pytest.mark.parametrize(
    "make",
    [
        lambda a: WeightedLeastSquares(a, np.zeros(3), np.array([1.0, 2, 3])),
        lambda a: StudentT(a, np.zeros(3)),
        lambda a: Poisson(a, np.ones(3), np.ones(3)),
        lambda a: Coupled(a, a + 0 * a, np.zeros(3)),
        lambda a: Coupled(2 * a[::-1], a, np.zeros(3)),
        lambda a: Saddle(Linear(a), Linear(a), a),
        lambda a: Regularised(Linear(a), 1.0),
        lambda a: LeastSquares(Convolution(np.diag(a), (3,)), np.zeros(3)),
    ],
    ids=["weighted", "student t", "poisson", "W = A", "coupled", "saddle", "regularised", "convolution"],
)
def test_constants_at_all_scales(make: Callable[[Matrix], Operator], scale: float) -> None:
    """No constant is NaN, and none is on the wrong side of that of unit size; inf and 0 promise nothing."""
    f, unit = make(scale * np.diag([1.0, 2.0, 4.0])), make(np.diag([1.0, 2.0, 4.0]))
    factor = Fraction(scale) if isinstance(f, (Saddle, Regularised)) else Fraction(scale) ** 2
    assert not any(map(math.isnan, (f.lipschitz, f.monotonicity, f.cocoercivity)))
    assert f.cocoercivity >= 0
    if not isinstance(f, Regularised):
        least = min(factor * Fraction(unit.lipschitz), Fraction(1.7e308)) * (1 - Fraction(1, 10**9))
        assert f.lipschitz == math.inf or Fraction(f.lipschitz) >= least
        most = factor * (Fraction(unit.monotonicity) + Fraction(1, 10**9)) + Fraction(1, 10**300)
        assert f.monotonicity == -math.inf or Fraction(f.monotonicity) <= most


TWO, ONES = np.eye(2), np.ones(2)
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "weight of zero": (lambda: WeightedLeastSquares(TWO, ONES, [1.0, 0.0]), "0"),
    "weights too many": (lambda: WeightedLeastSquares(TWO, ONES, np.ones(3)), "3"),
    "delta": (lambda: HuberRegression(TWO, ONES, 0.0), "delta=0"),
    "degrees": (lambda: StudentT(TWO, ONES, -1.0), "degrees=-1"),
    "negative counts": (lambda: Poisson(TWO, -ONES, ONES), "-1"),
    "no background": (lambda: Poisson(TWO, ONES, [1.0, 0.0]), "0"),
    "one-hot": (lambda: Multinomial(TWO, np.eye(2), 2), "(2, 2)"),
    "labels from 1": (lambda: Multinomial(TWO, np.array([1, 2]), 2), "1 to 2"),
    "one class": (lambda: Multinomial(TWO, np.array([0, 0]), 1), "1"),
    "smoothing": (lambda: SmoothedTV((3,), 0.0), "smoothing=0"),
    "grid": (lambda: SmoothedTV((3, 0), 1.0), "(3, 0)"),
    "skew of a rectangle": (lambda: skew(np.ones((2, 3))), "(2, 3)"),
    "planes": (lambda: rotation(1.0, 0), "0"),
    "angle": (lambda: rotation(math.nan), "nan"),
    "weights transposed": (lambda: Coupled(np.ones((2, 3)), np.ones((3, 2)), np.ones(3)), "(2, 3)"),
    "no operator": (lambda: Saddle(ONE, np.eye(2), np.ones((2, 1))), "ndarray"),  # type: ignore[arg-type]
    "coupling transposed": (lambda: Saddle(ONE, Linear(TWO), np.ones((1, 2))), "(1, 2)"),
    "no operator to regularise": (lambda: Regularised(TWO, 1.0), "ndarray"),  # type: ignore[arg-type]
    "negative weight": (lambda: Regularised(ONE, -1.0), "-1"),
    "centre": (lambda: Regularised(ONE, 1.0, ONES), "2"),
    "no potential": (lambda: Regularised(ONE, 1.0).potential(np.ones(1)), "Linear"),
    "another direction": (lambda: ONE.jacobian(np.ones((1, 2)), np.ones(1)), "(1,)"),
    "derivative at balls": (lambda: ONE.adjoint(exact(np.ones(1)), exact(np.ones(1))), "balls"),
}


@pytest.mark.parametrize(("call", "got"), BAD.values(), ids=BAD)
def test_bad_input(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert got in str(caught.value)


def test_a_missing_potential_is_a_missing_hypothesis() -> None:
    with pytest.raises(HypothesisError, match="got Linear"):
        Regularised(ONE, 1.0).potential(np.ones(1))
