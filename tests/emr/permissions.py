"""Requests as AWS's permissions know them: who asks for what, on what, and in which context."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import botocore.session

from tests.emr import policies
from tests.emr.policies import ACCOUNT, BUCKETS, KEY, REGION, Statement

Request = Mapping[str, Any]
Context = frozenset[tuple[str, str]]

NOTHING: Context = frozenset()
ON_THE_WAY: Context = frozenset({("aws:SecureTransport", "true"), ("aws:PrincipalAccount", ACCOUNT)})
"""As a request comes to S3, in which the rehearsal has no certificate."""
NEW_CLUSTER = f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/*"
"""On which EMR asks for what a cluster that starts is given."""
_BESIDE: dict[str, list[Statement]] = {"buckets": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
"""What another policy allows, for one that only denies."""
_OF_BUCKETS = {"location": "GetBucketLocation", "uploads": "ListBucketMultipartUploads"}
_KEY_FOR = {"GetObject": "kms:Decrypt", "PutObject": "kms:GenerateDataKey"}
_CLUSTERS = ("ClusterId", "JobFlowId", "JobFlowIds", "ResourceId")
"""What calls of EMR name the parameter that has the ids of clusters."""
_PATH = re.compile(r"/applications/(?P<application>\w+)(/jobruns/(?P<jobrun>\w+))?.*")


class Asked(NamedTuple):
    """Who asked for what, or what was on its way: an action as policies name it, such as `s3:GetObject`, on what, and
    keys of the context with their values."""

    who: str
    action: str
    resource: str = "*"
    context: Context = NOTHING


def asked(path: Path, start: int) -> set[Asked]:
    """What the rehearsal's server was asked since byte `start` of its file by submitter and nodes. Tests ask for
    themselves with a key of their own."""
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().splitlines(keepends=True)
    requests = (json.loads(line) for line in lines if line.endswith(b"\n"))
    return {one for request in requests if request["key"] != "test" for one in _asked(request)}


@cache
def statements() -> Mapping[str, list[Statement]]:
    """The statements of each policy by who has it: submitter and node, and on the way to S3 endpoint and buckets."""
    through = policies.statements("network", "S3Endpoint")
    return {
        "submitter": policies.statements("access", "SubmitterPolicy"),
        "node": policies.statements("access", "NodePolicy"),
        "endpoint": [one for one in through if one["Sid"] == "OurBuckets"],  # others are for AWS's own
        "buckets": [one for name in ("LakePolicy", "LogsPolicy") for one in policies.statements("lake", name)],
    }


def is_allowed(one: Asked, by: Mapping[str, list[Statement]]) -> bool:
    """Whether the statements, by who has them, allow it."""
    those = [*by[one.who], *_BESIDE.get(one.who, [])]
    return policies.allow(those, one.action, one.resource, dict(one.context))


def refused(found: Iterable[Asked]) -> list[str]:
    """What of it the policies do not allow."""
    return sorted({f"{one}" for one in found if not is_allowed(one, statements())})


def _asked(request: Request) -> Iterator[Asked]:
    who, service = request["key"], request["service"]
    if service == "s3":
        for action, bucket, key in _of_s3(request):
            resource = "/".join(["arn:aws:s3:::" + BUCKETS.get(bucket, bucket), *key])
            yield Asked(who, f"s3:{action}", resource)
            yield from (Asked(way, f"s3:{action}", resource, ON_THE_WAY) for way in ("endpoint", "buckets"))
            if action in _KEY_FOR:
                yield Asked(who, _KEY_FOR[action], KEY)
        return
    operation = str(request["target"]).rpartition(".")[2] or _operation(service, request["method"], request["path"])
    body = json.loads(request["body"] or "{}")
    new = _keys("RequestTag", _tags(body))
    for resource, tags in _on(request, operation, body):
        yield Asked(who, f"{service}:{operation}", resource, new | _keys("ResourceTag", tags))
    yield from (Asked(who, *rest) for rest in _of_the_service(request, operation, body))


def _on(request: Request, operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Resources of a call, of the kind that AWS says, with their tags."""
    service, tags = request["service"], request["tags"]
    kinds = _reference()[service]["Actions"][operation.lower()].get("Resources", [])
    if "cluster" in kinds:
        (ids,) = (body[name] for name in _CLUSTERS if name in body)
        for id in policies.listed(ids):
            yield _arn(service, f"cluster/{id}"), tags.get(id, {})
    elif kinds:
        named = _PATH.fullmatch(request["path"])
        assert named, request
        (kind,) = kinds
        name = f"/applications/{named['application']}" + (f"/jobruns/{named['jobrun']}" if kind == "jobRun" else "")
        yield _arn(service, name), tags.get(named[kind.lower()], {})
    else:
        yield "*", {}


