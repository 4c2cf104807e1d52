r"""Chapter "lipschitz": how much a network stretches its data, from both sides and at any depth.

From above, the dissipation of :mod:`fbscheck.network.riccati` with multipliers that were searched for and proved; from
below, a pair of data that one network stretches, in ball arithmetic.  Bounds by products of norms grow with the depth;
what they claim holds, and is far from tight, as the control shows.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import exact, norm, root_down, round_down, round_up, upper
from fbscheck.certify.definite import norm_lower
from fbscheck.claims.networks.pair import Pair
from fbscheck.claims.records import scale_of, scaled
from fbscheck.inputs import finite_array
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.network.comparisons import injected_products
from fbscheck.network.dissipation import MARGIN, certified_bound, certify
from fbscheck.network.instance import instance_lower, quotient_lower
from fbscheck.network.layers import Layers, Values
from fbscheck.network.multipliers import optimise
from fbscheck.network.network import Network
from fbscheck.network.riccati import recursion
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = [
    "CLAIMS",
    "CONTROLS",
    "INJECTED",
    "ROOT",
    "SAMPLED",
    "TIGHT",
    "assess",
    "assess_samples",
    "replay",
    "stretched",
]

STATEMENT = r"|x_N(b)-x_N(b')| \leq \sum_n\Bigl(\prod_{k>n}q_k\Bigr)\,h\|L_n\|\,|b-b'|"

INJECTED = Claim(
    "lipschitz.injected",
    "Lipschitz constant for the data, below the sum of injected products",
    STATEMENT,
    Relation.AT_MOST,
    "dissipation with one multiplier a unit and layer; proof: Riccati step",
)
ROOT = Claim(
    "lipschitz.root",
    "Unrolled ISTA stretches the data no more than the root of the horizon",
    r"|x_N(b)-x_N(b')| \leq \sqrt{T}\,|b-b'|\quad(K=A^TA,\ L=A^T,\ h\|A\|^2 \leq 1)",
    Relation.AT_MOST,
    "proof: ISTA layer",
)
TIGHT = Claim(
    "control.injected-tight",
    "The sum of injected products, taken for the Lipschitz constant itself",
    STATEMENT,
    Relation.TIGHT,
    "false: activations and directions that do not fit together cost what norms ignore",
    control=True,
)
SAMPLED = Claim(
    "control.sampled",
    "The worst of many random pairs, taken for a bound",
    r"|x_N(b)-x_N(b')| \leq \max_i\frac{|x_N(b_i)-x_N(b_i')|}{|b_i-b_i'|}\,|b-b'|",
    Relation.AT_MOST,
    "false: samples give lower bounds only",
    control=True,
)
CLAIMS, CONTROLS = (INJECTED, ROOT), (TIGHT, SAMPLED)
PAIRS = 500
KIND = "dissipation"


def stretched(
    name: str, network: Network, evaluations: int = 200, seed: int = 0
) -> tuple[Pair, dict[str, Any], Arrays]:
    """Data that the network stretches much, and a certificate, with its arrays, of how much it can at most."""
    arrays: Arrays = {}
    problem = recursion(network.layers, "b")
    bound, multipliers = certify(problem, optimise(problem, evaluations=evaluations).multipliers)
    found = instance_lower(network, "b", seed=seed)
    pair = Pair(name, network, *found.first, other_b=found.second[1])
    certificate = {"kind": KIND, "multipliers": add(multipliers, arrays), "bound": str(Fraction(bound) * MARGIN)}
    return pair, certificate, arrays


def assess(
    claim: Claim, pair: Pair, certificate: Mapping[str, Any], arrays: Mapping[str, Any], scale: float = 1.0
) -> Result:
    """Squeeze ``INJECTED``, ``ROOT`` or ``TIGHT`` between a pair of data and a certificate of the same network.

    ``scale`` multiplies the claimed bound: a planted error if it is not 1.

    Raises
    ------
    kernel.Refusal
        If the certificate does not prove its bound.
    InputError
        If its multipliers are none.
    """
    if set(certificate) != {"kind", "multipliers", "bound"} or certificate["kind"] != KIND:
        raise kernel.Refusal(f"need a certificate of kind {KIND}, got {certificate!r:.60}")
    kept: Arrays = {certificate["multipliers"]: arrays[certificate["multipliers"]]}
    bound = kernel.rational(certificate["bound"])
    if not certified_bound(recursion(pair.network.layers, "b"), kept[certificate["multipliers"]]) <= bound:
        raise kernel.Refusal(f"the multipliers do not prove {float(bound):.9g}")
    root = claim.id.removeprefix("planted.") == ROOT.id
    layers = pair.network.layers
    low, high = (root_down(Fraction(pair.network.horizon)),) * 2 if root else injected_ends(layers)
    method = f"dissipation over {layers.depth} layers, proved in outward-rounded arithmetic"
    attained = _attained(pair)
    evidence = (attained, Evidence(Side.CERTIFIED, round_up(bound), Rigour.ENCLOSED, method))
    witness = scaled({"pair": pair.describe(kept)}, scale)
    if low * scale < attained.value <= high * scale:
        return undecided(claim, pair.name, f"the claimed sum is only known to be in [{low:.17g}, {high:.17g}]")
    bracket = squeeze(round_down(Fraction(low) * Fraction(scale)), evidence, dict(certificate))
    return replace(decide(claim, pair.name, bracket, witness), arrays=kept)


def injected_ends(layers: Layers) -> tuple[float, float]:
    """Bounds of the sum of injected products: what a claim of it says at least, and at most."""
    stacks = (layers.transitions, layers.injections)
    norms = [[norm_lower(matrix) for matrix in (s[:1] if s.strides[0] == 0 else s)] for s in stacks]
    norms = [known * (layers.depth // len(known)) for known in norms]
    total = Fraction(0)
    for rho, transition, injection in zip(np.asarray(layers.strong_convexity).tolist(), *norms, strict=True):
        total = Fraction(round_down((Fraction(transition) * total + Fraction(injection)) / (1 + Fraction(rho))))
    return float(total), injected_products(layers, "b")


def assess_samples(pair: Pair, sample: Values | None = None, seed: int = 0) -> Result:
    """Run the control ``SAMPLED``: does a pair beat the worst of many random ones, ``sample`` (2, m)?"""
    worst = _worst_sample(pair, seed) if sample is None else sample
    first, second = (exact(data) for data in worst)
    moved = pair.network(exact(pair.x0), first) - pair.network(exact(pair.x0), second)
    theory = upper(norm(moved) / norm(first - second))
    kept: Arrays = {}
    witness = {"pair": pair.describe(kept), "sample": add(worst, kept)}
    return replace(decide(SAMPLED, pair.name, squeeze(theory, (_attained(pair),)), witness), arrays=kept)


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim or control again, from the network, the data and the multipliers alone.

    Raises
    ------
    kernel.Refusal
        If they are incomplete, or not about one network.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != ({"pair", "sample"} if claim is SAMPLED else {"pair"}):
        raise kernel.Refusal("the witness is no network with a pair of data")
    pair = Pair.restore(content["pair"], arrays)
    if claim is SAMPLED:
        return assess_samples(pair, finite_array(arrays[content["sample"]], "sample", 2))
    return assess(claim, pair, certificate, arrays, float(scale))


def _attained(pair: Pair) -> Evidence:
    network, x0, b = pair.perturbed
    if network is not pair.network or not np.array_equal(x0, pair.x0):
        raise kernel.Refusal("the data go through two networks, or start at two points")
    low = quotient_lower(network, (pair.x0, pair.b), (x0, b))
    return Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, "a pair of data, in ball arithmetic")


def _worst_sample(pair: Pair, seed: int) -> Values:
    """Of random pairs of data, that which the network stretches most."""
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, len(pair.b), PAIRS))
    x0 = np.repeat(pair.x0[:, None], PAIRS, axis=1)
    moved = np.linalg.norm(pair.network(x0, first) - pair.network(x0, second), axis=0)
    k = int(np.argmax(moved / np.linalg.norm(first - second, axis=0)))
    return np.stack([first[:, k], second[:, k]])
