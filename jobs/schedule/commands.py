"""What each command of `python -m jobs.schedule` does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime

from jobs.errors import BusyError, JobError, UsageError
from jobs.schedule import config, night
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.model import Schedule
from jobs.schedule.night import Night, Scope
from jobs.schedule.partitions import midnight
from jobs.schedule.telling import Teller, hider

NOW = "JOBS_TEST_NOW"
"""For tests: the time that it is, instead of the clock's."""


def perform(options: argparse.Namespace) -> int:
    """The exit status of a command."""
    schedule = config.load(options.schedule)
    command: Callable[[Schedule, argparse.Namespace], int] = _COMMANDS[options.command]
    return command(schedule, options)


def clock() -> datetime:
    return datetime.fromisoformat(os.environ[NOW]) if NOW in os.environ else datetime.now(UTC)


def _run(schedule: Schedule, options: argparse.Namespace) -> int:
    if options.date is None:
        return _made(schedule, options, night.whole(schedule, clock()))
    _check_day(schedule, "--date", options.date)
    return _made(schedule, options, night.of_days(schedule, options.date, options.date))


def _backfill(schedule: Schedule, options: argparse.Namespace) -> int:
    _check_days(options.since, options.until)
    _check_day(schedule, "--from", options.since)
    tasks = _tasks(schedule, options.jobs)
    scope = night.of_days(schedule, options.since, options.until)
    return _made(schedule, options, replace(scope, tasks=tasks, limit=options.limit))


def _rerun(schedule: Schedule, options: argparse.Namespace) -> int:
    _check_day(schedule, "--date", options.date)
    tasks = _tasks(schedule, options.jobs)
    scope = night.of_days(schedule, options.date, options.date)
    return _made(schedule, options, replace(scope, tasks=tasks, forced=True, accept_gone=options.accept_gone))


def _made(schedule: Schedule, options: argparse.Namespace, scope: Scope) -> int:
    hide = hider(schedule)
    say = Teller(hide, as_json=options.json, quiet=options.quiet)
    try:
        done = _night(schedule, scope, say, hide)
    except JobError as error:
        if not options.json:
            raise
        say("error", error=str(error), status=error.status)
        return error.status
    if options.json:
        counts = {"made": len(done.made), "failed": len(done.failed), "left": done.left}
        waiting = {"waiting": done.waiting, "stuck": done.stuck}
        say("ended", None, **counts, **waiting, seconds=round(done.seconds, 3), errors=done.errors)
    else:
        lines = [] if options.quiet else [_said(done)]
        for line in [*lines, *(f"error: {error}" for error in done.errors)]:
            print(hide(line), file=sys.stderr)
    return 0 if done.is_good else 1


def _night(schedule: Schedule, scope: Scope, say: Teller, hide: Callable[[str], str]) -> Night:
    """A run, and who has to know of it."""
    from jobs.schedule.after import tell, tell_error
    from jobs.schedule.lease import held

    try:
        with closing(Ledger(schedule.ledger, clock, schedule.names)) as ledger, held(schedule, ledger) as lease:
            done = night.run(schedule, ledger, lease, scope, " ".join(sys.argv[1:]), say, hide)
            tell(schedule, ledger, done, say, hide)
            return done
    except BusyError:
        raise
    except Exception as error:  # of the suite too: somebody has to know
        tell_error(schedule, error, say, hide)
        raise


def _said(done: Night) -> str:
    if not (done.made or done.failed or done.errors):
        counts = {"failed before or are blocked": done.stuck, "wait for others": done.waiting}
        rest = " and ".join(f"{count} that {what}" for what, count in counts.items() if count)
        why = f"all that is due is published{f', but for {rest}: see status' if rest else ''}"
        return f"nothing to do: {why} ({done.seconds:.2f} s)"
    for_next = f", {done.left} left for the next run" if done.left else ""
    return f"{len(done.made)} made, {len(done.failed)} failed{for_next} ({done.seconds:.2f} s)"


def _status(schedule: Schedule, options: argparse.Namespace) -> int:
    from jobs.schedule import status

    ledger, scope = _ledger(schedule), _shown(schedule, options)
    hide = hider(schedule)
    board = night.observed(schedule, ledger, scope)
    found = list(night.items(schedule, board, scope))
    for line in status.status_lines(found, board):
        print(hide(line))
    if not options.verify:
        return 0 if status.is_good(found) else 1
    from jobs.schedule.verify import verified

    seen = verified(ledger, found, hide)
    print(*seen.wrong, *seen.unwritten, f"the lake agrees with the ledger on {seen.agreed} partitions", sep="\n")
    return 0 if status.is_good(found) and not seen.wrong else 1


