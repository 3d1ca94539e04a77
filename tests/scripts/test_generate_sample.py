"""sample_data/ is what the generator writes, and its ledger says what the rejects are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jobs.readings import dialect_file
from jobs.readings.line import parse_line
from jobs.readings.record import bind
from scripts.sample_data_generator import answer
from scripts.sample_data_generator.sample import write_sample
from tests.conftest import ROOT
from tests.scripts import generated

SAMPLE = ROOT / "sample_data"
PACKED = {".gz", ".zst", ".bz2", ".xz"}
RUN_START = 1_800_000_000_000_000


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder)
    return folder


def _objects(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_committed_sample_is_what_the_generator_writes(fresh: Path) -> None:
    """Compressed objects are compared by content: libraries' versions pack differently."""
    assert _objects(fresh) == _objects(SAMPLE)
    for name in _objects(fresh):
        ours, theirs = fresh / name, SAMPLE / name
        if ours.suffix in PACKED:
            assert generated.plain(ours) == generated.plain(theirs), name
        else:
            assert ours.read_bytes() == theirs.read_bytes(), name


def test_the_sample_is_small_and_mostly_good() -> None:
    sizes = [path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(sizes) < 1_000_000
    bad = sum(entry["kind"] == "bad_line" for entry in generated.ledger(SAMPLE))
    count = sum(answer.read(SAMPLE / "_expected" / "statistics.csv")["count"].to_pylist())
    assert 20 < bad < 0.005 * count


def test_the_sample_holds_two_gzip_members() -> None:
    data = (SAMPLE / "readings/dt=2026-03-28/north.csv.gz").read_bytes()
    assert data.count(b"\x1f\x8b\x08") == 2


def test_the_answer_holds_the_edges() -> None:
    rows = answer.read(SAMPLE / "_expected" / "statistics.csv").to_pylist()
    found = {(r["device_id"], r["metric"], r["unit"], r["date"].day): r for r in rows}
    zero = found["test-bench", "zero", None, 31]
    assert [str(zero[c]) for c in ("min", "max", "sum")] == ["-0.0", "0.0", "0.0"]
    assert found["test-bench", "range", None, 31]["sum"] == 2.5
    assert found["test-bench", "steady", "mV", 31]["stddev"] == pytest.approx(1e-3, rel=1e-4)
    assert found["test-bench", "single", "°C", 31]["stddev"] is None
    assert [found["test-bench", "midnight", None, day]["count"] for day in (30, 31, 1)] == [2, 4, 1]
    assert [found["garden", *key, 29]["count"] for key in (("pm2_5", "µg/m³"), ("temperature", "°C"))] == [95, 92]
    keys = [r["device_id"].encode() for r in rows]
    assert keys == sorted(keys)


def test_the_reference_rejects_each_bad_line_for_the_ledgers_reason() -> None:
    dialect = dialect_file.load("default")
    reasons: Counter[object] = Counter()
    for entry in generated.ledger(SAMPLE):
        name = str(entry["object"]) if entry["kind"] == "bad_line" else ""
        if ".csv" not in name:
            continue
        text = generated.plain(SAMPLE / name)
        offset = entry["offset"]
        assert isinstance(offset, int)
        line = text[offset:].partition(b"\n")[0].removesuffix(b"\r")
        columns = text.partition(b"\n")[0].decode().strip().split(",")
        record = parse_line(line, bind(dialect, columns, name, RUN_START))
        assert record is not None
        assert [(r.reason, r.column) for r in record.rejects] == [(entry["reason"], entry["column"])], entry
        reasons[entry["reason"]] += 1
    assert set(reasons) >= {"quote", "encoding", "timestamp", "timestamp_range", "device", "metric", "value"}
