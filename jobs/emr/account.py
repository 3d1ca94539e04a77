"""What an account has of the suite in a region: clusters, and applications of EMR Serverless, by their ids."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

from jobs.emr import aws, clusters, serverless
from jobs.emr.clusters import ALIVE, Found


class Account:
    """region: that of boto3 where None. Raises UsageError where there is none."""

    def __init__(self, region: str | None) -> None:
        self._region = aws.region(region)

    def listed(self, *, ended: bool = False, since: datetime | None = None) -> Iterator[Found]:
        """All, newest first. ended: also what has ended."""
        found = clusters.listed(self._emr, states=() if ended else ALIVE, since=since)
        applications = serverless.listed(self._serverless, ended=ended, since=since)
        return heapq.merge(found, applications, key=lambda each: each.created, reverse=True)

    def described(self, name: str) -> Found:
        """Raises InputError where there is none of this id."""
        if is_cluster(name):
            return clusters.described(self._emr, name)
        return serverless.described(self._serverless, name)

    def terminate(self, found: Found) -> None:
        """End it; EMR refuses to end a cluster that somebody has protected."""
        if is_cluster(found.id):
            clusters.terminate(self._emr, found)
        else:
            serverless.end(self._serverless, found.id)

    def logs(self, found: Found, step: str | None) -> Iterator[tuple[str, bytes]]:
        """Uris and contents of its logs, or of one of its steps. Raises JobError where none is there yet."""
        read = clusters.logs if is_cluster(found.id) else serverless.logs
        return read(aws.client("s3", self._region), found, step=step)

    @cached_property
    def _emr(self) -> Any:
        return aws.client("emr", self._region)

    @cached_property
    def _serverless(self) -> Any:
        return aws.client("emr-serverless", self._region)


def is_cluster(name: str) -> bool:
    """Whether an id is a cluster's, not an application's."""
    return name.startswith("j-")
