"""How much one given network stretches: a pair of inputs found by ascent, evaluated in balls.

The norm of the derivative by the input is followed by power iterations at many inputs at once; the best inputs
are kept and moved, at random and along their singular vectors, by lengths of several orders of magnitude.
At the end a real pair of inputs near the best one is evaluated: its quotient is a lower bound for this network,
whatever was wrong on the way there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, final

import flint
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.certify.balls import PRECISION, exact, lower, norm
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array, positive
from fbscheck.network.layers import Layers
from fbscheck.network.region import Region
from fbscheck.network.riccati import Input

__all__ = ["Differentiable", "Pair", "instance_lower", "quotient", "quotient_lower"]

Values = npt.NDArray[np.float64]

SAMPLES = 48
ACCURATE, MOST = 60, 2**14
"""Bits that a quotient should have, and of the precision that layers may need, as balls grow with their norms."""
DEEP = 15 / 16
"""How much of a region's radius the first of two inputs may use: the other must find room in any direction."""
POWERS = 6
"""Power iterations at each input, between two moves."""


class Differentiable(Protocol):
    """A network (x_0, b) -> x_N on samples as columns, on float64 and on balls, with its derivative and adjoint."""

    @property
    def layers(self) -> Layers:
        """The layers, for their dimensions."""

    def __call__(self, x0: Array, b: Array) -> Array:
        """x_N."""

    def jvp(self, x0: Array, b: Array, dx0: Array, db: Array) -> Array:
        """The derivative of x_N in a direction."""

    def vjp(self, x0: Array, b: Array, y: Array) -> tuple[Array, Array]:
        """The derivatives of <y, x_N> by x_0 and b."""


@final
@dataclass(frozen=True, eq=False)
class Pair:
    """Inputs (x_0, b) and (x_0', b') of one network; ``bound`` is |Dx_N| / |Dinput|, rounded down from balls.

    ``derivative`` is the norm of the derivative that led there, in floating point.
    """

    bound: float
    first: tuple[Values, Values]
    second: tuple[Values, Values]
    derivative: float


