"""JSON objects: which layout their documents have, and the documents to readings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from jobs.readings.blocks import Blocks
from jobs.readings.compression import ReadableBuffer
from jobs.readings.dialect import Dialect, Fixed
from jobs.readings.json_documents import columns_of, read_documents
from jobs.readings.json_line import JsonRecords, json_layout, parse_json_line
from jobs.readings.kernel_lines import open_lines
from jobs.readings.lines import Records, Reference, split_lines
from jobs.readings.model import Readings
from jobs.readings.number_block import BoolArray
from jobs.readings.part import Part, Sink
from jobs.readings.record import Record
from jobs.readings.refusal import RejectError

HEAD_SIZE = 1 << 16
"""How much of an object's beginning tells its layout."""

_MARK = b"\xef\xbb\xbf"


def read_json(source: ReadableBuffer, part: Part, dialect: Dialect, sink: Sink) -> Iterator[Readings]:
    """The readings of a part of a JSON object, as `reader.read_part` gives them.

    `json_layout` says whether the object has a document a line. If so, a bad line costs that line; a part that does not
    begin or end with its object has been cut from such an object. `read_documents` reads every other layout.
    """
    records = JsonRecords(dialect, part.uri, sink.run_start)
    with Blocks(source, part.read_from, dialect.max_record + 1) as blocks:
        yield from _read_blocks(blocks, part, records, sink)


def _read_blocks(blocks: Blocks, part: Part, records: JsonRecords, sink: Sink) -> Iterator[Readings]:
    from jobs.readings.reader import LineReader  # which asks us for JSON

    blocks.fill()
    if part.start:
        blocks.skip_line(part.end)
    elif blocks.buffer.startswith(_MARK, 0, blocks.end):
        blocks.begin = len(_MARK)
    head = bytes(blocks.buffer[blocks.begin : min(blocks.end, HEAD_SIZE)])
    if part.start == 0 and part.end is None and json_layout(head) == "documents":
        yield from read_documents(blocks, records, sink)
        return
    reference = JsonReference(records, sink)
    kernel = None if records.records else open_lines(records.roles, records.paths, reference, sink)
    yield from LineReader(blocks, reference, kernel, part, None, sink).read(1)
    if blocks.damage is not None:
        raise blocks.damage


class JsonReference(Reference):
    """Parses blocks of lines that are a JSON document each."""

    def __init__(self, records: JsonRecords, sink: Sink) -> None:
        super().__init__(records.roles, Fixed(), sink)  # UTF-8, no comments
        self.records: Final = records

    def read_record(self, raw: bytes) -> Record:
        return parse_json_line(raw, self.records)

    def split(self, buffer: bytearray, begin: int, end: int, line: int) -> Records:
        return split_lines(np.frombuffer(buffer, np.uint8), begin, end, line)

    def tokenise(self, buffer: bytearray, records: Records) -> tuple[dict[int, pa.Array], BoolArray] | None:
        rows, taken = [], np.zeros(len(records), np.bool_)
        for index, (start, stop) in enumerate(zip(records.starts.tolist(), records.stops.tolist(), strict=True)):
            try:
                fields = self.records.plain_fields(self.records.decode(bytes(buffer[start:stop])))
            except RejectError:
                continue
            if fields is not None:
                rows.append(fields)
                taken[index] = True
        return columns_of(rows), taken
