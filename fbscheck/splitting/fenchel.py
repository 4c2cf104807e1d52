"""Certificates of duality gaps: proposed in floating point here, decided by the kernel.

For least squares with A^T A >= m > 0 any slope s of g proves the gap
g(x) + g*(s) - <s, x> + |F'(x) + s|^2 / (2m), and the best one comes from a proximal step of length 1/m.
Otherwise any dual point y does, phi(Ax) + phi*(y) + g(x) + g*(-A^T y); y is phi'(Ax), shrunk until
-A^T y is in the domain of g*.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, add, describe, plain
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, nearest
from fbscheck.functions import Function, GroupL2
from fbscheck.operators import Gradient, LeastSquares

__all__ = ["gap_record", "modulus_record"]

Points = npt.NDArray[np.float64]

SHRINKS = (1.0, *(1 - 2.0**-k for k in range(50, 1, -4)), *(2.0**-k for k in range(1, 20, 2)), 0.0)
"""Factors tried in turn on a slope or a dual point that may be just outside the domain of g*."""


def modulus_record(f: Gradient, arrays: Arrays) -> dict[str, Any] | None:
    """The kernel's record of a positive lower bound of the eigenvalues of A^T A; None if there is none."""
    factor = f.gram_factor if isinstance(f, LeastSquares) else None
    if factor is None:
        return None
    names = [add(part, arrays) for part in factor]
    record = {"kind": "eigenvalue", "matrix": add(f.matrix, arrays), "factor": names, "bound": "lower"}
    return record if kernel.conclude(record, plain(arrays)) > 0 else None


def gap_record(
    f: Gradient, g: Function, x: Points, modulus: Mapping[str, Any] | None, arrays: Arrays
) -> dict[str, Any] | None:
    """The kernel's record of a small gap of ``x``; None where it knows no formula, or accepts no slope or dual point.

    ``modulus`` is the record of :func:`modulus_record`.  All arrays referred to are kept in ``arrays``.
    """
    if type(f).__name__ not in kernel.LOSSES or type(g).__name__ not in (*kernel.PENALTIES, "GroupL2"):
        return None
    if not isinstance(f.matrix, np.ndarray):
        return None
    about = {"kind": "gap", "f": describe(f, arrays), "g": describe(g, arrays), "x": add(x, arrays)}
    if modulus is not None:
        return _first({**about, "modulus": modulus}, "slope", _slope(f, g, x), arrays)
    return _first(about, "dual", [f.loss_gradient(f.matrix @ x)], arrays)


def _slope(f: Gradient, g: Function, x: Points) -> list[Points]:
    """The best slope, m (x - p) - F'(x) at p = prox_{g/m}(x - F'(x)/m), as a sum of float64 vectors.

    Rounding is undone by taking the nearest slope in dg(p): one vector is exact, or not (GroupL2).
    """
    m, gradient = f.monotonicity, f(x)
    p = g.prox(x - gradient / m, 1 / m)
    near = m * (x - p) - gradient
    if not isinstance(g, GroupL2):
        return [g.subgradient(p, near)]
    inside = g.subgradient(exact(p), exact(near)) * (1 - ball(2.0**-100))
    first = nearest(inside)
    return [first, nearest(inside - exact(first))]


def _first(about: dict[str, Any], form: str, parts: list[Points], arrays: Arrays) -> dict[str, Any] | None:
    """The record with the largest multiple of a sum of ``parts`` that the kernel accepts."""
    known = plain(arrays)
    for shrink in SHRINKS:
        kept: Arrays = {}
        record = {**about, form: [add(shrink * part, kept) for part in parts]}
        try:
            kernel.conclude(record, {**known, **plain(kept)})
        except kernel.Refusal:
            continue
        arrays.update(kept)
        return record
    return None
