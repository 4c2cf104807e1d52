r"""Chapter "gamma": how fast minima converge, where they are known (:mod:`fbscheck.claims.learning.anchors`).

With omega the bound on losses of :mod:`fbscheck.claims.learning.sequences`, theta_N trained parameters, and theta a
path in many pieces near the limit's minimiser with its averages P_N theta over layers,

    min J <= J(theta_N) <= min J_N + (J_N(theta_N) - min J_N) + omega_N(theta_N),
    min J_N <= J_N(P_N theta) <= min J + (J(theta) - min J) + omega_N(P_N theta) + a (|P_N theta|^2 - |theta|^2)^+.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, lower, nearest, upper
from fbscheck.claims.learning.anchor_paths import at_nodes
from fbscheck.claims.learning.anchors import KINDS, Anchor, Least
from fbscheck.claims.learning.sequences import Sequence, averages
from fbscheck.claims.limits.paths import between, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, squeeze
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Relation, Result

__all__ = ["CLAIMS", "HALVED", "RATE", "assess", "layers_of", "replay"]

PIECES = 4
"""Of the path near the limit's minimiser, for each layer."""

RATE = Claim(
    "gamma.rate",
    "Minima converge at the rate of losses",
    r"|\min J_N-\min J| \leq \max(\omega_N(\theta_N)+J_N(\theta_N)-\min J_N,\ "
    r"\omega_N(P_N\theta)+J(\theta)-\min J+a(\|P_N\theta\|^2-\|\theta\|^2)^+)",
    Relation.AT_MOST,
    "a trained network for the limit, averages of a path for networks; omega_N is of first order",
)
HALVED = Claim(
    "gamma.halved",
    "Minima converge at first order or better",
    r"|\min J_{2N}-\min J| \leq \tfrac12(1+h)\,|\min J_N-\min J|",
    Relation.AT_MOST,
    "closed minima, enclosed (ratio of the two distances)",
)
CLAIMS = (RATE, HALVED)


def assess(claim: Claim, anchor: Anchor, theta: Values | None = None, scale: float = 1.0) -> Result:
    """Measure ``RATE`` with trained parameters ``theta``, or ``HALVED`` without.

    ``scale`` multiplies the bound (a planted error if it is not 1).
    """
    arrays: Arrays = {}
    witness: dict[str, Any] = {"anchor": anchor.describe()}
    if theta is None:
        theory, evidence = _halved(anchor)
    else:
        theory, evidence = _rate(anchor, theta)
        witness["theta"] = add(theta, arrays)
    bracket = squeeze(scale * theory, evidence)
    return replace(decide(claim, anchor.name, bracket, scaled(witness, scale)), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Measure it again, from the anchor and the parameters in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    trained = claim.id.removeprefix("planted.") == RATE.id
    if set(content) != ({"anchor", "theta"} if trained else {"anchor"}):
        raise kernel.Refusal("the witness is no anchor, or has parameters that it should not have, or lacks some")
    anchor = Anchor.restore(content["anchor"])
    if anchor.depth is None:
        raise kernel.Refusal("the limit has no depth")
    theta = arrays[content["theta"]] if trained else None
    if theta is not None and theta.shape != (anchor.depth, anchor.problem.family.count):
        raise kernel.Refusal("the parameters are not those of a network of this anchor")
    return assess(claim, anchor, theta, float(scale))


def layers_of(anchor: Anchor, theta: Values, own: Values | None = None) -> Sequence:
    """A path of parameters (M, P) of the limit, with those (N, P) of a network; its own ones unless told."""
    problem = anchor.problem
    K, L, _ = problem.family.layers(theta)
    own_K, own_L, _ = problem.family.layers(theta if own is None else own)
    samples = problem.x0, problem.b, problem.target
    return Sequence(f"trained, {anchor.name}", K, L, own_K, own_L, *samples, a=KINDS[anchor.kind][3])


def _known(anchor: Anchor) -> Least:
    if (found := anchor.least()) is None:
        raise kernel.Refusal("no bound of the least value is known")
    return found


def _distance(anchor: Anchor) -> Any:
    return abs(_known(anchor).value - _known(Anchor(anchor.kind, None)).value)


def _halved(anchor: Anchor) -> tuple[float, tuple[Evidence, ...]]:
    assert anchor.depth is not None
    ratio = _distance(Anchor(anchor.kind, 2 * anchor.depth)) / _distance(anchor)
    method = f"least values of {anchor.depth} and {2 * anchor.depth} layers, enclosed"
    return (1 + 1 / anchor.depth) / 2, between(lower(ratio), upper(ratio), method)


def _rate(anchor: Anchor, theta: Values) -> tuple[float, tuple[Evidence, ...]]:
    depth = len(theta)
    a, limit = ball(KINDS[anchor.kind][3]), _known(Anchor(anchor.kind, None))
    fine = nearest(at_nodes(anchor, PIECES * depth)[0][0])
    trained, near = layers_of(anchor, theta), layers_of(anchor, fine, averages(fine, depth))
    dearer = ball(max(near.penalty(True) - near.penalty(False), near.penalty(False) * 0))
    above = trained.gap + anchor.value(theta) - _known(anchor).value
    below = near.gap + near.loss(near.end) + a * (ball(near.penalty(False)) + dearer) - limit.value
    found = _distance(anchor)
    method = f"least values of {depth} layers and of the limit, enclosed"
    return up(np.maximum(upper(above), upper(below)).item()), between(lower(found), upper(found), method)
