"""Lengths of time as options spell them."""

from __future__ import annotations

import re

from jobs.partials.windows import UNITS
from jobs.readings.zones import DAY


def parse(text: str, most: int = 366 * DAY) -> int:
    """Microseconds from `30s`, `15m`, `1h` or `7d`.

    Raises ValueError for what is none of these, nothing, or longer than `most`.
    """
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text.strip())
    length = int(found[1]) * UNITS[found[2]] if found else 0
    if not 0 < length <= most:
        raise ValueError(f"{text!r} is no length of time up to {spell(most)}; write it as 30s, 15m, 1h or 1d")
    return length


def parse_part_of_day(text: str) -> int:
    """The same for a length that divides a day."""
    length = parse(text, DAY)
    if DAY % length:
        raise ValueError(f"{text} does not divide a day; use 15m, 30m, 1h or the like")
    return length


def spell(length: int) -> str:
    """A length of whole seconds as `parse` reads it."""
    unit = next(u for u in "dhms" if length % UNITS[u] == 0)
    return f"{length // UNITS[unit]}{unit}"
