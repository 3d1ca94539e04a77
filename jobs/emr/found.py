"""What runs, or ran, on EMR of the suite: a cluster, or an application of EMR Serverless, told alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.emr.aws import FORBIDDEN
from jobs.emr.cluster import BATCH, BATCH_MINUTES, JOB, NAME, SUITE
from jobs.errors import InputError
from jobs.lake.s3_client import code_of

ENDING = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})
BUSY = frozenset({"SUBMITTED", "QUEUED", "PENDING", "SCHEDULED", "RUNNING", "CANCEL_PENDING", "CANCELLING"})
_GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a cluster, or a run of an application. Times are UTC."""

    id: str
    name: str
    state: str
    began: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """A cluster, or an application of EMR Serverless with its runs. `reason`: why it is in its state; `logs`: the S3
    folder of its logs, empty where it keeps none; `steps`: as they began."""

    id: str
    name: str
    state: str
    reason: str
    created: datetime
    ended: datetime | None
    tags: Mapping[str, str]
    logs: str
    steps: tuple[Step, ...]

    @property
    def is_alive(self) -> bool:
        return not self.state.startswith("TERMINATED")

    @property
    def has_failed(self) -> bool:
        """Whether it ended with errors, or one of its steps did."""
        return self.state == "TERMINATED_WITH_ERRORS" or any(step.state == "FAILED" for step in self.steps)

    def is_orphan(self, now: datetime) -> bool:
        """Whether it is there with nothing to do: ten minutes after its last step, or its start, were over; of several
        jobs two hours, in which the result of one is published and the next comes."""
        if self.state in ENDING or any(step.state in BUSY for step in self.steps):
            return False
        last = max([self.created, *(step.ended for step in self.steps if step.ended)])
        is_batch = self.tags.get(JOB) == BATCH
        return now - last > (timedelta(minutes=BATCH_MINUTES) if is_batch else _GRACE)


def told(kind: str, name: str, unknown: Collection[str], ask: Callable[[], Any]) -> Any:
    """What AWS says of a cluster or application. kind: which of them; unknown: what it says of one that it has not.

    Raises InputError where there is none of this name.
    """
    from botocore.exceptions import ClientError

    try:
        return ask()
    except ClientError as error:
        if code_of(error) not in unknown:
            raise
        fix = "see them with: python -m jobs.emr clusters"
        raise InputError(f"there is no such {kind} in this region", where=name, fix=fix) from None


def ours(
    names: Iterable[str], ask: Callable[[str], Any], tags: Callable[[Any], Mapping[str, str]], closed: list[str]
) -> Iterator[Any]:
    """What AWS says of those that have the suite's tag. What may not be looked at, as policies go by tags, is added to
    `closed`."""
    from botocore.exceptions import ClientError

    for name in names:
        try:
            found = ask(name)
        except ClientError as error:
            if code_of(error) not in FORBIDDEN:
                raise
            closed.append(name)
        else:
            if tags(found).get(SUITE) == NAME:
                yield found


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps as they began, those that have not last."""
    return tuple(sorted(steps, key=lambda step: step.began or datetime.max.replace(tzinfo=UTC)))


def utc(at: datetime | None) -> Any:
    """The same time in UTC."""
    return None if at is None else at.astimezone(UTC)
