"""The rules of calculus: against cvxpy by definition, against independent conjugates, with each rule planted wrong."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

import fbscheck.functions as fbfunctions
from fbscheck.archive import describe, rebuild
from fbscheck.certify.balls import exact
from fbscheck.errors import HypothesisError, InputError
from fbscheck.functions import (
    L1,
    ArgumentScaled,
    Box,
    Conjugate,
    Distance,
    ElasticNet,
    Envelope,
    EpigraphScaled,
    Function,
    GroupL2,
    Hinge,
    Huber,
    L2Ball,
    LogCosh,
    Logistic,
    NonNegative,
    Scaled,
    SeparableSum,
    SquaredL2,
    TightFrame,
    Tilted,
    Translated,
    WithQuadratic,
    Zero,
    infimal_convolution,
    reflected,
    summed,
)
from fbscheck.reference import programs

Points = np.ndarray
D = 4


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def orthogonal(size: int, seed: int) -> Points:
    return np.linalg.qr(rng(seed).standard_normal((size, size)))[0]


C = np.array([0.3, -1.0, 2.0, 0.0])
INNER: dict[str, Function] = {
    "l1": L1(0.7),
    "elastic net": ElasticNet(0.3, 2.0),
    "box": Box(-1.0, 0.5),
    "huber": Huber(0.5, 2.0),
    "l2 ball": L2Ball(1.5),
    "groups": GroupL2([0, 1, 0, 1], 0.8),
}
RULES: dict[str, Callable[[Function], Function]] = {
    "scaled": lambda g: Scaled(g, 2.5, -3.0),
    "argument scaled": lambda g: ArgumentScaled(g, -0.4),
    "reflected": reflected,
    "translated": lambda g: Translated(g, C),
    "tilted": lambda g: Tilted(g, C),
    "epigraph scaled": lambda g: EpigraphScaled(g, 3.0),
    "orthogonal": lambda g: TightFrame(g, 1.7 * orthogonal(D, 1)),
    "tight frame": lambda g: TightFrame(g, 0.6 * orthogonal(7, 2)[:D]),
    "with quadratic": lambda g: WithQuadratic(g, 0.8, C),
    "blocks": lambda g: SeparableSum((SquaredL2(2.0), g, L1(0.2)), (2, D, 1)),
    "envelope": lambda g: Envelope(g, 0.7),
    "conjugate": Conjugate,
    "two rules": lambda g: Tilted(EpigraphScaled(WithQuadratic(g, 0.5), 2.0), C),
}
PAIRS = [
    pytest.param(rule, inner, id=f"{rule} of {inner}")
    for rule in RULES
    for inner in INNER
    if (rule, inner) != ("conjugate", "groups")
]
pairs = pytest.mark.parametrize(("rule", "inner"), PAIRS)


def made(rule: str, inner: str) -> tuple[Function, int]:
    g = RULES[rule](INNER[inner])
    return g, g.dimension or D


def samples(d: int, seed: int = 3) -> Points:
    return rng(seed).standard_normal((d, 12)) * np.repeat([0.3, 1.0, 4.0], 4)


# -- the definition -----------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.3, 5.0])
@pairs
def test_the_derived_map_solves_its_definition(rule: str, inner: str, step: float) -> None:
    g, d = made(rule, inner)
    u = samples(d)
    np.testing.assert_allclose(g.prox(u, step), programs.prox(g, u, step), atol=3e-6)


@pytest.mark.parametrize("step", [0.3, 5.0])
@pairs
def test_the_derived_map_is_optimal(rule: str, inner: str, step: float) -> None:
    """Fenchel and Young: s = (u - p)/h is a slope of g at p iff g(p) + g*(s) = <p, s>; to rounding at least."""
    g, d = made(rule, inner)
    u = samples(d)
    p = g.prox(u, step)
    s = (u - p) / step
    if rule == "tight frame":
        frame: Any = g
        p, s, g = frame.matrix @ p, frame.matrix @ s / frame.bound, frame.function
    if inner in ("box", "l2 ball") or rule == "conjugate":
        p = p * (1 - 1e-14 * (rule in ("orthogonal", "tight frame", "argument scaled")))
    np.testing.assert_allclose(g(p) + g.conjugate(s), np.sum(p * s, axis=0), rtol=1e-10, atol=1e-9)


WRONG: dict[str, tuple[Callable[[Function, Points, float], Points], str]] = {
    "scaled": (lambda g, u, h: g.prox(u, h), "the factor of the step is forgotten"),
    "argument scaled": (lambda g, u, h: g.prox(-0.4 * u, h) / -0.4, "the square in the step is forgotten"),
    "reflected": (lambda g, u, h: g.prox(-u, h), "the sign outside is forgotten"),
    "translated": (lambda g, u, h: g.prox(u - C[:, None], h), "not moved back"),
    "tilted": (lambda g, u, h: g.prox(u + h * C[:, None], h), "a sign is flipped"),
    "epigraph scaled": (lambda g, u, h: 3 * g.prox(u / 3, h), "the step is not divided"),
    "orthogonal": (
        lambda g, u, h: (lambda A: A.T @ g.prox(A @ u, h) / 1.7**2)(1.7 * orthogonal(D, 1)),
        "the frame bound in the step is forgotten",
    ),
    "tight frame": (
        lambda g, u, h: (lambda A: A.T @ g.prox(A @ u, 0.36 * h) / 0.36)(0.6 * orthogonal(7, 2)[:D]),
        "what the frame does not see is forgotten",
    ),
    "with quadratic": (
        lambda g, u, h: g.prox((u + 0.8 * h * C[:, None]) / (1 + 0.8 * h), h),
        "the step is not shortened",
    ),
    "envelope": (lambda g, u, h: u + h / (h + 0.7) * (g.prox(u, h) - u), "the steps are not added"),
    "conjugate": (lambda g, u, h: u - h * g.prox(u / h, h), "the step is not inverted"),
}


@pytest.mark.parametrize(("rule", "wrong"), [(rule, wrong) for rule, (wrong, _) in WRONG.items()], ids=WRONG)
def test_cvxpy_sees_a_rule_that_is_wrong(rule: str, wrong: Callable[[Function, Points, float], Points]) -> None:
    g, d = made(rule, "elastic net")
    u = samples(d)
    truth = programs.prox(g, u, 5.0)
    np.testing.assert_allclose(g.prox(u, 5.0), truth, atol=3e-6)
    assert np.max(np.abs(wrong(INNER["elastic net"], u, 5.0) - truth)) > 1e-2


def test_the_prox_of_a_sum_is_not_the_composition() -> None:
    """claims: g1 the indicator of {x1 = x2}, g2 = |x1|, h = 1/2, u = (1, 0)."""
    same, absolute, u = TightFrame(Box(0.0, 0.0), [[1.0, -1.0]]), L1([1.0, 0.0]), np.array([1.0, 0.0])
    np.testing.assert_array_equal(absolute.prox(same.prox(u, 0.5), 0.5), [0.0, 0.5])
    np.testing.assert_array_equal(same.prox(absolute.prox(u, 0.5), 0.5), [0.25, 0.25])
    with pytest.raises(HypothesisError, match="not the composition"):
        summed(same, absolute)


# -- envelopes, conjugates, subgradients, derivatives -------------------------------------------


@pytest.mark.parametrize("step", [0.3, 5.0])
@pairs
def test_the_envelope_is_the_objective_at_the_proximal_point(rule: str, inner: str, step: float) -> None:
    g, d = made(rule, inner)
    u = samples(d)
    p = g.prox(u, step)
    shrunk = p * (1 - 1e-14 * (rule in ("orthogonal", "tight frame", "argument scaled")))
    objective = g(shrunk) + np.sum((p - u) ** 2, axis=0) / (2 * step)
    np.testing.assert_allclose(g.envelope(u, step), objective, rtol=1e-10, atol=1e-10)


@pairs
def test_no_sum_exceeds_the_inequality_of_fenchel_and_young(rule: str, inner: str) -> None:
    g, d = made(rule, inner)
    x, s = samples(d, 5), samples(d, 6)
    assert np.all(g(x) + g.conjugate(s) >= np.sum(x * s, axis=0) - 1e-9)


CONJUGATES = {
    "l1": (Conjugate(L1(0.7)), Box(-0.7, 0.7)),
    "l1, weights": (
        Conjugate(L1(np.array([0.5, 1.0, 2.0, 0.25]))),
        Box(-W, W) if (W := np.array([0.5, 1, 2, 0.25])).all() else Zero(),
    ),
    "box": (Conjugate(Box(-0.7, 0.7)), L1(0.7)),
    "squared": (Conjugate(SquaredL2(4.0)), SquaredL2(0.25)),
    "zero": (Conjugate(Zero()), Box(0.0, 0.0)),
    "l2 ball": (Conjugate(L2Ball(1.5)), GroupL2([0, 0, 0, 0], 1.5)),
    "l2 norm": (Conjugate(GroupL2([0, 0, 0, 0], 1.5)), L2Ball(1.5)),
    "nonnegative": (Conjugate(NonNegative()), reflected(NonNegative())),
    "twice": (Conjugate(Conjugate(Huber(0.5, 2.0))), Huber(0.5, 2.0)),
    "envelope": (Conjugate(Envelope(L1(0.7), 0.5)), WithQuadratic(Box(-0.7, 0.7), 0.5)),
    "huber is an envelope": (Envelope(L1(1.0), 0.5), Huber(0.5, 2.0)),
    "two envelopes": (Envelope(Envelope(L1(1.0), 0.25), 0.25), Huber(0.5, 2.0)),
    "elastic net": (WithQuadratic(L1(0.3), 2.0), ElasticNet(0.3, 2.0)),
    "box moved": (Translated(Box(-1.0, 1.0), np.full(4, 2.0)), Box(1.0, 3.0)),
    "box scaled": (EpigraphScaled(Box(-1.0, 2.0), 2.0), Box(-2.0, 4.0)),
    "box reflected": (reflected(Box(-1.0, 2.0)), Box(-2.0, 1.0)),
    "l1 scaled": (Scaled(L1(0.5), 4.0), L1(2.0)),
    "l1, argument scaled": (ArgumentScaled(L1(0.5), -4.0), L1(2.0)),
    "groups by blocks": (SeparableSum((GroupL2([0, 0], 1.0), L1(1.0)), (2, 2)), GroupL2([0, 0, 1, 2], 1.0)),
    "permuted": (TightFrame(L1([1.0, 2.0, 3.0, 4.0]), np.eye(4)[[1, 0, 3, 2]]), L1([2.0, 1.0, 4.0, 3.0])),
    "convolved": (infimal_convolution(L1(1.0), SquaredL2(2.0)), Huber(0.5, 2.0)),
    "summed": (summed(SquaredL2(2.0), L1(0.3)), ElasticNet(0.3, 2.0)),
    "summed with zero": (summed(L1(0.3), Zero()), L1(0.3)),
    "tilted quadratic": (
        summed(Tilted(SquaredL2(2.0), -2 * C), Zero()),
        Translated(Scaled(SquaredL2(2.0), 1.0, -float(C @ C)), C),
    ),
}


@pytest.mark.parametrize(("g", "known"), CONJUGATES.values(), ids=CONJUGATES)
def test_rules_against_functions_that_are_written_out(g: Function, known: Function) -> None:
    """Moreau's decomposition with the conjugate coded independently, and other coincidences."""
    u = samples(D, 7)
    for step in (0.25, 3.0):
        p = known.prox(u, step)
        np.testing.assert_allclose(g.prox(u, step), p, atol=2e-14)
        np.testing.assert_allclose(g.envelope(u, step), known.envelope(u, step), atol=1e-12, rtol=1e-12)
        np.testing.assert_allclose(g(p), known(p), atol=1e-12)
        s = (u - p) / step * (1 - 1e-13)
        np.testing.assert_allclose(g.conjugate(s), known.conjugate(s), atol=1e-11)
        np.testing.assert_allclose(g.subgradient(p, (u - p) / step), (u - p) / step, atol=1e-10)
        v = samples(D, 8)
        np.testing.assert_allclose(g.prox_jacobian(u, step, v), known.prox_jacobian(u, step, v), atol=1e-13)
    assert g.strong_convexity <= known.strong_convexity
    assert g.strong_convexity == pytest.approx(known.strong_convexity, rel=1e-12)
    assert g.separable is known.separable or isinstance(known, GroupL2)


