"""A cluster from start to end: a folder with its state, which outlives the process that made it."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal

from jobs.engine.hadoop_pages import asked
from jobs.errors import JobError, UsageError
from jobs.hadoop import configuration, daemons, folder, jars, sharing
from jobs.hadoop.configuration import USER, Layout
from jobs.hadoop.profiles import DEFAULT, PROFILES, Profile
from jobs.hadoop.terminal import Say

_START_SECONDS = 180.0
_STARTS = 3
_COMMANDS = ("hdfs", "yarn", "mapred")
_WEB_APPS = ("hdfs", "datanode", "secondary", "static")

State = Literal["ready", "starting", "down"]


class _PortTakenError(JobError):
    """A daemon ended because another program listens where it would."""


@dataclass(frozen=True)
class Cluster:
    """A cluster's layout and the pids of its daemons by role."""

    layout: Layout
    pids: Mapping[str, int] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.layout.home

    def environment(self) -> dict[str, str]:
        """What clients of the cluster need, PATH left out."""
        return {"HADOOP_HOME": str(self.home), "HADOOP_CONF_DIR": str(self.layout.conf), "HADOOP_USER_NAME": USER}

    def exports(self) -> list[str]:
        """The same as lines for a shell's `eval`."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environment().items()]
        # what names another cluster to clients
        return [
            *lines,
            "unset JOBS_WEBHDFS YARN_CONF_DIR",
            f'export PATH={shlex.quote(str(self.home / "bin"))}:"$PATH"',
        ]

    def states(self) -> dict[str, State]:
        """How each daemon is."""
        files, work = self._name_node(), self._resource_manager()
        seen = {"namenode": files is not None, "resourcemanager": work is not None}
        storing = (files or {}).get("NumLiveDataNodes", 0) >= self.layout.profile.data_nodes
        working = (work or {}).get("activeNodes", 0) >= self.layout.profile.node_managers
        seen |= dict.fromkeys(self.layout.data_nodes, storing) | dict.fromkeys(self.layout.node_managers, working)
        result: dict[str, State] = {}
        for role in daemons.roles(self.layout):
            if not daemons.is_alive(self.layout, self.pids.get(role.name, 0)):
                result[role.name] = "down"
            else:
                result[role.name] = "ready" if seen[role.name] else "starting"
        return result

    def is_ready(self) -> bool:
        return set(self.states().values()) == {"ready"}

    def _name_node(self) -> dict[str, Any] | None:
        """The NameNode's view of the file system; None until it is in service."""
        query = "jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
        beans = (_get(f"http://{self.layout.address('namenode-http')}/{query}") or {}).get("beans")
        return beans[0] if beans and beans[0]["FSState"] == "Operational" else None

    def _resource_manager(self) -> dict[str, Any] | None:
        answer = _get(f"http://{self.layout.address('resourcemanager-http')}/ws/v1/cluster/metrics") or {}
        return answer.get("clusterMetrics")


def default_home(cache: Path) -> Path:
    """Where the one cluster lies that needs no name."""
    return cache / "cluster"


def find(home: Path) -> Cluster | None:
    """The cluster in this folder, running or not."""
    text = folder.read(home)
    if text is None:
        return None
    state = json.loads(text)
    return Cluster(Layout(home, state["ports"], PROFILES[state.get("profile", DEFAULT.name)]), state["pids"])


def up(home: Path, cache: Path, say: Say, profile: Profile | None = None, *, die_with_parent: bool = False) -> Cluster:
    """The cluster in this folder, ready: as it runs, or started on free ports with the files that it had.

    One whose processes all live is given the time of a start to answer, as on a busy machine; it may have work.
    profile: its kind; a new one is the default, and one that is there stays what it is. Raises UsageError where
    the folder has a cluster of another kind, or other files; JobError where something is missing or a daemon ends, with
    the last lines of its log.
    """
    java = daemons.java()
    home = home.resolve()  # as daemons and containers say where they are
    folder.check(home)
    there = find(home)
    if there is not None and profile is not None and profile != there.layout.profile:
        what = f"the cluster in {home} is of the profile {there.layout.profile.name}"
        raise UsageError(what, where=f"--profile {profile.name}", fix="bring it down first, or name another --dir")
    resolved = jars.resolve(cache, say)
    classes = sharing.archive(resolved, java, say)
    with folder.locked(home, say):
        found = find(home)
        if found is not None:
            try:
                _wait_until_ready(found, say)
            except JobError:
                daemons.stop(found.layout, found.pids.values())
                profile = found.layout.profile
            else:
                return found
        start = partial(_start, home, profile or DEFAULT, resolved, classes, say, die_with_parent=die_with_parent)
        for _ in range(_STARTS - 1):
            try:
                return start()
            except _PortTakenError:
                say("another program took a port meanwhile: starting again on others")
        return start()


