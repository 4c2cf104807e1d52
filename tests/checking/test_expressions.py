"""Certified constants of formulas against closed forms, and against many pairs of points."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Abs, Heaviside, Max, Min, Piecewise, Rational, exp, log, sign, sqrt, tanh

from fbscheck.checking.conditions import BOUNDS, CONSTANTS
from fbscheck.checking.expressions import Bounds, Expression, certify
from fbscheck.errors import InputError

x, y, z = sympy.symbols("x y z", real=True)
INF, NAN = math.inf, math.nan
r = sqrt(x**2 + y**2)
SOFT = sign(x) * Max(Abs(x) - 1, 0)
PIECES = Piecewise((x - 1, x > 1), (x + 1, x < -1), (0, True))
HARD = Piecewise((x, Abs(x) > 1), (0, True))
SILU, TOP = x / (1 + exp(-x)), 1.0998393201288669  # both ends of SiLU' by mpmath, test below
GELU_LIKE = x * (1 + tanh(x)) / 2

Case = tuple[Sequence[Any], float, float, tuple[float | None, ...]]
"""Components in x, y, z, the box, and the constants in the order of CONSTANTS (None: no closed form)."""

TIGHT: dict[str, Case] = {
    "soft threshold": ([SOFT], -5, 5, (1, 0, 1, 0.5, 1)),
    "soft threshold in pieces": ([PIECES], -5, 5, (1, 0, 1, 0.5, 1)),
    "soft threshold in 3-D": ([PIECES.subs(x, t) for t in (x, y, z)], -5, 5, (1, 0, 1, 0.5, 1)),
    "Huber": ([Piecewise((x / 2, Abs(x) <= 2), (x - sign(x), True))], -5, 5, (1, 0.5, 1, 0.25, 0.5)),
    "ReLU": ([Max(x, 0)], -3, 5, (1, 0, 1, 0.5, 1)),
    "ReLU by Heaviside": ([x * Heaviside(x, 0) + Min(x, 0) * 0], 0.5, 5, (1, 1, 1, 0, 0)),
    "leaky ReLU": ([Max(x, x / 10)], -3, 5, (1, 0.1, 1, 0.45, 0.9)),
    "clip": ([Min(Max(x, -1), 1)], -3, 5, (1, 0, 1, 0.5, 1)),
    "tanh": ([tanh(x)], -2, 2, (1, 1 - math.tanh(2) ** 2, 1, math.tanh(2) ** 2 / 2, math.tanh(2) ** 2)),
    "square": ([x**2], -1, 1, (2, -2, -INF, INF, 3)),
    "logarithm": ([log(x)], 1, 2, (1, 0.5, 1, 0.25, 0.5)),
    "root": ([sqrt(x)], 1, 4, (0.5, 0.25, 2, 0.375, 0.75)),
    "inverse": ([-1 / x], 1, 2, (1, 0.25, 1, 0.375, 0.75)),
    "removable kink": ([Max(x, 0) - Max(-x, 0)], -1, 1, (1, 1, 1, 0, 0)),
    "SiLU": ([SILU], -5, 5, (TOP, 1 - TOP, -INF, INF, TOP)),
    "rotation and contraction": (
        [(3 * x - 4 * y) / 10, (4 * x + 3 * y) / 10],
        -2,
        2,
        (0.5, 0.3, 1.2, 0.65 / 1.4, math.sqrt(0.65)),
    ),
    "hard threshold": ([HARD], -5, 5, (INF, 0, 0, INF, INF)),
    "linear in 3-D": ([x / 2, y / 4, z / 8], -1, 2, (0.5, 0.125, 2, 0.4375, 0.875)),
}
LOOSE: dict[str, Case] = {
    "group shrinkage": ([x * Max(1 - 1 / r, 0), y * Max(1 - 1 / r, 0)], -3, 3, (1, 0, 1, 0.5, 1)),
    "mixed tanh": ([tanh(x + y / 2), tanh(y + z / 2), tanh(z + x / 2)], -2, 2, (1.5, None, None, None, None)),
}
BOTH = TIGHT | LOOSE


def expression(name: str) -> Expression:
    components = BOTH[name][0]
    return Expression(tuple(map(sympy.sympify, components)), (x, y, z)[: len(components)])


@cache
def found(name: str) -> dict[str, Bounds]:
    components, low, high, _ = BOTH[name]
    size = len(components)
    return certify(
        expression(name), [low] * size, [high] * size, dict.fromkeys(CONSTANTS, NAN), 60.0 if name in TIGHT else 4.0
    )


@pytest.mark.parametrize("name", BOTH)
def test_bounds_contain_the_closed_form(name: str) -> None:
    for bounds, truth in zip(found(name).values(), BOTH[name][3], strict=True):
        if truth is not None:
            assert bounds.lower - 1e-13 <= truth <= bounds.upper + 1e-13, bounds


@pytest.mark.parametrize("name", TIGHT)
def test_bounds_are_narrow(name: str) -> None:
    for constant, bounds in found(name).items():
        truth = TIGHT[name][3][list(CONSTANTS).index(constant)]
        assert truth is not None
        if name == "hard threshold" and constant != "averagedness":
            assert (bounds.upper if CONSTANTS[constant].worse > 0 else -bounds.lower) == INF
        elif math.isfinite(truth):
            assert bounds.upper - bounds.lower <= 4e-6, bounds


def test_the_constants_of_silu_by_a_second_route() -> None:
    import mpmath

    root = mpmath.findroot(lambda t: mpmath.diff(lambda s: s / (1 + mpmath.exp(-s)), t, 2), 2.4)
    assert float(mpmath.diff(lambda s: s / (1 + mpmath.exp(-s)), root)) == pytest.approx(TOP, abs=1e-12)


@pytest.mark.parametrize("name", BOTH)
def test_no_pair_is_beyond_a_certified_bound(name: str) -> None:
    """1e5 pairs, near and far, in float64 with an allowance for their rounding."""
    components, low, high, _ = BOTH[name]
    size = len(components)
    rng = np.random.default_rng(1)
    first = rng.uniform(low, high, (size, 100_000))
    reach = 10.0 ** rng.uniform(-4, 0, 100_000) * (high - low)
    second = np.clip(first + reach * rng.uniform(-1, 1, first.shape), low, high)
    function = sympy.lambdify((x, y, z)[:size], list(components), "numpy")
    with np.errstate(all="ignore"):
        values = [np.array(np.broadcast_arrays(*function(*p), p[0])[:size]) for p in (first, second)]
    d, v = first - second, values[0] - values[1]
    noise = np.full(d.shape[1], 1e-14 * (1 + max(abs(low), abs(high))))
    for constant, bounds in found(name).items():
        worse = CONSTANTS[constant].worse
        worst = worse * CONSTANTS[constant].attained(d, v, noise)
        limit = bounds.upper if worse > 0 else -bounds.lower
        assert np.nanmax(worst) <= limit + 1e-12, constant


@pytest.mark.parametrize("name", TIGHT)
def test_planted_one_per_cent_too_strong_is_never_certified(name: str) -> None:
    components, low, high, truths = TIGHT[name]
    size = len(components)
    for (constant, record), truth in zip(CONSTANTS.items(), truths, strict=True):
        assert truth is not None
        strong = truth - 0.01 * record.worse * abs(truth or 1) if math.isfinite(truth) else record.worse * 1e6
        if constant in ("averagedness", "residual") and truth == 0:
            continue
        bounds = certify(expression(name), [low] * size, [high] * size, {constant: strong}, 1.0)[constant]
        assert bounds.holds(strong) is not True
        assert bounds.holds(strong) is False or not math.isfinite(truth)


@pytest.mark.parametrize("name", ["soft threshold", "soft threshold in pieces", "ReLU", "clip", "tanh", "logarithm"])
def test_conditions_are_certified_at_equality(name: str) -> None:
    components, low, high, _ = TIGHT[name]
    claims = {"nonexpansive": None, "firmly_nonexpansive": None, "averagedness": 0.5, "monotonicity": None}
    for condition, bounds in certify(expression(name), [low], [high], claims).items():
        claim = claims[condition] if claims[condition] is not None else BOUNDS[condition][1]
        assert claim is not None and bounds.holds(claim) is True, bounds
        assert not bounds.exhausted


def test_a_refuted_claim_comes_with_its_pair() -> None:
    bounds = certify(expression("square"), [-1], [1], {"lipschitz": 1.9})["lipschitz"]
    assert bounds.holds(1.9) is False and bounds.witness is not None
    (a,), (b,) = bounds.witness
    assert abs(a * a - b * b) > 1.9 * abs(a - b)


def test_group_shrinkage_is_decided_at_equality() -> None:
    bounds = certify(expression("group shrinkage"), [-3, -3], [3, 3], {"lipschitz": 1.0}, 4.0)["lipschitz"]
    assert bounds.holds(1.0) is True
    assert bounds.lower == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "broken",
    [
        HARD,
        sign(x) * x**2 + Heaviside(x, 0) / 1000,
        Piecewise((x, x > 0), (x + Rational(1, 10**9), True)),
        Piecewise((x, sign(x) > Rational(1, 2)), (x - sign(x) + Rational(1, 2), True)),
        Piecewise((x, x + y * 0 >= Rational(1, 3)), (2 * x, True)),
        Piecewise((5, sympy.Eq(x, 0)), (x, True)),
        Piecewise((1, (x > 0) & (x < 1)), (0, True)),
    ],
)
def test_planted_jumps_are_not_lipschitz(broken: Any) -> None:
    bounds = certify(Expression((broken,), (x,)), [-2], [2], {"lipschitz": NAN}, 1.0)["lipschitz"]
    assert bounds.upper == INF


@pytest.mark.parametrize(
    "joined",
    [
        PIECES,
        Piecewise((x**2, x <= 0), (x**3, True)),
        Piecewise((x**2, (x > 0) & (x < 1)), (Min(Max(x, 0), 1), True)),
        Piecewise((x, sympy.Ne(x, 0)), (0, True)),
        Piecewise((0, (x < 0) | (x > 2)), (x * (2 - x), True)),
    ],
)
def test_pieces_that_meet_are_lipschitz(joined: Any) -> None:
    bounds = certify(Expression((joined,), (x,)), [-2], [3], {"lipschitz": 100.0}, 1.0)["lipschitz"]
    assert bounds.holds(100.0) is True


@pytest.mark.parametrize("undefined", [sqrt(x), log(x), 1 / x, x ** Rational(1, 3)])
def test_nothing_is_certified_where_a_function_is_undefined(undefined: Any) -> None:
    bounds = certify(Expression((undefined,), (x,)), [-1], [1], {"lipschitz": 1e6}, 0.5)["lipschitz"]
    assert bounds.holds(1e6) is not True


def test_bad_input_is_refused() -> None:
    good = Expression((x + y, y), (x, y))
    for low, high in (([0], [1]), ([0, 0], [1, 0]), ([0, 0], [1, INF])):
        with pytest.raises(InputError, match="Need"):
            certify(good, low, high, {"lipschitz": 1.0})
    for bad in (sympy.gamma(x), z, sympy.I * x):
        with pytest.raises(InputError, match="Need"):
            certify(Expression((bad,), (x,)), [0], [1], {"lipschitz": 1.0})
