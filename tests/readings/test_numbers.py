"""What a number is, and that the columnar way accepts nothing else."""

from __future__ import annotations

import itertools
import math
import struct
from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.readings.dialect import Numbers
from jobs.readings.model import Reason
from jobs.readings.number_block import NumberReader
from jobs.readings.numbers import parse_number
from jobs.readings.refusal import RejectError

PLAIN = Numbers()
EUROPEAN = Numbers(decimal=",", thousands=".")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("1", 1.0), ("-0", -0.0), ("+12.50", 12.5), ("1.", 1.0), (".5", 0.5), ("1e5", 1e5), ("1E-2", 0.01)),
        *(("00012", 12.0), ("1e-400", 0.0), ("4.9e-324", 5e-324), ("1.7976931348623157e308", 1.7976931348623157e308)),
        *(
            ("9007199254740993", 9007199254740992.0),
            ("0.1", 0.1),
            ("123456789012345678901234567890", 1.2345678901234568e29),
        ),
    ],
)
def test_numbers(text: str, value: float) -> None:
    found = parse_number(text, PLAIN)
    assert found is not None
    assert struct.pack("<d", found) == struct.pack("<d", value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "+",
        "-",
        "1 ",
        " 1",
        "1_0",
        "0x10",
        "nan",
        "inf",
        "-Infinity",
        "1e",
        "1e+",
        "1,5",
        "٣",
        "1\0",
        "--1",
        "e5",
    ],
)
def test_other_texts_are_rejects(text: str) -> None:
    with pytest.raises(RejectError) as raised:
        parse_number(text, PLAIN)
    assert raised.value.reason is Reason.VALUE


@pytest.mark.parametrize("text", ["1e309", "-1e400", "1.7976931348623159e308", "9" * 310])
def test_numbers_beyond_the_doubles(text: str) -> None:
    with pytest.raises(RejectError) as raised:
        parse_number(text, PLAIN)
    assert raised.value.reason is Reason.VALUE_RANGE


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "INF", "+inf", "infinity", "-Infinity"])
def test_non_finite_may_be_missing(text: str) -> None:
    assert parse_number(text, Numbers(non_finite="missing")) is None


@pytest.mark.parametrize(
    ("text", "value"), [("1,5", 1.5), ("1.234,5", 1234.5), ("12.345.678", 12345678.0), ("1234,5", 1234.5), (",5", 0.5)]
)
def test_decimal_comma_and_thousands(text: str, value: float) -> None:
    assert parse_number(text, EUROPEAN) == value


@pytest.mark.parametrize("text", ["1.5", "1.23,4", "1234.567", ".123", "1..234", "1,234,5", "1.234.56"])
def test_thousands_stand_in_threes(text: str) -> None:
    with pytest.raises(RejectError):
        parse_number(text, EUROPEAN)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_writes_is_read_back(value: float) -> None:
    assert struct.pack("<d", value) == struct.pack("<d", parse_number(repr(value), PLAIN) or value * 0)


def _agree(texts: list[str], numbers: Numbers) -> int:
    """How many the columnar way is certain of; asserts that those are right."""
    values, sure = NumberReader(numbers).read(pa.array([text.encode() for text in texts], pa.binary()))
    for text, value, certain in zip(texts, values.tolist(), sure.tolist(), strict=True):
        if certain:
            found = parse_number(text, numbers)
            assert found is not None
            assert struct.pack("<d", found) == struct.pack("<d", value), text
            assert math.isfinite(value)
    return int(sure.sum())


@pytest.mark.parametrize(("numbers", "letters"), [(PLAIN, "05+-.e"), (EUROPEAN, "05-,.E")])
def test_columns_accept_only_numbers(numbers: Numbers, letters: str) -> None:
    texts = ["".join(picked) for size in range(6) for picked in itertools.product(letters, repeat=size)]
    valid = 0
    for text in texts:
        with suppress(RejectError):
            valid += parse_number(text, numbers) is not None
    assert _agree(texts, numbers) == valid


@given(st.lists(st.one_of(st.text(max_size=8), st.floats().map(repr), st.decimals().map(str)), min_size=1))
def test_columns_of_any_texts(texts: list[str]) -> None:
    _agree([text.encode("utf-8", "replace").decode() for text in texts], PLAIN)
