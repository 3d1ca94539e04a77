"""Deploying the stacks, changes by a change set, with outputs of one as parameters of the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jobs.errors import JobError, UsageError
from scripts.infra import templates

Say = Callable[[str], None]

_NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed", "no updates are to be performed")
_PATIENCE = 3600.0
WAIT = 5.0
"""Seconds between two looks at what AWS is doing."""


class Deployment:
    """The stacks of one installation, `PREFIX-network` and so on.

    client: a CloudFormation client. wait: seconds between two looks.
    """

    def __init__(self, client: Any, prefix: str, say: Say, wait: float = WAIT) -> None:
        self._client, self._prefix, self._say, self._wait = client, prefix, say, wait

    def outputs(self) -> dict[str, str]:
        """The outputs of the stacks that are deployed."""
        found: dict[str, str] = {}
        for stack in templates.STACKS:
            described = self._describe(stack) or {}
            found |= {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
        return found

    def parameters(self, stack: str) -> dict[str, str]:
        """Those with which a stack is deployed; none where it is not."""
        given = (self._describe(stack) or {}).get("Parameters", ())
        return {item["ParameterKey"]: item["ParameterValue"] for item in given}

    def deploy(self, stack: str, given: Mapping[str, str]) -> dict[str, str]:
        """Create or update one stack, and wait; its outputs. What is not given stays as it is, or the default.

        Raises UsageError for a parameter that is missing, JobError where the stack fails.
        """
        name, declared = f"{self._prefix}-{stack}", templates.load(stack)["Parameters"]
        before = self._describe(stack)
        values = {"Prefix": self._prefix, **self.outputs(), **given}
        kept = {item["ParameterKey"] for item in (before or {}).get("Parameters", ())}
        parameters = []
        for parameter, about in declared.items():
            if parameter in values:
                parameters.append({"ParameterKey": parameter, "ParameterValue": values[parameter]})
            elif parameter in kept:
                parameters.append({"ParameterKey": parameter, "UsePreviousValue": True})
            elif "Default" not in about:
                fix = f"give it: --parameter {parameter}=…"
                raise UsageError(f"needs {parameter} ({about['Description'].rstrip('.')})", where=name, fix=fix)
        request = {
            "StackName": name,
            "TemplateBody": templates.text(stack),
            "Parameters": parameters,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Tags": [{"Key": "project", "Value": self._prefix}],
        }
        if before is None:
            self._client.create_stack(**request)
            self._say(f"{name}: {self._ended(stack)}")
        else:
            change = f"{name}-{time.time_ns()}"
            self._client.create_change_set(ChangeSetName=change, ChangeSetType="UPDATE", **request)
            if self._is_needed(name, change):
                self._client.execute_change_set(StackName=name, ChangeSetName=change)
                self._say(f"{name}: {self._ended(stack)}")
            else:
                self._client.delete_change_set(StackName=name, ChangeSetName=change)
                self._say(f"{name}: unchanged")
        described = self._describe(stack) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}

    def _describe(self, stack: str) -> dict[str, Any] | None:
        """The stack as it is; None where there is none."""
        from botocore.exceptions import ClientError

        try:
            (found,) = self._client.describe_stacks(StackName=f"{self._prefix}-{stack}")["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return dict(found)

    def _is_needed(self, name: str, change: str) -> bool:
        """Wait for the change set; whether it changes anything."""
        for _ in self._looks(name):
            found = self._client.describe_change_set(StackName=name, ChangeSetName=change)
            if found["Status"] == "CREATE_COMPLETE":
                return True
            if found["Status"] == "FAILED":
                reason = found.get("StatusReason", "")
                if any(words in reason for words in _NOTHING_TO_DO):
                    return False
                raise JobError(reason or "the change set failed", where=name)
        raise AssertionError

    def _ended(self, stack: str) -> str:
        """Wait for the stack; how it ended. Raises JobError with the first reason where it failed."""
        name = f"{self._prefix}-{stack}"
        for _ in self._looks(name):
            status = str((self._describe(stack) or {"StackStatus": "IN_PROGRESS"})["StackStatus"])
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                return status.lower().replace("_", " ")
            if not status.endswith("IN_PROGRESS"):
                raise JobError(self._reason(name) or status, where=name)
        raise AssertionError

    def _reason(self, name: str) -> str:
        """Why the first resource failed."""
        events = self._client.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        if not failed:
            return ""
        first = failed[-1]  # the newest stand first
        return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', first['ResourceStatus'])}"

    def _looks(self, name: str) -> Iterator[None]:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            yield
            time.sleep(self._wait)
        raise JobError("is not ready after an hour", where=name, fix="look at its events in CloudFormation")
