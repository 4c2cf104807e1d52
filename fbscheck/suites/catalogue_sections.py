"""What is proved of functions of one variable, as tasks of suite "catalogue"; what rests on samples, with reasons."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from fbscheck.claims.catalogue import cones, sections
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.functions import SecondOrderCone
from fbscheck.functions.sections import sections as lines_of
from fbscheck.suites.task import Task
from fbscheck.verdict import Result, planted

__all__ = ["CLAIMS", "FLAT", "ON_SAMPLES", "PLANTED", "on_samples", "tasks"]

PLANTED = (
    planted(sections.CONVEX, "|x|^2/200 taken away"),
    planted(sections.INVERSE, "the map 1% too small"),
    planted(sections.SLOPE, "a bound 1% too small"),
)
OF_CONES = planted(cones.CONE, "the map 1% too small")
CLAIMS = (*sections.CLAIMS, *PLANTED, cones.CONE, OF_CONES)
FLAT = "hyperplane"
"""Its indicator has one point on each normal, and no slopes: there an error of the map alone can be planted."""

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
}
"""The entries of the catalogue for which nothing is proved in one variable, and why."""


def on_samples() -> tuple[str, ...]:
    """One line for each reason, with the entries that it keeps from a proof."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in ON_SAMPLES.items():
        by_reason.setdefault(reason, []).append(name)
    return tuple(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


def _prove(case: ProxCase, rng: np.random.Generator) -> list[Result]:
    errors = PLANTED[1:2] if case.name == FLAT else PLANTED
    proofs = [sections.assess(claim, case) for claim in sections.CLAIMS]
    return proofs + [sections.assess(claim, case, 0.99) for claim in errors]


def _prove_cone(case: ProxCase, rng: np.random.Generator) -> list[Result]:
    return [cones.assess(cones.CONE, case), cones.assess(OF_CONES, case, 0.99)]


def tasks(cases: Sequence[ProxCase]) -> list[Task]:
    """One task for each of ``cases`` that has sections (rules of calculus may have), or is a second-order cone."""
    proved = [(case, _prove) for case in cases if lines_of(case.g)]
    proved += [(case, _prove_cone) for case in cases if isinstance(case.g, SecondOrderCone)]
    return [Task(f"catalogue: {case.name}, proofs", partial(prove, case)) for case, prove in proved]
