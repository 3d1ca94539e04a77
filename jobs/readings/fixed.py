"""Fixed-width lines: what they mean (`parse_fixed`), and the same for blocks of them with NumPy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.readings.line import BLANKS, decode_fields
from jobs.readings.lines import Records, Reference, split_lines
from jobs.readings.model import Reason
from jobs.readings.number_block import BoolArray
from jobs.readings.part import Sink
from jobs.readings.record import Record, Roles
from jobs.readings.refusal import RejectError


def parse_fixed(line: bytes, roles: Roles) -> Record:
    """The definition: the readings of one line of fixed-width text, given without its line end."""
    text = roles.dialect.fixed
    try:
        if len(line) < max(column.start + column.width for column in text.columns):
            raise RejectError(Reason.FIELD_COUNT)
        fields = [line[column.start : column.start + column.width] for column in text.columns]
        if text.strip_blanks:
            fields = [field.strip(BLANKS) for field in fields]
        return roles.read(decode_fields(fields, roles, text.encoding))
    except RejectError as reject:
        return Record(rejects=[reject])


class FixedReference(Reference):
    """Parses blocks of fixed-width lines of one object."""

    def __init__(self, roles: Roles, sink: Sink) -> None:
        self._text = roles.dialect.fixed
        super().__init__(roles, self._text, sink)
        self._width = max(column.start + column.width for column in self._text.columns)

    def read_record(self, raw: bytes) -> Record | None:
        return parse_fixed(raw, self._roles)

    def split(self, buffer: bytearray, begin: int, end: int, line: int) -> Records:
        return split_lines(np.frombuffer(buffer, np.uint8), begin, end, line)

    def tokenise(self, buffer: bytearray, records: Records) -> tuple[dict[int, pa.Array], BoolArray] | None:
        data = np.frombuffer(buffer, np.uint8)
        taken = records.stops - records.starts >= self._width
        starts = records.starts[taken]
        columns = {}
        for index in self._roles.needed:
            column = self._text.columns[index]
            square = data[starts[:, None] + np.arange(column.start, column.start + column.width)]
            offsets = np.arange(len(starts) + 1, dtype=np.int32) * np.int32(column.width)
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(square)]
            texts = pa.Array.from_buffers(pa.binary(), len(starts), buffers)
            if self._text.strip_blanks:
                texts = pc.ascii_trim(texts.view(pa.string()), BLANKS.decode()).view(pa.binary())
            columns[index] = texts
        return columns, taken
