"""The contraction factors of a forward-backward step, proved by explicit multipliers.

With d = x - y, v = f(x) - f(y), s the difference of the subgradients of g at Tx and Ty, and
Tx - Ty = d - hv - hs, each factor q satisfies an identity

    q^2 |d|^2 - |d - hv - hs|^2 = sum_i multiplier_i * (hypothesis_i of f)
                                  + multiplier * (<s, Tx-Ty> - sigma |Tx-Ty|^2) + squares.

The backward half is  |w|^2 - (1 + h sigma)^2 |Tx-Ty|^2 = 2h(1 + h sigma)(<s, Tx-Ty> - sigma
|Tx-Ty|^2) + h^2 |s - sigma (Tx-Ty)|^2  for w = d - hv.  The forward halves, with their squares:

* gradients, h <= 2/(mu+ell), q = 1 - h mu:  2h(1-h mu)/(ell-mu) times the interpolation inequality,
  square h(2-h(ell+mu))/(ell-mu) |v - mu d|^2;
* gradients, h >= 2/(mu+ell), q = h ell - 1:  2h(h ell-1)/(ell-mu), square
  h(h(ell+mu)-2)/(ell-mu) |ell d - v|^2;
* mu-strongly monotone and ell-Lipschitz (also gradients with mu = ell):  2h and h^2, no square;
* mu-strongly monotone and beta-cocoercive, h <= 2 beta:  2h - h^2/beta and h^2/beta, no square;
* the same, h >= 2 beta:  0 and 2h(h/beta - 1), square (h/beta)(h/beta - 2) |d - beta v|^2.

Every multiplier is a product of factors that are >= 0 in its regime.  The functions take exact
rationals, or symbols of a computer algebra system together with the name of the regime.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

__all__ = ["FORWARD", "multipliers", "regime"]


def _short_gradient_step(h: Any, mu: Any, ell: Any) -> tuple[Any, ...]:
    return 2 * h * (1 - h * mu) / (ell - mu), 0 * h, 0 * h


def _long_gradient_step(h: Any, mu: Any, ell: Any) -> tuple[Any, ...]:
    return 2 * h * (h * ell - 1) / (ell - mu), 0 * h, 0 * h


def _isotropic_gradient_step(h: Any, mu: Any, ell: Any) -> tuple[Any, ...]:
    return 0 * h, 2 * h, h * h


def _lipschitz_step(h: Any, mu: Any, ell: Any) -> tuple[Any, ...]:
    return 2 * h, h * h


def _short_cocoercive_step(h: Any, mu: Any, beta: Any) -> tuple[Any, ...]:
    return 2 * h - h * h / beta, h * h / beta


def _long_cocoercive_step(h: Any, mu: Any, beta: Any) -> tuple[Any, ...]:
    return 0 * h, 2 * h * (h / beta - 1)


FORWARD = {
    "gradient, h <= 2/(mu+ell)": _short_gradient_step,
    "gradient, h >= 2/(mu+ell)": _long_gradient_step,
    "gradient, mu = ell": _isotropic_gradient_step,
    "monotone and Lipschitz": _lipschitz_step,
    "monotone and cocoercive, h <= 2 beta": _short_cocoercive_step,
    "monotone and cocoercive, h >= 2 beta": _long_cocoercive_step,
}
"""Regime to the multipliers of the forward half, in the order of the kernel's hypotheses."""


def regime(name: str, constants: Mapping[str, Fraction], step: Fraction) -> str:
    """The regime in which a step over the class ``name`` falls."""
    if name == "GradientOf":
        if constants["mu"] == constants["ell"]:
            return "gradient, mu = ell"
        return "gradient, h " + ("<=" if step * (constants["mu"] + constants["ell"]) <= 2 else ">=") + " 2/(mu+ell)"
    if name == "StronglyMonotoneLipschitz":
        return "monotone and Lipschitz"
    return "monotone and cocoercive, h " + ("<=" if step <= 2 * constants["beta"] else ">=") + " 2 beta"


def multipliers(case: str, constants: Mapping[str, Any], step: Any, strong_convexity: Any) -> tuple[Any, ...]:
    """The multipliers of one regime for the whole step, the backward one last.

    Parameters
    ----------
    case
        A key of ``FORWARD``.
    constants
        The two constants of the class, in the kernel's order.
    """
    shrink = 1 + step * strong_convexity
    forward = FORWARD[case](step, *constants.values())
    return (*(m / shrink**2 for m in forward), 2 * step / shrink)
