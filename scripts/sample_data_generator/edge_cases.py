"""Readings at the edges of what values, times and keys can be, each spelled by hand."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

from scripts.sample_data_generator.answer import ExactAnswer

HEADER = ("timestamp", "device_id", "metric", "value", "unit")
DAY = "2026-03-31"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAP_SECOND = f"{DAY}T23:59:60Z"

ROWS: tuple[tuple[str, str, str, str, str], ...] = (
    # Signed zeros: −0.0 is the smaller.
    (f"{DAY}T08:00:00Z", "test-bench", "zero", "0.0", ""),
    (f"{DAY}T08:00:01Z", "test-bench", "zero", "-0.0", ""),
    (f"{DAY}T08:00:02Z", "test-bench", "zero", "-0", ""),
    # From one end of the doubles to the other; the sum is 2.5, or close to it if it is not exact.
    (f"{DAY}T08:00:00Z", "test-bench", "range", "1e300", ""),
    (f"{DAY}T08:00:01Z", "test-bench", "range", "2.5", ""),
    (f"{DAY}T08:00:02Z", "test-bench", "range", "1e-300", ""),
    (f"{DAY}T08:00:03Z", "test-bench", "range", "-1e300", ""),
    (f"{DAY}T08:00:00Z", "test-bench", "subnormal", "5e-324", ""),
    (f"{DAY}T08:00:01Z", "test-bench", "subnormal", "2.2250738585072011e-308", ""),
    (f"{DAY}T08:00:02Z", "test-bench", "subnormal", "1e-400", ""),
    # A mean large against the spread.
    (f"{DAY}T08:00:00Z", "test-bench", "steady", "1000000000.001", "mV"),
    (f"{DAY}T08:00:01Z", "test-bench", "steady", "1000000000", "mV"),
    (f"{DAY}T08:00:02Z", "test-bench", "steady", "999999999.999", "mV"),
    # Roundings: halfway between two doubles, and many digits.
    (f"{DAY}T08:00:00Z", "test-bench", "rounding", "9007199254740993", ""),
    (f"{DAY}T08:00:01Z", "test-bench", "rounding", "9007199254740992.99999999999999999999", ""),
    (f"{DAY}T08:00:02Z", "test-bench", "rounding", "0.1000000000000000055511151231257827021181583404541015625", ""),
    (f"{DAY}T08:00:03Z", "test-bench", "rounding", "+7.5", ""),
    (f"{DAY}T08:00:04Z", "test-bench", "rounding", ".5", ""),
    (f"{DAY}T08:00:05Z", "test-bench", "rounding", "5.", ""),
    (f"{DAY}T08:00:06Z", "test-bench", "rounding", "-12E+2", ""),
    # One reading: no standard deviation.
    (f"{DAY}T08:00:00Z", "test-bench", "single", "21.5", "°C"),
    # Ties and repeated timestamps; all of them count.
    (f"{DAY}T09:00:00.250Z", "test-bench", "ties", "3", ""),
    (f"{DAY}T09:00:00.250Z", "test-bench", "ties", "1", ""),
    (f"{DAY}T09:00:00.250Z", "test-bench", "ties", "3", ""),
    (f"{DAY}T09:00:00.250Z", "test-bench", "ties", "1", ""),
    # Around midnight, with offsets, and the leap second, which stays in its day.
    ("2026-03-30T23:59:59.999999Z", "test-bench", "midnight", "1", ""),
    (f"{DAY}T00:00:00Z", "test-bench", "midnight", "2", ""),
    (DAY, "test-bench", "midnight", "3", ""),
    (f"{DAY}T00:00:00.000+02:00", "test-bench", "midnight", "4", ""),
    (f"{DAY}T02:00:00+0200", "test-bench", "midnight", "5", ""),
    (f"{DAY} 21:00-03", "test-bench", "midnight", "6", ""),
    (LEAP_SECOND, "test-bench", "midnight", "7", ""),
    # Fractions of a second: nine digits are cut to six; a comma may stand before them.
    (f"{DAY}T10:00:00.123456789Z", "test-bench", "fraction", "1", ""),
    (f"{DAY}T10:00:00,5Z", "test-bench", "fraction", "2", ""),
    # Keys that only a careful program keeps apart, or in order.
    (f"{DAY}T08:00:00Z", "test-bench ", "single", "1", "°C"),
    (f"{DAY}T08:00:00Z", "test-Bench", "single", "2", "°C"),
    (f"{DAY}T08:00:00Z", "test-bench", "single", "3", "°F"),
    (f"{DAY}T08:00:00Z", "test-bench", "single", "4", ""),
    (f"{DAY}T08:00:00Z", "test rack 3, slot 7", "single", "5", "kΩ"),
    (f"{DAY}T08:00:00Z", 'test of the "old" pump', "single", "6", "m³/h"),
    (f"{DAY}T08:00:00Z", "ｔest-bench", "single", "7", "µg/m³"),  # U+FF54: after 🌡 in UTF-16, before it in UTF-8
    (f"{DAY}T08:00:00Z", "🌡test-bench", "single", "8", "µg/m³"),
    (f"{DAY}T08:00:00Z", "te\u0301st-bench", "single", "9", "μg/m³"),  # a combining accent; the unit's μ is Greek
    (f"{DAY}T08:00:00Z", "tést-bench", "single", "10", "μg/m³"),
    (f"{DAY}T08:00:00Z", "north-0001", "temperature", "70.25", "°F"),
)


def text() -> bytes:
    """The rows as CSV, quoted where they must be."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([HEADER, *ROWS])
    return out.getvalue().encode()


def add_to(answer: ExactAnswer) -> None:
    """The same rows, as Python's own `float` and `datetime` read them."""
    for timestamp, device, metric, value, unit in ROWS:
        if timestamp == LEAP_SECOND:
            instant = datetime.fromisoformat(f"{DAY}T23:59:59.999999Z")
        else:
            instant = datetime.fromisoformat(timestamp)
        utc = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        answer.reading(device, metric, unit or None, (utc - EPOCH) // timedelta(microseconds=1), float(value))
