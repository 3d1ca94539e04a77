"""The templates, each a stack that needs only outputs of those before it; their policies as documents."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("templates")
STACKS = ("network", "lake", "access", "alerts", "scheduler")
"""In the order in which they are deployed."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, which become the long ones."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)


def text(stack: str) -> str:
    """A stack's template as CloudFormation takes it."""
    return (FOLDER / f"{stack}.yaml").read_text("utf-8")


def load(stack: str) -> dict[str, Any]:
    """A stack's template as data, with functions in their long form (`{"Ref": …}`)."""
    loaded: dict[str, Any] = yaml.load(text(stack), _Loader)  # noqa: S506 - a loader of plain values
    return loaded


def statements(policy: str) -> list[dict[str, Any]]:
    """The statements of a managed policy in the access stack, by its name there (`NodePolicy`, `SubmitterPolicy`)."""
    found: list[dict[str, Any]] = load("access")["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    return found


def actions(policy: str) -> set[str]:
    """The actions that a managed policy allows, such as `s3:GetObject`."""
    return {action for statement in statements(policy) for action in _listed(statement["Action"])}


def allows(policy: str, action: str) -> bool:
    """Whether a managed policy allows an action on anything at all; wildcards count."""
    return any(fnmatch.fnmatchcase(action.lower(), allowed.lower()) for allowed in actions(policy))


def _listed(value: str | list[str]) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value
