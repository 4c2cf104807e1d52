"""The runner gives the same results one by one, in parallel, and on a dask cluster."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from fbscheck.errors import InputError
from fbscheck.suites import contraction, runner
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Bracket, Result, Verdict


def timeless(finished: runner.Finished) -> list[Result]:
    assert finished.crashes == ()
    return [dataclasses.replace(result, seconds=0.0) for result in finished.results]


def run(folder: Path, **settings: object) -> list[Result]:
    folder.mkdir()
    chosen = runner.Settings(size="small", **settings)  # type: ignore[arg-type]
    return timeless(runner.run([contraction.SUITE], folder, chosen))


def test_processes_change_nothing(tmp_path: Path) -> None:
    alone, together = run(tmp_path / "1"), run(tmp_path / "2", jobs=2)
    assert len(alone) > 60
    assert alone == together


def test_a_dask_cluster_changes_nothing(tmp_path: Path) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, processes=False) as cluster:
        assert run(tmp_path / "1") == run(tmp_path / "2", scheduler=cluster.scheduler_address)


def test_the_seed_decides_the_samples_and_the_order_of_tasks_does_not() -> None:
    drawn = [Task(name, lambda rng: []).generator(seed).random() for seed in (0, 1) for name in ("a", "b")]
    assert len(set(drawn)) == 4
    assert Task("a", lambda rng: []).generator(0).random() == drawn[0]


def test_progress_counts_every_task_once(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []

    def crash(rng: np.random.Generator) -> list[Result]:
        raise RuntimeError("boom")

    tasks = [Task("a", lambda rng: []), Task("b", crash), Task("c", lambda rng: [])]
    finished = runner.run(
        [Suite("s", "", (), lambda size: tasks)], tmp_path, runner.Settings(), lambda *row: seen.append(row)
    )
    assert seen == [(1, 3, "a"), (2, 3, "b"), (3, 3, "c")]
    assert len(finished.crashes) == 1
    assert "RuntimeError: boom" in finished.crashes[0]


def test_a_result_that_was_timed_keeps_its_seconds_and_others_share_those_of_the_task(tmp_path: Path) -> None:
    empty = Result("a", "case", Verdict.UNDECIDED, Bracket(None, None, None), "nothing")
    task = Task("a", lambda rng: [dataclasses.replace(empty, seconds=1e6), empty])
    timed, shared = runner.run([Suite("s", "", (), lambda size: [task])], tmp_path, runner.Settings()).results
    assert timed.seconds == 1e6
    assert 0 < shared.seconds < 100


@pytest.mark.parametrize("settings", [{"jobs": 0}, {"jobs": -2}, {"seed": -1}, {"size": "huge"}])
def test_bad_settings(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match="got"):
        runner.Settings(**settings)  # type: ignore[arg-type]


def test_versions_name_what_the_numbers_depend_on() -> None:
    found = runner.versions()
    assert {"fbscheck", "numpy", "cvxpy", "python-flint"} <= set(found)
    assert "not installed" not in found.values()
