"""Batched proximal maps of 10,000 vectors of length 256, against one numpy pass of the same arithmetic.

    python benchmarks/catalogue.py

The pass is the formula alone, written by hand for float64 arrays of the right shape: no checks, no safeguards
against overflow.  Where the formula needs an order, the pass sorts.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from fbscheck import functions as fb

Values = npt.NDArray[np.float64]

LENGTH, SAMPLES, STEP, REPEATS = 256, 10_000, 0.7, 5


def soft(u: Values, t: float) -> Values:
    """Soft thresholding."""
    return np.sign(u) * np.maximum(np.abs(u) - t, 0.0)


def groups(u: Values) -> Values:
    """Shrunk groups of each 64th coordinate."""
    parts = u.reshape(4, -1, u.shape[1])
    lengths = np.maximum(np.linalg.norm(parts, axis=0), 1e-300)
    return (parts * np.maximum(1 - STEP / lengths, 0.0)).reshape(u.shape)


def simplex(u: Values) -> Values:
    """The sorting algorithm."""
    ordered = -np.sort(-u, axis=0)
    levels = (np.cumsum(ordered, axis=0) - 1) / np.arange(1, len(u) + 1)[:, None]
    count = np.sum(ordered > levels, axis=0)
    return np.maximum(u - levels[count - 1, np.arange(u.shape[1])], 0.0)


def l1_ball(u: Values) -> Values:
    """The projection of |u| onto the simplex where the sum is beyond 1, with the signs of u."""
    size = np.abs(u)
    return np.where(np.sum(size, axis=0) > 1, np.sign(u) * simplex(size), u)


def cone(u: Values) -> Values:
    """Half of (t + |x|)_+ along (1, x/|x|), where |x| > |t|."""
    t, size = u[0], np.linalg.norm(u[1:], axis=0)
    height = np.where(size <= t, t, np.maximum(t + size, 0.0) / 2)
    return np.vstack([height[None], u[1:] * np.where(size <= t, 1.0, height / size)])


ROWS = np.random.default_rng(1).standard_normal((8, LENGTH))
QUADRATIC = ROWS.T @ ROWS + np.eye(LENGTH)

CASES: dict[str, tuple[fb.Function, Callable[[Values], Values]]] = {
    "l1": (fb.L1(1.0), lambda u: soft(u, STEP)),
    "l2": (fb.L2(1.0), lambda u: u * np.maximum(1 - STEP / np.linalg.norm(u, axis=0), 0.0)),
    "group l2": (
        fb.GroupL2(np.arange(LENGTH) // 4),
        lambda u: (
            u.reshape(-1, 4, u.shape[1])
            * np.maximum(1 - STEP / np.linalg.norm(u.reshape(-1, 4, u.shape[1]), axis=1), 0.0)[:, None]
        ).reshape(u.shape),
    ),
    "group l2, mixed": (fb.GroupL2(np.arange(LENGTH) % 64), groups),
    "sparse group": (fb.SparseGroup(np.arange(LENGTH) % 64, 0.1, 1.0), lambda u: groups(soft(u, 0.1 * STEP))),
    "elastic net": (fb.ElasticNet(1.0, 2.0), lambda u: soft(u, STEP) / (1 + 2 * STEP)),
    "squared l2": (fb.SquaredL2(2.0), lambda u: u / (1 + 2 * STEP)),
    "nonnegative": (fb.NonNegative(), lambda u: np.maximum(u, 0.0)),
    "l2 ball": (fb.L2Ball(1.0), lambda u: u / np.maximum(np.linalg.norm(u, axis=0), 1.0)),
    "box": (fb.Box(-1.0, 1.0), lambda u: np.clip(u, -1.0, 1.0)),
    "Huber": (fb.Huber(1.0), lambda u: np.where(np.abs(u) <= 1 + STEP, u / (1 + STEP), u - STEP * np.sign(u))),
    "hinge": (fb.Hinge(), lambda u: np.maximum(u, np.minimum(u + STEP, 1.0))),
    "squared hinge": (fb.SquaredHinge(), lambda u: np.where(u < 1, (u + STEP) / (1 + STEP), u)),
    "leaky rectifier": (fb.LeakyRectifier(0.1), lambda u: np.where(u >= 0, u, u / (1 + 9 * STEP))),
    "quantile": (fb.Quantile(0.3), lambda u: u - np.clip(u, -0.7 * STEP, 0.3 * STEP)),
    "Berhu": (fb.Berhu(1.0), lambda u: np.where(np.abs(u) <= 1 + STEP, soft(u, STEP), u / (1 + STEP))),
    "log barrier": (fb.LogBarrier(), lambda u: (u + np.sqrt(u * u + 4 * STEP)) / 2),
    "Kullback-Leibler": (fb.KullbackLeibler(2.0), lambda u: (u - STEP + np.sqrt((u - STEP) ** 2 + 8 * STEP)) / 2),
    "half-space": (
        fb.Halfspace(np.ones(LENGTH)),
        lambda u: u - np.maximum(np.ones(LENGTH) @ u, 0.0) / LENGTH * np.ones((LENGTH, 1)),
    ),
    "hyperplane": (fb.Hyperplane(np.ones(LENGTH)), lambda u: u - (np.ones(LENGTH) @ u) / LENGTH * np.ones((LENGTH, 1))),
    "affine set": (
        fb.AffineSet(ROWS, np.ones(8)),
        lambda u: u - ROWS.T @ np.linalg.solve(ROWS @ ROWS.T, ROWS @ u - 1.0),
    ),
    "second-order cone": (fb.SecondOrderCone(), cone),
    "quadratic": (
        fb.Quadratic(QUADRATIC, np.ones(LENGTH)),
        lambda u: np.linalg.solve(np.eye(LENGTH) + STEP * QUADRATIC, u - STEP),
    ),
    "distance to a box": (
        fb.Distance(fb.Box(-1.0, 1.0), 1.0),
        lambda u: (
            u
            - (u - np.clip(u, -1.0, 1.0))
            * np.minimum(1.0, STEP / np.maximum(np.linalg.norm(u - np.clip(u, -1.0, 1.0), axis=0), STEP))
        ),
    ),
    "l1 ball": (fb.L1Ball(1.0), l1_ball),
    "maximum norm": (fb.LInf(1.0), lambda u: u - STEP * l1_ball(u / STEP)),
    "simplex": (fb.Simplex(), simplex),
    "maximum": (fb.Max(), lambda u: u - STEP * simplex(u / STEP)),
}


def seconds(call: Callable[[], Values]) -> float:
    """The least CPU time of a few calls."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print one line a function: both times, their ratio, and how far the results are apart."""
    u = np.random.default_rng(0).standard_normal((LENGTH, SAMPLES))
    for name, (g, formula) in CASES.items():
        ours, theirs = seconds(partial(g.prox, u, STEP)), seconds(partial(formula, u))
        apart = np.max(np.abs(g.prox(u, STEP) - formula(u)))
        print(f"{name:18}{ours:8.3f} s{theirs:8.3f} s{ours / theirs:7.2f} times{apart:9.1e} apart")


if __name__ == "__main__":
    main()
