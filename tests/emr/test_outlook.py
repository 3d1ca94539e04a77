"""A cluster follows from the plan: its size, its nodes, its disks, its time and its price."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.emr import nodes, outlook, prices, rates, telling
from jobs.emr.history import Entry
from jobs.emr.outlook import Outlook
from jobs.emr.work import MOST_NODES, Work
from jobs.lake.s3_reader import FIRST_RANGE, RANGE, _cut

GB, TB = 10**9, 10**12
PRICES = prices.load()
SHIPPED = rates.load()


def _work(size: int, job: str = "daily_stats", *, ordered: bool = False) -> Work:
    splits = max(1, min(800_000, size // (64 << 20)))
    return Work(job, max(1, size // GB), size, splits, ordered, 1, min(256, 1 + size // (128 << 20)))


def _outlook(
    work: Work, *, region: str = "us-east-1", architecture: str | None = None, max_nodes: int = MOST_NODES
) -> Outlook:
    return outlook.outlook(work, PRICES, SHIPPED, region=region, architecture=architecture, max_nodes=max_nodes)


def test_small_input_takes_one_node_and_its_primary() -> None:
    found = _outlook(_work(GB))
    assert [(fleet.role, fleet.nodes) for fleet in found.fleets] == [("primary", 1), ("core", 1)]
    assert (found.slots, found.map_tasks, found.reduce_tasks, found.waves) == (3, 3, 1, 1)
    network = 4 * 0.312 * 125  # MB/s of a c6g.xlarge, the slowest of those it may be
    assert found.seconds[0] == pytest.approx(300 + GB / 1e6 / network + 4 + 4)


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_few_nodes_are_no_larger_than_they_need_be(most: int) -> None:
    assert _outlook(_work(GB), max_nodes=most).fleets == _outlook(_work(GB)).fleets


def test_the_price_is_that_of_nodes_disks_and_requests() -> None:
    """A gigabyte by hand: the cheapest of core nodes is c6g, the dearest m7g, EMR adds a quarter."""
    found = _outlook(_work(GB))
    low, high = (seconds / 3600 for seconds in found.seconds)
    disks = (64 + 65) * 0.08 / 730
    requests = (14 * (2 + 9) * 0.0004 + 8 * 0.005) / 1000
    assert found.dollars[0] == pytest.approx(requests + low * (1.25 * (0.154 + 0.136) + disks))
    assert found.dollars[1] == pytest.approx(requests + high * (1.25 * (0.1632 + 0.1632) + disks))
    spent = nodes.spent(found, PRICES, found.seconds[1])
    assert spent == pytest.approx(found.dollars[1])


@pytest.mark.parametrize(
    ("size", "each"),
    [(FIRST_RANGE, 2), (FIRST_RANGE + 1, 3), (FIRST_RANGE + RANGE, 3), (64 << 20, 2 + 8), (125 * 10**6, 2 + 15)],
)
def test_a_split_is_read_in_ranges(size: int, each: int) -> None:
    """And each object's head may be asked for."""
    work = Work("daily_stats", 1, 100 * size, 100, partitions=0)
    asked = outlook.requests(work, {"s3_1000_get": 1000.0, "s3_1000_put": 0.0})
    assert asked == 100 * each
    assert asked == 100 * (1 + len(list(_cut(0, size))))


def test_larger_input_never_takes_fewer_nodes_or_less_money() -> None:
    found = [_outlook(_work(GB * 4**power)) for power in range(9)]
    capacity = [each.slots for each in found]
    assert capacity == sorted(capacity)
    assert [each.dollars for each in found] == sorted(each.dollars for each in found)
    assert all(each.nodes <= MOST_NODES for each in found)
    assert all(low <= high for each in found for low, high in (each.seconds, each.dollars))


def test_the_number_of_nodes_has_a_limit() -> None:
    few, many = _outlook(_work(100 * TB), max_nodes=10), _outlook(_work(100 * TB), max_nodes=80)
    assert (few.nodes, many.nodes) == (10, 80)
    assert few.seconds[0] > 4 * many.seconds[0]
    assert any(line.endswith("10 are the most") for line in few.limits)


def test_readings_in_the_shuffle_want_memory_disks_and_safer_nodes() -> None:
    merged, ordered = _outlook(_work(TB)), _outlook(_work(TB, "availability", ordered=True))
    assert {fleet.types[1].partition(".")[0] for fleet in merged.fleets[1:]} == {"c7g"}
    assert {fleet.types[1].partition(".")[0] for fleet in ordered.fleets[1:]} == {"r7g"}
    assert ordered.disks.volumes * ordered.disks.gb > 4 * merged.disks.volumes * merged.disks.gb
    assert merged.fleets[1].nodes / merged.nodes < ordered.fleets[1].nodes / ordered.nodes


def test_core_nodes_are_on_demand_and_task_nodes_spot() -> None:
    for fleet in _outlook(_work(TB)).fleets:
        assert (fleet.spot == 0) is (fleet.role != "task")
        assert (fleet.on_demand == 0) is (fleet.role == "task")
        assert len(set(fleet.types)) == len(fleet.types) >= 2


