"""The process in which a user's operator lives: it is loaded, called, and what it does wrong is said in one line.

Nothing that is written to stdout or stderr here is seen by anyone; see :mod:`fbscheck.checking.process`.
Only numpy is imported besides the standard library, so that a restart is quick.
"""

import mmap
import numbers
import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from fbscheck.checking.loading import a_function, bound, imported, named, said
from fbscheck.checking.modules import Module
from fbscheck.errors import FbscheckError, InputError

__all__ = ["Fault", "Guest", "Kind", "Unloadable", "main"]

Kind = Literal["raises", "hangs", "dies", "shape", "nan", "complex", "not numbers", "changes its argument", "random"]
Values = npt.NDArray[np.float64]


@final
class Fault(FbscheckError):
    """What an operator did wrong; ``x`` (d,) is where, None if it was not in a call at a point."""

    def __init__(self, kind: Kind, message: str, x: Values | None = None) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.x = x


@final
class Unloadable(Exception):
    """A pickled callable cannot be had back in this process."""


def _ignore(_: int) -> None:
    pass


@final
class Guest:
    """A loaded operator: ``target`` is a callable, or FILE.py:NAME or MODULE:NAME; ``derivative`` a callable or a NAME.

    With ``scalar``, its values are single numbers.  With ``isolated``, even a KeyboardInterrupt is a fault of the
    operator, as nobody can press Ctrl-C here.

    Raises
    ------
    InputError
        If it cannot be imported or found, is not callable, or does not take the parameters.
    """

    def __init__(
        self,
        target: str | Callable[..., Any],
        parameters: Mapping[str, Any],
        sampler: str | None,
        shape: tuple[int, ...],
        derivative: str | Callable[..., Any] | None = None,
        scalar: bool = False,
        isolated: bool = False,
    ) -> None:
        self.shape, self.scalar, self.isolated = shape, scalar, isolated
        self._sampler: Callable[..., Any] | None = None
        if isinstance(target, str):
            place, _, name = target.rpartition(":")
            module = imported(place)
            target = named(module, name, place)
            self._sampler = a_function(named(module, sampler, place), sampler) if sampler else None
            if isinstance(derivative, str):
                derivative = a_function(named(module, derivative, place), derivative)
        self._function = bound(target, parameters)
        self.remark, inner = "", getattr(self._function, "func", self._function)
        if isinstance(inner, Module):
            self.remark, derivative = inner.remark, derivative or inner.derivative
        given = {} if isinstance(target, type) else parameters
        self._derivative = partial(derivative, **given) if callable(derivative) else None

    @property
    def introduction(self) -> tuple[str, bool]:
        """A remark on the operator, and whether it comes with a derivative."""
        return self.remark, self._derivative is not None

    def answer(self, job: str, *arguments: Any, beat: Callable[[int], None] = _ignore) -> Any:
        """Do one job; ``beat`` is told each new column.

        The jobs: "singles" or "batch" of x (d, S); "slopes" or "slope batch" of x and v, T'(x) v column by column;
        "sample" of (count, seed).

        Raises
        ------
        Fault
            If the user's function does anything wrong.
        """
        if job == "sample":
            count, seed = arguments
            return self._sample(count, seed, beat)
        x, *v = arguments
        if job == "slope batch":
            batch = self._slope(*(part.T.reshape(-1, *self.shape) for part in (x, *v)))
            return batch.reshape(len(batch), -1).T.copy()
        if job == "slopes":
            return self._slopes(x, v[0], beat)
        return self._batch(x) if job == "batch" else self._singles(x, beat)

    def _singles(self, x: Values, beat: Callable[[int], None]) -> tuple[Values, str]:
        values, dtype = np.empty((1 if self.scalar else len(x), x.shape[1])), ""
        for column in range(x.shape[1]):
            beat(column)
            value, dtype = self._applied(x[:, column].reshape(self.shape))
            values[:, column] = value.ravel()
        return values, dtype

    def _batch(self, x: Values) -> tuple[Values, str]:
        value, dtype = self._applied(x.T.reshape(-1, *self.shape))
        return value.reshape(len(value), -1).T.copy(), dtype

    def _slopes(self, x: Values, v: Values, beat: Callable[[int], None]) -> Values:
        values = np.empty(x.shape)
        for column in range(x.shape[1]):
            beat(column)
            values[:, column] = self._slope(*(part[:, column].reshape(self.shape) for part in (x, v))).ravel()
        return values

    def _slope(self, x: Values, v: Values) -> Values:
        assert self._derivative is not None
        return _numbers(self._called(partial(self._derivative, x.copy()), v.copy()), x.shape, finite=False)[0]

    def _sample(self, count: int, seed: int, beat: Callable[[int], None]) -> Values:
        assert self._sampler is not None
        values = np.empty((int(np.prod(self.shape)), count))
        for column in range(count):
            beat(column)
            try:
                drawn = self._called(self._sampler, np.random.default_rng([seed, column]))
                values[:, column] = _numbers(drawn, self.shape)[0].ravel()
            except Fault as fault:
                raise Fault(fault.kind, f"the sampler {fault}") from None
        return values

    def _applied(self, x: Values) -> tuple[Values, str]:
        given = np.array(x, order="C")
        try:
            result = self._called(self._function, given)
            if not np.array_equal(given, x):
                raise Fault("changes its argument", "changes its argument (work on x.copy())")
            return _numbers(result, x.shape[: x.ndim - len(self.shape)] if self.scalar else x.shape)
        except Fault as fault:
            raise Fault(fault.kind, str(fault), x.flatten()) from None

    def _called(self, function: Callable[..., Any], argument: Any) -> Any:
        try:
            return function(argument)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not self.isolated:
                raise
            raise Fault("raises", f"raises {said(error)}") from None


