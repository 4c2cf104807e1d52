"""Paths with closed forms for the tests of this room, and distances from them."""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import exact, lower, nearest, norm
from fbscheck.functions import L1, Box, ElasticNet, Function, Huber, NonNegative, SquaredL2, Zero
from fbscheck.limit import ParameterPath, Piecewise
from fbscheck.limit.closed_forms import closed_form

Values = npt.NDArray[np.float64]
R = Fraction
OBSERVATIONS = 2

FUNCTIONS = {
    "Zero": lambda d: Zero(),
    "L1": lambda d: L1(0.5),
    "L1, weights": lambda d: L1(np.linspace(0.1, 1.0, d)),
    "SquaredL2": lambda d: SquaredL2(0.7),
    "ElasticNet": lambda d: ElasticNet(0.3, 0.4),
    "Box": lambda d: Box(-0.5, np.linspace(0.25, 0.75, d)),
    "NonNegative": lambda d: NonNegative(),
    "Huber": lambda d: Huber(0.25, 0.8),
}


def steps(values: Values, rng: np.random.Generator) -> Piecewise:
    """The values on pieces of [0, 1] with random rational ends."""
    inner = rng.choice(np.arange(1, 96), len(values) - 1, replace=False)
    return Piecewise.steps(values, [R(0), *(R(int(k), 96) for k in sorted(inner)), R(1)])


def drawn(name: str, d: int, samples: int, seed: int) -> tuple[ParameterPath, Values, Values]:
    """A path with jumps in K, L and weight, mu of either sign, coordinates that do not see each other; x_0 and b."""
    rng = np.random.default_rng(seed)
    r: Function = FUNCTIONS[name](d)
    K = np.stack([np.diag(rng.uniform(-1.0, 1.5, d)) for _ in range(2)])
    L, weights = rng.standard_normal((3, d, OBSERVATIONS)), rng.uniform(0.1, 1.5, 3)
    path = ParameterPath(steps(K, rng), steps(L, rng), steps(weights, rng), r, 1)
    x0 = rng.standard_normal((d, samples))
    return path, r.prox(x0, 1.0) if r.is_indicator else x0, rng.standard_normal((OBSERVATIONS, samples))


def turning(d: int, samples: int, seed: int) -> tuple[ParameterPath, Values, Values]:
    """The same with a K of which nothing is special, and r = |x|^2/4 or 0."""
    rng = np.random.default_rng(seed)
    K, L = rng.standard_normal((2, d, d)) / np.sqrt(d), rng.standard_normal((2, d, OBSERVATIONS))
    path = ParameterPath(steps(K, rng), steps(L, rng), 1.0, SquaredL2(0.5) if seed % 2 else Zero(), 1)
    return path, rng.standard_normal((d, samples)), rng.standard_normal((OBSERVATIONS, samples))


def at_nodes(path: ParameterPath, x0: Values, b: Values, depth: int) -> Any:
    """The limit at the nodes, as balls (N + 1, d, S)."""
    return closed_form(path, x0, b, [path.horizon * n / depth for n in range(depth + 1)])


def distances(states: Values, truth: Any) -> Values:
    """|x_n - x(t_n)| (N + 1, S) in floating point."""
    return np.asarray(np.linalg.norm(states - nearest(truth), axis=1))


def violations(states: Values, truth: Any, bounds: Values) -> int:
    """How many distances are certainly above their bounds: those that are not clear are enclosed."""
    seen = distances(states, truth)
    unclear = np.argwhere(~(seen * (1 + 1e-9) + 1e-11 < bounds))
    return sum(lower(norm(exact(states[n, :, s]) - truth[n, :, s])) > bounds[n, s] for n, s in unclear)
