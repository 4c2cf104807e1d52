"""Sums with a closed proximal map: of functions of different coordinates, and with a quadratic.

Source: Combettes and Pesquet 2011, table 10.1.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, final

import numpy as np

from fbscheck.certify.balls import root_up, round_down
from fbscheck.errors import HypothesisError, InputError
from fbscheck.functions.base import Function
from fbscheck.functions.calculus.derived import Derived, require_function
from fbscheck.functions.calculus.values import Tilted
from fbscheck.functions.separable import SquaredL2, Zero
from fbscheck.inputs import Array, finite_array, nonnegative
from fbscheck.points import along

__all__ = ["SeparableSum", "WithQuadratic", "summed"]


@final
@dataclass(frozen=True, eq=False)
class SeparableSum(Function):
    """g_1(x_1) + ... + g_k(x_k) for consecutive blocks of coordinates; ``sizes`` (k,) are their lengths."""

    functions: tuple[Function, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        functions = tuple(self.functions) if isinstance(self.functions, (tuple, list)) else (self.functions,)
        for g in functions:
            require_function(g)
        sizes = np.asarray(self.sizes)
        if sizes.shape != (len(functions),) or not np.issubdtype(sizes.dtype, np.integer) or not (sizes > 0).all():
            raise InputError(f"Need one positive whole number in sizes for each function, got {self.sizes!r}.")
        for g, size in zip(functions, sizes.tolist(), strict=True):
            if g.dimension not in (None, size):
                raise InputError(f"Need blocks that fit, got size {size} for a function of dimension {g.dimension}.")
        object.__setattr__(self, "functions", functions)
        object.__setattr__(self, "sizes", tuple(sizes.tolist()))

    @property
    def separable(self) -> bool:  # type: ignore[override]
        """Whether each of the functions is a sum of functions of one coordinate each."""
        return all(g.separable or size == 1 for g, size in zip(self.functions, self.sizes, strict=True))

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        """Whether all of the functions are indicators."""
        return all(g.is_indicator for g in self.functions)

    @property
    def enclosed(self) -> bool:  # type: ignore[override]
        """Whether all of the functions take balls."""
        return all(g.enclosed for g in self.functions)

    @property
    def accuracy(self) -> float:  # type: ignore[override]
        """The largest of all, for each block."""
        return max(g.accuracy for g in self.functions)

    @property
    def strong_convexity(self) -> float:
        """The least of all."""
        return min(g.strong_convexity for g in self.functions)

    @property
    def lipschitz(self) -> float | None:
        """The root of the sum of squares, rounded up."""
        known = [g.lipschitz for g in self.functions]
        squares = [Fraction(L) ** 2 for L in known if L is not None]
        return root_up(sum(squares, Fraction(0))) if len(squares) == len(known) else None

    @property
    def dimension(self) -> int:
        """The sum of the sizes."""
        return sum(self.sizes)

    def _blocks(self, *points: Array) -> list[tuple[Any, ...]]:
        """Each function with its block of the points."""
        ends = pairwise(accumulate(self.sizes, initial=0))
        return [(g, *(x[a:b] for x in points)) for g, (a, b) in zip(self.functions, ends, strict=True)]

    def _value(self, x: Array) -> Any:
        return sum(g._value(block) for g, block in self._blocks(x))

    def _prox(self, u: Array, step: Any) -> Array:
        return np.concatenate([g._prox(block, step) for g, block in self._blocks(u)])

    def _envelope(self, u: Array, step: Any) -> Any:
        return sum(g._envelope(block, step) for g, block in self._blocks(u))

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return np.concatenate([g._prox_jacobian(block, step, along_it) for g, block, along_it in self._blocks(u, v)])

    def _conjugate(self, s: Array) -> Any:
        return sum(g._conjugate(block) for g, block in self._blocks(s))

    def _subgradient(self, x: Array, near: Array) -> Array:
        return np.concatenate([g._subgradient(block, close) for g, block, close in self._blocks(x, near)])


@final
@dataclass(frozen=True, eq=False)
class WithQuadratic(Derived):
    """g(x) + weight |x - centre|^2/2, weight w >= 0: prox_h(u) = prox_{h'g}(m), m = (u + h w c)/(1 + h w).

    Here h' = h/(1 + h w), and M_h(u) = M_{h'} g(m) + w |u - c|^2/(2 (1 + h w)).  ``centre`` c is (d,), or 0.
    """

    function: Function
    weight: float
    centre: Any = 0.0

    def __post_init__(self) -> None:
        require_function(self.function)
        cause = "A negative weight may make the sum nonconvex."
        object.__setattr__(self, "weight", float(nonnegative(self.weight, "weight", cause)))
        still = not isinstance(self.centre, str) and np.ndim(self.centre) == 0 and self.centre == 0
        centre: Any = 0.0 if still else finite_array(self.centre, "centre", 1)
        if not still and self.function.dimension not in (None, len(centre)):
            raise InputError(f"Need a centre of length {self.function.dimension}, got {len(centre)}.")
        object.__setattr__(self, "centre", centre)

    @property
    def dimension(self) -> int | None:
        """That of g, or the length of the centre."""
        return len(self.centre) if np.ndim(self.centre) else self.function.dimension

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        """Whether g is one, and nothing is added to it."""
        return self.function.is_indicator and self.weight == 0

    @property
    def strong_convexity(self) -> float:
        """sigma + weight, rounded down."""
        return round_down(Fraction(self.function.strong_convexity) + Fraction(self.weight))

    @property
    def lipschitz(self) -> float | None:
        """None, unless nothing is added."""
        return None if self.weight else self.function.lipschitz

    def _away(self, x: Array) -> Array:
        return x - along(self.centre, x)  # type: ignore[no-any-return]

    def _quadratic(self, x: Array) -> Any:
        away = self._away(x)
        return np.sum(away * away, axis=0) * self.weight / 2

    def _inner(self, u: Array, step: Any) -> tuple[Array, Any, Any]:
        """The argument m and the step h' of g, and 1 + h w."""
        growth = 1 + step * self.weight
        return (u + along(self.centre, u) * (step * self.weight)) / growth, step / growth, growth

    def _value(self, x: Array) -> Any:
        return self.function._value(x) + self._quadratic(x)

    def _prox(self, u: Array, step: Any) -> Array:
        middle, shorter, _ = self._inner(u, step)
        return self.function._prox(middle, shorter)

    def _envelope(self, u: Array, step: Any) -> Any:
        middle, shorter, growth = self._inner(u, step)
        return self.function._envelope(middle, shorter) + self._quadratic(u) / growth

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        middle, shorter, growth = self._inner(u, step)
        return self.function._prox_jacobian(middle, shorter, v) / growth  # type: ignore[no-any-return]

    def _conjugate(self, s: Array) -> Any:
        """<s, c> + |s|^2/(2 w) - M_{1/w} g(c + s/w): the quadratic is completed."""
        if self.weight == 0:
            return self.function._conjugate(s)
        centre = along(self.centre, s)
        length = 1 / (0 * s.flat[0] + self.weight)
        linear = np.sum((centre + s / self.weight / 2) * s, axis=0)
        return linear - self.function._envelope(centre + s / self.weight, length)

    def _subgradient(self, x: Array, near: Array) -> Array:
        slope = self.weight * self._away(x)
        return self.function._subgradient(x, near - slope) + slope


def summed(first: Function, second: Function) -> Function:
    """first + second, where a formula for the proximal map is known: one of them is Zero, a multiple of |x - c|^2, or
    one of these tilted.

    Raises
    ------
    HypothesisError
        For any other pair.  In general prox of a sum is not the composition of the two proximal maps; with
        g1 the indicator of {x1 = x2}, g2 = |x1|, h = 1/2 and u = (1, 0) it is (1/4, 1/4), prox_{hg2} after
        prox_{hg1} gives (0, 1/2).
    """
    for g in (first, second):
        require_function(g)
    for g, other in ((first, second), (second, first)):
        if isinstance(other, Zero):
            return g
        if isinstance(other, SquaredL2):
            return WithQuadratic(g, other.weight)
        if isinstance(other, WithQuadratic) and isinstance(other.function, Zero):
            return WithQuadratic(g, other.weight, other.centre)
        if isinstance(other, Tilted):
            return Tilted(summed(g, other.function), other.slope)
    raise HypothesisError(
        f"Need a quadratic or Zero as one of the two functions of a sum, got {type(first).__name__} and "
        f"{type(second).__name__}: prox of a sum is not the composition of the proximal maps (split the problem?)."
    )
