"""Distances between the limits of oscillating parameters and of their averages, against closed forms."""

import math

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, Zero
from fbscheck.limit import ParameterPath, Piecewise
from fbscheck.limit.equilibrium import contraction, equilibrium_radius, polished
from fbscheck.limit.weak import averaged, weak_bound

ZERO = np.zeros((1, 1))


def alternating(frequency: int, mean: float, swing: float) -> Piecewise:
    return Piecewise.steps((mean + swing * np.tile([1.0, -1.0], frequency))[:, None, None])


@pytest.mark.parametrize("frequency", [1, 4, 64])
def test_an_oscillating_decay_is_within_the_bound(frequency: int) -> None:
    """x' = -(1 +- 1)x: the two limits differ most after half a period."""
    path = ParameterPath(alternating(frequency, 1.0, 1.0), ZERO, 0.0, Zero(), 1)
    apart = max(
        abs(math.exp(-2 * s) - math.exp(-s)) * math.exp(-2 * k / (2 * frequency))
        for k in range(frequency)
        for s in np.linspace(0, 1 / (2 * frequency), 50)
    )
    bound = weak_bound(path, averaged(path), np.ones(1), np.zeros(1))
    assert apart <= bound
    kappa = 1 / (2 * frequency)
    assert bound == pytest.approx(2 * math.sqrt(kappa * (1 + 2 * 2)), rel=1e-9), "B = 1, V = 2"


def test_an_oscillating_source_and_weight_are_within_the_bound() -> None:
    """x' = b(1 +- 1) - w(1 -+ 1) sign(x), x > 0: the primitive of both moves x by 1/8 + 1/16."""
    L = Piecewise.steps((1 + np.array([1.0, -1.0, 1.0, -1.0]))[:, None, None])
    weights = Piecewise.steps(0.25 * (1 - np.array([1.0, -1.0, 1.0, -1.0])))
    path = ParameterPath(ZERO, L, weights, L1(1.0), 1)
    bound = weak_bound(path, averaged(path), np.array([5.0]), np.array([1.0]))
    B, V = 5 + 2 + 0.5, 2 + 0.5
    assert bound == pytest.approx(2 * math.sqrt((1 / 4 + 1 / 16) * (B + V)), rel=1e-9)
    assert 1 / 4 + 1 / 16 <= bound


def test_averages() -> None:
    path = averaged(ParameterPath(alternating(3, 2.0, 1.0), ZERO, Piecewise.steps([0.0, 1.0]), L1(1.0), 2))
    assert (path.K.constant, path.weights.constant) == (True, True)
    assert path.network(1).parameters[0].item() == pytest.approx(2.0)
    assert path.network(1).parameters[2].item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (ParameterPath(ZERO, ZERO, Piecewise.lines([0.0, 1.0]), L1(1.0), 1), "steps of one length"),
        (ParameterPath(ZERO, ZERO, Piecewise.steps([0.0, 1.0], [0, 0.25, 1]), L1(1.0), 1), "steps of one length"),
        (ParameterPath(ZERO, ZERO, 1.0, Box(-1, 1), 1), "Lipschitz function r, got Box"),
    ],
    ids=["lines", "unequal", "indicator"],
)
def test_what_the_bound_needs(path: ParameterPath, message: str) -> None:
    with pytest.raises(InputError, match=message):
        weak_bound(path, averaged(path), np.ones(1), np.ones(1))


@pytest.mark.parametrize(
    ("c", "weight", "solution"),
    [
        pytest.param(3.0, 1.0, 1.0, id="moved"),
        pytest.param(0.5, 1.0, 0.0, id="held at the kink"),
        pytest.param(-4.0, 0.0, -2.0, id="no weight"),
    ],
)
def test_a_point_near_an_equilibrium(c: float, weight: float, solution: float) -> None:
    """0 in 2x - c + w d|x|."""
    path = ParameterPath(np.array([[2.0]]), np.ones((1, 1)), weight, L1(1.0), 1)
    b = np.array([c])
    assert contraction(path) == pytest.approx(2.0)
    for off in (0.0, 1e-3, -0.25):
        radius = equilibrium_radius(path, np.array([solution + off]), b)
        assert abs(off) <= radius
        assert radius <= (abs(off) * 2 + 2 * weight * (off != 0 and solution == 0)) / 2 + 1e-6
    assert polished(path, np.array([7.0]), b, 3)[0] == pytest.approx(solution)


def test_without_strong_monotonicity_nothing_is_certain() -> None:
    path = ParameterPath(np.diag([1.0, -0.1]), np.eye(2), 0.0, Zero(), 1)
    assert equilibrium_radius(path, np.zeros(2), np.zeros(2)) == math.inf
    with pytest.raises(InputError, match="constant path"):
        contraction(ParameterPath(alternating(1, 1.0, 1.0), ZERO, 0.0, Zero(), 1))
