"""pyproximal beside the catalogue, for every function that both have; each disagreement is decided by the definition.

Decided means: of the two points the better one has the smaller proximal objective, computed from the function's
definition alone, by more than rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fbscheck import functions as fb
from fbscheck.functions.nonconvex import NONCONVEX as ENTRIES
from fbscheck.functions.nonconvex import hard_threshold, scad, two_largest

pyproximal = pytest.importorskip("pyproximal")

STEPS = (0.3, 1.0, 2.5)
MATRIX = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
ROWS = np.array([[1.0, -1.0, 0.5, 0.0], [0.0, 2.0, 1.0, -1.0]])


def operator(matrix: np.ndarray) -> Any:
    from pylops import MatrixMult

    return MatrixMult(matrix)


AGREE: dict[str, tuple[fb.Function, Callable[[], Any], int, float]] = {
    "l1": (fb.L1(0.7), lambda: pyproximal.L1(sigma=0.7), 5, 1e-14),
    "l2": (fb.L2(0.7), lambda: pyproximal.Euclidean(sigma=0.7), 5, 1e-14),
    "squared l2": (fb.SquaredL2(0.7), lambda: pyproximal.L2(sigma=0.7), 5, 1e-14),
    "group l2": (fb.GroupL2([0, 1, 0, 1], 0.7), lambda: pyproximal.L21(ndim=2, sigma=0.7), 4, 1e-14),
    "nuclear norm": (fb.Nuclear([2, 3], 0.7), lambda: pyproximal.Nuclear((2, 3), sigma=0.7), 6, 1e-13),
    "box": (fb.Box(-0.5, 1.0), lambda: pyproximal.Box(-0.5, 1.0), 5, 0.0),
    "l2 ball": (fb.L2Ball(0.8), lambda: pyproximal.EuclideanBall(np.zeros(5), 0.8), 5, 1e-14),
    "half-space": (
        fb.Halfspace([1.0, -2.0, 0.5], 0.3),
        lambda: pyproximal.HalfSpace(np.array([1.0, -2.0, 0.5]), 0.3),
        3,
        1e-14,
    ),
    "affine set": (
        fb.AffineSet(ROWS, [1.0, -1.0]),
        lambda: pyproximal.AffineSet(operator(ROWS), np.array([1.0, -1.0]), 50),
        4,
        1e-9,
    ),
    "quadratic": (
        fb.Quadratic(MATRIX, np.ones(3)),
        lambda: pyproximal.Quadratic(operator(MATRIX), np.ones(3), niter=50),
        3,
        1e-9,
    ),
    "simplex": (fb.Simplex(1.0), lambda: pyproximal.Simplex(5, 1.0, maxiter=500, ftol=1e-14, xtol=1e-14), 5, 1e-9),
    "l1 ball": (fb.L1Ball(1.2), lambda: pyproximal.L1Ball(5, 1.2, maxiter=500, xtol=1e-14), 5, 1e-9),
    "total variation": (fb.TotalVariation(0.4), lambda: pyproximal.TV((6,), sigma=0.4, niter=1500, rtol=0.0), 6, 1e-3),
    "isotropic total variation": (
        fb.TotalVariation2D([3, 4], 0.4, True),
        lambda: pyproximal.TV((3, 4), sigma=0.4, niter=1500, rtol=0.0),
        12,
        1e-3,
    ),
    "sparse group, one group": (
        fb.SparseGroup([0] * 5, 0.35, 0.35),
        lambda: pyproximal.L21_plus_L1(sigma=0.7, rho=0.5),
        5,
        1e-14,
    ),
}


@pytest.mark.parametrize(("g", "make", "dimension", "tolerance"), AGREE.values(), ids=AGREE)
def test_they_agree(g: fb.Function, make: Callable[[], Any], dimension: int, tolerance: float) -> None:
    rng = np.random.default_rng(1)
    for step in STEPS:
        u = 2 * rng.standard_normal(dimension)
        np.testing.assert_allclose(np.ravel(make().prox(u.copy(), step)), g.prox(u, step), atol=tolerance)


NONCONVEX = {
    "l0 ball": (two_largest, lambda: pyproximal.L0Ball(2)),
    "SCAD": (scad, lambda: pyproximal.SCAD(1.0)),
    "log penalty": (
        next(entry.map for entry in ENTRIES if entry.name == "log penalty"),
        lambda: pyproximal.Log(np.log(2) / 2, 1.0),
    ),
}


@pytest.mark.parametrize(("ours", "make"), NONCONVEX.values(), ids=NONCONVEX)
def test_nonconvex_maps_agree(ours: Callable[[Any], Any], make: Callable[[], Any]) -> None:
    u = 3 * np.random.default_rng(2).standard_normal(8)
    np.testing.assert_allclose(make().prox(u.copy(), 1.0), ours(u), atol=1e-14)


def test_they_disagree_on_huber_and_the_definition_decides() -> None:
    """Their Huber switches to soft thresholding at |u| > alpha; the exact switch is at |u| > alpha + step.

    With H(t) = t^2 / (2 alpha) for |t| <= alpha, else |t| - alpha/2, and alpha = 1, step 2, u = 1.5: theirs is
    max(1.5 - 2, 0) = 0 with the objective 1.5^2 / 4 = 0.5625; the minimiser is 1.5 / (1 + 2) = 0.5, with 0.375.
    """
    alpha, step, u = 1.0, 2.0, np.array([1.5])
    theirs, ours = pyproximal.Huber(alpha).prox(u.copy(), step), fb.Huber(alpha, 1 / alpha).prox(u, step)

    def objective(y: np.ndarray) -> float:
        t = abs(y[0])
        return (t * t / (2 * alpha) if t <= alpha else t - alpha / 2) + (t - u[0]) ** 2 / (2 * step)

    assert ours[0] == pytest.approx(0.5, abs=1e-15)
    assert theirs[0] == pytest.approx(0.0, abs=1e-15)
    assert (objective(ours), objective(theirs)) == (pytest.approx(0.375), pytest.approx(0.5625))
    grid = np.linspace(-3, 3, 60001)
    assert min(objective(np.array([y])) for y in grid[::10]) >= objective(ours) - 1e-12


def test_they_disagree_on_the_l0_norm_and_the_definition_decides() -> None:
    """Their L0 keeps |u| > step sigma; y = u costs sigma and y = 0 costs u^2 / (2 step): keep |u| > sqrt(2 step sigma).

    With sigma = 1/2, step 1, u = 0.75: theirs is 0.75 with the objective 0.5; 0 has 0.28125.
    """
    theirs, ours = pyproximal.L0(sigma=0.5).prox(np.array([0.75]), 1.0), hard_threshold(np.array([0.75]))
    assert (float(theirs[0]), float(ours[0])) == (0.75, 0.0)
    cost = [(0.5 if y else 0.0) + (y - 0.75) ** 2 / 2 for y in (float(theirs[0]), float(ours[0]))]
    assert cost == [0.5, 0.28125]


def test_they_agree_on_huber_away_from_the_strip() -> None:
    for u in (-6.0, -0.4, 0.2, 5.0):
        theirs, ours = pyproximal.Huber(1.0).prox(np.array([u]), 2.0), fb.Huber(1.0, 1.0).prox(np.array([u]), 2.0)
        np.testing.assert_allclose(theirs, ours, atol=1e-14)
