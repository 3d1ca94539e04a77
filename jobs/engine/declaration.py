"""What a job declares: its question, columns, keys, options and partial rows, and what of a run is its own.

Everything here has a default but the names, and `accumulator` with `finish`, or `rows`. docs/architecture.md lists what
runs where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from jobs.engine.filters import Filter
from jobs.engine.options import Option, Settings
from jobs.engine.run import Run
from jobs.partials.schema import READINGS, Accumulator, PartialSchema
from jobs.partials.walks import Accumulating, Walk
from jobs.readings.model import Keys, Readings

if TYPE_CHECKING:
    from jobs.engine.resuming import Resumed
    from jobs.lake.parts import Layout
    from jobs.lake.storage import ObjectInfo
    from jobs.lake.writers import Sink, Writer

Printer = Callable[["Sink", pa.Schema], "Writer"]
"""Opens a writer of result rows."""


@dataclass(frozen=True, slots=True)
class Column:
    """An output column: its Arrow type, unit and meaning, for `--help`, sinks and docs."""

    name: str
    type: pa.DataType
    help: str
    unit: str | None = None


class Declaration:
    """A job over readings, as it declares itself."""

    NAME: ClassVar[str]
    QUESTION: ClassVar[str]
    COLUMNS: ClassVar[tuple[Column, ...]]
    KEYS: ClassVar[tuple[str, ...]] = ()
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    PARTIALS: ClassVar[Mapping[str, PartialSchema]] = {}
    NEEDS_TIME: ClassVar[bool] = True
    TIME_ORDERED: ClassVar[bool] = False
    COLLECTED: ClassVar[PartialSchema] = READINGS  # what is shuffled of readings that come in the order of time
    ABSENT: ClassVar[bool] = False  # whether the job hears of values that are missing or rejected (see `absences`)
    LISTS_INPUT: ClassVar[bool] = False  # whether `_SUCCESS` names each object that was read
    GAPS: ClassVar[Mapping[str, str]] = {}  # engines that cannot run the job, each with the reason

    @classmethod
    def columns(cls, settings: Settings) -> tuple[Column, ...]:
        """The output columns that these settings give."""
        return cls.COLUMNS

    @classmethod
    def schema(cls, settings: Settings) -> pa.Schema:
        return pa.schema([pa.field(c.name, c.type) for c in cls.columns(settings)])

    @classmethod
    def keys(cls, settings: Settings) -> tuple[str, ...]:
        """The columns by which the result is sorted: those of KEYS that these settings give."""
        names = {column.name for column in cls.columns(settings)}
        return tuple(key for key in cls.KEYS if key in names)

    @classmethod
    def needs_time(cls, settings: Settings) -> bool:
        """Whether readings without a time are refused."""
        return cls.NEEDS_TIME

    @classmethod
    def printer(cls, settings: Settings) -> Printer | None:
        """What prints the result, where it is not one of the suite's formats."""
        return None

    @classmethod
    def selection(cls, settings: Settings) -> Filter:
        """Which readings the job is about, of those that --metric, --device, --from and --to leave."""
        return Filter()

    @classmethod
    def metrics_named(cls, settings: Settings) -> Sequence[tuple[str, Sequence[str]]]:
        """Options that name metrics, each with globs: where no reading is of one of an option's, it is an error."""
        return [(f"--metric {glob}", (glob,)) for glob in settings.metrics]

    @classmethod
    def tables(cls, settings: Settings) -> Mapping[str, pa.Table]:
        """Driver: what the job reads beside its input, by name. Its content travels with the run to every task; one
        that has the name of a kind of partial rows goes through the first of two shuffles instead (see `regroup`).

        Raises InputError for a file that is missing or wrong.
        """
        return {}

    @classmethod
    def resumes(cls, settings: Settings, objects: Sequence[ObjectInfo]) -> tuple[str, ...]:
        """Driver: whether the objects are earlier results of the job, to be merged as `resume` says; if so, which of
        their columns are read.

        Raises JobError for results that cannot be merged into what the settings ask for.
        """
        return ()

    @classmethod
    def resume(cls, run: Run, rows: pa.Table, uri: str) -> Resumed:
        """Map, of a run that resumes: the partial rows that rows of an earlier result stand for, filtered.

        Raises InputError for rows that are not such.
        """
        raise NotImplementedError

    @classmethod
    def layout(cls, settings: Settings) -> Layout | None:
        """How the result lies in --output-dir, if it has folders by day."""
        return None

    @classmethod
    def measured(cls, settings: Settings) -> Settings | None:
        """The settings of a run by which to time how fast the input is read, and how fast the result that was published
        in its stead; None: there is nothing to time.

        Raises UsageError where it cannot be.
        """
        return None

    @classmethod
    def hint(cls, settings: Settings) -> str | None:
        """What to tell a user below the result."""
        return None

    @classmethod
    def accumulator(cls, run: Run, keys: Keys) -> Accumulator:
        """Map: what turns batches of readings into partial rows. Jobs without partials give `rows` instead."""
        raise NotImplementedError

    @classmethod
    def absences(cls, run: Run, keys: Keys) -> Accumulator:
        """Map, of a job with ABSENT: what turns batches of absent values into partial rows. `value` is NaN there, and
        `absence` tells why."""
        raise NotImplementedError

    @classmethod
    def counts_objects(cls, settings: Settings) -> bool:
        """Whether the result is what was counted of each object (`objects.OBJECTS`), and nothing of readings."""
        return False

    @classmethod
    def walk(cls, run: Run, keys: Keys) -> Walk:
        """Reduce, of a time-ordered job and of any with --deduplicate: what turns slices of readings into partial
        rows. All readings of a device come through one walk, in the order of time."""
        return Accumulating(cls.accumulator(run, keys))

    @classmethod
    def survey(cls, settings: Settings) -> Settings | None:
        """The settings of a first run over the same input, whose result the job's own run needs; None: of none."""
        return None

    @classmethod
    def surveyed(cls, settings: Settings, rows: pa.Table) -> Settings:
        """The settings with what the first run found."""
        raise NotImplementedError

    @classmethod
    def regroups(cls, settings: Settings) -> bool:
        """Whether `device_id` of partial rows is not that of the readings, but of a group of devices."""
        return False

    @classmethod
    def stages(cls, settings: Settings) -> int:
        """How many shuffles partial rows go through on any way: 2 where `regroup` makes others of them."""
        return 1

    @classmethod
    def regroup(cls, run: Run, partials: dict[str, pa.Table]) -> dict[str, pa.Table]:
        """Reduce before another shuffle: what goes into it, of merged partial rows that are whole by device."""
        return partials

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        """Reduce: the result rows, sorted by KEYS, of merged partial rows."""
        raise NotImplementedError

    @classmethod
    def finish_in_pieces(cls, run: Run, partials: Mapping[str, pa.Table]) -> Iterator[pa.Table]:
        """Reduce, in place of `finish`: the same in tables that follow each other, at least one, where the result can
        be far larger than partial rows."""
        yield cls.finish(run, partials)

    @classmethod
    def conclude(cls, run: Run, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Driver: the result, from the rows of every `finish`, merged in the order of `keys`; a stream both ways.

        For a result that no task can give alone, such as the N best of all: `finish` gives rows that have the columns
        of `keys` and are sorted by them, and of them come the columns of the result.
        """
        return tables

    @classmethod
    def watch(cls, settings: Settings, tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
        """Driver: the result as it goes by; what the user should know of it is said at its end, for the summary."""
        return tables

    @classmethod
    def rows(cls, run: Run, readings: Readings) -> pa.Table:
        """Map of a job without partials: the result rows of one batch, in the order of the input."""
        raise NotImplementedError
