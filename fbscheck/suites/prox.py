"""Suite "prox": the functions and parameters whose proximal maps are checked."""

from functools import partial

import numpy as np

from fbscheck.claims.catalogue import prox
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.claims.layers import controls
from fbscheck.functions import L1, Box, ElasticNet, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Result, planted

__all__ = ["CASES", "SUITE"]

CASES = (
    ProxCase("Zero", Zero()),
    ProxCase("L1, weight 1", L1(1.0)),
    ProxCase("L1, weight 0.1", L1(0.1)),
    ProxCase("L1, weights 0 to 5", L1(np.array([0.0, 0.1, 1.0, 2.0, 5.0]))),
    ProxCase("SquaredL2, weight 1", SquaredL2(1.0)),
    ProxCase("SquaredL2, weight 10", SquaredL2(10.0)),
    ProxCase("ElasticNet, 1 and 1", ElasticNet(1.0, 1.0)),
    ProxCase("ElasticNet, 0.3 and 2", ElasticNet(0.3, 2.0)),
    ProxCase("Box, -1 to 1", Box(-1.0, 1.0)),
    ProxCase("Box, by coordinate", Box(np.array([-1.0, 0.0, 0.5, -3.0, 2.0]), np.array([1.0, 0.0, 0.75, -1.0, 9.0]))),
    ProxCase("NonNegative", NonNegative()),
    ProxCase("L2Ball, radius 1", L2Ball(1.0)),
    ProxCase("L2Ball, radius 10", L2Ball(10.0)),
    ProxCase("GroupL2, weight 0.7", GroupL2([0, 0, 1, 1, 1], 0.7)),
    ProxCase("GroupL2, interleaved, weight 2", GroupL2([0, 1, 0, 2, 1], 2.0)),
    ProxCase("Huber, delta 1", Huber(1.0)),
    ProxCase("Huber, delta 0.1, weight 5", Huber(0.1, 5.0)),
)

WRONG = {
    prox.DEFINITION.id: "0.99 times the map",
    prox.OPTIMALITY.id: "0.99 times the map",
    prox.FIRM.id: "a constant 1% too small",
    prox.RESOLVENT.id: "one side 1% too small",
    prox.VALUE.id: "one side 1% too small",
}
"""What is planted for each claim."""

SAMPLES = {"small": 40, "full": 200, "large": 2000}


def _check(case: ProxCase, samples: int, rng: np.random.Generator) -> list[Result]:
    return prox.assess(case, prox.CLAIMS, samples, rng)


def _plant(case: ProxCase, samples: int, rng: np.random.Generator) -> list[Result]:
    return prox.assess(case, [planted(claim, WRONG[claim.id]) for claim in prox.CLAIMS], samples, rng, scale=0.99)


def _control(rng: np.random.Generator) -> list[Result]:
    return [controls.fixed_activation(other) for other in (0.5, 0.1)]


def _tasks(size: str) -> list[Task]:
    return [
        *(Task(f"prox: {case.name}", partial(_check, case, SAMPLES[size])) for case in CASES),
        Task("prox: planted errors", partial(_plant, CASES[1], SAMPLES["small"])),
        Task("prox: control, fixed activation", _control),
    ]


SUITE = Suite(
    "prox",
    "proximal maps: definition, optimality, firm nonexpansiveness, resolvent identity",
    (*prox.CLAIMS, *(planted(claim, WRONG[claim.id]) for claim in prox.CLAIMS), controls.FIXED_ACTIVATION),
    _tasks,
)
