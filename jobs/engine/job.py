"""What a job is: its declaration, and the mrjob step that every job shares.

A job names its question, columns, keys and partials, and says how readings become partial rows (`accumulator`) and
merged partial rows become its result (`finish`). Map, shuffle and reduce are the same for all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from jobs.engine import compat

compat.install()
compat.import_arrow()

from mrjob.job import MRJob  # noqa: E402 - needs the stand-ins of compat
from mrjob.options import _add_basic_args, _add_step_args  # noqa: E402
from mrjob.protocol import BytesProtocol, BytesValueProtocol  # noqa: E402
from mrjob.runner import MRJobRunner  # noqa: E402
from mrjob.step import MRStep  # noqa: E402

from jobs.engine.filters import Filter  # noqa: E402
from jobs.engine.mrjob_engine import conf_paths, local_spark  # noqa: E402
from jobs.engine.options import Option, Settings, add_options, refuse  # noqa: E402
from jobs.engine.run import Run  # noqa: E402
from jobs.errors import JobError  # noqa: E402
from jobs.partials.schema import READINGS, Accumulator, PartialSchema  # noqa: E402
from jobs.partials.walks import Accumulating, Walk  # noqa: E402
from jobs.readings.model import Keys, Readings  # noqa: E402

if TYPE_CHECKING:
    from jobs.lake.parts import Layout
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


class SensorJob(MRJob):  # type: ignore[misc]
    """A job over readings. Subclasses declare; this class reads, shuffles and merges."""

    NAME: ClassVar[str]
    QUESTION: ClassVar[str]
    COLUMNS: ClassVar[tuple[Column, ...]]
    KEYS: ClassVar[tuple[str, ...]] = ()
    OPTIONS: ClassVar[tuple[Option, ...]] = ()
    PARTIALS: ClassVar[Mapping[str, PartialSchema]] = {}
    NEEDS_TIME: ClassVar[bool] = True
    TIME_ORDERED: ClassVar[bool] = False
    COLLECTED: ClassVar[PartialSchema] = READINGS  # what is shuffled of readings that come in the order of time
    LISTS_INPUT: ClassVar[bool] = False  # whether `_SUCCESS` names each object that was read
    GAPS: ClassVar[Mapping[str, str]] = {}  # engines that cannot run the job, each with the reason

    # one plan line is one map task's work; blocks of partial rows travel as bytes
    INPUT_PROTOCOL = BytesValueProtocol
    INTERNAL_PROTOCOL = BytesProtocol
    OUTPUT_PROTOCOL = BytesValueProtocol
    SORT_VALUES = True
    HADOOP_INPUT_FORMAT = "org.apache.hadoop.mapred.lib.NLineInputFormat"
    JOBCONF: ClassVar[dict[str, Any]] = {
        "mapreduce.input.lineinputformat.linespermap": 1,
        "stream.map.input.ignoreKey": "true",
    }

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
    def tables(cls, settings: Settings) -> Mapping[str, pa.Table]:
        """Driver: what the job reads beside its input, by name. Its content travels with the run to every task; one
        that has the name of a kind of partial rows goes through the first of two shuffles instead (see `regroup`).

        Raises InputError for a file that is missing or wrong.
        """
        return {}

    @classmethod
    def layout(cls, settings: Settings) -> Layout | None:
        """How the result lies in --output-dir, if it has folders by day."""
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
    def regroup(cls, run: Run, partials: dict[str, pa.Table]) -> dict[str, pa.Table]:
        """Reduce before another shuffle: what goes into it, of merged partial rows that are whole by device."""
        return partials

    @classmethod
    def finish(cls, run: Run, partials: Mapping[str, pa.Table]) -> pa.Table:
        """Reduce: the result rows, sorted by KEYS, of merged partial rows."""
        raise NotImplementedError

    @classmethod
    def conclude(cls, run: Run, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Driver: the result, from the rows of every `finish`, merged in the order of `keys`; a stream both ways.

        For a result that no task can give alone, such as the N best of all: `finish` gives rows that have the columns
        of `keys` and are sorted by them, and of them come the columns of the result.
        """
        return tables

    @classmethod
    def watch(cls, tables: Iterator[pa.Table], say: Callable[[str], None]) -> Iterator[pa.Table]:
        """Driver: the result as it goes by; what the user should know of it is said at its end, for the summary."""
        return tables

    @classmethod
    def rows(cls, run: Run, readings: Readings) -> pa.Table:
        """Map of a job without partials: the result rows of one batch, in the order of the input."""
        raise NotImplementedError

    # mrjob's side

    def __init__(self, args: list[str] | None = None) -> None:
        given = sys.argv[1:] if args is None else args
        self._for_task = any(flag in given for flag in ("--mapper", "--reducer", "--combiner"))
        self._stages = 1
        super().__init__(args)

    def configure_args(self) -> None:
        self.arg_parser.allow_abbrev = False
        self.arg_parser.error = refuse
        if self._for_task:  # a task's arguments are few, and mrjob's two hundred options take a while to declare
            _add_basic_args(self.arg_parser)
            _add_step_args(self.arg_parser)
            self.arg_parser.add_argument("args", nargs="*")
            self.arg_parser.set_defaults(help=False)
        else:
            add_options(self.arg_parser, self.OPTIONS)
            super().configure_args()
        self.add_file_arg("--run-file", help=argparse.SUPPRESS)

    def steps(self) -> list[MRStep]:
        """Map and reduce; and one more reduce where what was made of devices is regrouped."""
        first = MRStep(
            mapper_init=self.mapper_init,
            mapper=self.mapper,
            mapper_final=self.mapper_final,
            reducer_init=self.reducer_init,
            reducer=self.reducer,
        )
        more = MRStep(reducer_init=self.reducer_init, reducer=self.reducer)
        return [first, *[more] * (self._run_stages() - 1)]

    def _run_stages(self) -> int:
        if not self._for_task:
            return self._stages
        return Run.load(self.options.run_file).stages

    def mapper_init(self) -> None:
        from jobs.engine.tasks import MapTask

        self._map = MapTask(type(self), Run.load(self.options.run_file))

    def mapper(self, _: None, line: bytes) -> Iterator[tuple[bytes, bytes]]:
        yield from self._map.split(line)

    def mapper_final(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._map.close()

    def reducer_init(self) -> None:
        from jobs.engine.tasks import ReduceTask

        run = Run.load(self.options.run_file)
        self._reduce = ReduceTask(type(self), run, stage=self.options.step_num or 0)

    def reducer(self, key: bytes, values: Iterator[bytes]) -> Iterator[tuple[bytes | None, bytes]]:
        yield from self._reduce.partition(key, values)

    def execute(self) -> None:
        """Be a task, and have the driver know what a user could mend."""
        try:
            super().execute()
        except JobError as error:
            from jobs.engine.telling import tell

            tell(self.options.run_file, error)
            raise

    def prepare(self, runner: str, plan_file: str, run_file: str, scratch: str, tasks: int, stages: int) -> None:
        """Set what the next `make_runner` runs: the plan as the job's input, all its files below `scratch`."""
        self.options.runner = runner
        self._run_kwargs = {
            "input_paths": [plan_file],
            "extra_args": ["--run-file", {"path": run_file, "name": None, "type": "file"}],
            "output_dir": None,
            "conf_paths": conf_paths(self.options.conf_paths, runner),
            "local_tmp_dir": scratch,
        }
        self._num_tasks = tasks
        self._stages = stages

    def _runner_class(self) -> type[MRJobRunner]:
        if self.options.runner == "inline":
            from jobs.engine.inline import InlineRunner

            return InlineRunner
        if self.options.runner == "local":
            from jobs.engine.local import ForkingRunner

            return ForkingRunner
        runner: type[MRJobRunner] = super()._runner_class()
        return runner

    def _runner_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super()._runner_kwargs() | self._run_kwargs
        if self.options.runner == "local":
            kwargs |= {"mrjob_cls": type(self), "num_tasks": self._num_tasks}
        if self.options.runner == "spark" and (self.options.spark_master or "local").startswith("local"):
            kwargs |= local_spark(self.options.python_bin)
        return kwargs

    def hadoop_input_format(self) -> str | None:
        return self.HADOOP_INPUT_FORMAT if self.options.runner in ("hadoop", "emr") else None

    def _print_help(self, options: argparse.Namespace) -> None:
        from jobs.engine.help import print_help

        print_help(self, options, super()._print_help)

    @classmethod
    def run(cls) -> None:
        """The entry of `python -m jobs.<name>`, and of a task that a cluster starts."""
        from jobs.engine.command import main

        main(cls)
