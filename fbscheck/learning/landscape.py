r"""Values of constant paths theta(t) = theta of one to three parameters, bounded from below on boxes of theta.

On a cell with centre c and half widths r, let x_n be states of the network with parameters c, in float64, and
zeta_{n+1} an epsilon-subgradient of r at x_{n+1}.  With w_j = L_j b - K_j x_n for the parameters of matrices,
w = -zeta_{n+1} for the weight, and rho_n what x_n + h(L b - K x_n) - h lambda zeta_{n+1} - x_{n+1} is off zero,
every theta of the cell has states y_n with

    |y_{n+1} - x_{n+1}| <= q |y_n - x_n| + h sum_j r_j |w_j| + rho_n + what epsilon adds,   q = max |I - hK(theta)|,

whatever the Lipschitz constant of r: both prox steps are compared at zeta, and dr is monotone.  For the limit,
e^{-h mu} takes the place of q, h/2 |K (x_{n+1} - x_n)| is added, and the squares of distances grow by h lambda times
the Bregman distance of r (:mod:`fbscheck.limit.defects`, with F_n = -X' - lambda zeta).  A loss is convex, so its least
value within a distance of x_N - x* is bounded by its tangent; Phi is least at the point of the cell nearest to its
reference.  Norms and greatest eigenvalues of matrices that are affine in theta are largest at corners of a cell.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import GUARD, TINY, UNIT, Rounded, matmul, norm_upper
from fbscheck.certify.spectra import eigenvalue_bounds, norms_upper
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.learning.problem import Problem
from fbscheck.limit.defects import fenchel_young, slopes

__all__ = ["Landscape"]

Values = npt.NDArray[np.float64]

PARAMETERS = 3
"""Boxes of more parameters are too large to be covered."""
ENTRIES = 2**17
"""Entries of states of all cells that are looked at together."""


@final
@dataclass(frozen=True, eq=False)
class Landscape:
    """J_N of constant paths with N = ``layers``, or J with as many between; each bound is certain.

    Raises
    ------
    InputError
        If there are more than three parameters, K is not linear in them, or r cannot be enclosed.
    """

    problem: Problem
    layers: int
    limit: bool = False

    def __post_init__(self) -> None:
        family = self.problem.family
        if family.count > PARAMETERS or not family.linear:
            raise InputError(
                f"Need a family of at most {PARAMETERS} parameters that is linear in them, got {type(family).__name__} "
                f"with {family.count}: boxes of more cannot be covered."
            )
        if not family.r.enclosed:
            raise InputError(f"Need a function whose formulas can be enclosed, got {type(family.r).__name__}.")
        if isinstance(self.layers, bool) or not isinstance(self.layers, int | np.integer) or self.layers < 1:
            raise InputError(f"Need a positive integer for the number of layers, got {self.layers!r:.40}.")

    def value(self, theta: Values) -> float:
        """J_N of a constant path in float64, which proves nothing; inf beyond the bounds of the parameters."""
        if (theta < self.problem.family.lower).any():
            return math.inf
        try:
            return self.problem.value(np.tile(theta, (self.problem.regulariser.rows(self.layers), 1)))
        except InputError:
            return math.inf

    def enclosure(self, theta: Values) -> tuple[float, float]:
        """Bounds on the value at one ``theta`` (P,)."""
        low, high, _ = self._losses(theta[None], theta[None])
        penalty = self._penalty(theta[None])
        return float((Rounded(low) + penalty).lower[0]), float((Rounded(high) + penalty).upper[0])

    def below(self, low: Values, high: Values) -> tuple[Values, Values]:
        """Lower bounds (C,) of the values on cells (C, P), and how much each axis (C, P) is to blame for them."""
        d, samples = self.problem.x0.shape
        size, parts = max(1, ENTRIES // (d * samples)), []
        for first in range(0, len(low), size):
            part = slice(first, first + size)
            losses, _, blame = self._losses(low[part], high[part])
            penalty = self._penalty(np.clip(self.reference, low[part], high[part]))
            parts.append(((Rounded(losses) + penalty).lower, blame))
        bounds, blame = (np.concatenate(known) for known in zip(*parts, strict=True))
        return np.where(np.isnan(bounds), -np.inf, bounds), blame

    def box(self, value: float) -> tuple[Values, Values]:
        """The ends (P,) of a box outside which Phi exceeds ``value`` > 0."""
        reference, inner, far = self.reference, 0.0, 1.0
        while min(self._beyond(reference - far, reference + far)) <= value:
            inner, far = far, 2 * far
        for _ in range(20):
            middle = (inner + far) / 2
            beyond = min(self._beyond(reference - middle, reference + middle)) > value
            inner, far = (inner, middle) if beyond else (middle, far)
        lower = self.problem.family.lower
        return np.maximum(reference - far, lower), np.maximum(reference + far, lower)

    def outside(self, low: Values, high: Values) -> float:
        """A lower bound of the values at all parameters outside a box."""
        sides = self._beyond(low, high)
        free = np.concatenate([low > self.problem.family.lower, np.ones(len(high), dtype=bool)])
        return min((side for side, beyond in zip(sides, free, strict=True) if beyond), default=math.inf)

    @property
    def reference(self) -> Values:
        """theta (P,) where Phi is least."""
        count = self.problem.family.count
        return np.asarray(self.problem.regulariser.reference_path(1, count)[0])

    @property
    def _step(self) -> Rounded:
        return _enclosed(Fraction(self.problem.horizon) / self.layers)

    def _penalty(self, theta: Values) -> Rounded:
        """Phi of constant paths (C, P)."""
        known: Rounded = self.problem.regulariser.of_constants(
            Rounded(theta), _enclosed(Fraction(self.problem.horizon))
        )
        return known

    def _beyond(self, low: Values, high: Values) -> list[float]:
        """Lower bounds of Phi beyond the lower sides of a box, then beyond the upper ones."""
        reference = self.reference
        points = np.tile(reference, (2 * len(low), 1))
        np.fill_diagonal(points[: len(low)], np.minimum(low, reference))
        np.fill_diagonal(points[len(low) :], np.maximum(high, reference))
        return [float(value) for value in self._penalty(points).lower]

    def _losses(self, low: Values, high: Values) -> tuple[Values, Values, Values]:
        """Bounds (C,) from below and above on the mean loss over cells (C, P), and how much each axis moves states."""
        problem, centre = self.problem, (low + high) / 2
        half = np.maximum(high - centre, centre - low) * GUARD
        states, radius, blame = self._outputs(centre, half, self._corners(low, high))
        cells, d, samples = states.shape
        errors = Rounded(np.moveaxis(states, 1, 0).reshape(d, -1)) - np.tile(problem.target, (1, cells))
        below, above = (known.reshape(cells, samples) for known in problem.loss.bounds(errors, radius.ravel()))
        return (Rounded(below).sum(1) / samples).lower, (Rounded(above).sum(1) / samples).upper, blame

    def _outputs(self, centre: Values, half: Values, corners: tuple[Values, Values]) -> tuple[Values, Values, Values]:
        """States (C, d, S) at the centres, how far the cells' are (C, S), and what each axis (C, P) adds to that."""
        problem, h, r = self.problem, self._step, self.problem.family.r
        K, L, weights = self._parts(centre)
        trained = problem.family.weight is None
        heaviest = (weights + half[:, -1] * trained) * GUARD
        pushes = matmul(L, Rounded(problem.b))
        matrices, length = [Rounded(c)[:, None, None] for c in centre[:, : len(K)].T], float(h.upper)
        x = np.tile(problem.x0, (len(centre), 1, 1))
        squares, distance, blame = np.zeros((len(x), x.shape[2])), np.zeros((len(x), x.shape[2])), np.zeros_like(half)
        factor, growth = (part[:, None] for part in corners)
        for _ in range(self.layers):
            drifts = [pushes[j] - matmul(part, Rounded(x)) for j, part in enumerate(K)]
            velocity = sum((c * drift for c, drift in zip(matrices, drifts, strict=True)), Rounded(np.zeros(x.shape)))
            argument = x + h.value * velocity.value
            y = _prox(r, argument, h.value * weights)
            zeta, epsilon = slopes(r, y, (argument - y) / h.value, weights)
            off = norm_upper(Rounded(x) - y + velocity * h - Rounded(zeta) * (h * Rounded(weights)[:, None, None]), 1)
            norms = [norm_upper(drift, 1) for drift in drifts] + ([norm_upper(zeta, 1)] if trained else [])
            moved = [length * half[:, j, None] * norm * GUARD for j, norm in enumerate(norms)]
            blame += np.stack([part.mean(axis=1) for part in moved], axis=1)
            pushed, weight = off + sum(moved), length * heaviest[:, None] * GUARD
            gap = 2 * weight * epsilon
            if self.limit:
                change = Rounded(y) - x
                turned = [norm_upper(matmul(part, change), 1) for part in K]
                along = sum((c * matmul(part, change) for c, part in zip(matrices, K, strict=True)), Rounded(0 * x))
                bent = norm_upper(along, 1) + sum(half[:, j, None] * norm for j, norm in enumerate(turned))
                pushed = growth * (pushed + length / 2 * bent)
                bregman = np.where(weight > 0, fenchel_young(r, x, zeta), 0.0)
                gap = growth**2 * (weight * bregman + gap)
            squares = (factor**2 * squares + gap) * GUARD + TINY
            distance = (factor * distance + pushed * GUARD) * GUARD + TINY
            x = y
        return x, (np.sqrt(squares) + distance) * GUARD, blame

    def _parts(self, centre: Values) -> tuple[Values, Values, Values]:
        """K_j (J, d, d) and L_j (J, d, m) of the parameters of matrices, and the weights (C,)."""
        family = self.problem.family
        K, L, _ = family.layers(np.eye(family.count))
        weights = centre[:, -1] if family.weight is None else np.full(len(centre), float(family.weight))
        if family.r.is_indicator:
            weights = np.ones(len(centre))
        return K[: family.matrix_count], L[: family.matrix_count], weights

    def _corners(self, low: Values, high: Values) -> tuple[Values, Values]:
        """The factor of a layer, and the largest over the rest of one for the limit: the worst at corners of cells."""
        K, _, _ = self._parts(low)
        worst, h = np.full(len(low), -np.inf), self._step
        for corner in product((low, high), repeat=len(K)):
            sums = [Rounded(ends[:, j])[:, None, None] * part for j, (ends, part) in enumerate(zip(corner, K))]
            matrix = sum(sums, Rounded(np.zeros((len(low), *K.shape[1:]))))
            if self.limit:
                part = (matrix + Rounded(*(np.swapaxes(x, 1, 2) for x in (matrix.value, matrix.error)))) * 0.5
                found = -eigenvalue_bounds(part.value, _frobenius(part.error))[0]
            else:
                layer = np.eye(K.shape[1]) - matrix * h
                found = norms_upper(layer.value, _frobenius(layer.error))
            worst = np.maximum(worst, found)
        if not self.limit:
            return worst, np.ones(len(low))
        decay = _exp_upper((Rounded(worst) * h).upper)
        return decay, np.maximum(decay, 1.0)


def _prox(r: Function, argument: Values, steps: Values) -> Values:
    """prox_{s r} of (C, d, S), once for all cells of one s; in float64."""
    found = argument.copy()
    different, which = np.unique(steps, return_inverse=True)
    for k, step in enumerate(different.tolist()):
        if step > 0:
            cells = np.flatnonzero(which == k)
            part = np.moveaxis(argument[cells], 0, 1)
            found[cells] = np.moveaxis(r.prox(part.reshape(len(part), -1), step).reshape(part.shape), 1, 0)
    return found


def _frobenius(errors: Values) -> Values:
    """No less than the Frobenius norms (C,) of matrices of errors."""
    return norm_upper(norm_upper(errors, -1), -1)


def _enclosed(value: Fraction) -> Rounded:
    nearest = float(value)
    return Rounded(nearest, 0.0 if Fraction(nearest) == value else 2 * UNIT * abs(nearest))


def _exp_upper(exponents: Values) -> Values:
    """e^x, rounded up; found once for equal ones."""
    different, which = np.unique(exponents, return_inverse=True)
    values = [float(flint.arb(x).exp().mid()) if x < 700 else np.inf for x in different.tolist()]
    return (np.array(values) * GUARD + TINY)[which]
