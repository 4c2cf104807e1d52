"""Extremal directions of a linearised operator: small eigenproblems, many points at once.

In a subspace with orthonormal basis Q and slopes V = J Q of the operator, a direction is d = Q c and
its image V c, so that each constant of :mod:`fbscheck.checking.conditions` is extremal at an eigenvector
of an m x m problem: the largest of V^T V, the lowest of Q^T V (symmetrised), the lowest of Q^T V
relative to V^T V, and the first and the last again for the residual I - J.

Arrays: points (d, P), bases and slopes (P, d, m).
"""

from collections.abc import Callable, Iterable

import numpy as np

from fbscheck.checking.points import Domain, Values

__all__ = ["LARGEST", "columns", "extremal", "relative_lowest", "slopes", "turned", "whitening"]

LARGEST = 1e100
"""Slopes are cut here, so that their squares are finite."""


def columns(stack: Values) -> Values:
    """(P, d, m) as columns (d, P * m)."""
    return np.moveaxis(stack, 1, 0).reshape(stack.shape[1], -1)


def turned(matrix: Values) -> Values:
    """The transposes of a stack of matrices."""
    return np.swapaxes(matrix, -1, -2)


def slopes(evaluate: Callable[[Values], Values], x: Values, basis: Values, step: Values, domain: Domain) -> Values:
    """Central differences of the operator at ``x`` (d, P) along ``basis``, of length ``step`` (P,)."""
    reach = step[:, None, None] * basis
    centre = x.T[:, :, None]
    ends = [domain.cut(centre + sign * reach) for sign in (1.0, -1.0)]
    images = evaluate(np.concatenate([columns(end) for end in ends], axis=1))
    ahead, behind = (np.moveaxis(part.reshape(len(x), *basis.shape[::2]), 0, 1) for part in np.split(images, 2, axis=1))
    moved = np.sqrt(np.sum((ends[0] - ends[1]) ** 2, axis=1, keepdims=True))
    with np.errstate(all="ignore"):
        slope = (ahead - behind) / np.where(moved > 0, moved, 1.0)
    return np.clip(np.nan_to_num(slope), -LARGEST, LARGEST)


def _lowest(matrix: Values) -> Values:
    """The eigenvectors (P, m) to the lowest eigenvalues of the symmetric parts."""
    return np.linalg.eigh(0.5 * (matrix + turned(matrix)))[1][..., 0]


def whitening(matrix: Values, floor: float) -> Values:
    """Matrices R with R^T B R close to I for semidefinite B; eigenvalues below ``floor`` of the largest count as it."""
    values, vectors = np.linalg.eigh(matrix)
    size = values[:, -1:]
    root = 1 / np.sqrt(np.maximum(values, 0.0) + floor * np.where(size > 0, size, 1.0))
    return np.asarray(vectors * root[:, None, :])


def relative_lowest(form: Values, metric: Values, floor: float) -> Values:
    """The vectors (P, m) at which ``form`` is lowest relative to the semidefinite ``metric``."""
    white = whitening(metric, floor)
    return np.asarray((white @ _lowest(turned(white) @ form @ white)[..., None])[..., 0])


def extremal(names: Iterable[str], basis: Values, slope: Values) -> Values:
    """Unit directions (d, P * r) that are extremal for the named constants, point by point."""
    rest = basis - slope
    problems: dict[str, Callable[[], list[Values]]] = {
        "lipschitz": lambda: [_lowest(-turned(slope) @ slope)],
        "monotonicity": lambda: [_lowest(turned(basis) @ slope)],
        "cocoercivity": lambda: [relative_lowest(turned(basis) @ slope, turned(slope) @ slope, f) for f in FLOORS],
        "averagedness": lambda: [relative_lowest(turned(basis) @ rest, turned(rest) @ rest, f) for f in FLOORS],
        "residual": lambda: [_lowest(-turned(rest) @ rest)],
    }
    found = np.stack([vector for name in names for vector in problems[name]()], axis=-1)
    direction = columns(basis @ found)
    length = np.sqrt(np.sum(direction**2, axis=0))
    return np.asarray(direction / np.where(length > 0, length, 1.0))


FLOORS = (1e-10, 1e-4)
"""Where the metric of a relative eigenproblem is cut: kernels of J make it singular."""
