"""Chapter "stability": perturbed inputs and parameters of a network, against bounds that do not grow with the depth.

A case is two networks with given inputs.  Their states are enclosed in ball arithmetic, the bounds are
rounded upward; measured is the largest ratio of the two sides over the layers.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import flint
import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, matmul, norm, upper
from fbscheck.claims.networks.pair import Pair
from fbscheck.claims.records import scale_of, scaled
from fbscheck.inputs import Array
from fbscheck.judge import decide, not_applicable, squeeze, undecided
from fbscheck.network.layers import Values
from fbscheck.network.network import Network
from fbscheck.network.stability import distance_upper, perturbation_bounds
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["BOUNDED", "CLAIMS", "DATA", "ENERGY", "PARAMETERS", "SPEED", "START", "assess", "ratio_evidence", "replay"]

SAME_NETWORK = Hypothesis(r"\theta = \tilde\theta", lambda pair: -int(pair.other is not None))
SAME_START = Hypothesis(r"x_0 = \tilde x_0", lambda pair: -int(pair.other_x0 is not None))
SAME_DATA = Hypothesis(r"b = \tilde b", lambda pair: -int(pair.other_b is not None))
RATIO = "(largest ratio over the layers to the bound that is returned, which is rounded upward)"

START = Claim(
    "stability.start",
    "A perturbed initial state",
    r"|x_n-\tilde x_n| \leq \prod_{k<n} q_k\,|x_0-\tilde x_0|,\quad q_k=\frac{\|I-hK_k\|}{1+h\sigma_k}",
    Relation.AT_MOST,
    f"proof: perturbed layer {RATIO}",
    (SAME_NETWORK, SAME_DATA),
)
DATA = Claim(
    "stability.data",
    "A perturbed observation",
    r"|x_n-\tilde x_n| \leq h\sum_{j<n}\Bigl(\prod_{j<k<n}q_k\Bigr)\frac{\|L_j\|}{1+h\sigma_j}\,|b-\tilde b|",
    Relation.AT_MOST,
    f"proof: perturbed layer, summed {RATIO}",
    (SAME_NETWORK, SAME_START),
)
PARAMETERS = Claim(
    "stability.parameters",
    "Perturbed parameters",
    r"|x_n-\tilde x_n| \leq h\sum_{j<n}\Bigl(\prod_{j<k<n}q_k\Bigr)"
    r"\frac{\|K_j-\tilde K_j\|\,|\tilde x_j|+\|L_j-\tilde L_j\|\,|b|+R\,|\lambda_j-\tilde\lambda_j|}{1+h\sigma_j}",
    Relation.AT_MOST,
    f"proof: perturbed layer; r R-Lipschitz {RATIO}",
    (SAME_START, SAME_DATA),
)
BOUNDED = Claim(
    "stability.bounded",
    "States are bounded, uniformly in the depth",
    r"|x_{n+1}| \leq \frac{\|I-hK_n\|\,|x_n|+h\|L_n\|\,|b|}{1+h\sigma_n}\quad\mathrm{if}\ 0\in\partial g_n(0)",
    Relation.AT_MOST,
    f"proof: perturbed layer; against x = 0 {RATIO}",
    (SAME_NETWORK, SAME_START, SAME_DATA),
)
SPEED = Claim(
    "stability.speed",
    "Velocities of the layers",
    r"|x_{n+1}-x_n| \leq q_n|x_n-x_{n-1}|+\|W_n-W_{n-1}\|\,|x_{n-1}|+h\|L_n-L_{n-1}\|\,|b|"
    r"+hR\,|\lambda_n-\lambda_{n-1}|",
    Relation.AT_MOST,
    f"proof: perturbed layer; a network against itself one layer later {RATIO}",
    (SAME_NETWORK, SAME_START, SAME_DATA, Hypothesis(r"N \geq 2", lambda pair: pair.network.depth - 2)),
)
ENERGY = Claim(
    "stability.energy",
    "The energy of a gradient flow decreases in every layer",
    r"\Bigl(\frac1h-\frac{\|K\|}{2}\Bigr)|x_{n+1}-x_n|^2 \leq \varphi(x_n)-\varphi(x_{n+1}),"
    r"\quad \varphi(x)=\tfrac12\langle Kx,x\rangle-\langle Lb,x\rangle+\lambda r(x)",
    Relation.AT_MOST,
    f"proximal inequality at x_n, descent lemma {RATIO}",
    (
        SAME_NETWORK,
        SAME_START,
        SAME_DATA,
        Hypothesis(r"K_n = K = K^{T}", lambda pair: int(_is_gradient(pair.network)) - 1),
        Hypothesis(r"h|K| < 2", lambda pair: 2 - _length(pair.network), strict=True),
    ),
)
CLAIMS = (START, DATA, PARAMETERS, BOUNDED, SPEED, ENERGY)


def _is_gradient(network: Network) -> bool:
    """Whether all layers are one, with a symmetric matrix."""
    W = network.layers.transitions
    stacks = (W, network.layers.injections, network.steps)
    return bool(np.array_equal(W[0], W[0].T)) and all(np.all(stack == stack[0]) for stack in stacks)


def _length(network: Network) -> float:
    """h|K| = |I - W|, rounded upward."""
    return distance_upper(np.eye(network.layers.dimension), network.layers.transitions[0])


def assess(claim: Claim, pair: Pair, scale: float = 1.0) -> Result:
    """Measure one of ``CLAIMS`` on a pair; ``scale`` multiplies its bounds (a planted error if it is not 1)."""
    if (unmet := claim.unmet(pair)) is not None:
        return not_applicable(claim, pair.name, unmet)
    measured, bounds = _SIDES[claim.id.removeprefix("planted.")](pair)
    sides = zip(measured, bounds.tolist(), strict=True)
    moved = [(apart, bound) for apart, bound in sides if bound or lower(apart) > 0]
    if not moved:
        return undecided(claim, pair.name, "nothing is perturbed")
    evidence = ratio_evidence(moved, f"{pair.network.depth} layers in ball arithmetic")
    arrays: Arrays = {}
    witness = scaled({"pair": pair.describe(arrays)}, scale)
    return replace(decide(claim, pair.name, squeeze(scale, evidence), witness), arrays=arrays)


def ratio_evidence(sides: list[tuple[Any, Any]], method: str) -> tuple[Evidence, Evidence]:
    """The largest ratio of balls to bounds, which are numbers or balls around values of a formula; from both sides."""
    parts = [apart / bound if upper(ball(bound)) > 0 else flint.arb("inf") for apart, bound in sides]
    ratios = [(lower(part), upper(part)) for part in parts]
    low, high = (max(ends) for ends in zip(*ratios, strict=True))
    return (
        Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, method),
        Evidence(Side.CERTIFIED, high, Rigour.ENCLOSED, method),
    )


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the networks in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If they are incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"pair"}:
        raise kernel.Refusal("the witness is no pair of networks")
    return assess(claim, Pair.restore(content["pair"], arrays), float(scale))


def _perturbed(pair: Pair) -> tuple[Array, Values]:
    """|x_n - x'_n| and its bounds, n = 1..N."""
    states, others = pair.trajectories()
    other, x0, b = pair.perturbed
    bounds = perturbation_bounds(
        pair.network,
        other,
        [upper(size) for size in norm(others)],
        upper(norm(exact(pair.x0) - exact(x0))),
        upper(norm(exact(pair.b) - exact(b))),
        upper(norm(exact(b))),
    )
    return norm(states - others)[1:], bounds[1:]


