"""Publishing to HDFS: put together in a hidden folder beside the target, checked, then renamed into its place."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from jobs.errors import JobError, UsageError
from jobs.lake.durable import step
from jobs.lake.hdfs_succession import State, Succession
from jobs.lake.manifest import SUCCESS, Manifest, now
from jobs.lake.parts import Layout, named, on_the_way, write_parts
from jobs.lake.publish import foreign, lost_race, not_empty
from jobs.lake.webhdfs import Status, by_id, client, split_uri
from jobs.lake.webhdfs_errors import DENIED, HdfsError, UnreachableError, refusal

_LOST = {
    "aclBit": "an access list (ACL) of its own",
    "snapshotEnabled": "snapshots",
    "encBit": "an encryption zone of its own",
}
"""What a folder may have that another one put in its place would not."""
_DEFAULT = "default:"
"""How entries of an access list begin that new folders inherit."""


class HdfsTarget:
    """A folder in HDFS, which need not be there yet."""

    def __init__(self, target: str) -> None:
        self._named = target
        self._path = split_uri(target)[1]
        self._hdfs = client(target)
        self._succession = Succession(self._hdfs, self._path, target)
        self._seen: str | None = None
        self._group: str | None = None  # that of the folder to be replaced

    def check(self, overwrite: bool) -> None:
        with self._told():
            self._check_place()
            state = self._succession.settled()
            self._seen = state.run_id
            if state.is_filled:
                if not overwrite:
                    raise not_empty(self._named)
                self._check_own(state)
            self._succession.check_replaceable(state)
            self._check_group(state)
            self._succession.sweep(state)

    def publish(
        self,
        manifest: Manifest,
        tables: Iterable[pa.Table],
        keys: Sequence[str],
        scratch: Path,
        layout: Layout | None = None,
    ) -> Manifest:
        with (
            self._told(),
            self._staged(manifest.run_id) as staging,
            on_the_way(scratch, manifest.run_id) as folder,
        ):
            written = write_parts(folder, tables, manifest.schema, manifest.format, keys, layout)
            parts = []
            for file, part in named(written, manifest.format, manifest.run_id):
                with file.path.open("rb") as body:
                    self._upload(staging, part.name, body, part.size)
                file.path.unlink()
                parts.append(part)
            manifest = replace(manifest, parts=tuple(parts), published=now())
            text = manifest.dumps()
            self._upload(staging, SUCCESS, io.BytesIO(text), len(text))
            self._check_written(staging, {SUCCESS: len(text)} | {part.name: part.size for part in parts})
            self._reveal(staging, manifest.run_id)
        with suppress(JobError), self._told():  # it is published; the next run or `prune` sweeps again
            self._succession.sweep(self._succession.settled())
        return manifest

    def prune(self, older_than: float) -> list[str]:
        with self._told():
            return self._succession.sweep(self._succession.settled())

    # Before

    def _check_place(self) -> None:
        """Raises for a target that could not be written."""
        if self._path == "/":
            raise UsageError("is the root of a file system", where=self._named, fix="name a folder below it")
        status = self._hdfs.status(self._path)
        if status is not None and not status.is_folder:
            raise UsageError("is a file", where=self._named, fix="name a folder")
        for mark in self._own_marks(status) if status is not None else ():
            raise UsageError(
                f"has {_LOST[mark]}, which the folder put in its place would not have",
                where=self._named,
                fix="name a folder below it",
            )
        parent = self._succession.folder
        while parent and self._hdfs.status(parent) is None:
            parent = parent.rpartition("/")[0]
        self._hdfs.check_access(parent or "/", "-wx")

    def _own_marks(self, status: Status) -> Iterator[str]:
        """What the target has that a folder made beside it does not inherit from the one above."""
        folder = self._succession.folder or "/"
        above = self._hdfs.status(folder)
        for mark in status.marked:
            if mark == "aclBit":
                inherited = {entry for entry in self._hdfs.access_list(folder) if entry.startswith(_DEFAULT)}
                inherited |= {entry.removeprefix(_DEFAULT) for entry in inherited}
                if self._hdfs.access_list(self._path) <= inherited:
                    continue
            elif mark == "encBit" and above is not None and mark in above.marked:
                continue
            yield mark

    def _check_own(self, state: State) -> None:
        """Raises if the folder holds anything but a published result: that is not ours to replace."""
        assert state.replaced is not None
        found = dict(self._succession.below(by_id(state.replaced.id)))
        expected = {SUCCESS, *(part.name for part in state.manifest.parts)} if state.manifest is not None else set()
        if others := found.keys() - expected:
            raise foreign(self._named, min(others))

    def _check_group(self, state: State) -> None:
        """Raises if the folder put in the target's place could not have its group: only a folder of ours can tell."""
        above = self._hdfs.status(self._succession.folder or "/")
        self._group = state.replaced.group if state.replaced is not None else None
        if above is not None and self._group not in (None, above.group):
            with self._staged(secrets.token_hex(8)) as tried:
                self._succession.remove(tried)

    def _in_group(self, folder: Status, group: str | None) -> Status:
        """The folder, given the group; what is then made in it has that too."""
        if group is None or folder.group == group:
            return folder
        try:
            self._hdfs.set_group(by_id(folder.id), group)
        except HdfsError as error:
            if error.kind != DENIED:
                raise
            raise UsageError(
                f"is of the group {group}, which the folder put in its place could not have",
                where=self._named,
                fix="run as a user of that group, or give it to another with hadoop fs -chgrp",
            ) from error
        return replace(folder, group=group)

    # Writing

    @contextmanager
    def _staged(self, run_id: str) -> Iterator[Status]:
        """A hidden folder beside the target, gone afterwards unless it became the target."""
        path = f"{self._succession.folder}/{self._succession.hidden('staging-', run_id)}"
        with step("publish.stage"):
            self._hdfs.make_folder(path)
        staging = self._hdfs.status(path)
        if staging is None:
            raise lost_race(self._named)
        try:
            yield self._in_group(staging, self._group)
        except BaseException:
            with suppress(HdfsError, UnreachableError):
                still = self._hdfs.status(path)
                if still is not None and still.id == staging.id:
                    self._succession.remove(staging)
            raise

    def _upload(self, staging: Status, name: str, body: BinaryIO, size: int) -> None:
        path = f"{by_id(staging.id)}/{name}"
        try:
            with step("publish.upload"):
                if "/" in name:
                    self._hdfs.make_folder(path.rpartition("/")[0])
                self._hdfs.create(path, body, size)
        except HdfsError as error:
            if error.kind == "FileNotFoundException":  # a run that published meanwhile swept the folder
                raise lost_race(self._named) from None
            raise

    def _check_written(self, staging: Status, sizes: dict[str, int]) -> None:
        if dict(self._succession.below(by_id(staging.id))) != sizes:
            raise JobError("HDFS does not hold all that was written", where=self._named, fix="run again")

    # Making it visible

    def _reveal(self, staging: Status, run_id: str) -> None:
        """Make the staged folder the target. Raises BusyError if something else was published since `check`, JobError
        if the user may no longer replace what is there."""
        state = self._succession.settled()
        if state.is_filled:
            self._check_own(state)
        if state.run_id not in (self._seen, run_id):
            raise lost_race(self._named)
        self._succession.check_replaceable(state)
        if state.replaced is not None:
            self._in_group(staging, state.replaced.group)
            self._hdfs.set_permission(by_id(staging.id), state.replaced.permission)
        self._succession.claim(staging, self._seen, run_id)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What HDFS refuses, as an error for the user."""
        try:
            yield
        except (HdfsError, UnreachableError) as error:
            raise refusal(error, self._named, JobError) from error
