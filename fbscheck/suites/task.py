"""A task: the smallest piece of a suite that runs on its own, and gives one result or several."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from fbscheck.verdict import Claim, Result

__all__ = ["Suite", "Task"]


@final
@dataclass(frozen=True)
class Task:
    """``run`` takes a random generator of its own; ``name`` identifies the task within a run."""

    name: str
    run: Callable[[np.random.Generator], list[Result]]

    def generator(self, seed: int) -> np.random.Generator:
        """The generator of this task: it depends on the seed and the name, not on the order of tasks."""
        return np.random.default_rng([seed, zlib.crc32(self.name.encode())])


@final
@dataclass(frozen=True)
class Suite:
    """A named table of tasks; ``tasks`` takes the size: "small", "full" or "large"."""

    name: str
    summary: str
    claims: tuple[Claim, ...]
    tasks: Callable[[str], list[Task]]
