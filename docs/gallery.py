"""The gallery: figures and tables that the package computes while the pages are built."""

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from made import keep

import fbscheck as fb
from fbscheck.claims.regions import cells, maps
from fbscheck.claims.regions.conditions import CONDITIONS
from fbscheck.network import Network, ista
from fbscheck.network.comparisons import compare
from fbscheck.report import numerals
from fbscheck.report.figures import drawn, figure
from fbscheck.verdict import Bracket, Curve, Plot

__all__ = ["FIGURES", "TABLES", "write"]

DEPTHS = (8, 16, 32, 64, 128, 256)


def write(folder: Path) -> None:
    """``NAME.svg`` for each figure and ``NAME.csv`` for each table."""
    for name, plot in FIGURES.items():
        keep(folder / f"{name}.svg", drawn(figure(plot()), "svg"))
    for name, rows in TABLES.items():
        keep(folder / f"{name}.csv", "".join(f"{','.join(row)}\n" for row in rows()))


def contraction_map() -> Plot:
    """Where a gradient step contracts."""
    return _map("contraction", ("h", 0, 3), ("mu", 0, 1), ell=Fraction(1))


def nonexpansive_map() -> Plot:
    """Where a layer whose K is not symmetric is nonexpansive."""
    return _map("nonexpansive", ("h", 0, 2), ("skew", 0, 1), mu=Fraction(1, 2))


def _map(name: str, x: tuple[str, int, int], y: tuple[str, int, int], **fixed: Fraction) -> Plot:
    condition = CONDITIONS[name]
    sides = (cells.Axis(side, Fraction(low), Fraction(high)) for side, low, high in (x, y))
    plane = cells.Plane(condition, *sides, fixed)
    (plot,) = maps.assess(maps.claim_of(condition), plane, cells.cover(plane, 20.0)).plots
    return plot


def factors() -> Plot:
    """The contraction factor of a step over three classes of operators with the same mu and ell."""
    classes = {
        "gradients": fb.GradientOf(Fraction(1, 4), 1),
        "cocoercive": fb.StronglyMonotoneCocoercive(Fraction(1, 4), 1),
        "Lipschitz": fb.StronglyMonotoneLipschitz(Fraction(1, 4), 1),
    }
    steps = [Fraction(k, 16) for k in range(1, 41)]
    curves = []
    for name, operators in classes.items():
        found = [fb.contraction_factor(operators, step) for step in steps[1::3]]
        theory = [math.sqrt(operators.forward_squared(step)) for step in steps]
        curves.append(Curve(f"{name}: theory", tuple(map(float, steps)), tuple(theory)))
        attained = tuple(float(bracket.lower or 0.0) for bracket in found)
        curves.append(Curve(f"{name}: attained", tuple(map(float, steps[1::3])), attained, "points"))
    return Plot("gallery", "factors", "Factors", "step $h$", "factor $q$ of one step", tuple(curves))


def scalar_maps() -> Plot:
    """Graphs of proximal maps of functions of one number."""
    functions = {
        r"$|x|$": fb.functions.L1(),
        r"Huber": fb.functions.Huber(1.0),
        r"box $[-1,1]$": fb.functions.Box(-1.0, 1.0),
        r"$\max(0,1-x)$": fb.functions.Hinge(),
    }
    u = np.linspace(-3.0, 3.0, 121)
    curves = (Curve(name, tuple(u.tolist()), tuple(g.prox(u, 1.0).tolist())) for name, g in functions.items())
    return Plot("gallery", "prox", "Proximal maps", "$u$", r"$\mathrm{prox}_g(u)$", tuple(curves))


def counterexample() -> Plot:
    """Pairs of points that refute that a map is firmly nonexpansive, relative to their difference."""
    found = fb.check(turned, dim=2, claims=["firmly_nonexpansive"], budget=5.0)
    return next(plot for plot in found.results[0].plots if plot.name == "relative")


def turned(x: Any) -> Any:
    """A layer of a network that turns the plane: nonexpansive, and no proximal map."""
    return 0.9 * np.array([[np.cos(0.9), -np.sin(0.9)], [np.sin(0.9), np.cos(0.9)]]) @ np.tanh(x)


