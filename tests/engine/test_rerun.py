"""What failed names the command that runs it again."""

from __future__ import annotations

import sys

import pytest

from jobs.engine.rerun import command, with_command
from jobs.errors import InputError


def test_a_command_is_written_for_a_shell() -> None:
    given = [
        "python",
        "-m",
        "jobs.daily_stats",
        "s3://lake/my logs/",
        "--metric",
        "a*",
        "--output-dir=s3://lake/key=a/",
    ]
    shown = "python -m jobs.daily_stats 's3://lake/my logs/' --metric 'a*' --output-dir=s3://lake/key=a/"
    assert command(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("PGPASSWORD=a b", "'PGPASSWORD=…'"),
        ("--cmdenv=AWS_SECRET_ACCESS_KEY=a=b==", "'--cmdenv=AWS_SECRET_ACCESS_KEY=…'"),
        ("-Dfs.s3a.secret.key=x=", "'-Dfs.s3a.secret.key=…'"),
        ('{"a.secret": "x", "b": "y"}', """'{"a.secret": "…", "b": "y"}'"""),
        ("URL=https://ann:x@host/", "'URL=https://ann:…@host/'"),
        ("two\nlines", "'two\\nlines'"),
    ],
)
def test_without_secrets_and_in_one_line(given: str, shown: str) -> None:
    assert command([given]) == shown


def test_an_error_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "jobs.rollup", "x"])
    told = with_command(InputError("changed", where="s3://lake/a.csv", fix="the whole log: s3://lake/log"))
    assert isinstance(told, InputError)
    again = "run it again: python -m jobs.rollup x"
    assert str(told) == f"s3://lake/a.csv: changed; the whole log: s3://lake/log; {again}"
    assert str(with_command(InputError("changed"))) == f"changed; {again}"
