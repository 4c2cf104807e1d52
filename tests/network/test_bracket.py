"""The bracket of a network's Lipschitz constant against closed forms and derivatives."""

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1, GroupL2, SquaredL2, Zero
from fbscheck.network import Network, Region, ista
from fbscheck.network.comparisons import injected_products
from fbscheck.network.dissipation import recheck
from fbscheck.network.local import recheck_local

RNG = np.random.default_rng(4)
A = RNG.standard_normal((5, 10)) / np.sqrt(5)
STEP = 1 / float(np.linalg.norm(A, 2)) ** 2


@pytest.mark.parametrize(
    ("k", "sigma", "wrt", "expected"),
    [
        pytest.param(1.0, 0.0, "b", 0.25 * sum(0.75**n for n in range(8)), id="b, linear"),
        pytest.param(1.0, 0.0, "x0", 0.75**8, id="x0, linear"),
        pytest.param(1.0, 2.0, "x0", 0.5**8, id="x0, strongly convex"),
        pytest.param(-1.0, 0.0, "x0", 1.25**8, id="x0, expanding"),
    ],
)
def test_it_is_narrow_around_closed_forms(k: float, sigma: float, wrt: str, expected: float) -> None:
    r = SquaredL2(sigma) if sigma else Zero()
    weights = np.ones(8) if sigma else np.zeros(8)
    network = Network(np.full((8, 1, 1), k), np.ones((8, 1, 1)), weights, r, 2.0)
    bracket = network.lipschitz(wrt)  # type: ignore[arg-type]
    assert bracket.lower is not None and bracket.upper is not None
    assert bracket.lower <= expected * (1 + 1e-15) and expected <= bracket.upper * (1 + 1e-15)
    assert bracket.upper <= bracket.lower * (1 + 1e-3) + 1e-9


@pytest.mark.parametrize("wrt", ["b", "x0", "both"])
@pytest.mark.parametrize(
    "network",
    [
        pytest.param(ista(A, 0.1, STEP, 6), id="ISTA"),
        pytest.param(
            Network(
                RNG.standard_normal((4, 6, 6)) / 3,
                RNG.standard_normal((4, 6, 3)) / 3,
                np.ones(4),
                GroupL2(np.arange(6) // 2, 0.1),
                1.0,
            ),
            id="free, group",
        ),
    ],
)
def test_derivatives_and_norms_agree_with_it(network: Network, wrt: str) -> None:
    bracket = network.lipschitz(wrt, seconds=3.0)  # type: ignore[arg-type]
    assert bracket.lower is not None and bracket.upper is not None and bracket.certificate is not None
    assert 0 < bracket.lower <= bracket.upper <= injected_products(network.layers, wrt)  # type: ignore[arg-type]
    d, m = network.layers.dimension, network.layers.observations
    x0, b, dx0, db = (10 * RNG.standard_normal((size, 200)) for size in (d, m, d, m))
    dx0, db = dx0 * (wrt != "b"), db * (wrt != "x0")
    moved = np.linalg.norm(network.jvp(x0, b, dx0, db), axis=0)
    assert np.max(moved / np.sqrt(np.sum(dx0**2, axis=0) + np.sum(db**2, axis=0))) <= bracket.upper * (1 + 1e-9)
    assert recheck(bracket.certificate["record"], bracket.certificate["arrays"]) <= bracket.upper * (1 + 3e-9)


def test_floating_multipliers_are_no_certificate() -> None:
    bracket = ista(A, 0.1, STEP, 3).lipschitz(certified=False)
    assert bracket.certificate is None and bracket.upper is not None


def test_planted_a_bound_one_percent_smaller_is_refused() -> None:
    bracket = Network(np.ones((4, 1, 1)), np.ones((4, 1, 1)), np.zeros(4), L1(1.0), 2.0).lipschitz()
    assert bracket.certificate is not None and bracket.upper is not None
    lie = {**bracket.certificate["record"], "bound": "92/100"}
    with pytest.raises(InputError, match="Need a bound that the multipliers prove"):
        recheck(lie, bracket.certificate["arrays"])


def test_bad_input_is_told() -> None:
    network = ista(A, 0.1, STEP, 2)
    with pytest.raises(InputError, match="seconds"):
        network.lipschitz(seconds=0.0)
    with pytest.raises(InputError, match="wrt|'b'"):
        network.lipschitz("c")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrt", ["b", "x0", "both"])
def test_in_a_box_the_bracket_is_that_of_its_slopes(wrt: str) -> None:
    """Where no unit changes its state both ends are the norm of the derivative, a product of masked layers."""
    network, rng = ista(A, 0.1, STEP, 6), np.random.default_rng(5)
    x0, b = rng.standard_normal(10), rng.standard_normal(5)
    small = Region(x0, b, np.full(10, 1e-6), np.full(5, 1e-6))
    bracket = network.lipschitz_in(small, wrt)  # type: ignore[arg-type]
    assert "100% of slopes known" in bracket.evidence[0].method
    d, m = np.eye(10), np.eye(5)
    parts = {"x0": (d, np.zeros((5, 10))), "b": (np.zeros((10, 5)), m)}
    whole = (np.hstack([d, np.zeros((10, 5))]), np.hstack([np.zeros((5, 10)), m]))
    columns = whole[0].shape[1] if wrt == "both" else parts[wrt][0].shape[1]
    repeated = (np.repeat(v[:, None], columns, axis=1) for v in (x0, b))
    norm = float(np.linalg.norm(network.jvp(*repeated, *(whole if wrt == "both" else parts[wrt])), 2))
    assert bracket.lower == pytest.approx(norm, rel=1e-6) and bracket.upper == pytest.approx(norm, rel=1e-8)
    assert bracket.lower <= bracket.upper


def test_a_box_in_parts_is_between_its_pair_and_everywhere() -> None:
    network, b = ista(A, 0.05, STEP, 5), np.array([0.5, -0.3, 0.2, 0.0, 0.4])
    box = Region(np.zeros(10), b, 0.0, np.full(5, 0.1))
    brackets = [network.lipschitz_in(box, parts=parts, evaluations=60) for parts in (1, 4)]
    everywhere = network.lipschitz("b").upper
    assert everywhere is not None
    uppers = [bracket.upper or np.nan for bracket in brackets]
    lowers = [bracket.lower or np.nan for bracket in brackets]
    assert max(lowers) <= uppers[1] <= uppers[0] <= everywhere * (1 + 1e-3)
    assert brackets[1].certificate is not None
    assert recheck_local(**brackets[1].certificate) <= uppers[1] * (1 + 3e-9)
    point = network.lipschitz_in(Region(np.zeros(10), b))
    assert point.lower is None and (point.upper or np.nan) <= uppers[1]
    with pytest.raises(InputError, match="soft thresholding"):
        Network(*network.parameters, GroupL2(np.arange(10) // 2, 0.1), 1).lipschitz_in(box)