@pairs
def test_the_derivative_of_the_map_by_differences(rule: str, inner: str) -> None:
    g, d = made(rule, inner)
    u, v, size = samples(d, 9), samples(d, 10), 1e-7
    differences = (g.prox(u + size * v, 0.7) - g.prox(u - size * v, 0.7)) / (2 * size)
    np.testing.assert_allclose(g.prox_jacobian(u, 0.7, v), differences, atol=3e-7)


@pairs
def test_subgradients_are_slopes(rule: str, inner: str) -> None:
    g, d = made(rule, inner)
    x, y = (g.prox(samples(d, seed), 1.0) for seed in (11, 12))
    if rule == "conjugate" and inner in ("l1", "huber"):
        x = 0.9 * x
    slope = g.subgradient(x, samples(d, 13))
    if np.isfinite(g(x)).all():
        gaps = g(y) - g(x) - np.sum(slope * (y - x), axis=0)
        assert np.all(gaps[np.isfinite(gaps)] >= (-1e-6 if rule == "conjugate" else -1e-8))


@pairs
def test_balls_enclose_the_derived_map(rule: str, inner: str) -> None:
    g, d = made(rule, inner)
    u = samples(d, 14)[:, :3]
    values, balls = g.prox(u, 0.7), g.prox(exact(u), 0.7)
    assert balls.shape == values.shape
    assert all(abs(b - t) < 1e-12 and float(b.rad()) < 1e-11 for b, t in zip(balls.flat, values.flat, strict=True))
    envelopes = g.envelope(exact(u), 0.7)
    assert all(abs(b - t) < 1e-10 for b, t in zip(envelopes.flat, g.envelope(u, 0.7), strict=True))