def deep_limit() -> Plot:
    """The distance of a network from its limit, enclosed, over its depth."""
    path, x0, b = _path()
    found = [fb.limit.error_bound(path, x0, b, depth=depth, refine=64) for depth in DEPTHS]
    own = [fb.limit.error_bound(path, x0, b, depth=depth, refine=1) for depth in DEPTHS]
    layers = tuple(np.log2(DEPTHS).tolist())
    first = float(found[0].upper or 0.0) * DEPTHS[0]
    curves = (
        Curve("certified from the N layers alone", layers, _ends(own, "upper")),
        Curve("certified, compared with 64 N layers", layers, _ends(found, "upper")),
        Curve("attained", layers, _ends(found, "lower"), "points"),
        Curve("first order", layers, tuple(first / depth for depth in DEPTHS)),
    )
    label = r"$\max_t|X_N(t)-x(t)|$"
    return Plot("gallery", "deep limit", "Deep limit", r"$\log_2 N$", label, curves, log_y=True)


@cache
def _path() -> tuple[fb.ParameterPath, Any, Any]:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((6, 4)) / 3
    weights = fb.limit.Piecewise.steps(np.array([0.1, 0.3]), [0, Fraction(1, 3), 1])
    return fb.ParameterPath(A.T @ A, A.T, weights, fb.functions.L1(1.0), horizon=1), np.ones(4), rng.standard_normal(6)


def _ends(brackets: Sequence[Bracket], end: str) -> tuple[float, ...]:
    return tuple(float(getattr(bracket, end)) for bracket in brackets)


def lipschitz() -> Plot:
    """Bounds of a network's Lipschitz constant for its data, over the depth, by several methods."""
    depths = (2, 4, 6, 8)
    layers = tuple(map(float, depths))
    networks = [_network(depth) for depth in depths]
    rows = [{row.name: row.bound for row in compare(network.layers, "b", evaluations=60)} for network in networks]
    curves = [Curve(name, layers, tuple(float(row[name]) for row in rows)) for name in rows[0] if name in rows[-1]]
    attained = _ends([network.lipschitz("b") for network in networks], "lower")
    curves.append(Curve("attained", layers, attained, "points"))
    return Plot("gallery", "lipschitz", "Bounds", "layers $N$", "Lipschitz constant", tuple(curves), log_y=True)


@cache
def _network(depth: int) -> Network:
    rng = np.random.default_rng(1)
    A = rng.standard_normal((3, 6)) / 3
    return ista(A, weight=0.1, step=1 / fb.operators.LeastSquares(A, np.zeros(3)).lipschitz, depth=depth)


def bracket_rows() -> Iterator[Sequence[str]]:
    """Factors of one step, squeezed: class, step, attained, theory, certified."""
    mu = Fraction(1, 10)
    for name, operators, step in (
        ("gradients", fb.GradientOf(mu, 1), Fraction(1)),
        ("gradients", fb.GradientOf(mu, 1), Fraction(20, 11)),
        ("monotone and Lipschitz", fb.StronglyMonotoneLipschitz(mu, 1), Fraction(1, 10)),
        ("monotone and Lipschitz", fb.StronglyMonotoneLipschitz(mu, 1), Fraction(1)),
        ("monotone and cocoercive", fb.StronglyMonotoneCocoercive(mu, 1), Fraction(1)),
        ("monotone and cocoercive", fb.StronglyMonotoneCocoercive(mu, 1), Fraction(5, 2)),
    ):
        found = fb.contraction_factor(operators, step)
        ends = numerals.lower(found.lower, None), numerals.nearest(found.theory), numerals.upper(found.upper, None)
        yield name, str(step), *(number.mantissa if number else "" for number in ends)


FIGURES: dict[str, Callable[[], Plot]] = {
    "contraction-map": contraction_map,
    "nonexpansive-map": nonexpansive_map,
    "factors": factors,
    "scalar-maps": scalar_maps,
    "counterexample": counterexample,
    "deep-limit": deep_limit,
    "lipschitz": lipschitz,
}
TABLES: dict[str, Callable[[], Iterator[Sequence[str]]]] = {"brackets": bracket_rows}
