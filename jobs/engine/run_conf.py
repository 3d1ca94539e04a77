"""Hadoop's properties of a run, below those that the user asks for, on the command line or in mrjob's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mrjob.runner import MRJobRunner

_PINNED = {
    "mapreduce.output.fileoutputformat.compress": "false",  # blocks are, and what comes back is read as text
    "mapreduce.map.failures.maxpercent": "0",  # a result without what a task gave is none
    "mapreduce.reduce.failures.maxpercent": "0",
}
"""Whatever a cluster's configuration says."""


class RunConf(MRJobRunner):  # type: ignore[misc]  # mrjob has no types
    """A runner that is given `run_conf`."""

    def __init__(self, *, run_conf: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self._run_conf = dict(run_conf or {})
        super().__init__(**kwargs)

    def _combine_confs(self, source_and_opt_list: list[tuple[str | None, dict[str, Any]]]) -> dict[str, Any]:
        empty, default, *given = source_and_opt_list
        own = (None, {"jobconf": self._run_conf})
        combined: dict[str, Any] = super()._combine_confs([empty, default, own, *given])
        return combined

    def _jobconf_for_step(self, step_num: int) -> dict[str, Any]:
        conf: dict[str, Any] = super()._jobconf_for_step(step_num)
        return {**conf, **_PINNED} if self._get_step(step_num)["type"] == "streaming" else conf
