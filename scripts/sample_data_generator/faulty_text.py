"""Text with bad lines in it, and where everything odd stands."""

from __future__ import annotations

import numpy as np

from scripts.sample_data_generator.bad_lines import bad_line
from scripts.sample_data_generator.draw import Int64Array, Lines
from scripts.sample_data_generator.faults import LINE_KINDS, Entry, Faults
from scripts.sample_data_generator.objects import ObjectWriter
from scripts.sample_data_generator.spelling import Speller


class FaultyText:
    """Writes one object's lines, with the header first, and enters into the ledger of `faults` what stands where."""

    def __init__(self, speller: Speller, writer: ObjectWriter, name: str, faults: Faults) -> None:
        self.speller, self.writer, self.name, self.faults = speller, writer, name, faults
        header = speller.header()
        writer.write(header)
        self.line = 2 if header else 1
        self.turn = speller.spec.seed

    def put(self, lines: Lines, mark: Int64Array, *, two_members: bool = False) -> None:
        """Lines with `mark` as Faults.apply gives them; bad ones come between. With `two_members` the compressed
        object's second member begins amid them, within a record."""
        matrix = self.speller.matrix(lines)
        sizes = np.count_nonzero(matrix, axis=1)
        starts = np.cumsum(sizes) - sizes
        flat = matrix.reshape(-1)
        text = flat[flat != 0].tobytes()
        places = self.faults.bad_places(len(lines))
        bad = [bad_line(self.speller, lines, place, self.turn + i) for i, place in enumerate(places.tolist())]
        self.turn += len(bad)
        inserted = np.zeros((2, len(lines)), np.int64)
        inserted[0, places] = [len(line) for line, _ in bad]
        inserted[1, places] = 1
        inserted = inserted.cumsum(axis=1)
        offsets = self.writer.offset + starts + inserted[0]
        numbers = self.line + np.arange(len(lines)) + inserted[1]
        found = [(place, entry, len(line)) for place, (line, entry) in zip(places.tolist(), bad, strict=True)]
        for place in np.flatnonzero(mark).tolist():
            device = self.speller.devices[lines.device[place]].decode()
            found.append((place, {"kind": LINE_KINDS[mark[place] - 1], "device_id": device}, 0))
        for place, entry, size in sorted(found, key=lambda item: (item[0], -item[2])):
            self._enter(entry, int(offsets[place]) - size, int(numbers[place]) - bool(size))
        self.line += len(lines) + len(bad)
        borders = [0, *starts[places].tolist(), len(text)]
        pieces = [text[borders[0] : borders[1]]]
        for (line, _), begin, end in zip(bad, borders[1:], borders[2:], strict=False):
            pieces += [line, text[begin:end]]
        self._write(b"".join(pieces), two_members)

    def cut(self, rest: Lines, lost: int) -> None:
        """Ends the compressed object within the first record of `rest`; `lost` lines are not in it."""
        half = self.speller.spell(rest.take(slice(0, 1)))[:20]
        self.writer.write(half)
        self._enter({"kind": "truncated", "lines": lost}, self.writer.offset, self.line)
        self.writer.cut()

    def _write(self, text: bytes, two_members: bool) -> None:
        if two_members:
            half = len(text) // 2 - text[: len(text) // 2].endswith(b"\n")
            self.writer.write(text[:half])
            self._enter({"kind": "concatenated"}, self.writer.offset, None)
            self.writer.new_member()
            text = text[half:]
        self.writer.write(text)

    def _enter(self, entry: Entry, offset: int, line: int | None) -> None:
        self.faults.ledger.append(entry | {"object": self.name, "offset": offset, "line": line})
