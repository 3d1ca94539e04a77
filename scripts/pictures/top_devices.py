"""Draws docs/top_devices.svg, the warmest devices of sample_data/.

python -m scripts.pictures.top_devices
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.bars import Bar, bars

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "top_devices.svg"


def draw() -> str:
    rows = api.run("top_devices", [ROOT / "sample_data"], metric="temperature", statistic="max", top="8").to_pylist()
    rows = [row for row in rows if row["unit"] is None]
    return bars(
        "The eight highest temperatures, by device",
        "Eight bars, the longest first: the highest temperature that each device of the sample measured.",
        [Bar(f"{row['rank']}. {row['device_id']}", (row["max"],), f"{row['max']:.2f}") for row in rows],
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
