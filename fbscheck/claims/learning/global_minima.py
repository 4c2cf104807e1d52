r"""Least values: how far trained parameters are from the least value of all, with certified lower bounds.

Two kinds of problems have them: constant paths of few parameters (:mod:`fbscheck.learning.minimum`; of other paths
nothing is said, and ALISTA's W^T A is that of float64) and one sample with free weights
(:mod:`fbscheck.learning.one_sample`; all paths).  What is claimed is a ratio to the least value; where there is no
lower bound, parameters are called locally minimal only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np

from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import lower, round_down, round_up, upper
from fbscheck.claims.learning.training_case import objective
from fbscheck.claims.records import scale_of, scaled
from fbscheck.functions import L1, Zero
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.learning import H1, Alista, Free, Lp, Problem
from fbscheck.learning.families import Family
from fbscheck.learning.landscape import Landscape
from fbscheck.learning.minimum import ConstantMinimum, lower_bound
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["ALL_PATHS", "CLAIMS", "CONSTANT", "CONSTANT_LIMIT", "CONTROLS", "GAPS", "Training", "assess", "covered"]

CONSTANT = Claim(
    "learning.constant-paths",
    "Least values over constant paths: networks",
    r"J_N(\theta) \leq 1.01\,\min\{J_N(\eta):\eta\ \mathrm{constant}\}",
    Relation.AT_MOST,
    "branch and bound over all parameters of constant paths, for W^T A as float64 holds it (ratio to the least value)",
)
CONSTANT_LIMIT = Claim(
    "learning.constant-paths-limit",
    "Least values over constant paths: the limit",
    r"J(\theta) \leq 1.1\,\min\{J(\eta):\eta\ \mathrm{constant}\}",
    Relation.AT_MOST,
    "branch and bound over all parameters of constant paths, for W^T A as float64 holds it (ratio to the least value)",
)
ALL_PATHS = Claim(
    "learning.one-sample",
    "Trained parameters for one sample are best of all",
    r"J_N(\theta_N) \leq (1+10^{-7})\min J_N",
    Relation.AT_MOST,
    "reduction to one or two unknowns, branch and bound in ball arithmetic (ratio to the least value)",
)
CLAIMS = (CONSTANT, CONSTANT_LIMIT, ALL_PATHS)
GAPS: Mapping[str, Fraction] = {
    CONSTANT.id: Fraction(1, 100),
    CONSTANT_LIMIT.id: Fraction(1, 10),
    ALL_PATHS.id: Fraction(1, 10**7),
}
"""What the claims allow beyond a ratio of 1."""


def _control(name: str, title: str, source: str) -> Claim:
    return replace(ALL_PATHS, id=f"control.{name}", title=title, source=source, control=True)


STATIONARY = _control(
    "learning-stationary",
    "Parameters at which training stops are best of all",
    "false: a descent from 0 shrinks where a turn is",
)
EQUAL_LAYERS = _control(
    "learning-equal-layers",
    "Equal layers are best of all",
    "false: of two layers one does better to do most of the work",
)
CONTROLS = (STATIONARY, EQUAL_LAYERS)


@final
@dataclass(frozen=True, eq=False)
class Training:
    """A problem and its name: ALISTA with the weighted l1 norm, or free weights with r = 0."""

    name: str
    problem: Problem

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes it again; its arrays are kept in ``arrays``."""
        problem, parts = self.problem, {name: getattr(self.problem, name) for name in ("x0", "b", "target")}
        if isinstance(problem.family, Alista):
            parts |= {"A": problem.family.A, "W": problem.family.W}
        known, penalty = {name: add(part, arrays) for name, part in parts.items()}, problem.regulariser
        if isinstance(penalty, H1):
            penalty = replace(penalty, reference=np.atleast_1d(penalty.reference))
        horizon = str(Fraction(problem.horizon))
        return {"name": self.name, **known, "penalty": describe(penalty, arrays), "horizon": horizon}

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "Training":
        """The training that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If there is more than that.
        """
        known = {name: arrays[text[name]] for name in text if name not in ("name", "penalty", "horizon")}
        x0, b, target = (known.pop(name) for name in ("x0", "b", "target"))
        family: Family = Free(len(x0), len(b), Zero(), weight=0.0)
        if known:
            family = Alista(known.pop("A"), known.pop("W"), L1(1.0))
        if known:
            raise kernel.Refusal("there is more than a problem")
        if isinstance(family, Alista) and family.cancels:
            raise kernel.Refusal("W^T A cancels in float64: the network is not that of A and W")
        penalty = rebuild(text["penalty"], arrays, {"H1": H1, "Lp": Lp})
        return cls(str(text["name"]), Problem(x0, b, target, family, penalty, Fraction(text["horizon"])))


