"""Merging sorted runs: the same rows in the same order, whatever the number of runs."""

from __future__ import annotations

import resource
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.lake import runs
from jobs.lake.runs import merge_runs
from tests.effort import rounds

KEYS = ["device", "unit", "number"]
SCHEMA = pa.schema([("device", pa.string()), ("unit", pa.string()), ("number", pa.int64()), ("run", pa.int64())])
texts = st.sampled_from(["", "a", "a ", "b", "Z", "ä", "\U0001f321", "￿"])
rows = st.tuples(texts, st.none() | texts, st.integers(-2, 2))


def _key(row: tuple[str, str | None, int]) -> tuple[bytes, tuple[bytes, ...], int]:
    return row[0].encode(), () if row[1] is None else (row[1].encode(),), row[2]


def _write(folder: Path, given_runs: list[list[tuple[str, str | None, int]]]) -> list[str]:
    paths = []
    for number, run in enumerate(given_runs):
        columns = list(zip(*sorted(run, key=_key), strict=True)) or [(), (), ()]
        table = pa.table([*map(list, columns), [number] * len(run)], schema=SCHEMA)
        path = str(folder / f"{number}.arrow")
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, SCHEMA) as out:
            out.write_table(table, max_chunksize=7)
        paths.append(path)
    return paths


@settings(max_examples=rounds(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(rows, max_size=30), max_size=5))
def test_any_runs_merge_into_sorted_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_runs: list[list[tuple[str, str | None, int]]]
) -> None:
    monkeypatch.setattr(runs, "_LEAST_ROWS", 3)
    monkeypatch.setattr(runs, "_HELD_ROWS", 9)
    merged = [row for table in merge_runs(_write(tmp_path, given_runs), KEYS) for row in table.to_pylist()]
    want = sorted((row for run in given_runs for row in run), key=_key)
    assert [(row["device"], row["unit"], row["number"]) for row in merged] == want
    of_run = [sum(row["run"] == n for row in merged) for n in range(len(given_runs))]
    assert of_run == list(map(len, given_runs))


def test_steps_of_a_merge_are_long_whatever_the_number_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_LEAST_ROWS", 50)
    monkeypatch.setattr(runs, "_HELD_ROWS", 50)
    given_runs: list[list[tuple[str, str | None, int]]] = [
        [(f"d{i:05}", None, n) for i in range(n, 6000, 20)] for n in range(20)
    ]
    tables = list(merge_runs(_write(tmp_path, given_runs), KEYS))
    assert [row["device"] for table in tables for row in table.to_pylist()] == [f"d{i:05}" for i in range(6000)]
    assert len(tables) <= 7


def test_no_runs_make_no_rows() -> None:
    assert list(merge_runs([], KEYS)) == []


def test_memory_does_not_grow_with_the_runs(tmp_path: Path) -> None:
    given_runs: list[list[tuple[str, str | None, int]]] = [
        [(f"d{i:05}", None, n) for i in range(n, 6000, 40)] for n in range(40)
    ]
    tables = list(merge_runs(_write(tmp_path, given_runs), KEYS))
    assert sum(t.num_rows for t in tables) == sum(map(len, given_runs))
    assert max(t.num_rows for t in tables) <= 40 * runs._LEAST_ROWS


def test_more_runs_than_a_process_may_have_files(tmp_path: Path) -> None:
    given_runs: list[list[tuple[str, str | None, int]]] = [[(f"d{n:03}", None, 0), ("z", None, n)] for n in range(200)]
    paths = _write(tmp_path, given_runs)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    try:
        merged = [row["device"] for table in merge_runs(paths, KEYS) for row in table.to_pylist()]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert merged == [f"d{n:03}" for n in range(200)] + ["z"] * 200


def test_who_stops_reading_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    given_runs: list[list[tuple[str, str | None, int]]] = [[("a", "m", i), ("b", "m", i)] for i in range(50)]
    merged = merge_runs(_write(tmp_path, given_runs), KEYS)
    next(merged)
    del merged
    assert threading.active_count() == before


def test_a_run_that_is_lost_is_an_error(tmp_path: Path) -> None:
    paths = _write(tmp_path, [[("a", "m", 1)], [("b", "m", 2)]])
    Path(paths[1]).unlink()
    with pytest.raises(FileNotFoundError):
        list(merge_runs(paths, KEYS))


def test_zeros_stand_in_the_order_of_their_signs_whatever_run_they_come_from(tmp_path: Path) -> None:
    paths = []
    for number, value in enumerate((0.0, -0.0, 1.0, -1.0)):
        paths.append(str(tmp_path / f"{number}.arrow"))
        table = pa.table({"value": [value]})
        with pa.OSFile(paths[-1], "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)
    for given_paths in (paths, paths[::-1]):
        merged = [str(row["value"]) for table in merge_runs(given_paths, ["value"]) for row in table.to_pylist()]
        assert merged == ["-1.0", "-0.0", "0.0", "1.0"]
