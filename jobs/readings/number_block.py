"""Columns of number texts to doubles, by Arrow; certain only where `numbers.parse_number` gives the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.readings.dialect import Numbers
from jobs.readings.model import Float64Array
from jobs.readings.numbers import grammar

BoolArray = npt.NDArray[np.bool_]

_CHARACTERS = b"0123456789+-.eE"  # of these Arrow makes numbers just as the grammar does, but for infinity
_LOW, _SPAN = ord("+"), 15  # + , - . / and the digits are neighbours


class NumberReader:
    """A dialect's spelling of numbers, compiled for columns."""

    def __init__(self, numbers: Numbers) -> None:
        characters = _CHARACTERS.replace(b".", numbers.decimal.encode())
        self._plain = np.zeros(256, np.bool_)
        self._plain[list(characters)] = True
        self._strange = [byte for byte in range(_LOW, _LOW + _SPAN) if byte not in characters]
        self._grammar = f"^(?:{grammar(numbers)})$"
        self._thousands = numbers.thousands
        self._to_point = None if numbers.decimal == "." else bytes.maketrans(numbers.decimal.encode(), b".")

    def is_plain(self, texts: pa.Array) -> bool:
        """Whether texts hold only digits, signs, decimal marks and exponents."""
        found = content(texts)
        other = found - np.uint8(_LOW) >= _SPAN  # exponents, mostly
        for byte in self._strange:
            other |= found == byte
        return bool(self._plain[found[other]].all())

    def may_be_number(self, text: bytes) -> bool:
        """Whether `is_plain` holds for one text."""
        return bool(self._plain[list(text)].all())

    def read(self, texts: pa.Array) -> tuple[Float64Array, BoolArray]:
        """The values of binary texts, and which are certain; the others' values mean nothing."""
        if self.is_plain(texts):
            values = self._cast(texts)
            if values is not None:
                return values, np.isfinite(values)
        valid = pc.match_substring_regex(texts, self._grammar)
        sure = valid.to_numpy(zero_copy_only=False)
        texts = texts.filter(valid)
        if self._thousands:
            texts = pc.replace_substring(texts, self._thousands.encode(), b"")
        found = self._cast(texts)
        values = np.zeros(len(sure))
        if found is None:
            return values, np.zeros(len(sure), np.bool_)
        values[sure] = found
        return values, sure & np.isfinite(values)

    def _cast(self, texts: pa.Array) -> Float64Array | None:
        if self._to_point is not None:
            texts = with_content(texts, content(texts).tobytes().translate(self._to_point))
        try:
            values: Float64Array = pc.cast(texts.view(pa.string()), pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            return None
        return values


def bounds(texts: pa.Array) -> npt.NDArray[np.int32]:
    """Where the texts of a binary or string array begin in its data, and behind the last where it ends."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)
    return offsets[texts.offset : texts.offset + len(texts) + 1]


def is_empty(texts: pa.Array) -> BoolArray:
    """Which texts of a binary or string array are empty."""
    ends = bounds(texts)
    found: BoolArray = ends[1:] == ends[:-1]
    return found


def data_of(texts: pa.Array) -> npt.NDArray[np.uint8]:
    """The data that `bounds` points into."""
    buffer = texts.buffers()[2]
    return np.frombuffer(buffer, np.uint8) if buffer is not None else np.zeros(0, np.uint8)


def content(texts: pa.Array) -> npt.NDArray[np.uint8]:
    """The bytes of all texts in a row."""
    if not len(texts):
        return np.zeros(0, np.uint8)
    offsets = bounds(texts)
    return data_of(texts)[offsets[0] : offsets[-1]]


def with_content(texts: pa.Array, replacement: bytes) -> pa.Array:
    """Binary texts of the same lengths with other bytes."""
    if not len(texts):
        return texts
    offsets = bounds(texts)
    buffers = [None, pa.py_buffer(offsets - offsets[0]), pa.py_buffer(replacement)]
    return pa.Array.from_buffers(pa.binary(), len(texts), buffers)
