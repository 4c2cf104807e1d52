"""Suite "learning": training problems, their minima and limits, what perturbed data do to them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims.learning import gamma_parts, gamma_rate, learning_anchors, learning_controls, tied
from fbscheck.claims.learning.anchor_paths import at_nodes
from fbscheck.claims.learning.anchors import KINDS, Anchor
from fbscheck.claims.learning.learning_anchors import DISTANCE, LEADING, MINIMISER, MINIMUM, SHIFT, STRONG
from fbscheck.learning import Lp, Problem
from fbscheck.network.layers import Values
from fbscheck.suites import gamma, learning_study, minima, minimality, perturbations
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Claim, Curve, Plot, Result, planted

__all__ = ["SUITE"]

Generator = np.random.Generator
DEPTHS = {"decay": (10, 20, 40, 80, 160), "turn": (16, 32, 64, 128), "driven": (8, 16, 32, 64, 128)}
MORE = {"small": 0, "full": 2, "large": 3}
"""How often the deepest of these is doubled."""

CONTROLS = {"small": (64,), "full": (64, 512), "large": (64, 512, 4096)}
TIED = {"small": (32, 64), "full": (32, 64, 128, 256, 512), "large": (32, 64, 128, 256, 512)}
WITHOUT_STEP = "a penalty that is summed over layers, not integrated"


def depths_of(kind: str, size: str) -> tuple[int, ...]:
    """The depths at which an anchor is trained."""
    known = DEPTHS[kind]
    return (*known, *(known[-1] * 2**k for k in range(1, MORE[size] + 1)))


def trained(problem: Problem, kind: str, depth: int) -> Values:
    """Parameters of a network; of two starts the better one, where more than one descent is needed."""
    starts = 2 if kind == "turn" else 1
    settings = {"coarsest": 5, "starts": starts, "seed": 1, "tolerance": 1e-9, "progress": 1e-14}
    return problem.train(depth, **settings).parameters


def _anchors(kind: str, depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """Trained networks of one anchor at all depths, and what the planted errors make of the last one."""
    anchors = [Anchor(kind, depth) for depth in depths]
    found = [trained(anchor.problem, kind, anchor.depth or 0) for anchor in anchors]
    pairs = list(zip(anchors, found, strict=True))
    results = [learning_anchors.assess(claim, *pair) for claim in learning_anchors.TRAINED for pair in pairs]
    results += [gamma_parts.assess(gamma_parts.COERCIVE, gamma_rate.layers_of(*pair)) for pair in pairs]
    rates = [gamma_rate.assess(gamma_rate.RATE, *pair) for pair in pairs]
    results += [*rates[:-1], replace(rates[-1], plots=(_rates(kind, depths, rates),))]
    results += [gamma_rate.assess(gamma_rate.HALVED, anchor) for anchor in anchors]
    plots = [_values(pairs), *([_paths(pairs)] if kind == "driven" else [])]
    results = [replace(results[0], plots=tuple(plots)), *results[1:]]
    last = anchors[-1]
    results.append(learning_anchors.assess(planted(MINIMUM), last, found[-1], 0.99))
    wrong = replace(last.problem, regulariser=Lp(KINDS[kind][3] * len(found[-1])))
    theta = trained(wrong, kind, len(found[-1]))
    return results + [learning_anchors.assess(planted(claim, WITHOUT_STEP), last, theta) for claim in SEEN]


SEEN = (MINIMISER, DISTANCE, STRONG)
"""Claims that a wrong penalty does not survive."""


def _values(pairs: list[tuple[Anchor, Values]]) -> Plot:
    """J_N of trained networks over the depth, and the limit's minimum."""
    kind = pairs[0][0].kind
    limit = Anchor(kind, None).least()
    assert limit is not None
    x = tuple(float(np.log2(len(theta))) for _, theta in pairs)
    curves = (
        Curve(r"$\min J$", x, (float(limit.value.mid()),) * len(x)),
        Curve("trained networks", x, tuple(float(anchor.value(theta).mid()) for anchor, theta in pairs), "points"),
    )
    title = f"Least values over the depth: {kind}"
    return Plot(MINIMUM.id, f"values-{kind}", title, r"$\log_2$ of the number of layers", "$J_N$", curves)


