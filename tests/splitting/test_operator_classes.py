"""The factors of the classes against a dense search over rotations a I + w J, in exact rationals."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.splitting import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.splitting.classes import factor_squared

KINDS: dict[str, Callable[[Any, Any], OperatorClass]] = {
    "gradient": GradientOf,
    "lipschitz": StronglyMonotoneLipschitz,
    "cocoercive": lambda mu, ell: StronglyMonotoneCocoercive(mu, 1 / Fraction(ell)),
}
PAIRS = [
    (Fraction(0), Fraction(1)),
    (Fraction(1, 10), Fraction(1)),
    (Fraction(1), Fraction(1)),
    (Fraction(1, 3), Fraction(7, 2)),
    (Fraction(2), Fraction(2000)),
]
ETAS = [
    Fraction(1, 100),
    Fraction(1, 2),
    Fraction(1),
    Fraction(3, 2),
    Fraction(199, 100),
    Fraction(2),
    Fraction(201, 100),
    Fraction(5),
]
"""Steps in units of 1/ell: h = 2/ell and both its sides are among them."""


def members(kind: str, mu: Fraction, ell: Fraction, count: int = 24) -> list[tuple[Fraction, Fraction]]:
    """All (a, w^2) of a grid on the class, written from the definitions: <f,x> >= mu|x|^2 and the second inequality."""
    slopes = [mu + (ell - mu) * Fraction(k, count) for k in range(count + 1)]
    rooms = {
        "gradient": lambda a: Fraction(0),  # symmetric, between mu and ell
        "lipschitz": lambda a: ell * ell - a * a,  # a^2 + w^2 <= ell^2
        "cocoercive": lambda a: a * ell - a * a,  # a >= (a^2 + w^2)/ell
    }
    return [(a, rooms[kind](a) * Fraction(j, 6)) for a in slopes for j in range(7)]


def moved(a: Fraction, w2: Fraction, h: Fraction, sigma: Fraction) -> Fraction:
    """|Tx - Ty|^2/|x - y|^2 for f = a I + w J, g = sigma|x|^2/2."""
    return ((1 - h * a) ** 2 + h * h * w2) / (1 + h * sigma) ** 2


@pytest.mark.parametrize("sigma", [Fraction(0), Fraction(3, 4)], ids=["sigma 0", "sigma 3/4"])
@pytest.mark.parametrize("eta", ETAS, ids=str)
@pytest.mark.parametrize(("mu", "ell"), PAIRS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_no_member_exceeds_the_factor_and_the_extremal_reaches_it(
    kind: str, mu: Fraction, ell: Fraction, eta: Fraction, sigma: Fraction
) -> None:
    operators, h = KINDS[kind](mu, ell), eta / ell
    factor = factor_squared(operators, h, sigma)
    grid = members(kind, mu, ell)
    assert max(moved(a, w2, h, sigma) for a, w2 in grid) == factor
    best = operators.extremal(h)
    assert moved(best.a, best.w_squared, h, sigma) == factor
    assert mu <= best.a <= ell
    assert 0 <= best.w_squared <= max(w2 for a, w2 in members(kind, best.a, ell, 1) if a == best.a)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        pytest.param("gradient", lambda mu, ell, h: (1 - h * mu) ** 2, id="planted: mu end only"),
        pytest.param(
            "lipschitz",
            lambda mu, ell, h: max((1 - h * mu) ** 2, (1 - h * ell) ** 2),
            id="planted: gradient factor for all",
        ),
        pytest.param(
            "cocoercive",
            lambda mu, ell, h: 1 - 2 * h * mu + h * h * mu * ell,
            id="planted: short formula beyond 2 beta",
        ),
        pytest.param(
            "lipschitz",
            lambda mu, ell, h: Fraction(99, 100) * (1 - 2 * h * mu + h * h * ell * ell),
            id="planted: 1% too small",
        ),
    ],
)
def test_the_search_beats_a_wrong_formula(kind: str, wrong: Callable[..., Fraction]) -> None:
    mu, ell, h = Fraction(1, 10), Fraction(1), Fraction(5, 2)
    assert max(moved(a, w2, h, Fraction(0)) for a, w2 in members(kind, mu, ell)) > wrong(mu, ell, h)


@pytest.mark.parametrize(
    ("operators", "h", "sigma", "factor"),
    [
        pytest.param(GradientOf(0.25, 1.0), 1, 0, Fraction(3, 4), id="1 - h mu"),
        pytest.param(GradientOf(1, 4), Fraction(2, 5), 0, Fraction(3, 5), id="best step"),
        pytest.param(GradientOf(1, 4), 1, 2, Fraction(1), id="(h ell - 1)/(1 + h sigma)"),
        pytest.param(StronglyMonotoneLipschitz(3, 5), Fraction(3, 25), 0, Fraction(4, 5), id="3-4-5"),
        pytest.param(StronglyMonotoneCocoercive(0, 1), 1, 0, Fraction(1), id="firmly nonexpansive"),
        pytest.param(StronglyMonotoneCocoercive(1, 1), 3, 1, Fraction(1, 2), id="identity"),
        pytest.param(GradientOf(0, 0), 7, 0, Fraction(1), id="constant gradient"),
    ],
)
def test_factors_by_hand(operators: OperatorClass, h: Any, sigma: Any, factor: Fraction) -> None:
    assert factor_squared(operators, Fraction(h), Fraction(sigma)) == factor**2


@pytest.mark.parametrize(
    "number",
    [np.int64(4 * 10**9), np.int32(2 * 10**9), np.float64(4e9), np.float32(4e9), 4 * 10**9],
    ids=lambda v: type(v).__name__,
)
def test_numpy_numbers_do_not_wrap_around(number: Any) -> None:
    h = Fraction(10**10)
    exactly = Fraction(int(number))
    for operators in (GradientOf(0, number), StronglyMonotoneLipschitz(0, number)):
        assert factor_squared(operators, h, Fraction(0)) in ((1 - h * exactly) ** 2, 1 + (h * exactly) ** 2)
    assert StronglyMonotoneCocoercive(0, number).forward_squared(h * 10**12) == (1 - h * 10**12 / exactly) ** 2


BAD = {
    "swapped": (lambda: GradientOf(2.0, 1.0), "mu=2.0"),
    "swapped lipschitz": (lambda: StronglyMonotoneLipschitz(2, 1), "ell=1"),
    "negative mu": (lambda: GradientOf(-0.1, 1.0), "-0.1"),
    "negative ell": (lambda: StronglyMonotoneLipschitz(0.0, -1.0), "-1.0"),
    "mu beta > 1": (lambda: StronglyMonotoneCocoercive(2.0, 1.0), "mu=2.0"),
    "barely mu beta > 1": (lambda: StronglyMonotoneCocoercive(1, Fraction(10**30 + 1, 10**30)), "mu=1"),
    "beta 0": (lambda: StronglyMonotoneCocoercive(0.0, 0.0), "0.0"),
    "beta negative": (lambda: StronglyMonotoneCocoercive(0.0, -1.0), "-1.0"),
    "nan": (lambda: GradientOf(math.nan, 1.0), "nan"),
    "inf": (lambda: GradientOf(0.0, math.inf), "inf"),
    "text": (lambda: GradientOf("0", "1"), "'0'"),
    "bool": (lambda: GradientOf(False, True), "False"),
    "none": (lambda: StronglyMonotoneLipschitz(None, 1), "None"),
    "vector": (lambda: GradientOf(np.zeros(2), 1.0), "array"),
    "beyond floats": (lambda: GradientOf(0, 10**400), "1000"),
}


@pytest.mark.parametrize(("call", "got"), BAD.values(), ids=BAD)
def test_bad_constants(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert got in str(caught.value)


def test_classes_are_values() -> None:
    assert GradientOf(0.5, 1) == GradientOf(0.5, 1)
    assert hash(GradientOf(0.5, 1)) == hash(GradientOf(0.5, 1))
    with pytest.raises(AttributeError):
        GradientOf(0.5, 1).mu = 0.1  # type: ignore[misc]
