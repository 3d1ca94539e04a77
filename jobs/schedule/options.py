"""The command line of `python -m jobs.schedule`: its commands and their options."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from jobs.engine.guard import subcommands
from jobs.errors import UsageError

_HELP = {
    "run": "make what is due; what cron calls",
    "status": "what is published, stale, missing, failed; exit status 1 where something is wrong",
    "plan": "what a run would make now",
    "backfill": "make the partitions of past days, oldest first",
    "rerun": "make a day again, though nothing changed or attempts failed",
    "history": "the last attempts",
    "prune": "show what is older than its retention; remove it with the checksum of what was shown",
    "install": "print the crontab lines of this schedule, or write them",
    "uninstall": "remove them, and nothing else, from the crontab",
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m jobs.schedule",
        description="Runs the jobs of a schedule: each partition once, published whole, and caught up when missed.",
        epilog="docs/nightly.md explains schedule.toml.",
        allow_abbrev=False,
    )
    for name, command in subcommands(top, _HELP, "commands"):
        command.add_argument(
            "--schedule", type=Path, default=Path("schedule.toml"), metavar="FILE", help="default: schedule.toml"
        )
        if name in ("run", "rerun"):
            what = "only the partitions that end on this day" if name == "run" else "the day"
            command.add_argument("--date", type=_day, metavar="DAY", required=name == "rerun", help=what)
        if name in ("backfill", "status", "plan"):
            needed = name == "backfill"
            command.add_argument(
                "--from", dest="since", type=_day, metavar="DAY", required=needed, help="the first day"
            )
            command.add_argument("--to", dest="until", type=_day, metavar="DAY", required=needed, help="the last day")
        if name in ("backfill", "rerun"):
            command.add_argument("--jobs", metavar="NAME,…", help="only these jobs")
        if name == "backfill":
            command.add_argument("--limit", type=_count, metavar="N", help="at most so many partitions of each job")
        if name == "rerun":
            command.add_argument(
                "--accept-gone", action="store_true", help="though objects that the result was made of are gone"
            )
        if name in ("run", "backfill", "rerun"):
            command.add_argument("--json", action="store_true", help="say what happens as lines of JSON")
            command.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
        if name == "install":
            one_of = command.add_mutually_exclusive_group()
            one_of.add_argument("--apply", action="store_true", help="write them into your crontab")
            one_of.add_argument("--systemd", action="store_true", help="print a service and a timer instead")
        if name == "prune":
            command.add_argument("--confirm", metavar="CHECKSUM", help="remove what a call without it has shown")
        if name == "status":
            command.add_argument(
                "--verify", action="store_true", help="compare the ledger with each _SUCCESS in the lake"
            )
        if name == "history":
            command.add_argument("--limit", type=_count, default=20, metavar="N", help="how many (default: 20)")
            command.add_argument("--job", metavar="NAME", help="only of this job")
            command.add_argument("--partition", metavar="NAME", help="only of this partition")
    return top


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f'"{text}" is no date', fix="write it as 2026-03-01") from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise UsageError(f'"{text}" is no count', fix="write a whole number from 1")
    return int(text)
