"""Examines one operator: what it does wrong, which conditions it violates, how large its constants are."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.checking.advice import advice
from fbscheck.checking.analytic import analyse
from fbscheck.checking.answers import Answers
from fbscheck.checking.blackbox import UNSTEADY, BlackBox
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.defined import Defined
from fbscheck.checking.expressions import Expression
from fbscheck.checking.integral import Primitive, disagreement
from fbscheck.checking.moreau import moreau, settled
from fbscheck.checking.plots import Picture
from fbscheck.checking.potentials import Finding
from fbscheck.checking.questions import CYCLIC, FIRM, GRADIENT, Question, answer
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.stated import Stated
from fbscheck.checking.steps import plot
from fbscheck.checking.subject import Subject
from fbscheck.operators import Linear
from fbscheck.verdict import Claim, Result, Verdict

__all__ = ["Examination", "examine"]

Values = npt.NDArray[np.float64]
Progress = Callable[[int, int, str], None]
SHOWN = 8


@final
@dataclass(frozen=True)
class Examination:
    """The results in the order of their claims, what was spent, remarks in plain words, what was examined.

    ``operator`` describes it for the folder of a run (:mod:`fbscheck.checking.description`).
    """

    results: tuple[Result, ...]
    claims: tuple[Claim, ...]
    evaluations: int
    remarks: tuple[str, ...]
    operator: Mapping[str, Any] = field(default_factory=dict)


def examine(
    subject: Subject | Expression,
    questions: Sequence[Question],
    against: Stated | Defined | None = None,
    primitive: Primitive | None = None,
    budget: float = 20.0,
    seed: int = 0,
    box: tuple[float, float] = (-1.0, 1.0),
    progress: Progress = lambda *_: None,
) -> Examination:
    """Answer ``questions`` about an operator within about ``budget`` seconds; ``box`` is for expressions.

    Raises
    ------
    Fault
        If the operator raises, hangs, is random, or returns what is no point of its space.
    InputError
        If something is asked that this kind of operator cannot answer.
    """
    if isinstance(subject, Subject) and not isinstance(subject.target, Linear):
        return _black_box(subject, questions, against, primitive, budget, seed, progress)
    return _told(questions, analyse(subject, questions, against, primitive, budget, seed, box))


def _told(questions: Sequence[Question], answers: Answers) -> Examination:
    """The answers with their figures and with what follows from them."""
    with np.errstate(all="ignore"):
        picture = Picture(answers.evaluate, answers.domain, answers.shape, answers.pairs)
        results = picture.drawn(questions, answers.results)
    curve = plot(answers.known, answers.gradient, results[0].claim)
    if curve is not None:
        results = (replace(results[0], plots=(*results[0].plots, curve)), *results[1:])
    remarks = (*answers.remarks, *advice(answers.known, answers.gradient))
    return Examination(results, answers.claims, answers.evaluations, remarks, answers.record)


def _black_box(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | Defined | None,
    primitive: Primitive | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    if isinstance(against, Stated):
        against.check_dimension(subject.dimension)
    if primitive is not None:
        primitive.check_dimension(subject.dimension)
    try:
        return _searched(subject, questions, against, primitive, budget, seed, progress)
    except Fault as fault:
        raise Fault(fault.kind, f"{subject.name}: {fault}{_where(fault.x)}", fault.x) from None


def _where(x: Values | None) -> str:
    """The point of a fault, as far as it fits into a line."""
    if x is None or (len(x) > SHOWN and x.any()):
        return "" if x is None else f" at an x with entries from {x.min():.6g} to {x.max():.6g}"
    return " at x = 0" if not x.any() else f" at x = [{', '.join(repr(t) for t in x.tolist())}]"


def _searched(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | Defined | None,
    primitive: Primitive | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    begun = time.monotonic()
    constants = [question for question in questions if question.constant in CONSTANTS]
    names = list(dict.fromkeys(question.constant for question in constants))
    parts = len(questions) - len(constants) + (primitive is not None) + isinstance(against, Defined)
    share = 1.0 if not parts else 0.5 + 0.25 / parts if names else 0.0
    with np.errstate(all="ignore"), Sandbox(subject) as sandbox:
        box = BlackBox(subject, sandbox, np.random.default_rng(seed), budget)
        left = max(budget / 4, budget - (time.monotonic() - begun))
        part = left * (1 - share) / max(parts, 1)
        batched = sandbox.batched
        worst = box.search(constants, left * share, lambda done: progress(int(100 * done * share), 100, "searching"))
        asked = [*constants, *(Question(name, None) for name in names)]
        found = box.found(asked, worst)
        if batched and any(one.silence == UNSTEADY for one in found):
            sandbox.batched = False
            worst = box.search(constants, left * share / 2, lambda done: progress(99, 100, "searching without batches"))
            found = box.found(asked, worst)
        answered = {one: answer(one, what, subject.name) for one, what in zip(constants, found, strict=False)}
        for question in questions:
            if question.name == GRADIENT:
                answered[question] = box.circulation(question.claim, part)
            elif question.name == CYCLIC:
                answered[question] = _moreau(box, question.claim, answered[FIRM], part)
        results, claims = [answered[question] for question in questions], [question.claim for question in questions]
        if against is not None:
            results.append(box.deviation(against, part))
            claims.append(against.claim)
        if primitive is not None:
            finding = disagreement(subject, primitive, box.map, box.rng, part, box.module)
            results.append(settled(primitive.claim, subject.name, finding))
            claims.append(primitive.claim)
        progress(100, 100, "searched")
        unsteady = any(result.reason == UNSTEADY for result in results)
        dropped = (f"A counterexample was dropped: {UNSTEADY}.",) if unsteady else ()
        answers = Answers(
            tuple(results),
            tuple(claims),
            {name: one for name, one in zip(names, found[len(constants) :], strict=True) if one.witness is not None},
            gradient=subject.dimension == 1,
            record=box.operator,
            evaluate=sandbox.call,
            domain=box.map.domain,
            shape=subject.shape,
            pairs=box.affordable(budget),
            evaluations=box.evaluations,
            remarks=(*dropped, *box.remarks),
        )
        return _told(questions, answers)


def _moreau(box: BlackBox, claim: Claim, firm: Result, seconds: float) -> Result:
    """Whether T is a proximal map: refuted by a pair, by a cycle, or by a circulation."""
    if firm.verdict is Verdict.REFUTED:
        return settled(claim, firm.case, moreau(Finding(), firm))
    cycle = box.cycle(claim, seconds / 2)
    if cycle.verdict is Verdict.REFUTED:
        return cycle
    turning = box.circulation(claim, seconds / 2)
    return turning if turning.verdict is Verdict.REFUTED else cycle
