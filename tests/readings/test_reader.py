"""Objects as a whole: what stands before the records, long lines, damage, parts, and how little memory it takes."""

from __future__ import annotations

import io
import tracemalloc
from dataclasses import replace

import pytest

from jobs.errors import InputError
from jobs.readings import dialect_file
from jobs.readings.compression import Damage
from jobs.readings.dialect import Dialect
from jobs.readings.model import Keys, Reason, Reject, Tally
from jobs.readings.reader import Part, Sink, read_header, read_part
from tests.readings.definition import RUN_START, Trickle, define, read
from tests.readings.spellings import OWN

DEFAULT = dialect_file.load("default")
HEADER = b"timestamp,device_id,metric,value\n"
LINE = b"2026-03-01T00:00:00Z,d,m,1\n"


def reasons(data: bytes, dialect: Dialect = DEFAULT) -> list[tuple[int, int | None, Reason]]:
    """(offset, line, reason) of each reject."""
    return [(r.offset, r.line, r.reason) for r in read(data, dialect, "delimited").rejects]


@pytest.mark.parametrize(
    "data", [b"", b"\xef\xbb\xbf", b"\n\r\n", HEADER, HEADER.strip(), b"\xef\xbb\xbf" + HEADER, HEADER + b"\n\n"]
)
def test_objects_without_records(data: bytes) -> None:
    outcome = read(data, DEFAULT, "delimited")
    assert (outcome.readings, outcome.rejects, outcome.lines) == ([], [], 0)


def test_what_stands_before_the_records() -> None:
    before = b"\xef\xbb\xbfskipped\r\n\n\r\n//comment\n timestamp ;device_id;metric;value;quality;\r\n"
    data = before + b"2026-03-01;d;m;1;a;\r\n"
    dialect = OWN["blanks"]
    outcome = read(data, dialect, "delimited")
    assert [reading[0] for reading in outcome.readings] == [len(before)]
    assert read_header(Trickle(data, [7]), "object.csv", dialect, "delimited") == before


def test_headers_that_do_not_fit_are_told_when_they_are_looked_for() -> None:
    with pytest.raises(InputError, match="no column timestamp"):
        read_header(io.BytesIO(b"a,b\n"), "o.csv", DEFAULT, "delimited")
    assert read_header(io.BytesIO(b"{}"), "o.json", DEFAULT, "json") == b""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            HEADER.decode().encode("utf-16"),
            "object.csv: is UTF-16 text (it begins with the bytes ff fe); "
            "convert it to UTF-8, for instance with iconv -f UTF-16 -t UTF-8",
        ),
        (
            HEADER.decode().encode("utf-16-le"),
            "object.csv: its header holds NUL bytes: it is no text, or UTF-16; leave it out, or "
            "convert it to UTF-8, for instance with iconv -f UTF-16LE -t UTF-8",
        ),
        (b'time"stamp,a\n', "object.csv: its header has a stray quote: b'time\"stamp,a'"),
        (b"\xff,a\n", "object.csv: its header is no utf-8 text: b'\\xff,a'"),
        (b"x" * (1 << 21), "object.csv: its header is longer than 1048576 bytes"),
    ],
)
def test_headers_that_cannot_be_read(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read(data, DEFAULT, "delimited")
    assert str(raised.value) == message


def test_a_declared_header_is_insisted_on() -> None:
    with pytest.raises(InputError) as raised:
        read(b"value,timestamp\n", dialect_file.load("nab"), "delimited")
    assert str(raised.value) == (
        "object.csv: its header is value, timestamp; dialect nab declares timestamp, value; "
        "name the dialect of these files with --dialect"
    )


def test_rejects_know_their_line_and_offset() -> None:
    data = HEADER + LINE + b"\n" + b"bad\r\n" + LINE + b"worse"
    start = len(HEADER + LINE) + 1
    assert reasons(data) == [(start, 4, Reason.FIELD_COUNT), (start + 5 + len(LINE), 6, Reason.FIELD_COUNT)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_line_may_be_as_long_as_the_limit(end: bytes) -> None:
    dialect = replace(DEFAULT, max_record=64)
    fitting = LINE.strip().ljust(64 - end.count(b"\r"), b"0")
    for line, count in ((fitting, 0), (fitting + b"0", 1)):
        outcome = read(HEADER + line + end, dialect, "delimited")
        assert [r.reason for r in outcome.rejects] == [Reason.TOO_LONG] * count
        assert len(outcome.readings) == 1 - count


def test_a_long_line_costs_itself_and_no_memory() -> None:
    class Long(io.RawIOBase):
        """A header, a line of 64 MiB, a good line."""

        left = 64 << 20
        ends = (HEADER, b"\n" + LINE)
        place = 0

        def readinto(self, view: memoryview) -> int:  # type: ignore[override]  # readers give memoryviews
            if self.place == 1 and self.left:
                size = min(len(view), self.left)
                view[:size] = b"x" * size
                self.left -= size
                return size
            if self.place > 1:
                return 0
            piece = self.ends[self.place]
            view[: len(piece)] = piece
            self.place += 1
            return len(piece)

    tally = Tally()
    rejects: list[Reject] = []
    tracemalloc.start()
    try:
        sink = Sink(Keys(), tally, rejects.append, RUN_START, kernel=False)
        for _ in read_part(Long(), Part("long.csv"), DEFAULT, "delimited", sink):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
    assert [(r.reason, r.offset, r.line, len(r.text)) for r in rejects] == [(Reason.TOO_LONG, len(HEADER), 2, 200)]
    assert (tally.lines, tally.readings) == (2, 1)


class Damaged(Trickle):
    """A source that breaks where its bytes end."""

    def readinto(self, view: memoryview) -> int:  # type: ignore[override]  # readers give memoryviews
        size = super().readinto(view)
        if not size:
            raise Damage(0, "truncated")
        return size


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (HEADER + LINE + LINE[:-1], 1),  # what the damage cuts may have gone on
        (HEADER + LINE + LINE, 2),
        (HEADER + LINE + b"2026-03-01,", 1),
        (HEADER[:-1], 0),
        (b"", 0),
    ],
)
@pytest.mark.parametrize("sizes", [[1000], [1, 5]])
def test_what_is_complete_before_damage_counts(data: bytes, complete: int, sizes: list[int]) -> None:
    tally = Tally()
    sink = Sink(Keys(), tally, lambda _: None, RUN_START, kernel=False)
    with pytest.raises(Damage):
        for _ in read_part(Damaged(data, sizes), Part("o.csv"), DEFAULT, "delimited", sink):
            pass
    assert (tally.readings, tally.lines) == (complete, complete)


