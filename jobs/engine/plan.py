"""The plan of a run: its objects cut and packed into splits, one line each, before anything is read."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from jobs.lake.storage import ObjectInfo
from jobs.readings.compression import Codec
from jobs.readings.detect import PARQUET_NAMES
from jobs.readings.dialect import Format

T = TypeVar("T")

_PACKED_NAMES = (*(f".{codec}" for codec in Codec), *PARQUET_NAMES)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of one object: the records whose first byte lies in [start, end) of it; `end` None: to its end.

    `format` None leaves format and compression to the task, which sees the object's first bytes; of an object that
    cannot be cut, the first range then is all of it. `dialect` is a key of the run's dialects; empty: the task chooses
    by extension and header. `header`: the object's header lines, for pieces that do not begin with it. `size`: the
    bytes that reading it takes. `source`: the object's number in the plan; `part`: the piece's number in the object.
    """

    object: ObjectInfo
    size: int
    start: int = 0
    end: int | None = None
    format: Format | None = None
    dialect: str = ""
    header: bytes = b""
    row_groups: tuple[int, ...] | None = None
    source: int = 0
    part: int = 0

    @property
    def is_packed(self) -> bool:
        return self.format == "parquet" or self.object.uri.endswith(_PACKED_NAMES)


@dataclass(frozen=True, slots=True)
class Split:
    """What one map task reads in one go: a piece of a large object, or a pack of small ones, in order.

    table: partial rows that the driver puts into the shuffle, their kind and block; such a split has no pieces.
    """

    index: int
    pieces: tuple[Piece, ...]
    table: tuple[str, str] | None = None

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces) + (len(self.table[1]) if self.table else 0)

    def dumps(self) -> str:
        """The split as one line of JSON."""
        pieces = [_plain(piece) for piece in self.pieces]
        data = {"index": self.index, "size": self.size, "pieces": pieces, "table": self.table}
        return json.dumps(data, ensure_ascii=True)

    @staticmethod
    def size_of(line: str | bytes) -> int:
        """The size alone of the split of a line that `dumps` wrote."""
        return int(json.loads(line)["size"])

    @staticmethod
    def loads(line: str | bytes) -> Split:
        """The split of a line that `dumps` wrote."""
        data = json.loads(line)
        kind, block = data["table"] or ("", "")
        return Split(data["index"], tuple(_piece(p) for p in data["pieces"]), (kind, block) if kind else None)


@dataclass(frozen=True, slots=True)
class Plan:
    """All splits of a run, and what pruning left out. looked_at: whether the driver saw what large objects are."""

    splits: tuple[Split, ...]
    split_size: int
    pruned_objects: int = 0
    pruned_bytes: int = 0
    looked_at: bool = True

    @property
    def size(self) -> int:
        return sum(split.size for split in self.splits)

    @property
    def packed(self) -> int:
        """Bytes of what is compressed, by its name where nobody looked, or Parquet."""
        return sum(piece.size for split in self.splits for piece in split.pieces if piece.is_packed)

    @property
    def objects(self) -> list[ObjectInfo]:
        """The objects read, in order, each once."""
        return list({piece.object.uri: piece.object for split in self.splits for piece in split.pieces}.values())

    def fingerprint(self) -> str:
        """SHA-256 over the objects' names, sizes and etags or times: the same input gives the same fingerprint."""
        digest = hashlib.sha256()
        for found in sorted(self.objects, key=lambda o: o.uri):
            digest.update(repr((found.uri, found.size, found.etag or found.mtime_ns)).encode())
        return digest.hexdigest()

    def shares(self, tasks: int) -> Iterator[tuple[Split, ...]]:
        """The splits dealt to at most `tasks` tasks: neighbours stay together, bytes are shared evenly."""
        yield from share(self.splits, [split.size for split in self.splits], tasks)


def share(items: Iterable[T], sizes: list[int], tasks: int) -> Iterator[tuple[T, ...]]:
    """Cut `items` into at most `tasks` runs of neighbours of about equal size."""
    total, done, current = max(sum(sizes), 1), 0, 0
    part: list[T] = []
    for item, size in zip(items, sizes, strict=True):
        place = min(tasks - 1, (2 * done + size) * tasks // (2 * total))
        if part and place != current:
            yield tuple(part)
            part = []
        current = place
        part.append(item)
        done += size
    if part:
        yield tuple(part)


def pack(pieces: Iterable[Piece], split_size: int) -> tuple[Split, ...]:
    """Pieces packed in order into splits of about `split_size` bytes."""
    packs: list[list[Piece]] = []
    filled = 0
    for piece in pieces:
        # an object without bytes still costs an open
        size = max(piece.size, 4096)
        if not packs or filled + size > split_size:
            packs.append([])
            filled = 0
        packs[-1].append(piece)
        filled += size
    return tuple(Split(index, tuple(pack)) for index, pack in enumerate(packs))


def _plain(piece: Piece) -> dict[str, object]:
    """A piece as JSON has it; by hand, as `asdict` takes most of the time that a plan of many objects takes."""
    data = {name: getattr(piece, name) for name in _OF_PIECE}
    found = {name: getattr(piece.object, name) for name in _OF_OBJECT}
    return data | {"object": found, "header": base64.b64encode(piece.header).decode()}


_OF_PIECE = tuple(field.name for field in fields(Piece))
_OF_OBJECT = tuple(field.name for field in fields(ObjectInfo))


def _piece(data: dict[str, Any]) -> Piece:
    found = data.pop("object")
    header = base64.b64decode(data.pop("header"))
    groups = data.pop("row_groups")
    row_groups = None if groups is None else tuple(groups)
    return Piece(object=ObjectInfo(**found), header=header, row_groups=row_groups, **data)
