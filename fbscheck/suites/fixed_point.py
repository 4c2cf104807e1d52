"""Suite "fixed-point": minimisers and iterates on real, synthetic and extremal problems."""

from functools import partial

import numpy as np

from fbscheck.claims.fixed_points import fixed_point as chapter
from fbscheck.claims.fixed_points import iterates, minimisers
from fbscheck.claims.layers import controls
from fbscheck.errors import MissingToolError
from fbscheck.judge import undecided
from fbscheck.suites import data
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Claim, Result, planted

__all__ = ["SUITE"]

OF_POINT = (minimisers.VALUE, minimisers.DISTANCE, minimisers.AGREEMENT, minimisers.RESIDUAL)
MOVED = "a point off by 1%"
EXTREMAL: tuple[tuple[Claim, ...], ...] = (
    (iterates.APRIORI, iterates.APOSTERIORI),
    (iterates.RATE,),
    (iterates.SUMMABLE, iterates.STEPS),
    (minimisers.SENSITIVITY,),
)
"""The claims that each extremal problem of :func:`fbscheck.suites.data.extremal` attains."""

POINTS = "fixed-point: planted errors in points"
KINDS = ("LASSO", "elastic net", "NNLS", "box", "group LASSO", "logistic L1")
SIZES = {"small": (10,), "full": (10, 50, 200), "large": (10, 50, 200, 400)}
DEPTHS = {"small": (1, 10), "full": (1, 10, 100), "large": (1, 10, 100, 1000)}


def _real(name: str, rng: np.random.Generator) -> list[Result]:
    try:
        problem = data.real(name)
    except MissingToolError as missing:
        return [undecided(claim, name, str(missing)) for claim in chapter.CLAIMS]
    return chapter.assess(problem, chapter.CLAIMS, rng)


def _synthetic(kind: str, dimension: int, rng: np.random.Generator) -> list[Result]:
    return chapter.assess(data.synthetic(kind, dimension, rng), chapter.CLAIMS, rng)


def _extremal(scale: float, rng: np.random.Generator) -> list[Result]:
    """The bounds are attained; with ``scale`` below one they are planted errors."""
    results = []
    for problem, claims in zip(data.extremal(), EXTREMAL, strict=True):
        chosen = claims if scale == 1.0 else tuple(map(planted, claims))
        results += chapter.assess(problem, chosen, rng, scale)
    return results


def _plant_points(rng: np.random.Generator) -> list[Result]:
    return chapter.assess(
        data.synthetic("LASSO", 10, rng), tuple(planted(claim, MOVED) for claim in OF_POINT), rng, 0.99
    )


def _control(depths: tuple[int, ...], rng: np.random.Generator) -> list[Result]:
    return [controls.not_cocoercive(depth) for depth in depths]


def _tasks(size: str) -> list[Task]:
    names = data.REAL[::4] if size == "small" else data.REAL
    return [
        *(Task(f"fixed-point: {name}", partial(_real, name)) for name in names),
        *(Task(f"fixed-point: {kind}, d={d}", partial(_synthetic, kind, d)) for d in SIZES[size] for kind in KINDS),
        Task("fixed-point: extremal instances", partial(_extremal, 1.0)),
        Task("fixed-point: planted errors in bounds", partial(_extremal, 0.99)),
        Task(POINTS, _plant_points),
        Task("fixed-point: control, rotation", partial(_control, DEPTHS[size])),
    ]


SUITE = Suite(
    "fixed-point",
    "fixed points against independent minimisers, certified gaps, bounds on iterates",
    (
        *chapter.CLAIMS,
        *(planted(claim, MOVED) for claim in OF_POINT),
        *(planted(claim) for claims in EXTREMAL for claim in claims),
        controls.NOT_COCOERCIVE,
    ),
    _tasks,
)
