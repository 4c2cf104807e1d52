"""Chapter "fixed-point": fixed points of T = prox_{hg}(I - hf) and the way the iterates get there.

The reference is the minimiser of F + g, f the gradient of F, from cvxpy and a third solver; the
judge between them is the duality gap in ball arithmetic (:mod:`fbscheck.splitting.gap`).  Claims
on iterates x_0, x_1, ... are measured as the largest ratio of the two sides: in floating point
on data, and in ball arithmetic on the instances that attain them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import PRECISION, ball, exact, is_ball, lower, norm, upper
from fbscheck.certify.definite import norm_lower, norm_upper
from fbscheck.errors import MissingToolError, SolverError
from fbscheck.functions import Function
from fbscheck.inputs import Array
from fbscheck.operators import Gradient, LeastSquares
from fbscheck.splitting import ForwardBackward
from fbscheck.splitting.gap import Optimality, optimality
from fbscheck.verdict import (
    Bracket, Claim, Curve, Evidence, Hypothesis, Plot, Relation, Result, Rigour, Side, decide, not_applicable,
    squeeze, undecided,
)

__all__ = [
    "APRIORI", "APOSTERIORI", "CLAIMS", "DISTANCE", "Problem", "RATE", "RESIDUAL", "SENSITIVITY", "STEPS", "SUMMABLE",
    "VALUE", "assess",
]

Points = npt.NDArray[np.float64]

TOLERANCE = 1e-14
AGREEMENT = 1e-8
FLOOR = 1e6
"""An iterate takes part while it is this many rounding errors away from the solution."""


@final
@dataclass(frozen=True)
class Problem:
    """min F + g with a name; ``relative_step`` is h ell, ``start`` the x_0 of the iteration (0 if None).

    ``solution`` is the minimiser if it is known exactly: the instances that attain a bound.
    """

    name: str
    f: Gradient
    g: Function
    relative_step: float = 1.0
    iterations: int = 400
    start: Points | None = None
    solution: Points | None = None
    drawn: bool = False

    @cached_property
    def step(self) -> ForwardBackward:
        """T with h = relative_step / ell (h = relative_step if ell = 0)."""
        ell = self.f.lipschitz
        return ForwardBackward(self.f, self.g, self.relative_step / ell if ell > 0 else self.relative_step)

    @cached_property
    def modulus(self) -> float:
        """mu + sigma, as promised."""
        return self.f.monotonicity + self.g.strong_convexity


CONTRACTIVE = Hypothesis(r"q < 1", lambda p: 1 - p.step.contraction(), strict=True)
STRONGLY_CONVEX = Hypothesis(r"\mu+\sigma > 0", lambda p: p.modulus, strict=True)
SHORT_STEP = Hypothesis(r"h\ell \leq 1", lambda p: 1 - p.step.step * p.f.lipschitz * (1 - 2.0**-50))
AVERAGED = Hypothesis(r"h < 2\beta", lambda p: 2 * p.f.cocoercivity - p.step.step, strict=True)

VALUE = Claim(
    "fixed-point.value", "A fixed point minimises F + g",
    r"\frac{(F+g)(\hat x)-\min(F+g)}{1+|(F+g)(\hat x)|} \leq 10^{-10},\quad \hat x=T\hat x", Relation.AT_MOST,
    "Combettes and Wajs 2005; duality gap in ball arithmetic",
)
DISTANCE = Claim(
    "fixed-point.distance", "The fixed point is the minimiser",
    r"|\hat x-x^*| \leq 10^{-8}\,\max(1,|\hat x|),\quad \hat x=T\hat x", Relation.AT_MOST,
    "duality gap with strong convexity, else agreement of independent solvers",
)
RESIDUAL = Claim(
    "fixed-point.residual", "The computed point is a fixed point",
    r"|\hat x-T\hat x| \leq 10^{-12}\,\max(1,|\hat x|)", Relation.AT_MOST, "one step in ball arithmetic",
)
APRIORI = Claim(
    "fixed-point.a-priori", "A-priori bound of Banach",
    r"|x_n-x^*| \leq q^n\,|x_0-x^*|", Relation.AT_MOST, "Banach 1922 (largest ratio of the two sides)", (CONTRACTIVE,),
)
APOSTERIORI = Claim(
    "fixed-point.a-posteriori", "A-posteriori bound of Banach",
    r"|x_n-x^*| \leq \frac{q}{1-q}\,|x_n-x_{n-1}|", Relation.AT_MOST, "Banach 1922 (largest ratio of the two sides)",
    (CONTRACTIVE,),
)
RATE = Claim(
    "fixed-point.rate", "Objective gap after n steps",
    r"(F+g)(x_n)-\min(F+g) \leq \frac{|x_0-x^*|^2}{4hn}", Relation.AT_MOST,
    "Taylor, Hendrickx and Glineur 2018 (largest ratio of the two sides)", (SHORT_STEP,),
)
SUMMABLE = Claim(
    "fixed-point.summable", "The steps of an averaged map are square-summable",
    r"\sum_n|x_{n+1}-x_n|^2 \leq \frac{\alpha}{1-\alpha}\,|x_0-x^*|^2,\quad \alpha=\frac{2\beta}{4\beta-h}",
    Relation.AT_MOST, "Bauschke and Combettes 2017, section 5.2 (ratio of the two sides)", (AVERAGED,),
)
STEPS = Claim(
    "fixed-point.steps", "Fixed points do not depend on the step",
    r"|x-T_{h'}x| \leq \frac{h'}{h}\,|x-T_hx|\quad (h \leq h')", Relation.AT_MOST,
    "monotonicity of the subdifferential; Beck 2017, section 10.3 (largest ratio of the two sides)",
)
SENSITIVITY = Claim(
    "fixed-point.sensitivity", "Sensitivity of the minimiser to the data b",
    r"|x^*(b)-x^*(b')| \leq \frac{\|A\|}{\mu+\sigma}\,|b-b'|", Relation.AT_MOST,
    "strong monotonicity of the optimality condition (ratio of the two sides)", (STRONGLY_CONVEX,),
)
CLAIMS = (VALUE, DISTANCE, RESIDUAL, APRIORI, APOSTERIORI, RATE, SUMMABLE, STEPS, SENSITIVITY)


@final
class _Study:
    """What the claims share about one problem: fixed point, gap, iterates; computed when first used."""

    def __init__(self, problem: Problem, scale: float) -> None:
        self.problem, self.scale, self.step = problem, scale, problem.step
        self.start: Points = np.zeros(problem.f.dimension) if problem.start is None else problem.start

    @cached_property
    def point(self) -> Points:
        """The fixed point; a planted error moves it."""
        return self.scale * self.step.fixed_point(self.start, TOLERANCE).point

    @cached_property
    def certified(self) -> Optimality:
        return optimality(self.problem.f, self.problem.g, self.point)

    @cached_property
    def iterates(self) -> Points:
        return self.step.iterates(self.start, self.problem.iterations)

    @cached_property
    def errors(self) -> tuple[Points, Points]:
        """|x_n - x*| for all n, and whether rounding and the error of x* are negligible there."""
        distances = np.linalg.norm(self.iterates - self.point, axis=1)
        unsure = 1e-15 * np.linalg.norm(self.point)
        if self.certified.distance < math.inf:
            unsure += self.certified.distance
        return distances, distances > FLOOR * unsure

    @cached_property
    def references(self) -> list[tuple[str, Points]]:
        """Minimisers by other solvers, with their names."""
        from fbscheck.reference import programs

        known = [("cvxpy", programs.minimise(self.problem.f, self.problem.g))]
        third = programs.second_opinion(self.problem.f, self.problem.g)
        return known if third is None else [*known, third]


def assess(problem: Problem, claims: Sequence[Claim], rng: np.random.Generator, scale: float = 1.0) -> list[Result]:
    """Squeeze each of ``claims`` (from ``CLAIMS``, or planted from them) on one problem.

    ``scale`` is the planted error: the computed point, or the bound, times ``scale``.
    """
    moved = _Study(problem, scale)
    plain = moved if scale == 1.0 else _Study(problem, 1.0)
    return [_assess_one(claim, moved, plain, rng) for claim in claims]


def _assess_one(claim: Claim, moved: _Study, plain: _Study, rng: np.random.Generator) -> Result:
    problem, kind = plain.problem, claim.id.removeprefix("planted.")
    if (unmet := claim.unmet(problem)) is not None:
        return not_applicable(claim, problem.name, unmet)
    if kind == SENSITIVITY.id and not isinstance(problem.f, LeastSquares):
        return not_applicable(claim, problem.name, "f depends on data b linearly: needs least squares")
    try:
        if kind in _OF_POINT:
            return _OF_POINT[kind](claim, moved)
        if kind == SENSITIVITY.id:
            return _sensitivity(claim, plain, rng, moved.scale)
        return _iterates(claim, kind, plain, rng, moved.scale)
    except (SolverError, MissingToolError) as failure:
        return undecided(claim, problem.name, str(failure))


def _value(claim: Claim, study: _Study) -> Result:
    """Certified: the duality gap.  Attained: how much better a reference solution is."""
    f, g, point, known = study.problem.f, study.problem.g, exact(study.point), study.certified
    size = 1 + abs(known.value_upper)
    worst, who = -math.inf, ""
    for name, other in study.references:
        better = lower((_objective(f, g, point) - _objective(f, g, exact(other))) / size)
        worst, who = max((worst, who), (better, name))
    evidence = (
        Evidence(Side.CERTIFIED, upper(ball(known.gap) / size), Rigour.ENCLOSED, "duality gap in ball arithmetic"),
        Evidence(Side.ATTAINED, max(worst, 0.0), Rigour.ENCLOSED, f"objective against {who}, in ball arithmetic"),
    )
    certificate = {"quantity": "(F+g)(x) - min", "x": _hex(study.point), "gap": known.gap.hex()}
    return _decide(claim, study, 1e-10, evidence, certificate)


def _distance(claim: Claim, study: _Study) -> Result:
    """Certified: sqrt(2 gap / (mu + sigma)).  Attained: the distance to other solvers' points."""
    f, g, point, known = study.problem.f, study.problem.g, study.point, study.certified
    size = max(1.0, float(np.linalg.norm(point)))
    evidence, opinions = [], []
    for name, other in study.references:
        apart = norm(exact(point) - exact(other)) / size
        far, its = upper(apart), optimality(f, g, other)
        worse = lower(_objective(f, g, exact(other)) - _objective(f, g, exact(point)))
        off = far > AGREEMENT and worse > known.gap
        opinion = f"{name} {far:.1e} away" + (f" and off: its objective is certainly {worse:.1e} worse" if off else "")
        opinions.append(opinion)
        if its.distance < math.inf:
            excluded = max(0.0, lower(apart - ball(its.distance) / size))
            evidence.append(Evidence(Side.ATTAINED, excluded, Rigour.ENCLOSED, f"{opinion}, less its own certified error"))
        else:
            evidence.append(Evidence(Side.ATTAINED, far, Rigour.FLOATING, opinion, far if off else 0.0))
    if known.distance < math.inf:
        method = f"duality gap, mu + sigma >= {known.modulus:.3g} ({'; '.join(opinions)})"
        evidence.append(Evidence(Side.CERTIFIED, upper(ball(known.distance) / size), Rigour.ENCLOSED, method))
    certificate = {"quantity": "|x - x*|", "x": _hex(point), "gap": known.gap.hex(), "modulus": known.modulus.hex()}
    return _decide(claim, study, AGREEMENT, tuple(evidence), certificate if known.distance < math.inf else None)


