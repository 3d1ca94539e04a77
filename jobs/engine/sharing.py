"""The lines of a plan, shared by tasks that are forks of one process: none of them waits while lines are left."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

_TOKEN = struct.Struct("<q")


class SharedLines:
    """Each task takes the lines of its own share, in order; then those that are left of the others'.

    Made before the forks, which inherit a file for each share that holds its lines' numbers: where it is read next is
    the same for all of them, and a read takes its number from it at once. Every line is taken once.
    """

    def __init__(self, shares: Sequence[Sequence[bytes]]) -> None:
        self._shares = shares
        self._queues = [_queue(len(lines)) for lines in shares]

    def take(self, task: int) -> Iterator[bytes]:
        """The lines that this task gets."""
        for share in (*range(task, len(self._shares)), *range(task)):
            while token := self._queues[share].read(_TOKEN.size):
                yield self._shares[share][_TOKEN.unpack(token)[0]]


def _queue(count: int) -> IO[bytes]:
    """The numbers of so many lines, as a file that is gone when nobody has it open."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as the lines
    file.write(b"".join(map(_TOKEN.pack, range(count))))
    file.seek(0)
    return file
