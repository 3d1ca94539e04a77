"""A stream as blocks of bytes in one reused buffer, the unfinished end of each carried to the front of the next."""

from __future__ import annotations

from typing import Final, Self

from jobs.readings.compression import Damage, ReadableBuffer

PADDING = 64
"""Bytes of the buffer beyond its capacity, so that fast code may look past the end."""


_spare: dict[int, bytearray] = {}
"""By capacity, a buffer that is not in use: making one anew costs more than reading a small object."""


class Blocks:
    """buffer[begin:end) holds bytes of the stream not yet used; buffer[0] is at `base` of the stream.

    capacity: of the buffer, which is the next stream's when the context ends. position: where the source stands.
    `ended` says that nothing follows `end`, for the reason `damage` if that is set.
    """

    def __init__(self, source: ReadableBuffer, position: int, capacity: int) -> None:
        self.buffer: Final = _spare.pop(capacity, None) or bytearray(capacity + PADDING)
        self.begin = 0
        self.end = 0
        self.base = position
        self.ended = False
        self.damage: Damage | None = None
        self._capacity = capacity
        self._source = source

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Hands the buffer on to the next stream."""
        _spare[self._capacity] = self.buffer

    @property
    def full(self) -> bool:
        """Whether the buffer has no room for more than it holds."""
        return self.end - self.begin == self._capacity

    @property
    def complete(self) -> bool:
        """Whether what the buffer holds is the stream's whole and undamaged rest."""
        return self.ended and self.damage is None

    def fill(self) -> None:
        """Carries the unused bytes to the front and reads until the buffer is full or the stream ends."""
        kept = self.end - self.begin
        if self.begin:
            self.buffer[:kept] = self.buffer[self.begin : self.end]
            self.base += self.begin
            self.begin, self.end = 0, kept
        with memoryview(self.buffer) as view:
            while self.end < self._capacity and not self.ended:
                try:
                    size = self._source.readinto(view[self.end : self._capacity])
                except Damage as damage:
                    self.damage, size = damage, 0
                self.end += size
                self.ended = size == 0

    def skip_line(self, limit: int | None = None) -> bool:
        """Moves `begin` behind the next newline, however far it is; False where the search ends or passes `limit`."""
        while True:
            found = self.buffer.find(b"\n", self.begin, self.end)
            if found >= 0:
                self.begin = found + 1
                return True
            self.begin = self.end
            if self.ended or (limit is not None and self.base + self.end >= limit):
                return False
            self.fill()

    def skip_to(self, offset: int) -> None:
        """Moves `begin` to `offset` of the stream, or to its end."""
        while offset > self.base + self.end and not self.ended:
            self.begin = self.end
            self.fill()
        self.begin = min(max(offset - self.base, self.begin), self.end)
