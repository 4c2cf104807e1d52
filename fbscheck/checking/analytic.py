"""What can be said of an operator given by formulas or by a matrix: proved and certified, on the whole domain."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.archive import add
from fbscheck.checking import matrices
from fbscheck.checking.affine import proof
from fbscheck.checking.answers import Answers
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.defined import Defined
from fbscheck.checking.description import of_formula, of_subject
from fbscheck.checking.expressions import Cover, Expression, certify
from fbscheck.checking.integral import Primitive, integrated
from fbscheck.checking.moreau import agreement, gradient_of, moreau, settled
from fbscheck.checking.points import Domain
from fbscheck.checking.questions import CYCLIC, FIRM, GRADIENT, Found, Question, answer
from fbscheck.checking.snippet import hexadecimal
from fbscheck.checking.stated import Stated
from fbscheck.checking.subject import Subject
from fbscheck.operators import Linear

__all__ = ["analyse", "name_of", "of_boxes", "of_matrix"]

Values = npt.NDArray[np.float64]


def analyse(
    subject: Subject | Expression,
    questions: Sequence[Question],
    against: Stated | Defined | None,
    primitive: Primitive | None,
    budget: float,
    seed: int,
    box: tuple[float, float],
) -> Answers:
    """Answers about formulas on ``box``, or about a matrix, within about ``budget`` seconds."""
    asked = [question for question in questions if question.constant in CONSTANTS]
    operator: Expression | Linear
    evaluate: Callable[[Values], Values]
    if isinstance(subject, Expression):
        operator, evaluate, name, size = subject, subject.values, name_of(subject), len(subject.symbols)
        record = of_formula(subject, *box)
        found = {question: _of_expression(subject, question, box, budget / len(asked)) for question in asked}
    else:
        assert isinstance(subject.target, Linear)
        operator, evaluate, name, size = subject.target, subject.target, subject.name, subject.dimension
        record, box = of_subject(subject, {}), (subject.low, subject.high)
        known = of_matrix(operator.matrix)
        found = {question: known[question.constant] for question in asked}
    answers = {question: answer(question, one, name) for question, one in found.items()}
    low, high = (np.full(size, end) for end in box)
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
            against.check_dimension(size)
        results.append(settled(against.claim, name, agreement(operator, against, low, high, seed, budget / 4)))
        claims.append(against.claim)
    if primitive is not None:
        primitive.check_dimension(size)
        results.append(settled(primitive.claim, name, integrated(operator, primitive, low, high, seed, budget / 4)))
        claims.append(primitive.claim)
    return Answers(
        tuple(results),
        tuple(claims),
        {question.constant: one for question, one in found.items()},
        gradient=size == 1 or isinstance(operator, Linear) and operator.is_gradient,
        record=record,
        evaluate=evaluate,
        domain=Domain(*box, size, lambda rng, count: rng.uniform(*box, (size, count))),
        shape=(size,),
    )


def name_of(expression: Expression) -> str:
    """What a run calls formulas; the order of the symbols is told where it is not that of the alphabet."""
    text = ", ".join(map(str, expression.components))
    free = set().union(*(component.free_symbols for component in expression.components))
    usual = list(expression.symbols) == sorted(free, key=str)
    return text if usual else f"({', '.join(map(str, expression.symbols))}) -> {text}"


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
    return of_boxes(attained, certified, bounds.boxes, bounds.witness, bounds.covers, why)


def of_boxes(
    attained: float,
    certified: float,
    boxes: int,
    pair: tuple[Sequence[float], Sequence[float]] | None,
    covers: Sequence[Cover],
    proof: str = "",
) -> Found:
    """What a branch and bound found of a formula: the certified end on ``boxes`` boxes, the other by a ``pair``."""
    witness, arrays = None, dict[str, Any]()
    if pair is not None:
        witness = {name: hexadecimal(np.array(point)) for name, point in zip("xy", pair, strict=True)}
    blocks = [{"kind": c.kind, "low": add(c.low, arrays), "high": add(c.high, arrays)} for c in covers]
    certificate = {"kind": "boxes", "boxes": boxes, "blocks": blocks}
    how = f"interval slopes on {boxes} boxes"
    pairs = "a pair of points, in ball arithmetic"
    return Found(attained, certified, pairs, how, witness, proof=proof, certificate=certificate, arrays=arrays)
