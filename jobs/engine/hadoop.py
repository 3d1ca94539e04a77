"""mrjob's Hadoop runner, fitted to plans: the suite travels as one archive, and files in HDFS are had over WebHDFS."""

from __future__ import annotations

import getpass
import logging
import os
import posixpath
import re
import sys
from typing import Any

from jobs.emr import containers
from jobs.engine import applications, compat, package
from jobs.engine.cache import cache_folder
from jobs.engine.hadoop_watch import Watch
from jobs.engine.hdfs_files import HdfsFiles
from jobs.engine.plan import Plan
from jobs.engine.run import Run
from jobs.engine.task_logs import failure
from jobs.errors import JobError
from jobs.lake import hadoop_conf, s3_client

compat.install()

import mrjob.hadoop
from mrjob.fs.composite import CompositeFilesystem
from mrjob.fs.local import LocalFilesystem
from mrjob.hadoop import HadoopJobRunner, _log_record_from_hadoop

log = logging.getLogger(__name__)

_SMALL_BYTES, _SMALL_TASKS = 4 << 20, 9
_PAGE = re.compile(r"^The url to track the job: (\S+)")
_ENDED = re.compile(r"Job job_\w+ failed with state \w+ due to: (.+)", re.DOTALL)


class HadoopRunner(HadoopJobRunner):  # type: ignore[misc]  # mrjob has no types
    """`-r hadoop`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self._opts["python_bin"] and hadoop_conf.is_on_this_machine():
            self._opts["python_bin"] = [sys.executable]
        self._package: dict[str, Any] = {}
        self.failure: JobError | None = None
        self._said = ""  # how the job ended, in Hadoop's words
        if not log.isEnabledFor(logging.INFO):
            logging.getLogger("mrjob.logs").setLevel(logging.CRITICAL)  # a failure is told in one line

    @classmethod
    def _default_opts(cls) -> dict[str, Any]:
        own = {"hadoop_tmp_dir": f"{home()}/runs", "cleanup_on_failure": ["ALL"], "bootstrap_mrjob": False}
        return {**super()._default_opts(), **own}

    @property
    def fs(self) -> CompositeFilesystem:
        if self._fs is None:
            files = CompositeFilesystem()
            files.add_fs("hadoop", HdfsFiles(self._opts["hadoop_bin"] or None))
            files.add_fs("local", LocalFilesystem())
            self._fs: CompositeFilesystem = files
        return self._fs

    def _add_job_files_for_upload(self) -> None:
        super()._add_job_files_for_upload()
        archive = package.build(cache_folder() / "packages")
        uri = f"{home()}/packages/{archive.name}"
        if not self.fs.exists(uri):
            self.fs.mkdir(posixpath.dirname(uri))
            try:
                self.fs.put(str(archive), uri)
            except OSError:
                if not self.fs.exists(uri):  # another run was faster
                    raise
        self._package = {"type": "archive", "name": None, "path": uri}
        self._working_dir_mgr.add(**self._package)

    def _cmdenv(self) -> dict[str, str]:
        env: dict[str, str] = super()._cmdenv()
        unpacked = self._working_dir_mgr.name(**self._package)
        return s3_client.place() | env | {"PYTHONPATH": ":".join(filter(None, [unpacked, env.get("PYTHONPATH")]))}

    def _run_hadoop(self, *args: Any, **kwargs: Any) -> Any:
        """Runs `hadoop jar`; where we are ended meanwhile, the job on the cluster ends too."""
        submitted: list[str] = []

        def note(record: dict[str, Any]) -> None:
            submitted.extend(applications.SUBMITTED.findall(record["message"]))
            if page := _PAGE.match(record["message"]):
                watch.follow(page[1])
            if ended := _ENDED.match(record["message"]):
                self._said = ended[1]
            _log_record_from_hadoop(record)

        mrjob.hadoop._log_record_from_hadoop = note
        try:
            with Watch() as watch:
                return super()._run_hadoop(*args, **kwargs)
        except BaseException:
            if submitted:
                applications.end(self.get_hadoop_bin(), submitted[-1])
            raise
        finally:
            mrjob.hadoop._log_record_from_hadoop = _log_record_from_hadoop

    def _pick_error(self, log_interpretation: dict[str, Any], step_type: str) -> None:
        """Keeps what the logs say, and leaves the telling to the driver."""
        found = super()._pick_error(log_interpretation, step_type)
        application = log_interpretation.get("step", {}).get("application_id")
        self.failure = failure(found or {}, application, self._said)


def jobconf(run: Run, plan: Plan, cores: int) -> dict[str, Any]:
    """The properties of a run: its name, lines of the plan for a map task, reduce tasks, and whether all of it is so
    small that it runs within the application master."""
    asked = run.settings.tasks
    lines = containers.lines_per_map(plan.size, len(plan.splits), cores, asked)
    reduces = containers.reduce_tasks(plan.size, run.partitions, asked, ordered=run.ordered)
    is_small = plan.size <= _SMALL_BYTES and -(-len(plan.splits) // lines) <= _SMALL_TASKS and reduces == 1
    return {
        "mapreduce.job.name": run.id,
        "mapreduce.input.lineinputformat.linespermap": lines,
        "mapreduce.job.reduces": reduces,
        **({"mapreduce.job.ubertask.enable": "true", "mapreduce.job.maps": 1} if is_small else {}),
    }


def home() -> str:
    """The suite's folder in HDFS, in that of who we are to Hadoop."""
    return f"hdfs:///user/{os.environ.get('HADOOP_USER_NAME') or getpass.getuser()}/.sensor-jobs"
