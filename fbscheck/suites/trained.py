"""A small LISTA, trained here by gradient descent on sparse signals, with nothing that ties its layers together.

Layers are ``x_{n+1} = soft(W2_n x_n + W1_n b, theta_n)`` from x_0 = 0, all of W1, W2 and theta free, started at ISTA.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from fbscheck.network import Network, lista

__all__ = ["signals", "trained_lista"]

Values = npt.NDArray[np.float64]

ROWS, COLUMNS, LAYERS, BATCH, UPDATES, RATE = 10, 20, 8, 64, 3000, 1e-2
DECAYS = (0.9, 0.999)
"""Of Adam's averages of gradients and of their squares (Kingma and Ba 2015)."""


def signals(A: Values, count: int, rng: np.random.Generator) -> tuple[Values, Values]:
    """Sparse signals x (d, S), a tenth of their entries normal, and b = Ax (m, S)."""
    x = rng.standard_normal((A.shape[1], count)) * (rng.random((A.shape[1], count)) < 0.1)
    return x, A @ x


@cache
def trained_lista(seed: int = 0) -> tuple[Network, Values]:
    """The network, with h = 1/|A|^2, and A (m, d)."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((ROWS, COLUMNS)) / np.sqrt(ROWS)
    A /= np.linalg.norm(A, axis=0)
    h = 1 / float(np.linalg.norm(A, 2)) ** 2
    W1 = np.repeat(h * A.T[None], LAYERS, axis=0)
    W2 = np.repeat((np.eye(COLUMNS) - h * A.T @ A)[None], LAYERS, axis=0)
    parts = [W1, W2, np.full(LAYERS, 0.1 * h)]
    means, squares = [0 * part for part in parts], [0 * part for part in parts]
    for update in range(1, UPDATES + 1):
        for k, gradient in enumerate(_gradients((parts[0], parts[1], parts[2]), *signals(A, BATCH, rng))):
            means[k] = DECAYS[0] * means[k] + (1 - DECAYS[0]) * gradient
            squares[k] = DECAYS[1] * squares[k] + (1 - DECAYS[1]) * gradient**2
            size = np.sqrt(squares[k] / (1 - DECAYS[1] ** update)) + 1e-8
            parts[k] = parts[k] - RATE * means[k] / (1 - DECAYS[0] ** update) / size
        parts[2] = np.maximum(parts[2], 1e-4)
    return lista(parts[0], parts[1], parts[2], h), A


def _gradients(parts: tuple[Values, Values, Values], x: Values, b: Values) -> tuple[Values, Values, Values]:
    """Of the mean of |x_N - x|^2 / 2 over the samples, by the chain rule from the last layer to the first."""
    W1, W2, theta = parts
    states, arguments = [np.zeros_like(x)], []
    for n in range(len(theta)):
        arguments.append(W2[n] @ states[-1] + W1[n] @ b)
        states.append(arguments[-1] - np.clip(arguments[-1], -theta[n], theta[n]))
    of_W1, of_W2, of_theta = np.zeros_like(W1), np.zeros_like(W2), np.zeros_like(theta)
    back = (states[-1] - x) / x.shape[1]
    for n in reversed(range(len(theta))):
        back = back * (np.abs(arguments[n]) > theta[n])
        of_W1[n], of_W2[n] = back @ b.T, back @ states[n].T
        of_theta[n] = -np.sum(back * np.sign(arguments[n]))
        back = W2[n].T @ back
    return of_W1, of_W2, of_theta
