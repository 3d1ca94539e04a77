"""`python -m jobs.emr`: the suite's clusters on Amazon EMR, and its applications of EMR Serverless."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jobs import registry
from jobs.emr import aws, history, telling
from jobs.emr.account import Account
from jobs.emr.found import Found
from jobs.engine.aligned import aligned
from jobs.engine.cache import cache_folder
from jobs.engine.guard import guarded, subcommands
from jobs.errors import JobError, UsageError

_COMMANDS = {
    "run": "run several jobs on one cluster, one after the other; the options are those of `-r emr`, for all of them",
    "status": "show a cluster or application and its steps, by default the newest, and receive what was left there",
    "clusters": "list clusters and applications that have not ended; --orphans: those that do nothing, status 1 if any",
    "terminate": "end clusters and applications",
    "logs": "print the logs of a cluster's steps, and what its containers said",
    "costs": "list what this machine has run on EMR, planned and actual, by the prices of the plans",
}
_RECENT = timedelta(days=30)


def main() -> int:
    """Does what the command line says. Raises JobError with the reason where it cannot."""
    if sys.argv[1:2] == ["run"] and not {"-h", "--help"} & set(sys.argv):
        return _run(sys.argv[2:])
    options = _parser().parse_args()
    if options.command == "costs":
        return _costs(history.read(cache_folder() / "emr"), options.job)
    account = Account(options.region)
    try:
        if options.command == "clusters":
            return _clusters(account, orphans=options.orphans, every=options.all)
        if options.command == "terminate":
            return _terminate(account, options.cluster, orphans=options.orphans)
        found = account.described(options.cluster) if options.cluster else _newest(account)
        if options.command == "status":
            return _looked_at(found)
        return _logs(account, found, options.step)
    except Exception as error:
        if (told := aws.explained(error, "EMR")) is None:
            raise
        raise told from None


def _run(arguments: list[str]) -> int:
    from jobs.engine.emr_batch import run

    known = registry.all_jobs()
    names = list(itertools.takewhile(known.__contains__, arguments))
    if not names:
        fix = "python -m jobs.emr run JOB… INPUT… --output-dir s3://BUCKET/PREFIX"
        raise UsageError(f"names no job first; there are {', '.join(known)}", where="run", fix=fix)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"names {twice} twice", where="run", fix="each job publishes in a folder of its name")
    return run([known[name] for name in names], arguments[len(names) :])


def _newest(account: Account) -> Found:
    found = next(account.listed(ended=True, since=datetime.now(UTC) - _RECENT), None)
    if found is None:
        raise JobError("no cluster of the last 30 days", where="EMR", fix="name one, or another --region")
    return found


def _looked_at(found: Found) -> int:
    """Tell of a cluster, and receive what was left there; the status is that of the first run that has none."""
    from jobs.engine.left import sweep, waiting

    sweep()
    places = waiting(found.id)
    print(*_status(found), sep="\n", file=sys.stderr if places else sys.stdout)
    if places:
        return next(filter(None, [_received(place) for place in places]), 0)
    return 1 if found.has_failed else 0


def _received(place: Path) -> int:
    """Receive one run's result, whatever became of others before; the status."""
    from jobs.engine.following import receive

    try:
        return receive(place)
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status


def _status(found: Found) -> Iterator[str]:
    yield f"{found.id}  {_state(found.state)}  {found.name}"
    yield f"started  {_time(found.created)}"
    if found.ended:
        yield f"ended    {_time(found.ended)}"
    if found.reason:
        yield f"reason   {found.reason}"
    yield f"logs     {found.logs or 'none'}"
    if found.steps:
        yield ""
        rows = [(s.id, s.name, _state(s.state), _time(s.began), _length(s.began, s.ended)) for s in found.steps]
        yield from aligned([("step", "name", "state", "began", "took"), *rows])


def _clusters(account: Account, *, orphans: bool, every: bool) -> int:
    now = datetime.now(UTC)
    found = list(account.listed(ended=every, since=now - _RECENT if every else None))
    _warn(account)
    if orphans:
        found = [each for each in found if each.is_orphan(now)]
    rows = [
        (
            c.id,
            _state(c.state),
            c.tags.get("job", ""),
            c.tags.get("owner", ""),
            _time(c.created),
            _length(c.created, c.ended),
        )
        for c in found
    ]
    if rows:
        print(*aligned([("cluster", "state", "job", "owner", "started", "age"), *rows]), sep="\n")
    else:
        closed = f"; {len(account.closed)} may not be looked at" if account.closed else ""
        print(f"no cluster {'does nothing' if orphans else 'runs'}{closed}", file=sys.stderr)
    return 1 if orphans and rows else 0


