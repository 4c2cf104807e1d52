"""Claims on the fixed point itself: it minimises F + g, and moves little when the data move.

The reference is the minimiser of F + g from cvxpy and a third solver; the judge between them is
the duality gap in ball arithmetic (:mod:`fbscheck.splitting.gap`).
"""

import math
from dataclasses import replace

import numpy as np

from fbscheck.certify.balls import ball, exact, lower, norm, upper
from fbscheck.certify.definite import norm_lower, norm_upper
from fbscheck.claims.problems import Study, conclude, hexadecimal, objective
from fbscheck.operators import LeastSquares
from fbscheck.splitting.gap import optimality
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side, not_applicable

__all__ = ["DISTANCE", "RESIDUAL", "SENSITIVITY", "VALUE", "distance", "residual", "sensitivity", "value"]

AGREEMENT = 1e-8
"""Relative distance within which independent solvers must agree."""

STRONGLY_CONVEX = Hypothesis(r"\mu+\sigma > 0", lambda p: p.modulus, strict=True)

VALUE = Claim(
    "fixed-point.value",
    "A fixed point minimises F + g",
    r"\frac{(F+g)(\hat x)-\min(F+g)}{1+|(F+g)(\hat x)|} \leq 10^{-10},\quad \hat x=T\hat x",
    Relation.AT_MOST,
    "Combettes and Wajs 2005; duality gap in ball arithmetic",
)
DISTANCE = Claim(
    "fixed-point.distance",
    "The fixed point is the minimiser",
    r"|\hat x-x^*| \leq 10^{-8}\,\max(1,|\hat x|),\quad \hat x=T\hat x",
    Relation.AT_MOST,
    "duality gap with strong convexity, else agreement of independent solvers",
)
RESIDUAL = Claim(
    "fixed-point.residual",
    "The computed point is a fixed point",
    r"|\hat x-T\hat x| \leq 10^{-12}\,\max(1,|\hat x|)",
    Relation.AT_MOST,
    "one step in ball arithmetic",
)
SENSITIVITY = Claim(
    "fixed-point.sensitivity",
    "Sensitivity of the minimiser to the data b",
    r"|x^*(b)-x^*(b')| \leq \frac{\|A\|}{\mu+\sigma}\,|b-b'|",
    Relation.AT_MOST,
    "strong monotonicity of the optimality condition (ratio of the two sides)",
    (STRONGLY_CONVEX,),
)


def value(claim: Claim, study: Study) -> Result:
    """Certified: the duality gap.  Attained: how much better a reference solution is."""
    f, g, point, known = study.problem.f, study.problem.g, exact(study.point), study.certified
    size = 1 + abs(known.value_upper)
    worst, who = -math.inf, ""
    for name, other in study.references:
        better = lower((objective(f, g, point) - objective(f, g, exact(other))) / size)
        worst, who = max((worst, who), (better, name))
    evidence = (
        Evidence(Side.CERTIFIED, upper(ball(known.gap) / size), Rigour.ENCLOSED, "duality gap in ball arithmetic"),
        Evidence(Side.ATTAINED, max(worst, 0.0), Rigour.ENCLOSED, f"objective against {who}, in ball arithmetic"),
    )
    certificate = {"quantity": "(F+g)(x) - min", "x": hexadecimal(study.point), "gap": known.gap.hex()}
    return conclude(claim, study, 1e-10, evidence, certificate)


def distance(claim: Claim, study: Study) -> Result:
    """Certified: sqrt(2 gap / (mu + sigma)).  Attained: the distance to other solvers' points."""
    f, g, point, known = study.problem.f, study.problem.g, study.point, study.certified
    size = max(1.0, float(np.linalg.norm(point)))
    evidence, opinions = [], []
    for name, other in study.references:
        apart = norm(exact(point) - exact(other)) / size
        far, its = upper(apart), optimality(f, g, other)
        worse = lower(objective(f, g, exact(other)) - objective(f, g, exact(point)))
        off = far > AGREEMENT and worse > known.gap
        opinion = f"{name} {far:.1e} away" + (f" and off: its objective is certainly {worse:.1e} worse" if off else "")
        opinions.append(opinion)
        if its.distance < math.inf:
            excluded = max(0.0, lower(apart - ball(its.distance) / size))
            evidence.append(
                Evidence(Side.ATTAINED, excluded, Rigour.ENCLOSED, f"{opinion}, less its own certified error")
            )
        else:
            evidence.append(Evidence(Side.ATTAINED, far, Rigour.FLOATING, opinion, far if off else 0.0))
    if known.distance < math.inf:
        method = f"duality gap, mu + sigma >= {known.modulus:.3g} ({'; '.join(opinions)})"
        evidence.append(Evidence(Side.CERTIFIED, upper(ball(known.distance) / size), Rigour.ENCLOSED, method))
    certificate = {
        "quantity": "|x - x*|",
        "x": hexadecimal(point),
        "gap": known.gap.hex(),
        "modulus": known.modulus.hex(),
    }
    return conclude(claim, study, AGREEMENT, tuple(evidence), certificate if known.distance < math.inf else None)


def residual(claim: Claim, study: Study) -> Result:
    """One more step from the computed point, enclosed."""
    point = exact(study.point)
    moved = norm(point - study.step(point))
    size = max(1.0, float(np.linalg.norm(study.point)))
    evidence = (
        Evidence(Side.CERTIFIED, upper(moved / size), Rigour.ENCLOSED, "one step in ball arithmetic"),
        Evidence(Side.ATTAINED, lower(moved / size), Rigour.ENCLOSED, "the same"),
    )
    return conclude(claim, study, 1e-12, evidence, {"quantity": "|x - Tx|", "x": hexadecimal(study.point)})


def sensitivity(claim: Claim, study: Study, rng: np.random.Generator, scale: float) -> Result:
    """The exact minimisers for b and for b moved by 1% differ by |x - x'| up to their certified errors."""
    problem = study.problem
    if not isinstance(problem.f, LeastSquares):
        return not_applicable(claim, problem.name, "hypothesis f(x) = A^T(Ax - b) is not met: f has no data b")
    b = problem.f.target
    change = rng.standard_normal(len(b)) if problem.solution is None else np.ones(len(b))
    other_b = b + change * (0.01 * np.linalg.norm(b) / np.linalg.norm(change) if b.any() else 1.0)
    other = Study(replace(problem, f=LeastSquares(problem.f.matrix, other_b)), 1.0)
    apart = norm(exact(study.point) - exact(other.point))
    unsure = ball(study.certified.distance) + ball(other.certified.distance)
    moved = norm(exact(b) - exact(other_b)) / ball(study.certified.modulus)
    high = upper((apart + unsure) / (ball(norm_lower(problem.f.matrix)) * moved))
    low = lower((apart - unsure) / (ball(norm_upper(problem.f.matrix)) * moved))
    evidence = (
        Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, "both minimisers enclosed by their duality gaps"),
        Evidence(Side.ATTAINED, max(low, 0.0), Rigour.ENCLOSED, "the same enclosures"),
    )
    certificate = {
        "quantity": "|x*(b)-x*(b')| (mu+sigma) / (|A| |b-b'|)",
        "x": hexadecimal(study.point),
        "x'": hexadecimal(other.point),
    }
    return conclude(claim, study, scale, evidence, certificate)
