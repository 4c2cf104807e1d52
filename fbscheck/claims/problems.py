"""A problem min F + g, and what the claims of chapter "fixed-point" share about it."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck import functions, operators
from fbscheck.archive import Arrays, add, describe, name_of, plain, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, exact, root_up, round_down, round_up
from fbscheck.errors import MissingToolError
from fbscheck.functions import Function
from fbscheck.inputs import Array
from fbscheck.judge import decide, squeeze
from fbscheck.operators import Gradient
from fbscheck.splitting import ForwardBackward
from fbscheck.splitting.fenchel import gap_record, modulus_record
from fbscheck.splitting.gap import optimality
from fbscheck.verdict import Claim, Evidence, Plot, Result

__all__ = ["Bounds", "Points", "Problem", "Study", "conclude", "objective", "restore"]

Points = npt.NDArray[np.float64]

TOLERANCE = 1e-14
FLOOR = 1e6
"""An iterate takes part while it is this many rounding errors away from the solution."""

ENCLOSED_ENTRIES = 5_000
"""How many coordinates of iterates are enclosed in ball arithmetic, at least 20 iterates."""


@final
@dataclass(frozen=True)
class Problem:
    """min F + g with a name; ``relative_step`` is h ell, ``start`` the x_0 of the iteration (0 if None).

    ``solution`` is the minimiser if it is known exactly: the instances that attain a bound.
    """

    name: str
    f: Gradient
    g: Function
    relative_step: float = 1.0
    iterations: int = 400
    start: Points | None = None
    solution: Points | None = None
    drawn: bool = False

    @cached_property
    def step(self) -> ForwardBackward:
        """T with h = relative_step / ell, rounded down (h = relative_step if ell = 0)."""
        ell = self.f.lipschitz
        step = round_down(Fraction(self.relative_step) / Fraction(ell)) if ell > 0 else self.relative_step
        return ForwardBackward(self.f, self.g, step)

    @cached_property
    def modulus(self) -> float:
        """mu + sigma, as promised."""
        return self.f.monotonicity + self.g.strong_convexity

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :func:`restore` makes the problem again; its arrays are kept in ``arrays``."""
        text: dict[str, Any] = {"f": describe(self.f, arrays), "g": describe(self.g, arrays)}
        text["relative step"] = str(Fraction(self.relative_step))
        for name in ("start", "solution"):
            if (point := getattr(self, name)) is not None:
                text[name] = add(point, arrays)
        return {"name": self.name, **text}


def restore(text: Mapping[str, Any], arrays: Arrays) -> Problem:
    """The problem that :meth:`Problem.describe` described.

    Raises
    ------
    kernel.Refusal
        If the description is incomplete or malformed.
    """
    try:
        return _restore(_Stored(json.dumps(text, sort_keys=True), arrays))
    except (LookupError, TypeError, ValueError) as error:
        raise kernel.Refusal(f"the problem is incomplete or malformed: {error}") from None


@final
@dataclass(frozen=True)
class _Stored:
    """A description and its arrays, which it determines: their names are hashes of what they hold."""

    text: str
    arrays: Arrays = field(compare=False)


@lru_cache(maxsize=4)
def _restore(stored: _Stored) -> Problem:
    text, arrays = json.loads(stored.text), stored.arrays
    f, g = rebuild(text["f"], arrays, vars(operators)), rebuild(text["g"], arrays, vars(functions))
    start, solution = (arrays[text[name]] if name in text else None for name in ("start", "solution"))
    return Problem(text["name"], f, g, float(Fraction(text["relative step"])), start=start, solution=solution)


@final
@dataclass(frozen=True)
class Bounds:
    """What is certain about a point x: (F + g)(x) - min <= ``gap`` and |x - x*| <= ``distance``.

    ``modulus`` is a lower bound of the strong convexity of F + g; the distance is inf where it is 0.
    """

    gap: float
    modulus: float
    distance: float


