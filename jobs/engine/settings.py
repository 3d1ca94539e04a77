"""What parsed options say: the settings that they make, or why they cannot be."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from jobs.engine.options import MAX_LATENESS, Option, Settings, byte_size, instant
from jobs.errors import UsageError
from jobs.lake import storage
from jobs.lake.storage import canonical
from jobs.readings import zones


def settings(options: argparse.Namespace, job_options: Sequence[Option], *, printed: bool | None = None) -> Settings:
    """The settings that parsed options make; `printed` overrides whether the result is handed out.

    Raises UsageError for what cannot be.
    """
    zones.load(options.time_zone)  # refuses an unknown name
    zone = ZoneInfo(options.time_zone)
    since, until = _time("--from", options.since, zone), _time("--to", options.until, zone)
    if since is not None and until is not None and since >= until:
        raise UsageError(
            "--from is not before --to",
            where=f"--from {options.since} --to {options.until}",
            fix="--to is exclusive: name the day after the last one",
        )
    lateness = options.max_lateness
    if lateness is not None:
        _refuse_alone("--max-lateness", "--to", until)
    if options.output_format == "parquet" and not options.output_dir:
        raise UsageError(
            "Parquet is not written to standard output", where="--output-format parquet", fix="add --output-dir"
        )
    if options.output_format == "table" and options.output_dir:
        raise UsageError(
            "a table is for the terminal only", where="--output-format table", fix="publish csv, jsonl or parquet"
        )
    if options.overwrite and not (options.output_dir or options.rejects):
        raise UsageError("there is nothing to overwrite", where="--overwrite", fix="add --output-dir or --rejects")
    output_dir, rejects = (canonical(uri) if uri else uri for uri in (options.output_dir, options.rejects))
    _refuse_nested(output_dir, rejects)
    printed = options.cat_output if printed is None else printed
    return Settings(
        inputs=tuple(map(canonical, options.args)),
        dialect=options.dialect,
        metrics=tuple(options.metric),
        devices=tuple(options.device),
        since=since,
        until=until,
        time_zone=options.time_zone,
        max_lateness=MAX_LATENESS if lateness is None else _whole("--max-lateness", lateness, 0),
        deduplicate=options.deduplicate,
        split_size=byte_size("--split-size", options.split_size) if options.split_size else 0,
        tasks=None if options.tasks is None else _whole("--tasks", options.tasks, 1),
        max_rejects=_share("--max-rejects", options.max_rejects),
        on_damage=options.on_damage,
        rejects=rejects,
        output_format=options.output_format,
        output_dir=output_dir,
        overwrite=options.overwrite,
        print_result=not options.output_dir if printed is None else printed,
        dry_run=options.dry_run,
        fence=None if options.fence is None else _whole("--fence", options.fence, 0),
        ticket=options.ticket,
        job=_job_values(options, job_options),
    )


def _refuse_alone(flag: str, needed: str, given: object) -> None:
    """An option that says more of another means nothing without that."""
    if not given:
        raise UsageError(f"is for {needed}", where=flag, fix=f"add {needed}, or leave it out")


def _refuse_beside(flag: str, other: str, given: object) -> None:
    if given:
        raise UsageError(f"means nothing beside {other}", where=flag, fix="leave one of the two out")


def _refuse_nested(output: str | None, rejects: str | None) -> None:
    """Each of the two is published whole, so neither may hold the other."""
    if output and rejects and (storage.lies_in(output, rejects) or storage.lies_in(rejects, output)):
        raise UsageError(
            "result and rejects need a folder each",
            where=f"--output-dir {output} --rejects {rejects}",
            fix="name two that lie beside each other",
        )


def _job_values(options: argparse.Namespace, job_options: Sequence[Option]) -> tuple[tuple[str, Any], ...]:
    values = {o.flag: _job_value(o, getattr(options, o.dest)) for o in job_options}
    for option in job_options:
        if getattr(options, option.dest) is None:
            continue
        if option.needs:
            flag, _, value = option.needs.partition(" ")
            _refuse_alone(option.flag, option.needs, values[flag] == value if value else values[flag])
        for other in option.without:
            _refuse_beside(option.flag, other, values[other])
    return tuple((o.dest, values[o.flag]) for o in job_options)


def _job_value(option: Option, given: str | bool | None) -> Any:
    text = option.default if given is None else given
    if text is None or isinstance(text, bool):
        return text
    try:
        return option.parse(text)
    except ValueError as error:
        raise UsageError(str(error), where=f"{option.flag} {text}") from None


def _time(flag: str, text: str | None, zone: tzinfo) -> int | None:
    if text is None:
        return None
    try:
        return instant(text, zone)
    except ValueError as error:
        fix = "write it as 2026-03-01 or 2026-03-01T12:00:00Z"
        raise UsageError(str(error), where=flag, fix=fix) from None


def _whole(flag: str, text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise UsageError(f"{text!r} is no whole number from {least}", where=flag)
    return int(text)


def _share(flag: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"{text!r} is no share", where=flag, fix="write it as a fraction from 0 to 1, such as 0.01")
    return share
