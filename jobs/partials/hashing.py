"""A hash of texts that is the same on every engine, machine and version: it decides which task takes a device."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.partials.exact import UInt64Array

_SEED = np.uint64(0x9E3779B97F4A7C15)
_FACTOR = np.uint64(0xD6E8FEB86659FD93)


def text_hashes(column: pa.ChunkedArray) -> UInt64Array:
    """A 64-bit hash of each text's UTF-8 bytes.

    h = length ^ SEED; for each 8 bytes, as a little-endian integer, the last ones filled with zeros: h = mix(h ^ word);
    where mix(x) = y ^ (y >> 32) of y = (x ^ (x >> 32))·FACTOR, modulo 2^64.
    """
    chunks = [_hashes(chunk) for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.uint64), *chunks])


def _hashes(texts: pa.StringArray) -> UInt64Array:
    _, offsets, data = texts.buffers()
    if len(texts) == 0:
        return np.empty(0, np.uint64)
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    begin, length = places[:-1] - places[0], np.diff(places)
    body = np.zeros(places[-1] - places[0] + 8, np.uint8)
    if data is not None:
        body[:-8] = np.frombuffer(data, np.uint8)[places[0] : places[-1]]
    words = np.ndarray(len(body) - 7, "<u8", body, strides=(1,))

    hashes = length.astype(np.uint64) ^ _SEED
    row = np.arange(len(texts))
    for at in range(0, int(length.max()), 8):
        row = row[length[row] > at]
        unused = np.maximum(at + 8 - length[row], 0).astype(np.uint64) * np.uint64(8)
        word = words[begin[row] + at] & (np.uint64(2**64 - 1) >> unused)
        hashes[row] = _mix(hashes[row] ^ word)
    return hashes


def _mix(x: UInt64Array) -> UInt64Array:
    y = (x ^ (x >> np.uint64(32))) * _FACTOR
    return y ^ (y >> np.uint64(32))
