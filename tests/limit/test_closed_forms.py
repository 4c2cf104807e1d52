"""Closed forms of the limit against formulas by hand, mpmath, and another way to the same solution."""

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.linalg import expm

from fbscheck.certify.balls import ball, lower, upper
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, ElasticNet, Function, GroupL2, Huber, NonNegative, SquaredL2, Zero
from fbscheck.limit import LipschitzCurve, ParameterPath, Piecewise
from fbscheck.limit.closed_forms import Line, closed_form

R = Fraction
ONE = np.ones((1, 1))


def line(r: Function, k: float, weight: float, x0: float, b: float, times: list[Fraction], horizon: int = 8) -> Any:
    """x at ``times`` of x' in -kx + b - weight dr(x), as balls."""
    path = ParameterPath(k * ONE, ONE, weight, r, horizon)
    return closed_form(path, np.array([x0]), np.array([b]), times)[:, 0, 0]


def by_hand(k: float, c: float, x0: float, t: float) -> float:
    return x0 * np.exp(-k * t) + (c * (1 - np.exp(-k * t)) / k if k else c * t)


BY_HAND: list[Any] = [
    pytest.param(Zero(), 0.5, 1, 2, 0, 3, by_hand(0.5, 0, 2, 3), id="(a) decay"),
    pytest.param(Zero(), -0.5, 1, 2, 0, 3, by_hand(-0.5, 0, 2, 3), id="(a) growth"),
    pytest.param(Zero(), 0, 1, 2, -0.5, 3, 0.5, id="drift"),
    pytest.param(L1(2.0), 0, 0.5, 2, 0, 1.5, 0.5, id="(b) before it stops"),
    pytest.param(L1(2.0), 0, 0.5, -2, 0, 3, 0, id="(b) at rest"),
    pytest.param(L1(1.0), 0, 1, 2, -3, 0.25, 1, id="(c) k=0, before the kink"),
    pytest.param(L1(1.0), 0, 1, 2, -3, 1.5, -2, id="(c) k=0, through the kink"),
    pytest.param(L1(1.0), 1, 1, 1, 0.5, 0.5, by_hand(1, -0.5, 1, 0.5), id="(c) arc"),
    pytest.param(L1(1.0), 1, 1, 1, 0.5, 1.2, 0, id="(c) rests, |c| < lambda: from log 3 on"),
    pytest.param(L1(1.0), 1, 1, 0, 1, 4, 0, id="(c) rests at |c| = lambda"),
    pytest.param(L1(1.0), 1, 1, 0, 3, 2, by_hand(1, 2, 0, 2), id="(c) leaves 0, |c| > lambda"),
    pytest.param(L1(1.0), 1, 1, 1, -2, 2, by_hand(1, -1, 0, 2 - np.log(4 / 3)), id="(c) crosses 0 at log 4/3"),
    pytest.param(L1(0.0), 1, 1, 1, -2, 2, by_hand(1, -2, 1, 2), id="no weight"),
    pytest.param(ElasticNet(1.0, 2.0), 1, 1, 1, 0.5, 0.25, by_hand(3, -0.5, 1, 0.25), id="elastic net"),
    pytest.param(SquaredL2(2.0), -1, 0.75, 1, 0.5, 1, by_hand(0.5, 0.5, 1, 1), id="D8, squares"),
    pytest.param(Box(-1, 0.5), -1, 1, 0.25, 0, 0.5, 0.25 * np.exp(0.5), id="(e) inside"),
    pytest.param(Box(-1, 0.5), -1, 1, 0.25, 0, 1, 0.5, id="(e) at the wall from log 2 on"),
    pytest.param(Box(-1, 0.5), 0, 1, 0.5, -1, 1, -0.5, id="(e) leaves a wall"),
    pytest.param(Box(0.5, 0.5), 1, 1, 0.5, 9, 2, 0.5, id="(e) a point"),
    pytest.param(NonNegative(), 1, 1, 1, -1, 0.5, by_hand(1, -1, 1, 0.5), id="(e) half line"),
    pytest.param(NonNegative(), 1, 1, 1, -1, 1, 0, id="(e) half line, at rest"),
    pytest.param(Huber(0.5, 2.0), 0, 1, 1.5, 0, 0.5, 1, id="Huber, the straight part"),
    pytest.param(Huber(0.5, 2.0), 0, 1, 1.5, 0, 2, 0.5 * np.exp(-2), id="Huber, then the square"),
]


