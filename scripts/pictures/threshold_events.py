"""Draws docs/threshold_events.svg, a temperature of sample_data/ and when it exceeded its limit.

python -m scripts.pictures.threshold_events
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jobs import api
from scripts.pictures.bars import COLOURS
from scripts.pictures.svg import Picture

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "threshold_events.svg"
LIMIT = 12
LEFT, RIGHT, TOP, BOTTOM = 40, 750, 40, 220
BEGIN = datetime(2026, 3, 28, tzinfo=UTC)


def draw() -> str:
    inputs, metric = [ROOT / "sample_data" / "wide"], "temperature"
    events = api.run("threshold_events", inputs, above=LIMIT, hysteresis=1, metric=metric).to_pylist()
    readings = api.run("extract", inputs, metric=metric).to_pylist()
    picture = Picture(
        760,
        250,
        f"A garden's temperature, and when it was above {LIMIT} °C",
        f"A line of the temperature over two days in spring, and above it a bar for each event: {len(events)} nights "
        f"in which the temperature exceeded {LIMIT} degrees.",
    )
    picture.text(12, 24, picture.title, "title", "start")
    picture.line([(LEFT, _y(LIMIT)), (RIGHT, _y(LIMIT))], COLOURS[2])
    picture.text(LEFT - 6, round(_y(LIMIT)) + 4, str(LIMIT), "small", "end")
    picture.line([(_x(r["timestamp"]), _y(r["value"])) for r in readings], COLOURS[0])
    for event in events:
        start, end = round(_x(event["start"])), round(_x(event["end"]))
        picture.bar(start, TOP + 4, end - start, 8, COLOURS[1])
        middle = min((start + end) // 2, RIGHT - 50)
        picture.text(middle, TOP + 28, f"{event['seconds'] / 3600:.1f} h, peak {event['peak']:.1f} °C")
    for day in (28, 29):
        picture.text(round(_x(datetime(2026, 3, day, 12, tzinfo=UTC))), 242, f"2026-03-{day}")
    return picture.render()


def _x(time: datetime) -> float:
    return LEFT + (time - BEGIN).total_seconds() / (2 * 86_400) * (RIGHT - LEFT)


def _y(value: float) -> float:
    return BOTTOM - value / 22 * (BOTTOM - TOP)


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
