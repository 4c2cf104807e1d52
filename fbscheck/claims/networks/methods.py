r"""Chapter "lipschitz": bounds by several methods for one network, each between witnesses that know nothing of it.

From below, a network with the same matrices and some proximal maps, and a pair of inputs of this very network, both in
ball arithmetic; from above, the dissipation of :mod:`fbscheck.network.riccati`.  A method whose bound is below what is
attained is refuted; one that the certificate does not reach is left open.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, lower, round_down, round_up, upper
from fbscheck.claims.networks.pair import Pair
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import InputError, SolverError
from fbscheck.inputs import finite_array
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.network.comparisons import DIAGONAL, SCALAR, Row, closed, compare, sandwich, shared
from fbscheck.network.dissipation import MARGIN, certified_bound, certify
from fbscheck.network.instance import instance_lower, quotient_lower
from fbscheck.network.layers import Layers, Values
from fbscheck.network.lower import attained_lower, class_lower
from fbscheck.network.network import Network
from fbscheck.network.riccati import Input, recursion
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = [
    "AVERAGED",
    "BETWEEN",
    "CLAIMS",
    "CONTROLS",
    "DROPPED",
    "METHODS",
    "PIECES",
    "LIPSDP",
    "Witnesses",
    "assess",
    "between",
    "compared",
    "dropped",
    "replay",
]

METHODS = Claim(
    "lipschitz.methods",
    "Bounds of the Lipschitz constant for the data, by several methods",
    r"|x_N(b)-x_N(b')| \leq c\,|b-b'|\quad\mathrm{for\ the\ bound\ } c\ \mathrm{of\ each\ method}",
    Relation.COMPARED,
    "Combettes and Pesquet 2020; Fazlyab et al. 2019 (LipSDP); dissipation; proof: Riccati step",
)
AVERAGED = Claim(
    "lipschitz.averaged",
    "The bound of Combettes and Pesquet for the initial state",
    r"|x_N-\tilde x_N| \leq \frac{\theta_N}{2^{N-1}}\,|x_0-\tilde x_0|,\quad"
    r"\theta_n=\sum_{i=1}^n\theta_{i-1}\,\|W_n\cdots W_i\|,\ \theta_0=1,\ W_n=I-hK_{n-1}",
    Relation.AT_MOST,
    "Combettes and Pesquet 2020; proof: reflected proximal map; at each cut",
)
BETWEEN = Claim(
    "lipschitz.between",
    "The bound of Combettes and Pesquet lies between two products",
    r"\|W_N\cdots W_1\| \leq \frac{\theta_N}{2^{N-1}} \leq \|W_N\|\cdots\|W_1\|",
    Relation.AT_MOST,
    "a mean over the ways to cut the product into pieces (largest ratio of neighbours)",
    (Hypothesis(r"N \leq 50", lambda network: 50 - network.depth),),
)
DROPPED = Claim(
    "control.dropped-layer",
    "Bounds that leave out the first layer, as a released program did",
    r"|x_N(b)-x_N(b')| \leq c\,|b-b'|\quad\mathrm{for\ the\ bound\ } c\ \mathrm{of\ layers}\ 2,\dots,N",
    Relation.AT_MOST,
    "false: what the first layer injects is amplified by all that follow",
    control=True,
)
CLAIMS, CONTROLS = (METHODS, AVERAGED, BETWEEN), (DROPPED,)
LIPSDP = "LipSDP by cvxpy, certified"
LARGEST = 100
"""Rows of the greatest semidefinite program that is solved."""
EVALUATIONS, STARTS = 1000, 512
"""Of the searches for multipliers, and for slopes that stretch most."""
KIND = "dissipation"
PIECES = "Combettes-Pesquet"


@final
@dataclass(frozen=True, eq=False)
class Witnesses:
    """What the bounds of one network for one kind of input are compared with.

    From below a ``pair`` of inputs, and slopes ``pattern`` (N, d) with a ``direction``, as in
    :class:`fbscheck.network.lower.Attained`; from above ``multipliers`` (N, d) that prove ``bound``.
    """

    pair: Pair
    wrt: Input
    pattern: Values
    direction: Values
    multipliers: Values
    bound: Fraction

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """All three, evaluated.

        Raises
        ------
        kernel.Refusal
            If the pair is none of this input, or the multipliers do not prove the bound.
        InputError
            If the slopes are not those of proximal maps, or shapes do not fit.
        """
        layers = self.pair.network.layers
        network, x0, b = self.pair.perturbed
        kept = {"b": np.array_equal(x0, self.pair.x0), "x0": np.array_equal(b, self.pair.b)}
        if network is not self.pair.network or not kept.get(self.wrt, True):
            raise kernel.Refusal(f"the pair is none of inputs {self.wrt} of one network")
        if not certified_bound(recursion(layers, self.wrt), self.multipliers) <= self.bound:
            raise kernel.Refusal(f"the multipliers do not prove {float(self.bound):.9g}")
        some = attained_lower(layers, self.wrt, self.pattern, self.direction)
        this = quotient_lower(self.pair.network, (self.pair.x0, self.pair.b), (x0, b))
        proved = f"dissipation over {layers.depth} layers, proved in outward-rounded arithmetic"
        return (
            Evidence(Side.ATTAINED, some, Rigour.ENCLOSED, "these weights with some proximal maps, in ball arithmetic"),
            Evidence(Side.ATTAINED, this, Rigour.ENCLOSED, "this network at a pair of inputs, in ball arithmetic"),
            Evidence(Side.CERTIFIED, round_up(self.bound), Rigour.ENCLOSED, proved),
        )

    def describe(self, arrays: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        """Witness and certificate; their arrays are kept in ``arrays``."""
        witness = {name: add(getattr(self, name), arrays) for name in ("pattern", "direction")}
        certificate = {"kind": KIND, "multipliers": add(self.multipliers, arrays), "bound": str(self.bound)}
        return {"pair": self.pair.describe(arrays), **witness}, certificate


def compared(
    name: str, network: Network, wrt: Input = "b", programs: bool = True, seed: int = 0
) -> tuple[Witnesses, tuple[Row, ...]]:
    """What the bounds of one network are compared with, and all methods; with ``programs`` LipSDP where it is small.

    Raises
    ------
    InputError
        If nothing is proved of the network.
    """
    layers = network.layers
    rows = [row for row in compare(layers, wrt, evaluations=EVALUATIONS) if row.bound is not None]
    if programs and layers.depth * layers.dimension + layers.observations <= LARGEST:
        rows += _lipsdp(layers, wrt)
    rows = [row for row in rows if math.isfinite(row.bound or 0.0)]
    rows = [row if row.multipliers is None else _with_margin(row) for row in rows]
    searched = [(row.bound, row.multipliers) for row in rows if row.multipliers is not None and row.bound is not None]
    if not searched:
        raise InputError("Need a network with a certified bound, got none from any multipliers (unstable layers?).")
    bound, multipliers = min(searched, key=lambda pair: pair[0])
    trail = recursion(layers, wrt).backward(multipliers)
    attained = class_lower(layers, wrt, STARTS, seed=seed, trail=trail)
    found = instance_lower(network, wrt, seed=seed)
    (x0, b), (other_x0, other_b) = found.first, found.second
    pair = Pair(name, network, x0, b, None, None if wrt == "b" else other_x0, None if wrt == "x0" else other_b)
    witnesses = Witnesses(pair, wrt, attained.pattern, attained.direction, multipliers, Fraction(bound))
    return witnesses, tuple(rows)


def _lipsdp(layers: Layers, wrt: Input) -> list[Row]:
    """What the multipliers of the semidefinite program prove; nothing if no solver calls its answer optimal."""
    from fbscheck.reference.lipsdp import solution

    began = time.perf_counter()
    try:
        bound, multipliers = certify(recursion(layers, wrt), solution(layers, wrt)[1])
    except SolverError:
        return []
    return [Row(LIPSDP, bound, time.perf_counter() - began, multipliers)]


def _with_margin(row: Row) -> Row:
    return replace(row, bound=round_up(Fraction(row.bound or 0.0) * MARGIN))


def assess(claim: Claim, witnesses: Witnesses, row: Row, scale: float = 1.0) -> Result:
    """Judge the bound of one method: of ``METHODS``, ``AVERAGED`` or ``DROPPED``, or a planted one.

    ``scale`` multiplies the bound: a planted error if it is not 1.

    Raises
    ------
    kernel.Refusal
        If the witnesses prove nothing, or the method does not give this bound.
    """
    _require(claim, witnesses, row)
    arrays: Arrays = {}
    witness, certificate = witnesses.describe(arrays)
    bound = Fraction(row.bound or 0.0)
    witness |= {"method": row.name, "bound": str(bound)}
    if row.multipliers is not None:
        witness["multipliers"] = add(row.multipliers, arrays)
    evidence = witnesses.evidence[:2] if claim == DROPPED else witnesses.evidence
    name = witnesses.pair.name if claim.id.endswith(AVERAGED.id) else f"{witnesses.pair.name} | {row.name}"
    bracket = squeeze(round_down(bound * Fraction(scale)), evidence, certificate)
    result = decide(claim, name, bracket, scaled(witness, scale))
    return replace(result, arrays=arrays, seconds=row.seconds)


def dropped(witnesses: Witnesses, method: str) -> Result:
    """Run the control ``DROPPED`` for a method that searches for nothing."""
    network = witnesses.pair.network
    bound = closed(method, network.sliced(1, network.depth).layers, witnesses.wrt)
    return assess(DROPPED, witnesses, Row(method, bound, 0.0))


def _require(claim: Claim, witnesses: Witnesses, row: Row) -> None:
    """Refuse a bound that is not the method's, or that its multipliers do not prove."""
    network, wrt, bound = witnesses.pair.network, witnesses.wrt, row.bound
    averaged = claim.id.endswith(AVERAGED.id)
    if wrt != ("x0" if averaged else "b") or (averaged and row.name != PIECES):
        raise kernel.Refusal(f"{row.name!r:.60} for {wrt} is not what this claim is about")
    if (row.multipliers is None) == (row.name in (SCALAR, DIAGONAL, LIPSDP)):
        raise kernel.Refusal("multipliers belong to a method that searches for them, and to no other")
    if row.multipliers is not None:
        problem = shared(network.layers, wrt) if row.name == SCALAR else recursion(network.layers, wrt)
        if not certified_bound(problem, row.multipliers) <= (bound or 0.0):
            raise kernel.Refusal(f"the multipliers of {row.name} do not prove {bound}")
    else:
        layers = network.sliced(1, network.depth).layers if claim == DROPPED else network.layers
        if closed(row.name, layers, wrt) != bound:
            raise kernel.Refusal(f"{row.name} does not give {bound}")