def _numbers(result: Any, shape: tuple[int, ...], finite: bool = True) -> tuple[Values, str]:
    """A fresh float64 array with the entries of ``result``, and their type; whatever holds real numbers will do."""
    try:
        raw = np.asarray(result)
        real = raw.dtype.kind in "iuf" or (
            raw.dtype.kind == "O" and all(isinstance(t, numbers.Real) and not isinstance(t, bool) for t in raw.flat)
        )
        if np.iscomplexobj(raw) or (raw.dtype.kind == "O" and any(isinstance(t, complex) for t in raw.flat)):
            raise Fault("complex", "returns complex numbers (take the real part?)")
        if not real or result is None:
            cause = " (a missing return?)" if result is None else ""
            raise Fault("not numbers", f"returns {type(result).__name__} of {raw.dtype}, not numbers{cause}")
        if raw.shape != shape:
            wanted = f"for x of shape {shape}" if shape else "where one number is needed"
            raise Fault("shape", f"returns an array of shape {raw.shape} {wanted}")
        with np.errstate(all="ignore"):
            values = np.array(raw, dtype=np.float64)
    except Fault:
        raise
    except Exception as error:
        raise Fault("not numbers", f"returns {type(result).__name__}, not numbers ({said(error)})") from None
    bad = np.argwhere(~np.isfinite(values) & finite)
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise Fault("nan", f"returns {values[first]} at entry {first[0] if len(first) == 1 else first}")
    return values, str(raw.dtype)


def main(pipe: int, counter: int) -> None:
    """Answer what comes through the file descriptor ``pipe`` until it is closed; the first request is an order.

    The number of the column at work is kept in the shared memory behind ``counter``.
    """
    connection, memory = Connection(pipe), mmap.mmap(counter, 8)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    guest: Guest | None = None

    def beat(column: int) -> None:
        memory[:] = column.to_bytes(8, "little")

    while True:
        try:
            job, *arguments = connection.recv()
        except EOFError:
            os._exit(0)
        try:
            if guest is None:
                target, parameters, sampler, shape, derivative, scalar = _unpickled(arguments[0])
                guest = Guest(target, parameters, sampler, shape, derivative, scalar, isolated=True)
                reply: tuple[Any, ...] = ("done", guest.introduction)
            else:
                reply = ("done", guest.answer(job, *arguments, beat=beat))
        except Fault as fault:
            reply = ("fault", fault.kind, str(fault), fault.x)
        except InputError as error:
            reply = ("input", str(error))
        except Unloadable:
            reply = ("unloadable",)
        except Exception:
            reply = ("bug", traceback.format_exc())
        connection.send(reply)


def _unpickled(order: bytes) -> Any:
    try:
        return pickle.loads(order)
    except BaseException as error:
        raise Unloadable from error


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone, even in the middle of a call."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)
