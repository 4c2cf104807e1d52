"""How far perturbed data and parameters move the states, rounded upward, uniformly in the depth.

Two networks with functions r in common, layers (W_n, U_n, s_n) and (W'_n, U'_n, s'_n), r R-Lipschitz where s_n != s'_n:

    |x_{n+1} - x'_{n+1}| (1 + rho_n) <= |W_n||x_n - x'_n| + |W_n - W'_n||x'_n|
                                         + |U_n||b - b'| + |U_n - U'_n||b'| + R |s_n - s'_n|.

In the limit, with K and L constant on pieces of time and m the least eigenvalue of (K + K^T)/2, |x(T) - x'(T)| is at
most e^{-int m} |x_0 - x'_0| + |b - b'| int_0^T e^{-int_s^T m} |L(s)| ds.  A network's own constants approach these, and
exceed them at finite depth: from |I - hK|^2 <= 1 - 2hm + h^2|K|^2 follows

    1 - hm <= |I - hK| <= exp(-hm + h^2|K|^2/2).

For x_0 the factor between them is at most exp((h^2/2) sum |K_n|^2).  For b, layer n adds h |L_n| times the norms of
the layers that follow, and to the limit |L_n| (1 - e^{-h m_n})/m_n times their exponentials: the quotient of the
two is at most h m_n / (1 - e^{-h m_n}), which is below exp(h m_n / 2), times exp((h^2/2) sum_{k>n} |K_k|^2).  Both
factors tend to 1 as the depth grows, for matrices that stay bounded.
"""

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, exact, matmul, norm, round_up, upper
from fbscheck.certify.definite import norm_lower, norm_upper, symmetric_eigenvalue_lower
from fbscheck.errors import InputError
from fbscheck.functions import L1, Function
from fbscheck.inputs import Number, nonnegative
from fbscheck.network.bounds import norms_upper, spectral_upper
from fbscheck.network.layers import Values, matrices
from fbscheck.network.network import Network

__all__ = [
    "distance_upper",
    "flow_constants",
    "flow_enclosures",
    "gap_enclosures",
    "gap_factors",
    "lipschitz_constant",
    "modulus_ends",
    "perturbation_bounds",
]


def perturbation_bounds(
    network: Network,
    other: Network,
    other_sizes: npt.ArrayLike,
    start_distance: Number = 0,
    b_distance: Number = 0,
    other_b_norm: Number = 0,
) -> Values:
    """Bounds (N+1,) on |x_n - x'_n|, rounded upward; inf beyond float64.

    Parameters
    ----------
    network, other
        Two networks with the same functions, of one depth and shape.
    other_sizes
        (N+1,) with |x'_n| at most that: the norms of a trajectory, rounded upward, or ``other.bound(...)``.
    start_distance, b_distance
        At least |x_0 - x'_0| and |b - b'|.
    other_b_norm
        At least |b'|; matters where the injections differ.

    Raises
    ------
    InputError
        If the networks do not fit, or their weights differ and r is not Lipschitz.
    """
    if any(f is not g for f, g in zip(network.functions, other.functions, strict=False)):
        raise InputError("Need the same functions in both networks, layer by layer (the same objects).")
    shapes = [(of.depth, of.layers.dimension, of.layers.observations) for of in (network, other)]
    if shapes[0] != shapes[1]:
        raise InputError(f"Need two networks of one depth and shape, got (N, d, m) = {shapes[0]} and {shapes[1]}.")
    layers, others = network.layers, other.layers
    sizes = np.broadcast_to(np.asarray(other_sizes, dtype=np.float64), network.depth + 1)
    rows = zip(
        norms_upper(layers.transitions),
        _distances(layers.transitions, others.transitions),
        sizes,
        norms_upper(layers.injections),
        _distances(layers.injections, others.injections),
        _changes(network, other),
        np.asarray(layers.strong_convexity),
        strict=False,
    )
    moved, data = (Fraction(nonnegative(v, "distance", "It bounds a norm.")) for v in (b_distance, other_b_norm))
    bounds = [round_up(Fraction(nonnegative(start_distance, "start_distance", "It bounds a norm.")))]
    for row in rows:
        try:
            W, W_off, size, U, U_off, change, rho = map(Fraction, row)
            apart = W * Fraction(bounds[-1]) + W_off * size + U * moved + U_off * data + change
            bounds.append(round_up(apart / (1 + rho)))
        except OverflowError:
            bounds.append(math.inf)
    return np.array(bounds)


def flow_constants(
    K: npt.ArrayLike, L: npt.ArrayLike, horizon: Number, strong_convexity: Number = 0
) -> tuple[float, float]:
    """The two constants of the limit, for x_0 and for b, rounded upward.

    K (P, d, d) and L (P, d, m) are constant on P pieces of [0, T] of one length; g is sigma-strongly convex.
    """
    K, L = matrices(K, "K"), matrices(L, "L")
    rates, sizes = map(symmetric_eigenvalue_lower, K), map(norm_upper, L)
    start, data = _constants(rates, sizes, Fraction(horizon) / len(K), strong_convexity)
    return upper(start), upper(data)


