"""Suite "network": perturbed networks of every family, extremal instances, planted errors, controls."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from fbscheck.claims.networks import flow, lipschitz, local, methods, stability, stability_controls
from fbscheck.claims.networks.flow import Path
from fbscheck.claims.networks.pair import Pair
from fbscheck.functions import L1, ElasticNet, Function, GroupL2, SquaredL2, Zero
from fbscheck.network import Network, alista, ista, lista, lista_cp
from fbscheck.network.layers import Values
from fbscheck.network.stability import gap_factors
from fbscheck.suites import boxes
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Claim, Curve, Plot, Result, planted

__all__ = ["SUITE", "named"]

Generator = np.random.Generator
KINDS = ("ISTA", "LISTA", "LISTA-CP", "ALISTA", "free, elastic net", "free, group")
SIZES = {"small": ((6, 8),), "full": ((6, 8), (10, 32), (20, 64)), "large": ((6, 8), (10, 32), (20, 64), (50, 200))}
"""Dimension and depth of the networks that are drawn."""

DEPTHS = {"small": (8, 16, 32), "full": (8, 16, 32, 64, 128, 256), "large": tuple(2**k for k in range(3, 13))}
PIECES = 4


def drawn(kind: str, dimension: int, depth: int, rng: Generator) -> Network:
    """A network of one of ``KINDS``, with half as many observations as coordinates, on a unit of time."""
    d, m = dimension, dimension // 2
    A = rng.standard_normal((m, d)) / np.sqrt(m)
    h = 1 / float(np.linalg.norm(A, 2)) ** 2
    thresholds = rng.uniform(0.05, 0.15, depth)
    noise = rng.standard_normal((depth, m, d)) * 0.3 * np.linalg.norm(A, 2) / np.sqrt(m * d)
    if kind == "ISTA":
        return ista(A, 0.1, h, depth)
    if kind == "LISTA":
        W1 = h * np.swapaxes(A + noise, 1, 2)
        return lista(W1, np.eye(d) - W1 @ A + 0.05 * rng.standard_normal((depth, d, d)) / np.sqrt(d), thresholds, h)
    if kind == "LISTA-CP":
        return lista_cp(A, h * (A + noise), thresholds, h)
    if kind == "ALISTA":
        return alista(A, A + noise[0], h * rng.uniform(0.7, 1.3, depth), thresholds, h)
    r: Function = ElasticNet(0.1, 0.5) if kind.endswith("net") else GroupL2(np.arange(d) // 2, 0.1)
    K, L = rng.standard_normal((depth, d, d)) / np.sqrt(d), rng.standard_normal((depth, d, m)) / np.sqrt(d)
    weights = np.ones(depth) if isinstance(r, ElasticNet) else rng.uniform(0.5, 1.5, depth)
    return Network(K, L, weights, r, 1)


def cases(kind: str, dimension: int, depth: int, rng: Generator) -> dict[Claim, Pair]:
    """The same network for each claim of the chapter, perturbed where it hurts: along leading singular vectors."""
    network = drawn(kind, dimension, depth, rng)
    x0, b = rng.standard_normal(dimension), rng.standard_normal(dimension // 2)
    pair = partial(Pair, f"{kind}, d={dimension}, N={depth}", network, x0, b)
    dx0, db = worst(network, x0, b)
    weights = 1 if isinstance(network.functions[0], ElasticNet) else rng.uniform(0.9, 1.1, depth)
    layers, off = network.layers, 0.01 * rng.standard_normal((depth, dimension, dimension)) / np.sqrt(dimension)
    injections = layers.injections * rng.uniform(0.99, 1.01, (depth, 1, 1))
    other = Network.of_layers(
        layers.transitions + off, injections, weights * network.steps, network.functions, network.horizon
    )
    return {
        stability.START: pair(other_x0=x0 + 0.1 * dx0),
        stability.DATA: pair(other_b=b + 0.1 * db),
        stability.PARAMETERS: pair(other=other),
        stability.BOUNDED: pair(),
        stability.SPEED: pair(),
        **({stability.ENERGY: pair()} if kind == "ISTA" else {}),
    }


def worst(network: Network, x0: Values, b: Values) -> tuple[Values, Values]:
    """Unit directions of x_0 and of b that move x_N the most, by the power method on the Jacobian at (x0, b)."""
    dx0, db = np.ones(len(x0)) / np.sqrt(len(x0)), np.ones(len(b)) / np.sqrt(len(b))
    for _ in range(30):
        dx0 = _unit(network.vjp(x0, b, network.jvp(x0, b, dx0, 0 * b))[0], dx0)
        db = _unit(network.vjp(x0, b, network.jvp(x0, b, 0 * x0, db))[1], db)
    return dx0, db


def _unit(v: Values, otherwise: Values) -> Values:
    length = np.linalg.norm(v)
    return v / length if length > 0 else otherwise


def extremal() -> list[tuple[Claim, Pair]]:
    """Networks of one coordinate that attain the bounds; their numbers are short, so that balls are exact."""
    one, zero = np.ones(1), np.zeros(1)

    def line(k: float, l: float, weight: float, r: Function, depth: int = 20) -> Network:  # noqa: E741
        K, L = (np.broadcast_to(np.array([[v]]), (depth, 1, 1)) for v in (k, l))
        return Network(K, L, np.full(depth, weight), r, Fraction(depth, 4))

    zero_function, curved, absolute = Zero(), SquaredL2(4.0), L1(1.0)
    decay = line(1, 1, 0, zero_function)
    rows: list[tuple[Claim, str, dict[str, Any]]] = [
        (stability.START, "x' = -x", {"network": decay, "x0": one, "b": one, "other_x0": zero}),
        (
            stability.START,
            "x' = -x - 4x, strongly convex",
            {"network": line(1, 1, 1, curved, 10), "x0": one, "b": one, "other_x0": zero},
        ),
        (stability.DATA, "x' = -x + b", {"network": decay, "x0": one, "b": one, "other_b": zero}),
        (
            stability.PARAMETERS,
            "x' = -kx, k perturbed",
            {"network": decay, "x0": one, "b": zero, "other": line(0.5, 1, 0, zero_function)},
        ),
        (
            stability.PARAMETERS,
            "x' = -x + lb, l perturbed",
            {"network": decay, "x0": one, "b": one, "other": line(1, 0.5, 0, zero_function)},
        ),
        (
            stability.PARAMETERS,
            "x' in x - lambda sign(x), lambda perturbed",
            {"network": line(-1, 0, 1, absolute, 10), "x0": 8 * one, "b": one, "other": line(-1, 0, 0.5, absolute, 10)},
        ),
        (stability.BOUNDED, "x' = 3x/2 + b", {"network": line(-1.5, 1, 0, zero_function, 16), "x0": one, "b": one}),
        (stability.SPEED, "x' = -x", {"network": decay, "x0": one, "b": zero}),
        (stability.ENERGY, "x' = -x", {"network": decay, "x0": one, "b": zero}),
    ]
    return [(claim, Pair(f"extremal: {name}", **of)) for claim, name, of in rows]


def paths(depths: tuple[int, ...], rng: Generator) -> list[Path]:
    """One path with entries of 10 bits, at several depths: its networks are free of rounding."""
    K, L = (np.round(1024 * rng.standard_normal((PIECES, 4, width))) / 1024 for width in (4, 2))
    start, data = rng.standard_normal(4), rng.standard_normal(2)
    return [Path(f"path, d=4, N={depth}", K, L, Fraction(1), start, data, depth) for depth in depths]


def extremal_paths(depth: int) -> list[tuple[Claim, Path]]:
    """x' = -x + b attains the constants of the limit, in one layer the gap for b, and its modulus is its norm.

    A rotation nearly attains the gap for x_0.
    """
    one, rotation = np.ones(1), np.array([[[0.0, -1.0], [1.0, 0.0]]])
    line = Path("extremal: x' = -x + b", np.ones((1, 1, 1)), np.ones((1, 1, 1)), Fraction(1), one, one, 1)
    half = replace(line, name="extremal: x' = -x + b, two layers", depth=2)
    turn = Path(f"extremal: rotation, N={depth}", rotation, np.zeros((1, 2, 1)), Fraction(1), np.ones(2), one, depth)
    return [(flow.FLOW, line), (flow.UNIFORM, turn), (flow.UNIFORM_DATA, line), (flow.MODULUS, half)]


def named(name: str, seed: int) -> tuple[Pair | Path, ...]:
    """The cases that the suite calls by a name, with this seed."""
    known = {task.name: task for length in SIZES for task in _tasks(length)}
    if name.startswith("extremal: "):
        depth = int(name.rpartition("N=")[2]) if "N=" in name else DEPTHS["small"][-1]
        candidates: list[Pair | Path] = [pair for _, pair in extremal()]
        candidates += [path for _, path in extremal_paths(depth)]
        return tuple(case for case in candidates if case.name == name)
    if name.startswith("path, "):
        depths = DEPTHS["large"]
        return tuple(case for case in paths(depths, known[PATHS].generator(seed)) if case.name == name)
    if name in known and name.startswith(("stretched: ", "local: ")):
        network = stretched_network(name, known[name].generator(seed))
        layers = network.layers
        return (Pair(name, network, np.zeros(layers.dimension), np.zeros(layers.observations)),)
    if (task := known.get(f"network: {name}")) is None:
        return ()
    kind, d, depth = name.rsplit(", ", 2)
    return (*cases(kind, int(d[2:]), int(depth[2:]), task.generator(seed)).values(),)


def stretched_network(name: str, rng: Generator) -> Network:
    """The network behind a name "stretched: KIND, d=D, N=N", or "local: " the same."""
    kind, d, depth = name.partition(": ")[2].rsplit(", ", 2)
    return drawn(kind, int(d[2:]), int(depth[2:]), rng)


def _stretched(name: str, rng: Generator) -> list[Result]:
    """A network's Lipschitz constant for the data, between a pair and a certificate."""
    found = lipschitz.stretched(name, stretched_network(name, rng))
    claims = (lipschitz.INJECTED, lipschitz.TIGHT, *([lipschitz.ROOT] if ": ISTA" in name else []))
    results = [*(lipschitz.assess(claim, *found) for claim in claims), lipschitz.assess_samples(found[0])]
    return [*results, *_compared(name, found[0].network)] if found[0].network.depth <= COMPARED else results


