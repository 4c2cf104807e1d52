"""Lipschitz bounds for inputs in a region, where the slopes of many units are known.

A segment between two inputs of a box is cut by any partition of the box into pieces, so the greatest bound of
the parts is a bound for the box.  The part with the greatest one is halved until a budget is spent.
"""

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, final

import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, describe, rebuild
from fbscheck.errors import InputError
from fbscheck.network.dissipation import certify, layers_of, recheck, record_of
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.region import Activation, Region, SoftThreshold, sectors_in
from fbscheck.network.riccati import Input, recursion
from fbscheck.network.sectors import sectors_of

__all__ = ["Local", "local_bound", "local_record", "recheck_local"]


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


def local_record(
    layers: Layers, activation: SoftThreshold, region: Region, arrays: Arrays, wrt: Input = "b", evaluations: int = 400
) -> dict[str, Any]:
    """A certificate of the bound for a region in one part; its arrays are kept in ``arrays``."""
    problem = recursion(layers, wrt, sectors_in(layers, activation, region))
    bound, multipliers = certify(problem, optimise(problem, evaluations=evaluations).multipliers)
    record = record_of(layers, wrt, multipliers, bound, arrays)
    parts = {"region": describe(region, arrays), "activation": describe(activation, arrays)}
    return {**record, "kind": "local dissipation", **parts}


def recheck_local(record: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> float:
    """The bound of such a certificate, proved again: slopes from the region, storages from the multipliers.

    Raises
    ------
    InputError
        If the record is no such certificate, or does not prove its bound.
    """
    parts = [record.get(name) for name in ("region", "activation")]
    if record.get("kind") != "local dissipation" or not all(isinstance(part, Mapping) for part in parts):
        raise InputError(f"Need a certificate of kind local dissipation, got {record.get('kind')!r:.60}.")
    region = rebuild(cast(Mapping[str, Any], parts[0]), arrays, {"Region": Region})
    activation = rebuild(cast(Mapping[str, Any], parts[1]), arrays, {"SoftThreshold": SoftThreshold})
    plain = {key: value for key, value in record.items() if key not in ("region", "activation")}
    plain["kind"] = "dissipation"
    return recheck(plain, arrays, sectors_in(layers_of(plain, arrays), activation, region))


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
