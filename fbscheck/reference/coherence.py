r"""The generalised coherence of a dictionary, by one linear program a column (HiGHS).

Column i of the weights minimises max_j \|<w, a_j>\| over j != i, subject to <w, a_i> = 1.  Its dual, which is the
one that is solved, is basis pursuit: minimise \|z\|_1 subject to sum_{j != i} z_j a_j = a_i.  The optima are each
other's inverses, and w is the multiplier of the constraint, scaled.

The coherence is the largest optimum, so most programs need no solution: weights no worse than the largest optimum
known are enough.  They are looked for in all columns at once, by the method of Douglas and Rachford between the row
space of A, where row i of W^T A lies and has 1 on the diagonal, and the box of entries up to that optimum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from fbscheck.errors import SolverError

__all__ = ["Programs", "generalised_coherence"]

Values = npt.NDArray[np.float64]

SWEEPS = 25
"""Iterations between two programs."""
ROUNDING = 1e-13
"""Weights settle a column that are worse than the largest optimum by this at most, relatively."""


@final
@dataclass(frozen=True, eq=False)
class Programs:
    """What the programs found for ``columns`` (k,): representations (n, k), optima (k,), and weights.

    Weights are (m, k), or (m, n) where the programs of ``columns`` settle those of all others.
    """

    columns: npt.NDArray[np.int64]
    weights: Values
    representations: Values
    optima: Values


def generalised_coherence(dictionary: Values, columns: Sequence[int] | None = None) -> Programs:
    """Solve the programs of ``columns``, or of as many as it takes to know the largest optimum, the coherence.

    :mod:`fbscheck.network.coherence` certifies what they found.  A column that the others do not span has
    the optimum 0 and no representation, which is left zero.

    Raises
    ------
    SolverError
        If HiGHS ends otherwise than optimal or infeasible.
    """
    if columns is None:
        return _largest(dictionary)
    chosen = np.asarray(columns, dtype=np.int64)
    found = [_one(dictionary, int(column)) for column in chosen]
    weights, representations, optima = (np.array(part).T for part in zip(*found, strict=True))
    return Programs(chosen, weights, _corrected(dictionary, representations, chosen), optima)


def _largest(dictionary: Values) -> Programs:
    """The programs of the columns for which no weights were found that are as good as the worst optimum."""
    left, singular, right = np.linalg.svd(dictionary, full_matrices=False)
    kept = singular > singular[0] * 1e-12
    left, basis = left[:, kept] / singular[kept], right[kept]
    coordinates = basis.T / np.sum(basis**2, axis=0)[:, None]
    weights, entries = left @ coordinates.T, coordinates @ basis
    columns, worse, level = np.arange(dictionary.shape[1]), _off(entries, np.arange(dictionary.shape[1])), 0.0
    solved: list[Programs] = []
    while columns.size:
        worst = worse.argmax()
        solved.append(generalised_coherence(dictionary, [int(columns[worst])]))
        weights[:, columns[worst]], level = solved[-1].weights[:, 0], max(level, float(solved[-1].optima[0]))
        columns, entries = np.delete(columns, worst), np.delete(entries, worst, axis=0)
        coordinates, entries = _searched(entries, basis, columns, level)
        weights[:, columns] = left @ coordinates.T
        worse = _off(coordinates @ basis, columns)
        unsettled = worse > level * (1 + ROUNDING)
        columns, entries, worse = columns[unsettled], entries[unsettled], worse[unsettled]
    parts = [(part.columns, part.representations, part.optima) for part in solved]
    chosen, representations, optima = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    return Programs(chosen, weights, representations, optima)


def _searched(entries: Values, basis: Values, columns: npt.NDArray[np.int64], level: float) -> tuple[Values, Values]:
    """Rows of W^T A for ``columns``, by their coordinates, nearer to a box, and where the search goes on from."""
    coordinates = entries @ basis.T
    for _ in range(SWEEPS):
        boxed = np.clip(entries, -level, level)
        boxed[np.arange(columns.size), columns] = 1.0
        coordinates = _projected(2 * boxed - entries, basis, columns)
        entries = entries + coordinates @ basis - boxed
    return coordinates, entries


def _projected(rows: Values, basis: Values, columns: npt.NDArray[np.int64]) -> Values:
    """Coordinates of the nearest points in the span of ``basis`` whose entries at ``columns``, one a row, are 1."""
    found, own = rows @ basis.T, basis[:, columns].T
    missing = (1 - np.sum(found * own, axis=1)) / np.sum(own**2, axis=1)
    return np.asarray(found + missing[:, None] * own)


def _off(rows: Values, columns: npt.NDArray[np.int64]) -> Values:
    """The largest entry of each row that is not the one of its column."""
    sizes = np.abs(rows)
    sizes[np.arange(columns.size), columns] = 0.0
    return np.asarray(sizes.max(axis=1))


def _corrected(dictionary: Values, representations: Values, columns: npt.NDArray[np.int64]) -> Values:
    """The representations, from which a pseudoinverse removes what the solver left of the residual."""
    each, known = np.arange(columns.size), representations.any(axis=0)
    moved = representations + np.linalg.pinv(dictionary) @ (dictionary[:, columns] - dictionary @ representations)
    own = np.where(known, moved[columns, each], 0.0)
    moved[columns, each] = 0.0
    return np.where(known, moved / (1 - own), 0.0)


def _one(dictionary: Values, column: int) -> tuple[Values, Values, float]:
    rows = np.any(dictionary != 0, axis=1)
    target, others = dictionary[rows, column], np.delete(dictionary[rows], column, axis=1)
    program = linprog(np.ones(2 * others.shape[1]), A_eq=np.hstack([others, -others]), b_eq=target, method="highs-ds")
    direction = np.zeros(len(dictionary))
    if program.status == 2:
        nearest = np.linalg.lstsq(others, target)[0]
        direction[rows] = target - others @ nearest
        return direction / (direction[rows] @ target), np.zeros(dictionary.shape[1]), 0.0
    if program.status != 0:
        raise SolverError(f"HiGHS ended the program of column {column} with '{program.message}'.")
    direction[rows] = program.eqlin.marginals
    positive, negative = np.split(program.x, 2)
    representation = np.insert(positive - negative, column, 0.0)
    return direction / (direction[rows] @ target), representation, 1.0 / program.fun