@pytest.mark.parametrize(("r", "k", "weight", "x0", "b", "t", "value"), BY_HAND)
def test_lines_by_hand(r: Function, k: float, weight: float, x0: float, b: float, t: float, value: float) -> None:
    (found,) = line(r, k, weight, x0, b, [R(t)])
    assert float(found.rad()) < 1e-30
    assert float(found.mid()) == pytest.approx(value, rel=1e-14, abs=1e-30)


def test_to_thirty_digits_by_mpmath() -> None:
    """x' in -x - d|x| - 2 from 1 passes 0 at log 4/3, then tends to -1."""
    (found,) = line(L1(1.0), 1, 1, 1, -2, [R(7, 5)])
    with mpmath.workdps(40):
        truth = mpmath.expm1(-(mpmath.mpf(7) / 5 - mpmath.log(mpmath.mpf(4) / 3)))
        assert abs(mpmath.mpf(found.mid().str(36, radius=False)) - truth) < mpmath.mpf(10) ** -34


@pytest.mark.parametrize("seed", range(6))
def test_jumps_compose(seed: int) -> None:
    """A path with jumps is its pieces one after the other, each started where the last one ended."""
    rng = np.random.default_rng(seed)
    k, b, w = rng.uniform(-1, 2, 3), rng.uniform(-2, 2, 3), rng.uniform(0, 1.5, 3)
    times = [R(0), R(1, 3), R(2), R(3)]
    curves = [Piecewise.steps(values.reshape(shape), times) for values, shape in ((k, (3, 1, 1)), (b, (3, 1, 1)))]
    path = ParameterPath(*curves, Piecewise.steps(w, times), L1(1.0), 3)
    start = rng.uniform(-2, 2)
    found = closed_form(path, np.array([start]), np.ones(1), times[1:])[:, 0, 0]
    x = ball(start)
    for n in range(3):
        field = [(R(k[n]), R(b[n]) + sign * R(w[n])) for sign in (1, -1)]
        (x,) = Line(times[n + 1] - times[n], (R(0),), tuple(field)).flow(x, [times[n + 1] - times[n]])
        assert x.overlaps(found[n])
        assert float(found[n].rad()) < 1e-30


@pytest.mark.parametrize("r", [Zero(), SquaredL2(0.75)], ids=["r = 0", "squares"])
def test_matrices_against_scipy(r: Function) -> None:
    """A turning, not normal K: pieces of the exponential of K + weight sigma I, in floating point."""
    rng = np.random.default_rng(0)
    K, L, w = rng.standard_normal((2, 4, 4)), rng.standard_normal((4, 2)), np.array([0.5, 2.0])
    path = ParameterPath(Piecewise.steps(K), L, Piecewise.steps(w, [0, R(1, 4), 1]), r, 1)
    x0, b = rng.standard_normal((4, 3)), rng.standard_normal((2, 3))
    found = closed_form(path, x0, b, [R(1, 8), R(1)])
    x = np.vstack([x0, np.eye(3)])
    for length, matrix, weight in ((0.25, K[0], w[0]), (0.25, K[0], w[1]), (0.5, K[1], w[1])):
        generator = np.zeros((7, 7))
        generator[:4] = np.hstack([-matrix - weight * r.strong_convexity * np.eye(4), L @ b])
        x = expm(generator * length) @ x
    np.testing.assert_allclose(np.vectorize(lambda v: float(v.mid()))(found[1]), x[:4], rtol=1e-12)


