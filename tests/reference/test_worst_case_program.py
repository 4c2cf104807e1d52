"""The certified factor of the semidefinite program: never below the exact theory, and hardly above it."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from fbscheck.certify import kernel
from fbscheck.reference.worst_case import certify_factor
from fbscheck.splitting import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz

KINDS: dict[str, Callable[[Fraction, Fraction], OperatorClass]] = {
    "gradient": GradientOf,
    "lipschitz": StronglyMonotoneLipschitz,
    "cocoercive": lambda mu, ell: StronglyMonotoneCocoercive(mu, 1 / ell),
}


def theory(kind: str, mu: Fraction, ell: Fraction, h: Fraction, sigma: Fraction) -> Fraction:
    """Squared factors, written down anew."""
    forward = {
        "gradient": max((1 - h * mu) ** 2, (1 - h * ell) ** 2),
        "lipschitz": 1 - 2 * h * mu + (h * ell) ** 2,
        "cocoercive": max(1 - 2 * h * s + h * h * s * ell for s in (mu, ell)),
    }[kind]
    return forward / (1 + h * sigma) ** 2


def random_setting(seed: int) -> tuple[str, Fraction, Fraction, Fraction, Fraction]:
    rng = np.random.default_rng(seed)
    ell = Fraction(float(10.0 ** rng.uniform(-4, 4)))
    mu = ell * Fraction(float(rng.choice([0.0, 1e-6, 1e-3, 0.1, 0.5, 0.9, 1.0]) * rng.uniform(0.5, 1.0)))
    h = Fraction(float(10.0 ** rng.uniform(-3, 1))) / ell
    sigma = Fraction(float(rng.choice([0.0, 1e-3, 1.0, 30.0]))) * ell
    return sorted(KINDS)[seed % 3], mu, ell, h, sigma


def accepted(
    kind: str, mu: Fraction, ell: Fraction, h: Fraction, sigma: Fraction, slack: Fraction = Fraction(1, 10**18)
) -> None:
    """Never below; above by 1e-9 relatively, or by an absolute ``slack`` of the square (factors near 0)."""
    found = certify_factor(KINDS[kind](mu, ell), h, sigma)
    exactly = theory(kind, mu, ell, h, sigma)
    assert kernel.conclude(found.record) == found.squared
    assert found.squared >= exactly
    assert found.squared <= exactly * (1 + Fraction(2, 10**9)) + slack


@pytest.mark.parametrize("seed", range(210))
def test_random_settings(seed: int) -> None:
    accepted(*random_setting(seed))


EDGES = {
    "best step": (1, 4, "2/5", 0),
    "h = 2/ell": (1, 4, "1/2", 0),
    "h = 1/ell": (1, 4, "1/4", 0),
    "mu = ell": (4, 4, "1/3", 0),
    "mu = ell, h = 1/ell": (4, 4, "1/4", 0),
    "mu = 0": (0, 4, "1/3", 0),
    "mu = 0, h = 2/ell": (0, 4, "1/2", 0),
    "tiny step": (1, 4, "1/100000000", 0),
    "long step": (1, 4, "1000000", 0),
    "large sigma": (1, 4, "2/5", 10**6),
    "ill conditioned": (1, 10**8, "1/100000000", 0),
    "nearly isotropic": ("999999/1000000", 1, 1, 0),
    "tiny constants": ("1/10000000000", "1/1000000000", 10**9, 0),
    "huge constants": (10**10, 10**12, "1/1000000000000", 10**12),
    "just below the best step": (1, 4, "399999/1000000", 0),
    "just above the best step": (1, 4, "400001/1000000", 0),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("kind", KINDS)
def test_edges(kind: str, edge: str) -> None:
    mu, ell, h, sigma = map(Fraction, EDGES[edge])
    accepted(kind, mu, ell, h, sigma, Fraction(1, 10**13) if edge == "nearly isotropic" else Fraction(1, 10**18))


def test_a_bound_below_the_theory_would_be_noticed() -> None:
    found = certify_factor(GradientOf(1, 4), Fraction(2, 5))
    assert found.squared * Fraction(99, 100) < theory("gradient", Fraction(1), Fraction(4), Fraction(2, 5), Fraction(0))


def directly(kind: str, mu: float, ell: float, h: float, sigma: float) -> float:
    """The primal program in cvxpy: a Gram matrix of (d, v, s), with the inequalities of the class on it."""
    gram = cp.Variable((3, 3), PSD=True)
    d, v, s = np.eye(3)
    move = d - h * v - h * s

    def inner(x: np.ndarray, y: np.ndarray) -> Any:
        return cp.sum(cp.multiply((np.outer(x, y) + np.outer(y, x)) / 2, gram))

    on_class = {
        "gradient": [inner(v - mu * d, ell * d - v) >= 0],
        "lipschitz": [inner(v, d) >= mu * inner(d, d), inner(v, v) <= ell**2 * inner(d, d)],
        "cocoercive": [inner(v, d) >= mu * inner(d, d), inner(v, d) >= inner(v, v) / ell],
    }[kind]
    problem = cp.Problem(
        cp.Maximize(inner(move, move)), [*on_class, inner(d, d) == 1, inner(s, move) >= sigma * inner(move, move)]
    )
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    assert problem.status == cp.OPTIMAL
    return float(problem.value)


@pytest.mark.parametrize(
    ("mu", "ell", "h", "sigma"), [(1.0, 4.0, 0.25, 0.0), (0.5, 2.0, 0.9, 1.0), (0.0, 1.0, 1.5, 0.5)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_program_in_cvxpy(kind: str, mu: float, ell: float, h: float, sigma: float) -> None:
    numbers = tuple(Fraction(t) for t in (mu, ell, h, sigma))
    operators = KINDS[kind](*numbers[:2])
    assert float(certify_factor(operators, *numbers[2:]).squared) == pytest.approx(
        directly(kind, mu, ell, h, sigma), abs=1e-6
    )
