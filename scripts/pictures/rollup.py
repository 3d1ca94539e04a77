"""Draws docs/rollup.svg: one sensor of the sample by the hour and by the day, where the clocks are set forward.

python -m scripts.pictures.rollup
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs import api
from scripts.pictures.chart import ORANGE, Chart

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "rollup.svg"
ZONE = "Europe/Berlin"


def _rows(window: str) -> list[dict[str, Any]]:
    table = api.run(
        "rollup",
        [ROOT / "sample_data" / "readings"],
        engine="inline",
        window=window,
        time_zone=ZONE,
        device="north-0001",
        metric="temperature",
    )
    return [row for row in table.to_pylist() if row["unit"] is None]


def draw() -> str:
    hours, days = _rows("1h"), _rows("1d")
    chart = Chart(
        960,
        340,
        "One sensor, two rollups",
        "The temperature of north-0001 over five days: range and mean of every hour, and the mean of every day. "
        "The day on which Berlin sets its clocks forward is an hour shorter than the others.",
        x=(days[0]["window_start"].timestamp(), days[-1]["window_end"].timestamp()),
        y=(-5.0, 30.0),
    )
    names = [(row["window_start"].timestamp(), f"{row['window_start'].strftime('%d %b %H:%M')}Z") for row in days]
    chart.axes(names, [(float(y), str(y)) for y in range(-5, 31, 5)], "°C")
    middle = [(row["window_start"].timestamp() + row["window_end"].timestamp()) / 2 for row in hours]
    chart.band(
        [(x, row["min"]) for x, row in zip(middle, hours, strict=True)],
        [(x, row["max"]) for x, row in zip(middle, hours, strict=True)],
    )
    chart.line([(x, row["mean"]) for x, row in zip(middle, hours, strict=True)])
    for row in days:
        chart.line([(row[edge].timestamp(), row["mean"]) for edge in ("window_start", "window_end")], ORANGE, 2.5)
    chart.text(480, 24, "--window 1h: mean, minimum to maximum (blue); --window 1d: mean (orange)", "title")
    return chart.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