def _plan(schedule: Schedule, options: argparse.Namespace) -> int:
    from jobs.schedule import status

    ledger, scope = _ledger(schedule), _shown(schedule, options)
    board = night.observed(schedule, ledger, scope)
    for line in status.plan_lines(night.items(schedule, board, scope), scope.limit):
        print(line)
    return 0


def _history(schedule: Schedule, options: argparse.Namespace) -> int:
    from jobs.schedule import status

    hide = hider(schedule)
    rows = _ledger(schedule).history(options.limit, options.job, options.partition)
    if not rows:
        _tasks(schedule, options.job, "--job")  # one that there was may have left attempts
    for line in status.history_lines(rows):
        print(hide(line))
    return 0


def _install(schedule: Schedule, options: argparse.Namespace) -> int:
    from jobs.schedule import crontab

    if options.systemd:
        print(crontab.systemd_units(schedule), end="")
    elif options.apply:
        before = crontab.read()
        after = crontab.with_ours(before, schedule)
        if after != before:
            crontab.write(after)
        print("in the crontab" if after != before else "in the crontab already", file=sys.stderr)
    else:
        print(*crontab.cron_lines(schedule), sep="\n")
        sys.stdout.flush()
        print("nothing was written: --apply puts these lines into your crontab", file=sys.stderr)
    return 0


def _uninstall(schedule: Schedule, options: argparse.Namespace) -> int:
    from jobs.schedule import crontab

    before = crontab.read()
    after = crontab.without_ours(before, schedule)
    if after != before:
        crontab.write(after)
    print("gone from the crontab" if after != before else "was not in the crontab", file=sys.stderr)
    return 0


def _prune(schedule: Schedule, options: argparse.Namespace) -> int:
    from jobs.schedule import prune
    from jobs.schedule.lease import held

    ledger = Ledger(schedule.ledger, clock, schedule.names)
    with held(schedule, ledger):
        old = list(prune.old_results(schedule, ledger, clock()))
        found = [one for one in old if one.kept is None and one.refusal is None]
        mark = prune.checksum(found)
        if options.confirm is not None:
            if not found or options.confirm != mark:
                where = f"--confirm {options.confirm}"
                raise UsageError("is not the checksum of what would go now", where=where, fix="look again: prune")
            for one in found:
                prune.remove(schedule, ledger, one)
    for one in found:
        print(f"{'removed' if options.confirm else 'would remove'} {one}")
    for one in old:
        if one.kept is not None:
            print(f"keeps {one}: {one.kept}")
    if not old:
        print("nothing is older than its retention")
    elif found and options.confirm is None:
        print(f"to remove it: prune --confirm {mark}")
    refusals = [one.refusal for one in old if one.refusal is not None]
    for refusal in refusals:
        print(f"error: {refusal}", file=sys.stderr)
    return max((refusal.status for refusal in refusals), default=0)


def _ledger(schedule: Schedule) -> Ledger:
    ledger = Ledger(schedule.ledger, clock, schedule.names)
    ledger.prepare()
    return ledger


def _shown(schedule: Schedule, options: argparse.Namespace) -> Scope:
    if options.since is None and options.until is None:
        return night.whole(schedule, clock())
    last = options.until or clock().astimezone(schedule.zone).date()
    first = options.since or min(schedule.start, last)
    _check_days(first, last)
    return night.of_days(schedule, first, last)


def _check_days(first: date, last: date) -> None:
    if first > last:
        raise UsageError("--from is after --to", where=f"--from {first} --to {last}", fix="both days are included")


def _check_day(schedule: Schedule, option: str, day: date) -> None:
    if midnight(day, schedule.zone) > clock():
        raise UsageError("is in the future", where=f"{option} {day}", fix="name a day that has begun")
    if day < schedule.start:
        what = f"is before the schedule's start, {schedule.start}"
        raise UsageError(what, where=f"{option} {day}", fix="set start to an earlier day")


def _tasks(schedule: Schedule, names: str | None, option: str = "--jobs") -> frozenset[str] | None:
    if names is None:
        return None
    chosen = names.split(",")
    for name in chosen:
        if name not in schedule.tasks:
            raise UsageError(f'there is no job "{name}"', where=option, fix=f"use some of {', '.join(schedule.tasks)}")
    return frozenset(chosen)


_COMMANDS: dict[str, Callable[[Schedule, argparse.Namespace], int]] = {
    "run": _run,
    "status": _status,
    "plan": _plan,
    "backfill": _backfill,
    "rerun": _rerun,
    "history": _history,
    "prune": _prune,
    "install": _install,
    "uninstall": _uninstall,
}
