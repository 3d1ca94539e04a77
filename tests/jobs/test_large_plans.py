"""Plans of more objects than the driver looks at: tasks see what their objects are, with the same bytes out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import api
from jobs.engine import planner
from jobs.engine.options import Settings
from jobs.engine.plan import Split
from jobs.engine.planner import Planner
from jobs.lake import storage
from jobs.lake.storage import ObjectInfo

LONG = "timestamp,device_id,metric,value\n"
SIZES = ["1K", "3333", "20K", "10M"]


def _rows(first: int, count: int) -> Iterator[tuple[str, str, str, float]]:
    for n in range(first, first + count):
        yield f"2026-03-{n // 1440 % 28 + 1:02d}T{n // 60 % 24:02d}:{n % 60:02d}:00Z", f"dev-{n % 7}", "t", n / 8


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One log of each kind that can be cut, and of each that cannot."""
    folder = tmp_path_factory.mktemp("lake")
    text = LONG + "".join(",".join(map(str, row)) + "\n" for row in _rows(0, 1500))
    (folder / "a.csv").write_text(text)
    (folder / "b.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (folder / "c.csv.gz").write_bytes(gzip.compress(text.encode(), 0))
    (folder / "d.csv").write_bytes(gzip.compress(text.encode(), 0))  # compressed, though its name does not say so
    names = ("timestamp", "device_id", "metric", "value")
    records = [dict(zip(names, row, strict=True)) for row in _rows(2000, 800)]
    (folder / "e.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "f.json").write_text(json.dumps(records, indent=1))
    table = pa.Table.from_pylist(records)
    pq.write_table(table, folder / "g.parquet", row_group_size=100, compression="none")
    pq.write_table(table, folder / "h.log", row_group_size=100, compression="none")
    (folder / "i.csv").write_text(
        LONG + "no reading\n" * 40 + "".join("2026-03-01T00:00:00Z,x,t,1\n" for _ in range(900))
    )
    return folder


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("job", "options"),
    [
        ("daily_stats", {}),
        ("extract", {}),
        ("data_quality", {}),
        ("data_quality", {"per": "object"}),
    ],
    ids=["daily_stats", "extract", "data_quality", "objects"],
)
def test_the_same_bytes(
    lake: Path, monkeypatch: pytest.MonkeyPatch, job: str, options: dict[str, str], size: str
) -> None:
    expected, looked = api.run_with_outcome(job, [lake], engine="inline", max_rejects=1.0, **options)
    monkeypatch.setattr(planner, "_MOST_LOOKED_AT", 0)
    for engine in ("inline", "local"):
        given = {"split_size": size, "tasks": 3 if engine == "local" else None, "max_rejects": 1.0, **options}
        found, outcome = api.run_with_outcome(job, [lake], engine=engine, **given)
        assert found.equals(expected)
        assert outcome.plan.looked_at is (size == "10M")
        assert outcome.report.tally == looked.report.tally
        assert [e.text for e in outcome.report.examples] == [e.text for e in looked.report.examples]


def test_just_heads_of_few_objects_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terabyte in 8,000 splits, planned from names and sizes alone."""
    objects = [ObjectInfo(f"s3://lake/dt=2026-03-01/{n:06}.csv", 125_000_000 * 8, f"e{n}") for n in range(1000)]

    def expand(spec: str, accept: object) -> list[ObjectInfo]:
        return objects

    def open_range(info: ObjectInfo, start: int, end: int | None = None) -> object:
        raise AssertionError(f"{info.uri} was opened")

    monkeypatch.setattr(storage, "expand", expand)
    monkeypatch.setattr(storage, "open_range", open_range)
    plan = Planner(Settings(inputs=("s3://lake/",), split_size=125_000_000), 1000).plan()
    assert len(plan.splits) == 8000
    assert not plan.looked_at
    assert plan.size == sum(o.size for o in objects)
    assert Split.loads(plan.splits[9].dumps()) == plan.splits[9]
    [piece] = plan.splits[9].pieces
    assert (piece.object, piece.start, piece.end) == (objects[1], 125_000_000, 250_000_000)
