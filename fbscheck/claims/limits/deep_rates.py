"""Chapter "rates": how fast a network tends to its limit as it gets deeper, against constants known beforehand.

A case is a path of parameters.  Errors of its networks are enclosed through a much deeper one, whose own distance from
the limit is certified; the order is that of a least-squares line through their logarithms, and enclosed with them.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.claims.limits.paths import PathCase, between, down, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.limit.apriori import constant_rate, rate
from fbscheck.limit.convergence import Convergence, Ends, converging, order_ends
from fbscheck.limit.error import error_bound
from fbscheck.network.stability import lipschitz_constant
from fbscheck.verdict import Claim, Curve, Evidence, Hypothesis, Plot, Relation, Result

__all__ = [
    "CLAIMS",
    "CONSTANT",
    "CONTROLS",
    "NODES",
    "NO_FORWARD",
    "NO_VARIATION",
    "ORDER",
    "VARYING",
    "assess",
    "deviation",
    "pictures",
    "replay",
]

LIPSCHITZ = Hypothesis(r"r\ \mathrm{is\ Lipschitz}", lambda case: int(_known_before(case)) - 1)
UNCHANGING = Hypothesis(
    r"\theta(t) = \theta",
    lambda case: int(all(curve.constant for curve in (case.path.K, case.path.L, case.path.weights))) - 1,
)
DEEP = Hypothesis(r"N_1 < \dots < N_k,\ k \geq 6", lambda case: len(case.depths) - 6)
NEAR = 0.03
"""By how much an order may differ from the theory's."""

VARYING = Claim(
    "rates.varying",
    "First order, whatever the path does: constants known beforehand",
    r"\max_t|X_N(t)-x(t)| \leq h\,e^{\int\mu^-}\bigl(\sqrt{C_1}+C_2\bigr),\quad "
    r"C_2=\tfrac12TkV+B\,\mathrm{Var}K+|b|\,\mathrm{Var}L+R\,\mathrm{Var}\lambda",
    Relation.AT_MOST,
    "own: summation by parts in the one-step inequality; attained by a jump after a node",
    (LIPSCHITZ,),
)
CONSTANT = Claim(
    "rates.constant",
    "First order for constant parameters, by the initial speed",
    r"\max_t|X_N(t)-x(t)| \leq h\,s_0\,e^{T(2\mu^-+h\|K\|^2/2)}\Bigl(\sqrt{\tfrac12+T\|K\|}+\tfrac12T\|K\|\Bigr)",
    Relation.AT_MOST,
    "own: velocities of layers, in the one-step inequality",
    (UNCHANGING,),
)
ORDER = Claim(
    "rates.order",
    "The greatest error over all times is of first order",
    r"|p-1| \leq 0.03\ \mathrm{for\ the\ order}\ p\ \mathrm{of}\ \max_t|X_N(t)-x(t)|\ \mathrm{over\ the\ depths}",
    Relation.AT_MOST,
    "first order by the a-priori bound (order of the least-squares line through enclosed errors)",
    (DEEP,),
)
NODES = Claim(
    "rates.order-nodes",
    "The greatest error over all layers is of first order",
    r"|p-1| \leq 0.03\ \mathrm{for\ the\ order}\ p\ \mathrm{of}\ \max_n|x_n-x(t_n)|\ \mathrm{over\ the\ depths}",
    Relation.AT_MOST,
    "first order by the a-priori bound (order of the least-squares line through enclosed errors)",
    (DEEP,),
)
NO_VARIATION = Claim(
    "control.rate-without-variation",
    "The a-priori bound without the total variation of the path",
    r"\max_t|X_N(t)-x(t)| \leq h\,e^{\int\mu^-}\bigl(\sqrt{C_1}+\tfrac12TkV\bigr)",
    Relation.AT_MOST,
    "false: a jump inside a layer costs a part of that layer",
    (LIPSCHITZ,),
    control=True,
)
NO_FORWARD = Claim(
    "control.rate-without-forward",
    "The bound of the implicit step, claimed for one with a forward part",
    r"\max_t|X_N(t)-x(t)| \leq \frac{h\,s_0}{\sqrt2}\,e^{T(2\mu^-+h\|K\|^2/2)}",
    Relation.AT_MOST,
    "false: K is evaluated at the old state",
    (UNCHANGING,),
    control=True,
)
CLAIMS, CONTROLS = (VARYING, CONSTANT, ORDER, NODES), (NO_VARIATION, NO_FORWARD)
ORDERS = {ORDER.id: "everywhere", NODES.id: "nodes"}


