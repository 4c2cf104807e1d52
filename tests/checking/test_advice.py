"""What the constants mean for splitting: each number in a remark is tried on matrices that may or must obey it."""

import math
import re
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from fbscheck.checking.advice import advice
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.matrices import bracket
from fbscheck.checking.questions import Found
from fbscheck.checking.session import check
from fbscheck.checking.steps import best_step, classes, factor_above, factor_below, plot

RNG = np.random.default_rng(0)
NUMBER = r"(-?\d[\d.e+-]*\d|-?\d)"


def known(K: Any, certain: bool = True) -> dict[str, Found]:
    """The constants of a matrix, or what a black box would attain."""
    found = {}
    for name, (low, high) in bracket(K).items():
        attained, certified = (low, high) if CONSTANTS[name].worse > 0 else (high, low)
        found[name] = Found(attained, certified if certain else None, "a", "c")
    return found


def number(pattern: str, remarks: tuple[str, ...]) -> tuple[float, ...]:
    """The numbers of the one remark that fits."""
    (found,) = [match for line in remarks if (match := re.search(pattern.replace("#", NUMBER), line))]
    return tuple(map(float, found.groups()))


def factor(K: np.ndarray, step: float) -> float:
    return float(np.linalg.norm(np.eye(len(K)) - step * K, 2))


def symmetric(mu: float, ell: float, size: int = 5) -> np.ndarray:
    q = np.linalg.qr(RNG.normal(size=(size, size)))[0]
    K = (q * np.linspace(mu, ell, size)) @ q.T
    return (K + K.T) / 2