def between(claim: Claim, name: str, network: Network, scale: float = 1.0) -> Result:
    """Judge ``BETWEEN``, or a planted one, for the transitions of a network."""
    if (unmet := claim.unmet(network)) is not None:
        return not_applicable(claim, name, unmet)
    sides = sandwich(network.layers.transitions)
    neighbours = list(zip(sides, sides[1:], strict=False))
    method = f"norms of {network.depth * (network.depth + 1) // 2} products, from both sides"
    low = max(lower(ball(first[0]) / ball(second[1])) for first, second in neighbours)
    high = max(upper(ball(first[1]) / ball(second[0])) for first, second in neighbours)
    evidence = (
        Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, method),
        Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, method),
    )
    arrays: Arrays = {}
    still = Pair(name, network, np.zeros(network.layers.dimension), np.zeros(network.layers.observations))
    witness = scaled({"pair": still.describe(arrays)}, scale)
    return replace(decide(claim, name, squeeze(scale, evidence), witness), arrays=arrays)


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim or control again, from the network, slopes, inputs and multipliers alone.

    Raises
    ------
    kernel.Refusal
        If they are incomplete, not about one network, or prove nothing.
    """
    content, scale = scale_of(witness, claim.control)
    pair = Pair.restore(content.pop("pair"), arrays)
    if claim.id.endswith(BETWEEN.id):
        if content:
            raise kernel.Refusal("the witness is no network")
        return between(claim, pair.name, pair.network, float(scale))
    fields = {"pattern", "direction", "method", "bound"}
    if set(content) - {"multipliers"} != fields or set(certificate) != {"kind", "multipliers", "bound"}:
        raise kernel.Refusal("the witness is no method for a network, or there is more than a certificate")
    if certificate["kind"] != KIND:
        raise kernel.Refusal(f"need a certificate of kind {KIND}")
    own = finite_array(arrays[content["multipliers"]], "multipliers", 2) if "multipliers" in content else None
    bound = kernel.rational(content["bound"])
    if Fraction(float(bound)) != bound:
        raise kernel.Refusal("the bound is no float64")
    witnesses = Witnesses(
        pair,
        "x0" if claim.id.endswith(AVERAGED.id) else "b",
        arrays[content["pattern"]],
        arrays[content["direction"]],
        arrays[certificate["multipliers"]],
        kernel.rational(certificate["bound"]),
    )
    return replace(assess(claim, witnesses, Row(content["method"], float(bound), 0.0, own), float(scale)), seconds=0.0)
