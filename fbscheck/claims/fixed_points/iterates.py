"""Claims on the iterates x_0, x_1, ... of T, measured as the largest ratio of their two sides.

The iterates and their distance to x* are enclosed in ball arithmetic where x* is known, or certified by
a duality gap; elsewhere they are measured in floating point.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.certify.balls import ball, lower, norm, upper
from fbscheck.claims.fixed_points.problems import FLOOR, Problem, Study, conclude, objective
from fbscheck.inputs import Array
from fbscheck.judge import undecided
from fbscheck.splitting import ForwardBackward
from fbscheck.verdict import Claim, Curve, Evidence, Hypothesis, Plot, Relation, Result, Rigour, Side

__all__ = ["APOSTERIORI", "APRIORI", "CLAIMS", "RATE", "STEPS", "SUMMABLE", "iterates"]

CONTRACTIVE = Hypothesis(r"q < 1", lambda p: 1 - p.step.contraction(), strict=True)
SHORT_STEP = Hypothesis(r"h\ell \leq 1", lambda p: 1 - Fraction(p.step.step) * Fraction(p.f.lipschitz))
AVERAGED = Hypothesis(r"h < 2\beta", lambda p: 2 * p.f.cocoercivity - p.step.step, strict=True)

APRIORI = Claim(
    "fixed-point.a-priori",
    "A-priori bound of Banach",
    r"|x_n-x^*| \leq q^n\,|x_0-x^*|\quad (1 \leq n \leq N)",
    Relation.AT_MOST,
    "Banach 1922; proof: Banach, a priori (largest ratio of the two sides)",
    (CONTRACTIVE,),
)
APOSTERIORI = Claim(
    "fixed-point.a-posteriori",
    "A-posteriori bound of Banach",
    r"|x_n-x^*| \leq \frac{q}{1-q}\,|x_n-x_{n-1}|\quad (1 \leq n \leq N)",
    Relation.AT_MOST,
    "Banach 1922; proof: Banach, a posteriori (largest ratio of the two sides)",
    (CONTRACTIVE,),
)
RATE = Claim(
    "fixed-point.rate",
    "Objective gap after n steps",
    r"(F+g)(x_n)-\min(F+g) \leq \frac{|x_0-x^*|^2}{4hn}\quad (1 \leq n \leq N)",
    Relation.AT_MOST,
    "Taylor, Hendrickx and Glineur 2018; proof: sublinear rate, any n (largest ratio of the two sides)",
    (SHORT_STEP,),
)
SUMMABLE = Claim(
    "fixed-point.summable",
    "The steps of an averaged map are square-summable",
    r"\sum_{n<N}|x_{n+1}-x_n|^2 \leq \frac{\alpha}{1-\alpha}\,|x_0-x^*|^2,\quad \alpha=\frac{2\beta}{4\beta-h}",
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


def iterates(claim: Claim, kind: str, study: Study, rng: np.random.Generator, scale: float) -> list[Result]:
    """Largest ratio of the two sides of a claim over the iterates 1..N; N is in the name of the case.

    One result for the iterates that are enclosed in ball arithmetic (where x* is known or certified),
    and one, in floating point, if more were computed.  A ratio that is not a number stays one: numpy's
    maximum does not drop it, as the built-in one may.
    """
    problem, ratios = study.problem, _RATIOS[kind]
    plots = _plots(claim, study) if problem.drawn and claim.id in (APRIORI.id, RATE.id) else ()
    if kind == STEPS.id and problem.solution is None:
        return [conclude(claim, study, scale, (_steps_on_samples(study, rng),), None, plots)]
    if study.last == 0:
        return [undecided(claim, problem.name, "the iteration starts at the solution, to rounding")]
    results, enclosed = [], 0
    if problem.solution is not None or study.certified.distance < math.inf:
        x, solution = study.enclosed
        enclosed = x.shape[1] - 1
        values = np.atleast_1d(ratios(problem, x, solution, ball))
        low, high = (float(np.max([end(value) for value in values])) for end in (lower, upper))
        method = f"{enclosed} iterates in ball arithmetic"
        evidence = (
            Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, method),
            Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, method),
        )
        gap = study.proposals["gap of x" if problem.solution is None else "gap of solution"]
        certificate = {"quantity": claim.statement, "gap": gap, "iterates": enclosed}
        results.append(_named(conclude(claim, study, scale, evidence, certificate, plots), enclosed))
    if study.last > enclosed:
        measured = float(np.max(ratios(problem, study.iterates[: study.last + 1].T, study.point, float)))
        method = f"{study.last} iterates until rounding takes over"
        floating = Evidence(Side.ATTAINED, measured, Rigour.FLOATING, method, 2 / FLOOR)
        shown = () if results else plots
        results.append(_named(conclude(claim, study, scale, (floating,), None, shown), study.last))
    return results


def _named(result: Result, count: int) -> Result:
    return replace(result, case=f"{result.case}, N={count}")


def _apriori_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """For n >= 1: |x_n - x*| / (q^n |x_0 - x*|); ``x`` (d, n+1)."""
    distances = norm(x - solution[:, None])
    powers = np.cumprod(np.array([number(problem.step.contraction())] * (len(distances) - 1)))
    return distances[1:] / (powers * distances[0])


def _aposteriori_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """For n >= 1: |x_n - x*| (1 - q) / (q |x_n - x_{n-1}|)."""
    distances, moved = norm(x - solution[:, None])[1:], norm(np.diff(x, axis=1))
    q = number(problem.step.contraction())
    return distances * (1 - q) / (q * moved)


def _rate_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """For n >= 1: ((F+g)(x_n) - min) 4hn / |x_0 - x*|^2."""
    f, g = problem.f, problem.g
    gaps = f.potential(x[:, 1:]) - f.potential(solution)
    if not g.is_indicator:
        gaps = gaps + g(x[:, 1:]) - g(solution)
    start = x[:, 0] - solution
    scale = 4 * number(float(problem.step.step)) / np.sum(start * start)
    return gaps * np.arange(1, len(gaps) + 1).astype(gaps.dtype) * scale


def _summable_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """sum |x_{n+1} - x_n|^2 (1 - alpha) / (alpha |x_0 - x*|^2)."""
    moved, start = np.diff(x, axis=1), x[:, 0] - solution
    alpha = number(problem.step.averagedness())
    return np.sum(moved * moved) * (1 - alpha) / (alpha * np.sum(start * start))


def _steps_ratio(problem: Problem, x: Array, solution: Array, number: Callable[[float], Any]) -> Any:
    """h |x_0 - T_h' x_0| / (h' |x_0 - T_h x_0|) with h' = 2h."""
    longer = ForwardBackward(problem.f, problem.g, 2 * problem.step.step)
    return norm(x[:, 0] - longer(x[:, 0])) / (2 * norm(x[:, 0] - problem.step(x[:, 0])))


