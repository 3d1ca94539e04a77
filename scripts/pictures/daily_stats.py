"""Draws docs/daily_stats.svg: what four sensors of the sample measured each day, from lowest to highest.

python -m scripts.pictures.daily_stats
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from jobs import api
from scripts.pictures.chart import ORANGE, Chart

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "daily_stats.svg"
FIRST, DAYS, WIDTH = date(2026, 3, 27), 5, 0.14


def draw() -> str:
    inputs = [ROOT / "sample_data" / "readings"]
    table = api.run("daily_stats", inputs, engine="inline", device="north-*", metric="temperature")
    rows = [row for row in table.to_pylist() if row["unit"] is None and (row["date"] - FIRST).days < DAYS]
    devices = sorted({row["device_id"] for row in rows})
    chart = Chart(
        960,
        320,
        "Four sensors, five days",
        "Temperatures of four sensors on five days: a bar from each day's minimum to its maximum, the mean across it.",
        x=(0.0, float(DAYS)),
        y=(-5.0, 30.0),
    )
    days = [(day + 0.5, f"{FIRST.day + day} Mar") for day in range(DAYS)]
    chart.axes(days, [(float(y), str(y)) for y in range(-5, 31, 5)], "°C")
    for row in rows:
        place = (row["date"] - FIRST).days + 0.2 + 0.2 * devices.index(row["device_id"])
        chart.line([(place, row["min"]), (place, row["max"])], width=16)
        chart.line([(place - WIDTH / 2, row["mean"]), (place + WIDTH / 2, row["mean"])], ORANGE, 2.5)
    chart.text(480, 24, f"{devices[0]} to {devices[-1]}: each day's minimum to maximum, and its mean", "title")
    return chart.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
