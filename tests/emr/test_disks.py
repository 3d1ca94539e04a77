"""What is shuffled has room on the nodes' disks, on volumes that EMR and EBS have."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from jobs.compact import Compact
from jobs.daily_stats import DailyStats
from jobs.emr import batches, cluster, disks, nodes, outlook, prices, rates, telling
from jobs.emr.outlook import Outlook
from jobs.emr.work import MOST_NODES, Work
from jobs.engine.driver import make_plan, work
from jobs.engine.mrjob_engine import engine_of
from jobs.engine.settings import settings
from jobs.extract import Extract

GB, TB = 10**9, 10**12
ORDERED, PARTIALS = "availability", "daily_stats"
MEASURED = {ORDERED: {"mb_s": 64.2, "source": "here"}, PARTIALS: {"mb_s": 368.3, "source": "here"}}
RATES = replace(rates.load(), tables={**rates.load().tables, "jobs": MEASURED})  # benchmarks are run anew
QUOTA = (
    "disks have {:,} TiB together, and an account 50 where AWS has not raised its quota of gp3 (L-7A658B76): ask for"
    " more, or run it for fewer days at a time"
)


def planned(size: int, job: str, *, max_nodes: int = MOST_NODES, rows: bool = False, packed: int = 0) -> Outlook:
    splits = max(1, min(800_000, size // (64 << 20)))
    made = Work(job, max(1, size // GB), size, splits, job == ORDERED, partitions=min(256, 1 + size // (128 << 20)))
    made = replace(made, rows=rows, packed=packed)
    return outlook.outlook(made, prices.load(), RATES, region="us-east-1", max_nodes=max_nodes)


@pytest.mark.parametrize(
    ("size", "job", "shuffled", "volumes", "gb", "mb_s"),
    [
        (GB, PARTIALS, 0.06 * GB, 1, 65, 131),
        (GB, ORDERED, 0.55 * GB, 1, 67, 131),
        (TB, PARTIALS, 60 * GB, 1, 114, 131),
        (TB, ORDERED, 550 * GB, 2, 229, 148),
        (100 * TB, PARTIALS, 6 * TB, 5, 163, 594),
        (100 * TB, ORDERED, 55 * TB, 7, 992, 594),
    ],
)
def test_disks_hold_what_is_shuffled(size: int, job: str, shuffled: float, volumes: int, gb: int, mb_s: int) -> None:
    """By hand: three copies, one and a half times as much on the fullest node, disks at most 90% full."""
    found = planned(size, job)
    made = found.disks
    assert made.shuffled == pytest.approx(shuffled)
    wanted = 64 + math.ceil(shuffled / found.nodes * 3 * 1.5 / 0.9 / 1e9)
    assert (made.volumes, made.gb, round(made.mb_s)) == (volumes, gb, mb_s)
    assert 0 <= volumes * gb - wanted < volumes
    for fleet in found.fleets[1:]:
        assert (fleet.volumes, fleet.ebs_gb) == (volumes, gb)


@pytest.mark.parametrize("size", [GB * 4**power for power in range(10)])
@pytest.mark.parametrize("nodes", [1, 10, 40, 400, 1000])
def test_volumes_are_those_that_there_are(size: int, nodes: int) -> None:
    """EMR documents 1 to 1024 GiB for each of at most 25 volumes; EBS starts 2500 at once."""
    found = planned(size, ORDERED, max_nodes=nodes)
    for fleet in cluster.options(found, "s3://lake/", {})["instance_fleets"][1:]:
        for kind in fleet["InstanceTypeConfigs"]:
            (volume,) = kind["EbsConfiguration"]["EbsBlockDeviceConfigs"]
            assert volume["VolumeSpecification"] == {"VolumeType": "gp3", "SizeInGB": found.disks.gb}
            assert 10 <= found.disks.gb <= 1024
            assert 1 <= volume["VolumesPerInstance"] <= 25
    assert found.nodes * found.disks.volumes <= 2500


def test_a_node_carries_no_more_than_its_link() -> None:
    """The least baseline among the types that clusters may be made of, of each size."""
    kept = resources.files("moto") / "ec2" / "resources" / "instance_types.json.gz"
    known = json.loads(gzip.decompress(kept.read_bytes()))
    for size, vcpu in prices.load().tables["sizes"].items():
        mbit = [
            known[f"{family}.{size}"]["EbsInfo"]["EbsOptimizedInfo"]["BaselineBandwidthInMbps"]
            for family in prices.load().tables["families"]
        ]
        assert disks.EBS_MB_S * vcpu == pytest.approx(min(mbit) / 8, rel=0.01)


def test_what_is_too_much_is_told() -> None:
    assert [line for line in planned(TB, ORDERED).limits if "disks" in line or "volumes" in line] == []
    assert QUOTA.format(271) in planned(100 * TB, ORDERED).limits
    few = planned(100 * TB, ORDERED, max_nodes=10)
    assert (few.disks.volumes, few.disks.gb) == (25, 1024)
    assert (
        "what is shuffled may want 1,965 GB more than the 25 volumes that EMR gives a node: run it for fewer days at a"
        " time" in few.limits
    )


def test_slow_disks_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tasks are faster than what they shuffle is written."""
    fast = planned(TB, ORDERED)
    assert not [line for line in fast.limits if line.startswith("tasks wait ")]
    monkeypatch.setattr(disks, "EBS_MB_S", 8.0)
    slow = planned(TB, ORDERED)
    assert dict(slow.parts)["reduce"] == pytest.approx(slow.disks.seconds / 2)
    assert slow.seconds[0] > 2 * fast.seconds[0]
    (told,) = [line for line in slow.limits if line.startswith("tasks wait ")]
    assert told.endswith(" minutes for disks of 32 MB/s a node: more nodes are faster")


