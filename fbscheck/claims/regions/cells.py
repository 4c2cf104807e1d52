"""A box of two parameters, cut into cells on which a condition is decided in exact arithmetic."""

import heapq
import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

from fbscheck.certify.ranges import Range
from fbscheck.claims.regions.conditions import Condition
from fbscheck.errors import InputError

__all__ = ["FAILS", "HOLDS", "KINDS", "OUTSIDE", "SHARE", "Axis", "Cell", "Cover", "Plane", "cover", "middle"]

SHARE = Fraction(1, 100)
"""Of a box, what may stay undecided."""
HOLDS, FAILS, OUTSIDE = "holds", "fails", "outside"
KINDS = (HOLDS, FAILS, OUTSIDE)
LONGEST = 60
"""Of the path to a cell; no finer cells are looked at."""


@final
@dataclass(frozen=True)
class Axis:
    """One side of the box: a parameter from ``low`` to ``high``."""

    name: str
    low: Fraction
    high: Fraction


@final
@dataclass(frozen=True)
class Cell:
    """A part of the box, reached from it by a ``path`` of halvings: each digit names one of up to four parts."""

    path: str
    x: Range
    y: Range

    def parts(self, natural: tuple[bool, bool]) -> list["Cell"]:
        """The cell cut in two across each side that can be cut; a natural number cannot."""
        xs, ys = (_halves(side, whole) for side, whole in zip((self.x, self.y), natural, strict=True))
        return [Cell(f"{self.path}{len(ys) * i + j}", x, y) for i, x in enumerate(xs) for j, y in enumerate(ys)]


@final
@dataclass(frozen=True)
class Plane:
    """A condition over a box of two parameters, all others ``fixed``.

    Raises
    ------
    InputError
        If a parameter is unknown, given twice or out of place, or a side of the box is empty.
    """

    condition: Condition
    x: Axis
    y: Axis
    fixed: Mapping[str, Fraction]

    def __post_init__(self) -> None:
        known = self.condition.parameters
        for name in (self.x.name, self.y.name, *self.fixed):
            if name not in known:
                told = ", ".join(f"{key} ({known[key].meaning})" for key in known)
                raise InputError(f"Need a parameter of {self.condition.name}, got {name!r}: it has {told}.")
        if self.x.name == self.y.name or {self.x.name, self.y.name} & set(self.fixed):
            raise InputError(f"Need each parameter once, got {self.x.name}, {self.y.name} and {sorted(self.fixed)}.")
        for axis in (self.x, self.y):
            if not axis.low < axis.high:
                raise InputError(f"Need LO < HI for {axis.name}, got {axis.low} and {axis.high} (swapped?).")
        ends = [(axis.name, end) for axis in (self.x, self.y) for end in (axis.low, axis.high)]
        for name, value in (*ends, *self.fixed.items()):
            if known[name].natural and (value.denominator != 1 or value < 0):
                raise InputError(f"Need natural numbers for {name} ({known[name].meaning}), got {value}.")

    @property
    def name(self) -> str:
        """What distinguishes this map from others of its condition."""
        sides = (f"{axis.name} in [{_shown(axis.low)}, {_shown(axis.high)}]" for axis in (self.x, self.y))
        return ", ".join([*sides, *(f"{name} = {_shown(value)}" for name, value in sorted(self.fixed.items()))])

    @cached_property
    def natural(self) -> tuple[bool, bool]:
        """Whether the sides run over natural numbers."""
        known = self.condition.parameters
        return known[self.x.name].natural, known[self.y.name].natural

    @property
    def box(self) -> Cell:
        """All of it."""
        return Cell(".", Range(self.x.low, self.x.high), Range(self.y.low, self.y.high))

    def cell(self, path: str) -> Cell:
        """The cell at the end of a path of halvings."""
        cell = self.box
        for digit in path.removeprefix(cell.path):
            cell = cell.parts(self.natural)[int(digit)]
        return cell

    def area(self, cell: Cell) -> Fraction:
        """The size of a cell; a natural number has length one."""
        lengths = (side.high - side.low + whole for side, whole in zip((cell.x, cell.y), self.natural, strict=True))
        width, height = lengths
        return width * height

    def decide(self, cell: Cell) -> str | None:
        """What is true on the whole cell: the condition "holds" or "fails", it is "outside" the domain; None: open."""
        point = self._at(cell.x, cell.y)
        domain = [_ends(value) for value in self.condition.domain(point)]
        if any(high < 0 for _, high in domain):
            return OUTSIDE
        if any(low < 0 for low, _ in domain):
            return None
        margins = [_ends(value) for value in self.condition.margins(point)]
        if any(high <= 0 for _, high in margins):
            return FAILS
        return HOLDS if all(low > 0 for low, _ in margins) else None

    def judged(self, x: Fraction, y: Fraction) -> bool:
        """Whether the worst instance, or the recursion behind a bound, meets the condition at a point."""
        return self.condition.judged(self._at(x, y))

    def inside(self, x: Fraction, y: Fraction) -> bool:
        """Whether a point is in the domain of the condition."""
        return all(value >= 0 for value in self.condition.domain(self._at(x, y)))

    def _at(self, x: Any, y: Any) -> dict[str, Any]:
        values = {name: parameter.default for name, parameter in self.condition.parameters.items()}
        return {**values, **self.fixed, self.x.name: x, self.y.name: y}


