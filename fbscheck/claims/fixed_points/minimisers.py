"""Claims on the fixed point itself: it minimises F + g, and moves little when the data move.

The reference is the minimiser of F + g from cvxpy and a third solver; the judge between them is
the duality gap in ball arithmetic (:mod:`fbscheck.splitting.gap`).
"""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.certify.balls import ball, exact, lower, maximum, norm, round_down, upper
from fbscheck.certify.definite import norm_lower, norm_upper
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.fixed_points.problems import Points, Study, conclude, objective
from fbscheck.judge import not_applicable
from fbscheck.operators import LeastSquares
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = [
    "AGREEMENT",
    "DISTANCE",
    "RESIDUAL",
    "SENSITIVITY",
    "VALUE",
    "agreement",
    "distance",
    "residual",
    "sensitivity",
    "value",
]

AGREED = round_down(Fraction(1, 10**8))
"""Relative distance within which independent solvers must agree."""

STRONGLY_CONVEX = Hypothesis(r"\mu+\sigma > 0", lambda p: p.modulus, strict=True)

VALUE = Claim(
    "fixed-point.value",
    "A fixed point minimises F + g",
    r"\frac{(F+g)(\hat x)-\min(F+g)}{1+|(F+g)(\hat x)|} \leq 10^{-10},\quad \hat x \approx T\hat x",
    Relation.AT_MOST,
    "Combettes and Wajs 2005; duality gap in ball arithmetic",
)
DISTANCE = Claim(
    "fixed-point.distance",
    "The fixed point is the minimiser",
    r"|\hat x-x^*| \leq 10^{-8}\,\max(1,|\hat x|),\quad \hat x \approx T\hat x",
    Relation.AT_MOST,
    "duality gap and strong convexity, in ball arithmetic",
    (STRONGLY_CONVEX,),
)
AGREEMENT = Claim(
    "fixed-point.agreement",
    "Independent solvers find the fixed point",
    r"|\hat x-y| \leq 10^{-8}\,\max(1,|\hat x|),\quad y \in \mathrm{argmin}\,(F+g)\ \mathrm{as\ solved\ by\ others}",
    Relation.AT_MOST,
    "cvxpy with Clarabel; scikit-learn's coordinate descent; scipy's active-set solvers",
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
    r"|x^*(b)-x^*(b')| \leq \frac{\|A\|}{\mu+\sigma}\,|b-b'|"
    r"\quad\mathrm{for\ one}\ b'\ \mathrm{drawn\ 1\%\ away\ from}\ b",
    Relation.AT_MOST,
    "proof: sensitivity (ratio of the two sides, with the promised moduli)",
    (STRONGLY_CONVEX,),
)


def value(claim: Claim, study: Study) -> list[Result]:
    """Certified: the duality gap.  Attained: how much better a reference solution is."""
    f, g, point, known = study.problem.f, study.problem.g, exact(study.point), study.certified
    own = objective(f, g, point)
    better, who = max((lower(own - objective(f, g, exact(other))), name) for name, other in study.references)
    evidence = (
        Evidence(Side.CERTIFIED, upper(ball(known.gap) / (1 + abs(own))), Rigour.ENCLOSED, "duality gap, enclosed"),
        Evidence(Side.ATTAINED, lower(ball(max(better, 0.0)) / (1 + abs(own))), Rigour.ENCLOSED, f"objective of {who}"),
    )
    certificate = {"quantity": "(F+g)(x) - min", "gap": study.proposals["gap of x"]}
    return [conclude(claim, study, round_down(Fraction(1, 10**10)), evidence, certificate)]


def distance(claim: Claim, study: Study) -> list[Result]:
    """Certified: sqrt(2 gap / (mu + sigma)).  Attained: the distance to other points, less their own error."""
    known, size = study.certified, _size(study)
    evidence = [Evidence(Side.CERTIFIED, upper(ball(known.distance) / size), Rigour.ENCLOSED, "duality gap, enclosed")]
    for name, other in study.references:
        its = study.bounds(name, other)
        if its.distance == math.inf:
            continue
        excluded = lower((norm(exact(study.point) - exact(other)) - ball(its.distance)) / size)
        method = f"distance to {name}, less its certified error"
        evidence.append(Evidence(Side.ATTAINED, max(0.0, excluded), Rigour.ENCLOSED, method))
    certificate = {"quantity": "|x - x*|", "gap": study.proposals["gap of x"]}
    return [conclude(claim, study, AGREED, tuple(evidence), certificate)]


