"""One message of what a cluster's logs say."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.engine import applications, driver_log, job_history, spark_on_yarn
from jobs.engine.hadoop import HadoopRunner
from jobs.engine.task_logs import failure, quoted, told
from jobs.errors import AwayError, InputError, JobError
from jobs.lake import hadoop_conf

TRACEBACK = """\
Traceback (most recent call last):
  File "/d/usercache/u/appcache/application_1_2/container_1_2_01_000002/daily_stats.py", line 49, in <module>
    DailyStats.run()
  File "/d/container_1_2_01_000002/sensor-jobs-0123456789abcdef/jobs/engine/tasks.py", line 58, in split
    raise ValueError("no good")
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^
ValueError: no good
in split 3: hdfs:///logs/a.csv and 2 more"""
PIPE = "PipeMapRed failed!\njava.lang.RuntimeException: subprocess failed with code {}\n\tat org.apache.Pipe(P.java:1)"


NOT_COLLECTED = (
    "the whole log: on the nodes, in yarn.nodemanager.log-dirs "
    "(yarn.log-aggregation-enable is not true, so YARN collects none)"
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of YARN is known."""
    for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR", "HADOOP_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(hadoop_conf, "_SYSTEM_FOLDER", tmp_path / "none")


@pytest.fixture
def not_collected(bare: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A configuration that says nothing of it, as Hadoop's own default is."""
    (tmp_path / "yarn-site.xml").write_text("<configuration/>")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))


def _same(error: JobError, expected: JobError) -> bool:
    return type(error) is type(expected) and str(error) == str(expected)


def test_a_traceback() -> None:
    cause = {"task_error": {"message": TRACEBACK, "path": "/logs/stderr"}, "hadoop_error": {"message": PIPE.format(1)}}
    assert str(failure(cause, "application_1_2")) == (
        "jobs/engine/tasks.py line 58: a task failed: ValueError: no good in split 3: hdfs:///logs/a.csv and 2 more; "
        "the whole log: /logs/stderr"
    )


def test_logs_that_only_the_command_shows() -> None:
    found = str(failure({"task_error": {"message": TRACEBACK}}, "application_1_2"))
    assert found.endswith("; the whole log: yarn logs -applicationId application_1_2")


def test_logs_that_yarn_does_not_collect(not_collected: None) -> None:
    assert str(failure({"task_error": {"message": TRACEBACK}}, "application_1_2")).endswith(f"; {NOT_COLLECTED}")
    cause = {"task_error": {"message": TRACEBACK, "path": "/logs/stderr"}}
    assert str(failure(cause, "application_1_2")).endswith("; the whole log: /logs/stderr")
    assert str(failure({"task_error": {"message": TRACEBACK}}, "application_1_2", command="ours")).endswith(": ours")


