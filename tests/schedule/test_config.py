"""schedule.toml: every mistake is told in one line, with file, key and what to do."""

from __future__ import annotations

# ruff: noqa: E501 - an approved text stands in one line
from pathlib import Path

import pytest

from jobs.errors import JobError
from jobs.schedule import config
from jobs.schedule.model import Schedule
from tests.command_line import ROOT

GOOD = """
[schedule]
start = 2026-03-01
[inputs.logs]
paths = ["logs/dt={date}/"]
[jobs.compact]
input = "logs"
output = "out/sorted/{partition}/"
[jobs.hourly_profile]
input = "compact"
output = "out/profile/{partition}/"
[jobs.anomalies]
input = "compact"
output = "out/anomalies/{partition}/"
after = ["hourly_profile"]
options = { baseline = "{hourly_profile}" }
"""


def _load(tmp_path: Path, text: str) -> Schedule:
    file = tmp_path / "schedule.toml"
    file.write_text(text, "utf-8")
    return config.load(file)


def test_jobs_come_after_those_they_need(tmp_path: Path) -> None:
    head, compact, rest = GOOD.partition("[jobs.compact]")
    swapped = (
        head + "[jobs.hourly_profile]" + rest.split("[jobs.hourly_profile]")[1] + compact + rest.split("[jobs.h")[0]
    )
    assert list(_load(tmp_path, swapped).tasks) == ["compact", "hourly_profile", "anomalies"]


