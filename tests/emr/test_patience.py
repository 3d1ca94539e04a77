"""What asks how a run goes outlasts a busy or absent AWS, for some minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from jobs.emr.patience import Patience
from jobs.engine.spark_on_serverless import _watched


def refusing(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetJobRun")


AWAY = EndpointConnectionError(endpoint_url="https://emr")
PASSING = [refusing("ThrottlingException"), refusing("InternalServerException", 500), AWAY]


class Control:
    """Answers with each of these in turn, of which errors are raised."""

    def __init__(self, answers: Sequence[Exception | str]) -> None:
        self.answers = list(answers)

    def get_job_run(self, **given: str) -> dict[str, Any]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"jobRun": {"state": answer}}


def test_a_run_on_serverless_is_followed_on(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    control = Control([*PASSING, "RUNNING", *PASSING[1:], "SUCCESS"])
    assert _watched(control, "a", "r", 0.0, Patience(said.append, 0.0))["state"] == "SUCCESS"
    assert said == [
        "AWS is too busy (ThrottlingException from GetJobRun, asked 1 times); it is asked again for 10 min",
        "GetJobRun: no; it is asked again for 10 min",
    ]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException", "ValidationException"])
def test_what_does_not_pass_is_raised_at_once(code: str) -> None:
    control = Control([*PASSING, refusing(code), "SUCCESS"])
    with pytest.raises(ClientError) as raised:
        Patience(lambda text: None, 0.0).ask(control.get_job_run)
    assert raised.value.response["Error"]["Code"] == code
    assert control.answers == ["SUCCESS"]


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("jobs.emr.patience.time.sleep", sleep)
    monkeypatch.setattr("jobs.emr.patience.time.monotonic", lambda: now)
    patience = Patience(lambda text: None, 10.0)
    control = Control([AWAY] * 70)
    for calls in (61, 1):
        left = len(control.answers)
        with pytest.raises(EndpointConnectionError):
            patience.ask(control.get_job_run)
        assert left - len(control.answers) == calls
    control = Control([AWAY])
    patience = Patience(lambda text: None, 10.0)
    patience.end()
    with pytest.raises(EndpointConnectionError):
        patience.ask(control.get_job_run)
    assert not control.answers