# -- constants ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Promise:
    """A function with its strong convexity and Lipschitz constant worked out by hand."""

    g: Function
    sigma: Fraction
    square: Fraction | None


TENTH, THIRD = 0.1, 1 / 3
V = L1(np.array([3.0, 4.0]))
PROMISES = {
    "scaled": Promise(Scaled(SquaredL2(TENTH), THIRD), Fraction(TENTH) * Fraction(THIRD), None),
    "scaled l1": Promise(Scaled(V, TENTH), Fraction(0), 25 * Fraction(TENTH) ** 2),
    "argument scaled": Promise(ArgumentScaled(SquaredL2(TENTH), -THIRD), Fraction(TENTH) * Fraction(THIRD) ** 2, None),
    "argument scaled l1": Promise(ArgumentScaled(V, -THIRD), Fraction(0), 25 * Fraction(THIRD) ** 2),
    "epigraph": Promise(EpigraphScaled(SquaredL2(TENTH), 3.0), Fraction(TENTH) / 3, None),
    "epigraph l1": Promise(EpigraphScaled(V, 3.0), Fraction(0), Fraction(25)),
    "tilted": Promise(Tilted(V, [5.0, 12.0]), Fraction(0), Fraction(18) ** 2),
    "translated": Promise(Translated(V, [5.0, 12.0]), Fraction(0), Fraction(25)),
    "quadratic": Promise(WithQuadratic(SquaredL2(TENTH), THIRD), Fraction(TENTH) + Fraction(THIRD), None),
    "no quadratic": Promise(WithQuadratic(V, 0.0), Fraction(0), Fraction(25)),
    "frame": Promise(TightFrame(V, 2 * np.eye(4)[:2]), Fraction(0), Fraction(100)),
    "orthogonal": Promise(TightFrame(SquaredL2(TENTH), [[3.0, 4.0], [-4.0, 3.0]]), 25 * Fraction(TENTH), None),
    "wide": Promise(TightFrame(SquaredL2(TENTH), [[3.0, 4.0]]), Fraction(0), None),
    "blocks": Promise(SeparableSum((V, V), (2, 2)), Fraction(0), Fraction(50)),
    "curved blocks": Promise(SeparableSum((SquaredL2(3.0), SquaredL2(TENTH)), (1, 2)), Fraction(TENTH), None),
    "envelope": Promise(Envelope(SquaredL2(TENTH), 3.0), Fraction(TENTH) / (1 + 3 * Fraction(TENTH)), None),
    "envelope l1": Promise(Envelope(V, 3.0), Fraction(0), Fraction(25)),
    "conjugate": Promise(Conjugate(SquaredL2(TENTH)), 1 / Fraction(TENTH), None),
    "conjugate of an envelope": Promise(Conjugate(Envelope(V, TENTH)), Fraction(TENTH), None),
}


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_derived_constants_are_on_the_safe_side(promise: Promise) -> None:
    close = 1 - Fraction(1, 10**14)
    assert promise.sigma * close <= Fraction(promise.g.strong_convexity) <= promise.sigma
    known = promise.g.lipschitz
    assert (known is None) is (promise.square is None)
    if promise.square is not None and known is not None:
        assert promise.square <= Fraction(known) ** 2 <= promise.square / close**2


