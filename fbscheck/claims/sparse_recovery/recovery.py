r"""Chapter "lista": sparse recovery by ALISTA and LISTA-CP, layer by layer in the l1 norm.

The recursion of :mod:`fbscheck.proofs.lista_recursion` bounds the error of every sparse signal, once the weights'
coherence is known to be at most mu~ (:class:`~fbscheck.claims.sparse_recovery.signals.Recovery` makes sure): that is
the certified side, 1 where a claim is about the ratio of its two sides.  Signals, enclosed in ball arithmetic, give the
attained one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import Any

import flint
import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exp, lower, nearest
from fbscheck.claims.records import scale_of, scaled
from fbscheck.claims.sparse_recovery.signals import Recovery, restore
from fbscheck.inputs import Array
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.verdict import Claim, Curve, Evidence, Hypothesis, Plot, Relation, Result, Rigour, Side

__all__ = ["ADAPTED", "CLAIMS", "DEEP_LIMIT", "NOISE", "RATE", "SUPPORT", "assess", "replay"]

SPARSE = Hypothesis(
    r"s < (1+1/\tilde\mu)/2", lambda case: (1 + 1 / Fraction(case.coherence)) / 2 - case.support, strict=True
)
SHORT = Hypothesis(r"\gamma_j \leq 1", lambda case: 1 - Fraction(float(case.steps.max())))
EXACT_DATA = Hypothesis(r"\varepsilon = 0", lambda case: -Fraction(case.level))
UNIT = Hypothesis(r"\gamma_j = 1", lambda case: -Fraction(float(np.abs(case.steps - 1).max())))

RATE = Claim(
    "lista.rate",
    "Linear rate of ALISTA",
    r"|x^k-x^*|_1 \leq s\prod_{j<k}\bigl((2s-1)\tilde\mu\gamma_j+|1-\gamma_j|\bigr)\quad"
    r"(|x^*|_0 \leq s,\ |x^*|_\infty \leq 1)",
    Relation.AT_MOST,
    "Liu, Chen, Wang and Yin 2019; proof: LISTA recovery (largest ratio of the two sides)",
    (SPARSE, EXACT_DATA),
)
SUPPORT = Claim(
    "lista.support",
    "No false positives",
    r"|u_i| \leq \theta\quad (x^*_i = 0)\ \mathrm{in\ every\ layer}",
    Relation.AT_MOST,
    "Chen, Liu, Wang and Yin 2018; proof: LISTA recovery: off the support (largest ratio of the two sides)",
    (SPARSE, EXACT_DATA),
)
ADAPTED = Claim(
    "lista.rate-adapted",
    "Linear rate of LISTA-CP, thresholds by the largest error",
    r"|x^k-x^*|_1 \leq s\,c^k,\quad c=(2s-1)\tilde\mu,\quad \theta_k=\tilde\mu\,\sup|x^k-x^*|_1",
    Relation.AT_MOST,
    "Chen, Liu, Wang and Yin 2018; proof: LISTA recovery (largest ratio of the two sides)",
    (SPARSE, EXACT_DATA, UNIT),
)
NOISE = Claim(
    "lista.noise",
    "Recovery from noisy data",
    r"|x^k-x^*|_1 \leq s\,c^k+\frac{2s\,C_W\sigma}{1-c},\quad c=(2s-1)\tilde\mu,\quad |\varepsilon|_1 \leq \sigma",
    Relation.AT_MOST,
    "Chen, Liu, Wang and Yin 2018; proof: LISTA recovery: noise (largest ratio of the two sides)",
    (SPARSE, UNIT),
)
DEEP_LIMIT = Claim(
    "lista.deep-limit",
    "The rate of the deep limit holds at every depth",
    r"|x^k-x^*|_1 \leq s\exp\bigl(-(1-(2s-1)\tilde\mu)\sum_{j<k}\gamma_j\bigr)",
    Relation.AT_MOST,
    "proof: LISTA recovery; and 1-y <= exp(-y) (largest ratio of the two sides)",
    (SPARSE, EXACT_DATA, SHORT),
)
CLAIMS = (RATE, SUPPORT, ADAPTED, NOISE, DEEP_LIMIT)

Ratios = Callable[[Recovery], Array]


def _rate(case: Recovery) -> Array:
    return np.asarray(case.trace.errors / case.trace.bounds)


def _support(case: Recovery) -> Array:
    return case.trace.reach


def _adapted(case: Recovery) -> Array:
    return np.asarray(case.run(adaptive=True).errors / (case.support * _powers(case)))


def _noise(case: Recovery) -> Array:
    floor = 2 * case.support * case.amplified[1] / (1 - case.rate)
    return np.asarray(case.trace.errors / (case.support * _powers(case) + floor))


def _deep_limit(case: Recovery) -> Array:
    depth = np.cumsum([ball(gamma) for gamma in case.steps.tolist()])
    return np.asarray(case.trace.errors / (case.support * exp(-(1 - case.rate) * depth)))


def _powers(case: Recovery) -> Array:
    """c, c^2, ..., c^N."""
    return np.cumprod(np.array([case.rate] * len(case.steps)))


_RATIOS: dict[str, Ratios] = {
    RATE.id: _rate,
    SUPPORT.id: _support,
    ADAPTED.id: _adapted,
    NOISE.id: _noise,
    DEEP_LIMIT.id: _deep_limit,
}


def assess(case: Recovery, claims: Sequence[Claim], scale: float = 1.0, drawn: bool = False) -> list[Result]:
    """Squeeze each of ``claims`` (from ``CLAIMS``, or planted from them) in one case.

    ``scale`` multiplies the right-hand sides: a planted error if it is not 1.  The rate is ``drawn`` or not.
    """
    found = [_assess_one(claim, case, scale) for claim in claims]
    return [replace(r, plots=_plots(case)) if drawn and r.claim == RATE.id and r.witness else r for r in found]


def _assess_one(claim: Claim, case: Recovery, scale: float) -> Result:
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    arrays: Arrays = {}
    bracket = squeeze(scale, _evidence(claim, case), {"quantity": claim.statement})
    result = decide(claim, case.name, bracket, scaled(case.describe(arrays), scale))
    return replace(result, arrays=arrays)


def _evidence(claim: Claim, case: Recovery) -> tuple[Evidence, ...]:
    kind = claim.id.removeprefix("planted.")
    largest = reduce(flint.arb.max, _RATIOS[kind](case))
    method = f"{case.signals.shape[1]} signals through {len(case.steps)} layers, in ball arithmetic"
    attained = Evidence(Side.ATTAINED, lower(largest), Rigour.ENCLOSED, method)
    proof = f"proved recursion, weights of coherence at most {case.coherence:.9g}, enclosed"
    return attained, Evidence(Side.CERTIFIED, 1.0, Rigour.ENCLOSED, proof)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the case in ``witness``.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed, or the claim is none of this chapter.
    """
    content, scale = scale_of(witness, claim.control)
    if claim.id.removeprefix("planted.") not in _RATIOS:
        raise kernel.Refusal("no claim about signals")
    return _assess_one(claim, restore(content, arrays), float(scale))


def _plots(case: Recovery) -> tuple[Plot, ...]:
    """The error against its bound, layer by layer."""
    layers = tuple(float(k) for k in range(1, len(case.steps) + 1))
    curves = (
        Curve("largest error, attained", layers, tuple(nearest(case.trace.errors).tolist()), "points"),
        Curve("bound, proved", layers, tuple(nearest(case.trace.bounds).tolist())),
    )
    title = f"Recovery by ALISTA: {case.name}, coherence {case.coherence:.4f}"
    return (Plot(RATE.id, case.source, title, "layer $k$", "$|x^k-x^*|_1$", curves, log_y=True),)
