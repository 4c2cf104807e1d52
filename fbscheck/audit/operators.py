"""Rechecks a run of `fbscheck check` from its files, and by running the operator once more.

* Matrices: the bracket of every constant is recomputed from the stored matrix.
* Formulas: they are rebuilt from data, which is never run as code.  The boxes of a certificate must cover
  the domain, and the bound is recomputed on each; pairs are evaluated again in balls.
* Black boxes: numbers are recomputed from the stored points, values and errors.  Where the operator's file
  is below the current folder and unchanged, it is run again in a fresh process and must give these values.
  What its values are worth, their stated or estimated error, remains an assumption.

From these numbers every verdict is judged again, and result, certificate and witness must be the ones that
follow, digit for digit.  Conditions that are not known here are never more than stated.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck import store
from fbscheck.audit.blackbox import BlackBox, point_of
from fbscheck.audit.cover import covers
from fbscheck.audit.finding import Finding, Outcome
from fbscheck.audit.folder import Folder
from fbscheck.certify.kernel import Refusal
from fbscheck.checking.affine import proof
from fbscheck.checking.analytic import name_of, of_boxes, of_matrix
from fbscheck.checking.conditions import BOUNDS, CONSTANTS
from fbscheck.checking.description import subject_of
from fbscheck.checking.expressions import Cover, Expression, attained, box_scores
from fbscheck.checking.formulas import described, rebuilt
from fbscheck.checking.moreau import gradient_of, moreau, settled
from fbscheck.checking.potentials import gradient_of_matrix
from fbscheck.checking.questions import CYCLIC, FIRM, GRADIENT, PLAIN, Question, answer, parse
from fbscheck.checking.radial import radii, radius_scores
from fbscheck.checking.subject import Subject
from fbscheck.errors import FbscheckError
from fbscheck.operators import Linear
from fbscheck.store import ClaimText, Entry, Run
from fbscheck.verdict import Claim, Result, finite_or_none

__all__ = ["recheck_operator"]

Values = npt.NDArray[np.float64]
Progress = Callable[[int, int, str], None]
Records = Callable[[str], tuple[Entry, Any, Any]]
CHUNK = 4096
FUNCTION = (
    *("kind", "shape", "low", "high", "target", "sha256", "parameters", "sampler", "accuracy"),
    *("absolute", "relative", "evaluations", "module"),
)
MALFORMED = (Refusal, FbscheckError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def recheck_operator(run: Run, files: Folder, progress: Progress) -> Iterator[Finding]:
    """One finding a result of a run of `fbscheck check`, and one on what it says besides."""
    try:
        operator = _operator(run, files)
    except MALFORMED as error:
        yield Finding("", store.RESULTS, Outcome.REFUSED, f"its operator: {error}")
        return
    stated, answered = [text.id for text in run.claims], [entry.claim for entry in run.results]
    if stated != answered or len(set(stated)) != len(stated):
        yield Finding("", store.RESULTS, Outcome.REFUSED, "its results are not those of the conditions it states")

    @cache
    def records(name: str) -> tuple[Entry, Any, Any]:
        """The entry of a condition with its certificate and witness; files are asked for each of these once."""
        (entry,) = (entry for entry in run.results if entry.claim == name)
        certificate = files.record(entry.certificate, "certificates")
        return entry, certificate, files.record(entry.witness, "witnesses")

    for done, (text, entry) in enumerate(zip(run.claims, run.results, strict=False), start=1):
        try:
            yield Finding(entry.claim, entry.case, *_check(operator, text, records, entry.claim, files))
        except Refusal as refusal:
            yield Finding(entry.claim, entry.case, Outcome.REFUSED, str(refusal))
        except MALFORMED as error:
            reason = f"it is incomplete or malformed: {type(error).__name__} {error}"
            yield Finding(entry.claim, entry.case, Outcome.REFUSED, reason)
        progress(done, len(run.results), entry.claim)
    if run.remarks:
        yield Finding("remarks", "", Outcome.STATED, "they are words, which are not rechecked")


def _operator(run: Run, files: Folder) -> "_Matrix | _Formula | BlackBox":
    record = run.operator or {}
    (name,) = {entry.case for entry in run.results}
    if record["kind"] == "matrix":
        _require_fields(record, "kind", "shape", "low", "high", "matrix")
        matrix = files.arrays(record)[record["matrix"]]
        subject = Subject(name, tuple(record["shape"]), *_domain(record), Linear(matrix))
        return _Matrix(subject.target.matrix)  # type: ignore[union-attr]
    if record["kind"] == "formula":
        _require_fields(record, "kind", "shape", "low", "high", "formula")
        if record["formula"] is None:
            return _Formula(None, 0.0, 0.0)
        expression = rebuilt(record["formula"])
        if described(expression) != record["formula"]:
            raise Refusal("its formulas are written in another form than fbscheck's")
        if name_of(expression) != name or record["shape"] != [len(expression.symbols)]:
            raise Refusal(f"its formulas are {name_of(expression)}, not {name}")
        return _Formula(expression, *_domain(record))
    if record["kind"] != "function":
        raise Refusal(f"it is of kind {record['kind']!r:.60}")
    _require_fields(record, *FUNCTION)
    return BlackBox(subject_of(record, name), record, run.results, files)


def _require_fields(record: Mapping[str, Any], *names: str) -> None:
    if set(record) != set(names):
        raise Refusal(f"it should have the fields {', '.join(names)}")


def _domain(record: Mapping[str, Any]) -> tuple[float, float]:
    low, high = float.fromhex(record["low"]), float.fromhex(record["high"])
    if not math.isfinite(high - low) or low >= high:
        raise Refusal(f"its domain is [{low}, {high}]")
    return low, high


def _check(
    operator: "_Matrix | _Formula | BlackBox", text: ClaimText, records: Records, name: str, files: Folder
) -> tuple[Outcome, str]:
    entry, certificate, witness = records(name)
    files.arrays(certificate, witness)
    claim: Claim | None
    result: Result | None
    question = _question(entry)
    if question is not None:
        claim = question.claim
        if question.constant in CONSTANTS:
            result, outcome, reason = operator.again(question, entry, certificate, witness, files)
        else:
            firm = operator.again(FIRM, *records(FIRM.name), files)[0] if question.name == CYCLIC else None
            result, outcome, reason = operator.gradient(question, entry, witness, firm)
    elif entry.claim == "prox_of" and isinstance(operator, BlackBox):
        claim, result, outcome, reason = operator.distance(text.title, entry, witness)
    else:
        return Outcome.STATED, "this audit does not know the condition"
    if claim is not None and text != store.text_of(claim):
        raise Refusal("this version states the condition otherwise")
    if result is not None:
        _compare(result, entry, certificate, witness)
    return outcome, reason


def _question(entry: Entry) -> Question | None:
    """The question that an entry answers, None if it is none of those known here."""
    name, bound = entry.claim, entry.theory
    if name not in BOUNDS and name not in (CYCLIC, GRADIENT):
        return None
    (plain,) = (question for question in parse([name]) if question.name == name)
    if name in PLAIN or bound == plain.bound:
        question = plain
    elif bound is None:
        question = Question(name, None)
    else:
        question = parse([f"{name}={bound!r}"])[0]
    if question.bound != bound or name == "contraction" and bound is None:
        raise Refusal(f"the bound is {question.bound!r}, not {bound!r}")
    return question


def _compare(mine: Result, theirs: Entry, certificate: Any, witness: Any) -> None:
    """The result must be the stated one in all it says, digit for digit."""
    bracket = mine.bracket
    pairs = {
        "verdict": (mine.verdict.value, theirs.verdict.value),
        "reason": (mine.reason, theirs.reason),
        "bound": (finite_or_none(bracket.theory), theirs.theory),
        "lower end": (finite_or_none(bracket.lower), theirs.lower),
        "upper end": (finite_or_none(bracket.upper), theirs.upper),
        "evidence": ([e.as_json() for e in bracket.evidence], [dict(e) for e in theirs.evidence]),
        "certificate": (bracket.certificate, certificate),
        "witness": (mine.witness, witness),
    }
    for what, (my, their) in pairs.items():
        if json.dumps(my, sort_keys=True) != json.dumps(their, sort_keys=True):
            shown = f" is {my!r}, not {their!r}" if what in ("verdict", "bound", "lower end", "upper end") else ""
            raise Refusal(f"the {what} that follows{shown or ' is another one'}")


@final
class _Matrix:
    """x -> Kx: every number comes from K."""

    def __init__(self, matrix: Values) -> None:
        self.matrix, self.known = matrix, of_matrix(matrix)

    def again(self, question: Question, entry: Entry, *_: Any) -> tuple[Result, Outcome, str]:
        """The result, recomputed."""
        return answer(question, self.known[question.constant], entry.case), Outcome.RECHECKED, ""

    def gradient(self, question: Question, entry: Entry, _: Any, firm: Result | None) -> tuple[Result, Outcome, str]:
        """Whether it is a gradient, or with ``firm`` a proximal map."""
        finding = gradient_of_matrix(self.matrix)
        finding = finding if firm is None else moreau(finding, firm)
        return settled(question.claim, entry.case, finding), Outcome.RECHECKED, ""


@final
class _Formula:
    """Formulas on a box: pairs in balls, bounds on the boxes of the certificate."""

    def __init__(self, expression: Expression | None, low: float, high: float) -> None:
        self.expression, self.low, self.high = expression, low, high

    def again(
        self, question: Question, entry: Entry, certificate: Any, witness: Any, files: Folder
    ) -> tuple[Result | None, Outcome, str]:
        """The result that certificate and witness lead to."""
        if self.expression is None:
            return None, Outcome.STATED, "the run does not hold its formulas"
        start, end = (np.full(len(self.expression.symbols), side) for side in (self.low, self.high))
        worse, why = CONSTANTS[question.constant].worse, ""
        number, pair = -worse * math.inf, None
        if witness is not None:
            points = [point_of(witness[name], len(start)) for name in "xy"]
            if any(not (self.low <= t <= self.high) for point in points for t in point):
                raise Refusal("a point of its pair is outside the domain")
            pair = (tuple(points[0].tolist()), tuple(points[1].tolist()))
            number = attained(self.expression, question.constant, *pair)
        if question.bound is not None:
            why = proof(self.expression, question.constant, question.bound, start, end)
        bound, boxes, parts = worse * math.inf, 0, []
        if certificate is not None:
            arrays, boxes = files.arrays(certificate), certificate["boxes"]
            for (block, rows), part in zip(self.expression.blocks, certificate["blocks"], strict=True):
                cover = Cover(part["kind"], arrays[part["low"]], arrays[part["high"]])
                parts.append((self._worst(question, block, cover, start[rows], end[rows]), cover))
            bound = worse * max(score for score, _ in parts)
        elif matched := re.search(r"interval slopes on (\d+) boxes", entry.reason):
            boxes = int(matched[1])
        if type(boxes) is not int or boxes < sum(cover.low.shape[1] for _, cover in parts if cover.kind == "boxes"):
            raise Refusal("it counts its boxes wrongly")
        found = of_boxes(number, bound, boxes, pair, [cover for _, cover in parts], why)
        return answer(question, found, entry.case), Outcome.RECHECKED, ""

    def _worst(self, question: Question, block: Expression, cover: Cover, start: Values, end: Values) -> float:
        """The worst score on a cover of the box from ``start`` to ``end`` (d,) of one block."""
        aim, low, high = math.nan if question.bound is None else question.bound, cover.low, cover.high
        if low.shape != high.shape or low.ndim != 2 or low.dtype != np.float64 or high.dtype != np.float64:
            raise Refusal("the corners of its boxes do not match")
        if cover.kind == "radii" and block.radial is not None:
            start, end = (np.array([radius]) for radius in radii(start, end))
        elif cover.kind != "boxes":
            raise Refusal(f"its cover is of kind {cover.kind!r:.60}")
        if len(low) != len(start) or not covers(start, end, low, high):
            raise Refusal("its boxes do not cover the domain")
        parts = [slice(k, k + CHUNK) for k in range(0, low.shape[1], CHUNK)]
        with np.errstate(all="ignore"):
            if cover.kind == "radii":
                assert block.radial is not None
                known = (block.radial, question.constant)
                scores = [radius_scores(*known, low[0, p], high[0, p], aim, start[0]).max() for p in parts]
            else:
                scores = [box_scores(block, question.constant, low[:, p], high[:, p], aim).max() for p in parts]
        return float(max(scores))

    def gradient(
        self, question: Question, entry: Entry, _: Any, firm: Result | None
    ) -> tuple[Result | None, Outcome, str]:
        """Whether they are a gradient, or with ``firm`` a proximal map; found out again."""
        if self.expression is None:
            return None, Outcome.STATED, "the run does not hold its formulas"
        start, end = (np.full(len(self.expression.symbols), side) for side in (self.low, self.high))
        finding = gradient_of(self.expression, start, end)
        finding = finding if firm is None else moreau(finding, firm)
        return settled(question.claim, entry.case, finding), Outcome.RECHECKED, ""
