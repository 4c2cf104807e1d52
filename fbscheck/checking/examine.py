"""Examines one operator: what it does wrong, which conditions it violates, how large its constants are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.archive import add
from fbscheck.checking import matrices
from fbscheck.checking.advice import advice
from fbscheck.checking.blackbox import UNSTEADY, BlackBox
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.description import of_formula, of_subject
from fbscheck.checking.expressions import Expression, certify
from fbscheck.checking.plots import Picture
from fbscheck.checking.questions import CYCLIC, Found, Question, answer
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.snippet import hexadecimal
from fbscheck.checking.stated import Stated
from fbscheck.checking.subject import Subject
from fbscheck.errors import InputError
from fbscheck.operators import Linear
from fbscheck.verdict import Claim, Result

__all__ = ["Examination", "examine", "name_of", "of_boxes", "of_matrix"]

Values = npt.NDArray[np.float64]
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
        name, size, (low, high) = name_of(subject), len(subject.symbols), box
        pairs = [(question, _of_expression(subject, question, box, budget / len(questions))) for question in questions]
        operator = of_formula(subject, low, high)
        evaluate: Callable[[Values], Values] = subject.values
    else:
        assert isinstance(subject.target, Linear)
        name, known = subject.name, of_matrix(subject.target.matrix)
        pairs = [(question, known[question.constant]) for question in questions]
        operator, evaluate = of_subject(subject, {}), subject.target
        size, low, high = subject.dimension, subject.low, subject.high
    results = tuple(answer(question, found, name) for question, found in pairs)
    remarks = advice({question.constant: found for question, found in pairs})
    with np.errstate(all="ignore"):
        picture = Picture(evaluate, lambda rng, count: rng.uniform(low, high, (size, count)), low, high, (size,))
    results = picture.drawn(questions, results)
    return Examination(results, tuple(question.claim for question in questions), 0, remarks, operator)


def name_of(expression: Expression) -> str:
    """What a run calls formulas."""
    return ", ".join(map(str, expression.components))


def of_matrix(matrix: Values) -> dict[str, Found]:
    """What is known of the constants of x -> Kx: both ends, digit for digit the same whenever it is asked."""
    found: dict[str, Found] = {}
    arrays: dict[str, Any] = {}
    certificate = {"kind": "matrix", "matrix": add(matrix, arrays)}
    for name, (low, high) in matrices.bracket(matrix).items():
        attained, certified = (low, high) if CONSTANTS[name].worse > 0 else (high, low)
        direction = matrices.extremal(matrix, name)
        witness = {"x": hexadecimal(direction), "y": hexadecimal(0 * direction)}
        found[name] = Found(
            attained,
            certified,
            "a singular or eigenvector",
            "exact or ball arithmetic",
            witness,
            certificate=certificate,
            arrays=arrays,
        )
    return found


def _of_expression(expression: Expression, question: Question, box: tuple[float, float], budget: float) -> Found:
    size, claim = len(expression.symbols), float("nan") if question.bound is None else question.bound
    bounds = certify(expression, [box[0]] * size, [box[1]] * size, {question.name: claim}, budget)[question.name]
    worse = CONSTANTS[question.constant].worse
    attained, certified = (bounds.lower, bounds.upper) if worse > 0 else (bounds.upper, bounds.lower)
    return of_boxes(attained, certified, bounds.boxes, bounds.witness, bounds.cover)


def of_boxes(
    attained: float,
    certified: float,
    boxes: int,
    pair: tuple[Sequence[float], Sequence[float]] | None,
    cover: tuple[Values, Values] | None,
) -> Found:
    """What a branch and bound found of a formula: the certified end on ``boxes`` boxes, the other by a ``pair``."""
    witness, certificate, arrays = None, None, dict[str, Any]()
    if pair is not None:
        witness = {name: hexadecimal(np.array(point)) for name, point in zip("xy", pair, strict=True)}
    if cover is not None:
        low, high = (add(corners, arrays) for corners in cover)
        certificate = {"kind": "boxes", "boxes": boxes, "low": low, "high": high}
    how = f"interval slopes on {boxes} boxes"
    pairs = "a pair of points, in ball arithmetic"
    return Found(attained, certified, pairs, how, witness, certificate=certificate, arrays=arrays)


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
        constants = [question for question in questions if question.name != CYCLIC]
        found = box.found([*constants, *(Question(name, None) for name in names)], worst)
        answers = (answer(question, one, subject.name) for question, one in zip(constants, found, strict=False))
        for question in questions:
            if question.name == CYCLIC:
                results.append(box.cycle(question.claim, budget / 4))
            else:
                results.append(next(answers))
        if against is not None:
            results.append(box.deviation(against))
        progress(100, 100, "searched")
        known = {name: one for name, one in zip(names, found[len(constants) :], strict=True) if one.witness is not None}
        picture = Picture(sandbox.call, box.points, subject.low, subject.high, subject.shape, box.affordable(budget))
        results = list(picture.drawn(questions, results))
    claims = [question.claim for question in questions] + ([against.claim] if against else [])
    dropped = (f"A counterexample was dropped: {UNSTEADY}.",) if any(r.reason == UNSTEADY for r in results) else ()
    remarks = (*dropped, *box.remarks, *advice(known))
    return Examination(tuple(results), tuple(claims), box.evaluations, remarks, box.operator)
