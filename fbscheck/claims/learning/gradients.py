"""Chapter "gradient": how exact the derivatives of training are, at one depth and in the limit."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact
from fbscheck.claims.learning.sensitivities import adjoints, tangent
from fbscheck.claims.learning.training_case import TrainingCase, concluded, largest, objective, penalty, states, stored
from fbscheck.functions import SquaredL2, Zero
from fbscheck.judge import not_applicable
from fbscheck.verdict import Claim, Relation, Result, planted

__all__ = ["CLAIMS", "CONTROLS", "assess", "replay"]

SAME = 1e-13
"""What the rounding of another machine may change of a gradient, relatively: less than is claimed of it."""

ADJOINT = Claim(
    "gradient.adjoint",
    "The discrete adjoint gives the derivative of the network",
    r"\Bigl|\langle\nabla J_N,\eta\rangle-\frac{d}{dt}J_N(\theta+t\eta)\Bigr| \leq 10^{-12}\sum|\nabla J_N|\,|\eta|",
    Relation.AT_MOST,
    "tangents of all states in ball arithmetic; the error over the sum",
)
CONSISTENCY = Claim(
    "gradient.consistency",
    "Gradients of networks tend to that of the limit, at first order",
    r"\max_n\bigl|\nabla J_N/h-\nabla J(t_n)\bigr| \leq C(\theta)\,h,"
    r"\quad d=S=1,\ g=\rho x^2/2,\ b=0,\ h|K|\leq\tfrac12",
    Relation.AT_MOST,
    "closed form of the limit; largest ratio of the two sides",
)
CLAIMS = (ADJOINT, CONSISTENCY)
KINK = Claim(
    "control.gradient-kink",
    "Difference quotients agree with the derivative where a state comes to rest at a kink",
    r"\Bigl|\frac{J_N(\tau)-J_N(0)}\tau-J_N'(0)\Bigr| \leq 2|\tau|,\quad x'\in\tau-\partial|x|,\ x_0=T",
    Relation.AT_MOST,
    "false: the derivatives from both sides differ by |x*| at every depth",
    control=True,
)
PLANTED = (
    planted(ADJOINT, "the sign of the derivatives by K changed"),
    planted(CONSISTENCY, "derivatives that are not divided by h"),
)
CONTROLS = (KINK, *PLANTED)


def assess(claim: Claim, case: TrainingCase, scale: float = 1.0) -> Result:
    """Measure a claim at the parameters of a case; a planted claim makes the error that its title names.

    Raises
    ------
    kernel.Refusal
        If a derivative that is needed does not exist, or is not certain.
    """
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    theory, ratios, what = _SIDES[claim.id.removeprefix("planted.")](claim, case)
    return concluded(claim, case, theory, largest(ratios, what), scale)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the parameters in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    return assess(claim, *stored(claim, witness, arrays))


Ratios = tuple[float, list[Any], str]


def _adjoint(claim: Claim, case: TrainingCase) -> Ratios:
    """The case holds the parameters and what the adjoint gave there; the direction has its signs, and powers of two."""
    problem, (theta, gradient) = case.problem, case.pair
    again = problem.value_and_gradient(theta)[1]
    if not np.abs(gradient - again).sum() <= SAME * np.abs(again).sum():
        raise kernel.Refusal("what was stored with the parameters is not their gradient")
    if claim.control:
        gradient = gradient.copy()
        gradient[:, : problem.family.shape[0] ** 2] *= -1
    eta = np.where(np.arange(gradient.size).reshape(gradient.shape) % 3, 1.0, -0.5)
    products = exact(gradient) * exact(eta)
    whole = np.sum(np.abs(products))
    return 1e-12, [abs(np.sum(products) - tangent(problem, theta, eta)) / whole], f"{len(theta)} layers"


def _consistency(claim: Claim, case: TrainingCase) -> Ratios:
    """On the line without b: x(T) = x_0 e^{-int K - rho T}, and the gradient is -x(T)(x(T) - x*) + 2aK."""
    problem, rows = case.problem, case.theta
    r = problem.family.r
    if problem.family.shape != (1, 1) or problem.samples > 1 or problem.b.any() or not isinstance(r, Zero | SquaredL2):
        raise kernel.Refusal("need one sample on the line without b, and a parabola for r")
    T, x0, y = ball(Fraction(problem.horizon)), ball(problem.x0[0, 0]), ball(problem.target[0, 0])
    rho = ball(r.strong_convexity) * ball(Fraction(problem.family.weight or 0))
    K = exact(rows[:, 0])
    x, kappa = x0 * (-T * (np.sum(K) / len(K) + rho)).exp(), ball(float(np.abs(rows[:, 0]).max()))
    ratios = []
    for depth in case.depths:
        h, theta = T / depth, case.repeated(depth)
        if not h * kappa <= 0.5:
            raise kernel.Refusal("need h|K| <= 1/2")
        off = abs(x) * ((h * T * (kappa * kappa + rho * rho / 2)).exp() - 1)
        near = abs(x) + off
        bound = off * (near + abs(x) + abs(y)) + near * (near + abs(y)) * 2 * h * kappa
        adjoint, run = adjoints(problem, theta), states(problem, theta)
        double = 2 * ball(penalty(problem).a)
        for p, before, k in zip(adjoint, run, exact(theta[:, 0]), strict=False):
            derivative = (double * k - p[0, 0] * before[0, 0]) * (h if claim.control else 1)
            ratios.append(abs(derivative - double * k + x * (x - y)) / bound)
    return 1.0, ratios, f"{len(case.depths)} depths"


def _kink(claim: Claim, case: TrainingCase) -> Ratios:
    """The parameter L; its derivative is that of training, from one of the sides."""
    ratios = []
    for depth in case.depths:
        theta = case.repeated(depth)
        derivative = ball(float(np.sum(case.problem.value_and_gradient(theta)[1][:, 1])))
        before = objective(case.problem, theta)
        for size in case.sizes:
            quotient = (objective(case.problem, theta + size * np.array([0.0, 1.0])) - before) / ball(size)
            ratios.append(abs(quotient - derivative) / (2 * ball(abs(size))))
    return 1.0, ratios, f"{len(ratios)} depths and sides"


_SIDES: dict[str, Callable[[Claim, TrainingCase], Ratios]] = {
    ADJOINT.id: _adjoint,
    CONSISTENCY.id: _consistency,
    KINK.id: _kink,
}
