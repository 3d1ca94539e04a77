"""One job on several engines: the same plan, results compared byte by byte, and what each of them took."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import statistics
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs.engine.containers import Watch
from jobs.engine.engines import TWINS
from jobs.engine.measure import CommandError, measure
from jobs.errors import InputError, JobError, LimitError, UsageError
from jobs.lake.manifest import Manifest, Part
from jobs.lake.published import open_published, read_published
from jobs.lake.spelling import spell

if TYPE_CHECKING:
    from jobs.engine.declaration import Declaration


@dataclass(frozen=True, slots=True)
class Run:
    """What an engine took: medians over the rounds. wall, cpu: seconds; peak: MB (2^20) of its largest process; read,
    shuffled: bytes; lines: of the module that is the job on this engine. difference: from the first engine's result,
    empty where they are equal; same_bytes: whether its parts are those of the first, byte by byte. On a cluster of this
    machine cpu and peak are those of its containers too; containers: how many there were; started: seconds until the
    first task's ran."""

    engine: str
    wall: float
    cpu: float
    peak: float
    read: int
    shuffled: int
    lines: int
    difference: str = ""
    same_bytes: bool = True
    containers: float | None = None
    started: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The runs of a job in the order of the engines. rows: of its result. skipped: engine and reason."""

    job: str
    arguments: tuple[str, ...]
    objects: int
    size: int
    readings: int
    rows: int
    rounds: int
    runs: tuple[Run, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def equal(self) -> bool:
        return not any(run.difference for run in self.runs)

    @property
    def same_bytes(self) -> bool:
        return all(run.same_bytes for run in self.runs)


def compare(
    job: type[Declaration],
    arguments: Sequence[str],
    engines: Sequence[str],
    rounds: int,
    folder: Path,
    say: Callable[[str], None],
    managers: Mapping[str, Sequence[int]],
) -> Comparison:
    """Runs `job` with these arguments on each engine in turn, `rounds` times; results are published in `folder`.

    managers: for engines on a cluster of this machine, the pids of its NodeManagers. Raises JobError where an engine
    fails, or where they did not read the same input.
    """
    asked = [engine for engine in engines if engine not in job.GAPS]
    measured: dict[str, list[_Taken]] = {engine: [] for engine in asked}
    for number in range(rounds):
        for engine in asked[number % len(asked) :] + asked[: number % len(asked)]:
            say(f"{engine}, round {number + 1} of {rounds}")
            command = command_of(job.NAME, engine, [*arguments, "--output-dir", str(folder / engine), *_PUBLISHED])
            try:
                measured[engine].append(_take(command, folder / f"{engine}.out", managers.get(engine)))
            except CommandError as error:
                raise _told(engine, error) from None
    found = {engine: read_published(str(folder / engine)) for engine in asked}
    first = found[asked[0]]
    for engine, manifest in found.items():
        if manifest.provenance["input"] != first.provenance["input"]:
            raise JobError(
                f"the input changed between {asked[0]} and {engine}", fix="compare on input that stands still"
            )
    runs = []
    for engine, manifest in found.items():
        medians = [statistics.median(column) for column in zip(*measured[engine], strict=True)]
        wall, cpu, peak, *of_containers = medians
        moved = manifest.provenance["bytes"]
        difference = difference_of(folder / asked[0], first, folder / engine, manifest, job.KEYS)
        runs.append(
            Run(
                engine,
                wall,
                cpu,
                peak,
                moved["read"],
                moved["shuffled"],
                lines_of(job.NAME, engine),
                difference,
                same_bytes(first, manifest),
                *of_containers,
            )
        )
    counts, given = first.provenance["counts"], first.provenance["input"]
    skipped = tuple((engine, job.GAPS[engine]) for engine in engines if engine in job.GAPS)
    return Comparison(
        job.NAME,
        tuple(arguments),
        given["objects"],
        given["bytes"],
        counts["readings"],
        first.rows,
        rounds,
        tuple(runs),
        skipped,
    )


_Taken = tuple[float, ...]
_PUBLISHED = ("--overwrite", "--no-output", "-q")  # as Parquet, the one format that every result has


def _take(command: Sequence[str], output: Path, managers: Sequence[int] | None) -> _Taken:
    """wall, cpu, peak of one run; on a cluster also containers and started."""
    environ = {"PYTHONPATH": _path()}
    if not managers:
        took = measure(command, output, environ)
        return took.wall, took.cpu, took.peak
    with Watch(managers) as containers:
        took = measure(command, output, environ)
    peak = max(took.peak, containers.peak)
    return took.wall, took.cpu + containers.cpu, peak, containers.count, containers.started


def command_of(job: str, engine: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs a job on an engine; `spark` and `yarn` are the twin."""
    if engine in TWINS:
        master = TWINS[engine]
        return [sys.executable, "-m", f"jobs.spark.{job}", *(["--master", master] if master else []), *arguments]
    return [sys.executable, "-m", f"jobs.{job}", "-r", engine, *arguments]