@pytest.mark.parametrize("name", [name for name, promise in PROMISES.items() if promise.square])
def test_lipschitz_constants_are_attained(name: str) -> None:
    g = PROMISES[name].g
    d = g.dimension or 2
    far = 100.0 * np.array([[a, b] for a in (-1, 1) for b in (-1, 1)] if d == 2 else [[1.0] * d, [-1.0] * d]).T
    x, v = far, rng(1).standard_normal((d, 400))
    slopes = np.max([np.linalg.norm(g.subgradient(x, 0 * x + v[:, k : k + 1]), axis=0) for k in range(20)])
    assert slopes <= g.lipschitz * (1 + 1e-12)  # type: ignore[operator]
    assert slopes > 0.99 * g.lipschitz, "a constant 1% smaller would be refuted here"  # type: ignore[operator]


@pytest.mark.parametrize("name", [name for name, promise in PROMISES.items() if promise.sigma])
def test_strong_convexity_is_attained(name: str) -> None:
    """1/(1 + h sigma) is attained by the proximal map, so that a sigma 1% larger would be refuted."""
    g, h = PROMISES[name].g, 0.7
    d = g.dimension or 3
    u, v = 0.01 * rng(2).standard_normal((2, d, 400))
    moved = np.linalg.norm(g.prox(u, h) - g.prox(v, h), axis=0) / np.linalg.norm(u - v, axis=0)
    assert np.max(moved) <= 1 / (1 + h * g.strong_convexity) * (1 + 1e-9)
    assert np.max(moved) > 1 / (1 + h * 1.01 * g.strong_convexity) or name in ("curved blocks",)


