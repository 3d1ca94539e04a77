"""Draws docs/data_quality.svg, the days of sample_data/ that have faults.

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
        counts = days.setdefault((row["device_id"], str(row["date"])), [0] * 4)
        for place, name in enumerate(("readings", *SHOWN)):
            counts[place] += row[name]
    return bars(
        "Days of the sample whose readings have faults",
        "Bars of the readings out of order, duplicates and conflicts of each device and day that has some: most by far"
        " are those of two devices whose clocks jumped.",
        [
            Bar(f"{device}, {date}", tuple(faults), f"{sum(faults)} of {readings}")
            for (device, date), (readings, *faults) in sorted(days.items())
            if sum(faults)
        ],
        [name.replace("_", " ") for name in SHOWN],
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