MATRICES: dict[str, Any] = {
    "symmetric": symmetric(0.5, 2.0),
    "one number": np.array([[3.0]]),
    "rotation and contraction": np.array([[1.0, -2.0], [2.0, 1.0]]),
    "not normal": np.array([[1.0, 1.5], [0.0, 2.0]]),
    "nearly a rotation": np.array([[0.01, -1.0], [1.0, 0.01]]),
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_best_step_contracts_as_promised(name: str) -> None:
    K = MATRICES[name]
    remarks = check(K).remarks
    promised, step = number("x - hT\\(x\\) contracts by # or better at h = #", remarks)
    assert factor(K, step) <= promised < 1
    (top,) = number("every step in \\(0, #\\) makes", remarks)
    assert factor(K, 0.999 * top) <= 1 + 1e-12
    assert max(factor(K, 1.02 * top), factor(K, 1.2 * top)) > 1


def test_for_a_gradient_the_best_step_is_that_of_the_books() -> None:
    K = MATRICES["symmetric"]
    promised, step = number("contracts by # or better at h = #", check(K).remarks)
    assert step == pytest.approx(2 / 2.5, rel=1e-3)
    assert promised == pytest.approx(1.5 / 2.5, rel=1e-3)
    assert promised == pytest.approx(min(factor(K, h) for h in np.linspace(0.01, 1.5, 2000)), rel=2e-3)


def test_one_number_is_a_gradient_and_a_rotation_is_none() -> None:
    assert [type(one).__name__ for one in classes(known(np.eye(2)), True)][:1] == ["GradientOf"]
    assert "GradientOf" not in [type(one).__name__ for one in classes(known(np.eye(2)), False)]
    promised, step = number("contracts by # or better at h = #", check("sympy:2*x + tanh(x)").remarks)
    assert step == pytest.approx(0.4, abs=0.05) and promised < 0.25
    assert not any("contracts by" in line for line in check(np.array([[0.0, -1.0], [1.0, 0.0]])).remarks)


@pytest.mark.parametrize("name", MATRICES)
def test_the_factor_lies_between_the_curves(name: str) -> None:
    K = MATRICES[name]
    found, gradient = known(K), np.array_equal(K, K.T)
    over = classes(found, gradient)
    for step in np.linspace(0, 2.5 / found["lipschitz"].attained, 31):
        truth = factor(K, step)
        assert factor_below(found, Fraction(step)) - 1e-12 <= truth <= factor_above(over, Fraction(step)) + 1e-12
        if gradient:
            assert factor_above(over, Fraction(step)) == pytest.approx(truth, abs=1e-12)


def test_planted_a_gradient_that_is_none_promises_too_much() -> None:
    K = MATRICES["rotation and contraction"]
    over = classes(known(K), True)
    step = best_step(over)
    assert step is not None and factor_above(over, step) < factor(K, float(step))


@pytest.mark.parametrize("name", [name for name in MATRICES if name != "one number"])
def test_planted_constants_one_per_cent_too_good_promise_too_much(name: str) -> None:
    K = MATRICES[name]
    found, gradient = known(K), np.array_equal(K, K.T)
    wrong = {n: Found(f.attained, f.certified * (1 - 0.01 * CONSTANTS[n].worse), "a", "c") for n, f in found.items()}
    over = [classes(which, gradient) for which in (found, wrong)]
    steps = [Fraction(h) for h in np.linspace(0.01, 2 / found["lipschitz"].attained, 60)]
    assert all(factor_above(over[0], h) >= factor(K, float(h)) - 1e-12 for h in steps)
    assert any(factor_above(over[1], h) < factor(K, float(h)) - 1e-4 for h in steps)


def test_the_plot_holds_both_curves_and_the_best_step(tmp_path: Any) -> None:
    results = check(MATRICES["symmetric"], claims=["lipschitz", "monotonicity"]).results
    (drawn,) = (plot for plot in results[0].plots if plot.name == "steps")
    above, below, best = drawn.curves
    assert drawn.claim == "lipschitz" and "steps" not in {plot.name for plot in results[1].plots}
    assert all(low <= high + 1e-12 for low, high in zip(below.y, above.y, strict=True))
    assert above.y[0] == 1 and min(above.y) >= best.y[0] - 1e-12 and best.style == "points"
    assert plot(known(-np.eye(2)), True, "lipschitz") is None
    assert plot({"lipschitz": known(np.eye(2))["lipschitz"]}, True, "lipschitz") is None


def test_a_black_box_has_the_curve_from_below_alone() -> None:
    found = check(lambda x: 2 * x, 2, budget=0.2)
    (drawn,) = [p for result in found.results for p in result.plots if p.name == "steps"]
    assert [curve.label for curve in drawn.curves] == ["at least (pairs of points)"]
    for step, value in zip(drawn.curves[0].x, drawn.curves[0].y, strict=True):
        assert value <= abs(1 - 2 * step) + 1e-12


def contracts(K: np.ndarray, mu: float, ell: float, step: float) -> bool:
    """Whether the worst of the quadratics does for T(x - h grad f(x)), f with curvatures mu and ell along axes."""
    worst = max(np.linalg.norm(K @ np.diag(1 - step * np.array(c)), 2) for c in product((mu, ell), repeat=len(K)))
    return bool(worst < 1)


EXPANSIVE = {"small residual": np.diag([1.2, 0.9]), "by the residual": np.array([[0.9, -0.3], [0.3, 1.1]])}


@pytest.mark.parametrize("name", EXPANSIVE)
def test_the_steps_for_a_denoiser_contract(name: str) -> None:
    K = EXPANSIVE[name]
    least, most, ratio = number("contracts for #/mu < h < #/ell; exists if ell/mu < #", check(K).remarks)
    bound = min(1 + np.linalg.norm(np.eye(2) - K, 2), np.linalg.norm(K, 2))
    assert (least, most) == pytest.approx((1 - 1 / bound, 1 + 1 / bound), abs=2e-5)
    assert ratio == pytest.approx((bound + 1) / (bound - 1), rel=2e-5)
    mu, ell = 1.0, 0.95 * ratio
    for step in np.linspace(least / mu, most / ell, 7)[1:-1]:
        assert contracts(K, mu, ell, step)
    assert not contracts(K, mu, mu, 0.98 * least / mu) and not contracts(K, ell, ell, 1.02 * most / ell)


@pytest.mark.parametrize("eps", [0.05, 0.3, 1.0, 1.7])
def test_with_the_residual_alone_it_is_ryus_condition(eps: float) -> None:
    """The formulas of arXiv 1905.05406, Theorem 1, as they stand there."""
    found = {"residual": Found(eps, eps, "a", "c"), "lipschitz": Found(1.0, math.inf, "a", "c")}
    least, most, ratio = number("contracts for #/mu < h < #/ell; exists if ell/mu < #", advice(found))
    mu, ell = 1.3, 1.3 * ratio * 0.999
    assert least / mu == pytest.approx(1 / (mu * (1 + 1 / eps)), rel=1e-4)
    assert most / ell == pytest.approx(2 / ell - 1 / (ell * (1 + 1 / eps)), rel=1e-4)
    assert eps < 2 * mu / (ell - mu) < 1.01 * eps
    assert least >= eps / (1 + eps) and most <= (2 + eps) / (1 + eps) and ratio <= 1 + 2 / eps


@pytest.mark.parametrize(
    ("operator", "settings", "head", "said"),
    [
        (-np.eye(2), {}, "As forward", "not cocoercive, as it is not monotone: mu <= -1 (a pair)"),
        (np.array([[0.0, -1.0], [1.0, 0.0]]), {}, "As forward", "not cocoercive, as beta <= "),
        (2 * np.eye(2), {}, "As a layer", "not nonexpansive: its Lipschitz constant is 2 or more"),
        (np.eye(2) / 2, {}, "As a layer", "averaged with alpha = 0.25, firmly nonexpansive"),
        (np.eye(2) / 2, {}, "As a denoiser", "contracts for 0 < h < 2/ell."),
        (lambda x: x / 2, {"dim": 2, "budget": 0.2}, "As forward", "steps h >= 4"),
        (lambda x: x / 2, {"dim": 2, "budget": 0.2}, "As a layer", "averaged with no less than alpha = 0.2"),
        (lambda x: 1.5 * x, {"dim": 2, "budget": 0.2}, "As a denoiser", "breaks Ryu's condition if ell/mu >= 5"),
    ],
)
def test_one_remark_a_fact(operator: Any, settings: dict[str, Any], head: str, said: str) -> None:
    found = check(operator, **settings)
    assert any(said in remark for remark in found.remarks if remark.startswith(head)), found.remarks
    assert len(set(found.remarks)) == len(found.remarks) and all(len(remark) < 150 for remark in found.remarks)
    assert bool(settings) is any("T is a black box" in remark for remark in found.remarks)


def test_an_attained_number_promises_nothing() -> None:
    remarks = " ".join(advice(known(MATRICES["symmetric"], certain=False), True))
    assert "every step" not in remarks and "contracts" not in remarks and "cannot make" in remarks


def test_displayed_numbers_are_rounded_to_the_harmless_side() -> None:
    remarks = check(np.diag([1 / 3, 2 / 3])).remarks
    (top,) = number("every step in \\(0, #\\)", remarks)
    assert top <= 3 and Fraction(top) * Fraction(2 / 3) <= 2
    (alpha,) = number("averaged with alpha = #", remarks)
    assert Fraction(alpha) >= (1 - Fraction(1 / 3)) / 2