# -- tight frames -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "bound"),
    [
        pytest.param([[3.0, 4.0], [-4.0, 3.0]], 25.0, id="3-4-5"),
        pytest.param(np.hstack([np.eye(3), np.eye(3)]), 2.0, id="two copies"),
        pytest.param([[1.0, 1, 1, 1], [1, -1, 1, -1]], 4.0, id="Hadamard"),
        pytest.param(np.eye(4)[[2, 0]], 1.0, id="selection"),
        pytest.param([[0.1, 0.1]], 2 * 0.1 * 0.1, id="a row is always tight"),
    ],
)
def test_exact_frames(matrix: Any, bound: float) -> None:
    g = TightFrame(L1(1.0), matrix)
    assert g.bound == pytest.approx(bound, rel=1e-15)
    assert g.defect <= 2.0**-52
    assert g.defect == 0 or bound < 1


def test_the_defect_of_a_float_frame_is_certified() -> None:
    """In rational arithmetic: |A A^T/a - I|_F, never below."""
    matrix = 0.6 * orthogonal(7, 2)[:4]
    g = TightFrame(L1(1.0), matrix)
    exactly = flint.fmpq_mat(4, 7, [flint.fmpq(*Fraction(t).as_integer_ratio()) for t in matrix.ravel().tolist()])
    a = flint.fmpq(*Fraction(g.bound).as_integer_ratio())
    gram = exactly * exactly.transpose()
    square = sum((gram[i, j] / a - (i == j)) ** 2 for i in range(4) for j in range(4))
    assert 0 < float(square) ** 0.5 <= g.defect <= float(square) ** 0.5 * (1 + 1e-12) < 1e-14


