"""Suite "learning": training problems, their minima and limits, what perturbed data do to them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims import learning_anchors
from fbscheck.claims.anchors import Anchor
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Claim, Result, planted

__all__ = ["SUITE"]

Generator = np.random.Generator
DEPTHS = {"decay": (10, 20, 40, 80, 160), "turn": (16, 32, 64, 128)}


def _anchors(kind: str, rng: Generator) -> list[Result]:
    """Trained networks of one anchor at all depths, and the closed value with a planted error at the last one."""
    known = [(anchor := Anchor(kind, depth), learning_anchors.trained(anchor)) for depth in DEPTHS[kind]]
    claim = learning_anchors.MINIMUM
    results = [learning_anchors.assess(claim, anchor, theta) for anchor, theta in known]
    return [*results, learning_anchors.assess(planted(claim), *known[-1], 0.99)]


def _own(size: str) -> list[Task]:
    def task(name: str, run: Callable[..., list[Result]], *values: Any) -> Task:
        return Task(f"learning: {name}", partial(run, *values))

    return [*(task(f"anchor, {kind}", _anchors, kind) for kind in DEPTHS)]


PARTS: tuple[Callable[[str], list[Task]], ...] = (_own,)
"""What makes the tasks of a size; each part of the suite that has a module of its own adds its function here."""

CLAIMS: tuple[Claim, ...] = (*learning_anchors.CLAIMS, planted(learning_anchors.MINIMUM))
"""The claims of all parts, with their planted errors and controls; a part adds its own here."""


def _tasks(size: str) -> list[Task]:
    return [task for part in PARTS for task in part(size)]


SUITE = Suite("learning", "training problems: least values, convergence with the depth, perturbed data", CLAIMS, _tasks)
