"""The pages on dialects and rejects name everything there is, and their examples are what they say."""

from __future__ import annotations

import re
from dataclasses import fields, replace

import pytest

from jobs.readings import dialect_file
from jobs.readings.dialect import (
    Delimited,
    Device,
    Dialect,
    Fixed,
    FixedColumn,
    Json,
    Long,
    Numbers,
    Quality,
    Timestamp,
    Wide,
)
from jobs.readings.line import parse_line
from jobs.readings.model import Reason
from jobs.readings.record import bind
from tests.conftest import ROOT
from tests.readings.definition import RUN_START

DIALECTS = (ROOT / "docs" / "dialects.md").read_text("utf-8")
REJECTS = (ROOT / "docs" / "rejects.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", REJECTS[REJECTS.index("## Reasons") :], re.MULTILINE)


@pytest.mark.parametrize(
    "of", [Delimited, Device, Dialect, Fixed, FixedColumn, Json, Long, Numbers, Quality, Timestamp, Wide]
)
def test_every_key_is_described(of: type) -> None:
    for key in fields(of):
        assert re.search(rf"\b{key.name}\b", DIALECTS), key.name


@pytest.mark.parametrize("name", dialect_file.shipped())
def test_every_shipped_dialect_is_described(name: str) -> None:
    assert f"| `{name}` |" in DIALECTS


def test_every_reason_is_described() -> None:
    assert [reason for reason, _ in ROWS] == [str(reason) for reason in Reason]


@pytest.mark.parametrize(("reason", "example"), [row for row in ROWS if row[0] not in ("json", "too_long")])
def test_examples_are_rejected_for_their_reason(reason: str, example: str) -> None:
    dialect = dialect_file.load("default")
    if example.startswith("Europe/Berlin"):
        zone = replace(dialect.timestamp, time_zone="Europe/Berlin", nonexistent="reject")
        dialect = replace(dialect, timestamp=zone)
    line = example.split("`")[1].encode().replace(b"\\xff", b"\xff")
    record = parse_line(line, bind(dialect, ("timestamp", "device_id", "metric", "value"), "o.csv", RUN_START))
    assert record is not None
    assert [str(reject.reason) for reject in record.rejects] == [reason]
