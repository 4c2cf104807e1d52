"""A path of parameters with a start and data, and its description in a witness, from which it can be made again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Any, final

from fbscheck import functions
from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import round_up
from fbscheck.errors import InputError
from fbscheck.limit.path import ParameterPath, Sampling
from fbscheck.limit.piecewise import Piecewise
from fbscheck.network.layers import Values
from fbscheck.verdict import Evidence, Rigour, Side

__all__ = ["PathCase", "between", "down", "up"]

DIGITS = Context(prec=9, rounding=ROUND_CEILING)


@final
@dataclass(frozen=True, eq=False)
class PathCase:
    """A path in straight pieces, x_0 (d,) or (d, S), b (m,) or (m, S); networks of ``depths`` layers.

    ``reference`` is the depth of the network that stands between them and the limit, a multiple of each of them.
    """

    name: str
    path: ParameterPath
    x0: Values
    b: Values
    depths: tuple[int, ...]
    reference: int
    sampling: Sampling = "nodes"

    def __post_init__(self) -> None:
        if not self.depths or any(self.reference % depth for depth in self.depths):
            raise InputError(f"Need a reference with a multiple of each depth, got {self.reference} for {self.depths}.")

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the case again; its arrays are kept in ``arrays``."""
        curves = {name: _describe(getattr(self.path, name), arrays) for name in ("K", "L", "weights")}
        return {
            "name": self.name,
            "r": describe(self.path.r, arrays),
            **curves,
            "horizon": str(self.path.horizon),
            "x0": add(self.x0, arrays),
            "b": add(self.b, arrays),
            "depths": list(self.depths),
            "reference": self.reference,
            "sampling": self.sampling,
        }

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "PathCase":
        """The case that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            if len(text) != 11 or not isinstance(text["name"], str) or text["sampling"] not in ("nodes", "averages"):
                raise TypeError("there is more than a path and depths, or the name is no text")
            depths = (*text["depths"], text["reference"])
            if not all(type(depth) is int and depth > 0 for depth in depths):
                raise ValueError("a depth is a positive integer")
            r = rebuild(text["r"], arrays, vars(functions))
            K, L, weights = (_restore(text[name], arrays, n) for name, n in (("K", 2), ("L", 2), ("weights", 0)))
            path = ParameterPath(K, L, weights, r, Fraction(text["horizon"]))
            x0, b = arrays[text["x0"]], arrays[text["b"]]
            return cls(text["name"], path, x0, b, tuple(depths[:-1]), depths[-1], text["sampling"])
        except (InputError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the path is incomplete or malformed: {error}") from None


def between(low: float, high: float, method: str) -> tuple[Evidence, Evidence]:
    """A number enclosed by outward-rounded arithmetic."""
    return (
        Evidence(Side.ATTAINED, down(low), Rigour.ENCLOSED, method),
        Evidence(Side.CERTIFIED, up(high), Rigour.ENCLOSED, method),
    )


def up(value: float) -> float:
    """No less than ``value``, to nine digits: what is below the rounding of another machine is left out."""
    return round_up(Fraction(DIGITS.create_decimal(Decimal(value)))) if math.isfinite(value) else value


def down(value: float) -> float:
    """No more than ``value``, to nine digits."""
    return 0.0 - up(-value)


def _describe(curve: Any, arrays: Arrays) -> dict[str, Any]:
    if not isinstance(curve, Piecewise):
        raise InputError("Need curves in straight pieces to write them down, got a LipschitzCurve.")
    parts = {"starts": curve.starts} if curve.ends is curve.starts else {"starts": curve.starts, "ends": curve.ends}
    rows = {
        name: add(part.reshape(len(part) * (part.shape[1] if part.ndim == 3 else 1), -1), arrays)
        for name, part in parts.items()
    }
    times = None if curve.times is None else [str(time) for time in curve.times]
    return {**rows, "pieces": len(curve.starts), "times": times}


def _restore(text: Mapping[str, Any], arrays: Arrays, ndim: int) -> Piecewise:
    if set(text) - {"starts", "ends"} != {"pieces", "times"} or type(text["pieces"]) is not int:
        raise TypeError("a curve has starts, ends, a number of pieces and times, no more")

    def stack(name: str) -> Values:
        rows = arrays[text[name]]
        return rows.reshape(text["pieces"], -1, rows.shape[1]) if ndim == 2 else rows.reshape(text["pieces"])

    starts = stack("starts")
    ends = stack("ends") if "ends" in text else starts
    if ends.shape != starts.shape:
        raise ValueError("the pieces of a curve end in another space than they start in")
    times = None if text["times"] is None else tuple(Fraction(time) for time in text["times"])
    if times is None or len(times) == len(starts) + 1 and times[0] == 0 and list(times) == sorted(set(times)):
        return Piecewise(starts, ends, times)
    raise ValueError("times do not increase from 0")
