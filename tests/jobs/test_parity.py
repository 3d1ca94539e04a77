"""The matrix: every job of the registry on every engine gives the bytes that inline gives, of two inputs. The real one
on Hadoop lies in HDFS (test_parity_on_hdfs.py); Amazon EMR's part is tests/emr/test_parity_on_emr.py."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

from jobs import api, registry
from jobs.engine.engines import ENGINES
from jobs.lake.writers import open_writer
from tests.clusters import use
from tests.command_line import ROOT, run
from tests.data.real_sets import SETS

SAMPLE, REAL = "sample_data", "air_quality"
JOBS = registry.all_jobs()
OF_REAL: dict[str, dict[str, api.OptionValue]] = {
    "energy": {"power_metric": "*"},
    "site_stats": {"devices": "tests/data/air_quality_devices.csv"},
}
"""What jobs need to find something in the real set."""
Printed = Callable[[str, str, str], bytes]


def _marks(engine: str, data: str) -> list[pytest.MarkDecorator]:
    """What runs on Hadoop shares a cluster, so it stands together on one worker."""
    on_hadoop = [pytest.mark.hadoop, pytest.mark.xdist_group("hadoop-jobs")]
    shared = {"spark": [pytest.mark.spark], "hadoop": on_hadoop, "yarn": on_hadoop}
    if engine not in shared:
        return []
    return [*shared[engine], pytest.mark.slow, *([pytest.mark.full] if data == REAL else [])]


CELLS = [
    pytest.param(job, engine, data, marks=_marks(engine, data), id=f"{job}-{engine}-{data}")
    for job in JOBS
    for engine in ENGINES
    for data in (SAMPLE, REAL)
    if engine != "inline" and (engine, data) != ("hadoop", REAL)
]


@pytest.fixture(scope="module")
def printed(request: pytest.FixtureRequest) -> Printed:
    """What a job gives on an engine, as CSV."""
    known: dict[tuple[str, str, str], bytes] = {}

    def of(job: str, engine: str, data: str) -> bytes:
        if (job, engine, data) not in known:
            known[job, engine, data] = _run(job, engine, data, request)
        return known[job, engine, data]

    return of


def _run(job: str, engine: str, data: str, request: pytest.FixtureRequest) -> bytes:
    inputs, options = _inputs(data, request), _options(job, engine, data)
    if engine == "yarn":
        table = _on_yarn(job, data, request)
    else:
        with pytest.MonkeyPatch.context() as patch:
            if engine == "hadoop":
                use(request.getfixturevalue("hadoop_process"), patch)
            if engine == "spark":
                request.getfixturevalue("spark_session")
            table = api.run(job, inputs, engine=engine, **options)  # type: ignore[arg-type]  # a text that is one of them
    out = io.BytesIO()
    writer = open_writer("csv", out, table.schema)
    writer.write(table)
    writer.close()
    return out.getvalue()


def _inputs(data: str, request: pytest.FixtureRequest) -> list[Path]:
    if data == SAMPLE:
        return [Path(SAMPLE)]
    shared: Path = request.getfixturevalue("shared_data")
    return [shared / name for name in SETS[REAL].inputs]


def _options(job: str, engine: str, data: str) -> dict[str, api.OptionValue]:
    options: dict[str, api.OptionValue] = {}
    if data == REAL:
        options |= {"dialect": SETS[REAL].dialect, **OF_REAL.get(job, {})}
    if engine != "inline":
        options |= {"split_size": "40K", "tasks": 3}
    return options


def _on_yarn(job: str, data: str, request: pytest.FixtureRequest) -> pa.Table:
    folder: Path = request.getfixturevalue("yarn_results")(data)
    if (error := folder / f"{job}.error").exists():
        pytest.fail(error.read_text("utf-8"))
    return feather.read_table(folder / f"{job}.arrow")


@pytest.fixture(scope="module")
def yarn_results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of what all twins gave on YARN, which run once for each data."""
    known: dict[str, Path] = {}

    def of(data: str) -> Path:
        if data not in known:
            folder = known[data] = tmp_path_factory.mktemp(data)
            options = {name: _options(name, "yarn", data) for name in JOBS if "spark" not in JOBS[name].GAPS}
            with pytest.MonkeyPatch.context() as patch:
                use(request.getfixturevalue("hadoop_process"), patch)
                given = (folder, *_inputs(data, request))
                done = run("tests.jobs.on_yarn", *given, env={"ON_YARN": json.dumps(options)}, timeout=1200)
            if done.returncode:
                for name in options:
                    (folder / f"{name}.error").write_bytes(done.stderr)
        return known[data]

    return of


@pytest.mark.parametrize(("job", "engine", "data"), CELLS)
def test_the_same_bytes(printed: Printed, job: str, engine: str, data: str) -> None:
    if engine in JOBS[job].GAPS:
        with pytest.raises(Exception, match=r".") as raised:  # a gap that is none any more must go
            printed(job, engine, data)
        assert not isinstance(raised.value, AssertionError)
        return
    expected = printed(job, "inline", data)
    assert expected.count(b"\n") > 1, "nothing to compare"
    assert printed(job, engine, data) == expected


@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_a_twin(job: str) -> None:
    has_twin = (ROOT / "jobs" / "spark" / f"{job}.py").exists()
    assert has_twin or "spark" in JOBS[job].GAPS, f"write jobs/spark/{job}.py, or say in GAPS why there is none"
    assert set(JOBS[job].GAPS) <= set(ENGINES)
    assert registry.engines(job) == tuple(engine for engine in ENGINES if engine not in JOBS[job].GAPS)


@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_a_page(job: str) -> None:
    page = Path("docs", f"{job}.md").read_text("utf-8")
    missing = [column.name for column in JOBS[job].COLUMNS if f"`{column.name}`" not in page]
    assert not missing, f"docs/{job}.md says nothing of {', '.join(missing)}"
    assert f'src="{job}.svg"' in page, "a page shows a real result as a picture"
