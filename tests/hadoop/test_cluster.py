"""A real cluster: it runs, is found again, comes back after a death, and leaves nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from jobs.engine.cache import cache_folder
from jobs.hadoop import cluster
from jobs.hadoop.cluster import Cluster
from jobs.hadoop.configuration import Layout
from jobs.hadoop.profiles import DEFAULT, Profile
from tests.clusters import need_hadoop
from tests.hadoop.faults import until
from tests.outcomes.commands import Outcome, told
from tests.processes import working_in

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop-jobs")]

ROLES = ["resourcemanager", "namenode", "datanode", "nodemanager-1", "nodemanager-2"]


def _told(command: str, home: Path) -> Outcome:
    return told(home.parent, command, "--dir", home, "--cache", cache_folder(), module="jobs.hadoop")


def test_every_role_is_a_process_that_is_ready(hadoop: Cluster) -> None:
    found = _told("status", hadoop.home)
    assert found.status == 0, found.errors
    lines = [line.split() for line in found.output.splitlines()]
    assert lines[0] == ["role", "pid", "address", "state"]
    assert [line[0] for line in lines[1:]] == ROLES
    assert {line[3] for line in lines[1:]} == {"ready"}
    assert len({line[1] for line in lines[1:]}) == len(ROLES)
    assert all(line[2].startswith("127.0.0.1:") for line in lines[1:])
    assert (
        len(
            {
                line.index(cell)
                for line in found.output.splitlines()
                for cell in ("127.0.0.1", "address")
                if cell in line
            }
        )
        == 1
    )


def test_up_finds_it_running(hadoop: Cluster) -> None:
    again = _told("up", hadoop.home)
    assert (again.status, again.output) == (0, _told("env", hadoop.home).output)
    found = cluster.find(hadoop.home)
    assert found is not None
    assert found.pids == hadoop.pids


def test_the_exported_environment_is_all_that_a_shell_needs(hadoop: Cluster, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("here\n")
    script = """
        eval "$1" && hadoop fs -mkdir -p /exported && hadoop fs -put -f a.txt /exported/ &&
        hdfs dfs -cat /exported/a.txt && hadoop fs -ls / | grep -o '/exported'
    """
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HADOOP_")}
    done = subprocess.run(
        ["sh", "-c", script, "sh", "\n".join(hadoop.exports())],
        cwd=tmp_path,
        env=plain | {"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n/exported\n", "")


@pytest.mark.full
def test_another_beside_it_comes_back_with_its_files_and_leaves_nothing(hadoop: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "another"
    started = _told("up", home)
    assert started.status == 0, started.errors
    try:
        first = cluster.find(home)
        assert first is not None
        assert not set(first.layout.ports.values()) & set(hadoop.layout.ports.values())
        command = [str(home / "bin" / "hadoop"), "fs"]
        subprocess.run([*command, "-mkdir", "/kept"], env=os.environ | first.environment(), check=True)

        os.kill(first.pids["nodemanager-2"], signal.SIGKILL)
        status = _told("status", home)
        assert status.status == 1
        assert [line.split()[0] for line in status.output.splitlines() if line.endswith("down")] == ["nodemanager-2"]

        again = _told("up", home)
        assert again.status == 0, again.errors
        second = cluster.find(home)
        assert second is not None
        subprocess.run([*command, "-test", "-d", "/kept"], env=os.environ | second.environment(), check=True)
        assert not set(first.pids.values()) & set(second.pids.values())
    finally:
        ended = _told("down", home)
    assert (ended.status, ended.errors) == (0, f"the cluster in {home} is down, and its files are gone\n")
    assert not home.exists()
    until(lambda: working_in(home) == [], 5.0)  # one that is killed may take a moment
    assert [p.name for port in first.layout.ports.values() for p in Path("/tmp").glob(f"jetty-*-{port}-*")] == []
    assert hadoop.is_ready()


def test_a_start_whose_port_was_taken_meanwhile_takes_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_hadoop()
    told: list[str] = []
    choose = Layout.on_free_ports
    with socket.socket() as other:

        def late(home: Path, profile: Profile) -> Layout:
            layout = choose(home, profile)
            if not told.count("taken"):
                told.append("taken")
                other.bind(("127.0.0.1", layout.ports["namenode"]))
                other.listen()
            return layout

        monkeypatch.setattr(Layout, "on_free_ports", staticmethod(late))
        started = cluster.up(tmp_path / "cluster", cache_folder(), told.append)
        try:
            assert started.is_ready()
            assert started.layout.ports["namenode"] != other.getsockname()[1]
            assert "another program took a port meanwhile: starting again on others" in told
        finally:
            cluster.down(started)


def test_a_daemon_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    need_hadoop()
    home = tmp_path / "cluster"
    layout = Layout.on_free_ports(home, DEFAULT)
    (layout.data / "namenode" / "current").mkdir(parents=True)  # looks like a file system, and is none
    cluster._save(Cluster(layout))
    failed = _told("up", home)
    assert (failed.status, failed.output) == (1, "")
    lines = failed.errors.splitlines()
    assert lines[0] == "error: the namenode ended while it started; the last lines of its log:"
    assert any("NameNode is not formatted" in line for line in lines[1:])
    until(lambda: working_in(home) == [], 5.0)  # one that is killed may take a moment
