"""Which log objects have arrived: the listing of a source, beside what the ledger knows."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from jobs.errors import MissingError
from jobs.lake import storage
from jobs.lake.storage import ObjectInfo
from jobs.readings.names import MARKER, is_log_name
from jobs.schedule.ledger.models import ObjectRow
from jobs.schedule.ledger.store import Ledger, Seen
from jobs.schedule.model import Source
from jobs.schedule.names import Names

_DATE = "{date}"


@dataclass(frozen=True, slots=True)
class Listing:
    """What of a source is there now, its dialects' markers, files whose names are no text, and what the ledger knew of
    the same days of arrival."""

    source: Source
    found: list[Seen]
    markers: list[str]
    nameless: list[str]
    known: Mapping[str, ObjectRow]

    @property
    def fresh(self) -> list[Seen]:
        """What is new, another than it was, or back again."""
        return [s for s in self.found if (row := self.known.get(s.uri)) is None or row.pin != s.pin or row.gone_by]

    @property
    def gone(self) -> list[str]:
        there = {seen.uri for seen in self.found}
        return [uri for uri, row in self.known.items() if row.gone_by is None and uri not in there]

    @property
    def unread(self) -> list[Seen]:
        """Of which days these hold readings the ledger does not know."""
        return [s for s in self.found if (row := self.known.get(s.uri)) is None or row.learned != s.pin]


def listing(source: Source, ledger: Ledger, since: date, until: date) -> Listing:
    """Of the objects that arrived on the days [since, until], or lie in a path without days. Raises as `listed`."""
    return Listing(source, *listed(source, since, until, ledger.names), ledger.objects(source.name, since, until))


def listed(source: Source, since: date, until: date, names: Names) -> tuple[list[Seen], list[str], list[str]]:
    """The objects that arrived on the days [since, until], or lie in a path without days; the markers of dialects
    beside and above them; and those files, passed over, whose names are no UTF-8.

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
    nameless = [uri for uri in found if not _is_text(uri)]
    objects = []
    for uri, (info, day) in sorted(found.items()):
        if uri not in markers and uri not in nameless:
            marker = next((markers[above] for above in _markers_of(uri) if above in markers), None)
            objects.append(Seen(uri, _pin(source, info, marker, names), info.size, day))
    return objects, sorted(markers), sorted(nameless)


def _specs(path: str, since: date, until: date) -> Iterator[str]:
    """Patterns for `expand`: a month of days each, so that listings are few and no longer than need be."""
    if _DATE not in path:
        yield path
        return
    month = since.replace(day=1)
    while month <= until:
        yield path.replace(_DATE, f"{month:%Y-%m}-*").rstrip("/")
        month = (month + timedelta(days=32)).replace(day=1)


def _arrival(path: str) -> Callable[[str], date | None]:
    """What finds the day of arrival in an object's name, if the path has one."""
    before, has_days, _ = path.partition(_DATE)
    pattern = re.compile(_globbed(before) + r"(\d{4}-\d{2}-\d{2})")

    def arrival(uri: str) -> date | None:
        match = pattern.match(uri) if has_days else None
        try:
            return date.fromisoformat(match[1]) if match else None
        except ValueError:
            return None

    return arrival


def _globbed(text: str) -> str:
    return re.escape(text).replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


def _markers_of(uri: str) -> Iterator[str]:
    folder = uri
    while folder:
        folder, above, _ = folder.rpartition("/")
        yield f"{folder}{above}{MARKER}"


def _pin(source: Source, info: ObjectInfo, marker: ObjectInfo | None, names: Names) -> str:
    """What an object is and how it is read: another pin, other readings."""
    said = [_content(info), marker and (names.of(marker.uri), *_content(marker)), source.dialect]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _content(info: ObjectInfo) -> tuple[int, str | int | None]:
    return info.size, info.etag or info.mtime_ns


def _is_text(name: str) -> bool:
    """Whether a file's name is UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_listed(name: str) -> bool:
    return name == MARKER or is_log_name(name)


def relevant(markers: Iterable[str], uris: Iterable[str]) -> list[str]:
    """The markers that speak for some of the objects."""
    wanted = {marker for uri in uris for marker in _markers_of(uri)}
    return [marker for marker in markers if marker in wanted]