def assess(claim: Claim, training: Training, theta: Values, scale: float = 1.0) -> Result:
    """Measure ``ALL_PATHS``, or a control, on parameters (N, P); ``scale`` multiplies its bound (a planted error)."""
    arrays: Arrays = {}
    witness = {"training": training.describe(arrays), "theta": add(theta, arrays)}
    depth = len(theta)
    least = training.problem.least_value(depth)
    case = f"{training.name}, N={depth}"
    if least.lower is None or least.upper is None or not least.lower > 0:
        return undecided(claim, case, "the least value is not known to be positive: a ratio to it says nothing")
    value = objective(training.problem, theta)
    low, high = lower(value), upper(value)
    methods = f"{depth} layers in ball arithmetic", least.evidence[0].method
    evidence = (
        Evidence(Side.ATTAINED, round_down(Fraction(low) / Fraction(least.upper)), Rigour.ENCLOSED, methods[0]),
        Evidence(Side.CERTIFIED, round_up(Fraction(high) / Fraction(least.lower)), Rigour.ENCLOSED, methods[1]),
    )
    theory = scale * (1 + float(GAPS[ALL_PATHS.id]))
    return replace(decide(claim, case, squeeze(theory, evidence), scaled(witness, scale)), arrays=arrays)


def covered(claim: Claim, name: str, found: ConstantMinimum, scale: float = 1.0) -> Result:
    """Judge the best of constant paths by the box and the cover that were found."""
    arrays: Arrays = {}
    land = found.landscape
    ends = {"low": add(found.low, arrays), "high": add(found.high, arrays)}
    certificate = {"cover": list(found.cover), "layers": land.layers, **ends}
    witness = {"training": Training(name, land.problem).describe(arrays), "theta": add(found.parameters, arrays)}
    return _judged(claim, certificate, scaled(witness, scale), arrays)


def replay(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Bound the least value again: cell by cell of the cover, which is the whole box, or by the reduction.

    Raises
    ------
    kernel.Refusal
        If the records are incomplete or malformed, or the cover leaves a part of the box out.
    """
    if claim.id.removeprefix("planted.") in (CONSTANT.id, CONSTANT_LIMIT.id):
        return _judged(claim, certificate, witness, arrays)
    content, scale = scale_of(witness, claim.control and claim not in CONTROLS)
    if set(content) != {"training", "theta"} or certificate:
        raise kernel.Refusal("the witness is no trained network, or there is more than it")
    return assess(claim, Training.restore(content["training"], arrays), arrays[content["theta"]], float(scale))


def _judged(claim: Claim, certificate: Mapping[str, Any], witness: Mapping[str, Any], arrays: Arrays) -> Result:
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"training", "theta"} or set(certificate) != {"cover", "layers", "low", "high"}:
        raise kernel.Refusal("the cover, or what it is of, is incomplete, or there is more than that")
    kind = claim.id.removeprefix("planted.")
    training, theta = Training.restore(content["training"], arrays), arrays[content["theta"]]
    problem, layers = training.problem, certificate["layers"]
    land = Landscape(problem, layers, limit=kind == CONSTANT_LIMIT.id)
    low, high = (arrays[certificate[name]] for name in ("low", "high"))
    shape = (problem.family.count,)
    if not low.shape == high.shape == theta.shape == shape or not (low <= high).all():
        raise kernel.Refusal("the box is none, or the parameters have another shape")
    if not (theta >= problem.family.lower).all() or not (low >= problem.family.lower).all():
        raise kernel.Refusal("parameters are below their bounds")
    cover = tuple(certificate["cover"])
    above, least = land.enclosure(theta)[1], lower_bound(land, low, high, cover)
    case = f"{training.name}, limit" if land.limit else f"{training.name}, N={layers}"
    if not least > 0:
        return undecided(claim, case, f"the lower bound of the least value is {least:.3g}: a ratio to it says nothing")
    count = sum(level.count(".") for level in cover)
    evidence = (
        Evidence(Side.ATTAINED, 1.0, Rigour.ENCLOSED, "the least value is no more than that of a constant path"),
        Evidence(
            Side.CERTIFIED,
            round_up(Fraction(above) / Fraction(least)),
            Rigour.ENCLOSED,
            f"{count} cells that cover the parameters",
        ),
    )
    theory = float(scale * (1 + GAPS[kind]))
    bracket = squeeze(theory, evidence, dict(certificate))
    return replace(decide(claim, case, bracket, scaled(content, scale)), arrays=arrays)
