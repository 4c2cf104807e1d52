r"""Chapter "map": where in a plane of parameters a condition holds, where it fails, and how little stays open.

A box is cut into cells until those that are not decided make up a small share of it.  A cell holds, or fails, if the
formulas of the condition do so in exact arithmetic on the whole cell; no point is sampled.  The claim is about the
boundary that theory draws: no cell may contradict what the worst instance, or the recursion behind a bound, does at
the centre of the cell, and what is open and what is contradicted together stay below ``SHARE`` of the box.
"""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from fbscheck.certify import kernel
from fbscheck.certify.balls import round_down, round_up
from fbscheck.claims.regions.cells import FAILS, HOLDS, KINDS, OUTSIDE, SHARE, Axis, Cell, Cover, Plane, middle
from fbscheck.claims.regions.conditions import CONDITIONS, Condition
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Claim, Curve, Evidence, Plot, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "CONTROLS", "MOVED_BOUNDARY", "assess", "boundary", "claim_of", "replay"]

MOVED = Fraction(1, 20)
"""Of a side of the box, how far a planted error moves the boundary."""


def claim_of(condition: Condition) -> Claim:
    """The claim about the boundary of a condition."""
    return Claim(
        f"map.{condition.name}",
        condition.title,
        condition.statement,
        Relation.AT_MOST,
        f"{condition.source}; exact arithmetic on whole cells against the worst instance "
        "(share of the box that is open or contradicted)",
    )


CLAIMS = tuple(claim_of(condition) for condition in CONDITIONS.values())
MOVED_BOUNDARY = Claim(
    "control.moved-boundary",
    "A boundary moved by a twentieth of the box",
    r"\partial\{\mathrm{condition\ holds}\}+\tfrac{1}{20}\,(\mathrm{side\ of\ the\ box})",
    Relation.AT_MOST,
    "false: cells are proved to hold, or to fail, on its wrong side",
    control=True,
)
CONTROLS = (MOVED_BOUNDARY,)


def assess(claim: Claim, plane: Plane, covered: Cover, moved: str = "") -> Result:
    """Judge the boundary that theory draws by the cells; ``moved`` is "x" or "y" where a planted error moves it."""
    certificate = {kind: " ".join(cell.path for cell in covered.cells[kind]) for kind in KINDS}
    result = _evaluate(claim, plane, covered, moved, certificate)
    return replace(result, plots=() if moved else (_plot(plane, covered),))


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any]) -> Result:
    """Decide every cell again, see that no two overlap, and judge the boundary again.

    Raises
    ------
    kernel.Refusal
        If a cell is not what it is said to be, or the map is incomplete or malformed.
    """
    if set(witness) != {"condition", "x", "y", "fixed", "moved"} or set(certificate) != set(KINDS):
        raise kernel.Refusal("the map is incomplete, or says more than a map does")
    x, y = (Axis(name, Fraction(low), Fraction(high)) for name, low, high in (witness["x"], witness["y"]))
    fixed = {name: Fraction(value) for name, value in witness["fixed"].items()}
    plane = Plane(CONDITIONS[witness["condition"]], x, y, fixed)
    if witness["moved"] not in (("x", "y") if claim == MOVED_BOUNDARY else ("",)):
        raise kernel.Refusal("the control, and nothing else, moves the boundary")
    if claim not in (MOVED_BOUNDARY, claim_of(plane.condition)):
        raise kernel.Refusal("the map is about another claim")
    cells = {kind: tuple(plane.cell(path) for path in certificate[kind].split()) for kind in KINDS}
    paths = sorted(cell.path for kind in KINDS for cell in cells[kind])
    if any(later.startswith(path) for path, later in itertools.pairwise(paths)):
        raise kernel.Refusal("two cells overlap")
    for kind in KINDS:
        for cell in cells[kind]:
            if plane.decide(cell) != kind:
                raise kernel.Refusal(f"cell {cell.path!r} is not seen to be one where the condition {kind}")
    areas = {kind: sum(map(plane.area, cells[kind]), Fraction(0)) for kind in KINDS}
    size = plane.area(plane.box) - areas[OUTSIDE]
    covered = Cover(cells, (), (size - areas[HOLDS] - areas[FAILS]) / size)
    return _evaluate(claim, plane, covered, witness["moved"], dict(certificate))


