"""Keys that the kernel and the reference path share: the same codes, in tables that C can look up."""

from __future__ import annotations

import ctypes
import struct
import weakref
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_void_p
from typing import Any, Final

import numpy as np
import pyarrow as pa

from jobs.errors import JobError
from jobs.kernel import library
from jobs.readings.model import Keys

_DEVICES, _SERIES, _QUALITIES = range(3)


def new_keys(kernel: bool) -> Keys:
    """Empty keys for a task; with `kernel`, such as the kernel can use, if it is there."""
    loaded = library.load() if kernel else None
    return Keys() if loaded is None else KernelKeys(loaded)


class KernelKeys(Keys):
    """As Keys. `handle` is the kernel's own; `cache` is for what lives as long as these keys, such as parsers.

    Texts of one kind may together have 2 GiB; JobError beyond that and where memory ends.
    """

    def __init__(self, loaded: ctypes.CDLL) -> None:
        super().__init__()
        self.library: Final = _declared(loaded)
        self.handle: Final = c_void_p(self.library.keys_new())
        if not self.handle:
            raise MemoryError
        weakref.finalize(self, self.library.keys_free, self.handle)
        self.cache: Final[dict[object, Any]] = {}
        self._one_code = c_int32()
        self._bounds = (c_int32 * 2)()
        self._series_texts: list[tuple[str, str | None]] = []

    def device(self, text: str) -> int:
        return self._add(_DEVICES, text.encode())

    def series(self, metric: str, unit: str | None = None) -> int:
        known = self._series.get((metric, unit))
        if known is None:
            name = metric.encode()
            key = struct.pack("<I", len(name)) + name + (b"" if unit is None else b"\1" + unit.encode())
            known = self._series[metric, unit] = self._add(_SERIES, key)
        return known

    def quality(self, text: str | None) -> int:
        if text is None:
            return -1
        known = self._qualities.get(text)
        if known is None:
            known = self._qualities[text] = self._add(_QUALITIES, text.encode())
        return known

    @property
    def device_count(self) -> int:
        return int(self.library.keys_count(self.handle, _DEVICES))

    @property
    def series_count(self) -> int:
        return int(self.library.keys_count(self.handle, _SERIES))

    def device_texts(self) -> pa.StringArray:
        return self._texts(_DEVICES, pa.string())

    def series_texts(self) -> list[tuple[str, str | None]]:
        if len(self._series_texts) != self.series_count:
            self._series_texts = [_series_of(key) for key in self._texts(_SERIES, pa.binary()).to_pylist()]
        return list(self._series_texts)

    def quality_texts(self) -> list[str]:
        texts: list[str] = self._texts(_QUALITIES, pa.string()).to_pylist()
        return texts

    def _add(self, which: int, text: bytes) -> int:
        self._bounds[1] = len(text)
        if self.library.keys_add(self.handle, which, text, self._bounds, 1, self._one_code) < 0:
            raise too_many_keys()
        return self._one_code.value

    def _texts(self, which: int, kind: pa.DataType) -> pa.Array:
        # copied: the tables move when they grow
        count = self.library.keys_count(self.handle, which)
        offsets = np.empty(count + 1, np.int32)
        texts = np.empty(self.library.keys_size(self.handle, which), np.uint8)
        self.library.keys_copy(self.handle, which, offsets.ctypes.data, texts.ctypes.data)
        return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(offsets), pa.py_buffer(texts)])


def too_many_keys() -> JobError:
    return JobError(
        "there is no room for more device, metric, unit or quality names in one task (of each, 2 GiB of text)",
        fix="check that the dialect's device and metric columns are the right ones, or make --split-size smaller",
    )


def _series_of(key: bytes) -> tuple[str, str | None]:
    (size,) = struct.unpack_from("<I", key)
    metric, unit = key[4 : 4 + size], key[4 + size :]
    return metric.decode(), unit[1:].decode() if unit else None


def _declared(loaded: ctypes.CDLL) -> ctypes.CDLL:
    loaded.keys_new.restype = c_void_p
    loaded.keys_new.argtypes = []
    loaded.keys_free.restype = None
    loaded.keys_free.argtypes = [c_void_p]
    loaded.keys_add.restype = c_int32
    loaded.keys_add.argtypes = [c_void_p, c_int32, c_char_p, POINTER(c_int32), c_int64, POINTER(c_int32)]
    loaded.keys_count.restype = c_int32
    loaded.keys_count.argtypes = [c_void_p, c_int32]
    loaded.keys_size.restype = c_int64
    loaded.keys_size.argtypes = [c_void_p, c_int32]
    loaded.keys_copy.restype = None
    loaded.keys_copy.argtypes = [c_void_p, c_int32, c_void_p, c_void_p]
    return loaded
