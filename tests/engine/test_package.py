"""The archive that travels to a cluster's nodes."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jobs.engine import package
from jobs.kernel import library


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package.build(tmp_path_factory.mktemp("cache"))


def test_it_is_named_by_its_content(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]
    made = archive.stat().st_mtime_ns
    assert package.build(archive.parent) == archive
    assert archive.stat().st_mtime_ns == made
    assert package.build(tmp_path).read_bytes() == archive.read_bytes()
    monkeypatch.setattr("jobs.__version__", "0.0.0")
    assert package.build(tmp_path).name != archive.name


def test_a_job_runs_from_it_alone(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
        names = set(file.namelist())
    assert {"jobs/daily_stats.py", "mrjob/job.py", "jobs/readings/dialects/default.toml"} <= names
    program = (
        "import sys, jobs.daily_stats, mrjob.job, jobs.kernel.library as library\n"
        "modules = [m for name, m in sys.modules.items() if name.partition('.')[0] in ('jobs', 'mrjob')]\n"
        "modules = [m for m in modules if getattr(m, '__file__', None)]\n"
        "assert all(m.__file__.startswith(sys.path[0]) for m in modules)\n"
        "assert all(m.__cached__.startswith(sys.path[0]) for m in modules)\n"
        "print(len(modules) > 40, library.load() is not None)"
    )
    # without a way to compile: what is imported was compiled before
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport builtins\n{program}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"True {library.load() is not None}\n", "")


def test_modules_travel_compiled(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        names = set(file.namelist())
    sources = {name for name in names if name.endswith(".py")}
    tag = f".{sys.implementation.cache_tag}.pyc"
    compiled = {str(Path(n).parent.parent / Path(n).name.replace(tag, ".py")) for n in names if n.endswith(".pyc")}
    assert compiled
    assert {name for name in sources - compiled if not name.startswith("mrjob/")} == set()


def test_old_archives_go(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"sensor-jobs-{number:016}.zip").write_bytes(b"")
    made = package.build(tmp_path)
    left = list(tmp_path.iterdir())
    assert len(left) == 8
    assert made in left
