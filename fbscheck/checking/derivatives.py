"""A derivative that came with an operator, against differences of the operator.

It only guides the search; a wrong one is told, and not used.  At most of some random points and
directions v, one of several central differences must come close to T'(x) v: far from kinks an honest
derivative does.
"""

from collections.abc import Callable

import numpy as np

from fbscheck.checking.points import Values
from fbscheck.checking.trials import NoisyMap

__all__ = ["disagreement"]

PROBES = 24
STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
"""Halves of the differences, as parts of the box."""
CLOSE = 1e-3
"""How much of |T'(x) v| + |difference| the two may be apart, besides the noise of the difference."""


def disagreement(
    operator: NoisyMap, derivative: Callable[[Values, Values], Values], rng: np.random.Generator
) -> str | None:
    """How ``derivative(x, v)``, for columns, differs from what differences say, in words; None if it does not."""
    domain = operator.domain
    x, step = domain.short_lines(rng, PROBES, STEPS[0])
    length = np.linalg.norm(step, axis=0)
    v = step / np.where(length > 0, length, 1.0)
    claimed = derivative(x, v)
    undefined = int(np.sum(~np.isfinite(claimed).all(axis=0)))
    if undefined > 0.25 * PROBES:
        return f"it is not finite at {undefined} of {PROBES} points"
    gap, seen = np.full(PROBES, np.inf), np.zeros(PROBES)
    for part in STEPS:
        ahead, behind = (operator(domain.cut(x + sign * part / STEPS[0] * step)) for sign in (1.0, -1.0))
        moved = np.linalg.norm(ahead.x - behind.x, axis=0)
        slope = (ahead.image - behind.image) / moved
        straight = np.linalg.norm((ahead.x - behind.x) / moved - v, axis=0) < 1e-6
        size = np.linalg.norm(claimed, axis=0) + np.linalg.norm(slope, axis=0)
        error = (np.linalg.norm(claimed - slope, axis=0) - (ahead.noise + behind.noise) / moved) / np.where(
            size > 0, size, 1.0
        )
        better = straight & (error < gap)
        gap, seen = np.where(better, error, gap), np.where(better, np.linalg.norm(slope, axis=0), seen)
    wrong = np.isfinite(gap) & (gap > CLOSE)
    if np.sum(wrong) <= 0.25 * np.sum(np.isfinite(gap)):
        return None
    k = int(np.argmax(np.where(wrong, gap, -np.inf)))
    return (
        f"it is off from differences at {np.sum(wrong)} of {PROBES} points: by {100 * gap[k]:.3g}% of their sizes "
        f"at one where |T'(x)v| = {np.linalg.norm(claimed[:, k]):.6g} and the difference {seen[k]:.6g}"
    )
