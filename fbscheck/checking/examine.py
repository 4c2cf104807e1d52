"""Examines one operator: what it does wrong, which conditions it violates, how large its constants are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.checking import matrices
from fbscheck.checking.advice import advice
from fbscheck.checking.affine import proof
from fbscheck.checking.blackbox import BlackBox
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.expressions import Expression, certify
from fbscheck.checking.integral import Primitive, disagreement, integrated
from fbscheck.checking.moreau import agreement, gradient_of, moreau, settled
from fbscheck.checking.questions import CYCLIC, FIRM, GRADIENT, Found, Question, answer
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.snippet import hexadecimal
from fbscheck.checking.stated import Stated
from fbscheck.checking.subject import Subject
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
    primitive: Primitive | None = None,
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
    asked = [question for question in questions if question.constant in CONSTANTS]
    operator: Expression | Linear
    if isinstance(subject, Expression):
        operator = subject
        name, low, high = ", ".join(map(str, subject.components)), *(np.full(len(subject.symbols), t) for t in box)
        pairs = [(question, _of_expression(subject, question, box, budget / len(asked))) for question in asked]
    else:
        assert isinstance(subject.target, Linear)
        operator = subject.target
        name, low, high = subject.name, *(np.full(subject.dimension, t) for t in (subject.low, subject.high))
        known = _of_matrix(operator.matrix)
        pairs = [(question, known[question.constant]) for question in asked]
    answers = {question: answer(question, found, name) for question, found in pairs}
    if len(asked) < len(questions):
        finding = gradient_of(operator, low, high)
        for question in questions:
            if question.name == GRADIENT:
                answers[question] = settled(question.claim, name, finding)
            elif question.name == CYCLIC:
                answers[question] = settled(question.claim, name, moreau(finding, answers[FIRM]))
    results, claims = [answers[question] for question in questions], [question.claim for question in questions]
    if against is not None:
        against.check_dimension(len(low))
        results.append(settled(against.claim, name, agreement(operator, against, low, high, seed)))
        claims.append(against.claim)
    if primitive is not None:
        primitive.check_dimension(len(low))
        results.append(settled(primitive.claim, name, integrated(operator, primitive, low, high, seed, budget / 4)))
        claims.append(primitive.claim)
    remarks = advice({question.constant: found for question, found in pairs})
    return Examination(tuple(results), tuple(claims), 0, remarks)


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
    low, high = np.full(size, box[0]), np.full(size, box[1])
    why = "" if question.bound is None else proof(expression, question.constant, question.bound, low, high)
    budget = min(budget, 1.0) if why else budget
    bounds = certify(expression, low.tolist(), high.tolist(), {question.name: claim}, budget)[question.name]
    worse = CONSTANTS[question.constant].worse
    attained, certified = (bounds.lower, bounds.upper) if worse > 0 else (bounds.upper, bounds.lower)
    witness = None
    if bounds.witness is not None:
        witness = {name: hexadecimal(np.array(point)) for name, point in zip("xy", bounds.witness, strict=True)}
    how = f"interval slopes on {bounds.boxes} boxes"
    return Found(attained, certified, "a pair of points, in ball arithmetic", how, witness, why)


def _black_box(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | None,
    primitive: Primitive | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    if against is not None:
        against.check_dimension(subject.dimension)
    if primitive is not None:
        primitive.check_dimension(subject.dimension)
    try:
        return _searched(subject, questions, against, primitive, budget, seed, progress)
    except Fault as fault:
        raise Fault(fault.kind, f"{subject.name}: {fault}", fault.x) from None


def _searched(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | None,
    primitive: Primitive | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> Examination:
    results = []
    with np.errstate(all="ignore"), Sandbox(subject) as sandbox:
        box = BlackBox(subject, sandbox, np.random.default_rng(seed))
        names = dict.fromkeys(question.constant for question in questions if question.constant in CONSTANTS)
        loops = sum(question.constant not in CONSTANTS for question in questions) + (primitive is not None)
        share = 1.0 if not loops else 0.5 + 0.25 / loops if names else 0.0
        worst = box.search(
            list(names), budget * share, lambda part: progress(int(100 * part * share), 100, "searching")
        )
        for question in questions:
            if question.constant not in CONSTANTS:
                loop = box.cycle if question.name == CYCLIC else box.circulation
                results.append(decide(question.claim, subject.name, *loop(budget * (1 - share) / loops)))
            else:
                results.append(answer(question, box.found(question, worst), subject.name))
        if against is not None:
            apart, count, witness = box.deviation(against)
            how = f"the worst of {count} samples, in ball arithmetic"
            evidence = Evidence(Side.ATTAINED, apart, Rigour.ENCLOSED, how)
            results.append(decide(against.claim, subject.name, squeeze(0.0, (evidence,)), witness))
        if primitive is not None:
            share_left = budget * (1 - share) / loops
            finding = disagreement(subject, primitive, sandbox.call, box.points, box.noise, box.rng, share_left)
            results.append(settled(primitive.claim, subject.name, finding))
        progress(100, 100, "searched")
        known = {name: box.found(Question(name, None), worst) for name in names if name in worst}
    claims = [question.claim for question in questions]
    claims += [stated.claim for stated in (against, primitive) if stated is not None]
    return Examination(tuple(results), tuple(claims), box.evaluations, (*box.remarks, *advice(known)))