def _of_the_service(request: Request, operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str, Context]]:
    """What the service asks for in the name of who called it."""
    path, tags = request["path"], _keys("RequestTag", _tags(body))
    match operation:
        case "RunJobFlow":
            yield _passed(body["ServiceRole"], "elasticmapreduce")
            yield _passed(body["JobFlowRole"], "ec2")  # a profile, whose role has the same name
            yield "elasticmapreduce:AddTags", NEW_CLUSTER, tags
            for policy in ("ManagedScalingPolicy", "AutoTerminationPolicy"):
                if policy in body:
                    yield f"elasticmapreduce:Put{policy}", NEW_CLUSTER, NOTHING
        case "CreateApplication":
            yield "emr-serverless:TagResource", _arn("emr-serverless", "/applications/new"), tags
        case "StartJobRun":
            yield _passed(body["executionRoleArn"].rpartition("/")[2], "emr-serverless")
            yield "emr-serverless:TagResource", _arn("emr-serverless", f"{path}/new"), tags


def _passed(role: str, service: str) -> tuple[str, str, Context]:
    return "iam:PassRole", policies.role(role), frozenset({("iam:PassedToService", f"{service}.amazonaws.com")})


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def _keys(kind: str, tags: Mapping[str, str]) -> Context:
    return frozenset((f"aws:{kind}/{name}", value) for name, value in tags.items())


def _tags(body: Mapping[str, Any]) -> Mapping[str, str]:
    """The tags that a call gives."""
    given: Mapping[str, str] = body.get("tags") or {tag["Key"]: tag["Value"] for tag in body.get("Tags", ())}
    return given


def _of_s3(request: Request) -> Iterator[tuple[str, str, list[str]]]:
    """Actions, bucket and key, if there is one, of a request with the bucket in its path."""
    bucket, _, key = request["path"].lstrip("/").partition("/")
    method, query = request["method"], parse_qs(request["query"], keep_blank_values=True)
    if not key:
        if method == "POST" and "delete" in query:
            yield "DeleteObject", bucket, ["any"]
        elif method in ("GET", "HEAD"):
            yield next((action for name, action in _OF_BUCKETS.items() if name in query), "ListBucket"), bucket, []
        else:
            yield f"{method} of a bucket", bucket, []
        return
    if source := unquote(request["source"]).lstrip("/").partition("?")[0]:
        yield "GetObject", source.partition("/")[0], [source.partition("/")[2]]
    if "uploadId" in query and method in ("GET", "DELETE"):
        yield {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}[method], bucket, [key]
        return
    by_method = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject"}
    yield {**by_method, "DELETE": "DeleteObject"}[method], bucket, [key]


@cache
def _reference() -> Mapping[str, Any]:
    """AWS's reference of actions, and of the resources that each is on, which cfn-lint has."""
    found: Mapping[str, Any] = json.loads(
        importlib.resources.files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text("utf-8")
    )
    return found


@cache
def _operations(service: str) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Method, path and name of what a service with REST can be asked."""
    model = botocore.session.get_session().get_service_model(service)
    made = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        made.append((http["method"], re.compile(re.sub(r"\{\w+\}", "[^/]+", http["requestUri"])), name))
    return tuple(made)


def _operation(service: str, method: str, path: str) -> str:
    return next(name for verb, uri, name in _operations(service) if verb == method and uri.fullmatch(path))
