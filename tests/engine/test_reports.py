"""What tasks report is all that the plan asked for, or there is no result."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import api
from jobs.engine import tasks
from jobs.engine.report import Report
from jobs.errors import JobError
from tests.command_line import ROOT


def test_a_split_of_which_nothing_is_heard_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = tasks.receive
    heard: list[Report] = []

    def but_for_the_first(line: bytes, folder: Path) -> Report:
        found = receive(line, folder)
        if found.splits:
            heard.append(found)
        return Report() if len(heard) == 1 and found.splits else found

    monkeypatch.setattr(tasks, "receive", but_for_the_first)
    with pytest.raises(JobError, match=r"^daily_stats-\S+: \d+ of \d+ splits are not in what the tasks gave"):
        api.run("daily_stats", [ROOT / "sample_data"], engine="local", split_size="40K", tasks=3)
    assert len(heard) > 1
