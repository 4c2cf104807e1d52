"""Sequences of parameters that tend to others weakly or strongly, and what training problems make of them.

A part of suite "learning".
"""

from dataclasses import replace
from functools import partial

import numpy as np

from fbscheck.claims.learning import gamma_nonlinear, gamma_parts, interpolation
from fbscheck.claims.learning.gamma_parts import COERCIVE, LIMINF, LIMSUP, LOSSES, RECOVERY
from fbscheck.claims.learning.interpolation import SLOPES, Nodes
from fbscheck.claims.learning.sequences import Sequence, averages
from fbscheck.claims.learning.training_case import TrainingCase
from fbscheck.functions import L1
from fbscheck.learning import Free, Lp, Problem
from fbscheck.network.layers import Values
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Curve, Plot, Result, planted

__all__ = ["CLAIMS", "named", "sequence", "tasks"]

Generator = np.random.Generator
KINDS = ("alternating", "waves", "concentrated")
DEPTHS = {"small": (4, 16, 64, 128), "full": (4, 16, 64, 256, 512), "large": (4, 16, 64, 256, 512, 2048)}
PIECES = 32
"""Of the paths that are averaged over layers."""

L1_DEPTHS = {
    size: (
        (gamma_nonlinear.LIMSUP, "averages", (4, 8, 16, 32)),
        (gamma_nonlinear.LIMINF, "alternating", depths),
        (gamma_nonlinear.LIMINF, "waves", depths),
    )
    for size, depths in (("small", (8, 64)), ("full", (8, 64, 256)), ("large", (8, 64, 256, 1024)))
}
"""Of problems with an l1 part."""


