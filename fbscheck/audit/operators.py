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
from fbscheck.checking.questions import CYCLIC, Found, Question, answer, parse
from fbscheck.checking.subject import Subject
from fbscheck.errors import FbscheckError
from fbscheck.operators import Linear
from fbscheck.store import ClaimText, Entry, Run
from fbscheck.verdict import Claim, Result, Side, finite_or_none

__all__ = ["recheck_operator"]

Values = npt.NDArray[np.float64]
Progress = Callable[[int, int, str], None]
CHUNK = 4096
DOUBLE = np.dtype(np.float64)
FUNCTION = (
    *("kind", "shape", "low", "high", "target", "sha256", "parameters", "sampler", "accuracy"),
    *("absolute", "relative", "evaluations"),
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
    for done, (text, entry) in enumerate(zip(run.claims, run.results, strict=False), start=1):
        try:
            yield Finding(entry.claim, entry.case, *_check(operator, text, entry, files))
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
        return _Matrix(of_matrix(subject.target.matrix))  # type: ignore[union-attr]
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
    operator: "_Matrix | _Formula | BlackBox", text: ClaimText, entry: Entry, files: Folder
) -> tuple[Outcome, str]:
    certificate, witness = files.record(entry.certificate, "certificates"), files.record(entry.witness, "witnesses")
    files.arrays(certificate, witness)
    claim: Claim | None
    result: Result | None
    question = _question(entry)
    by_calls = isinstance(operator, BlackBox)
    if entry.claim == "prox_of" and not by_calls or question is not None and question.name == CYCLIC and not by_calls:
        return Outcome.STATED, "the audit does not recheck this of formulas and matrices"
    if question is None and entry.claim != "prox_of":
        return Outcome.STATED, "the audit does not recheck this condition"
    if question is None:
        assert isinstance(operator, BlackBox)
        claim, result, outcome, reason = operator.distance(text.title, entry, witness)
    else:
        claim = question.claim
        result, outcome, reason = operator.again(question, entry, certificate, witness, files)
    if claim is not None and text != store.text_of(claim):
        raise Refusal("this version states the condition otherwise")
    if result is not None:
        _compare(result, entry, certificate, witness)
    return outcome, reason


def _question(entry: Entry) -> Question | None:
    """The question that an entry answers, None if it is none of those known here."""
    name, bound = entry.claim, entry.theory
    if name not in BOUNDS and name != CYCLIC:
        return None
    (plain,) = (question for question in parse([name]) if question.name == name)
    if name in ("nonexpansive", "firmly_nonexpansive", CYCLIC) or bound == plain.bound:
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

    def __init__(self, known: Mapping[str, Found]) -> None:
        self.known = known

    def again(self, question: Question, entry: Entry, *_: Any) -> tuple[Result, Outcome, str]:
        """The result, recomputed."""
        return answer(question, self.known[question.constant], entry.case), Outcome.RECHECKED, ""


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
        worse = CONSTANTS[question.constant].worse
        size = len(self.expression.symbols)
        number, pair = -worse * math.inf, None
        if witness is not None:
            points = [point_of(witness[name], size) for name in "xy"]
            if any(not (self.low <= t <= self.high) for point in points for t in point):
                raise Refusal("a point of its pair is outside the domain")
            pair = (tuple(points[0].tolist()), tuple(points[1].tolist()))
            number = attained(self.expression, question.constant, *pair)
        bound, boxes, cover = worse * math.inf, 0, None
        if certificate is not None:
            cover = self._cover(certificate, files)
            bound, boxes = worse * self._worst(question, cover), certificate["boxes"]
        elif any(evidence["side"] == Side.CERTIFIED.value for evidence in entry.evidence):
            return None, Outcome.STATED, "it was certified by the radius, which is not rechecked"
        elif matched := re.search(r"interval slopes on (\d+) boxes", entry.reason):
            boxes = int(matched[1])
        if type(boxes) is not int or cover is not None and boxes < max(low.shape[1] for low, _ in cover):
            raise Refusal("it counts its boxes wrongly")
        why = ""
        if question.bound is not None:
            low, high = (np.full(size, end) for end in (self.low, self.high))
            why = proof(self.expression, question.constant, question.bound, low, high)
        found = of_boxes(number, bound, boxes, pair, cover, why)
        return answer(question, found, entry.case), Outcome.RECHECKED, ""

    def _cover(self, certificate: Any, files: Folder) -> tuple[Cover, ...]:
        """The boxes of the certificate, which cover the domain of every independent block."""
        assert self.expression is not None
        arrays, cover = files.arrays(certificate), []
        for (_, rows), record in zip(self.expression.blocks, certificate["covers"], strict=True):
            low, high = arrays[record["low"]], arrays[record["high"]]
            if not low.shape == high.shape == (len(rows), low.shape[-1]) or {low.dtype, high.dtype} != {DOUBLE}:
                raise Refusal("the corners of its boxes do not match")
            if not covers(np.full(len(rows), self.low), np.full(len(rows), self.high), low, high):
                raise Refusal("its boxes do not cover the domain")
            cover.append((low, high))
        return tuple(cover)

    def _worst(self, question: Question, cover: tuple[Cover, ...]) -> float:
        """The worst bound of any box of any block."""
        assert self.expression is not None
        aim = math.nan if question.bound is None else question.bound
        worst = -math.inf
        with np.errstate(all="ignore"):
            for (block, _), (low, high) in zip(self.expression.blocks, cover, strict=True):
                for k in range(0, low.shape[1], CHUNK):
                    part = slice(k, k + CHUNK)
                    scores = box_scores(block, question.constant, low[:, part], high[:, part], aim)
                    worst = max(worst, float(scores.max()))
        return worst
