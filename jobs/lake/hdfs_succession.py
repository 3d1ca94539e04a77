"""How one folder takes the place of another in HDFS, which renames at once but exchanges nothing, and has no locks.

Of the runs that would replace a result the one does it that first renames its folder to the name of that result's
successor; whoever finds such a folder brings the replacement to its end. Whatever is renamed or deleted is named by its
id, never by its path: who comes late finds nothing, instead of what another run has put there meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from jobs.errors import InputError
from jobs.lake.durable import step
from jobs.lake.manifest import SUCCESS, Manifest, loads
from jobs.lake.publish import foreign, lost_race
from jobs.lake.remote import TRIES
from jobs.lake.webhdfs import Status, WebHdfs, by_id
from jobs.lake.webhdfs_errors import HdfsError, UnreachableError


def previous_of(target: str) -> str:
    """Where an earlier result lies while it is set aside."""
    folder, _, name = target.rstrip("/").rpartition("/")
    return f"{folder}/.{name}.previous"


@dataclass(frozen=True, slots=True)
class State:
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


class Succession:
    """The results of one target, `path`, one after the other; `named` is what the user calls it."""

    def __init__(self, hdfs: WebHdfs, path: str, named: str) -> None:
        self._hdfs, self._path, self._named = hdfs, path, named
        self.folder, _, self._name = path.rpartition("/")
        self._own = re.compile(rf"\.{re.escape(self._name)}\.(first|(staging|after)-[^.]+)")

    def claim(self, staging: Status, seen: str | None, run_id: str) -> None:
        """Make the staged folder the target, if what is published is still the result of the run `seen`.

        Raises BusyError, and removes nothing but the folder, if it is not.
        """
        with step("publish.claim"):
            claimed = self._hdfs.move(staging.id, f"{self.folder}/{self._successor(seen)}")
        if not claimed:
            self.settled()
            raise lost_race(self._named)
        # our folder bears the name now: if the result is still the one we saw, nobody else can replace it
        if self.look().run_id not in (seen, run_id):
            self.remove(staging)
            raise lost_race(self._named)
        self.settled()

    def settled(self) -> State:
        """What there is once every replacement that was decided has come to its end."""
        for _ in range(TRIES):
            state = self.look()
            successor = state.beside.get(self._successor(state.run_id))
            if successor is not None:
                self._replace(state, successor)
                continue
            if state.target is not None and state.previous is not None:
                self._tidy(state.previous)
            return state
        raise lost_race(self._named)

    def _replace(self, state: State, successor: Status) -> None:
        """Put the successor in the place of the result, as far as no other run is about to."""
        if state.target is not None and state.manifest is None:
            self._remove_empty(state.target)
        elif state.target is not None:
            if state.previous is not None:
                self.remove(state.previous)
            with step("publish.set_aside"):
                aside = self._hdfs.move(state.target.id, previous_of(self._path))
            if not aside:
                return
        with step("publish.rename"):
            revealed = self._hdfs.move(successor.id, self._path)
        old = state.target or state.previous
        if revealed and old is not None:
            self._tidy(old)

    def look(self) -> State:
        """The published result is the target's, or the one set aside while there is no target."""
        while True:
            folders = (self._name, self.hidden("previous"))
            listed: dict[str, Status] = {}
            with _unless_missing():
                listed = {
                    one.name: one
                    for one in self._hdfs.listed(self.folder or "/")
                    if one.name in folders or self._own.fullmatch(one.name)
                }
            state = State(listed.pop(self._name, None), listed.pop(self.hidden("previous"), None), listed)
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

    def sweep(self, state: State) -> list[str]:
        """Remove what runs left beside the target that can publish no more: what they saw at their start is gone."""
        own = self._successor(state.run_id)
        old = [one for name, one in state.beside.items() if name != own and one.modified < state.since]
        for one in old:
            self.remove(one)
        return [one.name for one in old]

    def remove(self, folder: Status) -> None:
        with step("publish.remove"):
            self._hdfs.delete(folder.id)

    def _tidy(self, folder: Status) -> None:
        """Remove what is in nobody's way: what cannot be removed now is left to the next run."""
        with suppress(HdfsError, UnreachableError):
            self.remove(folder)

    def _remove_empty(self, folder: Status) -> None:
        try:
            self._hdfs.delete(folder.id, recursive=False)
        except HdfsError as error:
            if error.kind != "PathIsNotEmptyDirectoryException":
                raise
            raise foreign(self._named, next(self.below(by_id(folder.id)))[0]) from None

    def below(self, folder: str, prefix: str = "") -> Iterator[tuple[str, int]]:
        """The files below a folder with their sizes, by their names within it; folders without files as well."""
        for entry in self._hdfs.listed(folder):
            name = prefix + entry.name
            if entry.is_folder and entry.children:
                yield from self.below(f"{folder}/{entry.name}", f"{name}/")
            else:
                yield name, entry.size

    def hidden(self, kind: str, run_id: str = "") -> str:
        """The name of a folder of ours beside the target."""
        return f".{self._name}.{kind}{run_id}"

    def _successor(self, run_id: str | None) -> str:
        """The name that only one successor of a result can take."""
        return self.hidden("first") if run_id is None else self.hidden("after-", run_id)


@contextmanager
def _unless_missing() -> Iterator[None]:
    try:
        yield
    except HdfsError as error:
        if error.kind != "FileNotFoundException":
            raise
