"""What a user of `python -m jobs.schedule` sees who writes something wrong, or lacks something."""

from __future__ import annotations

# ruff: noqa: E501 - an approved text stands in one line
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT, run
from tests.schedule.nights import Home

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: COMMAND; --help lists the options"),
        (["run", "--date", "today"], '"today" is no date; write it as 2026-03-01'),
        (["backfill", "--from", "2026-03-02", "--to", "2026-03-01"], "--from 2026-03-02 --to 2026-03-01: --from is after --to; both days are included"),
        (["rerun", "--date", "2026-03-01", "--jobs", "daily"], '--jobs: there is no job "daily"; use some of compact, daily_stats'),
        (["run", "--date", "2026-02-28"], "--date 2026-02-28: is before the schedule's start, 2026-03-01; set start to an earlier day"),
        (["backfill", "--from", "2026-02-01", "--to", "2026-03-09"], "--from 2026-02-01: is before the schedule's start, 2026-03-01; set start to an earlier day"),
        (["run", "--date", "2999-01-01"], "--date 2999-01-01: is in the future; name a day that has begun"),
        (["backfill", "--from", "2999-01-01", "--to", "2999-01-02"], "--from 2999-01-01: is in the future; name a day that has begun"),
        (["install", "--apply", "--systemd"], "argument --systemd: not allowed with argument --apply; --help lists the options"),
        (["history", "--job", "daily"], '--job: there is no job "daily"; use some of compact, daily_stats'),
        (["history", "--limit", "0"], '"0" is no count; write a whole number from 1'),
    ],
)  # fmt: skip
def test_wrong_usage(tmp_path: Path, arguments: list[str], told: str) -> None:
    home = Home(tmp_path).write()
    place = ["--schedule", home.file] if arguments else []
    done = run("jobs.schedule", *arguments, *place)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", f"error: {told}\n")


def test_a_schedule_that_is_not_there(tmp_path: Path) -> None:
    done = run("jobs.schedule", "run", "--schedule", tmp_path / "no.toml")
    told = f"error: {tmp_path}/no.toml: cannot be read: No such file or directory; name the schedule: --schedule FILE\n"
    assert (done.returncode, done.stderr.decode()) == (3, told)


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_state_folder_that_cannot_be_made(tmp_path: Path, command: str) -> None:
    home = Home(tmp_path).write()
    (tmp_path / "state").touch()
    done = run("jobs.schedule", command, "--schedule", home.file)
    told = f"error: {tmp_path}/state: the ledger cannot be used: File exists; name another state folder\n"
    assert (done.returncode, done.stderr.decode()) == (1, told)


def test_a_package_that_is_not_installed(tmp_path: Path) -> None:
    home = Home(tmp_path).write()
    program = (
        "import sys; sys.modules['sqlalchemy'] = None; from jobs.engine.guard import guarded;"
        f"from jobs.schedule.__main__ import main; sys.argv = ['x', 'run', '--schedule', {str(home.file)!r}];"
        "sys.exit(guarded(main))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False)
    told = "error: jobs.schedule: needs the package sqlalchemy; pip install 'sensor-jobs[schedule]'\n"
    assert (done.returncode, done.stderr.decode()) == (2, told)


def test_help_is_there_without_anything_heavy() -> None:
    program = "import sys, jobs.schedule.__main__, jobs.schedule.options as o; o.parser().format_help();"
    program += "print(*(n for n in ('sqlalchemy', 'pyarrow', 'numpy', 'boto3') if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == []


def test_a_run_with_nothing_to_do_loads_nothing_to_do_it_with(tmp_path: Path) -> None:
    program = "import sys, jobs.schedule.commands, jobs.schedule.after, jobs.schedule.lease;"
    program += "print(*(n for n in ('pyarrow', 'numpy', 'mrjob', 'boto3', 'alembic') if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == []
