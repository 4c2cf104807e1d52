"""Part of suite "learning": what perturbed data do to values, least values and minimisers."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims.learning import gradients, optimality, perturbation
from fbscheck.claims.learning.least_values import wells
from fbscheck.claims.learning.training_case import TrainingCase
from fbscheck.functions import L1, Box, Function, Huber, SquaredL2, Zero
from fbscheck.learning import Free, Lp, Problem
from fbscheck.network.layers import Values
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Curve, Plot, Result

__all__ = ["CLAIMS", "named", "tasks"]

Generator = np.random.Generator
GRID = 2.0**20
"""Data are multiples of 1/GRID, so that sums of them and of their changes are exact."""
SIZES = (2.0**-20, 2.0**-17, 2.0**-13, 2.0**-10, 2.0**-7, 2.0**-3)
"""Of changes: from 1e-6 to 1e-1 of data of size 1."""
DEPTHS = {"small": (4, 16, 64), "full": (4, 16, 64, 256), "large": (4, 16, 64, 256, 1024)}
"""Of networks whose parameters are given."""
DIMENSIONS = {"small": (3,), "full": (3, 6), "large": (3, 6, 12)}
KINDS = ("l1", "box", "Huber", "damped", "linear")
STRETCHED = {"small": (8,), "full": (8, 32), "large": (8, 32, 128)}
"""Layers of networks that are trained again for stretched labels."""
TURNED = (0.1, 0.01, 0.001)
"""Angles between a label and the point opposite to the start."""

QUICK: dict[str, Any] = {"tolerance": 1e-8, "progress": 1e-7, "most": 100}


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


def wrong(claim: Claim) -> Claim:
    """The same claim with its planted error."""
    known = (*perturbation.PLANTED, *optimality.PLANTED, *gradients.PLANTED)
    return next(found for found in known if found.id == f"planted.{claim.id}")


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
    known = {"x0": x0, "b": b, "target": target, **data}
    x, y, z = (np.asarray(known[name], dtype=np.float64) for name in ("x0", "b", "target"))
    return Problem(x, y, z, family, Lp(a), 1)


def change(problem: Problem, x0: Any = 0.0, b: Any = 0.0, target: Any = 0.0) -> tuple[Values, Values, Values]:
    """A change of the data: a number for all entries, a vector for all samples, or a matrix."""

    def like(part: Values, by: Any) -> Values:
        known = np.asarray(by, dtype=np.float64)
        return np.array(np.broadcast_to(known[:, None] if known.ndim == 1 else known, part.shape))

    return like(problem.x0, x0), like(problem.b, b), like(problem.target, target)


def drawn(kind: str, d: int, samples: int, a: float, rng: Generator) -> Problem:
    """Random data, of d - 1 observations."""
    x0, target = rng.standard_normal((2, d, samples)) / 2
    b = rng.standard_normal((d - 1, samples))
    family = Free(d, d - 1, function(kind), weight=1.0)
    return Problem(rounded(x0), rounded(b), rounded(target), family, Lp(a), 1)


def noise(problem: Problem, rng: Generator) -> tuple[Values, Values, Values]:
    """A random change of all data."""
    parts = (problem.x0, problem.b, problem.target)
    x0, b, target = (rounded(rng.standard_normal(part.shape)) for part in parts)
    return x0, b, target


def silent() -> TrainingCase:
    """A network without data: its output is 0, and labels along a ray attain what holds of all."""
    family = Free(2, 1, L1(0.25), weight=1.0)
    problem = Problem(np.zeros(2), np.zeros(1), np.array([3.0, 4.0]), family, Lp(0.5), 1)
    by = change(problem, target=[3.0, 4.0])
    return TrainingCase("no data", problem, (1, 64, 0), change=by, sizes=(2.0**-10, 0.5, 1.0))


def least_cases() -> list[tuple[Claim, TrainingCase]]:
    """Changes of problems whose least values are known."""
    decay, driven, turn = (anchor(kind) for kind in ("decay", "driven", "turn"))
    fine = anchor("decay", target=[0.25])
    depths = (20, 40, 160, 0)

    def case(name: str, problem: Problem, depths: tuple[int, ...], sizes: Any = SIZES, **by: Any) -> TrainingCase:
        return TrainingCase(name, problem, depths, change=change(problem, **by), sizes=sizes)

    both = (*SIZES, *(-size for size in SIZES))
    labels = {
        "decay": case("decay, label", fine, depths, target=1.0),
        "driven": case("driven, label", driven, (0,), target=1.0),
        "turn": case("turn, label across", turn, (64, 128, 0), target=[0.0, 1.0]),
    }
    found = [
        (perturbation.MINIMUM, case("decay, start and label", decay, depths, x0=-1.0, target=1.0)),
        (perturbation.MINIMUM, case("driven, all data", driven, (0,), x0=-1.0, b=1.0, target=1.0)),
        (perturbation.MINIMUM, case("turn, start and label", turn, (64, 128, 0), x0=[-0.5, 0.0], target=[0.5, 0.5])),
        (perturbation.NEAREST, case("decay, start", decay, depths, x0=1.0)),
    ]
    for known in labels.values():
        found.append((perturbation.ROOT, replace(known, sizes=(0.0, *SIZES))))
        found.append((perturbation.CONCAVE, known))
        found.append((perturbation.NEAREST, replace(known, sizes=both)))
        found.append((perturbation.DERIVATIVE, replace(known, sizes=both)))
    found.append((wrong(perturbation.NEAREST), labels["turn"]))
    found.append((wrong(perturbation.DERIVATIVE), labels["driven"]))
    return [*found, (perturbation.SMOOTH, replace(labels["turn"], sizes=both))]


def _known(rng: Generator) -> list[Result]:
    return [perturbation.assess(claim, case) for claim, case in least_cases()]


def extremal() -> list[tuple[Claim, TrainingCase, float]]:
    """What attains the bounds, and the same bounds with constants that are 1% too small."""
    case = silent()
    cases = {
        perturbation.MINIMUM: replace(case, sizes=(2.0**-10,)),
        perturbation.ROOT: replace(case, sizes=(0.0, *case.sizes)),
        perturbation.CONCAVE: case,
    }
    right = [(claim, known, 1.0) for claim, known in cases.items()]
    return right + [(wrong(claim), known, 0.99) for claim, known in cases.items()]


def _extremal(rng: Generator) -> list[Result]:
    return [perturbation.assess(*row) for row in extremal()]


def opposite() -> list[TrainingCase]:
    """Labels beside the point opposite to the start."""
    labels = {turned: [np.cos(np.pi - turned), np.sin(np.pi - turned)] for turned in TURNED}
    return [
        TrainingCase(f"turn, label {turned:g} off the opposite", anchor("turn", target=label), (64,))
        for turned, label in labels.items()
    ]


def _opposite(rng: Generator) -> list[Result]:
    """Values of the best turns in both senses."""
    results = [perturbation.assess(perturbation.INNER, case) for case in opposite()]
    angles = np.linspace(-0.2, 0.2, 41)
    values = []
    for angle in angles:
        problem = anchor("turn", target=[-np.cos(angle), np.sin(angle)])
        values.append([float(well.bottom()[0].mid()) for well in wells(problem, 64)])
    x, (left, right) = tuple(angles.tolist()), np.array(values).T
    curves = (Curve("turns to the left", x, tuple(left)), Curve("to the right", x, tuple(right), "points"))
    title = "Least costs of turning to either side, 64 layers"
    plot = Plot(perturbation.INNER.id, "senses", title, "angle between label and opposite point", "$J$", curves)
    return [replace(results[0], plots=(plot,)), *results[1:]]


def one_layer(d: int, rng: Generator) -> list[tuple[Claim, TrainingCase]]:
    """Ridge regression: samples are more than it can fit, so that labels matter."""
    x0, target = rng.standard_normal((2, d, 4 * d)) / 2
    family = Free(d, d, Zero(), weight=0.0)
    problem = Problem(rounded(x0), rounded(rng.standard_normal((d, 4 * d))), rounded(target), family, Lp(0.05), 1)
    by = noise(problem, rng)
    moved = TrainingCase(f"one layer, d={d}", problem, (1,), change=by, sizes=SIZES)
    labels = replace(moved, change=change(problem, target=by[2]))
    return [
        (perturbation.MINIMUM, moved),
        (perturbation.ROOT, replace(labels, sizes=(0.0, *SIZES))),
        (perturbation.CONCAVE, labels),
    ]


def _one_layer(d: int, rng: Generator) -> list[Result]:
    return [perturbation.assess(*row) for row in one_layer(d, rng)]


def given(kind: str, d: int, depths: tuple[int, ...], rng: Generator) -> list[tuple[Claim, TrainingCase]]:
    """All data of a network with given parameters move; far larger parameters are not covered."""
    problem = drawn(kind, d, 4, 0.5, rng)
    theta = 0.4 * rng.standard_normal((1, 4, problem.family.count)) / d
    case = TrainingCase(f"{kind}, d={d}", problem, depths, theta, noise(problem, rng), SIZES)
    if kind != "linear":
        return [(perturbation.PATH, case)]
    large = np.zeros((1, 1, problem.family.count))
    large[0, 0, : d * d] = -40.0 * np.eye(d).ravel()
    return [(perturbation.PATH, case), (wrong(perturbation.PATH), replace(case, parameters=large, depths=(64,)))]


def _given(kind: str, d: int, depths: tuple[int, ...], rng: Generator) -> list[Result]:
    return [perturbation.assess(*row) for row in given(kind, d, depths, rng)]


def _stretched(kind: str, depth: int, rng: Generator) -> list[Result]:
    """Networks trained for stretched labels; for each label the best of all of them."""
    problem = drawn(kind, 3, 4, 1.0, rng)
    case = TrainingCase(f"{kind}, trained, N={depth}", problem, change=change(problem, target=problem.target))
    sizes, found = (0.0, 2.0**-6, 0.25, 1.0, 3.0), [np.zeros((depth, problem.family.count))]
    for size in sizes:
        other = case.moved(size)
        best = min(found, key=other.value) + 0.1 * rng.standard_normal(found[0].shape)
        found.append(other.train(depth, start=best, coarsest=depth, **QUICK).parameters)
    chosen = [min(found, key=case.moved(size).value) for size in sizes]
    labels = replace(case, parameters=np.stack(chosen), sizes=sizes)
    return [
        perturbation.assess(perturbation.ROOT, labels),
        perturbation.assess(perturbation.MINIMUM, replace(labels, sizes=sizes[1:])),
    ]


def tasks(size: str) -> list[Task]:
    """The tasks of a size."""

    def task(name: str, run: Callable[..., list[Result]], *values: Any) -> Task:
        return Task(f"learning: {name}", partial(run, *values))

    return [
        task("moved data, known minima", _known),
        task("moved data, extremal", _extremal),
        task("labels opposite to the start", _opposite),
        *(task(f"moved data, one layer, d={d}", _one_layer, d) for d in DIMENSIONS[size]),
        *(
            task(f"moved data, {kind}, d={d}", _given, kind, d, DEPTHS[size])
            for d in DIMENSIONS[size]
            for kind in KINDS
        ),
        *(task(f"stretched labels, {kind}, N={n}", _stretched, kind, n) for n in STRETCHED[size] for kind in KINDS),
    ]


def named(name: str, seed: int) -> tuple[TrainingCase, ...]:
    """The cases that the suite calls ``name``; trained networks are free."""
    fixed = [*least_cases(), *(row[:2] for row in extremal())]
    found = [*(case for _, case in fixed), *opposite()]

    def generator(task: str) -> Generator:
        return Task(f"learning: moved data, {task}", lambda rng: []).generator(seed)

    for d in DIMENSIONS["large"]:
        if name == f"one layer, d={d}":
            found += [case for _, case in one_layer(d, generator(name))]
        for kind in KINDS:
            if name == f"{kind}, d={d}":
                found += [case for depths in DEPTHS.values() for _, case in given(kind, d, depths, generator(name))]
    return tuple(case for case in found if case.name == name)


CLAIMS: tuple[Claim, ...] = (*perturbation.CLAIMS, *perturbation.CONTROLS)