def _compared(name: str, network: Network) -> list[Result]:
    """Bounds by all methods for the data; the one of Combettes and Pesquet for x_0 as well."""
    witnesses, rows = methods.compared(name, network)
    start, bounds = methods.compared(name, network, "x0", programs=False)
    (pieces,) = (row for row in bounds if row.name == methods.PIECES)
    return [
        *(methods.assess(methods.METHODS, witnesses, row) for row in rows),
        methods.assess(methods.AVERAGED, start, pieces),
        methods.between(methods.BETWEEN, name, network),
    ]


def _in_depth(depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """Unrolled ISTA with one matrix, ever deeper: both ends of the bracket, and what products of norms say."""
    dimension, results = 20, []
    A = rng.standard_normal((dimension // 2, dimension)) / np.sqrt(dimension // 2)
    step = 1 / float(np.linalg.norm(A, 2)) ** 2
    for depth in depths:
        found = lipschitz.stretched(f"one ISTA, d={dimension}, N={depth}", ista(A, 0.1, step, depth))
        results += [lipschitz.assess(claim, *found) for claim in (lipschitz.INJECTED, lipschitz.ROOT)]
    injected, root = results[::2], results[1::2]
    x = tuple(map(float, depths))
    curves = (
        Curve("sum of injected products", x, tuple(r.bracket.theory or np.nan for r in injected)),
        Curve(r"$\sqrt{T}$", x, tuple(r.bracket.theory or np.nan for r in root)),
        Curve("certified", x, tuple(r.bracket.upper or np.nan for r in root)),
        Curve("attained by a pair", x, tuple(r.bracket.lower or np.nan for r in root), "points"),
    )
    title = "Lipschitz constant of unrolled ISTA for its data"
    plot = Plot(lipschitz.ROOT.id, "in-depth", title, "number of layers $N$", "constant", curves, log_y=True)
    return [*results[:-1], replace(results[-1], plots=(plot,))]


def _local(name: str, rng: Generator) -> list[Result]:
    return boxes.in_boxes(name, stretched_network(name, rng), rng)


def _planted(rng: Generator) -> list[Result]:
    """Networks of one coordinate whose constants are the claimed ones, which are made 1% smaller."""
    decay = Network(np.ones((20, 1, 1)), np.ones((20, 1, 1)), np.zeros(20), Zero(), Fraction(5))
    identity = ista(np.ones((1, 1)), 0.0, 1.0, 1)
    rows = ((lipschitz.INJECTED, "x' = -x + b", decay), (lipschitz.ROOT, "x_1 = b", identity))
    results = [
        lipschitz.assess(planted(claim), *lipschitz.stretched(f"extremal: {name}, stretched", network), 0.99)
        for claim, name, network in rows
    ]
    witnesses, bounds = methods.compared("extremal: x' = -x + b, compared", decay)
    exact = [row for row in bounds if row.name not in (methods.PIECES, "product of norms", "dissipation, safe")]
    results += [methods.assess(planted(methods.METHODS), witnesses, row, 0.99) for row in exact]
    fed = Network(np.zeros((4, 1, 1)), np.array([[[64.0]], [[1.0]], [[1.0]], [[1.0]]]), np.zeros(4), Zero(), 4)
    witnesses, bounds = methods.compared("extremal: a first layer that feeds most", fed, programs=False)
    results += [methods.dropped(witnesses, row.name) for row in bounds if row.multipliers is None]
    start, bounds = methods.compared("extremal: two lines", lines(), "x0", programs=False)
    (pieces,) = (row for row in bounds if row.name == methods.PIECES)
    results.append(methods.assess(methods.AVERAGED, start, pieces))
    results.append(methods.assess(planted(methods.AVERAGED), start, pieces, 0.99))
    results.append(methods.between(planted(methods.BETWEEN), "extremal: one layer", lines().sliced(1, 2), 0.99))
    return [*results, local.assess(planted(local.LOCAL), *boxes.linear(), 0.99)]


def lines() -> Network:
    """|W_2 W_1| = 3, |W_2||W_1| = 5, and 4 in between is attained by the projection on the line of (2, 1)."""
    W = np.array([[[1.0, 0.0], [0.0, 0.0]], [[3.0, 4.0], [0.0, 0.0]]])
    return Network.of_layers(W, np.zeros((2, 2, 1)), np.ones(2), GroupL2(np.zeros(2, dtype=int), 1.0), 2)


STRETCHED = {
    "small": (("ISTA", 6, 8), ("LISTA", 6, 8)),
    "full": tuple((kind, 10, depth) for kind in KINDS for depth in (4, 20)),
    "large": tuple((kind, 20, depth) for kind in KINDS for depth in (4, 20, 100)),
}
COMPARED = 20
"""The greatest depth of networks of which all methods are compared."""
LOCAL = {"small": (("LISTA", 6, 8),), "full": (("ISTA", 10, 20), ("LISTA", 10, 20)), "large": (("LISTA", 20, 50),)}
IN_DEPTH = {"small": (4, 10), "full": (4, 10, 50, 200), "large": (4, 10, 50, 200, 800)}
PATHS = "network: constants of the limit, over the depth"


def _drawn(kind: str, dimension: int, depth: int, rng: Generator) -> list[Result]:
    return [stability.assess(claim, pair) for claim, pair in cases(kind, dimension, depth, rng).items()]


def _over_depth(depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """The constants of one path over the depth, drawn relative to that of the limit."""
    known = paths(depths, rng)
    factors = [gap_factors(path.K, path.depth, path.horizon) for path in known]
    x, results = tuple(map(float, depths)), [flow.assess(flow.FLOW, known[0])]
    for claim, gaps, of in zip(
        (flow.UNIFORM, flow.UNIFORM_DATA), zip(*factors, strict=True), ("x_0", "b"), strict=True
    ):
        found = [flow.assess(claim, path) for path in known]
        certified = tuple((r.bracket.upper or np.nan) * gap for r, gap in zip(found, gaps, strict=True))
        curves = (
            Curve("bound: gap factor", x, gaps),
            Curve("norms of the layers, certified", x, certified, "points"),
            Curve("limit", x, (1.0,) * len(x)),
        )
        title = f"Constant of networks for {of}, relative to the one of their limit"
        plot = Plot(claim.id, "over-depth", title, "number of layers $N$", "ratio", curves)
        results += [*found[:-1], replace(found[-1], plots=(plot,))]
    return [*results, *(flow.assess(flow.MODULUS, path) for path in known)]


def _extremal(scale: float, rng: Generator) -> list[Result]:
    """The bounds are attained; with ``scale`` below one they are planted errors."""

    def meant(claim: Claim) -> Claim:
        return claim if scale == 1.0 else planted(claim)

    results = [stability.assess(meant(claim), pair, scale) for claim, pair in extremal()]
    return results + [flow.assess(meant(c), path, scale) for c, path in extremal_paths(DEPTHS["small"][-1])]


def _control(depths: tuple[int, ...], rng: Generator) -> list[Result]:
    return [stability_controls.assess(claim, depth) for claim in stability_controls.CONTROLS for depth in depths]


def _tasks(size: str) -> list[Task]:
    def task(name: str, run: Callable[..., list[Result]], *values: Any) -> Task:
        return Task(name, partial(run, *values))

    return [
        *(task(f"network: {kind}, d={d}, N={n}", _drawn, kind, d, n) for d, n in SIZES[size] for kind in KINDS),
        task(PATHS, _over_depth, DEPTHS[size]),
        *(task(name := f"stretched: {kind}, d={d}, N={n}", _stretched, name) for kind, d, n in STRETCHED[size]),
        *(task(name := f"local: {kind}, d={d}, N={n}", _local, name) for kind, d, n in LOCAL[size]),
        task("network: Lipschitz constants in depth", _in_depth, IN_DEPTH[size]),
        task("network: planted Lipschitz constants", _planted),
        task("network: extremal instances", _extremal, 1.0),
        task("network: planted errors", _extremal, 0.99),
        task("network: controls", _control, (9, 10, 100)),
    ]


CLAIMS = (*stability.CLAIMS, *flow.CLAIMS, *lipschitz.CLAIMS, *methods.CLAIMS, *local.CLAIMS)
SUITE = Suite(
    "network",
    "perturbed networks against bounds uniform in the depth, attained by extremal ones",
    (
        *CLAIMS,
        *map(planted, CLAIMS),
        *stability_controls.CONTROLS,
        *lipschitz.CONTROLS,
        *methods.CONTROLS,
        *local.CONTROLS,
    ),
    _tasks,
)