_RATIOS: dict[str, Callable[..., Any]] = {
    APRIORI.id: _apriori_ratio,
    APOSTERIORI.id: _aposteriori_ratio,
    RATE.id: _rate_ratio,
    SUMMABLE.id: _summable_ratio,
    STEPS.id: _steps_ratio,
}


def _steps_on_samples(study: Study, rng: np.random.Generator) -> Evidence:
    """The ratio at random points around the solution, for h' = 1.5 h, 4 h and 20 h."""
    rng = np.random.default_rng(study.count("seed of the points", lambda: int(rng.integers(2**32))))
    f, g, h = study.problem.f, study.problem.g, float(study.step.step)
    size = np.maximum(np.abs(study.point), np.linalg.norm(study.point) / math.sqrt(len(study.point)))
    size = np.where(size > 0, size, 1.0)
    x = study.point[:, None] + size[:, None] * rng.standard_normal((len(study.point), 40)) * 10.0 ** rng.uniform(
        -3, 1, 40
    )
    short = norm(x - study.step(x))
    ratios = [norm(x - ForwardBackward(f, g, factor * h)(x)) / (factor * short) for factor in (1.5, 4.0, 20.0)]
    return Evidence(Side.ATTAINED, float(np.max(ratios)), Rigour.FLOATING, "40 points at 3 longer steps", 1e-9)


def _plots(claim: Claim, study: Study) -> tuple[Plot, ...]:
    """The iterates against their bounds, for the problems that are drawn."""
    last = study.last
    n = np.arange(1, last + 1)
    name, ticks = study.problem.name, tuple(n.astype(float).tolist())
    distances = study.errors[: last + 1]
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
