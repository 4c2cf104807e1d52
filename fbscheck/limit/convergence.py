"""How fast networks of growing depth approach their limit: errors of three kinds, enclosed, and the order they show.

The limit is known through one deep network and its certificate, so an error is known up to the bound of that network.
The order is the slope of the least-squares line through log e_N against log N, with a sign; it is linear in the
logarithms, so that enclosures of the errors enclose it.  It is a fact about the true errors at these depths, not about
N -> infinity, and its width is that of the enclosures, not a standard error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, lower, upper
from fbscheck.certify.rounded import GUARD, UNIT, norm_lower, norm_upper
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.limit.certificate import ErrorCurve, error_curve
from fbscheck.limit.error import compared
from fbscheck.limit.path import ParameterPath, Sampling

__all__ = ["Convergence", "Ends", "converging", "order_ends"]

Values = npt.NDArray[np.float64]
Ends = tuple[float, float]


@final
@dataclass(frozen=True)
class Convergence:
    """Errors of networks of ``depths`` layers, the worst of all samples, as pairs (lower, upper).

    Attributes
    ----------
    depths
        N_1 < N_2 < ...
    everywhere
        max_t |X(t) - x(t)| over [0, T], X interpolating the states.
    nodes
        max_n |x_n - x(t_n)|.
    end
        |x_N - x(T)|.
    bounds
        The upper bound of ``everywhere`` that N layers alone give.
    """

    depths: tuple[int, ...]
    everywhere: tuple[Ends, ...]
    nodes: tuple[Ends, ...]
    end: tuple[Ends, ...]
    bounds: tuple[float, ...]


def converging(
    path: ParameterPath, x0: Array, b: Array, depths: Sequence[int], reference: int, sampling: Sampling = "nodes"
) -> Convergence:
    """The errors at all ``depths``, by one network of ``reference`` layers.

    Raises
    ------
    InputError
        If an argument is malformed, or ``reference`` is no multiple of each depth.
    """
    if any(reference % depth for depth in depths) or not depths:
        raise InputError(f"Need a reference with a multiple of each depth, got {reference} for {tuple(depths)}.")
    fine = error_curve(path, x0, b, reference, sampling)
    curves = [error_curve(path, x0, b, depth, sampling) for depth in depths]
    everywhere = [_worst(*compared(curve, fine)) for curve in curves]
    apart = [at_nodes(curve, fine) for curve in curves]
    return Convergence(
        tuple(depths),
        tuple(everywhere),
        tuple(_worst(low.max(axis=0), high.max(axis=0)) for low, high in apart),
        tuple(_worst(low[-1], high[-1]) for low, high in apart),
        tuple(float(curve.largest.max()) for curve in curves),
    )


def at_nodes(coarse: ErrorCurve, fine: ErrorCurve) -> tuple[Values, Values]:
    """Bounds (N + 1, S) from below and above on |x_n - x(t_n)|, where ``fine`` is about the same limit.

    Raises
    ------
    InputError
        If the depth of ``fine`` is no multiple of the one of ``coarse``.
    """
    ratio, rest = divmod(fine.depth, coarse.depth)
    if rest:
        raise InputError(f"Need a depth that is a multiple of {coarse.depth}, got {fine.depth}.")
    others, off = fine.states[::ratio], fine.nodes[::ratio]
    differences = coarse.states - others
    slack = 8 * UNIT * (len(coarse.states[0]) + 1) * (norm_upper(coarse.states, 1) + norm_upper(others, 1))
    slack = (slack + off + coarse.rounding) * GUARD
    below = np.maximum(norm_lower(differences, 1) - slack, 0.0) / GUARD
    return below, (norm_upper(differences, 1) + slack) * GUARD


def order_ends(depths: Sequence[int], errors: Sequence[Ends]) -> Ends:
    """Bounds on the order p that errors ~ N^-p show, where each is known to lie between its ends.

    Raises
    ------
    InputError
        Unless there are two depths or more, and one pair of positive ends for each.
    """
    if len(depths) < 2 or len(depths) != len(errors):
        raise InputError(f"Need two depths or more, and an error for each, got {len(depths)} and {len(errors)}.")
    if not all(0 <= low <= high < math.inf for low, high in errors):
        raise InputError("Need errors as pairs 0 <= lower <= upper, got another (of a path that expands much?).")
    if not all(low > 0 for low, _ in errors):
        return -math.inf, math.inf
    places = [ball(depth).log() for depth in depths]
    centred = [place - sum(places) / len(places) for place in places]
    spread = sum(part**2 for part in centred)
    ends = [[ball(end).log() for end in pair] for pair in errors]
    low = -sum(c * pair[1 if c > 0 else 0] for c, pair in zip(centred, ends, strict=True)) / spread
    high = -sum(c * pair[0 if c > 0 else 1] for c, pair in zip(centred, ends, strict=True)) / spread
    return lower(low), upper(high)


def _worst(low: Values, high: Values) -> Ends:
    return float(low.max()), float(high.max())
