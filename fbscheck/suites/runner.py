"""Works through the tasks of suites: in parallel, resumable, with the same results in any order.

Every finished task is written to a journal at once.  An interrupted run loses nothing: with
``resume`` the tasks in the journal are taken from there.
"""

import dataclasses
import json
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, final

import joblib
from threadpoolctl import threadpool_limits

from fbscheck._version import VERSION
from fbscheck.errors import InputError, MissingToolError
from fbscheck.files import keep_arrays, write_text
from fbscheck.store import JOURNAL, result_as_json, result_from_json
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Result

__all__ = ["Finished", "Settings", "run", "versions"]

_Outcome = tuple[str, list[Result], str | None]
"""A task's name, its results, and its traceback if it crashed."""

SIZES = ("small", "full", "large")
SCHEDULER_SECONDS = 20.0
PACKAGES = ("numpy", "scipy", "cvxpy", "clarabel", "python-flint", "scikit-learn", "joblib")


@final
@dataclasses.dataclass(frozen=True)
class Settings:
    """How to run: processes, a dask scheduler's address or None, seed, size, and whether to resume."""

    jobs: int = 1
    scheduler: str | None = None
    seed: int = 0
    size: str = "full"
    resume: bool = False

    def __post_init__(self) -> None:
        if self.jobs < 1 and self.jobs != -1:
            raise InputError(f"Need --jobs as a number of processes >= 1, or -1 for all cores, got {self.jobs}.")
        if self.seed < 0:
            raise InputError(f"Need --seed >= 0, got {self.seed}.")
        if self.size not in SIZES:
            raise InputError(f"Need --size among {', '.join(SIZES)}, got {self.size!r}.")


@final
@dataclasses.dataclass(frozen=True)
class Finished:
    """What a run leaves: all results in the order of the tables, and the tracebacks of tasks that crashed."""

    results: tuple[Result, ...]
    crashes: tuple[str, ...]


def versions() -> dict[str, str]:
    """fbscheck's version and those of the packages that its numbers depend on."""
    found = {"fbscheck": VERSION}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def run(
    suites: Sequence[Suite],
    folder: Path,
    settings: Settings,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> Finished:
    """Run all tasks of ``suites``; ``progress`` is called with (tasks done, tasks in all, task just done).

    Raises
    ------
    InputError
        If the journal to resume belongs to another run, or the scheduler cannot be used.
    """
    tasks = [task for suite in suites for task in suite.tasks(settings.size)]
    journal = folder / JOURNAL
    header = {"versions": versions(), "seed": settings.seed, "size": settings.size, "suites": [s.name for s in suites]}
    done = _read_journal(journal, header) if settings.resume else {}
    pending = [task for task in tasks if task.name not in done]
    crashes: dict[str, str] = {}
    with _workers(settings) as work:
        write_text(
            journal, "".join(f"{line}\n" for line in (json.dumps(header), *(_line(*row) for row in done.items())))
        )
        for name, results, crash in work(pending):
            if crash is None:
                done[name] = results = keep_arrays(folder, results)
                with journal.open("a", encoding="utf-8") as log:
                    print(_line(name, results), file=log)
            else:
                crashes[name] = crash
            progress(len(done) + len(crashes), len(tasks), name)
    ordered = tuple(result for task in tasks for result in done.get(task.name, ()))
    return Finished(ordered, tuple(f"task {name}:\n{text}" for name, text in sorted(crashes.items())))


def _line(name: str, results: Sequence[Result]) -> str:
    return json.dumps({"task": name, "results": [result_as_json(result) for result in results]})


def _one(task: Task, seed: int) -> _Outcome:
    """Run a task with one BLAS thread; a crash costs that task only."""
    start = time.perf_counter()
    try:
        with threadpool_limits(1):
            results = task.run(task.generator(seed))
    except Exception:  # noqa: BLE001 - kept whole and reported as a bug; the other tasks go on
        return task.name, [], traceback.format_exc()
    share = (time.perf_counter() - start) / max(1, len(results))
    return task.name, [dataclasses.replace(result, seconds=result.seconds or share) for result in results], None


@contextmanager
def _workers(settings: Settings) -> Iterator[Callable[[Sequence[Task]], Iterable[_Outcome]]]:
    """A function that runs tasks, here or elsewhere, and yields their outcomes as they come."""
    seed = settings.seed
    if settings.scheduler is not None:
        with _dask(settings.scheduler) as client:
            yield lambda tasks: _as_completed(client, tasks, seed)
    elif settings.jobs == 1:
        yield lambda tasks: (_one(task, seed) for task in tasks)
    else:
        cores = joblib.cpu_count()
        jobs = cores if settings.jobs == -1 else min(settings.jobs, cores)
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        yield lambda tasks: parallel(joblib.delayed(_one)(task, seed) for task in tasks)


def _as_completed(client: Any, tasks: Sequence[Task], seed: int) -> Iterator[_Outcome]:
    from distributed import as_completed

    yield from (
        future.result() for future in as_completed([client.submit(_one, task, seed, pure=False) for task in tasks])
    )


def _dask(address: str) -> Any:
    """A dask client whose workers can import this version of fbscheck (dask would hang if they could not)."""
    try:
        from distributed import Client
    except ImportError:
        raise MissingToolError("Need dask for --scheduler: pip install 'fbscheck[dask]'.") from None
    try:
        client = Client(address, timeout=SCHEDULER_SECONDS)
        remote = client.submit(_remote_version, pure=False).result(timeout=SCHEDULER_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever dask raises, it is the scheduler that cannot be used
        reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise InputError(f"Need a dask scheduler whose workers can import fbscheck, got {address}: {reason}.") from None
    if remote != VERSION:
        raise InputError(f"Need fbscheck {VERSION} on the workers of {address}, got {remote}.")
    return client


def _remote_version() -> str:
    from fbscheck._version import VERSION as remote

    return remote


def _read_journal(path: Path, header: dict[str, Any]) -> dict[str, list[Result]]:
    """The finished tasks of an interrupted run with the same settings; a torn last line is dropped."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        if json.loads(lines[0]) != header:
            raise InputError(
                f"Need --seed, --size, suites and versions of the run to resume, got others than in {path}. "
                "Leave out --resume to start anew."
            )
    except (IndexError, json.JSONDecodeError):
        return {}
    done = {}
    for line in lines[1:]:
        try:
            entry = json.loads(line)
            done[entry["task"]] = [result_from_json(data) for data in entry["results"]]
        except (json.JSONDecodeError, KeyError, TypeError, ValueError):
            break
    return done
