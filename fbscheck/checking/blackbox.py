"""A black box under examination: samples, the error of its outputs, worst pairs, cycles, deviations."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.checking.circulation import around, circulating
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.confirm import certainly_attained, certainly_cyclic
from fbscheck.checking.cycles import cyclic
from fbscheck.checking.defined import Defined
from fbscheck.checking.derivatives import disagreement
from fbscheck.checking.description import of_subject
from fbscheck.checking.plots import PAIRS
from fbscheck.checking.points import Domain, Hull
from fbscheck.checking.questions import NOTHING, STILL, Found, Question
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.search import Enough, search
from fbscheck.checking.shorten import minimise
from fbscheck.checking.snippet import circulation_snippet, hexadecimal, snippet
from fbscheck.checking.stated import Stated
from fbscheck.checking.subject import Subject
from fbscheck.checking.trials import NoisyMap, Pair
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.verdict import Claim, Evidence, Result, Rigour, Side

__all__ = ["UNSTEADY", "BlackBox"]

Values = npt.NDArray[np.float64]

ULP = 2.0**-53
PROBES, QUICK = 64, 0.01
"""Points at which errors are estimated, and the seconds of a call up to which they do not count."""
SAFETY = 8.0
"""How much larger than 9 of 10 observed changes under rounding the error of an output is taken to be."""
LINES, SPACING = 12, 1e-7
"""Short lines on which noise is looked for, and the part of the box between two of their five points."""
FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
ROUGHEST = 1e-4
"""The largest error, relative to |x| + |Tx|, that is taken for noise rather than for what the operator is."""
SAMPLES = 4096
LOST, STEEP = 0.005, 100.0
"""What part of a violation a short pair may lose, and how large a quotient may be relative to its bound for that."""
GAIN = 0.01
"""By what part of itself a round must make a violation worse for a search to go on."""
FEW = 200
"""Calls that a search should have."""
UNSTEADY = "the operator answers differently in a fresh process than in the search (does it keep a state?)"
"""Why a pair, a cycle or a deviation counts for nothing."""


@final
class BlackBox:
    """An operator in its sandbox, and what is assumed of its outputs.

    Each is taken to be exact up to ``accuracy`` plus a relative error, which is estimated from how much
    the outputs change when the inputs change by an ulp or so of the type that is returned.  Where no
    accuracy is stated, noise that cancellation or single precision inside leaves is estimated, too.
    """

    def __init__(self, subject: Subject, sandbox: Sandbox, rng: np.random.Generator, budget: float = math.inf) -> None:
        self.subject, self.sandbox, self.rng, self.evaluations = subject, sandbox, rng, 0
        region = Domain if subject.sampler is None else Hull
        domain = region(subject.low, subject.high, subject.dimension, self.points)
        self.map = NoisyMap(domain, sandbox.call, self.noise)
        examined = sandbox.examine()
        dtype, self._seconds = np.dtype(examined.dtype), examined.seconds_per_call
        ulp = max(ULP, float(np.finfo(dtype).eps) / 2) if dtype.kind == "f" else ULP
        probes = PROBES if self._seconds < QUICK else int(min(PROBES, max(4.0, 0.05 * budget / self._seconds)))
        self.relative = self._rounding(probes, ulp)
        self.absolute = 0.0 if subject.accuracy else self._roughness(min(LINES, probes // 4))
        self.derivable = sandbox.has_derivative
        self.told: tuple[str, ...] = (sandbox.remark,) if sandbox.remark else ()
        if self._seconds * FEW > budget:
            self.told += (f"T takes {self._seconds:.2g} s a call: a budget of {budget:g} s pays for few of them.",)
        if self.derivable:
            self._take_derivative()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the user should know about the error that the outputs are taken to have."""
        if self.absolute == 0:
            return self.told
        return (
            *self.told,
            f"The values are rough at a level of {self.absolute:.1e}, which is taken for their error; "
            "with --accuracy you say what it is.",
        )

    @property
    def module(self) -> bool:
        """Whether it is a torch module."""
        return bool(self.sandbox.remark)

    @property
    def operator(self) -> dict[str, Any]:
        """What a run says of it, with the error that its values are taken to have."""
        error = {"absolute": self.absolute.hex(), "relative": self.relative.hex()}
        return {**of_subject(self.subject, {}), **error, "evaluations": self.evaluations, "module": self.module}

    def affordable(self, budget: float) -> int:
        """How many pairs of each kind the figures may take: a tenth of the budget."""
        return max(2, min(PAIRS, int(0.1 * budget / 4 / max(self._seconds, 1e-6))))

    def points(self, rng: np.random.Generator, count: int) -> Values:
        """Points of the domain as columns, by the user's sampler or uniform in the box."""
        return self.sandbox.sample(count, int(rng.integers(2**31)))

    def noise(self, x: Values, tx: Values) -> Values:
        """A bound on the error of each column of ``tx``."""
        size = np.linalg.norm(x, axis=0) + np.linalg.norm(tx, axis=0)
        return np.asarray(self.subject.accuracy + self.absolute + self.relative * size)

    def _take_derivative(self) -> None:
        """Let the operator's own derivative guide the search if it stands comparison with differences."""
        try:
            wrong = disagreement(self.map, self.sandbox.slopes, np.random.default_rng(0))
        except Fault as fault:
            wrong = f"it {fault}"
            self.sandbox.call(np.full((self.subject.dimension, 1), self.subject.low))
        if wrong is None:
            self.map = replace(self.map, derivative=self._derivative)
        else:
            self.told = (*self.told, f"The JVP that came with T is not used: {wrong}.")

    def _derivative(self, x: Values, v: Values) -> Values:
        """T'(x) v; NaN once that went wrong."""
        if self.derivable:
            try:
                return self.sandbox.slopes(x, v)
            except Fault as fault:
                self.derivable = False
                self.told = (*self.told, f"The JVP that came with T is not used any more: it {fault}.")
        return np.full(x.shape, np.nan)

    def _rounding(self, count: int, ulp: float) -> float:
        """How much the values change, relatively, when the points do by an ulp or so."""
        x = self.points(self.rng, count)
        moved = self.map.domain.jittered(self.rng, x, ulp)
        tx, other = self.sandbox.call(x), self.sandbox.call(moved)
        size = np.linalg.norm(x, axis=0) + np.linalg.norm(tx, axis=0)
        change = np.linalg.norm(tx - other, axis=0) / np.where(size > 0, size, 1.0)
        return max(16 * ulp, SAFETY * float(np.quantile(change, 0.9)))

    def _roughness(self, count: int) -> float:
        """Noise that ulps do not show, by fourth differences (Moré and Wild 2011); 0 if there is no more than those."""
        x, step = self.map.domain.short_lines(self.rng, count, SPACING)
        line = x[:, :, None] + step[:, :, None] * (np.arange(len(FOURTH)) / 2 - 1)
        image = self.sandbox.call(line.reshape(len(x), -1)).reshape(line.shape)
        size = np.linalg.norm(x, axis=0) + np.linalg.norm(image[:, :, 0], axis=0)
        rough = np.linalg.norm(image @ FOURTH, axis=0) / np.linalg.norm(FOURTH)
        noise, typical = SAFETY * float(np.quantile(rough, 0.9)), float(np.median(size))
        return min(noise, ROUGHEST * typical) if noise > self.relative * typical else 0.0

    def search(self, questions: Sequence[Question], budget: float, told: Callable[[float], None]) -> dict[str, Pair]:
        """The worst pair found for each of the constants of ``questions``."""
        if not questions:
            return {}
        searched = search(
            self.map,
            [CONSTANTS[name] for name in dict.fromkeys(question.constant for question in questions)],
            self.rng,
            budget,
            progress=lambda part, _: told(part),
            enough=_refuted(questions),
        )
        self.evaluations += searched.evaluations
        return searched.worst

    def found(self, questions: Sequence[Question], worst: dict[str, Pair]) -> list[Found]:
        """What is known of the constants of ``questions``; a violation is made short first.

        Every pair is replayed in a fresh process, whose values are the ones that count.
        """
        pairs = [self._short(question, worst) if question.constant in worst else None for question in questions]
        ends = [end for pair in pairs if pair is not None for end in (pair.x, pair.y)]
        fresh = iter(self.sandbox.call_afresh(np.column_stack(ends)).T if ends else ())
        return [
            self._known(question, pair if pair is None else replace(pair, Tx=next(fresh), Ty=next(fresh)), pair)
            for question, pair in zip(questions, pairs, strict=True)
        ]

    def _known(self, question: Question, pair: Pair | None, before: Pair | None) -> Found:
        """What ``pair`` shows, if its values are, up to their errors, those that it had ``before``."""
        constant = CONSTANTS[question.constant]
        nothing = -np.inf * constant.worse
        if pair is None or before is None:
            still = constant.name == "cocoercivity" and self._still()
            return Found(nothing, None, "", silence=STILL if still else NOTHING)
        if not (self._steady(pair.x, before.Tx, pair.Tx) and self._steady(pair.y, before.Ty, pair.Ty)):
            return Found(nothing, None, "", silence=UNSTEADY)
        error = float(np.sum(self.noise(np.column_stack([pair.x, pair.y]), np.column_stack([pair.Tx, pair.Ty]))))
        attained = certainly_attained(constant.name, pair.x, pair.y, pair.Tx, pair.Ty, error)
        points = {name: hexadecimal(getattr(pair, name)) for name in ("x", "y", "Tx", "Ty")}
        code = snippet(self.subject, constant.name, pair.x, pair.y, self.module)
        witness = {"operator": self.subject.name, **points, "noise": error.hex(), "snippet": code}
        return Found(attained, None, f"the worst of {self.evaluations} evaluations", witness=witness)

    def _still(self) -> bool:
        """Whether the values are the same everywhere up to their errors, as far as some points show."""
        x = self.map.domain.starting(self.rng, PROBES)[:, : max(2, min(PROBES, self.affordable(1.0)))]
        tx = self.sandbox.call(x)
        noise = self.noise(x, tx)
        return bool(np.all(np.linalg.norm(tx - tx[:, :1], axis=0) <= noise + noise[0]))

    def _steady(self, x: Values, before: Values, now: Values) -> bool:
        """Whether the values at ``x`` (d,) or (d, S) are the same up to the errors of both."""
        apart = np.linalg.norm(before - now, axis=0)
        return bool(np.all(apart <= self.noise(x, before) + self.noise(x, now)))

    def _short(self, question: Question, worst: dict[str, Pair]) -> Pair:
        """The worst pair; if it violates the condition, a short one that nearly does so as much, or at all."""
        constant, pair, bound = CONSTANTS[question.constant], worst[question.constant], question.bound
        if bound is None or constant.worse * pair.value <= constant.worse * bound:
            return pair
        moderate = abs(pair.value) <= STEEP * max(1.0, abs(bound))
        least = constant.worse * (pair.value - LOST * (pair.value - bound) if moderate else bound)
        singly = replace(self.map, evaluate=self.sandbox.call_singly)
        return minimise(pair, singly, lambda value: constant.worse * value > least, constant)

    def cycle(self, claim: Claim, budget: float) -> Result:
        """A cycle that refutes cyclic monotonicity: its sum, beyond the noise, against 0."""
        found = cyclic(self.map, self.rng, budget)
        if found is None:
            evidence = Evidence(Side.ATTAINED, 0.0, Rigour.ENCLOSED, "no cycle was found")
            return decide(claim, self.subject.name, squeeze(0.0, (evidence,)))
        images = self.sandbox.call_afresh(found.points)
        if not self._steady(found.points, found.images, images):
            return undecided(claim, self.subject.name, UNSTEADY)
        error = self.noise(found.points, images)
        surely = certainly_cyclic(found.points, images, error)
        evidence = Evidence(Side.ATTAINED, surely, Rigour.ENCLOSED, f"a cycle of {len(error)} points")
        witness = {
            "operator": self.subject.name,
            "points": [hexadecimal(x) for x in found.points.T],
            "images": [hexadecimal(x) for x in images.T],
            "noise": hexadecimal(error),
        }
        return decide(claim, self.subject.name, squeeze(0.0, (evidence,)), witness)

    def circulation(self, claim: Claim, budget: float) -> Result:
        """A closed polygon with a circulation beyond its error, which is estimated: how far, against 0."""
        found, tried, suspected = circulating(self.map, self.rng, budget)
        if suspected or not tried:
            late = "a circulation that was found could be confirmed" if suspected else "any polygon was tried"
            return undecided(claim, self.subject.name, f"time was up before {late} (a larger budget?)")
        if found is None:
            how = f"no circulation beyond its error around {tried} polygons"
            return decide(claim, self.subject.name, squeeze(0.0, (Evidence(Side.ATTAINED, 0.0, Rigour.ENCLOSED, how),)))
        value, error = (float(part[0]) for part in around(self._afresh, np.expand_dims(found.corners, 1), found.pieces))
        if abs(value) <= error:
            return undecided(claim, self.subject.name, UNSTEADY)
        surely = float(np.nextafter(abs(value) - error, 0.0))
        how = (
            f"<T, dx> around {found.corners.shape[1]} corners, {found.pieces} pieces a side, "
            f"less {error:.2g}, the estimated error"
        )
        evidence = Evidence(Side.ATTAINED, surely, Rigour.ENCLOSED, how)
        witness = {
            "operator": self.subject.name,
            "corners": [hexadecimal(x) for x in found.corners.T],
            "pieces": found.pieces,
            "circulation": value.hex(),
            "error": error.hex(),
            "snippet": circulation_snippet(self.subject, found.corners, found.pieces, self.module),
        }
        return decide(claim, self.subject.name, squeeze(0.0, (evidence,)), witness)

    def _afresh(self, x: Values) -> tuple[Values, Values]:
        """T at the columns of ``x`` in a fresh process, and bounds on the errors."""
        tx = self.sandbox.call_afresh(x)
        return tx, self.noise(x, tx)

    def deviation(self, against: Stated | Defined, seconds: float) -> Result:
        """How far the operator certainly is from the stated proximal map at the worst sample, of how many."""
        domain = self.map.domain
        x = domain.starting(self.rng, min(SAMPLES, 64 * self.affordable(max(seconds, 1.0))))
        if isinstance(domain, Domain):
            corners = np.zeros((domain.dimension, 3)) + np.array([0.0, domain.low, domain.high])
            x = np.column_stack([domain.cut(corners), x])
        tx = self.sandbox.call(x)
        error = self.noise(x, tx)
        _, k, count = against.worst(self.subject.shape, x, tx, error, seconds)
        chosen = x[:, [k]]
        image = self.sandbox.call_afresh(chosen)
        if not self._steady(chosen, tx[:, [k]], image):
            return undecided(against.claim, self.subject.name, UNSTEADY)
        noise = self.noise(chosen, image)
        apart, _, _ = against.worst(self.subject.shape, chosen, image, noise, seconds)
        witness = {
            "operator": self.subject.name,
            "function": against.text,
            "step": float(against.step).hex(),
            "x": hexadecimal(chosen),
            "Tx": hexadecimal(image),
        }
        evidence = Evidence(Side.ATTAINED, apart, Rigour.ENCLOSED, f"the worst of {count} samples, {against.how}")
        bracket = squeeze(0.0, (evidence,))
        return decide(against.claim, self.subject.name, bracket, {**witness, "noise": float(noise[0]).hex()})


def _refuted(questions: Sequence[Question]) -> Enough:
    """Whether a round leaves nothing to look for: all is refuted, and by as much as after the round before."""
    before: dict[str, float] = {}

    def enough(worst: Mapping[str, Pair]) -> bool:
        found = {name: CONSTANTS[name].worse * pair.value for name, pair in worst.items()}
        last = {**dict.fromkeys(found, -math.inf), **before}
        before.update(found)
        for question in questions:
            name, value = question.constant, found.get(question.constant, -math.inf)
            if question.bound is None or value <= CONSTANTS[name].worse * question.bound:
                return False
            if value <= STEEP * max(1.0, abs(question.bound)) and value > last[name] + GAIN * abs(value):
                return False
        return True

    return enough
