"""The templates as they are written: no finding of cfn-lint, nothing open to the world, no policy wider than needed."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from typing import Any

import pytest
from botocore.session import get_session
from moto.cloudformation.parsing import get_model_map

from scripts.infra import templates

RESOURCES: dict[str, dict[str, Any]] = {
    name: resource for stack in templates.STACKS for name, resource in templates.load(stack)["Resources"].items()
}
WITHOUT_RESOURCES = {
    "elasticmapreduce:RunJobFlow",
    "elasticmapreduce:ListClusters",
    "emr-serverless:CreateApplication",
    "emr-serverless:ListApplications",
    "pricing:GetProducts",
}
"""Actions that AWS does not limit to a resource; what starts something is limited by the tag that it must give."""
LAKE_RULES = {"readings", "staging-of-runs", "what-was-replaced", "markers-of-deletion"}
UNKNOWN_TO_MOTO = {
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
}
"""Types that it leaves out without a word; the tests below look at what the template says of them."""


@pytest.mark.slow
@pytest.mark.parametrize("stack", templates.STACKS)
def test_cfn_lint_finds_nothing(stack: str) -> None:
    program = "from cfnlint.runner import main; main()"
    command = [sys.executable, "-c", program, str(templates.FOLDER / f"{stack}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "cfn-lint" not in templates.text(stack)  # no rule is ignored


def test_what_moto_leaves_out_is_known() -> None:
    assert {resource["Type"] for resource in RESOURCES.values()} - set(get_model_map()) == UNKNOWN_TO_MOTO


def test_names_of_buckets_fit_in_every_region() -> None:
    """With the longest prefix that the templates take, which is the same for all, so that none is deployed in vain."""
    (pattern,) = {templates.load(stack)["Parameters"]["Prefix"]["AllowedPattern"] for stack in templates.STACKS}
    prefix = max(("p" * length for length in range(64) if re.fullmatch(pattern, "p" * length)), key=len)
    session = get_session()
    places = [session.get_available_regions("s3", partition) for partition in session.get_available_partitions()]
    region = max(itertools.chain(*places), key=len)
    names = [RESOURCES[bucket]["Properties"]["BucketName"]["Fn::Sub"] for bucket in ("Lake", "Logs", "AccessLogs")]
    values = {"Prefix": prefix, "AWS::AccountId": "123456789012", "AWS::Region": region}
    made = [re.sub(r"\$\{(.+?)\}", lambda found: values[found[1]], name) for name in names]
    assert max(map(len, made)) == 63


def test_a_template_needs_only_outputs_of_earlier_ones() -> None:
    given = {"Prefix"}
    from_outside = {"CertificatesUri", "Bundles", "CronLines"}
    for stack in templates.STACKS:
        template = templates.load(stack)
        needed = {name for name, about in template["Parameters"].items() if "Default" not in about}
        assert needed <= given | from_outside, stack
        given |= template["Outputs"].keys()


def test_how_clusters_encrypt_can_change() -> None:
    """Each change of a security configuration replaces it, which CloudFormation refuses where its name is fixed."""
    assert RESOURCES["SecurityConfiguration"]["Properties"].keys() == {"SecurityConfiguration"}


@pytest.mark.parametrize("policy", ["NodePolicy", "SubmitterPolicy"])
def test_policies_name_actions_and_resources(policy: str) -> None:
    for statement in templates.statements(policy):
        actions = set(statement["Action"])
        assert not [action for action in actions if "*" in action], statement["Sid"]
        if statement["Resource"] == "*":
            assert actions <= WITHOUT_RESOURCES, statement["Sid"]
        if "iam:PassRole" in actions:
            assert statement["Condition"]["StringEquals"]["iam:PassedToService"]


def test_roles_have_their_policies() -> None:
    """moto attaches none of them."""
    ssm = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"}
    attached = {
        name: item["Properties"]["ManagedPolicyArns"] for name, item in RESOURCES.items() if name.endswith("Role")
    }
    assert attached["NodeRole"] == [{"Ref": "NodePolicy"}, ssm]
    assert attached["ExecutionRole"] == [{"Ref": "NodePolicy"}]
    assert attached["SchedulerRole"] == [{"Ref": "SubmitterPolicy"}, ssm]


def test_nodes_may_not_start_clusters() -> None:
    services = {action.partition(":")[0] for action in templates.actions("NodePolicy")}
    assert services == {"s3", "kms"}
    assert templates.allows("SubmitterPolicy", "elasticmapreduce:RunJobFlow")
    assert not templates.allows("SubmitterPolicy", "ec2:RunInstances")


def test_the_budget_tells_the_topic() -> None:
    budget = RESOURCES["Budget"]["Properties"]
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": [{"Fn::Sub": "user:project$${Prefix}"}]}
    told = budget["NotificationsWithSubscribers"]
    assert [item["Notification"]["NotificationType"] for item in told] == ["ACTUAL", "FORECASTED"]
    assert [item["Subscribers"][0]["Address"] for item in told] == [{"Ref": "Alerts"}] * 2


@pytest.mark.parametrize("bucket", ["Lake", "Logs", "AccessLogs"])
def test_buckets_take_encrypted_connections_only(bucket: str) -> None:
    policy = RESOURCES[f"{bucket}Policy"]["Properties"]
    assert policy["Bucket"] == {"Ref": bucket}
    deny = policy["PolicyDocument"]["Statement"][0]
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert deny["Resource"] == [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": "${" + bucket + ".Arn}/*"}]


def test_access_logs_go_where_s3_delivers_them() -> None:
    """To a bucket without a key of KMS, below the prefix that its policy allows; moto leaves logging out."""
    logging = RESOURCES["Lake"]["Properties"]["LoggingConfiguration"]
    assert logging == {"DestinationBucketName": {"Ref": "AccessLogs"}, "LogFilePrefix": "lake/"}
    (rule,) = RESOURCES["AccessLogs"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    allowed = RESOURCES["AccessLogsPolicy"]["Properties"]["PolicyDocument"]["Statement"][1]
    assert allowed["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert allowed["Resource"] == {"Fn::Sub": "${AccessLogs.Arn}/lake/*"}


def test_alerts_come_from_this_account() -> None:
    """But for EventBridge, which meets no condition of a topic's policy, nor of that of the topic's key."""
    topic, key = RESOURCES["AlertsPolicy"]["Properties"]["PolicyDocument"], RESOURCES["Key"]["Properties"]["KeyPolicy"]
    to_topic, to_key = topic["Statement"], [one for one in key["Statement"] if "Service" in one["Principal"]]
    own = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    who = [(["budgets.amazonaws.com", "cloudwatch.amazonaws.com"], own), ("events.amazonaws.com", None)]
    for statements in (to_topic, to_key):
        assert [(one["Principal"]["Service"], one.get("Condition")) for one in statements] == who
    assert {(one["Action"], one["Resource"]["Ref"]) for one in to_topic} == {("sns:Publish", "Alerts")}
    assert all(one["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"] for one in to_key)


def test_alerts_reach_people() -> None:
    assert RESOURCES["ByEmail"]["Properties"]["TopicArn"] == {"Ref": "Alerts"}
    alarm = RESOURCES["HostIsMissing"]["Properties"]
    assert alarm["Dimensions"] == [{"Name": "AutoScalingGroupName", "Value": {"Ref": "Group"}}]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["AlarmActions"] == [{"Ref": "AlertsTopic"}]


@pytest.mark.parametrize(("key", "days"), [("readings/a.csv", 30), ("mine.zip", 30), (".sensor-jobs/runs/r/a", 1)])
def test_what_was_removed_is_paid_for_no_longer_than_it_is_of_use(key: str, days: int) -> None:
    """Of the rules for an object S3 goes by the shortest; moto leaves the lifecycle out."""
    rules = RESOURCES["Lake"]["Properties"]["LifecycleConfiguration"]["Rules"]
    about = [rule for rule in rules if key.startswith(rule.get("Prefix", ""))]
    kept = [rule["NoncurrentVersionExpiration"] for rule in about if "NoncurrentVersionExpiration" in rule]
    assert min(one["NoncurrentDays"] for one in kept) == days


def test_data_outlives_its_stack_and_mistakes() -> None:
    """moto leaves versioning, lifecycle and the block of public access out."""
    for name in ("Lake", "Logs", "AccessLogs"):
        blocked = RESOURCES[name]["Properties"]["PublicAccessBlockConfiguration"]
        rules = {rule["Id"]: rule for rule in RESOURCES[name]["Properties"]["LifecycleConfiguration"]["Rules"]}
        assert {rule["Status"] for rule in rules.values()} == {"Enabled"}
        assert rules.keys() == (LAKE_RULES if name == "Lake" else {"logs"})
        assert (len(blocked), set(blocked.values())) == (4, {True})
        assert RESOURCES[name]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    (moved,) = RESOURCES["Lake"]["Properties"]["LifecycleConfiguration"]["Rules"][0]["Transitions"]
    assert moved["StorageClass"] == "INTELLIGENT_TIERING"  # of others each byte read costs, which no plan knows
    for name in ("Key", "Lake", "Logs"):
        assert (RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")
