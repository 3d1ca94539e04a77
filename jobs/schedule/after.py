"""After a run: who is told, and what is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from jobs.errors import JobError
from jobs.schedule import alerts, metrics, night
from jobs.schedule.board import Board
from jobs.schedule.ledger.store import Ledger
from jobs.schedule.model import Schedule
from jobs.schedule.night import Night
from jobs.schedule.running import Hide, Say


def tell(schedule: Schedule, ledger: Ledger, done: Night, say: Say, hide: Hide) -> None:
    """Alerts that were not sent yet, metrics, and the dead man's switch where all is well.

    None of them makes a run fail: what was published is. An alert that could not be sent is tried again next time.
    """
    ways = (alerts.ways(schedule.alerts), schedule.alerts.ping, schedule.textfile, schedule.otlp)
    if any(ways):
        _tell_all(schedule, ledger, done, say, hide)
    _last_error(schedule).unlink(missing_ok=True)


def _tell_all(schedule: Schedule, ledger: Ledger, done: Night, say: Say, hide: Hide) -> None:
    board = Board(schedule, ledger, ledger.clock())
    items = list(night.items(schedule, board, night.whole(schedule, ledger.clock())))
    found = list(alerts.problems(schedule, board, items, ledger))
    found += [alerts.Problem("run", "", "", error, error) for error in done.errors]
    for error in alerts.tell_once(schedule, ledger, found, hide):
        say("warning", error=error)
    taken = metrics.measures(items, board, done, ledger.clock().timestamp())
    if (path := schedule.textfile) is not None:
        _tried("metrics.textfile", lambda: metrics.write(path, metrics.text(taken)), say)
    if (url := schedule.otlp) is not None:
        _tried("metrics.otlp", lambda: metrics.export(url, taken), say)
    if (switch := schedule.alerts.ping) is not None and not found:
        _tried("alerts.ping", lambda: alerts.ping(switch), say)


def tell_error(schedule: Schedule, error: Exception, say: Say, hide: Hide) -> None:
    """A run that could not run, as when the ledger is down: told once by each way, which a file remembers."""
    text = hide(str(error) if isinstance(error, JobError) else f"{type(error).__name__}: {error}")
    mark, path = hashlib.sha256(text.encode()).hexdigest(), _last_error(schedule)
    told: list[str] = []
    with suppress(OSError, ValueError):  # none, or none of ours
        before, *names = path.read_text().split()
        told = names if before == mark else []
    for way in alerts.ways(schedule.alerts):
        if left := tuple(name for name in way.receivers if name not in told):
            took, failed = alerts.sent(way, left, [f"run: {text}"], schedule.file, hide)
            for problem in failed:
                say("warning", error=problem)
            told += took
            _tried(str(path), partial(_remember, path, [mark, *told]), say)


def _remember(path: Path, words: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(" ".join(words))


def _last_error(schedule: Schedule) -> Path:
    return schedule.state / "last-error"


def _tried(what: str, work: Callable[[], object], say: Say) -> None:
    try:
        work()
    except Exception as error:  # of a library or a server elsewhere
        say("warning", error=f"{what}: {' '.join(str(error).split()) or type(error).__name__}")
