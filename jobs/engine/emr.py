"""mrjob's EMR runner, fitted to plans: where a run is staged, what its nodes get, and how it is told."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from http.client import HTTPException
from typing import Any

from jobs.emr import aws, bundle, cluster, clusters, launching, packages
from jobs.emr.found import ENDING
from jobs.emr.outlook import Outlook
from jobs.emr.patience import Patience
from jobs.engine import compat, emr_cancel, emr_output, package
from jobs.engine.applications import JOB_NAME, SPARK_NAME
from jobs.engine.cache import cache_folder
from jobs.engine.clock import Clock, say
from jobs.engine.emr_states import States, is_ending
from jobs.engine.hadoop_watch import Watch, managers, under_way
from jobs.engine.rerun import with_command
from jobs.engine.run_conf import RunConf
from jobs.engine.task_logs import failure
from jobs.errors import JobError
from jobs.lake import s3_client

compat.install()

from mrjob.emr import EMRJobRunner
from mrjob.step import StepFailedException

log = logging.getLogger(__name__)
_POLL = 10.0  # seconds; EMR answers few calls a second an account


class EmrRunner(RunConf, EMRJobRunner):  # type: ignore[misc]  # mrjob has no types
    """`-r emr`. planned: the cluster to start; base: the suite's folder in the lake; tags: what the cluster is for.

    Its nodes install the suite from the bucket where runs are staged. Where the user names their Python
    (`--python-bin`), that has what the suite needs, and the suite travels with the run.
    """

    command: Sequence[str] | None = None
    """How the run was started; None: as this process was."""
    stays = False
    """Whether what is staged in S3 stays until `staged` is closed, instead of until we end."""

    def __init__(self, *, planned: Outlook, base: str, tags: Mapping[str, str], **kwargs: Any):
        self._planned, self._base, self._tags = planned, base, tags
        self._installs = True
        self._packages = ""
        self._archive: dict[str, Any] = {}
        self._watch: Watch | None = None
        self._clock: Clock | None = None
        self.states = States()
        self.failure: JobError | None = None
        self.staged = ExitStack()
        super().__init__(**kwargs)
        if not log.isEnabledFor(logging.INFO):
            logging.getLogger("mrjob").setLevel(logging.CRITICAL)  # a failure is told in one line

    def _fix_opt(self, opt_key: str, opt_value: Any, source: str) -> Any:
        """A region that is not given is none, for mrjob's own default is one of its choice."""
        return None if opt_key == "region" and not opt_value else super()._fix_opt(opt_key, opt_value, source)

    def _combine_opts(self, opt_list: list[dict[str, Any]]) -> dict[str, Any]:
        """Ours stand above mrjob's defaults, and below all that the user gave."""
        empty, default, *given = opt_list
        self._installs = not any(opts.get("python_bin") for opts in given)
        self._waits_as_told = any(opts.get("max_mins_idle") for opts in given)
        own = cluster.options(self._planned, self._base, self._tags) | {
            "python_bin": [bundle.PYTHON],
            "bootstrap_mrjob": False,
            "add_steps_in_batch": True,  # the cluster ends itself after the last step, whatever becomes of us
            "check_cluster_every": _POLL,
            "cloud_fs_sync_secs": 0.0,  # S3 has been consistent since 2020
            "cleanup": ["TMP"],
            "cleanup_on_failure": ["TMP"],
        }
        combined: dict[str, Any] = super()._combine_opts([empty, {**default, **own}, *given])
        if any(opts.get("image_version") for opts in given) and not any(opts.get("release_label") for opts in given):
            combined["release_label"] = f"emr-{combined['image_version']}"
        if combined["pool_clusters"]:
            combined["ebs_root_volume_gb"] = combined["ebs_root_volume_gb"] or cluster.ROOT_GB
        ours = {each["Classification"]: each["Properties"] for each in own["emr_configurations"]}
        combined["emr_configurations"] = [
            {**each, "Properties": {**ours.get(each["Classification"], {}), **each["Properties"]}}
            for each in combined["emr_configurations"]  # mrjob takes the whole of a file from whoever named it last
        ]
        return combined

    def _add_steps_in_batch(self) -> bool:
        """But one by one where steps run at once, for each reads what the one before it wrote."""
        return bool(super()._add_steps_in_batch()) and self._opts["max_concurrent_steps"] == 1

    def _launch(self) -> None:
        self._stage()
        super()._launch()

    def make_persistent_cluster(self) -> str:
        self._stage()
        return str(super().make_persistent_cluster())

    def _stage(self) -> None:
        """Put what nodes install where the run is staged."""
        bucket, _ = s3_client.split_uri(self._opts["cloud_tmp_dir"])
        aws.check_bucket(bucket, self._opts["region"])
        if self._installs:
            base, folder = f"s3://{bucket}/{cluster.FOLDER}", cache_folder() / "emr-bundles"
            self._packages = packages.for_nodes(folder, self._planned.architecture, base, self._tell_packages)
            if self._cluster_id:
                packages.check(self._describe_cluster(), self._packages)

    def _bootstrap_actions(self, add_spark: bool = True) -> list[dict[str, Any]]:
        """Ours first, so that the user's find the suite installed."""
        own = [bundle.bootstrap_action(self._packages)] if self._packages else []
        actions = [{"path": path, "args": args} for path, *args in map(str.split, own)]
        return [*actions, *super()._bootstrap_actions(add_spark)]

    def _add_job_files_for_upload(self) -> None:
        super()._add_job_files_for_upload()
        if not self._installs:
            archive = package.build(cache_folder() / "packages")
            self._archive = {"type": "archive", "name": None, "path": str(archive)}
            self._working_dir_mgr.add(**self._archive)

    def _cmdenv(self) -> dict[str, str]:
        env: dict[str, str] = super()._cmdenv()
        if self._archive:
            unpacked = self._working_dir_mgr.name(**self._archive)
            env |= {"PYTHONPATH": ":".join(filter(None, [unpacked, env.get("PYTHONPATH")]))}
        return s3_client.place() | aws.of_region(self._opts["region"]) | env

    @cached_property
    def _emr(self) -> Any:
        opts = self._opts
        keys = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        given = {name: opts[name] for name in keys if opts[name]}
        if endpoint := opts["emr_endpoint"]:
            given["endpoint_url"] = endpoint if "://" in endpoint else f"https://{endpoint}"
        made = aws.client("emr", opts["region"], **given)
        self.states.listen(made)
        made.run_job_flow = launching.once(made, self._note_launch)
        for call in ("describe_cluster", "describe_step"):
            setattr(made, call, partial(self._patience.ask, getattr(made, call)))
        return made

    @cached_property
    def _patience(self) -> Patience:
        return Patience(self._warn, self._opts["check_cluster_every"])

    def _warn(self, text: str) -> None:
        if log.isEnabledFor(logging.ERROR):
            say(f"warning: {text}")

    def make_emr_client(self) -> Any:
        return self._emr

    def _cluster_kwargs(self, persistent: bool = False) -> dict[str, Any]:
        """With tags from the beginning, which permissions and bills go by; a cluster of a pool ends when it is idle."""
        named = {
            **self._opts["tags"],
            **({cluster.PACKAGES: packages.digest(self._packages)} if self._packages else {}),
        }
        tags = [{"Key": key, "Value": str(value)} for key, value in sorted(named.items())]
        kwargs: dict[str, Any] = {"Tags": tags, **super()._cluster_kwargs(persistent)}
        if persistent or self._opts["pool_clusters"]:  # EMR itself ends what is idle; mrjob's script shuts nodes down
            is_usual = persistent and not self._waits_as_told
            kwargs = {**cluster.idle(cluster.BATCH_MINUTES if is_usual else self._opts["max_mins_idle"]), **kwargs}
            kwargs["BootstrapActions"] = [a for a in kwargs["BootstrapActions"] if a["Name"] != "idle timeout"]
        return kwargs

    def _note_launch(self, started: str) -> None:
        """A cluster is ours from the moment it exists, whatever goes wrong before mrjob knows."""
        self._created_cluster = True
        self._cluster_id: Any = started
        self.states.tell("cluster", f"{started} in {self._opts['region']}", "requested")

    def _tell_packages(self, architecture: str) -> None:
        self.states.tell("packages", f"for {architecture}", "being made, which takes a minute and is kept")

    def _wait_for_steps_to_complete(self) -> None:
        with Watch() as self._watch, Clock(self._planned.seconds, log) as self._clock:
            super()._wait_for_steps_to_complete()

    def _wait_for_step_to_complete(self, step_id: str, step_num: int | None = None) -> None:
        """Has the error of a step that failed, or was cancelled with its cluster, name what runs it again."""
        try:
            super()._wait_for_step_to_complete(step_id, step_num)
        except StepFailedException:
            fix = f"see its cluster: python -m jobs.emr status {self._cluster_id}"
            cancelled = JobError("was cancelled", where=f"step {step_id}", fix=fix)
            self.failure = with_command(self.failure or cancelled, self.command)
            raise

    def _log_step_progress(self) -> None:
        """The bar of a terminal goes by the step's counters, where the primary node can be reached from here."""
        address, name = self._address_of_master(), self._opts["jobconf"].get(JOB_NAME)
        if self._watch is None or self._clock is None or not (address and name and sys.stderr.isatty()):
            return
        try:
            if found := under_way(managers(address), name):
                self._clock.stop()
                self._watch.follow(found.page)
        except (OSError, ValueError, HTTPException):
            self._watch = None  # as from outside of its network

    def _check_cluster_spark_support(self) -> None:
        """The plan knows what its nodes are."""

    def _spark_upload_args(self) -> list[str]:
        """None: nodes have the twins."""
        return []

    def cat_output(self) -> Iterator[bytes]:
        return emr_output.read(self._output_dir)

    def driver_said(self, stream: str) -> str:
        """What the driver of the Spark step wrote on the cluster: from the logs, which are whole once it has ended."""
        self._wait_for_logs_on_s3()
        return emr_output.driver_said(self.fs, self._s3_log_dir(), self._step_ids[-1], stream)

    def _log_counters(self, log_interpretation: dict[str, Any], step_num: int) -> None:
        """None: the report has them, and the step's log comes to S3 minutes later."""

    def _wait_for_logs_on_s3(self) -> None:
        """A cluster of ours ends first, for then its logs are there."""
        if self.ends_cluster:
            if self._describe_cluster()["Status"]["State"] not in ENDING:
                self._emr.terminate_job_flows(JobFlowIds=[self._cluster_id])
            self._wait_for_cluster_to_terminate()
            return
        if self._describe_cluster()["Status"]["State"] in ("RUNNING", "WAITING"):
            self.states.tell("logs of", self._cluster_id, "waited for, up to ten minutes; Ctrl-C goes on without")
        super()._wait_for_logs_on_s3()

    def _add_steps_to_cluster(self, steps: list[dict[str, Any]]) -> None:
        """Why a cluster has ended is told, where it takes no steps any more."""
        from botocore.exceptions import ClientError

        try:
            super()._add_steps_to_cluster(steps)
        except ClientError as error:
            if s3_client.code_of(error) in aws.INVALID:
                self._check_for_failed_bootstrap_action(self._describe_cluster())
            if self.failure is None:
                raise
            raise with_command(self.failure, self.command) from None

    def _check_for_failed_bootstrap_action(self, found: dict[str, Any]) -> None:
        """Nor any other reason for which a cluster did not start."""
        self.failure = clusters.failure(found, self._s3_log_dir()) or self.failure

    def _pick_error(self, log_interpretation: dict[str, Any], step_type: str) -> None:
        """Keeps what the logs say, and leaves the telling to the driver."""
        found = super()._pick_error(log_interpretation, step_type)
        application = log_interpretation.get("step", {}).get("application_id")
        self.failure = failure(found or {}, application, command=f"python -m jobs.emr logs {self._cluster_id}")

    @property
    def has_own_cluster(self) -> bool:
        """Whether a cluster was started for the run."""
        return bool(self._created_cluster)

    @property
    def ends_cluster(self) -> bool:
        """Whether that ends with the run; one of a pool does not."""
        return self.has_own_cluster and not self._opts["pool_clusters"]

    @property
    def leavable(self) -> str | None:
        """The cluster, where it needs us no more to do its work: once it has all steps."""
        wanted = self._num_steps() + bool(self._master_node_setup_script_path)
        return self._cluster_id if len(self._step_ids) == wanted else None

    def leave(self) -> None:
        """Let the cluster go on, with all that it reads."""
        self._opts |= {"cleanup": ["NONE"], "cleanup_on_failure": ["NONE"]}
        self._cluster_id, self._created_cluster = None, False

    def cleanup(self, mode: Any = None) -> None:
        """What mrjob removes, and steps on a cluster that goes on; whether one of ours really ends is looked at."""
        self._patience.end()
        try:
            if self._cluster_id and not self.ends_cluster:
                self._cancel(self.states.not_over(self._step_ids))
            super().cleanup(mode)
        finally:  # also where a second Ctrl-C does not wait for it
            if self.ends_cluster and not is_ending(self._describe_cluster):
                fix = f"end it: python -m jobs.emr terminate {self._cluster_id} --region {self._opts['region']}"
                print(f"warning: cluster {self._cluster_id} may still run; {fix}", file=sys.stderr)

    def _cleanup_cloud_tmp(self) -> None:
        if self.stays:
            self.staged.callback(super()._cleanup_cloud_tmp)
        else:
            super()._cleanup_cloud_tmp()

    def _cancel(self, steps: Sequence[str]) -> None:
        """End steps which nobody waits for any more, and say what may go on."""
        if not steps:
            return
        name = self._opts["jobconf"].get(JOB_NAME) or self._opts["jobconf"].get(SPARK_NAME)
        node, client = self._address_of_master, self._emr
        if told := emr_cancel.end(client, self._cluster_id, steps, self.states, node=node, name=name):
            self._warn(told)
