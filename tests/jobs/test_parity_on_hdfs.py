"""Every job on Hadoop as on a large cluster: a real set in HDFS, containers of their own, several reduce tasks, and the
published parts, which have the bytes of a local run's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jobs import api, registry
from jobs.engine import driver
from jobs.hadoop.cluster import Cluster
from tests.data.real_sets import SETS
from tests.hadoop.faults import applications
from tests.hadoop.trials import history
from tests.hdfs import files, local_files
from tests.jobs.test_parity import OF_REAL, REAL

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.full, pytest.mark.xdist_group("hadoop-jobs")]

JOBS = [name for name, job in registry.all_jobs().items() if "hadoop" not in job.GAPS]
APART = ["mapreduce.job.ubertask.enable=false", "mapreduce.job.reduces=3"]


@pytest.mark.parametrize("job", JOBS)
def test_the_same_parts(
    hadoop: Cluster, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    monkeypatch.setattr(driver, "_BYTES_PER_PARTITION", 100_000)
    [given] = [shared_data / name for name in SETS[REAL].inputs]
    subprocess.run(["hadoop", "fs", "-mkdir", "-p", "/real"], check=True)
    subprocess.run(["hadoop", "fs", "-put", "-f", str(given), "/real/"], check=True)
    options: dict[str, api.OptionValue] = {"dialect": SETS[REAL].dialect, **OF_REAL.get(job, {}), "tasks": 3}
    api.publish(job, [given], tmp_path / "here", engine="local", split_size="100K", **options)
    before = {app["id"] for app in applications(hadoop)}
    there, where = f"/parts/{job}", f"hdfs:///real/{given.name}"
    outcome = api.publish(job, [where], f"hdfs://{there}", engine="hadoop", split_size="100K", jobconf=APART, **options)
    assert outcome.run.partitions > 3
    begun = [one for app in applications(hadoop) if app["id"] not in before for one in history(app["id"])]
    inited = [event for kind, event in begun if kind == "JOB_INITED"]
    assert {(event["uberized"], event["totalReduces"]) for event in inited} == {(False, 3)}
    expected = local_files(tmp_path / "here")
    assert expected, "nothing to compare"
    assert files(there) == expected
