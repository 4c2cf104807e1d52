"""Total variation of images: against cvxpy, by hand, where differences just vanish, and its certificates."""

import cvxpy as cp
import numpy as np
import pytest

from fbscheck.errors import SolverError
from fbscheck.functions import TotalVariation2D, denoising, images
from fbscheck.functions.denoising import denoised

KINDS = pytest.mark.parametrize("isotropic", [False, True], ids=["anisotropic", "isotropic"])


def border(shape: tuple[int, ...]) -> np.ndarray:
    present = np.ones((2, *shape), dtype=bool)
    present[0, -1] = present[1, :, -1] = False
    return present


def solved(u: np.ndarray, t: float, isotropic: bool) -> np.ndarray:
    """The definition in cvxpy, pixel by pixel; its own tv leaves out the last row and column."""
    x, (rows, columns) = cp.Variable(u.shape), u.shape
    cost = []
    for i in range(rows):
        for j in range(columns):
            steps = [x[k, n] - x[i, j] for k, n in ((i + 1, j), (i, j + 1)) if k < rows and n < columns]
            cost += [cp.norm(cp.hstack(steps), 2 if isotropic else 1)] if steps else []
    cp.Problem(cp.Minimize(t * sum(cost) + cp.sum_squares(x - u) / 2)).solve(
        solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11
    )
    return np.asarray(x.value)


@KINDS
@pytest.mark.parametrize("t", [0.1, 0.3])
def test_the_proximal_point_agrees_with_cvxpy(t: float, isotropic: bool) -> None:
    u = np.random.default_rng(1).standard_normal((5, 4))
    p = TotalVariation2D([5, 4], t / 2, isotropic).prox(u.ravel(), 2.0).reshape(5, 4)
    np.testing.assert_allclose(p, solved(u, t, isotropic), rtol=0, atol=1e-6)
    assert np.max(np.abs(p - solved(u, 1.01 * t, isotropic))) > 1e-4, "planted: a weight 1% larger"


@pytest.mark.parametrize("t", [0.1, 0.3])
def test_a_flow_by_cvxpy_bounds_the_distance_to_the_isotropic_point(t: float) -> None:
    """|p - prox(u)| <= |p - u + t D^T z| for z = Dp/|Dp| where that is defined, and cvxpy's |z| <= 1 elsewhere."""
    u = np.random.default_rng(1).standard_normal((5, 4))
    p = TotalVariation2D([5, 4], t, True).prox(u.ravel(), 1.0).reshape(5, 4)
    rest, flows = (p - u).ravel(), []
    for i, j in np.ndindex(5, 4):
        ends = [(k, n) for k, n in ((i + 1, j), (i, j + 1)) if k < 5 and n < 4]
        rows = np.zeros((len(ends), 20))
        for row, (k, n) in zip(rows, ends, strict=True):
            row[4 * k + n], row[4 * i + j] = 1.0, -1.0
        steps = rows @ p.ravel()
        if np.any(steps != 0):
            rest = rest + t * rows.T @ (steps / np.linalg.norm(steps))
        elif len(ends):
            flows.append((rows, cp.Variable(len(ends))))
    assert 0 < len(flows) < 19
    found = cp.norm2(rest + t * sum(rows.T @ z for rows, z in flows))
    cp.Problem(cp.Minimize(found), [cp.norm2(z) <= 1 for _, z in flows]).solve(solver=cp.CLARABEL)
    for rows, z in flows:
        rest = rest + t * rows.T @ (z.value / max(1.0, np.linalg.norm(z.value)))
    assert np.linalg.norm(rest) < 1e-9


def test_a_single_bright_pixel_by_hand() -> None:
    """In the middle of 3 x 3: four steps, each of slope 1; the eight others rise alike, an eighth of that each."""
    u, t = np.zeros((3, 3)), 0.01
    u[1, 1] = 1.0
    expected = np.full((3, 3), t / 2)
    expected[1, 1] = 1 - 4 * t
    p = TotalVariation2D([3, 3], t, False).prox(u.ravel(), 1.0).reshape(3, 3)
    np.testing.assert_allclose(p, expected, rtol=0, atol=1e-14)


@KINDS
def test_ties_are_solved_to_the_declared_accuracy(isotropic: bool) -> None:
    """Images of few values, where many differences just vanish; most are as accurate as any."""
    rng = np.random.default_rng(2)
    u = rng.integers(-1, 2, size=(3, 4, 20)) / 4
    for t in (0.03125, 0.125, 0.25):
        _, bounds = denoised(u, np.full(20, t), border(u.shape), isotropic)
        assert bounds.max() < 1e-9
        assert np.median(bounds) < 1e-13


@KINDS
def test_certificates_hold_for_points_that_are_far_off(isotropic: bool) -> None:
    """Of the structures that random z suggest: the bound is no less than the distance, and large where that is."""
    rng = np.random.default_rng(3)
    u, t = rng.standard_normal((4, 5, 40)) / 5, np.full(40, 0.05)
    grid = denoising.Grid(border(u.shape), isotropic)
    best, bounds = denoised(u, t, grid.present, isotropic)
    assert bounds.max() < 1e-13
    z = rng.uniform(-0.7, 0.7, (2, *u.shape))
    p, bound, _ = denoising._structured(grid, u, t, z, 1.0)
    distance = np.sqrt(np.sum((p - best) ** 2, axis=(0, 1)))
    assert np.all(distance <= bound + bounds)
    assert np.median(distance) > 1e-3 and np.all(bound[distance > 1e-3] > 1e-3)


@KINDS
def test_differences_that_are_not_present_cost_nothing(isotropic: bool) -> None:
    """Two images side by side, with no difference between them, are two images."""
    u = np.random.default_rng(4).standard_normal((3, 6, 5)) / 4
    present = border(u.shape)
    present[1, :, 2] = False
    whole, _ = denoised(u, np.full(5, 0.1), present, isotropic)
    for part in (slice(0, 3), slice(3, 6)):
        alone, _ = denoised(u[:, part], np.full(5, 0.1), border((3, 3, 5)), isotropic)
        np.testing.assert_allclose(whole[:, part], alone, rtol=0, atol=1e-13)


@KINDS
def test_scales_of_powers_of_two_change_nothing(isotropic: bool) -> None:
    g, u = TotalVariation2D([3, 4], 1.0, isotropic), np.random.default_rng(5).standard_normal(12)
    p = g.prox(u, 0.2)
    for exponent in (-900, -40, 60, 900):
        np.testing.assert_array_equal(g.prox(np.ldexp(u, exponent), np.ldexp(0.2, exponent)), np.ldexp(p, exponent))


def test_an_accuracy_that_is_not_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoising, "ITERATIONS", 6)
    with pytest.raises(SolverError, match="not 1e-09"):
        images.TotalVariation2D([4, 4], 1.0, True).prox(np.random.default_rng(6).standard_normal(16), 0.3)
