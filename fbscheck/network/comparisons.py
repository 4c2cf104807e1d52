"""Lipschitz bounds of others and of simpler kinds, side by side with the recursion's; all rounded up.

With c_n >= 1 / (1 + rho_n), q_n = c_n |W_n|:

- product of norms: that of q_n for x_0; for b, that of the norms of the layers (x, b) -> (W_n x + U_n b, b);
- sum of injected products: sum over n of (product over k > n of q_k) c_n |U_n|;
- Combettes and Pesquet (SIAM J. Math. Data Sci. 2, 2020): with M_n the layers' matrices,
  theta_0 = 1, theta_n = sum over i <= n of theta_{i-1} |M_n ... M_i|, the bound is theta_N / 2^(N-1);
- dissipation with one safe multiplier a layer, with the best one a layer, and with the best one a unit.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.certify.balls import root_up, round_up
from fbscheck.certify.enclosure import Enclosure, exact, norm_upper, sum_up
from fbscheck.network.dissipation import certified_bound, certify
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.riccati import Input, Recursion, recursion
from fbscheck.network.sectors import sectors_of

__all__ = ["Row", "combettes_pesquet", "compare", "injected_products", "product_of_norms"]

Values = npt.NDArray[np.float64]

QUADRATIC = 50
"""The greatest depth at which bounds that need N^2 norms are computed."""


@final
@dataclass(frozen=True)
class Row:
    """One line of the table: a certified ``bound`` (None if it would take too long) and the seconds it took."""

    name: str
    bound: float | None
    seconds: float


def product_of_norms(layers: Layers, wrt: Input = "b") -> float:
    """The product of the layers' norms, rounded up."""
    found = Fraction(1)
    for matrix in _matrices(layers, wrt):
        norm = norm_upper(matrix)
        if not math.isfinite(norm):
            return math.inf
        found *= Fraction(norm)
    return round_up(found * _widths(layers)[-1])


def injected_products(layers: Layers, wrt: Input = "b") -> float:
    """What each layer injects times the product of the factors that follow, summed; rounded up."""
    widths = _widths(layers)
    norms = [_norms(stack) for stack in (layers.transitions, layers.injections)]
    if not np.isfinite(norms).all():
        return math.inf
    state, data = Fraction(1), Fraction(0)
    for width, transition, injection in zip(widths, *norms, strict=True):
        factor = width * Fraction(transition)
        state, data = factor * state, factor * data + width * Fraction(injection)
    return {"x0": round_up(state), "b": round_up(data), "both": root_up(state**2 + data**2)}[wrt]


def combettes_pesquet(layers: Layers, wrt: Input = "b") -> float:
    """theta_N / 2^(N-1) for the layers (x, b) -> (W_n x + U_n b, b), rounded up; N^2 / 2 norms."""
    thetas, products = [Fraction(1)], list[Enclosure]()
    for matrix in _matrices(layers, wrt):
        norm = norm_upper(matrix)
        products = [*(_times(matrix, norm, product) for product in products), matrix]
        norms = [norm_upper(product) for product in products]
        if not np.isfinite(norms).all():
            return math.inf
        thetas.append(sum((t * Fraction(size) for t, size in zip(thetas, norms, strict=True)), Fraction(0)))
    return round_up(thetas[-1] / 2 ** (layers.depth - 1) * _widths(layers)[-1])


def compare(layers: Layers, wrt: Input = "b", seconds: float = math.inf, evaluations: int = 400) -> tuple[Row, ...]:
    """All bounds for one network, ``seconds`` or ``evaluations`` for each of those that are optimised."""
    single = recursion(layers, wrt)
    shared = recursion(Layers(layers.transitions, layers.injections, False, layers.strong_convexity), wrt)
    rows = [
        _timed("product of norms", lambda: product_of_norms(layers, wrt)),
        _timed("sum of injected products", lambda: injected_products(layers, wrt)),
        _timed("Combettes-Pesquet", lambda: combettes_pesquet(layers, wrt) if layers.depth <= QUADRATIC else None),
        _timed("dissipation, safe", lambda: certified_bound(shared, shared.safe())),
    ]
    rows.append(_timed("dissipation, scalar", lambda: _best(shared, seconds, evaluations)))
    if layers.separable:
        rows.append(_timed("dissipation, diagonal", lambda: _best(single, seconds, evaluations)))
    return tuple(rows)


def _best(problem: Recursion, seconds: float, evaluations: int) -> float:
    return certify(problem, optimise(problem, seconds, evaluations).multipliers)[0]


def _timed(name: str, bound: Callable[[], float | None]) -> Row:
    began = time.perf_counter()
    with threadpool_limits(1):
        found = bound()
    return Row(name, found, time.perf_counter() - began)


def _matrices(layers: Layers, wrt: Input) -> list[Enclosure]:
    """M_n with the factor c_{n-1} of the layer before; the first takes the input alone, the last gives x alone."""
    d, m = layers.dimension, 0 if wrt == "x0" else layers.observations
    last = layers.depth - 1
    found = []
    for n, width in enumerate([1.0, *sectors_of(layers).width[:-1, 0].tolist()]):
        top = np.hstack([layers.transitions[n], layers.injections[n][:, :m]])
        whole = exact(np.vstack([top, np.eye(m, d + m, d)])).columns(np.repeat([width, 1.0], [d, m]))
        rows = slice(None, d) if n == last else slice(None)
        columns = slice(d, None) if n == 0 and wrt == "b" else slice(None)
        found.append(Enclosure(whole.centre[rows, columns], whole.radius))
    return found


def _times(matrix: Enclosure, norm: float, product: Enclosure) -> Enclosure:
    """A product whose radius grows with the spectral norm of its left factor, not with the Frobenius norm."""
    centre = exact(matrix.centre) @ exact(product.centre)
    carried = norm * product.radius, matrix.radius * exact(product.centre).norm()
    return Enclosure(centre.centre, sum_up(centre.radius, *carried))


def _widths(layers: Layers) -> list[Fraction]:
    """c_n."""
    return [Fraction(width) for width in sectors_of(layers).width[:, 0].tolist()]


def _norms(stack: Values) -> list[float]:
    """Norms of the matrices of a stack, rounded up; one norm if they are views of one matrix."""
    distinct = [norm_upper(exact(matrix)) for matrix in (stack[:1] if stack.strides[0] == 0 else stack)]
    return distinct * (len(stack) // len(distinct))
