"""Chapter "lipschitz", in a box of data: there a network stretches less than it can, and more than at one point.

From above, the dissipation of :mod:`fbscheck.network.local`: the box is cut into parts, in each of them the slopes of
many units are known.  From below, a pair of data of the box, in ball arithmetic.  What is claimed comes from another
pair, which may be anywhere, or, in the control, from the derivative at the centre of the box.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import lower, round_down, round_up, upper
from fbscheck.claims.networks.pair import Pair
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import InputError
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.network.dissipation import MARGIN, certified_bound
from fbscheck.network.instance import instance_lower, quotient
from fbscheck.network.layers import Values
from fbscheck.network.local import certified_local, local_bound, soft_threshold
from fbscheck.network.network import Network
from fbscheck.network.region import Region, sectors_in
from fbscheck.network.riccati import recursion
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "CONTROLS", "DERIVATIVE", "LOCAL", "Box", "assess", "box_around", "elsewhere", "replay"]

LOCAL = Claim(
    "lipschitz.local",
    "In a box of data a network stretches less than a pair elsewhere",
    r"|x_N(b)-x_N(b')| \leq \frac{|x_N(c)-x_N(c')|}{|c-c'|}\,|b-b'|\quad(b, b' \in B;\ c, c' \in R^m)",
    Relation.AT_MOST,
    "dissipation with the slopes of all units over parts of the box",
)
DERIVATIVE = Claim(
    "control.derivative",
    "The derivative at the centre of a box, taken for the constant in all of it",
    r"|x_N(b)-x_N(b')| \leq \Bigl\|\frac{\partial x_N}{\partial b}(b_0)\Bigr\|\,|b-b'|\quad(b, b' \in B,\ b_0 \in B)",
    Relation.AT_MOST,
    "false: other units are active elsewhere in the box",
    control=True,
)
CLAIMS, CONTROLS = (LOCAL,), (DERIVATIVE,)
KIND = "local dissipation"


@final
@dataclass(frozen=True, eq=False)
class Box:
    """A network of soft thresholding, a box |b - b_0| <= radius, and two pairs of data (2, m): one of the box,
    ``inside``, and one from ``elsewhere``; x_0 is fixed."""

    name: str
    network: Network
    x0: Values
    centre: Values
    radius: Values
    inside: Values
    elsewhere: Values

    @property
    def region(self) -> Region:
        """x_0 and the box."""
        return Region(self.x0, self.centre, 0.0, self.radius)

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the box again; its arrays are kept in ``arrays``."""
        first, second = self.inside
        pair = Pair(self.name, self.network, self.x0, first, other_b=second).describe(arrays)
        parts = ("centre", "radius", "elsewhere")
        return {"pair": pair, **{name: add(getattr(self, name), arrays) for name in parts}}

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "Box":
        """The box that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            if set(text) != {"pair", "centre", "radius", "elsewhere"}:
                raise KeyError("a pair, a centre, a radius and a pair elsewhere, no more")
            pair = Pair.restore(text["pair"], arrays)
            centre, radius, elsewhere = (arrays[text[name]] for name in ("centre", "radius", "elsewhere"))
            if pair.other is not None or pair.other_x0 is not None or pair.other_b is None:
                raise TypeError("the data go through two networks, or start at two points")
            if not centre.shape == radius.shape == pair.b.shape or elsewhere.shape != (2, len(centre)):
                raise ValueError("shapes")
            inside = np.stack([pair.b, pair.other_b])
            return cls(pair.name, pair.network, pair.x0, centre, radius, inside, elsewhere)
        except (LookupError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the box is incomplete or malformed: {error}") from None


def elsewhere(network: Network, x0: Values, seed: int = 0) -> Values:
    """Two data (2, m) that the network stretches much, wherever they are."""
    found = instance_lower(network, "b", x0=x0, seed=seed)
    return np.stack([found.first[1], found.second[1]])


def box_around(
    name: str,
    network: Network,
    x0: Values,
    centre: Values,
    radius: Values,
    pair: Values,
    parts: int = 1,
    evaluations: int = 100,
) -> tuple[Box, dict[str, Any], Arrays]:
    """A box with data that are stretched much in it, and a certificate, with its arrays, of how much they can be."""
    region, arrays = Region(x0, centre, 0.0, radius), dict[str, Any]()
    maps = soft_threshold(network.functions, network.steps)
    local = local_bound(network.layers, maps, region, "b", parts, evaluations)
    found = instance_lower(network, "b", region=region)
    box = Box(name, network, x0, centre, radius, np.stack([found.first[1], found.second[1]]), pair)
    certificate = {
        "kind": KIND,
        "cuts": add(np.array(local.cuts), arrays),
        "multipliers": add(local.multipliers.reshape(-1, network.layers.dimension), arrays),
        "bound": str(Fraction(round_up(Fraction(local.bound) * MARGIN))),
    }
    return box, certificate, arrays


def assess(
    claim: Claim, box: Box, certificate: Mapping[str, Any], arrays: Mapping[str, Any], scale: float = 1.0
) -> Result:
    """Squeeze ``LOCAL`` or ``DERIVATIVE`` between a pair of the box and a certificate for all of it.

    ``scale`` multiplies the claimed bound: a planted error if it is not 1.

    Raises
    ------
    kernel.Refusal
        If the certificate does not prove its bound, or the pair is not in the box.
    InputError
        If its parts do not fit.
    """
    kept, bound = _proved(box, certificate, arrays)
    if not all(box.region.contains(box.x0, b) for b in box.inside):
        raise kernel.Refusal("the pair is not in the box")
    low, high = _derivative(box) if claim is DERIVATIVE else _ends(box, box.elsewhere)
    attained = max(0.0, _ends(box, box.inside)[0])
    parts = len(kept[certificate["multipliers"]]) // box.network.depth
    method = f"dissipation in {parts} part{'s' * (parts > 1)} of the box, proved in outward-rounded arithmetic"
    evidence = (
        Evidence(Side.ATTAINED, attained, Rigour.ENCLOSED, "a pair of data of the box, in ball arithmetic"),
        Evidence(Side.CERTIFIED, float(bound), Rigour.ENCLOSED, method),
    )
    witness = scaled(box.describe(kept), scale)
    if low * scale < attained <= high * scale or not math.isfinite(high):
        return undecided(claim, box.name, f"the claimed bound is only known to be in [{low:.17g}, {high:.17g}]")
    bracket = squeeze(round_down(Fraction(low) * Fraction(scale)), evidence, dict(certificate))
    return replace(decide(claim, box.name, bracket, witness), arrays=kept)


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim or control again, from the network, the box, the data and the multipliers alone.

    Raises
    ------
    kernel.Refusal
        If they are incomplete, or not about one network.
    """
    content, scale = scale_of(witness, claim.control)
    return assess(claim, Box.restore(content, arrays), certificate, arrays, float(scale))


