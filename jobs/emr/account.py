"""What an account has of the suite in a region: clusters, and applications of EMR Serverless, by their ids."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

from jobs.emr import aws, clusters, serverless
from jobs.emr.clusters import ALIVE
from jobs.emr.found import Found
from jobs.errors import JobError


class Account:
    """region: that of boto3 where None. Raises UsageError where there is none.

    Of what is listed, `closed` are the ids that may not be looked at, as others' may not; `unasked` says why EMR
    Serverless could not be asked.
    """

    def __init__(self, region: str | None) -> None:
        self._region = aws.region(region)
        self.closed: list[str] = []
        self.unasked: JobError | None = None

    def listed(self, *, ended: bool = False, since: datetime | None = None) -> Iterator[Found]:
        """All, newest first. ended: also what has ended. Clusters are told where EMR Serverless cannot be asked."""
        found = clusters.listed(self._emr, self.closed, states=() if ended else ALIVE, since=since)
        applications = serverless.listed(self._serverless, self.closed, ended=ended, since=since)
        return heapq.merge(found, self._noted(applications), key=lambda each: each.created, reverse=True)

    def described(self, name: str) -> Found:
        """Raises InputError where there is none of this id."""
        if is_cluster(name):
            return clusters.described(self._emr, name)
        return serverless.described(self._serverless, name)

    def terminate(self, found: Found) -> None:
        """End it; EMR refuses to end a cluster that somebody has protected. Raises JobError for an application that
        does not stop."""
        if is_cluster(found.id):
            clusters.terminate(self._emr, found)
        elif not serverless.end(self._serverless, found.id):
            raise JobError("has not stopped within five minutes", where=found.id, fix="run it again")

    def logs(self, found: Found, step: str | None) -> Iterator[tuple[str, bytes]]:
        """Uris and contents of its logs, or of one of its steps. Raises JobError where none is there yet."""
        read = clusters.logs if is_cluster(found.id) else serverless.logs
        return read(aws.client("s3", self._region), found, step=step)

    def _noted(self, applications: Iterator[Found]) -> Iterator[Found]:
        try:
            yield from applications
        except Exception as error:
            self.unasked = aws.explained(error, "EMR Serverless")
            if self.unasked is None:
                raise

    @cached_property
    def _emr(self) -> Any:
        return aws.client("emr", self._region)

    @cached_property
    def _serverless(self) -> Any:
        return aws.client("emr-serverless", self._region)


def is_cluster(name: str) -> bool:
    """Whether an id is a cluster's, not an application's."""
    return name.startswith("j-")
