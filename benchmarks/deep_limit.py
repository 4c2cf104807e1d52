"""Certified distances from the deep-layer limit: what they cost beside a forward pass, in time and in memory.

    python benchmarks/deep_limit.py [ratio | large]

``ratio``: d = 50, m = 25, N = 1024, one sample and 16: seconds of the forward pass, of the enclosures of eigenvalues
and norms alone, of the certificate, and its ratio to the forward pass with and less the enclosures; K constant or
a straight line.  ``large``: N = 10^5, d = 20: seconds and peak memory.  One BLAS thread; CPU seconds, best of three.
"""

import os
import resource
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402

from fbscheck.certify.spectra import eigenvalue_bounds, norms_upper, symmetric_part  # noqa: E402
from fbscheck.functions import L1  # noqa: E402
from fbscheck.limit import ParameterPath, Piecewise, error_curve  # noqa: E402


def seconds(run: Callable[[], object], times: int = 3) -> float:
    """CPU seconds, the best of some."""
    found = []
    for _ in range(times):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found)


def path(dimension: int, changing: bool) -> ParameterPath:
    """An L1 flow with a Gaussian matrix, whose K moves along a line or not at all."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((dimension // 2, dimension)) / np.sqrt(dimension // 2)
    K = A.T @ A
    moved = K + 0.3 * rng.standard_normal(K.shape) / np.sqrt(dimension)
    return ParameterPath(Piecewise.lines(np.stack([K, moved])) if changing else K, A.T, 0.1, L1(1.0), 1)


def enclosures(of: ParameterPath, depth: int) -> None:
    """What the certificate needs to know of matrices: least eigenvalues at all nodes, norms of all layers."""
    network = of.network(depth)
    K = network.parameters[0]
    known, transitions = (part[:1] if part.strides[0] == 0 else part for part in (K, network.layers.transitions))
    eigenvalue_bounds(*symmetric_part(known))
    norms_upper(transitions)


def ratio() -> None:
    """The table of ratios."""
    print("K         samples  forward  enclosures  certificate  ratio  ratio less enclosures")
    rng = np.random.default_rng(1)
    for changing in (False, True):
        of = path(50, changing)
        network = of.network(1024)
        for samples in (1, 16):
            x0, b = rng.standard_normal((50, samples)), rng.standard_normal((25, samples))
            forward, known = seconds(lambda: network(x0, b)), seconds(lambda: enclosures(of, 1024))
            found = seconds(lambda: error_curve(of, x0, b, 1024))
            name = "line" if changing else "constant"
            print(
                f"{name:9} {samples:7} {forward:8.4f} {known:11.4f} {found:12.4f} {found / forward:6.1f} "
                f"{(found - known) / forward:22.1f}",
                flush=True,
            )


def large() -> None:
    """N = 10^5, d = 20."""
    rng = np.random.default_rng(1)
    for changing in (False, True):
        of, x0, b = path(20, changing), rng.standard_normal(20), rng.standard_normal(10)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        took = seconds(lambda: error_curve(of, x0, b, 10**5), times=1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        name = "line" if changing else "constant"
        print(f"N = 10^5, d = 20, K {name}: {took:.1f} s, peak memory {peak:.0f} MB, {before:.0f} MB of it before")


def main() -> None:
    """Run what is named, or everything."""
    for name in sys.argv[1:] or ["ratio", "large"]:
        {"ratio": ratio, "large": large}[name]()


if __name__ == "__main__":
    main()
