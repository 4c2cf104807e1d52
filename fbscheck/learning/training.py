"""Training: from a few layers to many, each level starting where the last one ended, from one start or several.

What is found is a local minimiser, as far as the stationarity says; of a global one nothing is claimed.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from fbscheck.archive import name_of
from fbscheck.errors import InputError
from fbscheck.inputs import positive
from fbscheck.learning.descent import Descent, Ending, Secants, descend
from fbscheck.learning.problem import Problem
from fbscheck.verdict import Bracket

__all__ = ["Level", "Training", "train"]

Values = npt.NDArray[np.float64]
Told = Callable[[str], None]
Kind = Literal["least", "local", "unfinished"]


@final
@dataclass(frozen=True)
class Level:
    """One depth of a training: what :class:`~fbscheck.learning.descent.Descent` says, without the parameters.

    "stalled" is the usual ending where r has kinks: a minimiser then lies where states of some samples are about to
    leave zero, J_N has a kink there as well, and the gradients beside it stay away from 0.  The stationarity is that of
    one of them, and no measure of how far the minimiser is; what is left to gain is what the last steps gained, a share
    of ``progress`` of the value over five steps.
    """

    depth: int
    value: float
    stationarity: float
    iterations: int
    evaluations: int
    ending: Ending


@final
@dataclass(frozen=True, eq=False)
class Training:
    """The outcome: a problem, parameters (rows, P), and the levels from the coarsest to the last."""

    problem: Problem
    parameters: Values
    levels: tuple[Level, ...]

    @property
    def depth(self) -> int:
        """N."""
        return self.levels[-1].depth

    @property
    def value(self) -> float:
        """J_N at the parameters."""
        return self.levels[-1].value

    @property
    def stationarity(self) -> float:
        """The norm of the projected gradient in the metric of the penalty, over J_N^(1/2)."""
        return self.levels[-1].stationarity

    @property
    def ending(self) -> Ending:
        """Why the last level ended."""
        return self.levels[-1].ending

    @property
    def iterations(self) -> int:
        """Steps on all levels."""
        return sum(level.iterations for level in self.levels)

    def kind(self, accuracy: float = 1e-6) -> Kind:
        """What the parameters may be called, by a bound on the values of all paths where there is one.

        "least" if no path of this depth has a value below (1 - ``accuracy``) J_N: for one sample alone such a bound
        is known (:meth:`Problem.least_value`).  Else "local" if the descent ended at a stationary point, and
        "unfinished" if it did not; no more is claimed.
        """
        try:
            bound = self.problem.least_value(self.depth).lower
        except InputError:
            bound = None
        if bound is not None and (1 - accuracy) * self.value <= bound:
            return "least"
        return "local" if self.ending == "stationary" else "unfinished"

    def certificate(self, refine: int = 1) -> Bracket:
        """Bounds on the limit's value of the trained path (:meth:`Problem.limit_value`)."""
        return self.problem.limit_value(self.parameters, refine)


