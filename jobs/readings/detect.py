"""What an object is, told by its first bytes: format, dialect, and whether it can be split. Names are only a hint."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator

from jobs.errors import InputError
from jobs.readings import dialect_file
from jobs.readings.dialect import Dialect, Format
from jobs.readings.json_line import column_names, json_layout
from jobs.readings.model import Keys, Tally
from jobs.readings.part import Part, Sink
from jobs.readings.preamble import find_preamble
from jobs.readings.reader import read_part
from jobs.readings.record import referenced
from jobs.readings.results import refusal_of_results

HEAD_SIZE = 1 << 16
"""How much of an object's (decompressed) beginning is looked at."""
PARQUET_NAMES = (".parquet", ".pq")
"""How names end that say Parquet."""

_NO_LOG = re.compile(
    r"[._].*"
    r"|(readme|licen[sc]e|changelog|notice|copying)([._-].*)?"
    r"|.*\.(crc|md|md5|rst|sha1|sha256|asc|sig|toml|py|pyc|ipynb|sh|sql|html|htm|css|js|pdf|tmp|lock)",
    re.IGNORECASE | re.DOTALL,
)

_UTF_MARKS = (  # the longer ones first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive (or an .xlsx or .docx document)", "unpack it"),
    (b"PK\x05\x06", "an empty zip archive", "unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"\x04\x22\x4d\x18", "lz4 data", "decompress it, or compress it with gz, bz2, zst or xz"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy data", "decompress it, or compress it with gz, bz2, zst or xz"),
    (b"\x1f\x9d", "data of the old compress", "decompress it, or compress it with gz, bz2, zst or xz"),
    (b"\x89LZO", "lzop data", "decompress it, or compress it with gz, bz2, zst or xz"),
    (b"PARE", "an encrypted Parquet file", "decrypt it"),
    (b"Obj\x01", "an Avro file", "write it as Parquet"),
    (b"ARROW1\0\0", "an Arrow file", "write it as Parquet"),
    (b"SQLite format 3\0", "an SQLite database", "export a table of it as CSV"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "write it as Parquet"),
    (b"CDF\x01", "a NetCDF file", "write it as Parquet"),
    (b"CDF\x02", "a NetCDF file", "write it as Parquet"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", "export it as CSV"),
    (b"%PDF-", "a PDF document", ""),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", ""),
    (b"GIF89a", "a GIF image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"\x7fELF", "a program", ""),
)
_MAGICS = tuple(magic for magic, _, _ in _FOREIGN)
_TAR_MAGIC = slice(257, 262)
_BEGIN = 4096  # bytes that tell whether an object is text
_CONTROLS = bytes(range(9)) + bytes(range(14, 32)) + b"\x7f"


def is_log_name(name: str) -> bool:
    """Whether a name found in a listing may be that of a log object, or of a folder of them.

    Names that begin with `.` or `_` (markers, work in progress) and names of papers, checksums and programs may not.
    An object that the user names is taken whatever its name.
    """
    return _NO_LOG.fullmatch(name) is None


def detect(uri: str, head: bytes, size: int, dialect: Dialect | None = None) -> Format:
    """The format of an object that begins with `head`, its first HEAD_SIZE bytes, decompressed.

    size: of the object as it is stored. dialect: the one to be used, if it is known; its formats are the choice.
    `PAR1` is Parquet; text whose first character that is no blank is `{` or `[` is JSON; other text is delimited, or
    of fixed width where the dialect says so. Raises InputError for anything else, and for a format not to be chosen.
    """
    formats: tuple[Format, ...] = ("delimited", "json", "parquet") if dialect is None else dialect.formats
    texts: list[Format] = [fmt for fmt in formats if fmt != "parquet"]
    if head.startswith(b"PAR1"):
        if "parquet" not in formats:
            raise _unfit(uri, "is Parquet", dialect)
        return "parquet"
    _refuse_foreign(uri, head)
    if not texts:
        raise _unfit(uri, "is no Parquet" if size else "is empty", dialect)
    if "json" in texts and head.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")[:1] in {b"{", b"["}:
        return "json"
    return next((fmt for fmt in texts if fmt != "json"), "json")


def choose_dialect(uri: str, head: bytes, fmt: Format) -> Dialect:
    """The dialect of an object that none was given for: the default one, if the object's columns fit it.

    Raises InputError that shows the columns and names the shipped dialects that do fit.
    """
    default = dialect_file.load("default")
    names = _column_names(uri, head, default, fmt)
    if not names or set(referenced(default)) - set(default.optional) <= set(names):
        return default
    if (refusal := refusal_of_results(names, uri)) is not None:
        raise refusal
    first = next((line for line in head.split(b"\n") if line.strip()), b"")[:300]
    shown = first.removeprefix(codecs.BOM_UTF8).decode("utf-8", "backslashreplace").strip()
    fitting = " or ".join(f"--dialect {name}" for name in _fitting(uri, head, fmt))
    unknown = "name its dialect with --dialect (docs/dialects.md tells how to write one)"
    raise InputError(
        f"its columns are not {', '.join(referenced(default)[:4])}; it begins: {shown}",
        where=uri,
        fix=f"use {fitting}" if fitting else unknown,
    )


def is_splittable(head: bytes, dialect: Dialect, fmt: Format) -> bool:
    """Whether parts of an object (not compressed) can be read apart: every line of it ends a record, and `head` holds
    all that stands before the first."""
    if fmt == "json":
        return json_layout(head) == "lines"
    if fmt == "parquet" or (fmt == "delimited" and dialect.delimited.newline_in_quotes):
        return False
    try:
        return find_preamble(head, False, dialect, fmt, "") is not None
    except InputError:  # told when the object is read
        return False


def header_of(head: bytes, dialect: Dialect, fmt: Format) -> bytes:
    """All that stands before the first record of a splittable object: what `Part.header` is to hold."""
    preamble = None if fmt in {"json", "parquet"} else find_preamble(head, False, dialect, fmt, "")
    return b"" if preamble is None else head[: preamble.size]


def _refuse_foreign(uri: str, head: bytes) -> None:
    for mark, name in _UTF_MARKS:
        if head.startswith(mark):
            raise _utf(uri, name)
    if head.startswith(_MAGICS):
        name, fix = next(rest for magic, *rest in _FOREIGN if head.startswith(magic))
        raise InputError(f"is {name}, not a log", where=uri, fix=fix or "leave it out")
    if head[_TAR_MAGIC] == b"ustar":
        raise InputError("is a tar archive, not a log", where=uri, fix="unpack it")
    begin = head[:_BEGIN]
    for odd, even, name in ((0, 1, "UTF-16LE"), (1, 0, "UTF-16BE")):
        if len(begin) > 3 and not begin[even::2].strip(b"\0") and b"\0" not in begin[odd::2]:
            raise _utf(uri, name)
    controls = len(begin) - len(begin.translate(None, _CONTROLS))
    if controls * 4 > len(begin):
        named = " though its name says Parquet" if uri.endswith(".parquet") else ""
        raise InputError(
            f"is no text{named}: {controls} of its first {len(begin)} bytes are control characters",
            where=uri,
            fix="leave it out, or look whether it is damaged",
        )


def _utf(uri: str, name: str) -> InputError:
    return InputError(f"is {name} text", where=uri, fix=f"convert it: iconv -f {name} -t UTF-8")


def _unfit(uri: str, what: str, dialect: Dialect | None) -> InputError:
    assert dialect is not None
    formats = ", ".join(dialect.formats)
    return InputError(f"{what}; dialect {dialect.name} is for {formats}", where=uri, fix="name another with --dialect")


def _column_names(uri: str, head: bytes, dialect: Dialect, fmt: Format) -> tuple[str, ...] | None:
    """The columns of an object, as far as its head tells."""
    if fmt == "parquet":
        return None
    if fmt == "json":
        return column_names(head)
    preamble = find_preamble(head, len(head) < HEAD_SIZE, dialect, fmt, uri)
    return None if preamble is None else preamble.names


def _fitting(uri: str, head: bytes, fmt: Format) -> Iterator[str]:
    """The shipped dialects that read the first lines of an object without a reject."""
    begin = head[: head.rfind(b"\n", 0, 4096) + 1] or head
    for name in dialect_file.shipped():
        dialect = dialect_file.load(name)
        for own in dialect.formats:
            if own == "parquet" or (own == "json") != (fmt == "json"):
                continue
            sink = Sink(Keys(), Tally(), lambda _: None, 1 << 62, kernel=False)
            try:
                for _ in read_part(io.BytesIO(begin), Part(uri), dialect, own, sink):
                    pass
            except InputError:
                continue
            if sink.tally.lines and not sink.tally.rejects:
                yield name
                break
