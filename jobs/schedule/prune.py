"""Removing results that are older than their job's retention: first shown, then removed with the checksum of what was
shown, and never anything that is not a published result of that job."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from jobs.errors import JobError, UsageError
from jobs.lake import storage
from jobs.lake.manifest import SUCCESS, is_part_name
from jobs.schedule.board import TO_COME, Board
from jobs.schedule.durable import step
from jobs.schedule.ledger.models import PartitionRow
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.model import Schedule, Task
from jobs.schedule.partitions import LONGEST


@dataclass(frozen=True, slots=True)
class Old:
    """A result that is to go: the names of its objects, and their bytes together. kept: why it is not to go yet.
    refusal: why it may not."""

    row: PartitionRow
    names: tuple[str, ...] = ()
    size: int = 0
    kept: str | None = None
    refusal: JobError | None = None

    def __str__(self) -> str:
        return (
            f"{self.row.task} {self.row.partition}: {self.row.output} ({len(self.names)} objects, {self.size:,} bytes)"
        )


def old_results(schedule: Schedule, ledger: Ledger, now: datetime) -> Iterator[Old]:
    """What is older than its retention. A place that is not what a job of the schedule writes is refused."""
    board = Board(schedule, ledger, now)
    for row in sorted(ledger.partitions().values(), key=lambda row: (row.task, row.end)):
        task = schedule.tasks.get(row.task)
        if task is None or task.retention is None or row.pruned is not None or row.end > now - task.retention:
            continue
        try:
            _check_place(task, row)
            names, size = _names(row.output)
        except JobError as error:
            yield Old(row, refusal=error)
            continue
        reader = _unread_by(schedule, board, row, now - timedelta(days=schedule.look_back))
        yield Old(row, names, size, reader and f"{reader} has not read it yet")


def _unread_by(schedule: Schedule, board: Board, row: PartitionRow, since: datetime) -> str | None:
    """since: what ended before is not caught up by itself, and keeps a result only if it was tried."""
    for task in schedule.tasks.values():
        if row.task in (task.input, *task.after):
            longest = max(task.reads or LONGEST[task.cadence], LONGEST[schedule.tasks[row.task].cadence])
            for one in board.partitions(task, row.start, row.end + longest):
                if (task.name, one.name) in board.published or not board.is_read_by(row, task, one):
                    continue
                state = board.item(task, one).state
                if state == "failed" or (state in TO_COME and one.end > since):
                    return f"{task.name} {one.name}"
    return None


def checksum(found: list[Old]) -> str:
    """Of what was shown."""
    said = [(str(one), one.names) for one in found]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


def remove(schedule: Schedule, ledger: Ledger, one: Old) -> None:
    """Remove a result, readers first seeing that it is gone, and write that down."""
    _check_place(schedule.tasks[one.row.task], one.row)
    with step("prune.remove"):
        if storage.scheme(one.row.output) == "s3":
            _remove_objects(one)
        else:
            _remove_folder(Path(one.row.output))
    with ledger.writing("ledger.prune") as session:
        here = (PartitionRow.task == one.row.task) & (PartitionRow.partition == one.row.partition)
        session.execute(update(PartitionRow).where(here).values(pruned=ledger.clock()))


def _check_place(task: Task, row: PartitionRow) -> None:
    output = row.output
    if output != task.output_of(row.partition):
        raise UsageError("is no output of this schedule by now", where=output, fix="remove it by hand")
    if ".." in Path(output).parts or storage.scheme(output) not in ("", "s3"):
        raise UsageError("cannot be pruned", where=output, fix="remove it by hand")
    root = Path(task.root if task.root.endswith("/") else Path(task.root).parent)  # may be a link; below it nothing may
    if not storage.scheme(output) and Path(output).resolve() != root.resolve() / Path(output).relative_to(root):
        raise UsageError("is a symbolic link", where=output, fix="remove it by hand")


def _names(output: str) -> tuple[tuple[str, ...], int]:
    """The objects below a result, relative to it. Raises JobError for one that no run of this suite has written."""
    found = _in_s3(output) if storage.scheme(output) == "s3" else _in_folder(Path(output))
    for name in found:
        if name != SUCCESS and not is_part_name(name):
            raise JobError("is of no run of this suite", where=f"{output}/{name}", fix="remove it yourself")
    return tuple(sorted(found)), sum(found.values())


def _in_folder(output: Path) -> dict[str, int]:
    """Names and sizes."""
    found: dict[str, int] = {}
    for folder, folders, files in os.walk(output):
        place = Path(folder)
        links = [name for name in (*folders, *files) if (place / name).is_symlink()]
        if links:
            raise JobError("is a symbolic link", where=str(place / links[0]), fix="remove it yourself")
        found |= {(place / name).relative_to(output).as_posix(): (place / name).stat().st_size for name in files}
    return found


def _remove_folder(folder: Path) -> None:
    """By one rename, so that no reader finds half of it."""
    aside = folder.with_name(f".{folder.name}.pruned")
    _remove_aside(aside)  # of a call that was killed
    if folder.exists():
        folder.rename(aside)
        _remove_aside(aside)


def _remove_aside(aside: Path) -> None:
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)


def _in_s3(output: str) -> dict[str, int]:
    """Names and sizes."""
    from jobs.lake.s3_client import client, refusal, split_uri

    bucket, prefix = split_uri(f"{output}/")
    try:
        pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        entries = [entry for page in pages for entry in page.get("Contents", ())]
    except Exception as error:
        raise refusal(error, output, JobError) from None
    return {entry["Key"].removeprefix(prefix): entry["Size"] for entry in entries}


def _remove_objects(one: Old) -> None:
    """_SUCCESS first: without it there is no result."""
    from jobs.lake.s3_client import client, refusal, split_uri

    bucket, prefix = split_uri(f"{one.row.output}/")
    try:
        for name in sorted(one.names, key=lambda name: name != SUCCESS):
            client().delete_object(Bucket=bucket, Key=prefix + name)
    except Exception as error:
        raise refusal(error, one.row.output, JobError) from None
