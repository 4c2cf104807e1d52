"""Eigenvalues and duality gaps: never on the wrong side of the truth, and near it for good certificates."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from typing import Any

import cvxpy as cp
import flint
import mpmath
import numpy as np
import numpy.typing as npt
import pytest

from fbscheck.certify import kernel
from fbscheck.certify.kernel import LOSSES, PENALTIES, Refusal

Matrix = npt.NDArray[np.float64]
Record = dict[str, Any]
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def many_digits() -> Any:
    with mpmath.workdps(120):
        yield


def tuples(value: Any) -> Any:
    """What the kernel reads: lists and numpy's arrays as tuples; single numbers stay as they are."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def conclude(record: Record, arrays: dict[str, Any] | None = None) -> Fraction:
    return kernel.conclude(record, arrays and {name: tuples(value) for name, value in arrays.items()})


def outcome(record: Record, arrays: dict[str, Any]) -> Fraction | None:
    try:
        return conclude(record, arrays)
    except Refusal:
        return None


# -- eigenvalues --------------------------------------------------------------------------------


def eigenvalue(bound: str, *factor: str) -> Record:
    return {"kind": "eigenvalue", "matrix": "A", "factor": list(factor), "bound": bound}


def proposed(a: Matrix, bound: str) -> tuple[Matrix, Matrix]:
    """The two parts of a good factor: a root of A^T A - c or of c - A^T A, and what its rounding left."""
    values, vectors = np.linalg.eigh(a.T @ a)
    size = float(np.abs(values).max()) or 1.0
    rest = values - values[0] + 1e-15 * size if bound == "lower" else values[-1] - values + 1e-15 * size
    root = vectors * np.sqrt(np.maximum(rest, 0.0))
    return root, root * 1e-17


def holds(a: Matrix, bound: str, number: Fraction) -> bool:
    """Whether ``number`` bounds the eigenvalues of A^T A: signs of an exact characteristic polynomial."""
    exact = [[Fraction(float(t)) for t in row] for row in a]
    size = range(a.shape[1])
    gram = [[sum((row[i] * row[j] for row in exact), Fraction(0)) - number * (i == j) for j in size] for i in size]
    sign = 1 if bound == "lower" else -1
    entries = [flint.fmpq(sign * e.numerator, e.denominator) for row in gram for e in row]
    coefficients = flint.fmpq_mat(len(size), len(size), entries).charpoly().coeffs()[::-1]
    return all(c >= 0 if k % 2 == 0 else c <= 0 for k, c in enumerate(coefficients))


