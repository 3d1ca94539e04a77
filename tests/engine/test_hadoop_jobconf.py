"""The properties of a run on Hadoop follow from its plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.daily_stats import DailyStats
from jobs.engine.hadoop import HadoopRunner, jobconf, memory
from jobs.engine.options import Settings
from jobs.engine.plan import Piece, Plan, Split
from jobs.engine.run import Run
from jobs.lake.storage import ObjectInfo

MB = 1 << 20
LEAN = "-XX:CompressedClassSpaceSize=64m -XX:ReservedCodeCacheSize=64m"
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


def _job(folder: Path, *options: str, compress: str = "true") -> DailyStats:
    """A job with a run's properties, of three reduce tasks, ready for a runner."""
    job = DailyStats(["-r", "hadoop", *options])
    for name in ("plan", "run.json"):
        (folder / name).touch()
    files = (str(folder / "plan"), str(folder / "run.json"), str(folder))
    conf = {"mapreduce.map.output.compress": compress, "mapreduce.job.reduces": 3}
    job.prepare("hadoop", *files, 1, 1, conf, {})
    return job


@pytest.mark.parametrize("place", ["option", "file"])
def test_what_a_user_asks_for_stands_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    compress, whole = "mapreduce.map.output.compress", "mapreduce.output.fileoutputformat.compress"
    conf = tmp_path / "mrjob.conf"
    conf.write_text(f"runners: {{hadoop: {{jobconf: {{{compress}: 'true', {whole}: 'true'}}}}}}")
    asked = ("--jobconf", f"{compress}=true") if place == "option" else ("--conf-path", str(conf))
    job = _job(tmp_path, *asked, compress="false")
    monkeypatch.setattr(HadoopRunner, "get_hadoop_version", lambda self: "3.4.1")
    given = job.make_runner()._jobconf_for_step(0)
    assert (given[compress], given["mapreduce.job.reduces"]) == ("true", "3")
    assert given[whole] == "false", "what comes back is read as text"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ((), "hdfs:///user/me/.sensor-jobs"),
        (("--hadoop-tmp-dir", "hdfs:///tmp/me"), "hdfs:///tmp/me"),
        (("--hadoop-tmp-dir", "hdfs:///data/runs/"), "hdfs:///data/runs"),
    ],
)
def test_archives_stay_in_the_folder_that_a_user_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: tuple[str, ...], place: str
) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", "me")
    assert _job(tmp_path, *given).make_runner()._home == place


@pytest.mark.parametrize(
    ("site", "ordered", "expected"),
    [
        ({}, False, {"map": 1408, "reduce": 1408}),
        ({"map": 2048}, False, {"reduce": 1408}),
        ({"map": 2048, "reduce": 4096}, True, {"map": 3072}),
        ({"map": 8192, "reduce": 8192}, True, {}),
    ],
)
def test_a_cluster_elsewhere_gives_no_less_memory_than_tasks_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: dict[str, int], ordered: bool, expected: dict[str, int]
) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    given = {"core": {"fs.defaultFS": "hdfs://elsewhere:8020"}}
    given["mapred"] = {f"mapreduce.{role}.memory.mb": str(size) for role, size in site.items()}
    for name, properties in given.items():
        lines = (f"<property><name>{k}</name><value>{v}</value></property>" for k, v in properties.items())
        (tmp_path / f"{name}-site.xml").write_text(f"<configuration>{''.join(lines)}</configuration>")
    found = memory(replace(RUN, ordered=ordered))
    sizes = {role: int(found.get(f"mapreduce.{role}.memory.mb", 0)) for role in ("map", "reduce")}
    assert {role: size for role, size in sizes.items() if size} == expected
    assert {found[f"mapreduce.{role}.java.opts"] for role in expected} <= {
        f"-Xmx{heap}m {LEAN}" for heap in (469, 1024)
    }
    monkeypatch.setenv("JOBS_WEBHDFS", "http://127.0.0.1:9870")
    assert memory(replace(RUN, ordered=ordered)) == {}, "a cluster on this machine says what there is"
