"""Chapter "learning": what training finds where the minimum is known (:mod:`fbscheck.claims.learning.anchors`).

A witness holds the anchor and trained parameters, whose J_N bounds the minimum from above; all is evaluated in ball
arithmetic.  The leading constant of ``driven`` is a s^2 int tanh(st + asinh x_0) s dt, s the arc length of its path:
what the exact cost of a layer has beyond that of an arc, to third order.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import flint

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, norm, upper
from fbscheck.claims.learning.anchor_paths import at_nodes, minimisers
from fbscheck.claims.learning.anchors import KINDS, Anchor, arc, cost, turned
from fbscheck.claims.limits.paths import between, down, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, squeeze
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "DISTANCE", "LEADING", "MINIMISER", "MINIMUM", "SHIFT", "STRONG", "TRAINED", "assess", "replay"]

CLOSED = 1e-8
"""How near minima and minimisers are to be."""

MINIMUM = Claim(
    "learning.minimum",
    "Least values of training problems with closed forms",
    r"J_N(\theta_N) = \min J_N",
    Relation.TIGHT,
    "Jensen's inequality for layers, then one variable; from above by trained parameters",
    accuracy=CLOSED,
)
MINIMISER = Claim(
    "learning.minimiser",
    "Minimisers of training problems with closed forms",
    r"\min_{\theta\in\mathrm{argmin}\,J_N}\max_n|\theta_{N,n}-\theta_n|_\infty \leq 10^{-8}",
    Relation.AT_MOST,
    "equal layers are the only best ones",
)
LEADING = Claim(
    "learning.leading",
    "The leading constant of least values",
    r"\Bigl|\frac{N(\min J_N-\min J)}c-1\Bigr| \leq 10^{-3}",
    Relation.AT_MOST,
    "c: the derivative of J_N by h at the limit's minimiser",
)
SHIFT = Claim(
    "learning.shift",
    "The leading constant of minimisers",
    r"\Bigl|\frac{N(k_N-k)}c-1\Bigr| \leq 10^{-3}",
    Relation.AT_MOST,
    "c: minus the mixed derivative of J_N by h and k over the second one by k",
)
DISTANCE = Claim(
    "learning.distance",
    "Minimisers tend to the set of the limit's minimisers",
    r"\min_{\theta\in\mathrm{argmin}\,J}\|\theta_N-\theta\|_{L^2} \leq 20h",
    Relation.AT_MOST,
    "trained parameters against the limit's paths, cell by cell",
)
STRONG = Claim(
    "learning.strong",
    "Penalties of minimisers tend to that of the limit's: convergence is strong",
    r"\Bigl|\int|\theta_N|^2-\int|\theta|^2\Bigr| \leq 2h",
    Relation.AT_MOST,
    "trained parameters against the limit's closed form",
)
TRAINED = (MINIMUM, MINIMISER, DISTANCE, STRONG)
"""What is said of trained parameters."""
CLAIMS = (*TRAINED, LEADING, SHIFT)


def assess(claim: Claim, anchor: Anchor, theta: Values | None = None, scale: float = 1.0) -> Result:
    """Measure a claim, at ``theta`` if it is one of ``TRAINED``.

    ``scale`` multiplies closed minima, bounds and constants (a planted error if it is not 1).
    """
    arrays: Arrays = {}
    kind = claim.id.removeprefix("planted.")
    if theta is None:
        witness: dict[str, Any] = {"anchor": anchor.describe()}
        theory, evidence = 1e-3, _CONSTANTS[kind](anchor, scale)
    else:
        witness = {"anchor": anchor.describe(), "theta": add(theta, arrays)}
        theory, evidence = _TRAINED[kind](anchor, theta)
        theory *= scale
    return replace(decide(claim, anchor.name, squeeze(theory, evidence), scaled(witness, scale)), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the anchor and the parameters in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    needed = {"anchor"} if claim.id.removeprefix("planted.") in _CONSTANTS else {"anchor", "theta"}
    if set(content) != needed:
        raise kernel.Refusal("the witness is no anchor, or has parameters that it should not have, or lacks some")
    anchor = Anchor.restore(content["anchor"])
    if "theta" not in content:
        return assess(claim, anchor, scale=float(scale))
    theta = arrays[content["theta"]]
    if theta.ndim != 2 or len(theta) != anchor.depth or theta.shape[1] != anchor.problem.family.count:
        raise kernel.Refusal("the parameters are not those of a network of this anchor")
    return assess(claim, anchor, theta, float(scale))


Sides = tuple[float, tuple[Evidence, ...]]


def _minimum(anchor: Anchor, theta: Values) -> Sides:
    if (known := anchor.least()) is None:
        raise kernel.Refusal("no bound of the least value is known")
    return float(known.value.mid()), (
        Evidence(Side.ATTAINED, down(lower(known.value)), Rigour.ENCLOSED, "least value over one variable, enclosed"),
        Evidence(Side.CERTIFIED, up(upper(anchor.value(theta))), Rigour.ENCLOSED, "trained parameters, in balls"),
    )


def _minimiser(anchor: Anchor, theta: Values) -> Sides:
    apart = min(
        (max(abs(part) for part in (exact(theta) - known).ravel().tolist()) for known in minimisers(anchor)), key=upper
    )
    return CLOSED, between(lower(apart), upper(apart), "trained parameters against closed ones, in balls")


def _distance(anchor: Anchor, theta: Values) -> Sides:
    """At nodes, and by the speed of the limit's path within cells: theta(t) is within h |theta'| / 3^{1/2} of nodes."""
    depth = len(theta)
    nodes, speed = at_nodes(anchor, depth)
    within = speed / depth / ball(3).sqrt()
    at = min((norm((exact(theta) - known).ravel()) for known in nodes), key=upper) / ball(depth).sqrt()
    return 20 / depth, between(lower(at - within), upper(at + within), "nodes, and speeds between them, in balls")


def _strong(anchor: Anchor, theta: Values) -> Sides:
    known = Anchor(anchor.kind, None).least()
    assert known is not None
    point = known.point
    if anchor.kind == "turn":
        square = cost(turned(point, None), point, None)
    else:
        square = (arc(point) if anchor.kind == "driven" else point) ** 2
    apart = abs(anchor.parts(theta)[1] - square)
    return 2 / len(theta), between(lower(apart), upper(apart), "layers and closed form, in balls")


def _leading(anchor: Anchor, scale: float) -> tuple[Evidence, ...]:
    limit, known = Anchor(anchor.kind, None).least(), anchor.least()
    if anchor.kind == "turn" or limit is None or known is None or anchor.depth is None:
        raise kernel.Refusal("a constant of first order is known of decay and driven only")
    if anchor.kind == "driven":
        (x0,), _, _, a = KINDS["driven"]
        speed = arc(limit.point)
        c = ball(a) * speed**2 * ((1 + limit.point**2) / (1 + ball(x0) ** 2)).log() / 2
    else:
        c = _by_step(limit.point)[0]
    return _off(anchor.depth * (known.value - limit.value), c, scale, anchor.depth)


def _shift(anchor: Anchor, scale: float) -> tuple[Evidence, ...]:
    limit, known = Anchor("decay", None).least(), anchor.least()
    if anchor.kind != "decay" or anchor.depth is None or known is None or limit is None:
        raise kernel.Refusal("the constant is known of decay only")
    (_,), _, (target,), a = KINDS["decay"]
    decayed = (-limit.point).exp()
    bend = decayed * (2 * decayed - ball(target)) + 2 * ball(a)
    c = -_by_step(limit.point)[1] / bend
    return _off(anchor.depth * (known.point - limit.point), c, scale, anchor.depth)


def _by_step(k: Any) -> tuple[Any, Any]:
    """The derivative of ((1 - hk)^{1/h} - x*)^2/2 by h at 0, -(e^{-k} - x*) e^{-k} k^2/2, and that of it by k."""
    (_,), _, (target,), _ = KINDS["decay"]
    series = flint.arb_series([k, 1], 2)
    decayed = (-series).exp()
    found = (decayed - ball(target)) * decayed * series * series * ball(-0.5)
    return found[0], found[1]


def _off(found: Any, c: Any, scale: float, depth: int) -> tuple[Evidence, ...]:
    off = abs(found / (c * ball(scale)) - 1)
    return between(lower(off), upper(off), f"least values over one variable, enclosed, for {depth} layers")


_TRAINED: dict[str, Callable[[Anchor, Values], Sides]] = {
    MINIMUM.id: _minimum,
    MINIMISER.id: _minimiser,
    DISTANCE.id: _distance,
    STRONG.id: _strong,
}
_CONSTANTS: dict[str, Callable[[Anchor, float], tuple[Evidence, ...]]] = {LEADING.id: _leading, SHIFT.id: _shift}