def drawn_matrix(seed: int, most: int = 5) -> Matrix:
    """Wide and tall matrices, some of integers, of deficient rank, or badly scaled."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(rng.integers(1, most + 1, 2))
    kinds = [lambda: a, lambda: np.round(2 * a), lambda: np.outer(a[:, 0], a[0]), lambda: a * 1e150, lambda: a * 1e-150]
    return np.asarray(kinds[seed % 5]())


@pytest.mark.parametrize("bound", ["lower", "upper"])
@pytest.mark.parametrize("seed", range(40))
def test_eigenvalues_of_tiny_matrices_exactly(seed: int, bound: str) -> None:
    a = drawn_matrix(seed)
    root, rest = proposed(a, bound)
    number = conclude(eigenvalue(bound, "L", "M"), {"A": a, "L": root, "M": rest})
    assert holds(a, bound, number)
    largest = Fraction(float(np.linalg.norm(a, 2))) ** 2
    assert not holds(a, bound, number + (-1 if bound == "upper" else 1) * (largest / 10**12 + Fraction(1, 10**400)))


@pytest.mark.parametrize("bound", ["lower", "upper"])
@pytest.mark.parametrize("seed", range(100))
def test_any_factor_gives_a_true_bound(seed: int, bound: str) -> None:
    """Random matrices of any width; as two parts; and a good factor with one entry changed, which is worse."""
    rng = np.random.default_rng(seed)
    a = drawn_matrix(seed)
    size = a.shape[1]
    root, rest = proposed(a, bound)
    changed = root.copy()
    changed[rng.integers(size), rng.integers(size)] += (np.abs(root).max() + 1e-300) * rng.choice([1e-8, 0.1, -2.0])
    best = conclude(eigenvalue(bound, "L", "M"), {"A": a, "L": root, "M": rest})
    worse = conclude(eigenvalue(bound, "L", "M"), {"A": a, "L": changed, "M": rest})
    assert holds(a, bound, worse)
    other = rng.standard_normal((size, rng.integers(1, 7))) * float(np.abs(a).max())
    number = conclude(eigenvalue(bound, "L", "L", "M"), {"A": a, "L": other, "M": -other + 0.1})
    assert holds(a, bound, number)
    if bound == "lower":
        assert max(worse, number) <= best + abs(best) / 10**6 + Fraction(float(np.linalg.norm(a, 2))) ** 2 / 10**12
    else:
        assert min(worse, number) >= best * (1 - Fraction(1, 10**6))


@pytest.mark.parametrize("shape", [(30, 20), (20, 20), (10, 20), (60, 12)], ids=str)
def test_eigenvalues_against_numpy(shape: tuple[int, int]) -> None:
    a = np.random.default_rng(shape[0]).standard_normal(shape)
    spectrum = np.linalg.eigvalsh(a.T @ a)
    for bound, exact in (("lower", spectrum[0]), ("upper", spectrum[-1])):
        root, rest = proposed(a, bound)
        number = conclude(eigenvalue(bound, "L", "M"), {"A": a, "L": root, "M": rest})
        assert float(number) == pytest.approx(exact, abs=1e-10 * spectrum[-1])


def test_eigenvalues_by_hand() -> None:
    """A^T A = diag(1, 4): Gershgorin alone; with L = (0, 1)^T, (0, 2)^T; and a factor of the wrong sign of bound."""
    a = [[1.0, 0.0], [0.0, 2.0]]
    factors = {"A": a, "0": [[0.0], [0.0]], "1": [[0.0], [1.0]], "3": [[1.0], [1.0]]}
    assert conclude(eigenvalue("lower", "0"), factors) == 1
    assert conclude(eigenvalue("upper", "0"), factors) == 4
    assert conclude(eigenvalue("lower", "1"), factors) == 1
    assert conclude(eigenvalue("lower", "1", "1"), factors) == 0
    assert conclude(eigenvalue("upper", "1"), factors) == 5
    assert conclude(eigenvalue("lower", "3"), factors) == -1
    assert conclude(eigenvalue("upper", "3"), factors) == 6


def test_a_wide_matrix_by_hand() -> None:
    """A = (1, 1): eigenvalues 0 and 2; L = A^T leaves nothing; c = 2: L = (1, -1)^T."""
    arrays = {"A": [[1.0, 1.0]], "T": [[1.0], [1.0]], "U": [[1.0], [-1.0]], "0": [[0.0], [0.0]]}
    assert conclude(eigenvalue("lower", "T"), arrays) == 0
    assert conclude(eigenvalue("upper", "U"), arrays) == 2
    assert conclude(eigenvalue("lower", "0"), arrays) == 0
    assert conclude(eigenvalue("lower", "U"), arrays) == -2


def test_a_conclusion_is_about_the_arrays_given() -> None:
    """Results are remembered by value, not by name."""
    record, zero = eigenvalue("upper", "L"), [[0.0]]
    assert [conclude(record, {"A": [[t]], "L": zero}) for t in (1.0, 2.0, 1.0, -3.0)] == [1, 4, 1, 9]


MATRICES: dict[str, dict[str, Any]] = {
    "NaN in the matrix": {"A": [[1.0, NAN], [0.0, 1.0]]},
    "inf in the matrix": {"A": [[1.0, INF], [0.0, 1.0]]},
    "NaN in the factor": {"L": [[NAN], [0.0]]},
    "inf in the factor": {"L": [[0.0], [-INF]]},
    "ragged": {"A": [[1.0, 2.0], [3.0]]},
    "a row more": {"A": [[1.0, 2.0], []]},
    "a vector": {"A": [1.0, 2.0]},
    "three dimensions": {"A": np.zeros((2, 2, 2))},
    "no rows": {"A": []},
    "no columns": {"A": [[], []], "L": []},
    "text": {"A": ["12", "34"]},
    "a number": {"A": 1.0},
    "a factor of another size": {"L": [[0.0]]},
    "a factor that is a vector": {"L": [0.0, 0.0]},
    "an empty factor": {"L": []},
    "text in the factor": {"L": ["1", "1"]},
    "numpy's integers, which overflow, in the factor": {"L": [[np.int64(3037000500)], [np.int64(0)]]},
    "numpy's integers in the matrix": {"A": [[np.int64(2**32), 0], [0, np.int64(2**32)]]},
    "small integers": {"A": [[np.int8(16), 0], [0, np.int8(16)]]},
}


@pytest.mark.parametrize("bound", ["lower", "upper"])
def test_fractions_of_integers_that_overflow_are_exact(bound: str) -> None:
    """Squared, 3037000500 is beyond int64 and would turn negative there."""
    large = [[Fraction(np.int64(3037000500))]]
    for name in ("A", "L"):
        arrays = {"A": [[1.0]], "L": [[0.0]], name: large}
        sign = -1 if bound == "lower" else 1
        assert conclude(eigenvalue(bound, "L"), arrays) == (3037000500**2 if name == "A" else 1 + sign * 3037000500**2)


@pytest.mark.parametrize("bound", ["lower", "upper"])
@pytest.mark.parametrize("arrays", MATRICES.values(), ids=MATRICES)
def test_bad_matrices_are_refused(arrays: dict[str, Any], bound: str) -> None:
    with pytest.raises(Refusal):
        conclude(eigenvalue(bound, "L"), {"A": np.eye(2), "L": np.zeros((2, 1)), **arrays})


@pytest.mark.parametrize(
    "change",
    [
        {"bound": "below"},
        {"bound": None},
        {"bound": ["lower"]},
        {"factor": []},
        {"factor": None},
        {"factor": "LA"},
        {"factor": ["X"]},
        {"factor": [["L"]]},
        {"factor": [[[0.0], [0.0]]]},
        {"factor": ["L", "W"]},
        {"matrix": "X"},
        {"matrix": None},
        {"matrix": [[1.0]]},
    ],
    ids=str,
)
def test_planted_mutations_of_an_eigenvalue_record_are_refused(change: Record) -> None:
    arrays = {"A": np.eye(2), "L": np.zeros((2, 1)), "W": np.zeros((2, 3))}
    assert conclude(eigenvalue("lower", "L"), arrays) == 1
    with pytest.raises(Refusal):
        conclude({**eigenvalue("lower", "L"), **change}, arrays)
    with pytest.raises(Refusal):
        conclude(eigenvalue("lower", "L"))


# -- roots and logarithms -----------------------------------------------------------------------


def high(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def drawn_positive(rng: np.random.Generator) -> Fraction:
    """Near 1, of any size, or a short fraction."""
    return [
        Fraction(float(10.0 ** rng.uniform(-300, 300))),
        1 + Fraction(float(10.0 ** rng.uniform(-60, 0))) * int(rng.choice([-1, 1])) / 2,
        Fraction(int(rng.integers(1, 1000)), int(rng.integers(1, 1000))),
        Fraction(10) ** int(rng.integers(-4000, 4000)),
    ][int(rng.integers(4))]


@pytest.mark.parametrize("seed", range(100))
def test_logarithms_exponentials_and_roots_are_rounded_up(seed: int) -> None:
    """Against 120 digits of mpmath: above, by two units in the 50th digit at most."""
    rng = np.random.default_rng(seed)
    x, near = drawn_positive(rng), mpmath.mpf(10) ** -48
    u = Fraction(float(rng.uniform(-1, 1) * 10.0 ** rng.uniform(-60, 3)))
    for found, exact in (
        (kernel._above(x, Decimal.ln), mpmath.log(high(x))),
        (kernel._above(u, Decimal.exp), mpmath.exp(high(u))),
    ):
        assert 0 <= high(found) - exact <= near * (abs(exact) + 1)
    assert 0 <= high(kernel._root(x)) - mpmath.sqrt(high(x)) <= mpmath.mpf(2) ** -148


@pytest.mark.parametrize(
    "u",
    [0, 1, -1, 50, -50, 10**3, -(10**3), 10**7, -(10**7), 10**300, Fraction(-1, 10**300)],
    ids=lambda u: f"{float(u):g}",
)
@pytest.mark.parametrize(
    "t",
    [0, 1, Fraction(1, 2), Fraction(1, 10**300), 1 - Fraction(1, 10**300), Fraction(5, 7)],
    ids=lambda t: f"{float(t):g}",
)
def test_logistic_terms_of_any_size(u: Fraction, t: Fraction) -> None:
    """log(1 + exp(u)) + t log t + (1 - t) log(1 - t) - t u, at the ends of the domain as well."""
    with mpmath.workdps(1000):
        point, slope = high(Fraction(u)), high(Fraction(t))
        value = max(point, 0) + mpmath.log1p(mpmath.exp(-abs(point)))
        exact = value + sum(p * mpmath.log(p) for p in (slope, 1 - slope) if p) - high(Fraction(t) * Fraction(u))
        assert 0 <= high(kernel._logistic(Fraction(u), Fraction(t))) - exact <= mpmath.mpf(10) ** -47


# -- each penalty by itself ---------------------------------------------------------------------

ONE_DIMENSIONAL: dict[str, tuple[tuple[float, ...], Callable[..., float]]] = {
    "Zero": ((), lambda z: 0.0),
    "NonNegative": ((), lambda z: 0.0 if z >= 0 else INF),
    "L1": ((0.75,), lambda z, w: w * abs(z)),
    "SquaredL2": ((1.5,), lambda z, w: w * z * z / 2),
    "ElasticNet": ((0.5, 2.0), lambda z, a, b: a * abs(z) + b * z * z / 2),
    "Box": ((-0.5, 1.25), lambda z, a, b: 0.0 if a <= z <= b else INF),
}


@pytest.mark.parametrize("kind", PENALTIES)
def test_the_excess_of_each_penalty_is_its_conjugate_by_search(kind: str) -> None:
    """g(x) + sup_z (s z - g(z)) - s x with z on a fine grid, which holds all points where g is bent."""
    numbers, g = ONE_DIMENSIONAL[kind]
    exact = [*map(Fraction, numbers)]
    grid = [k / 64 for k in range(-640, 641)]
    for s in (k / 8 for k in range(-16, 17)):
        values = [s * z - g(z, *numbers) for z in grid]
        conjugate = max(values)
        unbounded = max(values[0], values[-1]) == conjugate and conjugate > 0
        for x in (-1.0, -0.5, 0.0, 0.25, 1.25, 3.0):
            found = PENALTIES[kind][1](Fraction(x), Fraction(s), *exact)
            truth = g(x, *numbers) + conjugate - s * x
            if unbounded or truth == INF:
                assert found is None
            else:
                assert found is not None
                assert truth <= float(found) <= truth + 1e-3


@pytest.mark.parametrize("kind", LOSSES)
def test_the_excess_of_each_loss_is_its_conjugate_by_search(kind: str) -> None:
    rng = np.random.default_rng(0)
    grid = np.linspace(-40, 40, 160001)
    for _ in range(40):
        b = float(rng.choice([-1.0, 1.0])) if kind == "Logistic" else float(np.round(rng.normal(), 3))
        y = -b * float(rng.uniform(0.01, 0.99)) if kind == "Logistic" else float(rng.normal())
        z = float(rng.normal() * 3)
        phi = (lambda t, b=b: np.logaddexp(0, -b * t)) if kind == "Logistic" else (lambda t, b=b: (t - b) ** 2 / 2)
        truth = phi(z) + np.max(y * grid - phi(grid)) - y * z
        found = LOSSES[kind][1](Fraction(z), Fraction(y), Fraction(b))
        assert float(found) == pytest.approx(truth, abs=1e-6)
        assert float(found) >= truth - 1e-13


# -- gaps ---------------------------------------------------------------------------------------

GROUPS = [0.0, 1.0, 0.0, 1.0]
RECORDS: dict[str, Record] = {
    "Zero": {"kind": "Zero"},
    "NonNegative": {"kind": "NonNegative"},
    "L1": {"kind": "L1", "weight": "1/4"},
    "weighted L1": {"kind": "L1", "weight": "w"},
    "SquaredL2": {"kind": "SquaredL2", "weight": "3/2"},
    "ElasticNet": {"kind": "ElasticNet", "l1": "1/5", "l2": "1/2"},
    "Box": {"kind": "Box", "low": "-1/2", "high": "w"},
    "GroupL2": {"kind": "GroupL2", "weight": "2/5", "labels": "groups"},
}
WEIGHTS = [0.5, 0.125, 0.25, 1.0]


def number(text: str) -> Any:
    return WEIGHTS if text == "w" else [float(Fraction(text))] * 4


def value(g: Record, x: Any) -> Any:
    """g(x) in many digits, from its definition."""
    exact = [mpmath.mpf(t) for t in x]
    rationals = {
        key: [mpmath.mpf(t) for t in WEIGHTS] if text == "w" else [high(Fraction(text))] * 4
        for key, text in g.items()
        if key in ("weight", "l1", "l2", "low", "high")
    }
    if g["kind"] == "GroupL2":
        norms = [mpmath.sqrt(sum(t**2 for t, k in zip(exact, GROUPS, strict=True) if k == label)) for label in (0, 1)]
        return rationals["weight"][0] * sum(norms)
    sizes = {
        "Zero": lambda t: 0,
        "NonNegative": lambda t: 0 if t >= 0 else mpmath.inf,
        "L1": lambda t, w: w * abs(t),
        "SquaredL2": lambda t, w: w * t**2 / 2,
        "ElasticNet": lambda t, a, b: a * abs(t) + b * t**2 / 2,
        "Box": lambda t, a, b: 0 if a <= t <= b else mpmath.inf,
    }
    return mpmath.fsum(sizes[g["kind"]](*row) for row in zip(exact, *rationals.values(), strict=True))


def loss(kind: str, a: Matrix, b: Any, x: Any) -> Any:
    image = [mpmath.fdot(map(mpmath.mpf, row), map(mpmath.mpf, x)) for row in a]
    if kind == "LeastSquares":
        return mpmath.fsum((z - t) ** 2 for z, t in zip(image, b, strict=True)) / 2
    return mpmath.fsum(mpmath.log1p(mpmath.exp(-t * z)) for z, t in zip(image, b, strict=True))


def slope(kind: str, a: Matrix, b: Any, x: Any) -> Any:
    """phi'(Ax) in floating point."""
    image = a @ x
    return image - b if kind == "LeastSquares" else -b / (1 + np.exp(b * image))