def _residual(claim: Claim, study: _Study) -> Result:
    point = exact(study.point)
    moved = norm(point - study.step(point))
    size = max(1.0, float(np.linalg.norm(study.point)))
    evidence = (
        Evidence(Side.CERTIFIED, upper(moved / size), Rigour.ENCLOSED, "one step in ball arithmetic"),
        Evidence(Side.ATTAINED, lower(moved / size), Rigour.ENCLOSED, "the same"),
    )
    return _decide(claim, study, 1e-12, evidence, {"quantity": "|x - Tx|", "x": _hex(study.point)})


_OF_POINT: dict[str, Callable[[Claim, _Study], Result]] = {
    VALUE.id: _value, DISTANCE.id: _distance, RESIDUAL.id: _residual,
}


def _iterates(claim: Claim, kind: str, study: _Study, rng: np.random.Generator, scale: float) -> Result:
    """Largest ratio of the two sides of a claim on iterates: floating on data, enclosed on known instances."""
    problem, measure = study.problem, _RATIOS[kind]
    if problem.solution is not None:
        ratio = lower(measure(problem, *_enclosed_iterates(study), ball))
        evidence = Evidence(Side.ATTAINED, ratio, Rigour.ENCLOSED, "the iterates of the extremal instance, in ball arithmetic")
    elif kind == STEPS.id:
        evidence = _steps_on_samples(study, rng)
    else:
        distances, sure = study.errors
        last = int(np.flatnonzero(sure)[-1]) if sure.any() else 0
        if last == 0:
            return undecided(claim, problem.name, "the iteration starts at the solution, to rounding")
        ratio = measure(problem, study.iterates[: last + 1].T, study.point, float)
        method = f"{last} iterates until rounding takes over"
        evidence = Evidence(Side.ATTAINED, float(ratio), Rigour.FLOATING, method, 2 / FLOOR)
    return _decide(claim, study, scale, (evidence,), None, plots=_plots(claim, study) if problem.drawn else ())


