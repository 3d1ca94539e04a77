"""The Spark session a twin runs in: the one that is there, or one of its own for the time of the run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.engine import spark_on_yarn
from jobs.engine.mrjob_engine import PACKAGE_ROOT
from jobs.engine.spark_on_yarn import HERE, Conf
from jobs.errors import JobError, UsageError

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

LOCAL = "local[*]"


def is_local(master: str | None) -> bool:
    """Whether Spark's tasks run on this machine and see its files. None: as the Spark that runs already, or LOCAL."""
    return (master or _running() or LOCAL).startswith("local")


@contextmanager
def session(tasks: int, master: str | None = None, conf: Conf | None = None) -> Iterator[SparkSession]:
    """A session with the settings that the twins rely on: UTC, ANSI arithmetic, Arrow batches, a quiet log.

    Where Spark runs in this process already, as in a notebook, it is shared and runs on; else it is stopped at the end.
    Raises UsageError without a cluster's configuration, and for what a running Spark cannot change.
    """
    from pyspark.sql import SparkSession

    if _context() is not None:
        if master is not None:
            raise UsageError("Spark runs already, on a master of its own", where="--master", fix="leave it out")
        active, shared = SparkSession.getActiveSession(), SparkSession.builder.getOrCreate()
        try:
            yield _set(shared.newSession(), {**_definitions(tasks), **(conf or {})})
        finally:
            SparkSession._activeSession = active  # type: ignore[attr-defined, unused-ignore]  # as Spark's own code does
        return
    spark = _started({**_definitions(tasks), **settings_of(master, conf or {})}, f"--master {master or LOCAL}")
    try:
        yield spark
    finally:
        if not is_local(master):
            _hush(spark)
        spark.stop()


def _started(conf: Conf, where: str) -> SparkSession:
    """A new session. Raises JobError where Spark does not start."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("jobs")
    for key, value in conf.items():
        builder = builder.config(key, value)
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise JobError(f"Spark does not start: {reason}", where=where, fix="what it says stands above") from error
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _hush(spark: SparkSession) -> None:
    """A cluster hangs up before the driver does, and a thread of Spark's would print its stack for that."""
    jvm: Any = spark.sparkContext._jvm
    with suppress(Exception):  # of Py4J: where we are ended in the middle of a call, it hears nothing more
        nowhere = jvm.java.io.OutputStream.nullOutputStream()
        jvm.java.lang.System.setErr(jvm.java.io.PrintStream(nowhere))


def settings_of(master: str | None, conf: Conf) -> Conf:
    """How Spark starts there: what is given in `conf` over what that kind of cluster asks for."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    if _submitted():
        return conf
    where = master or LOCAL
    known = {"spark.master": where, "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    if where.startswith("yarn"):
        known |= spark_on_yarn.conf()
    elif is_local(where):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        known |= HERE
    return {**spark_on_yarn.added(known, conf), **_driver_options(conf)}


def _running() -> str | None:
    """The master of the Spark that runs in this process, or that spark-submit started it for."""
    if (context := _context()) is not None:
        return str(context.master)
    if not _submitted():
        return None
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # what spark-submit chose is known to its JVM
    return str(SparkConf().get("spark.master", "yarn"))


def _context() -> SparkContext | None:
    """The Spark that runs in this process."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext

    return SparkContext._active_spark_context


def _submitted() -> bool:
    """Whether spark-submit started this process, and with it the JVM."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _definitions(tasks: int) -> Conf:
    """What the same bytes ask for."""
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
        "spark.sql.shuffle.partitions": str(tasks),
        "spark.sql.adaptive.enabled": "false",
    }


def _driver_options(conf: Conf) -> Conf:
    """The JVM options of the driver: the log is the user's where there is a SPARK_CONF_DIR, else errors only."""
    name = "spark.driver.extraJavaOptions"
    own = Path(__file__).with_name("spark-log4j2.properties").as_uri()
    quiet = "" if "SPARK_CONF_DIR" in os.environ else f"-Dlog4j2.configurationFile={own}"
    return {name: " ".join(filter(None, [quiet, conf.get(name)]))}


def _set(spark: SparkSession, conf: Conf) -> SparkSession:
    for key, value in conf.items():
        try:
            spark.conf.set(key, value)
        except Exception:
            raise UsageError(
                f"Spark runs already, and {key} is settled when it starts", where="--conf", fix="leave it out"
            ) from None
    return spark
