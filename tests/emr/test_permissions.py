"""Policies allow what a run asks of AWS, submitter and nodes, and nothing else. That nothing more is asked in any other
test, its fixture sees to."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tests.clusters import Rehearsal
from tests.emr import permissions, test_serverless
from tests.emr.permissions import Asked
from tests.emr.test_emr import CONTAINERS, run_and_compare
from tests.outcomes.commands import told

NOT_RECORDED = {
    "submitter": {
        "elasticmapreduce:ListInstanceFleets": "mrjob, before it joins a cluster of a pool",
        "elasticmapreduce:ListInstanceGroups": "the same",
        "elasticmapreduce:PutAutoTerminationPolicy": "EMR asks for it, where a cluster is to end when it is idle",
        "elasticmapreduce:RemoveTags": "the same, to unlock the cluster",
        "emr-serverless:CancelJobRun": "where a run is interrupted",
        "emr-serverless:TagResource": "EMR Serverless asks for it, where something is made with tags",
        "iam:PassRole": "EMR asks for it, in the name of who starts a cluster",
        "kms:Decrypt": "S3 asks for it, in the name of who reads",
        "kms:GenerateDataKey": "S3 asks for it, in the name of who writes",
        "s3:AbortMultipartUpload": "S3, where an upload in parts fails",
    },
    "node": {
        "kms:Decrypt": "S3 asks for it, in the name of who reads",
        "kms:GenerateDataKey": "S3 asks for it, in the name of who writes",
        "s3:AbortMultipartUpload": "S3, where an upload in parts fails",
    },
}
"""What a policy must allow beside the calls of a run on the rehearsal's control plane."""


@pytest.mark.hadoop
@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.xdist_group("emr")
def test_the_policies_allow_what_is_asked_and_no_more(emr: Rehearsal, tmp_path: Path) -> None:
    """A run of daily_stats with logs in a bucket of their own, as `scripts.infra conf` has it; its twin's on EMR
    Serverless; and what looks after them."""
    before = emr.requests.stat().st_size
    emr.client().create_bucket(Bucket="logs")
    pricing = {"AWS_ENDPOINT_URL_PRICING": emr.url}  # else prices are not asked for in its place
    run_and_compare(emr, tmp_path, "daily_stats", *CONTAINERS, "--cloud-log-dir", "s3://logs/clusters/", env=pricing)
    application = test_serverless.run_and_compare(emr, tmp_path)
    for command in (["clusters", "--all"], ["status"], ["logs", application], ["terminate", "--orphans"]):
        done = told(tmp_path, *command, module="jobs.emr")
        assert done.status == 0, done.errors
    found, _ = permissions.asked(emr.requests, before)
    allowed = permissions.statements()
    for who, statements in allowed.items():
        actions = {action for statement in statements for action in statement["Action"]}
        assert actions - {one.action for one in found if one.who == who} == NOT_RECORDED[who].keys()
        for action in actions - NOT_RECORDED[who].keys():
            assert permissions.refused(found, {**allowed, who: without(statements, action)}), action


def without(statements: list[permissions.Statement], action: str) -> list[permissions.Statement]:
    """The statements but for one action."""
    fewer = copy.deepcopy(statements)
    for statement in fewer:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    return fewer


@pytest.mark.parametrize(
    "one",
    [
        Asked("node", "s3:GetObject", "arn:aws:s3:::other/key"),
        Asked("node", "s3:GetObject", "arn:aws:s3:::logs/key"),
        Asked("node", "elasticmapreduce:RunJobFlow"),
        Asked("submitter", "s3:PutObject", "arn:aws:s3:::logs/key"),
    ],
)
def test_another_action_or_resource_is_refused(one: Asked) -> None:
    assert permissions.refused([one], permissions.statements()) == [" ".join(one)]
