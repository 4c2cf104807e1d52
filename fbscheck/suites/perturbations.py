"""Part of suite "learning": perturbed data, what minimality says of parameters, and derivatives."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims import perturbation
from fbscheck.claims.training_case import TrainingCase
from fbscheck.functions import L1, Box, Function, Huber, SquaredL2, Zero
from fbscheck.learning import Free, Lp, Problem
from fbscheck.network.layers import Values
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Result

__all__ = ["CLAIMS", "tasks"]

Generator = np.random.Generator
GRID = 2.0**20
"""Data are multiples of 1/GRID, so that sums of them and of their changes are exact."""
SIZES = (2.0**-20, 2.0**-17, 2.0**-13, 2.0**-10, 2.0**-7, 2.0**-4)
"""Of changes: from 1e-6 to 6e-2 of data of size 1."""
DEPTHS = {"small": (4, 16, 64), "full": (4, 16, 64, 256), "large": (4, 16, 64, 256, 1024)}
DIMENSIONS = {"small": (3,), "full": (3, 6), "large": (3, 6, 12)}
KINDS = ("l1", "box", "Huber", "damped", "linear")
TURNED = (0.1, 0.01, 0.001)
"""Angles between a label and the point opposite to the start."""

SHARP = {"tolerance": 1e-10, "progress": 1e-14}


def function(kind: str) -> Function:
    """The function of one of ``KINDS``, least at 0."""
    made: dict[str, Function] = {
        "l1": L1(0.3),
        "box": Box(-0.75, 0.75),
        "Huber": Huber(0.25, 1.5),
        "damped": SquaredL2(0.5),
        "linear": Zero(),
    }
    return made[kind]


def rounded(values: Any) -> Values:
    """To the grid."""
    return np.asarray(np.round(np.asarray(values) * GRID) / GRID)


def anchor(kind: str, **data: Any) -> Problem:
    """A problem whose least value is known: a number that decays or is driven, a turn in the plane."""
    x0, b, target, a = {
        "decay": ([1.0], [0.0], [0.2], 0.01),
        "driven": ([0.5], [1.0], [2.0], 0.05),
        "turn": ([1.0, 0.0], [0.0], [-1.0, 0.0], 0.005),
    }[kind]
    family = Free(len(x0), 1, Zero(), weight=0.0)
    known: dict[str, Any] = {"x0": x0, "b": b, "target": target, **data}
    return Problem(**known, family=family, regulariser=Lp(a), horizon=1)


def change(problem: Problem, x0: Any = 0.0, b: Any = 0.0, target: Any = 0.0) -> tuple[Values, Values, Values]:
    """A change of the data; what is not told stays."""
    parts = ((problem.x0, x0), (problem.b, b), (problem.target, target))
    x, y, z = (np.array(np.broadcast_to(np.atleast_1d(np.asarray(by, float)).reshape(len(np.atleast_1d(by)), -1), part.shape)) for part, by in parts)
    return x, y, z
