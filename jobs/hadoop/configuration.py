"""A cluster's configuration: where everything lies and listens, and the properties that differ from Hadoop's defaults.

Three kinds: what a cluster on one machine needs, what keeps it small, and heartbeats and polls that are short because
nothing is far away. A profile's own properties stand above them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from jobs.engine.cores import cores
from jobs.hadoop.ports import HOST, free_ports
from jobs.hadoop.profiles import Profile, Properties

USER = "hadoop"
"""Whose files and jobs they are: mrjob finds a job's history only where this is its name."""

_SINGLE_PORTS = (
    "namenode",
    "namenode-http",
    "resourcemanager",
    "resourcemanager-scheduler",
    "resourcemanager-tracker",
    "resourcemanager-admin",
    "resourcemanager-http",
)
_NODE_MANAGER_PORTS = ("", "-localizer", "-http")
_DATA_NODE_PORTS = ("", "-http", "-ipc")
_CONTAINER_MB = 1024
"""The largest task measured, `compact` of 100 million rows, took 851; only the profile for faults checks it."""
_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:disable"


@dataclass(frozen=True)
class Layout:
    """A cluster's folder, which is its HADOOP_HOME, its ports by name and its kind."""

    home: Path
    ports: Mapping[str, int]
    profile: Profile

    @staticmethod
    def on_free_ports(home: Path, profile: Profile) -> Layout:
        layout = Layout(home, {}, profile)
        names = [
            *_SINGLE_PORTS,
            *(name + kind for name in layout.node_managers for kind in _NODE_MANAGER_PORTS),
            *(name + kind for name in layout.data_nodes for kind in _DATA_NODE_PORTS),
        ]
        return Layout(home, dict(zip(names, free_ports(len(names)), strict=True)), profile)

    @property
    def node_managers(self) -> list[str]:
        """Their names."""
        return _numbered("nodemanager", self.profile.node_managers)

    @property
    def data_nodes(self) -> list[str]:
        return _numbered("datanode", self.profile.data_nodes)

    def address(self, name: str) -> str:
        return f"{HOST}:{self.ports[name]}"

    @property
    def file_system(self) -> str:
        return f"hdfs://{self.address('namenode')}"

    @property
    def conf(self) -> Path:
        return self.home / "etc" / "hadoop"

    def own_conf(self, name: str) -> Path:
        """The configuration of one NodeManager or DataNode: the cluster's, with ports and folders of its own."""
        return self.home / "etc" / name

    @property
    def jars(self) -> Path:
        return self.home / "share" / "hadoop"

    @property
    def lib(self) -> Path:
        """Hadoop's own jars, with which every class path begins, as that of the shared classes does."""
        return (self.jars / "lib").resolve()

    @property
    def shared_classes(self) -> Path:
        return self.jars / "classes.jsa"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def data(self) -> Path:
        return self.home / "data"

    def own_data(self, name: str) -> Path:
        """Where a NodeManager's containers work, or a DataNode's blocks are."""
        return self.data / name


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]


def core(at: Layout) -> Properties:
    return {
        "fs.defaultFS": at.file_system,
        "hadoop.tmp.dir": at.data / "tmp",
        "ipc.client.connect.retry.interval": 100,
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",  # mrjob says s3:// where Hadoop says s3a://
    }


def hdfs(at: Layout) -> Properties:
    return {
        "dfs.namenode.rpc-address": at.address("namenode"),
        "dfs.namenode.rpc-bind-host": HOST,
        "dfs.namenode.http-address": at.address("namenode-http"),
        "dfs.namenode.name.dir": (at.data / "namenode").as_uri(),
        "dfs.namenode.safemode.extension": 0,
        "dfs.namenode.edits.noeditlogchannelflush": "true",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.datanode.hostname": "localhost",
        "dfs.heartbeat.interval": 1,
        # who closes a file asks for its last block, which the NameNode knows of some milliseconds later
        "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": 10,
        "dfs.client.block.write.locateFollowingBlock.retries": 11,  # each waits twice as long: twenty seconds in all
        "dfs.replication": 1,
        "dfs.blocksize": 64 << 20,
        "dfs.permissions.enabled": "false",
    }


def yarn(at: Layout) -> Properties:
    cores = vcores()
    return {
        "yarn.resourcemanager.address": at.address("resourcemanager"),
        "yarn.resourcemanager.scheduler.address": at.address("resourcemanager-scheduler"),
        "yarn.resourcemanager.resource-tracker.address": at.address("resourcemanager-tracker"),
        "yarn.resourcemanager.admin.address": at.address("resourcemanager-admin"),
        "yarn.resourcemanager.webapp.address": at.address("resourcemanager-http"),
        "yarn.resourcemanager.bind-host": HOST,
        "yarn.resourcemanager.am.max-attempts": 1,
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 100,
        "yarn.client.application-client-protocol.poll-interval-ms": 50,
        "yarn.application.classpath": f"{at.conf},{at.jars}/lib/*,{at.jars}/s3a/*",
        "yarn.node-attribute.fs-store.root-dir": (at.data / "node-attributes").as_uri(),
        "yarn.scheduler.minimum-allocation-mb": 128,
        "yarn.scheduler.maximum-allocation-mb": cores * _CONTAINER_MB,
        "yarn.nodemanager.bind-host": HOST,
        "yarn.nodemanager.resource.memory-mb": cores * _CONTAINER_MB,
        "yarn.nodemanager.resource.cpu-vcores": cores,
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.aux-services": "mapreduce_shuffle",
        "yarn.nodemanager.aux-services.mapreduce_shuffle.class": "org.apache.hadoop.mapred.ShuffleHandler",
        "yarn.nodemanager.env-whitelist": "JAVA_HOME,HADOOP_HOME,HADOOP_COMMON_HOME,HADOOP_HDFS_HOME,HADOOP_CONF_DIR,"
        "HADOOP_YARN_HOME,HADOOP_MAPRED_HOME,PATH,LANG,TZ",
        "yarn.nodemanager.log-dirs": at.logs / "userlogs",
        # a node whose disk is 90 % full would silently take no work
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.9,
    }


