"""What tasks report beside their results, added up: counts, damage, rejects, and the part files they wrote."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from jobs.readings.model import Tally

EXAMPLES = 3
"""How many rejects a report carries as examples."""


@dataclass(frozen=True, slots=True, order=True)
class RejectRow:
    """A reject with its object; `text` is safely encoded. `in_rows`: `line` is a row group, `offset` a row in it."""

    object: str
    offset: int
    line: int | None
    reason: str
    column: str | None
    text: str
    in_rows: bool = False

    @property
    def where(self) -> str:
        """Its place in the object, in words."""
        if self.in_rows:
            return f"row group {self.line} row {self.offset}"
        return f"line {self.line}" if self.line else f"byte {self.offset:,}"

    @property
    def place(self) -> tuple[str, int, str]:
        """What rejects are ordered by."""
        return self.object, self.offset, self.reason


@dataclass(frozen=True, slots=True, order=True)
class DamagedObject:
    """An object that ends before its time: `offset` is that of the decompressed stream."""

    object: str
    offset: int
    what: str


@dataclass(frozen=True, slots=True)
class RunFile:
    """A sorted run (or one split's rows) in the scratch: an Arrow IPC file. `part`: of a run that came in several."""

    order: int
    path: str
    rows: int
    part: int = 0


@dataclass(slots=True)
class Report:
    """The report of one task, and of all: `add` puts them together. `splits`: of the plan, that were read. `selected`:
    readings that passed the filters. `repeats`: those of them that --deduplicate left out. `shuffled`: bytes that
    travelled from map to reduce tasks. `reject_blocks`, `object_blocks`: rejects and what was counted of each object,
    where these are asked for. `metrics`: those that were met, where only some are asked for."""

    tally: Tally = field(default_factory=Tally)
    splits: int = 0
    selected: int = 0
    repeats: int = 0
    size: int = 0
    shuffled: int = 0
    damage: list[DamagedObject] = field(default_factory=list)
    examples: list[RejectRow] = field(default_factory=list)
    reject_blocks: list[str] = field(default_factory=list)
    object_blocks: list[str] = field(default_factory=list)
    runs: list[RunFile] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.tally.add(other.tally)
        self.splits += other.splits
        self.selected += other.selected
        self.repeats += other.repeats
        self.size += other.size
        self.shuffled += other.shuffled
        self.damage = sorted(self.damage + other.damage)
        self.show(*other.examples)
        self.reject_blocks += other.reject_blocks
        self.object_blocks += other.object_blocks
        self.runs = sorted(self.runs + other.runs, key=lambda run: (run.order, run.part))
        self.metrics = sorted({*self.metrics, *other.metrics})

    def show(self, *rejects: RejectRow) -> None:
        """Keep those as examples that come before others."""
        self.examples = sorted((*self.examples, *rejects), key=lambda reject: reject.place)[:EXAMPLES]

    def whole_runs(self) -> list[list[str]]:
        """The files of each run."""
        whole: list[list[str]] = []
        for file in self.runs:
            if whole and file.part and file.part == len(whole[-1]):
                whole[-1].append(file.path)
            else:
                whole.append([file.path])
        return whole

    @property
    def rejected(self) -> int:
        return sum(self.tally.rejects.values())

    @property
    def reject_share(self) -> float:
        """Rejects over all that was a reading or should have been one."""
        return self.rejected / max(self.rejected + self.tally.readings, 1)

    def dumps(self) -> str:
        tally = {f.name: getattr(self.tally, f.name) for f in fields(Tally)}
        rest = {
            f.name: [_plain(item) for item in value] if isinstance(value := getattr(self, f.name), list) else value
            for f in fields(self)
        }
        return json.dumps(rest | {"tally": tally}, ensure_ascii=True)

    @staticmethod
    def loads(text: str | bytes) -> Report:
        data: dict[str, Any] = json.loads(text)
        tally = data["tally"] | {"rejects": Counter(data["tally"]["rejects"])}
        return Report(
            Tally(**tally),
            data["splits"],
            data["selected"],
            data["repeats"],
            data["size"],
            data["shuffled"],
            [DamagedObject(**d) for d in data["damage"]],
            [RejectRow(**r) for r in data["examples"]],
            data["reject_blocks"],
            data["object_blocks"],
            [RunFile(**r) for r in data["runs"]],
            data["metrics"],
        )


def _plain(item: Any) -> Any:
    return item if isinstance(item, str) else asdict(item)
