"""What an object is, by its first bytes, and what is said of objects that are no logs."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InputError
from jobs.readings import dialect_file
from jobs.readings.detect import HEAD_SIZE, choose_dialect, detect, header_of, is_splittable
from jobs.readings.dialect import Delimited, Dialect, Format
from jobs.readings.names import is_log_name

CSV = b"timestamp,device_id,metric,value\n2026-03-01,d,t,1\n"
DOCUMENT = b'{"timestamp":"2026-03-01","device_id":"d","metric":"t","value":1}'


@pytest.mark.parametrize(
    ("head", "formats", "expected"),
    [
        (CSV, None, "delimited"),
        (b"\xef\xbb\xbf" + CSV, None, "delimited"),
        (DOCUMENT, None, "json"),
        (b"\xef\xbb\xbf \r\n\t" + DOCUMENT, None, "json"),
        (b"[" + DOCUMENT, None, "json"),
        (b"PAR1\x15\x04", None, "parquet"),
        (b"", None, "delimited"),
        (b"", ("json",), "json"),
        (CSV, ("json",), "json"),
        (DOCUMENT, ("delimited",), "delimited"),
        (DOCUMENT, ("fixed",), "fixed"),
        (CSV, ("json", "delimited"), "delimited"),
        (CSV, ("parquet", "fixed"), "fixed"),
        (b"\0" * 5 + b"x" * 50, None, "delimited"),
    ],
)
def test_formats(head: bytes, formats: tuple[Format, ...] | None, expected: str) -> None:
    dialect = None if formats is None else Dialect("d", formats=formats)
    assert detect("logs/x", head, len(head), dialect) == expected


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("log.csv", CSV)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("log.csv"))
    return file.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "x.db") as connection:
        connection.execute("create table t (a)")
    connection.close()
    return (folder / "x.db").read_bytes()


def arrow_file() -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_file(file, pa.schema([("a", pa.int64())])):
        pass
    return file.getvalue()


def test_what_is_no_log(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    elf = Path("/proc/self/exe").read_bytes()[:5000]
    cases = {
        zipped(): "logs/x: is a zip archive (or an .xlsx or .docx document), not a log; unpack it",
        tarred(): "logs/x: is a tar archive, not a log; unpack it",
        database(tmp_path): "logs/x: is an SQLite database, not a log; export a table of it as CSV",
        arrow_file(): "logs/x: is an Arrow file, not a log; write it as Parquet",
        png: "logs/x: is a PNG image, not a log; leave it out",
        elf: "logs/x: is a program, not a log; leave it out",
        CSV.decode().encode("utf-16"): "logs/x: is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8",
        CSV.decode().encode("utf-32"): "logs/x: is UTF-32 text; convert it: iconv -f UTF-32 -t UTF-8",
        CSV.decode().encode("utf-16-le"): "logs/x: is UTF-16LE text; convert it: iconv -f UTF-16LE -t UTF-8",
        CSV.decode().encode("utf-16-be"): "logs/x: is UTF-16BE text; convert it: iconv -f UTF-16BE -t UTF-8",
        bytes(1000): "logs/x: is no text: 1000 of its first 1000 bytes are control characters; "
        "leave it out, or look whether it is damaged",
    }
    for head, message in cases.items():
        for dialect in (None, dialect_file.load("isd")):
            with pytest.raises(InputError) as raised:
                detect("logs/x", head, len(head), dialect)
            assert str(raised.value) == message


def test_parquet_and_text_where_the_dialect_has_the_other() -> None:
    with pytest.raises(InputError, match="is Parquet; dialect nab is for delimited; name another with --dialect"):
        detect("x", b"PAR1", 4, dialect_file.load("nab"))
    with pytest.raises(InputError, match="is no Parquet; dialect p is for parquet"):
        detect("x", CSV, 4, Dialect("p", formats=("parquet",)))
    with pytest.raises(InputError, match="though its name says Parquet"):
        detect("x.parquet", bytes(range(20)) * 20, 400)


@given(st.binary(max_size=300))
def test_any_bytes_are_told_or_refused(head: bytes) -> None:
    try:
        assert detect("x", head, len(head)) in {"delimited", "json", "parquet"}
    except InputError as error:
        assert error.where == "x"


def test_the_default_dialect_is_chosen_where_its_columns_are() -> None:
    for head in (CSV, CSV.splitlines()[0], b"unit,value,metric,x,device_id,timestamp\r\n", b"", b"\n\n"):
        assert choose_dialect("x", head, "delimited").name == "default"
    for head in (DOCUMENT, b"[" + DOCUMENT, json.dumps(json.loads(DOCUMENT), indent=2).encode(), b"{broken"):
        assert choose_dialect("x", head, "json").name == "default"
    assert choose_dialect("x", b"PAR1", "parquet").name == "default"


def test_another_header_is_shown_with_the_dialects_that_fit(shared_data: Path) -> None:
    files = {
        "sensor_community": sorted((shared_data / "sensor_community" / "luftdaten").rglob("*.csv"))[0],
        "prsa": sorted((shared_data / "uci_beijing_prsa").glob("*.csv"))[0],
        "nab": sorted((shared_data / "nab" / "data").rglob("*.csv"))[0],
        "uci_air_quality": shared_data / "uci_air_quality" / "original_semicolon" / "AirQualityUCI.csv",
    }
    for name, file in files.items():
        head = file.read_bytes()[:HEAD_SIZE]
        with pytest.raises(InputError) as raised:
            choose_dialect(str(file), head, "delimited")
        header = head.split(b"\n")[0].decode().strip()
        assert f"it begins: {header[:200]}" in str(raised.value)
        assert raised.value.fix is not None
        assert f"--dialect {name}" in raised.value.fix


def test_another_header_that_no_dialect_fits() -> None:
    heads: dict[Format, bytes] = {"delimited": b"a,b\n1,2\n", "json": b'{"a":{"b":1}}\n'}
    for fmt, head in heads.items():
        with pytest.raises(InputError) as raised:
            choose_dialect("logs/x", head, fmt)
        begin = head.decode().splitlines()[0]
        assert str(raised.value) == (
            f"logs/x: its columns are not timestamp, device_id, metric, value; it begins: {begin}; "
            "name its dialect with --dialect (docs/dialects.md tells how to write one)"
        )


def test_what_can_be_split() -> None:
    default = dialect_file.load("default")
    assert is_splittable(CSV, default, "delimited")
    assert is_splittable(DOCUMENT + b"\n" + DOCUMENT, default, "json")
    assert not is_splittable(DOCUMENT + DOCUMENT, default, "json")
    assert not is_splittable(b"PAR1", default, "parquet")
    assert not is_splittable(b"timestamp,device", default, "delimited")
    assert not is_splittable(CSV, Dialect("q", delimited=Delimited(newline_in_quotes=True)), "delimited")
    assert is_splittable(b"0029029070", dialect_file.load("isd"), "fixed")
    assert not is_splittable(b'"open,header\n', default, "delimited")


def test_what_stands_before_the_first_record() -> None:
    default = dialect_file.load("default")
    assert header_of(b"\xef\xbb\xbf" + CSV, default, "delimited") == b"\xef\xbb\xbf" + CSV.splitlines(keepends=True)[0]
    assert header_of(DOCUMENT, default, "json") == b""
    assert header_of(b"0029029070", dialect_file.load("isd"), "fixed") == b""


def test_names_of_log_objects() -> None:
    logs = [
        "a.csv",
        "a.csv.gz",
        "a",
        "dt=2026-03-01",
        "2026.03",
        "a.parquet",
        "a.json",
        "a.txt",
        "a.log.1",
        "a.zip",
        "part-0",
    ]
    others = [
        ".a.csv",
        "_SUCCESS",
        "_temporary",
        "a.csv.crc",
        "README",
        "README.md",
        "LICENSE.txt",
        "a.md",
        "b.PDF",
        ".x.crc",
    ]
    assert [name for name in logs if not is_log_name(name)] == []
    assert [name for name in others if is_log_name(name)] == []


def test_a_real_parquet_file_is_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x")
    assert detect("x", (tmp_path / "x").read_bytes(), 1) == "parquet"
