"""An installation that was made from staged packages submits with these, and asks neither an index nor a compiler."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from jobs.daily_stats import DailyStats
from jobs.emr import archive, bundle, packages, staged, wheel
from jobs.emr.work import Work
from jobs.engine.cache import cache_folder
from jobs.engine.emr_engine import EmrEngine
from jobs.engine.settings import settings
from jobs.errors import JobError
from jobs.kernel import build
from scripts import aws_cli
from tests.clusters import Rehearsal
from tests.emr.runs import ON_EMR, READING, keys
from tests.outcomes.commands import environment
from tests.servers import S3Server

OWN = platform.machine()
OTHER = next(name for name in bundle.ARCHITECTURES if name != OWN)
STAGED = {name: f"s3://lake/.sensor-jobs/packages/{name}-digest" for name in (OWN, OTHER)}
STAGE = "stage them, from a checkout: python -m scripts.infra deploy scheduler"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> Path:
    """The folder of an installation that was made from a staged bundle, where nothing can be built."""

    def refuse(*given: object, **environ: str) -> None:
        raise AssertionError(f"it builds: {given}")

    home = tmp_path / "opt"
    (home / "lib").mkdir(parents=True)
    (home / staged.FROM).write_text(f"{STAGED[OWN]}\n")
    monkeypatch.setattr(sys, "prefix", str(home))
    monkeypatch.setattr(wheel, "ROOT", home / "lib")
    monkeypatch.setattr(wheel, "pip", refuse)
    monkeypatch.setattr(build, "build", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    s3.client().create_bucket(Bucket="lake")
    s3.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    for uri in STAGED.values():
        s3.client().put_object(Bucket="lake", Key=f"{uri.removeprefix('s3://lake/')}/{bundle.REQUIREMENTS}", Body=b"x")
    return home


def runner(folder: Path, architecture: str, *options: str) -> Any:
    """A run's own, before it starts a cluster."""
    job = DailyStats(args=["-r", "emr", "s3://lake/a.csv", "--architecture", architecture, *options])
    engine, chosen = EmrEngine(job), settings(job.options, job.OPTIONS)
    engine.planned = engine.plan_for(Work("daily_stats", 1, 10**9, 15))
    empty = folder / "plan"
    empty.touch()
    job.prepare("emr", str(empty), str(empty), str(folder), 1, 1, {}, engine.given("r", "j", chosen))
    return job.make_runner()


@pytest.mark.s3
@pytest.mark.parametrize("architecture", [OWN, OTHER])
def test_nodes_install_what_is_staged_for_them(host: Path, tmp_path: Path, architecture: str) -> None:
    (host / staged.FOR_NODES).write_text("".join(f"{name}={uri}\n" for name, uri in STAGED.items()))
    made = runner(tmp_path, architecture)
    made._stage()
    uri = STAGED[architecture]
    assert made._bootstrap_actions() == [{"path": f"{uri}/bootstrap.sh", "args": [uri]}]


@pytest.mark.s3
def test_a_waiting_cluster_is_known_by_its_packages(host: Path, tmp_path: Path) -> None:
    """One with the same packages is joined, one with others is not."""

    def hashed() -> str:
        made = runner(tmp_path, OWN, "--pool-clusters")
        made._stage()
        return str(made._pool_hash())

    first = hashed()
    assert hashed() == first
    (host / staged.FROM).write_text(STAGED[OTHER])
    assert hashed() != first


@pytest.mark.s3
def test_a_processor_without_packages_is_refused(host: Path) -> None:
    with pytest.raises(JobError) as refused:
        packages.for_nodes(host, OTHER, "s3://lake/.sensor-jobs")
    assert str(refused.value) == (
        f"{host.resolve()}/staged-for: names no packages for {OTHER}; {STAGE}; or choose from those that are: "
        f"--architecture {OWN}"
    )


@pytest.mark.s3
def test_packages_that_are_gone_are_missed(host: Path, s3: S3Server) -> None:
    """Before a cluster is started that could not install them."""
    s3.client().delete_object(Bucket="lake", Key=f".sensor-jobs/packages/{OWN}-digest/{bundle.REQUIREMENTS}")
    for ask in (packages.for_nodes, packages.for_workers):
        with pytest.raises(JobError) as refused:
            ask(host, OWN, "s3://lake/.sensor-jobs")
        assert str(refused.value) == f"{STAGED[OWN]}: the packages for {OWN} are no longer there; {STAGE}"


@pytest.mark.s3
def test_workers_get_the_archive_of_what_is_staged(host: Path, s3: S3Server, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a-1-py3-none-any.whl", "w") as made:
        made.writestr("a.py", "pass")
    s3.client().upload_file(made.filename, "lake", f".sensor-jobs/packages/{OWN}-digest/a-1-py3-none-any.whl")
    cache, base = tmp_path / "bundles", "s3://lake/.sensor-jobs"
    assert packages.for_workers(cache, OWN, base) == f"{base}/archives/{OWN}-digest"
    s3.client().download_file("lake", f".sensor-jobs/archives/{OWN}-digest/{archive.NAME}", str(tmp_path / "packed"))
    with zipfile.ZipFile(tmp_path / "packed") as packed:
        assert packed.namelist() == ["a.py"]
    shutil.rmtree(cache)
    assert packages.for_workers(cache, OWN, base) == f"{base}/archives/{OWN}-digest"
    assert not cache.exists()  # nothing is fetched where the archive is there


def test_an_installation_of_other_kinds_builds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert staged.uri(OWN) is None
    (tmp_path / staged.FROM).write_text(STAGED[OWN])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert staged.uri(OWN) is None  # its Python runs a checkout


@pytest.mark.full
@pytest.mark.hadoop
@pytest.mark.slow
@pytest.mark.xdist_group("emr")
def test_a_scheduler_host_runs_a_job(emr: Rehearsal, tmp_path: Path) -> None:
    """Installed as its user data does, without a package index and a compiler of its own."""
    made = bundle.build(cache_folder() / "emr-bundles", OWN)
    uri, home = bundle.stage(made, "s3://lake/.sensor-jobs"), tmp_path / "host"
    emr.client().put_object(Bucket="lake", Key="a.csv", Body=READING)
    tools = f"{aws_cli.folder()}:{sys.base_prefix}/bin:{os.environ['PATH']}"
    env = environment({"PATH": tools, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_NO_INDEX": "1"})
    env = {name: value for name, value in env.items() if name != "PYTHONPATH"}

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    installed = run("/bin/sh", made.path / bundle.SCRIPT, uri, home)
    assert installed.returncode == 0, installed.stderr
    python = home / "bin" / "python"
    assert run(python, "-c", "import ziglang").returncode == 1
    done = run(python, "-m", "jobs.daily_stats", "s3://lake/a.csv", *ON_EMR)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("d,m,,2026-03-01,1,")
    assert not re.search("^packages", done.stderr, re.MULTILINE)
    assert {key.split("/")[2] for key in keys(emr, ".sensor-jobs/packages/")} == {made.digest}
