"""The least value over CONSTANT paths of one to three parameters, by branch and bound; of other paths nothing is said.

Where Phi exceeds a value that is attained, no constant path is least, so a box suffices.  It is cut into cells, on
which values are bounded from below (:mod:`fbscheck.learning.landscape`).  A cover is told level by level: for each
cell the axis across which it is halved, or "." where it is left whole; so it covers the box by construction.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from fbscheck.errors import InputError
from fbscheck.learning.landscape import Landscape
from fbscheck.learning.problem import Problem
from fbscheck.verdict import Bracket, Evidence, Rigour, Side

__all__ = ["ConstantMinimum", "constant_minimum", "leaves", "lower_bound"]

Values = npt.NDArray[np.float64]

WHOLE = "."
"""The mark of a cell that is not halved."""
GRID = 200
"""Points, about, among which the search for a good one starts."""
DEEPEST = 4096
"""Layers between cells and the limit, at most."""


@final
@dataclass(frozen=True, eq=False)
class ConstantMinimum:
    """The least value over constant paths, bounded from both sides; other paths may have smaller values.

    Attributes
    ----------
    landscape
        The values.
    parameters
        theta (P,), at which the value is at most the upper bound.
    low, high
        The ends (P,) of the box.
    cover
        What it was cut into.
    bracket
        Bounds from below, on all constant paths, and from above, by the one that was found.
    """

    landscape: Landscape
    parameters: Values
    low: Values
    high: Values
    cover: tuple[str, ...]
    bracket: Bracket

    @property
    def gap(self) -> float:
        """How much less than its value the least one may be, relatively; in float64."""
        lower, upper = self.bracket.lower, self.bracket.upper
        return 1 - lower / upper if lower is not None and upper else math.inf


def constant_minimum(
    problem: Problem, depth: int | None = None, gap: float = 1e-2, layers: int = 0, most: int = 10**6
) -> ConstantMinimum:
    """Bound min J_N, N = ``depth``, or min J if that is None, over constant paths: of all others nothing is said.

    Parameters
    ----------
    problem, depth
        What is minimised.
    gap
        Cells are halved until the least value is known to this share of it.
    layers
        Of the network between cells and the limit; unless told, doubled from 16 until the value at a good theta is
        known to a third of the gap.
    most
        Cells that may be looked at; where these are not enough, the bounds are further apart.

    Raises
    ------
    InputError
        As for :class:`Landscape`; if the gap is not in (0, 1), or no number of layers up to 4096 is enough for it.
    """
    if not 0 < gap < 1:
        raise InputError(f"Need 0 < gap < 1, got gap={gap}. It is the share of the value that is left open.")
    landscape = Landscape(problem, 16 if depth is None and not layers else depth or layers, depth is None)
    theta = _good(landscape)
    below, above = landscape.enclosure(theta)
    while depth is None and not layers and above - below > gap / 3 * above:
        if landscape.layers >= DEEPEST:
            raise InputError(
                f"Need a larger gap, got {gap}: with {DEEPEST} layers the limit is not known to a third of it."
            )
        landscape = Landscape(problem, 2 * landscape.layers, True)
        theta = _improved(landscape, theta, *landscape.box(above))
        below, above = landscape.enclosure(theta)
    low, high = landscape.box(above)
    least, looked, cover = landscape.outside(low, high), 0, []
    cells = low[None], high[None]
    while len(cells[0]):
        bounds, blame = landscape.below(*cells)
        looked += len(bounds)
        enough = bounds >= (1 - gap) * above
        if looked + 2 * np.count_nonzero(~enough) > most:
            enough[:] = True
        least = min(least, float(bounds[enough].min(initial=math.inf)))
        axes = np.argmax(blame, axis=1)
        cover.append("".join(np.where(enough, WHOLE, axes.astype(str)).tolist()))
        cells = _halved(*cells, axes, ~enough)
    kind = "limit" if depth is None else f"{depth} layers"
    methods = (
        f"{sum(level.count(WHOLE) for level in cover)} cells of parameters of constant paths, {kind}",
        f"the constant path of {', '.join(f'{part:.6g}' for part in theta)}",
    )
    evidence = (
        Evidence(Side.ATTAINED, least, Rigour.ENCLOSED, methods[0]),
        Evidence(Side.CERTIFIED, above, Rigour.ENCLOSED, methods[1]),
    )
    bracket = Bracket(least, None, above, None, evidence)
    return ConstantMinimum(landscape, theta, low, high, tuple(cover), bracket)


def lower_bound(landscape: Landscape, low: Values, high: Values, cover: tuple[str, ...]) -> float:
    """A lower bound of the values of all constant paths, by a box and its cover.

    Raises
    ------
    InputError
        As for :func:`leaves`.
    """
    return min(landscape.outside(low, high), float(landscape.below(*leaves(low, high, cover))[0].min()))


def leaves(low: Values, high: Values, cover: tuple[str, ...]) -> tuple[Values, Values]:
    """The cells (C, P) of a cover of the box from ``low`` to ``high`` (P,).

    Raises
    ------
    InputError
        If a level has not two cells for each that was halved, or a mark is none.
    """
    cells, found = (low[None], high[None]), []
    for level in cover:
        marks = np.array(list(level))
        open_ = marks != WHOLE
        if len(marks) != len(cells[0]) or not np.isin(marks[open_], [str(j) for j in range(len(low))]).all():
            raise InputError(f"Need a mark for each of {len(cells[0])} cells, got {len(marks)}, or marks of no axis.")
        found.append((cells[0][~open_], cells[1][~open_]))
        cells = _halved(*cells, np.where(open_, marks, "0").astype(int), open_)
    if len(cells[0]):
        raise InputError(f"Need a cover of the whole box, got one that leaves {len(cells[0])} cells out.")
    first, last = (np.concatenate(ends) for ends in zip(*found, strict=True))
    return first, last


def _halved(
    low: Values, high: Values, axes: npt.NDArray[np.int_], chosen: npt.NDArray[np.bool_]
) -> tuple[Values, Values]:
    """Both halves of the chosen cells, one after the other, across their axes."""
    low, high, rows = low[chosen], high[chosen], np.arange(np.count_nonzero(chosen))
    at = rows, axes[chosen]
    middle = (low[at] + high[at]) / 2
    lows, highs = (np.repeat(ends, 2, axis=0) for ends in (low, high))
    highs[2 * rows, at[1]] = middle
    lows[2 * rows + 1, at[1]] = middle
    return lows, highs


def _good(landscape: Landscape) -> Values:
    """Parameters of a small value: the best of a grid, improved; nothing rests on it."""
    start = np.maximum(landscape.reference, landscape.problem.family.lower)
    low, high = landscape.box(landscape.enclosure(start)[1])
    side = max(3, round(GRID ** (1 / len(low))))
    axes = [np.linspace(*ends, side) for ends in zip(low, high, strict=True)]
    points = [start, *(np.array(point) for point in product(*axes))]
    points.sort(key=landscape.value)
    found = [_improved(landscape, point, low, high) for point in points[:3]]
    return min(found, key=landscape.value)


def _improved(landscape: Landscape, start: Values, low: Values, high: Values) -> Values:
    """Parameters of no larger value, in a box."""
    options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 200}
    ends = list(zip(low, high, strict=True))
    found = minimize(landscape.value, np.clip(start, low, high), method="Nelder-Mead", bounds=ends, options=options)
    return np.asarray(found.x if found.fun <= landscape.value(start) else start)
