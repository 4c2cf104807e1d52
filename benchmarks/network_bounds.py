"""Lipschitz brackets of unrolled networks in depth: certified from above, attained from below, against others.

    python benchmarks/network_bounds.py [table | scaling | large | KIND:DIMENSION:DEPTH ...]

``table``: b -> x_N for ISTA (A Gaussian, m = d/2, entries N(0, 1/m), h = 1/|A|^2) and LISTA-like layers
(W_n = h_n (A^T + 0.3 |A| G / |G|), h_n uniform in [.7, 1.3] / |A|^2); ``lista:100:200`` is one line of it.
``scaling``: seconds of one evaluation and of one certification as N grows.  ``large``: N = 2000, d = 200, and
the memory it takes.  One BLAS thread throughout; seconds are CPU seconds.
"""

import math
import os
import resource
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import eclipse  # noqa: E402
import numpy as np  # noqa: E402

from fbscheck.errors import SolverError  # noqa: E402
from fbscheck.network.adjoint import sweep  # noqa: E402
from fbscheck.network.comparisons import combettes_pesquet, injected_products, product_of_norms  # noqa: E402
from fbscheck.network.dissipation import certified_bound, certify  # noqa: E402
from fbscheck.network.layers import Layers  # noqa: E402
from fbscheck.network.lower import class_lower  # noqa: E402
from fbscheck.network.multipliers import optimise  # noqa: E402
from fbscheck.network.riccati import recursion  # noqa: E402

DIMENSIONS, DEPTHS = (10, 50, 100), (4, 10, 50, 200)
EVALUATIONS = {4: 1000, 10: 1000, 50: 300, 200: 100}
"""Budget of the descent, by depth; certification comes on top."""
ROUNDS = 10
"""How often the patterns that attain most are disturbed and followed again."""


def ista(dimension: int, depth: int, seed: int = 0) -> Layers:
    """Unrolled ISTA, all layers views of one."""
    rng, m = np.random.default_rng(seed), dimension // 2
    a = rng.standard_normal((m, dimension)) / np.sqrt(m)
    step = 1 / np.linalg.norm(a, 2) ** 2
    transition, injection = np.eye(dimension) - step * a.T @ a, step * a.T
    return Layers(
        np.broadcast_to(transition, (depth, *transition.shape)), np.broadcast_to(injection, (depth, *injection.shape))
    )


def lista(dimension: int, depth: int, seed: int = 0) -> Layers:
    """Layers that look like trained ones."""
    rng, m = np.random.default_rng(seed), dimension // 2
    a = rng.standard_normal((m, dimension)) / np.sqrt(m)
    size = np.linalg.norm(a, 2)
    injections = []
    for _ in range(depth):
        noise = rng.standard_normal((dimension, m))
        injections.append(rng.uniform(0.7, 1.3) / size**2 * (a.T + 0.3 * size * noise / np.linalg.norm(noise, 2)))
    return Layers(np.eye(dimension) - np.array(injections) @ a, np.array(injections))


def row(kind: str, dimension: int, depth: int) -> None:
    """Print one line of the table."""
    layers = {"ista": ista, "lista": lista}[kind](dimension, depth)
    began, problem = time.process_time(), recursion(layers)
    first = certified_bound(problem, problem.safe())
    told = [time.process_time() - began]
    optimum = optimise(problem, evaluations=EVALUATIONS[depth], accuracy=1e-3)
    upper, multipliers = certify(problem, optimum.multipliers)
    told.append(time.process_time() - began)
    began = time.process_time()
    lower = class_lower(layers, starts=64, trail=problem.backward(multipliers), rounds=ROUNDS).bound
    told.append(time.process_time() - began)
    others = [injected_products(layers), product_of_norms(layers)]
    others += [combettes_pesquet(layers)] if depth <= 10 else []
    print(
        f"{kind:6}{dimension:4}{depth:5} {first:8.4f} {upper:8.4f} {optimum.gap:8.1e} {lower:8.4f} {upper / lower:7.4f}"
        f" {upper / optimum.bound - 1:8.1e} {told[0]:6.2f} {told[1]:6.2f} {told[2]:6.2f} "
        + _lipsdp(layers, upper, told[1])
        + _eclipse(layers, lower, upper, told[1])
        + " ".join(f"{other / upper:8.3g}" for other in others),
        flush=True,
    )


