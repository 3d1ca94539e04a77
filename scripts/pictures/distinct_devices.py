"""Draws docs/distinct_devices.svg, the devices of sample_data/ day by day.

python -m scripts.pictures.distinct_devices
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.bars import Bar, bars

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "distinct_devices.svg"


def draw() -> str:
    rows = api.run("distinct_devices", [ROOT / "sample_data"], per="day").to_pylist()
    return bars(
        "Devices that reported each day, and those lost since the day before",
        "A bar for each day: devices that reported before, new devices, and those lost. On March 31 eight devices of a "
        "test bench are new; on April 1 only one device is left, and sixteen are lost.",
        [
            Bar(f"{r['date']:%Y-%m-%d}", (r["devices"] - r["new"], r["new"], r["lost"]), f"{r['devices']} devices")
            for r in rows
        ],
        ("known", "new", "lost"),
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
