"""Chapter "learning": what training finds where the minimum is known (:mod:`fbscheck.claims.anchors`).

A witness holds the anchor and trained parameters; their J_N is evaluated in ball arithmetic, and bounds the minimum
from above.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import lower, upper
from fbscheck.claims.anchors import Anchor
from fbscheck.claims.paths import down, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, squeeze
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "MINIMUM", "assess", "replay", "trained"]

MINIMUM = Claim(
    "learning.minimum",
    "Least values of training problems with closed forms",
    r"J_N(\theta_N) = \min J_N",
    Relation.TIGHT,
    "Jensen's inequality for layers, then one variable; from above by trained parameters",
    accuracy=1e-8,
)
CLAIMS = (MINIMUM,)


def trained(anchor: Anchor) -> Values:
    """Parameters of the best of a few trainings."""
    assert anchor.depth is not None
    coarsest = 5 if anchor.kind == "decay" else 8
    starts = 2 if anchor.kind == "turn" else 1
    settings = {"coarsest": coarsest, "starts": starts, "seed": 1, "tolerance": 1e-9, "progress": 1e-14}
    return anchor.problem.train(anchor.depth, **settings).parameters


def assess(claim: Claim, anchor: Anchor, theta: Values, scale: float = 1.0) -> Result:
    """Measure one of ``CLAIMS`` at ``theta``; ``scale`` multiplies the closed value (a planted error if not 1)."""
    arrays: Arrays = {}
    witness = scaled({"anchor": anchor.describe(), "theta": add(theta, arrays)}, scale)
    known = anchor.least()
    assert known is not None
    evidence = (
        Evidence(Side.ATTAINED, down(lower(known.value)), Rigour.ENCLOSED, "least value over one variable, enclosed"),
        Evidence(Side.CERTIFIED, up(upper(anchor.value(theta))), Rigour.ENCLOSED, "trained parameters, in balls"),
    )
    theory = float(known.value.mid()) * scale
    return replace(decide(claim, anchor.name, squeeze(theory, evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the anchor and the parameters in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"anchor", "theta"}:
        raise kernel.Refusal("the witness is no anchor with parameters")
    return assess(claim, Anchor.restore(content["anchor"]), arrays[content["theta"]], float(scale))
