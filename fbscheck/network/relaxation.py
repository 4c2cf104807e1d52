"""A floor under all bounds of the recursion: how far inputs go if inequalities hold in the mean only.

For random inputs with E|input|^2 = 1 and random replies Dw_n with E Dw_i (Du_i - Dw_i) >= 0 for every unit, or
for their sum where maps are not separable, taking expectations of the inequalities of
:mod:`fbscheck.network.riccati` gives E|Dx_N|^2 <= bound^2 for all multipliers.  With r samples such replies are
Dw_i = Q Du_i, with Q the projection along any vector v of R^r.  E|Dx_N|^2 is raised layer by layer as in
:mod:`fbscheck.network.lower`, the case r = 1: with a the derivative by Dw, the best v is Du / |Du| - a / |a|.
Inequalities between layers do not lower the floor, even where all layers have one map p: with multipliers
for (p(a) - p(a'))((a - a') - (p(a) - p(a'))) >= 0, where a and a' are arguments of different layers, in one run or in
two, the quadratic of the certificate must stay nonnegative if both runs are that of the network whose maps all halve.
There every other term vanishes, and each of these is a multiple of -|a - a'|^2 / 4: the multipliers are 0.
This is the low-rank method of Burer and Monteiro (Math. Program. 95, 2003) for the dual program.
"""

import math

import numpy as np
import numpy.typing as npt

from fbscheck.network.riccati import Trail

__all__ = ["floor_of"]

Values = npt.NDArray[np.float64]

RANK = 16
TINY = float(np.finfo(float).tiny)


def floor_of(trail: Trail, steps: int = 40) -> float:
    """A number that, rounding aside, no bound of this recursion is below, whatever the multipliers.

    The ascent starts from the inputs and replies that maximise the quadratic of ``trail``.
    """
    recursion = trail.recursion
    depth, d = recursion.shape
    low, width, axes = recursion.sectors.low, recursion.sectors.width, 1 if recursion.separable else None
    spectrum, vectors = np.linalg.eigh(recursion.block(trail.storage))
    inputs = vectors[:, : -RANK - 1 : -1] * np.maximum(spectrum[: -RANK - 1 : -1] / max(spectrum[-1], TINY), 0) ** 4
    states, data = recursion.inputs(inputs / max(float(np.linalg.norm(inputs)), TINY))
    arguments, adjoints = (np.empty((depth, d, inputs.shape[1])) for _ in range(2))
    normals = np.empty_like(arguments)
    for n, factor in trail.forward():
        arguments[n], replies = trail.reply(n, factor, states, data)
        replies = _onto_sphere(arguments[n], replies, axes)
        normals[n] = arguments[n] - replies
        states = low[n][:, None] * arguments[n] + width[n][:, None] * replies
    found = float(np.linalg.norm(states))
    for step in range(steps):
        adjoint = states / max(float(np.linalg.norm(states)), TINY)
        data = np.zeros_like(data)
        for n in range(depth - 1, -1, -1):
            adjoints[n] = width[n][:, None] * adjoint
            normal = normals[n] if step == 0 else _unit(arguments[n], axes) - _unit(adjoints[n], axes)
            passed = low[n][:, None] * adjoint + _projected(adjoints[n], normal, axes)
            data += recursion.injections[n].T @ passed
            adjoint = recursion.transitions[n].T @ passed
        states = adjoint * (recursion.wrt != "b")
        size = max(float(math.hypot(np.linalg.norm(states), np.linalg.norm(data))), TINY)
        states, data = states / size, data / size
        for n in range(depth):
            arguments[n] = recursion.transitions[n] @ states + recursion.injections[n] @ data
            replies = _projected(arguments[n], _unit(arguments[n], axes) - _unit(adjoints[n], axes), axes)
            states = low[n][:, None] * arguments[n] + width[n][:, None] * replies
        previous, found = found, max(found, float(np.linalg.norm(states)))
        if step > 3 and found < previous * (1 + 1e-6):
            break
    return found


def _dot(one: Values, other: Values, axes: int | None) -> Values:
    """Inner products of rows, or of the whole arrays."""
    return np.asarray(np.sum(one * other, axis=axes, keepdims=True))


def _unit(vectors: Values, axes: int | None) -> Values:
    return vectors / np.sqrt(np.maximum(_dot(vectors, vectors, axes), TINY))


def _projected(vectors: Values, normals: Values, axes: int | None) -> Values:
    """Rows less their components along other rows."""
    share = _dot(normals, vectors, axes) / np.maximum(_dot(normals, normals, axes), TINY)
    found: Values = vectors - share * normals
    return found


def _onto_sphere(arguments: Values, replies: Values, axes: int | None) -> Values:
    """Near the replies, some with E Dw_i (Du_i - Dw_i) = 0."""
    half = arguments / 2
    away, radius = replies - half, _dot(half, half, axes)
    distance = _dot(away, away, axes)
    stretch = np.sqrt(np.divide(radius, distance, out=np.zeros_like(radius), where=distance > 1e-30 * radius))
    return np.where(stretch > 0, half + stretch * away, arguments)
