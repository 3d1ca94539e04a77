"""The lease as an item of a DynamoDB table, whose key is the text `name`; every change is conditional."""

from __future__ import annotations

from typing import Any

from jobs.errors import JobError
from jobs.schedule.lease import Standing

_NAME = {"name": {"S": "schedule"}}


class DynamoPlace:
    """Credentials, region and endpoint are those of the AWS SDK's chain."""

    def __init__(self, table: str) -> None:
        from botocore.exceptions import BotoCoreError

        from jobs.lake.s3_client import session

        self._table, self._owner = table, ""
        try:
            self._client: Any = session().client("dynamodb")
        except BotoCoreError as error:
            raise self._unusable(error, "set AWS_REGION where the schedule runs") from None

    def look(self) -> Standing:
        item = self._call("get_item", Key=_NAME, ConsistentRead=True)
        found = (item or {}).get("Item")
        if not found:
            return Standing(None, 0, 0)
        return Standing(found["owner"]["S"] or None, int(found["token"]["N"]), int(found["beat"]["N"]))

    def take(self, seen: Standing, owner: str) -> bool:
        self._owner = owner
        if seen == Standing(None, 0, 0):
            return self._put(owner, 1, 1, "attribute_not_exists(#name)", {"#name": "name"}, {})
        known = {":token": _number(seen.token), ":beat": _number(seen.beat)}
        same = {"#token": "token", "#beat": "beat"}
        return self._put(owner, seen.token + 1, 1, "#token = :token AND #beat = :beat", same, known)

    def beat(self, token: int, beat: int) -> bool:
        return self._put_held(self._owner, token, token, beat)

    def renumber(self, token: int, higher: int) -> bool:
        return self._put_held(self._owner, token, higher, 1)

    def release(self, token: int) -> None:
        self._put_held("", token, token, 0)

    def _put_held(self, owner: str, held: int, token: int, beat: int) -> bool:
        return self._put(owner, token, beat, "#token = :held", {"#token": "token"}, {":held": _number(held)})

    def _put(
        self, owner: str, token: int, beat: int, condition: str, names: dict[str, str], values: dict[str, Any]
    ) -> bool:
        """Put the item in the place of the one that is there, if the condition holds."""
        item = {**_NAME, "owner": {"S": owner}, "token": _number(token), "beat": _number(beat)}
        wanted = {"Item": item, "ConditionExpression": condition, "ExpressionAttributeNames": names}
        return self._call("put_item", **wanted, **({"ExpressionAttributeValues": values} if values else {})) is not None

    def _call(self, operation: str, **wanted: Any) -> dict[str, Any] | None:
        """The answer; None where the condition does not hold."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(TableName=self._table, **wanted)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return None
            fix = "the table needs the text key `name`, and the rights GetItem and PutItem"
            raise self._unusable(error, fix) from None
        return answer

    def _unusable(self, error: Exception, fix: str) -> JobError:
        return JobError(f"the lease cannot be used: {error}", where=f"dynamodb {self._table}", fix=fix)


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
