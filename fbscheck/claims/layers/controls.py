"""Negative controls: popular statements that are false, each with one hypothesis dropped.

They must come out REFUTED; one that does not says that the checks are blind.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, norm, root_down
from fbscheck.certify.definite import norm_lower
from fbscheck.claims.layers import contraction
from fbscheck.claims.layers.contraction import Step
from fbscheck.errors import InputError
from fbscheck.functions import L1, Zero
from fbscheck.judge import decide, squeeze
from fbscheck.operators import Linear
from fbscheck.splitting import ForwardBackward
from fbscheck.splitting.classes import GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = [
    "CONTROLS",
    "FIXED_ACTIVATION",
    "LONG_STEP",
    "NOT_A_GRADIENT",
    "NOT_COCOERCIVE",
    "SPECTRAL_RADIUS",
    "fixed_activation",
    "long_step",
    "not_a_gradient",
    "not_cocoercive",
    "replay",
    "spectral_radius",
]

NOT_A_GRADIENT = Claim(
    "control.not-a-gradient",
    "The gradient factor, claimed for operators that are no gradients",
    r"|Tx-Ty| \leq \max(|1-h\mu|,\,|1-h\ell|)\,|x-y|\ \mathrm{for\ every\ monotone\ Lipschitz\ operator}",
    Relation.AT_MOST,
    "false: a rotation is monotone and Lipschitz, but no gradient",
    control=True,
)
LONG_STEP = replace(
    contraction.COCOERCIVE_SHORT,
    id="control.long-step",
    title="The factor of short cocoercive steps, beyond its hypothesis",
    source="not applicable beyond twice the cocoercivity",
    control=True,
)
SPECTRAL_RADIUS = Claim(
    "control.spectral-radius",
    "A spectral radius below one, taken for a contraction factor",
    r"|(I-hK)x| \leq \rho(I-hK)\,|x|",
    Relation.AT_MOST,
    "false for matrices that are not normal",
    control=True,
)
NOT_COCOERCIVE = Claim(
    "control.not-cocoercive",
    "Nonexpansive iterates without cocoercivity",
    r"|x_n-x^*| \leq |x_0-x^*|\ \mathrm{for\ monotone}\ f",
    Relation.AT_MOST,
    "false for the rotation by 90 degrees, which is not cocoercive",
    control=True,
)
FIXED_ACTIVATION = Claim(
    "control.fixed-activation",
    "An activation that does not scale with the step",
    r"p_h = p_{h'}\left(\frac{h'}{h}\,I+\left(1-\frac{h'}{h}\right)p_h\right)\ \mathrm{for}\ p_h=\sigma",
    Relation.AT_MOST,
    "false: soft thresholding at a fixed threshold is the proximal map of another function for each step",
    control=True,
)
CONTROLS = (LONG_STEP, SPECTRAL_RADIUS, NOT_COCOERCIVE, FIXED_ACTIVATION)


def replay(claim: Claim, witness: Mapping[str, Any]) -> Result:
    """Run the control again that left ``witness``.

    Raises
    ------
    kernel.Refusal
        If the witness is of no control.
    """
    try:
        return {
            SPECTRAL_RADIUS.id: lambda: spectral_radius(),
            NOT_COCOERCIVE.id: lambda: not_cocoercive(witness["steps"]),
            FIXED_ACTIVATION.id: lambda: fixed_activation(witness["other_step"]),
        }[claim.id]()
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise kernel.Refusal(f"the witness is incomplete or malformed: {error}") from None


def not_a_gradient(step: Fraction) -> Result:
    """f = mu I + w J with mu = 1/10, ell = 1 against max(|1 - h mu|, |1 - h ell|)."""
    mu, ell = Fraction(1, 10), Fraction(1)
    case = Step(StronglyMonotoneLipschitz(mu, ell), step)
    return contraction.assess(NOT_A_GRADIENT, case, theory_of=GradientOf(mu, ell))


def long_step() -> Result:
    """mu = 1/10, beta = 1 at h = 3 beta: the hypothesis h <= 2 beta must stop the claim."""
    return contraction.assess(LONG_STEP, Step(StronglyMonotoneCocoercive(Fraction(1, 10), 1), Fraction(3)))


def spectral_radius() -> Result:
    """K = [[1, -10], [0, 1]] with h = 0.1: the spectral radius of I - hK is 0.9."""
    h, K = Fraction(1, 10), np.array([[1.0, -10.0], [0.0, 1.0]])
    scaled = norm_lower(10.0 * np.eye(2) - K)
    evidence = Evidence(
        Side.ATTAINED, root_down(Fraction(scaled) ** 2 * h**2), Rigour.ENCLOSED, "exact Rayleigh quotient"
    )
    witness = {"K": K.tolist(), "h": str(h)}
    radius = float(np.max(np.abs(np.linalg.eigvals(np.eye(2) - float(h) * K))))
    return decide(SPECTRAL_RADIUS, "K = [[1, -10], [0, 1]], h = 1/10", squeeze(radius, (evidence,)), witness)


def not_cocoercive(depth: int) -> Result:
    """f = rotation by 90 degrees, g = 0, h = 1/depth: |x_n|^2 = (1 + h^2)^n |x_0|^2."""
    rotation = np.array([[0.0, -1.0], [1.0, 0.0]])
    step = ForwardBackward(Linear(rotation), Zero(), Fraction(1, depth))
    x = exact([1.0, 0.0])
    for _ in range(depth):
        x = step(x)
    evidence = Evidence(
        Side.ATTAINED, lower(norm(x)), Rigour.ENCLOSED, f"|x_n|/|x_0| after n = {depth} steps, in ball arithmetic"
    )
    witness = {"K": rotation.tolist(), "h": f"1/{depth}", "steps": depth, "x_0": [1.0, 0.0]}
    return decide(NOT_COCOERCIVE, f"rotation, h = 1/{depth}, n = {depth}", squeeze(1.0, (evidence,)), witness)


def fixed_activation(other_step: float) -> Result:
    """p_h = soft thresholding at 0.1 for every h: the resolvent identity at h = 1, u = 1."""
    u, ratio = exact([1.0]), ball(other_step)
    activation = L1(0.1)
    p = activation.prox(u, 1.0)
    again = activation.prox(ratio * u + (1 - ratio) * p, 1.0)
    evidence = Evidence(Side.ATTAINED, lower(norm(p - again)), Rigour.ENCLOSED, "both sides in ball arithmetic")
    witness = {"activation": "soft thresholding at 0.1", "u": 1.0, "h": 1.0, "other_step": other_step}
    return decide(FIXED_ACTIVATION, f"threshold 0.1, h = 1, h' = {other_step:g}", squeeze(1e-11, (evidence,)), witness)
