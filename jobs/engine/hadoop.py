"""mrjob's Hadoop runner, fitted to plans: the suite travels as one archive, and files in HDFS are had over WebHDFS."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

from jobs.emr import containers
from jobs.engine import applications, archives, compat, dependencies, job_history, package
from jobs.engine.cache import cache_folder
from jobs.engine.hadoop_submission import Submission, in_scratch
from jobs.engine.hadoop_watch import Watch
from jobs.engine.hdfs_files import HdfsFiles
from jobs.engine.plan import Plan
from jobs.engine.run import Run
from jobs.engine.run_conf import RunConf
from jobs.engine.task_logs import failure, quoted, told
from jobs.errors import JobError, UsageError
from jobs.lake import hadoop_conf, s3_client, user

compat.install()

from mrjob.fs.composite import CompositeFilesystem
from mrjob.fs.local import LocalFilesystem
from mrjob.hadoop import HadoopJobRunner, fully_qualify_hdfs_path
from mrjob.logs.step import _interpret_hadoop_jar_command_stderr

log = logging.getLogger(__name__)

UBER = "mapreduce.job.ubertask.enable"
"""The property by which all of a job runs within its application master."""
_RUNS = "/runs"
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LEAN = {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # Arrow's own takes a gigabyte of addresses, which YARN may count
_SMALL_BYTES, _SMALL_TASKS = 4 << 20, 9
_PAGE = re.compile(r"^The url to track the job: (\S+)")
_ENDED = re.compile(r"Job job_\w+ failed with state \w+ due to: (.+)", re.DOTALL)


class HadoopRunner(RunConf, HadoopJobRunner):  # type: ignore[misc]  # mrjob has no types
    """`-r hadoop`."""

    def __init__(self, *, dependencies_from: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ships = dependencies.are_shipped(dependencies_from, named=bool(self._opts["python_bin"]))
        if not self._opts["python_bin"]:
            if hadoop_conf.is_on_this_machine():
                self._opts["python_bin"] = [sys.executable]
            elif self._ships:
                self._opts["python_bin"] = [dependencies.PYTHON]
        self._archives: list[dict[str, Any]] = []
        self.failure: JobError | None = None
        self._said = ""  # how the job ended, in Hadoop's words
        if not log.isEnabledFor(logging.INFO):
            logging.getLogger("mrjob.logs").setLevel(logging.CRITICAL)  # a failure is told in one line

    @classmethod
    def _default_opts(cls) -> dict[str, Any]:
        own = {"hadoop_tmp_dir": f"{home()}{_RUNS}", "cleanup_on_failure": ["ALL"], "bootstrap_mrjob": False}
        return {**super()._default_opts(), **own}

    @property
    def fs(self) -> CompositeFilesystem:
        if self._fs is None:
            files = CompositeFilesystem()
            files.add_fs("hadoop", HdfsFiles(self._opts["hadoop_bin"] or None))
            files.add_fs("local", LocalFilesystem())
            self._fs: CompositeFilesystem = files
        return self._fs

    def _find_hadoop_streaming_jar(self) -> str:
        if (found := super()._find_hadoop_streaming_jar()) is None:
            fix = "name it, as /opt/hadoop/share/hadoop/tools/lib/hadoop-streaming-3.4.2.jar, or set HADOOP_HOME"
            raise UsageError("the jar of Hadoop's streaming is not found", where="--hadoop-streaming-jar", fix=fix)
        return str(found)

    @property
    def _home(self) -> str:
        """Where the suite's archives are kept: beside runs, or among them where the user says where those are."""
        given, usual = self._opts["hadoop_tmp_dir"], home()
        return str(fully_qualify_hdfs_path(usual if given == f"{usual}{_RUNS}" else given)).rstrip("/")

    def _add_job_files_for_upload(self) -> None:
        super()._add_job_files_for_upload()
        cache = cache_folder() / "packages"
        for archive in [package.build(cache), *([dependencies.build(cache)] if self._ships else [])]:
            uri = archives.kept(self.fs, archive, self._home, "--hadoop-tmp-dir hdfs:///tmp/NAME")
            self._archives.append({"type": "archive", "name": None, "path": uri})
            self._working_dir_mgr.add(**self._archives[-1])

    def _cmdenv(self) -> dict[str, str]:
        env: dict[str, str] = super()._cmdenv()
        for name in _SECRETS:
            if name in env:
                raise UsageError(
                    "would stand in the job's configuration, where others may read it",
                    where=f"--cmdenv {name}",
                    fix="give the nodes credentials of their own, and their place if need be: --cmdenv"
                    " AWS_SHARED_CREDENTIALS_FILE=/path/on/nodes",
                )
        paths = [*(self._working_dir_mgr.name(**archive) for archive in self._archives), env.get("PYTHONPATH")]
        return _LEAN | s3_client.place() | env | {"PYTHONPATH": ":".join(filter(None, paths))}

    def _run_hadoop(
        self, hadoop_args: list[str], env: dict[str, str], record_callback: Callable[[dict[str, Any]], None]
    ) -> tuple[int, dict[str, Any]]:
        """Runs `hadoop jar`. Where it, or this process, is ended, the job on the cluster ends too."""

        def heard(record: dict[str, Any]) -> None:
            if page := _PAGE.match(record["message"]):
                watch.follow(page[1])
            if ended := _ENDED.match(record["message"]):
                self._said = ended[1]
            record_callback(record)

        name = self._jobconf_for_step(0)[applications.JOB_NAME]
        with Watch() as watch, Submission(self.get_hadoop_bin(), name, self._hadoop_tmp_dir) as submission:
            said = submission.lines(hadoop_args, in_scratch(env, self._opts["local_tmp_dir"]))
            found: dict[str, Any] = _interpret_hadoop_jar_command_stderr(said, record_callback=heard)
        self._said = self._said or submission.last_words
        return submission.status, found

    def _pick_error(self, log_interpretation: dict[str, Any], step_type: str) -> None:
        """Keeps what the logs say, and leaves the telling to the driver."""
        found = super()._pick_error(log_interpretation, step_type) or {}
        application = log_interpretation.get("step", {}).get("application_id")
        if application and not found.get("task_error"):
            found |= {"task_error": {"message": quoted(self._said) or self._shown(application)}}
        self.failure = failure(found, application, self._said)

    def _shown(self, application: str) -> str:
        """What a task said, as the cluster shows it when a job has ended, a moment later; empty where none shows it."""

        def shown() -> str | None:
            if hadoop_conf.logs_are_collected():
                return told(applications.errors_of(self.get_hadoop_bin(), application)) or None
            return told(job_history.errors_of(application)) or None

        is_kept = hadoop_conf.logs_are_collected() or hadoop_conf.history_server() is not None
        return (applications.awaited(shown) if is_kept else None) or ""


