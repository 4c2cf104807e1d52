"""A black box under examination: samples, the error of its outputs, worst pairs, cycles, deviations."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import exact, lower, norm
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.confirm import certainly_attained
from fbscheck.checking.cycles import cyclic
from fbscheck.checking.derivatives import disagreement
from fbscheck.checking.points import Domain
from fbscheck.checking.questions import Found, Question
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.search import search
from fbscheck.checking.shorten import minimise
from fbscheck.checking.snippet import hexadecimal, snippet
from fbscheck.checking.stated import Stated, deviation, worst_deviation
from fbscheck.checking.subject import Subject
from fbscheck.checking.trials import NoisyMap, Pair
from fbscheck.judge import squeeze
from fbscheck.verdict import Bracket, Evidence, Rigour, Side

__all__ = ["BlackBox"]

Values = npt.NDArray[np.float64]

ULP = 2.0**-53
PROBES = 64
SAFETY = 8.0
"""How much larger than 9 of 10 observed changes under rounding the error of an output is taken to be."""
LINES, SPACING = 12, 1e-7
"""Short lines on which noise is looked for, and the part of the box between two of their five points."""
FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
ROUGHEST = 1e-4
"""The largest error, relative to |x| + |Tx|, that is taken for noise rather than for what the operator is."""
SAMPLES = 4096


@final
class BlackBox:
    """An operator in its sandbox, and what is assumed of its outputs.

    Each is taken to be exact up to ``accuracy`` plus a relative error, which is estimated from how much
    the outputs change when the inputs change by an ulp or so of the type that is returned.  Where no
    accuracy is stated, noise that cancellation or single precision inside leaves is estimated, too.
    """

    def __init__(self, subject: Subject, sandbox: Sandbox, rng: np.random.Generator) -> None:
        self.subject, self.sandbox, self.rng, self.evaluations = subject, sandbox, rng, 0
        domain = Domain(subject.low, subject.high, subject.dimension, self.points)
        self.map = NoisyMap(domain, sandbox.call, self.noise)
        dtype = np.dtype(sandbox.examine().dtype)
        ulp = max(ULP, float(np.finfo(dtype).eps) / 2) if dtype.kind == "f" else ULP
        self.relative = self._rounding(self.points(rng, PROBES), ulp)
        self.absolute = 0.0 if subject.accuracy else self._roughness(self.points(rng, LINES))
        self.derivable = sandbox.has_derivative
        self.told = (sandbox.remark,) if sandbox.remark else ()
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

    def _rounding(self, x: Values, ulp: float) -> float:
        moved = x * (1 + 2 * ulp * self.rng.integers(-2, 3, x.shape))
        moved = np.clip(moved, self.subject.low, self.subject.high)
        tx, other = self.sandbox.call(x), self.sandbox.call(moved)
        size = np.linalg.norm(x, axis=0) + np.linalg.norm(tx, axis=0)
        change = np.linalg.norm(tx - other, axis=0) / np.where(size > 0, size, 1.0)
        return max(16 * ulp, SAFETY * float(np.quantile(change, 0.9)))

    def _roughness(self, x: Values) -> float:
        """Noise that ulps do not show, by fourth differences (Moré and Wild 2011); 0 if there is no more than those."""
        step = SPACING * (self.subject.high - self.subject.low) * self.rng.uniform(0.5, 1.0, x.shape)
        step = np.where(x > 0.5 * (self.subject.low + self.subject.high), -step, step)
        line = x[:, :, None] + step[:, :, None] * np.arange(len(FOURTH))
        image = self.sandbox.call(line.reshape(len(x), -1)).reshape(line.shape)
        size = np.linalg.norm(x, axis=0) + np.linalg.norm(image[:, :, 0], axis=0)
        rough = np.linalg.norm(image @ FOURTH, axis=0) / np.linalg.norm(FOURTH)
        noise, typical = SAFETY * float(np.quantile(rough, 0.9)), float(np.median(size))
        return min(noise, ROUGHEST * typical) if noise > self.relative * typical else 0.0

    def search(self, names: Sequence[str], budget: float, told: Callable[[float], None]) -> dict[str, Pair]:
        """The worst pair found for each of the constants ``names``."""
        if not names:
            return {}
        searched = search(
            self.map, [CONSTANTS[name] for name in names], self.rng, budget, progress=lambda part, _: told(part)
        )
        self.evaluations += searched.evaluations
        return searched.worst

    def found(self, question: Question, worst: dict[str, Pair]) -> Found:
        """What is known of the constant of a question; a violation is made short first."""
        constant = CONSTANTS[question.constant]
        if constant.name not in worst:
            nothing = -np.inf * constant.worse
            return Found(nothing, None, "no pair of points could be compared")
        pair, bound = worst[constant.name], question.bound
        if bound is not None and constant.worse * pair.value > constant.worse * bound:
            pair = minimise(pair, self.map, lambda value: constant.worse * value > constant.worse * bound, constant)
        error = float(np.sum(self.noise(np.column_stack([pair.x, pair.y]), np.column_stack([pair.Tx, pair.Ty]))))
        attained = certainly_attained(constant.name, pair.x, pair.y, pair.Tx, pair.Ty, error)
        points = {name: hexadecimal(getattr(pair, name)) for name in ("x", "y", "Tx", "Ty")}
        code = snippet(self.subject, constant.name, pair.x, pair.y, bool(self.sandbox.remark))
        witness = {"operator": self.subject.name, **points, "noise": error.hex(), "snippet": code}
        return Found(attained, None, f"the worst of {self.evaluations} evaluations", witness=witness)

    def cycle(self, budget: float) -> tuple[Bracket, dict[str, Any] | None]:
        """A cycle that refutes cyclic monotonicity: its sum, beyond the noise, against 0."""
        found = cyclic(self.map, self.rng, budget)
        if found is None:
            evidence = Evidence(Side.ATTAINED, 0.0, Rigour.ENCLOSED, f"no cycle in {budget:.3g} s")
            return squeeze(0.0, (evidence,)), None
        steps = np.roll(found.points, -1, axis=1) - found.points
        error = self.noise(found.points, found.images)
        inner = sum(
            np.sum(exact(found.images[:, k]) * (exact(following) - exact(point)))
            - float(error[k]) * norm(exact(following) - exact(point))
            for k, (point, following) in enumerate(
                zip(found.points.T, np.roll(found.points, -1, axis=1).T, strict=True)
            )
        )
        surely = max(0.0, lower(inner))
        evidence = Evidence(Side.ATTAINED, surely, Rigour.ENCLOSED, f"a cycle of {steps.shape[1]} points")
        witness = {
            "operator": self.subject.name,
            "points": [hexadecimal(x) for x in found.points.T],
            "images": [hexadecimal(x) for x in found.images.T],
        }
        return squeeze(0.0, (evidence,)), witness

    def deviation(self, against: Stated) -> tuple[float, int, dict[str, Any]]:
        """How far the operator certainly is from the stated proximal map at the worst sample, of how many."""
        corners = np.zeros((self.subject.dimension, 3)) + np.array([0.0, self.subject.low, self.subject.high])
        x = np.column_stack([self.points(self.rng, SAMPLES), np.clip(corners, self.subject.low, self.subject.high)])
        tx = self.sandbox.call(x)
        error = self.noise(x, tx)
        k = worst_deviation(against.function, against.step, x, tx, error)
        apart = deviation(against.function, against.step, x[:, k], tx[:, k], float(error[k]))
        witness = {"operator": self.subject.name, "x": hexadecimal(x[:, k]), "Tx": hexadecimal(tx[:, k])}
        return apart, x.shape[1], {**witness, "noise": float(error[k]).hex()}
