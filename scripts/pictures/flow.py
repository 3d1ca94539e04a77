"""Draws docs/flow.svg, the way of a reading from log object to published row.

python -m scripts.pictures.flow
"""

from __future__ import annotations

from pathlib import Path

from scripts.pictures.svg import Picture

TARGET = Path(__file__).resolve().parent.parent.parent / "docs" / "flow.svg"


def flow() -> str:
    picture = Picture(
        960,
        500,
        "How a run flows",
        "The driver lists the log objects and plans splits. Each map task opens its splits itself: the C kernel "
        "parses the lines it is certain of, the reference path all others, and batches of columns become partial "
        "rows. The shuffle carries blocks of partial rows, by a hash of their key, to reduce tasks, which merge "
        "and finish them into sorted runs. The driver merges the runs and publishes the result whole, with its "
        "provenance; rejects go beside it. The Spark twin shares plan, parsing, finish and writer, but Spark "
        "itself groups.",
    )
    picture.box(20, 40, 150, 76, ("log objects", "files, s3://", "csv json parquet isd"), "store")
    picture.box(230, 40, 150, 76, ("driver", "lists, pins, plans", "one split a line"))
    picture.arrow((170, 78), (228, 78))

    picture.frame(20, 160, 560, 210, "map task: opens its splits itself, block by block", indent=56)
    picture.box(40, 200, 150, 64, ("read_part", "1 MiB blocks", "rejects keep their place"), "core")
    picture.box(230, 190, 150, 60, ("kernel", "lines it is certain of"), "core")
    picture.box(230, 290, 150, 60, ("reference path", "every other line"), "core")
    picture.box(430, 225, 130, 76, ("partials", "exact sums,", "counts, sketches"), "core")
    picture.arrow((305, 116), (305, 138), (60, 138), (60, 198))
    picture.text(180, 132, "splits")
    picture.arrow((190, 220), (228, 220))
    picture.arrow((190, 244), (210, 244), (210, 320), (228, 320))
    picture.arrow((380, 220), (405, 220), (405, 252), (428, 252))
    picture.arrow((380, 320), (405, 320), (405, 276), (428, 276))
    picture.text(495, 214, "columns, 65,536 rows")

    picture.box(630, 225, 120, 76, ("shuffle", "Arrow blocks", "by hash of the key"))
    picture.arrow((560, 263), (628, 263))
    picture.box(800, 225, 140, 76, ("reduce task", "merge, finish:", "one sorted run"), "core")
    picture.arrow((750, 263), (798, 263))

    picture.box(800, 400, 140, 76, ("published result", "_SUCCESS names it", "all at once"), "store")
    picture.box(600, 400, 150, 76, ("driver", "merges the runs", "same bytes always"))
    picture.arrow((870, 301), (870, 350), (675, 350), (675, 398))
    picture.arrow((750, 438), (798, 438))
    picture.box(40, 400, 140, 76, ("rejects", "object, offset,", "reason, raw text"), "store")
    picture.arrow((110, 264), (110, 398))

    picture.box(630, 40, 310, 76, ("Spark twin", "shares plan, parsing, finish and writer;", "Spark itself groups"))
    picture.arrow((380, 78), (628, 78))
    return picture.render()


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(flow(), "utf-8")
