"""Draws docs/correlations.svg, what moves together on one device of sample_data/.

python -m scripts.pictures.correlations
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.bars import Bar, bars

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "correlations.svg"


def draw() -> str:
    rows = api.run("correlations", [ROOT / "sample_data"], device="north-0003").to_pylist()
    rows = [row for row in rows if row["r"] is not None]
    return bars(
        "What moves together on north-0003: correlations of hourly means",
        "Bars of the strength of the correlation of each pair of metrics of a device, one colour for those that "
        "rise together and one for those of which one falls as the other rises.",
        [
            Bar(
                f"{row['metric_1']}, {row['metric_2']}",
                (max(row["r"], 0.0), max(-row["r"], 0.0)),
                f"r = {row['r']:.2f}",
            )
            for row in sorted(rows, key=lambda row: -abs(row["r"]))
        ],
        ("rise together", "one falls"),
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
