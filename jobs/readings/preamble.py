"""What stands before the first record of a text object: byte order mark, skipped rows, comments, the header."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import lru_cache

from jobs.errors import InputError
from jobs.readings.dialect import Delimited, Dialect, Format
from jobs.readings.line import split_fields
from jobs.readings.quoting import record_end
from jobs.readings.refusal import RejectError

_FOREIGN_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True, slots=True)
class Preamble:
    """size: bytes before the first record. lines: line ends among them. names: the columns; None: it has no header."""

    size: int
    lines: int
    names: tuple[str, ...] | None


def find_preamble(head: bytes, complete: bool, dialect: Dialect, fmt: Format, uri: str) -> Preamble | None:
    """The preamble of an object that begins with `head`, which is the whole object if `complete`.

    None where `head` ends too early to tell. An object that ends before its header has no names and no records.
    Raises InputError for UTF-16 and UTF-32, and for a header that cannot be read or is not the declared one.
    """
    start = _after_mark(head, uri)
    text = dialect.delimited if fmt == "delimited" else dialect.fixed
    for _ in range(text.skip_rows):
        end = head.find(b"\n", start)
        if end < 0:
            return Preamble(len(head), head.count(b"\n"), None) if complete else None
        start = end + 1
    if fmt == "fixed":
        return Preamble(start, head.count(b"\n", 0, start), tuple(column.name for column in dialect.fixed.columns))
    if not dialect.delimited.header:
        return Preamble(start, head.count(b"\n", 0, start), dialect.delimited.columns)
    comment = dialect.delimited.comment.encode(dialect.delimited.encoding)
    while start < len(head):
        end = head.find(b"\n", start)
        line = head[start : end if end >= 0 else len(head)].removesuffix(b"\r")
        if line and not (comment and line.startswith(comment)):
            end = record_end(head, start, len(head), dialect.delimited, complete)
            if end < 0:
                return None
            try:
                names = _names(head[start:end], dialect.delimited, dialect.name)
            except InputError as error:
                raise InputError(error.what, where=uri, fix=error.fix) from None
            return Preamble(end, head.count(b"\n", 0, end), names)
        if end < 0:
            break
        start = end + 1
    return Preamble(len(head), head.count(b"\n"), None) if complete else None


def _after_mark(head: bytes, uri: str) -> int:
    for mark, name in _FOREIGN_MARKS.items():
        if head.startswith(mark):
            raise InputError(
                f"is {name} text (it begins with the bytes {mark.hex(' ')})",
                where=uri,
                fix=f"convert it to UTF-8, for instance with iconv -f {name} -t UTF-8",
            )
    return len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0


@lru_cache(maxsize=256)
def _names(header: bytes, text: Delimited, dialect: str) -> tuple[str, ...]:
    line = header.removesuffix(b"\n").removesuffix(b"\r")
    if b"\0" in line:
        raise InputError(
            "its header holds NUL bytes: it is no text, or UTF-16",
            fix="leave it out, or convert it to UTF-8, for instance with iconv -f UTF-16LE -t UTF-8",
        )
    try:
        names = [field.decode(text.encoding) for field in split_fields(line, text)]
    except UnicodeDecodeError:
        raise InputError(f"its header is no {text.encoding} text: {line[:80]!r}") from None
    except RejectError:
        raise InputError(f"its header has a stray quote: {line[:80]!r}") from None
    for _ in range(text.trailing_blanks):
        if names and not names[-1]:
            names.pop()
    if text.columns and tuple(names) != text.columns:
        raise InputError(
            f"its header is {', '.join(names)}; dialect {dialect} declares {', '.join(text.columns)}",
            fix="name the dialect of these files with --dialect",
        )
    if text.field_count and len(names) > text.field_count:
        raise InputError(f"its header has {len(names)} columns; dialect {dialect} {text.field_count}")
    return tuple(names)
