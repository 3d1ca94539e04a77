"""Dialect files: what they may say, what they are refused for, and that they travel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.errors import InputError, UsageError
from jobs.readings import dialect_file, zones
from jobs.readings.dialect import Device, Long, Wide
from tests.readings.spellings import OWN

WIDE = '[[wide]]\ncolumn = "v"\nmetric = "m"\n'


def test_the_shipped_dialects() -> None:
    assert list(dialect_file.shipped()) == [
        "default",
        "isd",
        "nab",
        "onebrc",
        "prsa",
        "sensor_community",
        "uci_air_quality",
        "uci_air_quality_comma",
        "uci_household_power",
    ]
    assert all(dialect_file.shipped().values())


def test_an_empty_file_is_the_plainest_dialect() -> None:
    dialect = dialect_file.parse("", "plain.toml")
    assert (dialect.name, dialect.long, dialect.device) == ("plain", Long(), Device(("device_id",)))


def test_a_table_stands_for_pairs() -> None:
    dialect = dialect_file.parse('[long]\nunits = { t = "°C" }\n[missing_by_metric]\nt = ["-99", ""]', "x.toml")
    assert dialect.long == Long(units=(("t", "°C"),))
    assert dialect.missing_by_metric == (("t", ("-99", "")),)


def test_wide_replaces_long_and_time_may_be_none() -> None:
    dialect = dialect_file.parse(f'timestamp = "none"\n{WIDE}scale = 10', "x.toml")
    assert (dialect.long, dialect.timestamp.columns) == (None, ())
    assert dialect.wide == (Wide("v", "m", scale=10),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a =", "my.toml: is no TOML: Invalid value (at end of document)"),
        ("delimitr = 1", 'my.toml: delimitr: unknown key; did you mean "delimited"?'),
        ('[delimited]\ndelimeter = ";"', 'my.toml: delimited.delimeter: unknown key; did you mean "delimiter"?'),
        ("[json]\nqqq = 1", "my.toml: json.qqq: unknown key; known here are records"),
        ('[delimited]\ndelimiter = ";;"', "my.toml: delimited.delimiter: must be one ASCII character"),
        ('[delimited]\ndelimiter = "§"', "my.toml: delimited.delimiter: must be one ASCII character"),
        (
            '[delimited]\nquote = ","',
            "my.toml: delimited.quote: must be one ASCII character other than the delimiter, or empty",
        ),
        (
            '[delimited]\nquote = ""\nnewline_in_quotes = true',
            "my.toml: delimited.newline_in_quotes: needs a quote character",
        ),
        ("[delimited]\nskip_rows = -1", "my.toml: delimited.skip_rows: must not be negative"),
        ("[delimited]\nheader = 1", "my.toml: delimited.header: must be true or false, not 1"),
        ("[delimited]\nheader = false", "my.toml: delimited.columns: are needed where there is no header"),
        (
            '[delimited]\ncolumns = ["timestamp", "metric", "value"]',
            'my.toml: delimited.columns: lacks "device_id", which the dialect uses',
        ),
        (
            '[delimited]\ncolumns = ["timestamp", "metric", "value", "value"]',
            'my.toml: delimited.columns: "value" is listed twice',
        ),
        (
            '[delimited]\nencoding = "utf-16"',
            'my.toml: delimited.encoding: "utf-16" is neither utf-8 nor a known single-byte encoding such as latin-1',
        ),
        (
            '[delimited]\nencoding = "gbk"',
            'my.toml: delimited.encoding: "gbk" is neither utf-8 nor a known single-byte encoding such as latin-1',
        ),
        (
            '[delimited]\nencoding = "latin-1"\ncomment = "→"',
            "my.toml: delimited.comment: cannot be written in latin-1",
        ),
        ('[delimited]\ncomment = "a\\n"', "my.toml: delimited.comment: must not hold a line end"),
        (
            '[delimited]\nblank_rows = "keep"',
            'my.toml: delimited.blank_rows: must be one of "skip", "reject", not "keep"',
        ),
        ("wide = 3", "my.toml: wide: must be a list, not 3"),
        ('wide = [{ column = "v" }]', "my.toml: wide[0].metric: is needed"),
        (f"{WIDE}scale = 0", "my.toml: wide[0].scale: must be a whole number from 1 to 2^53"),
        (f"{WIDE}{WIDE}", 'my.toml: wide: column "v" is listed twice'),
        (f'[long]\nvalue = "v"\n{WIDE}', "my.toml: wide: a dialect is long or wide, not both"),
        (
            f"[missing_by_metric]\nm = []\n{WIDE}",
            "my.toml: missing_by_metric: is for long records; a wide column has its own `missing`",
        ),
        (
            '[long]\nmetric = "m"\nconstant_metric = "c"',
            "my.toml: long.constant_metric: the metric is constant or from a column, not both",
        ),
        ('[device]\nconstant = "x"\npath = "(a)"', "my.toml: device: give exactly one of columns, constant, path"),
        ("[device]\n", "my.toml: device: give exactly one of columns, constant, path"),
        (
            '[device]\npath = "("',
            "my.toml: device.path: is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        ('[device]\npath = "a"', "my.toml: device.path: needs a group: the device"),
        (
            '[timestamp]\ntime_zone = "Europe/Pari"',
            'my.toml: timestamp.time_zone: unknown time zone "Europe/Pari"; did you mean "Europe/Paris"?',
        ),
        ('[timestamp]\nformats = ["%Y"]', "my.toml: timestamp: %Y, %m and %d are needed"),
        (
            '[timestamp]\ntime_zone = "Asia/Tokyo"\nmin = "1850-01-01"',
            "my.toml: timestamp: min and max must lie between 1900 and 2200 in a time zone other than UTC",
        ),
        (
            "[timestamp]\ncolumns = []",
            'my.toml: timestamp.columns: is empty; for readings without a time write timestamp = "none"',
        ),
        ('[quality]\naccept = ["1"]', "my.toml: quality.accept: needs quality.column"),
        ('optional = ["value"]', 'my.toml: optional: "value" is no unit, quality or wide column'),
        ('[numbers]\ndecimal = "e"', "my.toml: numbers.decimal: must be one ASCII character, no digit, letter or sign"),
        ('[numbers]\nthousands = "."', "my.toml: numbers.thousands: is the decimal mark"),
        ('missing = "NA"', 'my.toml: missing: must be a list, not "NA"'),
        ('missing = ["NA", 5]', "my.toml: missing[1]: must be a text, not 5"),
        ("max_record = true", "my.toml: max_record: must be a whole number, not true"),
        ("max_record = 1", "my.toml: max_record: must lie between 4096 and 67108864 bytes"),
        ('formats = ["csv"]', 'my.toml: formats[0]: must be one of "delimited", "json", "fixed", "parquet", not "csv"'),
        ("formats = []", "my.toml: formats: name at least one format"),
        ('formats = ["fixed"]', "my.toml: fixed.columns: name at least one column"),
        (
            'formats = ["fixed"]\nfixed.columns = [{ name = "a", start = 0, width = 0 }]',
            "my.toml: fixed.columns[0]: needs a name, a start of at least 0 and a width of at least 1",
        ),
        ("timestamp = 3", "my.toml: timestamp: must be a table, not 3"),
    ],
)
def test_what_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        dialect_file.parse(text, "my.toml")
    assert str(raised.value) == message


@pytest.mark.parametrize("name", [*dialect_file.shipped(), *OWN])
def test_dialects_travel(name: str) -> None:
    dialect = OWN[name] if name in OWN else dialect_file.load(name)
    assert dialect_file.loads(dialect_file.dumps(dialect)) == dialect


def test_a_dialect_travels_with_its_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = dialect_file.dumps(dialect_file.parse('[timestamp]\ntime_zone = "Europe/Berlin"', "x.toml"))
    renamed = json.loads(text.replace("Europe/Berlin", "Not/Known"))
    monkeypatch.setattr(zones, "_known", {"UTC": zones.load("UTC")})
    dialect = dialect_file.loads(json.dumps(renamed))
    assert zones.load(dialect.timestamp.time_zone).offsets.tolist() == renamed["zone"]["offsets"]


def test_files_are_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('description = "Größe"', "utf-8")
    assert dialect_file.load(str(path)).name == "mine"
    path.write_bytes(b'description = "\xff"')
    with pytest.raises(UsageError) as wrong:
        dialect_file.load(str(path))
    assert str(wrong.value) == f"{path}: is no UTF-8 text"
    with pytest.raises(InputError) as missing:
        dialect_file.load(str(tmp_path / "no.toml"))
    assert str(missing.value) == f"{tmp_path / 'no.toml'}: cannot read the dialect file: No such file or directory"


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match=r'^unknown dialect "sensor_comunity"; did you mean "sensor_community"?'):
        dialect_file.load("sensor_comunity")
    with pytest.raises(
        UsageError, match=r'^unknown dialect "zzz"; use one of default, isd, .* or the path of a dialect'
    ):
        dialect_file.load("zzz")
