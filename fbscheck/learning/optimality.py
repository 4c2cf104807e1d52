r"""What minimality says of free weights with the penalty a int(|K|^2 + |L|^2): rows in the span of the data.

Only the products of [K_n, -L_n] with the columns (x_n^s, b^s) reach the outputs.  So projecting its rows onto the span
of the S columns leaves all states where they are and does not increase the penalty; at a minimiser, local or global,
the rows are in the span, and the rank is at most S.  No derivative of the prox is needed.
"""

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.learning.families import Free
from fbscheck.learning.problem import Problem
from fbscheck.learning.regularisers import Lp

__all__ = ["projected", "row_defect"]

Values = npt.NDArray[np.float64]

RELATIVE = 1e-12
"""Singular values of the data below this share of the largest do not count for the span."""


def projected(problem: Problem, theta: npt.ArrayLike) -> Values:
    """Parameters (N, P) with the rows of [K_n, -L_n] projected onto the span of (x_n^s, b^s): of the same outputs.

    Raises
    ------
    InputError
        Unless the family is free and the penalty is a int |theta|^p.
    """
    known = problem.parameters(theta)
    if not isinstance(problem.family, Free) or not isinstance(problem.regulariser, Lp):
        raise InputError("Need free weights and the penalty of L^p: with another, rows need not be in the span.")
    K, L, weights = problem.family.layers(known)
    run = problem.states(known)
    data = np.concatenate([run[:-1], np.broadcast_to(problem.b, (len(K), *problem.b.shape))], axis=1)
    basis, sizes, _ = np.linalg.svd(data, full_matrices=False)
    kept = basis * (sizes > RELATIVE * sizes[:, :1])[:, None, :]
    rows = np.concatenate([K, -L], axis=2)
    inside = rows @ kept @ np.swapaxes(kept, 1, 2)
    d = K.shape[1]
    trained = weights if problem.family.weight is None else None
    return problem.family.parameters(inside[:, :, :d], -inside[:, :, d:], trained)


def row_defect(problem: Problem, theta: npt.ArrayLike) -> float:
    """The norm of what :func:`projected` removes, over that of the parameters; 0 at minimisers, up to rounding."""
    known = problem.parameters(theta)
    size = float(np.linalg.norm(known))
    return float(np.linalg.norm(known - projected(problem, known))) / size if size else 0.0
