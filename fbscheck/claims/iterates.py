"""Claims on the iterates x_0, x_1, ... of T, measured as the largest ratio of their two sides.

On data the ratio is in floating point; on the instances that attain a bound, in ball arithmetic.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from fbscheck.certify.balls import PRECISION, ball, exact, is_ball, lower, norm
from fbscheck.claims.problems import FLOOR, Problem, Study, conclude, objective
from fbscheck.inputs import Array
from fbscheck.splitting import ForwardBackward
from fbscheck.verdict import Claim, Curve, Evidence, Hypothesis, Plot, Relation, Result, Rigour, Side, undecided

__all__ = ["APOSTERIORI", "APRIORI", "CLAIMS", "RATE", "STEPS", "SUMMABLE", "iterates"]

CONTRACTIVE = Hypothesis(r"q < 1", lambda p: 1 - p.step.contraction(), strict=True)
SHORT_STEP = Hypothesis(r"h\ell \leq 1", lambda p: float(1 - Fraction(p.step.step) * Fraction(p.f.lipschitz)))
AVERAGED = Hypothesis(r"h < 2\beta", lambda p: 2 * p.f.cocoercivity - p.step.step, strict=True)

APRIORI = Claim(
    "fixed-point.a-priori",
    "A-priori bound of Banach",
    r"|x_n-x^*| \leq q^n\,|x_0-x^*|",
    Relation.AT_MOST,
    "Banach 1922; proof: Banach, a priori (largest ratio of the two sides)",
    (CONTRACTIVE,),
)
APOSTERIORI = Claim(
    "fixed-point.a-posteriori",
    "A-posteriori bound of Banach",
    r"|x_n-x^*| \leq \frac{q}{1-q}\,|x_n-x_{n-1}|",
    Relation.AT_MOST,
    "Banach 1922; proof: Banach, a posteriori (largest ratio of the two sides)",
    (CONTRACTIVE,),
)
RATE = Claim(
    "fixed-point.rate",
    "Objective gap after n steps",
    r"(F+g)(x_n)-\min(F+g) \leq \frac{|x_0-x^*|^2}{4hn}",
    Relation.AT_MOST,
    "Taylor, Hendrickx and Glineur 2018 (largest ratio of the two sides)",
    (SHORT_STEP,),
)
SUMMABLE = Claim(
    "fixed-point.summable",
    "The steps of an averaged map are square-summable",
    r"\sum_n|x_{n+1}-x_n|^2 \leq \frac{\alpha}{1-\alpha}\,|x_0-x^*|^2,\quad \alpha=\frac{2\beta}{4\beta-h}",
    Relation.AT_MOST,
    "Bauschke and Combettes 2017, section 5.2; proof: averaged step, summed (ratio of the two sides)",
    (AVERAGED,),
)
STEPS = Claim(
    "fixed-point.steps",
    "Fixed points do not depend on the step",
    r"|x-T_{h'}x| \leq \frac{h'}{h}\,|x-T_hx|\quad (h \leq h')",
    Relation.AT_MOST,
    "Beck 2017, section 10.3; proof: residual at a longer step (largest ratio of the two sides)",
)
CLAIMS = (APRIORI, APOSTERIORI, RATE, SUMMABLE, STEPS)


def iterates(claim: Claim, kind: str, study: Study, rng: np.random.Generator, scale: float) -> Result:
    """Largest ratio of the two sides of a claim on iterates: floating on data, enclosed on known instances."""
    problem, measure = study.problem, _RATIOS[kind]
    if problem.solution is not None:
        ratio = lower(measure(problem, *_enclosed_iterates(study), ball))
        evidence = Evidence(
            Side.ATTAINED, ratio, Rigour.ENCLOSED, "the iterates of the extremal instance, in ball arithmetic"
        )
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
    return conclude(claim, study, scale, (evidence,), None, plots=_plots(claim, study) if problem.drawn else ())


def _enclosed_iterates(study: Study) -> tuple[Array, Array]:
    """x_0, ..., x_N as columns, and x*; widths may triple in each step, so the precision grows with N."""
    solution = exact(np.zeros_like(study.start) if study.problem.solution is None else study.problem.solution)
    x = exact(study.start)
    columns = [x]
    with flint.ctx.workprec(PRECISION + 4 * study.problem.iterations):
        for _ in range(study.problem.iterations):
            x = study.step(x)
            columns.append(x)
    return np.column_stack(columns), solution


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
    gaps = objective(f, g, x[:, 1:]) - objective(f, g, solution)
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
    APRIORI.id: _apriori_ratio,
    APOSTERIORI.id: _aposteriori_ratio,
    RATE.id: _rate_ratio,
    SUMMABLE.id: _summable_ratio,
    STEPS.id: _steps_ratio,
}


def _steps_on_samples(study: Study, rng: np.random.Generator) -> Evidence:
    """The ratio at random points around the solution, for h' = 1.5 h, 4 h and 20 h."""
    f, g, h = study.problem.f, study.problem.g, float(study.step.step)
    size = np.maximum(np.abs(study.point), np.linalg.norm(study.point) / math.sqrt(len(study.point)))
    x = study.point[:, None] + size[:, None] * rng.standard_normal((len(study.point), 40)) * 10.0 ** rng.uniform(
        -3, 1, 40
    )
    short = norm(x - study.step(x))
    ratios = [norm(x - ForwardBackward(f, g, factor * h)(x)) / (factor * short) for factor in (1.5, 4.0, 20.0)]
    return Evidence(Side.ATTAINED, float(np.max(ratios)), Rigour.FLOATING, "40 points at 3 longer steps", 1e-9)


def _plots(claim: Claim, study: Study) -> tuple[Plot, ...]:
    """The iterates against their bounds, for the problems that are drawn."""
    distances, sure = study.errors
    last = int(np.flatnonzero(sure)[-1])
    n = np.arange(1, last + 1)
    name, ticks = study.problem.name, tuple(n.astype(float).tolist())
    distances = distances[: last + 1]
    q, h = study.step.contraction(), float(study.step.step)
    lines: dict[str, Array] = {}
    if claim.id == APRIORI.id:
        moved = np.linalg.norm(np.diff(study.iterates[: last + 1], axis=0), axis=1)
        title, label = f"Iterates of {name} against the bounds of Banach, q = {q:.6f}", "distance"
        lines[r"$|x_n-x^*|$"] = distances[1:]
        lines[r"$q^n|x_0-x^*|$"] = q**n * distances[0]
        lines[r"$q\,|x_n-x_{n-1}|/(1-q)$"] = q / (1 - q) * moved
    elif claim.id == RATE.id:
        f, g = study.problem.f, study.problem.g
        title, label = f"Objective gap of {name} against its bound", "objective gap"
        lines[r"$(F+g)(x_n)-\min$"] = objective(f, g, study.iterates[1 : last + 1].T) - objective(f, g, study.point)
        lines[r"$|x_0-x^*|^2/(4hn)$"] = distances[0] ** 2 / (4 * h * n)
    else:
        return ()
    curves = tuple(Curve(text, ticks, tuple(y.tolist())) for text, y in lines.items())
    return (Plot(claim.id, name, title, "step $n$", label, curves, log_y=True),)
