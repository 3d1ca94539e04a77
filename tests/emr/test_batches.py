"""Jobs that share a cluster: planned together, each kept as a measure for its own next plan, paid for once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.daily_stats import DailyStats
from jobs.emr import batches, history, nodes, outlook, prices, rates
from jobs.emr.history import Entry
from jobs.emr.outlook import Outlook
from jobs.emr.work import Work
from jobs.engine import emr_batch
from jobs.engine.emr_batch import _Shared
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.job import SensorJob
from jobs.histogram import Histogram
from tests.emr.test_outlook import GB, PRICES, SHIPPED, TB, _outlook, _work
from tests.emr.test_spending import LAKE, Rehearsed
from tests.outcomes.commands import told


def _together(each: Sequence[Outlook]) -> tuple[Outlook, tuple[Outlook, ...]]:
    return batches.together(each, PRICES, SHIPPED)


def test_jobs_one_after_the_other_share_the_larger_containers() -> None:
    each = [_outlook(_work(TB)), _outlook(_work(TB, "availability", ordered=True))]
    found, _ = _together(each)
    assert (found.memory_mb, found.fleets) == (each[1].memory_mb, each[1].fleets)
    assert found.disks == each[1].disks
    assert [name for name, _ in found.parts] == ["start", "daily_stats", "availability"]
    assert found.seconds[0] == pytest.approx(sum(one.seconds[0] for one in each) - 300)
    assert each[1].dollars < found.dollars
    alone, _ = _together(each[:1])
    assert alone.seconds == pytest.approx(each[0].seconds)
    assert alone.dollars == pytest.approx(each[0].dollars)
    assert alone.sources == each[0].sources


def test_each_has_its_part_of_the_cluster() -> None:
    """What all take is the start and what each does; all read as often as each."""
    each = [_outlook(replace(_work(TB), passes=2)), _outlook(_work(TB, "availability", ordered=True))]
    found, parts = _together(each)
    for number, start in enumerate((300, 600)):
        assert found.seconds[number] == pytest.approx(start + sum(part.seconds[number] for part in parts))
    assert [part.parts[0] for part in parts] == [("start", 0.0)] * 2
    assert [sum(seconds for _, seconds in part.parts) for part in parts] == pytest.approx([p.seconds[0] for p in parts])
    assert {(part.fleets, part.slots) for part in parts} == {(found.fleets, found.slots)}
    asked = [outlook.requests(one.work, PRICES.region("us-east-1")) for one in (found, *each)]
    assert asked[0] == pytest.approx(sum(asked[1:]))
    hour = nodes.spent(found, PRICES, 3600.0) - asked[0]
    shares = [nodes.spent(part, PRICES, 1800.0) - requests for part, requests in zip(parts, asked[1:], strict=True)]
    assert sum(shares) == pytest.approx(hour)


def test_a_part_is_dealt_to_the_shared_cluster() -> None:
    """Two gigabytes are three map tasks on four vCPU, and more on more."""
    small = _outlook(_work(2 * GB))
    large = _outlook(replace(_work(40 * GB, "availability", ordered=True)))
    assert (small.map_tasks, small.slots) == (3, 3)
    _, parts = _together([small, replace(large, slots=16)])
    assert (parts[0].map_tasks, parts[0].lines, parts[0].waves) == (15, 2, 1)


def test_every_rate_states_its_source_and_all_limits_are_told() -> None:
    each = [_outlook(_work(100 * TB)), _outlook(_work(100 * TB, "availability", ordered=True))]
    found, _ = _together(each)
    heads = [line.split(":")[0] for line in found.sources]
    assert heads[:2] == ["rate      daily_stats", "rate      availability"]
    assert [head.split()[0] for head in heads[2:]] == [line.split()[0] for line in each[0].sources[1:]]
    assert set(found.limits) == {limit for one in each for limit in one.limits}
    assert len(found.limits) == len(set(found.limits))


def _entry(job: str, seconds: float, start: float, *, run: str, batch: str = "", dollars: float = 1.0) -> Entry:
    return Entry(run, job, "2026-03-01", (1, 2), (1, 2), TB, seconds, start, TB, dollars, 24, batch)


def test_a_job_of_a_batch_is_a_measure_and_the_batch_is_none() -> None:
    kept = (
        _entry("daily_stats", 4500.0, 500.0, run="a", batch="b"),
        _entry("rollup", 8000.0, 0.0, run="c", batch="b"),
        _entry("batch", 12_500.0, 500.0, run="b", dollars=3.0),
    )
    seen = rates.load(kept)
    found = [seen.of(job, TB, readings=False) for job in ("daily_stats", "rollup")]
    assert [rate.task_mb_s for rate in found] == pytest.approx([1e6 / 4000 / 24, 1e6 / 8000 / 24])
    assert not seen.of("histogram", TB, readings=False).is_seen
    assert history.total(kept) == pytest.approx(3.0)
    assert history.total(kept[:1]) == pytest.approx(1.0)


@pytest.fixture
def kept(folder: Path) -> Path:
    """Where runs are kept."""
    return folder / "cache" / "sensor-jobs" / "emr"


@pytest.mark.s3
def test_the_first_waits_for_the_cluster_which_is_no_time_of_its_work(kept: Path) -> None:
    first = EmrEngine(DailyStats(args=["-r", "emr", LAKE]))
    _, (part, _) = first.together([first.plan_for(_work(TB)), first.plan_for(_work(TB, "availability", ordered=True))])
    shared = _Shared(DailyStats(args=["-r", "emr", LAKE]), part, "b", first)
    began = datetime.now(UTC)
    shared._begun = began.timestamp()
    states = SimpleNamespace(start_seconds=430.0, began=began + timedelta(seconds=400))
    shared.ended(SimpleNamespace(states=states))
    assert shared.began == 430.0
    account = shared.told("a", "daily_stats", began, shared._seconds + 2400.0, shared._start_seconds, TB)
    assert account is not None
    assert account.spent == pytest.approx(nodes.spent(part, prices.load(), 2000.0))
    [entry] = history.read(kept)
    assert (entry.batch, entry.slots, entry.planned_seconds) == ("b", part.slots, part.seconds)
    assert entry.seconds == pytest.approx(2000.0)
    assert entry.slot_mb_s == pytest.approx(1e6 / 2000 / part.slots)


class Part(_Shared, Rehearsed):
    """A job of a batch that runs here, and waits for nothing."""

    def ended(self, runner: Any) -> None:
        super().ended(SimpleNamespace(states=SimpleNamespace(start_seconds=0.0, began=None)))


def _here(
    starter: SensorJob, first: EmrEngine, parts: Sequence[Part], own: Mapping[str, Any], scratch: Path
) -> tuple[list[int], float]:
    """The cluster is there at once."""
    first.spends = True
    return [part.run_on("j-1") for part in parts], 0.001


@pytest.mark.slow
@pytest.mark.s3
def test_a_batch_is_kept_with_its_jobs_and_counts_once(
    folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(emr_batch, "_Shared", Part)
    monkeypatch.setattr(emr_batch, "_follow", _here)
    arguments = [LAKE, "--yes", "--bins", "4", "--output-dir", "s3://lake/out"]
    assert emr_batch.run([Histogram], arguments) == 0
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()[-5:]] == [
        "planned",
        "time",
        "cluster's",
        "bytes",
        "price",
    ]
    job, batch = history.read(kept)
    size = (folder / "log.csv").stat().st_size
    assert (job.job, job.batch, batch.job, batch.batch) == ("histogram", batch.run, "batch", "")
    assert (job.bytes, batch.bytes, batch.planned_bytes) == (2 * size, 2 * size, size)
    assert batch.planned_seconds[0] == pytest.approx(300 + job.planned_seconds[0])
    assert history.total([job, batch]) == batch.dollars
    shown = told(folder, "costs", module="jobs.emr").output.splitlines()
    assert [line.split("  ")[0] for line in shown] == ["job", "histogram (batch)", "batch", "total"]
    planned = told(folder, LAKE, "-r", "emr", "--bins", "4", "--dry-run", module="jobs.histogram")
    assert "MB/s a task: its last run on EMR" in planned.output
    assert emr_batch.run([Histogram], [*arguments, "--overwrite", "--quiet"]) == 0
    assert "planned" not in capsys.readouterr().err


@pytest.mark.s3
def test_a_batch_of_which_nothing_came_has_failed(folder: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(starter: SensorJob, first: EmrEngine, *_: object) -> tuple[list[int], float]:
        """Each of the jobs fails."""
        first.spends = True
        return [4, 1], 1.0

    monkeypatch.setattr(emr_batch, "_Shared", Part)
    monkeypatch.setattr(emr_batch, "_follow", none)
    assert emr_batch.run([DailyStats], [LAKE, "--yes", "--output-dir", "s3://lake/out"]) == 4
    [batch] = history.read(kept)
    assert (batch.job, batch.failed, batch.bytes) == ("batch", True, 0)


def test_what_is_shared_is_the_same_input() -> None:
    """By which the whole counts what all of them read."""
    work = Work("daily_stats", 10, 10 * GB, 160, partitions=8)
    found, _ = _together([_outlook(work), _outlook(replace(work, job="rollup", partitions=9))])
    assert (found.work.passes, found.work.partitions, found.work.bytes) == (2, 17, 10 * GB)
