"""Policies of the stacks, evaluated as AWS does: with resources and conditions, and with nothing that is not known."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from scripts.infra import templates

Statement = dict[str, Any]

ACCOUNT, REGION, PREFIX = "123456789012", "us-east-1", "sensor-jobs"
"""Of the installation that stands for all."""
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
BUCKETS = {name: f"{PREFIX}-{name}-{ACCOUNT}-{REGION}" for name in ("lake", "logs")}

_VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "Prefix": PREFIX,
    "KeyArn": KEY,
    **{f"{name.title()}Bucket": bucket for name, bucket in BUCKETS.items()},
    **{f"{name.title()}.Arn": f"arn:aws:s3:::{bucket}" for name, bucket in BUCKETS.items()},
}
_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": operator.eq,
    "Bool": lambda has, wanted: has.lower() == wanted.lower(),
}


def role(name: str) -> str:
    """The ARN of a role."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def statements(stack: str, resource: str) -> list[Statement]:
    """The statements of a resource's policy, as an installation has them. Raises ValueError for what is not known here,
    which might allow or deny anything."""
    document = templates.load(stack)["Resources"][resource]["Properties"]["PolicyDocument"]
    resolved: list[Statement] = _resolved(document["Statement"])
    for statement in resolved:
        unknown = statement.keys() - _ELEMENTS | statement.get("Condition", {}).keys() - _OPERATORS.keys()
        if unknown or statement.get("Principal", "*") != "*":
            raise ValueError(f"{resource}, {statement['Sid']}: {', '.join(unknown) or 'its principal'} is not known")
    return resolved


def allow(those: Iterable[Statement], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether one of the statements allows it, and none denies it."""
    return {one["Effect"] for one in those if _applies(one, action, resource, context)} == {"Allow"}


def is_about(statement: Statement, action: str) -> bool:
    """Whether a statement says anything of an action."""
    return any(_pattern(one.lower()).fullmatch(action.lower()) for one in listed(statement["Action"]))


def listed(value: str | Sequence[str]) -> Sequence[str]:
    """What stands alone or in a list."""
    return [value] if isinstance(value, str) else value


def _applies(statement: Statement, action: str, resource: str, context: Mapping[str, str]) -> bool:
    return (
        is_about(statement, action)
        and any(_pattern(one).fullmatch(resource) for one in listed(statement["Resource"]))
        and all(
            key in context and any(_OPERATORS[name](context[key], one) for one in listed(values))
            for name, wanted in statement.get("Condition", {}).items()
            for key, values in wanted.items()
        )
    )


@cache
def _pattern(text: str) -> re.Pattern[str]:
    plain, *more = text.split("${*}")  # an asterisk that stands for itself
    if more:
        return re.compile(r"\*".join(_pattern(part).pattern for part in (plain, *more)))
    if "${" in text:
        raise ValueError(f"{text}: variables are not known")
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))


def _resolved(value: Any) -> Any:
    """What CloudFormation makes of a value."""
    match value:
        case {"Ref": str(name)}:
            return _value(name)
        case {"Fn::GetAtt": [*names]}:
            return _value(".".join(names))
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", _substituted, text)
        case dict():
            return {name: _resolved(one) for name, one in value.items()}
        case list():
            return [_resolved(one) for one in value]
    return value


def _substituted(name: re.Match[str]) -> str:
    return "${" + name[1][1:] + "}" if name[1].startswith("!") else _value(name[1])


def _value(name: str) -> str:
    if name in _VALUES:
        return _VALUES[name]
    of_role = templates.load("access")["Resources"][name.removesuffix(".Arn")]["Properties"]
    return role(str(_resolved(of_role["RoleName"])))
