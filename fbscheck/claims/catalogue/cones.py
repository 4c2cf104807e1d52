"""Chapter "catalogue", proofs: the projection onto the second-order cone, for all points at once.

With c = (1, w) and c' = (1, -w), |w| = 1, every point (t, x) is a c + b c' with a >= b: t = a + b, |x| = a - b.  There
are the cases b > 0, a > 0 > b and 0 > a, those between them and those with a = b, and in each the coded projection is a
formula, for all directions w of the sphere but its pole, which is taken alone.  In positive variables, exact arithmetic
proves that p = P(u) is in the cone K, that p - u is, and that the two are orthogonal.  As K is convex (the triangle
inequality) and its own dual (Cauchy and Schwarz), p is the projection (Moreau 1962), hence firmly nonexpansive.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from fbscheck import functions
from fbscheck.archive import Arrays, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import norm
from fbscheck.certify.formula import Formula, Undetermined, Variables
from fbscheck.claims.catalogue.duties import Duty, conclude
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import InputError
from fbscheck.functions import SecondOrderCone
from fbscheck.functions.sections import sphere
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.verdict import Claim, Relation, Result

__all__ = ["CLAIMS", "CONE", "assess", "replay"]

CONE = Claim(
    "catalogue.cone",
    "The projection onto a cone splits every point into orthogonal parts",
    r"p \in K,\quad p-u \in K^* = K,\quad \langle p, p-u\rangle = 0,\qquad p = P_K(u)",
    Relation.AT_MOST,
    "Moreau 1962; what the code of the map gives for exact numbers, for all points at once (largest defect, 0)",
)
CLAIMS = (CONE,)


def assess(claim: Claim, case: ProxCase, scale: float = 1.0) -> Result:
    """Prove ``CONE`` of a second-order cone, or refute it at a point; ``scale`` multiplies the map (planted)."""
    arrays: Arrays = {}
    witness = scaled({"case": case.name, "function": describe(case.g, arrays)}, scale)
    try:
        evidence, point = conclude(_duties(case.g, Fraction(scale)), "all points of R^4")
    except Undetermined as failure:
        return undecided(claim, case.name, str(failure))
    return replace(decide(claim, case.name, squeeze(0.0, (evidence,)), {**witness, **point}), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Prove the claim again, or find its counterexample again, from the function in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If the witness is incomplete or malformed, or the function is no second-order cone.
    """
    content, scale = scale_of(witness, claim.control)
    try:
        case = ProxCase(str(content["case"]), rebuild(content["function"], arrays, vars(functions)))
    except (LookupError, OverflowError, TypeError, ValueError, AttributeError, InputError) as error:
        raise kernel.Refusal(f"the witness is incomplete or malformed: {error}") from None
    if not isinstance(case.g, SecondOrderCone):
        raise kernel.Refusal("the function is no second-order cone")
    return assess(claim, case, float(scale))


def _duties(g: Any, scale: Fraction) -> Iterator[Duty]:
    variables = Variables(("r", "v"), ("a1", "a2"))
    r, v = Formula.variable(variables, "r"), Formula.variable(variables, "v")
    zero = 0 * r
    pieces = (
        ("inside", r + v, v),
        ("between", r, -v),
        ("polar", -v, -v - r),
        ("edge", r, zero),
        ("polar edge", zero, -r),
        ("axis", v, v),
        ("polar axis", -v, -v),
        ("apex", zero, zero),
    )
    pole = np.array([zero, zero, zero - 1], dtype=object)
    for (piece, high, low), direction in product(pieces, (sphere(variables), pole)):
        u = np.array([high + low, *(direction * (high - low))], dtype=object)
        p = scale * project(g, u)
        for name, part in (("image", p), ("rest", p - u)):
            yield Duty(f"{piece}, {name}", part[0] - norm(part[1:]), True)
        yield Duty(f"{piece}, angle", np.sum(p * (p - u)), False)


def project(g: Any, u: Any) -> Any:
    """The projection as it is coded for float64 and for the centres of balls."""
    return g._projected(u)
