"""From a spec to log objects, their known answer and the ledger of faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from scripts.sample_data_generator import answer
from scripts.sample_data_generator.draw import Lines, Spec, draw
from scripts.sample_data_generator.faults import Entry, Faults
from scripts.sample_data_generator.faulty_text import FaultyText
from scripts.sample_data_generator.objects import Compression, ObjectWriter
from scripts.sample_data_generator.spelling import Format, Speller, Style

Kind = Literal["csv", "jsonl", "wide", "parquet"]
EXPECTED = "_expected"
WIDE_DIALECT = "_dialect.toml"


@dataclass(frozen=True, slots=True)
class Output:
    """How a spec's lines are written: `files` objects in `folder`, each holding an equal run of lines."""

    folder: Path
    fmt: Kind = "csv"
    compression: Compression = "none"
    files: int = 1
    style: Style = field(default_factory=Style)

    def name(self, number: int) -> str:
        suffix: str = "csv" if self.fmt == "wide" else self.fmt
        suffix += "" if self.compression == "none" else f".{self.compression}"
        return f"readings.{suffix}" if self.files == 1 else f"readings-{number:05d}.{suffix}"


def generate(spec: Spec, output: Output, kinds: frozenset[str] = frozenset()) -> None:
    """Writes the objects and, below `_expected/`: `statistics.csv` (answer.SCHEMA), `faults.jsonl` (Faults) and, last
    of all, `manifest.json` (the options and each object's name and size)."""
    output.folder.mkdir(parents=True, exist_ok=True)
    known = answer.answer_for(spec)
    faults = Faults(spec, kinds)
    if output.fmt == "parquet":
        _write_parquet(spec, output, faults, known)
    else:
        _write_text(spec, output, output.fmt, faults, known)
    if output.fmt == "wide":
        (output.folder / WIDE_DIALECT).write_text(wide_dialect(spec), encoding="utf-8")
    expected = output.folder / EXPECTED
    expected.mkdir(exist_ok=True)
    answer.write(known.table(), expected / "statistics.csv")
    write_ledger(faults.finish(), expected / "faults.jsonl")
    names = [output.name(number) for number in range(output.files)]
    manifest = {
        "spec": asdict(spec),
        "style": asdict(output.style),
        "faults": sorted(kinds),
        "objects": [{"name": name, "bytes": (output.folder / name).stat().st_size} for name in names],
    }
    text = json.dumps(manifest, indent=1, default=str, ensure_ascii=False)
    (expected / "manifest.json").write_text(text + "\n", encoding="utf-8")


def write_ledger(entries: list[Entry], path: Path) -> None:
    """One JSON object a line."""
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")


def wide_dialect(spec: Spec) -> str:
    """The dialect file of a wide spec's objects."""
    head = 'description = "a column for each metric"\n\n[device]\ncolumns = ["device_id"]\n'
    return head + "".join(
        f'\n[[wide]]\ncolumn = "{metric.name}"\nmetric = "{metric.name}"\nunit = "{metric.unit}"\n'
        for metric in spec.metrics
    )


def _runs(spec: Spec, files: int) -> Iterator[tuple[int, Iterator[Lines]]]:
    """(number of the object, its lines in chunks), in order; each object's lines must be used up before the next's."""
    borders = [number * spec.lines // files for number in range(files + 1)]
    pending: list[Lines] = []
    source = draw(spec)

    def run(end: int) -> Iterator[Lines]:
        while True:
            chunk = pending.pop() if pending else next(source, None)
            if chunk is None:
                return
            first = int(chunk.row[0])
            if first >= end:
                pending.append(chunk)
                return
            if first + len(chunk) > end:
                pending.append(chunk.take(slice(end - first, None)))
            yield chunk.take(slice(0, end - first))

    for number in range(files):
        yield number, run(borders[number + 1])


def _write_parquet(spec: Spec, output: Output, faults: Faults, known: answer.Answer) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("timestamp", pa.timestamp("us", "UTC")),
            ("device_id", pa.dictionary(pa.int32(), pa.string())),
            ("metric", pa.dictionary(pa.int32(), pa.string())),
            ("value", pa.float64()),
        ]
    )
    devices, metrics = pa.array(spec.device_ids()), pa.array([metric.name for metric in spec.metrics])
    powers = 10.0 ** np.array(spec.decimals)
    for number, chunks in _runs(spec, output.files):
        with pq.ParquetWriter(output.folder / output.name(number), schema, compression="snappy") as writer:
            group: list[pa.RecordBatch] = []
            for chunk in chunks:
                lines, _ = faults.apply(chunk)
                known.add(lines)
                metric = lines.metric[:, 0]
                columns = [
                    pa.array(lines.time * 1000).cast(schema.field(0).type),
                    pa.DictionaryArray.from_arrays(pa.array(lines.device.astype(np.int32)), devices),
                    pa.DictionaryArray.from_arrays(pa.array(metric.astype(np.int32)), metrics),
                    pa.array(lines.value[:, 0] / powers[metric]),
                ]
                group.append(pa.record_batch(columns, schema=schema))
                if len(group) == 16:  # a million rows
                    writer.write_table(pa.Table.from_batches(group))
                    group.clear()
            if group:
                writer.write_table(pa.Table.from_batches(group))


def _write_text(spec: Spec, output: Output, fmt: Format, faults: Faults, known: answer.Answer) -> None:
    speller = Speller(spec, fmt, output.style)
    packed = output.compression != "none"
    for number, chunks in _runs(spec, output.files):
        begin, end = (n * spec.lines // output.files for n in (number, number + 1))
        join = begin + (end - begin) * 3 // 10 if packed and number == 0 and "concatenated" in faults.kinds else -1
        last = packed and number == output.files - 1
        cut = begin + (end - begin) * 8 // 10 if last and "truncated" in faults.kinds else end
        name = output.name(number)
        with ObjectWriter(output.folder / name, output.compression) as writer:
            text = FaultyText(speller, writer, name, faults)
            for chunk in chunks:
                first, beyond = int(chunk.row[0]), int(chunk.row[-1]) + 1
                lines, mark = faults.apply(chunk.take(slice(0, cut - first)))
                known.add(lines)
                if faults.kinds:
                    text.put(lines, mark, two_members=first <= join < beyond)
                else:
                    writer.write(speller.spell(lines))
                if beyond > cut:
                    text.cut(chunk.take(slice(cut - first, None)), end - cut)
                    break
