"""What the kernel takes and what it leaves: by itself, at the edges of buffers, together with the reference path."""

from __future__ import annotations

import ctypes
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from jobs.kernel import library
from jobs.readings import dialect_file, kernel_lines, kernel_spec
from jobs.readings.dialect import Delimited, Device, Dialect, Fixed, FixedColumn, Long, Timestamp, Wide
from jobs.readings.json_line import JsonRecords
from jobs.readings.json_records import JsonReference
from jobs.readings.kernel_json import learn
from jobs.readings.kernel_keys import KernelKeys, new_keys
from jobs.readings.model import Absence, Keys, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.reader import read_part
from jobs.readings.record import bind
from tests.kernel.lines import RUN_START, needs_kernel, taken
from tests.readings.definition import define, read

pytestmark = needs_kernel
COLUMNS = ("timestamp", "device_id", "metric", "value")
LONG = Dialect("long", delimited=Delimited(header=False, columns=COLUMNS))
ROW = b"2026-03-01T00:00:00Z,dev-1,temperature,20.5\n"


def test_structures_are_as_large_in_python_as_in_c() -> None:
    loaded = library.load()
    assert loaded is not None
    sizes = (ctypes.c_int64 * 8)()
    loaded.parser_sizes(sizes)
    ours = (
        kernel_spec.Span,
        kernel_spec.JsonSegment,
        kernel_spec.JsonTemplate,
        kernel_spec.LayoutSpec,
        kernel_spec.TimeSpec,
        kernel_spec.ValueSpec,
        kernel_spec.MetricText,
        kernel_spec.ParseSpec,
    )
    assert list(sizes) == [ctypes.sizeof(structure) for structure in ours]


@pytest.mark.parametrize(
    "line",
    [
        b"2026-03-01T00:00:00Z,dev-1,temperature,20.5",
        b'"2026-03-01T00:00:00Z","dev,1","temperature","20.5"',
        b'2026-03-01T00:00:00Z,"a ""quoted"" name",m,20.5',
        "2026-03-01T00:00:00+01:00,d\u00e9v,𝛼,-1e-3".encode(),
        b"2026-03-01,d,m,+0000012345678901234567890.5e-20"[:40],
        b"2026-03-01 00:00:00.123456789,d,m,0.30000000000000004",
        b"2026-03-01T00:00Z,d,m,",
    ],
)
def test_what_is_certain_is_taken(line: bytes) -> None:
    found = taken(line + b"\r\n" + ROW, LONG)
    assert (found.left, found.tally.lines, found.tally.kernel_lines) == ([], 2, 2)


@pytest.mark.parametrize(
    "line",
    [
        b"2026-03-01T00:00:00Z,dev-1,temperature",
        b"2026-03-01T00:00:00Z,dev-1,temperature,20.5,",
        b'2026-03-01T00:00:00Z,dev"1,temperature,20.5',
        b'2026-03-01T00:00:00Z,"dev-1"x,temperature,20.5',
        b'2026-03-01T00:00:00Z,"dev-1,temperature,20.5',
        b'2026-03-01T00:00:00Z,"dev-1"",temperature,20.5',
        b"2026-03-01T00:00:60Z,dev-1,temperature,20.5",
        b"2026-02-29T00:00:00Z,dev-1,temperature,20.5",
        b"1899-12-31T23:59:59Z,dev-1,temperature,20.5",
        b"2026-03-01T00:00:00Z,,temperature,20.5",
        b"2026-03-01T00:00:00Z,dev-1,,20.5",
        b"2026-03-01T00:00:00Z,dev-\xff,temperature,20.5",
        b"2026-03-01T00:00:00Z,dev-1,\xed\xa0\x80,20.5",
        b"2026-03-01T00:00:00Z,dev-\xff,temperature,",
        b"2026-03-01T00:00:00Z,dev-1,temperature,20.5 ",
        b"2026-03-01T00:00:00Z,dev-1,temperature,1e400",
        b"2026-03-01T00:00:00Z,dev-1,temperature,nan",
        b"\0" * 60,
        b"," * 200,
    ],
)
def test_what_is_not_certain_is_left_alone(line: bytes) -> None:
    found = taken(ROW + line + b"\n" + ROW, LONG)
    assert found.left == [(len(ROW), len(ROW) + len(line), 2)]
    assert found.tally.kernel_lines == 2


