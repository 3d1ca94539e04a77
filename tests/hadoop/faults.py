"""Breaking a cluster: processes, blocks and disks; and what its daemons say of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jobs.hadoop import cluster as clusters
from jobs.hadoop import daemons
from jobs.hadoop.cluster import Cluster

T = TypeVar("T")

_PATIENCE = 240.0


def until(ready: Callable[[], T | None], seconds: float = _PATIENCE) -> T:
    """Waits until something is to be had that is not empty."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)
    return found


def applications(hadoop: Cluster) -> list[dict[str, Any]]:
    return asked(hadoop, "/ws/v1/cluster/apps", "app")


def node(hadoop: Cluster, name: str) -> dict[str, Any]:
    """What the ResourceManager says of a NodeManager."""
    listed = asked(hadoop, "/ws/v1/cluster/nodes?states=RUNNING,LOST,UNHEALTHY", "node")
    return next(one for one in listed if one["id"] == f"localhost:{hadoop.layout.ports[name]}")


def asked(hadoop: Cluster, path: str, kind: str) -> list[dict[str, Any]]:
    """A list of the ResourceManager's, which stands within a list of its own."""
    url = f"http://{hadoop.layout.address('resourcemanager-http')}{path}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        [held] = json.load(answer).values()
    found: list[dict[str, Any]] = (held or {kind: []})[kind]
    return found


def logs(hadoop: Cluster, names: list[str]) -> str:
    """What daemons have noted so far."""
    return "\n".join((hadoop.layout.logs / f"{name}.log").read_text("utf-8") for name in names)


def found_damaged(hadoop: Cluster) -> set[str]:
    """The blocks of which a DataNode, reading for us, found a damaged replica."""
    noted = logs(hadoop, hadoop.layout.data_nodes)
    return set(re.findall(r"Found Checksum error for \S+:(blk_\d+)_", noted))


def name_node(hadoop: Cluster) -> dict[str, Any]:
    """The NameNode's figures."""
    url = f"http://{hadoop.layout.address('namenode-http')}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem*"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return {key: value for bean in json.load(answer)["beans"] for key, value in bean.items()}


# Breaking


def kill_container(container: str) -> None:
    """SIGKILL to all its processes, as a machine does that runs out of memory."""
    killed = False
    for pid in _processes(container):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed = True
    assert killed


def _processes(container: str) -> Iterator[int]:
    own = f"CONTAINER_ID={container}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if own in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def node_of(hadoop: Cluster, container: str) -> str:
    """The NodeManager that runs the container."""
    for pid in _processes(container):
        with suppress(OSError):
            folder = (Path("/proc") / str(pid) / "cwd").readlink()
            for name in hadoop.layout.node_managers:
                if folder.is_relative_to(hadoop.layout.own_data(name)):
                    return name
    raise AssertionError(f"no node runs {container}")


def kill_daemon(hadoop: Cluster, name: str) -> None:
    os.kill(hadoop.pids[name], signal.SIGKILL)
    until(lambda: not daemons.is_alive(hadoop.layout, hadoop.pids[name]))


def start_daemon(hadoop: Cluster, name: str) -> Cluster:
    """Starts a daemon again where it was; the cluster as it is now."""
    role = next(role for role in daemons.roles(hadoop.layout) if role.name == name)
    again = replace(hadoop, pids={**hadoop.pids, name: daemons.start(hadoop.layout, role, die_with_parent=True)})
    clusters._save(again)
    return again


def restart(hadoop: Cluster) -> Cluster:
    """Starts again what is missing; the cluster, ready."""
    found = clusters.find(hadoop.home)
    assert found is not None
    for name, state in found.states().items():
        if state == "down":
            found = start_daemon(found, name)
    until(found.is_ready)
    return found


def whole(hadoop: Cluster) -> Cluster:
    """The cluster with all its daemons, without jobs and without what a dead NodeManager left in containers."""
    ended = ("FINISHED", "FAILED", "KILLED")
    until(lambda: all(app["state"] in ended for app in applications(hadoop)))
    for pid in daemons._in_containers(hadoop.layout):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return restart(hadoop)


def blocks(hadoop: Cluster, path: str) -> list[list[Path]]:
    """The blocks of a file in HDFS, in order; of each its replicas, by DataNode."""
    fsck = [str(hadoop.home / "bin" / "hadoop"), "fsck", path, "-files", "-blocks"]
    listed = subprocess.run(fsck, capture_output=True, text=True, check=True).stdout
    folders = [hadoop.layout.own_data(name) for name in hadoop.layout.data_nodes]
    names = re.findall(r"^\d+\. \S+:(blk_\d+)_\d+ len=", listed, re.MULTILINE)
    return [[found for folder in folders for found in folder.rglob(name)] for name in names]


def damage(replica: Path, at: int) -> None:
    """Other bytes from `at` on, of which the DataNode is not told."""
    with replica.open("r+b") as file:
        file.seek(at)
        file.write(b"\0" * 1000)


def fill(folder: Path) -> None:
    """Write until there is no room."""
    with pytest.raises(OSError, match="No space left"), (folder / "filling").open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
