"""Batched proximal maps of 10,000 vectors of length 256, against one numpy pass of the same arithmetic.

    python benchmarks/catalogue.py

The pass is the formula alone, written by hand for float64 arrays of the right shape: no checks, no safeguards
against overflow.  Where the formula needs an order, the pass sorts.
"""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fbscheck import functions as fb

Values = npt.NDArray[np.float64]

LENGTH, SAMPLES, STEP, REPEATS = 256, 10_000, 0.7, 5


def soft(u: Values, t: float) -> Values:
    """Soft thresholding."""
    return np.sign(u) * np.maximum(np.abs(u) - t, 0.0)


def simplex(u: Values) -> Values:
    """The sorting algorithm."""
    ordered = -np.sort(-u, axis=0)
    levels = (np.cumsum(ordered, axis=0) - 1) / np.arange(1, len(u) + 1)[:, None]
    count = np.sum(ordered > levels, axis=0)
    return np.maximum(u - levels[count - 1, np.arange(u.shape[1])], 0.0)


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
    "box": (fb.Box(-1.0, 1.0), lambda u: np.clip(u, -1.0, 1.0)),
    "Huber": (fb.Huber(1.0), lambda u: np.where(np.abs(u) <= 1 + STEP, u / (1 + STEP), u - STEP * np.sign(u))),
    "hinge": (fb.Hinge(), lambda u: np.maximum(u, np.minimum(u + STEP, 1.0))),
    "quantile": (fb.Quantile(0.3), lambda u: u - np.clip(u, -0.7 * STEP, 0.3 * STEP)),
    "Berhu": (fb.Berhu(1.0), lambda u: np.where(np.abs(u) <= 1 + STEP, soft(u, STEP), u / (1 + STEP))),
    "log barrier": (fb.LogBarrier(), lambda u: (u + np.sqrt(u * u + 4 * STEP)) / 2),
    "Kullback-Leibler": (fb.KullbackLeibler(2.0), lambda u: (u - STEP + np.sqrt((u - STEP) ** 2 + 8 * STEP)) / 2),
    "half-space": (
        fb.Halfspace(np.ones(LENGTH)),
        lambda u: u - np.maximum(np.ones(LENGTH) @ u, 0.0) / LENGTH * np.ones((LENGTH, 1)),
    ),
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
        ours, theirs = seconds(lambda g=g: g.prox(u, STEP)), seconds(lambda formula=formula: formula(u))  # type: ignore[misc]
        apart = np.max(np.abs(g.prox(u, STEP) - formula(u)))
        print(f"{name:18}{ours:8.3f} s{theirs:8.3f} s{ours / theirs:7.2f} times{apart:9.1e} apart")


if __name__ == "__main__":
    main()
