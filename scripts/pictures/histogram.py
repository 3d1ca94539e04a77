"""Draws docs/histogram.svg: how the temperatures of the sample are spread.

python -m scripts.pictures.histogram
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.chart import Chart

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "histogram.svg"


def draw() -> str:
    table = api.run(
        "histogram", [ROOT / "sample_data" / "readings"], engine="inline", bins=40, by="metric", metric="temperature"
    )
    rows = [row for row in table.to_pylist() if row["unit"] is None]
    most = max(row["count"] for row in rows)
    chart = Chart(
        760,
        280,
        "How temperatures are spread",
        "A histogram of forty bins of equal width: most temperatures of the sample lie between 5 and 20 degrees.",
        x=(rows[0]["low"], rows[-1]["high"]),
        y=(0.0, most * 1.05),
    )
    xs = [(float(x), str(x)) for x in range(-100, 101, 5) if rows[0]["low"] <= x <= rows[-1]["high"]]
    chart.axes(xs, [(float(y), str(y)) for y in range(0, int(most) + 1, 50)], "readings")
    for row in rows:
        chart.column(row["low"], row["high"], row["count"])
    chart.text(400, 24, "temperature in 40 bins of equal width, °C", "title")
    return chart.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
