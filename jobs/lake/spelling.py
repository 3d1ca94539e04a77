"""How numbers, times and texts are spelled in results: the suite's one formatter, vectorised.

Doubles: the shortest digits that read back as the same double; plain decimals from 1e-6 up to below 1e16 (`0.1`, `21`,
`-0.0`, `12345678901.25`), else with an exponent (`1e-7`, `1.5e+300`); `inf`, `-inf`, `nan`.
Timestamps: `2026-03-01T12:00:00Z`, with six more digits where there is a fraction. Dates: `2026-03-01`.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_PLAIN_BELOW = 1e10
_DECIMAL_BELOW = 1e16
_STRUCTURAL_CSV = b'",\r\n'
_STRUCTURAL_JSON = b'"\\' + bytes(range(0x20))


def spell(column: pa.Array) -> pa.StringArray:
    """The values as text; nulls stay null. Raises TypeError for types that results do not have."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return spell(column.cast(kind.value_type))
    if pa.types.is_floating(kind):
        return _doubles(column.cast(pa.float64()))
    if pa.types.is_timestamp(kind):
        return _timestamps(column.cast(pa.timestamp("us", kind.tz)))
    if pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_date32(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.string())
    if pa.types.is_large_string(kind):
        return column.cast(pa.string())
    raise TypeError(f"results have no columns of type {kind}")


def csv_texts(column: pa.Array) -> pa.StringArray:
    """Texts as CSV fields: in quotes where they need them; an empty text is `""`, since nothing is null."""
    needed = pc.equal(pc.binary_length(column), 0)
    if _holds_any(column, _STRUCTURAL_CSV):
        needed = pc.or_(needed, pc.match_substring_regex(column, '[",\r\n]'))
    if not pc.any(needed).as_py():
        return column
    doubled = pc.replace_substring(column, '"', '""')
    return pc.if_else(needed, pc.binary_join_element_wise('"', doubled, '"', ""), column)


def json_texts(column: pa.Array) -> pa.StringArray:
    """Texts as JSON strings in UTF-8."""
    quoted = pc.binary_join_element_wise('"', column, '"', "")
    if not _holds_any(column, _STRUCTURAL_JSON):
        return quoted
    odd = pc.fill_null(pc.match_substring_regex(column, r'["\\\x00-\x1f]'), False)
    spelled = [json.dumps(text, ensure_ascii=False) for text in column.filter(odd).to_pylist()]
    return pc.replace_with_mask(quoted, odd, pa.array(spelled, pa.string()))


def is_plain_json(column: pa.Array) -> bool:
    """Whether the values as spelled need nothing but quotes to be JSON strings."""
    return not pa.types.is_string(column.type) or not _holds_any(column, _STRUCTURAL_JSON)


def json_numbers(column: pa.Array) -> pa.StringArray:
    """Spelled doubles as JSON: what JSON has no number for becomes a string."""
    spelled = spell(column)
    finite = pc.is_finite(column)
    if pc.all(finite).as_py() is not False:
        return spelled
    return pc.if_else(finite, spelled, json_texts(spelled))


def _holds_any(column: pa.StringArray, wanted: bytes) -> bool:
    """Whether any of the bytes stands anywhere in the texts."""
    table = np.zeros(256, bool)
    table[list(wanted)] = True
    return bool(table[_bytes_of(column)].any())


def _bytes_of(column: pa.StringArray) -> npt.NDArray[np.uint8]:
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return np.zeros(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]


def _doubles(column: pa.Array) -> pa.StringArray:
    """Arrow's own spelling has the shortest digits, but goes over to exponents at 1e10.

    `-0` would lose its sign where a JSON reader takes it for an integer.
    """
    spelled = pc.cast(column, pa.string())
    if pc.any(pc.equal(column, 0.0)).as_py():
        spelled = pc.if_else(pc.equal(spelled, "-0"), "-0.0", spelled)
    size = pc.abs(column)
    large = pc.fill_null(pc.and_(pc.greater_equal(size, _PLAIN_BELOW), pc.less(size, _DECIMAL_BELOW)), False)
    if not pc.any(large).as_py():
        return spelled
    values, texts = column.filter(large), spelled.filter(large)
    whole = pc.equal(pc.floor(values), values)
    plain = pc.if_else(whole, pc.cast(pc.cast(values, pa.int64(), safe=False), pa.string()), _without_exponent(texts))
    return pc.replace_with_mask(spelled, large, plain)


def _without_exponent(texts: pa.StringArray) -> pa.StringArray:
    """`-1.234567890125e+10` as `-12345678901.25`; other texts are left."""
    for exponent in range(10, 16):
        pattern = rf"^(-?\d)\.(\d{{{exponent}}})(\d+)e\+{exponent}$"
        texts = pc.replace_substring_regex(texts, pattern, r"\1\2.\3")
    return texts


def _timestamps(column: pa.Array) -> pa.StringArray:
    exact = column.cast(pa.timestamp("us"))
    seconds = pc.cast(exact, pa.timestamp("s"), safe=False)
    whole = pc.equal(pc.cast(seconds, pa.timestamp("us")), exact)
    if pc.all(whole).as_py() is not False:
        spelled = pc.cast(seconds, pa.string())
    else:
        spelled = pc.replace_with_mask(
            pc.cast(exact, pa.string()), whole, pc.cast(seconds.filter(pc.fill_null(whole, False)), pa.string())
        )
    return pc.binary_join_element_wise(pc.binary_replace_slice(spelled, 10, 11, "T"), "Z", "")