def test_a_quoted_newline_belongs_to_its_record() -> None:
    data = HEADER + b'2026-03-01,"d\nd",m,1\n' + LINE + b"bad\n"
    outcome = read(data, OWN["newlines"], "delimited")
    assert [reading[2] for reading in outcome.readings] == ["d\nd", "d"]
    assert [r.line for r in outcome.rejects] == [5]
    plain = read(data, DEFAULT, "delimited")
    assert [(r.line, r.reason) for r in plain.rejects] == [
        (2, Reason.QUOTE),
        (3, Reason.QUOTE),
        (5, Reason.FIELD_COUNT),
    ]


def test_a_quote_that_nothing_closes_costs_one_line() -> None:
    data = HEADER + LINE + b'2026-03-01,"d,m,1\n' + LINE * 3
    outcome = read(data, OWN["newlines"], "delimited")
    assert (len(outcome.readings), [(r.line, r.reason) for r in outcome.rejects]) == (4, [(3, Reason.QUOTE)])
    small = replace(OWN["newlines"], max_record=80)
    far = data + LINE * 9 + b'2026-03-01,x","d,m,1\n'  # it would be closed, but beyond the limit
    assert read(far, small, "delimited") == define(far, small, "delimited")
    assert len(read(far, small, "delimited").readings) == 13


@pytest.mark.parametrize("start", range(1, len(HEADER) + 2 * len(LINE) + 2))
def test_a_record_belongs_where_its_first_byte_lies(start: int) -> None:
    data = HEADER + LINE + LINE.strip()
    outcomes = []
    for part in (Part("o.csv", 0, start), Part("o.csv", start, None, HEADER)):
        tally = Tally()
        sink = Sink(Keys(), tally, lambda _: None, RUN_START, kernel=False)
        batches = list(read_part(Trickle(data[part.read_from :], [3]), part, DEFAULT, "delimited", sink))
        assert tally.readings == sum(map(len, batches))
        outcomes.append(tally.readings)
    firsts = [len(HEADER), len(HEADER) + len(LINE)]
    assert outcomes == [sum(first < start for first in firsts), sum(first >= start for first in firsts)]


def test_batches_are_of_bounded_size() -> None:
    wide = dialect_file.load("prsa")
    names = [*wide.timestamp.columns, "station", *(column.column for column in wide.wide)]
    line = b",".join([b"2013", b"3", b"1", b"0", b"x", *[b"1"] * len(wide.wide)]) + b"\n"
    data = ",".join(names).encode() + b"\n" + line * 30_000
    tally = Tally()
    sink = Sink(Keys(), tally, lambda _: None, RUN_START, kernel=False)
    sizes = [len(batch) for batch in read_part(io.BytesIO(data), Part("o.csv"), wide, "delimited", sink)]
    assert sum(sizes) == tally.readings == 330_000
    assert max(sizes) <= 65_536
