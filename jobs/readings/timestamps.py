"""What a timestamp is: the texts of a record's time columns to an instant. This is the definition.

An ISO 8601 timestamp is `YYYY-MM-DD`, then perhaps `T` or a blank and `HH:MM`, `:SS`, a `.` or `,` and 1 to 9 digits,
then perhaps `Z`, `+HH:MM`, `+HHMM` or `+HH`. A date alone is its midnight. Digits beyond the microsecond are cut.
Second 60, a leap second, is read as 59.999999 of its minute, so that it stays in its day; hour 24 is refused.
A pattern knows %Y (four digits), %m %d %H %M %S (one or two digits, but exactly two right before another directive),
%f (one to nine digits of a fraction), %z (as in ISO 8601) and %%; all else stands for itself.
An epoch is `-`, perhaps, and decimal digits, perhaps with a fraction; it is cut to the microsecond downwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from jobs.readings import zones
from jobs.readings.dialect import Timestamp
from jobs.readings.model import Reason
from jobs.readings.refusal import RejectError

SECOND: Final = zones.SECOND
DAY: Final = zones.DAY
UNIX_DAY: Final = date(1970, 1, 1).toordinal()

_OFFSET = r"Z|[+-][0-9]{2}(?::?[0-9]{2})?"
_ISO = (
    r"(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    rf"(?:[T ](?P<H>[0-9]{{2}}):(?P<M>[0-9]{{2}})(?::(?P<S>[0-9]{{2}})(?:[.,](?P<f>[0-9]{{1,9}}))?)?(?P<z>{_OFFSET})?)?"
)
_EPOCH = r"(?P<sign>-?)(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]+))?"
_EPOCH_EXPONENT = {"epoch_s": 6, "epoch_ms": 3, "epoch_us": 0, "epoch_ns": -3}  # µs = number × 10^exponent
_DIRECTIVES = {"Y": "[0-9]{4}", "f": "[0-9]{1,9}", "z": _OFFSET}


class TimeReader:
    """A dialect's timestamps, compiled.

    run_start: when the run began, in µs UTC; one day later is the upper limit where the dialect gives none.
    Both limits are inclusive. Raises ValueError for formats that cannot be.
    """

    def __init__(self, timestamp: Timestamp, run_start: int) -> None:
        formats = timestamp.formats
        if len(formats) != len(timestamp.columns):
            raise ValueError(f"{len(formats)} formats for {len(timestamp.columns)} columns")
        if len(formats) > 1 and {"iso8601", *_EPOCH_EXPONENT} & set(formats):
            raise ValueError("several columns need a pattern each")
        self.rules: Final = timestamp
        self.zone: Final = zones.load(timestamp.time_zone)
        self.exponent: Final = _EPOCH_EXPONENT.get(formats[0])
        self.pattern: Final = re.compile(_expression(formats))
        self.min: Final = _limit(timestamp.min)
        self.max: Final = _limit(timestamp.max) if timestamp.max else run_start + DAY
        if timestamp.max and self.min > self.max:
            raise ValueError(f"min {timestamp.min} is after max {timestamp.max}")

    def read(self, texts: Sequence[str]) -> int:
        """The instant in µs UTC that the texts of the dialect's time columns, in their order, stand for.

        Raises RejectError: TIMESTAMP, TIMESTAMP_RANGE, or LOCAL_TIME where the dialect rejects such times.
        """
        found = self.pattern.fullmatch("\0".join(texts))
        if found is None:
            raise RejectError(Reason.TIMESTAMP)
        parts = found.groupdict()
        epoch = self.exponent is not None
        instant = _epoch(parts, self.exponent or 0) if epoch else _instant(parts, self.zone, self.rules)
        if not self.min <= instant <= self.max:
            raise RejectError(Reason.TIMESTAMP_RANGE)
        return instant


def _instant(parts: dict[str, str | None], zone: zones.Zone, rules: Timestamp) -> int:
    year, month, day = (int(parts[name] or 0) for name in "Ymd")
    hour, minute, second = (int(parts.get(name) or 0) for name in "HMS")
    fraction = int((parts.get("f") or "").ljust(6, "0")[:6])
    try:
        days = date(year, month, day).toordinal() - UNIX_DAY
    except ValueError:
        raise RejectError(Reason.TIMESTAMP) from None
    if hour > 23 or minute > 59 or second > 60:
        raise RejectError(Reason.TIMESTAMP)
    if second == 60:
        second, fraction = 59, 999_999
    local = days * DAY + (hour * 3600 + minute * 60 + second) * SECOND + fraction
    suffix = parts.get("z")
    if suffix is not None:
        return local - offset_of(suffix)
    instant = zone.to_utc(local, rules.ambiguous, rules.nonexistent)
    if instant is None:
        raise RejectError(Reason.LOCAL_TIME)
    return instant


def offset_of(suffix: str) -> int:
    """The offset from UTC in µs of `Z`, `+HH`, `+HHMM` or `+HH:MM`; RejectError where no clock shows it."""
    if suffix == "Z":
        return 0
    hours, minutes = int(suffix[1:3]), int(suffix[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise RejectError(Reason.TIMESTAMP)
    return (-1 if suffix[0] == "-" else 1) * (hours * 3600 + minutes * 60) * SECOND


def _epoch(parts: dict[str, str | None], exponent: int) -> int:
    whole, fraction = (parts["whole"] or "").lstrip("0"), parts["fraction"] or ""
    point = len(whole) + exponent
    if point > 18:
        raise RejectError(Reason.TIMESTAMP_RANGE)
    digits = (whole + fraction).ljust(point, "0")
    kept, cut = digits[: max(point, 0)], digits[max(point, 0) :]
    micros = int(kept or 0)
    return -micros - bool(cut.strip("0")) if parts["sign"] else micros


def _limit(text: str) -> int:
    """An instant that the dialect itself names: ISO 8601, UTC where it has no offset."""
    found = re.fullmatch(_ISO, text)
    try:
        if found is not None:
            return _instant(found.groupdict(), zones.load("UTC"), Timestamp())
    except RejectError:
        pass
    raise ValueError(f'"{text}" is no ISO 8601 instant')


def _expression(formats: Sequence[str]) -> str:
    """The regular expression of a record's time columns, joined by NUL."""
    if formats[0] == "iso8601":
        return _ISO
    if formats[0] in _EPOCH_EXPONENT:
        return _EPOCH
    expression = "\0".join(map(_pattern_expression, formats))
    names = re.findall(r"\(\?P<(\w)>", expression)
    if len(set(names)) < len(names):
        raise ValueError("a directive occurs twice")
    if not {"Y", "m", "d"} <= set(names):
        raise ValueError("%Y, %m and %d are needed")
    for part, whole in ("MH", "SM", "fS"):
        if part in names and whole not in names:
            raise ValueError(f"%{part} without %{whole}")
    return expression


def _pattern_expression(pattern: str) -> str:
    if "\0" in pattern:
        raise ValueError("NUL in a pattern")
    pieces = re.findall(r"%.?|[^%]+", pattern, re.DOTALL)
    expression = ""
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        name = piece[1:]
        if piece[0] != "%" or piece == "%%":
            expression += re.escape(piece.replace("%%", "%"))
        elif name in _DIRECTIVES:
            expression += f"(?P<{name}>{_DIRECTIVES[name]})"
        elif name and name in "mdHMS":
            digits = "{2}" if following[:1] == "%" and following != "%%" else "{1,2}"
            expression += f"(?P<{name}>[0-9]{digits})"
        else:
            raise ValueError(f'"{piece}" is not one of %Y %m %d %H %M %S %f %z %%')
    return expression
