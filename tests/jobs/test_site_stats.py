"""site_stats: against a join by hand, and the same bytes by either join and however it is run."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs import api
from jobs.engine import tasks
from tests.command_line import Twin, result, run
from tests.jobs.oracle import daily, site_of

JOB, TWIN = "jobs.site_stats", "jobs.spark.site_stats"
SAMPLE = Path("sample_data")
LOG = """timestamp,device_id,metric,value
2026-03-01T00:00:00Z,a,temperature,1
2026-03-01T12:00:00Z,a,temperature,2
2026-03-01T12:00:00Z,b,temperature,4
2026-03-01T13:00:00Z,c,temperature,8
"""
MOVED = """device_id,site,valid_from,valid_to
a,roof,,2026-03-01T12:00:00Z
a,cellar,2026-03-01T12:00:00Z,
b,cellar,,2026-03-01
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log.csv").write_text(LOG)
    (tmp_path / "_devices.csv").write_text(MOVED)
    (tmp_path / "_twice.csv").write_text("device_id,site\na,roof\na,cellar\n")
    return tmp_path


@pytest.fixture(scope="module")
def expected() -> bytes:
    """What site_stats prints of the sample, by inline and broadcast."""
    return result(JOB, SAMPLE, "-r", "inline", "--join", "broadcast", "--quantiles", "0.5")


@pytest.fixture(scope="module")
def unmoved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's metadata without the device that moved."""
    path = tmp_path_factory.mktemp("devices") / "unmoved.csv"
    lines = (SAMPLE / "_devices.csv").read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("north-0003")))
    return path


@pytest.mark.parametrize("join", ["broadcast", "reduce"])
def test_known_answers(folder: Path, join: str) -> None:
    """A device moves at noon: the interval that ends then does not hold noon, and the one that begins does."""
    rows = api.run("site_stats", [folder], join=join).to_pylist()
    assert [tuple(row.values())[:8] for row in rows] == [
        ("(unmatched)", "temperature", None, date(2026, 3, 1), 2, 2, 6.0, pytest.approx(8**0.5)),
        ("cellar", "temperature", None, date(2026, 3, 1), 1, 1, 2.0, None),
        ("roof", "temperature", None, date(2026, 3, 1), 1, 1, 1.0, None),
    ]


def test_what_is_unmatched_is_told(folder: Path) -> None:
    done = run(JOB, folder)
    assert b"note: 2 of 4 readings are of no site in the metadata: (unmatched)\n" in done.stderr
    assert b"note" not in run(JOB, folder, "--device", "a").stderr


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_every_row_is_the_oracles(zone: str) -> None:
    readings = api.run("extract", [SAMPLE])
    known = SAMPLE / "_devices.csv"
    sites = [site_of(known, r["device_id"], r["timestamp"]) for r in readings.select([0, 1]).to_pylist()]
    devices: dict[Any, set[str]] = defaultdict(set)
    by_device = daily(
        readings.set_column(
            1, "device_id", pa.array(map("\t".join, zip(sites, readings["device_id"].to_pylist(), strict=True)))
        ),
        zone,
    )
    for (both, *rest), _ in by_device.items():
        site, device = both.split("\t")
        devices[site, *rest].add(device)
    oracle = daily(readings.set_column(1, "device_id", pa.array(sites)), zone)
    table = api.run("site_stats", [SAMPLE], time_zone=zone).to_pylist()
    assert [(r["site"], r["metric"], r["unit"], r["date"]) for r in table] == sorted(
        oracle, key=lambda k: (k[0].encode(), k[1].encode(), (k[2] or "").encode(), k[3])
    )
    for row in table:
        key = row["site"], row["metric"], row["unit"], row["date"]
        want = oracle[key]
        exact = [row[n] for n in ("count", "mean", "min", "max", "sum", "first_timestamp", "last_timestamp")]
        assert exact == [want.count, want.mean, want.min, want.max, want.sum, want.first, want.last]
        assert row["stddev"] == (None if want.stddev is None else pytest.approx(want.stddev, rel=5e-16, abs=0))
        assert row["devices"] == len(devices[key])


@pytest.mark.parametrize(
    "flags",
    [
        ["--join", "broadcast", "-r", "local", "--tasks", "3", "--split-size", "10007"],
        ["--join", "reduce", "-r", "inline"],
        ["--join", "reduce", "-r", "local", "--tasks", "3", "--split-size", "10007"],
    ],
    ids=" ".join,
)
def test_the_same_bytes_by_either_join(expected: bytes, flags: list[str]) -> None:
    assert result(JOB, SAMPLE, *flags, "--quantiles", "0.5") == expected


@pytest.mark.parametrize("flags", [[], ["--deduplicate"]], ids=" ".join)
def test_the_same_bytes_where_no_device_moved(unmoved: Path, flags: list[str]) -> None:
    """Then partial rows of devices are joined, not readings."""
    one = result(JOB, SAMPLE, "--devices", unmoved, "--join", "broadcast", *flags)
    assert result(JOB, SAMPLE, "--devices", unmoved, "--join", "reduce", *flags) == one
    assert b"(unmatched),humidity" in one


def test_repeats_count_once_by_either_join() -> None:
    one = result(JOB, SAMPLE, "--deduplicate")
    assert result(JOB, SAMPLE, "--deduplicate", "--join", "reduce", "-r", "local", "--tasks", "2") == one
    assert one != result(JOB, SAMPLE)


@pytest.mark.parametrize("join", ["broadcast", "reduce"])
def test_the_same_rows_of_many_pieces(join: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = api.run("site_stats", [SAMPLE])
    monkeypatch.setattr(tasks, "PIECE_BYTES", 3_000)
    assert api.run("site_stats", [SAMPLE], join=join).equals(whole)


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("join", ["broadcast", "reduce"])
def test_the_same_bytes_on_spark(expected: bytes, join: str, twin: Twin) -> None:
    given = twin(TWIN, SAMPLE, "--join", join, "--quantiles", "0.5", "--tasks", "3")
    assert given == expected


def test_refused(folder: Path) -> None:
    def told(*flags: object) -> tuple[int, str]:
        done = run(JOB, folder / "log.csv", *flags)
        assert not done.stdout
        return done.returncode, done.stderr.decode()

    assert told() == (
        2,
        "error: there is no device metadata;"
        " name it with --devices FILE, or put _devices.csv into the input's folder\n",
    )
    assert told("--devices", folder / "none.csv") == (
        3,
        f"error: {folder}/none.csv: no such file; --devices names a CSV or Parquet file of device metadata\n",
    )
    assert told("--devices", folder / "_twice.csv") == (
        3,
        f'error: {folder}/_twice.csv line 3: device "a" is there already, in line 2; a device that moved has'
        " valid_from and valid_to in its rows\n",
    )
    assert told("--join", "merge") == (2, "error: --join merge: must be one of auto, broadcast, reduce\n")
