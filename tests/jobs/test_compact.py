"""compact: the same readings by day, sorted; every job gives the same bytes from them as from the logs."""

from __future__ import annotations

import json
import random
import re
import struct
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import api, registry
from jobs.engine import driver, tasks
from jobs.engine.driver import Emit, Outcome
from jobs.engine.options import Settings
from jobs.lake import writers
from jobs.lake.published import open_published, read_published
from tests.command_line import Twin, result, run
from tests.lake.forked import killed
from tests.servers import S3Server

JOB, TWIN = "jobs.compact", "jobs.spark.compact"
SAMPLE = Path("sample_data")
HEADER = "timestamp,device_id,metric,value,unit,quality\n"

LOG = (
    HEADER
    + """2026-03-02T00:00:00Z,b,t,1,K,ok
2026-03-01T23:59:59.999999Z,b,t,1.50,K,ok
2026-03-01T10:00:00Z,a,t,0.0,,
2026-03-01T10:00:00Z,a,t,-0.0,,
2026-03-01T10:00:00Z,a,t,-0.0,,good
2026-03-01T10:00:00Z,a,t,-0.0,,fair
2026-03-01T10:00:00Z,a,t,-0.0,,
2026-03-01T10:00:00Z,a,h,7,,
2026-03-01T09:00:00Z,a,t,9,,
1969-12-31T23:00:00Z,ä,t,1,,
2026-03-01T08:00:00Z,a ,t,1,,
"""
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(LOG, "utf-8")
    return path


def published(target: Path | str, *inputs: object, job: str = JOB, flags: Sequence[object] = ()) -> str:
    """Compacts; the target."""
    result(job, *inputs, "--output-dir", target, "-q", *flags)
    return str(target)


def files(target: Path) -> dict[str, bytes]:
    """The published files without the run's id in their names."""
    return {_plain(path.relative_to(target)): path.read_bytes() for path in sorted(target.rglob("*.parquet"))}


def _plain(path: Path) -> str:
    return f"{path.parent}/{'-'.join(path.stem.split('-')[:2])}"


def rows(target: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.concat_tables(open_published(target)).to_pylist()
    return found


def bits(row: dict[str, Any]) -> tuple[Any, ...]:
    """A reading as what it is: two are equal where all their bits are."""
    return tuple(struct.pack(">d", v) if isinstance(v, float) else v for v in row.values())


def lake_order(row: dict[str, Any]) -> tuple[Any, ...]:
    """The order of the page, in plain words."""
    number = struct.unpack(">q", struct.pack(">d", row["value"]))[0]
    image = number if number >= 0 else -(number & (2**63 - 1)) - 1
    unit, quality = row["unit"], row["quality"]
    texts = [row[name].encode() for name in ("device_id", "metric")]
    unit_key = (unit is not None, (unit or "").encode())
    return (
        row["timestamp"].date(),
        *texts,
        unit_key,
        row["timestamp"],
        image,
        (quality is None, (quality or "").encode()),
    )


def test_known_rows_in_their_order(log: Path, tmp_path: Path) -> None:
    target = tmp_path / "lake"
    published(target, log)
    assert list(files(target)) == [
        "dt=1969-12-31/part-00000",
        "dt=2026-03-01/part-00000",
        "dt=2026-03-02/part-00000",
    ]
    found = [(r["device_id"], r["metric"], str(r["value"]), r["unit"], r["quality"]) for r in rows(str(target))]
    assert found == [
        ("ä", "t", "1.0", None, None),
        ("a", "h", "7.0", None, None),
        ("a", "t", "9.0", None, None),
        ("a", "t", "-0.0", None, "fair"),
        ("a", "t", "-0.0", None, "good"),
        ("a", "t", "-0.0", None, None),
        ("a", "t", "-0.0", None, None),
        ("a", "t", "0.0", None, None),
        ("a ", "t", "1.0", None, None),
        ("b", "t", "1.5", "K", "ok"),
        ("b", "t", "1.0", "K", "ok"),
    ]


def test_repeats_are_left_out_on_request(log: Path, tmp_path: Path) -> None:
    done = run(JOB, log, "--deduplicate", "--output-dir", tmp_path / "lake")
    assert b" 3 repeats left out " in done.stderr
    found = rows(str(tmp_path / "lake"))
    assert len(found) == 8
    zeros = [(str(row["value"]), row["quality"]) for row in found if row["value"] == 0]
    assert zeros == [("-0.0", "fair"), ("0.0", None)]


def test_the_order_of_the_sample(tmp_path: Path) -> None:
    """By sorting in plain Python what extract gives."""
    target = published(tmp_path / "lake", SAMPLE)
    logged = api.run("extract", [SAMPLE]).to_pylist()
    assert Counter(map(bits, rows(target))) == Counter(map(bits, logged))
    assert list(map(bits, rows(target))) == list(map(bits, sorted(logged, key=lake_order)))
    for path in Path(target).rglob("*.parquet"):
        days = {time.date().isoformat() for time in pq.ParquetFile(path).read(["timestamp"])["timestamp"].to_pylist()}
        assert {f"dt={day}" for day in days} == {path.parent.name}


OTHERWISE = {"extract", "data_quality"}
"""Jobs that tell of the order of records and of what is no reading, which a lake has not kept."""
OPTIONS = {"site_stats": ["--devices", str(SAMPLE / "_devices.csv")]}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, compacted."""
    target = tmp_path_factory.mktemp("compact") / "lake"
    published(target, SAMPLE, flags=["-r", "inline"])
    return target


@pytest.mark.parametrize(
    ("job", "flags"),
    [
        ("daily_stats", ["--quantiles", "0.5"]),
        ("daily_stats", ["--deduplicate", "--time-zone", "Asia/Kolkata"]),
        ("daily_stats", ["--from", "2026-03-29", "--to", "2026-03-30", "--max-lateness", "0"]),
        ("top_devices", ["--per", "day"]),
        *((job, OPTIONS.get(job, [])) for job in sorted(registry.all_jobs().keys() - OTHERWISE)),
    ],
)
def test_any_job_gives_the_same_bytes_on_it(lake: Path, job: str, flags: list[str]) -> None:
    raw = [flag for flag in flags if flag not in ("--max-lateness", "0")]  # the logs' folders are those of arrival
    expected = result(f"jobs.{job}", SAMPLE, *raw)
    assert expected.count(b"\n") > 4
    assert result(f"jobs.{job}", lake, *flags) == expected
    assert result(f"jobs.{job}", lake, *flags, "-r", "local", "--tasks", "2", "--split-size", "10K") == expected


def test_days_outside_are_not_read(lake: Path) -> None:
    done = run("jobs.daily_stats", lake, "--from", "2026-03-31", "--max-lateness", "0", "--to", "2026-03-31T12:00:00")
    assert b"4 objects" in done.stderr, done.stderr.decode()
    why = b"their dt= folders lie before --from or more than 0 days after --to (--max-lateness takes in more)"
    assert b"passed over: " + why in done.stderr


@pytest.mark.parametrize("flags", [[], ["--deduplicate"]], ids=["all", "distinct"])
def test_the_same_files_whatever_the_tasks(tmp_path: Path, lake: Path, flags: list[str]) -> None:
    expected = files(lake) if not flags else files(Path(published(tmp_path / "one", SAMPLE, flags=flags)))
    published(tmp_path / "many", SAMPLE, flags=[*flags, "-r", "local", "--tasks", "3", "--split-size", "9001"])
    assert files(tmp_path / "many") == expected


def test_the_same_rows_from_small_pieces(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PIECE_BYTES", 5_000)  # less than a day of one device, and more
    api.run("compact", [SAMPLE], engine="inline", output_dir=str(tmp_path / "small"), target_size="64K")
    assert files(tmp_path / "small") == files(lake)


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--deduplicate"]], ids=["all", "distinct"])
def test_the_same_files_on_spark(tmp_path: Path, flags: list[str], twin: Twin) -> None:
    mine = published(tmp_path / "mine", SAMPLE, flags=flags)
    assert twin(TWIN, SAMPLE, "--output-dir", tmp_path / "twin", *flags, "--split-size", "50K", "--measure") == b""
    assert files(tmp_path / "twin") == files(Path(mine))


def test_files_end_at_the_target_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of 500 rows: a file ends with the one with which it has 64 KiB."""
    log, chance = tmp_path / "log.csv", random.Random(5)
    lines = (
        f"2026-03-0{1 + i % 2}T00:00:{i % 60:02d}.{i:06d}Z,d{i % 7},t,{chance.random()},,\n" for i in range(50_000)
    )
    log.write_text(HEADER + "".join(lines))
    monkeypatch.setattr(writers, "ROW_GROUP_ROWS", 500)
    found = []
    options: list[dict[str, Any]] = [{}, {"split_size": "100K", "tasks": 3, "engine": "local"}]
    for number, more in enumerate(options):
        target = tmp_path / f"lake{number}"
        api.run("compact", [log], output_dir=str(target), target_size="64K", **more)
        found.append(files(target))
        sizes = {part.name: part.size for part in read_published(str(target)).parts}
    assert found[0] == found[1]
    assert len(sizes) > 4
    last = {max(name for name in sizes if name.startswith(day)) for day in ("dt=2026-03-01", "dt=2026-03-02")}
    assert all(64 << 10 <= size < 84 << 10 for name, size in sizes.items() if name not in last)


def test_late_readings_join_their_day(log: Path, tmp_path: Path) -> None:
    """A published lake and what came later make the lake of all."""
    late = tmp_path / "late" / "dt=2026-03-05"
    late.mkdir(parents=True)
    (late / "late.csv").write_text(HEADER + "2026-03-01T10:00:00Z,a,t,-1,,\n2026-03-05T00:00:00Z,a,t,5,,\n")
    whole = published(tmp_path / "whole", log, late)
    lake = published(tmp_path / "lake", log)
    published(lake, lake, late, flags=["--overwrite"])
    assert files(tmp_path / "lake") == files(Path(whole))
    assert json.loads((tmp_path / "lake" / "_SUCCESS").read_text())["rows"] == 13


@pytest.mark.parametrize("spelled", ["{folder}/sorted", "sorted", "./sorted/", "../{name}/sorted"])
def test_its_own_output_is_not_read_again(log: Path, tmp_path: Path, spelled: str) -> None:
    target = spelled.format(folder=tmp_path, name=tmp_path.name)
    published(tmp_path / "sorted", log.parent)
    done = run(JOB, log.parent, "--output-dir", target, "--overwrite", cwd=tmp_path)
    assert (done.returncode, done.stderr.decode()) == (
        2,
        f"error: {target}: lies within the input, whose readings would count twice; "
        "name a folder beside the input, or the lake itself as an input\n",
    )


def test_the_manifest_names_what_was_read(log: Path, tmp_path: Path) -> None:
    manifest = read_published(published(tmp_path / "lake", log))
    stat = log.stat()
    assert manifest.provenance["objects"] == [{"uri": str(log), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}]
    assert [name for name, _ in manifest.columns] == ["timestamp", "device_id", "metric", "value", "unit", "quality"]
    assert manifest.rows == 11


def test_without_readings(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEADER)
    target = published(tmp_path / "lake", tmp_path / "log.csv")
    assert list(files(Path(target))) == ["./part-00000"]
    assert result("jobs.daily_stats", target).count(b"\n") == 1


def test_a_preview(log: Path) -> None:
    done = run(JOB, log, "--output-format", "csv")
    assert done.stdout.decode().splitlines() == [
        "date,readings,devices,metrics,first_timestamp,last_timestamp,files,bytes",
        "1969-12-31,1,1,1,1969-12-31T23:00:00Z,1969-12-31T23:00:00Z,1,8",
        "2026-03-01,9,3,2,2026-03-01T08:00:00Z,2026-03-01T23:59:59.999999Z,1,72",
        "2026-03-02,1,1,1,2026-03-02T00:00:00Z,2026-03-02T00:00:00Z,1,8",
    ]
    assert done.stderr.endswith(b"nothing was written: --output-dir DIR writes these files\n")


def test_other_spellings_of_the_same_readings(log: Path, tmp_path: Path) -> None:
    """JSON lines in another order, and a lake of a lake."""
    lake = published(tmp_path / "lake", log)
    names = HEADER.strip().split(",")
    documents: list[dict[str, Any]] = [dict(zip(names, line.split(","), strict=True)) for line in LOG.splitlines()[1:]]
    for document in documents:
        document.update(
            {"value": float(document["value"])}, **{k: None for k in ("unit", "quality") if not document[k]}
        )
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(d) + "\n" for d in reversed(documents)))
    assert files(Path(published(tmp_path / "json", tmp_path / "log.jsonl"))) == files(tmp_path / "lake")
    assert files(Path(published(tmp_path / "again", lake))) == files(tmp_path / "lake")


