"""Calls of a user's operator, kept apart from this process, and an examination of how it behaves.

Points are columns of (d, S) in flattened order; the operator sees them in its own shape, one at a time,
or as (S, *shape) where an examination has shown that this gives the same values.
"""

import importlib
import pickle
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, final

import numpy as np

from fbscheck.checking.process import Worker
from fbscheck.checking.subject import Subject
from fbscheck.checking.worker import Fault, Guest, Kind, Unloadable, Values
from fbscheck.errors import InputError
from fbscheck.inputs import finite_array
from fbscheck.operators import Linear

__all__ = ["Examined", "Fault", "Kind", "Sandbox"]

ULPS = 4
PROBES = 7
SLOW = 0.1
"""Seconds of a call from which on fewer points must do."""
BATCH, ENTRIES = 1024, 2**18


@final
@dataclass(frozen=True)
class Examined:
    """How an operator behaves: whether (S, *shape) is one call, the type of its numbers, the time of one call."""

    batched: bool
    dtype: str
    seconds_per_call: float


@final
class Sandbox:
    """An operator that can be called, in a worker process; a context manager.

    ``isolated`` is False if it has to run in this process, unprotected, because it cannot be pickled.
    ``remark`` says how a torch module is understood, and is empty for anything else; ``has_derivative`` says whether
    :meth:`slopes` can be asked.
    A matrix is no user code: it is applied here.

    Raises
    ------
    InputError
        On entry, if the operator cannot be loaded within ``seconds_to_load``.
    """

    def __init__(self, subject: Subject, seconds_per_call: float = 10.0, seconds_to_load: float = 60.0) -> None:
        self.subject = subject
        self.isolated = True
        self.batched = False
        self.remark, self.has_derivative = "", False
        self._seconds, self._seconds_to_load = seconds_per_call, seconds_to_load
        self._epsilon, self._chunk = float(np.finfo(np.float64).eps), 1
        self._guest: Guest | _Matrix | None = None
        self._worker: Worker | None = None
        self._random = np.random.default_rng(0)
        self._slopes_batched = True

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def call(self, x: Values) -> Values:
        """T at the columns of ``x`` (d, S), as float64 (d, S).

        Batches are checked against a call for one of their samples, and given up where they differ.

        Raises
        ------
        Fault
            If T does anything wrong at one of the points.
        InputError
            If a point is not in the box.
        """
        x = self._in_box(x, "x")
        if not self.batched:
            return self._singles(x)[0]
        parts = [x[:, start : start + self._chunk] for start in range(0, x.shape[1], self._chunk)]
        return np.hstack([self._part(part) for part in parts])

    def call_singly(self, x: Values) -> Values:
        """T at the columns of ``x`` (d, S), one by one, as batches may round otherwise."""
        return self._singles(self._in_box(x, "x"))[0]

    def call_afresh(self, x: Values) -> Values:
        """T at the columns of ``x`` (d, S), one by one in a fresh process; as :meth:`call` in all else."""
        x = self._in_box(x, "x")
        self._restart()
        return self._singles(x)[0]

    def slopes(self, x: Values, v: Values) -> Values:
        """What the operator's own derivative says of T'(x) v, for columns x and v (d, S).

        Where T takes batches its derivative is tried on them, too, and checked against one of the columns.

        Raises
        ------
        Fault
            If the derivative does anything wrong.
        """
        if self.batched and self._slopes_batched and x.shape[1] > 1:
            column = int(self._random.integers(x.shape[1]))
            expected = self._ask("slopes", x[:, [column]], v[:, [column]])
            with suppress(Fault):
                values: Values = self._ask("slope batch", x, v)
                if values.shape == x.shape and self._same(expected, values[:, [column]]).all():
                    return values
            self._slopes_batched = False
        singles: Values = self._ask("slopes", x, v)
        return singles

    def sample(self, count: int, seed: int) -> Values:
        """Points (d, count) of the subject's sampler, uniform in the box if it has none.

        Raises
        ------
        Fault
            If the sampler does anything wrong.
        InputError
            If it leaves the box.
        """
        subject = self.subject
        if subject.sampler is None or not count:
            size = (subject.dimension, count)
            return np.random.default_rng(seed).uniform(subject.low, subject.high, size)
        return self._in_box(self._ask("sample", count, seed), f"a sample of {subject.sampler}")

    def examine(self) -> Examined:
        """Call the operator at a few points, repeatedly, in another order, in a fresh process, in batches.

        Raises
        ------
        Fault
            If it does anything wrong, or its values differ by more than twice its accuracy and 4 ulps.
        """
        x = self._probes()
        start = time.perf_counter()
        first, dtype = self._singles(x)
        if np.issubdtype(dtype, np.floating):
            self._epsilon = max(float(np.finfo(dtype).eps), self._epsilon)
        seconds = (time.perf_counter() - start) / x.shape[1]
        if seconds > SLOW:
            x, first = x[:, :2], first[:, :2]
        start = time.perf_counter()
        again = self._singles(x)[0]
        seconds = (time.perf_counter() - start) / x.shape[1]
        self._restart()
        backwards = self._singles(x[:, ::-1].copy())[0][:, ::-1]
        for other, when in ((again, "called again"), (backwards, "called in another order in a fresh process")):
            self._compare(x, first, other, when)
        self._chunk = max(1, min(BATCH, ENTRIES // len(x), int(self._seconds / 4 / seconds)))
        self.batched = self._chunk > 1 and all(
            self._batch(x[:, :s], first[:, :s]) is not None for s in sorted({2, min(3, x.shape[1]), x.shape[1]})
        )
        if not self.batched:
            self._restart()
        return Examined(self.batched, dtype, seconds)

    def _probes(self) -> Values:
        subject = self.subject
        if subject.sampler is not None:
            return self.sample(PROBES, 20)
        random = np.random.default_rng(20).uniform(subject.low, subject.high, (subject.dimension, 4))
        special = [np.full(subject.dimension, t) for t in (np.clip(0.0, subject.low, subject.high), subject.low)]
        return np.column_stack([random, *special, np.full(subject.dimension, subject.high)])

    def _in_box(self, given: Any, name: str) -> Values:
        x, subject = finite_array(given, name, 2), self.subject
        if len(x) != subject.dimension:
            raise InputError(f"Need {name} with {subject.dimension} rows, got shape {x.shape} (transposed?).")
        outside = x[(x < subject.low) | (x > subject.high)]
        if outside.size:
            raise InputError(
                f"Need {name} in the box [{subject.low}, {subject.high}], got an entry {outside[0]} (a larger box?)."
            )
        return x

    def _compare(self, x: Values, first: Values, other: Values, when: str) -> None:
        wrong = ~self._same(first, other, 2 * self.subject.accuracy)
        if wrong.any():
            column = int(np.argmax(wrong))
            row = int(np.argmax(np.abs(first / 2 - other / 2)[:, column]))
            raise Fault(
                "random",
                f"returns different values for the same x when {when}: "
                f"entry {row} is {first[row, column]}, then {other[row, column]}",
                x[:, column].copy(),
            )

    def _same(self, one: Values, other: Values, slack: float = 0.0) -> Any:
        """For each column, whether it is the same up to 4 ulps of its largest entry and ``slack``."""
        size = np.maximum(np.abs(one), np.abs(other)).max(axis=0)
        with np.errstate(over="ignore"):
            return np.all(np.abs(one - other) <= ULPS * self._epsilon * size + slack, axis=0)

    def _part(self, x: Values) -> Values:
        """T at the columns of ``x`` in one call if a random sample agrees, and one by one if not."""
        if self.batched and x.shape[1] > 1:
            column = int(self._random.integers(x.shape[1]))
            values = self._batch(x, self._singles(x[:, [column]])[0], column)
            if values is not None:
                return values
            self.batched = False
            self._restart()
        return self._singles(x)[0]

    def _batch(self, x: Values, expected: Values, column: int | None = None) -> Values | None:
        """The values of a batch, None if they differ from the expected ones (of one column, or of all)."""
        try:
            values: Values = self._ask("batch", x)[0]
        except Fault:
            return None
        seen = values if column is None else values[:, [column]]
        return values if self._same(expected, seen).all() else None

    def _singles(self, x: Values) -> tuple[Values, str]:
        answer: tuple[Values, str] = self._ask("singles", x)
        return answer

    def _ask(self, job: str, *arguments: Any) -> Any:
        if self._guest is not None:
            return self._guest.answer(job, *arguments)
        if self._worker is None or not self._worker.alive:
            self._start()
            return self._ask(job, *arguments)
        try:
            loads = bool(self.remark) and job.startswith("slope")  # torch imports what it differentiates with
            return self._worker.ask(self._seconds_to_load if loads else self._seconds, job, *arguments)
        except Fault as fault:
            if fault.kind not in ("hangs", "dies"):
                raise
            if job == "sample":
                raise Fault(fault.kind, f"the sampler {fault}") from None
            raise Fault(fault.kind, str(fault), arguments[0][:, self._worker.column].copy()) from None

    def _start(self) -> None:
        subject = self.subject
        if isinstance(subject.target, Linear):
            self._guest = _Matrix(subject.target)
            return
        order = (
            subject.target,
            dict(subject.parameters),
            subject.sampler,
            subject.shape,
            subject.derivative,
            subject.scalar,
        )
        try:
            self._worker = Worker(_pickled(order), self._seconds_to_load)
            self.remark, self.has_derivative = self._worker.introduction
        except Unloadable:
            if isinstance(subject.target, str):
                raise InputError(
                    f"Need parameters that can be sent to another process, got {dict(subject.parameters)!r:.100}."
                ) from None
            self.isolated = False
            self._guest = Guest(*order)
            self.remark, self.has_derivative = self._guest.introduction

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.close()

    def _restart(self) -> None:
        """Forget whatever the operator may remember; the next call starts it afresh."""
        if self._guest is None:
            self._stop()


@final
class _Matrix:
    """A matrix that answers as a guest does; all columns at once."""

    def __init__(self, target: Linear) -> None:
        self._target = target

    def answer(self, job: str, x: Values) -> tuple[Values, str]:
        """K at the columns of ``x``, whether "singles" or "batch" is asked for."""
        with np.errstate(all="ignore"):
            values: Values = self._target(x)
        wrong = ~np.isfinite(values).all(axis=0)
        if wrong.any():
            raise Fault("nan", "returns inf or nan (too large a matrix?)", x[:, int(np.argmax(wrong))].copy())
        return values, "float64"


def _pickled(order: Any) -> bytes:
    """By cloudpickle, which also takes lambdas and closures, if some package brought it."""
    pickler: Any = pickle
    for name in ("joblib.externals.cloudpickle", "cloudpickle"):
        with suppress(ImportError):
            pickler = importlib.import_module(name)
    try:
        dumped: bytes = pickler.dumps(order)
    except Exception as error:
        raise Unloadable from error
    return dumped