@final
@dataclass(frozen=True)
class Cover:
    """Decided cells by kind, and the share of the domain that is open."""

    cells: Mapping[str, tuple[Cell, ...]]
    open: tuple[Cell, ...]
    share: Fraction


def cover(plane: Plane, seconds: float = math.inf, share: Fraction = SHARE) -> Cover:
    """Cut the box into cells, the largest open one first, until little is open or the time is over.

    Raises
    ------
    InputError
        If the condition makes sense nowhere in the box.
    """
    ends = time.perf_counter() + seconds
    found: dict[str, list[Cell]] = {kind: [] for kind in KINDS}
    decided = dict.fromkeys(KINDS, Fraction(0))
    whole, count = plane.area(plane.box), itertools.count()
    queue = [(-whole, next(count), plane.box)]
    stuck: list[Cell] = []
    while queue and time.perf_counter() < ends:
        size = whole - decided[OUTSIDE]
        if size - decided[HOLDS] - decided[FAILS] <= share * size:
            break
        area, _, cell = heapq.heappop(queue)
        kind = plane.decide(cell)
        if kind is not None:
            found[kind].append(cell)
            decided[kind] -= area
        elif len(parts := cell.parts(plane.natural)) > 1 and len(cell.path) < LONGEST:
            for part in parts:
                heapq.heappush(queue, (-plane.area(part), next(count), part))
        else:
            stuck.append(cell)
    size = whole - decided[OUTSIDE]
    if not size:
        raise InputError(f"Need a box in which {plane.condition.name} makes sense, got {plane.name}.")
    left = (*stuck, *(cell for _, _, cell in queue))
    cells = {kind: tuple(sorted(cells, key=lambda cell: cell.path)) for kind, cells in found.items()}
    return Cover(cells, left, (size - decided[HOLDS] - decided[FAILS]) / size)


def _halves(side: Range, whole: bool) -> list[Range]:
    centre = middle(side, whole)
    if not whole:
        return [Range(side.low, centre), Range(centre, side.high)]
    return [side] if side.low == side.high else [Range(side.low, centre), Range(centre + 1, side.high)]


def middle(side: Range, whole: bool) -> Fraction:
    """The middle of a side of a cell, or the natural number just below it."""
    return Fraction((side.low + side.high) // 2) if whole else (side.low + side.high) / 2


def _ends(value: Any) -> tuple[Fraction, Fraction]:
    return (value.low, value.high) if isinstance(value, Range) else (value, value)


def _shown(value: Fraction) -> str:
    return str(int(value)) if value.denominator == 1 else f"{float(value):.6g}"