@pytest.mark.s3
def test_on_s3(s3: S3Server, lake: Path) -> None:
    client = s3.client()
    client.create_bucket(Bucket="lake")
    target = "s3://lake/sorted/"
    published(target, SAMPLE / "readings")
    published(target, SAMPLE, flags=["--overwrite"])
    listed = [entry["Key"] for entry in client.list_objects_v2(Bucket="lake")["Contents"]]
    manifest = read_published(target)
    assert len(listed) > 1 + len(manifest.parts)  # those of the first are still there for slow readers
    bodies = {
        _plain(Path(part.name)): client.get_object(Bucket="lake", Key=f"sorted/{part.name}")["Body"].read()
        for part in manifest.parts
    }
    assert bodies == files(lake)
    assert result("jobs.daily_stats", target) == result("jobs.daily_stats", SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["publish.part", "publish.success", "publish.exchange"])
def test_killed_it_leaves_the_earlier_lake(log: Path, tmp_path: Path, moment: str) -> None:
    target = tmp_path / "here" / "lake"
    published(target, log)
    before = files(target)
    log.write_text(LOG + "2026-03-09T00:00:00Z,b,t,1,K,ok\n", "utf-8")
    for when in ("before", "after"):
        assert killed(lambda: _again(log, target), f"{moment}:{when}")
        shown = files(target)
        assert shown == before or (moment == "publish.exchange" and when == "after" and len(shown) == len(before) + 1)
    _again(log, target)
    assert len(files(target)) == len(before) + 1
    assert [path.name for path in target.parent.iterdir()] == ["lake"]


