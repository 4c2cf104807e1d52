"""What can be asked of an operator T, as a number attained by pairs of points.

For two points write d = x - y and v = Tx - Ty.  Five constants say it all:

* ``lipschitz``: the largest |v| / |d|;
* ``monotonicity``: the smallest <v, d> / |d|^2;
* ``cocoercivity``: the smallest <v, d> / |v|^2;
* ``averagedness``: the largest |d - v|^2 / (2 <d, d - v>), inf where <d, d - v> <= 0 and d != v;
* ``residual``: the largest |d - v| / |d|, the Lipschitz constant of I - T.

The other conditions bound one of them.  Outputs are known up to ``noise``, a bound on the error of v
from rounding and from the operator's own accuracy; a counterexample must survive it.

Arrays hold pairs as columns: (d, S), values (S,).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

__all__ = ["BOUNDS", "CONSTANTS", "Constant"]

Values = npt.NDArray[np.float64]
Quotient = Callable[[Values, Values, Values], Values]


def _inner(x: Values, y: Values) -> Values:
    return np.asarray(np.sum(x * y, axis=0))


def _length(x: Values) -> Values:
    return np.sqrt(_inner(x, x))


def _ratio(numerator: Values, denominator: Values, without: float) -> Values:
    """The quotient where the denominator is positive, ``without`` where it is not."""
    positive = denominator > 0
    return np.where(positive, numerator / np.where(positive, denominator, 1.0), without)


def _lipschitz(d: Values, v: Values, noise: Values) -> Values:
    return _ratio(np.maximum(_length(v) - noise, 0.0), _length(d), 0.0)


def _monotonicity(d: Values, v: Values, noise: Values) -> Values:
    length = _length(d)
    return _ratio(_inner(v, d) + noise * length, length**2, np.inf)


def _cocoercivity(d: Values, v: Values, noise: Values) -> Values:
    moved, forward = np.maximum(_length(v) - noise, 0.0), _inner(v, d) + noise * _length(d)
    larger = np.where(forward >= 0, moved, _length(v) + noise)
    return np.where(moved > 0, _ratio(forward, larger**2, np.inf), np.inf)


def _averagedness(d: Values, v: Values, noise: Values) -> Values:
    rest = np.maximum(_length(d - v) - noise, 0.0)
    forward = _inner(d, d - v) + noise * _length(d)
    return np.where(rest > 0, _ratio(rest**2, 2 * forward, np.inf), 0.0)


def _residual(d: Values, v: Values, noise: Values) -> Values:
    return _ratio(np.maximum(_length(d - v) - noise, 0.0), _length(d), 0.0)


@final
@dataclass(frozen=True)
class Constant:
    """A constant of T: what a pair attains, weakened by the noise, and which way is worse.

    ``worse`` is +1 where the largest value over all pairs is the constant, -1 where the smallest is.
    """

    name: str
    statement: str
    worse: int
    attained: Quotient

    def worst(self, values: Values) -> int:
        """The index of the worst value; NaN counts for nothing."""
        return int(np.nanargmax(self.worse * values))


CONSTANTS = {
    constant.name: constant
    for constant in (
        Constant("lipschitz", r"|Tx-Ty| \leq L\,|x-y|", 1, _lipschitz),
        Constant("monotonicity", r"\langle Tx-Ty,x-y\rangle \geq \mu\,|x-y|^2", -1, _monotonicity),
        Constant("cocoercivity", r"\langle Tx-Ty,x-y\rangle \geq \beta\,|Tx-Ty|^2", -1, _cocoercivity),
        Constant("averagedness", r"|Tx-Ty|^2+\frac{1-\alpha}{\alpha}|(x-Tx)-(y-Ty)|^2 \leq |x-y|^2", 1, _averagedness),
        Constant("residual", r"|(x-Tx)-(y-Ty)| \leq \varepsilon\,|x-y|", 1, _residual),
    )
}

BOUNDS: dict[str, tuple[str, float | None]] = {
    "lipschitz": ("lipschitz", None),
    "nonexpansive": ("lipschitz", 1.0),
    "contraction": ("lipschitz", None),
    "monotonicity": ("monotonicity", 0.0),
    "cocoercivity": ("cocoercivity", None),
    "firmly_nonexpansive": ("cocoercivity", 1.0),
    "averagedness": ("averagedness", None),
    "residual": ("residual", None),
}
"""Condition to the constant that it bounds, and the bound if none is given (None: the constant alone is bracketed)."""