def instance_lower(
    network: Differentiable,
    wrt: Input = "b",
    x0: npt.ArrayLike | None = None,
    b: npt.ArrayLike | None = None,
    rounds: int = 20,
    scale: float = 1.0,
    seed: int = 0,
    region: Region | None = None,
) -> Pair:
    """A pair of inputs that ``network`` stretches much, of sizes around ``scale``.

    The input that ``wrt`` does not vary stays at ``x0`` (d,) or ``b`` (m,), zero unless given.  With a ``region``,
    both are near its centre and, if it is a box, in it.

    Raises
    ------
    InputError
        If an argument does not fit.
    """
    d, m = network.layers.dimension, network.layers.observations
    if wrt not in ("b", "x0", "both") or rounds < 1:
        raise InputError(f"Need wrt of 'b', 'x0' or 'both' and rounds >= 1, got {wrt!r:.20} and {rounds}.")
    scale = float(positive(scale, "scale", "It is the size of the inputs that are tried."))
    if region is not None:
        x0, b, scale = region.x0, region.b, max(region.length(wrt), np.finfo(float).tiny)
    base = np.concatenate([_vector(x0, "x0", d), _vector(b, "b", m)])
    free = np.concatenate([np.full(d, wrt != "b"), np.full(m, wrt != "x0")])[:, None]
    rng = np.random.default_rng(seed)
    sizes = scale * np.logspace(-2, 2, SAMPLES)
    deep = (lambda columns: columns) if region is None else partial(region.nearest, share=DEEP)
    inputs = deep(base[:, None] + free * rng.standard_normal((d + m, SAMPLES)) * sizes)
    directions = free * rng.standard_normal(inputs.shape)
    with threadpool_limits(1):
        for remaining in range(rounds - 1, -1, -1):
            directions, stretch = _followed(network, inputs, directions, free)
            order = np.argsort(-stretch)
            inputs, directions, stretch = inputs[:, order], directions[:, order], stretch[order]
            if remaining:
                parents = np.arange(SAMPLES) % (SAMPLES // 4)
                inputs, directions = inputs[:, parents], directions[:, parents]
                away = inputs if region is None else inputs - base[:, None]
                lengths = np.linalg.norm(free * away, axis=0) * 10.0 ** rng.uniform(-3, 0.5, SAMPLES)
                along = rng.standard_normal(SAMPLES) * directions
                moves = np.where(
                    rng.random(SAMPLES) < 0.3, along, free * rng.standard_normal(inputs.shape) / np.sqrt(d + m)
                )
                moves[:, : SAMPLES // 4] = 0.0
                inputs = deep(inputs + lengths * moves)
        reach = scale if region is not None else scale + float(np.linalg.norm(inputs[:, 0]))
        inside = deep if region is None else region.nearest
        return _best_pair(network, inputs[:, 0], directions[:, 0], float(stretch[0]), reach, inside)


def quotient_lower(network: Any, first: tuple[Values, Values], second: tuple[Values, Values]) -> float:
    """|x_N - x_N'| / |input - input'| of a pair of inputs, rounded down; see :func:`quotient`."""
    return max(0.0, lower(quotient(network, first, second)))


def quotient(network: Any, first: tuple[Values, Values], second: tuple[Values, Values]) -> flint.arb:
    """A ball around |x_N - x_N'| / |input - input'| of a pair of inputs.

    Raises
    ------
    InputError
        If the inputs are equal.
    """
    if all(np.array_equal(a, c) for a, c in zip(first, second, strict=True)):
        raise InputError("Need two different inputs, got one twice.")
    bits = PRECISION
    while True:
        with flint.ctx.workprec(bits):
            balls = [[exact(part) for part in pair] for pair in (first, second)]
            apart = np.concatenate([a - c for a, c in zip(*balls, strict=True)])
            found: flint.arb = norm(network(*balls[0]) - network(*balls[1])) / norm(apart)
        if found.rel_accuracy_bits() > ACCURATE or bits > MOST:
            return found
        bits *= 2


def _followed(network: Differentiable, inputs: Values, directions: Values, free: Values) -> tuple[Values, Values]:
    """Unit directions after power iterations at each input, and how much each is stretched there."""
    d = network.layers.dimension
    x, b = inputs[:d], inputs[d:]
    stretch = np.zeros(inputs.shape[1])
    for _ in range(POWERS):
        directions = directions / np.maximum(np.linalg.norm(directions, axis=0), np.finfo(float).tiny)
        image = network.jvp(x, b, directions[:d], directions[d:])
        stretch = np.linalg.norm(image, axis=0)
        back = free * np.concatenate(network.vjp(x, b, image))
        directions = np.where(np.linalg.norm(back, axis=0) > 0, back, directions)
    return directions / np.linalg.norm(directions, axis=0), stretch


def _best_pair(
    network: Differentiable,
    start: Values,
    direction: Values,
    derivative: float,
    reach: float,
    inside: Callable[[Values], Values],
) -> Pair:
    """Of the pairs at several distances along the direction, that of the greatest quotient."""
    d = network.layers.dimension
    distances = reach * np.concatenate([2.0 ** np.arange(-24, 3), -(2.0 ** np.arange(-24, 3))])
    others = inside(start[:, None] + direction[:, None] * distances)
    columns = np.broadcast_to(start[:, None], others.shape)
    moved = network(others[:d], others[d:]) - network(columns[:d], columns[d:])
    apart = np.linalg.norm(others - columns, axis=0)
    quotients = np.divide(np.linalg.norm(moved, axis=0), apart, out=np.full_like(apart, -1.0), where=apart > 0)
    end = others[:, int(np.argmax(quotients))]
    first, second = (start[:d], start[d:]), (end[:d], end[d:])
    return Pair(quotient_lower(network, first, second), first, second, derivative)


def _vector(value: npt.ArrayLike | None, name: str, length: int) -> Values:
    found = np.zeros(length) if value is None else finite_array(value, name, 1)
    if len(found) != length:
        raise InputError(f"Need {name} of length {length}, got {len(found)}.")
    return found