def _again(log: Path, target: Path) -> None:
    api.run("compact", [log], engine="inline", output_dir=str(target), overwrite=True)


MEASURED = re.compile(
    r"counted by day in (\d+\.\d\d) s from the logs, in (\d+\.\d\d) s from these: \d+\.\d times as fast"
)


def test_what_it_gains_is_measured(lake: Path, tmp_path: Path) -> None:
    """Also where the lake takes the place of its own input; what is published is the same."""
    target = tmp_path / "lake"
    for inputs, flags in (([SAMPLE], ["-r", "local", "--tasks", "2"]), ([target], ["--overwrite"])):
        done = run(JOB, *inputs, "--output-dir", target, "--measure", *flags)
        assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
        found = MEASURED.fullmatch(done.stderr.decode().splitlines()[-1])
        assert found, done.stderr.decode()
        assert min(map(float, found.groups())) > 0
        assert files(target) == files(lake)
    assert "times as fast" not in (target / "_SUCCESS").read_text()


def test_both_runs_count_every_reading(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[tuple[str, ...], int]] = []
    told = driver.drive

    def drive(job: Any, settings: Settings, engine: Any, emit: Emit, base: str | None = None) -> Outcome:
        outcome = told(job, settings, engine, emit, base)
        counted.append((settings.inputs, outcome.report.selected))
        return outcome

    monkeypatch.setattr(driver, "drive", drive)
    outcome = api.publish("compact", [log], tmp_path / "lake", engine="inline", measure=True, deduplicate=True)
    assert counted == [((str(log),), 11), ((str(tmp_path / "lake"),), 8)]
    assert outcome.timed is not None


