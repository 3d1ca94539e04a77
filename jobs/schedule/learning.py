"""Which days new objects hold readings of: they are read once, in bounded lots, and that is written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from jobs.schedule import sources
from jobs.schedule.hours import Day
from jobs.schedule.ledger.store import Ledger, Seen
from jobs.schedule.model import Schedule
from jobs.schedule.processes import Children
from jobs.schedule.running import Hide
from jobs.schedule.sources import Listing

_MOST_OBJECTS, _MOST_BYTES = 2000, 16 << 30
"""Of a lot: what a reading that is killed or takes too long loses."""
_MOST_UNREADABLE = 10
"""Of a lot: if more cannot be read, something else is wrong than these."""


class Learner:
    """Reads objects in child processes."""

    def __init__(self, schedule: Schedule, ledger: Ledger, children: Children, hide: Hide) -> None:
        self._schedule, self._ledger, self._children, self._hide = schedule, ledger, children, hide

    def learn(self, listing: Listing) -> str | None:
        """Write down which days the unread objects of a listing hold; the error if that failed. Raises BusyError when
        the lease is lost."""
        return next((error for lot in _lots(listing.unread) if (error := self._lot(listing, lot)) is not None), None)

    def _lot(self, listing: Listing, lot: list[Seen]) -> str | None:
        """One that cannot be read at all does not keep the others from being read. It stays unread, for what is
        wrong may be over next time; until then it is of the day of its arrival, and of those that it was of before."""
        source = listing.source
        readers = [task for task in self._schedule.tasks.values() if task.input == source.name]
        limit = max((task.time_limit.total_seconds() for task in readers), default=0.0)
        left = {seen.uri: seen.pin for seen in lot}
        learned: dict[str, tuple[str, list[Day], str | None]] = {}
        while left:
            uris = [*left, *sources.relevant(listing.markers, left)]
            wanted = {"learn": uris, "dialect": source.dialect, "engine": None}
            told = self._children.run(wanted, f"learn-{source.name}", limit)
            if "days" in told:
                found = {
                    uri: (_days(days), damage and self._hide(damage)) for uri, (days, damage) in told["days"].items()
                }
                learned = {uri: (pin, *found.get(uri, ([], None))) for uri, pin in left.items()}
                break
            error = self._hide(_error_of(told, source.name, limit))
            culprit = next((uri for uri in left if _names(told.get("where"), uri)), None)
            if culprit is None or len(lot) - len(left) == _MOST_UNREADABLE:
                return error
            del left[culprit]
        self._ledger.learn(source.name, learned)
        return None


def _lots(unread: list[Seen]) -> Iterator[list[Seen]]:
    lot: list[Seen] = []
    size = 0
    for seen in unread:
        if lot and (len(lot) == _MOST_OBJECTS or size + seen.size > _MOST_BYTES):
            yield lot
            lot, size = [], 0
        lot.append(seen)
        size += seen.size
    if lot:
        yield lot


def _days(spelled: list[tuple[str, int, int]]) -> list[Day]:
    return [Day(date.fromisoformat(day), hours, readings) for day, hours, readings in spelled]


def _error_of(told: dict[str, Any], source: str, limit: float) -> str:
    if told["timeout"]:
        return f"reading {source} took longer than {limit:,.0f} s, the longest time_limit of its jobs, and was ended"
    return str(told.get("error") or f"reading {source} ended with status {told['status']}")


def _names(where: object, uri: str) -> bool:
    """Whether an error's place is this object, or somewhere in it."""
    text = str(where or "")
    return text == uri or text.startswith((f"{uri} ", f"{uri}:"))
