"""Suite "deep-limit": networks against limits with a closed form, extremal instances, planted errors, controls."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims.limits import deep_limit, deep_limit_constants, deep_limit_controls
from fbscheck.claims.limits.deep_limit_constants import Decay, Polygon, Power, Rotation, geometric
from fbscheck.claims.limits.limit_case import LimitCase
from fbscheck.functions import L1, Box, ElasticNet, Function, Huber, NonNegative, SquaredL2, Zero
from fbscheck.limit import ParameterPath, Piecewise
from fbscheck.suites import deep_study
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Claim, Curve, Plot, Result

__all__ = ["SUITE", "named"]

Generator = np.random.Generator
R = Fraction

KINDS = ("l1", "elastic net", "box", "ReLU", "Huber", "linear", "damped")
SIZES = {
    "small": ((4, 16),),
    "full": ((4, 16), (10, 64), (20, 128)),
    "large": ((4, 16), (10, 64), (20, 128), (50, 256)),
}
"""Dimension and depth of the cases that are drawn."""

SAMPLES, OBSERVATIONS = 2, 3
DEPTHS = {"small": (64,), "full": (64, 512), "large": (64, 512, 4096)}
JUMP = "limit: weight .3, then .9"


def function(kind: str, d: int, rng: Generator) -> Function:
    """The function behind one of ``KINDS`` on R^d."""
    made: dict[str, Function] = {
        "l1": L1(rng.uniform(0.2, 1.0, d)),
        "elastic net": ElasticNet(0.4, 0.5),
        "box": Box(-0.5, rng.uniform(0.0, 0.8, d)),
        "ReLU": NonNegative(),
        "Huber": Huber(0.25, 1.5),
        "linear": Zero(),
        "damped": SquaredL2(0.75),
    }
    return made[kind]


def cases(kind: str, d: int, depth: int, rng: Generator) -> dict[Claim, LimitCase]:
    """A path with jumps for the certified distance, and a steady gradient flow for what holds of those."""
    name = f"limit: {kind}, d={d}, N={depth}"
    r, whole = function(kind, d, rng), kind in ("linear", "damped")
    x0, b = rng.standard_normal((d, SAMPLES)), rng.standard_normal((OBSERVATIONS, SAMPLES))
    start = r.prox(x0, 1.0) if r.is_indicator else x0
    if whole:
        K = rng.standard_normal((2, d, d)) / np.sqrt(d)
        half = rng.standard_normal((d, d)) / np.sqrt(d)
        symmetric = np.triu(half.T @ half) + 0.125 * np.eye(d)
        symmetric = symmetric + np.triu(symmetric, 1).T
    else:
        K = np.stack([np.diag(rng.uniform(-1.0, 2.0, d)) for _ in range(2)])
        symmetric = np.diag(rng.uniform(0.0, 2.0, d))
    L, weights = rng.standard_normal((2, d, OBSERVATIONS)), rng.uniform(0.3, 1.2, 3)
    moving = ParameterPath(
        Piecewise.steps(K, [0, R(1, 3), 1]),
        Piecewise.steps(L, [0, R(5, 8), 1]),
        Piecewise.steps(weights, [0, R(1, 4), R(2, 3), 1]),
        r,
        R(1),
    )
    steady = LimitCase(name, ParameterPath(symmetric, L[0], float(weights[0]), r, R(1)), start, b, depth)
    found = {deep_limit.CERTIFIED: LimitCase(name, moving, start, b, depth)}
    found |= dict.fromkeys((deep_limit.ESTIMATOR, deep_limit.ENERGY), steady)
    if kind in ("l1", "box", "ReLU", "linear"):
        found[deep_limit.UNIFORM] = steady
    if r.is_indicator:
        found[deep_limit.INITIAL] = LimitCase(name, moving, x0, b, depth)
    return found


def line(
    name: str, r: Function, k: float, weight: float, x0: float, b: float, depth: int, horizon: int = 1
) -> LimitCase:
    """x' in -kx + b - weight dr(x) on the line."""
    one = np.ones((1, 1))
    return LimitCase(f"extremal: {name}", ParameterPath(k * one, one, weight, r, R(horizon)), x0 * one, b * one, depth)


def extremal() -> list[tuple[Claim, LimitCase]]:
    """Cases on the line that attain the bounds, or come near; their smaller versions are refuted there."""
    one_layer = line("x' = -x, one layer", Zero(), 1, 1, 1, 0, 1)
    return [
        (deep_limit.CERTIFIED, line("x' = -x, N=512", Zero(), 1, 1, 1, 0, 512)),
        (deep_limit.ESTIMATOR, one_layer),
        (deep_limit.UNIFORM, one_layer),
        (deep_limit.ENERGY, one_layer),
        (deep_limit.INITIAL, line("x' = 1 on x >= 0 from -1", NonNegative(), 0, 1, -1, 1, 16)),
    ]


def more_lines() -> list[tuple[Claim, LimitCase]]:
    """Cases worth a look: a kink that is passed, one where a state rests, a decay over a long time, K = 0."""
    passed = line("through a kink, K = 0", L1(1.0), 0, 1, 2, -3, 1)
    rest = line("to rest at a kink", L1(1.0), 0.5, 0.75, 1, 0.25, 32, 4)
    long = line("x' = -x, T=64", Zero(), 1, 1, 1, 0, 512, 64)
    gradient = (deep_limit.ESTIMATOR, deep_limit.UNIFORM, deep_limit.ENERGY)
    return [(claim, case) for case in (passed, rest, long) for claim in gradient]


