"""Publishing to HDFS: put together in a hidden folder beside the target, then renamed; docs/publishing.md says how.

HDFS renames at once but exchanges nothing, and has no locks. So of the runs that would replace a result the one
publishes that first renames its folder to the name of that result's successor, and whoever finds such a folder brings
the replacement to its end. Whatever is renamed or deleted is named by its id, never by its path: who comes late finds
nothing, instead of what another run has put there meanwhile.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from jobs.errors import InputError, JobError, UsageError
from jobs.lake.durable import step
from jobs.lake.manifest import SUCCESS, Manifest, loads, now
from jobs.lake.parts import Layout, named, write_parts
from jobs.lake.publish import foreign, lost_race, not_empty
from jobs.lake.remote import TRIES
from jobs.lake.webhdfs import Status, by_id, client, split_uri
from jobs.lake.webhdfs_errors import HdfsError, UnreachableError, refusal

_LOST = {
    "aclBit": "an access list (ACL)",
    "snapshotEnabled": "snapshots",
    "encBit": "an encryption zone",
}
"""What a folder may have that another one put in its place would not."""


def previous_of(target: str) -> str:
    """Where an earlier result lies while it is set aside."""
    folder, _, name = target.rstrip("/").rpartition("/")
    return f"{folder}/.{name}.previous"


@dataclass(frozen=True, slots=True)
class _State:
    """What there is at one moment. target: the folder of that name; previous: one set aside; beside: hidden folders of
    ours by name; manifest: the result that is published, written at `since` (ms)."""

    target: Status | None
    previous: Status | None
    beside: Mapping[str, Status]
    manifest: Manifest | None = None
    since: int = 0

    @property
    def run_id(self) -> str | None:
        return None if self.manifest is None else self.manifest.run_id

    @property
    def is_filled(self) -> bool:
        return self.manifest is not None or (self.target is not None and self.target.children > 0)


class HdfsTarget:
    """A folder in HDFS, which need not be there yet."""

    def __init__(self, target: str) -> None:
        self._named = target
        path = split_uri(target)[1]
        self._parent, _, self._name = path.rpartition("/")
        self._path, self._previous = path, previous_of(path)
        self._hdfs = client(target)
        self._seen: str | None = None

    def check(self, overwrite: bool) -> None:
        with self._told():
            self._check_place()
            state = self._settled()
            self._seen = state.run_id
            if state.is_filled:
                if not overwrite:
                    raise not_empty(self._named)
                self._check_own(state)
            self._sweep(state)

    def publish(
        self,
        manifest: Manifest,
        tables: Iterable[pa.Table],
        keys: Sequence[str],
        scratch: Path,
        layout: Layout | None = None,
    ) -> Manifest:
        with self._told(), self._staged(manifest.run_id) as staging, _folder(scratch, manifest.run_id) as folder:
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
            self._sweep(self._settled())
        return manifest

    def prune(self, older_than: float) -> list[str]:
        with self._told():
            return self._sweep(self._settled())

    # Before

    def _check_place(self) -> None:
        """Raises for a target that could not be written."""
        if not self._name:
            raise UsageError("is the root of a file system", where=self._named, fix="name a folder below it")
        status = self._hdfs.status(self._path)
        if status is not None and not status.is_folder:
            raise UsageError("is a file", where=self._named, fix="name a folder")
        for mark in status.marked if status is not None else ():
            raise UsageError(
                f"has {_LOST[mark]}, which the folder put in its place would not have",
                where=self._named,
                fix="name a folder below it",
            )
        parent = self._parent
        while parent and self._hdfs.status(parent) is None:
            parent = parent.rpartition("/")[0]
        self._hdfs.check_access(parent or "/", "-wx")

    def _check_own(self, state: _State) -> None:
        """Raises if the folder holds anything but a published result: that is not ours to replace."""
        folder = state.target or state.previous
        assert folder is not None
        found = dict(self._below(by_id(folder.id)))
        expected = {SUCCESS, *(part.name for part in state.manifest.parts)} if state.manifest is not None else set()
        if others := found.keys() - expected:
            raise foreign(self._named, min(others))

    def _below(self, folder: str, prefix: str = "") -> Iterator[tuple[str, int]]:
        """The files below a folder with their sizes, by their names within it; folders without files as well."""
        for entry in self._hdfs.listed(folder):
            name = prefix + entry.name
            if entry.is_folder and entry.children:
                yield from self._below(f"{folder}/{entry.name}", f"{name}/")
            else:
                yield name, entry.size

    # Writing

    @contextmanager
    def _staged(self, run_id: str) -> Iterator[Status]:
        """A hidden folder beside the target, gone afterwards unless it became the target."""
        path = f"{self._parent}/{self._hidden('staging-', run_id)}"
        with step("publish.stage"):
            self._hdfs.make_folder(path)
        staging = self._hdfs.status(path)
        if staging is None:
            raise lost_race(self._named)
        try:
            yield staging
        except BaseException:
            with suppress(HdfsError, UnreachableError):
                still = self._hdfs.status(path)
                if still is not None and still.id == staging.id:
                    self._remove(staging)
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
        if dict(self._below(by_id(staging.id))) != sizes:
            raise JobError("HDFS does not hold all that was written", where=self._named, fix="run again")

    # Making it visible

    def _reveal(self, staging: Status, run_id: str) -> None:
        """Make the staged folder the target. Raises BusyError if something else was published since `check`."""
        state = self._settled()
        if state.is_filled:
            self._check_own(state)
        if state.target is not None:
            self._hdfs.set_permission(by_id(staging.id), state.target.permission)
        with step("publish.claim"):
            claimed = self._hdfs.move(staging.id, f"{self._parent}/{self._successor(self._seen)}")
        if not claimed:
            self._settled()
            raise lost_race(self._named)
        # our folder bears the name now: if the result is still the one we saw, nobody else can replace it
        if self._look().run_id not in (self._seen, run_id):
            self._remove(staging)
            raise lost_race(self._named)
        self._settled()

    def _settled(self) -> _State:
        """What there is once every replacement that was decided has come to its end."""
        for _ in range(TRIES):
            state = self._look()
            successor = state.beside.get(self._successor(state.run_id))
            if successor is not None:
                self._replace(state, successor)
                continue
            if state.target is not None and state.previous is not None:
                self._remove(state.previous)
            return state
        raise lost_race(self._named)

    def _replace(self, state: _State, successor: Status) -> None:
        """Put the successor in the place of the result, as far as no other run is about to."""
        if state.target is not None and state.manifest is None:
            self._remove_empty(state.target)
        elif state.target is not None:
            if state.previous is not None:
                self._remove(state.previous)
            with step("publish.set_aside"):
                aside = self._hdfs.move(state.target.id, self._previous)
            if not aside:
                return
        with step("publish.rename"):
            revealed = self._hdfs.move(successor.id, self._path)
        old = state.target or state.previous
        if revealed and old is not None:
            self._remove(old)

    def _look(self) -> _State:
        """The published result is the target's, or the one set aside while there is no target."""
        while True:
            hidden = self._hidden("")
            listed: dict[str, Status] = {}
            with _unless_missing():
                listed = {
                    one.name: one
                    for one in self._hdfs.listed(self._parent or "/")
                    if one.name == self._name or (one.is_folder and one.name.startswith(hidden))
                }
            state = _State(listed.pop(self._name, None), listed.pop(self._hidden("previous"), None), listed)
            folder = state.target or state.previous
            if folder is None:
                return state
            path = f"{by_id(folder.id)}/{SUCCESS}"
            success = self._hdfs.status(path)
            if success is None:
                if self._hdfs.status(by_id(folder.id)) is not None:
                    return state
                continue  # replaced since it was listed
            with _unless_missing(), suppress(InputError):
                manifest = loads(self._hdfs.read(path), self._named)
                return replace(state, manifest=manifest, since=success.modified)
            if self._hdfs.status(by_id(folder.id)) is not None:
                return state

    def _sweep(self, state: _State) -> list[str]:
        """Remove what runs left beside the target that can publish no more: what they saw at their start is gone."""
        own = self._successor(state.run_id)
        old = [one for name, one in state.beside.items() if name != own and one.modified < state.since]
        for one in old:
            self._remove(one)
        return [one.name for one in old]

    def _remove(self, folder: Status) -> None:
        with step("publish.remove"):
            self._hdfs.delete(folder.id)

    def _remove_empty(self, folder: Status) -> None:
        try:
            self._hdfs.delete(folder.id, recursive=False)
        except HdfsError as error:
            if error.kind != "PathIsNotEmptyDirectoryException":
                raise
            raise foreign(self._named, next(self._below(by_id(folder.id)))[0]) from None

    def _hidden(self, kind: str, run_id: str = "") -> str:
        return f".{self._name}.{kind}{run_id}"

    def _successor(self, run_id: str | None) -> str:
        """The name that only one successor of a result can take."""
        return self._hidden("first") if run_id is None else self._hidden("after-", run_id)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What HDFS refuses, as an error for the user."""
        try:
            yield
        except (HdfsError, UnreachableError) as error:
            raise refusal(error, self._named, JobError) from error


@contextmanager
def _folder(scratch: Path, run_id: str) -> Iterator[Path]:
    """Where parts lie on their way to HDFS."""
    folder = scratch / f"publish-{run_id}"
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise JobError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _unless_missing() -> Iterator[None]:
    try:
        yield
    except HdfsError as error:
        if error.kind != "FileNotFoundException":
            raise
