"""Layers that expand in the Euclidean norm, and contract in a weighted one."""

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
from fbscheck.certify.balls import root_down
from fbscheck.certify.definite import rational
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import InputError, SolverError
from fbscheck.inputs import finite_array
from fbscheck.judge import decide, not_applicable, squeeze, undecided
from fbscheck.splitting.weighted import Weight, forward, slopes, spectral_radius_lower
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["WEIGHTED", "Layer", "assess", "replay"]

Values = npt.NDArray[np.float64]

WEIGHTED = Claim(
    "lista.weighted",
    "A layer that expands contracts in a weighted norm",
    r"|Tx-Ty|_P \leq q\,|x-y|_P\ \mathrm{for\ some}\ P,\ q \leq 1\quad"
    r"(T=\mathrm{prox}_{hg}(I-hK),\ g\ \mathrm{separable})",
    Relation.AT_MOST,
    "the proximal map of a separable function, coordinate by coordinate: a matrix inequality",
    (Hypothesis(r"|I-hK| > 1", lambda layer: layer.norm - 1, strict=True),),
)
MARGIN = 1e-9
"""The factor is this much above the least that was proved, relatively: other machines round otherwise."""


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """The layer x -> prox(x - h(Kx - c)) of a separable function: ``matrix`` K (d, d), ``step`` h, exact."""

    name: str
    matrix: Values
    step: Fraction = Fraction(1)

    @cached_property
    def transition(self) -> flint.fmpq_mat:
        """I - hK."""
        return forward(self.matrix, self.step)

    @property
    def rounded(self) -> Values:
        """I - hK in floating point."""
        return np.asarray(np.eye(len(self.matrix)) - float(self.step) * self.matrix)

    @cached_property
    def norm(self) -> float:
        """A float not above the norm of I - hK: the exact quotient at a floating singular vector."""
        vector = rational(np.linalg.svd(self.rounded)[2][:1].T)
        image = self.transition * vector
        square = (image.transpose() * image)[0, 0] / (vector.transpose() * vector)[0, 0]
        return root_down(Fraction(int(square.p), int(square.q)))


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
    certificate = {"quantity": claim.statement, "factor": str(Fraction(factor))}
    certificate |= {name: add(np.asarray(getattr(weight, name)), arrays) for name in ("matrix", "multipliers")}
    witness = {"layer": layer.name, "matrix": add(layer.matrix, arrays), "step": str(layer.step)}
    witness["slopes"] = add(pattern, arrays)
    result = decide(claim, layer.name, squeeze(scale, evidence, certificate), scaled(witness, scale))
    return replace(result, arrays=arrays)


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate the claim again, from the weight and the slopes.

    Raises
    ------
    kernel.Refusal
        If they prove nothing, or something is missing.
    """
    content, scale = scale_of(witness, claim.control)
    matrix = finite_array(arrays[content["matrix"]], "matrix", 2)
    pattern = finite_array(arrays[content["slopes"]], "slopes", 1)
    if not isinstance(content["layer"], str) or pattern.shape != matrix.shape[:1]:
        raise kernel.Refusal("the layer has no name, or not a slope for each coordinate")
    layer = Layer(content["layer"], matrix, kernel.rational(content["step"]))
    if (unmet := claim.unmet(layer)) is not None:
        raise kernel.Refusal(unmet)
    try:
        weight = Weight(arrays[certificate["matrix"]], arrays[certificate["multipliers"]])
    except InputError as error:
        raise kernel.Refusal(str(error)) from None
    factor = float(kernel.rational(certificate["factor"]))
    return _evaluate(claim, layer, weight, factor, pattern, float(scale))
