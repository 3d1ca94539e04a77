"""Draws docs/availability.svg: when the sample's sensors were there, from what the job prints of them.

python -m scripts.pictures.availability
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jobs import api
from scripts.pictures.svg import Picture

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "availability.svg"
BEGIN, DAYS = datetime(2026, 3, 27, tzinfo=UTC), 5
LEFT, TOP, DAY, ROW = 170, 56, 132, 30
GREEN, RED = "#2da44e", "#cf222e"
ASKED: dict[str, Any] = {"interval": "15m", "gap_after": "30m"}


def draw() -> str:
    chosen: dict[str, Any] = {"device": ["garden", "north-000?"], "metric": "temperature"}
    days = api.run("availability", [ROOT / "sample_data"], **ASKED, **chosen).to_pylist()
    gaps = api.run("availability", [ROOT / "sample_data"], show="gaps", **ASKED, **chosen).to_pylist()
    devices = sorted({row["device_id"] for row in days if row["expected"] > 1})
    picture = Picture(
        LEFT + DAYS * DAY + 30,
        TOP + len(devices) * ROW + 40,
        "When the sample's temperature sensors were there",
        "A line for each device, with its days as green bars as wide as their completeness, and its gaps in red.",
    )
    picture.text(LEFT, 22, "green: completeness of the day · red: gaps, where they were", anchor="start")
    for day in range(DAYS):
        picture.text(LEFT + day * DAY + DAY // 2, TOP - 8, f"{BEGIN + timedelta(days=day):%Y-%m-%d}")
    for line, device in enumerate(devices):
        y = TOP + line * ROW
        picture.text(LEFT - 12, y + 15, device, "code", "end")
        for row in days:
            if row["device_id"] == device and row["completeness"] is not None and row["expected"] > 1:
                day = (row["date"] - BEGIN.date()).days
                picture.bar(LEFT + day * DAY + 1, y, round((DAY - 2) * row["completeness"] / 100), 12, GREEN)
        for row in gaps:
            if row["device_id"] == device:
                at = (row["start"] - BEGIN) / timedelta(days=1)
                picture.bar(LEFT + round(at * DAY), y + 14, max(round(row["seconds"] / 86_400 * DAY), 1), 6, RED)
    return picture.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
