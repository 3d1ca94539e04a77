"""The lines for cron: printed, written once beside others' lines, removed alone, and run by a real cron."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import JobError
from jobs.schedule import config, crontab
from jobs.schedule.model import Schedule
from tests.command_line import ROOT
from tests.schedule.nights import Home

FOREIGN = "# of others\nMAILTO=ops\n1 1 * * * true 100\\%\n"


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    folder = tmp_path / "it's 100% here"
    folder.mkdir()
    return config.load(Home(folder).write().file)


def test_lines_of_others_stay_and_ours_are_there_once(schedule: Schedule) -> None:
    once = crontab.with_ours(FOREIGN, schedule)
    assert once.startswith(FOREIGN)
    assert once.count("jobs.schedule run") == 1
    assert crontab.with_ours(once, schedule) == once
    assert crontab.with_ours(once + "2 2 * * * true\n", schedule) == once + "2 2 * * * true\n"
    assert crontab.without_ours(once, schedule) == FOREIGN
    assert crontab.without_ours(FOREIGN, schedule) == FOREIGN
    assert crontab.with_ours("1 1 * * * true", schedule).startswith("1 1 * * * true\n#")


def test_another_line_of_ours_is_replaced(schedule: Schedule) -> None:
    begin, line, end = crontab.cron_lines(schedule)
    old = f"{begin}\n0 0 * * * old\n{end}\n"
    assert crontab.with_ours(FOREIGN + old, schedule) == FOREIGN + f"{begin}\n{line}\n{end}\n"


@pytest.mark.parametrize("lost", [0, 2])
def test_a_mark_that_is_missing_is_told(schedule: Schedule, lost: int) -> None:
    lines = crontab.cron_lines(schedule)
    del lines[lost]
    with pytest.raises(JobError, match=r"^crontab: one of our two marks is missing or twice; mend it by hand: #"):
        crontab.with_ours("\n".join(lines) + "\n", schedule)


def test_percent_and_quotes_survive_cron(schedule: Schedule) -> None:
    line = crontab.cron_lines(schedule)[1]
    command = line.split(" ", 5)[5].replace(r"\%", "%")  # as cron hands it to the shell
    assert "%" not in line.replace(r"\%", "")
    shown = subprocess.run(["sh", "-n", "-c", command], capture_output=True, check=False)
    assert shown.returncode == 0, shown.stderr


def test_the_units_say_what_cron_runs(schedule: Schedule) -> None:
    units, place = crontab.systemd_units(schedule), str(schedule.folder).replace("%", "%%")
    assert f"\nWorkingDirectory={place}\n" in units
    assert units.split("ExecStart=")[1].split("\n")[0].endswith(f' run --schedule "{place}/schedule.toml"')
    strange = replace(schedule, file=Path('/srv/a "$HOME" \\ b.toml'))
    assert '--schedule "/srv/a \\"$$HOME\\" \\\\ b.toml"\n' in crontab.systemd_units(strange)


@pytest.mark.slow
def test_install_and_uninstall(tmp_path: Path) -> None:
    """With a crontab command of the test's own, which keeps the text in a file."""
    home = Home(tmp_path).write()
    kept, tool = tmp_path / "kept", tmp_path / "bin" / "crontab"
    tool.parent.mkdir()
    tool.write_text(
        f'#!/bin/sh\ncase $1 in -l) test -e {kept} || {{ echo "no crontab for me" >&2; exit 1; }}; cat {kept};;\n'
        f" -r) rm {kept};; -) cat > {kept};; esac\n"
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    home.env = {"PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}
    shown = home.call("install")
    assert shown.stdout.decode().splitlines() == crontab.cron_lines(config.load(home.file))
    assert not kept.exists()
    assert home.call("install", "--apply").stderr.decode() == "in the crontab\n"
    assert home.call("install", "--apply").stderr.decode() == "in the crontab already\n"
    kept.write_text(FOREIGN + kept.read_text())
    assert home.call("uninstall").stderr.decode() == "gone from the crontab\n"
    assert kept.read_text() == FOREIGN
    assert home.call("uninstall").stderr.decode() == "was not in the crontab\n"
    units = home.call("install", "--systemd").stdout.decode()
    assert "OnCalendar=*-*-* 02:17:00 UTC" in units
    assert f"WorkingDirectory={tmp_path}" in units


@pytest.mark.slow
def test_the_line_runs_in_the_bare_environment_of_cron(tmp_path: Path) -> None:
    folder = tmp_path / "it's 100% here"
    folder.mkdir()
    home = Home(folder).write()
    home.arrive("2026-03-01")
    command = crontab.cron_lines(config.load(home.file))[1].split(" ", 5)[5].replace(r"\%", "%")
    bare = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "me"}
    # this checkout need not be installed in the interpreter that runs the tests
    bare |= {"PYTHONPATH": str(ROOT), "JOBS_TEST_NOW": "2026-03-02T02:00:00+00:00"}
    done = subprocess.run(["/bin/sh", "-c", command], env=bare, cwd="/", capture_output=True, check=False)
    assert done.returncode == 0, (folder / "state" / "cron.log").read_text()
    assert done.stdout == done.stderr == b"", "cron would send mail"
    assert home.rows("daily_stats", "2026-03-01").num_rows == 1


@pytest.fixture
def cron(tmp_path: Path) -> Iterator[str]:
    """Debian's cron, which nothing runs yet, and whose crontab of this user is empty before and after."""
    program = shutil.which("cron", path=f"{os.environ['PATH']}:/usr/sbin")
    shown = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False) if program else None
    if program is None or shown is None or os.getuid() or shown.returncode == 0 or _is_running("cron"):
        if os.environ.get("CI") == "true":
            pytest.fail("CI must be root, with a cron that does not run yet and an empty crontab")
        pytest.skip("there is no cron to start here, or its crontab is somebody's")
    yield program
    subprocess.run(["crontab", "-r"], capture_output=True, check=False)


def _is_running(program: str) -> bool:
    names = (folder / "comm" for folder in Path("/proc").iterdir() if folder.name.isdigit())
    return any(name.exists() and name.read_text().strip() == program for name in names)


@pytest.mark.slow
def test_a_real_cron_runs_the_installed_line(tmp_path: Path, cron: str) -> None:
    home = Home(tmp_path).write()
    home.arrive("2026-03-01")
    # this checkout need not be installed in the interpreter that runs the tests
    foreign = f"PYTHONPATH={ROOT}\nJOBS_TEST_NOW=2026-03-02T02:00:00+00:00\n0 0 1 1 * true 100\\% of others\n"
    crontab.write(foreign)
    assert home.call("install", "--apply").returncode == 0
    installed = crontab.read()
    assert installed.startswith(foreign)
    assert sys.executable in installed
    crontab.write(installed.replace("17 2 * * *", "* * * * *"))  # now, not at night
    process = subprocess.Popen([cron, "-f", "-L", "15"], start_new_session=True)
    try:
        log = tmp_path / "state" / "cron.log"
        deadline = time.monotonic() + 130
        while not (log.exists() and "made, 0 failed" in log.read_text()) and time.monotonic() < deadline:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
        assert "2 made, 0 failed" in log.read_text()
    finally:
        process.terminate()
        process.wait()
    assert home.rows("daily_stats", "2026-03-01").num_rows == 1
    assert home.call("uninstall").returncode == 0
    assert crontab.read() == foreign
