"""What a number is: the text of a value to a double, by the dialect's spelling. This is the definition."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from jobs.readings.dialect import Numbers
from jobs.readings.model import Reason
from jobs.readings.refusal import RejectError

_NON_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)


@lru_cache
def grammar(numbers: Numbers) -> str:
    """The regular expression of a number: `[+-]?(digits[.digits?] | .digits)([eE][+-]?digits)?`, ASCII only, with the
    dialect's decimal mark and, if any, its thousands separator in groups of three (or no separator at all)."""
    mark = re.escape(numbers.decimal)
    whole = "[0-9]+"
    if numbers.thousands:
        whole = f"(?:[0-9]{{1,3}}(?:{re.escape(numbers.thousands)}[0-9]{{3}})+|[0-9]+)"
    return f"[+-]?(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"


@lru_cache
def _compiled(numbers: Numbers) -> re.Pattern[str]:
    return re.compile(grammar(numbers))


def parse_number(text: str, numbers: Numbers) -> float | None:
    """The double nearest to a decimal number, always finite; None for nan and inf in dialects that call them missing.

    Nothing may stand around the number. Underflow gives a subnormal or zero.
    Raises RejectError: VALUE for any other text, VALUE_RANGE for a number beyond the doubles.
    """
    if _compiled(numbers).fullmatch(text) is None:
        if numbers.non_finite == "missing" and _NON_FINITE.fullmatch(text):
            return None
        raise RejectError(Reason.VALUE)
    plain = text.replace(numbers.thousands, "") if numbers.thousands else text
    value = float(plain.replace(numbers.decimal, "."))
    if math.isinf(value):
        raise RejectError(Reason.VALUE_RANGE)
    return value