def assess(claim: Claim, case: PathCase, scale: float = 1.0, found: Convergence | None = None) -> Result:
    """Squeeze one of ``CLAIMS`` or ``CONTROLS``; ``scale`` multiplies a bound (a planted error if it is not 1).

    ``found`` are the errors at the depths of the case, where they are known already.  A bound is judged at the first
    depth.
    """
    kind = claim.id.removeprefix("planted.")
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    arrays: Arrays = {}
    witness = scaled({"limit": case.describe(arrays)}, scale)
    if kind in ORDERS:
        known = found or errors(case)
        p = order_ends(known.depths, getattr(known, ORDERS[kind]))
        evidence: tuple[Evidence, ...] = deviation(p, 1.0, _beside(known))
        return replace(decide(claim, case.name, squeeze(NEAR, evidence), witness), arrays=arrays)
    depth = case.depths[0]
    if kind in (CONSTANT.id, NO_FORWARD.id):
        theory = constant_rate(case.path, case.x0, case.b).bound(depth, kind == CONSTANT.id)
    else:
        theory = rate(case.path, case.x0, case.b, kind == VARYING.id).bound(depth)
    error = error_bound(case.path, case.x0, case.b, depth, refine=case.reference // depth, sampling=case.sampling)
    evidence = between(error.lower or 0.0, error.upper or 0.0, error.evidence[1].method)
    return replace(decide(claim, case.name, squeeze(scale * up(theory), evidence), witness), arrays=arrays)


def _beside(found: Convergence) -> str:
    """The depths, the order of the error at T, and how far the bounds of single networks are above the errors."""
    low, high = order_ends(found.depths, found.end)
    times = max(
        bound / least if least else math.inf for bound, (least, _) in zip(found.bounds, found.everywhere, strict=True)
    )
    ends = f"at T in [{down(low):.4f}, {up(high):.4f}]" if low > -math.inf else "at T unknown"
    return f"depths {found.depths[0]} to {found.depths[-1]}; {ends}; certificates up to {up(times):.3g} times the error"


def errors(case: PathCase) -> Convergence:
    """The errors at the depths of a case, enclosed."""
    return converging(case.path, case.x0, case.b, case.depths, case.reference, case.sampling)


def _known_before(case: PathCase) -> bool:
    return lipschitz_constant(case.path.r, case.path.dimension) is not None


def deviation(p: Ends, expected: float, method: str) -> tuple[Evidence, Evidence]:
    """How far an order, known to lie between two numbers, is from the expected one."""
    method = f"order in [{down(p[0]):.4f}, {up(p[1]):.4f}], {method}"
    return between(max(0.0, p[0] - expected, expected - p[1]), max(p[1] - expected, expected - p[0]), method)


def pictures(case: PathCase, found: Convergence) -> tuple[Plot, ...]:
    """The errors over the depth, certified from both sides, with the bounds of one network and those known before."""
    x = tuple(math.log2(depth) for depth in found.depths)

    def both(label: str, ends: tuple[Ends, ...]) -> tuple[Curve, Curve]:
        return (
            Curve(f"{label}, at most", x, tuple(high for _, high in ends)),
            Curve(f"{label}, at least", x, tuple(low for low, _ in ends), "points"),
        )

    apriori = rate(case.path, case.x0, case.b) if _known_before(case) else None
    curves = (
        *((Curve("known before", x, tuple(apriori.bound(depth) for depth in found.depths)),) if apriori else ()),
        Curve("certificate of N layers", x, found.bounds),
        *both("error over all times", found.everywhere),
        *both("error at T", found.end),
    )
    title = f"{case.name}: distance from the limit"
    name = "errors-" + "".join(c if c.isalnum() else "-" for c in case.name.lower())
    return (Plot(ORDER.id, name, title, r"$\log_2$ of the number of layers", "distance", curves, log_y=True),)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the path in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"limit"}:
        raise kernel.Refusal("the witness is no path")
    return assess(claim, PathCase.restore(content["limit"], arrays), float(scale))
