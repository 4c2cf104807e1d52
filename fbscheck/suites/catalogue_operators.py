"""The operators and the rules of calculus, as tasks of a suite, with planted errors and controls."""

from functools import partial

import numpy as np

from fbscheck.claims.catalogue import operator_constants, rules, sum_control
from fbscheck.claims.catalogue.operator_instances import Instance, instances
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.functions import (
    L1,
    ArgumentScaled,
    Box,
    Conjugate,
    ElasticNet,
    Envelope,
    EpigraphScaled,
    GroupL2,
    Huber,
    L2Ball,
    NonNegative,
    Scaled,
    SeparableSum,
    SquaredL2,
    TightFrame,
    Tilted,
    Translated,
    WithQuadratic,
    reflected,
)
from fbscheck.suites.prox import WRONG
from fbscheck.suites.task import Task
from fbscheck.verdict import Claim, Result, planted

__all__ = ["CASES", "CLAIMS", "tasks"]

MOVED = np.array([0.5, 0.0, 1.5, -2.0, 0.25])
ROTATION = np.kron(np.eye(2), np.array([[3.0, 4.0], [-4.0, 3.0]]))
REFLECTION = np.eye(5) - 2 / 7 * np.outer([1.0, 1, 1, 2, 0], [1.0, 1, 1, 2, 0])

CASES = (
    ProxCase("3 g - 1, elastic net", Scaled(ElasticNet(0.5, 2.0), 3.0, -1.0)),
    ProxCase("g(-2x), L1", ArgumentScaled(L1(0.5), -2.0)),
    ProxCase("g(-x), NonNegative", reflected(NonNegative())),
    ProxCase("g(x - c), Box", Translated(Box(-1.0, 2.0), MOVED)),
    ProxCase("g + <s, x>, L1", Tilted(L1(1.0), MOVED)),
    ProxCase("4 g(x/4), Huber", EpigraphScaled(Huber(1.0), 4.0)),
    ProxCase("blocks of L1, L2Ball, SquaredL2", SeparableSum((L1(1.0), L2Ball(2.0), SquaredL2(1.0)), (1, 2, 2))),
    ProxCase("g + |x - c|^2, NonNegative", WithQuadratic(NonNegative(), 2.0, MOVED)),
    ProxCase("g + |x|^2/4, GroupL2", WithQuadratic(GroupL2([0, 0, 1, 1, 1], 1.0), 0.5)),
    ProxCase("g*, elastic net", Conjugate(ElasticNet(0.5, 2.0))),
    ProxCase("g*, SquaredL2", Conjugate(SquaredL2(4.0))),
    ProxCase("Moreau envelope of L1", Envelope(L1(1.0), 0.5)),
    ProxCase("Moreau envelope of L2Ball", Envelope(L2Ball(1.0), 2.0)),
    ProxCase("g(Ax), A A^T = 25 I, elastic net", TightFrame(SquaredL2(2.0), ROTATION), 4),
    ProxCase("g(Ax), A a reflection, rounded, Huber", TightFrame(Huber(1.0), REFLECTION)),
    ProxCase("g(x1 + x2), Huber", TightFrame(Huber(0.5, 2.0), np.hstack([np.eye(2), np.eye(2)])), 4),
    ProxCase("three rules", Tilted(EpigraphScaled(WithQuadratic(L1(1.0), 0.5), 2.0), MOVED)),
)
"""One case or two for each rule, with all claims of chapter "rule"."""

SATURATED = (
    ProxCase("g*, L1", Conjugate(L1(1.0))),
    ProxCase("g*, Box", Conjugate(Box(-1.0, 2.0))),
    ProxCase("g*, L2Ball", Conjugate(L2Ball(2.0))),
)
"""Conjugates whose map is constant far away: u - h prox_{g/h}(u/h) keeps the rounding of u, of which differences of
close points and slopes show more than they allow."""
OF_SATURATED = (rules.DEFINITION, rules.RESOLVENT, rules.VALUE)

PLANTED = "least squares, tall"
SAMPLES = {"small": (12, 3), "full": (200, 100), "large": (2000, 500)}
"""Points for proximal maps, and for operators."""
OPERATORS = operator_constants.CLAIMS
SCALED: tuple[tuple[Claim, str], ...] = (
    *((claim, "a constant 1% too small") for claim in OPERATORS[:4]),
    *((claim, "a derivative 1% too small") for claim in OPERATORS[4:]),
)
WRONG_RULES = tuple(planted(claim, WRONG[claim.id.replace("rule.", "prox.")]) for claim in rules.CLAIMS)
CLAIMS = (
    *OPERATORS,
    *(planted(claim, error) for claim, error in SCALED),
    *operator_constants.CONTROLS,
    *rules.CLAIMS,
    *WRONG_RULES,
    sum_control.PROX_OF_SUM,
)
NO_GRADIENTS = ("skew", "LISTA, tall", "saddle point, one gradient")


def _operator(instance: Instance, samples: int, rng: np.random.Generator) -> list[Result]:
    return [operator_constants.assess(claim, instance, samples, rng) for claim in OPERATORS]


def _plant(samples: int, rng: np.random.Generator) -> list[Result]:
    instance = instances()[PLANTED]
    return [operator_constants.assess(planted(claim, error), instance, samples, rng, 0.99) for claim, error in SCALED]


def _controls(samples: int, rng: np.random.Generator) -> list[Result]:
    known = instances()
    return [
        *(sum_control.prox_of_sum(order) for order in sum_control.ORDERS),
        *(
            operator_constants.assess(claim, known[name], samples, rng)
            for claim in operator_constants.CONTROLS
            for name in NO_GRADIENTS
        ),
    ]


def _rule(case: ProxCase, claims: tuple[Claim, ...], samples: int, rng: np.random.Generator) -> list[Result]:
    return rules.assess(case, claims, samples, rng)


def _plant_rule(samples: int, rng: np.random.Generator) -> list[Result]:
    return rules.assess(CASES[0], WRONG_RULES, samples, rng, 0.99)


def tasks(size: str) -> list[Task]:
    """The tasks of this part of the suite; ``size`` is "small", "full" or "large"."""
    points, pairs = SAMPLES[size]
    return [
        *(Task(f"operator: {name}", partial(_operator, case, pairs)) for name, case in instances().items()),
        Task("operator: planted errors", partial(_plant, pairs)),
        *(Task(f"rule: {case.name}", partial(_rule, case, rules.CLAIMS, points)) for case in CASES),
        *(Task(f"rule: {case.name}", partial(_rule, case, OF_SATURATED, points)) for case in SATURATED),
        Task("rule: planted errors", partial(_plant_rule, SAMPLES["small"][0])),
        Task("catalogue: controls", partial(_controls, pairs)),
    ]