def test_the_primary_has_memory_for_the_daemons() -> None:
    assert not any(name.startswith("c") for name in _outlook(_work(100 * TB)).fleets[0].types)


def test_containers_have_a_limit() -> None:
    found = _outlook(_work(100 * TB))
    assert (found.map_tasks, found.lines, found.waves) == (20_000, 40, 32)
    assert found.limits[0].startswith("800,000 containers are more than an application master can follow")


def test_the_other_architecture() -> None:
    found = _outlook(_work(GB), architecture="x86_64")
    assert found.fleets[1].types == ("m7i.xlarge", "c7i.xlarge", "m6i.xlarge", "c6i.xlarge")
    assert found.dollars > _outlook(_work(GB)).dollars


def test_what_cannot_be_cut_takes_its_time() -> None:
    found = _outlook(replace(_work(TB), largest=200 * GB))
    assert found.seconds[0] > 200_000 / 85
    assert found.limits == (
        "one task reads 200 GB that cannot be cut, for 39 minutes: smaller or uncompressed objects would be faster",
    )


def test_tasks_that_the_user_wants_are_what_the_cluster_is_for() -> None:
    found = _outlook(replace(_work(100 * TB), tasks=32))
    assert (found.slots, found.map_tasks, found.reduce_tasks) == (35, 32, 32)


def test_compressed_input_takes_the_time_of_what_is_in_it() -> None:
    """Unless runs of the job on EMR say how long it takes."""
    plain = _work(TB, "availability", ordered=True)
    packed = replace(plain, packed=TB)
    more = SHIPPED.tables["shuffled"]["packed"]
    slower = [SHIPPED.of(work.job, work.bytes, readings=True, packed=work.packed).core_s for work in (plain, packed)]
    assert slower[1] == pytest.approx(more * slower[0])
    assert _outlook(packed).nodes > _outlook(plain).nodes
    assert "; 5.8 bytes of CSV in each of this input" in _outlook(packed).sources[0]
    seen = rates.load((_run(3600.0),))
    assert seen.of("daily_stats", TB, readings=False, packed=TB) == seen.of("daily_stats", TB, readings=False)


def test_input_that_is_read_twice_takes_twice() -> None:
    once, twice = _outlook(_work(TB)), _outlook(replace(_work(TB), passes=2))
    assert twice.seconds[0] == pytest.approx(2 * once.seconds[0])


def _run(seconds: float, size: int = TB, job: str = "daily_stats") -> Entry:
    return Entry("r", job, "2026-03-01", (1, 2), (1, 2), size, seconds + 300, 300, size, 1.0, 24)


def test_earlier_runs_are_believed_more_than_benchmarks() -> None:
    """The median of the last five of about this size; what is smaller is start-up, what is another job's no matter."""
    slow = [_run(1e5)] * 3
    last = [_run(4000.0), _run(5000.0), _run(6000.0), _run(7000.0), _run(8000.0)]
    seen = rates.load((*slow, *last, _run(9e5, GB), _run(9e5, TB, "rollup")))
    found = outlook.outlook(_work(TB), PRICES, seen, region="us-east-1")
    assert found.seconds[0] == pytest.approx(300 + 6000 * 24 / found.slots)
    assert found.sources[0] == "rate      6.94 MB/s a task: the median of its last 5 runs on EMR"
    other = outlook.outlook(_work(TB, "histogram"), PRICES, seen, region="us-east-1")
    assert "benchmark histogram50m/ours" in other.sources[0]


def test_a_job_that_was_never_measured_is_taken_for_the_slowest() -> None:
    rate, jobs = SHIPPED.of("extract", GB, readings=False), SHIPPED.tables["jobs"]
    slowest = min(jobs, key=lambda job: jobs[job]["mb_s"])
    assert rate.source.endswith(f", that of {slowest}, as extract has none")
    assert rate.core_s == max(SHIPPED.of(job, GB, readings=False).core_s for job in jobs)


def test_every_figure_states_its_source() -> None:
    said = "\n".join(_outlook(_work(TB), region="eu-central-1").sources)
    for word in ("rate", "reading", "container", "cluster", "range", "disks", "prices", "spot"):
        assert f"{word:<10}" in said
    assert "prices noted by hand, not compared with AWS's list, 2025" in said
    assert "check them before you rely on them" in said


def test_planned_and_actual_stand_side_by_side() -> None:
    found = _outlook(_work(TB))
    assert list(telling.compared(found, telling.Actual(2400.0, 420.0, 1_001 * GB, 0.7345))) == [
        "                  planned           actual",
        "time              27 min to 54 min  40 min",
        "  cluster's start 5 min             7 min",
        "bytes             1.0 TB            1.0 TB",
        "price             $0.47 to $1.41    $0.73",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89.0, "89 s"), (90.0, "2 min"), (5399.0, "90 min"), (5400.0, "1.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert telling.duration(seconds) == text


@pytest.mark.parametrize(("amount", "text"), [(0.004, "$0.00"), (12.345, "$12.35"), (1234.5, "$1,234")])
def test_dollars(amount: float, text: str) -> None:
    assert telling.dollars(amount) == text
