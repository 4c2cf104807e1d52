"""Learning problems for tests, by name."""

import numpy as np

from fbscheck.functions import L1, Box, ElasticNet, Function, SquaredL2, Zero
from fbscheck.learning import H1, Alista, Free, Huber, ListaCp, Lp, Problem, SmoothedAbsolute, Squared, Tied
from fbscheck.learning.families import Family
from fbscheck.learning.losses import Loss
from fbscheck.learning.regularisers import Regulariser

D, M, S = 5, 3, 4


def matrix(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((M, D)) / 2


FAMILIES: dict[str, Family] = {
    "free": Free(D, M, L1(0.8)),
    "free, weight fixed": Free(D, M, L1(1.0), weight=0.2),
    "free, box": Free(D, M, Box(-1.0, 1.0), weight=1.0),
    "free, ridge": Free(D, M, SquaredL2(0.7)),
    "free, elastic net": Free(D, M, ElasticNet(0.5, 0.4)),
    "free, linear": Free(D, M, Zero(), weight=0.0),
    "alista": Alista(matrix(1), matrix(2), L1(1.0)),
    "lista-cp": ListaCp(matrix(3), L1(1.0)),
    "tied": Tied(D, M, L1(1.0)),
}
REGULARISERS: dict[str, Regulariser] = {
    "H1": H1(0.3, 0.2, reference=0.1),
    "L2": Lp(0.1),
    "L3": Lp(0.1, 3.0),
    "L1.5": Lp(0.1, 1.5),
}
LOSSES: dict[str, Loss] = {"squared": Squared(), "smoothed absolute": SmoothedAbsolute(0.3), "Huber": Huber(0.5)}


def problem(
    family: str = "free", regulariser: str = "H1", loss: str = "squared", seed: int = 0, horizon: float = 1.5
) -> Problem:
    rng = np.random.default_rng(seed)
    x0, target, b = rng.standard_normal((D, S)), rng.standard_normal((D, S)), rng.standard_normal((M, S))
    return Problem(x0 / 4, b, target, FAMILIES[family], REGULARISERS[regulariser], horizon, LOSSES[loss])


def parameters(known: Problem, depth: int, seed: int = 0) -> np.ndarray:
    """Random ones inside their bounds."""
    rows = known.regulariser.rows(depth)
    theta = 0.5 * np.random.default_rng(seed).standard_normal((rows, known.family.count))
    return np.where(known.family.lower == 0, np.abs(theta) + 0.01, theta)


def nonseparable(r: Function) -> Problem:
    rng = np.random.default_rng(7)
    x0, target, b = rng.standard_normal((4, S)), rng.standard_normal((4, S)), rng.standard_normal((M, S))
    return Problem(x0, b, target, Free(4, M, r, weight=0.3), Lp(0.05), 1.0)
