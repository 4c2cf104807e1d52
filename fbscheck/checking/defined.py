"""Against a convex function that the user wrote in cvxpy: is T the proximal map that it claims to be?

The function is the user's code, and lives in a sandbox of its own, with cvxpy and the solver.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.checking.loading import a_function, imported, named
from fbscheck.checking.sandbox import Sandbox
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
UNSOLVED = float(np.finfo(np.float64).max)
"""The error of a point that is not solved."""


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
        padded = np.vstack([x, np.zeros(x.shape[1])])
        reach = float(np.max(np.abs(padded))) + 1.0
        solver = Subject(self.text, (len(padded),), -reach, reach, _Solver(self.function, shape, self.step))
        apart: list[float] = []
        tried, finish = 0, time.monotonic() + seconds
        with Sandbox(solver, SECONDS_PER_CALL) as sandbox:
            try:
                while tried < x.shape[1] and (not apart or time.monotonic() < finish):
                    part = slice(tried, tried + CHUNK)
                    answer = sandbox.call(padded[:, part])
                    apart += [
                        certain_distance(t, p, float(eta) + error) if error < UNSOLVED else -1.0
                        for t, p, eta, error in zip(tx[:, part].T, answer[:-1].T, noise[part], answer[-1], strict=True)
                    ]
                    tried = len(apart)
            except Fault as fault:
                raise InputError(f"Need a convex cvxpy function, got {self.text}, which {fault}") from None
        if max(apart) < 0:
            raise InputError(
                f"Need a function whose proximal map Clarabel can solve, got {self.text}: no optimum at {tried} points."
            )
        k = int(np.argmax(apart))
        return apart[k], k, sum(distance >= 0 for distance in apart)


@final
class _Solver:
    """An operator for a sandbox: from x and one entry more to the proximal point of x and a bound of its error."""

    def __init__(self, function: str | Callable[..., Any], shape: tuple[int, ...], step: float) -> None:
        self.function, self.shape, self.step = function, shape, step
        self._solve: Callable[[Values], tuple[Values, float]] | None = None

    def __call__(self, padded: Values) -> Values:
        if self._solve is None:
            from fbscheck.reference.proximal import proximal_map

            self._solve = proximal_map(self._loaded(), self.shape, self.step)
        point, error = self._solve(padded[:-1].reshape(self.shape))
        return np.append(point.ravel(), min(error, UNSOLVED))

    def _loaded(self) -> Callable[..., Any]:
        if not isinstance(self.function, str):
            return self.function
        place, _, name = self.function.rpartition(":")
        return a_function(named(imported(place), name, place), name)
