"""The matrix of tests/jobs/test_parity.py on Amazon EMR: every job of the registry gives the bytes of inline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs import registry
from tests.clusters import Rehearsal
from tests.emr.runs import RECORDED, Ran, Recorded, run

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]


def test_the_same_bytes_and_nothing_is_left(on_cluster: Recorded) -> None:
    compare(on_cluster.ran)


@pytest.mark.full
@pytest.mark.parametrize("job", [job for job in registry.all_jobs() if job != RECORDED])
def test_every_job(emr: Rehearsal, tmp_path: Path, job: str) -> None:
    compare(run(emr, tmp_path, job))


def compare(ran: Ran) -> None:
    """The same bytes, what it took is told, and nothing is left."""
    errors = ran.done.errors
    assert (ran.done.status, ran.given) == (0, ran.expected), errors
    assert ran.expected.count("\n") > 1
    assert "published in s3://lake/stats " in errors
    assert re.search(r"^step s-\w+ \(Step 1 of \d\): completed$", errors, re.MULTILINE)
    account = r"^ +planned +actual\ntime  .*\n  cluster's start .*\nbytes .*\nprice .*$"
    assert re.search(account, errors, re.MULTILINE)
    assert ran.states == {"TERMINATED"}
    assert not any(key.startswith(".sensor-jobs/runs/") for key in ran.keys)
    assert any(re.fullmatch(r"\.sensor-jobs/packages/.*/requirements\.txt", key) for key in ran.keys)
