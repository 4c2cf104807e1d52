"""The worst case of one forward-backward step over a class, as a small semidefinite program.

With (d, v, s) as in :mod:`fbscheck.certify.kernel`, the program asks for the least t and
multipliers >= 0 such that ``t |d|^2 - |d - hv - hs|^2 - sum_i multiplier_i H_i`` is positive
semidefinite.  The solver only *proposes* multipliers: they are rounded to rationals, padded where
the solution sits on the boundary, and the kernel computes the exact bound that they prove.

Before solving, the problem is scaled so that only two numbers are left, mu / ell and eta = h ell:
with v = ell v', h s = h sigma (Tx - Ty) + r and rho = max(1, eta), the step obeys
(1 + h sigma)(Tx - Ty) = d - eta v' - r and <r, Tx - Ty> >= 0, whatever sigma is.  The multipliers
are scaled back exactly.

The cone program is assembled as arrays and given to Clarabel directly, since modelling it anew in
cvxpy would cost several times as much as solving it; the test suite solves the same program as a
cvxpy model.  The forms are built here in floating point, not taken from the kernel.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import clarabel
import flint
import numpy as np
import numpy.typing as npt
from scipy import sparse

from fbscheck.certify import kernel
from fbscheck.certify.definite import as_float
from fbscheck.errors import SolverError
from fbscheck.splitting.classes import GradientOf, OperatorClass, StronglyMonotoneCocoercive, step_terms, steps_record

__all__ = ["Certified", "Program", "certify_factor", "scaled_program"]

Matrix = npt.NDArray[np.float64]

PADS = (0.0, *(10.0**k for k in range(-16, -6)))
"""Amounts, relative to the largest multiplier, by which those that add curvature are tried larger."""

STIFF_PADS = tuple(10.0**k for k in range(0, 17, 2))
"""The same for the combination of hypotheses that says how near v is to a multiple of d.  If v is
that multiple (mu = ell), it costs nothing, and brings a factor near zero down to its value."""

SMALL = 1e-6
"""Squared factors below this are worth that effort: a square root magnifies their slack."""

TOLERANCE = 1e-13


@final
@dataclass(frozen=True)
class Certified:
    """An exact upper bound on the squared factor, and the kernel record that proves it."""

    squared: Fraction
    record: dict[str, Any]


@final
@dataclass(frozen=True)
class Program:
    """The scaled program, exactly: goal |d - eta v' - r|^2 / rho^2 and hypotheses, as 3 x 3 matrices.

    ``scales`` turn its multipliers into those of the kernel's forms; ``stiff`` combines the
    hypotheses to -|v' - c d|^2 + radius^2 |d|^2.
    """

    goal: flint.fmpq_mat
    hypotheses: tuple[flint.fmpq_mat, ...]
    scales: tuple[Fraction, ...]
    stiff: Matrix


def scaled_program(operators: OperatorClass, step: Fraction, strong_convexity: Fraction) -> Program:
    """Write the worst case of a step over a class in the scaled vectors (d, v', r)."""
    constants = operators.constants
    bound = 1 / constants["beta"] if "beta" in constants else constants["ell"]
    unit = bound if bound > 0 else Fraction(1)
    eta = step * unit
    rho, shrink = max(Fraction(1), eta), 1 + step * strong_convexity
    ratio, top = constants["mu"] / unit, bound / unit
    d, v, r = (flint.fmpq_mat(3, 1, [int(i == k) for i in range(3)]) for k in range(3))
    move = _exact(1 / rho) * d - _exact(eta / rho) * v - r

    monotone = _product(v, d) - _exact(ratio) * _product(d, d)
    lipschitz = _exact(top) * _product(d, d) - _product(v, v)
    forward: tuple[flint.fmpq_mat, ...] = (monotone, lipschitz)
    units: tuple[Fraction, ...] = (unit, unit**2)
    stiff: tuple[float, ...] = (2.0, 1.0)
    if isinstance(operators, GradientOf):
        interpolation = _product(v - _exact(ratio) * d, _exact(top) * d - v)
        forward, units, stiff = (interpolation, monotone, lipschitz), (unit**2, unit, unit**2), (1.0, 0.0, 0.0)
    elif isinstance(operators, StronglyMonotoneCocoercive):
        forward, units, stiff = (monotone, _product(v, d) - _product(v, v)), (unit, unit), (1.0, 1.0)
    scales = (*((rho / shrink) ** 2 / u for u in units), step / shrink)
    return Program(_product(move, move), (*forward, _product(r, move)), scales, np.array([*stiff, 0.0]))


def certify_factor(operators: OperatorClass, step: Fraction, strong_convexity: Fraction = Fraction(0)) -> Certified:
    """The smallest bound on ``|Tx - Ty|^2 / |x - y|^2`` over the class that could be proved.

    Raises
    ------
    SolverError
        If no rounding of the solver's multipliers is accepted by the kernel.
    """
    program = scaled_program(operators, step, strong_convexity)
    multipliers = _propose(program)
    curved = np.array([form[1, 1] < 0 or form[2, 2] < 0 for form in program.hypotheses])
    size = float(np.max(multipliers, initial=1.0))
    bound, rounded = _best(program, [multipliers + pad * size * curved for pad in PADS])
    if bound < SMALL:
        start = np.array([float(m) for m in rounded])
        bound, rounded = min(
            (bound, rounded), _best(program, [start + pad * size * program.stiff for pad in STIFF_PADS])
        )
    if not rounded:
        raise SolverError("The multipliers of the worst-case program could not be rounded to a certificate.")
    terms = step_terms(operators, [m * scale for m, scale in zip(rounded, program.scales, strict=True)])
    proof = steps_record(operators, [step], strong_convexity, kind="steps", terms=terms)
    return Certified(kernel.conclude(proof), proof)


def _best(program: Program, candidates: list[Matrix]) -> tuple[float, list[Fraction]]:
    """The rounded candidate with the smallest bound; candidates beyond the first that is worse are left."""
    best: tuple[float, list[Fraction]] = (math.inf, [])
    for candidate in candidates:
        rounded = [_short(m) for m in candidate]
        form = program.goal
        for multiplier, hypothesis in zip(rounded, program.hypotheses, strict=True):
            form = form + _exact(multiplier) * hypothesis
        try:
            value = float(kernel.smallest_bound([[Fraction(int(e.p), int(e.q)) for e in row] for row in form.tolist()]))
        except kernel.Refusal:
            continue
        if value > best[0]:
            break
        best = (value, rounded)
    return best


def _exact(value: Fraction) -> flint.fmpq:
    return flint.fmpq(value.numerator, value.denominator)


def _product(x: flint.fmpq_mat, y: flint.fmpq_mat) -> flint.fmpq_mat:
    """The form of the inner product of two combinations of (d, v', r), symmetrised."""
    form = x * y.transpose()
    return (form + form.transpose()) * flint.fmpq(1, 2)


def _short(value: float) -> Fraction:
    """``value`` to 16 significant digits as a rational: short to print, and 0 stays 0."""
    return Fraction(f"{max(value, 0.0):.15e}")


def _propose(program: Program) -> Matrix:
    """The multipliers that Clarabel finds; good or not, the kernel decides."""
    goal, *hypotheses = (as_float(form) for form in (program.goal, *program.hypotheses))
    count = len(hypotheses)
    triangle = np.array([(i, j) for j in range(3) for i in range(j + 1)])
    scale = np.where(triangle[:, 0] == triangle[:, 1], 1.0, math.sqrt(2))

    def svec(form: Matrix) -> Matrix:
        return np.asarray(form[triangle[:, 0], triangle[:, 1]] * scale)

    corner = np.zeros((3, 3))
    corner[0, 0] = 1.0
    columns = np.column_stack([svec(corner), *(-svec(form) for form in hypotheses)])
    signs = np.hstack([np.zeros((count, 1)), np.eye(count)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    objective = np.eye(1 + count)[0]
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix((1 + count, 1 + count)),
        objective,
        sparse.csc_matrix(-np.vstack([signs, columns])),
        np.concatenate([np.zeros(count), -svec(goal)]),
        [clarabel.NonnegativeConeT(count), clarabel.PSDTriangleConeT(3)],
        settings,
    )
    multipliers = np.array(solver.solve().x)[1:]
    if not np.isfinite(multipliers).all():
        raise SolverError("Clarabel returned no finite multipliers for the worst-case program.")
    return multipliers
