"""The project's `sample_data/`: five days of two sites, in every common packing, with a known answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from scripts.sample_data_generator import answer, edge_cases
from scripts.sample_data_generator.draw import METRICS, Lines, Spec, draw
from scripts.sample_data_generator.faults import Entry, Faults
from scripts.sample_data_generator.faulty_text import FaultyText
from scripts.sample_data_generator.generate import EXPECTED, WIDE_DIALECT, write_ledger
from scripts.sample_data_generator.objects import Compression, ObjectWriter
from scripts.sample_data_generator.spelling import Format, Speller, Style

DEVICES = 4
QUARTER_HOURS = 96


@dataclass(frozen=True, slots=True)
class SampleObject:
    """Readings of one site on March `day`: `lines` of them, spread over the day."""

    name: str
    site: str
    day: int
    seed: int
    fmt: Format = "csv"
    compression: Compression = "none"
    faults: frozenset[str] = frozenset({"bad_lines"})
    lines: int = DEVICES * 4 * QUARTER_HOURS
    style: Style = field(default_factory=Style)

    @property
    def spec(self) -> Spec:
        return Spec(self.lines, DEVICES, 1, date(2026, 3, self.day), seed=self.seed, device_prefix=f"{self.site}-")


OBJECTS = (
    SampleObject("dt=2026-03-27/north.csv", "north", 27, 1, faults=frozenset({"bad_lines", "duplicates"})),
    SampleObject("dt=2026-03-27/south.csv.gz", "south", 27, 2, compression="gz"),
    SampleObject(
        "dt=2026-03-28/north.csv.gz", "north", 28, 3, compression="gz", faults=frozenset({"bad_lines", "concatenated"})
    ),
    SampleObject("dt=2026-03-28/south.jsonl", "south", 28, 4, "jsonl"),
    SampleObject("dt=2026-03-29/north.csv.zst", "north", 29, 5, compression="zst"),
    SampleObject("dt=2026-03-29/north-late.csv", "north", 28, 6, lines=64, faults=frozenset()),
    SampleObject(
        "dt=2026-03-29/south.jsonl.gz", "south", 29, 7, "jsonl", "gz", faults=frozenset({"bad_lines", "out_of_order"})
    ),
    SampleObject(
        "dt=2026-03-30/north.csv",
        "north",
        30,
        8,
        style=Style(("metric", "value", "device_id", "timestamp"), "\r\n", odd=True),
    ),
    SampleObject("dt=2026-03-30/south.csv.bz2", "south", 30, 9, compression="bz2", faults=frozenset({"clock_jumps"})),
    SampleObject("dt=2026-03-31/north.csv", "north", 31, 10, faults=frozenset({"bad_lines", "gaps", "out_of_order"})),
    SampleObject("dt=2026-03-31/south.csv.xz", "south", 31, 11, compression="xz"),
)

WIDE = Spec(
    2 * QUARTER_HOURS, 1, 2, date(2026, 3, 28), tuple(METRICS[m] for m in ("temperature", "pm2_5")), 12, wide=True
)
WIDE_NAME = "garden-2026-03.csv"
WIDE_ZONE = "Europe/Berlin"
WIDE_DIALECT_TEXT = """\
description = "the garden's weather station: German local time, decimal commas, a column for each metric"

[delimited]
delimiter = ";"

[numbers]
decimal = ","

[timestamp]
columns = ["Zeit"]
formats = ["%d.%m.%Y %H:%M:%S"]
time_zone = "Europe/Berlin"

[device]
path = '([a-z]+)-\\d{4}-\\d{2}\\.csv'

[[wide]]
column = "Temperatur"
metric = "temperature"
unit = "°C"

