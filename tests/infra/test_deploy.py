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

from jobs.emr import bundle, outlook, packages, price_list, prices, staged
from scripts.infra import templates
from scripts.infra.__main__ import _furnish
from tests.emr.price_offers import PLACE, SERVERLESS, in_region, node, price_api
from tests.servers import S3Server, s3_server

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.s3, pytest.mark.xdist_group("infra")]
BUNDLES = "aarch64=s3://lake/packages/0,x86_64=s3://lake/packages/1"
CRONTAB = """# every night

30 2 * * * python -m jobs.daily_stats s3://lake/dt=$(date +\\%F)/
0\t4 * * sun  python -m jobs.compact 's3://lake/*'
"""
PARAMETERS = ("--parameter", f"Bundles={BUNDLES}", "--parameter", f"CronLines={CRONTAB}")


def infra(server: S3Server, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {**server.environ, **(env or {})}
    command = [sys.executable, "-m", "scripts.infra", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


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


def test_groups_let_in_what_emr_does_not_add(aws: Any, outputs: dict[str, str]) -> None:
    """It adds the rest of what is let in as a cluster starts, and nothing to what is let out."""
    groups = {name: outputs[name] for name in ("PrimaryGroup", "CoreGroup", "ServiceGroup", "SchedulerGroup")}
    found = aws("ec2").describe_security_groups(GroupIds=list(groups.values()))["SecurityGroups"]
    let_in = {
        group["GroupId"]: [
            (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], source["GroupId"])
            for rule in group["IpPermissions"]
            for source in rule["UserIdGroupPairs"] + rule["IpRanges"]
        ]
        for group in found
    }
    assert let_in == {
        groups["PrimaryGroup"]: [("tcp", 8088, 8090, groups["SchedulerGroup"])],
        groups["CoreGroup"]: [],
        groups["ServiceGroup"]: [("tcp", 9443, 9443, groups["PrimaryGroup"])],
        groups["SchedulerGroup"]: [],
    }
    for group in found:
        (out,) = group["IpPermissionsEgress"]
        assert (out["IpProtocol"], [each["CidrIp"] for each in out["IpRanges"]]) == ("-1", ["0.0.0.0/0"])


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


def test_certificates_that_were_given_once_stay(account: S3Server, aws: Any, tmp_path: Path) -> None:
    """Until others are given; where none were, the command makes some, which is all that needs openssl."""
    no_openssl = {"PATH": str(tmp_path)}
    lake = "own-lake-123456789012-us-east-1"
    mine, own = f"s3://{lake}/mine.zip", f"s3://{lake}/.sensor-jobs/certificates.zip"

    def deploy(*arguments: str, env: dict[str, str] | None = None) -> tuple[str, int]:
        done = infra(account, "deploy", *arguments, "--prefix", "own", "--wait", "0.1", env=env)
        # moto refuses at once what changes nothing, which AWS says of the change set
        assert done.returncode == 0 or done.stderr.endswith(" No updates are to be performed.\n"), done.stderr
        (stack,) = aws("cloudformation").describe_stacks(StackName="own-access")["Stacks"]
        (uri,) = (one["ParameterValue"] for one in stack["Parameters"] if one["ParameterKey"] == "CertificatesUri")
        return uri, aws("s3").list_objects_v2(Bucket=lake)["KeyCount"]

    given = ("--parameter", f"CertificatesUri={mine}")
    assert deploy("network", "lake", "access", *given, env=no_openssl) == (mine, 0)
    assert deploy("access", env=no_openssl) == (mine, 0)
    assert deploy("access", "--parameter", f"CertificatesUri={own}") == (own, 1)
    aws("s3").delete_object(Bucket=lake, Key=".sensor-jobs/certificates.zip")
    assert deploy("access") == (own, 1)


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
    assert f"names {outputs['SecurityConfiguration']}.\n" in script  # so that another one brings another host
    assert f"s3://{outputs['LakeBucket']}/.sensor-jobs/prices.json" in script
    assert "/var/lib/sensor-jobs/.cache/sensor-jobs/emr/prices-us-east-1.json || true\n" in script
    made = script[script.index("cat >/etc/cron.d/") : script.index("systemctl")].replace("/etc/cron.d", str(tmp_path))
    subprocess.run(["sh", "-eu", "-c", made], check=True)
    assert (tmp_path / "sensor-jobs").read_text().splitlines()[-3:] == [
        "CRON_TZ=UTC",
        "30 2 * * * sensor-jobs python -m jobs.daily_stats s3://lake/dt=$(date +\\%F)/",
        "0 4 * * sun sensor-jobs python -m jobs.compact 's3://lake/*'",
    ]


def test_packages_of_both_processors_are_staged(
    account: S3Server, aws: Any, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes may be of another than the host, which cannot build any."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", account.url)  # so that AWS is not asked for prices
    monkeypatch.setattr(packages, "for_nodes", lambda folder, name, base: f"{base}/packages/{name}")
    given: dict[str, str] = {}
    _furnish(Session(aws), "sensor-jobs", outputs, given)
    base = f"s3://{outputs['LakeBucket']}/.sensor-jobs/packages"
    assert given == {"Bundles": f"x86_64={base}/x86_64,aarch64={base}/aarch64"}
    pattern = templates.load("scheduler")["Parameters"]["Bundles"]["AllowedPattern"]
    assert re.fullmatch(pattern, given["Bundles"])


def test_prices_are_staged_for_a_host_that_cannot_ask(
    account: S3Server, aws: Any, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [*outlook.types("x86_64", readings=True), *outlook.types("aarch64", readings=False)]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "here"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    offers = [offer for name in names for offer in node(name)]
    with price_api(in_region("us-east-1", offers + PLACE + SERVERLESS)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", address)
        _furnish(Session(aws), "sensor-jobs", outputs, {"Bundles": BUNDLES})
    (tmp_path / "host").mkdir()
    kept = price_list.kept_at(tmp_path / "host", "us-east-1")
    aws("s3").download_file(outputs["LakeBucket"], ".sensor-jobs/prices.json", str(kept))
    table = price_list.current(prices.load(), "us-east-1", names, kept.parent)
    assert table.source("us-east-1").startswith("AWS Price List API, ")
    assert {table.node("us-east-1", name).on_demand for name in names} == {0.182}


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
