"""Reading generated objects with the standard library alone, as a check that owes nothing to the generator."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections import defaultdict
from datetime import datetime
from pathlib import Path

Reading = tuple[str, str, datetime, float]


def plain(path: Path) -> bytes:
    """An object's text, decompressed."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    return {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}.get(path.suffix, bytes)(data)


def ledger(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "_expected" / "faults.jsonl").read_text("utf-8").splitlines()]


def without_bad_lines(text: bytes, name: str, entries: list[dict[str, object]]) -> bytes:
    """The object's text less the bad lines that the ledger places in it."""
    bad = {e["line"] for e in entries if e["kind"] == "bad_line" and e["object"] == name}
    return b"".join(line for n, line in enumerate(text.splitlines(keepends=True), 1) if n not in bad)


def readings(text: bytes, name: str) -> list[Reading]:
    """(device, metric, time, value) of every line of good text; an empty field of a wide line is none."""
    decoded = text.decode()
    if ".jsonl" in name:
        rows = [json.loads(line) for line in decoded.splitlines()]
    else:
        rows = list(csv.DictReader(io.StringIO(decoded, newline="")))
    found = []
    for row in rows:
        time = datetime.fromisoformat(row.pop("timestamp"))
        device = row.pop("device_id")
        values = {row["metric"]: row["value"]} if "metric" in row else row
        found += [(device, metric, time, float(v)) for metric, v in values.items() if v != ""]
    return found


def by_day(found: list[Reading]) -> dict[tuple[str, str, str], list[Reading]]:
    """Readings by (device, metric, day)."""
    groups: dict[tuple[str, str, str], list[Reading]] = defaultdict(list)
    for reading in found:
        groups[reading[0], reading[1], reading[2].date().isoformat()].append(reading)
    return groups
