"""One run as its tasks see it: shipped with the plan as a file, so that tasks read no path of the user's."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.engine.options import Settings
from jobs.engine.shuffle import Carrier, read_block
from jobs.readings import zones


@dataclass(frozen=True, slots=True)
class Run:
    """`started` is in µs since 1970 UTC; `dialects` maps a piece's dialect key to the dialect's content; `zones` are
    the tables of the time zones that are used; `partitions` is how many parts the shuffle has.
    ordered: whether reduce tasks get readings in the order of time. stages: how many shuffles there are.
    tables: what the job reads beside its input (`Declaration.tables`), as blocks.
    resumed: the columns of earlier results that are read, where these are the input, not logs; else none."""

    id: str
    job: str
    started: int
    settings: Settings
    dialects: dict[str, str]
    zones: tuple[dict[str, object], ...]
    scratch: str
    partitions: int
    carrier: Carrier
    kernel: bool
    ordered: bool = False
    stages: int = 1
    tables: dict[str, str] = field(default_factory=dict)
    resumed: tuple[str, ...] = ()

    def table(self, name: str) -> pa.Table:
        """A table that travels with the run."""
        return read_block(self.tables[name])

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    def provide_zones(self) -> None:
        """Have this process use the run's zone tables, not its own machine's database."""
        for table in self.zones:
            zones.provide(zones.Zone.from_json(table))

    @staticmethod
    def load(path: str | Path) -> Run:
        data: dict[str, Any] = json.loads(Path(path).read_text())
        settings: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in data.pop("settings").items()}
        settings["job"] = tuple((name, value) for name, value in settings["job"])
        data["zones"], data["resumed"] = tuple(data["zones"]), tuple(data["resumed"])
        return Run(settings=Settings(**settings), **data)
