"""The cluster's processes: which there are, starting them, knowing them again by pid, and ending them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs.engine import forks
from jobs.errors import JobError
from jobs.hadoop.configuration import USER, Layout

_OPENED = ("java.lang", "java.util", "java.util.concurrent", "java.net", "java.nio", "java.io", "sun.nio.ch")
_JVM = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # halves the CPU time of a start
    "-Xlog:disable",  # shared classes that do not fit are not worth a word
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
)
_TAIL = 12
_PATIENCE = 1.5


@dataclass(frozen=True)
class Role:
    """A daemon: its name, Java class, configuration folder, and the port that it is known by."""

    name: str
    java_class: str
    conf: Path
    port: str


def roles(at: Layout) -> list[Role]:
    """All daemons, in the order in which they start."""
    server = "org.apache.hadoop.yarn.server"
    return [
        Role("resourcemanager", f"{server}.resourcemanager.ResourceManager", at.conf, "resourcemanager-http"),
        Role("namenode", "org.apache.hadoop.hdfs.server.namenode.NameNode", at.conf, "namenode"),
        *(
            Role(name, "org.apache.hadoop.hdfs.server.datanode.DataNode", at.own_conf(name), name)
            for name in at.data_nodes
        ),
        *(
            Role(name, f"{server}.nodemanager.NodeManager", at.own_conf(name), f"{name}-http")
            for name in at.node_managers
        ),
    ]


def java() -> str:
    """Java's program. Raises JobError where there is none."""
    if home := os.environ.get("JAVA_HOME"):
        program = Path(home, "bin", "java")
        if not program.is_file():
            raise JobError("there is no bin/java in it", where=f"JAVA_HOME={home}", fix="correct or unset it")
        return str(program)
    if (found := shutil.which("java")) is None:
        fix = "install Java 17 or newer (Debian: apt install openjdk-17-jre-headless)"
        raise JobError("Java is missing, on which Hadoop runs", where="java", fix=fix)
    return found


def start(at: Layout, role: Role, *, die_with_parent: bool = False) -> int:
    """Start a daemon in a session of its own; its pid."""
    with (at.logs / f"{role.name}.out").open("wb") as out:
        process = subprocess.Popen(
            _command(at, role),
            cwd=at.home,
            env=_environment(at, role.conf),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=partial(forks.die_with_parent, os.getpid()) if die_with_parent and forks.available else None,  # noqa: PLW1509 - one system call
        )
    _wait(lambda: process.poll() is not None or bool(_arguments(process.pid)), _PATIENCE)  # empty until it is set up
    process.returncode = 0  # it outlives us: nobody waits for it
    return process.pid


def format_name_node(at: Layout) -> None:
    """Make an empty file system. Raises JobError with what the NameNode said."""
    name_node = next(role for role in roles(at) if role.name == "namenode")
    command = [*_command(at, name_node), "-format", "-force", "-nonInteractive"]
    done = subprocess.run(
        command, cwd=at.home, env=_environment(at, at.conf), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        (at.logs / "namenode.out").write_bytes(done.stdout + done.stderr)
        raise JobError("\n".join(["the NameNode could not be formatted", *last_words(at, "namenode")]))


def _command(at: Layout, role: Role) -> list[str]:
    return [
        java(),
        *_JVM,
        f"-Dhadoop.home.dir={at.home}",
        f"-Djava.io.tmpdir={at.data}",
        f"-Dhadoop.log.dir={at.logs}",
        f"-Dhadoop.log.file={at.logs / role.name}.log",
        f"-Dlog4j.configuration={(at.conf / 'log4j-daemon.properties').as_uri()}",
        f"-XX:SharedArchiveFile={at.shared_classes}",
        "-cp",
        f"{at.lib}/*:{at.jars}/s3a/*:{role.conf}:{at.jars}/web",
        role.java_class,
    ]


def _environment(at: Layout, conf: Path) -> dict[str, str]:
    """A daemon's environment; containers inherit parts of it."""
    return os.environ | {"HADOOP_HOME": str(at.home), "HADOOP_CONF_DIR": str(conf), "HADOOP_USER_NAME": USER}


def is_alive(at: Layout, pid: int) -> bool:
    """Whether the process is there and one of this cluster: numbers are used again."""
    return f"-Dhadoop.home.dir={at.home}".encode() in _arguments(pid)


def _arguments(pid: int) -> list[bytes]:
    if Path("/proc/self").exists():
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return []
    done = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=False)
    return done.stdout.split()


def last_words(at: Layout, name: str) -> list[str]:
    """The last lines of a daemon's log, and of what it printed."""
    lines: list[str] = []
    for path in (at.logs / f"{name}.log", at.logs / f"{name}.out"):
        if path.is_file():
            lines += path.read_text("utf-8", "replace").splitlines()[-_TAIL:]
    return [f"  {line}" for line in lines if line.strip()]


def stop(at: Layout, pids: Iterable[int]) -> None:
    """End daemons, and with them what still runs in containers.

    A NodeManager would take 17 s over its end, so what is not gone after a moment is killed.
    """
    living = [pid for pid in pids if is_alive(at, pid)]
    for pid in living:
        _signal(pid, signal.SIGTERM)
    _wait(lambda: not any(is_alive(at, pid) for pid in living), _PATIENCE)
    for pid in living:
        if is_alive(at, pid):
            _signal(pid, signal.SIGKILL)
    for pid in _in_containers(at):
        _signal(pid, signal.SIGKILL)
    _wait(lambda: not any(is_alive(at, pid) for pid in living), _PATIENCE)


def _in_containers(at: Layout) -> Iterator[int]:
    """Processes that work in a container's folder; where /proc shows none, they end by themselves a little later."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            folder = (entry / "cwd").readlink()
            if any(folder.is_relative_to(at.own_data(name)) for name in at.node_managers):
                yield int(entry.name)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait(ready: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.05)
