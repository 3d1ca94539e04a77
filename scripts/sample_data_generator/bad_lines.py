"""Lines that are no readings, one way each."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from scripts.sample_data_generator.draw import Lines
from scripts.sample_data_generator.faults import Entry
from scripts.sample_data_generator.spelling import Format, Speller


@dataclass(frozen=True, slots=True)
class BadLine:
    """`reason` is the reject's code. `text` stands in the field `column`, or, where no column is to blame, in place of
    the whole line; {line} in it is the good line, {value} its value. Escapes \\udc80–\\udcff are bytes, no UTF-8."""

    reason: str
    column: str | None
    text: str


FIELDS = (
    BadLine("encoding", "device_id", "device-\udcb0"),
    BadLine("timestamp", "timestamp", "yesterday"),
    BadLine("timestamp", "timestamp", "2026-02-30T12:00:00.000Z"),
    BadLine("timestamp", "timestamp", ""),
    BadLine("timestamp_range", "timestamp", "1815-12-10T09:00:00.000Z"),
    BadLine("timestamp_range", "timestamp", "9999-01-01T00:00:00.000Z"),
    BadLine("device", "device_id", ""),
)
TEXT = (
    BadLine("field_count", None, "restarted"),
    BadLine("field_count", None, "{line},1"),
    BadLine("quote", None, '"{line}'),
    BadLine("quote", None, '"x"{line}'),
)
LONG_TEXT = (
    BadLine("metric", "metric", ""),
    BadLine("value", "value", "nan"),
    BadLine("value", "value", "-Infinity"),
    BadLine("value", "value", "0x1F"),
    BadLine("value", "value", "1_000"),
    BadLine("value", "value", " {value}"),
    BadLine("value", "value", "٣"),
    BadLine("value", "value", "12.5.1"),
    BadLine("value_range", "value", "1e999"),
)
JSON = (
    BadLine("json", None, "{line}}}"),
    BadLine("json", None, '{{"timestamp":"2026-03-01T00:00:00.000Z","device_id":'),
    BadLine("metric", "metric", ""),
    BadLine("value", "value", '"warm"'),
    BadLine("value_range", "value", "-1e999"),
)
KINDS: dict[Format, tuple[BadLine, ...]] = {
    "csv": TEXT + FIELDS + LONG_TEXT,
    "jsonl": JSON + FIELDS[1:],
    "wide": TEXT + FIELDS,
}


def bad_line(speller: Speller, lines: Lines, at: int, turn: int) -> tuple[bytes, Entry]:
    """A bad line made after line `at`, the `turn`-th of its format's kinds, and its ledger entry."""
    kinds = KINDS[speller.fmt]
    kind = kinds[turn % len(kinds)]
    fields = _fields(speller, lines, at)
    if kind.column is not None:
        fields[kind.column] = kind.text.format(value=fields.get("value"))
        text = _line(speller.fmt, fields)
    else:
        text = kind.text.format(line=_line(speller.fmt, fields))
    raw = text.encode("utf-8", "surrogateescape")
    entry: Entry = {"kind": "bad_line", "reason": kind.reason, "column": kind.column}
    return raw + speller.style.line_end.encode(), entry | {"text": raw.decode("utf-8", "backslashreplace")}


def _fields(speller: Speller, lines: Lines, at: int) -> dict[str, str]:
    """A line's texts by column, in their order."""
    metrics = speller.spec.metrics
    fields = {
        "timestamp": str(np.datetime64(int(lines.time[at]), "ms")) + "Z",
        "device_id": speller.devices[lines.device[at]].decode(),
    }
    values = [
        (metrics[metric].name, repr(value / 10 ** speller.spec.decimals[metric]))
        for metric, value in zip(lines.metric[at].tolist(), lines.value[at].tolist(), strict=True)
    ]
    if speller.fmt == "wide":
        return fields | dict(values)
    fields["metric"], fields["value"] = values[0]
    return {name: fields[name] for name in speller.style.columns}


def _line(fmt: Format, fields: dict[str, str]) -> str:
    if fmt != "jsonl":
        return ",".join(fields.values())
    pairs = (f"{json.dumps(name)}:{text if name == 'value' else json.dumps(text)}" for name, text in fields.items())
    return "{" + ",".join(pairs) + "}"
