"""What steps gave is fetched whole and in order, also over connections that break."""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Iterator

import pytest

from jobs.engine import compat, emr_output
from jobs.errors import InputError, JobError
from jobs.lake import s3_client
from jobs.lake.s3_reader import FIRST_RANGE
from tests.emr.test_refused import closed
from tests.lake.faulty_proxy import Faults, cut_in_half, faulty_proxy, no_body, slow_down
from tests.servers import S3Server

compat.install()

pytestmark = pytest.mark.s3

FOLDER = "s3://lake/run/output/"
SMALL, LARGE = b"a line\n" * 1000, bytes(range(256)) * (9 << 12)
"""The one is fetched ahead, the other in ranges, as it is of 9 MiB."""


@pytest.fixture
def faults(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """What goes wrong while parts are fetched, which are there with what Hadoop puts beside them."""
    s3.client().create_bucket(Bucket="lake")
    found = {
        "part-00000": SMALL,
        "part-00001": LARGE,
        "part-00002": b"",
        "part-00003.gz": gzip.compress(SMALL),
        "part-00004.bz2": bz2.compress(SMALL),
        "_SUCCESS": b"done",
        ".part-00000.crc": b"sum",
        "_logs/part-00000": b"log",
    }
    for name, data in found.items():
        s3.client().put_object(Bucket="lake", Key=f"run/output/{name}", Body=data)
    with faulty_proxy(s3.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        s3_client.forget()
        yield proxy
    s3_client.forget()


def given() -> list[bytes]:
    """What each part has: an empty piece ends it."""
    whole = [b""]
    for piece in emr_output.read(FOLDER):
        whole.append(b"") if piece == b"" else whole.append(whole.pop() + piece)
    return whole


WHOLE = [SMALL, LARGE, b"", SMALL, SMALL]


def test_parts_come_whole_and_in_order(faults: Faults) -> None:
    assert given() == WHOLE
    assert [part.uri.removeprefix(FOLDER)[:10] for part in emr_output.parts(FOLDER)] == [
        f"part-0000{number}" for number in range(5)
    ]
    assert emr_output.parts("s3://lake/none") == []


@pytest.mark.parametrize("part", ["part-00000", "part-00001"])
def test_what_breaks_is_taken_up_where_it_broke(faults: Faults, part: str) -> None:
    faults.pattern, faults.faults = f"GET /lake/run/output/{part}", [cut_in_half, no_body, slow_down]
    assert given() == WHOLE
    assert faults.happened == 3
    starts = [int(start) for seen in faults.seen if part in seen for start in re.findall(r"bytes=(\d+)-", seen)]
    assert any(0 < start < FIRST_RANGE for start in starts), faults.seen


def test_what_cannot_be_had_is_no_fault_of_the_input(faults: Faults) -> None:
    faults.pattern, faults.faults = "GET /lake/run/output/part-00001", [closed]
    with pytest.raises(JobError, match="no permission in S3") as refused:
        given()
    assert not isinstance(refused.value, InputError)
    assert refused.value.where == f"{FOLDER}part-00001"
