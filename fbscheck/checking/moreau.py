"""Is a matrix or a formula the proximal map of a convex function, or of a stated one?

By Moreau (1965), a map of the whole space is the proximal map of a convex function if and only if it is a
gradient and firmly nonexpansive.  On a box, that is what ``prox`` claims.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.certify.balls import exact, matmul, nearest, round_down
from fbscheck.checking.conditions import Values
from fbscheck.checking.expressions import Expression
from fbscheck.checking.points import starting
from fbscheck.checking.potentials import Finding, gradient_of_formula, gradient_of_matrix
from fbscheck.checking.snippet import hexadecimal
from fbscheck.checking.stated import Stated, deviation, worst_deviation
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.operators import Linear
from fbscheck.verdict import Claim, Evidence, Result, Rigour, Side, Verdict

__all__ = ["agreement", "gradient_of", "moreau", "settled"]

SAMPLES = 256


def gradient_of(operator: Expression | Linear, low: Values, high: Values) -> Finding:
    """Whether T is the gradient of some function on the box from ``low`` to ``high`` (d,)."""
    if isinstance(operator, Linear):
        return gradient_of_matrix(operator.matrix)
    return gradient_of_formula(operator, low, high)


def moreau(gradient: Finding, firm: Result) -> Finding:
    """Whether T is a gradient and firmly nonexpansive, from both answers; refuted by either."""
    if any(evidence.side is Side.ATTAINED for evidence in gradient.evidence):
        return gradient
    if firm.verdict is Verdict.REFUTED:
        assert firm.bracket.upper is not None
        beta = firm.bracket.upper
        apart = round_down(1 - Fraction(beta)) if math.isfinite(beta) else math.inf
        how = f"how far the cocoercivity {beta:.9g} of a pair is below 1"
        return Finding((Evidence(Side.ATTAINED, apart, Rigour.ENCLOSED, how),), dict(firm.witness or {}))
    if not gradient.evidence:
        return gradient
    if firm.verdict not in (Verdict.PROVED, Verdict.CERTIFIED):
        return Finding(reason=f"a gradient, but firm nonexpansiveness is open: {firm.reason}")
    how = f"firmly nonexpansive ({firm.reason}), and a gradient ({gradient.evidence[0].method})"
    return Finding((Evidence(Side.CERTIFIED, 0.0, Rigour.ENCLOSED, how),))


def agreement(operator: Expression | Linear, against: Stated, low: Values, high: Values, seed: int) -> Finding:
    """How far T certainly is from the stated proximal map, at the worst of many points of the box."""
    x = starting(np.random.default_rng(seed), SAMPLES, _uniform(low, high), low[0], high[0], len(low))
    if isinstance(operator, Linear):
        images = exact(operator(x)) if x.size > 2**14 else matmul(operator.matrix, exact(x))
    else:
        images = np.array([operator.at(point) for point in x.T.tolist()], dtype=object).T
    defined = np.array([all(value.is_finite() for value in column) for column in images.T])
    if not defined.any():
        return Finding(reason="T is defined at none of the points that were tried")
    x, images = x[:, defined], images[:, defined]
    k = worst_deviation(against.function, against.step, x, nearest(images), np.zeros(x.shape[1]))
    if isinstance(operator, Linear):
        images[:, [k]] = matmul(operator.matrix, exact(x[:, [k]]))
    apart = deviation(against.function, against.step, x[:, k], images[:, k], 0.0)
    how = f"the worst of {x.shape[1]} points, in ball arithmetic"
    witness = {"x": hexadecimal(x[:, k]), "Tx": hexadecimal(nearest(images[:, k]))}
    return Finding((Evidence(Side.ATTAINED, apart, Rigour.ENCLOSED, how),), witness)


def _uniform(low: Values, high: Values) -> Any:
    return lambda rng, count: rng.uniform(low[:, None], high[:, None], (len(low), count))


def settled(claim: Claim, case: str, finding: Finding) -> Result:
    """The result that the judge reads off a finding, against 0."""
    if not finding.evidence:
        return undecided(claim, case, finding.reason)
    return decide(claim, case, squeeze(0.0, finding.evidence), finding.witness)
