"""What the claims of chapter "fixed-point" share about a problem min F + g."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Generic, TypeVar, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, add, describe, name_of, plain
from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, ball, exact, maximum, norm, root_up, round_down, round_up, upper
from fbscheck.claims.fixed_points.problem import Points, Problem, objective, restore
from fbscheck.claims.records import require
from fbscheck.errors import MissingToolError
from fbscheck.inputs import Array
from fbscheck.judge import decide, squeeze
from fbscheck.operators import Gradient
from fbscheck.splitting.fenchel import gap_record, modulus_record
from fbscheck.splitting.gap import optimality
from fbscheck.verdict import Claim, Evidence, Plot, Result

__all__ = ["Bounds", "Points", "Problem", "Study", "conclude", "objective", "restore"]

Found = TypeVar("Found")

TOLERANCE = 1e-14
FIXED = 1e-11
"""A point is taken for a fixed point if a step moves it by at most this, relatively."""

FLOOR = 1e6
"""An iterate takes part while it is this many rounding errors away from the solution."""

ENCLOSED_ENTRIES = 5_000
"""How many coordinates of iterates are enclosed in ball arithmetic, at least 20 iterates."""


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
class _Remembered(Generic[Found]):
    """A property that is found once; whoever reads it uses the proposals that finding it used."""

    def __init__(self, find: "Callable[[Study], Found]") -> None:
        self.find, self.__doc__ = find, find.__doc__

    def __get__(self, study: "Study", owner: type) -> Found:
        if self.find not in study.known:
            before, study.used = study.used, set()
            study.known[self.find] = self.find(study), study.used
            study.used = before
        found, used = study.known[self.find]
        study.used |= used
        return found  # type: ignore[no-any-return]


@final
class Study:
    """What the claims share about one problem: proposals, found once or given, and what follows from them.

    A proposal is a point, a slope, a depth: anything found in floating point that a rigorous
    evaluation starts from.  Whoever holds ``proposals`` and ``arrays`` can repeat the evaluation
    without the solvers that found them.  ``used`` says which of them the evaluation at hand has used.
    """

    def __init__(
        self,
        problem: Problem,
        scale: float = 1.0,
        proposals: Mapping[str, Any] | None = None,
        arrays: Arrays | None = None,
    ) -> None:
        if not isinstance(proposals, Mapping | None):
            raise kernel.Refusal("the proposals are no record")
        self.problem, self.scale, self.step = problem, scale, problem.step
        self.start: Points = np.zeros(problem.f.dimension) if problem.start is None else problem.start
        self.arrays: Arrays = {} if arrays is None else arrays
        self.proposals: dict[str, Any] = dict(proposals or {})
        self.complete = proposals is not None
        self.used: set[str] = set()
        self.known: dict[Any, tuple[Any, set[str]]] = {}

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
            before = set(self.used)
            self.proposals[name] = propose()
            self.used = before
        self.used.add(name)
        return self.proposals[name]

    def array(self, name: str, propose: Callable[[], npt.ArrayLike]) -> Points:
        """The proposal ``name``, an array."""
        try:
            found = self.arrays[self.recall(name, lambda: add(propose(), self.arrays))]
        except (KeyError, TypeError):
            raise kernel.Refusal(f"the array of proposal {name!r} is missing") from None
        if found.ndim != 1 or found.dtype != np.float64:
            raise kernel.Refusal(f"the array of proposal {name!r} is no vector of float64")
        return found

    @_Remembered
    def point(self) -> Points:
        """The fixed point; a planted error moves it."""
        return self.array("x", lambda: self.scale * self.step.fixed_point(self.start, TOLERANCE).point)

    @_Remembered
    def unfixed(self) -> str | None:
        """Why the point, before a planted error moved it, is no fixed point; None if it is one to rounding."""
        x = exact(self.point) / ball(self.scale)
        off = upper(norm(x - self.step(x)) / maximum(norm(x), 1.0))
        return None if off <= FIXED else f"hypothesis x = Tx is not met: relative to max(1, |x|) it is off by {off:.3g}"

    @_Remembered
    def modulus(self) -> tuple[Fraction, Mapping[str, Any] | None]:
        """A certified lower bound >= 0 of the eigenvalues of A^T A, and its record if it is positive."""
        record = self.recall("modulus", lambda: modulus_record(self.problem.f, self.arrays))
        if record is None:
            return Fraction(0), None
        require(record, "eigenvalue")
        if record.get("matrix") != name_of(self.problem.f.matrix) or record.get("bound") != "lower":
            raise kernel.Refusal("the record of the modulus is about another matrix, or bounds it from above")
        return max(kernel.conclude(record, plain(self.arrays)), Fraction(0)), record

    @_Remembered
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
        require(record, "gap")
        if (record["modulus"] if "modulus" in record else None) != convex:
            raise kernel.Refusal(f"the record of the gap of {name} rests on another modulus")
        mine = {"f": describe(f, self.arrays), "g": describe(g, self.arrays), "x": name_of(point)}
        if any(record.get(key) != value for key, value in mine.items()):
            raise kernel.Refusal(f"the record of the gap of {name} is about another problem or point")
        gap, modulus = kernel.conclude(record, plain(self.arrays)), least + Fraction(g.strong_convexity)
        distance = root_up(2 * gap / modulus) if modulus > 0 else math.inf
        return Bounds(round_up(gap), round_down(modulus), distance)

    @_Remembered
    def minimiser(self) -> Array:
        """The minimiser x* as balls: the known one, which must have a gap of zero, or what is certain about it."""
        solution = self.problem.solution
        if solution is None:
            return np.array([flint.arb(v, self.certified.distance) for v in self.point.tolist()], dtype=object)
        if (gap := self.bounds("solution", solution).gap) != 0:
            raise kernel.Refusal(f"the solution of {self.problem.name} is not certainly one: its gap is at most {gap}")
        return exact(solution)

    @_Remembered
    def iterates(self) -> Points:
        """x_0, ..., x_N of the plain iteration as rows."""
        return self.step.iterates(self.start, self.problem.iterations)

    @_Remembered
    def errors(self) -> Points:
        """|x_n - x*| for all n, in floating point."""
        return np.asarray(np.linalg.norm(self.iterates - self.point, axis=1))

    @_Remembered
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

    @_Remembered
    def enclosed(self) -> tuple[Array, Array]:
        """x_0, ..., x_N as columns, and x*, as balls; N is ``last`` or less in high dimensions.

        The width of a ball grows by a known factor in each step, so the precision grows with N.
        """
        f = self.problem.f
        count = self.count("iterates enclosed", lambda: min(self.last, max(20, ENCLOSED_ENTRIES // f.dimension)))
        solution = self.minimiser
        sizes = np.abs(f.matrix)
        growth = 2 + float(self.step.step) * float(np.max(sizes.T @ (sizes @ np.ones(f.dimension))))
        x = exact(self.start)
        columns = [x]
        with flint.ctx.workprec(PRECISION + math.ceil(math.log2(growth)) * count):
            for _ in range(count):
                x = self.step(x)
                columns.append(x)
        return np.column_stack(columns), solution

    @_Remembered
    def references(self) -> list[tuple[str, Points]]:
        """Minimisers by other solvers, with their names."""
        names = self.recall("references", lambda: [self._kept(*pair) for pair in self._solve_elsewhere()])
        if names[:1] != ["cvxpy"] or len(names) > 2 or len(set(names)) != len(names):
            raise kernel.Refusal("need references by cvxpy and, if there is one, by one other solver")
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


def conclude(
    claim: Claim,
    study: Study,
    theory: float,
    evidence: tuple[Evidence, ...],
    certificate: dict[str, Any] | None,
    plots: tuple[Plot, ...] = (),
) -> Result:
    """Judge the evidence on a problem; the witness holds the problem and the proposals that were used."""
    arrays: Arrays = dict(study.arrays)
    proposals = {name: value for name, value in study.proposals.items() if name in study.used}
    witness = {"problem": study.problem.describe(arrays), "proposals": proposals}
    result = decide(claim, study.problem.name, squeeze(theory, evidence, certificate), witness)
    return replace(result, plots=plots, arrays=arrays)
