"""The submitter's policy allows what the suite asks of AWS, and nothing else: every call of a run is recorded."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.client
import pytest

from jobs import api
from jobs.emr import __main__ as clusters
from jobs.lake import s3_client
from scripts.infra import templates
from tests.emr.test_emr import fill
from tests.servers import S3Server

pytestmark = [pytest.mark.hadoop, pytest.mark.slow, pytest.mark.xdist_group("emr")]

ACTIONS_OF_S3 = {
    "DeleteObject": "DeleteObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketLocation": "GetBucketLocation",
    "GetObject": "GetObject",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutObject": "PutObject",
}
SERVICES = {"emr": "elasticmapreduce", "pricing": "pricing"}
"""What AWS calls a service where it is about permissions; S3's actions have names of their own."""
NOT_RECORDED = {
    "elasticmapreduce:ListInstanceFleets": "mrjob, before it joins a cluster of a pool",
    "elasticmapreduce:ListInstanceGroups": "the same",
    "elasticmapreduce:RemoveTags": "the same, to unlock the cluster",
    "iam:PassRole": "EMR asks for it, in the name of who starts a cluster",
    "kms:Decrypt": "S3 asks for it, in the name of who reads",
    "kms:GenerateDataKey": "S3 asks for it, in the name of who writes",
    "s3:AbortMultipartUpload": "S3, where an upload in parts fails",
}
"""What a policy must allow beside the calls of a run on the rehearsal's control plane."""


@pytest.fixture
def actions(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The actions that this process asks AWS for, as policies name them, while the test runs."""
    found: set[str] = set()
    base: Any = botocore.client.BaseClient
    ask = base._make_api_call

    def note(client: Any, operation: str, parameters: Any) -> Any:
        service = client.meta.service_model.service_name
        found.add(f"s3:{ACTIONS_OF_S3[operation]}" if service == "s3" else f"{SERVICES[service]}:{operation}")
        return ask(client, operation, parameters)

    monkeypatch.setattr(base, "_make_api_call", note)
    s3_client.forget()
    yield found
    s3_client.forget()


def test_the_policy_allows_what_is_asked_and_no_more(
    emr: S3Server,
    actions: set[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", emr.url)  # else prices are not asked for in its place
    fill(emr)
    expected = api.run("daily_stats", [Path(__file__).parents[2] / "sample_data"])
    actions.clear()  # of the test's own
    settings: dict[str, api.OptionValue] = {
        "yes": True,
        "architecture": platform.machine(),
        "check_cluster_every": 0.3,
        "output_dir": "s3://lake/stats",
    }
    assert api.run("daily_stats", ["s3://lake/logs/"], engine="emr", **settings).equals(expected)
    for command in (["clusters", "--all"], ["status"], ["logs"], ["terminate", "--orphans"]):
        monkeypatch.setattr(sys, "argv", ["jobs.emr", *command])
        assert clusters.main() == 0
    assert "daily_stats" in capsys.readouterr().out
    allowed = templates.actions("SubmitterPolicy")
    assert actions - allowed == set()
    assert allowed - actions == NOT_RECORDED.keys()
