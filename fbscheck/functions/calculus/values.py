"""Rules that change the values: factor g + constant, g + <slope, x>, and the scaling of the epigraph, a g(x/a).

Source: Combettes and Pesquet 2011, table 10.1.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import round_down, round_up
from fbscheck.functions.base import Function, norm_bound
from fbscheck.functions.calculus.derived import Derived, require_function, settle_vector
from fbscheck.inputs import Array, finite_number, positive
from fbscheck.points import along

__all__ = ["EpigraphScaled", "Scaled", "Tilted"]


@final
@dataclass(frozen=True, eq=False)
class Scaled(Derived):
    """factor g + constant, factor a > 0: M_h(u) = a M_{ah} g(u) + constant, prox_h = prox_{a h g}."""

    function: Function
    factor: float = 1.0
    constant: float = 0.0

    def __post_init__(self) -> None:
        require_function(self.function)
        cause = "A negative factor makes a convex function concave; with 0, use Zero()."
        object.__setattr__(self, "factor", float(positive(self.factor, "factor", cause)))
        object.__setattr__(self, "constant", float(finite_number(self.constant, "constant")))

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        """Whether g is one, and nothing is added to it."""
        return self.function.is_indicator and self.constant == 0

    @property
    def strong_convexity(self) -> float:
        """factor sigma, rounded down."""
        return round_down(Fraction(self.factor) * Fraction(self.function.strong_convexity))

    @property
    def lipschitz(self) -> float | None:
        """factor L, rounded up."""
        known = self.function.lipschitz
        return None if known is None else round_up(Fraction(self.factor) * Fraction(known))

    def _value(self, x: Array) -> Any:
        return self.function._value(x) * self.factor + self.constant

    def _prox(self, u: Array, step: Any) -> Array:
        return self.function._prox(u, step * self.factor)

    def _envelope(self, u: Array, step: Any) -> Any:
        return self.function._envelope(u, step * self.factor) * self.factor + self.constant

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return self.function._prox_jacobian(u, step * self.factor, v)

    def _conjugate(self, s: Array) -> Any:
        return self.function._conjugate(s / self.factor) * self.factor - self.constant

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self.function._subgradient(x, near / self.factor) * self.factor


@final
@dataclass(frozen=True, eq=False)
class Tilted(Derived):
    """g(x) + <slope, x>, ``slope`` s (d,): prox_h(u) = prox_{hg}(u - h s).

    M_h(u) = M_h g(u - h s) + <s, u> - h |s|^2/2; the Lipschitz constant grows by |s|.
    """

    function: Function
    slope: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        settle_vector(self, "slope")

    @property
    def dimension(self) -> int:
        """The length of the slope."""
        return len(self.slope)

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        """Whether g is one, and nothing is added to it."""
        return self.function.is_indicator and not self.slope.any()

    @property
    def lipschitz(self) -> float | None:
        """L + |slope|, rounded up."""
        known = self.function.lipschitz
        return None if known is None else round_up(Fraction(known) + Fraction(norm_bound(self.slope)))

    def _value(self, x: Array) -> Any:
        return self.function._value(x) + np.sum(along(self.slope, x) * x, axis=0)

    def _moved(self, u: Array, step: Any) -> Array:
        return u - along(self.slope, u) * step  # type: ignore[no-any-return]

    def _prox(self, u: Array, step: Any) -> Array:
        return self.function._prox(self._moved(u, step), step)

    def _envelope(self, u: Array, step: Any) -> Any:
        slope, middle = along(self.slope, u), self._moved(u, step / 2)
        return self.function._envelope(self._moved(u, step), step) + np.sum(slope * middle, axis=0)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return self.function._prox_jacobian(self._moved(u, step), step, v)

    def _conjugate(self, s: Array) -> Any:
        return self.function._conjugate(s - along(self.slope, s))

    def _subgradient(self, x: Array, near: Array) -> Array:
        slope = along(self.slope, x)
        return self.function._subgradient(x, near - slope) + slope  # type: ignore[no-any-return]


@final
@dataclass(frozen=True, eq=False)
class EpigraphScaled(Derived):
    """a g(x/a), factor a > 0, whose epigraph is a times that of g: prox_h(u) = a prox_{(h/a) g}(u/a).

    M_h(u) = a M_{h/a} g(u/a); the strong convexity is sigma/a, the Lipschitz constant that of g, the conjugate a g*
    (Rockafellar 1970, section 5).
    """

    function: Function
    factor: float

    def __post_init__(self) -> None:
        require_function(self.function)
        object.__setattr__(self, "factor", float(positive(self.factor, "factor", "It scales a convex set.")))

    @property
    def strong_convexity(self) -> float:
        """sigma/factor, rounded down."""
        return round_down(Fraction(self.function.strong_convexity) / Fraction(self.factor))

    def _value(self, x: Array) -> Any:
        return self.function._value(x / self.factor) * self.factor

    def _prox(self, u: Array, step: Any) -> Array:
        return self.function._prox(u / self.factor, step / self.factor) * self.factor

    def _envelope(self, u: Array, step: Any) -> Any:
        return self.function._envelope(u / self.factor, step / self.factor) * self.factor

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return self.function._prox_jacobian(u / self.factor, step / self.factor, v)

    def _conjugate(self, s: Array) -> Any:
        return self.function._conjugate(s) * self.factor

    def _subgradient(self, x: Array, near: Array) -> Array:
        return self.function._subgradient(x / self.factor, near)
