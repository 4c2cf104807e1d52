r"""Conditions that hold in one part of a plane of parameters and fail in the other.

Each is stated twice.  ``margins`` are formulas over rationals that hold on whole boxes: the condition holds where all
are positive, and fails where one is not.  ``judged`` decides it at a point by another route: by the instance that
attains the worst case, or by running the recursion that a bound sums up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from fbscheck.certify.instances import attained
from fbscheck.certify.ranges import geometric, power, square
from fbscheck.splitting.classes import (
    GradientOf,
    OperatorClass,
    StronglyMonotoneCocoercive,
    StronglyMonotoneLipschitz,
    steps_record,
)

__all__ = ["CONDITIONS", "Condition", "Parameter"]

Point = Mapping[str, Any]


@final
@dataclass(frozen=True)
class Parameter:
    """A number in a condition: what it is, the value it has unless it is set, and whether it is natural."""

    meaning: str
    default: Fraction
    natural: bool = False


@final
@dataclass(frozen=True)
class Condition:
    """A condition on parameters.

    ``source`` names the claims whose hypothesis or bound it is, and the proofs behind it.
    ``domain`` holds formulas that are >= 0 where it makes sense, ``margins`` ones that are all > 0 where it holds and
    not all where it fails.  ``judged`` says at a rational point of the domain whether it holds.
    """

    name: str
    title: str
    statement: str
    source: str
    parameters: Mapping[str, Parameter]
    domain: Callable[[Point], Sequence[Any]]
    margins: Callable[[Point], Sequence[Any]]
    judged: Callable[[Mapping[str, Fraction]], bool]


TINY = Fraction(1, 10**9)
"""What keeps divisors away from zero."""


def _attained_below(operators: OperatorClass, p: Mapping[str, Fraction]) -> bool:
    """Whether the instance that attains the factor of a class stays below the level, in exact arithmetic."""
    extremal = operators.extremal(p["h"])
    record = steps_record(
        operators, [p["h"]], p["sigma"], kind="rotation", a=str(extremal.a), w_squared=str(extremal.w_squared)
    )
    return attained(record)[0] < p["level"] ** 2


def _growth(p: Point) -> Any:
    """The level times 1 + h sigma, which the forward half may reach."""
    return p["level"] * (1 + p["h"] * p["sigma"])


def _gradient_margins(p: Point) -> Sequence[Any]:
    allowed = _growth(p)
    return [allowed + sign * (1 - p["h"] * p[end]) for sign in (1, -1) for end in ("mu", "ell")]


def _cocoercive_margins(p: Point) -> Sequence[Any]:
    allowed = _growth(p)
    slope = p["beta"] * (square(allowed) - 1) + p["h"] * p["mu"] * (2 * p["beta"] - p["h"])
    return [slope, p["beta"] * (allowed - 1) + p["h"], p["beta"] * (allowed + 1) - p["h"]]


def _noise_margins(p: Point) -> Sequence[Any]:
    rate = (2 * p["s"] - 1) * p["coherence"]
    start = p["s"] * p["size"] * power(rate, p["depth"])
    return [p["level"] - start - 2 * p["s"] * p["weight"] * p["noise"] * geometric(rate, p["depth"])]


def _noise_judged(p: Mapping[str, Fraction]) -> bool:
    rate, error = (2 * p["s"] - 1) * p["coherence"], p["s"] * p["size"]
    for _ in range(int(p["depth"])):
        error = rate * error + 2 * p["s"] * p["weight"] * p["noise"]
    return error < p["level"]


def _stretch_judged(p: Mapping[str, Fraction]) -> bool:
    moved = Fraction(0)
    for _ in range(int(p["depth"])):
        moved = p["factor"] * moved + p["h"] * p["norm"]
    return moved < p["level"]


def _uniform_judged(p: Mapping[str, Fraction]) -> bool:
    h = p["horizon"] / p["depth"]
    return sum((h * p["norm"]) ** 2 for _ in range(int(p["depth"]))) / 2 < p["excess"]


def _distance_judged(p: Mapping[str, Fraction]) -> bool:
    h = p["horizon"] / p["depth"]
    return h**2 * ((p["speed"] + p["lambda"]) ** 2 / 2 + 2 * p["norm"] * p["gap"]) < p["level"] ** 2


def _shear_judged(p: Mapping[str, Fraction]) -> bool:
    """By the minors of I - B^T B, where B is the layer in coordinates in which the norm is Euclidean."""
    a, b = 1 - p["h"] * p["mu"], -p["h"] * p["shear"] / p["ratio"]
    first, last, mixed = 1 - a**2, 1 - a**2 - b**2, -a * b
    return first > 0 and first * last > mixed**2


def _condition(
    name: str, title: str, statement: str, source: str, parameters: str, domain: Any, margins: Any, judged: Any
) -> Condition:
    """The condition on the parameters that are named, each with what it usually is."""
    named = {key: KNOWN[key] for key in parameters.split()}
    return Condition(name, title, statement, source, named, domain, margins, judged)


KNOWN = {
    "h": Parameter("step", Fraction(1)),
    "mu": Parameter("modulus of strong monotonicity", Fraction(0)),
    "ell": Parameter("Lipschitz constant of the forward operator", Fraction(1)),
    "beta": Parameter("cocoercivity of the forward operator", Fraction(1)),
    "sigma": Parameter("strong convexity of g", Fraction(0)),
    "level": Parameter("what must stay below this", Fraction(1)),
    "shear": Parameter("entry of K above its diagonal", Fraction(1)),
    "ratio": Parameter("ratio of the weights of the two coordinates", Fraction(1)),
    "skew": Parameter("norm of (K - K^T)/2", Fraction(0)),
    "s": Parameter("number of nonzeros", Fraction(2), natural=True),
    "coherence": Parameter("generalised coherence of the dictionary", Fraction(1, 10)),
    "noise": Parameter("bound on the l1 norm of the noise", Fraction(0)),
    "weight": Parameter("largest entry of the weights W", Fraction(1)),
    "size": Parameter("bound on the entries of the signal", Fraction(1)),
    "depth": Parameter("number of layers", Fraction(10), natural=True),
    "factor": Parameter("Lipschitz factor of a layer", Fraction(1)),
    "norm": Parameter("norm of L, or of K", Fraction(1)),
    "horizon": Parameter("horizon T", Fraction(1)),
    "excess": Parameter("logarithm of the factor above the limit's constant", Fraction(1, 10)),
    "speed": Parameter("initial speed without r", Fraction(1)),
    "lambda": Parameter("weight of r, which is 1-Lipschitz", Fraction(0)),
    "gap": Parameter("value at x_0 less the minimum", Fraction(1)),
}

CONDITIONS = {
    condition.name: condition
    for condition in (
        _condition(
            "contraction",
            "A step with the gradient of a strongly convex function contracts",
            r"\max(|1-h\mu|,\,|1-h\ell|) < q\,(1+h\sigma)",
            "about contraction.gradient; proof: contraction: gradient",
            "h mu ell sigma level",
            lambda p: [p["h"], p["mu"], p["ell"] - p["mu"], p["sigma"], p["level"]],
            _gradient_margins,
            lambda p: _attained_below(GradientOf(p["mu"], p["ell"]), p),
        ),
        _condition(
            "contraction-lipschitz",
            "A step with a strongly monotone Lipschitz operator contracts",
            r"\sqrt{1-2h\mu+h^2\ell^2} < q\,(1+h\sigma)",
            "about contraction.monotone-lipschitz; proof: contraction: monotone and Lipschitz",
            "h mu ell sigma level",
            lambda p: [p["h"], p["mu"], p["ell"] - p["mu"], p["sigma"], p["level"]],
            lambda p: [square(_growth(p)) - 1 + p["h"] * (2 * p["mu"] - p["h"] * square(p["ell"]))],
            lambda p: _attained_below(StronglyMonotoneLipschitz(p["mu"], p["ell"]), p),
        ),
        _condition(
            "contraction-cocoercive",
            "A step with a strongly monotone cocoercive operator contracts",
            r"\max_{s \in \{\mu,\,1/\beta\}}\sqrt{1-2hs+h^2s/\beta} < q\,(1+h\sigma)",
            "about contraction.cocoercive-short and contraction.cocoercive-long; "
            "proof: contraction: monotone and cocoercive",
            "h mu beta sigma level",
            lambda p: [p["h"], p["mu"], 1 - p["mu"] * p["beta"], p["sigma"], p["level"], p["beta"] - TINY],
            _cocoercive_margins,
            lambda p: _attained_below(StronglyMonotoneCocoercive(p["mu"], p["beta"]), p),
        ),
        _condition(
            "averaged",
            "A step with a cocoercive operator is averaged",
            r"\frac{2\beta}{4\beta-h} < q,\quad h < 2\beta",
            "about fixed-point.summable; proof: averaged step",
            "h beta level",
            lambda p: [p["h"], p["beta"] - TINY, p["level"], 1 - p["level"]],
            lambda p: [2 * p["beta"] - p["h"], p["level"] * (4 * p["beta"] - p["h"]) - 2 * p["beta"]],
            lambda p: p["h"] < 2 * p["beta"] and 1 / (2 - p["h"] / (2 * p["beta"])) < p["level"],
        ),
        _condition(
            "nonexpansive",
            "A layer with K = mu I + W, W skew, is nonexpansive",
            r"(1-h\mu)^2+h^2\|W\|^2 < 1",
            "proof: layer norm criterion",
            "h mu skew",
            lambda p: [p["h"], p["skew"]],
            lambda p: [2 * p["mu"] - p["h"] * (square(p["mu"]) + square(p["skew"])), p["h"]],
            lambda p: (1 - p["h"] * p["mu"]) ** 2 + (p["h"] * p["skew"]) ** 2 < 1,
        ),
        _condition(
            "weighted",
            "A layer with K = [[mu, gamma], [0, mu]] contracts in the norm with weights 1 and w^2",
            r"(1-h\mu)^2+h\gamma/w < 1",
            "about lista.weighted; proof: layer norm criterion",
            "h mu shear ratio",
            lambda p: [p["h"], p["shear"], p["ratio"] - TINY],
            lambda p: [p["ratio"] * p["mu"] * (2 - p["h"] * p["mu"]) - p["shear"], p["h"]],
            _shear_judged,
        ),
        _condition(
            "recovery",
            "The hypothesis under which LISTA recovers every signal",
            r"s < \tfrac12\,(1+1/\tilde\mu)",
            "about lista.rate, lista.support, lista.rate-adapted, lista.deep-limit; proof: LISTA recovery: recursion",
            "s coherence",
            lambda p: [p["s"] - 1, p["coherence"] - TINY],
            lambda p: [1 - (2 * p["s"] - 1) * p["coherence"]],
            lambda p: p["s"] < (1 + 1 / p["coherence"]) / 2,
        ),
        _condition(
            "noise",
            "The bound on the l1 error that noise leaves to LISTA is below a level",
            r"sBc^N+2sC\varepsilon\,(1-c^N)/(1-c) < q,\quad c=(2s-1)\tilde\mu",
            "about lista.noise; proof: LISTA recovery: noise",
            "noise depth coherence s size weight level",
            lambda p: [p["noise"], p["depth"], p["coherence"], 1 - (2 * p["s"] - 1) * p["coherence"], p["s"] - 1],
            _noise_margins,
            _noise_judged,
        ),
        _condition(
            "lipschitz",
            "The sum of injected products is below a level",
            r"h\|L\|\,(1+q_1+\dots+q_1^{N-1}) < q",
            "about lipschitz.methods, stability.data; proof: perturbed layer",
            "factor depth h norm level",
            lambda p: [p["factor"], p["depth"], p["h"], p["norm"]],
            lambda p: [p["level"] - p["h"] * p["norm"] * geometric(p["factor"], p["depth"])],
            _stretch_judged,
        ),
        _condition(
            "uniform",
            "The bound on how far a network's constant exceeds its limit's is below a level",
            r"\tfrac12\,h^2\sum_{n<N}\|K\|^2 < \epsilon,\quad h=T/N",
            "about stability.uniform; proof: layer norm from above",
            "horizon depth norm excess",
            lambda p: [p["horizon"], p["depth"] - 1, p["norm"]],
            lambda p: [2 * p["depth"] * p["excess"] - square(p["horizon"]) * square(p["norm"])],
            _uniform_judged,
        ),
        _condition(
            "deep-limit",
            "The bound on the distance to the limit, for symmetric K, is below a level",
            r"h\sqrt{(s_0+\lambda)^2/2+2\|K\|\,(\varphi(x_0)-\min\varphi)} < q,\quad h=T/N,\ h\|K\| \leq 1",
            "about deep-limit.energy; proof: layer of a gradient flow; proof: energy of a gradient flow",
            "horizon depth speed lambda norm gap level",
            lambda p: [
                *(p[name] for name in ("horizon", "speed", "lambda", "norm", "gap", "level")),
                p["depth"] - p["horizon"] * p["norm"],
            ],
            lambda p: [
                square(p["level"]) * square(p["depth"])
                - square(p["horizon"]) * (square(p["speed"] + p["lambda"]) / 2 + 2 * p["norm"] * p["gap"])
            ],
            _distance_judged,
        ),
    )
}
