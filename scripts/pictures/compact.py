"""Draws docs/compact.svg, the bytes of sample_data/ by day before and after.

python -m scripts.pictures.compact
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path

from jobs import api
from jobs.lake.published import read_published
from scripts.pictures.bars import Bar, bars

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "compact.svg"


def draw() -> str:
    with tempfile.TemporaryDirectory() as folder:
        api.run("compact", [ROOT / "sample_data" / "readings"], output_dir=f"{folder}/lake")
        manifest = read_published(f"{folder}/lake")
    before: Counter[str] = Counter()
    for one in manifest.provenance["objects"]:
        before[_day(one["uri"])] += one["size"]
    after: Counter[str] = Counter()
    for part in manifest.parts:
        after[_day(part.name)] += part.size
    rows = []
    for day in sorted({*before, *after}):
        rows.append(Bar(f"{day}  logs", (before[day],), f"{before[day] / 1e3:.1f} kB"))
        rows.append(Bar("sorted Parquet", (0, after[day]), f"{after[day] / 1e3:.1f} kB"))
    return bars(
        "The sample's readings by day: logs as they arrived, and compacted",
        "Two bars a day: the bytes of the logs in the folder of that day of arrival, some of them compressed, and "
        "those of the sorted Parquet files that hold the day's readings.",
        rows,
    )


def _day(name: str) -> str:
    found = re.search(r"dt=(\d{4}-\d{2}-\d{2})", name)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
