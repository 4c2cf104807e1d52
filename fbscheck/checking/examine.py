"""Examines one operator: what it does wrong, which conditions it violates, how large its constants are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.checking import matrices
from fbscheck.checking.advice import advice
from fbscheck.checking.blackbox import BlackBox
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.expressions import Expression, certify
from fbscheck.checking.questions import CYCLIC, Found, Question, answer
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.snippet import hexadecimal
from fbscheck.checking.stated import Stated
from fbscheck.checking.steps import plot
from fbscheck.checking.subject import Subject
from fbscheck.errors import InputError
from fbscheck.judge import decide, squeeze
from fbscheck.operators import Linear
from fbscheck.verdict import Claim, Evidence, Result, Rigour, Side

__all__ = ["Examination", "examine"]

Values = npt.NDArray[np.float64]
Progress = Callable[[int, int, str], None]


@final
@dataclass(frozen=True)
class Examination:
    """The results in the order of their claims, what was spent, and remarks in plain words."""

    results: tuple[Result, ...]
    claims: tuple[Claim, ...]
    evaluations: int
    remarks: tuple[str, ...]


def examine(
    subject: Subject | Expression,
    questions: Sequence[Question],
    against: Stated | None = None,
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
    if against is not None or any(question.name == CYCLIC for question in questions):
        raise InputError("Need a function for prox and --prox-of, got a formula or a matrix; wrap it in a function.")
    if isinstance(subject, Expression):
        name, size = ", ".join(map(str, subject.components)), len(subject.symbols)
        pairs = [(question, _of_expression(subject, question, box, budget / len(questions))) for question in questions]
    else:
        assert isinstance(subject.target, Linear)
        name, size, constants = subject.name, subject.dimension, _of_matrix(subject.target.matrix)
        pairs = [(question, constants[question.constant]) for question in questions]
    results = tuple(answer(question, found, name) for question, found in pairs)
    known = {question.constant: found for question, found in pairs}
    gradient = size == 1 or isinstance(subject, Subject) and _symmetric(subject.target)
    remarks, results = advice(known, gradient), _with_steps(results, known, gradient)
    return Examination(results, tuple(question.claim for question in questions), 0, remarks)


def _symmetric(target: object) -> bool:
    return isinstance(target, Linear) and np.array_equal(target.matrix, target.matrix.T)


def _with_steps(results: tuple[Result, ...], known: Mapping[str, Found], gradient: bool) -> tuple[Result, ...]:
    """The first result with the figure of the factor of a step, if there is one."""
    figure = plot(known, gradient, results[0].claim) if results else None
    return results if figure is None else (replace(results[0], plots=(*results[0].plots, figure)), *results[1:])


def _of_matrix(matrix: Values) -> dict[str, Found]:
    found = {}
    for name, (low, high) in matrices.bracket(matrix).items():
        attained, certified = (low, high) if CONSTANTS[name].worse > 0 else (high, low)
        direction = matrices.extremal(matrix, name)
        witness = {"x": hexadecimal(direction), "y": hexadecimal(0 * direction)}
        found[name] = Found(attained, certified, "a singular or eigenvector", "exact or ball arithmetic", witness)
    return found


def _of_expression(expression: Expression, question: Question, box: tuple[float, float], budget: float) -> Found:
    size, claim = len(expression.symbols), float("nan") if question.bound is None else question.bound
    bounds = certify(expression, [box[0]] * size, [box[1]] * size, {question.name: claim}, budget)[question.name]
    worse = CONSTANTS[question.constant].worse
    attained, certified = (bounds.lower, bounds.upper) if worse > 0 else (bounds.upper, bounds.lower)
    witness = None
    if bounds.witness is not None:
        witness = {name: hexadecimal(np.array(point)) for name, point in zip("xy", bounds.witness, strict=True)}
    how = f"interval slopes on {bounds.boxes} boxes"
    return Found(attained, certified, "a pair of points, in ball arithmetic", how, witness)


def _black_box(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    if against is not None:
        against.check_dimension(subject.dimension)
    try:
        return _searched(subject, questions, against, budget, seed, progress)
    except Fault as fault:
        raise Fault(fault.kind, f"{subject.name}: {fault}", fault.x) from None


def _searched(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    results = []
    with np.errstate(all="ignore"), Sandbox(subject) as sandbox:
        box = BlackBox(subject, sandbox, np.random.default_rng(seed))
        names = dict.fromkeys(question.constant for question in questions if question.name != CYCLIC)
        cycles = any(question.name == CYCLIC for question in questions)
        share = 0.75 if cycles else 1.0
        worst = box.search(
            list(names), budget * share, lambda part: progress(int(100 * part * share), 100, "searching")
        )
        for question in questions:
            if question.name == CYCLIC:
                results.append(decide(question.claim, subject.name, *box.cycle(budget / 4)))
            else:
                results.append(answer(question, box.found(question, worst), subject.name))
        if against is not None:
            apart, count, witness = box.deviation(against)
            how = f"the worst of {count} samples, in ball arithmetic"
            evidence = Evidence(Side.ATTAINED, apart, Rigour.ENCLOSED, how)
            results.append(decide(against.claim, subject.name, squeeze(0.0, (evidence,)), witness))
        progress(100, 100, "searched")
        known = {name: box.found(Question(name, None), worst) for name in names if name in worst}
    claims = [question.claim for question in questions] + ([against.claim] if against else [])
    gradient = subject.dimension == 1
    kept = _with_steps(tuple(results), known, gradient)
    return Examination(kept, tuple(claims), box.evaluations, (*box.remarks, *advice(known, gradient)))