def _enclosed_iterates(study: _Study) -> tuple[Array, Array]:
    """x_0, ..., x_N as columns, and x*; widths may triple in each step, so the precision grows with N."""
    x = exact(study.start)
    columns = [x]
    with flint.ctx.workprec(PRECISION + 4 * study.problem.iterations):
        for _ in range(study.problem.iterations):
            x = study.step(x)
            columns.append(x)
    return np.column_stack(columns), exact(study.problem.solution)


def _objective(f: Gradient, g: Function, x: Array) -> Any:
    return f.potential(x) + g(x)


def _apriori_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """max over n >= 1 of |x_n - x*| / (q^n |x_0 - x*|); ``x`` (d, n+1)."""
    distances = norm(x - solution[:, None])
    powers = np.cumprod(np.array([number(problem.step.contraction())] * (len(distances) - 1)))
    return _largest(distances[1:] / (powers * distances[0]))


def _aposteriori_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """max over n >= 1 of |x_n - x*| (1 - q) / (q |x_n - x_{n-1}|)."""
    distances, moved = norm(x - solution[:, None])[1:], norm(np.diff(x, axis=1))
    q = number(problem.step.contraction())
    return _largest(distances * (1 - q) / (q * moved))


def _rate_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """max over n >= 1 of ((F+g)(x_n) - min) 4hn / |x_0 - x*|^2."""
    f, g = problem.f, problem.g
    gaps = _objective(f, g, x[:, 1:]) - _objective(f, g, solution)
    start = x[:, 0] - solution
    scale = 4 * number(float(problem.step.step)) / np.sum(start * start)
    return _largest(gaps * np.arange(1, len(gaps) + 1).astype(gaps.dtype) * scale)


