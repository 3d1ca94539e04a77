"""Draws docs/hadoop.svg, the way of a job on a Hadoop cluster.

python -m scripts.pictures.hadoop
"""

from __future__ import annotations

from pathlib import Path

from scripts.pictures.svg import Picture

TARGET = Path(__file__).resolve().parent.parent.parent / "docs" / "hadoop.svg"


def draw() -> str:
    picture = Picture(
        960,
        430,
        "A job on Hadoop",
        "The driver lists the log files over WebHDFS and plans splits. It puts plan, run and, once for each version, "
        "the suite as an archive into HDFS, then hands the job to YARN. Map containers take lines of the plan, open "
        "their ranges of the log files themselves over WebHDFS and send blocks of partial rows, as lines of text, "
        "through Hadoop's shuffle to reduce containers. Their result rows travel in lines of the job's output, which "
        "the driver reads back, merges and publishes.",
    )
    picture.box(20, 40, 160, 76, ("driver", "lists, pins, plans", "one split a line"))
    picture.frame(270, 16, 670, 120, "HDFS", indent=12)
    picture.box(290, 44, 190, 70, ("archive", "suite, mrjob, kernel:", "kept for later jobs"), "store")
    picture.box(510, 44, 190, 70, ("plan and run", "splits, dialects,", "time zones, tables"), "store")
    picture.box(730, 44, 190, 70, ("log files", "read by range,", "over WebHDFS"), "store")
    picture.arrow((180, 78), (268, 78))
    picture.text(224, 68, "WebHDFS")

    picture.frame(270, 190, 670, 130, "YARN", indent=12)
    picture.box(290, 222, 190, 76, ("map containers", "kernel, reference path,", "partials"), "core")
    picture.box(510, 222, 190, 76, ("Hadoop's shuffle", "blocks in lines,", "sorted by time"))
    picture.box(730, 222, 190, 76, ("reduce containers", "merge, finish:", "sorted runs"), "core")
    picture.arrow((480, 260), (508, 260))
    picture.arrow((700, 260), (728, 260))
    picture.arrow((385, 114), (385, 220))
    picture.arrow((605, 114), (605, 160), (420, 160), (420, 220))
    picture.arrow((825, 114), (825, 174), (455, 174), (455, 220))
    picture.arrow((100, 116), (100, 260), (268, 260))
    picture.text(184, 250, "hadoop jar")

    picture.box(510, 345, 190, 70, ("driver", "reads the output,", "merges the runs"))
    picture.box(20, 345, 190, 70, ("published result", "_SUCCESS names it", "all at once"), "store")
    picture.arrow((825, 298), (825, 380), (702, 380))
    picture.arrow((510, 380), (212, 380))
    picture.text(765, 370, "rows in lines")
    return picture.render()


if __name__ == "__main__":
    TARGET.write_text(draw(), "utf-8")