def test_utf8_is_what_python_takes_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_lines, "FEW", 1 << 30)
    tails = [0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
    names = [bytes([a, b, *rest]) for a in range(0x80, 0x100) for b in tails for rest in ((), (0x80,), (0xBF, 0x80))]
    names += [b"x" * size + "é𝛼".encode()[:cut] for size in range(20) for cut in range(7)]
    names = [name for name in names if name]
    found = taken(b"".join(b"2026-03-01,%s,m,1\n" % name for name in names), LONG)
    devices = iter(found.device.values())
    left = 0
    for name in names:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            left += 1
        else:
            assert next(devices) == text
    assert len(found.left) == left


def test_parts_of_a_device_are_texts_each() -> None:
    columns = ("a", "b", "value")
    device = Device(columns=("a", "b"), join="")
    dialect = Dialect(
        "joined", delimited=Delimited(header=False, columns=columns), timestamp=Timestamp((), ()), device=device
    )
    dialect = replace(dialect, long=Long(constant_metric="m"))
    found = taken(b"x,y,1\n\xc3,\xa9,2\nx,,3\n", dialect)
    assert list(found.device.values()) == ["xy"]
    assert len(found.left) == 2


@pytest.mark.parametrize("pattern", ["iso8601", "%Y-%m-%dT%H:%M:%S.%f%z"])
def test_both_limits_of_time_are_good(pattern: str) -> None:
    limits = Timestamp(formats=(pattern,), min="2026-03-01T00:00:00.5Z", max="2026-03-01T00:00:01.5Z")
    row = b"2026-03-01T00:00:0%sZ,d,m,1\n"
    data = b"".join(row % time for time in (b"0.499999", b"0.5", b"1.500000", b"1.500001"))
    found = taken(data, replace(LONG, timestamp=limits))
    assert list(found.instant.values()) == [1_772_323_200_500_000, 1_772_323_201_500_000]
    assert len(found.left) == 2


def test_rows_of_blank_fields_are_skipped_however_they_are_spelled() -> None:
    text = Delimited(header=False, columns=("a", "b"), blank_rows="skip", strip_blanks=True)
    dialect = Dialect("blank", delimited=text, timestamp=Timestamp((), ()), device=Device(constant="d"), long=None)
    dialect = replace(dialect, wide=(Wide("a", "a"), Wide("b", "b")))
    data = b',\n"",""\n , \n"",1\n",",2\n,\n" ",\t\n,,\n'
    assert read(data, dialect, "delimited", kernel=True) == define(data, dialect, "delimited")
    assert define(data, dialect, "delimited").lines == 2


def test_offsets_are_those_of_records_and_lines_are_numbered() -> None:
    found = taken(ROW + b"\n\r\n" + ROW + b"odd\n" + ROW.strip(), LONG)
    places = [0, len(ROW) + 3, 2 * len(ROW) + 7]
    assert list(found.value) == places
    assert found.left == [(2 * len(ROW) + 3, 2 * len(ROW) + 6, 5)]


@pytest.mark.parametrize("size", range(1, 150))
def test_keys_and_lines_of_any_length(size: int) -> None:
    name = "é" * (size // 2) + "x" * (size % 2)
    line = f'2026-03-01T00:00:00Z,{name},"{"m" * size}",{"1" * min(size, 19)}\n'.encode()
    found = taken(line * 3, LONG)
    assert set(found.device.values()) == {name}
    assert list(found.value.values()) == [float("1" * min(size, 19))] * 3


def test_a_batch_ends_before_its_columns_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_lines, "BATCH_ROWS", 7)
    monkeypatch.setattr(kernel_lines, "_EXCEPTIONS", 3)
    wide = Dialect(
        "wide",
        delimited=Delimited(header=False, columns=("a", "b", "c")),
        timestamp=Timestamp((), ()),
        device=Device(constant="d"),
        long=None,
        wide=tuple(Wide(name, name) for name in "abc"),
    )
    data = b"".join(b"%d,,%d\n" % (i, i) if i % 5 else b"odd\n" for i in range(100))
    assert read(data, wide, "delimited", kernel=True) == define(data, wide, "delimited")


def test_a_wide_record_with_one_odd_value_is_left_whole() -> None:
    dialect = dialect_file.load("uci_household_power")
    names = (*dialect.timestamp.columns, *(value.column for value in dialect.wide))
    good = b"16/12/2006;17:24:00;4.216;0.418;?;18.4;0.0;1.0;17.0\n"
    found = taken(good + good.replace(b"1.0;17", b"x;17") + good, dialect, names)
    assert len(found.left) == 1
    assert (found.tally.readings, found.tally.missing) == (12, 2)


def test_missing_values_are_taken_too_where_they_are_wanted() -> None:
    dialect = dialect_file.load("uci_household_power")
    header = ";".join((*dialect.timestamp.columns, *(value.column for value in dialect.wide))).encode()
    data = header + b"\n" + b"16/12/2006;17:24:00;4.216;0.418;?;18.4;;1.0;?\n16/12/2006;17:25:00;?;?;?;?;?;?;\n" * 50
    found: dict[bool, list[tuple[Absence | None, int]]] = {}
    for wanted in (False, True):
        sink = Sink(new_keys(True), Tally(), lambda _: None, RUN_START, absent=wanted)
        batches = read_part(io.BytesIO(data), Part("object.txt"), dialect, "delimited", sink)
        found[wanted] = [(batch.absence, len(batch)) for batch in batches]
        tally = sink.tally
        assert (tally.lines, tally.kernel_lines, tally.readings, tally.missing) == (100, 100, 200, 500)
    assert found == {False: [(None, 200)], True: [(None, 200), (Absence.MISSING, 500)]}


def test_a_quoted_newline_is_no_end_where_the_dialect_says_so() -> None:
    dialect = replace(LONG, delimited=replace(LONG.delimited, newline_in_quotes=True))
    row = b'2026-03-01T00:00:00Z,"a\nb","m",1\n'
    found = taken(row + ROW + row, dialect)
    assert list(found.device.values()) == ["a\nb", "dev-1", "a\nb"]
    odd = b'2026-03-01T00:00:00Z,a"b,m,1\n'
    assert read(row + odd + row, dialect, "delimited", kernel=True) == define(row + odd + row, dialect, "delimited")


def test_fixed_fields() -> None:
    columns = (FixedColumn("timestamp", 0, 10), FixedColumn("device_id", 10, 3), FixedColumn("value", 13, 5))
    dialect = Dialect("fixed", formats=("fixed",), fixed=Fixed(columns, True), long=Long(constant_metric="m"))
    found = taken(b"2026-03-01 a   1.5\n2026-03-01b\n2026-03-01bcd+0020 more\n", dialect)
    assert list(found.device.values()) == ["a", "bcd"]
    assert list(found.value.values()) == [1.5, 20.0]
    assert len(found.left) == 1


def test_templates_are_what_a_writer_repeats() -> None:
    template = learn(b'{"a": {"b": 1, "c d": "x\\n"}, "t\\u00e9": null}')
    assert template is not None
    assert template.paths == (("a", "b"), ("a", "c d"), ("té",))
    assert template.literals == (b'{"a": {"b": ', b', "c d": ', b'}, "t\\u00e9": ')
    assert template.tail == b"}"
    assert template.fields((("té",), ("x",))) == (-1, -1, 0)
    assert template.fields((("a",),)) is None  # an object, not a value


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"a":[1]}', b'{"a":1,"a":2}', b'{"a":1', b"\xff", b'{"a":{}}'])
def test_other_lines_teach_nothing(line: bytes) -> None:
    assert learn(line) is None


@pytest.mark.parametrize(
    "tail", [b"", b'{"timestamp', b'{"timestamp":"2026-03-01T00:00:00Z","device_id":"d\\', b"\xff"]
)
def test_json_is_not_read_beyond_its_end(tail: bytes) -> None:
    line = {"timestamp": "2026-03-01T00:00:00Z", "device_id": "d", "metric": "m", "value": 1}
    data = json.dumps(line).encode() + b"\n"
    sink = Sink(new_keys(True), Tally(), lambda _: None, RUN_START)
    records = JsonRecords(dialect_file.load("default"), "object.json", RUN_START)
    lines = kernel_lines.open_lines(records.roles, records.paths, JsonReference(records, sink), sink)
    assert lines is not None
    for _ in lines.parse(bytearray(data * 3 + tail) + bytearray(64), 0, 3 * len(data) + len(tail), 0, 1):
        pass
    assert sink.tally.kernel_lines == 3
    assert sink.tally.lines == 3 + bool(tail)


JSON_GOOD = '{"timestamp":"2026-03-01T00:00:00Z","device_id":"d","metric":"m","value":1}'


@pytest.mark.parametrize(
    ("old", "new", "certain"),
    [
        ('"d"', '"\\ud835\\udefc\\u00e9\\/\\n"', True),
        ('"d"', '"\\ud835x"', False),
        ('"d"', '"\\ud835\\u0041"', False),
        ('"d"', '"\\udefc"', False),
        ('"d"', '"\\u00g0"', False),
        ('"d"', '"\\x"', False),
        ('"d"', '"a\\n\t"', False),
        ('"d"', '"a\x1f"', False),
        ('"d"', "7", True),
        ('"d"', "null", False),
        (":1}", ":01}", False),
        (":1}", ":-0.50e+1}", True),
        (":1}", ":1.}", False),
        (":1}", ":.5}", False),
        (":1}", ":+1}", False),
        (":1}", ":1e}", False),
        (":1}", ":NaN}", False),
        (":1}", ":null}", True),
        (":1}", ":true}", False),
        (":1}", ':"1"}', True),
        (":1}", ":1,}", False),
        (":1}", ":1", False),
    ],
)
def test_json_values(old: str, new: str, certain: bool) -> None:
    lines = [JSON_GOOD] * 20 + [JSON_GOOD.replace(old, new), JSON_GOOD]
    content = "".join(line + "\n" for line in lines).encode()
    sink = Sink(new_keys(True), Tally(), lambda _: None, RUN_START)
    records = JsonRecords(dialect_file.load("default"), "object.json", RUN_START)
    parser = kernel_lines.open_lines(records.roles, records.paths, JsonReference(records, sink), sink)
    assert parser is not None
    names = []
    for batch in parser.parse(bytearray(content) + bytearray(64), 0, len(content), 0, 1):
        texts = batch.keys.device_texts().to_pylist()
        names += [texts[code] for code in batch.device.tolist()]
    assert sink.tally.lines - sink.tally.kernel_lines == (not certain)
    if certain and old == '"d"':
        assert str(json.loads(new)) in names


def test_a_block_of_odd_records_goes_to_the_reference_path_whole() -> None:
    data = b"".join(b"2026-03-01T00:00:60Z,d,m,%d\n" % i if i % 4 else ROW for i in range(400))
    sink = Sink(new_keys(True), Tally(), lambda _: None, RUN_START)
    roles = bind(LONG, COLUMNS, "object.csv", RUN_START)
    from jobs.readings.delimited import DelimitedReference

    lines = kernel_lines.open_lines(roles, LONG.delimited, DelimitedReference(roles, sink), sink)
    assert lines is not None
    offsets = [batch.offset.copy() for batch in lines.parse(bytearray(data) + bytearray(64), 0, len(data), 0, 1)]
    assert len(np.unique(np.concatenate(offsets))) == 400
    assert (sink.tally.lines, sink.tally.kernel_lines) == (400, 0)


def test_it_is_opened_only_for_keys_of_its_own() -> None:
    roles = bind(LONG, COLUMNS, "object.csv", RUN_START)
    for keys, kernel in ((Keys(), True), (new_keys(True), False)):
        sink = Sink(keys, Tally(), lambda _: None, RUN_START, kernel)
        assert kernel_lines.open_lines(roles, LONG.delimited, None, sink) is None  # type: ignore[arg-type]  # it is not asked


def test_one_parser_serves_all_objects_of_a_layout() -> None:
    dialect = dialect_file.load("nab")
    keys = new_keys(True)
    devices = []
    for name in ("one", "two", "one"):
        sink = Sink(keys, Tally(), lambda _: None, RUN_START)
        roles = bind(dialect, ("timestamp", "value"), f"{name}.csv", RUN_START)
        lines = kernel_lines.open_lines(roles, dialect.delimited, None, sink)  # type: ignore[arg-type]  # it is not asked
        assert lines is not None
        row = b"2026-03-01 00:00:00,1\n"
        for batch in lines.parse(bytearray(row) + bytearray(64), 0, len(row), 0, 1):
            devices += batch.device.tolist()
    assert devices == [0, 1, 0]
    assert isinstance(keys, KernelKeys)
    assert len(keys.cache) == 1
