"""Inputs that are no logs, or empty, or not to be read: what each run tells."""

from __future__ import annotations

import ctypes
import os
import sys
import zipfile
from pathlib import Path

import pytest

from tests.outcomes.commands import COLUMNS, HEADER, day, row, told

SUMMARY = "{} · 0 readings · 0 rejects · TIME\n"


@pytest.mark.parametrize(
    ("name", "content", "size"),
    [
        ("empty.csv", b"", "1 object (0 B)"),
        ("empty.csv.gz", b"", "1 object (0 B)"),
        ("header.csv", HEADER, "1 object (33 B)"),
        ("header.csv", b"\xef\xbb\xbf" + HEADER.rstrip(), "1 object (35 B)"),
    ],
    ids=["empty", "empty, named gz", "header", "header with BOM and no newline"],
)
def test_nothing_in_it(tmp_path: Path, name: str, content: bytes, size: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = told(tmp_path, name)
    assert (found.status, found.output, found.errors) == (0, COLUMNS, SUMMARY.format(size))


def test_nothing_on_standard_input(tmp_path: Path) -> None:
    found = told(tmp_path, "-")
    assert (found.status, found.output, found.errors) == (0, COLUMNS, SUMMARY.format("1 object (0 B)"))


def _folder(tmp_path: Path) -> None:
    (tmp_path / "logs" / "_staging").mkdir(parents=True)
    (tmp_path / "logs" / "_staging" / "half.csv").write_bytes(HEADER + day(1))
    (tmp_path / "logs" / "README.md").write_text("# Logs\n")


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        (["logs"], "logs: no log files in it; names that begin with . or _ are passed over"),
        (["none.csv"], "none.csv: no such file or directory; check the name"),
        (["none*.csv"], "none*.csv: no file matches; check the pattern; quote it against the shell"),
        (["logs/README.md", "none.csv"], "none.csv: no such file or directory; check the name"),
        (["pipe"], "pipe: is a pipe; pass it as standard input: `- < pipe`"),
    ],
    ids=["folder without logs", "missing", "no match", "one of two missing", "FIFO"],
)
def test_no_input(tmp_path: Path, inputs: list[str], error: str) -> None:
    _folder(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    found = told(tmp_path, *inputs)
    assert (found.status, found.output, found.errors) == (3, "", f"error: {error}\n")


def _utf16(text: bytes, encoding: str) -> bytes:
    return text.decode().encode(encoding)


NOT_LOGS = {
    "utf16.csv": (_utf16(HEADER + day(1), "utf-16"), "is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8"),
    "utf16le.csv": (_utf16(HEADER + day(1), "utf-16-le"), "is UTF-16LE text; convert it: iconv -f UTF-16LE -t UTF-8"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a PNG image, not a log; leave it out"),
    "controls.csv": (
        bytes(range(16)) * 100,
        "is no text: 1100 of its first 1600 bytes are control characters; leave it out, or look whether it is damaged",
    ),
    "noise.csv": (
        bytes(range(33, 256)) * 9 + b"\0\n" + day(1),
        "its header holds NUL bytes: it is no text, or UTF-16; leave it out, or convert it to UTF-8, for instance with"
        " iconv -f UTF-16LE -t UTF-8",
    ),
    "other.csv": (
        b"time;sensor;what;val\n1;2;3;4\n",
        "its columns are not timestamp, device_id, metric, value; it begins: time;sensor;what;val; name its dialect"
        " with --dialect (docs/dialects.md tells how to write one)",
    ),
    "particles.csv": (
        b"sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n"
        b"5331;SDS011;3121;57.1;-2.0;2019-01-17T00:00:27;0.57;;;0.43;;\n",
        "its columns are not timestamp, device_id, metric, value; it begins: sensor_id;sensor_type;location;lat;lon;"
        "timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2; use --dialect sensor_community",
    ),
}


@pytest.mark.parametrize("name", NOT_LOGS)
def test_no_log(tmp_path: Path, name: str) -> None:
    content, error = NOT_LOGS[name]
    (tmp_path / name).write_bytes(content)
    found = told(tmp_path, name)
    assert (found.status, found.output, found.errors) == (3, "", f"error: {name}: {error}\n")


def test_a_name_that_breaks_lines(tmp_path: Path) -> None:
    name = "two\nlines \x1b[2Jé.csv"
    shown = "two\\nlines \\x1b[2Jé.csv"
    (tmp_path / name).write_bytes(HEADER + day(1) + b"0Z,dev-1,temperature,1\n")
    planned = told(tmp_path, name, "--dry-run")
    assert planned.output.splitlines()[2:] == [f"     0      2.2 kB  {shown}"]
    found = told(tmp_path, name, "--max-rejects", "0")
    assert found.errors == (
        "1 object (2.2 kB) · 50 readings · 1 reject (timestamp 1) · kernel 98.0% · TIME\n"
        f"  reject: {shown} line 52: timestamp in timestamp: 0Z,dev-1,temperature,1\n"
        f"error: {shown} line 52: 1 of 51 records was rejected (1.96%), more than --max-rejects 0 allows; look at them"
        " with --rejects DIR; another --dialect may fit\n"
    )


def test_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        archive.writestr("log.csv", HEADER + day(1))
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    found = told(tmp_path, ".", "-r", "local", "--tasks", "2", "--split-size", "1")
    assert found.errors == (
        "error: ./logs.zip: is a zip archive (or an .xlsx or .docx document), not a log; unpack it\n"
    )
    assert (found.status, found.output) == (3, "")


def test_nul_bytes(tmp_path: Path) -> None:
    """A NUL in a number is a reject; in a name it is a byte like any other."""
    spoilt = day(1).replace(b",0.5", b",\x000.5").replace(b"dev-1,temperature,1.5", b"dev\x00,temperature,1.5")
    (tmp_path / "nul.csv").write_bytes(HEADER + spoilt)
    found = told(tmp_path, "nul.csv")
    assert "dev\x00,temperature,,2026-03-01,1,1.5,,1.5,1.5,1.5," in found.output
    assert found.errors == (
        "1 object (2.2 kB) · 49 readings · 1 reject (value 1) · kernel 98.0% · TIME\n"
        "  reject: nul.csv line 2: value in value: 2026-03-01T00:00:00Z,dev-1,temperature,\\x000.5\n"
        "error: nul.csv line 2: 1 of 50 records was rejected (2.00%), more than --max-rejects 0.01 allows; look at them"
        " with --rejects DIR; another --dialect may fit\n"
    )
    assert found.status == 4


def _without_privileges() -> None:
    """Have root, which reads everything, obey permissions: without these two capabilities files are for their mode."""
    override, read_search, drop_from_bounding_set = 1, 2, 24
    for capability in (override, read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="drops capabilities of Linux")
def test_not_to_be_read(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    for folder in ("open", "closed"):
        (tmp_path / folder / "log.csv").write_bytes(HEADER + day(1))
    (tmp_path / "open" / "log.csv").chmod(0)
    (tmp_path / "closed").chmod(0)
    advice = "no permission to read it; ask its owner, or leave it out of the input"
    told_of = {
        arguments: told(tmp_path, *arguments, before=_without_privileges)
        for arguments in [("open",), ("closed",), ("closed/log.csv",), ("open/*.csv",)]
    }
    assert {arguments: found.errors for arguments, found in told_of.items()} == {
        ("open",): f"error: open/log.csv: {advice}\n",
        ("closed",): f"error: closed: {advice}\n",
        ("closed/log.csv",): f"error: closed/log.csv: {advice}\n",
        ("open/*.csv",): f"error: open/log.csv: {advice}\n",
    }
    assert {(found.status, found.output) for found in told_of.values()} == {(3, "")}


@pytest.mark.skipif(sys.platform != "linux", reason="drops capabilities of Linux")
def test_not_to_be_written(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(HEADER + day(1))
    (tmp_path / "closed").mkdir(mode=0o500)
    found = told(tmp_path, "log.csv", "--output-dir", "closed/stats", before=_without_privileges)
    closed = tmp_path / "closed"
    assert found.errors == (
        f"error: closed/stats: no permission to write in {closed}; name a folder below one of your own\n"
    )
    assert (found.status, found.output) == (1, "")


def test_standard_input(tmp_path: Path) -> None:
    """Beside a file, and closed."""
    (tmp_path / "log.csv").write_bytes(HEADER + day(2))
    found = told(tmp_path, "log.csv", "-", stdin=HEADER + day(1))
    assert (found.status, found.output) == (0, COLUMNS + row(1) + row(2))
    closed = told(tmp_path, "-", before=lambda: os.close(0))
    assert closed.errors == "error: standard input: cannot be read: Bad file descriptor\n"
    assert (closed.status, closed.output) == (3, "")
