"""Classes of forward operators, the contraction factor of a step over each, and who attains it.

All factors are for T = prox_{hg}(I - hf) with g sigma-strongly convex; the backward half
contributes c = 1/(1 + h sigma), because the resolvent of a sigma-strongly monotone operator is
c-Lipschitz (Bauschke and Combettes 2017, section 23.3).  Squares are rational in the constants,
so they are computed exactly.  Every factor is attained by f = a I + w J with g = sigma |x|^2 / 2,
where J is the rotation by 90 degrees.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from fbscheck.certify.kernel import CLASSES
from fbscheck.errors import InputError
from fbscheck.inputs import Number, nonnegative, positive

__all__ = [
    "GradientOf",
    "OperatorClass",
    "Rotation",
    "StronglyMonotoneCocoercive",
    "StronglyMonotoneLipschitz",
    "factor_squared",
    "step_terms",
    "steps_record",
]


@final
@dataclass(frozen=True)
class Rotation:
    """The linear operator a I + w J on R^2 (on R if w = 0), with ``w_squared`` = w^2."""

    a: Fraction
    w_squared: Fraction = Fraction(0)


class OperatorClass(ABC):
    """A class of forward operators, described by two constants."""

    @property
    @abstractmethod
    def constants(self) -> dict[str, Fraction]:
        """The constants by name, exactly."""

    @abstractmethod
    def forward_squared(self, step: Fraction) -> Fraction:
        """The largest squared Lipschitz factor of I - step f over the class, exactly."""

    @abstractmethod
    def extremal(self, step: Fraction) -> Rotation:
        """A member of the class for which I - step f attains that factor."""


class _Expansive(OperatorClass):
    """Classes described by 0 <= mu <= ell: expansion at least mu-fold, at most ell-fold."""

    mu: Number
    ell: Number

    def __post_init__(self) -> None:
        mu = nonnegative(self.mu, "mu", "For operators that are not monotone no class is known here.")
        ell = nonnegative(self.ell, "ell", "A Lipschitz constant is a norm.")
        object.__setattr__(self, "mu", mu)
        object.__setattr__(self, "ell", ell)
        if Fraction(mu) > Fraction(ell):
            raise InputError(
                f"Need 0 <= mu <= ell, got mu={mu}, ell={ell}. A mu-strongly monotone operator expands at least "
                "mu-fold: one of the two is wrong (swapped arguments?)."
            )

    @property
    def constants(self) -> dict[str, Fraction]:
        """mu and ell."""
        return {"mu": Fraction(self.mu), "ell": Fraction(self.ell)}


@final
@dataclass(frozen=True)
class GradientOf(_Expansive):
    """Gradients of mu-strongly convex, ell-smooth functions, 0 <= mu <= ell.

    Factor max(|1 - h mu|, |1 - h ell|) (Polyak 1963; Ryu and Boyd 2016), attained by f = mu x
    or f = ell x.
    """

    mu: Number
    ell: Number

    def forward_squared(self, step: Fraction) -> Fraction:
        """max((1 - h mu)^2, (1 - h ell)^2)."""
        return max((1 - step * a) ** 2 for a in self.constants.values())

    def extremal(self, step: Fraction) -> Rotation:
        """mu I or ell I, whichever moves farther."""
        return Rotation(max(self.constants.values(), key=lambda a: (1 - step * a) ** 2))


@final
@dataclass(frozen=True)
class StronglyMonotoneLipschitz(_Expansive):
    """mu-strongly monotone, ell-Lipschitz operators, 0 <= mu <= ell; not necessarily gradients.

    Factor sqrt(1 - 2 h mu + h^2 ell^2) (Bauschke and Combettes 2017, section 22), attained by
    f = mu I + w J with w^2 = ell^2 - mu^2.
    """

    mu: Number
    ell: Number

    def forward_squared(self, step: Fraction) -> Fraction:
        """1 - 2 h mu + h^2 ell^2."""
        return 1 - 2 * step * Fraction(self.mu) + (step * Fraction(self.ell)) ** 2

    def extremal(self, step: Fraction) -> Rotation:
        """mu I + w J with w^2 = ell^2 - mu^2, for every step."""
        return Rotation(Fraction(self.mu), Fraction(self.ell) ** 2 - Fraction(self.mu) ** 2)


@final
@dataclass(frozen=True)
class StronglyMonotoneCocoercive(OperatorClass):
    """mu-strongly monotone, beta-cocoercive operators, mu >= 0, beta > 0, mu beta <= 1.

    Squared factor: the maximum over s in [mu, 1/beta] of 1 - 2 h s + h^2 s / beta, that is
    1 - 2 h mu + h^2 mu / beta up to h = 2 beta and (1 - h / beta)^2 beyond.
    """

    mu: Number
    beta: Number

    def __post_init__(self) -> None:
        object.__setattr__(self, "mu", nonnegative(self.mu, "mu", "A cocoercive operator is monotone."))
        cause = "Without cocoercivity use StronglyMonotoneLipschitz(mu, ell)."
        object.__setattr__(self, "beta", positive(self.beta, "beta", cause))
        if Fraction(self.mu) * Fraction(self.beta) > 1:
            raise InputError(
                f"Need mu * beta <= 1, got mu={self.mu}, beta={self.beta}. "
                "A beta-cocoercive operator is 1/beta-Lipschitz, so it cannot expand mu-fold "
                "with mu > 1/beta (ell given in place of beta?)."
            )

    @property
    def constants(self) -> dict[str, Fraction]:
        """mu and beta."""
        return {"mu": Fraction(self.mu), "beta": Fraction(self.beta)}

    def forward_squared(self, step: Fraction) -> Fraction:
        """1 - 2 h s + h^2 s / beta, linear in s, at the worse end of [mu, 1/beta]."""
        beta = Fraction(self.beta)
        return max(1 - 2 * step * s + step * step * s / beta for s in (Fraction(self.mu), 1 / beta))

    def extremal(self, step: Fraction) -> Rotation:
        """s I + w J with w^2 = s / beta - s^2: at the modulus s its norm is as large as beta allows."""
        mu, beta = Fraction(self.mu), Fraction(self.beta)
        slope = mu if step <= 2 * beta else 1 / beta
        return Rotation(slope, slope / beta - slope * slope)


def factor_squared(operators: OperatorClass, step: Fraction, strong_convexity: Fraction) -> Fraction:
    """The squared contraction factor of a forward-backward step over a class, exactly."""
    return operators.forward_squared(step) / (1 + step * strong_convexity) ** 2


def steps_record(
    operators: OperatorClass, steps: Sequence[Fraction], strong_convexity: Fraction, **content: Any
) -> dict[str, Any]:
    """A record about forward-backward steps over a class, for the kernel or as an instance.

    ``content`` adds its kind and what it rests on: the terms of a proof, or the instance.
    """
    return {
        "class": type(operators).__name__,
        "constants": {name: str(value) for name, value in operators.constants.items()},
        "strong_convexity": str(strong_convexity),
        "steps": [str(step) for step in steps],
        **content,
    }


def step_terms(operators: OperatorClass, multipliers: Sequence[Fraction]) -> list[list[Any]]:
    """The kernel's terms of one step: ``multipliers`` of the class's hypotheses, the subgradient's last.

    Inequalities between function values enter twice, with the points exchanged, each with half the
    multiplier, so that the values cancel.
    """
    names = (*CLASSES[type(operators).__name__][1], "convex")
    terms: list[list[Any]] = []
    for name, multiplier in zip(names, multipliers, strict=True):
        if name in ("interpolation", "convex"):
            terms += [[name, 1, 0, str(multiplier / 2)], [name, 0, 1, str(multiplier / 2)]]
        else:
            terms.append([name, 1, 0, str(multiplier)])
    return [term for term in terms if term[-1] != "0"]
