"""Draws docs/site_stats.svg, the readings of each site of sample_data/ day by day.

python -m scripts.pictures.site_stats
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.bars import Bar, bars

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "site_stats.svg"


def draw() -> str:
    rows = api.run("site_stats", [ROOT / "sample_data"], metric="humidity").to_pylist()
    return bars(
        "Readings of humidity by site and day: a device moves south at noon of March 29",
        "A bar for each site and day. From March 30 on north has three devices and a quarter less readings, south has "
        "five and a quarter more.",
        [
            Bar(f"{row['site']} {row['date']:%m-%d}", (row["count"],), f"{row['count']} of {row['devices']} devices")
            for row in rows
        ],
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
