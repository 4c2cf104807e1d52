"""Lipschitz bounds for inputs in a region, where the slopes of many units are known.

A segment between two inputs of a box is cut by any partition of the box into pieces, so the greatest bound of
the parts is a bound for the box.  The part with the greatest one is halved until there are enough.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast, final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.errors import InputError
from fbscheck.functions import L1, Function, Zero
from fbscheck.inputs import finite_array
from fbscheck.network.dissipation import certified_bound, certify, layers_of, record_of
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.partition import WHOLE, parts_of
from fbscheck.network.region import Activation, Region, SoftThreshold, sectors_everywhere, sectors_in
from fbscheck.network.riccati import Input, recursion
from fbscheck.network.sectors import Sectors, sectors_of

__all__ = ["Local", "certified_local", "local_bound", "local_record", "recheck_local", "soft_threshold"]

Values = npt.NDArray[np.float64]

LEAST, MOST = 4, 16
"""Lipschitz constants of the first layers are found every so many layers, and so many times at most."""


@final
@dataclass(frozen=True, eq=False)
class Local:
    """A certified ``bound`` between any two inputs of a region; ``fixed`` is the share of units of known slope in all
    of it.

    ``cuts`` says into which parts the region was cut (:mod:`fbscheck.network.partition`); ``multipliers`` (P, N, d)
    prove the bound in each of them.
    """

    bound: float
    fixed: float
    cuts: tuple[int, ...]
    multipliers: Values

    @property
    def parts(self) -> int:
        """P, the number of parts."""
        return len(self.multipliers)


def soft_threshold(functions: Sequence[Function], steps: npt.ArrayLike) -> SoftThreshold:
    """The maps of a network whose functions are all ``L1``, or ``Zero``, with one prox step a layer.

    Raises
    ------
    InputError
        If there is another function.
    """
    others = {type(g).__name__ for g in functions if not isinstance(g, L1 | Zero)}
    if others:
        raise InputError(f"Need networks of soft thresholding for bounds in a region, got {', '.join(sorted(others))}.")
    weights = [g.weight if isinstance(g, L1) else 0.0 for g in functions]
    found = [step * np.asarray(weight) for step, weight in zip(np.asarray(steps).tolist(), weights, strict=True)]
    return SoftThreshold(np.stack(np.broadcast_arrays(*found)))


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
    gains = _gains(layers, activation, region)
    bound, multipliers, fixed = _bounded(
        layers, activation, region, gains, wrt, evaluations, _anywhere(layers, activation, wrt)
    )
    leaves, sides = {"": (bound, multipliers)}, dict[str, int]()
    found = {"": region}
    while len(leaves) < parts:
        worst = max(leaves, key=lambda path: leaves[path][0])
        sides[worst] = int(np.argmax(found[worst].b_radius))
        _, known = leaves.pop(worst)
        halves = [worst + turn for turn in "01"]
        ordered = sorted([*leaves, *halves])
        found = dict(zip(ordered, parts_of(region, _cuts(sides, ordered)), strict=True))
        for path in halves:
            bound, multipliers, _ = _bounded(layers, activation, found[path], gains, wrt, evaluations, known)
            leaves[path] = bound, multipliers
    stack = np.stack([leaves[path][1] for path in sorted(leaves)])
    return Local(max(bound for bound, _ in leaves.values()), fixed, _cuts(sides, leaves), stack)


def certified_local(
    layers: Layers, activation: Activation, region: Region, wrt: Input, cuts: Sequence[int], multipliers: npt.ArrayLike
) -> float:
    """The greatest of the bounds that multipliers (P, N, d) prove in the parts of a region; inf if one proves none.

    Raises
    ------
    InputError
        If there are not as many as parts, or they do not fit.
    """
    stack, whole = finite_array(multipliers, "multipliers", 3), list(parts_of(region, cuts))
    if len(stack) != len(whole):
        raise InputError(f"Need multipliers for each of {len(whole)} parts, got {len(stack)} of them.")
    gains = _gains(layers, activation, region)
    return max(
        certified_bound(recursion(layers, wrt, sectors_in(layers, activation, part, gains)), found)
        for part, found in zip(whole, stack, strict=True)
    )


def local_record(
    layers: Layers, activation: SoftThreshold, region: Region, local: Local, wrt: Input = "b"
) -> tuple[dict[str, Any], Arrays]:
    """A certificate of a local bound, and its arrays; see :func:`recheck_local`."""
    arrays: Arrays = {}
    flat = local.multipliers.reshape(-1, local.multipliers.shape[2])
    record = record_of(layers, wrt, flat, local.bound, arrays)
    parts = {"region": describe(region, arrays), "activation": describe(activation, arrays)}
    return {**record, "kind": "local dissipation", "cuts": add(np.array(local.cuts), arrays), **parts}, arrays


def recheck_local(record: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> float:
    """The bound of such a certificate, proved again: parts from the cuts, slopes from the parts.

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
    plain = {key: value for key, value in record.items() if key not in ("region", "activation", "cuts")}
    layers = layers_of({**plain, "kind": "dissipation"}, arrays)
    try:
        cuts, multipliers = arrays[record["cuts"]], arrays[record["multipliers"]]
        if cuts.ndim != 1 or cuts.dtype != np.int64:
            raise TypeError("cuts are no list of sides")
        stack = multipliers.reshape(-1, layers.depth, layers.dimension)
        claimed = Fraction(record["bound"])
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InputError(f"Need a certificate with cuts, multipliers and a bound, got {error!r:.100}.") from None
    with threadpool_limits(1):
        proved = certified_local(layers, activation, region, record["wrt"], cuts.tolist(), stack)
    if not proved <= claimed:
        raise InputError(f"Need a bound that the multipliers prove, {proved:.9g} at best, got {float(claimed):.9g}.")
    return float(claimed)


