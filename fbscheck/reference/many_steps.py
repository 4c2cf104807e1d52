"""The worst case of N forward-backward steps of varying lengths, with the same f and g in all of them.

How near does the last iterate come to a fixed point?  The inequalities between any two layers hold,
not only those of each layer with the fixed point, so that the answer may be far below the product
of the factors of single steps.  It is bounded by one semidefinite program over all layers.
(Between two arbitrary trajectories nothing is gained from f being the same: there the product is
attained, see :mod:`fbscheck.splitting.extremal`.)

The program is written for v_k and d_k and without s_k = (d_{k-1} - d_k)/h_k - v_k (the notation of
:mod:`fbscheck.certify.kernel`): an inequality between layers that are at most ``reach`` apart then touches
few neighbouring rows, and the solver splits the cone into small ones.  It is scaled by powers of
two: lengths by that next to the class's Lipschitz constant, layer k by that next to the product of
the factors up to k.  A small multiple of the identity, added to the goal, keeps the solution off the
boundary, so that rounded multipliers remain a proof.  The kernel computes the exact bound that they
prove.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import clarabel
import numpy as np
import numpy.typing as npt
from scipy import sparse

from fbscheck.certify import instances, kernel
from fbscheck.certify.kernel import CLASSES
from fbscheck.errors import InputError, SolverError
from fbscheck.reference.worst_case import Certified, certify_factor
from fbscheck.splitting.classes import (
    GradientOf,
    OperatorClass,
    StronglyMonotoneCocoercive,
    factor_squared,
    steps_record,
)
from fbscheck.splitting.extremal import slopes, to_fixed_point

__all__ = ["certify_steps"]

Matrix = npt.NDArray[np.float64]

SHIFTS = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
"""Multiples of the identity, tried in turn; each costs about 2 N times itself, relative to the bound."""

TOLERANCE = 1e-10

TIGHT = 1e-7
"""A bound this close to what an instance attains, relatively, is not improved any more."""

GRID = 2**44
"""Scaled multipliers are rounded to multiples of 1/GRID."""

FULL = 10
"""Up to so many steps all layers are compared by default; beyond, those at most ``NEAR`` apart."""

NEAR = 3


@final
@dataclass(frozen=True)
class _Pairs:
    """Hypotheses about pairs of points of f or of g in the scaled vectors (d_0, v_1, d_1, v_2, ..., d_N).

    ``names`` are those of the kernel, ``scales`` turn multipliers into its own; ``values`` says that
    function values must cancel.  All are arrays over the hypotheses.
    """

    names: tuple[str, ...]
    pairs: list[tuple[int, int]]
    forms: Matrix
    scales: list[list[Fraction]]
    values: bool


def certify_steps(
    operators: OperatorClass,
    steps: Sequence[Fraction],
    strong_convexity: Fraction = Fraction(0),
    reach: int | None = None,
) -> Certified:
    """The smallest bound on ``|x_N - x*|^2 / |x_0 - x*|^2`` over the class that could be proved, x* a fixed point.

    Parameters
    ----------
    operators
        The class of f.
    steps
        The step lengths h_1, ..., h_N.
    strong_convexity
        sigma of g.
    reach
        Layers at most so many apart are compared, besides each with the fixed point; N compares all
        and costs most.  By default none if an instance attains the product of the single steps,
        else N up to ten steps and 3 beyond.

    Raises
    ------
    InputError
        If there are no steps, or one is not positive.
    SolverError
        If no rounding of the solver's multipliers is accepted by the kernel.
    """
    if not steps or min(steps) <= 0:
        raise InputError(f"Need at least one step, all positive, got {[str(step) for step in steps]}.")
    chained = _chain(operators, steps, strong_convexity)
    if reach is None:
        attained, _ = instances.attained(to_fixed_point(operators, steps, strong_convexity))
        if chained.squared <= attained * (1 + Fraction(TIGHT)):
            return chained
        reach = len(steps) if len(steps) <= FULL else NEAR
    return min(chained, _joint(operators, steps, strong_convexity, reach), key=lambda bound: bound.squared)


def _chain(operators: OperatorClass, steps: Sequence[Fraction], strong_convexity: Fraction) -> Certified:
    """One-step certificates one after the other; the last layer's is weighted 1."""
    proofs = {step: certify_factor(operators, step, strong_convexity) for step in set(steps)}
    terms, weight = [], Fraction(1)
    for k, step in reversed(list(enumerate(steps, start=1))):
        for name, i, j, multiplier in proofs[step].record["terms"]:
            terms.append([name, k * i, k * j, str(weight * Fraction(multiplier))])
        weight = _upwards(weight * proofs[step].squared)
    record = steps_record(operators, steps, strong_convexity, kind="steps", terms=terms)
    return Certified(kernel.conclude(record), record)


