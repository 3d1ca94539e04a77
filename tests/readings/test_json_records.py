"""JSON objects of every layout: the same readings, and what a bad document costs."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import InputError, UsageError
from jobs.readings.compression import Damage, ReadableBuffer
from jobs.readings.dialect import Device, Dialect, Json, Long, Numbers, Quality, Timestamp, Wide
from jobs.readings.json_line import DEPTH_LIMIT, JsonRecords, column_names, json_layout, json_path, parse_json_line
from jobs.readings.model import Absence, Keys, Reject, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from jobs.readings.record import Record
from tests.effort import rounds

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


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("max_record", [300, 1 << 20])
def test_every_layout_gives_the_same_readings(layout: str, mark: bytes, max_record: int) -> None:
    text = mark + LAYOUTS[layout]([document(i, more={"a": [i, {"b": "}{"}]}) for i in range(100)]).encode()
    found, rejects, tally = read(text, replace(LONG, max_record=max_record))
    assert found == [expected(i) for i in range(100)]
    assert not rejects
    assert tally.lines == 100


@settings(max_examples=rounds(60), deadline=None)
@given(st.sampled_from(sorted(LAYOUTS)), st.lists(st.integers(1, 90), min_size=1, max_size=4), st.data())
def test_cuts_of_reads_change_nothing(layout: str, sizes: list[int], data: st.DataObject) -> None:
    text = bytearray(LAYOUTS[layout]([document(i) for i in range(12)]).encode())
    for _ in range(data.draw(st.integers(0, 3))):
        text[data.draw(st.integers(1, len(text) - 1))] = data.draw(st.sampled_from(b'{}[],:"\\x0\n\xff'))
    dialect = replace(LONG, max_record=200)
    whole = read(bytes(text), dialect)
    assert read(Source(bytes(text), sizes), dialect) == whole


@settings(max_examples=rounds(60), deadline=None)
@given(st.integers(0, 12), st.data())
def test_lines_cut_at_any_byte_are_read_once(count: int, data: st.DataObject) -> None:
    lines = [json.dumps(document(i)) for i in range(count)]
    lines.insert(count // 2, "{broken")
    text = ("\n".join(lines) + data.draw(st.sampled_from(["", "\n"]))).encode()
    cuts = sorted({0, *data.draw(st.lists(st.integers(1, len(text)), max_size=4))})
    found: list[Found] = []
    rejects = []
    for start, end in zip(cuts, [*cuts[1:], None], strict=True):
        part = Part("x.json", start, end)
        readings, bad, _ = read(Source(text[part.read_from :]), LONG, part)
        found += readings
        rejects += [(offset, reason) for offset, _, reason, *_ in bad]
    assert found == [expected(i) for i in range(count)]
    assert rejects == [(text.index(b"{broken"), "json")]


NASTY = [
    "1",
    "1.5",
    '"x"',
    '""',
    "null",
    "true",
    "{}",
    "[1]",
    "NaN",
    "1e999",
    '"NA"',
    '"2026-03-01T00:00:00Z"',
    '"\\ud800"',
    '"é"',
    '"\\n"',
]


@settings(max_examples=rounds(60), deadline=None)
@given(st.data(), st.sampled_from(["\n", ""]), st.booleans())
def test_many_at_once_are_as_one_by_one(data: st.DataObject, glue: str, wide: bool) -> None:
    keys = ["timestamp", "device_id", "metric", "value", "unit", "quality", "a"]
    good = json.dumps(document(7))
    changes = data.draw(st.lists(st.tuples(st.sampled_from(keys), st.sampled_from(NASTY)), min_size=1, max_size=12))
    lines = [good] * 70 + [f'{good[:-1]},"{key}":{value}}}' for key, value in changes]
    dialect = replace(LONG, missing=data.draw(st.sampled_from([("",), ("NA",)])))
    if wide:
        quality = Quality("quality", data.draw(st.sampled_from([(), ("x",)])))
        dialect = replace(dialect, long=None, wide=(Wide("value", "v"), Wide("a", "a", scale=2)), quality=quality)
    expected = [one(line, dialect) for line in lines]
    found, rejects, tally = read(glue.join(lines).encode(), dialect)
    assert found == [(*row[:3], row.unit, row.value, row.quality) for record in expected for row in record.rows]
    assert sorted(reason for _, _, reason, *_ in rejects) == sorted(str(r.reason) for e in expected for r in e.rejects)
    assert tally.lines == len(lines)
    assert (tally.missing, tally.excluded) == (sum(e.missing for e in expected), sum(e.excluded for e in expected))


def test_a_bad_line_costs_that_line() -> None:
    good = [json.dumps(document(i)).encode() for i in range(3)]
    for bad in (b'{"timestamp":', b"nonsense", b'{"a":1}}', b'{"a":1} {"b":2}', b"\xff", b'{"a":"\x01"}', b"{'a':1}"):
        text = b"\n".join([good[0], bad, b"", good[1], good[2]])
        found, rejects, tally = read(text)
        assert found == [expected(i) for i in range(3)]
        assert rejects == [(len(good[0]) + 1, 2, "json", None, bad)]
        assert tally.lines == 4


BAD_DOCUMENTS = [
    '{"a":1,"b":tru}',
    '{"a":"x,"b":1}',
    '{"a":"x}',
    '{"a":{"b":[1,2}}',
    '{"a" 1}',
    '{"a":[{"x":1}{"x":2}]',
    '{"a":01}',
    '{"a":"\\q"}',
    '{"a":"\t"}',
]


@pytest.mark.parametrize("bad", BAD_DOCUMENTS)
@pytest.mark.parametrize("glue", ["", "\n", "\n\n"])
def test_a_bad_document_costs_little(bad: str, glue: str) -> None:
    indent = None if not glue else 2
    good = [json.dumps(document(i), indent=indent) for i in range(9)]
    text = glue.join([*good[:3], bad, *good[3:]])
    found, rejects, tally = read(text.encode(), replace(LONG, max_record=2000))
    lost = [i for i in range(9) if expected(i) not in found]
    assert set(lost) <= {3}
    assert {"json"} <= {reason for _, _, reason, *_ in rejects}
    assert (len(glue.join([*good[:3], ""]).encode()), "json") in [(offset, reason) for offset, _, reason, *_ in rejects]
    assert tally.lines == len(found) + len(rejects)


def test_a_bad_element_of_an_array_costs_little() -> None:
    nested = '{"readings":[{"x":1},{"x":oops},{"x":3}],"more":{"y":1}}'
    for bad in ('{"a":tru}', nested, '{"a":1', "oops"):
        elements = [json.dumps(document(i)) for i in range(9)]
        elements.insert(3, bad)
        found, rejects, _ = read(("[" + ",\n".join(elements) + "]").encode())
        assert len(found) >= 8
        assert found[-1] == expected(8)
        assert "json" in {reason for _, _, reason, *_ in rejects}


@pytest.mark.parametrize(
    "text", ["[", "[%s", "[%s,", "[%s %s]", "[%s,]", "[%s]]", "[%s]x", "[,%s]", "[%s:%s]", "%s,%s", "[%s}"]
)
def test_an_array_that_is_none_is_told(text: str) -> None:
    found, rejects, _ = read(text.replace("%s", json.dumps(document(1))).encode())
    assert all(reading == expected(1) for reading in found)
    assert "json" in {reason for _, _, reason, *_ in rejects}


def test_long_documents_are_skipped_in_bounded_memory() -> None:
    dialect = replace(LONG, max_record=1000)
    good = [json.dumps(document(i)) for i in range(4)]
    long = json.dumps(document(9, more="x" * 5000))
    for glue in ("", " \n"):
        text = glue.join([*good[:2], long, *good[2:]])
        found, rejects, _ = read(text.encode(), dialect)
        assert found == [expected(i) for i in range(4)]
        offset = len(glue.join([*good[:2], ""]).encode())
        assert rejects == [(offset, text[: text.index(long)].count("\n") + 1, "too_long", None, long.encode()[:200])]
    exact = json.dumps(document(5, more=""))
    exact = json.dumps(document(5, more="x" * (1000 - len(exact.encode()))))
    assert len(exact.encode()) == 1000
    for text in (exact + good[0], good[0] + exact, exact, exact + "\n" + good[0]):
        assert not read(text.encode(), dialect)[1]


def test_memory_is_bounded_for_large_documents() -> None:
    text = ("[" + ",".join(json.dumps(document(i, more=["x"] * 50_000)) for i in range(60)) + "]").encode()
    tracemalloc.start()
    found, _, _ = read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 60
    assert peak < 20_000_000


def test_documents_before_damage_count_and_the_unfinished_one_does_not() -> None:
    texts = [json.dumps(document(i)) for i in range(3)]
    for layout in ("".join(texts), "[" + ",".join(texts), "\n".join(texts) + "\n"):
        for cut in (5, 40):
            seen: list[float] = []
            source = Source((layout + texts[0][:cut]).encode(), damage=Damage(7, "truncated gz data"))
            sink = Sink(Keys(), Tally(), lambda reject: pytest.fail(str(reject)), RUN_START)
            with pytest.raises(Damage):
                for batch in read_part(source, Part("x"), LONG, "json", sink):
                    seen += batch.value.tolist()
            assert seen == [0, 0.125, 0.25]


def test_the_json_test_suite(shared_data: Path) -> None:
    records = JsonRecords(LONG, "x", RUN_START)
    constants = {"n_number_NaN.json", "n_number_infinity.json", "n_number_minus_infinity.json"}  # which we do read
    files = sorted((shared_data / "json_test_suite" / "test_parsing").iterdir())
    assert len(files) > 300
    for file in files:
        data = file.read_bytes()
        reasons = [str(reject.reason) for reject in parse_json_line(data, records).rejects]
        if file.name[0] == "y" or file.name in constants:
            assert "json" not in reasons, file.name
        elif file.name[0] == "n":
            assert reasons == ["json"], file.name
        found, rejects, _ = read(data)
        assert not found
        told = {reason for _, _, reason, *_ in rejects}
        if file.name[0] == "n" and file.name not in constants and data:  # here documents may follow each other
            blank = not data.removeprefix(b"\xef\xbb\xbf").strip()
            several = file.name in {"n_structure_double_array.json", "n_structure_object_with_trailing_garbage.json"}
            assert ("json" in told) is not (blank or several), file.name
        if file.name[0] == "y":
            assert "json" not in told, file.name


def one(text: str | bytes, dialect: Dialect = LONG) -> Record:
    return parse_json_line(text.encode() if isinstance(text, str) else text, JsonRecords(dialect, "x.json", RUN_START))


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
