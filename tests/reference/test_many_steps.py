"""Several steps: tables, the same program in cvxpy, and simulated instances that must stay below the bounds."""

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from fbscheck.certify import kernel
from fbscheck.certify.instances import attained
from fbscheck.errors import InputError, SolverError
from fbscheck.reference import many_steps
from fbscheck.reference.many_steps import certify_steps
from fbscheck.splitting import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.splitting.classes import factor_squared
from fbscheck.splitting.extremal import to_fixed_point

KINDS: dict[str, Callable[[Fraction, Fraction], OperatorClass]] = {
    "gradient": GradientOf,
    "lipschitz": StronglyMonotoneLipschitz,
    "cocoercive": lambda mu, ell: StronglyMonotoneCocoercive(mu, 1 / ell),
}
TENTH = GradientOf(Fraction(1, 10), Fraction(1))
UNIT = Fraction(1)


def alternating(count: int) -> list[Fraction]:
    return ([Fraction(19, 10), Fraction(1, 10)] * count)[:count]


# -- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reach", [None, 1, 2])
@pytest.mark.parametrize("count", [1, 2, 5, 10, 20])
def test_constant_steps(count: int, reach: int | None) -> None:
    """.81^N, whether found step by step or by the joint program."""
    exactly = Fraction(81, 100) ** count
    found = certify_steps(TENTH, [UNIT] * count, reach=reach)
    joint = many_steps._joint(TENTH, [UNIT] * count, Fraction(0), reach or 1)
    for proof in (found, joint):
        assert kernel.conclude(proof.record) == proof.squared
        assert exactly <= proof.squared <= exactly * (1 + Fraction(1, 10**6))


KNOWN = {2: 0.793881, 4: 0.520711, 10: 0.146918}


@pytest.mark.parametrize("count", KNOWN)
def test_alternating_steps_to_a_fixed_point(count: int) -> None:
    """Against values of the full interpolation program, known to six digits: below by their rounding at most."""
    found = certify_steps(TENTH, alternating(count))
    assert kernel.conclude(found.record) == found.squared
    assert KNOWN[count] - 5e-7 <= float(found.squared) <= KNOWN[count] * (1 + 1e-5)


def test_beyond_ten_steps_layers_at_most_three_apart_are_compared() -> None:
    """By default; for twenty steps that gives .0182, where the product is .0994."""
    for count, reach in ((10, 9), (12, 3)):
        terms = certify_steps(TENTH, alternating(count)).record["terms"]
        assert max(abs(i - j) for _, i, j, _ in terms if i and j) == reach
    assert float(certify_steps(TENTH, alternating(20)).squared) < 0.0182 < 0.0994


def test_one_step_after_the_other_if_nothing_is_gained() -> None:
    """For equal steps the product is attained, so that no layers are compared."""
    assert all(not (i and j) for _, i, j, _ in certify_steps(TENTH, [UNIT] * 4).record["terms"])


def test_more_reach_never_hurts() -> None:
    bounds = [certify_steps(TENTH, alternating(6), reach=reach).squared for reach in (0, 1, 3, 6)]
    assert all(later <= earlier * (1 + Fraction(1, 10**6)) for earlier, later in zip(bounds, bounds[1:], strict=False))
    assert bounds[-1] < Fraction(9, 10) * bounds[0]


def test_one_sided_slopes_nearly_attain_the_bound_for_four_steps() -> None:
    """f = x for x > 0 and x/10 for x < 0, from x_0 = 1 to the fixed point 0: .5105 against .5207, by hand."""
    x = Fraction(1)
    for h in alternating(4):
        x -= h * (x if x > 0 else x / 10)
    bound = certify_steps(TENTH, alternating(4)).squared
    assert Fraction(98, 100) * bound < x * x <= bound


@pytest.mark.parametrize("kind", ["gradient", "lipschitz"])
@pytest.mark.parametrize(("mu", "ell"), [(0, 0), (0, 1), (1, 1)])
def test_edges_of_the_classes(kind: str, mu: int, ell: int) -> None:
    """Step length 1/ell for mu = ell makes the product zero; the joint program is asked for as well."""
    operators, steps = KINDS[kind](Fraction(mu), Fraction(ell)), [Fraction(1), Fraction(1, 2), Fraction(1)]
    product = prod(factor_squared(operators, step, Fraction(0)) for step in steps)
    for reach in (None, 3):
        found = certify_steps(operators, steps, reach=reach)
        assert attained(to_fixed_point(operators, steps, Fraction(0)))[0] <= found.squared
        assert found.squared <= product * (1 + Fraction(1, 10**9)) + Fraction(1, 10**12)


