"""What a line of delimited text means. `parse_line` is the definition; every faster way must agree with it."""

from __future__ import annotations

from jobs.readings.dialect import Delimited
from jobs.readings.model import Reason
from jobs.readings.record import Record, Roles
from jobs.readings.refusal import RejectError

BLANKS = b" \t"


def parse_line(line: bytes, roles: Roles) -> Record | None:
    """The readings of one record of delimited text, given without its line end.

    None where the dialect skips records whose every field is empty.
    """
    text = roles.dialect.delimited
    try:
        fields = split_fields(line, text)
        if text.blank_rows == "skip" and not any(fields):
            return None
        last = len(fields) - text.trailing_blanks
        if last != roles.field_count or any(fields[last:]):
            raise RejectError(Reason.FIELD_COUNT)
        return roles.read(decode_fields(fields, roles, text.encoding))
    except RejectError as reject:
        return Record(rejects=[reject])


def split_fields(line: bytes, text: Delimited) -> list[bytes]:
    """The fields of a record, unquoted, and stripped of blanks if the dialect says so.

    A field that begins with the quote character ends with its partner; a doubled one inside stands for itself. A quote
    anywhere else, and a quoted field that is left open, raise RejectError (QUOTE).
    """
    delimiter, quote = text.delimiter.encode(), text.quote.encode()
    fields = []
    start, end = 0, len(line)
    while start <= end:
        if quote and line[start : start + 1] == quote:
            close = _closing_quote(line, start + 1, quote)
            field = line[start + 1 : close].replace(quote + quote, quote)
            stop = close + 1
            if line[stop : stop + 1] not in (b"", delimiter):
                raise RejectError(Reason.QUOTE)
        else:
            found = line.find(delimiter, start)
            stop = found if found >= 0 else end
            field = line[start:stop]
            if quote and quote in field:
                raise RejectError(Reason.QUOTE)
        fields.append(field.strip(BLANKS) if text.strip_blanks else field)
        start = stop + 1
    return fields


def _closing_quote(line: bytes, start: int, quote: bytes) -> int:
    """Where the quoted field whose content begins at `start` is closed."""
    close = line.find(quote, start)
    while close >= 0 and line[close + 1 : close + 2] == quote:
        close = line.find(quote, close + 2)
    if close < 0:
        raise RejectError(Reason.QUOTE)
    return close


def decode_fields(fields: list[bytes], roles: Roles, encoding: str) -> list[str | None]:
    """The texts of the needed fields, None for the others; RejectError (ENCODING) where one cannot be decoded."""
    texts: list[str | None] = [None] * len(fields)
    for index in roles.needed:
        try:
            texts[index] = fields[index].decode(encoding)
        except UnicodeDecodeError:
            raise RejectError(Reason.ENCODING, roles.names[index]) from None
    return texts
