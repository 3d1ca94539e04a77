"""Making the plan: list the input, settle dialects, prune, cut large objects, pack small ones."""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from jobs.engine.options import Settings
from jobs.engine.plan import Piece, Plan, pack
from jobs.engine.sources import Looked, look
from jobs.errors import InputError, UsageError
from jobs.lake import storage
from jobs.lake.manifest import SUCCESS
from jobs.lake.published import unpublished
from jobs.lake.storage import ObjectInfo
from jobs.readings import detect, dialect_file
from jobs.readings.dialect import Dialect
from jobs.readings.names import MARKER, is_log_name

_LARGEST_SPLIT = 64 << 20
_SMALLEST_SPLIT = 2 << 20
_SPLITS_PER_TASK = 4
_MOST_SPLITS = 800_000  # which the driver holds in half a gigabyte
_MOST_LOOKED_AT = 256  # large objects; each takes a request
_MOST_HEADS = 10_000  # objects that --dry-run looks at
_DAY = re.compile(r"(?:^|/)dt=(\d{4}-\d{2}-\d{2})(?=/)")


class Planner:
    """Plans one run. `dialects` then holds the content of each dialect that pieces name."""

    def __init__(self, settings: Settings, tasks: int, *, heads: bool = False) -> None:
        self._settings = settings
        self._tasks = tasks
        self._named = frozenset(settings.inputs)
        self._heads = heads  # look at every object's head, as --dry-run does
        self._looks = True
        self.dialects: dict[str, str] = {}
        self._loaded: dict[str, Dialect] = {}

    def plan(self) -> Plan:
        """Raises InputError for input that is missing or unreadable, UsageError for a dialect that cannot be."""
        given = self._dialect(self._settings.dialect) if self._settings.dialect else ""
        listed = self._list()
        markers = {m.uri: m for m in listed if m.uri.endswith("/" + MARKER) or m.uri == MARKER}
        found = [o for o in listed if o.uri not in markers]
        if not found:
            raise InputError(
                "no log objects there",
                where=" ".join(self._settings.inputs),
                fix="names that begin with . or _ are passed over",
            )
        kept = [o for o in found if self._wanted(o)]
        split_size = self._split_size(sum(o.size for o in kept))
        self._looks = sum(o.size > split_size for o in kept) <= _MOST_LOOKED_AT
        told = self._looks and not (self._heads and len(kept) > _MOST_HEADS)
        self._heads = self._heads and told
        pieces = [
            replace(piece, part=part) if part else piece
            for source, o in enumerate(kept)
            for part, piece in enumerate(self._cut(o, source, given or self._marked(o, markers), split_size))
        ]
        pruned = sum(o.size for o in found) - sum(o.size for o in kept)
        return Plan(pack(pieces, split_size), split_size, len(found) - len(kept), pruned, told)

    def _list(self) -> list[ObjectInfo]:
        """Every object of every input once, by name; of what this suite published what `_SUCCESS` names."""
        inputs = self._settings.inputs
        if not inputs:
            raise UsageError(
                "no input given",
                fix="name files, directories, globs, s3://bucket/prefix, hdfs://host/path, or - for standard input",
            )
        if not all(inputs):
            raise UsageError("an input is an empty name", fix="is a variable of the shell not set?")
        listed: dict[str, ObjectInfo] = {}
        folders: set[str] = set()
        for spec in inputs:
            if spec == "-":
                listed["-"] = ObjectInfo("-", 0, None, None)
                continue
            for info in storage.expand(spec, _is_listed):
                listed[info.uri] = info
                folder = posixpath.dirname(info.uri)
                if folder not in folders and "://" not in folder:
                    folders.add(folder)
                    if (marker := storage.find(posixpath.join(folder, MARKER))) is not None:
                        listed[marker.uri] = marker
        for uri in [uri for uri in listed if uri.endswith(f"/{SUCCESS}") and uri not in inputs]:
            for part in unpublished(listed.pop(uri), listed):
                del listed[part]
        found = sorted(listed.values(), key=lambda info: info.uri)
        return found if len(inputs) == 1 else list(_by_file(found).values())

    def _marked(self, info: ObjectInfo, markers: dict[str, ObjectInfo]) -> str:
        """The dialect key of the nearest marker above the object; empty where there is none."""
        folder = info.uri
        while markers and folder:
            folder, above, _ = folder.rpartition("/")
            if (marker := markers.get(f"{folder}{above}{MARKER}")) is not None:
                return self._dialect_text(marker.uri, storage.read_text(marker))
        return ""

    def _dialect(self, name: str) -> str:
        if "://" in name:
            if (info := storage.find(name)) is None:
                raise InputError("no such file", where=name, fix="--dialect names a shipped dialect or a TOML file")
            return self._dialect_text(name, storage.read_text(info))
        if name not in self._loaded:
            self._keep(name, dialect_file.load(name))
        return name

    def _dialect_text(self, uri: str, text: str) -> str:
        if uri not in self._loaded:
            self._keep(uri, dialect_file.parse(text, uri))
        return uri

    def _keep(self, key: str, dialect: Dialect) -> None:
        self._loaded[key] = dialect
        self.dialects[key] = dialect_file.dumps(dialect)

    def _wanted(self, info: ObjectInfo) -> bool:
        """Whether the object's dt= folder can hold readings of the time asked for.

        A reading arrives after its time, so a folder of arrivals before --from holds none (a day is left for zones),
        and one more than --max-lateness days after --to holds none that counts. An object that was named in full is
        read whatever its folder.
        """
        found = _DAY.findall(info.uri)
        if not found or info.uri in self._named:
            return True
        try:
            day = date.fromisoformat(found[-1])
        except ValueError:
            return True
        since, until, slack = self._settings.since, self._settings.until, timedelta(days=1)
        if since is not None and day < _day(since) - slack:
            return False
        late = timedelta(days=self._settings.max_lateness)
        return until is None or day <= _day(until) + late

    def _split_size(self, total: int) -> int:
        if self._settings.split_size:
            return self._settings.split_size
        size = min(_LARGEST_SPLIT, max(_SMALLEST_SPLIT, total // (self._tasks * _SPLITS_PER_TASK)))
        return max(size, total // _MOST_SPLITS)

    def _cut(self, info: ObjectInfo, source: int, key: str, split_size: int) -> Iterator[Piece]:
        """The pieces of an object, but for their numbers: one, unless it is large and its format allows cutting. Where
        there are too many to look at, tasks find out whether it does."""
        whole = Piece(info, info.size, dialect=key, source=source)
        is_large = info.size > split_size
        if info.uri == "-" or not (is_large or self._heads):
            yield whole
            return
        if not self._looks and not info.uri.endswith(detect.PARQUET_NAMES):  # row groups lie where footers say
            yield from _ranges(whole, b"", split_size)
            return
        with storage.open_range(info, 0) as reader:
            looked = look(info, reader, self._loaded.get(key))
        if not key:
            key = self._dialect_of(looked)
        if looked.format == "parquet":
            yield from self._row_groups(replace(whole, format="parquet", dialect=key), looked.dialect, split_size)
        elif looked.compressed:
            yield replace(whole, dialect=key)
        elif is_large and looked.can_be_cut:
            yield from _ranges(replace(whole, format=looked.format, dialect=key), looked.header, split_size)
        else:
            yield replace(whole, format=looked.format, dialect=key)

    def _dialect_of(self, looked: Looked) -> str:
        name = looked.dialect.name
        if name not in self._loaded:
            self._keep(name, looked.dialect)
        return name

    def _row_groups(self, whole: Piece, dialect: Dialect, split_size: int) -> Iterator[Piece]:
        from jobs.readings.parquet_rows import parquet_layout

        with storage.open_seekable(whole.object) as file:
            groups = parquet_layout(file, dialect, whole.object.uri)
        since, until = self._settings.since, self._settings.until
        taken: list[int] = []
        size = 0
        for number, group in enumerate(groups):
            if group.first is not None and until is not None and group.first >= until:
                continue
            if group.last is not None and since is not None and group.last < since:
                continue
            if taken and size + group.size > split_size:
                yield replace(whole, size=size, row_groups=tuple(taken))
                taken, size = [], 0
            taken.append(number)
            size += group.size
        if taken or not groups:
            yield replace(whole, size=size, row_groups=tuple(taken))


def _ranges(whole: Piece, header: bytes, split_size: int) -> Iterator[Piece]:
    """Byte ranges; a record belongs to the range where its first byte lies."""
    size = whole.object.size
    for start, end in itertools.pairwise(_borders(size, split_size, whole.object.block_size)):
        last = end == size
        yield replace(whole, size=end - start, start=start, end=None if last else end, header=header if start else b"")


def _borders(size: int, split_size: int, block_size: int | None) -> list[int]:
    """Where ranges begin and end: of equal length; where blocks lie apart, of whole blocks or equal parts of one."""
    span = max(split_size // block_size, 1) * block_size if block_size else size
    borders = [0]
    for start in range(0, size, span):
        length = min(span, size - start)
        count = -(-length // split_size)
        borders += [start + i * length // count for i in range(1, count + 1)]
    return borders


def _is_listed(name: str) -> bool:
    return name in (MARKER, SUCCESS) or is_log_name(name)


def _day(time: int) -> date:
    return datetime.fromtimestamp(time // 1_000_000, UTC).date()


def _by_file(found: Sequence[ObjectInfo]) -> dict[str, ObjectInfo]:
    """Each object once, whichever spellings and links several inputs know it by: the first of them."""
    by_file: dict[str, ObjectInfo] = {}
    for info in found:
        by_file.setdefault(storage.place(info.path or info.uri), info)
    return by_file
