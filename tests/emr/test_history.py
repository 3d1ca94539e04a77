"""What runs took is kept a line each, whoever else writes, and whatever stands in the file."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.emr import history
from jobs.emr.history import Entry

RUN = Entry(
    "daily_stats-1", "daily_stats", "2026-03-01T00:00:00+00:00", (1, 2), (0.1, 0.2), 5, 900.0, 300.0, 5, 0.15, 4
)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    assert history.read(tmp_path / "none") == ()
    runs = [replace(RUN, run=f"r{number}") for number in range(3)]
    for run in runs:
        history.append(tmp_path / "emr", run)
    assert history.read(tmp_path / "emr") == tuple(runs)


def _append(folder: Path, worker: int) -> None:
    for number in range(200):
        history.append(folder, replace(RUN, run=f"{worker}-{number}"))


def test_lines_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append, args=(tmp_path, worker)) for worker in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {run.run for run in history.read(tmp_path)} == {f"{w}-{n}" for w in range(4) for n in range(200)}


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    history.append(tmp_path, RUN)
    path = tmp_path / history.FILE
    whole = path.read_text()
    later = whole.replace(RUN.run, "later")
    path.write_text(f'{whole}\n[1]\n{{"run": 1}}\n{whole[:40]}\nnot\xff json\n{later}', "latin-1")
    assert history.read(tmp_path) == (RUN, replace(RUN, run="later"))


def test_a_run_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    """As one that was killed before it could forget that it was to be received, and took longer by another clock."""
    received, other = replace(RUN, seconds=905.0), replace(RUN, job="rollup")
    for run in (RUN, other, RUN, received):
        history.append(tmp_path, run)
    assert history.read(tmp_path) == (received, other)


def test_lines_of_earlier_versions_are_read(tmp_path: Path) -> None:
    history.append(tmp_path, RUN)
    path = tmp_path / history.FILE
    path.write_text(path.read_text().replace(', "batch": "", "failed": false', ""))
    assert "batch" not in path.read_text()
    assert history.read(tmp_path) == (RUN,)


def test_what_jobs_of_a_batch_cost_is_in_its_own_line() -> None:
    jobs = [replace(RUN, run="a", batch="b", dollars=0.2), replace(RUN, run="c", batch="b", dollars=0.3)]
    batch = replace(RUN, run="b", job="batch", dollars=0.6)
    assert history.total([*jobs, batch, RUN]) == pytest.approx(0.75)
    assert history.total(jobs) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("run", "rate"),
    [
        (replace(RUN, bytes=2_400_000_000), 1.0),
        (replace(RUN, bytes=2_400_000_000, slots=8), 0.5),
        (replace(RUN, start_seconds=900.0), 0.0),
        (replace(RUN, slots=0), 0.0),
        (replace(RUN, bytes=2_400_000_000, failed=True), 0.0),
    ],
)
def test_the_rate_of_a_task_leaves_out_the_start(run: Entry, rate: float) -> None:
    assert run.slot_mb_s == pytest.approx(rate)