def modelled(g: Record, x: cp.Variable) -> tuple[Any, list[Any]]:
    numbers = {key: np.array(number(text)) for key, text in g.items() if key not in ("kind", "labels")}
    match g["kind"]:
        case "Zero":
            return 0, []
        case "NonNegative":
            return 0, [x >= 0]
        case "L1":
            return numbers["weight"] @ cp.abs(x), []
        case "SquaredL2":
            return numbers["weight"][0] / 2 * cp.sum_squares(x), []
        case "ElasticNet":
            return numbers["l1"] @ cp.abs(x) + numbers["l2"][0] / 2 * cp.sum_squares(x), []
        case "Box":
            return 0, [x >= numbers["low"], x <= numbers["high"]]
    return numbers["weight"][0] * (cp.norm(x[[0, 2]]) + cp.norm(x[[1, 3]])), []


def inside(g: Record, x: Matrix) -> Matrix:
    if g["kind"] == "NonNegative":
        return np.maximum(x, 0.0)
    return np.clip(x, -0.5, WEIGHTS) if g["kind"] == "Box" else x


def feasible(g: Record, s: Matrix, shrink: float = 1 - 1e-12) -> Matrix:
    """The nearest slope, or nearly, where g* is finite."""
    match g["kind"]:
        case "Zero":
            return 0 * s
        case "NonNegative":
            return np.minimum(s, 0.0)
        case "L1":
            return np.clip(s, -np.array(number(g["weight"])), number(g["weight"]))
        case "GroupL2":
            sizes = np.array([np.linalg.norm(s[np.array(GROUPS) == label]) for label in GROUPS])
            return np.asarray(s * shrink / np.maximum(1.0, sizes / 0.4))
    return s


