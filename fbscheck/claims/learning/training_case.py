r"""A training problem with free weights as a witness holds it, and its J_N in ball arithmetic.

The loss is |x_N - x*|^2/2, the penalty a int |theta|^2, the weight of r fixed.  Layers are those of the stored
parameters, with h = T/N as a rational: nothing is rounded but outwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np

from fbscheck import functions
from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, ball, exact, lower, matmul, upper
from fbscheck.claims.limits.paths import between
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.judge import decide, squeeze
from fbscheck.learning import Free, Lp, Problem, Squared
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Result

__all__ = [
    "TrainingCase",
    "concluded",
    "largest",
    "objective",
    "penalty",
    "rate",
    "require_close",
    "square",
    "states",
    "stored",
]

WIDENING = 2
"""Bits of precision for each layer."""


@final
@dataclass(frozen=True, eq=False)
class TrainingCase:
    """A problem, and what a claim needs beside it.

    Attributes
    ----------
    name, problem
        The problem of ``name``.
    depths
        Numbers of layers; 0 stands for the limit.
    parameters
        Sets of parameters (k, rows, P), or None.
    change
        What the data x_0, b and labels are moved by, times one of ``sizes``; or None.
    sizes
        Factors of the change.
    """

    name: str
    problem: Problem
    depths: tuple[int, ...] = ()
    parameters: Values | None = None
    change: tuple[Values, Values, Values] | None = None
    sizes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        known = self.problem
        if not isinstance(known.family, Free) or known.family.weight is None or not isinstance(known.loss, Squared):
            raise InputError("Need free weights, a fixed weight of r and the squared loss.")
        if not isinstance(known.regulariser, Lp) or known.regulariser.p != 2:
            raise InputError("Need the penalty of L^2.")

    @property
    def theta(self) -> Values:
        """The one set of parameters (rows, P)."""
        if self.parameters is None or len(self.parameters) != 1:
            raise InputError("Need one set of parameters, got another number.")
        return np.asarray(self.parameters[0])

    @property
    def pair(self) -> tuple[Values, Values]:
        """The two sets of parameters, of which the second was made of the first."""
        if self.parameters is None or len(self.parameters) != 2:
            raise InputError("Need parameters and what was made of them, got another number of sets.")
        return self.parameters[0], self.parameters[1]

    def repeated(self, depth: int) -> Values:
        """The one set of parameters, held by ``depth`` layers."""
        if depth < 1 or depth % len(self.theta):
            raise InputError(f"Need a multiple of {len(self.theta)} layers, got {depth}.")
        return np.repeat(self.theta, depth // len(self.theta), axis=0)

    def moved(self, size: float) -> Problem:
        """The problem whose data are moved by ``size`` times the change."""
        if self.change is None:
            raise InputError("Need a change of the data, got none.")
        known = (self.problem.x0, self.problem.b, self.problem.target)
        x0, b, target = (part + size * by for part, by in zip(known, self.change, strict=True))
        return replace(self.problem, x0=x0, b=b, target=target)

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the case again; its arrays are kept in ``arrays``."""
        known = self.problem
        family = known.family
        text: dict[str, Any] = {
            "name": self.name,
            "x0": add(known.x0, arrays),
            "b": add(known.b, arrays),
            "target": add(known.target, arrays),
            "r": describe(family.r, arrays),
            "weight": str(Fraction(family.weight or 0)),
            "a": str(Fraction(penalty(known).a)),
            "horizon": str(Fraction(known.horizon)),
            "depths": list(self.depths),
            "sizes": [str(Fraction(size)) for size in self.sizes],
        }
        if self.parameters is not None:
            text["parameters"] = add(self.parameters.reshape(-1, family.count), arrays)
            text["sets"] = len(self.parameters)
        if self.change is not None:
            text["change"] = [add(part, arrays) for part in self.change]
        return text

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "TrainingCase":
        """The case that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            optional = {"parameters", "sets"} & set(text), {"change"} & set(text)
            if len(text) - sum(map(len, optional)) != 10 or len(optional[0]) == 1 or not isinstance(text["name"], str):
                raise TypeError("there is more than a training problem, or the name is no text")
            if not all(type(depth) is int and 0 <= depth <= 2**20 for depth in text["depths"]):
                raise ValueError("a depth is a number of layers")
            x0, b, target = (arrays[text[name]] for name in ("x0", "b", "target"))
            r = rebuild(text["r"], arrays, vars(functions))
            family = Free(len(x0), len(b), r, weight=float(Fraction(text["weight"])))
            cost = Lp(float(Fraction(text["a"])))
            problem = Problem(x0, b, target, family, cost, Fraction(text["horizon"]))
            parameters = change = None
            if optional[0]:
                parameters = arrays[text["parameters"]].reshape(text["sets"], -1, family.count)
            if optional[1]:
                x, y, z = (arrays[name] for name in text["change"])
                change = (x, y, z)
                if any(part.shape != of.shape for part, of in zip(change, (x0, b, target), strict=True)):
                    raise ValueError("the change is not of the shape of the data")
            sizes = tuple(float(Fraction(size)) for size in text["sizes"])
            return cls(text["name"], problem, tuple(text["depths"]), parameters, change, sizes)
        except (InputError, LookupError, OverflowError, TypeError, ValueError, ZeroDivisionError) as error:
            raise kernel.Refusal(f"the training problem is incomplete or malformed: {error}") from None


def states(problem: Problem, theta: Values) -> list[Array]:
    """x_0..x_N (d, S) as balls, which soft thresholding may widen by a factor of two in each layer."""
    K, L, weights = problem.family.layers(problem.parameters(theta))
    step, r = Fraction(problem.horizon) / len(K), problem.family.r
    with flint.ctx.workprec(PRECISION + WIDENING * len(K)):
        h, b, run = ball(step), exact(problem.b), [exact(problem.x0)]
        for n in range(len(K)):
            u = run[-1] - h * (matmul(K[n], run[-1]) - matmul(L[n], b))
            run.append(r.prox(u, step * Fraction(weights[n])) if weights[n] else u)
    return run


def objective(problem: Problem, theta: Values) -> Any:
    """J_N of parameters (N, P) as a ball."""
    errors = states(problem, theta)[-1] - exact(problem.target)
    entries = exact(theta).ravel()
    return square(errors) / (2 * problem.samples) + rate(problem, len(theta)) * square(entries)


def penalty(problem: Problem) -> Lp:
    """The penalty a int |theta|^2."""
    assert isinstance(problem.regulariser, Lp)
    return problem.regulariser


def rate(problem: Problem, depth: int) -> Any:
    """a h as a ball."""
    return ball(penalty(problem).a) * ball(Fraction(problem.horizon) / depth)


def square(x: Array) -> Any:
    """The sum of squares of balls."""
    return np.sum(x * x)


def require_close(kept: Values, again: Values, share: float = 1e-9) -> None:
    """Refuse what floating arithmetic does not give again; another machine rounds otherwise, no more.

    Raises
    ------
    kernel.Refusal
        If it is something else.
    """
    if not np.allclose(kept, again, rtol=0.0, atol=share * float(np.abs(again).max())):
        raise kernel.Refusal("what was stored with the parameters is not made of them")


def largest(ratios: Sequence[Any], what: str) -> tuple[Evidence, ...]:
    """The largest of numbers in ball arithmetic, from both sides.

    Raises
    ------
    kernel.Refusal
        If there are none, or one is not known.
    """
    highs, lows = [upper(ratio) for ratio in ratios], [lower(ratio) for ratio in ratios]
    if not ratios or not all(np.isfinite((*highs, *lows))):
        raise kernel.Refusal("nothing was measured, or a number is not known")
    return between(max(lows), max(highs), f"{what}, in ball arithmetic")


def concluded(claim: Claim, case: TrainingCase, theory: float, evidence: tuple[Evidence, ...], scale: float) -> Result:
    """The result whose witness is the case; ``scale`` multiplies what the claim says (a planted error if not 1)."""
    arrays: Arrays = {}
    witness = scaled({"training problem": case.describe(arrays)}, scale)
    return replace(decide(claim, case.name, squeeze(theory * scale, evidence), witness), arrays=arrays)


def stored(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> tuple[TrainingCase, float]:
    """The case of a witness, and its scale.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"training problem"}:
        raise kernel.Refusal("the witness is no training problem")
    return TrainingCase.restore(content["training problem"], arrays), float(scale)
