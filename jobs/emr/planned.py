"""What a run was planned to take, wherever on EMR it runs."""

from __future__ import annotations

from typing import Protocol

from jobs.emr.work import Work


class Planned(Protocol):
    """seconds, dollars: low and high; parts: what of the lower seconds goes where, the start first; slots: how many
    tasks run at once."""

    @property
    def starts(self) -> str:
        """What the run starts, in words."""

    @property
    def work(self) -> Work: ...
    @property
    def region(self) -> str: ...
    @property
    def seconds(self) -> tuple[float, float]: ...
    @property
    def dollars(self) -> tuple[float, float]: ...
    @property
    def parts(self) -> tuple[tuple[str, float], ...]: ...
    @property
    def slots(self) -> int: ...
    @property
    def map_tasks(self) -> int: ...
