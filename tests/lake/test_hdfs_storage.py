"""Reading from HDFS: what a URI names, pinned reads, faults of the network, and errors as the user sees them."""

from __future__ import annotations

import io
import os
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from jobs.errors import InputError
from jobs.hadoop.cluster import Cluster
from jobs.lake import remote, storage, webhdfs
from jobs.lake.storage import ObjectInfo
from tests.lake.faulty_proxy import Fault, Faults, cut_in_half, faulty_hdfs, no_body, reset
from tests.lake.ranges import assert_ranges, assert_seekable
from tests.servers import free_port

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("hadoop")]

BLOCK = 1 << 20
NAMES = [
    "readings/dt=2026-03-01/a.csv",
    "readings/dt=2026-03-01/b [1].csv",
    "readings/dt=2026-03-02/a.csv.gz",
    "readings/dt=2026-03-10/ä +%;x=y,&?#.csv",
    "readings/dt=2026-03-10/deep/er/x.csv",
    "readings/_SUCCESS",
    "readings/_temporary/0/part.csv",
    "hidden/_x.csv",
]


def _accept(name: str) -> bool:
    return not name.startswith(("_", "."))


@pytest.fixture
def place(hadoop: Cluster) -> str:
    """A folder of the test's own."""
    return f"hdfs:///storage/{secrets.token_hex(4)}"


def _put(uri: str, data: bytes) -> None:
    path = webhdfs.split_uri(uri)[1]
    hdfs = webhdfs.client(uri)
    hdfs.make_folder(path.rpartition("/")[0])
    hdfs.create(path, io.BytesIO(data), len(data))


def _one(uri: str) -> ObjectInfo:
    [info] = storage.expand(uri, _accept)
    return info


def _in_blocks(uri: str, data: bytes, hadoop: Cluster) -> ObjectInfo:
    """A file in blocks of a megabyte, put there by Hadoop's own command."""
    hadoop_command = [str(hadoop.home / "bin" / "hadoop"), "fs", f"-Ddfs.blocksize={BLOCK}", "-put", "-", uri]
    webhdfs.client(uri).make_folder(webhdfs.split_uri(uri)[1].rpartition("/")[0])
    subprocess.run(hadoop_command, input=data, check=True)
    return _one(uri)


def _message(spec: str) -> str:
    with pytest.raises(InputError) as refused:
        storage.expand(spec, _accept)
    return str(refused.value)


@pytest.fixture(scope="module")
def filled(hadoop_process: Cluster) -> Iterator[str]:
    """A folder with files of all names, which hold their names."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in hadoop_process.environment().items():
            patch.setenv(name, value)
        for name in NAMES:
            _put(f"hdfs:///listed/{name}", name.encode())
        webhdfs.client("hdfs:///").make_folder("/listed/readings/dt=2026-03-11")
    yield "hdfs:///listed"


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("readings/dt=2026-03-01/a.csv", [0]),
        ("readings/dt=2026-03-01/b [1].csv", [1]),
        ("readings/dt=2026-03-01/", [0, 1]),
        ("readings/dt=2026-03-01", [0, 1]),
        ("readings", [0, 1, 2, 3, 4]),
        ("readings/dt=2026-03-0?/", [0, 1, 2]),
        ("readings/dt=2026-03-0?", [0, 1, 2]),
        ("readings/*/*.csv", [0, 1, 3]),
        ("readings/**/*.csv", [0, 1, 3, 4]),
        ("readings/dt=2026-03-1[0-1]/**", [3, 4]),
        ("read*", [0, 1, 2, 3, 4]),
        ("", [0, 1, 2, 3, 4]),
        ("**", [0, 1, 2, 3, 4]),
        ("readings/_SUCCESS", [5]),
        ("readings/_temporary/", [6]),
    ],
)
def test_what_a_uri_names(hadoop: Cluster, filled: str, spec: str, found: list[int]) -> None:
    infos = storage.expand(f"{filled}/{spec}", _accept)
    assert [info.uri for info in infos] == sorted(f"{filled}/{NAMES[n]}" for n in found)
    assert all(storage.read_text(info) == info.uri.removeprefix(f"{filled}/") for info in infos)
    assert all(info.size == len(info.uri.removeprefix(f"{filled}/").encode()) for info in infos)


def test_the_file_system_may_be_named(hadoop: Cluster, filled: str) -> None:
    named = f"{hadoop.layout.file_system}/listed/readings/dt=2026-03-01/a.csv"
    assert storage.read_text(_one(named)) == NAMES[0]


def test_what_is_not_there(hadoop: Cluster, filled: str) -> None:
    none = f"{filled}/readings/dt=2026-04-01/"
    assert _message(none) == f"{none}: no such file or directory; check the name"
    below = f"{filled}/{NAMES[0]}/x"
    assert _message(below) == f"{below}: no such file or directory; check the name"
    pattern = f"{filled}/readings/*.jsonl"
    assert _message(pattern) == f"{pattern}: no file matches; check the pattern; quote it against the shell"
    hidden = f"{filled}/hidden/"
    assert _message(hidden) == f"{hidden}: no log files in it; names that begin with . or _ are passed over"
    assert storage.find(none) is None
    assert storage.find(f"{filled}/readings") is None


def test_a_long_folder_comes_in_pages(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        _put(f"{place}/{number}.csv", b"x")
    path = webhdfs.split_uri(place)[1]
    whole = webhdfs.client(place)._call("GET", path, "LISTSTATUS_BATCH")
    asked: list[dict[str, str]] = []

    def in_pages(self: object, method: str, path: str, op: str, **params: str) -> object:
        """The NameNode's answer, as it is where a page holds two."""
        asked.append(params)
        entries = whole["DirectoryListing"]["partialListing"]["FileStatuses"]["FileStatus"]
        left = [entry for entry in entries if entry["pathSuffix"] > params.get("startAfter", "")]
        page = {"FileStatuses": {"FileStatus": left[:2]}}
        return {"DirectoryListing": {"partialListing": page, "remainingEntries": len(left[2:])}}

    monkeypatch.setattr(webhdfs.WebHdfs, "_call", in_pages)
    found = list(webhdfs.client(place).listed(path))
    assert [one.name for one in found] == [f"{n}.csv" for n in range(7)]
    assert [params.get("startAfter") for params in asked] == [None, "1.csv", "3.csv", "5.csv"]


