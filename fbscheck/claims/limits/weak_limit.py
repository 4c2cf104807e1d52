"""Chapter "weak": parameters that converge weakly only, by ever quicker oscillations, and the limit of the networks.

A case has K and a weight that jump between two values each, ``frequency`` times there and back over [0, T]; the
network takes their averages over layers that are shorter than the jumps, the limit those over whole periods.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.definite import symmetric_eigenvalue_lower
from fbscheck.claims.limits.paths import between, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.functions import L1
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.limit.certificate import error_curve
from fbscheck.limit.convergence import Ends
from fbscheck.limit.error import compared
from fbscheck.limit.path import ParameterPath
from fbscheck.limit.piecewise import Piecewise
from fbscheck.limit.weak import averaged, weak_bound
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Hypothesis, Relation, Result

__all__ = ["BOUND", "CLAIMS", "HALVED", "Oscillation", "assess", "replay"]


@final
@dataclass(frozen=True, eq=False)
class Oscillation:
    """K +- ``swing`` (d, d) and a weight of |x|_1 +- ``change``, on [0, 1]; L (d, m), x_0 (d,), b (m,)."""

    name: str
    K: Values
    swing: Values
    L: Values
    weight: float
    change: float
    x0: Values
    b: Values
    frequency: int
    layers: int
    reference: int

    @property
    def depth(self) -> int:
        """N: ``layers`` of them between two jumps."""
        return 2 * self.frequency * self.layers

    @property
    def path(self) -> ParameterPath:
        """The path that oscillates."""
        signs = np.tile([1.0, -1.0], self.frequency)
        K = self.K + signs[:, None, None] * self.swing
        return ParameterPath(
            Piecewise.steps(K), self.L, Piecewise.steps(self.weight + signs * self.change), L1(1.0), Fraction(1)
        )

    @cached_property
    def modulus(self) -> float:
        """A lower bound of the monotonicity moduli of the two K."""
        return min(symmetric_eigenvalue_lower(K) for K in self.path.K.starts[:2])  # type: ignore[union-attr]

    @cached_property
    def distance(self) -> tuple[Ends, float]:
        """max_t |X_N - x|, enclosed, x being the limit of the averaged path; and a bound on it, known otherwise."""
        constant = averaged(self.path)
        own = error_curve(self.path, self.x0, self.b, self.depth, "averages")
        low, high = compared(own, error_curve(constant, self.x0, self.b, self.depth * self.finer, "averages"))
        bound = float(own.largest.max()) + weak_bound(self.path, constant, self.x0, self.b)
        return (float(low.max()), float(high.max())), bound

    @property
    def finer(self) -> int:
        """How many layers of the reference there are for one."""
        return max(1, self.reference // self.depth)

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the case again; its arrays are kept in ``arrays``."""
        kept = {name: add(getattr(self, name), arrays) for name in _ARRAYS}
        numbers = {name: str(Fraction(getattr(self, name))) for name in ("weight", "change")}
        return {"name": self.name, **kept, **numbers, **{name: getattr(self, name) for name in _COUNTS}}

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "Oscillation":
        """The case that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            if len(text) != 11 or not isinstance(text["name"], str):
                raise TypeError("there is more than an oscillation, or the name is no text")
            if not all(type(text[name]) is int and text[name] > 0 for name in _COUNTS):
                raise ValueError("frequency, layers and reference are positive integers")
            kept = [arrays[text[name]] for name in _ARRAYS]
            weight, change = (float(Fraction(text[name])) for name in ("weight", "change"))
            K, swing, L, x0, b = kept
            return cls(text["name"], K, swing, L, weight, change, x0, b, *(text[name] for name in _COUNTS))
        except (LookupError, OverflowError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the oscillation is incomplete or malformed: {error}") from None


_ARRAYS, _COUNTS = ("K", "swing", "L", "x0", "b"), ("frequency", "layers", "reference")

MONOTONE = Hypothesis(r"\mu \geq 0", lambda case: case.modulus)
BOUND = Claim(
    "weak.bound",
    "Weakly convergent parameters: the distance by primitives",
    r"\max_t|X_N-x| \leq \varepsilon_N+2\bigl(\kappa_KB(B+2TV)+(\kappa_L|b|+R\kappa_\lambda)(B+TV)\bigr)^{1/2},"
    r"\quad \kappa_\theta=\max_t\Bigl\|\int_0^t(\theta_N-\theta)\Bigr\|",
    Relation.AT_MOST,
    "own: integration by parts in time; eps_N is the certificate of the N layers",
    (MONOTONE,),
)
HALVED = Claim(
    "weak.halved",
    "Weakly convergent parameters: a frequency four times as high at least halves the distance",
    r"\max_t|X_{4\omega}-x| \leq \tfrac12\max_t|X_\omega-x|",
    Relation.AT_MOST,
    "two networks, enclosed (ratio of their distances)",
    (MONOTONE,),
)
CLAIMS = (BOUND, HALVED)


def assess(claim: Claim, case: Oscillation, scale: float = 1.0) -> Result:
    """Squeeze one of ``CLAIMS``; ``scale`` multiplies its bound (a planted error if it is not 1)."""
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    (low, high), bound = case.distance
    method, theory = f"N = {case.depth} and {case.finer * case.depth} layers, compared", up(bound)
    if claim.id.endswith(HALVED.id):
        (least, most), _ = replace(case, frequency=4 * case.frequency).distance
        low, high, theory = least / high * (1 - 1e-15), most / low * (1 + 1e-15) if low else np.inf, 0.5
        method += ", at both frequencies"
    arrays: Arrays = {}
    witness = scaled({"oscillation": case.describe(arrays)}, scale)
    bracket = squeeze(scale * theory, between(low, high, method))
    return replace(decide(claim, case.name, bracket, witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the oscillation in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"oscillation"}:
        raise kernel.Refusal("the witness is no oscillation")
    return assess(claim, Oscillation.restore(content["oscillation"], arrays), float(scale))
