"""The command line of a Spark twin: the suite's options, and Spark's own where mrjob's stand otherwise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from jobs.engine import shipping, spark_on_yarn
from jobs.engine.command import run_command
from jobs.engine.guard import guarded, strict
from jobs.engine.options import Option, add_options, files, joined
from jobs.engine.spark import SparkEngine, Twin
from jobs.engine.spending import refuse_elsewhere
from jobs.errors import UsageError


def main(twin: Twin) -> NoReturn:
    """Run `python -m jobs.spark.<name>` and leave with its status."""
    sys.exit(guarded(lambda: command(twin)))


def command(twin: Twin, arguments: Sequence[str] | None = None) -> int:
    """Run a twin with these arguments (default: the command line's); the exit status. Raises JobError."""
    given = joined(sys.argv[1:] if arguments is None else arguments)
    start, rest = _start_options().parse_known_args(given)
    is_on_yarn = (start.spark_master or "").startswith("yarn")
    shipping.refuse_elsewhere(start, on_hadoop=is_on_yarn, fix="--master yarn")
    if start.runner == "emr":
        return _on_emr(twin, start, rest)
    _refuse_serverless(start)
    options = _parser(twin).parse_intermixed_args(given)
    refuse_elsewhere(options, "spark")
    if options.deploy_mode == "cluster":
        _refuse_what_stays_here(options, twin.job.OPTIONS)
    conf = _conf(options.conf)
    if is_on_yarn and not options.dry_run:
        conf = spark_on_yarn.shipped(options.dependencies, conf)
    if options.deploy_mode == "cluster":
        return spark_on_yarn.submit(twin.job.NAME, rest, conf)
    return run_command(twin.job, options, SparkEngine(twin, options.spark_master, conf))


def _on_emr(twin: Twin, start: argparse.Namespace, rest: list[str]) -> int:
    """Run the twin on a cluster of Amazon EMR's, where its options are joined by mrjob's for that."""
    from jobs.engine.job import SensorJob
    from jobs.engine.spark_on_emr import run

    if start.spark_master or start.deploy_mode:
        raise UsageError("is EMR's to say", where="-r emr", fix="leave out --master and --deploy-mode")
    assert issubclass(twin.job, SensorJob)
    known, conf = _parser(twin)._actions, _conf(start.conf)
    if start.serverless:
        from jobs.engine.spark_on_serverless import OnServerless

        return run(twin.job, OnServerless(twin.job, rest, start.execution_role), known, conf)
    from jobs.engine.spark_on_cluster import OnCluster

    _refuse_serverless(start)
    return run(twin.job, OnCluster(twin.job, rest), known, conf)


def _refuse_serverless(start: argparse.Namespace) -> None:
    for flag in ("--serverless", "--execution-role"):
        if getattr(start, flag[2:].replace("-", "_")):
            fix = "add -r emr" if flag == "--serverless" else "add -r emr --serverless"
            raise UsageError("is for EMR Serverless", where=flag, fix=f"{fix}, or leave it out")


_OPTIONS = {"spark.master": "--master", "spark.submit.deployMode": "--deploy-mode"}


def _start_options() -> argparse.ArgumentParser:
    """What is said of Spark itself, not of the twin."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    spark = parser.add_argument_group("Spark")
    spark.add_argument("--master", "--spark-master", dest="spark_master", help="Spark master (default: local[*])")
    spark.add_argument(
        "-r",
        "--runner",
        choices=("emr",),
        help="emr: on a cluster of Amazon EMR's that is started for it, with the options of `-r emr` of the job",
    )
    spark.add_argument(
        "--serverless",
        action="store_true",
        help="with -r emr: on EMR Serverless, in an application for the run, without a cluster",
    )
    spark.add_argument(
        "--execution-role", metavar="ARN", help="the role of a run on EMR Serverless (default: that of mrjob.conf)"
    )
    spark.add_argument(
        "--deploy-mode",
        choices=("client", "cluster"),
        help="where the driver runs: here, or with --master yarn on the cluster (default: client)",
    )
    spark.add_argument(
        "--conf", action="append", default=[], metavar="KEY=VALUE", help="Spark setting; may be repeated"
    )
    shipping.add_option(parser, "--master yarn")
    return strict(parser)


def _parser(twin: Twin) -> argparse.ArgumentParser:
    job = twin.job
    parser = argparse.ArgumentParser(
        prog=f"python -m jobs.spark.{job.NAME}",
        usage="%(prog)s [options] INPUT [INPUT …]",
        description=f"{job.QUESTION} (Spark twin)",
        allow_abbrev=False,
        parents=[_start_options()],
    )
    parser.add_argument("args", nargs="*", metavar="INPUT", help="files, directories, globs, s3:// or hdfs://")
    add_options(parser, job.OPTIONS)
    output = parser.add_argument_group("Publishing")
    output.add_argument("--output-dir", metavar="DIR", help="publish the result there: a folder, s3:// or hdfs://")
    output.add_argument("--cat-output", action="store_true", default=None, help="print the result too")
    output.add_argument(
        "--no-cat-output", "--no-output", dest="cat_output", action="store_false", help="do not print the result"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary")
    return strict(parser)


def _refuse_what_stays_here(options: argparse.Namespace, job_options: Sequence[Option]) -> None:
    """A driver on the cluster sees no file of this machine, and nobody reads what it prints."""
    if options.spark_master != "yarn":
        raise UsageError("is for YARN", where="--deploy-mode cluster", fix="add --master yarn")
    if not options.output_dir or options.cat_output or options.dry_run:
        raise UsageError(
            "the driver prints where nobody reads", where="--deploy-mode cluster", fix="publish with --output-dir"
        )
    here = [name for name in (*options.args, *files(options, job_options)) if "://" not in name]
    if here:
        raise UsageError(
            "is a file of this machine, and the driver runs on another", where=here[0], fix="use hdfs:// or s3://"
        )


def _conf(given: list[str]) -> dict[str, str]:
    for item in given:
        name, found, _ = item.partition("=")
        if not found:
            raise UsageError(f"{item!r} is no KEY=VALUE", where="--conf")
        if name in _OPTIONS:
            raise UsageError("has an option of its own", where=f"--conf {name}", fix=f"use {_OPTIONS[name]}")
    return dict(item.split("=", 1) for item in given)
