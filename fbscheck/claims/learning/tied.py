r"""Tied weights K = A^2, L = A on the line: why training them in L^p has no minimiser in the limit.

For x' = -(A^2 x - A b) with x(0) = 1 and data b = 1 and -1, J_N is half the integral of the mean of x^2 over both,
by its values at the ends of layers, plus a int A^4, a = 1/500.  An A that changes sign with every layer acts as A^2
does alone: x tends to 0 at a cost that a limit without oscillations cannot have.  The weak limit of such A is 0.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import minimize

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, upper
from fbscheck.claims.limits.paths import between
from fbscheck.judge import decide, squeeze
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Relation, Result

__all__ = ["CONTROLS", "TIED", "alternating", "assess", "replay", "value", "value_and_gradient"]

PENALTY = Fraction(1, 500)
DATA = (1, -1)
PRIMITIVE = 8.0
"""Bounds the sums of the first weights, which are N times primitives: so these tend to 0."""

TIED = Claim(
    "control.learning-tied",
    "Lower limit with tied weights",
    r"J(A) \leq J_N(A_N)+h\ \mathrm{for}\ A_N\rightharpoonup A=0,\quad K=A^2,\ L=A",
    Relation.AT_MOST,
    "false: weights that change sign with every layer act, their weak limit does not; no minimiser exists",
    control=True,
)
CONTROLS = (TIED,)


def value(A: Any, one: Any) -> Any:
    """J_N of weights (N,), in the arithmetic of ``one``, the number 1."""
    h, total = one / len(A), one * 0
    for b in DATA:
        x = one
        for a in A:
            x = x - h * (a * a * x - a * b)
            total = total + x * x / 4
    squares = sum((a * a * a * a for a in A), one * 0)
    return h * (total + squares * PENALTY.numerator / PENALTY.denominator)


def value_and_gradient(A: Values) -> tuple[float, Values]:
    """J_N and its derivatives (N,), by the adjoint."""
    h, gradient = 1 / len(A), 4 * float(PENALTY) / len(A) * A**3
    total = h * float(PENALTY * np.sum(A**4))
    for b in DATA:
        x = np.ones(len(A) + 1)
        for n, a in enumerate(A):
            x[n + 1] = x[n] - h * (a * a * x[n] - a * b)
        total += h * float(np.sum(x[1:] ** 2)) / 4
        p = 0.0
        for n in range(len(A) - 1, -1, -1):
            p += h * x[n + 1] / 2
            gradient[n] -= h * p * (2 * A[n] * x[n] - b)
            p *= 1 - h * A[n] ** 2
    return total, gradient


def alternating(depth: int) -> Values:
    """Weights to which a descent comes from ones that change sign with every layer."""
    start = 1.5 * (-1.0) ** np.arange(depth)
    settings = {"maxiter": 5000, "maxfun": 10**5, "gtol": 1e-10, "ftol": 1e-15}
    found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=settings)
    return np.asarray(found.x)


def assess(claim: Claim, A: Values) -> Result:
    """Measure ``TIED`` at weights (N,): by how much J(0) exceeds J_N."""
    arrays: Arrays = {}
    apart = ball(Fraction(1, 2)) - value(exact(A).tolist(), ball(1))
    evidence = between(lower(apart), upper(apart), f"{len(A)} layers in ball arithmetic")
    witness = {"weights": add(A, arrays)}
    result = decide(claim, f"tied weights, N={len(A)}", squeeze(1 / len(A), evidence), witness)
    return replace(result, arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Measure it again at the weights in ``witness``.

    Raises
    ------
    kernel.Refusal
        If they are none.
    """
    A = arrays[witness["weights"]]
    if set(witness) != {"weights"} or A.ndim != 1 or not len(A):
        raise kernel.Refusal("the witness holds no weights, or more")
    if not np.abs(np.cumsum(A)).max() <= PRIMITIVE:
        raise kernel.Refusal("the weights do not tend to 0 weakly: their primitive is not small")
    return assess(claim, A)
