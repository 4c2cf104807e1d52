"""Instances of forward-backward steps, evaluated in exact rationals of the standard library.

The other half of a tight bound: :mod:`fbscheck.certify.kernel` says what no member of a class
exceeds, an instance is a member that attains a number.  Both start from one description of class,
constants, strong convexity and steps; here g = sigma |x|^2 / 2, so that the backward half divides
by 1 + h sigma.  The ratio of a record is ``|x_N - y_N|^2 / |x_0 - y_0|^2``.

* ``rotation``: f = a I + w J on the plane, J the rotation by 90 degrees, w^2 given; every pair of
  points has the same ratio, and y = 0 is a fixed point.
* ``graph``: f on the real line, linear between the given points (x, f(x)) and beyond them, and the
  two starting points x_0, y_0.
"""

from bisect import bisect_right
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Any

from fbscheck.certify.kernel import Refusal, rational, setting

__all__ = ["attained"]


def attained(record: Mapping[str, Any]) -> tuple[Fraction, bool]:
    """Recheck that an instance is in its class; its squared ratio, and whether y_0 is a fixed point of all steps.

    Raises
    ------
    Refusal
        If anything is missing, malformed, outside its range, or f is not in the class.
    """
    try:
        name, constants, steps = setting(record)
        evaluate = {"rotation": _rotation, "graph": _graph}[record["kind"]]
        return evaluate(record, name, constants, steps)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Refusal(f"the instance is incomplete or malformed: {type(error).__name__} {error}") from None


def _require_member(name: str, constants: Mapping[str, Fraction], a: Fraction, w2: Fraction) -> None:
    """Refuse f = a I + w J, w^2 = w2, outside the class: its modulus is a, its norm^2 a^2 + w2."""
    first, square = constants["mu"], a * a + w2
    inside = {
        "GradientOf": lambda: w2 == 0 and first <= a <= constants["ell"],
        "StronglyMonotoneLipschitz": lambda: first <= a and square <= constants["ell"] ** 2,
        "StronglyMonotoneCocoercive": lambda: first <= a and constants["beta"] * square <= a,
    }
    if w2 < 0 or not inside[name]():
        raise Refusal(f"f = a I + w J with a={a}, w^2={w2} is not in the class")


def _rotation(
    record: Mapping[str, Any], name: str, constants: Mapping[str, Fraction], steps: list[Fraction]
) -> tuple[Fraction, bool]:
    a, w2 = rational(record["a"]), rational(record["w_squared"])
    _require_member(name, constants, a, w2)
    ratio = Fraction(1)
    for h in steps:
        ratio *= ((1 - h * a) ** 2 + h * h * w2) / (1 + h * constants["sigma"]) ** 2
    return ratio, True


def _graph(
    record: Mapping[str, Any], name: str, constants: Mapping[str, Fraction], steps: list[Fraction]
) -> tuple[Fraction, bool]:
    points = [(rational(x), rational(y)) for x, y in record["points"]]
    knots = [x for x, _ in points]
    if len(knots) < 2 or any(right <= left for left, right in pairwise(knots)):
        raise Refusal("a graph needs two or more points, from left to right")
    slopes = [(b - a) / (right - left) for (left, a), (right, b) in pairwise(points)]
    for slope in slopes:
        _require_member(name, constants, slope, Fraction(0))

    def step(x: Fraction, h: Fraction) -> Fraction:
        k = min(max(bisect_right(knots, x) - 1, 0), len(slopes) - 1)
        forward = points[k][1] + slopes[k] * (x - knots[k])
        return (x - h * forward) / (1 + h * constants["sigma"])

    x, y = (rational(start) for start in record["starts"])
    apart, still = (x - y) ** 2, True
    for h in steps:
        moved = step(y, h)
        x, y, still = step(x, h), moved, still and moved == y
    return (x - y) ** 2 / apart, still
