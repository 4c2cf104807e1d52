"""Lipschitz bounds of others and of simpler kinds, side by side with the recursion's; all rounded up.

With c_n >= 1 / (1 + rho_n), q_n = c_n |W_n|:

- product of norms: that of q_n for x_0; for b, that of the norms of the layers (x, b) -> (W_n x + U_n b, b);
- sum of injected products: sum over n of (product over k > n of q_k) c_n |U_n|;
- Combettes and Pesquet (SIAM J. Math. Data Sci. 2, 2020): with M_n the layers' matrices,
  theta_0 = 1, theta_n = sum over i <= n of theta_{i-1} |M_n ... M_i|, the bound is theta_N / 2^(N-1): the mean, over
  the 2^(N-1) ways to cut M_N ... M_1 into pieces, of the product of the norms of the pieces;
- dissipation with one safe multiplier a layer, with the best one a layer, and with the best one a unit.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.certify.balls import root_up, round_down, round_up
from fbscheck.certify.definite import norm_lower
from fbscheck.certify.enclosure import Enclosure, exact, norm_upper, sum_up
from fbscheck.errors import InputError
from fbscheck.network.dissipation import certified_bound, certify
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.riccati import Input, Recursion, recursion
from fbscheck.network.sectors import sectors_of

__all__ = [
    "DIAGONAL",
    "SCALAR",
    "Row",
    "closed",
    "combettes_pesquet",
    "compare",
    "injected_products",
    "product_of_norms",
    "sandwich",
    "shared",
]

Values = npt.NDArray[np.float64]
Ends = tuple[float, float]
"""A number's lower and upper bound."""

QUADRATIC = 50
"""The greatest depth at which bounds that need N^2 norms are computed."""
ACCURATE = 1e-6
"""The gap to the optimum of all multipliers at which the search for them ends."""
SCALAR, DIAGONAL = "dissipation, scalar", "dissipation, diagonal"
"""The methods that search for multipliers, one a layer and one a unit."""


@final
@dataclass(frozen=True)
class Row:
    """One line of the table: a certified ``bound`` and the seconds it took.

    The bound is None where it would take too long; ``multipliers`` (N, d) are those that were searched for.
    """

    name: str
    bound: float | None
    seconds: float
    multipliers: Values | None = None


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
    _, mean = _pieces(_matrices(layers, wrt), norm_upper)
    return math.inf if mean is None else round_up(mean * _widths(layers)[-1])


def sandwich(transitions: Values) -> tuple[Ends, Ends, Ends]:
    """Bounds of each side of |W_N ... W_1| <= theta_N / 2^(N-1) <= |W_N| ... |W_1|, for matrices (N, d, d)."""
    matrices = [exact(matrix) for matrix in transitions]
    sides = []
    for measure, rounded in ((_norm_lower, round_down), (norm_upper, round_up)):
        whole, mean = _pieces(matrices, measure)
        if mean is None:
            return ((0.0, math.inf),) * 3
        product = math.prod((Fraction(measure(matrix)) for matrix in matrices), start=Fraction(1))
        sides.append([rounded(Fraction(value)) for value in (whole, mean, product)])
    first, second, third = zip(*sides, strict=True)
    return first, second, third


def safe_dissipation(layers: Layers, wrt: Input = "b") -> float:
    """The certified bound of the recursion with one safe multiplier a layer."""
    problem = shared(layers, wrt)
    return certified_bound(problem, problem.safe())


def shared(layers: Layers, wrt: Input = "b") -> Recursion:
    """The recursion with one multiplier a layer, as for maps that are not separable."""
    return recursion(replace(layers, separable=False), wrt)


_CLOSED: dict[str, Callable[[Layers, Input], float]] = {
    "product of norms": product_of_norms,
    "sum of injected products": injected_products,
    "Combettes-Pesquet": combettes_pesquet,
    "dissipation, safe": safe_dissipation,
}


def closed(name: str, layers: Layers, wrt: Input = "b") -> float | None:
    """The bound of a method that searches for nothing; None if it would take too long.

    Raises
    ------
    InputError
        If there is no such method.
    """
    if name not in _CLOSED:
        raise InputError(f"Need a method among {', '.join(_CLOSED)}, got {name!r:.60}.")
    quick = name != "Combettes-Pesquet" or layers.depth <= QUADRATIC
    return _CLOSED[name](layers, wrt) if quick else None


def compare(layers: Layers, wrt: Input = "b", seconds: float = math.inf, evaluations: int = 400) -> tuple[Row, ...]:
    """All bounds for one network, ``seconds`` or ``evaluations`` for each of those that are optimised."""
    searches = {SCALAR: shared(layers, wrt), **({DIAGONAL: recursion(layers, wrt)} if layers.separable else {})}
    rows = []
    with threadpool_limits(1):
        for name in (*_CLOSED, *searches):
            began, multipliers = time.perf_counter(), None
            bound: float | None
            if name in searches:
                proposed = optimise(searches[name], seconds, evaluations, ACCURATE).multipliers
                bound, multipliers = certify(searches[name], proposed)
            else:
                bound = closed(name, layers, wrt)
            rows.append(Row(name, bound, time.perf_counter() - began, multipliers))
    return tuple(rows)


def _pieces(matrices: list[Enclosure], measure: Callable[[Enclosure], float]) -> tuple[float, Fraction | None]:
    """|M_N ... M_1| and theta_N / 2^(N-1), the norms as ``measure`` takes them; None if one is not finite."""
    thetas, products, norms = [Fraction(1)], list[Enclosure](), [math.inf]
    for matrix in matrices:
        size = norm_upper(matrix)
        products = [*(_times(matrix, size, product) for product in products), matrix]
        norms = [measure(product) for product in products]
        if not (np.isfinite(norms).all() and math.isfinite(size)):
            return math.inf, None
        thetas.append(sum((t * Fraction(size) for t, size in zip(thetas, norms, strict=True)), Fraction(0)))
    return norms[0], thetas[-1] / 2 ** (len(matrices) - 1)


def _norm_lower(matrix: Enclosure) -> float:
    """A float64 no more than the spectral norm of each of the matrices."""
    return max(0.0, round_down(Fraction(norm_lower(matrix.centre)) - Fraction(matrix.radius)))


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