def train(
    problem: Problem,
    depth: int,
    start: npt.ArrayLike | None = None,
    starts: int = 1,
    spread: float = 1.0,
    seed: int = 0,
    coarsest: int = 8,
    tolerance: float = 1e-8,
    progress: float = 1e-5,
    most: int = 200,
    file: Path | str | None = None,
    told: Told | None = None,
) -> Training:
    """Train a network of N = ``depth`` layers.

    Parameters
    ----------
    problem, depth
        What is trained, and N.
    start
        A value (P,) at all times, or parameters of the coarsest level (rows, P); the penalty's reference unless told.
    starts, spread, seed
        Each further start adds a constant path of normal numbers times ``spread``; the best one is refined.
    coarsest
        Levels halve the depth while it is even and the half is not below this.
    tolerance, progress, most
        Of each level (:func:`fbscheck.learning.descent.descend`).
    file
        Keeps the levels that are done (.npz); a training of the same problem with the same settings goes on from it.
    told
        Called with a line on the state of the training; unless told, it is shown on stderr if that is a terminal.

    Raises
    ------
    InputError
        If an argument is malformed, or the file belongs to another training.
    """
    for name, number in (("depth", depth), ("starts", starts), ("coarsest", coarsest), ("most", most)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise InputError(f"Need a positive integer for {name}, got {number!r:.40}.")
    positive(tolerance, "tolerance", "It bounds the stationarity.")
    depths = [int(depth)]
    while depths[0] % 2 == 0 and depths[0] // 2 >= coarsest:
        depths.insert(0, depths[0] // 2)
    first = _first(problem, depths[0], start, starts, spread, seed)
    settings = (first, float(tolerance), float(progress), int(most))
    kept = None if file is None else _Kept(Path(file), _fingerprint((problem, settings)))
    theta, secants, levels = kept.read() if kept is not None else (None, None, ())
    say = _shown if told is None else told
    for level in range(len(levels), len(depths)):
        if level and theta is not None and problem.regulariser.depth(theta) < depths[level]:
            theta = problem.regulariser.refined(theta)
            secants = None if secants is None else secants.refined(problem.regulariser.refined)

        def line(iterations: int, value: float, stationarity: float, level: int = level) -> None:
            say(f"depth {depths[level]}, step {iterations}: {value:.9g}, stationarity {stationarity:.1e}")

        candidates = first if not level or theta is None else theta[None]
        found = [descend(problem, s, tolerance, progress, most, secants, line) for s in candidates]
        best: Descent = min(found, key=lambda descent: descent.value)
        theta, secants = best.parameters, best.secants
        numbers = best.value, best.stationarity, best.iterations, best.evaluations, best.ending
        levels = (*levels, Level(depths[level], *numbers))
        if kept is not None:
            kept.write(theta, secants, levels)
    assert theta is not None
    if told is None and levels:
        _shown("")
    return Training(problem, theta, levels)


def _first(problem: Problem, depth: int, start: Any, starts: int, spread: float, seed: int) -> Values:
    """The starts (k, rows, P) of the coarsest level, within their bounds."""
    count, part = problem.family.count, problem.regulariser
    base = part.reference_path(depth, count)
    if start is not None:
        known = np.asarray(start, dtype=np.float64)
        if known.shape not in ((count,), base.shape):
            raise InputError(f"Need a start of shape ({count},) or {base.shape}, got {known.shape}.")
        base = np.array(np.broadcast_to(known, base.shape))
    noise = np.random.default_rng(seed).standard_normal((starts, 1, count)) * spread
    noise[0] = 0.0
    return np.maximum(base + noise, problem.family.lower)


def _fingerprint(value: Any) -> str:
    """A name of numbers, arrays and records of them."""
    if isinstance(value, np.ndarray):
        return name_of(value)
    if is_dataclass(value):
        known = (f"{field.name}={_fingerprint(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({', '.join(known)})"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_fingerprint, value))})"
    return repr(value)


@final
class _Kept:
    """The file of a training."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.name = hashlib.sha256(fingerprint.encode()).hexdigest()

    def read(self) -> tuple[Values | None, Secants | None, tuple[Level, ...]]:
        """Parameters, secants and levels; none if there is no file."""
        if not self.path.exists():
            return None, None, ()
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                name, levels = str(stored["name"]), json.loads(str(stored["levels"]))
                theta, secants = stored["theta"], Secants(stored["changes"], stored["slopes"])
            known = tuple(Level(**level) for level in levels)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"Need a file of a training, got {self.path}: {error}.") from None
        if name != self.name:
            raise InputError(
                f"Need the file of this training, got {self.path}, which is of another problem or of other settings."
            )
        return theta, secants, known

    def write(self, theta: Values, secants: Secants, levels: tuple[Level, ...]) -> None:
        """Keep a level, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(self.path.name + ".new")
        text = json.dumps([asdict(level) for level in levels])
        with temporary.open("wb") as file:
            np.savez(file, name=self.name, levels=text, theta=theta, changes=secants.changes, slopes=secants.slopes)
        os.replace(temporary, self.path)


def _shown(line: str) -> None:
    """A line on stderr that overwrites the last one; silent if that is no terminal."""
    if sys.stderr.isatty():
        width = min(100, shutil.get_terminal_size().columns - 1)
        print(f"\r{line[:width]:{width}}", end="" if line else "\r", file=sys.stderr, flush=True)
