"""What `python -m jobs.hadoop` says where no cluster can start, or there is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jobs.engine.cache import cache_folder
from jobs.hadoop import cluster, configuration, daemons, folder, jars, sharing
from jobs.hadoop.cluster import Cluster
from jobs.hadoop.configuration import Layout
from jobs.hadoop.profiles import DEFAULT, FAULTS
from tests.outcomes.commands import Outcome, told


def _told(*arguments: object, folder: Path, **env: str) -> Outcome:
    return told(folder, *arguments, module="jobs.hadoop", env=env)


def _program(folder: Path, name: str, text: str = "exit 0") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return folder


def test_without_java(tmp_path: Path) -> None:
    bare = _program(tmp_path / "bin", "mvn")
    fix = "install Java 17 or newer (Debian: apt install openjdk-17-jre-headless)"
    error = f"error: java: Java is missing, on which Hadoop runs; {fix}\n"
    assert _told("up", "--cache", tmp_path, folder=tmp_path, PATH=str(bare), JAVA_HOME="") == Outcome(1, "", error)


def test_with_a_wrong_java_home(tmp_path: Path) -> None:
    error = "error: JAVA_HOME=/nowhere: there is no bin/java in it; correct or unset it\n"
    assert _told("up", "--cache", tmp_path, folder=tmp_path, JAVA_HOME="/nowhere") == Outcome(1, "", error)


def test_without_maven(tmp_path: Path) -> None:
    bare = _program(tmp_path / "bin", "java")
    fix = "install Maven (Debian: apt install maven; macOS: brew install maven)"
    error = f"error: mvn: Maven is missing, which fetches Hadoop's jars; {fix}\n"
    assert _told("up", "--cache", tmp_path / "c", folder=tmp_path, PATH=str(bare), JAVA_HOME="") == Outcome(
        1, "", error
    )


def test_maven_fails(tmp_path: Path) -> None:
    _program(tmp_path / "bin", "java")
    bare = _program(tmp_path / "bin", "mvn", "echo '[INFO] working'; echo '[ERROR] Unknown host' >&2; exit 1")
    path = f"{bare}:{os.defpath}"
    failed = _told("up", "--cache", tmp_path / "c", folder=tmp_path, PATH=path, JAVA_HOME="")
    assert failed == Outcome(1, "", "error: Maven could not fetch Hadoop's jars\n[ERROR] Unknown host\n")
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["lock"]


def test_jars_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for Maven: what it leaves in its folder is the cache's from then on."""
    script = 'for word; do case $word in -Dfolder=*) mkdir -p "${word#-Dfolder=}/lib";; esac; done; echo x >> "$CALLS"'
    monkeypatch.setenv("PATH", f"{_program(tmp_path / 'bin', 'mvn', script)}:{os.defpath}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "cache" / "maven").mkdir(parents=True)
    first = jars.resolve(tmp_path / "cache", lambda text: None)
    assert jars.resolve(tmp_path / "cache", lambda text: None) == first
    assert (tmp_path / "calls").read_text() == "x\n"
    assert (first / "lib").is_dir()
    assert not (tmp_path / "cache" / "maven").exists()


def test_a_folder_with_other_things(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    folder = tmp_path / "mine"
    bare = _program(tmp_path / "bin", "java")
    refused = _told("up", "--dir", folder, folder=tmp_path, PATH=str(bare), JAVA_HOME="")
    assert refused == Outcome(2, "", f"error: --dir {folder}: is neither empty nor a cluster's folder; name another\n")
    assert (folder / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("below", ["", "c"])
def test_a_folder_that_is_a_file(tmp_path: Path, below: str) -> None:
    bare = _program(tmp_path / "bin", "java")
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / below
    refused = _told("up", "--dir", folder, folder=tmp_path, PATH=str(bare), JAVA_HOME="")
    assert refused == Outcome(2, "", f"error: --dir {folder}: {tmp_path / 'file'} is not a folder; name another\n")
    gone = _told("down", "--dir", folder, folder=tmp_path)
    assert gone == Outcome(0, "", f"there is no cluster in {folder}\n")


def test_a_folder_that_class_paths_cannot_name(tmp_path: Path) -> None:
    bare = _program(tmp_path / "bin", "java")
    refused = _told("up", "--dir", tmp_path / "a b", folder=tmp_path, PATH=str(bare), JAVA_HOME="")
    fix = "name one without blanks, commas and colons"
    error = f"error: --dir {tmp_path / 'a b'}: Hadoop cannot work in a folder of this name; {fix}\n"
    assert refused == Outcome(2, "", error)


@pytest.mark.parametrize("command", ["status", "env"])
def test_no_cluster_yet(tmp_path: Path, command: str) -> None:
    error = f"error: {tmp_path / 'c'}: there is no cluster; start one: python -m jobs.hadoop up\n"
    assert _told(command, "--dir", tmp_path / "c", folder=tmp_path) == Outcome(1, "", error)


def test_down_without_a_cluster(tmp_path: Path) -> None:
    said = f"there is no cluster in {tmp_path / 'c'}\n"
    assert _told("down", "--dir", tmp_path / "c", folder=tmp_path) == Outcome(0, "", said)


def test_a_command_is_needed(tmp_path: Path) -> None:
    error = "error: the following arguments are required: COMMAND; --help lists the options\n"
    assert _told(folder=tmp_path) == Outcome(2, "", error)


def test_the_cache_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "sensor-jobs"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "sensor-jobs"


def _written(layout: Layout) -> dict[str, dict[str, str]]:
    """The properties in each configuration file, by its name below etc."""
    configuration.write(layout)
    return {
        str(path.relative_to(layout.home / "etc")): {
            str(item.findtext("name")): str(item.findtext("value")) for item in ElementTree.parse(path).iter("property")
        }
        for path in (layout.home / "etc").rglob("*.xml")
    }


def test_configuration_is_what_the_table_says(tmp_path: Path) -> None:
    layout = Layout.on_free_ports(tmp_path / "a & b", DEFAULT)
    assert len(set(layout.ports.values())) == len(layout.ports) == 16
    read = _written(layout)
    assert read["hadoop/core-site.xml"] == {k: str(v) for k, v in configuration.core(layout).items()}
    first, second = (read[f"nodemanager-{number}/yarn-site.xml"] for number in (1, 2))
    own = {key for key in first if first[key] != second[key]}
    assert own == set(configuration.node_manager(layout, "nodemanager-1"))
    addresses = {v for table in read.values() for k, v in table.items() if k.endswith("address")}
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+", address) for address in addresses)


def test_a_profile_stands_above_the_rest_and_each_daemon_has_its_own(tmp_path: Path) -> None:
    layout = Layout.on_free_ports(tmp_path / "c", FAULTS)
    read = _written(layout)
    for file, properties in FAULTS.properties.items():
        for daemon in ("hadoop", *layout.node_managers, *layout.data_nodes):
            found = read[f"{daemon}/{file}"]
            assert {key: found[key] for key in properties} == {key: str(value) for key, value in properties.items()}
    first, second = (read[f"{name}/hdfs-site.xml"] for name in ("datanode-1", "datanode-2"))
    assert {key for key in first if first[key] != second[key]} == set(configuration.data_node(layout, "datanode-1"))
    assert {**read["hadoop/hdfs-site.xml"], **first} == first


def test_a_cluster_of_another_kind(tmp_path: Path) -> None:
    home, bare = tmp_path / "c", _program(tmp_path / "bin", "java")
    home.mkdir()
    cluster._save(Cluster(Layout.on_free_ports(home, DEFAULT)))
    refused = _told("up", "--dir", home, "--profile", "faults", folder=tmp_path, PATH=str(bare), JAVA_HOME="")
    what = f"the cluster in {home} is of the profile default; bring it down first, or name another --dir"
    assert refused == Outcome(2, "", f"error: --profile faults: {what}\n")


def test_a_profile_that_is_none(tmp_path: Path) -> None:
    what = "argument --profile: invalid choice: 'x' (choose from 'default', 'faults'); --help lists the options"
    assert _told("up", "--profile", "x", folder=tmp_path) == Outcome(2, "", f"error: {what}\n")


def test_hadoop_is_the_one_that_pyspark_bundles() -> None:
    pyspark = pytest.importorskip("pyspark")
    if not pyspark.__version__.startswith("4."):
        pytest.skip("an older Spark bundles an older Hadoop")
    bundled = next(Path(pyspark.__file__).parent.glob("jars/hadoop-client-api-*.jar"))
    assert bundled.stem == f"hadoop-client-api-{jars.version()}"


def test_the_package_has_all_that_a_cluster_needs() -> None:
    """What setup.py lists as the package's data is what lies beside its modules."""
    listed = re.search(r'"jobs\.hadoop": \[(.*)\]', Path("setup.py").read_text("utf-8"))
    assert listed is not None
    patterns = re.findall(r'"(.+?)"', listed[1])
    here = Path("jobs", "hadoop")
    others = {path.name for path in here.iterdir() if path.is_file() and path.suffix != ".py"}
    assert others == {path.name for pattern in patterns for path in here.glob(pattern)}


def test_a_cluster_that_is_being_started_is_awaited_before_it_is_removed(tmp_path: Path) -> None:
    home = tmp_path / "c"
    home.mkdir()
    made = Cluster(Layout.on_free_ports(home, DEFAULT))
    cluster._save(made)
    with ThreadPoolExecutor() as pool:
        with folder.locked(home, lambda text: None):
            going = pool.submit(cluster.down, made)
            time.sleep(0.3)
            assert not going.done()
            assert cluster.find(home) is not None
            late = pool.submit(_locked_and_there, home)
        going.result(60)
        assert late.result(60), "who waited for the folder's lock has that of a folder that is there"


def test_starts_and_removals_of_one_folder_do_not_meet(tmp_path: Path) -> None:
    home = tmp_path / "c"
    inside = set[int]()

    def start_and_remove(number: int) -> None:
        for _ in range(100):
            with folder.locked(home, lambda text: None):
                inside.add(number)
                assert inside == {number}
                folder.check(home)
                cluster._save(Cluster(Layout(home, {}, DEFAULT)))
                (home / "data").mkdir()
                inside.remove(number)
                folder.remove(home)

    with ThreadPoolExecutor() as pool:
        list(pool.map(start_and_remove, range(4)))
    assert not home.exists()


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes in the place of a cluster's in tmp_path/c, which answer nothing; and a start is no more than said."""
    home = tmp_path / "c"
    home.mkdir()
    layout = Layout.on_free_ports(home, DEFAULT)
    with ExitStack() as held:
        processes = []
        for _ in daemons.roles(layout):
            command = [sys.executable, "-c", "import time; time.sleep(600)", f"-Dhadoop.home.dir={home}"]
            processes.append(held.enter_context(subprocess.Popen(command)))
            held.callback(processes[-1].kill)
        roles = (role.name for role in daemons.roles(layout))
        cluster._save(Cluster(layout, dict(zip(roles, (one.pid for one in processes), strict=True))))
        while not all(daemons.is_alive(layout, one.pid) for one in processes):  # a new process has no arguments yet
            time.sleep(0.01)
        monkeypatch.setattr(daemons, "java", lambda: "java")
        monkeypatch.setattr(jars, "resolve", lambda cache, say: cache)
        monkeypatch.setattr(sharing, "archive", lambda resolved, java, say: resolved)
        monkeypatch.setattr(cluster, "_get", lambda url: None)
        monkeypatch.setattr(cluster, "_start", lambda *given, **flags: Cluster(layout))
        yield processes


def _up(folder: Path) -> Cluster:
    return cluster.up(folder / "c", folder, lambda text: None)


def test_a_cluster_that_answers_late_is_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_ins: list[subprocess.Popen[bytes]]
) -> None:
    begun = time.monotonic()
    ready = {
        "beans": [{"FSState": "Operational", "NumLiveDataNodes": 1}],
        "clusterMetrics": {"activeNodes": DEFAULT.node_managers},
    }
    monkeypatch.setattr(cluster, "_get", lambda url: ready if time.monotonic() > begun + 0.5 else None)
    assert _up(tmp_path) == cluster.find(tmp_path / "c")
    assert time.monotonic() > begun + 0.5
    assert [one.poll() for one in stand_ins] == [None] * len(stand_ins)


def test_a_cluster_has_one_name(tmp_path: Path, stand_ins: list[subprocess.Popen[bytes]]) -> None:
    """Else processes that say where they are by another would be taken for others'."""
    (tmp_path / "link").symlink_to(tmp_path)
    stand_ins[-1].kill()
    stand_ins[-1].wait()
    assert cluster.up(tmp_path / "link" / "c", tmp_path, lambda text: None).home == tmp_path / "c"
    assert all(one.wait(60) for one in stand_ins)


def test_a_cluster_that_never_answers_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_ins: list[subprocess.Popen[bytes]]
) -> None:
    monkeypatch.setattr(cluster, "_START_SECONDS", 0.3)
    begun = time.monotonic()
    assert not _up(tmp_path).pids
    assert time.monotonic() > begun + 0.3
    assert all(one.wait(60) for one in stand_ins)


def test_a_cluster_with_a_dead_process_is_started_anew_at_once(
    tmp_path: Path, stand_ins: list[subprocess.Popen[bytes]]
) -> None:
    stand_ins[-1].kill()
    stand_ins[-1].wait()
    assert not _up(tmp_path).pids
    assert all(one.wait(60) for one in stand_ins)


def _locked_and_there(home: Path) -> bool:
    with folder.locked(home, lambda text: None):
        return home.is_dir()


def test_the_jar_of_streaming_is_not_found(tmp_path: Path) -> None:
    """A hadoop command that is no part of an installation."""
    (tmp_path / "alone").mkdir()
    hadoop = _program(tmp_path / "alone" / "bin", "hadoop", "echo Hadoop 3.4.1")
    (tmp_path / "a.csv").write_text("timestamp,device_id,metric,value\n2026-03-01T00:00:00Z,d,m,1\n")
    fix = "name it, as /opt/hadoop/share/hadoop/tools/lib/hadoop-streaming-3.4.2.jar, or set HADOOP_HOME"
    error = f"error: --hadoop-streaming-jar: the jar of Hadoop's streaming is not found; {fix}\n"
    assert told(tmp_path, "a.csv", "-r", "hadoop", "--hadoop-bin", hadoop / "hadoop") == Outcome(2, "", error)
