"""A limit with a closed form, the network of N layers beside it, and their description in a witness."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck import functions
from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, ball, exact, matmul
from fbscheck.inputs import Array
from fbscheck.limit import ParameterPath, Piecewise
from fbscheck.limit.closed_forms import closed_form
from fbscheck.network import Network

__all__ = ["LimitCase"]

Values = npt.NDArray[np.float64]

CURVES = ("K", "L", "weights")


@final
@dataclass(frozen=True, eq=False)
class LimitCase:
    """A path that is constant on pieces of time, starts x_0 (d, S), data b (m, S), and N = ``depth``."""

    name: str
    path: ParameterPath
    x0: Values
    b: Values
    depth: int

    @property
    def step(self) -> Fraction:
        """h = T/N."""
        return self.path.horizon / self.depth

    @property
    def steady(self) -> bool:
        """Whether the parameters stay the same."""
        return all(getattr(self.path, name).constant for name in CURVES)

    @property
    def start(self) -> Values:
        """The point of the domain of r from which the limit starts: x_0, or for indicators its projection."""
        return np.asarray(self.path.r.prox(self.x0, 1.0)) if self.path.r.is_indicator else self.x0

    @cached_property
    def solution(self) -> Array:
        """x at all nodes and half-way between them, as balls (2N + 1, d, S)."""
        times = [k * self.step / 2 for k in range(2 * self.depth + 1)]
        return closed_form(self.path, self.start, self.b, times)

    @cached_property
    def network(self) -> Network:
        """The network in float64."""
        return self.path.network(self.depth)

    def layers(self) -> Array:
        """States x_0..x_N (N + 1, d, S) of the network as it stands in float64, enclosed."""
        with self._precise():
            return self.network.trajectory(exact(self.x0), exact(self.b)).states

    def splitting(self) -> Array:
        """States (N + 1, d, S) of the exact splitting with h, K, L and weight of a steady path, enclosed."""
        K, weight = self.path.K.starts[0], float(self.path.weights.starts[0])  # type: ignore[union-attr]
        h, fed, states = ball(self.step), self.fed, [exact(self.x0)]
        length = self.step if self.path.r.is_indicator else self.step * Fraction(weight)
        with self._precise():
            for _ in range(self.depth):
                u = states[-1] - h * (matmul(K, states[-1]) - fed)
                states.append(self.path.r.prox(u, length) if length else u)
        return np.stack(states)

    def _precise(self) -> Any:
        """A working precision for what layers, and proximal maps (a factor up to 3), do to the width of a ball."""
        width = np.abs(self.network.layers.transitions).sum(axis=2).max(axis=1)
        return flint.ctx.workprec(PRECISION + math.ceil(np.sum(np.log2(np.maximum(width, 1.0)))) + 2 * self.depth)

    @property
    def fed(self) -> Array:
        """Lb (d, S) of a steady path, enclosed."""
        return matmul(self.path.L.starts[0], exact(self.b))  # type: ignore[union-attr]

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the case again; its arrays are kept in ``arrays``."""
        text: dict[str, Any] = {"name": self.name, "r": describe(self.path.r, arrays)}
        for name in CURVES:
            curve = getattr(self.path, name)
            rows = curve.starts.reshape(len(curve.starts), -1)
            text[name] = {
                "values": add(rows, arrays),
                "times": " ".join(str(share * self.path.horizon) for share in curve.breaks(self.path.horizon)),
            }
        points = {"x0": add(self.x0, arrays), "b": add(self.b, arrays)}
        return {**text, **points, "horizon": str(self.path.horizon), "depth": self.depth}

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "LimitCase":
        """The case that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            r = rebuild(text["r"], arrays, vars(functions))
            x0, b = arrays[text["x0"]], arrays[text["b"]]
            depth = text["depth"]
            shapes = {"K": (len(x0), len(x0)), "L": (len(x0), len(b)), "weights": ()}
            if set(text) != {"name", "r", "x0", "b", "horizon", "depth", *shapes} or not isinstance(text["name"], str):
                raise TypeError("the name is no text, or there is more than a case")
            if type(depth) is not int or not 0 < depth <= 10**5 or x0.ndim != 2 or b.ndim != 2:
                raise ValueError("depth or shapes")
            K, L, weights = (_restored(text[name], shape, arrays) for name, shape in shapes.items())
            path = ParameterPath(K, L, weights, r, Fraction(text["horizon"]))
            return cls(text["name"], path, x0, b, depth)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the case is incomplete or malformed: {error}") from None


def _restored(text: Mapping[str, Any], shape: tuple[int, ...], arrays: Arrays) -> Piecewise:
    if set(text) != {"values", "times"}:
        raise TypeError("a curve has values and times, no more")
    values = arrays[text["values"]]
    return Piecewise.steps(values.reshape(-1, *shape), [kernel.rational(time) for time in text["times"].split(" ")])
