"""A run from start to end, the same for every engine: plan, execute, check, show or publish."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from jobs.emr.work import Work
from jobs.engine import progress
from jobs.engine.checks import check, check_plan, timed_by
from jobs.engine.filters import refuse_unknown
from jobs.engine.options import Settings
from jobs.engine.plan import Plan
from jobs.engine.planner import Planner
from jobs.engine.provenance import provenance
from jobs.engine.reading import REJECT_SCHEMA
from jobs.engine.report import Report
from jobs.engine.run import Run
from jobs.engine.run_id import new_run_id
from jobs.engine.scratch import scratch
from jobs.engine.shuffle import Carrier, packed, read_block
from jobs.errors import JobError, LimitError, UsageError
from jobs.kernel import library
from jobs.readings import dialect_file, zones

if TYPE_CHECKING:
    from jobs.emr.telling import Account
    from jobs.engine.declaration import Declaration
    from jobs.lake.manifest import Part
    from jobs.lake.parts import Layout
    from jobs.lake.publish import Publication

_BYTES_PER_PARTITION = 128 << 20
_MOST_PARTITIONS = 256
_REJECT_KEYS = ("object", "offset", "reason")

Emit = Callable[[pa.Schema, Iterator[pa.Table]], None]


class Engine(Protocol):
    """What runs the tasks of a plan."""

    @property
    def name(self) -> str: ...
    @property
    def carrier(self) -> Carrier: ...
    @property
    def concludes(self) -> bool:
        """Whether its tasks give the result itself; of others' rows the job's `conclude` makes it."""

    def tasks(self, settings: Settings) -> int: ...
    def check(self, settings: Settings) -> None: ...
    def outlook(self, work: Work) -> Iterable[str]:
        """What a run will take, in lines for people, where it costs something. Raises RefusedError over the limit."""

    def confirm(self, work: Work) -> None:
        """Go on if the user lets the run cost what it will. Raises RefusedError, UsageError."""

    def execute(self, run: Run, plan: Plan, scratch: Path) -> Report: ...
    def receiving(self) -> AbstractContextManager[None]:
        """From before a run is executed until its result is printed or published."""

    def account(self, run: Run, report: Report) -> Account | None:
        """What the run took beside what was planned, where it costs something."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. `seconds`: wall time. `published`: where the result is, if it was, in `files` of together
    `size` bytes; `laid_out`: in folders by day. `notes`: what the job said of its result; `account`: what the engine
    said of what the run took. `timed`: the seconds of a run over the input, and of the same over the result."""

    run: Run
    plan: Plan
    report: Report
    seconds: float
    published: str | None
    problem: LimitError | None
    notes: tuple[str, ...] = ()
    files: int = 0
    size: int = 0
    laid_out: bool = False
    account: Account | None = None
    timed: tuple[float, float] | None = None


def make_plan(settings: Settings, engine: Engine, *, heads: bool = False) -> tuple[Plan, dict[str, str]]:
    """The plan, and the content of the dialects that its pieces name."""
    engine.check(settings)
    planner = Planner(settings, engine.tasks(settings), heads=heads)
    return planner.plan(), planner.dialects


def drive(job: type[Declaration], settings: Settings, engine: Engine, emit: Emit, base: str | None = None) -> Outcome:
    """Run `job` and hand its result to `emit`, to the lake, or both, as the settings say.

    The scratch lies below `base`. A result with more rejects or damage than allowed is emitted, not published, and
    its `problem` says so.
    """
    begun = time.monotonic()
    started = time.time_ns() // 1000
    run_id = new_run_id(job.NAME, datetime.fromtimestamp(started / 1e6, UTC))
    checked = check(job, settings, run_id)
    timed, before = timed_by(job, settings, engine.name), 0.0

    def measure() -> None:
        nonlocal before
        if timed is not None:
            before = _seconds(job, timed, engine, base)

    plan, dialects = make_plan(settings, engine)
    resumed, tables = check_plan(job, settings, plan, dialects)
    engine.confirm(work(job, settings, plan, shuffled=bool(tables.keys() & job.PARTIALS)))
    with scratch(run_id, base) as folder:
        run = Run(
            run_id,
            job.NAME,
            started,
            settings,
            dialects,
            _zones(settings, dialects),
            str(folder),
            _partitions(plan),
            engine.carrier,
            library.load() is not None,
            *_stages(job, settings, shuffled=bool(tables.keys() & job.PARTIALS)),
            {name: packed(table) for name, table in tables.items()},
            resumed,
        )
        run = _surveyed(job, run, plan, engine)
        with engine.receiving():
            outcome = carry_out(job, run, plan, engine, emit, checked, measure)
    outcome = replace(outcome, seconds=time.monotonic() - begun - before)
    if timed is None or outcome.published is None:
        return outcome
    after = _seconds(job, replace(timed, inputs=(outcome.published,), dialect=None), engine, base)
    return replace(outcome, timed=(before, after))


def carry_out(
    job: type[Declaration],
    run: Run,
    plan: Plan,
    engine: Engine,
    emit: Emit,
    checked: tuple[pa.Schema, Layout | None, Mapping[str, Publication]],
    measure: Callable[[], None] = lambda: None,
) -> Outcome:
    """Have the engine execute a run, and hand out or publish what it found; the seconds of all are its caller's to say.
    checked: what `check` gave; measure: is called before the result takes the place of its own input."""
    schema, layout, targets = checked
    settings, folder = run.settings, Path(run.scratch)
    report = _execute(job, run, plan, engine, folder)
    notes: list[str] = []
    problem = _problem(report, settings)
    if settings.print_result:
        emit(schema, job.watch(settings, _result(job, run, plan, report, engine), notes.append))
    if "rejects" in targets:
        targets["rejects"].publish(
            REJECT_SCHEMA, _rejects(report), provenance(run, plan, report), scratch=folder, keys=_REJECT_KEYS
        )
    parts: tuple[Part, ...] = ()
    if "output" in targets and problem is None:
        measure()
        parts = (
            targets["output"]
            .publish(
                schema,
                job.watch(settings, _result(job, run, plan, report, engine), notes.append),
                provenance(run, plan, report, listed=job.LISTS_INPUT),
                scratch=folder,
                keys=job.keys(settings),
                layout=layout,
            )
            .parts
        )
    published = settings.output_dir if problem is None else None
    said, size = tuple(dict.fromkeys(notes)), sum(part.size for part in parts)
    account = engine.account(run, report)
    return Outcome(run, plan, report, 0.0, published, problem, said, len(parts), size, layout is not None, account)


def work(job: type[Declaration], settings: Settings, plan: Plan, *, shuffled: bool = False) -> Work:
    """What running the job over the plan comes to. shuffled: whether tables go through the shuffle."""
    ordered, stages = _stages(job, settings, shuffled=shuffled)
    passes = 1 if job.survey(settings) is None else 2
    sizes = (len(plan.objects), plan.size, len(plan.splits))
    largest = max((split.size for split in plan.splits), default=0)
    rows = not job.PARTIALS or job.layout(settings) is not None  # a lake by day is of readings
    shuffles = (ordered, stages, _partitions(plan))
    return Work(job.NAME, *sizes, *shuffles, settings.tasks, passes, largest, rows, plan.packed)


def _partitions(plan: Plan) -> int:
    return min(_MOST_PARTITIONS, 1 + plan.size // _BYTES_PER_PARTITION)


def _surveyed(job: type[Declaration], run: Run, plan: Plan, engine: Engine) -> Run:
    """The run, with what a first one over the same plan found, where the job asks for one."""
    settings = job.survey(run.settings)
    if settings is None:
        return run
    ordered, stages = _stages(job, settings, shuffled=bool(run.tables.keys() & job.PARTIALS))
    folder = Path(run.scratch, "survey")
    folder.mkdir()
    first = replace(run, settings=settings, scratch=str(folder), ordered=ordered, stages=stages)
    report = _execute(job, first, plan, engine, folder)
    rows = pa.concat_tables([job.schema(settings).empty_table(), *_result(job, first, plan, report, engine)])
    return replace(run, settings=job.surveyed(run.settings, rows))


def _zones(settings: Settings, dialects: dict[str, str]) -> tuple[dict[str, object], ...]:
    """The tables of all zones that tasks will ask for."""
    named = {settings.time_zone} | {dialect_file.loads(text).timestamp.time_zone for text in dialects.values()}
    return tuple(zones.load(name).as_json() for name in sorted(named))


def _stages(job: type[Declaration], settings: Settings, *, shuffled: bool) -> tuple[bool, int]:
    """Whether readings are shuffled in the order of time, and how many shuffles there are."""
    if settings.deduplicate and not job.PARTIALS:
        raise UsageError(f"{job.NAME} shows every reading", where="--deduplicate", fix="leave it out")
    ordered = (job.TIME_ORDERED or settings.deduplicate) and not job.counts_objects(settings)
    return ordered, 2 if shuffled or (ordered and job.regroups(settings)) else job.stages(settings)


def _execute(job: type[Declaration], run: Run, plan: Plan, engine: Engine, folder: Path) -> Report:
    shown = progress.Progress(plan.size, run.job)
    progress.watch(shown)
    here = Path.cwd()
    try:
        report = engine.execute(run, plan, folder)
    finally:
        os.chdir(here)
        progress.watch(None)
        shown.close()
    if missing := len(plan.splits) - report.splits:
        what = f"{missing:,} of {len(plan.splits):,} splits are not in what the tasks gave, so there is no result"
        raise JobError(what, where=run.id, fix="run it again, with -v to see what became of its tasks")
    refuse_unknown(job.metrics_named(run.settings), report.metrics)
    return report


def _result(job: type[Declaration], run: Run, plan: Plan, report: Report, engine: Engine) -> Iterator[pa.Table]:
    """The result's rows: sorted runs merged by key and concluded, or the splits' rows one after the other; or those of
    objects."""
    from jobs.engine import objects
    from jobs.lake.runs import merge_runs, read_run

    if job.counts_objects(run.settings):
        return iter([objects.table(plan, report)])
    if keys := job.keys(run.settings):
        rows = merge_runs(report.whole_runs(), keys)
        return rows if engine.concludes else job.conclude(run, rows)
    return read_run(*(file.path for file in report.runs))


def _rejects(report: Report) -> Iterator[pa.Table]:
    """All rejects, by object and offset."""
    blocks = [read_block(text) for text in report.reject_blocks]
    if blocks:
        yield pa.concat_tables(blocks).sort_by(
            [("object", "ascending"), ("offset", "ascending"), ("reason", "ascending")]
        )


def _seconds(job: type[Declaration], settings: Settings, engine: Engine, base: str | None) -> float:
    """How long a run takes whose result nobody sees."""
    return drive(job, settings, engine, lambda _, tables: deque(tables, 0).clear(), base).seconds


def _problem(report: Report, settings: Settings) -> LimitError | None:
    if report.damage and settings.on_damage == "fail":
        first = report.damage[0]
        more = f" and {len(report.damage) - 1} more" if len(report.damage) > 1 else ""
        return LimitError(
            f"damaged{more}: {first.what}",
            where=f"{first.object} at byte {first.offset:,}",
            fix="mend or remove it, or count what is whole with --on-damage report",
        )
    if report.reject_share > settings.max_rejects:
        records = f"{report.rejected:,} of {report.rejected + report.tally.readings:,} records"
        share = f"{records} {'was' if report.rejected == 1 else 'were'} rejected ({report.reject_share:.2%})"
        return LimitError(
            f"{share}, more than --max-rejects {settings.max_rejects:g} allows",
            where=_place(report),
            fix="look at them with --rejects DIR; another --dialect may fit",
        )
    return None


def _place(report: Report) -> str | None:
    """Where the first reject is, in words."""
    if not report.examples:
        return None
    first = report.examples[0]
    return f"{first.object} {first.where}"
