"""Every multiplier identity behind the contraction factors, expanded symbolically by sympy.

The hypotheses are written out here anew as polynomials in inner products; ``fbscheck.proofs`` gives
the multipliers only.  Each regime is parametrised by positive symbols, so that every multiplier and
every coefficient of a square is a quotient of polynomials without a negative coefficient.
"""

from fractions import Fraction
from typing import Any

import pytest
from fbscheck.proofs.multipliers import FORWARD, multipliers, regime
from sympy import QQ
from sympy.polys.fields import field

# rational functions over the rationals, always in lowest terms; p, q, u and sigma stand for positive numbers
FIELD, p, q, u, sigma, dd, dv, ds, vv, vs, ss = field("p, q, u, sigma, dd, dv, ds, vv, vs, ss", QQ)
ZERO, ONE = FIELD.zero, FIELD.one
GRAM = {(0, 0): dd, (0, 1): dv, (0, 2): ds, (1, 1): vv, (1, 2): vs, (2, 2): ss}
D, V, S = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def inner(x: Any, y: Any) -> Any:
    """<x, y> for combinations of (d, v, s)."""
    return sum((a * b * GRAM[min(i, j), max(i, j)] for i, a in enumerate(x) for j, b in enumerate(y)), ZERO)


def combine(a: Any, x: Any, b: Any, y: Any) -> tuple[Any, ...]:
    return tuple(a * s + b * t for s, t in zip(x, y, strict=True))


def on_gradients(mu: Any, ell: Any) -> list[Any]:
    return [inner(combine(1, V, -mu, D), combine(ell, D, -1, V)), dv - mu * dd, ell**2 * dd - vv]


def on_lipschitz(mu: Any, ell: Any) -> list[Any]:
    return [dv - mu * dd, ell**2 * dd - vv]


def on_cocoercive(mu: Any, beta: Any) -> list[Any]:
    return [dv - mu * dd, dv - beta * vv]


SHORT, LONG = 2 / ((2 * q + p) * (1 + u)), 2 * (1 + u) / (2 * q + p)
"""Steps below and above 2/(mu + ell), with ell = mu + p."""
BETA_OF = 1 / (q + p)
"""A cocoercivity with mu beta < 1, for mu = q."""

REGIMES: dict[str, tuple[str, tuple[Any, Any], Any, Any, Any, list[tuple[Any, tuple[Any, ...]]]]] = {
    # name: regime, constants, step, squared forward factor, hypotheses, squares (coefficient, vector)
    "gradient, short": (
        "gradient, h <= 2/(mu+ell)",
        (q, q + p),
        SHORT,
        (1 - SHORT * q) ** 2,
        on_gradients(q, q + p),
        [(SHORT * (2 - SHORT * (2 * q + p)) / p, combine(1, V, -q, D))],
    ),
    "gradient, long": (
        "gradient, h >= 2/(mu+ell)",
        (q, q + p),
        LONG,
        (LONG * (q + p) - 1) ** 2,
        on_gradients(q, q + p),
        [(LONG * (LONG * (2 * q + p) - 2) / p, combine(q + p, D, -1, V))],
    ),
    "gradient, best step": (
        "gradient, h <= 2/(mu+ell)",
        (q, q + p),
        2 / (2 * q + p),
        (p / (2 * q + p)) ** 2,
        on_gradients(q, q + p),
        [],
    ),
    "gradient, mu = 0, short": (
        "gradient, h <= 2/(mu+ell)",
        (ZERO, p),
        2 / (p * (1 + u)),
        ONE,
        on_gradients(0, p),
        [(2 / (p * (1 + u)) * (2 - 2 / (1 + u)) / p, V)],
    ),
    "gradient, mu = ell": ("gradient, mu = ell", (q, q), u, (1 - u * q) ** 2, on_gradients(q, q), []),
    "gradient, constant": ("gradient, mu = ell", (ZERO, ZERO), u, ONE, on_gradients(0, 0), []),
    "lipschitz": (
        "monotone and Lipschitz",
        (q, q + p),
        u,
        1 - 2 * u * q + u**2 * (q + p) ** 2,
        on_lipschitz(q, q + p),
        [],
    ),
    "lipschitz, mu = 0": ("monotone and Lipschitz", (ZERO, p), u, 1 + u**2 * p**2, on_lipschitz(0, p), []),
    "cocoercive, short": (
        "monotone and cocoercive, h <= 2 beta",
        (q, BETA_OF),
        2 * BETA_OF / (1 + u),
        1 - 4 * BETA_OF * q / (1 + u) + 4 * BETA_OF * q / (1 + u) ** 2,
        on_cocoercive(q, BETA_OF),
        [],
    ),
    "cocoercive, h = 2 beta": (
        "monotone and cocoercive, h <= 2 beta",
        (q, BETA_OF),
        2 * BETA_OF,
        ONE,
        on_cocoercive(q, BETA_OF),
        [],
    ),
    "cocoercive, long": (
        "monotone and cocoercive, h >= 2 beta",
        (q, BETA_OF),
        2 * BETA_OF * (1 + u),
        (1 + 2 * u) ** 2,
        on_cocoercive(q, BETA_OF),
        [(2 * (1 + u) * 2 * u, combine(1, D, -BETA_OF, V))],
    ),
}
SIGMAS = {"sigma 0": ZERO, "sigma > 0": sigma}


