"""The matrix: every job of the registry on every engine gives the bytes that inline gives, of two inputs."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import api, registry
from jobs.lake.writers import open_writer
from tests.clusters import use
from tests.data.real_sets import SETS

SAMPLE, REAL = "sample_data", "air_quality"
JOBS = registry.all_jobs()
OF_REAL: dict[str, dict[str, api.OptionValue]] = {
    "energy": {"power_metric": "*"},
    "site_stats": {"devices": "tests/data/air_quality_devices.csv"},
}
"""What jobs need to find something in the real set."""
ENGINES = tuple(registry.ENGINES)
Printed = Callable[[str, str, str], bytes]


def _marks(engine: str) -> list[pytest.MarkDecorator]:
    """Hadoop's runs share a cluster, so they stand together on one worker."""
    shared = {"spark": [pytest.mark.spark], "hadoop": [pytest.mark.hadoop, pytest.mark.xdist_group("hadoop")]}
    return [*shared[engine], pytest.mark.slow] if engine in shared else []


CELLS = [
    pytest.param(job, engine, data, marks=_marks(engine), id=f"{job}-{engine}-{data}")
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
    inputs: list[Path] = [Path(SAMPLE)]
    options: dict[str, api.OptionValue] = {}
    if data == REAL:
        shared: Path = request.getfixturevalue("shared_data")
        inputs = [shared / name for name in SETS[REAL].inputs]
        options |= {"dialect": SETS[REAL].dialect, **OF_REAL.get(job, {})}
    if engine != "inline":
        options |= {"split_size": "40K", "tasks": 3}
    with pytest.MonkeyPatch.context() as patch:
        if engine == "hadoop":
            use(request.getfixturevalue("hadoop_process"), patch)
        table = api.run(job, inputs, engine=engine, **options)  # type: ignore[arg-type]
    out = io.BytesIO()
    writer = open_writer("csv", out, table.schema)
    writer.write(table)
    writer.close()
    return out.getvalue()


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
    has_twin = importlib.util.find_spec(f"jobs.spark.{job}") is not None
    assert has_twin or "spark" in JOBS[job].GAPS, f"write jobs/spark/{job}.py, or say in GAPS why there is none"
    assert set(JOBS[job].GAPS) <= set(ENGINES)
    assert registry.engines(job) == tuple(engine for engine in ENGINES if engine not in JOBS[job].GAPS)


@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_a_page(job: str) -> None:
    page = Path("docs", f"{job}.md").read_text("utf-8")
    missing = [column.name for column in JOBS[job].COLUMNS if f"`{column.name}`" not in page]
    assert not missing, f"docs/{job}.md says nothing of {', '.join(missing)}"
    assert f'src="{job}.svg"' in page, "a page shows a real result as a picture"
