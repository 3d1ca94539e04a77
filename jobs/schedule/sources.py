"""Which log objects have arrived: the listing of a source, compared with what the ledger knows."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from jobs.engine.planner import MARKER
from jobs.errors import MissingError
from jobs.lake import storage
from jobs.lake.storage import ObjectInfo
from jobs.readings import detect
from jobs.schedule.ledger.store import Seen
from jobs.schedule.model import Source

_DATE = "{date}"


def listed(source: Source, since: date, until: date) -> tuple[list[Seen], list[str]]:
    """The objects that arrived on the days [since, until], or lie in a path without days; and the markers of dialects
    beside and above them.

    Raises InputError for what cannot be listed; that there is nothing yet is no error.
    """
    found: dict[str, tuple[ObjectInfo, date | None]] = {}
    for path in source.paths:
        arrival = _arrival(path)
        for spec in _specs(path, since, until):
            try:
                infos = storage.expand(spec, _is_listed)
            except MissingError:
                continue
            for info in infos:
                day = arrival(info.uri)
                if day is None or since <= day <= until:
                    found[info.uri] = (info, day)
    markers = {uri: info for uri, (info, _) in found.items() if posixpath.basename(uri) == MARKER}
    objects = []
    for uri, (info, day) in sorted(found.items()):
        if uri not in markers:
            marker = next((markers[above] for above in _markers_of(uri) if above in markers), None)
            objects.append(Seen(uri, _pin(source, info, marker), info.size, day))
    return objects, sorted(markers)


def covers(source: Source, arrived: date | None, since: date, until: date) -> bool:
    """Whether a listing of these days would show an object that arrived then."""
    return arrived is None or since <= arrived <= until


def _specs(path: str, since: date, until: date) -> Iterator[str]:
    """Patterns for `expand`: a month of days each, so that listings are few and no longer than need be."""
    if _DATE not in path:
        yield path
        return
    month = since.replace(day=1)
    while month <= until:
        yield path.replace(_DATE, f"{month:%Y-%m}-*").rstrip("/")
        month = (month + timedelta(days=32)).replace(day=1)


class _arrival:  # noqa: N801 - called as the function that it is
    """The day of arrival that an object's name tells, if the path has one."""

    def __init__(self, path: str) -> None:
        before, found, _ = path.partition(_DATE)
        self._pattern = re.compile(_globbed(before) + r"(\d{4}-\d{2}-\d{2})") if found else None

    def __call__(self, uri: str) -> date | None:
        match = self._pattern.match(uri) if self._pattern else None
        try:
            return date.fromisoformat(match[1]) if match else None
        except ValueError:
            return None


def _globbed(text: str) -> str:
    return re.escape(text).replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


def _markers_of(uri: str) -> Iterator[str]:
    folder = uri
    while folder:
        folder, above, _ = folder.rpartition("/")
        yield f"{folder}{above}{MARKER}"


def _pin(source: Source, info: ObjectInfo, marker: ObjectInfo | None) -> str:
    """What an object is and how it is read: another pin, other readings."""
    said = [_content(info), marker and (marker.uri, *_content(marker)), source.dialect]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _content(info: ObjectInfo) -> tuple[int, str | int | None]:
    return info.size, info.etag or info.mtime_ns


def _is_listed(name: str) -> bool:
    return name == MARKER or detect.is_log_name(name)


def relevant(markers: Iterable[str], uris: Iterable[str]) -> list[str]:
    """The markers that speak for some of the objects."""
    wanted = {marker for uri in uris for marker in _markers_of(uri)}
    return [marker for marker in markers if marker in wanted]