@pytest.mark.parametrize(
    ("matrix", "got"),
    [
        pytest.param([[1.0, 0.0], [0.0, 1.001]], "0.00", id="0.1% too long"),
        pytest.param([[1.0, 0.0], [1e-11, 1.0]], "1.41e-11", id="not quite orthogonal"),
        pytest.param([[1.0, 0.0], [1.0, 0.0]], "1.41", id="twice the same row"),
        pytest.param([[1.0], [1.0]], "(2, 1)", id="tall"),
        pytest.param([[0.0, 0.0]], "a=0", id="zero"),
        pytest.param([[1e200, 0.0]], "a=inf", id="overflow"),
    ],
)
def test_frames_that_are_not_tight_are_refused(matrix: Any, got: str) -> None:
    with pytest.raises(HypothesisError) as caught:
        TightFrame(L1(1.0), matrix)
    assert got in str(caught.value) and "Need A A^T = a I" in str(caught.value)


def test_balls_hold_the_map_of_the_tight_frame() -> None:
    """A frame 1e-13 off: the balls hold the map of the exactly tight frame, which is that of an exact rotation."""
    truth = np.array([[3.0, 4.0], [-4.0, 3.0]])
    g, off = TightFrame(L1(1.0), truth), TightFrame(L1(1.0), truth * np.array([[1.0], [1 + 2e-13]]))
    u = exact([1.0, 2.0])
    assert 0 < off.defect < 1e-12
    for right, found in zip(g.prox(u, 1.0), off.prox(u, 1.0), strict=True):
        assert float(found.rad()) > 1e-14
        assert found.overlaps(right)
        assert abs(right - found) < 1e-11


@pytest.mark.parametrize(
    ("g", "expected"),
    [
        pytest.param(SquaredL2(1e-3), lambda s, near: 1e3 * s, id="flat"),
        pytest.param(LogCosh(), lambda s, near: np.arctanh(s), id="log-cosh"),
        pytest.param(Logistic(), lambda s, near: np.log(-1 / s - 1), id="logistic"),
        pytest.param(Box(-1.0, 1.0), lambda s, near: np.sign(s), id="box"),
        pytest.param(Huber(1.0), lambda s, near: s, id="Huber"),
    ],
)
def test_subgradients_of_conjugates(g: Function, expected: Callable[[Any, Any], Any]) -> None:
    """The minimiser of g - <s, .> by hand."""
    s = np.array([[-0.9, -0.5], [-0.125, -0.25], [-0.6, -0.01]])
    near = np.array([[0.25, 3.0], [-1.0, 0.5], [2.0, -0.75]])
    found = Conjugate(g).subgradient(s, near)
    np.testing.assert_allclose(found, expected(s, near), rtol=1e-8, atol=1e-8)


def test_the_nearest_subgradient_of_a_conjugate() -> None:
    """Of the distance to the quadrant at 0: the quadrant; of the hinge at -1: what is at most 1."""
    near = np.array([[0.5, -2.0], [-3.0, 4.0]])
    found = Conjugate(Distance(NonNegative(), 1.0)).subgradient(0 * near, near)
    np.testing.assert_allclose(found, np.maximum(near, 0.0), atol=1e-8)
    hinge = Conjugate(Hinge()).subgradient(np.full((2, 2), -1.0), near)
    np.testing.assert_allclose(hinge, np.minimum(near, 1.0), atol=1e-8)


def test_the_nearest_subgradient_of_a_frame() -> None:
    """At 0 the subdifferential of |Ax|_1 is A^T [-1, 1]^2: its elements are their own nearest ones."""
    matrix = np.array([[3.0, 4.0, 0.0], [-4.0, 3.0, 0.0]])
    g, s = TightFrame(L1(1.0), matrix), np.array([[0.5, -1.0, 0.25], [-0.75, 1.0, 1.0]])
    np.testing.assert_allclose(g.subgradient(np.zeros((3, 3)), matrix.T @ s), matrix.T @ s, atol=1e-14)
    far = np.array([30.0, 40.0, 7.0])
    np.testing.assert_allclose(g.subgradient(np.zeros(3), far), [3.0, 4.0, 0.0], atol=1e-14)


# -- the rest -----------------------------------------------------------------------------------


