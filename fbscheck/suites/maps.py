"""Suite "maps": where conditions hold, over planes of parameters, with the boundaries that theory draws."""

from fractions import Fraction
from functools import partial

import numpy as np

from fbscheck.claims.regions import cells, maps
from fbscheck.claims.regions.cells import Axis, Plane
from fbscheck.claims.regions.conditions import CONDITIONS
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Result

__all__ = ["PLANES", "SUITE"]


def _plane(condition: str, x: str, y: str, **fixed: str) -> Plane:
    """The map of a condition over x and y, given as NAME:LO:HI."""
    first, second = (Axis(name, Fraction(low), Fraction(high)) for name, low, high in (x.split(":"), y.split(":")))
    return Plane(CONDITIONS[condition], first, second, {name: Fraction(value) for name, value in fixed.items()})


PLANES = (
    _plane("contraction", "h:0:3", "mu:0:1"),
    _plane("contraction", "h:0:4", "sigma:0:1", level="0.9"),
    _plane("contraction-lipschitz", "h:0:3", "mu:0:1"),
    _plane("contraction-cocoercive", "h:0:3", "mu:0:1"),
    _plane("averaged", "h:0:3", "beta:0.1:1"),
    _plane("nonexpansive", "h:0:3", "skew:0:2", mu="1"),
    _plane("weighted", "h:0:3", "ratio:0.5:8", mu="1", shear="2"),
    _plane("recovery", "coherence:0.01:1", "s:1:20"),
    _plane("noise", "noise:0:1", "depth:1:40", coherence="0.125"),
    _plane("lipschitz", "factor:0:1.5", "depth:1:100", level="10"),
    _plane("uniform", "horizon:0:10", "depth:1:200"),
    _plane("deep-limit", "horizon:0:10", "depth:1:400", level="0.1"),
    _plane("deep-limit", "lambda:0:10", "depth:1:100", level="0.1"),
)


def _map(plane: Plane, rng: np.random.Generator) -> list[Result]:
    """The map, and what becomes of it with its boundary moved to the right and upward, if one of them is seen."""
    covered = cells.cover(plane)
    moved = [maps.assess(maps.MOVED_BOUNDARY, plane, covered, side) for side in ("x", "y")]
    worst = max(moved, key=lambda result: result.bracket.lower or 0.0)
    return [maps.assess(maps.claim_of(plane.condition), plane, covered), worst]


def _tasks(size: str) -> list[Task]:
    return [Task(f"maps: {plane.condition.name}, {plane.name}", partial(_map, plane)) for plane in PLANES]


SUITE = Suite(
    "maps",
    "where conditions hold and fail, cell by cell, against the boundaries of the theory",
    (*maps.CLAIMS, maps.MOVED_BOUNDARY),
    _tasks,
)
