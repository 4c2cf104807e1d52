"""Places where a bound could slip to the unsafe side: what is claimed, who moves, whose arrays, which shapes."""

import numpy as np
import pytest

from fbscheck.certify.definite import norm_lower
from fbscheck.certify.enclosure import exact, norm_upper
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.networks import lipschitz
from fbscheck.claims.networks.pair import Pair
from fbscheck.errors import InputError
from fbscheck.functions import Zero
from fbscheck.network import Network
from fbscheck.network.bounds import spectral_upper
from fbscheck.network.dissipation import certified_bound
from fbscheck.network.layers import Layers
from fbscheck.network.local import local_bound
from fbscheck.network.region import Region, SoftThreshold
from fbscheck.network.riccati import recursion


def test_what_a_sum_claims_is_known_from_both_sides_at_any_depth() -> None:
    """All layers are the identity and only the first one reads b: the sum of injected products is exactly 1."""
    injections = np.zeros((3000, 1, 1))
    injections[0] = 1.0
    low, high = lipschitz.injected_ends(Layers(np.broadcast_to(np.eye(1), (3000, 1, 1)), injections))
    assert 1 - 1e-12 <= low <= 1 <= high


def test_planted_a_witness_that_moves_the_start_is_refused() -> None:
    network = Network.of_layers(np.eye(1)[None], np.full((1, 1, 1), 0.1), np.zeros(1), Zero(), 1)
    pair, certificate, arrays = lipschitz.stretched("one layer", network)
    moved = Pair("one layer", network, pair.x0, pair.b, other_x0=pair.x0 + 1, other_b=pair.b + 1e-9)
    with pytest.raises(Refusal, match="two points"):
        lipschitz.assess(lipschitz.INJECTED, moved, certificate, arrays)


def test_thresholds_of_another_depth_bound_nothing() -> None:
    layers = Layers(np.zeros((2, 3, 3)), np.broadcast_to(np.eye(3), (2, 3, 3)))
    region = Region(np.zeros(3), np.zeros(3), 0.0, 1.0)
    with pytest.raises(InputError, match="Need one threshold"):
        local_bound(layers, SoftThreshold([5.0, 5.0, 0.0]), region)


def test_layers_keep_an_array_of_their_own() -> None:
    rho = np.zeros(2)
    layers = Layers(np.broadcast_to(np.eye(2), (2, 2, 2)), np.zeros((2, 2, 1)), True, rho)
    rho[:] = 9.0
    assert np.all(np.asarray(layers.strong_convexity) == 0)


def test_a_product_that_overflows_encloses_everything() -> None:
    row, column = np.array([[1e8, 1e8, -1e8, -1e8]]), np.full((4, 1), 1e300)
    assert (exact(row) @ exact(column)).radius == np.inf


def test_extreme_scales_give_a_bound_or_infinity() -> None:
    problem = recursion(Layers(np.full((1, 1, 1), 1e-200), np.full((1, 1, 1), 1e100)), "both")
    assert certified_bound(problem, np.ones((1, 1))) >= 1e100
    assert norm_upper(exact(np.full((1, 1), 5e-324))) >= 5e-324


@pytest.mark.parametrize("size", [3, 12, 13, 60])
def test_norms_of_layers_are_never_below_and_hardly_above(size: int) -> None:
    rng = np.random.default_rng(size)
    for matrix in (*rng.standard_normal((2, size, size)), rng.standard_normal((size, 2 * size)), np.eye(size)):
        low, high = norm_lower(matrix), spectral_upper(matrix)
        assert low <= high <= low * (1 + (1e-11 if size > 12 else 1e-14))
        assert spectral_upper(0 * matrix) <= 1e-300