def test_the_shipped_example_is_right() -> None:
    schedule = config.load(ROOT / "schedule.toml")
    assert list(schedule.tasks) == ["compact", "daily_stats", "availability", "hourly_profile", "anomalies"]
    assert schedule.tasks["compact"].time_zone == "UTC"
    assert schedule.tasks["daily_stats"].time_zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("start = 2026-03-01", "", "schedule.start: is missing; write start = 2026-03-01"),
        ("start = 2026-03-01", 'start = "soon"', "schedule.start: 'soon' is no date; write start = 2026-03-01"),
        ("start =", "catchup = 1\nstart =", "schedule.catchup: unknown key; did you mean catch_up?"),
        ("start =", 'grace = "1 hour"\nstart =', "schedule.grace: '1 hour' is no length of time; write it as 90s, 15m, 2h or 7d"),
        ("start =", 'time_zone = "Europe/Berln"\nstart =', 'schedule.time_zone: unknown time zone "Europe/Berln"; did you mean "Europe/Berlin"?'),
        ("start =", 'ledger = "env:NO_SUCH_NAME"\nstart =', "schedule.ledger: the environment has no NO_SUCH_NAME; set it where the schedule runs"),
        ("start =", 'ledger = "file:no/such"\nstart =', "schedule.ledger: {folder}/no/such cannot be read: No such file or directory; give its user the right to"),
        ('"out/sorted/{partition}/"', '"logs/dt=made/{partition}/"', "jobs.compact.output: lies in the input logs; results must not be taken for logs"),
        ('paths = ["logs/dt={date}/"]', 'paths = ["ou*"]', "jobs.compact.output: lies in the input logs; results must not be taken for logs"),
        ('paths = ["logs/dt={date}/"]', 'paths = ["out/s?rted/{date}/"]', "jobs.compact.output: lies in the input logs; results must not be taken for logs"),
        ('paths = ["logs/dt={date}/"]', 'paths = ["**/*.csv"]', "jobs.compact.output: lies in the input logs; results must not be taken for logs"),
        ('paths = ["logs/dt={date}/"]', 'paths = ["*/*/2026*"]', "jobs.compact.output: lies in the input logs; results must not be taken for logs"),
        ('paths = ["logs/dt={date}/"]', 'paths = ["out/"]', "jobs.compact.output: lies in the input logs; results must not be taken for logs"),
        ("dt={date}/", "dt={day}/", "inputs.logs.paths: {day} is unknown; the day of arrival is {date}"),
        ('input = "logs"', 'input = "log"', 'jobs.compact.input: "log" is unknown; use one of logs, compact, hourly_profile, anomalies'),
        ('"out/sorted/{partition}/"', '"out/sorted/"', 'jobs.compact.output: must hold {partition} once; write it as "results/daily_stats/{partition}/"'),
        ('"out/profile/{partition}/"', '"out/sorted/{partition}/"', "jobs.hourly_profile.output: lies in the output of compact; give each job a folder of its own"),
        ('after = ["hourly_profile"]', "", 'jobs.anomalies.options.baseline: {hourly_profile} is no job that this one runs after; add after = ["hourly_profile"]'),
        ('[jobs.hourly_profile]\ninput = "compact"', '[jobs.hourly_profile]\ninput = "anomalies"', "jobs wait for each other: "),
        ("[jobs.compact]", '[jobs.compact]\ncadence = "dayly"', 'jobs.compact.cadence: "dayly" is unknown; did you mean daily?'),
        ("[jobs.compact]", '[jobs.compact]\ntime_zone = "Asia/Tokyo"', "jobs.compact.time_zone: days of compact are UTC's; leave it out"),
        ("[jobs.compact]", '[jobs.compact]\nretention = "2d"', "jobs.compact.retention: 2d is too short: hourly_profile reads what is up to 2.04d old; keep it longer, or have less read"),
        ('output = "out/sorted/{partition}/"', 'retention = "90d"\noutput = "hdfs:///sorted/{partition}/"', "jobs.compact.retention: prune does not reach into HDFS; leave it out; remove what is old by hand"),
        ("[inputs.logs]", f"[inputs.{'l' * 101}]", f"inputs.{'l' * 101}: is no name; use small letters, digits and _, at most 100"),
        ("[jobs.compact]", "[jobs.compact]\nattempts = 0", "jobs.compact.attempts: 0 is no whole number from 1"),
        ("[jobs.compact]", '[jobs.compact]\noptions = { runner = "emr" }', 'jobs.compact.options.runner: is no option here; write engine = "emr" beside the options'),
        ("[jobs.compact]", "[jobs.compact]\noptions = { from = 1 }", "jobs.compact.options.from: is the schedule's own to say; leave it out"),
        ("[jobs.compact]", "[jobs.compakt]", "jobs.compakt: there is no job 'compakt'; the jobs are "),
        ("[jobs.compact]", '[jobs.compact]\njob = "compakt"', "jobs.compact.job: there is no job 'compakt'; the jobs are "),
        ("[schedule]", '[alerts]\nwebhook = "ftp://x"\n[schedule]', "alerts.webhook: is no URL; write https://…, or env:NAME for one from the environment"),
        ("[schedule]", '[metrics]\notlp = "collector:4318"\n[schedule]', "metrics.otlp: is no URL; write https://…, or env:NAME for one from the environment"),
        ("[schedule]", '[alerts.email]\nserver = "smtp://mail:port"\nfrom = "a@b"\nto = "c@d"\n[schedule]', "alerts.email.server: is no mail server; write smtp://host:25 or smtps://host:465"),
        ("[schedule]", "schedule = 1\n[x]", "schedule: is no table; write [schedule], then its keys"),
    ],
)  # fmt: skip
def test_a_mistake(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(JobError) as caught:
        _load(tmp_path, GOOD.replace(old, new, 1))
    text = str(caught.value)
    assert caught.value.status == 2
    assert "\n" not in text
    place = f"{tmp_path / 'schedule.toml'}: "
    told = told.replace("{folder}", str(tmp_path))
    assert text == place + told or (told.endswith(" ") and text.startswith(place + told))


def test_results_may_lie_beside_logs_that_a_pattern_finds(tmp_path: Path) -> None:
    paths = '["*/dt={date}/", "logs*", "out/*.csv", "out/sorted/raw/", "out/so"]'
    assert _load(tmp_path, GOOD.replace('["logs/dt={date}/"]', paths)).sources["logs"].paths


def test_what_must_not_stand_in_the_file_stands_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://hooks.example.org/s3cret")
    (tmp_path / "ping").write_text("https://ping.example.org/s3cret\n")
    schedule = _load(tmp_path, GOOD + '[alerts]\nwebhook = "env:HOOK"\nping = "file:ping"\n')
    assert schedule.alerts.webhook == "https://hooks.example.org/s3cret"
    assert schedule.alerts.ping == "https://ping.example.org/s3cret"
    assert {schedule.alerts.webhook, schedule.alerts.ping} <= set(schedule.secrets())


def test_nor_need_what_is_in_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE", "s3://lake")
    paths = 'paths = ["env:LAKE", "file:///logs"]'
    assert _load(tmp_path, GOOD.replace('paths = ["logs/dt={date}/"]', paths)).sources["logs"].paths == (
        "s3://lake",
        "file:///logs",
    )


def test_the_ledger_is_of_the_folder_of_the_file(tmp_path: Path) -> None:
    assert _load(tmp_path, GOOD).ledger == f"sqlite:///{tmp_path}/state/ledger.db"
    text = GOOD.replace("start =", 'ledger = "sqlite:///its.db"\nstart =', 1)
    assert _load(tmp_path, text).ledger == f"sqlite:///{tmp_path}/its.db"