def test_compressed_readings_shuffle_what_is_in_them() -> None:
    plain, packed = planned(TB, ORDERED), planned(TB, ORDERED, packed=TB)
    assert packed.disks.shuffled == pytest.approx(5.8 * plain.disks.shuffled)


def test_disks_are_paid_for() -> None:
    ordered = planned(TB, ORDERED)
    larger = replace(ordered, fleets=tuple(replace(fleet, volumes=2 * fleet.volumes) for fleet in ordered.fleets))
    more = nodes.spent(larger, prices.load(), 3600.0) - nodes.spent(ordered, prices.load(), 3600.0)
    assert more == pytest.approx((64 + 7 * 2 * 229) * 0.08 / 730)


def test_the_plan_shows_disks_and_why() -> None:
    lines = list(telling.lines(planned(TB, ORDERED)))
    assert lines[2].endswith(", on demand, 2 × 229 GB of disk each")
    assert "disks     550 GB shuffled, 3 copies, up to 1.5 times as much on a node: 458 GB each, at 148 MB/s" in lines
    assert (
        "  disks     0.06 bytes shuffled for each of CSV, 0.55 where readings are, 5.8 times as many of gzip or"
        " Parquet: docs/compare.md, compact.md" in lines
    )


def test_jobs_one_after_the_other_have_room_for_the_most() -> None:
    """Also where the cluster is as another of them wants it."""
    plans = [planned(TB, ORDERED), planned(TB, "compact", rows=True)]
    found, _ = batches.together(plans, prices.load(), RATES)
    assert found.fleets[0] == plans[0].fleets[0]
    assert found.nodes == plans[0].nodes
    assert found.disks.copies == 4
    assert {(fleet.volumes, fleet.ebs_gb) for fleet in found.fleets[1:]} == {(found.disks.volumes, found.disks.gb)}
    assert found.disks.volumes * found.disks.gb > plans[0].disks.volumes * plans[0].disks.gb


def test_what_is_shuffled_follows_from_job_and_options(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    lake = ("--output-dir", str(tmp_path / "lake"))
    for job, options, shuffles in (
        (DailyStats, (), "partials"),
        (DailyStats, ("--deduplicate",), "ordered"),
        (Extract, (), "rows"),
        (Compact, (), "partials"),
        (Compact, lake, "rows"),
        (Compact, (*lake, "--deduplicate"), "twice"),
    ):
        made = job(args=[str(tmp_path), *options])
        chosen = settings(made.options, job.OPTIONS)
        plan, _ = make_plan(chosen, engine_of(made))
        found = work(job, chosen, plan)
        assert found.shuffles == shuffles, (job, options)
        assert (found.readings, found.packed) == (shuffles != "partials", (tmp_path / "b.csv.gz").stat().st_size)
