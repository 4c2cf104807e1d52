"""Chapter "rule": the rules of calculus, through the witnesses of chapter "prox".

A derived function is a function: its map is compared with cvxpy's solution of the definition, its constants with
ratios.  Only the names of the claims differ, so that what is found of rules stands apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.claims.catalogue import prox
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.verdict import Claim, Evidence, Result, planted

__all__ = ["CLAIMS", "DEFINITION", "RESOLVENT", "VALUE", "assess", "replay", "require_sampled"]

_BASES = {f"rule.{claim.id.removeprefix('prox.')}": claim for claim in prox.CLAIMS}
CLAIMS = tuple(replace(base, id=name, title=f"Rules: {base.title}") for name, base in _BASES.items())
DEFINITION, _, _, RESOLVENT, VALUE = CLAIMS


def assess(
    case: ProxCase, claims: Sequence[Claim], samples: int, rng: np.random.Generator, scale: float = 1.0
) -> list[Result]:
    """Check a derived function against each of ``claims``; ``scale`` is the planted error, as in chapter "prox"."""
    results = prox.assess(case, [_base(claim) for claim in claims], samples, rng, scale)
    return [replace(result, claim=claim.id) for claim, result in zip(claims, results, strict=True)]


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate the worst sample of a result again, from its witness alone.

    Raises
    ------
    kernel.Refusal
        If the witness is incomplete or malformed, or its sample is not one of the map.
    """
    return replace(prox.replay(_base(claim), witness, arrays), claim=claim.id)


def require_sampled(claim: Claim, evidence: Sequence[Evidence]) -> None:
    """Refuse a first piece of evidence unless samples can have given it.

    Raises
    ------
    kernel.Refusal
        If it is none.
    """
    prox.require_sampled(_base(claim), evidence)


def _base(claim: Claim) -> Claim:
    """The claim of chapter "prox" behind a claim of this one, planted or not."""
    base = _BASES[claim.id.removeprefix("planted.")]
    return planted(base) if claim.control else base
