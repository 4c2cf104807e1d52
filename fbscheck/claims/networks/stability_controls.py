"""Negative controls on networks: constants and limits that are popular, and wrong at finite depth or for other layers.

They must come out REFUTED; one that does not says that the checks are blind.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, maximum, norm, round_up
from fbscheck.certify.definite import norm_upper
from fbscheck.functions import L1, Zero
from fbscheck.inputs import Array
from fbscheck.judge import decide, squeeze
from fbscheck.network.network import Network
from fbscheck.network.stability import flow_constants
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = [
    "CONTROLS",
    "EIGENVALUES",
    "FIXED_THRESHOLD",
    "LIMIT_CONSTANT",
    "PRODUCT",
    "RESIDUAL",
    "SKEW",
    "assess",
    "replay",
]


def _control(name: str, title: str, statement: str, source: str) -> Claim:
    return Claim(f"control.{name}", title, statement, Relation.AT_MOST, source, control=True)


LIMIT_CONSTANT = _control(
    "limit-constant",
    "The constant of the limit, claimed at finite depth",
    r"|x_N-\tilde x_N| \leq |b-\tilde b|\int_0^T e^{-\int_s^T\mu}\|L(s)\|\,ds",
    "false: the sum h(1 + q + ... + q^{N-1}) exceeds the integral",
)
SKEW = _control(
    "skew",
    "The flow of a rotation is an isometry, its layers are none",
    r"|x_N-\tilde x_N| \leq e^{-\int_0^T\mu}\,|x_0-\tilde x_0|",
    "false: |I-hK| = sqrt(1+h^2) for the rotation by 90 degrees",
)
EIGENVALUES = _control(
    "eigenvalues",
    "Eigenvalues in the place of norms, over several layers",
    r"|x_N-\tilde x_N| \leq \prod_{n<N}\rho(I-hK_n)\,|x_0-\tilde x_0|",
    "false: K = [[1, -10], [0, 1]] has modulus -4",
)
PRODUCT = _control(
    "product",
    "The norm of a product, as if the activations between its factors were not there",
    r"|x_N-\tilde x_N| \leq \|(I-hK_{N-1})\cdots(I-hK_0)\|\,|x_0-\tilde x_0|",
    "false: an inactive coordinate undoes the cancellation, [[1, -1], [0, 0]] [[1, 0], [1, 0]] = 0",
)
FIXED_THRESHOLD = _control(
    "fixed-threshold",
    "An activation that does not scale with the step has the same limit",
    r"|x_N-x(1)| \leq h\ \mathrm{for}\ x_{n+1}=\sigma(x_n),\ x'\in-\tfrac1{10}\,\partial|x|",
    "false: soft thresholding at 1/10 in each of N layers reaches zero",
)
RESIDUAL = _control(
    "residual",
    "Weakly convergent parameters of a residual network",
    r"|x_N-x(1)| \leq h\ \mathrm{for}\ x_{n+1}=x_n+h\max((-1)^nx_n,0),\ x'=0",
    "false: the limit needs parameters that enter affinely; here x_N tends to sqrt(e)",
)


def assess(claim: Claim, depth: int) -> Result:
    """Run one of ``CONTROLS`` with ``depth`` layers."""
    attained, theory, instance = _INSTANCES[claim.id](depth)
    evidence = Evidence(Side.ATTAINED, lower(attained), Rigour.ENCLOSED, f"{depth} layers in ball arithmetic")
    witness = {"depth": depth, **instance}
    return decide(claim, f"{claim.id.removeprefix('control.')}, N={depth}", squeeze(theory, (evidence,)), witness)


def replay(claim: Claim, witness: Mapping[str, Any]) -> Result:
    """Run the control again that left ``witness``.

    Raises
    ------
    kernel.Refusal
        If the depth is none.
    """
    depth = witness["depth"]
    if type(depth) is not int or not 0 < depth <= 10**5:
        raise kernel.Refusal("the depth is no number of layers")
    return assess(claim, depth)


def _moved(K: Any, L: Any, horizon: Fraction, depth: int, dx0: list[float], db: list[float]) -> Any:
    """|x_N - 0| of the network with g = 0 from x_0 = dx0 and b = db, enclosed: linear, so also a difference."""
    K, L = (np.broadcast_to(np.array(part, dtype=np.float64), (depth, *np.shape(part))) for part in (K, L))
    return norm(Network(K, L, np.zeros(depth), Zero(), horizon)(exact(dx0), exact(db)))


def _limit_constant(depth: int) -> tuple[Any, float, dict[str, Any]]:
    K, L, horizon = [[1.0]], [[1.0]], Fraction(2)
    moved = _moved(K, L, horizon, depth, [0.0], [1.0])
    _, theory = flow_constants([K], [L], horizon)
    return moved, theory, {"K": K, "L": L, "horizon": "2", "x_0": [0.0], "b": [[0.0], [1.0]]}


def _skew(depth: int) -> tuple[Any, float, dict[str, Any]]:
    K, L = [[0.0, -1.0], [1.0, 0.0]], [[0.0], [0.0]]
    theory, _ = flow_constants([K], [L], Fraction(1))
    return _moved(K, L, Fraction(1), depth, [1.0, 0.0], [0.0]), theory, {"K": K, "horizon": "1", "x_0": [1.0, 0.0]}


def _eigenvalues(depth: int) -> tuple[Any, float, dict[str, Any]]:
    K, L, start = [[1.0, -10.0], [0.0, 1.0]], [[0.0], [0.0]], [0.1, 1.0]
    horizon = Fraction(depth, 10)
    moved = _moved(K, L, horizon, depth, start, [0.0]) / norm(exact(start))
    return moved, round_up(Fraction(0.9) ** depth), {"K": K, "horizon": str(horizon), "x_0": start}


def _product(depth: int) -> tuple[Any, float, dict[str, Any]]:
    W, start = [[[1.0, 0.0], [1.0, 0.0]], [[1.0, -1.0], [0.0, 0.0]]], [0.5, 0.0]
    transitions, still = np.array(W)[np.arange(depth) % 2], np.zeros((depth, 2, 1))
    network = Network.of_layers(transitions, still, np.ones(depth), L1(np.array([0.0, 1.0])), depth)
    moved = norm(network(exact(start), exact([0.0]))) / norm(exact(start))
    whole = reduce(np.matmul, transitions[::-1])
    return moved, norm_upper(whole), {"W": W, "weights": [0.0, 1.0], "x_0": start}


def _fixed_threshold(depth: int) -> tuple[Any, float, dict[str, Any]]:
    x, activation = exact([1.0]), L1(0.1)
    for _ in range(depth):
        x = activation.prox(x, 1.0)
    return abs(x[0] - ball(Fraction(9, 10))), round_up(Fraction(1, depth)), {"threshold": "1/10", "x_0": [1.0]}


def _residual(depth: int) -> tuple[Any, float, dict[str, Any]]:
    x: Array = exact([1.0])
    h = ball(Fraction(1, depth))
    for n in range(depth):
        x = x + h * maximum((-1) ** n * x, 0.0)
    return abs(x[0] - 1), round_up(Fraction(1, depth)), {"x_0": [1.0]}


_INSTANCES: dict[str, Callable[[int], tuple[Any, float, dict[str, Any]]]] = {
    LIMIT_CONSTANT.id: _limit_constant,
    SKEW.id: _skew,
    EIGENVALUES.id: _eigenvalues,
    PRODUCT.id: _product,
    FIXED_THRESHOLD.id: _fixed_threshold,
    RESIDUAL.id: _residual,
}
CONTROLS = (LIMIT_CONSTANT, SKEW, EIGENVALUES, PRODUCT, FIXED_THRESHOLD, RESIDUAL)
