"""What a line of delimited text, and a record of texts, mean."""

from __future__ import annotations

import pytest

from jobs.errors import InputError
from jobs.readings import dialect_file
from jobs.readings.dialect import Delimited
from jobs.readings.line import parse_line, split_fields
from jobs.readings.model import NO_TIME, Absence, Reason
from jobs.readings.record import Absent, Record, Roles, Row, bind
from jobs.readings.refusal import RejectError
from tests.readings.definition import RUN_START

DAY = 1_772_323_200_000_000  # 2026-03-01
MISSING = Record(absent=[Absent(DAY, "d", "m", None, Absence.MISSING)])


def roles(text: str, *names: str) -> Roles:
    return bind(dialect_file.parse(text, "x.toml"), names, "object.csv", RUN_START)


def long(text: str = "") -> Roles:
    return roles(text, "timestamp", "device_id", "metric", "value")


def told(line: bytes, of: Roles) -> tuple[Reason, str | None]:
    """The one reject of a record that holds no reading."""
    record = parse_line(line, of)
    assert record is not None
    assert not record.rows
    (reject,) = record.rejects
    return reject.reason, reject.column


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (b"", [b""]),
        (b",", [b"", b""]),
        (b"a,b,", [b"a", b"b", b""]),
        (b'"a,b",c', [b"a,b", b"c"]),
        (b'"a""b"', [b'a"b']),
        (b'"",""', [b"", b""]),
        (b'""""', [b'"']),
        (b'"a\nb",c', [b"a\nb", b"c"]),
        (b" a ,\t", [b" a ", b"\t"]),
    ],
)
def test_fields(line: bytes, fields: list[bytes]) -> None:
    assert split_fields(line, Delimited()) == fields


@pytest.mark.parametrize("line", [b'"', b'"a', b'"a"b', b'"a" ,b', b'a"b', b'a,"b""', b' "a"', b'"a""'])
def test_stray_quotes(line: bytes) -> None:
    with pytest.raises(RejectError) as raised:
        split_fields(line, Delimited())
    assert raised.value.reason is Reason.QUOTE


def test_without_quotes_a_quote_is_a_character() -> None:
    assert split_fields(b'"a,b"', Delimited(quote="")) == [b'"a', b'b"']


def test_blanks_are_stripped_from_what_is_unquoted() -> None:
    assert split_fields(b' a\t,"\t b "', Delimited(strip_blanks=True)) == [b"a", b"b"]


def test_a_reading() -> None:
    record = parse_line(b"2026-03-01,d,m,1.5", long())
    assert record == Record(rows=[Row(DAY, "d", "m", None, 1.5, None)])


@pytest.mark.parametrize(
    ("line", "reason", "column"),
    [
        (b"2026-03-01,d,m", Reason.FIELD_COUNT, None),
        (b"2026-03-01,d,m,1,", Reason.FIELD_COUNT, None),
        (b'2026-03-01,"d,m,1', Reason.QUOTE, None),
        (b"x,d\xff,m,1", Reason.ENCODING, "device_id"),
        (b"x,,,x", Reason.TIMESTAMP, "timestamp"),
        (b"1850-01-01,,,x", Reason.TIMESTAMP_RANGE, "timestamp"),
        (b"2026-03-01,,,x", Reason.DEVICE, "device_id"),
        (b"2026-03-01,d,,x", Reason.METRIC, "metric"),
        (b"2026-03-01,d,m,x", Reason.VALUE, "value"),
        (b"2026-03-01,d,m,1e999", Reason.VALUE_RANGE, "value"),
    ],
)
def test_the_first_fault_is_the_reason(line: bytes, reason: Reason, column: str | None) -> None:
    assert told(line, long()) == (reason, column)
    record = parse_line(line, long())
    assert record is not None
    of_a_value = [Absent(DAY, "d", "m", None, Absence.REJECTED)]
    assert record.absent == (of_a_value if column == "value" else [])


def test_unused_columns_are_never_decoded() -> None:
    of = roles("", "note", "timestamp", "device_id", "metric", "value")
    record = parse_line(b"\xff,2026-03-01,d,m,1", of)
    assert record is not None
    assert record.rows == [Row(DAY, "d", "m", None, 1.0, None)]


def test_missing_comes_before_quality_and_quality_before_the_value() -> None:
    text = 'missing = ["NA"]\n[missing_by_metric]\nm = ["-1"]\n[quality]\ncolumn = "q"\naccept = ["ok", ""]\n'
    of = roles(text, "timestamp", "device_id", "metric", "value", "q")
    assert parse_line(b"2026-03-01,d,m,NA,bad", of) == MISSING
    assert parse_line(b"2026-03-01,d,m,-1,ok", of) == MISSING
    assert parse_line(b"2026-03-01,d,m,x,bad", of) == Record(excluded=1)
    assert parse_line(b"2026-03-01,d,n,-1,ok", of) == Record(rows=[Row(DAY, "d", "n", None, -1.0, "ok")])
    assert parse_line(b"2026-03-01,d,n,2,", of) == Record(rows=[Row(DAY, "d", "n", None, 2.0, None)])
    assert told(b"2026-03-01,d,m,x,ok", of) == (Reason.VALUE, "value")


