"""Processes of a cluster that die under a job: it ends with the right bytes."""

from __future__ import annotations

import time

import pytest

from tests.hadoop import faults
from tests.hadoop.faults import until
from tests.hadoop.trials import JOBS, Gate, Trial, short

pytestmark = [pytest.mark.hadoop, pytest.mark.full, pytest.mark.slow, pytest.mark.xdist_group("hadoop-faults")]


EVERY_SHUFFLE = pytest.mark.parametrize("trial", JOBS, indirect=True)


@EVERY_SHUFFLE
@pytest.mark.parametrize("task", ["m_000000", "r_000000"])
def test_a_container_of_a_task(trial: Trial, task: str) -> None:
    """A map task has read some, a reduce task has written some, when they are killed."""
    gate = Gate.closed(trial.folder / "gate", f"*_{task}_0")
    with trial.job(gate) as job:
        [(attempt, container)] = gate.held().items()
        faults.kill_container(container)
        gate.open()  # a second half has tasks of the same numbers
        done = job.ended()
    assert short(attempt) == f"{task}_0"
    failed = job.failed()
    assert list(failed) == [f"{task}_0"]
    assert "Exit code is 137" in failed[f"{task}_0"]
    others = {f"{one}_0" for one in ("m_000000", "m_000001", "r_000000") if one != task}
    assert job.succeeded() == {f"{task}_1", *others}
    trial.check_right(done)


def test_an_application_master(trial: Trial) -> None:
    """The next one takes up what was done, and does the rest."""
    gate = Gate.closed(trial.folder / "gate", "*_m_000000_0")
    with trial.job(gate) as job:
        gate.held()
        until(lambda: job.maps_done == 1)
        time.sleep(1)  # it is written down a moment later
        [first] = job.masters()
        faults.kill_container(first["containerId"])
        done = job.ended()
    first, second = job.masters()
    assert first["appAttemptState"] == "FAILED"
    noted = faults.logs(trial.hadoop, trial.hadoop.layout.node_managers)
    assert f"Exit code from container {first['containerId']} is : 137" in noted
    assert second["appAttemptState"] in ("FINISHING", "FINISHED")
    assert job.succeeded() == {"m_000001_0", "m_000000_1000", "r_000000_1000"}  # a later master counts from a thousand
    trial.check_right(done)


@EVERY_SHUFFLE
def test_a_node_manager(trial: Trial) -> None:
    """Its node is lost; what ran there runs again elsewhere, although the dead node's task goes on."""
    gate = Gate.closed(trial.folder / "gate", "*_m_*_0")
    with trial.job(gate) as job:
        places = {short(a): faults.node_of(trial.hadoop, c) for a, c in gate.held(2).items()}
        master = faults.node_of(trial.hadoop, job.masters()[0]["containerId"])
        attempt, node = next((a, n) for a, n in places.items() if n != master)
        faults.kill_daemon(trial.hadoop, node)
        until(lambda: faults.node(trial.hadoop, node)["state"] == "LOST")
        gate.open()
        done = job.ended()
    assert attempt in job.failed("KILLED")
    assert f"{attempt.rpartition('_')[0]}_1" in job.succeeded()
    trial.check_right(done)