def test_a_diagonal_matrix_two_ways() -> None:
    """Arcs on lines and exponentials of a matrix give overlapping balls."""
    rng = np.random.default_rng(1)
    D, L = rng.uniform(-1, 2, 3), rng.standard_normal((3, 2))
    x0, b = rng.standard_normal(3), rng.standard_normal(2)
    nearly = np.diag(D) + 0.0
    nearly[0, 2] = 5e-324
    times = [R(1, 7), R(6, 7)]
    lines, exponentials = (
        closed_form(ParameterPath(K, L, 0.5, SquaredL2(1.5), 1), x0, b, times) for K in (np.diag(D), nearly)
    )
    assert all(
        (a - c).contains(0) or abs(float((a - c).mid())) < 1e-36
        for a, c in zip(lines.flat, exponentials.flat, strict=True)
    )


@pytest.mark.parametrize("seed", range(4))
def test_solutions_from_a_ball_enclose_those_from_within(seed: int) -> None:
    rng = np.random.default_rng(seed)
    knots = (R(0), R(1))
    c = sorted(rng.uniform(-2, 2, 3), reverse=True)
    fields = tuple((R(0), R(value)) for value in c)
    wide = ball(R(1, 2)).union(ball(R(5, 4)))
    times = [R(n, 4) for n in range(9)]
    own = Line(R(2), knots, fields)
    for start in (R(1, 2), R(3, 4), R(1), R(5, 4)):
        for outer, inner in zip(own.flow(wide, times), own.flow(ball(start), times), strict=True):
            assert lower(outer) <= lower(inner)
            assert upper(outer) >= upper(inner)


def test_a_time_that_may_be_before_or_after_a_kink_is_enclosed() -> None:
    """The kink is passed at log 4/3; at a time nearer to it than balls can tell, both arcs are in the ball."""
    with mpmath.workdps(80):
        kink = mpmath.log(mpmath.mpf(4) / 3)
        for shift in (-1, 0, 1):
            count = int(mpmath.nint(kink * 2**140)) + shift
            (found,) = line(L1(1.0), 1, 1, 1, -2, [R(count, 2**140)])
            elapsed = mpmath.mpf(count) / 2**140 - kink
            truth = mpmath.expm1(-elapsed) if elapsed > 0 else 3 * mpmath.expm1(-elapsed)
            assert mpmath.mpf(lower(found)) <= truth <= mpmath.mpf(upper(found))
            assert float(found.rad()) < 1e-35


BAD: list[Any] = [
    pytest.param(
        L1(1.0), np.array([[1.0, 0.5], [0.0, 1.0]]), [R(1)], "diagonal K", id="coordinates that see each other"
    ),
    pytest.param(GroupL2([0, 0], 1.0), np.eye(2), [R(1)], "closed form", id="groups"),
    pytest.param(Zero(), np.eye(2), [R(3)], "increasing times", id="after the horizon"),
    pytest.param(Zero(), np.eye(2), [R(1), R(1, 2)], "increasing times", id="backwards"),
    pytest.param(Zero(), Piecewise.lines(np.stack([np.eye(2)] * 2)), [R(1)], "constant on pieces", id="lines"),
    pytest.param(
        Zero(), LipschitzCurve(lambda t: np.eye(2) * np.cos(t)[:, None, None], 2.0, 1), [R(1)], "constant", id="a curve"
    ),
    pytest.param(NonNegative(), np.eye(2), [R(1)], "start in the domain", id="a start outside"),
]


@pytest.mark.parametrize(("r", "K", "times", "message"), BAD)
def test_what_has_no_closed_form_is_refused(r: Function, K: Any, times: list[Fraction], message: str) -> None:
    path = ParameterPath(K, np.zeros((2, 1)), 1.0, r, 1)
    with pytest.raises(InputError, match=message):
        closed_form(path, np.array([-1.0, 1.0]), np.zeros(1), times)