def test_the_log_of_a_twin_that_yarn_does_not_collect(not_collected: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Submitted application application_1_2"
    monkeypatch.setattr(spark_on_yarn, "_in_cluster", dict)
    monkeypatch.setattr(spark_on_yarn, "_jars", lambda: Path("jars"))
    monkeypatch.setattr(spark_on_yarn, "_run", lambda command, name: (1, said))
    monkeypatch.setattr(driver_log, "said", lambda application, stream: None)
    with pytest.raises(JobError) as failed:
        spark_on_yarn.submit("daily_stats", (), {})
    assert str(failed.value) == f"application_1_2: the application failed; {NOT_COLLECTED}"


def test_the_script_itself() -> None:
    text = TRACEBACK.partition('  File "/d/container')[0] + "SystemError: x"
    assert str(failure({"task_error": {"message": text}}, None)).startswith(
        "daily_stats.py line 49: a task failed: Sys"
    )


@pytest.mark.parametrize(("code", "kind"), [(3, InputError), (75, AwayError), (1, JobError), (99, JobError)])
def test_an_error_that_a_user_can_mend_keeps_its_status(code: int, kind: type[JobError]) -> None:
    told = "error: hdfs:///a: changed while it was read; run again"
    cause = {"task_error": {"message": f"+ python\n{told}"}, "hadoop_error": {"message": PIPE.format(code)}}
    assert _same(failure(cause, None), kind(told.removeprefix("error: ")))


def test_what_hadoop_says() -> None:
    cause = {"hadoop_error": {"message": "Container killed on request\n\tat a.B(C.java:1)\nExit code is 143"}}
    assert str(failure(cause, "application_1_2")) == (
        "Hadoop says: Container killed on request Exit code is 143; "
        "the whole log: yarn logs -applicationId application_1_2"
    )


OVER = (
    "[2026-03-01 00:00:00.000]Container [pid=7,containerID=container_1_2_01_000003] is running 45293568B beyond the "
    "'PHYSICAL' memory limit. Current usage: {} of {} physical memory used; 3.4 GB of 2.1 GB virtual memory used. "
    "Killing container.\nDump of the process-tree for container_1_2_01_000003 :\n"
)


@pytest.mark.parametrize(
    ("attempt", "sizes", "expected"),
    [
        (
            "attempt_1_2_m_000010_3",
            ("299.2 MB", "256 MB"),
            "map task 10: took 299.2 MB of memory, and its container has 256 MB; "
            "give it more: --jobconf mapreduce.map.memory.mb=512",
        ),
        (
            "attempt_1_2_r_000000_1",
            ("1.6 GB", "1.5 GB"),
            "reduce task 0: took 1.6 GB of memory, and its container has 1,536 MB; "
            "give it more: --jobconf mapreduce.reduce.memory.mb=3072",
        ),
    ],
)
def test_a_container_over_its_memory(attempt: str, sizes: tuple[str, str], expected: str) -> None:
    """Also where the task had said something before."""
    hadoop = {"message": OVER.format(*sizes), "path": "/history"}
    assert str(failure({"hadoop_error": hadoop, "attempt_id": attempt}, "application_1_2")) == expected
    cause = {"hadoop_error": hadoop, "attempt_id": attempt, "task_error": {"message": "+ python daily_stats.py"}}
    assert str(failure(cause, "application_1_2")) == expected


def test_an_application_master_over_its_memory() -> None:
    said = f"Application application_1_2 failed 2 times due to AM Container for x\n{OVER.format('1.1 GB', '1 GB')}"
    assert str(failure({}, "application_1_2", said)) == (
        "the application master: took 1.1 GB of memory, and its container has 1,024 MB; "
        "give it more: --jobconf yarn.app.mapreduce.am.resource.mb=2048"
    )


def test_how_the_job_ended() -> None:
    said = "Application application_1_2 failed 2 times due to AM Container for x exited with  exitCode: 137\n more"
    assert str(failure({}, "application_1_2", said)) == (
        f"Hadoop says: {said.replace(chr(10), '')}; the whole log: yarn logs -applicationId application_1_2"
    )


def test_long_messages_are_cut() -> None:
    assert len(str(failure({"hadoop_error": {"message": "x" * 5000}}, None))) < 600


def test_no_logs() -> None:
    assert str(failure({}, None)) == (
        "the job failed on Hadoop, and no log of its tasks was found; look at them: -v shows all that Hadoop says"
    )


def _section(text: str) -> str:
    return f"Container: container_1 on host\nLogType:stderr\nLogContents:\n{text}\nEnd of LogType:stderr\n*****\n"


def test_collected_logs() -> None:
    """The first container that says why it failed."""
    quiet, loud = (
        "+ python daily_stats.py\nreporter:status:1 readings",
        f"+ python\n{TRACEBACK}\nlog4j:WARN No appenders",
    )
    logs = _section(quiet) + _section(loud) + _section("exit status: 3\nerror: hdfs:///a: changed")
    found = told(logs.splitlines(keepends=True))
    assert found == TRACEBACK
    assert told(_section(quiet).splitlines(keepends=True)) == ""
    assert str(failure({"task_error": {"message": found}}, "application_1_2")).startswith(
        "jobs/engine/tasks.py line 58: a task failed: ValueError: no good in split 3: "
    )


def test_a_log_alone_has_the_status() -> None:
    found = told(_section("exit status: 3\nerror: hdfs:///a: changed").splitlines(keepends=True))
    assert _same(failure({"task_error": {"message": found}}, None), InputError("hdfs:///a: changed"))


def test_a_python_that_nodes_do_not_have() -> None:
    cause = {
        "hadoop_error": {"message": 'configuration exception\njava.io.IOException: Cannot run program "/p": error=2'}
    }
    assert str(failure(cause, None)) == "/p: cannot be started on the nodes; --python-bin names their Python"


SAID = """Application application_1_1 failed 1 times due to AM Container for appattempt_1_1 exited with  exitCode: 66
[2026-11-29 11:42:09.196]Container exited with a non-zero exit code 66. Error file: prelaunch.err.
Last 4096 bytes of prelaunch.err :
Last 4096 bytes of stderr :
Traceback (most recent call last):
  File "/data/container_1/sensor-jobs-34917bb3c82cb745/jobs/engine/tasks.py", line 116, in _add
    held.add(batch)
    ^^^^^^^^
AttributeError: 'object' object has no attribute 'add'
in split 0: a.csv
log4j:WARN Please initialize the log4j system properly.


[2026-11-29 11:42:09.196]Container exited with a non-zero exit code 66. Error file: prelaunch.err.
Last 4096 bytes of stderr :
Traceback (most recent call last):
For more detailed output, check the application tracking page
"""


def test_what_hadoop_quotes_of_a_container(bare: None) -> None:
    """As of a small job, which runs within the application master."""
    words = quoted(SAID)
    assert words.startswith("Traceback")
    assert words.endswith("\nin split 0: a.csv")
    error = failure({"task_error": {"message": words}}, "application_1_1")
    assert error.what == "a task failed: AttributeError: 'object' object has no attribute 'add' in split 0: a.csv"
    assert error.where == "jobs/engine/tasks.py line 116"
    assert quoted("Application application_1_1 was killed") == ""


def test_what_the_nodes_python_lacks(bare: None) -> None:
    text = 'Traceback (most recent call last):\n  File "/a/jobs/engine/job.py", line 1, in <module>\n    import numpy\n'
    error = failure({"task_error": {"message": f"{text}ModuleNotFoundError: No module named 'numpy'"}}, None)
    assert (error.status, error.what) == (2, "the nodes' Python has no numpy")
    assert error.fix == "--dependencies ship sends it, --python-bin names another"


IN_ARCHIVE = """\
Traceback (most recent call last):
  File "/d/container_1/sensor-jobs-0123456789abcdef.zip/jobs/daily_stats.py", line 11, in <module>
    import pyarrow as pa
  File "/d/container_1/sensor-jobs-dependencies-0123456789abcdef.zip/pyarrow/__init__.py", line 59, in <module>
    from pyarrow.lib import (BuildInfo, CppBuildInfo, RuntimeInfo, set_timezone_db_path,
ModuleNotFoundError: No module named 'pyarrow.lib'"""
OF_NUMPY = """\
Traceback (most recent call last):
  File "/d/container_1/sensor-jobs-dependencies-0123456789abcdef.zip/numpy/_core/__init__.py", line 85, in <module>
    raise ImportError(msg) from exc
ImportError:\x20

Importing the numpy C-extensions failed. This error can happen for many reasons.

  * The Python version is: Python {} from "/usr/bin/python3"
  * The NumPy version is: "2.4.6"

Original error was: No module named 'numpy._core._multiarray_umath'"""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        (IN_ARCHIVE, "or processor is another"),
        (OF_NUMPY.format("3.7"), "is 3.7"),
        (OF_NUMPY.format(HERE), "or processor is another"),
        (IN_ARCHIVE.replace("jobs/daily_stats.py", "lib/python3.7/runpy.py"), "is 3.7"),
    ],
)
def test_what_was_shipped_is_for_another_python(bare: None, text: str, theirs: str) -> None:
    error = failure({"task_error": {"message": text}}, None)
    assert (error.status, str(error)) == (
        2,
        f"--dependencies ship: what was shipped is for Python {HERE} on {platform.machine()}, and the nodes' Python "
        f"{theirs}; --python-bin names a Python {HERE} of theirs, "
        "--dependencies node has their own NumPy and Arrow used",
    )


