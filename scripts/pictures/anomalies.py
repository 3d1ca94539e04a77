"""Draws docs/anomalies.svg, the temperature of one device of sample_data/ and what is unusual in it.

python -m scripts.pictures.anomalies
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jobs import api
from scripts.pictures.chart import Chart

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "anomalies.svg"
DEVICE = "north-0002"


def draw() -> str:
    inputs = [ROOT / "sample_data"]
    rows = api.run("anomalies", inputs, show="all", device=[DEVICE], metric=["temperature"]).to_pylist()
    begin, end = datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    points = [(r["timestamp"].timestamp(), r["value"]) for r in rows if begin <= r["timestamp"] < end]
    found = [(r["timestamp"].timestamp(), r["value"]) for r in rows if r["reason"]]
    highest = max(value for _, value in points)
    chart = Chart(
        760,
        300,
        f"The temperature of {DEVICE}, and what is unusual in it",
        f"A line of the temperature over five days, and {len(found)} dots on it where the job finds readings unusual.",
        x=(begin.timestamp(), end.timestamp()),
        y=(-5, 5 * (highest // 5 + 1)),
    )
    days = [(datetime(2026, 3, d, tzinfo=UTC).timestamp(), f"March {d}") for d in range(27, 32)]
    chart.axes(
        days, [(float(y), str(y)) for y in range(-5, int(highest) + 5, 5)], "temperature, and anomalies of novelty"
    )
    chart.line(points, width=1.2)
    chart.dots(found)
    return chart.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
