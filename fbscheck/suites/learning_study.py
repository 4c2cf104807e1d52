"""A numerical experiment on convergence: networks of 4 to 1024 layers, trained one after the other.

Three problems.  Sparse recovery of digits: blocks of 4 x 4 pixels of scikit-learn's images, their three largest
coefficients in the cosine dictionary, from ten random measurements.  Deblurring of piecewise constant signals with
Haar wavelets, whose shrinkage is total variation on pairs of neighbours.  The same with the proximal map of total
variation itself, which is known in floating point alone.  A part of suite "learning".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, final

import numpy as np
import scipy.fft

from fbscheck.claims.learning import trained_paths
from fbscheck.claims.learning.trained_paths import Study, TrainedPaths
from fbscheck.errors import MissingToolError
from fbscheck.functions import L1, SeparableSum, TotalVariation, Zero
from fbscheck.judge import undecided
from fbscheck.learning import H1, Alista, Problem
from fbscheck.learning.descent import Descent, descend
from fbscheck.network.layers import Values
from fbscheck.suites.data import digits
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Curve, Plot, Result

__all__ = ["CLAIMS", "Trained", "named", "problem", "study", "tasks", "trained"]

Generator = np.random.Generator
SAMPLES = 40
"""Samples to train with, and as many that are held out."""
PENALTY, HORIZON, START = H1(0.01, 0.02), 2.0, np.array([1.0, 0.02])
NAMES = ("digits", "deblurring, Haar", "deblurring, TV")
DEEPEST = {
    "small": {"digits": 64, "deblurring, Haar": 64},
    "full": {"digits": 1024, "deblurring, Haar": 1024, "deblurring, TV": 64},
    "large": {"digits": 1024, "deblurring, Haar": 1024, "deblurring, TV": 1024},
}
WRONG = ("deblurring, Haar", 32)
"""Where errors are planted."""
REFINE = 16
CLAIMS: tuple[Claim, ...] = (*trained_paths.CLAIMS, *trained_paths.PLANTED)


@final
@dataclass(frozen=True, eq=False)
class Trained:
    """Paths, and for each depth what the descent said and J_N after each of its steps."""

    paths: TrainedPaths
    descents: tuple[Descent, ...]
    curves: tuple[tuple[float, ...], ...]


def problem(name: str) -> tuple[Problem, Problem]:
    """One of ``NAMES``, with samples to train with and with others that are held out.

    Raises
    ------
    MissingToolError
        If scikit-learn is needed and not installed.
    """
    rng = np.random.default_rng(0)
    return _digits(rng) if name == "digits" else _deblurring(name.endswith("TV"), rng)


def study(name: str, deepest: int, refine: int = REFINE) -> Study:
    """A problem at depths 4, 8, ... ``deepest``."""
    depths = tuple(4 * 2**k for k in range((deepest // 4).bit_length()))
    return Study(_called(name, deepest, refine), *problem(name), START, depths, refine)


def named(name: str) -> tuple[Study, ...]:
    """The studies that the suite calls by a name."""
    rows = {(*row, REFINE) for of in DEEPEST.values() for row in of.items()} | {(*WRONG, REFINE), (*WRONG, 1)}
    try:
        return tuple(study(*row) for row in sorted(rows) if _called(*row) == name)
    except MissingToolError:
        return ()


def _called(name: str, deepest: int, refine: int) -> str:
    return f"{name}, N=4 to {deepest}" + ("" if refine == REFINE else ", not refined")


def trained(of: Study, shuffle: Callable[[int], Values] | None = None) -> Trained:
    """Train at each depth, starting where the last one ended, with what that has learnt of second derivatives.

    ``shuffle`` gives the labels to train with, by the depth, in place of the right ones.
    """
    known, paths, descents, curves = of.problem, [], [], []
    theta, secants = np.array(np.broadcast_to(of.start, (of.depths[0] + 1, len(of.start)))), None
    refined = known.regulariser.refined
    for depth in of.depths:
        current = known if shuffle is None else replace(known, target=shuffle(depth))
        curve: list[tuple[int, float, float]] = []
        found = descend(current, theta, secants=secants, told=partial(_noted, curve))
        paths.append(found.parameters)
        descents.append(found)
        curves.append(tuple(value for _, value, _ in curve))
        theta, secants = refined(found.parameters), found.secants.refined(refined)
    return Trained(TrainedPaths(of, tuple(paths)), tuple(descents), tuple(curves))


def _noted(curve: list[tuple[int, float, float]], *step: Any) -> None:
    curve.append(step)


def tasks(size: str) -> list[Task]:
    """The tasks of this part of the suite."""
    rows = [Task(f"learning: {name}, to {n} layers", partial(_study, name, n)) for name, n in DEEPEST[size].items()]
    return [*rows, Task("learning: errors planted in training", _planted)]


def _digits(rng: Generator) -> tuple[Problem, Problem]:
    blocks = digits()[: 2 * SAMPLES // 4].reshape(-1, 2, 4, 2, 4).transpose(0, 1, 3, 2, 4).reshape(-1, 4, 4) / 16
    x = scipy.fft.dctn(blocks, axes=(1, 2), norm="ortho").reshape(-1, 16).T
    x = np.where(np.abs(x) >= -np.sort(-np.abs(x), axis=0)[2], x, 0.0)
    A = rng.standard_normal((10, 16))
    A /= np.linalg.norm(A, axis=0)
    A /= np.linalg.norm(A, 2)
    b = A @ x + 0.02 * rng.standard_normal((10, x.shape[1]))
    return _halves(np.zeros_like(x), b, x, Alista(A, A, L1(1.0)))


def _deblurring(variation: bool, rng: Generator) -> tuple[Problem, Problem]:
    """Signals with three jumps on average, blurred by a Gaussian of width 1.5; coordinates are those of the prox."""
    d = 16 if variation else 32
    places = np.arange(d)
    blur = np.exp(-((places[:, None] - places) ** 2) / 4.5)
    blur /= blur.sum(axis=1, keepdims=True)
    jumps = (rng.random((d, 2 * SAMPLES)) < 3 / d) * rng.standard_normal((d, 2 * SAMPLES))
    x = np.cumsum(jumps, axis=0)
    b = blur @ x + 0.1 * rng.standard_normal(x.shape)
    if variation:
        return _halves(b, b, x, Alista(blur, blur, TotalVariation(1.0)))
    Q = _haar(d)
    A = blur @ Q.T
    return _halves(Q @ b, b, Q @ x, Alista(A, A, SeparableSum((Zero(), L1(1.0)), (1, d - 1))))


def _halves(x0: Values, b: Values, x: Values, family: Alista) -> tuple[Problem, Problem]:
    first, rest = (
        Problem(x0[:, part], b[:, part], x[:, part], family, PENALTY, HORIZON)
        for part in (slice(SAMPLES), slice(SAMPLES, None))
    )
    return first, rest


def _haar(d: int) -> Values:
    """The orthogonal matrix of Haar wavelets on d = 2^k points, the mean first."""
    if d == 1:
        return np.ones((1, 1))
    rows = [np.kron(_haar(d // 2), [1.0, 1.0]), np.kron(np.eye(d // 2), [1.0, -1.0])]
    return np.asarray(np.vstack(rows) / np.sqrt(2))


def _study(name: str, deepest: int, rng: Generator) -> list[Result]:
    try:
        of = study(name, deepest)
    except MissingToolError as missing:
        return [undecided(claim, name, str(missing)) for claim in trained_paths.CLAIMS]
    found = trained(of)
    claims = [claim for claim in trained_paths.CLAIMS if claim.unmet(found.paths) is None]
    results = [trained_paths.assess(claim, found.paths) for claim in claims]
    return [replace(results[0], plots=pictures(found)), *results[1:]]


def _planted(rng: Generator) -> list[Result]:
    of = study(*WRONG)
    labels, order = of.problem.target, rng.permutation(SAMPLES)
    right = trained(of).paths
    shuffled = trained(of, lambda depth: labels[:, order]).paths
    now_and_then = trained(of, lambda depth: labels[:, order] if of.depths.index(depth) % 2 else labels).paths
    coarse = TrainedPaths(study(*WRONG, 1), right.theta)
    cases = (right, now_and_then, coarse, right, shuffled)
    return [trained_paths.assess(claim, case) for claim, case in zip(trained_paths.PLANTED, cases, strict=True)]


def pictures(found: Trained) -> tuple[Plot, ...]:
    """Values, differences, training curves, paths, and losses on samples that were and were not trained with."""
    case = found.paths
    of, depths = case.study, case.study.depths
    tag = "".join(c if c.isalnum() else "-" for c in of.name.lower())
    levels = tuple(float(np.log2(depth)) for depth in depths)

    def plot(name: str, title: str, x: str, y: str, curves: tuple[Curve, ...], **settings: Any) -> Plot:
        title = f"{of.name}: {title}"
        return Plot(trained_paths.VALUES.id, f"{name}-{tag}", title, x, y, curves, **settings)

    values = np.array([descent.value for descent in found.descents])
    limits = (case.limit.lower, case.limit.upper) if case.enclosed else ()
    depth_label = r"$\log_2$ of the number of layers"
    ends = tuple(
        Curve(f"limit of the last path, {word}", levels, (float(end or np.nan),) * len(levels))
        for word, end in zip(("at least", "at most"), limits, strict=False)
    )
    gaps = tuple(float(abs(fine - coarse)) for coarse, fine in pairwise(values))
    apart = tuple(low for low, _ in case.distances)
    rule = tuple(gaps[-1] * depths[-2] / depth for depth in depths[:-1])
    return (
        plot(
            "values",
            "local minima found",
            depth_label,
            "$J_N$",
            (Curve("found", levels, tuple(values), "points"), *ends),
        ),
        plot(
            "differences",
            "differences of successive depths",
            depth_label,
            "difference",
            (
                Curve("values", levels[:-1], gaps, "points"),
                Curve("first order", levels[:-1], rule),
                Curve("paths, in H1", levels[:-1], apart),
                Curve("paths, largest", levels[:-1], _largest(case)),
            ),
            log_y=True,
        ),
        plot("training", "training", "step", "$J_N$", _training(found)),
        plot("step", "step size of the path", "$t$", r"$\gamma$", _paths(case, 0)),
        plot("weight", "weight of the path", "$t$", r"$\lambda$", _paths(case, 1)),
        plot("losses", "mean losses", depth_label, "loss", _losses(case)),
    )


def _largest(case: TrainedPaths) -> tuple[float, ...]:
    refined = case.study.problem.regulariser.refined
    return tuple(float(np.abs(fine - refined(coarse)).max()) for coarse, fine in pairwise(case.theta))


def _training(found: Trained) -> tuple[Curve, ...]:
    """J_N over the steps of all depths, one after the other."""
    values = tuple(value for curve in found.curves for value in curve)
    firsts = np.cumsum([0, *map(len, found.curves[:-1])]).tolist()
    return (
        Curve("after each step", tuple(map(float, range(len(values)))), values),
        Curve("twice as many layers", tuple(map(float, firsts[1:])), tuple(values[k] for k in firsts[1:]), "points"),
    )


def _paths(case: TrainedPaths, column: int) -> tuple[Curve, ...]:
    time = float(case.study.problem.horizon)
    return tuple(
        Curve(f"N={len(theta) - 1}", tuple(np.linspace(0, time, len(theta)).tolist()), tuple(theta[:, column].tolist()))
        for theta in (*case.theta[:4], case.theta[-1])
    )


def _losses(case: TrainedPaths) -> tuple[Curve, ...]:
    of, levels = case.study, tuple(float(np.log2(depth)) for depth in case.study.depths)

    def losses(known: Problem, theta: tuple[Values, ...]) -> tuple[float, ...]:
        return tuple(known.value(path) - float(PENALTY(path, HORIZON)) for path in theta)

    start = tuple(np.array(np.broadcast_to(of.start, path.shape)) for path in case.theta)
    return (
        Curve("trained with", levels, losses(of.problem, case.theta), "points"),
        Curve("held out", levels, losses(of.held_out, case.theta), "points"),
        Curve("held out, at the start", levels, losses(of.held_out, start)),
    )
