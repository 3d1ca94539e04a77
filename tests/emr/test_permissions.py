"""Policies allow what a run asks of AWS, submitter and nodes, and nothing else. That nothing more is asked in any other
test, its fixture sees to."""

from __future__ import annotations

import pytest

from scripts.infra import templates
from tests.emr import mutants, permissions, policies
from tests.emr.mutants import TAGGED
from tests.emr.permissions import NEW_CLUSTER, ON_THE_WAY, Asked
from tests.emr.runs import Recorded

LAKE, LOGS = (f"arn:aws:s3:::{name}" for name in policies.BUCKETS.values())
CLUSTER = f"arn:aws:elasticmapreduce:{policies.REGION}:{policies.ACCOUNT}:cluster/j-1"
RUN = f"arn:aws:emr-serverless:{policies.REGION}:{policies.ACCOUNT}:/applications/a/jobruns/r"
OURS = frozenset({(TAGGED, "true")})
NOT_RECORDED = {
    Asked("submitter", "elasticmapreduce:ListInstanceFleets", CLUSTER, OURS): "mrjob, before it joins one of a pool",
    Asked("submitter", "elasticmapreduce:ListInstanceGroups", CLUSTER, OURS): "the same",
    Asked("submitter", "elasticmapreduce:RemoveTags", CLUSTER, OURS): "the same, to unlock the cluster",
    **{
        Asked("submitter", "elasticmapreduce:PutAutoTerminationPolicy", *on): "EMR, where one ends when idle"
        for on in ((NEW_CLUSTER,), (CLUSTER, OURS))
    },
    Asked("submitter", "elasticmapreduce:CancelSteps", CLUSTER, OURS): "where a run on one of a pool is interrupted",
    Asked("submitter", "emr-serverless:CancelJobRun", RUN, OURS): "where a run is interrupted",
    **{
        Asked(who, "s3:AbortMultipartUpload", f"{LAKE}/key", ON_THE_WAY): "S3, where an upload in parts fails"
        for who in ("submitter", "node", "endpoint")
    },
}
"""What a policy must allow beside the calls of the recorded runs, and who asks for it when."""


@pytest.mark.hadoop
@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.xdist_group("emr")
def test_the_policies_allow_what_is_asked_and_no_more(on_cluster: Recorded, on_serverless: Recorded) -> None:
    """A request for what is others' is refused; and each action, resource and condition is needed for that, or for what
    is asked."""
    recorded = on_cluster.asked | on_serverless.asked
    assert {one[:2] for one in recorded}.isdisjoint(one[:2] for one in NOT_RECORDED)
    found = sorted(recorded | NOT_RECORDED.keys(), key=repr)
    by = permissions.statements()
    assert list(mutants.faults(found, by)) == []
    unseen = [
        f"{who}, {what}"
        for who, statements in by.items()
        for what, statement, altered in mutants.mutants(statements)
        if not any(mutants.faults(_about(statement, who, found), {**by, who: altered}))
    ]
    assert unseen == []


def _about(statement: policies.Statement, who: str, found: list[Asked]) -> list[Asked]:
    return [one for one in found if one.who == who and policies.is_about(statement, one.action)]


@pytest.mark.parametrize(
    "one",
    [
        Asked("node", "s3:GetObject", "arn:aws:s3:::other/key"),
        Asked("node", "s3:GetObject", f"{LOGS}/key"),
        Asked("node", "elasticmapreduce:RunJobFlow"),
        Asked("submitter", "s3:PutObject", f"{LOGS}/key"),
        Asked("submitter", "elasticmapreduce:AddTags", CLUSTER, frozenset({(mutants.REQUESTED, "true")})),
    ],
)
def test_another_action_or_resource_is_refused(one: Asked) -> None:
    assert permissions.refused([one]) == [str(one)]


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("NotAction", "s3:*"),
        ("Principal", {"AWS": "*"}),
        ("Condition", {"StringLike": {"aws:PrincipalAccount": "*"}}),
    ],
)
def test_a_policy_with_what_is_not_known_is_not_evaluated(
    monkeypatch: pytest.MonkeyPatch, element: str, value: object
) -> None:
    statement = {"Sid": "S", "Effect": "Allow", "Action": "s3:*", "Resource": "*", element: value}
    stack = {"Resources": {"P": {"Properties": {"PolicyDocument": {"Statement": [statement]}}}}}
    monkeypatch.setattr(templates, "load", lambda name: stack)
    with pytest.raises(ValueError, match="is not known"):
        policies.statements("lake", "P")


@pytest.mark.parametrize(
    ("conditions", "context", "allowed"),
    [
        ({}, {}, True),
        ({"StringEquals": {"k": "v"}}, {"k": "v"}, True),
        ({"StringEquals": {"k": ["u", "v"]}}, {"k": "v"}, True),
        ({"StringEquals": {"k": "v"}}, {"k": "V"}, False),
        ({"StringEquals": {"k": "v"}}, {}, False),
        ({"StringEquals": {"k": "v", "l": "w"}}, {"k": "v"}, False),
        ({"Bool": {"k": "true"}}, {"k": "True"}, True),
        ({"Bool": {"k": "false"}}, {}, False),
        ({"StringEquals": {"k": "v"}, "Bool": {"l": "true"}}, {"k": "v", "l": "false"}, False),
    ],
)
def test_conditions_hold_as_with_aws(conditions: dict[str, object], context: dict[str, str], allowed: bool) -> None:
    allow = {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "arn:b/*", "Condition": conditions}
    assert policies.allow([allow], "s3:GetObject", "arn:b/k", context) is allowed
    assert not policies.allow([allow], "s3:PutObject", "arn:b/k", context)
    assert not policies.allow([allow], "s3:GetObject", "arn:c/k", context)
    deny = {"Effect": "Deny", "Action": "s3:getobject", "Resource": "*", "Condition": conditions}
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert policies.allow([anything, deny], "s3:GetObject", "arn:b/k", context) is not allowed
