"""The derivative of the projection onto the exponential cone, against differences of 80 digits."""

import mpmath as mp
import numpy as np
import pytest

from fbscheck.functions import ExponentialCone

POINTS = {
    "both rays alike": [1.0, 1.0, 1.0],
    "near the cone": [0.5, 1.0, 1.6],
    "steep": [0.044, -0.9, 0.6],
    "steeper": [0.1, -2.0, 0.6],
    "shallow": [-9.0, 0.4, -0.3],
    "mostly polar": [1.0, 0.3, -0.4],
    "huge": [3e8, -1e8, 2e7],
    "tiny": [1e-9, 2e-9, -2e-9],
}


def projected(u: list[mp.mpf], near: float) -> mp.matrix:
    """The ray alpha (r, 1, e^r) whose difference to u is normal to it and along (1, 1 - r, -e^-r)."""

    def alpha(r: mp.mpf) -> mp.mpf:
        return (u[1] + (r - 1) * u[0]) / (r * r - r + 1)

    r = mp.findroot(lambda r: alpha(r) * mp.e**r - (u[0] - alpha(r) * r) * mp.e ** (-r) - u[2], near)
    return alpha(r) * mp.matrix([r, 1, mp.e**r])


def differences(u: np.ndarray) -> np.ndarray:
    with mp.workdps(80):
        p = ExponentialCone().prox(u, 1.0)
        width = mp.mpf(10) ** -30 * float(np.linalg.norm(u))
        columns = []
        for i in range(3):
            ends = [[mp.mpf(t) + s * width * (i == j) for j, t in enumerate(u.tolist())] for s in (1, -1)]
            ahead, behind = (projected(end, p[0] / p[1]) for end in ends)
            columns.append(np.array([float(t) for t in (ahead - behind) / (2 * width)]))
        return np.column_stack(columns)


def jacobian(u: np.ndarray) -> np.ndarray:
    return ExponentialCone().prox_jacobian(np.tile(u[:, None], 3), 1.0, np.eye(3))


@pytest.mark.parametrize("u", POINTS.values(), ids=POINTS)
def test_it_is_the_derivative(u: list[float]) -> None:
    np.testing.assert_allclose(jacobian(np.array(u)), differences(np.array(u)), rtol=0, atol=1e-13)


def test_a_curvature_that_is_wrong_by_one_percent_is_seen() -> None:
    """Planted: the eigenvalue between 0 and 1 moved by 1% of its distance to both."""
    u = np.array(POINTS["both rays alike"])
    found = jacobian(u)
    assert np.max(np.abs(found - 0.01 * (found - found @ found) - differences(u))) > 1e-4


def test_it_is_symmetric_with_eigenvalues_in_the_unit_interval() -> None:
    rng, units = np.random.default_rng(1), np.tile(np.eye(3), 500)
    points = np.repeat(rng.standard_normal((3, 500)) * np.exp(rng.uniform(-4, 4, (3, 500))), 3, axis=1)
    found = ExponentialCone().prox_jacobian(points, 1.0, units).reshape(3, 500, 3).swapaxes(0, 1)
    assert np.max(np.abs(found - found.transpose(0, 2, 1))) < 1e-15
    spectra = np.linalg.eigvalsh(found)
    assert spectra.min() > -1e-15
    assert spectra.max() < 1 + 1e-15
    assert np.mean((spectra > 1e-3) & (spectra < 0.999)) > 0.05
