"""Generated logs hold what the known answer and the ledger of faults say."""

from __future__ import annotations

import bz2
import hashlib
import json
import lzma
import math
import statistics
import zlib
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from scripts.sample_data_generator import answer
from scripts.sample_data_generator.answer import DenseAnswer, ExactAnswer
from scripts.sample_data_generator.cli import main
from scripts.sample_data_generator.draw import DAY_MS, Spec, draw
from scripts.sample_data_generator.faults import KINDS
from scripts.sample_data_generator.generate import Kind, Output, generate
from scripts.sample_data_generator.objects import Compression, ObjectWriter
from scripts.sample_data_generator.spelling import Speller, Style
from tests.scripts import generated

SMALL = Spec(lines=6_000, devices=5, days=2, seed=7)
WIDE = Spec(lines=2_000, devices=5, days=2, seed=7, wide=True)


def test_a_seed_gives_the_same_bytes_everywhere() -> None:
    text = b"".join(Speller(SMALL, "csv").spell(lines) for lines in draw(SMALL))
    assert hashlib.sha256(text).hexdigest() == "b821132599c8ed77af08e3f4206d58dccf9bb98e80f9311f17132d7bf1a488fb"


@pytest.mark.parametrize("spec", [SMALL, WIDE])
def test_the_chunk_size_does_not_change_what_is_drawn(spec: Spec) -> None:
    whole, parts = next(draw(spec)), list(draw(spec, 999))
    for name in ("row", "time", "device", "metric", "value"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(p, name) for p in parts]))


