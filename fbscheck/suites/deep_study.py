"""How fast networks tend to their deep-layer limit: rates, orders, weak parameters, real data, a trained network.

A part of suite "deep-limit".
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims.limits import deep_near, deep_orders, deep_rates, weak_controls, weak_limit
from fbscheck.claims.limits.deep_orders import Family
from fbscheck.claims.limits.paths import PathCase
from fbscheck.claims.limits.weak_limit import Oscillation
from fbscheck.errors import MissingToolError
from fbscheck.functions import L1, Box, ElasticNet, Function, Zero
from fbscheck.judge import undecided
from fbscheck.limit import ParameterPath, Piecewise, depth_for, error_curve
from fbscheck.network.layers import Values
from fbscheck.network.stability import flow_constants, gap_factors
from fbscheck.operators import LeastSquares
from fbscheck.suites import data
from fbscheck.suites.task import Task
from fbscheck.suites.trained import signals, trained_lista
from fbscheck.verdict import Claim, Curve, Plot, Result, planted

__all__ = ["CLAIMS", "named", "tasks"]

Generator = np.random.Generator
PROBLEMS = ("L1 flow, lines", "L1 flow, jumps", "skew part, mu < 0", "box", "elastic net")
DEPTHS = {"small": (8, 512), "full": (16, 1024), "large": (16, 4096)}
"""First and last of the depths of the study, by factors of 2."""

REFERENCES = {"small": 2**15, "full": 2**16, "large": 2**18}
"""Depth of the network between theirs and the limit."""

HARD = ("skew part, mu < 0", "box")
"""Problems whose order needs a reference of twice that depth."""

FREQUENCIES = {"small": (2, 8), "full": (2, 8, 32, 128), "large": (2, 8, 32, 128, 512)}
FAMILY = {"small": 6, "full": 7, "large": 9}
"""Depths of the families with closed forms."""

EVEN = (4, 16, 64)
"""Depths at which constants known beforehand are compared to errors."""


def problem(name: str) -> tuple[ParameterPath, Values, Values]:
    """One of ``PROBLEMS`` (a path, x_0, b); the same in every run, so that their orders can be compared."""
    rng = np.random.default_rng(1)
    A = rng.standard_normal((3, 5)) / 2
    x0, b = rng.standard_normal(5), rng.standard_normal(3)
    K, absolute = A.T @ A, L1(1.0)
    if name == "L1 flow, lines":
        K = np.stack([K, K + 0.3 * rng.standard_normal((5, 5))])
        return ParameterPath(Piecewise.lines(K), A.T, Piecewise.lines([0.1, 0.3]), absolute, 1), x0, b
    if name == "L1 flow, jumps":
        jumps = Piecewise.steps([0.3, 0.9], [0, Fraction(1, 3), 1])
        return ParameterPath(K, A.T, jumps, absolute, 1), x0, b
    if name == "skew part, mu < 0":
        turn = np.kron(np.eye(2), [[0.0, -2.0], [2.0, 0.0]]) - 0.2 * np.eye(4)
        return ParameterPath(turn, np.eye(4), 0.3, absolute, 1), x0[:4], np.array([1.0, -0.5, 0.2, 0.3])
    if name == "box":
        return ParameterPath(K, A.T, 1.0, Box(-0.3, 0.4), 1), np.clip(x0, -0.3, 0.4), b
    return ParameterPath(K, A.T, 1.0, ElasticNet(0.2, 0.3), 1), x0, b


def study(name: str, size: str) -> PathCase:
    """A problem at the depths of the study."""
    first, last = DEPTHS[size]
    depths = tuple(first * 2**k for k in range((last // first).bit_length()))
    return PathCase(f"{name}, N={first} to {last}", *problem(name), depths, REFERENCES[size] * (1 + (name in HARD)))


def known_before(name: str) -> list[PathCase]:
    """The same at single depths, for the constants that are known beforehand."""
    return [PathCase(f"{name}, N={depth}", *problem(name), (depth,), 64 * depth) for depth in EVEN]


def extremal() -> list[tuple[Claim, PathCase]]:
    """A jump right after a node attains the bound for varying paths; a rotation exceeds that of an implicit step."""
    zero, none = np.zeros((1, 1)), Zero()
    late = Piecewise.steps(np.array([[[0.0]], [[1.0]]]), [0, Fraction(1, 2**12), 1])
    jump = ParameterPath(zero, late, 0.0, none, 1)
    turn = ParameterPath(np.array([[0.0, -1.0], [1.0, 0.0]]), np.zeros((2, 1)), 0.0, none, 2)
    moving = PathCase("extremal: a jump after a node", jump, np.zeros(1), np.ones(1), (4,), 2**12)
    turning = PathCase("extremal: rotation", turn, np.array([1.0, 0.0]), np.zeros(1), (8,), 2**12)
    return [
        (deep_rates.VARYING, moving),
        (planted(deep_rates.VARYING), moving),
        (deep_rates.NO_VARIATION, moving),
        (deep_rates.CONSTANT, turning),
        (deep_rates.NO_FORWARD, turning),
    ]


def oscillation(frequency: int) -> Oscillation:
    """K and a weight that jump between two values each."""
    rng = np.random.default_rng(0)
    A, swing = rng.standard_normal((3, 4)) / 2, rng.standard_normal((4, 4))
    swing = 1.5 * (swing + swing.T) / np.linalg.norm(swing + swing.T, 2)
    x0, b = np.array([2.0, -2.0, 1.0, 1.6]), np.array([1.0, -0.5, 0.7])
    name = f"oscillation, frequency {frequency}"
    return Oscillation(name, A.T @ A + 2 * np.eye(4), swing, A.T, 0.3, 0.3, x0, b, frequency, 8, 2**13)


def named(name: str) -> tuple[PathCase | Oscillation, ...]:
    """The cases that the suite calls by a name, where they are no data and nothing trained."""
    cases: list[PathCase | Oscillation] = [study(known, size) for known in PROBLEMS for size in DEPTHS]
    cases += [case for known in PROBLEMS for case in known_before(known)]
    cases += [case for _, case in extremal()] + [oscillation(k) for k in FREQUENCIES["large"]]
    return tuple(case for case in cases if case.name == name)


def _study(name: str, size: str, rng: Generator) -> list[Result]:
    """The orders of one problem, with the figure of its errors."""
    case = study(name, size)
    found = deep_rates.errors(case)
    results = [deep_rates.assess(claim, case, found=found) for claim in (deep_rates.ORDER, deep_rates.NODES)]
    return [replace(results[0], plots=deep_rates.pictures(case, found)), *results[1:]]


def _known_before(name: str, rng: Generator) -> list[Result]:
    cases = known_before(name)
    claims = [claim for claim in (deep_rates.VARYING, deep_rates.CONSTANT) if claim.unmet(cases[0]) is None]
    return [deep_rates.assess(claim, case) for case in cases for claim in claims]


def _extremal(rng: Generator) -> list[Result]:
    return [
        deep_rates.assess(claim, case, 0.99 if claim.id.startswith("planted.") else 1.0) for claim, case in extremal()
    ]


def _families(count: int, rng: Generator) -> list[Result]:
    depths = tuple(16 * 2**k for k in range(count))
    powers = [Family("power", Fraction(1, n), depths) for n in (2, 4, 8, 16)]
    rotation, decay, even = (
        Family("rotation", Fraction(1), depths),
        Family("decay", Fraction(2), tuple(2 * depth for depth in depths)),
        Family("decay", Fraction(1), depths),
    )
    rows: list[tuple[Claim, Family]] = [(deep_orders.POWER, family) for family in powers]
    rows += [(deep_orders.HALF, family) for family in (*powers[2:], rotation)] + [(deep_orders.ONE, decay)]
    rows += [(deep_orders.ONE, even), (deep_orders.SUPERCONVERGENT, even), (deep_orders.TERMINAL, powers[0])]
    results = [deep_orders.assess(claim, family) for claim, family in rows]
    return [replace(results[0], plots=(_orders([*powers[:1], rotation, decay, even]),)), *results[1:]]


def _orders(families: list[Family]) -> Plot:
    """Greatest and last errors of the families, over the depth."""
    curves: list[Curve] = []
    for family in families:
        x = tuple(float(np.log2(depth)) for depth in family.depths)
        greatest, last = (tuple(high for _, high in ends) for ends in family.errors())
        label = f"{family.kind} {family.parameter}"
        curves.append(Curve(f"{label}, greatest", x, greatest))
        if family.kind == "power":
            curves.append(Curve(f"{label}, at T", x, last, "points"))
    title = "Errors of families with closed forms"
    name = r"$\log_2$ of the number of layers"
    return Plot(deep_orders.POWER.id, "orders", title, name, "distance", tuple(curves), log_y=True)


def _weak(frequencies: tuple[int, ...], rng: Generator) -> list[Result]:
    cases = [oscillation(frequency) for frequency in frequencies]
    results = [weak_limit.assess(weak_limit.BOUND, case) for case in cases]
    halved = [weak_limit.assess(weak_limit.HALVED, case) for case in cases[:-1]]
    x = tuple(float(np.log2(frequency)) for frequency in frequencies)
    curves = (
        Curve("bound by primitives", x, tuple(r.bracket.theory or np.nan for r in results)),
        Curve("distance, at most", x, tuple(r.bracket.upper or np.nan for r in results)),
        Curve("distance, at least", x, tuple(r.bracket.lower or np.nan for r in results), "points"),
    )
    title = "Distance from the limit of the averages"
    plot = Plot(weak_limit.BOUND.id, "weak", title, r"$\log_2$ of the frequency", "distance", curves, log_y=True)
    return [*results[:-1], replace(results[-1], plots=(plot,)), *halved]


def _oscillating(rng: Generator) -> list[Result]:
    found = [weak_controls.assess(weak_controls.AVERAGED, depth) for depth in (8, 64, 2000)]
    return found + [weak_controls.assess(claim, depth) for claim in weak_controls.CONTROLS for depth in (64, 512)]


def _flow(name: str) -> tuple[ParameterPath, Values, LeastSquares]:
    """The gradient flow of a problem on real data, the data scaled to norm one."""
    chosen = data.real(name)
    if not isinstance(chosen.f, LeastSquares):
        raise MissingToolError(f"{name} is no least-squares problem.")
    A, b = chosen.f.matrix, chosen.f.target / np.linalg.norm(chosen.f.target)
    weight = (0.1 if name.startswith("diabetes") else 0.05) * float(np.abs(A.T @ b).max())
    r: Function = L1(weight) if name.split(",")[0].endswith("LASSO") else ElasticNet(weight, 0.1)
    horizon = 20 if name.startswith("diabetes") else Fraction(1, 2)
    return ParameterPath(A.T @ A, A.T, 1.0, r, horizon), b, LeastSquares(A, b)


def _real(name: str, accuracies: tuple[float, ...], rng: Generator) -> list[Result]:
    """How many layers are near the limit, and how the limit tends to the minimiser."""
    try:
        path, b, f = _flow(name)
    except MissingToolError as missing:
        return [undecided(claim, name, str(missing)) for claim in (deep_near.ACCURACY, deep_near.EQUILIBRIUM)]
    x0, results = np.zeros(path.dimension), []
    for accuracy in accuracies:
        depth, _ = depth_for(path, x0, b, accuracy)
        case = PathCase(f"{name}, within {accuracy:g}: N={depth}", path, x0, b, (depth,), 2 * depth)
        results.append(deep_near.assess(deep_near.ACCURACY, case, accuracy))
    point = deep_near.minimiser(path, b, f)
    case = PathCase(f"{name}, N=2048", path, x0, b, (2048,), 2048)
    found = deep_near.assess(deep_near.EQUILIBRIUM, case, point)
    own = error_curve(path, x0, b, 512)
    apart = np.linalg.norm(own.states[:, :, 0] - point, axis=1)
    curves = (
        Curve("distance from the minimiser", tuple(own.times.tolist()), tuple(apart.tolist())),
        Curve("certificate of 512 layers", tuple(own.times.tolist()[1:]), tuple(own.nodes[1:, 0].tolist())),
    )
    plot = Plot(deep_near.EQUILIBRIUM.id, f"equilibrium-{name.split()[0]}", name, "$t$", "distance", curves, log_y=True)
    return [*results, replace(found, plots=(plot,))]


def _trained(rng: Generator) -> list[Result]:
    """A LISTA trained layer by layer: its path, and the limit of that."""
    network, A = trained_lista()
    _, b = signals(A, 4, np.random.default_rng(5))
    results = []
    for kind in ("steps", "lines"):
        path = ParameterPath.of_network(network, kind)
        depths = (network.depth, 2**11)
        name = f"LISTA, {network.depth} layers, trained; {kind}, Var K = {path.variation[0]:.3g}"
        case = PathCase(name, path, np.zeros((A.shape[1], 4)), b, depths[:1], depths[1])
        results.append(deep_near.assess(deep_near.TRAINED, case))
    return results


def _perturbed(depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """Two limits with an L1 part, against the constants of limit and networks."""
    K, L = rng.standard_normal((4, 4, 4)) / 2, rng.standard_normal((4, 4, 2))
    path = ParameterPath(Piecewise.steps(K), Piecewise.steps(L), 0.2, L1(1.0), 1)
    x0, b = rng.standard_normal((4, 1)), rng.standard_normal((2, 1))
    x0 = np.hstack([x0, x0 + 0.1 * rng.standard_normal((4, 1))])
    case = PathCase("path with an L1 part, d=4", path, x0, np.hstack([b, b]), (2**12,), 2**12)
    result = deep_near.assess(deep_near.PERTURBED, case)
    one = ParameterPath(np.array([[1.0]]), np.array([[1.0]]), 0.0, Zero(), 1)
    attained = PathCase("two starts of x' = -x", one, np.array([[1.0, 2.0]]), np.zeros((1, 2)), (2**12,), 2**12)
    too_small = deep_near.assess(planted(deep_near.PERTURBED), attained, scale=0.99)
    limit, _ = flow_constants(K, L, 1)
    apart = [np.linalg.norm(np.diff(error_curve(path, x0, case.b, depth).states[-1])) for depth in depths]
    moved = float(np.linalg.norm(np.diff(x0)))
    x = tuple(float(np.log2(depth)) for depth in depths)
    curves = (
        Curve("networks, certified", x, tuple(limit * gap_factors(K, depth, 1)[0] for depth in depths)),
        Curve("limit, certified", x, (limit,) * len(x)),
        Curve("networks, this pair", x, tuple(float(a) / moved for a in apart), "points"),
    )
    title = "What a perturbed start makes of the last state"
    plot = Plot(deep_near.PERTURBED.id, "perturbed", title, r"$\log_2$ of the number of layers", "factor", curves)
    return [replace(result, plots=(plot,)), too_small]


def tasks(size: str) -> list[Task]:
    """The tasks of this part of the suite."""

    def task(name: str, run: Callable[..., list[Result]], *values: Any) -> Task:
        return Task(f"deep-limit: {name}", partial(run, *values))

    problems = PROBLEMS[:2] if size == "small" else PROBLEMS
    real = ("diabetes LASSO",) if size == "small" else ("diabetes LASSO", "digits LASSO, image 200", data.REAL[-1])
    return [
        *(task(f"study, {name}", _study, name, size) for name in problems),
        *(task(f"known beforehand, {name}", _known_before, name) for name in problems),
        task("extremal paths", _extremal),
        task("families", _families, FAMILY[size]),
        task("weak parameters", _weak, FREQUENCIES[size]),
        task("oscillating with the layers", _oscillating),
        *(task(f"limit on {name}", _real, name, (1e-2,) if size == "small" else (1e-2, 1e-3)) for name in real),
        task("trained LISTA", _trained),
        task("perturbed limits", _perturbed, (8, 16, 32, 64, 128)),
    ]


CLAIMS = (
    *deep_rates.CLAIMS,
    planted(deep_rates.VARYING),
    *deep_rates.CONTROLS,
    *deep_orders.CLAIMS,
    *deep_orders.CONTROLS,
    *weak_limit.CLAIMS,
    weak_controls.AVERAGED,
    *weak_controls.CONTROLS,
    *deep_near.CLAIMS,
    planted(deep_near.PERTURBED),
    *deep_near.CONTROLS,
)
"""The claims of these tasks, with their planted errors and controls."""
