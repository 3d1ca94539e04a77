"""What one JSON object gives: values, fields of other types, paths and layouts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from jobs.errors import InputError, UsageError
from jobs.readings.dialect import Device, Dialect, Json, Long, Numbers, Timestamp, Wide
from jobs.readings.json_line import DEPTH_LIMIT, column_names, json_layout, json_path
from jobs.readings.model import Keys, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from jobs.readings.record import Record
from tests.readings.json_reading import LAYOUTS, LONG, RUN_START, Source, document, one, read


def with_value(value: str) -> str:
    return f'{{"timestamp":"2026-03-01","device_id":"d","metric":"t","value":{value}}}'


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("21.50", 21.5),
        ("-0", -0.0),
        ("1e3", 1000.0),
        ('"1e3"', 1000.0),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
        ("1" * 5000, "value_range"),
        ("1e999", "value_range"),
        ("null", "missing"),
        ('""', "missing"),
        ("true", "value"),
        ("{}", "value"),
        ("[1]", "value"),
        ("NaN", "value"),
        ("-Infinity", "value"),
        ('"١"', "value"),
        ('"\\ud800"', "encoding"),
        ("+1", "json"),
        (".5", "json"),
        ("0x1", "json"),
    ],
)
def test_values(value: str, outcome: float | str) -> None:
    record = one(with_value(value))
    if isinstance(outcome, float):
        assert [row.value for row in record.rows] == [outcome]
    elif outcome == "missing":
        assert (record.missing, record.rows, record.rejects) == (1, [], [])
    else:
        assert [str(reject.reason) for reject in record.rejects] == [outcome]


@pytest.mark.parametrize(
    ("changed", "reason", "column"),
    [
        ({"timestamp": None}, "timestamp", "timestamp"),
        ({"timestamp": {}}, "timestamp", "timestamp"),
        ({"timestamp": 1}, "timestamp", "timestamp"),
        ({"device_id": None}, "device", "device_id"),
        ({"device_id": ["d"]}, "device", "device_id"),
        ({"device_id": ""}, "device", "device_id"),
        ({"metric": {"a": 1}}, "metric", "metric"),
        ({"unit": {"a": 1}}, "json", "unit"),
        ({"quality": "\udc80"}, "encoding", "quality"),
        ({"other": "\udc80"}, None, None),
        ({"other": {"timestamp": {}}}, None, None),
        ({"device_id": 17}, None, None),
        ({"unit": None}, None, None),
    ],
)
def test_fields_of_other_types(changed: dict[str, object], reason: str | None, column: str | None) -> None:
    record = one(json.dumps(document(1) | changed))
    assert [(str(r.reason), r.column) for r in record.rejects] == ([] if reason is None else [(reason, column)])


def test_bytes_that_are_no_utf_8_harm_only_their_field() -> None:
    line = json.dumps(document(1, other="?")).encode()
    assert one(line.replace(b'"?"', b'"\xff"')).rows == one(line).rows
    record = one(line.replace(b'"t"', b'"\xff"'))
    assert [(str(r.reason), r.column) for r in record.rejects] == [("encoding", "metric")]


def test_the_last_of_keys_that_occur_twice_counts() -> None:
    assert one(with_value('1,"value":2')).rows[0].value == 2


def test_depth() -> None:
    deep = "[" * (DEPTH_LIMIT - 1) + "]" * (DEPTH_LIMIT - 1)
    assert one(with_value(f'1,"x":{deep}')).rows
    assert [str(r.reason) for r in one(with_value(f'1,"x":[{deep}]')).rejects] == ["json"]
    assert one(with_value('1,"x":"' + "[" * 999 + '"')).rows
    flat = ",".join(["{}"] * 999)
    assert one(with_value(f'1,"x":[{flat}]')).rows
    for text in ("[" * 100_000, '{"a":' * 100_000, with_value('1,"x":' + "[" * 5000 + "]" * 5000) + with_value("1")):
        _, rejects, _ = read(text.encode())
        assert "json" in {reason for _, _, reason, *_ in rejects}


def test_paths_records_and_inheritance() -> None:
    dialect = Dialect(
        "nested",
        formats=("json",),
        json=Json(records="payload.values"),
        timestamp=Timestamp(columns=("at",), formats=("epoch_ms",)),
        device=Device(columns=('["dev.id"].name',)),
        long=Long(metric="m.name", value="m.v", unit="u"),
    )
    values = [{"at": 1_772_323_200_000, "m": {"name": "t", "v": 1}}, {"m": {"name": "h"}, "u": "%"}, 7]
    outer = {"at": 1_772_323_201_500, "dev.id": {"name": "d"}, "u": "°C", "payload": {"values": values}}
    record = one(json.dumps(outer), dialect)
    assert [(row.timestamp, row.device, row.metric, row.unit, row.value) for row in record.rows] == [
        (1_772_323_200_000_000, "d", "t", "°C", 1.0)
    ]
    assert record.missing == 1
    assert [(str(r.reason), r.column) for r in record.rejects] == [("metric", "m.name")]
    bads: list[object] = [{"payload": {}}, {"payload": 1}, {}, {"payload": {"values": {}}}]
    for bad in bads:
        assert [(str(r.reason), r.column) for r in one(json.dumps(bad), dialect).rejects] == [
            ("json", "payload.values")
        ]
    assert one("[]", dialect) == Record()
    found, rejects, tally = read(json.dumps([outer, outer], indent=1).encode(), dialect)
    assert (len(found), len(rejects), tally.lines, tally.missing) == (2, 2, 2, 2)


def test_wide_documents() -> None:
    wide = (Wide("data.t", "temperature", "°C"), Wide("data.h", "humidity", "%", scale=10), Wide("ok", "ok", None))
    dialect = Dialect("wide", formats=("json",), long=None, wide=wide, numbers=Numbers(decimal=","))
    text = '{"timestamp":"2026-03-01","device_id":"d","data":{"t":21.5,"h":"405,5"},"ok":false}'
    record = one(text, dialect)
    assert [(row.metric, row.unit, row.value) for row in record.rows] == [
        ("temperature", "°C", 21.5),
        ("humidity", "%", 40.55),
    ]
    assert [(str(r.reason), r.column) for r in record.rejects] == [("value", "ok")]


def test_constants_are_missing_where_the_dialect_says_so() -> None:
    dialect = replace(LONG, numbers=Numbers(non_finite="missing"))
    for value in ("NaN", "Infinity", "-Infinity", '"nan"'):
        assert one(with_value(value), dialect).missing == 1


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ('["a.b"].c', ("a.b", "c")),
        ('a["b"]["\\u0041"]', ("a", "b", "A")),
        ('[""]', ("",)),
        ("PT08 S1(CO)", ("PT08 S1(CO)",)),
    ],
)
def test_path(name: str, keys: tuple[str, ...]) -> None:
    assert json_path(name) == keys


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "[a]", '["a]', "a]", '["\\q"]', 'a"b'])
def test_no_path(name: str) -> None:
    with pytest.raises(UsageError, match="is no path into JSON"):
        json_path(name)


def test_layout() -> None:
    lines = LAYOUTS["lines"]([document(i) for i in range(30)]).encode()
    assert json_layout(lines) == "lines"
    assert json_layout(lines[: len(lines) // 2]) == "lines"
    assert json_layout(b'{"a":1}') == "lines"
    assert json_layout(b"\xef\xbb\xbf\n\n" + lines) == "lines"
    assert json_layout(b'{"bad\n' + lines) == "lines"
    assert json_layout(lines.replace(b"\n", b"\r\n")) == "lines"
    for other in sorted(set(LAYOUTS) - {"lines", "lines, raw UTF-8, CRLF, no last newline", "blanks between"}):
        assert json_layout(LAYOUTS[other]([document(i) for i in range(30)]).encode()) == "documents", other
    assert json_layout(b'{"readings": [\n{"a":1},\n{"a":2},\n{"a":3}\n]}') == "documents"
    assert json_layout(b'{"a":"' + b"x" * 70_000) == "documents"
    assert json_layout(b"") == "documents"


def test_names_of_columns() -> None:
    assert column_names(b'[{"a":{"b":1,"c.d":{}},"e":[1]}, ') == ("a.b", 'a["c.d"]', "e")
    assert column_names(b"{broken") is None
    for name in column_names(b'{"x.y":{"z":1}}') or ():
        assert json_path(name) == ("x.y", "z")


def test_a_device_of_the_path_and_no_time() -> None:
    dialect = Dialect(
        "path",
        formats=("json",),
        timestamp=Timestamp((), ()),
        device=Device(path=r"/(\w+)\.json"),
        long=Long(constant_metric="t"),
    )
    sink = Sink(Keys(), Tally(), lambda reject: pytest.fail(str(reject)), RUN_START)
    [batch] = read_part(Source(b'{"value":1}'), Part("logs/abc.json"), dialect, "json", sink)
    assert batch.to_arrow().to_pylist()[0] | {"value": 0} == {
        "timestamp": None, "device_id": "abc", "metric": "t", "value": 0, "unit": None, "quality": None,
    }  # fmt: skip
    with pytest.raises(InputError, match="path holds no device"):
        list(read_part(Source(b"{}"), Part("abc"), dialect, "json", sink))
