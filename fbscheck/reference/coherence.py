r"""The generalised coherence of a dictionary, by one linear program a column (HiGHS).

Column i of the weights minimises max_j \|<w, a_j>\| over j != i, subject to <w, a_i> = 1.  Its dual, which is the
one that is solved, is basis pursuit: minimise \|z\|_1 subject to sum_{j != i} z_j a_j = a_i.  The optima are each
other's inverses, and w is the multiplier of the constraint, scaled.
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

TOLERANCE = 1e-10
"""The least that HiGHS takes."""


@final
@dataclass(frozen=True, eq=False)
class Programs:
    """What the programs found for ``columns`` (k,): weights (m, k), representations (n, k), optima (k,)."""

    columns: npt.NDArray[np.int64]
    weights: Values
    representations: Values
    optima: Values


def generalised_coherence(dictionary: Values, columns: Sequence[int] | None = None) -> Programs:
    """Solve the programs of ``columns``, all of them if None; the largest optimum over all is the coherence.

    :mod:`fbscheck.network.coherence` certifies what they found.  A column that the others do not span has
    the optimum 0 and no representation, which is left zero.

    Raises
    ------
    SolverError
        If HiGHS ends otherwise than optimal or infeasible.
    """
    chosen = np.arange(dictionary.shape[1]) if columns is None else np.asarray(columns, dtype=np.int64)
    found = [_one(dictionary, int(column)) for column in chosen]
    weights, representations, optima = (np.array(part).T for part in zip(*found, strict=True))
    return Programs(chosen, weights, _corrected(dictionary, representations, chosen), optima)


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
