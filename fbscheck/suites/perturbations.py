"""Part of suite "learning": perturbed data, what minimality says of parameters, and derivatives."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims import gradients, optimality, perturbation
from fbscheck.claims.least_values import wells
from fbscheck.claims.training_case import TrainingCase
from fbscheck.functions import L1, Box, Function, Huber, SquaredL2, Zero
from fbscheck.learning import Free, Lp, Problem
from fbscheck.learning.optimality import projected
from fbscheck.network.layers import Values
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Curve, Plot, Result

__all__ = ["CLAIMS", "tasks"]

Generator = np.random.Generator
GRID = 2.0**20
"""Data are multiples of 1/GRID, so that sums of them and of their changes are exact."""
SIZES = (2.0**-20, 2.0**-17, 2.0**-13, 2.0**-10, 2.0**-7, 2.0**-3)
"""Of changes: from 1e-6 to 1e-1 of data of size 1."""
DEPTHS = {"small": (4, 16, 64), "full": (4, 16, 64, 256), "large": (4, 16, 64, 256, 1024)}
"""Of networks whose parameters are given."""
DIMENSIONS = {"small": (3,), "full": (3, 6), "large": (3, 6, 12)}
KINDS = ("l1", "box", "Huber", "damped", "linear")
SMOOTH = ("damped", "linear")
"""Those with a prox that is differentiable everywhere."""
STRETCHED = {"small": (8,), "full": (8, 32), "large": (8, 32, 128)}
"""Layers of networks that are trained again for stretched labels."""
MINIMAL = 8
"""Layers of networks whose weights are compared with what minimality says."""
ROTORS = {"small": (16,), "full": (16, 64), "large": (16, 64, 256)}
DRAWS = 6
TURNED = (0.1, 0.01, 0.001)
"""Angles between a label and the point opposite to the start."""

SHARP: dict[str, Any] = {"tolerance": 1e-10, "progress": 1e-14}
SHORT: dict[str, Any] = {"tolerance": 1e-8, "progress": 1e-9, "most": 60}
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


def rotor(depth: int, rng: Generator, b: float = 0.0) -> tuple[Problem, Values]:
    """Two orthogonal vectors in space that are turned in their plane, about: weights that are not normal."""
    q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    target = np.stack([q[:, 1], -q[:, 0]], axis=1) + 0.2 * rng.standard_normal((3, 2))
    family = Free(3, 1, Zero(), weight=0.0)
    problem = Problem(rounded(q[:, :2]), np.full((1, 2), b), rounded(target), family, Lp(0.02), 1)
    turn = 1.5 * (np.outer(q[:, 1], q[:, 0]) - np.outer(q[:, 0], q[:, 1])) + 0.1 * rng.standard_normal((3, 3))
    start = family.parameters(np.repeat(-turn[None], 8, axis=0), np.zeros((8, 3, 1)))
    return problem, problem.train(depth, start=start, **SHARP).parameters


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


def _extremal(rng: Generator) -> list[Result]:
    """What attains the bounds, and the same bounds with constants that are 1% too small."""
    case = silent()
    near = replace(case, sizes=(2.0**-10,))
    pairs = [(perturbation.MINIMUM, near), (perturbation.ROOT, replace(case, sizes=(0.0, *case.sizes)))]
    pairs.append((perturbation.CONCAVE, case))
    results = [perturbation.assess(claim, known) for claim, known in pairs]
    return results + [perturbation.assess(wrong(claim), known, 0.99) for claim, known in pairs]


def _opposite(rng: Generator) -> list[Result]:
    """Labels beside the point opposite to the start: values of the best turns in both senses."""
    results = []
    for turned in TURNED:
        label = [np.cos(np.pi - turned), np.sin(np.pi - turned)]
        case = TrainingCase(f"turn, label {turned:g} off the opposite", anchor("turn", target=label), (64,))
        results.append(perturbation.assess(perturbation.INNER, case))
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


def _one_layer(d: int, rng: Generator) -> list[Result]:
    """Ridge regression: samples are more than it can fit, so that labels matter."""
    x0, target = rng.standard_normal((2, d, 4 * d)) / 2
    family = Free(d, d, Zero(), weight=0.0)
    problem = Problem(rounded(x0), rounded(rng.standard_normal((d, 4 * d))), rounded(target), family, Lp(0.05), 1)
    name, by = f"one layer, d={d}", noise(problem, rng)
    only = (0 * by[0], 0 * by[1], by[2])
    return [
        perturbation.assess(perturbation.MINIMUM, TrainingCase(name, problem, (1,), change=by, sizes=SIZES)),
        perturbation.assess(perturbation.ROOT, TrainingCase(name, problem, (1,), change=only, sizes=(0.0, *SIZES))),
        perturbation.assess(perturbation.CONCAVE, TrainingCase(name, problem, (1,), change=only, sizes=SIZES)),
    ]


def _given(kind: str, d: int, depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """All data of a network with given parameters move; far larger parameters are not covered."""
    problem = drawn(kind, d, 4, 0.5, rng)
    theta = 0.4 * rng.standard_normal((1, 4, problem.family.count)) / d
    case = TrainingCase(f"{kind}, d={d}", problem, depths, theta, noise(problem, rng), SIZES)
    results = [perturbation.assess(perturbation.PATH, case)]
    if kind == "linear":
        K = np.broadcast_to(-40.0 * np.eye(d), (1, d, d))
        large = problem.family.parameters(K, np.zeros((1, *problem.family.shape)))  # type: ignore[attr-defined]
        far = replace(case, parameters=large[None], depths=(64,))
        results.append(perturbation.assess(wrong(perturbation.PATH), far))
    return results


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


def _stationary(kind: str, rng: Generator) -> tuple[Problem, Values, Values]:
    """A problem, a start, and where training ends; another one is drawn if that is at kinks."""
    for _ in range(DRAWS):
        problem = drawn(kind, 4, 2, 0.05 if kind in SMOOTH else 2.0, rng)
        start = 0.3 * rng.standard_normal((MINIMAL, problem.family.count))
        found = problem.train(MINIMAL, start=start, coarsest=MINIMAL, **(SHARP if kind in SMOOTH else SHORT))
        if found.ending == "stationary":
            break
    return problem, start, found.parameters


def _minimal(kind: str, rng: Generator) -> list[Result]:
    """Trained weights of two samples, and untrained ones, against what minimality says."""
    problem, start, found = _stationary(kind, rng)

    def case(*parts: Values) -> TrainingCase:
        return TrainingCase(f"{kind}, {MINIMAL} layers", problem, parameters=np.stack(parts))

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
        theta = 0.3 * rng.standard_normal((MINIMAL, problem.family.count))
        sets = np.stack([theta, problem.value_and_gradient(theta)[1]])
        case = TrainingCase(f"{kind}, {MINIMAL} layers", problem, parameters=sets)
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
        *(task(f"minimality, {kind}", _minimal, kind) for kind in KINDS),
        task("minimality without prox and data", _rotors, ROTORS[size]),
        task("gradients", _gradients),
    ]


CHAPTERS = (perturbation, optimality, gradients)
CLAIMS: tuple[Claim, ...] = tuple(
    claim for kind in ("CLAIMS", "CONTROLS") for chapter in CHAPTERS for claim in getattr(chapter, kind)
)
