"""The process in which a user's operator lives: it is loaded, called, and what it does wrong is said in one line.

Nothing that is written to stdout or stderr here is seen by anyone; see :mod:`fbscheck.checking.process`.
Only numpy is imported besides the standard library, so that a restart is quick.
"""

import difflib
import importlib
import importlib.util
import inspect
import mmap
import numbers
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

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
    """A loaded operator: ``target`` is a callable, or FILE.py:NAME or MODULE:NAME.

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
        scalar: bool = False,
        isolated: bool = False,
    ) -> None:
        self.shape, self.scalar, self.isolated = shape, scalar, isolated
        self._sampler: Callable[..., Any] | None = None
        if isinstance(target, str):
            place, _, name = target.rpartition(":")
            module = _imported(place)
            target = _named(module, name, place)
            self._sampler = _callable(_named(module, sampler, place), sampler) if sampler else None
        self._function = _bound(target, parameters)

    def answer(self, job: str, *arguments: Any, beat: Callable[[int], None] = _ignore) -> Any:
        """Do one job: "singles" or "batch" of x (d, S), "sample" of (count, seed); ``beat`` is told each new column.

        Raises
        ------
        Fault
            If the user's function does anything wrong.
        """
        if job == "sample":
            count, seed = arguments
            return self._sample(count, seed, beat)
        (x,) = arguments
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
            raise Fault("raises", f"raises {_said(error)}") from None


def _imported(place: str) -> ModuleType:
    try:
        return _file(Path(place)) if place.endswith(".py") else _module(place)
    except BaseException as error:
        hint = " (a file in a package? Then name it as MODULE:NAME)" if "relative import" in str(error) else ""
        raise InputError(f"Need an operator that can be imported, got {place}: {_said(error)}{hint}.") from None


def _module(name: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    return importlib.import_module(name)


def _file(path: Path) -> ModuleType:
    """The module in ``path``; files beside it can be imported, as if Python had been started with it."""
    sys.path.insert(0, str(path.parent))
    name = f"{path.stem}_" if path.stem in sys.modules else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _named(module: ModuleType, name: str, place: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            names = [n for n in dir(found) if not n.startswith("_") and callable(getattr(found, n, None))]
            near = difflib.get_close_matches(part, names, 3, 0.5)
            cause = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names[:8]) or 'no functions'}"
            raise InputError(f"Need a name in {place}, got {name!r}, which is not there ({cause}).")
        found = getattr(found, part)
    return found


def _bound(target: Any, parameters: Mapping[str, Any]) -> Callable[..., Any]:
    name = str(getattr(target, "__name__", type(target).__name__))
    if isinstance(target, type):
        try:
            return _callable(target(**parameters), f"an instance of {name}")
        except Exception as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"Need parameters that {name} takes, got {dict(parameters)}: {_said(error)}.") from None
    function = _callable(target, name)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return partial(function, **parameters)
    try:
        signature.bind(None, **parameters)
    except TypeError as error:
        raise InputError(
            f"Need a function of x, and of parameters given as KEY=VALUE, got {name}{signature} "
            f"with {dict(parameters)}: {error}."
        ) from None
    return partial(function, **parameters)


def _callable(value: Any, name: str) -> Callable[..., Any]:
    if not callable(value):
        raise InputError(f"Need a function of x, got {name} of type {type(value).__name__}, which is not callable.")
    return value  # type: ignore[no-any-return]


def _said(error: BaseException) -> str:
    """The error in one line, with the last line of the user's own file that led to it."""
    try:
        text = " ".join(str(error).split())[:200]
    except Exception:
        text = ""
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    lines = [(file, line) for file, line in lines if file != __file__ and not file.startswith("<frozen")]
    where = [(file, line) for file, line in lines if file == lines[0][0]][-1:]
    if isinstance(error, SyntaxError) and error.filename:
        text, where = error.msg, [(error.filename, error.lineno or 0)]
    place = "".join(f" at line {line} of {Path(file).name}" for file, line in where if line)
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"


def _numbers(result: Any, shape: tuple[int, ...]) -> tuple[Values, str]:
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
        raise Fault("not numbers", f"returns {type(result).__name__}, not numbers ({_said(error)})") from None
    bad = np.argwhere(~np.isfinite(values))
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
                target, parameters, sampler, shape, scalar = _unpickled(arguments[0])
                guest = Guest(target, parameters, sampler, shape, scalar, isolated=True)
                reply: tuple[Any, ...] = ("done", None)
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