# -- planted errors -----------------------------------------------------------------------------


def test_a_record_with_other_steps_does_not_prove_the_bound() -> None:
    """The certificate of alternating steps says less, or nothing, about steps in another order."""
    found = certify_steps(TENTH, alternating(4))
    other = {**found.record, "steps": found.record["steps"][::-1]}
    try:
        assert kernel.conclude(other) > found.squared
    except kernel.Refusal:
        pass


def test_multipliers_that_are_no_proof_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    propose = many_steps._propose

    def halved(program: list[Any], shift: float) -> Any:
        return [part / 2 for part in propose(program, shift) or []]

    monkeypatch.setattr(many_steps, "_propose", halved)
    with pytest.raises(SolverError, match="could not be rounded"):
        certify_steps(TENTH, alternating(4), reach=4)
    monkeypatch.setattr(many_steps, "_propose", lambda program, shift: None)
    with pytest.raises(SolverError, match="could not be rounded"):
        certify_steps(TENTH, alternating(4), reach=4)


@pytest.mark.parametrize("steps", [[], [UNIT, Fraction(0)], [Fraction(-1)]])
def test_steps_must_be_positive(steps: list[Fraction]) -> None:
    with pytest.raises(InputError, match="at least one step"):
        certify_steps(TENTH, steps)


# -- against cvxpy ------------------------------------------------------------------------------


def directly(kind: str, mu: float, ell: float, steps: list[float], sigma: float) -> float:
    """The primal program to a fixed point: a Gram matrix of (d_0, v, s) and function values, all pairs compared."""
    count = len(steps)
    unit = np.eye(2 * count + 1)
    gram = cp.Variable((2 * count + 1, 2 * count + 1), PSD=True)
    v, s = [*unit[1 : count + 1]], [*unit[count + 1 :]]
    d = [unit[0]]
    for h, forward, backward in zip(steps, v, s, strict=True):
        d.append(d[-1] - h * forward - h * backward)
    zero = np.zeros(2 * count + 1)

    def inner(x: np.ndarray, y: np.ndarray) -> Any:
        return cp.sum(cp.multiply((np.outer(x, y) + np.outer(y, x)) / 2, gram))

    constraints = [inner(unit[0], unit[0]) == 1]
    of_f, of_g = ([*d[:-1], zero], [*v, zero]), ([*d[1:], zero], [*s, zero])
    values_f, values_g = cp.Variable(count + 1), cp.Variable(count + 1)
    for i in range(count + 1):
        for j in range(count + 1):
            x, y = of_f[0][i] - of_f[0][j], of_f[1][i] - of_f[1][j]
            if i != j and kind == "gradient":
                quadratic = inner(y, y) / ell + mu * inner(x, x) - 2 * mu / ell * inner(y, x)
                change = values_f[i] - values_f[j] - inner(of_f[1][j], x)
                constraints.append(2 * (1 - mu / ell) * change >= quadratic)
            elif i < j:
                constraints.append(inner(y, x) >= mu * inner(x, x))
                lipschitz = inner(y, y) <= ell**2 * inner(x, x)
                constraints.append(lipschitz if kind == "lipschitz" else inner(y, x) >= inner(y, y) / ell)
            x = of_g[0][i] - of_g[0][j]
            if i != j:
                constraints.append(values_g[i] - values_g[j] - inner(of_g[1][j], x) >= sigma / 2 * inner(x, x))
    problem = cp.Problem(cp.Maximize(inner(d[-1], d[-1])), constraints)
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-8, tol_gap_rel=1e-8, tol_feas=1e-8)
    assert problem.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)
    return float(problem.value)


