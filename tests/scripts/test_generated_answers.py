"""daily_stats gives the known answer of generated logs, and rejects exactly the bad lines of their ledgers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs import api
from jobs.errors import LimitError
from scripts.sample_data_generator import answer
from scripts.sample_data_generator.draw import Spec
from scripts.sample_data_generator.faults import KINDS
from scripts.sample_data_generator.generate import Kind, Output, generate
from scripts.sample_data_generator.objects import Compression
from scripts.sample_data_generator.spelling import Style
from tests.conftest import ROOT
from tests.scripts import generated

PLACE = ("object", "offset", "line", "reason", "column")


def _assert_known_answer(folder: Path, scratch: Path, *, damage: bool = False) -> None:
    on_damage = "report" if damage else "fail"
    table = api.run("daily_stats", [folder], rejects=str(scratch / "rejects"), on_damage=on_damage)
    known = answer.read(folder / "_expected" / "statistics.csv")
    assert table.column_names == known.column_names
    for name in known.column_names:
        found, expected = table[name].to_pylist(), known[name].to_pylist()
        if name == "stddev":
            assert found == [None if x is None else pytest.approx(x, rel=5e-16, abs=0) for x in expected]
        else:
            assert [*map(repr, found)] == [*map(repr, expected)], name  # −0.0 is not 0.0
    rejects = [
        json.loads(line)
        for part in sorted((scratch / "rejects").glob("part-*"))
        for line in part.read_text("utf-8").splitlines()
    ]
    found_places = [(r["object"].removeprefix(f"{folder}/"), *(r[n] for n in PLACE[1:])) for r in rejects]
    bad = [tuple(e[n] for n in PLACE) for e in generated.ledger(folder) if e["kind"] == "bad_line"]
    assert sorted(found_places, key=str) == sorted(bad, key=str)


def test_the_sample(tmp_path: Path) -> None:
    _assert_known_answer(ROOT / "sample_data", tmp_path)


@pytest.mark.parametrize(
    ("fmt", "compression", "style"),
    [
        ("csv", "none", Style(("value", "device_id", "timestamp", "metric"), "\r\n", odd=True)),
        ("csv", "gz", Style()),
        ("jsonl", "zst", Style()),
        ("wide", "bz2", Style()),
    ],
)
def test_generated_logs_with_every_fault(tmp_path: Path, fmt: Kind, compression: Compression, style: Style) -> None:
    spec = Spec(lines=8_000, devices=6, days=2, seed=11, wide=fmt == "wide")
    kinds = frozenset(KINDS if compression != "none" else KINDS[:-2]) - {"truncated"}
    generate(spec, Output(tmp_path / "logs", fmt, compression, 3, style), kinds)
    _assert_known_answer(tmp_path / "logs", tmp_path)


@pytest.mark.parametrize("compression", ["gz", "zst", "bz2", "xz"])
def test_readings_before_the_damage_count(tmp_path: Path, compression: Compression) -> None:
    generate(
        Spec(lines=3_000, devices=3, days=1), Output(tmp_path / "logs", "csv", compression), frozenset({"truncated"})
    )
    with pytest.raises(LimitError, match="damage"):
        api.run("daily_stats", [tmp_path / "logs"])
    _assert_known_answer(tmp_path / "logs", tmp_path, damage=True)


def test_parquet_with_gaps_and_clock_jumps(tmp_path: Path) -> None:
    spec = Spec(lines=20_000, devices=6, days=2)
    generate(spec, Output(tmp_path / "logs", "parquet"), frozenset({"gaps", "clock_jumps"}))
    _assert_known_answer(tmp_path / "logs", tmp_path)
