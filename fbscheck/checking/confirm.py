"""One pair of points, evaluated rigorously: the number that an operator certainly attains there.

The floats that the operator returned are exact numbers; what it *should* have returned is within
``noise`` of them.  The quotients of :mod:`fbscheck.checking.conditions` are evaluated in ball arithmetic,
with v anywhere within ``noise`` of the difference of the returned values, and rounded to the harmless side.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, exact, lower, maximum, norm, upper

__all__ = ["certainly_attained", "certainly_cyclic"]

Values = npt.NDArray[np.float64]


def certainly_attained(name: str, x: Values, y: Values, tx: Values, ty: Values, noise: float) -> float:
    """What the pair (x, y) shows of the constant ``name``.

    It is at least the value returned for ``lipschitz``, ``averagedness`` and ``residual``, at most that for
    ``monotonicity`` and ``cocoercivity``; -inf or inf where the pair shows nothing.

    Parameters
    ----------
    x, y, tx, ty
        The points and their images, (d,) each.
    noise
        A bound on the error of ``tx - ty``.
    """
    d, v, eta = exact(x) - exact(y), exact(tx) - exact(ty), ball(noise)
    return {
        "lipschitz": _lipschitz,
        "monotonicity": _monotonicity,
        "cocoercivity": _cocoercivity,
        "averagedness": _averagedness,
        "residual": _residual,
    }[name](d, v, eta)


def certainly_cyclic(points: Values, images: Values, noise: Values) -> float:
    """What the sum of <T x_i, x_{i+1} - x_i> over a cycle (d, k) surely is, at least; 0 if it may be less.

    ``noise`` (k,) bounds the errors of the images.
    """
    total = sum(
        np.sum(exact(image) * (exact(following) - exact(point))) - ball(error) * norm(exact(following) - exact(point))
        for point, following, image, error in zip(
            points.T, np.roll(points, -1, axis=1).T, images.T, noise.tolist(), strict=True
        )
    )
    return max(0.0, lower(total))


def _lipschitz(d: Any, v: Any, eta: Any) -> float:
    apart = norm(d)
    return max(0.0, lower((norm(v) - eta) / apart)) if apart > 0 else 0.0


def _monotonicity(d: Any, v: Any, eta: Any) -> float:
    apart = norm(d)
    return upper((np.sum(v * d) + eta * apart) / (apart * apart)) if apart > 0 else math.inf


def _cocoercivity(d: Any, v: Any, eta: Any) -> float:
    inner, moved = np.sum(v * d) + eta * norm(d), norm(v)
    if not moved - eta > 0:
        return math.inf
    size = moved + eta if inner < 0 else moved - eta
    return upper(inner / (size * size))


def _averagedness(d: Any, v: Any, eta: Any) -> float:
    rest, inner = norm(d - v) - eta, np.sum(d * (d - v)) + eta * norm(d)
    if not rest > 0:
        return 0.0
    if inner <= 0:
        return math.inf
    return max(0.0, lower(rest * rest / (2 * maximum(inner, 0.0)))) if inner > 0 else 0.0


def _residual(d: Any, v: Any, eta: Any) -> float:
    return _lipschitz(d, d - v, eta)
