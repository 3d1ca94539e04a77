"""Tasks that are slow, or take more memory than they may."""

from __future__ import annotations

import re

import pytest

from tests.hadoop.trials import Gate, Trial

pytestmark = [pytest.mark.hadoop, pytest.mark.full, pytest.mark.slow, pytest.mark.xdist_group("hadoop-faults")]


def test_a_slow_task_runs_twice_and_counts_once(trial: Trial) -> None:
    """The first attempt has read some, and never ends; the second, started beside it, is the one that counts."""
    gate = Gate.closed(trial.folder / "gate", "*_m_000000_0")
    with trial.job(gate, "--jobconf", "mapreduce.map.speculative=true") as job:
        gate.held()
        done = job.ended()
    second = job.name_of("m_000000_1")
    assert job.failed("KILLED")["m_000000_0"] == f"Speculation: {second} succeeded first!"
    assert "m_000000_1" in job.succeeded()
    begun = {event["attemptId"]: event for kind, event in job.history() if kind == "MAP_ATTEMPT_STARTED"}
    assert begun[second]["avataar"] == {"string": "SPECULATIVE"}
    trial.check_right(done)


def test_a_task_over_its_memory_limit(trial: Trial) -> None:
    """A task's JVM and Python do not fit into 128 MB; held, they are there when memory is looked at."""
    gate = Gate.closed(trial.folder / "gate", "*_m_*")
    small = ("--jobconf", "mapreduce.map.memory.mb=128", "--jobconf", "mapreduce.map.maxattempts=2")
    with trial.job(gate, *small) as job:
        done = job.ended()
    failed = job.failed()
    assert any(attempt.endswith("_1") for attempt in failed)
    over = re.compile(r"beyond the 'PHYSICAL' memory limit\. Current usage: ([\d.]+ MB) of 128 MB")
    told = {
        f"map task {int(attempt.split('_')[1])}: took {found[1]} of memory, and its container has 128 MB; "
        "give it more: --jobconf mapreduce.map.memory.mb=256"
        for attempt, error in failed.items()
        if (found := over.search(error))
    }
    assert len(failed) >= len(told) > 0
    [error] = [one for one in told if one in done.errors]
    trial.check_refused(done, 1, error)


def test_an_application_master_over_its_memory_limit(trial: Trial) -> None:
    """Both of them: then YARN ends the job."""
    with trial.job(None, "--jobconf", "yarn.app.mapreduce.am.resource.mb=128") as job:
        done = job.ended()
    said = job.application["diagnostics"]
    assert "failed 2 times due to AM Container" in said
    over = re.search(r"beyond the 'PHYSICAL' memory limit\. Current usage: ([\d.]+ MB) of 128 MB", said)
    assert over is not None
    assert [master["appAttemptState"] for master in job.masters()] == ["FAILED", "FAILED"]
    job.remove_staging()  # which Hadoop leaves behind where the last master dies
    trial.check_refused(
        done,
        1,
        f"the application master: took {over[1]} of memory, and its container has 128 MB; "
        "give it more: --jobconf yarn.app.mapreduce.am.resource.mb=256",
    )
