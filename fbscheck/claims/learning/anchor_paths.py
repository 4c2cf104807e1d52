r"""Minimisers of the problems of :mod:`fbscheck.claims.learning.anchors`: parameters (N, P) as balls, row by row."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball
from fbscheck.claims.learning.anchors import KINDS, Anchor, arc, turned

__all__ = ["at_nodes", "minimisers"]


def minimisers(anchor: Anchor) -> tuple[Any, ...]:
    """All minimisers of J_N.

    Equal layers are the only ones for which Jensen's inequality is an equality.

    Raises
    ------
    kernel.Refusal
        If nothing is known of the minimisers.
    """
    depth = anchor.depth
    assert depth is not None
    if anchor.kind == "driven":
        return (anchor.shooting.least()[1],)
    if (known := anchor.least()) is None:
        raise kernel.Refusal("some layer may turn too far")
    if anchor.kind == "decay":
        return (_constant(known.point, depth),)
    log, w = turned(known.point, depth), known.point
    z = flint.acb(log / depth, w / depth).exp()
    states = [flint.acb(1)]
    for _ in range(depth - 1):
        states.append(states[-1] * z)
    return _mirrored([(x, depth * (z - 1) * x) for x in states])


def at_nodes(anchor: Anchor, depth: int) -> tuple[tuple[Any, ...], Any]:
    """All minimisers of the limit at the times n/N, n < N, and a bound on their speeds |theta'|."""
    known = Anchor(anchor.kind, None).least()
    assert known is not None
    times = [ball(Fraction(n, depth)) for n in range(depth)]
    if anchor.kind == "decay":
        return (_constant(known.point, depth),), ball(0)
    if anchor.kind == "turn":
        rate = flint.acb(turned(known.point, None), known.point)
        states = [(rate * t).exp() for t in times]
        return _mirrored([(x, rate * x) for x in states]), 2 * abs(rate) * known.point
    length, start = arc(known.point), ball(KINDS["driven"][0][0]).asinh()
    angles = [start + length * t for t in times]
    rows = [[-length * s.tanh(), length / s.cosh()] for s in angles]
    return (np.array(rows, dtype=object),), length * length


def _constant(k: Any, depth: int) -> Any:
    return np.array([[k, ball(0)]] * depth, dtype=object)


def _mirrored(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """K = -v x^T/|x|^2, L = 0 along states x with velocities v in the complex plane, and their mirror image."""
    found = []
    for sign in (1, -1):
        rows = []
        for x, v in pairs:
            square = x.real * x.real + x.imag * x.imag
            entries = (v.real * x.real, sign * v.real * x.imag, sign * v.imag * x.real, v.imag * x.imag)
            rows.append([-entry / square for entry in entries] + [ball(0), ball(0)])
        found.append(np.array(rows, dtype=object))
    return found[0], found[1]
