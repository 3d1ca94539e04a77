"""What Spark needs on YARN: the suite as one archive, unpacked where each container works, and the nodes' Python."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from jobs.engine import applications, archives, dependencies, driver_log, package
from jobs.engine.applications import SUBMITTED
from jobs.engine.cache import cache_folder
from jobs.engine.run_id import new_run_id
from jobs.engine.task_logs import whole_log
from jobs.errors import JobError, UsageError
from jobs.lake import hadoop_conf, s3_client

Conf = dict[str, str]

_STAGING = "spark.yarn.stagingDir"
_AWAITED = "spark.yarn.submit.waitAppCompletion"
UNPACKED = "sensor-jobs"
"""The archive's folder in a container's working directory."""
HERE = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
"""Where nothing leaves this machine."""
_IN_PROCESS = {**HERE, "spark.yarn.am.memory": "512m"}
_FOR_SHORT_RUNS = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""The quick compiler alone would have room for 48 MB of code."""
_SMALL = {
    "spark.executor.instances": "1",
    "spark.executor.cores": "2",
    "spark.executor.memory": "768m",
    "spark.executor.extraJavaOptions": f"-XX:+UseSerialGC {_FOR_SHORT_RUNS}",
    "spark.yarn.am.extraJavaOptions": f"-XX:+UseSerialGC {_FOR_SHORT_RUNS}",
}
"""A cluster on one machine has room for one executor, and its other processes start as quickly as they can too."""
LAUNCHER = Path(__file__).parents[1] / "spark" / "__main__.py"
_LISTS = {
    "spark.yarn.dist.archives": ",",
    "spark.yarn.dist.files": ",",
    "spark.executorEnv.PYTHONPATH": ":",
    "spark.yarn.appMasterEnv.PYTHONPATH": ":",
    "spark.driver.extraJavaOptions": " ",
}
STATUS = re.compile(r"User application exited with status (\d+)")
"""What the driver's container says at its end."""
_BY_SIGNAL = 128
"""The lowest status of a JVM that a signal ended."""
_CONFIGURATIONS = ("HADOOP_CONF_DIR", "YARN_CONF_DIR")


def conf() -> Conf:
    """The settings of an application whose driver runs here. Raises UsageError where no cluster is configured."""
    return _everywhere() | (_IN_PROCESS if hadoop_conf.is_on_this_machine() else {})


def _need_cluster() -> None:
    if not any(name in os.environ for name in _CONFIGURATIONS):
        raise UsageError(
            "no cluster is configured", where="--master yarn", fix="set HADOOP_CONF_DIR to the folder of yarn-site.xml"
        )


