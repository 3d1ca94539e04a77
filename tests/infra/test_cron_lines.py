"""Lines of cron are refused before they are deployed, each with its number, its reason and what to write."""

from __future__ import annotations

import re

import pytest

from jobs.errors import UsageError
from scripts.infra import crontab, templates
from scripts.infra.__main__ import _parameter

RUN = "python -m jobs.daily_stats s3://lake/"
TAKEN = [
    f"30 2 * * * {RUN}",
    f"*/5 0-6,22 1-31/2 12 7 {RUN}",
    f"0 0 1 jan * {RUN}",
    f"0 0 * * Sun {RUN} --time-zone=Europe/Berlin",
    rf"0 0 * * * {RUN}dt=$(date -u +\%F)/",
]
FORM = "write it as '30 2 * * * python -m jobs.daily_stats …', without a user"
REFUSED = {
    f"60 2 * * * {RUN}": ("'60' is no minute; write * or numbers from 0 to 59, such as 57-59 or 0,59, or */2"),
    f"*/0 0 * * * {RUN}": "'*/0' is no minute; ",
    f"0 6-2 * * * {RUN}": "'6-2' is no hour; ",
    f"0 0 0 * * {RUN}": "'0' is no day of the month; write * or numbers from 1 to 31, ",
    f"0 0 * 5/2 * {RUN}": "'5/2' is no month; ",
    f"0 0 * * mon-fri {RUN}": "'mon-fri' is no day of the week; write * or numbers from 0 to 7, such as 5-7 or 0,7, ",
    "30 2 * * python": f"'30 2 * * python' is not five fields and a command; {FORM}",
    "MAILTO=someone": f"'MAILTO=someone' is not five fields and a command; {FORM}",
    f"0 0 * * * {RUN}dt=$(date +%F)/": r"cron ends a command at %; write \%",
}


@pytest.mark.parametrize("line", TAKEN)
def test_what_cron_takes_is_taken(line: str) -> None:
    assert crontab.checked(line) == line


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_that_cron_would_not_take_is_named(line: str) -> None:
    with pytest.raises(UsageError) as refused:
        _parameter(f"CronLines=# of the night\n{TAKEN[0]}\n{line}\n{TAKEN[1]}")
    assert str(refused.value).startswith(f"CronLines, line 3: {REFUSED[line]}")


def test_a_crontab_becomes_what_the_template_takes() -> None:
    text = f"# of the night\r\n\n  30\t2  * * *   {TAKEN[0][11:]} \r\n{TAKEN[1]}\n"
    name, lines = _parameter(f"CronLines={text}")
    assert (name, lines) == ("CronLines", f"{TAKEN[0]}\n{TAKEN[1]}")
    pattern = templates.load("scheduler")["Parameters"]["CronLines"]["AllowedPattern"]
    assert re.fullmatch(pattern, lines)
    assert not re.fullmatch(pattern, text)


def test_none_and_too_many_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^CronLines: there are none; write each as"):
        crontab.checked("# nothing\n\n")
    with pytest.raises(UsageError, match=r"^CronLines: they are more than 4,096 bytes; have one run several jobs"):
        crontab.checked("\n".join(TAKEN[:1] * 100))
