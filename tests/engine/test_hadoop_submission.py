"""What the command that submits a job leaves where it is killed lies in the run's scratch."""

from __future__ import annotations

import pytest

from jobs.engine.hadoop_submission import in_scratch

OPTIONS = "HADOOP_CLIENT_OPTS"


@pytest.mark.parametrize(
    ("given", "scratch", "expected"),
    [
        ({}, "/s", {OPTIONS: "-Djava.io.tmpdir=/s"}),
        (
            {OPTIONS: "-Xmx1g -Djava.io.tmpdir=/t", "A": "b"},
            "/s",
            {OPTIONS: "-Xmx1g -Djava.io.tmpdir=/t -Djava.io.tmpdir=/s", "A": "b"},
        ),
        ({"A": "b"}, "/s s", {"A": "b"}),  # which the scripts could not pass on
    ],
)
def test_its_temporary_files(given: dict[str, str], scratch: str, expected: dict[str, str]) -> None:
    assert in_scratch(given, scratch) == expected
