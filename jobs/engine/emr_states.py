"""What EMR says of a run's cluster and steps: each change is told once, and times are kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from jobs.emr.found import BUSY, ENDING
from jobs.engine.clock import say

log = logging.getLogger(__name__)
_LOOKS = 5


class States:
    """began: when the first step did; start_seconds: from the request for the cluster until then; over: when the last
    step was, else the cluster."""

    def __init__(self) -> None:
        self.start_seconds = 0.0
        self.began: datetime | None = None
        self.over: datetime | None = None
        self._requested: datetime | None = None
        self._told: dict[str, str] = {}
        self._ended: set[str] = set()

    def listen(self, client: Any) -> None:
        """Learn from whatever a client of EMR is answered."""
        client.meta.events.register("after-call.emr.DescribeCluster", self._cluster)
        client.meta.events.register("after-call.emr.DescribeStep", self._step)

    def tell(self, kind: str, what: str, state: str) -> None:
        """Every state once, on standard error, unless quiet."""
        if self._told.get(what) != state and log.isEnabledFor(logging.ERROR):
            say(f"{kind} {what}: {state}")
        self._told[what] = state

    def not_over(self, steps: Iterable[str]) -> list[str]:
        """Those of the steps that have not been seen to end."""
        return [step for step in steps if step not in self._ended]

    def _cluster(self, parsed: dict[str, Any], **_: Any) -> None:
        if found := parsed.get("Cluster"):
            self._requested = found["Status"]["Timeline"]["CreationDateTime"]
            self.over = self.over or found["Status"]["Timeline"].get("EndDateTime")
            self.tell("cluster", found["Id"], found["Status"]["State"].lower().replace("_", " "))

    def _step(self, parsed: dict[str, Any], **_: Any) -> None:
        if found := parsed.get("Step"):
            state, times = found["Status"]["State"], found["Status"].get("Timeline", {})
            began = times.get("StartDateTime")
            if began and self._requested and self.began is None:
                self.began = began
                self.start_seconds = max(0.0, (began - self._requested).total_seconds())
            self.over = times.get("EndDateTime") or self.over
            if state not in BUSY:
                self._ended.add(found["Id"])
            self.tell("step", f"{found['Id']} ({found['Name'].rpartition(': ')[2]})", state.lower())


def is_ending(describe: Callable[[], Mapping[str, Any]]) -> bool:
    """Whether a cluster that was told to end does so; false where EMR does not tell. describe: asks EMR of it."""
    from botocore.exceptions import BotoCoreError, ClientError

    for _ in range(_LOOKS):
        try:
            if describe()["Status"]["State"] in ENDING:
                return True
        except (BotoCoreError, ClientError):
            return False
        time.sleep(1.0)
    return False
