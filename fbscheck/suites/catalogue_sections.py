"""What is proved of functions of one variable, as tasks of suite "catalogue"; what rests on samples, with reasons."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from fbscheck.claims import sections
from fbscheck.claims.prox import ProxCase
from fbscheck.functions.sections import sections as lines_of
from fbscheck.suites.task import Task
from fbscheck.verdict import Result, planted

__all__ = ["CLAIMS", "ON_SAMPLES", "PLANTED", "tasks"]

PLANTED = (
    planted(sections.CONVEX, "|x|^2/200 taken away"),
    planted(sections.INVERSE, "the map 1% too small"),
    planted(sections.SLOPE, "a bound 1% too small"),
)
CLAIMS = (*sections.CLAIMS, *PLANTED)
PLANTED_IN = ("l1", "l2", "box", "Huber", "log barrier", "tanh entropy")
"""The functions on which errors are planted at size "small"; else on all but a hyperplane's indicator, which has one
point on each normal, and no slopes."""

_SORTED = "its formula depends on the order of the coordinates, or of the singular values, and holds no line fixed"
_MATRIX = "it is a linear map, by a decomposition in float64"
_SPECTRAL = "it acts on singular values, or eigenvalues, by a decomposition in float64"
_NESTED = "a prox of one kind inside another: rays after coordinates, the lines of which differ"
_ITERATED = "an iteration in all coordinates at once"

ON_SAMPLES: Mapping[str, str] = {
    **dict.fromkeys(("maximum norm", "OWL", "simplex", "capped simplex", "l1 ball", "maximum"), _SORTED),
    **dict.fromkeys(("sum of the 2 largest", "total variation", "monotone cone"), _SORTED),
    **dict.fromkeys(("nuclear norm", "Ky Fan 2", "spectral norm", "semidefinite cone"), _SPECTRAL),
    **dict.fromkeys(("anisotropic total variation", "isotropic total variation"), _ITERATED),
    **dict.fromkeys(("log-sum-exp", "softmax entropy", "exponential cone"), _ITERATED),
    **dict.fromkeys(("affine set", "quadratic"), _MATRIX),
    "sparse group": _NESTED,
    "distance to a box": _NESTED,
    "squared distance to a simplex": _NESTED,
    "second-order cone": "its lines fill a plane: the axis and one ray of the other coordinates",
}
"""The entries of the catalogue for which nothing is proved in one variable, and why."""


def _prove(case: ProxCase, errors: bool, rng: np.random.Generator) -> list[Result]:
    found = [sections.assess(claim, case) for claim in sections.CLAIMS]
    return found + [sections.assess(claim, case, 0.99) for claim in PLANTED if errors]


def tasks(size: str, cases: Sequence[ProxCase]) -> list[Task]:
    """One task for each of ``cases`` that has sections; ``size`` is "small", "full" or "large"."""
    wrong = [case.name for case in cases if case.name in PLANTED_IN or size != "small" and case.name != "hyperplane"]
    return [
        Task(f"catalogue: {case.name}, proofs", partial(_prove, case, case.name in wrong))
        for case in cases
        if lines_of(case.g)
    ]
