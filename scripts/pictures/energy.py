"""Draws docs/energy.svg, a day's energy of each device of sample_data/.

python -m scripts.pictures.energy
"""

from __future__ import annotations

from pathlib import Path

from jobs import api
from scripts.pictures.bars import Bar, bars

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "energy.svg"


def draw() -> str:
    inputs = [ROOT / "sample_data"]
    rows = api.run("energy", inputs, power_unit="W", since="2026-03-28", until="2026-03-29").to_pylist()
    return bars(
        "Energy of March 28, by device, and its peak demand over 15 minutes",
        "Bars of the kilowatt-hours that each device of the sample used on March 28, all between 5 and 7.",
        [
            Bar(row["device_id"], (row["energy"],), f"{row['energy']:.2f} kWh, {row['peak_demand']:.0f} W")
            for row in rows
        ],
    )


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
