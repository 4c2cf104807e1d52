"""Negative controls of chapter "lista": smaller thresholds, weights that do not fit or are
the best in another sense, supports beyond the theory."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import lower, round_down
from fbscheck.claims.sparse_recovery.signals import Recovery, restore
from fbscheck.inputs import finite_array
from fbscheck.judge import decide, squeeze
from fbscheck.network.coherence import coherence, coupling, frobenius_weights
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = [
    "BEYOND",
    "CLAIMS",
    "FROBENIUS",
    "SMALL_THRESHOLD",
    "UNFITTING",
    "beyond",
    "frobenius",
    "replay",
    "small_threshold",
    "unfitting",
]

SMALL_THRESHOLD = Claim(
    "control.lista-threshold",
    "No false positives with thresholds 20% smaller",
    r"x^k_i = 0\quad (x^*_i = 0)\ \mathrm{with}\ \theta = 0.8\,\tilde\mu\gamma E",
    Relation.AT_MOST,
    "false: the signs that add up reach the threshold (largest false entry)",
    control=True,
)
UNFITTING = Claim(
    "control.lista-coupling",
    "Recovery with weights that do not fit each other",
    r"|x^k-x^*| \leq 0.01\,|x^*|\ \mathrm{for\ some}\ k,\quad W^2=1/2,\ W^1=2/5,\ A=1",
    Relation.AT_MOST,
    "false: recovery needs W^2 - (I - W^1 A) to vanish; Chen, Liu, Wang and Yin 2018",
    control=True,
)
BEYOND = Claim(
    "control.lista-support",
    "Recovery of larger supports than the theory allows",
    r"|x^N-x^*|_1 \leq \frac{1}{2}s\quad (s \geq (1+1/\tilde\mu)/2)",
    Relation.AT_MOST,
    "false: the bound grows, the thresholds with it, and the network is stuck at 0 (error relative to s)",
    control=True,
)
FROBENIUS = Claim(
    "control.lista-frobenius",
    "Smaller Frobenius norm, smaller coherence",
    r"\mu(V) \leq \mu(W)\ \mathrm{where}\ |V^TA|_F \leq |W^TA|_F",
    Relation.AT_MOST,
    "false: the closed form of ALISTA's weights does not minimise the coherence (ratio of the two sides)",
    control=True,
)
CLAIMS = (SMALL_THRESHOLD, UNFITTING, BEYOND, FROBENIUS)
Values = npt.NDArray[np.float64]

SHRINK = Fraction(4, 5)


def small_threshold(case: Recovery) -> Result:
    """Run the layers with thresholds of 0.8 times the theory's."""
    trace = case.run(shrink=SHRINK)
    worst = max(lower(value) for value in trace.stray)
    method = f"false positives in {trace.wrong.max()} of {case.signals.shape[1]} signals, in ball arithmetic"
    return _of_case(SMALL_THRESHOLD, case, 0.0, worst, method)


def beyond(case: Recovery) -> Result:
    """Run the layers where (2s - 1) mu~ >= 1."""
    if lower(case.rate) < 1:
        raise kernel.Refusal("the support is not certainly beyond the theory")
    error = lower(case.trace.errors[-1] / case.support)
    return _of_case(BEYOND, case, 0.5, error, f"the error after {len(case.steps)} layers, in ball arithmetic")


def _of_case(claim: Claim, case: Recovery, theory: float, value: float, method: str) -> Result:
    arrays: Arrays = {}
    evidence = Evidence(Side.ATTAINED, value, Rigour.ENCLOSED, method)
    return replace(decide(claim, case.name, squeeze(theory, (evidence,)), case.describe(arrays)), arrays=arrays)


def unfitting(layers: int) -> Result:
    """x -> x/2 + (2/5) x^* has the fixed point (4/5) x^*: a fifth of the signal is never found."""
    x = Fraction(0)
    for _ in range(layers):
        x = x / 2 + Fraction(2, 5)
    method = f"|x^k-x^*|/|x^*|, least over k <= {layers}, in rational arithmetic"
    evidence = Evidence(Side.ATTAINED, round_down(1 - x), Rigour.EXACT, method)
    witness = {"W2": "1/2", "W1": "2/5", "layers": layers}
    return decide(UNFITTING, f"scalar, N={layers}", squeeze(0.01, (evidence,)), witness)


def frobenius(source: str, dictionary: Values, weights: Values, closed: Values | None = None) -> Result:
    """Compare ``closed``, the closed form if None, with ``weights`` of larger Frobenius norm and smaller coherence.

    Raises
    ------
    kernel.Refusal
        If the Frobenius norm of the former is not certainly the smaller one.
    """
    closed = frobenius_weights(dictionary) if closed is None else closed
    first, second = (np.sum(coupling(W, dictionary) ** 2) for W in (closed, weights))
    if not first <= second:
        raise kernel.Refusal("the Frobenius norm is not certainly the smaller one")
    low, high = coherence(closed, dictionary)[0], coherence(weights, dictionary)[1]
    ratio = round_down(Fraction(low) / Fraction(high))
    evidence = Evidence(Side.ATTAINED, ratio, Rigour.ENCLOSED, f"coherence {low:.6f} against {high:.6f}, enclosed")
    arrays: Arrays = {}
    named = {"matrix": dictionary, "closed": closed, "weights": weights}
    witness = {"dictionary": source, **{name: add(array, arrays) for name, array in named.items()}}
    return replace(decide(FROBENIUS, source, squeeze(1.0, (evidence,)), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Run the control again that left ``witness``.

    Raises
    ------
    kernel.Refusal
        If the witness is of no control.
    """
    if claim.id == UNFITTING.id:
        if type(witness["layers"]) is not int or not 0 < witness["layers"] <= 1000:
            raise kernel.Refusal("the number of layers is out of range")
        return unfitting(witness["layers"])
    if claim.id == FROBENIUS.id:
        matrices = [finite_array(arrays[witness[name]], name, 2) for name in ("matrix", "weights", "closed")]
        return frobenius(str(witness["dictionary"]), *matrices)
    return {SMALL_THRESHOLD.id: small_threshold, BEYOND.id: beyond}[claim.id](restore(witness, arrays))