def setup(kind: str, name: str, seed: int) -> tuple[Record, dict[str, Any], Matrix]:
    """A record without certificate, its arrays, and the minimiser by cvxpy, moved into the domain."""
    rng = np.random.default_rng(seed)
    a, g = rng.standard_normal((8, 4)), RECORDS[name]
    b = rng.standard_normal(8) if kind == "LeastSquares" else rng.choice([-1.0, 1.0], 8)
    x = cp.Variable(4)
    penalty, constraints = modelled(g, x)
    data = cp.sum_squares(a @ x - b) / 2 if kind == "LeastSquares" else cp.sum(cp.logistic(cp.multiply(-b, a @ x)))
    problem = cp.Problem(cp.Minimize(data + penalty), constraints)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    vector = "target" if kind == "LeastSquares" else "labels"
    record = {"kind": "gap", "f": {"kind": kind, "matrix": "A", vector: "b"}, "g": g, "x": "x"}
    return record, {"A": a, "b": b, "w": WEIGHTS, "groups": GROUPS}, inside(g, np.asarray(x.value))


def above_all(record: Record, arrays: dict[str, Any], points: list[Any]) -> Any:
    """The largest objective(x) - objective(z) over some z, in many digits: the true gap is at least that."""
    kind, a, b = record["f"]["kind"], arrays["A"], arrays["b"]
    values = [loss(kind, a, b, z) + value(record["g"], z) for z in (arrays["x"], *points)]
    return values[0] - min(values)


