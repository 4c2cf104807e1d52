"""Values, proximal maps, conjugates and subgradients against formulas in exact rationals.

Every expected number is worked out by cases in ``fractions.Fraction`` (norms at Pythagorean
points), so that neither numpy nor balls take part in it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from fbscheck.certify.balls import exact
from fbscheck.functions import L1, OWL, Box, ElasticNet, Function, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero

INF = math.inf
Numbers = Sequence[Fraction]


def sign(t: Fraction) -> int:
    return (t > 0) - (t < 0)


def shrink(u: Fraction, t: Fraction) -> Fraction:
    return sign(u) * (abs(u) - t) if abs(u) > t else Fraction(0)


def length(x: Numbers) -> Fraction:
    """The Euclidean norm, where it is rational."""
    square = sum(t * t for t in x)
    root = Fraction(math.isqrt(square.numerator), math.isqrt(square.denominator))
    assert root * root == square, "the table needs points with rational norms"
    return root


@dataclass(frozen=True)
class Formula:
    """A function and, for each coordinate i, what it should be."""

    g: Function
    value: Callable[[Numbers], Any]
    prox: Callable[[Numbers, Fraction], list[Fraction]]
    conjugate: Callable[[Numbers], Any]


def by_coordinates(g: Function, value: Any, prox: Any, conjugate: Any) -> Formula:
    return Formula(
        g,
        lambda x: sum(value(i, t) for i, t in enumerate(x)),
        lambda u, h: [prox(i, t, h) for i, t in enumerate(u)],
        lambda s: sum(conjugate(i, t) for i, t in enumerate(s)),
    )


def huber_value(t: Fraction, delta: Fraction) -> Fraction:
    return t * t / 2 if abs(t) <= delta else delta * abs(t) - delta * delta / 2


def huber_prox(u: Fraction, h: Fraction, delta: Fraction) -> Fraction:
    return u / (1 + h) if abs(u) <= delta * (1 + h) else u - h * delta * sign(u)


def groups_of(x: Numbers) -> list[Numbers]:
    return [(x[0], x[2]), (x[1],), (x[3],)]


def group_prox(u: Numbers, h: Fraction, weight: Fraction) -> list[Fraction]:
    sizes = [length(group) for group in groups_of(u)]
    kept = [1 - h * weight / size if size > h * weight else Fraction(0) for size in sizes]
    return [kept[0] * u[0], kept[1] * u[1], kept[0] * u[2], kept[2] * u[3]]


W = [Fraction(1, 2), Fraction(0), Fraction(3), Fraction(2)]
LOW = [Fraction(-1), Fraction(0), Fraction(2), Fraction(-3)]
HIGH = [Fraction(1), Fraction(0), Fraction(5), Fraction(-2)]
HALF, THREE = Fraction(1, 2), Fraction(3)

FORMULAS = {
    "zero": by_coordinates(Zero(), lambda i, t: 0, lambda i, u, h: u, lambda i, s: 0 if s == 0 else INF),
    "l1": by_coordinates(
        L1(0.5), lambda i, t: abs(t) / 2, lambda i, u, h: shrink(u, h / 2), lambda i, s: 0 if abs(s) <= HALF else INF
    ),
    "l1 vector": by_coordinates(
        L1(np.array([0.5, 0.0, 3.0, 2.0])),
        lambda i, t: W[i] * abs(t),
        lambda i, u, h: shrink(u, h * W[i]),
        lambda i, s: 0 if abs(s) <= W[i] else INF,
    ),
    "l1 zero weight": by_coordinates(L1(0.0), lambda i, t: 0, lambda i, u, h: u, lambda i, s: 0 if s == 0 else INF),
    "squared l2": by_coordinates(
        SquaredL2(3.0), lambda i, t: 3 * t * t / 2, lambda i, u, h: u / (1 + 3 * h), lambda i, s: s * s / 6
    ),
    "elastic net": by_coordinates(
        ElasticNet(0.5, 3.0),
        lambda i, t: abs(t) / 2 + 3 * t * t / 2,
        lambda i, u, h: shrink(u, h / 2) / (1 + 3 * h),
        lambda i, s: shrink(s, HALF) ** 2 / 6,
    ),
    "box": by_coordinates(
        Box(-1.0, 2.0),
        lambda i, t: 0 if -1 <= t <= 2 else INF,
        lambda i, u, h: min(max(u, Fraction(-1)), Fraction(2)),
        lambda i, s: 2 * s if s > 0 else -s,
    ),
    "box vector": by_coordinates(
        Box(np.array([-1.0, 0.0, 2.0, -3.0]), np.array([1.0, 0.0, 5.0, -2.0])),
        lambda i, t: 0 if LOW[i] <= t <= HIGH[i] else INF,
        lambda i, u, h: sorted((LOW[i], u, HIGH[i]))[1],
        lambda i, s: HIGH[i] * s if s > 0 else LOW[i] * s,
    ),
    "nonnegative": by_coordinates(
        NonNegative(),
        lambda i, t: 0 if t >= 0 else INF,
        lambda i, u, h: u if u > 0 else Fraction(0),
        lambda i, s: 0 if s <= 0 else INF,
    ),
    "huber": by_coordinates(
        Huber(0.5, 3.0),
        lambda i, t: 3 * huber_value(t, HALF),
        lambda i, u, h: huber_prox(u, 3 * h, HALF),
        lambda i, s: s * s / 6 if abs(s) <= 3 * HALF else INF,
    ),
    "l2 ball": Formula(
        L2Ball(5.0),
        lambda x: 0 if length(x) <= 5 else INF,
        lambda u, h: [t * 5 / length(u) if length(u) > 5 else t for t in u],
        lambda s: 5 * length(s),
    ),
    "group l2": Formula(
        GroupL2([7, -2, 7, 0], 3.0),
        lambda x: 3 * sum(length(group) for group in groups_of(x)),
        lambda u, h: group_prox(u, h, THREE),
        lambda s: 0 if all(length(group) <= 3 for group in groups_of(s)) else INF,
    ),
}

# coordinates 0 and 2 have a rational norm, and so has the whole vector
POINTS = {
    "origin": (0, 0, 0, 0),
    "inside": ("1/4", 0, 0, 0),
    "tie at 1/2": ("1/2", 0, 0, 0),
    "tie at -1": (-1, 0, 0, 0),
    "tie at 5": (3, 0, 4, 0),
    "mixed signs": (-3, 12, 4, -84),
    "large": (3000, 0, -4000, 0),
    "small": ("3/1024", 0, "1/256", 0),
    "boundary of the vector box": (0, 0, 4, -3),
    "one tiny coordinate": (0, 0, 0, "1/1073741824"),
}
STEPS = {"half": Fraction(1, 2), "one": Fraction(1), "tiny": Fraction(1, 2**40), "large": Fraction(1000)}


def point(name: str) -> list[Fraction]:
    return [Fraction(t) for t in POINTS[name]]


def floats(values: Numbers) -> np.ndarray:
    return np.array([float(t) for t in values])


def close(actual: Any, expected: Any, scale: float = 1.0) -> None:
    np.testing.assert_allclose(actual, np.array(expected, dtype=float), rtol=4e-15, atol=4e-16 * scale)


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_value(name: str, at: str) -> None:
    x = point(at)
    actual = FORMULAS[name].g(floats(x))
    assert isinstance(actual, float)
    close(actual, FORMULAS[name].value(x))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_prox(name: str, at: str, step: str) -> None:
    u, h = point(at), STEPS[step]
    close(FORMULAS[name].g.prox(floats(u), float(h)), FORMULAS[name].prox(u, h), float(max(map(abs, u))))


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_conjugate(name: str, at: str) -> None:
    s = point(at)
    close(FORMULAS[name].g.conjugate(floats(s)), FORMULAS[name].conjugate(s))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        pytest.param("l1", lambda u, h: [shrink(t, h) for t in u], id="planted: weight forgotten"),
        pytest.param("l1 vector", lambda u, h: [shrink(t, h * W[0]) for t in u], id="planted: first weight for all"),
        pytest.param("squared l2", lambda u, h: [t / (1 + 6 * h) for t in u], id="planted: |x|^2 without the half"),
        pytest.param(
            "elastic net",
            lambda u, h: [shrink(t / (1 + 3 * h), h / 2) for t in u],
            id="planted: shrunk before thresholding",
        ),
        pytest.param("huber", lambda u, h: [huber_prox(t, h, HALF) for t in u], id="planted: weight forgotten"),
        pytest.param("box", lambda u, h: [max(t, Fraction(-1)) for t in u], id="planted: one end forgotten"),
        pytest.param("nonnegative", lambda u, h: [abs(t) for t in u], id="planted: absolute value for ReLU"),
        pytest.param(
            "l2 ball",
            lambda u, h: [t * 5 / length(u) if any(u) else t for t in u],
            id="planted: projects onto the sphere",
        ),
        pytest.param("group l2", lambda u, h: [shrink(t, 3 * h) for t in u], id="planted: coordinates, not groups"),
        pytest.param(
            "l1",
            lambda u, h: [t * Fraction(100_000_001, 100_000_000) for t in FORMULAS["l1"].prox(u, h)],
            id="planted: 1e-8 off",
        ),
    ],
)
def test_a_wrong_prox_formula_is_caught(name: str, wrong: Callable[[Numbers, Fraction], list[Fraction]]) -> None:
    u = [t for at in ("mixed signs",) for t in point(at)] if name != "l2 ball" else point("inside")
    with pytest.raises(AssertionError):
        close(FORMULAS[name].g.prox(floats(u), 1.0), wrong(u, Fraction(1)), float(max(map(abs, u))))


# -- balls --------------------------------------------------------------------------------------


def encloses(ball: Any, value: Fraction) -> bool:
    with flint.ctx.workprec(2000):  # arb rounds a rational first: far below the ball's own radius
        return bool(flint.arb(ball).contains(flint.fmpq(value.numerator, value.denominator)))


def test_enclosure_is_judged_sharply() -> None:
    third = flint.arb(1) / 3
    assert encloses(third, Fraction(1, 3))
    assert not encloses(third, Fraction(1, 3) + Fraction(1, 2**100))
    assert not encloses(flint.arb(0.1), Fraction(1, 10))


def width(ball: Any) -> float:
    return float(flint.arb(ball).rad())


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_balls_enclose_the_prox_tightly(name: str, at: str) -> None:
    u, h = point(at), Fraction(1, 3)
    balls = FORMULAS[name].g.prox(exact(floats(u)), h)
    assert balls.shape == (4,)
    assert all(encloses(b, t) for b, t in zip(balls, FORMULAS[name].prox(u, h), strict=True))
    assert max(map(width, balls)) <= 1e-33 * (1 + float(max(map(abs, u))))


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("kind", ["value", "conjugate"])
def test_balls_enclose_value_and_conjugate(kind: str, name: str, at: str) -> None:
    x, formula = point(at), FORMULAS[name]
    expected = formula.value(x) if kind == "value" else formula.conjugate(x)
    ball = formula.g(exact(floats(x))) if kind == "value" else formula.g.conjugate(exact(floats(x)))
    if expected == INF:
        assert not flint.arb(ball).is_finite()
    else:
        assert encloses(ball, Fraction(expected))
        assert width(ball) <= 1e-33 * (1 + abs(float(expected)))


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_wide_balls_enclose_the_prox_of_every_point_in_them(name: str, at: str) -> None:
    u, radius = point(at), Fraction(1, 64)
    wide = np.array([flint.arb(float(t), float(radius)) for t in u], dtype=object)
    balls = FORMULAS[name].g.prox(wide, 1)
    assert all(encloses(b, t) for b, t in zip(balls, FORMULAS[name].prox(u, Fraction(1)), strict=True))
    assert all(flint.arb(b).is_finite() for b in balls)


ULP = 2.0**-52
EDGES = {
    "box, upper end": (Box(-1.0, 2.0), [2.0], [2.0 * (1 + ULP)]),
    "box, lower end": (Box(-1.0, 2.0), [-1.0], [-1.0 - ULP]),
    "box vector": (Box(np.zeros(2), np.ones(2)), [1.0, 0.0], [1.0, -5e-324]),
    "nonnegative": (NonNegative(), [0.0], [-5e-324]),
    "l2 ball": (L2Ball(5.0), [3.0, 4.0], [3.0, 4.0 * (1 + ULP)]),
    "small l2 ball": (L2Ball(5.0 * 2**-600), [3.0 * 2**-600, 0.0], [3.0 * 2**-600, 4.0 * 2**-600 * (1 + ULP)]),
}
POLARS = {
    "zero": (Zero(), [0.0], [5e-324]),
    "l1": (L1(0.1), [0.1, -0.1], [0.1 * (1 + ULP), 0.0]),
    "l1 vector": (L1(np.array([0.1, 2.0])), [0.1, -2.0], [0.1, -2.0 * (1 + ULP)]),
    "nonnegative": (NonNegative(), [0.0, -1.0], [5e-324, -1.0]),
    "huber": (Huber(0.5, 4.0), [2.0, -2.0], [2.0 * (1 + ULP), 0.0]),
    "group l2": (GroupL2([0, 0, 1], 4.0), [3.0 * 0.75, 0.0, -4.0], [2.4, 3.2 * (1 + ULP), 0.0]),
}


@pytest.mark.parametrize(("g", "inside", "outside"), EDGES.values(), ids=EDGES)
def test_balls_tell_inside_from_outside_by_one_ulp(g: Function, inside: list[float], outside: list[float]) -> None:
    assert flint.arb(g(exact(inside))).is_finite()
    assert not flint.arb(g(exact(outside))).is_finite()


@pytest.mark.parametrize(("g", "inside", "outside"), POLARS.values(), ids=POLARS)
def test_conjugates_of_balls_tell_inside_from_outside_by_one_ulp(
    g: Function, inside: list[float], outside: list[float]
) -> None:
    assert flint.arb(g.conjugate(exact(inside))).is_finite()
    assert not flint.arb(g.conjugate(exact(outside))).is_finite()


@pytest.mark.parametrize(("g", "inside", "outside"), EDGES.values(), ids=EDGES)
def test_a_ball_across_the_edge_is_not_called_inside(g: Function, inside: list[float], outside: list[float]) -> None:
    across = np.array([flint.arb(t, 1e-3 * (abs(t) + 1)) for t in inside], dtype=object)
    assert not flint.arb(g(across)).is_finite()


FLOAT_OUTSIDE = {
    "box": (Box(-1.0, 2.0), [2.00001]),
    "nonnegative": (NonNegative(), [-1e-5]),
    "l2 ball": (L2Ball(5.0), [3.0, 4.001]),
    "tiny l2 ball, ten radii outside": (L2Ball(1e-13), [1e-12]),
    "tiny box, ten widths outside": (Box(-1e-13, 1e-13), [1e-12]),
}


@pytest.mark.parametrize(("g", "outside"), FLOAT_OUTSIDE.values(), ids=FLOAT_OUTSIDE)
def test_floats_outside_a_set(g: Function, outside: list[float]) -> None:
    assert g(np.array(outside)) == INF


@pytest.mark.parametrize(
    "g", [L2Ball(0.1), L2Ball(3e5), Box(-0.3, 0.7), NonNegative()], ids=["small ball", "large ball", "box", "orthant"]
)
def test_projections_count_as_inside(g: Function) -> None:
    u = np.random.default_rng(3).standard_normal((7, 500)) * 1e6
    np.testing.assert_array_equal(g(g.prox(u, 1.0)), np.zeros(500))


# -- subgradients -------------------------------------------------------------------------------

SUBGRADIENTS = {
    "l1, off zero": (L1(0.5), [2.0, -3.0], [9.0, 9.0], [0.5, -0.5]),
    "l1, at zero": (L1(0.5), [0.0, 0.0], [0.25, -9.0], [0.25, -0.5]),
    "l1 vector": (L1(np.array([1.0, 0.0])), [0.0, 0.0], [-7.0, 5.0], [-1.0, 0.0]),
    "zero": (Zero(), [1.0, 0.0], [3.0, 4.0], [0.0, 0.0]),
    "squared l2": (SquaredL2(3.0), [1.0, -2.0], [0.0, 0.0], [3.0, -6.0]),
    "elastic net, at zero": (ElasticNet(0.5, 3.0), [0.0, 2.0], [9.0, 0.0], [0.5, 6.5]),
    "box, inside": (Box(-1.0, 2.0), [0.0, 1.0], [5.0, -5.0], [0.0, 0.0]),
    "box, ends": (Box(-1.0, 2.0), [-1.0, 2.0], [-5.0, 5.0], [-5.0, 5.0]),
    "box, ends, wrong side": (Box(-1.0, 2.0), [-1.0, 2.0], [5.0, -5.0], [0.0, 0.0]),
    "box, a point": (Box(1.0, 1.0), [1.0, 1.0], [5.0, -5.0], [5.0, -5.0]),
    "nonnegative": (NonNegative(), [0.0, 1.0], [-4.0, -4.0], [-4.0, 0.0]),
    "huber, quadratic and line": (Huber(0.5, 3.0), [0.25, -9.0], [0.0, 0.0], [0.75, -1.5]),
    "l2 ball, inside": (L2Ball(5.0), [3.0, 3.0], [1.0, 1.0], [0.0, 0.0]),
    "l2 ball, on the sphere": (L2Ball(5.0), [3.0, 4.0], [6.0, 8.0], [6.0, 8.0]),
    "l2 ball, inward": (L2Ball(5.0), [3.0, 4.0], [-6.0, -8.0], [0.0, 0.0]),
    "l2 ball, slanted": (L2Ball(5.0), [3.0, 4.0], [5.0, 0.0], [1.8, 2.4]),
    "group, off zero": (GroupL2([0, 0], 2.0), [3.0, 4.0], [9.0, 9.0], [1.2, 1.6]),
    "group, at zero, near inside": (GroupL2([0, 0], 2.0), [0.0, 0.0], [0.6, 0.8], [0.6, 0.8]),
    "group, at zero, near outside": (GroupL2([0, 0], 2.0), [0.0, 0.0], [6.0, 8.0], [1.2, 1.6]),
}


@pytest.mark.parametrize(("g", "x", "near", "expected"), SUBGRADIENTS.values(), ids=SUBGRADIENTS)
def test_subgradient_nearest_to_a_point(g: Function, x: list[float], near: list[float], expected: list[float]) -> None:
    close(g.subgradient(np.array(x), np.array(near)), expected)


@pytest.mark.parametrize("name", FORMULAS)
def test_subgradient_inequality(name: str) -> None:
    g, rng = FORMULAS[name].g, np.random.default_rng(11)
    x = g.prox(rng.standard_normal((4, 200)) * 4, 1.0)
    z = g.prox(rng.standard_normal((4, 200)) * 4, 1.0)
    s = g.subgradient(x, rng.standard_normal((4, 200)) * 4)
    assert np.all(g(z) >= g(x) + np.sum(s * (z - x), axis=0) - 1e-10)


# -- conjugacy ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.125, 1.0, 8.0])
@pytest.mark.parametrize("name", FORMULAS)
def test_fenchel_young_equality_at_prox_points(name: str, step: float) -> None:
    g = FORMULAS[name].g
    u = np.random.default_rng(5).standard_normal((4, 300)) * 4
    p = g.prox(u, step)
    s = np.clip((u - p) / step, -1e6, 1e6)
    np.testing.assert_allclose(g(p) + g.conjugate(s), np.sum(p * s, axis=0), rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("name", FORMULAS)
def test_fenchel_young_inequality_elsewhere(name: str) -> None:
    g, rng = FORMULAS[name].g, np.random.default_rng(6)
    x, s = rng.standard_normal((2, 4, 2000))
    assert np.all(g(x) + g.conjugate(s) >= np.sum(x * s, axis=0) - 1e-12)


def test_fenchel_young_catches_a_wrong_conjugate() -> None:
    u = np.random.default_rng(5).standard_normal((4, 300)) * 4
    g, wrong = SquaredL2(3.0), SquaredL2(3.03)
    p = g.prox(u, 1.0)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(g(p) + wrong.conjugate(u - p), np.sum(p * (u - p), axis=0), rtol=1e-12, atol=1e-11)


# -- envelopes ----------------------------------------------------------------------------------

ENVELOPES = {
    "l1": (L1(0.5), (-50, 50)),
    "squared l2": (SquaredL2(3.0), (-50, 50)),
    "elastic net": (ElasticNet(0.5, 3.0), (-50, 50)),
    "box": (Box(-1.0, 2.0), (-1, 2)),
    "nonnegative": (NonNegative(), (0, 50)),
    "huber": (Huber(0.5, 3.0), (-50, 50)),
    "l2 ball": (L2Ball(1.5), (-1.5, 1.5)),
    "group l2": (GroupL2([0], 2.0), (-50, 50)),
    "zero": (Zero(), (-50, 50)),
}


@pytest.mark.parametrize("u", [-7.0, -0.25, 0.0, 0.4, 3.0])
@pytest.mark.parametrize("step", [0.25, 4.0])
@pytest.mark.parametrize(("g", "domain"), ENVELOPES.values(), ids=ENVELOPES)
def test_envelope_is_the_minimum(g: Function, domain: tuple[float, float], step: float, u: float) -> None:
    def objective(y: float) -> float:
        return g(np.array([y])) + (y - u) ** 2 / (2 * step)

    # on either side of zero the objective is smooth and unimodal
    pieces = [(domain[0], min(0.0, domain[1])), (max(0.0, domain[0]), domain[1])]
    found = [
        minimize_scalar(objective, bounds=piece, method="bounded", options={"xatol": 1e-10}).fun
        for piece in pieces
        if piece[0] < piece[1]
    ]
    ends = [objective(y) for y in (0.0, *domain)]
    assert min(*found, *ends) == pytest.approx(float(g.envelope(np.array([u]), step)), rel=1e-8, abs=1e-8)


# -- promises -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMULAS)
def test_strong_convexity_is_kept_and_is_the_largest(name: str) -> None:
    g, rng = FORMULAS[name].g, np.random.default_rng(8)
    x, y = g.prox(rng.standard_normal((4, 400)), 1.0), g.prox(rng.standard_normal((4, 400)), 1.0)

    def defect(sigma: float) -> np.ndarray:
        return (g(x) + g(y)) / 2 - g((x + y) / 2) - sigma / 8 * np.sum((x - y) ** 2, axis=0)

    assert np.all(defect(g.strong_convexity) >= -1e-12)
    assert g.strong_convexity == (3.0 if name in ("squared l2", "elastic net") else 0.0)
    if g.strong_convexity:
        assert np.min(defect(1.01 * g.strong_convexity)) < -1e-6


@pytest.mark.parametrize(
    ("g", "square"),
    [
        pytest.param(Zero(), Fraction(0), id="zero"),
        pytest.param(L1(np.array([3.0, 4.0])), Fraction(25), id="l1, 3-4-5"),
        pytest.param(L1(np.full(7, 0.1)), 7 * Fraction(0.1) ** 2, id="l1, seven tenths"),
        pytest.param(L1(0.0), Fraction(0), id="l1, no weight"),
        pytest.param(L1(np.array([3e-162, 4e-162])), Fraction(3e-162) ** 2 + Fraction(4e-162) ** 2, id="l1, small"),
        pytest.param(OWL(np.array([4e-170, 3e-170])), Fraction(4e-170) ** 2 + Fraction(3e-170) ** 2, id="owl, small"),
        pytest.param(GroupL2([0, 1, 1, 2], 0.1), 3 * Fraction(0.1) ** 2, id="three groups"),
        pytest.param(GroupL2([5], 3.0), Fraction(9), id="one group"),
    ],
)
def test_lipschitz_constant_is_never_below_the_truth(g: Function, square: Fraction) -> None:
    assert g.lipschitz is not None
    assert square <= Fraction(g.lipschitz) ** 2 <= square * (1 + Fraction(1, 10**14))


@pytest.mark.parametrize("g", [L1(1.0), SquaredL2(), ElasticNet(), Box(0.0, 1.0), NonNegative(), L2Ball(), Huber()])
def test_no_dimension_free_lipschitz_constant_is_promised(g: Function) -> None:
    assert g.lipschitz is None


@pytest.mark.parametrize(
    ("weight", "make"),
    [
        pytest.param(weight, make, id=f"{label} {weight}")
        for weight in (Fraction(1, 10), Fraction(2, 3), Fraction(7, 5))
        for label, make in (("squared", SquaredL2), ("elastic", lambda w: ElasticNet(1.0, w)))
    ],
)
def test_a_rational_weight_is_one_number_for_prox_and_promise(
    weight: Fraction, make: Callable[[Fraction], Function]
) -> None:
    g = make(weight)
    sigma = Fraction(g.strong_convexity)
    contraction = flint.arb(g.prox(exact([3.0]), 1)[0] - g.prox(exact([2.0]), 1)[0])
    assert encloses(contraction, 1 / (1 + sigma))


# -- samples as columns, repeatability ----------------------------------------------------------


@pytest.mark.parametrize("name", FORMULAS)
def test_columns_are_samples(name: str) -> None:
    g, u = FORMULAS[name].g, np.random.default_rng(9).standard_normal((4, 6)) * 3
    near = np.random.default_rng(10).standard_normal((4, 6))
    columns = range(6)
    close(g.prox(u, 0.7), np.column_stack([g.prox(u[:, k], 0.7) for k in columns]), 3.0)
    close(g.subgradient(u, near), np.column_stack([g.subgradient(u[:, k], near[:, k]) for k in columns]), 3.0)
    close(g(u), [g(u[:, k]) for k in columns])
    close(g.conjugate(u), [g.conjugate(u[:, k]) for k in columns])
    close(g.envelope(u, 0.7), [g.envelope(u[:, k], 0.7) for k in columns])
    assert g(u).shape == g.conjugate(u).shape == g.envelope(u, 0.7).shape == (6,)


@pytest.mark.parametrize("name", FORMULAS)
def test_columns_of_balls_are_samples(name: str) -> None:
    u = np.random.default_rng(9).standard_normal((4, 3)) * 3
    g = FORMULAS[name].g
    balls, singly = g.prox(exact(u), 1), [g.prox(exact(u[:, k]), 1) for k in range(3)]
    assert balls.shape == (4, 3)
    assert all(balls[i, k].overlaps(singly[k][i]) for i in range(4) for k in range(3))


@pytest.mark.parametrize("name", FORMULAS)
def test_same_input_same_bits_and_untouched_input(name: str) -> None:
    g, u = FORMULAS[name].g, np.random.default_rng(12).standard_normal((4, 50)) * 3
    before = u.copy()
    first, second = (
        [f(u) for f in (lambda v: g.prox(v, 0.3), g, g.conjugate, lambda v: g.envelope(v, 0.3))] for _ in range(2)
    )
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))
    np.testing.assert_array_equal(u, before)


@pytest.mark.parametrize("name", FORMULAS)
def test_prox_returns_a_new_array(name: str) -> None:
    u = np.zeros(4)
    p = FORMULAS[name].g.prox(u, 1.0)
    p += 1.0
    np.testing.assert_array_equal(u, np.zeros(4))


def test_a_weight_vector_cannot_be_changed_from_outside() -> None:
    weight = np.array([1.0, 2.0])
    g = L1(weight)
    weight[0] = -5.0
    assert g(np.array([1.0, 1.0])) == 3.0
