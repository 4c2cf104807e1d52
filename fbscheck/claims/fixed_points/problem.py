"""A problem min F + g, and its description in a witness, from which it can be made again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck import functions, operators
from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import round_down
from fbscheck.functions import Function
from fbscheck.inputs import Array
from fbscheck.operators import Gradient
from fbscheck.splitting import ForwardBackward

__all__ = ["Points", "Problem", "objective", "restore"]

Points = npt.NDArray[np.float64]


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
    if any(x is not None and (x.shape != (f.dimension,) or x.dtype != np.float64) for x in (start, solution)):
        raise ValueError("start and solution must be points of float64")
    if not isinstance(text["name"], str):
        raise TypeError("the name is no text")
    return Problem(text["name"], f, g, float(Fraction(text["relative step"])), start=start, solution=solution)


def objective(f: Gradient, g: Function, x: Array) -> Any:
    """(F + g)(x), one value a column; float64 or balls."""
    return f.potential(x) + g(x)