def test_time_runs_through_the_days_and_each_series_reports_once_a_round() -> None:
    lines = next(draw(SMALL))
    assert lines.time.min() >= SMALL.start_ms
    assert lines.time.max() < SMALL.start_ms + 2 * DAY_MS
    dense = next(draw(Spec(lines=60_000, days=1)))
    assert 0.1 < (np.diff(dense.time) < 0).mean() < 0.5
    series = (lines.device * 4 + lines.metric[:, 0])[: 6_000 // 20 * 20].reshape(-1, 20)
    assert (np.sort(series, axis=1) == np.arange(20)).all()
    assert len(np.unique(series, axis=0)) > 50


@pytest.mark.parametrize("style", [Style(), Style(("value", "metric", "timestamp", "device_id"), "\r\n", odd=True)])
@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize("fmt", ["csv", "jsonl"])
def test_texts_are_the_drawn_readings(fmt: Kind, extra: int, style: Style) -> None:
    spec = Spec(lines=2_000, devices=3, days=1, extra_digits=extra)
    odd = Style(style.columns, style.line_end, style.odd and fmt == "csv")
    assert fmt in ("csv", "jsonl")
    speller = Speller(spec, fmt, odd)
    lines = next(draw(spec))
    text = speller.header() + speller.spell(lines)
    assert text.count(style.line_end.encode()) == 2_000 + (fmt == "csv")
    found = generated.readings(text, f"x.{fmt}")
    names, ids = [m.name for m in spec.metrics], spec.device_ids()
    assert found == [
        (ids[device], names[metric], np.datetime64(time, "ms").item().replace(tzinfo=found[0][2].tzinfo), value)
        for device, metric, time, value in zip(
            lines.device.tolist(),
            lines.metric[:, 0].tolist(),
            lines.time.tolist(),
            (lines.value[:, 0] / 10.0 ** np.array(spec.decimals)[lines.metric[:, 0]]).tolist(),
            strict=True,
        )
    ]


def test_negative_values_and_odd_spellings_occur() -> None:
    spec = Spec(lines=20_000, devices=50, days=1)
    text = b"".join(Speller(spec, "csv", Style(odd=True)).spell(lines) for lines in draw(spec))
    values = [line.rsplit(b",", 1)[1] for line in text.splitlines()]
    assert any(v.startswith(b"-0.") for v in values)
    for form in (b"+", b"e0", b"0" * 16):
        assert 250 < sum(form in v for v in values) < 350


@pytest.mark.parametrize("spec", [SMALL, WIDE])
def test_the_vectorised_answer_is_the_exact_one(spec: Spec) -> None:
    exact, dense = ExactAnswer(spec), DenseAnswer(spec)
    for lines in draw(spec, 512):
        exact.add(lines)
        dense.add(lines)
    ours, theirs = dense.table(), exact.table()
    same = ["device_id", "metric", "unit", "date", "count", "min", "max", "first_timestamp", "last_timestamp"]
    assert ours.select(same).equals(theirs.select(same))
    for name in ("mean", "stddev", "sum"):
        assert ours[name].to_pylist() == pytest.approx(theirs[name].to_pylist(), rel=1e-13)


@pytest.mark.parametrize(
    ("fmt", "compression"), [("csv", "none"), ("csv", "gz"), ("csv", "zst"), ("jsonl", "bz2"), ("wide", "xz")]
)
def test_the_answer_and_the_ledger_tell_what_the_objects_hold(
    tmp_path: Path, fmt: Kind, compression: Compression
) -> None:
    spec = WIDE if fmt == "wide" else SMALL
    kinds = frozenset(KINDS if compression != "none" else KINDS[:-2]) - {"truncated"}
    output = Output(tmp_path, fmt, compression, files=3)
    generate(spec, output, kinds)
    entries = generated.ledger(tmp_path)
    assert {str(e["kind"]) + "s" for e in entries} >= kinds - {"out_of_order", "concatenated"}
    found: list[generated.Reading] = []
    for number in range(3):
        name = output.name(number)
        text = generated.plain(tmp_path / name)
        for entry in entries:
            if entry.get("object") == name and entry["kind"] != "concatenated":
                offset = entry["offset"]
                assert isinstance(offset, int)
                assert text[:offset].count(b"\n") + 1 == entry["line"]
                assert text[offset - 1 : offset] == b"\n"
                line = text[offset : text.index(b"\n", offset)]
                if entry["kind"] == "bad_line":
                    assert line.decode("utf-8", "backslashreplace") == entry["text"]
                else:
                    assert str(entry["device_id"]).encode() in line
                if entry["kind"] == "duplicate":
                    assert text[:offset].endswith(line + b"\n")
        found += generated.readings(generated.without_bad_lines(text, name, entries), name)
    assert_answer(tmp_path, found)
    for entry in entries:
        if entry["kind"] == "gap":
            begin, end = entry["from"], entry["to"]
            assert isinstance(begin, int)
            assert isinstance(end, int)
            silent = range(begin, end)
            assert entry["lines"]
            assert not [r for r in found if r[0] == entry["device_id"] and round(r[2].timestamp() * 1000) in silent]


def assert_answer(folder: Path, found: list[generated.Reading]) -> None:
    groups = generated.by_day(found)
    expected = answer.read(folder / "_expected" / "statistics.csv").to_pylist()
    assert [(r["device_id"], r["metric"], r["date"].isoformat()) for r in expected] == sorted(groups)
    for row in expected:
        group = groups[row["device_id"], row["metric"], row["date"].isoformat()]
        values, times = [r[3] for r in group], [r[2] for r in group]
        assert (row["count"], row["min"], row["max"]) == (len(values), min(values), max(values))
        assert (row["first_timestamp"], row["last_timestamp"]) == (min(times), max(times))
        assert row["sum"] == math.fsum(values)
        assert row["mean"] == math.fsum(values) / len(values)
        assert row["stddev"] == (statistics.stdev(values) if len(values) > 1 else None)


@pytest.mark.parametrize("compression", ["gz", "zst", "bz2", "xz"])
def test_a_cut_object_still_gives_all_that_was_written(tmp_path: Path, compression: Compression) -> None:
    generate(SMALL, Output(tmp_path, "csv", compression), frozenset({"truncated"}))
    path = tmp_path / f"readings.csv.{compression}"
    text, whole = _recover(path.read_bytes(), compression)
    assert not whole
    (entry,) = generated.ledger(tmp_path)
    assert (entry["kind"], entry["offset"], entry["lines"]) == ("truncated", len(text), 1_200)
    assert not text.endswith(b"\n")
    assert text.count(b"\n") + 1 == entry["line"]
    assert_answer(tmp_path, generated.readings(text[: text.rindex(b"\n") + 1], path.name))


def _recover(data: bytes, compression: Compression) -> tuple[bytes, bool]:
    """All that can be decompressed, and whether the data ended where a stream ends."""
    if compression == "zst":
        import zstandard

        decoder = zstandard.ZstdDecompressor().decompressobj()
        return decoder.decompress(data), decoder.eof
    if compression == "gz":
        unzip = zlib.decompressobj(31)
        return unzip.decompress(data), unzip.eof
    other = bz2.BZ2Decompressor() if compression == "bz2" else lzma.LZMADecompressor()
    return other.decompress(data), other.eof and not other.unused_data


@pytest.mark.parametrize(("compression", "magic"), [("gz", b"\x1f\x8b\x08"), ("zst", b"\x28\xb5\x2f\xfd")])
def test_a_concatenated_object_has_two_members(tmp_path: Path, compression: Compression, magic: bytes) -> None:
    generate(SMALL, Output(tmp_path, "csv", compression), frozenset({"concatenated"}))
    path = tmp_path / f"readings.csv.{compression}"
    first, _ = _recover(path.read_bytes(), compression)
    (entry,) = generated.ledger(tmp_path)
    assert entry["offset"] == len(first)
    assert not first.endswith(b"\n")
    assert path.read_bytes().count(magic) == 2
    assert_answer(tmp_path, generated.readings(generated.plain(path), path.name))


def test_members_join_to_the_text_that_was_written(tmp_path: Path) -> None:
    for compression in ("gz", "zst", "bz2", "xz"):
        with ObjectWriter(tmp_path / f"x.{compression}", compression) as writer:
            writer.write(b"one")
            writer.new_member()
            writer.write(b"two")
        assert generated.plain(tmp_path / f"x.{compression}") == b"onetwo"


def test_parquet_holds_the_same_readings_as_csv(tmp_path: Path) -> None:
    generate(SMALL, Output(tmp_path / "p", "parquet", files=2))
    generate(SMALL, Output(tmp_path / "c", "csv"))
    rows = [row for n in range(2) for row in pq.read_table(tmp_path / "p" / f"readings-0000{n}.parquet").to_pylist()]
    found = [(r["device_id"], r["metric"], r["timestamp"], r["value"]) for r in rows]
    assert found == generated.readings((tmp_path / "c" / "readings.csv").read_bytes(), "readings.csv")
    assert_answer(tmp_path / "p", found)


def test_more_than_a_chunk_is_spread_over_files_without_loss(tmp_path: Path) -> None:
    spec = Spec(lines=150_000, devices=40, days=1)
    generate(spec, Output(tmp_path / "one", "csv"))
    generate(spec, Output(tmp_path / "many", "csv", files=7))
    header, *whole = (tmp_path / "one" / "readings.csv").read_bytes().splitlines(keepends=True)
    parts = []
    for number in range(7):
        first, *lines = (tmp_path / "many" / f"readings-0000{number}.csv").read_bytes().splitlines(keepends=True)
        assert first == header
        parts += lines
    assert parts == whole


def test_files_without_a_line_left_hold_the_header(tmp_path: Path) -> None:
    generate(Spec(lines=100, devices=1, days=1), Output(tmp_path, "csv", files=120), frozenset({"gaps", "bad_lines"}))
    texts = [(tmp_path / f"readings-{n:05d}.csv").read_bytes() for n in range(120)]
    assert texts.count(b"timestamp,device_id,metric,value\n") > 20
    assert_answer(tmp_path, [r for text in texts for r in generated.readings(text, "x.csv")])


def test_the_command_line_writes_what_it_is_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = "--rows 300 --devices 2 --days 1 --metrics co2,voltage --start 2026-04-01 --format wide --faults gaps"
    assert main([*options.split(), "--output", str(out)]) == 0
    manifest = json.loads((out / "_expected" / "manifest.json").read_text("utf-8"))
    assert manifest["objects"] == [{"name": "readings.csv", "bytes": (out / "readings.csv").stat().st_size}]
    assert (out / "readings.csv").read_text("utf-8").startswith("timestamp,device_id,co2,voltage\n2026-04-01T00:0")
    assert 'unit = "ppm"' in (out / "_dialect.toml").read_text("utf-8")
    assert answer.read(out / "_expected" / "statistics.csv")["date"][0].as_py() == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("", "--output DIR is needed"),
        ("--output {tmp}/o --faults rust", "'rust' is not possible here"),
        ("--output {tmp}/o --faults truncated", "'truncated' is not possible here"),
        ("--output {tmp}/o --format parquet --compression gz", "--compression is for text"),
        ("--output {tmp}/o --rows 0", "--rows must be at least 1"),
        ("--output {tmp}/o --metrics heat", "unknown metric 'heat'"),
        ("--output {tmp}/o --columns value", "must be timestamp, device_id, metric, value in some order"),
        ("--output {tmp}", "is not empty"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, told: str) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(SystemExit) as exit_:
        main(options.format(tmp=tmp_path).split())
    assert exit_.value.code == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
