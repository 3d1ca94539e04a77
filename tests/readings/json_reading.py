"""Reading JSON in tests."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable

from jobs.readings.compression import Damage, ReadableBuffer
from jobs.readings.dialect import Dialect, Long, Quality
from jobs.readings.json_line import JsonRecords, parse_json_line
from jobs.readings.model import Absence, Keys, Reject, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from jobs.readings.record import Record

LONG = Dialect("test", formats=("json",), long=Long(unit="unit"), quality=Quality("quality"), optional=("unit",))
RUN_START = 1_800_000_000_000_000
Found = tuple[int, str, str, str | None, float, str | None]


class Source:
    """Bytes in reads of the given sizes, perhaps with damage behind them."""

    def __init__(self, data: bytes, sizes: list[int] | None = None, damage: Damage | None = None) -> None:
        self._file, self._sizes, self._damage, self._turn = io.BytesIO(data), sizes or [1 << 20], damage, 0

    def readinto(self, view: memoryview, /) -> int:
        self._turn += 1
        count = self._file.readinto(view[: self._sizes[self._turn % len(self._sizes)]])
        if not count and self._damage is not None:
            raise self._damage
        return count


def read(
    source: bytes | ReadableBuffer, dialect: Dialect = LONG, part: Part | None = None
) -> tuple[list[Found], list[tuple[int, int | None, str, str | None, bytes]], Tally]:
    """The readings in record order, the rejects, and what was counted."""
    rejects: list[Reject] = []
    keys, tally = Keys(), Tally()
    found: list[tuple[int, Found]] = []
    absent: Counter[Absence] = Counter()
    data = Source(source) if isinstance(source, bytes) else source
    try:
        for batch in read_part(
            data, part or Part("x.json"), dialect, "json", Sink(keys, tally, rejects.append, RUN_START, absent=True)
        ):
            assert 0 < len(batch) <= 65_536
            if batch.absence is not None:
                absent[batch.absence] += len(batch)
                continue
            for place, row in zip(batch.offset.tolist(), batch.to_arrow().to_pylist(), strict=True):
                stamp = int(row["timestamp"].timestamp() * 1e6)
                reading = (stamp, row["device_id"], row["metric"], row["unit"], row["value"], row["quality"])
                found.append((place, reading))
    finally:
        assert tally.readings == len(found)
        assert sum(tally.rejects.values()) == len(rejects)
        assert absent[Absence.MISSING] == tally.missing
        assert absent[Absence.REJECTED] == tally.rejects["value"] + tally.rejects["value_range"]
    told = [(r.offset, r.line, str(r.reason), r.column, r.text) for r in rejects]
    return [reading for _, reading in sorted(found, key=lambda item: item[0])], sorted(told, key=repr), tally


def one(text: str | bytes, dialect: Dialect = LONG) -> Record:
    return parse_json_line(text.encode() if isinstance(text, str) else text, JsonRecords(dialect, "x.json", RUN_START))


def document(number: int, **more: object) -> dict[str, object]:
    stamp = f"2026-03-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z"
    return {"timestamp": stamp, "device_id": f"dév-{number % 3}", "metric": "t", "value": number / 8, **more}


def expected(number: int) -> Found:
    return (1_772_323_200_000_000 + number % 3600 * 1_000_000, f"dév-{number % 3}", "t", None, number / 8, None)


LAYOUTS: dict[str, Callable[[list[object]], str]] = {
    "lines": lambda docs: "".join(json.dumps(d) + "\n" for d in docs),
    "lines, raw UTF-8, CRLF, no last newline": lambda docs: "\r\n".join(
        json.dumps(d, ensure_ascii=False) for d in docs
    ),
    "concatenated": lambda docs: "".join(json.dumps(d, ensure_ascii=False) for d in docs),
    "blanks between": lambda docs: " \t\n\n ".join(json.dumps(d) for d in docs),
    "spread over lines": lambda docs: "\n".join(json.dumps(d, indent=2) for d in docs),
    "array": json.dumps,
    "array spread over lines": lambda docs: json.dumps(docs, indent=1, ensure_ascii=False) + "\n",
    "arrays in a row": lambda docs: json.dumps(docs[:2]) + "\n" + json.dumps(docs[2:]),
}
