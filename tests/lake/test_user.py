"""A user without a name, as in a container whose user is but a number, ends no run."""

from __future__ import annotations

import getpass
import os
import re
from pathlib import Path

import pytest

import jobs
from jobs.emr import cluster, outlook, prices, rates
from jobs.emr.work import Work
from jobs.engine.hadoop import home
from jobs.errors import UsageError
from jobs.lake import user, webhdfs


@pytest.fixture(params=[KeyError, OSError])
def _nameless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def getuser() -> str:
        raise request.param("getpwuid(): uid not found: 1000")

    monkeypatch.setattr(getpass, "getuser", getuser)
    monkeypatch.delenv("HADOOP_USER_NAME", raising=False)


@pytest.mark.usefixtures("_nameless")
def test_a_number_stands_for_the_name() -> None:
    planned = outlook.outlook(Work("daily_stats", 1, 10**9, 15), prices.load(), rates.load(), region="us-east-1")
    assert cluster.options(planned, "s3://lake/.sensor-jobs/", {})["tags"]["owner"] == str(os.getuid())


@pytest.mark.usefixtures("_nameless")
def test_hadoop_wants_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = "no user is known to name to HDFS; set HADOOP_USER_NAME"
    with pytest.raises(UsageError, match=f"^hdfs://host:8020/a: {refused}$"):
        webhdfs.client("hdfs://host:8020/a", "host:9870")
    with pytest.raises(UsageError, match=f"^hdfs:///user: {refused}$"):
        home()
    monkeypatch.setenv("HADOOP_USER_NAME", "ann")
    assert home() == "hdfs:///user/ann/.sensor-jobs"


def test_one_function_asks_for_the_name() -> None:
    """Any other would have to mind that there may be none."""
    sources = Path(jobs.__file__).parent.rglob("*.py")
    asking = [path for path in sources if re.search(r"\bgetuser\(|\bgetpwuid\(|\bgetlogin\(", path.read_text("utf-8"))]
    assert [path.name for path in asking] == [Path(user.__file__).name]