CASES = [(kind, name) for kind in LOSSES for name in RECORDS if (kind, name) != ("Logistic", "Zero")]


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_gaps_are_never_too_small_and_tight_for_good_duals(kind: str, name: str) -> None:
    """With the dual of the minimiser the bound is the gap itself, wherever x is; with others it is larger."""
    record, arrays, best = setup(kind, name, len(name))
    rng, g = np.random.default_rng(1), record["g"]
    a, b = arrays["A"], arrays["b"]
    record["dual"], accepted = "y", 0
    good = slope(kind, a, b, best)
    if name == "Zero":
        good = None
    elif name in ("L1", "weighted L1", "GroupL2", "NonNegative"):
        wanted = feasible(g, -a.T @ good, 1 - 1e-9)
        correction = np.linalg.lstsq(a.T, -wanted - a.T @ good, rcond=None)[0]
        good = good + correction
        if name != "NonNegative":
            good *= 1 - 1e-9
        else:
            good = good + np.linalg.lstsq(a.T, np.full(4, 1e-9), rcond=None)[0]
    for k in range(12):
        x = inside(g, best + rng.standard_normal(4) * 10.0 ** rng.uniform(-6, 1))
        duals = [good] if good is not None else []
        for y in (*duals, slope(kind, a, b, x), *(slope(kind, a, b, best) * t for t in (0.0, 0.3, 1.0))):
            now = {**arrays, "x": x, "y": y}
            bound = outcome(record, now)
            truth = above_all(record, now, [best])
            if y is good:
                assert bound is not None
                assert float(bound) == pytest.approx(float(truth), abs=1e-4)
            if bound is not None:
                accepted += 1
                assert high(bound) >= truth - mpmath.mpf(10) ** -60, k
    assert accepted >= (12 if name != "Zero" else 0)


