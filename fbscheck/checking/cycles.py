"""Is an operator a subgradient of a convex function?  Cycles that refute it.

If T is a subgradient of a convex function, as every prox is, then T is cyclically monotone
(Rockafellar 1966): for all x_1, ..., x_k, x_{k+1} = x_1,

    sum_i <T x_i, x_{i+1} - x_i> <= 0.

One cycle with a positive sum beyond the noise refutes it.  Near a point with Jacobian S + A, A skew,
the polygon with k corners on an ellipse in the worst plane of A relative to S does, as soon as the
largest eigenvalue of A relative to S exceeds tan(pi / k).

Arrays: points (d, S), cycles (d, C, k).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from fbscheck.checking.jacobians import turned, whitening
from fbscheck.checking.points import Domain, Values, directions
from fbscheck.checking.trials import NoisyMap, Oracle, OutOfTime

__all__ = ["Cycle", "cyclic"]

CORNERS = (2, 3, 4, 5, 6, 12, 48, 192)
"""Numbers of points of a cycle: a skew part of 1.7% of the symmetric part needs 192."""
BLOCK = 64
"""Largest dimension of the subspace in which differences are taken."""


@final
@dataclass(frozen=True)
class Cycle:
    """Points x_1, ..., x_k (d, k) in order, their images, the sum surely and before the noise weakens it."""

    points: Values
    images: Values
    value: float
    floating: float


def cyclic(
    operator: NoisyMap, rng: np.random.Generator, budget_seconds: float, clock: Callable[[], float] = time.monotonic
) -> Cycle | None:
    """A short cycle with a sum positive beyond the noise, or None if none was found.

    The first round that has one ends the search; of its cycles, those count most whose sum is at
    least half sure, then those with few corners, then those large relative to the squares of the sides.
    """
    oracle, domain = Oracle(operator, budget_seconds, clock), operator.domain
    best: tuple[float, Cycle | None] = (0.0, None)
    try:
        oracle(domain.starting(rng, 1)[:, :1])
        while best[1] is None:
            if not isinstance(domain, Domain):
                for corners in CORNERS:
                    many = max(1, min(256, oracle.affordable // (16 * corners)))
                    best = max(best, _worst(oracle, domain.polygons(rng, many, corners)), key=_worth)
                continue
            x, basis, step = _places(oracle, rng)
            slope = oracle.slopes(x, basis, step)
            cosine, sine = _planes(basis, slope)
            for corners in CORNERS:
                angle = 2 * np.pi * np.arange(corners) / corners
                ellipse = cosine[:, :, None] * np.cos(angle) + sine[:, :, None] * np.sin(angle)
                for shape in (ellipse, rng.normal(size=ellipse.shape)):
                    reach = domain.width * 10.0 ** rng.uniform(-6, 0, x.shape[1])
                    best = max(best, _worst(oracle, _moved(x, shape, reach, domain)), key=_worth)
    except OutOfTime:
        pass
    return best[1]


def _worth(found: tuple[float, Cycle | None]) -> tuple[bool, int, float]:
    """Larger for a better cycle: surer, shorter, steeper."""
    score, cycle = found
    if cycle is None:
        return False, -(10**9), score
    return cycle.value > 0.5 * cycle.floating, -cycle.points.shape[1], score


def _places(oracle: Oracle, rng: np.random.Generator) -> tuple[Values, Values, Values]:
    """Points (d, P), orthonormal bases (P, d, m) and steps (P,) for one round of differences."""
    domain, dimension = oracle.domain, oracle.domain.dimension
    size = min(dimension, BLOCK)
    many = max(1, min(64, oracle.affordable // (40 * size), 2**20 // (size * dimension)))
    x = domain.starting(rng, many)[:, :many]
    basis = np.broadcast_to(np.eye(dimension), (many, dimension, dimension))
    if size < dimension:
        spread = directions(rng, rng.normal(size=(dimension, many * size)))
        spread = np.moveaxis(spread.reshape(dimension, many, size), 1, 0)
        basis = np.linalg.qr(spread + 1e-9 * rng.normal(size=spread.shape))[0]
    return x, basis, domain.width * 10 ** rng.uniform(-7, -1, many)


def _planes(basis: Values, slope: Values) -> tuple[Values, Values]:
    """Two axes (d, P) each of an ellipse, turning which T circulates most relative to what it stretches."""
    form = turned(basis) @ slope
    white = whitening(0.5 * (form + turned(form)), 1e-3)
    skew = turned(white) @ (form - turned(form)) @ white
    vector = np.linalg.eigh(1j * skew)[1][..., -1:]
    cosine, sine = ((basis @ white @ part)[..., 0].T for part in (vector.real, vector.imag))
    return cosine, sine


def _moved(x: Values, shape: Values, reach: Values, domain: Domain) -> Values:
    """Cycles of ``shape`` (d, P, k), of size ``reach`` (P,) or less, around ``x`` (d, P), moved into the box."""
    size = np.max(np.abs(shape), axis=(0, 2))
    cycle = shape * (np.minimum(reach, domain.width / 2) / np.where(size > 0, size, 1.0))[None, :, None]
    centre = np.clip(x, domain.low - np.min(cycle, axis=2), domain.high - np.max(cycle, axis=2))
    return domain.cut(centre[:, :, None] + cycle)


def _worst(oracle: Oracle, cycles: Values) -> tuple[float, Cycle | None]:
    """The worst of the cycles (d, C, k), in either direction, and its sum relative to the squares of its sides."""
    samples = oracle(cycles.reshape(len(cycles), -1))
    images, noise = samples.image.reshape(cycles.shape), samples.noise.reshape(cycles.shape[1:])
    best: tuple[float, Cycle | None] = (0.0, None)
    with np.errstate(all="ignore"):
        rest = images - images[:, :, :1]
        slack = noise + (2 * len(cycles) + 16) * np.finfo(np.float64).eps * np.sqrt(np.sum(rest**2, axis=0))
        for turn in (1, -1):
            side = np.roll(cycles, -turn, axis=2) - cycles
            squares = np.sum(side**2, axis=0)
            floating = np.sum(rest * side, axis=(0, 2))
            value = floating - np.sum(slack * np.sqrt(squares), axis=1)
            score = np.nan_to_num(value / np.sum(squares, axis=1), nan=0.0, posinf=0.0, neginf=0.0)
            at = int(np.argmax(score))
            if score[at] > best[0]:
                found = Cycle(cycles[:, at, ::turn], images[:, at, ::turn], float(value[at]), float(floating[at]))
                best = float(score[at]), found
    return best