def agreement(claim: Claim, study: Study) -> list[Result]:
    """One result a solver: the distance of its point y to the fixed point x, both given float64 points.

    If they are too far apart, a solver whose objective is certainly larger than that of x, by more
    than x's own certified gap, has not found a minimiser; and x is off if y is certainly near it.
    """
    f, g, point = study.problem.f, study.problem.g, exact(study.point)
    results, known = [], {name: study.bounds(name, other) for name, other in study.references}
    for name, other in study.references:
        apart = norm(point - exact(other)) / _size(study)
        far, case = upper(apart), f"{study.problem.name}, {name}"
        worse = objective(f, g, exact(other)) - objective(f, g, point)
        if far > AGREED and lower(worse) > study.certified.gap:
            unmet = (
                f"hypothesis that {name} found a minimiser is not met: it is {far:.1e} away, and its objective is "
                f"certainly larger by {lower(worse):.2g}; the fixed point is optimal to {study.certified.gap:.1e}"
            )
            results.append(not_applicable(claim, case, unmet))
            continue
        unsure = ball(known[name].distance) / _size(study)
        decided = far <= AGREED or lower(apart - unsure) > AGREED
        method = f"distance to the point of {name}" + ("" if decided else ", neither certainly the minimiser")
        rigour = Rigour.ENCLOSED if decided else Rigour.FLOATING
        evidence = (
            Evidence(Side.ATTAINED, lower(apart), rigour, method),
            Evidence(Side.CERTIFIED, far, rigour, method),
        )
        certificate = {"quantity": f"|x - y|, y of {name}"} if decided else None
        results.append(replace(conclude(claim, study, AGREED, evidence, certificate), case=case))
    return results


def _size(study: Study) -> Any:
    """max(1, |x|), enclosed."""
    return maximum(norm(exact(study.point)), 1.0)


def residual(claim: Claim, study: Study) -> list[Result]:
    """One more step from the computed point, enclosed."""
    point = exact(study.point)
    moved = norm(point - study.step(point))
    size = _size(study)
    evidence = (
        Evidence(Side.CERTIFIED, upper(moved / size), Rigour.ENCLOSED, "one step in ball arithmetic"),
        Evidence(Side.ATTAINED, lower(moved / size), Rigour.ENCLOSED, "the same"),
    )
    return [conclude(claim, study, round_down(Fraction(1, 10**12)), evidence, {"quantity": "|x - Tx|"})]


def sensitivity(claim: Claim, study: Study, rng: np.random.Generator, scale: float) -> Result:
    """The exact minimisers for b and for b moved by 1% differ by |x - x'| up to their certified errors."""
    problem = study.problem
    if not isinstance(problem.f, LeastSquares):
        return not_applicable(claim, problem.name, "hypothesis f(x) = A^T(Ax - b) is not met: f has no data b")
    b = problem.f.target

    def moved_data() -> Points:
        change = rng.standard_normal(len(b)) if problem.solution is None else np.ones(len(b))
        return b + change * (0.01 * np.linalg.norm(b) / np.linalg.norm(change) if b.any() else 1.0)

    other_b = study.array("b'", moved_data)
    other = study.moved(LeastSquares(problem.f.matrix, other_b))
    apart = norm(exact(study.point) - exact(other.point))
    unsure = ball(study.certified.distance) + ball(other.certified.distance)
    moved = norm(exact(b) - exact(other_b)) / ball(study.certified.modulus)
    high = upper((apart + unsure) / (ball(norm_lower(problem.f.matrix)) * moved))
    low = lower((apart - unsure) / (ball(norm_upper(problem.f.matrix)) * moved))
    evidence = (
        Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, "both minimisers enclosed by their duality gaps"),
        Evidence(Side.ATTAINED, max(low, 0.0), Rigour.ENCLOSED, "the same enclosures"),
    )
    if set(other.proposals) != other.used:
        raise Refusal("there are proposals on the moved problem that nobody uses")
    certificate = {
        "quantity": "|x*(b)-x*(b')| (mu+sigma) / (|A| |b-b'|)",
        "gap": study.proposals["gap of x"],
        "moved gap": other.proposals["gap of x"],
    }
    return conclude(claim, study, scale, evidence, certificate)
