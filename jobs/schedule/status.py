"""Tables for people: what is published, stale, missing or failed; what a run would do; what runs did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from jobs.engine.aligned import aligned
from jobs.schedule.board import TO_DO, Board, Item
from jobs.schedule.ledger.models import AttemptRow

_GOOD = frozenset({"published", "later"})


def status_lines(items: Iterable[Item], board: Board) -> Iterator[str]:
    """A row for each partition, latest last, then how many are in which state."""
    found = list(items)
    rows = [("job", "partition", "state", "readings", "rejects", "published", "why")]
    for item in found:
        row = board.published.get(item.key)
        counts = ("", "", "") if row is None else (f"{row.readings:,}", f"{row.rejects:,}", _time(row.published))
        rows.append((*item.key, item.state, *counts, item.why))
    yield from aligned(rows, right=(3, 4), ruled=True)
    states = Counter(item.state for item in found)
    yield ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "no partition ends in this time"


def plan_lines(items: Iterable[Item], limit: int | None) -> Iterator[str]:
    """What a run would make now; what those need which wait shows once these are made."""
    found = list(items)
    rows = [("job", "partition", "why", "inputs")]
    taken: Counter[str] = Counter()
    for item in found:
        if (item.state in TO_DO or item.may_heal) and (limit is None or taken[item.task.name] < limit):
            taken[item.task.name] += 1
            rows.append((*item.key, item.why, str(len(item.inputs))))
    waiting = sum(item.state == "waiting" for item in found)
    if len(rows) > 1:
        yield from aligned(rows, right=(3,), ruled=True)
    said = f"{len(rows) - 1} to make" if len(rows) > 1 else "nothing to make"
    yield f"{said}, {waiting} waiting for others" if waiting else said


def history_lines(rows: Sequence[AttemptRow]) -> Iterator[str]:
    head = ("started", "job", "partition", "try", "ended as", "time", "objects", "readings", "rejects", "error")
    table: list[tuple[str, ...]] = [head]
    for row in rows:
        counts = ("" if n is None else f"{n:,}" for n in (row.objects, row.readings, row.rejects))
        seconds = "" if row.seconds is None else f"{row.seconds:.2f} s"
        place = (_time(row.started), row.task, row.partition, str(row.number), row.status)
        table.append((*place, seconds, *counts, row.error or ""))
    yield from aligned(table, right=(3, 5, 6, 7, 8), ruled=True)


def is_good(items: Iterable[Item]) -> bool:
    """Whether all that is due is published, or has no input."""
    return all(item.state in _GOOD or item.state == "missing" for item in items)


def _time(value: object) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"
