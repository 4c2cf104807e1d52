"""The states of a network over the layers, as a path in time."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array
from fbscheck.network.layers import Values

__all__ = ["Trajectory"]


@final
@dataclass(frozen=True, eq=False)
class Trajectory:
    """States x_0..x_N (N+1, d[, S]) at the times 0, h, ..., T, and subgradients xi_1..xi_N (N, d[, S]).

    They satisfy ``x_{n+1} = x_n - h(K_n x_n - L_n b) - h xi_{n+1}`` with xi_{n+1} in the subdifferential of
    g_n at x_{n+1}.  ``trajectory(t)`` is X(t), linear between the states.
    """

    states: Array
    subgradients: Array
    step: float

    @property
    def times(self) -> Values:
        """0, h, ..., T, as (N+1,)."""
        return self.step * np.arange(len(self.states), dtype=np.float64)

    @property
    def velocities(self) -> Array:
        """(x_{n+1} - x_n)/h, as (N, d[, S])."""
        return np.diff(self.states, axis=0) / self.step

    def __call__(self, t: npt.ArrayLike) -> Array:
        """X(t): (d[, S]) for one time, (k, d[, S]) for k.

        Raises
        ------
        InputError
            If a time is outside [0, T].
        """
        times = finite_array(t, "t", (0, 1)) / self.step
        last = len(self.states) - 1
        if not (np.all(times >= 0) and np.all(times <= last * (1 + 1e-12))):
            raise InputError(f"Need times in [0, {last * self.step:g}], got {np.min(t)} to {np.max(t)}.")
        left = np.minimum(times.astype(int), last - 1)
        share = (times - left).reshape(np.shape(left) + (1,) * (self.states.ndim - 1))
        return self.states[left] * (1 - share) + self.states[left + 1] * share  # type: ignore[no-any-return]
