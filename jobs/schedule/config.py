"""schedule.toml: which jobs run when, on what, into what; checked before anything runs (docs/nightly.md)."""

from __future__ import annotations

import graphlib
import itertools
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jobs.engine.engines import ENGINES, EngineName
from jobs.errors import InputError, UsageError
from jobs.lake import storage
from jobs.schedule.model import Alerts, Email, Schedule, Source, Task
from jobs.schedule.partitions import CADENCES, LONGEST, Cadence
from jobs.schedule.toml_section import Section

_PLACE = re.compile(r"\{(\w*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_OWN = ("output_dir", "overwrite", "since", "until", "from", "to", "time_zone", "max_lateness", "fence", "ticket")
"""Options of a job's run that the schedule gives."""


def load(path: Path) -> Schedule:
    """Raises InputError for a file that cannot be read, UsageError naming file, key and what to do."""
    where = str(path)
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        fix = "name the schedule: --schedule FILE"
        raise InputError(f"cannot be read: {error.strerror}", where=where, fix=fix) from None
    except UnicodeDecodeError:
        raise UsageError("is no UTF-8 text", where=where) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is no TOML: {error}", where=where) from None
    return _schedule(Section(table, where, ""), path.absolute())


def _schedule(top: Section, file: Path) -> Schedule:
    own, folder = top.section("schedule"), file.parent
    zone = _zone(own, "time_zone", "UTC")
    state = folder / own.text("state", "state")
    defaults, places = _Defaults(zone, own), _Places(folder)
    sources = {name: _source(section, name, places) for name, section in _named(top, "inputs")}
    tasks = {name: _task(section, name, defaults, places) for name, section in _named(top, "jobs")}
    if not tasks:
        raise UsageError("has no jobs", where=top.where, fix="add [jobs.daily_stats] with input and output")
    lease, metrics = top.section("lease"), top.section("metrics")
    textfile = metrics.text_or_none("textfile")
    schedule = Schedule(
        file,
        zone,
        own.day("start"),
        state,
        _ledger(own.text("ledger", f"sqlite:///{state / 'ledger.db'}"), folder),
        own.whole("look_back", 30, 1),
        own.whole("catch_up", 10, 1),
        sources,
        _in_order(tasks, sources, top),
        _alerts(top.section("alerts")),
        max(lease.span("lasts", "30s").total_seconds(), 1.0),
        lease.text_or_none("dynamodb"),
        None if textfile is None else folder / textfile,
        _url(metrics, "otlp"),
        tuple(sorted(places.relative)),
    )
    for section in (own, lease, metrics, top):
        section.close()
    return schedule


def _named(top: Section, kind: str) -> list[tuple[str, Section]]:
    group = top.section(kind)
    names = group.names()
    for name in names:
        if not _NAME.fullmatch(name):
            raise group.wrong(name, "is no name", "use small letters, digits and _, at most 100")
    return [(name, group.section(name)) for name in names]


class _Defaults:
    """What [schedule] says for all jobs."""

    def __init__(self, zone: str, own: Section) -> None:
        self.zone = zone
        self.grace = own.span("grace", "1h")
        self.attempts = own.whole("attempts", 3, 1)
        self.backoff = own.span("backoff", "1m")
        self.time_limit = own.span("time_limit", "2h")


class _Places:
    """Paths of the file as ones that hold from anywhere; URIs stay. relative: what those begin with that were none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.relative: set[str] = set()

    def placed(self, path: str) -> str:
        uri = storage.canonical(path)
        if storage.scheme(uri):
            return uri
        slash = "/" if path.endswith("/") else ""
        placed = os.path.normpath(self._folder / path) + slash
        if not path.startswith("/"):
            self.relative.add(re.split(r"[{*?[]", placed, maxsplit=1)[0])
        return placed


def _source(section: Section, name: str, places: _Places) -> Source:
    paths = section.texts("paths")
    if not paths:
        raise section.wrong("paths", "is missing", 'add paths = ["s3://lake/readings/dt={date}/"]')
    for path in paths:
        if strange := [found for found in _PLACE.findall(path) if found != "date"]:
            raise section.wrong("paths", f"{{{strange[0]}}} is unknown", "the day of arrival is {date}")
    source = Source(name, tuple(map(places.placed, paths)), section.text_or_none("dialect"))
    section.close()
    return source


def _task(section: Section, name: str, defaults: _Defaults, places: _Places) -> Task:
    from jobs import registry

    job = section.text("job", name)
    engine = section.text_or_none("engine")
    try:
        # importing a job takes longer than finding that nothing is to be done, so that is left to what runs it
        gaps = {} if engine is None and job in registry.modules() else registry.job(job).GAPS
    except UsageError as error:
        raise section.wrong("job" if section.has("job") else "", error.what, error.fix) from None
    output = section.text("output")
    if _PLACE.findall(output) != ["partition"]:
        raise section.wrong("output", "must hold {partition} once", 'write it as "results/daily_stats/{partition}/"')
    zone = _zone(section, "time_zone", "UTC" if job == "compact" else defaults.zone)
    if job == "compact" and zone != "UTC":
        raise section.wrong("time_zone", "days of compact are UTC's", "leave it out")
    options = section.value("options", {})
    if not isinstance(options, dict):
        raise section.wrong("options", "is no table", 'write options = { quantiles = "0.5" }')
    for key in options:
        if key.replace("-", "_") == "runner":
            raise section.wrong(f"options.{key}", "is no option here", 'write engine = "emr" beside the options')
        if key.replace("-", "_") in _OWN:
            raise section.wrong(f"options.{key}", "is the schedule's own to say", "leave it out")
    if section.has("retention") and storage.scheme(output) == "hdfs":
        raise section.wrong("retention", "prune does not reach into HDFS", "leave it out; remove what is old by hand")
    if engine is not None:
        section.word("engine", (*ENGINES, "emr"), "local")
        if engine in gaps:
            raise section.wrong("engine", f"{job} cannot run there: {gaps[engine]}")
    task = Task(
        name,
        job,
        section.text("input"),
        places.placed(output).rstrip("/"),
        cast("Cadence", section.word("cadence", CADENCES, "daily")),
        zone,
        section.texts("after"),
        section.span("reads", "1d") if section.has("reads") else None,
        cast("EngineName | None", engine),
        options,
        section.span("grace", _spelled(defaults.grace)),
        section.whole("attempts", defaults.attempts, 1),
        section.span("backoff", _spelled(defaults.backoff)),
        section.span("time_limit", _spelled(defaults.time_limit)),
        section.span("retention", "400d") if section.has("retention") else None,
        section.share("max_rejects"),
        section.share("min_completeness"),
    )
    section.close()
    return task


def _in_order(tasks: dict[str, Task], sources: Mapping[str, Source], top: Section) -> dict[str, Task]:
    """The tasks so that each comes after those it needs; as the file has them where that leaves a choice."""
    for task in tasks.values():
        for key, needed in (("input", task.input), *(("after", one) for one in task.after)):
            where = f"{top.where}: jobs.{task.name}.{key}"
            if key == "input" and needed in sources and needed in tasks:
                raise UsageError(f'"{needed}" is an input and a job', where=where, fix="rename one of them")
            if needed not in tasks and not (key == "input" and needed in sources):
                known = ", ".join((*sources, *tasks) if key == "input" else tasks)
                raise UsageError(f'"{needed}" is unknown', where=where, fix=f"use one of {known}")
        for key, value in task.options.items():
            for named in _PLACE.findall(value) if isinstance(value, str) else ():
                if named not in task.after:
                    fix = f'add after = ["{named}"]' if named in tasks else "use the name of a job in after"
                    where = f"{top.where}: jobs.{task.name}.options.{key}"
                    raise UsageError(f"{{{named}}} is no job that this one runs after", where=where, fix=fix)
    for task in tasks.values():
        for source in sources.values():
            if any(_may_list(path, task.output) for path in source.paths):
                where = f"{top.where}: jobs.{task.name}.output"
                raise UsageError(
                    f"lies in the input {source.name}", where=where, fix="results must not be taken for logs"
                )
    outputs = sorted((task.root, task.name) for task in tasks.values())
    for (one, first), (other, second) in itertools.pairwise(outputs):
        if other.startswith(one):
            where = f"{top.where}: jobs.{second}.output"
            raise UsageError(f"lies in the output of {first}", where=where, fix="give each job a folder of its own")
    for task in tasks.values():
        read = tasks.get(task.input)
        least = (task.reads or LONGEST[task.cadence]) + task.grace
        if read is not None and read.retention is not None and read.retention < least:
            where = f"{top.where}: jobs.{read.name}.retention"
            what = f"{_days(read.retention)} is too short: {task.name} reads what is up to {_days(least)} old"
            raise UsageError(what, where=where, fix="keep it longer, or have less read")
    needs = {task.name: [name for name in (task.input, *task.after) if name in tasks] for task in tasks.values()}
    sorter = graphlib.TopologicalSorter(needs)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = " → ".join(error.args[1])
        raise UsageError(f"jobs wait for each other: {circle}", where=top.where, fix="break the circle") from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=list(tasks).index)
        order += ready
        sorter.done(*ready)
    return {name: tasks[name] for name in order}


def _alerts(section: Section) -> Alerts:
    email = None
    if section.has("email"):
        own = section.section("email")
        email = Email(
            own.text("server"),
            own.text("from"),
            own.texts("to"),
            own.text_or_none("user"),
            own.text_or_none("password"),
            own.flag("starttls", False),
        )
        if not re.fullmatch(r"smtps?://(\[[0-9A-Fa-f:]+\]|[^/@:\s]+)(:\d+)?", email.server):
            raise own.wrong("server", "is no mail server", "write smtp://host:25 or smtps://host:465")
        if not email.to:
            raise own.wrong("to", "is missing", 'add to = ["ops@example.org"]')
        own.close()
    alerts = Alerts(
        section.texts("command"),
        email,
        _url(section, "webhook"),
        section.text_or_none("sns"),
        _url(section, "ping"),
        section.span("stale_after", "2d"),
    )
    section.close()
    return alerts


def _url(section: Section, key: str) -> str | None:
    url = section.text_or_none(key)
    if url is not None and not re.match(r"https?://\S+$", url):
        raise section.wrong(key, "is no URL", "write https://…, or env:NAME for one from the environment")
    return url


def _may_list(path: str, output: str) -> bool:
    """Whether a path of a source may find what lies below an output."""
    patterns = path.replace("{date}", "*").rstrip("/").split("/")
    for pattern, folder in zip(patterns, output.split("/"), strict=False):
        if "**" in pattern:
            return True
        fixed, has_partition, _ = folder.partition("{partition}")
        begin, *rest = re.split(r"[*?[]", pattern, maxsplit=1)
        if not has_partition:
            fits = fnmatchcase(folder, pattern)
        else:  # its name begins with a digit
            fits = re.match(rf"{re.escape(fixed)}(\d|$)", begin) is not None or bool(rest and fixed.startswith(begin))
        if not fits:
            return False
    return True


def _ledger(url: str, folder: Path) -> str:
    """SQLite's file is of the schedule's folder, as all paths are."""
    before, is_file, path = url.partition(":///")
    return f"{before}:///{folder / path}" if is_file and before == "sqlite" and path else url


def _zone(section: Section, key: str, default: str) -> str:
    name = section.text(key, default)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        from jobs.readings import zones

        try:
            zones.load(name)
        except UsageError as error:
            raise section.wrong(key, error.what, error.fix) from None
    return name


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.3g}d"


def _spelled(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"
