"""The one convention on points: (d,) for one, (d, S) for S samples as columns; float64 or balls."""

from typing import Any

import numpy as np

from fbscheck.certify.balls import is_ball
from fbscheck.certify.rounded import Rounded
from fbscheck.inputs import Array, finite_array

__all__ = ["along", "points"]


def points(x: Any, name: str) -> Array:
    """``x`` as points: balls and :class:`Rounded` arrays as they are, anything else as finite float64.

    Raises
    ------
    InputError
        If it is empty, complex, has another number of dimensions, or holds NaN or inf.
    """
    if isinstance(x, Rounded):
        return x  # type: ignore[return-value]
    if isinstance(x, np.ndarray) and x.ndim in (1, 2) and x.size:
        if is_ball(x) or (x.dtype == np.float64 and np.isfinite(x).all()):
            return x
    return finite_array(x, name, (1, 2))


def along(parameter: Any, x: Array) -> Any:
    """``parameter`` shaped to act on the coordinates of ``x``: (d,) becomes (d, 1) for samples."""
    return parameter[:, None] if np.ndim(parameter) == 1 and np.ndim(x) == 2 else parameter
