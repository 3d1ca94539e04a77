"""Draws docs/data_quality.svg, the faults of the worst days of sample_data/.

python -m scripts.pictures.data_quality
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.bars import Bar, bars

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "data_quality.svg"
SHOWN = ("out_of_order", "duplicates", "conflicts")


def draw() -> str:
    rows = api.run("data_quality", [ROOT / "sample_data"]).to_pylist()
    days: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        counts = days.setdefault((row["device_id"], str(row["date"])), [0] * len(SHOWN))
        for place, name in enumerate(SHOWN):
            counts[place] += row[name]
    return bars(
        "Days of the sample whose readings have faults",
        "Bars of the readings out of order, duplicates and conflicts of each device and day that has some: most by far"
        " are those of two devices whose clocks jumped.",
        [
            Bar(f"{device}, {date}", tuple(counts), f"{sum(counts)} readings")
            for (device, date), counts in sorted(days.items())
            if sum(counts)
        ],
        [name.replace("_", " ") for name in SHOWN],
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
