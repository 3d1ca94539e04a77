"""Policies with one thing altered, requests for what is others', and by both what is wrong with a policy."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobs.emr.cluster import MANAGED
from tests.emr.permissions import Asked, is_allowed
from tests.emr.policies import ACCOUNT, BUCKETS, KEY, REGION, Statement, listed, role

REQUESTED, TAGGED = f"aws:RequestTag/{MANAGED}", f"aws:ResourceTag/{MANAGED}"
_SOMETHING_ELSE = {
    "iam:PassedToService": "lambda.amazonaws.com",
    "aws:SecureTransport": "false",
    "aws:PrincipalAccount": "210987654321",
    REQUESTED: "false",
    TAGGED: "false",
}
"""Values that others' requests have."""

_INSTALLED = [f"arn:aws:s3:::{BUCKETS['lake']}/.sensor-jobs/{folder}/0/a.whl" for folder in ("packages", "archives")]
"""What submitters put there for clusters to come."""


def of_others(one: Asked) -> Iterator[Asked]:
    """The same request for what is not the suite's, or not from who may."""
    context = dict(one.context)
    for key, value in _SOMETHING_ELSE.items():
        made_anew = key == REQUESTED and TAGGED not in context
        if key in context and _is_held(one.who, key) and (key != REQUESTED or made_anew):
            yield one._replace(context=frozenset((context | {key: value}).items()))
            if key in (REQUESTED, TAGGED):  # the others are always there
                yield one._replace(context=frozenset((name, has) for name, has in one.context if name != key))
    if one.who == "node" and one.action in ("s3:PutObject", "s3:DeleteObject"):
        yield from (one._replace(resource=place) for place in _INSTALLED)
    if one.who != "buckets":
        yield from (one._replace(resource=resource) for resource in _elsewhere(one.resource))


def faults(found: Iterable[Asked], by: Mapping[str, list[Statement]]) -> Iterator[str]:
    """What is asked and not allowed, and what is others' and allowed."""
    for one in found:
        if not is_allowed(one, by):
            yield f"refused: {one}"
        yield from (f"allowed: {other}" for other in of_others(one) if is_allowed(other, by))


def mutants(statements: list[Statement]) -> Iterator[tuple[str, Statement, list[Statement]]]:
    """What is altered, the statement as it was, and all of them with it altered: an action or resource missing, any
    resource in place of one, a condition missing or with another value."""
    for number, statement in enumerate(statements):
        for what, changed in _altered(statement):
            yield f"{statement['Sid']}: {what}", statement, [*statements[:number], changed, *statements[number + 1 :]]


def _altered(statement: Statement) -> Iterator[tuple[str, Statement]]:
    for element in ("Action", "Resource"):
        for one in listed(statement[element]):
            rest = [other for other in listed(statement[element]) if other != one]
            yield f"without {one}", statement | {element: rest}
            if element == "Resource" and one != "*" and statement["Effect"] == "Allow":
                yield f"any for {one}", statement | {element: [*rest, "*"]}
    for name, wanted in statement.get("Condition", {}).items():
        for key in wanted:
            without: dict[str, Any] = copy.deepcopy(statement)
            del without["Condition"][name][key]
            yield f"without {key}", without
            other: dict[str, Any] = copy.deepcopy(statement)
            other["Condition"][name][key] = "other"
            yield f"another {key}", other


def _is_held(who: str, key: str) -> bool:
    """Buckets look at the connection, the endpoint at whose request it is."""
    return {"aws:SecureTransport": "buckets", "aws:PrincipalAccount": "endpoint"}.get(key, who) == who


def _elsewhere(resource: str) -> Iterator[str]:
    """Resources of the same kind that are others'."""
    if resource.startswith("arn:aws:s3:::"):
        yield resource.replace("sensor-jobs-", "other-", 1)
    elif resource.startswith("arn:aws:iam:"):
        yield role("other")
    elif resource != "*":
        yield resource.replace(ACCOUNT, "210987654321")
        yield resource.replace(REGION, "eu-central-1")
    if resource == KEY:
        yield f"{KEY}2"
