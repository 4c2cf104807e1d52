"""One worker process: started, asked one thing at a time, ended without leaving anything behind.

It has a session of its own, so that Ctrl-C does not reach it and its own children end with it; its
stdin, stdout and stderr are the null device; its linear algebra has one thread, for reproducible sums.
"""

import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any, final

from fbscheck.checking.worker import Fault, Unloadable
from fbscheck.errors import InputError

__all__ = ["Worker"]

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")}
CODE = "import sys; sys.path[:] = {!r}; from fbscheck.checking.worker import main; main({}, {})"


@final
class Worker:
    """A worker with an operator: ``order`` holds the pickled arguments of :class:`~fbscheck.checking.worker.Guest`.

    Raises
    ------
    InputError
        If the operator cannot be loaded within ``seconds``.
    Unloadable
        If the order cannot be unpickled there.
    """

    def __init__(self, order: bytes, seconds: float) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        with tempfile.TemporaryFile() as file, theirs:
            file.write(bytes(8))
            file.flush()
            self._counter = mmap.mmap(file.fileno(), 8)
            descriptors = theirs.fileno(), file.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", CODE.format([*map(str, sys.path)], *descriptors)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | ONE_THREAD,
                pass_fds=descriptors,
                start_new_session=True,
            )
        try:
            self.introduction: tuple[str, bool] = self.ask(seconds, "load", order)
        except Fault as fault:
            self.close()
            raise InputError(f"Need an operator that can be loaded, got one whose import {fault}.") from None
        except BaseException:
            self.close()
            raise

    @property
    def column(self) -> int:
        """The column of x that was last begun."""
        return int.from_bytes(self._counter[:], "little")

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._pipe.closed

    def ask(self, seconds: float, *request: Any) -> Any:
        """Send a request and return the answer; each column of it may take so many seconds.

        Raises
        ------
        Fault
            If the operator does anything wrong; after "hangs" and "dies" the worker is closed.
        """
        self._counter[:] = bytes(8)
        try:
            self._pipe.send(request)
            column, since = 0, time.monotonic()
            while not self._pipe.poll(min(seconds / 20, 0.5)):
                if self.column != column:
                    column, since = self.column, time.monotonic()
                elif time.monotonic() - since > seconds:
                    self.close()
                    raise Fault("hangs", f"hangs: no answer within {seconds:g} s")
            kind, *reply = self._pipe.recv()
        except KeyboardInterrupt:
            self.close()
            raise
        except (EOFError, OSError):
            raise Fault("dies", f"ends the process it runs in, {self._end()}") from None
        if kind == "fault":
            raise Fault(*reply)
        if kind == "input":
            raise InputError(*reply)
        if kind == "unloadable":
            raise Unloadable
        if kind == "bug":
            raise RuntimeError(f"the worker failed:\n{reply[0]}")
        return reply[0]

    def close(self) -> None:
        """End the process and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._pipe.close()

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5.0)
        status = self._process.poll()
        self.close()
        if status is None:
            return "or at least its connection"
        cause = " (out of memory?)" if status == -signal.SIGKILL else ""
        return f"by signal {signal.Signals(-status).name}{cause}" if status < 0 else f"with exit status {status}"