def _summable_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """sum |x_{n+1} - x_n|^2 (1 - alpha) / (alpha |x_0 - x*|^2)."""
    moved, start = np.diff(x, axis=1), x[:, 0] - solution
    alpha = number(problem.step.averagedness())
    return np.sum(moved * moved) * (1 - alpha) / (alpha * np.sum(start * start))


def _steps_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """h |x_0 - T_h' x_0| / (h' |x_0 - T_h x_0|) with h' = 2h."""
    longer = ForwardBackward(problem.f, problem.g, 2 * problem.step.step)
    return norm(x[:, 0] - longer(x[:, 0])) / (2 * norm(x[:, 0] - problem.step(x[:, 0])))


def _largest(ratios: Array) -> Any:
    """The largest ratio; of balls, the one that certainly reaches farthest."""
    return max(ratios, key=lower) if is_ball(ratios) else np.max(ratios)


_RATIOS: dict[str, Callable[..., Any]] = {
    APRIORI.id: _apriori_ratio, APOSTERIORI.id: _aposteriori_ratio, RATE.id: _rate_ratio,
    SUMMABLE.id: _summable_ratio, STEPS.id: _steps_ratio,
}


def _steps_on_samples(study: _Study, rng: np.random.Generator) -> Evidence:
    """The ratio at random points around the solution, for h' = 1.5 h, 4 h and 20 h."""
    f, g, h = study.problem.f, study.problem.g, float(study.step.step)
    size = np.maximum(np.abs(study.point), np.linalg.norm(study.point) / math.sqrt(len(study.point)))
    x = study.point[:, None] + size[:, None] * rng.standard_normal((len(study.point), 40)) * 10.0 ** rng.uniform(-3, 1, 40)
    short = norm(x - study.step(x))
    ratios = [norm(x - ForwardBackward(f, g, factor * h)(x)) / (factor * short) for factor in (1.5, 4.0, 20.0)]
    return Evidence(Side.ATTAINED, float(np.max(ratios)), Rigour.FLOATING, "40 points at 3 longer steps", 1e-9)


