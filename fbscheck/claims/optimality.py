r"""Chapter "optimality": what minimality says of free weights, and how exact the derivatives of training are.

With p_N = x_N - x*, p~_{n+1} = Dprox^T p_{n+1} and p_n = (I - hK_n)^T p~_{n+1}, the derivatives by K_n and L_n are
-(h/S) sum p~_{n+1} x_n^T and (h/S) sum p~_{n+1} b^T.  So at a minimiser of the penalty a int (|K|^2 + |L|^2)

    K_n = (1/(2aS)) sum p~_{n+1} x_n^T,   L_n = -(1/(2aS)) sum p~_{n+1} b^T.

Without prox and data, G = (1/(2aS)) sum p_{n+1} x_{n+1}^T equals K_n - hK_n K_n^T and K_{n+1} - hK_{n+1}^T K_{n+1}: a
discrete form of K' = K^T K - K K^T.  So K_n - K_n^T does not depend on n, and with A = I/2 - hK_n, C = I/2 - hK_{n+1},
A A^T = C^T C =: P^2.  Let 2h|K_n| < 1.  In A = PV, C = UP the orthogonal V and U have positive definite symmetric parts,
as A and C have; W = U + V^T is invertible, and WP is symmetric since A - A^T = C - C^T, hence so is P W^{-T}.  But
W^T (U - V^T) is antisymmetric: tr C - tr A = tr (U - V^T)P = 0.  So tr K_n and, by the traces of A A^T and C^T C, |K_n|_F
do not depend on n either.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, matmul, upper
from fbscheck.claims.paths import between
from fbscheck.claims.records import scale_of, scaled
from fbscheck.claims.training_case import TrainingCase, objective, states
from fbscheck.functions import L1, Box, Function, Huber, SquaredL2, Zero
from fbscheck.inputs import Array
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.learning import Lp, Problem
from fbscheck.learning.optimality import projected
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, planted

__all__ = ["CLAIMS", "CONTROLS", "assess", "replay"]

_UNDRIVEN = Hypothesis(r"g = 0,\ b = 0", lambda case: -float(_driven(case)))

PROJECTION = Claim(
    "optimality.projection",
    "Rows projected onto the span of the data",
    r"J_N(\theta)-J_N(P\theta) = a\int|\theta-P\theta|^2,\quad P\ \mathrm{onto\ the\ span\ of}\ (x_n^s,b^s),\ s \leq S",
    Relation.TIGHT,
    "layers see their matrices on the data only; ratio of the two sides",
    accuracy=1e-6,
)
ROWS = Claim(
    "optimality.rows",
    "Rows of trained weights lie in the span of the data",
    r"J_N(\theta)-J_N(P\theta) \leq 10^{-10}\,J_N(\theta),\quad \mathrm{rank}\,[PK_n,PL_n] \leq S",
    Relation.AT_MOST,
    "projection improves what is not minimal; the relative improvement",
)
WEIGHTS = Claim(
    "optimality.weights",
    "Trained weights are products of adjoints and states",
    r"|\theta-\hat\theta| \leq 10^{-6}\,|\theta|,\quad \hat K_n=\frac1{2aS}\sum\tilde p_{n+1}x_n^{T},"
    r"\ \hat L_n=-\frac1{2aS}\sum\tilde p_{n+1}b^{T}",
    Relation.AT_MOST,
    "stationarity where the prox is differentiable; the relative difference",
)
FLOW = Claim(
    "optimality.flow",
    "Trained weights without prox and data follow K' = K^T K - K K^T",
    r"\bigl|K_{n+1}-hK_{n+1}^{T}K_{n+1}-K_n+hK_nK_n^{T}\bigr| \leq 10^{-5}\,h\max|K|^2",
    Relation.AT_MOST,
    "the products of adjoints and states, twice; largest ratio to h max|K|^2",
    (_UNDRIVEN,),
)
INVARIANTS = Claim(
    "optimality.invariants",
    "What trained weights without prox and data keep from layer to layer",
    r"\bigl|(K_n-K_n^{T})-(K_0-K_0^{T})\bigr|+|\mathrm{tr}K_n-\mathrm{tr}K_0|+\bigl||K_n|_F-|K_0|_F\bigr|"
    r" \leq 10^{-6}\,\max_n|K_n|_F",
    Relation.AT_MOST,
    "the discrete flow of trained weights; largest ratio to max |K|",
    (_UNDRIVEN, Hypothesis(r"2h|K_n|_F < 1", lambda case: 1 - 2 * _longest(case), strict=True)),
)
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
    r"\max_n\bigl|\nabla J_N/h-\nabla J(t_n)\bigr| \leq C(\theta)\,h,\quad d=1,\ g=\rho x^2/2",
    Relation.AT_MOST,
    "closed form of the limit; largest ratio of the two sides",
)
CLAIMS = (PROJECTION, ROWS, WEIGHTS, FLOW, INVARIANTS, ADJOINT, CONSISTENCY)
KINK = Claim(
    "control.gradient-kink",
    "Difference quotients agree with the derivative where a state comes to rest at a kink",
    r"\Bigl|\frac{J_N(\tau)-J_N(0)}\tau-J_N'(0)\Bigr| \leq 2|\tau|,\quad x'\in\tau-\partial|x|,\ x_0=T",
    Relation.AT_MOST,
    "false: the derivatives from both sides differ by |x*| at every depth",
    control=True,
)
PLANTED = (
    planted(PROJECTION, "without the data b"),
    planted(ROWS, "weights that minimise nothing"),
    planted(WEIGHTS, "the sign of the adjoint changed"),
    replace(planted(FLOW, "data b that drive the states"), hypotheses=()),
    planted(INVARIANTS, "weights that minimise nothing"),
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
    evidence = _enclosed(ratios, what)
    arrays: Arrays = {}
    witness = scaled({"training": case.describe(arrays)}, scale)
    return replace(decide(claim, case.name, squeeze(theory * scale, evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the parameters in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"training"}:
        raise kernel.Refusal("the witness is no training problem")
    return assess(claim, TrainingCase.restore(content["training"], arrays), float(scale))


Ratios = tuple[float, list[Any], str]


def _enclosed(ratios: list[Any], what: str) -> tuple[Evidence, Evidence]:
    highs, lows = [upper(ratio) for ratio in ratios], [lower(ratio) for ratio in ratios]
    if not ratios or not all(np.isfinite((*highs, *lows))):
        raise kernel.Refusal("nothing was measured, or a number is not known")
    return between(max(lows), max(highs), f"{what}, in ball arithmetic")


def _projection(claim: Claim, case: TrainingCase) -> Ratios:
    problem, (theta, better) = case.problem, _pair(case)
    of = replace(problem, b=np.zeros_like(problem.b)) if claim.control else problem
    _require_close(better, projected(of, theta))
    moved = exact(theta) - exact(better)
    cost = _rate(problem, len(theta)) * np.sum(moved * moved)
    return 1.0, [(objective(problem, theta) - objective(problem, better)) / cost], f"{len(theta)} layers"


def _rows(claim: Claim, case: TrainingCase) -> Ratios:
    problem, (theta, better) = case.problem, _pair(case)
    _require_close(better, projected(problem, theta))
    value = objective(problem, theta)
    gained = value - objective(problem, better)
    return 1e-10, [gained / value], f"{len(theta)} layers of {problem.samples} samples"


def _weights(claim: Claim, case: TrainingCase) -> Ratios:
    problem, theta = case.problem, case.theta
    x, p = states(problem, theta), _adjoints(problem, theta)
    sign, share = -1 if claim.control else 1, 1 / (2 * ball(_penalty(problem).a) * problem.samples)
    K, L, _ = problem.family.layers(theta)
    b, off = exact(problem.b), ball(0)
    for n in range(len(K)):
        for known, data, of in ((K[n], x[n], sign), (L[n], b, -sign)):
            difference = exact(known) - of * share * (p[n] @ data.T)
            off += np.sum(difference * difference)
    return 1e-6, [(off / _square(exact(theta))).sqrt()], f"{len(K)} layers"


def _flow(claim: Claim, case: TrainingCase) -> Ratios:
    K, h, size = _matrices(case)
    before = [k - h * (k @ k.T) for k in K[:-1]]
    after = [k - h * (k.T @ k) for k in K[1:]]
    off = [_square(v - u).sqrt() for u, v in zip(before, after, strict=True)]
    return 1e-5, [part / (h * size * size) for part in off], f"{len(K)} layers"


def _invariants(claim: Claim, case: TrainingCase) -> Ratios:
    K, _, size = _matrices(case)

    def kept(k: Array) -> tuple[Array, Any, Any]:
        return k - k.T, np.trace(k), _square(k).sqrt()

    turn, trace, norm = kept(K[0])
    off = [_square(w - turn).sqrt() + abs(t - trace) + abs(s - norm) for w, t, s in map(kept, K[1:])]
    return 1e-6, [part / size for part in off], f"{len(K)} layers"


def _adjoint(claim: Claim, case: TrainingCase) -> Ratios:
    """The case holds the parameters and what the adjoint gave there; the direction has its signs, and powers of two."""
    problem, (theta, gradient) = case.problem, _pair(case)
    _require_close(gradient, problem.value_and_gradient(theta)[1])
    if claim.control:
        gradient = gradient.copy()
        gradient[:, : problem.family.shape[0] ** 2] *= -1
    eta = np.where(np.arange(gradient.size).reshape(gradient.shape) % 3, 1.0, -0.5)
    products = exact(gradient) * exact(eta)
    whole = np.sum(np.abs(products))
    return 1e-12, [abs(np.sum(products) - _tangent(problem, theta, eta)) / whole], f"{len(theta)} layers"


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
        h, theta = T / depth, np.repeat(rows, depth // len(rows), axis=0)
        if not h * kappa <= 0.5:
            raise kernel.Refusal("need h|K| <= 1/2")
        off = abs(x) * ((h * T * (kappa * kappa + rho * rho / 2)).exp() - 1)
        near = abs(x) + off
        bound = off * (near + abs(x) + abs(y)) + near * (near + abs(y)) * 2 * h * kappa
        adjoint, run = _adjoints(problem, theta), states(problem, theta)
        double = 2 * ball(_penalty(problem).a)
        for p, before, k in zip(adjoint, run, exact(theta[:, 0]), strict=False):
            derivative = (double * k - p[0, 0] * before[0, 0]) * (h if claim.control else 1)
            ratios.append(abs(derivative - double * k + x * (x - y)) / bound)
    return 1.0, ratios, f"{len(case.depths)} depths"


def _kink(claim: Claim, case: TrainingCase) -> Ratios:
    """The parameter L; its derivative is that of training, from one of the sides."""
    ratios = []
    for depth in case.depths:
        theta = np.repeat(case.theta, depth // len(case.theta), axis=0)
        derivative = ball(float(np.sum(case.problem.value_and_gradient(theta)[1][:, 1])))
        before = objective(case.problem, theta)
        for size in case.sizes:
            quotient = (objective(case.problem, theta + size * np.array([0.0, 1.0])) - before) / ball(size)
            ratios.append(abs(quotient - derivative) / (2 * ball(abs(size))))
    return 1.0, ratios, f"{len(ratios)} depths and sides"


def _tangent(problem: Problem, theta: Values, eta: Values) -> Any:
    """d/dt J_N(theta + t eta) at t = 0: of all states by the chain rule."""
    (K, L, weights), (dK, dL, _) = problem.family.layers(theta), problem.family.layers(eta)
    step, run = Fraction(problem.horizon) / len(theta), states(problem, theta)
    h, b, x = ball(step), exact(problem.b), 0 * exact(problem.x0)
    for n in range(len(theta)):
        u = run[n] - h * (matmul(K[n], run[n]) - matmul(L[n], b))
        x = x - h * (matmul(K[n], x) + matmul(dK[n], run[n]) - matmul(dL[n], b))
        x = _slopes(problem.family.r, u, step * Fraction(weights[n])) * x
    loss = np.sum((run[-1] - exact(problem.target)) * x) / problem.samples
    return loss + 2 * _rate(problem, len(theta)) * np.sum(exact(theta) * exact(eta))


def _adjoints(problem: Problem, theta: Values) -> list[Array]:
    """p~_1..p~_N (d, S) as balls."""
    K, L, weights = problem.family.layers(theta)
    step, run = Fraction(problem.horizon) / len(theta), states(problem, theta)
    h, b, found = ball(step), exact(problem.b), []
    p = run[-1] - exact(problem.target)
    for n in range(len(K) - 1, -1, -1):
        u = run[n] - h * (matmul(K[n], run[n]) - matmul(L[n], b))
        found.append(_slopes(problem.family.r, u, step * Fraction(weights[n])) * p)
        p = found[-1] - h * matmul(K[n].T, found[-1])
    return found[::-1]


def _slopes(r: Function, u: Array, step: Fraction) -> Array:
    """The derivatives of a separable prox where they exist: where u is certainly off the kinks.

    Raises
    ------
    kernel.Refusal
        If it is not, or the function is none of those known.
    """
    if isinstance(r, Zero) or step == 0:
        return np.full(u.shape, ball(1), dtype=object)
    stretch = 1 + ball(step) * ball(float(getattr(r, "weight", 0.0)))
    if isinstance(r, SquaredL2):
        return np.full(u.shape, 1 / stretch, dtype=object)
    if isinstance(r, L1) and np.ndim(r.weight) == 0:
        return _cut(abs(u), stretch - 1, ball(0), ball(1))
    if isinstance(r, Huber):
        return _cut(abs(u), ball(r.delta) * stretch, 1 / stretch, ball(1))
    if isinstance(r, Box) and np.ndim(r.low) == np.ndim(r.high) == 0 and r.low == -r.high:
        return _cut(abs(u), ball(r.high), ball(1), ball(0))
    raise kernel.Refusal(f"no derivative of the prox of {type(r).__name__} is known")


def _cut(size: Array, edge: Any, inside: Any, outside: Any) -> Array:
    """One value below the edge, another above it."""
    if not all(part < edge or part > edge for part in size.ravel()):
        raise kernel.Refusal("a state is at a kink of the prox, or too near to tell")
    return np.asarray(np.where(np.asarray(size < edge, dtype=bool), inside, outside))


def _pair(case: TrainingCase) -> tuple[Values, Values]:
    """The two sets of a case: parameters, and what floating arithmetic made of them."""
    if case.parameters is None or len(case.parameters) != 2:
        raise kernel.Refusal("need parameters and what was made of them")
    return case.parameters[0], case.parameters[1]


def _require_close(stored: Values, again: Values) -> None:
    """Another machine rounds otherwise, no more."""
    if not np.allclose(stored, again, rtol=0.0, atol=1e-9 * float(np.abs(again).max())):
        raise kernel.Refusal("what was stored with the parameters is not made of them")


def _matrices(case: TrainingCase) -> tuple[list[Array], Any, Any]:
    """K_n as balls, h, and the largest |K_n|."""
    K = [exact(k) for k in case.problem.family.layers(case.theta)[0]]
    sizes = [_square(k).sqrt() for k in K]
    return K, ball(Fraction(case.problem.horizon) / len(K)), ball(upper(max(sizes, key=upper)))


def _longest(case: TrainingCase) -> float:
    """No less than h|K_n|_F."""
    _, h, size = _matrices(case)
    return upper(h * size)


def _driven(case: TrainingCase) -> bool:
    return bool(case.problem.b.any()) or not isinstance(case.problem.family.r, Zero)


def _penalty(problem: Problem) -> Lp:
    assert isinstance(problem.regulariser, Lp)
    return problem.regulariser


def _rate(problem: Problem, depth: int) -> Any:
    """a h."""
    return ball(_penalty(problem).a) * ball(Fraction(problem.horizon) / depth)


def _square(x: Array) -> Any:
    return np.sum(x * x)


_SIDES: dict[str, Callable[[Claim, TrainingCase], Ratios]] = {
    PROJECTION.id: _projection,
    ROWS.id: _rows,
    WEIGHTS.id: _weights,
    FLOW.id: _flow,
    INVARIANTS.id: _invariants,
    ADJOINT.id: _adjoint,
    CONSISTENCY.id: _consistency,
    KINK.id: _kink,
}
