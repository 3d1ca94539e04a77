"""Options: what they mean, and what is refused with which words."""

from __future__ import annotations

import argparse

import pytest

from jobs.engine.options import Option, Settings, add_options, byte_size, joined
from jobs.engine.settings import settings
from jobs.errors import UsageError


def _settings(*flags: str, options: tuple[Option, ...] = ()) -> Settings:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("args", nargs="*")
    parser.add_argument("--output-dir")
    parser.add_argument("--cat-output", action="store_true", default=None)
    add_options(parser, options)
    return settings(parser.parse_args(flags), options)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("500K", 512_000), ("64M", 64 << 20), ("1g", 1 << 30), ("2MiB", 2 << 20), ("3kB", 3072)],
)
def test_sizes(text: str, size: int) -> None:
    assert byte_size("--split-size", text) == size


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--split-size", "0"], "--split-size: '0' is no size; write it as 500K, 64M or 1G"),
        (["--split-size", "1.5M"], "--split-size: '1.5M' is no size; write it as 500K, 64M or 1G"),
        (["--tasks", "0"], "--tasks: '0' is no whole number from 1"),
        (["--tasks", "٣"], "--tasks: '٣' is no whole number from 1"),
        (["--max-rejects", "5%"], "--max-rejects: '5%' is no share; write it as a fraction from 0 to 1, such as 0.01"),
        (
            ["--max-rejects", "nan"],
            "--max-rejects: 'nan' is no share; write it as a fraction from 0 to 1, such as 0.01",
        ),
        (
            ["--from", "yesterday"],
            "--from: 'yesterday' is no date or ISO time; write it as 2026-03-01 or 2026-03-01T12:00:00Z",
        ),
        (
            ["--from", "2026-03-02", "--to", "2026-03-02"],
            "--from 2026-03-02 --to 2026-03-02: --from is not before --to; "
            "--to is exclusive: name the day after the last one",
        ),
        (
            ["--output-format", "parquet"],
            "--output-format parquet: Parquet is not written to standard output; add --output-dir",
        ),
        (["--max-lateness", "3"], "--max-lateness: is for --to; add --to, or leave it out"),
        (["--overwrite"], "--overwrite: there is nothing to overwrite; add --output-dir or --rejects"),
        (
            ["--output-format", "table", "--output-dir", "x"],
            "--output-format table: a table is for the terminal only; publish csv, jsonl or parquet",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        _settings(*flags)
    assert str(refused.value) == message


def test_an_unknown_zone_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="Europe/Berlin"):
        _settings("--time-zone", "Europe/Berlim")


def test_times_are_of_the_zone_in_which_days_begin() -> None:
    chosen = _settings("--time-zone", "Europe/Berlin", "--from", "2026-03-29", "--to", "2026-03-29T12:00:00Z")
    assert chosen.since == 1_774_738_800_000_000  # 2026-03-28T23:00Z
    assert chosen.until == 1_774_785_600_000_000


def test_a_jobs_own_option_is_parsed_and_its_reason_told() -> None:
    def even(text: str) -> int:
        if int(text) % 2:
            raise ValueError("must be even")
        return int(text)

    option = Option("--every", "…", "4", even)
    assert _settings(options=(option,)).option("every") == 4
    with pytest.raises(UsageError, match=r"^--every 3: must be even$"):
        _settings("--every", "3", options=(option,))


def test_an_option_is_refused_without_the_one_that_it_says_more_of() -> None:
    options = (Option("--depth", "…", "2", int, needs="--tree"), Option("--tree", "…"))
    assert dict(_settings(options=options).job) == {"depth": 2, "tree": None}
    assert dict(_settings("--tree", "oak", "--depth", "2", options=options).job) == {"depth": 2, "tree": "oak"}
    with pytest.raises(UsageError) as refused:
        _settings("--depth", "2", options=options)  # though that is what it is anyway
    assert str(refused.value) == "--depth: is for --tree; add --tree, or leave it out"
    by_default = (options[0], Option("--tree", "…", "elm"))
    assert _settings("--depth", "3", options=by_default).option("depth") == 3


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--edges", "-5,0", "a.csv"], ["--edges=-5,0", "a.csv"]),
        (["--above", "-1.5e3", "-"], ["--above=-1.5e3", "-"]),
        (["-", "-q", "--tasks", "2"], ["-", "-q", "--tasks", "2"]),
        (["--edges=0,5", "-5"], ["--edges=0,5", "-5"]),
        (["--quiet", "-r", "local"], ["--quiet", "-r", "local"]),
    ],
)
def test_a_value_that_begins_with_a_minus_is_no_option(given: list[str], meant: list[str]) -> None:
    assert joined(given) == meant
