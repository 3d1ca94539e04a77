"""distinct_devices: against sets, and the same bytes however it is run."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs import api
from jobs.distinct_devices import DistinctDevices
from jobs.engine import tasks
from jobs.engine.options import Settings
from jobs.engine.run import Run
from jobs.lake.runs import in_order
from jobs.partials import presence
from tests.command_line import Twin, result, run

JOB, TWIN = "jobs.distinct_devices", "jobs.spark.distinct_devices"
SAMPLE = Path("sample_data")


def log(path: Path, days: dict[int, str], metric: str = "m") -> Path:
    lines = [f"2026-03-{day:02d}T10:00:00Z,{device},{metric},1" for day, devices in days.items() for device in devices]
    path.write_text("\n".join(["timestamp,device_id,metric,value", *lines]) + "\n")
    return path


def rows(*inputs: Path, **options: Any) -> list[tuple[Any, ...]]:
    table = api.run("distinct_devices", list(inputs), **options)
    return [tuple(d.day if isinstance(d, date) else d for d in row.values()) for row in table.to_pylist()]


def test_known_answers(tmp_path: Path) -> None:
    """a stays away on the 2nd and comes back; b is lost on the 3rd; nobody is there on the 4th and the 5th."""
    path = log(tmp_path / "log.csv", {1: "ab", 2: "b", 3: "ac", 6: "a"})
    expected = [(1, 2, 2, 0, 0), (2, 1, 0, 0, 1), (3, 2, 1, 1, 1), (4, 0, 0, 0, 2), (6, 1, 0, 1, 0)]
    assert rows(path, per="day") == expected
    assert rows(path) == [("m", *row) for row in expected]
    assert rows(path, per="day", method="hll") == [(day, n, None, None, None) for day, n, *_ in expected if n]


def skipping(tmp_path: Path) -> Path:
    """Samoa had no 30 December 2011: the 31st came after the 29th."""
    path = tmp_path / "log.csv"
    lines = [f"2011-12-{day}T20:00:00Z,{device},m,1\n" for day, device in ((28, "a"), (29, "a"), (30, "a"), (30, "b"))]
    path.write_text("timestamp,device_id,metric,value\n" + "".join([*lines, "2012-01-01T20:00:00Z,a,m,1\n"]))
    return path


SKIPPED = [(28, 1, 1, 0, 0), (29, 1, 0, 0, 0), (31, 2, 1, 0, 0), (1, 0, 0, 0, 2), (2, 1, 0, 1, 0)]


def test_the_day_before_is_one_that_was(tmp_path: Path) -> None:
    found = api.run("distinct_devices", [skipping(tmp_path)], per="day", time_zone="Pacific/Apia").to_pylist()
    assert [(row["date"].day, *list(row.values())[1:]) for row in found] == SKIPPED


@pytest.mark.spark
def test_the_day_before_is_one_that_was_on_spark(tmp_path: Path) -> None:
    of: dict[str, Any] = {"per": "day", "time_zone": "Pacific/Apia"}
    path = skipping(tmp_path)
    assert api.run("distinct_devices", [path], engine="spark", **of) == api.run("distinct_devices", [path], **of)


def test_the_limit_is_of_all_devices(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", {1: "ab", 2: "b", 3: "ac"})
    assert rows(path, per="day", exact_limit="3") == rows(path, per="day", method="exact")
    assert rows(path, per="day", exact_limit="2") == rows(path, per="day", method="hll")


@pytest.mark.parametrize("per", ["metric", "day", "site"])
@pytest.mark.parametrize("zone", ["America/St_Johns"])
def test_every_row_is_the_oracles(per: str, zone: str) -> None:
    found = api.run("distinct_devices", [SAMPLE], per=per, time_zone=zone).to_pylist()
    column = {"metric": "metric", "site": "site"}.get(per)
    seen: dict[Any, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in api.run("daily_stats", [SAMPLE], time_zone=zone).to_pylist():
        if per != "site":
            seen[row[column] if column else None][row["date"]].add(row["device_id"])
    if per == "site":
        for device in {r["device_id"] for r in api.run("daily_stats", [SAMPLE], time_zone=zone).to_pylist()}:
            for row in api.run("site_stats", [SAMPLE], time_zone=zone, device=_glob(device)).to_pylist():
                seen[row["site"]][row["date"]].add(device)
    expected = []
    for group in sorted(seen, key=lambda g: (g or "").encode()):
        known: set[str] = set()
        on = seen[group]
        for n in range((max(on) - min(on)).days + 1):
            day = min(on) + timedelta(n)
            now, before = on.get(day, set()), on.get(day - timedelta(1), set())
            if now or before - now:
                counts = (len(now), len(now - known), len((now & known) - before), len(before - now))
                expected.append(((group,) if column else ()) + (day, *counts))
            known |= now
    assert [tuple(row.values()) for row in found] == expected


def _glob(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


@pytest.mark.parametrize("flags", [["--per", "metric"], ["--per", "site", "--exact-limit", "5"]], ids=" ".join)
def test_the_same_bytes_for_any_tasks_and_splits(flags: list[str]) -> None:
    expected = result(JOB, SAMPLE, *flags, "-r", "inline")
    assert result(JOB, SAMPLE, *flags, "-r", "local", "--tasks", "3", "--split-size", "10007") == expected
    assert result(JOB, SAMPLE, *flags, "--deduplicate") == expected  # repeats report nobody new
    per = flags[:2]
    hll = result(JOB, SAMPLE, *per, "--method", "hll")
    assert result(JOB, SAMPLE, *per, "--method", "hll", "-r", "local", "--tasks", "3") == hll
    assert (hll == expected) == ("5" in flags)


@pytest.mark.parametrize("limit", ["0", "1000"])
def test_the_same_rows_of_many_pieces(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = api.run("distinct_devices", [SAMPLE], exact_limit=limit)
    monkeypatch.setattr(tasks, "PIECE_BYTES", 500)
    assert api.run("distinct_devices", [SAMPLE], exact_limit=limit).equals(whole)


def test_nothing_is_sketched_where_all_can_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> bytes:
        raise RuntimeError("sketched")

    monkeypatch.setattr(presence, "sketch_of", fail)
    exact = api.run("distinct_devices", [SAMPLE], engine="inline", method="exact")
    assert api.run("distinct_devices", [SAMPLE], engine="inline").equals(exact)
    with pytest.raises(RuntimeError, match="sketched"):
        api.run("distinct_devices", [SAMPLE], engine="inline", exact_limit=5)


@pytest.mark.parametrize("per", ["metric", "day"])
@pytest.mark.parametrize("limit", [5, 39, 40])
def test_the_driver_concludes_the_same_wherever_tasks_run(tmp_path: Path, per: str, limit: int) -> None:
    options = {"per": per, "method": "auto", "exact_limit": limit, "devices": None}
    settings = Settings(inputs=(), job=tuple(options.items()))
    found = []
    for carrier in ("reference", "inline"):
        run = Run("id", "distinct_devices", 0, settings, {}, (), str(tmp_path), 2, carrier, kernel=False)
        results = []
        for part in range(2):
            devices = [f"device-{i}" for i in range(part, 40, 2)]
            group = ["" if per == "day" else "t"] * 20
            table = pa.table([devices, group, [20_000 + i // 10 for i in range(20)]], schema=presence.PRESENT.columns)
            results.append(DistinctDevices.finish(run, {presence.PRESENT.name: table}))
        merged = in_order(pa.concat_tables(results), DistinctDevices.keys(settings))
        found.append(pa.concat_tables(DistinctDevices.conclude(run, iter([merged.slice(0, 3), merged.slice(3)]))))
    assert found[0].equals(found[1])
    assert found[0]["devices"].to_pylist() == [20, 20]
    assert found[0]["new"].to_pylist() == ([20, 20] if limit == 40 else [None, None])


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--per", "day"], ["--per", "site", "--exact-limit", "5"]], ids=" ".join)
def test_the_same_bytes_on_spark(flags: list[str], twin: Twin) -> None:
    assert twin(TWIN, SAMPLE, *flags, "--tasks", "2") == result(JOB, SAMPLE, *flags)


@pytest.mark.spark
@pytest.mark.slow
def test_sparks_sketches_are_ours(tmp_path: Path, twin: Twin) -> None:
    """Thousands of devices, so that sketches have left their exact beginnings."""
    path = tmp_path / "log.csv"
    lines = [f"2026-03-01T00:00:00Z,device-{i},m,1\n" for i in range(3000)]
    path.write_text("timestamp,device_id,metric,value\n" + "".join(lines))
    flags = ["--method", "hll", "--per", "day"]
    assert twin(TWIN, path, *flags, "--tasks", "2") == result(JOB, path, *flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--per", "week"], "--per week: must be one of metric, day, site"),
        (["--method", "guess"], "--method guess: must be one of auto, exact, hll"),
        (["--devices", "sample_data/_devices.csv"], "--devices: tells where devices are; add --per site"),
        (["--exact-limit", "-1"], "--exact-limit -1: must be a whole number from 0 to 1000000000000"),
    ],
)
def test_refused(tmp_path: Path, flags: list[str], message: str) -> None:
    done = run(JOB, log(tmp_path / "log.csv", {1: "a"}), *flags)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {message}\n")
