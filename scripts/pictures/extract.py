"""Draws docs/extract.svg: the readings that come out of a wide log of the sample.

python -m scripts.pictures.extract
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.chart import ORANGE, Chart

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "extract.svg"
HOUR = 3600.0


def draw() -> str:
    rows = api.run("extract", [ROOT / "sample_data" / "wide"], engine="inline").to_pylist()
    begin = rows[0]["timestamp"].timestamp()
    points = {
        metric: [((r["timestamp"].timestamp() - begin) / HOUR, r["value"]) for r in rows if r["metric"] == metric]
        for metric in ("temperature", "pm2_5")
    }
    chart = Chart(
        960,
        320,
        "A wide log, as readings",
        "Two columns of one log over two days, temperature and fine dust, as two series of readings.",
        x=(0.0, 48.0),
        y=(0.0, 32.0),
    )
    hours = [(float(hour), f"{hour % 24}:00") for hour in range(0, 49, 6)]
    chart.axes(hours, [(float(y), str(y)) for y in range(0, 33, 8)], "°C, µg/m³")
    chart.line(points["temperature"])
    chart.line(points["pm2_5"], ORANGE)
    chart.text(480, 24, "garden on 28 and 29 March: temperature (blue) and pm2_5 (orange)", "title")
    return chart.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