def down(cluster: Cluster, say: Say = lambda text: None) -> None:
    """End all its processes and remove its folder, its files in HDFS with it; one that is being started is awaited."""
    with folder.locked(cluster.home, say):
        found = find(cluster.home) or cluster
        daemons.stop(found.layout, found.pids.values())
        folder.remove(found.home)


def _start(home: Path, profile: Profile, resolved: Path, classes: Path, say: Say, *, die_with_parent: bool) -> Cluster:
    layout = Layout.on_free_ports(home, profile)
    _save(Cluster(layout))  # from now on the folder is seen to be a cluster's
    _furnish(layout, resolved, classes)
    pids: dict[str, int] = {}
    try:
        for role in daemons.roles(layout):
            if role.name == "namenode" and not (layout.data / "namenode" / "current").is_dir():
                say("making an empty file system")
                daemons.format_name_node(layout)
            pids[role.name] = daemons.start(layout, role, die_with_parent=die_with_parent)
            _save(Cluster(layout, pids))
        cluster = Cluster(layout, pids)
        _wait_until_ready(cluster, say)
    except BaseException:
        daemons.stop(layout, pids.values())
        raise
    return cluster


def _furnish(layout: Layout, resolved: Path, classes: Path) -> None:
    """Lay out the folder: links to the jars, configuration, the hadoop command."""
    here = Path(__file__).parent
    for place in (layout.home / "bin", layout.jars / "tools", layout.logs / "userlogs", layout.data):
        place.mkdir(parents=True, exist_ok=True)
    for name in _WEB_APPS:  # Hadoop's jars lack the pages, and daemons start only where there is a folder for them
        (layout.jars / "web" / "webapps" / name).mkdir(parents=True, exist_ok=True)
    command = layout.home / "bin" / "hadoop"
    shutil.copyfile(here / "hadoop.sh", command)
    command.chmod(0o755)
    links = {command.with_name(name): Path(command.name) for name in _COMMANDS}
    links |= {layout.jars / name: resolved / name for name in ("lib", "s3a")} | {layout.shared_classes: classes}
    links |= {layout.jars / "tools" / jar.name: jar for jar in (resolved / "tools").iterdir()}
    for link, target in links.items():
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    configuration.write(layout)
    for name in ("log4j-client.properties", "log4j-daemon.properties"):
        shutil.copyfile(here / name, layout.conf / name)


def _wait_until_ready(cluster: Cluster, say: Say) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while "starting" in (states := cluster.states()).values():
        waiting = [name for name, state in states.items() if state != "ready"]
        say(f"waiting for {', '.join(waiting)}")
        if time.monotonic() > deadline:
            raise JobError(
                "\n".join([f"not ready in {_START_SECONDS:.0f} s: {', '.join(waiting)}", *_words(cluster, waiting[0])])
            )
        _refuse_dead(cluster, states)
        time.sleep(0.1)
    _refuse_dead(cluster, states)


def _refuse_dead(cluster: Cluster, states: Mapping[str, State]) -> None:
    for name, state in states.items():
        if state == "down":
            words = "\n".join(_words(cluster, name))
            kind = _PortTakenError if "java.net.BindException" in words else JobError
            raise kind(f"the {name} ended while it started; the last lines of its log:\n{words}")


def _words(cluster: Cluster, name: str) -> list[str]:
    return daemons.last_words(cluster.layout, name)


def _save(cluster: Cluster) -> None:
    state = {
        "profile": cluster.layout.profile.name,
        "ports": dict(cluster.layout.ports),
        "pids": dict(cluster.pids),
    }
    folder.write(cluster.home, json.dumps(state, indent=1))


def _get(url: str) -> dict[str, Any] | None:
    try:
        return asked(url)
    except (OSError, ValueError, HTTPException):
        return None
