"""A black box as a run of `fbscheck check` holds it: numbers recomputed, the operator run again where it is there."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.audit.finding import Outcome
from fbscheck.audit.folder import Folder
from fbscheck.certify.kernel import Refusal
from fbscheck.checking.blackbox import UNSTEADY
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.confirm import certainly_attained, certainly_cyclic
from fbscheck.checking.description import digest
from fbscheck.checking.moreau import moreau, settled
from fbscheck.checking.potentials import Finding
from fbscheck.checking.questions import CYCLIC, NOTHING, STILL, Found, Question, answer
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.snippet import hexadecimal, snippet
from fbscheck.checking.stated import Stated, function_named
from fbscheck.checking.subject import Subject
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.store import Entry
from fbscheck.verdict import Claim, Evidence, Result, Rigour, Side, Verdict

__all__ = ["BlackBox", "point_of"]

Values = npt.NDArray[np.float64]
ROUNDING = 1e-12
"""How far a stated error may be, relatively, from what the run says of errors."""


@final
class BlackBox:
    """A black box: numbers from stored points, values and errors, and the values from the operator if it is there.

    ``missing`` says why it cannot be run again.
    """

    def __init__(self, subject: Subject, record: Mapping[str, Any], entries: Sequence[Entry], files: Folder) -> None:
        self.subject = subject
        self.error = [float.fromhex(record[name]) for name in ("accuracy", "absolute", "relative")]
        if not all(0 <= part < math.inf for part in self.error) or type(record["evaluations"]) is not int:
            raise Refusal("its errors or its evaluations are no numbers")
        self.method = f"the worst of {record['evaluations']} evaluations"
        if type(record["module"]) is not bool:
            raise Refusal("it does not say whether it is a module")
        self.module: bool = record["module"]
        self.values: dict[bytes, Values] = {}
        self.missing = _absent(record)
        if not self.missing:
            self._run([files.peek(entry.witness) for entry in entries if entry.witness is not None])

    def _run(self, witnesses: Sequence[Any]) -> None:
        """The values at all points that occur, from a fresh process."""
        lists = [w[name] for w in witnesses for name in ("x", "y") if name in w]
        lists += [point for w in witnesses for point in w.get("points", ())]
        if not lists:
            return
        x = np.column_stack([point_of(texts, self.subject.dimension) for texts in lists])
        try:
            with Sandbox(self.subject) as sandbox:
                images = sandbox.call_afresh(x)
        except Fault as fault:
            raise Refusal(f"when it is run again, it {fault}") from None
        self.values = {point.tobytes(): image for point, image in zip(x.T.copy(), images.T, strict=True)}

    def again(
        self, question: Question, entry: Entry, certificate: Any, witness: Any, _: Folder
    ) -> tuple[Result, Outcome, str]:
        """The result that the witness leads to."""
        if witness is None:
            nothing = -math.inf * CONSTANTS[question.constant].worse
            silence = entry.reason if entry.reason in (NOTHING, STILL, UNSTEADY) else NOTHING
            return answer(question, Found(nothing, None, "", silence=silence), entry.case), Outcome.STATED, "no pair"
        x, y, tx, ty = (point_of(witness[name], self.subject.dimension) for name in ("x", "y", "Tx", "Ty"))
        noise = self._noise(witness["noise"], [(x, tx), (y, ty)])
        number = certainly_attained(question.constant, x, y, tx, ty, noise)
        points = {name: hexadecimal(p) for name, p in zip(("x", "y", "Tx", "Ty"), (x, y, tx, ty), strict=True)}
        code = snippet(self.subject, question.constant, x, y, self.module)
        known = {"operator": self.subject.name, **points, "noise": noise.hex(), "snippet": code}
        found = Found(number, None, self.method, witness=known)
        return answer(question, found, entry.case), *self._replayed([(x, tx), (y, ty)])

    def gradient(
        self, question: Question, entry: Entry, witness: Any, firm: Result | None
    ) -> tuple[Result | None, Outcome, str]:
        """Of being a gradient or, with ``firm``, a proximal map: what cycles and pairs say."""
        if question.name != CYCLIC or "corners" in (witness or {}):
            return None, Outcome.STATED, "circulations are not integrated again"
        if witness is not None and "x" in witness:
            assert firm is not None
            x, y, tx, ty = (point_of(witness[name], self.subject.dimension) for name in ("x", "y", "Tx", "Ty"))
            result = settled(question.claim, entry.case, moreau(Finding(), firm))
            return result, *self._replayed([(x, tx), (y, ty)])
        return self._cycle(question.claim, entry, witness)

    def _cycle(self, claim: Claim, entry: Entry, witness: Any) -> tuple[Result, Outcome, str]:
        if witness is None:
            if not entry.evidence:
                return undecided(claim, entry.case, UNSTEADY), Outcome.STATED, "no cycle"
            method = "no cycle was found"
            evidence = Evidence(Side.ATTAINED, 0.0, Rigour.ENCLOSED, method)
            return decide(claim, entry.case, squeeze(0.0, (evidence,))), Outcome.STATED, "no cycle"
        size = self.subject.dimension
        points, images = (
            np.column_stack([point_of(texts, size) for texts in witness[name]]) for name in ("points", "images")
        )
        pairs = list(zip(points.T, images.T, strict=True))
        errors = [self._noise(text, [pair]) for text, pair in zip(witness["noise"], pairs, strict=True)]
        number = certainly_cyclic(points, images, np.array(errors))
        known = {
            "operator": self.subject.name,
            "points": [hexadecimal(x) for x in points.T],
            "images": [hexadecimal(x) for x in images.T],
            "noise": hexadecimal(np.array(errors)),
        }
        evidence = Evidence(Side.ATTAINED, number, Rigour.ENCLOSED, f"a cycle of {len(errors)} points")
        return decide(claim, entry.case, squeeze(0.0, (evidence,)), known), *self._replayed(pairs)

    def distance(self, title: str, entry: Entry, witness: Any) -> tuple[Claim | None, Result | None, Outcome, str]:
        """What `--prox-of` asks: the claim and the result that the witness leads to."""
        if witness is None:
            if entry.verdict is not Verdict.UNDECIDED or entry.evidence:
                raise Refusal(f"{entry.verdict.value} without a witness")
            return None, None, Outcome.STATED, "no point"
        text, step = str(witness["function"]), float.fromhex(witness["step"])
        if not title.startswith(f"Proximal map of {text}, step "):
            raise Refusal("its witness is about another function")
        if ":" in text:
            return None, None, Outcome.STATED, "a cvxpy function, which is not solved again"
        against = Stated(text, function_named(text), step)
        x, tx = (point_of(witness[name], self.subject.dimension) for name in ("x", "Tx"))
        noise = self._noise(witness["noise"], [(x, tx)])
        columns = x[:, None], tx[:, None], np.array([noise])
        number, _, _ = against.worst(self.subject.shape, *columns, 0.0)
        known = {
            "operator": self.subject.name,
            "function": text,
            "step": step.hex(),
            "x": hexadecimal(x),
            "Tx": hexadecimal(tx),
            "noise": noise.hex(),
        }
        method = _matching(r"the worst of \d+ samples, in ball arithmetic", entry)
        evidence = Evidence(Side.ATTAINED, number, Rigour.ENCLOSED, method)
        result = decide(against.claim, entry.case, squeeze(0.0, (evidence,)), known)
        return against.claim, result, *self._replayed([(x, tx)])

    def _noise(self, text: str, pairs: Sequence[tuple[Values, Values]]) -> float:
        """The stated error of values, which must be the one that the run says they have."""
        stated, absolute, relative = self.error
        noise = float.fromhex(text)
        sizes = sum(float(np.linalg.norm(x) + np.linalg.norm(tx)) for x, tx in pairs)
        mine = len(pairs) * (stated + absolute) + relative * sizes
        if not abs(noise - mine) <= ROUNDING * mine:
            raise Refusal(f"the error of its values is {mine!r}, not {noise!r}")
        return noise

    def _replayed(self, pairs: Sequence[tuple[Values, Values]]) -> tuple[Outcome, str]:
        """Whether the operator, run again, gave the stored values up to their errors."""
        for x, tx in pairs:
            if not (np.all(self.subject.low <= x) and np.all(x <= self.subject.high)):
                raise Refusal("one of its points is outside the domain")
            now = self.values.get(x.tobytes())
            if now is None:
                return Outcome.STATED, self.missing
            stated, absolute, relative = self.error
            slack = stated + absolute + relative * float(np.linalg.norm(x) + np.linalg.norm(tx))
            if not np.linalg.norm(now - tx) <= slack:
                raise Refusal("the operator, run again, gives other values")
        return Outcome.REPLAYED, ""


def _absent(record: Mapping[str, Any]) -> str:
    """Why the operator cannot be run again; nothing if it can."""
    place = str(record["target"]).rpartition(":")[0]
    if record["sha256"] is None:
        return "the operator is no function in a file, and was not run again"
    if not Path(place).resolve().is_relative_to(Path.cwd()):
        return f"the operator was not run again: {place} is not below this folder"
    if digest(record["target"]) is None:
        return f"the operator was not run again: there is no {place}"
    if digest(record["target"]) != record["sha256"]:
        return f"the operator was not run again: {place} has changed since"
    return ""


def point_of(texts: Any, size: int) -> Values:
    """A point from its hexadecimal texts, finite and of the right length."""
    values = np.array([float.fromhex(text) for text in texts])
    if values.shape != (size,) or not np.isfinite(values).all():
        raise Refusal(f"a point has {len(values)} entries instead of {size}, or one is not finite")
    return values


def _matching(pattern: str, entry: Entry) -> str:
    """The method of the only piece of evidence."""
    (evidence,) = entry.evidence
    if not re.fullmatch(pattern, evidence["method"]):
        raise Refusal("nobody obtains evidence in this way")
    return str(evidence["method"])
