"""Chapter "fixed-point": fixed points of T = prox_{hg}(I - hf) and the way the iterates get there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.claims.fixed_points import iterates, minimisers
from fbscheck.claims.fixed_points.problems import Problem, Study, restore
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import MissingToolError, SolverError
from fbscheck.judge import not_applicable, undecided
from fbscheck.verdict import Claim, Result

__all__ = ["CLAIMS", "assess", "replay"]

CLAIMS = (
    minimisers.VALUE,
    minimisers.DISTANCE,
    minimisers.AGREEMENT,
    minimisers.RESIDUAL,
    *iterates.CLAIMS,
    minimisers.SENSITIVITY,
)
OF_POINT = {
    minimisers.VALUE.id: minimisers.value,
    minimisers.DISTANCE.id: minimisers.distance,
    minimisers.AGREEMENT.id: minimisers.agreement,
    minimisers.RESIDUAL.id: minimisers.residual,
}


def assess(problem: Problem, claims: Sequence[Claim], rng: np.random.Generator, scale: float = 1.0) -> list[Result]:
    """Squeeze each of ``claims`` (from ``CLAIMS``, or planted from them) on one problem.

    ``scale`` is the planted error: the computed point, or the bound, times ``scale``.
    """
    moved = Study(problem, scale)
    plain = moved if scale == 1.0 else Study(problem, 1.0)
    return [result for claim in claims for result in _assess_one(claim, moved, plain, rng)]


def replay(claim: Claim, case: str, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the problem and the proposals in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If they are incomplete or malformed, or do not lead to a result of this name.
    """
    content, scale = scale_of(witness, claim.control)
    problem = restore(content["problem"], arrays)
    moved, plain = (Study(problem, factor, content["proposals"], dict(arrays)) for factor in (float(scale), 1.0))
    found = [result for result in _assess_one(claim, moved, plain, np.random.default_rng(0)) if result.case == case]
    if len(found) != 1:
        raise kernel.Refusal(f"the witness is about {problem.name}, and leads to no result {case!r}")
    return found[0]


def _assess_one(claim: Claim, moved: Study, plain: Study, rng: np.random.Generator) -> list[Result]:
    moved.used, plain.used = set(), set()
    results = _found(claim, moved, plain, rng)
    return [r if r.witness is None else replace(r, witness=scaled(r.witness, moved.scale)) for r in results]


def _found(claim: Claim, moved: Study, plain: Study, rng: np.random.Generator) -> list[Result]:
    problem, kind = plain.problem, claim.id.removeprefix("planted.")
    if (unmet := claim.unmet(problem)) is not None:
        return [not_applicable(claim, problem.name, unmet)]
    try:
        if kind in OF_POINT and kind != minimisers.RESIDUAL.id and moved.unfixed is not None:
            return [not_applicable(claim, problem.name, moved.unfixed)]
        if kind in OF_POINT:
            return OF_POINT[kind](claim, moved)
        if kind == minimisers.SENSITIVITY.id:
            return [minimisers.sensitivity(claim, plain, rng, moved.scale)]
        return iterates.iterates(claim, kind, plain, rng, moved.scale)
    except (SolverError, MissingToolError) as failure:
        return [undecided(claim, problem.name, str(failure))]
