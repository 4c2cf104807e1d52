"""Eigenvalues and norms of many float64 matrices at once, enclosed by what a floating eigendecomposition misses.

With H symmetric, V and w from LAPACK, E = H - V diag(w) V^T and eta = |V V^T - I|, every x has
``<x, Hx> >= min(w) |V^T x|^2 - |E||x|^2`` and ``|V^T x|^2`` within a factor 1 +- eta of |x|^2.  Nothing is asked of
LAPACK: E and eta are computed, in Frobenius norms, and what rounding did to them is added.
"""

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import GUARD, TINY, UNIT, frobenius_upper

__all__ = ["eigenvalue_bounds", "norms_upper", "symmetric_part"]

Values = npt.NDArray[np.float64]


def eigenvalue_bounds(symmetric: Values, error: npt.ArrayLike = 0.0) -> tuple[Values, Values]:
    """(lower, upper) bounds (M,) of all eigenvalues of symmetric matrices (M, d, d) known up to ``error`` (M,).

    The error is one in the Frobenius norm.  Bounds are infinite where an entry is not finite.
    """
    d, finite = symmetric.shape[-1], np.asarray(np.isfinite(symmetric).all((-2, -1)))
    known = np.where(finite[..., None, None], symmetric, 0.0)
    w, v = np.linalg.eigh(known)
    with np.errstate(all="ignore"):
        stretched = v * w[..., None, :]
        sizes = frobenius_upper(v), frobenius_upper(stretched)
        rounding = 2 * (d + 4) * UNIT
        product = stretched @ np.swapaxes(v, -1, -2)
        missed = frobenius_upper(known - product) + rounding * sizes[0] * sizes[1] + 4 * d**2 * TINY
        missed = (missed + UNIT * frobenius_upper(known) + np.asarray(error)) * GUARD
        gram = v @ np.swapaxes(v, -1, -2) - np.eye(d)
        eta = (frobenius_upper(gram) + rounding * sizes[0] ** 2 + 4 * d**2 * TINY) * GUARD
        least, most = w.min(axis=-1), w.max(axis=-1)
        low = least - (np.abs(least) * eta + missed) * GUARD
        high = most + (np.abs(most) * eta + missed) * GUARD
    valid = finite & np.isfinite(low) & np.isfinite(high)
    return np.where(valid, np.nextafter(low, -np.inf), -np.inf), np.where(valid, np.nextafter(high, np.inf), np.inf)


def symmetric_part(stack: Values) -> tuple[Values, Values]:
    """(K + K^T)/2 in float64, and bounds (M,) on what rounding did to it, in the Frobenius norm."""
    half = 0.5 * stack
    part = half + np.swapaxes(half, -1, -2)
    return part, (UNIT * frobenius_upper(part) + 2 * stack.shape[-1] * TINY) * GUARD


def norms_upper(stack: Values, error: npt.ArrayLike = 0.0) -> Values:
    """No less than the spectral norms (M,) of matrices (M, m, d) known up to ``error`` (M,) in the Frobenius norm.

    Found once of M views of one matrix.
    """
    if stack.strides[0] == 0 and len(stack) > 1 and np.ndim(error) == 0:
        return np.broadcast_to(norms_upper(stack[:1], error), len(stack))
    tall = stack if stack.shape[-2] >= stack.shape[-1] else np.swapaxes(stack, -1, -2)
    size = frobenius_upper(tall)
    unit = np.where((size > 0) & np.isfinite(size), 2.0 ** np.floor(np.log2(np.where(size > 0, size, 1.0))), 1.0)
    with np.errstate(all="ignore"):
        scaled = tall / unit[..., None, None]
        gram = np.swapaxes(scaled, -1, -2) @ scaled
        off = (2 * (tall.shape[-2] + 2) * UNIT * frobenius_upper(scaled) ** 2 + 4 * tall.size * TINY) * GUARD
        top = np.sqrt(np.maximum(eigenvalue_bounds(gram, off)[1], 0.0)) * unit
        found = (np.minimum(top, size) + np.asarray(error)) * GUARD + TINY
    return np.where(size == 0, np.asarray(error), np.where(np.isnan(found), np.inf, found))
