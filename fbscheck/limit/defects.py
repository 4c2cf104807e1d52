r"""What separates the states of a network from the limit, layer by layer, in outward-rounded arithmetic.

Let x_n be any states, X their straight interpolation, F_n any vectors, xi_{n+1} = -F_n - X' on layer n, and let
zeta_{n+1} be an epsilon-subgradient of r at x_{n+1}.  With e = X - x, s = (t_{n+1} - t)/h and the limit's weight w,

    (|e|^2)'/2 <= w(t) (s D_n + epsilon_n) + (|F_n - f(t, X)| + |xi_{n+1} - w(t) zeta_{n+1}|) |e| - mu(t) |e|^2,

where D_n = r(x_n) - r(x_{n+1}) - <zeta_{n+1}, x_n - x_{n+1}> and mu is a modulus of f(t, .) + w(t) sigma/2
(:mod:`fbscheck.proofs.deep_limit`).  No Lipschitz constant of r is needed, and states need not be exact: what rounding
did to them is part of xi.  D_n and epsilon_n are at most the Fenchel-Young gaps r(x) + r*(zeta) - <zeta, x> at x_n and
x_{n+1}.  On a straight piece of the path f(t, X(t)) is a quadratic in t, so the norms of its three Bernstein
coefficients bound the first defect between samples too, and the least eigenvalue of K + K^T is concave there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import exact, upper
from fbscheck.certify.rounded import GUARD, TINY, UNIT, Rounded, matmul, norm_upper
from fbscheck.certify.spectra import eigenvalue_bounds, norms_upper, symmetric_part
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import Array
from fbscheck.limit.path import Cells, ParameterPath
from fbscheck.network import Network
from fbscheck.network.trajectory import Trajectory

__all__ = ["Defects", "fenchel_young", "layer_defects", "slopes"]

Values = npt.NDArray[np.float64]

LARGEST = 1e300
SHRINKS = (1 - 2.0**-50, 1 - 2.0**-46, 1 - 2.0**-40)
"""Factors tried on slopes that rounding has put outside the domain of the conjugate."""


@final
@dataclass(frozen=True, eq=False)
class Defects:
    """Upper bounds for B layers and S samples.

    Attributes
    ----------
    dissipated
        (B, S): twice the integral of w (s D + epsilon) over a layer.
    driven
        (B, S): the integral of |F - f(t, X)| + |xi - w zeta|.
    decay
        (B,): e^{-int mu} over a layer.
    growth
        (B,): the largest e^{-int mu} from a time of a layer to its end, at least 1.
    inexact
        (B, S): what rounding adds to the square of the distance to the network's exact state.
    moved
        (B, S): what rounding adds to that distance.
    factor
        (B,): the Lipschitz factor of a layer.
    """

    dissipated: Values
    driven: Values
    decay: Values
    growth: Values
    inexact: Values
    moved: Values
    factor: Values


def layer_defects(
    path: ParameterPath, network: Network, cells: Cells, run: Trajectory, b: Values, step: Fraction, certified: bool
) -> Defects:
    """The defects of the states and slopes of a ``run`` (B + 1, d, S) of consecutive layers, cut into ``cells``.

    ``b`` is (m, S).  Without ``certified`` eigenvalues and norms of layers are floating-point ones.

    Raises
    ------
    InputError
        If a state is outside the domain of r.
    """
    r, states, xi = path.r, run.states, run.subgradients
    forward = -((Rounded(states[1:]) - states[:-1]) / _enclosed(step)) - xi
    zeta, epsilon = slopes(r, states[1:], xi, np.ones(len(xi)) if r.is_indicator else network.steps / float(step))
    bregman = fenchel_young(r, states[:-1], zeta)
    if np.isinf(bregman).any() or np.isinf(epsilon).any():
        raise InputError(
            "Need states in the domain of r and slopes in that of its conjugate, got one that is outside, or not "
            "certainly inside (an x_0 that violates the constraint?)."
        )
    summed = GUARD * (1 + 2 * UNIT * np.bincount(cells.layer).max())
    width = ((cells.high - cells.low + 4 * UNIT) * float(step) * GUARD)[:, None]
    driven = width * (_forward_defect(forward, cells, states, b) + _slope_defect(xi, zeta, cells, r))
    after = ((1 - cells.low) ** 2 - (1 - cells.high) ** 2 + 16 * UNIT)[:, None] * float(step) * GUARD
    gaps = after * bregman[cells.layer] + 2 * width * epsilon[cells.layer]
    decay, growth = _decays(cells, path, step, certified)
    moved, inexact = _rounding(network, states, b, zeta, epsilon, step)
    measure = norms_upper if certified else lambda stack: np.linalg.norm(stack, 2, (1, 2))
    heights = _heights(cells, r)[:, None]
    dissipated = heights * gaps + np.where((heights > 0) & (gaps > 0), TINY, 0.0)
    return Defects(
        np.add.reduceat(dissipated, cells.starts) * summed,
        np.add.reduceat(driven, cells.starts) * summed,
        decay,
        growth,
        inexact,
        moved,
        _in_runs(measure, network.layers.transitions),
    )


def fenchel_young(r: Function, x: Values, slopes: Values) -> Values:
    """Upper bounds (B, S) of ``r(x) + r*(s) - <s, x>`` for points and slopes (B, d, S); inf outside the domains.

    Those of a function whose formulas cannot be enclosed are floating-point values.
    """
    shape = (x.shape[0], x.shape[2])
    points, duals = (np.ascontiguousarray(np.moveaxis(part, 1, 0)).reshape(x.shape[1], -1) for part in (x, slopes))
    if not r.enclosed:
        floating = r(points) + r.conjugate(duals) - np.sum(points * duals, axis=0)
        return np.maximum(np.where(np.isnan(floating), np.inf, floating), 0.0).reshape(shape)
    try:
        where, slope = Rounded(points), Rounded(duals)
        gap: Any = r(cast(Array, where)) + r.conjugate(cast(Array, slope)) - (where * slope).sum(0)
        found = gap.upper
    except (AttributeError, TypeError):
        found = np.full(points.shape[1], np.inf)
    unclear = np.flatnonzero(~np.isfinite(found))
    if unclear.size:
        point, dual = exact(points[:, unclear]), exact(duals[:, unclear])
        gaps = np.atleast_1d(r(point) + r.conjugate(dual) - np.sum(point * dual, axis=0))
        found[unclear] = [upper(gap) for gap in gaps]
    return np.maximum(np.where(np.isnan(found), np.inf, found), 0.0).reshape(shape)


def slopes(r: Function, x: Values, xi: Values, weights: Values) -> tuple[Values, Values]:
    """Slopes of r at ``x`` with ``weights`` times them near ``xi``, and bounds on how far from exact ones they are."""
    near = xi / np.where(weights > 0, weights, np.inf)[:, None, None]
    columns = (np.ascontiguousarray(np.moveaxis(part, 1, 0)).reshape(x.shape[1], -1) for part in (x, near))
    found = np.moveaxis(r.subgradient(*columns).reshape(x.shape[1], x.shape[0], -1), 0, 1)
    found = np.clip(found, -LARGEST, LARGEST)
    gap = fenchel_young(r, x, found)
    for shrink in SHRINKS:
        outside = np.isinf(gap)
        if not outside.any():
            break
        found = np.where(outside[:, None, :], shrink * found, found)
        gap = fenchel_young(r, x, found)
    return found, gap


def _forward_defect(forward: Rounded, cells: Cells, states: Values, b: Values) -> Values:
    """The mean (M, S) of |F - f(t, X(t))| over each interval, bounded."""
    K, L = cells.K, cells.L
    left, right = _ends(states, cells)
    target = forward[cells.layer] if cells.cut else forward
    at_left = target - _applied(K.start, left) + _applied(L.start, Rounded(b[None]))
    if K.straight and L.straight:
        at_right = target - _applied(K.start, right) + _applied(L.start, Rounded(b[None]))
        mean = (norm_upper(at_left, 1) + norm_upper(at_right, 1)) / 2
    else:
        at_right = target - _applied(K.end, right) + _applied(L.end, Rounded(b[None]))
        crossed = (_applied(K.start, right) + _applied(K.end, left)) * 0.5
        middle = target - crossed + (_applied(L.start, Rounded(b[None])) + _applied(L.end, Rounded(b[None]))) * 0.5
        mean = (norm_upper(at_left, 1) + norm_upper(middle, 1) + norm_upper(at_right, 1)) / 3
    off = L.error[:, None] * norm_upper(b, 0)
    if K.error.any():
        off = off + K.error[:, None] * np.maximum(norm_upper(left, 1), norm_upper(right, 1))
    return (mean + off) * GUARD


def _slope_defect(xi: Values, zeta: Values, cells: Cells, r: Function) -> Values:
    """The mean (M, S) of |xi - w(t) zeta| over each interval, bounded."""
    if r.is_indicator:
        return norm_upper(Rounded(xi) - zeta, 1)[cells.layer]
    slopes, chords = zeta[cells.layer], cells.weights
    ends = (chords.start,) if chords.straight else (chords.start, chords.end)
    norms = [norm_upper(xi[cells.layer] - Rounded(slopes) * w[:, None, None], 1) for w in ends]
    off = chords.error[:, None] * norm_upper(slopes, 1) if chords.error.any() else 0.0
    return np.asarray((sum(norms) / len(norms) + off) * GUARD)


def _heights(cells: Cells, r: Function) -> Values:
    """No less than the weight (M,) on each interval; 1 for an indicator, whose weight does not matter."""
    if r.is_indicator:
        return np.ones(len(cells.layer))
    return (np.maximum(cells.weights.start, cells.weights.end) + cells.weights.error) * GUARD


def _decays(cells: Cells, path: ParameterPath, step: Fraction, certified: bool) -> tuple[Values, Values]:
    """e^{-int mu} (B,) over each layer, and the largest over the rest of one; rounded up."""
    h = float(step)

    def least(stack: Values) -> Values:
        part, error = symmetric_part(stack)
        return eigenvalue_bounds(part, error)[0] if certified else np.asarray(np.linalg.eigvalsh(part)[:, 0])

    ends = [cells.K.start] if cells.K.straight else [cells.K.start, cells.K.end]
    ordered = ends[0] if len(ends) == 1 else np.stack(ends, 1).reshape(-1, *ends[0].shape[1:])
    moduli = _in_runs(least, ordered).reshape(len(cells.layer), -1)
    moduli = moduli - cells.K.error[:, None] * GUARD
    if path.r.strong_convexity and not path.r.is_indicator:
        weight = np.maximum(np.minimum(cells.weights.start, cells.weights.end) - cells.weights.error * GUARD, 0.0)
        moduli = moduli + (weight * path.r.strong_convexity / 2 / GUARD)[:, None]
    width, most = cells.high - cells.low, np.bincount(cells.layer).max()
    part = width * h * moduli.mean(axis=1)
    slack = ((2.0**-44 + 2 * UNIT * most) * width + 4 * UNIT) * h * np.abs(moduli).max(axis=1)
    total = np.add.reduceat(part - slack, cells.starts)
    expanding = np.maximum(-moduli.min(axis=1), 0.0) * (width + 4 * UNIT) * h
    worst = np.add.reduceat(expanding, cells.starts) * (1 + 2 * UNIT * most)
    return _exp_upper(-total), _exp_upper(worst * GUARD)


def _rounding(
    network: Network, states: Values, b: Values, zeta: Values, epsilon: Values, step: Fraction
) -> tuple[Values, Values]:
    """How far a computed state is from what the layer makes of the one before: a distance, and a square beside it."""
    layers = network.layers
    argument = _applied(layers.transitions, Rounded(states[:-1])) + _applied(layers.injections, Rounded(b[None]))
    indicator = network.functions[0].is_indicator
    length = _enclosed(step) if indicator else Rounded(network.steps[:, None, None])
    moved = norm_upper(Rounded(states[1:]) + Rounded(zeta) * length - argument, 1)
    return moved, (2 * length.upper.reshape(-1, 1) * epsilon) * GUARD


def _ends(states: Values, cells: Cells) -> tuple[Rounded, Rounded]:
    """X at both ends of each interval."""
    if not cells.cut:
        return Rounded(states[:-1]), Rounded(states[1:])
    first = Rounded(states[:-1][cells.layer])
    change = states[1:][cells.layer] - first
    shares = (Rounded(share, 2 * UNIT)[:, None, None] for share in (cells.low, cells.high))
    left, right = (first + change * share for share in shares)
    return left, right


def _applied(stack: Values, x: Rounded) -> Rounded:
    """``stack @ x``, computed once where both are views of one."""
    return matmul(stack[:1] if stack.strides[0] == 0 and len(x) == 1 else stack, x)


def _in_runs(measure: Callable[[Values], Values], stack: Values) -> Values:
    """``measure`` of matrices (M, ., .), computed once for each run of equal ones."""
    if stack.strides[0] == 0:
        return np.repeat(measure(stack[:1]), len(stack))
    new = np.concatenate([[True], (stack[1:] != stack[:-1]).any((1, 2))])
    found: Values = measure(stack[new])[np.cumsum(new) - 1]
    return found


def _enclosed(value: Fraction) -> Rounded:
    nearest = float(value)
    return Rounded(nearest, 2 * UNIT * abs(nearest))


def _exp_upper(exponents: Values) -> Values:
    """e^x, rounded up."""
    values = [float(flint.arb(x).exp().mid()) if x < 700 else np.inf for x in exponents.tolist()]
    return np.array(values) * GUARD + TINY
