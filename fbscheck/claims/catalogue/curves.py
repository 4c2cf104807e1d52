"""The graph of the subdifferential of a function on a line, as a curve of finitely many pieces.

Between nodes there are arcs (x, phi'(x)), and at a node the slopes from phi'(x-) to phi'(x+); all points are formulas
in positive variables (:mod:`fbscheck.certify.formula`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

from fbscheck.certify.formula import Formula, Undetermined
from fbscheck.functions.sections import Section

__all__ = ["Arc", "Corner", "arcs", "corners", "graph", "meetings"]


@final
@dataclass(frozen=True)
class Arc:
    """Points (x, s) of the graph of the subdifferential between two nodes, s = phi'(x), as formulas in r > 0."""

    piece: str
    x: Formula
    value: Formula
    slope: Formula
    rising: bool

    def derivative(self, f: Formula) -> Formula:
        """df/dx along the arc."""
        return f.derivative("r") / self.x.derivative("r")  # type: ignore[no-any-return]

    def end(self, f: Formula, right: bool) -> Any:
        """The limit of ``f`` at the left or the right end of the arc."""
        return (f if right != self.rising else f.inverted("r")).limit("r")


@final
@dataclass(frozen=True)
class Corner:
    """Points (x, s) with one x and slopes s from ``low`` to ``high``, either of which may be infinite."""

    piece: str
    x: Formula
    low: Any
    high: Any

    def slopes(self) -> Iterator[Formula]:
        """All of its slopes: formulas in v > 0 between the ends and 0, if that is between them, and these numbers."""
        v = Formula.variable(self.x.variables, "v")
        if isinstance(self.low, Formula) and isinstance(self.high, Formula) and (self.high - self.low).is_zero():
            yield self.low
            return
        bounds = [self.low, self.high]
        if self.low < 0 < self.high:
            bounds.insert(1, 0 * v)
        for low, high in zip(bounds, bounds[1:], strict=False):
            if isinstance(low, Formula):
                yield low + ((high - low) * v / (1 + v) if isinstance(high, Formula) else v)
            elif isinstance(high, Formula):
                yield high - v
        yield from (bound for bound in bounds if isinstance(bound, Formula))


@lru_cache(maxsize=64)
def arcs(section: Section) -> tuple[Arc, ...]:
    """The arcs between nodes, from left to right; none if the domain is a point."""
    r = Formula.variable(section.variables, "r")
    found: list[Arc] = []
    for left, right in zip(section.nodes, section.nodes[1:], strict=False):
        if left is not None and right is not None and left == right:
            continue
        rising = left is not None
        if left is None:
            q = right - r
        else:
            q = left + r if right is None else (left + right * r) / (1 + r)
        x = section.point(q)
        step = x.derivative("r")
        if step.sign() != (1 if rising else -1):
            raise Undetermined(f"{section.name}: the points of an arc are not in order")
        value = section.value(x)
        value = value if isinstance(value, Formula) else x * 0 + value
        if not isinstance(value, Formula):
            raise Undetermined(f"{section.name}: the function is infinite inside its domain")
        found.append(Arc(f"arc {len(found) + 1}", x, value, value.derivative("r") / step, rising))
    return tuple(found)


@lru_cache(maxsize=64)
def corners(section: Section) -> tuple[Corner, ...]:
    """The nodes, with the slopes of the arcs that meet there; at the ends of the domain they are infinite."""
    parts = arcs(section)
    if not parts:
        return (Corner("the point", section.nodes[0] + 0 * section.step, -math.inf, math.inf),)
    found = []
    for piece, sides in meetings(parts):
        x = sides[0][0].end(sides[0][0].x, sides[0][1])
        slopes = {right: arc.end(arc.slope, right) for arc, right in sides}
        low, high = slopes.get(True, -math.inf), slopes.get(False, math.inf)
        steep = len(sides) == 1 and abs(next(iter(slopes.values()))) == math.inf
        if len(sides) == 2 and not all(isinstance(s, Formula) for s in slopes.values()):
            raise Undetermined("the slope is infinite inside the domain")
        if isinstance(x, Formula) and not steep:
            found.append(Corner(piece, x, low, high))
    return tuple(found)


def meetings(parts: Sequence[Arc]) -> Iterator[tuple[str, list[tuple[Arc, bool]]]]:
    """The nodes: the arcs that end there, and whether it is their right end."""
    for k in range(len(parts) + 1 if parts else 0):
        yield f"node {k + 1}", [*((a, True) for a in parts[max(k - 1, 0) : k]), *((a, False) for a in parts[k : k + 1])]


def graph(section: Section) -> Iterator[tuple[str, Formula, Formula]]:
    """The pieces of the graph of the subdifferential: points (x, s)."""
    for arc in arcs(section):
        yield arc.piece, arc.x, arc.slope
    for corner in corners(section):
        for s in corner.slopes():
            yield corner.piece, corner.x, s
