"""`_SUCCESS`: what a published result consists of and where it came from, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from jobs.errors import InputError
from jobs.lake.writers import OutputFormat

SUCCESS = "_SUCCESS"
"""The name of the manifest within the target."""

_VERSION = 1
_OWN = ("manifest", "run_id", "published", "format", "rows", "columns", "parts", "superseded", "pending", "metadata")
_PART_NAME = re.compile(r"(dt=\d{4}-\d{2}-\d{2}/)?part-\d{5,}(-[A-Za-z0-9._-]+)?\.(csv|jsonl|parquet)")
_TYPES: dict[str, pa.DataType] = {
    str(kind): kind
    for kind in (
        pa.string(),
        pa.bool_(),
        pa.int8(),
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.float64(),
        pa.date32(),
        pa.timestamp("us", "UTC"),
        pa.list_(pa.int64()),
    )
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a result: its name within the target, its bytes and rows, the SHA-256 of its bytes."""

    name: str
    size: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """An object of an earlier result that slow readers may still need, and since when no new reader does."""

    name: str
    since: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A published result. `columns` are names with Arrow types; `provenance` is what the run says of itself; `metadata`
    that of the schema, which Parquet files carry too.

    `pending` (S3 only): results of one part that were about to replace this one under the same name; the one whose
    run the object names is the result.
    """

    run_id: str
    format: OutputFormat
    columns: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    published: str = ""
    superseded: tuple[Superseded, ...] = ()
    pending: tuple[Manifest, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(name, _TYPES[kind]) for name, kind in self.columns], dict(self.metadata) or None)

    def with_pending(self, *pending: Manifest) -> Manifest:
        return replace(self, pending=pending)

    def dumps(self) -> bytes:
        return (json.dumps(self._data(), ensure_ascii=False, indent=1) + "\n").encode()

    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = {"manifest": _VERSION, "run_id": self.run_id, "published": self.published}
        data |= self.provenance
        data |= {
            "format": self.format,
            "rows": self.rows,
            "columns": [{"name": name, "type": kind} for name, kind in self.columns],
            "parts": [asdict(part) for part in self.parts],
        }
        if self.metadata:
            data["metadata"] = dict(self.metadata)
        if self.superseded:
            data["superseded"] = [asdict(old) for old in self.superseded]
        if self.pending:
            data["pending"] = [manifest._data() for manifest in self.pending]
        return data


def described(run_id: str, output: OutputFormat, schema: pa.Schema, provenance: Mapping[str, Any]) -> Manifest:
    """The manifest of a result that has no parts yet. Raises ValueError for provenance that takes its own names."""
    if taken := [name for name in provenance if name in _OWN]:
        raise ValueError(f"provenance cannot be named {', '.join(taken)}")
    columns = tuple((f.name, str(f.type)) for f in schema)
    if strange := [kind for _, kind in columns if kind not in _TYPES]:
        raise ValueError(f"results have no columns of type {', '.join(strange)}")
    metadata = {name.decode(): value.decode() for name, value in (schema.metadata or {}).items()}
    return Manifest(run_id, output, columns, (), provenance, metadata=metadata)


def loads(text: bytes, where: str) -> Manifest:
    """The manifest of a `_SUCCESS`. Raises InputError for one that is not of this suite, or of a later version."""
    try:
        data = json.loads(text)
        version = data["manifest"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"its {SUCCESS} is not of this suite", where=where, fix="read its files by name") from None
    if version != _VERSION:
        raise InputError(f"its {SUCCESS} is of version {version}", where=where, fix="use a newer version of the suite")
    return _manifest(data)


def _manifest(data: dict[str, Any]) -> Manifest:
    return Manifest(
        run_id=data["run_id"],
        format=data["format"],
        columns=tuple((c["name"], c["type"]) for c in data["columns"]),
        parts=tuple(Part(**part) for part in data["parts"]),
        provenance={name: value for name, value in data.items() if name not in _OWN},
        published=data["published"],
        superseded=tuple(Superseded(**old) for old in data.get("superseded", ())),
        pending=tuple(_manifest(one) for one in data.get("pending", ())),
        metadata=data.get("metadata", {}),
    )


def part_name(number: int, output: str, run_id: str | None) -> str:
    """The name of a part: the only part of a result keeps one name, those of several carry the run's id."""
    return f"part-{number:05d}{'' if run_id is None else f'-{run_id}'}.{output}"


def is_part_name(name: str) -> bool:
    """Whether a run of this suite gave this name."""
    return _PART_NAME.fullmatch(name) is not None


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(since: str) -> float:
    """The seconds since then."""
    return (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()
