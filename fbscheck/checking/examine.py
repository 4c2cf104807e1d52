"""Examines one operator: what it does wrong, which conditions it violates, how large its constants are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.archive import add
from fbscheck.checking import matrices
from fbscheck.checking.advice import advice
from fbscheck.checking.affine import proof
from fbscheck.checking.blackbox import UNSTEADY, BlackBox
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.defined import Defined
from fbscheck.checking.description import of_formula, of_subject
from fbscheck.checking.expressions import Expression, certify
from fbscheck.checking.moreau import agreement, gradient_of, moreau, settled
from fbscheck.checking.plots import Picture
from fbscheck.checking.points import Domain, Points
from fbscheck.checking.questions import CYCLIC, FIRM, GRADIENT, Found, Question, answer
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.snippet import hexadecimal
from fbscheck.checking.stated import Stated
from fbscheck.checking.steps import plot
from fbscheck.checking.subject import Subject
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
    asked = [question for question in questions if question.constant in CONSTANTS]
    operator: Expression | Linear
    evaluate: Callable[[Values], Values]
    if isinstance(subject, Expression):
        operator, evaluate, size = subject, subject.values, len(subject.symbols)
        record = of_formula(subject, *box)
        name, low, high = name_of(subject), *(np.full(len(subject.symbols), t) for t in box)
        pairs = [(question, _of_expression(subject, question, box, budget / len(asked))) for question in asked]
    else:
        assert isinstance(subject.target, Linear)
        operator, evaluate, size = subject.target, subject.target, subject.dimension
        record = of_subject(subject, {})
        name, low, high = subject.name, *(np.full(subject.dimension, t) for t in (subject.low, subject.high))
        known = of_matrix(operator.matrix)
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
        if isinstance(against, Stated):
            against.check_dimension(len(low))
        results.append(settled(against.claim, name, agreement(operator, against, low, high, seed, budget / 4)))
        claims.append(against.claim)
    known = {question.constant: found for question, found in pairs}
    gradient = len(low) == 1 or isinstance(operator, Linear) and operator.is_gradient
    kept = _with_steps(tuple(results), known, gradient)
    with np.errstate(all="ignore"):
        picture = Picture(evaluate, Domain(low[0], high[0], size, _uniform(low, high)), (size,))
    kept = picture.drawn(questions, kept)
    return Examination(kept, tuple(claims), 0, advice(known, gradient), record)


def _uniform(low: Values, high: Values) -> Points:
    return lambda rng, count: rng.uniform(low[:, None], high[:, None], (len(low), count))


def _with_steps(results: tuple[Result, ...], known: Mapping[str, Found], gradient: bool) -> tuple[Result, ...]:
    """The first result with the figure of the factor of a step, if there is one."""
    figure = plot(known, gradient, results[0].claim) if results else None
    return results if figure is None else (replace(results[0], plots=(*results[0].plots, figure)), *results[1:])


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
    low, high = np.full(size, box[0]), np.full(size, box[1])
    why = "" if question.bound is None else proof(expression, question.constant, question.bound, low, high)
    budget = min(budget, 1.0) if why else budget
    bounds = certify(expression, low.tolist(), high.tolist(), {question.name: claim}, budget)[question.name]
    worse = CONSTANTS[question.constant].worse
    attained, certified = (bounds.lower, bounds.upper) if worse > 0 else (bounds.upper, bounds.lower)
    return of_boxes(attained, certified, bounds.boxes, bounds.witness, bounds.cover, why)


def of_boxes(
    attained: float,
    certified: float,
    boxes: int,
    pair: tuple[Sequence[float], Sequence[float]] | None,
    cover: tuple[Values, Values] | None,
    proof: str = "",
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
    return Found(attained, certified, pairs, how, witness, proof=proof, certificate=certificate, arrays=arrays)


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
    results = []
    with np.errstate(all="ignore"), Sandbox(subject) as sandbox:
        box = BlackBox(subject, sandbox, np.random.default_rng(seed))
        names = dict.fromkeys(question.constant for question in questions if question.constant in CONSTANTS)
        loops = sum(question.constant not in CONSTANTS for question in questions)
        solved = 0.25 * isinstance(against, Defined)
        share = 1.0 - solved if not loops else (0.5 + 0.25 / loops) * (1 - solved) if names else 0.0
        worst = box.search(
            list(names), budget * share, lambda part: progress(int(100 * part * share), 100, "searching")
        )
        constants = [question for question in questions if question.constant in CONSTANTS]
        found = box.found([*constants, *(Question(name, None) for name in names)], worst)
        answers = (answer(question, one, subject.name) for question, one in zip(constants, found, strict=False))
        for question in questions:
            if question.constant not in CONSTANTS:
                loop = box.cycle if question.name == CYCLIC else box.circulation
                results.append(loop(question.claim, budget * (1 - share - solved) / loops))
            else:
                results.append(next(answers))
        if against is not None:
            results.append(box.deviation(against, budget / 4))
        progress(100, 100, "searched")
        known = {name: one for name, one in zip(names, found[len(constants) :], strict=True) if one.witness is not None}
        picture = Picture(sandbox.call, box.map.domain, subject.shape, box.affordable(budget))
        results = list(picture.drawn(questions, results))
    claims = [question.claim for question in questions] + ([against.claim] if against else [])
    dropped = (f"A counterexample was dropped: {UNSTEADY}.",) if any(r.reason == UNSTEADY for r in results) else ()
    gradient = subject.dimension == 1
    kept = _with_steps(tuple(results), known, gradient)
    remarks = (*dropped, *box.remarks, *advice(known, gradient))
    return Examination(kept, tuple(claims), box.evaluations, remarks, box.operator)