def _upwards(value: Fraction) -> Fraction:
    """``value`` with some 60 bits, rounded up."""
    shift = 60 - value.numerator.bit_length() + value.denominator.bit_length()
    unit = Fraction(2) ** -shift
    return math.ceil(value / unit) * unit


def _joint(operators: OperatorClass, steps: Sequence[Fraction], strong_convexity: Fraction, reach: int) -> Certified:
    """All layers in one program, with couplings between layers at most ``reach`` apart."""
    weights = [1.0]
    for step in steps:
        factor = math.sqrt(float(factor_squared(operators, step, strong_convexity)))
        weights.append(weights[-1] * min(max(factor, 1e-2), 1e2))
    weights = [2.0 ** round(math.log2(weight)) for weight in weights]
    program = _program(operators, steps, strong_convexity, weights, reach)
    for shift in SHIFTS:
        multipliers = _propose(program, shift)
        if multipliers is None:
            continue
        terms = [term for block, part in zip(program, multipliers, strict=True) for term in _rounded(block, part)]
        record = steps_record(operators, steps, strong_convexity, kind="steps", terms=terms)
        try:
            return Certified(kernel.conclude(record), record)
        except kernel.Refusal:
            continue
    raise SolverError("The multipliers of the worst-case program could not be rounded to a certificate.")


def _program(
    operators: OperatorClass, steps: Sequence[Fraction], sigma: Fraction, weights: list[float], reach: int
) -> list[_Pairs]:
    """The hypotheses about f and about g, scaled."""
    low, high = slopes(operators)
    unit = Fraction(2) ** round(math.log2(high)) if high > 0 else Fraction(1)
    mu, ell, count = float(low / unit), float(high / unit), len(steps)
    rows = np.eye(2 * count + 1) * np.repeat(weights, 2)[:-1, None]
    rows[2::2] = np.eye(2 * count + 1)[2::2] * np.array(weights[1:])[:, None]
    d, v = rows[::2], rows[1::2]
    lengths = np.array([float(step * unit) for step in steps])[:, None]
    pulls = d[:-1] - d[1:] - lengths * v  # h_k s_k
    zero = np.zeros((1, 2 * count + 1))
    size = np.array([0.0, *weights])
    goal = Fraction(weights[-1]) ** 2

    def compared(points: int) -> list[tuple[int, int]]:
        everyone = range(points + 1)
        return [(i, j) for i in everyone for j in everyone if i != j and (not i or not j or abs(i - j) <= reach)]

    def scaled(pairs: list[tuple[int, int]], sizes: Matrix) -> tuple[list[Fraction], Matrix]:
        largest = np.array([max(sizes[i], sizes[j]) for i, j in pairs])
        return [goal / Fraction(value) ** 2 for value in largest], 1 / largest[:, None, None] ** 2

    pairs = compared(count)
    x, y = np.vstack([zero, d[:-1]]), np.vstack([zero, v])
    if not isinstance(operators, GradientOf):
        pairs = [(i, j) for i, j in pairs if i < j]
    i, j = np.array(pairs).T
    dx, dy = x[i] - x[j], y[i] - y[j]
    factors, shrink = scaled(pairs, size[:-1])
    if isinstance(operators, GradientOf):
        forms = -mu * ell * _inner(dx, dx) + 2 * mu * _inner(dx, dy) - _inner(dy, dy)
        kinds, units = [(forms - 2 * (ell - mu) * _inner(dx, y[j])) * shrink], [unit**2]
    else:
        monotone = (_inner(dx, dy) - mu * _inner(dx, dx)) * shrink
        turning = isinstance(operators, StronglyMonotoneCocoercive)
        bounded = _inner(dx, dy) - _inner(dy, dy) / ell if turning else ell**2 * _inner(dx, dx) - _inner(dy, dy)
        kinds, units = [monotone, bounded * shrink], [unit, unit if turning else unit**2]
    scales = [[factor / u for u in units] for factor in factors]
    names = CLASSES[type(operators).__name__][1][: len(kinds)]
    forward = _Pairs(names, pairs, np.stack(kinds, axis=1), scales, isinstance(operators, GradientOf))

    pairs = compared(count)
    i, j = np.array(pairs).T
    x, y = np.vstack([zero, d[1:]]), np.vstack([zero, pulls])
    eta = np.vstack([[1.0], lengths])
    dx = x[i] - x[j]
    factors, shrink = scaled(pairs, np.array([0.0, *np.maximum(weights[:-1], weights[1:])]))
    form = (-float(sigma / unit) * eta[j, :, None] * _inner(dx, dx) - 2 * _inner(dx, y[j])) * shrink
    lasting = [1 / unit, *steps]
    scales = [[factor * lasting[other]] for factor, (_, other) in zip(factors, pairs, strict=True)]
    return [forward, _Pairs(("convex",), pairs, form[:, None], scales, True)]


