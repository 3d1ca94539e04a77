"""The stacks are deployed to moto by the command, and each resource is looked at where it came to be.

moto leaves out, silently, types that it does not know: those are checked as the template says them, in
test_templates.py, and by cfn-lint.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from jobs.emr import bundle, packages, staged
from scripts.infra import templates
from scripts.infra.__main__ import _furnish
from tests.servers import S3Server, s3_server

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.s3, pytest.mark.xdist_group("infra")]
BUNDLES = "aarch64=s3://lake/packages/0,x86_64=s3://lake/packages/1"
PARAMETERS = ("--parameter", f"Bundles={BUNDLES}", "--parameter", "CronLine=30 2 * * * python -m jobs")


def infra(server: S3Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "scripts.infra", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environ | dict(server.environ), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def account() -> Iterator[S3Server]:
    """An AWS in which all stacks are deployed."""
    with s3_server() as server:
        first = infra(server, "deploy", "--wait", "0.1")
        assert first.returncode == 0, first.stderr
        second = infra(server, "deploy", "scheduler", *PARAMETERS, "--wait", "0.1")
        assert second.returncode == 0, second.stderr
        yield server


@pytest.fixture
def aws(account: S3Server) -> Any:
    """Makes clients of a service."""
    session = boto3.session.Session("test", "test", region_name="us-east-1")
    return lambda service: session.client(service, endpoint_url=account.url)


class Session:
    """What the command is given of boto3."""

    region_name = "us-east-1"

    def __init__(self, client: Any) -> None:
        self.client = client


@pytest.fixture
def outputs(account: S3Server) -> dict[str, str]:
    lines = infra(account, "outputs").stdout.splitlines()
    return dict(line.split(maxsplit=1) for line in lines)


def test_the_lake_is_encrypted(aws: Any, outputs: dict[str, str]) -> None:
    s3 = aws("s3")
    for bucket in (outputs["LakeBucket"], outputs["LogsBucket"]):
        rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == outputs["KeyArn"]
    (access,) = (found["Name"] for found in s3.list_buckets()["Buckets"] if "-access-" in found["Name"])
    rule = s3.get_bucket_encryption(Bucket=access)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert aws("kms").get_key_rotation_status(KeyId=outputs["KeyArn"])["KeyRotationEnabled"]


def test_the_subnets_lead_nowhere_but_to_endpoints(aws: Any, outputs: dict[str, str]) -> None:
    ec2 = aws("ec2")
    subnets = ec2.describe_subnets(SubnetIds=outputs["Subnets"].split(","))["Subnets"]
    assert [subnet["MapPublicIpOnLaunch"] for subnet in subnets] == [False, False]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    (vpc,) = {subnet["VpcId"] for subnet in subnets}
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    assert (
        ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])["InternetGateways"]
        == []
    )
    assert ec2.describe_nat_gateways(Filters=of_vpc)["NatGateways"] == []
    endpoints = {found["ServiceName"]: found for found in ec2.describe_vpc_endpoints(Filters=of_vpc)["VpcEndpoints"]}
    assert {name.rpartition(".")[2] for name in endpoints} == {
        *(
            "s3",
            "elasticmapreduce",
            "emr-serverless",
            "ssm",
            "ssmmessages",
            "ec2messages",
            "kms",
            "sns",
            "logs",
            "monitoring",
        )
    }
    assert endpoints["com.amazonaws.us-east-1.s3"]["VpcEndpointType"] == "Gateway"
    assert endpoints["com.amazonaws.us-east-1.s3"]["RouteTableIds"]


def test_roles_are_for_their_services(aws: Any, outputs: dict[str, str]) -> None:
    iam = aws("iam")
    for name, service in {
        "sensor-jobs-emr-service": "elasticmapreduce.amazonaws.com",
        "sensor-jobs-node": "ec2.amazonaws.com",
        "sensor-jobs-execution": "emr-serverless.amazonaws.com",
        "sensor-jobs-scheduler": "ec2.amazonaws.com",
    }.items():
        (trust,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert (trust["Action"], trust["Principal"]) == ("sts:AssumeRole", {"Service": service})
    for name in ("sensor-jobs-node", "sensor-jobs-scheduler"):
        (role,) = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
        assert role["RoleName"] == name
    assert outputs["SubmitterPolicyArn"].endswith(":policy/sensor-jobs-submitter")


def test_clusters_encrypt_at_rest_and_in_transit(aws: Any, outputs: dict[str, str]) -> None:
    found = aws("emr").describe_security_configuration(Name=outputs["SecurityConfiguration"])
    configuration = ast.literal_eval(found["SecurityConfiguration"])[
        "EncryptionConfiguration"
    ]  # moto keeps Python's spelling
    assert configuration["EnableAtRestEncryption"] in (True, "true")
    assert configuration["EnableInTransitEncryption"] in (True, "true")
    uri = configuration["InTransitEncryptionConfiguration"]["TLSCertificateConfiguration"]["S3Object"]
    assert uri == f"s3://{outputs['LakeBucket']}/.sensor-jobs/certificates.zip"
    assert aws("s3").head_object(Bucket=outputs["LakeBucket"], Key=".sensor-jobs/certificates.zip")["ContentLength"]


def test_failures_of_clusters_are_told(aws: Any, outputs: dict[str, str]) -> None:
    attributes = aws("sns").get_topic_attributes(TopicArn=outputs["AlertsTopic"])["Attributes"]
    assert attributes["KmsMasterKeyId"] == outputs["KeyArn"]
    events = aws("events")
    for what in ("cluster-failed", "step-failed", "run-failed", "scheduler-not-launched"):
        rule = f"sensor-jobs-{what}"
        assert events.describe_rule(Name=rule)["State"] == "ENABLED"
        (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
        assert target["Arn"] == outputs["AlertsTopic"]


def test_the_scheduler_host_is_one_private_machine(aws: Any, outputs: dict[str, str], tmp_path: Path) -> None:
    import base64

    (group,) = aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["AutoScalingGroupName"] == outputs["SchedulerHosts"]
    assert (group["MinSize"], group["MaxSize"], len(group["Instances"])) == (1, 1, 1)
    template = group["LaunchTemplate"]["LaunchTemplateId"]
    (version,) = aws("ec2").describe_launch_template_versions(LaunchTemplateId=template)["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is False
    assert "KeyName" not in data
    script = base64.b64decode(data["UserData"]).decode()
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    (chosen,) = re.findall(r"^echo .*-bundles\nbundle=.*\n.*$", script, re.MULTILINE)
    (tmp_path / "uname").write_text("#!/bin/sh\necho $MACHINE\n")
    (tmp_path / "uname").chmod(0o755)
    for machine, uri in {**dict(each.split("=") for each in BUNDLES.split(",")), "riscv64": ""}.items():
        environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MACHINE": machine}
        program = f"set -eu\n{chosen}\necho $bundle".replace("/run/", f"{tmp_path}/")
        done = subprocess.run(["sh", "-c", program], env=environ, capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.returncode) == (uri, 0 if uri else 1)
    assert (tmp_path / "sensor-jobs-bundles").read_text().splitlines() == BUNDLES.split(",")
    assert 'sh /run/sensor-jobs-bootstrap.sh "$bundle"\n' in script
    assert f"install -m 644 /run/sensor-jobs-bundles {bundle.HOME}/{staged.FOR_NODES}\n" in script
    assert f"s3://{outputs['LakeBucket']}/.sensor-jobs/mrjob.conf /etc/mrjob.conf\n" in script
    assert "\n30 2 * * * python -m jobs\nCRON\n" in script


def test_packages_of_both_processors_are_staged(
    account: S3Server, aws: Any, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes may be of another than the host, which cannot build any."""
    monkeypatch.setattr(packages, "for_nodes", lambda folder, name, base: f"{base}/packages/{name}")
    given: dict[str, str] = {}
    _furnish(Session(aws), "sensor-jobs", outputs, given)
    base = f"s3://{outputs['LakeBucket']}/.sensor-jobs/packages"
    assert given == {"Bundles": f"x86_64={base}/x86_64,aarch64={base}/aarch64"}
    pattern = templates.load("scheduler")["Parameters"]["Bundles"]["AllowedPattern"]
    assert re.fullmatch(pattern, given["Bundles"])


