"""A job's page is found, and its counters are read, also where the cluster encrypts with a certificate of its own."""

from __future__ import annotations

import json
import ssl
import zipfile
from collections.abc import Iterator

import pytest

from jobs.engine import hadoop_pages, hadoop_watch
from jobs.engine.progress import GROUP
from scripts.infra import certificates
from tests.http_server import Answer, http_server

NOBODY = "https://127.0.0.1:1"
APPS = {"apps": {"app": [{"id": "application_1_1", "name": "other"}, {"id": "application_1_2", "name": "ours"}]}}
COUNTERS = {
    "jobCounters": {
        "counterGroup": [
            {"counterGroupName": "hadoop's", "counter": [{"name": "bytes", "totalCounterValue": 1}]},
            {"counterGroupName": GROUP, "counter": [{"name": "bytes", "totalCounterValue": 812}]},
        ]
    }
}


def answer(path: str, said: bytes) -> Answer:
    """What a resource manager says of its applications and, as a proxy, of one."""
    found = APPS if path.startswith("/ws/v1/cluster/apps") else COUNTERS
    return 200, "application/json", json.dumps(found).encode()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A resource manager with the certificate that the infrastructure makes for nodes."""
    folder = tmp_path_factory.mktemp("certificates")
    with zipfile.ZipFile(certificates.make(folder, "us-east-1")) as archive:
        archive.extractall(folder / "node")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "node" / "certificateChain.pem", folder / "node" / "privateKey.pem")
    with http_server(answer, tls) as address:
        yield address


def test_a_primary_node_is_asked_where_it_encrypts_first() -> None:
    node = "ip-10-40-0-7.ec2.internal"
    assert hadoop_watch.managers(node) == [f"https://{node}:8090", f"http://{node}:8088"]
    assert hadoop_watch.managers("localhost:18088") == ["http://localhost:18088"]


def test_a_job_is_followed_on_a_cluster_that_encrypts(encrypted: str) -> None:
    found = hadoop_watch.under_way([encrypted, NOBODY], "ours")
    assert found is not None
    assert found.page == f"{encrypted}/proxy/application_1_2/"
    assert hadoop_watch.counters(f"{found.page}ws/v1/mapreduce/jobs/job_1_2/counters") == {"bytes": 812}


def test_a_job_is_followed_where_only_the_second_answers() -> None:
    with http_server(answer) as address:
        assert hadoop_watch.under_way([NOBODY, address], "ours") == (address, "application_1_2")
        assert hadoop_watch.under_way([address.replace("http", "https"), address], "none of them") is None


def test_nobody_to_ask_is_an_error() -> None:
    with pytest.raises(OSError, match="refused"):
        hadoop_watch.under_way([NOBODY, NOBODY], "ours")


def test_what_is_more_than_progress_is_asked_of_known_certificates(encrypted: str) -> None:
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        hadoop_pages.asked(encrypted)
