"""The proximal map of a convex function in cvxpy, as an operator for a sandbox: its process imports little else."""

from collections.abc import Callable
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.checking.loading import a_function, imported, named

__all__ = ["UNSOLVED", "Solver"]

Values = npt.NDArray[np.float64]

UNSOLVED = float(np.finfo(np.float64).max)
"""The error of a point that is not solved."""


@final
class Solver:
    """From x and one entry more to the proximal point of x and a bound of its error."""

    def __init__(self, function: str | Callable[..., Any], shape: tuple[int, ...], step: float) -> None:
        """Of ``step`` times a function that is FILE.py:NAME, MODULE:NAME or a callable."""
        self.function, self.shape, self.step = function, shape, step
        self._solve: Callable[[Values], tuple[Values, float]] | None = None

    def __call__(self, padded: Values) -> Values:
        """Solve for the point ``padded`` (d + 1,)."""
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
