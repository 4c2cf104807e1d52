"""The Lipschitz constant of one network, everywhere or in a region, between a pair of inputs and a certificate."""

import math

from fbscheck.archive import Arrays
from fbscheck.inputs import positive
from fbscheck.judge import squeeze
from fbscheck.network.dissipation import certify, record_of
from fbscheck.network.instance import Differentiable, instance_lower
from fbscheck.network.local import local_bound, local_record
from fbscheck.network.multipliers import optimise
from fbscheck.network.region import Region, SoftThreshold
from fbscheck.network.riccati import Input, recursion
from fbscheck.verdict import Bracket, Evidence, Rigour, Side

__all__ = ["lipschitz_bracket", "local_bracket"]

ACCURATE = 1e-3
"""The gap to the optimum of all multipliers at which the search for them ends."""


def lipschitz_bracket(
    network: Differentiable, wrt: Input = "b", certified: bool = True, seconds: float = 20.0, seed: int = 0
) -> Bracket:
    """Bounds of the Lipschitz constant of x_N as a function of b, of x_0, or of both.

    ``lower`` is attained by a pair of inputs, in ball arithmetic.  ``upper`` holds for any network with these
    matrices and kinds of proximal maps; ``certified``, it is proved in outward-rounded arithmetic, with
    ``certificate`` for :func:`fbscheck.network.dissipation.recheck`, else it is a floating-point number.

    Raises
    ------
    InputError
        If ``wrt`` is none of "b", "x0" and "both", or ``seconds`` is not positive.
    """
    positive(seconds, "seconds", "It is the time for the search of multipliers.")
    problem = recursion(network.layers, wrt)
    found = instance_lower(network, wrt, seed=seed)
    optimum = optimise(problem, seconds, evaluations=10**6, accuracy=ACCURATE)
    pair = Evidence(Side.ATTAINED, found.bound, Rigour.ENCLOSED, "a pair of inputs, in ball arithmetic")
    if not certified:
        method = "dissipation, in floating point"
        return squeeze(None, (pair, Evidence(Side.CERTIFIED, optimum.bound, Rigour.FLOATING, method)))
    bound, multipliers = certify(problem, optimum.multipliers)
    if not math.isfinite(bound):
        return squeeze(None, (pair,))
    arrays: Arrays = {}
    record = record_of(network.layers, wrt, multipliers, bound, arrays)
    proof = Evidence(Side.CERTIFIED, bound, Rigour.ENCLOSED, "dissipation, in outward-rounded arithmetic")
    return squeeze(None, (pair, proof), {"record": record, "arrays": arrays})


def local_bracket(
    network: Differentiable,
    activation: SoftThreshold,
    region: Region,
    wrt: Input = "b",
    parts: int = 1,
    evaluations: int = 200,
    seed: int = 0,
) -> Bracket:
    """Bounds between any two inputs of a region, a box in b being cut into ``parts``.

    ``lower`` is attained by a pair of inputs of the region, in ball arithmetic; ``upper`` is proved, with
    ``certificate`` for :func:`fbscheck.network.local.recheck_local`.

    Raises
    ------
    InputError
        If shapes do not fit, or a ball is to be cut.
    """
    local = local_bound(network.layers, activation, region, wrt, parts, evaluations)
    method = (
        f"dissipation in {local.parts} part{'s' * (local.parts > 1)} of the region, {local.fixed:.0%} of slopes known"
    )
    evidence = [Evidence(Side.CERTIFIED, local.bound, Rigour.ENCLOSED, method)]
    if region.length(wrt) > 0:
        found = instance_lower(network, wrt, seed=seed, region=region)
        if region.contains(*found.first) and region.contains(*found.second):
            method = "a pair of inputs of the region, in ball arithmetic"
            evidence.append(Evidence(Side.ATTAINED, found.bound, Rigour.ENCLOSED, method))
    record, arrays = local_record(network.layers, activation, region, local, wrt)
    return squeeze(None, tuple(evidence), {"record": record, "arrays": arrays})