def _inner(x: Matrix, y: Matrix) -> Matrix:
    """The symmetric matrices of <x_i, y_i>, stacked."""
    form = x[:, :, None] * y[:, None, :]
    return np.asarray((form + form.transpose(0, 2, 1)) / 2)


def _balances(block: _Pairs) -> Matrix:
    """The rows that must vanish for the function values to cancel at the points 1, 2, ..., scaled."""
    count = len(block.pairs)
    rows = np.zeros((1 + max(max(pair) for pair in block.pairs), count))
    i, j = np.array(block.pairs).T
    amounts = np.array([float(scale[0]) for scale in block.scales])
    rows[i, np.arange(count)] += amounts
    rows[j, np.arange(count)] -= amounts
    return np.asarray(rows[1:] / np.abs(rows[1:]).max(axis=1, keepdims=True))


def _propose(program: list[_Pairs], shift: float) -> list[Matrix] | None:
    """The multipliers that Clarabel finds, by block, hypothesis and kind; the kernel decides on them."""
    forms = np.concatenate([block.forms.reshape(-1, *block.forms.shape[2:]) for block in program])
    count, size = len(forms), forms.shape[1]
    column, row = np.array([(j, i) for j in range(size) for i in range(j + 1)]).T
    scale = np.where(row == column, 1.0, math.sqrt(2))
    goal, corner = np.eye(size) * shift, np.zeros((size, size))
    goal[0, 0], goal[-1, -1], corner[0, 0] = 0.0, 1.0 + shift, 1.0
    columns = np.vstack([corner[row, column] * scale, -forms[:, row, column] * scale]).T
    balances = sparse.block_diag(
        [_balances(block) if block.values else np.zeros((0, block.forms.shape[0] * 2)) for block in program]
    )
    zeros = balances.shape[0]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix((1 + count, 1 + count)),
        np.eye(1, 1 + count)[0],
        sparse.csc_matrix(
            sparse.vstack(
                [
                    sparse.hstack([sparse.csc_matrix((zeros, 1)), -balances]),
                    sparse.hstack([sparse.csc_matrix((count, 1)), -sparse.eye(count)]),
                    sparse.csc_matrix(-columns),
                ]
            )
        ),
        np.concatenate([np.zeros(zeros + count), -goal[row, column] * scale]),
        [clarabel.ZeroConeT(zeros), clarabel.NonnegativeConeT(count), clarabel.PSDTriangleConeT(size)],
        settings,
    )
    found = np.array(solver.solve().x)[1:]
    if not np.isfinite(found).all():
        return None
    ends = np.cumsum([block.forms.shape[0] * block.forms.shape[1] for block in program])[:-1]
    parts = np.split(found, ends)
    return [part.reshape(block.forms.shape[:2]) for block, part in zip(program, parts, strict=True)]


def _rounded(block: _Pairs, multipliers: Matrix) -> list[list[Any]]:
    """The terms as the kernel reads them: on a grid, nonnegative, with function values that cancel exactly."""
    exact = {
        pair: [Fraction(max(round(value * GRID), 0), GRID) * scale for value, scale in zip(row, scales, strict=True)]
        for pair, row, scales in zip(block.pairs, multipliers.tolist(), block.scales, strict=True)
    }
    if block.values:
        balance = [Fraction(0)] * (1 + max(max(pair) for pair in exact))
        for (i, j), (amount,) in exact.items():
            balance[i] += amount
            balance[j] -= amount
        grid = {pair: scales[0] / GRID for pair, scales in zip(block.pairs, block.scales, strict=True)}
        for k in range(1, len(balance)):
            if balance[k] > 0:
                more = math.ceil(balance[k] / grid[0, k]) * grid[0, k]
                exact[0, k][0] += more
                balance[k] -= more
            exact[k, 0][0] -= balance[k]
    return [
        [name, *pair, str(value)]
        for pair, values in exact.items()
        for name, value in zip(block.names, values, strict=True)
        if value
    ]