def jobconf(run: Run, plan: Plan, cores: int) -> dict[str, Any]:
    """The properties of a run: its name, lines of the plan for a map task, reduce tasks, and whether all of it is so
    small that it runs within the application master. Its blocks are compressed already."""
    asked = run.settings.tasks
    lines = containers.lines_per_map(plan.size, len(plan.splits), cores, asked)
    reduces = containers.reduce_tasks(plan.size, run.partitions, asked, ordered=run.ordered)
    is_small = plan.size <= _SMALL_BYTES and -(-len(plan.splits) // lines) <= _SMALL_TASKS and reduces == 1
    return {
        applications.JOB_NAME: run.id,
        "mapreduce.input.lineinputformat.linespermap": lines,
        "mapreduce.job.reduces": reduces,
        "mapreduce.map.output.compress": "false",
        **({UBER: "true", "mapreduce.job.maps": 1} if is_small else {}),
    }


def memory(run: Run) -> dict[str, str]:
    """The properties of containers as large as tasks need, where a cluster elsewhere would give them less."""
    wanted = containers.MEMORY_MB[run.ordered]
    if hadoop_conf.is_on_this_machine():
        return {}
    small = [role for role in ("map", "reduce") if hadoop_conf.container_megabytes(role) < wanted]
    return containers.memory(wanted, *small)


def home() -> str:
    """The suite's folder in HDFS, in that of who we are to Hadoop. Raises UsageError where that has no name."""
    return f"hdfs:///user/{user.to_hadoop('hdfs:///user')}/.sensor-jobs"
