"""Do boxes cover a box?  The bisection tree they come from is grown again, from the whole box down."""

import numpy as np
import numpy.typing as npt

__all__ = ["covers"]

Values = npt.NDArray[np.float64]


def covers(start: Values, end: Values, low: Values, high: Values) -> bool:
    """Whether the boxes between ``low`` and ``high`` (d, B), nodes of the tree, cover the one between ``start`` and
    ``end`` (d,).

    A node that is none of the boxes is cut in two at the middle of its longest side, relative to the whole box; both
    halves contain the cut, so what covers them covers the node, whatever rounding does to the middle.
    """
    known = {column.tobytes() for column in _columns(low, high)}
    low, high, seen, most = start[:, None], end[:, None], 0, 2 * len(known)
    while low.size:
        seen += low.shape[1]
        if seen > most:
            return False
        left = np.array([column.tobytes() not in known for column in _columns(low, high)])
        low, high = low[:, left], high[:, left]
        columns = np.arange(low.shape[1])
        axis = ((high - low) / (end - start)[:, None]).argmax(0)
        middle = low[axis, columns] / 2 + high[axis, columns] / 2
        if not np.all((low[axis, columns] <= middle) & (middle <= high[axis, columns])):
            return False
        cut_low, cut_high = low.copy(), high.copy()
        cut_low[axis, columns] = cut_high[axis, columns] = middle
        low, high = np.hstack([low, cut_low]), np.hstack([cut_high, high])
    return True


def _columns(low: Values, high: Values) -> Values:
    """One row of corners a box; zero has one sign."""
    return np.ascontiguousarray(np.vstack([low, high]).T + 0.0)
