"""ECLipsE for unrolled networks: the bound of a chain of layers, one stage after the other (a peer, not a proof).

Xu and Sivaranjani (NeurIPS 2024, arXiv 2404.04375) go through a feedforward network z_i = phi(A_i z_{i-1}), i < l,
z_l = A_l z_{l-1} once, from the first layer on.  With slopes of phi in [0, 1] and X_0 = I,

    X_i = Lambda_i - Lambda_i K_i Lambda_i / 4,   K_i = A_i X_{i-1}^{-1} A_i^T,   bound^2 = |A_l X_{l-1}^{-1} A_l^T|,

where Lambda_i >= 0 is diagonal with X_i positive definite: *fast*, 2 / |K_i| times the identity; otherwise the one for
which X_i >= s A_{i+1}^T A_{i+1} with the greatest s, a semidefinite program a layer.  A layer is greedy: it does not
know what comes after the next one.  At the optimum X_i may be singular: 1e-6 of the fast multipliers are blended in,
which keeps it definite, since X_i is concave in them.  Where b enters every layer the state is (x, b), with the
identity for b.  Everything is floating point.  Written from the formulas; :func:`check` compares with closed forms,
among them a chain whose first layer matters.
"""

import math

import cvxpy as cp
import numpy as np
import numpy.typing as npt

from fbscheck.network.layers import Layers
from fbscheck.reference.modelling import solve

Values = npt.NDArray[np.float64]

BLEND = 1e-6
"""The share of the fast multipliers."""


def chain(layers: Layers) -> list[Values]:
    """A_1, ..., A_l for b -> x_N: the first takes b alone, the last is (x, b) -> x."""
    d, m = layers.dimension, layers.observations
    kept = np.eye(m, d + m, d)
    stages = [np.vstack([np.hstack(pair), kept]) for pair in zip(layers.transitions, layers.injections, strict=True)]
    return [stages[0][:, d:], *stages[1:], np.eye(d, d + m)]


def bound(stages: list[Values], fast: bool = True) -> float:
    """The bound of a chain; inf where a stage ends without a positive definite X.

    Raises
    ------
    SolverError
        If no solver calls its answer optimal.
    """
    inverse = np.eye(stages[0].shape[1])
    for stage, following in zip(stages[:-1], stages[1:], strict=True):
        gram = stage @ inverse @ stage.T
        gram = (gram + gram.T) / 2
        multipliers = np.full(len(gram), 2 / np.linalg.norm(gram, 2))
        if not fast:
            multipliers = (1 - BLEND) * _best(gram, following) + BLEND * multipliers
        storage = np.diag(multipliers) - multipliers[:, None] * gram * multipliers / 4
        if not np.linalg.eigvalsh(storage)[0] > 0:
            return math.inf
        inverse = np.linalg.inv(storage)
    return math.sqrt(np.linalg.norm(stages[-1] @ inverse @ stages[-1].T, 2))


def _best(gram: Values, following: Values) -> Values:
    """The diagonal multipliers for which X >= s A^T A with the greatest s, A the following stage."""
    unit = float(np.linalg.norm(gram, 2))
    spectrum, vectors = np.linalg.eigh(gram / unit)
    root = vectors * np.sqrt(np.maximum(spectrum, 0))
    scale, s = cp.Variable(len(gram), nonneg=True), cp.Variable()
    corner = cp.diag(scale) @ root / 2
    top = cp.diag(scale) - s * (following.T @ following)
    solve(cp.Problem(cp.Maximize(s), [cp.bmat([[top, corner], [corner.T, np.eye(len(gram))]]) >> 0]))
    return np.asarray(scale.value) / unit


def check() -> None:
    """Closed forms: numbers have their product, orthogonal layers 1; p(u) - p(v) with u = v has 1, and fast sqrt 2.

    Raises
    ------
    AssertionError
        If a bound is another one.
    """
    rng = np.random.default_rng(0)
    numbers = [np.array([[v]]) for v in (64.0, 0.5, 3.0, 0.25)]
    turns = [np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in range(4)]
    split = [np.array([[1.0], [1.0]]), np.array([[1.0, -1.0]])]
    for fast in (True, False):
        for stages, expected in ((numbers, 24.0), (turns, 1.0), (numbers[1:], 0.375)):
            np.testing.assert_allclose(bound(stages, fast), expected, rtol=1e-5)
    np.testing.assert_allclose(bound(split, False), 1.0, rtol=1e-4)
    np.testing.assert_allclose(bound(split), math.sqrt(2), rtol=1e-12)
