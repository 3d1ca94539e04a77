"""The lease as an item of a DynamoDB table, whose key is the text `name`; every change is conditional."""

from __future__ import annotations

from typing import Any

from jobs.errors import JobError
from jobs.schedule.lease import Standing

_NAME = {"name": {"S": "schedule"}}


class DynamoPlace:
    """Credentials, region and endpoint are those of the AWS SDK's chain."""

    def __init__(self, table: str) -> None:
        import boto3

        self._table = table
        self._client: Any = boto3.session.Session().client("dynamodb")

    def look(self) -> Standing:
        item = self._call("get_item", ConsistentRead=True)
        found = (item or {}).get("Item")
        if not found:
            return Standing(None, 0, 0)
        return Standing(found["owner"]["S"] or None, int(found["token"]["N"]), int(found["beat"]["N"]))

    def take(self, seen: Standing, owner: str) -> bool:
        values = {":owner": {"S": owner}, ":token": _number(seen.token + 1), ":beat": _number(1)}
        condition = "attribute_not_exists(#name)"
        if seen != Standing(None, 0, 0):
            condition = "#token = :seen AND #beat = :pulse"
            values |= {":seen": _number(seen.token), ":pulse": _number(seen.beat)}
        return self._update("SET #owner = :owner, #token = :token, #beat = :beat", condition, values)

    def beat(self, token: int, beat: int) -> bool:
        return self._update("SET #beat = :beat", "#token = :token", {":token": _number(token), ":beat": _number(beat)})

    def release(self, token: int) -> None:
        values = {":token": _number(token), ":beat": _number(0), ":nobody": {"S": ""}}
        self._update("SET #owner = :nobody, #beat = :beat", "#token = :token", values)

    def _update(self, change: str, condition: str, values: dict[str, Any]) -> bool:
        used = f"{change} {condition}"
        names = {f"#{word}": word for word in ("name", "owner", "token", "beat") if f"#{word}" in used}
        done = self._call(
            "update_item",
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        return done is not None

    def _call(self, operation: str, **wanted: Any) -> dict[str, Any] | None:
        """The answer; None where the condition does not hold."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(TableName=self._table, Key=_NAME, **wanted)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            fix = "the table needs the text key `name`, and the rights GetItem and UpdateItem"
            raise JobError(f"the lease cannot be used: {error}", where=f"dynamodb {self._table}", fix=fix) from None
        return answer


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