def proposed_modulus(arrays: dict[str, Any]) -> tuple[Record, dict[str, Any]]:
    root, rest = proposed(arrays["A"], "lower")
    return eigenvalue("lower", "L", "M"), {**arrays, "L": root, "M": rest}


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
@pytest.mark.parametrize("name", RECORDS)
def test_gaps_by_slopes(name: str) -> None:
    """Near the minimiser the slope next to -F'(x) leaves a gap of second order; any other is above as well."""
    record, arrays, best = setup("LeastSquares", name, 7 + len(name))
    record["modulus"], arrays = proposed_modulus(arrays)
    rng, g, a, b = np.random.default_rng(2), record["g"], arrays["A"], arrays["b"]
    record["slope"] = "s"
    least = float(np.linalg.eigvalsh(a.T @ a)[0])
    for k in range(30):
        size = float(10.0 ** rng.uniform(-4, 1))
        x = inside(g, best + rng.standard_normal(4) * size)
        force = -a.T @ (a @ x - b)
        s = feasible(g, force if k % 2 else -a.T @ (a @ best - b) + rng.standard_normal(4) * (k % 4))
        now = {**arrays, "x": x, "s": s}
        bound, truth = conclude(record, now), above_all(record, now, [best])
        assert high(bound) >= truth - mpmath.mpf(10) ** -60
        if k % 4 == 0:  # the best slope, at some x
            change = a.T @ (a @ (x - best))
            assert float(bound) <= float(truth) + change @ change / (2 * least) + 1e-6


@pytest.mark.parametrize("seed", range(80))
def test_random_certificates_are_refused_or_true(seed: int) -> None:
    """Integers and tiny fractions that hit the ends of domains, points far away, in both forms."""
    rng = np.random.default_rng(seed)
    kind, name = CASES[seed % len(CASES)]
    g, scale = RECORDS[name], float(10.0 ** rng.integers(-8, 4))
    a = np.round(rng.standard_normal((5, 4)) * 2)
    b = rng.choice([-1.0, 1.0], 5)
    x = inside(g, np.round(rng.standard_normal(4), 1) * scale)
    y = -b * rng.choice([0.0, 1.0, 0.5, 2.0**-60, 0.125], 5)
    record: Record = {"kind": "gap", "f": {"kind": kind, "matrix": "A"}, "g": g, "x": "x"}
    record["f"]["target" if kind == "LeastSquares" else "labels"] = "b"
    arrays = {"A": a, "b": b, "w": WEIGHTS, "groups": GROUPS, "x": x, "y": y * 2.0**-4 * rng.choice([0, 1, 16])}
    if kind == "LeastSquares" and seed % 3:
        record["modulus"], arrays = proposed_modulus(arrays)
        record["slope"], arrays["s"] = "s", feasible(g, np.round(rng.standard_normal(4), 1))
    else:
        record["dual"] = "y"
    bound = outcome(record, arrays)
    if bound is not None:
        others = [inside(g, rng.standard_normal(4) * 10.0**k) for k in range(-3, 3) for _ in range(5)]
        fits = np.linalg.lstsq(a, b, rcond=None)[0]
        assert high(bound) >= above_all(record, arrays, [*others, inside(g, fits), np.zeros(4)]) - mpmath.mpf(10) ** -60


BY_HAND: Record = {
    "kind": "gap",
    "f": {"kind": "LeastSquares", "matrix": "A", "target": "b"},
    "g": {"kind": "L1", "weight": "1"},
    "x": "x",
    "dual": "y",
}
ARRAYS: dict[str, Any] = {
    "A": [[1.0, 0.0], [0.0, 2.0]],
    "b": [3.0, 1.0],
    "x": [2.0, 0.25],
    "y": [-1.0, -0.5],
    "s": [1.0, 1.0],
    "0": [[0.0], [0.0]],
    "B": [[2.0, 0.0], [0.0, 2.0]],
}
"""Minimum at x = (2, 1/4), of 5/2 + 3/8: the soft thresholds of 3 and of 1/2 by 1 and 1/4."""
BY_SLOPE: Record = {key: entry for key, entry in BY_HAND.items() if key != "dual"} | {
    "slope": "s",
    "modulus": eigenvalue("lower", "0"),
}


def test_gaps_by_hand() -> None:
    for record in (BY_HAND, BY_SLOPE):
        assert conclude(record, ARRAYS) == 0
        assert conclude({**record, "f": {**record["f"], "target": "b"}}, {**ARRAYS, "x": (2.0, 0.25)}) == 0
    assert conclude({**BY_HAND, "x": "0"}, ARRAYS) == 5 - Fraction(23, 8)
    assert conclude({**BY_HAND, "dual": "0"}, ARRAYS) == Fraction(23, 8)
    weak = {**BY_SLOPE, "slope": "0"}  # 2 + 1/4 and |(1, 1)|^2/2
    assert conclude(weak, ARRAYS) == Fraction(9, 4) + 1