@final
class Study:
    """What the claims share about one problem: proposals, found once or given, and what follows from them.

    A proposal is a point, a slope, a depth: anything found in floating point that a rigorous
    evaluation starts from.  Whoever holds ``proposals`` and ``arrays`` can repeat the evaluation
    without the solvers that found them.
    """

    def __init__(
        self,
        problem: Problem,
        scale: float = 1.0,
        proposals: Mapping[str, Any] | None = None,
        arrays: Arrays | None = None,
    ) -> None:
        self.problem, self.scale, self.step = problem, scale, problem.step
        self.start: Points = np.zeros(problem.f.dimension) if problem.start is None else problem.start
        self.arrays: Arrays = {} if arrays is None else arrays
        self.proposals: dict[str, Any] = dict(proposals or {})
        self.complete = proposals is not None

    def recall(self, name: str, propose: Callable[[], Any]) -> Any:
        """The proposal ``name``: a given one, else what ``propose`` finds, once.

        Raises
        ------
        kernel.Refusal
            If proposals were given, but not this one.
        """
        if name not in self.proposals:
            if self.complete:
                raise kernel.Refusal(f"the proposal {name!r} is missing")
            self.proposals[name] = propose()
        return self.proposals[name]

    def array(self, name: str, propose: Callable[[], npt.ArrayLike]) -> Points:
        """The proposal ``name``, an array."""
        try:
            return self.arrays[self.recall(name, lambda: add(propose(), self.arrays))]
        except (KeyError, TypeError):
            raise kernel.Refusal(f"the array of proposal {name!r} is missing") from None

    @cached_property
    def point(self) -> Points:
        """The fixed point; a planted error moves it."""
        return self.array("x", lambda: self.scale * self.step.fixed_point(self.start, TOLERANCE).point)

    @cached_property
    def modulus(self) -> tuple[Fraction, Mapping[str, Any] | None]:
        """A certified lower bound >= 0 of the eigenvalues of A^T A, and its record if it is positive."""
        record = self.recall("modulus", lambda: modulus_record(self.problem.f, self.arrays))
        if record is None:
            return Fraction(0), None
        if record.get("matrix") != name_of(self.problem.f.matrix) or record.get("bound") != "lower":
            raise kernel.Refusal("the record of the modulus is about another matrix, or bounds it from above")
        return max(kernel.conclude(record, plain(self.arrays)), Fraction(0)), record

    @cached_property
    def certified(self) -> Bounds:
        """How far the point certainly is from the minimum at most."""
        return self.bounds("x", self.point)

    def bounds(self, name: str, point: Points) -> Bounds:
        """The same for any point: by the kernel's record, or by enclosed formulas where it knows none."""
        f, g = self.problem.f, self.problem.g
        least, convex = self.modulus
        record = self.recall(f"gap of {name}", lambda: gap_record(f, g, point, convex, self.arrays))
        if record is None:
            known = optimality(f, g, point)
            return Bounds(known.gap, known.modulus, known.distance)
        mine = {"f": describe(f, self.arrays), "g": describe(g, self.arrays), "x": name_of(point)}
        if any(record.get(key) != value for key, value in mine.items()):
            raise kernel.Refusal(f"the record of the gap of {name} is about another problem or point")
        gap, modulus = kernel.conclude(record, plain(self.arrays)), least + Fraction(g.strong_convexity)
        distance = root_up(2 * gap / modulus) if modulus > 0 else math.inf
        return Bounds(round_up(gap), round_down(modulus), distance)

    @cached_property
    def iterates(self) -> Points:
        """x_0, ..., x_N of the plain iteration as rows."""
        return self.step.iterates(self.start, self.problem.iterations)

    @cached_property
    def errors(self) -> Points:
        """|x_n - x*| for all n, in floating point."""
        return np.asarray(np.linalg.norm(self.iterates - self.point, axis=1))

    @cached_property
    def last(self) -> int:
        """The last n at which rounding and the error of x* are negligible, 0 if there is none."""
        return self.count("iterates", self._last)

    def _last(self) -> int:
        if self.problem.solution is not None:
            return self.problem.iterations
        unsure = 1e-15 * float(np.linalg.norm(self.point))
        if self.certified.distance < math.inf:
            unsure += self.certified.distance
        return int(np.max(np.flatnonzero(self.errors > FLOOR * unsure), initial=0))

    def count(self, name: str, propose: Callable[[], int]) -> int:
        """The proposal ``name``, a number of iterates."""
        count = self.recall(name, propose)
        if type(count) is not int or count < 0:
            raise kernel.Refusal(f"the proposal {name!r} is no number of iterates: {count!r}")
        return count

    def moved(self, f: Gradient) -> "Study":
        """The study of the problem with another f, whose proposals belong to this one's."""
        problem = replace(self.problem, f=f)
        return Study(problem, 1.0, self.recall("moved", Study(problem, arrays=self.arrays)._all), self.arrays)

    def _all(self) -> dict[str, Any]:
        return self.proposals if self.certified else {}

    @cached_property
    def enclosed(self) -> tuple[Array, Array]:
        """x_0, ..., x_N as columns, and x*, as balls; N is ``last`` or less in high dimensions.

        The width of a ball grows by a known factor in each step, so the precision grows with N.
        """
        f = self.problem.f
        count = self.count("iterates enclosed", lambda: min(self.last, max(20, ENCLOSED_ENTRIES // f.dimension)))
        if self.problem.solution is None:
            solution = np.array([flint.arb(v, self.certified.distance) for v in self.point.tolist()], dtype=object)
        else:
            solution = exact(self.problem.solution)
        sizes = np.abs(f.matrix)
        growth = 2 + float(self.step.step) * float(np.max(sizes.T @ (sizes @ np.ones(f.dimension))))
        x = exact(self.start)
        columns = [x]
        with flint.ctx.workprec(PRECISION + math.ceil(math.log2(growth)) * count):
            for _ in range(count):
                x = self.step(x)
                columns.append(x)
        return np.column_stack(columns), solution

    @cached_property
    def references(self) -> list[tuple[str, Points]]:
        """Minimisers by other solvers, with their names."""
        names = self.recall("references", lambda: [self._kept(*pair) for pair in self._solve_elsewhere()])
        return [(name, self.array(f"y of {name}", list)) for name in names]

    def _kept(self, name: str, point: Points) -> str:
        self.array(f"y of {name}", lambda: point)
        return name

    def _solve_elsewhere(self) -> list[tuple[str, Points]]:
        from fbscheck.reference import programs

        known = [("cvxpy", programs.minimise(self.problem.f, self.problem.g))]
        try:
            third = programs.second_opinion(self.problem.f, self.problem.g)
        except MissingToolError:
            third = None
        return known if third is None else [*known, third]


def objective(f: Gradient, g: Function, x: Array) -> Any:
    """(F + g)(x), one value a column; float64 or balls."""
    return f.potential(x) + g(x)


def conclude(
    claim: Claim,
    study: Study,
    theory: float,
    evidence: tuple[Evidence, ...],
    certificate: dict[str, Any] | None,
    plots: tuple[Plot, ...] = (),
) -> Result:
    """Judge the evidence on a problem; the witness holds the problem and all proposals so far."""
    arrays: Arrays = dict(study.arrays)
    witness = {"problem": study.problem.describe(arrays), "proposals": dict(study.proposals)}
    result = decide(claim, study.problem.name, squeeze(theory, evidence, certificate), witness)
    return replace(result, plots=plots, arrays=arrays)
