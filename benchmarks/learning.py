"""Training a network of 1024 layers: from few layers to many, beside one quasi-Newton method at the last depth.

    python benchmarks/learning.py [--most STEPS] [--depth N]

Two parameters a layer, K = gamma A^T A, L = gamma A^T, weight lambda; d = 20, m = 12, 40 sparse signals, T = 4, the
penalty of H1.  The other method is scipy's L-BFGS-B with the bounds gamma, lambda >= 0, the plain gradient and the
start gamma = 1, lambda = 0.05 at all times.  Printed are CPU seconds, steps and values found, then the cost of a
gradient in forward passes and the memory of one at 10^5 layers.  One BLAS thread.
"""

import argparse
import os
import resource
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
from scipy.optimize import OptimizeResult, minimize  # noqa: E402

from fbscheck.functions import L1  # noqa: E402
from fbscheck.learning import H1, Alista, Problem, Training  # noqa: E402

START = np.array([1.0, 0.05])
SHOWN = (100, 300, 600, 1000, 2000)
"""Steps of the plain method after which its value is printed."""


def problem(samples: int = 40) -> Problem:
    """Sparse recovery from 12 of 20 measurements."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((12, 20))
    A /= np.linalg.norm(A, 2)
    x = rng.standard_normal((20, samples)) * (rng.random((20, samples)) < 0.15)
    b = A @ x + 0.01 * rng.standard_normal((12, samples))
    return Problem(np.zeros((20, 1)), b, x, Alista(A, A, L1(1.0)), H1(1e-2, 1e-2), horizon=4)


def nested(known: Problem, depth: int) -> tuple[Training, float]:
    """The training, and CPU seconds."""
    began = time.process_time()
    found = known.train(depth, start=START, told=lambda line: None)
    return found, time.process_time() - began


def plain(known: Problem, depth: int, most: int) -> tuple[float, int, int, str, float]:
    """Value, steps, evaluations, scipy's message, and CPU seconds."""
    shape = (depth + 1, 2)

    def value_and_slopes(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        value, gradient = known.value_and_gradient(flat.reshape(shape))
        return value, gradient.ravel()

    began, steps = time.process_time(), 0

    def told(intermediate_result: OptimizeResult) -> None:
        nonlocal steps
        steps += 1
        if steps in SHOWN:
            seconds = time.process_time() - began
            print(f"plain:  {seconds:.2f} s CPU, J_N = {intermediate_result.fun:.9f}, {steps} steps", flush=True)

    found = minimize(
        value_and_slopes,
        np.broadcast_to(START, shape).ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=told,
        bounds=[(0, None)] * (2 * depth + 2),
        options={"maxiter": most, "maxfun": 10 * most, "ftol": 1e-12, "gtol": 1e-9},
    )
    return float(found.fun), int(found.nit), int(found.nfev), str(found.message), time.process_time() - began


def gradient_cost(known: Problem, depth: int, times: int = 5) -> float:
    """Value and gradient in forward passes, the best of some."""
    theta, best = np.tile(START, (depth + 1, 1)), [np.inf, np.inf]
    for _ in range(times):
        for k, call in enumerate((known.value, known.value_and_gradient)):
            began = time.process_time()
            call(theta)
            best[k] = min(best[k], time.process_time() - began)
    return best[1] / best[0]


def main() -> None:
    """Print the comparison."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--most", type=int, default=3000, help="steps of the plain method")
    options.add_argument("--depth", type=int, default=1024, help="N")
    given = options.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    few = problem(10)
    few.value_and_gradient(np.tile(START, (10**5 + 1, 1)))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"a gradient at 10^5 layers, 10 samples: {after - before:.0f} MB above {before:.0f} MB")
    known = problem()
    print(f"a gradient at {given.depth} layers: {gradient_cost(known, given.depth):.2f} forward passes")
    found, seconds = nested(known, given.depth)
    for level, last in zip(found.levels, (None, *found.levels[:-1]), strict=True):
        change = "" if last is None else f", changed by {level.value - last.value:+.2e}"
        print(
            f"depth {level.depth:5}: {level.iterations:4} steps, {level.evaluations:4} gradients, "
            f"J_N = {level.value:.9f}, {level.ending}{change}"
        )
    print(f"nested: {seconds:.2f} s CPU, J_N = {found.value:.9f}", flush=True)
    value, steps, evaluations, message, slow = plain(known, given.depth, given.most)
    print(f"plain:  {slow:.2f} s CPU, J_N = {value:.9f}, {steps} steps, {evaluations} gradients: {message}")
    print(f"{slow / seconds:.1f} times as long, {value - found.value:+.1e} in value")


if __name__ == "__main__":
    main()
