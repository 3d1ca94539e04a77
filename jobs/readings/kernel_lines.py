"""Lines by the kernel: those it is certain of become columns in C, all others go to the reference path."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Generator, Iterator, Sequence
from ctypes import POINTER, byref, c_char, c_int32, c_int64, c_void_p
from dataclasses import replace
from typing import Final

import numpy as np

from jobs.readings.batch import BATCH_ROWS
from jobs.readings.dialect import Delimited, Fixed
from jobs.readings.kernel_json import Template, learn
from jobs.readings.kernel_keys import KernelKeys, too_many_keys
from jobs.readings.kernel_spec import Compiled, JsonPaths, JsonSegment, JsonTemplate
from jobs.readings.lines import Records, Reference
from jobs.readings.model import Absence, Readings
from jobs.readings.part import Sink
from jobs.readings.record import Roles

FEW = 64
"""Odd records below which the others of a block are kept, however few they are."""

_EXCEPTIONS = 16_384
_TEMPLATES = 8  # of one layout of JSON lines
_LESSONS = 64  # lines that are looked at for templates
_HEAD = 1 << 16  # bytes of a first block that are looked at
_DONE, _FULL, _LOST, _NO_MEMORY = range(4)
_NEWLINE = ord("\n")


class _Counts(ctypes.Structure):
    """What a call of the kernel gets and gives (parse.c: parse_batch)."""

    _fields_ = (
        ("timestamp", c_void_p),
        ("device", c_void_p),
        ("series", c_void_p),
        ("value", c_void_p),
        ("offset", c_void_p),
        ("quality", c_void_p),
        ("exceptions", c_void_p),
        ("row_room", c_int64),
        ("exception_room", c_int64),
        ("absent", c_int64),
        ("rows", c_int64),
        ("exception_count", c_int64),
        ("lines", c_int64),
        ("missing", c_int64),
        ("excluded", c_int64),
        ("position", c_int64),
        ("line_number", c_int64),
    )


class _Columns:
    """Buffers for one batch."""

    def __init__(self, quality: bool) -> None:
        self.timestamp = np.empty(BATCH_ROWS, np.int64)
        self.device = np.empty(BATCH_ROWS, np.int32)
        self.series = np.empty(BATCH_ROWS, np.int32)
        self.value = np.empty(BATCH_ROWS, np.float64)
        self.offset = np.empty(BATCH_ROWS, np.int64)
        self.quality = np.empty(BATCH_ROWS, np.int32) if quality else None
        self.exceptions = np.empty((_EXCEPTIONS, 3), np.int64)
        self.counts = _Counts(
            self.timestamp.ctypes.data,
            self.device.ctypes.data,
            self.series.ctypes.data,
            self.value.ctypes.data,
            self.offset.ctypes.data,
            None if self.quality is None else self.quality.ctypes.data,
            self.exceptions.ctypes.data,
            BATCH_ROWS,
            _EXCEPTIONS,
        )

    def readings(self, keys: KernelKeys) -> Iterator[Readings]:
        """The readings, and the missing values where they were asked for."""
        rows = self.counts.rows
        readings = Readings(
            keys,
            self.timestamp[:rows],
            self.device[:rows],
            self.series[:rows],
            self.value[:rows],
            self.offset[:rows],
            None if self.quality is None else self.quality[:rows],
        )
        if not (self.counts.absent and self.counts.missing):
            yield readings
            return
        is_missing = np.isnan(readings.value)
        if not is_missing.all():
            yield readings.take(~is_missing)
        yield replace(readings.take(is_missing), quality=None, absence=Absence.MISSING)

    def odd_records(self) -> Records:
        """The records that were not taken."""
        rows = self.exceptions[: self.counts.exception_count].copy()
        return Records(rows[:, 0], rows[:, 1], rows[:, 2])


class _Parser:
    """The kernel's parser of one layout, for all objects of a task that have it. Raises ValueError if it has none."""

    def __init__(self, roles: Roles, layout: Delimited | Fixed | JsonPaths, keys: KernelKeys) -> None:
        self.compiled: Final = Compiled(roles, layout, keys)
        self.quality: Final = roles.has_quality
        self.free: Final[list[_Columns]] = []  # buffers that no batch uses
        library = _declared(keys.library)
        self.run: Final = library.parser_run
        self.handle: Final = c_void_p(library.parser_new(byref(self.compiled.spec), keys.handle))
        if not self.handle:
            raise MemoryError
        weakref.finalize(self, library.parser_free, self.handle)
        self.paths: Final = layout if isinstance(layout, tuple) else None
        self._templates: dict[Template, tuple[int, ...]] = {}
        self._lessons = 0

    def columns(self) -> _Columns:
        return self.free.pop() if self.free else _Columns(self.quality)

    def study_block(self, buffer: bytearray, begin: int, end: int) -> None:
        """Learns JSON templates from the first lines there, if none is known yet."""
        if self.paths is not None and not self._templates:
            self._study(bytes(buffer[begin : min(end, begin + _HEAD)]).split(b"\n")[: _LESSONS // 2])

    def study_odd(self, buffer: bytearray, records: Records) -> bool:
        """Learns JSON templates from records that fitted none; whether there was something to learn."""
        if self.paths is None:
            return False
        places = zip(records.starts[:_TEMPLATES].tolist(), records.stops[:_TEMPLATES].tolist(), strict=True)
        return self._study([bytes(buffer[start:stop]) for start, stop in places])

    def _study(self, lines: Sequence[bytes]) -> bool:
        assert self.paths is not None
        known = len(self._templates)
        for line in lines:
            if self._lessons == _LESSONS or len(self._templates) == _TEMPLATES:
                break
            self._lessons += 1
            template = learn(line.removesuffix(b"\r"))
            fields = template.fields(self.paths) if template is not None else None
            if template is not None and fields is not None:
                self._templates[template] = fields
        if len(self._templates) == known:
            return False
        self._publish()
        return True

    def _publish(self) -> None:
        compiled = self.compiled
        images = (JsonTemplate * len(self._templates))()
        for image, (template, fields) in zip(images, self._templates.items(), strict=True):
            literals = template.literals
            segments = (JsonSegment * len(literals))(*map(compiled.segment, literals, fields))
            image.segments, image.count, image.tail = segments, len(literals), compiled.span(template.tail)
            compiled.keep(segments)
        compiled.keep(images)
        compiled.spec.layout.templates, compiled.spec.layout.template_count = images, len(images)


class KernelLines:
    """A LineParser that takes the lines it is certain of by itself."""

    def __init__(self, parser: _Parser, device: int, reference: Reference, sink: Sink, keys: KernelKeys) -> None:
        self._parser = parser
        self._device = device
        self._reference = reference
        self._sink = sink
        self._keys = keys

    def parse(self, buffer: bytearray, begin: int, end: int, base: int, line: int) -> Generator[Readings, None, int]:
        """As LineParser.parse. 64 bytes lie behind `end`; the first becomes a newline if the block lacks its last."""
        parser, last = self._parser, end
        if buffer[end - 1] != _NEWLINE:
            buffer[end], last = _NEWLINE, end + 1
        parser.study_block(buffer, begin, end)
        columns = parser.columns()
        try:
            return (yield from self._parse(columns, buffer, begin, end, last, base, line))
        finally:
            parser.free.append(columns)

    def _parse(
        self, columns: _Columns, buffer: bytearray, begin: int, end: int, last: int, base: int, line: int
    ) -> Generator[Readings, None, int]:
        parser, tally, counts = self._parser, self._sink.tally, columns.counts
        counts.position, counts.line_number, counts.absent = begin, line, self._sink.absent
        status = _FULL
        while status == _FULL:
            at = counts.position
            parser.compiled.spec.device = self._device
            data = c_char.from_buffer(buffer)
            status = parser.run(parser.handle, byref(data), at, last, base, byref(counts))
            del data  # which keeps the buffer from being resized
            if status == _NO_MEMORY:
                raise too_many_keys()
            odd = columns.odd_records() if counts.exception_count else None
            learned = odd is not None and parser.study_odd(buffer, odd)
            if counts.exception_count > max(counts.lines, FEW) and at == begin:
                if learned:
                    counts.position, counts.line_number, status = begin, line, _FULL
                    continue
                return (yield from self._reference.parse(buffer, begin, end, base, line))  # all at once is faster
            tally.lines += counts.lines
            tally.kernel_lines += counts.lines
            tally.readings += counts.rows - (counts.missing if counts.absent else 0)
            tally.missing += counts.missing
            tally.excluded += counts.excluded
            if counts.rows:
                yield from columns.readings(self._keys)
            if odd is not None:
                yield from self._reference.parse_records(buffer, odd, base)
        if status == _LOST:
            return (yield from self._reference.parse(buffer, counts.position, end, base, counts.line_number))
        return int(counts.line_number)


def open_lines(
    roles: Roles, layout: Delimited | Fixed | JsonPaths, reference: Reference, sink: Sink
) -> KernelLines | None:
    """The kernel's way through the lines of an object; None where there is no kernel or it does not know such lines.

    layout: how lines are cut; of JSON, where the columns stand. Cheap for an object that is like an earlier one.
    """
    keys = sink.keys
    if not sink.kernel or not isinstance(keys, KernelKeys):
        return None
    limits = (roles.time.min, roles.time.max) if roles.time is not None else None
    place = (id(roles.dialect), type(layout), roles.names, limits)  # the parser keeps the dialect, and so its id
    if place not in keys.cache:
        try:
            keys.cache[place] = _Parser(roles, layout, keys)
        except ValueError:
            keys.cache[place] = roles.dialect, None
    parser = keys.cache[place]
    if not isinstance(parser, _Parser):
        return None
    device = keys.device(roles.device) if not roles.device_columns else -1
    return KernelLines(parser, device, reference, sink, keys)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    library.parser_new.restype = c_void_p
    library.parser_new.argtypes = [c_void_p, c_void_p]
    library.parser_free.restype = None
    library.parser_free.argtypes = [c_void_p]
    library.parser_run.restype = c_int32
    library.parser_run.argtypes = [c_void_p, POINTER(c_char), c_int64, c_int64, c_int64, POINTER(_Counts)]
    return library
