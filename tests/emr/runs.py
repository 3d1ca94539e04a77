"""Whole runs in a rehearsal of EMR, and what came of them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.emr import aws
from jobs.emr.history import Entry, loads
from tests.clusters import Rehearsal
from tests.command_line import ROOT
from tests.emr.permissions import Asked
from tests.outcomes.commands import Outcome, told

SAMPLE = ROOT / "sample_data"
READING = b"timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n"
ON_EMR = ("-r", "emr", "--yes", "--architecture", platform.machine(), "--check-cluster-every", "0.3")
RECORDED = "availability"
"""The job whose run several tests look at."""
TWIN = "jobs.spark.daily_stats"
PATIENCE = 900.0  # seconds for a run on a busy machine


@dataclass(frozen=True)
class Ran:
    """done: how the command ended; expected: what the job gives here, given: there; states: of all clusters, or
    applications; keys: of the lake afterwards."""

    done: Outcome
    expected: str
    given: str
    states: frozenset[str]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """A run for several tests, and what it and what looks after it asked of AWS."""

    ran: Ran
    asked: frozenset[Asked]


def fill(emr: Rehearsal) -> None:
    """Put the sample logs into the lake."""
    for path in sorted(p for p in SAMPLE.rglob("*") if p.is_file()):
        emr.client().upload_file(str(path), "lake", f"logs/{path.relative_to(SAMPLE)}")


def keys(emr: Rehearsal, prefix: str) -> list[str]:
    """What the lake has below a prefix."""
    return [found["Key"] for found in emr.client().list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]


def kept(emr: Rehearsal, key: str) -> Entry:
    """What the lake has of what a run took."""
    found = loads(emr.client().get_object(Bucket="lake", Key=key)["Body"].read())
    assert found is not None
    return found


def states() -> list[str]:
    """Of all clusters."""
    found: list[dict[str, Any]] = aws.client("emr").list_clusters()["Clusters"]
    return [cluster["Status"]["State"] for cluster in found]


def applications() -> list[str]:
    """States of all applications of EMR Serverless."""
    found: list[dict[str, Any]] = aws.client("emr-serverless").list_applications()["applications"]
    return [application["state"] for application in found]


def run(emr: Rehearsal, folder: Path, job: str, *options: str, env: Mapping[str, str] | None = None) -> Ran:
    """Run a job on a cluster, in parts, which publishes and prints."""
    fill(emr)
    here = ("-r", "inline", "--output-dir", folder / "here", "--cat-output")
    expected = told(folder, SAMPLE, *here, module=f"jobs.{job}").output
    published = ("--output-dir", "s3://lake/stats", "--cat-output")
    parts = ("--split-size", "40K", "--tasks", "3")
    given = ("s3://lake/logs/", *ON_EMR, *published, *parts, *options)
    done = told(folder, *given, module=f"jobs.{job}", env=env, seconds=PATIENCE)
    return Ran(done, expected, done.output, frozenset(states()), tuple(keys(emr, "")))


def run_twin(emr: Rehearsal, folder: Path, *options: str) -> Ran:
    """Run the twin of daily_stats where the options say; it publishes CSV."""
    fill(emr)
    expected = told(folder, SAMPLE, "-r", "inline").output
    published = ("--output-dir", "s3://lake/twin", "--output-format", "csv")
    done = told(folder, "s3://lake/logs/", *ON_EMR, *published, *options, module=TWIN, seconds=PATIENCE)
    parts = [key for key in keys(emr, "twin/") if key.endswith(".csv")]
    given = "".join(emr.client().get_object(Bucket="lake", Key=key)["Body"].read().decode() for key in parts)
    return Ran(done, expected, given, frozenset(states() + applications()), tuple(keys(emr, "")))
