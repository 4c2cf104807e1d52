"""Examines one operator: what it does wrong, which conditions it violates, how large its constants are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.check import matrices, stated
from fbscheck.check.advice import advice
from fbscheck.check.conditions import BOUNDS, CONSTANTS
from fbscheck.check.confirm import certainly_attained
from fbscheck.check.questions import Found, Question, answer
from fbscheck.check.sandbox import Sandbox
from fbscheck.check.search import search
from fbscheck.check.subject import Subject
from fbscheck.functions import Function
from fbscheck.judge import decide, squeeze
from fbscheck.operators import Linear
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["Examination", "Stated", "examine"]

Values = npt.NDArray[np.float64]
Progress = Callable[[int, int, str], None]

ULP = 2.0**-53
PROBES = 64
SAFETY = 8.0


@final
@dataclass(frozen=True)
class Stated:
    """``prox_{step * function}``, which the operator is claimed to be; ``text`` as the user wrote it."""

    text: str
    function: Function
    step: float

    @property
    def claim(self) -> Claim:
        """What a report says about it."""
        return Claim(
            "prox_of",
            f"Proximal map of {self.text}, step {self.step:g}",
            r"T = \mathrm{prox}_{hg}",
            Relation.AT_MOST,
            "largest certain distance to the proximal map over the samples",
        )


@final
@dataclass(frozen=True)
class Examination:
    """The results in the order of their claims, what was spent, and remarks in plain words."""

    results: tuple[Result, ...]
    claims: tuple[Claim, ...]
    evaluations: int
    seconds: float
    remarks: tuple[str, ...]


def examine(
    subject: Subject,
    questions: Sequence[Question],
    against: Stated | None,
    budget: float,
    seed: int,
    progress: Progress = lambda *_: None,
) -> Examination:
    """Answer ``questions`` about ``subject`` within about ``budget`` seconds.

    Raises
    ------
    Fault
        If the operator raises, hangs, is random, or returns what is no point of its space.
    """
    names = list(dict.fromkeys(BOUNDS[question.name][0] for question in questions))
    if isinstance(subject.target, Linear):
        found, spent = _of_matrix(subject.target.matrix, names), (0, 0.0)
        results = [answer(question, found[BOUNDS[question.name][0]], subject.name) for question in questions]
    else:
        found, results, spent = _of_black_box(subject, questions, names, against, budget, seed, progress)
    claims = [question.claim for question in questions] + ([against.claim] if against else [])
    return Examination(tuple(results), tuple(claims), *spent, advice(found))


def _of_matrix(matrix: Values, names: Sequence[str]) -> dict[str, Found]:
    found = {}
    for name, (low, high) in matrices.bracket(matrix).items():
        if name in names:
            attained, certified = (low, high) if CONSTANTS[name].worse > 0 else (high, low)
            direction = matrices.extremal(matrix, name)
            witness = {"x": _hex(direction), "y": _hex(0 * direction)}
            found[name] = Found(attained, certified, "a singular or eigenvector", "exact or ball arithmetic", witness)
    return found


def _of_black_box(
    subject: Subject,
    questions: Sequence[Question],
    names: Sequence[str],
    against: Stated | None,
    budget: float,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Found], list[Result], tuple[int, float]]:
    rng = np.random.default_rng(seed)
    with Sandbox(subject) as sandbox:
        sandbox.examine()

        def points(generator: np.random.Generator, count: int) -> Values:
            if subject.sampler is not None:
                return sandbox.sample(count, int(generator.integers(2**31)))
            return generator.uniform(subject.low, subject.high, (subject.dimension, count))

        relative = _rounding(sandbox.call, points(rng, PROBES), rng)

        def noise(x: Values, tx: Values) -> Values:
            return subject.accuracy + relative * (np.linalg.norm(x, axis=0) + np.linalg.norm(tx, axis=0))

        def told(part: float, _: Any) -> None:
            progress(int(100 * part), 100, "searching")

        searched = search(
            sandbox.call,
            points,
            subject.low,
            subject.high,
            subject.dimension,
            noise,
            [CONSTANTS[name] for name in names],
            rng,
            budget,
            progress=told,
        )
        progress(100, 100, "searched")
        how = f"the worst of {searched.evaluations} evaluations"
        found = {}
        for name in names:
            pair = searched.worst[name]
            error = float(np.sum(noise(np.column_stack([pair.x, pair.y]), np.column_stack([pair.Tx, pair.Ty]))))
            attained = certainly_attained(name, pair.x, pair.y, pair.Tx, pair.Ty, error)
            found[name] = Found(attained, None, how, witness=_witness(subject, pair, error))
        results = [answer(question, found[BOUNDS[question.name][0]], subject.name) for question in questions]
        if against is not None:
            results.append(_against(subject, against, sandbox.call, points(rng, 4096), noise))
        return found, results, (searched.evaluations, searched.seconds)


def _rounding(call: Callable[[Values], Values], x: Values, rng: np.random.Generator) -> float:
    """The relative error of the operator's outputs: how much they change when its input changes by an ulp or so."""
    moved = x * (1 + 2 * ULP * rng.integers(-2, 3, x.shape))
    tx, other = call(x), call(moved)
    size = np.linalg.norm(x, axis=0) + np.linalg.norm(tx, axis=0)
    change = np.linalg.norm(tx - other, axis=0) / np.where(size > 0, size, 1.0)
    return max(16 * ULP, SAFETY * float(np.quantile(change, 0.9)))


def _against(
    subject: Subject,
    against: Stated,
    call: Callable[[Values], Values],
    x: Values,
    noise: Callable[[Values, Values], Values],
) -> Result:
    special = np.zeros((subject.dimension, 3)) + np.array([0.0, subject.low, subject.high])
    x = np.column_stack([x, np.clip(special, subject.low, subject.high)])
    tx = call(x)
    error = noise(x, tx)
    k = stated.worst_deviation(against.function, against.step, x, tx, error)
    apart = stated.deviation(against.function, against.step, x[:, k], tx[:, k], float(error[k]))
    evidence = Evidence(Side.ATTAINED, apart, Rigour.ENCLOSED, f"the worst of {x.shape[1]} samples, in ball arithmetic")
    witness = {"operator": subject.name, "x": _hex(x[:, k]), "Tx": _hex(tx[:, k]), "noise": float(error[k]).hex()}
    return decide(against.claim, subject.name, squeeze(0.0, (evidence,)), witness)


def _witness(subject: Subject, pair: Any, error: float) -> dict[str, Any]:
    points = {name: _hex(getattr(pair, name)) for name in ("x", "y", "Tx", "Ty")}
    return {"operator": subject.name, **points, "noise": error.hex()}


def _hex(x: Values) -> list[str]:
    return [value.hex() for value in np.ravel(x).tolist()]