def _proved(box: Box, certificate: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Arrays, Fraction]:
    """The arrays of a certificate and its bound, which they were seen to prove in all of the box."""
    if set(certificate) != {"kind", "cuts", "multipliers", "bound"} or certificate["kind"] != KIND:
        raise kernel.Refusal(f"need a certificate of kind {KIND}, got {certificate!r:.60}")
    kept: Arrays = {certificate[name]: arrays[certificate[name]] for name in ("cuts", "multipliers")}
    layers, cuts = box.network.layers, kept[certificate["cuts"]]
    if cuts.ndim != 1 or cuts.dtype != np.int64:
        raise kernel.Refusal("the cuts are no list of sides")
    try:
        multipliers = kept[certificate["multipliers"]].reshape(-1, layers.depth, layers.dimension)
    except ValueError as error:
        raise InputError(f"Need multipliers for parts of the box, got others: {error}.") from None
    bound = kernel.rational(certificate["bound"])
    if Fraction(round_up(bound)) != bound:
        raise kernel.Refusal("the bound is no float64")
    maps = soft_threshold(box.network.functions, box.network.steps)
    if not certified_local(layers, maps, box.region, "b", cuts.tolist(), multipliers) <= bound:
        raise kernel.Refusal(f"the multipliers do not prove {float(bound):.9g}")
    return kept, bound


def _ends(box: Box, pair: Values) -> tuple[float, float]:
    """Bounds of how much a pair of data is stretched."""
    ball = quotient(box.network, (box.x0, pair[0]), (box.x0, pair[1]))
    return lower(ball), upper(ball)


def _derivative(box: Box) -> tuple[float, float]:
    """Twice a number that is no less than the norm of the derivative at the centre."""
    maps = soft_threshold(box.network.functions, box.network.steps)
    sectors = sectors_in(box.network.layers, maps, Region(box.x0, box.centre))
    problem = recursion(box.network.layers, "b", sectors)
    return (certified_bound(problem, np.zeros(problem.shape)),) * 2
