"""Chapter "nonconvex": maps that are taken for proximal maps of convex functions, and are not.

What is false must be refuted by a pair of points, in ball arithmetic; what is true (monotone, the largest slope)
must survive all pairs.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import exact, lower, norm
from fbscheck.errors import InputError
from fbscheck.functions.nonconvex import NONCONVEX, Nonconvex
from fbscheck.inputs import Array, finite_array
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "CONVEX", "MONOTONE", "SLOPE", "SOME", "assess", "replay"]

Points = npt.NDArray[np.float64]

CONVEX = Claim(
    "control.convex-prox",
    "The map is the proximal map of a convex function",
    r"|2(T x - T y) - (x - y)| \leq |x - y|",
    Relation.AT_MOST,
    "Moreau 1965: false; largest ratio of the two sides",
    control=True,
)
SOME = Claim(
    "control.some-prox",
    "The map, not monotone, is the proximal map of some function",
    r"-\langle T x - T y, x - y\rangle / |x - y|^2 \leq 0",
    Relation.AT_MOST,
    "Gribonval and Nikolova 2020: false; largest value of the left side",
    control=True,
)
MONOTONE = Claim(
    "nonconvex.monotone",
    "The map is monotone",
    r"-\langle T x - T y, x - y\rangle / |x - y|^2 \leq 0",
    Relation.AT_MOST,
    "Gribonval and Nikolova 2020; largest value of the left side",
)
SLOPE = Claim(
    "nonconvex.slope",
    "The largest slope L, and weak convexity of modulus 1 - 1/L",
    r"|T x - T y| \leq L\,|x - y|",
    Relation.AT_MOST,
    "Gribonval and Nikolova 2020; largest ratio |T x - T y| / (L |x - y|)",
)
CLAIMS = (CONVEX, SOME, MONOTONE, SLOPE)

REACH = 6.0
"""Points are sought in [-6, 6]: beyond, the slopes of these maps are monotone."""


def _measure(claim: Claim, entry: Nonconvex, x: Array, y: Array) -> Any:
    image, difference = entry.map(x) - entry.map(y), x - y
    if claim is CONVEX:
        return norm(2 * image - difference) / norm(difference)
    if claim is SLOPE:
        return norm(image) / (entry.slope * norm(difference))
    return -np.sum(image * difference, axis=0) / np.sum(difference * difference, axis=0)


def _bound(claim: Claim) -> float:
    """With what rounding may add to a quotient of close points; what jumps or turns exceeds it by far."""
    return {CONVEX: 1.0, SLOPE: 1.0}.get(claim, 0.0) + 1e-9


def assess(entry: Nonconvex, samples: int, rng: np.random.Generator) -> list[Result]:
    """The claims that speak of ``entry``, each at the worst of ``samples`` pairs."""
    x = np.sort(REACH * (2 * rng.random((entry.dimension, samples)) - 1), axis=1)
    y = np.roll(x, 1, axis=1) if entry.dimension == 1 else rng.permuted(x, axis=0) + 1e-3
    wanted = [CONVEX, MONOTONE if entry.monotone else SOME, *([SLOPE] if math.isfinite(entry.slope) else [])]
    results = []
    for claim in wanted:
        measures = _measure(claim, entry, x, y)
        k = int(np.argmax(measures))
        results.append(_result(claim, entry, x[:, k], y[:, k]))
    return results


def _result(claim: Claim, entry: Nonconvex, x: Points, y: Points) -> Result:
    value = lower(_measure(claim, entry, exact(x), exact(y)))
    evidence = Evidence(Side.ATTAINED, value, Rigour.ENCLOSED, "a pair of points in ball arithmetic")
    witness = {"map": entry.name, "x": [v.hex() for v in x.tolist()], "y": [v.hex() for v in y.tolist()]}
    return decide(claim, entry.name, squeeze(_bound(claim), (evidence,)), witness)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate the pair of a result again, rigorously.

    Raises
    ------
    kernel.Refusal
        If the witness is incomplete or malformed, or the claim does not speak of its map.
    """
    try:
        (entry,) = (known for known in NONCONVEX if known.name == witness["map"])
        x, y = (finite_array([float.fromhex(text) for text in witness[name]], name, 1) for name in "xy")
    except (LookupError, OverflowError, TypeError, ValueError, InputError) as error:
        raise kernel.Refusal(f"the witness is incomplete or malformed: {error}") from None
    if x.shape != (entry.dimension,) or y.shape != x.shape or claim is (SOME if entry.monotone else MONOTONE):
        raise kernel.Refusal("the claim does not speak of this map, or of these points")
    return _result(claim, entry, x, y)
