"""Layers that expand in the Euclidean norm, and contract in a weighted one; the best weights, from both sides."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import root_down, round_down
from fbscheck.certify.definite import as_float, rational
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import InputError, SolverError
from fbscheck.inputs import finite_array, nonnegative
from fbscheck.judge import decide, not_applicable, squeeze, undecided
from fbscheck.splitting.weighted import Obstacle, Weight, forward, slopes, spectral_radius_lower
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "DIAGONAL", "FULL", "WEIGHTED", "Layer", "assess", "assess_best", "replay"]

Values = npt.NDArray[np.float64]

WEIGHTED = Claim(
    "lista.weighted",
    "A layer that expands contracts in a weighted norm",
    r"|Tx-Ty|_P \leq q\,|x-y|_P\ \mathrm{for\ some}\ P,\ q \leq 1\quad"
    r"(T=\mathrm{prox}_{hg}(I-hK),\ g\ \mathrm{separable},\ \sigma\mathrm{-strongly\ convex})",
    Relation.AT_MOST,
    "the proximal map of a separable function, coordinate by coordinate: a matrix inequality",
    (Hypothesis(r"|I-hK| > 1 + h\sigma", lambda layer: layer.norm - 1, strict=True),),
)
DIAGONAL = Claim(
    "lista.weighted-diagonal",
    "The best diagonal weight for a layer",
    r"q=\inf\{q:\ (I-hK)^{T}P(I-hK) \preceq q^2(1+h\sigma)^2P\ \mathrm{for\ a\ diagonal}\ P \succ 0\}",
    Relation.TIGHT,
    "bisection by cvxpy; its multiplier shows that no diagonal weight has a smaller factor",
    accuracy=2e-3,
)
FULL = Claim(
    "lista.weighted-full",
    "The best weight for a layer, with diagonal multipliers",
    r"q=\inf\{q:\ (I-hK)^{T}\Lambda(2(1+h\sigma)\Lambda-P)^{-1}\Lambda(I-hK) \preceq q^2P"
    r"\ \mathrm{for\ some}\ 0 \prec P \prec 2(1+h\sigma)\Lambda,\ \Lambda\ \mathrm{diagonal}\}",
    Relation.TIGHT,
    "bisection by cvxpy; its multiplier shows that no weight and multipliers have a smaller factor",
    accuracy=2e-3,
)
CLAIMS = (WEIGHTED, DIAGONAL, FULL)
MARGIN = 1e-9
"""The factor is this much above the least that was proved, relatively: other machines round otherwise."""


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """The layer x -> prox_{hg}(x - h(Kx - c)) for any separable, sigma-strongly convex function g.

    ``matrix`` K (d, d), ``step`` h and ``strong_convexity`` sigma >= 0 are exact.
    """

    name: str
    matrix: Values
    step: Fraction = Fraction(1)
    strong_convexity: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        nonnegative(self.strong_convexity, "strong_convexity", "A negative modulus is that of no convex function.")
        nonnegative(self.step, "step", "A step is a length.")

    @cached_property
    def transition(self) -> flint.fmpq_mat:
        """(I - hK) / (1 + h sigma)."""
        return forward(self.matrix, self.step, self.strong_convexity)

    @property
    def rounded(self) -> Values:
        """The transition in floating point."""
        return as_float(self.transition)

    @cached_property
    def norm(self) -> float:
        """A float not above the norm of the transition: the exact quotient at a floating singular vector."""
        vector = rational(np.linalg.svd(self.rounded)[2][:1].T)
        image = self.transition * vector
        square = (image.transpose() * image)[0, 0] / (vector.transpose() * vector)[0, 0]
        return root_down(Fraction(int(square.p), int(square.q)))

    def describe(self, arrays: Arrays) -> dict[str, str]:
        """The layer as plain data; its matrix is kept in ``arrays``."""
        numbers = {"step": str(self.step), "strong_convexity": str(self.strong_convexity)}
        return {"layer": self.name, "matrix": add(self.matrix, arrays), **numbers}


def assess(claim: Claim, layer: Layer, scale: float = 1.0) -> Result:
    """Squeeze the claim, or a planted one, for a layer; ``scale`` is the planted error of the right-hand side."""
    from fbscheck.reference.weighted import full_weight

    if (unmet := claim.unmet(layer)) is not None:
        return not_applicable(claim, layer.name, unmet)
    try:
        weight = full_weight(layer.rounded)
    except SolverError as failure:
        return undecided(claim, layer.name, str(failure))
    factor = weight.factor(layer.transition) * (1 + MARGIN)
    if not math.isfinite(factor):
        return undecided(claim, layer.name, "no weight was proved to bound the layer")
    return _evaluate(claim, layer, weight, factor, slopes(layer.transition)[0], scale)


def _evaluate(claim: Claim, layer: Layer, weight: Weight, factor: float, pattern: Values, scale: float) -> Result:
    if not weight.contracts(layer.transition, factor):
        raise kernel.Refusal("the weight does not prove the factor")
    if not (0 <= pattern.min() and pattern.max() <= 1):
        raise kernel.Refusal("a slope is outside [0, 1]")
    low = spectral_radius_lower(rational(np.diag(pattern)) * layer.transition)
    dead = int(np.sum(pattern == 0))
    evidence = (
        Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, f"spectral radius with {dead} coordinates off, in any norm"),
        Evidence(Side.CERTIFIED, factor, Rigour.ENCLOSED, "weight and diagonal multipliers, the inequality proved"),
    )
    arrays: Arrays = {}
    certificate = {"quantity": claim.statement, "factor": str(Fraction(factor)), **_kept(weight, arrays)}
    witness = {**layer.describe(arrays), "slopes": add(pattern, arrays)}
    result = decide(claim, layer.name, squeeze(scale, evidence, certificate), scaled(witness, scale))
    return replace(result, arrays=arrays)


def assess_best(claim: Claim, layer: Layer, scale: float = 1.0) -> Result:
    """Enclose the best factor of ``DIAGONAL`` or ``FULL`` weights, or of a planted claim, for a layer."""
    from fbscheck.reference.weighted import best_diagonal, best_full

    try:
        search = best_diagonal if claim.id.endswith(DIAGONAL.id) else best_full
        weight, obstacle = search(layer.rounded)
    except SolverError as failure:
        return undecided(claim, layer.name, str(failure))
    factor = weight.factor(layer.transition) * (1 + MARGIN)
    if not math.isfinite(factor):
        return undecided(claim, layer.name, "no weight was proved to bound the layer")
    return _evaluate_best(claim, layer, weight, obstacle, factor, scale)


def _evaluate_best(
    claim: Claim, layer: Layer, weight: Weight, obstacle: Obstacle, factor: float, scale: float
) -> Result:
    diagonal = claim.id.endswith(DIAGONAL.id)
    P = np.asarray(weight.matrix)
    if not weight.contracts(layer.transition, factor):
        raise kernel.Refusal("the weight does not prove the factor")
    if diagonal != (obstacle.values is None) or (diagonal and not np.array_equal(P, np.diag(np.diag(P)))):
        raise kernel.Refusal("the weight or the obstacle is of the other kind")
    if diagonal and not np.array_equal(np.diag(P), np.asarray(weight.multipliers)):
        raise kernel.Refusal("a diagonal weight is its own multiplier")
    low = obstacle.factor(layer.transition)
    evidence = (
        Evidence(Side.ATTAINED, low, Rigour.ENCLOSED, "differences that no such weight makes shorter, exactly"),
        Evidence(Side.CERTIFIED, factor, Rigour.ENCLOSED, "weight and multipliers, the inequality proved"),
    )
    arrays: Arrays = {}
    certificate = {"quantity": claim.statement, "factor": str(Fraction(factor)), **_kept(weight, arrays)}
    witness = {**layer.describe(arrays), "points": add(obstacle.points, arrays)}
    if obstacle.values is not None:
        witness["values"] = add(obstacle.values, arrays)
    theory = round_down(Fraction(factor) * Fraction(scale))
    result = decide(claim, layer.name, squeeze(theory, evidence, certificate), scaled(witness, scale))
    return replace(result, arrays=arrays)


def _kept(weight: Weight, arrays: Arrays) -> dict[str, str]:
    return {name: add(np.asarray(getattr(weight, name)), arrays) for name in ("matrix", "multipliers")}


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate the claim again, from the weight and the slopes.

    Raises
    ------
    kernel.Refusal
        If they prove nothing, or something is missing.
    """
    content, scale = scale_of(witness, claim.control)
    if not isinstance(content["layer"], str):
        raise kernel.Refusal("the layer has no name")
    matrix = finite_array(arrays[content["matrix"]], "matrix", 2)
    numbers = [kernel.rational(content[name]) for name in ("step", "strong_convexity")]
    layer = Layer(content["layer"], matrix, *numbers)
    if (unmet := claim.unmet(layer)) is not None:
        raise kernel.Refusal(unmet)
    try:
        weight = Weight(arrays[certificate["matrix"]], arrays[certificate["multipliers"]])
    except InputError as error:
        raise kernel.Refusal(str(error)) from None
    factor = float(kernel.rational(certificate["factor"]))
    if not claim.id.endswith(WEIGHTED.id):
        values = arrays[content["values"]] if "values" in content else None
        return _evaluate_best(claim, layer, weight, Obstacle(arrays[content["points"]], values), factor, float(scale))
    pattern = finite_array(arrays[content["slopes"]], "slopes", 1)
    if pattern.shape != matrix.shape[:1]:
        raise kernel.Refusal("there is not a slope for each coordinate")
    return _evaluate(claim, layer, weight, factor, pattern, float(scale))
