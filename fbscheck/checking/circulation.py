r"""Is an operator the gradient of some function?  Circulations around closed polygons that refute it.

If T = grad F, the integral of <T, dx> along a segment is F at its end minus F at its start, and 0 around a
closed polygon.  Integrals are taken by the trapezoid rule with n pieces per side.  With g the values of
<T, side> at the nodes, h = 1/n and D the sum of their second differences, in absolute value, the error is
about h D / 12 where T is smooth, at most h D / 8 at a kink and h D / 2 at a jump between two nodes.  It is taken to be
``SAFETY`` h D: an *estimate*, as anything may happen between nodes (two jumps between the same two may cancel).
So the same polygon must confirm it with four times as many nodes, and so must others near it, whose sides meet jumps
elsewhere.  To it come the errors of the values and of the arithmetic.

Arrays: polygons (d, P, k) of k corners, values (P, k, n + 1).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from fbscheck.checking.points import Domain, Region, Values, directions
from fbscheck.checking.trials import NoisyMap, Oracle, OutOfTime

__all__ = ["Integrals", "Circulation", "along", "around", "circulating", "near"]

SAFETY = 2.0
PIECES = (16, 128, 1024)
"""Numbers of pieces of a side, each tried on the most promising polygons of the one before.

From one to the next, the estimated error falls to 1/8 for a jump and to 1/64 otherwise.
"""
KEPT, OTHERS = 8, 8
ENTRIES = 2**20
"""The most numbers in one round."""


@final
@dataclass(frozen=True)
class Integrals:
    """The integrals (P, k) of <T - base, dx> along the sides of polygons, bounds on their errors, T at the corners.

    ``base`` (d, P) is T at the first corner, the error of which is ``noise`` (P,).
    """

    value: Values
    error: Values
    base: Values
    noise: Values


@final
@dataclass(frozen=True)
class Circulation:
    """A closed polygon (d, k), the pieces of each side, the integral around it and a bound on its error."""

    corners: Values
    pieces: int
    value: float
    error: float


def along(oracle: Callable[[Values], tuple[Values, Values]], corners: Values, ends: Values, pieces: int) -> Integrals:
    """Integrals from ``corners`` to ``ends`` (d, P, k); ``oracle`` gives T (d, S) and the errors of its values (S,)."""
    part = np.arange(pieces + 1) / pieces
    nodes = corners[..., None] * (1 - part) + ends[..., None] * part
    image, noise = oracle(nodes.reshape(len(nodes), -1))
    image, noise = image.reshape(nodes.shape), noise.reshape(nodes.shape[1:])
    side = ends - corners
    length = np.sqrt(np.sum(side**2, axis=0))
    weight = np.ones(pieces + 1) / pieces
    weight[[0, -1]] /= 2
    rest = image - image[:, :, :1, :1]
    g = np.sum(rest * side[..., None], axis=0)
    bend = np.sum(np.abs(np.diff(g, 2, axis=-1)), axis=-1) / pieces
    size = np.sqrt(np.sum(rest**2, axis=0)) @ weight * length
    rounding = (2 * len(nodes) + 4 * pieces + 16) * np.finfo(np.float64).eps * size
    error = SAFETY * bend + noise @ weight * length + rounding
    return Integrals(g @ weight, error, image[:, :, 0, 0], noise[:, 0, 0])


def circulating(
    operator: NoisyMap, rng: np.random.Generator, budget_seconds: float, clock: Callable[[], float] = time.monotonic
) -> tuple[Circulation | None, int, bool]:
    """A triangle or parallelogram with a circulation beyond its error, if one was found, how many were tried, and
    whether time was up while one was being confirmed."""
    oracle, domain, tried, suspected = Oracle(operator, budget_seconds, clock), operator.domain, 0, False

    def values(x: Values) -> tuple[Values, Values]:
        samples = oracle(x)
        return samples.image, samples.noise

    try:
        oracle(domain.starting(rng, 1)[:, :1])
        while True:
            polygons = _polygons(values, domain, rng, oracle.affordable)
            for pieces in PIECES:
                turning, error = around(values, polygons, pieces)
                tried += polygons.shape[1] * (pieces == PIECES[0])
                ratio = np.nan_to_num(np.abs(turning) / error, nan=0.0, posinf=0.0)
                best = int(np.argmax(ratio))
                suspected = bool(ratio[best] > 1)
                if suspected:
                    found = _confirmed(values, polygons[:, [best]], 4 * pieces, domain, rng)
                    if found is not None:
                        return found, tried, False
                    suspected = False
                most = min(KEPT, ENTRIES // (32 * domain.dimension * pieces), oracle.affordable // (128 * pieces))
                leaders = np.argsort(-ratio)[:most]
                polygons = polygons[:, leaders[ratio[leaders] > 1 / 64]]
                if not polygons.size:
                    break
    except OutOfTime:
        return None, tried, suspected


def around(values: Callable[[Values], tuple[Values, Values]], polygons: Values, pieces: int) -> tuple[Values, Values]:
    """The circulations (P,) around polygons (d, P, k) and bounds on their errors."""
    integrals = along(values, polygons, np.roll(polygons, -1, axis=2), pieces)
    return np.sum(integrals.value, axis=1), np.sum(integrals.error, axis=1)


def _confirmed(
    values: Callable[[Values], tuple[Values, Values]],
    polygon: Values,
    pieces: int,
    domain: Region,
    rng: np.random.Generator,
) -> Circulation | None:
    """The polygon (d, 1, k) if more nodes confirm its circulation; with short decimals if these do as well."""
    turning, error = around(values, near(polygon, rng, domain), pieces)
    if not np.all(np.abs(turning) > error):
        return None
    found = None
    for digits in (17, 1, 2, 3, 4, 6, 8) if domain.solid else (17,):
        corners = np.array([float(f"{t:.{digits}g}") for t in polygon.ravel()]).reshape(polygon.shape)
        corners = np.clip(corners, np.min(polygon), np.max(polygon))
        try:
            turning, error = around(values, corners, pieces)
        except OutOfTime:
            if found is None:
                raise
            return found
        if abs(turning[0]) > error[0]:
            found = Circulation(corners[:, 0], pieces, float(turning[0]), float(error[0]))
            if digits < 17:
                break
        elif found is None:
            break
    return found


def near(polygon: Values, rng: np.random.Generator, domain: Region) -> Values:
    """Others (d, ``OTHERS``, k) near a polygon or segment (d, 1, k), whose corners are moved by a tenth of its size."""
    if not domain.solid:
        mixed = polygon @ rng.dirichlet(np.ones(polygon.shape[2]), (OTHERS, polygon.shape[2])).swapaxes(1, 2)
        return domain.cut(0.9 * polygon + 0.1 * mixed)
    size = np.max(np.ptp(polygon, axis=2))
    return domain.cut(polygon + 0.1 * size * rng.uniform(-1, 1, (len(polygon), OTHERS, polygon.shape[2])))


def _polygons(
    values: Callable[[Values], tuple[Values, Values]], domain: Region, rng: np.random.Generator, affordable: int
) -> Values:
    """Triangles or parallelograms (d, P, k) in coordinate planes, random ones, and those that T turns."""
    many = max(2, min(256, affordable // 256, ENTRIES // (64 * domain.dimension)))
    if not isinstance(domain, Domain):
        return domain.polygons(rng, many, int(rng.integers(3, 5)))
    x = domain.starting(rng, many)[:, :many]
    first, second = directions(rng, x), directions(rng, x)
    step = 1e-4 * domain.width
    ahead, behind = (domain.cut(x + sign * step * first) for sign in (1, -1))
    turned = values(ahead)[0] - values(behind)[0]
    turned = turned - first * np.sum(turned * first, axis=0)
    length = np.sqrt(np.sum(turned**2, axis=0))
    usable = (length > 0) & (rng.random(x.shape[1]) < 0.5)
    second = np.where(usable, turned / np.where(usable, length, 1.0), second)
    shape = np.stack(
        [0 * first, first, first + second, second] if rng.random() < 0.5 else [0 * first, first, second], 2
    )
    reach = domain.width * 10.0 ** rng.uniform(-5, 0, x.shape[1])
    polygon = shape * np.minimum(reach, domain.width / 2)[:, None]
    centre = np.clip(x, domain.low - np.min(polygon, axis=2), domain.high - np.max(polygon, axis=2))
    return domain.cut(centre[:, :, None] + polygon)
