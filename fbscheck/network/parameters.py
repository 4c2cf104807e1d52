r"""Two ways to write the same layers: K, L, lambda of the splitting, and W1, W2, theta of LISTA.

With step h, a layer is ``prox_{h lambda r}(x - h(Kx - Lb)) = prox_{theta r}(W2 x + W1 b)`` for

    W2 = I - hK,   W1 = hL,   theta = h lambda;      K = (I - W2)/h,   L = W1/h,   lambda = theta/h.

Both conversions round each operation to float64, u = 2^-53.  From W1, W2, theta and back, the entries of W1,
theta and the off-diagonal ones of W2 return to a relative error of 2u and a little more, the diagonal ones to
u |W2_ii| + 3u |1 - W2_ii|.  From K, L, lambda and back, the diagonal of K is off by up to
u (1 + 4h |K_ii|) / h and a little more, since I - hK keeps only what the ones leave room for.

A matrix that all layers share may be a view (``np.broadcast_to``), and so is then what becomes of it.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.inputs import Number, finite_array, positive
from fbscheck.network.layers import Values, matrices

__all__ = ["each", "from_lista", "to_lista"]


def each(change: Callable[[Values], Values], stack: Values) -> Values:
    """``change`` of matrices (N, ., .), made once of N views of one matrix; read-only."""
    shared = stack.strides[0] == 0
    changed = change(stack[:1] if shared else stack)
    changed.setflags(write=False)
    return np.broadcast_to(changed, (len(stack), *changed.shape[1:])) if shared else changed


def to_lista(K: npt.ArrayLike, L: npt.ArrayLike, weights: npt.ArrayLike, step: Number) -> tuple[Values, Values, Values]:
    """(W1, W2, theta) of K (N, d, d), L (N, d, m), weights (N,) or (N, d), at step h: hL, I - hK, h lambda.

    Raises
    ------
    InputError
        If an argument is malformed, or K is not square.
    """
    h = float(positive(step, "step", "It is the horizon over the depth."))
    K, L, weights = matrices(K, "K"), matrices(L, "L"), finite_array(weights, "weights", (1, 2))
    return each(lambda part: h * part, L), each(lambda part: _identity_less(h * part), _square(K, "K")), h * weights


def from_lista(
    W1: npt.ArrayLike, W2: npt.ArrayLike, thresholds: npt.ArrayLike, step: Number
) -> tuple[Values, Values, Values]:
    """(K, L, weights) of W1 (N, d, m), W2 (N, d, d), theta (N,) or (N, d), at step h: (I - W2)/h, W1/h, theta/h.

    Raises
    ------
    InputError
        If an argument is malformed, or W2 is not square.
    """
    h = float(positive(step, "step", "It is the horizon over the depth."))
    W1, W2 = matrices(W1, "W1"), _square(matrices(W2, "W2"), "W2")
    thresholds = finite_array(thresholds, "thresholds", (1, 2))
    return each(lambda part: _identity_less(+part) / h, W2), each(lambda part: part / h, W1), thresholds / h


def _identity_less(stack: Values) -> Values:
    """I - stack, in the place of ``stack``."""
    np.negative(stack, out=stack)
    diagonal = np.arange(stack.shape[1])
    stack[:, diagonal, diagonal] += 1.0
    return stack


def _square(stack: Values, name: str) -> Values:
    if stack.shape[1] != stack.shape[2]:
        raise InputError(f"Need {name} of shape (N, d, d), got {stack.shape} (W1 and W2, or K and L, swapped?).")
    return stack
