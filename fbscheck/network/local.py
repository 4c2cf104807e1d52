"""Lipschitz bounds for inputs in a region, where the slopes of many units are known.

A segment between two inputs of a box is cut by any partition of the box into pieces, so the greatest bound of
the parts is a bound for the box.  The part with the greatest one is halved until a budget is spent.
"""

import heapq
import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from fbscheck.errors import InputError
from fbscheck.network.dissipation import certify
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.region import Activation, Region, sectors_in
from fbscheck.network.riccati import Input, recursion
from fbscheck.network.sectors import sectors_of

__all__ = ["Local", "local_bound"]


@final
@dataclass(frozen=True)
class Local:
    """A certified ``bound`` between any two inputs of a region; ``fixed`` is the share of units of known slope in all
    of it, ``parts`` the number of parts that were bounded at the end."""

    bound: float
    fixed: float
    parts: int


def local_bound(
    layers: Layers, activation: Activation, region: Region, wrt: Input = "b", parts: int = 1, evaluations: int = 200
) -> Local:
    """The certified bound for a region, a box in b being halved until there are ``parts`` of it.

    Raises
    ------
    InputError
        If the maps are not separable, shapes do not fit, or a ball is to be halved.
    """
    if parts < 1 or (parts > 1 and np.ndim(region.b_radius) == 0):
        raise InputError(f"Need parts >= 1, and 1 where b is in a ball, got {parts} (b_radius as an array?).")
    bound, fixed = _bounded(layers, activation, region, wrt, evaluations)
    heap = [(-bound, 0, region)]
    for count in range(1, parts):
        _, _, worst = heapq.heappop(heap)
        for place, half in enumerate(_halves(worst)):
            found, _ = _bounded(layers, activation, half, wrt, evaluations)
            heapq.heappush(heap, (-min(found, bound), 2 * count + place, half))
    return Local(-heap[0][0], fixed, len(heap))


def _bounded(
    layers: Layers, activation: Activation, region: Region, wrt: Input, evaluations: int
) -> tuple[float, float]:
    sectors = sectors_in(layers, activation, region)
    problem = recursion(layers, wrt, sectors)
    bound, _ = certify(problem, optimise(problem, evaluations=evaluations).multipliers)
    return bound, float(np.mean(sectors.width < sectors_of(layers).width / 2))


def _halves(region: Region) -> tuple[Region, Region]:
    """The two halves of a box, a little overlapping, cut across the widest side of b."""
    radius = np.array(region.b_radius)
    side = int(np.argmax(radius))
    half = radius[side] / 2
    radius[side] = half * (1 + 2.0**-40) + 8 * math.ulp(abs(region.b[side]) + half)
    move = np.eye(len(radius))[side] * half
    return replace(region, b=region.b - move, b_radius=radius), replace(region, b=region.b + move, b_radius=radius)
