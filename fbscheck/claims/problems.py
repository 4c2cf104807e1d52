"""A problem min F + g, and what the claims of chapter "fixed-point" share about it."""

import hashlib
import math
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import PRECISION, exact, round_down
from fbscheck.errors import MissingToolError
from fbscheck.functions import Function
from fbscheck.inputs import Array
from fbscheck.judge import decide, squeeze
from fbscheck.operators import Gradient
from fbscheck.splitting import ForwardBackward
from fbscheck.splitting.gap import Optimality, optimality
from fbscheck.verdict import Claim, Evidence, Plot, Result

__all__ = ["Points", "Problem", "Study", "conclude", "hexadecimal", "objective"]

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

    @cached_property
    def digest(self) -> str:
        """SHA-256 of f and g: type names, then names, shapes and float64 entries of their fields in order."""
        digest = hashlib.sha256()
        for record in (self.f, self.g):
            digest.update(type(record).__name__.encode())
            for field in fields(record):  # type: ignore[arg-type]
                values = np.ascontiguousarray(getattr(record, field.name), dtype=np.float64)
                digest.update(f"{field.name}{values.shape}".encode())
                digest.update(values.tobytes())
        return digest.hexdigest()


@final
class Study:
    """What the claims share about one problem: fixed point, gap, iterates; computed when first used."""

    def __init__(self, problem: Problem, scale: float) -> None:
        self.problem, self.scale, self.step = problem, scale, problem.step
        self.start: Points = np.zeros(problem.f.dimension) if problem.start is None else problem.start

    @cached_property
    def point(self) -> Points:
        """The fixed point; a planted error moves it."""
        return self.scale * self.step.fixed_point(self.start, TOLERANCE).point

    @cached_property
    def certified(self) -> Optimality:
        """How far the point certainly is from the minimum at most."""
        return optimality(self.problem.f, self.problem.g, self.point)

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
        if self.problem.solution is not None:
            return self.problem.iterations
        unsure = 1e-15 * float(np.linalg.norm(self.point))
        if self.certified.distance < math.inf:
            unsure += self.certified.distance
        return int(np.max(np.flatnonzero(self.errors > FLOOR * unsure), initial=0))

    @cached_property
    def enclosed(self) -> tuple[Array, Array]:
        """x_0, ..., x_N as columns, and x*, as balls; N is ``last`` or less in high dimensions.

        The width of a ball grows by a known factor in each step, so the precision grows with N.
        """
        f = self.problem.f
        count = min(self.last, max(20, ENCLOSED_ENTRIES // f.dimension))
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
    """Judge the evidence on a problem; certificate and witness name the data by their digest."""
    digest = {"problem": study.problem.name, "data_sha256": study.problem.digest}
    if certificate is not None:
        certificate = {**digest, **certificate}
    witness = {**digest, "step": float(study.step.step).hex(), "x": hexadecimal(study.point)}
    result = decide(claim, study.problem.name, squeeze(theory, evidence, certificate), witness)
    return replace(result, plots=plots)


def hexadecimal(x: Points) -> list[str]:
    """Float64 entries, exactly."""
    return [value.hex() for value in x.tolist()]
