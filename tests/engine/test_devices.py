"""Device metadata: what is read of a file, and what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine import devices
from jobs.engine.options import Settings
from jobs.errors import InputError, UsageError
from jobs.partials.places import ALWAYS

HEADER = "device_id,site,type,valid_from,valid_to\n"


def load(path: Path | None, *inputs: str, zone: str = "UTC") -> list[dict[str, Any]]:
    chosen = Settings(inputs, time_zone=zone, job=(("devices", path and str(path)),))
    return list(devices.load(chosen).to_pylist())


def test_csv_with_and_without_bounds(tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text(HEADER + 'a,"x, y",mast,,2026-03-01\n\na,z,,2026-03-01,\nb,z,,2026-03-01T06:00:00Z,\n', "utf-8-sig")
    march, local_march = 1_772_323_200_000_000, 1_772_319_600_000_000
    assert [tuple(row.values()) for row in load(file, zone="Europe/Berlin")] == [
        ("a", "x, y", ALWAYS[0], local_march),
        ("a", "z", local_march, ALWAYS[1]),
        ("b", "z", march + 6 * 3_600_000_000, ALWAYS[1]),
    ]


def test_numbers_stay_the_texts_they_are(tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text("site,device_id\n7,007\n")
    assert load(file)[0]["device_id"] == "007"


def test_parquet(tmp_path: Path) -> None:
    file = tmp_path / "devices.parquet"
    times = pa.array([None, 1_772_323_200_000_000], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"device_id": ["a", "b"], "site": ["x", "y"], "valid_from": times}), file)
    assert [row["valid_from"] for row in load(file)] == [ALWAYS[0], 1_772_323_200_000_000]


def test_a_file_in_the_folder_of_the_input_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "_devices.csv").write_text("device_id,site\na,x\n")
    assert load(None, "-", "nowhere", str(tmp_path))[0]["site"] == "x"
    with pytest.raises(UsageError, match="there is no device metadata; name it with --devices FILE"):
        load(None, "-", "nowhere")


WRONG = {
    "a,,,,": "line 3: no site",
    ",x,,,": "line 3: no device_id",
    "a,(unmatched),,,": 'line 3: no site can be called "(unmatched)"',
    "a,x,,2026-03-02,2026-03-01": "line 3: valid_from is not before valid_to",
    "a,x,,soon,": "line 3: valid_from: 'soon' is no date or ISO time",
    "b,x,,,\n\na,x,,,\nb,y,,,": (
        'line 6: device "b" is there already, in line 3; a device that moved has valid_from and valid_to in its rows'
    ),
    "b,x,,,2026-03-02\nb,y,,2026-03-01,": (
        'line 4: device "b" is there already, in line 3, for a time that overlaps; valid_to is exclusive'
    ),
}


@pytest.mark.parametrize("rows", WRONG)
def test_what_is_wrong_is_told_with_its_line(rows: str, tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text(f"{HEADER}first,x,,,\n{rows}\n")
    with pytest.raises(InputError) as caught:
        load(file)
    assert str(caught.value) == f"{file} {WRONG[rows]}"


def test_columns_and_files_that_are_not_there(tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text("device,site\na,x\n")
    with pytest.raises(InputError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: no column device_id; its columns are device, site"
    with pytest.raises(InputError) as caught:
        load(tmp_path / "none.csv")
    assert str(caught.value) == (
        f"{tmp_path}/none.csv: no such file; --devices names a CSV or Parquet file of device metadata"
    )
    file.write_text("device_id,site\na,x\nb\n")
    with pytest.raises(InputError, match=r"devices\.csv: cannot be read: CSV parse error"):
        load(file)
    (tmp_path / "no.parquet").write_text("PAR")
    with pytest.raises(InputError, match=r"no\.parquet: cannot be read: "):
        load(tmp_path / "no.parquet")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty\.csv: cannot be read: "):
        load(tmp_path / "empty.csv")
