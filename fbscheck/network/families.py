"""The families of networks in use: ISTA, LISTA, LISTA-CP, ALISTA.

All of them shrink by soft thresholding; a threshold is a number a layer, (N,), or one a coordinate, (N, d).
``step`` h only says at which time a layer stands: the horizon is hN, and K, L, lambda are read off with it
(:mod:`fbscheck.network.parameters`).  A matrix that all layers share, given as (., .), is stored once.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.functions import L1, Function
from fbscheck.inputs import Number, finite_array, nonnegative, positive
from fbscheck.network.layers import Values
from fbscheck.network.network import Network

__all__ = ["alista", "ista", "lista", "lista_cp"]


def ista(A: npt.ArrayLike, weight: Number, step: Number, depth: int) -> Network:
    """Proximal gradient steps for ``|Ax - b|^2 / 2 + weight |x|_1``: K = A^T A, L = A^T.

    Parameters
    ----------
    A
        (m, d); A^T A is computed once, in float64.
    weight, step
        lambda >= 0 and h > 0.
    depth
        N >= 1.

    >>> net = ista(np.eye(1), weight=1.0, step=0.5, depth=2)
    >>> net(np.zeros(1), np.array([2.0]))
    array([0.75])
    """
    A = finite_array(A, "A", 2)
    weight = float(nonnegative(weight, "weight", "A negative weight is not convex."))
    step = positive(step, "step", "A step is a length.")
    if not isinstance(depth, int | np.integer) or depth < 1:
        raise InputError(f"Need a depth of one layer or more, got depth={depth!r:.40}.")
    K, L = (np.broadcast_to(part, (depth, *part.shape)) for part in (A.T @ A, A.T))
    return Network(K, L, np.full(depth, weight), L1(1.0), Fraction(step) * depth)


def lista(W1: npt.ArrayLike, W2: npt.ArrayLike, thresholds: npt.ArrayLike, step: Number = 1.0) -> Network:
    """``x_{n+1} = S_{theta_n}(W2_n x_n + W1_n b)``, the matrices and thresholds kept bit for bit.

    Parameters
    ----------
    W1, W2
        (N, d, m) or (d, m), and (N, d, d) or (d, d).
    thresholds
        theta >= 0, (N,) or (N, d).
    step
        h > 0.
    """
    steps, r = _thresholding(thresholds)
    return _network(_stacked(W2, "W2", len(steps)), _stacked(W1, "W1", len(steps)), steps, r, step)


def lista_cp(A: npt.ArrayLike, W: npt.ArrayLike, thresholds: npt.ArrayLike, step: Number = 1.0) -> Network:
    """``x_{n+1} = S_{theta_n}(x_n - W_n^T(A x_n - b))``: W2 = fl(I - fl(W_n^T A)), W1 = W_n^T.

    Parameters
    ----------
    A, W
        (m, d), and (N, m, d) or (m, d).
    thresholds
        theta >= 0, (N,) or (N, d).
    step
        h > 0.
    """
    thresholds = finite_array(thresholds, "thresholds", (1, 2))
    return alista(A, W, np.ones(len(thresholds)), thresholds, step)


def alista(
    A: npt.ArrayLike, W: npt.ArrayLike, gammas: npt.ArrayLike, thresholds: npt.ArrayLike, step: Number = 1.0
) -> Network:
    """``x_{n+1} = S_{theta_n}(x_n - gamma_n W^T(A x_n - b))``: W2 = fl(I - gamma_n fl(W^T A)), W1 = fl(gamma_n W^T).

    Parameters
    ----------
    A, W
        (m, d), and (m, d) or (N, m, d).
    gammas
        (N,).
    thresholds
        theta >= 0, (N,) or (N, d).
    step
        h > 0.
    """
    A, gammas, (steps, r) = finite_array(A, "A", 2), finite_array(gammas, "gammas", 1), _thresholding(thresholds)
    if len(gammas) != len(steps):
        raise InputError(f"Need one gamma and one threshold a layer, got {len(gammas)} and {len(steps)}.")
    W = _stacked(finite_array(W, "W", (2, 3)), "W", len(steps))
    if W.shape[1:] != A.shape:
        raise InputError(f"Need W of the shape of A in each layer, got {W.shape[1:]} and {A.shape} (transposed?).")
    if W.strides[0] == 0 and (gammas == gammas[0]).all():
        W, gammas = W[:1], gammas[:1]
    scales, transposed = gammas[:, None, None], np.swapaxes(W, 1, 2)
    W1, W2 = scales * transposed, np.eye(A.shape[1]) - scales * (transposed @ A)
    W1, W2 = (np.broadcast_to(part, (len(steps), *part.shape[1:])) for part in (W1, W2))
    return _network(W2, W1, steps, r, step)


def _network(W2: Values, W1: Values, steps: Values, r: Any, step: Number) -> Network:
    step = positive(step, "step", "It is the time that a layer stands for.")
    return Network.of_layers(W2, W1, steps, r, Fraction(step) * len(steps))


def _thresholding(thresholds: npt.ArrayLike) -> tuple[Values, Function | tuple[Function, ...]]:
    """Prox steps (N,) and the functions that make them soft thresholding."""
    thresholds = finite_array(thresholds, "thresholds", (1, 2))
    if (thresholds < 0).any():
        raise InputError(f"Need thresholds >= 0, got {thresholds.min():g} (trained without a constraint?).")
    if thresholds.ndim == 1:
        return thresholds, L1(1.0)
    return np.ones(len(thresholds)), tuple(L1(row) for row in thresholds)


def _stacked(matrix: npt.ArrayLike, name: str, depth: int) -> Values:
    """(N, ., .) of one matrix that all layers share, or of one each."""
    matrix = matrix if isinstance(matrix, np.ndarray) else finite_array(matrix, name, (2, 3))
    if matrix.ndim == 2:
        return np.broadcast_to(matrix, (depth, *matrix.shape))
    if len(matrix) != depth:
        raise InputError(f"Need one {name} a layer, got {len(matrix)} for {depth} thresholds.")
    return matrix