def _gains(layers: Layers, activation: Activation, region: Region) -> dict[int, float]:
    """Certified Lipschitz constants of what a region varies -> x_n, for some n; they hold everywhere."""
    moves = [name for name, radius in (("x0", region.x0_radius), ("b", region.b_radius)) if np.any(radius)]
    wrt = cast(Input, moves[0] if len(moves) == 1 else "both")
    sectors = sectors_everywhere(layers, activation)
    stride, rho = max(LEAST, layers.depth // MOST), np.asarray(layers.strong_convexity)
    found: dict[int, float] = {}
    for n in range(stride, layers.depth, stride):
        front = Layers(layers.transitions[:n], layers.injections[:n], layers.separable, rho[:n])
        problem = recursion(front, wrt, Sectors(sectors.low[:n], sectors.width[:n]))
        try:
            found[n] = certified_bound(problem, problem.safe())
        except InputError:
            break
    return found


def _anywhere(layers: Layers, activation: Activation, wrt: Input) -> Values | None:
    """Multipliers that are safe outside the region as well; None if the network is too unstable for any."""
    try:
        return recursion(layers, wrt, sectors_everywhere(layers, activation)).safe()
    except InputError:
        return None


def _cuts(sides: Mapping[str, int], leaves: Iterable[str]) -> tuple[int, ...]:
    """The tree with these sides cut at these paths of turns: in the order of texts, a path comes before its own."""
    return tuple(sides.get(path, WHOLE) for path in sorted([*sides, *leaves]))


def _bounded(
    layers: Layers,
    activation: Activation,
    region: Region,
    gains: Mapping[int, float],
    wrt: Input,
    evaluations: int,
    known: Values | None,
) -> tuple[float, Values, float]:
    """A certified bound, multipliers that prove it, the share of known slopes; the search may begin at ``known``."""
    sectors = sectors_in(layers, activation, region, gains)
    problem = recursion(layers, wrt, sectors)
    found = [certify(problem, optimise(problem, evaluations=evaluations, start=known).multipliers)]
    if known is not None:
        found.append((certified_bound(problem, known), known))
    bound, multipliers = min(found, key=lambda one: one[0])
    return bound, multipliers, float(np.mean(sectors.width < sectors_of(layers).width / 2))
