"""What the functions of the catalogue refuse, one clear line each, and what certificates and checks say of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fbscheck.certify.balls import exact
from fbscheck.checking.stated import Stated, function_named
from fbscheck.errors import InputError
from fbscheck.functions import (
    L2,
    OWL,
    AffineSet,
    Berhu,
    Box,
    CappedSimplex,
    Distance,
    Fair,
    Halfspace,
    KullbackLeibler,
    KyFan,
    L1Ball,
    LeakyRectifier,
    LInf,
    Nuclear,
    Power,
    PSDCone,
    PseudoHuber,
    Quadratic,
    Quantile,
    Simplex,
    SparseGroup,
    SquaredDistance,
    SumOfLargest,
    TotalVariation,
    TotalVariation2D,
)
from fbscheck.operators import LeastSquares
from fbscheck.splitting.gap import optimality
from fbscheck.suites.catalogue import CASES

CONSTRUCTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "l2 zero": (lambda: L2(0.0), "0.0"),
    "linf negative": (lambda: LInf(-1.0), "-1.0"),
    "sparse group, float labels": (lambda: SparseGroup([0.0, 1.0]), "float64"),
    "sparse group, negative l1": (lambda: SparseGroup([0, 1], -0.5), "-0.5"),
    "OWL increasing": (lambda: OWL([1.0, 2.0]), "sort them"),
    "OWL negative": (lambda: OWL([1.0, -2.0]), "-2."),
    "simplex zero": (lambda: Simplex(0.0), "0.0"),
    "cap negative": (lambda: CappedSimplex(1.0, -1.0), "-1.0"),
    "empty capped simplex": (lambda: CappedSimplex(3.0, 1.0).prox(np.zeros(2), 1.0), "got 2"),
    "l1 ball, text": (lambda: L1Ball("1"), "'1'"),
    "half of an entry": (lambda: SumOfLargest(1.5), "1.5"),
    "more than there are": (lambda: SumOfLargest(4)(np.zeros(3)), "got 3"),
    "zero normal": (lambda: Halfspace([0.0, 0.0]), "2 zeros"),
    "dependent rows": (lambda: AffineSet([[1.0, 2.0], [2.0, 4.0]], [0.0, 0.0]), "rank 1 of 2"),
    "target of another length": (lambda: AffineSet([[1.0, 2.0]], [0.0, 0.0]), "got 2"),
    "quantile in percent": (lambda: Quantile(30.0), "30.0"),
    "leaky slope 1": (lambda: LeakyRectifier(1.0), "1.0"),
    "power 1": (lambda: Power(1.0), "1.0"),
    "pseudo-Huber zero": (lambda: PseudoHuber(0.0), "0.0"),
    "Fair nan": (lambda: Fair(math.nan), "nan"),
    "Berhu negative": (lambda: Berhu(-1.0), "-1.0"),
    "negative counts": (lambda: KullbackLeibler([1.0, -2.0]), "-2.0"),
    "skew quadratic": (lambda: Quadratic([[1.0, 1.0], [0.0, 1.0]], [0.0, 0.0]), "transpose"),
    "indefinite quadratic": (lambda: Quadratic([[1.0, 2.0], [2.0, 1.0]], [0.0, 0.0]), "-1"),
    "shape of three": (lambda: Nuclear([2, 3, 4]), "[2, 3, 4]"),
    "shape of fractions": (lambda: Nuclear([1.5, 2.0]), "1.5"),
    "count beyond the rank": (lambda: KyFan([2, 3], 3), "3"),
    "size zero": (lambda: PSDCone(0), "0"),
    "image transposed": (lambda: TotalVariation2D([2, 3])(np.zeros(5)), "(5,)"),
    "isotropic 2": (lambda: TotalVariation2D([2, 3], 1.0, 2), "2"),
    "total variation zero": (lambda: TotalVariation(0.0), "0.0"),
    "distance to no set": (lambda: Distance(L2(1.0)), "L2"),
    "distance to a number": (lambda: SquaredDistance(3.0), "float"),
}


@pytest.mark.parametrize(("call", "got"), CONSTRUCTIONS.values(), ids=CONSTRUCTIONS)
def test_bad_parameters(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert got in message
    assert len(message) < 400


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_vector_of_one_sample_gives_a_float(case: Any) -> None:
    x = case.g.prox(np.linspace(-1.0, 1.0, case.dimension), 0.5)
    assert x.shape == (case.dimension,)
    assert isinstance(case.g(x), float)
    assert isinstance(case.g.conjugate(np.zeros(case.dimension)), float)
    assert np.shape(case.g.envelope(x, 1.0)) == ()
    assert case.g(x[:, None]).shape == (1,)


def test_a_certificate_is_refused_where_none_can_be_given() -> None:
    f = LeastSquares(np.eye(4), np.ones(4))
    with pytest.raises(InputError, match="ball arithmetic, got Nuclear"):
        optimality(f, Nuclear([2, 2], 1.0), np.ones(4))
    with pytest.raises(InputError, match="ball arithmetic"):
        Distance(PSDCone(2)).prox(exact(np.ones(4)), 1.0)
    with pytest.raises(InputError, match="float64 alone"):
        Stated("Nuclear([2, 2])", function_named("Nuclear([2, 2])"), 1.0)


@pytest.mark.parametrize("text", ["LInf(0.5)", "Simplex(1.0)", "Logistic()", "OWL([2.0, 1.0, 0.5])", "Quantile(0.3)"])
def test_gaps_are_certified_for_new_functions(text: str) -> None:
    """A minimiser found by proximal gradients has a small certified gap: value and conjugate are rigorous."""
    g, rng = function_named(text), np.random.default_rng(0)
    f = LeastSquares(rng.standard_normal((6, 3)), rng.standard_normal(6))
    x = np.full(3, 1 / 3)
    for _ in range(3000):
        x = g.prox(x - f(x) / f.lipschitz, 1 / f.lipschitz)
    if text.startswith("Simplex"):
        x = np.round(np.maximum(x, 0.0) * 2**30) / 2**30
        x[np.argmax(x)] += 1.0 - x.sum()
    found = optimality(f, g, x)
    assert 0 <= found.gap < 1e-7
    worse = optimality(f, g, np.full(3, 1 / 3) if not text.startswith("Simplex") else np.array([0.5, 0.25, 0.25]))
    assert worse.gap >= found.gap


def test_conveniences_of_sets() -> None:
    assert Distance(Box(-1.0, 1.0))(np.array([4.0, 5.0])) == pytest.approx(5.0)
    assert SquaredDistance(Box(-1.0, 1.0), 2.0)(np.array([4.0, 5.0])) == pytest.approx(25.0)
