"""The ledger beside the lake: whether each `_SUCCESS` is what the ledger says, while runs go on or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jobs.errors import InputError, MissingError
from jobs.lake.published import read_published
from jobs.schedule.attempt import content_of
from jobs.schedule.board import Item, Key
from jobs.schedule.ledger.models import PartitionRow
from jobs.schedule.ledger.store import Ledger


@dataclass(slots=True)
class Verified:
    """On how many results both agree; lines about those that are published and not written down yet, and about those on
    which they do not agree."""

    agreed: int = 0
    unwritten: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def verified(ledger: Ledger, items: Iterable[Item], hide: Callable[[str], str]) -> Verified:
    """Reads the `_SUCCESS` of each result that the ledger knows of, and looks for one of each other item."""
    rows, found = ledger.partitions(), Verified()
    places: dict[Key, str] = {item.key: item.output for item in items}
    for key in [*rows, *(key for key in places if key not in rows)]:
        _verify(ledger, key, rows.get(key), places.get(key, ""), found, hide)
    return found


def _verify(
    ledger: Ledger, key: Key, row: PartitionRow | None, output: str, found: Verified, hide: Callable[[str], str]
) -> None:
    if row is not None and row.pruned is not None:
        return
    run, ticket, said = _compared(row, output)
    if said is None:
        found.agreed += row is not None
        return
    # its attempt ends in the transaction that writes the result down: who looks in this order misses neither
    is_under_way = (*key, ticket) in ledger.running()
    now = ledger.partitions(key).get(key)
    place = " ".join(key)
    if is_under_way:
        what = "which is not written down yet; its run will, or the next one if that was killed"
        found.unwritten.append(f"{place}: run {run} is published, {what}")
    elif _version(now) != _version(row):
        _verify(ledger, key, now, output, found, hide)  # it was written down in between
    else:
        found.wrong.append(hide(f"{place}: {said}"))


def _compared(row: PartitionRow | None, output: str) -> tuple[str, str, str | None]:
    """The run and the ticket that the lake tells of, and where that is not what the ledger says."""
    try:
        manifest = read_published(row.output if row else output)
    except MissingError as error:
        return "", "", None if row is None else f"the ledger says published, but {error}"
    except InputError as error:
        return "", "", f"the ledger says published, but {error}" if row else str(error)
    said = None
    if row is None:
        said = f"the ledger knows of no result, the lake says run {manifest.run_id}"
    elif manifest.run_id != row.published_run:
        said = f"the ledger says run {row.published_run}, the lake says {manifest.run_id}"
    elif content_of(manifest.parts) != row.content:
        said = "the bytes are others than the ledger says"
    return manifest.run_id, str(manifest.provenance.get("ticket")), said


def _version(row: PartitionRow | None) -> tuple[object, ...]:
    return () if row is None else (row.published_run, row.content, row.pruned)
