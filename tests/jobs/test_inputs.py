"""What is read, however it is named, and what a result says of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from jobs import api
from jobs.lake.published import read_published
from jobs.readings import zones

HEADER = "timestamp,device_id,metric,value\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.csv").write_text(f"{HEADER}2026-03-01T00:00:00Z,d,m,1\n")
    (tmp_path / "link.csv").symlink_to("logs/a.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "names",
    [
        ["logs/a.csv", "./logs/a.csv"],
        ["logs", "./logs"],
        ["logs", "logs/a.csv"],
        ["link.csv", "logs/a.csv"],
        ["logs", "logs/../logs/a*"],
    ],
    ids=" ".join,
)
def test_a_file_that_is_named_twice_counts_once(folder: Path, names: list[str]) -> None:
    _, outcome = api.run_with_outcome("daily_stats", [*names, str(folder / "logs" / "a.csv")])
    assert (len(outcome.plan.objects), outcome.report.tally.readings) == (1, 1)


@pytest.mark.parametrize("kind", [str, Path])
def test_one_input_need_not_stand_in_a_list(folder: Path, kind: type[str] | type[Path]) -> None:
    assert api.run("daily_stats", kind("logs/a.csv")).num_rows == 1


def test_a_result_says_by_which_dialect_and_time_zones_it_was_read(folder: Path) -> None:
    hashes = []
    for number, scale in enumerate((1, 10)):
        dialect = f'[device]\ncolumns = ["device_id"]\n[[wide]]\ncolumn = "value"\nmetric = "m"\nscale = {scale}\n'
        (folder / "mine.toml").write_text(dialect)
        api.publish("daily_stats", "logs", f"out{number}", dialect="mine.toml", time_zone="Europe/Berlin")
        said = read_published(f"out{number}").provenance
        assert said["time_zones"] == {"Europe/Berlin": zones.database_version(), "UTC": None}
        ((name, found),) = said["dialects"].items()
        assert name == "mine.toml"
        hashes.append(found)
    assert len(set(hashes)) == 2


def test_a_reject_of_parquet_lies_in_a_row_of_a_row_group(folder: Path) -> None:
    rows = pa.table(
        {"timestamp": ["2026-03-01T00:00:00Z"] * 5, "device_id": ["d"] * 5, "metric": ["m"] * 5}
    ).append_column("value", pa.array([1.0, 2.0, 3.0, 4.0, float("nan")]))
    parquet.write_table(rows, "rows.parquet", row_group_size=3)
    _, outcome = api.run_with_outcome("daily_stats", "rows.parquet", max_rejects=1)
    assert [reject.where for reject in outcome.report.examples] == ["row group 1 row 1"]
