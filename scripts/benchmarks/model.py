"""What a benchmark is made of: data, questions, runs, cases and goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

QUICK_SHARE = 100
"""Quick data has a hundredth of the rows, of the files and of the devices, so that each device sends as often."""


@dataclass(frozen=True, slots=True)
class Data:
    """Generated log objects: `rows` of `fmt` in `files` files; `options` go to the generator as they are."""

    name: str
    rows: int
    fmt: str = "csv"
    files: int = 1
    devices: int = 1000
    days: int = 7
    options: tuple[str, ...] = ()

    def arguments(self, *, quick: bool) -> list[str]:
        """The generator's options."""
        share = QUICK_SHARE if quick else 1
        sizes = {
            "rows": self.rows // share,
            "files": max(1, self.files // share),
            "devices": max(1, self.devices // share),
            "days": self.days,
        }
        return [f"--{name}={size}" for name, size in sizes.items()] + ["--format", self.fmt, *self.options]

    @property
    def interval(self) -> int:
        """How often each of a device's four metrics is measured, about: seconds."""
        return self.days * 86_400 * self.devices * 4 // self.rows


@dataclass(frozen=True, slots=True)
class Question:
    """What every engine is asked: a job with options, and the peers' query of the name.

    Options and queries may hold {interval}, {devices} and {output}. left_out: columns that no peer has to give.
    tolerance: how far numbers may be off that rounding or an approximation makes, of themselves or of 1; loose: of
    single columns. published: whether the answer is a folder of Parquet files at {output}.
    """

    name: str
    job: str
    options: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    tolerance: float = 1e-9
    loose: Mapping[str, float] = field(default_factory=dict)
    published: bool = False

    def uses(self, name: str) -> bool:
        return any(f"{{{name}}}" in option for option in self.options)


@dataclass(frozen=True, slots=True)
class Run:
    """One line of a case's table: an engine on data of this case (by name; empty: its first)."""

    label: str
    engine: str
    data: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """`data`: what is generated, or a folder that is there, given as `folder` with the name of its format.

    quick: the engines whose answers the quick check compares; None: all. named: whether it is measured only where
    --case asks for it.
    """

    name: str
    title: str
    question: Question
    runs: tuple[Run, ...]
    data: tuple[Data, ...] = ()
    folder: Path | None = None
    fmt: str = ""
    quick: tuple[str, ...] | None = None
    named: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """What a median shall be, for `case/label` runs.

    at most: wall / the fastest of `others` (without others: seconds) ≤ limit. faster: `others` / wall ≥ limit.
    memory: peak MB ≤ limit, or with others peak / theirs ≤ limit. group: of jobs, whose goals are summed up in a line.
    """

    text: str
    run: str
    others: tuple[str, ...]
    kind: Literal["at most", "faster", "memory"]
    limit: float
    group: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases that are measured together, with their goals; `largest`: what the memory is of."""

    cases: tuple[Case, ...]
    goals: tuple[Goal, ...]
    largest: str

    @property
    def runs(self) -> dict[str, Run | None]:
        """By `case/label`; None for what is measured beside the cases, and a goal is about."""
        of_goals: dict[str, Run | None] = {goal.run: None for goal in self.goals}
        return of_goals | {f"{case.name}/{run.label}": run for case in self.cases for run in case.runs}
