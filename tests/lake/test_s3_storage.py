"""Reading from S3: what a URI names, pinned reads, faults of the network, and errors as the user sees them."""

from __future__ import annotations

import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from jobs.errors import InputError, JobError, UsageError
from jobs.lake import remote, s3_client, s3_reader, storage
from jobs.lake.storage import ObjectInfo
from tests.lake.faulty_proxy import Faults, cut_in_half, faulty_proxy, reset, slow_down
from tests.lake.ranges import assert_ranges, assert_seekable
from tests.servers import S3Server, free_port

pytestmark = pytest.mark.s3

KEYS = [
    "readings/dt=2026-03-01/a.csv",
    "readings/dt=2026-03-01/b [1].csv",
    "readings/dt=2026-03-02/a.csv.gz",
    "readings/dt=2026-03-10/ä +%.csv",
    "readings/dt=2026-03-10/deep/er/x.csv",
    "readings/_SUCCESS",
    "readings/_temporary/0/part.csv",
    "readings/dt=2026-03-11/",
    "readings_old/x.csv",
    "hidden/_x.csv",
]


def _accept(name: str) -> bool:
    return not name.startswith(("_", "."))


@pytest.fixture
def lake(s3: S3Server) -> Any:
    client = s3.client()
    client.create_bucket(Bucket="lake")
    return client


@pytest.fixture
def filled(lake: Any) -> Any:
    for key in KEYS:
        lake.put_object(Bucket="lake", Key=key, Body=key.encode() if not key.endswith("/") else b"")
    return lake


@pytest.fixture
def proxy(s3: S3Server, lake: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    with faulty_proxy(s3.url) as faults:
        monkeypatch.setenv("AWS_ENDPOINT_URL", faults.url)
        s3_client.forget()
        yield faults
    s3_client.forget()


def _put(lake: Any, data: bytes, key: str = "x") -> ObjectInfo:
    lake.put_object(Bucket="lake", Key=key, Body=data)
    [info] = storage.expand(f"s3://lake/{key}", _accept)
    return info


def _message(spec: str) -> str:
    with pytest.raises(InputError) as refused:
        storage.expand(spec, _accept)
    return str(refused.value)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("s3://lake/readings/dt=2026-03-01/a.csv", [0]),
        ("s3://lake/readings/dt=2026-03-01/b [1].csv", [1]),
        ("s3://lake/readings/dt=2026-03-01/", [0, 1]),
        ("s3://lake/readings/dt=2026-03-01", [0, 1]),
        ("s3://lake/readings", [0, 1, 2, 3, 4]),
        ("s3://lake/readings/dt=2026-03-0?/", [0, 1, 2]),
        ("s3://lake/readings/dt=2026-03-0?", [0, 1, 2]),
        ("s3://lake/readings/*/*.csv", [0, 1, 3]),
        ("s3://lake/readings/**/*.csv", [0, 1, 3, 4]),
        ("s3://lake/readings/dt=2026-03-1[0-1]/**", [3, 4]),
        ("s3://lake/read*", [0, 1, 2, 3, 4, 8]),
        ("s3://lake/", [0, 1, 2, 3, 4, 8]),
        ("s3://lake", [0, 1, 2, 3, 4, 8]),
        ("s3://lake/readings/_SUCCESS", [5]),
        ("s3://lake/readings/_temporary/", [6]),
    ],
)
def test_what_a_uri_names(filled: Any, spec: str, found: list[int]) -> None:
    infos = storage.expand(spec, _accept)
    assert [info.uri for info in infos] == sorted(f"s3://lake/{KEYS[n]}" for n in found)
    assert all(storage.read_text(info) == info.uri.removeprefix("s3://lake/") for info in infos)
    assert all(info.size == len(info.uri.removeprefix("s3://lake/").encode()) for info in infos)


