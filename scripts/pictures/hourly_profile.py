"""Draws docs/hourly_profile.svg: a normal day of one sensor of the sample.

python -m scripts.pictures.hourly_profile
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.chart import Chart

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "hourly_profile.svg"


def draw() -> str:
    table = api.run(
        "hourly_profile",
        [ROOT / "sample_data" / "readings"],
        engine="inline",
        period="hour-of-day",
        by="metric",
        metric="temperature",
        time_zone="Europe/Berlin",
        quantiles="0.1,0.5,0.9",
    )
    rows = [row for row in table.to_pylist() if row["unit"] is None]
    chart = Chart(
        760,
        300,
        "A normal day",
        "The temperature of all devices by the hour of the day: the median, and the range that holds four readings of "
        "five. It is warmest in the small hours and coldest in the afternoon: the sample is made up.",
        x=(0.0, 24.0),
        y=(-5.0, 30.0),
    )
    chart.axes([(h, f"{h}:00") for h in range(0, 25, 4)], [(y, str(y)) for y in range(-5, 31, 5)], "°C")
    chart.band([(r["hour"] + 0.5, r["q0.1"]) for r in rows], [(r["hour"] + 0.5, r["q0.9"]) for r in rows])
    chart.line([(r["hour"] + 0.5, r["q0.5"]) for r in rows])
    chart.text(400, 24, "temperature by hour of day: median, 10 % to 90 %", "title")
    return chart.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
