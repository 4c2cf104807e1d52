"""Part of suite "learning": what minimality says of trained weights, and the derivatives of training."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims.learning import gradients, optimality
from fbscheck.claims.learning.training_case import TrainingCase
from fbscheck.functions import L1, Zero
from fbscheck.learning import Free, Lp, Problem
from fbscheck.learning.optimality import projected
from fbscheck.network.layers import Values
from fbscheck.suites.perturbations import KINDS, drawn, function, rounded, wrong
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Result

__all__ = ["CLAIMS", "tasks"]

Generator = np.random.Generator
SMOOTH = ("damped", "linear")
"""Those with a prox that is differentiable everywhere."""
LAYERS = 8
ROTORS = {"small": (16,), "full": (16, 64), "large": (16, 64, 256)}
DRAWS = 6
SHARP: dict[str, Any] = {"tolerance": 1e-10, "progress": 1e-14}
SHORT: dict[str, Any] = {"tolerance": 1e-8, "progress": 1e-9, "most": 60}


def rotor(depth: int, rng: Generator, b: float = 0.0) -> tuple[Problem, Values]:
    """Two orthogonal vectors in space that are turned in their plane, about: weights that are not normal."""
    q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    target = np.stack([q[:, 1], -q[:, 0]], axis=1) + 0.2 * rng.standard_normal((3, 2))
    family = Free(3, 1, Zero(), weight=0.0)
    problem = Problem(rounded(q[:, :2]), np.full((1, 2), b), rounded(target), family, Lp(0.02), 1)
    turn = 1.5 * (np.outer(q[:, 1], q[:, 0]) - np.outer(q[:, 0], q[:, 1])) + 0.1 * rng.standard_normal((3, 3))
    start = family.parameters(np.repeat(-turn[None], 8, axis=0), np.zeros((8, 3, 1)))
    return problem, problem.train(depth, start=start, **SHARP).parameters


def _stationary(kind: str, rng: Generator) -> tuple[Problem, Values, Values]:
    """A problem, a start, and where training ends; another one is drawn if that is at kinks."""
    for _ in range(DRAWS):
        problem = drawn(kind, 4, 2, 0.05 if kind in SMOOTH else 2.0, rng)
        start = 0.3 * rng.standard_normal((LAYERS, problem.family.count))
        found = problem.train(LAYERS, start=start, coarsest=LAYERS, **(SHARP if kind in SMOOTH else SHORT))
        if found.ending == "stationary":
            break
    return problem, start, found.parameters


def _minimal(kind: str, rng: Generator) -> list[Result]:
    """Trained weights of two samples, and untrained ones, against what minimality says."""
    problem, start, found = _stationary(kind, rng)

    def case(*parts: Values) -> TrainingCase:
        return TrainingCase(f"{kind}, {LAYERS} layers", problem, parameters=np.stack(parts))

    blind = projected(replace(problem, b=np.zeros_like(problem.b)), start)
    pairs = [
        (optimality.PROJECTION, case(start, projected(problem, start))),
        (wrong(optimality.PROJECTION), case(start, blind)),
        (optimality.ROWS, case(found, projected(problem, found))),
        (wrong(optimality.ROWS), case(start, projected(problem, start))),
    ]
    if kind in SMOOTH:
        pairs += [(optimality.WEIGHTS, case(found)), (wrong(optimality.WEIGHTS), case(found))]
    return [optimality.assess(claim, known) for claim, known in pairs]


def _rotors(depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """Trained weights without prox and data, and where data drive the states, or nothing was trained."""
    results = []
    for depth in depths:
        problem, theta = rotor(depth, rng)
        case = TrainingCase(f"rotor, N={depth}", problem, parameters=theta[None])
        results += [optimality.assess(claim, case) for claim in (optimality.FLOW, optimality.INVARIANTS)]
    problem, theta = rotor(depths[0], rng, 1.0)
    driven = TrainingCase("rotor with data", problem, parameters=theta[None])
    idle = replace(problem, b=np.zeros_like(problem.b))
    still = TrainingCase("rotor, not trained", idle, parameters=0.1 * rng.standard_normal((1, *theta.shape)))
    results.append(optimality.assess(wrong(optimality.FLOW), driven))
    return [*results, optimality.assess(wrong(optimality.INVARIANTS), still)]


def _gradients(rng: Generator) -> list[Result]:
    """Of training against tangents, against the limit's gradient, and at a kink."""
    results, depths = [], (16, 64, 256)
    for kind in KINDS:
        problem = drawn(kind, 4, 3, 0.01, rng)
        theta = 0.3 * rng.standard_normal((LAYERS, problem.family.count))
        sets = np.stack([theta, problem.value_and_gradient(theta)[1]])
        case = TrainingCase(f"{kind}, {LAYERS} layers", problem, parameters=sets)
        results += [gradients.assess(claim, case) for claim in (gradients.ADJOINT, wrong(gradients.ADJOINT))]
    claims = (gradients.CONSISTENCY, wrong(gradients.CONSISTENCY))
    for kind in ("linear", "damped"):
        family = Free(1, 1, function(kind), weight=1.0)
        problem = Problem(np.ones(1), np.zeros(1), rounded(rng.uniform(0.1, 0.5, 1)), family, Lp(0.01), 1)
        rows = np.stack([rng.uniform(-1.0, 2.0, 4), np.zeros(4)], axis=1)
        case = TrainingCase(f"{kind}, on the line", problem, depths, rows[None])
        results += [gradients.assess(claim, case) for claim in claims]
    kink = Problem(np.ones(1), np.ones(1), -np.ones(1), Free(1, 1, L1(1.0), weight=1.0), Lp(0.01), 1)
    sizes = (2.0**-4, -(2.0**-4), 2.0**-10, -(2.0**-10))
    case = TrainingCase("to rest at time 1", kink, (4, 64), np.zeros((1, 1, 2)), sizes=sizes)
    return [*results, gradients.assess(gradients.KINK, case)]


def tasks(size: str) -> list[Task]:
    """The tasks of a size."""

    def task(name: str, run: Callable[..., list[Result]], *values: Any) -> Task:
        return Task(f"learning: {name}", partial(run, *values))

    return [
        *(task(f"minimality, {kind}", _minimal, kind) for kind in KINDS),
        task("minimality without prox and data", _rotors, ROTORS[size]),
        task("gradients", _gradients),
    ]


CLAIMS: tuple[Claim, ...] = (*optimality.CLAIMS, *gradients.CLAIMS, *optimality.CONTROLS, *gradients.CONTROLS)
