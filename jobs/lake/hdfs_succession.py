"""How one folder takes the place of another in HDFS, which renames at once but exchanges nothing, and has no locks.

Of the runs that would replace a result the one does it that first renames its folder to the name of that result's
successor; whoever finds such a folder brings the replacement to its end. Whatever is renamed or deleted is named by its
id: who comes late finds nothing, instead of what another run has put there meanwhile. Only what is put back is named
by its path, since it must not be taken from where another run has moved it.

Results may be of several users. What another's rights keep from being moved is found out before anything is; what can
be moved, not removed, is left to its owner under a name that stands in nobody's way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from jobs.errors import InputError, JobError
from jobs.lake.durable import step
from jobs.lake.manifest import SUCCESS, Manifest, loads
from jobs.lake.publish import foreign, lost_race
from jobs.lake.remote import TRIES
from jobs.lake.webhdfs import Status, WebHdfs, by_id
from jobs.lake.webhdfs_errors import DENIED, HdfsError, UnreachableError


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
    def replaced(self) -> Status | None:
        """The folder whose place the next result takes."""
        return self.target or self.previous

    @property
    def is_filled(self) -> bool:
        return self.manifest is not None or (self.target is not None and self.target.children > 0)


class Succession:
    """The results of one target, `path`, one after the other; `named` is what the user calls it."""

    def __init__(self, hdfs: WebHdfs, path: str, named: str) -> None:
        self._hdfs, self._path, self._named = hdfs, path, named
        self.folder, _, self._name = path.rpartition("/")
        self._own = re.compile(rf"\.{re.escape(self._name)}\.(first|(staging|after)-[^.]+|previous-\d+)")

    def claim(self, staging: Status, seen: str | None, run_id: str) -> None:
        """Make the staged folder the target, if what is published is still the result of the run `seen`.

        Raises BusyError if it is not, JobError or HdfsError if the user may not; then nothing is removed but the
        folder, and no later run finds it to publish.
        """
        claimed = f"{self.folder}/{self._successor(seen)}"
        try:
            with step("publish.claim"):
                is_ours = self._hdfs.move(staging.id, claimed)
            # while our folder bears the name and the result is the one we saw, nobody else can replace it
            is_decided = is_ours and self.look().run_id in (seen, run_id)
            if is_decided:
                self.settled()
            is_lost = not is_decided or self._is_at(claimed, staging)
        except (HdfsError, UnreachableError, JobError):
            if self._is_withdrawn(staging, claimed, run_id):
                raise
            return
        if not is_ours:
            with suppress(HdfsError, JobError):  # the other run's to bring to its end
                self.settled()
        if is_lost and self._is_withdrawn(staging, claimed, run_id):
            raise lost_race(self._named)

    def _is_withdrawn(self, staging: Status, claimed: str, run_id: str) -> bool:
        """Take a claim back. False if another run has published the folder by now."""
        own = f"{self.folder}/{self.hidden('staging-', run_id)}"
        with suppress(HdfsError, UnreachableError):
            if self._is_at(claimed, staging):
                with step("publish.withdraw"):
                    self._hdfs.move(staging.id, own, at=claimed)
                with suppress(HdfsError), step("publish.remove"):
                    self._hdfs.delete_path(own)
            state = self.look()
            self._put_back(state)
            return state.run_id != run_id
        return True

    def _is_at(self, path: str, folder: Status) -> bool:
        found = self._hdfs.status(path)
        return found is not None and found.id == folder.id

    def settled(self) -> State:
        """What there is once every replacement that was decided has come to its end.

        Raises JobError where the user may not bring it there, as what is another's below a folder with the sticky bit.
        """
        for _ in range(TRIES):
            state = self.look()
            successor = state.beside.get(self._successor(state.run_id))
            if successor is not None:
                self._replace(state, successor)
                continue
            if self._put_back(state):
                continue
            if state.target is not None and state.previous is not None:
                self._tidy(state.previous)
            return state
        raise lost_race(self._named)

    def _replace(self, state: State, successor: Status) -> None:
        """Put the successor in the place of the result, as far as no other run is about to."""
        self._check_movable(successor)
        if state.target is not None:
            self.check_replaceable(state)
        if state.target is not None and state.manifest is None:
            self._remove_empty(state.target)
        elif state.target is not None:
            if state.previous is not None:
                self._clear(state.previous)
            with step("publish.set_aside"):
                aside = self._hdfs.move(state.target.id, previous_of(self._path))
            if not aside:
                return
        try:
            with step("publish.rename"):
                revealed = self._hdfs.move(successor.id, self._path)
        except HdfsError:
            with suppress(HdfsError, UnreachableError):
                self._put_back(self.look())
            raise
        if revealed and state.replaced is not None:
            self._tidy(state.replaced)

    def _put_back(self, state: State) -> bool:
        """Make the result that is set aside the target again, where there is none; whether it is."""
        if state.target is not None or state.previous is None or state.manifest is None:
            return False
        with suppress(HdfsError, UnreachableError), step("publish.recover"):
            return self._hdfs.move(state.previous.id, self._path, at=previous_of(self._path))
        return False

    def check_replaceable(self, state: State) -> None:
        """Raises JobError if the user may not move what a new result is to replace."""
        for folder in (state.target, state.previous):
            if folder is not None:
                self._check_movable(folder)

    def _check_movable(self, folder: Status) -> None:
        try:
            self._hdfs.check_move(folder.id, self.folder)
        except HdfsError as error:
            if "sticky bit" not in error.message:
                raise
            is_target = folder.name == self._name
            raise JobError(
                f"{'' if is_target else f'{folder.name} beside it '}is of the user {folder.owner}, and the sticky bit "
                f"of {self.folder or '/'} lets nobody else move it",
                where=self._named,
                fix=f"run as {folder.owner}, or {'name another place' if is_target else 'have it removed'}",
            ) from error

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
            folder = state.replaced
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
        """Remove what runs left beside the target that can publish no more: what they saw at their start is gone. What
        is another user's stays, theirs to remove."""
        own = self._successor(state.run_id)
        old = [one for name, one in state.beside.items() if name != own and one.modified < state.since]
        return [one.name for one in old if self._is_removed(one)]

    def remove(self, folder: Status) -> None:
        with step("publish.remove"):
            self._hdfs.delete(folder.id)

    def _is_removed(self, folder: Status) -> bool:
        """Remove the folder, if the user may."""
        try:
            try:
                self.remove(folder)
            except HdfsError as error:
                if error.kind != DENIED:
                    raise
                # it may be the user's own, closed to writing as the result was that it replaced
                self._hdfs.set_permission(by_id(folder.id), "700")
                self.remove(folder)
        except HdfsError as error:
            if error.kind not in (DENIED, "FileNotFoundException"):
                raise
            return False
        return True

    def _clear(self, previous: Status) -> None:
        """Have the name free at which a result is set aside."""
        if not self._is_removed(previous):
            with step("publish.retire"):
                self._hdfs.move(previous.id, f"{self.folder}/{self.hidden('previous-', str(previous.id))}")

    def _tidy(self, previous: Status) -> None:
        """Clear what is in nobody's way: what cannot be cleared now is left to the next run."""
        with suppress(HdfsError, UnreachableError):
            self._clear(previous)

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
