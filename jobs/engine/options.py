"""The suite's options, declared once for every engine, and what settings are."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from jobs.engine import spending
from jobs.errors import UsageError
from jobs.readings import dialect_file

if TYPE_CHECKING:
    from jobs.lake.writers import OutputFormat

_NEGATIVE_NUMBERS = re.compile(r"-\.?\d[\d.,eE+-]*")
MAX_LATENESS = 7
"""Days that a reading may be late, where nothing else is said."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a job: `parse` turns its text into a JSON value and raises ValueError with the reason.

    A switch takes no text: it is True where it is given. `file`: the text names a file or a folder of any storage.
    `needs`: the option of the job, or with a value that of it, without which it means nothing. `without`: those beside
    which it means nothing.
    """

    flag: str
    help: str
    default: str | None = None
    parse: Callable[[str], Any] = str
    metavar: str | None = None
    switch: bool = False
    file: bool = False
    needs: str | None = None
    without: tuple[str, ...] = ()

    @property
    def dest(self) -> str:
        return self.flag.lstrip("-").replace("-", "_")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for, checked; the same on every engine. Times are µs since 1970 UTC; sizes are bytes."""

    inputs: tuple[str, ...]
    dialect: str | None = None
    metrics: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    time_zone: str = "UTC"
    max_lateness: int = MAX_LATENESS
    deduplicate: bool = False
    split_size: int = 0  # 0: by the input's size and the number of tasks
    tasks: int | None = None
    max_rejects: float = 0.01
    on_damage: Literal["fail", "report"] = "fail"
    rejects: str | None = None
    output_format: OutputFormat | None = None
    output_dir: str | None = None
    overwrite: bool = False
    print_result: bool = True
    dry_run: bool = False
    fence: int | None = None
    ticket: str | None = None
    job: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str) -> Any:
        """The value of one of the job's own options."""
        return dict(self.job)[name]

    def given(self, name: str, value: Any) -> Settings:
        """The same with a value that the job gives itself; `value` must be JSON's."""
        return replace(self, job=(*self.job, (name, value)))


def joined(arguments: Sequence[str]) -> list[str]:
    """A command line in which values that begin with a minus, as in `--edges -5,0,5`, are no options to argparse."""
    found: list[str] = []
    for argument in arguments:
        if found and found[-1].startswith("--") and "=" not in found[-1] and _NEGATIVE_NUMBERS.fullmatch(argument):
            found[-1] += f"={argument}"
        else:
            found.append(argument)
    return found


def files(options: argparse.Namespace, job_options: Sequence[Option]) -> list[str]:
    """The files and folders of any storage that a command line names beside its inputs."""
    dialect = options.dialect if options.dialect and dialect_file.is_file(options.dialect) else None
    named = (options.output_dir, options.rejects, dialect, *(getattr(options, o.dest) for o in job_options if o.file))
    return [name for name in named if name]


def add_options(parser: argparse.ArgumentParser, job_options: Sequence[Option]) -> None:
    """Declare the suite's options, then the job's own, in groups that `--help` shows first."""
    group = parser.add_argument_group("Reading")
    group.add_argument(
        "--dialect",
        metavar="NAME|FILE",
        help="how the logs spell readings: a shipped dialect or a TOML file (default: by extension and header)",
    )
    group.add_argument(
        "--metric", action="append", default=[], metavar="GLOB", help="only these metrics; may be repeated"
    )
    group.add_argument(
        "--device", action="append", default=[], metavar="GLOB", help="only these devices; may be repeated"
    )
    group.add_argument(
        "--from", dest="since", metavar="TIME", help="only readings at or after this date or ISO time (in --time-zone)"
    )
    group.add_argument(
        "--to", dest="until", metavar="TIME", help="only readings before this date or ISO time (in --time-zone)"
    )
    group.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="IANA zone in which days begin (default: UTC)"
    )
    group.add_argument(
        "--max-lateness",
        metavar="DAYS",
        help=f"with --to: how many days late a reading may lie in a dt= folder (default: {MAX_LATENESS})",
    )
    group.add_argument(
        "--deduplicate",
        action="store_true",
        help="count readings of equal time, device, metric, unit and value once (default: every one counts)",
    )
    group.add_argument(
        "--split-size",
        metavar="BYTES",
        help="how much one split holds, as 500K, 64M or 1G (default: a quarter of a task's share, 2M to 64M)",
    )
    group.add_argument("--tasks", metavar="N", help="how many tasks share the work (default: one a core)")
    group.add_argument("--dry-run", action="store_true", help="print the plan; read nothing beyond headers")
    if job_options:
        group = parser.add_argument_group("This job")
        for option in job_options:
            if option.switch:
                group.add_argument(option.flag, action="store_true", help=option.help)
            else:
                group.add_argument(option.flag, metavar=option.metavar, help=option.help)
    group = parser.add_argument_group("Rejects and damage")
    group.add_argument(
        "--max-rejects",
        default="0.01",
        metavar="SHARE",
        help="exit with status 4 if a larger share of the records is rejected (default: 0.01)",
    )
    group.add_argument(
        "--rejects", metavar="DIR", help="write the rejects there, a folder, s3:// or hdfs://, as JSON lines"
    )
    group.add_argument(
        "--on-damage",
        choices=("fail", "report"),
        default="fail",
        help="what a truncated or corrupt object does to the exit status (default: fail)",
    )
    spending.add_options(parser)
    group = parser.add_argument_group("Output")
    group.add_argument(
        "--output-format",
        choices=("table", "csv", "jsonl", "parquet"),
        help="default: table on a terminal, csv elsewhere, parquet with --output-dir",
    )
    group.add_argument(
        "--overwrite", action="store_true", help="replace what is published in --output-dir and --rejects"
    )
    group.add_argument(
        "--fence", metavar="N", help="of a scheduler's lease: what was published under a higher N is not replaced"
    )
    group.add_argument("--ticket", metavar="TEXT", help="of a scheduler: what _SUCCESS says of the input it asked for")


def byte_size(flag: str, text: str) -> int:
    """Bytes from `65536`, `500K`, `64M` or `1G` (powers of 1024; `B` or `iB` may follow)."""
    found = re.fullmatch(r"(\d+)([KMG]?)(i?B)?", text.strip(), re.IGNORECASE)
    size = int(found[1]) * _UNITS[found[2].upper()] if found else 0
    if size < 1:
        raise UsageError(f"{text!r} is no size", where=flag, fix="write it as 500K, 64M or 1G")
    return size


def one_of(*words: str) -> Callable[[str], str]:
    """What parses an option that takes one of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return parse


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What parses an option that takes a whole number of this range."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text[:20]) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def instant(text: str, zone: tzinfo) -> int:
    """The instant that a date or ISO time names, in µs since 1970 UTC; local times are of `zone`. Raises ValueError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date or ISO time") from None
    aware = time if time.tzinfo else time.replace(tzinfo=zone)
    since_epoch = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000 + since_epoch.microseconds
