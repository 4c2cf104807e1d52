"""The Lipschitz constant of one network, squeezed between a pair of inputs and a certificate."""

import math

from fbscheck.archive import Arrays
from fbscheck.inputs import positive
from fbscheck.judge import squeeze
from fbscheck.network.dissipation import certify, record_of
from fbscheck.network.instance import Differentiable, instance_lower
from fbscheck.network.multipliers import optimise
from fbscheck.network.riccati import Input, recursion
from fbscheck.verdict import Bracket, Evidence, Rigour, Side

__all__ = ["lipschitz_bracket"]

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
