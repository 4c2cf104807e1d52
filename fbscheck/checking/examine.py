"""Examines one operator: what it does wrong, which conditions it violates, how large its constants are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from fbscheck.checking.advice import advice
from fbscheck.checking.analytic import analyse
from fbscheck.checking.answers import Answers
from fbscheck.checking.blackbox import UNSTEADY, BlackBox
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.defined import Defined
from fbscheck.checking.expressions import Expression
from fbscheck.checking.plots import Picture
from fbscheck.checking.questions import CYCLIC, Question, answer
from fbscheck.checking.sandbox import Fault, Sandbox, patience
from fbscheck.checking.stated import Stated
from fbscheck.checking.steps import plot
from fbscheck.checking.subject import Subject
from fbscheck.operators import Linear
from fbscheck.verdict import Claim, Result

__all__ = ["Examination", "examine"]

Progress = Callable[[int, int, str], None]


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
        return _black_box(subject, questions, against, budget, seed, progress)
    return _told(questions, analyse(subject, questions, against, budget, seed, box))


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
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    if isinstance(against, Stated):
        against.check_dimension(subject.dimension)
    try:
        return _searched(subject, questions, against, budget, seed, progress)
    except Fault as fault:
        raise Fault(fault.kind, f"{subject.name}: {fault}", fault.x) from None


def _searched(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | Defined | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    constants = [question for question in questions if question.constant in CONSTANTS]
    names = list(dict.fromkeys(question.constant for question in constants))
    loops = len(questions) - len(constants)
    solved = 0.25 * isinstance(against, Defined)
    share = (1 - solved) * (1.0 if not loops else 0.5 + 0.25 / loops if names else 0.0)
    with np.errstate(all="ignore"), Sandbox(subject, patience(budget)) as sandbox:
        box = BlackBox(subject, sandbox, np.random.default_rng(seed))
        worst = box.search(names, budget * share, lambda part: progress(int(100 * part * share), 100, "searching"))
        found = box.found([*constants, *(Question(name, None) for name in names)], worst)
        answered = {one: answer(one, what, subject.name) for one, what in zip(constants, found, strict=False)}
        for question in questions:
            if question.constant not in CONSTANTS:
                loop = box.cycle if question.name == CYCLIC else box.circulation
                answered[question] = loop(question.claim, budget * (1 - share - solved) / loops)
        results, claims = [answered[question] for question in questions], [question.claim for question in questions]
        if against is not None:
            results.append(box.deviation(against, budget * solved))
            claims.append(against.claim)
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
