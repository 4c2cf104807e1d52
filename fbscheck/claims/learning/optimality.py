r"""Chapter "optimality": what minimality says of free weights.

With p_N = x_N - x*, p~_{n+1} = Dprox^T p_{n+1} and p_n = (I - hK_n)^T p~_{n+1}, the derivatives by K_n and L_n are
-(h/S) sum p~_{n+1} x_n^T and (h/S) sum p~_{n+1} b^T.  So at a minimiser of the penalty a int (|K|^2 + |L|^2)

    K_n = (1/(2aS)) sum p~_{n+1} x_n^T,   L_n = -(1/(2aS)) sum p~_{n+1} b^T.

Without prox and data, G = (1/(2aS)) sum p_{n+1} x_{n+1}^T equals K_n - hK_n K_n^T and K_{n+1} - hK_{n+1}^T K_{n+1}: a
discrete form of K' = K^T K - K K^T.  So K_n - K_n^T does not depend on n, and with A = I/2 - hK_n, C = I/2 - hK_{n+1},
A A^T = C^T C =: P^2.  Let 2h|K_n| < 1.  In A = PV and C = UP the orthogonal V and U have positive definite symmetric
parts, as A and C have, so W = U + V^T is invertible.  WP is symmetric since A - A^T = C - C^T, so P W^{-T} is; but
W^T (U - V^T) is antisymmetric: tr C - tr A = tr (U - V^T)P = 0.  So tr K_n and, by the traces of A A^T and C^T C,
|K_n|_F do not depend on n either.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify.balls import ball, exact, lower, norm, upper
from fbscheck.claims.learning.sensitivities import adjoints
from fbscheck.claims.learning.training_case import (
    TrainingCase,
    concluded,
    largest,
    objective,
    penalty,
    rate,
    require_close,
    square,
    states,
    stored,
)
from fbscheck.functions import Zero
from fbscheck.inputs import Array
from fbscheck.judge import not_applicable
from fbscheck.learning.optimality import projected
from fbscheck.verdict import Claim, Hypothesis, Relation, Result, planted

__all__ = ["CLAIMS", "CONTROLS", "assess", "replay"]

UNDERFLOW = 1e-200
"""Of smaller values float64 does not tell whether they are stationary: products vanish."""

_TRAINED = Hypothesis(r"|\nabla J_N|^2/(2ah) \leq 10^{-12}J_N", lambda case: _stationary(case))
_UNDRIVEN = Hypothesis(r"g = 0,\ b = 0", lambda case: -float(_driven(case)))

PROJECTION = Claim(
    "optimality.projection",
    "Rows projected onto the span of the data",
    r"J_N(\theta)-J_N(P\theta) = a\int|\theta-P\theta|^2,\quad P\ \mathrm{onto\ the\ span\ of}\ (x_n^s,b^s),\ s \leq S",
    Relation.TIGHT,
    "layers see their matrices on the data only; ratio of the two sides",
    (Hypothesis(r"a\int|\theta-P\theta|^2 \geq 10^{-4}J_N(\theta)", lambda case: Fraction(lower(_apart(case)))),),
    accuracy=1e-6,
)
ROWS = Claim(
    "optimality.rows",
    "Rows of trained weights lie in the span of the data",
    r"J_N(\theta)-J_N(P\theta) \leq 10^{-10}\,J_N(\theta),\quad \mathrm{rank}\,[PK_n,PL_n] \leq S",
    Relation.AT_MOST,
    "projection improves what is not minimal; the relative improvement",
    (_TRAINED,),
)
WEIGHTS = Claim(
    "optimality.weights",
    "Trained weights are products of adjoints and states",
    r"|\theta-\hat\theta| \leq 10^{-6}\,|\theta|,\quad \hat K_n=\frac1{2aS}\sum\tilde p_{n+1}x_n^{T},"
    r"\ \hat L_n=-\frac1{2aS}\sum\tilde p_{n+1}b^{T}",
    Relation.AT_MOST,
    "stationarity where the prox is differentiable; the relative difference",
    (_TRAINED,),
)
FLOW = Claim(
    "optimality.flow",
    "Trained weights without prox and data follow K' = K^T K - K K^T",
    r"\bigl|K_{n+1}-hK_{n+1}^{T}K_{n+1}-K_n+hK_nK_n^{T}\bigr| \leq 10^{-5}\,h\max|K|^2",
    Relation.AT_MOST,
    "the products of adjoints and states, twice; largest ratio to h max|K|^2",
    (_TRAINED, _UNDRIVEN),
)
INVARIANTS = Claim(
    "optimality.invariants",
    "What trained weights without prox and data keep from layer to layer",
    r"\bigl|(K_n-K_n^{T})-(K_0-K_0^{T})\bigr|+|\mathrm{tr}K_n-\mathrm{tr}K_0|+\bigl||K_n|_F-|K_0|_F\bigr|"
    r" \leq 10^{-6}\,\max_n|K_n|_F",
    Relation.AT_MOST,
    "the discrete flow of trained weights; largest ratio to max |K|",
    (_TRAINED, _UNDRIVEN, Hypothesis(r"2h|K_n|_F < 1", lambda case: 1 - 2 * _longest(case), strict=True)),
)
CLAIMS = (PROJECTION, ROWS, WEIGHTS, FLOW, INVARIANTS)
PLANTED = (
    planted(PROJECTION, "without the data b"),
    replace(planted(ROWS, "weights that minimise nothing"), hypotheses=()),
    planted(WEIGHTS, "the sign of the adjoint changed"),
    replace(planted(FLOW, "data b that drive the states"), hypotheses=()),
    replace(planted(INVARIANTS, "weights that minimise nothing"), hypotheses=()),
)
CONTROLS = PLANTED


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


def _projection(claim: Claim, case: TrainingCase) -> Ratios:
    problem, (theta, better) = case.problem, case.pair
    of = replace(problem, b=np.zeros_like(problem.b)) if claim.control else problem
    require_close(better, projected(of, theta), 1e-12)
    cost = rate(problem, len(theta)) * square(exact(theta) - exact(better))
    return 1.0, [(objective(problem, theta) - objective(problem, better)) / cost], f"{len(theta)} layers"


def _rows(claim: Claim, case: TrainingCase) -> Ratios:
    problem, (theta, better) = case.problem, case.pair
    require_close(better, projected(problem, theta))
    value = objective(problem, theta)
    gained = value - objective(problem, better)
    return 1e-10, [gained / value], f"{len(theta)} layers of {problem.samples} samples"


def _weights(claim: Claim, case: TrainingCase) -> Ratios:
    problem, theta = case.problem, case.theta
    x, p = states(problem, theta), adjoints(problem, theta)
    sign, share = -1 if claim.control else 1, 1 / (2 * ball(penalty(problem).a) * problem.samples)
    K, L, _ = problem.family.layers(theta)
    b, off = exact(problem.b), ball(0)
    for n in range(len(K)):
        for known, data, of in ((K[n], x[n], sign), (L[n], b, -sign)):
            off += square(exact(known) - of * share * (p[n] @ data.T))
    return 1e-6, [off.sqrt() / norm(exact(theta).ravel())], f"{len(K)} layers"


def _flow(claim: Claim, case: TrainingCase) -> Ratios:
    K, h, size = _matrices(case)
    before = [k - h * (k @ k.T) for k in K[:-1]]
    after = [k - h * (k.T @ k) for k in K[1:]]
    off = [norm((v - u).ravel()) for u, v in zip(before, after, strict=True)]
    return 1e-5, [part / (h * size * size) for part in off], f"{len(K)} layers"


def _invariants(claim: Claim, case: TrainingCase) -> Ratios:
    K, _, size = _matrices(case)

    def kept(k: Array) -> tuple[Array, Any, Any]:
        return k - k.T, np.trace(k), norm(k.ravel())

    turn, trace, length = kept(K[0])
    off = [norm((w - turn).ravel()) + abs(t - trace) + abs(s - length) for w, t, s in map(kept, K[1:])]
    return 1e-6, [part / size for part in off], f"{len(K)} layers"


def _matrices(case: TrainingCase) -> tuple[list[Array], Any, Any]:
    """K_n as balls, h, and the largest |K_n|."""
    K = [exact(k) for k in case.problem.family.layers(case.theta)[0]]
    sizes = [norm(k.ravel()) for k in K]
    return K, ball(Fraction(case.problem.horizon) / len(K)), ball(upper(max(sizes, key=upper)))


def _apart(case: TrainingCase) -> Any:
    """By how much P moves the parameters, so that its own rounding is nothing beside that."""
    problem, (theta, better) = case.problem, case.pair
    return rate(problem, len(theta)) * square(exact(theta) - exact(better)) - objective(problem, theta) / 10**4


def _stationary(case: TrainingCase) -> float:
    """What stationarity leaves, in float64; parameters are the first set of the case."""
    assert case.parameters is not None
    value, gradient = case.problem.value_and_gradient(case.parameters[0])
    if not value >= UNDERFLOW:
        return -1.0
    step = float(case.problem.horizon) / len(gradient)
    size = norm(gradient.ravel()) / np.sqrt(2 * value) / np.sqrt(penalty(case.problem).a) / np.sqrt(step)
    return 1e-12 - float(size) ** 2


def _longest(case: TrainingCase) -> float:
    """No less than h|K_n|_F."""
    _, h, size = _matrices(case)
    return upper(h * size)


def _driven(case: TrainingCase) -> bool:
    return bool(case.problem.b.any()) or not isinstance(case.problem.family.r, Zero)


_SIDES: dict[str, Callable[[Claim, TrainingCase], Ratios]] = {
    PROJECTION.id: _projection,
    ROWS.id: _rows,
    WEIGHTS.id: _weights,
    FLOW.id: _flow,
    INVARIANTS.id: _invariants,
}
