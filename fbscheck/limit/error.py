"""How far a network of N layers is from its limit: from both sides, and how many layers a wanted distance takes."""

import math

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import GUARD, TINY, UNIT, norm_lower, norm_upper
from fbscheck.errors import InputError
from fbscheck.inputs import Array, Number, positive
from fbscheck.limit.certificate import ErrorCurve, error_curve
from fbscheck.limit.path import ParameterPath, Sampling, checked
from fbscheck.verdict import Bracket, Evidence, Rigour, Side

__all__ = ["compared", "depth_for", "error_bound"]

Values = npt.NDArray[np.float64]


def error_bound(
    path: ParameterPath,
    x0: Array,
    b: Array,
    depth: int,
    certified: bool = True,
    refine: int = 32,
    sampling: Sampling = "nodes",
) -> Bracket:
    """Bounds on max_t |X_N(t) - x(t)|, the greatest over all samples: X_N interpolates the network's states.

    Parameters
    ----------
    path, x0, b
        The path of parameters, start (d,) or (d, S), data (m,) or (m, S).
    depth
        N.
    certified
        False: the same bounds with floating eigenvalues; they prove nothing.
    refine
        The network of ``refine * depth`` layers lies between the two: its own bound, and its distance from the N
        layers, bound the distance to the limit from both sides.  1: only the N layers' own bound is used.
    sampling
        "nodes" or "averages".

    Raises
    ------
    InputError
        If an argument is malformed, or a state is outside the domain of r.

    >>> from fbscheck.functions import Zero
    >>> path = ParameterPath(np.eye(1), np.eye(1), 1.0, Zero(), horizon=1.0)
    >>> found = error_bound(path, np.ones(1), np.zeros(1), depth=64)
    >>> found.lower < max(abs((1 - 1 / 64) ** n - math.exp(-n / 64)) for n in range(65)) < found.upper
    True
    """
    if isinstance(refine, bool) or not isinstance(refine, int | np.integer) or refine < 1:
        raise InputError(f"Need refine >= 1, got refine={refine!r:.40}. It multiplies the depth.")
    plain = error_curve(path, x0, b, depth, sampling, certified)
    low, high = 0.0, float(plain.largest.max())
    method = f"Gronwall's lemma over {depth} layers"
    if refine > 1:
        fine = error_curve(path, x0, b, depth * refine, sampling, certified)
        below, above = compared(plain, fine)
        low, high = float(below.max()), min(high, float(above.max()))
        method += f" and over {fine.depth}, compared"
    rigour = Rigour.ENCLOSED if certified else Rigour.FLOATING
    evidence = (Evidence(Side.ATTAINED, low, rigour, method), Evidence(Side.CERTIFIED, high, rigour, method))
    return Bracket(low, None, high, None, evidence)


def compared(coarse: ErrorCurve, fine: ErrorCurve) -> tuple[Values, Values]:
    """Bounds (S,) from below and above on max_t |X_N - x|, by a network with a multiple of the layers.

    Raises
    ------
    InputError
        If the depth of ``fine`` is no multiple of the one of ``coarse``.
    """
    ratio, rest = divmod(fine.depth, coarse.depth)
    if rest:
        raise InputError(f"Need a depth that is a multiple of {coarse.depth}, got {fine.depth}.")
    least, most = np.zeros_like(fine.nodes), np.zeros_like(fine.nodes)
    size = np.maximum(*(norm_upper(curve.states, 1).max(axis=0) for curve in (coarse, fine)))
    for k in range(ratio):
        share = k / ratio
        between = (1 - share) * coarse.states[:-1] + share * coarse.states[1:]
        least[k:-1:ratio], most[k:-1:ratio] = _distances(between, fine.states[k:-1:ratio])
    least[-1:], most[-1:] = _distances(coarse.states[-1:], fine.states[-1:])
    slack = 16 * UNIT * (size + len(coarse.states[0]) * size) + np.where(size > 0, TINY, 0.0) + coarse.rounding
    below = (least - fine.nodes).max(axis=0) / GUARD - slack * GUARD
    return np.maximum(np.nan_to_num(below), 0.0), (most.max(axis=0) + fine.largest + slack) * GUARD


def _distances(first: Values, second: Values) -> tuple[Values, Values]:
    """Norms (N, S) of differences (N, d, S) in float64, from below and above."""
    with np.errstate(over="ignore", invalid="ignore"):
        differences = first - second
    return norm_lower(differences, 1), norm_upper(differences, 1)


def depth_for(
    path: ParameterPath, x0: Array, b: Array, accuracy: Number, most: int = 2**20, sampling: Sampling = "nodes"
) -> tuple[int, ErrorCurve]:
    """A number of layers within ``accuracy`` of the limit at all times, certified, and its curve of bounds.

    The depth is doubled until a bound is small enough, then brought down by the ratio of the two, since bounds shrink
    like 1/N; it is near the least depth whose own bound is small enough, not the least depth.

    Raises
    ------
    InputError
        If the accuracy is not positive, or ``most`` layers do not reach it.
    """
    goal = float(positive(accuracy, "accuracy", "It bounds a distance."))
    depth, checked_most = 8, checked(most)
    while True:
        found = error_curve(path, x0, b, depth, sampling)
        reached = float(found.largest.max())
        if reached <= goal:
            break
        if depth >= checked_most:
            raise InputError(
                f"Need an accuracy that {most} layers reach, got {goal:g}: they are within {reached:.3g} "
                "(an expansive or a rapidly changing path?)."
            )
        wanted = depth * 2 if not math.isfinite(reached) else math.ceil(1.02 * depth * reached / goal)
        depth = min(checked_most, max(depth + 1, min(wanted, 8 * depth)))
    return depth, found