def _bounded(pair: Pair) -> tuple[Array, Values]:
    """|x_n| and R_n, n = 1..N."""
    states, _ = pair.trajectories()
    bounds = pair.network.bound(*(upper(norm(exact(point))) for point in (pair.x0, pair.b)))
    return norm(states)[1:], bounds[1:]


def _speed(pair: Pair) -> tuple[Array, Values]:
    """|x_{n+1} - x_n| and its bounds, n = 1..N-1."""
    states, _ = pair.trajectories()
    moved, depth = norm(np.diff(states)), pair.network.depth
    later, earlier = pair.network.sliced(1, depth), pair.network.sliced(0, depth - 1)
    sizes = [upper(size) for size in norm(states[:, :-1])]
    return moved[1:], perturbation_bounds(later, earlier, sizes, upper(moved[0]), 0, upper(norm(exact(pair.b))))[1:]


def _energy(pair: Pair) -> tuple[Array, Values]:
    """Both sides of the decrease, times h: their ratios, against 1."""
    (x, _), network = pair.trajectories(), pair.network
    fed = matmul(network.layers.injections[0], exact(pair.b))
    steep = x - matmul(network.layers.transitions[0], x)
    energy = np.sum(x * steep, axis=0) / 2 - np.sum(fed[:, None] * x, axis=0)
    if step := float(network.steps[0]):
        energy = energy + step * network.functions[0](x)
    moved = np.sum(np.diff(x) ** 2, axis=0)
    ratios = (1 - ball(_length(network)) / 2) * moved / -np.diff(energy)
    return ratios, np.ones(len(ratios))


_SIDES: dict[str, Callable[[Pair], tuple[Array, Values]]] = {
    START.id: _perturbed,
    DATA.id: _perturbed,
    PARAMETERS.id: _perturbed,
    BOUNDED.id: _bounded,
    SPEED.id: _speed,
    ENERGY.id: _energy,
}