def defect(name: str, strength: Any, scale: Any = 1) -> Any:
    """factor^2 |d|^2 - |move|^2 - sum multiplier * hypothesis - squares, in lowest terms; 0 proves the factor."""
    case, constants, h, forward, hypotheses, squares = REGIMES[name]
    shrink = 1 + h * strength
    move = combine(1, combine(1, D, -h, V), -h, S)
    weights = multipliers(case, dict(zip(("first", "second"), constants, strict=True)), h, strength)
    backward = inner(S, move) - strength * inner(move, move)
    total = scale * forward / shrink**2 * dd - inner(move, move)
    total -= sum(m * hypothesis for m, hypothesis in zip(weights, [*hypotheses, backward], strict=True))
    total -= sum(c / shrink**2 * inner(x, x) for c, x in squares)
    total -= (h / shrink) ** 2 * inner(combine(1, S, -strength, move), combine(1, S, -strength, move))
    return total


def without_negative_coefficients(expression: Any) -> bool:
    """Whether numerator and denominator are polynomials with coefficients >= 0 in positive symbols."""
    element = FIELD(expression)
    return all(c >= 0 for part in (element.numer, element.denom) for c in part.coeffs())


@pytest.mark.parametrize("strength", SIGMAS)
@pytest.mark.parametrize("name", REGIMES)
def test_identity(name: str, strength: str) -> None:
    assert defect(name, SIGMAS[strength]) == 0


@pytest.mark.parametrize("strength", SIGMAS)
@pytest.mark.parametrize("name", REGIMES)
def test_multipliers_and_squares_are_nonnegative(name: str, strength: str) -> None:
    case, constants, h, _, _, squares = REGIMES[name]
    weights = multipliers(case, dict(zip(("first", "second"), constants, strict=True)), h, SIGMAS[strength])
    assert all(without_negative_coefficients(m) for m in weights)
    assert all(without_negative_coefficients(c) for c, _ in squares)


@pytest.mark.parametrize(
    "scale", [QQ(99, 100), QQ(101, 100), 1 - QQ(1, 10**12)], ids=["1% less", "1% more", "1e-12 less"]
)
@pytest.mark.parametrize("name", REGIMES)
def test_a_planted_wrong_constant_leaves_a_remainder(name: str, scale: Any) -> None:
    assert defect(name, sigma, scale) != 0


@pytest.mark.parametrize("expression", [1 - p, p - u, (1 - p) / (1 + p), -ONE, p * q - u**2], ids=str)
def test_a_sign_that_is_not_manifest_is_noticed(expression: Any) -> None:
    assert not without_negative_coefficients(expression)


def test_outside_its_regime_a_multiplier_is_negative() -> None:
    """The short formula beyond h = 1/mu, and the long one below h = 1/ell."""
    one, four = Fraction(1), Fraction(4)
    assert multipliers("gradient, h <= 2/(mu+ell)", {"mu": one, "ell": four}, Fraction(2), Fraction(0))[0] < 0
    assert multipliers("gradient, h >= 2/(mu+ell)", {"mu": one, "ell": four}, Fraction(1, 5), Fraction(0))[0] < 0
    assert (
        multipliers("monotone and cocoercive, h <= 2 beta", {"mu": one, "beta": one}, Fraction(3), Fraction(0))[0] < 0
    )
    assert (
        multipliers("monotone and cocoercive, h >= 2 beta", {"mu": one, "beta": one}, Fraction(1, 2), Fraction(0))[1]
        < 0
    )


def test_every_regime_of_the_package_is_proved_here() -> None:
    assert {entry[0] for entry in REGIMES.values()} == set(FORWARD)


@pytest.mark.parametrize(
    ("name", "constants", "step", "expected"),
    [
        ("GradientOf", {"mu": 1, "ell": 4}, Fraction(2, 5), "gradient, h <= 2/(mu+ell)"),
        ("GradientOf", {"mu": 1, "ell": 4}, Fraction(41, 100), "gradient, h >= 2/(mu+ell)"),
        ("GradientOf", {"mu": 4, "ell": 4}, 7, "gradient, mu = ell"),
        ("StronglyMonotoneLipschitz", {"mu": 4, "ell": 4}, 7, "monotone and Lipschitz"),
        ("StronglyMonotoneCocoercive", {"mu": 0, "beta": 1}, 2, "monotone and cocoercive, h <= 2 beta"),
        ("StronglyMonotoneCocoercive", {"mu": 0, "beta": 1}, 3, "monotone and cocoercive, h >= 2 beta"),
    ],
)
def test_which_regime(name: str, constants: dict[str, Any], step: Any, expected: str) -> None:
    assert regime(name, constants, step) == expected