def _rates(kind: str, depths: tuple[int, ...], results: list[Result]) -> Plot:
    """The distances of minima, and what bounds them."""
    x = tuple(float(np.log2(depth)) for depth in depths)
    curves = (
        Curve("proved", x, tuple(result.bracket.theory or np.nan for result in results)),
        Curve("distance", x, tuple(result.bracket.upper or np.nan for result in results), "points"),
    )
    title, name = f"Distance of minima: {kind}", r"$\log_2$ of the number of layers"
    return Plot(gamma_rate.RATE.id, f"rate-{kind}", title, name, r"$|\min J_N-\min J|$", curves, log_y=True)


def _paths(pairs: list[tuple[Anchor, Values]]) -> Plot:
    """K and L of trained networks over time, against the limit's minimiser."""
    shown = [pairs[0], pairs[2], pairs[-1]]
    curves = []
    for entry, name in enumerate("KL"):
        for anchor, theta in shown:
            times = np.repeat(np.arange(len(theta) + 1) / len(theta), 2)[1:-1]
            steps = np.repeat(theta[:, entry], 2)
            curves.append(Curve(f"${name}$, $N={anchor.depth}$", tuple(times.tolist()), tuple(steps.tolist())))
        (nodes,), _ = at_nodes(pairs[0][0], 32)
        limit = tuple(float(ball.mid()) for ball in nodes[:, entry])
        curves.append(Curve(f"${name}$, limit", tuple(n / 32 for n in range(32)), limit, "points"))
    return Plot(DISTANCE.id, "paths", "Trained paths tend to that of the limit", "$t$", "parameter", tuple(curves))


def _constants(rng: Generator) -> list[Result]:
    known = [(LEADING, Anchor("decay", 2**20)), (SHIFT, Anchor("decay", 2**20)), (LEADING, Anchor("driven", 512))]
    return [
        *(learning_anchors.assess(claim, anchor) for claim, anchor in known),
        *(learning_anchors.assess(planted(claim), anchor, scale=0.99) for claim, anchor in known),
        gamma_rate.assess(planted(gamma_rate.HALVED), Anchor("decay", 1024), scale=0.99),
    ]


def _control(depths: tuple[int, ...], weights: tuple[int, ...], rng: Generator) -> list[Result]:
    results = [learning_controls.assess(claim, depth) for claim in learning_controls.CONTROLS for depth in depths]
    found = [tied.alternating(depth) for depth in weights]
    shown = found[0]
    times = np.repeat(np.arange(len(shown) + 1) / len(shown), 2)[1:-1]
    curves = (
        Curve("$A$", tuple(times.tolist()), tuple(np.repeat(shown, 2).tolist())),
        Curve("its primitive", tuple(times[1::2].tolist()), tuple((np.cumsum(shown) / len(shown)).tolist()), "points"),
    )
    plot = Plot(tied.TIED.id, "tied", f"Tied weights of {len(shown)} layers", "$t$", "weight", curves)
    oscillating = [tied.assess(tied.TIED, A) for A in found]
    return [*results, replace(oscillating[0], plots=(plot,)), *oscillating[1:]]


def _own(size: str) -> list[Task]:
    def task(name: str, run: Callable[..., list[Result]], *values: Any) -> Task:
        return Task(f"learning: {name}", partial(run, *values))

    return [
        *(task(f"anchor, {kind}", _anchors, kind, depths_of(kind, size)) for kind in DEPTHS),
        task("constants of first order", _constants),
        task("controls", _control, CONTROLS[size], TIED[size]),
    ]


PARTS: tuple[Callable[[str], list[Task]], ...] = (
    _own,
    gamma.tasks,
    minima.tasks,
    perturbations.tasks,
    minimality.tasks,
    learning_study.tasks,
)
"""What makes the tasks of a size; each part of the suite that has a module of its own adds its function here."""

CLAIMS: tuple[Claim, ...] = (
    *learning_anchors.CLAIMS,
    *map(planted, (MINIMUM, LEADING, SHIFT)),
    *(planted(claim, WITHOUT_STEP) for claim in SEEN),
    *gamma.CLAIMS,
    *gamma_rate.CLAIMS,
    planted(gamma_rate.HALVED),
    *perturbations.CLAIMS,
    *minimality.CLAIMS,
    *minima.CLAIMS,
    *learning_study.CLAIMS,
    *learning_controls.CONTROLS,
    *tied.CONTROLS,
)
"""The claims of all parts, with their planted errors and controls; a part adds its own here."""


def _tasks(size: str) -> list[Task]:
    return [task for part in PARTS for task in part(size)]


SUITE = Suite("learning", "training problems: least values, convergence with the depth, perturbed data", CLAIMS, _tasks)
