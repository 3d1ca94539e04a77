"""The properties of a run on Hadoop follow from its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.daily_stats import DailyStats
from jobs.engine.hadoop import jobconf
from jobs.engine.options import Settings
from jobs.engine.plan import Piece, Plan, Split
from jobs.engine.run import Run
from jobs.lake.storage import ObjectInfo

MB = 1 << 20
RUN = Run("daily_stats-1", "daily_stats", 0, Settings(("a",)), {}, (), "", 1, "inline", False)


def _conf(
    splits: int, size: int, tasks: int | None = None, partitions: int = 1, *, ordered: bool = False
) -> dict[str, Any]:
    piece = Piece(ObjectInfo("a", size, None, None), size)
    plan = Plan(tuple(Split(number, (piece,)) for number in range(splits)), size)
    run = replace(RUN, settings=replace(RUN.settings, tasks=tasks), partitions=partitions, ordered=ordered)
    found = jobconf(run, plan, cores=2)
    assert found.pop("mapreduce.job.name") == "daily_stats-1"
    return {name.rpartition(".")[2]: value for name, value in found.items()}


@pytest.mark.parametrize(
    ("given", "lines", "reduces", "small"),
    [
        ({"splits": 1, "size": MB}, 1, 1, True),
        ({"splits": 3, "size": MB}, 2, 1, True),  # two maps, as there are cores
        ({"splits": 3, "size": MB, "tasks": 3}, 1, 1, True),
        ({"splits": 40, "size": MB // 10, "tasks": 40}, 1, 1, False),  # more maps than uber mode takes
        ({"splits": 8, "size": MB}, 4, 1, False),
        ({"splits": 100, "size": 64 * MB, "partitions": 51}, 15, 7, False),  # 6.25 GB: a task for each
        ({"splits": 100, "size": 64 * MB, "partitions": 51, "ordered": True}, 15, 25, False),
        ({"splits": 100, "size": 64 * MB, "partitions": 51, "ordered": True, "tasks": 2}, 50, 2, False),
        ({"splits": 100, "size": 64 * MB, "partitions": 5}, 15, 5, False),
        ({"splits": 0, "size": MB}, 1, 1, True),
    ],
)
def test_jobconf(given: dict[str, Any], lines: int, reduces: int, small: bool) -> None:
    expected: dict[str, Any] = {"linespermap": lines, "reduces": reduces, "compress": "false"}
    assert _conf(**given) == expected | ({"enable": "true", "maps": 1} if small else {})


def test_what_a_user_asks_for_stands_above_it() -> None:
    compress = "mapreduce.map.output.compress"
    job = DailyStats(["-r", "hadoop", "--jobconf", f"{compress}=true"])
    job.prepare("hadoop", "plan", "run.json", "scratch", 1, 1, {compress: "false", "mapreduce.job.reduces": 1}, {})
    given = job._runner_kwargs()["jobconf"]
    assert (given[compress], given["mapreduce.job.reduces"]) == ("true", 1)