def data_node(at: Layout, name: str) -> Properties:
    """What one DataNode has of its own."""
    return {
        "dfs.datanode.address": at.address(name),
        "dfs.datanode.http.address": at.address(f"{name}-http"),
        "dfs.datanode.ipc.address": at.address(f"{name}-ipc"),
        "dfs.datanode.data.dir": at.own_data(name).as_uri(),
    }


def node_manager(at: Layout, name: str) -> Properties:
    """What one NodeManager has of its own."""
    return {
        "yarn.nodemanager.address": at.address(name),
        "yarn.nodemanager.localizer.address": at.address(f"{name}-localizer"),
        "yarn.nodemanager.webapp.address": at.address(f"{name}-http"),
        "yarn.nodemanager.local-dirs": at.own_data(name),
    }


def scheduler(at: Layout) -> Properties:
    queue, resource = "yarn.scheduler.capacity.root", "org.apache.hadoop.yarn.util.resource"
    return {
        f"{queue}.queues": "default",
        f"{queue}.default.capacity": 100,
        f"{queue}.default.maximum-capacity": 100,
        f"{queue}.default.state": "RUNNING",
        "yarn.scheduler.capacity.maximum-am-resource-percent": 0.6,
        "yarn.scheduler.capacity.node-locality-delay": -1,
        "yarn.scheduler.capacity.resource-calculator": f"{resource}.DominantResourceCalculator",
    }


def mapred(at: Layout) -> Properties:
    home = f"HADOOP_MAPRED_HOME={at.home}"
    # instead of YARN's class path, which begins with the container's folder
    own = "job.jar/job.jar:job.jar/classes:job.jar/lib/*:./*"
    jvm = f"{_JVM} -XX:SharedArchiveFile={at.shared_classes} -cp {at.lib}/*:{at.jars}/s3a/*:{at.conf}:.:{own}"
    return {
        "mapreduce.framework.name": "yarn",
        "mapreduce.application.classpath": f"{at.jars}/lib/*,{at.jars}/s3a/*",
        "mapreduce.shuffle.port": 0,
        "mapreduce.jobhistory.jhist.format": "json",  # mrjob reads the cause of a failure from it
        "mapreduce.client.progressmonitor.pollinterval": 100,
        "mapreduce.client.completion.pollinterval": 100,
        "mapreduce.task.io.sort.mb": 64,
        "yarn.app.mapreduce.am.env": home,
        "yarn.app.mapreduce.am.resource.mb": _CONTAINER_MB,
        "yarn.app.mapreduce.am.command-opts": f"-Xmx512m {jvm}",
        "yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms": 50,
        **{
            f"mapreduce.{role}.{key}": value
            for role in ("map", "reduce")
            for key, value in (
                ("env", home),
                ("memory.mb", _CONTAINER_MB),
                ("java.opts", f"-Xmx384m {jvm}"),
                ("maxattempts", 2),
                ("speculative", "false"),
            )
        },
    }


def vcores() -> int:
    """A node's containers: those of both nodes are one more than this machine's cores, for the application master,
    which mostly waits."""
    return max(2, (cores() + 2) // 2)


def write(at: Layout) -> None:
    """Write all configuration files; NodeManagers and DataNodes get folders of their own."""
    files = {
        "core-site.xml": core(at),
        "hdfs-site.xml": hdfs(at),
        "yarn-site.xml": yarn(at),
        "capacity-scheduler.xml": scheduler(at),
        "mapred-site.xml": mapred(at),
    }
    files = {name: {**properties, **at.profile.properties.get(name, {})} for name, properties in files.items()}
    _write_folder(at.conf, files)
    own = [(name, "yarn-site.xml", node_manager(at, name)) for name in at.node_managers]
    own += [(name, "hdfs-site.xml", data_node(at, name)) for name in at.data_nodes]
    for name, file, properties in own:
        _write_folder(at.own_conf(name), files | {file: {**files[file], **properties}})


def _write_folder(folder: Path, files: Mapping[str, Properties]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, properties in files.items():
        lines = [
            f"  <property><name>{escape(key)}</name><value>{escape(str(value))}</value></property>"
            for key, value in properties.items()
        ]
        text = "\n".join(['<?xml version="1.0"?>', "<configuration>", *lines, "</configuration>", ""])
        (folder / name).write_text(text, "utf-8")
