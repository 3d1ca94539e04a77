"""What a run was planned to take, wherever on EMR it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jobs.emr.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What plans of all kinds say. seconds, dollars: low and high; parts: what of the lower seconds goes where, the
    start first; limits: what would have broken, and what is done about it; sources: where figures are from."""

    work: Work
    region: str
    release: str
    architecture: str
    seconds: tuple[float, float]
    dollars: tuple[float, float]
    parts: tuple[tuple[str, float], ...]
    limits: tuple[str, ...]
    sources: tuple[str, ...]


class Planned(Protocol):
    """A forecast of what is started for a run. slots: how many tasks run at once."""

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
