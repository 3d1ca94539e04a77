"""Blocks of partial rows on their way from map to reduce: one codec, Arrow IPC, on two carriers.

By reference, a task appends its blocks to a file of its own in the run's scratch and the shuffle moves
`path:offset:length`; inline, the block itself travels, base64 in the line.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa

from jobs.engine import progress
from jobs.partials.slices import own_dictionary

Carrier = Literal["reference", "inline"]

LINE_BYTES = 2_000_000 - 64  # beside key and kind
_FEW_ROWS = 64


class BlockWriter:
    """Where a task's blocks go. `path` is the file of a task that ships by reference."""

    def __init__(self, carrier: Carrier, path: Path) -> None:
        self._carrier = carrier
        self._path = path

    def write(self, table: pa.Table) -> str:
        """Put a block on its carrier; the text that finds it again."""
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd" if self._carrier == "inline" else None)
        with pa.ipc.new_stream(sink, table.schema, options=options) as stream:
            stream.write_table(table)
        block = sink.getvalue()
        if self._carrier == "inline":
            return "=" + base64.b64encode(block).decode()
        with self._path.open("ab") as file:
            offset = file.tell()
            file.write(block)
        return f"{self._path}:{offset}:{len(block)}"

    def fitting(self, rows: pa.Table) -> Iterator[str]:
        """Put rows on the carrier in as many blocks as it takes for their texts to fit into lines of the shuffle."""
        text = self.write(rows)
        if len(text) <= LINE_BYTES or rows.num_rows <= _FEW_ROWS:
            yield text
            return
        first = rows.schema.field(0)
        shares_devices = first.name == "device_id" and pa.types.is_dictionary(first.type)
        for half in (rows.slice(0, rows.num_rows // 2), rows.slice(rows.num_rows // 2)):
            yield from self.fitting(own_dictionary(half) if shares_devices else half)


def read_block(text: str) -> pa.Table:
    """The block that `BlockWriter.write` gave this text for."""
    progress.alive()
    if text.startswith("="):
        return pa.ipc.open_stream(base64.b64decode(text[1:])).read_all()
    path, offset, length = text.rsplit(":", 2)
    with pa.memory_map(path) as file:
        file.seek(int(offset))
        return pa.ipc.open_stream(file.read_buffer(int(length))).read_all()


class Aside:
    """Blocks that lie in a file while they are not at work, for as long as the context lasts.

    folder: where; None: where temporary files are.
    """

    def __init__(self, folder: str | None) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="aside-", dir=folder)
        self._blocks = BlockWriter("reference", Path(self._place.name, "blocks"))

    def put(self, table: pa.Table) -> Callable[[], pa.Table]:
        """Has the rows lie there; what gives them back."""
        return partial(read_block, self._blocks.write(table))

    def keep(self, text: str) -> Callable[[], pa.Table]:
        """The same of a block that was received, unless it lies in a file already."""
        return self.put(read_block(text)) if text.startswith("=") else partial(read_block, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._place.cleanup()


def packed(table: pa.Table) -> str:
    """The text of a block that travels in it."""
    return BlockWriter("inline", Path()).write(table)


def block_size(text: str) -> int:
    """The bytes of a block, from its text."""
    return len(text) if text.startswith("=") else int(text.rsplit(":", 1)[1])
