"""Rules of duality: the conjugate, the Moreau envelope, and infimal convolution with a quadratic."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np

from fbscheck.certify.balls import norm, round_down
from fbscheck.errors import HypothesisError
from fbscheck.functions.base import Function
from fbscheck.functions.calculus.arguments import Translated
from fbscheck.functions.calculus.derived import Derived, require_function
from fbscheck.functions.calculus.sums import WithQuadratic
from fbscheck.functions.separable import Huber, SquaredL2, Zero
from fbscheck.inputs import Array, positive

__all__ = ["Conjugate", "Envelope", "infimal_convolution"]

LENGTHS = tuple(2.0**k for k in (26, 26, 18, 12, 9, 8, 7, 6, 5, 4, 3, 2))
"""Proximal steps that find a subgradient of a conjugate: long ones for the nearest, short ones for its last digits."""


@final
@dataclass(frozen=True, eq=False)
class Conjugate(Derived):
    """g*(s) = sup_x <s, x> - g(x): prox_{hg*}(u) = u - h prox_{g/h}(u/h) (Moreau 1965).

    M_h(u) = |u|^2/(2h) - M_{1/h} g(u/h).  It is 1/L-strongly convex where the gradient of g is known to be L-Lipschitz:
    of SquaredL2, Huber, and Moreau envelopes.  No Lipschitz constant is promised.
    """

    function: Function

    def __post_init__(self) -> None:
        require_function(self.function)

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        """Not known: False."""
        return False

    @property
    def strong_convexity(self) -> float:
        """1/L if the gradient of g is known to be L-Lipschitz, rounded down."""
        g = self.function
        if isinstance(g, Envelope):
            return g.smoothing
        return round_down(1 / Fraction(g.weight)) if isinstance(g, (SquaredL2, Huber)) else 0.0

    @property
    def lipschitz(self) -> float | None:
        """None: the domain of g is not known to be bounded."""
        return None

    def _value(self, x: Array) -> Any:
        return self.function._conjugate(x)

    def _prox(self, u: Array, step: Any) -> Array:
        return u - self.function._prox(u / step, 1 / step) * step  # type: ignore[no-any-return]

    def _envelope(self, u: Array, step: Any) -> Any:
        return np.sum(u * u, axis=0) / (2 * step) - self.function._envelope(u / step, 1 / step)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        return v - self.function._prox_jacobian(u / step, 1 / step, v)

    def _conjugate(self, s: Array) -> Any:
        """g itself (Fenchel and Moreau)."""
        return self.function._value(s)

    def _subgradient(self, x: Array, near: Array) -> Array:
        """``near`` if it minimises g - <x, .>; else what proximal steps find, of which long ones lead to the nearest.

        x is a slope of g there to rounding; to some 1e-6 only next to kinks of g, as those of a norm of a few
        coordinates, which the steps meet within rounding.  A growth of g below 1e-7 |y|^2 is not followed to its end.
        """
        moved = norm(self.function._prox(near + x, 1.0) - near)
        minimal = moved <= 2.0**-45 * (1 + norm(near) + norm(x))
        point = near
        for length in LENGTHS:
            point = self.function._prox(point + length * x, length)
        return np.where(minimal, near, point)


@final
@dataclass(frozen=True, eq=False)
class Envelope(Derived):
    """The Moreau envelope M_l(x) = min_y g(y) + |y - x|^2/(2 l), l = ``smoothing`` > 0, itself a function.

    Envelopes of envelopes add up, M_h(M_l g) = M_{h+l} g, so that prox_h(u) = u + h/(h + l) (prox_{(h+l)g}(u) - u)
    (Bauschke and Combettes 2017, section 12.4).  Its gradient is (1/l)-Lipschitz, it is sigma/(1 + l sigma)-strongly
    convex, and L-Lipschitz if g is.
    """

    function: Function
    smoothing: float = 1.0

    def __post_init__(self) -> None:
        require_function(self.function)
        smoothing = float(positive(self.smoothing, "smoothing", "For smoothing -> 0 the envelope is the function."))
        object.__setattr__(self, "smoothing", smoothing)

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        """False: it is finite everywhere."""
        return False

    @property
    def strong_convexity(self) -> float:
        """sigma/(1 + smoothing sigma), rounded down."""
        sigma = Fraction(self.function.strong_convexity)
        return round_down(sigma / (1 + Fraction(self.smoothing) * sigma))

    def _value(self, x: Array) -> Any:
        return self.function._envelope(x, 0 * x.flat[0] + self.smoothing)

    def _prox(self, u: Array, step: Any) -> Array:
        total = step + self.smoothing
        return u + (self.function._prox(u, total) - u) * (step / total)  # type: ignore[no-any-return]

    def _envelope(self, u: Array, step: Any) -> Any:
        return self.function._envelope(u, step + self.smoothing)

    def _prox_jacobian(self, u: Array, step: float, v: Array) -> Array:
        total = step + self.smoothing
        return v + (self.function._prox_jacobian(u, total, v) - v) * (step / total)

    def _conjugate(self, s: Array) -> Any:
        """g*(s) + smoothing |s|^2/2."""
        return self.function._conjugate(s) + np.sum(s * s, axis=0) * self.smoothing / 2

    def _subgradient(self, x: Array, near: Array) -> Array:
        """The gradient (x - prox_l(x))/l."""
        return (x - self.function._prox(x, self.smoothing)) / self.smoothing


def infimal_convolution(first: Function, second: Function) -> Function:
    """(first # second)(x) = min_y first(y) + second(x - y), where one of them is w |x|^2/2 or w |x - c|^2/2.

    It is the Moreau envelope of the other one with smoothing 1/w, translated by c.  1/w must be a float64.

    Raises
    ------
    HypothesisError
        For any other pair: by duality it is the conjugate of a sum, for which there is no formula; or
        if 1/w is rounded.
    """
    for g in (first, second):
        require_function(g)
    for g, other in ((first, second), (second, first)):
        weight, centre = 0.0, 0.0
        if isinstance(other, SquaredL2):
            weight = other.weight
        if isinstance(other, WithQuadratic) and isinstance(other.function, Zero):
            weight, centre = other.weight, other.centre
        if weight > 0:
            if Fraction(1 / weight) * Fraction(weight) != 1:
                raise HypothesisError(
                    f"Need a weight whose inverse is a float64 for an infimal convolution, got {weight!r}. "
                    "Envelope(g, smoothing) takes the inverse itself."
                )
            smooth = Envelope(g, 1 / weight)
            return Translated(smooth, np.asarray(centre)) if np.ndim(centre) else smooth
    raise HypothesisError(
        f"Need a quadratic as one of the two functions of an infimal convolution, got {type(first).__name__} and "
        f"{type(second).__name__}: it is the conjugate of a sum of conjugates, which has no formula."
    )
