"""A smooth stand-in for the Lipschitz bound, and its derivatives by the multipliers.

The greatest eigenvalue of the input's block of P_0 is replaced by the Schatten norm of order p, which is
never below it.  Its derivative by P_0 is a covariance of inputs; a sweep forward carries it along.  With a
little weight on a random state x_0 the objective grows without bound before 2 Lambda - width P^xx width becomes
singular, also in directions that no b reaches.
"""

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.network.riccati import Recursion, Trail

__all__ = ["Sweep", "sweep"]

Values = npt.NDArray[np.float64]

NEGLIGIBLE = 1e-6
"""Inputs with less than this of the largest weight are left out of derivatives."""


@final
@dataclass(frozen=True, eq=False)
class Sweep:
    """One evaluation: the ``bound``, the ``objective`` near 2 log(bound), its ``slopes`` (N, d) by the logarithms
    of the multipliers, and their natural scale, the ``weights``."""

    trail: Trail
    bound: float
    objective: float
    slopes: Values
    weights: Values


def sweep(recursion: Recursion, multipliers: Values, power: float, noise: float, kick: Values) -> Sweep | None:
    """Objective and derivatives, or None where the multipliers are not admissible.

    The objective is log(Schatten norm of order ``power``) + ``noise`` log(trace of kick^T P^xx_0 kick); without the
    second term where no x_0 gets through.
    """
    trail = recursion.backward(multipliers)
    if trail is None or not np.isfinite(trail.storage).all():
        return None
    d = recursion.shape[1]
    excited = float(np.sum(kick * (trail.storage[:d, :d] @ kick)))
    spectrum, vectors = np.linalg.eigh(recursion.block(trail.storage))
    if not spectrum[-1] > 0:
        return None
    noise = noise if excited > 0 else 0.0
    excited = excited if excited > 0 else 1.0
    ratios = np.maximum(spectrum / spectrum[-1], 0)
    total = float(np.sum(ratios**power))
    objective = math.log(spectrum[-1]) + math.log(total) / power + noise * math.log(excited)
    shares = ratios ** (power - 1) / total
    kept = shares > NEGLIGIBLE * shares.max()
    states, data = recursion.inputs(vectors[:, kept] * np.sqrt(shares[kept] / spectrum[-1]))
    states = np.hstack([states, kick * math.sqrt(noise / excited)])
    data = np.hstack([data, np.zeros((len(data), kick.shape[1]))])
    slopes, weights = np.empty(recursion.shape), np.empty(recursion.shape)
    for n, factor in trail.forward():
        arguments, replies = trail.reply(n, factor, states, data)
        slopes[n] = np.einsum("ij,ij->i", replies, arguments - replies)
        weights[n] = np.einsum("ij,ij->i", replies, replies)
        states = trail.outcome(n, arguments, replies)
    return Sweep(trail, math.sqrt(spectrum[-1]), objective, 2 * multipliers * slopes, 2 * multipliers * weights)
