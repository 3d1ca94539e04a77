"""DataNodes that go, blocks that are damaged, a disk that is full."""

from __future__ import annotations

import os
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from jobs.hadoop.cluster import Cluster
from jobs.lake import storage
from jobs.lake.hdfs_reader import RangeReader
from tests.hadoop import faults
from tests.hadoop.faults import until
from tests.hadoop.trials import BLOCK, Gate, Trial, short

pytestmark = [pytest.mark.hadoop, pytest.mark.full, pytest.mark.slow, pytest.mark.xdist_group("hadoop-faults")]


def test_a_data_node_in_the_middle_of_a_read(trial: Trial) -> None:
    """What was not read yet comes from the other replica."""
    data = bytes(range(256)) * (1 << 18)
    (trial.folder / "large").write_bytes(data)
    uri = f"hdfs://{trial.path}/large"
    subprocess.run([trial.hadoop.home / "bin" / "hadoop", "fs", "-put", trial.folder / "large", uri], check=True)
    info = storage.expand(uri, lambda name: True)[0]
    taken, at = bytearray(info.size), 0
    with storage.open_range(info) as reader:
        assert isinstance(reader, RangeReader)
        while count := reader.readinto(memoryview(taken)[at : at + (1 << 20)]):
            if not at:
                assert reader._body is not None
                port = int(reader._body.node.rpartition(":")[2])
                node = next(n for n in trial.hadoop.layout.data_nodes if trial.hadoop.layout.ports[f"{n}-http"] == port)
                faults.kill_daemon(trial.hadoop, node)
            at += count
        assert reader._failed == {f"localhost:{port}"}
    assert taken == data


def test_a_data_node_under_a_job(trial: Trial) -> None:
    gate = Gate.closed(trial.folder / "gate", "*_m_*_0")
    with trial.job(gate) as job:
        gate.held(2)
        faults.kill_daemon(trial.hadoop, "datanode-1")
        until(lambda: faults.name_node(trial.hadoop)["NumDeadDataNodes"] == 1)
        gate.open()
        done = job.ended()
    assert faults.name_node(trial.hadoop)["NumLiveDataNodes"] == 1
    trial.check_right(done)


def test_all_data_nodes_are_started_again(trial: Trial) -> None:
    """Readers wait for them a while, as tasks that fail meanwhile are run again."""
    gate = Gate.closed(trial.folder / "gate", "*_m_*_0")
    with trial.job(gate) as job:
        gate.held(2)
        for name in trial.hadoop.layout.data_nodes:
            faults.kill_daemon(trial.hadoop, name)
        with _hanging_up(trial.hadoop) as callers:
            gate.open()
            until(lambda: len(callers) >= 2)
            time.sleep(3)
        faults.restart(trial.hadoop)
        done = job.ended()
    trial.check_right(done)


def test_every_block_has_one_damaged_replica(trial: Trial) -> None:
    """On the one node or the other, so that whichever is asked has a damaged one."""
    blocks = faults.blocks(trial.hadoop, trial.input)
    assert [len(replicas) for replicas in blocks] == [2] * 4
    for number, replicas in enumerate(blocks):
        faults.damage(replicas[number % 2], at=BLOCK // 3)
    with trial.job() as job:
        done = job.ended()
    assert {replica.name for replicas in blocks for replica in replicas} & faults.found_damaged(trial.hadoop)
    trial.check_right(done)


def test_a_block_that_cannot_be_read(trial: Trial) -> None:
    replicas = faults.blocks(trial.hadoop, trial.input)[2]
    for replica in replicas:
        faults.damage(replica, at=0)
    with trial.job(None, "--jobconf", "mapreduce.map.maxattempts=2") as job:
        done = job.ended()
    assert {replica.name for replica in replicas} <= faults.found_damaged(trial.hadoop)
    what = "cannot be read beyond byte 2,097,152: every connection breaks off there"
    fix = "hadoop fs -cat FILE says why, hdfs fsck FILE -files -blocks -locations where its blocks are"
    trial.check_refused(done, 3, f"hdfs://{trial.input}: {what}; {fix}")


@contextmanager
def _hanging_up(hadoop: Cluster) -> Iterator[list[tuple[str, int]]]:
    """Where DataNodes answered HTTP every call is hung up on; the callers so far."""
    callers: list[tuple[str, int]] = []

    class HangUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            callers.append(self.client_address)

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    def listening(port: int) -> Server | None:
        try:
            return Server(("127.0.0.1", port), HangUp)
        except OSError:  # a killed process closes what it had open a moment later
            return None

    with ExitStack() as stack:
        for name in hadoop.layout.data_nodes:
            server = stack.enter_context(until(partial(listening, hadoop.layout.ports[f"{name}-http"])))
            threading.Thread(target=server.serve_forever, args=(0.05,)).start()
            stack.callback(server.shutdown)
        yield callers


@contextmanager
def _own_disk(hadoop: Cluster, name: str) -> Iterator[Path]:
    """A NodeManager's folder on a file system of its own."""
    folder = hadoop.layout.own_data(name)
    faults.kill_daemon(hadoop, name)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        faults.restart(hadoop)
        if os.environ.get("CI") == "true":
            pytest.fail("a file system cannot be mounted, and CI must be able to")
        pytest.skip("a file system cannot be mounted, which a full disk needs")
    try:
        hadoop = faults.restart(hadoop)
        yield folder
    finally:
        faults.kill_daemon(hadoop, name)
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_on_one_node(trial: Trial) -> None:
    with _own_disk(trial.hadoop, "nodemanager-2") as folder:
        gate = Gate.closed(trial.folder / "gate", "*_m_*_0")
        with trial.job(gate) as job:
            held = gate.held(2)
            there = [short(a) for a, c in held.items() if faults.node_of(trial.hadoop, c) == "nodemanager-2"]
            assert there
            faults.fill(folder)
            until(lambda: faults.node(trial.hadoop, "nodemanager-2")["state"] == "UNHEALTHY")
            gate.open()
            done = job.ended()
        assert "local-dirs" in faults.node(trial.hadoop, "nodemanager-2")["healthReport"]
        assert not set(there) & job.succeeded()
        trial.check_right(done)