def test_units_of_long_records() -> None:
    of = roles('[long]\nunit = "u"\nunits = { t = "°C" }', "timestamp", "device_id", "metric", "value", "u")
    units = []
    for value in (b"1", b"", b"x"):
        for line in (b"2026-03-01,d,t,%s,K", b"2026-03-01,d,t,%s,", b"2026-03-01,d,h,%s,"):
            record = parse_line(line % value, of)
            assert record is not None
            units += [row.unit for row in record.rows] + [value.unit for value in record.absent]
    assert units == ["K", "°C", None] * 3


WIDE = """
[delimited]
trailing_blanks = 1
blank_rows = "skip"
[device]
columns = ["a", "b"]
join = "/"
[[wide]]
column = "x"
metric = "mx"
unit = "V"
scale = 10
missing = ["999"]
[[wide]]
column = "y"
metric = "my"
"""


def test_a_bad_value_of_a_wide_record_costs_only_itself() -> None:
    of = roles(WIDE, "timestamp", "a", "b", "x", "y")
    record = parse_line(b"2026-03-01,p,q,15,bad,", of)
    assert record is not None
    assert record.rows == [Row(DAY, "p/q", "mx", "V", 1.5, None)]
    assert [(r.reason, r.column) for r in record.rejects] == [(Reason.VALUE, "y")]
    assert record.absent == [Absent(DAY, "p/q", "my", None, Absence.REJECTED)]
    absent = [Absent(DAY, "p/q", "mx", "V", Absence.MISSING), Absent(DAY, "p/q", "my", None, Absence.MISSING)]
    assert parse_line(b"2026-03-01,p,q,999,,", of) == Record(absent=absent)
    assert told(b"2026-03-01,p,,1,1,", of) == (Reason.DEVICE, "b")


def test_trailing_blanks_must_be_blank_and_blank_rows_are_no_records() -> None:
    of = roles(WIDE, "timestamp", "a", "b", "x", "y")
    assert told(b"2026-03-01,p,q,1,1,z", of) == (Reason.FIELD_COUNT, None)
    assert told(b"2026-03-01,p,q,1,1", of) == (Reason.FIELD_COUNT, None)
    assert parse_line(b",,,,,", of) is None
    assert parse_line(b'"",,', of) is None


def test_readings_without_a_time() -> None:
    of = roles('timestamp = "none"\n[device]\nconstant = "d"\n[long]\nconstant_metric = "m"', "value")
    assert of.read(["1"]).rows == [Row(NO_TIME, "d", "m", None, 1.0, None)]


def test_what_is_not_there_is_missing_or_a_reject() -> None:
    of = long()
    assert of.read(["2026-03-01", "d", "m", None]) == MISSING
    for column, reason in enumerate((Reason.TIMESTAMP, Reason.DEVICE, Reason.METRIC)):
        fields: list[str | None] = ["2026-03-01", "d", "m", "1"]
        fields[column] = None
        assert [r.reason for r in of.read(fields).rejects] == [reason]


def test_the_device_of_a_path() -> None:
    dialect = dialect_file.parse("[device]\npath = 'dev=(?P<device_id>[^/]+)/(x)?'", "x.toml")
    names = ("timestamp", "metric", "value")
    assert bind(dialect, names, "s3://lake/dev=a b/1.csv", RUN_START).device == "a b"
    with pytest.raises(InputError) as raised:
        bind(dialect, names, "s3://lake/1.csv", RUN_START)
    assert str(raised.value) == (
        "s3://lake/1.csv: its path holds no device for dialect x: it does not match dev=(?P<device_id>[^/]+)/(x)?; "
        "leave it out or name another dialect with --dialect"
    )


def test_optional_columns_may_be_absent() -> None:
    of = bind(dialect_file.load("default"), ("timestamp", "device_id", "metric", "value", "unit"), "o", RUN_START)
    assert (of.unit, of.has_quality, of.needed) == (4, False, (0, 1, 2, 3, 4))
    filtered = 'optional = ["q"]\n[quality]\ncolumn = "q"\naccept = ["1"]'
    assert parse_line(b"2026-03-01,d,m,1", long(filtered)) == Record(rows=[Row(DAY, "d", "m", None, 1.0, None)])
    some = bind(dialect_file.load("sensor_community"), ("timestamp", "sensor_id", "humidity"), "o", RUN_START)
    assert [value.metric for value in some.values] == ["humidity"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("sensor_id", "timestamp", "P1", "P2"),
            "o: no column device_id, metric, value for dialect default; its columns are sensor_id, timestamp, P1, P2; "
            "use --dialect sensor_community",
        ),
        (
            ("a", "b"),
            "o: no column timestamp, device_id, metric, value for dialect default; its columns are a, b; "
            "name the dialect of these files with --dialect (docs/dialects.md tells how to write one)",
        ),
        (
            ("timestamp", "device_id", "metric", "value", "value"),
            "o: column value occurs twice in the header; rename one of them",
        ),
    ],
)
def test_columns_that_do_not_fit(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as raised:
        bind(dialect_file.load("default"), names, "o", RUN_START)
    assert str(raised.value) == message