@pairs
def test_columns_single_precision_and_fresh_arrays(rule: str, inner: str) -> None:
    g, d = made(rule, inner)
    u = samples(d, 15).astype(np.float32)
    p = g.prox(u, 0.7)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p[:, 2], g.prox(u[:, 2].astype(float), 0.7), atol=1e-13)
    assert isinstance(g(p[:, 0]), float) and g(p).shape == (12,)
    before = u.copy()
    p += 1.0
    np.testing.assert_array_equal(u, before)


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e100])
@pairs
def test_extreme_points(rule: str, inner: str, value: float) -> None:
    g, d = made(rule, inner)
    assert np.isfinite(g.prox(np.full(d, value), 0.7)).all()


@pairs
def test_a_description_makes_the_same_function(rule: str, inner: str) -> None:
    g, d = made(rule, inner)
    arrays: dict[str, Any] = {}
    text = describe(g, arrays)
    again = rebuild(text, arrays, vars(fbfunctions))
    assert describe(again, {}) == text
    np.testing.assert_array_equal(again.prox(samples(d), 0.7), g.prox(samples(d), 0.7))


def test_what_describes_nothing_is_refused() -> None:
    text = describe(Scaled(L1(1.0), 2.0), {})
    with pytest.raises(InputError, match="Need a description"):
        rebuild({**text, "function": {"kind": "os"}}, {}, vars(fbfunctions))


def test_convolution_with_a_moved_quadratic() -> None:
    """min_y |y|_1 + |x - y - c|^2, against the definition."""
    g, x = infimal_convolution(L1(1.0), WithQuadratic(Zero(), 2.0, C)), samples(D)
    y = L1(1.0).prox(x - C[:, None], 0.5)
    truth = np.sum(np.abs(y), axis=0) + np.sum((x - y - C[:, None]) ** 2, axis=0)
    np.testing.assert_allclose(g(x), truth, rtol=1e-13)


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no function": (lambda: Scaled(2.0, 3.0), "float"),  # type: ignore[arg-type]
    "factor zero": (lambda: Scaled(L1(), 0.0), "factor=0"),
    "negative factor": (lambda: EpigraphScaled(L1(), -1.0), "factor=-1"),
    "argument times zero": (lambda: ArgumentScaled(L1(), 0.0), "factor=0"),
    "shift too short": (lambda: Translated(L1([1.0, 2.0]), [1.0]), "1"),
    "shift nan": (lambda: Translated(L1(), [math.nan]), "nan"),
    "slope a number": (lambda: Tilted(L1(), 1.0), "()"),  # type: ignore[arg-type]
    "negative weight": (lambda: WithQuadratic(L1(), -0.1), "weight=-0.1"),
    "centre too long": (lambda: WithQuadratic(L1([1.0]), 1.0, [1.0, 2.0]), "2"),
    "sizes": (lambda: SeparableSum((L1(), L1()), (1,)), "(1,)"),
    "size zero": (lambda: SeparableSum((L1(),), (0,)), "(0,)"),
    "block that does not fit": (lambda: SeparableSum((L1([1.0, 2.0]),), (3,)), "3"),
    "rows": (lambda: TightFrame(L1([1.0, 2.0]), np.eye(3)), "3"),
    "smoothing": (lambda: Envelope(L1(), 0.0), "smoothing=0"),
    "sum": (lambda: summed(L1(), L2Ball()), "L1 and L2Ball"),
    "sum of no functions": (lambda: summed(L1(), 3.0), "float"),  # type: ignore[arg-type]
    "convolution": (lambda: infimal_convolution(L1(), L2Ball()), "L1 and L2Ball"),
    "inverse that is rounded": (lambda: infimal_convolution(L1(), SquaredL2(3.0)), "3.0"),
    "point of another dimension": (lambda: Translated(L1(), [1.0, 2.0]).prox(np.ones(3), 1.0), "(3,)"),
    "step zero": (lambda: Scaled(L1(), 2.0).prox(np.ones(3), 0.0), "step=0"),
    "step of an envelope": (lambda: Scaled(L1(), 2.0).envelope(np.ones(3), -1.0), "step=-1"),
}


@pytest.mark.parametrize(("call", "got"), BAD.values(), ids=BAD)
def test_bad_input(call: Callable[[], Any], got: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert got in str(caught.value)
