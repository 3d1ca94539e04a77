"""What Spark needs on YARN: the suite as one archive, unpacked where each container works, and the nodes' Python."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jobs.engine import package
from jobs.engine.cache import cache_folder
from jobs.errors import JobError, UsageError
from jobs.lake import hadoop_conf, s3_client

Conf = dict[str, str]

UNPACKED = "sensor-jobs"
"""The archive's folder in a container's working directory."""
_IN_PROCESS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.yarn.am.memory": "512m",
}
_SMALL = {"spark.executor.instances": "1", "spark.executor.cores": "2", "spark.executor.memory": "768m"}
"""A cluster on one machine has room for one executor."""
LAUNCHER = Path(__file__).parents[1] / "spark" / "__main__.py"
_APPLICATION = re.compile(r"Submitted application (application_\w+)")
_STATUS = re.compile(r"User application exited with status (\d+)")
_CONFIGURATIONS = ("HADOOP_CONF_DIR", "YARN_CONF_DIR")


def conf() -> Conf:
    """The settings of an application whose driver runs here. Raises UsageError where no cluster is configured."""
    return _everywhere() | (_IN_PROCESS if hadoop_conf.is_on_this_machine() else {})


def _everywhere() -> Conf:
    if not any(name in os.environ for name in _CONFIGURATIONS):
        raise UsageError(
            "no cluster is configured", where="--master yarn", fix="set HADOOP_CONF_DIR to the folder of yarn-site.xml"
        )
    archive = package.build(cache_folder() / "packages")
    settings = {"spark.yarn.dist.archives": f"{archive}#{UNPACKED}"}
    settings |= {f"spark.executorEnv.{k}": v for k, v in {"PYTHONPATH": UNPACKED, **s3_client.place()}.items()}
    if hadoop_conf.is_on_this_machine():
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        settings |= {"spark.yarn.jars": f"local:{_jars()}/*", "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1", **_SMALL}
    return settings


def _in_cluster() -> Conf:
    """The settings of an application whose driver runs there too."""
    log = Path(__file__).with_name("spark-log4j2.properties")
    settings = _everywhere() | {
        "spark.ui.enabled": "false",
        "spark.yarn.dist.files": str(log),
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log.name}",
    }
    driver = {"PYTHONPATH": UNPACKED, **s3_client.place()}
    if "PYSPARK_PYTHON" in os.environ:
        driver["PYSPARK_PYTHON"] = os.environ["PYSPARK_PYTHON"]
    if hadoop_conf.is_on_this_machine():
        driver["SPARK_LOCAL_IP"] = "127.0.0.1"
    return settings | {f"spark.yarn.appMasterEnv.{name}": value for name, value in driver.items()}


def _jars() -> Path:
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("jars")


def submit(job: str, arguments: Sequence[str], given: Conf) -> int:
    """Run a twin whose driver runs on the cluster too, say here what it said there, and return its status."""
    settings = _in_cluster() | given
    flags = [flag for name, value in settings.items() for flag in ("--conf", f"{name}={value}")]
    command = [str(_jars().with_name("bin") / "spark-submit"), "--master", "yarn", "--deploy-mode", "cluster"]
    log = Path(__file__).with_name("spark-submit-log4j2.properties").as_uri()
    done = subprocess.run(
        [*command, "--name", job, *flags, str(LAUNCHER), job, *arguments],
        env={**os.environ, "SPARK_SUBMIT_OPTS": f"-Dlog4j2.configurationFile={log}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    application = _APPLICATION.search(done.stdout)
    if application is None:
        last = done.stdout.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise JobError(f"spark-submit failed: {last[0]}", where="--deploy-mode cluster")
    told = _said(application[1], "stdout")  # where Spark puts what Python writes
    sys.stderr.write(told)
    status = _STATUS.search(_said(application[1], "stderr")) if done.returncode else None
    if done.returncode and "error: " not in told:
        raise JobError("the application failed", where=application[1], fix=f"yarn logs -applicationId {application[1]}")
    return int(status[1]) if status else done.returncode


def _said(application: str, stream: str) -> str:
    """What the driver's container wrote, where it is to be had."""
    folder = Path(os.environ.get("HADOOP_HOME", "."), "logs", "userlogs", application)
    for path in folder.glob(f"container_*_000001/{stream}"):
        return path.read_text("utf-8", "replace")
    if (yarn := shutil.which("yarn")) is None:
        return ""
    command = [yarn, "logs", "-applicationId", application, "-am", "1", "-log_files", stream]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