def _everywhere() -> Conf:
    _need_cluster()
    archive = package.build(cache_folder() / "packages")
    settings = {"spark.yarn.dist.archives": f"{archive}#{UNPACKED}"}
    settings |= {f"spark.executorEnv.{k}": v for k, v in {"PYTHONPATH": UNPACKED, **s3_client.place()}.items()}
    if hadoop_conf.is_on_this_machine():
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        settings |= {"spark.yarn.jars": f"local:{_jars()}/*", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1", **_SMALL}
    return settings


def added(ours: Conf, given: Conf) -> Conf:
    """Our settings with the user's, which stand above them, but for lists, to which both belong."""
    both = {
        name: separator.join((ours[name], given[name]))
        for name, separator in _LISTS.items()
        if name in ours and name in given
    }
    return {**ours, **given, **both}


def shipped(chosen: str | None, given: Conf) -> Conf:
    """The user's settings, and where dependencies are shipped what does so. chosen: the option's text.

    Raises UsageError where no cluster is configured."""
    _need_cluster()
    if not dependencies.are_shipped(chosen, named="PYSPARK_PYTHON" in os.environ or "spark.pyspark.python" in given):
        return given
    if not hadoop_conf.is_on_this_machine():
        os.environ.setdefault("PYSPARK_PYTHON", dependencies.PYTHON)
    name = dependencies.NAME
    paths = {f"spark.{env}.PYTHONPATH": name for env in ("executorEnv", "yarn.appMasterEnv")}
    return added({"spark.yarn.dist.archives": f"{_for_all_runs(given.get(_STAGING))}#{name}", **paths}, given)


def _for_all_runs(staging: str | None) -> str:
    """Where the dependencies are: in HDFS, from where Spark copies nothing; here where HDFS is not the file system.

    staging: where the user has Spark put its own.
    """
    archive = dependencies.build(cache_folder() / "packages")
    try:
        hadoop_conf.name_nodes("", "hdfs:///")
    except UsageError:
        return str(archive)
    from jobs.engine.hadoop import home
    from jobs.engine.hdfs_files import HdfsFiles

    return archives.kept(HdfsFiles(), archive, staging or home(), f"--conf {_STAGING}=hdfs:///tmp/NAME")


def _in_cluster() -> Conf:
    """The settings of an application whose driver runs there too."""
    log = Path(__file__).with_name("spark-log4j2.properties")
    settings = _everywhere() | {
        _AWAITED: "true",
        "spark.ui.enabled": "false",
        "spark.yarn.maxAppAttempts": "1",  # a driver that says no would be asked again
        "spark.yarn.dist.files": str(log),
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log.name}",
    }
    driver = {"PYTHONPATH": UNPACKED, **s3_client.place(), **hadoop_conf.place()}
    if "PYSPARK_PYTHON" in os.environ:
        driver["PYSPARK_PYTHON"] = os.environ["PYSPARK_PYTHON"]
    if hadoop_conf.is_on_this_machine():
        driver["SPARK_LOCAL_IP"] = "127.0.0.1"
        settings["spark.driver.extraJavaOptions"] += f" {_FOR_SHORT_RUNS}"
    return settings | {f"spark.yarn.appMasterEnv.{name}": value for name, value in driver.items()}


def _jars() -> Path:
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("jars")


def submit(job: str, arguments: Sequence[str], given: Conf) -> int:
    """Run a twin whose driver runs on the cluster too, say here what it said there, and return its status. Raises
    UsageError where it would not be awaited."""
    if given.get(_AWAITED, "true").lower() != "true":
        what = "what the driver publishes, and whether it does, is told when it has ended"
        raise UsageError(what, where=f"--conf {_AWAITED}={given[_AWAITED]}", fix="leave it out")
    flags = [flag for name, value in added(_in_cluster(), given).items() for flag in ("--conf", f"{name}={value}")]
    command = [str(_jars().with_name("bin") / "spark-submit"), "--master", "yarn", "--deploy-mode", "cluster"]
    name = new_run_id(job)
    status, said = _run([*command, "--name", name, *flags, str(LAUNCHER), job, *arguments], name)
    application = SUBMITTED.search(said)
    if application is None:
        last = said.strip().splitlines()[-1:] or [f"status {status}"]
        raise JobError(f"spark-submit failed: {last[0]}", where="--deploy-mode cluster")
    told = driver_log.said(application[1], "stdout")  # where Spark puts what Python writes
    whole = f"the whole log: {whole_log(application[1])}"
    sys.stderr.write(f"the application has ended; {whole}\n" if told is None and not status else told or "")
    left = STATUS.search(driver_log.said(application[1], "stderr") or "") if status else None
    if status and "error: " not in (told or ""):
        raise JobError("the application failed", where=application[1], fix=whole)
    return int(left[1]) if left else status


def _run(command: Sequence[str], name: str) -> tuple[int, str]:
    """Status and words of spark-submit; where one of us is ended meanwhile, the application of that name ends too."""
    log = Path(__file__).with_name("spark-submit-log4j2.properties").as_uri()
    options = f"{os.environ.get('SPARK_SUBMIT_OPTS', '')} -Dlog4j2.configurationFile={log}"
    said: list[str] = []
    hadoop = shutil.which("hadoop")
    watchdog = applications.Watchdog([hadoop], name) if hadoop else None
    with (
        watchdog or nullcontext(),
        subprocess.Popen(
            command,
            env={**os.environ, "SPARK_SUBMIT_OPTS": options},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line)
                if watchdog is not None and (found := SUBMITTED.search(line)):
                    watchdog.know(found[1])
        except BaseException:
            process.terminate()  # killed, it would leave its temporary files
            raise
        if watchdog is not None and 0 <= process.wait() < _BY_SIGNAL:
            watchdog.all_is_well()
        return process.wait(), "".join(said)