def jump(depth: int) -> LimitCase:
    """A weight that jumps between nodes: its samples are off by .6 at all depths, the states by O(h)."""
    one = np.ones((1, 1))
    weights = Piecewise.steps(np.array([0.3, 0.9]), [0, R(1, 3), 1])
    path = ParameterPath(0.5 * one, one, weights, L1(1.0), R(1))
    return LimitCase(f"{JUMP}, N={depth}", path, 2.0 * one, 0.25 * one, depth)


def constants() -> list[tuple[Claim, Polygon | Decay | Rotation | Power]]:
    """Instances of the exact constants; the last of each claim attains its constant, or comes near."""
    polygon = Polygon("a polygon", (R(5), R(3), R(1), R(0)), (R(1), R(2), R(7)), R(1, 3), 12)
    decays = [
        Decay("k=1/2, rho=1/4", R(1, 2), R(1, 4), R(1), R(2), 4096),
        Decay("k=-1, rho=2", R(-1), R(2), R(-3), R(1), 4096),
    ]
    turn = Rotation("the worst frequency, N=1024", R(1623, 32), R(1, 1024), 1024)
    return [
        (deep_limit_constants.NODAL, polygon),
        *((deep_limit_constants.NODAL, geometric(n, f"geometric, n={n}")) for n in (1, 2, 5, 20)),
        *((deep_limit_constants.LEADING, decay) for decay in decays),
        (deep_limit_constants.RESOLVENT, turn),
        *(
            (deep_limit_constants.EXPONENT, Power(f"a={a}, h={h}", a, h))
            for a, h in ((R(1, 10), R(1, 64)), (R(1, 2), R(1, 4096)), (R(1, 2), R(1, 64)))
        ),
    ]


def named(name: str, seed: int) -> tuple[LimitCase, ...]:
    """The cases that the suite calls by a name, with this seed."""
    if name.startswith("extremal: "):
        return tuple(case for _, case in (*extremal(), *more_lines()) if case.name == name)
    if name.startswith(JUMP):
        return tuple(case for case in map(jump, JUMPS["large"]) if case.name == name)
    known = {task.name: task for length in SIZES for task in _tasks(length)}
    if not name.startswith("limit: ") or (task := known.get(f"deep-{name}")) is None:
        return ()
    kind, d, depth = name.removeprefix("limit: ").rsplit(", ", 2)
    return (*cases(kind, int(d[2:]), int(depth[2:]), task.generator(seed)).values(),)


def _drawn(kind: str, d: int, depth: int, rng: Generator) -> list[Result]:
    return [deep_limit.assess(claim, case) for claim, case in cases(kind, d, depth, rng).items()]


JUMPS = {"small": (16, 32), "full": (16, 32, 64, 128, 256), "large": tuple(2**k for k in range(4, 12))}


def _over_depth(depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """The largest distance at a node and its bound, over the depth: first order although the weight jumps."""
    known = [jump(depth) for depth in depths]
    results = [deep_limit.assess(deep_limit.CERTIFIED, case) for case in known]
    x = tuple(map(float, depths))
    sides = [deep_limit.nodal_sides(case) for case in known]
    curves = (
        Curve("certified bound", x, tuple(max(bound for _, bound in pairs) for pairs in sides)),
        Curve("distance", x, tuple(max(float(apart.mid()) for apart, _ in pairs) for pairs in sides), "points"),
    )
    title = "Largest distance at a node from a limit whose weight jumps"
    plot = Plot(deep_limit.CERTIFIED.id, "over-depth", title, "number of layers $N$", "distance", curves, log_y=True)
    return [*results[:-1], replace(results[-1], plots=(plot,))]


def _extremal(rng: Generator) -> list[Result]:
    found = [deep_limit.assess(claim, case) for claim, case in (*extremal(), *more_lines())]
    return found + [deep_limit_constants.assess(claim, instance) for claim, instance in constants()]


def _planted(rng: Generator) -> list[Result]:
    """Smaller constants, on the instances that attain more."""
    wrong = {claim.id: claim for claim in (*deep_limit.PLANTED, *deep_limit_constants.PLANTED)}
    known = {claim: instance for claim, instance in constants()}
    return [
        *(deep_limit.assess(wrong[f"planted.{claim.id}"], case) for claim, case in extremal()),
        *(deep_limit_constants.assess(wrong[f"planted.{claim.id}"], instance) for claim, instance in known.items()),
    ]


def _control(depths: tuple[int, ...], rng: Generator) -> list[Result]:
    return [deep_limit_controls.assess(claim, depth) for claim in deep_limit_controls.CONTROLS for depth in depths]


def _tasks(size: str) -> list[Task]:
    def task(name: str, run: Callable[..., list[Result]], *values: Any) -> Task:
        return Task(f"deep-limit: {name}", partial(run, *values))

    return [
        *(task(f"{kind}, d={d}, N={n}", _drawn, kind, d, n) for d, n in SIZES[size] for kind in KINDS),
        task("a jump of the weight, over the depth", _over_depth, JUMPS[size]),
        task("extremal instances", _extremal),
        task("planted errors", _planted),
        task("controls", _control, DEPTHS[size]),
        *deep_study.tasks(size),
    ]


CLAIMS = (*deep_limit.CLAIMS, *deep_limit_constants.CLAIMS)
SUITE = Suite(
    "deep-limit",
    "networks against their limits: certified distances, sharp constants, rates",
    (*CLAIMS, *deep_limit.PLANTED, *deep_limit_constants.PLANTED, *deep_limit_controls.CONTROLS, *deep_study.CLAIMS),
    _tasks,
)
