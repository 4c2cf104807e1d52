r"""Lower bounds on Lipschitz constants, attained by networks with the same weights and some proximal maps.

Layer n is given the derivative D_n.  Separable maps may have any diagonal D_n with slopes s in
[0, 1 / (1 + rho_n)], since the proximal map of (1/s - 1)|x|^2 / 2 has slope s and that of the indicator of {0}
slope 0; maps that are not separable may have D_n = v v^T / ((1 + rho_n) |v|^2), an indicator of the line of v
plus a quadratic.  So the norm of the product of any such derivatives is attained in the class.  For a left
vector y and an input z, <y, J z> is linear in each D_n: with a_n the derivative of <y, x_N> by x_{n+1} and u_n
the argument of layer n it is best to let through the units with (a_n)_i (u_n)_i > 0, or to project on the
bisector of a_n and u_n.  Updating layer after layer, forward and backward, and y and z in between, the value
never decreases.

Separable maps may as well be one map of numbers, the same for all units and layers.  Let a_ni be the arguments of the
network whose maps all halve, at some input where they differ: a nondecreasing, 1-Lipschitz map with p(a_ni) = a_ni / 2
has any slopes in [0, 1] near the a_ni, and leaves the arguments as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, final

import flint
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.certify.balls import lower
from fbscheck.errors import InputError
from fbscheck.inputs import finite_array
from fbscheck.network.layers import Layers
from fbscheck.network.riccati import Input, Recursion, Trail, recursion

__all__ = ["Attained", "attained_lower", "class_lower"]

Values = npt.NDArray[np.float64]

ENOUGH = 1e-7
"""Ascents end where no value grows by more than this in a sweep, relatively."""
PARENTS = 12
"""How many of the best patterns are disturbed."""


@final
@dataclass(frozen=True, eq=False)
class Attained:
    """A network of the class that stretches an input: ``bound`` is |J z| / |z|, rounded down.

    ``pattern`` (N, d) holds the slopes of the units, or for maps that are not separable the vectors v_n, and
    ``direction`` is z, that is Db, Dx_0, or both, x_0 first.
    """

    bound: float
    pattern: Values
    direction: Values


def class_lower(
    layers: Layers,
    wrt: Input = "b",
    starts: int = 32,
    steps: int = 100,
    seed: int = 0,
    trail: Trail | None = None,
    rounds: int = 0,
) -> Attained:
    """The best of ``starts`` ascents of at most ``steps`` sweeps from random patterns.

    With the ``trail`` of good multipliers some start from the inputs and replies that maximise its quadratic.
    In each of ``rounds`` the best ones are disturbed, some units of some layers, and ascend again.

    Raises
    ------
    InputError
        If ``wrt`` is no input, or there is no start.
    """
    if starts < 1 or steps < 1 or rounds < 0:
        raise InputError(f"Need starts >= 1, steps >= 1 and rounds >= 0, got {starts}, {steps} and {rounds}.")
    problem, rng = recursion(layers, wrt), np.random.default_rng(seed)
    (depth, d), m = problem.shape, problem.injections.shape[2]
    states, data = rng.standard_normal((d, starts)) * (wrt != "b"), rng.standard_normal((m, starts))
    passing = rng.random((depth, d, starts)) < np.linspace(1, 0.3, starts)
    if trail is not None:
        _follow(trail, states, data, passing)
    with threadpool_limits(1), np.errstate(all="ignore"):
        found = _ascent(problem, states, data, passing, steps)
        for _ in range(rounds):
            again = _ascent(problem, *_disturbed(found, rng), steps)
            found = _best(found, again, starts)
    if found.values[0] == 0:
        return Attained(0.0, np.zeros(problem.shape), np.ones(m if wrt == "b" else d + m))
    a, u = found.adjoints[:, :, 0], found.arguments[:, :, 0]
    pattern = np.where(a * u > 0, _widest(layers)[:, None], 0.0) if layers.separable else _bisector(a.T, u.T).T
    parts = [found.data] if wrt == "b" else [found.states, found.data]
    direction = np.concatenate([part[:, 0] for part in parts])
    return Attained(attained_lower(layers, wrt, pattern, direction), pattern, direction)


def attained_lower(layers: Layers, wrt: Input, pattern: npt.ArrayLike, direction: npt.ArrayLike) -> float:
    """|J z| / |z| for the derivatives of :class:`Attained`, rounded down from balls around the exact product.

    Raises
    ------
    InputError
        If shapes do not fit, z = 0, or a slope is not in [0, 1 / (1 + rho_n)].
    """
    slopes, z = finite_array(pattern, "pattern", 2), finite_array(direction, "direction", 1)
    depth, d, m = layers.depth, layers.dimension, layers.observations
    first = 0 if wrt == "b" else d
    if slopes.shape != (depth, d) or len(z) != first + (0 if wrt == "x0" else m) or not z.any():
        raise InputError(f"Need slopes ({depth}, {d}) and a direction z != 0, got {slopes.shape} and {z.shape}.")
    factors = [1 + Fraction(rho) for rho in np.asarray(layers.strong_convexity).tolist()]
    if layers.separable:
        exact = np.array([[Fraction(s) for s in row] for row in slopes.tolist()], dtype=object)
        if (exact < 0).any() or any((row * c > 1).any() for row, c in zip(exact, factors, strict=True)):
            raise InputError(
                "Need slopes between 0 and 1 / (1 + rho_n), got others (a network that is not in the class?)."
            )
    bits = 128
    while True:
        with flint.ctx.workprec(bits):
            quotient = _quotient(layers, slopes, factors, z[:first], z[first:])
        if quotient.rel_accuracy_bits() > 60 or bits > 2**14:
            return max(0.0, lower(quotient)) if quotient.is_finite() else 0.0
        bits *= 2


def _quotient(layers: Layers, slopes: Values, factors: list[Fraction], x: Values, b: Values) -> flint.arb:
    """A ball around |J z| / |z|."""
    state, data = _column(x if len(x) else np.zeros(layers.dimension)), _column(b)
    cache: dict[int, tuple[flint.arb_mat, flint.arb_mat]] = {}
    shared = layers.transitions.strides[0] == 0 and layers.injections.strides[0] == 0
    for n in range(layers.depth):
        key = 0 if shared else n
        if key not in cache:
            cache = {key: (flint.arb_mat(layers.transitions[n].tolist()), flint.arb_mat(layers.injections[n].tolist()))}
        transition, injection = cache[key]
        argument = transition * state + injection * data if len(b) else transition * state
        row = _column(slopes[n])
        if layers.separable:
            state = flint.arb_mat(
                len(slopes[n]), 1, [s * u for s, u in zip(row.entries(), argument.entries(), strict=True)]
            )
        else:
            c = flint.arb(flint.fmpq(factors[n].numerator, factors[n].denominator))
            length = (row.transpose() * row)[0, 0]
            state = row * ((row.transpose() * argument)[0, 0] / (c * length)) if slopes[n].any() else 0 * row
    squares = sum((z * z for part in (x, b) for z in map(flint.arb, part.tolist())), flint.arb(0))
    return ((state.transpose() * state)[0, 0] / squares).nonnegative_part().sqrt()


def _column(vector: Values) -> flint.arb_mat:
    return flint.arb_mat(len(vector), 1, vector.tolist())


def _widest(layers: Layers) -> Values:
    """No more than 1 / (1 + rho_n)."""
    convexity = np.asarray(layers.strong_convexity)
    widest: Values = np.where(convexity == 0, 1.0, (1 - 2.0**-50) / (1 + convexity))
    return widest


class _Ascended(NamedTuple):
    """Values (S,), the greatest first, inputs of norm 1 (., S), adjoints and arguments (N, d, S)."""

    values: Values
    states: Values
    data: Values
    adjoints: Values
    arguments: Values


def _ascent(problem: Recursion, states: Values, data: Values, passing: npt.NDArray[np.bool_], steps: int) -> _Ascended:
    """Sweeps from inputs and patterns until none gets better; what is not finite counts as 0."""
    arguments, state = _forward(problem, states, data, lambda n, u: passing[n] * u)
    value = np.zeros(states.shape[1])
    for step in range(steps):
        adjoints, states, data = _backward(problem, arguments, state)
        previous, value = value, np.sqrt(np.sum(states**2, axis=0) + np.sum(data**2, axis=0))
        states, data = states / value, data / value
        if step == steps - 1 or not (value > previous * (1 + ENOUGH)).any():
            break
        arguments, state = _forward(problem, states, data, lambda n, u: _passed(problem, adjoints[n], u))
    value = np.where(np.isfinite(value), value, 0.0)
    order = np.argsort(-value, kind="stable")
    return _Ascended(value[order], states[:, order], data[:, order], adjoints[:, :, order], arguments[:, :, order])


def _disturbed(found: _Ascended, rng: np.random.Generator) -> tuple[Values, Values, npt.NDArray[np.bool_]]:
    """The best inputs and patterns, moved: a share of the units of neighbouring layers lets through what it did not."""
    depth, d, count = found.arguments.shape
    parents = np.arange(count) % min(count, PARENTS)
    first, length = rng.integers(0, depth, count), rng.integers(1, depth + 1, count)
    layer = np.arange(depth)[:, None]
    share = np.where((layer >= first) & (layer < first + length), 10.0 ** rng.uniform(-3.5, -1, count), 0.0)
    flipped = rng.random((depth, d, count)) < share[:, None, :]
    passing = (found.adjoints[:, :, parents] * found.arguments[:, :, parents] > 0) ^ flipped
    size = 10.0 ** rng.uniform(-3, -0.5, count) / np.sqrt(len(found.data) + d)
    moved = (part[:, parents] + (part != 0).any() * size * rng.standard_normal(part.shape) for part in found[1:3])
    return *moved, passing


def _best(one: _Ascended, other: _Ascended, count: int) -> _Ascended:
    """The best of two lists, of those of one value the first."""
    values = np.concatenate([one.values, other.values])
    _, firsts = np.unique(-np.round(values, 9), return_index=True)
    kept = np.resize(firsts, count)
    return _Ascended(*(np.concatenate(parts, axis=-1)[..., kept] for parts in zip(one, other, strict=True)))


def _forward(
    problem: Recursion, states: Values, data: Values, passed: Callable[[int, Values], Values]
) -> tuple[Values, Values]:
    """The arguments (N, d, S) of all layers, and x_N."""
    arguments = np.empty((*problem.shape, states.shape[1]))
    for n in range(problem.shape[0]):
        arguments[n] = problem.transitions[n] @ states + problem.injections[n] @ data
        states = problem.sectors.width[n][:, None] * passed(n, arguments[n])
    return arguments, states


def _backward(problem: Recursion, arguments: Values, state: Values) -> tuple[Values, Values, Values]:
    """The adjoints (N, d, S) of all outputs, and the derivatives of <y, x_N> by x_0 and b, for y = x_N / |x_N|."""
    adjoints = np.empty_like(arguments)
    adjoint = state / np.maximum(np.linalg.norm(state, axis=0), np.finfo(float).tiny)
    data = np.zeros((problem.injections.shape[2], state.shape[1]))
    for n in range(problem.shape[0] - 1, -1, -1):
        adjoints[n] = adjoint
        passed = problem.sectors.width[n][:, None] * _passed(problem, arguments[n], adjoint)
        data += problem.injections[n].T @ passed
        adjoint = problem.transitions[n].T @ passed
    return adjoints, adjoint * (problem.wrt != "b"), data


def _passed(problem: Recursion, other: Values, vector: Values) -> Values:
    """D ``vector`` for the D that makes <other, D vector> greatest."""
    if problem.separable:
        return np.where(other * vector > 0, vector, 0.0)
    v = _bisector(other, vector)
    projected: Values = v * (np.sum(v * vector, axis=0) / np.maximum(np.sum(v * v, axis=0), np.finfo(float).tiny))
    return projected


def _bisector(one: Values, other: Values) -> Values:
    tiny = np.finfo(float).tiny
    found: Values = one / np.maximum(np.linalg.norm(one, axis=0), tiny)
    found = found + other / np.maximum(np.linalg.norm(other, axis=0), tiny)
    return found


def _follow(trail: Trail, states: Values, data: Values, passing: npt.NDArray[np.bool_]) -> None:
    """Overwrite the first half of the starts by those of the greatest eigenvalues of the quadratic."""
    vectors = np.linalg.eigh(trail.recursion.block(trail.storage))[1][:, ::-1][:, : (states.shape[1] + 1) // 2]
    x, b = trail.recursion.inputs(vectors)
    count = vectors.shape[1]
    states[:, :count], data[:, :count] = x, b
    for n, factor in trail.forward():
        arguments, replies = trail.reply(n, factor, x, b)
        passing[n, :, :count] = arguments * replies > 0
        x = trail.outcome(n, arguments, replies)