def _lipsdp(layers: Layers, upper: float, seconds: float) -> str:
    """Its value and time as ratios to ours, where the program is small."""
    if layers.depth * layers.dimension > 110:
        return f"{'-':>8} {'-':>7} "
    from fbscheck.reference.lipsdp import lipsdp

    began = time.process_time()
    try:
        return f"{lipsdp(layers) / upper:8.5f} {(time.process_time() - began) / seconds:7.2f} "
    except SolverError:
        return f"{'failed':>8} {(time.process_time() - began) / seconds:7.2f} "


def _eclipse(layers: Layers, lower: float, upper: float, seconds: float) -> str:
    """The same for ECLipsE, the fast form and, in small dimension, that with a semidefinite program a layer."""
    told, stages = "", eclipse.chain(layers)
    for fast in (True, False):
        if not fast and len(stages[1]) > 20:
            return told + f"{'-':>9} {'-':>7} "
        began = time.process_time()
        try:
            found = eclipse.bound(stages, fast)
        except SolverError:
            found = math.nan
        if found < lower:
            raise AssertionError(f"ECLipsE says {found}, {lower} is attained")
        told += f"{found / upper:9.4g} {(time.process_time() - began) / seconds:7.2g} "
    return told


def table() -> None:
    """One line a network."""
    eclipse.check()
    print(
        "kind     d    N     safe    upper      gap    lower   ratio    price  first  total  lower LipSDP/up  time ",
        end="",
    )
    print("ECLipsE fast  time   ECLipsE    time")
    print("(then: sum of injected products, product of norms, Combettes-Pesquet; bounds and times are divided by ours)")
    for kind in ("ista", "lista"):
        for dimension in DIMENSIONS:
            for depth in DEPTHS:
                row(kind, dimension, depth)


def scaling() -> None:
    """CPU seconds against N at d = 100, and the exponents of a fit."""
    depths, found = (25, 50, 100, 200, 400), []
    for depth in depths:
        problem = recursion(lista(100, depth))
        safe, kick = problem.safe(), np.ones((100, 1))
        times = []
        for run in (lambda: sweep(problem, safe, 32.0, 1e-3, kick), lambda: certified_bound(problem, safe)):
            began = time.process_time()
            run()
            times.append(time.process_time() - began)
        found.append(times)
        print(f"N = {depth:4}: {times[0]:.3f} s one evaluation, {times[1]:.3f} s one certification", flush=True)
    slopes = [np.polyfit(np.log(depths), np.log(column), 1)[0] for column in np.transpose(found)]
    print(f"time grows like N^{slopes[0]:.2f} and N^{slopes[1]:.2f}")


def large() -> None:
    """N = 2000, d = 200, ISTA: two evaluations, a certified bound, and the peak of resident memory."""
    layers = ista(200, 2000)
    problem = recursion(layers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.process_time()
    optimum = optimise(problem, evaluations=2)
    upper, _ = certify(problem, optimum.multipliers)
    lower = class_lower(layers, starts=4, steps=20).bound
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"N = 2000, d = 200: {lower:.4f} <= bound <= {upper:.4f} in {time.process_time() - began:.0f} s;")
    print(f"peak memory {peak:.0f} MB, {before:.0f} MB of it before")


def main() -> None:
    """Run what is named, or everything."""
    for name in sys.argv[1:] or ["table", "scaling", "large"]:
        if ":" in name:
            kind, dimension, depth = name.split(":")
            row(kind, int(dimension), int(depth))
        else:
            {"table": table, "scaling": scaling, "large": large}[name]()


if __name__ == "__main__":
    main()
