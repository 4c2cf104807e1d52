"""The recursion's optimum equals that of one large semidefinite program, solved by other people's code."""

from itertools import product

import numpy as np
import pytest

from fbscheck.network.dissipation import certify
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.riccati import recursion
from fbscheck.reference.lipsdp import lipsdp

SIZES = [(3, 2, 2), (5, 5, 3)]


def network(dimension: int, depth: int, observations: int, separable: bool, convexity: float = 0.0) -> Layers:
    """LISTA-like layers."""
    rng = np.random.default_rng([dimension, depth])
    a = rng.standard_normal((observations, dimension))
    size = np.linalg.norm(a, 2)
    noise = 0.3 * size * rng.standard_normal((depth, dimension, observations)) / np.sqrt(dimension)
    injections = (a.T + noise) / size**2
    return Layers(np.eye(dimension) - injections @ a, injections, separable, convexity)


@pytest.mark.parametrize(("size", "wrt", "separable"), list(product(SIZES, ("b", "x0", "both"), (True, False))))
def test_the_recursion_reaches_the_optimum_of_lipsdp(size: tuple[int, int, int], wrt: str, separable: bool) -> None:
    problem = recursion(layers := network(*size, separable), wrt)
    reference = lipsdp(layers, wrt)
    optimum = optimise(problem, evaluations=4000, accuracy=1e-8)
    assert optimum.bound == pytest.approx(reference, rel=1e-6)
    assert 0.98 * reference <= optimum.floor <= reference * (1 + 1e-6)
    assert certify(problem, optimum.multipliers)[0] == pytest.approx(reference, rel=2e-6)
    assert 0.999 * optimum.bound < reference, "planted: a bound 0.1% smaller would be below the optimum"


@pytest.mark.parametrize("convexity", [0.5, -0.3])
def test_strong_convexity_is_read_in_the_same_way(convexity: float) -> None:
    layers = network(3, 3, 2, True, convexity)
    found = optimise(recursion(layers, "both"), evaluations=4000, accuracy=1e-8)
    assert found.bound == pytest.approx(lipsdp(layers, "both"), rel=1e-6)


def test_one_dimension() -> None:
    """d = N = 1: the bound is the weight itself."""
    layers = Layers(np.array([[[-0.5]]]), np.array([[[2.0]]]))
    assert lipsdp(layers, "b") == pytest.approx(2.0, rel=1e-6)
    assert lipsdp(layers, "x0") == pytest.approx(0.5, rel=1e-6)
