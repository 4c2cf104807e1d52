"""Suite "contraction": the factor of one step over each class, with the edges of every regime."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from fbscheck.claims.layers import contraction, contraction_map, controls, many_steps
from fbscheck.claims.layers.contraction import Step, bracket_of
from fbscheck.claims.layers.many_steps import Steps
from fbscheck.splitting.classes import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Curve, Plot, Result, planted

__all__ = ["CASES", "MANY", "SUITE"]

R = Fraction
G, L, C = GradientOf, StronglyMonotoneLipschitz, StronglyMonotoneCocoercive
TINY, HUGE = R(1, 10**12), R(10**12)

CASES: tuple[Step, ...] = (
    # gradients: short steps, the best step 2/(mu+ell), long steps, the end 2/ell, beyond it
    *(Step(G(R(1, 10), 1), h) for h in (R(1, 100), R(1, 4), R(1), R(20, 11), R(19, 10), R(2), R(5, 2), R(10))),
    *(Step(G(R(1, 2), R(3, 2)), h) for h in (R(1, 3), R(1), R(4, 3), R(2))),
    *(Step(G(R(3, 7), R(22, 7)), h) for h in (R(1, 5), R(14, 25), R(7, 11))),
    # mu = 0, mu = ell, ell = 0, mu close to ell
    *(Step(G(0, 1), h) for h in (R(1, 2), R(1), R(2), R(3))),
    *(Step(G(1, 1), h) for h in (R(1, 2), R(1), R(2))),
    Step(G(0, 0), R(1)),
    Step(G(1, 1 + R(1, 10**6)), R(1, 2)),
    # strongly convex g
    *(Step(G(R(1, 10), 1), h, s) for h, s in ((R(1), R(1, 2)), (R(20, 11), R(3)), (R(2), R(1, 10)), (R(5), R(10)))),
    Step(G(0, 1), R(2), R(1)),
    # scales
    Step(G(R(1, 10) * TINY, TINY), HUGE),
    Step(G(R(1, 10) * HUGE, HUGE), TINY),
    Step(G(R(1, 10), 1), TINY),
    Step(G(R(1, 10), 1), HUGE),
    Step(G(R(1, 10) * HUGE, HUGE), R(3, 2) * TINY, HUGE),
    # strongly monotone and Lipschitz: the best step mu/ell^2, the end 2 mu/ell^2 of contraction, beyond
    *(Step(L(R(1, 10), 1), h) for h in (R(1, 100), R(1, 10), R(1, 5), R(1), R(2))),
    *(Step(L(R(3, 5), 1), h) for h in (R(3, 10), R(3, 5), R(6, 5))),
    *(Step(L(0, 1), h) for h in (R(1, 2), R(2))),
    *(Step(L(1, 1), h) for h in (R(1, 2), R(1), R(2))),
    Step(L(0, 0), R(1)),
    *(Step(L(R(1, 10), 1), h, s) for h, s in ((R(1, 10), R(1)), (R(1), R(2)), (R(2), R(1, 3)))),
    Step(L(R(1, 10) * TINY, TINY), HUGE),
    Step(L(R(1, 10) * HUGE, HUGE), TINY),
    Step(L(R(1, 10), 1), HUGE),
    # strongly monotone and cocoercive, up to h = 2 beta
    *(Step(C(R(1, 10), 1), h) for h in (R(1, 100), R(1, 2), R(1), R(3, 2), R(2))),
    *(Step(C(R(1, 3), R(3, 2)), h) for h in (R(1), R(3, 2), R(3))),
    *(Step(C(0, 1), h) for h in (R(1, 2), R(2))),
    *(Step(C(1, 1), h) for h in (R(1, 2), R(1), R(2))),
    *(Step(C(R(1, 10), 1), h, s) for h, s in ((R(1), R(1)), (R(2), R(1, 4)))),
    Step(C(R(1, 10) * TINY, HUGE), HUGE),
    Step(C(R(1, 10) * HUGE, TINY), TINY),
    # and beyond it
    *(Step(C(R(1, 10), 1), h) for h in (R(201, 100), R(5, 2), R(3), R(10))),
    *(Step(C(R(1, 3), R(3, 2)), h) for h in (R(7, 2), R(6))),
    Step(C(0, 1), R(3)),
    Step(C(1, 1), R(3)),
    *(Step(C(R(1, 10), 1), h, s) for h, s in ((R(3), R(1)), (R(10), R(5)))),
    Step(C(R(1, 10) * TINY, HUGE), 3 * HUGE),
)

LONG_SHORT = (R(19, 10), R(1, 10)) * 10
"""Long and short steps in turn: the last iterate is much nearer to a fixed point than the product says."""

MANY: tuple[Steps, ...] = (
    *(Steps(G(R(1, 10), 1), (R(1),) * n) for n in (2, 5, 10, 20)),
    Steps(G(R(1, 10), 1), LONG_SHORT),
    Steps(G(R(1, 10), 1), LONG_SHORT[:6], R(1, 4)),
    Steps(G(0, 2), (R(1, 2), R(1), R(1, 5), R(3, 4))),
    Steps(G(R(1, 3), 2), (R(2, 7), R(6, 7), R(9, 10)), R(1, 2)),
    Steps(G(1, 1), (R(1, 2), R(1), R(2))),
    Steps(L(R(1, 10), 1), (R(1, 10), R(1, 5), R(1))),
    Steps(L(R(3, 5), 1), (R(3, 10), R(3, 5), R(6, 5), R(1)), R(1, 4)),
    Steps(C(R(1, 10), 1), (R(1), R(3, 2), R(1, 2))),
    Steps(C(R(1, 3), R(3, 2)), (R(7, 2), R(6)), R(1, 4)),
)

SWEPT = (
    ("gradient", G(R(1, 10), 1), R(22, 10)),
    ("monotone-lipschitz", L(R(1, 10), 1), R(12, 10)),
    ("cocoercive", C(R(1, 10), 1), R(26, 10)),
)


CELLS = {"small": 6, "full": 20, "large": 40}
"""Cells of the map in each direction."""


def _check(cases: tuple[Step, ...], rng: np.random.Generator) -> list[Result]:
    return [contraction.assess(contraction.claim_for(case), case) for case in cases]


def _check_many(cases: tuple[Steps, ...], rng: np.random.Generator) -> list[Result]:
    return [many_steps.assess(claim, case) for case in cases for claim in many_steps.CLAIMS]


def _over_depth(deepest: int, rng: np.random.Generator) -> list[Result]:
    """Long and short steps in turn, to every depth, drawn."""
    cases = [Steps(G(R(1, 10), 1), LONG_SHORT[:n]) for n in range(1, deepest + 1)]
    results = [many_steps.assess(claim, case) for case in cases for claim in many_steps.CLAIMS]
    near = [result.bracket for result in results if result.claim == many_steps.FIXED_POINT.id]
    depths = tuple(float(len(case.steps)) for case in cases)
    curves = (
        Curve("product of the factors", depths, tuple(_known(b.theory) for b in near)),
        Curve("to a fixed point, certified", depths, tuple(_known(b.upper) for b in near), "points"),
        Curve("to a fixed point, attained", depths, tuple(_known(b.lower) for b in near), "points"),
    )
    title = "Steps 1.9, 0.1, 1.9, ...: the product of the factors, and less to a fixed point, mu = 1/10, ell = 1"
    plot = Plot(many_steps.FIXED_POINT.id, "over-depth", title, "number of steps $N$", "factor", curves, log_y=True)
    return [*results[:-1], replace(results[-1], plots=(plot,))]


def _plant(rng: np.random.Generator) -> list[Result]:
    steps = (
        Step(G(R(1, 10), 1), R(1)),
        Step(L(R(1, 10), 1), R(1)),
        Step(C(R(1, 10), 1), R(1)),
        Step(C(R(1, 10), 1), R(3)),
    )
    small, many = R(99, 100), Steps(G(R(1, 10), 1), (R(1),) * 3)
    return [
        *(many_steps.assess(planted(claim), many, small) for claim in many_steps.CLAIMS),
        *(contraction.assess(planted(contraction.claim_for(step)), step, scale=small) for step in steps),
        contraction_map.assess(planted(contraction_map.MAP, "certified factors 1% too small"), 3, small),
    ]


def _map(count: int, rng: np.random.Generator) -> list[Result]:
    return [contraction_map.assess(contraction_map.MAP, count)]


def _control(rng: np.random.Generator) -> list[Result]:
    return [*(controls.not_a_gradient(h) for h in (R(1), R(20, 11))), controls.spectral_radius(), controls.long_step()]


def _sweep(
    name: str, operators: OperatorClass, longest: Fraction, count: int, rng: np.random.Generator
) -> list[Result]:
    """The factor over the step, drawn; its result is the one at the middle of the range."""
    steps = [longest * k / count for k in range(1, count + 1)]
    brackets = [bracket_of(Step(operators, h))[0] for h in steps]
    x = tuple(float(h) for h in steps)
    points = [(h, b) for h, b in zip(x, brackets, strict=True)][:: max(1, count // 22)]
    curves = (
        Curve("theory", x, tuple(_known(b.theory) for b in brackets)),
        Curve(
            "attained by an instance", tuple(h for h, _ in points), tuple(_known(b.lower) for _, b in points), "points"
        ),
        Curve(
            "certified upper bound", tuple(h for h, _ in points), tuple(_known(b.upper) for _, b in points), "points"
        ),
    )
    constants = ", ".join(f"{key} = {value}" for key, value in operators.constants.items())
    middle = Step(operators, steps[count // 2])
    claim = contraction.claim_for(middle)
    plot = Plot(
        claim.id, f"factor-{name}", f"Contraction factor over the step, {constants}", "step $h$", "factor", curves
    )
    result = contraction.assess(claim, middle)
    return [replace(result, plots=(plot,))]


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _tasks(size: str) -> list[Task]:
    chunks = [CASES[k : k + 8] for k in range(0, len(CASES), 8)]
    count = {"small": 22, "full": 66, "large": 660}[size]
    many = MANY[::3] if size == "small" else MANY
    return [
        *(Task(f"contraction: many steps, case {k + 1}", partial(_check_many, (case,))) for k, case in enumerate(many)),
        *(Task(f"contraction: cases {8 * k + 1} and on", partial(_check, chunk)) for k, chunk in enumerate(chunks)),
        *(
            Task(f"contraction: factor over h, {name}", partial(_sweep, name, cls, longest, count))
            for name, cls, longest in SWEPT
        ),
        Task("contraction: long and short steps", partial(_over_depth, 4 if size == "small" else 10)),
        Task("contraction: map of factors", partial(_map, CELLS[size])),
        Task("contraction: planted errors", _plant),
        Task("contraction: controls", _control),
    ]


SUITE = Suite(
    "contraction",
    "contraction factor of a step over classes of operators: attained, proved, certified",
    (
        *contraction.CLAIMS,
        contraction_map.MAP,
        *many_steps.CLAIMS,
        *map(planted, (*contraction.CLAIMS, contraction_map.MAP, *many_steps.CLAIMS)),
        controls.NOT_A_GRADIENT,
        controls.SPECTRAL_RADIUS,
        controls.LONG_STEP,
    ),
    _tasks,
)