def _terminate(account: Account, names: list[str], *, orphans: bool) -> int:
    if orphans == bool(names):
        raise UsageError("name clusters, or give --orphans", where="terminate", fix="see: python -m jobs.emr clusters")
    now = datetime.now(UTC)
    if orphans:
        names = [each.id for each in account.listed() if each.is_orphan(now)]
        _warn(account)
    return next(filter(None, [_ended(account, name) for name in names]), 0)


def _ended(account: Account, name: str) -> int:
    """End one, whatever became of others before; the status."""
    try:
        found = account.described(name)
        if not found.is_alive:
            print(f"{name}: {_state(found.state)} since {_time(found.ended)}")
            return 0
        account.terminate(found)
    except Exception as error:
        if (told := aws.explained(error, name)) is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        return told.status
    print(f"{name}: terminating")
    return 0


def _warn(account: Account) -> None:
    """Of what could not be listed."""
    if account.unasked is not None:
        print(f"warning: {account.unasked}", file=sys.stderr)


def _logs(account: Account, found: Found, step: str | None) -> int:
    for uri, text in account.logs(found, step):
        print(f"==> {uri} <==")
        print(text.decode("utf-8", "replace").rstrip("\n"), end="\n\n")
    return 0


def _costs(runs: tuple[history.Entry, ...], job: str | None) -> int:
    chosen = [run for run in runs if job in (None, run.job)]
    rows = [
        (
            f"{run.job}{' (batch)' if run.batch else ''}{' (failed)' if run.failed else ''}",
            _time(datetime.fromisoformat(run.started)),
            telling.between(run.planned_seconds),
            telling.duration(run.seconds),
            " to ".join(map(telling.dollars, run.planned_dollars)),
            telling.dollars(run.dollars),
        )
        for run in chosen
    ]
    if not rows:
        print("no run is kept", file=sys.stderr)
        return 0
    total = ("total", "", "", "", "", telling.dollars(history.total(chosen)))
    print(*aligned([("job", "started", "planned", "took", "planned", "cost"), *rows, total]), sep="\n")
    return 0


def _state(name: str) -> str:
    return name.lower().replace("_", " ")


def _time(at: datetime | None) -> str:
    """In UTC, and in the zone of this machine where that is another."""
    if at is None:
        return "-"
    here = at.astimezone()
    own = f" ({here:%H:%M %Z})" if here.utcoffset() else ""
    return f"{at:%Y-%m-%d %H:%M} UTC{own}"


def _length(begin: datetime | None, end: datetime | None) -> str:
    if begin is None:
        return "-"
    minutes, seconds = divmod(int(((end or datetime.now(UTC)) - begin).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jobs.emr",
        description="The suite's clusters on Amazon EMR, and its applications of EMR Serverless.",
        epilog="Credentials and region are found as boto3 does.",
        allow_abbrev=False,
    )
    for name, command in subcommands(parser, _COMMANDS):
        if name == "run":
            command.add_argument("jobs", nargs="+", metavar="JOB", help="names of jobs")
            command.add_argument("arguments", nargs="+", metavar="INPUT", help="inputs, for all of them")
            help = "publish each result there, in a folder of its job's name"
            command.add_argument("--output-dir", required=True, metavar="DIR", help=help)
            command.usage = "%(prog)s JOB [JOB …] INPUT [INPUT …] --output-dir DIR [options]"
            command.epilog = "All options of `-r emr` may follow: python -m jobs.daily_stats --help lists them."
            continue
        if name == "costs":
            command.add_argument("job", nargs="?", metavar="JOB", help="only this job's")
            continue
        command.add_argument("--region", metavar="REGION", help="the region to look in")
        if name in ("status", "logs"):
            command.add_argument("cluster", nargs="?", metavar="CLUSTER", help="its id, j-… or an application's")
        if name == "terminate":
            command.add_argument("cluster", nargs="*", metavar="CLUSTER", help="its id, j-… or an application's")
        if name in ("clusters", "terminate"):
            command.add_argument("--orphans", action="store_true", help="those that have had nothing to do for 10 min")
        if name == "clusters":
            command.add_argument("--all", action="store_true", help="also those that ended in the last 30 days")
        if name == "logs":
            command.add_argument("--step", metavar="STEP", help="only that step's own, s-…, or that run's")
    return parser


if __name__ == "__main__":
    sys.exit(guarded(main))