def _evaluate(claim: Claim, plane: Plane, covered: Cover, moved: str, certificate: dict[str, Any]) -> Result:
    wrong = _contradicted(plane, covered, moved)
    counts = {kind: len(covered.cells[kind]) for kind in KINDS}
    method = f"{counts[HOLDS]} cells on which it holds, {counts[FAILS]} on which it fails, in exact arithmetic"
    evidence = (
        Evidence(Side.ATTAINED, round_down(wrong) + 0.0, Rigour.ENCLOSED, method),
        Evidence(Side.CERTIFIED, round_up(wrong + covered.share), Rigour.ENCLOSED, method),
    )
    witness = {
        "condition": plane.condition.name,
        **{side: [axis.name, str(axis.low), str(axis.high)] for side, axis in (("x", plane.x), ("y", plane.y))},
        "fixed": {name: str(value) for name, value in sorted(plane.fixed.items())},
        "moved": moved,
    }
    case = f"{plane.condition.name}: {plane.name}, moved in {moved}" if moved else plane.name
    return decide(claim, case, squeeze(round_up(SHARE), evidence, certificate), witness)


def _contradicted(plane: Plane, covered: Cover, moved: str) -> Fraction:
    """The share of the domain in cells that theory misjudges at their centre."""
    shift = {side: MOVED * (axis.high - axis.low) for side, axis in (("x", plane.x), ("y", plane.y))}
    wrong = Fraction(0)
    for kind in (HOLDS, FAILS):
        for cell in covered.cells[kind]:
            x, y = (middle(side, whole) for side, whole in zip((cell.x, cell.y), plane.natural, strict=True))
            if moved:
                x, y = (_moved(v, side, moved, shift, whole) for v, side, whole in zip((x, y), "xy", plane.natural))
            if plane.inside(x, y) and plane.judged(x, y) != (kind == HOLDS):
                wrong += plane.area(cell)
    size = plane.area(plane.box) - sum(map(plane.area, covered.cells[OUTSIDE]), Fraction(0))
    return wrong / size


def _moved(value: Fraction, side: str, moved: str, shift: Mapping[str, Fraction], whole: bool) -> Fraction:
    if side != moved:
        return value
    return value + (max(1, round(shift[side])) if whole else shift[side])


def _plot(plane: Plane, covered: Cover) -> Plot:
    """The cells, and the boundary that theory draws."""

    def filled(label: str, cells: tuple[Cell, ...]) -> Curve:
        x = tuple(float(v) for cell in cells for v in (cell.x.low, cell.x.high + plane.natural[0]))
        y = tuple(float(v) for cell in cells for v in (cell.y.low, cell.y.high + plane.natural[1]))
        return Curve(label, x, y, "cells")

    curves = [
        filled("holds", covered.cells[HOLDS]),
        filled("fails", covered.cells[FAILS]),
        filled("open", covered.open),
    ]
    if points := boundary(plane):
        curves.append(Curve("boundary of the theory", tuple(x for x, _ in points), tuple(y for _, y in points), "dots"))
    x_label, y_label = (f"{axis.name}: {plane.condition.parameters[axis.name].meaning}" for axis in (plane.x, plane.y))
    title = f"{plane.condition.title}: {plane.name}"
    return Plot(f"map.{plane.condition.name}", plane.name, title, x_label, y_label, tuple(curves))


def boundary(plane: Plane, columns: int = 60, rows: int = 24, steps: int = 16) -> list[tuple[float, float]]:
    """Points (x, y) at which theory changes its mind, found by bisection up columns of the box."""
    if plane.natural[1]:
        return []
    points = []
    width, height = plane.x.high - plane.x.low, plane.y.high - plane.y.low
    for column in range(columns):
        x = plane.x.low + width * Fraction(2 * column + 1, 2 * columns)
        if plane.natural[0]:
            x = Fraction(round(x))
        ys = [plane.y.low + height * Fraction(row, rows) for row in range(rows + 1)]
        known = [(y, plane.judged(x, y)) for y in ys if plane.inside(x, y)]
        for (low, below), (high, above) in itertools.pairwise(known):
            if below != above:
                for _ in range(steps):
                    half = (low + high) / 2
                    low, high = (half, high) if plane.judged(x, half) == below else (low, half)
                points.append((float(x), float((low + high) / 2)))
    return points
