"""Drawn lines to text, a chunk at a time: fixed-width columns side by side in a byte matrix, NULs squeezed out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from scripts.sample_data_generator.draw import DAY_MS, MINUTE_MS, BoolArray, Int64Array, Lines, Spec

ByteArray = npt.NDArray[np.uint8]
Texts = npt.NDArray[np.bytes_]
Format = Literal["csv", "jsonl", "wide"]

COLUMNS = ("timestamp", "device_id", "metric", "value")
ODD_EVERY = 20


@dataclass(frozen=True, slots=True)
class Style:
    """How long lines are spelled: the columns' order, the line end, and with `odd` every twentieth value in a rarer
    spelling of the same number: a plus sign, an exponent, or more digits than a double holds."""

    columns: tuple[str, ...] = COLUMNS
    line_end: str = "\n"
    odd: bool = False


class Speller:
    """Spells lines of one spec in one format. Texts hold no NUL, which is what pads them."""

    def __init__(self, spec: Spec, fmt: Format, style: Style | None = None) -> None:
        self.spec, self.fmt, self.style = spec, fmt, style or Style()
        self.decimals = np.array(spec.decimals, np.int64)
        self.powers = 10**self.decimals
        self.metrics = _texts([metric.name for metric in spec.metrics])
        self.devices = _texts(spec.device_ids())
        self.tables = _tables()
        self.first_minute = spec.start_ms // MINUTE_MS - 2 * DAY_MS // MINUTE_MS  # clock jumps reach a day out
        minutes = self.first_minute + np.arange((spec.days + 4) * DAY_MS // MINUTE_MS)
        self.minutes: Texts = np.datetime_as_string(minutes.astype("datetime64[m]")).astype("S16")

    def header(self) -> bytes:
        """The header line; empty for JSON lines."""
        if self.fmt == "jsonl":
            return b""
        if self.fmt == "wide":
            names: Sequence[str] = ["timestamp", "device_id", *(metric.name for metric in self.spec.metrics)]
        else:
            names = self.style.columns
        return (",".join(names) + self.style.line_end).encode()

    def spell(self, lines: Lines) -> bytes:
        """The lines, end to end."""
        flat = self.matrix(lines).reshape(-1)
        return bytes(flat[flat != 0].data)

    def matrix(self, lines: Lines) -> ByteArray:
        """The lines, a row each, with NULs between."""
        pieces = self._wide(lines) if self.fmt == "wide" else self._long(lines)
        layout = np.dtype([(f"f{i}", _width(piece)) for i, piece in enumerate(pieces)])
        rows = np.empty(len(lines), layout)
        for name, piece in zip(layout.names or (), pieces, strict=True):
            rows[name] = piece
        return rows.view(np.uint8).reshape(len(lines), layout.itemsize)

    def _long(self, lines: Lines) -> list[Texts | bytes]:
        json = self.fmt == "jsonl"
        metric = lines.metric[:, 0]
        texts: dict[str, list[Texts | bytes]] = {
            "timestamp": self._time(lines.time),
            "device_id": [self.devices[lines.device]],
            "metric": [self.metrics[metric]],
            "value": self._number(lines.value[:, 0], metric, lines.row if self.style.odd else None),
        }
        pieces: list[Texts | bytes] = []
        for place, name in enumerate(self.style.columns):
            if json:
                quote = b"" if name == "value" else b'"'
                pieces += [(b"," if place else b"{") + b'"' + name.encode() + b'":' + quote, *texts[name], quote]
            else:
                pieces += [*texts[name], b","]
        pieces[-1] = (b"}" if json else b"") + self.style.line_end.encode()
        if json and self.style.columns[-1] != "value":
            pieces[-1] = b'"' + pieces[-1]
        return [piece for piece in pieces if not isinstance(piece, bytes) or piece]

    def _wide(self, lines: Lines) -> list[Texts | bytes]:
        pieces: list[Texts | bytes] = [*self._time(lines.time), b",", self.devices[lines.device]]
        for column in range(lines.value.shape[1]):
            absent = None if lines.missing is None else lines.missing[:, column]
            pieces += [b",", *self._number(lines.value[:, column], lines.metric[:, column], None, absent)]
        return [*pieces, self.style.line_end.encode()]

    def _time(self, time: Int64Array) -> list[Texts | bytes]:
        minute, ms = np.divmod(time, MINUTE_MS)
        return [self.minutes[minute - self.first_minute], self.tables.seconds[ms]]

    def _number(
        self, value: Int64Array, metric: Int64Array, row: Int64Array | None, absent: BoolArray | None = None
    ) -> list[Texts | bytes]:
        whole, fraction = np.divmod(np.abs(value), self.powers[metric])
        high, low = np.divmod(whole, 1000)
        sign = np.where(value < 0, b"-", b"")
        tail = self._fraction(fraction, metric)
        if row is not None:
            form = np.where(row % ODD_EVERY == 7, 1 + row // ODD_EVERY % 3, 0)
            sign = np.where((form == 1) & (value >= 0), b"+", sign)
            tail.append(_texts(["", "", "e0", "0" * 16])[form])
        parts: list[Texts] = [sign, self.tables.thousands[high], self.tables.units[low + 1000 * (high > 0)], *tail]
        if absent is not None:
            parts = [np.where(absent, b"", part) for part in parts]
        return list(parts)

    def _fraction(self, fraction: Int64Array, metric: Int64Array) -> list[Texts]:
        first: Texts = np.empty(len(fraction), "S5")
        rest: Texts | None = np.zeros(len(fraction), "S4") if self.decimals.max() > 4 else None
        for decimals in set(self.spec.decimals):
            mine = self.decimals[metric] == decimals
            digits = fraction[mine]
            more = decimals - 4
            if more > 0 and rest is not None:
                digits, beyond = np.divmod(digits, 10**more)
                rest[mine] = self.tables.digits[more - 1][beyond]
            first[mine] = self.tables.fractions[min(decimals, 4) - 1][digits]
        return [first] if rest is None else [first, rest]


@dataclass(frozen=True, slots=True)
class _Tables:
    """Texts by number: `seconds` by ms of the minute, `thousands` 0 … 999 with 0 empty, `units` 0 … 999 and, from
    1000 on, the same with leading zeros; `fractions` and `digits` of 1 to 4 digits, with and without a point."""

    seconds: Texts
    thousands: Texts
    units: Texts
    fractions: list[Texts]
    digits: list[Texts]


@cache
def _tables() -> _Tables:
    return _Tables(
        seconds=_texts([f":{ms // 1000:02d}.{ms % 1000:03d}Z" for ms in range(MINUTE_MS)]),
        thousands=_texts(["", *map(str, range(1, 1000))]),
        units=_texts([*map(str, range(1000)), *(f"{n:03d}" for n in range(1000))]),
        fractions=[_texts([f".{n:0{d}d}" for n in range(10**d)]) for d in range(1, 5)],
        digits=[_texts([f"{n:0{d}d}" for n in range(10**d)]) for d in range(1, 5)],
    )


def _texts(texts: Sequence[str]) -> Texts:
    return np.array([text.encode() for text in texts], np.bytes_)


def _width(piece: Texts | bytes) -> str:
    return f"S{len(piece)}" if isinstance(piece, bytes) else piece.dtype.str
