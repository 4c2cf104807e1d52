"""Instances of a class for which steps of given lengths move as far as they can, or nearly so.

They are proposed here and rechecked by :mod:`fbscheck.certify.instances`.  Between two trajectories
of the same f the product of the single steps' factors is attained, whatever the steps: on the line,
let f be m x except near the points of one trajectory, where its slope is the worst one for the step
to come.  The distance to a fixed point has no such freedom, and its worst case is smaller.
"""

from bisect import bisect
from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

from fbscheck.certify import instances
from fbscheck.certify.kernel import Refusal
from fbscheck.splitting.classes import OperatorClass, steps_record

__all__ = ["between_trajectories", "slopes", "to_fixed_point"]

NEAR = Fraction(1, 2**80)
"""The distance of two trajectories at the start, times the product of their factors if that is large."""


def slopes(operators: OperatorClass) -> tuple[Fraction, Fraction]:
    """mu, and the smallest Lipschitz constant common to the class."""
    constants = operators.constants
    return constants["mu"], 1 / constants["beta"] if "beta" in constants else constants["ell"]


def between_trajectories(
    operators: OperatorClass, steps: Sequence[Fraction], strong_convexity: Fraction
) -> dict[str, Any]:
    """The record of two trajectories whose distance shrinks as little as could be found.

    One rotation if it is the worst operator for every step, else a graph on the line, which attains
    the product of the factors of the class of gradients.
    """
    rotations = {operators.extremal(step) for step in steps}
    if len(rotations) == 1:
        return _rotation(operators, steps, strong_convexity, *_entries(rotations.pop()))
    graphs = (_bent_line(operators, steps, strong_convexity, Fraction(k, 32)) for k in range(1, 32))
    return next((graph for graph in graphs if graph is not None), to_fixed_point(operators, steps, strong_convexity))


def to_fixed_point(operators: OperatorClass, steps: Sequence[Fraction], strong_convexity: Fraction) -> dict[str, Any]:
    """The record, of those tried, whose distance to a fixed point shrinks least.

    Tried are the rotations that are worst for one of the steps, and a graph on the line through the
    origin, bent greedily so that each step moves as far as the points so far allow.
    """
    candidates = [
        _rotation(operators, steps, strong_convexity, *_entries(rotation))
        for rotation in {operators.extremal(step) for step in steps}
    ]
    candidates.append(_greedy_graph(operators, steps, strong_convexity))
    return max(candidates, key=lambda record: instances.attained(record)[0])


def _entries(rotation: Any) -> tuple[Fraction, Fraction]:
    return rotation.a, rotation.w_squared


def _rotation(
    operators: OperatorClass, steps: Sequence[Fraction], sigma: Fraction, a: Fraction, w_squared: Fraction
) -> dict[str, Any]:
    return steps_record(operators, steps, sigma, kind="rotation", a=str(a), w_squared=str(w_squared))


def _graph(
    operators: OperatorClass, steps: Sequence[Fraction], sigma: Fraction, points: Sequence[Any], *starts: Fraction
) -> dict[str, Any]:
    texts = [[str(x), str(y)] for x, y in sorted(points)]
    return steps_record(operators, steps, sigma, kind="graph", points=texts, starts=[str(start) for start in starts])


def _bent_line(
    operators: OperatorClass, steps: Sequence[Fraction], sigma: Fraction, part: Fraction
) -> dict[str, Any] | None:
    """f = m x, m between the slopes, with another slope to one side of each point; None if two points meet."""
    low, high = slopes(operators)
    m, point = low + part * (high - low), Fraction(1)
    worst = [max((low, high), key=lambda a: abs(1 - h * a)) for h in steps]
    factors = [(1 - h * a) / (1 + h * sigma) for h, a in zip(steps, worst, strict=True)]
    apart, one = NEAR, Fraction(1)
    for factor in factors:
        apart *= min(abs(factor), one) / max(abs(factor), one) if factor else one
    starts, points = (point, point + apart), []
    return_over = 2 + max(abs(a - m) / min(m - low, high - m) for a in (low, high))
    for h, a, factor in zip(steps, worst, factors, strict=True):
        points += [(point, m * point)]
        if apart:
            points += [(point + apart, m * point + a * apart)]
            points += [(point + return_over * apart, m * (point + return_over * apart))]
        point, apart = point * (1 - h * m) / (1 + h * sigma), apart * factor
    size = 2 * max(abs(x) for x, _ in points)
    record = _graph(operators, steps, sigma, [*points, (-size, -m * size), (size, m * size)], *starts)
    try:
        exactly = prod(factors) ** 2
        return record if instances.attained(record)[0] == exactly else None
    except Refusal:
        return None


def _greedy_graph(operators: OperatorClass, steps: Sequence[Fraction], sigma: Fraction) -> dict[str, Any]:
    """f through (0, 0) and each x_k, as large or as small there as the points so far allow, whichever moves farther."""
    low, high = slopes(operators)
    x, points = Fraction(1), [(Fraction(0), Fraction(0))]
    for h in steps:
        if all(x != known for known, _ in points):
            k = bisect(points, (x, Fraction(0)))
            ends: list[list[Fraction]] = [[], []]
            for side, (known, value) in [(0, p) for p in points[max(k - 1, 0) : k]] + [
                (1, p) for p in points[k : k + 1]
            ]:
                ends[side] += [value + low * (x - known)]
                ends[1 - side] += [value + high * (x - known)]
            least, most = max(ends[0]), min(ends[1])
            points.insert(k, (x, max((least, most), key=lambda value: abs(x - h * value))))
        x = (x - h * dict(points)[x]) / (1 + h * sigma)
    points = points if len(points) > 1 else [*points, (Fraction(1), low)]
    return _graph(operators, steps, sigma, points, Fraction(1), Fraction(0))