def test_mrjob_is_led_there(account: S3Server, aws: Any, outputs: dict[str, str]) -> None:
    printed = infra(account, "conf").stdout
    runners = yaml.safe_load(printed)["runners"]
    assert runners["serverless"]["execution_role"] == outputs["ExecutionRoleArn"]
    assert runners["serverless"]["cloud_log_dir"] == f"s3://{outputs['LogsBucket']}/serverless/"
    options = runners["emr"]
    assert options["subnet"] == outputs["Subnets"].split(",")
    assert options["iam_instance_profile"] == outputs["NodeProfile"]
    assert options["tags"]["for-use-with-amazon-emr-managed-policies"] == "true"
    found = aws("s3").get_object(Bucket=outputs["LakeBucket"], Key=".sensor-jobs/mrjob.conf")
    assert found["Body"].read().decode() == printed


def test_what_is_missing_is_named(account: S3Server) -> None:
    done = infra(account, "outputs", "--prefix", "other")
    assert (done.returncode, done.stderr) == (
        1,
        "error: other: nothing is deployed; python -m scripts.infra deploy --prefix other\n",
    )
    done = infra(account, "deploy", "lake", "--parameter", "Nope=1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: argument --parameter: 'Nope=1' is not NAME=VALUE with a NAME of ")
    done = infra(account, "deploy", "alerts", "--prefix", "other", "--wait", "0.1")
    assert (done.returncode, done.stderr) == (
        2,
        "error: other-alerts: needs KeyArn (The key that encrypts alerts); give it: --parameter KeyArn=…\n",
    )
