"""Is a matrix or a formula the proximal map of a convex function, or of a stated one?

By Moreau (1965), a map of the whole space is the proximal map of a convex function if and only if it is a
gradient and firmly nonexpansive.  On a box, that is what ``prox`` claims.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.certify.balls import exact, matmul, nearest, norm, round_down, upper
from fbscheck.checking.conditions import Values
from fbscheck.checking.defined import Defined
from fbscheck.checking.expressions import Expression
from fbscheck.checking.points import Domain
from fbscheck.checking.potentials import Finding, gradient_of_formula, gradient_of_matrix
from fbscheck.checking.snippet import hexadecimal
from fbscheck.checking.stated import Stated
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


def agreement(
    operator: Expression | Linear, against: Stated | Defined, low: Values, high: Values, seed: int, seconds: float
) -> Finding:
    """How far T certainly is from the stated proximal map, at the worst of many points of the box."""
    domain = Domain(low[0], high[0], len(low), lambda rng, count: rng.uniform(low[0], high[0], (len(low), count)))
    x = domain.starting(np.random.default_rng(seed), SAMPLES)
    images = operator(x) if isinstance(operator, Linear) else nearest(_images(operator, x))
    defined = np.isfinite(images).all(axis=0)
    if not defined.any():
        return Finding(reason="T is defined at none of the points that were tried")
    x, images = x[:, defined], images[:, defined]
    _, k, count = against.worst((len(x),), x, images, np.zeros(x.shape[1]), seconds)
    point = x[:, [k]]
    balls = _images(operator, point)
    image = nearest(balls)
    error = np.array([upper(norm((balls - exact(image))[:, 0]))])
    apart, _, _ = against.worst((len(x),), point, image, error, seconds)
    witness = {"x": hexadecimal(point), "Tx": hexadecimal(image)}
    how = f"the worst of {count} points, {against.how}"
    return Finding((Evidence(Side.ATTAINED, apart, Rigour.ENCLOSED, how),), witness)


def _images(operator: Expression | Linear, x: Values) -> Any:
    """Balls around the values at the columns of ``x`` (d, S)."""
    if isinstance(operator, Linear):
        return matmul(operator.matrix, exact(x)) - exact(np.asarray(operator.offset))[:, None]
    return np.array([operator.at(point) for point in x.T.tolist()], dtype=object).T


def settled(claim: Claim, case: str, finding: Finding) -> Result:
    """The result that the judge reads off a finding, against 0."""
    if not finding.evidence:
        return undecided(claim, case, finding.reason)
    return decide(claim, case, squeeze(0.0, finding.evidence), finding.witness)
