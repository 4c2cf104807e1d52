"""The bounds of others: closed forms, recomputed formulas, and never below what a network of the class does."""

import math
from itertools import product

import numpy as np
import pytest
from network_samples import FAMILIES, jacobian, sample, slopes

from fbscheck.errors import InputError
from fbscheck.network import comparisons
from fbscheck.network.comparisons import combettes_pesquet, compare, injected_products, product_of_norms, sandwich
from fbscheck.network.layers import Layers
from fbscheck.network.lower import class_lower

INPUTS = ("b", "x0", "both")
BOUNDS = (product_of_norms, injected_products, combettes_pesquet)


@pytest.mark.parametrize(("family", "wrt"), list(product(FAMILIES, INPUTS)))
def test_no_row_is_below_what_a_network_does(family: str, wrt: str) -> None:
    layers = sample(family, 1)
    least = class_lower(layers, wrt).bound
    random = max(float(np.linalg.norm(jacobian(layers, slopes(layers, k), wrt), 2)) for k in range(20))
    rows = compare(layers, wrt, evaluations=40)
    assert len(rows) == (6 if layers.separable else 5)
    assert all(row.bound is not None and row.bound >= max(least, random * (1 - 1e-12)) for row in rows)
    bounds = {row.name: row.bound for row in rows}
    assert min(bounds["sum of injected products"], bounds["dissipation, safe"]) >= rows[-1].bound * (1 - 1e-6)


@pytest.mark.parametrize("wrt", INPUTS)
@pytest.mark.parametrize("family", ["lista", "elastic"])
def test_formulas_in_plain_numpy(family: str, wrt: str) -> None:
    layers = sample(family, 5, depth=5)
    c = 1 / (1 + np.asarray(layers.strong_convexity))
    q = [k * np.linalg.norm(w, 2) for k, w in zip(c, layers.transitions, strict=True)]
    injected = sum(math.prod(q[n + 1 :]) * c[n] * np.linalg.norm(layers.injections[n], 2) for n in range(layers.depth))
    expected = {"x0": math.prod(q), "b": injected, "both": math.hypot(math.prod(q), injected)}[wrt]
    assert injected_products(layers, wrt) == pytest.approx(expected, rel=1e-9)
    assert injected_products(layers, wrt) >= expected * (1 - 1e-15)
    matrices, eye, before = [], np.eye(2), np.concatenate([[1.0], c[:-1]])
    for k, w, u in zip(before, layers.transitions, layers.injections, strict=True):
        matrices.append(np.block([[k * w, u], [np.zeros((2, 4)), eye]]) if wrt != "x0" else k * w)
    matrices[-1] = matrices[-1][:4]
    if wrt == "b":
        matrices[0] = matrices[0][:, 4:]
    whole = c[-1] * math.prod(np.linalg.norm(a, 2) for a in matrices)
    assert product_of_norms(layers, wrt) == pytest.approx(whole, rel=1e-9)
    thetas = [1.0]
    for n in range(1, 6):
        chains = [np.eye(matrices[i].shape[1]) for i in range(n)]
        for i, chain in enumerate(chains):
            for a in matrices[i:n]:
                chain = a @ chain
            chains[i] = chain
        thetas.append(sum(t * np.linalg.norm(a, 2) for t, a in zip(thetas, chains, strict=True)))
    assert combettes_pesquet(layers, wrt) == pytest.approx(c[-1] * thetas[-1] / 2**4, rel=1e-9)


def test_the_quotient_of_combettes_and_pesquet_lies_between() -> None:
    layers = sample("free", 3, depth=6)
    linear = np.linalg.norm(np.linalg.multi_dot(layers.transitions[::-1]), 2)
    found = combettes_pesquet(layers, "x0")
    assert linear < found < product_of_norms(layers, "x0")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_sandwich_encloses_its_sides_in_order(family: str, depth: int) -> None:
    """The mean over all ways to cut the product into pieces, written out; each side known to ten digits."""
    W = sample(family, 2, depth).transitions

    def norm(first: int, last: int) -> float:
        product_ = np.eye(4)
        for matrix in W[first:last]:
            product_ = matrix @ product_
        return float(np.linalg.norm(product_, 2))

    every = [[0, *(k + 1 for k in range(depth - 1) if mask >> k & 1), depth] for mask in range(2 ** (depth - 1))]
    mean = sum(math.prod(norm(a, b) for a, b in zip(cut, cut[1:], strict=False)) for cut in every) / len(every)
    known = norm(0, depth), mean, math.prod(norm(k, k + 1) for k in range(depth))
    sides = sandwich(W)
    for (low, high), value in zip(sides, known, strict=True):
        assert low <= high <= low * (1 + 1e-9) + 1e-300
        assert high == pytest.approx(value, rel=1e-9)
        assert not 0.99 * value >= low > 0
    assert all(first[0] <= second[1] for first, second in zip(sides, sides[1:], strict=False))


def test_norms_that_overflow_leave_the_sandwich_open() -> None:
    assert sandwich(np.full((3, 2, 2), 1.7e308)) == ((0.0, math.inf),) * 3


def test_no_method_of_that_name() -> None:
    with pytest.raises(InputError, match="Need a method among product of norms"):
        comparisons.closed("sum", sample("lista"))


@pytest.mark.parametrize("bound", BOUNDS)
def test_one_dimension_without_a_function(bound: object) -> None:
    """d = 1, 0 < hk < 1: the sum of injected products is the truth (claim B2), and no bound is below it."""
    layers = Layers(np.full((10, 1, 1), 0.9), np.full((10, 1, 1), 0.1))
    truth = 0.1 * (1 - 0.9**10) / (1 - 0.9)
    assert bound(layers, "b") >= truth * (1 - 1e-15)  # type: ignore[operator]
    assert injected_products(layers, "b") == pytest.approx(truth, rel=1e-9)
    assert bound(layers, "x0") == pytest.approx(0.9**10, rel=1e-9)  # type: ignore[operator]


def test_the_limit_constant_is_no_bound() -> None:
    """Planted: L(1 - e^{-kT})/k instead of B2 is below the attained value."""
    k, h, depth = 1.0, 0.1, 10
    layers = Layers(np.full((depth, 1, 1), 1 - h * k), np.full((depth, 1, 1), h))
    assert (1 - math.exp(-k * h * depth)) / k < class_lower(layers, "b").bound <= injected_products(layers, "b")


def test_what_would_take_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "QUADRATIC", 3)
    rows = {row.name: row.bound for row in compare(sample("lista"), evaluations=5)}
    assert rows["Combettes-Pesquet"] is None


@pytest.mark.parametrize("bound", BOUNDS)
def test_norms_beyond_the_range_give_no_bound(bound: object) -> None:
    layers = Layers(np.full((3, 2, 2), 1.7e308), np.ones((3, 2, 1)))
    assert bound(layers, "x0") == math.inf  # type: ignore[operator]