def flow_enclosures(K: npt.ArrayLike, L: npt.ArrayLike, horizon: Number) -> tuple[flint.arb, flint.arb]:
    """The two constants of :func:`flow_constants`, sigma = 0, enclosed: what is divided by them stays certain."""
    K, L = matrices(K, "K"), matrices(L, "L")
    below = _constants((modulus_ends(part)[1] for part in K), map(norm_lower, L), Fraction(horizon) / len(K), 0)
    above = flow_constants(K, L, horizon)
    return below[0].union(ball(above[0])), below[1].union(ball(above[1]))


def _constants(rates: Iterable[float], sizes: Iterable[float], tau: Fraction, sigma: Number) -> tuple[Any, Any]:
    """Both constants, as balls: they fall as the rates grow, and grow with the sizes."""
    start, data = ball(1), ball(0)
    for known, size in reversed(list(zip(rates, sizes, strict=True))):
        rate = ball(known) + ball(sigma)
        gone = ball(tau) if rate == 0 else -(-ball(tau) * rate).expm1() / rate
        data += start * gone * ball(size)
        start *= (-ball(tau) * rate).exp()
    return start, data


def gap_factors(K: npt.ArrayLike, depth: int, horizon: Number) -> tuple[float, float]:
    """By what ``depth`` layers may exceed the constants of the limit, for x_0 and for b; rounded upward, see above.

    K (P, d, d) is constant on P pieces of [0, T] of one length; the depth is a multiple of P.
    """
    K = matrices(K, "K")
    steepest = max(modulus_ends(part)[1] for part in K)
    start, data = _gaps(steepest, list(map(norm_upper, K)), depth, Fraction(horizon) / depth)
    return upper(start), upper(data)


def gap_enclosures(K: npt.ArrayLike, depth: int, horizon: Number) -> tuple[flint.arb, flint.arb]:
    """The two factors of :func:`gap_factors`, enclosed."""
    K = matrices(K, "K")
    steepest = max(modulus_ends(part)[0] for part in K)
    below = _gaps(steepest, list(map(norm_lower, K)), depth, Fraction(horizon) / depth)
    above = gap_factors(K, depth, horizon)
    return below[0].union(ball(above[0])), below[1].union(ball(above[1]))


def _gaps(steepest: float, sizes: list[float], depth: int, h: Fraction) -> tuple[Any, Any]:
    """Both factors, as balls: they grow with the sizes |K_n|, and with the largest modulus."""
    squares = [Fraction(size) ** 2 for size in sizes]
    every = sum(squares, Fraction(0)) * depth / len(sizes)
    start, data = (ball(h**2 / 2 * part).exp() for part in (every, every - squares[0]))
    moved = h * Fraction(steepest)
    return start, data * (ball(moved) / -(-ball(moved)).expm1() if moved else ball(1))


def modulus_ends(K: Values) -> tuple[float, float]:
    """Bounds of the least eigenvalue of (K + K^T)/2, from below and above."""
    v = exact(np.linalg.eigh((K + K.T) / 2)[1][:, 0])
    return symmetric_eigenvalue_lower(K), upper(np.sum(v * matmul(K, v)) / np.sum(v * v))


def _changes(network: Network, other: Network) -> list[Fraction]:
    """R |s_n - s'_n|, layer by layer."""
    steps = zip(network.functions, network.steps.tolist(), other.steps.tolist(), strict=True)
    dimension = network.layers.dimension
    return [_slope(g, dimension) * abs(Fraction(s) - Fraction(t)) if s != t else Fraction(0) for g, s, t in steps]


def _slope(g: Function, dimension: int) -> Fraction:
    if (slope := lipschitz_constant(g, dimension)) is None:
        raise InputError(f"Need a Lipschitz function where the weights differ, got {type(g).__name__}.")
    return Fraction(slope)


def lipschitz_constant(g: Function, dimension: int) -> float | None:
    """A Lipschitz constant of g on R^d, rounded up; None if none is known."""
    whole = L1(np.full(dimension, g.weight)) if isinstance(g, L1) and np.ndim(g.weight) == 0 else g
    return whole.lipschitz


def _distances(first: Values, second: Values) -> Values:
    """|A_n - B_n| (N,), rounded upward."""
    count = 1 if first.strides[0] == 0 == second.strides[0] else len(first)
    found = [distance_upper(A, B) for A, B in zip(first[:count], second[:count], strict=True)]
    return np.broadcast_to(np.array(found), len(first))


def distance_upper(A: Values, B: Values) -> float:
    """|A - B| of two matrices, rounded upward; its rounding errors are found exactly (Knuth's TwoSum) and added."""
    with np.errstate(over="ignore", invalid="ignore"):
        difference = A - B
        back = difference - A
        errors = (A - (difference - back)) + (-B - back)
    if not np.isfinite(difference).all():
        return math.inf
    found = spectral_upper(difference)
    return round_up(Fraction(found) + Fraction(upper(norm(exact(errors.ravel()))))) if errors.any() else found