def test_nothing_is_measured_of_what_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEADER + "2026-03-01T10:00:00Z,a,t,x,,\n")
    done = run(JOB, tmp_path / "log.csv", "--output-dir", tmp_path / "lake", "--measure")
    assert done.returncode == 4
    assert b"times as fast" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--measure"], "--measure: nothing is written that could be read; add --output-dir"),
        (
            ["--measure", "--output-dir", "lake", "-"],
            "--measure -: standard input is read once; leave it out, or name files",
        ),
        (
            ["--measure", "--output-dir", "lake", "-r", "emr"],
            "--measure -r emr: would time how a cluster's steps start; leave it out",
        ),
        (["--target-size", "1K"], "--target-size 1K: must be at least 64K"),
        (["--target-size", "big"], "--target-size: 'big' is no size; write it as 500K, 64M or 1G"),
        (
            ["--output-dir", "lake", "--output-format", "csv"],
            "--output-format csv: compact publishes Parquet only; leave it out",
        ),
    ],
)
def test_refused(log: Path, flags: list[str], message: str) -> None:
    done = run(JOB, log, *flags)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {message}\n")


@pytest.mark.shared_data
def test_a_real_set(shared_data: Path, tmp_path: Path) -> None:
    logs = shared_data / "uci_beijing_prsa" / "PRSA*.csv"
    flags = ["--dialect", "prsa", "--metric", "PM2.5", "--to", "2013-06-01"]
    lake = published(tmp_path / "lake", logs, flags=flags)
    assert result("jobs.daily_stats", lake) == result("jobs.daily_stats", logs, *flags)