[[wide]]
column = "Feinstaub"
metric = "pm2_5"
unit = "µg/m³"
"""


MOVED = "north-0003", "2026-03-29T12:00:00Z"
"""A device that was carried from north to south, and when."""
SITES = {"north": ("mast", 52.52, 13.41), "south": ("mast", 48.14, 11.58), "garden": ("garden station", 50.94, 6.96)}
"""By site: the type, latitude and longitude of its devices, about."""


def devices_csv() -> str:
    """The metadata of all devices but those of the edge cases."""
    draws = Random(13)  # noqa: S311 - places of no consequence
    lines = ["device_id,site,type,latitude,longitude,valid_from,valid_to"]
    for site, (kind, latitude, longitude) in SITES.items():
        names = ["garden"] if site == "garden" else [f"{site}-{number:04d}" for number in range(1, DEVICES + 1)]
        for name in names:
            place = f"{kind},{latitude + draws.uniform(-0.1, 0.1):.4f},{longitude + draws.uniform(-0.1, 0.1):.4f}"
            lines.append(f"{name},{site},{place},,{MOVED[1] if name == MOVED[0] else ''}")
    latitude, longitude = (value + draws.uniform(-0.1, 0.1) for value in SITES["south"][1:])
    lines.append(f"{MOVED[0]},south,mast,{latitude:.4f},{longitude:.4f},{MOVED[1]},")
    return "\n".join(lines) + "\n"


def write_sample(folder: Path) -> None:
    """Writes `readings/`, `wide/`, `_devices.csv` and `_expected/` into `folder`; what is there is replaced."""
    known = answer.ExactAnswer()
    ledger: list[Entry] = []
    for wanted in OBJECTS:
        ledger += _write_object(wanted, folder, known)
    edges = folder / "readings" / f"dt={edge_cases.DAY}" / "edge-cases.csv"
    edges.write_bytes(edge_cases.text())
    edge_cases.add_to(known)
    _write_wide(folder / "wide", known)
    (folder / "_devices.csv").write_text(devices_csv(), encoding="utf-8")
    expected = folder / EXPECTED
    expected.mkdir(parents=True, exist_ok=True)
    answer.write(known.table(), expected / "statistics.csv")
    write_ledger(ledger, expected / "faults.jsonl")


def _write_object(wanted: SampleObject, folder: Path, known: answer.ExactAnswer) -> list[Entry]:
    spec = wanted.spec
    name = f"readings/{wanted.name}"
    faults = Faults(spec, wanted.faults)
    known.spec = spec
    with ObjectWriter(folder / name, wanted.compression) as writer:
        text = FaultyText(Speller(spec, wanted.fmt, wanted.style), writer, name, faults)
        for chunk in draw(spec):
            lines, mark = faults.apply(chunk)
            known.add(lines)
            text.put(lines, mark, two_members="concatenated" in wanted.faults)
    return faults.finish()


def _write_wide(folder: Path, known: answer.ExactAnswer) -> None:
    """Two days with the night in which Europe's clocks go forward; a missing value is an empty field."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WIDE_DIALECT).write_text(WIDE_DIALECT_TEXT, encoding="utf-8")
    lines = ["Zeit;Temperatur;Feinstaub"]
    for chunk in draw(WIDE):
        for instant, *values in _wide_rows(chunk):
            local = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(WIDE_ZONE))
            texts = ["" if text is None else text.replace(".", ",") for text in values]
            lines.append(";".join([f"{local:%d.%m.%Y %H:%M:%S}", *texts]))
            for metric, text in zip(WIDE.metrics, values, strict=True):
                if text is not None:
                    known.reading("garden", metric.name, metric.unit, instant * 1_000_000, float(text))
    (folder / WIDE_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _wide_rows(chunk: Lines) -> Iterator[tuple[int, str | None, str | None]]:
    """(second since 1970-01-01 UTC, temperature, pm2_5): values as decimal texts, or None."""
    missing = chunk.missing if chunk.missing is not None else chunk.value < chunk.value
    for time, values, absent in zip(chunk.time.tolist(), chunk.value.tolist(), missing.tolist(), strict=True):
        temperature, dust = (
            None if gone else f"{value / 10**decimals:.{decimals}f}"
            for value, gone, decimals in zip(values, absent, WIDE.decimals, strict=True)
        )
        yield time // 1000, temperature, dust
