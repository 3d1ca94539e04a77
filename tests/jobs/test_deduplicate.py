"""--deduplicate: exact repeats count once, on every engine, and the summary says how many there were."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from jobs import api
from jobs.daily_stats import DailyStats
from jobs.engine.driver import drive
from jobs.engine.mrjob_engine import MrjobEngine
from jobs.engine.options import Settings
from jobs.engine.settings import settings
from tests.command_line import result, run

HEADER = "timestamp,device_id,metric,unit,value\n"
FLAGS = ("--deduplicate", "--output-format", "csv")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """Logs with repeats within and across objects; the same without; and how many repeats there are."""
    chance = random.Random(4)
    spelled = {"0.0": 0.0, "-0.0": -0.0, "1": 1.0, "1.0": 1.0, "2.5": 2.5}
    lines = [
        f"2026-03-0{chance.randint(1, 3)}T0{chance.randint(0, 3)}:00:00Z,dev-{chance.randint(1, 9)},"
        f"{chance.choice(['t', 'h'])},{chance.choice(['', 'K'])},{chance.choice(list(spelled))}"
        for _ in range(3000)
    ]
    once: dict[tuple[str, str], str] = {}
    for line in lines:
        before, _, value = line.rpartition(",")
        once.setdefault((before, repr(spelled[value])), line)
    folder = tmp_path_factory.mktemp("repeats")
    for name, chosen in (("repeated", lines), ("distinct", list(once.values()))):
        (folder / name).mkdir()
        for i in range(3):
            (folder / name / f"{i}.csv").write_text(HEADER + "\n".join(chosen[i::3]) + "\n")
    return folder / "repeated", folder / "distinct", len(lines) - len(once)


@pytest.fixture(scope="module")
def expected(logs: tuple[Path, Path, int]) -> bytes:
    return result("jobs.daily_stats", logs[1], "--output-format", "csv")


@pytest.mark.parametrize(
    "flags",
    [
        ["-r", "inline"],
        ["-r", "local", "--tasks", "3", "--split-size", "7001"],
        pytest.param(["-r", "spark"], marks=[pytest.mark.spark, pytest.mark.slow]),
    ],
    ids=" ".join,
)
def test_repeats_count_once(logs: tuple[Path, Path, int], expected: bytes, flags: list[str]) -> None:
    done = run("jobs.daily_stats", logs[0], *FLAGS, *flags)
    assert done.stdout == expected
    assert f" · {logs[2]:,} repeats left out · ".encode() in done.stderr


@pytest.mark.spark
@pytest.mark.slow
def test_repeats_count_once_on_spark(logs: tuple[Path, Path, int], expected: bytes) -> None:
    done = run("jobs.spark.daily_stats", logs[0], *FLAGS, "--tasks", "3")
    assert done.stdout == expected
    assert f" · {logs[2]:,} repeats left out · ".encode() in done.stderr


class Regrouped(DailyStats):
    """daily_stats with a second shuffle, which changes nothing."""

    @classmethod
    def regroups(cls, settings: Settings) -> bool:
        return True


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_a_second_shuffle_changes_nothing(logs: tuple[Path, Path, int], engine: str) -> None:
    instance = Regrouped(args=["-r", engine, "--deduplicate", str(logs[0])])
    tables: list[pa.Table] = []
    chosen = settings(instance.options, Regrouped.OPTIONS, printed=True)
    outcome = drive(Regrouped, chosen, MrjobEngine(instance), lambda _, found: tables.extend(found))
    assert outcome.run.stages == 2
    assert outcome.report.repeats == logs[2]
    assert [t.to_pylist() for t in tables] == [api.run("daily_stats", [logs[1]]).to_pylist()]


def test_extract_refuses_it(logs: tuple[Path, Path, int]) -> None:
    done = run("jobs.extract", logs[0], "--deduplicate")
    assert done.returncode == 2
    assert done.stderr == b"error: --deduplicate: extract shows every reading; leave it out\n"


def test_readings_without_a_time_are_no_repeats_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "stations.txt").write_text("Hamburg;12.0\nHamburg;12.0\n")
    done = run("jobs.rollup", tmp_path / "stations.txt", "--dialect", "onebrc", "--window", "all", "--deduplicate")
    told = b"error: --dialect onebrc: --deduplicate needs readings with a time, and this dialect has none\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", told)