def test_a_logistic_gap_by_hand() -> None:
    """Zero is optimal where the weight exceeds |phi'(0)| = 1/2, with the dual -1/2; there log 2 - log 2 is left."""
    record = {**BY_HAND, "f": {"kind": "Logistic", "matrix": "A", "labels": "1"}, "x": "0", "dual": "-1/2"}
    assert 0 <= conclude(record, ARRAYS) <= Fraction(1, 10**45)
    assert float(conclude({**record, "dual": "0"}, ARRAYS)) == pytest.approx(2 * np.log(2), rel=1e-15)
    for outside in ("1/100000", "-100001/100000", "1"):
        assert outcome({**record, "dual": outside}, ARRAYS) is None


def test_x_moved_has_the_larger_gap() -> None:
    for record in (BY_HAND, BY_SLOPE):
        for k, step in ((0, 0.5), (1, -1.0)):
            moved = list(ARRAYS["x"])
            moved[k] += step
            bound = conclude(record, {**ARRAYS, "x": moved})
            least = Fraction((1.0, 4.0)[k]) * Fraction(step) ** 2 / 2
            assert bound >= least > 0


def put(*path: Any) -> Callable[[Record], None]:
    """Set the entry at the path but the last to the last."""

    def change(record: Record) -> None:
        inside: Any = record
        for key in path[:-2]:
            inside = inside[key]
        inside[path[-2]] = path[-1]

    return change


SLOPES: dict[str, Callable[[Record], None]] = {
    "the modulus of another matrix": put("modulus", "matrix", "B"),
    "an upper bound for the modulus": put("modulus", "bound", "upper"),
    "a modulus of zero": lambda record: record["modulus"].update(factor=["I"]),
    "a negative modulus": lambda record: record["modulus"].update(factor=["B"]),
    "a number for the modulus": put("modulus", "1"),
    "no modulus": lambda record: record.pop("modulus"),
    "no slope": lambda record: record.pop("slope"),
    "a slope that is too steep": put("slope", "1000000001/1000000000"),
    "a slope of another length": put("slope", "y3"),
    "a slope for a logistic loss": put("f", {"kind": "Logistic", "matrix": "A", "labels": "1"}),
    "a slope of floats": put("slope", [1.0, 1.0]),
}
DUALS: dict[str, Callable[[Record], None]] = {
    "no dual": lambda record: record.pop("dual"),
    "a dual outside": put("dual", "2"),
    "a dual of another length": put("dual", "y3"),
    "a float": put("dual", 0.0),
    "no x": lambda record: record.pop("x"),
    "a float for x": put("x", 0.0),
    "x of another length": put("x", "y3"),
    "x unknown": put("x", "x0"),
    "x a matrix": put("x", "A"),
    "data of another length": put("f", "target", "y3"),
    "no data": lambda record: record["f"].pop("target"),
    "no matrix": lambda record: record["f"].pop("matrix"),
    "unknown matrix": put("f", "matrix", "C"),
    "unknown loss": put("f", "kind", "Huber"),
    "no loss": lambda record: record.pop("f"),
    "a list of losses": put("f", ["LeastSquares"]),
    "labels that are no signs": put("f", {"kind": "Logistic", "matrix": "A", "labels": "b"}),
    "labels 0": put("f", {"kind": "Logistic", "matrix": "A", "labels": "0"}),
    "unknown penalty": put("g", "kind", "Huber"),
    "no penalty": lambda record: record.pop("g"),
    "penalty of another kind": put("g", {"kind": "Zero"}),
    "no weight": lambda record: record["g"].pop("weight"),
    "a float weight": put("g", "weight", 1.0),
    "a negative weight": put("g", "weight", "-1"),
    "a smaller weight": put("g", "weight", "999999999/1000000000"),
    "a weight for each of three": put("g", "weight", "y3"),
    "NaN for a weight": put("g", "weight", "nan"),
    "SquaredL2 without weight": put("g", {"kind": "SquaredL2", "weight": "0"}),
    "SquaredL2 of negative weight": put("g", {"kind": "SquaredL2", "weight": "-1"}),
    "ElasticNet without curvature": put("g", {"kind": "ElasticNet", "l1": "1", "l2": "0"}),
    "ElasticNet of negative curvature": put("g", {"kind": "ElasticNet", "l1": "1", "l2": "-1"}),
    "a box of nothing": put("g", {"kind": "Box", "low": "1", "high": "-1"}),
    "outside the box": put("g", {"kind": "Box", "low": "0", "high": "1"}),
    "a slope > 0 for NonNegative": put("g", {"kind": "NonNegative"}),
    "groups missing": put("g", {"kind": "GroupL2", "weight": "2", "labels": "groups"}),
    "groups of another length": put("g", {"kind": "GroupL2", "weight": "2", "labels": "y3"}),
    "NaN for a group": put("g", {"kind": "GroupL2", "weight": "2", "labels": "nan"}),
    "groups too light": put("g", {"kind": "GroupL2", "weight": "99/100", "labels": "x"}),
    "groups of negative weight": put("g", {"kind": "GroupL2", "weight": "-2", "labels": "x"}),
    "together too steep": put("g", {"kind": "GroupL2", "weight": "1414213562/1000000000", "labels": "0 0"}),
}
MORE = {**ARRAYS, "y3": [0.0] * 3, "nan": [NAN] * 2, "I": [[1.0], [0.0]], "0 0": [0.0, 0.0]}