def _sensitivity(claim: Claim, study: _Study, rng: np.random.Generator, scale: float) -> Result:
    """The exact minimisers for b and for b moved by 1% differ by |x - x'| up to their certified errors."""
    problem = study.problem
    assert isinstance(problem.f, LeastSquares)
    b = problem.f.target
    change = rng.standard_normal(len(b)) if problem.solution is None else np.ones(len(b))
    other_b = b + change * (0.01 * np.linalg.norm(b) / np.linalg.norm(change) if b.any() else 1.0)
    other = _Study(Problem(problem.name, LeastSquares(problem.f.matrix, other_b), problem.g, problem.relative_step), 1.0)
    apart = norm(exact(study.point) - exact(other.point))
    unsure = ball(study.certified.distance) + ball(other.certified.distance)
    moved = norm(exact(b) - exact(other_b)) / ball(study.certified.modulus)
    high = upper((apart + unsure) / (ball(norm_lower(problem.f.matrix)) * moved))
    low = lower((apart - unsure) / (ball(norm_upper(problem.f.matrix)) * moved))
    evidence = (
        Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, "both minimisers enclosed by their duality gaps"),
        Evidence(Side.ATTAINED, max(low, 0.0), Rigour.ENCLOSED, "the same enclosures"),
    )
    certificate = {"quantity": "|x*(b)-x*(b')| (mu+sigma) / (|A| |b-b'|)", "x": _hex(study.point), "x'": _hex(other.point)}
    return _decide(claim, study, scale, evidence, certificate)


def _decide(
    claim: Claim, study: _Study, theory: float, evidence: tuple[Evidence, ...], certificate: dict[str, Any] | None,
    plots: tuple[Plot, ...] = (),
) -> Result:
    bracket: Bracket = squeeze(theory, evidence, certificate)
    witness = {"problem": study.problem.name, "step": float(study.step.step).hex(), "x": _hex(study.point)}
    result = decide(claim, study.problem.name, bracket, witness)
    return result if not plots else Result(**{**vars(result), "plots": plots})


def _plots(claim: Claim, study: _Study) -> tuple[Plot, ...]:
    """The iterates against their bounds, for the problems that are drawn."""
    distances, sure = study.errors
    last = int(np.flatnonzero(sure)[-1])
    n = np.arange(1, last + 1)
    name, ticks = study.problem.name, tuple(float(k) for k in n)
    if claim.id == APRIORI.id:
        q = study.step.contraction()
        moved = np.linalg.norm(np.diff(study.iterates[: last + 1], axis=0), axis=1)
        curves = (
            Curve(r"$|x_n-x^*|$", ticks, tuple(distances[1 : last + 1].tolist())),
            Curve(r"$q^n|x_0-x^*|$", ticks, tuple((q**n * distances[0]).tolist())),
            Curve(r"$q\,|x_n-x_{n-1}|/(1-q)$", ticks, tuple((q / (1 - q) * moved).tolist())),
        )
        return (Plot(claim.id, name, f"Iterates of {name} against the bounds of Banach, q = {q:.6f}", "step $n$", "distance", curves, True),)
    if claim.id == RATE.id:
        f, g = study.problem.f, study.problem.g
        gaps = _objective(f, g, study.iterates[1 : last + 1].T) - _objective(f, g, study.point)
        bound = distances[0] ** 2 / (4 * float(study.step.step) * n)
        curves = (
            Curve(r"$(F+g)(x_n)-\min$", ticks, tuple(np.asarray(gaps).tolist())),
            Curve(r"$|x_0-x^*|^2/(4hn)$", ticks, tuple(bound.tolist())),
        )
        return (Plot(claim.id, name, f"Objective gap of {name} against its bound", "step $n$", "objective gap", curves, True),)
    return ()


def _hex(x: Points) -> list[str]:
    return [value.hex() for value in x.tolist()]