@pytest.mark.parametrize("size", [0, 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_ranges_give_the_bytes(place: str, hadoop: Cluster, size: int) -> None:
    data = os.urandom(size)
    info = _in_blocks(f"{place}/x", data, hadoop)
    assert info.block_size == BLOCK
    assert_ranges(info, data, (BLOCK - 1, BLOCK))


def test_a_seekable_file(place: str) -> None:
    def put(data: bytes) -> ObjectInfo:
        _put(f"{place}/x.parquet", data)
        return _one(f"{place}/x.parquet")

    assert_seekable(put)


def test_a_file_that_is_replaced_while_it_is_read(place: str) -> None:
    uri = f"{place}/x"
    _put(uri, os.urandom(3_000_000))
    info = _one(uri)
    buffer = memoryview(bytearray(1 << 20))
    expected = f"{uri}: changed while it was read; run again when nothing writes to it any more"
    with pytest.raises(InputError) as changed, storage.open_range(info) as reader:
        assert reader.readinto(buffer)
        _put(uri, os.urandom(3_000_000))
        while reader.readinto(buffer):
            pass
    assert str(changed.value) == expected
    for again in ("replaced", "removed"):
        if again == "removed":
            webhdfs.client(uri).delete(int(str(_one(uri).etag).partition("-")[0]))
        with pytest.raises(InputError) as changed:
            storage.read_bytes(info)
        assert str(changed.value) == expected
        with pytest.raises(InputError) as changed, storage.open_seekable(info) as file:
            file.read()
        assert str(changed.value) == expected


def test_a_file_that_is_cut_shorter_while_it_is_read(place: str, hadoop: Cluster) -> None:
    uri = f"{place}/x"
    info = _in_blocks(uri, os.urandom(3 * BLOCK), hadoop)
    buffer = memoryview(bytearray(BLOCK))
    with pytest.raises(InputError) as changed, storage.open_range(info) as reader:
        assert reader.readinto(buffer) == BLOCK
        webhdfs.client(uri)._call("POST", webhdfs.split_uri(uri)[1], "TRUNCATE", newlength=str(BLOCK))
        reader.readinto(buffer)
    assert str(changed.value) == f"{uri}: changed while it was read; run again when nothing writes to it any more"


def test_small_files_come_ahead_of_their_turn(place: str) -> None:
    for number in range(20):
        _put(f"{place}/{number:03d}", f"{number}".encode() * number)
    infos = storage.expand(place, _accept)
    with storage.prefetch(infos):
        assert [storage.read_bytes(info) for info in infos] == [f"{n}".encode() * n for n in range(20)]
    _put(f"{place}/003", b"new")
    with storage.prefetch(infos[:5]):
        assert [storage.read_bytes(info) for info in infos[:3]] == [b"", b"1", b"22"]
        with pytest.raises(InputError, match=r"/003: changed while it was read"):
            storage.read_bytes(infos[3])
        assert storage.read_bytes(infos[4]) == b"4444"


def test_a_fork_has_a_client_of_its_own(place: str) -> None:
    _put(f"{place}/x", b"abc")
    info = _one(f"{place}/x")
    mine = webhdfs.client(place)
    pid = os.fork()
    if pid == 0:
        own = webhdfs.client(place) is not mine and storage.read_bytes(info) == b"abc"
        os._exit(0 if own else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert webhdfs.client(place) is mine
    assert storage.read_bytes(info) == b"abc"


# Faults


@pytest.fixture
def proxies(hadoop: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Faults, Faults]]:
    """Proxies in front of the NameNode and of the DataNode that it names."""
    with faulty_hdfs(hadoop) as (name, data):
        monkeypatch.setenv("JOBS_WEBHDFS", name.url)
        monkeypatch.setattr(remote, "LONGEST_PAUSE", 0.05)
        yield name, data


@pytest.mark.parametrize("fault", [cut_in_half, reset])
def test_a_name_node_whose_answers_break_is_asked_again(
    place: str, proxies: tuple[Faults, Faults], fault: Fault
) -> None:
    _put(f"{place}/x", b"abc")
    name, _ = proxies
    name.faults = [fault, fault]
    assert storage.read_bytes(_one(f"{place}/x")) == b"abc"
    assert name.happened == 2


@pytest.mark.parametrize("fault", [cut_in_half, reset])
def test_what_a_data_node_breaks_off_is_read_again(place: str, proxies: tuple[Faults, Faults], fault: Fault) -> None:
    data = os.urandom(3_000_000)
    _put(f"{place}/x", data)
    info = _one(f"{place}/x")
    _, node = proxies
    node.faults = [fault, fault]
    assert storage.read_bytes(info) == data
    assert node.happened == 2


def test_a_broken_range_is_taken_up_where_it_broke(place: str, proxies: tuple[Faults, Faults]) -> None:
    data = os.urandom(3_000_000)
    _put(f"{place}/x", data)
    info = _one(f"{place}/x")
    _, node = proxies
    node.seen.clear()
    node.faults = [cut_in_half]
    with storage.open_range(info) as reader:
        taken = bytearray(info.size)
        at = 0
        while count := reader.readinto(memoryview(taken)[at : at + 100_000]):
            at += count
    assert bytes(taken) == data
    starts = [int(line.split("offset=")[1].split("&")[0]) for line in node.seen]
    assert starts[0] == 0
    assert len(starts) == 2
    assert 1_300_000 < starts[1] < 1_600_000


def test_a_data_node_that_breaks_off_for_ever(place: str, proxies: tuple[Faults, Faults]) -> None:
    _put(f"{place}/x", os.urandom(1000))
    info = _one(f"{place}/x")
    _, node = proxies
    node.faults = [no_body] * 100
    with pytest.raises(InputError) as broken:
        storage.read_bytes(info)
    assert node.happened == remote.TRIES
    assert str(broken.value) == (
        f"{place}/x: cannot be read beyond byte 0: every connection breaks off there; "
        "hadoop fs -cat FILE says why, hdfs fsck FILE -files -blocks -locations where its blocks are"
    )


def test_a_write_that_breaks_off_is_written_again(place: str, proxies: tuple[Faults, Faults]) -> None:
    _, node = proxies
    data = os.urandom(3_000_000)
    node.pattern, node.faults = "PUT /", [reset]
    _put(f"{place}/x", data)
    assert node.happened == 1
    assert storage.read_bytes(_one(f"{place}/x")) == data


def test_a_rename_whose_answer_is_lost_has_happened(place: str, proxies: tuple[Faults, Faults]) -> None:
    name, _ = proxies
    _put(f"{place}/x", b"abc")
    hdfs, path = webhdfs.client(place), webhdfs.split_uri(place)[1]
    status = hdfs.status(f"{path}/x")
    assert status is not None
    name.pattern, name.faults = "op=RENAME", [reset]
    assert hdfs.move(status.id, f"{path}/y")
    assert name.happened == 1
    assert hdfs.status(f"{path}/x") is None


def test_nobody_answers(hadoop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LONGEST_PAUSE", 0.01)
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("JOBS_WEBHDFS", f"http://{address}")
    assert _message("hdfs:///x") == (
        f"hdfs:///x: the NameNode {address} cannot be reached: Connection refused; "
        "check that it runs, and HADOOP_CONF_DIR or JOBS_WEBHDFS; hdfs:///path is the default file system's"
    )


def test_another_port_of_the_cluster(hadoop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for port, answer in (("namenode", "HTTP 404 Not Found"), ("resourcemanager-http", "HTTP 404 Not Found")):
        monkeypatch.setenv("JOBS_WEBHDFS", f"http://{hadoop.layout.address(port)}")
        assert _message("hdfs:///x") == (
            f"hdfs:///x: no WebHDFS answers there ({answer}); HADOOP_CONF_DIR or JOBS_WEBHDFS must name its HTTP port"
        )
