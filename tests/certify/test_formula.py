"""Formulas: what they give agrees with numbers, and a sign that is not manifest is refused."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from fbscheck.certify.balls import clip, maximum, minimum, norm
from fbscheck.certify.formula import Formula, Undetermined, Variables

V = Variables(("r", "h"), ("a",), {"w": ("r", Fraction(4, 3))})
r, h, a, w = (Formula.variable(V, name) for name in "rhaw")
POINT = {"r": Fraction(3, 7), "h": Fraction(5, 2), "a": Fraction(-2, 3)}


def number(f: Formula) -> mpmath.mpf:
    """The value at the point, from the ball around it."""
    with mpmath.workdps(40):
        return mpmath.mpf(f.at(POINT).mid().str(30, radius=False))


FORMULAS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "rational": (
        lambda r, h, a: (r * r + 2 * h * r - a) / (1 + h * h),
        lambda r, h, a: (r**2 + 2 * h * r - a) / (1 + h**2),
    ),
    "log": (lambda r, h, a: h * ((1 + r) * r / 6).log(), lambda r, h, a: h * mpmath.log((1 + r) * r / 6)),
    "root of a square": (lambda r, h, a: ((1 + r) * (1 + r) / 4).sqrt(), lambda r, h, a: (1 + r) / 2),
    "root": (lambda r, h, a: a * (8 * r * r * (1 + r)).sqrt(), lambda r, h, a: a * mpmath.sqrt(8 * r * r * (1 + r))),
    "root squared": (lambda r, h, a: (8 * r).sqrt() * (8 * r).sqrt(), lambda r, h, a: 8 * r),
    "exponential": (lambda r, h, a: (2 * (1 + r).log()).exp(), lambda r, h, a: (1 + r) ** 2),
    "tanh": (lambda r, h, a: (1 + r).log().tanh(), lambda r, h, a: mpmath.tanh(mpmath.log(1 + r))),
    "dilogarithm": (lambda r, h, a: (1 / (1 + r)).polylog(2), lambda r, h, a: mpmath.polylog(2, 1 / (1 + r))),
    "power": (lambda r, h, a: r ** (1 / 3 - 1 / 3 + 4 / 3 - 1 / 3), lambda r, h, a: r),
    "power variable": (lambda r, h, a: r ** Fraction(1, 3) * h, lambda r, h, a: mpmath.cbrt(r) * h),
    "hypot": (lambda r, h, a: (h * h - r).hypot(2 * h * r.sqrt()), lambda r, h, a: h * h + r),
}


@pytest.mark.parametrize(("mine", "theirs"), FORMULAS.values(), ids=FORMULAS)
def test_formulas_agree_with_numbers(mine: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    with mpmath.workdps(40):
        at = {name: mpmath.mpf(x.numerator) / x.denominator for name, x in POINT.items()}
        expected = theirs(**at)
        assert abs(number(mine(r, h, a)) - expected) <= 1e-25 * (1 + abs(expected))


@pytest.mark.parametrize(("mine", "theirs"), FORMULAS.values(), ids=FORMULAS)
def test_derivatives_agree_with_differences(mine: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    with mpmath.workdps(40):
        at = {name: mpmath.mpf(x.numerator) / x.denominator for name, x in POINT.items()}
        expected = mpmath.diff(lambda x: theirs(x, at["h"], at["a"]), at["r"])
        assert abs(number(mine(r, h, a).derivative("r")) - expected) <= 1e-15 * (1 + abs(expected))


SIGNS: dict[str, tuple[Callable[[], Any], int | None]] = {
    "positive": (lambda: (1 + r) * h, 1),
    "negative": (lambda: -h / (1 + r), -1),
    "zero": (lambda: (1 + r) * (1 - r) + r * r - 1, 0),
    "a square of any sign": (lambda: 1 + a * a, 1),
    "logarithm above 1": (lambda: (1 + r).log(), 1),
    "difference of logarithms": (lambda: r.log() - (1 + r).log(), -1),
    "difference of positives": (lambda: r - h, None),
    "any sign": (lambda: a + 1, None),
    "a square that may vanish": (lambda: a * a, None),
    "logarithm": (lambda: r.log(), None),
    "positive, but not manifestly": (lambda: r * r - r + 1, None),
}


@pytest.mark.parametrize(("formula", "sign"), SIGNS.values(), ids=SIGNS)
def test_signs_are_manifest_or_refused(formula: Callable[[], Formula], sign: int | None) -> None:
    if sign is not None:
        assert formula().sign() == sign
        assert (formula() > 0, formula() < 0, formula() == 0) == (sign > 0, sign < 0, sign == 0)
        return
    with pytest.raises(Undetermined):
        formula().sign()


LIMITS: dict[str, tuple[Callable[[], Formula], float]] = {
    "rational": (lambda: (3 * r + r * r) / (2 * r), 1.5),
    "infinite": (lambda: -h / r, -math.inf),
    "power": (lambda: w / r, 0.0),
    "logarithm": (lambda: 1 - (r / (1 + r)).log(), math.inf),
    "logarithm times zero": (lambda: 2 + r * r.log(), 2.0),
    "at infinity": (lambda: ((2 * r + 1) / (r + 3)).inverted("r"), 2.0),
    "power at infinity": (lambda: (w / r).inverted("r"), math.inf),
    "logarithms at infinity": (lambda: ((2 * r + 1).log() - (r + 1).log()).inverted("r"), math.log(2)),
}


@pytest.mark.parametrize(("formula", "expected"), LIMITS.values(), ids=LIMITS)
def test_limits(formula: Callable[[], Formula], expected: float) -> None:
    found = formula().limit("r")
    assert (float(found.at(POINT)) if isinstance(found, Formula) else found) == pytest.approx(expected)


def test_a_limit_of_the_form_infinity_minus_infinity_is_refused() -> None:
    with pytest.raises(Undetermined):
        (1 / r + r.log()).limit("r")


def test_what_is_written_for_balls_runs_on_formulas() -> None:
    x = np.array([1 + r, -h], dtype=object)
    for mine, other in zip(clip(x, -h / 2, 1.0), (1, -h / 2), strict=True):
        assert mine == other
    assert maximum(x, 0.5)[0] == 1 + r and minimum(x, 0.0)[1] == -h
    circle = np.array([2 * a, 1 - a * a], dtype=object) * (r / (1 + a * a))
    assert norm(circle) == r


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: r.log() * h.log(), id="product of logarithms"),
        pytest.param(lambda: 1 / r.log(), id="quotient by a logarithm"),
        pytest.param(lambda: (1 - r).log(), id="logarithm of any sign"),
        pytest.param(lambda: (1 + r).exp(), id="exponential of a variable"),
        pytest.param(lambda: (r - h).sqrt(), id="root of any sign"),
        pytest.param(lambda: r**0.3, id="another power"),
        pytest.param(lambda: h / 0, id="quotient by zero"),
        pytest.param(lambda: h * Formula.variable(Variables(("r", "h")), "h"), id="other variables"),
        pytest.param(lambda: abs(r - 1), id="absolute value of any sign"),
    ],
)
def test_what_is_no_formula_is_refused(wrong: Callable[[], Any]) -> None:
    with pytest.raises(Undetermined):
        wrong()


def test_an_infinite_number_stays_infinite() -> None:
    assert r + math.inf == math.inf and -math.inf < r < math.inf


@pytest.mark.parametrize(
    "unclear",
    [
        pytest.param(lambda: (r - 1) / (r - 1), id="0/0 at 1"),
        pytest.param(lambda: 1 / (w * w * w - r * r * r * r), id="powers that cancel"),
        pytest.param(lambda: (r - 1) ** -1, id="a negative power"),
        pytest.param(lambda: (1 + r).polylog(2), id="a dilogarithm beyond 1"),
        pytest.param(lambda: r + math.nan, id="NaN added"),
        pytest.param(lambda: r <= math.nan, id="NaN compared"),
        pytest.param(lambda: minimum(np.array([r], dtype=object), math.nan), id="the smaller of NaN"),
    ],
)
def test_what_may_be_no_number_is_refused(unclear: Callable[[], Any]) -> None:
    with pytest.raises(Undetermined):
        unclear()
