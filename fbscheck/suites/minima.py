"""Part of suite "learning": least values with certified lower bounds, and training that misses them."""

from functools import partial

import numpy as np

from fbscheck.claims.learning import global_minima
from fbscheck.claims.learning.global_minima import (
    ALL_PATHS,
    CONSTANT,
    CONSTANT_LIMIT,
    EQUAL_LAYERS,
    STATIONARY,
    Training,
)
from fbscheck.functions import L1, Zero
from fbscheck.learning import H1, Alista, Free, Lp, Problem
from fbscheck.network.coherence import frobenius_weights
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Result, planted

__all__ = ["CLAIMS", "tasks"]

Generator = np.random.Generator

SIZES = {
    "small": ((3, 2, 4, 8),),
    "full": ((3, 2, 4, 8), (4, 3, 6, 16), (5, 4, 8, 16)),
    "large": ((3, 2, 4, 8), (4, 3, 6, 16), (5, 4, 8, 16)),
}
"""d, m, S and N of ALISTA with constant parameters."""

LIMIT = (2, 2, 3)
"""d, m and S of the one whose limit is taken."""
KINDS = ("half line", "space", "data")
DEPTHS = {"small": (16,), "full": (16, 64), "large": (16, 64, 256)}
"""Of networks that are trained for one sample."""


def alista(d: int, m: int, samples: int, rng: Generator) -> Problem:
    """Sparse vectors to be recovered from few observations, not all of them 0."""
    A = rng.standard_normal((m, d))
    A /= np.linalg.norm(A, axis=0)
    x = np.where(rng.random((d, samples)) < 0.4, rng.standard_normal((d, samples)), 0.0)
    if not x.any():
        x[0, 0] = 1.0
    return Problem(np.zeros(d), A @ x, x, Alista(A, frobenius_weights(A), L1(1.0)), H1(0.02, 0.02), 2.0)


def one_sample(kind: str, rng: Generator) -> Problem:
    """A sample in space without data, turned by a right angle at most; one on a half line; one on the line with data.

    Across 0, and with few layers, training need not find the best parameters.
    """
    d = 3 if kind == "space" else 1
    x0, target = rng.uniform(0.5, 1.5, (2, 1)) if d == 1 else rng.standard_normal((2, d))
    if x0 @ target < 0:
        target = -target
    b = rng.uniform(0.5, 1.0, 2) if kind == "data" else np.zeros(2)
    return Problem(x0, b, target, Free(d, 2, Zero(), weight=0.0), Lp(0.0625), 1.0)


def _constant(d: int, m: int, samples: int, depth: int, rng: Generator) -> list[Result]:
    found = alista(d, m, samples, rng).constant_minimum(depth, gap=0.0098)
    name = _alista(d, m, samples)
    return [global_minima.covered(CONSTANT, name, found), global_minima.covered(planted(CONSTANT), name, found, 0.99)]


def _constant_limit(rng: Generator) -> list[Result]:
    found = alista(*LIMIT, rng).constant_minimum(gap=0.09)
    return [global_minima.covered(CONSTANT_LIMIT, _alista(*LIMIT), found)]


def _trained(kind: str, depths: tuple[int, ...], rng: Generator) -> list[Result]:
    training = Training(f"one sample, {kind}", one_sample(kind, rng))
    settings = {"coarsest": 4, "starts": 3, "seed": 1, "tolerance": 1e-10, "progress": 1e-15}
    found = [training.problem.train(depth, **settings).parameters for depth in depths]
    return [
        *(global_minima.assess(ALL_PATHS, training, theta) for theta in found),
        global_minima.assess(planted(ALL_PATHS), training, found[-1], 0.99),
    ]


def controls() -> dict[str, Training]:
    """Problems in which training stops too early, by name: shrinking is stationary, turning and crossing 0 better."""
    one, none = np.array([1.0, 0.0]), np.zeros(1)
    line, plane = (Free(d, 1, Zero(), weight=0.0) for d in (1, 2))
    found = (
        Training("shrunk, not turned", Problem(one, none, -one, plane, Lp(0.005), 1.0)),
        Training("shrunk, not taken across 0", Problem(one[:1], none, -one[:1], line, Lp(0.01), 1.0)),
        Training("two equal layers", Problem(one[:1], none, np.array([0.2]), line, Lp(0.01), 1.0)),
    )
    return {training.name: training for training in found}


def _controls(rng: Generator) -> list[Result]:
    results = []
    for training in controls().values():
        claim, depth = (EQUAL_LAYERS, 2) if training.name == "two equal layers" else (STATIONARY, 8)
        stopped = training.problem.train(depth, coarsest=depth, tolerance=1e-9, progress=1e-14)
        results.append(global_minima.assess(claim, training, stopped.parameters))
    return results


def named(name: str, seed: int) -> list[Training]:
    """The training problems of this part that have a name, as a run with ``seed`` draws them."""
    known = {task.name: task.generator(seed) for size in SIZES for task in tasks(size)}
    drawn = [Training(_alista(*case[:3]), alista(*case[:3], known[_name(case)])) for case in SIZES["large"]]
    drawn.append(Training(_alista(*LIMIT), alista(*LIMIT, known["learning: constant paths, limit"])))
    drawn += [
        Training(f"one sample, {kind}", one_sample(kind, known[f"learning: one sample, {kind}"])) for kind in KINDS
    ]
    return [training for training in (*drawn, *controls().values()) if training.name == name]


def _alista(d: int, m: int, samples: int) -> str:
    return f"ALISTA, d={d}, m={m}, S={samples}"


def _name(case: tuple[int, int, int, int]) -> str:
    return f"learning: constant paths, d={case[0]}, N={case[3]}"


def tasks(size: str) -> list[Task]:
    """Those of a size."""
    return [
        *(Task(_name(case), partial(_constant, *case)) for case in SIZES[size]),
        Task("learning: constant paths, limit", _constant_limit),
        *(Task(f"learning: one sample, {kind}", partial(_trained, kind, DEPTHS[size])) for kind in KINDS),
        Task("learning: stationary, not least", _controls),
    ]


CLAIMS: tuple[Claim, ...] = (*global_minima.CLAIMS, planted(CONSTANT), planted(ALL_PATHS), *global_minima.CONTROLS)
"""With planted errors and controls."""