@pytest.mark.parametrize("change", SLOPES.values(), ids=SLOPES)
def test_planted_mutations_of_a_gap_by_slope_are_refused(change: Callable[[Record], None]) -> None:
    record = deepcopy(BY_SLOPE)
    change(record)
    with pytest.raises(Refusal):
        conclude(record, MORE)


@pytest.mark.parametrize("change", DUALS.values(), ids=DUALS)
def test_planted_mutations_of_a_gap_by_dual_are_refused(change: Callable[[Record], None]) -> None:
    record = deepcopy(BY_HAND)
    change(record)
    with pytest.raises(Refusal):
        conclude(record, MORE)


@pytest.mark.parametrize("wrong", [NAN, INF, -INF, "1", None, np.int64(2**31), np.int32(2**16), 1j, [1.0]], ids=str)
@pytest.mark.parametrize("name", ["A", "b", "x", "y", "s", "0", "w"])
def test_arrays_of_anything_but_finite_floats_are_refused(name: str, wrong: Any) -> None:
    """NaN proves nothing, and numpy's integers overflow in silence."""
    arrays = {**deepcopy(ARRAYS), "w": [1.0, 1.0]}
    (arrays[name][0] if name in ("A", "0") else arrays[name])[:1] = [wrong]
    records = [{**record, "g": {"kind": "L1", "weight": "w"}} for record in (BY_HAND, BY_SLOPE)]
    used = [record for record, names in zip(records, ("Abxyw", "Abxs0w"), strict=True) if name in names]
    assert used
    for record in used:
        with pytest.raises(Refusal):
            conclude(record, arrays)


def test_groups_are_told_apart_by_value() -> None:
    """One group of norm 2 sqrt 2 or two of norm 2, weight 2: floats, integers and both zeros may name them."""
    record = {**BY_HAND, "g": {"kind": "GroupL2", "weight": "2", "labels": "l"}, "dual": "0", "x": "2"}
    for labels in ([0.0, -0.0], np.array([3, 3]), [1, 1.0]):
        bound = conclude(record, {**ARRAYS, "l": labels})
        assert 0 <= high(bound) - (2 * mpmath.sqrt(8) + mpmath.mpf(5)) <= mpmath.mpf(10) ** -40
    assert 0 <= high(conclude(record, {**ARRAYS, "l": [1.0, 2.0]})) - 13 <= mpmath.mpf(10) ** -40


@pytest.mark.parametrize("name", ["A", "b", "x", "y", "s", "0"])
def test_arrays_of_numpy_itself_are_refused(name: str) -> None:
    """Only tuples of Python's numbers are read; the elements of an array are numpy's."""
    for dtype in (np.float64, np.float32, np.int64, np.int8):
        arrays = {key: tuples(value) for key, value in ARRAYS.items()} | {name: np.asarray(ARRAYS[name], dtype=dtype)}
        for record, names in ((BY_HAND, "Abxy"), (BY_SLOPE, "Abxs0")):
            if name in names:
                with pytest.raises(Refusal):
                    kernel.conclude(record, arrays)


def test_slopes_and_duals_may_be_sums() -> None:
    """(1, 1) as a sum of three vectors, with parts far below its last digit; of nothing there is no sum."""
    parts = {"p": [0.75, 1.0], "q": [0.25, 0.0], "tiny": [1e-300, 0.0]}
    arrays = {**ARRAYS, **parts, "minus": [-1e-300, 0.0]}
    assert conclude({**BY_SLOPE, "slope": ["p", "q"]}, arrays) == 0
    assert conclude({**BY_SLOPE, "slope": ["p", ["q", "tiny"], "minus"]}, arrays) == 0
    assert conclude({**BY_HAND, "dual": ["y", "0"]}, arrays) == 0
    assert outcome({**BY_SLOPE, "slope": ["p", "q", "tiny"]}, arrays) is None
    for nothing in ([], [[]], [[], []], ["s", []], ["s", "y3"]):
        for record, key in ((BY_SLOPE, "slope"), (BY_HAND, "dual"), (BY_HAND, "x")):
            assert outcome({**record, key: nothing}, {**arrays, "y3": [0.0] * 3}) is None