def _path() -> str:
    """PYTHONPATH on which the measured commands find this package, wherever they are called."""
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


def _told(engine: str, error: CommandError) -> JobError:
    """What the job itself said, where it said so in its way."""
    said = [line.removeprefix("error: ") for line in str(error).splitlines() if line.startswith("error: ")]
    kind = {2: UsageError, 3: InputError, 4: LimitError}.get(error.status, JobError)
    return kind(f"on {engine}: {said[-1] if said else error}")


def same_bytes(its: Manifest, others: Manifest) -> bool:
    """Whether two results consist of the same parts in the same folders; names of parts carry the run's id."""
    one, other = ([(_folder(p), p.size, p.sha256) for p in manifest.parts] for manifest in (its, others))
    return one == other


def difference_of(one: Path, its: Manifest, other: Path, others: Manifest, keys: Sequence[str]) -> str:
    """The first key and column in which two published results differ; empty where they are equal: of a result in
    folders by day, where each has the same rows in the same order, as files end where they are large enough; of any
    other, where the bytes are the same."""
    if same_bytes(its, others):
        return ""
    rows = (_rows(one, its), _rows(other, others))
    for number, (left, right) in enumerate(itertools.zip_longest(*rows), 1):
        if left == right:
            continue
        row = left or right or {}
        key = ", ".join(row[name] or "" for name in keys if name in row) or f"row {number:,}"
        if left is None or right is None:
            return f"{key}: {'is missing' if right is None else 'is too many'}"
        column = next(name for name in left if left[name] != right.get(name))
        return f"{key}: {column} is {right.get(column)!r}, not {left[column]!r}"
    by_day = any(map(_folder, its.parts)) and its.schema.equals(others.schema, check_metadata=True)
    return "" if by_day else "the bytes differ, though no field does"


def _rows(target: Path, manifest: Manifest) -> Iterator[dict[str, str | None]]:
    """The rows as texts, each with the folder in which it lies."""
    folders = itertools.chain.from_iterable(itertools.repeat(_folder(part), part.rows) for part in manifest.parts)
    for table in open_published(str(target)):
        for batch in table.to_batches():
            for row in zip(*map(_texts, batch.columns), strict=True):
                yield {"folder": next(folders), **dict(zip(batch.schema.names, row, strict=True))}


def _texts(column: pa.Array) -> list[str | None]:
    if pa.types.is_nested(column.type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    texts: list[str | None] = spell(column).to_pylist()
    return texts


def _folder(part: Part) -> str:
    return part.name.rpartition("/")[0]


def lines_of(job: str, engine: str) -> int:
    """How many lines of code the module has that is the job on this engine, without blanks, comments and docstrings."""
    found = importlib.util.find_spec(f"jobs.spark.{job}" if engine in TWINS else f"jobs.{job}")
    assert found is not None
    assert found.origin is not None
    with tokenize.open(found.origin) as file:
        text = file.read()
    prose = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and n not in prose for n, line in lines)