def sequence(kind: str, depth: int, rng: Generator) -> Sequence:
    """Parameters of ``depth`` layers near those of a limit; d = 3, m = 2, two samples, entries of 12 bits.

    ``alternating``: a part that changes its sign with every layer; ``waves``: averages of a wave with about N^{1/2}
    periods; ``concentrated``: one layer has a part of size N^{1/2}; ``averages``: those of a path in pieces.
    """
    d, m, pieces = 3, 2, PIECES if kind == "averages" else 1
    K, L = _drawn((pieces, d, d), rng), _drawn((pieces, d, m), rng)
    if kind == "averages":
        own_K, own_L = (
            averages(part, depth) if depth < pieces else np.repeat(part, depth // pieces, 0) for part in (K, L)
        )
    else:
        factor = _factors(kind, depth)[:, None, None]
        own_K, own_L = (part + factor * _drawn(part.shape[1:], rng) for part in (K, L))
    x0, b, target = (_drawn((rows, 2), rng) for rows in (d, m, d))
    return Sequence(f"{kind}, N={depth}", K, L, own_K, own_L, x0, b, target, a=0.125)


def _drawn(shape: tuple[int, ...], rng: Generator) -> Values:
    return np.asarray(np.round(rng.standard_normal(shape) * 2**10) / 2**11)


def _factors(kind: str, depth: int) -> Values:
    """A number for each layer; weakly convergent to 0 in L^2."""
    n = np.arange(depth)
    if kind == "alternating":
        return np.asarray((-1.0) ** n, dtype=np.float64)
    if kind == "waves":
        turn = 2 * np.pi * round(depth**0.5)
        return np.asarray(np.diff(np.sin(turn * np.arange(depth + 1) / depth)) * depth / turn, dtype=np.float64)
    return np.asarray(np.where(n == depth // 3, depth**0.5, 0.0), dtype=np.float64)


def extremal() -> list[tuple[Claim, Sequence]]:
    """Sequences on the line that attain the bounds, or come near."""
    slow, one = np.full((4, 1, 1), 2.0**-10), np.ones((1, 1))
    steady = Sequence("extremal: slow decay", slow[:1], 0 * slow[:1], slow, 0 * slow, one, 0 * one, -one, 1.0)
    pulled = replace(steady, name="extremal: slow decay, pulled back", target=3 * one)
    spike = np.array([0.0, 4.0, 0.0, 0.0])[:, None, None]
    zero = 0 * spike
    layer = Sequence("extremal: one layer does all", zero[:1], zero[:1], spike, zero, one, 0 * one, 0 * one, 0.1249)
    return [(LOSSES, steady), (LIMINF, steady), (LIMSUP, pulled), (RECOVERY, steady), (COERCIVE, layer)]


def named(name: str, seed: int) -> tuple[Sequence, ...]:
    """The sequences that the suite calls by a name, with this seed."""
    found = [case for _, case in extremal() if case.name == name]
    kind, _, depth = name.partition(", N=")
    if (
        kind in (*KINDS, "averages")
        and depth.isascii()
        and depth.isdigit()
        and int(depth) in {n for depths in DEPTHS.values() for n in depths}
    ):
        found.append(sequence(kind, int(depth), _task(kind, DEPTHS["small"]).generator(seed)))
    return tuple(found)


def _weak(kind: str, depths: tuple[int, ...], rng: Generator) -> list[Result]:
    """Every depth has the same limit: the generator starts anew."""
    cases = _cases(kind, depths, rng)
    results = [gamma_parts.assess(claim, case) for claim in (LOSSES, LIMINF) for case in cases]
    gaps = [result for result in results if result.claim == LIMINF.id]
    title = f"Lower limit along parameters that converge weakly: {kind}"
    plot = _plot(LIMINF, f"liminf-{kind}", title, depths, gaps, r"$J(\theta)-J_N(\theta_N)$")
    return [replace(result, plots=(plot,)) if result is gaps[-1] else result for result in results]


def _recovered(kind: str, depths: tuple[int, ...], rng: Generator) -> list[Result]:
    cases = _cases(kind, depths, rng)
    results = [gamma_parts.assess(claim, case) for claim in (LOSSES, LIMSUP, RECOVERY) for case in cases]
    higher = [replace(case, name=f"{case.name}, p=4", power=4) for case in cases]
    gaps = [result for result in results if result.claim == LIMSUP.id]
    title = "Upper limit along averages over layers"
    plot = _plot(LIMSUP, "limsup", title, depths, gaps, r"$J_N(P_N\theta)-J(\theta)$")
    results = [replace(result, plots=(plot,)) if result is gaps[-1] else result for result in results]
    results += [gamma_parts.assess(claim, case) for claim in (LIMSUP, RECOVERY) for case in higher]
    values = _drawn((129, 5), rng)
    nodes = (Nodes(f"path of 128 pieces, every {k}th node", values, k) for k in (4, 8, 16, 32))
    return results + [interpolation.assess(SLOPES, case) for case in nodes]


def _cases(kind: str, depths: tuple[int, ...], rng: Generator) -> list[Sequence]:
    state = rng.bit_generator.state
    found = []
    for depth in depths:
        rng.bit_generator.state = state
        found.append(sequence(kind, depth, rng))
    return found


def _plot(claim: Claim, name: str, title: str, depths: tuple[int, ...], results: list[Result], label: str) -> Plot:
    x = tuple(float(np.log2(depth)) for depth in depths)
    curves = (
        Curve("bound", x, tuple(result.bracket.theory or np.nan for result in results)),
        Curve(label, x, tuple(result.bracket.upper or np.nan for result in results), "points"),
    )
    return Plot(claim.id, name, title, r"$\log_2$ of the number of layers", "value", curves)


def with_l1(kind: str, depth: int, rng: Generator) -> TrainingCase:
    """A path with the l1 norm, d = 3, m = 2, and its averages over layers, or constant and alternating parameters."""
    samples = _drawn((3, 2), rng), _drawn((2, 2), rng), _drawn((3, 2), rng)
    problem = Problem(*samples, Free(3, 2, L1(1.0), weight=0.25), Lp(0.125), 1)
    name = f"l1, {kind}, N={depth}"
    if kind == "averages":
        theta = _drawn((PIECES, 15), rng)
        own = np.concatenate([averages(theta, depth), np.zeros((PIECES - depth, 15))])
    else:
        point, swing = _drawn((15,), rng), _drawn((15,), rng)
        point[:9] += 3 * np.eye(3).ravel()
        theta = np.tile(point, (depth, 1))
        own = point + swing * _factors(kind, depth)[:, None]
    return TrainingCase(name, problem, (depth,), np.stack([theta, own]))


def extremal_with_l1() -> list[tuple[Claim, TrainingCase]]:
    """A slow decay far from zero, where the bounds are attained, or nearly."""
    theta, one = np.tile([2.0**-10, 0.0], (2, 4, 1)), np.ones((1, 1))
    found = []
    for claim, target in ((gamma_nonlinear.LIMSUP, 3 * one), (gamma_nonlinear.LIMINF, -one)):
        problem = Problem(one, 0 * one, target, Free(1, 1, L1(1.0), weight=0.0), Lp(1.0), 1)
        found.append((claim, TrainingCase(f"extremal: slow decay to {target.item():g}", problem, (4,), theta)))
    return found


def _with_l1(size: str, rng: Generator) -> list[Result]:
    state, results = rng.bit_generator.state, []
    for claim, kind, depths in L1_DEPTHS[size]:
        for depth in depths:
            rng.bit_generator.state = state
            results.append(gamma_nonlinear.assess(claim, with_l1(kind, depth, rng)))
    return results


def _extremal(rng: Generator) -> list[Result]:
    """Bounds on the instances that attain them, and smaller ones."""
    known = extremal()
    line = Nodes("extremal: a straight line", np.arange(9.0)[:, None], 4)
    return [
        *(gamma_parts.assess(claim, case) for claim, case in known),
        *(gamma_parts.assess(planted(claim), case, 0.99) for claim, case in known),
        interpolation.assess(SLOPES, line),
        interpolation.assess(planted(SLOPES), line, 0.99),
        *(gamma_nonlinear.assess(claim, case) for claim, case in extremal_with_l1()),
        *(gamma_nonlinear.assess(planted(claim), case, 0.99) for claim, case in extremal_with_l1()),
    ]


def _task(kind: str, depths: tuple[int, ...]) -> Task:
    run = _recovered if kind == "averages" else _weak
    return Task(f"learning: sequences, {kind}", partial(run, kind, depths))


def tasks(size: str) -> list[Task]:
    """The tasks of this part of the suite."""
    return [
        *(_task(kind, DEPTHS[size]) for kind in (*KINDS, "averages")),
        Task("learning: extremal sequences", _extremal),
        Task("learning: sequences with an l1 part", partial(_with_l1, size)),
    ]


CLAIMS = (
    *gamma_parts.CLAIMS,
    *gamma_nonlinear.CLAIMS,
    SLOPES,
    *map(planted, (*gamma_parts.CLAIMS, *gamma_nonlinear.CLAIMS, SLOPES)),
)
"""The claims of these tasks, with their planted errors."""