def test_what_is_not_there(filled: Any) -> None:
    assert _message("s3://lake/readings/dt=2026-04-01/") == (
        "s3://lake/readings/dt=2026-04-01/: there is no such object or prefix; check the name"
    )
    assert _message("s3://lake/readings/dt=2026-03") == (
        "s3://lake/readings/dt=2026-03: there is no such object or prefix; "
        "add * to take keys such as s3://lake/readings/dt=2026-03-01/a.csv"
    )
    assert _message("s3://lake/readings/*.jsonl") == (
        "s3://lake/readings/*.jsonl: no object matches; check the pattern; quote it against the shell"
    )
    assert _message("s3://lake/hidden/") == (
        "s3://lake/hidden/: no log objects in it; names that begin with . or _ are passed over"
    )
    assert _message("s3://no-such-lake/x/") == (
        "s3://no-such-lake/x/: there is no bucket no-such-lake; "
        "check its name, and that the credentials are of the right account"
    )
    assert _message("s3://la ke/x/") == (
        "s3://la ke/x/: 'la ke' cannot be a bucket's name; write it as s3://bucket/prefix/"
    )
    with pytest.raises(UsageError, match="names no bucket; write it as s3://bucket/prefix/"):
        storage.expand("s3://", _accept)


def test_no_permission_and_wrong_keys(s3: S3Server, filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    iam = boto3.client("iam", endpoint_url=s3.url, region_name="us-east-1")
    iam.create_user(UserName="guest")
    guest = iam.create_access_key(UserName="guest")["AccessKey"]
    try:
        _authorise(s3, "0")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", guest["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", guest["SecretAccessKey"])
        s3_client.forget()
        assert _message("s3://lake/readings/") == (
            "s3://lake/readings/: no permission in S3; "
            "the credentials need s3:ListBucket and s3:GetObject, and s3:PutObject to publish"
        )
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        s3_client.forget()
        assert _message("s3://lake/readings/").startswith(
            "s3://lake/readings/: S3 refuses the credentials (SignatureDoesNotMatch); set AWS_PROFILE, or"
        )
    finally:
        _authorise(s3, "Infinity")


def _authorise(s3: S3Server, after: str) -> None:
    """Have the server check credentials after so many requests."""
    request = urllib.request.Request(
        f"{s3.url}/moto-api/reset-auth", data=after.encode(), headers={"Content-Type": "text/plain"}, method="POST"
    )
    urllib.request.urlopen(request, timeout=30).close()


def test_no_credentials(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    s3_client.forget()
    assert _message("s3://lake/x/") == (
        "s3://lake/x/: no AWS credentials found; "
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"
    )
    monkeypatch.setenv("AWS_PROFILE", "absent")
    s3_client.forget()
    with pytest.raises(JobError, match="absent"):
        storage.expand("s3://lake/x/", _accept)
    monkeypatch.delenv("AWS_PROFILE")
    s3_client.forget()


def test_nobody_answers(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3_client.forget()
    assert _message("s3://lake/x/").startswith("s3://lake/x/: S3 cannot be reached: ")
    assert _message("s3://lake/x/").endswith("; check the network and AWS_ENDPOINT_URL")
    assert url in _message("s3://lake/x/")


@pytest.mark.parametrize("size", [0, 1, s3_reader.FIRST_RANGE, s3_reader.FIRST_RANGE + 1, 21_000_000])
def test_ranges_give_the_bytes(lake: Any, size: int) -> None:
    data = os.urandom(size)
    info = _put(lake, data)
    assert_ranges(info, data)


def test_a_seekable_object(lake: Any) -> None:
    assert_seekable(lambda data: _put(lake, data))


def test_an_object_that_is_replaced_while_it_is_read(lake: Any) -> None:
    info = _put(lake, os.urandom(12_000_000))
    buffer = memoryview(bytearray(1 << 20))
    with storage.open_range(info) as reader:
        assert reader.readinto(buffer)
        lake.put_object(Bucket="lake", Key="x", Body=os.urandom(12_000_000))
        with pytest.raises(InputError) as changed:
            while reader.readinto(buffer):
                pass
    expected = "s3://lake/x: changed while it was read; run again when nothing writes to it any more"
    assert str(changed.value) == expected
    for again in ("replaced", "removed"):
        if again == "removed":
            lake.delete_object(Bucket="lake", Key="x")
        with pytest.raises(InputError) as changed:
            storage.read_bytes(info)
        assert str(changed.value) == expected
        with pytest.raises(InputError), storage.open_seekable(info) as file:
            file.read()


@pytest.mark.parametrize("fault", [slow_down, cut_in_half, reset])
def test_faults_of_the_network_are_overcome(lake: Any, proxy: Faults, fault: Any) -> None:
    data = os.urandom(3_000_000)
    info = _put(lake, data)
    proxy.faults = [fault, fault]
    assert storage.read_bytes(info) == data
    assert proxy.happened == 2


def test_a_broken_range_is_taken_up_where_it_broke(lake: Any, proxy: Faults) -> None:
    data = os.urandom(3_000_000)
    info = _put(lake, data)
    proxy.seen.clear()
    proxy.faults = [cut_in_half]
    assert storage.read_bytes(info) == data
    starts = [int(line.split("bytes=")[1].split("-")[0]) for line in proxy.seen]
    assert starts[0] == 0
    assert 400_000 < starts[1] < 600_000, proxy.seen
    assert starts[2] == s3_reader.FIRST_RANGE


def test_a_network_that_stays_broken(lake: Any, proxy: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LONGEST_PAUSE", 0.01)
    info = _put(lake, os.urandom(1000))
    proxy.faults = [cut_in_half] * 100
    with pytest.raises(InputError, match=r"^s3://lake/x: S3 cannot be (reached|used): "):
        storage.read_bytes(info)
    assert proxy.happened == remote.TRIES


def test_s3_that_stays_busy(lake: Any, proxy: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    s3_client.forget()
    info = _put(lake, b"abc")
    proxy.faults = [slow_down] * 100
    with pytest.raises(InputError) as busy:
        storage.read_bytes(info)
    assert str(busy.value) == "s3://lake/x: S3 is too busy (SlowDown); run again later, or with fewer --tasks"
    assert proxy.happened == 2


def test_small_objects_come_ahead_of_their_turn(lake: Any, proxy: Faults) -> None:
    infos = [_put(lake, f"{n}".encode() * n, f"small/{n:03d}") for n in range(40)]
    proxy.seen.clear()
    with storage.prefetch(infos):
        assert storage.read_bytes(infos[0]) == b""
        deadline = time.monotonic() + 20
        while len(proxy.seen) < 15 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(proxy.seen) >= 15, "nothing came ahead"
        assert [storage.read_bytes(info) for info in infos[1:]] == [f"{n}".encode() * n for n in range(1, 40)]
    assert len(proxy.seen) == len([info for info in infos if info.size])


def test_prefetch_tells_of_a_changed_object_in_its_turn(lake: Any) -> None:
    infos = [_put(lake, b"old", f"small/{n}") for n in range(5)]
    lake.put_object(Bucket="lake", Key="small/3", Body=b"new")
    with storage.prefetch(infos):
        assert [storage.read_bytes(info) for info in infos[:3]] == [b"old"] * 3
        with pytest.raises(InputError, match=r"^s3://lake/small/3: changed while it was read"):
            storage.read_bytes(infos[3])
        assert storage.read_bytes(infos[4]) == b"old"


def test_a_reader_that_is_closed_early_leaves_no_work(lake: Any) -> None:
    info = _put(lake, os.urandom(40_000_000))
    buffer = memoryview(bytearray(1 << 20))
    with storage.open_range(info) as reader:
        for _ in range(3):
            reader.readinto(buffer)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(t.is_alive() and t.name.startswith("storage") and _is_busy(t) for t in threading.enumerate()):
            return
    raise AssertionError("a thread still fetches")


def _is_busy(thread: threading.Thread) -> bool:
    import sys

    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_name == "_fill":
            return True
        frame = frame.f_back
    return False


def test_a_fork_has_a_client_of_its_own(lake: Any) -> None:
    info = _put(lake, b"abc")
    mine = s3_client.client()
    assert storage.read_bytes(info) == b"abc"
    pid = os.fork()
    if pid == 0:
        own = s3_client.client() is not mine and storage.read_bytes(info) == b"abc"
        os._exit(0 if own else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert s3_client.client() is mine
