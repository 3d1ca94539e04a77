"""An HDFS of two NameNodes and two DataNodes that checks permissions: for tests that take one of them away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs.engine.cache import cache_folder
from jobs.hadoop import daemons, jars
from tests.clusters import need_hadoop
from tests.servers import child, free_port

_SERVER = "org.apache.hadoop.hdfs.server"
_TOOLS = "org.apache.hadoop.hdfs.tools"
_OPENED = ("java.lang", "java.util", "java.util.concurrent", "java.net", "java.nio", "java.io", "sun.nio.ch")
_START_SECONDS = 120.0


@dataclass
class HaHdfs:
    """The file system `hdfs://lake`. conf: its configuration folder; nodes: the daemons by name."""

    home: Path
    lib: Path
    conf: Path
    nodes: dict[str, subprocess.Popen[bytes]]
    ports: Mapping[str, int]

    def admin(self, tool: str, *arguments: str) -> str:
        """What Hadoop's `haadmin` or `dfsadmin` says."""
        name = {"haadmin": "DFSHAAdmin", "dfsadmin": "DFSAdmin"}[tool]
        command = _java(self, self.conf, f"{_TOOLS}.{name}", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        return done.stdout

    def stop(self, name: str) -> None:
        """Take a daemon away with SIGKILL."""
        os.killpg(self.nodes[name].pid, signal.SIGKILL)
        self.nodes[name].wait()


@contextmanager
def ha_hdfs(home: Path) -> Iterator[HaHdfs]:
    """The file system while the context lasts, with `one` of its NameNodes active and `two` on standby."""
    need_hadoop()
    lib = jars.resolve(cache_folder(), lambda text: None) / "lib"
    names = [f"{node}-{kind}" for node in ("one", "two") for kind in ("rpc", "http")]
    names += [f"{node}-{kind}" for node in ("data-1", "data-2") for kind in ("xfer", "http", "ipc")]
    hdfs = HaHdfs(home, lib, home / "conf", {}, {name: free_port() for name in names})
    for folder in ("shared", "logs", *(f"web/webapps/{name}" for name in ("hdfs", "datanode", "secondary", "static"))):
        (home / folder).mkdir(parents=True)
    for node in ("", "one", "two", "data-1", "data-2"):
        _configure(hdfs, node)
    name_node = f"{_SERVER}.namenode.NameNode"
    with ExitStack() as stack:
        for node, how in (("one", "-format"), ("two", "-bootstrapStandby")):
            _format(hdfs, node, how)
            _start(hdfs, node, name_node, stack)
        for node in ("data-1", "data-2"):
            _start(hdfs, node, f"{_SERVER}.datanode.DataNode", stack)
        _wait_for(hdfs, "two")  # whom the first one's activation asks whether it is active
        hdfs.admin("haadmin", "-transitionToActive", "one")
        deadline = time.monotonic() + _START_SECONDS
        while "Live datanodes (2)" not in hdfs.admin("dfsadmin", "-report"):
            assert time.monotonic() < deadline, "the DataNodes do not come"
        yield hdfs


def _wait_for(hdfs: HaHdfs, name_node: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", hdfs.ports[f"{name_node}-rpc"]), timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, f"the NameNode {name_node} does not come"
            time.sleep(0.1)
        else:
            return


def _format(hdfs: HaHdfs, node: str, how: str) -> None:
    command = _java(hdfs, hdfs.home / node, f"{_SERVER}.namenode.NameNode", how, "-force", "-nonInteractive")
    deadline = time.monotonic() + _START_SECONDS
    while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode:
        assert time.monotonic() < deadline, done.stdout[-3000:] + done.stderr[-3000:]  # the other one may still start


def _start(hdfs: HaHdfs, node: str, java_class: str, stack: ExitStack) -> None:
    log = stack.enter_context((hdfs.home / "logs" / f"{node}.out").open("wb"))
    command = _java(hdfs, hdfs.home / node, java_class)
    hdfs.nodes[node] = stack.enter_context(child(command, stdout=log, stderr=log))


def _java(hdfs: HaHdfs, conf: Path, *arguments: str) -> list[str]:
    options = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    options += [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    options += [f"-Dhadoop.home.dir={hdfs.home}", f"-Dhadoop.log.dir={hdfs.home / 'logs'}"]
    options += [f"-Djava.io.tmpdir={hdfs.home}"]  # killed, a daemon leaves its web server's folder
    classes = f"{conf}:{hdfs.home / 'web'}:{hdfs.lib}/*"
    return ["env", "HADOOP_USER_NAME=hadoop", daemons.java(), *options, "-cp", classes, *arguments]


def _configure(hdfs: HaHdfs, node: str) -> None:
    """The configuration of one daemon, or of clients."""
    at = {name: f"127.0.0.1:{port}" for name, port in hdfs.ports.items()}
    properties = {
        "fs.defaultFS": "hdfs://lake",
        "hadoop.tmp.dir": hdfs.home / "tmp" / (node or "client"),
        "dfs.nameservices": "lake",
        "dfs.ha.namenodes.lake": "one,two",
        **{f"dfs.namenode.rpc-address.lake.{n}": at[f"{n}-rpc"] for n in ("one", "two")},
        **{f"dfs.namenode.http-address.lake.{n}": at[f"{n}-http"] for n in ("one", "two")},
        "dfs.client.failover.proxy.provider.lake": "org.apache.hadoop.hdfs.server.namenode.ha."
        "ConfiguredFailoverProxyProvider",
        "dfs.namenode.shared.edits.dir": (hdfs.home / "shared").as_uri(),
        "dfs.namenode.name.dir": (hdfs.home / "name" / node).as_uri(),
        "dfs.ha.tail-edits.period": "1s",
        "dfs.namenode.safemode.extension": 0,
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.edits.noeditlogchannelflush": "true",
        "dfs.heartbeat.interval": 1,
        "dfs.replication": 2,
        "dfs.blocksize": 16 << 20,
        "dfs.client.block.write.replace-datanode-on-failure.enable": "false",
        "dfs.datanode.hostname": "localhost",
        "dfs.permissions.enabled": "true",
        "hadoop.user.group.static.mapping.overrides": "alice=staff,analysts;bob=staff",
    }
    if node in ("one", "two"):
        properties["dfs.ha.namenode.id"] = node
    if node.startswith("data"):
        properties |= {
            "dfs.datanode.address": at[f"{node}-xfer"],
            "dfs.datanode.http.address": at[f"{node}-http"],
            "dfs.datanode.ipc.address": at[f"{node}-ipc"],
            "dfs.datanode.data.dir": (hdfs.home / node / "data").as_uri(),
        }
    folder = hdfs.home / (node or "conf")
    folder.mkdir()
    lines = [f"<property><name>{k}</name><value>{v}</value></property>" for k, v in properties.items()]
    for name in ("core-site.xml", "hdfs-site.xml"):
        (folder / name).write_text(f"<configuration>{''.join(lines)}</configuration>")
    (folder / "log4j.properties").write_text(
        "log4j.rootLogger=WARN,A\nlog4j.appender.A=org.apache.log4j.ConsoleAppender\n"
        "log4j.appender.A.target=System.err\nlog4j.appender.A.layout=org.apache.log4j.SimpleLayout\n"
    )
