"""Against a convex function that the user wrote in cvxpy: is T the proximal map that it claims to be?

The function is the user's code, and lives in a sandbox of its own, with cvxpy and the solver.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.checking.sandbox import Sandbox
from fbscheck.checking.solver import UNSOLVED, Solver
from fbscheck.checking.stated import certain_distance, proximal_claim
from fbscheck.checking.subject import Subject
from fbscheck.checking.worker import Fault
from fbscheck.errors import InputError
from fbscheck.inputs import positive
from fbscheck.verdict import Claim

__all__ = ["Defined"]

Values = npt.NDArray[np.float64]

CHUNK = 8
SECONDS_PER_CALL = 60.0


@final
@dataclass(frozen=True)
class Defined:
    """``prox_{step * function}`` by its definition; ``function`` maps a cvxpy variable to a convex expression.

    ``function`` is FILE.py:NAME, MODULE:NAME or a callable, ``text`` what the user calls it.
    """

    text: str
    function: str | Callable[..., Any]
    step: float
    how: ClassVar[str] = "beyond the error that the solver states"
    _solved: dict[bytes, Values] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Proximal points with bounds of their errors (d + 1,), by the points they belong to: none is solved twice."""

    def __post_init__(self) -> None:
        positive(self.step, "step", "It is the step h of the proximal map of h g.")

    @property
    def claim(self) -> Claim:
        """What a report says about it."""
        return proximal_claim(self.text, self.step)

    def worst(
        self, shape: tuple[int, ...], x: Values, tx: Values, noise: Values, seconds: float
    ) -> tuple[float, int, int]:
        """How far T certainly is from the proximal map, where, and of how many columns of ``x`` (d, S).

        As many columns are tried as there is time for, in their order.

        Raises
        ------
        InputError
            If the function cannot be loaded, fails, is not convex by cvxpy's rules, or never solved accurately.
        """
        keys = [point.tobytes() for point in x.T]
        if not self._solved.keys() >= set(keys):
            self._solve(shape, x, keys, seconds)
        apart = np.array(
            [
                self._apart(t, float(eta), self._solved[key]) if key in self._solved else -1.0
                for t, eta, key in zip(tx.T, noise, keys, strict=True)
            ]
        )
        k, count = int(np.argmax(apart)), int(np.sum(apart >= 0))
        if not count:
            tried = sum(key in self._solved for key in keys)
            raise InputError(
                f"Need a function whose proximal map Clarabel can solve, got {self.text}: no optimum at {tried} points."
            )
        return float(apart[k]), k, count

    def _apart(self, tx: Values, noise: float, solved: Values) -> float:
        """How far ``tx`` (d,) certainly is from the proximal point, -1 if there is none."""
        point, error = solved[:-1], float(solved[-1])
        return certain_distance(tx, point, noise + error) if error < UNSOLVED else -1.0

    def _solve(self, shape: tuple[int, ...], x: Values, keys: Sequence[bytes], seconds: float) -> None:
        """Solve for the first columns of ``x`` (d, S), as many as there is time for."""
        padded = np.vstack([x, np.zeros(x.shape[1])])
        reach = float(np.max(np.abs(padded))) + 1.0
        solver = Subject(self.text, (len(padded),), -reach, reach, Solver(self.function, shape, self.step))
        finish = time.monotonic() + seconds
        with Sandbox(solver, SECONDS_PER_CALL) as sandbox:
            for start in range(0, len(keys), CHUNK):
                try:
                    answer = sandbox.call(padded[:, start : start + CHUNK])
                except Fault as fault:
                    raise InputError(f"Need a convex cvxpy function, got {self.text}, which {fault}") from None
                self._solved.update(zip(keys[start : start + CHUNK], answer.T, strict=True))
                if time.monotonic() >= finish:
                    return