@pytest.mark.parametrize(
    ("mu", "ell", "steps", "sigma"),
    [(0.1, 1.0, [1.9, 0.1, 1.9, 0.1], 0.0), (0.5, 4.0, [0.55, 0.1, 0.45], 0.25), (0.0, 2.0, [0.9, 0.2, 1.2], 0.5)],
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
def test_the_same_program_in_cvxpy(kind: str, mu: float, ell: float, steps: list[float], sigma: float) -> None:
    """So the bound times .99 has no proof: the primal has a feasible point above it."""
    exact = [Fraction(step) for step in steps]
    found = many_steps._joint(KINDS[kind](Fraction(mu), Fraction(ell)), exact, Fraction(sigma), len(steps))
    assert kernel.conclude(found.record) == found.squared
    assert float(found.squared) == pytest.approx(directly(kind, mu, ell, steps, sigma), rel=1e-6, abs=1e-7)


# -- against simulations ------------------------------------------------------------------------


def setting(seed: int) -> tuple[str, Fraction, Fraction, list[Fraction], Fraction]:
    rng = np.random.default_rng(seed)
    ell = Fraction(float(10.0 ** rng.uniform(-3, 3)))
    mu = ell * Fraction(float(rng.choice([0.0, 1e-3, 0.1, 0.5, 0.9, 1.0])))
    low = -2 if seed % 4 else -5
    steps = [Fraction(float(10.0 ** rng.uniform(low, 0.4) / float(ell))) for _ in range(int(rng.integers(1, 7)))]
    return sorted(KINDS)[seed % 3], mu, ell, steps, ell * Fraction(float(rng.choice([0.0, 0.01, 1.0])))


@pytest.mark.parametrize("seed", range(60))
def test_attained_never_exceeds_certified_and_the_product_bounds_both(seed: int) -> None:
    kind, mu, ell, steps, sigma = setting(seed)
    operators = KINDS[kind](mu, ell)
    product = prod(factor_squared(operators, step, sigma) for step in steps)
    found = certify_steps(operators, steps, sigma)
    assert kernel.conclude(found.record) == found.squared
    assert attained(to_fixed_point(operators, steps, sigma))[0] <= found.squared
    assert found.squared <= product * (1 + Fraction(1, 10**8))


def ratio(kind: str, mu: float, ell: float, steps: list[float], sigma: float, rng: np.random.Generator) -> float:
    """The ratio of a random instance to its fixed point, in the plane or in R^4.

    f is a sum of kinked gradients in a rotated basis or, if the class allows it, turns in planes;
    g = sigma |x|^2/2 + weight |x|_1 or a box.
    """
    size = 2 if rng.random() < 0.5 else 4
    basis = np.linalg.qr(rng.standard_normal((size, size)))[0]
    low, high = np.sort(rng.normal(size=(2, size)) * 10.0 ** rng.uniform(-2, 1), axis=0)
    slopes = rng.uniform(mu, ell, (2, size)) if rng.random() < 0.3 else rng.choice([mu, ell], (2, size))
    turn = 0.0
    if kind != "gradient" and rng.random() < 0.7:
        a = rng.choice([mu, rng.uniform(mu, ell)])
        turn = np.sqrt(max(ell**2 - a**2 if kind == "lipschitz" else a * ell - a**2, 0.0)) * rng.choice([-1, 1])
        slopes = np.full((2, size), a)
    swap = np.kron(np.eye(size // 2), np.array([[0.0, -1.0], [1.0, 0.0]]))

    def forward(x: np.ndarray) -> np.ndarray:
        z = basis.T @ x
        bent = slopes[0] * z + (slopes[1] - slopes[0]) * np.clip(z, low, high)
        return np.asarray(basis @ (bent + turn * swap @ z))

    weight, box = rng.choice([0.0, rng.uniform(0, 2)]) * ell, rng.random() < 0.3

    def backward(u: np.ndarray, h: float) -> np.ndarray:
        u = (u + h * tilt) / (1 + h * sigma)
        if box:
            return np.clip(u, -1.0, 1.0)
        return np.asarray(np.sign(u) * np.maximum(np.abs(u) - h * weight / (1 + h * sigma), 0.0))

    fixed = rng.choice([-1.0, 0.0, 1.0, 0.3], size)
    inside = np.where(fixed == 0.0, rng.uniform(-1, 1, size), np.sign(fixed)) * weight
    if box:
        inside = np.where(np.abs(fixed) == 1.0, np.sign(fixed) * rng.uniform(0, 2, size) * ell, 0.0)
    tilt = forward(fixed) + sigma * fixed + inside
    x = fixed + rng.standard_normal(size) * 10.0 ** rng.uniform(-1, 1)
    start = x
    for h in steps:
        assert np.allclose(backward(fixed - h * forward(fixed), h), fixed, atol=1e-9)
        x = backward(x - h * forward(x), h)
    return float(np.sum((x - fixed) ** 2) / np.sum((start - fixed) ** 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_random_instances_stay_below(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ell = float(rng.choice([0.5, 1.0, 3.0]))
    mu, sigma = ell * float(rng.choice([0.0, 0.1, 0.5])), float(rng.choice([0.0, 0.3]))
    steps = [float(rng.choice([0.1, 0.5, 1.0, 1.9, 2.3])) / ell for _ in range(int(rng.integers(2, 6)))]
    found = certify_steps(KINDS[kind](Fraction(mu), Fraction(ell)), [Fraction(h) for h in steps], Fraction(sigma))
    largest = max(ratio(kind, mu, ell, steps, sigma, rng) for _ in range(300))
    assert 0.05 * float(found.squared) < largest <= float(found.squared) * (1 + 1e-9)
