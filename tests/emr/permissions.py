"""Requests as AWS's permissions know them, held against the policies of the access stack."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import botocore.session

from scripts.infra import templates

POLICIES = {"submitter": "SubmitterPolicy", "node": "NodePolicy"}
"""Who asks, by the rehearsal's keys, and what says what they may. Tests ask for themselves with a key of their own."""
Statement = dict[str, Any]

_VALUES = {"AWS::Partition": "aws", "LakeBucket": "lake", "LogsBucket": "logs", "KeyArn": "arn:aws:kms:::key/1"}
_OF_BUCKETS = {"location": "GetBucketLocation", "uploads": "ListBucketMultipartUploads"}


class Asked(NamedTuple):
    """Who asked for what: an action as policies name it, such as `s3:GetObject`, and on what, where that is in S3."""

    who: str
    action: str
    resource: str = "*"


def asked(path: Path, start: int = 0) -> tuple[set[Asked], int]:
    """What the rehearsal's server was asked since byte `start` of its file; and where that ends."""
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    found = {one for line in whole for one in _actions(json.loads(line)) if one.who in POLICIES}
    return found, start + sum(map(len, whole))


def statements() -> dict[str, list[Statement]]:
    """The statements of each policy, by who has it."""
    return {who: templates.statements(policy) for who, policy in POLICIES.items()}


def refused(found: Iterable[Asked], allowed: Mapping[str, list[Statement]]) -> list[str]:
    """What of it the statements do not allow, action and resource."""
    return sorted(" ".join(one) for one in found if not any(_allows(each, one) for each in allowed[one.who]))


def _allows(statement: Mapping[str, Any], one: Asked) -> bool:
    if one.action not in statement["Action"]:
        return False
    named = statement["Resource"]
    resources = [_resolved(each) for each in (named if isinstance(named, list) else [named])]
    return one.resource == "*" or any(fnmatch.fnmatchcase(one.resource, each) for each in resources)


def _resolved(resource: Any) -> str:
    """A resource with the values that the rehearsal's run has."""
    if isinstance(resource, str):
        return resource
    ((function, what),) = resource.items()
    if function == "Fn::Sub":
        return re.sub(r"\$\{([^}]+)\}", lambda name: _VALUES.get(name[1], "*"), str(what))
    return _VALUES.get(what, "") if function == "Ref" else ""


def _actions(request: Mapping[str, str]) -> Iterator[Asked]:
    who, service = request["key"], request["service"]
    if service == "s3":
        for action, name in _of_s3(request):
            yield Asked(who, f"s3:{action}", f"arn:aws:s3:::{name}")
    elif request["target"]:
        yield Asked(who, f"{service}:{request['target'].rpartition('.')[2]}")
    else:
        yield Asked(who, f"{service}:{_operation(service, request['method'], request['path'])}")


def _of_s3(request: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Actions and on what, `BUCKET` or `BUCKET/KEY`, of a request with the bucket in its path."""
    bucket, _, key = request["path"].lstrip("/").partition("/")
    method, query = request["method"], parse_qs(request["query"], keep_blank_values=True)
    if not key:
        if method == "POST" and "delete" in query:
            yield "DeleteObject", f"{bucket}/any"
        elif method in ("GET", "HEAD"):
            yield next((action for name, action in _OF_BUCKETS.items() if name in query), "ListBucket"), bucket
        else:
            yield f"{method} of a bucket", bucket
        return
    if source := unquote(request["source"]).lstrip("/").partition("?")[0]:
        yield "GetObject", source
    if "uploadId" in query and method in ("GET", "DELETE"):
        yield {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}[method], f"{bucket}/{key}"
        return
    by_method = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject"}
    yield {**by_method, "DELETE": "DeleteObject"}[method], f"{bucket}/{key}"


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