def test_a_library_of_the_nodes_own_that_is_broken(bare: None) -> None:
    text = IN_ARCHIVE.replace("sensor-jobs-dependencies-0123456789abcdef.zip", "site-packages")
    assert failure({"task_error": {"message": text}}, None).what.startswith("a task failed: ModuleNotFoundError: ")


def test_logs_that_are_shown_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "_SHOWN_AFTER", (0.0, 0.01, 0.01))
    answers = iter([None, "said", "never asked for"])
    assert applications.awaited(lambda: next(answers)) == "said"
    assert next(answers) == "never asked for"
    assert applications.awaited(lambda: None) is None


def test_logs_that_nobody_keeps_are_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no look, where there are several if somebody does."""
    monkeypatch.setattr(applications, "_SHOWN_AFTER", (0.0, 0.01))
    looks: list[str] = []

    def nothing(application: str) -> Iterator[str]:
        looks.append(application)
        return iter(())

    monkeypatch.setattr(job_history, "errors_of", nothing)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    for name in ("core-site.xml", "yarn-site.xml"):
        (tmp_path / name).write_text("<configuration/>")
    ours: Any = HadoopRunner
    assert (ours._shown(None, "application_1_1"), looks) == ("", [])
    server = "<property><name>mapreduce.jobhistory.address</name><value>h:1</value></property>"
    (tmp_path / "mapred-site.xml").write_text(f"<configuration>{server}</configuration>")
    assert (ours._shown(None, "application_1_1"), looks) == ("", ["application_1_1"] * 2)


def test_what_a_driver_said_as_yarn_collected_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its words alone, without the command's own."""
    monkeypatch.setattr(applications, "_SHOWN_AFTER", (0.0,))
    head = "Container: container_1_1_01_000001 on node_1\nLogType:stdout\nLogLength:6\nLogContents:\n"
    (tmp_path / "shown").write_text(f"{head}error: x\nEnd of LogType:stdout\n****\n")
    (tmp_path / "yarn").write_text(f'#!/bin/sh\n[ "$3" = application_1_1 ] && cat {tmp_path}/shown\n')
    (tmp_path / "yarn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert driver_log.said("application_1_1", "stdout") == "error: x\n"
    assert driver_log.said("application_1_2", "stdout") is None
